package licensing

import (
	"io"
	"strconv"
	"time"
)

// Date is a day, as in 2026-09-25.
type Date string

// UnmarshalText reads a day. Samples of the service show timestamps where its metadata has days.
func (d *Date) UnmarshalText(text []byte) error {
	day, err := time.Parse(time.DateOnly, string(text[:min(len(text), len(time.DateOnly))]))
	if err == nil && len(text) > len(time.DateOnly) {
		day, err = time.Parse(time.RFC3339Nano, string(text))
	}
	if err != nil {
		return err
	}
	*d = Date(day.Format(time.DateOnly))
	return nil
}

// MarshalGQL writes the day as a GraphQL value.
func (d Date) MarshalGQL(w io.Writer) {
	io.WriteString(w, strconv.Quote(string(d))) //nolint:errcheck // the writer is gqlgen's buffer
}

// UnmarshalGQL reads a day from a GraphQL value.
func (d *Date) UnmarshalGQL(v any) error {
	if text, ok := v.(string); ok && len(text) == len(time.DateOnly) && d.UnmarshalText([]byte(text)) == nil {
		return nil
	}
	return &InputError{Message: "a Date looks like 2026-09-25"}
}
