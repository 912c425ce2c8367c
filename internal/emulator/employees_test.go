package emulator

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEmployees tests the properties of employees and of synchronized
// accounts, that a state keeps them, and the number of interesting users.
func TestEmployees(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	const uri = "/v1.0/users?$top=999&$select=id,accountEnabled,userType,creationType,externalUserState,city,state,companyName,employeeId,employeeType,employeeHireDate," +
		"employeeOrgData,employeeLeaveDateTime,onPremisesSyncEnabled,onPremisesLastSyncDateTime,onPremisesSamAccountName,onPremisesExtensionAttributes"
	all := c.all(uri)
	seen := map[string]int{}
	now := c.Now().UTC().Format("2006-01-02T15:04:05Z")
	for _, u := range all {
		org, _ := u["employeeOrgData"].(row)
		guest, member := u["userType"] == "Guest", u["userType"] == "Member"
		for name, is := range map[string]bool{
			"guest who accepted":                    guest && u["externalUserState"] == "Accepted" && u["creationType"] == "Invitation",
			"guest who was invited":                 guest && u["externalUserState"] == "PendingAcceptance",
			"employee":                              u["employeeType"] == "Employee" && str(u, "employeeId") != "" && str(u, "employeeHireDate") < now && u["city"] != nil && u["state"] != nil,
			"contractor":                            u["employeeType"] == "Contractor",
			"intern":                                u["employeeType"] == "Intern",
			"cost center " + str(org, "costCenter"): org != nil,
			"division " + str(org, "division"):      org != nil,
			"company " + str(u, "companyName"):      true,
			"no personnel records":                  member && u["employeeId"] == nil && org == nil && u["employeeHireDate"] == nil,
			"left":                                  u["accountEnabled"] == false && str(u, "employeeLeaveDateTime") != "" && str(u, "employeeLeaveDateTime") < now,
			"leaves":                                u["accountEnabled"] == true && str(u, "employeeLeaveDateTime") > now,
			"synchronized":                          u["onPremisesSyncEnabled"] == true && str(u, "onPremisesLastSyncDateTime") < now && u["onPremisesSamAccountName"] != nil && u["onPremisesExtensionAttributes"] != nil,
			"cloud account":                         u["onPremisesSyncEnabled"] == nil && u["onPremisesLastSyncDateTime"] == nil && u["onPremisesExtensionAttributes"] == nil,
		} {
			if is {
				seen[name]++
			}
		}
		if guest && (org != nil || u["employeeId"] != nil) {
			t.Errorf("a guest is an employee: %v", u)
		}
	}
	if len(seen) < 40 {
		t.Errorf("%d cases", len(seen))
	}
	for name, n := range seen {
		if n < 5 && name != "guest who was invited" && !strings.HasPrefix(name, "cost center") {
			t.Errorf("%d of: %s", n, name)
		}
	}
	one := all[slices.IndexFunc(all, func(u row) bool { return u["employeeOrgData"] != nil && u["onPremisesSyncEnabled"] != nil })]
	org := one["employeeOrgData"].(row)
	for filter, want := range map[string]func(row) bool{
		"employeeOrgData/costCenter eq '" + str(org, "costCenter") + "'": func(u row) bool { return cmp.Equal(u["employeeOrgData"], any(org)) },
		"startswith(employeeOrgData/division,'corp')":                    func(u row) bool { o, _ := u["employeeOrgData"].(row); return str(o, "division") == "Corporate" },
		"employeeId eq '" + str(one, "employeeId") + "'":                 func(u row) bool { return u["id"] == one["id"] },
		"employeeId eq null":                      func(u row) bool { return u["employeeId"] == nil },
		"employeeType in ('Intern','Contractor')": func(u row) bool { return u["employeeType"] == "Intern" || u["employeeType"] == "Contractor" },
		"employeeType ne 'Employee'":              func(u row) bool { return u["employeeType"] != "Employee" },
		"employeeHireDate ge " + str(one, "employeeHireDate"): func(u row) bool {
			return u["employeeHireDate"] != nil && str(u, "employeeHireDate") >= str(one, "employeeHireDate")
		},
		"onPremisesSyncEnabled eq true":  func(u row) bool { return u["onPremisesSyncEnabled"] == true },
		"onPremisesSyncEnabled eq false": func(u row) bool { return false },
		"onPremisesSyncEnabled ne true":  func(u row) bool { return u["onPremisesSyncEnabled"] == nil },
		"onPremisesSyncEnabled eq null":  func(u row) bool { return u["onPremisesSyncEnabled"] == nil },
		"onPremisesLastSyncDateTime le " + str(one, "onPremisesLastSyncDateTime"): func(u row) bool {
			return u["onPremisesLastSyncDateTime"] != nil && str(u, "onPremisesLastSyncDateTime") <= str(one, "onPremisesLastSyncDateTime")
		},
		"onPremisesSamAccountName eq '" + str(one, "onPremisesSamAccountName") + "'": func(u row) bool { return u["onPremisesSamAccountName"] == one["onPremisesSamAccountName"] },
		"onPremisesExtensionAttributes/extensionAttribute1 eq null":                  func(u row) bool { return u["onPremisesExtensionAttributes"] == nil },
		"state eq '" + str(one, "state") + "'":                                       func(u row) bool { return u["state"] == one["state"] },
		"externalUserState eq 'Accepted'":                                            func(u row) bool { return u["externalUserState"] == "Accepted" },
	} {
		var wanted []string
		for _, u := range all {
			if want(u) {
				wanted = append(wanted, str(u, "id"))
			}
		}
		got := c.texts("/v1.0/users?$top=999&$select=id&$count=true&$filter="+filter, "id", eventual...)
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", filter, diff)
		}
	}
	c.refuses([]rejection{
		{"a member of a complex property", "/v1.0/users?$select=employeeOrgData/costCenter", 400, "BadRequest"},
		{"search by a member", `/v1.0/users?$search="employeeOrgData/costCenter:1"`, 400, "Request_UnsupportedQuery"},
	})

	saved := c.steer("GET", "state", "")
	other := start(t, Options{State: strings.NewReader(string(saved.raw))})
	if diff := cmp.Diff(all, other.all(uri)); diff != "" {
		t.Errorf("(-saved +loaded):\n%s", diff)
	}
	user := c.newUser("kept", "department", "Sales")
	made := c.ok("/v1.0/users/" + user + "?$select=city,state,companyName,employeeId,employeeType,employeeOrgData,employeeHireDate,creationType,onPremisesSyncEnabled,externalUserState")
	for name, v := range made {
		if v != nil && name != "@odata.context" {
			t.Errorf("a new user has %s: %v", name, v)
		}
	}
}

