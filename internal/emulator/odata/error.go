package odata

import "fmt"

// Error is a syntax error in an option.
type Error struct {
	Position int    // byte offset in the decoded text
	Want     string // what was expected, such as "a literal"
	Found    string // the text at the position, truncated; "" = the end
}

func (e *Error) Error() string {
	if e.Found == "" {
		return fmt.Sprintf("expected %s at position %d", e.Want, e.Position)
	}
	return fmt.Sprintf("expected %s at position %d, found '%s'", e.Want, e.Position, e.Found)
}

// excerpt returns the start of s, without splitting a rune.
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
