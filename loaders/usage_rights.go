package loaders

import (
	"errors"

	"licensegraph/internal/licensing"
	"licensegraph/internal/msgraph"
	"licensegraph/internal/upstream"
)

func (l *Loaders) addUsageRights() {
	l.UsageRightByErrorID = newLoader(l, msgraph.UsageRightsOfErrors, nil)
	l.UsageRightsByUserID = newLoader(l, msgraph.UsageRightsOfUsers, l.primeRights)
	l.UsageRightsByGroupID = newLoader(l, msgraph.UsageRightsOfGroups, l.primeRights)
	l.UsageRightsByDeviceID = newLoader(l, msgraph.UsageRightsOfDevices, l.primeRights)
	l.UsageRightByHolderIDAndID = newLoader(l, msgraph.UsageRightsByID, nil)
}

// primeRights caches rights by holder and ID.
func (l *Loaders) primeRights(key licensing.UsageRightsKey, rights []*licensing.UsageRight) {
	for _, right := range rights {
		l.UsageRightByHolderIDAndID.Prime(licensing.UsageRightKey{HolderID: key.HolderID, ID: right.ID}, right)
	}
}

// relatedRight returns a right with its required relations, read again unless they were expanded; nil if its holder
// is unknown.
func (l *Loaders) relatedRight(right *licensing.UsageRight) (*licensing.UsageRight, error) {
	if right.HolderID == nil || l.relationsExpanded(right) {
		return right, nil
	}
	return l.UsageRightByHolderIDAndID.Get(keyOf(right))
}

func (l *Loaders) relationsExpanded(right *licensing.UsageRight) bool {
	r := right.Related
	return (r.HasAssignments || r.AssignmentsErr != nil || !l.requires("UsageRight", "assignments")) &&
		(r.HasAllotments || r.AllotmentsErr != nil || !l.requires("UsageRight", "allotments"))
}

// AssignmentsOfRight returns the assignments that contribute to a right; nil if unknown.
func (l *Loaders) AssignmentsOfRight(right *licensing.UsageRight) ([]*licensing.Assignment, error) {
	related, err := l.relatedRight(right)
	if err != nil || related == nil {
		return nil, err
	}
	return related.Related.Assignments, related.Related.AssignmentsErr
}

// AllotmentsOfRight returns the allotments that contribute to a right, with all required properties; nil if unknown.
func (l *Loaders) AllotmentsOfRight(right *licensing.UsageRight) ([]*licensing.Allotment, error) {
	related, err := l.relatedRight(right)
	if err != nil || related == nil {
		return nil, err
	}
	if !related.Related.HasAllotments {
		return nil, related.Related.AllotmentsErr
	}
	found, errs, blocked := Collect(related.Related.Allotments, l.CompleteAllotment)
	if blocked != nil {
		return nil, blocked
	}
	allotments := []*licensing.Allotment{}
	for i, err := range errs {
		switch {
		case err == nil:
			allotments = append(allotments, found[i])
		case !errors.Is(err, upstream.ErrNotFound): // a deleted allotment is omitted
			return nil, err
		}
	}
	return allotments, nil
}

func keyOf(right *licensing.UsageRight) licensing.UsageRightKey {
	return licensing.UsageRightKey{HolderID: *right.HolderID, ID: right.ID, HolderType: right.HolderType}
}
