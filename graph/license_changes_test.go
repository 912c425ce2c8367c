package graph_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/emulator"
)

const (
	auditsEndpoint = "GET /auditLogs/directoryAudits"
	skuE5          = "06ebc4ee-1bb5-47dd-8120-11324bc54e06"

	wholeChange = `when activity detailsAvailable addedSkuIds added { skuId productName } removedSkuIds removed { skuId productName } plansOnly
		result resultText resultReason correlationId by { kind id appId displayName userPrincipalName }`
)

var unthrottled = emulator.Variants{Throttling: emulator.Throttling{Off: true}}

// TestLicenseChanges changes licenses of a user and of a group, and compares their license changes, and those of the
// tenant's history with the licenses of the users.
func TestLicenseChanges(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Variants: unthrottled})
	person := g.unlicensed(t, 1)[0]
	group := g.nodesOf(t, "groups", `filter: {displayNameStartsWith: "Board"}`, "id")[0]["id"].(string)
	for _, input := range []object{
		{"assignedTo": object{"id": person}, "addLicenses": []object{{"skuId": skuE3, "disabledPlans": []string{"SWAY"}}}},
		{"assignedTo": object{"id": person}, "addLicenses": []object{{"skuId": skuE3}}},
		{"assignedTo": object{"id": person}, "addLicenses": []object{{"skuId": skuE5}}, "removeLicenses": []string{skuE3}},
		{"assignedTo": object{"id": person}, "removeLicenses": []string{skuE5}},
		{"assignedTo": object{"type": "GROUP", "id": group}, "addLicenses": []object{{"skuId": skuE3}}},
	} {
		payload := g.change(t, `mutation M($input: AssignLicenseInput!) { assignLicense(input: $input) { outcome userErrors { message } } }`, object{"input": input})
		if payload["outcome"] != "DONE" {
			t.Fatalf("%v", payload)
		}
		if err := g.tenant.Advance(time.Second); err != nil {
			t.Fatal(err)
		}
		g.waits.pass(time.Second)
	}
	r := g.ask(fmt.Sprintf(`{ user(id: %q) { licenseChanges { %s } } newest: user(id: %q) { licenseChanges(first: 1) { correlationId } } group(id: %q) { licenseChanges { %s } } }`,
		person, wholeChange, person, group, wholeChange), nil)
	if len(r.Errors) > 0 {
		t.Fatalf("%s", r.raw)
	}
	product := func(id string) any {
		return object{"skuId": id, "productName": map[string]string{skuE3: "Microsoft 365 E3", skuE5: "Microsoft 365 E5"}[id]}
	}
	list := func(values ...any) []any { return append([]any{}, values...) }
	changes := objects(r.Data["user"].(object)["licenseChanges"])
	want := []object{
		{"removedSkuIds": list(skuE5), "removed": list(product(skuE5)), "addedSkuIds": list(), "added": list(), "plansOnly": false},
		{"removedSkuIds": list(skuE3), "removed": list(product(skuE3)), "addedSkuIds": list(skuE5), "added": list(product(skuE5)), "plansOnly": false},
		{"removedSkuIds": list(), "removed": list(), "addedSkuIds": list(), "added": list(), "plansOnly": true},
		{"removedSkuIds": list(), "removed": list(), "addedSkuIds": list(skuE3), "added": list(product(skuE3)), "plansOnly": false},
	}
	for _, c := range changes {
		if c["activity"] != "Change user license" || c["detailsAvailable"] != true || c["result"] != "SUCCESS" || c["resultText"] != "success" || c["resultReason"] != "" {
			t.Errorf("%v", c)
		}
		if by := c["by"].(object); by["kind"] != "APPLICATION" || by["displayName"] != "License reports" || by["appId"] == nil || by["userPrincipalName"] != nil {
			t.Errorf("%v", by)
		}
		for _, name := range []string{"when", "by", "activity", "detailsAvailable", "result", "resultText", "resultReason", "correlationId"} {
			if delete(c, name); name == "correlationId" {
				continue
			}
		}
	}
	if diff := difference(want, changes); diff != "" {
		t.Errorf("changes of the user (-want +got):\n%s", diff)
	}
	if newest := r.Data["newest"].(object)["licenseChanges"].([]any); len(newest) != 1 {
		t.Errorf("%v", newest)
	}
	ofGroup := objects(r.Data["group"].(object)["licenseChanges"])
	if len(ofGroup) != 1 || ofGroup[0]["activity"] != "Set group license" || difference(list(skuE3), ofGroup[0]["addedSkuIds"]) != "" {
		t.Errorf("%v", ofGroup)
	}

	kinds := map[any]int{}
	for _, user := range g.nodesOf(t, "users", "first: 999", "id assignedLicenses { skuId } licenseChanges { "+wholeChange+" }") {
		if user["id"] == person {
			continue
		}
		has := valuesAt(user, "assignedLicenses.skuId")
		latest := "9"
		for i, c := range objects(user["licenseChanges"]) {
			by := c["by"].(object)
			kinds[by["kind"]]++
			if user := by["kind"] == "USER"; user != (by["userPrincipalName"] != nil) || user && by["id"] == nil {
				t.Errorf("%v", by)
			}
			if at := c["when"].(string); at > latest {
				t.Errorf("%v: not in order", user["id"])
			} else {
				latest = at
			}
			for _, id := range c["addedSkuIds"].([]any) {
				if i == 0 && !slices.Contains(has, id.(string)) {
					t.Errorf("%v has not %v", user["id"], id)
				}
			}
			for _, id := range c["removedSkuIds"].([]any) {
				if i == 0 && slices.Contains(has, id.(string)) {
					t.Errorf("%v has %v", user["id"], id)
				}
			}
		}
	}
	if kinds["USER"] == 0 || kinds["GROUP_LICENSING"] == 0 {
		t.Errorf("%v", kinds)
	}
	g.forget()
	for _, first := range []int{0, 101} {
		r := g.ask(fmt.Sprintf(`{ user(id: %q) { id licenseChanges(first: %d) { when } } }`, person, first), nil)
		if errs := clientErrors(r); len(errs) != 1 || errs[0].Code != "BAD_USER_INPUT" || errs[0].Path != "user.licenseChanges" || g.sent(auditsEndpoint) > 0 {
			t.Errorf("%s", r.raw)
		}
		g.forget()
	}
}

