package graph_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/emulator"
)

type object = map[string]any

// nodesOf queries a connection and returns its nodes.
func (g *gateway) nodesOf(t *testing.T, field, arguments, selected string) []object {
	t.Helper()
	r := g.ask(fmt.Sprintf(`{ list: %s(%s) { nodes { %s } } }`, field, arguments, selected), nil)
	if len(r.Errors) > 0 {
		t.Fatalf("%s(%s): %v", field, arguments, r.Errors)
	}
	var nodes []object
	for _, node := range r.Data["list"].(object)["nodes"].([]any) {
		nodes = append(nodes, node.(object))
	}
	return nodes
}

func idsOf(nodes []object) []string {
	var ids []string
	for _, node := range nodes {
		ids = append(ids, node["id"].(string))
	}
	return ids
}

// TestUserFilters compares each filter, with pages of every size, with a client-side filter of all users.
func TestUserFilters(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 300})
	const e3, e5, teams = "05e9a617-0261-4cee-bb44-138d3ef5d965", "06ebc4ee-1bb5-47dd-8120-11324bc54e06", "57ff2da0-773e-42df-b2af-ffb7a2317929"
	people := g.nodesOf(t, "users", "first: 999", `id displayName accountEnabled userType usageLocation department companyName city country employeeType createdDateTime onPremisesSyncEnabled assignedLicenses { skuId } assignedPlans { servicePlanId capabilityStatus } licenseAssignmentStates { skuId state error assignedByGroup { id } }`)
	states := func(keep func(state object) bool) func(object) bool {
		return func(person object) bool {
			return slices.ContainsFunc(person["licenseAssignmentStates"].([]any), func(state any) bool { return keep(state.(object)) })
		}
	}
	group := ""
	for _, person := range people {
		states(func(state object) bool {
			if by, ok := state["assignedByGroup"].(object); ok && state["error"] != nil && group == "" {
				group = by["id"].(string)
			}
			return false
		})(person)
	}
	has := func(p object, sku string) bool {
		return slices.ContainsFunc(p["assignedLicenses"].([]any), func(l any) bool { return l.(object)["skuId"] == sku })
	}
	assigned := func(sku string, direct, inherited bool) func(object) bool { // one product in exactly these ways
		return func(p object) bool {
			ways := map[any][2]bool{}
			states(func(s object) bool {
				way := ways[s["skuId"]]
				if s["assignedByGroup"] == nil {
					way[0] = true
				} else {
					way[1] = true
				}
				ways[s["skuId"]] = way
				return false
			})(p)
			for of, way := range ways {
				if (sku == "" || of == sku) && way == [2]bool{direct, inherited} {
					return true
				}
			}
			return false
		}
	}
	at, sample := people[len(people)/2]["createdDateTime"].(string), map[string]string{}
	for _, p := range people {
		for _, name := range []string{"department", "companyName", "city", "country", "employeeType", "usageLocation"} {
			if text, ok := p[name].(string); ok && sample[name] == "" {
				sample[name] = text
			}
		}
	}
	throughGroup := func(state object) bool {
		by, ok := state["assignedByGroup"].(object)
		return ok && by["id"] == group
	}
	for filter, keep := range map[string]func(person object) bool{
		`licensed: true`:               func(p object) bool { return len(p["assignedLicenses"].([]any)) > 0 },
		`licensed: false`:              func(p object) bool { return len(p["assignedLicenses"].([]any)) == 0 },
		`displayNameStartsWith: "zOË"`: func(p object) bool { return strings.HasPrefix(strings.ToLower(p["displayName"].(string)), "zoë") },
		`displayNameStartsWith: "O'C"`: func(p object) bool { return strings.HasPrefix(p["displayName"].(string), "O'C") },
		`skuId: "` + e3 + `"`: func(p object) bool {
			return slices.ContainsFunc(p["assignedLicenses"].([]any), func(l any) bool { return l.(object)["skuId"] == e3 })
		},
		`skuIds: ["` + e3 + `", "` + strings.ToUpper(e5) + `"]`: func(p object) bool { return has(p, e3) || has(p, e5) },
		`skuIds: ["` + e3 + `", "` + e5 + `"], state: ERROR`:    states(func(s object) bool { return (s["skuId"] == e3 || s["skuId"] == e5) && s["state"] == "ERROR" }),
		`servicePlanId: "` + teams + `"`: func(p object) bool {
			return slices.ContainsFunc(p["assignedPlans"].([]any), func(l any) bool {
				return l.(object)["servicePlanId"] == teams && l.(object)["capabilityStatus"] == "Enabled"
			})
		},
		`assignment: DIRECT`:                           assigned("", true, false),
		`assignment: INHERITED`:                        assigned("", false, true),
		`assignment: DIRECT_AND_INHERITED`:             assigned("", true, true),
		`assignment: INHERITED, skuId: "` + e3 + `"`:   assigned(e3, false, true),
		`accountEnabled: false`:                        func(p object) bool { return p["accountEnabled"] == false },
		`accountEnabled: false, licensed: true`:        func(p object) bool { return p["accountEnabled"] == false && len(p["assignedLicenses"].([]any)) > 0 },
		`accountEnabled: true, skuIds: ["` + e5 + `"]`: func(p object) bool { return p["accountEnabled"] == true && has(p, e5) },
		`userType: GUEST`:                              func(p object) bool { return p["userType"] == "Guest" },
		`userType: MEMBER, usageLocation: "` + strings.ToLower(sample["usageLocation"]) + `"`: func(p object) bool { return p["userType"] == "Member" && p["usageLocation"] == sample["usageLocation"] },
		`hasUsageLocation: false`: func(p object) bool { return p["usageLocation"] == nil },
		`hasUsageLocation: true, state: ERROR`: func(p object) bool {
			return p["usageLocation"] != nil && states(func(s object) bool { return s["state"] == "ERROR" })(p)
		},
		`onPremisesSynced: true`:                                      func(p object) bool { return p["onPremisesSyncEnabled"] == true },
		`onPremisesSynced: false`:                                     func(p object) bool { return p["onPremisesSyncEnabled"] != true },
		`createdFrom: "` + at + `"`:                                   func(p object) bool { return p["createdDateTime"].(string) >= at },
		`createdBefore: "` + strings.Replace(at, "Z", ".5Z", 1) + `"`: func(p object) bool { return p["createdDateTime"].(string) <= at },
		`department: "` + strings.ToUpper(sample["department"]) + `"`: func(p object) bool { return p["department"] == sample["department"] },
		`companyName: "` + sample["companyName"] + `"`:                func(p object) bool { return p["companyName"] == sample["companyName"] },
		`city: "` + sample["city"] + `"`:                              func(p object) bool { return p["city"] == sample["city"] },
		`country: "` + sample["country"] + `"`:                        func(p object) bool { return p["country"] == sample["country"] },
		`employeeType: "` + sample["employeeType"] + `"`:              func(p object) bool { return p["employeeType"] == sample["employeeType"] },
		`state: ERROR`:                                     states(func(s object) bool { return s["state"] == "ERROR" }),
		`error: COUNT_VIOLATION`:                           states(func(s object) bool { return s["error"] == "COUNT_VIOLATION" }),
		`hasLicenseErrors: true`:                           states(func(s object) bool { return s["error"] != nil }),
		`state: ACTIVE, error: OTHER`:                      states(func(s object) bool { return s["state"] == "ACTIVE" && s["error"] == "OTHER" }),
		`skuId: "` + e3 + `", state: ERROR`:                states(func(s object) bool { return s["skuId"] == e3 && s["state"] == "ERROR" }),
		`assignedByGroup: "GROUP"`:                         states(throughGroup),
		`assignedByGroup: "GROUP", hasLicenseErrors: true`: states(func(s object) bool { return throughGroup(s) && s["error"] != nil }),
	} {
		t.Run(filter, func(t *testing.T) {
			filter = strings.ReplaceAll(filter, "GROUP\"", strings.ToUpper(group)+"\"")
			want := idsOf(slices.DeleteFunc(slices.Clone(people), func(p object) bool { return !keep(p) }))
			if strings.Contains(filter, "assignedByGroup") {
				slices.Sort(want)
			}
			if len(want) == 0 && !strings.Contains(filter, "ACTIVE") && !strings.Contains(filter, "O'C") {
				t.Fatal("no user matches: the test covers nothing")
			}
			for _, sizes := range [][]int{{999}, {7}, {1, 50, 3}} {
				if len(want) > 100 && sizes[0] == 1 {
					continue
				}
				got := g.walkPages(t, "users", ", filter: {"+filter+"}", sizes...)
				if strings.Contains(filter, "assignedByGroup") {
					slices.Sort(got)
				}
				if diff := difference(want, got); diff != "" {
					t.Errorf("pages of %v (-want +got):\n%s", sizes, diff)
				}
			}
		})
	}
}

