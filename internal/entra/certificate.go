package entra

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// assertionLifetime is the maximum lifetime that Entra ID accepts (Microsoft Learn, "Microsoft identity platform
// application authentication certificate credentials").
const assertionLifetime = 10 * time.Minute

// Certificate returns a credential that signs an assertion for each token request with an RSA key, so that no secret is
// sent (RFC 7523, section 2.2). The files are PEM; the application's certificate comes before intermediate
// certificates. Without keyFile, the key is in certificateFile. The files are read for each token request, so that a
// rotation requires no restart.
func Certificate(certificateFile, keyFile string) (Credential, error) {
	if keyFile == "" {
		keyFile = certificateFile
	}
	c := &certificate{certificateFile: certificateFile, keyFile: keyFile}
	_, err := c.signer()
	return c, err
}

type certificate struct {
	certificateFile, keyFile string

	mu       sync.Mutex
	read     [2][sha256.Size]byte // hashes of the files that the signer was created from
	lastMade jose.Signer
}

func (c *certificate) prove(clientID, tokenURL string, now time.Time) (url.Values, error) {
	signer, err := c.signer()
	if err != nil {
		return nil, err
	}
	signed, err := jwt.Signed(signer).Claims(jwt.Claims{
		Audience:  jwt.Audience{tokenURL},
		Issuer:    clientID,
		Subject:   clientID,
		ID:        rand.Text(),
		NotBefore: jwt.NewNumericDate(now),
		IssuedAt:  jwt.NewNumericDate(now),
		Expiry:    jwt.NewNumericDate(now.Add(assertionLifetime)),
	}).Serialize()
	if err != nil {
		return nil, err
	}
	return assertion(signed), nil
}

// signer returns a signer with the key in the current files.
func (c *certificate) signer() (jose.Signer, error) {
	certificatePEM, err := readFile(c.certificateFile)
	if err != nil {
		return nil, err
	}
	keyPEM := certificatePEM
	if c.keyFile != c.certificateFile {
		if keyPEM, err = readFile(c.keyFile); err != nil {
			return nil, err
		}
	}
	read := [2][sha256.Size]byte{sha256.Sum256(certificatePEM), sha256.Sum256(keyPEM)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lastMade != nil && read == c.read {
		return c.lastMade, nil
	}
	signer, err := newSigner(certificatePEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.certificateFile, err)
	}
	c.lastMade, c.read = signer, read
	return signer, nil
}

func newSigner(certificatePEM, keyPEM []byte) (jose.Signer, error) {
	if bytes.Contains(keyPEM, []byte("ENCRYPTED")) {
		return nil, errors.New("the key is encrypted: use a key without a passphrase")
	}
	pair, err := tls.X509KeyPair(certificatePEM, keyPEM)
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(*rsa.PrivateKey)
	if !ok || key.N.BitLen() < minKeyBits {
		return nil, fmt.Errorf("unsupported key: Entra ID requires RSA of at least %d bits", minKeyBits)
	}
	thumbprint := sha256.Sum256(pair.Certificate[0])
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("x5t#S256", base64.RawURLEncoding.EncodeToString(thumbprint[:]))
	return jose.NewSigner(jose.SigningKey{Algorithm: jose.PS256, Key: key}, options)
}
