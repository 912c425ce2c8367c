// Package graphiql serves GraphiQL, the browser's GraphQL workbench, from
// inside the binary. It is for the administrator who has a question and for
// the developer who explores the schema; both get example queries in tabs.
//
// The page, its editor, its workers and its fonts are embedded compressed, as
// "npm ci && npm run build" in ui/ leaves them in dist/. No request leaves the
// host, and the page's Content-Security-Policy would refuse one. The package
// knows nothing of the schema and answers no GraphQL: it sends the page to
// Config.Endpoint.
package graphiql

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Config is what the page shows and where it sends operations.
type Config struct {
	// Endpoint answers GraphQL over POST, for example "/graphql".
	Endpoint string `json:"endpoint"`
	// Title names the service, in the page and in the browser's tab.
	Title string `json:"title"`
	// Examples open as tabs on a first visit, the first one in front.
	Examples []Example `json:"examples"`
	// Headers go with every request of the page. Whoever can read the page
	// can read them, so they must not hold secrets.
	Headers map[string]string `json:"headers"`
}

// contentSecurityPolicy lets the page load and call its own origin only. The
// editor writes style elements as it goes, hence 'unsafe-inline' for styles;
// fonts are data URLs in the style sheets.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
	"font-src 'self' data:; img-src 'self' data:; connect-src 'self'; worker-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves the page at "/" and what it needs beside it. To serve it
// elsewhere, strip the prefix; the page's own links are relative.
func Handler(cfg Config) (http.Handler, error) {
	if cfg.Examples == nil {
		cfg.Examples = []Example{}
	}
	config, err := json.Marshal(cfg)
	if err != nil {
		return nil, fmt.Errorf("graphiql: encode config: %w", err)
	}
	files, err := embedded()
	if err != nil {
		return nil, fmt.Errorf("graphiql: embedded files: %w", err)
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		files["index.html"].serve(w, r)
	})
	mux.HandleFunc("GET /assets/{name}", func(w http.ResponseWriter, r *http.Request) {
		f, ok := files["assets/"+r.PathValue("name")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		// The name carries a hash of the content, so it never changes.
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		f.serve(w, r)
	})
	mux.HandleFunc("GET /licenses.md", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		files["licenses.md"].serve(w, r)
	})
	mux.HandleFunc("GET /graphiql.json", plain("application/json", "no-cache", config))
	// Browsers ask for favicon.ico whatever a page says, and take SVG there.
	mux.HandleFunc("GET /favicon.ico", plain("image/svg+xml", "public, max-age=86400", favicon))
	mux.HandleFunc("GET /favicon.svg", plain("image/svg+xml", "public, max-age=86400", favicon))
	return mux, nil
}

// plain serves body as it is.
func plain(contentType, cacheControl string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", cacheControl)
		h.Set("Content-Type", contentType)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Length", strconv.Itoa(len(body)))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	}
}
