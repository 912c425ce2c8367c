package odata

import "fmt"

// Error is a mistake in an option.
type Error struct {
	Position int    // in bytes from the beginning of the decoded text
	Want     string // what was expected there, such as "a literal"
	Found    string // the text there, cut short; "" = the end, or nothing to show
}

func (e *Error) Error() string {
	if e.Found == "" {
		return fmt.Sprintf("expected %s at position %d", e.Want, e.Position)
	}
	return fmt.Sprintf("expected %s at position %d, found '%s'", e.Want, e.Position, e.Found)
}

// excerpt is the beginning of s, no rune cut in two.
func excerpt(s string) string {
	const most = 24 // runes
	n := 0
	for i := range s {
		if n++; n > most {
			return s[:i]
		}
	}
	return s
}
