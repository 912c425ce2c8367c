package emulator

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/control"
	"licensegraph/internal/emulator/tenant"
)

// TestKeys identifies users by a key in parentheses, which is the only way for
// a name that starts with a dollar sign.
func TestKeys(t *testing.T) {
	t.Parallel()
	name := "$o'neil#EXT#@" + tenant.MainDomain
	c := start(t, Options{State: strings.NewReader(`{"format": "licensegraph tenant 1", "users": [{"userPrincipalName": "` + name + `"}]}`)})
	plain, doubled := "$o'neil%23EXT%23@"+tenant.MainDomain, "$o''neil%23EXT%23@"+tenant.MainDomain
	for path, status := range map[string]int{
		"/v1.0/users('" + doubled + "')":                            200,
		"/v1.0/users(%27" + doubled + "%27)":                        200,
		"/beta/users('" + doubled + "')/licenseDetails":             200,
		"/beta/users('" + doubled + "')/cloudLicensing/usageRights": 200,
		"/v1.0/users/" + plain:                                      400,
		"/v1.0/users/%24o'neil%23EXT%23@" + tenant.MainDomain:       400,
		"/v1.0/users/" + plain + "/licenseDetails":                  400,
		"/v1.0/users('" + plain + "')":                              400,
		"/v1.0/users('')":                                           400,
		"/v1.0/users('nobody@" + tenant.MainDomain + "')":           404,
	} {
		if r := c.get(path); r.status != status {
			t.Errorf("%s: %d %s, want %d", path, r.status, r.raw, status)
		}
	}
}

// TestWaitOfPriorities tests that a throttled caller is not admitted with
// another priority header, unless the priority is higher.
func TestWaitOfPriorities(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Now: func() time.Time { return noon }, Variants: Variants{Throttling: Throttling{ResourceUnits: 4}}})
	ask := func(priority string, want int) string {
		t.Helper()
		r := c.get("/v1.0/groups/"+c.groupID(0), "x-ms-throttle-priority", priority)
		if r.status != want {
			t.Errorf("%s: %d, want %d", priority, r.status, want)
		}
		return r.header.Get("Retry-After")
	}
	for range 4 {
		ask("Normal", 200)
	}
	for range 5 { // Early retries extend the wait beyond the window.
		ask("Normal", 429)
		c.later(2 * time.Second)
	}
	c.later(15 * time.Second) // The window has room, but the wait is not over.
	wait := ask("Low", 429)
	if d, err := time.ParseDuration(wait + "s"); err != nil || d < 30*time.Second || d > maxWait {
		t.Errorf("low priority: Retry-After is %q", wait)
	}
	ask("", 429)
	ask("High", 200)
	c.later(maxWait)
	ask("Low", 200)
}

// TestAssigneePermission tests that the admin path requires the permission of
// the assignee's kind.
func TestAssigneePermission(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Variants: Variants{Devices: true}})
	user, group := bind("users/"+c.bare(0)), bind("groups/"+c.of("board"))
	for role, want := range map[string][2]int{
		"CloudLicensing.AssignLicenses.Organization":       {201, 201},
		"Directory.ReadWrite.All":                          {201, 201},
		"User-CloudLicensing.AssignLicenses.Organization":  {201, 403},
		"User.ReadWrite.All":                               {201, 403},
		"Group-CloudLicensing.AssignLicenses.Organization": {403, 201},
		"Group.ReadWrite.All":                              {403, 201},
	} {
		c.Reset()
		c.SetVariants(Variants{Roles: []string{role}, GroupEffects: Immediately, Devices: true})
		c.token = c.newToken()
		for i, to := range []string{user, group} {
			r := c.do("POST", granted, body(allotmentBind, bind(allotmentSet+"/"+c.pool(skuE5, 0)), assigneeBind, to, disabledPlans, off()))
			if r.status != want[i] || r.status == 403 && r.code() != "missingRequiredPermission" {
				t.Errorf("%s, %s: %d %s", role, to, r.status, r.raw)
			}
		}
	}
	for _, role := range []string{"User.ReadWrite.All", "Group.ReadWrite.All"} {
		c.SetVariants(Variants{Roles: []string{role}, Devices: true})
		c.token = c.newToken()
		c.write("POST", granted, body(allotmentBind, bind(allotmentSet+"/"+c.pool(noSku, 0)), assigneeBind, bind("devices/"+c.deviceID(5)), disabledPlans, off()), 403)
	}
}

