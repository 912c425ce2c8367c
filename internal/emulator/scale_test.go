//go:build slow

package emulator

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"licensegraph/internal/emulator/tenant"
)

// scaled is a tenant with a number of users that answers in this process.
type scaled struct {
	e     *Emulator
	token string
}

func newScaled(users int) *scaled {
	e := New(Options{Users: users, Variants: Variants{Throttling: Throttling{Off: true}, GroupEffects: Immediately}})
	token, _ := e.entra.ApplicationToken(nil)
	return &scaled{e, token}
}

func (s *scaled) ask(tb testing.TB, method, uri, body string, want int) *recorder {
	req, err := http.NewRequestWithContext(tb.Context(), method, "http://graph"+uri, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer " + s.token}, "Content-Type": {"application/json"}, "Consistencylevel": {"eventual"}}
	w := &recorder{header: http.Header{}}
	if s.e.ServeHTTP(w, req); w.status != want {
		tb.Fatalf("%s %s: %d %.300s", method, uri, w.status, w.body.String())
	}
	return w
}

// requests are the requests whose cost is that of the page that they return.
func (s *scaled) requests() map[string]string {
	e := s.e
	person := e.userID(e.userWhere(func(i int32) bool { return len(e.current().Rights(tenant.Ref{At: i})) == 2 }))
	group := "/groups/" + e.groupID(e.groupNamed("e3-emea"))
	x := e.errorWhere(func(x tenant.AssignmentError) bool { return x.Sku == skuF3 })
	pool := pools + "/" + e.current().Pools(skuCopilot)[0].ID
	next := func(uri string) string {
		w := &recorder{header: http.Header{}}
		req, _ := http.NewRequest(http.MethodGet, "http://graph"+uri, nil)
		req.Header.Set("Authorization", "Bearer "+s.token)
		e.ServeHTTP(w, req)
		_, link, _ := strings.Cut(w.body.String(), `"@odata.nextLink":"http://graph`)
		link, _, _ = strings.Cut(link, `"`)
		return link
	}
	return map[string]string{
		"users":                "/v1.0/users?$top=100",
		"users, next":          next("/v1.0/users?$top=100"),
		"users, states":        "/v1.0/users?$top=100&$select=id,licenseAssignmentStates",
		"users, filter":        "/v1.0/users?$top=20&$filter=department%20eq%20'Legal'",
		"users, count":         "/v1.0/users?$top=1&$count=true",
		"users, licensed":      "/v1.0/users?$top=20&$count=true&$filter=assignedLicenses/any(l:l/skuId%20eq%20" + skuID(skuE3) + ")",
		"users, by id":         "/v1.0/users?$filter=id%20in%20('" + person + "')",
		"user":                 "/v1.0/users/" + person,
		"user's rights":        "/beta/users/" + person + "/cloudLicensing/usageRights?$expand=assignments,allotments",
		"groups":               "/v1.0/groups?$top=20",
		"members":              "/v1.0" + group + "/members?$top=100",
		"members, count":       "/v1.0" + group + "/members?$top=1&$count=true",
		"members with errors":  "/v1.0" + group + "/membersWithLicenseErrors?$top=10",
		"group's rights":       "/beta" + group + "/cloudLicensing/usageRights",
		"errors":               "/beta/admin/cloudLicensing/assignmentErrors?$top=50&$expand=assignedTo",
		"errors, of a product": "/beta/admin/cloudLicensing/assignmentErrors?$top=20&$filter=skuId%20eq%20" + skuID(skuF3),
		"error":                "/beta/admin/cloudLicensing/assignmentErrors/" + e.current().ErrorID(x),
		"assignments":          granted + "?$top=30&$expand=assignedTo",
		"assignment":           granted + "/" + e.firstAssignment(),
		"allotments":           pools,
		"queue":                pool + "/waitingMembers?$top=30",
		"products":             "/v1.0/subscribedSkus",
		"delta":                "/v1.0/users/delta?$select=displayName",
	}
}

// TestCostOfPages tests that a request allocates no more in a tenant that
// is a hundred times as large.
func TestCostOfPages(t *testing.T) {
	small, large := newScaled(1000), newScaled(100_000)
	of := large.requests()
	for name, uri := range small.requests() {
		allocations := func(s *scaled, uri string) float64 {
			return testing.AllocsPerRun(5, func() { s.ask(t, "GET", uri, "", 200) })
		}
		a, b := allocations(small, uri), allocations(large, of[name])
		if b > 1.25*a+50 {
			t.Errorf("%s: %.0f allocations with a thousand users, %.0f with a hundred thousand", name, a, b)
		}
	}
}

// BenchmarkRequest measures each request in tenants of three sizes.
func BenchmarkRequest(b *testing.B) {
	for _, users := range []int{1000, 100_000, 1_000_000} {
		var s *scaled
		b.Run(fmt.Sprintf("users=%d", users), func(b *testing.B) {
			if s == nil {
				s = newScaled(users)
			}
			for name, uri := range s.requests() {
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						s.ask(b, "GET", uri, "", 200)
					}
				})
			}
			person := s.e.userID(s.e.userWhere(func(i int32) bool { return len(s.e.current().Licenses(i)) == 0 && !s.e.current().User(i).Guest() }))
			b.Run("assign and unassign", func(b *testing.B) {
				b.ReportAllocs()
				uri := "/beta/users/" + person + "/cloudLicensing/assignments"
				text := body(allotmentBind, bind(allotmentSet+"/"+s.e.current().Pools(skuE5)[1].ID), disabledPlans, off())
				for b.Loop() {
					made := s.ask(b, "POST", uri, text, 201).body.String()
					_, id, _ := strings.Cut(made, `"id":"`)
					id, _, _ = strings.Cut(id, `"`)
					s.ask(b, "DELETE", uri+"/"+id, "", 204)
				}
			})
		})
	}
}

// BenchmarkStart measures the time until the first answer.
func BenchmarkStart(b *testing.B) {
	for _, users := range []int{1000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("users=%d", users), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				newScaled(users).ask(b, "GET", "/v1.0/subscribedSkus", "", 200)
			}
		})
	}
}
