package main

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"licensegraph/internal/metrics"
	"licensegraph/internal/readmetest"
	"licensegraph/internal/transport/transporttest"
)

// admin returns the URL of the admin listener.
func (p *program) admin(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`(http://\S+)/metrics`).FindStringSubmatch(p.stderr.String())
	if found == nil {
		t.Fatalf("no admin listener: %s", p.stderr)
	}
	return found[1]
}

// page returns the status and the body at a URL.
func (p *program) page(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := p.client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// TestMetrics tests that operations, errors, limits, requests and loaders are counted.
func TestMetrics(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--admin-listen=127.0.0.1:0", "--max-depth=12")
	p.ask(t, `query People { users(first: 40) { nodes { displayName usageRights { skuId } manager { id } } } }`)
	p.ask(t, `query People { users(first: 1) { nodes { id } } }`)
	p.ask(t, `{ users(first: 2) { nodes { id } } }`)
	p.ask(t, `query Missing { user(id: "00000000-0000-0000-0000-000000000000") { id } }`)
	p.ask(t, `query Wrong { users(first: 5000) { nodes { id } } }`)
	p.ask(t, `query Wrong {`)
	p.ask(t, `query Deep { users { nodes { `+strings.Repeat("manager { ... on User { ", 15)+"id"+strings.Repeat("} }", 15)+` } } }`)
	p.stderr.waitTimes("msg=operation", 7) // which follows the count
	p.stderr.wait("readiness changed")
	status, text := p.page(t, p.admin(t)+"/metrics")
	if status != http.StatusOK {
		t.Fatal(status, text)
	}
	for _, want := range []string{
		`licensegraph_operations_total{code="OK",operation="People",type="query"} 2`,
		`licensegraph_operations_total{code="OK",operation="sha256:[0-9a-f]{12}",type="query"} 1`,
		`licensegraph_operations_total{code="NOT_FOUND",operation="Missing",type="query"} 1`,
		`licensegraph_operations_total{code="BAD_USER_INPUT",operation="\(other\)",type=""} 2`,
		`licensegraph_operation_errors_total{code="NOT_FOUND",partial="true"} 1`,
		`licensegraph_limit_refusals_total{limit="depth"} 1`,
		`licensegraph_operation_duration_seconds_count{transport="http",type="query"} [5-7]`,
		`licensegraph_operation_upstream_requests_sum{type="query"} [1-9]`,
		`licensegraph_upstream_requests_total{endpoint="GET /users",status="200"} [1-9]`,
		`licensegraph_ready 1`,
		`licensegraph_upstream_batch_requests_sum [1-9]`,
		`licensegraph_upstream_batch_parts_total{endpoint="GET /users/{id}/cloudLicensing/usageRights",status="200"} 40`,
		`licensegraph_upstream_resource_units_total{endpoint="[^"]+"} [1-9]`,
		`licensegraph_upstream_queue_seconds_count [1-9]`,
		`licensegraph_loader_keys_sum{read="usage rights of users"} 40`,
		`licensegraph_build_info{commit="[^"]+",go="go[^"]+",version="[^"]+"} 1`,
		`licensegraph_streams 0`,
		`go_goroutines [1-9]`,
	} {
		if !regexp.MustCompile(`(?m)^` + strings.NewReplacer("{id}", `\{id\}`, "total{", `total\{`, "count{", `count\{`, "sum{", `sum\{`, "info{", `info\{`).Replace(want)).MatchString(text) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(text, "licensegraph_loader_unplanned_reads_total{") {
		t.Error("a read of a query was not planned")
	}
	if t.Failed() {
		t.Log(regexp.MustCompile(`(?m)^(#|.*_bucket).*\n`).ReplaceAllString(text, ""))
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

// TestOperationNamesAreBounded tests the number of labels when a client invents names.
func TestOperationNamesAreBounded(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--admin-listen=127.0.0.1:0")
	for i := range 220 {
		p.ask(t, fmt.Sprintf(`query Q%d { viewer { mayWrite } }`, i))
		p.ask(t, fmt.Sprintf(`query Invalid%d { nonsense }`, i))
	}
	p.stderr.waitTimes("msg=operation", 440)
	_, text := p.page(t, p.admin(t)+"/metrics")
	if n := strings.Count(text, "licensegraph_operations_total{"); n != 202 { // and others, valid or not
		t.Errorf("%d time series", n)
	}
	if !strings.Contains(text, `licensegraph_operations_total{code="OK",operation="(other)",type="query"} 20`) {
		t.Error("operations without a label are not counted")
	}
}

// TestMetricsOfTransports tests that operations of each transport are counted, with the size of their responses.
func TestMetricsOfTransports(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--admin-listen=127.0.0.1:0")
	const query = `{"query":"query Viewer { viewer { mayWrite } }"}`
	events := post(t, p.url+endpointPath, []byte(query))
	events.Header.Set("Accept", mediaTypeEvents)
	resp, err := p.client.Do(events)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	c := transporttest.Dial(t, p.client, p.url+endpointPath)
	c.Send(transporttest.InitMessage)
	c.Want(`{"type":"connection_ack"}`)
	c.Send(`{"id":"1","type":"subscribe","payload":`+query+`}`, `{"id":"2","type":"subscribe","payload":{"query":"{ nonsense }"}}`)
	p.stderr.waitTimes("msg=operation", 3)
	_, text := p.page(t, p.admin(t)+"/metrics")
	for _, want := range []string{
		`licensegraph_operations_total{code="OK",operation="Viewer",type="query"} 2`,
		`licensegraph_operation_duration_seconds_count{transport="sse",type="query"} 1`,
		`licensegraph_operation_duration_seconds_count{transport="websocket",type="query"} 1`,
		`licensegraph_operation_duration_seconds_count{transport="websocket",type=""} 1`,
		`licensegraph_operation_errors_total{code="BAD_USER_INPUT",partial="false"} 1`,
		`licensegraph_operation_response_bytes_count{type="query"} 2`,
		`licensegraph_streams 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}

// TestAdminListener tests the routes of both listeners.
func TestAdminListener(t *testing.T) {
	t.Parallel()
	plain := start(t, nil, "--admin-listen=127.0.0.1:0")
	profiling := start(t, nil, "--admin-listen=127.0.0.1:0", "--pprof")
	plain.stderr.wait("readiness changed")
	for url, want := range map[string]int{
		plain.admin(t) + "/healthz":                   http.StatusOK,
		plain.admin(t) + "/readyz":                    http.StatusOK,
		plain.admin(t) + "/graphql":                   http.StatusNotFound,
		plain.admin(t) + "/debug/pprof/":              http.StatusNotFound,
		plain.url + "/metrics":                        http.StatusNotFound,
		profiling.admin(t) + "/debug/pprof/":          http.StatusOK,
		profiling.admin(t) + "/debug/pprof/goroutine": http.StatusOK,
		profiling.url + "/debug/pprof/":               http.StatusNotFound,
	} {
		if status, body := plain.page(t, url); status != want {
			t.Errorf("%s: %d %.100s", url, status, body)
		}
	}
}

// TestDocumentedMetrics compares docs/operations.md with the metrics.
func TestDocumentedMetrics(t *testing.T) {
	m := metrics.New()
	gauges(m, nil, nil)
	table := "| Metric | Labels | Type | Meaning |\n|---|---|---|---|\n"
	for _, d := range m.Descriptions() {
		table += fmt.Sprintf("| `%s` | %s | %s | %s |\n", d.Name, strings.Join(d.Labels, ", "), d.Type, d.Help)
	}
	readmetest.Table(t, "../docs/operations.md", "metrics", table)
}

// TestOperationLog tests the record of an operation: what it took, and no values.
func TestOperationLog(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--slow-operation=1ns")
	p.ask(t, `query Person { search(text: "avaluethatisprivate") { nodes { ... on User { displayName } } } }`)
	p.stderr.wait("slow operation")
	log := p.stderr.String()
	for _, want := range []string{"transport=http type=query name=Person document=", `errors="" `, `"upstream requests"=`, `"resource units"=`, "endpoints=\"map[", "GET /users:{", "request_id="} {
		if !strings.Contains(log, want) {
			t.Errorf("no %s in %s", want, log)
		}
	}
	if strings.Contains(log, "avaluethatisprivate") {
		t.Errorf("a value in %s", log)
	}
}

// TestHealthcheck tests the command against a gateway that runs and one that does not.
func TestHealthcheck(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--admin-listen=127.0.0.1:0")
	p.stderr.wait("readiness changed")
	none := func(string) string { return "" }
	address := strings.TrimPrefix(p.url, "http://")
	for name, tt := range map[string]struct {
		args   []string
		getenv func(string) string
		code   int
	}{
		"by URL":    {[]string{p.url + "/readyz"}, none, 0},
		"by listen": {nil, func(name string) string { return map[string]string{"LICENSEGRAPH_LISTEN": address}[name] }, 0},
		"by admin-listen": {nil, func(name string) string {
			return map[string]string{"LICENSEGRAPH_ADMIN_LISTEN": strings.TrimPrefix(p.admin(t), "http://"), "LICENSEGRAPH_LISTEN": "127.0.0.1:1"}[name]
		}, 0},
		"not found":       {[]string{p.url + "/nothing"}, none, 1},
		"nobody listens":  {[]string{"http://127.0.0.1:1/healthz"}, none, 1},
		"not a URL":       {[]string{":"}, none, 2},
		"two":             {[]string{"a", "b"}, none, 2},
		"invalid address": {nil, func(string) string { return "nonsense" }, 2},
	} {
		err := run(t.Context(), append([]string{"healthcheck"}, tt.args...), tt.getenv, io.Discard, io.Discard)
		if got := exitCode(err); got != tt.code {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
}
