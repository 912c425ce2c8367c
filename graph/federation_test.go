package graph_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"licensegraph/internal/emulator"
)

type rep = map[string]any

// entities queries _entities, like a federation router.
func (g *gateway) entities(selected string, reps ...any) response {
	g.t.Helper()
	return g.ask(`query Q($reps: [_Any!]!) { _entities(representations: $reps) { __typename `+selected+` } }`, map[string]any{"reps": append([]any{}, reps...)})
}

// everything selects a field of each type that requires a read.
const everything = `
	... on User { id displayName }
	... on Group { id displayName }
	... on AssignmentError { id code }
	... on UsageRight { id holderId skuPartNumber }
	... on SubscribedSku { skuId consumedUnits }`

// related adds relations, which gqlgen resolves for all entities of a type in one batch.
const related = everything + `
	... on User { usageRights { id } assignments { id } assignmentErrors { id } licenseDetails { id } licenseAssignmentStates { state } }
	... on Group { usageRights { id } members(first: 1) { nodes { id } } }
	... on AssignmentError { assignedTo { id } sku { skuPartNumber } }
	... on UsageRight { sku { skuPartNumber } }
	... on SubscribedSku { allotments { id } }`

// samples has users with both keys, and one object of each other type.
type samples struct {
	users               []map[string]any // id, userPrincipalName, displayName
	group, failure, sku string
	holder, right       string
}

func (g *gateway) samples(t *testing.T, people int) samples {
	t.Helper()
	r := g.ask(fmt.Sprintf(`{
		users(first: %d) { nodes { id userPrincipalName displayName } }
		assignmentErrors(first: 1) { nodes { id } }
		subscribedSkus { nodes { skuId } }
	}`, people), nil)
	s := samples{group: g.groupID()}
	for _, user := range r.Data["users"].(map[string]any)["nodes"].([]any) {
		s.users = append(s.users, user.(map[string]any))
	}
	s.failure = r.Data["assignmentErrors"].(map[string]any)["nodes"].([]any)[0].(map[string]any)["id"].(string)
	s.sku = r.Data["subscribedSkus"].(map[string]any)["nodes"].([]any)[0].(map[string]any)["skuId"].(string)
	r = g.ask(`{ users(first: 10) { nodes { id usageRights { id holderId } } } }`, nil)
	walk(r.Data, func(object map[string]any) {
		if holder, ok := object["holderId"].(string); ok {
			s.holder, s.right = holder, object["id"].(string)
		}
	})
	if s.right == "" {
		t.Fatal("no user has a usage right")
	}
	g.forget()
	return s
}

func TestServiceSDL(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 20})
	r := g.ask(`{ _service { sdl } }`, nil)
	sdl, _ := r.Data["_service"].(map[string]any)["sdl"].(string)
	for _, want := range []string{
		`url: "https://specs.apollo.dev/federation/v2.`, "type User implements DirectoryObject & Node\n  @key(fields: \"id\")\n  @key(fields: \"userPrincipalName\")",
		`type UsageRight @key(fields: "holderId id")`, `type SubscribedSku implements Node @key(fields: "skuId")`, "type PageInfo @shareable",
	} {
		if !strings.Contains(sdl, want) {
			t.Errorf("the SDL has no %s", want)
		}
	}
	for _, generator := range []string{"@goField", "@entityResolver"} {
		if strings.Contains(sdl, generator) {
			t.Errorf("the SDL has gqlgen's %s", generator)
		}
	}
	for _, size := range regexp.MustCompile(`(?s)first: Int = \d+[^{}]*?@listSize\(([^)]*)\)`).FindAllStringSubmatch(sdl, -1) {
		if strings.Contains(size[1], "assumedSize") {
			t.Errorf("composition rejects assumedSize with a default slicing argument: %s", size[1])
		}
	}
	if strings.Contains(sdl, "_Entity") || strings.Contains(sdl, "_Any") {
		t.Error("the SDL has elements that the router adds")
	}
	if got := g.tenant.Counts(); len(got) > 0 {
		t.Errorf("upstream requests: %v", got)
	}
}

