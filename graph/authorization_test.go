package graph_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/graph"
	"licensegraph/internal/emulator"
	"licensegraph/internal/identity"
)

// firstAt returns the first value at a path of a response.
func firstAt(data any, path string) string {
	for _, value := range valuesAt(data, path) {
		return value
	}
	return ""
}

// as sets a caller with these scopes only.
func (g *gateway) as(scopes ...string) {
	g.caller = &identity.Caller{TenantID: g.tenantID, ObjectID: "11111111-0000-4000-8000-000000000001", ClientID: "portal", Scopes: scopes}
	g.restart()
	g.tenant.ResetCounts()
}

const (
	read         = "Licenses.Read"
	readPersonal = "Licenses.ReadPersonal"
	readErrors   = "Licenses.ReadErrors"
	write        = "Licenses.Write"
)

// TestNeverNull denies everything and compares the null fields with their descriptions.
func TestNeverNull(t *testing.T) {
	t.Parallel()
	r, err := graph.New(graph.Options{CursorKeys: [][]byte{make([]byte, 32)}})
	if err != nil {
		t.Fatal(err)
	}
	promise := regexp.MustCompile(`(?i)(never|not) (be )?null`)
	for _, definition := range r.Schema().Schema().Types {
		for _, field := range definition.Fields {
			if !definition.BuiltIn && promise.MatchString(field.Description) && !field.Type.NonNull {
				t.Errorf("%s.%s is described as never null, but can be null", definition.Name, field.Name)
			}
		}
	}
	g := startGateway(t, emulator.Options{Users: 20})
	g.as()
	for field, query := range map[string]string{
		"licensingOverview":          `{ licensingOverview { products { sku { id } } } }`,
		"reprocessAssignments":       `mutation { reprocessAssignments(input: {userIds: []}) { results { outcome } } }`,
		"setUsageLocation":           `mutation { setUsageLocation(input: {userIds: [], usageLocation: "CH"}) { results { outcome } } }`,
		"addGroupMembers":            `mutation { addGroupMembers(input: {groupId: "x", memberIds: []}) { results { outcome } } }`,
		"removeGroupMembers":         `mutation { removeGroupMembers(input: {groupId: "x", memberIds: []}) { results { outcome } } }`,
		"reprocessGroup":             `mutation { reprocessGroup(input: {groupId: "x"}) { outcome } }`,
		"removeDirectAssignments":    `mutation { removeDirectAssignments(input: {skuId: "` + skuE3 + `", userIds: []}) { results { outcome } } }`,
		"reprocessLicenseAssignment": `mutation { reprocessLicenseAssignment(input: {userIds: []}) { results { outcome } } }`,
	} {
		answer := g.ask(query, nil)
		if value, ok := answer.Data[field]; !ok || value != nil || len(answer.Errors) != 1 || answer.Errors[0].Extensions["code"] != "FORBIDDEN" {
			t.Errorf("%s: %s", field, answer.raw)
		}
	}
	for _, fields := range []ast.FieldList{r.Schema().Schema().Query.Fields, r.Schema().Schema().Mutation.Fields} {
		for _, field := range fields {
			if field.Type.NonNull && !strings.HasPrefix(field.Name, "_") && field.Name != "viewer" { // permitted to every caller
				t.Errorf("%s is described as never null, but is null if denied", field.Name)
			}
		}
	}
}

