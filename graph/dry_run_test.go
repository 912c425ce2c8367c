package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/emulator"
)

const predicted = `effects { assigneeId assignee { id } skuId sku { skuPartNumber } units plansGained { servicePlanId } plansLost { servicePlanId }
	errors { error message } resolvedErrors { error message } } effectsTruncated userErrors { code message }`

// dryRuns returns a dry run of each mutation, whose input may lack the argument dryRun, and whether it has single outcome.
func (g *gateway) dryRuns(t *testing.T) map[string]struct {
	input  string
	single bool
} {
	t.Helper()
	people, doubled, group := g.unlicensed(t, 4), g.inheriting(t, 1)[0], g.groupNamed(t, "Microsoft 365 E3 – EMEA")
	g.change(t, create, object{"input": object{"skuId": skuE3, "disabledServicePlans": []any{kaizala}, "assignedTo": assignees(doubled)}})
	unit, other := g.assigned(t, people[0]), g.assigned(t, people[3])
	_, member, _ := strings.Cut(g.membersOf(t, group)[6], " ")
	failing := g.nodesOf(t, "users", `first: 3, filter: {error: COUNT_VIOLATION}`, "id")[0]["id"]
	abroad := g.nodesOf(t, "users", `first: 3, filter: {error: PROHIBITED_IN_USAGE_LOCATION_VIOLATION}`, "id")[0]["id"]
	return map[string]struct {
		input  string
		single bool
	}{
		"createAssignments":          {fmt.Sprintf(`skuId: %q, assignedTo: [{id: %q}, {id: %q}, {type: GROUP, id: %q}]`, skuE3, people[1], missingID, g.groupNamed(t, "Guests")), false},
		"updateAssignment":           {fmt.Sprintf(`id: %q, disabledServicePlans: ["SWAY"]`, unit), true},
		"deleteAssignment":           {fmt.Sprintf(`id: %q`, other), true},
		"reprocessAssignments":       {fmt.Sprintf(`userIds: [%q]`, failing), false},
		"reprocessLicenseAssignment": {fmt.Sprintf(`userIds: [%q]`, failing), false},
		"assignLicense":              {fmt.Sprintf(`assignedTo: {id: %q}, addLicenses: [{skuId: %q}]`, people[2], skuE3), true},
		"setUsageLocation":           {fmt.Sprintf(`userIds: [%q], usageLocation: "CH"`, abroad), false},
		"addGroupMembers":            {fmt.Sprintf(`groupId: %q, memberIds: [%q]`, group, people[1]), false},
		"removeGroupMembers":         {fmt.Sprintf(`groupId: %q, memberIds: [%q]`, group, member), false},
		"reprocessGroup":             {fmt.Sprintf(`groupId: %q`, g.groupNamed(t, "Copilot – wave 2")), true},
		"removeDirectAssignments":    {fmt.Sprintf(`skuId: %q, userIds: [%q]`, skuE3, doubled), false},
	}
}

