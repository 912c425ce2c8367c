package signin

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Tokens of clients that understand claims challenges live that long, because
// Graph refuses them at once where there is reason to: Microsoft Learn,
// "Continuous access evaluation".
const (
	minContinuous = 20 * time.Hour
	maxContinuous = 28 * time.Hour
)

// continuous reports whether a client declares that it understands claims
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
func (e *Entra) RevokeSignInSessions(userID string) bool {
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

// Revoked is the time when the sessions of a person were revoked; the zero time is never.
func (e *Entra) Revoked(userID string) time.Time {
	e.revocations.mu.Lock()
	defer e.revocations.mu.Unlock()
	return e.revocations.since[userID]
}
