package emulator

import "strings"

// search is the one form of $search that is served: "displayName:text".
type search struct{ property, text string }

func parseSearch(s string) (*search, *problem) {
	inner, opened := strings.CutPrefix(s, `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	property, text, ok := strings.Cut(inner, ":")
	if !opened || !closed || !ok || property == "" || text == "" || len(text) > maxValueLength || strings.Contains(text, `"`) {
		return nil, unsupported(`Unrecognized query argument specified: '$search' takes "property:text".`)
	}
	return &search{property, text}, nil
}

// finds says whether a word of what get knows begins with the text, and yes
// where nothing is searched. See
// Microsoft Learn, "Use the $search query parameter".
func (s *search) finds(get func(property string) string) bool {
	if s == nil {
		return true
	}
	want := strings.ToLower(s.text)
	got := strings.ToLower(get(s.property))
	for at := got; at != ""; {
		if strings.HasPrefix(at, want) {
			return true
		}
		_, rest, ok := strings.Cut(at, " ")
		if !ok {
			return false
		}
		at = rest
	}
	return false
}
