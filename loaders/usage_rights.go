package loaders

import (
	"errors"

	"licensegraph/internal/licensing"
)

func (l *Loaders) addUsageRights(s *scheduler) {
	l.UsageRightByErrorID = newLoader(s, func(b Batch, ids []string, found func(string, *licensing.UsageRight, error)) {
		b.UsageRightsOfErrors(ids, l.properties("UsageRight"), l.relatedOfRight(), found)
	})
	l.UsageRightsByUserID = newLoader(s, func(b Batch, keys []licensing.UsageRightsKey, found func(licensing.UsageRightsKey, []*licensing.UsageRight, error)) {
		b.UsageRightsOfUsers(keys, l.properties("UsageRight"), l.relatedOfRight(), l.rightsFound(found))
	})
	l.UsageRightsByGroupID = newLoader(s, func(b Batch, keys []licensing.UsageRightsKey, found func(licensing.UsageRightsKey, []*licensing.UsageRight, error)) {
		b.UsageRightsOfGroups(keys, l.properties("UsageRight"), l.relatedOfRight(), l.rightsFound(found))
	})
	l.UsageRightsByDeviceID = newLoader(s, func(b Batch, keys []licensing.UsageRightsKey, found func(licensing.UsageRightsKey, []*licensing.UsageRight, error)) {
		b.UsageRightsOfDevices(keys, l.properties("UsageRight"), l.relatedOfRight(), l.rightsFound(found))
	})
	l.UsageRightByHolderIDAndID = newLoader(s, func(b Batch, keys []licensing.UsageRightKey, found func(licensing.UsageRightKey, *licensing.UsageRight, error)) {
		b.UsageRights(keys, l.properties("UsageRight"), l.relatedOfRight(), found)
	})
}

// relatedOfRight are the relations of a usage right that the operation needs.
func (l *Loaders) relatedOfRight() []string {
	var relations []string
	for _, relation := range []string{"assignments", "allotments"} {
		if l.needs("UsageRight", relation) {
			relations = append(relations, relation)
		}
	}
	return relations
}

// rightsFound keeps rights by their keys as well.
func (l *Loaders) rightsFound(found func(licensing.UsageRightsKey, []*licensing.UsageRight, error)) func(licensing.UsageRightsKey, []*licensing.UsageRight, error) {
	return func(key licensing.UsageRightsKey, rights []*licensing.UsageRight, err error) {
		for _, right := range rights {
			l.UsageRightByHolderIDAndID.Prime(licensing.UsageRightKey{HolderID: key.HolderID, ID: right.ID}, right)
		}
		found(key, rights, err)
	}
}

// relatedRight returns a right with what came along with it, or reads the right again to get it; nil when nobody knows who holds it.
func (l *Loaders) relatedRight(right *licensing.UsageRight) Thunk[*licensing.UsageRight] {
	if right.HolderID == nil || l.cameAlong(right) {
		return func() (*licensing.UsageRight, error) { return right, nil }
	}
	return l.UsageRightByHolderIDAndID.Load(keyOf(right))
}

func (l *Loaders) cameAlong(right *licensing.UsageRight) bool {
	r := right.Related
	return (r.HasAssignments || r.AssignmentsErr != nil || !l.needs("UsageRight", "assignments")) &&
		(r.HasAllotments || r.AllotmentsErr != nil || !l.needs("UsageRight", "allotments"))
}

func (l *Loaders) relatedRights(rights []*licensing.UsageRight) ([]*licensing.UsageRight, []error) {
	thunks := make([]Thunk[*licensing.UsageRight], len(rights))
	l.Together(func() {
		for i, right := range rights {
			thunks[i] = l.relatedRight(right)
		}
	})
	return Wait(thunks)
}

// AssignmentsOfRights returns the assignments that contribute to each right; nil when nobody knows who holds it.
func (l *Loaders) AssignmentsOfRights(rights []*licensing.UsageRight) ([][]*licensing.Assignment, []error) {
	related, errs := l.relatedRights(rights)
	lists := make([][]*licensing.Assignment, len(rights))
	for i, right := range related {
		if right != nil && errs[i] == nil {
			lists[i], errs[i] = right.Related.Assignments, right.Related.AssignmentsErr
		}
	}
	return lists, errs
}

// AllotmentsOfRights returns the allotments that contribute to each right, with all properties that the operation
// needs; nil when nobody knows who holds it.
func (l *Loaders) AllotmentsOfRights(rights []*licensing.UsageRight) ([][]*licensing.Allotment, []error) {
	related, errs := l.relatedRights(rights)
	thunks := make([][]Thunk[*licensing.Allotment], len(rights))
	l.Together(func() {
		for i, right := range related {
			if right != nil {
				for _, sent := range right.Related.Allotments {
					thunks[i] = append(thunks[i], l.wholeAllotment(sent))
				}
			}
		}
	})
	lists := make([][]*licensing.Allotment, len(rights))
	for i, right := range related {
		if right == nil || errs[i] != nil || !right.Related.HasAllotments {
			if right != nil && errs[i] == nil {
				errs[i] = right.Related.AllotmentsErr
			}
			continue
		}
		lists[i] = []*licensing.Allotment{}
		for _, thunk := range thunks[i] {
			allotment, err := thunk()
			if errors.Is(err, licensing.ErrNotFound) {
				continue // it is gone
			}
			if err != nil {
				lists[i], errs[i] = nil, err
				break
			}
			lists[i] = append(lists[i], allotment)
		}
	}
	return lists, errs
}

// PlanRight loads what contributes to a right and will be asked for, and plans what follows.
func (l *Loaders) PlanRight(right *licensing.UsageRight, ofAssignment func(*licensing.Assignment), ofAllotment func(*licensing.Allotment)) {
	next := func(right *licensing.UsageRight) {
		for _, a := range right.Related.Assignments {
			ofAssignment(a)
		}
		for _, sent := range right.Related.Allotments {
			l.planWholeAllotment(sent, ofAllotment)
		}
	}
	if right.HolderID == nil || l.cameAlong(right) {
		next(right)
		return
	}
	l.UsageRightByHolderIDAndID.Plan(keyOf(right), next)
}

func keyOf(right *licensing.UsageRight) licensing.UsageRightKey {
	return licensing.UsageRightKey{HolderID: *right.HolderID, ID: right.ID, HolderType: right.HolderType}
}
