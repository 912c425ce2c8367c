package graph_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/emulator"
)

// Endpoints of the embedded tenant that mainQuestion reads.
const (
	tokenEndpoint  = "POST /oauth2/v2.0/token"
	batchEndpoint  = "POST /$batch"
	errorsEndpoint = "GET /admin/cloudLicensing/assignmentErrors"
	rightEndpoint  = "GET /admin/cloudLicensing/assignmentErrors/{id}/usageRight"
	usersEndpoint  = "GET /users"
	byIDsEndpoint  = "POST /directoryObjects/getByIds"
	skusEndpoint   = "GET /subscribedSkus"
)

// attempts is the maximum number of attempts of one request.
const attempts = 3

// thirtyErrors is mainQuestion for 30 errors, which fill two batches.
var thirtyErrors = strings.Replace(mainQuestion, "100", "30", 1)

// Paths that a failure makes null.
const (
	lostList   = "assignmentErrors"
	lostRights = "assignmentErrors.nodes.#.usageRight"
	lostStates = "assignmentErrors.nodes.#.assignedTo.licenseAssignmentStates"
	lostGroups = "assignmentErrors.nodes.#.assignedTo.licenseAssignmentStates.#.assignedByGroup.displayName"
)

// clientError is an error as a client gets it.
type clientError struct {
	Code       string  `json:"code"`
	Path       string  `json:"path"`            // # for any index
	Count      int     `json:"count,omitempty"` // 0 for a single error
	Retryable  bool    `json:"retryable,omitempty"`
	RetryAfter float64 `json:"retryAfterSeconds,omitempty"`
	Permission string  `json:"permission,omitempty"`
	Upstream   string  `json:"upstreamCode,omitempty"`
}

func clientErrors(r response) []clientError {
	var errs []clientError
	for _, e := range r.Errors {
		text := func(name string) string { s, _ := e.Extensions[name].(string); return s }
		number := func(name string) float64 { n, _ := e.Extensions[name].(float64); return n }
		retryable, _ := e.Extensions["retryable"].(bool)
		errs = append(errs, clientError{
			Code: text("code"), Path: pattern(e.Path), Count: int(number("count")), Retryable: retryable,
			RetryAfter: number("retryAfterSeconds"), Permission: text("permission"), Upstream: text("upstreamCode"),
		})
	}
	slices.SortFunc(errs, func(a, b clientError) int { return cmp.Compare(a.Path+a.Permission, b.Path+b.Permission) })
	return errs
}

// pattern returns a path with # for its indices.
func pattern(path []any) string {
	var names []string
	for _, step := range path {
		name, ok := step.(string)
		if !ok {
			name = "#"
		}
		names = append(names, name)
	}
	return strings.Join(names, ".")
}

// without returns the data with null at a path; # matches every index.
func without(t *testing.T, r response, path string) map[string]any {
	t.Helper()
	var whole response
	if err := json.Unmarshal(r.raw, &whole); err != nil {
		t.Fatal(err)
	}
	if path != "" {
		lose(whole.Data, strings.Split(path, "."))
	}
	return whole.Data
}

func lose(value any, path []string) (lost int) {
	switch v := value.(type) {
	case []any:
		for i := range v {
			if path[0] == "#" || path[0] == fmt.Sprint(i) {
				lost += lose(v[i], path[1:])
			}
		}
	case map[string]any:
		if len(path) > 1 {
			return lose(v[path[0]], path[1:])
		}
		if v[path[0]] != nil {
			lost++
		}
		v[path[0]] = nil
	}
	return lost
}

// warm runs a query without failures and resets the counts.
func (g *gateway) warm(query string) response {
	g.t.Helper()
	r := g.ask(query, nil)
	if len(r.Errors) > 0 {
		g.t.Fatalf("errors without a fault: %v", r.Errors)
	}
	g.forget()
	return r
}

// forget resets the counts, faults and cool-downs.
func (g *gateway) forget() {
	g.reset()
	g.waits.pass(10 * time.Second)
}

// reset is forget at the same time: no token and no capability expires.
func (g *gateway) reset() {
	g.tenant.ClearFaults()
	g.tenant.ResetCounts()
	g.waits.take()
	g.log.reset()
}

// fails checks a response with errors: the remaining data, the errors, and the invariants of failures.
func (g *gateway) fails(t *testing.T, r response, data map[string]any, errs ...clientError) {
	t.Helper()
	if diff := difference(data, r.Data, ignoreCursors); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	if diff := difference(errs, clientErrors(r)); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	for _, e := range r.Errors {
		if id, _ := e.Extensions["upstreamRequestId"].(string); e.Extensions["upstreamCode"] != nil && e.Extensions["upstreamCode"] != "invalid_client" && e.Extensions["upstreamCode"] != "unauthorized_client" && len(id) != 36 {
			t.Errorf("upstream error without request ID: %v", e)
		}
	}
	g.bounded(t)
	g.discreet(t, r)
}

// bounded checks that no request exceeded the maximum number of attempts.
func (g *gateway) bounded(t *testing.T) {
	t.Helper()
	sent := map[string]int{}
	for _, request := range g.tenant.Requests() {
		sent[request.Endpoint+" "+request.URL+" "+string(request.Body)]++
	}
	for request, times := range sent {
		if times > attempts && !strings.HasPrefix(request, tokenEndpoint) {
			t.Errorf("sent %d times: %.200s", times, request)
		}
	}
}

// discreet checks that neither the log nor an error has a secret, a token or a name.
func (g *gateway) discreet(t *testing.T, r response) {
	t.Helper()
	errs, err := json.Marshal(r.Errors)
	if err != nil {
		t.Fatal(err)
	}
	said := string(errs) + g.log.String()
	for _, secret := range append([]string{g.tenant.ClientSecret(), "eyJ", "Bearer", "goroutine ", "127.0.0.1"}, names(r.Data)...) {
		if strings.Contains(said, secret) {
			t.Errorf("%q is in an error or in the log: %s", secret, said)
		}
	}
}

