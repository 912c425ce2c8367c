package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"licensegraph/internal/emulator"
	"licensegraph/internal/emulator/emulatortest"
)

// asProgram makes the test binary run as the program.
const asProgram = "LICENSEGRAPH_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// journal collects output, for which a test can wait.
type journal struct {
	mu   sync.Mutex
	cond *sync.Cond
	text strings.Builder
}

func newJournal() *journal {
	j := &journal{}
	j.cond = sync.NewCond(&j.mu)
	return j
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.cond.Broadcast()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// wait returns when the output has the text. Only the test's deadline limits it.
func (j *journal) wait(part string) { j.waitTimes(part, 1) }

// waitTimes returns when the output has the text several times.
func (j *journal) waitTimes(part string, times int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for strings.Count(j.text.String(), part) < times {
		j.cond.Wait()
	}
}

// program is a running program.
type program struct {
	url            string // of the gateway
	stdout, stderr *journal
	stop           context.CancelFunc
	ended          chan error
	client         *http.Client
	pid            int // if it has its own process
}

// start runs the program on free ports until the test ends.
func start(t testing.TB, env map[string]string, args ...string) *program {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	p := &program{stdout: newJournal(), stderr: newJournal(), stop: stop, ended: make(chan error, 1)}
	transport := &http.Transport{ExpectContinueTimeout: 0}
	p.client = &http.Client{Transport: transport}
	args = append([]string{"--listen=127.0.0.1:0", "--embedded-listen=127.0.0.1:0", "--embedded-users=60",
		"--max-scheduling-delay=1m"}, args...) // parallel tests use the CPUs
	started := make(chan struct{})
	go func() {
		err := run(ctx, args, func(name string) string { return env[name] }, p.stdout, p.stderr)
		p.ended <- err
		select {
		case <-started:
		default:
			fmt.Fprint(p.stderr, "Ctrl-C") // ends the wait below
		}
	}()
	p.stderr.wait("Ctrl-C")
	close(started)
	url := regexp.MustCompile(`(https?://\S+)/graphql`).FindStringSubmatch(p.stderr.String())
	if url == nil {
		t.Fatalf("did not start: %v\n%s%s", <-p.ended, p.stdout, p.stderr)
	}
	p.url = url[1]
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		stop()
		if err := <-p.ended; err != nil {
			t.Errorf("ended with %v", err)
		}
		p.ended <- nil
	})
	return p
}

// launch runs the program in its own process until the test ends.
func launch(t *testing.T, env map[string]string, args ...string) *program {
	t.Helper()
	p := &program{stdout: newJournal(), stderr: newJournal(), ended: make(chan error, 1)}
	cmd := exec.Command(os.Args[0], append([]string{"--listen=127.0.0.1:0", "--embedded-listen=127.0.0.1:0", "--embedded-users=60"}, args...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdout, cmd.Stderr = p.stdout, p.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.pid = cmd.Process.Pid
	go func() {
		p.ended <- cmd.Wait()
		fmt.Fprint(p.stderr, "\n/graphql") // ends the wait below
	}()
	p.stop = func() { _ = cmd.Process.Signal(syscall.SIGTERM) }
	p.stderr.wait("/graphql")
	address := regexp.MustCompile(`(https?://\S+)/graphql`).FindStringSubmatch(p.stderr.String())
	if address == nil {
		t.Fatalf("did not start: %v\n%s%s", <-p.ended, p.stdout, p.stderr)
	}
	p.url = address[1]
	transport := &http.Transport{}
	p.client = &http.Client{Transport: transport}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		p.end(t)
	})
	return p
}

// end stops the program and waits for it.
func (p *program) end(t *testing.T) {
	t.Helper()
	p.stop()
	err := <-p.ended
	if err != nil {
		t.Errorf("ended with %v\n%s", err, p.stderr)
	}
	p.ended <- nil
}

// ready waits for the first check and returns status and body of the readiness check.
func (p *program) ready(t *testing.T) (int, string) {
	t.Helper()
	p.stderr.wait("readiness changed")
	return p.get(t, "/readyz")
}

