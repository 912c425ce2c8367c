package refdata

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a clock that a test advances.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// source is a source of numbered values.
type source struct {
	mu         sync.Mutex
	read       []string // keys, with * for a read in the background
	err        error
	before     func() // called before each read, if set
	background chan struct{}
}

func newSource() *source { return &source{background: make(chan struct{}, 100)} }

func (s *source) fetch(ctx context.Context, keys []string, background bool, found func(string, []byte, error)) {
	s.mu.Lock()
	before := s.before
	s.mu.Unlock()
	if before != nil {
		before()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		switch {
		case ctx.Err() != nil:
			found(key, nil, errors.New("unavailable"))
			continue
		case strings.HasPrefix(key, "/none"):
			continue
		}
		s.read = append(s.read, key+map[bool]string{true: "*"}[background])
		if s.err != nil {
			found(key, nil, s.err)
			continue
		}
		found(key, fmt.Append(nil, len(s.read)), nil)
	}
	if background {
		s.background <- struct{}{}
	}
}

// reads returns the keys that were read since the last call.
func (s *source) reads() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	read := s.read
	s.read = nil
	return read
}

// newCache returns a cache with a life of a minute.
func newCache(t *testing.T, change func(*Options)) (*Cache, *clock) {
	t.Helper()
	clock := &clock{now: time.Now()}
	options := Options{Store: NewMemory(1<<20, clock.read), Scope: "app/t", Life: minute, Now: clock.read, Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&options)
	}
	c := New(options)
	t.Cleanup(c.Close)
	return c, clock
}

const minute = time.Minute

// get returns the values of the keys and the errors of the others.
func get(t *testing.T, c *Cache, s *source, keys ...string) map[string]string {
	t.Helper()
	return got(t.Context(), c.Get(t.Context(), keys, s.fetch))
}

func got(ctx context.Context, l *Lookup) map[string]string {
	values := map[string]string{}
	for _, hit := range l.Hits {
		values[hit.Key] = fmt.Sprintf("%s, %v old", hit.Value, hit.Age)
	}
	for _, key := range l.Direct {
		values[key] = "direct"
	}
	l.Wait(ctx, func(key string, value []byte, owned bool, err error) {
		values[key] = string(value)
		switch {
		case err != nil:
			values[key] = err.Error()
		case !owned:
			values[key] += ", shared"
		}
	})
	return values
}

// settle waits until no read is in progress.
func (c *Cache) settle() {
	for {
		c.mu.Lock()
		var r *read
		for _, r = range c.reads {
			break
		}
		c.mu.Unlock()
		if r == nil {
			return
		}
		<-r.done
	}
}

func check(t *testing.T, what string, got map[string]string, want ...string) {
	t.Helper()
	for i := 0; i < len(want); i += 2 {
		if got[want[i]] != want[i+1] {
			t.Errorf("%s: %s is %q, want %q", what, want[i], got[want[i]], want[i+1])
		}
	}
	if len(got) != len(want)/2 {
		t.Errorf("%s: %v", what, got)
	}
}

func checkReads(t *testing.T, s *source, want ...string) {
	t.Helper()
	if got := s.reads(); !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
}

// TestAges tests that a value is served until its life, served and refreshed once until twice its life, and then read.
func TestAges(t *testing.T) {
	t.Parallel()
	s := newSource()
	c, clock := newCache(t, nil)
	check(t, "first", get(t, c, s, "/a", "/b"), "/a", "1", "/b", "2")
	clock.pass(minute - 1)
	check(t, "within its life", get(t, c, s, "/a"), "/a", "1, 59.999999999s old")
	checkReads(t, s, "/a", "/b")

	clock.pass(1)
	blocked := make(chan struct{})
	s.before = func() { <-blocked }
	for range 3 {
		check(t, "stale", get(t, c, s, "/a"), "/a", "1, 1m0s old")
	}
	close(blocked)
	c.settle()
	checkReads(t, s, "/a*")
	check(t, "refreshed", get(t, c, s, "/a"), "/a", "1, 0s old")

	clock.pass(minute)
	check(t, "twice its life", get(t, c, s, "/b"), "/b", "1")
	checkReads(t, s, "/b")
	check(t, "read again", get(t, c, s, "/b"), "/b", "1, 0s old")
}

