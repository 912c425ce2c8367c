package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
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
	"licensegraph/internal/metrics"
	"licensegraph/internal/transport"
)

// app is the running program: the gateway and, without a real tenant, the embedded tenant.
type app struct {
	cfg         *config.Config
	logger      *slog.Logger
	listeners   listeners
	gateway     *http.Server
	embedded    *http.Server // nil with a real tenant
	admin       *http.Server // nil without --admin-listen
	tenants     *tenants
	auth        *transport.Authenticator
	signIn      *graphiql.SignIn // nil without authentication
	endpoint    *transport.Endpoint
	resolver    *graph.Resolver
	work        sync.WaitGroup // requests in progress
	ready       *readiness
	tenant      *emulator.Emulator // nil with a real tenant
	trusted     *documents.Trusted // nil without a manifest
	upstream    string             // URL of Microsoft Graph in the startup message
	certificate *certificate       // nil without TLS
	sources     []*source
}

const (
	idleTimeout    = 2 * time.Minute
	endWait        = 5 * time.Second // for canceled requests
	maxHeaderBytes = 64 << 10        // includes a query in the URL
)

// newApp builds the program. It does not serve yet.
func newApp(cfg *config.Config, l listeners, audit, logger *slog.Logger) (*app, error) {
	a := &app{cfg: cfg, logger: logger, listeners: l}
	counts := metrics.New()
	services := cfg.Services()
	ids, application := cfg.TenantIDs, entra.Options{ClientID: cfg.ClientID, Credential: cfg.Credential}
	a.upstream = fmt.Sprintf("%s (tenant %s)", services.GraphURL, strings.Join(ids, ", "))
	if cfg.ServesEmbedded() {
		demo := cfg.Embedded
		demo.Variants = append([]string{"reportNames"}, demo.Variants...) // so that a demonstration shows activity
		tenant, err := embedded.Open(&demo, func(name string) string { return "--embedded-" + name }, emulator.SignIn{Scopes: embedded.Scopes, SinglePage: pages(cfg, l.gateway)})
		if err != nil {
			return nil, err
		}
		url := embedded.LocalURL(l.embedded)
		services = config.Services{GraphURL: url, Authority: url}
		ids, application = []string{tenant.TenantID()}, entra.Options{ClientID: tenant.ClientID(), Credential: entra.Secret(identity.Secret(tenant.ClientSecret()))}
		a.embedded = a.newServer(tenant)
		embedded.AssignRoles(tenant)
		a.upstream = fmt.Sprintf("%s/beta (embedded: %d fictitious users)", url, tenant.UserCount())
		a.tenant = tenant
	}
	var err error
	if a.tenants, err = newTenants(cfg, ids, services, application, counts.Upstream(), logger); err != nil {
		return nil, err
	}
	resolver, err := newResolver(cfg, a.tenants, counts.Read, audit, logger)
	if err != nil {
		return nil, err
	}
	a.resolver = resolver
	a.auth = a.newAuthenticator(entra.VerifierOptions{
		Authority: services.Authority, IssuerV1: services.IssuerV1, IssuersV2: services.IssuersV2, TenantIDs: ids, Audiences: cfg.AudiencesOf(application.ClientID),
		ScopesAlone: cfg.ScopesAlone || cfg.Outbound == "on-behalf-of", Client: a.tenants.out.Reader(0), Logger: logger,
	}, audit)
	a.ready = newReadiness(a.checkAll, logger)
	var docs *documents.Extension
	if a.trusted, docs, err = newDocuments(cfg, resolver.Schema(), logger); err != nil {
		return nil, err
	}
	exec := execution.New(resolver.Schema(), execution.Options{
		Limits: cfg.Limits(), Introspection: cfg.Introspection, Documents: docs,
		Present: graph.PresentError, Recover: graph.Recover(logger), Extensions: []graphql.HandlerExtension{resolver.Extension()},
	})
	a.endpoint = newEndpoint(cfg, exec, a.auth, observe(counts, cfg.SlowAfter, logger))
	handler, err := newHandler(cfg, a.endpoint, a.signIn, a.ready, audit, logger)
	if err != nil {
		return nil, err
	}
	a.gateway = a.newServer(a.working(handler))
	if a.certificate, err = openCertificate(cfg); err != nil {
		return nil, err
	}
	a.serveProtocols(a.gateway)
	a.sources = a.newSources()
	if l.admin != nil {
		gauges(counts, a.endpoint, a.ready)
		a.admin = a.newServer(newAdmin(cfg, counts, a.ready, logger))
		a.admin.WriteTimeout = profileWait
	}
	return a, nil
}

// newAuthenticator returns the authenticator of callers.
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

// resource returns the application ID URI in scopes of the gateway; its client ID if there is none.
func resource(audiences []string) string {
	for _, audience := range audiences {
		if strings.Contains(audience, "://") {
			return audience
		}
	}
	return audiences[0]
}

// newEndpoint connects the transports to the executor.
func newEndpoint(cfg *config.Config, exec *executor.Executor, auth *transport.Authenticator, observe func(context.Context, *transport.Record)) *transport.Endpoint {
	return transport.New(transport.Options{
		Observe: observe, Report: graph.Report,
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
		// The timeout covers the whole request, including a body that no handler reads. A shorter timeout would cancel
		// requests in progress.
		ReadTimeout: a.cfg.ReadHeaderTimeout + a.cfg.RequestTimeout,
		// The timeout covers execution and the response.
		WriteTimeout:   2 * a.cfg.RequestTimeout,
		IdleTimeout:    idleTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(a.logger.Handler(), slog.LevelWarn),
	}
}

// announce prints URLs and how to stop, or logs them if the log is JSON. It does not use standard output, which is for
// the audit log.
func (a *app) announce(ctx context.Context, stderr io.Writer) {
	url := gatewayURL(a.cfg, a.listeners.gateway)
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
		signIn = "Sign in          as License Administrator (all permissions) or Global Reader (read permissions), without a password\n"
	}
	admin := ""
	if a.admin != nil {
		admin = "Metrics          " + embedded.LocalURL(a.listeners.admin) + "/metrics\n"
	}
	fmt.Fprintf(stderr, "GraphiQL         %s\nGraphQL          %s\nMicrosoft Graph  %s\n%s%sCtrl-C stops.\n", page, url+endpointPath, a.upstream, admin, signIn)
}

