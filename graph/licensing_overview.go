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

// overview plans what is selected of the overview, so that its parts travel together.
func (p plan) overview(s selection) *model.LicensingOverview {
	products, errs, waiting := s.of("LicensingOverview", "products"), s.of("LicensingOverview", "assignmentErrors"), s.of("LicensingOverview", "waitingMembers")
	p.Together(func() {
		if !products.empty() {
			p.SubscribedSkus.Plan(loaders.Tenant, all(p.subscribedSku(products.of("ProductOverview", "sku"))))
			if !products.of("ProductOverview", "nextLifecycleDate").empty() {
				p.AllAllotments()
			}
		}
		if !errs.empty() {
			if pager, err := p.countedErrors(errs).pager(p, selection{}, counted(), nil); err == nil {
				pager.load()
			}
		}
		if !waiting.empty() {
			next := p.allotment(waiting.of("WaitingMemberCount", "allotment"))
			p.Allotments.Plan(loaders.Tenant, func(allotments []*licensing.Allotment) {
				for _, allotment := range exhausted(allotments) {
					next(allotment)
					if pager, err := p.countedMembers(allotment.ID).pager(p, selection{}, counted(), nil); err == nil {
						pager.load()
					}
				}
			})
		}
	})
	p.Begun()
	return &model.LicensingOverview{}
}

func counted() *int32 {
	n := int32(maxCounted)
	return &n
}

// products returns each product of the tenant with its units, by name.
func (p plan) products() ([]*model.ProductOverview, error) {
	skus, err := p.AllSubscribedSkus()()
	if err != nil {
		return nil, err
	}
	products := []*model.ProductOverview{}
	for _, sku := range ordered(skus, &model.SubscribedSkuOrder{Field: model.SkusByProductName}, compareSkus) {
		products = append(products, &model.ProductOverview{Sku: sku})
	}
	return products, nil
}

// nextLifecycleDates returns for each product the first day on which a purchase of it changes: neither one in the past, nor
// the last one of a purchase that is gone.
func (p plan) nextLifecycleDates(products []*model.ProductOverview) ([]*licensing.Date, []error) {
	return loaders.Wait(each(products, func(product *model.ProductOverview) loaders.Thunk[*licensing.Date] {
		if err := product.Sku.WhyUnread("skuId"); err != nil {
			return failing[*licensing.Date](err)
		}
		if product.Sku.SkuID == nil {
			return held[*licensing.Date](nil)
		}
		thunk, today := p.AllotmentsOfSku(*product.Sku.SkuID), licensing.DateOf(time.Now())
		return func() (next *licensing.Date, err error) {
			allotments, err := thunk()
			if err == nil {
				err = p.AllotmentDoubt()
			}
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
	}))
}

// countedErrors is the list of errors that the overview counts, with the plan of what it shows of them.
func (p plan) countedErrors(s selection) list[*licensing.AssignmentError, *licensing.AssignmentError] {
	l := p.errorList("licensingOverview", "assignmentErrors")
	sku := p.sku(s.of("AssignmentErrorOverview", "byProduct").of("AssignmentErrorsOfProduct", "sku"))
	groups := s.of("AssignmentErrorOverview", "byGroup")
	byGroup := !groups.empty() || !s.of("AssignmentErrorOverview", "withoutSource").empty()
	group := groups.of("AssignmentErrorsOfGroup", "group")
	idSuffices, ofGroup := group.only("Group", "id"), p.group(group)
	l.plan = func(selection) func(*licensing.AssignmentError) {
		return func(e *licensing.AssignmentError) {
			sku(e.SkuID)
			if !byGroup {
				return
			}
			p.PlanLicenseStates(e, func(states []*licensing.LicenseAssignmentState) {
				for _, state := range failed(states) {
					if state.AssignedByGroup != nil && !idSuffices {
						p.GroupByID.Plan(*state.AssignedByGroup, ofGroup)
					}
				}
			})
		}
	}
	return l
}

// failed returns the states that are known to have an error, and of which the product is known.
func failed(states []*licensing.LicenseAssignmentState) []*licensing.LicenseAssignmentState {
	return slices.DeleteFunc(slices.Clone(states), func(s *licensing.LicenseAssignmentState) bool {
		return s.Error() == nil || s.WhyUnread("skuId") != nil
	})
}

// countErrors counts what failed.
func (p plan) countErrors(s selection) (*model.AssignmentErrorOverview, error) {
	page, err := connection(p, selection{}, p.countedErrors(s), counted(), nil)
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

// countByGroup counts errors by the groups that assigned their products, and those of which that is not known. It fails
// when nothing is known because nothing could be read.
func (p plan) countByGroup(errs []*licensing.AssignmentError) (byGroup []*model.AssignmentErrorsOfGroup, unknown int32, err error) {
	states, failures := p.LicenseStatesOfErrors(errs)
	counts := map[string]int32{}
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
	byGroup = []*model.AssignmentErrorsOfGroup{}
	for _, id := range frequent(counts) {
		byGroup = append(byGroup, &model.AssignmentErrorsOfGroup{GroupID: unlessZero(id), Count: counts[id]})
	}
	return byGroup, unknown, nil
}

// countedMembers is the list of waiting members that the overview counts.
func (p plan) countedMembers(allotmentID string) list[*licensing.WaitingMember, *licensing.WaitingMember] {
	l := p.waitingMembersOf(allotmentID)
	l.plan = func(selection) func(*licensing.WaitingMember) { return nothing[*licensing.WaitingMember] }
	return l
}

// exhausted returns the allotments that are not known to have a free unit: who waits, waits for these.
func exhausted(allotments []*licensing.Allotment) []*licensing.Allotment {
	return slices.DeleteFunc(slices.Clone(allotments), func(a *licensing.Allotment) bool { return deref(a.AvailableUnits()) > 0 })
}

// countWaiting counts who waits for units of each allotment. It returns the counts of the queues that could be read, and why
// others could not; it fails when none could.
func (p plan) countWaiting() (counts []*model.WaitingMemberCount, missing, err error) {
	allotments, err := p.AllAllotments()()
	if err != nil {
		return nil, nil, err
	}
	allotments = exhausted(allotments)
	pages, errs := connections(p, selection{}, each(allotments, func(a *licensing.Allotment) list[*licensing.WaitingMember, *licensing.WaitingMember] {
		return p.countedMembers(a.ID)
	}), counted(), nil)
	counts, failed := []*model.WaitingMemberCount{}, 0
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
		return nil, nil, missing
	}
	slices.SortStableFunc(counts, func(a, b *model.WaitingMemberCount) int { return cmp.Compare(b.Count, a.Count) })
	return counts, missing, nil
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
