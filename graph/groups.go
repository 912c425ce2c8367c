package graph

import (
	"errors"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// assignedByGroup returns the groups of the states, in their order; nil for what is assigned directly.
func (p plan) assignedByGroup(s selection, states []*licensing.LicenseAssignmentState) ([]*licensing.Group, []error) {
	return p.groupsByID(s, each(states, func(state *licensing.LicenseAssignmentState) *string { return state.AssignedByGroup }))
}

// groupsByID returns the groups with the ids, in their order; nil where there is no id. One that cannot be read has its id.
func (p plan) groupsByID(s selection, ids []*string) ([]*licensing.Group, []error) {
	idSuffices := s.only("Group", "id")
	thunks := make([]loaders.Thunk[*licensing.Group], len(ids))
	p.Together(func() {
		for i, id := range ids {
			switch {
			case id == nil:
				thunks[i] = held[*licensing.Group](nil)
			case idSuffices:
				thunks[i] = held(&licensing.Group{ID: *id})
			default:
				group := p.GroupByID.Load(*id)
				thunks[i] = func() (*licensing.Group, error) {
					g, err := group()
					if err != nil && !errors.Is(err, licensing.ErrNotFound) {
						g, _ = p.Bare(&licensing.Group{ID: *id}, err).(*licensing.Group)
						return g, nil
					}
					return g, err
				}
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
	p.ahead(s)
	p.belowGroup(s)(guid)
	return p.GroupByID.Plan(guid, p.group(s))
}

// groupsConnection returns a page of the groups that a filter leaves.
func (p plan) groupsConnection(s selection, filter *model.GroupFilter, order *model.GroupOrder, first *int32, after *string) (*model.GroupConnection, error) {
	f := deref(filter)
	if err := namePrefix(f.DisplayNameStartsWith); err != nil {
		return nil, err
	}
	if f.HasMembersWithLicenseErrors != nil && !*f.HasMembersWithLicenseErrors {
		return nil, &licensing.InputError{Message: "`hasMembersWithLicenseErrors` takes true only: Microsoft Graph cannot search for groups without"}
	}
	failing := f.HasMembersWithLicenseErrors != nil
	if failing && order != nil {
		return nil, &licensing.InputError{Message: "`hasMembersWithLicenseErrors` does not go together with `orderBy`: Microsoft Graph cannot order such groups"}
	}
	return connection(p, s, list[*licensing.Group, *licensing.Group]{
		name: listName("groups", f, order),
		query: licensing.ListQuery{
			OrderBy: orderBy(order),
			Filter: licensing.Filter{
				SkuID: deref(f.SkuID), DisplayNamePrefix: deref(f.DisplayNameStartsWith), WithLicenseErrors: failing,
			},
		},
		most: maxUsers, mostUpstream: maxUsers, typeName: "Group",
		loader: p.GroupsByQuery, whole: p.PlanGroups, counted: !failing, plan: p.group,
	}, first, after)
}

// members is the list of a group's direct members.
func (p plan) members(id string) list[*licensing.Reference, licensing.DirectoryObject] {
	return p.objectsOf("members", id, p.MembersByQuery, true)
}

// membersWithLicenseErrors is the list of a group's members to whom a license of it could not be given.
func (p plan) membersWithLicenseErrors(id string) list[*licensing.Reference, licensing.DirectoryObject] {
	return p.objectsOf("membersWithLicenseErrors", id, p.MembersWithLicenseErrorsByQuery, false)
}

func (p plan) objectsOf(field, id string, byQuery *loaders.Loader[licensing.ListQuery, licensing.Page[*licensing.Reference]], counted bool) list[*licensing.Reference, licensing.DirectoryObject] {
	return list[*licensing.Reference, licensing.DirectoryObject]{
		name: listName(field, id), query: licensing.ListQuery{Of: id}, most: maxUsers, mostUpstream: maxUsers, typeName: "DirectoryObject",
		loader: byQuery, counted: counted, plan: p.directoryObject,
		whole: func(_ licensing.ListQuery, members []*licensing.Reference, next func([]loaders.Found[licensing.DirectoryObject])) func() error {
			return p.PlanWhole(members, next)
		},
	}
}
