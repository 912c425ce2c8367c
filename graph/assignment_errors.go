package graph

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

const (
	// maxLicensing is the largest page size of the licensing collections.
	maxLicensing = 1000
)

// assignmentErrors returns a page of the tenant's assignment errors that match the filter.
func (f *field) assignmentErrors() (*model.AssignmentErrorConnection, error) {
	filter, order := deref(arg[*model.AssignmentErrorFilter](f, "filter")), arg[*model.AssignmentErrorOrder](f, "orderBy")
	if err := checkErrorFilter(&filter); err != nil {
		return nil, err
	}
	l := f.errorList(listName("assignmentErrors", filter, order))
	l.query.Filter.SkuID, l.query.Filter.AssignedTo = string(deref(filter.SkuID)), deref(filter.AssignedTo)
	l.query.Filter.SkuIDs = strings.Join(each(filter.SkuIds, func(id licensing.GUID) string { return string(id) }), ",")
	f.filterErrors(&l, filter)
	if order != nil {
		return f.sortedErrors(l, order)
	}
	return rootPage(f, l)
}

// maxFilterCodes limits `codes`.
const maxFilterCodes = 20

// checkErrorFilter validates the filter and normalizes IDs.
func checkErrorFilter(f *model.AssignmentErrorFilter) error {
	var problem string
	switch {
	case f.SkuIds != nil && (len(f.SkuIds) == 0 || len(f.SkuIds) > maxValues):
		problem = fmt.Sprintf("`skuIds` has 1 to %d products: omit it for all", maxValues)
	case f.SkuIds != nil && f.SkuID != nil:
		problem = "`skuId` and `skuIds` cannot be combined: put all products into `skuIds`"
	case f.Codes != nil && (len(f.Codes) == 0 || len(f.Codes) > maxFilterCodes):
		problem = fmt.Sprintf("`codes` has 1 to %d codes: omit it for all", maxFilterCodes)
	case f.OccurredFrom != nil && f.OccurredBefore != nil && !f.OccurredFrom.Before(*f.OccurredBefore):
		problem = "`occurredFrom` must be before `occurredBefore`"
	}
	if problem != "" {
		return &upstream.InputError{Message: problem}
	}
	for _, id := range []**string{&f.AssignedTo, &f.GroupID} {
		if *id == nil {
			continue
		}
		guid, err := directoryID(**id)
		if err != nil {
			return err
		}
		*id = &guid
	}
	return nil
}

// maxSorted limits the number of errors that are sorted.
const maxSorted = 10_000

// sortedErrors returns a page of the sorted errors of a list. It reads the whole list.
func (f *field) sortedErrors(l list[*licensing.AssignmentError, *licensing.AssignmentError], order *model.AssignmentErrorOrder) (*model.AssignmentErrorConnection, error) {
	page, err := f.memoryPage(l.name)
	if err != nil {
		return nil, err
	}
	keep, readError, complete, most := l.keep, l.readError, l.complete, int32(maxSorted)
	l.keep, l.readError, l.maxFirst = nil, nil, maxSorted
	if order.Field == model.ErrorsByAssignee {
		l.complete = func(q upstream.Query, e *licensing.AssignmentError) (*licensing.AssignmentError, error) {
			if _, err := f.AssigneeOfError(e); errors.Is(err, loaders.ErrBlocked) {
				return nil, err
			}
			return complete(q, e)
		}
		readError = either(readError, func(e *licensing.AssignmentError) error {
			_, err := f.AssigneeOfError(e)
			return err
		})
	}
	all, err := connectionOf(f, l, &most, nil, f.prefetchLists)
	if err != nil {
		return nil, err
	}
	if all.PageInfo.HasNextPage {
		return nil, &upstream.InputError{Message: fmt.Sprintf("more than %d errors cannot be sorted: omit `orderBy`, or filter by `skuIds`", maxSorted)}
	}
	matching := slices.DeleteFunc(all.Nodes, func(e *licensing.AssignmentError) bool { return keep != nil && !keep(e) })
	result, err := memoryConnection(page, ordered(matching, order, f.compareErrors))
	if err == nil {
		if why := firstReadError(matching, readError); why != nil {
			result.SetReadError(why)
		}
	}
	return result, err
}

