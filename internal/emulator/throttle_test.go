package emulator

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 9, 25, 12, 0, 0, 0, time.UTC)

// admission is a call that was let through.
type admission struct {
	at   time.Time
	cost int
}

// TestNeverMoreThanTheLimit holds the law of every limit: whatever is asked for,
// with whatever priority, no stretch of its span lets more through.
func TestNeverMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		limit := r.IntN(limitCount)
		var sizes amounts
		sizes[limit] = 1 + r.IntN(40)
		span := limits[limit].span
		var th throttle
		var let []admission
		now := noon
		for range 2_000 {
			now = now.Add(time.Duration(r.Int64N(int64(span) / 20)))
			var cost amounts
			cost[limit] = 1 + r.IntN(min(5, sizes[limit]))
			if v := th.ask("app", now, priority(r.IntN(int(priorities))), cost, sizes); !v.refused {
				let = append(let, admission{now, v.cost[limit]})
			}
		}
		used, first := 0, 0
		for _, a := range let {
			used += a.cost
			for !let[first].at.Add(span).After(a.at) {
				used -= let[first].cost
				first++
			}
			if used > sizes[limit] {
				t.Fatalf("seed %d: %d of %d in the %v before %v", seed, used, sizes[limit], span, a.at)
			}
		}
		if len(let) < sizes[limit]/5 {
			t.Errorf("seed %d: only %d of 2,000 calls were let through", seed, len(let))
		}
	}
}

// TestWaitingAsTold holds the promise of Retry-After: whoever is alone and waits
// is let through.
func TestWaitingAsTold(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 2))
		var sizes amounts
		for i := range sizes {
			sizes[i] = r.IntN(30) // 0 is no limit
		}
		var th throttle
		now, p := noon, priority(r.IntN(int(priorities)))
		for range 300 {
			now = now.Add(time.Duration(r.Int64N(int64(2 * time.Second))))
			var cost amounts
			for i := range cost {
				cost[i] = r.IntN(7)
			}
			v := th.ask("app", now, p, cost, sizes)
			if !v.refused || r.IntN(4) > 0 {
				continue
			}
			if v.wait <= 0 || v.wait > maxWait+6*time.Minute {
				t.Fatalf("seed %d: told to wait %v", seed, v.wait)
			}
			now = now.Add(v.wait)
			if again := th.ask("app", now, p, cost, sizes); again.refused {
				t.Fatalf("seed %d: waited %v and was told to wait %v more", seed, v.wait, again.wait)
			}
		}
	}
}

// TestComingBackEarly: the wait doubles for who does not wait, and is short again
// for who did.
func TestComingBackEarly(t *testing.T) {
	t.Parallel()
	var th throttle
	now := noon
	ask := func(p priority) verdict {
		return th.ask("app", now, p, amounts{unitsPerPair: 1}, amounts{unitsPerPair: 10})
	}
	for range 10 {
		if v := ask(normal); v.refused {
			t.Fatal("refused below the limit")
		}
	}
	var waits []time.Duration
	for range 9 {
		waits = append(waits, ask(normal).wait.Truncate(time.Second))
		now = now.Add(2 * time.Second)
	}
	want := []time.Duration{11, 22, 44, 88, 176, 352, 600, 600, 600}
	for i := range want {
		if waits[i] != want[i]*time.Second {
			t.Fatalf("waits %v, want %v seconds", waits, want)
		}
	}
	if v := th.ask("another", now, normal, amounts{unitsPerPair: 1}, amounts{unitsPerPair: 10}); v.refused {
		t.Error("another application was refused")
	}
	now = now.Add(maxWait)
	for range 10 {
		if v := ask(normal); v.refused {
			t.Fatal("refused after waiting")
		}
	}
	if v := ask(normal); v.wait > 11*time.Second {
		t.Errorf("the wait is still %v", v.wait)
	}
	now = now.Add(underWay / 2)
	if a, b := ask(normal), ask(normal); a.wait > 11*time.Second || b.wait != a.wait {
		t.Errorf("calls that were under way: %v %v", a.wait, b.wait)
	}
}

