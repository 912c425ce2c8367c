package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// representations returns the raw representations of a type in the order in which its entity resolver gets
// them. With several keys per type, gqlgen picks the resolver by the first representation and gives it all,
// with made-up keys for those that have another.
func representations(ctx context.Context, typeName string) []map[string]any {
	all, _ := graphql.GetFieldContext(ctx).Args["representations"].([]map[string]any)
	var ofType []map[string]any
	for _, rep := range all {
		if rep["__typename"] == typeName {
			ofType = append(ofType, rep)
		}
	}
	return ofType
}

// userEntities returns users by either of their keys.
func (p plan) userEntities(s selection, reps []map[string]any) ([]*licensing.User, []error) {
	return findEach(p, reps, func(rep map[string]any) loaders.Thunk[*licensing.User] {
		id, hasID := rep["id"].(string)
		name, hasName := rep["userPrincipalName"].(string)
		guid, isGUID := licensing.ParseGUID(id)
		switch {
		case isGUID && s.only("User", "id"):
			return held(&licensing.User{ID: string(guid)})
		case hasID:
			return p.findUser(s, &id, nil)
		case hasName:
			return p.findUser(s, nil, &name)
		default:
			return failing[*licensing.User](&licensing.InputError{Message: "a representation of User has an `id` or a `userPrincipalName`"})
		}
	})
}

// groupEntities returns groups by their ids.
func (p plan) groupEntities(s selection, reps []*model.GroupByIDsInput) ([]*licensing.Group, []error) {
	return findEach(p, reps, func(rep *model.GroupByIDsInput) loaders.Thunk[*licensing.Group] {
		if guid, ok := licensing.ParseGUID(rep.ID); ok && s.only("Group", "id") {
			return held(&licensing.Group{ID: string(guid)})
		}
		return p.findGroup(s, rep.ID)
	})
}

// assignmentErrorEntities returns assignment errors by their ids.
func (p plan) assignmentErrorEntities(s selection, reps []*model.AssignmentErrorByIDsInput) ([]*licensing.AssignmentError, []error) {
	return findEach(p, reps, func(rep *model.AssignmentErrorByIDsInput) loaders.Thunk[*licensing.AssignmentError] {
		return p.findAssignmentError(s, rep.ID)
	})
}

// usageRightEntities returns usage rights by their holders and ids.
func (p plan) usageRightEntities(s selection, reps []*model.UsageRightByHolderIDAndIDsInput) ([]*licensing.UsageRight, []error) {
	return findEach(p, reps, func(rep *model.UsageRightByHolderIDAndIDsInput) loaders.Thunk[*licensing.UsageRight] {
		if rep.HolderID == nil {
			return failing[*licensing.UsageRight](&licensing.InputError{Message: "a representation of UsageRight has a `holderId`"})
		}
		holder, err := directoryID(*rep.HolderID)
		if err := errors.Join(err, opaqueID(rep.ID)); err != nil {
			return failing[*licensing.UsageRight](err)
		}
		return unlessRefused(p.UsageRightByHolderIDAndID.Plan(licensing.UsageRightKey{HolderID: holder, ID: rep.ID}, p.usageRight(s)))
	})
}

// skuEntities returns products by their SKU ids.
func (p plan) skuEntities(s selection, reps []*model.SubscribedSkuBySkuIDsInput) ([]*licensing.SubscribedSku, []error) {
	return p.skus(s, each(reps, func(rep *model.SubscribedSkuBySkuIDsInput) *licensing.GUID { return rep.SkuID }))
}
