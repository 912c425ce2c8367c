package msgraph

import (
	"errors"
	"maps"
	"strings"

	"licensegraph/internal/decode"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

const (
	assignmentErrorsEndpoint       = "GET /admin/cloudLicensing/assignmentErrors"
	assignmentErrorEndpoint        = "GET /admin/cloudLicensing/assignmentErrors/{id}"
	assigneeOfErrorEndpoint        = "GET /admin/cloudLicensing/assignmentErrors/{id}/assignedTo"
	usageRightOfErrorEndpoint      = "GET /admin/cloudLicensing/assignmentErrors/{id}/usageRight"
	assignmentErrorsOfUserEndpoint = "GET /users/{id}/cloudLicensing/assignmentErrors"

	assignmentErrorsPath = "/admin/cloudLicensing/assignmentErrors"
	// maxCloudLicensingTop is the page size that the Microsoft 365 admin center uses; no limit is documented. Larger
	// pages are tried, see [Operation.LargestPage].
	maxCloudLicensingTop = 100
)

func init() {
	maps.Copy(permissions, map[string]string{
		assignmentErrorsEndpoint:       "CloudLicensing.Read.All",
		assignmentErrorEndpoint:        "CloudLicensing.Read.All",
		assigneeOfErrorEndpoint:        "CloudLicensing.Read.All",
		usageRightOfErrorEndpoint:      "CloudLicensing.Read.All",
		assignmentErrorsOfUserEndpoint: "CloudLicensing.Read.All",
	})
}

// ListAssignmentErrors reads a page of the assignment errors of the tenant or of a user. It selects all properties:
// they are few, and another operation, which selects others, may read a later page. Permission:
// CloudLicensing.Read.All.
var ListAssignmentErrors = licensingList(assignmentErrorsEndpoint, paged("assignment errors", "AssignmentError", ofError, licensingPage, (*Batch).listAssignmentErrors))

func (b *Batch) listAssignmentErrors(q upstream.Query, selection upstream.Selection, found func(upstream.Page[*licensing.AssignmentError], error)) {
	endpoint, path := assignmentErrorsEndpoint, assignmentErrorsPath
	if user := q.Filter.AssignedTo; user != "" {
		endpoint, path = assignmentErrorsOfUserEndpoint, ofUsers.below(user, "assignmentErrors")
	}
	var filter string
	switch {
	case q.Filter.SkuID != "":
		filter = guidIs("skuId", []string{q.Filter.SkuID})
	case q.Filter.SkuIDs != "":
		filter = guidIs("skuId", strings.Split(q.Filter.SkuIDs, ","))
		whole, report := q, found
		whole.Filter.SkuIDs = ""
		found = func(p upstream.Page[*licensing.AssignmentError], err error) {
			if errors.Is(err, upstream.ErrRefused) && q.Link == "" { // some services support the operator eq only
				b.listAssignmentErrors(whole, selection, report)
				return
			}
			report(p, err)
		}
	}
	r := b.operation.expandingPage(endpoint, selection.Relations, q.Top, func(expand, top string) string {
		return at(path, "$expand", expand, "$filter", filter, "$top", top)
	})
	if _, ok := licensing.ParseGUID(q.Filter.SkuID); !ok && q.Filter.SkuID != "" {
		r.known = upstream.OddValue("SubscribedSku.skuId")
	}
	page(b, q, r, assignmentErrorType.Read, found)
}

// AssignmentErrorsByID reads assignment errors. Permission: CloudLicensing.Read.All.
var AssignmentErrorsByID = keyed("assignment errors by ID", "AssignmentError", ofError, apiece, (*Batch).assignmentErrorsByID)

func (b *Batch) assignmentErrorsByID(ids []string, selection upstream.Selection, found func(id string, e *licensing.AssignmentError, err error)) {
	for _, id := range ids {
		r := b.operation.expanding(assignmentErrorEndpoint, selection.Relations, func(expand string) string {
			return at(below(assignmentErrorsPath, id), "$select", propertiesOfError(selection.Properties), "$expand", expand)
		})
		b.add(entity(r, assignmentErrorType.Read, func(e *licensing.AssignmentError, err error) { found(id, e, err) }))
	}
}

// AssignmentErrorsOfUsers reads the assignment errors of users. Permission: CloudLicensing.Read.All.
var AssignmentErrorsOfUsers = keyed("assignment errors of users", "AssignmentError", []string{"usageRight"}, apiece, (*Batch).assignmentErrorsOfUsers)

func (b *Batch) assignmentErrorsOfUsers(ids []string, selection upstream.Selection, found func(id string, errs []*licensing.AssignmentError, err error)) {
	for _, id := range ids {
		r := b.operation.expanding(assignmentErrorsOfUserEndpoint, selection.Relations, func(expand string) string {
			return at(ofUsers.below(id, "assignmentErrors"), "$select", propertiesOfError(selection.Properties), "$expand", expand)
		})
		b.add(all(r, assignmentErrorType.Read, func(errs []*licensing.AssignmentError, err error) { found(id, errs, err) }))
	}
}

// AssigneesOfErrors reads the assignees of assignment errors. Permission: CloudLicensing.Read.All.
var AssigneesOfErrors = keyed("assignees of errors", "User", nil, apiece, (*Batch).assigneesOfErrors)

func (b *Batch) assigneesOfErrors(ids []string, selection upstream.Selection, found func(id string, assignee *licensing.Reference, err error)) {
	for _, id := range ids {
		r := get(assigneeOfErrorEndpoint, at(below(assignmentErrorsPath, id, "assignedTo"), "$select", selected(onlyPlain(selection.Properties))))
		b.add(entity(r, orNull(reference("user")), func(ref *licensing.Reference, err error) { found(id, ref, err) }))
	}
}

// UsageRightsOfErrors reads the usage rights of assignment errors; nil if there is none. Permission:
// CloudLicensing.Read.All.
var UsageRightsOfErrors = keyed("usage rights of errors", "UsageRight", ofRight, apiece, (*Batch).usageRightsOfErrors)

func (b *Batch) usageRightsOfErrors(ids []string, selection upstream.Selection, found func(id string, right *licensing.UsageRight, err error)) {
	for _, id := range ids {
		r := b.operation.expanding(usageRightOfErrorEndpoint, selection.Relations, func(expand string) string {
			return at(below(assignmentErrorsPath, id, "usageRight"), "$select", propertiesOfRight(selection.Properties), "$expand", expand)
		})
		b.add(entity(r, orNull(usageRightType.Read), func(right *licensing.UsageRight, err error) {
			if errors.Is(err, upstream.ErrNotFound) { // a null relation is 204 (OData 4.01 Protocol, section 11.2.6) or, in some services, 404
				right, err = nil, nil
			}
			found(id, right, err)
		}))
	}
}

// assignmentErrorType reads errors and their expanded relations. A relation that cannot be read is read separately.
var assignmentErrorType = decode.TypeOf(
	decode.Relation[licensing.AssignmentError]{Name: "assignedTo", Read: func(d *decode.Decoder, e *licensing.AssignmentError) bool {
		e.Related.AssignedTo, e.Related.HasAssignedTo = expanded(d, reference("user"))
		return e.Related.HasAssignedTo
	}, Drop: func(e *licensing.AssignmentError) { e.Related.AssignedTo, e.Related.HasAssignedTo = nil, false }},
	decode.Relation[licensing.AssignmentError]{Name: "usageRight", Read: func(d *decode.Decoder, e *licensing.AssignmentError) bool {
		right, came := expanded(d, usageRightType.ReadPartial)
		e.Related.UsageRight, e.Related.RightProperties, e.Related.HasUsageRight = nil, nil, came
		if right != nil {
			e.Related.UsageRight, e.Related.RightProperties = right.Object, right.Properties
		}
		return came
	}, Drop: func(e *licensing.AssignmentError) {
		e.Related.UsageRight, e.Related.RightProperties, e.Related.HasUsageRight = nil, nil, false
	}},
)

// propertiesOfError returns the value of $select, without relations.
func propertiesOfError(properties []string) string {
	return selected(without(properties, "assignedTo", "usageRight"))
}
