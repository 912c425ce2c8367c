package graph_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"licensegraph/internal/emulator"
)

// unasked checks that a request was rejected with one BAD_USER_INPUT at a path, before any upstream request, the
// token request included.
func (g *gateway) unasked(t *testing.T, r response, path string) {
	t.Helper()
	if diff := difference([]clientError{{Code: "BAD_USER_INPUT", Path: path}}, clientErrors(r)); diff != "" {
		t.Errorf("errors (-want +got):\n%s\n%s", diff, r.raw)
	}
	if got := g.tenant.Counts(); len(got) > 0 {
		t.Errorf("upstream requests: %v", got)
		g.tenant.ResetCounts()
	}
	if said := g.log.String(); said != "" {
		t.Errorf("a client error is in the log: %s", said)
	}
}

// TestBadInput tests invalid input.
func TestBadInput(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 20})
	const guid = "05e9a617-0261-4cee-bb44-138d3ef5d965"
	long := strings.Repeat("x", 300)

	for path, queries := range map[string][]string{
		"users": {
			`{ users(first: 0) { nodes { id } } }`,
			`{ users(first: -1) { nodes { id } } }`,
			`{ users(first: -2147483648) { nodes { id } } }`,
			`{ users(first: 1000) { nodes { id } } }`,
			`{ users(first: 2147483647) { nodes { id } } }`,
			`{ users(after: "") { nodes { id } } }`,
			`{ users(after: "x") { nodes { id } } }`,
			`{ users(after: "AAAA") { nodes { id } } }`,
			`{ users(after: "` + strings.Repeat("A", 10_000) + `") { nodes { id } } }`,
			`{ users(after: "https://evil.example/beta/users") { nodes { id } } }`,
			`{ users(filter: {department: ""}) { nodes { id } } }`,
			`{ users(filter: {employeeType: "` + long + `"}) { nodes { id } } }`,
			`{ users(filter: {skuIds: []}) { nodes { id } } }`,
			`{ users(filter: {skuIds: [` + strings.Repeat(`"`+guid+`",`, 51) + `]}) { nodes { id } } }`,
			`{ users(filter: {skuIds: ["` + guid + `"], skuId: "` + guid + `"}) { nodes { id } } }`,
			`{ users(filter: {skuIds: ["` + guid + `"], licensed: false}) { nodes { id } } }`,
			`{ users(filter: {servicePlanId: "` + guid + `", licensed: false}) { nodes { id } } }`,
			`{ users(filter: {usageLocation: "Switzerland"}) { nodes { id } } }`,
			`{ users(filter: {usageLocation: "CH", hasUsageLocation: false}) { nodes { id } } }`,
			`{ users(filter: {createdFrom: "2026-01-02T00:00:00Z", createdBefore: "2026-01-02T00:00:00Z"}) { nodes { id } } }`,
			`{ users(filter: {inactiveSince: "2999-01-01T00:00:00Z"}) { nodes { id } } }`,
			`{ users(filter: {inactiveSince: "yesterday"}) { nodes { id } } }`,
			`{ users(filter: {inactiveSince: "2026-01-01T00:00:00Z"}, orderBy: {field: DISPLAY_NAME}) { nodes { id } } }`,
			`{ users(filter: {inactiveSince: "2026-01-01T00:00:00Z", assignedByGroup: "` + guid + `"}) { nodes { id } } }`,
			`{ users(filter: {assignedByGroup: "` + guid + `", accountEnabled: true}) { nodes { id } } }`,
		},
		"assignmentErrors": {
			`{ assignmentErrors(first: 0) { nodes { id } } }`,
			`{ assignmentErrors(first: 1001) { nodes { id } } }`,
			`{ assignmentErrors(after: "x") { nodes { id } } }`,
			`{ assignmentErrors(after: "x", orderBy: {field: PRODUCT}) { nodes { id } } }`,
			`{ assignmentErrors(filter: {skuIds: []}) { nodes { id } } }`,
			`{ assignmentErrors(filter: {skuIds: [` + strings.Repeat(`"`+guid+`",`, 16) + `]}) { nodes { id } } }`,
			`{ assignmentErrors(filter: {skuIds: ["` + guid + `"], skuId: "` + guid + `"}) { nodes { id } } }`,
			`{ assignmentErrors(filter: {codes: []}) { nodes { id } } }`,
			`{ assignmentErrors(filter: {groupId: "x"}) { nodes { id } } }`,
			`{ assignmentErrors(filter: {occurredFrom: "2026-01-02T00:00:00Z", occurredBefore: "2026-01-01T00:00:00Z"}) { nodes { id } } }`,
			`{ assignmentErrors(filter: {skuId: "` + guid + `"}, after: "x") { nodes { id } } }`,
			`{ assignmentErrors(filter: {skuId: "E3"}) { nodes { id } } }`,
			`{ assignmentErrors(filter: {skuId: "` + guid + ` or 1 eq 1"}) { nodes { id } } }`,
			`{ assignmentErrors(filter: {skuId: "` + strings.ReplaceAll(guid, "-", "") + `"}) { nodes { id } } }`,
		},
		"search": {
			`{ search(text: "") { nodes { __typename } } }`,
			`{ search(text: " x ") { nodes { __typename } } }`,
			`{ search(text: "` + strings.Repeat("x", 10_000) + `") { nodes { __typename } } }`,
			`{ search(text: "- !") { nodes { __typename } } }`,
			`{ search(text: "a b c d e f g h i") { nodes { __typename } } }`,
			`{ search(text: "word", kinds: []) { nodes { __typename } } }`,
			`{ search(text: "word", first: 1001) { nodes { __typename } } }`,
			`{ search(text: "word", after: "x") { nodes { __typename } } }`,
		},
		"licenseFindings": {
			`{ licenseFindings(filter: {kinds: []}) { nodes { id } } }`,
			`{ licenseFindings(filter: {skuIds: []}) { nodes { id } } }`,
			`{ licenseFindings(filter: {skuIds: [` + strings.Repeat(`"`+guid+`",`, 51) + `]}) { nodes { id } } }`,
			`{ licenseFindings(filter: {inactiveDays: -1}) { nodes { id } } }`,
			`{ licenseFindings(filter: {inactiveDays: 3651}) { nodes { id } } }`,
			`{ licenseFindings(filter: {expiresWithinDays: 0}) { nodes { id } } }`,
			`{ licenseFindings(filter: {kinds: [GUEST], inactiveDays: 30}) { nodes { id } } }`,
			`{ licenseFindings(filter: {kinds: [INACTIVE_ACCOUNT], expiresWithinDays: 30}) { nodes { id } } }`,
			`{ licenseFindings(first: 0) { nodes { id } } }`,
			`{ licenseFindings(first: 501) { nodes { id } } }`,
			`{ licenseFindings(after: "x") { nodes { id } } }`,
		},
		"licenseFindingsOverview": {
			`{ licenseFindingsOverview(filter: {kinds: []}) { kinds { kind } } }`,
			`{ licenseFindingsOverview(filter: {skuIds: []}) { kinds { kind } } }`,
			`{ licenseFindingsOverview(filter: {skuIds: [` + strings.Repeat(`"`+guid+`",`, 51) + `]}) { kinds { kind } } }`,
			`{ licenseFindingsOverview(filter: {inactiveDays: -1}) { kinds { kind } } }`,
			`{ licenseFindingsOverview(filter: {inactiveDays: 3651}) { kinds { kind } } }`,
			`{ licenseFindingsOverview(filter: {expiresWithinDays: 0}) { kinds { kind } } }`,
			`{ licenseFindingsOverview(filter: {kinds: [GUEST], inactiveDays: 30}) { kinds { kind } } }`,
			`{ licenseFindingsOverview(filter: {kinds: [INACTIVE_ACCOUNT], expiresWithinDays: 30}) { kinds { kind } } }`,
		},
		"subscribedSkus": {
			`{ subscribedSkus(filter: {skuIds: []}) { nodes { id } } }`,
			`{ subscribedSkus(filter: {excludeSkuIds: []}) { nodes { id } } }`,
			`{ subscribedSkus(filter: {excludeSkuIds: [` + strings.Repeat(`"`+guid+`",`, 51) + `]}) { nodes { id } } }`,
			`{ subscribedSkus(filter: {skuIds: ["` + guid + `"], excludeSkuIds: ["` + strings.ToUpper(guid) + `"]}) { nodes { id } } }`,
			`{ subscribedSkus(filter: {expiresBefore: "soon"}) { nodes { id } } }`,
			`{ subscribedSkus(filter: {expiresBefore: "2027-01-01"}, after: "x") { nodes { id } } }`,
		},
		"companySubscriptions": {
			`{ companySubscriptions(first: 0) { nodes { id } } }`,
			`{ companySubscriptions(after: "x") { nodes { id } } }`,
			`{ companySubscriptions(filter: {skuIds: []}) { nodes { id } } }`,
			`{ companySubscriptions(filter: {skuIds: [` + strings.Repeat(`"`+guid+`",`, 51) + `]}) { nodes { id } } }`,
		},
		"subscribedSku": {
			`{ subscribedSku(skuId: "E3") { id } }`,
			`{ subscribedSku(skuId: "{` + guid + `}") { id } }`,
		},
		"user": {
			`{ user { id } }`,
			`{ user(id: null, userPrincipalName: null) { id } }`,
			`{ user(id: "` + guid + `", userPrincipalName: "adele@example.com") { id } }`,
			`{ user(id: "adele@example.com") { id } }`,
			`{ user(id: "me") { id } }`,
			`{ user(id: "") { id } }`,
			`{ user(id: "` + guid + `/manager") { id } }`,
			`{ user(id: "` + guid + `?$select=mail") { id } }`,
			`{ user(userPrincipalName: "") { id } }`,
			`{ user(userPrincipalName: "adele") { id } }`,
			`{ user(userPrincipalName: "@example.com") { id } }`,
			`{ user(userPrincipalName: "adele@") { id } }`,
			`{ user(userPrincipalName: "adele@example.com/manager") { id } }`,
			`{ user(userPrincipalName: "../groups/a@b") { id } }`,
			`{ user(userPrincipalName: "a b@example.com") { id } }`,
			`{ user(userPrincipalName: "a\u0000@example.com") { id } }`,
			`{ user(userPrincipalName: "a\\..@example.com") { id } }`,
			`{ user(userPrincipalName: "` + long + `@example.com") { id } }`,
		},
		"group": {
			`{ group(id: "All employees") { id } }`,
			`{ group(id: "` + guid + `'") { id } }`,
			`{ group(id: "05e9a617-0261-4cee-bb44-138d3ef5d96g") { id } }`,
		},
		"assignmentError": {
			`{ assignmentError(id: "") { id } }`,
			`{ assignmentError(id: ".") { id } }`,
			`{ assignmentError(id: "..") { id } }`,
			`{ assignmentError(id: "a/b") { id } }`,
			`{ assignmentError(id: "a\\b") { id } }`,
			`{ assignmentError(id: "a b") { id } }`,
			`{ assignmentError(id: " ") { id } }`,
			`{ assignmentError(id: "a\n") { id } }`,
			`{ assignmentError(id: "a\u007f") { id } }`,
			`{ assignmentError(id: "` + long + `") { id } }`,
		},
		"node": {
			`{ node(id: "") { id } }`,
			`{ node(id: "../users") { id } }`,
			`{ node(id: "` + long + `") { id } }`,
		},
		"nodes": {
			`{ nodes(ids: [` + strings.Repeat(`"`+guid+`",`, 101) + `]) { id } }`,
		},
		"nodes.#": {
			`{ nodes(ids: ["a/b"]) { id } }`,
		},
	} {
		for _, query := range queries {
			t.Run(fmt.Sprintf("%.80s", query), func(t *testing.T) {
				r := g.ask(query, nil)
				g.unasked(t, r, path)
				if field := strings.Split(path, ".")[0]; field != "nodes" && r.Data[field] != nil {
					t.Errorf("%s", r.raw)
				}
			})
		}
	}
	t.Run("variables", func(t *testing.T) {
		for path, request := range map[string]struct {
			query     string
			variables map[string]any
		}{
			"users":         {`query Q($n: Int!) { users(first: $n) { nodes { id } } }`, map[string]any{"n": 0}},
			"user":          {`query Q($id: ID, $name: String) { user(id: $id, userPrincipalName: $name) { id } }`, map[string]any{"id": nil}},
			"subscribedSku": {`query Q($sku: UUID!) { subscribedSku(skuId: $sku) { id } }`, map[string]any{"sku": "E3"}},
			"nodes":         {`query Q($ids: [ID!]!) { nodes(ids: $ids) { id } }`, map[string]any{"ids": make([]string, 101)}},
		} {
			g.unasked(t, g.ask(request.query, request.variables), path)
		}
	})
}

