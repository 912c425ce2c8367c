package msgraph

import (
	"encoding/json"
	"errors"

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
	// maxCloudLicensingTop is the page size that the Microsoft 365 admin center uses; no limit is documented.
	maxCloudLicensingTop = 100
)

// listAssignmentErrors adds a read of a page of the assignment errors of the tenant or of a user. It selects all
// properties: they are few, and another operation, which selects others, may read a later page. Permission:
// CloudLicensing.Read.All.
func (b *Batch) listAssignmentErrors(q upstream.Query, ask upstream.Ask, found func(upstream.Page[*licensing.AssignmentError], error)) {
	endpoint, path := assignmentErrorsEndpoint, assignmentErrorsPath
	if user := q.Filter.AssignedTo; user != "" {
		endpoint, path = assignmentErrorsOfUserEndpoint, ofUsers.below(user, "assignmentErrors")
	}
	var filter string
	if q.Filter.SkuID != "" {
		filter = guidIs("skuId", []string{q.Filter.SkuID})
	}
	r := b.operation.expanding(endpoint, ask.Relations, func(expand string) string {
		return at(path, "$expand", expand, "$filter", filter, "$top", atMost(q.Top, maxCloudLicensingTop))
	})
	if _, ok := licensing.ParseGUID(q.Filter.SkuID); !ok && q.Filter.SkuID != "" {
		r.known = upstream.OddValue("SubscribedSku.skuId")
	}
	page(b, q, r, assignmentError, found)
}

// assignmentErrorsByID adds reads of assignment errors by ID. Permission: CloudLicensing.Read.All.
func (b *Batch) assignmentErrorsByID(ids []string, ask upstream.Ask, found func(id string, e *licensing.AssignmentError, err error)) {
	for _, id := range ids {
		r := b.operation.expanding(assignmentErrorEndpoint, ask.Relations, func(expand string) string {
			return at(below(assignmentErrorsPath, id), "$select", propertiesOfError(ask.Properties), "$expand", expand)
		})
		b.add(entity(r, assignmentError, func(e *licensing.AssignmentError, err error) { found(id, e, err) }))
	}
}

// assignmentErrorsOfUsers adds reads of the assignment errors of users. Permission: CloudLicensing.Read.All.
func (b *Batch) assignmentErrorsOfUsers(ids []string, ask upstream.Ask, found func(id string, errs []*licensing.AssignmentError, err error)) {
	for _, id := range ids {
		r := b.operation.expanding(assignmentErrorsOfUserEndpoint, ask.Relations, func(expand string) string {
			return at(ofUsers.below(id, "assignmentErrors"), "$select", propertiesOfError(ask.Properties), "$expand", expand)
		})
		b.add(all(r, assignmentError, func(errs []*licensing.AssignmentError, err error) { found(id, errs, err) }))
	}
}

// assigneesOfErrors adds reads of the assignees of errors. Permission: CloudLicensing.Read.All.
func (b *Batch) assigneesOfErrors(ids []string, ask upstream.Ask, found func(id string, assignee *licensing.Reference, err error)) {
	for _, id := range ids {
		r := get(assigneeOfErrorEndpoint, at(below(assignmentErrorsPath, id, "assignedTo"), "$select", selected(onlyPlain(ask.Properties))))
		r.done = func(body []byte, err error) {
			if err != nil || nothing(unwrapped(body)) {
				found(id, nil, err)
				return
			}
			ref, err := reference("user")(body)
			if err != nil {
				err = unreadable(r.endpoint, err)
			}
			found(id, ref, err)
		}
		b.add(r)
	}
}

// usageRightsOfErrors adds reads of the usage rights of errors; nil if there is none. Permission:
// CloudLicensing.Read.All.
func (b *Batch) usageRightsOfErrors(ids []string, ask upstream.Ask, found func(id string, right *licensing.UsageRight, err error)) {
	for _, id := range ids {
		r := b.operation.expanding(usageRightOfErrorEndpoint, ask.Relations, func(expand string) string {
			return at(below(assignmentErrorsPath, id, "usageRight"), "$select", propertiesOfRight(ask.Properties), "$expand", expand)
		})
		r.done = func(body []byte, err error) {
			// A null relation is 204 (OData 4.01 Protocol, section 11.2.6) or, in some services, 404.
			if errors.Is(err, upstream.ErrNotFound) || err == nil && nothing(unwrapped(body)) {
				found(id, nil, nil)
				return
			}
			if err != nil {
				found(id, nil, err)
				return
			}
			right, err := usageRight(unwrapped(body))
			if err != nil {
				err = unreadable(r.endpoint, err)
			}
			found(id, right, err)
		}
		b.add(r)
	}
}

// assignmentError decodes an error and its expanded relations.
func assignmentError(raw json.RawMessage) (*licensing.AssignmentError, error) {
	e, err := decode[licensing.AssignmentError](raw)
	if err != nil {
		return nil, err
	}
	members, err := relations(unwrapped(raw))
	if err != nil {
		return nil, err
	}
	// An expanded relation that cannot be decoded is read separately.
	e.Related.AssignedTo, e.Related.HasAssignedTo = expanded(members, "assignedTo", reference("user"))
	right, came := expanded(members, "usageRight", expandedEntity[licensing.UsageRight])
	if e.Related.HasUsageRight = came; right != nil {
		e.Related.UsageRight, e.Related.RightProperties = right.Object, right.Properties
	}
	return e, nil
}

// propertiesOfError returns the value of $select, without relations.
func propertiesOfError(properties []string) string {
	return selected(without(properties, "assignedTo", "usageRight"))
}
