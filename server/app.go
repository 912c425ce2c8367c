package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"licensegraph/graph"
	"licensegraph/internal/config"
	"licensegraph/internal/documents"
	"licensegraph/internal/embedded"
	"licensegraph/internal/emulator"
	"licensegraph/internal/entra"
	"licensegraph/internal/execution"
	"licensegraph/internal/graphiql"
	"licensegraph/internal/identity"
	"licensegraph/internal/transport"
)

// app is the running program: the gateway, and the embedded tenant where one
// is served.
type app struct {
	cfg       *config.Config
	logger    *slog.Logger
	listeners listeners
	gateway   *http.Server
	embedded  *http.Server // nil over a real tenant
	tenants   *tenants
	auth      *transport.Authenticator
	signIn    *graphiql.SignIn // nil: nobody is asked who they are
	endpoint  *transport.Endpoint
	resolver  *graph.Resolver
	work      sync.WaitGroup // requests
	ready     *readiness
	tenant    *emulator.Emulator // nil over a real tenant
	trusted   *documents.Trusted // nil without a list
	upstream  string             // what is announced of Microsoft Graph
}

const (
	idleTimeout    = 2 * time.Minute
	endWait        = 5 * time.Second  // for requests that were ended
	cursorKeyEvery = 10 * time.Second // is the file of the cursor key looked at
	maxHeaderBytes = 64 << 10         // room for a query in a URL
)

// newApp builds everything. It serves nothing yet.
func newApp(cfg *config.Config, l listeners, audit, logger *slog.Logger) (*app, error) {
	a := &app{cfg: cfg, logger: logger, listeners: l}
	services := cfg.Services()
	ids, application := cfg.TenantIDs, entra.Options{ClientID: cfg.ClientID, Credential: cfg.Credential}
	a.upstream = fmt.Sprintf("%s (tenant %s)", services.GraphURL, strings.Join(ids, ", "))
	if cfg.ServesEmbedded() {
		tenant, err := embedded.Open(&cfg.Embedded, func(name string) string { return "--embedded-" + name }, emulator.SignIn{Scopes: embedded.Scopes, SinglePage: pages(l.gateway)})
		if err != nil {
			return nil, err
		}
		url := embedded.LocalURL(l.embedded)
		services = config.Services{GraphURL: url, Authority: url}
		ids, application = []string{tenant.TenantID()}, entra.Options{ClientID: tenant.ClientID(), Credential: entra.Secret(identity.Secret(tenant.ClientSecret()))}
		a.embedded = a.newServer(tenant)
		embedded.AssignRoles(tenant)
		a.upstream = fmt.Sprintf("%s/beta (embedded: %d made-up people)", url, tenant.UserCount())
		a.tenant = tenant
	}
	var err error
	if a.tenants, err = newTenants(cfg, ids, services, application); err != nil {
		return nil, err
	}
	resolver, err := newResolver(cfg, a.tenants, audit, logger)
	if err != nil {
		return nil, err
	}
	a.resolver = resolver
	a.auth = a.newAuthenticator(entra.VerifierOptions{
		Authority: services.Authority, IssuerV1: services.IssuerV1, IssuersV2: services.IssuersV2, TenantIDs: ids, Audiences: cfg.AudiencesOf(application.ClientID),
		ScopesAlone: cfg.ScopesAlone || cfg.Outbound == "on-behalf-of", Client: a.tenants.out.Reader(0), Logger: logger,
	}, audit)
	a.ready = newReadiness(func(ctx context.Context) error {
		return errors.Join(a.tenants.ready(ctx), a.auth.Ready(ctx))
	}, logger, time.Now)
	var docs *documents.Extension
	if a.trusted, docs, err = newDocuments(cfg, resolver.Schema(), logger); err != nil {
		return nil, err
	}
	exec := execution.New(resolver.Schema(), execution.Options{
		Limits: cfg.Limits(), Introspection: cfg.Introspection, Documents: docs,
		Present: graph.PresentError, Recover: graph.Recover(logger), Extensions: []graphql.HandlerExtension{resolver.Extension()},
	})
	a.endpoint = newEndpoint(cfg, exec, a.auth)
	handler, err := newHandler(cfg, a.endpoint, a.signIn, a.ready, audit, logger)
	if err != nil {
		return nil, err
	}
	a.gateway = a.newServer(a.working(handler))
	return a, nil
}

