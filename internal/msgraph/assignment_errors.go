package msgraph

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"

	"licensegraph/internal/licensing"
)

const (
	assignmentErrorsEndpoint       = "GET /admin/cloudLicensing/assignmentErrors"
	assignmentErrorEndpoint        = "GET /admin/cloudLicensing/assignmentErrors/{id}"
	assigneeOfErrorEndpoint        = "GET /admin/cloudLicensing/assignmentErrors/{id}/assignedTo"
	usageRightOfErrorEndpoint      = "GET /admin/cloudLicensing/assignmentErrors/{id}/usageRight"
	assignmentErrorsOfUserEndpoint = "GET /users/{id}/cloudLicensing/assignmentErrors"

	assignmentErrorsPath = "/admin/cloudLicensing/assignmentErrors"
	// maxCloudLicensingTop is the page size that Microsoft's own admin portal uses; no limit is published.
	maxCloudLicensingTop = 100
)

// AssignmentErrors returns a page of the tenant's assignment errors, with all their properties: they are few,
// and a later page may be read for an operation that selects others. Needs CloudLicensing.Read.All.
func (o *Operation) AssignmentErrors(ctx context.Context, q licensing.ListQuery) (licensing.Page[*licensing.AssignmentError], error) {
	r := &read{endpoint: assignmentErrorsEndpoint, url: q.Link}
	if q.Link == "" {
		var filter string
		if q.SkuID != nil {
			filter = "skuId eq " + string(*q.SkuID)
		}
		o.client.expanding(r, q.Expand, func(expand string) string {
			return assignmentErrorsPath + "?" + query("$expand", expand, "$filter", filter, "$top", strconv.Itoa(min(q.Top, maxCloudLicensingTop)))
		})
	}
	return readPage(ctx, o, q, r, assignmentError)
}

// AssignmentErrors adds reads of assignment errors by id. Needs CloudLicensing.Read.All.
func (b *Batch) AssignmentErrors(ids, properties, expand []string, found func(id string, e *licensing.AssignmentError, err error)) {
	for _, id := range ids {
		r := b.operation.client.expanding(&read{endpoint: assignmentErrorEndpoint}, expand, func(expand string) string {
			return assignmentErrorsPath + "/" + url.PathEscape(id) + "?" + query("$select", propertiesOfError(properties), "$expand", expand)
		})
		r.done = func(body []byte, err error) {
			if err != nil {
				found(id, nil, err)
				return
			}
			e, err := assignmentError(unwrapped(body))
			if err != nil {
				err = unreadable(r.endpoint, err)
			}
			found(id, e, err)
		}
		b.add(r)
	}
}

// AssignmentErrorsOfUsers adds reads of the assignment errors of users. Needs CloudLicensing.Read.All.
func (b *Batch) AssignmentErrorsOfUsers(ids, properties, expand []string, found func(id string, errs []*licensing.AssignmentError, err error)) {
	for _, id := range ids {
		r := b.operation.client.expanding(&read{endpoint: assignmentErrorsOfUserEndpoint}, expand, func(expand string) string {
			return "/users/" + url.PathEscape(id) + "/cloudLicensing/assignmentErrors?" +
				query("$select", propertiesOfError(properties), "$expand", expand)
		})
		b.add(all(r, assignmentError, func(errs []*licensing.AssignmentError, err error) { found(id, errs, err) }))
	}
}

// AssigneesOfErrors adds reads of the assignees of errors. Needs CloudLicensing.Read.All.
func (b *Batch) AssigneesOfErrors(ids, properties []string, found func(id string, assignee *licensing.Reference, err error)) {
	properties = slices.DeleteFunc(slices.Clone(properties), func(p string) bool { return !plainProperties[p] })
	for _, id := range ids {
		r := &read{
			endpoint: assigneeOfErrorEndpoint,
			url:      assignmentErrorsPath + "/" + url.PathEscape(id) + "/assignedTo?" + query("$select", selected(properties)),
		}
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

// UsageRightsOfErrors adds reads of what the assignees of errors can still use; nil where there is nothing.
// Needs CloudLicensing.Read.All.
func (b *Batch) UsageRightsOfErrors(ids, properties []string, found func(id string, right *licensing.UsageRight, err error)) {
	for _, id := range ids {
		r := &read{
			endpoint: usageRightOfErrorEndpoint,
			url:      assignmentErrorsPath + "/" + url.PathEscape(id) + "/usageRight?" + query("$select", selected(properties)),
		}
		r.done = func(body []byte, err error) {
			// A relation to nothing is 204 (OData 4.01 Protocol, section 11.2.6), or 404 in some services.
			if errors.Is(err, licensing.ErrNotFound) || err == nil && nothing(unwrapped(body)) {
				found(id, nil, nil)
				return
			}
			if err != nil {
				found(id, nil, err)
				return
			}
			right, err := decode[licensing.UsageRight](body)
			if err != nil {
				err = unreadable(r.endpoint, err)
			}
			found(id, right, err)
		}
		b.add(r)
	}
}

// assignmentError decodes an error and what came along with it. A relation that is null is an answer; one
// that is absent is none.
func assignmentError(raw json.RawMessage) (*licensing.AssignmentError, error) {
	e, err := decode[licensing.AssignmentError](raw)
	if err != nil {
		return nil, err
	}
	var relations map[string]json.RawMessage
	if err := json.Unmarshal(raw, &relations); err != nil {
		return nil, err
	}
	assignee, came := relations["assignedTo"]
	e.Related.HasAssignedTo = came
	if came && !nothing(assignee) {
		if e.Related.AssignedTo, err = reference("user")(assignee); err != nil {
			return nil, err
		}
	}
	right, came := relations["usageRight"]
	e.Related.HasUsageRight = came
	if came && !nothing(right) {
		if e.Related.UsageRight, err = decode[licensing.UsageRight](right); err != nil {
			return nil, err
		}
		e.Related.RightProperties, err = shown(right)
	}
	return e, err
}

// propertiesOfError returns the value of $select without the relations.
func propertiesOfError(properties []string) string {
	return selected(slices.DeleteFunc(slices.Clone(properties), func(p string) bool { return p == "assignedTo" || p == "usageRight" }))
}
