package quota

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"licensegraph/internal/identity"
)

// clock is a clock that a test sets.
type clock struct{ time.Time }

func (c *clock) now() time.Time          { return c.Time }
func (c *clock) forward(d time.Duration) { c.Time = c.Add(d) }

func key(n int) identity.Key { return identity.Key{TenantID: "t", ObjectID: fmt.Sprint(n)} }

// begin starts an operation and returns the reason if it is not admitted.
func begin(t *testing.T, p *Process, key identity.Key) (func(), *Exceeded) {
	t.Helper()
	end, err := p.Begin(t.Context(), key)
	if err == nil {
		return end, nil
	}
	exceeded, ok := errors.AsType[*Exceeded](err)
	if !ok || exceeded.Error() == "" || exceeded.RetryAfter <= 0 || end != nil {
		t.Fatalf("%#v", err)
	}
	return nil, exceeded
}

// admitted starts and ends operations until one is not admitted, and returns their number.
func admitted(t *testing.T, p *Process, key identity.Key) int {
	t.Helper()
	for n := 0; ; n++ {
		end, exceeded := begin(t, p, key)
		if exceeded != nil {
			return n
		}
		end()
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	c := &clock{time.Unix(0, 0)}
	p := New(Limits{Rate: 10, Burst: 5, PerCaller: 100, Total: 100}, c.now)
	if n := admitted(t, p, key(1)); n != 5 {
		t.Errorf("a burst of %d", n)
	}
	if n := admitted(t, p, key(2)); n != 5 {
		t.Errorf("another caller has a burst of %d", n)
	}
	if _, exceeded := begin(t, p, key(1)); exceeded == nil || exceeded.Busy || exceeded.RetryAfter != 100*time.Millisecond {
		t.Errorf("got %+v", exceeded)
	}
	c.forward(100 * time.Millisecond) // as it said; and what was refused did not count
	if n := admitted(t, p, key(1)); n != 1 {
		t.Errorf("%d after the wait", n)
	}
	c.forward(time.Hour)
	if n := admitted(t, p, key(1)); n != 5 {
		t.Errorf("a burst of %d after a pause", n)
	}
	// The same user in another tenant is another caller; all unauthenticated clients are one caller.
	if n := admitted(t, p, identity.Key{TenantID: "u", ObjectID: "1"}); n != 5 {
		t.Errorf("another tenant: %d", n)
	}
	if n, m := admitted(t, p, identity.Key{}), admitted(t, p, identity.Key{}); n != 5 || m != 0 {
		t.Errorf("without authentication: %d, %d", n, m)
	}
}

func TestAtOnce(t *testing.T) {
	t.Parallel()
	p := New(Limits{Rate: 1, Burst: 1000, PerCaller: 2, Total: 3}, nil)
	first, _ := begin(t, p, key(1))
	_, _ = begin(t, p, key(1))
	if _, exceeded := begin(t, p, key(1)); exceeded == nil || exceeded.Busy {
		t.Errorf("third concurrent operation: %+v", exceeded)
	}
	third, exceeded := begin(t, p, key(2))
	if exceeded != nil {
		t.Fatal("another caller rejected")
	}
	if _, exceeded := begin(t, p, key(3)); exceeded == nil || !exceeded.Busy {
		t.Errorf("fourth operation in total: %+v", exceeded)
	}
	first()
	first() // has no effect
	third()
	for _, key := range []identity.Key{key(1), key(3)} {
		if _, exceeded := begin(t, p, key); exceeded != nil {
			t.Errorf("%v rejected: %v", key, exceeded)
		}
	}
	if _, exceeded := begin(t, p, key(4)); exceeded == nil {
		t.Error("an end counted twice")
	}
}

// TestManyCallers tests many identities, which must not evict callers with usage.
func TestManyCallers(t *testing.T) {
	t.Parallel()
	c := &clock{time.Unix(0, 0)}
	p := New(Limits{Rate: 1, Burst: 5, PerCaller: 100, Total: 1000}, c.now)
	p.callers = 3
	total := 0
	for round := range 3 {
		for i := range 100 {
			total += admitted(t, p, key(i))
		}
		if want := 3*5 + 5; total != want {
			t.Errorf("round %d: %d operations of 100 callers, want %d: those of three, and of all others together", round, total, want)
		}
	}
	if len(p.known) != 3 {
		t.Errorf("remembers %d", len(p.known))
	}
	c.forward(time.Minute) // All are as new; there is room again.
	if n := admitted(t, p, key(200)); n != 5 {
		t.Errorf("a new caller has %d", n)
	}
	if n := admitted(t, p, key(201)); n != 5 {
		t.Errorf("the next new caller has %d", n)
	}

	// A caller with an operation is never removed.
	p = New(Limits{Rate: 1, Burst: 5, PerCaller: 1, Total: 1000}, c.now)
	p.callers = 2
	end, _ := begin(t, p, key(1))
	c.forward(time.Hour)
	for i := range 100 {
		admitted(t, p, key(i+2))
		c.forward(time.Hour)
	}
	if _, exceeded := begin(t, p, key(1)); exceeded == nil {
		t.Error("a caller with an operation was removed")
	}
	end()
	if _, exceeded := begin(t, p, key(1)); exceeded != nil {
		t.Error(exceeded)
	}
}

func TestConcurrentCallers(t *testing.T) {
	t.Parallel()
	p := New(Limits{Rate: 1e6, Burst: 1e6, PerCaller: 3, Total: 5}, nil)
	p.callers = 4
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 500 {
				if end, err := p.Begin(t.Context(), key(i)); err == nil {
					end()
				}
			}
		})
	}
	group.Wait()
	if p.total != 0 || p.rest.operations != 0 {
		t.Errorf("%d operations are left", p.total)
	}
}

// BenchmarkBegin shows what it costs to know many callers: nothing.
func BenchmarkBegin(b *testing.B) {
	for _, callers := range []int{1, 1000, 100_000} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			p := New(Limits{Rate: 100, Burst: 200, PerCaller: 50, Total: 256}, nil)
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if end, err := p.Begin(b.Context(), identity.Key{ObjectID: fmt.Sprint(n % callers)}); err == nil {
					end()
				}
			}
		})
	}
}
