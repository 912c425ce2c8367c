package graph

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/plugin/federation/fedruntime"

	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// representation is how a federation router refers to an entity: its type and one of its keys.
type representation = map[string]any

// entityTypes are the types that a representation can be of.
var entityTypes = []string{"User", "Group", "Device", "Allotment", "Assignment", "AssignmentError", "UsageRight", "SubscribedSku"}

// realRepresentation is where a stand-in keeps what it stands for.
const realRepresentation = "real"

// standIn returns a representation that gqlgen takes, with the real one inside. By itself gqlgen refuses all
// representations of a type for one that it cannot read; and where a type has several keys, it picks the
// resolver by the first representation and makes up keys for those that have another.
func standIn(rep representation) representation {
	typeName, _ := rep["__typename"].(string)
	if !slices.Contains(entityTypes, typeName) {
		typeName = "User" // whose resolver refuses it
	}
	return representation{
		"__typename": typeName, "id": "-", "holderId": "-", "skuId": "00000000-0000-0000-0000-000000000000",
		realRepresentation: rep,
	}
}

// noNilPointer makes an entity that does not exist nil as an interface too. gqlgen gives the resolvers of its fields a nil
// pointer otherwise, together with the entities that exist.
func noNilPointer(entity fedruntime.Entity) fedruntime.Entity {
	if v := reflect.ValueOf(entity); v.Kind() == reflect.Pointer && v.IsNil() {
		return nil
	}
	return entity
}

// representations returns the real representations in the order in which the entity resolver of a type gets
// the others.
func representations(ctx context.Context, typeName string) []representation {
	all, _ := graphql.GetFieldContext(ctx).Args["representations"].([]map[string]any)
	var ofType []representation
	for _, rep := range all {
		if rep["__typename"] == typeName {
			rep, _ := rep[realRepresentation].(representation)
			ofType = append(ofType, rep)
		}
	}
	return ofType
}

// entities plans all representations of an _entities field, before gqlgen divides them by type.
func (p plan) entities(s selection, reps []representation) {
	user, group, device, sku := p.userEntity(s), p.groupEntity(s), p.deviceEntity(s), p.skuEntity(s)
	allotment, assignment, assignmentError, right := p.allotmentEntity(s), p.assignmentEntity(s), p.assignmentErrorEntity(s), p.usageRightEntity(s)
	p.Together(func() {
		for _, rep := range reps {
			switch rep["__typename"] {
			case "User":
				user(rep)
			case "Group":
				group(rep)
			case "Device":
				device(rep)
			case "Allotment":
				allotment(rep)
			case "Assignment":
				assignment(rep)
			case "AssignmentError":
				assignmentError(rep)
			case "UsageRight":
				right(rep)
			case "SubscribedSku":
				sku(rep)
			}
		}
	})
}

func (p plan) userEntity(s selection) func(representation) loaders.Thunk[*licensing.User] {
	idOnly := s.only("User", "id")
	signInName := deniedIn(s.operation).signInName()
	return func(rep representation) loaders.Thunk[*licensing.User] {
		id, hasID := rep["id"].(string)
		name, hasName := rep["userPrincipalName"].(string)
		guid, isGUID := licensing.ParseGUID(id)
		switch {
		case rep["__typename"] != "User":
			return failing[*licensing.User](&licensing.InputError{Message: "the `__typename` of a representation is one of " + strings.Join(entityTypes, ", ")})
		case isGUID && idOnly:
			return held(&licensing.User{ID: string(guid)})
		case hasID:
			return p.findUser(s, &id, nil)
		case hasName && signInName != nil:
			return failing[*licensing.User](signInName)
		case hasName:
			return p.findUser(s, nil, &name)
		default:
			return failing[*licensing.User](&licensing.InputError{Message: "a representation of User has an `id` or a `userPrincipalName`"})
		}
	}
}

func (p plan) groupEntity(s selection) func(representation) loaders.Thunk[*licensing.Group] {
	idOnly := s.only("Group", "id")
	return func(rep representation) loaders.Thunk[*licensing.Group] {
		id := idOfRep(rep, "id")
		if guid, ok := licensing.ParseGUID(id); ok && idOnly {
			return held(&licensing.Group{ID: string(guid)})
		}
		return p.findGroup(s, id)
	}
}

func (p plan) deviceEntity(s selection) func(representation) loaders.Thunk[*licensing.Device] {
	idOnly, below, next := s.only("Device", "id"), p.belowDevice(s), p.device(s)
	return func(rep representation) loaders.Thunk[*licensing.Device] {
		text := idOfRep(rep, "id")
		id, err := directoryID(text)
		switch {
		case err != nil:
			return failing[*licensing.Device](err)
		case idOnly:
			return held(&licensing.Device{ID: id})
		default:
			below(id)
			return p.DeviceByID.Plan(id, next)
		}
	}
}

func (p plan) allotmentEntity(s selection) func(representation) loaders.Thunk[*licensing.Allotment] {
	return func(rep representation) loaders.Thunk[*licensing.Allotment] {
		id := idOfRep(rep, "id")
		return p.findAllotment(s, id)
	}
}

func (p plan) assignmentEntity(s selection) func(representation) loaders.Thunk[*licensing.Assignment] {
	return func(rep representation) loaders.Thunk[*licensing.Assignment] {
		id := idOfRep(rep, "id")
		return p.findAssignment(s, id)
	}
}

func (p plan) assignmentErrorEntity(s selection) func(representation) loaders.Thunk[*licensing.AssignmentError] {
	return func(rep representation) loaders.Thunk[*licensing.AssignmentError] {
		id := idOfRep(rep, "id")
		return p.findAssignmentError(s, id)
	}
}

func (p plan) usageRightEntity(s selection) func(representation) loaders.Thunk[*licensing.UsageRight] {
	next := p.usageRight(s)
	return func(rep representation) loaders.Thunk[*licensing.UsageRight] {
		holderID := idOfRep(rep, "holderId")
		id := idOfRep(rep, "id")
		holder, err := directoryID(holderID)
		if err := errors.Join(err, opaqueID(id)); err != nil {
			return failing[*licensing.UsageRight](err)
		}
		return unlessRefused(p.UsageRightByHolderIDAndID.Plan(licensing.UsageRightKey{HolderID: holder, ID: id}, next))
	}
}

func (p plan) skuEntity(s selection) func(representation) loaders.Thunk[*licensing.SubscribedSku] {
	find, plan := p.findSku(s), p.subscribedSku(s)
	return func(rep representation) loaders.Thunk[*licensing.SubscribedSku] {
		text, _ := rep["skuId"].(string)
		id, ok := licensing.ParseGUID(text)
		if !ok {
			return failing[*licensing.SubscribedSku](&licensing.InputError{Message: "a representation of SubscribedSku has a `skuId`, a UUID"})
		}
		plan(&licensing.SubscribedSku{SkuID: &id})
		return find(&id)
	}
}

// idOfRep reads an id of a representation, in the form in which ids are compared; empty when there is none.
func idOfRep(rep representation, key string) string {
	id, _ := rep[key].(string)
	return licensing.FoldID(id)
}
