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
}

func (p plan) assignmentError(s selection) func(*licensing.AssignmentError) {
	right, assignee := s.of("AssignmentError", "usageRight"), s.of("AssignmentError", "assignedTo")
	sku, ofRight, ofAssignee := p.sku(s.of("AssignmentError", "sku")), p.usageRight(right), p.directoryObject(assignee)
	return func(e *licensing.AssignmentError) {
		sku(e.SkuID)
		if !right.empty() {
			p.UsageRightByErrorID.Plan(e.ID, ofRight)
		}
		if !assignee.empty() {
			p.PlanAssignedTo(e, ofAssignee)
		}
	}
}

func (p plan) directoryObject(s selection) func(licensing.DirectoryObject) {
	if s.empty() {
		return func(licensing.DirectoryObject) {}
	}
	ofUser, ofGroup := p.user(s), p.group(s)
	return func(object licensing.DirectoryObject) {
		switch o := object.(type) {
		case *licensing.User:
			ofUser(o)
		case *licensing.Group:
			ofGroup(o)
		}
	}
}

func (p plan) user(s selection) func(*licensing.User) {
	states, rights, errs := s.of("User", "licenseAssignmentStates"), s.of("User", "usageRights"), s.of("User", "assignmentErrors")
	ofState, ofRight, ofLicense := p.licenseState(states), p.usageRight(rights), p.assignedLicense(s.of("User", "assignedLicenses"))
	var ofError func(*licensing.AssignmentError)
	if !errs.empty() {
		ofError = p.assignmentError(errs)
	}
	return func(user *licensing.User) {
		if !states.empty() {
			p.LicenseStatesByUserID.Plan(user.ID, all(ofState))
		}
		if !rights.empty() {
			p.UsageRightsByUserID.Plan(user.ID, all(ofRight))
		}
		if !errs.empty() {
			p.AssignmentErrorsByUserID.Plan(user.ID, all(ofError))
		}
		all(ofLicense)(user.AssignedLicenses)
	}
}

func (p plan) group(s selection) func(*licensing.Group) {
	rights, members := s.of("Group", "usageRights"), s.of("Group", "membersWithLicenseErrors")
	ofLicense, ofRight := p.assignedLicense(s.of("Group", "assignedLicenses")), p.usageRight(rights)
	ofMember := func(*licensing.Reference) {}
	if !members.empty() {
		next := p.directoryObject(members)
		ofMember = func(member *licensing.Reference) { p.PlanMemberWithLicenseErrors(member, next) }
	}
	return func(group *licensing.Group) {
		if !rights.empty() {
			p.UsageRightsByGroupID.Plan(group.ID, all(ofRight))
		}
		if !members.empty() {
			p.MembersWithLicenseErrorsByGroupID.Plan(group.ID, all(ofMember))
		}
		all(ofLicense)(group.AssignedLicenses)
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

func (p plan) usageRight(s selection) func(*licensing.UsageRight) {
	sku := p.sku(s.of("UsageRight", "sku"))
	return func(right *licensing.UsageRight) {
		if right != nil {
			sku(right.SkuID)
		}
	}
}

func (p plan) sku(s selection) func(*licensing.GUID) {
	suffice := namesSuffice(s)
	return func(id *licensing.GUID) {
		if id != nil && !suffice(*id) {
			p.AllSubscribedSkus()
		}
	}
}

func (p plan) servicePlans(s selection) func([]licensing.GUID) {
	suffice := planNamesSuffice(s)
	return func(ids []licensing.GUID) {
		if !suffice(ids) {
			p.AllSubscribedSkus()
		}
	}
}

// node plans what is selected of an object of any kind.
func (p plan) node(s selection) func(licensing.Node) {
	ofObject, ofError := p.directoryObject(s), p.assignmentError(s)
	return func(node licensing.Node) {
		switch n := node.(type) {
		case licensing.DirectoryObject:
			ofObject(n)
		case *licensing.AssignmentError:
			ofError(n)
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

// namesSuffice tells of a product whether the catalogue answers what is selected of it.
func namesSuffice(s selection) func(licensing.GUID) bool {
	id, names := s.only("SubscribedSku", "skuId"), s.only("SubscribedSku", "skuId", "skuPartNumber", "productName")
	return func(sku licensing.GUID) bool {
		_, known := licensing.WellKnownSku(sku)
		return id || names && known
	}
}

// planNamesSuffice tells of service plans whether the catalogue answers what is selected of them.
func planNamesSuffice(s selection) func([]licensing.GUID) bool {
	id, names := s.only("ServicePlan", "servicePlanId"), s.only("ServicePlan", "servicePlanId", "servicePlanName", "displayName")
	return func(plans []licensing.GUID) bool {
		return id || !slices.ContainsFunc(plans, func(plan licensing.GUID) bool {
			_, known := licensing.WellKnownServicePlan(plan)
			return !names || !known
		})
	}
}
