package documents

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// replace puts another file in the place of one, as who deploys does.
func replace(t *testing.T, path, text string) {
	t.Helper()
	next := path + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}

func TestTrustedIsReadAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "documents.json")
	if _, err := Open(path, anything, false, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("opens what is not there")
	}
	replace(t, path, `{"one":"{"}`)
	if _, err := Open(path, anything, false, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), path+`: id "one"`) {
		t.Errorf("opens what is broken: %v", err)
	}
	replace(t, path, `{"one":"{a}"}`)
	var log bytes.Buffer
	trusted, err := Open(path, anything, false, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	ticks := make(chan time.Time)
	var group sync.WaitGroup
	group.Go(func() { trusted.Watch(ctx, ticks) })
	look := func() { // The second tick is taken when the first has been worked off.
		ticks <- time.Time{}
		ticks <- time.Time{}
	}
	finds := func(id string, want bool) {
		t.Helper()
		if _, ok := trusted.Manifest().find(id); ok != want {
			t.Errorf("%s: found %v, want %v", id, ok, want)
		}
	}
	look()
	finds("one", true)
	replace(t, path, `{"two":"{a}"}`)
	look()
	finds("one", false)
	finds("two", true)
	replace(t, path, `{"three":"{"}`)
	look()
	finds("two", true)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	look()
	finds("two", true)
	replace(t, path, `{"four":"{a}"}`)
	look()
	finds("two", false)
	finds("four", true)
	cancel()
	group.Wait()
	for part, want := range map[string]int{"have changed": 4, "level=ERROR": 2, `id \"three\"`: 1, "documents=1": 2, "{": 0} {
		if got := strings.Count(log.String(), part); got != want && (want > 0 || part != "{") {
			t.Errorf("%d times %q, want %d:\n%s", got, part, want, log.String())
		}
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	m := NewMemory(3, 20)
	holds := func(want string) {
		t.Helper()
		var got []string
		for _, key := range strings.Split("a b c d e f g", " ") {
			if _, ok := m.entries[key]; ok {
				got = append(got, key)
			}
		}
		if strings.Join(got, " ") != want || len(m.entries) != m.recent.Len() {
			t.Errorf("holds %v, want %s", got, want)
		}
	}
	m.Add(ctx, "a", "1")
	m.Add(ctx, "b", "1")
	m.Add(ctx, "c", "1")
	if text, ok := m.Get(ctx, "a"); !ok || text != "1" {
		t.Errorf("got %q, %v", text, ok)
	}
	m.Add(ctx, "d", "1") // in place of b, which was used the longest ago
	holds("a c d")
	m.Add(ctx, "e", strings.Repeat("1", 15)) // 16 bytes, and 4 of the two before it
	holds("a d e")
	m.Add(ctx, "f", strings.Repeat("1", 20)) // never fits
	holds("a d e")
	m.Add(ctx, "d", "other") // a key has one text
	if text, _ := m.Get(ctx, "d"); text != "1" {
		t.Errorf("got %q", text)
	}
	m.Add(ctx, "g", strings.Repeat("1", 17))
	holds("d g")
	if m.size != 20 {
		t.Errorf("%d bytes", m.size)
	}
}
