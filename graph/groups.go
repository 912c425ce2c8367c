package graph

import (
	"errors"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// groupByID returns a referenced group; nil without an ID, or if the group was deleted. If it cannot be read, the
// group has its ID only.
func (f *field) groupByID(id *string) (*licensing.Group, error) {
	switch {
	case id == nil:
		return nil, nil
	case f.idSuffices("Group"):
		return &licensing.Group{ID: *id}, nil
	}
	group, err := ignoreNotFound(f.GroupByID.Get(*id))
	if err != nil && !errors.Is(err, loaders.ErrBlocked) {
		group, _ = f.Unreadable(&licensing.Group{ID: *id}, err).(*licensing.Group)
		return group, nil
	}
	return group, err
}

func (f *field) group() (*licensing.Group, error) { return f.findGroup(arg[string](f, "id")) }

func (f *field) groupStub(any) any { return groupStub(arg[string](f, "id")) }

func (f *field) findGroup(id string) (*licensing.Group, error) {
	guid, err := directoryID(id)
	if err != nil {
		return nil, err
	}
	f.prefetchLists()
	return f.GroupByID.Get(guid)
}

func groupStub(id string) any {
	guid, err := directoryID(id)
	if err != nil {
		return nil
	}
	return &licensing.Group{ID: guid}
}

// groups returns a page of the groups that match the filter.
func (f *field) groups() (*model.GroupConnection, error) {
	filter, order := deref(arg[*model.GroupFilter](f, "filter")), arg[*model.GroupOrder](f, "orderBy")
	if err := boundedText("displayNameStartsWith", filter.DisplayNameStartsWith); err != nil {
		return nil, err
	}
	if filter.HasMembersWithLicenseErrors != nil && !*filter.HasMembersWithLicenseErrors {
		return nil, &upstream.InputError{Message: "`hasMembersWithLicenseErrors` must be true: Microsoft Graph cannot filter for groups without errors"}
	}
	failing := filter.HasMembersWithLicenseErrors != nil
	if failing && order != nil {
		return nil, &upstream.InputError{Message: "`hasMembersWithLicenseErrors` cannot be combined with `orderBy`: Microsoft Graph cannot sort these groups"}
	}
	return rootPage(f, list[*licensing.Group, *licensing.Group]{
		name: listName("groups", filter, order),
		query: upstream.Query{
			OrderBy: orderBy(order),
			Filter: upstream.Filter{
				SkuID: string(deref(filter.SkuID)), DisplayNamePrefix: deref(filter.DisplayNameStartsWith), WithLicenseErrors: failing,
			},
		},
		maxFirst: maxUsers, typeName: "Group",
		loader: f.GroupsByQuery, complete: f.GroupOfPage, counted: !failing,
	})
}

func assignmentsOfGroup(f *field) *loaders.Loader[string, []*licensing.Assignment] {
	return f.AssignmentsByGroupID
}

func waitingMembersOfDevice(f *field) *loaders.Loader[string, []*licensing.WaitingMember] {
	return f.WaitingMembersByDeviceID
}

// members returns a page of a group's direct members.
func (f *field) members(group *licensing.Group) (*model.DirectoryObjectConnection, error) {
	return pageOf(f, f.objectsOf("members", group.ID, f.MembersByQuery, true))
}

// owners returns a page of a group's owners.
func (f *field) owners(group *licensing.Group) (*model.DirectoryObjectConnection, error) {
	return pageOf(f, f.objectsOf("owners", group.ID, f.OwnersByQuery, false))
}

// membersWithLicenseErrors returns a page of the members to whom the group's licenses could not be assigned.
func (f *field) membersWithLicenseErrors(group *licensing.Group) (*model.DirectoryObjectConnection, error) {
	return pageOf(f, f.objectsOf("membersWithLicenseErrors", group.ID, f.MembersWithLicenseErrorsByQuery, false))
}

func (f *field) objectsOf(name, id string, byQuery *loaders.Loader[upstream.Query, upstream.Page[*licensing.Reference]], counted bool) list[*licensing.Reference, licensing.DirectoryObject] {
	return list[*licensing.Reference, licensing.DirectoryObject]{
		name: listName(name, id), query: upstream.Query{Of: id}, maxFirst: maxUsers, typeName: "DirectoryObject",
		loader: byQuery, counted: counted,
		complete: func(_ upstream.Query, member *licensing.Reference) (licensing.DirectoryObject, error) {
			return f.Complete(member)
		},
	}
}
