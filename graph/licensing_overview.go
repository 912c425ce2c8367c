package graph

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// maxCounted bounds what the overview counts.
const maxCounted = 1000

// licensingOverview is what its parts are of.
func (f *field) licensingOverview() (*model.LicensingOverview, error) {
	return &model.LicensingOverview{}, nil
}

func counted() *int32 {
	n := int32(maxCounted)
	return &n
}

// products returns each product of the tenant with its units, by name.
func (f *field) products(*model.LicensingOverview) ([]*model.ProductOverview, error) {
	if !f.of("ProductOverview", "nextLifecycleDate").empty() {
		f.AllAllotments() //nolint:errcheck // nextLifecycleDate says
	}
	skus, err := f.AllSubscribedSkus()
	if err != nil {
		return nil, err
	}
	products := []*model.ProductOverview{}
	for _, sku := range ordered(skus, &model.SubscribedSkuOrder{Field: model.SkusByProductName}, compareSkus) {
		products = append(products, &model.ProductOverview{Sku: sku})
	}
	return products, nil
}

// nextLifecycleDate returns the first day on which a purchase of a product changes: neither one in the past, nor the last
// one of a purchase that is gone.
func (f *field) nextLifecycleDate(product *model.ProductOverview) (next *licensing.Date, err error) {
	if err := product.Sku.WhyUnread("skuId"); err != nil || product.Sku.SkuID == nil {
		return nil, err
	}
	allotments, err := f.AllotmentsOfSku(*product.Sku.SkuID)
	if err != nil {
		return nil, err
	}
	err = f.AllotmentDoubt()
	today := licensing.DateOf(time.Now())
	for _, allotment := range allotments {
		err = cmp.Or(err, allotment.WhyUnread("subscriptions"))
		for _, subscription := range allotment.Subscriptions {
			err = cmp.Or(err, subscription.WhyUnread("nextLifecycleDate"), subscription.WhyUnread("state"))
			day := subscription.NextLifecycleDate
			if day == nil || *day < today || is(subscription.State(), licensing.SubscriptionDeleted) {
				continue
			}
			if next == nil || *day < *next {
				next = day
			}
		}
	}
	return next, err
}

// failed returns the states that are known to have an error, and of which the product is known.
func failed(states []*licensing.LicenseAssignmentState) []*licensing.LicenseAssignmentState {
	return slices.DeleteFunc(slices.Clone(states), func(s *licensing.LicenseAssignmentState) bool {
		return s.Error() == nil || s.WhyUnread("skuId") != nil
	})
}

// countErrors counts what failed.
func (f *field) countErrors(*model.LicensingOverview) (*model.AssignmentErrorOverview, error) {
	page, err := connectionOf(f, f.errorList("licensingOverview", "assignmentErrors"), counted(), nil, func() {})
	if err != nil {
		return nil, err
	}
	overview := &model.AssignmentErrorOverview{Errors: page.Nodes(), Complete: !page.PageInfo.HasNextPage}
	codes, products := map[string]int32{}, map[licensing.GUID]int32{}
	for _, e := range overview.Errors {
		if err := e.WhyUnread("code"); err != nil {
			overview.Lose("byCode", err)
		} else {
			codes[e.Code]++
		}
		if err := e.WhyUnread("skuId"); err != nil {
			overview.Lose("byProduct", err)
		} else {
			products[deref(e.SkuID)]++
		}
	}
	overview.ByCode = []*model.AssignmentErrorsOfCode{}
	for _, code := range frequent(codes) {
		overview.ByCode = append(overview.ByCode, &model.AssignmentErrorsOfCode{Code: code, Count: codes[code]})
	}
	overview.ByProduct = []*model.AssignmentErrorsOfProduct{}
	for _, id := range frequent(products) {
		overview.ByProduct = append(overview.ByProduct, &model.AssignmentErrorsOfProduct{SkuID: unlessZero(id), Count: products[id]})
	}
	return overview, nil
}

// countByGroup counts errors by the groups that assigned their products.
func (f *field) countByGroup(o *model.AssignmentErrorOverview) ([]*model.AssignmentErrorsOfGroup, error) {
	counts, _, err := f.sources(o.Errors)
	if err != nil {
		return nil, err
	}
	byGroup := []*model.AssignmentErrorsOfGroup{}
	for _, id := range frequent(counts) {
		byGroup = append(byGroup, &model.AssignmentErrorsOfGroup{GroupID: unlessZero(id), Count: counts[id]})
	}
	return byGroup, nil
}