// TestPriorities: what is not urgent is refused first, what is urgent last, and the
// limit is the same.
func TestPriorities(t *testing.T) {
	t.Parallel()
	var th throttle
	ask := func(p priority) bool {
		return !th.ask("app", noon, p, amounts{unitsPerPair: 1}, amounts{unitsPerPair: 10}).refused
	}
	for i := range 8 {
		if !ask(low) {
			t.Fatalf("low was refused after %d of 10", i)
		}
	}
	if ask(low) {
		t.Error("low was let through at 80 %")
	}
	if !ask(normal) || ask(normal) { // 8, the refused one, and this
		t.Error("normal was not let through up to the limit")
	}
	if !ask(high) || ask(high) {
		t.Error("high was not let through up to the limit")
	}
}

func TestGiveBack(t *testing.T) {
	t.Parallel()
	var th throttle
	sizes := amounts{unitsPerPair: 10}
	now := noon
	for range 100 {
		v := th.ask("app", now, normal, amounts{unitsPerPair: 5}, sizes)
		if v.refused {
			t.Fatal("what was given back still counts")
		}
		th.giveBack(v.ticket, 0)
	}
	v := th.ask("app", now, normal, amounts{unitsPerPair: 5}, sizes)
	now = now.Add(2 * (slots + 1) * limits[unitsPerPair].span / slots) // where the ring is at the same place
	th.ask("app", now, normal, amounts{unitsPerPair: 10}, sizes)
	th.giveBack(v.ticket, 0) // long forgotten
	if v := th.ask("app", now, normal, amounts{unitsPerPair: 1}, sizes); !v.refused {
		t.Error("what was charged long ago was given back now")
	}
}

func TestTenantLimitIsShared(t *testing.T) {
	t.Parallel()
	var th throttle
	one := amounts{writesPerTenant: 1}
	for i := range 3 {
		if v := th.ask(fmt.Sprint(i), noon, normal, one, amounts{writesPerTenant: 3}); v.refused {
			t.Fatal("refused below the limit")
		}
	}
	if v := th.ask("last", noon, normal, one, amounts{writesPerTenant: 3}); !v.refused || v.limit != writesPerTenant || v.usage < 1 {
		t.Errorf("let through: %+v", v)
	}
}

// TestLongestLimit: of several limits that refuse, the answer names the one that
// takes longest.
func TestLongestLimit(t *testing.T) {
	t.Parallel()
	for _, want := range []int{unitsPerPair, writesPerPair, writesPerTenant} {
		var th throttle
		cost, sizes := amounts{requestsPerApp: 1}, amounts{requestsPerApp: 1}
		cost[want], sizes[want] = 1, 1
		if want == unitsPerPair {
			cost[requestsPerApp], sizes[requestsPerApp] = 0, 0
		}
		th.ask("app", noon, normal, cost, sizes)
		if v := th.ask("app", noon, normal, cost, sizes); !v.refused || v.limit != want || v.wait < limits[want].span {
			t.Errorf("limit %d: %d refused for %v", want, v.limit, v.wait)
		}
	}
}

