package msgraph

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// TestAdvancedQueries tests that the header is sent with each page of an advanced query, alone and in a batch, and not
// with other queries, for which it may select a delayed replica.
func TestAdvancedQueries(t *testing.T) {
	t.Parallel()
	name, from := upstream.Order{By: "displayName"}, time.Date(2026, 12, 1, 0, 0, 0, 0, time.FixedZone("", 3600))
	for _, tt := range []struct {
		q        upstream.Query
		groups   bool
		want     string
		advanced bool
	}{
		{q: upstream.Query{}, want: ""},
		{q: upstream.Query{OrderBy: name}, want: "$orderby=displayName"},
		{q: upstream.Query{OrderBy: upstream.Order{By: "displayName", Descending: true}}, want: "$orderby=displayName desc"},
		{q: upstream.Query{Filter: upstream.Filter{SkuID: string(sku1)}}, want: "$filter=assignedLicenses/any(x:x/skuId eq " + string(sku1) + ")"},
		{q: upstream.Query{Filter: upstream.Filter{DisplayNamePrefix: "O'Br"}}, want: "$filter=startswith(displayName,'O''Br')"},
		{q: upstream.Query{Filter: upstream.Filter{WithLicenseErrors: true}}, groups: true, want: "$filter=hasMembersWithLicenseErrors eq true"},
		{q: upstream.Query{Count: true}, want: "$count=true", advanced: true},
		{q: upstream.Query{Count: true}, groups: true, want: "$count=true", advanced: true},
		{q: upstream.Query{Filter: upstream.Filter{Licensed: upstream.Yes}}, want: "$filter=assignedLicenses/$count ne 0&$count=true", advanced: true},
		{q: upstream.Query{Filter: upstream.Filter{Licensed: upstream.No, DisplayNamePrefix: "a"}},
			want: "$filter=assignedLicenses/$count eq 0 and startswith(displayName,'a')&$count=true", advanced: true},
		{q: upstream.Query{Filter: upstream.Filter{Licensed: upstream.Yes, AccountEnabled: upstream.No}},
			want: "$filter=assignedLicenses/$count ne 0 and accountEnabled eq false&$count=true", advanced: true},
		{q: upstream.Query{Filter: upstream.Filter{AccountEnabled: upstream.Yes, OnPremisesSynced: upstream.Yes, UserType: "Guest"}},
			want: "$filter=accountEnabled eq true and userType eq 'Guest' and onPremisesSyncEnabled eq true"},
		{q: upstream.Query{Filter: upstream.Filter{Department: "R'n'D", City: "Bern", Country: "CH", UsageLocation: "CH"}},
			want: "$filter=usageLocation eq 'CH' and department eq 'R''n''D' and city eq 'Bern' and country eq 'CH'"},
		{q: upstream.Query{Filter: upstream.Filter{CreatedFrom: from, CreatedUntil: from.Add(time.Hour)}},
			want: "$filter=createdDateTime ge 2026-11-30T23:00:00Z and createdDateTime le 2026-12-01T00:00:00Z"},
		{q: upstream.Query{Filter: upstream.Filter{OnPremisesSynced: upstream.No, HasUsageLocation: upstream.No}},
			want: "$filter=onPremisesSyncEnabled ne true and usageLocation eq null&$count=true", advanced: true},
		{q: upstream.Query{Filter: upstream.Filter{HasUsageLocation: upstream.Yes, CompanyName: "C", EmployeeType: "E"}},
			want: "$filter=usageLocation ne null and companyName eq 'C' and employeeType eq 'E'&$count=true", advanced: true},
		{q: upstream.Query{Filter: upstream.Filter{ServicePlanID: string(sku1)}},
			want: "$filter=assignedPlans/any(x:x/servicePlanId eq " + string(sku1) + " and x/capabilityStatus eq 'Enabled')&$count=true", advanced: true},
		{q: upstream.Query{Filter: upstream.Filter{SkuID: string(sku1), DisplayNamePrefix: "a"}},
			want: "$filter=assignedLicenses/any(x:x/skuId eq " + string(sku1) + ") and startswith(displayName,'a')&$count=true", advanced: true},
		{q: upstream.Query{Filter: upstream.Filter{DisplayNamePrefix: "a"}, OrderBy: name}, groups: true,
			want: "$filter=startswith(displayName,'a')&$orderby=displayName&$count=true", advanced: true},
	} {
		s := newService(t, func(call) reply { return ok(`{"value":[{"id":"a"}]}`) })
		list := func(link string, batched bool) call {
			t.Helper()
			q := tt.q
			q.Link = link
			b := s.client(t).Begin().newBatch()
			fail := func(err error) {
				if err != nil {
					t.Error(err)
				}
			}
			if tt.groups {
				b.listGroups(q, upstream.Selection{}, func(_ upstream.Page[*licensing.Group], err error) { fail(err) })
			} else {
				b.listUsers(q, upstream.Selection{}, func(_ upstream.Page[*licensing.User], err error) { fail(err) })
			}
			if batched {
				b.allSubscribedSkus(upstream.Selection{}, func([]*licensing.SubscribedSku, error) {})
			}
			b.Do(t.Context())
			calls := s.calls()
			i := slices.IndexFunc(calls, func(c call) bool { return c.path == "/users" || c.path == "/groups" })
			if i < 0 {
				t.Fatalf("%v", calls)
			}
			if got := calls[i].header.Get("ConsistencyLevel") == "eventual"; got != tt.advanced {
				t.Errorf("%v: advanced is %v, want %v", calls[i], got, tt.advanced)
			}
			return calls[i]
		}
		for _, batched := range []bool{false, true} {
			first := list("", batched)
			want := strings.Trim(tt.want+"&$select=id", "&")
			if first.query != want {
				t.Errorf("got %s, want %s", first.query, want)
			}
			if next := list(first.path+"?$skiptoken=x", batched); next.query != "$skiptoken=x" {
				t.Errorf("next link: %v", next)
			}
		}
	}
}