// TestOddLicenseChanges tests records in pieces, and missing, unknown and unreadable values.
func TestOddLicenseChanges(t *testing.T) {
	t.Parallel()
	v := unthrottled
	v.AuditPieces = true
	g := startGateway(t, emulator.Options{Variants: v})
	var people []string
	for _, id := range g.unlicensed(t, 8) {
		payload := g.change(t, fmt.Sprintf(`mutation { assignLicense(input: {assignedTo: {id: %q}, addLicenses: [{skuId: %q}]}) { outcome } }`, id, skuE5), nil)
		if payload["outcome"] == "DONE" { // E5 is available where the user is
			people = append(people, id)
		}
	}
	if len(people) < 2 {
		t.Fatalf("%d people", len(people))
	}
	person := people[0]
	g.change(t, fmt.Sprintf(`mutation { assignLicense(input: {assignedTo: {id: %q}, removeLicenses: [%q]}) { outcome } }`, people[1], skuE5), nil)
	r := g.ask(fmt.Sprintf(`{ user(id: %q) { licenseChanges(first: 2) { when } } }`, people[1]), nil)
	if got := objects(r.Data["user"].(object)["licenseChanges"]); len(got) != 2 {
		t.Errorf("two changes of two records each: %v", got)
	}
	query := fmt.Sprintf(`{ user(id: %q) { id licenseChanges { %s } } }`, person, wholeChange)
	one := func() (response, object) {
		t.Helper()
		r := g.ask(query, nil)
		changes := objects(r.Data["user"].(object)["licenseChanges"])
		if len(changes) != 1 {
			t.Fatalf("%s", r.raw)
		}
		return r, changes[0]
	}
	if r, c := one(); len(r.Errors) > 0 || c["detailsAvailable"] != false || c["added"] != nil || c["removedSkuIds"] != nil || c["plansOnly"] != nil || c["by"] == nil {
		t.Errorf("in pieces: %s", r.raw)
	}
	g.tenant.SetVariants(unthrottled)
	if r, c := one(); len(r.Errors) > 0 || c["detailsAvailable"] != true {
		t.Errorf("whole: %s", r.raw)
	}
	target := func(edit func(target object)) func(object) {
		return func(a object) { edit(a["targetResources"].([]any)[0].(object)) }
	}
	for _, tt := range []struct {
		name  string
		edit  func(audit object)
		field string
		want  any
		error bool
	}{
		{"no time", func(a object) { a["activityDateTime"] = nil }, "when", nil, false},
		{"odd time", func(a object) { a["activityDateTime"] = "yesterday" }, "when", nil, true},
		{"no actor", func(a object) { a["initiatedBy"] = object{"user": nil, "app": nil} }, "by", nil, false},
		{"null actor", func(a object) { a["initiatedBy"] = nil }, "by", nil, false},
		{"odd actor", func(a object) { a["initiatedBy"] = "me" }, "by", nil, true},
		{"another result", func(a object) { a["result"] = "skipped" }, "result", "UNKNOWN_FUTURE_VALUE", false},
		{"odd result", func(a object) { a["result"] = 5 }, "resultText", nil, true},
		{"no targets", func(a object) { a["targetResources"] = nil }, "detailsAvailable", false, false},
		{"another target", target(func(o object) { o["id"] = skuE3 }), "detailsAvailable", false, false},
		{"no properties", target(func(o object) { o["modifiedProperties"] = nil }), "added", nil, false},
		{"odd values", target(func(o object) { o["modifiedProperties"].([]any)[0].(object)["newValue"] = 5 }), "detailsAvailable", false, false},
		{"a truncated value", target(func(o object) {
			value := o["modifiedProperties"].([]any)[0].(object)
			text := value["newValue"].(string)
			value["newValue"] = text[:len(text)-20]
		}), "detailsAvailable", false, false},
		{"a target in capitals", target(func(o object) { o["id"] = strings.ToUpper(o["id"].(string)) }), "detailsAvailable", true, false},
		{"a product that the tenant lacks", target(func(o object) {
			value := o["modifiedProperties"].([]any)[0].(object)
			value["newValue"] = strings.ReplaceAll(value["newValue"].(string), skuE5, "11111111-2222-4333-8444-555555555555")
		}), "added", []any{nil}, false},
	} {
		g.forget()
		g.tenant.Inject(emulator.Fault{Endpoint: auditsEndpoint, Rewrite: editedList(func(_ int, a object) { tt.edit(a) }), Times: -1})
		if r, c := one(); difference(tt.want, c[tt.field]) != "" || (len(r.Errors) > 0) != tt.error {
			t.Errorf("%s: %s", tt.name, r.raw)
		}
	}
	g.forget()
	g.tenant.Inject(emulator.Fault{Endpoint: auditsEndpoint, Rewrite: func([]byte) []byte { return []byte(`{"value":[null,{"id":5},{}]}`) }})
	if r := g.ask(query, nil); len(r.Errors) == 0 || r.Data["user"].(object)["id"] != person {
		t.Errorf("%s", r.raw)
	}
	// Actors have names only for callers with the permission.
	g.forget()
	g.as(read)
	r, c := one()
	by, _ := json.Marshal(c["by"])
	for _, e := range clientErrors(r) {
		if e.Code != "FORBIDDEN" {
			t.Errorf("%v", e)
		}
	}
	if strings.Contains(string(by), "License reports") || c["resultReason"] != nil || len(r.Errors) != 2 {
		t.Errorf("%s", r.raw)
	}
}

