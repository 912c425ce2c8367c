package msgraph

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// results collects the results of reads as text.
type results struct{ lines []string }

func (r *results) add(key string, value any, err error) {
	r.lines = append(r.lines, strings.TrimSpace(fmt.Sprintf("%s %s", key, describe(value, err))))
}

func describe(value any, err error) string {
	if err != nil {
		return "error"
	}
	switch v := value.(type) {
	case []string:
		return "[" + strings.Join(v, " ") + "]"
	case licensing.Node:
		return v.ObjectID()
	case *licensing.Reference:
		return fmt.Sprintf("%T %s", v.Object, v.Object.ObjectID())
	}
	return fmt.Sprint(value)
}

func ids[T any](entities []T) []string {
	all := []string{}
	for _, e := range entities {
		all = append(all, reflect.ValueOf(e).Elem().FieldByName("ID").String())
	}
	return all
}

func refIDs(refs []*licensing.Reference) []string {
	all := []string{}
	for _, ref := range refs {
		all = append(all, fmt.Sprintf("%T:%s", ref.Object, ref.Object.ObjectID()))
	}
	return all
}

const (
	sku1  = licensing.GUID("05e9a617-0261-4cee-bb44-138d3ef5d965")
	sku2  = licensing.GUID("c7df2760-2c81-4ef7-b578-5b5392b571df")
	plan1 = licensing.GUID("9aaf7827-d63c-4b61-89c3-182f06f82e5c")
)

