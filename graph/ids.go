package graph

import (
	"fmt"
	"strings"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

const (
	// maxID limits the length of an ID. The longest IDs of Microsoft Graph have 73 characters.
	maxID = 256
	// maxPrincipalName limits values in filters (Microsoft Graph, "Known limits for directory objects").
	maxPrincipalName = 120
	// maxNodes limits the IDs of one `nodes` field.
	maxNodes = 100
)

// directoryID validates the ID of a directory object: a GUID.
func directoryID(id string) (string, error) {
	guid, ok := licensing.ParseGUID(id)
	if !ok {
		return "", &upstream.InputError{Message: "a directory object ID is a GUID, such as 05e9a617-0261-4cee-bb44-138d3ef5d965"}
	}
	return string(guid), nil
}

// opaqueID validates an ID of unknown format that becomes a URL segment. It rejects mail addresses.
func opaqueID(id string) error {
	if !segment(id) || strings.Contains(id, "@") {
		return &upstream.InputError{Message: fmt.Sprintf("an ID has 1 to %d characters, without spaces, slashes or @", maxID)}
	}
	return nil
}

// segment reports whether text is valid as one segment of a URL path.
func segment(text string) bool {
	return text != "" && len(text) <= maxID && text != "." && text != ".." &&
		!strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '/' || r == '\\' })
}

// principalName validates a userPrincipalName.
func principalName(name string) error {
	if at := strings.IndexByte(name, '@'); at < 1 || at == len(name)-1 || len(name) > maxPrincipalName || !segment(name) {
		return &upstream.InputError{Message: fmt.Sprintf("a userPrincipalName has the form adele@example.com and at most %d characters", maxPrincipalName)}
	}
	return nil
}
