package emulator

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/settings"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

// route is one endpoint of Graph.
type route struct {
	method   string
	template string
	handler  func(*Emulator, *call) (any, *wire.Problem)
	cloud    bool // a cloudLicensing resource: under beta only
	me       bool // needs a signed-in person
	app      []string
	scopes   []string
	also     []string // needed besides, of applications and persons
	basic    []string // read basic properties alone
	// list and listScopes are what Microsoft's list of permissions has in place of app
	// and scopes. It knows nothing but roots.
	list, listScopes []string
	there            func(*settings.Variants) bool // nil: always
	writes           bool                          // changes the tenant
	clearance        access.Clearance              // of a person who writes; 0 = assignsLicenses
	units            int                           // base cost by "Microsoft Graph service-specific throttling limits"

	label    string
	segments []string
}

const batchLabel = "POST /$batch"

// The permissions are those of the endpoints' reference pages, least
// privileged first. Directory.Read.All reads everything.
var (
	readDirectory   = []string{"Directory.Read.All", "Directory.ReadWrite.All"}
	readCloud       = []string{"CloudLicensing.Read.All"}
	readAllotments  = with(readCloud, readDirectory)
	readUserErrors  = with([]string{"CloudLicensing.Read.All", "User-CloudLicensing.Read.All", "User.Read.All", "User.ReadWrite.All"}, readDirectory)
	readRights      = with([]string{"User-UsageRight.Read.All", "User-CloudLicensing.Read.All", "CloudLicensing.Read.All", "User.Read.All", "User.ReadWrite.All"}, readDirectory)
	readGroupRight  = with([]string{"Group-UsageRight.Read.All", "Group-CloudLicensing.Read.All", "Group.Read.All", "User.Read.All"}, readDirectory)
	readOfUser      = []string{"CloudLicensing.Read.All", "User-CloudLicensing.Read.All", "User.Read.All"}
	readOfGroup     = []string{"CloudLicensing.Read.All", "Group-CloudLicensing.Read.All", "Group.Read.All"}
	readOfAllotment = with(readOfUser, readOfGroup)
	readUserItem    = []string{"User-CloudLicensing.Read.All"}
	readGroupItem   = []string{"Group-CloudLicensing.Read.All"}
	readGroupSource = []string{"Group-UsageRight.Read.All"}
	readWaiting     = []string{"CloudLicensing.Read.All", "User-UsageRight.Read.All"}
	readAssignees   = with(readUserErrors, readOfGroup)
	readUsers       = with([]string{"User.Read.All", "User.ReadWrite.All"}, readDirectory)
	readPeople      = with(readUsers, agentPermissions)
	basicUsers      = []string{"User.ReadBasic.All"}
	readDetails     = with([]string{"LicenseAssignment.Read.All"}, readPeople)
	readGroups      = with([]string{"GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All"}, readDirectory)
	basicGroups     = []string{"Group.ReadBasic.All"}
	readMembers     = with([]string{"GroupMember.Read.All", "GroupMember.ReadBasic.All", "GroupMember.ReadWrite.All", "Group.ReadBasic.All", "Group.Read.All", "Group.ReadWrite.All"}, readDirectory)
	readDeviceRight = []string{"CloudLicensing-UsageRights.Read.All"}
	readDeviceQueue = []string{"Device-CloudLicensing.Read.All"}
	readDevices     = with([]string{"Device.Read.All"}, readDirectory)
	readPrincipals  = with([]string{"Application.Read.All"}, readDirectory)
	readSkus        = with([]string{"LicenseAssignment.Read.All", "Organization.Read.All", "Organization.ReadWrite.All"}, readDirectory)
	readObjects     = with(readDirectory, []string{"User.Read.All"})

	writeUser  = []string{"User-CloudLicensing.AssignLicenses.Organization", "User.ReadWrite.All", "Directory.ReadWrite.All"}
	writeGroup = []string{"Group-CloudLicensing.AssignLicenses.Organization", "Group.ReadWrite.All", "Directory.ReadWrite.All"}
	writeCloud = with([]string{"CloudLicensing.AssignLicenses.Organization"}, writeUser, writeGroup)
	// writeCloudTo are those of writeCloud that an assignee of each kind takes.
	writeCloudTo = map[tenant.Kind][]string{tenant.User: with(writeBoth, writeUser), tenant.GroupKind: with(writeBoth, writeGroup), tenant.DeviceKind: writeBoth}
	writeBoth    = []string{"CloudLicensing.AssignLicenses.Organization", "Directory.ReadWrite.All"}
	createGroup  = with([]string{"CloudLicensing.AssignLicenses.Organization", "User.ReadWrite.All"}, writeGroup)
	writeDevice  = []string{"CloudLicensing-Assignment.ReadWrite.All"}
	createUser   = with(writeUser, agentPermissions)
	changeCloud  = []string{"CloudLicensing.AssignLicenses.Organization"}
	changeAdmin  = writeBoth
	// reprocessCloud lists those of the page of users, which names all of both kinds.
	reprocessCloud = with(writeCloud, agentPermissions)
	assignUser     = with([]string{"LicenseAssignment.ReadWrite.All"}, changeUsers, agentPermissions)
	assignGroup    = []string{"LicenseAssignment.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"}
	reprocess      = with(changeUsers, agentPermissions)

	changeDirectory = []string{"Directory.ReadWrite.All"}
	changeUsers     = []string{"User.ReadWrite.All", "Directory.ReadWrite.All"}
	changePeople    = with(changeUsers, agentPermissions)
	// Directory.ReadWrite.All deletes nobody and no group.
	deletePeople  = with([]string{"User.ReadWrite.All"}, agentPermissions)
	deleteGroups  = []string{"Group.ReadWrite.All"}
	changeGroups  = []string{"Group.ReadWrite.All", "Directory.ReadWrite.All"}
	createGroups  = with([]string{"Group.Create"}, changeGroups)
	changeMembers = with([]string{"GroupMember.ReadWrite.All"}, changeGroups)

	scopesCloud       = []string{"CloudLicensing.Read"}
	scopesGroupRight  = []string{"Group-UsageRight.Read.All"}
	scopesRights      = with([]string{"User-UsageRight.Read", "User-CloudLicensing.Read", "User.Read"}, readRights)
	scopesOfUser      = with(scopesCloud, []string{"User-CloudLicensing.Read.All", "User.Read.All"})
	scopesOfGroup     = with(scopesCloud, []string{"Group-CloudLicensing.Read.All", "Group.Read.All"})
	scopesUserItem    = []string{"User-CloudLicensing.Read"}
	scopesGroupItem   = []string{"Group-CloudLicensing.Read"}
	scopesWaiting     = with(scopesCloud, []string{"User-UsageRight.Read"})
	scopesDeviceRight = []string{"CloudLicensing-UsageRights.Read"}
	scopesDeviceQueue = []string{"Device-CloudLicensing.Read"}
	scopesDetails     = with([]string{"LicenseAssignment.Read.All", "User.Read"}, readPeople)
	scopesMe          = with(ownScopes, readPeople)
	scopesWrite       = []string{"CloudLicensing.AssignLicenses"}
	scopesChange      = with(scopesWrite, changeAdmin)
	scopesChangeUser  = with([]string{"User-CloudLicensing.AssignLicenses"}, writeUser)
	scopesChangeGroup = with([]string{"Group-CloudLicensing.AssignLicenses"}, writeGroup)
	scopesReprocess   = with(scopesWrite, []string{"User-CloudLicensing.AssignLicenses", "Group-CloudLicensing.AssignLicenses"}, reprocessCloud)
	scopesCreateUser  = []string{"User-CloudLicensing.AssignLicenses.Organization"}
	scopesWriteDevice = []string{"CloudLicensing-Assignment.ReadWrite"}
)

