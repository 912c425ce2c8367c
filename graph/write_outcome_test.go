package graph_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/emulator"
)

var thorough = flag.Int("thorough", 1, "try this many times as many changes that go wrong")

const (
	assignmentEndpoint  = "GET /admin/cloudLicensing/assignments/{id}"
	assignmentsOfPeople = "GET /users/{id}/cloudLicensing/assignments"
	foreignPage         = "<html><body>Sorry</body></html>"
)

// assigned assigns a unit of a product to a user and returns the ID of the assignment.
func (g *gateway) assigned(t *testing.T, person string) string {
	t.Helper()
	payload := g.change(t, create, object{"input": object{"skuId": skuE3, "assignedTo": assignees(person)}})
	return payload["results"].([]any)[0].(object)["assignment"].(object)["id"].(string)
}

// pass lets the first request to an endpoint through; a fault injected afterwards applies to the second.
func (g *gateway) pass(endpoint string) {
	g.tenant.Inject(emulator.Fault{Endpoint: endpoint, Rewrite: func(b []byte) []byte { return b }})
}

// TestSpuriousNotFound tests an assignment that is not found when read back, because a replica lags.
func TestSpuriousNotFound(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		mutation, endpoint string
		act                bool
		unlisted           int // status of the list of the assignee's assignments; 0 if it can be read
		misses             int
		want               string
	}{
		"deleted":                             {"delete", deleteEndpoint, true, 0, -1, "DONE"},
		"deleted, list forbidden":             {"delete", deleteEndpoint, true, 403, -1, "UNKNOWN"},
		"deleted, list missing":               {"delete", deleteEndpoint, true, 404, -1, "UNKNOWN"},
		"deleted, list fails":                 {"delete", deleteEndpoint, true, 500, -1, "UNKNOWN"},
		"there":                               {"delete", deleteEndpoint, false, 0, -1, "UNKNOWN"},
		"exists, list forbidden":              {"delete", deleteEndpoint, false, 403, -1, "UNKNOWN"},
		"exists, list missing":                {"delete", deleteEndpoint, false, 404, -1, "UNKNOWN"},
		"exists, list fails":                  {"delete", deleteEndpoint, false, 500, -1, "UNKNOWN"},
		"exists, list forbidden, eventually":  {"delete", deleteEndpoint, false, 403, 2, "UNKNOWN"},
		"changed":                             {"update", changeEndpoint, true, 0, -1, "DONE"},
		"changed, list forbidden, eventually": {"update", changeEndpoint, true, 403, 2, "DONE"},
		"changed, list forbidden":             {"update", changeEndpoint, true, 403, -1, "UNKNOWN"},
		"changed, list missing":               {"update", changeEndpoint, true, 404, -1, "UNKNOWN"},
		"changed, list fails":                 {"update", changeEndpoint, true, 500, -1, "UNKNOWN"},
		"changed, list lags":                  {"update", changeEndpoint, true, 200, -1, "UNKNOWN"},
		"unchanged":                           {"update", changeEndpoint, false, 0, -1, "UNKNOWN"},
		"unchanged, list forbidden":           {"update", changeEndpoint, false, 403, 2, "UNKNOWN"},
		"unchanged, missed once":              {"update", changeEndpoint, false, 403, 1, "UNKNOWN"},
		"missed in both once":                 {"delete", deleteEndpoint, false, 0, 1, "UNKNOWN"},
		"not deleted, missed once":            {"delete", deleteEndpoint, false, 0, 1, "UNKNOWN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{})
			id := g.assigned(t, g.unlicensed(t, 1)[0])
			g.forget()
			g.tenant.Inject(emulator.Fault{Endpoint: tt.endpoint, Cut: true, Act: tt.act})
			g.pass(assignmentEndpoint) // passes the check
			g.tenant.Inject(emulator.Fault{Endpoint: assignmentEndpoint, Status: http.StatusNotFound, Times: tt.misses})
			if name == "missed in both once" {
				g.tenant.Inject(emulator.Fault{Endpoint: assignmentsOfPeople, Body: `{"value":[]}`})
			}
			if tt.unlisted != 0 {
				unlisted := emulator.Fault{Endpoint: assignmentsOfPeople, Status: tt.unlisted, Times: -1}
				if tt.unlisted == http.StatusOK {
					unlisted.Body = `{"value":[]}`
				}
				g.tenant.Inject(unlisted)
			}
			mutation := fmt.Sprintf(`mutation { updateAssignment(input: {id: %q, disabledServicePlans: ["SWAY"]}) { outcome } }`, id)
			if tt.mutation == "delete" {
				mutation = fmt.Sprintf(`mutation { deleteAssignment(input: {id: %q}) { outcome } }`, id)
			}
			r := g.ask(mutation, nil)
			for _, payload := range r.Data {
				if payload.(object)["outcome"] != tt.want || g.written() != 1 {
					t.Errorf("%s", r.raw)
				}
			}
		})
	}
}

