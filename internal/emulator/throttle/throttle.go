// Package throttle implements the published limits of Microsoft Graph: the
// cost of a call, the recent use by each application, and the throttling of
// calls.
package throttle

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"licensegraph/internal/emulator/settings"
)

// The limits. Each has its own unit.
const (
	unitsPerPair = iota
	writesPerPair
	writesPerTenant
	unitsPerApp
	writesPerApp
	requestsPerApp
	cloudPerPair
	auditsPerPair
	activityPerPair
	reportFilesPerPair // of the first report
	reportPagesPerPair = reportFilesPerPair + reports
	limitCount         = reportPagesPerPair + reports
)

// reports is the number of usage reports.
const reports = 2

// limits are the properties of each limit except its size: its period, and its
// names in an error.
var limits = [limitCount]limit{
	unitsPerPair:    {10 * time.Second, "Tenant_Application", "ReadWrite", "ResourceUnitLimitExceeded"},
	writesPerPair:   {150 * time.Second, "Tenant_Application", "Write", "WriteLimitExceeded"},
	writesPerTenant: {5 * time.Minute, "Tenant", "Write", "WriteLimitExceeded"},
	unitsPerApp:     {20 * time.Second, "Application", "ReadWrite", "ResourceUnitLimitExceeded"},
	writesPerApp:    {5 * time.Minute, "Application", "Write", "WriteLimitExceeded"},
	requestsPerApp:  {10 * time.Second, "Application", "ReadWrite", "RequestLimitExceeded"},
	cloudPerPair:    {10 * time.Second, "Tenant_Application", "ReadWrite", "RequestLimitExceeded"},
	auditsPerPair:   {10 * time.Second, "Tenant_Application", "Read", "RequestLimitExceeded"},
	activityPerPair: {time.Minute, "Tenant_Application", "Read", "RequestLimitExceeded"},

	reportFilesPerPair: ofReport, reportFilesPerPair + 1: ofReport, reportPagesPerPair: ofReport, reportPagesPerPair + 1: ofReport,
}

// limit is the properties of a limit except its size.
type limit struct {
	span                      time.Duration
	scope, limit, information string
}

var ofReport = limit{10 * time.Minute, "Tenant_Application", "Read", "RequestLimitExceeded"}

// amounts contains one number per limit: its size, or the cost of a call.
type amounts [limitCount]int

// sizesOf returns the limits for a number of users; 0 = none.
func sizesOf(t settings.Throttling, people int) amounts {
	units := 8_000
	switch {
	case people < 50:
		units = 3_500
	case people <= 500:
		units = 5_000
	}
	files, pages := or(t.ReportFiles, 14), or(t.ReportPages, 100)
	return amounts{
		reportFilesPerPair: files, reportFilesPerPair + 1: files, reportPagesPerPair: pages, reportPagesPerPair + 1: pages,
		unitsPerPair: or(t.ResourceUnits, units), writesPerPair: or(t.Writes, 3_000), writesPerTenant: or(t.TenantWrites, 18_000),
		unitsPerApp: or(t.AppResourceUnits, 150_000), writesPerApp: or(t.AppWrites, 35_000), requestsPerApp: or(t.AppRequests, 130_000),
		cloudPerPair: max(t.CloudLicensing, 0), auditsPerPair: or(t.Audits, 5),
		activityPerPair: max(t.SignInActivity, 0),
	}
}

