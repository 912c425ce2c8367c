package emulator

import (
	"html"
	"strings"
	"testing"

	"licensegraph/internal/emulator/api"
)

// TestNotImplemented distinguishes features of Microsoft Graph that are not
// implemented from unknown ones.
func TestNotImplemented(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	user, group := "/v1.0/users/"+c.userID(0), "/v1.0/groups/"+c.groupID(0)
	page := html.UnescapeString(string(c.get("/").raw))
	for uri, names := range map[string]string{
		"/v1.0/directory/deletedItems":                                             "directory",
		"/v1.0/reports/getOffice365ActivationsUserDetail":                          "reports",
		"/v1.0/copilot/reports/getMicrosoft365CopilotUsageUserDetail":              "copilot",
		"/v1.0/admin/sharepoint":                                                   "admin/sharepoint",
		"/v1.0/auditLogs/signIns":                                                  "auditLogs",
		"/v1.0/contracts":                                                          "contracts",
		"/v1.0/devices":                                                            "devices",
		"/v1.0/$metadata":                                                          "$metadata",
		user + "/mailboxSettings/userPurpose":                                      "mailboxSettings",
		user + "/retryServiceProvisioning":                                         "retryServiceProvisioning",
		user + "/microsoft.graph.retryServiceProvisioning":                         "retryServiceProvisioning",
		"/v1.0/me/licenseDetails/getTeamsLicensingDetails":                         "licenseDetails/getTeamsLicensingDetails",
		user + "/employeeId":                                                       "employeeId",
		user + "/displayName":                                                      "displayName",
		user + "/usageLocation":                                                    "usageLocation",
		user + "/assignedLicenses":                                                 "assignedLicenses",
		group + "/securityEnabled":                                                 "securityEnabled",
		"/v1.0/users/microsoft.graph.agentUser/$count":                             "users/microsoft.graph.agentUser/$count",
		group + "/members/microsoft.graph.user/$count":                             "members/microsoft.graph.user",
		group + "/transitiveMembers":                                               "transitiveMembers",
		group + "/members/microsoft.graph.user":                                    "members/microsoft.graph.user",
		"/v1.0/directoryObjects/" + c.userID(0):                                    "directoryObjects/{id}",
		user + "/manager/$ref":                                                     "manager/$ref",
		user + "/memberOf/microsoft.graph.directoryRole":                           "memberOf/microsoft.graph.directoryRole",
		group + "/owners/$ref":                                                     "owners/$ref",
		user + "?$expand=memberOf":                                                 "$expand=memberOf",
		"/v1.0/users?$expand=directReports($select=id)":                            "$expand=directReports",
		"/v1.0/groups?$expand=transitiveMembers":                                   "$expand=transitiveMembers",
		"/v1.0/users?$select=mailboxSettings":                                      "mailboxSettings",
		"/v1.0/users?$filter=ageGroup eq 'Adult'":                                  "ageGroup",
		"/v1.0/users?$filter=accountEnabled eq true and isResourceAccount eq true": "isResourceAccount",
		`/v1.0/users?$search="streetAddress:1"`:                                    "streetAddress",
		"/v1.0/groups?$filter=startswith(uniqueName,'a')":                          "uniqueName",
		"/v1.0/users/delta?$select=ageGroup":                                       "ageGroup",
		group + "/members?$select=id,trustType":                                    "trustType",
	} {
		r := c.get(uri, eventual...)
		if r.status != 501 || r.code() != "notImplemented" || !strings.Contains(string(r.raw), "'"+names+"'") {
			t.Errorf("%s: %d %s", uri, r.status, r.raw)
		}
		if name, _, _ := strings.Cut(strings.TrimPrefix(names, "$expand="), "/"); strings.Contains(uri, "?") && !strings.Contains(page, name) && name != "trustType" && name != "directReports" {
			t.Errorf("the front page does not list %s", name)
		}
	}
	for _, call := range otherCalls {
		method, path, _ := strings.Cut(call, " ")
		uri := "/v1.0/" + strings.Replace(path, "{id}", c.groupID(0), 1)
		if r := c.do(method, uri, `{}`); r.status != 501 || r.code() != "notImplemented" || !strings.Contains(page, call) {
			t.Errorf("%s: %d %s", call, r.status, r.raw)
		}
	}
	// cloudLicensing paths that are only in Microsoft's list of permissions.
	devices := Variants{Devices: true}
	for _, root := range []string{"/beta/admin/cloudLicensing/", "/beta/admin/cloudLicensing/allotments/x/", "/beta/users/" + c.userID(0) + "/cloudLicensing/", "/beta/me/cloudLicensing/",
		"/beta/groups/" + c.groupID(0) + "/cloudLicensing/", "/beta/devices/" + c.deviceID(0) + "/cloudLicensing/"} {
		for relation, name := range map[string]string{"allotment": allotmentRef, "assignedTo": assigneeRef} {
			uri := root + "assignments/x/" + relation + "/$ref"
			off := 501
			if strings.Contains(root, "devices") {
				off = 404
			}
			if r := c.do("PUT", uri, `{}`); r.status != off {
				t.Errorf("PUT %s: %d %s", uri, r.status, r.raw)
			}
			c.SetVariants(devices)
			if r := c.do("PUT", uri, `{}`); r.status != 501 || r.code() != "notImplemented" || !strings.Contains(string(r.raw), "'"+name+"'") || !strings.Contains(page, name) {
				t.Errorf("PUT %s: %d %s", uri, r.status, r.raw)
			}
			if r := c.get(uri); r.status != 404 {
				t.Errorf("GET %s: %d %s", uri, r.status, r.raw)
			}
			c.SetVariants(Variants{CloudLicensing: "missing"})
			if r := c.do("PUT", uri, `{}`); r.status != 404 {
				t.Errorf("PUT %s without cloudLicensing: %d %s", uri, r.status, r.raw)
			}
			c.SetVariants(Variants{})
		}
	}
	for _, uri := range []string{pools + "/x/owner", "/beta/users?$select=cloudLicensing", strings.Replace(user, "v1.0", "beta", 1) + "?$select=id,cloudLicensing", "/beta/groups?$select=cloudLicensing"} {
		if r := c.get(uri); r.status != 501 || r.code() != "notImplemented" {
			t.Errorf("%s: %d %s", uri, r.status, r.raw)
		}
	}
	for _, name := range []string{poolOwner, "licenseDetails/{id}", "getTeamsLicensingDetails", "cloudLicensing of users and groups in $select"} {
		if !strings.Contains(page, name) {
			t.Errorf("the front page does not list %s", name)
		}
	}
	for uri, status := range map[string]int{
		"/v1.0/users?$select=cloudLicensing": 400,
		"/v1.0/gadgets":                      400, user + "/gadgets": 400, group + "/manager": 400, user + "?$select=gadget": 400, user + "?$expand=gadget": 400,
		"/v1.0/users?$filter=gadget eq 1": 400, "/v1.0/users?$filter=manager/id eq '1'": 400, `/v1.0/users?$search="gadget:1"`: 400, "/v1.0/groups?$expand=gadget": 400,
		"/v1.0/devices/" + c.deviceID(0) + "/cloudLicensing/usageRights": 400, "/beta/devices/" + c.deviceID(0) + "/cloudLicensing/usageRights": 404,
		"/beta/admin/cloudLicensing/gadgets": 404,
	} {
		if r := c.get(uri, eventual...); r.status != status {
			t.Errorf("%s: %d %s, want %d", uri, r.status, r.raw, status)
		}
	}
	const unified = `"displayName":"A","mailNickname":"a","mailEnabled":true,"securityEnabled":false,"groupTypes":["Unified"`
	for _, tt := range []struct {
		method, uri, body string
		status            int
	}{
		{"PATCH", user, `{"employeeId": "1"}`, 501}, {"PATCH", user, `{"businessPhones": ["1"]}`, 501}, {"PATCH", user, `{"manager@odata.bind": "x"}`, 501},
		{"PATCH", user, `{"gadget": "1"}`, 400}, {"PATCH", user, `{"gadget@odata.bind": "1"}`, 400}, {"PATCH", user, `{"id": "1"}`, 400},
		{"PATCH", group, `{"membershipRule": "1"}`, 501}, {"PATCH", group, `{"visibility": "Private"}`, 501}, {"PATCH", group, `{"owners@odata.bind": ["x"]}`, 501},
		{"PATCH", group, `{"securityEnabled": true}`, 501}, {"PATCH", group, `{"mailEnabled": true}`, 400}, {"PATCH", group, `{"createdDateTime": "1"}`, 400}, {"PATCH", group, `{"gadget": "1"}`, 400},
		{"POST", "/v1.0/groups", `{` + unified + `,"DynamicMembership"]}`, 501}, {"POST", "/v1.0/groups", `{` + unified + `,"Gadget"]}`, 400},
		{"POST", "/v1.0/groups", `{` + unified + `],"visibility":"Private"}`, 501},
	} {
		if r := c.do(tt.method, tt.uri, tt.body); r.status != tt.status {
			t.Errorf("%s %s: %d %s, want %d", tt.method, tt.body, r.status, r.raw, tt.status)
		}
	}
	for _, name := range []string{"businessPhones, employee", "DynamicMembership", "classification, isAssignableToRole", "securityEnabled of groups", "owners@odata.bind", "users/{id}/displayName", "membershipRule"} {
		if !strings.Contains(page, name) {
			t.Errorf("the front page does not list %s", name)
		}
	}
	if r := c.get("/v1.0/users?$filter=endswith(mail,'x')"); !strings.Contains(string(r.raw), "Refer to https://aka.ms/graph-docs/advanced-queries for more information.") {
		t.Errorf("%s", r.raw)
	}
}

// TestMissingIsNotServed tests that no endpoint is listed as not implemented.
func TestMissingIsNotServed(t *testing.T) {
	t.Parallel()
	words := strings.FieldsFunc(strings.Join(api.Missing(), " "), func(r rune) bool { return strings.ContainsRune(" ,;()", r) })
	for _, word := range words {
		for _, r := range api.Routes() {
			if r.Method == "GET" && strings.Contains(word, "/") && strings.HasSuffix(r.Template, "/"+word) {
				t.Errorf("%s is served, and listed as not implemented", r.Label)
			}
		}
	}
}
