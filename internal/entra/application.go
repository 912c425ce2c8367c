package entra

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"licensegraph/internal/outbound"
	"licensegraph/internal/upstream"
)

// Options configure an [Application].
type Options struct {
	// Authority is the base URL of Entra ID, such as https://login.microsoftonline.com.
	Authority string
	// GraphURL is the base URL of Microsoft Graph, the audience of the tokens. A token of one cloud is not valid in
	// another.
	GraphURL string
	// ClientID is the application (client) ID.
	ClientID string
	// Credential authenticates the application.
	Credential Credential
	// Now returns the current time; nil means [time.Now].
	Now func() time.Time
}

// Application is the gateway's app registration. It gets access tokens for Microsoft Graph, as the application or on
// behalf of users, in each tenant that has granted consent.
type Application struct {
	authority  *url.URL
	clientID   string
	scope      string
	credential Credential
	now        func() time.Time
	requests   chan struct{} // one element per token request in progress
}

// maxTokenRequests is the maximum number of concurrent token requests, for all callers in all tenants.
const maxTokenRequests = 16

// NewApplication returns an application. It sends no request.
func NewApplication(opts Options) (*Application, error) {
	authority, err := outbound.Address("the authority's", opts.Authority)
	if err != nil {
		return nil, err
	}
	graphURL, err := outbound.Address("Graph's", opts.GraphURL)
	if err != nil {
		return nil, err
	}
	a := &Application{
		authority: authority, clientID: opts.ClientID, credential: opts.Credential, now: opts.Now, requests: make(chan struct{}, maxTokenRequests),
		scope: graphURL.Scheme + "://" + graphURL.Host + "/.default",
	}
	if a.now == nil {
		a.now = time.Now
	}
	return a, nil
}

// Tokens provides the application's own access tokens in one tenant (OAuth 2.0 client credentials grant, RFC 6749,
// section 4.4). It is safe for concurrent use.
type Tokens struct {
	application *Application
	tenantID    string
	cached      cachedToken
}

// Tokens returns the application's own tokens in a tenant, given by ID or domain.
func (a *Application) Tokens(tenantID string) *Tokens {
	return &Tokens{application: a, tenantID: tenantID}
}

// Token returns a valid access token. It uses the client to request one if necessary.
func (t *Tokens) Token(ctx context.Context, client *http.Client) (string, error) {
	a := t.application
	return t.cached.get(ctx, a.now, func(ctx context.Context, claims string) (*oauth2.Token, error) {
		fields := url.Values{}
		if claims != "" {
			fields.Set("claims", claims)
		}
		token, err := a.ask(ctx, client, t.tenantID, fields)
		if err != nil {
			return nil, tokenError(err)
		}
		return token, nil
	})
}

// Check gets a token as [Tokens.Token] does. It reports whether there is a valid one, and the error of the last token
// request: after a failed renewal, the token remains valid until its expiry.
func (t *Tokens) Check(ctx context.Context, client *http.Client) (usable bool, err error) {
	if _, err := t.Token(ctx, client); err != nil {
		return false, err
	}
	return true, t.cached.lastError()
}

// Refused removes a token that Microsoft Graph rejected. The next token request includes the claims challenge, if there
// was one.
func (t *Tokens) Refused(token, claims string) (again bool) {
	t.cached.drop(token, claims)
	return true
}

// ask sends a token request with the fields and those that all token requests have.
func (a *Application) ask(ctx context.Context, client *http.Client, tenantID string, fields url.Values) (*oauth2.Token, error) {
	select {
	case a.requests <- struct{}{}:
		defer func() { <-a.requests }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	config := clientcredentials.Config{
		ClientID:       a.clientID,
		TokenURL:       a.authority.JoinPath(tenantID, "oauth2/v2.0/token").String(),
		Scopes:         []string{a.scope},
		EndpointParams: fields,
		AuthStyle:      oauth2.AuthStyleInParams, // the zero value can send the request twice
	}
	proof, err := a.credential.prove(a.clientID, config.TokenURL, a.now())
	if err != nil {
		return nil, &upstream.Error{Kind: upstream.ErrUnauthenticated, Operation: tokenEndpoint, Cause: err}
	}
	maps.Copy(fields, proof)
	return config.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
}
