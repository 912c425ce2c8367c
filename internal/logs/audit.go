package logs

import (
	"context"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/time/rate"

	"licensegraph/internal/identity"
)

// OpenAudit opens the stream of the audit log: stdout or stderr by these names, or a file. Call end when no record follows. A file is appended to, so that it can be cut while the gateway runs, and
// opened again when it was renamed.
func OpenAudit(name string, stdout, stderr io.Writer) (w io.Writer, end func() error, err error) {
	switch name {
	case "stdout":
		return stdout, func() error { return nil }, nil
	case "stderr":
		return stderr, func() error { return nil }, nil
	}
	f, err := openAuditFile(name)
	if err != nil {
		return nil, nil, err
	}
	a := &auditFile{name: name, file: f}
	return a, a.close, nil
}

func openAuditFile(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}

// auditFile is a file of the audit log under its name, whatever was renamed meanwhile.
type auditFile struct {
	name string

	mu   sync.Mutex
	file *os.File
}

func (a *auditFile) Write(record []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.named() {
		if f, err := openAuditFile(a.name); err == nil { // else the file that is open takes the record
			_ = a.file.Close() // each record was written at once
			a.file = f
		}
	}
	return a.file.Write(record)
}

// named tells whether the open file is the one of the name.
func (a *auditFile) named() bool {
	there, err := os.Stat(a.name)
	if err != nil {
		return false
	}
	open, err := a.file.Stat()
	return err == nil && os.SameFile(there, open)
}

func (a *auditFile) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.file.Close()
}

// NewAudit returns the audit log: a line of JSON for each record, with the caller. What cannot be written is reported to
// logger. Of callers who are not known it writes ten denied accesses a second, and how many more there were.
func NewAudit(w io.Writer, logger *slog.Logger) *slog.Logger {
	records := slog.NewJSONHandler(reportingWriter{w, logger}, nil)
	return slog.New(strangersHandler{requestIDHandler{callerHandler{records}}, rate.NewLimiter(strangersRate, strangersBurst), new(atomic.Int64)})
}

// Of strangers who are not let in, as many records are written in a second, and at once. They would fill the disk, and
// make everybody wait for it.
const (
	strangersRate  = 10
	strangersBurst = 100
)

// strangersHandler bounds the records about nobody known. The next one that is written says how many were left out.
type strangersHandler struct {
	slog.Handler
	limit *rate.Limiter
	left  *atomic.Int64
}

func (h strangersHandler) Handle(ctx context.Context, record slog.Record) error {
	if record.Message == "denied" && identity.From(ctx) == nil {
		if !h.limit.Allow() {
			h.left.Add(1)
			return nil
		}
		if n := h.left.Swap(0); n > 0 {
			record.AddAttrs(slog.Int64("leftOut", n))
		}
	}
	return h.Handler.Handle(ctx, record)
}

func (h strangersHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return strangersHandler{h.Handler.WithAttrs(attrs), h.limit, h.left}
}

func (h strangersHandler) WithGroup(name string) slog.Handler {
	return strangersHandler{h.Handler.WithGroup(name), h.limit, h.left}
}

// reportingWriter says in the log when a record cannot be written: nobody else would.
type reportingWriter struct {
	io.Writer
	logger *slog.Logger
}

func (w reportingWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil {
		w.logger.Error("a record of the audit log is lost", "cause", err.Error())
	}
	return n, err
}

// callerHandler adds who asks to records.
type callerHandler struct{ slog.Handler }

func (h callerHandler) Handle(ctx context.Context, record slog.Record) error {
	record.AddAttrs(slog.Any("caller", identity.From(ctx)))
	return h.Handler.Handle(ctx, record)
}

func (h callerHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return callerHandler{h.Handler.WithAttrs(attrs)}
}

func (h callerHandler) WithGroup(name string) slog.Handler {
	return callerHandler{h.Handler.WithGroup(name)}
}