// TestErrorFilters is TestUserFilters for assignment errors.
func TestErrorFilters(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 200})
	all := g.nodesOf(t, "assignmentErrors", "first: 1000", `id code error occurrenceDateTime skuId assignedTo { id } licenseAssignmentStates { error assignedByGroup { id } }`)
	slices.SortFunc(all, func(a, b object) int {
		return strings.Compare(a["occurrenceDateTime"].(string), b["occurrenceDateTime"].(string))
	})
	middle := all[len(all)/2]
	at, person := middle["occurrenceDateTime"].(string), middle["assignedTo"].(object)["id"].(string)
	sku, other, group := middle["skuId"].(string), "", ""
	from := func(e object) bool {
		return slices.ContainsFunc(e["licenseAssignmentStates"].([]any), func(s any) bool {
			by, _ := s.(object)["assignedByGroup"].(object)
			return s.(object)["error"] != nil && by["id"] == group
		})
	}
	for _, e := range all {
		if e["skuId"] != sku {
			other = e["skuId"].(string)
		}
		for _, s := range e["licenseAssignmentStates"].([]any) {
			if by, ok := s.(object)["assignedByGroup"].(object); ok && s.(object)["error"] != nil {
				group = by["id"].(string)
			}
		}
	}
	if n := len(slices.DeleteFunc(slices.Clone(all), func(e object) bool { return !from(e) })); n == 0 || n == len(all) {
		t.Fatalf("%d of %d errors are of the group", n, len(all))
	}
	for filter, keep := range map[string]func(e object) bool{
		`code: "missingDEPENDENCY"`:                                 func(e object) bool { return e["code"] == "MissingDependency" },
		`code: "Missing"`:                                           func(object) bool { return false },
		`code: "none such"`:                                         func(object) bool { return false },
		`occurredFrom: "` + at + `"`:                                func(e object) bool { return e["occurrenceDateTime"].(string) >= at },
		`occurredBefore: "` + at + `"`:                              func(e object) bool { return e["occurrenceDateTime"].(string) < at },
		`assignedTo: "` + strings.ToUpper(person) + `"`:             func(e object) bool { return e["assignedTo"].(object)["id"] == person },
		`assignedTo: "` + person + `", skuId: "` + sku + `"`:        func(e object) bool { return e["assignedTo"].(object)["id"] == person && e["skuId"] == sku },
		`skuIds: ["` + sku + `", "` + strings.ToUpper(other) + `"]`: func(e object) bool { return e["skuId"] == sku || e["skuId"] == other },
		`codes: ["missingDependency", "InsufficientUnits"]`:         func(e object) bool { return e["code"] == "MissingDependency" || e["code"] == "InsufficientUnits" },
		`error: COUNT_VIOLATION`:                                    func(e object) bool { return e["code"] == "InsufficientUnits" && e["error"] == "COUNT_VIOLATION" },
		`error: OTHER, skuIds: ["` + sku + `"]`:                     func(e object) bool { return e["error"] == "OTHER" && e["skuId"] == sku },
		`groupId: "` + group + `"`:                                  from,
		`groupId: "` + group + `", error: COUNT_VIOLATION`:          func(e object) bool { return from(e) && e["error"] == "COUNT_VIOLATION" },
		`skuId: "` + sku + `", code: "MissingDependency"`:           func(e object) bool { return e["skuId"] == sku && e["code"] == "MissingDependency" },
	} {
		t.Run(filter, func(t *testing.T) {
			want := idsOf(slices.DeleteFunc(slices.Clone(all), func(e object) bool { return !keep(e) }))
			slices.Sort(want)
			for _, sizes := range [][]int{{1000}, {7}, {1, 20}} {
				for _, order := range []string{"", ", orderBy: {field: PRODUCT}"} {
					got := g.walkPages(t, "assignmentErrors", ", filter: {"+filter+"}"+order, sizes...)
					slices.Sort(got)
					if diff := difference(want, got); diff != "" {
						t.Errorf("pages of %v%s (-want +got):\n%s", sizes, order, diff)
					}
				}
			}
		})
	}
	var ofGroup []string
	for _, e := range all {
		if from(e) {
			ofGroup = append(ofGroup, e["id"].(string))
		}
	}
	slices.Sort(ofGroup)
	r := g.ask(`{ group(id: "`+group+`") { assignmentErrors(first: 1000) { nodes { id } } } }`, nil)
	if diff := difference(ofGroup, slices.Sorted(slices.Values(valuesAt(r.Data, "group.assignmentErrors.nodes.id")))); diff != "" || len(r.Errors) > 0 {
		t.Errorf("errors of the group (-want +got):\n%s\n%v", diff, r.Errors)
	}
}

