package emulator

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// samplesDir has one file for each request and answer that the reference pages
// print. It is not part of the project.
const samplesDir = "../../../shared/graph/examples"

// TestSamples holds what is served against the reference pages: all that a
// sample shows is there, with the same names and the same kinds of value.
func TestSamples(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(samplesDir); err != nil {
		t.Skipf("the samples of the reference pages are not here: %v", err)
	}
	c := start(t, Options{Variants: Variants{SubscriptionTimestamps: true, SubscriptionsOnSelect: true}})
	tn := c.tenant
	with := slices.IndexFunc(tn.errors, func(e assignmentError) bool { _, ok := tn.rightOf(e); return ok })
	person := tn.users[tn.errors[with].user]
	right, _ := tn.rightOf(tn.errors[with])
	// Twice the same product, once with a plan off.
	twice := tn.users[slices.IndexFunc(tn.users, func(u user) bool {
		return len(u.licences) == 2 && u.licences[0].group == direct && u.licences[0].off != nil
	})]
	stores := tn.groups[slices.IndexFunc(tn.groups, func(g group) bool { return g.key == "stores" })].id.String()
	plan := tn.products[skuF3].plans[0].id
	mine := "/beta/users/" + person.id.String() + "/cloudLicensing/usageRights"
	ids := `{"ids":["` + person.id.String() + `","` + tn.groups[0].id.String() + `","` + tn.devices[0].id.String() + `"],"types":["user","group","device"]}`

	first := func(uri string) string { return str(items(c.ok(uri))[0], "id") }
	ofPerson := "/beta/admin/cloudLicensing/assignments/" + tn.assignments[slices.IndexFunc(tn.assignments, func(a *assignment) bool {
		return a.to.kind == userHolder && a.off != nil
	})].id
	queue := pools + "/" + c.pool(skuCopilot, 0) + "/waitingMembers"
	waiting := items(c.ok(queue + "?$expand=assignedTo"))[0]

	for _, tt := range []struct {
		file              string
		method, uri, body string
		absent            []string // printed for types, or by readings, that are not served
	}{
		{"allotments.list", "GET", pools, "", nil},
		{"allotments.get", "GET", pools + "/" + first(pools), "", nil},
		{"assignments-read.list", "GET", granted, "", nil},
		{"assignments-read.list-expand-assignedto-allotment", "GET", granted + "?$expand=assignedTo,allotment", "", nil},
		{"assignments-read.get-expand-assignedto", "GET", ofPerson + "?$expand=assignedTo", "", nil},
		{"assignments-read.allotment", "GET", ofPerson + "/allotment", "", nil},
		{"waiting-members.list-of-allotment", "GET", queue, "", nil},
		{"waiting-members.get-of-user-expand-assignedto", "GET", "/beta/users/" + str(waiting["assignedTo"].(row), "id") + "/cloudLicensing/waitingMembers/" + str(waiting, "id") + "?$expand=assignedTo", "", nil},
		{"assignment-errors.list", "GET", "/beta/admin/cloudLicensing/assignmentErrors", "", nil},
		{"assignment-errors.usageright", "GET", "/beta/admin/cloudLicensing/assignmentErrors/" + tn.errors[with].id + "/usageRight", "", nil},
		{"usage-rights.get-user", "GET", mine + "/" + tn.rightID(right), "", nil},
		{"usage-rights.get-user-expand-allotments", "GET", mine + "/" + tn.rightID(right) + "?$expand=allotments($select=id,allottedUnits,consumedUnits,subscriptions)", "", nil},
		{"usage-rights.list-user", "GET", mine, "", nil},
		{"usage-rights.list-group-filter-plan", "GET", "/beta/groups/" + stores + "/cloudLicensing/usageRights?$filter=services/any(c:c/planId eq " + plan + ")", "", nil},
		{"usage-rights.list-device", "GET", "/beta/devices/" + tn.devices[0].id.String() + "/cloudLicensing/usageRights", "", []string{".value[].skuId:string", ".value[].skuPartNumber:string"}},
		{"directory-licensing.group-members-with-license-errors", "GET", "/v1.0/groups/" + stores + "/membersWithLicenseErrors", "", nil},
		{"directory-licensing.subscribedskus-list", "GET", "/v1.0/subscribedSkus", "", nil},
		{"directory-licensing.user-licenseassignmentstates", "GET", "/v1.0/users/" + twice.id.String() + "?$select=id,licenseAssignmentStates", "", nil},
		{"directory-objects.getbyids-v1", "POST", "/v1.0/directoryObjects/getByIds", ids, nil},
		{"tokens.client-credentials-success", "", "", "", nil},
	} {
		t.Run(tt.file, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join(samplesDir, tt.file+".json"))
			if err != nil {
				t.Skipf("this sample is not here: %v", err)
			}
			var sample struct {
				Body any `json:"responseBody"`
			}
			if err := json.Unmarshal(raw, &sample); err != nil {
				t.Fatal(err)
			}
			// Pages wrap some single entities and not others.
			v := Variants{SubscriptionTimestamps: true, SubscriptionsOnSelect: true, Devices: true}
			whole, _ := sample.Body.(row)
			_, v.WrapSingle = whole["value"].(row)
			c.SetVariants(v)
			var body any
			if tt.method == "" {
				body = c.postForm(map[string][]string{"grant_type": {"client_credentials"}, "client_id": {c.ClientID()}, "client_secret": {c.ClientSecret()}, "scope": {worldwide + "/.default"}}).body
			} else {
				body = c.do(tt.method, tt.uri, tt.body).body
			}
			got := map[string]bool{}
			shape("", body, got)
			want := map[string]bool{}
			shape("", sample.Body, want)
			for path := range want {
				if !got[path] && !slices.Contains(tt.absent, path) {
					t.Errorf("the sample has %s, the emulator has not", path)
				}
			}
			if tt.method == "GET" && strings.Contains(tt.uri, "cloudLicensing") {
				for path := range got { // Nothing of our own either.
					of, null := strings.CutSuffix(path, ":null")
					if !want[path] && (!null || !want[of+":string"]) && !strings.Contains(path, ".@odata.context") && !strings.Contains(path, ".@odata.nextLink") {
						t.Errorf("the emulator has %s, the sample has not", path)
					}
				}
			}
		})
	}
}