// TestEntities tests that entities of each type resolve by each key, all in one query.
func TestEntities(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 50})
	s := g.samples(t, 4)
	byID := func(i int) any { return rep{"__typename": "User", "id": s.users[i]["id"]} }
	byName := func(i int) any {
		return rep{"__typename": "User", "userPrincipalName": s.users[i]["userPrincipalName"]}
	}
	user := func(i int) any {
		return map[string]any{"__typename": "User", "id": s.users[i]["id"], "displayName": s.users[i]["displayName"]}
	}
	group := rep{"__typename": "Group", "id": s.group}
	others := []any{
		group, rep{"__typename": "AssignmentError", "id": s.failure},
		rep{"__typename": "UsageRight", "holderId": s.holder, "id": s.right}, rep{"__typename": "SubscribedSku", "skuId": strings.ToUpper(s.sku)},
	}
	for _, tt := range []struct {
		name string
		reps []any
		want []any
	}{
		{"by id", []any{byID(0), byID(1)}, []any{user(0), user(1)}},
		{"by name", []any{byName(0), byName(1)}, []any{user(0), user(1)}},
		{"id first", []any{byID(0), byName(1), byID(2), byName(3)}, []any{user(0), user(1), user(2), user(3)}},
		{"name first", []any{byName(0), byID(1), byName(2), byID(3)}, []any{user(0), user(1), user(2), user(3)}},
		{"same user by both", []any{byName(0), byID(0), byName(0), byID(0)}, []any{user(0), user(0), user(0), user(0)}},
		{"both keys", []any{rep{"__typename": "User", "id": s.users[0]["id"], "userPrincipalName": s.users[0]["userPrincipalName"]}}, []any{user(0)}},
		{"null key", []any{rep{"__typename": "User", "id": nil, "userPrincipalName": s.users[0]["userPrincipalName"]}}, []any{user(0)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer g.forget()
			r := g.entities(everything, slices.Concat(tt.reps, others)...)
			if len(r.Errors) > 0 {
				t.Fatal(r.Errors)
			}
			got := r.Data["_entities"].([]any)
			if diff := difference(tt.want, got[:len(tt.want)]); diff != "" {
				t.Errorf("people (-want +got):\n%s", diff)
			}
			var names []string
			for i, entity := range got[len(tt.want):] {
				entity := entity.(map[string]any)
				names = append(names, entity["__typename"].(string))
				for key, value := range others[i].(rep) {
					if text := value.(string); key != "__typename" && entity[key] != strings.ToLower(text) {
						t.Errorf("%v has the key %v", entity, value)
					}
				}
			}
			if diff := difference([]string{"Group", "AssignmentError", "UsageRight", "SubscribedSku"}, names); diff != "" {
				t.Error(diff)
			}
			g.nothingTwice()
		})
	}
}