// TestErrorOrder tests each order of assignment errors, in both directions.
func TestErrorOrder(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Variants: emulator.Variants{PageSize: 40}})
	for field, key := range map[string]func(object) string{
		"OCCURRENCE_DATE_TIME": func(e object) string { return e["occurrenceDateTime"].(string) },
		"PRODUCT":              func(e object) string { return strings.ToLower(e["sku"].(object)["productName"].(string)) },
		"ASSIGNEE":             func(e object) string { return strings.ToLower(e["assignedTo"].(object)["displayName"].(string)) },
	} {
		for _, direction := range []string{"ASC", "DESC"} {
			arguments := `first: 1000, orderBy: {field: ` + field + `, direction: ` + direction + `}`
			var keys []string
			for _, e := range g.nodesOf(t, "assignmentErrors", arguments, `id occurrenceDateTime sku { productName } assignedTo { displayName }`) {
				keys = append(keys, key(e))
			}
			if direction == "DESC" {
				slices.Reverse(keys)
			}
			if len(keys) < 100 || !slices.IsSorted(keys) || keys[0] == keys[len(keys)-1] {
				t.Errorf("%s: %d keys, %v", arguments, len(keys), keys[:min(len(keys), 9)])
			}
		}
	}
	// Sorting by what the caller does not select reads it, and needs the permission to read it.
	g.as(read, readErrors)
	if r := g.ask(`{ assignmentErrors(first: 1, orderBy: {field: ASSIGNEE}) { nodes { id } } }`, nil); len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Message, readPersonal) {
		t.Errorf("%s", r.raw)
	}
	if r := g.ask(`{ assignmentErrors(first: 1, orderBy: {field: PRODUCT}) { totalCount nodes { id } } }`, nil); len(r.Errors) != 0 || r.Data["assignmentErrors"].(object)["totalCount"] == nil {
		t.Errorf("%s", r.raw)
	}
}

// TestSeveralProductsOfErrors tests that errors of several products are filtered by Microsoft Graph, and here where it
// rejects the operator in.
func TestSeveralProductsOfErrors(t *testing.T) {
	t.Parallel()
	for _, rejects := range []bool{false, true} {
		g := startGateway(t, emulator.Options{Variants: emulator.Variants{SkuIDEqualOnly: rejects}})
		g.ask(poolQuery, nil)
		g.forget()
		r := g.ask(`{ assignmentErrors(first: 10, filter: {skuIds: ["`+skuE3+`", "639dec6b-bb19-468b-871c-c5c441c4b0cb"]}) { nodes { skuId } } }`, nil)
		requests := g.tenant.Requests()
		if want := map[bool]int{false: 1, true: 2}[rejects]; len(r.Errors) > 0 || len(requests) != want || len(valuesAt(r.Data, "assignmentErrors.nodes.skuId")) == 0 {
			t.Errorf("rejected %v: %d requests, %s", rejects, len(requests), r.raw)
		}
		if sent, err := url.QueryUnescape(requests[0].URL); err != nil || !strings.Contains(sent, "$filter=skuId in ("+skuE3+", 639dec6b-bb19-468b-871c-c5c441c4b0cb)") {
			t.Errorf("sent %s", sent)
		}
	}
}

// TestRemedyOfUnknownCode tests that the license states of the assignees, read for 15 users at once, determine the remedy
// of an error with an unknown code.
func TestRemedyOfUnknownCode(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	const query = `{ assignmentErrors(first: 10) { nodes { code error remedy { action } } } }`
	known := g.ask(query, nil)
	g.forget()
	g.tenant.Inject(emulator.Fault{Endpoint: errorsEndpoint, Set: map[string]any{"code": "Novel"}, Times: -1})
	r := g.ask(query, nil)
	if parts := r.Extensions.Upstream.BatchParts + r.Extensions.Upstream.Requests; len(r.Errors) > 0 || parts != 2 || valuesAt(r.Data, "assignmentErrors.nodes.error") != nil {
		t.Errorf("%d requests: %s", parts, r.raw)
	}
	if diff := difference(valuesAt(known.Data, "assignmentErrors.nodes.remedy.action"), valuesAt(r.Data, "assignmentErrors.nodes.remedy.action")); diff != "" {
		t.Errorf("(-known +unknown):\n%s", diff)
	}
}

// TestScanBudget tests that a page that the budget ended can be continued.
func TestScanBudget(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Variants: emulator.Variants{PageSize: 5}})
	r := g.ask(`{ assignmentErrors(first: 50, filter: {code: "none such"}) { nodes { id } scan { read budget stopped } pageInfo { hasNextPage endCursor } } }`, nil)
	page := r.Data["assignmentErrors"].(object)
	if diff := difference(object{"read": 50.0, "budget": 10.0, "stopped": true}, page["scan"]); diff != "" {
		t.Errorf("scan (-want +got):\n%s", diff)
	}
	info := page["pageInfo"].(object)
	if len(page["nodes"].([]any)) != 0 || info["hasNextPage"] != true || info["endCursor"] == nil {
		t.Errorf("%v", page)
	}
	if r.Extensions.Upstream.Requests > 12 {
		t.Errorf("took %d requests", r.Extensions.Upstream.Requests)
	}
	if left := g.walkPages(t, "assignmentErrors", `, filter: {code: "MissingDependency"}`, 50); len(left) < 50 {
		t.Errorf("%d users", len(left))
	}
}

