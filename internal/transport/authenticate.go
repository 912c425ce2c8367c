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

// Authenticator finds out who asks, by the access tokens that requests and connections carry.
type Authenticator struct {
	verifier  *entra.Verifier // nil: nobody is asked
	authority string          // where tokens are to be had, for those who come without
	audit     *slog.Logger
}

// NewAuthenticator returns what takes the tokens that the verifier takes; nil for nobody to be asked. The authority is the
// address of the sign-in service with the tenant, and audit gets a record of each caller who is not let in.
func NewAuthenticator(verifier *entra.Verifier, authority string, audit *slog.Logger) *Authenticator {
	return &Authenticator{verifier, authority, audit}
}

// Run keeps the keys fresh by which tokens are checked, until the context ends.
func (a *Authenticator) Run(ctx context.Context) {
	if a.verifier != nil {
		a.verifier.Run(ctx)
	}
}

// Ready tells whether tokens can be checked.
func (a *Authenticator) Ready(ctx context.Context) error {
	if a.verifier == nil {
		return nil
	}
	return a.verifier.Ready(ctx)
}

// request returns a context of what a request asks, which says who does.
func (a *Authenticator) request(r *http.Request) (context.Context, *refusal) {
	ctx := r.Context()
	if a.verifier == nil {
		return ctx, nil
	}
	token, problem := bearer(r.Header)
	if problem != "" {
		return ctx, a.refuse(ctx, r.RemoteAddr, problem, "")
	}
	return a.token(ctx, r.RemoteAddr, token)
}

// token returns a context of what the bearer of an access token asks.
func (a *Authenticator) token(ctx context.Context, peer, token string) (context.Context, *refusal) {
	if a.verifier == nil {
		return ctx, nil
	}
	caller, err := a.verifier.Verify(ctx, token)
	if err == nil {
		return identity.With(ctx, caller), nil
	}
	if refused, ok := errors.AsType[*entra.RefusedError](err); ok {
		return ctx, a.refuse(ctx, peer, "The access token is not taken: "+refused.Reason, refused.Reason, "of", refused.Caller)
	}
	return ctx, &refusal{http.StatusServiceUnavailable, "The access token cannot be checked for now.", map[string]string{"Retry-After": "15"}, map[string]any{
		"code": "UPSTREAM_UNAVAILABLE", "retryable": true, "retryAfterSeconds": 15,
	}}
}

// refuse says where a token is to be had, and notes that somebody was not let in. The reason is empty when there was
// no token.
func (a *Authenticator) refuse(ctx context.Context, peer, text, reason string, attrs ...any) *refusal {
	a.audit.InfoContext(ctx, "denied", append([]any{"outcome", "unauthenticated", "reason", text, "peer", peer}, attrs...)...)
	challenge := a.challenge()
	if reason != "" {
		challenge += `, error="invalid_token", error_description="` + strings.NewReplacer(`"`, "'", `\`, "").Replace(reason) + `"`
	}
	return &refusal{http.StatusUnauthorized, text, map[string]string{"WWW-Authenticate": challenge}, map[string]any{"code": "UNAUTHENTICATED"}}
}

// signInAgain returns the challenge for a caller in whose name Microsoft Graph could not be asked; empty when none of
// the errors is of that kind. The claims that the next token has to prove travel in it (Microsoft Learn, "Claims
// challenges, claims requests and client capabilities").
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
		challenge = a.challenge() + `, error="invalid_token", error_description="Microsoft Graph cannot be asked in your name. Sign in again."`
	}
	return challenge
}

// challengeIn puts the challenge into the errors of an answer without headers: extensions.wwwAuthenticate.
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

// challenge says where a token is to be had (RFC 6750, section 3).
func (a *Authenticator) challenge() string {
	return `Bearer realm="licensegraph", authorization_uri="` + a.authority + `/oauth2/v2.0/authorize"`
}

// bearer returns the access token of a request (RFC 6750, section 2.1: in the header, and nowhere else), or what is
// wrong with it.
func bearer(h http.Header) (token, problem string) {
	values := h.Values("Authorization")
	if len(values) == 0 {
		return "", "An access token is missing: send it in the header Authorization: Bearer."
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.Trim(token, " ")
	switch {
	case len(values) > 1:
		return "", "The header Authorization is there more than once."
	case !strings.EqualFold(scheme, "Bearer") || token == "":
		return "", "The header Authorization has to be Bearer with an access token."
	case len(token) > entra.MaxToken || strings.ContainsFunc(token, func(r rune) bool { return !strings.ContainsRune(token68, r) }):
		return "", "What is in the header Authorization is no access token."
	}
	return token, ""
}

// token68 is what a token may consist of (RFC 9110, section 11.2).
const token68 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="
