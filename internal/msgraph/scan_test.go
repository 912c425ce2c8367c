package msgraph

import (
	"fmt"
	"strings"
	"testing"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// TestScan reads 930 users by a scan of all users, and by ID what the scan does not return. A scan that is rejected is not
// tried again.
func TestScan(t *testing.T) {
	t.Parallel()
	const users = 930
	ids := make([]string, users)
	for i := range ids {
		ids[i] = fmt.Sprintf("%08d-0000-4000-8000-000000000000", i)
	}
	page := func(ids []string, further string) reply {
		objects := make([]string, len(ids))
		for i, id := range ids {
			objects[i] = `{"id":"` + id + `"}`
		}
		return ok(`{"value":[` + strings.Join(objects, ",") + `]` + further + `}`)
	}
	for name, tt := range map[string]struct {
		scan        func(page int) reply // the response to a page of the scan
		first, next string               // pages of the scan and reads by ID, of one operation and of the next
	}{
		"found": {func(int) reply { return page(ids, `,"@odata.count":930`) }, "1 and 0", "1 and 0"},
		"two pages": {func(n int) reply {
			if n == 0 {
				return page(ids[:500], `,"@odata.count":1500,"@odata.nextLink":"SERVICE/beta/users?$count=true&$skiptoken=x"`)
			}
			return page(ids[500:], "")
		}, "2 and 0", "2 and 0"},
		"incomplete": {func(int) reply { return page(ids[:900], `,"@odata.count":900`) }, "1 and 2", "1 and 2"},
		"too many users": {func(int) reply {
			return page(ids[:15], `,"@odata.count":100000,"@odata.nextLink":"SERVICE/beta/users?$skiptoken=x"`)
		}, "1 and 61", "0 and 62"},
		"without a count": {func(int) reply { return page(ids[:15], `,"@odata.nextLink":"SERVICE/beta/users?$skiptoken=x"`) }, "1 and 61", "1 and 61"},
		"rejected":        {func(int) reply { return refused }, "1 and 62", "0 and 62"},
		"forbidden":       {func(int) reply { return forbidden }, "1 and 62", "0 and 62"},
		"a page has expired": {func(n int) reply {
			if n == 0 {
				return page(ids[:500], `,"@odata.count":1500,"@odata.nextLink":"SERVICE/beta/users?$count=true&$skiptoken=x"`)
			}
			return gone
		}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s *service
			s = newService(t, func(c call) reply {
				if filter := strings.Index(c.query, "$filter=id in ("); filter >= 0 {
					var found []string
					for _, id := range ids {
						if strings.Contains(c.query, id) {
							found = append(found, id)
						}
					}
					return page(found, "")
				}
				n := 0
				if strings.Contains(c.query, "$skiptoken") {
					n = 1
				}
				r := tt.scan(n)
				r.body = strings.ReplaceAll(r.body, "SERVICE", s.URL)
				return r
			})
			client := s.client(t)
			for i, want := range []string{tt.first, tt.next} {
				found := map[string]int{}
				b := client.Begin().newBatch()
				b.usersByID(ids, upstream.Selection{Properties: []string{"licenseAssignmentStates"}}, func(id string, user *licensing.User, err error) {
					if err != nil || user.ID != id {
						t.Errorf("%s: %v", id, err)
					}
					found[id]++
				})
				b.Do(t.Context())
				scanned, byID := 0, 0
				for _, c := range s.calls() {
					if strings.Contains(c.query, "$filter") {
						byID++
					} else {
						scanned++
					}
				}
				for _, id := range ids {
					if found[id] != 1 {
						t.Fatalf("operation %d: %s was found %d times", i, id, found[id])
					}
				}
				if got := fmt.Sprintf("%d and %d", scanned, byID); want != "" && got != want {
					t.Errorf("operation %d: %s pages and reads by ID, want %s", i, got, want)
				}
			}
		})
	}
}

// TestFewUsers reads a batch of users by ID, although a scan of all of them would be one page too, and many users after a
// change, which a scan might not see.
func TestFewUsers(t *testing.T) {
	t.Parallel()
	s := newService(t, func(c call) reply {
		switch {
		case c.method != "GET":
			return done
		case strings.Contains(c.query, "$count"):
			return ok(`{"value":[],"@odata.count":900}`)
		}
		return ok(`{"value":[]}`)
	})
	client := s.client(t)
	ids := make([]string, 900)
	for i := range ids {
		ids[i] = fmt.Sprintf("%08d-0000-4000-8000-000000000000", i)
	}
	for _, tt := range []struct {
		users   int
		changes bool
		scans   int
	}{{900, false, 1}, {300, false, 0}, {301, false, 1}, {900, true, 0}} {
		s.calls()
		o := client.Begin()
		if tt.changes {
			o.Write(t.Context(), []licensing.Write{licensing.ReprocessLicenseAssignment{UserID: ids[0]}})
		}
		b := o.newBatch()
		b.usersByID(ids[:tt.users], upstream.Selection{Properties: []string{"licenseAssignmentStates"}}, func(string, *licensing.User, error) {})
		b.Do(t.Context())
		scans := 0
		for _, c := range s.calls() {
			if strings.Contains(c.query, "$count") {
				scans++
			}
		}
		if scans != tt.scans {
			t.Errorf("%+v: %d scans", tt, scans)
		}
	}
}
