package licensing

import (
	"strings"
	"unicode"
)

// Enumeration members use GraphQL's spelling, which is Microsoft Graph's with underscores.

// unknownFutureValue is the member for values without a member of their own, so that a new value does not fail a query.
const unknownFutureValue = "UNKNOWN_FUTURE_VALUE"

// member returns the member that the text spells, ignoring case, or unknownFutureValue.
func member[E ~string](text *string, members ...E) *E {
	if text == nil || *text == "" {
		return nil
	}
	for i := range members {
		if spells(*text, string(members[i])) {
			found := members[i] // not the element: the list would escape with it
			return &found
		}
	}
	unknown := E(unknownFutureValue)
	return &unknown
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
func flags[E ~string](joined string, members ...E) []E {
	set := []E{}
	for text := range strings.SplitSeq(joined, ",") {
		text = strings.TrimSpace(text)
		if text != "" && !strings.EqualFold(text, "none") {
			set = append(set, *member(&text, members...))
		}
	}
	return set
}
