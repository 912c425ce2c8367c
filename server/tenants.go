package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"licensegraph/graph"
	"licensegraph/internal/config"
	"licensegraph/internal/entra"
	"licensegraph/internal/identity"
	"licensegraph/internal/msgraph"
	"licensegraph/internal/outbound"
	"licensegraph/internal/upstream"
)

// tenants are those that the gateway reads, each through a client of its own.
type tenants struct {
	out     *outbound.Out
	ids     []string
	clients map[string]*msgraph.Client // by id in lower case
	people  *entra.OnBehalfOf          // nil: Microsoft Graph is asked in the application's name
	known   bool                       // callers say who they are: nobody else is served
}

// newTenants connects with the tenants, as the application. It sends nothing yet.
func newTenants(cfg *config.Config, ids []string, services config.Services, application entra.Options) (*tenants, error) {
	out, err := newOut(cfg, services)
	if err != nil {
		return nil, err
	}
	application.Authority, application.GraphURL = services.Authority, services.GraphURL
	app, err := entra.NewApplication(application)
	if err != nil {
		return nil, err
	}
	t := &tenants{out: out, ids: ids, clients: map[string]*msgraph.Client{}, known: cfg.KnowsCallers()}
	if cfg.Outbound == "on-behalf-of" {
		t.people = app.OnBehalfOf()
	}
	queue := new(msgraph.Queue) // some limits of an application hold in all tenants together
	for _, id := range ids {
		client, err := msgraph.New(msgraph.Options{
			GraphURL: services.GraphURL, Out: out, Tokens: app.Tokens(id), RequestsPerOperation: cfg.MaxUpstreamRequests, Queue: queue,
		})
		if err != nil {
			return nil, err
		}
		t.clients[strings.ToLower(id)] = client
	}
	return t, nil
}

// newOut returns the only way out: to the services of the cloud.
func newOut(c *config.Config, s config.Services) (*outbound.Out, error) {
	out, err := outbound.New(outbound.Options{Services: []string{s.GraphURL, s.Authority}, CAFile: c.CAFile, Proxy: c.ProxyURL})
	if err != nil {
		return nil, &config.SetupError{Err: fmt.Errorf("--ca-file: %w", err)} // the addresses were validated before
	}
	return out, nil
}

// begin returns Microsoft Graph as one operation of the caller sees it: the caller's own tenant, and no other. Where
// nobody is asked who they are, there is one tenant, and everybody asks as the application.
func (t *tenants) begin(ctx context.Context) (graph.Upstream, error) {
	caller := identity.From(ctx)
	id := t.ids[0]
	if caller != nil {
		id = caller.TenantID
	}
	client := t.clients[strings.ToLower(id)]
	switch {
	case client == nil || caller == nil && (t.known || len(t.ids) > 1):
		return nil, &upstream.Error{Kind: upstream.ErrForbidden, Operation: "the tenant of the caller, which is not one of the gateway's"}
	case t.people == nil:
		return client.Begin(), nil
	}
	tokens, err := t.people.Tokens(caller)
	if err != nil {
		return client.BeginAs(caller.Key(), noTokens{err}), nil
	}
	return client.BeginAs(caller.Key(), tokens), nil
}

// noTokens are those of a caller in whose name nothing can be asked: who asks for the schema alone needs none.
type noTokens struct{ why error }

func (n noTokens) Token(context.Context, *http.Client) (string, error) { return "", n.why }

func (noTokens) Refused(string, string) bool { return false }

// ready tells whether Microsoft Graph answers in one of the tenants at least, or throttles there.
func (t *tenants) ready(ctx context.Context) error {
	var failure error
	for _, id := range t.ids {
		err := t.clients[strings.ToLower(id)].Ready(ctx)
		if err == nil {
			return nil
		}
		if !errors.Is(failure, upstream.ErrThrottled) {
			failure = err
		}
	}
	return failure
}
