package emulator

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

// Tokens of clients that understand claims challenges live that long, because
// Graph refuses them at once where there is reason to: Microsoft Learn,
// "Continuous access evaluation".
const (
	minContinuous = 20 * time.Hour
	maxContinuous = 28 * time.Hour
)

// continuous says whether a client says of itself that it understands claims
// challenges: the capability cp1 in the parameter claims.
func continuous(form url.Values) bool {
	var asked struct {
		AccessToken struct {
			Capabilities struct {
				Values []string `json:"values"`
			} `json:"xms_cc"`
		} `json:"access_token"`
	}
	return json.Unmarshal([]byte(form.Get("claims")), &asked) == nil && slices.ContainsFunc(asked.AccessToken.Capabilities.Values, func(s string) bool { return strings.EqualFold(s, "cp1") })
}

// revocations are since when people have to have signed in.
type revocations struct {
	mu    sync.Mutex
	since map[string]time.Time // by object id
}

// RevokeSignInSessions ends what a person has signed in to so far: refresh
// tokens at once, access tokens as Graph does. Those of clients that understand
// claims challenges are refused with one, the others stay good until they end. It
// is false where there is no such person.
func (e *Emulator) RevokeSignInSessions(userID string) bool {
	p, ok := e.person(userID)
	if !ok {
		return false
	}
	e.revocations.mu.Lock()
	defer e.revocations.mu.Unlock()
	if e.revocations.since == nil {
		e.revocations.since = map[string]time.Time{}
	}
	e.revocations.since[p.ID] = e.now()
	return true
}

// revoked is when a person's sessions were revoked; the zero time is never.
func (e *Emulator) revoked(userID string) time.Time {
	e.revocations.mu.Lock()
	defer e.revocations.mu.Unlock()
	return e.revocations.since[userID]
}

// ended says whether a token for a client that understands claims challenges is no
// longer good, and since when a new one has to be: because the person's sessions
// were revoked, or the account is disabled or gone, the events of Microsoft Learn,
// "Critical event evaluation". All other tokens stay good until they end.
func (e *Emulator) ended(c *call, got *access.Claims) (since time.Time, ends bool) {
	if got.Scopes == "" || got.Can == nil {
		return since, false
	}
	since = e.revoked(got.Object)
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
