package emulator

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/tenant"
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // many short-lived tenants at the same time
	goleak.VerifyTestMain(m)
}

// client calls a server over HTTP, with a token.
type client struct {
	*Server
	t     *testing.T
	http  *http.Client
	token string
}

// reply is an answer with its parsed JSON.
type reply struct {
	status int
	header http.Header
	raw    []byte
	body   map[string]any
}

func start(t *testing.T, opts Options) *client {
	t.Helper()
	if opts.Variants.GroupEffects == 0 { // most tests have no clock of their own
		opts.Variants.GroupEffects = Immediately
	}
	s := startChecked(t, opts, Serve)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c := &client{Server: s, t: t, http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	c.token = c.newToken()
	return c
}

// newToken gets a token with the roles of the current variants.
func (c *client) newToken() string {
	c.t.Helper()
	r := c.postForm(url.Values{
		"grant_type": {"client_credentials"}, "client_id": {c.ClientID()},
		"client_secret": {c.ClientSecret()}, "scope": {c.URL + "/.default"},
	})
	token, _ := r.body["access_token"].(string)
	if r.status != http.StatusOK || token == "" {
		c.t.Fatalf("token endpoint: %d %s", r.status, r.raw)
	}
	return token
}

func (c *client) postForm(form url.Values) reply {
	c.t.Helper()
	return c.do("POST", "/"+c.TenantID()+"/oauth2/v2.0/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Authorization", "")
}

// do sends a path and query, which can contain spaces, with headers in pairs.
func (c *client) do(method, uri, body string, headers ...string) reply {
	c.t.Helper()
	r, err := c.try(method, uri, body, headers...)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, uri, err)
	}
	return r
}

func (c *client) try(method, uri, body string, headers ...string) (reply, error) {
	c.t.Helper()
	target := strings.TrimPrefix(uri, c.URL)
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.URL+strings.ReplaceAll(target, " ", "%20"), strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
		}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, err
	}
	r := reply{status: resp.StatusCode, header: resp.Header, raw: raw}
	_ = json.Unmarshal(raw, &r.body) // Some answers are not JSON on purpose.
	return r, nil
}

func (c *client) get(uri string, headers ...string) reply {
	c.t.Helper()
	return c.do("GET", uri, "", headers...)
}

// ok is get for a request that must succeed.
func (c *client) ok(uri string, headers ...string) map[string]any {
	c.t.Helper()
	r := c.get(uri, headers...)
	if r.status != http.StatusOK {
		c.t.Fatalf("GET %s: %d %s", uri, r.status, r.raw)
	}
	return r.body
}

// all follows all next links.
func (c *client) all(uri string, headers ...string) []map[string]any {
	c.t.Helper()
	list := []map[string]any{}
	for uri != "" {
		body := c.ok(uri, headers...)
		list = append(list, items(body)...)
		uri, _ = body["@odata.nextLink"].(string)
	}
	return list
}

func items(body map[string]any) []map[string]any {
	list := []map[string]any{}
	values, _ := body["value"].([]any)
	for _, v := range values {
		list = append(list, v.(map[string]any))
	}
	return list
}

// code returns the innermost code of an error.
func (r reply) code() string {
	e, _ := r.body["error"].(map[string]any)
	inner, _ := e["innerError"].(map[string]any)
	if code, ok := inner["code"].(string); ok {
		return code
	}
	code, _ := e["code"].(string)
	return code
}

// delegated returns a token of a user.
func (c *client) delegated(user, scopes string) string {
	return c.DelegatedToken(user, strings.Fields(scopes)...)
}

// administering returns a token of a user with the role License Administrator.
func (c *client) administering(user string, scopes ...string) string {
	p := access.Person{Role: &access.Roles[1]}
	return c.sign(jwt.MapClaims{"aud": access.Worldwide, "oid": user, "scp": strings.Join(scopes, " "), "wids": p.Wids()})
}

