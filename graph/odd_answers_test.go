package graph_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"licensegraph/internal/emulator"
)

// replaced returns a function that replaces a text in a response.
func replaced(old, new string) func([]byte) []byte {
	return func(body []byte) []byte { return bytes.ReplaceAll(body, []byte(old), []byte(new)) }
}

// TestOddValues tests values of wrong types. The field is null with an error; the rest of the list stays.
func TestOddValues(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	set := func(name string, value any) emulator.Fault {
		return emulator.Fault{Set: map[string]any{name: value}, Times: -1}
	}
	const states = `{ users(first: 30) { nodes { id licenseAssignmentStates { skuId state lastUpdatedDateTime } } } }`
	const skus = `{ subscribedSkus { nodes { id skuId consumedUnits servicePlans { servicePlanId } } } }`
	for _, tt := range []struct {
		name, query string
		emulator.Fault
		lost  string // path in the data
		names string // part of the error message
		kept  bool   // the field is non-null
	}{
		{"date without offset", states, set("lastUpdatedDateTime", "2024-02-29T23:59:59.1234567"), "users.nodes.#.licenseAssignmentStates.#.lastUpdatedDateTime", "LicenseAssignmentState.lastUpdatedDateTime", false},
		{"empty date", states, set("lastUpdatedDateTime", ""), "users.nodes.#.licenseAssignmentStates.#.lastUpdatedDateTime", "LicenseAssignmentState.lastUpdatedDateTime", false},
		{"object for text", states, set("state", map[string]any{}), "users.nodes.#.licenseAssignmentStates.#.state", "LicenseAssignmentState.state", false},
		{"null among states", states, emulator.Fault{Rewrite: replaced(`"licenseAssignmentStates":[{`, `"licenseAssignmentStates":[null,{`), Times: -1}, "users.nodes.#.licenseAssignmentStates", "User.licenseAssignmentStates", false},
		{"fraction for count", skus, set("consumedUnits", json.RawMessage("5.0")), "subscribedSkus.nodes.#.consumedUnits", "SubscribedSku.consumedUnits", false},
		{"text for count", skus, set("consumedUnits", "5"), "subscribedSkus.nodes.#.consumedUnits", "SubscribedSku.consumedUnits", false},
		{"text for units", `{ subscribedSkus { nodes { id units { owned } } } }`, set("warning", "5"), "subscribedSkus.nodes.#.units.owned", "LicenseUnitsDetail.warning", false},
		{"null among plans", skus, emulator.Fault{Rewrite: replaced(`"servicePlans":[{`, `"servicePlans":[null,{`), Times: -1}, "subscribedSkus.nodes.#.servicePlans", "SubscribedSku.servicePlans", true},
		{"text for other units", `{ subscribedSkus { nodes { id units { owned consumed suspended } } } }`, set("suspended", "5"), "subscribedSkus.nodes.#.units.suspended", "LicenseUnitsDetail.suspended", false},
		{"text for allotted units", `{ allotments { nodes { id allottedUnits consumedUnits } } }`, set("allottedUnits", "5"), "allotments.nodes.#.allottedUnits", "Allotment.allottedUnits", false},
		{"text for free units", `{ allotments { nodes { id availableUnits } } }`, set("consumedUnits", "5"), "allotments.nodes.#.availableUnits", "Allotment.consumedUnits", false},
		{"start date of a subscription", `{ allotments { nodes { id subscriptions { subscriptionId startDate } } } }`, set("startDate", "soon"), "allotments.nodes.#.subscriptions.#.startDate", "AllotmentSubscription.startDate", false},
		{"number for state of a subscription", `{ allotments { nodes { id subscriptions { subscriptionId state } } } }`, set("state", 5), "allotments.nodes.#.subscriptions.#.state", "AllotmentSubscription.state", false},
		{"next lifecycle date", `{ licensingOverview { products { sku { id } nextLifecycleDate } } }`, set("nextLifecycleDate", "soon"), "licensingOverview.products.#.nextLifecycleDate", "AllotmentSubscription.nextLifecycleDate", false},
		{"time of an error", `{ assignmentErrors(first: 5) { nodes { id code occurrenceDateTime } } }`, set("occurrenceDateTime", "yesterday"), "assignmentErrors.nodes.#.occurrenceDateTime", "AssignmentError.occurrenceDateTime", false},
		{"number for name", `{ users(first: 5) { nodes { id displayName } } }`, set("displayName", 5), "users.nodes.#.displayName", "User.displayName", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			whole := g.warm(tt.query)
			defer g.forget()
			g.tenant.Inject(tt.Fault)
			r := g.ask(tt.query, nil)
			data := without(t, whole, "")
			count := lose(without(t, whole, ""), strings.Split(tt.lost, "."))
			if !tt.kept {
				lose(data, strings.Split(tt.lost, "."))
			}
			if strings.HasSuffix(tt.lost, "licenseAssignmentStates") { // users without any have none
				data, count = r.Data, 0
				for _, node := range r.Data["users"].(map[string]any)["nodes"].([]any) {
					if states := node.(map[string]any)["licenseAssignmentStates"]; states == nil {
						count++
					} else if len(states.([]any)) > 0 {
						t.Errorf("%v", node)
					}
				}
			}
			if diff := difference(data, r.Data, ignoreCursors); diff != "" {
				t.Errorf("data (-want +got):\n%s", diff)
			}
			if len(r.Errors) != 1 {
				t.Fatalf("errors: %v", r.Errors)
			}
			e := r.Errors[0]
			if e.Extensions["code"] != "UPSTREAM_UNAVAILABLE" || pattern(e.Path) != tt.lost || !strings.Contains(e.Message, tt.names) || e.Extensions["count"] != float64(count) {
				t.Errorf("%d lost, and the error is %+v", count, e)
			}
		})
	}
}

