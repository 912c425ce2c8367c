package emulator

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"licensegraph/internal/emulator/tenant"
)

// TestReadersAndWriters is for the race detector.
func TestReadersAndWriters(t *testing.T) {
	t.Parallel()
	var clock atomic.Int64 // advances with each read
	begin := time.Now()
	now := func() time.Time { return begin.Add(time.Duration(clock.Add(1)) * time.Millisecond) }
	c := start(t, Options{Users: 60, Now: now, Variants: Variants{GroupEffects: 5 * time.Millisecond, ExpandErrors: "both"}})
	uris := []string{
		granted + "?$expand=assignedTo,allotment", pools + "?$expand=waitingMembers,assignments", "/v1.0/users?$select=id,licenseAssignmentStates,assignedPlans",
		"/v1.0/groups?$select=id,assignedLicenses,licenseProcessingState", "/beta/admin/cloudLicensing/assignmentErrors?$expand=assignedTo,usageRight",
		"/v1.0/groups/" + c.of("e3-emea") + "/members", "/beta/groups/" + c.of("e3-emea") + "/cloudLicensing/usageRights?$expand=assignments",
	}
	create := func(s tenant.Sku, to string) string {
		return body(allotmentBind, bind(allotmentSet+"/"+c.pool(s, 0)), assigneeBind, bind(to), disabledPlans, off())
	}
	writes := []string{create(skuVisio, "groups/"+c.of("board")), create(skuE5, "users/"+c.userID(5))}
	var wg sync.WaitGroup
	for _, uri := range uris {
		wg.Go(func() {
			for range 5 {
				if r, err := c.try("GET", uri, ""); err != nil || r.status != 200 {
					t.Errorf("%s: %v %d", uri, err, r.status)
				}
			}
		})
	}
	for _, text := range writes {
		wg.Go(func() {
			for range 10 {
				r, err := c.try("POST", granted, text)
				if err != nil {
					t.Error(err)
				} else if r.status == 201 {
					_, _ = c.try("DELETE", granted+"/"+str(r.body, "id"), "")
				}
			}
		})
	}
	wg.Go(func() {
		for range 3 {
			c.Reset()
		}
	})
	wg.Wait()
	clock.Add(5)
	c.ok(granted)
	checkUnits(t, c.Emulator)
}

// TestWritesScale assigns and removes a product for most users of a large
// tenant, most of whom must wait.
func TestWritesScale(t *testing.T) {
	t.Parallel()
	e, wrong := checked(Options{Users: 20_000, Variants: Variants{GroupEffects: Immediately}})
	defer func() {
		for _, text := range wrong.Take() {
			t.Error(text)
		}
	}()
	token, _ := e.entra.ApplicationToken(nil)
	ask := func(method, uri, body string) (int, string) {
		req, _ := http.NewRequestWithContext(t.Context(), method, "http://graph"+uri, strings.NewReader(body))
		req.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
		w := &recorder{header: http.Header{}}
		e.ServeHTTP(w, req)
		return w.status, w.body.String()
	}
	all := e.groupID(0)
	visio := skuID(skuVisio)
	uri := "/v1.0/groups/" + all + "/assignLicense"
	if status, text := ask("POST", uri, body("addLicenses", []row{{"skuId": visio}}, "removeLicenses", off())); status != 202 {
		t.Fatalf("%d %s", status, text)
	}
	a := e.current().Pools(skuVisio)[0]
	if a.Free() != 0 || a.WaitingCount() < 18_000 || len(e.errors()) < a.WaitingCount() {
		t.Errorf("%d units free, %d wait, %d errors", a.Free(), a.WaitingCount(), len(e.errors()))
	}
	if status, text := ask("GET", fmt.Sprintf("%s/%s?$expand=waitingMembers", pools, a.ID), ""); status != 200 || !strings.Contains(text, "waitingMembers@odata.nextLink") {
		t.Errorf("%d %.200s", status, text)
	}
	checkUnits(t, e)
	if status, text := ask("POST", uri, body("addLicenses", off(), "removeLicenses", off(visio))); status != 202 {
		t.Fatalf("%d %s", status, text)
	}
	checkUnits(t, e)
	if n := len(e.errors()); n != 6000 {
		t.Errorf("%d errors, want as many as at first", n)
	}
}

// TestGroupEffects tests that the default delay is that of the service.
func TestGroupEffects(t *testing.T) {
	t.Parallel()
	for set, want := range map[time.Duration]time.Duration{0: 5 * time.Second, Immediately: 0, time.Minute: time.Minute} {
		if got := (&Variants{GroupEffects: set}).EffectDelay(); got != want {
			t.Errorf("%s is %s, want %s", set, got, want)
		}
	}
}