// TestIntermediaryResponses tests responses of an intermediary, before or after the change took effect: the change is read
// back.
func TestIntermediaryResponses(t *testing.T) {
	t.Parallel()
	page := map[string]string{"Content-Type": "text/html"}
	for name, fault := range map[string]emulator.Fault{
		"200 with a page":     {Body: foreignPage, Header: page},
		"200 cut short":       {Damage: "truncated", Act: true},
		"404 with a page":     {Status: http.StatusNotFound, Body: foreignPage, Header: page},
		"403 with a page":     {Status: http.StatusForbidden, Body: foreignPage, Header: page},
		"200 with no member":  {Body: `{}`},
		"202 with no member":  {Status: http.StatusAccepted, Body: `{}`},
		"200 of another":      {Body: `{"id":"of-something-else"}`},
		"204":                 {Status: http.StatusNoContent},
		"407":                 {Status: http.StatusProxyAuthRequired},
		"408":                 {Status: http.StatusRequestTimeout},
		"413":                 {Status: http.StatusRequestEntityTooLarge},
		"421":                 {Status: http.StatusMisdirectedRequest},
		"425":                 {Status: http.StatusTooEarly},
		"431":                 {Status: http.StatusRequestHeaderFieldsTooLarge},
		"451":                 {Status: http.StatusUnavailableForLegalReasons},
		"460":                 {Status: 460},
		"494":                 {Status: 494},
		"499":                 {Status: 499, Body: foreignPage, Header: page},
		"503 of no own, late": {Status: http.StatusServiceUnavailable, RetryAfter: "600"},
	} {
		for _, act := range []bool{false, true} {
			if fault.Damage != "" && !act {
				continue
			}
			t.Run(fmt.Sprint(name, act), func(t *testing.T) {
				t.Parallel()
				g := startGateway(t, emulator.Options{Users: 150})
				people := g.unlicensed(t, 4)
				ids := []string{g.assigned(t, people[0]), g.assigned(t, people[1]), g.assigned(t, people[3])}
				want := map[bool]string{true: "DONE", false: "UNKNOWN"}[act]
				for endpoint, mutation := range map[string]string{
					changeEndpoint:  fmt.Sprintf(`updateAssignment(input: {id: %q, disabledServicePlans: ["SWAY"]}) { outcome }`, ids[0]),
					deleteEndpoint:  fmt.Sprintf(`deleteAssignment(input: {id: %q}) { outcome }`, ids[1]),
					createEndpoint:  fmt.Sprintf(`createAssignments(input: {skuId: %q, assignedTo: [{id: %q}]}) { results { outcome } }`, skuE3, people[2]),
					licenseEndpoint: fmt.Sprintf(`assignLicense(input: {assignedTo: {id: %q}, removeLicenses: [%q]}) { outcome }`, people[3], skuE3),
				} {
					if endpoint == deleteEndpoint && fault.Status == http.StatusNoContent {
						continue // the documented response
					}
					g.forget()
					f := fault
					f.Endpoint, f.Act = endpoint, act
					g.tenant.Inject(f)
					r := g.ask("mutation { "+mutation+" }", nil)
					if !strings.Contains(string(r.raw), `"outcome":"`+want+`"`) || g.written() != 1 || (len(clientErrors(r)) == 1) == act {
						t.Errorf("%s: %s, %d sent; want %s", endpoint, r.raw, g.written(), want)
					}
				}
			})
		}
	}
}

