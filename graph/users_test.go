package graph_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/emulator"
)

const (
	readAudit  = "AuditLog.Read.All"
	readLeaves = "User-LifeCycleInfo.Read.All"
)

// signIns is a selection with all properties that a tenant can refuse.
const signIns = `id displayName employeeLeaveDateTime signInActivity { lastSignInDateTime lastNonInteractiveSignInDateTime lastSuccessfulSignInDateTime }`

// requested returns a query option of each request of an endpoint, batched or not.
func (g *gateway) requested(endpoint, option string) (values []string) {
	for _, request := range g.tenant.Requests() {
		if request.Endpoint != endpoint {
			continue
		}
		address, err := url.Parse(request.URL)
		if err != nil {
			g.t.Fatal(err)
		}
		values = append(values, address.Query().Get(option))
	}
	return values
}

// TestSignInActivity reads sign-ins with the page of users, by ID and by name.
func TestSignInActivity(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	g := startGateway(t, emulator.Options{Users: 1_200})
	people := g.nodesOf(t, "users", "first: 999", signIns+" userPrincipalName")
	never, leaving := 0, 0
	for _, u := range people {
		if u["signInActivity"] == nil {
			never++
		}
		if u["employeeLeaveDateTime"] != nil {
			leaving++
		}
	}
	if never == 0 || never > 200 || leaving == 0 {
		t.Fatalf("%d users never signed in, %d leave: the test covers nothing", never, leaving)
	}
	g.forget()
	r := g.ask(`{ users(first: 999) { nodes { `+signIns+` } } }`, nil)
	if tops := g.requested(usersEndpoint, "$top"); !slices.Equal(tops, []string{"500", "500"}) {
		t.Errorf("pages of %v", tops)
	}
	g.answered(r, 2)
	i := slices.IndexFunc(people, func(u object) bool { return u["signInActivity"] != nil })
	want := people[i]
	for query, requests := range map[string]int{
		fmt.Sprintf(`user(id: %q)`, want["id"]):                               1,
		fmt.Sprintf(`user(userPrincipalName: %q)`, want["userPrincipalName"]): 2,
	} {
		g.forget()
		r := g.ask(`{ user: `+query+` { `+signIns+` userPrincipalName } }`, nil)
		if diff := difference(any(want), r.Data["user"]); diff != "" || len(r.Errors) > 0 {
			t.Errorf("%s: %v\n%s", query, r.Errors, diff)
		}
		g.answered(r, requests)
	}
	g.forget()
	r = g.ask(fmt.Sprintf(`{ a: user(userPrincipalName: %q) { signInActivity { lastSignInDateTime } } b: user(userPrincipalName: %q) { displayName } }`,
		people[0]["userPrincipalName"], people[1]["userPrincipalName"]), nil)
	g.answered(r, 1)

	g.person = personalToken(g.tenant.DelegatedToken(want["id"].(string), "User.Read.All", readAudit))
	g.restart()
	g.forget()
	r = g.ask(`{ me { displayName signInActivity { lastSignInDateTime } } }`, nil)
	if r.Data["me"].(object)["displayName"] != want["displayName"] {
		t.Errorf("%s", r.raw)
	}
	g.answered(r, 2)
}

// TestSignInsOfMembers reads the sign-ins of many users by ID. All users are listed if that takes fewer requests.
func TestSignInsOfMembers(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	g := startGateway(t, emulator.Options{Users: 300})
	const query = `{ nodes(ids: [%s]) { ... on User { id signInActivity { lastSignInDateTime } } } }`
	for n, reads := range map[int]int{20: 2, 60: 1} {
		ids := fmt.Sprintf("%q", strings.Join(g.people(t, n), `","`))
		g.restart()
		g.forget()
		r := g.ask(fmt.Sprintf(query, strings.ReplaceAll(ids, `\"`, `"`)), nil)
		if len(r.Errors) > 0 || strings.Contains(string(r.raw), "null,") {
			t.Errorf("%.500s", r.raw)
		}
		if got := g.requested(usersEndpoint, "$select"); len(got) != reads {
			t.Errorf("%d users: %d reads, want %d", n, len(got), reads)
		}
	}
}

