package tenant

// What says how an object changed.
type What uint8

// The changes that are told.
const (
	Created What = iota
	Deleted
	ProfileChanged  // one of the properties that are written
	LicensesChanged // assignedLicenses
	MemberAdded
	MemberRemoved
)

// Change is a change of a user or a group.
type Change struct {
	Of     Ref
	What   What
	Member Ref // that was added to a group or removed
}

// maxChanges is how many changes are remembered. Who asks for what came before
// has to begin anew.
const maxChanges = 1 << 20

// journal remembers the latest changes by their numbers, which begin with 1.
type journal struct {
	on      bool // not while the tenant is built
	changes []Change
	dropped int // changes before those
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

// LastChange is the number of the latest change, 0 when there was none.
func (t *Tenant) LastChange() int { return t.journal.dropped + len(t.journal.changes) }

// ChangesSince lists the changes with higher numbers than n, oldest first, or
// says that they are not remembered any more.
func (t *Tenant) ChangesSince(n int) ([]Change, bool) {
	at := n - t.journal.dropped
	if at < 0 || at > len(t.journal.changes) {
		return nil, false
	}
	return t.journal.changes[at:], true
}
