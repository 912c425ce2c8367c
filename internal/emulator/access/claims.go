package access

import (
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"licensegraph/internal/emulator/wire"
)

// Microsoft Graph as a resource.
const (
	Worldwide = "https://graph.microsoft.com"
	GraphID   = "00000003-0000-0000-c000-000000000000" // of Graph, as an application
)

// IsGraph reports whether a resource is the Graph at a base address, by any of its names.
func IsGraph(base, resource string) bool {
	return resource == base || resource == Worldwide || resource == GraphID
}

// Claims are those claims of an access token that decide what it allows.
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

// ClientOf is the client id in the access token of a call, verified or not.
func ClientOf(c *wire.Call) string {
	_, raw, _ := strings.Cut(c.Header.Get("Authorization"), " ")
	var named Claims
	if _, _, err := jwt.NewParser().ParseUnverified(strings.TrimSpace(raw), &named); err != nil {
		return ""
	}
	return named.App
}
