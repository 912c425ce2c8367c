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
	"licensegraph/internal/upstream"
)

// representation is a federation router's reference to an entity: its __typename and one of its keys.
type representation = map[string]any

// entityTypes are the valid values of a representation's __typename.
var entityTypes = []string{"User", "Group", "Device", "Allotment", "Assignment", "AssignmentError", "UsageRight", "SubscribedSku"}

// realRepresentation is the key of the original representation in a placeholder.
const realRepresentation = "real"

// placeholder wraps a representation in one that gqlgen accepts. Without it, gqlgen rejects all representations of a
// type for one invalid key, and selects the resolver of a type with several keys by the first representation alone.
func placeholder(rep representation) representation {
	typeName, _ := rep["__typename"].(string)
	if !slices.Contains(entityTypes, typeName) {
		typeName = "User" // its resolver rejects the representation
	}
	return representation{
		"__typename": typeName, "id": "-", "holderId": "-", "skuId": "00000000-0000-0000-0000-000000000000",
		realRepresentation: rep,
	}
}

// untypedNil returns nil for a nil pointer. gqlgen would pass the nil pointer to the resolvers of its fields, in one
// batch with the other entities.
func untypedNil(entity fedruntime.Entity) fedruntime.Entity {
	if v := reflect.ValueOf(entity); v.Kind() == reflect.Pointer && v.IsNil() {
		return nil
	}
	return entity
}

// representations returns the original representations of a type, in the order of the arguments of its entity
// resolver.
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

// entitiesOf resolves the representations of a type; entities that do not exist are null.
func entitiesOf[V any](ctx context.Context, r *Resolver, typeName string) ([]V, error) {
	found, errs := resolveAll[any](ctx, r, representations(ctx, typeName))
	entities := make([]V, len(found))
	for i, entity := range found {
		entities[i], _ = entity.(V)
	}
	return withErrors(entities, errs)
}

// entity resolves a representation; nil if the entity does not exist.
func (f *field) entity(rep representation) (any, error) {
	switch rep["__typename"] {
	case "User":
		return anyOf(f.userEntity(rep))
	case "Group":
		return anyOf(f.groupEntity(rep))
	case "Device":
		return anyOf(f.deviceEntity(rep))
	case "Allotment":
		return anyOf(f.findAllotment(idOfRep(rep, "id")))
	case "Assignment":
		return anyOf(f.findAssignment(idOfRep(rep, "id")))
	case "AssignmentError":
		return anyOf(f.findAssignmentError(idOfRep(rep, "id")))
	case "UsageRight":
		return anyOf(f.usageRightEntity(rep))
	case "SubscribedSku":
		return anyOf(f.skuEntity(rep))
	default:
		return nil, &upstream.InputError{Message: "the `__typename` of a representation must be one of " + strings.Join(entityTypes, ", ")}
	}
}

// entityStub returns an entity with its key only; nil if its key identifies no object before it is read.
func (f *field) entityStub(parent any) any {
	rep := parent.(representation)
	id := idOfRep(rep, "id")
	switch rep["__typename"] {
	case "User":
		if _, ok := rep["id"].(string); ok {
			return userStub(&id)
		}
	case "Group":
		return groupStub(id)
	case "Device":
		if guid, err := directoryID(id); err == nil {
			return &licensing.Device{ID: guid}
		}
	case "Allotment":
		return allotmentStub(id)
	case "SubscribedSku":
		if id, ok := skuOfRep(rep); ok {
			return &licensing.SubscribedSku{SkuID: &id}
		}
	}
	return nil
}

// anyOf converts a value to any, and a nil pointer or a 404 to nil.
func anyOf[V comparable](value V, err error) (any, error) {
	var none V
	if value, err = ignoreNotFound(value, err); err != nil || value == none {
		return nil, err
	}
	return value, nil
}

func (f *field) userEntity(rep representation) (*licensing.User, error) {
	id, hasID := rep["id"].(string)
	name, hasName := rep["userPrincipalName"].(string)
	guid, isGUID := licensing.ParseGUID(id)
	switch {
	case isGUID && f.only("User", "id"):
		return &licensing.User{ID: string(guid)}, nil
	case hasID:
		return f.findUser(&id, nil)
	case hasName:
		if err := deniedIn(f.operation).signInName(); err != nil {
			return nil, err
		}
		return f.findUser(nil, &name)
	default:
		return nil, &upstream.InputError{Message: "a representation of User requires `id` or `userPrincipalName`"}
	}
}

func (f *field) groupEntity(rep representation) (*licensing.Group, error) {
	id := idOfRep(rep, "id")
	if guid, ok := licensing.ParseGUID(id); ok && f.only("Group", "id") {
		return &licensing.Group{ID: string(guid)}, nil
	}
	return f.findGroup(id)
}

func (f *field) deviceEntity(rep representation) (*licensing.Device, error) {
	id, err := directoryID(idOfRep(rep, "id"))
	if err != nil {
		return nil, err
	}
	if f.only("Device", "id") {
		return &licensing.Device{ID: id}, nil
	}
	return f.DeviceByID.Get(id)
}

func (f *field) usageRightEntity(rep representation) (*licensing.UsageRight, error) {
	id := idOfRep(rep, "id")
	holder, err := directoryID(idOfRep(rep, "holderId"))
	if err := errors.Join(err, opaqueID(id)); err != nil {
		return nil, err
	}
	return rejectedAsNotFound(f.UsageRightByHolderIDAndID.Get(licensing.UsageRightKey{HolderID: holder, ID: id}))
}

func (f *field) skuEntity(rep representation) (*licensing.SubscribedSku, error) {
	id, ok := skuOfRep(rep)
	if !ok {
		return nil, &upstream.InputError{Message: "a representation of SubscribedSku requires `skuId`, a UUID"}
	}
	return f.skuByID(id)
}

func skuOfRep(rep representation) (licensing.GUID, bool) {
	text, _ := rep["skuId"].(string)
	return licensing.ParseGUID(text)
}

// idOfRep returns an ID of a representation, case-folded; empty if it has none.
func idOfRep(rep representation, key string) string {
	id, _ := rep[key].(string)
	return licensing.FoldID(id)
}