// TestGroupFilters compares Microsoft Graph's filters of groups with a client-side filter of all groups.
func TestGroupFilters(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	const e3 = "05e9a617-0261-4cee-bb44-138d3ef5d965"
	groups := g.nodesOf(t, "groups", "first: 999", `id displayName assignedLicenses { skuId } membersWithLicenseErrors(first: 1) { nodes { id } }`)
	if len(groups) != 25 {
		t.Errorf("%d groups", len(groups))
	}
	for filter, keep := range map[string]func(group object) bool{
		`hasMembersWithLicenseErrors: true`: func(g object) bool { return len(g["membersWithLicenseErrors"].(object)["nodes"].([]any)) > 0 },
		`displayNameStartsWith: "copilot"`:  func(g object) bool { return strings.HasPrefix(g["displayName"].(string), "Copilot") },
		`skuId: "` + e3 + `"`: func(g object) bool {
			return slices.ContainsFunc(g["assignedLicenses"].([]any), func(l any) bool { return l.(object)["skuId"] == e3 })
		},
	} {
		t.Run(filter, func(t *testing.T) {
			want := idsOf(slices.DeleteFunc(slices.Clone(groups), func(g object) bool { return !keep(g) }))
			if len(want) == 0 {
				t.Fatal("no group matches: the test covers nothing")
			}
			for _, sizes := range [][]int{{999}, {2}} {
				if diff := difference(want, g.walkPages(t, "groups", ", filter: {"+filter+"}", sizes...)); diff != "" {
					t.Errorf("pages of %v (-want +got):\n%s", sizes, diff)
				}
			}
		})
	}
}

