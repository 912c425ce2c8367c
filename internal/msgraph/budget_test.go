package msgraph

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// limited returns an operation with a limit of requests.
func limited(requests int) func(*Options) {
	return func(o *Options) { o.RequestsPerOperation = requests }
}

// readMany sends n reads in one batch, and returns the errors.
func readMany(t *testing.T, o *Operation, n int) []error {
	t.Helper()
	var mu sync.Mutex
	var errs []error
	batch := o.newBatch()
	for i := range n {
		r := get(userEndpoint, fmt.Sprintf("/users/u%d", i))
		r.done = func(err error) {
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		}
		batch.add(r)
	}
	batch.Do(t.Context())
	return errs
}

func spent(errs []error) (n int) {
	for _, err := range errs {
		if failure, ok := errors.AsType[*upstream.Error](err); ok && errors.Is(err, upstream.ErrBudget) && failure.Spent > 0 && !failure.Retryable {
			n++
		}
	}
	return n
}

// TestBudget tests that reads within the limit are sent, and others are not.
func TestBudget(t *testing.T) {
	t.Parallel()
	s := newService(t, func(call) reply { return ok(`{"id":"x"}`) })
	c := s.client(t, limited(25))
	o := c.Begin()
	for _, step := range []struct{ reads, refused int }{{1, 0}, {20, 0}, {10, 6}, {3, 3}} {
		if got := spent(readMany(t, o, step.reads)); got != step.refused {
			t.Errorf("%d reads: %d refused, want %d", step.reads, got, step.refused)
		}
	}
	if len(s.seen) != 25 {
		t.Errorf("the service got %d requests", len(s.seen))
	}
	if got := spent(readMany(t, c.Begin(), 5)); got != 0 {
		t.Errorf("another operation: %d requests rejected", got)
	}
	if got := spent(readMany(t, s.client(t).Begin(), 100)); got != 0 {
		t.Errorf("without a limit: %d requests rejected", got)
	}
}

// TestBudgetCountsRepetitions tests that retries count.
func TestBudgetCountsRepetitions(t *testing.T) {
	t.Parallel()
	s := newService(t, func(call) reply { return busy })
	if got := spent(readMany(t, s.client(t, limited(3)).Begin(), 2)); got != 2 {
		t.Errorf("%d requests rejected, want two: one at its second attempt, one at its third", got)
	}
	if len(s.seen) != 3 {
		t.Errorf("the service got %d requests", len(s.seen))
	}
}

// TestBudgetOfWrites tests that a change beyond the limit is reported as not made.
func TestBudgetOfWrites(t *testing.T) {
	t.Parallel()
	s := newService(t, func(call) reply { return done })
	results := s.client(t, limited(2)).Begin().Write(t.Context(), writesOf("a", "b", "c", "d"))
	want := []licensing.Outcome{licensing.WriteDone, licensing.WriteDone, licensing.WriteNotDone, licensing.WriteNotDone}
	if got := outcomes(results); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !errors.Is(results[3].Err, upstream.ErrBudget) {
		t.Errorf("got %v", results[3].Err)
	}
	if len(s.seen) != 2 {
		t.Errorf("the service got %d requests", len(s.seen))
	}
}

func TestBudgetIsSpentOnce(t *testing.T) {
	t.Parallel()
	b := &budget{most: 1000}
	var group sync.WaitGroup
	got := make([]int, 8)
	for i := range got {
		group.Go(func() {
			for range 500 {
				got[i] += b.spend(1)
			}
		})
	}
	group.Wait()
	total := 0
	for _, n := range got {
		total += n
	}
	if total != 1000 {
		t.Errorf("spent %d of 1000", total)
	}
}