// TestFilterOfOddValues tests that users excluded because of unreadable licenses are counted.
func TestFilterOfOddValues(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	const query = `{ users(first: 10, filter: { state: DISABLED }) { nodes { id } scan { read unreadable } } }`
	whole := g.warm(query)
	if scan := whole.Data["users"].(map[string]any)["scan"].(map[string]any); scan["unreadable"] != 0.0 || scan["read"].(float64) < 100 {
		t.Fatal(scan)
	}
	for _, fault := range []emulator.Fault{
		{Endpoint: usersEndpoint, Rewrite: replaced(`"licenseAssignmentStates":[{`, `"licenseAssignmentStates":[null,{`), Times: -1},
		{Endpoint: usersEndpoint, Set: map[string]any{"state": 5}, Times: -1},
	} {
		g.tenant.Inject(fault)
		r := g.ask(query, nil)
		if scan := r.Data["users"].(map[string]any)["scan"].(map[string]any); scan["unreadable"].(float64) < 100 {
			t.Errorf("%v, %v", scan, r.Errors)
		}
		g.forget()
	}
}

// TestUndecidedFilter filters and sorts by unreadable units and times. Undecided elements are included, with an error
// on the list; elements without a time are excluded and counted.
func TestUndecidedFilter(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	for _, tt := range []struct{ query, property, path, names string }{
		{`{ allotments(filter: { minAvailableUnits: 100000 }) { nodes { id } } }`, "consumedUnits", "allotments.nodes", "Allotment.consumedUnits"},
		{`{ allotments(filter: { maxAvailableUnits: -1 }) { nodes { id } } }`, "allottedUnits", "allotments.nodes", "Allotment.allottedUnits"},
		{`{ allotments(filter: { minAvailableUnits: 100000 }) { edges { node { id } } } }`, "subscriptions", "allotments.edges", "Allotment.subscriptions"},
		{`{ allotments(filter: { skuId: "11111111-2222-4333-8444-555555555555" }) { nodes { id } } }`, "skuId", "allotments.nodes", "Allotment.skuId"},
		{`{ allotments(orderBy: { field: AVAILABLE_UNITS }) { nodes { id } } }`, "consumedUnits", "allotments.nodes", "Allotment.consumedUnits"},
		{`{ subscribedSkus(orderBy: { field: FREE_UNITS }) { nodes { id } } }`, "enabled", "subscribedSkus.nodes", "LicenseUnitsDetail.enabled"},
		{`{ subscribedSkus(filter: { withFreeUnits: true, excludeSkuIds: ["` + skuE3 + `"] }) { nodes { id } } }`, "consumedUnits", "subscribedSkus.nodes", "SubscribedSku.consumedUnits"},
		{`{ subscribedSkus(filter: { expiresBefore: "1999-01-01" }) { nodes { id } } }`, "nextLifecycleDateTime", "subscribedSkus.nodes", "CompanySubscription.nextLifecycleDateTime"},
		{`{ companySubscriptions(filter: { expiresBefore: "1999-01-01" }) { nodes { id } } }`, "nextLifecycleDateTime", "companySubscriptions.nodes", "CompanySubscription.nextLifecycleDateTime"},
		{`{ companySubscriptions(filter: { isTrial: true }) { edges { node { id } } } }`, "isTrial", "companySubscriptions.edges", "CompanySubscription.isTrial"},
		{`{ companySubscriptions(filter: { skuIds: ["11111111-2222-4333-8444-555555555555"] }) { nodes { id } } }`, "skuId", "companySubscriptions.nodes", "CompanySubscription.skuId"},
		{`{ companySubscriptions(orderBy: { field: TOTAL_LICENSES }) { nodes { id } } }`, "totalLicenses", "companySubscriptions.nodes", "CompanySubscription.totalLicenses"},
		{`{ assignmentErrors(first: 5, filter: { occurredBefore: "1999-01-01T00:00:00Z" }) { nodes { id } } }`, "occurrenceDateTime", "assignmentErrors.nodes", "AssignmentError.occurrenceDateTime"},
	} {
		g.forget()
		g.tenant.Inject(emulator.Fault{Set: map[string]any{tt.property: "odd"}, Times: -1})
		if tt.property == "skuId" {
			g.tenant.ClearFaults()
			g.tenant.Inject(emulator.Fault{Set: map[string]any{tt.property: 5}, Times: -1})
		}
		r := g.ask(tt.query, nil)
		shown := 0
		walk(r.Data, func(object map[string]any) {
			if object["id"] != nil {
				shown++
			}
		})
		if shown == 0 || len(r.Errors) != 1 || pattern(r.Errors[0].Path) != tt.path || !strings.Contains(r.Errors[0].Message, tt.names) || r.Errors[0].Extensions["count"] != nil {
			t.Errorf("%s: %d shown, %v", tt.query, shown, r.Errors)
		}
	}
	g.forget()
	g.tenant.Inject(emulator.Fault{Set: map[string]any{"occurrenceDateTime": nil}, Times: -1})
	r := g.ask(`{ assignmentErrors(first: 5, filter: { occurredBefore: "2100-01-01T00:00:00Z" }) { nodes { id } scan { read unreadable } } }`, nil)
	list := r.Data["assignmentErrors"].(map[string]any)
	if scan := list["scan"].(map[string]any); len(list["nodes"].([]any)) > 0 || scan["read"] == 0.0 || scan["unreadable"] != scan["read"] {
		t.Errorf("%v", list)
	}
}

