package emulator

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func TestFaults(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60, Record: true})
	c.Inject(Fault{Endpoint: "GET /users", Contains: "$top=5&$select=id,mail", RetryAfter: "7"})
	c.Inject(Fault{Endpoint: "GET /groups", Status: 503, Times: 2})
	c.Inject(Fault{Endpoint: "GET /groups/{id}", Status: 403, Code: "Mine", Message: "My message"})
	c.Inject(Fault{Endpoint: "GET /subscribedSkus", Body: `{"value":[`})
	c.Inject(Fault{Endpoint: "GET /subscribedSkus", Rewrite: func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("SPE_E3"), []byte("SPE_X")) }})

	if r := c.get("/v1.0/users?$top=6"); r.status != 200 {
		t.Errorf("another request met the fault: %d", r.status)
	}
	r := c.get("/v1.0/users?%24top=5&$select=id%2Cmail")
	if r.status != 429 || r.code() != "TooManyRequests" || r.header.Get("Retry-After") != "7" || r.header.Get("x-ms-resource-unit") != "1" {
		t.Errorf("throttled: %d %v %s", r.status, r.header, r.raw)
	}
	if r := c.get("/v1.0/users?$top=5&$select=id,mail"); r.status != 200 {
		t.Errorf("the fault came twice: %d", r.status)
	}
	var statuses []int
	for range 3 {
		statuses = append(statuses, c.get("/beta/groups").status)
	}
	if statuses[0] != 503 || statuses[1] != 503 || statuses[2] != 200 {
		t.Errorf("twice 503, then 200: %v", statuses)
	}
	if r := c.get("/beta/groups/x"); r.status != 403 || r.code() != "Mine" || !strings.Contains(string(r.raw), "My message") {
		t.Errorf("code and message: %d %s", r.status, r.raw)
	}
	if r := c.get("/v1.0/subscribedSkus"); r.status != 200 || string(r.raw) != `{"value":[` {
		t.Errorf("malformed: %d %s", r.status, r.raw)
	}
	if r := c.get("/v1.0/subscribedSkus"); r.status != 200 || !strings.Contains(string(r.raw), `"SPE_X"`) {
		t.Errorf("rewritten: %d %.80s", r.status, r.raw)
	}
	c.Inject(Fault{Status: 500, Times: -1})
	c.newToken() // The token endpoint does not belong to Graph.
	if a, b := c.get("/v1.0/groups"), c.get("/beta/nothing"); a.status != 500 || b.status != 500 {
		t.Errorf("always 500: %d %d", a.status, b.status)
	}
	c.ClearFaults()
	if r := c.get("/v1.0/groups"); r.status != 200 {
		t.Errorf("cleared: %d", r.status)
	}
	c.Inject(Fault{Endpoint: wire.TokenLabel, Status: 503})
	if r := c.do("POST", "/"+c.TenantID()+"/oauth2/v2.0/token", ""); r.status != 503 || r.body["error"] != "temporarily_unavailable" ||
		!strings.HasPrefix(fmt.Sprint(r.body["error_description"]), "AADSTS90033: ") { // RFC 6749 section 5.2
		t.Errorf("token endpoint: %d %s", r.status, r.raw)
	}
	c.Inject(Fault{Endpoint: wire.TokenLabel, Status: 400, Code: "interaction_required", Message: "Mine.", Inner: map[string]any{"claims": "{}"}})
	if r := c.do("POST", "/"+c.TenantID()+"/oauth2/v2.0/token", ""); r.status != 400 || r.body["error"] != "interaction_required" || r.body["claims"] != "{}" ||
		!strings.Contains(fmt.Sprint(r.body["error_description"]), ": Mine.") {
		t.Errorf("its own code: %d %s", r.status, r.raw)
	}
}

