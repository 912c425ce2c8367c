package emulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// identity is the caller: an application, or a person through one.
type identity struct {
	app    string // its client id
	roles  []string
	scopes []string
	user   string // object id of the person; "" for an application
}

type claims struct {
	jwt.RegisteredClaims
	Tenant string   `json:"tid"`
	Object string   `json:"oid"`
	App    string   `json:"appid"`
	Roles  []string `json:"roles"`
	Scopes string   `json:"scp"`
}

func (e *Emulator) authenticate(c *call) (*identity, *problem) {
	refuse := func(message string) (*identity, *problem) {
		p := usualProblem(http.StatusUnauthorized)
		p.message = message
		p.header = e.refusalHeaders(c, p.status)
		return nil, p
	}
	scheme, raw, _ := strings.Cut(c.header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || raw == "" {
		return refuse("Access token is empty.")
	}
	got, err := e.verify(strings.TrimSpace(raw))
	switch {
	case err != nil:
		return refuse("Access token validation failure: " + strings.TrimPrefix(err.Error(), "token ") + ".")
	case len(got.Audience) != 1 || got.Audience[0] != c.base && got.Audience[0] != worldwide:
		return refuse("Access token validation failure. Invalid audience.")
	case got.Tenant != e.id:
		return refuse("Access token validation failure. Invalid tenant.")
	}
	who := &identity{app: got.App, roles: got.Roles, scopes: strings.Fields(got.Scopes)}
	if got.Scopes != "" {
		who.user = got.Object
	}
	return who, nil
}

// challenge is the header of a 401.
func (c *call) challenge() string {
	return fmt.Sprintf(`Bearer realm="", authorization_uri="%s/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`, c.base)
}

// verify checks what all tokens of this tenant have in common: who signed them,
// and when.
func (e *Emulator) verify(raw string) (claims, error) {
	var got claims
	_, err := jwt.ParseWithClaims(raw, &got,
		func(*jwt.Token) (any, error) { return &signingKey().PublicKey, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired(), jwt.WithTimeFunc(e.now))
	return got, err
}

// has says whether the caller has one of the permissions: as scopes of a
// person, as roles of an application. What the person may do besides, by a role
// in the directory, is not modelled.
func (w *identity) has(permissions []string) bool {
	held := w.roles
	if w.user != "" {
		held = w.scopes
	}
	return slices.ContainsFunc(permissions, func(p string) bool { return slices.Contains(held, p) })
}

func (c *call) authorize() *problem {
	needed := c.route.app
	if c.who.user != "" {
		needed = c.route.scopes
	}
	if needed == nil || c.who.has(needed) && (c.route.also == nil || c.who.has(c.route.also)) || c.route.me && c.who.user == "" {
		return nil
	}
	if c.route.cloud {
		return cloud(http.StatusForbidden, "missingRequiredPermission", "The caller lacks a permission that this operation requires, such as %s.", needed[0])
	}
	return usualProblem(http.StatusForbidden)
}
