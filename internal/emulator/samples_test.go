package emulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/emulator/tenant"
)

// samplesDir contains a file for each request and answer on the reference
// pages. It is not part of the project.
const samplesDir = "../../../shared/graph/examples"

// sample is one of those files.
type sample struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Request json.RawMessage   `json:"requestBody"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"responseHeaders"`
	Answer  any               `json:"responseBody"`
}

// TestSamples compares the tenant with each file: it accepts the request, and
// its answer has all members of the sample, with the same names and the same
// types of values.
func TestSamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(samplesDir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	neighbours, err := filepath.Glob(filepath.Join(samplesDir, "neighbours", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, neighbours...)
	if len(files) == 0 {
		t.Skipf("the samples of the reference pages are missing in %s", samplesDir)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var s sample
			if err := json.Unmarshal(raw, &s); err != nil {
				t.Fatal(err)
			}
			hold, ok := sampleCases[name]
			if !ok && slices.Contains(neighbours, file) {
				t.Skip("not implemented")
			}
			if !ok {
				t.Fatal("no case for this sample")
			}
			hold(t, s)
		})
	}
}

// sampleCases is a case for each file, by its name.
var sampleCases = map[string]func(*testing.T, sample){
	"allotments.list": reads(nil),
	"allotments.get":  reads(func(c *client) []string { return ids(c.pool(skuE3, 0)) }),

	"assignments-read.list":                             reads(nil),
	"assignments-read.list-expand-assignedto-allotment": reads(nil),
	"assignments-read.get-expand-assignedto":            reads(func(c *client) []string { return ids(c.ofPerson()) }),
	"assignments-read.allotment":                        reads(func(c *client) []string { return ids(c.ofPerson()) }),

	"assignments-write.create-admin":     writes(Variants{}, false),
	"assignments-write.create-for-group": writes(Variants{OmitCreatedID: true}, false),
	"assignments-write.update-me":        writes(Variants{}, true),
	"assignments-write.reprocess-user":   writes(Variants{ReprocessOK: true}, false),

	"assignment-errors.list": reads(nil),
	"assignment-errors.usageright": reads(func(c *client) []string {
		x, _ := c.upset()
		return ids(c.current().ErrorID(x))
	}),

	"usage-rights.get-user":                   reads(rightOfPerson),
	"usage-rights.get-user-expand-allotments": reads(rightOfPerson),
	"usage-rights.list-user":                  reads(func(c *client) []string { return rightOfPerson(c)[:1] }),
	"usage-rights.list-group-filter-plan":     reads(func(c *client) []string { return ids(c.of("stores"), c.current().Product(skuF3).Plans[0].ID) }),
	// The units of devices have no product.
	"usage-rights.list-device": reads(aDevice, ".value[].skuId:string", ".value[].skuPartNumber:string"),

	"waiting-members.list-of-allotment": reads(func(c *client) []string { return ids(c.pool(skuCopilot, 0)) }),
	"waiting-members.get-of-user-expand-assignedto": reads(func(c *client) []string {
		w := items(c.ok(pools + "/" + c.pool(skuCopilot, 0) + "/waitingMembers?$expand=assignedTo"))[0]
		return ids(str(w["assignedTo"].(row), "id"), str(w, "id"))
	}),

	"directory-licensing.group-members-with-license-errors": reads(func(c *client) []string { return ids(c.of("stores")) }),
	"directory-licensing.subscribedskus-list":               reads(nil),
	// The sample contains an ID that it does not select.
	"directory-licensing.user-licenseassignmentstates": reads(func(c *client) []string {
		twice := c.userWhere(func(i int32) bool { // the same product twice, once with a disabled plan
			l := c.current().Licenses(i)
			return len(l) == 2 && l[0].Group == (tenant.GUID{}) && l[0].Off != (tenant.PlanSet{})
		})
		return ids(c.userID(twice))
	}, ".id:string"),
	"directory-licensing.user-assignlicense":         writes(Variants{}, true, ".city:string", ".companyName:string"),
	"directory-licensing.group-assignlicense-remove": writes(Variants{}, true),

	"directory-objects.getbyids-v1": reads(func(c *client) []string {
		return ids(c.userID(0), c.groupID(0), c.deviceID(0), c.userID(1))
	}),

	"users.license-reconciliation":          reads(nil),
	"users.on-premises-provisioning-errors": reads(nil),
	"users.provisioned-plans": reads(func(c *client) []string {
		return ids(c.userID(c.userWhere(func(i int32) bool { return len(c.current().Usable(i)) > 0 })))
	}),
	"users.chargeback-expand-manager": reads(nil, ".value[].companyName:null", ".value[].country:null"), // All have both.
	"groups.details-expand-owners": reads(func(c *client) []string {
		for i := range c.current().Groups(-1) {
			if g := c.current().Group(i); g.Dynamic() && len(g.Licensed()) > 0 && len(g.Owners()) > 0 {
				return ids(g.ID().String())
			}
		}
		panic("no such group")
	}),
	"users.sign-in-activity-list":   reads(nil, ".@odata.nextLink:string"),
	"users.sign-in-activity-by-upn": reads(nil),
	"users.sign-in-activity-no-premium": reads(func(c *client) []string {
		c.SetVariants(Variants{NotPremium: true})
		return nil
	}),
	"users.service-provisioning-errors": reads(func(c *client) []string {
		return ids(c.userID(c.userWhere(func(i int32) bool { return len(c.current().ServiceErrors(i)) > 0 })))
	}),

	"subscriptions.list": reads(nil),
	"subscriptions.get-by-commerce-id": reads(func(c *client) []string {
		for _, s := range items(c.ok("/v1.0/directory/subscriptions")) {
			if s["ownerTenantId"] != nil {
				return ids(str(s, "commerceSubscriptionId"))
			}
		}
		return nil
	}),

	"audits.change-user-license": reads(func(c *client) []string {
		user, application := c.bare(0), c.token
		c.token = c.DelegatedToken(c.PersonInRole("License Administrator"), "LicenseAssignment.ReadWrite.All")
		c.directory("POST", "users/"+user+"/assignLicense", 200, "addLicenses", []row{{"skuId": skuID(skuE5)}}, "removeLicenses", off())
		c.token = application
		return ids(user)
	}),
	"audits.finish-group-license": reads(nil),
	"audits.set-group-license":    reads(func(c *client) []string { return ids(c.PersonInRole("License Administrator")) }),

	"reports.active-user-detail-redirect":  reads(nil),
	"reports.active-user-detail-concealed": reads(nil),
	"reports.active-user-detail-json":      reads(nil),
	"reports.copilot-usage-user-detail":    holdCopilot,
	"reports.settings":                     reads(nil, ".value.@odata.type:string"),

	"organization.list": reads(nil),
	"license-details.teams-licensing-details": func(t *testing.T, s sample) {
		c := start(t, Options{})
		user := c.userID(0)
		c.token = c.DelegatedToken(user, "User.Read")
		s.compare(t, c.get(fill(t, s.Path, ids(user))))
	},
	"users.update-usage-location": writes(Variants{}, false),
	"groups.member-add":           holdMember(false),
	"groups.member-add-exists":    holdMember(true),
	"groups.member-remove":        holdMember(true),

	"platform.batch":           holdBatch,
	"platform.throttled-429":   throttled(Fault{Status: http.StatusTooManyRequests, RetryAfter: "10", Inner: row{"code": "429", "status": "429", "message": "Please retry after"}}),
	"platform.error-429-field": throttled(Fault{Status: http.StatusTooManyRequests, RetryAfter: "5"}),

	"tokens.client-credentials-success":        holdClientCredentials,
	"tokens.on-behalf-of-interaction-required": holdOnBehalfOf,
}

