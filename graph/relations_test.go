package graph_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"licensegraph/internal/emulator"
)

// TestRelationsOfErrorRights tests the relations of an error's usage right with any selection.
func TestRelationsOfErrorRights(t *testing.T) {
	t.Parallel()
	for name, variants := range map[string]emulator.Variants{"strict": {}, "both relations expand": {ExpandErrors: "both"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Variants: variants})
			for _, selected := range []string{"assignments { id }", "allotments { id }", "id assignments { id } allotments { id }", "holderId assignments { id allotment { skuPartNumber } }"} {
				r := g.ask(`{ assignmentErrors(first: 100) { nodes { usageRight { `+selected+` } } } }`, nil)
				if len(r.Errors) > 0 {
					t.Fatalf("%s", r.raw)
				}
				rights := 0
				for _, node := range r.Data["assignmentErrors"].(object)["nodes"].([]any) {
					right, ok := node.(object)["usageRight"].(object)
					if !ok {
						continue
					}
					rights++
					for edge, value := range right {
						if list, ok := value.([]any); strings.HasPrefix(edge, "a") && (!ok || len(list) == 0) {
							t.Errorf("%s: %v", selected, right)
						}
					}
				}
				if rights < 10 {
					t.Errorf("%d rights: the test covers nothing", rights)
				}
			}
		})
	}
}

// TestProductWithoutID tests that a product without an ID has no errors and allotments.
func TestProductWithoutID(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	g.tenant.Inject(emulator.Fault{Endpoint: skusEndpoint, Times: -1, Rewrite: func(b []byte) []byte {
		var list struct {
			Value []object `json:"value"`
		}
		_ = json.Unmarshal(b, &list)
		for _, sku := range list.Value {
			sku["skuId"] = nil
		}
		b, _ = json.Marshal(list)
		return b
	}})
	r := g.ask(`{ subscribedSkus { nodes { assignmentErrors { nodes { id } } allotments { id } } } }`, nil)
	for _, node := range r.Data["subscribedSkus"].(object)["nodes"].([]any) {
		if sku := node.(object); sku["assignmentErrors"] != nil || sku["allotments"] != nil || len(r.Errors) > 0 {
			t.Errorf("%s", r.raw)
		}
	}
}

// TestSameInputError tests that an invalid argument is reported once for many objects, at no cost.
func TestSameInputError(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	for _, tt := range []struct{ parents, field string }{
		{"users(first: 200)", "usageRights(skuIds: []) { id }"},
		{"users(first: 200)", "usageRights(planIds: [" + strings.Repeat(`"`+skuE3+`", `, 16) + "]) { id }"},
		{"groups(first: 20)", "members(first: 0) { nodes { id } }"},
		{"allotments(first: 10)", `assignments(after: "x") { nodes { id } }`},
	} {
		whole := g.ask(fmt.Sprintf(`{ %s { nodes { id } } }`, tt.parents), nil)
		g.forget()
		r := g.ask(fmt.Sprintf(`{ %s { nodes { id %s } } }`, tt.parents, tt.field), nil)
		if len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != "BAD_USER_INPUT" || r.Errors[0].Extensions["count"].(float64) < 10 {
			t.Errorf("%s: %d errors", tt.field, len(r.Errors))
		}
		if r.Extensions.Upstream.Requests != 1 || r.Extensions.Upstream.BatchParts > 0 || len(whole.Errors) > 0 {
			t.Errorf("%s: %+v", tt.field, r.Extensions.Upstream)
		}
	}
}

// TestExternalServiceIdentifier tests that the property is returned by all reads.
func TestExternalServiceIdentifier(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	own := map[string]string{} // by allotment
	with := 0
	for _, node := range g.nodesOf(t, "allotments", "first: 50", "id externalServiceIdentifier") {
		text, _ := node["externalServiceIdentifier"].(string)
		if own[node["id"].(string)] = text; text != "" {
			with++
		}
	}
	if with == 0 || with == len(own) {
		t.Fatalf("%d of %d allotments have an identifier", with, len(own))
	}
	rights := 0
	for _, node := range g.nodesOf(t, "users", "first: 100", "usageRights { externalServiceIdentifier allotments { id externalServiceIdentifier } }") {
		for _, right := range node["usageRights"].([]any) {
			have, _ := right.(object)["externalServiceIdentifier"].(string)
			want := ""
			for _, a := range right.(object)["allotments"].([]any) {
				text, _ := a.(object)["externalServiceIdentifier"].(string)
				if text != own[a.(object)["id"].(string)] {
					t.Errorf("an allotment of a right has %q, its own read %q", text, own[a.(object)["id"].(string)])
				}
				want = cmp.Or(want, text)
			}
			if have != want {
				t.Errorf("a right has %q, want %q", have, want)
			}
			if have != "" {
				rights++
			}
		}
	}
	if rights == 0 {
		t.Error("no right has an identifier")
	}
}
