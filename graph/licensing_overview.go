package graph

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// maxCounted limits the elements of each list that are counted.
const maxCounted = 1000

// licensingOverview returns the parent of the counts.
func (f *field) licensingOverview() (*model.LicensingOverview, error) {
	return &model.LicensingOverview{}, nil
}

func counted() *int32 {
	n := int32(maxCounted)
	return &n
}

// products returns the tenant's products with their units, sorted by name.
func (f *field) products(*model.LicensingOverview) ([]*model.ProductOverview, error) {
	if !f.of("ProductOverview", "nextLifecycleDate").empty() {
		f.AllAllotments() //nolint:errcheck // nextLifecycleDate returns the error
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

// nextLifecycleDate returns the earliest lifecycle date, today or later, of a product's subscriptions that are not
// deleted: those of its allotments or, if the tenant does not provide them or denies them, its purchases.
func (f *field) nextLifecycleDate(product *model.ProductOverview) (next *licensing.Date, err error) {
	if err := product.Sku.ReadError("skuId"); err != nil || product.Sku.SkuID == nil {
		return nil, err
	}
	allotments, err := f.AllotmentsOfSku(*product.Sku.SkuID)
	if errors.Is(err, upstream.ErrForbidden) || errors.Is(err, upstream.ErrNotOffered) {
		return f.nextPurchaseDate(product.Sku, err)
	}
	if err != nil {
		return nil, err
	}
	err = f.AllotmentReadError()
	for _, allotment := range allotments {
		err = cmp.Or(err, allotment.ReadError("subscriptions"))
		for _, subscription := range allotment.Subscriptions {
			err = cmp.Or(err, subscription.ReadError("nextLifecycleDate"), subscription.ReadError("state"))
			if !is(subscription.State(), licensing.SubscriptionDeleted) {
				next = sooner(next, subscription.NextLifecycleDate)
			}
		}
	}
	return next, err
}

// nextPurchaseDate returns that date of a product's purchases. denied is the error of the allotments.
func (f *field) nextPurchaseDate(sku *licensing.SubscribedSku, denied error) (next *licensing.Date, err error) {
	purchases, err := f.CompanySubscriptionsOf(sku)
	if err != nil {
		return nil, eitherPermission(denied, err)
	}
	for _, s := range purchases {
		err = cmp.Or(err, s.ReadError("nextLifecycleDateTime"), s.ReadError("status"))
		if !is(s.Status(), licensing.CapabilityDeleted) {
			next = sooner(next, s.NextLifecycleDate())
		}
	}
	return next, err
}

// sooner returns the earlier of two dates, without a date in the past.
func sooner(next, day *licensing.Date) *licensing.Date {
	if day == nil || *day < licensing.DateOf(time.Now()) || next != nil && *next <= *day {
		return next
	}
	return day
}

// eitherPermission returns the error of a read and of its fallback: if both are denied, that of the read, with the
// permissions of both.
func eitherPermission(denied, fallback error) error {
	read, ok := errors.AsType[*upstream.Error](denied)
	other, alsoOK := errors.AsType[*upstream.Error](fallback)
	if !ok || !alsoOK || !errors.Is(other, upstream.ErrForbidden) || !errors.Is(read, upstream.ErrForbidden) {
		return fallback
	}
	both := *read
	if other.Permission != "" {
		both.PermissionAlternatives = append(slices.Clone(read.PermissionAlternatives), other.Permission)
	}
	return &both
}

// failed returns the states with an error whose product is known.
func failed(states []*licensing.LicenseAssignmentState) []*licensing.LicenseAssignmentState {
	return slices.DeleteFunc(slices.Clone(states), func(s *licensing.LicenseAssignmentState) bool {
		return s.Error() == nil || s.ReadError("skuId") != nil
	})
}

// countErrors counts assignment errors by code and by product.
func (f *field) countErrors(*model.LicensingOverview) (*model.AssignmentErrorOverview, error) {
	page, err := connectionOf(f, f.errorList("licensingOverview assignmentErrors"), counted(), nil, func() {})
	if err != nil {
		return nil, err
	}
	overview := &model.AssignmentErrorOverview{Errors: page.Nodes, Complete: !page.PageInfo.HasNextPage}
	codes, products := map[string]int32{}, map[licensing.GUID]int32{}
	for _, e := range overview.Errors {
		if err := e.ReadError("code"); err != nil {
			overview.SetReadError("byCode", err)
		} else {
			codes[e.Code]++
		}
		if err := e.ReadError("skuId"); err != nil {
			overview.SetReadError("byProduct", err)
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

// countByGroup counts errors by the group that assigned the product.
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

// countWithoutSource counts the errors whose assignment source is unknown.
func (f *field) countWithoutSource(o *model.AssignmentErrorOverview) (*int32, error) {
	_, unknown, err := f.sources(o.Errors)
	return &unknown, err
}

// sources counts errors by the ID of the group that assigned the product, and those without a known source. It fails
// if a read failed and no source is known.
func (f *field) sources(errs []*licensing.AssignmentError) (counts map[string]int32, unknown int32, err error) {
	states, failures, blocked := loaders.Collect(errs, f.LicenseStatesOfError)
	if blocked != nil {
		return nil, 0, blocked
	}
	counts = map[string]int32{}
	for i, list := range states {
		sources := slices.DeleteFunc(failed(list), func(s *licensing.LicenseAssignmentState) bool { return s.ReadError("assignedByGroup") != nil })
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

// exhausted returns the allotments without available units, on which members can wait.
func exhausted(allotments []*licensing.Allotment) []*licensing.Allotment {
	return slices.DeleteFunc(slices.Clone(allotments), func(a *licensing.Allotment) bool { return deref(a.AvailableUnits()) > 0 })
}

// countWaiting counts the waiting members per allotment. If some queues cannot be read, it returns the others and a
// partialError; if none can, it fails.
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
		members := page.Nodes
		if len(members) > 0 {
			count := &model.WaitingMemberCount{
				Allotment: allotments[i], Count: int32(len(members)), Complete: !page.PageInfo.HasNextPage, LongestSince: longest(members),
			}
			if err := firstReadError(members, func(w *licensing.WaitingMember) error { return w.ReadError("waitingSinceDateTime") }); err != nil {
				count.SetReadError("longestSince", err)
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

// longest returns the earliest waitingSinceDateTime; nil if none is known.
func longest(members []*licensing.WaitingMember) *time.Time {
	known := slices.DeleteFunc(slices.Clone(members), func(w *licensing.WaitingMember) bool { return w.WaitingSinceDateTime == nil })
	if len(known) == 0 {
		return nil
	}
	return slices.MinFunc(known, func(a, b *licensing.WaitingMember) int {
		return a.WaitingSinceDateTime.Compare(*b.WaitingSinceDateTime)
	}).WaitingSinceDateTime
}

// frequent returns the keys of counts, highest count first.
func frequent[K cmp.Ordered](counts map[K]int32) []K {
	return slices.SortedFunc(maps.Keys(counts), func(a, b K) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
}

// unlessZero returns a pointer to the value; nil for the zero value.
func unlessZero[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}