func ids(list ...string) []string { return list }

// ofPerson returns an assignment to a user, with a disabled plan.
func (c *client) ofPerson() string {
	for _, a := range c.current().Assignments(-1) {
		if a.To.Kind == tenant.User && a.Off != (tenant.PlanSet{}) {
			return c.current().AssignmentID(a)
		}
	}
	panic("no such assignment")
}

// upset returns an error with a right from before.
func (c *client) upset() (tenant.AssignmentError, tenant.Right) {
	x := c.errorWhere(func(x tenant.AssignmentError) bool {
		_, ok := c.current().RightOf(x)
		return ok
	})
	r, _ := c.current().RightOf(x)
	return x, r
}

func rightOfPerson(c *client) []string {
	x, r := c.upset()
	return ids(c.userID(x.User), c.current().RightID(r))
}

func aDevice(c *client) []string { return ids(c.deviceID(0)) }

// queuing returns a tenant in which the units for devices can also be assigned
// to groups, so that devices can wait for them.
func queuing(t *testing.T, v Variants) *client {
	t.Helper()
	var saved strings.Builder
	if err := New(Options{}).Save(&saved); err != nil {
		t.Fatal(err)
	}
	const before, after = `"assignableTo":["device"]`, `"assignableTo":["group","device"]`
	if strings.Count(saved.String(), before) != 1 {
		t.Fatal("no allotment for devices")
	}
	return start(t, Options{State: strings.NewReader(strings.Replace(saved.String(), before, after, 1)), Variants: v})
}