// TestReads tests the requests of each read, without errors.
func TestReads(t *testing.T) {
	t.Parallel()
	abc := `{"value":[{"id":"a"},{"id":"b"},{"id":"c"}]}`
	for _, tt := range []struct {
		name string
		add  func(*Batch, *results)
		body string // of each response
		want []string
		got  []string // results
	}{
		{"me without a user", func(b *Batch, r *results) {
			b.me(upstream.Selection{Properties: []string{"mail"}}, func(user *licensing.User, err error) { r.add("me", user, err) })
		}, abc, nil, []string{"me error"}},
		{"users", func(b *Batch, r *results) {
			b.listUsers(upstream.Query{Top: 5000}, upstream.Selection{Properties: []string{"mail"}}, func(p upstream.Page[*licensing.User], err error) { r.add("", ids(p.Items), err) })
		}, abc, []string{"GET /users?$select=id,mail&$top=999"}, []string{"[a b c]"}},
		{"groups with errors", func(b *Batch, r *results) {
			q := upstream.Query{Top: 5, Filter: upstream.Filter{WithLicenseErrors: true, SkuID: string(sku1), DisplayNamePrefix: "x'y"}}
			b.listGroups(q, upstream.Selection{}, func(p upstream.Page[*licensing.Group], err error) { r.add("", ids(p.Items), err) })
		}, `{"value":[{"id":"a","displayName":"X'Yz","assignedLicenses":[{"skuId":"` + strings.ToUpper(string(sku1)) + `"}]},{"id":"b","displayName":"x'y","assignedLicenses":[]},{"id":"c","displayName":null,"assignedLicenses":[{"skuId":"` + string(sku1) + `"}]}]}`,
			[]string{"GET /groups?$filter=hasMembersWithLicenseErrors eq true&$select=assignedLicenses,displayName,id&$top=5"}, []string{"[a]"}},
		{"a person whose sign-in name begins with a dollar", func(b *Batch, r *results) {
			b.usersByPrincipalName([]string{"$o'neil#ext#@licensegraph.example"}, upstream.Selection{}, func(name string, u *licensing.User, err error) { r.add("u", u, err) })
		}, `{"id":"a"}`, []string{"GET /users('$o%27%27neil%23ext%23@licensegraph.example')?$select=id"}, []string{"u a"}},
		{"members", func(b *Batch, r *results) {
			q := upstream.Query{Of: "g/1", Top: 2000}
			b.listMembers(q, upstream.Selection{Properties: []string{"displayName", "assignedLicenses"}}, func(p upstream.Page[*licensing.Reference], err error) { r.add("", refIDs(p.Items), err) })
		}, `{"value":[{"@odata.type":"#microsoft.graph.user","id":"a"},{"@odata.type":"#microsoft.graph.device","id":"b"},{"@odata.type":"#microsoft.graph.group","id":"c"},{"@odata.type":"#microsoft.graph.orgContact","id":"d"}]}`,
			[]string{"GET /groups/g%2F1/members?$select=displayName,id,userPrincipalName&$top=999"},
			[]string{"[*licensing.User:a *licensing.Device:b *licensing.Group:c *licensing.OtherDirectoryObject:d]"}},
		{"members with errors", func(b *Batch, r *results) {
			q := upstream.Query{Of: "g", Top: 2000}
			b.listMembersWithLicenseErrors(q, upstream.Selection{Properties: []string{"mail"}}, func(p upstream.Page[*licensing.Reference], err error) { r.add("", refIDs(p.Items), err) })
		}, abc, []string{"GET /groups/g/membersWithLicenseErrors?$select=id,mail,userPrincipalName&$top=100"}, []string{"[*licensing.User:a *licensing.User:b *licensing.User:c]"}},
		{"assignment errors", func(b *Batch, r *results) {
			q := upstream.Query{Top: 500, Filter: upstream.Filter{SkuID: string(sku1)}}
			b.listAssignmentErrors(q, upstream.Selection{Relations: []string{"assignedTo"}}, func(p upstream.Page[*licensing.AssignmentError], err error) { r.add("", ids(p.Items), err) })
		}, abc, []string{"GET /admin/cloudLicensing/assignmentErrors?$expand=assignedTo&$filter=skuId eq " + string(sku1) + "&$top=500"}, []string{"[a b c]"}},
		{"assignment errors of a user", func(b *Batch, r *results) {
			q := upstream.Query{Top: 5, Filter: upstream.Filter{AssignedTo: "u"}}
			b.listAssignmentErrors(q, upstream.Selection{}, func(p upstream.Page[*licensing.AssignmentError], err error) { r.add("", ids(p.Items), err) })
		}, abc, []string{"GET /users/u/cloudLicensing/assignmentErrors?$top=5"}, []string{"[a b c]"}},
		{"assignments", func(b *Batch, r *results) {
			b.listAssignments(upstream.Query{Top: 20}, upstream.Selection{}, func(p upstream.Page[*licensing.Assignment], err error) { r.add("", ids(p.Items), err) })
		}, abc, []string{"GET /admin/cloudLicensing/assignments?$top=20"}, []string{"[a b c]"}},
		{"assignments of an allotment", func(b *Batch, r *results) {
			b.listAssignments(upstream.Query{Of: "p"}, upstream.Selection{}, func(p upstream.Page[*licensing.Assignment], err error) { r.add("", ids(p.Items), err) })
		}, abc, []string{"GET /admin/cloudLicensing/allotments/p/assignments"}, []string{"[a b c]"}},
		{"waiting members", func(b *Batch, r *results) {
			b.listWaitingMembers(upstream.Query{Of: "p", Top: 101}, upstream.Selection{}, func(p upstream.Page[*licensing.WaitingMember], err error) { r.add("", ids(p.Items), err) })
		}, abc, []string{"GET /admin/cloudLicensing/allotments/p/waitingMembers?$top=101"}, []string{"[a b c]"}},
		{"allotments", func(b *Batch, r *results) {
			b.allAllotments(upstream.Selection{Properties: []string{"subscriptions", "assignments", "waitingMembers"}}, func(a []*licensing.Allotment, err error) { r.add("", ids(a), err) })
		}, abc, []string{"GET /admin/cloudLicensing/allotments?$select=id,subscriptions"}, []string{"[a b c]"}},
		{"one allotment", func(b *Batch, r *results) {
			b.allotmentsByID([]string{"a"}, upstream.Selection{Properties: []string{"skuId"}}, func(_ string, a *licensing.Allotment, err error) { r.add("a", a, err) })
		}, `{"id":"a"}`, []string{"GET /admin/cloudLicensing/allotments/a?$select=id,skuId"}, []string{"a a"}},
		{"one allotment in an envelope", func(b *Batch, r *results) {
			b.allotmentsByID([]string{"a"}, upstream.Selection{}, func(_ string, a *licensing.Allotment, err error) { r.add("a", a, err) })
		}, `{"value":{"id":"a"}}`, []string{"GET /admin/cloudLicensing/allotments/a?$select=id"}, []string{"a a"}},
		{"devices", func(b *Batch, r *results) {
			b.devicesByID([]string{"a", "b"}, upstream.Selection{Properties: []string{"deviceId", "operatingSystem"}}, func(id string, d *licensing.Device, err error) { r.add(id, d, err) })
		}, abc, []string{`POST /directoryObjects/getByIds?$select=deviceId,id,operatingSystem`}, []string{"a a", "b b", "c c"}},
		{"an assignment", func(b *Batch, r *results) {
			b.assignmentsByID([]string{"a"}, upstream.Selection{}, func(id string, a *licensing.Assignment, err error) { r.add(id, a, err) })
		}, `{"value":{"id":"a"}}`, []string{"GET /admin/cloudLicensing/assignments/a"}, []string{"a a"}},
		{"assignments of users", func(b *Batch, r *results) {
			b.assignmentsOfUsers([]string{"u"}, upstream.Selection{}, func(id string, a []*licensing.Assignment, err error) { r.add(id, ids(a), err) })
		}, abc, []string{"GET /users/u/cloudLicensing/assignments"}, []string{"u [a b c]"}},
		{"assignments of groups", func(b *Batch, r *results) {
			b.assignmentsOfGroups([]string{"g"}, upstream.Selection{}, func(id string, a []*licensing.Assignment, err error) { r.add(id, ids(a), err) })
		}, abc, []string{"GET /groups/g/cloudLicensing/assignments"}, []string{"g [a b c]"}},
		{"waiting members of users", func(b *Batch, r *results) {
			b.waitingMembersOfUsers([]string{"u"}, upstream.Selection{}, func(id string, w []*licensing.WaitingMember, err error) { r.add(id, ids(w), err) })
		}, abc, []string{"GET /users/u/cloudLicensing/waitingMembers"}, []string{"u [a b c]"}},
		{"waiting members of devices", func(b *Batch, r *results) {
			b.waitingMembersOfDevices([]string{"d"}, upstream.Selection{}, func(id string, w []*licensing.WaitingMember, err error) { r.add(id, ids(w), err) })
		}, abc, []string{"GET /devices/d/cloudLicensing/waitingMembers"}, []string{"d [a b c]"}},
		{"license details", func(b *Batch, r *results) {
			b.licenseDetailsOfUsers([]string{"u"}, upstream.Selection{Properties: []string{"skuId"}}, func(id string, d []*licensing.LicenseDetails, err error) { r.add(id, ids(d), err) })
		}, abc, []string{"GET /users/u/licenseDetails?$select=id,skuId"}, []string{"u [a b c]"}},
		{"usage rights of users", func(b *Batch, r *results) {
			key := licensing.UsageRightsKey{HolderID: "u"}
			b.usageRightsOfUsers([]licensing.UsageRightsKey{key}, upstream.Selection{Properties: []string{"services", "assignments", "allotments"}}, func(key licensing.UsageRightsKey, rights []*licensing.UsageRight, err error) {
				r.add(key.HolderID, ids(rights), err)
			})
		}, abc, []string{"GET /users/u/cloudLicensing/usageRights?$select=id,services"}, []string{"u [a b c]"}},
		{"usage rights of groups with a product", func(b *Batch, r *results) {
			key := licensing.UsageRightsKey{HolderID: "g", SkuIDs: string(sku1)}
			b.usageRightsOfGroups([]licensing.UsageRightsKey{key}, upstream.Selection{}, func(key licensing.UsageRightsKey, rights []*licensing.UsageRight, err error) {
				r.add(key.HolderID, ids(rights), err)
			})
		}, abc, []string{"GET /groups/g/cloudLicensing/usageRights?$filter=skuId eq " + string(sku1) + "&$select=id"}, []string{"g [a b c]"}},
		{"usage rights of devices with products and a plan", func(b *Batch, r *results) {
			key := licensing.UsageRightsKey{HolderID: "d", SkuIDs: string(sku1 + "," + sku2), PlanIDs: string(plan1)}
			b.usageRightsOfDevices([]licensing.UsageRightsKey{key}, upstream.Selection{}, func(key licensing.UsageRightsKey, rights []*licensing.UsageRight, err error) {
				r.add(key.HolderID, ids(rights), err)
			})
		}, abc, []string{"GET /devices/d/cloudLicensing/usageRights?$filter=skuId in (" + string(sku1) + ", " + string(sku2) + ") and services/any(c:c/planId eq " + string(plan1) + ")&$select=id"}, []string{"d [a b c]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, func(call) reply { return ok(tt.body) })
			o := s.client(t).Begin()
			b := o.newBatch()
			var r results
			tt.add(b, &r)
			if len(r.lines) > 0 {
				t.Fatalf("%v before Do", r.lines)
			}
			b.Do(t.Context())
			if diff := cmp.Diff(tt.want, s.texts()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.got, r.lines); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
			authorized(t, o)

			// The same in a batch.
			b = o.newBatch()
			r = results{}
			tt.add(b, &r)
			for range 2 {
				b.allSubscribedSkus(upstream.Selection{}, func([]*licensing.SubscribedSku, error) {})
			}
			b.Do(t.Context())
			var parts []string
			for _, c := range s.calls() {
				if !c.batched {
					t.Errorf("%v not in a batch", c)
				}
				if c.path != "/subscribedSkus" {
					parts = append(parts, c.String())
				}
			}
			if diff := cmp.Diff(tt.want, parts); diff != "" {
				t.Errorf("parts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.got, r.lines, cmpopts.SortSlices(strings.Compare)); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTypes tests that getByIds requests devices only.
func TestTypes(t *testing.T) {
	t.Parallel()
	s := newService(t, func(call) reply { return ok(`{"value":[]}`) })
	b := s.client(t).Begin().newBatch()
	b.devicesByID([]string{"a"}, upstream.Selection{Properties: []string{"displayName", "licenseAssignmentStates"}}, func(string, *licensing.Device, error) {})
	b.Do(t.Context())
	calls := s.calls()
	if len(calls) != 1 || calls[0].body != `{"ids":["a"],"types":["device"]}` || calls[0].query != "$select=displayName,id" {
		t.Errorf("%v with %s", calls, calls[0].body)
	}
}

// TestInaccessibleObjects tests that inaccessible objects, which have only an ID, are forbidden.
func TestInaccessibleObjects(t *testing.T) {
	t.Parallel()
	for kind, permission := range map[string]string{"user": "User.Read.All", "group": "GroupMember.Read.All"} {
		s := newService(t, func(call) reply {
			return ok(`{"value":[{"@odata.type":"#microsoft.graph.` + kind + `","id":"a","displayName":null},{"@odata.type":"#microsoft.graph.device","id":"b"}]}`)
		})
		b := s.client(t).Begin().newBatch()
		named, bare := map[string]error{}, map[string]error{}
		b.directoryObjectsByID([]string{"a", "b"}, upstream.Selection{Properties: []string{"displayName"}}, func(id string, _ *licensing.Reference, err error) { named[id] = err })
		b.directoryObjectsByID([]string{"a", "b"}, upstream.Selection{Properties: []string{"id"}}, func(id string, _ *licensing.Reference, err error) { bare[id] = err })
		b.Do(t.Context())
		failure, _ := errors.AsType[*upstream.Error](named["a"])
		if failure == nil || !errors.Is(failure, upstream.ErrForbidden) || failure.Permission != permission || named["b"] != nil || len(named) != 2 {
			t.Errorf("%s: %v", kind, named)
		}
		if len(bare) != 2 || bare["a"] != nil || bare["b"] != nil {
			t.Errorf("%s by ids alone: %v", kind, bare)
		}
	}
}

// TestGetByIDs reads objects by ID: simple properties with getByIds, others and missing ones separately.
func TestGetByIDs(t *testing.T) {
	t.Parallel()
	const bulk = "POST /directoryObjects/getByIds?$select=department,id,userPrincipalName"
	filtered := func(ids string) string { return "GET /users?$filter=id in (" + ids + ")&$select=department,id" }
	for _, tt := range []struct {
		name        string
		bulk        string
		first, then []string
		want        []string
	}{
		{"brings all", `{"value":[{"id":"a","userPrincipalName":"a@x","department":null},{"id":"b","userPrincipalName":"b@x","department":"B"}]}`, []string{bulk}, []string{bulk}, []string{"a ", "b B"}},
		{"ignores what is selected", `{"value":[{"id":"a","userPrincipalName":"a@x","mail":"m"},{"id":"b","userPrincipalName":"b@x"}]}`,
			[]string{bulk, filtered("'a','b'")}, []string{bulk, filtered("'a','b'")}, []string{"a x", "b x"}},
		{"shows one in part", `{"value":[{"id":"a","userPrincipalName":"a@x","department":"A"},{"id":"b","userPrincipalName":"b@x"}]}`,
			[]string{bulk, filtered("'b'")}, []string{bulk, filtered("'b'")}, []string{"a A", "b x"}},
		{"brings another kind", `{"value":[{"id":"a","userPrincipalName":"a@x","department":"A"},{"@odata.type":"#microsoft.graph.group","id":"b"}]}`, []string{bulk}, []string{bulk}, []string{"a A"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, func(c call) reply {
				if c.method == "POST" {
					return ok(tt.bulk)
				}
				var users []string
				for _, id := range []string{"a", "b"} {
					if strings.Contains(c.query, "'"+id+"'") {
						users = append(users, `{"id":"`+id+`","department":"x"}`)
					}
				}
				return ok(`{"value":[` + strings.Join(users, ",") + `]}`)
			})
			c := s.client(t)
			for _, calls := range [][]string{tt.first, tt.then} {
				var r results
				b := c.Begin().newBatch()
				b.usersByID([]string{"a", "b", "c"}, upstream.Selection{Properties: []string{"department"}}, func(id string, user *licensing.User, err error) {
					department := ""
					if user.Department != nil {
						department = *user.Department
					}
					r.lines = append(r.lines, id+" "+department)
				})
				b.Do(t.Context())
				if diff := cmp.Diff(calls, s.texts()); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.want, r.lines); diff != "" {
					t.Errorf("users (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestRightByKey finds a usage right by ID under the user or the group.
func TestRightByKey(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"/users", "/groups"} {
		s := newService(t, func(c call) reply {
			if strings.HasPrefix(c.path, kind) {
				return ok(`{"id":"r"}`)
			}
			return gone
		})
		b := s.client(t).Begin().newBatch()
		var got *licensing.UsageRight
		b.usageRightsByID([]licensing.UsageRightKey{{HolderID: "h", ID: "r"}}, upstream.Selection{}, func(_ licensing.UsageRightKey, right *licensing.UsageRight, err error) {
			got = right
		})
		b.Do(t.Context())
		if got == nil || got.ID != "r" || *got.HolderID != "h" {
			t.Errorf("%s: %+v", kind, got)
		}
	}
	s := newService(t, func(call) reply { return gone })
	b := s.client(t).Begin().newBatch()
	var failure error
	b.usageRightsByID([]licensing.UsageRightKey{{HolderID: "h", ID: "r"}}, upstream.Selection{Relations: []string{"allotments"}}, func(_ licensing.UsageRightKey, _ *licensing.UsageRight, err error) {
		failure = err
	})
	b.Do(t.Context())
	if !errors.Is(failure, upstream.ErrNotFound) {
		t.Error(failure)
	}
}
