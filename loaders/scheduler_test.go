package loaders

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"licensegraph/internal/licensing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is an upstream that knows the length of every word.
type service struct {
	mu      sync.Mutex
	batches [][]string // what each batch read, in order
	before  func(ctx context.Context, batch []string)
	empty   bool // it answers nothing
}

// reading is a batch of a service: reads by their names, and what they end with.
type reading struct {
	Batch
	service *service
	names   []string
	done    []func()
}

func (s *service) newBatch() Batch { return &reading{service: s} }

func (b *reading) Do(ctx context.Context) {
	b.service.mu.Lock()
	slices.Sort(b.names)
	b.service.batches = append(b.service.batches, b.names)
	before := b.service.before
	b.service.mu.Unlock()
	if before != nil {
		before(ctx, b.names)
	}
	for _, done := range b.done {
		done()
	}
}

func (s *service) sent() [][]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.batches)
}

// lengths returns a loader of the service; its reads carry its name.
func lengths(s *scheduler, name string) *Loader[string, int] {
	return newLoader(s, func(b Batch, words []string, found func(string, int, error)) {
		r := b.(*reading)
		for _, word := range words {
			r.names = append(r.names, name+" "+word)
			r.done = append(r.done, func() {
				switch {
				case r.service.empty:
				case word == "":
					found(word, 0, licensing.ErrForbidden)
				default:
					found(word, len(word), nil)
				}
			})
		}
	})
}

// newService returns a service, and what the loaders of an operation share.
func newService(ctx context.Context) (*service, *Loaders) {
	s := &service{}
	return s, &Loaders{scheduler: &scheduler{ctx: ctx, newBatch: s.newBatch}}
}

// turn lets everything run that is ready to.
func turn() {
	for range 10 * settleTurns {
		runtime.Gosched()
	}
}

// TestOnce loads a few keys very often, from many places at the same time. Each is read once.
func TestOnce(t *testing.T) {
	t.Parallel()
	s, all := newService(t.Context())
	l := lengths(all.scheduler, "l")
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			for range 20 {
				word := strings.Repeat("x", 1+i%7)
				if got, err := l.Load(word)(); got != len(word) || err != nil {
					t.Errorf("%q: %d, %v", word, got, err)
				}
			}
		})
	}
	group.Wait()
	read := map[string]int{}
	for _, batch := range s.sent() {
		for _, name := range batch {
			read[name]++
		}
	}
	if len(read) != 7 {
		t.Errorf("read %v", read)
	}
	for name, times := range read {
		if times != 1 {
			t.Errorf("read %s %d times", name, times)
		}
	}
}

// TestOneBatch sends what several loaders gather together.
func TestOneBatch(t *testing.T) {
	t.Parallel()
	s, all := newService(t.Context())
	a, b, c := lengths(all.scheduler, "a"), lengths(all.scheduler, "b"), lengths(all.scheduler, "c")
	all.Together(func() {
		for _, l := range []*Loader[string, int]{a, b, c} {
			l.Load("x")
			l.Load("yy")
		}
	})
	all.Wait()
	want := []string{"a x", "a yy", "b x", "b yy", "c x", "c yy"}
	if got := s.sent(); len(got) != 1 || !slices.Equal(got[0], want) {
		t.Errorf("sent %v, want %v", got, want)
	}
	if got, err := b.Load("yy")(); got != 2 || err != nil || len(s.sent()) != 1 {
		t.Errorf("%d, %v after %d batches", got, err, len(s.sent()))
	}
}

// TestHeld sends nothing while something holds the loaders back.
func TestHeld(t *testing.T) {
	t.Parallel()
	s, all := newService(t.Context())
	l := lengths(all.scheduler, "l")
	quiet := func(when string) {
		t.Helper()
		turn()
		if got := s.sent(); len(got) > 0 {
			t.Fatalf("sent %v %s", got, when)
		}
	}
	l.Load("before") // and before it settles
	all.Together(func() {
		l.Load("a")
		quiet("inside")
		all.Together(func() { l.Load("b") })
		quiet("after an inner one")
		all.scheduler.hold(2)
	})
	quiet("while held twice")
	all.scheduler.release()
	quiet("while held once")
	l.Load("c")
	all.scheduler.release()
	all.Wait()
	if got := s.sent(); len(got) != 1 || len(got[0]) != 4 {
		t.Errorf("sent %v", got)
	}
}

