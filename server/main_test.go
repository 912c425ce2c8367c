package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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
)

// asProgram makes the test binary behave like the program.
const asProgram = "LICENSEGRAPH_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// journal collects output and lets a test wait for a part of it.
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

// wait returns once the text has the part; the test's own deadline is the
// only one.
func (j *journal) wait(part string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for !strings.Contains(j.text.String(), part) {
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
	pid            int // of its own process, if it has one
}

// start runs the program on free ports until the test ends.
func start(t *testing.T, env map[string]string, args ...string) *program {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	p := &program{stdout: newJournal(), stderr: newJournal(), stop: stop, ended: make(chan error, 1)}
	transport := &http.Transport{ExpectContinueTimeout: 0}
	p.client = &http.Client{Transport: transport}
	args = append([]string{"--listen=127.0.0.1:0", "--embedded-listen=127.0.0.1:0", "--embedded-users=60"}, args...)
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
	url := regexp.MustCompile(`(http://\S+)/graphql`).FindStringSubmatch(p.stderr.String())
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

func post(t *testing.T, url string, body []byte) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", mediaTypeJSON)
	req.Header.Set("Accept", mediaTypeGraphQL)
	return req
}

func TestEmbeddedTenant(t *testing.T) {
	t.Parallel()
	p := start(t, nil)

	for _, want := range []string{"GraphiQL         " + p.url + "/\n", "GraphQL          " + p.url + "/graphql\n", "/beta (embedded: 60 made-up people)\n"} {
		if !strings.Contains(p.stderr.String(), want) {
			t.Errorf("the banner has no %q:\n%s", want, p.stderr)
		}
	}
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

// TestRealTenant reads a tenant that runs elsewhere, as it would a real one.
func TestRealTenant(t *testing.T) {
	t.Parallel()
	tenant := emulator.Start(t, emulator.Options{Users: 60})
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(tenant.ClientSecret()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, map[string]string{"LICENSEGRAPH_TENANT_ID": tenant.TenantID()},
		"--client-id="+tenant.ClientID(), "--client-secret-file="+secret, "--graph-url="+tenant.URL, "--authority="+tenant.URL)
	if want := "Microsoft Graph  " + tenant.URL + " (tenant " + tenant.TenantID() + ")\n"; !strings.Contains(p.stderr.String(), want) {
		t.Errorf("the banner has no %q:\n%s", want, p.stderr)
	}
	if status, body := p.get(t, "/readyz"); status != 200 {
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
		{"body", strings.Repeat(" ", 100_000), 413, "longer than the 100000 bytes"},
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

// TestDrain holds a request back until the program is asked to stop.
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
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "still under way after 20ms") || exitCode(err) != 1 {
		t.Errorf("ended with %v", err)
	}
}

// TestDrainAnswers ends a request that is still waiting for Microsoft Graph when the time to drain is up: it answers what it
// has.
func TestDrainAnswers(t *testing.T) {
	t.Parallel()
	tenant := emulator.Start(t, emulator.Options{Users: 60})
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
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "still under way after 20ms") {
		t.Errorf("ended with %v", err)
	}
}

// TestTermination goes on serving after SIGTERM, while it says that it is not ready. SIGHUP ends nothing, and neither does
// a reader of standard output who has gone.
func TestTermination(t *testing.T) {
	t.Parallel()
	stderr := newJournal()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "--listen=127.0.0.1:0", "--embedded-listen=127.0.0.1:0", "--embedded-users=10", "--drain-delay=1h")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stdout, cmd.Stderr = write, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stderr.wait("Ctrl-C")
	if err := errors.Join(write.Close(), read.Close()); err != nil { // nobody reads standard output any more
		t.Fatal(err)
	}
	p := &program{url: regexp.MustCompile(`(http://\S+)/graphql`).FindStringSubmatch(stderr.String())[1], client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	const change = `mutation{reprocessAssignments(input:{userIds:["11111111-1111-4111-8111-111111111111"]}){results{outcome}}}`
	for _, signal := range []os.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		if status, body := p.ask(t, change); status != 200 || !strings.Contains(body, `"outcome":"NOT_DONE"`) { // whose record is lost
			t.Errorf("before %v: %d %s", signal, status, body)
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
	}
	stderr.wait("not ready any more")
	if status, body := p.get(t, "/readyz"); status != 503 || !strings.Contains(body, "shutting down") {
		t.Errorf("not ready: %d %s", status, body)
	}
	if status, body := p.ask(t, change); status != 200 || !strings.Contains(body, `"outcome":"NOT_DONE"`) {
		t.Errorf("while it drains: %d %s", status, body)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 1 || !strings.Contains(stderr.String(), "a record of the audit log is lost") {
		t.Errorf("exit code %d\n%s", got, stderr)
	}
}

// TestSlowBody begins a request and never ends it.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--request-timeout=50ms")
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{")
	answer, err := io.ReadAll(conn) // until the gateway hangs up
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") {
		t.Errorf("%q %v", answer, err)
	}
}

// TestSlowBodyThatNobodyReads does the same where no handler wants a body.
func TestSlowBodyThatNobodyReads(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--request-timeout=50ms", "--read-header-timeout=50ms")
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{")
	if _, err := io.ReadAll(conn); err != nil { // until the gateway hangs up
		t.Error(err)
	}
}

// TestSlowHeaders does the same with headers.
func TestSlowHeaders(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--read-header-timeout=50ms", "--request-timeout=1h") // the other time would not end it
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: localhost\r\n")
	if _, err := io.ReadAll(conn); err != nil { // until the gateway hangs up
		t.Error(err)
	}
}

func noEnv(string) string { return "" }

// TestSignals runs the program as a process of its own.
func TestSignals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		signals []os.Signal
		hold    bool // a request open
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
			cmd := exec.CommandContext(t.Context(), os.Args[0], "--listen=127.0.0.1:0", "--embedded-listen=127.0.0.1:0", "--embedded-users=10", "--drain-delay=0s", "--shutdown-timeout=1h")
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
	empty, short, secret := file("empty", " \n"), file("short", "c2hvcnQ="), file("secret", "hunter2\n")
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
		{"unknown flag", []string{"--lisen=:1"}, nil, []string{`unknown flag --lisen, did you mean "--listen"?`}},
		{"unknown flags and others", []string{"--bogus", "--max-depth=deep", "--nonsense=1", "--listen=x"}, nil, []string{
			"unknown flag --bogus", "unknown flag --nonsense", `--max-depth: "deep" is no whole number`, `--listen: "x" is no address such as 127.0.0.1:8080`}},
		{"argument", []string{"serve"}, nil, []string{"unexpected argument serve"}},
		{"secret as flag", []string{"--client-secret=hunter2"}, nil, []string{"--client-secret: secrets are not taken from the command line, where other processes can read them: use --client-secret-file or set LICENSEGRAPH_CLIENT_SECRET"}},
		{"all at once", []string{"--listen=x", "--max-depth=deep", "--request-timeout=30", "--embedded-users=0", "--log-level=loud", "--upstream-report=often", "--graphiql=maybe", "--embedded-seed=-1"}, nil, []string{
			`--max-depth: "deep" is no whole number`,
			`--request-timeout: "30" is no duration such as 30s or 2m`,
			`--graphiql: "maybe" is neither true nor false`,
			`--embedded-seed: "-1" is no whole number from 0`,
			`--listen: "x" is no address such as 127.0.0.1:8080`,
			`--upstream-report: "often" is none of auto, always, never, header`,
			`--log-level: "loud" is none of debug, info, warn, error`,
			`--embedded-users: 0 is less than 1`,
		}},
		{"callers of nobody", []string{"--inbound=some", "--audience=a b", "--scopes-alone", "--graphiql-client-id=page"}, nil, []string{
			"--inbound: \"some\" is none of none, entra",
			`--graphiql-client-id: "page" is no client id, a GUID`,
			`--audience: "a b" is no name of this gateway: it is the client id of its registration, or its application ID URI such as api://<client id>`}},
		{"callers who are not asked", []string{"--audience=x", "--scopes-alone", "--graphiql-client-id=x"}, nil, []string{
			"--audience: nobody is asked who they are with --inbound=none: set --inbound=entra",
			"--scopes-alone: nobody is asked who they are with --inbound=none: set --inbound=entra",
			"--graphiql-client-id: nobody is asked who they are with --inbound=none: set --inbound=entra"}},
		{"a real tenant for others", append([]string{"--allowed-host=gateway.example.com", "--cors-origin=https://portal.example.com", "--cors-origin=http://localhost:3000", "--client-secret-file=" + secret}, real...), nil, []string{
			`--allowed-host: under "gateway.example.com" others than this machine reach a real tenant, and with --inbound=none the gateway does not know its callers: set --inbound=entra`,
			"--cors-origin: pages of https://portal.example.com would read a real tenant, and with --inbound=none the gateway does not know its callers: set --inbound=entra"}},
		{"Graph as audience", []string{"--inbound=entra", "--audience=https://microsoftgraph.chinacloudapi.cn/", "--audience=00000003-0000-0000-C000-000000000000", "--audience=graph.microsoft.com"}, nil, []string{
			`--audience: "https://microsoftgraph.chinacloudapi.cn/" is no name of this gateway: it is the client id of its registration, or its application ID URI such as api://<client id>`,
			`--audience: "00000003-0000-0000-C000-000000000000" is no name of this gateway: it is the client id of its registration, or its application ID URI such as api://<client id>`,
			`--audience: "graph.microsoft.com" is no name of this gateway: it is the client id of its registration, or its application ID URI such as api://<client id>`}},
		{"callers of a domain", append([]string{"--inbound=entra", "--listen=:0", "--audience=https://graph.microsoft.com", "--client-secret-file=" + secret}, real...), nil, []string{
			`--tenant-id: with --inbound=entra it has to be the id, a GUID, which "contoso.example" is not: tokens name their tenant by it`,
			`--audience: "https://graph.microsoft.com" is no name of this gateway: it is the client id of its registration, or its application ID URI such as api://<client id>`}},
		{"audit log that cannot be", []string{"--listen=127.0.0.1:0", "--embedded-listen=127.0.0.1:0", "--audit-log=" + dir}, nil, []string{
			"--audit-log: open " + dir + ": is a directory"}},
		{"environment", nil, map[string]string{"LICENSEGRAPH_MAX_COST": "0", "LICENSEGRAPH_REQUEST_TIMEOUT": "-1s", "LICENSEGRAPH_LOG_FORMAT": "xml"}, []string{
			`--log-format: "xml" is none of text, json`,
			`--request-timeout: -1s is too short`,
			`--max-cost: 0 is less than 1`,
		}},
		{"port out of range", []string{"--listen=127.0.0.1:70000", "--embedded-listen=0.0.0.0:1"}, nil, []string{
			`--listen: "127.0.0.1:70000" is no address such as 127.0.0.1:8080`,
			`--embedded-listen: 0.0.0.0:1 is not a loopback address such as 127.0.0.1:8081`,
		}},
		{"tenant only", []string{"--tenant-id=contoso.example"}, nil, []string{"a part of the credentials is missing: --client-id, one of --client-secret-file (or LICENSEGRAPH_CLIENT_SECRET), --client-certificate-file, --federated-token-file"}},
		{"secret only", nil, map[string]string{"LICENSEGRAPH_CLIENT_SECRET": "hunter2"}, []string{"a part of the credentials is missing: --tenant-id, --client-id"}},
		{"no secret", real, nil, []string{"a part of the credentials is missing: one of --client-secret-file (or LICENSEGRAPH_CLIENT_SECRET), --client-certificate-file, --federated-token-file"}},
		{"missing secret file", append(real, "--client-secret-file="+dir+"/none"), nil, []string{"--client-secret-file: open " + dir + "/none: no such file or directory"}},
		{"empty secret file", append(real, "--client-secret-file="+empty), nil, []string{"--client-secret-file: " + empty + " is empty"}},
		{"secret twice", append(real, "--client-secret-file="+secret), map[string]string{"LICENSEGRAPH_CLIENT_SECRET": "hunter2"}, []string{"--client-secret-file and LICENSEGRAPH_CLIENT_SECRET are both set: keep one"}},
		{"ids that are none", []string{"--tenant-id=a/b", "--client-id=../c", "--client-secret-file=" + secret}, nil, []string{`--tenant-id: "a/b" is no id`, `--client-id: "../c" is no id`}},
		{"three credentials", append(real, "--client-secret-file="+secret, "--federated-token-file="+secret, "--client-certificate-file="+secret), nil, []string{"--client-secret-file, --client-certificate-file, --federated-token-file are all set: keep one"}},
		{"two credentials", append(real, "--federated-token-file="+secret), map[string]string{"LICENSEGRAPH_CLIENT_SECRET": "hunter2"}, []string{"LICENSEGRAPH_CLIENT_SECRET and --federated-token-file are both set: keep one"}},
		{"key without certificate", append(real, "--client-secret-file="+secret, "--client-key-file="+secret), nil, []string{"--client-key-file is set, and the certificate of the key is not: set --client-certificate-file"}},
		{"no certificate", append(real, "--client-certificate-file="+secret), nil, []string{"--client-certificate-file: " + secret + ": tls: failed to find any PEM data in certificate input"}},
		{"no federated token", append(real, "--federated-token-file="+secret), nil, []string{"--federated-token-file: " + secret + " holds no token: three parts with dots between"}},
		{"tenants without callers", append(real, "--client-secret-file="+secret, "--tenant-id=fabrikam.example"), nil, []string{"--tenant-id: more than one is for callers who are known: set --inbound=entra"}},
		{"on behalf of nobody", append(real, "--client-secret-file="+secret, "--outbound=on-behalf-of"), nil, []string{"--outbound: on-behalf-of needs to know the callers: set --inbound=entra"}},
		{"on behalf of nobody, embedded", []string{"--outbound=on-behalf-of"}, nil, []string{"--outbound: on-behalf-of needs to know the callers: set --inbound=entra"}},
		{"in whose name", append(real, "--client-secret-file="+secret, "--outbound=me"), nil, []string{`--outbound: "me" is none of app, on-behalf-of`}},
		{"tenant twice", []string{"--inbound=entra", "--client-id=c", "--client-secret-file=" + secret, "--tenant-id=4b0b0f0e-0000-0000-0000-00000000000a,4B0B0F0E-0000-0000-0000-00000000000A"}, nil, []string{`--tenant-id: "4B0B0F0E-0000-0000-0000-00000000000A" is given more than once`}},
		{"proxy with a password", append(real, "--client-secret-file="+secret, "--proxy=http://user:hunter2@proxy.example:3128"), nil, []string{"--proxy: credentials do not belong into the address of a proxy, where others could read them"}},
		{"proxy of the environment with a password", append(real, "--client-secret-file="+secret), map[string]string{"LICENSEGRAPH_PROXY": "http://user:hunter2@proxy.example:3128"}, []string{"--proxy: credentials do not belong into the address of a proxy, where others could read them"}},
		{"proxy that is none", append(real, "--client-secret-file="+secret, "--proxy=hunter2"), nil, []string{"--proxy: a proxy is of the form http://host:port, https://host:port or socks5://host:port"}},
		{"credentials without a proxy", append(real, "--client-secret-file="+secret), map[string]string{"LICENSEGRAPH_PROXY_CREDENTIALS": "user:hunter2"}, []string{"the credentials of a proxy are set, and the proxy is not: set --proxy"}},
		{"credentials of a proxy that are none", append(real, "--client-secret-file="+secret, "--proxy=http://proxy.example", "--proxy-credentials-file="+secret), nil, []string{"--proxy-credentials-file: the credentials of a proxy are of the form user:password"}},
		{"credentials of a proxy as flag", []string{"--proxy-credentials=u:hunter2"}, nil, []string{"--proxy-credentials: secrets are not taken from the command line, where other processes can read them: use --proxy-credentials-file or set LICENSEGRAPH_PROXY_CREDENTIALS"}},
		{"empty authorities", append(real, "--listen=127.0.0.1:0", "--client-secret-file="+secret, "--ca-file="+empty), nil, []string{"--ca-file: " + empty + " holds no certificate in PEM"}},
		{"ways out without credentials", []string{"--ca-file=x", "--proxy=http://proxy.example"}, nil, []string{
			"--ca-file is set, and the credentials for it are not: set --tenant-id, --client-id and --client-secret-file",
			"--proxy is set, and the credentials for it are not: set --tenant-id, --client-id and --client-secret-file",
		}},
		{"cursor key", []string{"--cursor-key-file=" + short}, nil, []string{"a cursor key has to be 32 bytes in base64, such as openssl rand -base64 32 writes; there are 4 at most, each on a line"}},
		{"cursor key as flag", []string{"--cursor-key=hunter2"}, nil, []string{"--cursor-key: secrets are not taken from the command line, where other processes can read them: use --cursor-key-file or set LICENSEGRAPH_CURSOR_KEY"}},
		{"addresses without credentials", []string{"--graph-url=https://graph.example", "--authority=https://login.example", "--cloud=china"}, nil, []string{
			"--graph-url is set, and the credentials for it are not: set --tenant-id, --client-id and --client-secret-file",
			"--authority is set, and the credentials for it are not: set --tenant-id, --client-id and --client-secret-file",
			"--cloud is set, and the credentials for it are not: set --tenant-id, --client-id and --client-secret-file",
		}},
		{"addresses that are none", append(real, "--client-secret-file="+secret, "--graph-url=http://graph.example", "--authority=https://user:hunter2@login.example", "--cloud=moon"), nil, []string{
			`--cloud: "moon" is none of worldwide, us-gov-l4, us-gov-l5, china`,
			"--graph-url: has to be https, because credentials are sent there",
			"--authority: wants scheme and host only, such as https://graph.microsoft.com",
		}},
		{"open to a network", append(real, "--client-secret-file="+secret, "--listen=0.0.0.0:8080"), nil, []string{"--listen: 0.0.0.0:8080 is open to a network, and with --inbound=none the gateway does not know its callers: over a real tenant set --inbound=entra, or listen on a loopback address such as 127.0.0.1:8080"}},
		{"open to every network", append(real, "--client-secret-file="+secret, "--listen=:8080"), nil, []string{"--listen: :8080 is open to a network, and with --inbound=none the gateway does not know its callers: over a real tenant set --inbound=entra, or listen on a loopback address such as 127.0.0.1:8080"}},
		{"origins and hosts", []string{"--cors-origin=*,https://a.example/,null,https://A.example,https://a.example:443,https://ok.example", "--allowed-host=a:1"}, nil, []string{
			`--allowed-host: "a:1" is no host name (without a port)`,
			`--cors-origin: "*" is no origin such as https://portal.example.com`,
			`--cors-origin: "https://a.example/" is no origin such as https://portal.example.com`,
			`--cors-origin: "null" is no origin such as https://portal.example.com`,
			`--cors-origin: "https://A.example" is no origin such as https://portal.example.com`,
			`--cors-origin: "https://a.example:443" is no origin such as https://portal.example.com`,
		}},
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

// TestSecretsStaySecret looks for a secret in all that the program writes
// while its upstream is down.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	const canary = "canary-7f3a"
	key := "Y2FuYXJ5LWtleS1jYW5hcnkta2V5LWNhbmFyeS1rZXk="
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	url := "http://" + closed.Addr().String()
	p := start(t, map[string]string{
		"LICENSEGRAPH_CLIENT_SECRET": canary, "LICENSEGRAPH_CURSOR_KEY": key,
		"LICENSEGRAPH_TENANT_ID": "contoso.example", "LICENSEGRAPH_CLIENT_ID": "app",
	}, "--graph-url="+url, "--authority="+url, "--log-level=debug")
	status, body := p.get(t, "/readyz")
	if status != http.StatusServiceUnavailable || !strings.Contains(body, `"reason":"Microsoft Graph could not answer."`) {
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

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"-h", "--help"} {
		var stdout, stderr bytes.Buffer
		if err := run(t.Context(), []string{flag, "--listen=nonsense"}, noEnv, &stdout, &stderr); err != nil {
			t.Fatal(err)
		}
		help := strings.Join(strings.Fields(stdout.String()), " ")
		for _, s := range (&Config{}).settings() {
			name := "--" + s.flag
			if _, ok := s.value.(bool); ok {
				name = "--[no-]" + s.flag
			}
			for _, want := range []string{name, "($" + envName(s.flag) + ")"} {
				if !strings.Contains(help, want) {
					t.Errorf("%s has no %s", flag, want)
				}
			}
		}
		for _, want := range []string{"LICENSEGRAPH_CLIENT_SECRET", "LICENSEGRAPH_CURSOR_KEY", "20000", "127.0.0.1:8080"} {
			if !strings.Contains(help, want) {
				t.Errorf("%s has no %s", flag, want)
			}
		}
		if strings.Contains(help, "--client-secret=") || strings.Contains(help, "$LICENSEGRAPH_HELP") {
			t.Errorf("%s shows what is not to be set", flag)
		}
	}
}

func TestFlagsWinOverEnvironment(t *testing.T) {
	t.Parallel()
	env := map[string]string{"LICENSEGRAPH_MAX_DEPTH": "7", "LICENSEGRAPH_MAX_WIDTH": "8", "LICENSEGRAPH_GRAPHIQL": "false", "LICENSEGRAPH_CORS_ORIGIN": "https://a.example,https://b.example"}
	cfg, err := load([]string{"--max-depth=9", "--no-introspection"}, func(name string) string { return env[name] }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{cfg.MaxDepth, cfg.MaxWidth, cfg.MaxAliases, cfg.GraphiQL, cfg.Introspection, cfg.CORSOrigins}
	want := []any{9, 8, 50, false, false, []string{"https://a.example", "https://b.example"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNoIntrospection refuses the schema where it is switched off, in each way to ask for it, and calls that no fault.
func TestNoIntrospection(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--no-introspection")
	for _, query := range []string{
		`{__schema{queryType{name}}}`, `{__type(name:\"User\"){name}}`, `{_service{sdl}}`, `{a:__schema{queryType{name}} users(first:1){nodes{id}}}`,
		`query{...q} fragment q on Query{...{__schema{queryType{name}}}}`,
	} {
		status, body := p.ask(t, strings.ReplaceAll(query, `\"`, `"`))
		if status != http.StatusBadRequest || !strings.Contains(body, "introspection is switched off") || !strings.Contains(body, `"code":"FORBIDDEN"`) {
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

// TestProductNames takes the operator's names of products. In a process of its own: they are everybody's.
func TestProductNames(t *testing.T) {
	t.Parallel()
	const header = "Product_Display_Name,String_Id,GUID,Service_Plan_Name,Service_Plan_Id,Service_Plans_Included_Friendly_Names\n"
	names := secretFile(t, header+"Our E3,SPE_E3,05e9a617-0261-4cee-bb44-138d3ef5d965,SWAY,a23b959c-7ce8-4e57-9140-b90eb88a9e97,Our Sway\n")
	stderr := newJournal()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "--listen=127.0.0.1:0", "--embedded-listen=127.0.0.1:0", "--embedded-users=10", "--product-names="+names)
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
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	err := run(t.Context(), []string{"--product-names=" + secretFile(t, "no names")}, noEnv, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "--product-names: it has no column") || exitCode(err) != 2 {
		t.Errorf("a file without names: %v", err)
	}
}