// TestThrottledAfterTheEffect throttles a change that took effect. The repetition is rejected, and the outcome is done.
func TestThrottledAfterTheEffect(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusTooManyRequests} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			putOffAfterTheEffect(t, status)
		})
	}
}

func putOffAfterTheEffect(t *testing.T, status int) {
	g := startGateway(t, emulator.Options{})
	people := g.unlicensed(t, 2)
	id := g.assigned(t, people[0])
	for endpoint, mutation := range map[string]string{
		deleteEndpoint:  fmt.Sprintf(`deleteAssignment(input: {id: %q}) { outcome userErrors { code } }`, id),
		createEndpoint:  fmt.Sprintf(`createAssignments(input: {skuId: %q, assignedTo: [{id: %q}]}) { results { outcome assignment { id } } userErrors { code } }`, skuE3, people[1]),
		licenseEndpoint: fmt.Sprintf(`assignLicense(input: {assignedTo: {id: %q}, addLicenses: [{skuId: %q}]}) { outcome userErrors { code } }`, people[0], skuE3),
	} {
		g.forget()
		g.tenant.Inject(emulator.Fault{Endpoint: endpoint, Status: status, RetryAfter: "1", Act: true})
		r := g.ask("mutation { "+mutation+" }", nil)
		if len(r.Errors) > 0 || !strings.Contains(string(r.raw), `"outcome":"DONE"`) || !strings.Contains(string(r.raw), `"userErrors":[]`) || g.written() != 2 {
			t.Errorf("%s: %s, %d sent", endpoint, r.raw, g.written())
		}
	}
	if got := g.directly(t, people[1], "SPE_E3"); len(got) != 1 {
		t.Errorf("%d assignments", len(got))
	}
}

// TestUnlistedOutcome reads a change back without the deciding property, or with the removed license missing once:
// the outcome is unknown.
func TestUnlistedOutcome(t *testing.T) {
	t.Parallel()
	const ofUser, ofGroup = "GET /users/{id}", "GET /groups/{id}"
	without := func(property string) emulator.Fault { return emulator.Fault{Omit: []string{property}, Times: -1} }
	null := func(property string) emulator.Fault {
		return emulator.Fault{Set: object{property: nil}, Times: -1}
	}
	empty := emulator.Fault{Set: object{"licenseAssignmentStates": []any{}}}
	for name, tt := range map[string]struct {
		endpoint, looks string
		fault           emulator.Fault
	}{
		"user, omitted":           {licenseEndpoint, ofUser, without("licenseAssignmentStates")},
		"user, null":              {licenseEndpoint, ofUser, null("licenseAssignmentStates")},
		"user, missing once":      {licenseEndpoint, ofUser, empty},
		"group, omitted":          {ofGroupEndpoint, ofGroup, without("assignedLicenses")},
		"group, null":             {ofGroupEndpoint, ofGroup, null("assignedLicenses")},
		"disabled plans, omitted": {changeEndpoint, assignmentEndpoint, without("disabledServicePlanIds")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{})
			person := g.unlicensed(t, 1)[0]
			id := g.assigned(t, person)
			group := g.nodesOf(t, "groups", fmt.Sprintf("first: 1, filter: {skuId: %q}", skuE3), "id")[0]["id"].(string)
			mutation := fmt.Sprintf(`assignLicense(input: {assignedTo: {id: %q}, removeLicenses: [%q]}) { outcome stale }`, person, skuE3)
			switch tt.endpoint {
			case ofGroupEndpoint:
				mutation = fmt.Sprintf(`assignLicense(input: {assignedTo: {type: GROUP, id: %q}, removeLicenses: [%q]}) { outcome stale }`, group, skuE3)
			case changeEndpoint:
				g.change(t, fmt.Sprintf(`mutation { updateAssignment(input: {id: %q, disabledServicePlans: ["SWAY"]}) { outcome } }`, id), nil)
				mutation = fmt.Sprintf(`updateAssignment(input: {id: %q, disabledServicePlans: []}) { outcome stale }`, id)
			}
			g.forget()
			g.tenant.Inject(emulator.Fault{Endpoint: tt.endpoint, Cut: true})
			g.pass(tt.looks) // passes the check
			tt.fault.Endpoint = tt.looks
			g.tenant.Inject(tt.fault)
			r := g.ask("mutation { "+mutation+" }", nil)
			if !strings.Contains(string(r.raw), `"outcome":"UNKNOWN","stale":true`) || g.written() != 1 {
				t.Errorf("%s", r.raw)
			}
		})
	}
}

