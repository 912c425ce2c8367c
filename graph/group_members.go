package graph

import (
	"cmp"
	"errors"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// maxMemberPages limits the pages of a group's members that a check reads. Microsoft Graph checks the others.
const maxMemberPages = 5

// membershipProperties are the properties that changes of a group's members require for their checks.
var membershipProperties = map[string][]string{
	"Group":           {"id", "groupTypes", "onPremisesSyncEnabled", "isAssignableToRole"},
	"DirectoryObject": {"id"},
}

// membership is a group with the objects whose membership changes.
type membership struct {
	group    *licensing.Group
	objects  map[string]licensing.DirectoryObject // existing ones, by ID
	members  map[string]bool                      // IDs of direct members
	complete bool                                 // members has all of them
}

// changeMembers adds members to a group, or removes them.
func (c *change) changeMembers(input model.GroupMembersInput, adds bool) (*model.GroupMembersPayload, error) {
	payload := &model.GroupMembersPayload{Results: []*model.GroupMemberResult{}}
	groupID, ok := licensing.ParseGUID(input.GroupID)
	if !ok {
		c.userError(model.UserErrorInvalid, "An object ID must be a GUID.", "groupId")
	}
	ids := c.directoryIDs(input.MemberIDs, "memberIds")
	if payload.UserErrors = c.errs; !ok || len(ids) == 0 {
		return payload, nil
	}
	m, err := c.membership(string(groupID), ids)
	switch {
	case errors.Is(err, upstream.ErrNotFound):
		c.userError(model.UserErrorNotFound, "No group has this ID.", "groupId")
	case err != nil:
		return nil, err
	default:
		payload.GroupID = &m.group.ID
		c.checkManaged(m.group)
	}
	if payload.UserErrors = c.errs; m.group == nil || slices.ContainsFunc(c.errs, func(e *model.UserError) bool { return e.Code == model.UserErrorManagedElsewhere }) {
		return payload, nil
	}
	var writes []licensing.Write
	var written []int
	for i, id := range ids {
		result := &model.GroupMemberResult{MemberID: id.text, Outcome: licensing.WriteNotDone, Object: m.objects[id.text], UserErrors: []*model.UserError{}}
		payload.Results = append(payload.Results, result)
		if mistake := c.checkMember(m, id, adds, i); mistake != nil {
			result.UserErrors = append(result.UserErrors, mistake)
			trailOf(c.ctx).notSent()
			continue
		}
		write := licensing.Write(licensing.RemoveGroupMember{GroupID: m.group.ID, MemberID: id.text})
		if adds {
			write = licensing.AddGroupMember{GroupID: m.group.ID, MemberID: id.text}
		}
		writes, written = append(writes, write), append(written, i)
	}
	c.predict(&payload.Prediction, func(run *predictor) ([]alteration, error) {
		var alterations []alteration
		for _, i := range written {
			if _, isUser := payload.Results[i].Object.(*licensing.User); !isUser {
				continue
			}
			for _, license := range m.group.AssignedLicenses {
				if license.SkuID == nil {
					continue
				}
				alterations = append(alterations, alteration{
					assignee: licensing.Assignee{Type: licensing.AssigneeUser, ID: ids[i].text}, sku: *license.SkuID, group: m.group.ID,
					pool: run.poolOfGroup(m.group.ID, *license.SkuID), disabled: license.DisabledPlans, removes: !adds,
				})
			}
		}
		return alterations, m.group.ReadError("assignedLicenses")
	})
	results := c.write(writes, c.rereadMembers(m.group.ID, adds, func(n int) string { return ids[written[n]].text }))
	for n, became := range results {
		i := written[n]
		result := payload.Results[i]
		result.Outcome = became.Outcome
		needsMore(became.Err, m.group, result.Object)
		result.UserErrors = append(result.UserErrors, c.rejected(became.Err, subject{member: !adds}, []any{"memberIds", i}, ast.PathName("results"), ast.PathIndex(i))...)
	}
	payload.UserErrors = c.errs
	return payload, nil
}

// membership reads the group, its members, and the objects with valid IDs.
func (c *change) membership(groupID string, ids []inputID) (m membership, err error) {
	valid := slices.DeleteFunc(slices.Clone(ids), func(id inputID) bool { return id.inputError != nil })
	err = c.read(membershipProperties, func(l *loaders.Loaders) error {
		m = membership{objects: map[string]licensing.DirectoryObject{}, members: map[string]bool{}}
		group, missing := l.GroupByID.Get(groupID)
		members, complete, unlisted := membersOf(l, groupID)
		refs, errs, blocked := loaders.Collect(valid, func(id inputID) (*licensing.Reference, error) { return l.DirectoryObjectByID.Get(id.text) })
		if blocked != nil || errors.Is(missing, loaders.ErrBlocked) || errors.Is(unlisted, loaders.ErrBlocked) {
			return loaders.ErrBlocked
		}
		for i, ref := range refs {
			switch {
			case errs[i] == nil:
				m.objects[valid[i].text] = ref.Object
			case !errors.Is(errs[i], upstream.ErrNotFound):
				unlisted = cmp.Or(unlisted, errs[i])
			}
		}
		for _, member := range members {
			m.members[member.ObjectID()] = true
		}
		m.complete = complete
		if missing == nil && unlisted == nil {
			m.group = group
		}
		return cmp.Or(missing, unlisted)
	})
	return m, err
}

// membersOf returns the direct members of a group, with their IDs only, and whether these are all.
func membersOf(l *loaders.Loaders, groupID string) (members []licensing.DirectoryObject, complete bool, err error) {
	q := upstream.Query{Of: groupID, Top: l.MembersByQuery.LargestPage()}
	complete = true
	for range maxMemberPages {
		page, err := l.MembersByQuery.Get(q)
		switch {
		case errors.Is(err, upstream.ErrExpired):
			return members, false, nil
		case err != nil:
			return nil, false, err
		}
		for _, ref := range page.Items {
			members = append(members, ref.Object)
		}
		complete = complete && page.LeftOut == 0
		if page.Next == "" {
			return members, complete, nil
		}
		q.Link = page.Next
	}
	return members, false, nil
}

// checkManaged adds a user error if the members of the group cannot be changed in Microsoft Graph.
func (c *change) checkManaged(group *licensing.Group) {
	switch {
	case group.IsDynamic():
		c.userError(model.UserErrorManagedElsewhere, "The group is dynamic: its members follow from its `membershipRule`. Change the rule, or the properties of the users.", "groupId")
	case group.IsSynchronized():
		c.userError(model.UserErrorManagedElsewhere, "The group is synchronized: its members are managed in the on-premises directory. Change them there.", "groupId")
	}
}

// checkMember returns the user error of an object that cannot become a member, or is none; nil if Microsoft Graph may
// make the change.
func (c *change) checkMember(m membership, id inputID, adds bool, i int) *model.UserError {
	object := m.objects[id.text]
	_, isUser := object.(*licensing.User)
	no := func(code model.UserErrorCode, message string) *model.UserError {
		return c.userError(code, message, "memberIds", i)
	}
	switch {
	case id.inputError != nil:
		return id.inputError
	case object == nil:
		return no(model.UserErrorNotFound, "No object has this ID.")
	case adds && m.members[id.text]:
		return no(model.UserErrorAlreadyMember, advice[model.UserErrorAlreadyMember])
	case adds && !isUser && slices.Contains(m.group.GroupTypes, "Unified"):
		return no(model.UserErrorMemberType, "A Microsoft 365 group has only users as members.")
	case !adds && m.complete && !m.members[id.text]:
		return no(model.UserErrorNotMember, advice[model.UserErrorNotMember])
	}
	return nil
}

// needsMore adds the further permission that a change requires to the error of a change without permission.
func needsMore(err error, group *licensing.Group, member licensing.DirectoryObject) {
	failure, ok := errors.AsType[*upstream.Error](err)
	if !ok || failure.Permission == "" {
		return
	}
	if deref(group.IsAssignableToRole) {
		failure.Permission += " and RoleManagement.ReadWrite.Directory"
	}
	if _, device := member.(*licensing.Device); device {
		failure.Permission += " and Device.ReadWrite.All"
	}
}

// rereadMembers returns a function that reads changes of members back; id returns the ID of a member by its index. A
// member counts as removed if two reads in a row do not find it, because replicas of the service can lag behind.
func (c *change) rereadMembers(groupID string, adds bool, id func(int) string) func([]int) map[int]licensing.WriteResult {
	missed := map[int]int{}
	return func(open []int) map[int]licensing.WriteResult {
		found := map[int]licensing.WriteResult{}
		c.read(membershipProperties, func(l *loaders.Loaders) error { //nolint:errcheck // a failed read leaves the outcomes unknown
			members, complete, err := membersOf(l, groupID)
			if err != nil {
				return err
			}
			for _, n := range open {
				is := slices.ContainsFunc(members, func(member licensing.DirectoryObject) bool { return member.ObjectID() == id(n) })
				if missed[n]++; is || !complete {
					missed[n] = 0
				}
				found[n] = licensing.WriteResult{Outcome: licensing.WriteUnknown}
				if adds && is || !adds && missed[n] > 1 {
					found[n] = licensing.WriteResult{Outcome: licensing.WriteDone}
				}
			}
			return nil
		})
		return found
	}
}
