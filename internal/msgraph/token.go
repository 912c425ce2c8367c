package msgraph

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"licensegraph/internal/licensing"
)

const (
	tokenEndpoint = "POST /oauth2/v2.0/token"
	// tokenRenewal is how long before its end a token is replaced, or a fifth of its life if that is less.
	// Tokens live 60 to 90 minutes.
	tokenRenewal = 5 * time.Minute
)

// tokens holds an access token. One renewal is on its way at a time.
type tokens struct {
	personal bool // the tokens are those of a person, not of the application
	source   func(context.Context) (*oauth2.Token, error)
	lock     chan struct{} // held by who reads or renews the token
	token    *oauth2.Token
	renew    time.Time // when the token is to be replaced
}

// newTokens returns the tokens of the gateway's application (OAuth 2.0 client credentials grant, RFC 6749,
// section 4.4).
func newTokens(tokenURL, clientID, clientSecret, scope string) *tokens {
	config := clientcredentials.Config{
		ClientID:     clientID,
		ClientSecret: clientSecret,
		TokenURL:     tokenURL,
		Scopes:       []string{scope},
		AuthStyle:    oauth2.AuthStyleInParams,
	}
	return &tokens{source: config.Token, lock: make(chan struct{}, 1)}
}

// newPersonalTokens returns the tokens of a person. A source knows no contexts, so nobody waits for it longer
// than their own lasts.
func newPersonalTokens(source oauth2.TokenSource) *tokens {
	type result struct {
		token *oauth2.Token
		err   error
	}
	ask := func(ctx context.Context) (*oauth2.Token, error) {
		results := make(chan result, 1)
		go func() {
			token, err := source.Token()
			results <- result{token, err}
		}()
		select {
		case r := <-results:
			return r.token, r.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return &tokens{personal: true, source: ask, lock: make(chan struct{}, 1)}
}

// get returns a valid token. It asks for one through the client given, if need be.
func (t *tokens) get(ctx context.Context, client *http.Client) (string, error) {
	select {
	case t.lock <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-t.lock }()
	if t.token != nil && time.Now().Before(t.renew) {
		return t.token.AccessToken, nil
	}
	token, err := t.source(context.WithValue(ctx, oauth2.HTTPClient, client))
	switch {
	case err == nil:
		t.token = token
		t.renew = token.Expiry.Add(-min(tokenRenewal, time.Until(token.Expiry)/5))
	case !t.token.Valid():
		return "", tokenError(err)
	}
	return t.token.AccessToken, nil
}

// drop forgets a token that the service did not take.
func (t *tokens) drop(ctx context.Context, accessToken string) {
	select {
	case t.lock <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-t.lock }()
	if t.token != nil && t.token.AccessToken == accessToken {
		t.token = nil
	}
}

// tokenError keeps of a failed token request what may be shown: never its body.
func tokenError(err error) error {
	failure := &licensing.UpstreamError{Kind: licensing.ErrUnavailable, Operation: tokenEndpoint, Retryable: true, Cause: withoutURL(err)}
	if answer, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		failure.Cause = nil
		failure.Code = answer.ErrorCode
		var told struct {
			TraceID string `json:"trace_id"` // what the support of Entra ID asks for
		}
		if json.Unmarshal(answer.Body, &told) == nil && len(told.TraceID) <= 100 {
			failure.RequestID = told.TraceID
		}
		if answer.Response != nil {
			failure.Status = answer.Response.StatusCode
			failure.RetryAfter = retryAfter(answer.Response.Header, time.Now())
		}
		switch {
		case failure.Status == http.StatusTooManyRequests:
			failure.Kind = licensing.ErrThrottled
		case failure.Status < 500 && failure.Code != "temporarily_unavailable":
			failure.Kind, failure.Retryable = licensing.ErrUnauthenticated, false
		}
	}
	return failure
}