// TestOddKeys tests unreadable SKU IDs. Fields that refer to them are null or may be incomplete, with an error.
func TestOddKeys(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	oneOdd := func(endpoint, id string) emulator.Fault {
		return emulator.Fault{Endpoint: endpoint, Rewrite: first(`"`+id+`":"[0-9a-f-]{36}"`, `"`+id+`":5`), Times: -1}
	}
	for _, tt := range []struct {
		query string
		emulator.Fault
		path, names string
	}{
		{`{ subscribedSkus { nodes { id allotments { id } } } }`, oneOdd(allotmentsEndpoint, "skuId"), "subscribedSkus.nodes.#.allotments", "Allotment.skuId"},
		{`{ licensingOverview { products { sku { id } nextLifecycleDate } } }`, oneOdd(allotmentsEndpoint, "skuId"), "licensingOverview.products.#.nextLifecycleDate", "Allotment.skuId"},
		{`{ subscribedSkus { nodes { id allotments { id } } } }`, oneOdd(skusEndpoint, "skuId"), "subscribedSkus.nodes.#.allotments", "SubscribedSku.skuId"},
		{`{ allotments { nodes { id sku { id } } } }`, oneOdd(skusEndpoint, "skuId"), "allotments.nodes.#.sku", "SubscribedSku.skuId"},
		{`{ subscribedSkus(first: 1) { nodes { servicePlans { servicePlanId subscribedSkus { id } } } } }`, emulator.Fault{Endpoint: skusEndpoint, Rewrite: last(`"servicePlanId":"`, `"servicePlanId":5,"was":"`), Times: -1},
			"subscribedSkus.nodes.#.servicePlans.#.subscribedSkus", "ServicePlan.servicePlanId"},
		{`{ licensingOverview { assignmentErrors { total byCode { code count } } } }`, emulator.Fault{Endpoint: errorsEndpoint, Rewrite: first(`"code":"`, `"code":5,"was":"`), Times: -1},
			"licensingOverview.assignmentErrors.byCode", "AssignmentError.code"},
		{`{ assignmentErrors(first: 20) { nodes { id licenseAssignmentStates { state } } } }`, oneOdd(usersEndpoint, "skuId"), "assignmentErrors.nodes.#.licenseAssignmentStates", "LicenseAssignmentState.skuId"},
		{`{ licensingOverview { waitingMembers { count longestSince } } }`, emulator.Fault{Set: map[string]any{"waitingSinceDateTime": "long"}, Times: -1}, "licensingOverview.waitingMembers.#.longestSince", "WaitingMember.waitingSinceDateTime"},
		{`{ licensingOverview { assignmentErrors { total byProduct { skuId count } } } }`, oneOdd(errorsEndpoint, "skuId"), "licensingOverview.assignmentErrors.byProduct", "AssignmentError.skuId"},
	} {
		g.forget()
		whole := g.warm(tt.query)
		g.tenant.Inject(tt.Fault)
		r := g.ask(tt.query, nil)
		if len(r.Errors) != 1 || pattern(r.Errors[0].Path) != tt.path || !strings.Contains(r.Errors[0].Message, tt.names) || r.Errors[0].Extensions["code"] != "UPSTREAM_UNAVAILABLE" {
			t.Errorf("%s: %v", tt.query, r.Errors)
		}
		count := func(data map[string]any) (n int) {
			walk(data, func(map[string]any) { n++ })
			return n
		}
		if n, all := count(r.Data), count(whole.Data); n < all*3/4 {
			t.Errorf("%s: %d of %d objects", tt.query, n, all)
		}
	}
	g.forget()
	g.tenant.Inject(oneOdd(skusEndpoint, "skuId"))
	r := g.ask(`{ subscribedSku(skuId: "11111111-2222-4333-8444-555555555555") { id } }`, nil)
	if len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Message, "SubscribedSku.skuId") {
		t.Errorf("a product that may be there: %v", r.Errors)
	}
}

// TestChangesDespiteOddValues changes licenses while values of the checks are unreadable. Microsoft Graph then
// decides; nothing is sent if the product itself is unknown.
func TestChangesDespiteOddValues(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	people := g.unlicensed(t, 3)
	const assign = `mutation($input: AssignLicenseInput!) { assignLicense(input: $input) { outcome userErrors { code message } } }`
	of := func(person string, members object) object {
		members["assignedTo"] = object{"type": "USER", "id": person}
		return object{"input": members}
	}
	give := []any{object{"skuId": skuE3}}
	odd := func(endpoint, property string) {
		g.forget()
		g.tenant.Inject(emulator.Fault{Endpoint: endpoint, Set: map[string]any{property: 5}, Times: -1})
	}
	done := func(name string, payload object) {
		t.Helper()
		if payload["outcome"] != "DONE" {
			t.Errorf("%s: %v", name, payload)
		}
	}
	odd("", "usageLocation")
	done("a usage location", g.change(t, assign, of(people[0], object{"addLicenses": give})))
	created := g.change(t, create, object{"input": object{"skuId": skuE3, "assignedTo": assignees(people[1])}})
	done("a usage location", created["results"].([]any)[0].(object))
	odd("", "assignedByGroup")
	done("a source", g.change(t, assign, of(people[0], object{"removeLicenses": []any{skuE3}})))
	odd(skusEndpoint, "consumedUnits")
	done("units", g.change(t, assign, of(people[2], object{"addLicenses": give})))
	// A lost change is not confirmed if the removed licenses are unreadable.
	odd("GET /users/{id}", "skuId")
	g.tenant.Inject(emulator.Fault{Endpoint: usersEndpoint, Set: map[string]any{"skuId": 5}, Times: -1})
	g.tenant.Inject(emulator.Fault{Endpoint: byIDsEndpoint, Set: map[string]any{"skuId": 5}, Times: -1})
	g.tenant.Inject(emulator.Fault{Endpoint: licenseEndpoint, Status: http.StatusInternalServerError, Times: -1})
	if r := g.ask(assign, of(people[2], object{"removeLicenses": []any{skuE3}})); r.Data["assignLicense"] == nil || r.Data["assignLicense"].(object)["outcome"] != "UNKNOWN" {
		t.Errorf("a lost answer: %s", r.raw)
	}
	odd(skusEndpoint, "skuId")
	before := g.written()
	r := g.ask(assign, of(people[0], object{"addLicenses": give}))
	if len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Message, "SubscribedSku.skuId") || r.Data["assignLicense"] != nil || g.written() != before {
		t.Errorf("a product: %s", r.raw)
	}
}

// last returns a function that replaces the last occurrence of a text in a response.
func last(old, new string) func([]byte) []byte {
	return func(body []byte) []byte {
		at := bytes.LastIndex(body, []byte(old))
		if at < 0 {
			return body
		}
		return slices.Concat(body[:at], []byte(new), body[at+len(old):])
	}
}

