package api

import (
	"iter"
	"net/http"
	"slices"

	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	register(
		cloudRoute(get, adminRoot+"assignmentErrors", (*Endpoints).listErrors, readUserErrors, scopesCloud),
		cloudRoute(get, adminRoot+"assignmentErrors/{id}", (*Endpoints).getError, readUserErrors, scopesCloud),
		cloudRoute(get, adminRoot+"assignmentErrors/{id}/assignedTo", (*Endpoints).getErrorAssignee, readAllotments, scopesCloud),
		cloudRoute(get, adminRoot+"assignmentErrors/{id}/usageRight", (*Endpoints).getErrorRight, readAllotments, scopesCloud),
		userRoutes(get, "assignmentErrors", (*Endpoints).listErrors, readUserErrors, scopesCloud),
		userRoutes(get, "assignmentErrors/{id}", (*Endpoints).getError, readUserErrors, scopesCloud),
	)
}

const errorTypeName = "microsoft.graph.cloudLicensing.assignmentError"

// errorType is the properties of an assignmentError.
var errorType = entityType[tenant.AssignmentError]{name: errorTypeName, props: map[string]property[tenant.AssignmentError]{
	"id":      {get: func(c *call, x tenant.AssignmentError) any { return c.tenant.ErrorID(x) }, onDefault: true},
	"code":    {get: func(c *call, x tenant.AssignmentError) any { return c.tenant.Failure(x).Cause.Code() }, onDefault: true},
	"message": {get: func(c *call, x tenant.AssignmentError) any { return c.tenant.Failure(x).Message }, onDefault: true},
	"occurrenceDateTime": {get: func(c *call, x tenant.AssignmentError) any {
		return preciseTimestamp(c.tenant.Failure(x).Occurred)
	}, onDefault: true},
	"skuId": {get: textOf(func(c *call, x tenant.AssignmentError) string { return c.tenant.Product(x.Sku).SkuID }), onDefault: true},
}}

// errorRelations are the expandable relations, by Variants.ExpandErrors.
var errorRelations = map[string]relations{
	"":           {"assignedTo": {check: nestedAssignee}},
	"assignedTo": {"assignedTo": {check: nestedAssignee}},
	"both":       {"assignedTo": {check: nestedAssignee}, "usageRight": {check: rightType.nested}},
	"none":       {},
}

func (e *Endpoints) errorOptions(c *call, allowed option) (*query, *wire.Problem) {
	known, checked := errorRelations[c.Variants.ExpandErrors]
	if checked {
		return e.cloudOptions(c, allowed, errorType.nested, known, c.skuFilter())
	}
	// Variants.ExpandErrors is "ignore": answer as without $expand.
	q, p := e.cloudOptions(c, allowed, errorType.nested, errorRelations["both"], c.skuFilter())
	if p == nil {
		q.expand = nil
	}
	return q, p
}

// nestedAssignee checks a $select inside $expand=assignedTo.
func nestedAssignee(c *call, sel []string) *wire.Problem {
	if sel != nil && !c.Variants.ExpandNestedSelect {
		return licensing.expanding("$select is not supported inside $expand=assignedTo.")
	}
	return checkAssignee(sel)
}

// checkAssignee rejects a $select of a property that no type of assignee has.
func checkAssignee(sel []string) *wire.Problem {
	if p := checkObjects(sel); p != nil {
		return licensing.selecting("%s", p.Message)
	}
	return nil
}

func (e *Endpoints) renderError(c *call, q *query, x tenant.AssignmentError) object {
	o := errorType.render(c, x, q.sel)
	o["@odata.type"] = "#" + errorTypeName
	for _, relation := range q.expand {
		switch relation.Path {
		case "assignedTo":
			o["assignedTo"] = e.renderHolder(c, tenant.Ref{Kind: tenant.User, At: x.User}, relation.Select)
		case "usageRight":
			o["usageRight"] = nil
			if r, ok := c.tenant.RightOf(x); ok {
				o["usageRight"] = e.renderRight(c, &query{sel: relation.Select}, r)
			}
		}
	}
	return o
}

func (e *Endpoints) listErrors(c *call) (any, *wire.Problem) {
	q, p := e.errorOptions(c, optSelect|optTop|optExpand|optFilter)
	if p != nil {
		return nil, p
	}
	t := c.tenant
	render := func(x tenant.AssignmentError) object { return e.renderError(c, q, x) }
	fits := c.skuFits(q.filter)
	if c.route.segments[0] == "admin" {
		var of []tenant.Sku
		for _, s := range t.Skus() {
			if fits(s) {
				of = append(of, s)
			}
		}
		list := listing[tenant.AssignmentError]{after: func(place int64) iter.Seq2[int64, tenant.AssignmentError] {
			return t.Errors(place, of)
		}}
		return pageOf(e, c, q, fragment("admin/cloudLicensing/assignmentErrors", q.sel), c.cloudPageSize(q), list, render), nil
	}
	user, p := e.pathUser(c)
	if p != nil {
		return nil, p
	}
	list := slices.DeleteFunc(t.ErrorsOf(user), func(x tenant.AssignmentError) bool { return !fits(x.Sku) })
	set := c.set(tenant.Ref{Kind: tenant.User, At: user}) + "/assignmentErrors"
	return pageOf(e, c, q, fragment(set, q.sel), c.cloudPageSize(q), listed(list), render), nil
}

// pathError returns the error at the end of the path or within it. Under a
// user, it finds only errors of that user.
func (e *Endpoints) pathError(c *call) (tenant.AssignmentError, *wire.Problem) {
	id := c.params[len(c.params)-1]
	x, ok := c.tenant.Error(id)
	if c.route.segments[0] != "admin" {
		user, p := e.pathUser(c)
		if p != nil {
			return x, p
		}
		ok = ok && x.User == user
	}
	if !ok {
		return x, cloud(http.StatusNotFound, "resourceNotFound", "The assignment error '%s' does not exist.", id)
	}
	return x, nil
}

func (e *Endpoints) getError(c *call) (any, *wire.Problem) {
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

func (e *Endpoints) getErrorAssignee(c *call) (any, *wire.Problem) {
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
	return c.single("directoryObjects", q, e.renderHolder(c, tenant.Ref{Kind: tenant.User, At: x.User}, q.sel)), nil
}

// getErrorRight answers 204 if there is no right. See OData Version 4.01 Part
// 1: Protocol, section 11.2.7 "Requesting Related Entities", for a
// single-valued relation without a target.
func (e *Endpoints) getErrorRight(c *call) (any, *wire.Problem) {
	q, p := e.rightOptions(c, optSelect|optExpand)
	if p != nil {
		return nil, p
	}
	x, p := e.pathError(c)
	if p != nil {
		return nil, p
	}
	r, ok := c.tenant.RightOf(x)
	if !ok {
		switch c.Variants.MissingUsageRight {
		case "notFound":
			return nil, cloud(http.StatusNotFound, "resourceNotFound", "The assignment error '%s' has no usage right.", c.tenant.ErrorID(x))
		case "null":
			return object{"value": nil}, nil
		}
		return nil, nil
	}
	return c.single("admin/cloudLicensing/assignmentErrors('"+c.tenant.ErrorID(x)+"')/usageRight", q, e.renderRight(c, q, r)), nil
}

// single completes a single cloudLicensing entity.
func (c *call) single(set string, q *query, o object) object {
	context := c.context(fragment(set, q.sel) + "/$entity")
	if c.Variants.WrapSingle {
		return object{"@odata.context": context, "value": o}
	}
	o["@odata.context"] = context
	return o
}
