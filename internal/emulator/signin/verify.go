package signin

import (
	"sync"

	"github.com/golang-jwt/jwt/v5"

	"licensegraph/internal/emulator/access"
)

// maxVerified is the maximum number of tokens in [verified].
const maxVerified = 1000

// verified contains tokens with a valid signature, because clients send the
// same token with every request.
type verified struct {
	mu     sync.Mutex
	tokens map[string]signedClaims
}

// signedClaims are the claims of a token, and the ID of the key that signed it.
type signedClaims struct {
	claims access.Claims
	key    string
}

func (v *verified) get(raw string) (signedClaims, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s, ok := v.tokens[raw]
	return s, ok
}

func (v *verified) add(raw string, s signedClaims) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.tokens == nil || len(v.tokens) >= maxVerified {
		v.tokens = map[string]signedClaims{}
	}
	v.tokens[raw] = s
}

// Verify checks the signature and the times of a token of this tenant.
func (e *Entra) Verify(raw string) (access.Claims, error) {
	times := []jwt.ParserOption{jwt.WithExpirationRequired(), jwt.WithTimeFunc(e.now)}
	if known, ok := e.verified.get(raw); ok {
		_, err := e.keyRing.find(known.key, e.now())
		if err == nil && jwt.NewValidator(times...).Validate(known.claims) == nil {
			return known.claims, nil
		}
	}
	var got access.Claims
	token, err := jwt.ParseWithClaims(raw, &got,
		func(token *jwt.Token) (any, error) { return e.keyRing.find(keyIDOf(token), e.now()) },
		append(times, jwt.WithValidMethods([]string{"RS256"}))...)
	if err == nil {
		e.verified.add(raw, signedClaims{got, keyIDOf(token)})
	}
	return got, err
}

func keyIDOf(token *jwt.Token) string {
	id, _ := token.Header["kid"].(string)
	return id
}
