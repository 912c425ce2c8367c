package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"licensegraph/internal/emulator"
	"licensegraph/internal/emulator/emulatortest"
	"licensegraph/internal/execution/stub"
	"licensegraph/internal/transport/transporttest"
)

// TestSocketHandshake tests which clients may open a WebSocket: a page of the gateway or of a listed origin, and
// clients other than browsers.
func TestSocketHandshake(t *testing.T) {
	t.Parallel()
	handler, endpoint := testGateway(t, io.Discard, stub.Hello, "--cors-origin=https://portal.example")
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		endpoint.Drain()
		_ = endpoint.Wait(context.Background())
		server.Close()
	})
	url := server.URL
	host := strings.TrimPrefix(url, "http://")
	for _, tt := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"no browser", nil, 101},
		{"same origin", []string{"Origin: " + url}, 101},
		{"same origin, new browser", []string{"Origin: " + url, "Sec-Fetch-Site: same-origin"}, 101},
		{"listed", []string{"Origin: https://portal.example", "Sec-Fetch-Site: cross-site"}, 101},
		{"another", []string{"Origin: https://evil.example"}, 403},
		{"another, new browser", []string{"Origin: https://evil.example", "Sec-Fetch-Site: cross-site"}, 403},
		{"null", []string{"Origin: null"}, 403},
		{"no origin, cross-site", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"same site, another port", []string{"Origin: http://127.0.0.1:1", "Sec-Fetch-Site: same-site"}, 403},
		{"listed with a suffix", []string{"Origin: https://portal.example.evil.example"}, 403},
		{"below listed", []string{"Origin: https://a.portal.example"}, 403},
		{"listed without TLS", []string{"Origin: http://portal.example"}, 403},
		{"listed with a port", []string{"Origin: https://portal.example:8443"}, 403},
		{"ours with a suffix", []string{"Origin: http://" + host + ".evil.example"}, 403},
		{"ours as a user", []string{"Origin: http://" + host + "@evil.example"}, 403},
		{"empty", []string{"Origin: "}, 101}, // like a missing header
		{"another version", []string{"Sec-WebSocket-Version: 8"}, 426},
		{"two keys", []string{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}, 400},
		{"a short key", []string{"Sec-WebSocket-Key: dGhlIA=="}, 400},
		{"no Connection", []string{"Connection: keep-alive"}, 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), "GET", url+endpointPath, nil)
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
				req.Header.Set(name, value)
			}
			for _, header := range tt.headers {
				name, _, _ := strings.Cut(header, ": ")
				req.Header.Del(name)
			}
			for _, header := range tt.headers {
				name, value, _ := strings.Cut(header, ": ")
				req.Header.Add(name, value)
			}
			resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != tt.status {
				t.Errorf("%s", resp.Status)
			}
			if resp.StatusCode == 101 {
				return
			}
			var answer struct{ Errors []struct{ Message string } }
			body, _ := io.ReadAll(resp.Body)
			if json.Unmarshal(body, &answer) != nil || len(answer.Errors) != 1 || resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%v %s", resp.Header, body)
			}
		})
	}
}

