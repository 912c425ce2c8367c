package throttle

import (
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"licensegraph/internal/emulator/settings"
	"licensegraph/internal/emulator/wire"
)

// Demand is the use of the limits by a call.
type Demand struct {
	App    string // client ID
	Date   time.Time
	Header http.Header // contains the priority
	Units  int         // cost in resource units
	Writes bool        // changes the tenant
	Cloud  bool        // a request to cloudLicensing
	Audits bool        // a request to the audit log
	Report int         // number of the usage report requested, from 1; 0 = none
	File   bool        // as a file

	Activity bool // a request with signInActivity
}

// Admit charges a call to all limits that apply to it. The call is admitted if
// none of them is exceeded. The limits depend on the number of users in the
// tenant.
func (m *Meter) Admit(d Demand, t settings.Throttling, people int) Verdict {
	cost := amounts{unitsPerPair: d.Units, unitsPerApp: d.Units, requestsPerApp: 1}
	if d.Writes {
		cost[writesPerPair], cost[writesPerTenant], cost[writesPerApp] = 1, 1, 1
	}
	if d.Cloud {
		cost[cloudPerPair] = 1
	}
	if d.Audits {
		cost[auditsPerPair] = 1
	}
	if d.Report > 0 {
		limit := reportPagesPerPair
		if d.File {
			limit = reportFilesPerPair
		}
		cost[limit+d.Report-1] = 1
	}
	if d.Activity {
		cost[activityPerPair] = 1
	}
	return m.admit(d.App, d.Date, priorityOf(d.Header), cost, sizesOf(t, people))
}

// Correct corrects the charge of an admitted call to its actual cost.
func (m *Meter) Correct(v Verdict, units int) {
	if !v.Refused && v.app != nil {
		m.refund(v.ticket, units)
	}
}

// Problem returns the error for a throttled call.
func (v *Verdict) Problem(app, tenantID string) *wire.Problem {
	p := wire.Usual(http.StatusTooManyRequests)
	p.More = map[string]any{"code": "429", "message": "Please retry after", "status": "429"}
	r := limits[v.limit]
	p.Header = map[string]string{
		"Retry-After":               strconv.Itoa(int(math.Ceil(max(v.wait.Seconds(), 1)))),
		"x-ms-throttle-scope":       r.scope + "/" + r.limit + "/" + app + "/" + tenantID,
		"x-ms-throttle-information": r.information,
	}
	return p
}

// Warn sets the warning header of an answer near a limit.
func (v *Verdict) Warn(a *wire.Answer) {
	if v.usage > nearLimit {
		a.Set("x-ms-throttle-limit-percentage", strconv.FormatFloat(min(v.usage, mostOfAll), 'f', 2, 64))
	}
}

// Price returns the cost in resource units of an endpoint with a base cost and
// query options.
func Price(base int, query url.Values) int {
	units := base
	if query.Has("$select") {
		units--
	}
	if query.Has("$expand") {
		units++
	}
	if top, err := strconv.Atoi(query.Get("$top")); err == nil && top < 20 {
		units--
	}
	return max(units, 1)
}
