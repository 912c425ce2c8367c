package emulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/emulator/tenant"
)

// parts returns the responses of a batch by ID, and their order.
func parts(t *testing.T, r reply) (map[string]row, []string) {
	t.Helper()
	if r.status != 200 {
		t.Fatalf("batch: %d %s", r.status, r.raw)
	}
	var order []string
	for _, p := range rows(r.body, "responses") {
		order = append(order, str(p, "id"))
	}
	return index(rows(r.body, "responses"), "id"), order
}

func get(id, url string) string { return fmt.Sprintf(`{"id":%q,"method":"GET","url":%q}`, id, url) }

func batchOf(list ...string) string { return `{"requests":[` + strings.Join(list, ",") + `]}` }

func TestBatch(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	u := items(c.ok("/beta/users?$top=1"))[0]
	id, upn := str(u, "id"), str(u, "userPrincipalName")
	got, order := parts(t, c.do("POST", "/beta/$batch", batchOf(
		get("1", "/users/"+id+"?$select=id"),
		get("2", "users?$select=id,displayName&$filter=userPrincipalName eq '"+upn+"'"),
		get("3", "/users/"+c.TenantID()),
		get("4", "/admin/cloudLicensing/assignmentErrors?$top=1"),
		get("5", "/users?$count=true"),
		`{"id":"6","method":"GET","url":"/users?$count=true&$top=1&$select=id","headers":{"consistencylevel":"eventual"}}`,
		`{"id":"7","method":"POST","url":"/directoryObjects/getByIds?$select=id","headers":{"Content-Type":"application/json"},"body":{"ids":["`+id+`"]}}`,
		`{"id":"8","method":"post","url":"/$batch","headers":{"Content-Type":"application/json"},"body":{}}`,
		`{"id":"9","method":"DELETE","url":"/users/x"}`,
		get("10", "/subscribedSkus"),
		get("11", "/users/%zz"),
	)))
	statuses := map[string]any{}
	for id, p := range got {
		statuses[id] = p["status"]
	}
	want := map[string]any{"1": 200.0, "2": 200.0, "3": 404.0, "4": 200.0, "5": 200.0, "6": 200.0, "7": 200.0, "8": 400.0, "9": 404.0, "10": 200.0, "11": 404.0}
	if diff := cmp.Diff(want, statuses); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if slices.Equal(order, []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}) {
		t.Error("the parts came back in the order of the request")
	}
	if found := items(got["2"]["body"].(row)); len(found) != 1 || found[0]["id"] != id {
		t.Errorf("part 2 = %v", got["2"])
	}
	if h := got["10"]["headers"].(row); h["x-ms-resource-unit"] != "3" || h["Content-Type"] != jsonType {
		t.Errorf("headers of part 10: %v", h)
	}
	if next := str(got["4"]["body"].(row), "@odata.nextLink"); !strings.HasPrefix(next, c.URL+"/beta/admin/") {
		t.Errorf("next link %q", next)
	} else {
		relative := strings.TrimPrefix(next, c.URL+"/beta")
		again, _ := parts(t, c.do("POST", "/beta/$batch", batchOf(get("1", relative))))
		if again["1"]["status"] != 200.0 || items(again["1"]["body"].(row))[0]["id"] == items(got["4"]["body"].(row))[0]["id"] {
			t.Errorf("next page in a batch: %v", again)
		}
	}
	v1, _ := parts(t, c.do("POST", "/v1.0/$batch", batchOf(get("1", "/admin/cloudLicensing/assignmentErrors"))))
	if v1["1"]["status"] != 400.0 {
		t.Errorf("beta resource in a v1.0 batch: %v", v1["1"])
	}
	post := func(id, url string) string {
		return `{"id":"` + id + `","method":"POST","url":"` + url + `","headers":{"Content-Type":"application/json"},"body":{}}`
	}
	const action = "/cloudLicensing/assignments/reprocessAssignments"
	for version, want := range map[string][3]float64{"v1.0": {405, 405, 405}, "beta": {204, 405, 404}} {
		got, _ := parts(t, c.do("POST", "/"+version+"/$batch", batchOf(post("1", "/users/"+id+action), post("2", "/users/"+id+"/fly"), post("3", "/users/"+id+"/cloudLicensing/fly"))))
		if statuses := [3]any{got["1"]["status"], got["2"]["status"], got["3"]["status"]}; statuses != [3]any{want[0], want[1], want[2]} {
			t.Errorf("actions in a %s batch: %v, want %v", version, statuses, want)
		}
	}
}

// TestBatchFragment tests that # is an ordinary character in the URL of a
// part, which has no fragment.
func TestBatchFragment(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	got, _ := parts(t, c.do("POST", "/v1.0/$batch", batchOf(get("1", "/groups#x"), get("2", "/groups"))))
	if code := str(got["1"]["body"].(row)["error"].(row), "code"); code != "BadRequest" || got["2"]["status"] != 200.0 {
		t.Errorf("%v", got["1"])
	}
}

func TestBatchWithoutContent(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 100})
	x := c.errorWhere(func(x tenant.AssignmentError) bool { _, ok := c.current().RightOf(x); return !ok })
	got, _ := parts(t, c.do("POST", "/beta/$batch", batchOf(get("1", "/admin/cloudLicensing/assignmentErrors/"+c.current().ErrorID(x)+"/usageRight"))))
	if _, has := got["1"]["body"]; got["1"]["status"] != 204.0 || has {
		t.Errorf("got %v", got["1"])
	}
}

