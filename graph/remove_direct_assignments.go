package graph

import (
	"errors"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// removeDirectProperties are the properties that removeDirectAssignments requires for its checks and for reading back.
var removeDirectProperties = map[string][]string{
	"User":          {"id", "licenseAssignmentStates"},
	"SubscribedSku": {"id", "skuId", "skuPartNumber", "servicePlans"},
}

// removeDirectAssignments removes the direct assignment of a product from users who also have it through a group.
func (c *change) removeDirectAssignments(input model.RemoveDirectAssignmentsInput) (*model.RemoveDirectAssignmentsPayload, error) {
	payload := &model.RemoveDirectAssignmentsPayload{Results: []*model.RemoveDirectAssignmentsResult{}}
	ids := c.directoryIDs(input.UserIDs, "userIds")
	if payload.UserErrors = c.errs; len(ids) == 0 {
		return payload, nil
	}
	sku, users, errs, err := c.doubled(input.SkuID, ids)
	switch {
	case errors.Is(err, upstream.ErrNotFound):
		c.userError(model.UserErrorUnknownProduct, advice[model.UserErrorUnknownProduct], "skuId")
		payload.UserErrors = c.errs
		return payload, nil
	case err != nil:
		return nil, err
	}
	c.products = []product{{sku.SkuID, sku.SkuPartNumber}}
	c.plans = sku.ServicePlans
	var writes []licensing.Write
	var written []int
	for i, id := range ids {
		result := &model.RemoveDirectAssignmentsResult{UserID: id.text, Outcome: licensing.WriteNotDone, UserErrors: []*model.UserError{}}
		payload.Results = append(payload.Results, result)
		sends := false
		switch {
		case id.inputError != nil:
			result.UserErrors = append(result.UserErrors, id.inputError)
		case errors.Is(errs[i], upstream.ErrNotFound):
			result.UserErrors = append(result.UserErrors, c.userError(model.UserErrorNotFound, "No user has this ID.", "userIds", i))
		case errs[i] != nil:
			graphql.AddError(c.ctx, gqlerror.WrapPath(append(slices.Clone(graphql.GetPath(c.ctx)), ast.PathName("results"), ast.PathIndex(i)), errs[i]))
		default:
			mistake := c.checkDoubled(sku, users[i], input.AllowPlanLoss, i)
			if sends = mistake == nil; !sends {
				result.UserErrors = append(result.UserErrors, mistake)
			}
		}
		if !sends {
			trailOf(c.ctx).notSent()
			continue
		}
		write := licensing.AssignLicense{AssignedTo: licensing.Assignee{Type: licensing.AssigneeUser, ID: id.text}, Remove: []licensing.GUID{input.SkuID}}
		writes, written = append(writes, write), append(written, i)
	}
	c.predict(&payload.Prediction, func(*predictor) ([]alteration, error) {
		return each(writes, func(w licensing.Write) alteration {
			return alteration{assignee: w.(licensing.AssignLicense).AssignedTo, sku: input.SkuID, removes: true}
		}), nil
	})
	results := c.write(writes, c.rereadDirect(input.SkuID, func(n int) string { return ids[written[n]].text }))
	for n, became := range results {
		i := written[n]
		result := payload.Results[i]
		result.Outcome = became.Outcome
		result.UserErrors = append(result.UserErrors, c.rejected(became.Err, subject{assignee: licensing.AssigneeUser}, []any{"userIds", i}, ast.PathName("results"), ast.PathIndex(i))...)
	}
	payload.UserErrors = c.errs
	return payload, nil
}

// doubled reads the product, and the users with valid IDs, with the error of each.
func (c *change) doubled(skuID licensing.GUID, ids []inputID) (sku *licensing.SubscribedSku, users []*licensing.User, errs []error, err error) {
	err = c.read(removeDirectProperties, func(l *loaders.Loaders) (err error) {
		var blocked error
		sku, err = l.SubscribedSku(skuID)
		users, errs, blocked = loaders.Collect(ids, func(id inputID) (*licensing.User, error) {
			if id.inputError != nil {
				return nil, nil
			}
			user, err := l.UserByID.Get(id.text)
			if err == nil {
				err = statesError(user)
			}
			return user, err
		})
		if blocked != nil {
			return blocked
		}
		return err
	})
	if err == nil {
		err = sku.ReadError("servicePlans")
	}
	return sku, users, errs, err
}

// statesError returns the error of a user's license states that could not be read, in whole or in part.
func statesError(user *licensing.User) error {
	if err := user.ReadError("licenseAssignmentStates"); err != nil {
		return err
	}
	return firstReadError(user.LicenseAssignmentStates, func(s *licensing.LicenseAssignmentState) error {
		for _, property := range []string{"skuId", "assignedByGroup", "disabledPlans", "state"} {
			if err := s.ReadError(property); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkDoubled returns the user error of a user who does not have the product directly, or would lose it or some of its
// service plans; nil if the direct assignment may be removed.
func (c *change) checkDoubled(sku *licensing.SubscribedSku, user *licensing.User, allowPlanLoss bool, i int) *model.UserError {
	var direct bool
	var inherited []licensing.Path
	paths := licensing.PathsOf(user.LicenseAssignmentStates, *sku.SkuID)
	for _, path := range paths {
		if path.Group == "" {
			direct = true
		} else {
			inherited = append(inherited, path)
		}
	}
	lost := licensing.EffectOf(planIDs(sku.ServicePlans), paths, inherited).Lost
	switch {
	case !direct:
		return c.userError(model.UserErrorNotAssigned, advice[model.UserErrorNotAssigned], "userIds", i)
	case !inheritsActively(user, *sku.SkuID):
		return c.userError(model.UserErrorNotInherited, "The user would lose the product: the user has it through no group, or not in state ACTIVE. Use `assignLicense` to remove it.", "userIds", i)
	case len(lost) > 0 && !allowPlanLoss:
		names := each(lost, func(id licensing.GUID) string { return c.named(string(id)) })
		return c.userError(model.UserErrorPlansLost, "The user would lose service plans that only the direct assignment enables: "+strings.Join(names, ", ")+". Enable them in the group, or set `allowPlanLoss`.", "userIds", i)
	}
	return nil
}

// inheritsActively reports whether a user has a product through a group in state ACTIVE.
func inheritsActively(user *licensing.User, sku licensing.GUID) bool {
	return slices.ContainsFunc(user.LicenseAssignmentStates, func(s *licensing.LicenseAssignmentState) bool {
		state := s.State()
		return is(s.SkuID, sku) && s.AssignedByGroup != nil && state != nil && *state == licensing.LicenseActive
	})
}

// planIDs returns the IDs of service plans.
func planIDs(plans []*licensing.ServicePlan) []licensing.GUID {
	var ids []licensing.GUID
	for _, plan := range plans {
		if plan.ServicePlanID != nil {
			ids = append(ids, *plan.ServicePlanID)
		}
	}
	return ids
}

// rereadDirect returns a function that reads the removal of direct assignments back; id returns the ID of a user by the
// index of the change. Two reads in a row without the assignment confirm it, because replicas can lag behind.
func (c *change) rereadDirect(sku licensing.GUID, id func(int) string) func([]int) map[int]licensing.WriteResult {
	missed := map[int]int{}
	return func(open []int) map[int]licensing.WriteResult {
		found := map[int]licensing.WriteResult{}
		c.read(removeDirectProperties, func(l *loaders.Loaders) error { //nolint:errcheck // a failed read leaves the outcomes unknown
			users, errs, blocked := loaders.Collect(open, func(n int) (*licensing.User, error) { return l.UserByID.Get(id(n)) })
			if blocked != nil {
				return blocked
			}
			for at, n := range open {
				found[n] = licensing.WriteResult{Outcome: licensing.WriteUnknown}
				if errs[at] != nil {
					continue
				}
				h := holder{user: users[at]}
				if _, direct := h.direct(sku); direct || h.incomplete() || !h.lists() {
					missed[n] = 0
				} else if missed[n]++; missed[n] > 1 {
					found[n] = licensing.WriteResult{Outcome: licensing.WriteDone}
				}
			}
			return nil
		})
		return found
	}
}
