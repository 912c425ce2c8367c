package main

import (
	"log/slog"
	"net"
	"net/http"
	"slices"

	"github.com/rs/cors"

	"licensegraph/internal/config"
	"licensegraph/internal/graphiql"
)

const endpointPath = "/graphql"

// newHandler returns the handler of all routes, with their middleware in order.
func newHandler(cfg *config.Config, endpoint http.Handler, signIn *graphiql.SignIn, ready *readiness, audit, logger *slog.Logger) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle(endpointPath, chain(endpoint,
		crossOrigin(cfg.CORSOrigins, cfg.CORSHeaders),
		sameOrigin(cfg.CORSOrigins, audit),
		compress,
	))
	mux.Handle("/healthz", chain(http.HandlerFunc(healthz), onlyGet))
	mux.Handle("/readyz", chain(ready, onlyGet))
	if cfg.GraphiQL {
		page, err := newGraphiQL(cfg, signIn)
		if err != nil {
			return nil, err
		}
		mux.Handle("/", page) // responds with 404 to unknown paths
	}
	return chain(mux,
		withRequestID,
		logRequests(logger),
		recoverPanics(logger),
		secureHeaders,
		hostCheck(cfg, audit),
	), nil
}

func newGraphiQL(cfg *config.Config, signIn *graphiql.SignIn) (http.Handler, error) {
	page := graphiql.Config{Endpoint: endpointPath, Title: "licensegraph", Examples: graphiql.Examples()}
	if cfg.UpstreamReport == "header" {
		page.Headers = map[string]string{"Upstream-Report": "true"}
	}
	page.SignIn = signIn
	return graphiql.Handler(page)
}

// hostCheck returns checkHost for a loopback address. For other addresses the valid host names are unknown.
func hostCheck(cfg *config.Config, audit *slog.Logger) middleware {
	host, _, err := net.SplitHostPort(cfg.Listen)
	if err != nil || !config.IsLoopback(host) {
		return func(next http.Handler) http.Handler { return next }
	}
	return checkHost(cfg.AllowedHosts, audit)
}

// crossOrigin allows pages of the listed origins to read responses (CORS), and responds to preflight requests.
func crossOrigin(origins, headers []string) middleware {
	if len(origins) == 0 { // for the library, an empty list means all origins
		return func(next http.Handler) http.Handler { return next }
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost},
		AllowedHeaders: append(slices.Clone(headers), "Accept", "Authorization", "Content-Type", "Upstream-Report", requestIDHeader,
			// Headers of GraphQL clients and of browser tracing (W3C Trace Context and Baggage, Application Insights).
			"Apollographql-Client-Name", "Apollographql-Client-Version", "Apollo-Require-Preflight", "X-Apollo-Operation-Name", "X-Apollo-Operation-Id",
			"Traceparent", "Tracestate", "Baggage", "Request-Id", "Request-Context"),
		ExposedHeaders:       []string{requestIDHeader, "Retry-After", "WWW-Authenticate"},
		MaxAge:               600,
		OptionsSuccessStatus: http.StatusNoContent,
	}).Handler
}

// sameOrigin rejects requests from pages of other origins, which protects against CSRF and against WebSockets from such
// pages. A GET executes queries and opens WebSockets, so the check applies to it as well: an image, a form or a link of
// another site executes nothing. Requests without the headers Sec-Fetch-Site and Origin do not come from a browser and
// pass.
func sameOrigin(origins []string, audit *slog.Logger) middleware {
	protection := http.NewCrossOriginProtection()
	for _, origin := range slices.Compact(slices.Sorted(slices.Values(origins))) {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			panic(err) // validated by package config
		}
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asPost := *r
			asPost.Method = http.MethodPost
			if r.Method != http.MethodOptions && protection.Check(&asPost) != nil {
				deny(w, r, audit, http.StatusForbidden, "Cross-origin request: the page's origin is not in --cors-origin.")
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
