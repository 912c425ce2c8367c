package licensing

import "strings"

// GUID is the ID of a product or a service plan, in lower case.
type GUID string

// ParseGUID parses the 8-4-4-4-12 form of a GUID, ignoring case (RFC 9562, section 4).
func ParseGUID(s string) (GUID, bool) {
	if len(s) != 36 {
		return "", false
	}
	var all kind
	for i := range len(s) {
		all |= kinds[s[i]]
	}
	if s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' || strings.Count(s, "-") != 4 || all&other != 0 {
		return "", false
	}
	if all&upper != 0 {
		s = strings.ToLower(s)
	}
	return GUID(s), true
}

// kind is the kind of a character of a GUID: 0 for a lower case digit or a hyphen.
type kind uint8

const (
	upper kind = 1 << iota
	other
)

var kinds = func() (kinds [256]kind) {
	for c := range kinds {
		switch {
		case strings.ContainsRune("0123456789abcdef-", rune(c)):
		case strings.ContainsRune("ABCDEF", rune(c)):
			kinds[c] = upper
		default:
			kinds[c] = other
		}
	}
	return kinds
}()

// UnmarshalText parses a GUID, ignoring case.
func (g *GUID) UnmarshalText(text []byte) error {
	*g = GUID(FoldID(string(text)))
	return nil
}

// FoldID normalizes an ID for comparison: a GUID becomes lower case, since Microsoft Graph sends either case; any other
// ID is unchanged.
func FoldID(id string) string {
	if guid, ok := ParseGUID(id); ok {
		return string(guid)
	}
	return id
}
