package msgraph

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// clock is a clock that tests set.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// tenant serves a small tenant, and expands relations if it supports the value of $expand.
type tenant struct {
	allowed func(path, expand string) bool
	ignores bool // unsupported relations are omitted instead of rejected
	answers map[string]string
}

func (n tenant) answer(c call) reply {
	var expand string
	for pair := range strings.SplitSeq(c.query, "&") {
		if value, is := strings.CutPrefix(pair, "$expand="); is {
			expand = value
		}
	}
	if expand != "" && !n.allowed(c.path, expand) {
		if !n.ignores {
			return refused
		}
		expand = ""
	}
	body, known := n.answers[c.path+" "+expand]
	if !known {
		return gone
	}
	return ok(body)
}

func showRelated(r licensing.AssignmentRelated) string {
	text := "allotment ?"
	if r.HasAllotment {
		text = "allotment none"
		if r.Allotment != nil {
			text = fmt.Sprintf("allotment %s%v", r.Allotment.Object.ID, r.Allotment.Properties["skuPartNumber"])
		}
	}
	switch {
	case !r.HasAssignedTo:
		text += ", assignedTo ?"
	case r.AssignedTo == nil:
		text += ", assignedTo none"
	default:
		text += fmt.Sprintf(", assignedTo %T %s", r.AssignedTo.Object, r.AssignedTo.Object.ObjectID())
	}
	return text
}

const (
	user1      = `{"@odata.type":"#microsoft.graph.user","id":"u1"}`
	allotment1 = `{"id":"p1","skuPartNumber":"E3"}`
)

// withRelations is the object x and its list, for each value of $expand.
func withRelations(answers map[string]string, list, item string) map[string]string {
	shapes := map[string]string{
		"":                     `{"id":"x"}`,
		"allotment":            `{"id":"x","allotment":` + allotment1 + `}`,
		"assignedTo":           `{"id":"x","assignedTo":` + user1 + `}`,
		"assignedTo,allotment": `{"id":"x","assignedTo":` + user1 + `,"allotment":` + allotment1 + `}`,
	}
	for expand, shape := range shapes {
		if list != "" {
			answers[list+" "+expand] = `{"value":[` + shape + `]}`
		}
		if item != "" {
			answers[item+" "+expand] = shape
		}
	}
	return answers
}