// TestLeaveDates tests the permission and the role to read when employees
// leave.
func TestLeaveDates(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	user := "/v1.0/users/" + c.userID(0)
	uris := []string{"/v1.0/users?$select=id,employeeLeaveDateTime", user + "?$select=employeeLeaveDateTime", "/v1.0/users/delta?$select=employeeLeaveDateTime"}
	is := func(who string, want int) {
		t.Helper()
		for _, uri := range uris {
			if r := c.get(uri); r.status != want || want == 403 && r.code() != "Authorization_RequestDenied" {
				t.Errorf("%s, %s: %d %s", who, uri, r.status, r.raw)
			}
		}
	}
	is("an application", 200)
	for _, role := range []string{"User.Read.All", "Directory.ReadWrite.All"} {
		c.SetVariants(Variants{Roles: []string{role}})
		c.token = c.newToken()
		is(role, 403)
	}
	const scope = "User-LifeCycleInfo.Read.All"
	for role, want := range map[string]int{"Global Reader": 200, "Global Administrator": 200, "User Administrator": 403} {
		c.token = c.DelegatedToken(c.PersonInRole(role), "User.Read.All", scope)
		is(role, want)
		c.token = c.DelegatedToken(c.PersonInRole(role), "User.Read.All")
		is(role+" without the scope", 403)
	}
	// Only the endpoints of users return it.
	c.SetVariants(Variants{})
	c.token = c.newToken()
	for _, m := range c.all("/v1.0/groups/" + c.groupID(0) + "/members?$select=id,employeeLeaveDateTime") {
		if _, there := m["employeeLeaveDateTime"]; there {
			t.Errorf("a member has it: %v", m)
		}
	}
}