func (f *field) compareErrors(field model.AssignmentErrorOrderField, a, b *licensing.AssignmentError) int {
	switch field {
	case model.ErrorsByProduct:
		return compareText(productName(a), productName(b))
	case model.ErrorsByAssignee:
		return compareText(f.assigneeName(a), f.assigneeName(b))
	default:
		return deref(a.OccurrenceDateTime).Compare(deref(b.OccurrenceDateTime))
	}
}

// productName returns the display name of an error's product, or else its ID.
func productName(e *licensing.AssignmentError) string {
	if e.SkuID == nil {
		return ""
	}
	if sku, known := licensing.WellKnownSku(*e.SkuID); known {
		return nameOf(sku)
	}
	return string(*e.SkuID)
}

// assigneeName returns the display name of an error's assignee; empty if it was deleted or could not be read.
func (f *field) assigneeName(e *licensing.AssignmentError) string {
	assignee, _ := f.AssigneeOfError(e) //nolint:errcheck // [field.sortedErrors] reports it
	if user, ok := assignee.(*licensing.User); ok {
		return deref(user.DisplayName)
	}
	return ""
}

// assignmentErrorsOfGroup returns a page of the errors of licenses that a group assigned.
func (f *field) assignmentErrorsOfGroup(group *licensing.Group) (*model.AssignmentErrorConnection, error) {
	l := f.errorList(listName("assignmentErrors of group", group.ID))
	f.filterErrors(&l, model.AssignmentErrorFilter{GroupID: &group.ID})
	return pageOf(f, l)
}

// filterErrors sets the conditions that the gateway evaluates itself.
func (f *field) filterErrors(l *list[*licensing.AssignmentError, *licensing.AssignmentError], filter model.AssignmentErrorFilter) {
	l.readError = errorReadError(filter)
	if filter.GroupID == nil {
		l.keep = keepErrors(filter)
		return
	}
	l.complete = func(_ upstream.Query, e *licensing.AssignmentError) (*licensing.AssignmentError, error) {
		if _, err := f.LicenseStatesOfError(e); errors.Is(err, loaders.ErrBlocked) {
			return nil, err
		}
		return e, nil
	}
	l.readError = either(l.readError, f.sourceReadError)
	others := keepErrors(filter)
	l.keep = func(e *licensing.AssignmentError) bool {
		return (others == nil || others(e)) && (f.sourceReadError(e) != nil || f.assignedBy(e, *filter.GroupID))
	}
}

// assignedBy reports whether the group assigned the product of an error, with an error.
func (f *field) assignedBy(e *licensing.AssignmentError, group string) bool {
	states, _ := f.LicenseStatesOfError(e) //nolint:errcheck // [field.sourceReadError] returns it
	return slices.ContainsFunc(failed(states), func(s *licensing.LicenseAssignmentState) bool { return is(s.AssignedByGroup, group) })
}

// sourceReadError returns why the sources of an error's product could not be read.
func (f *field) sourceReadError(e *licensing.AssignmentError) error {
	states, err := f.LicenseStatesOfError(e)
	return cmp.Or(err, firstReadError(states, func(s *licensing.LicenseAssignmentState) error {
		return cmp.Or(s.ReadError("skuId"), s.ReadError("error"), s.ReadError("assignedByGroup"))
	}))
}

// filtersGroup reports whether an AssignmentErrorFilter argument has a group.
func filtersGroup(filter any) bool {
	f, _ := filter.(map[string]any)
	return f["groupId"] != nil
}