// get sends a GET and returns status and body.
func (p *program) get(t *testing.T, path string) (int, string) {
	t.Helper()
	r := p.fetch(t, path)
	return r.status, r.body
}

// ask posts an operation and returns status and body.
func (p *program) ask(t *testing.T, query string) (int, string) {
	t.Helper()
	r := p.as(t, query)
	return r.status, r.body
}

func post(t testing.TB, url string, body []byte) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", mediaTypeJSON)
	req.Header.Set("Accept", mediaTypeGraphQL)
	return req
}

// TestNamesInReports tests that the embedded tenant of the gateway shows names in usage reports, unless a flag conceals
// them.
func TestNamesInReports(t *testing.T) {
	t.Parallel()
	for shown, args := range map[bool][]string{true: nil, false: {"--embedded-variant=reportNames=false"}} {
		p := start(t, nil, args...)
		address := regexp.MustCompile(`(http://\S+)/beta \(embedded`).FindStringSubmatch(p.stderr.String())
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address[1]+"/-/variants", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := p.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if want := fmt.Sprintf(`"reportNames":%t`, shown); err != nil || !strings.Contains(string(body), want) {
			t.Errorf("%v: %v %.300s, want %s", args, err, body, want)
		}
	}
}

func TestEmbeddedTenant(t *testing.T) {
	t.Parallel()
	p := start(t, nil)

	for _, want := range []string{"GraphiQL         " + p.url + "/\n", "GraphQL          " + p.url + "/graphql\n", "/beta (embedded: 60 fictitious users)\n"} {
		if !strings.Contains(p.stderr.String(), want) {
			t.Errorf("the banner has no %q:\n%s", want, p.stderr)
		}
	}
	p.ready(t)
	for path, want := range map[string]struct {
		status int
		part   string
	}{
		"/":                               {200, "<!doctype html>"},
		"/healthz":                        {200, `{"status":"ok"}`},
		"/readyz":                         {200, `{"status":"ok"}`},
		"/graphiql.json":                  {200, `"endpoint":"/graphql"`},
		"/nothing":                        {404, "not found"},
		"/graphql/nothing":                {404, "not found"},
		"/graphql?query=%7B__typename%7D": {200, `"data":{"__typename":"Query"}`},
	} {
		status, body := p.get(t, path)
		if status != want.status || !strings.Contains(strings.ToLower(body), strings.ToLower(want.part)) {
			t.Errorf("%s: %d %.200s", path, status, body)
		}
	}

	status, body := p.ask(t, `{ assignmentErrors(first: 2) { nodes { code assignedTo { displayName } } } }`)
	if status != 200 || !strings.Contains(body, `"displayName":"`) || strings.Contains(body, `"errors"`) {
		t.Errorf("%d %.500s", status, body)
	}
	if !strings.Contains(body, `"upstream":{`) {
		t.Errorf("no report of the cost: %.500s", body)
	}
	if !strings.Contains(p.stderr.String(), "embedded-users=60") {
		t.Errorf("the configuration was not logged:\n%s", p.stderr)
	}
}

// TestRealTenant reads a separate tenant, like a real one.
func TestRealTenant(t *testing.T) {
	t.Parallel()
	tenant := emulatortest.Start(t, emulator.Options{Users: 60})
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(tenant.ClientSecret()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, map[string]string{"LICENSEGRAPH_TENANT_ID": tenant.TenantID()},
		"--client-id="+tenant.ClientID(), "--client-secret-file="+secret, "--graph-url="+tenant.URL, "--authority="+tenant.URL)
	if want := "Microsoft Graph  " + tenant.URL + " (tenant " + tenant.TenantID() + ")\n"; !strings.Contains(p.stderr.String(), want) {
		t.Errorf("the banner has no %q:\n%s", want, p.stderr)
	}
	if status, body := p.ready(t); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	status, body := p.ask(t, "{subscribedSkus{nodes{skuPartNumber}}}")
	if status != 200 || !strings.Contains(body, `"skuPartNumber":"`) || strings.Contains(body, `"upstream"`) {
		t.Errorf("%d %.300s", status, body)
	}
}