// difference returns the printed difference of two values; empty if they are
// equal.
func difference(want, got any) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return cmp.Diff(want, got)
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	r := c.get("/v1.0/subscribedSkus", "client-request-id", "mine")
	for name, want := range map[string]string{
		"Client-Request-Id":  "mine",
		"X-Ms-Resource-Unit": "3",
		"Odata-Version":      "4.0",
		"Content-Type":       jsonType,
	} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if r.header.Get("Date") == "" || len(r.header.Get("request-id")) != 36 {
		t.Errorf("Date or request-id is missing: %v", r.header)
	}
	again := c.get("/v1.0/subscribedSkus")
	if id := again.header.Get("request-id"); id != again.header.Get("client-request-id") || id == r.header.Get("request-id") {
		t.Errorf("request-id %q does not stand in for client-request-id, or was used before", id)
	}
}

// TestHeadersOfEveryAnswer tests the headers of all statuses, of Graph and of
// the token endpoint.
func TestHeadersOfEveryAnswer(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	user, group := c.bare(0), c.of("e5")
	mine := "/beta/users/" + user + "/cloudLicensing/assignments"
	made := body(allotmentBind, bind(allotmentSet+"/"+c.pool(skuE5, 0)), disabledPlans, off())
	token := "/" + c.TenantID() + "/oauth2/v2.0/token"
	c.Inject(Fault{Contains: "fault=429", RetryAfter: "1"})
	for _, tt := range []struct {
		method, uri, body string
		status            int
		odata             string
	}{
		{"GET", "/v1.0/users", "", 200, "4.0"},
		{"POST", mine, made, 201, "4.0"},
		{"POST", "/v1.0/groups/" + group + "/assignLicense", body("addLicenses", off(), "removeLicenses", off(skuID(skuE5))), 202, "4.0"},
		{"POST", mine + "/reprocessAssignments", "", 204, "4.0"},
		{"POST", "/v1.0/$batch", batchOf(get("1", "/nothing")), 200, "4.0"},
		{"GET", "/v1.0/users?$top=0", "", 400, ""},
		{"GET", "/v1.0/users/nobody", "", 404, ""},
		{"PUT", "/v1.0/users", "", 405, ""},
		{"GET", "/v1.0/users?fault=429", "", 429, ""},
		{"GET", "/" + c.TenantID() + "/discovery/v2.0/keys", "", 200, ""},
		{"POST", token, "", 400, ""},
		{"GET", "/nothing", "", 404, ""},
	} {
		r := c.do(tt.method, tt.uri, tt.body, "client-request-id", "mine")
		h := r.header
		if r.status != tt.status || h.Get("OData-Version") != tt.odata || h.Get("client-request-id") != "mine" || len(h.Get("request-id")) != 36 || h.Get("Date") == "" || !jsontext.Value(h.Get("x-ms-ags-diagnostic")).IsValid() {
			t.Errorf("%s %s: %d %v %s", tt.method, tt.uri, r.status, h, r.raw)
		}
		if location := h.Get("Location"); (location != "") != (tt.status == 202) || location != "" && !strings.HasPrefix(location, c.URL+"/v2/"+c.TenantID()+"/directoryObjects/"+group) {
			t.Errorf("%s %s: location %q", tt.method, tt.uri, location)
		}
		if len(r.raw) > 0 && !strings.HasPrefix(h.Get("Content-Type"), "application/json") {
			t.Errorf("%s %s: type %q", tt.method, tt.uri, h.Get("Content-Type"))
		}
	}
}

