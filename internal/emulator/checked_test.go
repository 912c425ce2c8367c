package emulator

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/api"
	"licensegraph/internal/emulator/contract"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

// checked returns a tenant with a check of every answer. Package emulatortest
// does the same for tests of other packages.
func checked(opts Options) (*Emulator, *contract.Complaints) {
	e, wrong := New(opts), &contract.Complaints{}
	e.Observe(wrong.Check)
	return e, wrong
}

func startChecked(t TB, opts Options, serve func(TB, *Emulator) *Server) *Server {
	t.Helper()
	e, wrong := checked(opts)
	t.Cleanup(func() {
		for _, text := range wrong.Take() {
			t.Errorf("invalid answer of the tenant: %s", text)
		}
	})
	return serve(t, e)
}

// TestEndpointsMatchContract tests that the contract describes exactly the
// implemented endpoints of each version.
func TestEndpointsMatchContract(t *testing.T) {
	t.Parallel()
	var v1, beta []string
	for _, r := range api.Routes() {
		beta = append(beta, r.Label)
		if !r.Cloud {
			v1 = append(v1, r.Label)
		}
	}
	var writtenV1, writtenBeta []string
	for _, e := range contract.Endpoints() {
		writtenBeta = append(writtenBeta, e.Label())
		if e.V1() {
			writtenV1 = append(writtenV1, e.Label())
		}
	}
	for _, list := range [][]string{v1, beta, writtenV1, writtenBeta} {
		slices.Sort(list)
	}
	for version, both := range map[string][2][]string{"v1.0": {v1, writtenV1}, "beta": {beta, writtenBeta}} {
		for _, label := range both[0] {
			if !slices.Contains(both[1], label) {
				t.Errorf("%s: %s is not in the contract", version, label)
			}
		}
		for _, label := range both[1] {
			if !slices.Contains(both[0], label) {
				t.Errorf("%s: %s is not implemented", version, label)
			}
		}
	}
}

// exchanges calls an emulator without a network, and records the exchanges.
type exchanges struct {
	*Emulator
	t     *testing.T
	token string
	last  contract.Exchange
}

func newExchanges(t *testing.T, v Variants) *exchanges {
	v.GroupEffects = Immediately
	x := &exchanges{Emulator: New(Options{Users: 120, Variants: v}), t: t}
	x.token, _ = x.entra.ApplicationToken(nil)
	x.Observe(func(last contract.Exchange) { x.last = last })
	return x
}