// TestRefusedRepetition throttles a change that was not made and rejects its repetition: the outcome is unknown.
func TestRefusedRepetition(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	people := g.unlicensed(t, 2)
	id := g.assigned(t, people[0])
	for endpoint, mutation := range map[string]string{
		deleteEndpoint:  fmt.Sprintf(`deleteAssignment(input: {id: %q}) { outcome }`, id),
		changeEndpoint:  fmt.Sprintf(`updateAssignment(input: {id: %q, disabledServicePlans: ["SWAY"]}) { outcome }`, id),
		createEndpoint:  fmt.Sprintf(`createAssignments(input: {skuId: %q, assignedTo: [{id: %q}]}) { results { outcome } }`, skuE3, people[1]),
		licenseEndpoint: fmt.Sprintf(`assignLicense(input: {assignedTo: {id: %q}, addLicenses: [{skuId: %q}]}) { outcome }`, people[1], skuE3),
	} {
		for _, status := range []int{http.StatusBadRequest, http.StatusNotFound, http.StatusConflict} {
			g.forget()
			g.tenant.Inject(emulator.Fault{Endpoint: endpoint, Status: http.StatusTooManyRequests, RetryAfter: "1"})
			g.tenant.Inject(emulator.Fault{Endpoint: endpoint, Status: status})
			r := g.ask("mutation { "+mutation+" }", nil)
			if !strings.Contains(string(r.raw), `"outcome":"UNKNOWN"`) || g.written() != 2 {
				t.Errorf("%s, %d: %s, %d sent", endpoint, status, r.raw, g.written())
			}
			g.forget()
			g.tenant.Inject(emulator.Fault{Endpoint: endpoint, Status: status}) // of the first attempt
			r = g.ask("mutation { "+mutation+" }", nil)
			if !strings.Contains(string(r.raw), `"outcome":"NOT_DONE"`) || g.written() != 1 {
				t.Errorf("%s, %d at once: %s, %d sent", endpoint, status, r.raw, g.written())
			}
		}
	}
}

// TestDeletedAndThere tests a deleted assignment that is missing when read back and returned later: the payload is
// stale.
func TestDeletedAndThere(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	id := g.assigned(t, g.unlicensed(t, 1)[0])
	g.forget()
	g.tenant.Inject(emulator.Fault{Endpoint: deleteEndpoint, Cut: true})
	g.pass(assignmentEndpoint)
	g.tenant.Inject(emulator.Fault{Endpoint: assignmentEndpoint, Status: http.StatusNotFound, Times: 2})
	g.tenant.Inject(emulator.Fault{Endpoint: assignmentsOfPeople, Body: `{"value":[]}`, Times: 2})
	payload := g.change(t, fmt.Sprintf(`mutation { deleteAssignment(input: {id: %q}) { outcome stale } }`, id), nil)
	if payload["outcome"] != "DONE" || payload["stale"] != true {
		t.Errorf("%v", payload)
	}
}

