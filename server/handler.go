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

// newHandler lists all routes and what a request passes on its way to them,
// first to last.
func newHandler(cfg *config.Config, endpoint http.Handler, signIn *graphiql.SignIn, ready *readiness, audit, logger *slog.Logger) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle(endpointPath, chain(endpoint,
		crossOrigin(cfg.CORSOrigins, cfg.CORSHeaders),
		sameOrigin(cfg.CORSOrigins, audit),
	))
	mux.Handle("/healthz", chain(http.HandlerFunc(healthz), onlyGet))
	mux.Handle("/readyz", chain(ready, onlyGet, withTimeout(cfg.RequestTimeout)))
	if cfg.GraphiQL {
		page, err := newGraphiQL(cfg, signIn)
		if err != nil {
			return nil, err
		}
		mux.Handle("/", page) // it answers 404 to what it does not have
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

// hostCheck guards a loopback address. Elsewhere the gateway cannot know its
// names.
func hostCheck(cfg *config.Config, audit *slog.Logger) middleware {
	host, _, err := net.SplitHostPort(cfg.Listen)
	if err != nil || !config.IsLoopback(host) {
		return func(next http.Handler) http.Handler { return next }
	}
	return checkHost(cfg.AllowedHosts, audit)
}

// crossOrigin lets pages of the listed origins read answers (CORS), and
// answers their preflights.
func crossOrigin(origins, headers []string) middleware {
	if len(origins) == 0 { // to the library, none means all
		return func(next http.Handler) http.Handler { return next }
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost},
		AllowedHeaders: append(slices.Clone(headers), "Accept", "Authorization", "Content-Type", "Upstream-Report", requestIDHeader,
			// of clients of GraphQL, and of what traces requests in browsers (W3C Trace Context and Baggage, Application Insights)
			"Apollographql-Client-Name", "Apollographql-Client-Version", "Apollo-Require-Preflight", "X-Apollo-Operation-Name", "X-Apollo-Operation-Id",
			"Traceparent", "Tracestate", "Baggage", "Request-Id", "Request-Context"),
		ExposedHeaders:       []string{requestIDHeader, "Retry-After", "WWW-Authenticate"},
		MaxAge:               600,
		OptionsSuccessStatus: http.StatusNoContent,
	}).Handler
}

// sameOrigin refuses what a page of another origin sends, whether or not it
// could read the answer: that is CSRF, and with a WebSocket it would be able to
// read. A GET runs queries and opens WebSockets, so it is held to what a POST
// is: an image, a form or a link of another site runs nothing. What comes from
// no browser has neither of the headers Sec-Fetch-Site and Origin, and passes.
func sameOrigin(origins []string, audit *slog.Logger) middleware {
	protection := http.NewCrossOriginProtection()
	for _, origin := range slices.Compact(slices.Sorted(slices.Values(origins))) {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			panic(err) // validated before
		}
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asPost := *r
			asPost.Method = http.MethodPost
			if r.Method != http.MethodOptions && protection.Check(&asPost) != nil {
				deny(w, r, audit, http.StatusForbidden, "A page of another origin sent this: its origin has to be one of --cors-origin.")
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
