package emulator

import (
	"encoding/base64"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestContinuousAccess revokes the sessions of a user, and signs in again.
func TestContinuousAccess(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	c := start(t, Options{Users: 20, Now: func() time.Time { return at.Add(time.Duration(ahead.Load())) }})
	me := c.PersonInRole("")
	form := url.Values{"grant_type": {"password"}, "client_id": {c.PublicClientID()}, "username": {me}, "password": {Password}, "scope": {"offline_access User.Read"}}
	capable := changed(form, "claims", `{"access_token":{"xms_cc":{"values":["CP1"]}}}`)
	plain, long := c.postForm(form).body, c.postForm(capable).body
	if s := long["expires_in"].(float64); s < (20*time.Hour).Seconds()-1 || s > (28*time.Hour).Seconds() {
		t.Errorf("lives %v seconds", s)
	}
	if r := c.postForm(changed(form, "claims", `{"access_token":{"xms_cc":{"values":["cp2"]}}}`)); !lives(r) {
		t.Errorf("another capability: %s", r.raw)
	}
	if r := c.postForm(changed(capable, "scope", "api://"+c.ClientID()+"/access_as_user")); !lives(r) {
		t.Errorf("another API: %s", r.raw)
	}
	read := func(body map[string]any) reply {
		return c.get("/v1.0/me", "Authorization", "Bearer "+str(body, "access_token"))
	}
	ahead.Store(int64(time.Minute))
	if !c.RevokeSignInSessions(me) || c.RevokeSignInSessions("nobody") {
		t.Error("revoked the wrong user")
	}
	if r := read(plain); r.status != 200 {
		t.Errorf("a token that is not evaluated: %d %s", r.status, r.raw)
	}
	r := read(long)
	_, rest, _ := strings.Cut(r.header.Get("WWW-Authenticate"), `error="insufficient_claims", claims="`)
	claims, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(rest, `"`))
	if r.status != 401 || r.code() != "InvalidAuthenticationToken" || err != nil || string(claims) != `{"access_token":{"nbf":{"essential":true,"value":"1893456060"}}}` {
		t.Errorf("%d %v %s", r.status, r.header, r.raw)
	}
	refresh := url.Values{"grant_type": {"refresh_token"}, "client_id": {c.PublicClientID()}, "refresh_token": {str(plain, "refresh_token")}}
	if got := refusedWith(c.postForm(refresh)); got != "invalid_grant 50173" {
		t.Errorf("an old refresh token: %s", got)
	}
	again := c.postForm(capable).body
	if r := read(again); r.status != 200 {
		t.Errorf("a new token: %d %s", r.status, r.raw)
	}
	refresh.Set("refresh_token", str(again, "refresh_token"))
	if r := c.postForm(refresh); r.status != 200 {
		t.Errorf("a new refresh token: %d %s", r.status, r.raw)
	}
	params, verifier := c.authorization("login_hint", me)
	code := returned(t, c.authorizing(params)).Get("code")
	ahead.Add(int64(time.Millisecond))
	c.RevokeSignInSessions(me)
	redeem := url.Values{"grant_type": {"authorization_code"}, "client_id": {c.PublicClientID()}, "code": {code}, "redirect_uri": {"http://localhost:1/back"}, "code_verifier": {verifier}}
	for name, form := range map[string]url.Values{"code": redeem, "refresh token": refresh} {
		if got := refusedWith(c.postForm(form)); got != "invalid_grant 50173" {
			t.Errorf("a %s of a millisecond ago: %s", name, got)
		}
	}
	other := c.DelegatedToken(c.PersonInRole("Global Reader"), "User.Read")
	if r := c.get("/v1.0/me", "Authorization", "Bearer "+other); r.status != 200 {
		t.Errorf("another user: %d", r.status)
	}
}
