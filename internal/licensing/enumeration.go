package licensing

import "strings"

// unknownFutureValue is the fallback of every enumeration. Microsoft Graph sends open text; a text without a member becomes
// the fallback, so that a value nobody has seen yet fails no query.
const unknownFutureValue = "unknownFutureValue"

// member returns the one of the members that the text names, without regard to case, else the fallback.
func member[E ~string](text *string, members ...E) *E {
	if text == nil || *text == "" {
		return nil
	}
	for _, m := range members {
		if strings.EqualFold(string(m), *text) {
			return &m
		}
	}
	unknown := E(unknownFutureValue)
	return &unknown
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