func TestLimitsThroughTheWire(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--max-body-bytes=100000", "--max-depth=6", "--max-aliases=2")
	tests := []struct {
		name, query string
		status      int
		part        string
	}{
		{"body", strings.Repeat(" ", 100_000), 413, "larger than 100000 bytes"},
		{"length", "{" + strings.Repeat(" ", 70_000) + "__typename}", 400, `"limit":"query"`},
		{"tokens", strings.Repeat("{", 50_000), 400, `"limit":"tokens"`},
		{"depth", "{users{nodes{usageRights{sku{servicePlans{servicePlanId}}}}}}", 200, `"data"`},
		{"more depth", "{users{edges{node{usageRights{sku{servicePlans{servicePlanId}}}}}}}", 400, `"limit":"depth"`},
		{"aliases", "{a:__typename b:__typename c:__typename}", 400, `"limit":"aliases"`},
		{"width", "{x{" + strings.Repeat("a ", 201) + "}}", 400, `"limit":"width"`},
		{"cost", "{users(first:999){nodes{usageRights{services{planId}}}}}", 400, `"limit":"cost"`},
		{"ids", "{nodes(ids:[" + strings.Repeat(`"a"`, 101) + "]){id}}", 400, `"limit":"ids"`},
		{"representations", `{_entities(representations:[` + strings.Repeat(`{__typename:"User"}`, 300) + `]){__typename}}`, 400, `"limit":"representations"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := p
			if tt.name == "representations" {
				q = start(t, nil, "--max-representations=200")
			}
			status, body := q.ask(t, tt.query)
			if status != tt.status || !strings.Contains(body, tt.part) {
				t.Errorf("%d %.300s", status, body)
			}
		})
	}
}

// TestDrain delays a request until the program is stopped.
func TestDrain(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	reading := make(chan struct{})
	trace := &httptrace.ClientTrace{Got100Continue: func() { close(reading) }}
	body, rest := io.Pipe()
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodPost, p.url+endpointPath, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", mediaTypeJSON)
	req.Header.Set("Expect", "100-continue")
	p.client.Transport.(*http.Transport).ExpectContinueTimeout = 1 << 62

	type result struct {
		status int
		body   string
		err    error
	}
	results := make(chan result, 1)
	go func() {
		resp, err := p.client.Do(req)
		if err != nil {
			results <- result{err: err}
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		results <- result{resp.StatusCode, string(text), err}
	}()
	<-reading // the gateway waits for the body
	p.stop()
	p.stderr.wait("draining")
	fmt.Fprint(rest, `{"query":"{subscribedSkus{nodes{skuPartNumber}}}"}`)
	rest.Close()

	got := <-results
	if got.err != nil || got.status != 200 || !strings.Contains(got.body, `"skuPartNumber":"`) || strings.Contains(got.body, `"errors"`) {
		t.Errorf("%+v", got)
	}
	if err := <-p.ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	p.ended <- nil // for the cleanup
}

func TestDrainHasADeadline(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(context.Background())
	stdout, stderr := newJournal(), newJournal()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"--listen=127.0.0.1:0", "--embedded-listen=127.0.0.1:0", "--embedded-users=10", "--shutdown-timeout=20ms"}, noEnv, stdout, stderr)
	}()
	stderr.wait("Ctrl-C")
	address := regexp.MustCompile(`http://(\S+)/graphql`).FindStringSubmatch(stderr.String())[1]
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n", address)
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "100") {
		t.Fatal(line, err)
	}
	stop()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "still in progress after 20ms") || exitCode(err) != 1 {
		t.Errorf("ended with %v", err)
	}
}

