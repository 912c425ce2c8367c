package tenant

import (
	"fmt"
	"iter"
	"slices"
	"time"
)

// The services of the report of active users, in its order.
const (
	Exchange = iota
	OneDrive
	SharePoint
	SkypeForBusiness
	Yammer
	Teams
	serviceCount
)

// servicePlans are the plans for the services.
var servicePlans = [serviceCount][]string{
	Exchange:         {"EXCHANGE_S_ENTERPRISE", "EXCHANGE_S_STANDARD", "EXCHANGE_S_DESKLESS"},
	OneDrive:         {"SHAREPOINTENTERPRISE", "SHAREPOINTSTANDARD", "SHAREPOINTDESKLESS", "ONEDRIVE_BASIC"},
	SharePoint:       {"SHAREPOINTENTERPRISE", "SHAREPOINTSTANDARD", "SHAREPOINTDESKLESS"},
	SkypeForBusiness: {"MCOSTANDARD", "MCOIMP"},
	Yammer:           {"YAMMER_ENTERPRISE"},
	Teams:            {"TEAMS1"},
}

// copilotPlan is in the products whose users are in the report about Copilot.
const copilotPlan = "M365_COPILOT_APPS"

// CopilotApps is the number of applications in the report about Copilot.
const CopilotApps = 8

// Use is the use of a service by a user.
type Use struct {
	Licensed bool
	Assigned time.Time // zero without a license
	Last     time.Time // day of the last activity; zero: none
}

// Usage is a row of a usage report. A report has deleted accounts for some time.
type Usage struct {
	PrincipalName, DisplayName string
	Deleted                    time.Time // zero: not deleted
	Services                   [serviceCount]Use
	Products                   []Sku
}

// reportedDays is the number of days for which reports have deleted accounts.
const reportedDays = 180

// formerUsers is the number of accounts of a generated tenant that were deleted
// before it started.
const formerUsers = 6

// Usages iterates over the accounts in the report of a day after a position
// (-1 for all).
func (t *Tenant) Usages(day time.Time, after int64) iter.Seq2[int64, Usage] {
	return func(yield func(int64, Usage) bool) {
		end := day.AddDate(0, 0, 1)
		for i := int(after) + 1; i < len(t.people); i++ {
			p := &t.people[i]
			if p.device != 0 || p.created >= end.Unix() || p.gone != 0 && p.Deleted().Before(day.AddDate(0, 0, -reportedDays)) {
				continue
			}
			if !yield(int64(i), t.usage(int32(i), day)) {
				return
			}
		}
		if !t.generated || len(t.people) < enoughForRoles {
			return
		}
		for n := max(int(after)+1-len(t.people), 0); n < formerUsers; n++ {
			if !yield(int64(len(t.people)+n), t.former(n, day)) {
				return
			}
		}
	}
}

// former returns an account that was deleted before the tenant started.
func (t *Tenant) former(n int, day time.Time) Usage {
	c, g, f := t.seed.Pick("former culture", n, len(cultures)), t.seed.Pick("former given", n, namesEach), t.seed.Pick("former family", n, namesEach)
	u := Usage{
		PrincipalName: fmt.Sprintf("%s.%s.%d@%s", shown[c].plainGiven[g], shown[c].plainSurname[f], 70+n, MainDomain), DisplayName: shownName(c, g, f),
		Deleted: day.AddDate(0, 0, -3-t.seed.Pick("former age", n, 24)),
	}
	for s := range u.Services {
		if s != SkypeForBusiness && t.seed.Pick("former use", n*serviceCount+s, 3) > 0 {
			u.Services[s].Last = u.Deleted.AddDate(0, 0, -t.seed.Pick("former last", n*serviceCount+s, 20))
		}
	}
	return u
}

func (t *Tenant) usage(i int32, day time.Time) Usage {
	p := &t.people[i]
	u := Usage{PrincipalName: p.name, DisplayName: p.Text("displayName"), Products: skusWhere(p.rows, State.usable)}
	if gone := p.Deleted(); p.gone != 0 && !gone.After(day.AddDate(0, 0, 1)) {
		u.Deleted = gone
	}
	for s := range u.Services {
		use := &u.Services[s]
		if use.Assigned, use.Licensed = t.planSince(i, servicePlans[s]); !use.Licensed || s == SkypeForBusiness {
			continue // Skype for Business Online is retired.
		}
		if n := t.seed.Pick("use of a service", int(i)*serviceCount+s, 10); n < 8 {
			use.Last = t.activity(i, day, n*n/2)
		}
	}
	return u
}

// activity returns a number of days before the last sign-in of a user up to a
// day, or the zero time if there was none, or the account did not exist.
func (t *Tenant) activity(i int32, day time.Time, before int) time.Time {
	p := &t.people[i]
	last := max(p.succeeded, p.refreshed)
	if last == 0 {
		last = p.signedIn
	}
	at := unixTime(last).Truncate(24 * time.Hour)
	if at.After(day) {
		at = day
	}
	if at = at.AddDate(0, 0, -before); last == 0 || at.Unix() < p.created {
		return time.Time{}
	}
	return at
}

// MayUseService reports whether a user may use a service.
func (t *Tenant) MayUseService(i int32, service int) bool {
	_, ok := t.planSince(i, servicePlans[service])
	return ok
}

// planSince returns the time since when a user may use one of the plans.
func (t *Tenant) planSince(i int32, names []string) (since time.Time, ok bool) {
	for j := range t.people[i].rows {
		r := &t.people[i].rows[j]
		allowed, p := t.allows(r), &t.products[r.sku]
		if !slices.ContainsFunc(names, func(name string) bool {
			at := p.PlanNamed(name)
			return at >= 0 && allowed.Has(at)
		}) {
			continue
		}
		if at := time.Unix(r.updated, 0).UTC(); !ok || at.Before(since) {
			since, ok = at, true
		}
	}
	return since, ok
}

// CopilotUse iterates over the users of Copilot, with the days of the last
// activity in its applications, in the report of a day after an index.
func (t *Tenant) CopilotUse(day time.Time, after int64) iter.Seq2[int64, CopilotUsage] {
	return func(yield func(int64, CopilotUsage) bool) {
		for i := int32(after) + 1; int(i) < len(t.people); i++ {
			p := &t.people[i]
			if _, ok := t.planSince(i, []string{copilotPlan}); !ok || !p.isUser() {
				continue
			}
			u := CopilotUsage{PrincipalName: p.name, DisplayName: p.Text("displayName")}
			if t.seed.Pick("uses Copilot", int(i), 10) < 7 {
				for app := range u.Last {
					if n := t.seed.Pick("use of Copilot", int(i)*CopilotApps+app, 12); n < 6 {
						u.Last[app] = t.activity(i, day, n)
					}
				}
			}
			if !yield(int64(i), u) {
				return
			}
		}
	}
}

// CopilotUsage is a row of the report about Copilot.
type CopilotUsage struct {
	PrincipalName, DisplayName string
	Last                       [CopilotApps]time.Time // by application; zero: none
}

// ReportNames returns whether usage reports have names, or nil if the tenant has
// its initial setting.
func (t *Tenant) ReportNames() *bool { return t.reportNames }

// SetReportNames sets whether usage reports have names. It writes.
func (t *Tenant) SetReportNames(shown bool) { t.reportNames = &shown }
