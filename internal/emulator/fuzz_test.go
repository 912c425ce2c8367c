package emulator

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"licensegraph/internal/emulator/tenant"
)

func base64url(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) }

// inProcess asks a small emulator without a network in between.
func inProcess() (*Emulator, func(method, uri, body string) (int, []byte)) {
	e := New(Options{Users: 20})
	token := e.sign(&call{base: "http://graph", date: e.now()}, jwt.MapClaims{"aud": "http://graph", "roles": defaultRoles})
	return e, func(method, uri, body string) (int, []byte) {
		u, err := url.ParseRequestURI(uri)
		if err != nil {
			return http.StatusBadRequest, []byte("{}") // net/http would not let it through.
		}
		w := &recorder{header: http.Header{}}
		e.ServeHTTP(w, &http.Request{
			Method: method, URL: u, Host: "graph", Body: http.NoBody,
			Header: http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}},
		})
		if body != "" {
			w = &recorder{header: http.Header{}}
			req, _ := http.NewRequest(method, "http://graph"+uri, strings.NewReader(body))
			req.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
			e.ServeHTTP(w, req)
		}
		return w.status, w.body.Bytes()
	}
}

// FuzzFilter: no text makes the parser panic, and what it reads can be checked
// and matched.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{
		"id eq 'a'", "id in ('a','b''c')", "startswith(displayName,'A') and accountEnabled eq true",
		"not (assignedLicenses/any(l:l/skuId eq 05e9a617-0261-4cee-bb44-138d3ef5d965) or userType ne 'Guest')",
		"assignedLicenses/$count eq 0", "services/any(c:c/planId in (05e9a617-0261-4cee-bb44-138d3ef5d965))",
		strings.Repeat("(", 100), strings.Repeat("not ", 100) + "id eq 'a'", "id eq '", "id in (", "any(", "é eq 'é'", "",
	} {
		f.Add(s)
	}
	inside := &call{tenant: tenant.New(1, 5), variants: &Variants{}}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := parseFilter(s)
		if (n == nil) == (err == nil) {
			t.Fatalf("%q: %v and %v", s, n, err)
		}
		if err == nil && userFilter.check(n, true) == nil {
			for i := range inside.tenant.Users(-1) {
				inside.userMatcher(n)(i)
			}
		}
	})
}

// FuzzURL: whatever the URL, the answer is JSON, and no URL is the emulator's
// own mistake.
func FuzzURL(f *testing.F) {
	for _, s := range []string{
		"beta/users?$top=5&$select=id", "v1.0/users/x%40y?$expand=manager", "beta/admin/cloudLicensing/assignmentErrors?$expand=assignedTo($select=id)",
		"beta/users?$skiptoken=AAAA", "v1.0/groups?$orderby=displayName%20desc", "beta/users?$filter=id%20eq%20'x'&$count=true",
		"beta/admin/cloudLicensing/assignmentErrors?$expand=a(b,c(d", "beta//", "?", "x/oauth2/v2.0/token", "v1.0/users?;", "beta/users?$top=%zz", "beta/users?$orderby=%20",
	} {
		f.Add(s)
	}
	_, ask := inProcess()
	f.Fuzz(func(t *testing.T, uri string) {
		status, body := ask("GET", "/"+uri, "")
		if status < 200 || status >= 500 {
			t.Errorf("%q: %d", uri, status)
		}
		if isPage := strings.HasPrefix(string(body), "<!DOCTYPE html>"); len(body) > 0 && !isPage && !json.Valid(body) {
			t.Errorf("%q: %.300q is not JSON", uri, body)
		}
	})
}

func TestFilterSyntax(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"id", "id eq", "id eq 'a", "id gt 'a'", "id eq a", "id eq 'a' 'b'", "id eq 'a' and", "(id eq 'a'", "id eq 'a')", "id in 'a'",
		"id in ()", "id in ('a'", "id in ('a' 'b')", "startswith(id)", "startswith(id,5)", "startswith 'a'", "startswith(id,'a'", "contains(id,'a')",
		"x/any()", "x/any(a)", "x/any(a:b/c eq 1)", "x/any(a:a/b)", "x/any(a:a/b eq 1", "x/any a", "not", "eq", "''", "=", "id EQ 'a'",
		strings.Repeat("(", 40) + "id eq 'a'" + strings.Repeat(")", 40), "id eq '" + strings.Repeat("x", maxFilterLength) + "'",
	} {
		if n, err := parseFilter(s); err == nil {
			t.Errorf("%.60q is read as %+v", s, n)
		}
	}
}