// TestPermissionsOfSchema tests that fields that read or write require a permission, and personal ones another.
func TestPermissionsOfSchema(t *testing.T) {
	t.Parallel()
	r, err := graph.New(graph.Options{CursorKeys: [][]byte{make([]byte, 32)}})
	if err != nil {
		t.Fatal(err)
	}
	schema := r.Schema().Schema()
	demands := func(directives ast.DirectiveList) string {
		if d := directives.ForName("requiresScopes"); d != nil {
			return d.Arguments.ForName("scopes").Value.String()
		}
		return ""
	}
	of := func(right string) string { return fmt.Sprintf("[[%q],[%q]]", right, right+".All") }
	for _, field := range schema.Query.Fields {
		if strings.HasPrefix(field.Name, "_") || field.Name == "viewer" {
			continue
		}
		if got := demands(field.Directives); got != of(read) {
			t.Errorf("Query.%s requires %s", field.Name, got)
		}
		if field.Type.NonNull {
			t.Errorf("Query.%s is non-null: denying it nulls the whole response", field.Name)
		}
	}
	for _, field := range schema.Mutation.Fields {
		if got := demands(field.Directives); got != of(write) || field.Type.NonNull {
			t.Errorf("Mutation.%s requires %s", field.Name, got)
		}
	}
	// Payload fields read from the tenant.
	for _, field := range schema.Mutation.Fields {
		payloads := []*ast.Definition{schema.Types[field.Type.Name()]}
		for len(payloads) > 0 {
			payload := payloads[0]
			payloads = payloads[1:]
			for _, shown := range payload.Fields {
				switch returned := schema.Types[shown.Type.Name()]; {
				case !returned.IsCompositeType():
				case returned.Name == "ServicePlan": // below effects, which require the permission to read
					if got := demands(schema.Types["AssignLicensePayload"].Fields.ForName("effects").Directives); got != of(read) {
						t.Errorf("effects require %q", got)
					}
				case slices.Contains(returned.Interfaces, "Node") || returned.Kind == ast.Interface:
					if got := demands(shown.Directives); got != of(read) {
						t.Errorf("%s.%s requires %q", payload.Name, shown.Name, got)
					}
				default:
					payloads = append(payloads, returned)
				}
			}
		}
	}
	notPersonal := []string{
		"id", "deletedDateTime", "accountEnabled", "usageLocation", "userType", "assignedLicenses", "assignedPlans", "licenseAssignmentStates",
		"licenseDetails", "licenseChanges", "assignments", "usageRights", "waitingMembers", "createdDateTime", "onPremisesSyncEnabled", "provisionedPlans", "isLicenseReconciliationNeeded", "memberOf",
		"deviceId", "operatingSystem", "operatingSystemVersion", "odataType",
	}
	for _, typeName := range []string{"User", "Device", "OtherDirectoryObject"} {
		for _, field := range schema.Types[typeName].Fields {
			want := of(readPersonal)
			switch {
			case slices.Contains(notPersonal, field.Name):
				want = ""
			case field.Name == "assignmentErrors", field.Name == "serviceProvisioningErrors":
				want = of(readErrors)
			}
			if got := demands(field.Directives); got != want {
				t.Errorf("%s.%s requires %q, want %q", typeName, field.Name, got, want)
			}
		}
	}
}

// TestNoPermissions tests that a caller without permissions gets no data and causes no upstream requests.
func TestNoPermissions(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 20})
	person := firstAt(g.ask(`{ users(first: 1) { nodes { id } } }`, nil).Data, "users.nodes.id")
	g.as("openid", "Licenses.Read.All.x", "licenses.read")
	for _, query := range []string{
		`{ users { nodes { id } } }`, `{ user(id: "` + person + `") { id } }`, `{ groups { nodes { id } } }`, `{ group(id: "` + person + `") { id } }`,
		`{ node(id: "` + person + `") { id } }`, `{ nodes(ids: ["` + person + `"]) { __typename } }`, `{ assignmentErrors { nodes { id } } }`,
		`{ allotments { nodes { id } } }`, `{ assignments { nodes { id } } }`, `{ subscribedSkus { nodes { id } } }`, `{ licensingOverview { products { units { consumed } } } }`,
		`{ _entities(representations: [{__typename: "User", id: "` + person + `"}]) { ... on User { id } } }`,
		`query ($on: Boolean = true) { ...Q @include(if: $on) } fragment Q on Query { a: users { b: nodes { id } } }`,
		`mutation { deleteAssignment(input: {id: "x"}) { outcome } }`,
		`mutation { reprocessLicenseAssignment(input: {userIds: ["` + person + `"]}) { results { userId } } }`,
	} {
		r := g.ask(query, nil)
		if len(r.Errors) == 0 || strings.Contains(string(r.raw), person) && !strings.Contains(query, "mutation") {
			t.Errorf("%s: %s", query, r.raw)
		}
		for _, e := range r.Errors {
			if e.Extensions["code"] != "FORBIDDEN" || !strings.Contains(e.Message, "Licenses.") {
				t.Errorf("%s: %v", query, e)
			}
		}
	}
	if n := len(g.tenant.Requests()); n != 0 {
		t.Errorf("%d requests reached the tenant", n)
	}
	r := g.ask(`{ __typename __schema { queryType { name } } _service { sdl } }`, nil)
	if len(r.Errors) != 0 || !strings.Contains(firstAt(r.Data, "_service.sdl"), `@requiresScopes(scopes: [["Licenses.Read"], ["Licenses.Read.All"]])`) {
		t.Errorf("the schema: %.300s", r.raw)
	}
}

