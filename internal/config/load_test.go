package config

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func noEnv(string) string { return "" }

// testConfig returns the configuration of the flags.
func testConfig(t *testing.T, flags ...string) *Config {
	t.Helper()
	cfg, err := Load(flags, noEnv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestProblems tests that all problems are reported at once, without secrets.
func TestProblems(t *testing.T) {
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
	real := []string{"--tenant-id=contoso.example", "--client-id=4b0b0f0e-0000-0000-0000-000000000001"}

	tests := []struct {
		name string
		args []string
		env  map[string]string
		want []string // lines
	}{
		{"unknown flag", []string{"--lisen=:1"}, nil, []string{`unknown flag --lisen, did you mean "--listen"?`}},
		{"unknown flags and others", []string{"--bogus", "--max-depth=deep", "--nonsense=1", "--listen=x"}, nil, []string{
			"unknown flag --bogus", "unknown flag --nonsense", `--max-depth: invalid value "deep": want an integer`, `--listen: invalid address "x": want host:port`}},
		{"argument", []string{"serve"}, nil, []string{"unexpected argument serve"}},
		{"unknown authentication", []string{"--inbound=some", "--audience=a b", "--scopes-alone", "--graphiql-client-id=page"}, nil, []string{
			`--inbound: invalid value "some": want one of none, entra`,
			`--graphiql-client-id: invalid client ID "page": want a GUID`,
			`--audience: invalid audience "a b": want the client ID of the gateway's app registration, or its application ID URI such as api://<client ID>`}},
		{"settings of authentication without it", []string{"--audience=x", "--scopes-alone", "--graphiql-client-id=x"}, nil, []string{
			"--audience requires authentication: set --inbound=entra",
			"--scopes-alone requires authentication: set --inbound=entra",
			"--graphiql-client-id requires authentication: set --inbound=entra"}},
		{"real tenant accessible to others", append([]string{"--allowed-host=gateway.example.com", "--cors-origin=https://portal.example.com", "--cors-origin=http://localhost:3000", "--client-secret-file=" + secret}, real...), nil, []string{
			`--allowed-host: "gateway.example.com" makes a real tenant accessible to other machines: set --inbound=entra`,
			"--cors-origin: https://portal.example.com makes a real tenant accessible to web pages: set --inbound=entra"}},
		{"Graph as audience", []string{"--inbound=entra", "--audience=https://microsoftgraph.chinacloudapi.cn/", "--audience=00000003-0000-0000-C000-000000000000", "--audience=graph.microsoft.com"}, nil, []string{
			`--audience: invalid audience "https://microsoftgraph.chinacloudapi.cn/": want the client ID of the gateway's app registration, or its application ID URI such as api://<client ID>`,
			`--audience: invalid audience "00000003-0000-0000-C000-000000000000": want the client ID of the gateway's app registration, or its application ID URI such as api://<client ID>`,
			`--audience: invalid audience "graph.microsoft.com": want the client ID of the gateway's app registration, or its application ID URI such as api://<client ID>`}},
		{"callers of a domain", append([]string{"--inbound=entra", "--listen=:0", "--audience=https://graph.microsoft.com", "--client-secret-file=" + secret}, real...), nil, []string{
			`--tenant-id: invalid tenant ID "contoso.example": --inbound=entra requires a GUID, because tokens contain the tenant ID`,
			`--audience: invalid audience "https://graph.microsoft.com": want the client ID of the gateway's app registration, or its application ID URI such as api://<client ID>`}},
		{"environment", nil, map[string]string{"LICENSEGRAPH_MAX_COST": "0", "LICENSEGRAPH_REQUEST_TIMEOUT": "-1s", "LICENSEGRAPH_LOG_FORMAT": "xml"}, []string{
			`--log-format: invalid value "xml": want one of text, json`,
			`--request-timeout: invalid duration -1s: want more than 0`,
			`--max-cost: invalid value 0: want at least 1`,
		}},
		{"life of reference data", []string{"--reference-cache-life=-1s"}, nil, []string{"--reference-cache-life: invalid duration -1s: want 0s or more"}},
		{"long life of reference data", []string{"--reference-cache-life=61m"}, nil, []string{"--reference-cache-life: invalid duration 1h1m0s: want at most 1h0m0s"}},
		{"reference data on behalf of users", []string{"--inbound=entra", "--outbound=on-behalf-of", "--reference-cache-life=1m"}, nil, []string{
			"--reference-cache-life requires --outbound=app: what is read on behalf of users is not cached"}},
		{"port out of range", []string{"--listen=127.0.0.1:70000", "--embedded-listen=0.0.0.0:1"}, nil, []string{
			`--listen: invalid address "127.0.0.1:70000": want host:port`,
			`--embedded-listen: invalid address 0.0.0.0:1: want a loopback address such as 127.0.0.1:8081`,
		}},
		{"tenant only", []string{"--tenant-id=contoso.example"}, nil, []string{"incomplete credentials: missing --client-id, one of --client-secret-file (or LICENSEGRAPH_CLIENT_SECRET), --client-certificate-file, --federated-token-file"}},
		{"secret only", nil, map[string]string{"LICENSEGRAPH_CLIENT_SECRET": "hunter2"}, []string{"incomplete credentials: missing --tenant-id, --client-id"}},
		{"no secret", real, nil, []string{"incomplete credentials: missing one of --client-secret-file (or LICENSEGRAPH_CLIENT_SECRET), --client-certificate-file, --federated-token-file"}},
		{"missing secret file", append(real, "--client-secret-file="+dir+"/none"), nil, []string{"--client-secret-file: open " + dir + "/none: no such file or directory"}},
		{"empty secret file", append(real, "--client-secret-file="+empty), nil, []string{"--client-secret-file: " + empty + ": empty file"}},
		{"secret twice", append(real, "--client-secret-file="+secret), map[string]string{"LICENSEGRAPH_CLIENT_SECRET": "hunter2"}, []string{"--client-secret-file and LICENSEGRAPH_CLIENT_SECRET are both set: keep one"}},
		{"invalid IDs", []string{"--tenant-id=a/b", "--client-id=../c", "--client-secret-file=" + secret}, nil, []string{`--tenant-id: invalid ID "a/b"`, `--client-id: invalid ID "../c"`}},
		{"three credentials", append(real, "--client-secret-file="+secret, "--federated-token-file="+secret, "--client-certificate-file="+secret), nil, []string{"--client-secret-file, --client-certificate-file, --federated-token-file are all set: keep one"}},
		{"two credentials", append(real, "--federated-token-file="+secret), map[string]string{"LICENSEGRAPH_CLIENT_SECRET": "hunter2"}, []string{"LICENSEGRAPH_CLIENT_SECRET and --federated-token-file are both set: keep one"}},
		{"key without certificate", append(real, "--client-secret-file="+secret, "--client-key-file="+secret), nil, []string{"--client-key-file requires --client-certificate-file"}},
		{"no certificate", append(real, "--client-certificate-file="+secret), nil, []string{"--client-certificate-file: " + secret + ": tls: failed to find any PEM data in certificate input"}},
		{"no federated token", append(real, "--federated-token-file="+secret), nil, []string{"--federated-token-file: " + secret + ": not a token: want three parts separated by dots"}},
		{"tenants without callers", append(real, "--client-secret-file="+secret, "--tenant-id=fabrikam.example"), nil, []string{"--tenant-id: several tenants require --inbound=entra"}},
		{"on behalf of, without authentication", append(real, "--client-secret-file="+secret, "--outbound=on-behalf-of"), nil, []string{"--outbound: on-behalf-of requires --inbound=entra"}},
		{"on behalf of, without authentication, embedded", []string{"--outbound=on-behalf-of"}, nil, []string{"--outbound: on-behalf-of requires --inbound=entra"}},
		{"unknown identity", append(real, "--client-secret-file="+secret, "--outbound=me"), nil, []string{`--outbound: invalid value "me": want one of app, on-behalf-of`}},
		{"tenant twice", []string{"--inbound=entra", "--client-id=c", "--client-secret-file=" + secret, "--tenant-id=4b0b0f0e-0000-0000-0000-00000000000a,4B0B0F0E-0000-0000-0000-00000000000A"}, nil, []string{`--tenant-id: duplicate ID "4B0B0F0E-0000-0000-0000-00000000000A"`}},
		{"proxy with a password", append(real, "--client-secret-file="+secret, "--proxy=http://user:hunter2@proxy.example:3128"), nil, []string{"--proxy: invalid URL: credentials are not accepted here, where other processes can read them"}},
		{"proxy of the environment with a password", append(real, "--client-secret-file="+secret), map[string]string{"LICENSEGRAPH_PROXY": "http://user:hunter2@proxy.example:3128"}, []string{"--proxy: invalid URL: credentials are not accepted here, where other processes can read them"}},
		{"invalid proxy", append(real, "--client-secret-file="+secret, "--proxy=hunter2"), nil, []string{"--proxy: invalid URL: want http://host:port, https://host:port or socks5://host:port"}},
		{"credentials without a proxy", append(real, "--client-secret-file="+secret), map[string]string{"LICENSEGRAPH_PROXY_CREDENTIALS": "user:hunter2"}, []string{"the proxy credentials require --proxy"}},
		{"invalid proxy credentials", append(real, "--client-secret-file="+secret, "--proxy=http://proxy.example", "--proxy-credentials-file="+secret), nil, []string{"--proxy-credentials-file: invalid proxy credentials: want user:password"}},
		{"credentials of a proxy as flag", []string{"--proxy-credentials=u:hunter2"}, nil, []string{"--proxy-credentials: secrets are not accepted on the command line, where other processes can read them: use --proxy-credentials-file or set LICENSEGRAPH_PROXY_CREDENTIALS"}},
		{"CA file and proxy without a tenant", []string{"--ca-file=x", "--proxy=http://proxy.example"}, nil, []string{
			"--ca-file requires a real tenant: set --tenant-id, --client-id and --client-secret-file",
			"--proxy requires a real tenant: set --tenant-id, --client-id and --client-secret-file",
		}},
		{"certificate without a key", []string{"--tls-cert-file=x"}, nil, []string{"--tls-cert-file requires --tls-key-file"}},
		{"key without a certificate of the listener", []string{"--tls-key-file=x"}, nil, []string{"--tls-key-file requires --tls-cert-file"}},
		{"HTTP/2 with and without TLS", []string{"--tls-cert-file=x", "--tls-key-file=x", "--h2c"}, nil, []string{"--h2c and --tls-cert-file are both set: keep one; clients negotiate HTTP/2 with TLS"}},
		{"cursor key", []string{"--cursor-key-file=" + short}, nil, []string{"invalid cursor key: want 32 bytes in base64 (openssl rand -base64 32) per line, at most 4 lines"}},
		{"cursor key as flag", []string{"--cursor-key=hunter2"}, nil, []string{"--cursor-key: secrets are not accepted on the command line, where other processes can read them: use --cursor-key-file or set LICENSEGRAPH_CURSOR_KEY"}},
		{"addresses without credentials", []string{"--graph-url=https://graph.example", "--authority=https://login.example", "--cloud=china"}, nil, []string{
			"--graph-url requires a real tenant: set --tenant-id, --client-id and --client-secret-file",
			"--authority requires a real tenant: set --tenant-id, --client-id and --client-secret-file",
			"--cloud requires a real tenant: set --tenant-id, --client-id and --client-secret-file",
		}},
		{"invalid URLs", append(real, "--client-secret-file="+secret, "--graph-url=http://graph.example", "--authority=https://user:hunter2@login.example", "--cloud=moon"), nil, []string{
			`--cloud: invalid value "moon": want one of worldwide, us-gov-l4, us-gov-l5, china`,
			"--graph-url: invalid URL: want https, because credentials are sent there",
			"--authority: invalid URL: want scheme and host only, such as https://graph.microsoft.com",
		}},
		{"open to a network", append(real, "--client-secret-file="+secret, "--listen=0.0.0.0:8080"), nil, []string{"--listen: 0.0.0.0:8080 is not a loopback address: with a real tenant set --inbound=entra, or listen on a loopback address such as 127.0.0.1:8080"}},
		{"open to every network", append(real, "--client-secret-file="+secret, "--listen=:8080"), nil, []string{"--listen: :8080 is not a loopback address: with a real tenant set --inbound=entra, or listen on a loopback address such as 127.0.0.1:8080"}},
		{"origins and hosts", []string{"--cors-origin=*,https://a.example/,null,https://A.example,https://a.example:443,https://ok.example", "--allowed-host=a:1"}, nil, []string{
			`--allowed-host: invalid host name "a:1": want a name without a port`,
			`--cors-origin: invalid origin "*": want a value such as https://portal.example.com`,
			`--cors-origin: invalid origin "https://a.example/": want a value such as https://portal.example.com`,
			`--cors-origin: invalid origin "null": want a value such as https://portal.example.com`,
			`--cors-origin: invalid origin "https://A.example": want a value such as https://portal.example.com`,
			`--cors-origin: invalid origin "https://a.example:443": want a value such as https://portal.example.com`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var stdout bytes.Buffer
			_, err := Load(tt.args, func(name string) string { return tt.env[name] }, &stdout)
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(strings.Join(tt.want, "\n"), err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if strings.Contains(stdout.String()+err.Error(), "hunter2") {
				t.Error("a secret was written")
			}
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"-h", "--help"} {
		var stdout bytes.Buffer
		if _, err := Load([]string{flag, "--listen=nonsense"}, noEnv, &stdout); !errors.Is(err, ErrHelp) {
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
			t.Errorf("%s shows hidden flags", flag)
		}
	}
}

func TestFlagsWinOverEnvironment(t *testing.T) {
	t.Parallel()
	env := map[string]string{"LICENSEGRAPH_MAX_DEPTH": "7", "LICENSEGRAPH_MAX_WIDTH": "8", "LICENSEGRAPH_GRAPHIQL": "false", "LICENSEGRAPH_CORS_ORIGIN": "https://a.example,https://b.example"}
	cfg, err := Load([]string{"--max-depth=9", "--no-introspection"}, func(name string) string { return env[name] }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{cfg.MaxDepth, cfg.MaxWidth, cfg.MaxAliases, cfg.GraphiQL, cfg.Introspection, cfg.CORSOrigins}
	want := []any{9, 8, 50, false, false, []string{"https://a.example", "https://b.example"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTrustedDocumentsMode tests a mode without a file, and an unknown mode.
func TestTrustedDocumentsMode(t *testing.T) {
	t.Parallel()
	for want, flags := range map[string][]string{
		"requires --trusted-documents":  {"--trusted-documents-mode=enforce"},
		"want one of off, log, enforce": {"--trusted-documents-mode=on", "--trusted-documents=x"},
	} {
		if _, err := Load(flags, noEnv, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", flags, err)
		}
	}
}
