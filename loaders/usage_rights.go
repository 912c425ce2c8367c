package loaders

import (
	"errors"

	"licensegraph/internal/licensing"
)

func (l *Loaders) addUsageRights() {
	l.UsageRightByErrorID = newLoader(l, func(b Batch, ids []string, found func(string, *licensing.UsageRight, error)) {
		b.UsageRightsOfErrors(ids, l.properties("UsageRight"), l.relatedOfRight(), found)
	})
	l.UsageRightsByUserID = newLoader(l, func(b Batch, keys []licensing.UsageRightsKey, found func(licensing.UsageRightsKey, []*licensing.UsageRight, error)) {
		b.UsageRightsOfUsers(keys, l.properties("UsageRight"), l.relatedOfRight(), l.rightsFound(found))
	})
	l.UsageRightsByGroupID = newLoader(l, func(b Batch, keys []licensing.UsageRightsKey, found func(licensing.UsageRightsKey, []*licensing.UsageRight, error)) {
		b.UsageRightsOfGroups(keys, l.properties("UsageRight"), l.relatedOfRight(), l.rightsFound(found))
	})
	l.UsageRightsByDeviceID = newLoader(l, func(b Batch, keys []licensing.UsageRightsKey, found func(licensing.UsageRightsKey, []*licensing.UsageRight, error)) {
		b.UsageRightsOfDevices(keys, l.properties("UsageRight"), l.relatedOfRight(), l.rightsFound(found))
	})
	l.UsageRightByHolderIDAndID = newLoader(l, func(b Batch, keys []licensing.UsageRightKey, found func(licensing.UsageRightKey, *licensing.UsageRight, error)) {
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

// relatedRight returns a right with what came along with it, or reads the right again to get it; nil when nobody knows
// who holds it.
func (l *Loaders) relatedRight(right *licensing.UsageRight) (*licensing.UsageRight, error) {
	if right.HolderID == nil || l.cameAlong(right) {
		return right, nil
	}
	return l.UsageRightByHolderIDAndID.Get(keyOf(right))
}

func (l *Loaders) cameAlong(right *licensing.UsageRight) bool {
	r := right.Related
	return (r.HasAssignments || r.AssignmentsErr != nil || !l.needs("UsageRight", "assignments")) &&
		(r.HasAllotments || r.AllotmentsErr != nil || !l.needs("UsageRight", "allotments"))
}

// AssignmentsOfRight returns the assignments that contribute to a right; nil when nobody knows who holds it.
func (l *Loaders) AssignmentsOfRight(right *licensing.UsageRight) ([]*licensing.Assignment, error) {
	related, err := l.relatedRight(right)
	if err != nil || related == nil {
		return nil, err
	}
	return related.Related.Assignments, related.Related.AssignmentsErr
}

// AllotmentsOfRight returns the allotments that contribute to a right, with all properties that the operation needs; nil
// when nobody knows who holds it.
func (l *Loaders) AllotmentsOfRight(right *licensing.UsageRight) ([]*licensing.Allotment, error) {
	related, err := l.relatedRight(right)
	if err != nil || related == nil {
		return nil, err
	}
	if !related.Related.HasAllotments {
		return nil, related.Related.AllotmentsErr
	}
	found, errs, blocked := Collect(related.Related.Allotments, l.WholeAllotment)
	if blocked != nil {
		return nil, blocked
	}
	allotments := []*licensing.Allotment{}
	for i, err := range errs {
		switch {
		case err == nil:
			allotments = append(allotments, found[i])
		case !errors.Is(err, licensing.ErrNotFound): // it is not gone
			return nil, err
		}
	}
	return allotments, nil
}

func keyOf(right *licensing.UsageRight) licensing.UsageRightKey {
	return licensing.UsageRightKey{HolderID: *right.HolderID, ID: right.ID, HolderType: right.HolderType}
}