// names returns the user names in a response.
func names(value any) []string {
	var found []string
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			found = append(found, names(element)...)
		}
	case map[string]any:
		name, isPerson := v["userPrincipalName"].(string)
		if display, ok := v["displayName"].(string); isPerson && ok {
			found = append(found, name, display)
		}
		for _, element := range v {
			found = append(found, names(element)...)
		}
	}
	return found
}

// sent returns the number of calls of an endpoint, batch parts included.
func (g *gateway) sent(endpoint string) int {
	count := g.tenant.Counts()[endpoint]
	return count.Requests + count.Parts
}

// TestFailingEdge returns each status for each part of mainQuestion. The other data stays, with one error.
func TestFailingEdge(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	for _, edge := range []struct {
		name, endpoint, lost, permission string
		reads                            int // requests or parts of one attempt
	}{
		{"list", errorsEndpoint, lostList, "CloudLicensing.Read.All", 1},
		{"usageRight", rightEndpoint, lostRights, "CloudLicensing.Read.All", 30},
		{"states", usersEndpoint, lostStates, "User.Read.All", 2},
		{"groups", byIDsEndpoint, lostGroups, "Directory.Read.All", 1},
	} {
		t.Run(edge.name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Users: 200})
			whole := g.warm(thirtyErrors)
			count := lose(without(t, whole, ""), strings.Split(edge.lost, "."))
			if edge.lost == lostRights {
				count = 30 // already null without a right
			}
			if count == 1 {
				count = 0
			}
			for _, tt := range []struct {
				status, attempts int
				code             string
				retryable        bool
			}{
				{400, 1, "INTERNAL", false},
				{401, 2, "UNAUTHENTICATED", false},
				{402, 1, "UPSTREAM_UNAVAILABLE", false},
				{403, 1, "FORBIDDEN", false},
				{404, 1, "NOT_FOUND", false},
				{405, 1, "INTERNAL", false},
				{408, 3, "UPSTREAM_UNAVAILABLE", true},
				{410, 1, "NOT_FOUND", false},
				{429, 3, "UPSTREAM_THROTTLED", true},
				{500, 3, "UPSTREAM_UNAVAILABLE", true},
				{501, 1, "INTERNAL", false},
				{502, 3, "UPSTREAM_UNAVAILABLE", true},
				{503, 3, "UPSTREAM_UNAVAILABLE", true},
				{504, 3, "UPSTREAM_UNAVAILABLE", true},
				{507, 1, "UPSTREAM_UNAVAILABLE", false},
			} {
				t.Run(fmt.Sprint(tt.status), func(t *testing.T) {
					defer g.forget()
					if edge.lost != lostRights && tt.code == "NOT_FOUND" {
						tt.code = "UPSTREAM_UNAVAILABLE" // the list is missing, not an object
					}
					g.tenant.Inject(emulator.Fault{Endpoint: edge.endpoint, Status: tt.status, Code: "somethingWrong", Times: -1})
					r := g.ask(thirtyErrors, nil)

					want := clientError{Code: tt.code, Path: edge.lost, Count: count, Retryable: tt.retryable, Upstream: "somethingWrong"}
					if tt.status == 403 {
						want.Permission = edge.permission
					}
					if edge.lost == lostRights && tt.code == "NOT_FOUND" {
						g.fails(t, r, without(t, whole, edge.lost)) // no right, no error
						return
					}
					g.fails(t, r, without(t, whole, edge.lost), want)

					sent := tt.attempts * edge.reads
					if edge.lost == lostList && tt.code == "INTERNAL" {
						sent++ // without the relation
					}
					if got := g.sent(edge.endpoint); got != sent {
						t.Errorf("sent %d, want %d", got, sent)
					}
					least, most := time.Duration(0), 500*time.Millisecond
					if tt.status == 429 { // each rejected call counts against the limit
						least, most = 2*time.Second, 4*time.Second
					}
					if got := g.waits.take(); tt.attempts == attempts && (len(got) != 2 || got[0] < least || got[0] > most || got[1] < 2*least || got[1] > 2*most) {
						t.Errorf("waited %v", got)
					} else if tt.attempts < attempts && len(got) > 0 {
						t.Errorf("waited %v for a permanent error", got)
					}
					lines := 1
					if tt.code == "NOT_FOUND" {
						lines = 0
					}
					if got := strings.Count(g.log.String(), "\n"); got != lines {
						t.Errorf("%d lines in the log, want %d: %s", got, lines, g.log)
					}
				})
			}
		})
	}
}

// TestFailingBatch fails a whole batch: each edge in it has an error, and none is reported as missing.
func TestFailingBatch(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	g := startGateway(t, emulator.Options{})
	whole := g.warm(thirtyErrors)
	nothing := without(t, whole, lostRights)
	lose(nothing, strings.Split(lostStates, "."))
	const edges = 60 // rights and states of thirty users

	for _, tt := range []struct {
		status, attempts int
		code             string
		retryable        bool
	}{
		{400, 1, "UPSTREAM_UNAVAILABLE", false},
		{401, 2, "UNAUTHENTICATED", false},
		{404, 1, "UPSTREAM_UNAVAILABLE", false},
		{405, 1, "UPSTREAM_UNAVAILABLE", false},
		{424, 3, "UPSTREAM_UNAVAILABLE", true},
		{429, 3, "UPSTREAM_THROTTLED", true},
		{500, 3, "UPSTREAM_UNAVAILABLE", true},
		{503, 3, "UPSTREAM_UNAVAILABLE", true},
	} {
		t.Run(fmt.Sprint(tt.status), func(t *testing.T) {
			defer g.forget()
			g.tenant.Inject(emulator.Fault{Endpoint: batchEndpoint, Status: tt.status, Times: -1, Code: "somethingWrong"})
			r := g.ask(thirtyErrors, nil)
			for i := range r.Errors {
				r.Errors[i].Path = nil // of any edge
			}
			g.fails(t, r, nothing, clientError{Code: tt.code, Count: edges, Retryable: tt.retryable, Upstream: "somethingWrong"})
			if got := g.sent(batchEndpoint); got != 2*tt.attempts {
				t.Errorf("%d batches, want %d", got, 2*tt.attempts)
			}
		})
	}
	for _, status := range []int{401, 424, 429, 500, 503} {
		t.Run(fmt.Sprint(status, " once"), func(t *testing.T) {
			defer g.forget()
			g.tenant.Inject(emulator.Fault{Endpoint: batchEndpoint, Status: status})
			g.fails(t, g.ask(thirtyErrors, nil), whole.Data)
			if got := g.sent(batchEndpoint); got != 3 {
				t.Errorf("%d batches, want 3 with one repetition", got)
			}
			if got := g.sent(rightEndpoint); got != 30 {
				t.Errorf("read %d rights, want 30", got)
			}
		})
	}
	t.Run("forbidden", func(t *testing.T) {
		defer g.forget()
		g.tenant.Inject(emulator.Fault{Endpoint: batchEndpoint, Status: 403, Times: -1})
		want := func(path, permission string) clientError {
			return clientError{Code: "FORBIDDEN", Path: path, Count: 30, Permission: permission, Upstream: "Authorization_RequestDenied"}
		}
		g.fails(t, g.ask(thirtyErrors, nil), nothing, want(lostStates, "User.Read.All"), want(lostRights, "CloudLicensing.Read.All"))
	})
}