// countWithoutSource counts the errors of which it is not known what assigned their products.
func (f *field) countWithoutSource(o *model.AssignmentErrorOverview) (*int32, error) {
	_, unknown, err := f.sources(o.Errors)
	return &unknown, err
}

// sources counts errors by the ids of the groups that assigned their products, and those of which that is not known. It
// fails when nothing is known because nothing could be read.
func (f *field) sources(errs []*licensing.AssignmentError) (counts map[string]int32, unknown int32, err error) {
	states, failures, blocked := loaders.Collect(errs, f.LicenseStatesOfError)
	if blocked != nil {
		return nil, 0, blocked
	}
	counts = map[string]int32{}
	for i, list := range states {
		sources := slices.DeleteFunc(failed(list), func(s *licensing.LicenseAssignmentState) bool { return s.WhyUnread("assignedByGroup") != nil })
		if len(sources) == 0 {
			unknown++
		}
		for _, state := range sources {
			counts[deref(state.AssignedByGroup)]++
		}
		err = cmp.Or(err, failures[i])
	}
	if err != nil && int(unknown) == len(errs) {
		return nil, 0, err
	}
	return counts, unknown, nil
}

// exhausted returns the allotments that are not known to have a free unit: who waits, waits for these.
func exhausted(allotments []*licensing.Allotment) []*licensing.Allotment {
	return slices.DeleteFunc(slices.Clone(allotments), func(a *licensing.Allotment) bool { return deref(a.AvailableUnits()) > 0 })
}

// countWaiting counts who waits for units of each allotment. It returns the counts of the queues that could be read, and why
// others could not; it fails when none could.
func (f *field) countWaiting(*model.LicensingOverview) ([]*model.WaitingMemberCount, error) {
	f.prefetchLists()
	allotments, err := f.AllAllotments()
	if err != nil {
		return nil, err
	}
	allotments = exhausted(allotments)
	pages, errs, blocked := loaders.Collect(allotments, func(a *licensing.Allotment) (*model.WaitingMemberConnection, error) {
		return connectionOf(f, f.waitingMembersOf(a.ID), counted(), nil, func() {})
	})
	if blocked != nil {
		return nil, blocked
	}
	counts, failed := []*model.WaitingMemberCount{}, 0
	var missing error
	for i, page := range pages {
		if errs[i] != nil {
			missing, failed = cmp.Or(missing, errs[i]), failed+1
			continue
		}
		members := page.Nodes()
		if len(members) > 0 {
			count := &model.WaitingMemberCount{
				Allotment: allotments[i], Count: int32(len(members)), Complete: !page.PageInfo.HasNextPage, LongestSince: longest(members),
			}
			if err := firstDoubt(members, func(w *licensing.WaitingMember) error { return w.WhyUnread("waitingSinceDateTime") }); err != nil {
				count.Lose("longestSince", err)
			}
			counts = append(counts, count)
		}
	}
	if failed > 0 && failed == len(pages) {
		return nil, missing
	}
	slices.SortStableFunc(counts, func(a, b *model.WaitingMemberCount) int { return cmp.Compare(b.Count, a.Count) })
	if missing != nil {
		return counts, &partialError{missing}
	}
	return counts, nil
}

// longest returns since when the first of those who wait waits; nil when that is not known of anybody.
func longest(members []*licensing.WaitingMember) *time.Time {
	known := slices.DeleteFunc(slices.Clone(members), func(w *licensing.WaitingMember) bool { return w.WaitingSinceDateTime == nil })
	if len(known) == 0 {
		return nil
	}
	return slices.MinFunc(known, func(a, b *licensing.WaitingMember) int {
		return a.WaitingSinceDateTime.Compare(*b.WaitingSinceDateTime)
	}).WaitingSinceDateTime
}

// frequent returns the keys of counts, the most frequent first.
func frequent[K cmp.Ordered](counts map[K]int32) []K {
	return slices.SortedFunc(maps.Keys(counts), func(a, b K) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
}

// unlessZero returns a pointer to a value; nil for the zero value.
func unlessZero[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}
