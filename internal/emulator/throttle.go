package emulator

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Throttling says how much Graph takes before it answers 429. The zero value is
// what Microsoft Learn publishes, "Microsoft Graph service-specific throttling
// limits", of identity and access; a number in place of 0 is another limit. As
// text, "off" is no throttling and "" the published limits.
type Throttling struct {
	Off              bool `json:"off"`
	ResourceUnits    int  `json:"resourceUnits"`    // per application and tenant in 10 s; 0 = 3,500 below 50 people, 5,000 up to 500, 8,000 above
	Writes           int  `json:"writes"`           // per application and tenant in 150 s; 0 = 3,000
	TenantWrites     int  `json:"tenantWrites"`     // of all applications in the tenant in 5 min; 0 = 18,000
	AppResourceUnits int  `json:"appResourceUnits"` // per application in 20 s; 0 = 150,000
	AppWrites        int  `json:"appWrites"`        // per application in 5 min; 0 = 35,000
	AppRequests      int  `json:"appRequests"`      // per application in 10 s; 0 = 130,000
	CloudLicensing   int  `json:"cloudLicensing"`   // requests to cloudLicensing per application and tenant in 10 s; 0 = no limit of their own
}

var errThrottling = errors.New(`throttling is "", which is the published limits, "off", or an object with limits`)

// UnmarshalText reads "off" and "".
func (t *Throttling) UnmarshalText(text []byte) error {
	switch string(text) {
	case "", "published":
		*t = Throttling{}
	case "off":
		*t = Throttling{Off: true}
	default:
		return errThrottling
	}
	return nil
}

// The limits. Each counts something else.
const (
	unitsPerPair = iota
	writesPerPair
	writesPerTenant
	unitsPerApp
	writesPerApp
	requestsPerApp
	cloudPerPair
	limitCount
)

// limits are all of them without their sizes: how long they look back, and how a
// refusal names them.
var limits = [limitCount]struct {
	span                      time.Duration
	scope, limit, information string
}{
	unitsPerPair:    {10 * time.Second, "Tenant_Application", "ReadWrite", "ResourceUnitLimitExceeded"},
	writesPerPair:   {150 * time.Second, "Tenant_Application", "Write", "WriteLimitExceeded"},
	writesPerTenant: {5 * time.Minute, "Tenant", "Write", "WriteLimitExceeded"},
	unitsPerApp:     {20 * time.Second, "Application", "ReadWrite", "ResourceUnitLimitExceeded"},
	writesPerApp:    {5 * time.Minute, "Application", "Write", "WriteLimitExceeded"},
	requestsPerApp:  {10 * time.Second, "Application", "ReadWrite", "RequestLimitExceeded"},
	cloudPerPair:    {10 * time.Second, "Tenant_Application", "ReadWrite", "RequestLimitExceeded"},
}

// amounts are one number for each limit: its size, or what a call costs of it.
type amounts [limitCount]int

// sizes are the limits in force in a tenant of so many people; 0 = none.
func (t Throttling) sizes(people int) amounts {
	units := 8_000
	switch {
	case people < 50:
		units = 3_500
	case people <= 500:
		units = 5_000
	}
	return amounts{
		unitsPerPair: positive(t.ResourceUnits, units), writesPerPair: positive(t.Writes, 3_000), writesPerTenant: positive(t.TenantWrites, 18_000),
		unitsPerApp: positive(t.AppResourceUnits, 150_000), writesPerApp: positive(t.AppWrites, 35_000), requestsPerApp: positive(t.AppRequests, 130_000),
		cloudPerPair: max(t.CloudLicensing, 0),
	}
}

// slots is into how many parts a window's span is cut.
const slots = 10

// window sums what was asked for lately, in slots+1 parts, so that what it
// remembers is never less than the span: no more than the limit is let through in
// any stretch of that length.
type window struct {
	newest            int64 // number of the newest slot since 1970
	offered, admitted [slots + 1]int
}