// TestStale tests payloads that are read before the change is visible.
func TestStale(t *testing.T) {
	t.Parallel()
	for _, lag := range []time.Duration{0, time.Minute} {
		g := startGateway(t, emulator.Options{})
		people := g.unlicensed(t, 5)
		update, remove := g.assigned(t, people[0]), g.assigned(t, people[1])
		g.tenant.SetVariants(emulator.Variants{ReplicationLag: lag})
		r := g.ask(fmt.Sprintf(`mutation {
			created: createAssignments(input: {skuId: %[1]q, disabledServicePlans: ["SWAY"], assignedTo: [{id: %[2]q}, {id: %[3]q}, {id: %[7]q}]}) {
				results { outcome stale assignment { id disabledServicePlans { servicePlanName } allotment { skuPartNumber } assignedTo { id ... on User { displayName } } } }
			}
			updated: updateAssignment(input: {id: %[4]q, disabledServicePlans: ["SWAY"]}) {
				outcome stale assignment { id disabledServicePlans { servicePlanName } allotment { skuPartNumber } assignedTo { id ... on User { displayName } } }
			}
			deleted: deleteAssignment(input: {id: %[5]q}) { outcome stale deletedAssignmentId assignedTo { id } }
			licensed: assignLicense(input: {assignedTo: {id: %[6]q}, addLicenses: [{skuId: %[1]q}]}) { outcome stale assignedTo { id } }
			refused: deleteAssignment(input: {id: "nothing-has-this-id"}) { outcome stale }
		}`, skuE3, people[2], people[3], update, remove, people[4], missingID), nil)
		if len(r.Errors) > 0 {
			t.Fatalf("%s", r.raw)
		}
		results := r.Data["created"].(object)["results"].([]any)
		for i, payload := range []any{results[0], results[1], r.Data["updated"], r.Data["deleted"], r.Data["licensed"]} {
			payload := payload.(object)
			if payload["outcome"] != "DONE" || payload["stale"] != (lag > 0) {
				t.Errorf("after %v, %d: %v", lag, i, payload)
			}
			if i > 2 {
				continue
			}
			a, _ := payload["assignment"].(object)
			if a == nil || a["allotment"].(object)["skuPartNumber"] != "SPE_E3" || a["assignedTo"].(object)["displayName"] == nil {
				t.Fatalf("after %v, %d: %v", lag, i, payload)
			}
			if off := a["disabledServicePlans"].([]any); len(off) != 1 || off[0].(object)["servicePlanName"] != "SWAY" {
				t.Errorf("after %v, %d: %v", lag, i, payload)
			}
		}
		for _, payload := range []any{results[2], r.Data["refused"]} {
			if payload.(object)["stale"] != false {
				t.Errorf("after %v: %v", lag, payload)
			}
		}
	}
}

// TestCreatedWithoutID reads back an assignment whose ID was not returned. The payload is stale until it is visible.
func TestCreatedWithoutID(t *testing.T) {
	t.Parallel()
	for _, lag := range []time.Duration{0, time.Minute} {
		g := startGateway(t, emulator.Options{Variants: emulator.Variants{ReplicationLag: lag}})
		person := g.unlicensed(t, 1)[0]
		g.forget()
		g.tenant.Inject(emulator.Fault{Endpoint: createEndpoint, Omit: []string{"id"}, Act: true})
		r := g.ask(create, object{"input": object{"skuId": skuE3, "assignedTo": assignees(person)}})
		result := r.Data["createAssignments"].(object)["results"].([]any)[0].(object)
		if len(r.Errors) > 0 || result["outcome"] != "DONE" || (result["assignment"] != nil) != (lag == 0) || g.written() != 1 {
			t.Errorf("after %v: %s", lag, r.raw)
		}
		if err := g.tenant.Advance(lag); err != nil {
			t.Fatal(err)
		}
		if got := g.directly(t, person, "SPE_E3"); len(got) != 1 || lag == 0 && result["assignment"].(object)["id"] != got[0] {
			t.Errorf("after %v: %v, %v", lag, got, result)
		}
	}
}

