package graph

import (
	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// assignedByGroup returns the groups of the states, in their order; nil for what is assigned directly.
func (p plan) assignedByGroup(s selection, states []*licensing.LicenseAssignmentState) ([]*licensing.Group, []error) {
	thunks := make([]loaders.Thunk[*licensing.Group], len(states))
	p.Together(func() {
		for i, state := range states {
			switch id := state.AssignedByGroup; {
			case id == nil:
				thunks[i] = held[*licensing.Group](nil)
			case s.only("Group", "id"):
				thunks[i] = held(&licensing.Group{ID: *id})
			default:
				thunks[i] = p.GroupByID.Load(*id)
			}
		}
	})
	return loaders.Wait(thunks)
}

// findGroup returns one group by its id.
func (p plan) findGroup(s selection, id string) loaders.Thunk[*licensing.Group] {
	guid, err := directoryID(id)
	if err != nil {
		return failing[*licensing.Group](err)
	}
	return p.GroupByID.Plan(guid, p.group(s))
}
