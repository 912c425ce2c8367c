package emulator

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestSignInActivity tests the last sign-ins of users: who has some, how they
// are filtered, and what the service does not support.
func TestSignInActivity(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	const uri = "/beta/users?$top=500&$select=id,accountEnabled,userType,signInActivity"
	all := c.all(uri)
	days := func(n int) string { return c.Now().UTC().AddDate(0, 0, -n).Format("2006-01-02T15:04:05Z") }
	seen := map[string]int{}
	for _, u := range all {
		a, there := u["signInActivity"].(row)
		last, refreshed, success := str(a, "lastSignInDateTime"), str(a, "lastNonInteractiveSignInDateTime"), str(a, "lastSuccessfulSignInDateTime")
		for name, is := range map[string]bool{
			"never signed in": !there, "recent": last > days(30), "inactive for 90 days": there && max(last, refreshed) < days(90), "failing": success != "" && last > success,
			"only non-interactive": there && last == "" && refreshed != "", "only interactive": there && last != "" && refreshed == "",
			"disabled, and active before": there && u["accountEnabled"] == false, "before successes were recorded": there && success == "",
		} {
			if is {
				seen[name]++
			}
		}
		if max(last, refreshed, success) > days(1) {
			t.Errorf("too recent: %v", a)
		}
		if u["accountEnabled"] == false && max(last, refreshed) > days(28) {
			t.Errorf("a disabled account is active: %v", a)
		}
		for _, name := range []string{"lastSignIn", "lastNonInteractiveSignIn", "lastSuccessfulSignIn"} {
			if (a[name+"DateTime"] == nil) != (a[name+"RequestId"] == nil) {
				t.Errorf("%v", a)
			}
		}
	}
	for name, least := range map[string]int{
		"never signed in": 10, "recent": 200, "inactive for 90 days": 20, "failing": 10, "only non-interactive": 10, "only interactive": 10, "disabled, and active before": 3,
		"before successes were recorded": 1,
	} {
		if seen[name] < least {
			t.Errorf("%d users: %s", seen[name], name)
		}
	}
	for filter, fits := range map[string]func(row) bool{
		"signInActivity/lastSignInDateTime le " + days(90): func(a row) bool { return a["lastSignInDateTime"] != nil && str(a, "lastSignInDateTime") <= days(90) },
		"signInActivity/lastSignInDateTime ge " + days(30): func(a row) bool { return str(a, "lastSignInDateTime") >= days(30) },
		"signInActivity/lastSuccessfulSignInDateTime le " + days(90): func(a row) bool {
			return a["lastSuccessfulSignInDateTime"] != nil && str(a, "lastSuccessfulSignInDateTime") <= days(90)
		},
	} {
		var want []string
		for _, u := range all {
			a, _ := u["signInActivity"].(row)
			if fits(a) {
				want = append(want, str(u, "id"))
			}
		}
		got := c.texts("/beta/users?$top=500&$select=id,signInActivity&$filter="+filter, "id")
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
			t.Errorf("%s (-want +got):\n%s", filter, diff)
		}
	}
	one := all[slices.IndexFunc(all, func(u row) bool { return u["signInActivity"] != nil })]
	user := "/v1.0/users/" + str(one, "id")
	if got := c.ok(user + "?$select=signInActivity"); cmp.Diff(one["signInActivity"], got["signInActivity"]) != "" {
		t.Errorf("%v, listed %v", got, one)
	}
	if got := c.ok(user); got["signInActivity"] != nil {
		t.Error("it is a default property")
	}
	const filter, unsupported = "/v1.0/users?$filter=signInActivity/lastSignInDateTime le 2026-01-01T00:00:00Z", "Request_UnsupportedQuery"
	c.refuses([]rejection{
		{"by name", "/v1.0/users/" + c.userName(0) + "?$select=id,signInActivity", 400, "400"},
		{"large pages", "/v1.0/users?$select=id,signInActivity&$top=501", 400, unsupported},
		{"large pages of a filter", filter + "&$top=501", 400, unsupported},
		{"with another property", filter + " and accountEnabled eq true", 400, unsupported},
		{"or another property", filter + " or userType eq 'Guest'", 400, unsupported},
		{"ne", strings.Replace(filter, " le ", " ne ", 1), 400, unsupported},
		{"null", "/v1.0/users?$filter=signInActivity/lastSignInDateTime eq null", 400, unsupported},
		{"successes in version 1.0", strings.Replace(filter, "lastSignIn", "lastSuccessfulSignIn", 1), 400, unsupported},
		{"another time", strings.Replace(filter, "lastSignIn", "lastNonInteractiveSignIn", 1), 400, unsupported},
		{"itself", "/v1.0/users?$filter=signInActivity eq null", 400, unsupported},
		{"order", "/v1.0/users?$orderby=signInActivity/lastSignInDateTime", 400, unsupported},
		{"changes", "/v1.0/users/delta?$select=signInActivity", 400, unsupported},
	})
	if n := len(c.all(strings.Replace(filter, " le ", " ne ", 1)+"&$count=true", eventual...)); n != len(all) {
		t.Errorf("%d users with another time, of %d", n, len(all))
	}
	if n := len(items(c.ok("/v1.0/users?$select=id,signInActivity"))); n != 100 {
		t.Errorf("%d on a page", n)
	}
	for _, m := range c.all("/v1.0/groups/" + c.groupID(0) + "/members?$select=id,signInActivity&$top=20") {
		if m["signInActivity"] != nil {
			t.Errorf("a member has it: %v", m)
		}
	}

	saved := c.steer("GET", "state", "")
	other := start(t, Options{State: strings.NewReader(string(saved.raw))})
	if diff := cmp.Diff(all, other.all(uri)); diff != "" {
		t.Errorf("(-saved +loaded):\n%s", diff)
	}
	for roles, want := range map[string]int{"User.Read.All AuditLog.Read.All": 200, "User.Read.All": 403, "AuditLog.Read.All": 403, "Directory.Read.All AuditLog.Read.All": 403} {
		c.SetVariants(Variants{Roles: strings.Fields(roles)})
		c.token = c.newToken()
		for _, uri := range []string{user + "?$select=signInActivity", "/v1.0/users?$select=signInActivity", filter} {
			if r := c.get(uri); r.status != want || want == 403 && r.code() != "Authorization_RequestDenied" {
				t.Errorf("%s, %s: %d %s", roles, uri, r.status, r.raw)
			}
		}
	}
	c.token = c.DelegatedToken(str(one, "id"), "User.Read.All", "AuditLog.Read.All")
	if r := c.get("/v1.0/me?$select=signInActivity"); r.status != 400 || r.code() != "400" {
		t.Errorf("me: %d %s", r.status, r.raw)
	}
}

// TestSignInActivityLimit tests the separate limit of signInActivity, which is
// off by default.
func TestSignInActivityLimit(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 30, Variants: Variants{Throttling: Throttling{SignInActivity: 10}}})
	uris := []string{"/v1.0/users?$select=id,signInActivity", "/v1.0/users?$filter=signInActivity/lastSignInDateTime le 2026-01-01T00:00:00Z"}
	for i := range 10 {
		c.ok(uris[i%2])
	}
	r := c.get(uris[0])
	if r.status != 429 || !strings.HasPrefix(r.header.Get("x-ms-throttle-scope"), "Tenant_Application/Read/") || r.header.Get("Retry-After") == "" {
		t.Errorf("%d %v %s", r.status, r.header, r.raw)
	}
	c.ok("/v1.0/users?$select=id") // without it
	c.later(70 * time.Second)
	c.ok(uris[1])
	c = start(t, Options{Users: 30})
	for range 12 {
		c.ok(uris[0])
	}
}
