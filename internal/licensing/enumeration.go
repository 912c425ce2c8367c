package licensing

import (
	"strings"
	"unicode"
)

// The members of enumerations are spelled as GraphQL does. Microsoft Graph's spelling is the same without underscores.

// unknownFutureValue is the fallback of every enumeration. Microsoft Graph sends open text; a text without a member becomes
// the fallback, so that a value nobody has seen yet fails no query.
const unknownFutureValue = "UNKNOWN_FUTURE_VALUE"

// member returns the one of the members that the text names, without regard to case, else the fallback.
func member[E ~string](text *string, members ...E) *E {
	if text == nil || *text == "" {
		return nil
	}
	for _, m := range members {
		if spells(*text, string(m)) {
			return &m
		}
	}
	unknown := E(unknownFutureValue)
	return &unknown
}

// spells tells whether a text of the service, such as lockedOut, names a member, such as LOCKED_OUT, without regard to case.
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

// flags reads comma-joined members; `none` is empty.
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
