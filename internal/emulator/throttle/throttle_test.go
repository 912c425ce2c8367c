package throttle

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"licensegraph/internal/emulator/settings"
)

var noon = time.Date(2026, 9, 25, 12, 0, 0, 0, time.UTC)

// admission is an admitted call.
type admission struct {
	at   time.Time
	cost int
}

// TestLimits tests every limit: for any calls with any
// priorities, no period admits more than the limit.
func TestLimits(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		limit := r.IntN(limitCount)
		var sizes amounts
		sizes[limit] = 1 + r.IntN(40)
		span := limits[limit].span
		var th Meter
		var let []admission
		now := noon
		for range 2_000 {
			now = now.Add(time.Duration(r.Int64N(int64(span) / 20)))
			var cost amounts
			cost[limit] = 1 + r.IntN(min(5, sizes[limit]))
			if v := th.admit("app", now, priority(r.IntN(int(priorities))), cost, sizes); !v.Refused {
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

// TestRetryAfter tests Retry-After: a single caller that waits is admitted.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 2))
		var sizes amounts
		for i := range sizes {
			sizes[i] = r.IntN(30) // 0 = no limit
		}
		var th Meter
		now, p := noon, priority(r.IntN(int(priorities)))
		for range 300 {
			now = now.Add(time.Duration(r.Int64N(int64(2 * time.Second))))
			var cost amounts
			for i := range cost {
				cost[i] = r.IntN(7)
			}
			v := th.admit("app", now, p, cost, sizes)
			if !v.Refused || r.IntN(4) > 0 {
				continue
			}
			if v.wait <= 0 || v.wait > maxWait+6*time.Minute {
				t.Fatalf("seed %d: Retry-After of %v", seed, v.wait)
			}
			now = now.Add(v.wait)
			if again := th.admit("app", now, p, cost, sizes); again.Refused {
				t.Fatalf("seed %d: waited %v, and then Retry-After of %v", seed, v.wait, again.wait)
			}
		}
	}
}

// TestEarlyRetry tests that the wait doubles for a caller that does not
// wait, and resets after a wait.
func TestEarlyRetry(t *testing.T) {
	t.Parallel()
	var th Meter
	now := noon
	ask := func(p priority) Verdict {
		return th.admit("app", now, p, amounts{unitsPerPair: 1}, amounts{unitsPerPair: 10})
	}
	for range 10 {
		if v := ask(normal); v.Refused {
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
	if v := th.admit("another", now, normal, amounts{unitsPerPair: 1}, amounts{unitsPerPair: 10}); v.Refused {
		t.Error("another application was refused")
	}
	now = now.Add(maxWait)
	for range 10 {
		if v := ask(normal); v.Refused {
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

// TestPriorities tests that calls of low priority are throttled first, and
// those of high priority last, at the same limit.
func TestPriorities(t *testing.T) {
	t.Parallel()
	var th Meter
	ask := func(p priority) bool {
		return !th.admit("app", noon, p, amounts{unitsPerPair: 1}, amounts{unitsPerPair: 10}).Refused
	}
	for i := range 8 {
		if !ask(low) {
			t.Fatalf("low was refused after %d of 10", i)
		}
	}
	if ask(low) {
		t.Error("low was let through at 80 %")
	}
	if !ask(normal) || ask(normal) { // 8, the throttled one, and this
		t.Error("normal was not let through up to the limit")
	}
	if !ask(high) || ask(high) {
		t.Error("high was not let through up to the limit")
	}
}

func TestGiveBack(t *testing.T) {
	t.Parallel()
	var th Meter
	sizes := amounts{unitsPerPair: 10}
	now := noon
	for range 100 {
		v := th.admit("app", now, normal, amounts{unitsPerPair: 5}, sizes)
		if v.Refused {
			t.Fatal("what was given back still counts")
		}
		th.refund(v.ticket, 0)
	}
	v := th.admit("app", now, normal, amounts{unitsPerPair: 5}, sizes)
	now = now.Add(2 * (slots + 1) * limits[unitsPerPair].span / slots) // the slot has the same index in the ring
	th.admit("app", now, normal, amounts{unitsPerPair: 10}, sizes)
	th.refund(v.ticket, 0) // no longer in the window
	if v := th.admit("app", now, normal, amounts{unitsPerPair: 1}, sizes); !v.Refused {
		t.Error("what was charged long ago was given back now")
	}
}

func TestTenantLimitIsShared(t *testing.T) {
	t.Parallel()
	var th Meter
	one := amounts{writesPerTenant: 1}
	for i := range 3 {
		if v := th.admit(fmt.Sprint(i), noon, normal, one, amounts{writesPerTenant: 3}); v.Refused {
			t.Fatal("refused below the limit")
		}
	}
	if v := th.admit("last", noon, normal, one, amounts{writesPerTenant: 3}); !v.Refused || v.limit != writesPerTenant || v.usage < 1 {
		t.Errorf("let through: %+v", v)
	}
}

// TestLongestLimit tests that the answer identifies the exceeded limit with
// the longest wait.
func TestLongestLimit(t *testing.T) {
	t.Parallel()
	for _, want := range []int{unitsPerPair, writesPerPair, writesPerTenant} {
		var th Meter
		cost, sizes := amounts{requestsPerApp: 1}, amounts{requestsPerApp: 1}
		cost[want], sizes[want] = 1, 1
		if want == unitsPerPair {
			cost[requestsPerApp], sizes[requestsPerApp] = 0, 0
		}
		th.admit("app", noon, normal, cost, sizes)
		if v := th.admit("app", noon, normal, cost, sizes); !v.Refused || v.limit != want || v.wait < limits[want].span {
			t.Errorf("limit %d: %d refused for %v", want, v.limit, v.wait)
		}
	}
}

func TestApplicationsAreBounded(t *testing.T) {
	t.Parallel()
	var th Meter
	for i := range 2 * maxApps {
		th.admit(strconv.Itoa(i), noon.Add(time.Duration(i)), normal, amounts{unitsPerPair: 1}, amounts{unitsPerPair: 1})
	}
	if len(th.apps) != maxApps || th.apps[strconv.Itoa(2*maxApps-1)] == nil || th.apps["0"] != nil {
		t.Errorf("%d applications are remembered", len(th.apps))
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for people, want := range map[int]int{1: 3_500, 49: 3_500, 50: 5_000, 500: 5_000, 501: 8_000, 100_000: 8_000} {
		if got := sizesOf(settings.Throttling{}, people); got != (amounts{want, 3_000, 18_000, 150_000, 35_000, 130_000, 0, 5, 0, 14, 14, 100, 100}) {
			t.Errorf("%d users: %v", people, got)
		}
	}
}
