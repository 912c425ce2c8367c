package graph

import (
	"errors"

	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/graph/cursor"
	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// reprocessGroupProperties are the properties that reprocessGroup requires.
var reprocessGroupProperties = map[string][]string{"Group": {"id"}, "DirectoryObject": {"id"}}

// reprocessGroup reprocesses a group by one request or, where the tenant does not provide it, by its members.
func (c *change) reprocessGroup(input model.ReprocessGroupInput, cursors *cursor.Sealer) (*model.ReprocessGroupPayload, error) {
	payload := &model.ReprocessGroupPayload{Results: []*model.ReprocessResult{}}
	guid, ok := licensing.ParseGUID(input.GroupID)
	if !ok {
		c.userError(model.UserErrorInvalid, "An object ID must be a GUID.", "groupId")
	}
	groupID := string(guid)
	if _, err := sizeOf("first", &input.First, maxWrites); err != nil {
		c.userError(model.UserErrorInvalid, err.Error(), "first")
	}
	if input.After != nil {
		if _, err := cursors.Open(reprocessedList(groupID), "after", *input.After); err != nil {
			c.userError(model.UserErrorInvalid, err.Error(), "after")
		}
	}
	if payload.UserErrors = c.errs; len(c.errs) > 0 {
		return payload, nil
	}
	if input.After == nil { // a cursor continues with the members
		exists, err := c.groupExists(groupID)
		if payload.UserErrors = c.errs; !exists {
			return payload, err
		}
		if !c.dryRun && c.reprocessWhole(groupID, payload) {
			return payload, nil
		}
	}
	if c.dryRun { // which way is taken is known only when it is tried
		payload.GroupID = &groupID
		c.predictWith(&payload.Prediction, func(run *predictor) ([]*model.PredictedEffect, bool, error) {
			ids, truncated, err := usersOfGroup(run.l, groupID)
			if err != nil {
				return nil, false, err
			}
			effects, err := run.reprocessed(ids, false)
			return effects, truncated, err
		})
		outcome := licensing.WriteNotDone
		payload.Outcome = &outcome
		return payload, nil
	}
	members, err := c.usersOf(groupID, input, cursors)
	if payload.UserErrors = c.errs; err != nil || members == nil {
		return payload, err
	}
	payload.GroupID = &groupID
	payload.HasNextPage = members.PageInfo.HasNextPage
	if payload.HasNextPage {
		end := members.PageInfo.End()
		payload.EndCursor = &end
	}
	c.reprocessUsers(each(members.Nodes, licensing.DirectoryObject.ObjectID), payload)
	payload.UserErrors = c.errs
	return payload, nil
}

// reprocessedList identifies the list of a group's users for cursors.
func reprocessedList(groupID string) string { return listName("reprocessGroup", groupID) }

// groupExists reports whether a group exists. If it does not, groupExists adds a user error.
func (c *change) groupExists(groupID string) (bool, error) {
	err := c.read(reprocessGroupProperties, func(l *loaders.Loaders) error {
		_, err := l.GroupByID.Get(groupID)
		return err
	})
	if errors.Is(err, upstream.ErrNotFound) {
		c.userError(model.UserErrorNotFound, "No group has this ID.", "groupId")
		return false, nil
	}
	return err == nil, err
}

// reprocessWhole reprocesses a group by one request. It returns false if the tenant does not provide the request.
func (c *change) reprocessWhole(groupID string, payload *model.ReprocessGroupPayload) bool {
	known := trailOf(c.ctx).writing(1)
	results := c.send([]licensing.Write{licensing.ReprocessGroup{GroupID: groupID}})
	if errors.Is(results[0].Err, upstream.ErrNotOffered) {
		known(nil)
		return false
	}
	known(results)
	method := model.ReprocessByGroup
	payload.Method, payload.Outcome, payload.GroupID = &method, &results[0].Outcome, &groupID
	c.rejected(results[0].Err, subject{}, []any{"groupId"}, ast.PathName("outcome"))
	payload.UserErrors = c.errs
	return true
}

// usersOf returns a page of the users among a group's direct members. It returns nil if there is no such group, and adds
// a user error.
func (c *change) usersOf(groupID string, input model.ReprocessGroupInput, cursors *cursor.Sealer) (page *model.DirectoryObjectConnection, err error) {
	err = c.read(reprocessGroupProperties, func(l *loaders.Loaders) (err error) {
		page, err = connectionOf(&field{reads: &reads{Loaders: l, cursors: cursors}}, list[*licensing.Reference, licensing.DirectoryObject]{
			name: reprocessedList(groupID), query: upstream.Query{Of: groupID}, maxFirst: maxWrites, typeName: "DirectoryObject",
			loader: l.MembersByQuery,
			complete: func(_ upstream.Query, member *licensing.Reference) (licensing.DirectoryObject, error) {
				return member.Object, nil
			},
			keep: func(member licensing.DirectoryObject) bool {
				_, isUser := member.(*licensing.User)
				return isUser
			},
		}, &input.First, input.After, func() {})
		return err
	})
	invalid, isInvalid := errors.AsType[*upstream.InputError](err)
	switch {
	case errors.Is(err, upstream.ErrNotFound):
		c.userError(model.UserErrorNotFound, "No group has this ID.", "groupId")
		return nil, nil
	case isInvalid: // the cursor has expired
		c.userError(model.UserErrorInvalid, invalid.Message, "after")
		return nil, nil
	}
	return page, err
}

// reprocessUsers reprocesses users by their assignments or, where the tenant does not provide this, by their licenses.
// The result cannot be read back.
func (c *change) reprocessUsers(ids []string, payload *model.ReprocessGroupPayload) {
	if len(ids) == 0 {
		return
	}
	known := trailOf(c.ctx).writing(len(ids))
	method := model.ReprocessByUserAssignments
	results := c.send(each(ids, func(id string) licensing.Write { return licensing.ReprocessAssignments{UserID: id, Known: true} }))
	var refused []int
	for i, result := range results {
		if errors.Is(result.Err, upstream.ErrNotOffered) {
			refused = append(refused, i)
		}
	}
	if len(refused) > 0 {
		if len(refused) == len(ids) {
			method = model.ReprocessByUserLicenses
		}
		for n, result := range c.send(each(refused, func(i int) licensing.Write { return reprocessLicenseAssignment(ids[i]) })) {
			results[refused[n]] = result
		}
	}
	known(results)
	payload.Method = &method
	for i, became := range results {
		payload.Results = append(payload.Results, &model.ReprocessResult{
			UserID: ids[i], Outcome: became.Outcome,
			UserErrors: append([]*model.UserError{}, c.rejected(became.Err, subject{}, []any{"groupId"}, ast.PathName("results"), ast.PathIndex(i))...),
		})
	}
}