// TestFallbacks tests that relations are loaded if the service rejects or ignores $expand.
func TestFallbacks(t *testing.T) {
	t.Parallel()
	both := []string{"assignedTo", "allotment"}
	const admin = "/admin/cloudLicensing"
	answers := withRelations(map[string]string{}, admin+"/assignments", admin+"/assignments/x")
	withRelations(answers, "/users/u1/cloudLicensing/assignments", "")
	withRelations(answers, "/groups/g1/cloudLicensing/assignments", "")
	withRelations(answers, "/users/u1/cloudLicensing/waitingMembers", "")
	withRelations(answers, "/devices/d1/cloudLicensing/waitingMembers", "")
	withRelations(answers, admin+"/allotments/p1/assignments", "")
	withRelations(answers, admin+"/allotments/p1/waitingMembers", admin+"/allotments/p1/waitingMembers/x")
	for _, place := range []string{admin, "/users/u1/cloudLicensing", "/groups/g1/cloudLicensing"} {
		answers[place+"/assignments/x/allotment "] = `{"value":` + allotment1 + `}`
	}
	answers["/users/u1/cloudLicensing/waitingMembers/x/allotment "] = allotment1
	answers[admin+"/assignments/x/assignedTo "] = user1

	list := func(of string) func(*Batch, func(string)) {
		return func(b *Batch, found func(string)) {
			b.listAssignments(upstream.Query{Of: of}, upstream.Selection{Relations: both}, func(p upstream.Page[*licensing.Assignment], err error) {
				found(showRelated(p.Items[0].Related))
			})
		}
	}
	first := func(found func(string)) func(string, []*licensing.Assignment, error) {
		return func(_ string, a []*licensing.Assignment, err error) { found(showRelated(a[0].Related)) }
	}
	firstWaiting := func(found func(string)) func(string, []*licensing.WaitingMember, error) {
		return func(_ string, w []*licensing.WaitingMember, err error) { found(showRelated(w[0].Related)) }
	}
	const whole, onlyID, unknown = "allotment p1true", "allotment p1false", "allotment ?"
	const user, group, device = ", assignedTo *licensing.User u1", ", assignedTo *licensing.Group g1", ", assignedTo *licensing.Device d1"
	for _, tt := range []struct {
		name string
		add  func(*Batch, func(string))
		// allotment and assignedTo are the separate reads; empty means none.
		allotment, assignedTo string
		// half and alone are the known relations if the allotment or nothing is expanded.
		half, alone string
	}{
		{"assignments of the tenant", list(""),
			"GET /admin/cloudLicensing/assignments/x/allotment", "GET /admin/cloudLicensing/assignments/x/assignedTo", whole + user, whole + user},
		{"assignments of an allotment", list("p1"),
			"", "GET /admin/cloudLicensing/assignments/x/assignedTo", onlyID + user, onlyID + user},
		{"an assignment", func(b *Batch, found func(string)) {
			b.assignmentsByID([]string{"x"}, upstream.Selection{Relations: both}, func(_ string, a *licensing.Assignment, err error) { found(showRelated(a.Related)) })
		}, "GET /admin/cloudLicensing/assignments/x/allotment", "GET /admin/cloudLicensing/assignments/x/assignedTo", whole + user, whole + user},
		{"assignments of users", func(b *Batch, found func(string)) {
			b.assignmentsOfUsers([]string{"u1"}, upstream.Selection{Relations: both}, first(found))
		},
			"GET /users/u1/cloudLicensing/assignments/x/allotment", "", whole + user, whole + user},
		{"assignments of groups", func(b *Batch, found func(string)) {
			b.assignmentsOfGroups([]string{"g1"}, upstream.Selection{Relations: both}, first(found))
		},
			"GET /groups/g1/cloudLicensing/assignments/x/allotment", "", whole + user, whole + group},
		{"waiting members", func(b *Batch, found func(string)) {
			b.listWaitingMembers(upstream.Query{Of: "p1"}, upstream.Selection{Relations: both}, func(p upstream.Page[*licensing.WaitingMember], err error) {
				found(showRelated(p.Items[0].Related))
			})
		}, "", "GET /admin/cloudLicensing/allotments/p1/waitingMembers/x?$expand=assignedTo", onlyID + user, onlyID + user},
		{"waiting members of users", func(b *Batch, found func(string)) {
			b.waitingMembersOfUsers([]string{"u1"}, upstream.Selection{Relations: both}, firstWaiting(found))
		}, "GET /users/u1/cloudLicensing/waitingMembers/x/allotment", "", whole + user, whole + user},
		{"waiting members of devices", func(b *Batch, found func(string)) {
			b.waitingMembersOfDevices([]string{"d1"}, upstream.Selection{Relations: both}, firstWaiting(found))
		}, "", "", unknown + user, unknown + device},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			item := func(path string) bool { return strings.HasSuffix(path, "waitingMembers/x") }
			nothing := func(path, _ string) bool { return item(path) }
			for _, service := range []struct {
				name   string
				tenant tenant
				lists  [2]int // number of list requests, and of those in the next operation
				apart  []string
				want   string
			}{
				{"sends both", tenant{func(string, string) bool { return true }, false, answers}, [2]int{1, 1}, nil, whole + user},
				{"refuses the allotment", tenant{func(path, expand string) bool { return item(path) || expand == "assignedTo" }, false, answers},
					[2]int{2, 1}, []string{tt.allotment}, tt.half},
				{"refuses both", tenant{nothing, false, answers}, [2]int{3, 1}, []string{tt.assignedTo, tt.allotment}, tt.alone},
				{"ignores both", tenant{nothing, true, answers}, [2]int{1, 1}, []string{tt.assignedTo, tt.allotment}, tt.alone},
			} {
				apart := sorted(slices.DeleteFunc(service.apart, func(c string) bool { return c == "" }))
				s := newService(t, service.tenant.answer)
				c := s.client(t)
				for _, lists := range service.lists {
					o := c.Begin()
					b := o.newBatch()
					var got []string
					tt.add(b, func(text string) { got = append(got, text) })
					b.Do(t.Context())
					if diff := cmp.Diff([]string{service.want}, got); diff != "" {
						t.Errorf("%s (-want +got):\n%s", service.name, diff)
					}
					calls := s.texts()
					if len(calls) < lists {
						t.Fatalf("%s: %v", service.name, calls)
					}
					if diff := cmp.Diff(apart, sorted(calls[lists:])); diff != "" {
						t.Errorf("%s: after %v (-want +got):\n%s", service.name, calls[:lists], diff)
					}
					authorized(t, o)
				}
			}
		})
	}
}