// TestCountedLinks tests that the header is sent with a next link of a counted page, even if the query does not request
// the count.
func TestCountedLinks(t *testing.T) {
	t.Parallel()
	for link, want := range map[string]string{
		"/users?$count=true&$skiptoken=x": "eventual", "/users?%24count=true&%24skiptoken=x": "eventual",
		"/users?$skiptoken=x": "", "/users?$count=false": "", "/users?$filter=x%26$count%3Dtrue": "", "/users?%zz": "",
	} {
		var b Batch
		b.listUsers(upstream.Query{Link: link}, upstream.Selection{}, nil)
		if got := b.reads[0].header["ConsistencyLevel"]; got != want {
			t.Errorf("%s: %q", link, got)
		}
	}
}

// TestPages tests the properties of a page.
func TestPages(t *testing.T) {
	t.Parallel()
	s := newService(t, nil)
	s.answer = func(c call) reply {
		switch c.query {
		case "$count=true&$select=id&$top=1":
			return ok(`{"@odata.count":2,"value":[{"id":"a"}],"@odata.nextLink":"` + s.URL + `/beta/groups/g/members?$skiptoken=x&$count=true"}`)
		case "$skiptoken=x&$count=true":
			return ok(`{"value":[],"@odata.nextLink":"https://elsewhere.example/beta/groups"}`)
		}
		return refused
	}
	c := s.client(t)
	list := func(q upstream.Query) (page upstream.Page[*licensing.Reference], failure error) {
		b := c.Begin().newBatch()
		b.listMembers(q, upstream.Selection{}, func(p upstream.Page[*licensing.Reference], err error) { page, failure = p, err })
		b.Do(t.Context())
		return page, failure
	}
	q := upstream.Query{Of: "g", Top: 1, Count: true}
	page, err := list(q)
	if err != nil || page.Count == nil || *page.Count != 2 || len(page.Items) != 1 || page.Next != "/groups/g/members?$skiptoken=x&$count=true" {
		t.Errorf("%+v, %v", page, err)
	}
	q.Link, q.Count = page.Next, false
	page, err = list(q)
	if !errors.Is(err, upstream.ErrUnavailable) || page.Items != nil {
		t.Errorf("link to another host: %+v, %v", page, err)
	}
	for _, call := range s.calls() {
		if call.header.Get("ConsistencyLevel") != "eventual" {
			t.Errorf("%v has no header", call)
		}
	}
	q.Link = "/groups/g/members?$skiptoken=old"
	_, err = list(q)
	if !errors.Is(err, upstream.ErrExpired) {
		t.Errorf("an expired cursor: %v", err)
	}
}