// TestSensitiveActions tests the table of "Who can perform sensitive actions":
// rows are the roles of the target user, columns those of the caller.
func TestSensitiveActions(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	const write, all = "User.ReadWrite.All", "User.ReadWrite.All Directory.AccessAsUser.All"
	plain := c.userID(c.userWhere(func(i int32) bool {
		return c.current().User(i).Role() == 0 && c.current().User(i).Enabled() && !c.current().User(i).Guest()
	}))
	doers := []struct{ role, scopes string }{
		{"Global Administrator", all}, {"User Administrator", all}, {"Directory Writers", all}, {"License Administrator", all}, {"Global Administrator", write}, {"User Administrator", write}, {"application", ""},
	}
	for name, allowed := range map[string]string{
		// the seven columns, for each of: disable, rename, phone, delete
		"":                       "xxxx xxxx xx.. .... xxxx xxxx xxxx",
		"Directory Readers":      "xxxx xxxx xx.. .... xxxx xxxx xxxx",
		"Helpdesk Administrator": "xxxx xxxx .... .... .... .... ....",
		"User Administrator":     "xxxx xxxx .... .... .... .... ....",
		"License Administrator":  "xxxx .... .... .... .... .... ....",
		"Directory Writers":      "xxxx .... .... .... .... .... ....",
		"Global Reader":          "xxxx .... .... .... .... .... ....",
		"Global Administrator":   "xxxx .... .... .... .... .... ....",
	} {
		for i, may := range strings.Fields(allowed) {
			c.Reset()
			id := plain
			if name != "" {
				id = c.PersonInRole(name)
			}
			c.token = c.newToken()
			if doer := doers[i]; doer.scopes != "" {
				c.token = c.DelegatedToken(c.PersonInRole(doer.role), strings.Fields(doer.scopes)...)
			}
			for at, act := range []struct {
				method string
				body   []any
			}{
				{"PATCH", []any{"accountEnabled", true}}, {"PATCH", []any{"userPrincipalName", "other@" + tenant.MainDomain}}, {"PATCH", []any{"mobilePhone", "+1 555 0100"}}, {"DELETE", nil},
			} {
				want := 204
				if may[at] == '.' {
					want = 403
				}
				text := ""
				if act.body != nil {
					text = body(act.body...)
				}
				if r := c.do(act.method, "/v1.0/users/"+id, text); r.status != want {
					t.Errorf("%q by %v: %s %s %d, want %d", name, doers[i], act.method, text, r.status, want)
				}
			}
		}
	}
	// No caller has consent for that.
	c.Reset() // The last test can have deleted them.
	form := url.Values{"grant_type": {"password"}, "client_id": {c.PublicClientID()}, "username": {plain}, "password": {Password}, "scope": {access.AsUser}}
	if got := refusedWith(c.postForm(form)); got != "invalid_grant 65001" {
		t.Errorf("the scope %s: %s", access.AsUser, got)
	}
	// Actions that are not sensitive, and groups.
	group := str(c.directory("POST", "groups", 201, "displayName", "New", "mailNickname", "new", "mailEnabled", false, "securityEnabled", true).body, "id")
	for _, role := range []string{"Directory Writers", "User Administrator"} {
		c.token = c.DelegatedToken(c.PersonInRole(role), write, "Group.ReadWrite.All")
		c.directory("PATCH", "users/"+c.PersonInRole("Global Administrator"), 204, "city", "Oslo")
		c.directory("PATCH", "groups/"+group, 204, "description", "Changed")
		c.directory("DELETE", "groups/"+group, map[string]int{"Directory Writers": 403, "User Administrator": 204}[role])
	}
}