// ask makes one request, and fails the test on another status or an invalid
// answer.
func (x *exchanges) ask(method, uri, body string, status int) contract.Exchange {
	x.t.Helper()
	r := httptest.NewRequest(method, "http://graph"+strings.ReplaceAll(uri, " ", "%20"), strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if strings.HasPrefix(uri, "/"+x.TenantID()) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else if x.token != "" {
		r.Header.Set("Authorization", "Bearer "+x.token)
		r.Header.Set("ConsistencyLevel", "eventual")
	}
	x.ServeHTTP(httptest.NewRecorder(), r)
	if x.last.Status != status {
		x.t.Fatalf("%s %s: %d %s", method, uri, x.last.Status, x.last.Body)
	}
	if found := contract.Check(x.last); len(found) > 0 {
		x.t.Fatalf("%s %s: %v", method, uri, found)
	}
	return x.last
}

func (x *exchanges) get(uri string) contract.Exchange { return x.ask("GET", uri, "", 200) }

// sampled returns an exchange for each kind of answer.
func sampled(t *testing.T) []contract.Exchange {
	x := newExchanges(t, Variants{ExpandErrors: "both", PageSize: 3, DirectoryPageSize: 3, Devices: true, RightAllotments: true})
	user := x.userWhere(func(i int32) bool {
		return len(x.current().Rights(tenant.Ref{At: i})) > 0 && len(x.current().Licenses(i)) > 0
	})
	id, group := x.userID(user), x.groupID(x.groupNamed("e5"))
	rights := "/beta/users/" + id + "/cloudLicensing/usageRights"
	led := x.userID(x.userWhere(func(i int32) bool {
		_, ok := x.current().Manager(i)
		return ok && !x.current().User(i).Synced().IsZero() && !x.current().User(i).Hired().IsZero()
	}))
	right := rights + "/" + x.current().RightID(x.current().Rights(tenant.Ref{At: user})[0])
	upset := x.errorWhere(func(e tenant.AssignmentError) bool { _, ok := x.current().RightOf(e); return ok })
	wrong := "/beta/admin/cloudLicensing/assignmentErrors/" + x.current().ErrorID(upset)
	pool := pools + "/" + x.current().Pools(skuCopilot)[0].ID
	one := granted + "/" + x.firstAssignment()
	token := "/" + x.TenantID() + "/oauth2/v2.0/token"
	newcomer := body("accountEnabled", true, "displayName", "New", "mailNickname", "new", "userPrincipalName", "new@"+tenant.MainDomain, "passwordProfile", row{"password": "p"}, "usageLocation", "DE")
	list := []contract.Exchange{
		x.get(pools), x.get(pool), x.get(pools + "?$select=id,allottedUnits,subscriptions"), x.get(pool + "?$expand=waitingMembers($select=id),assignments"),
		x.get(pools + "?$apply=groupby((skuId,assignableTo), aggregate(allottedUnits with sum as total))"),
		x.get(pool + "/waitingMembers?$expand=assignedTo,allotment"),
		x.get(granted + "?$expand=assignedTo,allotment"), x.get(one), x.get(one + "/allotment"), x.get(one + "/assignedTo"),
		x.get("/beta/admin/cloudLicensing/assignmentErrors?$expand=assignedTo,usageRight"), x.get(wrong + "?$expand=assignedTo,usageRight"), x.get(wrong + "/usageRight"),
		x.get(rights), x.get(right + "?$expand=assignments($select=id),allotments"), x.get(right + "/assignments"), x.get(right + "/allotments"),
		x.get("/beta/devices/" + x.deviceID(0) + "/cloudLicensing/usageRights"),
		x.get("/v1.0/users?$count=true"), x.get("/v1.0/users/$count"), x.get("/beta/groups/$count"), x.get("/v1.0/groups/" + group + "/members/$count"), x.get("/v1.0/users/" + id),
		x.get("/v1.0/users/" + id + "?$select=id,usageLocation,userType,accountEnabled,createdDateTime,proxyAddresses,assignedLicenses,licenseAssignmentStates,assignedPlans"),
		x.get("/v1.0/users/" + led + "?$select=id,employeeId,employeeHireDate,employeeOrgData,onPremisesSyncEnabled,onPremisesProvisioningErrors,provisionedPlans&$expand=manager($levels=2;$select=id,displayName)"),
		x.get("/v1.0/users/" + x.userID(x.userWhere(func(i int32) bool { return len(x.current().ServiceErrors(i)) > 0 })) + "?$select=serviceProvisioningErrors"),
		x.get("/v1.0/users/" + led + "/manager"), x.get("/v1.0/users/" + x.PersonInRole("License Administrator") + "/memberOf"), x.get("/v1.0/users/" + id + "/memberOf/microsoft.graph.group?$count=true"),
		x.get("/v1.0/groups/" + group + "/owners"), x.get("/v1.0/groups/" + x.groupID(x.groupNamed("payroll")) + "?$expand=owners($select=id)"),
		x.get("/v1.0/users/" + id + "/licenseDetails"), x.get("/v1.0/subscribedSkus"),
		x.get("/v1.0/groups?$expand=members"), x.get("/v1.0/groups/" + group + "?$select=id,assignedLicenses,licenseProcessingState,createdDateTime"),
		x.get("/v1.0/groups/" + group + "/members"), x.get("/v1.0/groups/" + x.groupID(x.groupNamed("stores")) + "/membersWithLicenseErrors"),
		x.ask("POST", "/v1.0/directoryObjects/getByIds", body("ids", ids(id, group, x.deviceID(0))), 200),
		x.get("/v1.0/users/delta?$select=displayName"), x.get("/v1.0/groups/delta"),
		x.ask("POST", "/v1.0/$batch", batchOf(get("1", "/users/"+id), get("2", "/subscribedSkus?$select=skuId"), get("3", "/nothing")), 200),
		x.ask("POST", "/v1.0/users", newcomer, 201), x.ask("DELETE", "/v1.0/users/new@"+tenant.MainDomain, "", 204),
		x.ask("POST", "/v1.0/groups/"+group+"/assignLicense", body("addLicenses", off(), "removeLicenses", off()), 202),
		x.ask("POST", "/v1.0/users/"+id+"/reprocessLicenseAssignment", "", 200),
		x.get("/v1.0/users/delta?$deltatoken=latest"), x.get("/v1.0/users?$top=2&$select=id,mail"),
		x.ask("GET", "/v1.0/users/nobody", "", 404), x.ask("GET", "/beta/admin/cloudLicensing/allotments?$skip=1", "", 400),
		x.ask("POST", "/v1.0/users", newcomer, 201), x.ask("POST", "/v1.0/users", newcomer, 400),
		x.ask("POST", token, url.Values{"grant_type": {"client_credentials"}, "client_id": {x.ClientID()}, "client_secret": {x.ClientSecret()}, "scope": {access.Worldwide + "/.default"}}.Encode(), 200),
		x.ask("POST", token, "", 400),
		x.ask("GET", "/"+x.TenantID()+"/v2.0/.well-known/openid-configuration", "", 200), x.ask("GET", "/"+x.TenantID()+"/discovery/v2.0/keys", "", 200),
	}
	x.token = ""
	return append(list, x.ask("GET", "/v1.0/users", "", 401))
}

// can lists the members that can be null or missing; all others cannot. It is
// independent of the checker.
var can = map[string][]string{
	"be null": {
		"assignedByGroup", "classification", "country", "createdDateTime", "deletedDateTime", "department", "description", "displayName", "givenName", "jobTitle", "surname",
		"mail", "mailEnabled", "mailNickname", "mobilePhone", "officeLocation", "operatingSystem", "operatingSystemVersion", "planName", "preferredLanguage", "securityEnabled",
		"skuId", "skuPartNumber", "usageLocation", "userPrincipalName", "userType", "visibility", "accountEnabled", "assignedLicenses of group", "licenseProcessingState", "usageRight",
		"accountId", "accountName", "appliesTo", "capabilityStatus", "consumedUnits", "prepaidUnits", "enabled", "warning", "suspended", "lockedOut", "servicePlanId", "servicePlanName", "provisioningStatus",
		"subscriptionIds", "externalServiceIdentifier", "assignedDateTime", "service", "lastUpdatedDateTime", "licenseAssignmentStates", "disabledPlans of state", "state of state", "city", "companyName", "deviceId",
		"target", "tenant_region_scope", "body",
		"isAssignableToRole", "membershipRule", "membershipRuleProcessingState", "onPremisesLastSyncDateTime", "onPremisesProvisioningErrors", "onPremisesSyncEnabled",
		"roleTemplateId", "serviceProvisioningErrors", "errorDetail", "isResolved", "serviceInstance", "appId", "servicePrincipalType",
		"employeeHireDate", "employeeId", "employeeOrgData", "costCenter", "division", "state of user",
	},
	"be missing": {
		"manager",
		"externalServiceIdentifier", "@odata.nextLink", "assignments@odata.nextLink", "waitingMembers@odata.nextLink", "details", "propertyName", "code of inner", "target", "members@delta", "issuer of key",
		"device_authorization_endpoint", "end_session_endpoint", "code_challenge_methods_supported", "http_logout_supported", "error_uri",
	},
}

// owner distinguishes members with the same name in different types.
func owner(o row, name string) string {
	switch {
	case name == "assignedLicenses" && o["licenseProcessingState"] != nil:
		return name + " of group"
	case o["lastUpdatedDateTime"] != nil && (name == "disabledPlans" || name == "state"), name == "state" && len(o) == 1:
		return name + " of state"
	case name == "code" && o["request-id"] != nil:
		return name + " of inner"
	case name == "issuer" && o["kid"] != nil:
		return name + " of key"
	}
	return name
}

// broken makes each possible invalid change to the form of a value in turn,
// and calls try for each. how describes the change.
func broken(v any, path string, try func(how string)) {
	switch v := v.(type) {
	case []any:
		for i := range min(len(v), 2) {
			broken(v[i], path, try)
		}
	case row:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			old, at := v[name], path+"/"+name
			set := func(how string, value any) {
				v[name] = value
				try(at + " " + how)
				v[name] = old
			}
			known := owner(v, name)
			if !slices.Contains(can["be missing"], known) {
				delete(v, name)
				try(at + " is missing")
			}
			delete(v, name)
			v[strings.ToUpper(name[:1])+name[1:]+"s"] = old
			try(at + " is misspelt")
			delete(v, strings.ToUpper(name[:1])+name[1:]+"s")
			v[name] = old
			if old != nil && !slices.Contains(can["be null"], known) {
				set("is null", nil)
			}
			for _, other := range []any{true, json.Number("1.5"), "", []any{json.Number("7")}, row{"x": nil}} {
				if old != nil && fmt.Sprintf("%T", other) != fmt.Sprintf("%T", old) {
					set(fmt.Sprintf("is %T", other), other)
				}
			}
			if list, ok := old.([]any); ok {
				set("has null in it", append(slices.Clip(list), nil))
				set("has a boolean in it", append(slices.Clip(list), true))
			}
			broken(old, at, try)
		}
		v["unheardOf"] = "x"
		try(path + " has more")
		delete(v, "unheardOf")
	}
}

