package graph_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/emulator"
)

const purchasesEndpoint = "GET /directory/subscriptions"

// TestPurchases compares filters and orders of purchases and products with client-side ones of all, and the edges
// between purchases, products and allotments with their IDs.
func TestPurchases(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 100})
	purchases := g.nodesOf(t, "companySubscriptions", "first: 1000", "id commerceSubscriptionId skuId skuPartNumber status isTrial nextLifecycleDateTime totalLicenses sku { skuId subscriptionIds }")
	products := g.nodesOf(t, "subscribedSkus", "first: 1000", "id skuId capabilityStatus units { free } subscriptionIds companySubscriptions { id skuId status nextLifecycleDateTime }")
	soon := g.tenant.Now().AddDate(0, 0, 45).UTC().Format(time.DateOnly)
	before := func(p object) bool {
		next, _ := p["nextLifecycleDateTime"].(string)
		return next != "" && next < soon
	}
	free := func(p object) bool { return p["units"].(object)["free"].(float64) > 0 }
	expires := func(p object) bool {
		return slices.ContainsFunc(p["companySubscriptions"].([]any), func(s any) bool { return s.(object)["status"] != "DELETED" && before(s.(object)) })
	}
	for _, tt := range []struct {
		field, filter string
		all           []object
		keep          func(object) bool
	}{
		{"companySubscriptions", `status: WARNING`, purchases, func(p object) bool { return p["status"] == "WARNING" }},
		{"companySubscriptions", `isTrial: true`, purchases, func(p object) bool { return p["isTrial"] == true }},
		{"companySubscriptions", `isTrial: false, status: ENABLED`, purchases, func(p object) bool { return p["isTrial"] == false && p["status"] == "ENABLED" }},
		{"companySubscriptions", `skuIds: ["` + strings.ToUpper(skuE3) + `"]`, purchases, func(p object) bool { return p["skuId"] == skuE3 }},
		{"companySubscriptions", `expiresBefore: "` + soon + `"`, purchases, before},
		{"subscribedSkus", `capabilityStatus: SUSPENDED`, products, func(p object) bool { return p["capabilityStatus"] == "SUSPENDED" }},
		{"subscribedSkus", `skuIds: ["` + skuE3 + `"]`, products, func(p object) bool { return p["skuId"] == skuE3 }},
		{"subscribedSkus", `excludeSkuIds: ["` + skuE3 + `"]`, products, func(p object) bool { return p["skuId"] != skuE3 }},
		{"subscribedSkus", `withFreeUnits: true`, products, free},
		{"subscribedSkus", `withFreeUnits: false`, products, func(p object) bool { return !free(p) }},
		{"subscribedSkus", `expiresBefore: "` + soon + `"`, products, expires},
		{"subscribedSkus", `expiresBefore: "` + soon + `", withFreeUnits: true`, products, func(p object) bool { return expires(p) && free(p) }},
	} {
		want := idsOf(slices.DeleteFunc(slices.Clone(tt.all), func(p object) bool { return !tt.keep(p) }))
		got := idsOf(g.nodesOf(t, tt.field, `first: 1000, filter: {`+tt.filter+`}`, "id"))
		if len(want) == 0 || len(want) == len(tt.all) || !slices.Equal(got, want) {
			t.Errorf("%s(%s): %v, want %v of %d", tt.field, tt.filter, got, want, len(tt.all))
		}
	}
	if got := g.nodesOf(t, "companySubscriptions", `filter: {status: UNKNOWN_FUTURE_VALUE}`, "id"); len(got) > 0 {
		t.Errorf("%v", got)
	}
	for field, value := range map[string]func(object) any{
		"NEXT_LIFECYCLE_DATE": func(p object) any { return p["nextLifecycleDateTime"] },
		"SKU_PART_NUMBER":     func(p object) any { return strings.ToLower(p["skuPartNumber"].(string)) },
		"TOTAL_LICENSES":      func(p object) any { return p["totalLicenses"] },
	} {
		for direction, way := range map[string]int{"ASC": 1, "DESC": -1} {
			nodes := g.nodesOf(t, "companySubscriptions", "first: 1000, orderBy: {field: "+field+", direction: "+direction+"}", "nextLifecycleDateTime skuPartNumber totalLicenses")
			if len(nodes) != len(purchases) || !slices.IsSortedFunc(nodes, func(a, b object) int { return way * compared(value(a), value(b)) }) {
				t.Errorf("%s %s: %v", field, direction, nodes)
			}
		}
	}
	for _, p := range purchases {
		if sku, ok := p["sku"].(object); !ok || sku["skuId"] != p["skuId"] || !slices.Contains(sku["subscriptionIds"].([]any), p["id"]) {
			t.Errorf("%v", p)
		}
	}
	commerce := func(t *testing.T, want map[string]any) {
		t.Helper()
		joined := 0
		for _, a := range g.nodesOf(t, "allotments", "first: 1000", "skuId subscriptions { subscriptionId companySubscription { id } }") {
			for _, s := range a["subscriptions"].([]any) {
				s := s.(object)
				purchase, ok := s["companySubscription"].(object)
				if id := want[s["subscriptionId"].(string)]; ok != (id != nil) || ok && purchase["id"] != id {
					t.Errorf("%v, want %v", s, id)
				} else if ok {
					joined++
				}
			}
		}
		if joined != len(purchases) {
			t.Errorf("%d of %d purchases are in allotments", joined, len(purchases))
		}
	}
	ofCommerce := map[string]any{}
	for _, p := range purchases {
		ofCommerce[p["commerceSubscriptionId"].(string)] = p["id"]
	}
	commerce(t, ofCommerce)
	for _, p := range products {
		if ids := idsOf(objects(p["companySubscriptions"])); !slices.EqualFunc(ids, p["subscriptionIds"].([]any), func(id string, other any) bool { return id == other }) {
			t.Errorf("%v", p)
		}
	}

	// IDs in upper case, products without subscriptionIds, and allotments with the IDs of the directory.
	g.tenant.Inject(emulator.Fault{Endpoint: skusEndpoint, Rewrite: editedList(func(_ int, s object) { s["subscriptionIds"] = []any{} }), Times: -1})
	g.tenant.Inject(emulator.Fault{Endpoint: purchasesEndpoint, Rewrite: editedList(func(_ int, s object) {
		if sku, ok := s["skuId"].(string); ok {
			s["skuId"] = strings.ToUpper(sku)
		}
		if s["commerceSubscriptionId"] != nil {
			s["id"], s["commerceSubscriptionId"] = s["commerceSubscriptionId"], nil
		}
	}), Times: -1})
	for id := range ofCommerce {
		ofCommerce[id] = id
	}
	commerce(t, ofCommerce)
	for i, p := range g.nodesOf(t, "subscribedSkus", "first: 1000", "skuId companySubscriptions { skuId }") {
		got := objects(p["companySubscriptions"])
		if len(got) != len(products[i]["companySubscriptions"].([]any)) || slices.ContainsFunc(got, func(s object) bool { return s["skuId"] != p["skuId"] }) {
			t.Errorf("%v", p)
		}
	}
}

