package documents

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// replace replaces a file by another one, like a deployment.
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
		t.Error("no error for a missing file")
	}
	replace(t, path, `{"one":"{"}`)
	if _, err := Open(path, anything, false, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), path+`: id "one"`) {
		t.Errorf("error of an invalid file: %v", err)
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
	look := func() { // the second tick is received after the first is processed
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
	for part, want := range map[string]int{"the trusted documents": 4, "level=ERROR": 2, `id \"three\"`: 1, "documents=1": 2, "{": 0} {
		if got := strings.Count(log.String(), part); got != want && (want > 0 || part != "{") {
			t.Errorf("%d times %q, want %d:\n%s", got, part, want, log.String())
		}
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	m := NewMemory(300, 30_000)
	if _, ok := m.Get(ctx, "a"); ok {
		t.Error("text of an unknown key")
	}
	m.Add(ctx, "a", "1")
	m.Add(ctx, "a", "other") // the text of a key does not change
	if text, ok := m.Get(ctx, "a"); !ok || text != "1" {
		t.Errorf("got %q, %v", text, ok)
	}
	m.Add(ctx, "b", strings.Repeat("1", 30_000)) // too large
	if _, ok := m.Get(ctx, "b"); ok || m.texts.Len() != 1 {
		t.Errorf("%d texts", m.texts.Len())
	}
	for n := range 1_000 {
		m.Add(ctx, fmt.Sprintf("%04d", n), "1")
	}
	if n := m.texts.Len(); n > 300 || n < 290 {
		t.Errorf("%d short texts", n)
	}
	for n := range 1_000 {
		m.Add(ctx, fmt.Sprintf("%04d", n+1_000), strings.Repeat("1", 996))
		m.Get(ctx, fmt.Sprintf("%04d", n+1_000))
	}
	all := 0
	for n := range 2_000 {
		key := fmt.Sprintf("%04d", n)
		if text, ok := m.Get(ctx, key); ok {
			all += len(key) + len(text)
		}
	}
	if all > 30_000 {
		t.Errorf("%d bytes of texts", all)
	}
}
