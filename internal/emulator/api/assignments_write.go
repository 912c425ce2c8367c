package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/settings"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	register(
		onlyIf(func(v *settings.Variants) bool { return v.ReprocessListed },
			listedRoute(post, meRoot+"assignments"+reprocessing, (*Endpoints).reprocessAssignments),
			listedRoute(post, groupRoot+"assignments"+reprocessing, (*Endpoints).reprocessAssignments)),
		onlyIf(func(v *settings.Variants) bool { return v.ReprocessListed && v.HaveDevices() },
			listedRoute(post, deviceRoot+"assignments"+reprocessing, (*Endpoints).reprocessAssignments)),
		onlyIf(func(v *settings.Variants) bool { return v.DevicesListed },
			listedRoute(http.MethodPatch, deviceRoot+"assignments/{id}", (*Endpoints).updateAssignment),
			listedRoute(http.MethodDelete, deviceRoot+"assignments/{id}", (*Endpoints).deleteAssignment)),
		onlyIf((*settings.Variants).HaveDevices,
			cloudRoute(post, deviceRoot+"assignments", (*Endpoints).createAssignment, writeDevice, scopesWriteDevice)),
		cloudRoute(post, adminRoot+"assignments", (*Endpoints).createAssignment, writeCloud, scopesWrite),
		cloudRoute(post, adminRoot+"allotments/{id}/assignments", (*Endpoints).createAssignment, changeCloud, scopesWrite),
		cloudRoute(post, groupRoot+"assignments", (*Endpoints).createAssignment, createGroup, changeCloud),
		cloudRoute(post, userRoot+"assignments/reprocessAssignments", (*Endpoints).reprocessAssignments, reprocessCloud, scopesReprocess),
		userRoutes(post, "assignments", (*Endpoints).createAssignment, createUser, scopesCreateUser),
		changeRoutes(adminRoot+"assignments/{id}", changeAdmin, scopesChange),
		changeRoutes(adminRoot+"allotments/{id}/assignments/{id}", changeAdmin, scopesChange),
		changeRoutes(userRoot+"assignments/{id}", writeUser, scopesChangeUser),
		changeRoutes(meRoot+"assignments/{id}", writeUser, scopesChangeUser),
		changeRoutes(groupRoot+"assignments/{id}", writeGroup, scopesChangeGroup),
	)
}

// changeRoutes returns the endpoints that change an assignment at one of its
// paths.
func changeRoutes(template string, app, scopes []string) []Route {
	return slices.Concat(
		cloudRoute(http.MethodPatch, template, (*Endpoints).updateAssignment, app, scopes),
		cloudRoute(http.MethodDelete, template, (*Endpoints).deleteAssignment, app, scopes),
	)
}

const (
	maxPlans = 1000

	allotmentBind = "allotment@odata.bind"
	assigneeBind  = "assignedTo@odata.bind"
	disabledPlans = "disabledServicePlanIds"
)

// outcome is an answer with a specific status.
type outcome struct {
	status int
	header map[string]string
	body   any // nil: no body
}

// createAssignment creates an assignment. The body must not repeat values of
// the path.
func (e *Endpoints) createAssignment(c *call) (any, *wire.Problem) {
	t := c.tenant
	required := []string{disabledPlans}
	var pool *tenant.Allotment
	var to tenant.Ref
	var p *wire.Problem
	admin := c.route.segments[0] == "admin"
	if admin {
		required = append(required, assigneeBind)
	} else if to, p = e.pathHolder(c); p != nil {
		return nil, p
	}
	if admin && c.route.segments[2] == "allotments" {
		if pool, p = e.pathAllotment(c); p != nil {
			return nil, p
		}
	} else {
		required = append(required, allotmentBind)
	}
	body, p := c.assignmentBody(required, required)
	if p != nil {
		return nil, p
	}
	if pool == nil {
		if pool, p = e.boundAllotment(c, body); p != nil {
			return nil, p
		}
	}
	if admin {
		if to, p = e.boundAssignee(c, body); p != nil {
			return nil, p
		}
		if c.who.user == "" && !c.who.has(writeCloudTo[to.Kind]) {
			return nil, cloud(http.StatusForbidden, "missingRequiredPermission", "The caller lacks a permission to assign licenses to a %s.", to.Kind)
		}
	}
	off, p := plansOff(body[disabledPlans], t.Product(pool.Sku))
	if p != nil {
		return nil, p
	}
	a, refused := t.Assign(pool, to, off, c.when())
	if refused != nil {
		return nil, cloudRefusal(refused)
	}
	o := e.renderAssignment(c, nil, a)
	o["@odata.context"] = c.context(assignmentSet + "/$entity")
	if !admin && c.Variants.OmitCreatedID {
		delete(o, "id")
	}
	return outcome{status: http.StatusCreated, body: o}, nil
}

