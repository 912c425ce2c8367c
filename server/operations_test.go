package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"licensegraph/internal/emulator"
	"licensegraph/internal/emulator/emulatortest"
)

// TestGetOfAMutation sends mutations by GET, with and without --allow-writes, valid and invalid.
func TestGetOfAMutation(t *testing.T) {
	t.Parallel()
	tenant := emulatortest.Start(t, emulator.Options{Users: 60})
	for _, flags := range [][]string{nil, {"--allow-writes"}} {
		p := startOver(t, tenant, flags...)
		for _, mutation := range []string{
			`mutation{reprocessAssignments(input:{userIds:[]}){results{outcome}}}`,
			`mutation($i:ID!){reprocessAssignments(input:{userIds:[$i]}){results{outcome}}}`,
		} {
			status, body := p.get(t, "/graphql?query="+url.QueryEscape(mutation))
			if status != http.StatusMethodNotAllowed || !strings.Contains(body, "use POST") {
				t.Errorf("%v: %d %s", flags, status, body)
			}
		}
	}
}

// TestClientDisconnects tests that a client that disconnects causes no error in the log.
func TestClientDisconnects(t *testing.T) {
	t.Parallel()
	tenant := emulatortest.Start(t, emulator.Options{Users: 60})
	waiting, release := make(chan struct{}, 10), make(chan struct{})
	t.Cleanup(func() { close(release) })
	tenant.Inject(emulator.Fault{Endpoint: "GET /groups", Times: -1, Rewrite: func(body []byte) []byte {
		waiting <- struct{}{}
		<-release
		return body
	}})
	p := startOver(t, tenant)
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-waiting
		leave()
	}()
	req := post(t, p.url+endpointPath, []byte(`{"query":"{groups{nodes{id}}}"}`)).WithContext(ctx)
	if resp, err := p.client.Do(req); err == nil {
		resp.Body.Close()
		t.Fatalf("unexpected response: %d", resp.StatusCode)
	}
	p.stderr.wait("status=499")
	if log := p.stderr.String(); strings.Contains(log, "upstream request failed") || strings.Contains(log, "level=WARN") {
		t.Errorf("the log:\n%s", log)
	}
}

// TestErrorsHaveCodes tests that all types of errors have a code and retryable.
func TestErrorsHaveCodes(t *testing.T) {
	t.Parallel()
	tenant := emulatortest.Start(t, emulator.Options{Users: 60})
	p := startOver(t, tenant)
	retryable := map[string]bool{"BAD_USER_INPUT": false, "NOT_FOUND": false, "FORBIDDEN": false, "INTERNAL": false, "UPSTREAM_UNAVAILABLE": true, "UPSTREAM_BUDGET_EXCEEDED": false, "PERSISTED_QUERY_NOT_FOUND": false}
	met := map[string]bool{}
	tenant.Inject(emulator.Fault{Endpoint: "GET /groups", Status: 503, Times: -1})
	tenant.Inject(emulator.Fault{Endpoint: "GET /subscribedSkus", Status: 400, Times: -1})
	for _, body := range []string{
		"no JSON", `{}`, `{"query":"{"}`, `{"query":"{nope}"}`, `{"query":"{users(first:0){nodes{id}}}"}`, `{"query":"query($n:Int){users(first:$n){nodes{id}}}","variables":{"n":"x"}}`,
		`{"query":"{user(id:\"11111111-1111-4111-8111-111111111111\"){id}}"}`, `{"query":"mutation{reprocessAssignments(input:{userIds:[]}){results{outcome}}}"}`,
		`{"query":"{groups{nodes{id}}}"}`, `{"query":"{subscribedSkus{nodes{id}}}"}`, `{"query":"{me{id}}"}`, `{"query":"` + strings.Repeat("a", 70_000) + `"}`,
		`{"query":"{allotments(first:100){nodes{waitingMembers{nodes{allotment{id}}}}}}"}`, `{"query":"{users(first:999){nodes{usageRights{assignments{allotment{services{planId planName}}}}}}}"}`,
		`{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + strings.Repeat("a", 64) + `"}}}`, `{"query":"subscription{x}"}`, `{"query":"{_entities(representations:[{__typename:\"User\"}]){__typename}}"}`,
	} {
		for _, accept := range []string{mediaTypeJSON, mediaTypeGraphQL, mediaTypeEvents} {
			req := post(t, p.url+endpointPath, []byte(body))
			req.Header.Set("Accept", accept)
			text := p.do(t, req).body
			if _, data, ok := strings.Cut(text, "event: next\ndata: "); ok {
				text, _, _ = strings.Cut(data, "\n")
			}
			var answer struct {
				Errors []struct {
					Message    string
					Extensions map[string]any
				}
			}
			if err := json.Unmarshal([]byte(text), &answer); err != nil || len(answer.Errors) == 0 {
				t.Errorf("%s: %v, %.300s: %.80s", accept, err, text, body)
			}
			for _, e := range answer.Errors {
				code, _ := e.Extensions["code"].(string)
				met[code] = true
				if want, known := retryable[code]; !known || e.Extensions["retryable"] != want || e.Message == "" {
					t.Errorf("%s: %v: %.80s", accept, e, body)
				}
			}
		}
	}
	for code := range retryable {
		if !met[code] {
			t.Errorf("no error has the code %s", code)
		}
	}
}
