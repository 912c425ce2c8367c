package graph

import (
	"cmp"
	"strings"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

const (
	// maxLicensing is the largest page of the licensing collections.
	maxLicensing = 1000
	// licensingAtOnce is the largest page of them upstream that is known to be in use.
	licensingAtOnce = 100
)

// errorsConnection returns a page of the tenant's assignment errors that a filter leaves.
func (p plan) errorsConnection(s selection, filter *model.AssignmentErrorFilter, first *int32, after *string) (*model.AssignmentErrorConnection, error) {
	f := deref(filter)
	l := p.errorList("assignmentErrors", f)
	l.query.Filter.SkuID = deref(f.SkuID)
	if f.AssignedTo != nil {
		id, err := directoryID(*f.AssignedTo)
		if err != nil {
			return nil, err
		}
		l.query.Filter.AssignedTo = id
	}
	l.keep, l.doubt = keepErrors(f), errorDoubt(f)
	return connection(p, s, l, first, after)
}

// assignmentErrorsOfSku is the list of a product's assignment errors.
func (p plan) assignmentErrorsOfSku(id string) list[*licensing.AssignmentError, *licensing.AssignmentError] {
	l := p.errorList("assignmentErrors of", id)
	l.query.Filter.SkuID = licensing.GUID(id)
	return l
}

func (p plan) errorList(field string, arguments any) list[*licensing.AssignmentError, *licensing.AssignmentError] {
	return list[*licensing.AssignmentError, *licensing.AssignmentError]{
		name: listName(field, arguments), most: maxLicensing, mostUpstream: licensingAtOnce, typeName: "AssignmentError",
		loader: p.AssignmentErrorsByQuery, whole: asSent[*licensing.AssignmentError], plan: p.assignmentError,
	}
}

// keepErrors returns what is filtered here; nil when nothing is.
func keepErrors(f model.AssignmentErrorFilter) func(*licensing.AssignmentError) bool {
	if f.Code == nil && f.OccurredFrom == nil && f.OccurredBefore == nil {
		return nil
	}
	return func(e *licensing.AssignmentError) bool {
		unread, at := e.WhyUnread("occurrenceDateTime") != nil, e.OccurrenceDateTime // shown, and said
		return (f.Code == nil || strings.EqualFold(e.Code, *f.Code)) &&
			(f.OccurredFrom == nil || unread || at != nil && !at.Before(*f.OccurredFrom)) &&
			(f.OccurredBefore == nil || unread || at != nil && at.Before(*f.OccurredBefore))
	}
}

// errorDoubt returns what tells why nobody can tell whether an error is wanted: of one that was sent without a time,
// which is left out, and of one whose time cannot be read, which is not.
func errorDoubt(f model.AssignmentErrorFilter) func(*licensing.AssignmentError) error {
	return func(e *licensing.AssignmentError) error {
		otherCode := f.Code != nil && e.Code != "" && !strings.EqualFold(e.Code, *f.Code)
		if f.OccurredFrom == nil && f.OccurredBefore == nil || e.OccurrenceDateTime != nil || otherCode {
			return nil
		}
		return cmp.Or(e.WhyUnread("occurrenceDateTime"), licensing.OddValue("AssignmentError.occurrenceDateTime"))
	}
}

// findAssignmentError returns one assignment error by its id.
func (p plan) findAssignmentError(s selection, id string) loaders.Thunk[*licensing.AssignmentError] {
	if err := opaqueID(id); err != nil {
		return failing[*licensing.AssignmentError](err)
	}
	p.ahead(s)
	return unlessRefused(p.AssignmentErrorByID.Plan(id, p.assignmentError(s)))
}

// errorsOfSku is the same list for a product that may have no id: then there is none.
func (p plan) errorsOfSku(sku *licensing.SubscribedSku) (l list[*licensing.AssignmentError, *licensing.AssignmentError]) {
	if sku.SkuID == nil {
		return l
	}
	return p.assignmentErrorsOfSku(string(*sku.SkuID))
}

// remedies returns what can be done about each error: by its code, else by the states of its assignee.
func (p plan) remedies(errs []*licensing.AssignmentError) ([]*licensing.Remedy, []error) {
	remedies, failures := each(errs, (*licensing.AssignmentError).RemedyByCode), make([]error, len(errs))
	var open []*licensing.AssignmentError
	var places []int
	for i, e := range errs {
		if remedies[i] == nil {
			open, places = append(open, e), append(places, i)
		}
	}
	states, unread := p.LicenseStatesOfErrors(open)
	for n, i := range places {
		failures[i] = cmp.Or(unread[n], firstDoubt(states[n], func(s *licensing.LicenseAssignmentState) error {
			return cmp.Or(s.WhyUnread("error"), s.WhyUnread("skuId"))
		}))
		for _, state := range failed(states[n]) {
			remedies[i] = state.Remedy()
		}
	}
	return remedies, failures
}