// at moves the window on. A clock that went back finds it where it was; after a
// jump all places in the ring are empty, and any is as good.
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

// seen is what counts for a caller: refused calls count towards usage, but urgent
// ones, the last to be refused, meet only what was let through.
func (w *window) seen(p priority) *[slots + 1]int {
	if p == high {
		return &w.admitted
	}
	return &w.offered
}

// room is when cost fits under size: now, or when enough of the window is past.
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

// add charges a cost to the newest slot and answers which that is.
func (w *window) add(cost int, admitted bool) int64 {
	i := mod(w.newest, slots+1)
	w.offered[i] += cost
	if admitted {
		w.admitted[i] += cost
	}
	return w.newest
}

// giveBack takes away what was charged to a slot, if it is still remembered.
func (w *window) giveBack(slot int64, cost int) {
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

// share is how much of a limit a caller can use. What is not urgent is refused
// first; the limits themselves are the same for all.
func (p priority) share(size int) int {
	if p == low {
		return max(size*8/10, 1)
	}
	return size
}

const (
	maxWait    = 10 * time.Minute
	underWay   = time.Second // calls so soon after a refusal had been sent before it
	maxApps    = 1_000
	nearLimit  = 0.8
	mostOfAll  = 1.8
	retryAfter = "Retry-After"
)

// patience is what a caller was told at one limit.
type patience struct {
	told, until time.Time
	wait        time.Duration
}

// refuse says until when the caller is to wait: until there is room, and each time
// that it comes back too early twice as long as before.
func (p *patience) refuse(now, room time.Time) time.Time {
	if early := now.Before(p.until); !early {
		p.told, p.wait = now, room.Sub(now)
	} else if now.Sub(p.told) >= underWay {
		p.told, p.wait = now, min(max(2*p.wait, room.Sub(now)), maxWait)
		room = now.Add(p.wait)
	}
	if room.After(p.until) {
		p.until = room
	}
	return p.until
}

// heldUntil is when the wait ends that holds for a priority at a limit: its own, or
// that of a more urgent one.
func (a *application) heldUntil(limit int, p priority) time.Time {
	var until time.Time
	for _, told := range a.told[limit][p:] {
		if told.until.After(until) {
			until = told.until
		}
	}
	return until
}

// application is one caller of the tenant.
type application struct {
	windows [limitCount]window
	told    [limitCount][priorities]patience
	used    time.Time
}

// throttle counts what applications ask for.
type throttle struct {
	mu   sync.Mutex
	apps map[string]*application // at most maxApps
	all  window                  // writesPerTenant
}

// ticket is what an admitted call was charged.
type ticket struct {
	app   *application
	cost  amounts
	slots [limitCount]int64
}

// verdict is what becomes of a call.
type verdict struct {
	ticket
	refused bool
	limit   int           // that refused
	wait    time.Duration // until the same call, alone, is let through
	usage   float64       // of the limit that is nearest; 1 = all of it
}

func (t *throttle) app(name string, now time.Time) *application {
	a := t.apps[name]
	if a == nil {
		if len(t.apps) >= maxApps {
			oldest := ""
			for other, b := range t.apps {
				if oldest == "" || b.used.Before(t.apps[oldest].used) {
					oldest = other
				}
			}
			delete(t.apps, oldest)
		}
		if t.apps == nil {
			t.apps = map[string]*application{}
		}
		a = &application{}
		t.apps[name] = a
	}
	a.used = now
	return a
}

func (t *throttle) window(a *application, limit int) *window {
	if limit == writesPerTenant {
		return &t.all
	}
	return &a.windows[limit]
}

// ask charges a call to all limits that it concerns, and lets it through if there
// is room in all of them.
func (t *throttle) ask(name string, now time.Time, p priority, cost, sizes amounts) verdict {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.app(name, now)
	v := verdict{ticket: ticket{app: a}}
	for i, size := range sizes {
		if size == 0 || cost[i] == 0 {
			continue
		}
		size = p.share(size)
		v.cost[i] = min(cost[i], size)
		w := t.window(a, i)
		w.at(now, limits[i].span)
		if now.Before(a.heldUntil(i, p)) || w.room(now, limits[i].span, p, v.cost[i], size).After(now) {
			v.refused = true
		}
	}
	until, worst := now, now // worst is the latest of those that refuse
	for i, size := range sizes {
		if v.cost[i] == 0 {
			continue
		}
		w, told := t.window(a, i), &a.told[i][p]
		full := w.room(now, limits[i].span, p, v.cost[i], p.share(size)).After(now)
		v.slots[i] = w.add(v.cost[i], !v.refused)
		v.usage = max(v.usage, float64(total(&w.offered))/float64(size))
		if !v.refused {
			continue
		}
		room := w.room(now, limits[i].span, p, v.cost[i], p.share(size))
		if held := a.heldUntil(i, p); full || now.Before(held) {
			if held.After(told.until) && held.After(room) { // Whose wait it is, told as one's own.
				room = held
			}
			room = told.refuse(now, room)
			if room.After(worst) {
				v.limit, worst = i, room
			}
		}
		if room.After(until) {
			until = room
		}
	}
	if v.refused {
		v.wait = until.Sub(now)
	}
	return v
}

// giveBack corrects what a call was charged in resource units.
func (t *throttle) giveBack(k ticket, units int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, i := range []int{unitsPerPair, unitsPerApp} {
		if k.cost[i] > units {
			k.app.windows[i].giveBack(k.slots[i], k.cost[i]-units)
		}
	}
}

// forget frees all limits.
func (t *throttle) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.apps, t.all = nil, window{}
}