// TestRightsFallbacks tests the relations of usage rights.
func TestRightsFallbacks(t *testing.T) {
	t.Parallel()
	const rights = "/users/u1/cloudLicensing/usageRights"
	shapes := map[string]string{
		"":                       `{"id":"r"}`,
		"assignments":            `{"id":"r","assignments":[{"id":"x"}]}`,
		"allotments":             `{"id":"r","allotments":[` + allotment1 + `]}`,
		"assignments,allotments": `{"id":"r","assignments":[{"id":"x"}],"allotments":[` + allotment1 + `]}`,
	}
	answers := map[string]string{rights + "/r/assignments ": `{"value":[{"id":"x"}]}`}
	for expand, shape := range shapes {
		answers[rights+" "+expand] = `{"value":[` + shape + `]}`
		answers[rights+"/r "+expand] = shape
	}
	show := func(right *licensing.UsageRight, err error) string {
		if err != nil {
			return err.Error()
		}
		text := ""
		if right.Related.HasAssignments {
			text = fmt.Sprint("assignments ", ids(right.Related.Assignments))
		}
		if right.Related.HasAllotments {
			text += fmt.Sprint(" allotments ", len(right.Related.Allotments), right.Related.Allotments[0].Object.ID)
		}
		return text
	}
	const whole = "assignments [x] allotments 1p1"
	wanted := []string{"assignments", "allotments"}
	isList := func(path string) bool { return path == rights }
	ofUser := func(path string) bool { return strings.HasPrefix(path, "/users") }
	for _, tt := range []struct {
		name    string
		allowed func(path, expand string) bool
		ignores bool
		want    string
		first   []string // reads after the list
		later   int      // number of reads in the next operation
	}{
		{"all", func(string, string) bool { return true }, false, whole, nil, 1},
		{"the list refuses", func(path, _ string) bool { return !isList(path) }, false, whole,
			[]string{"$expand=assignments,allotments", "$expand=assignments", "", "/r?$select=id&$expand=allotments", "/r/assignments"}, 3},
		{"the list ignores", func(path, _ string) bool { return !isList(path) }, true, whole,
			[]string{"$expand=assignments,allotments", "/r?$select=id&$expand=allotments", "/r/assignments"}, 3},
		{"one at a time", func(_, expand string) bool { return !strings.Contains(expand, ",") }, false, whole,
			[]string{"$expand=assignments,allotments", "$expand=assignments", "/r?$select=id&$expand=allotments"}, 2},
		{"no allotments at all", func(_, expand string) bool { return expand == "assignments" }, false, "assignments [x]",
			[]string{"$expand=assignments,allotments", "$expand=assignments", "/r?$select=id&$expand=allotments", "/r?$select=id"}, 1},
		{"allotments ignored", func(_, expand string) bool { return expand == "assignments" }, true, whole[:15],
			[]string{"$expand=assignments,allotments", "/r?$select=id&$expand=allotments", "/r/assignments"}, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, tenant{tt.allowed, tt.ignores, answers}.answer)
			c := s.client(t)
			for n := range 2 {
				o := c.Begin()
				b := o.newBatch()
				b.usageRightsOfUsers([]licensing.UsageRightsKey{{HolderID: "u1"}}, upstream.Selection{Relations: wanted}, func(_ licensing.UsageRightsKey, got []*licensing.UsageRight, err error) {
					if text := show(got[0], err); text != tt.want {
						t.Errorf("got %s, want %s", text, tt.want)
					}
				})
				b.Do(t.Context())
				calls := s.texts()
				if n == 1 {
					if len(calls) != tt.later {
						t.Errorf("next operation: %v", calls)
					}
					continue
				}
				var short []string
				for _, c := range calls {
					c = strings.TrimPrefix(c, "GET "+rights)
					c = strings.TrimPrefix(c, "?$select=id")
					short = append(short, strings.TrimPrefix(c, "&"))
				}
				if tt.first != nil { // reads of a round have no order
					if diff := cmp.Diff(sorted(tt.first), sorted(short)); diff != "" {
						t.Errorf("calls (-want +got):\n%s", diff)
					}
				}
				authorized(t, o)
			}
			// The same by key; there are no other users or groups with it.
			s = newService(t, func(c call) reply {
				if !ofUser(c.path) {
					return gone
				}
				return tenant{tt.allowed, tt.ignores, answers}.answer(c)
			})
			b := s.client(t).Begin().newBatch()
			b.usageRightsByID([]licensing.UsageRightKey{{HolderID: "u1", ID: "r"}}, upstream.Selection{Relations: wanted}, func(_ licensing.UsageRightKey, right *licensing.UsageRight, err error) {
				if text := show(right, err); text != tt.want {
					t.Errorf("by key: got %s, want %s", text, tt.want)
				}
			})
			b.Do(t.Context())
		})
	}
}

func sorted(texts []string) []string { return slices.Sorted(slices.Values(texts)) }