// TestPasswordIsAProperty tests that a caller that may only set usage
// locations cannot set a password, and that an application requires a
// permission for it.
func TestPasswordIsAProperty(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	user := "users/" + c.bare(0)
	secret := row{"password": "not-a-secret", "forceChangePasswordNextSignIn": true}
	app := c.token
	c.token = c.DelegatedToken(c.PersonInRole("License Administrator"), "User.ReadWrite.All", "User-PasswordProfile.ReadWrite.All")
	c.directory("PATCH", user, 204, "usageLocation", "FR", "@odata.type", "#microsoft.graph.user")
	c.directory("PATCH", user, 403, "usageLocation", "FR", "passwordProfile", secret)
	c.directory("PATCH", user, 403, "passwordProfile", secret)
	c.token = c.DelegatedToken(c.PersonInRole("User Administrator"), "User.ReadWrite.All", "User-PasswordProfile.ReadWrite.All")
	c.directory("PATCH", user, 204, "usageLocation", "FR", "passwordProfile", secret)
	for _, wrong := range []any{"x", nil, row{"password": 5}, row{"colour": "red"}, row{"password": ""}, off()} {
		c.directory("PATCH", user, 400, "passwordProfile", wrong)
	}
	c.token = app
	c.directory("PATCH", user, 403, "passwordProfile", secret)
}

// TestTokensOfDeletedUsers tests that the long-lived tokens of clients that
// understand claims challenges end with the account; other tokens stay valid
// until they expire.
func TestTokensOfDeletedUsers(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	disabled, deleted := c.newUser("disabled"), c.newUser("deleted")
	tokens := map[string][2]string{} // by user: a standard token and a long-lived one
	for _, id := range []string{disabled, deleted} {
		form := url.Values{"grant_type": {"password"}, "client_id": {c.PublicClientID()}, "username": {id}, "password": {Password}, "scope": {"User.Read"}}
		usual := str(c.postForm(form).body, "access_token")
		tokens[id] = [2]string{usual, str(c.postForm(changed(form, "claims", `{"access_token":{"xms_cc":{"values":["cp1"]}}}`)).body, "access_token")}
	}
	ask := func(id string, kind, want int) {
		t.Helper()
		bearer := []string{"Authorization", "Bearer " + tokens[id][kind]}
		r := c.get("/v1.0/me", bearer...)
		_, rest, challenged := strings.Cut(r.header.Get("WWW-Authenticate"), `error="insufficient_claims", claims="`)
		claims, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(rest, `"`))
		if r.status != want || challenged != (want == 401) || err != nil || want == 401 && !strings.Contains(string(claims), `"nbf"`) {
			t.Errorf("%d, want %d: %v %s", r.status, want, r.header, r.raw)
		}
		if r := c.do("POST", "/v1.0/$batch", `{"requests":[{"id":"1","method":"GET","url":"/me"}]}`, bearer...); (r.status == 401) != (want == 401) {
			t.Errorf("batch: %d %s", r.status, r.raw)
		}
	}
	for _, id := range []string{disabled, deleted} {
		ask(id, 0, 200)
		ask(id, 1, 200)
	}
	c.directory("PATCH", "users/"+disabled, 204, "accountEnabled", false)
	c.directory("DELETE", "users/"+deleted, 204)
	ask(disabled, 0, 200)
	ask(disabled, 1, 401)
	ask(deleted, 0, 404)
	ask(deleted, 1, 401)
	c.directory("PATCH", "users/"+disabled, 204, "accountEnabled", true)
	ask(disabled, 1, 200)
}

