package loaders

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"licensegraph/internal/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is an upstream that returns the length of words.
type service struct {
	batches [][]string // keys of each batch, in order
	before  func(ctx context.Context, batch []string)
	broken  func() upstream.Batch // nil for working batches
	empty   bool                  // no responses
}

// reading is a batch of a service: reads by name, with their final error.
type reading struct {
	upstream.Batch
	service *service
	names   []string
	done    []func()
}

func (s *service) Batch() upstream.Batch {
	if s.broken != nil {
		return s.broken()
	}
	return &reading{service: s}
}

func (*service) LargestPage(string) int { return 100 }

func (b *reading) Do(ctx context.Context) {
	slices.Sort(b.names)
	b.service.batches = append(b.service.batches, b.names)
	if b.service.before != nil {
		b.service.before(ctx, b.names)
	}
	for _, done := range b.done {
		done()
	}
}

// lengths returns a loader of the service; its reads have its name.
func lengths(all *Loaders, name string) *Loader[string, int] {
	return newLoaderOf(all, func(b upstream.Batch, words []string, found func(string, int, error)) {
		r := b.(*reading)
		for _, word := range words {
			r.names = append(r.names, name+" "+word)
			r.done = append(r.done, func() {
				switch {
				case r.service.empty:
				case word == "":
					found(word, 0, upstream.ErrForbidden)
				default:
					found(word, len(word), nil)
				}
			})
		}
	})
}

// newService returns a service and its loaders.
func newService(ctx context.Context) (*service, *Loaders) {
	s := &service{}
	return s, &Loaders{ctx: ctx, source: s}
}

// TestBlocked tests that a round reads all requested keys once, and nothing is read before.
func TestBlocked(t *testing.T) {
	t.Parallel()
	s, all := newService(t.Context())
	a, b := lengths(all, "a"), lengths(all, "b")
	for range 3 {
		for _, l := range []*Loader[string, int]{a, b} {
			for _, word := range []string{"x", "yy", ""} {
				if _, err := l.Get(word); !errors.Is(err, ErrBlocked) {
					t.Errorf("%q: %v", word, err)
				}
			}
		}
	}
	if len(s.batches) > 0 {
		t.Errorf("read %v", s.batches)
	}
	if !all.Round() || all.Round() {
		t.Error("Round did not read")
	}
	if got := fmt.Sprint(s.batches); got != "[[a  a x a yy b  b x b yy]]" {
		t.Errorf("read %s", got)
	}
	for _, l := range []*Loader[string, int]{a, b} {
		if n, err := l.Get("yy"); n != 2 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if _, err := l.Get(""); !errors.Is(err, upstream.ErrForbidden) {
			t.Errorf("%v", err)
		}
	}
	if all.Round() {
		t.Error("Round read without keys")
	}
}

// TestPrimed tests that primed values are not read.
func TestPrimed(t *testing.T) {
	t.Parallel()
	s, all := newService(t.Context())
	l := lengths(all, "l")
	l.Prime("before", 7)
	l.Get("after") //nolint:errcheck // blocked
	l.Prime("after", 8)
	l.Prime("after", 9)
	for word, want := range map[string]int{"before": 7, "after": 8} {
		if n, err := l.Get(word); n != want || err != nil {
			t.Errorf("%s: %d, %v", word, n, err)
		}
	}
	if all.Round() || len(s.batches) > 0 {
		t.Errorf("read %v", s.batches)
	}
}

// TestConcurrentReaders tests that concurrent readers read each key once.
func TestConcurrentReaders(t *testing.T) {
	t.Parallel()
	s, all := newService(t.Context())
	l := lengths(all, "l")
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			word := strings.Repeat("x", 1+i%7)
			got, err := Read(all, func() (int, error) {
				n, err := l.Get(word)
				if err != nil {
					return 0, err
				}
				return l.Get(strings.Repeat("y", n))
			})
			if got != len(word) || err != nil {
				t.Errorf("%q: %d, %v", word, got, err)
			}
		})
	}
	group.Wait()
	read := slices.Sorted(slices.Values(slices.Concat(s.batches...)))
	if len(read) != 14 || len(slices.Compact(read)) != 14 {
		t.Errorf("read %v", read)
	}
}