// TestBadCursor tests cursors of other lists.
func TestBadCursor(t *testing.T) {
	t.Parallel()
	const guid = "05e9a617-0261-4cee-bb44-138d3ef5d965"
	g := startGateway(t, emulator.Options{})
	cursor := func(query, field string) string {
		t.Helper()
		r := g.warm(query)
		return r.Data[field].(map[string]any)["pageInfo"].(map[string]any)["endCursor"].(string)
	}
	ofUsers := cursor(`{ users(first: 3) { pageInfo { endCursor } } }`, "users")
	ofErrors := cursor(`{ assignmentErrors(first: 3) { pageInfo { endCursor } } }`, "assignmentErrors")
	ofE3 := cursor(`{ assignmentErrors(first: 3, filter: {skuId: "`+guid+`"}) { pageInfo { endCursor } } }`, "assignmentErrors")

	refused := func(name, field, filter, cursor string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			r := g.ask(`query Q($after: String) { `+field+`(first: 3, after: $after `+filter+`) { nodes { id } } }`, map[string]any{"after": cursor})
			g.unasked(t, r, field)
		})
	}
	refused("of another list", "users", "", ofErrors)
	refused("of another list, the other way round", "assignmentErrors", "", ofUsers)
	refused("of another filter", "assignmentErrors", "", ofE3)
	refused("without the filter", "assignmentErrors", `filter: {skuId: "`+guid+`"}`, ofErrors)
	refused("with another filter", "assignmentErrors", `filter: {skuId: "06ebc4ee-1bb5-47dd-8120-11324bc54e06"}`, ofE3)
	refused("cut short", "users", "", ofUsers[:len(ofUsers)-1])
	refused("cut in half", "users", "", ofUsers[:len(ofUsers)/2])
	refused("too long", "users", "", ofUsers+"A")
	refused("twice", "users", "", ofUsers+ofUsers)
	refused("padded", "users", "", ofUsers+"==")
	for i := 0; i < len(ofUsers); i += 7 {
		changed := []byte(ofUsers)
		changed[i] ^= 1
		refused(fmt.Sprint("changed at ", i), "users", "", string(changed))
	}
	g.key = []byte(strings.Repeat("k", 32))
	g.restart()
	refused("sealed with another key", "users", "", ofUsers)
	g.key = make([]byte, 32)
	g.tenantID = "another tenant"
	g.restart()
	refused("of another tenant", "users", "", ofUsers)
	g.tenantID = g.tenant.TenantID()
	g.restart()
	if r := g.ask(`query Q($after: String) { users(first: 3, after: $after) { nodes { id } } }`, map[string]any{"after": ofUsers}); len(r.Errors) > 0 {
		t.Errorf("its own cursor: %v", r.Errors)
	}
}

