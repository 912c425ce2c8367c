package internal

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// arrows are the packages of this module and what each may import of it. A package that is not here is new:
// decide what it may know.
var arrows = map[string][]string{
	"schema":                           nil,
	"internal/licensing":               {"internal/upstream"},
	"internal/upstream":                nil,
	"internal/embedded":                {"internal/config", "internal/emulator", "internal/logs"},
	"internal/emulator":                {"internal/emulator/access", "internal/emulator/api", "internal/emulator/clock", "internal/emulator/control", "internal/emulator/exchange", "internal/emulator/fault", "internal/emulator/settings", "internal/emulator/signin", "internal/emulator/store", "internal/emulator/tenant", "internal/emulator/throttle", "internal/emulator/traffic", "internal/emulator/wire"}, // it speaks the wire: with our types, a wrong JSON tag would cancel out
	"internal/emulator/access":         {"internal/emulator/tenant", "internal/emulator/wire"},
	"internal/emulator/api":            {"internal/emulator/access", "internal/emulator/fault", "internal/emulator/odata", "internal/emulator/settings", "internal/emulator/store", "internal/emulator/tenant", "internal/emulator/throttle", "internal/emulator/traffic", "internal/emulator/wire"},
	"internal/emulator/clock":          nil,
	"internal/emulator/contract":       {"internal/emulator/exchange"},
	"internal/emulator/control":        {"internal/emulator/access", "internal/emulator/clock", "internal/emulator/fault", "internal/emulator/settings", "internal/emulator/store", "internal/emulator/tenant", "internal/emulator/traffic", "internal/emulator/wire"},
	"internal/emulator/emulatortest":   {"internal/emulator", "internal/emulator/contract"},
	"internal/emulator/exchange":       nil,
	"internal/emulator/fault":          {"internal/emulator/settings", "internal/emulator/tenant", "internal/emulator/wire"},
	"internal/emulator/odata":          nil,
	"internal/emulator/settings":       {"internal/emulator/clock"},
	"internal/emulator/signin":         {"internal/emulator/access", "internal/emulator/fault", "internal/emulator/settings", "internal/emulator/store", "internal/emulator/tenant", "internal/emulator/wire"},
	"internal/emulator/store":          {"internal/emulator/tenant"},
	"internal/emulator/tenant":         nil,
	"internal/emulator/throttle":       {"internal/emulator/settings", "internal/emulator/wire"},
	"internal/emulator/traffic":        nil,
	"internal/emulator/wire":           {"internal/emulator/settings"},
	"internal/bench":                   {"internal/emulator"},
	"internal/cache":                   nil,
	"internal/decode":                  {"internal/licensing", "internal/upstream"},
	"internal/config":                  {"internal/entra", "internal/identity", "internal/licensing", "internal/limits", "internal/outbound", "internal/quota"},
	"internal/documents":               {"internal/cache", "internal/identity"},
	"internal/entra":                   {"internal/cache", "internal/identity", "internal/licensing", "internal/outbound", "internal/upstream"},
	"internal/execution":               {"graph/model", "internal/limits"},
	"internal/execution/stub":          nil,
	"internal/generate":                nil,
	"internal/graphiql":                nil,
	"internal/identity":                nil,
	"internal/limits":                  {"internal/cache"},
	"internal/logs":                    {"internal/identity"},
	"internal/metrics":                 {"internal/transport", "internal/upstream"},
	"internal/msgraph":                 {"internal/cache", "internal/decode", "internal/identity", "internal/licensing", "internal/outbound", "internal/refdata", "internal/upstream"},
	"internal/outbound":                nil,
	"internal/refdata":                 {"internal/cache"},
	"internal/quota":                   {"internal/identity"},
	"internal/readmetest":              nil,
	"internal/transport":               {"internal/documents", "internal/entra", "internal/identity", "internal/limits", "internal/logs", "internal/quota", "internal/upstream"},
	"internal/transport/transporttest": nil,
	"loaders":                          {"internal/licensing", "internal/msgraph", "internal/upstream"},
	"graph/model":                      {"internal/licensing", "internal/upstream"},
	"graph/columns":                    nil,
	"graph/cursor":                     {"internal/identity", "internal/upstream"},
	"graph/generated":                  {"graph/columns", "graph/model", "internal/licensing"},
	"graph":                            {"graph/columns", "graph/cursor", "graph/generated", "graph/model", "internal/identity", "internal/licensing", "internal/upstream", "loaders"},
	"server":                           {"graph", "internal/config", "internal/documents", "internal/embedded", "internal/emulator", "internal/entra", "internal/execution", "internal/graphiql", "internal/identity", "internal/licensing", "internal/limits", "internal/metrics", "internal/logs", "internal/msgraph", "internal/outbound", "internal/refdata", "internal/transport", "internal/upstream", "loaders", "schema"},
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// TestImports holds the direction of imports: server, graph, loaders, licensing; and the client and the
// embedded tenant beside them.
func TestImports(t *testing.T) {
	t.Parallel()
	const module = "licensegraph/"
	for _, line := range goList(t, "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...") {
		names := strings.Fields(line)
		name := strings.TrimPrefix(names[0], module)
		if name == "licensegraph" || name == "internal" {
			continue // tests of the whole
		}
		may, known := arrows[name]
		if !known {
			t.Errorf("%s is new", name)
		}
		for _, imported := range names[1:] {
			if ours, ok := strings.CutPrefix(imported, module); ok && !slices.Contains(may, ours) {
				t.Errorf("%s imports %s", name, ours)
			}
		}
	}
}

// TestLicensingStandsAlone has the domain depend on nothing but the standard library and what an answer can be.
func TestLicensingStandsAlone(t *testing.T) {
	t.Parallel()
	got := goList(t, "-deps", "-f", `{{if not .Standard}}{{.ImportPath}}{{end}}`, "./internal/licensing")
	got = slices.DeleteFunc(got, func(line string) bool { return line == "" })
	if !slices.Equal(got, []string{"licensegraph/internal/upstream", "licensegraph/internal/licensing"}) {
		t.Errorf("it depends on %v", got)
	}
}

// TestOnlyLoadersReadUpstream has the loaders alone know the reads of the client, and nobody the embedded tenant or the
// server.
func TestOnlyLoadersReadUpstream(t *testing.T) {
	t.Parallel()
	for _, line := range goList(t, "-deps", "./graph", "./loaders") {
		if strings.HasPrefix(line, "licensegraph/internal/emulator") || line == "licensegraph/server" {
			t.Errorf("they depend on %s", line)
		}
	}
}

// TestBinaryHasNoTests has nothing linked into the program that is for tests alone.
func TestBinaryHasNoTests(t *testing.T) {
	t.Parallel()
	for _, line := range goList(t, "-deps", "./server") {
		if line == "testing" || strings.HasSuffix(line, "test") && strings.HasPrefix(line, "licensegraph/") ||
			line == "licensegraph/internal/emulator/contract" || line == "licensegraph/internal/execution/stub" {
			t.Errorf("the program has %s", line)
		}
	}
}

// TestOneWayOut has nobody but package outbound make a client or a connection: what others hold is what it gave them.
// The embedded tenant contacts nobody.
func TestOneWayOut(t *testing.T) {
	t.Parallel()
	forbidden := regexp.MustCompile(`http\.(DefaultTransport|DefaultClient|Transport\{|Client\{|Get\(|Head\(|Post\(|PostForm\(|ProxyFromEnvironment)|net\.(Dial|DialTimeout|Dialer)\b|tls\.(Dial|Dialer)\b|InsecureSkipVerify`)
	known := map[string]string{
		"../internal/bench/load.go":     "the client of the benchmark",
		"../server/healthcheck.go":      "the command that asks a gateway on this machine, without a token",
		"../internal/emulator/start.go": "a client for tests, of the server that they start",
	}
	files := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if name := entry.Name(); path == filepath.Join("..", "internal", "outbound") || path == filepath.Join("..", "e2e") || len(name) > 2 && strings.HasPrefix(name, ".") {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		if found := forbidden.Find(text); found != nil && known[filepath.ToSlash(path)] == "" {
			t.Errorf("%s has a way out of its own: %s", path, found)
		}
		return nil
	})
	if err != nil || files < 100 {
		t.Errorf("%d files: %v", files, err)
	}
}
