package emulator

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/emulator/fault"
	"licensegraph/internal/emulator/wire"
)

// met reports which of n requests answer 503.
func (c *client) met(n int, uri string) string {
	c.t.Helper()
	var b strings.Builder
	for range n {
		if c.get(uri).status == 503 {
			b.WriteByte('x')
		} else {
			b.WriteByte('.')
		}
	}
	return b.String()
}

// TestFaultChoice tests which of many requests a fault applies to.
func TestFaultChoice(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10, Now: func() time.Time { return noon }})
	for _, tt := range []struct {
		name  string
		fault Fault
		want  string
	}{
		{"once", Fault{}, "x........."},
		{"thrice", Fault{Times: 3}, "xxx......."},
		{"always", Fault{Times: -1}, "xxxxxxxxxx"},
		{"every third", Fault{Every: 3}, "..x..x..x."},
		{"every third, twice", Fault{Every: 3, Times: 2}, "..x..x...."},
		{"a share of them", Fault{Rate: 0.3, Seed: 7}, ".xx..xx.xx"},
		{"a share of them again", Fault{Rate: 0.3, Seed: 7}, ".xx..xx.xx"},
		{"another share of them", Fault{Rate: 0.3, Seed: 8}, "..x..x..x."},
		{"all of them by share", Fault{Rate: 1}, "xxxxxxxxxx"},
		{"another method", Fault{Method: "POST"}, ".........."},
		{"the method", Fault{Method: "get"}, "x........."},
		{"another application", Fault{App: "00000000-0000-0000-0000-000000000000"}, ".........."},
		{"the application", Fault{App: strings.ToUpper(c.ClientID())}, "x........."},
		{"not yet", Fault{From: time.Second}, ".........."},
	} {
		tt.fault.Status = 503
		c.Inject(tt.fault)
		if got := c.met(10, "/v1.0/groups"); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		c.ClearFaults()
	}
}

// TestFaultSchedule advances the clock past the start and the end of a fault.
func TestFaultSchedule(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10, Now: func() time.Time { return noon }})
	c.Inject(Fault{Status: 503, From: 10 * time.Second, Until: 20 * time.Second})
	got := c.met(1, "/v1.0/groups")
	for range 5 {
		if err := c.Advance(5 * time.Second); err != nil {
			t.Fatal(err)
		}
		got += c.met(1, "/v1.0/groups")
	}
	if got != "..xx.." {
		t.Errorf("every five seconds: %s", got)
	}
	if n := len(c.faults.List()); n != 0 {
		t.Errorf("%d faults are left after their time", n)
	}
}

func TestFaultQueueIsBounded(t *testing.T) {
	t.Parallel()
	e := New(Options{Users: 1})
	for range fault.MaxQueue {
		e.Inject(Fault{Status: 500})
	}
	defer func() {
		if recover() == nil {
			t.Error("there is room for one more")
		}
	}()
	e.Inject(Fault{Status: 500})
}

// TestFaultEdits changes the JSON of real answers.
func TestFaultEdits(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 30})
	c.Inject(Fault{Endpoint: "GET /users", Omit: []string{"displayName"}, Set: map[string]any{"userType": "Future", "@odata.context": 7}, Add: map[string]any{"@odata.type": "#microsoft.graph.future"}})
	body := c.ok("/v1.0/users?$top=2&$select=id,displayName,userType")
	u := items(body)[1]
	if _, has := u["displayName"]; has || u["userType"] != "Future" || u["@odata.type"] != "#microsoft.graph.future" || u["id"] == nil || body["@odata.context"] != 7.0 || body["@odata.type"] != nil {
		t.Errorf("edited: %v", body)
	}
	c.Inject(Fault{Endpoint: batchLabel, Set: map[string]any{"status": 299, "skuPartNumber": nil}})
	got, _ := parts(t, c.do("POST", "/v1.0/$batch", batchOf(get("1", "/subscribedSkus"))))
	if p := got["1"]; p["status"] != 299.0 || items(p["body"].(row))[0]["skuPartNumber"] != nil {
		t.Errorf("edited batch: %.300v", p)
	}
	c.Inject(Fault{Status: 500, Omit: []string{"code"}})
	if r := c.get("/v1.0/users"); r.status != 500 || strings.Contains(string(r.raw), `"code"`) {
		t.Errorf("error without a code: %s", r.raw)
	}
	c.Inject(Fault{Header: map[string]string{"Content-Type": "text/html"}})
	if r := c.get("/v1.0/users"); r.status != 200 || r.header.Get("Content-Type") != "text/html" {
		t.Errorf("another type: %d %v", r.status, r.header)
	}
}