// TestOrder tests the orders of users, groups and products, with and without a filter, page by page.
func TestOrder(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	for _, tt := range []struct{ field, arguments, by string }{
		{"users", `orderBy: {field: DISPLAY_NAME}`, "displayName"},
		{"users", `orderBy: {field: USER_PRINCIPAL_NAME}, filter: {displayNameStartsWith: "A"}`, "userPrincipalName"},
		{"groups", `orderBy: {field: DISPLAY_NAME}`, "displayName"},
		{"subscribedSkus", `orderBy: {field: PRODUCT_NAME}`, "productName"},
		{"subscribedSkus", `orderBy: {field: CONSUMED_UNITS}`, "consumedUnits"},
		{"allotments", `orderBy: {field: AVAILABLE_UNITS}`, "availableUnits"},
		{"allotments", `orderBy: {field: SKU_PART_NUMBER}`, "skuPartNumber"},
	} {
		t.Run(tt.field+" "+tt.by, func(t *testing.T) {
			up := g.nodesOf(t, tt.field, "first: 500, "+tt.arguments, "id "+tt.by)
			if !slices.IsSortedFunc(up, func(a, b object) int {
				if n, ok := a[tt.by].(float64); ok {
					return int(n - b[tt.by].(float64))
				}
				x, _ := a[tt.by].(string) // null sorts first
				y, _ := b[tt.by].(string)
				return strings.Compare(strings.ToLower(x), strings.ToLower(y))
			}) || len(up) < 5 {
				t.Errorf("%v", up)
			}
			down := g.nodesOf(t, tt.field, "first: 500, "+strings.Replace(tt.arguments, "}", ", direction: DESC}", 1), tt.by)
			slices.Reverse(down)
			for i := range down {
				if down[i][tt.by] != up[i][tt.by] {
					t.Fatalf("%d: %v, reversed %v", i, up[i], down[i])
				}
			}
			if tt.field == "users" || tt.field == "groups" {
				if diff := difference(idsOf(up), g.walkPages(t, tt.field, ", "+tt.arguments, 9)); diff != "" {
					t.Errorf("in pages (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestTotalCount tests totalCount on every page, and null for lists that Microsoft Graph does not count.
func TestTotalCount(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	count := func(field, arguments, after string) (total any, end string) {
		t.Helper()
		if after != "" {
			arguments += `, after: "` + after + `"`
		}
		r := g.ask(fmt.Sprintf(`{ list: %s(%s) { totalCount nodes { id } pageInfo { endCursor } } }`, field, arguments), nil)
		if len(r.Errors) > 0 {
			t.Fatalf("%s(%s): %v", field, arguments, r.Errors)
		}
		list := r.Data["list"].(object)
		return list["totalCount"], list["pageInfo"].(object)["endCursor"].(string)
	}
	for _, tt := range []struct {
		field, arguments string
		want             any
	}{
		{"users", "first: 3", 500.0},
		{"users", `first: 3, filter: {licensed: false}`, 30.0},
		{"users", `first: 3, filter: {state: ERROR}`, nil},
		{"users", `first: 3, filter: {licensed: true, hasLicenseErrors: true}`, nil}, // although Microsoft Graph counts `licensed`
		{"groups", "first: 3", 25.0},
		{"subscribedSkus", "first: 3", 10.0},
		{"allotments", "first: 3", 14.0},
		{"allotments", `first: 1, filter: {minAvailableUnits: 1}`, nil}, // any
		{"assignmentErrors", "first: 3", nil},
		{"assignments", "first: 3", nil},
	} {
		total, end := count(tt.field, tt.arguments, "")
		later, _ := count(tt.field, tt.arguments, end)
		if tt.want != nil && total != tt.want || total != later {
			t.Errorf("%s(%s): %v, then %v, want %v", tt.field, tt.arguments, total, later, tt.want)
		}
		if counted := tt.field == "allotments" || tt.want != nil; counted != (total != nil) {
			t.Errorf("%s(%s): %v", tt.field, tt.arguments, total)
		}
	}
	// The count is current, also if the first page was read without it.
	page := g.ask(`{ users(first: 3) { pageInfo { endCursor } } }`, nil)
	if total, _ := count("users", "first: 3", page.Data["users"].(object)["pageInfo"].(object)["endCursor"].(string)); total != 500.0 {
		t.Errorf("totalCount %v on the second page", total)
	}
	_, end := count("assignments", "first: 3", "")
	if _, next := count("assignments", "first: 3", end); next == end {
		t.Error("the page repeats")
	}
}

// TestMemoryPages reads lists that are paged in memory from both ends.
func TestMemoryPages(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	for _, field := range []string{"allotments", "subscribedSkus", "companySubscriptions"} {
		t.Run(field, func(t *testing.T) {
			all := idsOf(g.nodesOf(t, field, "first: 1000", "id"))
			for size := 1; size <= len(all)+1; size++ {
				var forward, backward []string
				for _, way := range []struct {
					ids                        *[]string
					size, cursor, more, before string
					end                        string
				}{
					{&forward, "first", "after", "hasNextPage", "hasPreviousPage", "endCursor"},
					{&backward, "last", "before", "hasPreviousPage", "hasNextPage", "startCursor"},
				} {
					arguments := fmt.Sprintf("%s: %d", way.size, size)
					for page := 0; ; page++ {
						r := g.ask(fmt.Sprintf(`{ list: %s(%s) { edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`, field, arguments), nil)
						if len(r.Errors) > 0 {
							t.Fatal(r.Errors)
						}
						list := r.Data["list"].(object)
						info := list["pageInfo"].(object)
						var ids []string
						for _, edge := range list["edges"].([]any) {
							ids = append(ids, edge.(object)["node"].(object)["id"].(string))
						}
						if way.size == "first" {
							forward = append(forward, ids...)
						} else {
							backward = append(slices.Clone(ids), backward...)
						}
						if info[way.before] != (page > 0) {
							t.Fatalf("%s: %v on page %d", way.before, info[way.before], page)
						}
						if info[way.more] != true {
							break
						}
						if page > len(all) {
							t.Fatal("the list does not end")
						}
						arguments = fmt.Sprintf("%s: %d, %s: %q", way.size, size, way.cursor, info[way.end])
					}
				}
				if !slices.Equal(forward, all) || !slices.Equal(backward, all) {
					t.Errorf("pages of %d: %v forward, %v backward, of %v", size, forward, backward, all)
				}
			}
		})
	}
	for query, want := range map[string]string{
		`{ allotments(first: 1, last: 1) { nodes { id } } }`:                                                            "not both",
		`{ allotments(first: 0) { nodes { id } } }`:                                                                     "`first`",
		`{ allotments(last: 1001) { nodes { id } } }`:                                                                   "`last`",
		`{ allotments(before: "x") { nodes { id } } }`:                                                                  "`before`",
		`{ users(filter: {hasLicenseErrors: false}) { nodes { id } } }`:                                                 "must be true",
		`{ users(filter: {displayNameStartsWith: ""}) { nodes { id } } }`:                                               "1 to 120",
		`{ users(filter: {assignedByGroup: "x"}) { nodes { id } } }`:                                                    "GUID",
		`{ users(filter: {assignedByGroup: "05e9a617-0261-4cee-bb44-138d3ef5d965", licensed: true}) { nodes { id } } }`: "can be combined",
		`{ groups(filter: {hasMembersWithLicenseErrors: false}) { nodes { id } } }`:                                     "must be true",
		`{ assignmentErrors(filter: {assignedTo: "x"}) { nodes { id } } }`:                                              "GUID",
		`{ me { id } }`: "`user`",
	} {
		g.forget()
		r := g.ask(query, nil)
		if len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != "BAD_USER_INPUT" || !strings.Contains(r.Errors[0].Message, want) {
			t.Errorf("%s: %s", query, r.raw)
		}
		if got := g.tenant.Counts(); len(got) > 0 {
			t.Errorf("%s: upstream requests: %v", query, got)
		}
	}
}

// TestManyRows reads ten thousand users in pages of a hundred, each once.
func TestManyRows(t *testing.T) {
	t.Parallel()
	const people = 10_000
	g := startGateway(t, emulator.Options{Users: people})
	ids := g.walkPages(t, "users", "", 100)
	slices.Sort(ids)
	if len(ids) != people || len(slices.Compact(ids)) != people {
		t.Errorf("%d people, %d different ones", len(ids), len(slices.Compact(ids)))
	}
}

// TestDuplicateQuestions tests that a list under two aliases is read once.
func TestDuplicateQuestions(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	g := startGateway(t, emulator.Options{})
	g.ask(`{ subscribedSkus { nodes { id } } }`, nil)
	g.forget()
	g.answered(g.ask(`{ a: users(first: 5) { nodes { id } } b: users(first: 5) { nodes { id displayName } } c: groups { nodes { id } } d: subscribedSkus(last: 1) { nodes { id } } e: subscribedSkus { totalCount } }`, nil), 1)
}

// TestForeignCursors tests that a cursor is rejected, without a request, by lists with other arguments.
func TestForeignCursors(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 100})
	groups := idsOf(g.nodesOf(t, "groups", `filter: {skuId: "05e9a617-0261-4cee-bb44-138d3ef5d965"}`, "id"))
	allotments := idsOf(g.nodesOf(t, "allotments", "first: 50", "id"))
	lists := []string{
		`users(first: 1, %s)`, `users(first: 1, filter: {licensed: true}, %s)`, `users(first: 1, filter: {licensed: false}, %s)`,
		`users(first: 1, filter: {state: ERROR}, %s)`, `users(first: 1, filter: {state: ACTIVE}, %s)`, `users(first: 1, orderBy: {field: DISPLAY_NAME}, %s)`,
		`users(first: 1, orderBy: {field: DISPLAY_NAME, direction: DESC}, %s)`, `users(first: 1, filter: {assignedByGroup: "` + groups[0] + `"}, %s)`,
		`users(first: 1, filter: {assignedByGroup: "` + groups[1] + `"}, %s)`,
		`groups(first: 1, %s)`, `groups(first: 1, filter: {hasMembersWithLicenseErrors: true}, %s)`,
		`assignmentErrors(first: 1, %s)`, `assignmentErrors(first: 1, filter: {code: "MissingDependency"}, %s)`, `assignments(first: 1, %s)`,
		`allotments(first: 1, %s)`, `allotments(first: 1, filter: {minAvailableUnits: 1}, %s)`, `subscribedSkus(first: 1, %s)`,
		`subscribedSkus(first: 1, orderBy: {field: PRODUCT_NAME}, %s)`,
	}
	nested := []string{
		`group(id: "` + groups[0] + `") { list: members(first: 1, %s)`, `group(id: "` + groups[1] + `") { list: members(first: 1, %s)`,
		`group(id: "` + groups[0] + `") { list: membersWithLicenseErrors(first: 1, %s)`,
		`allotment(id: "` + allotments[0] + `") { list: assignments(first: 1, %s)`, `allotment(id: "` + allotments[1] + `") { list: assignments(first: 1, %s)`,
		`subscribedSku(skuId: "05e9a617-0261-4cee-bb44-138d3ef5d965") { list: assignmentErrors(first: 1, %s)`,
	}
	type place struct{ query, cursor string }
	var places []place
	for _, list := range append(lists, nested...) {
		end := ""
		if slices.Contains(nested, list) {
			end = " }"
		} else {
			list = "list: " + list
		}
		query := `{ ` + list + ` { nodes { __typename } pageInfo { endCursor } }` + end + ` }`
		r := g.ask(strings.Replace(query, ", %s", "", 1), nil)
		cursor := ""
		walk(r.Data, func(object object) {
			if text, ok := object["endCursor"].(string); ok {
				cursor = text
			}
		})
		if len(r.Errors) > 0 || cursor == "" {
			t.Fatalf("%s: %s", query, r.raw)
		}
		places = append(places, place{query, cursor})
	}
	for i, from := range places {
		for j, to := range places {
			g.forget()
			r := g.ask(strings.Replace(to.query, "%s", fmt.Sprintf("after: %q", from.cursor), 1), nil)
			refused := len(r.Errors) == 1 && r.Errors[0].Extensions["code"] == "BAD_USER_INPUT"
			if refused != (i != j) {
				t.Errorf("%s\naccepts the cursor of %s: %s", to.query, from.query, r.raw)
			}
		}
	}
}

// TestOverview compares the overview with counts of the lists.
func TestOverview(t *testing.T) {
	t.Parallel()
	for _, people := range []int{500, 4000} {
		g := startGateway(t, emulator.Options{Users: people})
		g.tenant.Inject(emulator.Fault{Endpoint: "GET /admin/cloudLicensing/allotments", Rewrite: editedList(func(i int, a object) {
			for _, s := range a["subscriptions"].([]any) {
				s.(object)["nextLifecycleDate"] = time.Now().AddDate(0, 0, 10+(i*7)%20).Format(time.DateOnly)
			}
		})})
		r := g.ask(`{
			licensingOverview {
				products { sku { skuId } units { free } nextLifecycleDate }
				assignmentErrors { total complete byCode { count } byProduct { count } }
				waitingMembers { count complete longestSince allotment { id } }
			}
			allotments { nodes { id skuId subscriptions { nextLifecycleDate } waitingMembers(first: 1000) { nodes { waitingSinceDateTime } } } }
		}`, nil)
		if len(r.Errors) > 0 {
			t.Fatalf("%s", r.raw)
		}
		overview := r.Data["licensingOverview"].(object)
		errs, counted := len(g.walkPages(t, "assignmentErrors", "", 1000)), overview["assignmentErrors"].(object)
		if counted["total"] != float64(min(errs, 1000)) || counted["complete"] != (errs <= 1000) {
			t.Errorf("%v of %d errors", counted, errs)
		}
		for _, by := range []string{"byCode", "byProduct"} {
			sum := 0.0
			for _, row := range counted[by].([]any) {
				sum += row.(object)["count"].(float64)
			}
			if sum != counted["total"] {
				t.Errorf("%s adds up to %v", by, sum)
			}
		}
		first, waiting := map[any]string{}, map[any][]string{}
		for _, node := range r.Data["allotments"].(object)["nodes"].([]any) {
			a := node.(object)
			for _, s := range a["subscriptions"].([]any) {
				if day := s.(object)["nextLifecycleDate"].(string); first[a["skuId"]] == "" || day < first[a["skuId"]] {
					first[a["skuId"]] = day
				}
			}
			for _, m := range a["waitingMembers"].(object)["nodes"].([]any) {
				waiting[a["id"]] = append(waiting[a["id"]], m.(object)["waitingSinceDateTime"].(string))
			}
		}
		for _, product := range overview["products"].([]any) {
			if p := product.(object); p["nextLifecycleDate"] != first[p["sku"].(object)["skuId"]] {
				t.Errorf("%v, want %v", p, first[p["sku"].(object)["skuId"]])
			}
		}
		rows := overview["waitingMembers"].([]any)
		if len(rows) != len(waiting) || len(rows) == 0 {
			t.Errorf("%d queues, want %d", len(rows), len(waiting))
		}
		for _, row := range rows {
			q := row.(object)
			since := waiting[q["allotment"].(object)["id"]]
			if q["count"] != float64(len(since)) || q["longestSince"] != slices.Min(since) || q["complete"] != true {
				t.Errorf("%v, want %d", q, len(since))
			}
		}
	}
}

// TestNextLifecycleDate tests that deleted subscriptions and past dates are ignored, and that the purchases have the
// dates where allotments are forbidden.
func TestNextLifecycleDate(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 50})
	deleted, dates, compareFallback := 0, 0, true
	check := func() {
		t.Helper()
		today := g.tenant.Now().UTC().Format(time.DateOnly)
		r := g.ask(`{ licensingOverview { products { sku { skuId } nextLifecycleDate } } allotments { nodes { skuId subscriptions { nextLifecycleDate state } } } }`, nil)
		if len(r.Errors) > 0 {
			t.Fatalf("%s", r.raw)
		}
		next := map[any]any{}
		for _, node := range r.Data["allotments"].(object)["nodes"].([]any) {
			for _, s := range node.(object)["subscriptions"].([]any) {
				sku, day := node.(object)["skuId"], s.(object)["nextLifecycleDate"].(string)
				if s.(object)["state"] == "DELETED" {
					deleted++
				} else if day >= today && (next[sku] == nil || day < next[sku].(string)) {
					next[sku] = day
				}
			}
		}
		for _, product := range r.Data["licensingOverview"].(object)["products"].([]any) {
			p := product.(object)
			if p["nextLifecycleDate"] != next[p["sku"].(object)["skuId"]] {
				t.Errorf("on %s: %v, want %v", today, p, next[p["sku"].(object)["skuId"]])
			}
			if p["nextLifecycleDate"] != nil {
				dates++
			}
		}
		if compareFallback {
			g.tenant.SetVariants(emulator.Variants{CloudLicensing: "forbidden"})
			fallback := g.ask(`{ licensingOverview { products { sku { skuId } nextLifecycleDate } } }`, nil)
			g.tenant.SetVariants(emulator.Variants{})
			if diff := difference(r.Data["licensingOverview"], fallback.Data["licensingOverview"]); diff != "" || len(fallback.Errors) > 0 {
				t.Errorf("on %s: %v (-allotments +purchases)\n%s", today, fallback.Errors, diff)
			}
		}
	}
	for range 7 {
		check()
		if err := g.tenant.Advance(60 * 24 * time.Hour); err != nil {
			t.Fatal(err)
		}
		g.waits.pass(60 * 24 * time.Hour)
	}
	if deleted == 0 || dates == 0 {
		t.Errorf("%d deleted subscriptions, %d products with a date", deleted, dates)
	}
	g, compareFallback = startGateway(t, emulator.Options{Users: 50}), false
	g.tenant.Inject(emulator.Fault{Endpoint: "GET /admin/cloudLicensing/allotments", Rewrite: editedList(func(i int, a object) {
		for _, s := range a["subscriptions"].([]any) {
			s.(object)["nextLifecycleDate"] = time.Now().AddDate(0, 0, 3*i-10).Format(time.DateOnly)
		}
	}), Times: -1})
	check()
}

// TestFiltersAndOrders combines every filter with every order, on tenants that reject what Microsoft Graph rejects,
// with and without support for a product among other conditions, and compares the results.
func TestFiltersAndOrders(t *testing.T) {
	t.Parallel()
	const e3 = "05e9a617-0261-4cee-bb44-138d3ef5d965"
	has := func(o object) bool {
		return slices.ContainsFunc(o["assignedLicenses"].([]any), func(l any) bool { return l.(object)["skuId"] == e3 })
	}
	named := func(prefix string) func(object) bool {
		return func(o object) bool { return strings.HasPrefix(strings.ToLower(o["displayName"].(string)), prefix) }
	}
	type condition struct {
		text string
		keep func(object) bool
	}
	for _, list := range []struct {
		field, selected string
		conditions      []condition
		orders          []string
	}{
		{"users", "id displayName userPrincipalName assignedLicenses { skuId }", []condition{
			{`skuId: "` + e3 + `"`, has},
			{`licensed: true`, func(o object) bool { return len(o["assignedLicenses"].([]any)) > 0 }},
			{`displayNameStartsWith: "M"`, named("m")},
		}, []string{"", "DISPLAY_NAME", "USER_PRINCIPAL_NAME"}},
		{"groups", "id displayName assignedLicenses { skuId } membersWithLicenseErrors(first: 1) { nodes { id } }", []condition{
			{`skuId: "` + e3 + `"`, has},
			{`hasMembersWithLicenseErrors: true`, func(o object) bool { return len(o["membersWithLicenseErrors"].(object)["nodes"].([]any)) > 0 }},
			{`displayNameStartsWith: "Microsoft 365"`, named("microsoft 365")},
		}, []string{"", "DISPLAY_NAME"}},
	} {
		for name, fault := range map[string]*emulator.Fault{"strict": nil, "stricter": {Contains: ") and ", Status: 400, Code: "Request_UnsupportedQuery", Times: -1}} {
			t.Run(list.field+" "+name, func(t *testing.T) {
				t.Parallel()
				g := startGateway(t, emulator.Options{})
				all := g.nodesOf(t, list.field, "first: 999", list.selected)
				if fault != nil {
					g.tenant.Inject(*fault)
				}
				for set := range 1 << len(list.conditions) {
					var conditions []string
					want := slices.Clone(all)
					for i, c := range list.conditions {
						if set>>i&1 == 1 {
							conditions = append(conditions, c.text)
							want = slices.DeleteFunc(want, func(o object) bool { return !c.keep(o) })
						}
					}
					filter := strings.Join(conditions, ", ")
					failing := strings.Contains(filter, "hasMembersWithLicenseErrors")
					local := failing || fault != nil && strings.Contains(filter, "skuId") && len(conditions) > 1
					if len(want) == 0 {
						t.Fatalf("%s has no matches: the test covers nothing", filter)
					}
					for _, order := range list.orders {
						arguments := "filter: {" + filter + "}"
						if order != "" {
							arguments += ", orderBy: {field: " + order + ", direction: DESC}"
						}
						if failing && order != "" {
							r := g.ask("{ list: "+list.field+"("+arguments+") { nodes { id } } }", nil)
							if len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Message, "`orderBy`") || r.Extensions.Upstream.Requests != 0 {
								t.Errorf("%s: %s", arguments, r.raw)
							}
							continue
						}
						r := g.ask("{ list: "+list.field+"(first: 999, "+arguments+") { totalCount nodes { id displayName } } }", nil)
						if len(r.Errors) > 0 {
							t.Errorf("%s: %v", arguments, r.Errors)
							continue
						}
						page := r.Data["list"].(object)
						var got []object
						for _, node := range page["nodes"].([]any) {
							got = append(got, node.(object))
						}
						ids := idsOf(got)
						if order == "DISPLAY_NAME" && !slices.IsSortedFunc(got, func(a, b object) int {
							return strings.Compare(strings.ToLower(b["displayName"].(string)), strings.ToLower(a["displayName"].(string)))
						}) {
							t.Errorf("%s: not sorted", arguments)
						}
						if total := page["totalCount"]; local != (total == nil) || total != nil && total != float64(len(want)) {
							t.Errorf("%s: totalCount %v, want %d or null if filtered by the gateway (%t)", arguments, total, len(want), local)
						}
						if len(want) < 100 {
							if walked := g.walkPages(t, list.field, ", "+arguments, 4); !slices.Equal(walked, ids) {
								t.Errorf("%s: in pages %v, in one page %v", arguments, walked, ids)
							}
						}
						wanted := idsOf(want)
						slices.Sort(wanted)
						slices.Sort(ids)
						if diff := difference(wanted, ids); diff != "" {
							t.Errorf("%s (-want +got):\n%s", arguments, diff)
						}
					}
				}
			})
		}
	}
}

// TestPrincipalNames tests userPrincipalNames that have to be escaped in a URL.
func TestPrincipalNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"$svc.backup@licensegraph.example", "$o'neil#ext#@licensegraph.example", "ada#ext#@licensegraph.example", "o'neil@licensegraph.example"} {
		state := fmt.Sprintf(`{"format": "licensegraph tenant 1", "users": [{"userPrincipalName": %q, "properties": {"displayName": "A"}}, {"userPrincipalName": "b@licensegraph.example", "properties": {"displayName": "B"}}]}`, name)
		g := startGateway(t, emulator.Options{State: strings.NewReader(state)})
		r := g.ask(`query($name: String!) { one: user(userPrincipalName: $name) { displayName userPrincipalName } }`, map[string]any{"name": name})
		if diff := difference(object{"displayName": "A", "userPrincipalName": name}, r.Data["one"]); diff != "" {
			t.Errorf("%s (-want +got):\n%s\n%s", name, diff, r.raw)
		}
		r = g.ask(`query($name: String!) { a: user(userPrincipalName: $name) { displayName } b: user(userPrincipalName: "b@licensegraph.example") { displayName } s: subscribedSkus { totalCount } }`, map[string]any{"name": name})
		if len(r.Errors) > 0 || r.Data["a"].(object)["displayName"] != "A" || r.Data["b"].(object)["displayName"] != "B" {
			t.Errorf("%s", r.raw)
		}
	}
}

