package emulator

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

const errorTypeName = "microsoft.graph.cloudLicensing.assignmentError"

// errorType is the properties of an assignmentError.
var errorType = entityType[assignmentError]{errorTypeName, map[string]property[assignmentError]{
	"id":      {get: func(_ *tenant, e assignmentError, _ *Variants) any { return e.id }, onDefault: true},
	"code":    {get: func(t *tenant, e assignmentError, _ *Variants) any { return t.row(e).error.kind.code }, onDefault: true},
	"message": {get: func(t *tenant, e assignmentError, _ *Variants) any { return t.row(e).error.message }, onDefault: true},
	"occurrenceDateTime": {get: func(t *tenant, e assignmentError, _ *Variants) any {
		ticks := t.dice.pick("ticks", int(e.user), 10_000_000)
		return preciseTimestamp(t.row(e).updated.Add(time.Duration(ticks) * 100))
	}, onDefault: true},
	"skuId": {get: func(t *tenant, e assignmentError, _ *Variants) any { return t.products[e.sku].skuID }, onDefault: true},
}}

// row is the assignment state that reports the same failure: of several the
// one that left a right in force.
func (t *tenant) row(e assignmentError) *licence {
	var found *licence
	for _, l := range t.users[e.user].states() {
		if l.sku == e.sku && l.error != nil && (found == nil || found.state == errorState && l.state == activeWithError) {
			found = &l
		}
	}
	return found
}

// errorRelations are the relations that can be expanded, by
// Variants.ExpandErrors.
var errorRelations = map[string]relations{
	"":           {"assignedTo": {check: nestedAssignee}},
	"assignedTo": {"assignedTo": {check: nestedAssignee}},
	"both":       {"assignedTo": {check: nestedAssignee}, "usageRight": {check: rightType.nested}},
	"none":       {},
}

func (e *Emulator) errorOptions(c *call, allowed option) (*query, *problem) {
	known, checked := errorRelations[c.variants.ExpandErrors]
	if checked {
		return e.cloudOptions(c, allowed, errorType.nested, known, c.skuFilter())
	}
	// Variants.ExpandErrors is "ignore": answer as if it had not been asked.
	q, p := e.cloudOptions(c, allowed, errorType.nested, errorRelations["both"], c.skuFilter())
	if p == nil {
		q.expand = nil
	}
	return q, p
}

// nestedAssignee checks a $select inside $expand=assignedTo.
func nestedAssignee(c *call, sel []string) *problem {
	if sel != nil && !c.variants.ExpandNestedSelect {
		return licensing.expanding("$select is not supported inside $expand=assignedTo.")
	}
	return checkAssignee(sel)
}

// checkAssignee refuses a $select of properties that nobody has to whom
// something can be assigned.
func checkAssignee(sel []string) *problem {
	if p := checkObjects(sel); p != nil {
		return licensing.selecting("%s", p.message)
	}
	return nil
}

func (e *Emulator) renderError(c *call, q *query, x assignmentError) object {
	o := errorType.render(e.tenant, x, q.sel, c.variants)
	o["@odata.type"] = "#" + errorTypeName
	for _, relation := range q.expand {
		switch relation.name {
		case "assignedTo":
			o["assignedTo"] = e.renderHolder(c, holder{userHolder, x.user}, relation.sel)
		case "usageRight":
			o["usageRight"] = nil
			if r, ok := e.tenant.rightOf(x); ok {
				o["usageRight"] = e.renderRight(c, &query{sel: relation.sel}, r)
			}
		}
	}
	return o
}

