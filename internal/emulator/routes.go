package emulator

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// route is one endpoint of Graph.
type route struct {
	method   string
	template string
	handler  func(*Emulator, *call) (any, *problem)
	cloud    bool // a cloudLicensing resource: under beta only
	me       bool // needs a signed-in person
	app      []string
	scopes   []string
	also     []string // needed besides, of applications and persons
	units    int      // base cost by "Microsoft Graph service-specific throttling limits"

	label    string
	segments []string
}

const (
	other      = "other"
	tokenLabel = "POST /oauth2/v2.0/token"
)

// The permissions are those of the endpoints' reference pages, least
// privileged first.
var (
	readCloud      = []string{"CloudLicensing.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	readUserErrors = append([]string{"User-CloudLicensing.Read.All", "User.Read.All", "User.ReadWrite.All"}, readCloud...)
	readRights     = []string{"User-UsageRight.Read.All", "User-CloudLicensing.Read.All", "CloudLicensing.Read.All", "User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	readGroupRight = []string{"Group-UsageRight.Read.All", "Group-CloudLicensing.Read.All", "Group.Read.All", "User.Read.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	readUsers      = []string{"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	readGroups     = []string{"GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	readSkus       = []string{"LicenseAssignment.Read.All", "Organization.Read.All", "LicenseAssignment.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	readObjects    = []string{"Directory.Read.All", "Directory.ReadWrite.All", "User.Read.All", "GroupMember.Read.All", "Group.Read.All"}

	scopesCloud      = []string{"CloudLicensing.Read"}
	scopesGroupRight = []string{"Group-UsageRight.Read.All"}
	scopesRights     = append([]string{"User-UsageRight.Read", "User-CloudLicensing.Read", "User.Read"}, readRights...)

	// defaultRoles are what the application has without Variants.Roles.
	defaultRoles = []string{"CloudLicensing.Read.All", "Directory.Read.All", "GroupMember.Read.All", "LicenseAssignment.Read.All", "Organization.Read.All", "User.Read.All"}
)

var routes []route

func init() { // Not a literal: $batch leads back here.
	get := http.MethodGet
	routes = []route{
		{method: get, template: "/admin/cloudLicensing/assignmentErrors", handler: (*Emulator).listErrors, cloud: true, app: readUserErrors, scopes: scopesCloud},
		{method: get, template: "/admin/cloudLicensing/assignmentErrors/{id}", handler: (*Emulator).getError, cloud: true, app: readUserErrors, scopes: scopesCloud},
		{method: get, template: "/admin/cloudLicensing/assignmentErrors/{id}/assignedTo", handler: (*Emulator).getErrorAssignee, cloud: true, app: readCloud, scopes: scopesCloud},
		{method: get, template: "/admin/cloudLicensing/assignmentErrors/{id}/usageRight", handler: (*Emulator).getErrorRight, cloud: true, app: readCloud, scopes: scopesCloud},
		{method: get, template: "/users", handler: (*Emulator).listUsers, app: readUsers, scopes: readUsers, units: 2},
		{method: get, template: "/users/{id}", handler: (*Emulator).getUser, app: readUsers, scopes: readUsers},
		{method: get, template: "/users/{id}/cloudLicensing/assignmentErrors", handler: (*Emulator).listErrors, cloud: true, app: readUserErrors, scopes: scopesCloud},
		{method: get, template: "/users/{id}/cloudLicensing/assignmentErrors/{id}", handler: (*Emulator).getError, cloud: true, app: readUserErrors, scopes: scopesCloud},
		{method: get, template: "/users/{id}/cloudLicensing/usageRights", handler: (*Emulator).listRights, cloud: true, app: readRights, scopes: scopesRights},
		{method: get, template: "/users/{id}/cloudLicensing/usageRights/{id}", handler: (*Emulator).getRight, cloud: true, app: readRights, scopes: scopesRights},
		{method: get, template: "/me", handler: (*Emulator).getUser, me: true, app: readUsers, scopes: []string{"User.Read", "User.Read.All"}},
		{method: get, template: "/me/cloudLicensing/assignmentErrors", handler: (*Emulator).listErrors, cloud: true, me: true, app: readUserErrors, scopes: scopesCloud},
		{method: get, template: "/me/cloudLicensing/assignmentErrors/{id}", handler: (*Emulator).getError, cloud: true, me: true, app: readUserErrors, scopes: scopesCloud},
		{method: get, template: "/me/cloudLicensing/usageRights", handler: (*Emulator).listRights, cloud: true, me: true, app: readRights, scopes: scopesRights},
		{method: get, template: "/me/cloudLicensing/usageRights/{id}", handler: (*Emulator).getRight, cloud: true, me: true, app: readRights, scopes: scopesRights},
		{method: get, template: "/groups", handler: (*Emulator).listGroups, app: readGroups, scopes: readGroups},
		{method: get, template: "/groups/{id}", handler: (*Emulator).getGroup, app: readGroups, scopes: readGroups},
		{method: get, template: "/groups/{id}/membersWithLicenseErrors", handler: (*Emulator).listMembersWithErrors, app: readGroups, scopes: readGroups, also: readUsers},
		{method: get, template: "/groups/{id}/cloudLicensing/usageRights", handler: (*Emulator).listRights, cloud: true, app: readGroupRight, scopes: scopesGroupRight},
		{method: get, template: "/groups/{id}/cloudLicensing/usageRights/{id}", handler: (*Emulator).getRight, cloud: true, app: readGroupRight, scopes: scopesGroupRight},
		{method: get, template: "/subscribedSkus", handler: (*Emulator).listSkus, app: readSkus, scopes: readSkus, units: 3},
		{method: http.MethodPost, template: "/directoryObjects/getByIds", handler: (*Emulator).getByIDs, app: readObjects, scopes: readObjects, units: 5},
		{method: http.MethodPost, template: "/$batch", handler: (*Emulator).batch},
	}
	for i := range routes {
		r := &routes[i]
		r.label = r.method + " " + r.template
		r.segments = strings.Split(r.template[1:], "/")
	}
}

// find sets the call's route, label and params. A path that another method
// serves keeps that method's route, to be refused with 405, but not its label.
func (e *Emulator) find(c *call) {
	segments := strings.Split(c.path, "/")
	for i, s := range segments {
		plain, err := url.PathUnescape(s)
		if err != nil || plain == "" {
			return
		}
		segments[i] = plain
	}
	for i := range routes {
		r := &routes[i]
		if r.cloud && c.version != "beta" {
			continue
		}
		params, ok := r.match(segments)
		if !ok {
			continue
		}
		c.route, c.params = r, params
		if r.method == c.method {
			c.label = r.label
		}
		return
	}
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
func (e *Emulator) notFound(c *call) *problem {
	segments := strings.Split(c.path, "/")
	if i := slices.Index(segments, "cloudLicensing"); i >= 0 {
		if c.version != "beta" {
			return noSuchSegment("cloudLicensing")
		}
		if p := cloudAvailable(c); p != nil {
			return p
		}
		return cloud(http.StatusNotFound, "resourceNotFound", "The requested resource does not exist.")
	}
	known := []string{"users", "groups", "me", "subscribedSkus", "directoryObjects", "admin"}
	for i, s := range segments {
		if i == 0 && slices.Contains(known, s) || i == 1 && (segments[0] == "users" || segments[0] == "groups") {
			continue
		}
		return noSuchSegment(s)
	}
	return usualProblem(http.StatusNotFound)
}

// cost is the price of the call in resource units.
func (c *call) cost() int {
	switch {
	case c.route == nil || c.label == "POST /$batch":
		return 0
	case c.route.cloud:
		return 1 // Its limits are not published.
	case c.route.units == 5: // getByIds: 2 with $select.
		if c.query.Has("$select") {
			return 2
		}
		return 5
	}
	units := max(c.route.units, 1)
	if c.query.Has("$select") {
		units--
	}
	if c.query.Has("$expand") {
		units++
	}
	if top, err := strconv.Atoi(c.query.Get("$top")); err == nil && top < 20 {
		units--
	}
	return max(units, 1)
}