// TestUsersOfGroupWithDevices filters by a group with members that are not users.
func TestUsersOfGroupWithDevices(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	r := g.ask(`{ groups(filter: {displayNameStartsWith: "Frontline"}) { nodes { id members(first: 999) { nodes { __typename } } } } }`, nil)
	mixed := 0
	for _, node := range r.Data["groups"].(object)["nodes"].([]any) {
		kinds := map[any]bool{}
		for _, member := range node.(object)["members"].(object)["nodes"].([]any) {
			kinds[member.(object)["__typename"]] = true
		}
		if len(kinds) < 2 {
			continue
		}
		mixed++
		people := g.ask(`query Q($group: ID!) { users(first: 300, filter: {assignedByGroup: $group}) { nodes { id } } }`, map[string]any{"group": node.(object)["id"]})
		if len(people.Errors) > 0 || len(people.Data["users"].(object)["nodes"].([]any)) == 0 {
			t.Errorf("%s", people.raw)
		}
	}
	if mixed == 0 {
		t.Error("no group has users and other members")
	}
}

// TestUncounted tests that a failed count does not fail the page.
func TestUncounted(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	first := g.ask(`{ users(first: 3) { pageInfo { endCursor } } }`, nil)
	end := first.Data["users"].(object)["pageInfo"].(object)["endCursor"]
	g.tenant.Inject(emulator.Fault{Endpoint: usersEndpoint, Contains: "$top=1", Status: 500, Times: -1})
	r := g.ask(`query Q($after: String) { users(first: 3, after: $after) { totalCount nodes { id } } }`, map[string]any{"after": end})
	if errs := clientErrors(r); len(errs) != 1 || errs[0].Path != "users.totalCount" {
		t.Errorf("errors: %v", errs)
	}
	if users := r.Data["users"].(object); users["totalCount"] != nil || len(users["nodes"].([]any)) != 3 {
		t.Errorf("%s", r.raw)
	}
	// An invalid count is an error of totalCount only, also on a later page.
	for _, count := range []any{5.5, "5", json.RawMessage("5.0"), json.RawMessage("1e300"), []any{}} {
		for _, after := range []any{nil, end} {
			g.forget()
			g.tenant.Inject(emulator.Fault{Endpoint: usersEndpoint, Set: map[string]any{"@odata.count": count}, Times: -1})
			r := g.ask(`query Q($after: String) { users(first: 3, after: $after) { totalCount nodes { id } } }`, map[string]any{"after": after})
			if errs := clientErrors(r); len(errs) != 1 || errs[0].Path != "users.totalCount" || !strings.Contains(r.Errors[0].Message, "@odata.count") {
				t.Errorf("%v: %v", count, errs)
			}
			if users, _ := r.Data["users"].(object); users == nil || users["totalCount"] != nil || len(users["nodes"].([]any)) != 3 {
				t.Errorf("%v: %s", count, r.raw)
			}
		}
	}
}