// TestNullElements tests that list elements that are null or have no usable ID are omitted and counted in an error.
func TestNullElements(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	person, group := g.people(t, 1)[0], g.groupID()
	const licensing = "GET /admin/cloudLicensing/"
	for _, tt := range []struct{ endpoint, query string }{
		{usersEndpoint, `{ users(first: 5) { nodes { id } } }`},
		{"GET /groups", `{ groups(first: 5) { nodes { id } } }`},
		{skusEndpoint, `{ subscribedSkus { nodes { id } } }`},
		{errorsEndpoint, `{ assignmentErrors(first: 5) { nodes { id } } }`},
		{licensing + "allotments", `{ allotments { nodes { id } } }`},
		{licensing + "assignments", `{ assignments(first: 5) { nodes { id } } }`},
		{licensing + "allotments/{id}/waitingMembers", `{ allotments(first: 1, orderBy: { field: AVAILABLE_UNITS }) { nodes { id waitingMembers(first: 5) { nodes { id } } } } }`},
		{"GET /groups/{id}/members", `{ group(id: "` + group + `") { members(first: 5) { nodes { id } } } }`},
		{"GET /users/{id}/licenseDetails", `{ user(id: "` + person + `") { licenseDetails { id } } }`},
		{"GET /users/{id}/cloudLicensing/usageRights", `{ user(id: "` + person + `") { usageRights { id } } }`},
		{"GET /groups/{id}/cloudLicensing/assignments", `{ group(id: "` + group + `") { assignments { id } } }`},
	} {
		whole := g.warm(tt.query)
		for _, element := range []string{`null`, `{"id":null}`, `{"id":5}`, `{"id":""}`, `{}`, `5`} {
			g.tenant.Inject(emulator.Fault{Endpoint: tt.endpoint, Rewrite: replaced(`"value":[`, `"value":[`+element+`,`), Times: -1})
			r := g.ask(tt.query, nil)
			if diff := difference(whole.Data, r.Data, ignoreCursors); diff != "" {
				t.Errorf("%s with %s (-want +got):\n%s", tt.endpoint, element, diff)
			}
			if len(r.Errors) != 1 || !strings.HasSuffix(r.Errors[0].Message, tt.endpoint+".") || r.Errors[0].Extensions["count"] != 1.0 {
				t.Errorf("%s with %s: %v", tt.endpoint, element, r.Errors)
			}
			g.forget()
		}
	}
	// A last page without other elements loses only them.
	g.tenant.Inject(emulator.Fault{Endpoint: errorsEndpoint, Contains: "skiptoken", Body: `{"value":[{"id":5}]}`, Times: -1})
	r := g.ask(`{ assignmentErrors(first: 1000) { nodes { id } } }`, nil)
	if list, _ := r.Data["assignmentErrors"].(map[string]any); list == nil || len(list["nodes"].([]any)) != 100 || len(r.Errors) != 1 || r.Errors[0].Extensions["count"] != 1.0 {
		t.Errorf("%v, %v", r.Data, r.Errors)
	}
}

// first returns a function that replaces the first match of a pattern in a response.
func first(pattern, new string) func([]byte) []byte {
	re := regexp.MustCompile(pattern)
	return func(body []byte) []byte {
		at := re.FindSubmatchIndex(body)
		if at == nil {
			return body
		}
		return slices.Concat(re.Expand(slices.Clone(body[:at[0]]), []byte(new), body, at), body[at[1]:])
	}
}

// TestOddProducts tests a product with unreadable or missing units. Only these units are null.
func TestOddProducts(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	const query = `{ subscribedSkus { nodes { id skuId units { owned consumed free inGrace } } } licensingOverview { products { sku { id } units { owned consumed free inGrace } } } }`
	whole := g.warm(query)
	const detail = `"prepaidUnits":\{[^}]*\}`
	for _, tt := range []struct {
		pattern, new string
		lost         []string // path in units
		errors       int
	}{
		{`"consumedUnits":\d+`, `"consumedUnits":"5"`, []string{"consumed", "free"}, 1},
		{`"consumedUnits":\d+`, `"consumedUnits":5.0`, []string{"consumed", "free"}, 1},
		{`"enabled":\d+`, `"enabled":"x"`, []string{"owned", "free"}, 1},
		{`"warning":\d+`, `"warning":{}`, []string{"owned", "free", "inGrace"}, 1},
		{detail, `"prepaidUnits":5`, []string{"owned", "free", "inGrace"}, 1},
		{`"consumedUnits":\d+`, `"consumedUnits":null`, []string{"consumed", "free"}, 0},
		{detail, `"prepaidUnits":null`, []string{"owned", "free", "inGrace"}, 0},
		{detail, `"prepaidUnits":{}`, []string{"owned", "free", "inGrace"}, 0},
		{`"enabled":\d+`, `"enabled":null`, []string{"owned", "free"}, 0},
	} {
		g.tenant.Inject(emulator.Fault{Endpoint: skusEndpoint, Rewrite: first(tt.pattern, tt.new), Times: -1})
		r := g.ask(query, nil)
		data := without(t, whole, "")
		sku := data["subscribedSkus"].(map[string]any)["nodes"].([]any)[0].(map[string]any)
		var product map[string]any
		for _, p := range data["licensingOverview"].(map[string]any)["products"].([]any) {
			if p := p.(map[string]any); p["sku"].(map[string]any)["id"] == sku["id"] {
				product = p
			}
		}
		for _, object := range []map[string]any{sku, product} {
			for _, name := range tt.lost {
				object["units"].(map[string]any)[name] = nil
			}
		}
		if diff := difference(data, r.Data); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.new, diff)
		}
		if len(r.Errors) != tt.errors || tt.errors > 0 && (r.Errors[0].Extensions["code"] != "UPSTREAM_UNAVAILABLE" || r.Errors[0].Extensions["count"] != float64(2*len(tt.lost))) {
			t.Errorf("%s: %v", tt.new, r.Errors)
		}
		g.forget()
	}
}

