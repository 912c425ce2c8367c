package emulator

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// TestState saves a changed tenant, and compares the answers of another
// process that loads it, byte by byte.
func TestState(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	user := c.newUser("kept", "usageLocation", "DE")
	c.write("POST", "/v1.0/users/"+user+"/assignLicense", body("addLicenses", []row{{"skuId": skuID(skuE3)}}, "removeLicenses", off()), 200)
	c.write("POST", "/beta/groups/"+c.of("board")+"/cloudLicensing/assignments", body(allotmentBind, bind(allotmentSet+"/"+c.pool(skuVisio, 0)), disabledPlans, off()), 201)
	everything := func(c *client) map[string]any {
		all := map[string]any{}
		for _, uri := range []string{
			"/beta/users?$select=id,displayName,mail,proxyAddresses,usageLocation,assignedLicenses,licenseAssignmentStates,createdDateTime,userType",
			pools + "?$expand=waitingMembers", granted + "?$expand=assignedTo", "/beta/admin/cloudLicensing/assignmentErrors?$expand=assignedTo",
			"/v1.0/subscribedSkus", "/v1.0/groups?$select=id,displayName,assignedLicenses,licenseProcessingState,createdDateTime",
		} {
			all[uri] = c.all(uri)
		}
		return all
	}
	want := everything(c)
	saved := c.steer("GET", "state", "")
	if saved.status != 200 {
		t.Fatalf("%s", saved.raw)
	}
	text := saved.raw

	other := start(t, Options{State: bytes.NewReader(text)})
	other.token = other.newToken()
	if diff := difference(want, everything(other)); diff != "" {
		t.Errorf("another process (-saved +loaded):\n%s", diff)
	}
	other.directory("DELETE", "users/"+user, 204)
	other.Reset()
	if diff := difference(want, everything(other)); diff != "" {
		t.Errorf("reset (-saved +loaded):\n%s", diff)
	}

	c.Reset()
	if r := c.get("/v1.0/users/" + user); r.status != 404 {
		t.Fatalf("after a reset: %d", r.status)
	}
	if r := c.steer("PUT", "state", string(text)); r.status != 200 {
		t.Fatalf("%s", r.raw)
	}
	if diff := difference(want, everything(c)); diff != "" {
		t.Errorf("put back (-saved +loaded):\n%s", diff)
	}
	for _, wrong := range []string{"", "{", `{"format":"licensegraph tenant 1","tenantId":"` + user + `"}`, strings.Replace(string(text), `"seed":1`, `"seed":2`, 1)} {
		if r := c.steer("PUT", "state", wrong); r.status != 400 {
			t.Errorf("%.60q: %s", wrong, r.raw)
		}
	}
	if _, err := Open(Options{State: strings.NewReader("{}")}); err == nil {
		t.Error("an invalid state is accepted")
	}
	var again bytes.Buffer
	if err := c.Save(&again); err != nil || again.String() != string(text) {
		t.Errorf("what was refused has changed something: %v", err)
	}
}

// TestCommerce adds a unit for the first user in the queue, and ends a
// purchase.
func TestCommerce(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	allotment := c.pool(skuCopilot, 0)
	queue := pools + "/" + allotment + "/waitingMembers"
	before, allotted := len(c.all(queue)), 0
	allotted, _ = c.units(skuCopilot, 0)
	steer := func(path, text string, want int) {
		t.Helper()
		if r := c.steer("PATCH", path, text); r.status != want {
			t.Errorf("%s %s: %s", path, text, r.raw)
		}
	}
	steer("allotments/"+allotment, body("allottedUnits", allotted+3), 200)
	if n := len(c.all(queue)); n != before-3 {
		t.Errorf("%d wait, %d before", n, before)
	}
	steer("allotments/"+allotment, body("allottedUnits", allotted-5), 200)
	if units, used := c.units(skuCopilot, 0); units != allotted-5 || used != allotted+3 {
		t.Errorf("%d of %d: what is in use stays in grace", used, units)
	}
	holder := c.userID(c.userWhere(func(i int32) bool { return c.current().HasProduct(i, skuCopilot) }))
	steer("allotments/"+allotment, body("state", "suspended"), 200)
	sku := index(c.all("/v1.0/subscribedSkus"), "skuPartNumber")["Microsoft_365_Copilot"]
	if str(sku, "capabilityStatus") != "Suspended" {
		t.Errorf("%v", sku)
	}
	disabled := false
	for _, s := range c.states(holder) {
		disabled = disabled || str(s, "skuId") == skuID(skuCopilot) && str(s, "state") == "Disabled"
	}
	if !disabled {
		t.Errorf("a suspended product: %v", c.states(holder))
	}
	steer("users/"+holder, `{"busy":"true"}`, 200)
	c.directory("POST", "users/"+holder+"/assignLicense", 200, "addLicenses", []row{}, "removeLicenses", off())
	steer("allotments/nothing", `{"allottedUnits":1}`, 404)
	steer("allotments/"+allotment, `{"allottedUnits":-1}`, 200)
	steer("allotments/"+allotment, `{"allottedUnits":-2}`, 400)
	steer("allotments/"+allotment, `{"state":"gone"}`, 400)
	steer("users/nobody", `{"busy":"true"}`, 404)
	steer("users/"+holder, `{"busy":"perhaps"}`, 400)
	steer("users/"+holder, `{"proxyAddresses":["no address"]}`, 400)
	checkUnits(t, c.Emulator)
}

// TestReplicationLag tests that reads return a change only after the lag.
func TestReplicationLag(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60, Variants: Variants{ReplicationLag: 30 * time.Second}})
	_, link := c.follow("/v1.0/users/delta?$select=displayName&$deltatoken=latest")
	user := c.newUser("late", "usageLocation", "DE")
	seen := func() int {
		list, _ := c.follow(link)
		return len(list)
	}
	if r := c.get("/v1.0/users/" + user); r.status != 404 || seen() != 0 {
		t.Errorf("at once: %d", r.status)
	}
	c.directory("PATCH", "users/"+user, 204, "displayName", "Later") // Writes see the change.
	c.later(29 * time.Second)
	if r := c.get("/v1.0/users/" + user); r.status != 404 {
		t.Errorf("a second before: %d", r.status)
	}
	c.later(time.Second)
	if got := c.ok("/v1.0/users/" + user); str(got, "displayName") != "Later" || seen() != 1 {
		t.Errorf("afterwards: %v", got)
	}
	c.directory("PATCH", "users/"+user, 204, "displayName", "Latest")
	if got := c.ok("/v1.0/users/" + user); str(got, "displayName") != "Later" {
		t.Errorf("the next change: %v", got)
	}
}