const reprocessing = "/reprocessAssignments"

// permissionsListed are those of a root of cloudLicensing by Microsoft's machine-readable list of
// permissions, in microsoft-graph-devx-content: of applications, and of persons.
func permissionsListed(template, method string) (app, scopes []string) {
	root, _, _ := strings.Cut(template[1:], "/")
	reads, posts := method == http.MethodGet, method == http.MethodPost
	switch {
	case root == "admin" && reads:
		return readDirectory, readDirectory
	case root == "devices" && reads:
		return with(readDevices, []string{"Device.ReadWrite.All"}), readDevices
	case root == "groups" && reads:
		app = with([]string{"Group.Read.All", "Group.ReadWrite.All"}, readPeople)
		return app, app
	case reads: // of users and of oneself
		return readPeople, with(ownScopes, readPeople)
	case root == "admin":
		return changeDirectory, changeDirectory
	case root == "devices":
		return with([]string{"Device.ReadWrite.All"}, changeDirectory), changeDirectory
	case root == "groups" && strings.HasSuffix(template, reprocessing):
		return changeGroups, changeGroups
	case root == "groups":
		scopes = with([]string{"Group.ReadWrite.All"}, changePeople)
		if posts {
			return changePeople, scopes
		}
		return scopes, scopes
	}
	return changePeople, with([]string{"User.ReadWrite"}, changePeople)
}

