package signin

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"licensegraph/internal/emulator/wire"
)

const (
	assertionType     = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	assertionLifetime = 10 * time.Minute
	clockSkew         = 5 * time.Minute
	maxAssertion      = 16 << 10
)

// Federated is a federated identity credential: the application can sign in
// with tokens of an external issuer for one subject, see Microsoft Learn,
// "Workload identity federation". Issuer, subject and audience are compared
// exactly.
type Federated struct {
	Issuer   string
	Subject  string
	Audience string // "" = api://AzureADTokenExchange
	// Keys is the issuer's key set (RFC 7517), with RSA or P-256 keys. It is
	// never fetched.
	Keys json.RawMessage
}

// checkAssertion checks a client assertion, RFC 7523 section 3: signed with
// the key of a certificate, see Microsoft Learn, "Microsoft identity platform
// application authentication certificate credentials", or by a federated
// issuer. A client can reuse an assertion until it expires, because libraries
// cache it. Two assertions must not have the same jti.
func (e *Entra) checkAssertion(c *wire.Call, app *registration, tenant, kind, raw string) *wire.Answer {
	refuse := func(code string, number int, format string, args ...any) *wire.Answer {
		status := http.StatusUnauthorized
		if code == "invalid_request" {
			status = http.StatusBadRequest
		}
		a := e.refuse(c, status, code, number, format, args...)
		return &a
	}
	if kind != assertionType {
		return refuse("invalid_request", 900144, "The request body must contain the following parameter: 'client_assertion_type'.")
	}
	var got jwt.RegisteredClaims
	if len(raw) > maxAssertion {
		return refuse("invalid_request", 50027, "JWT token is invalid or malformed.")
	}
	token, _, err := jwt.NewParser().ParseUnverified(raw, &got)
	if err != nil {
		return refuse("invalid_request", 50027, "JWT token is invalid or malformed.")
	}

	var key any
	var methods []string
	audiences := []string{c.Base + "/" + tenant + "/oauth2/v2.0/token", e.authority(c) + "/oauth2/v2.0/token", e.issuer(c)}
	if strings.EqualFold(got.Issuer, app.id) {
		methods = []string{"PS256", "RS256"}
		key = e.certificateKey(token.Header)
		switch {
		case key == nil:
			return refuse("invalid_client", 700027, "The certificate with identifier used to sign the client assertion is not registered on application.")
		case got.Subject != got.Issuer:
			return refuse("invalid_client", 700021, "Client assertion application identifier doesn't match 'client_id' parameter.")
		case got.ID == "":
			return refuse("invalid_client", 50027, "The client assertion has no jti.")
		}
	} else {
		methods = []string{"PS256", "RS256", "ES256"}
		f, number := e.federated(&got)
		if f == nil {
			return refuse("invalid_client", number, "No matching federated identity record found for presented assertion. Issuer: '%s', subject: '%s'.", got.Issuer, got.Subject)
		}
		id, _ := token.Header["kid"].(string)
		if key = keyOf(f.Keys, id); key == nil {
			return refuse("invalid_client", 700027, "The key '%s' of the assertion is not in the key set of its issuer.", id)
		}
		audiences = []string{f.audience()}
	}

	_, err = jwt.NewParser(jwt.WithValidMethods(methods), jwt.WithExpirationRequired(), jwt.WithLeeway(clockSkew), jwt.WithTimeFunc(e.now)).
		ParseWithClaims(raw, &jwt.RegisteredClaims{}, func(*jwt.Token) (any, error) { return key, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenExpired), errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return refuse("invalid_client", 700024, "Client assertion is not within its valid time range.")
	case err != nil:
		return refuse("invalid_client", 700027, "Client assertion failed signature validation.")
	case len(got.Audience) != 1 || !slices.Contains(audiences, got.Audience[0]):
		return refuse("invalid_client", 700023, "Client assertion audience claim does not match Realm issuer.")
	}
	if !strings.EqualFold(got.Issuer, app.id) {
		return nil // The issuer determines its lifetime and ID.
	}
	start := c.Date.Add(clockSkew)
	if got.NotBefore != nil {
		start = got.NotBefore.Time
	}
	if got.ExpiresAt.Sub(start) > assertionLifetime {
		return refuse("invalid_client", 700024, "Client assertion is not within its valid time range: it lives for more than ten minutes.")
	}
	if e.assertions.use(got.ID, wire.Digest(raw), c.Date, got.ExpiresAt.Add(clockSkew)) != wire.Digest(raw) {
		return refuse("invalid_client", 700027, "Client assertion is a replay: another one had its jti.")
	}
	return nil
}

// urlAlphabet converts base64 to base64url: the Go library writes thumbprints
// in base64, and the service accepts them.
var urlAlphabet = strings.NewReplacer("+", "-", "/", "_", "=", "")

// certificateKey returns the key of the certificate with a thumbprint in the
// header, or nil if it is not registered.
func (e *Entra) certificateKey(header map[string]any) any {
	long, _ := header["x5t#S256"].(string)
	short, _ := header["x5t"].(string)
	long, short = urlAlphabet.Replace(long), urlAlphabet.Replace(short)
	if short == "" && long == "" {
		short, _ = header["kid"].(string)
	}
	for _, cert := range e.certificates() {
		key, ok := cert.PublicKey.(*rsa.PublicKey)
		named := long == wire.Digest(string(cert.Raw)) || long == "" && short == thumbprint(cert.Raw)
		if ok && named && key.N.BitLen() >= 2048 {
			return key
		}
	}
	return nil
}

func (f *Federated) audience() string {
	if f.Audience == "" {
		return "api://AzureADTokenExchange"
	}
	return f.Audience
}

// federated returns the credential that matches an assertion, or the number of
// the error about the mismatch.
func (e *Entra) federated(got *jwt.RegisteredClaims) (*Federated, int) {
	number := 700211 // the issuer
	for i := range e.signIn.Federated {
		f := &e.signIn.Federated[i]
		switch {
		case f.Issuer != got.Issuer:
		case f.Subject != got.Subject:
			number = 700213
		case len(got.Audience) != 1 || got.Audience[0] != f.audience():
			number = 700212
		default:
			return f, 0
		}
	}
	return nil, number
}

// keyOf returns the public key with the ID from a key set, or the only key if
// the token has no key ID.
func keyOf(set json.RawMessage, id string) crypto.PublicKey {
	var doc struct {
		Keys []struct{ Kty, Kid, Crv, N, E, X, Y string }
	}
	if json.Unmarshal(set, &doc) != nil {
		return nil
	}
	number := func(s string) *big.Int {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			return new(big.Int)
		}
		return new(big.Int).SetBytes(b)
	}
	for _, k := range doc.Keys {
		if k.Kid != id && (id != "" || len(doc.Keys) != 1) {
			continue
		}
		switch {
		case k.Kty == "RSA":
			n, exponent := number(k.N), number(k.E)
			if n.BitLen() >= 2048 && exponent.IsInt64() && exponent.Int64() > 1 && exponent.Int64() < 1<<31 {
				return &rsa.PublicKey{N: n, E: int(exponent.Int64())}
			}
		case k.Kty == "EC" && k.Crv == "P-256":
			point := make([]byte, 65)
			point[0] = 4
			x, y := number(k.X), number(k.Y)
			if x.BitLen() > 256 || y.BitLen() > 256 {
				continue
			}
			x.FillBytes(point[1:33])
			y.FillBytes(point[33:])
			if key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point); err == nil {
				return key
			}
		}
	}
	return nil
}