func TestBatchBodyAsText(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	id := c.userID(0)
	// base64url of {"ids":["…"]}
	encoded := strings.TrimRight(base64url(`{"ids":["`+id+`"]}`), "=")
	got, _ := parts(t, c.do("POST", "/beta/$batch", batchOf(
		`{"id":"1","method":"POST","url":"/directoryObjects/getByIds","headers":{"Content-Type":"application/json"},"body":"`+encoded+`"}`)))
	if got["1"]["status"] != 200.0 {
		t.Errorf("got %v", got["1"])
	}
}

func TestBatchDependencies(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	got, _ := parts(t, c.do("POST", "/beta/$batch", batchOf(
		`{"id":"c","method":"GET","url":"/subscribedSkus","dependsOn":["B"]}`,
		`{"id":"b","method":"GET","url":"/subscribedSkus","dependsOn":["a"]}`,
		get("a", "/users/nobody"),
		`{"id":"e","method":"GET","url":"/subscribedSkus","dependsOn":["d"]}`,
		get("d", "/groups"),
	)))
	statuses := map[string]any{}
	for id, p := range got {
		statuses[id] = p["status"]
	}
	if diff := cmp.Diff(map[string]any{"a": 404.0, "b": 424.0, "c": 424.0, "d": 200.0, "e": 200.0}, statuses); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if n := c.Counts()["GET /subscribedSkus"].Parts; n != 1 {
		t.Errorf("%d parts ran, want 1", n)
	}
}

func TestRefusedBatches(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	var tooMany []string
	for i := range maxParts + 1 {
		tooMany = append(tooMany, get(fmt.Sprint(i), "/groups"))
	}
	for _, tt := range []struct{ name, body, code string }{
		{"21 parts", batchOf(tooMany...), "MaximumValueExceeded"},
		{"no parts", batchOf(), "BadRequest"},
		{"no JSON", `<batch/>`, "BadRequest"},
		{"an array", `[]`, "BadRequest"},
		{"no id", batchOf(get("", "/groups")), "BadRequest"},
		{"id of a number", `{"requests":[{"id":1,"method":"GET","url":"/groups"}]}`, "BadRequest"},
		{"an id twice", batchOf(get("a", "/groups"), get("A", "/groups")), "BadRequest"},
		{"no method", `{"requests":[{"id":"1","url":"/groups"}]}`, "BadRequest"},
		{"no url", `{"requests":[{"id":"1","method":"GET"}]}`, "BadRequest"},
		{"absolute url", batchOf(get("1", "https://graph.microsoft.com/v1.0/groups")), "BadRequest"},
		{"body without type", `{"requests":[{"id":"1","method":"POST","url":"/directoryObjects/getByIds","body":{}}]}`, "BadRequest"},
		{"write without body", `{"requests":[{"id":"1","method":"POST","url":"/directoryObjects/getByIds","headers":{"Content-Type":"application/json"}}]}`, "BadRequest"},
		{"text that is not base64url", `{"requests":[{"id":"1","method":"POST","url":"/x","headers":{"Content-Type":"application/json"},"body":"*"}]}`, "BadRequest"},
		{"unknown dependency", `{"requests":[{"id":"1","method":"GET","url":"/groups","dependsOn":["2"]}]}`, "BadRequest"},
		{"itself", `{"requests":[{"id":"1","method":"GET","url":"/groups","dependsOn":["1"]}]}`, "BadRequest"},
		{"a circle", `{"requests":[{"id":"1","method":"GET","url":"/groups","dependsOn":["2"]},{"id":"2","method":"GET","url":"/groups","dependsOn":["1"]}]}`, "BadRequest"},
	} {
		r := c.do("POST", "/v1.0/$batch", tt.body)
		if r.status != 400 || r.code() != tt.code {
			t.Errorf("%s: %d %s", tt.name, r.status, r.raw)
		}
	}
	if r := c.do("POST", "/v1.0/$batch", batchOf(get("1", "/groups")), "Authorization", ""); r.status != 401 {
		t.Errorf("without token: %d", r.status)
	}
}

// FuzzBatch tests that the answer to any payload is JSON with one response for
// each request, or an error.
func FuzzBatch(f *testing.F) {
	for _, s := range []string{
		batchOf(get("1", "/groups?$top=1"), get("2", "users?$filter=id in ('a','b')")),
		`{"requests":[{"id":"1","method":"GET","url":"/users","dependsOn":["1"]}]}`,
		`{"requests":[{"id":"1","method":"POST","url":"/directoryObjects/getByIds","headers":{"Content-Type":"application/json"},"body":{"ids":["x"]}}]}`,
		`{"requests":[{"id":"1","method":"GET","url":"?$top"},{"id":"2","method":"GET","url":"//%2f/#?"}]}`,
		`{"requests":[null]}`, `{"requests":{}}`, `[[[[`, ``, batchOf(get("1", "/groups#x")),
	} {
		f.Add(s)
	}
	e, ask := inProcess()
	f.Fuzz(func(t *testing.T, body string) {
		status, answer := ask("POST", "/beta/$batch", body)
		if status != 200 && status != 400 && status != 413 {
			t.Errorf("%q: %d", body, status)
		}
		var got struct {
			Responses []struct{ Status int }
		}
		if err := json.Unmarshal(answer, &got); err != nil {
			t.Errorf("%q: %v", answer, err)
		}
		for _, r := range got.Responses {
			if r.Status < 200 || r.Status >= 500 {
				t.Errorf("%q: part answers %d", body, r.Status)
			}
		}
		e.ResetCounts()
	})
}
