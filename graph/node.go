package graph

import (
	"cmp"
	"errors"
	"fmt"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// node returns the object with an ID, from the directory or else from the licensing collections. An ID that is not a
// GUID is searched for in the collections only.
func (f *field) node(id string) (licensing.Node, error) {
	if err := opaqueID(id); err != nil {
		return nil, err
	}
	if guid, ok := licensing.ParseGUID(id); ok {
		object, err := f.DirectoryObject(string(guid))
		if err == nil {
			return object, nil
		}
		if !errors.Is(err, upstream.ErrNotFound) {
			return nil, err
		}
	}
	return f.inLicensing(id)
}

// inLicensing searches the licensing collections for an ID. It returns ErrNotFound only if all reads succeeded.
func (f *field) inLicensing(id string) (licensing.Node, error) {
	var failure error
	blocked := false
	var found licensing.Node
	for _, find := range []func() (licensing.Node, error){
		func() (licensing.Node, error) { return asNode(rejectedAsNotFound(f.AllotmentByID.Get(id))) },
		func() (licensing.Node, error) { return asNode(rejectedAsNotFound(f.AssignmentByID.Get(id))) },
		func() (licensing.Node, error) { return asNode(rejectedAsNotFound(f.AssignmentErrorByID.Get(id))) },
		func() (licensing.Node, error) { return asNode(f.SubscribedSkuByID(id)) },
	} {
		node, err := find()
		switch {
		case errors.Is(err, loaders.ErrBlocked):
			blocked = true
		case err == nil && found == nil:
			found = node
		case failure == nil || errors.Is(failure, upstream.ErrNotFound):
			failure = cmp.Or(err, failure)
		}
	}
	switch {
	case blocked:
		return nil, loaders.ErrBlocked
	case found != nil:
		return found, nil
	default:
		return nil, failure
	}
}

func asNode[T licensing.Node](node T, err error) (licensing.Node, error) {
	if err != nil {
		return nil, err
	}
	return node, nil
}

// nodeIDs returns the IDs of a `nodes` field; none if there are too many.
func (f *field) nodeIDs() []any {
	ids := arg[[]string](f, "ids")
	if checkNodes(ids) != nil {
		return nil
	}
	return anys(ids)
}

func checkNodes(ids []string) error {
	if len(ids) > maxNodes {
		return &upstream.InputError{Message: fmt.Sprintf("`nodes` accepts at most %d IDs", maxNodes)}
	}
	return nil
}