// TestGoneAfterChange tests an assignee that is deleted after the change: the payload has its ID.
func TestGoneAfterChange(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	person := g.unlicensed(t, 1)[0]
	id := g.assigned(t, person)
	for mutation, looks := range map[string]int{
		fmt.Sprintf(`reprocessAssignments(input: {userIds: [%q]}) { results { who: user { id displayName } } }`, person):                                              0,
		fmt.Sprintf(`assignLicense(input: {assignedTo: {id: %q}, addLicenses: [{skuId: %q}]}) { who: assignedTo { id ... on User { displayName } } }`, person, skuE3): 1,
		fmt.Sprintf(`deleteAssignment(input: {id: %q}) { who: assignedTo { id ... on User { displayName } } }`, id):                                                   0,
	} {
		g.tenant.ClearFaults()
		for range looks {
			g.pass("GET /users/{id}")
		}
		g.tenant.Inject(emulator.Fault{Endpoint: "GET /users/{id}", Status: http.StatusNotFound, Times: -1})
		r := g.ask("mutation { "+mutation+" }", nil)
		found := false
		walk(r.Data, func(o object) {
			if who, ok := o["who"].(object); ok {
				found = who["id"] == person && who["displayName"] == nil
			}
		})
		if errs := clientErrors(r); !found || len(errs) != 1 || errs[0].Code != "NOT_FOUND" || !strings.HasSuffix(errs[0].Path, "who.displayName") {
			t.Errorf("%s", r.raw)
		}
	}
}

// TestExactlyOnce makes random changes with lost, late, foreign and repeated responses and lagging reads. Each
// reported outcome is true, and nothing is done twice.
func TestExactlyOnce(t *testing.T) {
	t.Parallel()
	seeds := 10 * *thorough
	said := make(chan string, seeds*8)
	t.Run("seeds", func(t *testing.T) {
		for seed := range uint64(seeds) {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				g := startGateway(t, emulator.Options{Users: 150, Seed: seed})
				g.waits.after = func(d time.Duration) { _ = g.tenant.Advance(d) }
				c := &changesAtRandom{g: g, r: rand.New(rand.NewPCG(seed, 0)), people: g.unlicensed(t, 4)}
				for range 6 {
					said <- c.random(t)
				}
			})
		}
	})
	close(said)
	counts := map[string]int{}
	for outcome := range said {
		counts[outcome]++
	}
	for _, outcome := range []string{"DONE", "NOT_DONE", "UNKNOWN"} {
		if counts[outcome] < seeds/10 {
			t.Errorf("too few cases covered: %v", counts)
		}
	}
}

// TestExactlyOnceTogether assigns units to several users while the batch or its parts fail. Each reported outcome is
// true, and no user has two.
func TestExactlyOnceTogether(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8 * *thorough) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Users: 150, Seed: seed})
			g.waits.after = func(d time.Duration) { _ = g.tenant.Advance(d) }
			c := &changesAtRandom{g: g, r: rand.New(rand.NewPCG(seed, 1)), people: g.unlicensed(t, 4)}
			before := map[string]int{}
			for _, person := range c.people {
				ids, _ := c.units(t, person)
				before[person] = len(ids)
			}
			g.forget()
			g.tenant.SetVariants(emulator.Variants{ReplicationLag: []time.Duration{0, 2 * time.Second, time.Minute}[c.r.IntN(3)]})
			fault, _ := c.fault()
			fault.Endpoint, fault.Times = createEndpoint, 1+c.r.IntN(6)
			if c.r.IntN(2) == 0 { // the whole second batch
				g.pass("POST /$batch")
				fault.Endpoint, fault.Times = "POST /$batch", 1
			}
			g.tenant.Inject(fault)
			r := g.ask(create, object{"input": object{"skuId": skuE3, "assignedTo": assignees(c.people...)}})
			g.tenant.ClearFaults()
			g.tenant.SetVariants(emulator.Variants{})
			_ = g.tenant.Advance(time.Minute)
			for i, result := range r.Data["createAssignments"].(object)["results"].([]any) {
				result := result.(object)
				ids, _ := c.units(t, c.people[i])
				made, outcome := len(ids)-before[c.people[i]], result["outcome"]
				if made > 1 || outcome == "DONE" && made != 1 || outcome == "NOT_DONE" && made != 0 {
					t.Errorf("%d: made %d, with %+v: %s", i, made, fault, r.raw)
				}
				if a, ok := result["assignment"].(object); ok && (outcome != "DONE" || !slices.Contains(ids, a["id"].(string))) {
					t.Errorf("%d: %v of %v", i, a["id"], ids)
				}
			}
		})
	}
}

