package licensing

import "time"

// Date is a date without a time, such as 2026-09-25.
type Date string

// DateOf returns the UTC date of a time.
func DateOf(t time.Time) Date { return Date(t.UTC().Format(time.DateOnly)) }

// UnmarshalText parses a date. It accepts a timestamp as well, which samples of the Microsoft Graph reference have
// where the metadata has Edm.Date.
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