// waitingDevice assigns a group with devices more units than there are, and
// returns the ID of a device in the queue.
func (c *client) waitingDevice() string {
	c.t.Helper()
	before := c.Variants()
	now := before
	now.GroupEffects = Immediately
	c.SetVariants(now)
	group := c.of("guests")
	for _, d := range c.current().Devices() {
		c.directory("POST", "groups/"+group+"/members/$ref", 204, memberRef(c, d.ID.String())...)
	}
	c.write("POST", "/beta/groups/"+group+"/cloudLicensing/assignments", body(allotmentBind, bind(allotmentSet+"/"+c.pool(noSku, 0)), disabledPlans, off()), 201)
	c.SetVariants(before)
	for i, d := range c.current().Devices() {
		if len(c.current().WaitsOf(tenant.Ref{Kind: tenant.DeviceKind, At: int32(i)})) > 0 {
			return d.ID.String()
		}
	}
	c.t.Fatal("no device waits")
	return ""
}

// sampleID matches both formats of IDs.
var sampleID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z2-7]{52}`)

// fill replaces the IDs in a path or body, in order.
func fill(t *testing.T, text string, with []string) string {
	t.Helper()
	text = sampleID.ReplaceAllStringFunc(text, func(id string) string {
		if len(with) == 0 {
			t.Fatalf("no ID for %s", id)
		}
		id, with = with[0], with[1:]
		return id
	})
	if len(with) > 0 {
		t.Fatalf("unused ID %s for %s", with, text)
	}
	return text
}

// reads sends a read with the tenant's own IDs. absent lists members of the
// sample that are for types or readings that are not implemented.
func reads(own func(*client) []string, absent ...string) func(*testing.T, sample) {
	return func(t *testing.T, s sample) {
		// Some pages wrap single entities, others do not.
		v := Variants{SubscriptionTimestamps: true, SubscriptionsOnSelect: true, Devices: true}
		whole, _ := s.Answer.(row)
		_, v.WrapSingle = whole["value"].(row)
		c := start(t, Options{Variants: v})
		var with []string
		if own != nil {
			with = own(c)
		}
		path, body := s.Path, ""
		if s.Method == http.MethodGet {
			path = fill(t, path, with)
		} else {
			body = fill(t, string(s.Request), with)
		}
		r := c.do(s.Method, path, body)
		got, want := s.compare(t, r, absent...)
		if s.Method == http.MethodGet && strings.Contains(path, "cloudLicensing") {
			for path := range got { // No additional members either. The samples are older than one property.
				if strings.HasSuffix(path, ".externalServiceIdentifier:string") {
					continue
				}
				of, null := strings.CutSuffix(path, ":null")
				if !want[path] && (!null || !want[of+":string"]) && !strings.Contains(path, ".@odata.context") && !strings.Contains(path, ".@odata.nextLink") {
					t.Errorf("the emulator has %s, the sample has not", path)
				}
			}
		}
	}
}

// compare compares an answer with the sample's, and returns the shapes of
// both.
func (s sample) compare(t *testing.T, r reply, absent ...string) (got, want map[string]bool) {
	t.Helper()
	if r.status != s.Status {
		t.Fatalf("%d %s, want %d", r.status, r.raw, s.Status)
	}
	for name := range s.Headers {
		if r.header.Get(name) == "" {
			t.Errorf("header %s is missing", name)
		}
	}
	if s.Answer == nil {
		if len(r.raw) > 0 {
			t.Errorf("an answer without a body has %s", r.raw)
		}
		return nil, nil
	}
	return compareShapes(t, s.Answer, r.body, absent...)
}

func compareShapes(t *testing.T, sample, answer any, absent ...string) (got, want map[string]bool) {
	t.Helper()
	got, want = map[string]bool{}, map[string]bool{}
	shape("", answer, got)
	shape("", sample, want)
	for path := range want {
		if !got[path] && !slices.Contains(absent, path) {
			t.Errorf("the sample has %s, the emulator has not", path)
		}
	}
	return got, want
}

// shape adds every path in v with the kind of its value.
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

// writes sends the body of the sample with IDs of the tenant, after creating
// an assignment if the request needs one.
func writes(v Variants, made bool, absent ...string) func(*testing.T, sample) {
	return func(t *testing.T, s sample) {
		sway := planID(skuE3, "SWAY")
		c := start(t, Options{Variants: v})
		user, group := c.bare(0), c.of("guests")
		assignment := ""
		if made {
			r := c.write("POST", granted, body(allotmentBind, bind(allotmentSet+"/"+c.pool(skuE3, 0)), assigneeBind, bind("users/"+user), disabledPlans, off()), 201)
			assignment = str(r.body, "id")
			for _, s := range []tenant.Sku{skuVisio, skuE5} {
				c.write("POST", granted, body(allotmentBind, bind(allotmentSet+"/"+c.pool(s, 0)), assigneeBind, bind("groups/"+group), disabledPlans, off()), 201)
			}
			c.token = c.administering(user, "User-CloudLicensing.AssignLicenses", "LicenseAssignment.ReadWrite.All")
		}
		// IDs by their context, the rest by their order in the sample.
		real := func(s string) string {
			for where, id := range map[string]string{
				`(/users/)[^/"]+`: user, `(/groups/)[^/"]+`: group, `(/allotments/)[^/"]+`: c.pool(skuE3, 0), `(/assignments/)[0-9a-f-]{36}`: assignment,
				`("disabledServicePlanIds":\s*\[\s*")[^"]+`: sway, `("disabledPlans":\s*\[\s*")[^"]+`: small.Product(skuE5).Plans[0].ID,
				`("skuId":\s*")[^"]+`: skuID(skuE5), `("removeLicenses":\s*\[\s*")[^"]+`: skuID(skuE3),
			} {
				s = regexp.MustCompile(where).ReplaceAllString(s, "${1}"+id)
			}
			return s
		}
		text := real(string(s.Request))
		if strings.Contains(s.Path, "/groups/") && strings.Contains(s.Path, "assignLicense") {
			text = fill(t, string(s.Request), ids(skuID(skuVisio), skuID(skuE5)))
		}
		if text == "null" {
			text = ""
		}
		s.compare(t, c.do(s.Method, real(s.Path), text), absent...)
	}
}

