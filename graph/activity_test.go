package graph_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"licensegraph/internal/emulator"
)

const (
	readReports      = "Reports.Read.All"
	activityEndpoint = "GET /reports/getOffice365ActiveUserDetail(period='{id}')"
	copilotEndpoint  = "GET /copilot/reports/getMicrosoft365CopilotUsageUserDetail(period='{id}')"

	activityFields = `reportRefreshDate assignedProducts
		hasExchangeLicense exchangeLastActivityDate exchangeLicenseAssignDate hasOneDriveLicense oneDriveLastActivityDate oneDriveLicenseAssignDate
		hasSharePointLicense sharePointLastActivityDate sharePointLicenseAssignDate hasSkypeForBusinessLicense skypeForBusinessLastActivityDate skypeForBusinessLicenseAssignDate
		hasYammerLicense yammerLastActivityDate yammerLicenseAssignDate hasTeamsLicense teamsLastActivityDate teamsLicenseAssignDate`
	copilotFields = `reportRefreshDate lastActivityDate copilotChatLastActivityDate microsoftTeamsCopilotLastActivityDate wordCopilotLastActivityDate excelCopilotLastActivityDate
		powerPointCopilotLastActivityDate outlookCopilotLastActivityDate oneNoteCopilotLastActivityDate loopCopilotLastActivityDate`
)

// reportOf returns the rows of a report from the tenant by lower-case user principal name, without deleted accounts.
func (g *gateway) reportOf(t *testing.T, path string) map[string]object {
	t.Helper()
	rows := map[string]object{}
	token := g.tenant.DelegatedToken(g.tenant.PersonInRole("Global Reader"), readReports)
	for next := g.tenant.URL + "/beta" + path; next != ""; {
		req, err := http.NewRequest(http.MethodGet, next, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			Value []object
			Next  string `json:"@odata.nextLink"`
		}
		err = json.NewDecoder(resp.Body).Decode(&page)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v", resp.Status, err)
		}
		for _, row := range page.Value {
			if row["isDeleted"] != true {
				rows[strings.ToLower(row["userPrincipalName"].(string))] = row
			}
		}
		next = page.Next
	}
	return rows
}

// TestActivity compares the activity of all users with the reports, and the pages that are read.
func TestActivity(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	g := startGateway(t, emulator.Options{Variants: emulator.Variants{ReportNames: true}})
	rows := g.reportOf(t, "/reports/getOffice365ActiveUserDetail(period='D30')?$format=application/json")
	copilot := g.reportOf(t, "/copilot/reports/getMicrosoft365CopilotUsageUserDetail(period='D30')?$format=application/json")
	r := g.ask(`{ users(first: 999) { nodes { userPrincipalName activity { `+activityFields+` } copilotActivity { `+copilotFields+` } } } }`, nil)
	if len(r.Errors) > 0 {
		t.Fatalf("%v", r.Errors)
	}
	same := func(name string, row object, got any) bool {
		activity, ok := got.(object)
		if !ok {
			return false
		}
		for field, value := range activity {
			want := row[field]
			if want == "" {
				want = nil
			}
			if diff := difference(want, value); diff != "" {
				t.Errorf("%s of %s (-report +gateway):\n%s", field, name, diff)
			}
		}
		return true
	}
	users, withCopilot := 0, 0
	for _, node := range r.Data["users"].(object)["nodes"].([]any) {
		node := node.(object)
		name := strings.ToLower(node["userPrincipalName"].(string))
		if (rows[name] != nil) != same(name, rows[name], node["activity"]) || (copilot[name] != nil) != same(name, copilot[name], node["copilotActivity"]) {
			t.Errorf("%s: %v", name, node)
		}
		if users++; node["copilotActivity"] != nil {
			withCopilot++
		}
	}
	if users < 400 || withCopilot < 10 || withCopilot == users {
		t.Errorf("%d users, %d with Copilot: the test covers nothing", users, withCopilot)
	}
	for query, pages := range map[string]int{
		`users(first: 100) { nodes { activity { reportRefreshDate } } }`:                                                                               1,
		`users(first: 100) { nodes { a: activity { reportRefreshDate } b: activity { hasTeamsLicense } activity(period: D30) { hasYammerLicense } } }`: 1,
		`users(first: 100) { nodes { activity { reportRefreshDate } week: activity(period: D7) { reportRefreshDate } } }`:                              2,
		`users(first: 450) { nodes { activity { reportRefreshDate } } }`:                                                                               3,
		// In two rounds.
		`users(first: 300) { nodes { activity { reportRefreshDate } } } groups(first: 9) { nodes { members(first: 200) { nodes { ... on User { activity { reportRefreshDate } } } } } }`: 3,
	} {
		g.forget()
		r := g.ask("{ "+query+" }", nil)
		if got := g.sent(activityEndpoint); got != pages || len(r.Errors) > 0 {
			t.Errorf("%s: %d pages, want %d, %v", query, got, pages, r.Errors)
		}
	}
}