// TestFailingPart fails one part of a batch: only this part is repeated.
func TestFailingPart(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	whole := g.warm(thirtyErrors)
	nodes := whole.Data["assignmentErrors"].(map[string]any)["nodes"].([]any)
	place := slices.IndexFunc(nodes, func(n any) bool { return n.(map[string]any)["usageRight"] != nil })
	part := nodes[place].(map[string]any)["id"].(string) + "/usageRight"

	timesSent := func() (failing, others int) {
		sent := map[string]int{}
		for _, request := range g.tenant.Requests() {
			if request.Endpoint == rightEndpoint {
				sent[request.URL]++
			}
		}
		for address, times := range sent {
			if strings.Contains(address, part) {
				failing = times
			} else {
				others = max(others, times)
			}
		}
		return failing, others
	}
	for _, tt := range []struct {
		status, attempts int
		code             string
		retryable        bool
	}{
		{400, 1, "INTERNAL", false},
		{401, 2, "UNAUTHENTICATED", false},
		{403, 1, "FORBIDDEN", false},
		{424, 3, "UPSTREAM_UNAVAILABLE", true},
		{429, 3, "UPSTREAM_THROTTLED", true},
		{500, 3, "UPSTREAM_UNAVAILABLE", true},
		{503, 3, "UPSTREAM_UNAVAILABLE", true},
		{504, 3, "UPSTREAM_UNAVAILABLE", true},
	} {
		t.Run(fmt.Sprint(tt.status), func(t *testing.T) {
			defer g.forget()
			g.tenant.Inject(emulator.Fault{Contains: part, Status: tt.status, Times: -1, Code: "somethingWrong"})
			r := g.ask(thirtyErrors, nil)
			want := clientError{Code: tt.code, Path: lostRights, Retryable: tt.retryable, Upstream: "somethingWrong"}
			if tt.status == 403 {
				want.Permission = "CloudLicensing.Read.All"
			}
			g.fails(t, r, without(t, whole, fmt.Sprintf("assignmentErrors.nodes.%d.usageRight", place)), want)
			if index := r.Errors[0].Path[2]; index != float64(place) {
				t.Errorf("the error is at %v, want %d", index, place)
			}
			if failing, others := timesSent(); failing != tt.attempts || others != 1 {
				t.Errorf("failed part sent %d times, another part %d times, want %d and 1", failing, others, tt.attempts)
			}
		})
	}
	for _, status := range []int{401, 424, 429, 500, 502, 503, 504} {
		t.Run(fmt.Sprint(status, " once"), func(t *testing.T) {
			defer g.forget()
			g.tenant.Inject(emulator.Fault{Contains: part, Status: status})
			g.fails(t, g.ask(thirtyErrors, nil), whole.Data)
			if failing, others := timesSent(); failing != 2 || others != 1 {
				t.Errorf("failed part sent %d times, another part %d times, want 2 and 1", failing, others)
			}
		})
	}
	t.Run("all parts once", func(t *testing.T) {
		defer g.forget()
		g.tenant.Inject(emulator.Fault{Endpoint: rightEndpoint, Status: 401, Times: 30})
		g.fails(t, g.ask(thirtyErrors, nil), whole.Data)
		if got := g.sent(tokenEndpoint); got != 1 {
			t.Errorf("requested %d tokens after a rejected token", got)
		}
	})
}

