package emulator

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	maxPlans = 1000

	allotmentBind = "allotment@odata.bind"
	assigneeBind  = "assignedTo@odata.bind"
	disabledPlans = "disabledServicePlanIds"
)

// outcome is an answer with a status of its own.
type outcome struct {
	status int
	header map[string]string
	body   any // nil: none
}

// createAssignment makes an assignment. What the path says already, the body
// does not say again.
func (e *Emulator) createAssignment(c *call) (any, *problem) {
	if _, p := e.options(c, licensing, 0); p != nil {
		return nil, p
	}
	t := e.tenant
	required := []string{disabledPlans}
	var pool *allotment
	var to holder
	var p *problem
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
	}
	off, p := t.plansOff(body[disabledPlans], &t.products[pool.sku])
	if p != nil {
		return nil, p
	}
	if p := t.refuseNew(pool, to, off); p != nil {
		return nil, p
	}
	a := t.assign(pool.at, to, off)
	t.spread([]*assignment{a}, c.date, c.variants.groupEffects())
	o := e.renderAssignment(c, nil, a)
	o["@odata.context"] = c.context(assignmentSet + "/$entity")
	if !admin && c.variants.OmitCreatedID {
		delete(o, "id")
	}
	return outcome{status: http.StatusCreated, body: o}, nil
}

// updateAssignment replaces the plans that are off. Who and from where cannot
// change.
func (e *Emulator) updateAssignment(c *call) (any, *problem) {
	if _, p := e.options(c, licensing, 0); p != nil {
		return nil, p
	}
	a, p := e.pathAssignment(c)
	if p != nil {
		return nil, p
	}
	body, p := c.assignmentBody([]string{disabledPlans}, []string{disabledPlans, allotmentBind, assigneeBind})
	if p != nil {
		return nil, p
	}
	t := e.tenant
	if body[allotmentBind] != nil {
		if pool, p := e.boundAllotment(c, body); p != nil {
			return nil, p
		} else if pool.at != a.pool {
			return nil, immutable("allotment")
		}
	}
	if body[assigneeBind] != nil {
		if to, p := e.boundAssignee(c, body); p != nil {
			return nil, p
		} else if to != a.to {
			return nil, immutable("assignedTo")
		}
	}
	off, p := t.plansOff(body[disabledPlans], &t.products[t.skuOf(a)])
	if p != nil {
		return nil, p
	}
	if p := t.refuseChange(a, off); p != nil {
		return nil, p
	}
	a.off = off
	t.spread([]*assignment{a}, c.date, c.variants.groupEffects())
	o := e.renderAssignment(c, nil, a)
	o["@odata.context"] = c.context(assignmentSet + "/$entity")
	return o, nil
}

func (e *Emulator) deleteAssignment(c *call) (any, *problem) {
	if _, p := e.options(c, licensing, 0); p != nil {
		return nil, p
	}
	a, p := e.pathAssignment(c)
	if p != nil {
		return nil, p
	}
	e.tenant.unassign(a)
	e.tenant.spread([]*assignment{a}, c.date, c.variants.groupEffects())
	return nil, nil
}

func (e *Emulator) reprocessAssignments(c *call) (any, *problem) {
	if _, p := e.options(c, licensing, 0); p != nil {
		return nil, p
	}
	if p := c.emptyBody(); p != nil {
		return nil, p
	}
	i, p := e.pathUser(c)
	if p != nil {
		return nil, p
	}
	e.tenant.reprocess(i, c.date)
	if c.variants.ReprocessOK {
		return outcome{status: http.StatusOK}, nil
	}
	return nil, nil
}

func assigneeKinds(assignableTo string) []string { return strings.Split(assignableTo, ",") }

func immutable(property string) *problem {
	p := cloud(http.StatusBadRequest, "immutablePropertyModified", "The property '%s' of an assignment cannot change.", property)
	p.property = property
	return p
}

// members reads a body that is one JSON object with no other members than
// those. Names are exact.
func (c *call) members(allowed []string) (map[string]json.RawMessage, *problem) {
	if p := c.jsonType(); p != nil {
		return nil, p
	}
	return jsonMembers(c.body, allowed)
}

func jsonMembers(raw []byte, allowed []string) (map[string]json.RawMessage, *problem) {
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

// emptyBody refuses a body that says anything.
func (c *call) emptyBody() *problem {
	if len(c.body) == 0 {
		return nil
	}
	_, p := c.members(nil)
	return p
}

// assignmentBody reads the members of an assignment.
func (c *call) assignmentBody(required, allowed []string) (map[string]json.RawMessage, *problem) {
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
			p.property, _, _ = strings.Cut(name, "@")
			return nil, p
		}
	}
	return body, nil
}

// bound reads the URL of an entity of this service into its path below the
// version.
func (c *call) bound(raw json.RawMessage, name string) ([]string, *problem) {
	wrong := badRequest("The value of '%s' is not the absolute URL of an entity under /beta.", name)
	var text string
	if json.Unmarshal(raw, &text) != nil || len(text) > maxAdvanced {
		return nil, wrong
	}
	u, err := url.Parse(text)
	if err != nil || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, wrong
	}
	if base := u.Scheme + "://" + u.Host; base != c.base && base != worldwide {
		return nil, wrong
	}
	path, ok := strings.CutPrefix(u.Path, "/beta/")
	if !ok {
		return nil, wrong
	}
	return strings.Split(path, "/"), nil
}

