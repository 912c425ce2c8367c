package model

import (
	"io"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// MarshalDateTime writes a time in UTC, with the precision it has.
func MarshalDateTime(t time.Time) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		w.Write(AppendDateTime(make([]byte, 0, len(time.RFC3339Nano)+2), t)) //nolint:errcheck // gqlgen's writer does not fail
	})
}

// AppendDateTime appends a time as MarshalDateTime writes it.
func AppendDateTime(b []byte, t time.Time) []byte {
	return append(t.UTC().AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

// UnmarshalDateTime reads an RFC 3339 time.
func UnmarshalDateTime(v any) (time.Time, error) {
	if text, ok := v.(string); ok {
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, &upstream.InputError{Message: "a DateTime looks like 2026-09-25T08:00:00Z"}
}

// MarshalDate writes a date.
func MarshalDate(d licensing.Date) graphql.Marshaler { return graphql.MarshalString(string(d)) }

// UnmarshalDate reads a date.
func UnmarshalDate(v any) (licensing.Date, error) {
	var d licensing.Date
	if text, ok := v.(string); ok && len(text) == len(time.DateOnly) && d.UnmarshalText([]byte(text)) == nil {
		return d, nil
	}
	return "", &upstream.InputError{Message: "a Date looks like 2026-09-25"}
}

// MarshalUUID writes a GUID, or the service's malformed value as text.
func MarshalUUID(g licensing.GUID) graphql.Marshaler { return graphql.MarshalString(string(g)) }

// UnmarshalUUID reads a GUID.
func UnmarshalUUID(v any) (licensing.GUID, error) {
	if text, ok := v.(string); ok {
		if g, ok := licensing.ParseGUID(text); ok {
			return g, nil
		}
	}
	return "", &upstream.InputError{Message: "a UUID looks like 05e9a617-0261-4cee-bb44-138d3ef5d965"}
}
