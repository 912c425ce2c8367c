package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"licensegraph/internal/limits"
	"licensegraph/internal/logs"
	"licensegraph/internal/transport"
	"licensegraph/loaders"

	"licensegraph/internal/config"
)

// middleware wraps a handler.
type middleware func(http.Handler) http.Handler

// chain wraps a handler so that the first middleware sees a request first.
func chain(handler http.Handler, first ...middleware) http.Handler {
	for _, m := range slices.Backward(first) {
		handler = m(handler)
	}
	return handler
}

const requestIDHeader = "X-Request-Id"

// withRequestID gives each request an id, the caller's own when that is sane,
// and sends it back.
func withRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestIDHeader)
		if !saneRequestID(id) {
			id = rand.Text()
		}
		w.Header().Set(requestIDHeader, id)
		next.ServeHTTP(w, r.WithContext(logs.WithRequestID(r.Context(), id)))
	})
}

// saneRequestID keeps ids out of the log that are long or made to look like
// something else.
func saneRequestID(id string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:"
	return id != "" && len(id) <= 128 && strings.Trim(id, allowed) == "" && !strings.ContainsFunc(id, func(r rune) bool {
		return !strings.ContainsRune(allowed, r)
	})
}

// logRequests writes a record for each request. It never holds the query or
// its variables, which are in the URL of a GET, nor a path that is none of the
// gateway's: it says which route was taken.
func logRequests(logger *slog.Logger) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			start := time.Now()
			recorder := &statusRecorder{ResponseWriter: w}
			defer func() {
				level := slog.LevelInfo
				if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
					level = slog.LevelDebug
				}
				status := recorder.code()
				if errors.Is(r.Context().Err(), context.Canceled) {
					status = statusClientGone
				}
				logger.Log(r.Context(), level, "request",
					"method", limits.Cut(r.Method, 16), "path", r.Pattern,
					"status", status, "bytes", recorder.bytes,
					"milliseconds", time.Since(start).Milliseconds())
			}()
			next.ServeHTTP(recorder, r)
		})
	}
}

// statusClientGone is the status in the log of a request whose client did not wait for the answer, as in the log of nginx.
const statusClientGone = 499

// statusRecorder remembers what was answered.
type statusRecorder struct {
	http.ResponseWriter
	status int
	bytes  int
}

func (r *statusRecorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *statusRecorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += n
	return n, err
}

// Unwrap lets [http.ResponseController] reach the connection.
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// code is the status, which is 200 when a handler said nothing.
func (r *statusRecorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}

// recoverPanics turns a panic into one record and a 500. It is the last net:
// resolvers and the GraphQL endpoint have their own. The record says where it
// happened and not what it said, which can be about somebody.
func recoverPanics(logger *slog.Logger) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				switch p := recover(); p {
				case nil:
				case http.ErrAbortHandler:
					panic(p)
				default:
					caught := loaders.Recovered(p)
					logger.ErrorContext(r.Context(), "panic in a handler", "panic", caught.What, "at", caught.At, "stack", string(debug.Stack()))
					http.Error(w, "internal error", http.StatusInternalServerError)
				}
			}()
			next.ServeHTTP(w, r)
		})
	}
}

// secureHeaders forbids a browser what no answer of the gateway needs, errors
// included, and keeps answers out of every cache: they hold data of people. The
// GraphiQL page sets its own policy and times.
func secureHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		// Browsers heed it where TLS has brought it (RFC 6797, section 8.1). It
		// is for the whole host, which a developer's own machine has to survive.
		if r.Header.Get("X-Forwarded-Proto") == "https" && !config.IsLoopback(hostName(r.Host)) {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// hostName is a host without its port.
func hostName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// checkHost refuses requests to a loopback address under a foreign name. A
// web page can make its own name point at 127.0.0.1 and would then read
// answers as its own (DNS rebinding).
func checkHost(allowed []string, audit *slog.Logger) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			host := hostName(r.Host)
			if !config.IsLoopback(host) && !slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(a, host) }) {
				deny(w, r, audit, http.StatusMisdirectedRequest, "The gateway is not known under this host name: see --allowed-host.")
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// deny refuses a request before anything of it is read, and notes that. It is
// an answer of GraphQL where one is expected.
func deny(w http.ResponseWriter, r *http.Request, audit *slog.Logger, status int, text string) {
	audit.InfoContext(r.Context(), "denied", "outcome", "forbidden", "reason", text, "peer", r.RemoteAddr)
	if r.URL.Path != endpointPath {
		http.Error(w, text, status)
		return
	}
	transport.WriteError(w, status, "FORBIDDEN", text)
}

// withTimeout ends the request's context when its time is up.
func withTimeout(timeout time.Duration) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), timeout)
			defer cancel()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
}

// onlyGet refuses methods that change something. (The mux cannot: to it, "/"
// takes them.)
func onlyGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "the method has to be GET", http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}