// updateAssignment replaces the disabled plans. The assignee and the allotment
// cannot change.
func (e *Endpoints) updateAssignment(c *call) (any, *wire.Problem) {
	a, p := e.pathAssignment(c)
	if p != nil {
		return nil, p
	}
	body, p := c.assignmentBody([]string{disabledPlans}, []string{disabledPlans, allotmentBind, assigneeBind})
	if p != nil {
		return nil, p
	}
	if body[allotmentBind] != nil {
		if pool, p := e.boundAllotment(c, body); p != nil {
			return nil, p
		} else if pool != a.Pool {
			return nil, immutable("allotment")
		}
	}
	if body[assigneeBind] != nil {
		if to, p := e.boundAssignee(c, body); p != nil {
			return nil, p
		} else if to != a.To {
			return nil, immutable("assignedTo")
		}
	}
	off, p := plansOff(body[disabledPlans], c.tenant.Product(a.Sku()))
	if p != nil {
		return nil, p
	}
	if refused := c.tenant.Change(a, off, c.when()); refused != nil {
		return nil, cloudRefusal(refused)
	}
	o := e.renderAssignment(c, nil, a)
	o["@odata.context"] = c.context(assignmentSet + "/$entity")
	return o, nil
}

func (e *Endpoints) deleteAssignment(c *call) (any, *wire.Problem) {
	a, p := e.pathAssignment(c)
	if p != nil {
		return nil, p
	}
	c.tenant.Unassign(a, c.when())
	return nil, nil
}

func (e *Endpoints) reprocessAssignments(c *call) (any, *wire.Problem) {
	if p := c.emptyBody(); p != nil {
		return nil, p
	}
	h, p := e.pathHolder(c)
	if p != nil {
		return nil, p
	}
	c.tenant.Reprocess(h, c.when())
	if c.Variants.ReprocessOK {
		return outcome{status: http.StatusOK}, nil
	}
	return nil, nil
}

// when returns the current time and the delay of group changes.
func (c *call) when() tenant.When {
	by := &tenant.Actor{App: c.who.app, Name: principalName, Principal: c.tenant.PrincipalID().String(), Agent: c.Header.Get("User-Agent")}
	if c.who.user != "" {
		by = &tenant.Actor{User: c.who.user, Address: callerAddress, Agent: by.Agent}
		if i, ok := c.tenant.FindUser(c.who.user); ok {
			by.Name = c.tenant.User(i).UserPrincipalName()
		}
	}
	return tenant.When{Now: c.Date, Delay: c.Variants.EffectDelay(), By: by}
}

// cloudRefusal converts a refusal of the tenant to an error of a
// cloudLicensing resource.
func cloudRefusal(r *tenant.Refusal) *wire.Problem {
	status := http.StatusBadRequest
	if r.Code == tenant.AlreadyAssigned {
		status = http.StatusConflict
	}
	p := cloud(status, string(r.Code), "%s", r.Message)
	p.Property = r.Property
	return p
}

func immutable(property string) *wire.Problem {
	p := cloud(http.StatusBadRequest, "immutablePropertyModified", "The property '%s' of an assignment cannot change.", property)
	p.Property = property
	return p
}

// members parses a body that is one JSON object with only the allowed members.
// Names are case-sensitive.
func (c *call) members(allowed []string) (map[string]json.RawMessage, *wire.Problem) {
	if p := c.jsonType(); p != nil {
		return nil, p
	}
	return jsonMembers(c.Body, allowed)
}

