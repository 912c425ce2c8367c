package graph_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"

	"licensegraph/internal/emulator"
)

// TestSlowEndpoint tests that other queries are answered while one endpoint does not respond to many clients.
func TestSlowEndpoint(t *testing.T) {
	t.Parallel()
	const clients = 40
	g := startGateway(t, emulator.Options{Users: 20})
	target, err := url.Parse(g.tenant.URL)
	if err != nil {
		t.Fatal(err)
	}
	tenant := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	slow, over := make(chan struct{}, 3*clients), make(chan struct{})
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/beta/groups" {
			slow <- struct{}{}
			<-over
		}
		tenant.ServeHTTP(w, r)
	}))
	t.Cleanup(service.Close)
	g.graphURL, g.timeout = service.URL, 0
	g.restart()
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			if r := g.ask(`{ groups(first: 100) { nodes { id } } }`, nil); len(r.Errors) > 0 {
				t.Errorf("%v", r.Errors)
			}
		})
	}
	<-slow
	for _, query := range []string{
		`{ users(first: 100) { nodes { id } } }`,
		`{ subscribedSkus { nodes { skuId } } allotments { nodes { id } } }`,
	} {
		for range 5 {
			if r := g.ask(query, nil); len(r.Errors) > 0 {
				t.Errorf("%s: %v", query, r.Errors)
			}
		}
	}
	close(over)
	group.Wait()
}