// TestFallbackFails tests that a relation that cannot be read has an error and is not null.
func TestFallbackFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		alone   reply
		want    string
		failure error
	}{
		{"gone", gone, "allotment none, assignedTo ?", nil},
		{"null", ok(`{"value":null}`), "allotment none, assignedTo ?", nil},
		{"no content", done, "allotment none, assignedTo ?", nil},
		{"refused", refused, "", upstream.ErrNotOffered},
		{"forbidden", forbidden, "", upstream.ErrForbidden},
		{"unreadable", ok(`{"id":5}`), "", upstream.ErrUnavailable},
		{"down", reply{status: 500}, "", upstream.ErrUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, func(c call) reply {
				if strings.HasSuffix(c.path, "/allotment") {
					return tt.alone
				}
				return ok(`{"value":[{"id":"x"},{"id":"y"}]}`)
			})
			b := s.client(t).Begin().newBatch()
			handed := 0
			b.listAssignments(upstream.Query{}, upstream.Selection{Relations: []string{"allotment"}}, func(p upstream.Page[*licensing.Assignment], err error) {
				handed++
				if tt.failure != nil { // affects the relation, not the list
					if err != nil || len(p.Items) != 2 || !errors.Is(p.Items[1].Related.AllotmentErr, tt.failure) || p.Items[1].Related.HasAllotment {
						t.Errorf("%+v, %v", p, err)
					}
					return
				}
				if err != nil || len(p.Items) != 2 || showRelated(p.Items[1].Related) != tt.want {
					t.Errorf("%+v, %v", p, err)
				}
			})
			b.Do(t.Context())
			if handed != 1 {
				t.Errorf("handed over %d times", handed)
			}
		})
	}
}

// TestPartOfARelation tests that an incomplete expanded relation is read again.
func TestPartOfARelation(t *testing.T) {
	t.Parallel()
	s := newService(t, func(c call) reply {
		if strings.HasSuffix(c.path, "/assignments") {
			return ok(`{"value":[{"id":"x"},{"id":"y"}]}`)
		}
		return ok(`{"value":[{"id":"r","assignments":[{"id":"x"}],"assignments@odata.nextLink":"https://graph.example/more"}]}`)
	})
	b := s.client(t).Begin().newBatch()
	var got []string
	b.usageRightsOfGroups([]licensing.UsageRightsKey{{HolderID: "g"}}, upstream.Selection{Relations: []string{"assignments"}}, func(_ licensing.UsageRightsKey, rights []*licensing.UsageRight, err error) {
		got = ids(rights[0].Related.Assignments)
	})
	b.Do(t.Context())
	if diff := cmp.Diff([]string{"x", "y"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestCapabilitiesExpire tests that an expansion is tried again after the capability expires.
func TestCapabilitiesExpire(t *testing.T) {
	t.Parallel()
	s := newService(t, func(c call) reply {
		if strings.Contains(c.query, "$expand") {
			return refused
		}
		return ok(`{"value":[]}`)
	})
	time0 := &clock{time.Date(2026, 9, 25, 8, 0, 0, 0, time.UTC)}
	c := s.client(t, func(o *Options) { o.Now = time0.Now })
	for _, tt := range []struct {
		after time.Duration
		calls int
	}{{0, 3}, {0, 1}, {capabilityLifetime - 1, 1}, {1, 3}, {capabilityLifetime, 3}} {
		time0.now = time0.now.Add(tt.after)
		b := c.Begin().newBatch()
		b.listAssignments(upstream.Query{}, upstream.Selection{Relations: []string{"assignedTo", "allotment"}}, func(upstream.Page[*licensing.Assignment], error) {})
		b.Do(t.Context())
		if calls := s.texts(); len(calls) != tt.calls {
			t.Errorf("at %v: %v", time0.now, calls)
		}
	}
}

// TestEndOfContext tests that all reads complete when the context ends between two rounds.
func TestEndOfContext(t *testing.T) {
	t.Parallel()
	s := newService(t, func(c call) reply {
		if strings.HasSuffix(c.path, "/allotment") {
			return busy
		}
		if c.path == "/subscribedSkus" {
			return busy
		}
		return ok(`{"value":[{"id":"x"}]}`)
	})
	c := s.client(t)
	ctx, cancel := contextThatEnds(t)
	c.wait = cancel
	b := c.Begin().newBatch()
	handed := 0
	b.allSubscribedSkus(upstream.Selection{}, func(_ []*licensing.SubscribedSku, err error) {
		handed++
		if err == nil {
			t.Error("no failure")
		}
	})
	b.listAssignments(upstream.Query{}, upstream.Selection{Relations: []string{"allotment"}}, func(p upstream.Page[*licensing.Assignment], err error) {
		handed++
		if err != nil || p.Items[0].Related.AllotmentErr == nil {
			t.Errorf("%+v, %v", p, err)
		}
	})
	b.Do(ctx)
	if handed != 2 {
		t.Errorf("%d of 2 results", handed)
	}
}