// TestCollect tests that all keys are requested before it is blocked, and that each element has its own error.
func TestCollect(t *testing.T) {
	t.Parallel()
	s, all := newService(t.Context())
	l := lengths(all, "l")
	words := []string{"ccc", "a", "", "bb", "a"}
	if _, _, blocked := Collect(words, l.Get); !errors.Is(blocked, ErrBlocked) {
		t.Errorf("%v", blocked)
	}
	all.Round()
	values, errs, blocked := Collect(words, l.Get)
	if fmt.Sprint(values) != "[3 1 0 2 1]" || blocked != nil || !errors.Is(errs[2], upstream.ErrForbidden) || errs[0] != nil || errs[4] != nil {
		t.Errorf("%v, %v, %v", values, errs, blocked)
	}
	if len(s.batches) != 1 || len(s.batches[0]) != 4 {
		t.Errorf("read %v", s.batches)
	}
}

// TestBrokenBatch tests that a failing batch returns an error for every key.
func TestBrokenBatch(t *testing.T) {
	t.Parallel()
	isPanic := func(err error) bool {
		caught, ok := errors.AsType[*upstream.PanicError](err)
		return ok && strings.Contains(caught.At, "licensegraph/loaders.") && !strings.Contains(err.Error(), "personal")
	}
	isMissing := func(err error) bool { return errors.Is(err, upstream.ErrNotFound) }
	for _, tt := range []struct {
		name string
		set  func(*service)
		want func(error) bool
	}{
		{"panic in Do", func(s *service) { s.before = func(context.Context, []string) { panic("personal data") } }, isPanic},
		{"panic in Batch", func(s *service) { s.broken = func() upstream.Batch { panic("personal data") } }, isPanic},
		{"wrong type", func(s *service) { s.broken = func() upstream.Batch { return nil } }, isPanic},
		{"no responses", func(s *service) { s.empty = true }, isMissing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, all := newService(t.Context())
			tt.set(s)
			a, b := lengths(all, "a"), lengths(all, "b")
			ask := func() []error {
				_, one, _ := Collect([]string{"x", "yy"}, a.Get)
				_, other, _ := Collect([]string{"x", "yy"}, b.Get)
				return append(one, other...)
			}
			ask()
			all.Round()
			for _, err := range ask() {
				if !tt.want(err) {
					t.Errorf("%v", err)
				}
			}
		})
	}
}

// TestCancelled tests that a round ends when its context is canceled.
func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s, all := newService(ctx)
	s.before = func(ctx context.Context, _ []string) { cancel(); <-ctx.Done() }
	s.empty = true
	l := lengths(all, "l")
	if _, err := Read(all, func() (int, error) { return l.Get("x") }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v: an unread key is reported as missing", err)
	}
	if _, err := Read(all, func() (int, error) { return l.Get("y") }); !errors.Is(err, context.Canceled) {
		t.Errorf("afterwards: %v", err)
	}
}

// TestAgainstNaive runs random operations with a loader and with an unbatched one, and compares the results.
func TestAgainstNaive(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		s, all := newService(t.Context())
		l := lengths(all, "l")
		known, wanted, read := map[string]int{}, map[string]bool{}, 0
		for range 60 {
			word := strings.Repeat("w", 1+r.IntN(12))
			want, isKnown := known[word]
			switch r.IntN(4) {
			case 0:
				l.Prime(word, 100)
				if !isKnown {
					known[word] = 100
				}
			case 1:
				all.Round()
				for word := range wanted {
					if _, primed := known[word]; !primed {
						known[word] = len(word)
						read++
					}
				}
				clear(wanted)
			default:
				got, err := l.Get(word)
				if isKnown != (err == nil) || got != want || err != nil && !errors.Is(err, ErrBlocked) {
					t.Fatalf("seed %d, %s: %d, %v; want %d, known %v", seed, word, got, err, want, isKnown)
				}
				if !isKnown {
					wanted[word] = true
				}
			}
		}
		if got := len(slices.Concat(s.batches...)); got != read {
			t.Errorf("seed %d: read %d keys, want %d", seed, got, read)
		}
	}
}

// BenchmarkRound reads a hundred keys in one round.
func BenchmarkRound(b *testing.B) {
	keys := make([]string, 100)
	for i := range keys {
		keys[i] = strings.Repeat("x", i+1)
	}
	b.ReportAllocs()
	for b.Loop() {
		_, all := newService(b.Context())
		l := lengths(all, "l")
		Collect(keys, l.Get) //nolint:errcheck // blocked
		all.Round()
		Collect(keys, l.Get) //nolint:errcheck // loaded
	}
}
