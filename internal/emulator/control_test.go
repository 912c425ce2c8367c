package emulator

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/emulator/control"
	"licensegraph/internal/emulator/fault"
)

// steer calls a control endpoint, without a token.
func (c *client) steer(method, path, body string, headers ...string) reply {
	c.t.Helper()
	return c.do(method, control.Path+path, body, append([]string{"Authorization", ""}, headers...)...)
}

// TestControl calls all control endpoints.
func TestControl(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60, Now: func() time.Time { return noon }})
	must := func(want int, method, path, body string) map[string]any {
		t.Helper()
		r := c.steer(method, path, body)
		if r.status != want || r.body["notice"] != controlNotice || r.header.Get("X-Embedded-Tenant") != "control" {
			t.Fatalf("%s %s %s: %d %v %s", method, path, body, r.status, r.header, r.raw)
		}
		return r.body
	}
	if list := rows(must(200, "GET", "", ""), "endpoints"); len(list) != len(control.Endpoints()) {
		t.Errorf("%d endpoints are listed", len(list))
	}

	must(200, "POST", "faults", `{"endpoint":"GET /groups","status":503,"times":2}`)
	must(200, "POST", "faults", `{"faults":[{"endpoint":"GET /users","cut":true},{"rate":0.5,"delay":"1s"}]}`)
	if r := c.get("/v1.0/groups"); r.status != 503 {
		t.Errorf("the fault does not apply: %d", r.status)
	}
	list := rows(must(200, "GET", "faults", ""), "faults")
	if len(list) != 3 || list[0]["met"] != 1.0 || list[0]["fault"].(row)["times"] != 1.0 || list[2]["fault"].(row)["delay"] != "1s" {
		t.Errorf("faults: %v", list)
	}
	if got := must(200, "DELETE", "faults", ""); len(rows(got, "faults")) != 0 {
		t.Errorf("after deleting: %v", got)
	}

	if got := must(200, "PATCH", "variants", `{"throttling":"off","nullError":true,"groupEffects":"1h"}`); got["nullError"] != true || got["groupEffects"] != "1h0m0s" {
		t.Errorf("variants: %v", got)
	}
	if got := must(200, "PATCH", "variants", `{"nullError":null}`); got["nullError"] != false || got["throttling"].(row)["off"] != true || c.Variants().GroupEffects != time.Hour {
		t.Errorf("variants: %v", got)
	}

	if got := must(200, "POST", "clock", `{"advance":"90s"}`); got["now"] != "2026-09-25T12:01:30Z" || got["ahead"] != "1m30s" {
		t.Errorf("clock: %v", got)
	}
	if got := must(200, "GET", "clock", ""); got["ahead"] != "1m30s" {
		t.Errorf("clock: %v", got)
	}

	user := c.userName(0)
	c.token = must(200, "POST", "tokens", `{"user":"`+user+`","scopes":["User.Read"]}`)["access_token"].(string)
	if r := c.get("/v1.0/me"); r.status != 200 || r.body["userPrincipalName"] != user {
		t.Errorf("as a user: %d %s", r.status, r.raw)
	}
	c.token = must(200, "POST", "tokens", `{"roles":["GroupMember.Read.All"]}`)["access_token"].(string)
	if a, b := c.get("/v1.0/groups"), c.get("/v1.0/users"); a.status != 200 || b.status != 403 {
		t.Errorf("with one role: %d %d", a.status, b.status)
	}
	c.token = must(200, "POST", "tokens", ``)["access_token"].(string)
	if r := c.get("/v1.0/users"); r.status != 200 {
		t.Errorf("with all roles: %d", r.status)
	}

	must(200, "DELETE", "counts", "")
	must(200, "PATCH", "requests", `{"record":true}`)
	c.do("POST", "/v1.0/$batch", batchOf(get("1", "/groups")))
	if got := must(200, "GET", "counts", "")["counts"].(row)["GET /groups"].(row); got["parts"] != 1.0 || got["resourceUnits"] != 1.0 {
		t.Errorf("counts: %v", got)
	}
	log := must(200, "GET", "requests?last=1", "")
	if entry := rows(log, "requests")[0]; log["record"] != true || entry["endpoint"] != "POST /$batch" || entry["body"].(row)["requests"] == nil {
		t.Errorf("log: %v", log)
	}

	key := c.get("/common/discovery/v2.0/keys").raw
	must(200, "POST", "keys/rotate", "")
	if string(c.get("/common/discovery/v2.0/keys").raw) == string(key) {
		t.Error("the keys are the same")
	}
	must(200, "POST", "reset", "")
}