// ordersByAssignee reports whether an AssignmentErrorOrder argument sorts by assignee.
func ordersByAssignee(order any) bool {
	o, _ := order.(map[string]any)
	return o["field"] == string(model.ErrorsByAssignee)
}

// either returns a function that returns the error of the first function, else that of the second.
func either[T any](first, second func(T) error) func(T) error {
	return func(item T) error { return cmp.Or(first(item), second(item)) }
}

func (f *field) errorList(name string) list[*licensing.AssignmentError, *licensing.AssignmentError] {
	return list[*licensing.AssignmentError, *licensing.AssignmentError]{
		name: name, maxFirst: maxLicensing, typeName: "AssignmentError",
		loader: f.AssignmentErrorsByQuery, complete: asReturned[*licensing.AssignmentError],
	}
}

// keepErrors returns the conditions on an error itself that the gateway evaluates; nil if there are none.
func keepErrors(f model.AssignmentErrorFilter) func(*licensing.AssignmentError) bool {
	if f.SkuIds == nil && f.Code == nil && f.Codes == nil && f.Error == nil && f.OccurredFrom == nil && f.OccurredBefore == nil {
		return nil
	}
	return func(e *licensing.AssignmentError) bool {
		// An unreadable time matches; errorReadError returns the error.
		unread, at := e.ReadError("occurrenceDateTime") != nil, e.OccurrenceDateTime
		return hasCode(f, e) &&
			(f.SkuIds == nil || e.SkuID != nil && slices.Contains(f.SkuIds, *e.SkuID)) &&
			(f.OccurredFrom == nil || unread || at != nil && !at.Before(*f.OccurredFrom)) &&
			(f.OccurredBefore == nil || unread || at != nil && at.Before(*f.OccurredBefore))
	}
}

// hasCode reports whether an error matches the conditions on its code.
func hasCode(f model.AssignmentErrorFilter, e *licensing.AssignmentError) bool {
	return (f.Code == nil || strings.EqualFold(e.Code, *f.Code)) &&
		(f.Codes == nil || slices.ContainsFunc(f.Codes, func(code string) bool { return strings.EqualFold(e.Code, code) })) &&
		(f.Error == nil || is(e.Error(), *f.Error))
}

// errorReadError returns a function that returns why the time of an error cannot be compared: the service sent none,
// which excludes the error, or it could not be read, which includes it.
func errorReadError(f model.AssignmentErrorFilter) func(*licensing.AssignmentError) error {
	return func(e *licensing.AssignmentError) error {
		otherCode := e.Code != "" && !hasCode(f, e)
		if f.OccurredFrom == nil && f.OccurredBefore == nil || e.OccurrenceDateTime != nil || otherCode {
			return nil
		}
		return cmp.Or(e.ReadError("occurrenceDateTime"), upstream.OddValue("AssignmentError.occurrenceDateTime"))
	}
}

// assignmentError returns one assignment error by its ID.
func (f *field) assignmentError() (*licensing.AssignmentError, error) {
	return f.findAssignmentError(arg[string](f, "id"))
}

func (f *field) findAssignmentError(id string) (*licensing.AssignmentError, error) {
	if err := opaqueID(id); err != nil {
		return nil, err
	}
	f.prefetchLists()
	return rejectedAsNotFound(f.AssignmentErrorByID.Get(id))
}

// remedy returns a remedy for an error, found by its code or else by the license assignment states of its assignee.
func (f *field) remedy(e *licensing.AssignmentError) (remedy *licensing.Remedy, err error) {
	if remedy = e.RemedyByCode(); remedy != nil {
		return remedy, nil
	}
	states, err := f.LicenseStatesOfError(e)
	for _, state := range failed(states) {
		remedy = state.Remedy()
	}
	return remedy, cmp.Or(err, firstReadError(states, func(s *licensing.LicenseAssignmentState) error {
		return cmp.Or(s.ReadError("error"), s.ReadError("skuId"))
	}))
}
