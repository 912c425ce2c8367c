package transport

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"licensegraph/internal/entra"
	"licensegraph/internal/identity"
	"licensegraph/internal/upstream"
)

// Authenticator authenticates callers by the access tokens of requests and connections.
type Authenticator struct {
	verifier  *entra.Verifier // nil means no authentication
	authority string          // base URL of Entra ID with the tenant, for challenges
	audit     *slog.Logger
}

// NewAuthenticator returns an authenticator; without authentication if verifier is nil. authority is the base URL of
// Entra ID with the tenant, and audit logs rejected callers.
func NewAuthenticator(verifier *entra.Verifier, authority string, audit *slog.Logger) *Authenticator {
	return &Authenticator{verifier, authority, audit}
}

// Run refreshes the signing keys until the context ends.
func (a *Authenticator) Run(ctx context.Context) {
	if a.verifier != nil {
		a.verifier.Run(ctx)
	}
}

// Check reports whether tokens of a tenant can be verified, and the error of the last request for its signing keys.
func (a *Authenticator) Check(ctx context.Context, tenantID string) (usable bool, err error) {
	if a.verifier == nil {
		return true, nil
	}
	return a.verifier.Check(ctx, tenantID)
}

// request authenticates a request and returns a context with its caller.
func (a *Authenticator) request(r *http.Request) (context.Context, *rejection) {
	ctx := r.Context()
	if a.verifier == nil {
		return ctx, nil
	}
	token, problem := bearer(r.Header)
	if problem != "" {
		return ctx, a.reject(ctx, r.RemoteAddr, problem, "")
	}
	return a.token(ctx, r.RemoteAddr, token)
}

// token verifies an access token and returns a context with its caller.
func (a *Authenticator) token(ctx context.Context, peer, token string) (context.Context, *rejection) {
	if a.verifier == nil {
		return ctx, nil
	}
	caller, err := a.verifier.Verify(ctx, token)
	if err == nil {
		return identity.With(ctx, caller), nil
	}
	if refused, ok := errors.AsType[*entra.RefusedError](err); ok {
		return ctx, a.reject(ctx, peer, "Invalid access token: "+refused.Reason, refused.Reason, "of", refused.Caller)
	}
	return ctx, &rejection{http.StatusServiceUnavailable, "The access token cannot be verified at present: the signing keys of Entra ID are unavailable.", map[string]string{"Retry-After": "15"}, map[string]any{
		"code": "UPSTREAM_UNAVAILABLE", "retryable": true, "retryAfterSeconds": 15,
	}}
}

// reject returns a 401 with a challenge, and audits it. reason is empty without a token.
func (a *Authenticator) reject(ctx context.Context, peer, text, reason string, attrs ...any) *rejection {
	a.audit.InfoContext(ctx, "denied", append([]any{"outcome", "unauthenticated", "reason", text, "peer", peer}, attrs...)...)
	challenge := a.challenge()
	if reason != "" {
		challenge += `, error="invalid_token", error_description="` + strings.NewReplacer(`"`, "'", `\`, "").Replace(reason) + `"`
	}
	return &rejection{http.StatusUnauthorized, text, map[string]string{"WWW-Authenticate": challenge}, map[string]any{"code": "UNAUTHENTICATED"}}
}

// signInAgain returns the challenge if an on-behalf-of request requires the caller to sign in again; empty otherwise.
// It includes the claims for the next token (Microsoft Learn, "Claims challenges, claims requests and client
// capabilities").
func (a *Authenticator) signInAgain(errs gqlerror.List) string {
	challenge := ""
	for _, e := range errs {
		failure, ok := errors.AsType[*upstream.Error](e.Err)
		if !ok || !errors.Is(failure.Kind, upstream.ErrSignIn) {
			continue
		}
		if failure.Claims != "" {
			return a.challenge() + `, error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(failure.Claims)) + `"`
		}
		challenge = a.challenge() + `, error="invalid_token", error_description="Microsoft Graph requires a new sign-in."`
	}
	return challenge
}

// challengeIn adds the challenge to the errors of a response without headers, as extensions.wwwAuthenticate.
func (a *Authenticator) challengeIn(errs gqlerror.List) {
	for _, e := range errs {
		if challenge := a.signInAgain(gqlerror.List{e}); challenge != "" {
			if e.Extensions == nil {
				e.Extensions = map[string]any{}
			}
			e.Extensions["wwwAuthenticate"] = challenge
		}
	}
}

// challenge returns the challenge of a missing or invalid token (RFC 6750, section 3).
func (a *Authenticator) challenge() string {
	return `Bearer realm="licensegraph", authorization_uri="` + a.authority + `/oauth2/v2.0/authorize"`
}

// bearer returns the access token in the Authorization header, the only method of RFC 6750 that is supported (section
// 2.1), or the problem with it.
func bearer(h http.Header) (token, problem string) {
	values := h.Values("Authorization")
	if len(values) == 0 {
		return "", "Missing access token: send it in the header Authorization: Bearer."
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.Trim(token, " ")
	switch {
	case len(values) > 1:
		return "", "Duplicate Authorization header."
	case !strings.EqualFold(scheme, "Bearer") || token == "":
		return "", "Invalid Authorization header: want Bearer and an access token."
	case len(token) > entra.MaxToken || strings.ContainsFunc(token, func(r rune) bool { return !strings.ContainsRune(token68, r) }):
		return "", "Invalid Authorization header: not an access token."
	}
	return token, ""
}

// token68 are the characters of a token (RFC 9110, section 11.2).
const token68 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="
