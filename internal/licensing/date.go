package licensing

import "time"

// Date is a day, as in 2026-09-25.
type Date string

// DateOf returns the day of a time, in UTC.
func DateOf(t time.Time) Date { return Date(t.UTC().Format(time.DateOnly)) }

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
