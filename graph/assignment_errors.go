package graph

import (
	"cmp"
	"strings"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

const (
	// maxLicensing is the largest page size of the licensing collections.
	maxLicensing = 1000
)

// assignmentErrors returns a page of the tenant's assignment errors that match the filter.
func (f *field) assignmentErrors() (*model.AssignmentErrorConnection, error) {
	filter := deref(arg[*model.AssignmentErrorFilter](f, "filter"))
	l := f.errorList("assignmentErrors", filter)
	l.query.Filter.SkuID = string(deref(filter.SkuID))
	if filter.AssignedTo != nil {
		id, err := directoryID(*filter.AssignedTo)
		if err != nil {
			return nil, err
		}
		l.query.Filter.AssignedTo = id
	}
	l.keep, l.readError = keepErrors(filter), errorReadError(filter)
	return rootPage(f, l)
}

func (f *field) errorList(name string, arguments any) list[*licensing.AssignmentError, *licensing.AssignmentError] {
	return list[*licensing.AssignmentError, *licensing.AssignmentError]{
		name: listName(name, arguments), maxFirst: maxLicensing, typeName: "AssignmentError",
		loader: f.AssignmentErrorsByQuery, complete: asReturned[*licensing.AssignmentError],
	}
}

// keepErrors returns the conditions that the gateway evaluates itself; nil if there are none.
func keepErrors(f model.AssignmentErrorFilter) func(*licensing.AssignmentError) bool {
	if f.Code == nil && f.OccurredFrom == nil && f.OccurredBefore == nil {
		return nil
	}
	return func(e *licensing.AssignmentError) bool {
		// An unreadable time matches; errorReadError returns the error.
		unread, at := e.ReadError("occurrenceDateTime") != nil, e.OccurrenceDateTime
		return (f.Code == nil || strings.EqualFold(e.Code, *f.Code)) &&
			(f.OccurredFrom == nil || unread || at != nil && !at.Before(*f.OccurredFrom)) &&
			(f.OccurredBefore == nil || unread || at != nil && at.Before(*f.OccurredBefore))
	}
}

// errorReadError returns a function that returns why the time of an error cannot be compared: the service sent none,
// which excludes the error, or it could not be read, which includes it.
func errorReadError(f model.AssignmentErrorFilter) func(*licensing.AssignmentError) error {
	return func(e *licensing.AssignmentError) error {
		otherCode := f.Code != nil && e.Code != "" && !strings.EqualFold(e.Code, *f.Code)
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
