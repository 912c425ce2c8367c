package graph

import (
	"errors"
	"fmt"

	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// nodes returns the objects with the ids, in their order: from the directory if it has them, else from the
// licensing collections. What cannot be an id of the directory is looked for in the collections at once.
func (p plan) nodes(s selection, ids []string) ([]licensing.Node, []error) {
	nodes, errs := make([]licensing.Node, len(ids)), make([]error, len(ids))
	var inDirectory []string
	var places []int
	elsewhere := map[int][]loaders.Thunk[licensing.Node]{}
	next := p.node(s)
	p.Together(func() {
		for i, id := range ids {
			if errs[i] = opaqueID(id); errs[i] != nil {
				continue
			}
			if guid, ok := licensing.ParseGUID(id); ok {
				inDirectory, places = append(inDirectory, string(guid)), append(places, i)
				p.PlanDirectoryObject(string(guid), func(object licensing.DirectoryObject) { next(object) })
			} else {
				elsewhere[i] = p.inLicensing(next, id)
			}
		}
	})
	p.Begun()
	objects, failures := p.DirectoryObjects(inDirectory)
	p.Together(func() {
		for n, i := range places {
			switch {
			case errors.Is(failures[n], licensing.ErrNotFound):
				elsewhere[i] = p.inLicensing(next, ids[i])
			case failures[n] != nil:
				errs[i] = failures[n]
			default:
				nodes[i] = objects[n]
			}
		}
	})
	for i, candidates := range elsewhere {
		nodes[i], errs[i] = firstOf(candidates)
	}
	return nodes, errs
}

// inLicensing looks in all licensing collections for an id.
func (p plan) inLicensing(next func(licensing.Node), id string) []loaders.Thunk[licensing.Node] {
	return []loaders.Thunk[licensing.Node]{
		asNode(unlessRefused(p.AllotmentByID.Plan(id, func(a *licensing.Allotment) { next(a) }))),
		asNode(unlessRefused(p.AssignmentByID.Plan(id, func(a *licensing.Assignment) { next(a) }))),
		asNode(unlessRefused(p.AssignmentErrorByID.Plan(id, func(e *licensing.AssignmentError) { next(e) }))),
		asNode(p.SubscribedSkuByID(id)),
	}
}

// firstOf returns the first object that is found, else why there is none: rather a failure than that it is missing.
func firstOf(candidates []loaders.Thunk[licensing.Node]) (licensing.Node, error) {
	var failure error
	for _, thunk := range candidates {
		node, err := thunk()
		if err == nil {
			return node, nil
		}
		if failure == nil || errors.Is(failure, licensing.ErrNotFound) {
			failure = err
		}
	}
	return nil, failure
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
