package licensing

import "slices"

// Path is one way in which an assignee has a product: directly, or through a group.
type Path struct {
	Group    string // ID of the group; empty if direct
	Pool     string // ID of the allotment; empty if unknown
	Disabled []GUID
	// Unit reports that the path takes a unit, and Active that it also gives service plans. Neither applies to a license
	// in error, and only the first to one of a suspended product.
	Unit, Active bool
}

// Effect is the effect of a change on an assignee, for one product.
type Effect struct {
	// Units is the change of the number of units that the assignee consumes.
	Units int
	// Gained and Lost are service plans, in the order of the product.
	Gained, Lost []GUID
}

// EffectOf compares the paths by which an assignee has a product before and after a change. plans are the service plans
// of the product. An assignee takes one unit of each allotment, regardless of the number of paths; paths of unknown
// allotments share one. A service plan is disabled only if all active paths disable it.
func EffectOf(plans []GUID, before, after []Path) Effect {
	effect := Effect{Units: unitsOf(after) - unitsOf(before)}
	for _, plan := range plans {
		had, has := gives(before, plan), gives(after, plan)
		switch {
		case has && !had:
			effect.Gained = append(effect.Gained, plan)
		case had && !has:
			effect.Lost = append(effect.Lost, plan)
		}
	}
	return effect
}

// unitsOf returns the number of units that paths take.
func unitsOf(paths []Path) int {
	pools, unknown := map[string]bool{}, 0
	for _, p := range paths {
		switch {
		case !p.Unit:
		case p.Pool == "":
			unknown = 1
		default:
			pools[p.Pool] = true
		}
	}
	return max(len(pools), unknown)
}

// gives reports whether an active path enables a service plan.
func gives(paths []Path, plan GUID) bool {
	return slices.ContainsFunc(paths, func(p Path) bool { return p.Active && !slices.Contains(p.Disabled, plan) })
}

// PathsOf returns the paths by which a user has a product. Their allotments are unknown.
func PathsOf(states []*LicenseAssignmentState, sku GUID) []Path {
	var paths []Path
	for _, s := range states {
		if s.SkuID == nil || *s.SkuID != sku {
			continue
		}
		path := Path{Disabled: s.DisabledPlans}
		if s.AssignedByGroup != nil {
			path.Group = *s.AssignedByGroup
		}
		if state := s.State(); state != nil {
			path.Active = *state == LicenseActive || *state == LicenseActiveWithError
			path.Unit = path.Active || *state == LicenseDisabled
		}
		paths = append(paths, path)
	}
	return paths
}