// TestNames tests the names and countries of users and groups.
func TestNames(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	user := "users/" + c.newUser("first")
	long := strings.Repeat("a", 64)
	for property, values := range map[string]map[string]int{
		"userPrincipalName": {
			"a.b-c_d!e#f^g~h'1@" + tenant.MainDomain: 204, "x@asia." + tenant.MainDomain: 204, "x@" + strings.ToUpper(tenant.MainDomain): 204, long + "@" + tenant.MainDomain: 204,
			long + "a@" + tenant.MainDomain: 400, "a b@" + tenant.MainDomain: 400, "jürgen@" + tenant.MainDomain: 400, "a@b@" + tenant.MainDomain: 400, "a.@" + tenant.MainDomain: 400, "a+b@" + tenant.MainDomain: 400,
			"a/b@" + tenant.MainDomain: 400, "a%@" + tenant.MainDomain: 400, "@" + tenant.MainDomain: 400, "plain": 400, "x@": 400, "x@emea." + tenant.MainDomain: 400, "x@elsewhere.example": 400, "x@partner.example": 400,
		},
		"mailNickname":  {"a.b!#$%&'*+-/=?^_`{|}~": 204, long: 204, long + "a": 400, "a b": 400, "a@b": 400, "a(b": 400, `a\b`: 400, "a[b": 400, `a"b`: 400, "a;b": 400, "a:b": 400, "a<b": 400, "a,b": 400, "ü": 400, "a\tb": 400},
		"usageLocation": {"DE": 204, "AX": 204, "SS": 204, "ZZ": 400, "XX": 400, "UK": 400, "EU": 400, "YU": 400, "de": 400, "D": 400, "": 400, "AA": 400, ",A": 400},
	} {
		for value, want := range values {
			if r := c.do("PATCH", "/v1.0/"+user, body(property, value)); r.status != want {
				t.Errorf("%s %q: %d %s, want %d", property, value, r.status, r.raw, want)
			}
		}
	}
	c.directory("PATCH", user, 400, "userPrincipalName", nil)
	// The domains of a tenant are those of its users.
	state := strings.NewReader(`{"format":"licensegraph tenant 1","users":[{"userPrincipalName":"ada@contoso.example"}]}`)
	if err := c.Load(state); err != nil {
		t.Fatal(err)
	}
	c.directory("PATCH", "users/ada@contoso.example", 400, "userPrincipalName", "ada@tailspin.example")
	c.directory("PATCH", "users/ada@contoso.example", 400, "userPrincipalName", "ada@toso.example")
	c.directory("PATCH", "users/ada@contoso.example", 204, "userPrincipalName", "lovelace@CONTOSO.example")
	c.directory("PATCH", "users/lovelace@contoso.example", 204, "userPrincipalName", "ada@"+tenant.MainDomain)
}

// TestNicknames tests that nicknames of Microsoft 365 groups are unique.
func TestNicknames(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	create := func(status int, nickname string, unified bool) reply {
		t.Helper()
		types := []string{}
		if unified {
			types = []string{"Unified"}
		}
		return c.directory("POST", "groups", status, "displayName", "A", "mailNickname", nickname, "mailEnabled", unified, "securityEnabled", !unified, "groupTypes", types)
	}
	first := str(create(201, "unique", true).body, "id")
	if r := create(400, "UNIQUE", true); rows(r.body["error"].(row), "details")[0]["target"] != "mailNickname" {
		t.Errorf("%s", r.raw)
	}
	create(201, "unique", false) // A security group has no mailbox.
	second := str(create(201, "second", true).body, "id")
	c.directory("PATCH", "groups/"+second, 400, "mailNickname", "unique")
	c.directory("PATCH", "groups/"+second, 204, "mailNickname", "Second")
	c.directory("DELETE", "groups/"+first, 204)
	c.directory("PATCH", "groups/"+second, 204, "mailNickname", "unique")
	create(400, "a b", false)
	create(400, strings.Repeat("a", 65), false)
	c.directory("PATCH", "groups/"+second, 400, "mailNickname", "ä")
	c.directory("PATCH", "groups/"+second, 400, "mailNickname", nil)
	c.directory("PATCH", "groups/"+second, 400, "displayName", nil)
}

// TestUpdateWithoutEffect tests that an update without effect is answered like any
// other.
func TestUpdateWithoutEffect(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	group := c.of("board")
	_, link := c.follow("/v1.0/users/delta")
	_, groups := c.follow("/v1.0/groups/delta")
	c.directory("PATCH", "users/"+c.userID(9), 204, []any{}...)
	c.write("PATCH", "/v1.0/users/"+c.userID(9), "{}", 204)
	c.write("PATCH", "/v1.0/groups/"+group, "{}", 204)
	for _, uri := range []string{link, groups} {
		if list, _ := c.follow(uri); len(list) != 0 {
			t.Errorf("it shows: %v", list)
		}
	}
}