// gatewayURL returns the URL of the gateway on this machine.
func gatewayURL(cfg *config.Config, l net.Listener) string {
	url := embedded.LocalURL(l)
	if cfg.TLSCertFile != "" {
		url = strings.Replace(url, "http://", "https://", 1)
	}
	return url
}

// pages returns the URLs of GraphiQL on this machine, which are redirect URIs.
func pages(cfg *config.Config, l net.Listener) []string {
	url := gatewayURL(cfg, l)
	scheme, _, _ := strings.Cut(url, "://")
	return []string{url + "/", scheme + "://localhost:" + strconv.Itoa(l.Addr().(*net.TCPAddr).Port) + "/"}
}

// serve serves until the context ends or a server fails, and then drains.
func (a *app) serve(ctx context.Context) error {
	// Requests outlive the signal. They are canceled when the drain times out.
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer a.tenants.out.CloseIdleConnections()
	defer a.tenants.close()

	group, ctx := errgroup.WithContext(ctx)
	servers := []*http.Server{a.gateway}
	group.Go(serving(a.gateway, boundConnections(a.listeners.gateway, a.cfg.MaxConnections), base))
	if a.embedded != nil {
		servers = append(servers, a.embedded)
		group.Go(serving(a.embedded, a.listeners.embedded, base))
	}
	if a.admin != nil { // to the end, so that a drain can be observed
		servers = append(servers, a.admin)
		group.Go(serving(a.admin, boundConnections(a.listeners.admin, adminConnections), base))
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
		ticker := time.NewTicker(readyEvery)
		defer ticker.Stop()
		a.ready.run(ctx, ticker.C)
		return nil
	})
	group.Go(func() error {
		a.auth.Run(ctx)
		return nil
	})
	group.Go(func() error {
		a.endpoint.Run(ctx)
		return nil
	})
	for _, source := range a.sources {
		if source.watched {
			group.Go(func() error {
				ticker := time.NewTicker(watchEvery)
				defer ticker.Stop()
				source.watch(ctx, a.logger, ticker.C)
				return nil
			})
		}
	}
	group.Go(func() error {
		reloadAt(ctx, hangups, a.sources, a.logger)
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		a.ready.draining.Store(true)
		if errors.Is(context.Cause(ctx), errTerminated) {
			a.logger.Info("readiness check fails, still serving", "for", a.cfg.ShutdownDelay.String())
			<-time.After(a.cfg.ShutdownDelay)
		}
		return a.drain(servers, cancel)
	})
	err := group.Wait()
	if a.tenant != nil {
		err = errors.Join(err, embedded.Save(&a.cfg.Embedded, a.tenant))
	}
	return err
}

// serving returns a function that runs a server until it is shut down.
func serving(server *http.Server, l net.Listener, base context.Context) func() error {
	server.BaseContext = func(net.Listener) context.Context { return base }
	return func() error {
		serve := server.Serve
		if server.TLSConfig != nil {
			serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") } // the configuration has the certificate
		}
		if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
}

// working counts requests in progress.
func (a *app) working(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.work.Add(1)
		defer a.work.Done()
		next.ServeHTTP(w, r)
	})
}

// waitForWork waits for canceled requests to return, which complete the audit log of their changes.
func (a *app) waitForWork() {
	done := make(chan struct{})
	go func() { // ends with the last request
		a.work.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(endWait):
		a.logger.Error("canceled requests are still running: the audit log may lack their changes")
	}
}

// end closes a server whose requests were canceled, after they have responded.
func (a *app) end(server *http.Server) {
	ctx, stop := context.WithTimeout(context.Background(), endWait)
	defer stop()
	if server.Shutdown(ctx) != nil {
		_ = server.Close() // the connections are closed in any case
	}
}

// drain shuts the servers down one after another, the gateway before the embedded tenant. After the timeout it cancels
// the remaining requests, which respond with partial results.
func (a *app) drain(servers []*http.Server, cancel context.CancelFunc) error {
	a.logger.Info("draining", "at most", a.cfg.ShutdownTimeout.String())
	ctx, stop := context.WithTimeout(context.Background(), a.cfg.ShutdownTimeout)
	defer stop()
	var errs []error
	defer a.waitForWork()
	a.endpoint.Drain()
	for _, server := range servers {
		if server != a.gateway {
			a.tenants.close() // no operation waits for its reads
			a.tenants.out.CloseIdleConnections()
		}
		err := server.Shutdown(ctx)
		if server == a.gateway && err == nil {
			err = a.endpoint.Wait(ctx) // http.Server does not wait for WebSockets
		}
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("canceled requests that were still in progress after %v", a.cfg.ShutdownTimeout)
		}
		if err != nil {
			errs = append(errs, err)
			cancel()
			a.end(server)
		}
	}
	return errors.Join(errs...)
}

// boundConnections limits the number of open connections of a listener. Further connections wait until one ends; see
// idleTimeout and the read timeouts.
func boundConnections(l net.Listener, most int) net.Listener { return netutil.LimitListener(l, most) }
