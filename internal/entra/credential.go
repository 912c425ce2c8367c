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

// Credential proves to Entra ID that a token request is the application's.
type Credential interface {
	// prove returns the fields that a request to the token endpoint carries for it.
	prove(clientID, tokenURL string, now time.Time) (url.Values, error)
}

// Secret is a credential that the application and Entra ID share (RFC 6749, section 2.3.1).
func Secret(secret identity.Secret) Credential { return sharedSecret{secret} }

type sharedSecret struct{ identity.Secret }

func (s sharedSecret) prove(string, string, time.Time) (url.Values, error) {
	return url.Values{"client_secret": {s.Reveal()}}, nil
}

// SecretFile is a [Secret] in a file, which is read for each request: a new one counts from then on.
func SecretFile(file string) (Credential, error) {
	_, err := readSecret(file)
	return secretFile(file), err
}

type secretFile string

func (f secretFile) prove(string, string, time.Time) (url.Values, error) {
	secret, err := readSecret(string(f))
	return url.Values{"client_secret": {secret}}, err
}

// FederatedTokenFile is a credential that a platform vouches for: a file with a token of an issuer that the application
// trusts, which the platform replaces now and then (Microsoft Learn, "Workload identity federation"; RFC 7523, section
// 2.2). It is read for each request.
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
		return "", fmt.Errorf("%s holds no token: three parts with dots between", file)
	}
	return token, err
}

// assertion are the fields of a request whose client is proved by a token (RFC 7523, section 2.2).
func assertion(token string) url.Values {
	return url.Values{
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {token},
	}
}

// maxFile bounds the files of credentials: a chain of certificates with its key takes about 8 KiB.
const maxFile = 64 << 10

// readFile reads a small file. Its errors hold nothing of the content.
func readFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = errors.New(file + " is longer than a credential")
	}
	return content, err
}

// readSecret reads a text of a file without the blanks around it.
func readSecret(file string) (string, error) {
	content, err := readFile(file)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(content))
	if secret == "" {
		return "", errors.New(file + " is empty")
	}
	return secret, nil
}
