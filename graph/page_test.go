package graph_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"licensegraph/internal/emulator"
)

// connectionPage is a page of a connection.
type connectionPage struct {
	ids, cursors []string // of the edges
	end          string
	hasNext      bool
}

func (g *gateway) page(t *testing.T, field, filter string, first int, after string) connectionPage {
	t.Helper()
	variables := map[string]any{"first": first}
	if after != "" {
		variables["after"] = after
	}
	r := g.ask(`query Q($first: Int!, $after: String) { list: `+field+`(first: $first, after: $after `+filter+`) {
		nodes { id } edges { cursor node { id } } pageInfo { startCursor endCursor hasNextPage hasPreviousPage }
	} }`, variables)
	if len(r.Errors) > 0 {
		t.Fatalf("%v", r.Errors)
	}
	list := r.Data["list"].(map[string]any)
	info := list["pageInfo"].(map[string]any)
	page := connectionPage{hasNext: info["hasNextPage"].(bool)}
	page.end, _ = info["endCursor"].(string)
	for i, edge := range list["edges"].([]any) {
		id := edge.(map[string]any)["node"].(map[string]any)["id"].(string)
		page.ids = append(page.ids, id)
		page.cursors = append(page.cursors, edge.(map[string]any)["cursor"].(string))
		if node := list["nodes"].([]any)[i].(map[string]any)["id"]; node != id {
			t.Errorf("node %d is %v, edge %v", i, node, id)
		}
	}
	if len(page.ids) > first {
		t.Errorf("%d elements, want at most %d", len(page.ids), first)
	}
	if info["hasPreviousPage"] != (after != "") {
		t.Errorf("hasPreviousPage is %v", info["hasPreviousPage"])
	}
	return page
}

// walkPages reads a list to its end, with page sizes that repeat.
func (g *gateway) walkPages(t *testing.T, field, filter string, sizes ...int) []string {
	t.Helper()
	var ids []string
	after := ""
	for i := 0; ; i++ {
		page := g.page(t, field, filter, sizes[i%len(sizes)], after)
		ids = append(ids, page.ids...)
		if !page.hasNext {
			return ids
		}
		if page.end == "" {
			t.Fatal("hasNextPage without endCursor")
		}
		if after = page.end; i > 1000 {
			t.Fatal("the list does not end")
		}
	}
}

// TestWalk tests that lists have each element once, in the same order, for any page sizes here and upstream.
func TestWalk(t *testing.T) {
	t.Parallel()
	const e3 = `, filter: {skuId: "05e9a617-0261-4cee-bb44-138d3ef5d965"}`
	expected := startGateway(t, emulator.Options{Users: 200})
	const failing = ", filter: {hasLicenseErrors: true}"
	found, users, errs, filtered := expected.walkPages(t, "users", failing, 999), expected.walkPages(t, "users", "", 999), expected.walkPages(t, "assignmentErrors", "", 1000), expected.walkPages(t, "assignmentErrors", e3, 1000)
	if len(users) != 200 || len(found) < 40 || len(errs) < 50 || len(filtered) == 0 || len(filtered) >= len(errs) {
		t.Fatalf("%d people, %d errors, %d of one product", len(users), len(errs), len(filtered))
	}
	for _, list := range [][]string{users, errs} {
		sorted := slices.Sorted(slices.Values(list))
		if len(slices.Compact(sorted)) != len(list) {
			t.Fatal("duplicate element")
		}
	}
	for name, variants := range map[string]emulator.Variants{
		"strict":             {},
		"small pages":        {PageSize: 13, DirectoryPageSize: 13},
		"small, empty pages": {PageSize: 13, DirectoryPageSize: 13, EmptyPages: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Users: 200, Variants: variants})
			for _, sizes := range [][]int{{7}, {100}, {1, 50, 3, 99, 13, 26}} {
				for _, list := range []struct {
					field, filter string
					want          []string
				}{{"users", "", users}, {"users", failing, found}, {"assignmentErrors", "", errs}, {"assignmentErrors", e3, filtered}} {
					if diff := difference(list.want, g.walkPages(t, list.field, list.filter, sizes...)); diff != "" {
						t.Errorf("%s%s in pages of %v (-want +got):\n%s", list.field, list.filter, sizes, diff)
					}
				}
			}
		})
	}
}