// TestControlRefuses tests that invalid requests are rejected with a helpful
// message.
func TestControlRefuses(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	for _, tt := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", "nothing", "", 404, "GET /-/ lists"},
		{"PUT", "faults", "{}", 405, "GET, POST, DELETE"},
		{"POST", "faults", `{`, 400, "JSON object"},
		{"POST", "faults", `[]`, 400, "JSON object"},
		{"POST", "faults", `{}`, 400, "valid names: endpoint"},
		{"POST", "faults", `{"faults":[{}]}`, 400, "valid names: endpoint"},
		{"POST", "faults", `{"faults":[{"status":500},{"state":1}]}`, 400, "a list"},
		{"POST", "faults", `{"faults":[],"x":1}`, 400, "valid names: faults"},
		{"POST", "faults", `{"staus":1}`, 400, "valid names: endpoint, contains"},
		{"POST", "faults", ``, 400, "JSON object"},
		{"PATCH", "variants", `{"nulError":true}`, 400, "valid names: expandErrors"},
		{"PATCH", "variants", `{"expandErrors":"x"}`, 400, "one of none"},
		{"POST", "clock", `{"advance":"-1s"}`, 400, "cannot go back"},
		{"POST", "clock", `{"advance":30}`, 400, "such as"},
		{"POST", "clock", `{}`, 400, "such as"},
		{"POST", "clock", `{"advance":"2562047h"}`, 400, "that far"},
		{"POST", "tokens", `{"user":"nobody","scopes":["a"]}`, 404, "GET /v1.0/users"},
		{"POST", "tokens", `{"scopes":["a"]}`, 400, "require a user"},
		{"POST", "tokens", `{"user":"x","roles":["a"]}`, 400, "require an application"},
		{"POST", "tokens", `{"user":"` + c.userName(0) + `"}`, 400, "a list such as"},
		{"GET", "requests?last=0", ``, 400, "from 1 to"},
		{"PATCH", "requests", `{"record":"yes"}`, 400, "true or false"},
	} {
		r := c.steer(tt.method, tt.path, tt.body)
		if r.status != tt.status || !strings.Contains(string(r.raw), tt.says) || r.body["notice"] != controlNotice {
			t.Errorf("%s %s %s: %d %s", tt.method, tt.path, tt.body, r.status, r.raw)
		}
	}
	if n := len(c.faults.List()); n != 0 {
		t.Errorf("%d faults came of it", n)
	}
	if r := c.steer("POST", "faults", `{"body":"`+strings.Repeat("x", maxControlBody)+`"}`); r.status != 413 {
		t.Errorf("long: %d", r.status)
	}
	if r := c.steer("POST", "faults", `{"status":500}`, "Content-Type", "text/plain"); r.status != 415 {
		t.Errorf("as text: %d", r.status)
	}
	for range fault.MaxQueue - 1 {
		c.Inject(Fault{Status: 500})
	}
	if r := c.steer("POST", "faults", `{"faults":[{"status":500},{"status":501}]}`); r.status != 409 || !strings.Contains(string(r.raw), "DELETE /-/faults") {
		t.Errorf("too many: %d %s", r.status, r.raw)
	}
}

