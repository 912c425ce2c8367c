package access

import (
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"licensegraph/internal/emulator/wire"
)

// The identifiers of Microsoft Graph as a resource.
const (
	Worldwide = "https://graph.microsoft.com"
	GraphID   = "00000003-0000-0000-c000-000000000000" // application ID of Graph
)

// IsGraph reports whether a resource is Graph, by any of its identifiers.
func IsGraph(base, resource string) bool {
	return resource == base || resource == Worldwide || resource == GraphID
}

// Claims are the claims of an access token that determine its permissions.
type Claims struct {
	jwt.RegisteredClaims
	Tenant string   `json:"tid"`
	Object string   `json:"oid"`
	App    string   `json:"appid"`
	Roles  []string `json:"roles"`
	Scopes string   `json:"scp"`
	Wids   []string `json:"wids"`
	Can    []string `json:"xms_cc"`
}

// ClientOf returns the client ID in the access token of a call, verified or
// not.
func ClientOf(c *wire.Call) string {
	_, raw, _ := strings.Cut(c.Header.Get("Authorization"), " ")
	var named Claims
	if _, _, err := jwt.NewParser().ParseUnverified(strings.TrimSpace(raw), &named); err != nil {
		return ""
	}
	return named.App
}
