package embedded

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"licensegraph/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func noVariables(string) string { return "" }

// output collects the output of the command. The command has started when it has printed how to stop it.
type output struct {
	mu    sync.Mutex
	text  strings.Builder
	begun chan struct{}
}

func newOutput() *output { return &output{begun: make(chan struct{})} }

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.text.Write(b)
	if strings.Contains(o.text.String(), "Ctrl-C") {
		o.begin()
	}
	return n, err
}

func (o *output) begin() {
	select {
	case <-o.begun:
	default:
		close(o.begun)
	}
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// runUntil runs the command until the context ends. It returns when the command has started or failed.
func runUntil(ctx context.Context, args []string, getenv func(string) string) (stdout *output, ended <-chan error) {
	out, done := newOutput(), make(chan error, 1)
	go func() {
		done <- Run(ctx, args, getenv, out, io.Discard)
		out.mu.Lock()
		defer out.mu.Unlock()
		out.begin()
	}()
	<-out.begun
	return out, done
}

// isSetup reports whether an error is a SetupError.
func isSetup(err error) bool {
	_, ok := errors.AsType[*config.SetupError](err)
	return ok
}

// TestRun starts only the embedded tenant and reads from it as a client.
func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca, pair := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "client.pem")
	if err := os.WriteFile(pair, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stdout, ended := runUntil(ctx, []string{"--listen=127.0.0.1:0", "--tls", "--ca-file=" + ca, "--certificate-file=" + pair},
		func(name string) string { return map[string]string{"LICENSEGRAPH_EMBEDDED_USERS": "20"}[name] })
	printed := stdout.String()
	value := func(name string) string {
		found := regexp.MustCompile(`(?m)^` + name + ` +(\S+)`).FindStringSubmatch(printed)
		if found == nil {
			t.Fatalf("no %s: %s", name, printed)
		}
		return found[1]
	}
	if !strings.Contains(printed, "(20 fictitious users)") {
		t.Errorf("%s", printed)
	}

	pem, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("%s", pem)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	client := &http.Client{Transport: transport}
	resp, err := client.PostForm(value("Sign-in")+"/oauth2/v2.0/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {value("Client")}, "client_secret": {value("Secret")}, "scope": {"https://graph.microsoft.com/.default"},
	})
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != 200 || !strings.Contains(string(body), "access_token") || !strings.HasSuffix(value("Sign-in"), value("Tenant")) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	transport.CloseIdleConnections()

	if _, err := tls.LoadX509KeyPair(pair, pair); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(pair); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"network":  {[]string{"--listen=0.0.0.0:0"}, "--listen: invalid address 0.0.0.0:0: want a loopback address such as 127.0.0.1:8081, or --allow-network"},
		"no users": {[]string{"--users=0"}, "--users: invalid value 0: want at least 1"},
		"many":     {[]string{"--users=1000001"}, "--users: invalid value: want at most 1000000"},
		"no TLS":   {[]string{"--ca-file=x"}, "--ca-file requires --tls"},
		"address":  {[]string{"--redirect-uri=https://app.example/a,b", "--redirect-uri=/back"}, `--redirect-uri: invalid URI "/back": want a value such as https://app.example.com/signin`},
		"page":     {[]string{"--single-page-uri=x"}, `--single-page-uri: invalid URI "x": want a value such as`},
		"number":   {[]string{"--seed=x"}, `--seed: invalid value "x": want a non-negative integer`},
		"flag":     {[]string{"--graphiql"}, "unknown flag --graphiql"},
		"the file": {[]string{"--listen=127.0.0.1:0", "--certificate-file=" + filepath.Join(t.TempDir(), "a", "b")}, "--certificate-file: open"},
	} {
		err := Run(t.Context(), tt.args, noVariables, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !isSetup(err) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	help := newOutput()
	if err := Run(t.Context(), []string{"-h"}, noVariables, help, io.Discard); err != nil || !strings.Contains(help.String(), "LICENSEGRAPH_EMBEDDED_CA_FILE") {
		t.Errorf("%v %s", err, help)
	}
}

// TestRunState starts with a tenant from a file, with variants and faults from flags, and saves it on exit.
func TestRunState(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first.json"), filepath.Join(dir, "second.json")
	serve := func(args []string, during func(url string)) error {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		stdout, ended := runUntil(ctx, append([]string{"--listen=127.0.0.1:0"}, args...), noVariables)
		if found := regexp.MustCompile(`http://\S+?:\d+`).FindString(stdout.String()); found != "" {
			during(found)
		}
		stop()
		return <-ended
	}
	steer := func(method, url, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	if err := serve([]string{"--users=30", "--save-state=" + first}, func(string) {}); err != nil {
		t.Fatal(err)
	}
	err := serve([]string{"--state=" + first, "--save-state=" + second, "--variant=expandErrors=both", "--fault=endpoint=GET /users,status=503,times=-1"}, func(url string) {
		if status, text := steer("GET", url+"/-/variants", ""); status != 200 || !strings.Contains(text, `"expandErrors":"both"`) {
			t.Errorf("%d %s", status, text)
		}
		if status, text := steer("GET", url+"/-/faults", ""); status != 200 || !strings.Contains(text, "503") {
			t.Errorf("%d %s", status, text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	one, err1 := os.ReadFile(first)
	two, err2 := os.ReadFile(second)
	if err := errors.Join(err1, err2); err != nil || len(one) == 0 || !bytes.Equal(one, two) {
		t.Errorf("%d and %d bytes: %v", len(one), len(two), err)
	}
	err = serve([]string{"--control=off"}, func(url string) {
		if status, text := steer("GET", url+"/-/variants", ""); status == 200 {
			t.Errorf("steered: %s", text)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	err = serve([]string{"--state=" + filepath.Join(dir, "none"), "--variant=colour=red", "--fault=nothing", "--control=perhaps"}, func(url string) { t.Error("it runs") })
	for _, part := range []string{"--state: ", "--variant: ", "--fault: ", "--control: "} {
		if err == nil || !strings.Contains(err.Error(), part) || !isSetup(err) {
			t.Errorf("%s: %v", part, err)
		}
	}
	if err := os.WriteFile(first, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := serve([]string{"--state=" + first}, func(url string) { t.Error("it runs") }); err == nil || !strings.Contains(err.Error(), "--state: ") {
		t.Errorf("invalid state: %v", err)
	}
}