// TestRetryAfter tests the waits before a request is repeated.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	whole := g.warm(thirtyErrors)
	in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	// between checks the sum of the waits: after the first wait, the rest of the cool-down is waited too.
	between := func(least, most time.Duration) func([]time.Duration) bool {
		return func(waits []time.Duration) bool {
			var total time.Duration
			for _, wait := range waits {
				total += wait
			}
			return total >= least && total < most+time.Second
		}
	}
	backsOff := between(2*time.Second, 4*time.Second)
	none := func(waits []time.Duration) bool { return len(waits) == 0 }

	for _, tt := range []struct {
		name   string
		faults []emulator.Fault
		waited func([]time.Duration) bool
		errs   []clientError
		lost   string
	}{
		{"seconds", []emulator.Fault{{Endpoint: errorsEndpoint, RetryAfter: "7"}}, between(7*time.Second, 7*time.Second), nil, ""},
		{"longest allowed", []emulator.Fault{{Endpoint: errorsEndpoint, RetryAfter: "10"}}, between(10*time.Second, 10*time.Second), nil, ""},
		{"503", []emulator.Fault{{Endpoint: errorsEndpoint, Status: 503, RetryAfter: "4"}}, between(4*time.Second, 4*time.Second), nil, ""},
		{"a date", []emulator.Fault{{Endpoint: errorsEndpoint, RetryAfter: in(8 * time.Second)}}, between(3*time.Second, 8*time.Second), nil, ""},
		{"a date in the past", []emulator.Fault{{Endpoint: errorsEndpoint, RetryAfter: in(-time.Hour)}}, backsOff, nil, ""},
		{"absent", []emulator.Fault{{Endpoint: errorsEndpoint, Status: 429}}, backsOff, nil, ""},
		{"zero", []emulator.Fault{{Endpoint: errorsEndpoint, RetryAfter: "0"}}, backsOff, nil, ""},
		{"negative", []emulator.Fault{{Endpoint: errorsEndpoint, RetryAfter: "-5"}}, backsOff, nil, ""},
		{"not a number", []emulator.Fault{{Endpoint: errorsEndpoint, RetryAfter: "soon"}}, backsOff, nil, ""},
		{
			"longest of several parts",
			[]emulator.Fault{{Endpoint: rightEndpoint, RetryAfter: "3"}, {Endpoint: usersEndpoint, RetryAfter: "6"}, {Endpoint: rightEndpoint, RetryAfter: "2"}},
			func(waits []time.Duration) bool { return len(waits) > 0 && slices.Max(waits) == 6*time.Second }, nil, "",
		},
		{
			"too long", []emulator.Fault{{Endpoint: errorsEndpoint, RetryAfter: "550"}}, none,
			[]clientError{{Code: "UPSTREAM_THROTTLED", Path: lostList, Retryable: true, RetryAfter: 550, Upstream: "TooManyRequests"}}, lostList,
		},
		{
			"one edge too long", []emulator.Fault{{Endpoint: usersEndpoint, Times: -1, RetryAfter: "11"}}, none,
			[]clientError{{Code: "UPSTREAM_THROTTLED", Path: lostStates, Count: 30, Retryable: true, RetryAfter: 11, Upstream: "TooManyRequests"}}, lostStates,
		},
		{
			"out of range", []emulator.Fault{{Endpoint: errorsEndpoint, RetryAfter: "99999999999"}}, none,
			[]clientError{{Code: "UPSTREAM_THROTTLED", Path: lostList, Retryable: true, RetryAfter: 24 * 60 * 60, Upstream: "TooManyRequests"}}, lostList,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer g.waits.pass(10 * time.Minute) // of a cool-down
			defer g.forget()
			for _, fault := range tt.faults {
				g.tenant.Inject(fault)
			}
			g.fails(t, g.ask(thirtyErrors, nil), without(t, whole, tt.lost), tt.errs...)
			if waits := g.waits.take(); !tt.waited(waits) {
				t.Errorf("waited %v", waits)
			}
		})
	}
}

// TestBrokenConnection tests missing and late responses.
func TestBrokenConnection(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	unavailable := func(path string, count int) clientError {
		return clientError{Code: "UPSTREAM_UNAVAILABLE", Path: path, Count: count, Retryable: true}
	}
	t.Run("connection closed", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, emulator.Options{})
		whole := g.warm(thirtyErrors)
		for _, endpoint := range []string{errorsEndpoint, rightEndpoint, batchEndpoint, byIDsEndpoint} {
			t.Run(endpoint, func(t *testing.T) {
				defer g.forget()
				g.tenant.Inject(emulator.Fault{Endpoint: endpoint, Cut: true})
				g.fails(t, g.ask(thirtyErrors, nil), whole.Data)
			})
		}
		t.Run("permanent", func(t *testing.T) {
			defer g.forget()
			g.tenant.Inject(emulator.Fault{Endpoint: byIDsEndpoint, Cut: true, Times: -1})
			r := g.ask(thirtyErrors, nil)
			g.fails(t, r, without(t, whole, lostGroups), unavailable(lostGroups, lose(without(t, whole, ""), strings.Split(lostGroups, "."))))
			if got := g.sent(byIDsEndpoint); got != attempts {
				t.Errorf("sent %d times, want %d", got, attempts)
			}
		})
	})
	t.Run("idle connections closed", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, emulator.Options{})
		g.warm(mainQuestion) // leaves connections open
		g.tenant.Inject(emulator.Fault{Endpoint: errorsEndpoint, Cut: true, Times: -1})
		r := g.ask(`{ assignmentErrors(first: 3) { nodes { id } } }`, nil)
		if u := r.Extensions.Upstream; u.Retries != attempts-1 {
			t.Errorf("%d retries, want %d", u.Retries, attempts-1)
		}
		g.costAgrees(r) // repetitions of the transport included
	})
	t.Run("slow", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, emulator.Options{})
		whole := g.warm(thirtyErrors)
		g.timeout = 150 * time.Millisecond
		g.restart()
		t.Run("permanent", func(t *testing.T) {
			defer g.forget()
			g.tenant.Inject(emulator.Fault{Endpoint: errorsEndpoint, Delay: time.Minute, Times: -1})
			g.fails(t, g.ask(thirtyErrors, nil), without(t, whole, lostList), unavailable(lostList, 0))
		})
		t.Run("once", func(t *testing.T) {
			defer g.forget()
			g.tenant.Inject(emulator.Fault{Endpoint: skusEndpoint, Delay: time.Minute})
			r := g.ask(`{ subscribedSkus { nodes { skuId } } }`, nil)
			if len(r.Errors) > 0 || r.Extensions.Upstream.Retries == 0 {
				t.Errorf("%d retries: %v", r.Extensions.Upstream.Retries, r.Errors)
			}
		})
	})
}