func TestApplicationsAreBounded(t *testing.T) {
	t.Parallel()
	var th throttle
	for i := range 2 * maxApps {
		th.ask(strconv.Itoa(i), noon.Add(time.Duration(i)), normal, amounts{unitsPerPair: 1}, amounts{unitsPerPair: 1})
	}
	if len(th.apps) != maxApps || th.apps[strconv.Itoa(2*maxApps-1)] == nil || th.apps["0"] != nil {
		t.Errorf("%d applications are remembered", len(th.apps))
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for people, want := range map[int]int{1: 3_500, 49: 3_500, 50: 5_000, 500: 5_000, 501: 8_000, 100_000: 8_000} {
		if got := (Throttling{}).sizes(people); got != (amounts{want, 3_000, 18_000, 150_000, 35_000, 130_000, 0}) {
			t.Errorf("%d people: %v", people, got)
		}
	}
}

// TestThrottledOnTheWire walks into a limit and out of it again.
func TestThrottledOnTheWire(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60, Now: func() time.Time { return noon }, Variants: Variants{Throttling: Throttling{ResourceUnits: 20}}})
	var percent []string
	for i := range 10 { // 2 units each
		r := c.get("/v1.0/users")
		if r.status != 200 || r.header.Get("x-ms-resource-unit") != "2" {
			t.Fatalf("call %d: %d %v", i, r.status, r.header)
		}
		percent = append(percent, r.header.Get("x-ms-throttle-limit-percentage"))
	}
	if got := strings.Join(percent, " "); got != "        0.90 1.00" {
		t.Errorf("percentages %q", got)
	}
	r := c.get("/v1.0/users?$top=5&$select=id")
	h := r.header
	if r.status != 429 || r.code() != "429" || h.Get("Retry-After") != "11" || h.Get("x-ms-resource-unit") != "1" || h.Get("x-ms-throttle-limit-percentage") != "1.05" ||
		h.Get("x-ms-throttle-scope") != "Tenant_Application/ReadWrite/"+c.ClientID()+"/"+c.TenantID() || h.Get("x-ms-throttle-information") != "ResourceUnitLimitExceeded" {
		t.Errorf("throttled: %d %v %s", r.status, h, r.raw)
	}
	if r := c.get("/v1.0/groups", "Authorization", ""); r.status != 401 {
		t.Errorf("without a token: %d", r.status)
	}
	if err := c.Advance(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	if r := c.get("/v1.0/groups"); r.status != 429 || r.header.Get("Retry-After") != "22" {
		t.Errorf("came back early: %d %v", r.status, r.header)
	}
	if err := c.Advance(22 * time.Second); err != nil {
		t.Fatal(err)
	}
	if r := c.get("/v1.0/groups"); r.status != 200 {
		t.Errorf("waited as told: %d %v", r.status, r.header)
	}
	for range 30 {
		if r := c.get("/v1.0/users?$expand=x"); r.status != 400 || r.header.Get("x-ms-resource-unit") != "" {
			t.Fatalf("what is refused costs nothing: %d %v", r.status, r.header)
		}
	}
	c.SetVariants(Variants{Throttling: Throttling{Off: true}})
	for range 30 {
		if r := c.get("/v1.0/users"); r.status != 200 {
			t.Fatalf("off: %d", r.status)
		}
	}
}

// TestThrottledByApplication: what one application has used up is there for the
// other one, and for all after a reset.
func TestThrottledByApplication(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60, Now: func() time.Time { return noon }, Variants: Variants{Throttling: Throttling{ResourceUnits: 2}}})
	other, _ := c.accessToken(c.outside(worldwide), bearer{app: c.publicClient(), acr: "0", audience: worldwide, person: c.whoever(c.PersonInRole("Global Reader")), scopes: []string{"User.Read.All"}})
	for auth, app := range map[string]string{c.token: c.ClientID(), other: c.PublicClientID()} {
		a, b := c.get("/v1.0/users", "Authorization", "Bearer "+auth), c.get("/v1.0/users", "Authorization", "Bearer "+auth)
		if a.status != 200 || b.status != 429 || !strings.Contains(b.header.Get("x-ms-throttle-scope"), "/"+app+"/") {
			t.Errorf("%s: %d, then %d %v", app, a.status, b.status, b.header)
		}
	}
	c.Reset()
	if r := c.get("/v1.0/users"); r.status != 200 {
		t.Errorf("after a reset: %d", r.status)
	}
}

