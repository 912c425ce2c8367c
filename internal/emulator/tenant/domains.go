package tenant

import "strings"

// HasDomain says whether a domain is one that the organisation has verified, in
// any case: the two of every tenant, and those of the people of a loaded one.
func (t *Tenant) HasDomain(domain string) bool {
	if strings.EqualFold(domain, MainDomain) || strings.EqualFold(domain, asiaDomain) {
		return true
	}
	for i := range t.people { // Who has such a name comes early; only a wrong one takes them all.
		if _, other, ok := strings.Cut(t.people[i].name, "@"); ok && len(other) == len(domain) && strings.EqualFold(other, domain) {
			return true
		}
	}
	return false
}
