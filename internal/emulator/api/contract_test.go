package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/emulator/access"
)

// TestContractPermissions tests the permissions of each endpoint against its
// reference page: delegated ones before the bar, application ones after it,
// least privileged first. D is Directory.Read.All and Directory.ReadWrite.All,
// the higher permissions of every read; A is the permissions of agents.
func TestContractPermissions(t *testing.T) {
	t.Parallel()
	const (
		cloud      = "CloudLicensing.Read | CloudLicensing.Read.All"
		ofUser     = "User-CloudLicensing.Read | User-CloudLicensing.Read.All"
		ofGroup    = "Group-CloudLicensing.Read | Group-CloudLicensing.Read.All"
		errs       = "CloudLicensing.Read | CloudLicensing.Read.All User-CloudLicensing.Read.All User.Read.All User.ReadWrite.All D"
		rights     = "User-UsageRight.Read User.Read User-CloudLicensing.Read User-UsageRight.Read.All User-CloudLicensing.Read.All CloudLicensing.Read.All User.Read.All User.ReadWrite.All D | User-UsageRight.Read.All User-CloudLicensing.Read.All CloudLicensing.Read.All User.Read.All User.ReadWrite.All D"
		groupRight = "Group-UsageRight.Read.All | Group-UsageRight.Read.All Group-CloudLicensing.Read.All Group.Read.All User.Read.All D"
		waiting    = "CloudLicensing.Read User-UsageRight.Read | CloudLicensing.Read.All User-UsageRight.Read.All"
		mine       = "CloudLicensing.Read User-CloudLicensing.Read.All User.Read.All | CloudLicensing.Read.All User-CloudLicensing.Read.All User.Read.All"

		changeCloud  = "CloudLicensing.AssignLicenses | CloudLicensing.AssignLicenses.Organization"
		changeAdmin  = "CloudLicensing.AssignLicenses CloudLicensing.AssignLicenses.Organization Directory.ReadWrite.All | CloudLicensing.AssignLicenses.Organization Directory.ReadWrite.All"
		changeUser   = "User-CloudLicensing.AssignLicenses User-CloudLicensing.AssignLicenses.Organization User.ReadWrite.All Directory.ReadWrite.All | User-CloudLicensing.AssignLicenses.Organization User.ReadWrite.All Directory.ReadWrite.All"
		changeGroup  = "Group-CloudLicensing.AssignLicenses Group-CloudLicensing.AssignLicenses.Organization Group.ReadWrite.All Directory.ReadWrite.All | Group-CloudLicensing.AssignLicenses.Organization Group.ReadWrite.All Directory.ReadWrite.All"
		createUser   = "User-CloudLicensing.AssignLicenses.Organization | User-CloudLicensing.AssignLicenses.Organization User.ReadWrite.All Directory.ReadWrite.All A"
		everybodys   = "CloudLicensing.AssignLicenses.Organization User-CloudLicensing.AssignLicenses.Organization Group-CloudLicensing.AssignLicenses.Organization User.ReadWrite.All Group.ReadWrite.All Directory.ReadWrite.All A"
		users        = "User.Read.All User.ReadWrite.All D"
		people       = users + " A"
		groups       = "GroupMember.Read.All Group.Read.All Group.ReadWrite.All D"
		members      = groups + " GroupMember.ReadBasic.All GroupMember.ReadWrite.All Group.ReadBasic.All"
		changeUsers  = "User.ReadWrite.All Directory.ReadWrite.All"
		changeGroups = "Group.ReadWrite.All Directory.ReadWrite.All"
		changePeople = changeUsers + " A"
		details      = "LicenseAssignment.Read.All User.Read " + people + " | LicenseAssignment.Read.All " + people
		licenses     = "LicenseAssignment.ReadWrite.All " + changePeople
	)
	const devicesRead, devicesWrite = "Device.Read.All D | Device.Read.All Device.ReadWrite.All D", "Directory.ReadWrite.All | Device.ReadWrite.All Directory.ReadWrite.All"
	same := func(both string) string { return both + " | " + both }
	want := map[string]string{
		"GET /admin/cloudLicensing/allotments":                             "CloudLicensing.Read | CloudLicensing.Read.All D",
		"GET /admin/cloudLicensing/allotments/{id}":                        "CloudLicensing.Read | CloudLicensing.Read.All D",
		"GET /admin/cloudLicensing/allotments/{id}/assignments":            "CloudLicensing.Read | CloudLicensing.Read.All User-CloudLicensing.Read.All Group-CloudLicensing.Read.All User.Read.All Group.Read.All",
		"GET /admin/cloudLicensing/allotments/{id}/assignments/{id}":       cloud,
		"GET /admin/cloudLicensing/allotments/{id}/waitingMembers":         cloud,
		"GET /admin/cloudLicensing/allotments/{id}/waitingMembers/{id}":    cloud,
		"GET /admin/cloudLicensing/assignments":                            cloud,
		"GET /admin/cloudLicensing/assignments/{id}":                       cloud,
		"GET /admin/cloudLicensing/assignments/{id}/assignedTo":            cloud,
		"GET /admin/cloudLicensing/assignments/{id}/allotment":             cloud,
		"GET /admin/cloudLicensing/assignmentErrors":                       errs,
		"GET /admin/cloudLicensing/assignmentErrors/{id}":                  errs,
		"GET /admin/cloudLicensing/assignmentErrors/{id}/assignedTo":       "CloudLicensing.Read | CloudLicensing.Read.All D",
		"GET /admin/cloudLicensing/assignmentErrors/{id}/usageRight":       "CloudLicensing.Read | CloudLicensing.Read.All D",
		"GET /users/{id}/cloudLicensing/assignments":                       mine,
		"GET /groups/{id}/cloudLicensing/assignments":                      "CloudLicensing.Read Group-CloudLicensing.Read.All Group.Read.All | CloudLicensing.Read.All Group-CloudLicensing.Read.All Group.Read.All",
		"GET /groups/{id}/cloudLicensing/assignments/{id}":                 ofGroup,
		"GET /groups/{id}/cloudLicensing/assignments/{id}/allotment":       ofGroup,
		"GET /groups/{id}/cloudLicensing/usageRights":                      groupRight,
		"GET /groups/{id}/cloudLicensing/usageRights/{id}":                 groupRight,
		"GET /groups/{id}/cloudLicensing/usageRights/{id}/assignments":     "Group-UsageRight.Read.All | Group-UsageRight.Read.All",
		"GET /groups/{id}/cloudLicensing/usageRights/{id}/allotments":      "Group-UsageRight.Read.All | Group-UsageRight.Read.All",
		"GET /me/cloudLicensing/assignments":                               "User.Read User.ReadWrite " + people + " | " + people,
		"GET /devices/{id}/cloudLicensing/usageRights":                     "CloudLicensing-UsageRights.Read | CloudLicensing-UsageRights.Read.All",
		"GET /devices/{id}/cloudLicensing/waitingMembers":                  "Device-CloudLicensing.Read | Device-CloudLicensing.Read.All",
		"POST /devices/{id}/cloudLicensing/assignments":                    "CloudLicensing-Assignment.ReadWrite | CloudLicensing-Assignment.ReadWrite.All",
		"POST /admin/cloudLicensing/assignments":                           "CloudLicensing.AssignLicenses | CloudLicensing.AssignLicenses.Organization User-CloudLicensing.AssignLicenses.Organization Group-CloudLicensing.AssignLicenses.Organization User.ReadWrite.All Group.ReadWrite.All Directory.ReadWrite.All",
		"POST /admin/cloudLicensing/allotments/{id}/assignments":           changeCloud,
		"POST /groups/{id}/cloudLicensing/assignments":                     "CloudLicensing.AssignLicenses.Organization | CloudLicensing.AssignLicenses.Organization Group-CloudLicensing.AssignLicenses.Organization Group.ReadWrite.All User.ReadWrite.All Directory.ReadWrite.All",
		"POST /users/{id}/cloudLicensing/assignments/reprocessAssignments": "CloudLicensing.AssignLicenses User-CloudLicensing.AssignLicenses Group-CloudLicensing.AssignLicenses " + everybodys + " | " + everybodys,

		"GET /users":                                  same(users),
		"GET /users/$count":                           same(users),
		"GET /users/microsoft.graph.agentUser":        same(people),
		"GET /users/{id}":                             same(people),
		"GET /users/{id}/licenseDetails":              details,
		"GET /me/licenseDetails":                      details,
		"GET /me":                                     "User.Read User.ReadWrite " + people + " | " + people,
		"GET /groups":                                 same(groups),
		"GET /groups/$count":                          same(groups),
		"GET /groups/{id}":                            same(groups),
		"GET /groups/{id}/members":                    same(members),
		"GET /groups/{id}/members/$count":             same(members),
		"GET /groups/{id}/membersWithLicenseErrors":   same(groups),
		"GET /subscribedSkus":                         same("LicenseAssignment.Read.All Organization.Read.All Organization.ReadWrite.All D"),
		"GET /subscribedSkus/{id}":                    same("LicenseAssignment.Read.All Organization.Read.All Organization.ReadWrite.All D"),
		"POST /users/{id}/assignLicense":              same(licenses),
		"POST /me/assignLicense":                      same(licenses),
		"POST /users/{id}/reprocessLicenseAssignment": same(changePeople),
		"POST /me/reprocessLicenseAssignment":         same(changePeople),
		"POST /groups/{id}/assignLicense":             same("LicenseAssignment.ReadWrite.All Group.ReadWrite.All Directory.ReadWrite.All"),
		"POST /directoryObjects/getByIds":             same("D User.Read.All"),
		"POST /$batch":                                " | ",

		"GET /users/delta":  same(users),
		"GET /groups/delta": same(groups),
		// From the pages of the directory.
		"POST /users":                           same(changeUsers),
		"PATCH /users/{id}":                     same(changePeople),
		"DELETE /users/{id}":                    same("User.ReadWrite.All A"),
		"POST /groups":                          changeGroups + " | Group.Create " + changeGroups,
		"PATCH /groups/{id}":                    same("GroupMember.ReadWrite.All " + changeGroups),
		"DELETE /groups/{id}":                   same("Group.ReadWrite.All"),
		"POST /groups/{id}/members/$ref":        same("GroupMember.ReadWrite.All " + changeGroups),
		"DELETE /groups/{id}/members/{id}/$ref": same("GroupMember.ReadWrite.All " + changeGroups),
	}
	for template, permissions := range map[string]string{
		"GET assignments/{id}": ofUser, "GET assignments/{id}/allotment": ofUser, "GET assignmentErrors": errs, "GET assignmentErrors/{id}": errs,
		"GET usageRights": rights, "GET usageRights/{id}": rights, "GET usageRights/{id}/assignments": ofUser, "GET usageRights/{id}/allotments": ofUser,
		"GET waitingMembers": waiting, "GET waitingMembers/{id}": cloud, "GET waitingMembers/{id}/allotment": ofUser, "POST assignments": createUser,
	} {
		method, path, _ := strings.Cut(template, " ")
		want[method+" /users/{id}/cloudLicensing/"+path], want[method+" /me/cloudLicensing/"+path] = permissions, permissions
	}
	// Only in Microsoft's list of permissions.
	for label, permissions := range map[string]string{
		"GET assignments": devicesRead, "GET assignments/{id}": devicesRead, "GET assignments/{id}/allotment": devicesRead, "GET usageRights/{id}": devicesRead,
		"GET usageRights/{id}/assignments": devicesRead, "GET waitingMembers/{id}": devicesRead, "GET waitingMembers/{id}/allotment": devicesRead,
		"PATCH assignments/{id}": devicesWrite, "DELETE assignments/{id}": devicesWrite, "POST assignments/reprocessAssignments": devicesWrite,
	} {
		method, path, _ := strings.Cut(label, " ")
		want[method+" /devices/{id}/cloudLicensing/"+path] = permissions
	}
	want["POST /groups/{id}/cloudLicensing/assignments/reprocessAssignments"] = same(changeGroups)
	want["POST /me/cloudLicensing/assignments/reprocessAssignments"] = "User.ReadWrite " + changePeople + " | " + changePeople
	for path, permissions := range map[string]string{
		"/admin/cloudLicensing/assignments/{id}": changeAdmin, "/admin/cloudLicensing/allotments/{id}/assignments/{id}": changeAdmin,
		"/users/{id}/cloudLicensing/assignments/{id}": changeUser, "/me/cloudLicensing/assignments/{id}": changeUser, "/groups/{id}/cloudLicensing/assignments/{id}": changeGroup,
	} {
		want["PATCH "+path], want["DELETE "+path] = permissions, permissions
	}
	set := func(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
	names := func(text string) []string {
		var list []string
		for _, name := range strings.Fields(text) {
			switch name {
			case "D":
				list = append(list, "Directory.Read.All", "Directory.ReadWrite.All")
			case "A":
				list = append(list, "AgentIdUser.ReadWrite.All", "AgentIdUser.ReadWrite.IdentityParentedBy")
			default:
				list = append(list, name)
			}
		}
		return set(list)
	}
	for _, r := range routes {
		permissions, ok := want[r.Label]
		if !ok {
			t.Errorf("%s is on no page", r.Label)
			continue
		}
		delete(want, r.Label)
		delegated, application, _ := strings.Cut(permissions, "|")
		if diff := cmp.Diff(names(delegated), set(r.Scopes)); diff != "" {
			t.Errorf("%s, delegated (-want +got):\n%s", r.Label, diff)
		}
		if diff := cmp.Diff(names(application), set(r.App)); diff != "" {
			t.Errorf("%s, application (-want +got):\n%s", r.Label, diff)
		}
		if least := strings.Fields(delegated); len(least) > 0 && least[0] != "D" && r.Scopes[0] != least[0] {
			t.Errorf("%s lists %s before %s", r.Label, r.Scopes[0], least[0])
		}
		basic := ""
		switch r.Label {
		case "GET /me", "GET /users", "GET /users/$count", "GET /users/{id}", "GET /users/microsoft.graph.agentUser":
			basic = "User.ReadBasic.All"
		case "GET /groups", "GET /groups/$count", "GET /groups/{id}":
			basic = "Group.ReadBasic.All"
		}
		if strings.Join(r.Basic, " ") != basic {
			t.Errorf("%s reads basic properties with %v, want %q", r.Label, r.Basic, basic)
		}
		if (r.also != nil) != strings.HasSuffix(r.Label, "/membersWithLicenseErrors") {
			t.Errorf("%s also requires %v", r.Label, r.also)
		}
	}
	for _, r := range routes {
		if !r.Cloud {
			continue
		}
		A := []string{"AgentIdUser.ReadWrite.All", "AgentIdUser.ReadWrite.IdentityParentedBy"}
		D, U, G := []string{"Directory.Read.All", "Directory.ReadWrite.All"}, []string{"User.Read.All", "User.ReadWrite.All"}, []string{"Group.Read.All", "Group.ReadWrite.All"}
		writesUser := with([]string{"User.ReadWrite.All", "Directory.ReadWrite.All"}, A)
		application := map[string][]string{"admin": D, "users": with(U, D, A), "me": with(U, D, A), "groups": with(G, U, D, A), "devices": with([]string{"Device.Read.All", "Device.ReadWrite.All"}, D)}
		delegated := map[string][]string{"admin": D, "users": with(U, D, A, []string{"User.Read", "User.ReadWrite"}), "groups": application["groups"], "devices": with([]string{"Device.Read.All"}, D)}
		if r.Method != "GET" {
			application = map[string][]string{"admin": D[1:], "users": writesUser, "me": writesUser, "groups": with(G[1:], writesUser), "devices": with([]string{"Device.ReadWrite.All"}, D[1:])}
			delegated = map[string][]string{"admin": D[1:], "users": with(writesUser, []string{"User.ReadWrite"}), "groups": application["groups"], "devices": D[1:]}
			switch {
			case strings.HasSuffix(r.Label, "/reprocessAssignments"):
				application["groups"] = with(G[1:], D[1:])
				delegated["groups"] = application["groups"]
			case r.Method == "POST":
				application["groups"] = writesUser
			}
		}
		delegated["me"] = delegated["users"]
		if diff := cmp.Diff(set(application[r.segments[0]]), set(r.list)); diff != "" {
			t.Errorf("%s, application, on the list (-want +got):\n%s", r.Label, diff)
		}
		if diff := cmp.Diff(set(delegated[r.segments[0]]), set(r.listScopes)); diff != "" {
			t.Errorf("%s, delegated, on the list (-want +got):\n%s", r.Label, diff)
		}
	}
	for label := range want {
		t.Errorf("%s is not implemented", label)
	}
}

// TestDefaultConsent tests that the default consent is sufficient for all
// documented endpoints with delegated permissions.
func TestDefaultConsent(t *testing.T) {
	t.Parallel()
	for i := range routes {
		who := &identity{user: "someone", scopes: access.DefaultScopes}
		if r := &routes[i]; r.Scopes != nil && !who.has(r.Scopes) && !slices.Equal(r.Scopes, r.listScopes) {
			t.Errorf("%s requires one of %s", r.Label, r.Scopes)
		}
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(access.DefaultScopes)))); n != len(access.DefaultScopes) {
		t.Error("a scope is named twice")
	}
}