// TestUnreadable tests malformed responses. Invalid JSON is read again, batch parts in smaller batches and then
// alone. Valid JSON of a wrong shape is not read again.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	whole := g.warm(thirtyErrors)
	text := func(body string) func([]byte) []byte { return func([]byte) []byte { return []byte(body) } }

	for _, tt := range []struct {
		name string
		emulator.Fault
		data  map[string]any
		path  string
		count int
		waits int
	}{
		{"truncated list", emulator.Fault{Endpoint: errorsEndpoint, Body: `{"value":[{"id":"`, Times: -1}, without(t, whole, lostList), lostList, 0, 2},
		{"HTML list", emulator.Fault{Endpoint: errorsEndpoint, Body: `<html>`, Times: -1}, without(t, whole, lostList), lostList, 0, 2},
		{"empty list body", emulator.Fault{Endpoint: errorsEndpoint, Rewrite: text(""), Times: -1}, without(t, whole, lostList), lostList, 0, 2},
		{"truncated list once", emulator.Fault{Endpoint: errorsEndpoint, Body: `{"value":[{"id":"`}, whole.Data, "", 0, 1},
		{"HTML list once", emulator.Fault{Endpoint: errorsEndpoint, Body: `<html>`}, whole.Data, "", 0, 1},
		{"list without value", emulator.Fault{Endpoint: errorsEndpoint, Body: `{}`}, without(t, whole, lostList), lostList, 0, 0},
		{"list with object as value", emulator.Fault{Endpoint: errorsEndpoint, Body: `{"value":{}}`}, without(t, whole, lostList), lostList, 0, 0},
		{"element of another type", emulator.Fault{Endpoint: errorsEndpoint, Body: `{"value":["text"]}`}, without(t, whole, lostList), lostList, 0, 0},
		{"property of another type", emulator.Fault{Endpoint: errorsEndpoint, Body: `{"value":[{"id":1}]}`}, without(t, whole, lostList), lostList, 0, 0},
		{"batch envelope", emulator.Fault{Endpoint: batchEndpoint, Body: `{"responses":`, Times: -1}, whole.Data, "", 0, 0},
		{"batch without responses", emulator.Fault{Endpoint: batchEndpoint, Body: `{"responses":[]}`, Times: -1}, whole.Data, "", 0, 0},
		{"batch with unknown IDs", emulator.Fault{Endpoint: batchEndpoint, Body: `{"responses":[{"id":"77","status":200},{"id":"-1"},{"id":"x"}]}`, Times: -1}, whole.Data, "", 0, 0},
		{"HTML batch part", emulator.Fault{Endpoint: batchEndpoint, Rewrite: rawPart}, whole.Data, "", 0, 0},
		{"parts", emulator.Fault{Endpoint: usersEndpoint, Rewrite: text(`"text"`), Times: -1}, without(t, whole, lostStates), lostStates, 30, 2},
		{"HTML batch part once", emulator.Fault{Endpoint: usersEndpoint, Rewrite: text(`"text"`)}, whole.Data, "", 0, 1},
		{"groups", emulator.Fault{Endpoint: byIDsEndpoint, Rewrite: text(`{"value":[17]}`), Times: -1}, without(t, whole, lostGroups), lostGroups, lose(without(t, whole, ""), strings.Split(lostGroups, ".")), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer g.forget()
			g.tenant.Inject(tt.Fault)
			r := g.ask(thirtyErrors, nil)
			var errs []clientError
			if tt.path != "" {
				errs = []clientError{{Code: "UPSTREAM_UNAVAILABLE", Path: tt.path, Count: tt.count, Retryable: tt.waits > 0}}
			}
			g.fails(t, r, tt.data, errs...)
			if waits := g.waits.take(); len(waits) != tt.waits {
				t.Errorf("waited %v", waits)
			}
		})
	}
	t.Run("batch part without response", func(t *testing.T) {
		defer g.forget()
		g.tenant.Inject(emulator.Fault{Endpoint: batchEndpoint, Rewrite: func(body []byte) []byte {
			var envelope map[string][]map[string]any
			if err := json.Unmarshal(body, &envelope); err != nil {
				t.Error(err)
			}
			responses := envelope["responses"]
			envelope["responses"] = slices.DeleteFunc(responses, func(r map[string]any) bool {
				body, _ := r["body"].(map[string]any)
				return r["id"] == "0" && body["value"] == nil // a right
			})
			body, _ = json.Marshal(envelope)
			return body
		}, Times: -1})
		g.fails(t, g.ask(thirtyErrors, nil), whole.Data)
	})
}

// rawPart inserts HTML in the first part of a batch, which makes the batch invalid JSON.
func rawPart(body []byte) []byte {
	var envelope map[string][]map[string]any
	_ = json.Unmarshal(body, &envelope)
	envelope["responses"][0]["body"] = "RAW"
	body, _ = json.Marshal(envelope)
	return bytes.Replace(body, []byte(`"RAW"`), []byte("<!DOCTYPE html><html><title>Service Unavailable</title></html>"), 1)
}

// TestUnknownValues tests unknown enum values: no field fails, and the text fields have them.
func TestUnknownValues(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	group := g.groupID()
	for _, tt := range []struct {
		name, endpoint, property, query, want string
	}{
		{"state", usersEndpoint, "state", `{ users(first: 1) { nodes { licenseAssignmentStates { value: state text: stateText } } } }`, ""},
		{"error", usersEndpoint, "error", `{ users(first: 1) { nodes { licenseAssignmentStates { value: error text: errorText } } } }`, ""},
		{"stage of a group", "GET /groups/{id}", "state", `{ group(id: "` + group + `") { licenseProcessingState { value: state text: stateText } } }`, ""},
		{"capability", skusEndpoint, "capabilityStatus", `{ subscribedSkus { nodes { value: capabilityStatus text: capabilityStatusText } } }`, ""},
		{"target of a product", skusEndpoint, "appliesTo", `{ subscribedSkus { nodes { value: appliesTo text: appliesToText } } }`, ""},
		{"target of a plan", skusEndpoint, "appliesTo", `{ subscribedSkus { nodes { servicePlans { value: appliesTo text: appliesToText } } } }`, ""},
		{"provisioning", skusEndpoint, "provisioningStatus", `{ subscribedSkus { nodes { servicePlans { value: provisioningStatus text: provisioningStatusText } } } }`, ""},
		{"assignee", rightEndpoint, "assignableTo", `{ assignmentErrors(first: 20) { nodes { usageRight { services { value: assignableTo text: assignableToText } } } } }`, "[UNKNOWN_FUTURE_VALUE]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer g.forget()
			g.tenant.Inject(emulator.Fault{Endpoint: tt.endpoint, Times: -1, Rewrite: func(body []byte) []byte {
				var value any
				if json.Unmarshal(body, &value) != nil {
					return body // of a part without content
				}
				overwrite(value, tt.property, "brandNew")
				body, _ = json.Marshal(value)
				return body
			}})
			r := g.ask(tt.query, nil)
			if len(r.Errors) > 0 {
				t.Fatal(r.Errors)
			}
			seen := 0
			walk(r.Data, func(object map[string]any) {
				if object["text"] == nil {
					return
				}
				seen++
				if got := fmt.Sprint(object["value"]); got != cmp.Or(tt.want, "UNKNOWN_FUTURE_VALUE") || object["text"] != "brandNew" {
					t.Errorf("%v", object)
				}
			})
			if seen == 0 {
				t.Errorf("unknown values are missing: %s", r.raw)
			}
		})
	}
}

