package signin

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" // RFC 7517 section 4.8 requires SHA-1 for x5t
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"math/big"
	"net/http"
	"sync"
	"time"

	"licensegraph/internal/emulator/wire"
)

// keyGrace is the time for which tokens of the previous key are accepted after
// [Entra.RotateKeys]: longer than any token's lifetime.
const keyGrace = 30 * time.Hour

// signingKey signs tokens. Its certificate is in the key set.
type signingKey struct {
	private     *rsa.PrivateKey
	id          string // thumbprint of the certificate, the key ID in Entra ID
	certificate []byte // DER
}

func newSigningKey() *signingKey {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	der := selfSigned(private, "Embedded tenant, signing key", 5*365*24*time.Hour)
	return &signingKey{private: private, id: thumbprint(der), certificate: der}
}

// thumbprint returns the x5t of a certificate.
func thumbprint(der []byte) string {
	sum := sha1.Sum(der)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// selfSigned returns a self-signed certificate.
func selfSigned(key *rsa.PrivateKey, name string, lifetime time.Duration) []byte {
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour),
		NotAfter:  time.Now().Add(lifetime),
		KeyUsage:  x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err) // The template is valid.
	}
	return der
}

// The first two keys are shared by all tenants of a process, because their
// generation is slow and most tenants never rotate them.
var firstKey, secondKey = sync.OnceValue(newSigningKey), sync.OnceValue(newSigningKey)

// keyRing is the keys of a tenant: the current, the next, and temporarily the
// previous one.
type keyRing struct {
	mu            sync.Mutex
	current, next func() *signingKey
	previous      func() *signingKey // nil: none
	until         time.Time          // end of the validity of previous
}

func newKeyRing() *keyRing { return &keyRing{current: firstKey, next: secondKey} }

func (r *keyRing) signing() *signingKey {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current()
}

func (r *keyRing) rotate(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.previous, r.until = r.current, now.Add(keyGrace)
	r.current, r.next = r.next, sync.OnceValue(newSigningKey)
}

func (r *keyRing) published(now time.Time) []*signingKey {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := []*signingKey{r.current(), r.next()}
	if r.previous != nil && now.Before(r.until) {
		list = append(list, r.previous())
	}
	return list
}

var errUnknownKey = errors.New("signed with an unknown key")

// find returns the public part of a valid key.
func (r *keyRing) find(id string, now time.Time) (*rsa.PublicKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.current(); k.id == id {
		return &k.private.PublicKey, nil
	}
	if r.previous != nil && now.Before(r.until) && r.previous().id == id {
		return &r.previous().private.PublicKey, nil
	}
	return nil, errUnknownKey
}

// RotateKeys signs new tokens with the next key, which the key set already
// contains, and adds a new next key. The previous key stays in the key set,
// and its tokens stay valid, for [keyGrace] or until the next rotation. Two
// rotations in a row simulate an emergency.
func (e *Entra) RotateKeys() { e.keyRing.rotate(e.now()) }

// keys returns the key set, RFC 7517 section 5, with the additions of Entra
// ID.
func (e *Entra) keys(c *wire.Call, tenant string) wire.Answer {
	issuer, refused := e.issuerOf(c, tenant)
	if refused != nil {
		return *refused
	}
	encoded := base64.RawURLEncoding.EncodeToString
	set := []object{}
	for _, k := range e.keyRing.published(c.Date) {
		set = append(set, object{
			"kty": "RSA", "use": "sig", "kid": k.id, "x5t": k.id,
			"n":      encoded(k.private.N.Bytes()),
			"e":      encoded(big.NewInt(int64(k.private.E)).Bytes()),
			"x5c":    []string{base64.StdEncoding.EncodeToString(k.certificate)},
			"issuer": issuer,
		})
	}
	return wire.Answer{Status: http.StatusOK, Header: map[string]string{"Access-Control-Allow-Origin": "*"}, Body: wire.Encode(object{"keys": set})}
}
