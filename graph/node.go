package graph

import (
	"errors"
	"fmt"

	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// nodes returns the objects with the ids, in their order: from the directory if it has them, else from the
// licensing collections.
func (p plan) nodes(s selection, ids []string) ([]licensing.Node, []error) {
	nodes, errs := make([]licensing.Node, len(ids)), make([]error, len(ids))
	var inDirectory []string
	var places []int
	rest := map[int]bool{}
	for i, id := range ids {
		if err := opaqueID(id); err != nil {
			errs[i] = err
		} else if guid, ok := licensing.ParseGUID(id); ok {
			inDirectory, places = append(inDirectory, string(guid)), append(places, i)
		} else {
			rest[i] = true
		}
	}
	next := p.node(s)
	p.Together(func() {
		for _, id := range inDirectory {
			p.PlanDirectoryObject(id, func(object licensing.DirectoryObject) { next(object) })
		}
	})
	p.Begun()
	objects, failures := p.DirectoryObjects(inDirectory)
	for n, i := range places {
		if errors.Is(failures[n], licensing.ErrNotFound) {
			rest[i] = true
			continue
		}
		if errs[i] = failures[n]; errs[i] == nil {
			nodes[i] = objects[n]
		}
	}
	p.inLicensing(s, ids, rest, nodes, errs)
	return nodes, errs
}

// inLicensing looks in the licensing collections for the ids at the places given, all in one batch.
func (p plan) inLicensing(s selection, ids []string, places map[int]bool, nodes []licensing.Node, errs []error) {
	found := map[int][]loaders.Thunk[licensing.Node]{}
	p.Together(func() {
		for i := range places {
			found[i] = []loaders.Thunk[licensing.Node]{
				asNode(p.findAllotment(s, ids[i])),
				asNode(p.findAssignment(s, ids[i])),
				asNode(p.findAssignmentError(s, ids[i])),
				asNode(p.SubscribedSkuByID(ids[i])),
			}
		}
	})
	for i, candidates := range found {
		for _, thunk := range candidates {
			node, err := thunk()
			if err == nil {
				nodes[i], errs[i] = node, nil
				break
			}
			if errs[i] == nil || errors.Is(errs[i], licensing.ErrNotFound) {
				errs[i] = err
			}
		}
	}
}

func asNode[T licensing.Node](thunk loaders.Thunk[T]) loaders.Thunk[licensing.Node] {
	return func() (licensing.Node, error) {
		node, err := thunk()
		if err != nil {
			return nil, err
		}
		return node, nil
	}
}

func checkNodes(ids []string) error {
	if len(ids) > maxNodes {
		return &licensing.InputError{Message: fmt.Sprintf("`nodes` takes at most %d ids", maxNodes)}
	}
	return nil
}