// TestNoSuchObject tests objects that do not exist.
func TestNoSuchObject(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 20})
	const guid = "11111111-2222-4333-8444-555555555555"
	injected := `o'brien')or(1_eq_1@example.com`
	for _, query := range []string{
		`{ user(id: "` + guid + `") { id displayName } }`,
		`{ user(userPrincipalName: "missing@example.com") { id } }`,
		`{ user(userPrincipalName: "` + injected + `") { id } }`,
		`{ user(userPrincipalName: "a%2Fmanager@example.com") { id } }`,
		`{ user(userPrincipalName: "a?$top=1#@example.com") { id } }`,
		`{ group(id: "` + guid + `") { id displayName } }`,
		`{ subscribedSku(skuId: "` + guid + `") { id } }`,
		`{ assignmentError(id: "` + guid + `") { id } }`,
		`{ assignmentError(id: "no-such-error") { id } }`,
		`{ assignmentError(id: "x'y\"z") { id } }`,
		`{ assignmentError(id: "%2e%2e") { id } }`,
		`{ assignmentError(id: "a?$expand=assignedTo#b&c=d;e") { id } }`,
		`{ assignmentError(id: "é猫") { id } }`,
		`{ node(id: "` + guid + `") { id } }`,
		`{ node(id: "no-such-thing") { id } }`,
		`{ node(id: "x'y") { id } }`,
	} {
		t.Run(query, func(t *testing.T) {
			defer g.forget()
			r := g.ask(query, nil)
			field := strings.TrimLeft(query[:strings.IndexByte(query, '(')], "{ ")
			if diff := difference(map[string]any{field: nil}, r.Data); diff != "" {
				t.Errorf("data (-want +got):\n%s", diff)
			}
			errs := clientErrors(r)
			if !strings.Contains(string(r.raw), "has no user with this userPrincipalName") && !regexp.MustCompile(`has no object with the ID \\"[^"]+\\"`).Match(r.raw) {
				t.Errorf("the message lacks the ID: %s", r.raw)
			}
			if len(errs) != 1 || errs[0].Code != "NOT_FOUND" || errs[0].Path != field {
				t.Errorf("errors: %v", errs)
			}
			if said := g.log.String(); said != "" {
				t.Errorf("unexpected log: %s", said)
			}
		})
	}
	t.Run("quotes in several names", func(t *testing.T) {
		defer g.forget()
		r := g.ask(`{ a: user(userPrincipalName: "`+injected+`") { id } b: user(userPrincipalName: "x'@example.com") { id } }`, nil)
		if errs := clientErrors(r); len(errs) != 2 || errs[0].Path != "a" || errs[1].Path != "b" || errs[1].Code != "NOT_FOUND" || r.Data["a"] != nil || r.Data["b"] != nil {
			t.Errorf("%s", r.raw)
		}
	})
}