// TestResume continues after each element, on any gateway with the same key.
func TestResume(t *testing.T) {
	t.Parallel()
	for name, variants := range map[string]emulator.Variants{
		"strict":      {},
		"small pages": {PageSize: 13, EmptyPages: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Variants: variants})
			all := g.walkPages(t, "assignmentErrors", "", 1000)
			const first = 40
			page := g.page(t, "assignmentErrors", "", first, "")
			later := g.page(t, "assignmentErrors", "", first, page.end)
			again := g.page(t, "assignmentErrors", "", first, "")
			g.restart()
			for i := range first {
				if page.cursors[i] != again.cursors[i] {
					t.Fatalf("cursor %d differs when repeated", i)
				}
				for cursor, want := range map[string][]string{
					page.cursors[i]:  all[i+1 : i+6],
					later.cursors[i]: all[first+i+1 : first+i+6],
				} {
					if diff := difference(want, g.page(t, "assignmentErrors", "", 5, cursor).ids); diff != "" {
						t.Fatalf("after element %d (-want +got):\n%s", i, diff)
					}
				}
			}
			last := g.page(t, "assignmentErrors", "", 1000, page.end)
			if end := g.page(t, "assignmentErrors", "", 5, last.end); len(end.ids) > 0 || end.hasNext {
				t.Errorf("after the end: %+v", end)
			}
		})
	}
}

// TestCursorsStay tests that cursors are stable, also between gateways with the same key.
func TestCursorsStay(t *testing.T) {
	t.Parallel()
	for _, list := range []struct{ field, filter string }{
		{"users", ""}, {"users", ", filter: {hasLicenseErrors: true}"}, {"users", ", filter: {licensed: true}"}, {"groups", ""},
		{"assignmentErrors", ""}, {"assignments", ""}, {"subscribedSkus", ""}, {"allotments", ""},
	} {
		t.Run(list.field+list.filter, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Variants: emulator.Variants{PageSize: 7}})
			after := ""
			for range 3 {
				page := g.page(t, list.field, list.filter, 4, after)
				if last := page.cursors[len(page.cursors)-1]; page.end != last {
					t.Errorf("endCursor is not the cursor of the last edge: %s, %s", page.end, last)
				}
				g.restart()
				if diff := difference(page, g.page(t, list.field, list.filter, 4, after), gocmp.AllowUnexported(connectionPage{})); diff != "" {
					t.Errorf("repeated (-before +after):\n%s", diff)
				}
				after = page.end
			}
		})
	}
}

// TestLargePageAfterASmallOne tests that the size of the first page does not limit later ones.
func TestLargePageAfterASmallOne(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	all := g.walkPages(t, "users", "", 999)
	for _, small := range []int{1, 5, 20} {
		first := g.page(t, "users", "", small, "")
		g.tenant.ResetCounts()
		rest := g.page(t, "users", "", 999, first.end)
		if diff := difference(all, append(first.ids, rest.ids...)); diff != "" {
			t.Errorf("after %d (-want +got):\n%s", small, diff)
		}
		if asked := g.tenant.Counts()["GET /users"].Requests; asked > 2 {
			t.Errorf("after %d: %d requests", small, asked)
		}
	}
}

// TestFilteredPagesContinue reads filtered lists to their end in small pages. A page repeats at most one upstream page
// of about its own size, and not the start of the list.
func TestFilteredPagesContinue(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	for _, filter := range []string{", filter: {hasLicenseErrors: true}", ", filter: {error: COUNT_VIOLATION}"} {
		var want []string
		walk := func(first int) (bytes, requests int) {
			g.tenant.ResetCounts()
			ids := g.walkPages(t, "users", filter, first)
			if want == nil {
				want = ids
			}
			if diff := difference(want, ids); diff != "" {
				t.Errorf("in pages of %d (-want +got):\n%s", first, diff)
			}
			count := g.tenant.Counts()["GET /users"]
			return int(count.Bytes), count.Requests
		}
		whole, _ := walk(999)
		for first, most := range map[int]int{1: 8, 5: 4, 10: 4, 25: 3, 50: 2} {
			bytes, requests := walk(first)
			pages := (len(want) + first - 1) / first
			if bytes > most*whole || requests > 2*pages+1 {
				t.Errorf("%d pages of %d: %d requests, %d bytes; one page is %d bytes", pages, first, requests, bytes, whole)
			}
		}
	}
	// Rare matches cost few requests too.
	for _, first := range []int{5, 50} {
		g.tenant.ResetCounts()
		g.page(t, "users", ", filter: {error: MUTUALLY_EXCLUSIVE_VIOLATION}", first, "")
		if asked := g.tenant.Counts()["GET /users"].Requests; asked > 2 {
			t.Errorf("%d requests", asked)
		}
	}
}

