package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// hostile are expensive requests, or requests with large responses. Each is rejected for its reason, or cheap.
var hostile = []struct {
	name string
	body string // of a POST; with the prefix "?" the query component of a GET
	want string // substring of the response
}{
	{"nested fragments", query("{users{nodes{...f0}}}" + nested(30)), `"limit":"`},
	{"a ring of fragments", query("{users{nodes{...a}}} fragment a on User{...b} fragment b on User{...a}"), `"limit":"fragmentCycle"`},
	{"braces", query(strings.Repeat("{", 60_000)), `"limit":"tokens"`},
	{"a list of lists", query("{users(first:999){nodes{usageRights{assignments{allotment{services{planId}}}}}}}"), `"limit":"cost"`},
	{"object by object", query("{allotments(first:100){nodes{waitingMembers{nodes{allotment{id}}}}}}"), `UPSTREAM_BUDGET_EXCEEDED`},
	{"root fields", query("{" + repeated(21, "a%d:__typename ") + "}"), `"limit":"rootFields"`},
	{"aliases", query("{users{nodes{" + repeated(51, "a%d:id ") + "}}}"), `"limit":"aliases"`},
	{"directives", query("{users{nodes{" + repeated(51, "id @include(if:true) #%d\n") + "}}}"), `"limit":"directives"`},
	{"long aliases", query("{users(first:999){nodes{" + strings.Repeat("a", 10_000) + ":id}}}"), `"limit":"names"`},
	{"operations", query(repeated(50, "query q%d{__typename}")), `"limit":"operations"`},
	{"variables", query("query(" + repeated(200, "$v%d:Int ") + "){__typename}"), `"limit":"variables"`},
	{"introspection of introspection", query("{__schema{types{fields{type{fields{type{fields{name}}}}}}}}"), "introspection depth"},
	{"introspection many times", query("{" + repeated(20, "a%d:__schema{types{fields{args{name type{name kind ofType{name kind ofType{name kind}}}}}}}") + "}"), `"limit":"cost"`},
	{"unknown fields", query("{users{nodes{" + repeated(180, "x%d ") + "}}}"), "Cannot query field"},
	{"arguments that differ", query("{" + repeated(20, "users(first:%d){nodes{id}}") + "}"), "differing arguments"},
	{"a number", query("{users(first:" + strings.Repeat("9", 5_000) + "){nodes{id}}}"), `"limit":"number"`},
	{"a number for an id", query("{subscribedSku(skuId:99999999999999999999){id}}"), `"limit":"magnitude"`},
	{"a fraction for an id", query("{subscribedSku(skuId:1e999){id}}"), `"limit":"magnitude"`},
	{"a string", query(`{user(id:\"` + strings.Repeat("x", 20_000) + `\"){id}}`), `"limit":"string"`},
	{"ids", `{"query":"query($i:[ID!]!){nodes(ids:$i){id}}","variables":{"i":[` + repeated(999, `"%d",`) + `"x"]}}`, `"limit":"ids"`},
	{"more ids", `{"query":"query($i:[ID!]!){nodes(ids:$i){id}}","variables":{"i":[` + repeated(5_000, `"%d",`) + `"x"]}}`, `"limit":"list"`},
	{"representations", `{"query":"query($r:[_Any!]!){_entities(representations:$r){... on User{usageRights{id}}}}","variables":{"r":[` + repeated(1_000, `{"__typename":"User","id":"%d"},`) + `{}]}}`, `"limit":"list"`},
	{"representations of nothing", `{"query":"query($r:[_Any!]!){_entities(representations:$r){__typename}}","variables":{"r":[` + repeated(999, `{"__typename":"Nothing","id":"%d"},`) + `{"__typename":"Nothing"}]}}`, `"path":["_entities",999]`},
	{"changes", `{"query":"mutation($l:[AssigneeInput!]!){createAssignments(input:{assignedTo:$l,skuId:\"05e9a617-0261-4cee-bb44-138d3ef5d965\"}){userErrors{code}}}","variables":{"l":[` + repeated(999, `{"id":"%d"},`) + `{"id":"x"}]}}`, "UPSTREAM_BUDGET_EXCEEDED"},
	{"values", `{"query":"{__typename}","variables":{` + repeated(30, `"v%d":[`+strings.TrimSuffix(strings.Repeat("[],", 900), ",")+`],`) + `"x":1}}`, `"limit":"values"`},
	{"depth of variables", `{"query":"{__typename}","variables":{"a":` + strings.Repeat("[", 500_000), `"limit":"nesting"`},
	{"depth of an unknown member", `{"query":"{__typename}","x":` + strings.Repeat(`{"a":`, 100_000), `"limit":"nesting"`},
	{"a number of variables", `{"query":"query($f:Int){users(first:$f){nodes{id}}}","variables":{"f":1e999999999}}`, `"limit":"magnitude"`},
	{"two queries in one", `{"query":"{__typename}","query":"{users{nodes{id}}}"}`, `"limit":"members"`},
	{"a batch", "[" + strings.Repeat(`{"query":"{__typename}"},`, 900) + `{"query":"{__typename}"}]`, "Batches"},
	{"a hash of nothing", `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + strings.Repeat("a", 16_000) + `"}}}`, "PersistedQueryNotFound"},
	{"no JSON", strings.Repeat("x", 500_000), "not a JSON object"},
	{"nothing", "", "not a JSON object"},
	{"a GET of a mutation", "?query=" + url.QueryEscape(`mutation{deleteAssignment(input:{id:"x"}){outcome}}`), "use POST"},
	{"a GET with everything twice", "?query={__typename}&query={__typename}", "Duplicate parameter"},
	{"a GET with deep variables", "?query={__typename}&variables=" + strings.Repeat("[", 5_000), `"limit":"nesting"`},
	{"a long GET", "?query=" + strings.Repeat("a", 60_000), `"limit":"names"`},
}

// query returns the body of a request with a query.
func query(text string) string {
	return `{"query":"` + strings.ReplaceAll(text, "\n", `\n`) + `"}`
}

// repeated returns a text with the numbers from 0.
func repeated(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// nested returns fragments each of which spreads the next one twice.
func nested(n int) string {
	return repeated(n, " fragment f%[1]d on User{...g%[1]d ...g%[1]d}") + repeated(n, " fragment g%[1]d on User{id}")
}

// TestHostileClients sends all of them concurrently, while a regular caller gets complete responses.
func TestHostileClients(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--caller-rate=100000", "--caller-burst=100000", "--caller-operations=200")
	done := make(chan struct{})
	var healthy sync.WaitGroup
	healthy.Go(func() {
		for {
			status, body := p.ask(t, "{assignmentErrors(first:5){nodes{code assignedTo{displayName}}}}")
			if status != 200 || !strings.Contains(body, `"code":"`) || strings.Contains(body, `"errors"`) {
				t.Errorf("regular caller: %d %.300s", status, body)
				return
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	var attackers sync.WaitGroup
	for range 3 {
		for _, attack := range hostile {
			attackers.Go(func() {
				status, body := p.attack(t, attack.body)
				if !strings.Contains(body, attack.want) {
					t.Errorf("%s: %d %.300s, want %s", attack.name, status, body, attack.want)
				}
				if len(body) > 300<<10 {
					t.Errorf("%s: an answer of %d bytes", attack.name, len(body))
				}
			})
		}
	}
	attackers.Wait()
	close(done)
	healthy.Wait()
}

// attack sends a request and returns status and body.
func (p *program) attack(t *testing.T, body string) (int, string) {
	t.Helper()
	req := post(t, p.url+endpointPath, []byte(body))
	if strings.HasPrefix(body, "?") {
		var err error
		if req, err = http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+endpointPath+body, nil); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := p.client.Do(req)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(text)
}

// TestRequestTimeoutReachesUpstream stalls Microsoft Graph in each way.
func TestRequestTimeoutReachesUpstream(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]string{
		"it does not answer":     "endpoint=GET /users,delay=1h,times=-1",
		"it asks to wait":        "endpoint=GET /users,status=429,retryAfter=5s,times=-1",
		"it stops in the answer": "endpoint=GET /users,damage=stalled,stall=1h,times=-1",
		"it gives no token":      "endpoint=POST /oauth2/v2.0/token,delay=1h,times=-1",
		"a part does not answer": "endpoint=GET /users/{id}/cloudLicensing/usageRights,delay=1h,times=-1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, nil, "--request-timeout=1s", "--embedded-fault="+fault)
			status, body := p.ask(t, `{users(first:2){nodes{id usageRights{id}}}}`)
			if status == 0 || !strings.Contains(body, `"code":"UPSTREAM_`) {
				t.Errorf("%d %.300s", status, body)
			}
		})
	}
}

// TestUpstreamRequestsThroughTheWire tests that an operation with too many requests is rejected, and one that exceeds
// the estimate is stopped: here because the tenant's pages are small.
func TestUpstreamRequestsThroughTheWire(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--max-upstream-requests=5", "--embedded-variant=pageSize=3")
	for _, tt := range []struct {
		query  string
		status int
		want   string
	}{
		{"{users(first:4){nodes{usageRights{id}}}}", 200, `"usageRights":[`},
		{"{users(first:5){nodes{usageRights{id}}}}", 400, "could require 6 requests to Microsoft Graph, most of them for users; 5 are allowed"},
		{"{assignments(first:60){nodes{id}}}", 200, `"upstreamRequests":5`},
	} {
		status, body := p.ask(t, tt.query)
		exceeded := strings.Contains(body, `"code":"UPSTREAM_BUDGET_EXCEEDED"`)
		if status != tt.status || !strings.Contains(body, tt.want) || exceeded != !strings.Contains(tt.want, "usageRights") {
			t.Errorf("%s: %d %.400s", tt.query, status, body)
		}
	}
}