// groupID returns the ID of a group.
func (g *gateway) groupID() string {
	g.t.Helper()
	r := g.ask(`{ users(first: 50) { nodes { licenseAssignmentStates { assignedByGroup { id } } } } }`, nil)
	var id string
	walk(r.Data["users"], func(object map[string]any) {
		if group, ok := object["assignedByGroup"].(map[string]any); ok {
			id = group["id"].(string)
		}
	})
	if id == "" {
		g.t.Fatal("no user has a license from a group")
	}
	g.forget()
	return id
}

func walk(value any, visit func(map[string]any)) {
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			walk(element, visit)
		}
	case map[string]any:
		visit(v)
		for _, element := range v {
			walk(element, visit)
		}
	}
}

// overwrite sets all properties with a name.
func overwrite(value any, property string, to any) {
	walk(value, func(object map[string]any) {
		if _, ok := object[property]; ok {
			object[property] = to
		}
	})
}

// rewritten returns a fault that sets all properties with a name in a response.
func rewritten(endpoint, property string, to any) emulator.Fault {
	return emulator.Fault{Endpoint: endpoint, Times: -1, Rewrite: func(body []byte) []byte {
		var value any
		if json.Unmarshal(body, &value) != nil {
			return body
		}
		overwrite(value, property, to)
		body, _ = json.Marshal(value)
		return body
	}}
}

// TestUnknownAssignees tests assignees of unknown types and deleted ones.
func TestUnknownAssignees(t *testing.T) {
	t.Parallel()
	const query = `{ assignmentErrors(first: 3) { nodes { id assignedTo { __typename id displayName ... on OtherDirectoryObject { odataType } ... on User { department } } } } }`
	g := startGateway(t, emulator.Options{})
	g.warm(query)

	assignees := func(r response) (all []map[string]any) {
		for _, node := range r.Data["assignmentErrors"].(map[string]any)["nodes"].([]any) {
			assignee, _ := node.(map[string]any)["assignedTo"].(map[string]any)
			all = append(all, assignee)
		}
		return all
	}
	t.Run("unknown type", func(t *testing.T) {
		defer g.forget()
		g.tenant.Inject(rewritten(errorsEndpoint, "@odata.type", "#microsoft.graph.robot"))
		r := g.ask(query, nil)
		for _, assignee := range assignees(r) {
			if assignee["__typename"] != "OtherDirectoryObject" || assignee["odataType"] != "#microsoft.graph.robot" || assignee["id"] == "" || assignee["displayName"] == "" {
				t.Errorf("%v", assignee)
			}
		}
		if len(r.Errors) > 0 || g.sent(byIDsEndpoint) > 0 {
			t.Errorf("errors %v, %d more requests", r.Errors, g.sent(byIDsEndpoint))
		}
	})
	t.Run("derived from user", func(t *testing.T) {
		defer g.forget()
		g.tenant.Inject(rewritten(errorsEndpoint, "@odata.type", "#microsoft.graph.agentUser"))
		r := g.ask(query, nil)
		for _, assignee := range assignees(r) {
			if assignee["__typename"] != "User" || assignee["department"] == "" {
				t.Errorf("%v", assignee)
			}
		}
		if len(r.Errors) > 0 {
			t.Errorf("%s", r.raw)
		}
	})
	t.Run("missing in the error", func(t *testing.T) {
		defer g.forget()
		g.tenant.Inject(rewritten(errorsEndpoint, "assignedTo", nil))
		r := g.ask(query, nil)
		for _, assignee := range assignees(r) {
			if assignee != nil {
				t.Errorf("%v", assignee)
			}
		}
		if len(r.Errors) > 0 {
			t.Errorf("%s", r.raw)
		}
	})
	t.Run("deleted from the directory", func(t *testing.T) {
		defer g.forget()
		g.tenant.Inject(emulator.Fault{Endpoint: byIDsEndpoint, Body: `{"value":[]}`})
		r := g.ask(query, nil)
		for _, assignee := range assignees(r) {
			if assignee != nil {
				t.Errorf("%v", assignee)
			}
		}
		if len(r.Errors) > 0 {
			t.Errorf("%s", r.raw)
		}
	})
	t.Run("deleted group", func(t *testing.T) {
		defer g.forget()
		r := g.ask(`{ users(first: 500) { nodes { licenseAssignmentStates { assignedByGroup { id displayName } } } } }`, nil)
		if len(r.Errors) > 0 {
			t.Errorf("%s", r.raw)
		}
		if users := r.Data["users"].(map[string]any)["nodes"].([]any); len(users) != 500 {
			t.Errorf("%d users with other assignees", len(users))
		}
		g.discreet(t, r)
		if g.log.String() != "" {
			t.Errorf("a deleted group is in the log: %s", g.log)
		}
	})
}