// TestDeniedFields tests that denied fields are null, have one error each and are not read.
func TestDeniedFields(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 60})
	const all = `{
		users(first: 3) { nodes { __typename id usageLocation ...Names states: licenseAssignmentStates { state why: error errorText remedy { text } } assignmentErrors { id code } } }
		errors: assignmentErrors(first: 2) { nodes { id message assignedTo { id displayName } } }
		groups(first: 1) { nodes { id displayName membersWithLicenseErrors(first: 1) { nodes { id } } } } deniedAlone: assignmentErrors(first: 1) { nodes { assignedTo { ... on User { jobTitle } } } }
		licensingOverview { products { units { consumed } } assignmentErrors { total } }
	}
	fragment Names on DirectoryObject { name: displayName ... on User { mail userPrincipalName businessPhones } }`
	everything := g.ask(all, nil)
	if len(everything.Errors) != 0 {
		t.Fatalf("%s", everything.raw)
	}
	personal := []string{"displayName", "mail", "userPrincipalName", "businessPhones"}
	for _, tt := range []struct {
		name   string
		scopes []string
		denied map[string]int // count by permission
		unread []string
	}{
		{"user with read", []string{read}, map[string]int{readPersonal: 3 * 4, readErrors: 1}, append(personal, "cloudLicensing/assignmentErrors", "licenseDetails")},
		{"application with read", []string{"Licenses.Read.All"}, map[string]int{readPersonal: 3 * 4, readErrors: 1}, append(personal, "cloudLicensing/assignmentErrors")},
		{"personal", []string{read, readPersonal}, map[string]int{readErrors: 1}, []string{"cloudLicensing/assignmentErrors", "jobTitle"}},
		{"errors", []string{read, readErrors}, map[string]int{readPersonal: 3*4 + 3}, personal},
		{"personal and errors", []string{read, readErrors, readPersonal}, nil, nil},
	} {
		g.as(tt.scopes...)
		r := g.ask(all, nil)
		got := map[string]int{}
		for _, e := range r.Errors {
			if e.Extensions["code"] != "FORBIDDEN" {
				t.Errorf("%s: %v", tt.name, e)
			}
			right, _ := e.Extensions["requiredScopes"].([]any)
			count, ok := e.Extensions["count"].(float64)
			if !ok {
				count = 1
			}
			if len(right) == 2 {
				got[right[0].([]any)[0].(string)] += int(count)
			}
		}
		if want := tt.denied[readErrors]; want > 0 { // one per state and per list
			if got[readErrors] < 3*1+2 {
				t.Errorf("%s: %d permission errors", tt.name, got[readErrors])
			}
			got[readErrors] = want
		}
		if !maps.Equal(got, tt.denied) {
			t.Errorf("%s: denied %v, want %v", tt.name, got, tt.denied)
		}
		var asked strings.Builder
		for _, request := range g.tenant.Requests() {
			// Names of groups are not personal.
			if !strings.Contains(request.URL, "/groups") {
				fmt.Fprintf(&asked, "%s %s\n", request.URL, groupless(request.Body))
			}
		}
		for _, property := range tt.unread {
			if strings.Contains(asked.String(), property) {
				t.Errorf("%s: %s is read:\n%s", tt.name, property, asked.String())
			}
		}
		agree(t, tt.name, "", everything.Data, r.Data)
	}
}

// groupless returns a batch without parts for groups.
func groupless(body []byte) string {
	var batch struct {
		Requests []struct {
			URL  string          `json:"url"`
			Body json.RawMessage `json:"body"`
		} `json:"requests"`
	}
	if json.Unmarshal(body, &batch) != nil {
		return string(body)
	}
	var kept []string
	for _, part := range batch.Requests {
		if !strings.HasPrefix(part.URL, "/groups") {
			kept = append(kept, part.URL+" "+string(part.Body))
		}
	}
	return strings.Join(kept, "\n")
}

// agree reports values of part that differ from whole and are not null.
func agree(t *testing.T, name, path string, whole, part any) {
	t.Helper()
	switch part := part.(type) {
	case nil:
	case map[string]any:
		for key, value := range part {
			agree(t, name, path+"."+key, whole.(map[string]any)[key], value)
		}
	case []any:
		for i, value := range part {
			agree(t, name, fmt.Sprintf("%s.%d", path, i), whole.([]any)[i], value)
		}
	default:
		if diff := difference(whole, part); diff != "" {
			t.Errorf("%s: %s (-all permissions +some):\n%s", name, path, diff)
		}
	}
}