// TestConcealedActivity tests that pseudonyms are an error, which tells where to show names, and that nothing is joined.
func TestConcealedActivity(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 60})
	r := g.ask(`{ users(first: 40) { nodes { id activity { reportRefreshDate } copilotActivity { reportRefreshDate } } } }`, nil)
	errs := clientErrors(r)
	if len(errs) != 2 || errs[0].Path != "users.nodes.#.activity" || errs[0].Count != 40 || errs[0].Retryable || !strings.Contains(r.Errors[0].Message, "Org settings, Reports") {
		t.Errorf("%s", r.raw)
	}
	if len(g.nodesIn(r, "users")) != 40 || strings.Contains(string(r.raw), "reportRefreshDate") {
		t.Errorf("%s", r.raw)
	}
}

// nodesIn returns the nodes of a list in a response.
func (g *gateway) nodesIn(r response, field string) (nodes []object) {
	g.t.Helper()
	for _, node := range r.Data[field].(object)["nodes"].([]any) {
		nodes = append(nodes, node.(object))
	}
	return nodes
}

// TestOddReports tests reports that are not as documented.
func TestOddReports(t *testing.T) {
	t.Parallel()
	const empty = `{"value":[]}`
	row := func(name, more string) string {
		return fmt.Sprintf(`{"reportRefreshDate":"2026-11-01","userPrincipalName":%s%s}`, name, more)
	}
	for name, tt := range map[string]struct {
		rows   string // $ is the name
		want   any    // teamsLastActivityDate, or nil for no row
		code   string
		errors int
	}{
		"empty":                    {empty, nil, "", 0},
		"another user":             {row(`"somebody@else.example"`, ""), nil, "", 0},
		"capital letters":          {strings.ToUpper(`"$"`), object{"teamsLastActivityDate": nil}, "", 0},
		"never, as a text":         {row(`"$"`, `,"teamsLastActivityDate":""`), object{"teamsLastActivityDate": nil}, "", 0},
		"never":                    {row(`"$"`, `,"teamsLastActivityDate":null`), object{"teamsLastActivityDate": nil}, "", 0},
		"a day":                    {row(`"$"`, `,"teamsLastActivityDate":"2026-10-31"`), object{"teamsLastActivityDate": "2026-10-31"}, "", 0},
		"no day":                   {row(`"$"`, `,"teamsLastActivityDate":"soon"`), object{"teamsLastActivityDate": nil}, "UPSTREAM_UNAVAILABLE", 1},
		"deleted account":          {row(`"$"`, `,"isDeleted":true`), nil, "", 0},
		"deleted and current":      {row(`"$"`, `,"isDeleted":true,"teamsLastActivityDate":"2026-10-01"`) + "," + row(`"$"`, `,"isDeleted":false,"teamsLastActivityDate":"2026-10-31"`), object{"teamsLastActivityDate": "2026-10-31"}, "", 0},
		"the same name twice":      {row(`"$"`, "") + "," + row(`"$"`, ""), nil, "UPSTREAM_UNAVAILABLE", 1},
		"no name":                  {row(`null`, "") + "," + row(`""`, "") + "," + row(`5`, "") + `,{}`, nil, "", 0},
		"pseudonyms":               {row(`"0123456789ABCDEF0123456789ABCDEF"`, ""), nil, "UPSTREAM_UNAVAILABLE", 1},
		"some pseudonyms":          {row(`"$"`, "") + "," + row(`"0123456789ABCDEF0123456789ABCDEF"`, ""), nil, "UPSTREAM_UNAVAILABLE", 1},
		"something like pseudonym": {row(`"0123456789ABCDEF0123456789ABCDEF@licensegraph.example"`, "") + "," + row(`"$"`, ""), object{"teamsLastActivityDate": nil}, "", 0},
		"null":                     {"null", nil, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Users: 20})
			person := g.nodesOf(t, "users", "first: 1", "id userPrincipalName")[0]
			rows := strings.ReplaceAll(tt.rows, "$", person["userPrincipalName"].(string))
			if name == "capital letters" {
				rows = row(strings.ToUpper(rows), "")
			}
			if rows != empty {
				rows = `{"value":[` + rows + `]}`
			}
			g.between(func(address string) (string, bool) { return rows, strings.HasPrefix(address, "/reports/") })
			r := g.ask(fmt.Sprintf(`{ user(id: %q) { activity { teamsLastActivityDate } } }`, person["id"]), nil)
			if diff := difference(object{"user": object{"activity": tt.want}}, r.Data); diff != "" {
				t.Errorf("%s\n%s", diff, r.raw)
			}
			if errs := clientErrors(r); len(errs) != tt.errors && name != "null" || len(errs) > 0 && tt.code != "" && errs[0].Code != tt.code {
				t.Errorf("%s", r.raw)
			}
		})
	}
}