// holdMember adds or removes a user, who is a member before or not.
func holdMember(before bool) func(*testing.T, sample) {
	return func(t *testing.T, s sample) {
		c := start(t, Options{})
		group, user := c.of("board"), c.bare(0)
		if !before {
			c.do("DELETE", "/v1.0/groups/"+group+"/members/"+user+"/$ref", "")
		} else if r := c.do("POST", "/v1.0/groups/"+group+"/members/$ref", body(memberRef(c, user)...)); r.status != 204 && r.status != 400 {
			t.Fatalf("%d %s", r.status, r.raw)
		}
		with, sent := ids(group), string(s.Request)
		if s.Method == http.MethodDelete {
			with, sent = ids(group, user), ""
		} else {
			sent = fill(t, sent, ids(user))
		}
		s.compare(t, c.do(s.Method, fill(t, s.Path, with), sent))
	}
}

// holdCopilot asks for JSON, which the sample returns without a format.
func holdCopilot(t *testing.T, s sample) {
	c := start(t, Options{Variants: namesShown})
	s.compare(t, c.get(s.Path+asJSON))
}

// holdBatch sends the sample's batch. Parts that are not implemented are
// rejected in the format of the failed parts of the sample.
func holdBatch(t *testing.T, s sample) {
	c := start(t, Options{})
	sent := string(s.Request)
	shown := index(rows(s.Answer.(row), "responses"), "id")
	for _, asked := range []struct {
		body     string
		statuses map[string]float64 // other than those in the sample
	}{
		{sent, map[string]float64{"1": 400, "2": 501, "3": 404}}, // an application has no memberships here
		// An implemented part has an answer like that in the sample.
		{strings.Replace(sent, "/me/memberOf", "/groups/"+c.of("all")+"/members?$top=1", 1), map[string]float64{"2": 501, "3": 404}},
	} {
		r := c.do(s.Method, s.Path, asked.body)
		if r.status != s.Status || r.header.Get("Content-Type") == "" {
			t.Fatalf("%d %s", r.status, r.raw)
		}
		got, _ := parts(t, r)
		for id, want := range shown {
			part := got[id]
			status, other := asked.statuses[id]
			if !other {
				status = want["status"].(float64)
			}
			if part["status"] != status {
				t.Errorf("part %s: %v, want %v", id, part, status)
				continue
			}
			if status >= 400 && want["status"] == 200.0 {
				want = shown["3"]
			}
			var absent []string
			switch {
			case status >= 400:
				absent = ids(".headers.x-ms-resource-unit:string") // an error costs nothing
			case id == "1":
				absent = ids(".body.value[].roleTemplateId:string", ".body.value[].deletedDateTime:null") // of another type
			}
			compareShapes(t, any(want), any(part), absent...)
		}
	}
}