func with(list ...[]string) []string { return slices.Concat(list...) }

var routes []route

func init() { // Not a literal: $batch leads back here.
	const get, post = http.MethodGet, http.MethodPost
	// cloud is an endpoint of cloudLicensing.
	cloud := func(method, template string, handler func(*Emulator, *call) (any, *wire.Problem), app, scopes []string) route {
		return route{method: method, template: template, handler: handler, app: app, scopes: scopes,
			cloud: true, me: strings.HasPrefix(template, "/me/")}
	}
	// listed is one that Microsoft's list of permissions alone has. It takes those of the
	// list, whatever else Variants.Permissions says.
	listed := func(method, template string, handler func(*Emulator, *call) (any, *wire.Problem)) route {
		app, scopes := permissionsListed(template, method)
		return cloud(method, template, handler, app, scopes)
	}
	// Where the path begins with a person, it can begin with oneself.
	people := func(method, template string, handler func(*Emulator, *call) (any, *wire.Problem), app, scopes []string) []route {
		return []route{
			cloud(method, "/users/{id}/cloudLicensing/"+template, handler, app, scopes),
			cloud(method, "/me/cloudLicensing/"+template, handler, app, scopes),
		}
	}
	// An assignment can be changed wherever it is.
	changes := func(template string, app, scopes []string) []route {
		return []route{
			cloud(http.MethodPatch, template, (*Emulator).updateAssignment, app, scopes),
			cloud(http.MethodDelete, template, (*Emulator).deleteAssignment, app, scopes),
		}
	}
	// absent endpoints are there where a variant says so.
	absent := func(there func(*settings.Variants) bool, list ...route) []route {
		for i := range list {
			list[i].there = there
		}
		return list
	}
	const admin, group, device = "/admin/cloudLicensing/", "/groups/{id}/cloudLicensing/", "/devices/{id}/cloudLicensing/"

	routes = slices.Concat(
		[]route{
			cloud(get, admin+"allotments", (*Emulator).listAllotments, readAllotments, scopesCloud),
			cloud(get, admin+"allotments/{id}", (*Emulator).getAllotment, readAllotments, scopesCloud),
			cloud(get, admin+"allotments/{id}/assignments", (*Emulator).listAssignments, readOfAllotment, scopesCloud),
			cloud(get, admin+"allotments/{id}/assignments/{id}", (*Emulator).getAssignment, readCloud, scopesCloud),
			cloud(get, admin+"allotments/{id}/waitingMembers", (*Emulator).listWaiting, readCloud, scopesCloud),
			cloud(get, admin+"allotments/{id}/waitingMembers/{id}", (*Emulator).getWaiting, readCloud, scopesCloud),
			cloud(get, admin+"assignments", (*Emulator).listAssignments, readCloud, scopesCloud),
			cloud(get, admin+"assignments/{id}", (*Emulator).getAssignment, readCloud, scopesCloud),
			cloud(get, admin+"assignments/{id}/assignedTo", (*Emulator).getAssignmentHolder, readCloud, scopesCloud),
			cloud(get, admin+"assignments/{id}/allotment", (*Emulator).getAssignmentAllotment, readCloud, scopesCloud),
			cloud(get, admin+"assignmentErrors", (*Emulator).listErrors, readUserErrors, scopesCloud),
			cloud(get, admin+"assignmentErrors/{id}", (*Emulator).getError, readUserErrors, scopesCloud),
			cloud(get, admin+"assignmentErrors/{id}/assignedTo", (*Emulator).getErrorAssignee, readAllotments, scopesCloud),
			cloud(get, admin+"assignmentErrors/{id}/usageRight", (*Emulator).getErrorRight, readAllotments, scopesCloud),
		},
		[]route{
			cloud(get, "/users/{id}/cloudLicensing/assignments", (*Emulator).listAssignments, readOfUser, scopesOfUser),
		},
		people(get, "assignments/{id}", (*Emulator).getAssignment, readUserItem, scopesUserItem),
		people(get, "assignments/{id}/allotment", (*Emulator).getAssignmentAllotment, readUserItem, scopesUserItem),
		people(get, "assignmentErrors", (*Emulator).listErrors, readUserErrors, scopesCloud),
		people(get, "assignmentErrors/{id}", (*Emulator).getError, readUserErrors, scopesCloud),
		people(get, "usageRights", (*Emulator).listRights, readRights, scopesRights),
		people(get, "usageRights/{id}", (*Emulator).getRight, readRights, scopesRights),
		people(get, "usageRights/{id}/assignments", (*Emulator).listAssignments, readUserItem, scopesUserItem),
		people(get, "waitingMembers", (*Emulator).listWaiting, readWaiting, scopesWaiting),
		people(get, "waitingMembers/{id}", (*Emulator).getWaiting, readCloud, scopesCloud),
		people(get, "waitingMembers/{id}/allotment", (*Emulator).getWaitingAllotment, readUserItem, scopesUserItem),
		[]route{
			cloud(get, group+"assignments", (*Emulator).listAssignments, readOfGroup, scopesOfGroup),
			cloud(get, group+"assignments/{id}", (*Emulator).getAssignment, readGroupItem, scopesGroupItem),
			cloud(get, group+"assignments/{id}/allotment", (*Emulator).getAssignmentAllotment, readGroupItem, scopesGroupItem),
			cloud(get, group+"usageRights", (*Emulator).listRights, readGroupRight, scopesGroupRight),
			cloud(get, group+"usageRights/{id}", (*Emulator).getRight, readGroupRight, scopesGroupRight),
			cloud(get, group+"usageRights/{id}/assignments", (*Emulator).listAssignments, readGroupSource, scopesGroupRight),
		},
		absent(func(v *settings.Variants) bool { return v.RightAllotments },
			people(get, "usageRights/{id}/allotments", (*Emulator).listRightAllotments, readUserItem, scopesUserItem)...),
		absent(func(v *settings.Variants) bool { return v.RightAllotments },
			cloud(get, group+"usageRights/{id}/allotments", (*Emulator).listRightAllotments, readGroupSource, scopesGroupRight)),
		absent(func(v *settings.Variants) bool { return v.MyAssignments },
			listed(get, "/me/cloudLicensing/assignments", (*Emulator).listAssignments)),
		absent(func(v *settings.Variants) bool { return v.ReprocessListed },
			listed(post, "/me/cloudLicensing/assignments"+reprocessing, (*Emulator).reprocessAssignments),
			listed(post, group+"assignments"+reprocessing, (*Emulator).reprocessAssignments)),
		absent(func(v *settings.Variants) bool { return v.ReprocessListed && v.HaveDevices() },
			listed(post, device+"assignments"+reprocessing, (*Emulator).reprocessAssignments)),
		absent(func(v *settings.Variants) bool { return v.DevicesListed },
			listed(get, device+"assignments", (*Emulator).listAssignments),
			listed(get, device+"assignments/{id}", (*Emulator).getAssignment),
			listed(get, device+"assignments/{id}/allotment", (*Emulator).getAssignmentAllotment),
			listed(get, device+"usageRights/{id}", (*Emulator).getRight),
			listed(get, device+"usageRights/{id}/assignments", (*Emulator).listAssignments),
			listed(get, device+"waitingMembers/{id}", (*Emulator).getWaiting),
			listed(get, device+"waitingMembers/{id}/allotment", (*Emulator).getWaitingAllotment),
			listed(http.MethodPatch, device+"assignments/{id}", (*Emulator).updateAssignment),
			listed(http.MethodDelete, device+"assignments/{id}", (*Emulator).deleteAssignment)),
		absent((*settings.Variants).HaveDevices,
			cloud(get, device+"usageRights", (*Emulator).listRights, readDeviceRight, scopesDeviceRight),
			cloud(get, device+"waitingMembers", (*Emulator).listWaiting, readDeviceQueue, scopesDeviceQueue),
			cloud(post, device+"assignments", (*Emulator).createAssignment, writeDevice, scopesWriteDevice)),
		[]route{
			cloud(post, admin+"assignments", (*Emulator).createAssignment, writeCloud, scopesWrite),
			cloud(post, admin+"allotments/{id}/assignments", (*Emulator).createAssignment, changeCloud, scopesWrite),
			cloud(post, group+"assignments", (*Emulator).createAssignment, createGroup, changeCloud),
			cloud(post, "/users/{id}/cloudLicensing/assignments/reprocessAssignments", (*Emulator).reprocessAssignments, reprocessCloud, scopesReprocess),
		},
		people(post, "assignments", (*Emulator).createAssignment, createUser, scopesCreateUser),
		changes(admin+"assignments/{id}", changeAdmin, scopesChange),
		changes(admin+"allotments/{id}/assignments/{id}", changeAdmin, scopesChange),
		changes("/users/{id}/cloudLicensing/assignments/{id}", writeUser, scopesChangeUser),
		changes("/me/cloudLicensing/assignments/{id}", writeUser, scopesChangeUser),
		changes(group+"assignments/{id}", writeGroup, scopesChangeGroup),
		[]route{
			{method: get, template: "/users/delta", handler: (*Emulator).deltaUsers, app: readUsers, scopes: readUsers, units: 2},
			{method: get, template: "/groups/delta", handler: (*Emulator).deltaGroups, app: readGroups, scopes: readGroups},
			{method: post, template: "/users", handler: (*Emulator).createUser, app: changeUsers, scopes: changeUsers, clearance: access.WritesUsers},
			{method: http.MethodPatch, template: "/users/{id}", handler: (*Emulator).updateUser, app: changePeople, scopes: changePeople, clearance: access.SetsLocations},
			{method: http.MethodDelete, template: "/users/{id}", handler: (*Emulator).deleteUser, app: deletePeople, scopes: deletePeople, clearance: access.DeletesUsers},
			{method: post, template: "/groups", handler: (*Emulator).createGroup, app: createGroups, scopes: changeGroups, clearance: access.WritesGroups},
			{method: http.MethodPatch, template: "/groups/{id}", handler: (*Emulator).updateGroup, app: changeMembers, scopes: changeMembers, clearance: access.WritesMembers},
			{method: http.MethodDelete, template: "/groups/{id}", handler: (*Emulator).deleteGroup, app: deleteGroups, scopes: deleteGroups, clearance: access.DeletesGroups},
			{method: post, template: "/groups/{id}/members/$ref", handler: (*Emulator).addMember, app: changeMembers, scopes: changeMembers, clearance: access.WritesMembers},
			{method: http.MethodDelete, template: "/groups/{id}/members/{id}/$ref", handler: (*Emulator).removeMember, app: changeMembers, scopes: changeMembers, clearance: access.WritesMembers},
			{method: get, template: "/users", handler: (*Emulator).listUsers, app: readUsers, scopes: readUsers, basic: basicUsers, units: 2},
			{method: get, template: "/users/$count", handler: (*Emulator).countUsers, app: readUsers, scopes: readUsers, basic: basicUsers, units: 2},
			{method: get, template: agentsTemplate, handler: (*Emulator).listUsers, app: readPeople, scopes: readPeople, basic: basicUsers, units: 2},
			{method: get, template: "/users/{id}", handler: (*Emulator).getUser, app: readPeople, scopes: readPeople, basic: basicUsers},
			{method: get, template: "/users/{id}/licenseDetails", handler: (*Emulator).listDetails, app: readDetails, scopes: scopesDetails, units: 2},
			{method: get, template: "/me/licenseDetails", handler: (*Emulator).listDetails, me: true, app: readDetails, scopes: scopesDetails, units: 2},
			{method: get, template: "/me", handler: (*Emulator).getUser, me: true, app: readPeople, scopes: scopesMe, basic: basicUsers},
			{method: get, template: "/groups", handler: (*Emulator).listGroups, app: readGroups, scopes: readGroups, basic: basicGroups},
			{method: get, template: "/groups/$count", handler: (*Emulator).countGroups, app: readGroups, scopes: readGroups, basic: basicGroups},
			{method: get, template: "/groups/{id}", handler: (*Emulator).getGroup, app: readGroups, scopes: readGroups, basic: basicGroups},
			{method: get, template: "/groups/{id}/members", handler: (*Emulator).listMembers, app: readMembers, scopes: readMembers, units: 3},
			{method: get, template: "/groups/{id}/members/$count", handler: (*Emulator).countMembers, app: readMembers, scopes: readMembers, units: 3},
			{method: get, template: "/groups/{id}/membersWithLicenseErrors", handler: (*Emulator).listMembersWithErrors, app: readGroups, scopes: readGroups, also: readUsers},
			{method: get, template: "/subscribedSkus", handler: (*Emulator).listSkus, app: readSkus, scopes: readSkus, units: 3},
			{method: get, template: "/subscribedSkus/{id}", handler: (*Emulator).getSku, app: readSkus, scopes: readSkus},
			{method: post, template: "/users/{id}/assignLicense", handler: (*Emulator).assignUserLicense, app: assignUser, scopes: assignUser, clearance: access.LicensesUsers},
			{method: post, template: "/me/assignLicense", handler: (*Emulator).assignUserLicense, me: true, app: assignUser, scopes: assignUser, clearance: access.LicensesUsers},
			{method: post, template: "/users/{id}/reprocessLicenseAssignment", handler: (*Emulator).reprocessLicenses, app: reprocess, scopes: reprocess, clearance: access.LicensesUsers},
			{method: post, template: "/me/reprocessLicenseAssignment", handler: (*Emulator).reprocessLicenses, me: true, app: reprocess, scopes: reprocess, clearance: access.LicensesUsers},
			{method: post, template: "/groups/{id}/assignLicense", handler: (*Emulator).assignGroupLicense, app: assignGroup, scopes: assignGroup, clearance: access.LicensesGroups},
			{method: post, template: "/directoryObjects/getByIds", handler: (*Emulator).getByIDs, app: readObjects, scopes: readObjects, units: 5},
			{method: post, template: "/$batch", handler: (*Emulator).batch},
		},
	)
	for i := range routes {
		r := &routes[i]
		r.label = r.method + " " + r.template
		r.segments = strings.Split(r.template[1:], "/")
		if r.cloud {
			r.list, r.listScopes = permissionsListed(r.template, r.method)
		}
		r.writes = r.method != get && r.template != "/$batch" && r.template != "/directoryObjects/getByIds"
	}
}