// TestDrainAnswers tests that a request that waits for Microsoft Graph at the drain timeout responds with partial
// results.
func TestDrainAnswers(t *testing.T) {
	t.Parallel()
	tenant := emulatortest.Start(t, emulator.Options{Users: 60})
	waiting, release := make(chan struct{}, 10), make(chan struct{})
	t.Cleanup(func() { close(release) }) // before the tenant ends
	tenant.Inject(emulator.Fault{Endpoint: "GET /groups", Times: -1, Rewrite: func(body []byte) []byte {
		waiting <- struct{}{}
		<-release
		return body
	}})
	ctx, stop := context.WithCancel(context.Background())
	stdout, stderr := newJournal(), newJournal()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{
			"--listen=127.0.0.1:0", "--tenant-id=" + tenant.TenantID(), "--client-id=" + tenant.ClientID(), "--graph-url=" + tenant.URL, "--authority=" + tenant.URL, "--shutdown-timeout=20ms",
		}, func(name string) string {
			return map[string]string{"LICENSEGRAPH_CLIENT_SECRET": tenant.ClientSecret()}[name]
		}, stdout, stderr)
	}()
	stderr.wait("Ctrl-C")
	url := regexp.MustCompile(`(http://\S+/graphql)`).FindStringSubmatch(stderr.String())[1]
	type result struct {
		status int
		body   string
		err    error
	}
	results := make(chan result, 1)
	go func() {
		resp, err := http.Post(url, mediaTypeJSON, strings.NewReader(`{"query":"{groups{nodes{id}} __typename}"}`))
		if err != nil {
			results <- result{err: err}
			return
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		results <- result{resp.StatusCode, string(text), err}
	}()
	var got result
	select {
	case <-waiting:
		stop()
		got = <-results
	case got = <-results:
		stop()
	}
	if got.err != nil || !strings.Contains(got.body, `"groups":null`) || !strings.Contains(got.body, `"__typename":"Query"`) || !strings.Contains(got.body, `"code":"UPSTREAM_UNAVAILABLE"`) {
		t.Errorf("%+v", got)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "still in progress after 20ms") {
		t.Errorf("ended with %v", err)
	}
}

// TestTermination tests that the program serves after SIGTERM while it is not ready. SIGHUP and a closed standard
// output do not end it.
func TestTermination(t *testing.T) {
	t.Parallel()
	stderr := newJournal()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "--listen=127.0.0.1:0", "--embedded-listen=127.0.0.1:0", "--embedded-users=10", "--shutdown-delay=1h")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stdout, cmd.Stderr = write, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stderr.wait("Ctrl-C")
	if err := errors.Join(write.Close(), read.Close()); err != nil { // standard output is closed
		t.Fatal(err)
	}
	p := &program{url: regexp.MustCompile(`(http://\S+)/graphql`).FindStringSubmatch(stderr.String())[1], client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	const change = `mutation{reprocessAssignments(input:{userIds:["11111111-1111-4111-8111-111111111111"]}){results{outcome}}}`
	for _, signal := range []os.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		if status, body := p.ask(t, change); status != 200 || !strings.Contains(body, `"outcome":"NOT_DONE"`) { // its record cannot be written
			t.Errorf("before %v: %d %s", signal, status, body)
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
	}
	stderr.wait("readiness check fails")
	if status, body := p.get(t, "/readyz"); status != 503 || !strings.Contains(body, "shutting down") {
		t.Errorf("not ready: %d %s", status, body)
	}
	if status, body := p.ask(t, change); status != 200 || !strings.Contains(body, `"outcome":"NOT_DONE"`) {
		t.Errorf("during the drain: %d %s", status, body)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 1 || !strings.Contains(stderr.String(), "cannot write an audit record") {
		t.Errorf("exit code %d\n%s", got, stderr)
	}
}

// TestSlowBody starts a request body and never completes it.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--request-timeout=50ms")
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{")
	answer, err := io.ReadAll(conn) // until the gateway closes the connection
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") {
		t.Errorf("%q %v", answer, err)
	}
}