// TestDryRunSendsNothing runs each mutation dry: the checks run and the effects are predicted, but nothing is sent.
func TestDryRunSendsNothing(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 400, Variants: emulator.Variants{ReprocessListed: true}})
	e := newEstimator(t)
	all := g.dryRuns(t)
	if fields := g.ask(`{ __type(name: "Mutation") { fields { name } } }`, nil).Data["__type"].(object)["fields"].([]any); len(fields) != len(all) {
		t.Errorf("%d dry runs of %d mutations", len(all), len(fields))
	}
	for field, tt := range all {
		outcome := "results { outcome }"
		if tt.single {
			outcome = "outcome"
		}
		g.forget()
		g.records(t)
		mutation := fmt.Sprintf(`mutation { %s(input: {%s, dryRun: true}) { %s %s } }`, field, tt.input, outcome, predicted)
		r := g.ask(mutation, nil)
		payload, _ := r.Data[field].(object)
		if len(r.Errors) > 0 || payload == nil {
			t.Errorf("%s: %s", field, r.raw)
			continue
		}
		if diff := difference([]string{"NOT_DONE"}, slices.Compact(slices.Concat(valuesAt(payload, "outcome"), valuesAt(payload, "results.outcome")))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", field, diff)
		}
		if effects, _ := payload["effects"].([]any); len(effects) == 0 {
			t.Errorf("%s has no effects: %s", field, r.raw)
		}
		for endpoint := range g.tenant.Counts() {
			if !strings.HasPrefix(endpoint, "GET ") && endpoint != "POST /$batch" && endpoint != "POST /directoryObjects/getByIds" && !strings.HasSuffix(endpoint, "/token") {
				t.Errorf("%s sent %s", field, endpoint)
			}
		}
		if got, estimate := requestsOf(r), e.of(t, mutation, nil); got > estimate {
			t.Errorf("%s took %d, estimate %d", field, got, estimate)
		}
		records := g.records(t)
		if len(records) != 1 || records[0]["outcome"] != "dry run" || records[0]["done"] != 0.0 || records[0]["unknown"] != 0.0 {
			t.Errorf("%s: %v", field, records)
		}
		t.Logf("%s: %d requests, %d parts", field, r.Extensions.Upstream.Requests, r.Extensions.Upstream.BatchParts)
		again := g.ask(strings.Replace(mutation, ", dryRun: true", "", 1), nil)
		if payload, _ := again.Data[field].(object); payload == nil || payload["effects"] != nil || g.written() == 0 {
			t.Errorf("%s, not dry: %s", field, again.raw)
		}
	}
}

// TestCostOfDryRuns tests the requests of dry runs, checks included: the lists of the tenant are read with the checks.
func TestCostOfDryRuns(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	g := startGateway(t, emulator.Options{Users: 400})
	e := newEstimator(t)
	all := g.dryRuns(t)
	ask := func(field, selected string) response {
		mutation := fmt.Sprintf(`mutation { %s(input: {%s, dryRun: true}) { %s } }`, field, all[field].input, selected)
		g.forget()
		r := g.ask(mutation, nil)
		if got, estimate := requestsOf(r), e.of(t, mutation, nil); len(r.Errors) > 0 || got > estimate {
			t.Errorf("%s took %d, estimate %d: %s", field, got, estimate, r.raw)
		}
		return r
	}
	for field, want := range map[string]int{
		"createAssignments": 3, "updateAssignment": 2, "deleteAssignment": 2, "reprocessAssignments": 1, "reprocessLicenseAssignment": 1,
		"assignLicense": 1, "setUsageLocation": 1, "addGroupMembers": 2, "removeGroupMembers": 2, "reprocessGroup": 3, "removeDirectAssignments": 2,
	} {
		if got := ask(field, "effects { units plansGained { servicePlanName } } effectsTruncated").Extensions.Upstream.Requests; got != want {
			t.Errorf("%s took %d requests, want %d", field, got, want)
		}
	}
	ask("createAssignments", "effects { assignee { ... on User { displayName department } } sku { units { free } } }")
	ask("reprocessGroup", "effects { assignee { ... on User { displayName assignedLicenses { skuId } } } sku { units { free } } }")
}

// TestDryRunOfLargeGroups tests that the effects on a group with many users are truncated.
func TestDryRunOfLargeGroups(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 1200})
	e := newEstimator(t)
	mutation := fmt.Sprintf(`mutation { createAssignments(input: {skuId: %q, assignedTo: [{type: GROUP, id: %q}], dryRun: true}) { effects { units errors { error } } effectsTruncated } }`, skuE3, g.groupNamed(t, "All employees"))
	g.forget()
	r := g.ask(mutation, nil)
	payload, _ := r.Data["createAssignments"].(object)
	if effects, _ := payload["effects"].([]any); len(r.Errors) > 0 || len(effects) != 500 || payload["effectsTruncated"] != true {
		t.Errorf("%d effects: %.300s", len(effects), r.raw)
	}
	if got, estimate := requestsOf(r), e.of(t, mutation, nil); got > estimate {
		t.Errorf("took %d, estimate %d", got, estimate)
	}
	whole := g.change(t, fmt.Sprintf(`mutation { reprocessGroup(input: {groupId: %q, dryRun: true}) { effectsTruncated } }`, g.groupNamed(t, "All employees")), nil)
	if whole["effectsTruncated"] != true {
		t.Errorf("%v", whole)
	}
	if !slices.Contains(valuesAt(payload, "effects.errors.error"), "COUNT_VIOLATION") {
		t.Errorf("%v", valuesAt(payload, "effects.errors.error"))
	}
}

