package licensing

import (
	"strings"
	"unicode"
)

// Enumeration members use GraphQL's spelling, which is Microsoft Graph's with underscores.

// unknownFutureValue is the member for values without a member of their own, so that a new value does not fail a query.
const unknownFutureValue = "UNKNOWN_FUTURE_VALUE"

// enumeration is the members of an enumeration, with unknownFutureValue last.
type enumeration[E ~string] []E

func enumerationOf[E ~string](members ...E) enumeration[E] {
	return append(members, unknownFutureValue)
}

// parse returns the member that the text spells, ignoring case, or unknownFutureValue; nil without text. The value is
// shared.
func (e enumeration[E]) parse(text *string) *E {
	if text == nil || *text == "" {
		return nil
	}
	last := len(e) - 1
	for i := range e[:last] {
		if spells(*text, string(e[i])) {
			return &e[i]
		}
	}
	return &e[last]
}

// spells reports whether Microsoft Graph's text, such as lockedOut, spells a member, such as LOCKED_OUT, ignoring case.
func spells(text, member string) bool {
	at := 0
	for i := range len(member) {
		if member[i] == '_' {
			continue
		}
		if at == len(text) || unicode.ToUpper(rune(text[at])) != rune(member[i]) {
			return false
		}
		at++
	}
	return at == len(text)
}

// flags parses comma-separated members; "none" gives an empty list.
func (e enumeration[E]) flags(joined string) []E {
	set := []E{}
	for text := range strings.SplitSeq(joined, ",") {
		text = strings.TrimSpace(text)
		if text != "" && !strings.EqualFold(text, "none") {
			set = append(set, *e.parse(&text))
		}
	}
	return set
}