// changesAtRandom makes random changes of a few users.
type changesAtRandom struct {
	g      *gateway
	r      *rand.Rand
	people []string
}

// units returns the IDs of a user's direct assignments of the product, and whether one has a disabled plan.
func (c *changesAtRandom) units(t *testing.T, person string) (ids []string, off bool) {
	t.Helper()
	r := c.g.ask(fmt.Sprintf(`{ user(id: %q) { assignments { id disabledServicePlanIds allotment { skuId } } } }`, person), nil)
	if len(r.Errors) > 0 {
		t.Fatalf("%s", r.raw)
	}
	for _, a := range r.Data["user"].(object)["assignments"].([]any) {
		if a := a.(object); a["allotment"].(object)["skuId"] == skuE3 {
			ids, off = append(ids, a["id"].(string)), off || len(a["disabledServicePlanIds"].([]any)) > 0
		}
	}
	return ids, off
}

// random makes one change, compares the reported outcome with the tenant, and returns it.
func (c *changesAtRandom) random(t *testing.T) string {
	t.Helper()
	person := c.people[c.r.IntN(len(c.people))]
	before, wasOff := c.units(t, person)
	var endpoint, mutation string
	var made func(ids []string, off bool) bool
	has := func(ids []string, _ bool) bool { return len(ids) == 1 }
	none := func(ids []string, _ bool) bool { return len(ids) == 0 }
	switch way := c.r.IntN(3); {
	case len(before) == 0 && way == 0:
		endpoint, made = licenseEndpoint, has
		mutation = fmt.Sprintf(`assignLicense(input: {assignedTo: {id: %q}, addLicenses: [{skuId: %q}]}) { outcome }`, person, skuE3)
	case len(before) == 0:
		endpoint, made = createEndpoint, has
		mutation = fmt.Sprintf(`createAssignments(input: {skuId: %q, assignedTo: [{id: %q}]}) { results { outcome stale assignment { id } } }`, skuE3, person)
	case way == 0:
		endpoint, made = licenseEndpoint, none
		mutation = fmt.Sprintf(`assignLicense(input: {assignedTo: {id: %q}, removeLicenses: [%q]}) { outcome }`, person, skuE3)
	case way == 1:
		endpoint, made = deleteEndpoint, none
		mutation = fmt.Sprintf(`deleteAssignment(input: {id: %q}) { outcome }`, before[0])
	default:
		endpoint, made = changeEndpoint, func(ids []string, off bool) bool { return len(ids) == 1 && off != wasOff }
		plans := map[bool]string{false: `["SWAY"]`, true: `[]`}[wasOff]
		mutation = fmt.Sprintf(`updateAssignment(input: {id: %q, disabledServicePlans: %s}) { outcome assignment { id } }`, before[0], plans)
	}
	lag := []time.Duration{0, 2 * time.Second, time.Minute}[c.r.IntN(3)]
	fault, putOffs := c.fault()
	fault.Endpoint = endpoint
	c.g.forget()
	c.g.tenant.SetVariants(emulator.Variants{ReplicationLag: lag})
	c.g.tenant.Inject(fault)
	for _, look := range []string{assignmentEndpoint, "GET /users/{id}"} {
		c.g.pass(look)
	}
	c.g.tenant.Inject(emulator.Fault{Endpoint: assignmentEndpoint, Status: http.StatusNotFound, Times: -1, Rate: []float64{0, 0.5, 0.9}[c.r.IntN(3)], Seed: c.r.Uint64(), Until: time.Duration(c.r.IntN(2)) * time.Minute})
	unlisted := []int{http.StatusServiceUnavailable, http.StatusForbidden, http.StatusNotFound, http.StatusInternalServerError}[c.r.IntN(4)]
	c.g.tenant.Inject(emulator.Fault{Endpoint: assignmentsOfPeople, Status: unlisted, Times: -1, Rate: []float64{0.2, 0.8}[c.r.IntN(2)], Seed: c.r.Uint64()})
	c.g.tenant.Inject(emulator.Fault{Endpoint: "GET /users/{id}", Omit: []string{"licenseAssignmentStates"}, Times: -1, Rate: 0.5, Seed: c.r.Uint64()})
	r := c.g.ask("mutation { "+mutation+" }", nil)
	sent := c.g.written()

	c.g.tenant.ClearFaults()
	c.g.tenant.SetVariants(emulator.Variants{})
	_ = c.g.tenant.Advance(time.Minute)
	after, off := c.units(t, person)
	happened := made(after, off)
	payload, _ := r.Data[strings.SplitN(mutation, "(", 2)[0]].(object)
	if results, ok := payload["results"].([]any); ok && len(results) == 1 {
		payload = results[0].(object)
	}
	outcome, _ := payload["outcome"].(string)
	said := fmt.Sprintf("%s with %+v and a lag of %v: %s; %d sent", mutation, fault, lag, r.raw, sent)
	switch {
	case outcome == "DONE" && !happened, outcome == "NOT_DONE" && happened, outcome == "" && sent > 0:
		t.Errorf("happened: %v; %s", happened, said)
	case len(after) > 1 || sent > 1+putOffs:
		t.Errorf("more than once: %v; %s", after, said)
	case outcome == "DONE" && payload["assignment"] == nil && payload["stale"] != true && slices.Contains([]string{createEndpoint, changeEndpoint}, endpoint):
		t.Errorf("no object: %s", said)
	}
	return outcome
}

