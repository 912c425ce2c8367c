package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"licensegraph/graph"
	"licensegraph/internal/config"
	"licensegraph/internal/logs"
)

// TestCursorKeyIsReadAgain tests that a changed key file is used, and an invalid one is not.
func TestCursorKeyIsReadAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	write := func(key string) {
		t.Helper()
		if err := errors.Join(os.WriteFile(path+".new", []byte(key), 0o600), os.Rename(path+".new", path)); err != nil {
			t.Fatal(err)
		}
	}
	key := func(b byte) string {
		return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, config.CursorKeyBytes))
	}
	write(key(1))
	log := newJournal()
	cfg := testConfig(t, "--cursor-key-file="+path)
	resolver, err := graph.New(graph.Options{CursorKeys: cfg.CursorKeys})
	if err != nil {
		t.Fatal(err)
	}
	a := &app{cfg: cfg, logger: logs.New(log, "info", "text"), resolver: resolver}
	ctx, end := context.WithCancel(t.Context())
	ticks, done := make(chan time.Time), make(chan struct{})
	go func() { defer close(done); a.newCursorKeySource().watch(ctx, a.logger, ticks) }()
	for _, step := range []struct {
		content string
		changes int // of the key so far
		faults  int
	}{{key(1), 0, 0}, {key(2), 1, 0}, {key(2), 1, 0}, {"not a key", 1, 1}, {"not a key", 1, 1}, {"", 1, 2}, {key(2), 1, 2}, {key(3), 2, 2}, {key(3) + "\n" + key(4), 3, 2}, {key(4) + "\n" + key(3), 4, 2}, {key(4) + "\n\n", 5, 2}, {strings.Repeat(key(1)+"\n", 5), 5, 3}} {
		write(step.content)
		ticks <- time.Time{}
		ticks <- time.Time{} // the first is processed by now
		if got := strings.Count(log.String(), "reloaded the cursor key"); got != step.changes {
			t.Errorf("%q: %d changes, want %d", step.content, got, step.changes)
		}
		if got := strings.Count(log.String(), "cannot reload the cursor key"); got != step.faults {
			t.Errorf("%q: %d faults, want %d", step.content, got, step.faults)
		}
	}
	end()
	<-done
	if strings.Contains(log.String(), key(2)) || strings.Contains(log.String(), "not a key") {
		t.Errorf("a key is in the log:\n%s", log)
	}
}