// TestSocketAuthentication tests that only callers with a valid token are accepted.
func TestSocketAuthentication(t *testing.T) {
	t.Parallel()
	tenant := emulatortest.Start(t, emulator.Options{Users: 60, SignIn: emulator.SignIn{Scopes: scopes}})
	assignRoles(tenant.Emulator)
	p := startOver(t, tenant, "--inbound=entra", "--caller-streams=2")
	admin := tokenFor(t, tenant, nameOf(t, tenant, "License Administrator"), scopes...)
	reader := tokenFor(t, tenant, nameOf(t, tenant, "Global Reader"), scopes...)
	nobody := tokenFor(t, tenant, nameOf(t, tenant, ""), scopes...)
	with := func(name, value string) string {
		return `{"type":"connection_init","payload":` + string(mustMarshal(map[string]string{name: value})) + `}`
	}
	const skus = `{"id":"1","type":"subscribe","payload":{"query":"{ subscribedSkus(first: 1) { nodes { skuPartNumber } } }"}}`

	for name, tt := range map[string]struct {
		header, init string
		code         websocket.StatusCode
		reason       string
	}{
		"no token":             {"", transporttest.InitMessage, 4401, "Missing access token"},
		"no token, parameters": {"", with("token", admin), 4401, "Missing access token"},
		"null":                 {"", `{"type":"connection_init","payload":{"Authorization":null}}`, 4401, "Missing access token"},
		"another scheme":       {"", with("Authorization", "Basic YTpi"), 4401, "want Bearer"},
		"no scheme":            {"", with("Authorization", admin), 4401, "want Bearer"},
		"no JSON Web Token":    {"", with("Authorization", "Bearer letmein"), 4401, "Invalid access token"},
		"of Graph":             {"", with("Authorization", "Bearer "+graphToken(t, tenant)), 4401, "audience"},
		"signature cut":        {"", with("Authorization", "Bearer "+admin[:len(admin)-4]), 4401, "signature"},
		"two spellings":        {"", `{"type":"connection_init","payload":{"Authorization":"Bearer ` + admin + `","authorization":"Bearer ` + admin + `"}}`, 4401, "Duplicate Authorization"},
		"two callers":          {"Authorization: Bearer " + admin, with("Authorization", "Bearer "+reader), 4401, "access tokens in the handshake and connection_init differ"},
	} {
		t.Run(name, func(t *testing.T) {
			headers := []string{}
			if tt.header != "" {
				headers = append(headers, tt.header)
			}
			c := transporttest.Dial(t, p.client, p.url+endpointPath, headers...)
			c.Send(tt.init)
			c.WantClosed(tt.code, tt.reason)
		})
	}
	for name, header := range map[string]string{"no JSON Web Token": "Authorization: Bearer letmein", "two tokens": "Authorization: Bearer a b"} {
		_, r, err := transporttest.DialAs(t, p.client, p.url+endpointPath, []string{transporttest.Subprotocol}, header)
		if err == nil || r.Status != 401 || r.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s in the handshake: %v %v", name, err, r)
		}
	}

	for name, tt := range map[string]struct{ header, init string }{
		"in the parameters":        {"", with("Authorization", "Bearer "+admin)},
		"in the parameters, lower": {"", with("authorization", "bearer "+admin)},
		"in the header":            {"Authorization: Bearer " + admin, transporttest.InitMessage},
		"in both":                  {"Authorization: Bearer " + admin, with("Authorization", "Bearer "+admin)},
	} {
		t.Run(name, func(t *testing.T) {
			headers, ended := []string{}, strings.Count(p.stderr.String(), "msg=request")
			if tt.header != "" {
				headers = append(headers, tt.header)
			}
			c := transporttest.Dial(t, p.client, p.url+endpointPath, headers...)
			c.Send(tt.init, skus)
			c.Want(`{"type":"connection_ack"}`, `{"id":"1","type":"next","payload":{"data":{"subscribedSkus":{"nodes":[{"skuPartNumber":"…`, `{"id":"1","type":"complete"}`)
			_ = c.Close(websocket.StatusNormalClosure, "")
			p.stderr.waitTimes("msg=request", ended+1) // it is no longer counted
		})
	}

	// Permissions follow from the token, for each operation.
	c := transporttest.Dial(t, p.client, p.url+endpointPath)
	c.Send(with("Authorization", "Bearer "+nobody), skus)
	c.Want(`{"type":"connection_ack"}`)
	if _, got, err := c.Read(t.Context()); err != nil || !strings.Contains(string(got), `"code":"FORBIDDEN"`) {
		t.Errorf("%s %v", got, err)
	}
	// The audit log has the operation's own ID.
	p.stdout.wait(`.1","caller":{"tenant":"` + tenant.TenantID())

	// Streams are limited per caller.
	second := transporttest.Dial(t, p.client, p.url+endpointPath)
	second.Send(with("Authorization", "Bearer "+nobody))
	second.Want(`{"type":"connection_ack"}`)
	third := transporttest.Dial(t, p.client, p.url+endpointPath)
	third.Send(with("Authorization", "Bearer "+nobody))
	third.WantClosed(websocket.StatusTryAgainLater, "2 streams open")
	another := transporttest.Dial(t, p.client, p.url+endpointPath)
	another.Send(with("Authorization", "Bearer "+reader), skus)
	another.Want(`{"type":"connection_ack"}`, `{"id":"1","type":"next"…`)
	if text := p.stdout.String() + p.stderr.String(); strings.Contains(text, admin[:40]) {
		t.Error("a token is in the log")
	}

	// On shutdown, connections are closed with a reason.
	p.stop()
	for _, c := range []*transporttest.Socket{c, second, another} {
		c.WantClosed(websocket.StatusGoingAway, "shutting down")
	}
}
