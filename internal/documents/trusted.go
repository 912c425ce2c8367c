package documents

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Trusted is a manifest file, read again when it changes.
type Trusted struct {
	path    string
	check   func(text string) error
	strict  bool
	logger  *slog.Logger
	current atomic.Pointer[Manifest]
	mu      sync.Mutex
	seen    os.FileInfo // file at the last attempt to read it
}

// Open reads a manifest file. check returns the error of a document that cannot be executed: the document is logged and
// left out, or with strict the file is rejected.
func Open(path string, check func(text string) error, strict bool, logger *slog.Logger) (*Trusted, error) {
	t := &Trusted{path: path, check: check, strict: strict, logger: logger}
	if _, err := t.reload(); err != nil {
		return nil, err
	}
	return t, nil
}

// Manifest returns the current manifest.
func (t *Trusted) Manifest() *Manifest {
	if t == nil {
		return nil
	}
	return t.current.Load()
}

// Reload reads the file, even if it has not changed. On errors, the previous manifest remains.
func (t *Trusted) Reload() error {
	_, err := t.read(true)
	return err
}

// reload reads the file if it has changed. On errors, the previous manifest remains.
func (t *Trusted) reload() (changed bool, err error) { return t.read(false) }

func (t *Trusted) read(always bool) (changed bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	file, err := os.Open(t.path) // os.Open follows the symbolic links that Kubernetes replaces in a mounted volume.
	if err != nil {
		return false, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return false, err
	}
	if !always && t.seen != nil && os.SameFile(t.seen, info) && t.seen.Size() == info.Size() && t.seen.ModTime().Equal(info.ModTime()) {
		return false, nil
	}
	text, err := readAll(file)
	if err != nil {
		return false, fmt.Errorf("%s: %w", t.path, err)
	}
	t.seen = info
	manifest, stale, err := ReadManifest(text, t.check)
	if err == nil && t.strict {
		err = errors.Join(stale[:min(len(stale), manifestProblems)]...)
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", t.path, err)
	}
	for _, problem := range stale[:min(len(stale), manifestProblems)] {
		t.logger.Warn("trusted document is invalid and left out", "cause", problem.Error(), "leftOut", len(stale))
	}
	t.current.Store(manifest)
	return true, nil
}

// Watch reloads the file at each tick and logs changes, until the context ends.
func (t *Trusted) Watch(ctx context.Context, ticks <-chan time.Time) {
	missing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		switch changed, err := t.reload(); {
		case os.IsNotExist(err) && missing:
			// The error is logged already.
		case err != nil:
			missing = os.IsNotExist(err)
			t.logger.ErrorContext(ctx, "cannot reload the trusted documents; the previous ones remain in use", "cause", err.Error())
		case changed:
			missing = false
			t.logger.InfoContext(ctx, "reloaded the trusted documents", "documents", t.Manifest().Len())
		}
	}
}