// price is what the call will cost if it succeeds, before it is read closely.
func (e *Emulator) price(c *call) (units int, cost amounts) {
	values, err := c.named(c.rawQuery)
	if err != nil {
		values = nil // It will be refused, and cost nothing.
	}
	asked := c.query
	c.query = values
	units = c.cost()
	c.query = asked
	cost = amounts{unitsPerPair: units, unitsPerApp: units, requestsPerApp: 1}
	if c.route != nil && c.route.writes && c.route.method == c.method { // otherwise it is refused
		cost[writesPerPair], cost[writesPerTenant], cost[writesPerApp] = 1, 1, 1
	}
	if c.route != nil && c.route.cloud {
		cost[cloudPerPair] = 1
	}
	return units, cost
}

// throttled charges the call. Parts of a batch are charged one by one, the batch
// itself is not: Microsoft Learn, "Microsoft Graph throttling guidance".
func (e *Emulator) throttled(c *call) *problem {
	if c.variants.Throttling.Off || c.label == batchLabel {
		return nil
	}
	units, cost := e.price(c)
	app := c.who.app
	if app == "" {
		app = e.clientID
	}
	v := e.throttle.ask(app, c.date, priorityOf(c.header), cost, c.variants.Throttling.sizes(c.tenant.UserCount()))
	c.usage = v.usage
	if !v.refused {
		c.paid = &v.ticket
		return nil
	}
	c.refusedUnits = units
	p := usualProblem(http.StatusTooManyRequests)
	p.more = map[string]any{"code": "429", "message": "Please retry after", "status": "429"}
	r := limits[v.limit]
	p.header = map[string]string{
		retryAfter:                  strconv.Itoa(int(math.Ceil(max(v.wait.Seconds(), 1)))),
		"x-ms-throttle-scope":       r.scope + "/" + r.limit + "/" + app + "/" + e.id,
		"x-ms-throttle-information": r.information,
	}
	return p
}

// charged gives back what the answer did not cost, and tells a caller that is near
// its limit.
func (e *Emulator) charged(c *call, a *answer) {
	if c.paid != nil {
		e.throttle.giveBack(*c.paid, a.units)
	}
	if c.usage > nearLimit {
		a.set("x-ms-throttle-limit-percentage", strconv.FormatFloat(min(c.usage, mostOfAll), 'f', 2, 64))
	}
}
