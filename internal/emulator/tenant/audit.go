package tenant

import (
	"iter"
	"slices"
	"sort"
	"time"
)

// Activity is the kind of an audit record.
type Activity uint8

// The activities about licenses in the audit log of the directory.
const (
	UserLicenseChanged Activity = iota
	UserUpdated
	GroupLicenseSet
	GroupStarted  // the licenses of a group are applied to its members
	GroupFinished // the same, with the numbers of members
	GroupRecalculated
	MemberJoined
	MemberLeft
)

// Actor is the cause of a change: a user, or an application without a user.
type Actor struct {
	User      string // object ID
	App       string // client ID
	Principal string // object ID of the service principal of App, or ""
	Name      string // user principal name, or name of the application
	Address   string // IP address of the user, or ""
	Agent     string // User-Agent of the request, or ""
}

// Audit is a record of the audit log, with the names at the time.
type Audit struct {
	Number      int // in order of time, from 1
	At          time.Time
	Activity    Activity
	By          *Actor // nil: group-based licensing
	Correlation GUID
	User, Group AuditTarget // the zero value: none
	// The licenses of the user or group before and after, each the full set.
	Before, After []Licensed
	Changed       []ChangedText // properties of the user
	// The numbers of members that have the licenses of the group, and that have
	// an error.
	Assigned, Failed int
}

// AuditTarget is a changed object. A member of a group that is not a user also
// is one.
type AuditTarget struct {
	Ref
	ID      GUID
	Name    string // user principal name of a user, display name of another object
	Unified bool   // a Microsoft 365 group
}

// ChangedText is a changed property of a user.
type ChangedText struct {
	Name     string // in Microsoft Graph
	Old, New any    // strings, booleans or nil
}

// maxAudits is the number of records kept at least, of those not too old. A
// record has about 400 bytes.
const maxAudits = 1 << 15

// audits keeps the latest records.
type audits struct {
	on      bool // false while the tenant is built
	list    []Audit
	dropped int // number of older records
}

// add adds a record about a change at a time.
func (t *Tenant) audit(at time.Time, a Audit) {
	if !t.audits.on {
		return
	}
	l := &t.audits
	if len(l.list) >= 2*maxAudits {
		l.dropped += maxAudits
		l.list = slices.Clone(l.list[maxAudits:])
	}
	a.Number, a.At = l.dropped+len(l.list)+1, at.UTC()
	if n := len(l.list); n > 0 && a.At.Before(l.list[n-1].At) {
		a.At = l.list[n-1].At // The clock of a request can be slightly earlier.
	}
	if a.Correlation == (GUID{}) {
		a.Correlation = t.seed.GUID("correlation", a.Number)
	}
	l.list = append(l.list, a)
}

// Audits iterates over the records from a time on, newest first or oldest
// first.
func (t *Tenant) Audits(since time.Time, newestFirst bool) iter.Seq[*Audit] {
	list := t.audits.list
	list = list[sort.Search(len(list), func(i int) bool { return !list[i].At.Before(since) }):]
	return func(yield func(*Audit) bool) {
		for i := range list {
			if newestFirst {
				i = len(list) - 1 - i
			}
			if !yield(&list[i]) {
				return
			}
		}
	}
}

// AuditNumbered returns the record with a number.
func (t *Tenant) AuditNumbered(n int) (*Audit, bool) {
	at := n - t.audits.dropped - 1
	if at < 0 || at >= len(t.audits.list) {
		return nil, false
	}
	return &t.audits.list[at], true
}

// target returns a directory object as it is now.
func (t *Tenant) target(r Ref) AuditTarget {
	a := AuditTarget{Ref: r, ID: t.IDOf(r)}
	switch r.Kind {
	case User:
		a.Name = t.people[r.At].name
	case GroupKind:
		a.Name, a.Unified = t.groups[r.At].Name, t.groups[r.At].Unified
	case DeviceKind:
		a.Name = t.devices[r.At].Name
	}
	return a
}

// auditUser records a change of a user's licenses.
func (t *Tenant) auditUser(i int32, before []row, now time.Time) {
	old, fresh := t.licensed(before), t.AssignedProducts(i)
	if !slices.Equal(old, fresh) {
		t.audit(now, Audit{Activity: UserLicenseChanged, By: t.by, User: t.target(Ref{User, i}), Before: old, After: fresh})
	}
}

// licensedGroup returns the licenses of a group, or nil for another object.
func (t *Tenant) licensedGroup(h Ref) []Licensed {
	if h.Kind != GroupKind {
		return nil
	}
	return t.groups[h.At].Licensed()
}

// auditGroup records a change of a group's licenses.
func (t *Tenant) auditGroup(h Ref, before []Licensed, w When) {
	if h.Kind == GroupKind {
		t.audit(w.Now, Audit{Activity: GroupLicenseSet, By: w.By, Group: t.target(h), Before: before, After: t.groups[h.At].Licensed()})
	}
}

// auditProcessing records that the licenses of a group are applied to its
// members, and calls apply.
func (t *Tenant) auditProcessing(group int32, now time.Time, apply func()) {
	one := Audit{Activity: GroupStarted, Group: t.target(Ref{GroupKind, group}), Correlation: t.seed.GUID("processing", t.audits.dropped+len(t.audits.list))}
	t.audit(now, one)
	apply()
	g := t.groups[group]
	one.Activity, one.Failed = GroupFinished, g.FailingCount()
	if len(g.assigned) > 0 {
		one.Assigned = g.people - g.FailingCount()
	}
	t.audit(now, one)
}

// auditMember records a change of the members of a group.
func (t *Tenant) auditMember(what Activity, group int32, who Ref, w When) {
	t.audit(w.Now, Audit{Activity: what, By: w.By, User: t.target(who), Group: t.target(Ref{GroupKind, group})})
}