// TestUnreadSlowBody does the same for a route that reads no body.
func TestUnreadSlowBody(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--request-timeout=50ms", "--read-header-timeout=50ms")
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{")
	if _, err := io.ReadAll(conn); err != nil { // until the gateway closes the connection
		t.Error(err)
	}
}

// TestSlowHeaders does the same with headers.
func TestSlowHeaders(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--read-header-timeout=50ms", "--request-timeout=1h") // the other timeout would not apply
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: localhost\r\n")
	if _, err := io.ReadAll(conn); err != nil { // until the gateway closes the connection
		t.Error(err)
	}
}

func noEnv(string) string { return "" }

// TestSignals runs the program in its own process.
func TestSignals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		signals []os.Signal
		hold    bool // keep a request open
		want    int  // exit code
	}{
		{"SIGINT", []os.Signal{os.Interrupt}, false, 0},
		{"SIGTERM", []os.Signal{syscall.SIGTERM}, false, 0}, // without a delay
		{"a second signal ends it", []os.Signal{os.Interrupt, os.Interrupt}, true, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr := newJournal(), newJournal()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "--listen=127.0.0.1:0", "--embedded-listen=127.0.0.1:0", "--embedded-users=10", "--shutdown-delay=0s", "--shutdown-timeout=1h")
			cmd.Env = append(os.Environ(), asProgram+"=1")
			cmd.Stdout, cmd.Stderr = stdout, stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			stderr.wait("Ctrl-C")
			if tt.hold {
				address := regexp.MustCompile(`http://(\S+)/graphql`).FindStringSubmatch(stderr.String())[1]
				conn, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n", address)
				if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
			for i, signal := range tt.signals {
				if i > 0 {
					stderr.wait("draining")
				}
				if err := cmd.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
			}
			_ = cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != tt.want {
				t.Errorf("exit code %d, want %d\n%s", got, tt.want, stderr)
			}
		})
	}
}

// TestSetupErrors tests that the program ends with the problems before it serves. Package config tests the problems of
// the configuration.
func TestSetupErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	empty, secret := file("empty", " \n"), file("secret", "hunter2\n")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() }) // after the parallel tests below
	real := []string{"--tenant-id=contoso.example", "--client-id=4b0b0f0e-0000-0000-0000-000000000001"}

	tests := []struct {
		name string
		args []string
		env  map[string]string
		want []string // lines, without the program's name
	}{
		{"secret as flag", []string{"--client-secret=hunter2"}, nil, []string{"--client-secret: secrets are not accepted on the command line, where other processes can read them: use --client-secret-file or set LICENSEGRAPH_CLIENT_SECRET"}},
		{"all at once", []string{"--listen=x", "--max-depth=deep", "--request-timeout=30", "--embedded-users=0", "--log-level=loud", "--upstream-report=often", "--graphiql=maybe", "--embedded-seed=-1"}, nil, []string{
			`--max-depth: invalid value "deep": want an integer`,
			`--request-timeout: invalid duration "30": want a value such as 30s or 2m`,
			`--graphiql: invalid value "maybe": want true or false`,
			`--embedded-seed: invalid value "-1": want a non-negative integer`,
			`--listen: invalid address "x": want host:port`,
			`--upstream-report: invalid value "often": want one of auto, always, never, header`,
			`--log-level: invalid value "loud": want one of debug, info, warn, error`,
			`--embedded-users: invalid value 0: want at least 1`,
		}},
		{"audit log that cannot be", []string{"--listen=127.0.0.1:0", "--embedded-listen=127.0.0.1:0", "--audit-log=" + dir}, nil, []string{
			"--audit-log: open " + dir + ": is a directory"}},
		{"empty authorities", append(real, "--listen=127.0.0.1:0", "--client-secret-file="+secret, "--ca-file="+empty), nil, []string{"--ca-file: " + empty + ": no PEM certificate"}},
		{"no certificate", []string{"--listen=127.0.0.1:0", "--embedded-listen=127.0.0.1:0", "--tls-cert-file=" + dir + "/none", "--tls-key-file=" + secret}, nil, []string{"--tls-cert-file: open " + dir + "/none: no such file or directory"}},
		{"no key of the certificate", []string{"--listen=127.0.0.1:0", "--embedded-listen=127.0.0.1:0", "--tls-cert-file=" + secret, "--tls-key-file=" + dir + "/none"}, nil, []string{"--tls-key-file: open " + dir + "/none: no such file or directory"}},
		{"not a certificate", []string{"--listen=127.0.0.1:0", "--embedded-listen=127.0.0.1:0", "--tls-cert-file=" + secret, "--tls-key-file=" + secret}, nil, []string{"--tls-cert-file: " + secret + ": with the key " + secret + ": tls: failed to find any PEM data in certificate input"}},
		{"taken ports", []string{"--listen=" + taken.Addr().String(), "--embedded-listen=" + taken.Addr().String()}, nil, []string{
			"--listen: listen tcp " + taken.Addr().String() + ": bind: address already in use",
			"--embedded-listen: listen tcp " + taken.Addr().String() + ": bind: address already in use",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr, lines bytes.Buffer
			err := run(t.Context(), tt.args, func(name string) string { return tt.env[name] }, &stdout, &stderr)
			if got := exitCode(err); got != 2 {
				t.Errorf("exit code %d, want 2", got)
			}
			report(&lines, err)
			want := ""
			for _, line := range tt.want {
				want += "licensegraph: " + line + "\n"
			}
			if diff := cmp.Diff(want, lines.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if strings.Contains(stdout.String()+stderr.String()+lines.String(), "hunter2") {
				t.Error("a secret was written")
			}
		})
	}
}

