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

// OpenAudit opens the audit log: stdout, stderr, or a file, to which it appends. The file can be truncated while the
// gateway runs, and is opened again after it was renamed. Call end after the last record.
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

// auditFile is an audit log file that is opened again by name if it was renamed.
type auditFile struct {
	name string

	mu   sync.Mutex
	file *os.File
}

func (a *auditFile) Write(record []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.named() {
		if f, err := openAuditFile(a.name); err == nil { // otherwise write to the open file
			_ = a.file.Close() // records are not buffered
			a.file = f
		}
	}
	return a.file.Write(record)
}

// named reports whether the open file is the file with the name.
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

// NewAudit returns the audit log, with one line of JSON per record, including the caller. It reports write errors to
// logger. Denied accesses by unauthenticated callers are limited to ten records per second, with the number of records
// left out.
func NewAudit(w io.Writer, logger *slog.Logger) *slog.Logger {
	records := slog.NewJSONHandler(reportingWriter{w, logger}, nil)
	return slog.New(strangersHandler{requestIDHandler{callerHandler{records}}, rate.NewLimiter(strangersRate, strangersBurst), new(atomic.Int64)})
}

// Maximum rate and burst of records for unauthenticated callers, who could otherwise fill the disk and delay all
// requests.
const (
	strangersRate  = 10
	strangersBurst = 100
)

// strangersHandler limits the records for unauthenticated callers. The next record has the number of records left out.
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

// reportingWriter logs write errors of the audit log, which no caller handles.
type reportingWriter struct {
	io.Writer
	logger *slog.Logger
}

func (w reportingWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil {
		w.logger.Error("cannot write an audit record", "cause", err.Error())
	}
	return n, err
}

// callerHandler adds the caller to records.
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