// TestFiltersInMicrosoftGraph tests that filters that Microsoft Graph supports are sent to it: one request fills the page.
func TestFiltersInMicrosoftGraph(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	g.ask(`{ users(first: 1) { nodes { id } } }`, nil) // the token
	for _, tt := range []struct{ filter, want string }{
		{`accountEnabled: false, licensed: true`, "assignedLicenses/$count ne 0 and accountEnabled eq false"},
		{`userType: GUEST`, "userType eq 'Guest'"},
		{`hasUsageLocation: false, createdBefore: "2026-01-01T00:00:00Z"`, "usageLocation eq null and createdDateTime le 2025-12-31T23:59:59Z"},
	} {
		g.forget()
		r := g.ask(`{ users(first: 50, filter: {`+tt.filter+`}) { nodes { id } scan { read } } }`, nil)
		requests := g.tenant.Requests()
		g.answered(r, 1)
		if len(requests) != 1 {
			t.Fatalf("%s: %d requests", tt.filter, len(requests))
		}
		address, err := url.Parse(requests[0].URL)
		if err != nil {
			t.Fatal(err)
		}
		if got := address.Query().Get("$filter"); got != tt.want || r.Data["users"].(object)["scan"] != nil {
			t.Errorf("%s was sent as %s: %s", tt.filter, got, r.raw)
		}
	}
}
