package signin

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

// TestKeySet tests invalid and weak key sets.
func TestKeySet(t *testing.T) {
	t.Parallel()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	n := base64.RawURLEncoding.EncodeToString(weak.N.Bytes())
	for _, set := range []string{"", "{}", "[]", `{"keys":[{}]}`, `{"keys":[{"kty":"RSA","n":"` + n + `","e":"AQAB"}]}`, `{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`, `{"keys":[{"kty":"oct","k":"AA"}]}`} {
		if k := keyOf([]byte(set), ""); k != nil {
			t.Errorf("%s: %v", set, k)
		}
	}
}

func TestOnce(t *testing.T) {
	t.Parallel()
	var o once
	at := time.Unix(0, 0)
	if o.use("a", "1", at, at.Add(time.Minute)) != "1" || o.use("a", "2", at, at.Add(time.Minute)) != "1" {
		t.Error("used twice")
	}
	if o.use("a", "3", at.Add(time.Minute), at.Add(time.Hour)) != "3" {
		t.Error("remembered for too long")
	}
	for i := range rememberedUses + 100 {
		o.use(strconv.Itoa(i), "x", at, at.Add(time.Hour))
	}
	if len(o.uses) > rememberedUses || len(o.order) != len(o.uses) {
		t.Errorf("%d uses, %d in order", len(o.uses), len(o.order))
	}
}

func TestDeviceCodesAreBounded(t *testing.T) {
	t.Parallel()
	tn := tenant.New(1, 5)
	e := New(Config{TenantID: tn.ID(), Seed: tn.Seed(), Now: time.Now})
	body := url.Values{"client_id": {e.PublicClientID()}, "scope": {"User.Read"}}.Encode()
	for range pendingDevices + 10 {
		c := &wire.Call{Method: "POST", Label: wire.Other, Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: []byte(body)}
		if a := e.Answer(c, tn.ID(), "oauth2/v2.0/devicecode"); a.Status != 200 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	if n := len(e.deviceCodes.pending); n != pendingDevices {
		t.Errorf("%d codes are pending", n)
	}
}
