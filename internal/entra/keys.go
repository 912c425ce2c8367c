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
	// keysFor is how long a key set counts as fresh. Entra ID shows a new key long before it signs with it
	// (Microsoft Learn, "Signing key rollover in the Microsoft identity platform").
	keysFor = time.Hour
	// keysPause is between two answers of the key endpoint, however many unknown keys callers name.
	keysPause = 5 * time.Minute
	// keysRetry is between two attempts of which the first failed.
	keysRetry = 15 * time.Second
	// keysWait is how long the key endpoint may take.
	keysWait = 10 * time.Second
	// maxKeysBody and maxKeys bound a key set. Entra ID's has about six keys in 10 KB.
	maxKeysBody = 1 << 20
	maxKeys     = 100
	// minKeyBits is the least size of an RSA key (RFC 7518, section 3.3).
	minKeyBits = 2048
)

// key is a public key of the sign-in service.
type key struct {
	public *rsa.PublicKey
	issuer string // whose tokens it signs, with {tenantid} for any tenant; "" when the set does not say
}

// keySet holds the keys with which tokens of one tenant are signed. Readers never wait for it, unless they name a key
// that it does not have.
type keySet struct {
	url    string
	client *http.Client
	now    func() time.Time
	report func(context.Context, error) // of a fetch

	held atomic.Pointer[map[string]key] // by kid; nil before the first answer
	turn chan attempt                   // holds the last attempt; who has taken it may make the next
}

// attempt is when the keys were asked for last, and what came of it.
type attempt struct {
	at  time.Time
	err error
}

func newKeySet(url string, client *http.Client, now func() time.Time, report func(context.Context, error)) *keySet {
	s := &keySet{url: url, client: client, now: now, report: report, turn: make(chan attempt, 1)}
	s.turn <- attempt{}
	return s
}

// errUnknownKey is a key that the set does not have.
var errUnknownKey = errors.New("it is signed with a key that the sign-in service does not show")

// find returns a key by its id. One that is held is returned whatever became of the endpoint since.
func (s *keySet) find(ctx context.Context, id string) (key, error) {
	if k, ok := s.lookUp(id); ok {
		return k, nil
	}
	err := s.refresh(ctx, keysPause)
	if k, ok := s.lookUp(id); ok {
		return k, nil
	}
	if err == nil {
		err = errUnknownKey
	}
	return key{}, err
}

func (s *keySet) lookUp(id string) (key, bool) {
	held := s.held.Load()
	if held == nil {
		return key{}, false
	}
	k, ok := (*held)[id]
	return k, ok
}

// refresh asks for the keys, unless an answer is younger than that. One asks at a time; the others wait for it. It
// fails when the last attempt did; the keys that are held stay.
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
		pause = min(pause, keysRetry)
	}
	if last.at.IsZero() || s.now().Sub(last.at) >= pause {
		// The answer is for everybody, so it does not end with this caller.
		fetchCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keysWait)
		defer cancel()
		keys, err := s.fetch(fetchCtx)
		last = attempt{s.now(), err}
		if err == nil {
			s.held.Store(&keys)
		}
		s.report(ctx, err)
	}
	if last.err != nil {
		return &unavailableError{last.err}
	}
	return nil
}

// keep asks for the keys at once and then again and again until the context ends.
func (s *keySet) keep(ctx context.Context) {
	for {
		pause := keysFor - time.Duration(rand.Int64N(int64(keysFor/10))) // replicas do not ask in step
		if s.refresh(ctx, keysRetry) != nil {
			pause = keysRetry + time.Second // by then the next attempt is due
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

// fetch reads the key set (RFC 7517, section 5).
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
		return nil, fmt.Errorf("the key endpoint answered %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxKeysBody+1))
	if err != nil {
		return nil, err
	}
	return parseKeys(body)
}

// parseKeys returns the keys of a set that can have signed a token: others are none of our business.
func parseKeys(body []byte) (map[string]key, error) {
	if len(body) > maxKeysBody {
		return nil, errors.New("the key set is too large")
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("the key set is not readable: %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("the key set has %d keys", len(set.Keys))
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
		return nil, errors.New("the key set has no key that signs")
	}
	return keys, nil
}