// TestSharedRead tests that concurrent operations share a read, which does not end with the operation that started it.
func TestSharedRead(t *testing.T) {
	t.Parallel()
	s := newSource()
	c, _ := newCache(t, nil)
	blocked := make(chan struct{})
	s.before = func() { <-blocked }
	first, leave := context.WithCancel(t.Context())
	started := c.Get(first, []string{"/a"}, s.fetch)
	leave()
	check(t, "left", got(first, started))
	var lookups []*Lookup
	for range 20 {
		lookups = append(lookups, c.Get(t.Context(), []string{"/a"}, s.fetch))
	}
	close(blocked)
	for _, l := range lookups {
		check(t, "shared", got(t.Context(), l), "/a", "1, shared")
	}
	checkReads(t, s, "/a")
}

// TestConcurrentReads tests without synchronization that a value is read once.
func TestConcurrentReads(t *testing.T) {
	t.Parallel()
	s := newSource()
	c, _ := newCache(t, nil)
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if v := get(t, c, s, "/a")["/a"]; !strings.HasPrefix(v, "1") {
				t.Errorf("%q", v)
			}
		})
	}
	group.Wait()
	checkReads(t, s, "/a")
}

// late is a store whose first Get misses an entry that is stored at that moment.
type late struct {
	Store
	once sync.Once
	at   func() time.Time
}

func (l *late) Get(ctx context.Context, keys []string) (entries map[string]Entry, err error) {
	entries, err = l.Store.Get(ctx, keys)
	l.once.Do(func() { err = l.Set(ctx, keys[0], Entry{Value: []byte("other"), ReadAt: l.at()}, minute) })
	return entries, err
}

// TestStoredMeanwhile tests that a value is not read if another read, or another replica, has just stored it.
func TestStoredMeanwhile(t *testing.T) {
	t.Parallel()
	s := newSource()
	c, _ := newCache(t, func(o *Options) { o.Store = &late{Store: o.Store, at: o.Now} })
	check(t, "stored meanwhile", get(t, c, s, "/a"), "/a", "other")
	checkReads(t, s)
}

// TestMaximumAge tests that a value that the store still has is not served when it has twice its life.
func TestMaximumAge(t *testing.T) {
	t.Parallel()
	s := newSource()
	c, clock := newCache(t, nil)
	old := Entry{Value: []byte("old"), ReadAt: clock.read().Add(-2 * minute)}
	_ = c.Store.Set(t.Context(), "app/t/0/a", old, minute)
	check(t, "too old", get(t, c, s, "/a"), "/a", "1")
	old.ReadAt = clock.read().Add(1 - 2*minute)
	_ = c.Store.Set(t.Context(), "app/t/0/a", old, minute)
	check(t, "stale", get(t, c, s, "/a"), "/a", "old, 1m59.999999999s old")
}

// TestErrors tests that errors and missing values are shared, but not cached.
func TestErrors(t *testing.T) {
	t.Parallel()
	s := newSource()
	c, clock := newCache(t, nil)
	s.err = errors.New("forbidden")
	check(t, "error", get(t, c, s, "/a"), "/a", "forbidden")
	check(t, "error again", get(t, c, s, "/a"), "/a", "forbidden")
	check(t, "missing", get(t, c, s, "/none"), "/none", "")
	checkReads(t, s, "/a", "/a")

	s.err = nil
	check(t, "value", get(t, c, s, "/a"), "/a", "1")
	clock.pass(minute)
	s.err = errors.New("throttled")
	for range 2 {
		check(t, "a refresh fails", get(t, c, s, "/a"), "/a", "1, 1m0s old")
		c.settle()
	}
	checkReads(t, s, "/a", "/a*", "/a*")
	clock.pass(minute)
	check(t, "too old", get(t, c, s, "/a"), "/a", "throttled")
}