// or returns n, or otherwise if n is not positive.
func or(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

// slots is the number of slots in the period of a window.
const slots = 10

// window is a sum of recent costs in slots+1 slots. It always covers at least
// the period, so the limit is not exceeded in any period of that length.
type window struct {
	newest            int64 // number of the newest slot since the Unix epoch
	offered, admitted [slots + 1]int
}

// at advances the window. It does not go back with the clock. After a large
// step all slots are empty.
func (w *window) at(now time.Time, span time.Duration) {
	slot := now.UnixNano() / int64(span/slots)
	for range min(slot-w.newest, slots+1) {
		w.newest++
		i := mod(w.newest, slots+1)
		w.offered[i], w.admitted[i] = 0, 0
	}
	w.newest = max(w.newest, slot)
}

func total(list *[slots + 1]int) (n int) {
	for _, a := range list {
		n += a
	}
	return n
}

// seen returns the costs that count for a caller. They include throttled
// calls, except for a call of high priority.
func (w *window) seen(p priority) *[slots + 1]int {
	if p == high {
		return &w.admitted
	}
	return &w.offered
}

// room returns the earliest time at which the cost is within the limit.
func (w *window) room(now time.Time, span time.Duration, p priority, cost, size int) time.Time {
	list := w.seen(p)
	left := total(list)
	if left+cost <= size {
		return now
	}
	length := int64(span / slots)
	oldest := w.newest - slots
	for slot := oldest; ; slot++ {
		left -= list[mod(slot, slots+1)]
		if left+cost <= size || slot == w.newest {
			return time.Unix(0, (slot+slots+1)*length)
		}
	}
}

func mod(a, n int64) int64 { return (a%n + n) % n }

// add adds a cost to the newest slot and returns its number.
func (w *window) add(cost int, admitted bool) int64 {
	i := mod(w.newest, slots+1)
	w.offered[i] += cost
	if admitted {
		w.admitted[i] += cost
	}
	return w.newest
}

// refund subtracts a cost from a slot, if it is still in the window.
func (w *window) refund(slot int64, cost int) {
	if slot > w.newest-slots-1 {
		i := mod(slot, slots+1)
		w.offered[i] = max(w.offered[i]-cost, 0)
		w.admitted[i] = max(w.admitted[i]-cost, 0)
	}
}

// priority is the request header x-ms-throttle-priority.
type priority int

const (
	low priority = iota
	normal
	high
	priorities
)

func priorityOf(h http.Header) priority {
	switch strings.ToLower(h.Get("x-ms-throttle-priority")) {
	case "low":
		return low
	case "high":
		return high
	}
	return normal
}

// share returns the part of a limit that is available to a priority. Calls of
// low priority are throttled first. All priorities use the same limits.
func (p priority) share(size int) int {
	if p == low {
		return max(size*8/10, 1)
	}
	return size
}

const (
	maxWait   = 10 * time.Minute
	underWay  = time.Second // an earlier call was sent before the client received the 429
	maxApps   = 1_000
	nearLimit = 0.8
	mostOfAll = 1.8
)

// patience is the state of a throttled caller at one limit.
type patience struct {
	since, until time.Time
	wait         time.Duration
}

// refuse returns the time until which the caller must wait. Each call before
// that time doubles the wait.
func (p *patience) refuse(now, room time.Time) time.Time {
	if early := now.Before(p.until); !early {
		p.since, p.wait = now, room.Sub(now)
	} else if now.Sub(p.since) >= underWay {
		p.since, p.wait = now, max(min(2*p.wait, maxWait), room.Sub(now))
		room = now.Add(p.wait)
	}
	if room.After(p.until) {
		p.until = room
	}
	return p.until
}

// waitEnds returns the end of the wait for a priority at a limit: its own, or
// that of a higher priority.
func (a *application) waitEnds(limit int, p priority) time.Time {
	var until time.Time
	for _, w := range a.waits[limit][p:] {
		if w.until.After(until) {
			until = w.until
		}
	}
	return until
}

// application is one caller of the tenant.
type application struct {
	windows [limitCount]window
	waits   [limitCount][priorities]patience
	used    time.Time
}

// Meter counts the use of the limits by applications. It is safe for
// concurrent use.
type Meter struct {
	mu   sync.Mutex
	apps map[string]*application // at most maxApps
	all  window                  // writesPerTenant
}

// ticket is the charge of a call.
type ticket struct {
	app   *application
	cost  amounts
	slots [limitCount]int64
}

// Verdict is the decision about a call.
type Verdict struct {
	Refused bool
	ticket
	limit int           // the limit that was exceeded
	wait  time.Duration // time until the same call is admitted
	usage float64       // share used of the limit closest to exhaustion; 1 = all of it
}

func (m *Meter) app(name string, now time.Time) *application {
	a := m.apps[name]
	if a == nil {
		if len(m.apps) >= maxApps {
			oldest := ""
			for other, b := range m.apps {
				if oldest == "" || b.used.Before(m.apps[oldest].used) {
					oldest = other
				}
			}
			delete(m.apps, oldest)
		}
		if m.apps == nil {
			m.apps = map[string]*application{}
		}
		a = &application{}
		m.apps[name] = a
	}
	a.used = now
	return a
}

func (m *Meter) window(a *application, limit int) *window {
	if limit == writesPerTenant {
		return &m.all
	}
	return &a.windows[limit]
}

// ask charges a call to all limits that apply to it. The call is admitted if
// none of them is exceeded.
func (m *Meter) admit(name string, now time.Time, p priority, cost, sizes amounts) Verdict {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.app(name, now)
	v := Verdict{ticket: ticket{app: a}}
	for i, size := range sizes {
		if size == 0 || cost[i] == 0 {
			continue
		}
		size = p.share(size)
		v.cost[i] = min(cost[i], size)
		w := m.window(a, i)
		w.at(now, limits[i].span)
		if now.Before(a.waitEnds(i, p)) || w.room(now, limits[i].span, p, v.cost[i], size).After(now) {
			v.Refused = true
		}
	}
	until, worst := now, now // worst is the exceeded limit with the longest wait
	for i, size := range sizes {
		if v.cost[i] == 0 {
			continue
		}
		w, own := m.window(a, i), &a.waits[i][p]
		full := w.room(now, limits[i].span, p, v.cost[i], p.share(size)).After(now)
		v.slots[i] = w.add(v.cost[i], !v.Refused)
		v.usage = max(v.usage, float64(total(&w.offered))/float64(size))
		if !v.Refused {
			continue
		}
		room := w.room(now, limits[i].span, p, v.cost[i], p.share(size))
		if ends := a.waitEnds(i, p); full || now.Before(ends) {
			if ends.After(own.until) && ends.After(room) { // the wait of a higher priority
				room = ends
			}
			room = own.refuse(now, room)
			if room.After(worst) {
				v.limit, worst = i, room
			}
		}
		if room.After(until) {
			until = room
		}
	}
	if v.Refused {
		v.wait = until.Sub(now)
	}
	return v
}

// refund corrects the charge of a call to its actual resource units.
func (m *Meter) refund(k ticket, units int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, i := range []int{unitsPerPair, unitsPerApp} {
		if k.cost[i] > units {
			k.app.windows[i].refund(k.slots[i], k.cost[i]-units)
		}
	}
}

// Forget resets all limits.
func (m *Meter) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.apps, m.all = nil, window{}
}
