package graph

import (
	"fmt"
	"strings"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

const (
	// maxID bounds what is taken as an id. The longest that Microsoft Graph makes has 73 characters.
	maxID = 256
	// maxPrincipalName is the longest value that the directory compares (Microsoft Graph, "Known limits
	// for directory objects").
	maxPrincipalName = 120
	// maxNodes bounds the ids of one `nodes` field.
	maxNodes = 100
)

// directoryID reads the object id of something in the directory, which is a GUID.
func directoryID(id string) (string, error) {
	guid, ok := licensing.ParseGUID(id)
	if !ok {
		return "", &upstream.InputError{Message: "an object id in the directory is a GUID, such as 05e9a617-0261-4cee-bb44-138d3ef5d965"}
	}
	return string(guid), nil
}

// opaqueID checks an id about whose form nothing is known, but that it is nobody's address: it becomes a part of a URL.
func opaqueID(id string) error {
	if !segment(id) || strings.Contains(id, "@") {
		return &upstream.InputError{Message: fmt.Sprintf("an id has 1 to %d characters and neither blanks, slashes nor @", maxID)}
	}
	return nil
}

// segment tells whether a text can be a segment of a path.
func segment(text string) bool {
	return text != "" && len(text) <= maxID && text != "." && text != ".." &&
		!strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '/' || r == '\\' })
}

// principalName checks a sign-in name.
func principalName(name string) error {
	if at := strings.IndexByte(name, '@'); at < 1 || at == len(name)-1 || len(name) > maxPrincipalName || !segment(name) {
		return &upstream.InputError{Message: fmt.Sprintf("a userPrincipalName looks like adele@example.com and has at most %d characters", maxPrincipalName)}
	}
	return nil
}
