package emulator

import (
	"net/http"
	"slices"
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
	"skuId": {get: func(t *tenant, e assignmentError, _ *Variants) any { return t.products[t.row(e).sku].skuID }, onDefault: true},
}}

// row is the assignment state that reports the same failure.
func (t *tenant) row(e assignmentError) *licence { return &t.users[e.user].licences[e.licence] }

var (
	errorFilter   = rules{fields: map[string]field{"skuId": {guidLiteral, "eq in", ""}}}
	errorFilterEq = rules{fields: map[string]field{"skuId": {guidLiteral, "eq", ""}}}
)

// errorOptions reads the options of a list or of one error, and decides which
// relations are expanded.
func (e *Emulator) errorOptions(c *call, allowed option) (*query, *problem) {
	q, p := e.options(c, licensing, allowed)
	if p != nil {
		return nil, p
	}
	if p := errorType.check(licensing, q.sel); p != nil {
		return nil, p
	}
	if q.filter != nil {
		r := errorFilter
		if c.variants.SkuIDEqualOnly {
			r = errorFilterEq
		}
		if err := r.check(q.filter, false); err != nil {
			return nil, licensing.filtering("%s", err)
		}
	}
	relations := map[string][]string{"": {"assignedTo"}, "assignedTo": {"assignedTo"}, "both": {"assignedTo", "usageRight"}, "none": {}}[c.variants.ExpandErrors]
	if c.variants.ExpandErrors == "ignore" {
		q.expand = nil
	}
	for _, x := range q.expand {
		if !slices.Contains(relations, x.name) {
			return nil, licensing.expanding("The relation '%s' of '%s' cannot be expanded.", x.name, errorTypeName)
		}
		if x.sel == nil {
			continue
		}
		if x.name == "assignedTo" && !c.variants.ExpandNestedSelect {
			return nil, licensing.expanding("$select is not supported inside $expand=assignedTo.")
		}
		if x.name == "assignedTo" {
			p = userType.check(licensing, x.sel)
		} else {
			p = rightType.check(licensing, x.sel)
		}
		if p != nil {
			return nil, p
		}
	}
	return q, nil
}

func (e *Emulator) renderError(c *call, q *query, x assignmentError) object {
	o := errorType.render(e.tenant, x, q.sel, c.variants)
	o["@odata.type"] = "#" + errorTypeName
	for _, relation := range q.expand {
		switch relation.name {
		case "assignedTo":
			o["assignedTo"] = e.renderAssignee(c, x.user, relation.sel)
		case "usageRight":
			o["usageRight"] = nil
			if r, ok := e.tenant.rightOf(x); ok {
				o["usageRight"] = e.renderRight(c, &query{sel: relation.sel}, r)
			}
		}
	}
	return o
}

// assigneeProperties are what the samples show of an expanded assignee.
var assigneeProperties = []string{"id", "displayName", "userPrincipalName"}

func (e *Emulator) renderAssignee(c *call, user int32, sel []string) object {
	if sel == nil {
		sel = assigneeProperties
	}
	return asDirectoryObject(&userType, e.tenant, &e.tenant.users[user], sel, c, append(slices.Clone(readCloud), readUserErrors...))
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
			return !q.filter.match(func(string) []string { return []string{t.products[t.row(x).sku].skuID} })
		})
	}
	return e.page(c, q, fragment(set, q.sel), c.cloudPageSize(q), len(errors), func(i int) object {
		return e.renderError(c, q, errors[i])
	}), nil
}

// errorsOf lists one person's errors in the order of the whole list.
func (t *tenant) errorsOf(user int32) []assignmentError {
	var list []assignmentError
	for _, id := range t.errorIDs(user) {
		list = append(list, t.errors[t.errorByID[id]])
	}
	return list
}

func (t *tenant) errorIDs(user int32) []string {
	var ids []string
	for j := range t.users[user].licences {
		if t.users[user].licences[j].error != nil {
			ids = append(ids, t.errorID(int(user), j))
		}
	}
	slices.Sort(ids)
	return ids
}

// pathError finds the error that the path ends in or goes through. Under a
// person only that person's are found.
func (e *Emulator) pathError(c *call) (assignmentError, *problem) {
	id := c.params[len(c.params)-1]
	i, ok := e.tenant.errorByID[id]
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
	if p := userType.check(licensing, q.sel); p != nil {
		return nil, p
	}
	x, p := e.pathError(c)
	if p != nil {
		return nil, p
	}
	return c.single("directoryObjects", q, e.renderAssignee(c, x.user, q.sel)), nil
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