// TestAssigneesThatAreNotUsers tests an error whose assignee is not a readable user. The other errors are counted,
// and fields that do not apply are null without an error.
func TestAssigneesThatAreNotUsers(t *testing.T) {
	t.Parallel()
	const overview = `{ licensingOverview { assignmentErrors { total withoutSource byGroup { count group { displayName } } } } }`
	const list = `{ assignmentErrors(first: 3) { nodes { code assignedTo { __typename id } licenseAssignmentStates { error } remedy { action } } } }`
	for name, assignee := range map[string]any{
		"a group":     map[string]any{"@odata.type": "#microsoft.graph.group", "id": "16b07276-b8c5-42c7-8f28-b083f6db7497", "displayName": "All employees"},
		"a device":    map[string]any{"@odata.type": "#microsoft.graph.device", "id": "16b07276-b8c5-42c7-8f28-b083f6db7498"},
		"unknown":     map[string]any{"@odata.type": "#microsoft.graph.robot", "id": "16b07276-b8c5-42c7-8f28-b083f6db7499"},
		"gone":        map[string]any{"@odata.type": "#microsoft.graph.user", "id": "16b07276-b8c5-42c7-8f28-b083f6db7490", "displayName": "Gone"},
		"no assignee": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{})
			whole := g.ask(overview, nil)
			counts := func(r response) (total, without, attributed float64) {
				overview := r.Data["licensingOverview"].(object)["assignmentErrors"].(object)
				for _, of := range overview["byGroup"].([]any) {
					attributed += of.(object)["count"].(float64)
				}
				return overview["total"].(float64), overview["withoutSource"].(float64), attributed
			}
			total, none, all := counts(whole)
			g.tenant.Inject(emulator.Fault{Endpoint: errorsEndpoint, Times: -1, Rewrite: func(body []byte) []byte {
				var page object
				if json.Unmarshal(body, &page) != nil {
					return body
				}
				first := page["value"].([]any)[0].(object)
				if page["@odata.nextLink"] != nil || len(page["value"].([]any)) == 3 { // of the first page
					first["assignedTo"], first["code"] = assignee, "SomethingNew"
				}
				body, _ = json.Marshal(page)
				return body
			}})
			r := g.ask(overview, nil)
			if len(r.Errors) > 0 {
				t.Fatalf("%s", r.raw)
			}
			if now, without, attributed := counts(r); now != total || without != none+1 || attributed >= all || attributed < all/2 {
				t.Errorf("%v errors, %v without a source, %v attributed; before %v, %v, %v", now, without, attributed, total, none, all)
			}
			if r = g.ask(list, nil); len(r.Errors) > 0 {
				t.Fatalf("%s", r.raw)
			}
			first := r.Data["assignmentErrors"].(object)["nodes"].([]any)[0].(object)
			if first["licenseAssignmentStates"] != nil || first["remedy"] != nil {
				t.Errorf("%v", first)
			}
		})
	}
}

// TestNextLinkElsewhere tests that next links to other hosts and paths are rejected: they would get the token.
func TestNextLinkElsewhere(t *testing.T) {
	t.Parallel()
	called := make(chan string, 100)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called <- r.URL.String()
		fmt.Fprint(w, `{"value":[]}`)
	}))
	t.Cleanup(elsewhere.Close)
	evil := strings.TrimPrefix(elsewhere.URL, "http://")

	g := startGateway(t, emulator.Options{})
	person := g.ask(`{ users(first: 1) { nodes { id } } }`, nil).Data["users"].(map[string]any)["nodes"].([]any)[0].(map[string]any)["id"].(string)
	host := strings.TrimPrefix(g.tenant.URL, "http://")
	g.forget()
	for _, link := range []string{
		"http://" + evil + "/beta/users",
		"http://" + evil + "/beta/users?$skiptoken=" + host,
		"https://" + host + "/beta/users",
		"ftp://" + host + "/beta/users",
		"http://user:password@" + host + "/beta/users",
		"http://" + host + "@" + evil + "/beta/users",
		"http://" + host + "." + evil + "/beta/users",
		"//" + evil + "/beta/users",
		"/beta/users",
		"beta/users",
		"?$skiptoken=x",
		"http://" + host + "/v1.0/users",
		"http://" + host + "/beta/../v1.0/users",
		"http://" + host + "/beta/%2e%2e/v1.0/users",
		"http://" + host + "/betausers",
		"http://" + host + "/beta",
		"http://" + host + "\\@" + evil + "/beta/users",
		"javascript:alert(1)",
		"http://[::1",
	} {
		t.Run(link, func(t *testing.T) {
			defer g.forget()
			follows := func(endpoint, query, path string) {
				t.Helper()
				g.tenant.Inject(emulator.Fault{Endpoint: endpoint, Times: -1, Rewrite: func(body []byte) []byte {
					var page map[string]any
					if json.Unmarshal(body, &page) != nil {
						return body
					}
					page["@odata.nextLink"] = link
					body, _ = json.Marshal(page)
					return body
				}})
				r := g.ask(query, nil)
				if diff := difference([]clientError{{Code: "UPSTREAM_UNAVAILABLE", Path: path}}, clientErrors(r)); diff != "" {
					t.Error(diff)
				}
				if got := g.sent(endpoint); got != 1 {
					t.Errorf("%d requests to %s, want 1", got, endpoint)
				}
				g.discreet(t, r)
				g.forget()
			}
			follows(usersEndpoint, `{ users(first: 5) { nodes { id } } }`, "users")
			follows("GET /users/{id}/cloudLicensing/usageRights", `{ user(id: "`+person+`") { usageRights { id } } }`, "user.usageRights")
		})
	}
	select {
	case address := <-called:
		t.Errorf("the other service was called: %s", address)
	default:
	}
}