// TestMissingValues tests null for numbers and times. They are null and match no filter.
func TestMissingValues(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	for _, tt := range []struct {
		name, query string
		lost        []string
		filtered    string // a filter that then matches nothing
	}{
		{"occurrenceDateTime", `{ assignmentErrors(first: 5) { nodes { id occurrenceDateTime } } }`, []string{"assignmentErrors.nodes.#.occurrenceDateTime"},
			`{ assignmentErrors(first: 5, filter: { occurredBefore: "2100-01-01T00:00:00Z" }) { nodes { id } } }`},
		{"occurrenceDateTime", `{ assignmentErrors(first: 5) { nodes { id occurrenceDateTime } } }`, []string{"assignmentErrors.nodes.#.occurrenceDateTime"},
			`{ assignmentErrors(first: 5, filter: { occurredFrom: "0001-01-01T00:00:00Z" }) { nodes { id } } }`},
		{"allottedUnits", `{ allotments { nodes { id allottedUnits consumedUnits availableUnits } } }`, []string{"allotments.nodes.#.allottedUnits", "allotments.nodes.#.availableUnits"},
			`{ allotments(filter: { maxAvailableUnits: 1000000 }) { nodes { id } } }`},
		{"consumedUnits", `{ allotments { nodes { id allottedUnits consumedUnits availableUnits } } }`, []string{"allotments.nodes.#.consumedUnits", "allotments.nodes.#.availableUnits"},
			`{ allotments(filter: { minAvailableUnits: 0 }) { nodes { id } } }`},
		{"waitingSinceDateTime", `{ allotments { nodes { id waitingMembers { nodes { id waitingSinceDateTime } } } } licensingOverview { waitingMembers { count longestSince } } }`,
			[]string{"allotments.nodes.#.waitingMembers.nodes.#.waitingSinceDateTime", "licensingOverview.waitingMembers.#.longestSince"}, ""},
	} {
		data := without(t, g.warm(tt.query), "")
		for _, lost := range tt.lost {
			if lose(data, strings.Split(lost, ".")) == 0 {
				t.Fatalf("%s: no value to remove", lost)
			}
		}
		g.tenant.Inject(emulator.Fault{Set: map[string]any{tt.name: nil}, Times: -1})
		r := g.ask(tt.query, nil)
		if diff := difference(data, r.Data, ignoreCursors); diff != "" || len(r.Errors) > 0 {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, r.Errors, diff)
		}
		if tt.filtered != "" {
			r := g.ask(tt.filtered, nil)
			if strings.Contains(tt.filtered, "AvailableUnits") && (len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Message, "Allotment.availableUnits")) {
				t.Errorf("%s: no error for omitted allotments: %v", tt.filtered, r.Errors)
			}
			walk(r.Data, func(object map[string]any) {
				if object["id"] != nil {
					t.Errorf("%s: %v", tt.filtered, object)
				}
			})
		}
		g.forget()
	}
}

// TestMalformedReferences tests one malformed reference among many: only this one fails.
func TestMalformedReferences(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	assignee := first(`("assignedTo":\{[^{}]*"id":)"[0-9a-f-]{36}"`, `$1"not-a-guid"`)
	for _, tt := range []struct {
		endpoint string
		rewrite  func([]byte) []byte
		query    string
		lost     string // path of the element with the reference
	}{
		{usersEndpoint, first(`"assignedByGroup":"[0-9a-f-]{36}"`, `"assignedByGroup":"not-a-guid"`),
			`{ users(first: 50) { nodes { id licenseAssignmentStates { skuId assignedByGroup { displayName } } } } }`, "users.nodes.#.licenseAssignmentStates.#.assignedByGroup.displayName"},
		{errorsEndpoint, assignee, `{ assignmentErrors(first: 20) { nodes { id assignedTo { ... on User { licenseAssignmentStates { state } } } } } }`, "assignmentErrors.nodes.#.assignedTo.licenseAssignmentStates"},
		{errorsEndpoint, assignee, `{ assignmentErrors(first: 20) { nodes { id assignedTo { ... on User { department } } } } }`, "assignmentErrors.nodes.#.assignedTo.department"},
		{errorsEndpoint, assignee, `{ assignmentErrors(first: 20) { nodes { id licenseAssignmentStates { state } } } }`, "assignmentErrors.nodes.#.licenseAssignmentStates"},
		{skusEndpoint, first(`"skuId":"[0-9a-f-]{36}"`, `"skuId":"not-a-guid"`),
			`{ subscribedSkus { nodes { id assignmentErrors(first: 2) { nodes { id } } } } }`, "subscribedSkus.nodes.#.assignmentErrors"},
	} {
		data := without(t, g.warm(tt.query), "")
		g.tenant.Inject(emulator.Fault{Endpoint: tt.endpoint, Rewrite: tt.rewrite, Times: -1})
		r := g.ask(tt.query, nil)
		g.forget()
		if len(r.Errors) != 1 || pattern(r.Errors[0].Path) != tt.lost || r.Errors[0].Extensions["code"] != "UPSTREAM_UNAVAILABLE" || r.Errors[0].Extensions["count"] != nil {
			t.Errorf("%s: %v", tt.query, r.Errors)
			continue
		}
		var path []string // with the index of the first element
		for _, step := range r.Errors[0].Path {
			path = append(path, fmt.Sprint(step))
		}
		loseAt(data, path)
		if diff := difference(data, r.Data, ignoreCursors); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.query, diff)
		}
	}
}

// loseAt sets the value at a path to null.
func loseAt(value any, path []string) {
	switch value := value.(type) {
	case map[string]any:
		if len(path) == 1 {
			value[path[0]] = nil
			return
		}
		loseAt(value[path[0]], path[1:])
	case []any:
		if i, err := strconv.Atoi(path[0]); err == nil && i < len(value) {
			loseAt(value[i], path[1:])
		}
	}
}