func (e *Emulator) boundAllotment(c *call, body map[string]json.RawMessage) (*allotment, *problem) {
	path, p := c.bound(body[allotmentBind], allotmentBind)
	if p != nil {
		return nil, p
	}
	if len(path) == 4 && strings.Join(path[:3], "/") == allotmentSet {
		if a := e.tenant.allotment(path[3]); a != nil {
			return a, nil
		}
	}
	return nil, noSuchProperty("allotment", "The allotment '%.200s' does not exist.", strings.Join(path, "/"))
}

// boundAssignee takes a user or a group and, where there are any, a device.
func (e *Emulator) boundAssignee(c *call, body map[string]json.RawMessage) (holder, *problem) {
	path, p := c.bound(body[assigneeBind], assigneeBind)
	if p != nil {
		return holder{}, p
	}
	missing := noSuchProperty("assignedTo", "The assignee '%.200s' does not exist.", strings.Join(path, "/"))
	if len(path) != 2 {
		return holder{}, missing
	}
	id, ok := parseGUID(path[1])
	if !ok {
		return holder{}, missing
	}
	var h holder
	switch path[0] {
	case "users":
		h.at, ok = e.tenant.userByID[id]
	case "groups":
		var i int
		i, ok = e.tenant.groupByID[id]
		h = holder{groupHolder, int32(i)}
	case "devices":
		h.kind = deviceHolder
		h.at, ok = e.tenant.deviceByID[id]
		ok = ok && c.variants.Devices
	default:
		ok = false
	}
	if !ok {
		return holder{}, missing
	}
	return h, nil
}

func noSuchProperty(property, format string, args ...any) *problem {
	p := cloud(http.StatusBadRequest, "notFound", format, args...)
	p.property = property
	return p
}

// plansOff reads a list of plans of a product, each once.
func (t *tenant) plansOff(raw json.RawMessage, of *product) ([]string, *problem) {
	var ids []*string
	if json.Unmarshal(raw, &ids) != nil || len(ids) > maxPlans {
		return nil, badRequest("The value of '%s' is not a list of GUIDs.", disabledPlans)
	}
	var off []string
	for _, id := range ids {
		if id == nil {
			return nil, badRequest("The value of '%s' is not a list of GUIDs.", disabledPlans)
		}
		if _, ok := parseGUID(*id); !ok {
			return nil, badRequest("The value '%.80s' in '%s' is not a GUID.", *id, disabledPlans)
		}
		plan, ok := of.planByID(*id)
		if !ok {
			return nil, noSuchProperty(disabledPlans, "The service plan '%s' is not part of the product.", *id)
		}
		if !slices.Contains(off, plan.name) {
			off = append(off, plan.name)
		}
	}
	return off, nil
}

// refuseNew says why there cannot be such an assignment. That one holder has
// one assignment from an allotment at most is our own reading.
func (t *tenant) refuseNew(pool *allotment, to holder, off []string) *problem {
	if !slices.Contains(assigneeKinds(pool.assignableTo), to.kind.String()) {
		p := cloud(http.StatusBadRequest, "invalidAssigneeType", "Units of this allotment cannot be assigned to a %s.", to.kind)
		p.property = "assignedTo"
		return p
	}
	if t.drawn(to, pool.at) > 0 {
		return cloud(http.StatusConflict, "conflict", "The assignee has an assignment from this allotment already.")
	}
	none := cloud(http.StatusBadRequest, "noAvailableLicenses", "The allotment has no available units.")
	if pool.sku.lifecycle() == suspended || to.kind == deviceHolder && pool.free() <= 0 {
		return none
	}
	if to.kind != userHolder {
		return nil // Members of groups wait until there is a unit.
	}
	u := &t.users[to.at]
	l := licence{sku: pool.sku, group: direct, pool: pool.at, off: off}
	if p := refuseViolation(t.objection(to.at, u.licences, l, u.held())); p != nil {
		return p
	}
	if !t.canTake(to.at, &l, u.held()) {
		return none
	}
	return nil
}

// refuseChange says why an assignment cannot have these plans off.
func (t *tenant) refuseChange(a *assignment, off []string) *problem {
	if a.to.kind != userHolder || t.skuOf(a).lifecycle() == suspended {
		return nil
	}
	u := &t.users[a.to.at]
	v := t.objection(a.to.at, u.licences, licence{sku: t.skuOf(a), group: direct, from: a, pool: a.pool, off: off}, ^poolSet(0))
	return refuseViolation(v)
}

// objection is the rule that a direct assignment breaks beside others.
func (t *tenant) objection(i int32, others []licence, l licence, held poolSet) *violation {
	if t.users[i].usageLocation() == "" {
		return &violation{wrongLocation, "The user has no usage location."}
	}
	l.state = active
	v, _ := t.violation(i, others, &l, held)
	return v
}

// refuseViolation refuses what the service refuses at once. A plan that another
// one needs may still come; until then there is an assignment error.
func refuseViolation(v *violation) *problem {
	if v == nil {
		return nil
	}
	inner := map[*violationKind]string{wrongLocation: "invalidUsageLocation", mutuallyExclusive: "mutuallyExclusiveServicePlans", noUnits: "noAvailableLicenses"}[v.kind]
	if inner == "" {
		return nil
	}
	return cloud(http.StatusBadRequest, inner, "%s", v.message)
}
