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
	// Authority is the address of the sign-in service, such as https://login.microsoftonline.com.
	Authority string
	// GraphURL is the address of the Microsoft Graph that tokens are for. Those of one cloud are worth nothing in
	// another.
	GraphURL string
	// ClientID is the id of the application.
	ClientID string
	// Credential proves that a request is the application's.
	Credential Credential
	// Now tells the time; nil for [time.Now].
	Now func() time.Time
}

// Application is the gateway as it is registered in Entra ID. It gets tokens to Microsoft Graph, for itself or in the
// name of its callers, in each tenant that has consented to it.
type Application struct {
	authority  *url.URL
	clientID   string
	scope      string
	credential Credential
	now        func() time.Time
	asks       chan struct{} // one per token request on its way
}

// asksAtOnce bounds the token requests that are on their way, of all callers in all tenants.
const asksAtOnce = 16

// NewApplication returns the application. It sends nothing yet.
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
		authority: authority, clientID: opts.ClientID, credential: opts.Credential, now: opts.Now, asks: make(chan struct{}, asksAtOnce),
		scope: graphURL.Scheme + "://" + graphURL.Host + "/.default",
	}
	if a.now == nil {
		a.now = time.Now
	}
	return a, nil
}

// Tokens are the tokens of an application for itself in one tenant (OAuth 2.0 client credentials grant, RFC 6749,
// section 4.4). They are safe for concurrent use.
type Tokens struct {
	application *Application
	tenantID    string
	held        held
}

// Tokens returns the application's own tokens in a tenant, by its id or a domain of it.
func (a *Application) Tokens(tenantID string) *Tokens {
	return &Tokens{application: a, tenantID: tenantID}
}

// Token returns a token that is valid. It asks for one through the client, if need be.
func (t *Tokens) Token(ctx context.Context, client *http.Client) (string, error) {
	a := t.application
	return t.held.get(ctx, a.now, func(ctx context.Context, claims string) (*oauth2.Token, error) {
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

// Refused has a token forgotten that Microsoft Graph did not take. The next one is asked for with the claims that it
// demanded, if it did.
func (t *Tokens) Refused(token, claims string) (again bool) {
	t.held.drop(token, claims)
	return true
}

// ask sends a token request with the fields given and those that all have.
func (a *Application) ask(ctx context.Context, client *http.Client, tenantID string, fields url.Values) (*oauth2.Token, error) {
	select {
	case a.asks <- struct{}{}:
		defer func() { <-a.asks }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	config := clientcredentials.Config{
		ClientID:       a.clientID,
		TokenURL:       a.authority.JoinPath(tenantID, "oauth2/v2.0/token").String(),
		Scopes:         []string{a.scope},
		EndpointParams: fields,
		AuthStyle:      oauth2.AuthStyleInParams, // its zero value asks twice
	}
	proof, err := a.credential.prove(a.clientID, config.TokenURL, a.now())
	if err != nil {
		return nil, &upstream.Error{Kind: upstream.ErrUnauthenticated, Operation: tokenEndpoint, Cause: err}
	}
	maps.Copy(fields, proof)
	return config.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
}