// fault returns a fault of a change and the number of repetitions it requests.
func (c *changesAtRandom) fault() (f emulator.Fault, putOffs int) {
	f.Act = c.r.IntN(2) == 0
	page := map[string]string{"Content-Type": "text/html"}
	switch c.r.IntN(12) {
	case 0:
		return emulator.Fault{Rewrite: func(b []byte) []byte { return b }}, 0 // no fault
	case 1:
		f.Cut = true
	case 2:
		f.Status = http.StatusGatewayTimeout
	case 3:
		f.Status = http.StatusRequestTimeout
	case 4:
		f.Status, f.Body, f.Header = http.StatusNotFound, foreignPage, page
	case 5:
		f.Body, f.Header = foreignPage, page
	case 6:
		return emulator.Fault{Omit: []string{"id"}}, 0
	case 7:
		f.Status, f.RetryAfter = http.StatusTooManyRequests, "1"
		return f, 1
	case 8:
		return emulator.Fault{Status: http.StatusConflict}, 0
	case 9:
		f.Status, f.Body = []int{http.StatusOK, http.StatusAccepted}[c.r.IntN(2)], "{}"
	case 10:
		f.Status = []int{http.StatusRequestEntityTooLarge, http.StatusRequestHeaderFieldsTooLarge, http.StatusUnavailableForLegalReasons, 494}[c.r.IntN(4)]
	default:
		f.Status, f.RetryAfter, f.Times = http.StatusServiceUnavailable, "1", 1+2*c.r.IntN(2)
		return f, f.Times
	}
	return f, 0
}