// TestMissingTexts tests null for non-null text fields: they are empty, with an error.
func TestMissingTexts(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	for _, tt := range []struct{ query, property, path, names string }{
		{`{ assignmentErrors(first: 5) { nodes { id code } } }`, "code", "assignmentErrors.nodes.#.code", "AssignmentError.code"},
		{`{ assignmentErrors(first: 5) { nodes { id message } } }`, "message", "assignmentErrors.nodes.#.message", "AssignmentError.message"},
		{`{ allotments { nodes { id assignableTo } } }`, "assignableTo", "allotments.nodes.#.assignableTo", "Allotment.assignableTo"},
		{`{ allotments { nodes { id services { planId } } } }`, "planId", "allotments.nodes.#.services.#.planId", "LicensedService.planId"},
		{`{ allotments { nodes { id subscriptions { subscriptionId } } } }`, "subscriptionId", "allotments.nodes.#.subscriptions.#.subscriptionId", "AllotmentSubscription.subscriptionId"},
		{`{ allotments { nodes { id subscriptions { state stateText } } } }`, "state", "allotments.nodes.#.subscriptions.#.stateText", "AllotmentSubscription.state"},
		{`{ allotments { nodes { id subscriptions { tagsText } } } }`, "tags", "allotments.nodes.#.subscriptions.#.tagsText", "AllotmentSubscription.tags"},
	} {
		count := lose(without(t, g.warm(tt.query), ""), strings.Split(tt.path, "."))
		g.tenant.Inject(emulator.Fault{Set: map[string]any{tt.property: nil}, Times: -1})
		r := g.ask(tt.query, nil)
		g.forget()
		if !strings.HasSuffix(tt.path, ".assignableTo") { // an empty text is valid
			g.tenant.Inject(emulator.Fault{Omit: []string{tt.property}, Times: -1})
			missing := g.ask(tt.query, nil)
			if diff := difference([]any{r.Data, clientErrors(r)}, []any{missing.Data, clientErrors(missing)}); diff != "" {
				t.Errorf("%s absent (-null +absent):\n%s", tt.property, diff)
			}
			g.forget()
		}
		if len(r.Errors) != 1 || pattern(r.Errors[0].Path) != tt.path || !strings.Contains(r.Errors[0].Message, tt.names) || r.Errors[0].Extensions["count"] != float64(count) {
			t.Errorf("%d lost: %v", count, r.Errors)
		}
		walk(r.Data, func(object map[string]any) {
			if object["state"] != nil {
				t.Errorf("%v", object)
			}
			if value, ok := object[tt.path[strings.LastIndex(tt.path, ".")+1:]]; ok && value != "" && !reflect.DeepEqual(value, []any{}) {
				t.Errorf("%v", object)
			}
		})
	}
}

// TestLargeCounters tests that counts beyond 32 bits are the largest Int.
func TestLargeCounters(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	const query = `{ subscribedSkus { nodes { consumedUnits prepaidUnits { enabled } units { owned consumed free inGrace } } } allotments { nodes { allottedUnits availableUnits } } }`
	const most = 1<<31 - 1
	g.tenant.Inject(emulator.Fault{Times: -1, Set: map[string]any{"enabled": most, "warning": 1, "consumedUnits": -5, "allottedUnits": 10_000_000_000}})
	r := g.ask(query, nil)
	if len(r.Errors) > 0 {
		t.Fatal(r.Errors)
	}
	for _, node := range r.Data["subscribedSkus"].(map[string]any)["nodes"].([]any) {
		want := map[string]any{"consumedUnits": -5.0, "prepaidUnits": map[string]any{"enabled": float64(most)},
			"units": map[string]any{"owned": float64(most), "consumed": -5.0, "free": float64(most), "inGrace": 1.0}}
		if diff := difference(want, node); diff != "" {
			t.Fatal(diff)
		}
	}
	for _, node := range r.Data["allotments"].(map[string]any)["nodes"].([]any) {
		if units := node.(map[string]any); units["allottedUnits"] != float64(most) || units["availableUnits"].(float64) < 0 {
			t.Fatal(units)
		}
	}
	// totalCount too.
	g.forget()
	g.tenant.Inject(emulator.Fault{Times: -1, Set: map[string]any{"@odata.count": 3_000_000_000}})
	r = g.ask(`{ users(first: 1) { totalCount } }`, nil)
	if got := r.Data["users"].(map[string]any)["totalCount"]; got != float64(most) || len(r.Errors) > 0 {
		t.Errorf("%v, %v", got, r.Errors)
	}
}

// TestTooManyRows tests that a page far larger than requested is an error before it is decoded.
func TestTooManyRows(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	row := `{"id":"11111111-2222-4333-8444-555555555555"},`
	g.tenant.Inject(emulator.Fault{Endpoint: usersEndpoint, Times: -1, Body: `{"value":[` + strings.Repeat(row, 6000) + `{"id":"x"}]}`})
	r := g.ask(`{ users(first: 5) { nodes { id } } }`, nil)
	if r.Data["users"] != nil || len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != "UPSTREAM_UNAVAILABLE" || r.Errors[0].Extensions["retryable"] != false {
		t.Errorf("%v, %v", r.Data, r.Errors)
	}
}

// TestRepeatedPages tests next links that lead to their own page: one error, in lists and in reads by ID.
func TestRepeatedPages(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	g := startGateway(t, emulator.Options{})
	people := g.people(t, 2)
	for _, tt := range []struct{ query, page, path, endpoint string }{
		{`{ users(first: 900) { nodes { id } } }`, "duplicate", "users", usersEndpoint},
		{`{ users(first: 5) { nodes { id } } }`, "empty", "users", usersEndpoint},
		{`{ users(first: 5) { nodes { id } } }`, "duplicate", "users", usersEndpoint},
		{`{ licensingOverview { assignmentErrors { total complete } } }`, "duplicate", "licensingOverview.assignmentErrors", errorsEndpoint},
		{fmt.Sprintf(`{ a: user(id: %q) { licenseAssignmentStates { state } } b: user(id: %q) { licenseAssignmentStates { state } } }`, people[0], people[1]), "duplicate", "a", usersEndpoint},
		{`{ subscribedSkus { nodes { id } } }`, "duplicate", "subscribedSkus", skusEndpoint},
	} {
		g.forget()
		g.tenant.Inject(emulator.Fault{Endpoint: tt.endpoint, Page: tt.page, Times: -1})
		r := g.ask(tt.query, nil)
		if len(r.Errors) != 1 || !strings.HasPrefix(pattern(r.Errors[0].Path), tt.path) || !strings.Contains(r.Errors[0].Message, "endless list") {
			t.Errorf("%s: %v", tt.query, r.Errors)
		}
		if sent := g.sent(tt.endpoint); sent > 2 {
			t.Errorf("%s: sent %d times", tt.query, sent)
		}
	}
}

// endless returns a function that repeats the first page, or an empty one, with new next links.
func endless(path string, empty bool) func([]byte) []byte {
	var n atomic.Int32
	var elements atomic.Value
	return func(body []byte) []byte {
		var page map[string]any
		if json.Unmarshal(body, &page) != nil {
			return body
		}
		elements.CompareAndSwap(nil, page["value"])
		page["value"] = elements.Load()
		if empty {
			page["value"] = []any{}
		}
		page["@odata.nextLink"] = fmt.Sprintf("%s?zz=%d", path, n.Add(1))
		body, _ = json.Marshal(page)
		return body
	}
}