// throttled answers any request with a fault.
func throttled(f Fault) func(*testing.T, sample) {
	return func(t *testing.T, s sample) {
		c := start(t, Options{Users: 10})
		c.Inject(f)
		if !strings.HasPrefix(s.Path, "/") {
			s.Path = "/v1.0/users"
		}
		r := c.do(s.Method, s.Path, "")
		s.compare(t, r)
		for _, name := range []string{"Retry-After", "Content-Type"} {
			if want := s.Headers[name]; want != "" && r.header.Get(name) != want {
				t.Errorf("%s %q, want %q", name, r.header.Get(name), want)
			}
		}
		if (s.Headers["request-id"] == s.Headers["client-request-id"]) != (r.header.Get("request-id") == r.header.Get("client-request-id")) {
			t.Errorf("ids of the request: %v", r.header)
		}
	}
}

// form returns the body of a token request, with the application's own ID and
// secret.
func (s sample) form(t *testing.T, c *client) url.Values {
	t.Helper()
	var fields map[string]string
	if err := json.Unmarshal(s.Request, &fields); err != nil {
		t.Fatal(err)
	}
	form := url.Values{}
	for name, value := range fields {
		form.Set(name, value)
	}
	form.Set("client_id", c.ClientID())
	form.Set("client_secret", c.ClientSecret())
	return form
}

func holdClientCredentials(t *testing.T, s sample) {
	c := start(t, Options{Users: 10})
	s.compare(t, c.postForm(s.form(t, c)))
}

func holdOnBehalfOf(t *testing.T, s sample) {
	c := start(t, Options{Users: 10})
	form := s.form(t, c)
	form.Set("assertion", c.UserToken(c.userID(0), "access_as_user"))
	if r := c.postForm(form); r.status != 200 || !strings.HasSuffix(str(r.body, "scope"), "/User.Read") || str(r.body, "refresh_token") == "" {
		t.Errorf("without a reason to refuse: %d %s", r.status, r.raw)
	}
	c.SetVariants(Variants{OnBehalfOf: "enroll"})
	r := c.postForm(form)
	s.compare(t, r)
	shown := s.Answer.(row)
	if r.body["error"] != shown["error"] || r.body["error_codes"].([]any)[0] != shown["error_codes"].([]any)[0] {
		t.Errorf("%s", r.raw)
	}
	if _, err := time.Parse("2006-01-02 15:04:05Z", str(r.body, "timestamp")); err != nil {
		t.Error(err)
	}
	var asked, want any
	if err := json.Unmarshal([]byte(str(r.body, "claims")), &asked); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(str(shown, "claims")), &want); err != nil {
		t.Fatal(err)
	}
	compareShapes(t, want, asked)
}