func (e *Emulator) listErrors(c *call) (any, *problem) {
	q, p := e.errorOptions(c, optSelect|optTop|optExpand|optFilter)
	if p != nil {
		return nil, p
	}
	t := e.tenant
	errors := t.errors
	set := "admin/cloudLicensing/assignmentErrors"
	if c.route.segments[0] != "admin" {
		user, p := e.pathUser(c)
		if p != nil {
			return nil, p
		}
		errors = t.errorsOf(user)
		set = "users('" + t.users[user].id.String() + "')/cloudLicensing/assignmentErrors"
	}
	if q.filter != nil {
		errors = slices.DeleteFunc(slices.Clone(errors), func(x assignmentError) bool {
			return !q.filter.match(func(string) []string { return t.skuIDs(x.sku) })
		})
	}
	return e.page(c, q, fragment(set, q.sel), c.cloudPageSize(q), len(errors), func(i int) object {
		return e.renderError(c, q, errors[i])
	}), nil
}

// errorsOf lists one person's errors in the order of the whole list.
func (t *tenant) errorsOf(user int32) []assignmentError {
	var list []assignmentError
	for _, l := range t.users[user].licences {
		if l.error != nil && !slices.ContainsFunc(list, func(e assignmentError) bool { return e.sku == l.sku }) {
			list = append(list, assignmentError{t.errorID(user, l.sku), user, l.sku})
		}
	}
	slices.SortFunc(list, func(a, b assignmentError) int { return strings.Compare(a.id, b.id) })
	return list
}

// pathError finds the error that the path ends in or goes through. Under a
// person only that person's are found.
func (e *Emulator) pathError(c *call) (assignmentError, *problem) {
	id := c.params[len(c.params)-1]
	i, ok := slices.BinarySearchFunc(e.tenant.errors, id, func(e assignmentError, id string) int { return strings.Compare(e.id, id) })
	if ok && c.route.segments[0] != "admin" {
		user, p := e.pathUser(c)
		if p != nil {
			return assignmentError{}, p
		}
		ok = e.tenant.errors[i].user == user
	}
	if !ok {
		return assignmentError{}, cloud(http.StatusNotFound, "resourceNotFound", "The assignment error '%s' does not exist.", id)
	}
	return e.tenant.errors[i], nil
}

func (e *Emulator) getError(c *call) (any, *problem) {
	q, p := e.errorOptions(c, optSelect|optExpand)
	if p != nil {
		return nil, p
	}
	x, p := e.pathError(c)
	if p != nil {
		return nil, p
	}
	return c.single("admin/cloudLicensing/assignmentErrors", q, e.renderError(c, q, x)), nil
}

func (e *Emulator) getErrorAssignee(c *call) (any, *problem) {
	q, p := e.options(c, licensing, optSelect)
	if p != nil {
		return nil, p
	}
	if p := checkAssignee(q.sel); p != nil {
		return nil, p
	}
	x, p := e.pathError(c)
	if p != nil {
		return nil, p
	}
	return c.single("directoryObjects", q, e.renderHolder(c, holder{userHolder, x.user}, q.sel)), nil
}

// getErrorRight answers 204 when there is no right, as OData Version 4.01
// Part 1: Protocol, section 11.2.7 "Requesting Related Entities" has it for a
// single relation that ends nowhere.
func (e *Emulator) getErrorRight(c *call) (any, *problem) {
	q, p := e.rightOptions(c, optSelect|optExpand)
	if p != nil {
		return nil, p
	}
	x, p := e.pathError(c)
	if p != nil {
		return nil, p
	}
	r, ok := e.tenant.rightOf(x)
	if !ok {
		switch c.variants.MissingUsageRight {
		case "notFound":
			return nil, cloud(http.StatusNotFound, "resourceNotFound", "The assignment error '%s' has no usage right.", x.id)
		case "null":
			return object{"value": nil}, nil
		}
		return nil, nil
	}
	return c.single("admin/cloudLicensing/assignmentErrors('"+x.id+"')/usageRight", q, e.renderRight(c, q, r)), nil
}

// single finishes one cloudLicensing entity.
func (c *call) single(set string, q *query, o object) object {
	context := c.context(fragment(set, q.sel) + "/$entity")
	if c.variants.WrapSingle {
		return object{"@odata.context": context, "value": o}
	}
	o["@odata.context"] = context
	return o
}