// shape lists every path in v with the kind of what is there.
func shape(path string, v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			shape(path+"."+name, member, into)
		}
	case []any:
		into[path+":array"] = true
		for _, item := range v {
			shape(path+"[]", item, into)
		}
	case string:
		into[path+":string"] = true
	case float64:
		into[path+":number"] = true
	case bool:
		into[path+":boolean"] = true
	case nil:
		into[path+":null"] = true
	}
}

// TestErrorSamples compares envelopes of errors.
func TestErrorSamples(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(samplesDir, "platform.error-429-field.json"))
	if err != nil {
		t.Skipf("the samples of the reference pages are not here: %v", err)
	}
	var sample struct {
		Body any `json:"responseBody"`
	}
	if err := json.Unmarshal(raw, &sample); err != nil {
		t.Fatal(err)
	}
	c := start(t, Options{Users: 10})
	c.Inject(Fault{RetryAfter: "5"})
	want, got := map[string]bool{}, map[string]bool{}
	shape("", sample.Body, want)
	shape("", any(c.get("/v1.0/users").body), got)
	for path := range want {
		if !got[path] {
			t.Errorf("the sample has %s, the emulator has not", path)
		}
	}
}

// TestWriteSamples sends the bodies that the reference pages print, with ids of
// the tenant in place of theirs.
func TestWriteSamples(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(samplesDir); err != nil {
		t.Skipf("the samples of the reference pages are not here: %v", err)
	}
	skus := catalogue()
	sway, _ := skus[skuE3].plan("SWAY")
	for _, tt := range []struct {
		file   string
		made   bool // there is an assignment before
		absent []string
		v      Variants
	}{
		{file: "assignments-write.create-admin"},
		{file: "assignments-write.create-for-group", v: Variants{OmitCreatedID: true}},
		{file: "assignments-write.update-me", made: true},
		{file: "assignments-write.reprocess-user", v: Variants{ReprocessOK: true}},
		{file: "directory-licensing.group-assignlicense-remove", made: true},
		{file: "directory-licensing.user-assignlicense", made: true, absent: []string{".city:string", ".companyName:string"}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(filepath.Join(samplesDir, tt.file+".json"))
			if err != nil {
				t.Skipf("this sample is not here: %v", err)
			}
			var sample struct {
				Method   string          `json:"method"`
				Path     string          `json:"path"`
				Request  json.RawMessage `json:"requestBody"`
				Status   int             `json:"status"`
				Response any             `json:"responseBody"`
				Headers  row             `json:"responseHeaders"`
			}
			if err := json.Unmarshal(raw, &sample); err != nil {
				t.Fatal(err)
			}
			c := start(t, Options{Variants: tt.v})
			user, group := c.bare(0), c.of("guests")
			assignment := ""
			if tt.made {
				r := c.write("POST", granted, body(allotmentBind, bind(allotmentSet+"/"+c.pool(skuE3, 0)), assigneeBind, bind("users/"+user), disabledPlans, off()), 201)
				assignment = str(r.body, "id")
				for _, s := range []sku{skuVisio, skuE5} {
					c.write("POST", granted, body(allotmentBind, bind(allotmentSet+"/"+c.pool(s, 0)), assigneeBind, bind("groups/"+group), disabledPlans, off()), 201)
				}
				c.token = c.DelegatedToken(user, "User-CloudLicensing.AssignLicenses", "LicenseAssignment.ReadWrite.All")
			}
			// Ids by where they stand, the rest by their places in the sample.
			real := func(s string) string {
				for where, id := range map[string]string{
					`(/users/)[^/"]+`: user, `(/groups/)[^/"]+`: group, `(/allotments/)[^/"]+`: c.pool(skuE3, 0), `(/assignments/)[0-9a-f-]{36}`: assignment,
					`("disabledServicePlanIds":\s*\[\s*")[^"]+`: sway.id, `("disabledPlans":\s*\[\s*")[^"]+`: skus[skuE5].plans[0].id,
					`("skuId":\s*")[^"]+`: skus[skuE5].skuID, `("removeLicenses":\s*\[\s*")[^"]+`: skus[skuE3].skuID,
				} {
					s = regexp.MustCompile(where).ReplaceAllString(s, "${1}"+id)
				}
				return s
			}
			text := real(string(sample.Request))
			if strings.Contains(tt.file, "group-assignlicense") {
				text = body("addLicenses", off(), "removeLicenses", off(skus[skuVisio].skuID, skus[skuE5].skuID))
			}
			if text == "null" {
				text = ""
			}
			r := c.do(sample.Method, real(sample.Path), text)
			if r.status != sample.Status {
				t.Fatalf("%s %s %s: %d %s, want %d", sample.Method, real(sample.Path), text, r.status, r.raw, sample.Status)
			}
			want, got := map[string]bool{}, map[string]bool{}
			shape("", sample.Response, want)
			if sample.Response != nil {
				shape("", any(r.body), got)
				delete(want, ":null")
			} else if len(r.raw) > 0 {
				t.Errorf("an answer without a body has %s", r.raw)
			}
			for path := range want {
				if sample.Response != nil && !got[path] && !slices.Contains(tt.absent, path) {
					t.Errorf("the sample has %s, the emulator has not", path)
				}
			}
			for name := range sample.Headers {
				if r.header.Get(name) == "" {
					t.Errorf("there is no header %s", name)
				}
			}
		})
	}
}