// isLabel says whether some endpoint has that label.
func isLabel(s string) bool {
	switch s {
	case wire.Other, wire.TokenLabel, wire.DiscoveryLabel, wire.KeysLabel:
		return true
	}
	return slices.ContainsFunc(routes, func(r route) bool { return r.label == s })
}

// find sets the call's route, label and params. A path that another method
// serves keeps that method's route, to be refused with 405, but not its label. What is
// read and not there is 404, whatever else the path has.
func (e *Emulator) find(c *call) {
	segments, ok := segmentsOf(c.Path)
	if !ok {
		return
	}
	for i := range routes {
		r := &routes[i]
		if r.cloud && c.Version != "beta" {
			continue
		}
		params, ok := r.match(segments)
		if !ok {
			continue
		}
		there := r.there == nil || r.there(c.Variants)
		if r.method == c.Method && (there || r.method == http.MethodGet) {
			c.route, c.params = nil, nil
			if there {
				c.route, c.params, c.Label = r, params, r.label
			}
			return
		}
		if there && c.route == nil {
			c.route, c.params = r, params
		}
	}
}

// segmentsOf cuts a path. A key in parentheses, as in users('ada@example.com'), is a
// segment of its own: OData Version 4.01 Part 2: URL Conventions, section 4.3.1.
// Behind a slash a user cannot be named by what begins with a dollar.
func segmentsOf(path string) (segments []string, ok bool) {
	for s := range strings.SplitSeq(path, "/") {
		plain, err := url.PathUnescape(s)
		if err != nil || plain == "" {
			return nil, false
		}
		if set, key, keyed := strings.Cut(plain, "('"); keyed && strings.HasSuffix(key, "')") {
			key = strings.TrimSuffix(key, "')")
			if strings.Contains(strings.ReplaceAll(key, "''", ""), "'") || key == "" {
				return nil, false
			}
			segments = append(segments, set, strings.ReplaceAll(key, "''", "'"))
			continue
		}
		if len(segments) == 1 && segments[0] == "users" && plain[0] == '$' && plain != "$count" {
			return nil, false
		}
		segments = append(segments, plain)
	}
	return segments, true
}

