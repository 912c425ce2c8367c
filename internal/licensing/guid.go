package licensing

import "strings"

// GUID is the lower-case text of a GUID that identifies a product or a service plan.
type GUID string

// ParseGUID reads the 8-4-4-4-12 form of a GUID without regard to case (RFC 9562, section 4).
func ParseGUID(s string) (GUID, bool) {
	if len(s) != 36 {
		return "", false
	}
	for i, c := range []byte(s) {
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return "", false
			}
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F':
		default:
			return "", false
		}
	}
	return GUID(strings.ToLower(s)), true
}

// UnmarshalText reads what the service wrote; GUIDs are equal without regard to case.
func (g *GUID) UnmarshalText(text []byte) error {
	*g = GUID(FoldID(string(text)))
	return nil
}

// FoldID returns an id in the form in which it is compared: the text of a GUID in lower case, since services write
// either case, and any other id as it is.
func FoldID(id string) string {
	if guid, ok := ParseGUID(id); ok {
		return string(guid)
	}
	return id
}
