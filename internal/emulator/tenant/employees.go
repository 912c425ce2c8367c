package tenant

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ReadTexts are the properties of a user with a string value or null that
// cannot be written.
var ReadTexts = []string{
	"creationType", "employeeId", "employeeOrgData/costCenter", "employeeOrgData/division", "employeeType", "externalUserState",
	"onPremisesExtensionAttributes/extensionAttribute1", "onPremisesSamAccountName", "state",
}

// employee is what the personnel records and the on-premises directory add to
// an account. Times are Unix times; 0 is none.
type employee struct {
	hired, leaves int64
	signIns
	synced   int64 // last synchronization with the on-premises directory; 0: a cloud account
	number   int32 // 0: not in the personnel records
	manager  int32 // index into Tenant.people, plus one; 0: none
	kind     uint8 // index into employeeTypes
	pending  bool  // an invited guest who has not accepted
	leftover bool  // has a mailbox from a former license
}

var employeeTypes = []string{"", "Employee", "Contractor", "Intern"}

// costCenters are the cost centers by department and culture.
var costCenters = func() [][]string {
	list := make([][]string, len(departments))
	for d := range departments {
		for _, c := range cultures {
			list[d] = append(list[d], departments[d].costCenter+"-"+strings.ToUpper(c.region))
		}
	}
	return list
}()

// employeeText is [Person.Text] for the properties of employees.
func (p *Person) employeeText(property string) string {
	switch property {
	case "state":
		if !p.guest {
			return cultures[p.culture].state
		}
	case "creationType":
		if p.guest {
			return "Invitation"
		}
	case "externalUserState":
		switch {
		case p.pending:
			return "PendingAcceptance"
		case p.guest:
			return "Accepted"
		}
	case "onPremisesSamAccountName":
		if p.synced != 0 {
			local, _, _ := strings.Cut(p.name, "@")
			return local[:min(len(local), 20)]
		}
	case "onPremisesExtensionAttributes/extensionAttribute1":
		if p.synced != 0 {
			return cultures[p.culture].region
		}
	}
	if p.number == 0 {
		return ""
	}
	switch property {
	case "employeeId":
		return employeeID(p.number)
	case "employeeType":
		return employeeTypes[p.kind]
	case "employeeOrgData/costCenter":
		return costCenters[p.department][p.culture]
	case "employeeOrgData/division":
		return departments[p.department].division
	}
	return ""
}

func employeeID(number int32) string { return fmt.Sprintf("E%06d", number) }

// employeeNumber is the inverse of employeeID, or 0.
func employeeNumber(id string) int32 {
	n, err := strconv.ParseInt(strings.TrimPrefix(id, "E"), 10, 32)
	if err != nil || employeeID(int32(n)) != id {
		return 0
	}
	return int32(n)
}

func unixTime(at int64) time.Time {
	if at == 0 {
		return time.Time{}
	}
	return time.Unix(at, 0).UTC()
}

// unixOf is the inverse of unixTime.
func unixOf(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.Unix()
}

// Hired returns employeeHireDate, or the zero time.
func (p *Person) Hired() time.Time { return unixTime(p.hired) }

// Leaves returns employeeLeaveDateTime, or the zero time.
func (p *Person) Leaves() time.Time { return unixTime(p.leaves) }

// Synced returns the time of the last synchronization with the on-premises
// directory, or the zero time for an account that is only in the cloud.
func (p *Person) Synced() time.Time { return unixTime(p.synced) }

// Manager returns the manager of a user, who is not deleted.
func (t *Tenant) Manager(i int32) (manager int32, ok bool) {
	m := t.people[i].manager - 1
	return m, m >= 0 && t.people[m].isUser()
}

// NeedsReconciliation reports whether a user has a mailbox from a former
// license, and none of the user's licenses has one.
func (t *Tenant) NeedsReconciliation(i int32) bool { return t.people[i].leftover && !t.hasMailbox(i) }

// fanOut is the number of leaders that report to a leader.
const fanOut = 8

// makeManagers sets the managers of employees: those of the leadership, who report
// to each other up to the first one. Some have none.
func (t *Tenant) makeManagers(users int) {
	var leaders []int32
	led := map[int32]int32{} // managers of leaders
	for i := range int32(users) {
		if p := &t.people[i]; !p.guest && !p.disabled && &departments[p.department].titles[0] == &leadership.titles[0] {
			if n := len(leaders); n > 0 {
				led[i] = leaders[(n-1)/fanOut] + 1
			}
			leaders = append(leaders, i)
		}
	}
	for i := range int32(users) {
		p := &t.people[i]
		switch m, leads := led[i]; {
		case len(leaders) == 0 || p.guest || i == leaders[0]:
		case leads:
			p.manager = m
		case t.seed.Pick("no manager", int(i), 20) > 0:
			p.manager = leaders[t.seed.Pick("manager", int(i), len(leaders))] + 1
		}
	}
}

// makeEmployees adds the data of employees. Guests and agents have none.
func (t *Tenant) makeEmployees(users int) {
	const day = 24 * 60 * 60
	today := t.reference.Unix() / day * day
	for i := range users {
		p := &t.people[i]
		pick := func(topic string, n int) int { return t.seed.Pick(topic, i, n) }
		if p.guest {
			p.pending = pick("invitation", 3) == 0
			continue
		}
		if p.agent {
			continue
		}
		if pick("personnel records", 30) > 0 {
			p.number = int32(10_000 + i)
			p.kind = uint8(max(1, pick("employee type", 20)-16)) // mostly 1
			p.hired = p.created / day * day
		}
		switch {
		case p.disabled:
			p.leaves = today - int64(5+pick("leave", 200))*day
		case pick("leaves", 40) == 0:
			p.leaves = today + int64(1+pick("leave", 90))*day
		}
		if _, conflict := t.SyncConflict(int32(i)); conflict || pick("on premises", 3) > 0 {
			p.synced = t.reference.Unix() - day - int64(pick("synchronization", 30*60))
		}
		p.leftover = len(p.rows) == 0 && pick("former mailbox", 2) == 0
	}
}
