package emulator

import (
	"net/http"
	"net/url"
	"testing"
)

// BenchmarkFilter counts the users that satisfy a filter, of a hundred
// thousand.
func BenchmarkFilter(b *testing.B) {
	e := New(Options{Users: 100_000})
	token, _ := e.entra.ApplicationToken(nil)
	for name, query := range map[string]string{
		"few values":  "$filter=startswith(displayName,'a') and department eq 'Sales'",
		"many values": "$filter=startswith(userPrincipalName,'zz') or endswith(mail,'@nowhere.example')",
		"license":     "$filter=assignedLicenses/any(l:l/skuId eq 05e9a617-0261-4cee-bb44-138d3ef5d965)",
		"no license":  "$filter=assignedLicenses/$count eq 0",
		"not":         "$filter=not (accountEnabled eq true or usageLocation in ('DE','FR'))",
		"search":      `$search="displayName:ann"`,
	} {
		u := &url.URL{Path: "/v1.0/users", RawQuery: "$top=1&$select=id&$count=true&" + url.PathEscape(query)}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := &recorder{header: http.Header{}}
				e.ServeHTTP(w, &http.Request{Method: "GET", URL: u, Host: "graph", Body: http.NoBody,
					Header: http.Header{"Authorization": {"Bearer " + token}, "Consistencylevel": {"eventual"}}})
				if w.status != http.StatusOK {
					b.Fatalf("%d %s", w.status, w.body.String())
				}
			}
		})
	}
}
