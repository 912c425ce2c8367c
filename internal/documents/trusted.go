package documents

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// Trusted is a manifest in a file, read again when the file has changed.
type Trusted struct {
	path    string
	check   func(text string) error
	strict  bool
	logger  *slog.Logger
	current atomic.Pointer[Manifest]
	seen    os.FileInfo // of the file when it was last read, with success or not
}

// Open reads the manifest of a file. check tells what is wrong with the text of a document: the log says so and the document
// is left out, or none of the file is taken where that is strict.
func Open(path string, check func(text string) error, strict bool, logger *slog.Logger) (*Trusted, error) {
	t := &Trusted{path: path, check: check, strict: strict, logger: logger}
	if _, err := t.reload(); err != nil {
		return nil, err
	}
	return t, nil
}

// Manifest returns what may run now.
func (t *Trusted) Manifest() *Manifest {
	if t == nil {
		return nil
	}
	return t.current.Load()
}

// reload reads the file if it is not the one that was read last. When it cannot be read, what was read before stays.
func (t *Trusted) reload() (changed bool, err error) {
	file, err := os.Open(t.path) // Open follows the links by which Kubernetes replaces a mounted file.
	if err != nil {
		return false, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return false, err
	}
	if t.seen != nil && os.SameFile(t.seen, info) && t.seen.Size() == info.Size() && t.seen.ModTime().Equal(info.ModTime()) {
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
		t.logger.Warn("a trusted document does not run here and is left out", "cause", problem.Error(), "leftOut", len(stale))
	}
	t.current.Store(manifest)
	return true, nil
}

// Watch looks at the file at each tick and says in the log what became of a change, until the context ends.
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
			// It was said before.
		case err != nil:
			missing = os.IsNotExist(err)
			t.logger.ErrorContext(ctx, "the trusted documents have changed and cannot be read: those from before stay", "cause", err.Error())
		case changed:
			missing = false
			t.logger.InfoContext(ctx, "the trusted documents have changed", "documents", t.Manifest().Len())
		}
	}
}