// TestRedirect tests that redirects are not followed: they would get the token.
func TestRedirect(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	g := startGateway(t, emulator.Options{})
	tenant, err := url.Parse(g.tenant.URL)
	if err != nil {
		t.Fatal(err)
	}
	redirecting := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(redirecting.Close)
	g.graphURL = redirecting.URL
	g.restart()
	g.tenant.Inject(emulator.Fault{Endpoint: tokenEndpoint, Body: `{"access_token":"eyJ","token_type":"Bearer","expires_in":3600}`, Times: -1})
	r := g.ask(`{ subscribedSkus { nodes { skuId } } }`, nil)
	if diff := difference([]clientError{{Code: "UPSTREAM_UNAVAILABLE", Path: "subscribedSkus"}}, clientErrors(r)); diff != "" {
		t.Error(diff, tenant)
	}
	g.discreet(t, r)
}

// TestToken tests failures of the token endpoint.
func TestToken(t *testing.T) {
	t.Parallel()
	const query = `{ subscribedSkus { nodes { skuId } } }`
	wrong := `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided: embedded-tenant-secret"}`
	for _, tt := range []struct {
		name   string
		faults []emulator.Fault
		err    *clientError
		tokens int
		waits  int
	}{
		{"down once", []emulator.Fault{{Status: 503}}, nil, 2, 1},
		{"cut once", []emulator.Fault{{Cut: true}}, nil, 2, 1},
		{"throttled once", []emulator.Fault{{RetryAfter: "4"}}, nil, 2, 1},
		{"error response once", []emulator.Fault{{Status: 400, Body: `{"error":"temporarily_unavailable"}`}}, nil, 2, 1},
		{"down", []emulator.Fault{{Status: 500, Times: -1}}, &clientError{Code: "UPSTREAM_UNAVAILABLE", Retryable: true, Upstream: "temporarily_unavailable"}, 3, 2},
		{"throttled permanently", []emulator.Fault{{RetryAfter: "600", Times: -1}}, &clientError{Code: "UPSTREAM_THROTTLED", Retryable: true, RetryAfter: 600, Upstream: "temporarily_unavailable"}, 1, 0},
		{"wrong secret", []emulator.Fault{{Status: 401, Body: wrong, Times: -1}}, &clientError{Code: "UNAUTHENTICATED", Upstream: "invalid_client"}, 1, 0},
		{"unknown application", []emulator.Fault{{Status: 400, Body: `{"error":"unauthorized_client"}`, Times: -1}}, &clientError{Code: "UNAUTHENTICATED", Upstream: "unauthorized_client"}, 1, 0},
		{"not JSON", []emulator.Fault{{Body: `<html>`, Times: -1}}, &clientError{Code: "UPSTREAM_UNAVAILABLE", Retryable: true}, 3, 2},
		{"no token", []emulator.Fault{{Body: `{"token_type":"Bearer"}`, Times: -1}}, &clientError{Code: "UPSTREAM_UNAVAILABLE", Retryable: true}, 3, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Users: 20})
			for _, fault := range tt.faults {
				fault.Endpoint = tokenEndpoint
				g.tenant.Inject(fault)
			}
			r := g.ask(query, nil)
			if tt.err == nil {
				if len(r.Errors) > 0 || r.Data["subscribedSkus"] == nil {
					t.Errorf("%s", r.raw)
				}
			} else {
				tt.err.Path = "subscribedSkus"
				g.fails(t, r, map[string]any{"subscribedSkus": nil}, *tt.err)
			}
			if got := g.sent(tokenEndpoint); got != tt.tokens {
				t.Errorf("requested %d tokens, want %d", got, tt.tokens)
			}
			if got := g.waits.take(); len(got) != tt.waits {
				t.Errorf("waited %v, want %d waits", got, tt.waits)
			}
		})
	}
	t.Run("rejected once", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, emulator.Options{Users: 20})
		g.warm(query)
		g.tenant.Inject(emulator.Fault{Endpoint: skusEndpoint, Status: 401})
		if r := g.ask(query, nil); len(r.Errors) > 0 {
			t.Error(r.Errors)
		}
		if got := g.sent(tokenEndpoint); got != 1 {
			t.Errorf("requested %d tokens, want one more", got)
		}
	})
	t.Run("roles removed", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, emulator.Options{Users: 20, Variants: emulator.Variants{Roles: []string{"User.Read.All"}}})
		r := g.ask(`{ subscribedSkus { nodes { skuId } } users(first: 2) { nodes { id } } }`, nil)
		if diff := difference([]clientError{{Code: "FORBIDDEN", Path: "subscribedSkus", Permission: "LicenseAssignment.Read.All", Upstream: "Authorization_RequestDenied"}}, clientErrors(r)); diff != "" {
			t.Error(diff)
		}
		if r.Data["users"] == nil {
			t.Errorf("other data is missing: %s", r.raw)
		}
	})
}

// TestInnerCode tests that the innermost error code is returned, and its message is not.
func TestInnerCode(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 20})
	for _, body := range []string{
		`{"error":{"code":"forbidden","message":"about Adele","innerError":{"code":"missingRequiredPermission","request-id":"05e9a617-0261-4cee-bb44-138d3ef5d965"}}}`,
		`{"error":{"code":"forbidden","innererror":{"code":"missingRequiredPermission","request-id":"05e9a617-0261-4cee-bb44-138d3ef5d965"}}}`,
		`{"error":{"code":"","innererror":{"innerError":{"code":"missingRequiredPermission"}}}}`,
		`{"ERROR":{"Code":"missingRequiredPermission"}}`,
	} {
		g.tenant.Inject(emulator.Fault{Endpoint: skusEndpoint, Status: 403, Body: body})
		r := g.ask(`{ subscribedSkus { nodes { skuId } } }`, nil)
		if diff := difference([]clientError{{Code: "FORBIDDEN", Path: "subscribedSkus", Permission: "LicenseAssignment.Read.All", Upstream: "missingRequiredPermission"}}, clientErrors(r)); diff != "" {
			t.Errorf("%s\n%s", body, diff)
		}
		if bytes.Contains(r.raw, []byte("Adele")) || strings.Contains(g.log.String(), "Adele") {
			t.Errorf("the service's message is returned: %s %s", r.raw, g.log)
		}
	}
}