func jsonMembers(raw []byte, allowed []string) (map[string]json.RawMessage, *wire.Problem) {
	var body map[string]json.RawMessage
	if err := json.Unmarshal(raw, &body); err != nil || body == nil {
		return nil, badRequest("Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
	}
	for _, name := range slices.Sorted(maps.Keys(body)) {
		if !slices.Contains(allowed, name) {
			return nil, badRequest("The property '%.80s' does not exist or cannot be written here.", name)
		}
		if string(body[name]) == "null" {
			delete(body, name)
		}
	}
	return body, nil
}

// emptyBody rejects a non-empty body.
func (c *call) emptyBody() *wire.Problem {
	if len(c.Body) == 0 {
		return nil
	}
	_, p := c.members(nil)
	return p
}

// assignmentBody parses the members of an assignment.
func (c *call) assignmentBody(required, allowed []string) (map[string]json.RawMessage, *wire.Problem) {
	body, p := c.members(append(slices.Clone(allowed), "@odata.type"))
	if p != nil {
		return nil, p
	}
	if raw, ok := body["@odata.type"]; ok {
		var name string
		if json.Unmarshal(raw, &name) != nil || strings.TrimPrefix(name, "#") != assignmentTypeName {
			return nil, badRequest("The @odata.type of an assignment is '#%s'.", assignmentTypeName)
		}
	}
	for _, name := range required {
		if body[name] == nil {
			p := cloud(http.StatusBadRequest, "requiredFieldOrParameterMissing", "The property '%s' is missing.", name)
			p.Property, _, _ = strings.Cut(name, "@")
			return nil, p
		}
	}
	return body, nil
}

// bound parses the URL of an entity of this service. It returns the segments
// of the path after the version.
func (c *call) bound(raw json.RawMessage, name string) ([]string, *wire.Problem) {
	wrong := badRequest("The value of '%s' is not the absolute URL of an entity under /beta.", name)
	var text string
	if json.Unmarshal(raw, &text) != nil || len(text) > maxAdvanced {
		return nil, wrong
	}
	u, err := url.Parse(text)
	if err != nil || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, wrong
	}
	if base := u.Scheme + "://" + u.Host; base != c.Base && base != access.Worldwide {
		return nil, wrong
	}
	path, ok := strings.CutPrefix(u.Path, "/beta/")
	if !ok {
		return nil, wrong
	}
	return strings.Split(path, "/"), nil
}

func (e *Endpoints) boundAllotment(c *call, body map[string]json.RawMessage) (*tenant.Allotment, *wire.Problem) {
	path, p := c.bound(body[allotmentBind], allotmentBind)
	if p != nil {
		return nil, p
	}
	if len(path) == 4 && strings.Join(path[:3], "/") == allotmentSet {
		if a := c.tenant.Allotment(path[3]); a != nil {
			return a, nil
		}
	}
	return nil, noSuchProperty("allotment", "The allotment '%.200s' does not exist.", strings.Join(path, "/"))
}

// boundAssignee accepts a user, a group or, if they are enabled, a device.
func (e *Endpoints) boundAssignee(c *call, body map[string]json.RawMessage) (tenant.Ref, *wire.Problem) {
	path, p := c.bound(body[assigneeBind], assigneeBind)
	if p != nil {
		return tenant.Ref{}, p
	}
	missing := noSuchProperty("assignedTo", "The assignee '%.200s' does not exist.", strings.Join(path, "/"))
	if len(path) != 2 {
		return tenant.Ref{}, missing
	}
	id, ok := tenant.ParseGUID(path[1])
	if !ok {
		return tenant.Ref{}, missing
	}
	h, ok := c.tenant.Find(id)
	switch {
	case !ok, h.Kind == tenant.Principal, path[0] != h.Kind.String()+"s", h.Kind == tenant.DeviceKind && !c.Variants.HaveDevices():
		return tenant.Ref{}, missing
	}
	return h, nil
}

func noSuchProperty(property, format string, args ...any) *wire.Problem {
	p := cloud(http.StatusBadRequest, "notFound", format, args...)
	p.Property = property
	return p
}

// plansOff parses a list of plans of a product.
func plansOff(raw json.RawMessage, of *tenant.Product) (tenant.PlanSet, *wire.Problem) {
	var off tenant.PlanSet
	var ids []*string
	if json.Unmarshal(raw, &ids) != nil || len(ids) > maxPlans || slices.Contains(ids, nil) {
		return off, badRequest("The value of '%s' is not a list of GUIDs.", disabledPlans)
	}
	for _, id := range ids {
		if _, ok := tenant.ParseGUID(*id); !ok {
			return off, badRequest("The value '%.80s' in '%s' is not a GUID.", *id, disabledPlans)
		}
		at := of.PlanWithID(*id)
		if at < 0 {
			return off, noSuchProperty(disabledPlans, "The service plan '%s' is not part of the product.", *id)
		}
		off.Add(at)
	}
	return off, nil
}