// newAuthenticator returns what takes the tokens of callers, where they are known.
func (a *app) newAuthenticator(options entra.VerifierOptions, audit *slog.Logger) *transport.Authenticator {
	if !a.cfg.KnowsCallers() {
		return transport.NewAuthenticator(nil, "", audit)
	}
	tenant := "organizations"
	if len(options.TenantIDs) == 1 {
		tenant = options.TenantIDs[0]
	}
	a.signIn = &graphiql.SignIn{Authority: options.Authority + "/" + tenant, ClientID: a.cfg.GraphiQLClientID, Scope: resource(options.Audiences) + "/.default"}
	if a.tenant != nil {
		a.signIn.ClientID = cmp.Or(a.signIn.ClientID, a.tenant.PublicClientID())
	}
	return transport.NewAuthenticator(entra.NewVerifier(options), a.signIn.Authority, audit)
}

// resource is the gateway as scopes name it: its application ID URI, or else its client id.
func resource(audiences []string) string {
	for _, audience := range audiences {
		if strings.Contains(audience, "://") {
			return audience
		}
	}
	return audiences[0]
}

// newEndpoint connects the transports with the executor.
func newEndpoint(cfg *config.Config, exec *executor.Executor, auth *transport.Authenticator) *transport.Endpoint {
	return transport.New(transport.Options{
		Executor: exec, Authenticator: auth, Limits: cfg.Limits(), Quota: cfg.Quota(),
		CallerStreams: cfg.CallerStreams, MaxStreams: cfg.MaxStreams,
		BodyBytes: cfg.MaxBodyBytes, AnswerBytes: cfg.MaxAnswerBytes, AnswersBytes: cfg.MaxAnswersBytes,
		RequestTimeout: cfg.RequestTimeout, InitTimeout: cfg.ReadHeaderTimeout, MaxSchedulingDelay: cfg.MaxSchedulingDelay,
	})
}

func (a *app) newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: a.cfg.ReadHeaderTimeout,
		// For a whole request, also one whose body no handler reads. Were it
		// shorter, it would cancel requests that are being worked on.
		ReadTimeout: a.cfg.ReadHeaderTimeout + a.cfg.RequestTimeout,
		// From the end of the headers, for the work and for sending it.
		WriteTimeout:   2 * a.cfg.RequestTimeout,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(a.logger.Handler(), slog.LevelWarn),
	}
}

// announce says where things are and how to stop: to people, or as a record where programs read the log. Standard
// output is left to the audit log.
func (a *app) announce(ctx context.Context, stderr io.Writer) {
	url := embedded.LocalURL(a.listeners.gateway)
	if a.cfg.LogFormat == "json" {
		a.logger.InfoContext(ctx, "serving", "graphiql", a.cfg.GraphiQL, "graphql", url+endpointPath, "upstream", a.upstream)
		return
	}
	page := "off"
	if a.cfg.GraphiQL {
		page = url + "/"
	}
	signIn := ""
	if a.tenant != nil && a.signIn != nil {
		signIn = "Sign in          as a License Administrator (may do everything) or a Global Reader (may read everything); no password\n"
	}
	fmt.Fprintf(stderr, "GraphiQL         %s\nGraphQL          %s\nMicrosoft Graph  %s\n%sCtrl-C stops.\n", page, url+endpointPath, a.upstream, signIn)
}

// pages are the addresses of GraphiQL on this machine, to which people come back from signing in.
func pages(l net.Listener) []string {
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	return []string{embedded.LocalURL(l) + "/", "http://localhost:" + port + "/"}
}