// TestUnpredictable tests a dry run whose prediction cannot be read: the checks have results, and the effects an error.
func TestUnpredictable(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	person := g.unlicensed(t, 1)[0]
	for endpoint, path := range map[string]string{skusEndpoint: "reprocessAssignments.effects", "GET /users/{id}": "reprocessAssignments.effects"} {
		g.forget()
		g.tenant.Inject(emulator.Fault{Endpoint: endpoint, Status: 403, Times: -1})
		r := g.ask(fmt.Sprintf(`mutation { reprocessAssignments(input: {userIds: [%q], dryRun: true}) { results { outcome } effects { units } effectsTruncated } }`, person), nil)
		payload, _ := r.Data["reprocessAssignments"].(object)
		if errs := clientErrors(r); payload == nil || payload["effects"] != nil || len(errs) != 1 || errs[0].Path != path || errs[0].Code != "FORBIDDEN" || g.written() > 0 {
			t.Errorf("%s: %s", endpoint, r.raw)
		}
	}
	g.forget() // without allotments, each product counts as one
	g.tenant.SetVariants(emulator.Variants{CloudLicensing: "missing"})
	r := g.ask(fmt.Sprintf(`mutation { assignLicense(input: {assignedTo: {id: %q}, addLicenses: [{skuId: %q}], dryRun: true}) { effects { units plansGained { servicePlanId } } } }`, person, skuE3), nil)
	if effects := r.Data["assignLicense"].(object)["effects"].([]any); len(r.Errors) > 0 || len(effects) != 1 || effects[0].(object)["units"] != 1.0 {
		t.Errorf("%s", r.raw)
	}
}

// TestDryRunPermissions tests that the effects require the permission to read, and the errors the one to read errors. If
// only assignees with an error have effects, a caller who may not read errors gets the same response for all of them.
func TestDryRunPermissions(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 400})
	healthy, waits := g.inheriting(t, 1)[0], g.groupNamed(t, "Copilot – wave 2")
	lacking := g.nodesOf(t, "users", `first: 1, filter: {error: COUNT_VIOLATION}`, "id")[0]["id"].(string)
	abroad := g.nodesOf(t, "users", `first: 1, filter: {error: PROHIBITED_IN_USAGE_LOCATION_VIOLATION}`, "id")[0]["id"].(string)
	const revealing = "effects"
	for name, tt := range map[string]struct {
		mutation, input string
		withoutErrors   string   // path of the errors without the permission to read errors
		with            []string // assignees that have effects with all permissions
	}{
		"reprocess":          {"reprocessAssignments", fmt.Sprintf(`userIds: [%q, %q]`, lacking, healthy), revealing, []string{lacking}},
		"reprocess healthy":  {"reprocessAssignments", fmt.Sprintf(`userIds: [%q]`, healthy), revealing, nil},
		"reprocess licenses": {"reprocessLicenseAssignment", fmt.Sprintf(`userIds: [%q, %q]`, lacking, healthy), revealing, []string{lacking}},
		"location":           {"setUsageLocation", fmt.Sprintf(`userIds: [%q, %q], usageLocation: "CH"`, abroad, healthy), revealing, []string{abroad}},
		"location healthy":   {"setUsageLocation", fmt.Sprintf(`userIds: [%q], usageLocation: "CH"`, healthy), revealing, nil},
		"group":              {"reprocessGroup", fmt.Sprintf(`groupId: %q`, waits), revealing, []string{"some"}},
		"license":            {"assignLicense", fmt.Sprintf(`assignedTo: {id: %q}, addLicenses: [{skuId: %q}]`, healthy, skuE3), "effects.#.errors", []string{healthy}},
	} {
		for scopes, path := range map[string]string{write: "effects", write + " " + read: tt.withoutErrors, write + " " + read + " " + readErrors: ""} {
			g.as(strings.Fields(scopes)...)
			r := g.ask(fmt.Sprintf(`mutation { %s(input: {%s, dryRun: true}) { effects { assigneeId units errors { error } resolvedErrors { error } } userErrors { code } } }`, tt.mutation, tt.input), nil)
			payload, _ := r.Data[tt.mutation].(object)
			var paths []string
			for _, e := range clientErrors(r) {
				if paths = append(paths, e.Path); e.Code != "FORBIDDEN" {
					t.Errorf("%s, %s: %s", name, scopes, r.raw)
				}
			}
			var want []string
			if path != "" {
				want = []string{tt.mutation + "." + path}
			}
			if payload == nil || !slices.Equal(paths, want) || (payload["effects"] == nil) != (path == "effects") {
				t.Errorf("%s, %s: %s", name, scopes, r.raw)
				continue
			}
			assigned := slices.Compact(valuesAt(payload, "effects.assigneeId"))
			if name == "group" && len(assigned) > 0 {
				assigned = []string{"some"}
			}
			if path != "effects" && !slices.Equal(assigned, tt.with) {
				t.Errorf("%s, %s: effects on %v, want %v", name, scopes, assigned, tt.with)
			}
		}
	}
}

