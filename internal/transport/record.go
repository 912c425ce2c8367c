package transport

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"slices"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"licensegraph/internal/limits"
	"licensegraph/internal/upstream"
)

// Record describes an operation that has ended, for logs and metrics. It has no values of the operation.
type Record struct {
	// Transport is http, sse or websocket.
	Transport string
	// Name is the operation's name, and Type query, mutation or subscription. Both are empty for a request that was
	// rejected before the operation was known; Name also for an anonymous operation.
	Name, Type string
	// Document is the SHA-256 hash of the document in hexadecimal; empty like Type.
	Document string
	// Errors are the codes of the errors, each once, in their order.
	Errors []string
	// Limits are the names of the limits that rejected it; see extensions.limit.
	Limits []string
	// Partial reports that there was data besides the errors.
	Partial bool
	// Cost is the estimated cost; see [limits.Cost].
	Cost int
	// Upstream is the cost at Microsoft Graph.
	Upstream upstream.Report
	// Bytes is the size of the responses before compression.
	Bytes int
	// Duration is the time from the request to the end of the last response.
	Duration time.Duration
}

// recorder collects the record of an operation.
type recorder struct {
	opts      Options
	ctx       context.Context // of the caller, once that is known
	start     time.Time
	operation *graphql.OperationContext
	record    Record
}

// record starts the record of an operation. Call end when it has ended.
func (e *Endpoint) record(ctx context.Context, transport string) *recorder {
	return &recorder{opts: e.opts, ctx: ctx, start: time.Now(), record: Record{Transport: transport}}
}

// prepared records the operation, which is nil or incomplete if the document is invalid.
func (r *recorder) prepared(operation *graphql.OperationContext) {
	if r.opts.Observe == nil || operation == nil || operation.Operation == nil {
		return
	}
	hash := sha256.Sum256([]byte(operation.RawQuery))
	r.operation, r.record.Document = operation, hex.EncodeToString(hash[:])
	r.record.Name, r.record.Type = operation.Operation.Name, string(operation.Operation.Operation)
	r.record.Cost = limits.Cost(operation)
}

// encode encodes and records a response.
func (r *recorder) encode(response *graphql.Response) net.Buffers {
	parts := encode(response)
	r.record.Bytes += length(parts)
	r.record.Partial = response.Data != nil && len(response.Errors) > 0
	r.failed(response.Errors)
	return parts
}

// encodeErrors encodes and records the errors of a response that has no data.
func (r *recorder) encodeErrors(response *graphql.Response) []byte {
	text := encodeErrors(response.Errors)
	r.record.Bytes += len(text)
	r.failed(response.Errors)
	return text
}

func (r *recorder) failed(errs gqlerror.List) {
	for _, err := range errs {
		if code, _ := err.Extensions["code"].(string); !slices.Contains(r.record.Errors, code) {
			r.record.Errors = append(r.record.Errors, code)
		}
		if limit, ok := err.Extensions["limit"].(string); ok && !slices.Contains(r.record.Limits, limit) {
			r.record.Limits = append(r.record.Limits, limit)
		}
	}
}

// end reports the record, unless the request had no operation.
func (r *recorder) end() {
	if r.opts.Observe == nil || r.record.Type == "" && r.record.Bytes == 0 {
		return
	}
	r.record.Duration = time.Since(r.start)
	if r.operation != nil {
		r.record.Upstream = r.opts.Report(r.operation)
	}
	r.opts.Observe(r.ctx, &r.record)
}
