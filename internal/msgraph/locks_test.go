package msgraph

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestLocks locks keys in any order: there is no deadlock, keys are exclusive, and no lock remains.
func TestLocks(t *testing.T) {
	t.Parallel()
	var l locks
	names := []string{"a", "b", "c", "d"}
	holders := map[string]*int{}
	for _, name := range names {
		holders[name] = new(int) // not synchronized, for the race detector
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				var keys []string
				for range rand.IntN(4) {
					keys = append(keys, names[rand.IntN(len(names))])
				}
				ctx := t.Context()
				if rand.IntN(4) == 0 {
					ctx = ended
				}
				release, err := l.acquire(ctx, keys)
				if err != nil {
					if !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
					continue
				}
				for _, key := range keys {
					*holders[key]++
				}
				release()
			}
		})
	}
	group.Wait()
	if len(l.keys) > 0 {
		t.Errorf("%v remain", l.keys)
	}
}