// TestMalformedRepresentations tests that an invalid representation has one error and does not affect the others.
func TestMalformedRepresentations(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 50})
	s := g.samples(t, 2)
	const guid = "11111111-2222-4333-8444-555555555555"
	good := []any{
		rep{"__typename": "User", "id": s.users[0]["id"]}, rep{"__typename": "User", "userPrincipalName": s.users[1]["userPrincipalName"]},
		rep{"__typename": "Group", "id": s.group}, rep{"__typename": "AssignmentError", "id": s.failure},
		rep{"__typename": "UsageRight", "holderId": s.holder, "id": s.right}, rep{"__typename": "SubscribedSku", "skuId": s.sku},
	}
	whole := g.entities(related, good...).Data["_entities"].([]any)
	g.forget()

	for _, tt := range []struct {
		code string
		rep  rep
	}{
		{"BAD_USER_INPUT", rep{}},
		{"BAD_USER_INPUT", rep{"__typename": nil}},
		{"BAD_USER_INPUT", rep{"__typename": 5}},
		{"BAD_USER_INPUT", rep{"__typename": "Printer", "id": guid}},
		{"BAD_USER_INPUT", rep{"__typename": "Query"}},
		{"BAD_USER_INPUT", rep{"__typename": "User"}},
		{"BAD_USER_INPUT", rep{"__typename": "User", "id": nil}},
		{"BAD_USER_INPUT", rep{"__typename": "User", "id": 5}},
		{"BAD_USER_INPUT", rep{"__typename": "User", "id": []any{}}},
		{"BAD_USER_INPUT", rep{"__typename": "User", "id": "adele"}},
		{"BAD_USER_INPUT", rep{"__typename": "User", "userPrincipalName": map[string]any{}}},
		{"BAD_USER_INPUT", rep{"__typename": "User", "userPrincipalName": "adele"}},
		{"BAD_USER_INPUT", rep{"__typename": "User", "name": "adele@example.com"}},
		{"BAD_USER_INPUT", rep{"__typename": "Group"}},
		{"BAD_USER_INPUT", rep{"__typename": "Group", "id": nil}},
		{"BAD_USER_INPUT", rep{"__typename": "Group", "id": true}},
		{"BAD_USER_INPUT", rep{"__typename": "AssignmentError"}},
		{"BAD_USER_INPUT", rep{"__typename": "AssignmentError", "id": "../x"}},
		{"BAD_USER_INPUT", rep{"__typename": "UsageRight", "id": s.right}},
		{"BAD_USER_INPUT", rep{"__typename": "UsageRight", "holderId": nil, "id": s.right}},
		{"BAD_USER_INPUT", rep{"__typename": "UsageRight", "holderId": s.holder}},
		{"BAD_USER_INPUT", rep{"__typename": "SubscribedSku"}},
		{"BAD_USER_INPUT", rep{"__typename": "SubscribedSku", "skuId": nil}},
		{"BAD_USER_INPUT", rep{"__typename": "SubscribedSku", "skuId": "E3"}},
		{"", rep{"__typename": "User", "id": guid}},
		{"", rep{"__typename": "User", "userPrincipalName": "missing@example.com"}},
		{"", rep{"__typename": "Group", "id": guid}},
		{"", rep{"__typename": "AssignmentError", "id": "no-such-error"}},
		{"", rep{"__typename": "UsageRight", "holderId": guid, "id": s.right}},
		{"", rep{"__typename": "UsageRight", "holderId": s.holder, "id": "no-such-right"}},
		{"", rep{"__typename": "SubscribedSku", "skuId": guid}}, // null: other tenants may have the product
	} {
		for name, place := range map[string]int{"first": 0, "last": len(good)} {
			t.Run(fmt.Sprint(tt.rep, " ", name), func(t *testing.T) {
				defer g.forget()
				r := g.entities(related, slices.Insert(slices.Clone(good), place, any(tt.rep))...)
				if diff := difference(slices.Insert(slices.Clone(whole), place, nil), r.Data["_entities"]); diff != "" {
					t.Errorf("entities (-want +got):\n%s", diff)
				}
				switch {
				case tt.code == "" && len(r.Errors) == 0:
				case len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != tt.code:
					t.Errorf("errors: %v", r.Errors)
				case difference([]any{"_entities", float64(place)}, r.Errors[0].Path) != "":
					t.Errorf("at %v", r.Errors[0].Path)
				}
				if said := g.log.String(); said != "" {
					t.Errorf("unexpected log: %s", said)
				}
			})
		}
	}
	t.Run("together", func(t *testing.T) {
		r := g.entities(everything, rep{"__typename": "User"}, rep{"__typename": "User", "id": "x"}, rep{}, rep{"__typename": "Group"})
		if len(r.Errors) != 4 || len(g.tenant.Counts()) > 0 {
			t.Errorf("%s, upstream %v", r.raw, g.tenant.Counts())
		}
	})
	t.Run("separate paths", func(t *testing.T) {
		defer g.forget()
		g.tenant.Inject(emulator.Fault{Endpoint: usersEndpoint, Status: 403})
		r := g.entities(`... on User { displayName mail licenseAssignmentStates { state } }`, rep{"__typename": "User", "id": s.users[0]["id"]}, rep{"__typename": "User", "id": s.users[1]["id"]})
		if len(r.Errors) != 2 || r.Errors[0].Path[1] != 0.0 || r.Errors[1].Path[1] != 1.0 || r.Errors[0].Extensions["paths"] != nil {
			t.Errorf("%s", r.raw)
		}
	})
	t.Run("none", func(t *testing.T) {
		if r := g.entities(everything); len(r.Errors) > 0 || len(r.Data["_entities"].([]any)) > 0 {
			t.Errorf("%s", r.raw)
		}
	})
	t.Run("null", func(t *testing.T) {
		for _, reps := range []any{nil, []any{nil}} {
			r := g.ask(`query Q($reps: [_Any!]!) { _entities(representations: $reps) { __typename } }`, map[string]any{"reps": reps})
			if len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != "BAD_USER_INPUT" {
				t.Errorf("%v: %s", reps, r.raw)
			}
		}
	})
}