// TestRefusedProperties tests tenants that refuse properties. They are null with an error each; the refusal is
// remembered for ten minutes.
func TestRefusedProperties(t *testing.T) {
	t.Parallel()
	with := func(roles ...string) emulator.Variants {
		return emulator.Variants{Roles: append(roles, readPeople, readGroups, readDirectory)}
	}
	notPremium := func(v emulator.Variants) emulator.Variants {
		v.NotPremium = true
		return v
	}
	const unlicensed = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"
	for _, tt := range []struct {
		name     string
		variants emulator.Variants
		lost     map[string]string // permissions; empty for the license
		requests int               // for one page, at first
	}{
		{"none", with(readAudit, readLeaves), nil, 1},
		{"sign-ins", with(readLeaves), map[string]string{"signInActivity": readAudit}, 3}, // first without the other one
		{"leave date", with(readAudit), map[string]string{"employeeLeaveDateTime": readLeaves}, 2},
		{"both", with(), map[string]string{"signInActivity": readAudit, "employeeLeaveDateTime": readLeaves}, 4},
		{"no license", notPremium(with(readAudit, readLeaves)), map[string]string{"signInActivity": ""}, 2},
		{"no license, no permission", notPremium(with(readAudit)), map[string]string{"signInActivity": "", "employeeLeaveDateTime": readLeaves}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Users: 40})
			people := g.people(t, 20)
			name := g.nodesOf(t, "users", "first: 1", "userPrincipalName")[0]["userPrincipalName"]
			queries := map[string]string{
				"page":    `{ users(first: 30) { nodes { ` + signIns + ` } } }`,
				"ids":     `{ nodes(ids: ["` + strings.Join(people, `","`) + `"]) { ... on User { ` + signIns + ` } } }`,
				"id":      `{ user(id: "` + people[0] + `") { ` + signIns + ` } }`,
				"name":    fmt.Sprintf(`{ user(userPrincipalName: %q) { `+signIns+` } }`, name),
				"members": `{ groups(first: 1) { nodes { members(first: 5) { nodes { ... on User { ` + signIns + ` } } } } } }`,
			}
			whole := map[string]response{}
			for kind, query := range queries {
				if whole[kind] = g.ask(query, nil); len(whole[kind].Errors) > 0 {
					t.Fatalf("%s", whole[kind].raw)
				}
			}
			g.tenant.SetVariants(tt.variants)
			for kind, query := range queries {
				t.Run(kind, func(t *testing.T) {
					g.t = t
					g.restart()
					g.ask(`{ groups(first: 1) { nodes { id } } }`, nil) // the token
					for _, again := range []bool{false, true} {
						g.forget()
						r := g.ask(query, nil)
						walk(whole[kind].Data, func(o object) {
							for property := range tt.lost {
								if _, selected := o[property]; selected {
									o[property] = nil
								}
							}
						})
						if diff := difference(whole[kind].Data, r.Data); diff != "" {
							t.Errorf("data (-want +got):\n%s", diff)
						}
						if len(r.Errors) != len(tt.lost) {
							t.Errorf("errors: %s", r.raw)
						}
						for _, e := range r.Errors {
							property := e.Path[len(e.Path)-1].(string)
							permission, lost := tt.lost[property]
							licensed := permission == "" && e.Extensions["code"] == "UPSTREAM_UNAVAILABLE" && strings.Contains(e.Message, "P1 or P2")
							permitted := permission != "" && e.Extensions["code"] == "FORBIDDEN" && e.Extensions["permission"] == permission
							if !lost || !licensed && !permitted {
								t.Errorf("%s: %v", property, e)
							}
							if again && e.Extensions["upstreamCode"] != nil || !again && permission == "" && e.Extensions["upstreamCode"] != unlicensed {
								t.Errorf("%v", e.Extensions)
							}
						}
						if denied := strings.Count(g.log.String(), "upstream request failed"); denied != len(tt.lost) {
							t.Errorf("log: %s", g.log.String())
						}
						got := r.Extensions.Upstream.Endpoints[usersEndpoint].Requests
						if kind == "page" && !again && tt.requests > 0 && got != tt.requests {
							t.Errorf("%d requests, want %d", got, tt.requests)
						}
						if reads := r.Extensions.Upstream.Endpoints["GET /users/{id}"].Requests; kind == "name" && again && len(tt.lost) > 0 && reads != 1 && tt.lost["employeeLeaveDateTime"] == "" {
							t.Errorf("%d reads of one user", reads)
						}
						if again {
							for _, request := range g.tenant.Requests() {
								for property := range tt.lost {
									if strings.Contains(request.URL, property) {
										t.Errorf("requested again: %s", request.URL)
									}
								}
							}
						}
					}
					if len(tt.lost) == 0 {
						return
					}
					g.tenant.SetVariants(emulator.Variants{})
					defer g.tenant.SetVariants(tt.variants)
					g.waits.pass(2 * time.Hour) // with a new token
					if r := g.ask(query, nil); len(r.Errors) > 0 {
						t.Errorf("later: %v", r.Errors)
					}
				})
			}
		})
	}
}