// TestPathsOfOneFailure tests that one error has the paths of all fields with the same failure, in response order.
func TestPathsOfOneFailure(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	r := g.ask(`{ nodes(ids: ["missing", "missing", "missing"]) { id } }`, nil)
	if len(r.Errors) != 1 {
		t.Fatalf("%s", r.raw)
	}
	want := []any{[]any{"nodes", 0.0}, []any{"nodes", 1.0}, []any{"nodes", 2.0}}
	if diff := difference(want, r.Errors[0].Extensions["paths"]); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	if diff := difference(want[0], any(r.Errors[0].Path)); diff != "" || r.Errors[0].Extensions["count"] != 3.0 {
		t.Errorf("%s", r.raw)
	}
}

// TestNames tests that userPrincipalNames are case-insensitive.
func TestNames(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 20})
	person := g.ask(`{ users(first: 1) { nodes { id userPrincipalName } } }`, nil).Data["users"].(map[string]any)["nodes"].([]any)[0].(map[string]any)
	name := person["userPrincipalName"].(string)
	r := g.ask(fmt.Sprintf(`{ a: user(userPrincipalName: %q) { id } b: user(userPrincipalName: %q) { id } c: user(id: %q) { id } d: user(id: %q) { id } }`,
		strings.ToUpper(name), strings.ToLower(name), person["id"], strings.ToUpper(person["id"].(string))), nil)
	for _, alias := range []string{"a", "b", "c", "d"} {
		if diff := difference(map[string]any{"id": person["id"]}, r.Data[alias]); diff != "" {
			t.Errorf("%s: %s\n%s", alias, diff, r.raw)
		}
	}
}

