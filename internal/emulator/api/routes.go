package api

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

// Route is an endpoint.
type Route struct {
	Method   string
	Template string                        // path after the version
	Label    string                        // method and template
	Cloud    bool                          // a cloudLicensing resource, only under beta
	Me       bool                          // requires a signed-in user
	App      []string                      // application permissions, one of which is required
	Scopes   []string                      // delegated permissions, one of which is required
	Basic    []string                      // permissions to read only basic properties
	Exists   func(*settings.Variants) bool // reports whether the endpoint exists; nil = always

	also []string // permissions of which one is required in addition
	// list and listScopes are App and Scopes in Microsoft's list of
	// permissions, which contains only root paths.
	list, listScopes []string
	writes           bool             // changes the tenant
	clearance        access.Clearance // required of a user for a write; 0 = AssignsLicenses
	most             int              // the largest $top; 0 = 999
	audits           bool             // reads the audit log, which has a limit of its own
	report           int              // usage report, which has limits of its own; 0 = none
	units            int              // base cost, see "Microsoft Graph service-specific throttling limits"
	handler          handler
	segments         []string // of Template
}

const batchLabel = "POST /$batch"

// The permissions of the endpoints' reference pages, least privileged first.
// Directory.Read.All allows all reads.
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
	readActivity    = []string{"AuditLog.Read.All", "User.Read.All"} // both
	readLeaves      = []string{"User-LifeCycleInfo.Read.All"}
	basicUsers      = []string{"User.ReadBasic.All"}
	readDetails     = with([]string{"LicenseAssignment.Read.All"}, readPeople)
	readGroups      = with([]string{"GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All"}, readDirectory)
	basicGroups     = []string{"Group.ReadBasic.All"}
	readMembers     = with([]string{"GroupMember.Read.All", "GroupMember.ReadBasic.All", "GroupMember.ReadWrite.All", "Group.ReadBasic.All", "Group.Read.All", "Group.ReadWrite.All"}, readDirectory)
	readOwners      = with([]string{"GroupMember.Read.All", "Group.Read.All", "GroupMember.ReadWrite.All", "Group.ReadWrite.All"}, readDirectory)
	readDeviceRight = []string{"CloudLicensing-UsageRights.Read.All"}
	readDeviceQueue = []string{"Device-CloudLicensing.Read.All"}
	readDevices     = with([]string{"Device.Read.All"}, readDirectory)
	readPrincipals  = with([]string{"Application.Read.All"}, readDirectory)
	readSkus        = with([]string{"LicenseAssignment.Read.All", "Organization.Read.All", "Organization.ReadWrite.All"}, readDirectory)
	readObjects     = with(readDirectory, []string{"User.Read.All"})

	writeUser  = []string{"User-CloudLicensing.AssignLicenses.Organization", "User.ReadWrite.All", "Directory.ReadWrite.All"}
	writeGroup = []string{"Group-CloudLicensing.AssignLicenses.Organization", "Group.ReadWrite.All", "Directory.ReadWrite.All"}
	writeCloud = with([]string{"CloudLicensing.AssignLicenses.Organization"}, writeUser, writeGroup)
	// writeCloudTo is writeCloud by kind of assignee.
	writeCloudTo = map[tenant.Kind][]string{tenant.User: with(writeBoth, writeUser), tenant.GroupKind: with(writeBoth, writeGroup), tenant.DeviceKind: writeBoth}
	writeBoth    = []string{"CloudLicensing.AssignLicenses.Organization", "Directory.ReadWrite.All"}
	createGroup  = with([]string{"CloudLicensing.AssignLicenses.Organization", "User.ReadWrite.All"}, writeGroup)
	writeDevice  = []string{"CloudLicensing-Assignment.ReadWrite.All"}
	createUser   = with(writeUser, agentPermissions)
	changeCloud  = []string{"CloudLicensing.AssignLicenses.Organization"}
	changeAdmin  = writeBoth
	// reprocessCloud is the list on the page of users, which contains all
	// permissions of both kinds.
	reprocessCloud = with(writeCloud, agentPermissions)
	assignUser     = with([]string{"LicenseAssignment.ReadWrite.All"}, changeUsers, agentPermissions)
	assignGroup    = []string{"LicenseAssignment.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"}
	reprocess      = with(changeUsers, agentPermissions)

	changeDirectory = []string{"Directory.ReadWrite.All"}
	changeUsers     = []string{"User.ReadWrite.All", "Directory.ReadWrite.All"}
	changePeople    = with(changeUsers, agentPermissions)
	// Directory.ReadWrite.All allows neither to delete users nor groups.
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

// permissionsListed returns the application and delegated permissions of a
// cloudLicensing root in Microsoft's machine-readable list of permissions, in
// microsoft-graph-devx-content.
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
	case reads: // users and me
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

const (
	get  = http.MethodGet
	post = http.MethodPost

	adminRoot  = "/admin/cloudLicensing/"
	userRoot   = "/users/{id}/cloudLicensing/"
	meRoot     = "/me/cloudLicensing/"
	groupRoot  = "/groups/{id}/cloudLicensing/"
	deviceRoot = "/devices/{id}/cloudLicensing/"
)

