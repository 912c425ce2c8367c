package msgraph

import (
	"maps"
	"slices"
	"strconv"

	"licensegraph/internal/decode"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

const (
	groupsEndpoint               = "GET /groups"
	groupEndpoint                = "GET /groups/{id}"
	ownersEndpoint               = "GET /groups/{id}/owners"
	membersEndpoint              = "GET /groups/{id}/members"
	nestedGroupsEndpoint         = "GET /groups/{id}/members/microsoft.graph.group"
	licenseErrorsOfGroupEndpoint = "GET /groups/{id}/membersWithLicenseErrors"
	// maxLicenseErrorsTop is the page size for membersWithLicenseErrors; no limit is documented.
	maxLicenseErrorsTop = 100
)

func init() {
	maps.Copy(permissions, map[string]string{
		groupsEndpoint:               "GroupMember.Read.All",
		groupEndpoint:                "GroupMember.Read.All",
		membersEndpoint:              "GroupMember.Read.All",
		nestedGroupsEndpoint:         "GroupMember.Read.All",
		ownersEndpoint:               "GroupMember.Read.All",
		licenseErrorsOfGroupEndpoint: "GroupMember.Read.All and User.Read.All",
	})
}

// ListGroups reads a page of the tenant's groups. Permission: GroupMember.Read.All.
var ListGroups = paged("groups", "Group", nil, directoryPage, (*Batch).listGroups)

func (b *Batch) listGroups(q upstream.Query, selection upstream.Selection, found func(upstream.Page[*licensing.Group], error)) {
	listDirectory(b, func(*read) func(*decode.Decoder) (*licensing.Group, error) { return groupType.Read }, maxDirectoryTop, groupsEndpoint, "/groups", q, selection.Properties, searchedOfGroups, conditions{advanced: licensed(q.Filter)},
		func(g *licensing.Group) (*string, []*licensing.AssignedLicense) {
			return g.DisplayName, g.AssignedLicenses
		}, found)
}

// GroupsByID reads groups. Permissions: GroupMember.Read.All, and Directory.Read.All for several groups.
var GroupsByID = keyed("groups by ID", "Group", nil, byIDsAtOnce, (*Batch).groupsByID)

func (b *Batch) groupsByID(ids []string, selection upstream.Selection, found func(id string, group *licensing.Group, err error)) {
	if onlyNames(selection.Properties) {
		b.cachedGroups(ids, selection.Properties, found)
	} else {
		b.readGroups(ids, selection.Properties, found)
	}
}

func (b *Batch) readGroups(ids, properties []string, found func(id string, group *licensing.Group, err error)) {
	if len(ids) == 1 {
		r := get(groupEndpoint, groupURL(ids[0], properties))
		b.add(entity(r, groupType.Read, func(group *licensing.Group, err error) { found(ids[0], group, err) }))
		return
	}
	byIDs(b, "group", ids, properties, func(ids []string, found func(string, *licensing.Group, error)) {
		b.groupsWhere(ids, properties, found)
	}, found)
}

// groupURL returns the URL of a group.
func groupURL(id string, properties []string) string {
	return at(below("/groups", id), "$select", selected(properties))
}

// groupsWhere adds reads of groups by ID that return all properties.
func (b *Batch) groupsWhere(ids, properties []string, found func(id string, group *licensing.Group, err error)) {
	for chunk := range slices.Chunk(ids, inValues) {
		r := get(groupsEndpoint, at("/groups", "$filter", in("id", chunk), "$select", selected(properties)))
		b.add(all(r, groupType.Read, func(groups []*licensing.Group, err error) {
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

// ListMembers reads a page of the direct members of a group. Permissions: GroupMember.Read.All, and the permissions
// to read the members. Without the latter, members have only their IDs.
var ListMembers = paged("members of a group", "DirectoryObject", nil, directoryPage, (*Batch).listMembers)

func (b *Batch) listMembers(q upstream.Query, selection upstream.Selection, found func(upstream.Page[*licensing.Reference], error)) {
	var count string
	r := get(membersEndpoint, "")
	if q.Count || counts(q.Link) {
		r.header, count = advanced, "true"
	}
	r.url = at(below("/groups", q.Of, "members"), "$count", count,
		"$select", selected(withIndicator("", onlyPlain(selection.Properties))), "$top", atMost(q.Top, maxDirectoryTop))
	page(b, q, r, reference(""), found)
}

// NestedGroupsOfGroups reads the groups that are direct members of groups. Permission: GroupMember.Read.All.
var NestedGroupsOfGroups = keyed("nested groups", "Group", nil, apiece, (*Batch).nestedGroupsOfGroups)

func (b *Batch) nestedGroupsOfGroups(ids []string, _ upstream.Selection, found func(id string, nested []*licensing.Group, err error)) {
	for _, id := range ids {
		r := get(nestedGroupsEndpoint, at(below("/groups", id, "members", "microsoft.graph.group"),
			"$count", "true", "$select", "id,assignedLicenses", "$top", strconv.Itoa(maxDirectoryTop)))
		r.header = advanced // a cast requires it (Microsoft Graph, "Advanced query capabilities on Microsoft Entra ID objects")
		b.add(all(r, groupType.Read, func(nested []*licensing.Group, err error) { found(id, nested, err) }))
	}
}

// ListOwners reads a page of the owners of a group. Permissions: as for [ListMembers].
var ListOwners = paged("owners of a group", "DirectoryObject", nil, directoryPage, (*Batch).listOwners)

func (b *Batch) listOwners(q upstream.Query, selection upstream.Selection, found func(upstream.Page[*licensing.Reference], error)) {
	r := get(ownersEndpoint, at(below("/groups", q.Of, "owners"),
		"$select", selected(withIndicator("", onlyPlain(selection.Properties))), "$top", atMost(q.Top, maxDirectoryTop)))
	page(b, q, r, reference(""), found)
}

// ListMembersWithLicenseErrors reads a page of the members of a group with license errors. Permissions:
// GroupMember.Read.All and User.Read.All.
var ListMembersWithLicenseErrors = paged("members of a group with license errors", "User", nil, upstream.Cost{PageSize: maxLicenseErrorsTop}, (*Batch).listMembersWithLicenseErrors)

func (b *Batch) listMembersWithLicenseErrors(q upstream.Query, selection upstream.Selection, found func(upstream.Page[*licensing.Reference], error)) {
	r := get(licenseErrorsOfGroupEndpoint, at(below("/groups", q.Of, "membersWithLicenseErrors"),
		"$select", selected(withIndicator("user", onlyPlain(selection.Properties))), "$top", atMost(q.Top, maxLicenseErrorsTop)))
	page(b, q, r, reference("user"), found)
}

// groupType reads groups.
var groupType = decode.TypeOf[licensing.Group]()