// TestDryRunWithoutEffects tests that a caller who does not select the effects gets no error about them.
func TestDryRunWithoutEffects(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	person := g.unlicensed(t, 1)[0]
	g.as(write, read)
	if r := g.ask(fmt.Sprintf(`mutation { reprocessAssignments(input: {userIds: [%q], dryRun: true}) { results { outcome } effectsTruncated } }`, person), nil); len(r.Errors) > 0 {
		t.Errorf("%s", r.raw)
	}
}

// TestDryRunOfUnknownUnits tests that a number of units that Microsoft Graph does not return is no lack of units.
func TestDryRunOfUnknownUnits(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 400})
	people, group := g.unlicensed(t, 3), g.groupNamed(t, "Microsoft 365 E3 – EMEA")
	g.forget()
	g.tenant.SetVariants(emulator.Variants{CloudLicensing: "missing"})
	g.tenant.Inject(emulator.Fault{Endpoint: skusEndpoint, Omit: []string{"consumedUnits"}, Times: -1})
	r := g.ask(fmt.Sprintf(`mutation { addGroupMembers(input: {groupId: %q, memberIds: [%q, %q, %q], dryRun: true}) { effects { units errors { error } } } }`, group, people[0], people[1], people[2]), nil)
	payload, _ := r.Data["addGroupMembers"].(object)
	if effects, _ := payload["effects"].([]any); len(r.Errors) > 0 || len(effects) != 3 || len(valuesAt(payload, "effects.errors.error")) > 0 {
		t.Errorf("%s", r.raw)
	}
}

// TestDryRunOfRemovedErrors tests that a license that is removed resolves its error.
func TestDryRunOfRemovedErrors(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 400})
	for _, user := range g.nodesOf(t, "users", `first: 400, filter: {state: ERROR}`, "id licenseAssignmentStates { skuId error assignedByGroupId }") {
		for _, state := range user["licenseAssignmentStates"].([]any) {
			state := state.(object)
			if state["error"] == nil || state["assignedByGroupId"] == nil {
				continue
			}
			payload := g.change(t, fmt.Sprintf(`mutation { removeGroupMembers(input: {groupId: %q, memberIds: [%q], dryRun: true}) { effects { skuId errors { error } resolvedErrors { error } } userErrors { code } } }`, state["assignedByGroupId"], user["id"]), nil)
			effects, _ := payload["effects"].([]any) // null if the group was deleted
			for _, effect := range effects {
				if effect := effect.(object); effect["skuId"] == state["skuId"] {
					if got := valuesAt(effect, "resolvedErrors.error"); !slices.Equal(got, []string{state["error"].(string)}) || len(effect["errors"].([]any)) > 0 {
						t.Errorf("%v, want %v resolved", effect, state["error"])
					}
					return
				}
			}
		}
	}
	t.Error("no license in error is removed")
}

