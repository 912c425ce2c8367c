package licensing

import (
	"maps"
	"slices"
	"strings"
	"unicode"
)

// SearchResult is a *[User], a *[Group], a *[SubscribedSku] or a *[ServicePlan].
type SearchResult interface{ isSearchResult() }

func (*User) isSearchResult()          {}
func (*Group) isSearchResult()         {}
func (*SubscribedSku) isSearchResult() {}
func (*ServicePlan) isSearchResult()   {}

// SearchProducts returns the IDs of the products in the catalog that have all words, in lower case: each is the start of a word
// of the display name or of the part number. The IDs are sorted.
func SearchProducts(words []string) []GUID {
	return searched(words, func(c *catalog) map[GUID]*names { return c.skus })
}

// SearchServicePlans is [SearchProducts] for service plans.
func SearchServicePlans(words []string) []GUID {
	return searched(words, func(c *catalog) map[GUID]*names { return c.plans })
}

func searched(words []string, in func(*catalog) map[GUID]*names) []GUID {
	known := maps.Clone(in(builtIn()))
	if own := added.Load(); own != nil {
		maps.Copy(known, in(own))
	}
	maps.DeleteFunc(known, func(_ GUID, n *names) bool { return !matches(words, n.friendly, n.short) })
	return slices.Sorted(maps.Keys(known))
}

// matches reports whether each word, in lower case, is the start of a word of the display name or of one of the other
// names.
func matches(words []string, display string, others ...string) bool {
	parts := strings.FieldsFunc(strings.ToLower(display), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for _, word := range words {
		if !slices.ContainsFunc(parts, func(part string) bool { return strings.HasPrefix(part, word) }) &&
			!slices.ContainsFunc(others, func(other string) bool { return strings.HasPrefix(strings.ToLower(other), word) }) {
			return false
		}
	}
	return true
}