// TestCheckedIsStrict makes all invalid changes to the form of real answers,
// and expects a complaint about each.
func TestCheckedIsStrict(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, x := range sampled(t) {
		missed := map[string]bool{}
		try := func(how string) {
			tried++
			if len(contract.Check(x)) == 0 {
				missed[how] = true
			}
		}
		body, isJSON := parseJSON(x.Body)
		if isJSON {
			broken(body, "", func(how string) {
				x.Body = wire.Encode(body)
				try(how)
			})
			x.Body = wire.Encode(body)
		}
		header := x.Header
		for _, name := range []string{"Request-Id", "Client-Request-Id", "Date", "X-Ms-Ags-Diagnostic", "Content-Type", "Odata-Version", "Cache-Control", "Location", "Www-Authenticate", "X-Ms-Resource-Unit"} {
			optional := name == "Location" && x.Status == 201 || name == "X-Ms-Resource-Unit" && x.Status >= 300
			if header.Get(name) == "" || strings.HasPrefix(x.URL, "/"+tenantOf(x.URL)) && slices.Contains([]string{"Cache-Control", "Content-Type"}, name) {
				continue
			}
			for _, value := range []string{"", "no good"} {
				if optional && value == "" || name == "Cache-Control" && value != "" || name == "Location" && x.Status == 201 {
					continue
				}
				x.Header = header.Clone()
				x.Header.Set(name, value)
				try(fmt.Sprintf("%s: %q", name, value))
			}
		}
		x.Header = header
		status := x.Status
		for _, x.Status = range []int{206, 302, 418} {
			if !strings.HasPrefix(x.URL, "/"+tenantOf(x.URL)) {
				try(fmt.Sprint("status ", x.Status))
			}
		}
		x.Status = status
		for how := range missed {
			t.Errorf("%s %s: nothing is said: %s", x.Method, x.URL, how)
		}
	}
	if tried < 3000 {
		t.Errorf("only %d ways were tried", tried)
	}
}