// TestThrottled tests that a 429 identifies the limit, alone and in a part.
func TestThrottled(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	user := c.userID(0)
	c.Inject(Fault{Status: 429, Times: 4})
	read := c.get("/v1.0/users")
	write := c.do("POST", "/v1.0/users/"+user+"/reprocessLicenseAssignment", "")
	whole := c.do("POST", "/v1.0/$batch", batchOf(get("1", "/users")))
	nothing := c.get("/v1.0/nothing")
	for name, tt := range map[string]struct {
		reply
		limit, information string
	}{
		"read": {read, "Read", "ResourceUnitLimitExceeded"}, "write": {write, "Write", "WriteLimitExceeded"},
		"batch": {whole, "Read", "ResourceUnitLimitExceeded"}, "nothing": {nothing, "Read", "ResourceUnitLimitExceeded"},
	} {
		scope := "Tenant_Application/" + tt.limit + "/" + c.ClientID() + "/" + c.TenantID()
		if tt.status != 429 || tt.header.Get("x-ms-throttle-scope") != scope || tt.header.Get("x-ms-throttle-information") != tt.information || tt.header.Get("Retry-After") != "" {
			t.Errorf("%s: %d %v", name, tt.status, tt.header)
		}
	}
	c.Inject(Fault{Endpoint: "GET /users", RetryAfter: "3"})
	got, _ := parts(t, c.do("POST", "/v1.0/$batch", batchOf(get("1", "/users"))))
	if h := got["1"]["headers"].(row); h["Retry-After"] != "3" || !strings.HasPrefix(str(h, "x-ms-throttle-scope"), "Tenant_Application/Read/") || h["x-ms-throttle-information"] == nil {
		t.Errorf("a part: %v", h)
	}
	c.Inject(Fault{Endpoint: wire.TokenLabel, Status: 429})
	if r := c.do("POST", "/"+c.TenantID()+"/oauth2/v2.0/token", ""); r.status != 429 || r.header.Get("x-ms-throttle-scope") != "" {
		t.Errorf("token endpoint: %d %v", r.status, r.header)
	}
}

// TestFaultHeaders tests the headers that some statuses have.
func TestFaultHeaders(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	const claims = `Bearer realm="", error="insufficient_claims", claims="e30="`
	c.Inject(Fault{Status: 410, Header: map[string]string{"Location": "/v1.0/users"}})
	c.Inject(Fault{Status: 401})
	c.Inject(Fault{Status: 401, Header: map[string]string{"WWW-Authenticate": claims}})
	c.Inject(Fault{Status: 500, Inner: map[string]any{"code": "mine", "innerError": map[string]any{"code": "deeper"}}})
	c.Inject(Fault{Header: map[string]string{"x-ms-throttle-limit-percentage": "0.9"}})
	if r := c.get("/v1.0/users"); r.status != 410 || r.header.Get("Location") == "" {
		t.Errorf("gone: %d %v", r.status, r.header)
	}
	if r := c.get("/v1.0/users"); r.status != 401 || !strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Bearer realm") {
		t.Errorf("no token: %d %v", r.status, r.header)
	}
	if r := c.get("/v1.0/users"); r.status != 401 || r.header.Get("WWW-Authenticate") != claims {
		t.Errorf("claims: %d %v", r.status, r.header)
	}
	if r := c.get("/v1.0/users", "client-request-id", "own"); r.status != 500 || r.code() != "mine" || !strings.Contains(string(r.raw), `"client-request-id":"own"`) || !strings.Contains(string(r.raw), "deeper") {
		t.Errorf("inner errors: %d %s", r.status, r.raw)
	}
	if r := c.get("/v1.0/users"); r.status != 200 || r.header.Get("x-ms-throttle-limit-percentage") != "0.9" {
		t.Errorf("near the limit: %d %v", r.status, r.header)
	}
}

func TestFaultCut(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10, Record: true})
	c.Inject(Fault{Endpoint: "POST /$batch", Cut: true})
	c.Inject(Fault{Endpoint: "GET /groups", Cut: true})
	if r, err := c.try("POST", "/beta/$batch", batchOf(get("1", "/users"))); err == nil {
		t.Errorf("the batch answered %d", r.status)
	}
	if r, err := c.try("POST", "/beta/$batch", batchOf(get("1", "/users"), get("2", "/groups"))); err == nil {
		t.Errorf("a cut part left an answer of %d", r.status)
	}
	if r := c.get("/beta/groups"); r.status != 200 {
		t.Errorf("afterwards: %d", r.status)
	}
	if n := c.Counts()["POST /$batch"].Requests; n != 2 {
		t.Errorf("%d batches were counted, want 2", n)
	}
}