// TestMissingLists distinguishes a missing list of the tenant from a missing object.
func TestMissingLists(t *testing.T) {
	t.Parallel()
	s := newService(t, func(call) reply { return gone })
	b := s.client(t).Begin().newBatch()
	want := func(kind error, what string) func(error) {
		return func(err error) {
			if !errors.Is(err, kind) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	errs := func(q upstream.Query, expect func(error)) {
		b.listAssignmentErrors(q, upstream.Selection{Relations: []string{"assignedTo"}}, func(_ upstream.Page[*licensing.AssignmentError], err error) { expect(err) })
	}
	errs(upstream.Query{}, want(upstream.ErrNotOffered, "errors"))
	errs(upstream.Query{Filter: upstream.Filter{AssignedTo: "u"}}, want(upstream.ErrNotFound, "errors of a user"))
	assignments := func(of string, expect func(error)) {
		b.listAssignments(upstream.Query{Of: of}, upstream.Selection{}, func(_ upstream.Page[*licensing.Assignment], err error) { expect(err) })
	}
	assignments("", want(upstream.ErrNotOffered, "assignments"))
	assignments("p", want(upstream.ErrNotFound, "assignments of an allotment"))
	b.Do(t.Context())
}

// FuzzDisplayNamePrefix tests that a name cannot end its string literal.
func FuzzDisplayNamePrefix(f *testing.F) {
	for _, name := range []string{"a", "O'Brien", "') or startswith(displayName,'", "a&$top=999", "%27", "'", "''", "é猫", " "} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		var b Batch
		b.listUsers(upstream.Query{Filter: upstream.Filter{DisplayNamePrefix: name, SkuID: string(sku1)}}, upstream.Selection{}, nil)
		u, err := url.Parse("https://host" + b.reads[0].url)
		if err != nil {
			t.Fatal(err)
		}
		values, err := url.ParseQuery(u.RawQuery)
		if err != nil || name == "" != (len(values) == 2) || name != "" != (len(values) == 3 && values.Get("$count") == "true") {
			t.Fatalf("%v, %v", values, err)
		}
		filter := values.Get("$filter")
		sku := "assignedLicenses/any(x:x/skuId eq " + string(sku1) + ")"
		if name == "" {
			if filter != sku {
				t.Error(filter)
			}
			return
		}
		text, ok := strings.CutPrefix(filter, sku+" and startswith(displayName,'")
		text, closed := strings.CutSuffix(text, "')")
		if !ok || !closed || strings.Contains(strings.ReplaceAll(text, "''", ""), "'") {
			t.Fatalf("%q is not a literal in %q", name, filter)
		}
		if diff := cmp.Diff(name, strings.ReplaceAll(text, "''", "'")); diff != "" {
			t.Error(diff)
		}
	})
}

// TestEndlessLists tests that a read of an endless list returns one error.
func TestEndlessLists(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		element func(page int) string
		pages   int
	}{
		{"no elements", func(int) string { return "" }, 10},
		{"the same element", func(int) string { return `{"id":"r"}` }, 3},
		{"always a new element", func(page int) string { return fmt.Sprintf(`{"id":"%d"}`, page) }, maxPages},
	} {
		s := newService(t, nil)
		pages := 0
		s.answer = func(call) reply {
			pages++
			return ok(fmt.Sprintf(`{"value":[%s],"@odata.nextLink":"%s/beta/users/u/cloudLicensing/usageRights?$skiptoken=%d"}`, tt.element(pages), s.URL, pages))
		}
		b := s.client(t).Begin().newBatch()
		handed := 0
		b.usageRightsOfUsers([]licensing.UsageRightsKey{{HolderID: "u"}}, upstream.Selection{}, func(_ licensing.UsageRightsKey, _ []*licensing.UsageRight, err error) {
			if handed++; !errors.Is(err, upstream.ErrEndless) {
				t.Error(err)
			}
		})
		b.Do(t.Context())
		if handed != 1 || pages != tt.pages {
			t.Errorf("%s: %d pages, handed over %d times", tt.name, pages, handed)
		}
	}
}
