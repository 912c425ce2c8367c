package graph

import (
	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// A plan loads what an operation will ask next about objects that it now holds, as far as their relations
// are known. The resolvers below find it on its way. Without it the answer is the same; with it, what can
// travel together does.
type plan struct {
	*loaders.Loaders
}

// assignmentErrors plans what is selected of assignment errors.
func (p plan) assignmentErrors(s selection, errs []*licensing.AssignmentError) {
	if s.empty() || len(errs) == 0 {
		return
	}
	p.Ahead(func() {
		if !s.of("AssignmentError", "usageRight").empty() {
			for _, e := range errs {
				p.UsageRightByErrorID.Load(e.ID)
			}
		}
		for _, e := range errs {
			p.sku(s.of("AssignmentError", "sku"), e.SkuID)
		}
		if assignee := s.of("AssignmentError", "assignedTo"); !assignee.empty() {
			p.users(assignee, p.PlanAssignedTo(errs))
		}
	})
}

// users plans what is selected of users.
func (p plan) users(s selection, users []*licensing.User) {
	if s.empty() || len(users) == 0 {
		return
	}
	p.Ahead(func() {
		states := !s.of("User", "licenseAssignmentStates").empty()
		rights := !s.of("User", "usageRights").empty()
		errs := !s.of("User", "assignmentErrors").empty()
		for _, user := range users {
			if states {
				p.LicenseStatesByUserID.Load(user.ID)
			}
			if rights {
				p.UsageRightsByUserID.Load(user.ID)
			}
			if errs {
				p.AssignmentErrorsByUserID.Load(user.ID)
			}
		}
	})
}

// licenseStates plans what is selected of licence assignment states.
func (p plan) licenseStates(s selection, lists [][]*licensing.LicenseAssignmentState) {
	p.Ahead(func() {
		group, sku := s.of("LicenseAssignmentState", "assignedByGroup"), s.of("LicenseAssignmentState", "sku")
		plans := s.of("LicenseAssignmentState", "disabledPlans")
		for _, states := range lists {
			for _, state := range states {
				if state.AssignedByGroup != nil && !group.only("Group", "id") {
					p.GroupByID.Load(*state.AssignedByGroup)
				}
				p.sku(sku, state.SkuID)
				p.servicePlans(plans, state.DisabledPlans)
			}
		}
	})
}

// usageRights plans what is selected of usage rights.
func (p plan) usageRights(s selection, rights []*licensing.UsageRight) {
	p.Ahead(func() {
		sku := s.of("UsageRight", "sku")
		for _, right := range rights {
			if right != nil {
				p.sku(sku, right.SkuID)
			}
		}
	})
}

// sku plans what is selected of a product.
func (p plan) sku(s selection, id *licensing.GUID) {
	if !s.empty() && id != nil && !namesSuffice(s, *id) {
		p.AllSubscribedSkus()
	}
}

// servicePlans plans what is selected of service plans that are known by their ids.
func (p plan) servicePlans(s selection, ids []licensing.GUID) {
	if !s.empty() && !planNamesSuffice(s, ids) {
		p.AllSubscribedSkus()
	}
}

// namesSuffice tells whether the catalogue answers what is selected of a product.
func namesSuffice(s selection, id licensing.GUID) bool {
	_, known := licensing.WellKnownSku(id)
	return s.only("SubscribedSku", "skuId") || known && s.only("SubscribedSku", "skuId", "skuPartNumber", "productName")
}

// planNamesSuffice tells whether the catalogue answers what is selected of service plans.
func planNamesSuffice(s selection, ids []licensing.GUID) bool {
	if s.only("ServicePlan", "servicePlanId") {
		return true
	}
	if !s.only("ServicePlan", "servicePlanId", "servicePlanName", "displayName") {
		return len(ids) == 0
	}
	for _, id := range ids {
		if _, known := licensing.WellKnownServicePlan(id); !known {
			return false
		}
	}
	return true
}
