package graph_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"licensegraph/internal/emulator"
)

// replay answers each request with the recorded first response.
type replay struct {
	service string
	mu      sync.Mutex
	answers map[string]*replayed
}

type replayed struct {
	status int
	header http.Header
	body   []byte
}

func (p *replay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	key := r.Method + " " + r.URL.String() + "\n" + string(sent)
	p.mu.Lock()
	answer := p.answers[key]
	p.mu.Unlock()
	if answer == nil {
		answer = p.first(r, sent)
		p.mu.Lock()
		p.answers[key] = answer
		p.mu.Unlock()
	}
	for name, values := range answer.header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.status)
	w.Write(answer.body) //nolint:errcheck // the client reports it
}

func (p *replay) first(r *http.Request, sent []byte) *replayed {
	out, err := http.NewRequestWithContext(r.Context(), r.Method, p.service+r.URL.String(), bytes.NewReader(sent))
	if err != nil {
		panic(err)
	}
	out.Header = r.Header.Clone()
	out.Header.Del("Accept-Encoding") // the transport decompresses
	resp, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(err)
	}
	return &replayed{resp.StatusCode, resp.Header, bytes.ReplaceAll(body, []byte(p.service), []byte("http://"+r.Host))}
}

// BenchmarkMainQuestion runs mainQuestion for 100 errors without an upstream service.
func BenchmarkMainQuestion(b *testing.B) {
	g := startGateway(b, emulator.Options{Users: 2000, Variants: emulator.Variants{Throttling: emulator.Throttling{Off: true}}})
	upstream := httptest.NewServer(&replay{service: g.tenant.URL, answers: map[string]*replayed{}})
	b.Cleanup(upstream.Close)
	g.graphURL = upstream.URL
	g.restart()
	query := strings.Replace(mainQuestion, "100", fmt.Sprint(100), 1)
	r := g.ask(query, nil)
	if len(r.Errors) > 0 {
		b.Fatal(r.Errors)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		g.ask(query, nil)
	}
	b.ReportMetric(float64(r.Extensions.Upstream.Requests), "requests/op")
}