// tenantOf returns the tenant in a sign-in path, or a text that no path starts
// with.
func tenantOf(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if _, ok := tenant.ParseGUID(first); ok {
		return first
	}
	return "?"
}

// TestCheckedValues changes one value of a real answer to an invalid one
// of the same form, and expects a complaint.
func TestCheckedValues(t *testing.T) {
	t.Parallel()
	x := newExchanges(t, Variants{PageSize: 3, ExpandErrors: "both"})
	id := x.userID(x.userWhere(func(i int32) bool { return len(x.current().Licenses(i)) > 0 }))
	group := x.groupID(x.groupNamed("e5"))
	const errs, mine = "/beta/admin/cloudLicensing/assignmentErrors", "?$select=id,usageLocation,userType,licenseAssignmentStates,createdDateTime"
	token := "/" + x.TenantID() + "/oauth2/v2.0/token"
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {x.ClientID()}, "client_secret": {x.ClientSecret()}, "scope": {access.Worldwide + "/.default"}}.Encode()
	twoParts := batchOf(get("1", "/users/"+id+"?$select=id"), get("2", "/subscribedSkus"))
	var twenty []string
	for i := range 21 {
		twenty = append(twenty, fmt.Sprintf(`{"@odata.type":"#microsoft.graph.group","id":"00000000-0000-0000-0000-0000000000%02d"}`, i))
	}
	for _, tt := range []struct {
		method, uri, body string
		from, to          string // the first occurrence of from becomes to
	}{
		{"GET", pools, "", `"planId":"`, `"planId":"A`},
		{"GET", pools, "", `"skuId":"`, `"skuId":"{`},
		{"GET", pools, "", `"assignableTo":"user,group"`, `"assignableTo":"user, group"`},
		{"GET", pools, "", `"assignableTo":"user,group"`, `"assignableTo":"user,user"`},
		{"GET", pools, "", `"assignableTo":"user,group"`, `"assignableTo":"none,user"`},
		{"GET", pools, "", `"assignableTo":"user,group"`, `"assignableTo":"users"`},
		{"GET", pools, "", `"assignableTo":"user,group"`, `"assignableTo":"User,group"`},
		{"GET", pools, "", `"assignableTo":"user,group"`, `"assignableTo":"unknownFutureValue"`},
		{"GET", pools, "", `"assignableTo":"user,group"`, `"assignableTo":""`},
		{"GET", pools, "", `"allottedUnits":`, `"allottedUnits":9999999999`},
		{"GET", pools, "", `"allottedUnits":`, `"allottedUnits":0.`},
		{"GET", pools, "", `"state":"active"`, `"state":"Active"`},
		{"GET", pools, "", `"state":"active"`, `"state":"active,warning"`},
		{"GET", pools, "", `"tags":"none"`, `"tags":"None"`},
		{"GET", pools, "", `"startDate":"20`, `"startDate":"120`},
		{"GET", pools, "", `"@odata.type":"#microsoft.graph.cloudLicensing.allotment"`, `"@odata.type":"microsoft.graph.cloudLicensing.allotment"`},
		{"GET", pools, "", `"@odata.type":"#microsoft.graph.cloudLicensing.allotment"`, `"@odata.type":"#microsoft.graph.cloudLicensing.assignment"`},
		{"GET", pools, "", `cloudLicensing.service"`, `cloudLicensing.servicePlan"`},
		{"GET", pools, "", `#admin/cloudLicensing/allotments`, `#admin/cloudLicensing/assignments`},
		{"GET", pools, "", `#admin/cloudLicensing/allotments`, `#admin/cloudLicensing/allotments/$entity`},
		{"GET", pools, "", `http://graph/beta/$metadata`, `http://graph/v1.0/$metadata`},
		{"GET", pools, "", `http://graph/beta/$metadata`, `https://graph.microsoft.com/beta/$metadata`},
		{"GET", pools, "", `"@odata.nextLink":"http://graph`, `"@odata.nextLink":"`},
		{"GET", pools, "", `"@odata.nextLink":"http://graph`, `"@odata.nextLink":"http://elsewhere`},
		{"GET", pools, "", `"@odata.nextLink":"http://graph/beta`, `"@odata.nextLink":"http://graph`},
		{"GET", pools, "", `allotments?$skiptoken=`, `assignments?$skiptoken=`},
		{"GET", pools, "", `?$skiptoken=`, `?$top=5&$skiptoken=`},
		{"GET", pools, "", `?$skiptoken=`, `?$skip=`},
		{"GET", pools + "?$select=id", "", `"id":`, `"skuPartNumber":"X","id":`},
		{"GET", pools + "?$select=id", "", `(id)`, ``},
		{"GET", pools + "?$select=id", "", `"value":[`, `"value":[{"@odata.type":"#microsoft.graph.cloudLicensing.allotment","id":"00000000-0000-0000-0000-000000000000"},`},
		{"GET", pools + "/" + x.current().Pools(skuCopilot)[0].ID, "", `/$entity`, ``},
		{"GET", granted, "", `"disabledServicePlanIds":[`, `"assignedTo":{},"disabledServicePlanIds":[`},
		{"GET", granted, "", `"disabledServicePlanIds":[`, `"skuId":null,"disabledServicePlanIds":[`},
		{"GET", errs + "?$expand=assignedTo", "", `"@odata.type":"#microsoft.graph.user"`, `"@odata.type":"#microsoft.graph.User"`},
		{"GET", errs + "?$expand=assignedTo", "", `"@odata.type":"#microsoft.graph.user"`, `"@odata.type":"#microsoft.graph.directoryObject"`},
		{"GET", errs + "?$expand=assignedTo", "", `"userPrincipalName":`, `"mail":null,"userPrincipalName":`},
		{"GET", errs, "", `+00:00"`, `Z"`},
		{"GET", errs, "", `+00:00"`, `0+00:00"`},
		{"GET", errs, "", `"code":"`, `"code":"an open `},
		{"GET", errs + "?$expand=usageRight", "", `"usageRight":`, `"usageRights":`},
		{"GET", "/v1.0/users", "", `@`, ``},
		{"GET", "/v1.0/users", "", `"displayName"`, `"accountEnabled":true,"displayName"`},
		{"GET", "/v1.0/users", "", `"displayName"`, `"@odata.type":"#microsoft.graph.user","displayName"`},
		{"GET", "/v1.0/users", "", `"displayName"`, `"@odata.id":"users","displayName"`},
		{"GET", "/v1.0/users", "", `"value":`, `"@odata.count":3,"value":`},
		{"GET", "/v1.0/users?$count=true", "", `"@odata.count":`, `"@odata.counts":`},
		{"GET", "/v1.0/users/$count", "", `1`, `-1`}, {"GET", "/v1.0/users/$count", "", `1`, `1.`},
		{"GET", "/v1.0/users/" + id + mine, "", `"userType":"Member"`, `"userType":"member"`},
		{"GET", "/v1.0/users/" + id + mine, "", `"usageLocation":"`, `"usageLocation":"x`},
		{"GET", "/v1.0/users/" + id + mine, "", `"error":"`, `"error":"No`},
		{"GET", "/v1.0/users/" + id + mine, "", `"state":"A`, `"state":"a`},
		{"GET", "/v1.0/users/" + id + mine, "", `"lastUpdatedDateTime":"2`, `"lastUpdatedDateTime":"02`},
		{"GET", "/v1.0/users/" + id + mine, "", `Z"`, `.5Z"`},
		{"GET", "/v1.0/subscribedSkus", "", `"capabilityStatus":"E`, `"capabilityStatus":"e`},
		{"GET", "/v1.0/subscribedSkus", "", `"provisioningStatus":"`, `"provisioningStatus":"Un`},
		{"GET", "/v1.0/subscribedSkus", "", `"id":"`, `"id":"0`},
		{"GET", "/v1.0/subscribedSkus", "", `"value":`, `"@odata.nextLink":"http://graph/v1.0/subscribedSkus?$skiptoken=x","value":`},
		{"GET", "/v1.0/groups/" + group + "?$expand=members", "", `"members":[`, `"members":[` + strings.Join(twenty, ",") + `,`},
		{"GET", "/v1.0/groups/" + group + "?$expand=members", "", `"members":[`, `"members@odata.nextLink":"http://graph/v1.0/groups/` + group + `/members?$skiptoken=x","members":[`},
		{"GET", "/v1.0/groups/" + group + "?$select=licenseProcessingState", "", `Processing`, `Processed`},
		{"POST", "/v1.0/directoryObjects/getByIds", body("ids", ids(id)), `"@odata.type":"#microsoft.graph.user"`, `"@odata.type":"#microsoft.graph.group"`},
		{"POST", "/v1.0/directoryObjects/getByIds", body("ids", ids(id)), `"displayName"`, `"assignedLicenses":[],"displayName"`},
		{"GET", "/v1.0/users/delta", "", `"@odata.nextLink"`, `"@odata.deltaLink"`},
		{"GET", "/v1.0/users/nobody", "", `"innerError"`, `"innererror"`},
		{"GET", "/v1.0/users/nobody", "", `"request-id":"`, `"request-id":"0`},
		{"GET", "/v1.0/users/nobody", "", `"code":"`, `"code":"","x":"`},
		{"POST", "/v1.0/$batch", twoParts, `"id":"1"`, `"id":"3"`},
		{"POST", "/v1.0/$batch", twoParts, `"status":200`, `"status":201`},
		{"POST", "/v1.0/$batch", twoParts, `#users(id)`, `#users`},
		{"POST", "/v1.0/$batch", twoParts, `"appliesTo":"User"`, `"appliesTo":"user"`},
		{"POST", "/v1.0/$batch", twoParts, `odata.metadata=minimal`, `odata.metadata=full`},
		{"POST", token, form, `"token_type":"B`, `"token_type":"b`},
		{"POST", token, form, `"expires_in":`, `"expires_in":-`},
		{"POST", token, form, `"token_type"`, `"refresh_token":"x","token_type"`},
		{"POST", token, form, `"token_type"`, `"scope":"x","token_type"`},
	} {
		status := 200
		if strings.Contains(tt.uri, "nobody") {
			status = 404
		}
		answered := x.ask(tt.method, tt.uri, tt.body, status)
		edited := strings.Replace(string(answered.Body), tt.from, tt.to, 1)
		if edited == string(answered.Body) {
			t.Errorf("%s: no %s in %.300s", tt.uri, tt.from, edited)
			continue
		}
		answered.Body = []byte(edited)
		if found := contract.Check(answered); len(found) == 0 {
			t.Errorf("%s %s: %s for %s: no complaint", tt.method, tt.uri, tt.to, tt.from)
		}
	}
	// A complaint is limited in number, and contains the path.
	answered := x.get(pools)
	answered.Body = []byte(strings.ReplaceAll(string(answered.Body), `"planId"`, `"planid"`))
	found := contract.Check(answered)
	if len(found) != contract.Most || !strings.HasPrefix(found[0], "/value[0]/services[") {
		t.Errorf("%d complaints: %q", len(found), found)
	}
}

