// Package graphiql serves GraphiQL, the browser's GraphQL workbench, from
// inside the binary. It is for the administrator who has a question and for
// the developer who explores the schema; both get example queries in tabs.
//
// The page, its editor, its workers and its fonts are embedded compressed, as
// "npm ci && npm run build" in ui/ leaves them in dist/. No request leaves the
// host but to the sign-in service, and the page's Content-Security-Policy would
// refuse one. The package
// knows nothing of the schema and answers no GraphQL: it sends the page to
// Config.Endpoint.
package graphiql

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
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
	// SignIn is how people get an access token for the endpoint; nil where it asks for none.
	SignIn *SignIn `json:"signIn,omitempty"`
}

// SignIn is where the page signs people in: authorization code with PKCE (RFC 7636), as a single-page application
// whose redirect URI is the page's own address.
type SignIn struct {
	// Authority is the tenant at the sign-in service, such as https://login.microsoftonline.com/contoso.com.
	Authority string `json:"authority"`
	// ClientID is the public client as which the page signs in. Without one it shows no button, and says what is
	// missing: people can still paste a header.
	ClientID string `json:"clientId"`
	// Scope is what the page asks a token for, such as api://<client id of the endpoint>/.default.
	Scope string `json:"scope"`
}

// origin is that of the sign-in service; empty where the page does not call it.
func (s *SignIn) origin() (string, error) {
	if s == nil || s.ClientID == "" {
		return "", nil
	}
	u, err := url.Parse(s.Authority)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.ContainsAny(u.Host, " ;,'\"") {
		return "", errors.New("graphiql: the authority is not an address")
	}
	return u.Scheme + "://" + u.Host, nil
}

// contentSecurityPolicy lets the page load from its own origin only, and call besides it the sign-in service alone. The
// editor writes style elements as it goes, hence 'unsafe-inline' for styles; fonts are data URLs in the style sheets.
func contentSecurityPolicy(signIn string) string {
	return strings.Replace("default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "+
		"font-src 'self' data:; img-src 'self' data:; connect-src 'self' SIGN-IN; worker-src 'self'; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'", " SIGN-IN", strings.TrimRight(" "+signIn, " "), 1)
}

// Handler serves the page at "/" and what it needs beside it. To serve it
// elsewhere, strip the prefix; the page's own links are relative.
func Handler(cfg Config) (http.Handler, error) {
	if cfg.Examples == nil {
		cfg.Examples = []Example{}
	}
	signIn, err := cfg.SignIn.origin()
	if err != nil {
		return nil, err
	}
	policy := contentSecurityPolicy(signIn)
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
		h.Set("Content-Security-Policy", policy)
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
