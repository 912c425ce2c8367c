package main

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"licensegraph/internal/limits"
	"licensegraph/internal/logs"
	"licensegraph/internal/transport"
	"licensegraph/internal/upstream"

	"licensegraph/internal/config"
)

// middleware wraps a handler.
type middleware func(http.Handler) http.Handler

// chain wraps a handler in middleware; the first one runs first.
func chain(handler http.Handler, first ...middleware) http.Handler {
	for _, m := range slices.Backward(first) {
		handler = m(handler)
	}
	return handler
}

const requestIDHeader = "X-Request-Id"

// withRequestID sets the ID of each request, which is the client's if that is valid, and sends it in the response.
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

// saneRequestID rejects IDs that are long or have special characters.
func saneRequestID(id string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:"
	return id != "" && len(id) <= 128 && strings.Trim(id, allowed) == "" && !strings.ContainsFunc(id, func(r rune) bool {
		return !strings.ContainsRune(allowed, r)
	})
}

// logRequests logs each request with its route. The record never includes the query or its variables, which are in the
// URL of a GET, or an unknown path.
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

// statusClientGone is the logged status of a request whose client disconnected, as in nginx.
const statusClientGone = 499

// statusRecorder records the status and the size of a response.
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

// Unwrap implements the interface for [http.ResponseController].
func (r *statusRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// code returns the status; 200 if the handler did not set it.
func (r *statusRecorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}

// recoverPanics responds to a panic with 500 and logs it. Resolvers and the GraphQL endpoint recover from panics
// themselves. The record has the location but not the value, which can include personal data.
func recoverPanics(logger *slog.Logger) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				switch p := recover(); p {
				case nil:
				case http.ErrAbortHandler:
					panic(p)
				default:
					caught := upstream.Recovered(p)
					logger.ErrorContext(r.Context(), "panic in a handler", "panic", caught.What, "at", caught.At, "stack", string(debug.Stack()))
					http.Error(w, "internal error", http.StatusInternalServerError)
				}
			}()
			next.ServeHTTP(w, r)
		})
	}
}

// restrictive are headers that restrict browsers and disable caching, since responses contain personal data.
var restrictive = http.Header{
	"Cache-Control":                {"no-store"},
	"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
	"Cross-Origin-Opener-Policy":   {"same-origin"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Permissions-Policy":           {"camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
	"Referrer-Policy":              {"no-referrer"},
	"X-Content-Type-Options":       {"nosniff"},
	"X-Frame-Options":              {"DENY"},
}

// secureHeaders sets the restrictive headers. The GraphiQL page replaces its policy and cache lifetime.
func secureHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		maps.Copy(h, restrictive)
		// Browsers accept the header over TLS only (RFC 6797, section 8.1). It applies to the whole host, so it is not
		// sent on a loopback address.
		if (r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https") && !config.IsLoopback(hostName(r.Host)) {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// hostName returns a host without its port.
func hostName(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// checkHost rejects requests to a loopback address with another host name. A web page can resolve its own name to
// 127.0.0.1 and then read responses as its own (DNS rebinding).
func checkHost(allowed []string, audit *slog.Logger) middleware {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			host := hostName(r.Host)
			if !config.IsLoopback(host) && !slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(a, host) }) {
				deny(w, r, audit, http.StatusMisdirectedRequest, "Unknown host name: see --allowed-host.")
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// deny rejects a request before it is read and audits that. For the GraphQL endpoint, the body is a GraphQL response.
func deny(w http.ResponseWriter, r *http.Request, audit *slog.Logger, status int, text string) {
	audit.InfoContext(r.Context(), "denied", "outcome", "forbidden", "reason", text, "peer", r.RemoteAddr)
	if r.URL.Path != endpointPath {
		http.Error(w, text, status)
		return
	}
	transport.WriteError(w, status, "FORBIDDEN", text)
}

// onlyGet rejects methods other than GET and HEAD. The mux accepts all methods for "/".
func onlyGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed: use GET", http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}
