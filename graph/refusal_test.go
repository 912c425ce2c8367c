package graph_test

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"licensegraph/internal/emulator"
)

const (
	skuPhone  = "e43b5b99-8dfb-405f-9987-dc307f34bcbd"
	planTeams = "57ff2da0-773e-42df-b2af-ffb7a2317929"
)

var guid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-`)

// onlyUserError returns the code and message of the only user error of a response.
func onlyUserError(t *testing.T, r response) (code, message string) {
	t.Helper()
	for _, payload := range r.Data {
		errs, _ := payload.(object)["userErrors"].([]any)
		if len(errs) != 1 || len(r.Errors) > 0 {
			t.Fatalf("%s", r.raw)
		}
		e := errs[0].(object)
		return e["code"].(string), e["message"].(string)
	}
	t.Fatalf("%s", r.raw)
	return "", ""
}

// TestDependentLicense removes a product that another product's service plan depends on. The message has both plans.
func TestDependentLicense(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	person := g.unlicensed(t, 1)[0]
	change := func(input string) response {
		return g.ask(fmt.Sprintf(`mutation { assignLicense(input: {assignedTo: {id: %q}, %s}) { outcome userErrors { code message } } }`, person, input), nil)
	}
	if r := change(fmt.Sprintf(`addLicenses: [{skuId: %q}, {skuId: %q}]`, skuE3, skuPhone)); !strings.Contains(string(r.raw), `"outcome":"DONE"`) {
		t.Fatalf("%s", r.raw)
	}
	r := change(fmt.Sprintf(`removeLicenses: [%q]`, skuE3))
	code, message := onlyUserError(t, r)
	if code != "PLAN_DEPENDENCY" || guid.MatchString(message) || !strings.Contains(message, "(MCOEV)") || !strings.Contains(message, "depends on") || !strings.Contains(string(r.raw), `"outcome":"NOT_DONE"`) {
		t.Errorf("%s", r.raw)
	}
	for _, quiet := range []string{g.log.String(), g.audit.String()} {
		if strings.Contains(quiet, "depends on") {
			t.Errorf("%s", quiet)
		}
	}
	if !strings.Contains(g.audit.String(), "PLAN_DEPENDENCY") {
		t.Errorf("%s", g.audit.String())
	}
}

// TestRefusals tests the user errors for rejections by Microsoft Graph.
func TestRefusals(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	person, group := g.unlicensed(t, 1)[0], g.nodesOf(t, "groups", `filter: {displayNameStartsWith: "Guests"}`, "id")[0]["id"].(string)
	id := g.assigned(t, g.unlicensed(t, 2)[1])
	legacy := func(kind, id string) string {
		return fmt.Sprintf(`assignLicense(input: {assignedTo: {type: %s, id: %q}, addLicenses: [{skuId: %q}]}) { outcome userErrors { code message } }`, kind, id, skuE3)
	}
	units := func(kind, id string) string {
		return fmt.Sprintf(`createAssignments(input: {skuId: %q, assignedTo: [{type: %s, id: %q}]}) { results { outcome } userErrors { code message } }`, skuE3, kind, id)
	}
	update := fmt.Sprintf(`updateAssignment(input: {id: %q, disabledServicePlans: ["SWAY"]}) { outcome userErrors { code message } }`, id)
	bad := func(endpoint, sentence string) emulator.Fault {
		return emulator.Fault{Endpoint: endpoint, Status: http.StatusBadRequest, Code: "Request_BadRequest", Message: sentence}
	}
	inner := func(endpoint, code, sentence string) emulator.Fault {
		return emulator.Fault{Endpoint: endpoint, Status: http.StatusBadRequest, Code: "badRequest", Message: sentence, Inner: map[string]any{"code": code}}
	}
	policy := func(endpoint string) emulator.Fault {
		return emulator.Fault{Endpoint: endpoint, Status: http.StatusForbidden, Code: "licenseForbidden", Message: "Tenant policy forbids."}
	}
	long := strings.Repeat("Because of this. ", 200)
	for name, tt := range map[string]struct {
		mutation string
		fault    emulator.Fault
		code     string
		says     string // part of the message
	}{
		"conflict": {legacy("USER", person), bad(licenseEndpoint, "License assignment failed because service plans "+planTeams+", 9AAF7827-D63C-4B61-89C3-182F06F82E5C are mutually exclusive."),
			"PLAN_CONFLICT", "Microsoft Teams (TEAMS1), Exchange Online (Plan 1) (EXCHANGE_S_STANDARD) are"},
		"product":           {legacy("USER", person), bad(licenseEndpoint, "Subscription with SKU "+skuE3+" does not have any available licenses."), "NO_FREE_UNIT", "Microsoft 365 E3 (SPE_E3)"},
		"location":          {legacy("USER", person), bad(licenseEndpoint, "License assignment cannot be done for user with invalid usage location."), "PROHIBITED_IN_USAGE_LOCATION", "Affected products: Microsoft 365 E3 (SPE_E3)."},
		"proxy address":     {legacy("USER", person), bad(licenseEndpoint, "The proxy address smtp:ada@licensegraph.example is used by another object."), "PROXY_ADDRESS_CONFLICT", "smtp:… is"},
		"not a product":     {legacy("USER", person), bad(licenseEndpoint, "License "+missingID+" does not correspond to a valid company License."), "UNKNOWN_PRODUCT", missingID},
		"not direct":        {legacy("USER", person), bad(licenseEndpoint, "User license is inherited from a group membership and it cannot be removed directly from the user."), "NOT_ASSIGNED", "inherited"},
		"unusable group":    {legacy("GROUP", group), bad(ofGroupEndpoint, "Licenses can be assigned to groups that are security enabled only."), "GROUP_NOT_SECURITY_ENABLED", "security enabled"},
		"group, no units":   {legacy("GROUP", group), bad(ofGroupEndpoint, "Subscription with SKU "+skuE3+" does not have any available licenses."), "GROUP_WITHOUT_UNITS", "SPE_E3"},
		"other reason":      {legacy("USER", person), bad(licenseEndpoint, "Something\x00 of\n\u202eits own. "), "REFUSED", "Something of its own."},
		"long":              {legacy("USER", person), bad(licenseEndpoint, long), "REFUSED", "Because of this. Because"},
		"another code":      {legacy("USER", person), emulator.Fault{Endpoint: licenseEndpoint, Status: 400, Code: "Directory_QuotaExceeded", Message: "It depends on the quota."}, "REFUSED", "It depends on the quota."},
		"concurrent change": {legacy("USER", person), emulator.Fault{Endpoint: licenseEndpoint, Status: 409, Code: "Conflict", Message: "Try again."}, "REFUSED", "Try again."},

		"no unit":            {units("USER", person), inner(createEndpoint, "noAvailableLicenses", "None."), "NO_FREE_UNIT", "None."},
		"unit, location":     {units("USER", person), inner(createEndpoint, "invalidUsageLocation", ""), "PROHIBITED_IN_USAGE_LOCATION", "Affected products: Microsoft 365 E3 (SPE_E3)."},
		"unit, conflict":     {units("USER", person), inner(createEndpoint, "mutuallyExclusiveServicePlans", "Plan "+planTeams+"."), "PLAN_CONFLICT", "Microsoft Teams (TEAMS1)."},
		"unit, dependency":   {units("USER", person), inner(createEndpoint, "dependencyViolation", "Plan "+planTeams+"."), "PLAN_DEPENDENCY", "Microsoft Teams (TEAMS1)."},
		"unit, proxy":        {units("USER", person), inner(createEndpoint, "proxyAddressConflict", ""), "PROXY_ADDRESS_CONFLICT", "mail address"},
		"unit, there":        {units("USER", person), emulator.Fault{Endpoint: createEndpoint, Status: 409, Code: "conflict", Message: "There."}, "ALREADY_ASSIGNED", "There."},
		"unit, gone":         {units("USER", person), inner(createEndpoint, "notFound", "The assignee does not exist."), "NOT_FOUND", "does not exist"},
		"kind":               {units("USER", person), inner(createEndpoint, "invalidAssigneeType", ""), "NOT_ASSIGNABLE", "kind"},
		"unit, group":        {units("GROUP", group), inner(createEndpoint, "invalidAssigneeType", "Units of this allotment cannot be assigned to a group."), "GROUP_WITHOUT_UNITS", "cannot be"},
		"unit, not security": {units("GROUP", group), inner(createEndpoint, "invalidAssigneeType", "Licenses can be assigned to groups that are security enabled only."), "GROUP_NOT_SECURITY_ENABLED", "only"},

		"policy":                 {legacy("USER", person), policy(licenseEndpoint), "REFUSED", "Microsoft Graph: Tenant policy forbids."},
		"policy, group":          {legacy("GROUP", group), policy(ofGroupEndpoint), "REFUSED", "Tenant policy forbids."},
		"policy, unit":           {units("USER", person), policy(createEndpoint), "REFUSED", "Tenant policy forbids."},
		"policy, update":         {update, policy(changeEndpoint), "REFUSED", "Tenant policy forbids."},
		"policy, delete":         {fmt.Sprintf(`deleteAssignment(input: {id: %q}) { outcome userErrors { code message } }`, id), policy(deleteEndpoint), "REFUSED", "Tenant policy forbids."},
		"policy, reprocess":      {fmt.Sprintf(`reprocessAssignments(input: {userIds: [%q]}) { results { outcome } userErrors { code message } }`, person), policy(reprocessEndpoint), "REFUSED", "Tenant policy forbids."},
		"policy under forbidden": {update, emulator.Fault{Endpoint: changeEndpoint, Status: 403, Code: "forbidden", Message: "Tenant policy forbids.", Inner: object{"code": "licenseForbidden"}}, "REFUSED", "Tenant policy forbids."},

		"immutable":        {update, inner(changeEndpoint, "immutablePropertyModified", "The property 'allotment' cannot change."), "IMMUTABLE_PROPERTY", "'allotment'"},
		"update, location": {update, inner(changeEndpoint, "invalidUsageLocation", "The user has no usage location."), "USAGE_LOCATION", "no usage location"},
		"update, country":  {update, inner(changeEndpoint, "invalidUsageLocation", "Service plan "+planTeams+" cannot be assigned because it is not offered in usage location CN."), "PROHIBITED_IN_USAGE_LOCATION", "Microsoft Teams (TEAMS1) cannot be"},
		"update, conflict": {update, emulator.Fault{Endpoint: changeEndpoint, Status: 412, Code: "PreconditionFailed", Message: "Changed meanwhile."}, "REFUSED", "Changed meanwhile."},
		"no message":       {update, emulator.Fault{Endpoint: changeEndpoint, Status: 400, Body: `{"error":{"code":"Odd","message":""}}`}, "REFUSED", "Error code: Odd."},
		"nothing":          {update, emulator.Fault{Endpoint: changeEndpoint, Status: 400, Body: `{"error":{"code":"","message":""}}`}, "REFUSED", "No error code"},
	} {
		t.Run(name, func(t *testing.T) {
			g.forget()
			g.tenant.Inject(tt.fault)
			r := g.ask("mutation { "+tt.mutation+" }", nil)
			code, message := onlyUserError(t, r)
			if code != tt.code || !strings.Contains(message, tt.says) || !strings.Contains(string(r.raw), `"outcome":"NOT_DONE"`) {
				t.Errorf("%s, want %s: %q", r.raw, tt.code, tt.says)
			}
			if len(message) > 1000 || strings.ContainsAny(message, "\x00\n\u202e") || strings.Contains(message, "@") {
				t.Errorf("%q", message)
			}
			if says := tt.fault.Message; says != "" && strings.Contains(g.log.String()+g.audit.String(), says) {
				t.Error("the service's message is in the log")
			}
		})
	}
}

// TestRefusalsOfTheTenant tests rejections by the rules of the embedded tenant.
func TestRefusalsOfTheTenant(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	person := g.unlicensed(t, 1)[0]
	const skuF3 = "66b55226-6b4f-492c-910c-a3b7a3c9d993"
	for name, tt := range map[string]struct{ add, code, says string }{
		"exclusive": {fmt.Sprintf(`{skuId: %q}, {skuId: %q}`, skuF3, skuE3), "PLAN_CONFLICT", "mutually exclusive"},
		"dependent": {fmt.Sprintf(`{skuId: %q}`, skuPhone), "PLAN_DEPENDENCY", "depends on"},
	} {
		code, message := onlyUserError(t, g.ask(fmt.Sprintf(`mutation { assignLicense(input: {assignedTo: {id: %q}, addLicenses: [%s]}) { outcome userErrors { code message } } }`, person, tt.add), nil))
		if code != tt.code || !strings.Contains(message, tt.says) || guid.MatchString(message) {
			t.Errorf("%s: %s %s", name, code, message)
		}
	}
}

// TestProhibitedProducts tests that the message has the products rejected for a usage location, unless the service's
// message has them.
func TestProhibitedProducts(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	person := g.unlicensed(t, 1)[0]
	id := g.assigned(t, g.unlicensed(t, 2)[1])
	license := fmt.Sprintf(`assignLicense(input: {assignedTo: {id: %q}, addLicenses: [{skuId: %q}, {skuId: %q}]}) { userErrors { code message } }`, person, skuE3, skuPhone)
	update := fmt.Sprintf(`updateAssignment(input: {id: %q, disabledServicePlans: ["SWAY"]}) { userErrors { code message } }`, id)
	for _, tt := range []struct {
		mutation, endpoint, sentence string
		concerns                     string // empty if nothing is appended
	}{
		{license, licenseEndpoint, "License assignment cannot be done for user with invalid usage location.", "Microsoft 365 E3 (SPE_E3), Microsoft Teams Phone Standard (MCOEV)"},
		{license, licenseEndpoint, "Invalid usage location for " + planTeams + ".", ""},
		{license, licenseEndpoint, "Invalid usage location for SPE_E3.", ""},
		{license, licenseEndpoint, "Invalid usage location for teams1.", ""},
		{update, changeEndpoint, "It is not offered: invalid usage location.", "Microsoft 365 E3 (SPE_E3)"},
	} {
		g.tenant.Inject(emulator.Fault{Endpoint: tt.endpoint, Status: http.StatusBadRequest, Code: "Request_BadRequest", Message: tt.sentence})
		code, message := onlyUserError(t, g.ask("mutation { "+tt.mutation+" }", nil))
		if code != "PROHIBITED_IN_USAGE_LOCATION" || strings.Contains(message, "Affected products") != (tt.concerns != "") || !strings.Contains(message, tt.concerns) {
			t.Errorf("%s: %s %s", tt.sentence, code, message)
		}
	}
	g.tenant.Inject(emulator.Fault{Endpoint: skusEndpoint, Rewrite: func(b []byte) []byte { // a product that is not in the catalog
		return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte(skuE3), []byte(missingID)), []byte("SPE_E3"), []byte("NEW_PRODUCT"))
	}})
	g.tenant.Inject(emulator.Fault{Endpoint: licenseEndpoint, Status: http.StatusBadRequest, Code: "Request_BadRequest", Message: "Invalid usage location."})
	_, message := onlyUserError(t, g.ask("mutation { "+strings.ReplaceAll(license, skuE3, missingID)+" }", nil))
	if !strings.Contains(message, "Affected products: NEW_PRODUCT, ") {
		t.Error(message)
	}
}