// TestFaultPages repeats pages, inserts empty ones, and rejects page tokens.
func TestFaultPages(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 30})
	want := c.all("/v1.0/users?$top=10&$select=id")
	c.Inject(Fault{Endpoint: "GET /users", Page: "empty"})
	if got := c.all("/v1.0/users?$top=10&$select=id"); cmp.Diff(want, got) != "" {
		t.Errorf("after an empty page: %d users, want %d", len(got), len(want))
	}
	c.Inject(Fault{Endpoint: "GET /users", Contains: "skiptoken", Page: "duplicate"})
	got := c.all("/v1.0/users?$top=10&$select=id")
	if len(got) != len(want)+10 || got[10]["id"] != got[20]["id"] {
		t.Errorf("a page twice: %d users, want %d", len(got), len(want)+10)
	}
	c.Inject(Fault{Page: "expired"})
	first := c.ok("/v1.0/users?$top=10&$select=id")
	if r := c.get(first["@odata.nextLink"].(string)); r.status != 400 || r.code() != "Directory_ExpiredPageToken" {
		t.Errorf("expired: %d %s", r.status, r.raw)
	}
	c.Inject(Fault{Endpoint: "GET /users", Page: "duplicate"})
	inBatch, _ := parts(t, c.do("POST", "/v1.0/$batch", batchOf(get("1", "users?$top=10&$filter=accountEnabled eq true"))))
	if next := str(inBatch["1"]["body"].(row), "@odata.nextLink"); next != c.URL+"/v1.0/users?$top=10&$filter=accountEnabled%20eq%20true" {
		t.Errorf("link of a part: %s", next)
	}
}

// TestFaultDamage damages the bytes of answers.
func TestFaultDamage(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 30})
	whole := c.get("/v1.0/groups")
	c.Inject(Fault{Damage: "truncated"})
	if r := c.get("/v1.0/groups"); r.status != 200 || len(r.raw) != len(whole.raw)/2 {
		t.Errorf("truncated: %d, %d bytes of %d", r.status, len(r.raw), len(whole.raw))
	}
	c.Inject(Fault{Damage: "malformed"})
	if r := c.get("/v1.0/groups"); r.status != 200 || json.NewDecoder(strings.NewReader(string(r.raw))).Decode(new(any)) == nil {
		t.Errorf("malformed: %d %.50s", r.status, r.raw)
	}
	for _, uri := range []string{"/v1.0/groups", "/v1.0/$batch"} {
		c.Inject(Fault{Endpoint: "GET /groups", Damage: "cut"})
		method, body := "GET", ""
		if uri != "/v1.0/groups" {
			method, body = "POST", batchOf(get("1", "/groups"))
		}
		if r, err := c.try(method, uri, body); err == nil {
			t.Errorf("%s cut: %d", uri, r.status)
		}
	}
	if r := c.get("/v1.0/groups"); string(r.raw) != string(whole.raw) {
		t.Errorf("afterwards: %d", r.status)
	}
}

// TestFaultStall sends headers and half of the body, until its time is over or
// the client disconnects.
func TestFaultStall(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 30})
	whole := c.get("/v1.0/groups")
	for _, stall := range []time.Duration{time.Millisecond, time.Hour} {
		c.Inject(Fault{Damage: "stalled", Stall: stall})
		req, err := http.NewRequestWithContext(t.Context(), "GET", c.URL+"/v1.0/groups", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+c.token)
		resp, err := c.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		half := make([]byte, len(whole.raw)/2)
		if n, err := io.ReadFull(resp.Body, half); err != nil || string(half) != string(whole.raw[:n]) {
			t.Errorf("first half: %d %v", n, err)
		}
		if stall == time.Millisecond {
			if _, err := io.ReadAll(resp.Body); err == nil {
				t.Error("the second half came")
			}
		}
		_ = resp.Body.Close() // wait for the end of the handler
	}
}

// TestSignInFaults injects faults into the token endpoint only.
func TestSignInFaults(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	paths := map[string]string{wire.KeysLabel: "/common/discovery/v2.0/keys", wire.DiscoveryLabel: "/common/v2.0/.well-known/openid-configuration"}
	c.Inject(Fault{Status: 500}) // only for Graph
	for label, path := range paths {
		if r := c.get(path); r.status != 200 {
			t.Errorf("%s met a fault of Graph: %d", path, r.status)
		}
		c.Inject(Fault{Endpoint: label, Status: 503})
		if a, b := c.get(path), c.get(path); a.status != 503 || b.status != 200 {
			t.Errorf("%s: %d, then %d", path, a.status, b.status)
		}
	}
	if r := c.get("/v1.0/users"); r.status != 500 {
		t.Errorf("Graph: %d", r.status)
	}
}

// TestFaultSkew shifts the clock of answers and tokens only.
func TestFaultSkew(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10, Now: func() time.Time { return noon }})
	c.Inject(Fault{Skew: -10 * time.Minute})
	if r := c.get("/v1.0/groups"); r.header.Get("Date") != "Fri, 25 Sep 2026 11:50:00 GMT" {
		t.Errorf("late: %v", r.header)
	}
	c.Inject(Fault{Endpoint: wire.TokenLabel, Skew: time.Hour})
	good := c.token
	c.token = c.newToken()
	if r := c.get("/v1.0/groups"); r.status != 401 || r.header.Get("Date") != "Fri, 25 Sep 2026 12:00:00 GMT" {
		t.Errorf("with a token of the next hour: %d %v", r.status, r.header)
	}
	c.token = good
	c.Inject(Fault{Endpoint: wire.TokenLabel, Skew: -2 * time.Hour, App: c.ClientID()})
	c.token = c.newToken()
	if r := c.get("/v1.0/groups"); r.status != 401 {
		t.Errorf("with a token of the last hour but one: %d", r.status)
	}
}
