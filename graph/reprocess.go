package graph

import (
	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
)

// reprocess has the licences of several users processed again. Whether that was done cannot be read back.
func (c *change) reprocess(input model.ReprocessInput, write func(userID string) licensing.Write) (*model.ReprocessPayload, error) {
	ids := c.directoryIDs(input.UserIDs, "userIds")
	payload := &model.ReprocessPayload{Results: []*model.ReprocessResult{}, UserErrors: c.errs}
	if len(c.errs) > 0 {
		return payload, nil
	}
	for i, written := range c.write(each(ids, write), unreadable) {
		result := &model.ReprocessResult{UserID: ids[i], Outcome: written.Outcome}
		result.UserErrors = append([]*model.UserError{}, c.refused(written.Err, []any{"userIds", i}, ast.PathName("results"), ast.PathIndex(i))...)
		payload.Results = append(payload.Results, result)
	}
	payload.UserErrors = c.errs
	return payload, nil
}

func reprocessAssignments(userID string) licensing.Write {
	return licensing.ReprocessAssignments{UserID: userID}
}

func reprocessLicenseAssignment(userID string) licensing.Write {
	return licensing.ReprocessLicenseAssignment{UserID: userID}
}