// TestEndlessPages tests repeated or empty pages with new next links: one error after a few pages, in lists and in
// reads by ID.
func TestEndlessPages(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	g := startGateway(t, emulator.Options{Users: 100})
	people, group := g.people(t, 2), g.groupID()
	const licensing = "/admin/cloudLicensing/"
	for _, tt := range []struct{ query, path, endpoint, link string }{
		{`{ users(first: 999) { nodes { id } } }`, "users", usersEndpoint, "/users"},
		{`{ users(first: 5, filter: { state: DISABLED }) { nodes { id } } }`, "users", usersEndpoint, "/users"},
		{`{ groups(first: 999) { nodes { id } } }`, "groups", "GET /groups", "/groups"},
		{`{ assignments(first: 1000) { nodes { id } } }`, "assignments", "GET /admin/cloudLicensing/assignments", licensing + "assignments"},
		{`{ assignmentErrors(first: 1000) { nodes { id } } }`, "assignmentErrors", errorsEndpoint, licensing + "assignmentErrors"},
		{`{ licensingOverview { assignmentErrors { total complete } } }`, "licensingOverview.assignmentErrors", errorsEndpoint, licensing + "assignmentErrors"},
		{`{ group(id: "` + group + `") { members(first: 999) { nodes { id } } } }`, "group.members", "GET /groups/{id}/members", "/groups/" + group + "/members"},
		{`{ subscribedSkus { nodes { id } } }`, "subscribedSkus", skusEndpoint, "/subscribedSkus"},
		{`{ allotments { nodes { id } } }`, "allotments", "GET /admin/cloudLicensing/allotments", licensing + "allotments"},
		{fmt.Sprintf(`{ a: user(id: %q) { licenseAssignmentStates { state } } b: user(id: %q) { licenseAssignmentStates { state } } }`, people[0], people[1]), "a", usersEndpoint, "/users"},
	} {
		for _, empty := range []bool{false, true} {
			g.forget()
			g.tenant.Inject(emulator.Fault{Endpoint: tt.endpoint, Rewrite: endless(g.graphURL+"/beta"+tt.link, empty), Times: -1})
			r := g.ask(tt.query, nil)
			if len(r.Errors) != 1 || !strings.HasPrefix(pattern(r.Errors[0].Path), tt.path) || !strings.Contains(r.Errors[0].Message, "endless list") {
				t.Errorf("%s, empty %v: %s", tt.query, empty, r.raw[:min(len(r.raw), 500)])
			}
			if sent := g.sent(tt.endpoint); sent > 11 || !empty && sent > 4 {
				t.Errorf("%s, empty %v: sent %d times", tt.query, empty, sent)
			}
		}
	}
}

// TestSomeEmptyPages tests that a list continues after empty pages.
func TestSomeEmptyPages(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	const query = `{ assignmentErrors(first: 1000) { nodes { id } } }`
	whole := g.warm(query)
	g.tenant.Inject(emulator.Fault{Endpoint: errorsEndpoint, Times: 5, Rewrite: endless(g.graphURL+"/beta/admin/cloudLicensing/assignmentErrors", true)})
	r := g.ask(query, nil)
	if diff := difference(whole.Data, r.Data, ignoreCursors); diff != "" || len(r.Errors) > 0 {
		t.Errorf("%v (-want +got):\n%s", r.Errors, diff)
	}
}

// TestRepeatedElements tests that elements on two pages are returned once.
func TestRepeatedElements(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	const query = `{ licensingOverview { assignmentErrors { total complete } } }`
	whole := g.warm(query)
	var first []any
	g.tenant.Inject(emulator.Fault{Endpoint: errorsEndpoint, Times: -1, Rewrite: func(body []byte) []byte {
		var page map[string]any
		if err := json.Unmarshal(body, &page); err != nil {
			t.Error(err)
		}
		elements := page["value"].([]any)
		if first == nil {
			first = elements
		} else {
			page["value"] = append(append([]any{}, first...), elements...)
		}
		body, _ = json.Marshal(page)
		return body
	}})
	r := g.ask(query, nil)
	if diff := difference(whole.Data, r.Data); diff != "" || len(r.Errors) > 0 {
		t.Errorf("%v (-want +got):\n%s", r.Errors, diff)
	}
	if sent := g.sent(errorsEndpoint); sent < 2 {
		t.Errorf("%d pages: the test covers nothing", sent)
	}
}

// TestExpiredPages rejects the link of a page just read. The list continues from the page before, and the caller's
// cursor is not blamed.
func TestExpiredPages(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	const query = `{ assignmentErrors(first: 1000) { nodes { id } pageInfo { hasNextPage } } }`
	whole := g.warm(query)
	for _, times := range []int{1, 2} {
		g.tenant.Inject(emulator.Fault{Endpoint: errorsEndpoint, Contains: "skiptoken", Status: http.StatusBadRequest, Code: "DirectoryPageTokenNotFoundException", Times: times})
		g.fails(t, g.ask(query, nil), whole.Data)
		g.forget()
	}
	g.tenant.Inject(emulator.Fault{Endpoint: errorsEndpoint, Contains: "skiptoken", Status: http.StatusBadRequest, Code: "DirectoryPageTokenNotFoundException", Times: -1})
	g.fails(t, g.ask(query, nil), without(t, whole, lostList), clientError{Code: "UPSTREAM_UNAVAILABLE", Path: lostList, Retryable: true, Upstream: "DirectoryPageTokenNotFoundException"})
	g.forget()
	// The caller's cursor can expire.
	const next = `query($after: String) { assignmentErrors(first: 100, after: $after) { nodes { id } pageInfo { endCursor } } }`
	page := g.ask(next, nil).Data["assignmentErrors"].(map[string]any)["pageInfo"].(map[string]any)
	g.tenant.Inject(emulator.Fault{Endpoint: errorsEndpoint, Contains: "skiptoken", Status: http.StatusBadRequest, Code: "DirectoryPageTokenNotFoundException", Times: -1})
	r := g.ask(next, map[string]any{"after": page["endCursor"]})
	if len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != "BAD_USER_INPUT" {
		t.Errorf("the caller's cursor: %v", r.Errors)
	}
}