// TestLicenseChangesOnBehalf tests that Microsoft Graph requires a directory role of a user.
func TestLicenseChangesOnBehalf(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 50, Variants: unthrottled})
	query := fmt.Sprintf(`{ user(id: %q) { id licenseChanges { when } } }`, g.tenant.PersonInRole(""))
	for role, denied := range map[string]bool{"Global Reader": false, "License Administrator": true} {
		g.person = personalToken(g.tenant.DelegatedToken(g.tenant.PersonInRole(role), "User.Read.All", readAudit))
		g.restart()
		r := g.ask(query, nil)
		user := r.Data["user"].(object)
		if errs := clientErrors(r); denied && (len(errs) != 1 || errs[0].Code != "FORBIDDEN" || errs[0].Path != "user.licenseChanges" || user["licenseChanges"] != nil) || !denied && len(errs) > 0 {
			t.Errorf("%s: %s", role, r.raw)
		}
	}
}

// TestThrottledAuditLog tests that five users are within the limit of the audit log, that more cost some of them their
// changes, and that no other read waits.
func TestThrottledAuditLog(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	noon := time.Now()
	g := startGateway(t, emulator.Options{Users: 50, Now: func() time.Time { return noon }})
	if r := g.ask(`{ users(first: 5) { nodes { id licenseChanges { when } } } }`, nil); len(r.Errors) > 0 {
		t.Errorf("five users: %v", r.Errors)
	}
	if err := g.tenant.Advance(time.Minute); err != nil {
		t.Fatal(err)
	}
	g.forget()
	r := g.ask(`{ users(first: 8) { nodes { id licenseChanges { when } } } }`, nil)
	errs := clientErrors(r)
	if len(errs) != 1 || errs[0].Code != "UPSTREAM_THROTTLED" || !errs[0].Retryable || errs[0].Path != "users.nodes.#.licenseChanges" || errs[0].Count != 3 || errs[0].RetryAfter == 0 {
		t.Errorf("eight users: %+v", errs)
	}
	g.waits.take()
	if r := g.ask(`{ users(first: 1) { nodes { displayName } } }`, nil); len(r.Errors) > 0 || len(g.waits.take()) > 0 {
		t.Errorf("other reads wait: %s", r.raw)
	}
}
