package model

import (
	"io"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"licensegraph/internal/licensing"
)

// MarshalDateTime writes a point in time in UTC, with as many digits as it has.
func MarshalDateTime(t time.Time) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		text := make([]byte, 0, len(time.RFC3339Nano)+2)
		text = append(text, '"')
		text = t.UTC().AppendFormat(text, time.RFC3339Nano)
		w.Write(append(text, '"')) //nolint:errcheck // the writer is gqlgen's buffer
	})
}

// UnmarshalDateTime reads a point in time with its offset (RFC 3339).
func UnmarshalDateTime(v any) (time.Time, error) {
	if text, ok := v.(string); ok {
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, &licensing.InputError{Message: "a DateTime looks like 2026-09-25T08:00:00Z"}
}
