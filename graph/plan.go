package graph

import (
	"slices"

	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// A plan loads what an operation asks of objects, level by level as it becomes known: what can travel
// together does. The resolvers find it on its way. Without a plan their answers are the same, and take
// more requests.
//
// Each method takes what is selected of a type and returns what there is to plan for one object of it.
type plan struct {
	*loaders.Loaders

	cursors *cursors
}

func (p plan) assignmentError(s selection) func(*licensing.AssignmentError) {
	if s.empty() {
		return nothing[*licensing.AssignmentError]
	}
	right, assignee, states := s.of("AssignmentError", "usageRight"), s.of("AssignmentError", "assignedTo"), s.of("AssignmentError", "licenseAssignmentStates")
	sku, plans := p.sku(s.of("AssignmentError", "sku")), p.servicePlans(s.of("AssignmentError", "servicePlans"))
	remedy := s.of("AssignmentError", "remedy")
	ofRight, ofAssignee, ofState := p.usageRight(right), p.directoryObject(assignee), p.licenseState(states)
	return func(e *licensing.AssignmentError) {
		sku(e.SkuID)
		plans(e.ServicePlanIDs())
		if !right.empty() {
			p.PlanUsageRight(e, ofRight)
		}
		if !assignee.empty() {
			p.PlanAssignedTo(e, ofAssignee)
		}
		if !states.empty() {
			p.PlanLicenseStates(e, all(ofState))
		}
		if !remedy.empty() && e.RemedyByCode() == nil {
			p.PlanLicenseStates(e, nothing[[]*licensing.LicenseAssignmentState])
		}
	}
}

func (p plan) directoryObject(s selection) func(licensing.DirectoryObject) {
	if s.empty() {
		return nothing[licensing.DirectoryObject]
	}
	ofUser, ofGroup, ofDevice := p.user(s), p.group(s), p.device(s)
	return func(object licensing.DirectoryObject) {
		switch o := object.(type) {
		case *licensing.User:
			ofUser(o)
		case *licensing.Group:
			ofGroup(o)
		case *licensing.Device:
			ofDevice(o)
		}
	}
}

func (p plan) user(s selection) func(*licensing.User) {
	if s.empty() {
		return nothing[*licensing.User]
	}
	ofLicense := p.assignedLicense(s.of("User", "assignedLicenses"))
	states, below := following(s.of("User", "licenseAssignmentStates"), p.LicenseStatesByUserID, p.licenseState), p.belowUser(s)
	return func(user *licensing.User) {
		states(user.ID)
		below(user.ID)
		all(ofLicense)(user.AssignedLicenses)
	}
}

// belowUser returns what there is to plan for a user of whom no more than the id is known: what has an address below
// the user's need not wait for the user.
func (p plan) belowUser(s selection) func(id string) {
	return alike(
		following(s.of("User", "licenseDetails"), p.LicenseDetailsByUserID, p.licenseDetails),
		following(s.of("User", "assignments"), p.AssignmentsByUserID, p.assignment),
		following(s.of("User", "assignmentErrors"), p.AssignmentErrorsByUserID, p.assignmentError),
		following(s.of("User", "waitingMembers"), p.WaitingMembersByUserID, p.waitingMember),
		p.usageRights("User", s, p.UsageRightsByUserID),
	)
}

func (p plan) group(s selection) func(*licensing.Group) {
	if s.empty() {
		return nothing[*licensing.Group]
	}
	ofLicense, below := p.assignedLicense(s.of("Group", "assignedLicenses")), p.belowGroup(s)
	return func(group *licensing.Group) {
		below(group.ID)
		all(ofLicense)(group.AssignedLicenses)
	}
}

// belowGroup is belowUser for groups.
func (p plan) belowGroup(s selection) func(id string) {
	return alike(
		following(s.of("Group", "assignments"), p.AssignmentsByGroupID, p.assignment),
		p.usageRights("Group", s, p.UsageRightsByGroupID),
		pages(p, s.fields("Group", "members"), p.members),
		pages(p, s.fields("Group", "membersWithLicenseErrors"), p.membersWithLicenseErrors),
	)
}

func (p plan) device(s selection) func(*licensing.Device) {
	if s.empty() {
		return nothing[*licensing.Device]
	}
	below := p.belowDevice(s)
	return func(device *licensing.Device) { below(device.ID) }
}

// belowDevice is belowUser for devices.
func (p plan) belowDevice(s selection) func(id string) {
	return alike(
		following(s.of("Device", "waitingMembers"), p.WaitingMembersByDeviceID, p.waitingMember),
		p.usageRights("Device", s, p.UsageRightsByDeviceID),
	)
}

// usageRights returns what there is to plan for the usage rights of a holder.
func (p plan) usageRights(typeName string, s selection, byKey *loaders.Loader[licensing.UsageRightsKey, []*licensing.UsageRight]) func(id string) {
	fields := s.fields(typeName, "usageRights")
	next := make([]func([]*licensing.UsageRight), len(fields))
	for i, f := range fields {
		next[i] = all(p.usageRight(f.selection))
	}
	return func(id string) {
		for i, f := range fields {
			skus, ok := f.guids("skuIds")
			plans, also := f.guids("planIds")
			if key, err := rightsKey(id, skus, plans); ok && also && err == nil {
				byKey.Plan(key, next[i])
			}
		}
	}
}

func (p plan) licenseState(s selection) func(*licensing.LicenseAssignmentState) {
	group := s.of("LicenseAssignmentState", "assignedByGroup")
	idSuffices, ofGroup := group.only("Group", "id"), p.group(group)
	sku, plans := p.sku(s.of("LicenseAssignmentState", "sku")), p.servicePlans(s.of("LicenseAssignmentState", "disabledPlans"))
	return func(state *licensing.LicenseAssignmentState) {
		if state.AssignedByGroup != nil && !idSuffices {
			p.GroupByID.Plan(*state.AssignedByGroup, ofGroup)
		}
		sku(state.SkuID)
		plans(state.DisabledPlans)
	}
}

func (p plan) assignedLicense(s selection) func(*licensing.AssignedLicense) {
	sku, plans := p.sku(s.of("AssignedLicense", "sku")), p.servicePlans(s.of("AssignedLicense", "disabledPlans"))
	return func(license *licensing.AssignedLicense) {
		sku(license.SkuID)
		plans(license.DisabledPlans)
	}
}

func (p plan) licenseDetails(s selection) func(*licensing.LicenseDetails) {
	sku := p.sku(s.of("LicenseDetails", "sku"))
	plans := p.plansWithSkus(s.of("LicenseDetails", "servicePlans"))
	return func(details *licensing.LicenseDetails) {
		sku(details.SkuID)
		plans()
	}
}

func (p plan) usageRight(s selection) func(*licensing.UsageRight) {
	if s.empty() {
		return nothing[*licensing.UsageRight]
	}
	sku := p.sku(s.of("UsageRight", "sku"))
	assignments, allotments := s.of("UsageRight", "assignments"), s.of("UsageRight", "allotments")
	ofAssignment, ofAllotment := p.assignment(assignments), p.allotment(allotments)
	return func(right *licensing.UsageRight) {
		if right == nil {
			return
		}
		sku(right.SkuID)
		if !assignments.empty() || !allotments.empty() {
			p.PlanRight(right, ofAssignment, ofAllotment)
		}
	}
}

func (p plan) allotment(s selection) func(*licensing.Allotment) {
	if s.empty() {
		return nothing[*licensing.Allotment]
	}
	sku, below := p.sku(s.of("Allotment", "sku")), p.belowAllotment(s)
	return func(allotment *licensing.Allotment) {
		sku(allotment.SkuID)
		below(allotment.ID)
	}
}

// belowAllotment is belowUser for allotments.
func (p plan) belowAllotment(s selection) func(id string) {
	return alike(
		pages(p, s.fields("Allotment", "assignments"), p.assignmentsOf),
		pages(p, s.fields("Allotment", "waitingMembers"), p.waitingMembersOf),
	)
}

func (p plan) assignment(s selection) func(*licensing.Assignment) {
	if s.empty() {
		return nothing[*licensing.Assignment]
	}
	allotment, assignee := s.of("Assignment", "allotment"), s.of("Assignment", "assignedTo")
	ofAllotment, ofAssignee := p.allotmentIf(allotment), p.assigneeIf(assignee)
	plans := p.servicePlans(s.of("Assignment", "disabledServicePlans"))
	return func(a *licensing.Assignment) {
		plans(a.DisabledServicePlanIDs)
		if ofAllotment != nil || ofAssignee != nil {
			p.PlanRelated(a, ofAllotment, ofAssignee)
		}
	}
}

func (p plan) waitingMember(s selection) func(*licensing.WaitingMember) {
	ofAllotment, ofAssignee := p.allotmentIf(s.of("WaitingMember", "allotment")), p.assigneeIf(s.of("WaitingMember", "assignedTo"))
	return func(w *licensing.WaitingMember) { p.PlanWaitingMember(w, ofAllotment, ofAssignee) }
}

// allotmentIf returns what there is to plan for an allotment; nil when it is not selected.
func (p plan) allotmentIf(s selection) func(*licensing.Allotment) {
	if s.empty() {
		return nil
	}
	return p.allotment(s)
}

// assigneeIf returns what there is to plan for an assignee; nil when it is not selected.
func (p plan) assigneeIf(s selection) func(licensing.DirectoryObject) {
	if s.empty() {
		return nil
	}
	return p.directoryObject(s)
}

// sku plans for what points to a product.
func (p plan) sku(s selection) func(*licensing.GUID) {
	suffice, next := namesSuffice(s), p.subscribedSku(s)
	return func(id *licensing.GUID) {
		switch {
		case id == nil || s.empty():
		case suffice(*id):
			next(wellKnownSku(*id))
		default:
			p.SubscribedSkus.Plan(loaders.Tenant, func(skus []*licensing.SubscribedSku) {
				for _, sku := range skus {
					if sku.SkuID != nil && *sku.SkuID == *id {
						next(sku)
					}
				}
			})
		}
	}
}

// subscribedSku plans for a product itself.
func (p plan) subscribedSku(s selection) func(*licensing.SubscribedSku) {
	if s.empty() {
		return nothing[*licensing.SubscribedSku]
	}
	allotments := s.of("SubscribedSku", "allotments")
	ofAllotment := p.allotmentIf(allotments)
	errs := pages(p, s.fields("SubscribedSku", "assignmentErrors"), p.assignmentErrorsOfSku)
	plans := p.plansWithSkus(s.of("SubscribedSku", "servicePlans"))
	return func(sku *licensing.SubscribedSku) {
		plans()
		if sku.SkuID == nil {
			return
		}
		errs(string(*sku.SkuID))
		if ofAllotment != nil {
			p.Allotments.Plan(loaders.Tenant, func(every []*licensing.Allotment) {
				for _, allotment := range every {
					if allotment.SkuID != nil && *allotment.SkuID == *sku.SkuID {
						ofAllotment(allotment)
					}
				}
			})
		}
	}
}

func (p plan) servicePlans(s selection) func([]licensing.GUID) {
	suffice, skus := planNamesSuffice(s), p.plansWithSkus(s)
	return func(ids []licensing.GUID) {
		if s.empty() || len(ids) == 0 {
			return
		}
		if !suffice(ids) {
			p.AllSubscribedSkus()
		}
		skus()
	}
}

// plansWithSkus plans for the products that contain service plans.
func (p plan) plansWithSkus(s selection) func() {
	below := s.of("ServicePlan", "subscribedSkus")
	if below.empty() {
		return func() {}
	}
	next := p.subscribedSku(below)
	return func() { p.SubscribedSkus.Plan(loaders.Tenant, all(next)) }
}

// node plans what is selected of an object of any kind.
func (p plan) node(s selection) func(licensing.Node) {
	ofObject, ofError, ofAllotment, ofAssignment, ofSku := p.directoryObject(s), p.assignmentError(s), p.allotment(s), p.assignment(s), p.subscribedSku(s)
	return func(node licensing.Node) {
		switch n := node.(type) {
		case licensing.DirectoryObject:
			ofObject(n)
		case *licensing.AssignmentError:
			ofError(n)
		case *licensing.Allotment:
			ofAllotment(n)
		case *licensing.Assignment:
			ofAssignment(n)
		case *licensing.SubscribedSku:
			ofSku(n)
		}
	}
}

// ahead plans the lists of the tenant that what is selected leads to, whoever points into them: they need not wait for
// that.
func (p plan) ahead(s selection) {
	if s.leadsTo(func(typeName, field string) bool {
		return typeName == "SubscribedSku" && !slices.Contains(namesOfSku, field) || typeName == "ServicePlan" && field == "subscribedSkus"
	}) {
		p.AllSubscribedSkus()
	}
	if s.leadsTo(func(typeName, field string) bool { return typeName == "SubscribedSku" && field == "allotments" }) {
		p.AllAllotments()
	}
}

// alike returns what does several things alike.
func alike[T any](parts ...func(T)) func(T) {
	return func(of T) {
		for _, part := range parts {
			part(of)
		}
	}
}

// following plans a list of an object, and what follows from its elements; nothing when it is not selected.
func following[T any](s selection, byID *loaders.Loader[string, []T], of func(selection) func(T)) func(id string) {
	if s.empty() {
		return func(string) {}
	}
	next := all(of(s))
	return func(id string) { byID.Plan(id, next) }
}

// pages plans the pages of an object's list that are asked for, under each alias.
func pages[R, T any](p plan, fields []field, of func(id string) list[R, T]) func(id string) {
	return func(id string) {
		for _, f := range fields {
			if pager, err := of(id).pager(p, f.selection, f.int("first"), f.string("after")); err == nil {
				pager.load()
			}
		}
	}
}

// all returns what there is to plan for all objects of a list.
func all[T any](of func(T)) func([]T) {
	return func(objects []T) {
		for _, object := range objects {
			of(object)
		}
	}
}

// nothing is what there is to plan for what is not selected.
func nothing[T any](T) {}

// namesOfSku are the fields of a product that the catalogue answers, and those that are asked for by the product's id.
var namesOfSku = []string{"skuId", "skuPartNumber", "productName", "allotments", "assignmentErrors", "__typename"}

// namesSuffice tells of a product whether the catalogue answers what is selected of it.
func namesSuffice(s selection) func(licensing.GUID) bool {
	names := s.only("SubscribedSku", namesOfSku...)
	id := names && s.only("SubscribedSku", slices.DeleteFunc(slices.Clone(namesOfSku), func(name string) bool { return name == "skuPartNumber" || name == "productName" })...)
	return func(sku licensing.GUID) bool {
		_, known := licensing.WellKnownSku(sku)
		return id || names && known
	}
}

// planNamesSuffice tells of service plans whether the catalogue answers what is selected of them.
func planNamesSuffice(s selection) func([]licensing.GUID) bool {
	const skus = "subscribedSkus" // are asked for by the plan's id
	id, names := s.only("ServicePlan", "servicePlanId", skus), s.only("ServicePlan", "servicePlanId", "servicePlanName", "displayName", skus)
	return func(plans []licensing.GUID) bool {
		return id || !slices.ContainsFunc(plans, func(plan licensing.GUID) bool {
			_, known := licensing.WellKnownServicePlan(plan)
			return !names || !known
		})
	}
}
