package graph_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"licensegraph/internal/emulator"
)

// TestSearch tests what is found, in which order, and what is sent.
func TestSearch(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	g.ask(`{ users(first: 1) { nodes { id } } }`, nil) // the token
	const fields = `totalCount truncated nodes { __typename ... on User { displayName userPrincipalName } ... on Group { displayName } ... on SubscribedSku { productName skuPartNumber } ... on ServicePlan { servicePlanName displayName } }`
	names := func(r response) (names []string) {
		for _, node := range r.Data["search"].(object)["nodes"].([]any) {
			node := node.(object)
			for _, name := range []string{"displayName", "productName", "servicePlanName"} {
				if text, ok := node[name].(string); ok {
					names = append(names, node["__typename"].(string)+" "+text)
					break
				}
			}
		}
		return names
	}
	for _, tt := range []struct {
		text, kinds string
		first       []string
	}{
		{"grace HOPPER", "", []string{"User Grace Hopper"}},
		{"hopper grace", "", []string{"User Grace Hopper"}},
		{"grace.hopper@licensegraph", "", []string{"User Grace Hopper"}},
		{"copilot wave", "", []string{"Group Copilot – wave 1", "Group Copilot – wave 2"}},
		{"spe_e3", "[PRODUCT]", []string{"SubscribedSku Microsoft 365 E3"}},
		{"microsoft 365 e3", "[PRODUCT, GROUP]", []string{"SubscribedSku Microsoft 365 E3", "Group Microsoft 365 E3"}},
		{"exchange online (plan 2)", "[SERVICE_PLAN]", []string{"ServicePlan Exchange Online (Plan 2)"}},
		{`"\ or`, "[USER]", nil},
	} {
		g.forget()
		kinds := ""
		if tt.kinds != "" {
			kinds = ", kinds: " + tt.kinds
		}
		r := g.ask(`query ($text: String!) { search(text: $text`+kinds+`) { `+fields+` } }`, object{"text": tt.text})
		if got := names(r); len(r.Errors) > 0 || len(got) < len(tt.first) || !hasPrefixes(got, tt.first) {
			t.Errorf("%s: %s", tt.text, r.raw)
		}
		if n := r.Extensions.Upstream.Requests; n > 1 {
			t.Errorf("%s: %d requests", tt.text, n)
		}
	}

	g.forget()
	g.ask(`{ search(text: "O\"Br \\x", kinds: [GROUP]) { nodes { __typename } } }`, nil)
	sent, err := url.Parse(g.tenant.Requests()[0].URL)
	if want := `("displayName:o\"br" OR "mail:o\"br") AND ("displayName:x" OR "mail:x")`; err != nil || sent.Query().Get("$search") != want {
		t.Errorf("sent %s, %v", sent, err)
	}

	g.forget() // the catalog alone takes no request
	r := g.ask(`{ search(text: "microsoft 365", kinds: [PRODUCT, SERVICE_PLAN]) { totalCount truncated nodes { ... on SubscribedSku { productName } } } }`, nil)
	if n := len(g.tenant.Requests()); n != 0 || len(r.Errors) > 0 || !strings.Contains(string(r.raw), `"truncated":["PRODUCT"]`) {
		t.Errorf("%d requests, %s", n, r.raw)
	}
	r = g.ask(`{ search(text: "zzzzz") { totalCount nodes { __typename } pageInfo { endCursor hasNextPage } } }`, nil)
	if len(r.Errors) > 0 || r.Data["search"].(object)["totalCount"] != 0.0 {
		t.Errorf("%s", r.raw)
	}
}

func hasPrefixes(got, want []string) bool {
	for i, prefix := range want {
		if !strings.HasPrefix(got[i], prefix) {
			return false
		}
	}
	return true
}

// TestSearchPages tests that pages of each size have all results once, in the same order.
func TestSearchPages(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	kind := `... on User { id } ... on Group { id } ... on SubscribedSku { skuId } ... on ServicePlan { servicePlanId }`
	walk := func(first int) (keys []string) {
		after := any(nil)
		for {
			r := g.ask(`query ($after: String, $first: Int) { search(text: "co", first: $first, after: $after) { edges { cursor node { `+kind+` } } pageInfo { hasNextPage endCursor } } }`,
				object{"after": after, "first": first})
			if len(r.Errors) > 0 {
				t.Fatalf("%s", r.raw)
			}
			page := r.Data["search"].(object)
			for _, edge := range page["edges"].([]any) {
				keys = append(keys, fmt.Sprint(edge.(object)["node"]))
			}
			info := page["pageInfo"].(object)
			if after = info["endCursor"]; info["hasNextPage"] != true {
				return keys
			}
		}
	}
	all := walk(1000)
	if len(all) < 50 {
		t.Fatalf("%d results", len(all))
	}
	if got := walk(7); !slices.Equal(all, got) {
		t.Errorf("%d results in one page, %d in pages of 7", len(all), len(got))
	}
}

// TestSearchFails tests that one kind that cannot be read leaves the others, and that people need their permission.
func TestSearchFails(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	g.tenant.Inject(emulator.Fault{Endpoint: usersEndpoint, Status: 403, Times: -1})
	r := g.ask(`{ search(text: "copilot", first: 3) { nodes { ... on Group { displayName } } } }`, nil)
	if errs := clientErrors(r); len(errs) != 1 || errs[0].Code != "FORBIDDEN" || firstAt(r.Data, "search.nodes.displayName") == "" {
		t.Errorf("%s", r.raw)
	}
	g.forget()
	g.as(read)
	for query, denied := range map[string]bool{
		`{ search(text: "grace") { nodes { __typename } } }`:                          true,
		`{ search(text: "grace", kinds: [GROUP, USER]) { nodes { __typename } } }`:    true,
		`{ search(text: "grace", kinds: [GROUP, PRODUCT]) { nodes { __typename } } }`: false,
	} {
		if r := g.ask(query, nil); (len(r.Errors) == 1 && strings.Contains(r.Errors[0].Message, readPersonal)) != denied {
			t.Errorf("%s: %s", query, r.raw)
		}
	}
}