// TestOtherSelection continues with a cursor in an operation that requires more properties. The next link fixes
// $select: missing properties must not be null.
func TestOtherSelection(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Variants: emulator.Variants{PageSize: 5}})
	for _, tt := range []struct{ field, before, after string }{
		{"users", "id", "id displayName userPrincipalName"},
		{"users", "id displayName", "id licenseAssignmentStates { state }"},
		{"users", "id displayName", "displayName assignedLicenses { skuId }"},
		{"assignmentErrors", "id", "id code message occurrenceDateTime skuId"},
		{"assignmentErrors", "id", "id sku { skuPartNumber }"},
		{"assignmentErrors", "id", "id assignedTo { displayName } usageRight { id }"},
		{"assignmentErrors", "id code message occurrenceDateTime", "id code"},
		{"users", "id displayName mail", "id mail"},
	} {
		t.Run(fmt.Sprintf("%s %s, %s", tt.field, tt.before, tt.after), func(t *testing.T) {
			read := func(size int, selected, after string) response {
				return g.ask(fmt.Sprintf(`query Q($after: String) { %s(first: %d, after: $after) { nodes { %s } pageInfo { endCursor } } }`, tt.field, size, selected),
					map[string]any{"after": after})
			}
			nodes := func(r response) []any { return r.Data[tt.field].(map[string]any)["nodes"].([]any) }
			whole := g.ask(fmt.Sprintf(`{ %s(first: 10) { nodes { %s } } }`, tt.field, tt.after), nil)
			begin := g.ask(fmt.Sprintf(`{ %s(first: 5) { nodes { %s } pageInfo { endCursor } } }`, tt.field, tt.before), nil)
			cursor := begin.Data[tt.field].(map[string]any)["pageInfo"].(map[string]any)["endCursor"].(string)
			g.forget()
			r := read(5, tt.after, cursor)
			if len(r.Errors) > 0 {
				t.Fatalf("%s", r.raw)
			}
			if diff := difference(nodes(whole)[5:], nodes(r)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLargestPage requests as large pages as the service supports, which a gateway learns from the first ones.
func TestLargestPage(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	const query = `{ assignmentErrors(first: 150) { nodes { id assignedTo { id } } } }`
	for name, tt := range map[string]struct {
		variants     emulator.Variants
		first, again int      // requests
		tops         []string // $top of the requests, twice
	}{
		"capped":                     {emulator.Variants{}, 3, 2, []string{"150", "150", "150", "150"}},
		"served":                     {emulator.Variants{PageSize: 1000}, 2, 1, []string{"150", "150"}},
		"rejected":                   {emulator.Variants{LargePagesRefused: true}, 4, 2, []string{"150", "100", "100", "100", "100"}},
		"rejected, as any expansion": {emulator.Variants{LargePagesRefused: true, ExpandErrors: "none"}, 0, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Variants: tt.variants})
			first, again := g.ask(query, nil), g.ask(query, nil)
			if diff := difference(first.Data, again.Data); diff != "" || len(first.Errors) > 0 {
				t.Errorf("%v (-first +again):\n%s", first.Errors, diff)
			}
			if tt.tops == nil {
				return
			}
			var tops []string
			for _, r := range g.tenant.Requests() {
				if u, err := url.Parse(r.URL); err == nil && r.Endpoint == errorsEndpoint {
					tops = append(tops, u.Query().Get("$top"))
				}
			}
			if diff := difference(tt.tops, tops); diff != "" || first.Extensions.Upstream.Requests != tt.first || again.Extensions.Upstream.Requests != tt.again {
				t.Errorf("%d and %d requests, $top (-want +got):\n%s", first.Extensions.Upstream.Requests, again.Extensions.Upstream.Requests, diff)
			}
		})
	}
}

// TestPagesDoNotWait reads 60 members from a service with pages of 20: a page is requested when the page before was read,
// and the license states of all members then take one more request.
func TestPagesDoNotWait(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	g := startGateway(t, emulator.Options{})
	top := regexp.MustCompile(`(members\?[^"]*top=)\d+`)
	small := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		out, err := http.NewRequestWithContext(r.Context(), r.Method, g.tenant.URL+top.ReplaceAllString(r.URL.String(), "${1}20"), bytes.NewReader(top.ReplaceAll(sent, []byte("${1}20"))))
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		out.Header = r.Header.Clone()
		out.Header.Del("Accept-Encoding") // the transport decompresses
		resp, err := http.DefaultTransport.RoundTrip(out)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		maps.Copy(w.Header(), resp.Header)
		w.Header().Del("Content-Length")
		w.WriteHeader(resp.StatusCode)
		w.Write(bytes.ReplaceAll(body, []byte(g.tenant.URL), []byte("http://"+r.Host))) //nolint:errcheck // the client reports it
	}))
	t.Cleanup(small.Close)
	group := g.nodesOf(t, "groups", `filter: {displayNameStartsWith: "All employees"}`, "id")[0]["id"].(string)
	g.graphURL = small.URL
	g.restart()
	query := `{ group(id: "` + group + `") { members(first: 60) { nodes { ... on User { licenseAssignmentStates { state } } } } } }`
	g.ask(query, nil) // with a token
	r := g.ask(query, nil)
	states := 0
	walk(r.Data, func(object map[string]any) {
		if object["licenseAssignmentStates"] != nil {
			states++
		}
	})
	if got := r.Extensions.Upstream.Requests; states != 60 || got != 4 || len(r.Errors) > 0 {
		t.Errorf("%d members with states, %d requests: %+v %v", states, got, r.Extensions.Upstream.Endpoints, r.Errors)
	}
}