// TestProvisioning tests why a license does not work yet: conflicts with the
// on-premises directory, errors of services, and mailboxes without a license.
func TestProvisioning(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Variants: Variants{GroupEffects: Immediately}})
	const sel = "&$select=id,userPrincipalName,licenseAssignmentStates,onPremisesProvisioningErrors,serviceProvisioningErrors,provisionedPlans,assignedPlans,proxyAddresses,isLicenseReconciliationNeeded"
	all := c.all("/beta/users?$top=999" + sel)
	found := func(version, filter string) []string {
		return c.texts("/"+version+"/users?$top=999&$select=id&$count=true&$filter="+filter, "id", eventual...)
	}
	where := func(fits func(row) bool) []string {
		var list []string
		for _, u := range all {
			if fits(u) {
				list = append(list, str(u, "id"))
			}
		}
		return list
	}
	conflict := func(u row) bool {
		return len(rows(u, "onPremisesProvisioningErrors")) > 0
	}
	failing := func(u row, resolved bool) bool {
		return slices.ContainsFunc(rows(u, "serviceProvisioningErrors"), func(e row) bool { return e["isResolved"] == resolved })
	}
	status := func(u row) bool {
		return slices.ContainsFunc(rows(u, "provisionedPlans"), func(p row) bool { return p["provisioningStatus"] == "Error" })
	}
	for filter, fits := range map[string]func(row) bool{
		"onPremisesProvisioningErrors/any(o:o/category eq 'PropertyConflict')":                     conflict,
		"onPremisesProvisioningErrors/any(o:o/propertyCausingError in ('ProxyAddresses'))":         conflict,
		"onPremisesProvisioningErrors/any(o:o/propertyCausingError eq 'UserPrincipalName')":        func(row) bool { return false },
		"onPremisesProvisioningErrors/$count ne 0":                                                 conflict,
		"serviceProvisioningErrors/any(e:e/isResolved eq false)":                                   func(u row) bool { return failing(u, false) },
		"serviceProvisioningErrors/any(e:e/isResolved eq true)":                                    func(u row) bool { return failing(u, true) },
		"not (serviceProvisioningErrors/any(e:e/isResolved eq false))":                             func(u row) bool { return !failing(u, false) },
		"provisionedPlans/any(p:p/provisioningStatus eq 'Error')":                                  status,
		"provisionedPlans/any(p:startswith(p/service,'exch') and p/provisioningStatus eq 'Error')": status,
		"serviceProvisioningErrors/any(e:e/isResolved eq false) and onPremisesSyncEnabled eq null": nil,
	} {
		if fits == nil {
			if n := len(found("v1.0", filter)); n == 0 {
				t.Errorf("%s: none", filter)
			}
			continue
		}
		want := where(fits)
		if diff := difference(want, found("v1.0", filter)); diff != "" || len(want) < 2 && !strings.Contains(filter, "'UserPrincipalName'") {
			t.Errorf("%s: %d (-want +got):\n%s", filter, len(want), diff)
		}
	}
	for name, list := range map[string][]string{"conflicts": where(conflict), "errors": where(func(u row) bool { return failing(u, false) }), "reconciliations": where(func(u row) bool { return u["isLicenseReconciliationNeeded"] == true })} {
		if len(list) < 5 {
			t.Errorf("%d %s", len(list), name)
		}
	}
	for _, u := range all {
		unique := slices.ContainsFunc(rows(u, "licenseAssignmentStates"), func(s row) bool { return str(s, "error") == "UniquenessViolation" })
		if conflict(u) != unique || unique && str(rows(u, "onPremisesProvisioningErrors")[0], "value") != "SMTP:"+str(u, "userPrincipalName") {
			t.Errorf("conflicts of %v: %v", u["licenseAssignmentStates"], u["onPremisesProvisioningErrors"])
		}
		if status(u) != failing(u, false) {
			t.Errorf("errors %v, plans %v", u["serviceProvisioningErrors"], u["provisionedPlans"])
		}
		if len(rows(u, "provisionedPlans")) < len(rows(u, "assignedPlans")) {
			t.Errorf("%d provisioned plans of %d", len(rows(u, "provisionedPlans")), len(rows(u, "assignedPlans")))
		}
		if u["isLicenseReconciliationNeeded"] == true && len(texts(u, "proxyAddresses")) > 0 {
			t.Errorf("a mailbox with a license waits for one: %v", u)
		}
	}

	// Only beta, and no advanced query.
	const waits = "/users?$select=id,isLicenseReconciliationNeeded&$filter=isLicenseReconciliationNeeded eq true"
	waiting := c.texts("/beta"+waits, "id")
	if diff := difference(where(func(u row) bool { return u["isLicenseReconciliationNeeded"] == true }), waiting); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	c.refuses([]rejection{
		{"version 1.0", "/v1.0" + waits, 400, "Request_UnsupportedQuery"},
		{"selected in version 1.0", "/v1.0/users?$select=isLicenseReconciliationNeeded", 400, "BadRequest"},
		{"changes in version 1.0", "/v1.0/users/delta?$select=isLicenseReconciliationNeeded", 400, "BadRequest"},
		{"with $count", "/beta" + waits + "&$count=true", 400, "Request_UnsupportedQuery"},
		{"not equal", strings.Replace("/beta"+waits, " eq ", " ne ", 1), 400, "Request_UnsupportedQuery"},
		{"plans without $count", "/v1.0/users?$filter=provisionedPlans/any(p:p/provisioningStatus eq 'Error')", 400, "Request_UnsupportedQuery"},
		{"or", "/v1.0/users?$filter=serviceProvisioningErrors/any(e:e/isResolved eq false) or accountEnabled eq true", 400, "Request_UnsupportedQuery"},
		{"in", "/v1.0/users?$filter=serviceProvisioningErrors/any(e:e/serviceInstance in ('x'))", 400, "Request_UnsupportedQuery"},
		{"another member", "/v1.0/users?$filter=serviceProvisioningErrors/any(e:e/errorDetail eq 'x')", 400, "Request_UnsupportedQuery"},
		{"a text", "/v1.0/users?$filter=serviceProvisioningErrors/any(e:e/isResolved eq 'false')", 400, "Request_UnsupportedQuery"},
	})
	if r := c.get("/beta"+waits+"&$count=true", eventual...); r.status != 400 || r.code() != "Request_UnsupportedQuery" {
		t.Errorf("an advanced query: %d %s", r.status, r.raw)
	}
	// A license with a mailbox, and an address that is free again.
	c.directory("PATCH", "users/"+waiting[0], 204, "usageLocation", "DE")
	c.directory("POST", "users/"+waiting[0]+"/assignLicense", 200, "addLicenses", []row{{"skuId": skuID(skuE3)}}, "removeLicenses", off())
	if got := c.texts("/beta"+waits, "id"); slices.Contains(got, waiting[0]) {
		t.Error("a license changes nothing")
	}
	upset := all[slices.IndexFunc(all, conflict)]
	holder := items(c.ok("/v1.0/users?$filter=proxyAddresses/any(p:p eq 'smtp:" + str(upset, "userPrincipalName") + "')"))[0]
	c.steer("PATCH", "users/"+str(holder, "id"), `{"proxyAddresses":[]}`)
	c.directory("POST", "users/"+str(upset, "id")+"/reprocessLicenseAssignment", 200)
	if got := c.ok("/v1.0/users/" + str(upset, "id") + "?$select=onPremisesProvisioningErrors"); len(rows(got, "onPremisesProvisioningErrors")) > 0 {
		t.Errorf("%v", got)
	}

	saved := c.steer("GET", "state", "")
	other := start(t, Options{State: strings.NewReader(string(saved.raw))})
	if diff := difference(c.all("/beta/users?$top=999"+sel), other.all("/beta/users?$top=999"+sel)); diff != "" {
		t.Errorf("(-saved +loaded):\n%s", diff)
	}
}
