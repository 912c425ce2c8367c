package emulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/wire"
)

// identity is the caller: an application, or a person through one.
type identity struct {
	app       string // its client id
	roles     []string
	scopes    []string
	user      string           // object id of the person; "" for an application
	clearance access.Clearance // the person's
}

func (e *Emulator) authenticate(c *call) (*identity, *wire.Problem) {
	refuse := func(message string) (*identity, *wire.Problem) {
		p := wire.Usual(http.StatusUnauthorized)
		p.Message = message
		p.Header = e.refusalHeaders(c, p.Status)
		return nil, p
	}
	scheme, raw, _ := strings.Cut(c.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || raw == "" {
		return refuse("Access token is empty.")
	}
	if c.verified == nil {
		got, err := e.verify(strings.TrimSpace(raw))
		if err != nil {
			return refuse("Access token validation failure: " + strings.TrimPrefix(err.Error(), "token ") + ".")
		}
		c.verified = &got
	}
	got := *c.verified
	switch {
	case len(got.Audience) != 1 || !access.IsGraph(c.Base, got.Audience[0]):
		return refuse("Access token validation failure. Invalid audience.")
	case got.Tenant != e.id:
		return refuse("Access token validation failure. Invalid tenant.")
	}
	if since, ends := e.ended(c, &got); ends {
		_, p := refuse("Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp")
		p.Header["WWW-Authenticate"] = c.claimsChallenge(since)
		return nil, p
	}
	who := &identity{app: got.App, roles: got.Roles, scopes: strings.Fields(got.Scopes)}
	if got.Scopes != "" {
		who.user, who.clearance = got.Object, access.ClearanceOf(got.Wids)
	}
	return who, nil
}

// challenge is the header of a 401.
func challenge(base string) string {
	return fmt.Sprintf(`Bearer realm="", authorization_uri="%s/common/oauth2/authorize", client_id="%s"`, base, access.GraphID)
}

// verify checks what all tokens of this tenant have in common: who signed them,
// and when.
func (e *Emulator) verify(raw string) (access.Claims, error) {
	var got access.Claims
	_, err := jwt.ParseWithClaims(raw, &got,
		func(token *jwt.Token) (any, error) {
			id, _ := token.Header["kid"].(string)
			return e.keyRing.find(id, e.now())
		},
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired(), jwt.WithTimeFunc(e.now))
	return got, err
}

// permissions are the scopes of a person, or the roles of an application.
func (w *identity) permissions() []string {
	if w.user != "" {
		return w.scopes
	}
	return w.roles
}

// has says whether the caller has one of the permissions.
func (w *identity) has(permissions []string) bool {
	granted := w.permissions()
	return slices.ContainsFunc(permissions, func(p string) bool { return slices.Contains(granted, p) })
}