// TestNodes tests that nodes are in input order, duplicates included.
func TestNodes(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 50})
	r := g.ask(`{
		users(first: 2) { nodes { id } }
		assignmentErrors(first: 1) { nodes { id } }
		subscribedSkus { nodes { id } }
	}`, nil)
	ids := func(value any) (ids []string) {
		walk(value, func(object map[string]any) {
			if id, ok := object["id"].(string); ok {
				ids = append(ids, id)
			}
		})
		return ids
	}
	users, failure, sku := ids(r.Data["users"]), ids(r.Data["assignmentErrors"])[0], ids(r.Data["subscribedSkus"])[0]
	group := g.groupID()
	asked := []string{sku, users[0], failure, users[1], users[0], group, "no-such-thing", strings.ToUpper(users[1]), failure, "a/b", sku}
	g.forget()
	r = g.ask(`query Q($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }`, map[string]any{"ids": asked})

	node := func(typeName, id string) any { return map[string]any{"__typename": typeName, "id": id} }
	want := []any{
		node("SubscribedSku", sku), node("User", users[0]), node("AssignmentError", failure), node("User", users[1]), node("User", users[0]),
		node("Group", group), nil, node("User", users[1]), node("AssignmentError", failure), nil, node("SubscribedSku", sku),
	}
	if diff := difference(want, r.Data["nodes"]); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
	codes := map[string]float64{}
	for _, e := range r.Errors {
		codes[e.Extensions["code"].(string)] = e.Path[1].(float64)
	}
	if diff := difference(map[string]float64{"NOT_FOUND": 6, "BAD_USER_INPUT": 9}, codes); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	if !strings.Contains(string(r.raw), `Microsoft Graph has no object with the ID \"no-such-thing\".`) {
		t.Errorf("the message lacks the ID: %s", r.raw)
	}
	if got := r.Extensions.Upstream.Requests; got != 2 {
		t.Errorf("took %d requests, want 2: %v", got, r.Extensions.Upstream.Endpoints)
	}
	g.nothingTwice()

	hundred := make([]string, 100)
	for i := range hundred {
		hundred[i] = users[i%2]
	}
	g.forget()
	r = g.ask(`query Q($ids: [ID!]!) { nodes(ids: $ids) { id } }`, map[string]any{"ids": hundred})
	if nodes, _ := r.Data["nodes"].([]any); len(nodes) != 100 || len(r.Errors) > 0 || r.Extensions.Upstream.Requests != 1 {
		t.Errorf("%d nodes, errors %v, %d requests", len(nodes), r.Errors, r.Extensions.Upstream.Requests)
	}
	if r := g.ask(`{ nodes(ids: []) { id } }`, nil); len(r.Errors) > 0 || r.Extensions.Upstream.Requests != 0 {
		t.Errorf("no ids: %s", r.raw)
	}
}
