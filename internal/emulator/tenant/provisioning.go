package tenant

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// ServiceError is an error of a service that cannot provision a user until an
// administrator acts.
type ServiceError struct {
	Created  time.Time `json:"createdDateTime"`
	Resolved bool      `json:"isResolved,omitempty"`
	Instance string    `json:"serviceInstance"` // service, slash, and its instance
	Detail   string    `json:"errorDetail"`     // XML
}

// ServiceErrors returns the errors of services for a user.
func (t *Tenant) ServiceErrors(i int32) []ServiceError { return t.unprovisioned[i] }

// SyncConflict returns the time since when the mail address of a synchronized
// user conflicts with that of another object.
func (t *Tenant) SyncConflict(i int32) (since time.Time, ok bool) {
	rows := t.people[i].rows
	j := slices.IndexFunc(rows, func(r row) bool { return r.cause == Uniqueness })
	if j < 0 {
		return time.Time{}, false
	}
	return time.Unix(rows[j].updated, 0).UTC(), true
}

// makeServiceErrors adds errors of Exchange to some users with a mailbox.
func (t *Tenant) makeServiceErrors(users int) {
	for i := range int32(users) {
		if t.seed.Pick("service error", int(i), 30) > 0 || !t.hasMailbox(i) {
			continue
		}
		number := t.seed.Pick("service instance", int(i), 9) + 1
		t.unprovisioned[i] = []ServiceError{{
			Created:  t.reference.Add(-time.Duration(24*60+t.seed.Pick("service error age", int(i), 40*24*60)) * time.Minute),
			Resolved: t.seed.Pick("service error resolved", int(i), 4) == 0,
			Instance: fmt.Sprintf("exchange/%sP%03d-%03d-01", strings.ToUpper(cultures[t.people[i].culture].region), number*10, number),
			Detail: "<ServiceInstance><ObjectErrors><ErrorRecord><ErrorCode>ExchangeGuidConflict</ErrorCode>" +
				"<ErrorDescription>The mailbox GUID of the user is in use by another recipient.</ErrorDescription></ErrorRecord></ObjectErrors></ServiceInstance>",
		}}
	}
}

// moveTimes moves the times of generated data that is close to the present.
func (t *Tenant) moveTimes(seconds int64) {
	for i := range t.people {
		p := &t.people[i]
		for _, at := range []*int64{&p.leaves, &p.synced, &p.signedIn, &p.refreshed, &p.succeeded} {
			if *at != 0 {
				*at += seconds
			}
		}
	}
	for _, g := range t.groups {
		if g.synced != 0 {
			g.synced += seconds
		}
	}
	for _, list := range t.unprovisioned {
		for i := range list {
			list[i].Created = list[i].Created.Add(time.Duration(seconds) * time.Second)
		}
	}
}