// TestRefusalAndMissingPermission tests that a user who cannot be read at all is an error of the field, also with
// properties that can be refused.
func TestRefusalAndMissingPermission(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 20})
	g.withRoles(readGroups, readAudit, readLeaves)
	r := g.ask(`{ users { nodes { `+signIns+` } } }`, nil)
	if errs := clientErrors(r); len(errs) != 1 || errs[0].Path != "users" || errs[0].Permission != readPeople {
		t.Errorf("%s", r.raw)
	}
	g.withRoles(readPeople, readAudit, readLeaves) // and nothing is remembered
	if r := g.ask(`{ users { nodes { `+signIns+` } } }`, nil); len(r.Errors) > 0 {
		t.Errorf("%v", r.Errors)
	}
}

// TestRefusedPages tests that a cursor of a page without the properties does not select them either.
func TestRefusedPages(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 60, Variants: emulator.Variants{NotPremium: true}})
	const query = `query Q($after: String) { users(first: 20, after: $after) { nodes { id signInActivity { lastSignInDateTime } } pageInfo { endCursor } } }`
	var after any
	seen := 0
	for page := range 3 {
		r := g.ask(query, map[string]any{"after": after})
		connection := r.Data["users"].(object)
		after = connection["pageInfo"].(object)["endCursor"]
		seen += len(connection["nodes"].([]any))
		if len(r.Errors) != 1 || r.Errors[0].Extensions["count"] != 20.0 || !strings.Contains(r.Errors[0].Message, "P1 or P2") {
			t.Errorf("page %d: %s", page, r.raw)
		}
	}
	if seen != 60 {
		t.Errorf("%d users", seen)
	}
}

// TestThrottledSignIns tests that the limit of sign-in activity affects nothing else.
func TestThrottledSignIns(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 40, Variants: emulator.Variants{Throttling: emulator.Throttling{SignInActivity: 2}}})
	const query = `{ users(first: 3) { nodes { id signInActivity { lastSignInDateTime } } } }`
	for i := range 4 {
		r := g.ask(query, nil)
		if i < 2 {
			if len(r.Errors) > 0 {
				t.Fatalf("%s", r.raw)
			}
			continue
		}
		errs := clientErrors(r)
		if len(errs) != 1 || errs[0].Code != "UPSTREAM_THROTTLED" || errs[0].Path != "users.nodes.#.signInActivity" || errs[0].RetryAfter == 0 || !errs[0].Retryable {
			t.Errorf("%s", r.raw)
		}
		if nodes := r.Data["users"].(object)["nodes"].([]any); len(nodes) != 3 {
			t.Errorf("%s", r.raw)
		}
	}
	if r := g.ask(`{ users(first: 3) { nodes { displayName } } }`, nil); len(r.Errors) > 0 {
		t.Errorf("without it: %v", r.Errors)
	}
	g.waits.pass(2 * time.Minute)
	g.tenant.SetVariants(emulator.Variants{})
	if r := g.ask(query, nil); len(r.Errors) > 0 {
		t.Errorf("later: %v", r.Errors)
	}
}