// TestSecretsStaySecret searches all output of the program for secrets while its upstream is down.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	const canary = "canary-7f3a"
	key := "Y2FuYXJ5LWtleS1jYW5hcnkta2V5LWNhbmFyeS1rZXk="
	down := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(down.Close)
	url := down.URL // reserved during the test
	p := start(t, map[string]string{
		"LICENSEGRAPH_CLIENT_SECRET": canary, "LICENSEGRAPH_CURSOR_KEY": key,
		"LICENSEGRAPH_TENANT_ID": "contoso.example", "LICENSEGRAPH_CLIENT_ID": "app",
	}, "--graph-url="+url, "--authority="+url, "--log-level=debug")
	status, body := p.ready(t)
	if status != http.StatusServiceUnavailable || !strings.Contains(body, `"reason":"Microsoft Entra ID provides no access token for Microsoft Graph."`) {
		t.Errorf("readyz: %d %s", status, body)
	}
	if status, body := p.get(t, "/healthz"); status != http.StatusOK {
		t.Errorf("healthz: %d %s", status, body)
	}
	_, answer := p.ask(t, "{subscribedSkus{nodes{skuId}}}")
	if !strings.Contains(answer, "UPSTREAM_UNAVAILABLE") || strings.Contains(answer, `"upstream":`) {
		t.Errorf("answer: %s", answer)
	}
	all := p.stdout.String() + p.stderr.String() + body + answer
	for _, secret := range []string{canary, key} {
		if strings.Contains(all, secret) {
			t.Errorf("%q was written:\n%s", secret, all)
		}
	}
	for _, want := range []string{"client-secret-set=true", "cursor-key-set=true", "tenant-id=[contoso.example]", "request-timeout=30s"} {
		if !strings.Contains(all, want) {
			t.Errorf("%s was not written:\n%s", want, all)
		}
	}
}

// TestHelp tests the exit after help, of the gateway and of the command embedded.
func TestHelp(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{"($LICENSEGRAPH_LISTEN)": {"-h"}, "($LICENSEGRAPH_EMBEDDED_LISTEN)": {"embedded", "-h"}} {
		var stdout bytes.Buffer
		if err := run(t.Context(), args, noEnv, &stdout, io.Discard); err != nil || !strings.Contains(stdout.String(), want) {
			t.Errorf("%v: %v\n%s", args, err, stdout.String())
		}
	}
}

// TestNoIntrospection tests that all introspection queries are rejected if disabled, and not logged as errors.
func TestNoIntrospection(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--no-introspection")
	for _, query := range []string{
		`{__schema{queryType{name}}}`, `{__type(name:\"User\"){name}}`, `{_service{sdl}}`, `{a:__schema{queryType{name}} users(first:1){nodes{id}}}`,
		`query{...q} fragment q on Query{...{__schema{queryType{name}}}}`,
	} {
		status, body := p.ask(t, strings.ReplaceAll(query, `\"`, `"`))
		if status != http.StatusBadRequest || !strings.Contains(body, "introspection is disabled") || !strings.Contains(body, `"code":"FORBIDDEN"`) {
			t.Errorf("%s: %d %.300s", query, status, body)
		}
	}
	if status, body := p.ask(t, `{__typename}`); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	if strings.Contains(p.stderr.String(), "level=ERROR") {
		t.Errorf("the log:\n%s", p.stderr)
	}
}