// heard is a test that records its failures.
type heard struct {
	*testing.T
	said     []string
	cleanups []func()
}

func (h *heard) Errorf(format string, args ...any) {
	h.said = append(h.said, fmt.Sprintf(format, args...))
}
func (h *heard) Cleanup(f func()) { h.cleanups = append(h.cleanups, f) }

// TestStartReportsInvalidAnswers tests that an invalid answer fails a test at its end, but not
// an answer changed by a fault, alone or in a batch.
func TestStartReportsInvalidAnswers(t *testing.T) {
	t.Parallel()
	run := func(do func(c *client)) []string {
		h := &heard{T: t}
		c := &client{Server: startChecked(h, Options{Users: 10, Variants: Variants{DirectoryPageSize: 5}}, Serve), t: t, http: &http.Client{Transport: &http.Transport{}}}
		c.current().Allotments()[0].ID = "two words"
		c.token = c.newToken()
		do(c)
		c.http.CloseIdleConnections()
		for _, f := range slices.Backward(h.cleanups) {
			f()
		}
		return h.said
	}
	twice := batchOf(get("1", "/admin/cloudLicensing/allotments?$top=1&$select=id"), get("2", "/admin/cloudLicensing/allotments?$top=1&$select=allottedUnits"))
	for _, tt := range []struct {
		name  string
		do    func(c *client)
		fails int
	}{
		{"nothing is wrong", func(c *client) { c.ok("/v1.0/users"); c.ok(pools + "?$select=allottedUnits") }, 0},
		{"an id is wrong", func(c *client) { c.ok(pools + "?$top=1&$select=id") }, 1},
		{"one part is wrong", func(c *client) { c.do("POST", "/beta/$batch", twice) }, 1},
		{"very much is wrong", func(c *client) {
			for range 2 * contract.Most {
				c.ok(pools + "?$top=1&$select=id")
			}
		}, contract.Most},
		{"a fault", func(c *client) {
			c.Inject(Fault{Set: map[string]any{"allottedUnits": "many"}})
			c.ok(pools + "?$select=allottedUnits")
		}, 0},
		{"a fault in a part", func(c *client) {
			c.Inject(Fault{Contains: "select=id", Body: "<html>"})
			c.do("POST", "/beta/$batch", twice)
		}, 0},
		{"a fault in the other part", func(c *client) {
			c.Inject(Fault{Contains: "select=allottedUnits", Body: "<html>"})
			c.do("POST", "/beta/$batch", twice)
		}, 1},
	} {
		said := run(tt.do)
		if len(said) != tt.fails || tt.fails > 0 && !strings.Contains(said[0], `id: it is "two words"`) {
			t.Errorf("%s: %q", tt.name, said)
		}
	}
}

