package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"licensegraph/graph"
	"licensegraph/internal/config"
	"licensegraph/internal/entra"
	"licensegraph/internal/identity"
	"licensegraph/internal/msgraph"
	"licensegraph/internal/outbound"
	"licensegraph/internal/refdata"
	"licensegraph/internal/upstream"
)

// tenants are the configured tenants, each with its own client.
type tenants struct {
	out     *outbound.Out
	ids     []string
	clients map[string]*msgraph.Client // by lower-case ID
	tokens  map[string]*entra.Tokens   // of the application, by lower-case ID
	people  *entra.OnBehalfOf          // nil with the application's identity
	known   bool                       // callers are authenticated
}

// newTenants creates the clients of the tenants. It sends no request.
func newTenants(cfg *config.Config, ids []string, services config.Services, application entra.Options, observer msgraph.Observer, logger *slog.Logger) (*tenants, error) {
	out, err := newOut(cfg, services)
	if err != nil {
		return nil, err
	}
	application.Authority, application.GraphURL = services.Authority, services.GraphURL
	app, err := entra.NewApplication(application)
	if err != nil {
		return nil, err
	}
	t := &tenants{out: out, ids: ids, clients: map[string]*msgraph.Client{}, tokens: map[string]*entra.Tokens{}, known: cfg.KnowsCallers()}
	if cfg.Outbound == "on-behalf-of" {
		t.people = app.OnBehalfOf()
	}
	store := refdata.NewMemory(maxReferenceBytes, nil)
	queue := new(msgraph.Queue) // some limits of an application apply across tenants
	for _, id := range ids {
		tokens := app.Tokens(id)
		client, err := msgraph.New(msgraph.Options{
			GraphURL: services.GraphURL, Out: out, Tokens: tokens, RequestsPerOperation: cfg.MaxUpstreamRequests, Queue: queue, Observer: observer,
			Reference: referenceCache(cfg, store, "app/"+application.ClientID+"/"+strings.ToLower(id), logger),
		})
		if err != nil {
			return nil, err
		}
		t.clients[strings.ToLower(id)], t.tokens[strings.ToLower(id)] = client, tokens
	}
	return t, nil
}

// maxReferenceBytes is the maximum size of the cached reference data of all tenants, in bytes.
const maxReferenceBytes = 32 << 20

// referenceCache returns the cache of reference data of a tenant; nil if it is disabled.
func referenceCache(cfg *config.Config, store refdata.Store, scope string, logger *slog.Logger) *refdata.Cache {
	if cfg.ReferenceCacheLife == 0 || cfg.Outbound != "app" {
		return nil
	}
	return refdata.New(refdata.Options{Store: store, Scope: scope, Life: cfg.ReferenceCacheLife, Logger: logger})
}

// close ends the reads in the background.
func (t *tenants) close() {
	for _, client := range t.clients {
		client.Close()
	}
}

// newOut returns an Out for the services of the cloud.
func newOut(c *config.Config, s config.Services) (*outbound.Out, error) {
	out, err := outbound.New(outbound.Options{Services: []string{s.GraphURL, s.Authority}, CAFile: c.CAFile, Proxy: c.ProxyURL})
	if err != nil {
		return nil, &config.SetupError{Err: fmt.Errorf("--ca-file: %w", err)} // the URLs are already validated
	}
	return out, nil
}

// begin starts an operation in the caller's tenant. Without authentication there is one tenant, with the application's
// identity.
func (t *tenants) begin(ctx context.Context) (graph.Upstream, error) {
	caller := identity.From(ctx)
	id := t.ids[0]
	if caller != nil {
		id = caller.TenantID
	}
	client := t.clients[strings.ToLower(id)]
	switch {
	case client == nil || caller == nil && (t.known || len(t.ids) > 1):
		return nil, &upstream.Error{Kind: upstream.ErrForbidden, Operation: "the caller's tenant, which is not configured"}
	case t.people == nil:
		return client.Begin(), nil
	}
	tokens, err := t.people.Tokens(caller)
	if err != nil {
		return client.BeginOnBehalfOf(caller.Key(), noTokens{err}), nil
	}
	return client.BeginOnBehalfOf(caller.Key(), tokens), nil
}

// noTokens are the tokens of a caller without on-behalf-of access. A query of the schema alone requires none.
type noTokens struct{ why error }

func (n noTokens) Token(context.Context, *http.Client) (string, error) { return "", n.why }

func (noTokens) Refused(string, string) bool { return false }

// checkToken reports whether there is a valid token of the application in a tenant, and the error of the last request
// for it. On behalf of users the application requires none.
func (t *tenants) checkToken(ctx context.Context, id string) (usable bool, err error) {
	if t.people != nil {
		return true, nil
	}
	return t.tokens[strings.ToLower(id)].Check(ctx, t.out.Reader(0))
}

// condition returns what earlier requests show of Microsoft Graph in a tenant; nil without a problem.
func (t *tenants) condition(id string) error { return t.clients[strings.ToLower(id)].Condition() }
