package graph

import (
	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// assignedByGroup returns the groups of the states, in their order; nil for what is assigned directly.
func (p plan) assignedByGroup(s selection, states []*licensing.LicenseAssignmentState) ([]*licensing.Group, []error) {
	thunks := make([]loaders.Thunk[*licensing.Group], len(states))
	p.Ahead(func() {
		for i, state := range states {
			switch id := state.AssignedByGroup; {
			case id == nil:
				thunks[i] = func() (*licensing.Group, error) { return nil, nil }
			case s.only("Group", "id"):
				thunks[i] = func() (*licensing.Group, error) { return &licensing.Group{ID: *id}, nil }
			default:
				thunks[i] = p.GroupByID.Load(*id)
			}
		}
	})
	return loaders.Wait(thunks)
}

// group returns one group by its id.
func (p plan) group(id string) (*licensing.Group, error) {
	guid, err := directoryID(id)
	if err != nil {
		return nil, err
	}
	return p.GroupByID.Load(guid)()
}