// TestUnavailableReports tests reports that the tenant does not offer as JSON, that are throttled, or too long. Nothing
// else is affected.
func TestUnavailableReports(t *testing.T) {
	t.Parallel()
	const query = `{ users(first: 3) { nodes { id displayName activity { reportRefreshDate } } } }`
	for name, tt := range map[string]struct {
		fault emulator.Fault
		want  string
	}{
		"missing":   {emulator.Fault{Status: 404, Code: "ResourceNotFound", Times: -1}, "does not support this"},
		"redirect":  {emulator.Fault{Status: 302, Times: -1}, "does not support this"},
		"forbidden": {emulator.Fault{Status: 403, Code: "S2SUnauthorized", Times: -1}, "Required permission: " + readReports},
		"throttled": {emulator.Fault{Status: 429, RetryAfter: "300", Times: -1}, "throttled"},
		"failing":   {emulator.Fault{Status: 500, Times: -1}, "unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Users: 20, Variants: emulator.Variants{ReportNames: true}})
			tt.fault.Endpoint = activityEndpoint
			g.tenant.Inject(tt.fault)
			r := g.ask(query, nil)
			errs := clientErrors(r)
			if len(errs) != 1 || errs[0].Path != "users.nodes.#.activity" || !strings.Contains(r.Errors[0].Message, tt.want) || len(g.nodesIn(r, "users")) != 3 {
				t.Errorf("%s", r.raw)
			}
			g.tenant.ClearFaults()
			if r := g.ask(`{ users(first: 2) { nodes { displayName copilotActivity { reportRefreshDate } } } }`, nil); len(r.Errors) > 0 {
				t.Errorf("the rest: %v", r.Errors)
			}
		})
	}
	t.Run("another version", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, emulator.Options{Users: 300, Variants: emulator.Variants{ReportNames: true}})
		g.tenant.Inject(emulator.Fault{Endpoint: copilotEndpoint, Status: 400, Code: "BadRequest", Times: 1})
		r := g.ask(`{ users(first: 300) { nodes { copilotActivity { reportRefreshDate } } } }`, nil)
		if len(r.Errors) > 0 || !strings.Contains(string(r.raw), `"reportRefreshDate":"20`) {
			t.Errorf("%.400s", r.raw)
		}
	})
	t.Run("too long", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, emulator.Options{Users: 20})
		pages := 0
		g.between(func(address string) (string, bool) {
			if !strings.HasPrefix(address, "/reports/") {
				return "", false
			}
			pages++
			return fmt.Sprintf(`{"value":[{"userPrincipalName":"a%d@licensegraph.example"}],"@odata.nextLink":"%s/beta/reports/getOffice365ActiveUserDetail(period='D30')?$skiptoken=%[1]d"}`, pages, g.graphURL), true
		})
		r := g.ask(query, nil)
		if len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Message, "more elements") || pages != 100 {
			t.Errorf("%d pages: %s", pages, r.raw)
		}
	})
}