// TestThrottledParts counts each part of a batch; the batch itself is well.
func TestThrottledParts(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60, Now: func() time.Time { return noon }, Variants: Variants{Throttling: Throttling{ResourceUnits: 5}}})
	var list []string
	for i := range 20 {
		list = append(list, get(strconv.Itoa(i), "/groups"))
	}
	got, _ := parts(t, c.do("POST", "/v1.0/$batch", batchOf(list...)))
	statuses := map[any]int{}
	for _, p := range got {
		statuses[p["status"]]++
		if h := p["headers"].(row); p["status"] == 429.0 && (h["Retry-After"] != "11" || h["x-ms-throttle-scope"] == nil) {
			t.Errorf("a part: %v", h)
		}
	}
	if statuses[200.0] != 5 || statuses[429.0] != 15 {
		t.Errorf("statuses %v", statuses)
	}
}

// TestWriteLimit leaves reads alone, and the pages of a list cost what the first
// one did.
func TestWriteLimit(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60, Now: func() time.Time { return noon }, Variants: Variants{Throttling: Throttling{Writes: 1, CloudLicensing: 3}}})
	user := c.userID(0)
	uri := "/v1.0/users/" + user + "/reprocessLicenseAssignment"
	for range 3 {
		if r := c.get(uri); r.status != 405 {
			t.Fatalf("no write: %d", r.status)
		}
	}
	if r := c.do("POST", uri, ""); r.status != 200 {
		t.Fatalf("first: %d %s", r.status, r.raw)
	}
	if r := c.do("POST", uri, ""); r.status != 429 || r.header.Get("x-ms-throttle-information") != "WriteLimitExceeded" || r.header.Get("Retry-After") != "165" ||
		!strings.HasPrefix(r.header.Get("x-ms-throttle-scope"), "Tenant_Application/Write/") {
		t.Errorf("second: %d %v", r.status, r.header)
	}
	next := c.ok("/v1.0/users?$top=30&$select=id")["@odata.nextLink"].(string)
	if r := c.get(next); r.status != 200 || r.header.Get("x-ms-resource-unit") != "1" {
		t.Errorf("next page: %d %v", r.status, r.header)
	}
	for i := range 4 {
		if r := c.get("/beta/admin/cloudLicensing/allotments"); (r.status == 200) != (i < 3) {
			t.Errorf("cloudLicensing call %d: %d", i, r.status)
		}
	}
}

// TestPriceOfPages: a later page is not charged more than it costs, not even until
// it is answered.
func TestPriceOfPages(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60, Now: func() time.Time { return noon }, Variants: Variants{Throttling: Throttling{ResourceUnits: 2}}})
	next := c.ok("/v1.0/users?$top=30&$select=id")["@odata.nextLink"].(string)
	if r := c.get(next); r.status != 200 {
		t.Errorf("one unit is left, and the next page costs one: %d %v", r.status, r.header)
	}
	if r := c.get("/v1.0/groups"); r.status != 429 {
		t.Errorf("no unit is left: %d", r.status)
	}
}

// TestThrottledConcurrently lets exactly the limit through, whoever is first.
func TestThrottledConcurrently(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60, Now: func() time.Time { return noon }, Variants: Variants{Throttling: Throttling{ResourceUnits: 100}}})
	var mu sync.Mutex
	statuses := map[int]int{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				r, err := c.try(http.MethodGet, "/v1.0/groups", "")
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				statuses[r.status]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if statuses[200] != 100 || statuses[429] != 100 {
		t.Errorf("statuses %v", statuses)
	}
}

func TestThrottlingAsText(t *testing.T) {
	t.Parallel()
	var got Throttling
	if err := got.UnmarshalText([]byte("off")); err != nil || !got.Off {
		t.Errorf("off: %v %v", got, err)
	}
	if err := got.UnmarshalText(nil); err != nil || got != (Throttling{}) {
		t.Errorf("empty: %v %v", got, err)
	}
	if err := got.UnmarshalText([]byte("a little")); err == nil {
		t.Error("anything goes")
	}
}