// TestOperatorTables tests the operator's names and prices of products, in its own process because they are package
// variables.
func TestOperatorTables(t *testing.T) {
	t.Parallel()
	const header = "Product_Display_Name,String_Id,GUID,Service_Plan_Name,Service_Plan_Id,Service_Plans_Included_Friendly_Names\n"
	names := secretFile(t, header+"Our E3,SPE_E3,05e9a617-0261-4cee-bb44-138d3ef5d965,SWAY,a23b959c-7ce8-4e57-9140-b90eb88a9e97,Our Sway\n")
	prices := secretFile(t, "currency,sku,monthlyPrice\nEUR,spe_e3,34.5\nUSD,06EBC4EE-1BB5-47DD-8120-11324BC54E06,57\n")
	stderr := newJournal()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "--listen=127.0.0.1:0", "--embedded-listen=127.0.0.1:0", "--embedded-users=10", "--product-names="+names, "--price-file="+prices)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stderr.wait("Ctrl-C")
	p := &program{url: regexp.MustCompile(`(http://\S+)/graphql`).FindStringSubmatch(stderr.String())[1], client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	if _, body := p.ask(t, `{subscribedSku(skuId:"05e9a617-0261-4cee-bb44-138d3ef5d965"){productName}}`); !strings.Contains(body, `"productName":"Our E3"`) {
		t.Error(body)
	}
	if _, body := p.ask(t, `{e3: subscribedSku(skuId:"05e9a617-0261-4cee-bb44-138d3ef5d965"){price{amount currency} units{owned monthlyCost{amount} free freeMonthlyCost{amount}}}
		e5: subscribedSku(skuId:"06ebc4ee-1bb5-47dd-8120-11324bc54e06"){price{amount currency}} search(text:"power bi pro",first:1){nodes{...on SubscribedSku{price{amount}}}}}`); !costsAgree(body) {
		t.Error(body)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	err := run(t.Context(), []string{"--price-file=" + secretFile(t, "sku,monthlyPrice,currency\nA,1,EUR\nB,1.23456,EUR\n")}, noEnv, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), ": line 3: invalid monthlyPrice: want") || exitCode(err) != 2 {
		t.Errorf("a file with a bad price: %v", err)
	}
	err = run(t.Context(), []string{"--product-names=" + secretFile(t, "no names")}, noEnv, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), ": missing column") || exitCode(err) != 2 {
		t.Errorf("a file without names: %v", err)
	}
}

// costsAgree reports whether the costs in a response are the units times the prices of [TestOperatorTables].
func costsAgree(body string) bool {
	var r struct {
		Data struct {
			E3, E5 struct {
				Price struct{ Amount, Currency string }
				Units struct {
					Owned, Free                  int
					MonthlyCost, FreeMonthlyCost struct{ Amount string }
				}
			}
			Search struct{ Nodes []struct{ Price any } }
		}
	}
	if json.Unmarshal([]byte(body), &r) != nil || len(r.Data.Search.Nodes) != 1 {
		return false
	}
	e3, e5 := r.Data.E3, r.Data.E5
	cost := func(units int) string { return fmt.Sprintf("%d.%02d", units*345/10, units*345%10*10) }
	return e3.Price.Amount == "34.50" && e3.Price.Currency == "EUR" && e5.Price.Amount == "57.00" && e5.Price.Currency == "USD" &&
		e3.Units.Owned > 0 && e3.Units.MonthlyCost.Amount == cost(e3.Units.Owned) && e3.Units.FreeMonthlyCost.Amount == cost(e3.Units.Free) &&
		r.Data.Search.Nodes[0].Price == nil
}
