package tenant

import "strings"

// HasDomain reports whether a domain is verified, ignoring case. Verified
// domains are the two of every tenant and the domains of the users of a loaded
// one.
func (t *Tenant) HasDomain(domain string) bool {
	if strings.EqualFold(domain, MainDomain) || strings.EqualFold(domain, asiaDomain) {
		return true
	}
	for i := range t.people { // A match is usually early; only an unknown domain needs a full scan.
		if _, other, ok := strings.Cut(t.people[i].name, "@"); ok && len(other) == len(domain) && strings.EqualFold(other, domain) {
			return true
		}
	}
	return false
}