type handler func(*Endpoints, *call) (any, *wire.Problem)

// cloudRoute returns a cloudLicensing endpoint.
func cloudRoute(method, template string, handler handler, app, scopes []string) []Route {
	return []Route{{Method: method, Template: template, handler: handler, App: app, Scopes: scopes,
		Cloud: true, Me: strings.HasPrefix(template, "/me/")}}
}

// listedRoute returns an endpoint that is only in Microsoft's list of permissions.
// It requires the permissions of that list, whatever Variants.Permissions is.
func listedRoute(method, template string, handler handler) []Route {
	app, scopes := permissionsListed(template, method)
	return cloudRoute(method, template, handler, app, scopes)
}

// userRoutes returns an endpoint of a user, which also exists under /me.
func userRoutes(method, template string, handler handler, app, scopes []string) []Route {
	return slices.Concat(
		cloudRoute(method, userRoot+template, handler, app, scopes),
		cloudRoute(method, meRoot+template, handler, app, scopes),
	)
}

// onlyIf returns endpoints that exist only if a variant enables them.
func onlyIf(there func(*settings.Variants) bool, lists ...[]Route) []Route {
	list := slices.Concat(lists...)
	for i := range list {
		list[i].Exists = there
	}
	return list
}

// routes are all endpoints. Of two that match a path, the one without an {id}
// comes first.
var routes []Route

// register adds endpoints. It is called in init: $batch refers to routes, an
// initialization cycle otherwise.
func register(lists ...[]Route) {
	for _, r := range slices.Concat(lists...) {
		r.Label = r.Method + " " + r.Template
		r.segments = strings.Split(r.Template[1:], "/")
		if r.Cloud {
			r.list, r.listScopes = permissionsListed(r.Template, r.Method)
		}
		r.writes = r.Method != get && r.Template != "/$batch" && r.Template != "/directoryObjects/getByIds"
		routes = append(routes, r)
	}
	slices.SortStableFunc(routes, func(a, b Route) int { return strings.Compare(a.Template, b.Template) }) // "{" is after letters and "$"
}

// IsLabel reports whether s is the label of an endpoint of Graph or Entra.
func IsLabel(s string) bool {
	switch s {
	case wire.Other, wire.TokenLabel, wire.DiscoveryLabel, wire.KeysLabel, wire.DownloadLabel:
		return true
	}
	return slices.ContainsFunc(routes, func(r Route) bool { return r.Label == s })
}

// find sets the route, label and parameters of the call. If the path exists
// only with another method, find sets that route but no label, and the answer
// is 405. A GET of an unknown path is always 404.
func (e *Endpoints) find(c *call) {
	segments, ok := segmentsOf(c.Path)
	if !ok {
		return
	}
	for i := range routes {
		r := &routes[i]
		if r.Cloud && c.Version != "beta" {
			continue
		}
		params, ok := r.match(segments)
		if !ok {
			continue
		}
		there := r.Exists == nil || r.Exists(c.Variants)
		if r.Method == c.Method && (there || r.Method == http.MethodGet) {
			c.route, c.params = nil, nil
			if there {
				c.route, c.params, c.Label = r, params, r.Label
			}
			return
		}
		if there && c.route == nil {
			c.route, c.params = r, params
		}
	}
}

// segmentsOf splits a path. A key in parentheses, as in
// users('ada@example.com'), is a separate segment: OData Version 4.01 Part 2:
// URL Conventions, section 4.3.1. A key segment after a slash cannot be a user
// principal name that starts with a dollar sign.
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

func (r *Route) match(segments []string) (params []string, ok bool) {
	if len(segments) != len(r.segments) {
		return nil, false
	}
	for i, s := range r.segments {
		rest := segments[i]
		for n, text := range strings.Split(s, "{id}") {
			value, after, found := strings.Cut(rest, text)
			if text == "" && n > 0 {
				value, after = rest, "" // {id} is the end of the segment.
			}
			switch {
			case !found, n == 0 && value != "", n > 0 && s != "{id}" && (value == "" || strings.ContainsAny(value, "'()")):
				return nil, false
			case n > 0:
				params = append(params, value)
			}
			rest = after
		}
		if rest != "" {
			return nil, false
		}
	}
	return params, true
}

// notFound rejects an unknown path. A cloudLicensing path that is in the
// metadata but on no page answers 404; other paths contain an unknown segment.
func (e *Endpoints) notFound(c *call) *wire.Problem {
	segments := strings.Split(c.Path, "/")
	if known, ok := segmentsOf(c.Path); ok {
		if what := elsewhere(known); what != "" {
			return notImplemented(what)
		}
		if c.Method == http.MethodDelete && len(known) == 4 && known[0] == "groups" && known[2] == "members" {
			return notImplemented("DELETE members/{id} without $ref") // It would delete the member itself.
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

// IsScope reports whether an endpoint accepts a scope, ignoring case.
func IsScope(name string) bool {
	return slices.ContainsFunc(routes, func(r Route) bool {
		return slices.ContainsFunc(r.Scopes, func(scope string) bool { return strings.EqualFold(scope, name) })
	})
}

// Routes returns all endpoints.
func Routes() []Route { return slices.Clone(routes) }
