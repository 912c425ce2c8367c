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
	thunks := make([]loaders.Thunk[*licensing.User], len(reps))
	p.Ahead(func() {
		for i, rep := range reps {
			thunks[i] = p.userEntity(s, rep)
		}
	})
	users, errs := loaders.Wait(thunks)
	p.users(s, present(users))
	return users, errs
}

func (p plan) userEntity(s selection, rep map[string]any) loaders.Thunk[*licensing.User] {
	if id, ok := rep["id"].(string); ok {
		if guid, ok := licensing.ParseGUID(id); ok && s.only("User", "id") {
			return held(&licensing.User{ID: string(guid)})
		}
		return failing(p.userBy(&id, nil))
	}
	if name, ok := rep["userPrincipalName"].(string); ok {
		return failing(p.userBy(nil, &name))
	}
	return failing[*licensing.User](nil, &licensing.InputError{Message: "a representation of User has an `id` or a `userPrincipalName`"})
}

// groupEntities returns groups by their ids.
func (p plan) groupEntities(s selection, ids []string) ([]*licensing.Group, []error) {
	thunks := make([]loaders.Thunk[*licensing.Group], len(ids))
	p.Ahead(func() {
		for i, id := range ids {
			guid, err := directoryID(id)
			switch {
			case err != nil:
				thunks[i] = failing[*licensing.Group](nil, err)
			case s.only("Group", "id"):
				thunks[i] = held(&licensing.Group{ID: guid})
			default:
				thunks[i] = p.GroupByID.Load(guid)
			}
		}
	})
	return loaders.Wait(thunks)
}

// errorEntities returns assignment errors by their ids.
func (p plan) errorEntities(s selection, ids []string) ([]*licensing.AssignmentError, []error) {
	thunks := make([]loaders.Thunk[*licensing.AssignmentError], len(ids))
	p.Ahead(func() {
		for i, id := range ids {
			if err := opaqueID(id); err != nil {
				thunks[i] = failing[*licensing.AssignmentError](nil, err)
				continue
			}
			thunks[i] = p.AssignmentErrorByID.Load(id)
		}
	})
	errs, failures := loaders.Wait(thunks)
	for i := range failures {
		failures[i] = unknownID(failures[i])
	}
	p.assignmentErrors(s, present(errs))
	return errs, failures
}

// rightEntities returns usage rights by their holders and ids.
func (p plan) rightEntities(s selection, reps []*model.UsageRightByHolderIDAndIDsInput) ([]*licensing.UsageRight, []error) {
	thunks := make([]loaders.Thunk[*licensing.UsageRight], len(reps))
	p.Ahead(func() {
		for i, rep := range reps {
			key, err := rightKey(rep)
			if err != nil {
				thunks[i] = failing[*licensing.UsageRight](nil, err)
				continue
			}
			thunks[i] = p.UsageRightByHolderIDAndID.Load(key)
		}
	})
	rights, errs := loaders.Wait(thunks)
	for i := range errs {
		errs[i] = unknownID(errs[i])
	}
	p.usageRights(s, rights)
	return rights, errs
}

func rightKey(rep *model.UsageRightByHolderIDAndIDsInput) (licensing.UsageRightKey, error) {
	if rep.HolderID == nil {
		return licensing.UsageRightKey{}, &licensing.InputError{Message: "a representation of UsageRight has a `holderId`"}
	}
	holder, err := directoryID(*rep.HolderID)
	return licensing.UsageRightKey{HolderID: holder, ID: rep.ID}, errors.Join(err, opaqueID(rep.ID))
}

func held[V any](value V) loaders.Thunk[V] {
	return func() (V, error) { return value, nil }
}

func failing[V any](thunk loaders.Thunk[V], err error) loaders.Thunk[V] {
	if err == nil {
		return thunk
	}
	return func() (V, error) {
		var none V
		return none, err
	}
}

// present returns the values that are there.
func present[T any](values []*T) []*T {
	var there []*T
	for _, value := range values {
		if value != nil {
			there = append(there, value)
		}
	}
	return there
}
