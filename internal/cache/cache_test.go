package cache

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCache(t *testing.T) {
	t.Parallel()
	c := New(Options[string, int]{Most: 10})
	c.Add("a", 1)
	c.Add("a", 2)
	if got, ok := c.Get("a"); got != 2 || !ok {
		t.Errorf("got %d, %v", got, ok)
	}
	if _, ok := c.Get("b"); ok {
		t.Error("unexpected value")
	}
	if got := c.GetOrAdd("a", 3); got != 2 {
		t.Errorf("got %d, want the existing value", got)
	}
	if got := c.GetOrAdd("b", 3); got != 3 || c.Len() != 2 {
		t.Errorf("got %d, %d entries", got, c.Len())
	}
}

// TestFrequentlyUsedEntriesStay tests that many entries that are used once do not evict frequently used ones.
func TestFrequentlyUsedEntriesStay(t *testing.T) {
	t.Parallel()
	c := New(Options[string, int]{Most: 100})
	for range 10 {
		for n := range 50 {
			key := fmt.Sprint("often ", n)
			if _, ok := c.Get(key); !ok {
				c.Add(key, n)
			}
		}
	}
	for n := range 10_000 {
		c.Add(fmt.Sprint("once ", n), n)
	}
	stayed := 0
	for n := range 50 {
		if _, ok := c.Get(fmt.Sprint("often ", n)); ok {
			stayed++
		}
	}
	if stayed < 25 { // an LRU cache would keep none
		t.Errorf("%d of 50 stayed", stayed)
	}
}

// TestBound tests that the maximum applies at any time, also during concurrent additions.
func TestBound(t *testing.T) {
	t.Parallel()
	const most = 1_000
	for name, tt := range map[string]struct {
		weigh func(int, string) int
		text  string
	}{
		"entries": {nil, "x"},
		"weights": {func(_ int, text string) int { return len(text) }, strings.Repeat("x", 30)},
	} {
		c := New(Options[int, string]{Most: most, Weigh: tt.weigh})
		var largest atomic.Int64
		var group sync.WaitGroup
		for worker := range 8 {
			group.Go(func() {
				for n := range 5_000 {
					if n%2 == 0 {
						c.Add(n*8+worker, tt.text)
					} else {
						c.GetOrAdd(n*8+worker, tt.text)
					}
					c.Get(n)
					c.turns.Lock()
					size := int64(c.Len() * len(tt.text))
					c.turns.Unlock()
					largest.Store(max(largest.Load(), size))
				}
			})
		}
		group.Wait()
		if got := largest.Load(); got > most || got < most*9/10 {
			t.Errorf("%s: %d at most", name, got)
		}
	}
	c := New(Options[int, string]{Most: most, Weigh: func(_ int, text string) int { return len(text) }})
	c.Add(1, "short")
	c.Add(2, strings.Repeat("x", most+1))
	if got := c.GetOrAdd(3, strings.Repeat("x", most+1)); len(got) != most+1 || c.Len() != 1 {
		t.Errorf("%d entries after additions of too large ones", c.Len())
	}
}

func TestLife(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := New(Options[string, time.Duration]{Most: 10, Life: func(_ string, life time.Duration) time.Duration { return life }, Now: func() time.Time { return now }})
	for _, life := range []time.Duration{-1, 0, time.Minute, time.Hour} {
		c.Add(life.String(), life)
	}
	now = now.Add(time.Minute)
	for life, want := range map[time.Duration]bool{-1: false, 0: false, time.Minute: false, time.Hour: true} {
		if _, ok := c.Get(life.String()); ok != want {
			t.Errorf("%v: %v, want %v", life, ok, want)
		}
	}
	now = now.Add(time.Hour)
	c.Add("new", time.Hour)
	if c.Len() != 1 {
		t.Errorf("%d expired entries remain", c.Len()-1)
	}
}