func TestFaultInBatch(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	c.Inject(Fault{Endpoint: "GET /groups", RetryAfter: "3"})
	c.Inject(Fault{Endpoint: "GET /users", Body: "<html>"})
	c.Inject(Fault{Endpoint: "GET /users/{id}", Contains: "/beta/users/x y?$select=id", Status: 504})
	got, _ := parts(t, c.do("POST", "/beta/$batch", batchOf(get("1", "/groups"), get("2", "/groups"), get("3", "/users"), get("4", "users/x y?$select=id"))))
	throttled := got["1"]
	if throttled["status"] == 200.0 {
		throttled = got["2"]
	}
	if throttled["status"] != 429.0 || throttled["headers"].(row)["Retry-After"] != "3" {
		t.Errorf("throttled part: %v", throttled)
	}
	if got["1"]["status"] == got["2"]["status"] {
		t.Errorf("both parts met the one fault, or none: %v", got)
	}
	if got["3"]["body"] != "<html>" || got["4"]["status"] != 504.0 {
		t.Errorf("parts 3 and 4: %v %v", got["3"], got["4"])
	}
}

// TestFaultAfterTheEffect tests a fault after the request was executed.
func TestFaultAfterTheEffect(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Record: true})
	user := c.bare(0)
	mine := "/users/" + user + "/cloudLicensing/assignments"
	const label = "POST /users/{id}/cloudLicensing/assignments"
	create := func(s tenant.Sku) string {
		return body(allotmentBind, bind(allotmentSet+"/"+c.pool(s, 0)), disabledPlans, off())
	}
	part := func(id string, s tenant.Sku) string {
		return `{"id":"` + id + `","method":"POST","url":"` + mine + `","headers":{"Content-Type":"application/json"},"body":` + create(s) + `}`
	}
	count := func(want int, when string) {
		t.Helper()
		if n := len(c.all("/beta" + mine)); n != want {
			t.Errorf("%s: %d assignments, want %d", when, n, want)
		}
	}
	c.Inject(Fault{Endpoint: label, Cut: true})
	if r, err := c.try("POST", "/beta"+mine, create(skuE3)); err == nil {
		t.Errorf("cut: %d", r.status)
	}
	count(0, "cut before the effect")
	c.Inject(Fault{Endpoint: label, Act: true, Cut: true})
	if r, err := c.try("POST", "/beta"+mine, create(skuE3)); err == nil {
		t.Errorf("cut: %d", r.status)
	}
	count(1, "cut after the effect")
	c.Inject(Fault{Endpoint: label, Act: true, Status: 504})
	if r := c.do("POST", "/beta"+mine, create(skuVisio)); r.status != 504 {
		t.Errorf("timed out: %d %s", r.status, r.raw)
	}
	count(2, "timed out after the effect")
	c.Inject(Fault{Endpoint: label, Act: true, Delay: time.Millisecond, Status: 503, RetryAfter: "1"})
	got, _ := parts(t, c.do("POST", "/beta/$batch", batchOf(part("1", skuPhone), get("2", mine))))
	if got["1"]["status"] != 503.0 || got["2"]["status"] != 200.0 {
		t.Errorf("one part: %v", got)
	}
	count(3, "a part that failed after the effect")
	c.Inject(Fault{Endpoint: label, Act: true, Cut: true})
	if r, err := c.try("POST", "/beta/$batch", batchOf(get("1", mine), part("2", skuE5))); err == nil {
		t.Errorf("cut by a part: %d", r.status)
	}
	count(4, "a part that cut the batch after the effect")
	c.Inject(Fault{Endpoint: batchLabel, Act: true, Cut: true})
	if r, err := c.try("POST", "/beta/$batch", batchOf(part("1", skuAnalytics))); err == nil {
		t.Errorf("cut batch: %d", r.status)
	}
	count(5, "a batch cut after the effect")
	if n := c.Counts()[label]; n.Requests != 3 || n.Parts != 3 {
		t.Errorf("counts: %+v", n)
	}
	c.Reset()
	count(0, "reset")
}
