package msgraph

import (
	"slices"

	"licensegraph/internal/licensing"
)

const (
	groupsEndpoint               = "GET /groups"
	groupEndpoint                = "GET /groups/{id}"
	membersEndpoint              = "GET /groups/{id}/members"
	licenseErrorsOfGroupEndpoint = "GET /groups/{id}/membersWithLicenseErrors"
	// maxLicenseErrorsTop is the page size asked of membersWithLicenseErrors, whose limit is not published.
	maxLicenseErrorsTop = 100
)

// ListGroups adds the read of a page of the tenant's groups. Needs GroupMember.Read.All.
func (b *Batch) ListGroups(q licensing.ListQuery, properties []string, found func(licensing.Page[*licensing.Group], error)) {
	listDirectory(b, groupsEndpoint, "/groups", q, properties, "",
		func(g *licensing.Group) (*string, []*licensing.AssignedLicense) {
			return g.DisplayName, g.AssignedLicenses
		}, found)
}

// Groups adds reads of groups by id. Needs GroupMember.Read.All, and Directory.Read.All for several.
func (b *Batch) Groups(ids, properties []string, found func(id string, group *licensing.Group, err error)) {
	if len(ids) == 1 {
		r := get(groupEndpoint, at(below("/groups", ids[0]), "$select", selected(properties)))
		b.add(one(r, func(group *licensing.Group, err error) { found(ids[0], group, err) }))
		return
	}
	byIDs(b, "group", ids, properties, func(ids []string, found func(string, *licensing.Group, error)) { b.groupsByID(ids, properties, found) }, found)
}

// groupsByID adds reads of groups by id, with properties of any kind.
func (b *Batch) groupsByID(ids, properties []string, found func(id string, group *licensing.Group, err error)) {
	for chunk := range slices.Chunk(ids, inValues) {
		r := get(groupsEndpoint, at("/groups", "$filter", in("id", chunk), "$select", selected(properties)))
		b.add(all(r, decode[licensing.Group], func(groups []*licensing.Group, err error) {
			if err != nil {
				for _, id := range chunk {
					found(id, nil, err)
				}
				return
			}
			for _, group := range groups {
				found(group.ID, group, nil)
			}
		}))
	}
}

// ListMembers adds the read of a page of the direct members of a group. Needs GroupMember.Read.All, and what it takes
// to read the members: without that they come with their ids only.
func (b *Batch) ListMembers(q licensing.ListQuery, properties []string, found func(licensing.Page[*licensing.Reference], error)) {
	var count string
	r := get(membersEndpoint, "")
	if q.Count || counts(q.Link) {
		r.header, count = advanced, "true"
	}
	r.url = at(below("/groups", q.Of, "members"), "$count", count,
		"$select", selected(telling("", onlyPlain(properties))), "$top", atMost(q.Top, maxDirectoryTop))
	page(b, q, r, reference(""), found)
}

// ListMembersWithLicenseErrors adds the read of a page of the members of a group to whom a license of the group could
// not be given. Needs GroupMember.Read.All and User.Read.All.
func (b *Batch) ListMembersWithLicenseErrors(q licensing.ListQuery, properties []string, found func(licensing.Page[*licensing.Reference], error)) {
	r := get(licenseErrorsOfGroupEndpoint, at(below("/groups", q.Of, "membersWithLicenseErrors"),
		"$select", selected(telling("user", onlyPlain(properties))), "$top", atMost(q.Top, maxLicenseErrorsTop)))
	page(b, q, r, reference("user"), found)
}
