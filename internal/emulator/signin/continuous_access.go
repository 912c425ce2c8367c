package signin

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Lifetime of tokens for clients that understand claims challenges. It is long
// because Graph can revoke them immediately: Microsoft Learn, "Continuous
// access evaluation".
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

// revocations are the times after which users must have signed in.
type revocations struct {
	mu    sync.Mutex
	since map[string]time.Time // by object ID
}

// RevokeSignInSessions revokes the sessions of a user: refresh tokens
// immediately, access tokens as in Graph. A token for a client that
// understands claims challenges is rejected with one; other tokens are valid
// until they expire. It reports whether the user exists.
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

// Revoked returns the time at which the sessions of a user were revoked, or
// the zero time.
func (e *Entra) Revoked(userID string) time.Time {
	e.revocations.mu.Lock()
	defer e.revocations.mu.Unlock()
	return e.revocations.since[userID]
}