// TestInactiveSince compares the filter, alone and combined with each other condition, with one by hand.
func TestInactiveSince(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 200})
	const selected = `id displayName accountEnabled userType onPremisesSyncEnabled createdDateTime usageLocation department companyName city country employeeType
		assignedLicenses { skuId } assignedPlans { servicePlanId capabilityStatus } licenseAssignmentStates { state assignedByGroup { id } } signInActivity { lastSignInDateTime }`
	all := g.nodesOf(t, "users", "first: 999", selected)
	last := func(u object) string {
		activity, _ := u["signInActivity"].(object)
		at, _ := activity["lastSignInDateTime"].(string)
		return at
	}
	inactive := slices.DeleteFunc(slices.Clone(all), func(u object) bool { return last(u) == "" })
	slices.SortFunc(inactive, func(a, b object) int { return strings.Compare(last(a), last(b)) })
	inactive = inactive[:len(inactive)/2]
	since := last(inactive[len(inactive)-1])
	const plan = "41781fb2-bc02-4b7c-bd55-b576c07bb09d"
	licenses := func(u object) []any { return u["assignedLicenses"].([]any) }
	text := func(property, value string) func(object) bool {
		return func(u object) bool { s, _ := u[property].(string); return strings.EqualFold(s, value) }
	}
	value := func(property string) string {
		for _, u := range inactive {
			if s, ok := u[property].(string); ok {
				return s
			}
		}
		t.Fatalf("no inactive user has a %s", property)
		return ""
	}
	const created = "2024-06-01T00:00:00Z"
	conditions := map[string]func(object) bool{
		"":                          func(object) bool { return true },
		`skuId: "` + skuE3 + `"`:    func(u object) bool { return strings.Contains(fmt.Sprint(licenses(u)), skuE3) },
		`skuIds: ["` + skuE3 + `"]`: func(u object) bool { return strings.Contains(fmt.Sprint(licenses(u)), skuE3) },
		`licensed: true`:            func(u object) bool { return len(licenses(u)) > 0 },
		`licensed: false`:           func(u object) bool { return len(licenses(u)) == 0 },
		`servicePlanId: "` + plan + `"`: func(u object) bool {
			return slices.ContainsFunc(u["assignedPlans"].([]any), func(p any) bool {
				return p.(object)["servicePlanId"] == plan && p.(object)["capabilityStatus"] == "Enabled"
			})
		},
		`displayNameStartsWith: "m"`:     func(u object) bool { return strings.HasPrefix(strings.ToLower(u["displayName"].(string)), "m") },
		`accountEnabled: true`:           func(u object) bool { return u["accountEnabled"] == true },
		`accountEnabled: false`:          func(u object) bool { return u["accountEnabled"] == false },
		`userType: MEMBER`:               text("userType", "member"),
		`userType: GUEST`:                text("userType", "guest"),
		`onPremisesSynced: true`:         func(u object) bool { return u["onPremisesSyncEnabled"] == true },
		`onPremisesSynced: false`:        func(u object) bool { return u["onPremisesSyncEnabled"] != true },
		`createdFrom: "` + created + `"`: func(u object) bool { s, _ := u["createdDateTime"].(string); return s >= created },
		`createdBefore: "` + created + `"`: func(u object) bool {
			s, _ := u["createdDateTime"].(string)
			return s != "" && s < created
		},
		`hasUsageLocation: true`:  func(u object) bool { return u["usageLocation"] != nil },
		`hasUsageLocation: false`: func(u object) bool { return u["usageLocation"] == nil },
		`usageLocation: "` + strings.ToLower(value("usageLocation")) + `"`: text("usageLocation", value("usageLocation")),
		`assignment: INHERITED, skuId: "` + skuE3 + `"`:                    nil,
	}
	for _, property := range []string{"department", "companyName", "city", "country", "employeeType"} {
		conditions[fmt.Sprintf("%s: %q", property, strings.ToUpper(value(property)))] = text(property, value(property))
	}
	covered := 0
	for condition, keep := range conditions {
		t.Run(condition, func(t *testing.T) {
			g.t = t
			filter := strings.TrimSuffix(`inactiveSince: "`+since+`", `+condition, ", ")
			g.forget()
			r := g.ask(`{ users(first: 999, filter: {`+filter+`}) { totalCount scan { read stopped } nodes { id } } }`, nil)
			if len(r.Errors) > 0 {
				t.Fatalf("%s", r.raw)
			}
			for _, sent := range g.requested(usersEndpoint, "$filter") {
				if sent != "signInActivity/lastSignInDateTime le "+since {
					t.Errorf("sent as %s", sent)
				}
			}
			page := r.Data["users"].(object)
			if alone := condition == ""; page["totalCount"] != nil || (page["scan"] == nil) != alone {
				t.Errorf("%v", page["scan"])
			}
			var got, want []string
			for _, node := range page["nodes"].([]any) {
				got = append(got, node.(object)["id"].(string))
			}
			if keep == nil {
				if len(got) == 0 || len(got) >= len(inactive) {
					t.Errorf("%d of %d", len(got), len(inactive))
				}
				return
			}
			for _, u := range inactive {
				if keep(u) {
					want = append(want, u["id"].(string))
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if diff := difference(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(want) > 0 && len(want) < len(inactive) {
				covered++
			}
			if walked := g.walkPages(t, "users", ", filter: {"+filter+"}", 7); len(walked) != len(want) {
				t.Errorf("%d in pages, want %d", len(walked), len(want))
			}
		})
	}
	if covered < 15 {
		t.Errorf("%d conditions select some of the users", covered)
	}
	g.t = t
	if !withRefusals(g) {
		t.Error("the filter was not refused")
	}
}

// withRefusals reports whether the filter is an error of the list where the tenant refuses it.
func withRefusals(g *gateway) bool {
	const query = `{ users(filter: {inactiveSince: "2026-01-01T00:00:00Z"}) { nodes { id signInActivity { lastSignInDateTime } } } }`
	g.tenant.SetVariants(emulator.Variants{NotPremium: true})
	g.restart()
	r := g.ask(query, nil)
	unlicensed := len(r.Errors) == 1 && len(r.Errors[0].Path) == 1 && strings.Contains(r.Errors[0].Message, "P1 or P2")
	g.withRoles(readPeople)
	r = g.ask(query, nil)
	return unlicensed && len(r.Errors) == 1 && r.Errors[0].Extensions["permission"] == readPeople+" and "+readAudit
}

// TestOddSignIns tests users whose sign-in activity is not as documented.
func TestOddSignIns(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		set  any
		want any
		errs int
	}{
		"null":            {nil, nil, 0},
		"text":            {"yesterday", nil, 1},
		"list":            {[]any{}, nil, 1},
		"odd time":        {map[string]any{"lastSignInDateTime": "yesterday"}, object{"lastSignInDateTime": nil, "lastSuccessfulSignInDateTime": nil}, 1},
		"nothing":         {map[string]any{}, object{"lastSignInDateTime": nil, "lastSuccessfulSignInDateTime": nil}, 0},
		"unknown members": {map[string]any{"lastFailure": 1}, object{"lastSignInDateTime": nil, "lastSuccessfulSignInDateTime": nil}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Users: 20})
			person := ""
			for _, u := range g.nodesOf(t, "users", "first: 20", "id signInActivity { lastSignInDateTime }") {
				if u["signInActivity"] != nil {
					person = u["id"].(string)
				}
			}
			g.tenant.Inject(emulator.Fault{Endpoint: "GET /users/{id}", Set: map[string]any{"signInActivity": tt.set}, Times: -1})
			r := g.ask(fmt.Sprintf(`{ user(id: %q) { id signInActivity { lastSignInDateTime lastSuccessfulSignInDateTime } } }`, person), nil)
			if diff := difference(object{"user": object{"id": person, "signInActivity": tt.want}}, r.Data); diff != "" || len(r.Errors) != tt.errs {
				t.Errorf("%v\n%s", r.Errors, diff)
			}
		})
	}
}