// licenses are what users have: units by product, and by user and product the service plans and errors.
type licenses struct {
	consumed map[string]int
	plans    map[string][]string
	errors   map[string][]string
	states   map[string][]string // with the error
	groups   map[string][]string // IDs
}

// licensesOf reads the licenses of users.
func (g *gateway) licensesOf(t *testing.T, people []string) licenses {
	t.Helper()
	l := licenses{map[string]int{}, map[string][]string{}, map[string][]string{}, map[string][]string{}, map[string][]string{}}
	for _, sku := range g.nodesOf(t, "subscribedSkus", "first: 100", "skuId units { consumed }") {
		l.consumed[sku["skuId"].(string)] = int(sku["units"].(object)["consumed"].(float64))
	}
	for chunk := range slices.Chunk(people, 100) {
		r := g.ask(`query($ids: [ID!]!) { nodes(ids: $ids) { ... on User { id usageRights { skuId services { planId } } licenseAssignmentStates { skuId error state assignedByGroupId } } } }`, object{"ids": chunk})
		if len(r.Errors) > 0 {
			t.Fatal(r.Errors)
		}
		for _, user := range r.Data["nodes"].([]any) {
			user := user.(object)
			for _, right := range user["usageRights"].([]any) {
				l.plans[user["id"].(string)+" "+right.(object)["skuId"].(string)] = valuesAt(right, "services.planId")
			}
			for _, state := range user["licenseAssignmentStates"].([]any) {
				state := state.(object)
				key := user["id"].(string) + " " + state["skuId"].(string)
				l.states[key] = append(l.states[key], fmt.Sprint(state["state"], " ", state["error"]))
				if group, ok := state["assignedByGroupId"].(string); ok {
					l.groups[key] = append(l.groups[key], group)
				}
				if state["error"] != nil {
					l.errors[key] = append(l.errors[key], state["error"].(string))
				}
			}
		}
	}
	return l
}

