package api

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

// identity is the caller: an application, or a user through an application.
type identity struct {
	app       string // its client ID
	roles     []string
	scopes    []string
	user      string           // object ID of the user; "" for an application
	clearance access.Clearance // of the user
}

func (e *Endpoints) authenticate(c *call) (*identity, *wire.Problem) {
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
		got, err := e.tokens.Verify(strings.TrimSpace(raw))
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

// challenge returns the WWW-Authenticate header of a 401.
func challenge(base string) string {
	return fmt.Sprintf(`Bearer realm="", authorization_uri="%s/common/oauth2/authorize", client_id="%s"`, base, access.GraphID)
}

// permissions returns the scopes of a user, or the roles of an application.
func (w *identity) permissions() []string {
	if w.user != "" {
		return w.scopes
	}
	return w.roles
}

// has reports whether the caller has one of the permissions.
func (w *identity) has(permissions []string) bool {
	granted := w.permissions()
	return slices.ContainsFunc(permissions, func(p string) bool { return slices.Contains(granted, p) })
}

// ended reports whether a token for a client that understands claims
// challenges is no longer valid, and the time after which the new token must
// be issued. The reasons are those of Microsoft Learn, "Critical event
// evaluation": the user's sessions were revoked, or the account was disabled
// or deleted. All other tokens stay valid until they expire.
func (e *Endpoints) ended(c *call, got *access.Claims) (since time.Time, ends bool) {
	if got.Scopes == "" || got.Can == nil {
		return since, false
	}
	since = e.tokens.Revoked(got.Object)
	if got.IssuedAt != nil && got.IssuedAt.Before(since.Truncate(time.Second)) {
		return since, true
	}
	disabled := func(t *tenant.Tenant) {
		i, there := t.FindUser(got.Object)
		ends = !there || !t.User(i).Enabled()
	}
	if c.current != nil {
		disabled(c.current)
	} else { // A batch has no lock of its own: its parts have.
		e.store.Read(disabled)
	}
	return c.Date, ends
}

// claimsChallenge returns the header of a 401 that requires a token issued
// after a time.
func (c *call) claimsChallenge(since time.Time) string {
	claims := wire.Encode(object{"access_token": object{"nbf": object{"essential": true, "value": strconv.FormatInt(since.Unix(), 10)}}})
	return challenge(c.Base) + `, error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString(claims) + `"`
}