// TestPlansTravelTogether loads two levels below a first one, planned, while resolvers ask for all of it at
// their own pace. Each level is one batch, every time.
func TestPlansTravelTogether(t *testing.T) {
	t.Parallel()
	for range 200 {
		s, all := newService(t.Context())
		users, groups, rights := lengths(all.scheduler, "user"), lengths(all.scheduler, "group"), lengths(all.scheduler, "right")
		words := []string{"a", "bb", "ccc", "dddd"}
		all.Together(func() {
			for _, word := range words {
				users.Plan(word, func(n int) {
					turn() // a busy machine
					groups.Plan(strings.Repeat("g", n), func(n int) { rights.Load(strings.Repeat("r", n+1)) })
					rights.Plan(strings.Repeat("r", n), func(int) {})
				})
			}
		})
		var group sync.WaitGroup
		for _, word := range words {
			group.Go(func() {
				n, _ := users.Load(word)()
				groups.Load(strings.Repeat("g", n))() //nolint:errcheck // counted below
				rights.Load(strings.Repeat("r", n))() //nolint:errcheck // counted below
			})
		}
		group.Wait()
		all.Wait()
		want := [][]string{
			{"user a", "user bb", "user ccc", "user dddd"},
			{"group g", "group gg", "group ggg", "group gggg", "right r", "right rr", "right rrr", "right rrrr"},
			{"right rrrrr"},
		}
		if got := s.sent(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("sent %v, want %v", got, want)
		}
	}
}

// TestPlanRuns runs what is planned exactly once per plan, whenever the value is known, and never without one.
func TestPlanRuns(t *testing.T) {
	t.Parallel()
	_, all := newService(t.Context())
	l := lengths(all.scheduler, "l")
	var mu sync.Mutex
	ran := map[string]int{}
	note := func(name string) func(int) {
		return func(int) { mu.Lock(); defer mu.Unlock(); ran[name]++ }
	}
	l.Prime("primed", 6)
	all.Together(func() {
		l.Plan("primed", note("primed"))
		l.Plan("twice", note("twice"))
		l.Plan("twice", note("twice"))
		l.Load("late")
		l.Plan("", note("forbidden"))
	})
	all.Wait()
	l.Plan("late", note("late"))
	if _, err := l.Plan("", note("forbidden"))(); !errors.Is(err, licensing.ErrForbidden) {
		t.Errorf("forbidden: %v", err)
	}
	all.Wait()
	mu.Lock()
	defer mu.Unlock()
	if got := fmt.Sprint(ran); got != "map[late:1 primed:1 twice:2]" {
		t.Errorf("ran %s", got)
	}
}

// TestBrokenBatch ends everybody who waits, with an error, whatever a batch does.
func TestBrokenBatch(t *testing.T) {
	t.Parallel()
	isPanic := func(err error) bool {
		caught, ok := errors.AsType[*PanicError](err)
		return ok && strings.Contains(caught.At, "licensegraph/loaders.") && !strings.Contains(err.Error(), "somebody")
	}
	isMissing := func(err error) bool { return errors.Is(err, licensing.ErrNotFound) }
	for _, tt := range []struct {
		name string
		set  func(*service, *scheduler)
		want func(error) bool
	}{
		{"it panics", func(s *service, _ *scheduler) {
			s.before = func(context.Context, []string) { panic("about somebody") }
		}, isPanic},
		{"it cannot be made", func(_ *service, c *scheduler) { c.newBatch = func() Batch { panic("about somebody") } }, isPanic},
		{"it is of the wrong type", func(_ *service, c *scheduler) { c.newBatch = func() Batch { return nil } }, isPanic},
		{"it answers nothing", func(s *service, _ *scheduler) { s.empty = true }, isMissing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, all := newService(t.Context())
			tt.set(s, all.scheduler)
			a, b := lengths(all.scheduler, "a"), lengths(all.scheduler, "b")
			var thunks []Thunk[int]
			all.Together(func() {
				thunks = append(thunks, a.Load("x"), a.Load("yy"), b.Load("x"), b.Plan("yy", func(int) { t.Error("a plan ran") }))
			})
			_, errs := Wait(thunks)
			for _, err := range errs {
				if !tt.want(err) {
					t.Errorf("%v", err)
				}
			}
			all.Wait()
		})
	}
	t.Run("a plan panics", func(t *testing.T) {
		t.Parallel()
		_, all := newService(t.Context())
		l, other := lengths(all.scheduler, "l"), lengths(all.scheduler, "other")
		var broken, whole Thunk[int]
		all.Together(func() {
			broken = l.Plan("x", func(int) { panic("about somebody") })
			whole = other.Load("yy")
		})
		if _, err := broken(); !isPanic(err) {
			t.Errorf("%v", err)
		}
		if got, err := whole(); got != 2 || err != nil {
			t.Errorf("beside it: %d, %v", got, err)
		}
		if got, err := other.Load("zzz")(); got != 3 || err != nil {
			t.Errorf("afterwards: %d, %v", got, err)
		}
		all.Wait()
	})
}

