package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"licensegraph/internal/emulator"
	"licensegraph/internal/emulator/emulatortest"
)

// TestCompression sends responses in the coding that the client prefers, small ones and event streams as they are.
func TestCompression(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	const large, small = `{"query":"{ users(first: 60) { nodes { id displayName userPrincipalName assignedPlans { service servicePlanId } } } }"}`, `{"query":"{ __typename }"}`
	plain := p.compressed(t, large, "application/json", "")
	for _, tt := range []struct{ body, accept, encodings, want string }{
		{large, "application/json", "gzip", "gzip"},
		{large, "application/json", "gzip, deflate, br, zstd", "zstd"},
		{large, "application/graphql-response+json", "zstd;q=0.5, gzip", "gzip"},
		{large, "application/json", "gzip;q=0", ""},
		{large, "application/json", "br", ""},
		{small, "application/json", "gzip, zstd", ""},
		{large, "text/event-stream", "gzip, zstd", ""},
	} {
		got := p.compressed(t, tt.body, tt.accept, tt.encodings)
		if got.coding != tt.want || !strings.Contains(got.vary, "Accept-Encoding") {
			t.Errorf("%s of %s: %q, Vary %q", tt.encodings, tt.accept, got.coding, got.vary)
		}
		if tt.want != "" && (!bytes.Equal(got.data(), plain.data()) || got.sent > len(got.body)/2) {
			t.Errorf("%s: %d bytes sent of %d, %d without a coding", tt.want, got.sent, len(got.body), len(plain.body))
		}
	}
}

// encoded is a response and its coding.
type encoded struct {
	body         []byte
	sent         int // bytes of the body as it was sent
	coding, vary string
}

// data returns the body without the extensions, which measure time.
func (e encoded) data() []byte {
	data, _, _ := bytes.Cut(e.body, []byte(`,"extensions"`))
	return data
}

// compressed posts an operation and decodes the response.
func (p *program) compressed(t *testing.T, body, accept, encodings string) (e encoded) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/graphql", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {accept}, "Accept-Encoding": {encodings}}
	resp, err := p.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	sent, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d: %v: %s", resp.StatusCode, err, sent)
	}
	e = encoded{body: sent, sent: len(sent), coding: resp.Header.Get("Content-Encoding"), vary: resp.Header.Get("Vary")}
	var decoder io.Reader
	switch e.coding {
	case "gzip":
		decoder, err = gzip.NewReader(bytes.NewReader(sent))
	case "zstd":
		decoder, err = zstd.NewReader(bytes.NewReader(sent), zstd.WithDecoderConcurrency(1))
	default:
		return e
	}
	if err == nil {
		e.body, err = io.ReadAll(decoder)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestEventsStart tests that the headers of an event stream are sent before its first event, with any coding.
func TestEventsStart(t *testing.T) {
	t.Parallel()
	tenant := emulatortest.Start(t, emulator.Options{Users: 60})
	release := make(chan struct{})
	tenant.Inject(emulator.Fault{Endpoint: "GET /groups", Times: -1, Rewrite: func(body []byte) []byte {
		<-release
		return body
	}})
	p := start(t, map[string]string{"LICENSEGRAPH_CLIENT_SECRET": tenant.ClientSecret()},
		"--tenant-id="+tenant.TenantID(), "--client-id="+tenant.ClientID(), "--graph-url="+tenant.URL, "--authority="+tenant.URL)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // before the first comment that keeps the stream alive
	defer cancel()
	for _, coding := range []string{"identity", "gzip, zstd"} {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/graphql", strings.NewReader(`{"query":"{ groups { nodes { id } } }"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"text/event-stream"}, "Accept-Encoding": {coding}}
		resp, err := p.client.Do(r) // while the tenant waits
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
	}
	close(release)
}

// BenchmarkCompression compresses an answer of 1 MB.
func BenchmarkCompression(b *testing.B) {
	p := start(b, nil, "--embedded-users=999", "--log-level=error")
	query := `{"query":"{ users(first: 999) { nodes { id displayName userPrincipalName department licenseAssignmentStates { skuId state error sku { productName } assignedByGroup { displayName } } assignedPlans { servicePlanId capabilityStatus } } } }"}`
	resp, err := p.client.Do(post(b, p.url+"/graphql", []byte(query)))
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || len(answer) < 1e6 {
		b.Fatalf("%d bytes, %v", len(answer), err)
	}
	answer = answer[:1e6]
	handler := compress(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaTypeJSON)
		w.Write(answer) //nolint:errcheck // a recorder
	}))
	for _, coding := range []string{"identity", "gzip", "zstd"} {
		b.Run(coding, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.Header.Set("Accept-Encoding", coding)
			var w *httptest.ResponseRecorder
			for b.Loop() {
				w = httptest.NewRecorder()
				handler.ServeHTTP(w, r)
			}
			b.ReportMetric(float64(w.Body.Len()), "sent-bytes/op")
		})
	}
}