// TestMutualMembership tests that two groups can be members of each other, but not
// of themselves.
func TestMutualMembership(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	a, b := c.of("board"), c.of("guests")
	c.directory("POST", "groups/"+a+"/members/$ref", 204, memberRef(c, b)...)
	c.directory("POST", "groups/"+b+"/members/$ref", 204, memberRef(c, a)...)
	c.directory("POST", "groups/"+a+"/members/$ref", 400, memberRef(c, a)...)
}

// TestSameError tests that the same invalid request gets the same answer.
func TestSameError(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	for _, tt := range [][3]string{
		{"PATCH", "/v1.0/users/" + c.userID(9), `{"a":1,"b":1,"c":1,"d":1,"city":5,"assignedLicenses":1}`},
		{"PATCH", "/v1.0/groups/" + c.of("board"), `{"a":1,"b":1,"c":1,"displayName":5,"mailNickname":"","id":1}`},
		{"POST", "/v1.0/groups", `{}`},
		{"POST", "/v1.0/users/" + c.userID(9) + "/assignLicense", `{"addLicenses":1,"removeLicenses":1}`},
		{"POST", "/" + c.TenantID() + "/oauth2/v2.0/token", "a=1&a=1&b=1&b=1&c=1&c=1&d=1&d=1"},
	} {
		said := map[string]bool{}
		for range 40 {
			headers := []string{"Authorization", "Bearer " + c.token}
			if strings.HasSuffix(tt[1], "/token") {
				headers = append(headers, "Content-Type", "application/x-www-form-urlencoded")
			}
			r := c.do(tt[0], tt[1], tt[2], headers...)
			text, _ := r.body["error_description"].(string)
			text, _, _ = strings.Cut(strings.ReplaceAll(text, "\r", "\n"), "\n")
			if e, ok := r.body["error"].(row); ok {
				text = str(e, "message")
			}
			said[text] = true
		}
		if len(said) != 1 {
			t.Errorf("%s %s: %d answers: %v", tt[0], tt[1], len(said), said)
		}
	}
}

// TestDamageWithoutBody tests that damage to an answer without a body closes the
// connection.
func TestDamageWithoutBody(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	for _, damage := range []string{"truncated", "malformed", "cut", "stalled"} {
		c.Inject(Fault{Method: "PATCH", Damage: damage, Stall: time.Millisecond})
		if r, err := c.try("PATCH", "/v1.0/users/"+c.userID(9), body("city", damage)); err == nil {
			t.Errorf("%s: %d %q", damage, r.status, r.raw)
		}
		if got := str(c.ok("/v1.0/users/"+c.userID(9)+"?$select=city"), "city"); got != damage {
			t.Errorf("%s: the effect is %q", damage, got)
		}
		c.Inject(Fault{Method: "PATCH", Damage: damage, Stall: time.Millisecond})
		if r, err := c.try("POST", "/v1.0/$batch", `{"requests":[{"id":"1","method":"PATCH","url":"/users/`+c.userID(9)+`","headers":{"Content-Type":"application/json"},"body":{"city":"x"}}]}`); err == nil {
			t.Errorf("%s, in a batch: %d %q", damage, r.status, r.raw)
		}
	}
}

// TestControlBehindProxy tests the headers with which a proxy identifies
// itself.
func TestControlBehindProxy(t *testing.T) {
	t.Parallel()
	here, open := New(Options{Users: 1}), New(Options{Users: 1, Control: "open"})
	for _, name := range []string{"Forwarded", "Via", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server", "x-forwarded-prefix"} {
		for _, value := range []string{"192.0.2.1", ""} {
			for e, want := range map[*Emulator]int{here: 403, open: 200} {
				r := httptest.NewRequest(http.MethodGet, control.Path+"counts", nil)
				r.Host, r.RemoteAddr = "localhost", "127.0.0.1:5"
				r.Header.Set(name, value)
				w := httptest.NewRecorder()
				if e.ServeHTTP(w, r); w.Code != want {
					t.Errorf("%s: %q: %d, want %d", name, value, w.Code, want)
				}
			}
		}
	}
}