func (r *route) match(segments []string) (params []string, ok bool) {
	if len(segments) != len(r.segments) {
		return nil, false
	}
	for i, s := range r.segments {
		switch {
		case s == "{id}":
			params = append(params, segments[i])
		case s != segments[i]:
			return nil, false
		}
	}
	return params, true
}

// notFound refuses a path that is no endpoint. What the metadata knows under
// cloudLicensing but no page documents answers 404; the rest is a segment
// that the service has never heard of.
func (e *Emulator) notFound(c *call) *wire.Problem {
	segments := strings.Split(c.Path, "/")
	if known, ok := segmentsOf(c.Path); ok {
		if what := elsewhere(known); what != "" {
			return notImplemented(what)
		}
		if c.Method == http.MethodDelete && len(known) == 4 && known[0] == "groups" && known[2] == "members" {
			return notImplemented("DELETE members/{id} without $ref") // It deletes the member itself.
		}
	}
	licensed := slices.Contains(segments, "cloudLicensing")
	switch {
	case licensed && c.Version == "beta":
		if p := cloudAvailable(c); p != nil {
			return p
		}
		if known, ok := segmentsOf(c.Path); ok && (known[0] != "devices" || c.Variants.HaveDevices()) {
			if what := listedElsewhere(c.Method, known); what != "" {
				return notImplemented(what)
			}
		}
		return cloud(http.StatusNotFound, "resourceNotFound", "The requested resource does not exist.")
	case c.Part && c.Method == http.MethodPost: // an action that this version does not have
		return wire.Usual(http.StatusMethodNotAllowed)
	case licensed:
		return noSuchSegment("cloudLicensing")
	}
	if len(segments) > 1 && segments[0] == "users" && (strings.HasPrefix(segments[1], "$") || strings.HasPrefix(segments[1], "%24")) {
		return wire.NotParsed("The request URI is not valid. Since the segment 'users' refers to a collection, this must be the last segment in the request URI or it must be followed by an function or action that can be bound to it otherwise all intermediate segments must refer to a single resource.")
	}
	known := []string{"users", "groups", "me", "subscribedSkus", "directoryObjects", "admin"}
	for i, s := range segments {
		if i == 0 && slices.Contains(known, s) || i == 1 && (segments[0] == "users" || segments[0] == "groups") {
			continue
		}
		return noSuchSegment(s)
	}
	return wire.Usual(http.StatusNotFound)
}

// isScope reports whether some endpoint takes a scope, in any case.
func isScope(name string) bool {
	return slices.ContainsFunc(routes, func(r route) bool {
		return slices.ContainsFunc(r.scopes, func(scope string) bool { return strings.EqualFold(scope, name) })
	})
}