func compared(a, b any) int {
	if a, ok := a.(float64); ok {
		return int(a - b.(float64))
	}
	return strings.Compare(a.(string), b.(string))
}

func objects(list any) (objects []object) {
	for _, o := range list.([]any) {
		objects = append(objects, o.(object))
	}
	return objects
}

// TestOddPurchases tests unknown, missing and unreadable values of purchases.
func TestOddPurchases(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 50})
	const query = `{ companySubscriptions(first: 1) { nodes { status statusText totalLicenses ownerType nextLifecycleDateTime serviceStatus { servicePlanId } } } }`
	for _, tt := range []struct {
		set    map[string]any
		field  string
		want   any
		errors int
	}{
		{object{"status": "Paused"}, "status", "UNKNOWN_FUTURE_VALUE", 0},
		{object{"status": "Paused"}, "statusText", "Paused", 0},
		{object{"status": nil}, "status", nil, 0},
		{object{"status": 5}, "statusText", nil, 1},
		{object{"totalLicenses": 3e9}, "totalLicenses", 2147483647.0, 0},
		{object{"totalLicenses": "many"}, "totalLicenses", nil, 1},
		{object{"nextLifecycleDateTime": nil}, "nextLifecycleDateTime", nil, 0},
		{object{"nextLifecycleDateTime": "soon"}, "nextLifecycleDateTime", nil, 1},
	} {
		g.forget()
		g.tenant.Inject(emulator.Fault{Endpoint: purchasesEndpoint, Rewrite: editedList(func(_ int, s object) {
			for name, value := range tt.set {
				s[name] = value
			}
		}), Times: -1})
		r := g.ask(query, nil)
		got := r.Data["companySubscriptions"].(object)["nodes"].([]any)[0].(object)[tt.field]
		if unread := len(r.Errors) > 0; got != tt.want || unread != (tt.errors > 0) {
			t.Errorf("%v: %s", tt.set, r.raw)
		}
	}
	g.forget()
	g.tenant.Inject(emulator.Fault{Endpoint: purchasesEndpoint, Rewrite: editedList(func(_ int, s object) { s["status"] = "Deleted" }), Times: -1})
	if got := g.nodesOf(t, "subscribedSkus", `filter: {expiresBefore: "2999-01-01"}`, "id"); len(got) > 0 {
		t.Errorf("%d products with deleted purchases", len(got))
	}
	// The fallback of nextLifecycleDate fails: its own error, since the one of the allotments is permanent.
	g.forget()
	g.tenant.SetVariants(emulator.Variants{CloudLicensing: "missing"})
	g.tenant.Inject(emulator.Fault{Endpoint: purchasesEndpoint, Status: 503, Times: -1})
	r := g.ask(`{ licensingOverview { products { sku { skuId } nextLifecycleDate } } }`, nil)
	if errs := clientErrors(r); len(errs) != 1 || errs[0].Code != "UPSTREAM_UNAVAILABLE" || !errs[0].Retryable || errs[0].Path != "licensingOverview.products.#.nextLifecycleDate" {
		t.Errorf("%s", r.raw)
	}
	// Without subscriptionIds, an unreadable skuId makes the purchases of each product unknown.
	g.forget()
	g.tenant.Inject(emulator.Fault{Endpoint: skusEndpoint, Rewrite: editedList(func(_ int, s object) { s["subscriptionIds"] = []any{} }), Times: -1})
	g.tenant.Inject(emulator.Fault{Endpoint: purchasesEndpoint, Rewrite: editedList(func(i int, s object) {
		if i == 0 {
			s["skuId"] = 5
		}
	}), Times: -1})
	r = g.ask(`{ subscribedSkus { nodes { id companySubscriptions { id } } } }`, nil)
	if errs := clientErrors(r); len(errs) != 1 || errs[0].Path != "subscribedSkus.nodes.#.companySubscriptions" || errs[0].Code != "UPSTREAM_UNAVAILABLE" {
		t.Errorf("%s", r.raw)
	}
}