// TestPanic tests that a panic of a read is an error of its values, without its text.
func TestPanic(t *testing.T) {
	t.Parallel()
	s := newSource()
	var log bytes.Buffer
	c, _ := newCache(t, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	s.before = func() { panic("personal data") }
	if v := get(t, c, s, "/a")["/a"]; !strings.Contains(v, "panic: string") {
		t.Errorf("%q", v)
	}
	if text := log.String(); !strings.Contains(text, "panic: string") || strings.Contains(text, "personal") {
		t.Errorf("%s", text)
	}
	s.before = nil
	check(t, "afterwards", get(t, c, s, "/a"), "/a", "1")
}

// TestInvalidate tests that values of earlier reads are not served, also if a read was in progress.
func TestInvalidate(t *testing.T) {
	t.Parallel()
	s := newSource()
	c, clock := newCache(t, nil)
	other := New(Options{Store: c.Store, Scope: "app/u", Life: minute, Now: clock.read, Logger: c.Logger})
	t.Cleanup(other.Close)
	get(t, c, s, "/a")
	check(t, "another tenant", get(t, other, s, "/a"), "/a", "2")
	c.Invalidate(t.Context())
	check(t, "invalidated", get(t, c, s, "/a"), "/a", "3")
	check(t, "another tenant", get(t, other, s, "/a"), "/a", "2, 0s old")

	for _, old := range []string{"a refresh", "a missing value"} {
		clock.pass(minute)
		if old == "a missing value" {
			clock.pass(minute)
		}
		s.reads()
		blocked, reading := make(chan struct{}), make(chan struct{})
		s.before = func() { close(reading); <-blocked }
		l := c.Get(t.Context(), []string{"/a"}, s.fetch)
		<-reading
		s.mu.Lock()
		s.before = nil
		s.mu.Unlock()
		c.Invalidate(t.Context())
		check(t, "after "+old, get(t, c, s, "/a"), "/a", "1")
		close(blocked)
		got(t.Context(), l)
		c.settle()
		check(t, "after "+old+" ended", get(t, c, s, "/a"), "/a", "1, 0s old")
	}
}

// TestLimits tests that values are read directly when too many reads are in progress, and after Close, which cancels
// reads.
func TestLimits(t *testing.T) {
	t.Parallel()
	s := newSource()
	c, _ := newCache(t, nil)
	blocked := make(chan struct{})
	s.before = func() {
		select {
		case <-blocked:
		case <-c.ctx.Done():
		}
	}
	var lookups []*Lookup
	for i := range maxReads {
		lookups = append(lookups, c.Get(t.Context(), []string{fmt.Sprint("/", i)}, s.fetch))
	}
	check(t, "too many", get(t, c, s, "/x"), "/x", "direct")
	close(blocked)
	for i, l := range lookups {
		if v := got(t.Context(), l)[fmt.Sprint("/", i)]; v == "" {
			t.Errorf("%d was not read", i)
		}
	}
	c.settle()
	s.before = func() { <-c.ctx.Done() }
	l := c.Get(t.Context(), []string{"/y"}, s.fetch)
	c.Close()
	check(t, "canceled", got(t.Context(), l), "/y", "not read for the cache: context canceled")
	check(t, "closed", get(t, c, s, "/z"), "/z", "direct")
}

// TestMemoryIsLimited tests that the store does not exceed its size, and that too large values are not stored.
func TestMemoryIsLimited(t *testing.T) {
	t.Parallel()
	m := NewMemory(100_000, nil)
	for i := range 1000 {
		_ = m.Set(t.Context(), fmt.Sprint(i), Entry{Value: make([]byte, 1000)}, minute)
	}
	if n := m.entries.Len(); n > 80 || n < 40 {
		t.Errorf("%d entries", n)
	}
	_ = m.Set(t.Context(), "large", Entry{Value: make([]byte, 100_000)}, minute)
	if entries, _ := m.Get(t.Context(), []string{"large"}); len(entries) > 0 {
		t.Error("a too large value was stored")
	}
}

// broken is a store whose calls fail.
type broken struct{ Store }

var errBroken = errors.New("no connection")

func (broken) Generation(context.Context, string) (string, error) { return "", errBroken }

func (broken) Invalidate(context.Context, string) error { return errBroken }

// partly is a store that fails to read or to write entries.
type partly struct {
	Store
	get, set error
}

func (p *partly) Get(ctx context.Context, keys []string) (map[string]Entry, error) {
	if p.get != nil {
		return nil, p.get
	}
	return p.Store.Get(ctx, keys)
}

func (p *partly) Set(ctx context.Context, key string, e Entry, life time.Duration) error {
	if p.set != nil {
		return p.set
	}
	return p.Store.Set(ctx, key, e, life)
}

// TestStoreFails tests that a failing store costs reads.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	s := newSource()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	c, _ := newCache(t, func(o *Options) { o.Store, o.Logger = broken{o.Store}, logger })
	check(t, "no generation", get(t, c, s, "/a"), "/a", "direct")
	c.Invalidate(t.Context())
	if n := strings.Count(log.String(), errBroken.Error()); n != 2 {
		t.Errorf("%d errors logged: %s", n, log.String())
	}
	store := &partly{set: errBroken}
	c, _ = newCache(t, func(o *Options) { store.Store, o.Store = o.Store, store })
	check(t, "not written", get(t, c, s, "/a"), "/a", "1")
	check(t, "read again", get(t, c, s, "/a"), "/a", "2")
	store.get = errBroken
	check(t, "not read", get(t, c, s, "/a"), "/a", "direct")
}