// TestDryRunAgrees compares predictions with what the changes do in the tenant: units, service plans, and errors.
func TestDryRunAgrees(t *testing.T) {
	t.Parallel()
	const emea, apac, plant, wave2 = "Microsoft 365 E3 – EMEA", "Microsoft 365 E3 – アジア太平洋", "Usine de Lyon", "Copilot – wave 2"
	const skuVisio = "c5928f49-12ba-48f7-ada3-0d743a3601d5"
	direct := func(g *gateway, off []any, people ...string) []string {
		var ids []string
		for _, result := range g.change(t, create, object{"input": object{"skuId": skuE3, "disabledServicePlans": off, "assignedTo": assignees(people...)}})["results"].([]any) {
			ids = append(ids, result.(object)["assignment"].(object)["id"].(string))
		}
		return ids
	}
	ofGroup := func(g *gateway, group string) string {
		r := g.ask(fmt.Sprintf(`{ group(id: %q) { assignments { id } } }`, g.groupNamed(t, group)), nil)
		return r.Data["group"].(object)["assignments"].([]any)[0].(object)["id"].(string)
	}
	list := func(ids ...string) string { return `["` + strings.Join(ids, `", "`) + `"]` }
	users := func(g *gateway, group string) (ids []string) {
		for _, member := range g.membersOf(t, g.groupNamed(t, group)) {
			if id, ok := strings.CutPrefix(member, "User "); ok {
				ids = append(ids, id)
			}
		}
		return ids
	}
	errorsOf := func(g *gateway, code string) []string {
		return idsOf(g.nodesOf(t, "users", fmt.Sprintf(`first: 5, filter: {error: %s}`, code), "id"))
	}
	for name, tt := range map[string]struct {
		field string
		input func(g *gateway) string
		some  string // what must be predicted for the case to cover something
	}{
		"assign": {"createAssignments", func(g *gateway) string {
			return fmt.Sprintf(`skuId: %q, assignedTo: [{id: %q}, {id: %q}]`, skuE3, g.unlicensed(t, 2)[0], g.unlicensed(t, 2)[1])
		}, "units gained"},
		"assign in addition": {"createAssignments", func(g *gateway) string {
			pools := g.nodesOf(t, "allotments", fmt.Sprintf("filter: {skuId: %q}, orderBy: {field: AVAILABLE_UNITS, direction: DESC}", skuE3), "id")
			return fmt.Sprintf(`allotmentId: %q, assignedTo: [{id: %q}, {id: %q}]`, pools[0]["id"], g.inheriting(t, 2)[0], g.inheriting(t, 2)[1])
		}, "gained"},
		"assign in addition, other allotment": {"createAssignments", func(g *gateway) string {
			pools := g.nodesOf(t, "allotments", fmt.Sprintf("filter: {skuId: %q}, orderBy: {field: AVAILABLE_UNITS, direction: DESC}", skuE3), "id")
			return fmt.Sprintf(`allotmentId: %q, assignedTo: [{id: %q}, {id: %q}]`, pools[1]["id"], g.inheriting(t, 2)[0], g.inheriting(t, 2)[1])
		}, "gained"},
		"assign to a group": {"createAssignments", func(g *gateway) string {
			return fmt.Sprintf(`skuId: %q, disabledServicePlans: ["SWAY"], assignedTo: [{type: GROUP, id: %q}]`, skuE3, g.groupNamed(t, "Guests"))
		}, "units gained"},
		"assign to a group without enough units": {"createAssignments", func(g *gateway) string {
			return fmt.Sprintf(`skuId: %q, assignedTo: [{type: GROUP, id: %q}]`, skuVisio, g.groupNamed(t, "Board"))
		}, "units gained errors"},
		"plans of a user": {"updateAssignment", func(g *gateway) string {
			return fmt.Sprintf(`id: %q, disabledServicePlans: ["TEAMS1"]`, direct(g, []any{"SWAY"}, g.unlicensed(t, 1)...)[0])
		}, "gained lost"},
		"plans of a group": {"updateAssignment", func(g *gateway) string {
			return fmt.Sprintf(`id: %q, disabledServicePlans: ["TEAMS1"]`, ofGroup(g, emea))
		}, "gained lost"},
		"delete": {"deleteAssignment", func(g *gateway) string {
			return fmt.Sprintf(`id: %q`, direct(g, []any{}, g.unlicensed(t, 1)...)[0])
		}, "units lost"},
		"delete of a doubled one": {"deleteAssignment", func(g *gateway) string {
			return fmt.Sprintf(`id: %q`, direct(g, []any{}, g.inheriting(t, 1)...)[0])
		}, "lost"},
		"delete of a group": {"deleteAssignment", func(g *gateway) string { return fmt.Sprintf(`id: %q`, ofGroup(g, apac)) }, "units lost"},
		"license": {"assignLicense", func(g *gateway) string {
			return fmt.Sprintf(`assignedTo: {id: %q}, addLicenses: [{skuId: %q, disabledPlans: ["SWAY"]}]`, g.unlicensed(t, 1)[0], skuE3)
		}, "units gained"},
		"license changed": {"assignLicense", func(g *gateway) string {
			person := g.unlicensed(t, 1)[0]
			direct(g, []any{}, person)
			return fmt.Sprintf(`assignedTo: {id: %q}, addLicenses: [{skuId: %q, disabledPlans: ["SWAY"]}]`, person, skuE3)
		}, "lost"},
		"license removed": {"assignLicense", func(g *gateway) string {
			person := g.unlicensed(t, 1)[0]
			direct(g, []any{}, person)
			return fmt.Sprintf(`assignedTo: {id: %q}, removeLicenses: [%q]`, person, skuE3)
		}, "units lost"},
		"license of a group": {"assignLicense", func(g *gateway) string {
			return fmt.Sprintf(`assignedTo: {type: GROUP, id: %q}, addLicenses: [{skuId: %q}]`, g.groupNamed(t, "Board"), skuVisio)
		}, "units gained errors"},
		"license of a group removed": {"assignLicense", func(g *gateway) string {
			return fmt.Sprintf(`assignedTo: {type: GROUP, id: %q}, removeLicenses: [%q]`, g.groupNamed(t, emea), skuE3)
		}, "units lost"},
		"join": {"addGroupMembers", func(g *gateway) string {
			return fmt.Sprintf(`groupId: %q, memberIds: %s`, g.groupNamed(t, emea), list(g.unlicensed(t, 3)...))
		}, "units gained"},
		"join with a direct license": {"addGroupMembers", func(g *gateway) string {
			people := g.unlicensed(t, 2)
			direct(g, []any{"SWAY"}, people...)
			return fmt.Sprintf(`groupId: %q, memberIds: %s`, g.groupNamed(t, emea), list(people...))
		}, "gained"},
		"join a group of several products": {"addGroupMembers", func(g *gateway) string {
			return fmt.Sprintf(`groupId: %q, memberIds: %s`, g.groupNamed(t, plant), list(g.unlicensed(t, 12)...))
		}, "units gained errors"},
		"leave": {"removeGroupMembers", func(g *gateway) string {
			return fmt.Sprintf(`groupId: %q, memberIds: %s`, g.groupNamed(t, emea), list(users(g, emea)[:40]...))
		}, "units lost"},
		"leave a group of several products": {"removeGroupMembers", func(g *gateway) string {
			return fmt.Sprintf(`groupId: %q, memberIds: %s`, g.groupNamed(t, plant), list(users(g, plant)...))
		}, "units lost"},
		"remove double": {"removeDirectAssignments", func(g *gateway) string {
			people := g.inheriting(t, 3)
			direct(g, []any{}, people...)
			return fmt.Sprintf(`skuId: %q, userIds: %s, allowPlanLoss: true`, skuE3, list(people...))
		}, "lost"},
		"reprocess": {"reprocessAssignments", func(g *gateway) string {
			return fmt.Sprintf(`userIds: %s`, list(slices.Concat(errorsOf(g, "COUNT_VIOLATION"), errorsOf(g, "DEPENDENCY_VIOLATION"), errorsOf(g, "PROHIBITED_IN_USAGE_LOCATION_VIOLATION"))...))
		}, "errors"},
		"reprocess licenses": {"reprocessLicenseAssignment", func(g *gateway) string {
			return fmt.Sprintf(`userIds: %s`, list(errorsOf(g, "MUTUALLY_EXCLUSIVE_VIOLATION")...))
		}, "errors"},
		"reprocess a group": {"reprocessGroup", func(g *gateway) string { return fmt.Sprintf(`groupId: %q`, g.groupNamed(t, wave2)) }, "errors"},
		"location": {"setUsageLocation", func(g *gateway) string {
			return fmt.Sprintf(`userIds: %s, usageLocation: "US"`, list(errorsOf(g, "PROHIBITED_IN_USAGE_LOCATION_VIOLATION")...))
		}, "resolved"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Users: 600})
			input := tt.input(g)
			if err := g.tenant.Advance(time.Minute); err != nil {
				t.Fatal(err)
			}
			dry := g.change(t, fmt.Sprintf(`mutation { %s(input: {%s, dryRun: true}) { %s } }`, tt.field, input, predicted), nil)
			if errs := dry["userErrors"].([]any); len(errs) > 0 || dry["effectsTruncated"] != false {
				t.Fatalf("%v", dry)
			}
			people := valuesAt(dry, "effects.assigneeId")
			before := g.licensesOf(t, people)
			inputs := []string{input}
			if name == "join a group of several products" { // the last unit goes to the first of a batch, in any order
				inputs = nil
				for _, effect := range dry["effects"].([]any) {
					one := fmt.Sprintf(`groupId: %q, memberIds: [%q]`, g.groupNamed(t, plant), effect.(object)["assigneeId"])
					if !slices.Contains(inputs, one) {
						inputs = append(inputs, one)
					}
				}
			}
			for _, input := range inputs {
				g.change(t, fmt.Sprintf(`mutation { %s(input: {%s}) { userErrors { code } } }`, tt.field, input), nil)
			}
			for range 3 {
				if err := g.tenant.Advance(time.Minute); err != nil {
					t.Fatal(err)
				}
			}
			after := g.licensesOf(t, people)
			groups := idsOf(g.nodesOf(t, "groups", "first: 100", "id"))
			const notCompared = 1 << 20
			units := map[string]int{}
			covered := map[string]bool{}
			for _, effect := range dry["effects"].([]any) {
				effect := effect.(object)
				sku := effect["skuId"].(string)
				key := effect["assigneeId"].(string) + " " + sku
				if units[sku] != notCompared {
					units[sku] += int(effect["units"].(float64))
				}
				gained, lost := valuesAt(effect, "plansGained.servicePlanId"), valuesAt(effect, "plansLost.servicePlanId")
				resolved := valuesAt(effect, "resolvedErrors.error")
				states := strings.Join(before.states[key], ", ")
				if strings.Contains(states, "ACTIVE_WITH_ERROR") || slices.ContainsFunc(before.groups[key], func(id string) bool { return !slices.Contains(groups, id) }) {
					units[sku] = notCompared // an error of some plans, or a group that was deleted: see PredictedEffect
					continue
				}
				if got := missing(before.plans[key], after.plans[key]); !slices.Equal(got, gained) {
					t.Errorf("%s gains %d plans, predicted %d (%v, then %v)", key, len(got), len(gained), before.states[key], after.states[key])
				}
				if got := missing(after.plans[key], before.plans[key]); !slices.Equal(got, lost) {
					t.Errorf("%s loses %d plans, predicted %d (%v, then %v)", key, len(got), len(lost), before.states[key], after.states[key])
				}
				for _, e := range valuesAt(effect, "errors.error") {
					if covered["errors"] = true; !slices.Contains(after.errors[key], e) {
						t.Errorf("%s has the errors %v, predicted %s", key, after.errors[key], e)
					}
				}
				if len(valuesAt(effect, "errors.error")) == 0 && len(resolved) == 0 && len(after.errors[key]) > len(before.errors[key]) {
					t.Errorf("%s has the errors %v, predicted none", key, after.errors[key])
				}
				covered["effects"] = true
				covered["units"] = covered["units"] || units[sku] != 0
				covered["gained"] = covered["gained"] || len(gained) > 0
				covered["lost"] = covered["lost"] || len(lost) > 0
				covered["resolved"] = covered["resolved"] || len(resolved) > 0
			}
			for sku := range before.consumed {
				_, of := units[sku] // other products can depend on the service plans
				if got := after.consumed[sku] - before.consumed[sku]; of && units[sku] != notCompared && got != units[sku] {
					t.Errorf("%s: %d units, predicted %d", sku, got, units[sku])
				}
			}
			for _, what := range strings.Fields(tt.some) {
				if !covered[what] {
					t.Errorf("no %s: the case covers nothing: %d effects", what, len(dry["effects"].([]any)))
				}
			}
			if tt.field != "setUsageLocation" {
				return
			}
			g.change(t, `mutation($ids: [ID!]!) { reprocessAssignments(input: {userIds: $ids}) { userErrors { code } } }`, object{"ids": people})
			after = g.licensesOf(t, people)
			for _, effect := range dry["effects"].([]any) {
				effect := effect.(object)
				key := effect["assigneeId"].(string) + " " + effect["skuId"].(string)
				for _, e := range valuesAt(effect, "resolvedErrors.error") {
					if slices.Contains(after.errors[key], e) {
						t.Errorf("%s still has %s", key, e)
					}
				}
			}
		})
	}
}

// missing returns the elements of all that some lacks.
func missing(some, all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
}
