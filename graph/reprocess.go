package graph

import (
	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
)

// reprocess requests reprocessing of several users' licenses. The result cannot be read back.
func (c *change) reprocess(input model.ReprocessInput, write func(userID string) licensing.Write) (*model.ReprocessPayload, error) {
	payload := &model.ReprocessPayload{Results: []*model.ReprocessResult{}}
	var writes []licensing.Write
	var written []int
	for i, id := range c.directoryIDs(input.UserIDs, "userIds") {
		result := &model.ReprocessResult{UserID: id.text, Outcome: licensing.WriteNotDone, UserErrors: []*model.UserError{}}
		payload.Results = append(payload.Results, result)
		if id.inputError != nil {
			result.UserErrors = append(result.UserErrors, id.inputError)
			trailOf(c.ctx).notSent()
			continue
		}
		writes, written = append(writes, write(id.text)), append(written, i)
	}
	for n, became := range c.write(writes, noReadBack) {
		i := written[n]
		result := payload.Results[i]
		result.Outcome = became.Outcome
		result.UserErrors = append(result.UserErrors, c.rejected(became.Err, subject{}, []any{"userIds", i}, ast.PathName("results"), ast.PathIndex(i))...)
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
