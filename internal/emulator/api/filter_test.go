package api

import (
	"strings"
	"testing"

	"licensegraph/internal/emulator/odata"
	"licensegraph/internal/emulator/settings"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

// FuzzFilter tests that any filter accepted by the rules can be compiled and
// evaluated for all users.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{
		"id eq 'a'", "id in ('a','b''c')", "startswith(displayName,'A') and accountEnabled eq true", "createdDateTime ge 2024-01-01T00:00:00Z",
		"not (assignedLicenses/any(l:l/skuId eq 05e9a617-0261-4cee-bb44-138d3ef5d965) or userType ne 'Guest')", "city le 'M'",
		"assignedLicenses/$count eq 0", "services/any(c:c/planId in (05e9a617-0261-4cee-bb44-138d3ef5d965))", "proxyAddresses/any(p:endswith(p,'x'))",
		"assignedPlans/any(p:p/service eq 'exchange' and p/capabilityStatus eq 'Enabled')", "groupTypes/any(c:c eq 'Unified')", "usageLocation eq null",
	} {
		f.Add(s)
	}
	inside := &call{Call: &wire.Call{Variants: &settings.Variants{}}, tenant: tenant.New(1, 5)}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := odata.ParseFilter(s)
		if err != nil {
			return
		}
		if userFilter.check(n, advanced) == nil {
			fits := compile(n, inside.userSource())
			for i := range inside.tenant.Users(-1) {
				fits(i)
			}
		}
		if groupFilter.check(n, advanced) == nil {
			fits := compile(n, inside.groupSource())
			for i := range inside.tenant.Groups(-1) {
				fits(i)
			}
		}
	})
}

// TestTokens tests the examples of Microsoft Learn, "Use the $search query
// parameter".
func TestTokens(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"hello world": "hello|world", "HelloWorld": "hello|world", "helloWORLD": "hello|world", "hello.world": "hello|.|world|helloworld",
		"hello123world": "hello|123|world", "HELLOworld": "helloworld", "HelloWORld": "hello|world", "李四(David Li)": "李四|(|david|李四david|li|)",
		"O'Connor": "o|'|connor|oconnor", "": "", " - ": "-", "a-": "a|-", "Éa": "éa", "दीपिका": "दीपिका",
	} {
		if got := strings.Join(searchTokens(text), "|"); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
