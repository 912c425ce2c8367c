package emulator

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"licensegraph/internal/emulator/access"
)

var noon = time.Date(2026, 9, 25, 12, 0, 0, 0, time.UTC)

// TestThrottledOnTheWire exceeds a limit and waits until it resets.
func TestThrottledOnTheWire(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60, Now: func() time.Time { return noon }, Variants: Variants{Throttling: Throttling{ResourceUnits: 20}}})
	var percent []string
	for i := range 10 { // 2 units each
		r := c.get("/v1.0/users")
		if r.status != 200 || r.header.Get("x-ms-resource-unit") != "2" {
			t.Fatalf("call %d: %d %v", i, r.status, r.header)
		}
		percent = append(percent, r.header.Get("x-ms-throttle-limit-percentage"))
	}
	if got := strings.Join(percent, " "); got != "        0.90 1.00" {
		t.Errorf("percentages %q", got)
	}
	r := c.get("/v1.0/users?$top=5&$select=id")
	h := r.header
	if r.status != 429 || r.code() != "429" || h.Get("Retry-After") != "11" || h.Get("x-ms-resource-unit") != "1" || h.Get("x-ms-throttle-limit-percentage") != "1.05" ||
		h.Get("x-ms-throttle-scope") != "Tenant_Application/ReadWrite/"+c.ClientID()+"/"+c.TenantID() || h.Get("x-ms-throttle-information") != "ResourceUnitLimitExceeded" {
		t.Errorf("throttled: %d %v %s", r.status, h, r.raw)
	}
	if r := c.get("/v1.0/groups", "Authorization", ""); r.status != 401 {
		t.Errorf("without a token: %d", r.status)
	}
	if err := c.Advance(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	if r := c.get("/v1.0/groups"); r.status != 429 || r.header.Get("Retry-After") != "22" {
		t.Errorf("came back early: %d %v", r.status, r.header)
	}
	if err := c.Advance(22 * time.Second); err != nil {
		t.Fatal(err)
	}
	if r := c.get("/v1.0/groups"); r.status != 200 {
		t.Errorf("after Retry-After: %d %v", r.status, r.header)
	}
	for range 30 {
		if r := c.get("/v1.0/users?$expand=x"); r.status != 400 || r.header.Get("x-ms-resource-unit") != "" {
			t.Fatalf("what is refused costs nothing: %d %v", r.status, r.header)
		}
	}
	c.SetVariants(Variants{Throttling: Throttling{Off: true}})
	for range 30 {
		if r := c.get("/v1.0/users"); r.status != 200 {
			t.Fatalf("off: %d", r.status)
		}
	}
}

// TestThrottledByApplication tests that the limits of one application do not
// affect another, and that a reset clears them.
func TestThrottledByApplication(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60, Now: func() time.Time { return noon }, Variants: Variants{Throttling: Throttling{ResourceUnits: 2}}})
	reader, _ := access.Find(c.current(), c.PersonInRole("Global Reader"))
	signedIn := c.postForm(url.Values{"grant_type": {"password"}, "client_id": {c.PublicClientID()}, "username": {reader.PrincipalName}, "password": {Password}, "scope": {"User.Read.All"}})
	other := str(signedIn.body, "access_token")
	for auth, app := range map[string]string{c.token: c.ClientID(), other: c.PublicClientID()} {
		a, b := c.get("/v1.0/users", "Authorization", "Bearer "+auth), c.get("/v1.0/users", "Authorization", "Bearer "+auth)
		if a.status != 200 || b.status != 429 || !strings.Contains(b.header.Get("x-ms-throttle-scope"), "/"+app+"/") {
			t.Errorf("%s: %d, then %d %v", app, a.status, b.status, b.header)
		}
	}
	c.Reset()
	if r := c.get("/v1.0/users"); r.status != 200 {
		t.Errorf("after a reset: %d", r.status)
	}
}

// TestThrottledParts tests that each part of a batch counts, and that the
// batch itself succeeds.
func TestThrottledParts(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60, Now: func() time.Time { return noon }, Variants: Variants{Throttling: Throttling{ResourceUnits: 5}}})
	var list []string
	for i := range 20 {
		list = append(list, get(strconv.Itoa(i), "/groups"))
	}
	got, _ := parts(t, c.do("POST", "/v1.0/$batch", batchOf(list...)))
	statuses := map[any]int{}
	for _, p := range got {
		statuses[p["status"]]++
		if h := p["headers"].(row); p["status"] == 429.0 && (h["Retry-After"] != "11" || h["x-ms-throttle-scope"] == nil) {
			t.Errorf("a part: %v", h)
		}
	}
	if statuses[200.0] != 5 || statuses[429.0] != 15 {
		t.Errorf("statuses %v", statuses)
	}
}

// TestWriteLimit tests that reads are not affected, and that all pages of a
// list have the same cost.
func TestWriteLimit(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60, Now: func() time.Time { return noon }, Variants: Variants{Throttling: Throttling{Writes: 1, CloudLicensing: 3}}})
	user := c.userID(0)
	uri := "/v1.0/users/" + user + "/reprocessLicenseAssignment"
	for range 3 {
		if r := c.get(uri); r.status != 405 {
			t.Fatalf("no write: %d", r.status)
		}
	}
	if r := c.do("POST", uri, ""); r.status != 200 {
		t.Fatalf("first: %d %s", r.status, r.raw)
	}
	if r := c.do("POST", uri, ""); r.status != 429 || r.header.Get("x-ms-throttle-information") != "WriteLimitExceeded" || r.header.Get("Retry-After") != "165" ||
		!strings.HasPrefix(r.header.Get("x-ms-throttle-scope"), "Tenant_Application/Write/") {
		t.Errorf("second: %d %v", r.status, r.header)
	}
	next := c.ok("/v1.0/users?$top=30&$select=id")["@odata.nextLink"].(string)
	if r := c.get(next); r.status != 200 || r.header.Get("x-ms-resource-unit") != "1" {
		t.Errorf("next page: %d %v", r.status, r.header)
	}
	for i := range 4 {
		if r := c.get("/beta/admin/cloudLicensing/allotments"); (r.status == 200) != (i < 3) {
			t.Errorf("cloudLicensing call %d: %d", i, r.status)
		}
	}
}

// TestPriceOfPages tests that a later page is never charged more than its
// cost.
func TestPriceOfPages(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60, Now: func() time.Time { return noon }, Variants: Variants{Throttling: Throttling{ResourceUnits: 2}}})
	next := c.ok("/v1.0/users?$top=30&$select=id")["@odata.nextLink"].(string)
	if r := c.get(next); r.status != 200 {
		t.Errorf("one unit is left, and the next page costs one: %d %v", r.status, r.header)
	}
	if r := c.get("/v1.0/groups"); r.status != 429 {
		t.Errorf("no unit is left: %d", r.status)
	}
}

// TestThrottledConcurrently tests that exactly the limit is admitted, in any
// order.
func TestThrottledConcurrently(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60, Now: func() time.Time { return noon }, Variants: Variants{Throttling: Throttling{ResourceUnits: 100}}})
	var mu sync.Mutex
	statuses := map[int]int{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				r, err := c.try(http.MethodGet, "/v1.0/groups", "")
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				statuses[r.status]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if statuses[200] != 100 || statuses[429] != 100 {
		t.Errorf("statuses %v", statuses)
	}
}