// serve serves until the context ends or a server fails, then lets what is
// under way come to its end.
func (a *app) serve(ctx context.Context) error {
	// Requests outlive the signal, and end with the time to drain.
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer a.tenants.out.CloseIdleConnections()

	group, ctx := errgroup.WithContext(ctx)
	servers := []*http.Server{a.gateway}
	group.Go(serving(a.gateway, boundConnections(a.listeners.gateway, a.cfg.MaxConnections), base))
	if a.embedded != nil {
		servers = append(servers, a.embedded)
		group.Go(serving(a.embedded, a.listeners.embedded, base))
	}
	if a.trusted != nil {
		group.Go(func() error {
			ticker := time.NewTicker(trustedEvery)
			defer ticker.Stop()
			a.trusted.Watch(ctx, ticker.C)
			return nil
		})
	}
	group.Go(func() error {
		a.auth.Run(ctx)
		return nil
	})
	group.Go(func() error {
		a.endpoint.Run(ctx)
		return nil
	})
	if a.cfg.CursorKeyFile != "" {
		group.Go(func() error {
			ticker := time.NewTicker(cursorKeyEvery)
			defer ticker.Stop()
			a.watchCursorKey(ctx, ticker.C)
			return nil
		})
	}
	group.Go(func() error {
		<-ctx.Done()
		a.ready.draining.Store(true)
		if errors.Is(context.Cause(ctx), errTerminated) {
			a.logger.Info("not ready any more, and still serving", "for", a.cfg.DrainDelay.String())
			<-time.After(a.cfg.DrainDelay)
		}
		return a.drain(servers, cancel)
	})
	err := group.Wait()
	if a.tenant != nil {
		err = errors.Join(err, embedded.Save(&a.cfg.Embedded, a.tenant))
	}
	return err
}

// watchCursorKey looks at the file of the cursor key at each tick, until the context ends. A file that cannot be read
// leaves the key as it is.
func (a *app) watchCursorKey(ctx context.Context, ticks <-chan time.Time) {
	last, problem := a.cfg.CursorKeys, ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		keys, err := a.cfg.ReadCursorKeys()
		if err == nil && !slices.EqualFunc(keys, last, bytes.Equal) {
			last, err = keys, a.resolver.ChangeCursorKeys(keys)
			a.logger.InfoContext(ctx, "the cursor key has changed")
		}
		if err != nil && err.Error() != problem {
			a.logger.ErrorContext(ctx, "the cursor key cannot be read again: the last one stays", "cause", err.Error())
		}
		problem = ""
		if err != nil {
			problem = err.Error()
		}
	}
}

// serving runs a server until it is shut down.
func serving(server *http.Server, l net.Listener, base context.Context) func() error {
	server.BaseContext = func(net.Listener) context.Context { return base }
	return func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
}

// working counts the requests that are being answered.
func (a *app) working(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.work.Add(1)
		defer a.work.Done()
		next.ServeHTTP(w, r)
	})
}

// waitForWork waits until requests that were ended have ended, which they do soon: what a change has done so far goes to
// the audit log then.
func (a *app) waitForWork() {
	done := make(chan struct{})
	go func() { // it ends with the last request
		a.work.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(endWait):
		a.logger.Error("requests that were ended have not come to their end: the audit log may miss what they changed")
	}
}

// end closes a server whose requests were ended, once they have answered.
func (a *app) end(server *http.Server) {
	ctx, stop := context.WithTimeout(context.Background(), endWait)
	defer stop()
	if server.Shutdown(ctx) != nil {
		_ = server.Close() // its connections are lost anyway
	}
}

// drain shuts the servers down one after another, the gateway before what it
// reads from. When time is up it ends the requests that are left, which then
// answer what they have.
func (a *app) drain(servers []*http.Server, cancel context.CancelFunc) error {
	a.logger.Info("draining", "at most", a.cfg.ShutdownTimeout.String())
	ctx, stop := context.WithTimeout(context.Background(), a.cfg.ShutdownTimeout)
	defer stop()
	var errs []error
	defer a.waitForWork()
	a.endpoint.Drain()
	for _, server := range servers {
		if server != a.gateway {
			a.tenants.out.CloseIdleConnections()
		}
		err := server.Shutdown(ctx)
		if server == a.gateway && err == nil {
			err = a.endpoint.Wait(ctx) // the server does not know WebSockets any more
		}
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("requests were still under way after %v and were ended", a.cfg.ShutdownTimeout)
		}
		if err != nil {
			errs = append(errs, err)
			cancel()
			a.end(server)
		}
	}
	return errors.Join(errs...)
}

// boundConnections lets a listener have that many connections. Who comes when there are as many waits until one has
// ended: see idleTimeout and the read timeouts.
func boundConnections(l net.Listener, most int) net.Listener { return netutil.LimitListener(l, most) }