// people returns the IDs of users.
func (g *gateway) people(t *testing.T, n int) (ids []string) {
	t.Helper()
	r := g.ask(fmt.Sprintf(`{ users(first: %d) { nodes { id } } }`, n), nil)
	for _, node := range r.Data["users"].(map[string]any)["nodes"].([]any) {
		ids = append(ids, node.(map[string]any)["id"].(string))
	}
	return ids
}

var quotedGUID = regexp.MustCompile(`"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"`)

// TestGUIDsInCapitals tests that GUIDs are compared case-insensitively, and other IDs are not.
func TestGUIDsInCapitals(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	person, group := g.people(t, 1)[0], g.groupID()
	const rights = `usageRights { id holderId skuId sku { skuPartNumber allotments { id } } services { planId } allotments { id subscriptions { subscriptionId } } assignments { id allotment { id } } }`
	for _, query := range []string{
		thirtyErrors,
		`{ users(first: 20) { nodes { id assignedLicenses { skuId sku { skuPartNumber } } licenseAssignmentStates { skuId assignedByGroupId assignedByGroup { id displayName } } } } }`,
		`{ users(first: 5, filter: { assignedByGroup: "` + group + `" }) { nodes { id displayName } } }`,
		`{ user(id: "` + person + `") { id displayName ` + rights + ` } group(id: "` + group + `") { id members(first: 5) { nodes { id ... on User { department } } } ` + rights + ` } }`,
		`{ a: node(id: "` + person + `") { id __typename } b: node(id: "` + group + `") { id __typename } nodes(ids: ["` + group + `", "` + person + `"]) { id } }`,
		`{ assignments(first: 20) { nodes { id disabledServicePlanIds allotment { id skuId availableUnits } assignedTo { id ... on User { department } } } } }`,
		`{ licensingOverview { assignmentErrors { total byProduct { skuId count } byGroup { count group { id displayName } } } } }`,
		`{ _entities(representations: [{ __typename: "User", id: "` + person + `" }, { __typename: "Group", id: "` + group + `" }]) { ... on User { id displayName } ... on Group { id displayName } } }`,
	} {
		whole := g.warm(query)
		g.tenant.Inject(emulator.Fault{Times: -1, Rewrite: func(body []byte) []byte { return quotedGUID.ReplaceAllFunc(body, bytes.ToUpper) }})
		for _, asked := range []string{query, quotedGUID.ReplaceAllStringFunc(query, strings.ToUpper)} {
			r := g.ask(asked, nil)
			if diff := difference(whole.Data, r.Data, ignoreCursors); diff != "" || len(r.Errors) > 0 {
				t.Errorf("%s: %v (-want +got):\n%s", asked, r.Errors, diff)
			}
		}
		g.forget()
	}
	// An ID of 52 characters is case-sensitive.
	var opaque string
	for _, node := range g.ask(`{ assignmentErrors(first: 100) { nodes { id } } }`, nil).Data["assignmentErrors"].(map[string]any)["nodes"].([]any) {
		if id := node.(map[string]any)["id"].(string); len(id) == 52 {
			opaque = id
		}
	}
	if opaque == "" {
		t.Fatal("no ID of this length")
	}
	r := g.ask(`{ a: assignmentError(id: "`+opaque+`") { id } b: assignmentError(id: "`+strings.ToUpper(opaque)+`") { id } }`, nil)
	if r.Data["a"] == nil || r.Data["b"] != nil {
		t.Errorf("%v", r.Data)
	}
}

// TestEmptyPages tests empty pages of waiting members without an end: the overview does not report an empty queue.
func TestEmptyPages(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	const query = `{ licensingOverview { waitingMembers { count complete } } }`
	var pages atomic.Int64
	g.between(func(address string) (body string, ok bool) {
		if !strings.Contains(address, "/waitingMembers") {
			return "", false
		}
		path, _, _ := strings.Cut(address, "?")
		return fmt.Sprintf(`{"value":[],"@odata.nextLink":"%s/beta%s?$skiptoken=%d"}`, g.graphURL, path, pages.Add(1)), true
	})
	r := g.ask(query, nil)
	if len(r.Errors) != 1 || pattern(r.Errors[0].Path) != "licensingOverview.waitingMembers" || !strings.Contains(r.Errors[0].Message, "endless list") {
		t.Errorf("%v, %v", r.Data, r.Errors)
	}
	if pages.Load() < 10 {
		t.Errorf("%d pages: the test covers nothing", pages.Load())
	}
}

// between restarts the gateway over a service that answers some addresses below the version itself, alone or as batch
// parts; the tenant answers the others.
func (g *gateway) between(answer func(address string) (body string, ok bool)) {
	g.t.Helper()
	send := func(method, address, body string, header http.Header) (status int, got []byte) {
		req, err := http.NewRequest(method, g.tenant.URL+address, strings.NewReader(body))
		if err != nil {
			return http.StatusBadGateway, nil
		}
		req.Header = header.Clone()
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return http.StatusBadGateway, nil
		}
		defer resp.Body.Close()
		got, _ = io.ReadAll(resp.Body)
		return resp.StatusCode, bytes.ReplaceAll(got, []byte(g.tenant.URL), []byte(g.graphURL))
	}
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Header.Del("Accept-Encoding")
		var batch struct {
			Requests []struct {
				ID, Method, URL string
				Body            json.RawMessage
			}
		}
		address := strings.TrimPrefix(r.URL.RequestURI(), "/beta")
		switch text, ok := answer(address); {
		case ok:
			_, _ = io.WriteString(w, text)
		case address == "/$batch" && json.Unmarshal(body, &batch) == nil:
			responses := []any{}
			for _, part := range batch.Requests {
				status, got := http.StatusOK, []byte(nil)
				if text, ok := answer(part.URL); ok {
					got = []byte(text)
				} else {
					status, got = send(part.Method, "/beta"+part.URL, string(part.Body), r.Header)
				}
				responses = append(responses, map[string]any{"id": part.ID, "status": status, "body": json.RawMessage(got)})
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"responses": responses})
		default:
			status, got := send(r.Method, r.URL.RequestURI(), string(body), r.Header)
			w.WriteHeader(status)
			_, _ = w.Write(got)
		}
	}))
	g.t.Cleanup(service.Close)
	g.graphURL = service.URL
	g.restart()
}
