package signin

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" // x5t is what it is, RFC 7517 section 4.8
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

// keyGrace is how long tokens of the key before last are still taken after
// [Entra.RotateKeys]: longer than any token lives.
const keyGrace = 30 * time.Hour

// signingKey signs tokens. Its certificate stands beside it in the key set.
type signingKey struct {
	private     *rsa.PrivateKey
	id          string // the certificate's thumbprint, as Entra ID names its keys
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

// thumbprint is the x5t of a certificate.
func thumbprint(der []byte) string {
	sum := sha1.Sum(der)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// selfSigned is a self-signed certificate.
func selfSigned(key *rsa.PrivateKey, name string, lifetime time.Duration) []byte {
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour),
		NotAfter:  time.Now().Add(lifetime),
		KeyUsage:  x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err) // The template is our own.
	}
	return der
}

// The first two keys serve all tenants of a process: they take time to make,
// and most tenants never need another.
var firstKey, secondKey = sync.OnceValue(newSigningKey), sync.OnceValue(newSigningKey)

// keyRing has the keys of a tenant: the current, the next, and for a while the previous one.
type keyRing struct {
	mu            sync.Mutex
	current, next func() *signingKey
	previous      func() *signingKey // nil: none
	until         time.Time          // previous is taken
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

// find is the public half of a key whose tokens are good.
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

// RotateKeys has tokens signed with the next key, which the key set has shown
// all along, and shows another next one. The key until now stays in the set, and
// its tokens good, for [keyGrace] or until the next rotation: two in a row are
// what an emergency looks like.
func (e *Entra) RotateKeys() { e.keyRing.rotate(e.now()) }

// keys is the key set, RFC 7517 section 5, with what Entra ID adds.
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
