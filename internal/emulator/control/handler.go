// Package control implements the endpoints under /-/, with which another
// process controls a running emulator: faults, variants, the clock, the state,
// purchases, counts and tokens. They are not part of Graph.
package control

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"

	"licensegraph/internal/emulator/clock"
	"licensegraph/internal/emulator/fault"
	"licensegraph/internal/emulator/settings"
	"licensegraph/internal/emulator/store"
	"licensegraph/internal/emulator/traffic"
	"licensegraph/internal/emulator/wire"
)

// Path is the path prefix of the endpoints.
const Path = "/-/"

const (
	notice       = "This is the control endpoint of an embedded test tenant. It is not part of Microsoft Graph."
	maxBody      = 256 << 10 // of a request
	maxState     = 256 << 20 // of a state
	maxShown     = 1_000     // log entries in one answer
	maxShownBody = 16 << 10  // of each entry
)

// Tokens issues access tokens to Graph, and manages their signing keys.
type Tokens interface {
	ApplicationToken(roles []string) (token string, seconds int)
	DelegatedToken(userID string, scopes []string) (token string, seconds int)
	RotateKeys()
}

// Config is the configuration of the endpoints.
type Config struct {
	Open               bool // accept requests from other machines
	TenantID, ClientID string
	Store              *store.Store
	Faults             *fault.Queue
	Traffic            *traffic.Log
	Clock              *clock.Clock
	Variants           *atomic.Pointer[settings.Variants]
	Tokens             Tokens
	Load               func(io.ReadSeeker) error // replaces the tenant with a saved one
	Reset              func()                    // restores the initial tenant
}

// Handler serves the endpoints.
type Handler struct{ c Config }

// New returns a handler.
func New(c Config) *Handler { return &Handler{c} }

// failure is an error with its status.
type failure struct {
	status        int
	code, message string
}

func (e *failure) Error() string { return e.message }

func fail(status int, code, format string, args ...any) error {
	return &failure{status, code, fmt.Sprintf(format, args...)}
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := h.answer(r)
	status := http.StatusOK
	if err != nil {
		f := &failure{http.StatusBadRequest, "invalidRequest", err.Error()}
		_ = errors.As(err, &f) // Other errors are about the request.
		status, body = f.status, object{"error": object{"code": f.code, "message": f.message}}
	}
	file, saved := body.(*os.File)
	if saved {
		defer os.Remove(file.Name())
		defer file.Close()
	}
	if o, ok := body.(object); ok {
		o["notice"] = notice
	}
	header := w.Header()
	header.Set("X-Embedded-Tenant", "control")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if saved {
		_, _ = io.Copy(w, file)
		return
	}
	_, _ = w.Write(append(wire.Encode(body), '\n')) // A failed connection cannot report an error.
}

func (h *Handler) answer(r *http.Request) (any, error) {
	if err := h.guard(r); err != nil {
		return nil, err
	}
	path := strings.TrimPrefix(r.URL.Path, Path)
	var methods []string
	for _, c := range endpoints {
		if prefix, of := strings.CutSuffix(c.Path, "{id}"); c.Path != path && (!of || !strings.HasPrefix(path, prefix) || strings.Count(path, "/") != 1 || len(path) == len(prefix)) {
			continue
		}
		if c.Method != r.Method {
			methods = append(methods, c.Method)
			continue
		}
		limit := int64(maxBody)
		if c.Path == "state" {
			limit = maxState
		}
		body, err := readBody(r, limit)
		if err != nil {
			return nil, err
		}
		return c.handler(h, r, body)
	}
	if methods != nil {
		return nil, fail(http.StatusMethodNotAllowed, "methodNotAllowed", "%s takes %s.", r.URL.Path, strings.Join(methods, ", "))
	}
	return nil, fail(http.StatusNotFound, "notFound", "Unknown path. GET %s lists the endpoints.", Path)
}

// guard rejects requests of web pages in a browser, including DNS rebinding,
// and requests from other machines unless the endpoints are open.
func (h *Handler) guard(r *http.Request) error {
	refuse := func(format string, args ...any) error {
		return fail(http.StatusForbidden, "forbidden", format, args...)
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || u.Host != r.Host {
			return refuse("Web pages of other origins cannot use the control endpoint.")
		}
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return refuse("Web pages of other sites cannot use the control endpoint.")
	}
	if h.c.Open {
		return nil
	}
	if host := (&url.URL{Host: r.Host}).Hostname(); !wire.IsLoopback(host) {
		return refuse("The control endpoint answers under the names of this machine, such as localhost. Start the emulator with an open one for others.")
	}
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || !wire.IsLoopback(peer) {
		return refuse("The control endpoint answers this machine alone. Start the emulator with an open one for others.")
	}
	for name := range r.Header {
		if name == "Forwarded" || name == "Via" || name == "X-Real-Ip" || strings.HasPrefix(name, "X-Forwarded-") {
			return refuse("The control endpoint does not answer through a proxy. Start the emulator with an open one for that.")
		}
	}
	return nil
}

// readBody reads a body, which must be JSON unless it is empty.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	switch {
	case err != nil:
		return nil, fail(http.StatusBadRequest, "invalidRequest", "The body cannot be read.")
	case int64(len(body)) > limit:
		return nil, fail(http.StatusRequestEntityTooLarge, "tooLarge", "The body is longer than %d bytes.", limit)
	case len(body) == 0:
		return nil, nil
	}
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
		return nil, fail(http.StatusUnsupportedMediaType, "unsupportedMediaType", "The body has to be sent with Content-Type: application/json.")
	}
	return body, nil
}

type object = map[string]any
