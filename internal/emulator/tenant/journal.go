package tenant

// What is the kind of a change.
type What uint8

// The kinds of changes in the journal.
const (
	Created What = iota
	Deleted
	ProfileChanged  // a writable property
	LicensesChanged // assignedLicenses
	MemberAdded
	MemberRemoved
)

// Change is a change of a user or a group.
type Change struct {
	Of     Ref
	What   What
	Member Ref // the member added or removed
}

// maxChanges is the number of changes kept. A delta query for older changes
// must restart.
const maxChanges = 1 << 20

// journal keeps the latest changes, numbered from 1.
type journal struct {
	on      bool // false while the tenant is built
	changes []Change
	dropped int // number of older changes
}

func (j *journal) add(c Change) {
	if !j.on {
		return
	}
	if len(j.changes) >= 2*maxChanges {
		j.dropped += maxChanges
		j.changes = append(j.changes[:0:0], j.changes[maxChanges:]...)
	}
	j.changes = append(j.changes, c)
}

// LastChange returns the number of the latest change, or 0 if there is none.
func (t *Tenant) LastChange() int { return t.journal.dropped + len(t.journal.changes) }

// ChangesSince returns the changes with numbers above n, oldest first. It
// reports false if the journal no longer has all of them.
func (t *Tenant) ChangesSince(n int) ([]Change, bool) {
	at := n - t.journal.dropped
	if at < 0 || at > len(t.journal.changes) {
		return nil, false
	}
	return t.journal.changes[at:], true
}