// TestPermissionsOfObjects tests objects that are reached by ID from fields without a type.
func TestPermissionsOfObjects(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 60})
	failure := firstAt(g.ask(`{ assignmentErrors(first: 1) { nodes { id } } }`, nil).Data, "assignmentErrors.nodes.id")
	person := firstAt(g.ask(`{ users(first: 1) { nodes { id } } }`, nil).Data, "users.nodes.id")
	g.as(read)
	for _, query := range []string{
		`{ node(id: "` + failure + `") { id ... on AssignmentError { code } } }`,
		`{ nodes(ids: ["` + failure + `"]) { id ... on AssignmentError { message } } }`,
		`{ _entities(representations: [{__typename: "AssignmentError", id: "` + failure + `"}]) { ... on AssignmentError { id message } } }`,
		`{ node(id: "` + person + `") { ... on DirectoryObject { displayName } } }`,
		`{ nodes(ids: ["` + person + `"]) { ... on User { displayName } } }`,
		`{ _entities(representations: [{__typename: "User", id: "` + person + `"}]) { ... on User { displayName } } }`,
	} {
		r := g.ask(query, nil)
		if len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != "FORBIDDEN" {
			t.Errorf("%s: %s", query, r.raw)
		}
	}
	if r := g.ask(`{ node(id: "`+person+`") { id __typename ... on User { usageLocation } } }`, nil); len(r.Errors) != 0 {
		t.Errorf("fields that are not personal: %s", r.raw)
	}
}

// TestSameDenial tests that a field with several inputs that the caller may not use has the same error each time.
func TestSameDenial(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 20})
	g.as(read)
	for range 30 {
		r := g.ask(`{ users(filter: {error: COUNT_VIOLATION, displayNameStartsWith: "A"}) { nodes { id } } }`, nil)
		if len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Message, readPersonal) {
			t.Fatalf("%s", r.raw)
		}
	}
}

// TestPermissionsOfArguments tests that filters and orders do not reveal values that the caller may not read.
func TestPermissionsOfArguments(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 20})
	for _, tt := range []struct {
		field     string
		variables map[string]any
		right     string
	}{
		{`users(filter: {displayNameStartsWith: "A"}) { nodes { id } }`, nil, readPersonal},
		{`users(orderBy: {field: DISPLAY_NAME}) { nodes { id } }`, nil, readPersonal},
		{`users(filter: $filter) { nodes { id } }`, map[string]any{"filter": map[string]any{"displayNameStartsWith": "A"}}, readPersonal},
		{`users(filter: {displayNameStartsWith: $text}) { nodes { id } }`, map[string]any{"text": "A"}, readPersonal},
		{`users(filter: {error: COUNT_VIOLATION}) { nodes { id } }`, nil, readErrors},
		{`user(userPrincipalName: "missing@licensegraph.example") { id }`, nil, readPersonal},
		{`user(userPrincipalName: $text) { id }`, map[string]any{"text": "missing@licensegraph.example"}, readPersonal},
		{`_entities(representations: [{__typename: "User", userPrincipalName: "missing@licensegraph.example"}]) { ... on User { id } }`, nil, readPersonal},
		{`users(filter: {hasLicenseErrors: true}) { nodes { id } }`, nil, ""},
		{`groups(filter: {hasMembersWithLicenseErrors: true}) { nodes { id } }`, nil, ""},
		{`users(filter: {licensed: true, displayNameStartsWith: null}) { nodes { id } }`, nil, ""},
		{`users(filter: $filter) { nodes { id } }`, nil, ""},
		{`groups(filter: {displayNameStartsWith: "A"}, orderBy: {field: DISPLAY_NAME}) { nodes { id } }`, nil, ""},
	} {
		query := `query ($filter: UserFilter, $text: String) { x: ` + tt.field + ` __typename @skip(if: false) y: users(first: 1, filter: $filter) @skip(if: true) { nodes { id } } z: users(first: 1, filter: {displayNameStartsWith: $text}) @skip(if: true) { nodes { id } } }`
		g.as(read)
		r := g.ask(query, tt.variables)
		if tt.right == "" {
			if len(r.Errors) != 0 {
				t.Errorf("%s: %s", tt.field, r.raw)
			}
			continue
		}
		if len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != "FORBIDDEN" || !strings.Contains(r.Errors[0].Message, tt.right) || firstAt(r.Data, "x.id") != "" || firstAt(r.Data, "x.nodes.id") != "" {
			t.Errorf("%s: %s", tt.field, r.raw)
		}
		if n := len(g.tenant.Requests()); n != 0 {
			t.Errorf("%s: %d requests", tt.field, n)
		}
		if log := g.audit.String(); !strings.Contains(log, `"msg":"denied"`) {
			t.Errorf("%s: no audit record: %s", tt.field, log)
		}
		g.audit.reset()
		g.as(read, tt.right)
		if r := g.ask(query, tt.variables); strings.Contains(string(r.raw), "FORBIDDEN") {
			t.Errorf("%s with the permission: %s", tt.field, r.raw)
		}
	}
}