func TestErrorEnvelope(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	r := c.get("/beta/users/nobody@licensegraph.example", "client-request-id", "mine")
	e := r.body["error"].(map[string]any)
	inner := e["innerError"].(map[string]any)
	if r.status != 404 || e["code"] != "Request_ResourceNotFound" || e["message"] == "" {
		t.Errorf("got %d %v", r.status, e)
	}
	if inner["request-id"] != r.header.Get("request-id") || inner["client-request-id"] != "mine" || len(inner["date"].(string)) != 19 {
		t.Errorf("innerError = %v", inner)
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	t.Parallel()
	// Links and contexts contain the host, so both answer for the same host.
	get := func(seed uint64, uri string) []byte {
		now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC) // Links contain the time.
		e := New(Options{Users: 60, Seed: seed, Now: func() time.Time { return now }})
		token, _ := e.entra.ApplicationToken(nil)
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://graph"+uri, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		w := &recorder{header: http.Header{}}
		e.ServeHTTP(w, req)
		return w.body.Bytes()
	}
	path := func(seed uint64, uri string) string {
		tn := tenant.New(seed, 60)
		for i := range tn.Groups(-1) {
			if tn.Group(i).Nickname == "stores" {
				return strings.ReplaceAll(uri, "{group}", tn.Group(i).ID().String())
			}
		}
		panic("no stores")
	}
	for _, uri := range []string{
		"/beta/groups/{group}/cloudLicensing/usageRights?$expand=assignments", "/v1.0/groups/{group}/membersWithLicenseErrors",
		"/beta/users?$select=id,displayName,licenseAssignmentStates&$top=20",
		"/beta/admin/cloudLicensing/assignmentErrors?$expand=assignedTo&$top=5",
		"/beta/groups?$select=id,assignedLicenses", "/v1.0/subscribedSkus", "/v1.0/groups?$expand=members&$select=id",
		granted + "?$expand=assignedTo,allotment", pools + "?$expand=waitingMembers,assignments",
	} {
		first := get(7, path(7, uri))
		if diff := cmp.Diff(string(first), string(get(7, path(7, uri)))); diff != "" {
			t.Errorf("%s differs between two tenants of one seed (-first +second):\n%s", uri, diff)
		}
		if bytes.Equal(first, get(8, path(8, uri))) {
			t.Errorf("%s is the same for two seeds", uri)
		}
	}
}

type recorder struct {
	header http.Header
	body   bytes.Buffer
	status int
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
func (r *recorder) WriteHeader(status int)      { r.status = status }

func TestCountsAndLog(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10, Record: true})
	c.ResetCounts()
	user := c.ok("/beta/users?$top=1&$select=id")
	id := items(user)[0]["id"].(string)
	r := c.do("POST", "/beta/$batch", `{"requests":[
		{"id":"1","method":"GET","url":"/users/`+id+`?$select=id"},
		{"id":"2","method":"GET","url":"/users/`+id+`/cloudLicensing/usageRights"},
		{"id":"3","method":"GET","url":"/nothing"}]}`)
	got := c.Counts()
	list, batch := got["GET /users"], got["POST /$batch"]
	if list.Bytes == 0 || batch.Bytes != int64(len(r.raw)) {
		t.Errorf("bytes are not counted: %+v", got)
	}
	list.Bytes, batch.Bytes = 0, 0
	got["GET /users"], got["POST /$batch"] = list, batch
	want := map[string]Count{
		"GET /users":      {Requests: 1, ResourceUnits: 1},
		"GET /users/{id}": {Parts: 1, ResourceUnits: 1},
		"GET /users/{id}/cloudLicensing/usageRights": {Parts: 1, ResourceUnits: 1},
		"other":        {Parts: 1},
		"POST /$batch": {Requests: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	log := c.Requests()
	if len(log) != 5 {
		t.Fatalf("the log has %d entries, want 5: %+v", len(log), log)
	}
	if last := log[4]; last.Endpoint != "POST /$batch" || last.Status != 200 || last.Part || !bytes.Contains(last.Body, []byte("usageRights")) {
		t.Errorf("last entry = %+v", last)
	}
	if first := log[0]; first.URL != "/beta/users?$top=1&$select=id" || first.Method != "GET" {
		t.Errorf("first entry = %+v", first)
	}
	c.ResetCounts()
	if len(c.Counts()) != 0 || len(c.Requests()) != 0 {
		t.Error("ResetCounts left something")
	}
}

// TestLogHasNoSecrets tests that credentials are not logged.
func TestLogHasNoSecrets(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10, Record: true})
	c.get("/" + c.TenantID() + "/oauth2/v2.0/authorize?code_challenge=mine")
	for _, r := range c.Requests() {
		if strings.Contains(r.URL+string(r.Body), c.ClientSecret()) || strings.Contains(r.URL, "mine") {
			t.Errorf("the log contains %s %s %s", r.Method, r.URL, r.Body)
		}
	}
	if n := len(c.Requests()); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}
