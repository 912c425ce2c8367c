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

// identity is the caller: an application, or a person through one.
type identity struct {
	app       string // its client id
	roles     []string
	scopes    []string
	user      string           // object id of the person; "" for an application
	clearance access.Clearance // the person's
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

// challenge is the header of a 401.
func challenge(base string) string {
	return fmt.Sprintf(`Bearer realm="", authorization_uri="%s/common/oauth2/authorize", client_id="%s"`, base, access.GraphID)
}

// permissions are the scopes of a person, or the roles of an application.
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

// ended reports whether a token for a client that understands claims challenges is no
// longer good, and the time after which a new one has to be issued. The reasons are the events of Microsoft Learn,
// "Critical event evaluation": the sessions of the person were revoked, or the account is disabled or deleted.
// All other tokens stay good until they expire.
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
	} else { // A batch has not entered the tenant: its parts do.
		e.store.Read(disabled)
	}
	return c.Date, ends
}

// claimsChallenge is the header of a 401 that wants a token from after a time.
func (c *call) claimsChallenge(since time.Time) string {
	claims := wire.Encode(object{"access_token": object{"nbf": object{"essential": true, "value": strconv.FormatInt(since.Unix(), 10)}}})
	return challenge(c.Base) + `, error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString(claims) + `"`
}
