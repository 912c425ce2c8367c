package entra

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"licensegraph/internal/identity"
)

// Credential authenticates the application in token requests.
type Credential interface {
	// prove returns the fields of a token request that authenticate the application.
	prove(clientID, tokenURL string, now time.Time) (url.Values, error)
}

// Secret returns a credential that uses a client secret (RFC 6749, section 2.3.1).
func Secret(secret identity.Secret) Credential { return sharedSecret{secret} }

type sharedSecret struct{ identity.Secret }

func (s sharedSecret) prove(string, string, time.Time) (url.Values, error) {
	return url.Values{"client_secret": {s.Reveal()}}, nil
}

// SecretFile returns a credential that uses the client secret in a file. The file is read for each token request, so
// that a rotation requires no restart.
func SecretFile(file string) (Credential, error) {
	_, err := readSecret(file)
	return secretFile(file), err
}

type secretFile string

func (f secretFile) prove(string, string, time.Time) (url.Values, error) {
	secret, err := readSecret(string(f))
	return url.Values{"client_secret": {secret}}, err
}

// FederatedTokenFile returns a credential that uses a file with a token of a trusted issuer, which the platform renews
// (Microsoft Learn, "Workload identity federation"; RFC 7523, section 2.2). The file is read for each token request.
func FederatedTokenFile(file string) (Credential, error) {
	_, err := readFederated(file)
	return federatedTokenFile(file), err
}

type federatedTokenFile string

func (f federatedTokenFile) prove(string, string, time.Time) (url.Values, error) {
	token, err := readFederated(string(f))
	return assertion(token), err
}

func readFederated(file string) (string, error) {
	token, err := readSecret(file)
	if err == nil && (strings.Count(token, ".") != 2 || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })) {
		return "", fmt.Errorf("%s: not a token: want three parts separated by dots", file)
	}
	return token, err
}

// assertion returns the fields of a token request with a client assertion (RFC 7523, section 2.2).
func assertion(token string) url.Values {
	return url.Values{
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {token},
	}
}

// maxFile is the maximum size of a credential file, in bytes. A certificate chain with its key has about 8 KiB.
const maxFile = 64 << 10

// readFile reads a credential file. Its errors do not include the content.
func readFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = fmt.Errorf("%s: larger than %d bytes", file, maxFile)
	}
	return content, err
}

// readSecret reads a credential file as text and trims white space.
func readSecret(file string) (string, error) {
	content, err := readFile(file)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(content))
	if secret == "" {
		return "", errors.New(file + ": empty file")
	}
	return secret, nil
}
