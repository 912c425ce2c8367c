package graph

import (
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// reprocess requests reprocessing of several users' licenses. The result cannot be read back.
func (c *change) reprocess(input model.ReprocessInput, write func(userID string) licensing.Write) (*model.ReprocessPayload, error) {
	payload, err := c.changeUsers(input.UserIDs, write, func([]string) []bool { return nil })
	c.predictReprocessing(payload, false)
	return payload, err
}

// setUsageLocation sets the usage location of several users.
func (c *change) setUsageLocation(input model.SetUsageLocationInput) (*model.SetUsageLocationPayload, error) {
	if !countryCode.MatchString(input.UsageLocation) {
		c.userError(model.UserErrorInvalid, "The usage location must be a code of two letters, such as CH (ISO 3166-1 alpha-2).", "usageLocation")
		return &model.SetUsageLocationPayload{Results: []*model.SetUsageLocationResult{}, UserErrors: c.errs}, nil
	}
	location := strings.ToUpper(input.UsageLocation)
	payload, err := c.changeUsers(input.UserIDs, func(userID string) licensing.Write {
		return licensing.SetUsageLocation{UserID: userID, UsageLocation: location}
	}, func(ids []string) []bool { return c.located(ids, location) })
	c.predictReprocessing(payload, true)
	return payload, err
}

// predictReprocessing sets the prediction for the users that passed the checks; located reports that only their usage
// location changes.
func (c *change) predictReprocessing(payload *model.ReprocessPayload, located bool) {
	var ids []string
	for _, result := range payload.Results {
		if len(result.UserErrors) == 0 {
			ids = append(ids, result.UserID)
		}
	}
	c.predictWith(&payload.Prediction, func(run *predictor) ([]*model.PredictedEffect, bool, error) {
		effects, err := run.reprocessed(ids, located)
		return effects, false, err
	})
}

// located reports for each user whether Microsoft Graph returns the usage location.
func (c *change) located(ids []string, location string) []bool {
	located := make([]bool, len(ids))
	c.read(map[string][]string{"User": {"id", "usageLocation"}}, func(l *loaders.Loaders) error { //nolint:errcheck // an unreadable user is not located
		users, errs, blocked := loaders.Collect(ids, l.UserByID.Get)
		if blocked != nil {
			return blocked
		}
		for i, user := range users {
			located[i] = errs[i] == nil && strings.EqualFold(deref(user.UsageLocation), location)
		}
		return nil
	})
	return located
}

// changeUsers makes a change of each of several users. shows reports for the users whose response was lost whether the
// change is visible; nil if it cannot be read.
func (c *change) changeUsers(ids []string, write func(userID string) licensing.Write, shows func(ids []string) []bool) (*model.ReprocessPayload, error) {
	payload := &model.ReprocessPayload{Results: []*model.ReprocessResult{}}
	var writes []licensing.Write
	var written []int
	for i, id := range c.directoryIDs(ids, "userIds") {
		result := &model.ReprocessResult{UserID: id.text, Outcome: licensing.WriteNotDone, UserErrors: []*model.UserError{}}
		payload.Results = append(payload.Results, result)
		if id.inputError != nil {
			result.UserErrors = append(result.UserErrors, id.inputError)
			trailOf(c.ctx).notSent()
			continue
		}
		writes, written = append(writes, write(id.text)), append(written, i)
	}
	for n, became := range c.write(writes, func(open []int) map[int]licensing.WriteResult {
		found := map[int]licensing.WriteResult{}
		for n, shown := range shows(each(open, func(n int) string { return payload.Results[written[n]].UserID })) {
			found[open[n]] = licensing.WriteResult{Outcome: licensing.WriteUnknown}
			if shown {
				found[open[n]] = licensing.WriteResult{Outcome: licensing.WriteDone}
			}
		}
		return found
	}) {
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