// TestControlGuard tests that programs on this machine have access, but web
// pages do not.
func TestControlGuard(t *testing.T) {
	t.Parallel()
	here, open, off := New(Options{Users: 1}), New(Options{Users: 1, Control: "open"}), New(Options{Users: 1, Control: "off"})
	for _, tt := range []struct {
		name, host, peer string
		header           http.Header
		here, open       int
	}{
		{"a program", "127.0.0.1:8080", "127.0.0.1:5", nil, 200, 200},
		{"by name", "localhost", "127.0.0.1:5", nil, 200, 200},
		{"version 6", "[::1]:8080", "[::1]:5", nil, 200, 200},
		{"its own page", "localhost:8080", "127.0.0.1:5", http.Header{"Origin": {"http://localhost:8080"}, "Sec-Fetch-Site": {"same-origin"}}, 200, 200},
		{"typed in", "localhost:8080", "127.0.0.1:5", http.Header{"Sec-Fetch-Site": {"none"}}, 200, 200},
		{"another page", "localhost:8080", "127.0.0.1:5", http.Header{"Origin": {"https://example.org"}}, 403, 403},
		{"a page of another port", "localhost:8080", "127.0.0.1:5", http.Header{"Origin": {"http://localhost:9090"}}, 403, 403},
		{"a page without an origin", "localhost:8080", "127.0.0.1:5", http.Header{"Origin": {"null"}}, 403, 403},
		{"a picture on another page", "localhost:8080", "127.0.0.1:5", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403, 403},
		{"a page of the site", "localhost:8080", "127.0.0.1:5", http.Header{"Sec-Fetch-Site": {"same-site"}}, 403, 403},
		{"a name that leads here", "evil.example:8080", "127.0.0.1:5", nil, 403, 200},
		{"nearly a name of ours", "localhost.evil.example", "127.0.0.1:5", nil, 403, 200},
		{"no name", "", "127.0.0.1:5", nil, 403, 200},
		{"another machine", "localhost:8080", "192.0.2.1:5", nil, 403, 200},
		{"through a proxy", "localhost:8080", "127.0.0.1:5", http.Header{"X-Forwarded-For": {"192.0.2.1"}}, 403, 200},
	} {
		for e, want := range map[*Emulator]int{here: tt.here, open: tt.open, off: 404} {
			for _, method := range []string{"GET", "POST"} {
				path := map[string]string{"GET": "counts", "POST": "reset"}[method]
				r := httptest.NewRequest(method, control.Path+path, nil)
				r.Host, r.RemoteAddr = tt.host, tt.peer
				if tt.header != nil {
					r.Header = tt.header
				}
				w := httptest.NewRecorder()
				e.ServeHTTP(w, r)
				if w.Code != want {
					t.Errorf("%s: %s %d, want %d: %s", tt.name, method, w.Code, want, w.Body)
				}
			}
		}
	}
}

// FuzzControl tests that the answer to any request is JSON and not an internal
// error.
func FuzzControl(f *testing.F) {
	for _, c := range control.Endpoints() {
		f.Add(c.Method, c.Path, `{"status":500,"advance":"1s","record":true,"user":"x","roles":["a"]}`)
	}
	f.Add("POST", "faults", `{"faults":[{"set":{"a":{"b":[1]}},"damage":"malformed","times":-1}]}`)
	f.Add("PATCH", "variants", `{"throttling":{"writes":1},"roles":[],"groupEffects":"immediately"}`)
	e, ask := inProcess()
	f.Fuzz(func(t *testing.T, method, path, body string) {
		r := httptest.NewRequest("GET", control.Path, strings.NewReader(body))
		r.Method, r.URL.Path, r.Host, r.RemoteAddr = method, control.Path+path, "localhost", "127.0.0.1:5"
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code < 200 || w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s %q: %d %s", method, path, body, w.Code, w.Body)
		}
		for _, f := range e.faults.List() {
			if f.Delay > 0 || f.Cut || f.Damage == "cut" || f.Damage == "stalled" {
				e.ClearFaults() // They would stop or slow down the fuzzing.
			}
		}
		ask("GET", "/beta/groups?$top=1", "")
		e.ClearFaults()
	})
}
