package logs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"licensegraph/internal/identity"
)

// TestUnauthenticatedAuditRecords tests the limit of records for unauthenticated callers, and the number of records left
// out.
func TestUnauthenticatedAuditRecords(t *testing.T) {
	t.Parallel()
	var records bytes.Buffer
	audit := NewAudit(&records, slog.New(slog.DiscardHandler))
	known := identity.With(context.Background(), &identity.Caller{TenantID: "t", ObjectID: "o"})
	for range 5 * strangersBurst {
		audit.InfoContext(t.Context(), "denied")
		audit.InfoContext(t.Context(), "mutation")
		audit.InfoContext(known, "denied")
	}
	strangers, changes, all := 0, strings.Count(records.String(), `"msg":"mutation"`), strings.Count(records.String(), "\n")
	if strangers = all - changes - strings.Count(records.String(), `"object":"o"`); strangers < strangersBurst || strangers > 2*strangersBurst {
		t.Errorf("%d records of unauthenticated callers", strangers)
	}
	if changes != 5*strangersBurst || all-changes-strangers != 5*strangersBurst {
		t.Errorf("%d changes, %d records of authenticated callers", changes, all-changes-strangers)
	}
}

// TestLostRecord tests that a write error of the audit log is logged.
func TestLostRecord(t *testing.T) {
	t.Parallel()
	log := new(bytes.Buffer)
	NewAudit(failingWriter{}, New(log, "info", "text")).Info("mutation")
	if !strings.Contains(log.String(), "cannot write an audit record") {
		t.Errorf("the log: %s", log)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

// TestAuditFile tests that the file is appended to and readable only by its owner.
func TestAuditFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	for range 2 {
		w, end, err := OpenAudit(path, io.Discard, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		NewAudit(w, slog.New(slog.DiscardHandler)).Info("mutation")
		if err := end(); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	info, err2 := os.Stat(path)
	if err != nil || err2 != nil || strings.Count(string(text), "\n") != 2 || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: %v\n%s", err, err2, info, text)
	}
}

// TestAuditFileIsRenamed tests that a new file is opened after a rename, as in log rotation.
func TestAuditFileIsRenamed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	w, end, err := OpenAudit(path, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer end() //nolint:errcheck // records are not buffered
	for i, want := range []string{"first\n", "second\n"} {
		if i > 0 {
			if err := os.Rename(path, path+".1"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := io.WriteString(w, want); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	if got, err := os.ReadFile(path + ".1"); err != nil || string(got) != "first\n" {
		t.Errorf("the renamed file has %q, %v", got, err)
	}
	// If no new file can be created, records go to the open one.
	if err := errors.Join(os.Rename(path, path+".2"), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "third\n"); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(path + ".2"); err != nil || string(got) != "second\nthird\n" {
		t.Errorf("the open file has %q, %v", got, err)
	}
}

// TestAuditAttributes tests that derived loggers add the caller and share the limit of unauthenticated callers.
func TestAuditAttributes(t *testing.T) {
	t.Parallel()
	var records bytes.Buffer
	audit := NewAudit(&records, slog.New(slog.DiscardHandler)).With("a", 1)
	audit.InfoContext(identity.With(t.Context(), &identity.Caller{ObjectID: "someone"}), "mutation")
	if got := records.String(); !strings.Contains(got, `"a":1`) || !strings.Contains(got, `"object":"someone"`) {
		t.Error(got)
	}
	records.Reset()
	for range 5 * strangersBurst {
		audit.WithGroup("g").InfoContext(t.Context(), "denied", "b", 2)
	}
	if n := strings.Count(records.String(), "\n"); n < strangersBurst || n > 2*strangersBurst || !strings.Contains(records.String(), `"g":{"b":2`) {
		t.Errorf("%d records: %.300s", n, records.String())
	}
}
