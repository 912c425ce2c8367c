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

// TestStrangersInTheAuditLog bounds the records of strangers, and says how many were left out; it bounds no others.
func TestStrangersInTheAuditLog(t *testing.T) {
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
		t.Errorf("%d records of strangers", strangers)
	}
	if changes != 5*strangersBurst || all-changes-strangers != 5*strangersBurst {
		t.Errorf("%d changes, %d records of known callers", changes, all-changes-strangers)
	}
}

// TestLostRecord says in the log that the audit log lacks a record.
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

// TestAuditFile appends to a file that nobody else can read.
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

// TestAuditFileIsRenamed goes on in a new file when the old one was renamed, as programs do that rotate logs.
func TestAuditFileIsRenamed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	w, end, err := OpenAudit(path, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer end() //nolint:errcheck // each record was written at once
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
	// Where no new file can be made, the open one takes the records.
	if err := errors.Join(os.Rename(path, path+".2"), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "third\n"); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(path + ".2"); err != nil || string(got) != "second\nthird\n" {
		t.Errorf("the file that is open has %q, %v", got, err)
	}
}

// TestAuditAttributes has records of derived loggers tell who asks, and of strangers no more than of others.
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