// TestCancelled ends everybody who waits when the operation is given up.
func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s, all := newService(ctx)
	started := make(chan struct{})
	s.before = func(ctx context.Context, _ []string) { close(started); <-ctx.Done() }
	s.empty = true
	l := lengths(all.scheduler, "l")
	thunk := l.Load("x")
	<-started
	cancel()
	if _, err := thunk(); !errors.Is(err, context.Canceled) {
		t.Errorf("%v: what was not read is not missing", err)
	}
	all.Wait()
}

// TestWait returns when all has been read for which nobody waits.
func TestWait(t *testing.T) {
	t.Parallel()
	s, all := newService(t.Context())
	l := lengths(all.scheduler, "l")
	l.Plan("a", func(int) { l.Plan("bb", func(int) { l.Load("ccc") }) })
	all.Wait()
	if got := s.sent(); len(got) != 3 {
		t.Errorf("sent %v", got)
	}
	all.Wait() // there is nothing to wait for
}

// TestOrder returns values in the order of their parents.
func TestOrder(t *testing.T) {
	t.Parallel()
	s, all := newService(t.Context())
	l := lengths(all.scheduler, "l")
	values, errs := Each(l, []string{"ccc", "a", "", "bb", "a"})
	if fmt.Sprint(values) != "[3 1 0 2 1]" || !errors.Is(errs[2], licensing.ErrForbidden) || errs[0] != nil || errs[4] != nil {
		t.Errorf("%v, %v", values, errs)
	}
	if got := s.sent(); len(got) != 1 || len(got[0]) != 4 {
		t.Errorf("sent %v", got)
	}
	if values, errs := Each(l, nil); len(values) != 0 || len(errs) != 0 {
		t.Errorf("of nothing: %v, %v", values, errs)
	}
	all.Wait()
}

// TestAgainstNaive does the same things in any order with a loader and with one that has no batches, and
// compares what they return.
func TestAgainstNaive(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		s, all := newService(t.Context())
		l := lengths(all.scheduler, "l")
		known, loaded := map[string]int{}, map[string]bool{}
		value := func(word string) int {
			if n, ok := known[word]; ok {
				return n
			}
			loaded[word] = true
			known[word] = len(word)
			return len(word)
		}
		var mu sync.Mutex
		planned, wantPlanned := 0, 0
		type expectation struct {
			word  string
			thunk Thunk[int]
			want  int
		}
		var expected []expectation
		var act func(depth int)
		act = func(depth int) {
			word := strings.Repeat("w", 1+r.IntN(12))
			switch r.IntN(5) {
			case 0:
				n := 100 + r.IntN(100)
				if _, ok := known[word]; !ok {
					known[word] = n
				}
				l.Prime(word, n)
			case 1:
				want := value(word)
				wantPlanned += want
				expected = append(expected, expectation{word, l.Plan(word, func(n int) { mu.Lock(); defer mu.Unlock(); planned += n }), want})
			case 2:
				if depth < 3 {
					all.Together(func() {
						for range r.IntN(4) {
							act(depth + 1)
						}
					})
				}
			case 3:
				if len(expected) > 0 {
					e := expected[r.IntN(len(expected))]
					if depth == 0 { // else it would wait for what is held
						if got, err := e.thunk(); got != e.want || err != nil {
							t.Fatalf("seed %d, %s: %d, %v; want %d", seed, e.word, got, err, e.want)
						}
					}
				}
			default:
				want := value(word)
				expected = append(expected, expectation{word, l.Load(word), want})
			}
		}
		for range 30 {
			act(0)
		}
		for _, e := range expected {
			if got, err := e.thunk(); got != e.want || err != nil {
				t.Fatalf("seed %d, %s: %d, %v; want %d", seed, e.word, got, err, e.want)
			}
		}
		all.Wait()
		mu.Lock()
		if planned != wantPlanned {
			t.Errorf("seed %d: plans saw %d, want %d", seed, planned, wantPlanned)
		}
		mu.Unlock()
		read := slices.Concat(s.sent()...)
		if len(read) != len(loaded) {
			t.Errorf("seed %d: read %v, want %v", seed, read, loaded)
		}
	}
}

// BenchmarkLoad reads a hundred keys together.
func BenchmarkLoad(b *testing.B) {
	keys := make([]string, 100)
	for i := range keys {
		keys[i] = strings.Repeat("x", i+1)
	}
	b.ReportAllocs()
	for b.Loop() {
		_, all := newService(b.Context())
		Each(lengths(all.scheduler, "l"), keys)
		all.Wait()
	}
}

// BenchmarkParents answers a thousand parents that point to a hundred keys.
func BenchmarkParents(b *testing.B) {
	parents := make([]int, 1000)
	for i := range parents {
		parents[i] = i
	}
	word := strings.Repeat("x", 100)
	b.ReportAllocs()
	for b.Loop() {
		_, all := newService(b.Context())
		EachOf(lengths(all.scheduler, "l"), parents, func(i int) string { return word[:1+i%100] })
		all.Wait()
	}
}