// TestUnknownEntities tests entities that do not exist: null if they are read; keys alone are returned unchanged
// (docs/federation.md).
func TestUnknownEntities(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 50})
	const guid = "11111111-2222-4333-8444-555555555555"
	for _, tt := range []struct {
		rep      rep
		selected string
		want     any // nil for null
		asks     bool
	}{
		{rep{"__typename": "User", "id": guid}, "id", object{"id": guid}, false},
		{rep{"__typename": "User", "id": guid}, "id displayName", nil, true},
		{rep{"__typename": "User", "id": guid}, "id usageRights { id }", nil, true},
		{rep{"__typename": "User", "userPrincipalName": "missing@example.com"}, "userPrincipalName", nil, true},
		{rep{"__typename": "Group", "id": guid}, "id", object{"id": guid}, false},
		{rep{"__typename": "Group", "id": guid}, "id members { nodes { id } }", nil, true},
		{rep{"__typename": "Device", "id": guid}, "id", object{"id": guid}, false},
		{rep{"__typename": "Device", "id": guid}, "id usageRights { id }", nil, true},
		{rep{"__typename": "Allotment", "id": guid}, "id", nil, true},
		{rep{"__typename": "Assignment", "id": guid}, "id", nil, true},
		{rep{"__typename": "AssignmentError", "id": guid}, "id", nil, true},
		{rep{"__typename": "UsageRight", "holderId": guid, "id": "x"}, "id holderId", nil, true},
		{rep{"__typename": "SubscribedSku", "skuId": guid}, "skuId", object{"skuId": guid}, false},
		{rep{"__typename": "SubscribedSku", "skuId": guid}, "skuId allotments { id }", object{"skuId": guid, "allotments": []any{}}, true},
		{rep{"__typename": "SubscribedSku", "skuId": guid}, "assignmentErrors { nodes { id } }", object{"assignmentErrors": object{"nodes": []any{}}}, true},
		{rep{"__typename": "SubscribedSku", "skuId": guid}, "skuId skuPartNumber", nil, true},
		{rep{"__typename": "SubscribedSku", "skuId": guid}, "units { free } allotments { id }", nil, true},
	} {
		g.forget()
		r := g.ask(`query Q($reps: [_Any!]!) { _entities(representations: $reps) { ... on `+tt.rep["__typename"].(string)+` { `+tt.selected+` } } }`,
			map[string]any{"reps": []any{tt.rep}})
		if diff := difference([]any{tt.want}, r.Data["_entities"]); diff != "" || len(r.Errors) > 0 {
			t.Errorf("%v {%s} (-want +got): %s%v", tt.rep, tt.selected, diff, r.Errors)
		}
		if asked := len(g.tenant.Counts()) > 0; asked != tt.asks {
			t.Errorf("%v {%s}: upstream requests: %v", tt.rep, tt.selected, asked)
		}
	}
}

// TestEntityCost tests the upstream requests of many representations. Fields that the router has already cost none.
func TestEntityCost(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	g := startGateway(t, emulator.Options{})
	people := g.samples(t, 300).users
	errs := g.walkPages(t, "assignmentErrors", "", 1000)
	skus := g.ask(`{ subscribedSkus { nodes { skuId } } }`, nil).Data["subscribedSkus"].(map[string]any)["nodes"].([]any)
	of := func(n int, make func(i int) rep) []any {
		reps := []any{}
		for i := range n {
			reps = append(reps, make(i))
		}
		return reps
	}
	byID := of(300, func(i int) rep { return rep{"__typename": "User", "id": people[i]["id"]} })
	byName := of(300, func(i int) rep { return rep{"__typename": "User", "userPrincipalName": people[i]["userPrincipalName"]} })
	mixed := of(300, func(i int) rep { return []any{byID[i], byName[i]}[i%2].(rep) })
	failures := of(100, func(i int) rep { return rep{"__typename": "AssignmentError", "id": errs[i]} })
	products := of(300, func(i int) rep {
		return rep{"__typename": "SubscribedSku", "skuId": skus[i%len(skus)].(map[string]any)["skuId"]}
	})

	for _, tt := range []struct {
		name, selected string
		reps           []any
		requests       int
	}{
		{"user IDs", `... on User { id }`, byID, 0},
		{"group IDs", `... on Group { id }`, of(300, func(i int) rep { return rep{"__typename": "Group", "id": people[i]["id"]} }), 0},
		{"product IDs", `... on SubscribedSku { skuId }`, products, 0},
		{"product names", `... on SubscribedSku { skuId skuPartNumber productName }`, products, 0},
		{"product units", `... on SubscribedSku { consumedUnits }`, products, 1},
		{"users by ID", `... on User { displayName }`, byID, 1},
		{"users by ID with licenses", `... on User { assignedLicenses { skuId } }`, byID, 1},
		{"users by ID with states", `... on User { displayName licenseAssignmentStates { state } }`, byID, 1},
		{"users by name", `... on User { displayName }`, byName, 1},
		{"users by either key", `... on User { displayName }`, mixed, 1},
		{"errors", `... on AssignmentError { code }`, failures, 5},
		{"errors with assignees", `... on AssignmentError { code assignedTo { displayName } }`, failures, 5},
		{"users, errors and products", everything, slices.Concat(mixed, failures, products), 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g.forget()
			r := g.entities(tt.selected, tt.reps...)
			if len(r.Errors) > 0 {
				t.Fatal(r.Errors)
			}
			for i, entity := range r.Data["_entities"].([]any) {
				if entity == nil {
					t.Fatalf("entity %d is missing", i)
				}
			}
			if got := r.Extensions.Upstream.Requests; got != tt.requests {
				t.Errorf("took %d requests, want %d: %+v", got, tt.requests, r.Extensions.Upstream.Endpoints)
			}
			g.nothingTwice()
		})
	}
}