// TestCheckedTokens changes each claim of each kind of token.
func TestCheckedTokens(t *testing.T) {
	t.Parallel()
	x := newExchanges(t, Variants{})
	token := "/" + x.TenantID() + "/oauth2/v2.0/token"
	sign := func(pairs ...string) contract.Exchange {
		t.Helper()
		form := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		return x.ask("POST", token, form.Encode(), 200)
	}
	app := []string{"grant_type", "client_credentials", "client_id", x.ClientID(), "client_secret", x.ClientSecret(), "scope"}
	person := []string{"grant_type", "password", "client_id", x.PublicClientID(), "username", x.userName(0), "password", Password, "scope"}
	optional := []string{"rh", "app_displayname", "tenant_region_scope", "wids", "acct", "acr", "amr", "name", "given_name", "family_name", "upn", "unique_name", "preferred_username", "xms_cc"}
	for _, one := range []struct {
		member   string
		exchange contract.Exchange
	}{
		{"access_token", sign(append(app, access.Worldwide+"/.default")...)},
		{"access_token", sign(append(app, x.ClientID()+"/.default")...)},
		{"access_token", sign(append(person, "User.Read")...)},
		{"access_token", sign(append(person, "api://"+x.ClientID()+"/access_as_user")...)},
		{"id_token", sign(append(person, "openid profile User.Read")...)},
	} {
		answered := one.exchange
		var body, claims map[string]any
		if err := json.Unmarshal(answered.Body, &body); err != nil {
			t.Fatal(err)
		}
		sections := strings.Split(str(body, one.member), ".")
		raw, err := base64.RawURLEncoding.DecodeString(sections[1])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &claims); err != nil {
			t.Fatal(err)
		}
		try := func(how string) {
			body[one.member] = sections[0] + "." + base64.RawURLEncoding.EncodeToString(wire.Encode(claims)) + "." + sections[2]
			answered.Body = wire.Encode(body)
			if len(contract.Check(answered)) == 0 {
				t.Errorf("%s of version %v: nothing is said: %s", one.member, claims["ver"], how)
			}
		}
		for name, old := range claims {
			if !slices.Contains(optional, name) && (name != "uti" || one.member != "id_token") && (name != "roles" || claims["ver"] != "1.0") && (name != "idtyp" || claims["scp"] == nil) {
				delete(claims, name)
				try(name + " is missing")
			}
			for _, wrong := range []any{nil, true, 1.5, []any{1}, row{}} {
				if fmt.Sprintf("%T", wrong) != fmt.Sprintf("%T", old) {
					claims[name] = wrong
					try(fmt.Sprintf("%s is %v", name, wrong))
				}
			}
			claims[name] = old
		}
		for name, wrong := range map[string]any{"exp": 5, "iss": "https://sts.windows.net/x/", "tid": "x", "oid": "x", "ver": "3.0", "more": "x"} {
			old, there := claims[name]
			claims[name] = wrong
			try(fmt.Sprintf("%s is %v", name, wrong))
			if claims[name] = old; !there {
				delete(claims, name)
			}
		}
	}
}
