package entra

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// keysLifetime is the time after which a key set is refreshed. Entra ID publishes new keys well before it signs with
	// them (Microsoft Learn, "Signing key rollover in the Microsoft identity platform").
	keysLifetime = time.Hour
	// minKeysInterval is the minimum time between two refreshes because of unknown key IDs.
	minKeysInterval = 5 * time.Minute
	// keysRetryInterval is the minimum time between two attempts after a failure.
	keysRetryInterval = 15 * time.Second
	// keysTimeout is the timeout of a request for keys.
	keysTimeout = 10 * time.Second
	// maxKeysBody and maxKeys are the maximum size, in bytes and in keys. Entra ID's key set has about six keys in 10
	// KB.
	maxKeysBody = 1 << 20
	maxKeys     = 100
	// minKeyBits is the minimum size of an RSA key (RFC 7518, section 3.3).
	minKeyBits = 2048
)

// key is a signing key of Entra ID.
type key struct {
	public *rsa.PublicKey
	issuer string // of the tokens that it signs, with {tenantid} for any tenant; empty if unspecified
}

// keySet is the cached set of signing keys of one tenant. Lookups wait only if the key ID is unknown.
type keySet struct {
	url    string
	client *http.Client
	now    func() time.Time
	report func(context.Context, error) // called after each fetch

	cached atomic.Pointer[map[string]key] // by kid; nil before the first response
	turn   chan attempt                   // contains the last attempt; its receiver may start the next
}

// attempt is the time and the result of the last request for keys.
type attempt struct {
	at  time.Time
	err error
}

func newKeySet(url string, client *http.Client, now func() time.Time, report func(context.Context, error)) *keySet {
	s := &keySet{url: url, client: client, now: now, report: report, turn: make(chan attempt, 1)}
	s.turn <- attempt{}
	return s
}

// errUnknownKey is the error of a key ID that is not in the set.
var errUnknownKey = errors.New("unknown signing key")

// find returns the key with the ID. A cached key is returned even if the last refresh failed.
func (s *keySet) find(ctx context.Context, id string) (key, error) {
	if k, ok := s.lookUp(id); ok {
		return k, nil
	}
	err := s.refresh(ctx, minKeysInterval)
	if k, ok := s.lookUp(id); ok {
		return k, nil
	}
	if err == nil {
		err = errUnknownKey
	}
	return key{}, err
}

func (s *keySet) lookUp(id string) (key, bool) {
	cached := s.cached.Load()
	if cached == nil {
		return key{}, false
	}
	k, ok := (*cached)[id]
	return k, ok
}

// refresh requests the keys unless the last response is more recent than younger. Concurrent calls wait for one
// request. It returns the error of the last attempt; the cached keys remain.
func (s *keySet) refresh(ctx context.Context, younger time.Duration) error {
	var last attempt
	select {
	case last = <-s.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { s.turn <- last }()
	if err := ctx.Err(); err != nil {
		return err
	}
	pause := younger
	if last.err != nil {
		pause = min(pause, keysRetryInterval)
	}
	if last.at.IsZero() || s.now().Sub(last.at) >= pause {
		// The keys serve all callers, so the request does not end with this caller's context.
		fetchCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keysTimeout)
		defer cancel()
		keys, err := s.fetch(fetchCtx)
		last = attempt{s.now(), err}
		if err == nil {
			s.cached.Store(&keys)
		}
		s.report(ctx, err)
	}
	if last.err != nil {
		return &unavailableError{last.err}
	}
	return nil
}

// keep refreshes the keys periodically until the context ends.
func (s *keySet) keep(ctx context.Context) {
	for {
		pause := keysLifetime - time.Duration(rand.Int64N(int64(keysLifetime/10))) // spreads the requests of replicas
		if s.refresh(ctx, keysRetryInterval) != nil {
			pause = keysRetryInterval + time.Second // after the minimum time between attempts
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// fetch requests the key set (RFC 7517, section 5).
func (s *keySet) fetch(ctx context.Context) (map[string]key, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("key endpoint: status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxKeysBody+1))
	if err != nil {
		return nil, err
	}
	return parseKeys(body)
}

// parseKeys returns the keys of a set that can sign tokens, and ignores others.
func parseKeys(body []byte) (map[string]key, error) {
	if len(body) > maxKeysBody {
		return nil, errors.New("key set too large")
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("invalid key set: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("key set has %d keys", len(set.Keys))
	}
	keys := map[string]key{}
	for _, raw := range set.Keys {
		var own struct {
			Issuer string `json:"issuer"`
		}
		var jwk jose.JSONWebKey
		if json.Unmarshal(raw, &own) != nil || jwk.UnmarshalJSON(raw) != nil {
			continue
		}
		public, ok := jwk.Key.(*rsa.PublicKey)
		if ok && jwk.KeyID != "" && public.N.BitLen() >= minKeyBits && (jwk.Use == "" || jwk.Use == "sig") && (jwk.Algorithm == "" || jwk.Algorithm == string(algorithm)) {
			keys[jwk.KeyID] = key{public, own.Issuer}
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("key set has no signing key")
	}
	return keys, nil
}
