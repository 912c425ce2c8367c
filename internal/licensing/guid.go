package licensing

import "strings"

// GUID is the ID of a product or a service plan, in lower case.
type GUID string

// ParseGUID parses the 8-4-4-4-12 form of a GUID, ignoring case (RFC 9562, section 4).
func ParseGUID(s string) (GUID, bool) {
	if len(s) != 36 {
		return "", false
	}
	upper := false
	for i := range len(s) {
		c := s[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return "", false
			}
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f':
		case c >= 'A' && c <= 'F':
			upper = true
		default:
			return "", false
		}
	}
	if upper {
		s = strings.ToLower(s)
	}
	return GUID(s), true
}

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
