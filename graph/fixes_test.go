package graph_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/emulator"
)

const fixFields = `fixes { action title effect safe safety mutation variables missingVariables }`

// fill sets the missing variables of a fix.
func fill(t *testing.T, fix object) object {
	t.Helper()
	variables := fix["variables"].(object)
	for _, path := range fix["missingVariables"].([]any) {
		input := variables["input"].(object)
		switch path {
		case "input.usageLocation":
			input["usageLocation"] = "CH"
		case "input.addLicenses.0.skuId":
			input["addLicenses"].([]any)[0].(object)["skuId"] = skuE3
		default:
			t.Errorf("missing variable %s", path)
		}
	}
	return variables
}

// send sends a fix, and returns the outcomes in its payload and its user errors.
func (g *gateway) send(t *testing.T, fix object) (outcomes []string, userErrors []any) {
	t.Helper()
	payload := g.change(t, fix["mutation"].(string), fill(t, fix))
	walk(payload, func(o object) {
		if outcome, ok := o["outcome"].(string); ok {
			outcomes = append(outcomes, outcome)
		}
		if errs, ok := o["userErrors"].([]any); ok {
			userErrors = append(userErrors, errs...)
		}
	})
	return outcomes, userErrors
}

// settle lets the tenant process its changes.
func (g *gateway) settle(t *testing.T) {
	t.Helper()
	if err := g.tenant.Advance(time.Minute); err != nil {
		t.Fatal(err)
	}
	g.waits.pass(time.Minute)
	g.forget()
}

// TestFixesOfFindings sends the fixes of a finding of each kind: the finding is gone.
func TestFixesOfFindings(t *testing.T) {
	t.Parallel()
	purchases := map[string]bool{"UNUSED_UNITS": true, "EXPIRING_SUBSCRIPTION": true}
	for _, kind := range findingKinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Variants: emulator.Variants{Throttling: emulator.Throttling{Off: true}}})
			findings := g.nodesOf(t, "licenseFindings", "filter: {kinds: ["+kind+"]}, first: 500", "id unitsFreed "+fixFields)
			i := slices.IndexFunc(findings, func(f object) bool { return len(f["fixes"].([]any)) > 0 })
			if purchases[kind] {
				if i >= 0 {
					t.Errorf("%v", findings[i])
				}
				return
			}
			finding := findings[max(i, 0)]
			fixes := finding["fixes"].([]any)
			if len(fixes) == 0 {
				t.Fatal("no fixes")
			}
			for _, fix := range fixes {
				fix := fix.(object)
				if outcomes, errs := g.send(t, fix); len(errs) > 0 || len(outcomes) != 1 || outcomes[0] != "DONE" {
					t.Errorf("%v: %v %v", fix["variables"], outcomes, errs)
				}
				for _, text := range []string{"title", "effect", "safety"} {
					if fix[text] == "" {
						t.Errorf("no %s", text)
					}
				}
			}
			g.settle(t)
			left := idsOf(g.nodesOf(t, "licenseFindings", "filter: {kinds: ["+kind+"]}, first: 500", "id"))
			for _, id := range left {
				if id == finding["id"] && kind != "DELETED_GROUP" { // of which the tenant keeps the license, as the fix says
					t.Errorf("%s is left after %v", id, fixes)
				}
			}
		})
	}
}

// TestFixesOfErrors sends the fixes of an error of each code. The error is gone, unless it has another cause that the fix
// names.
func TestFixesOfErrors(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Variants: emulator.Variants{Throttling: emulator.Throttling{Off: true}}})
	codes := map[string]int{}
	for _, e := range g.nodesOf(t, "assignmentErrors", "first: 1000", "id code assignedTo { id } "+fixFields) {
		code := e["code"].(string)
		fixes := e["fixes"].([]any)
		if len(fixes) == 0 {
			continue // the product has no other service plan
		}
		if codes[code]++; codes[code] > 1 {
			continue
		}
		for _, fix := range fixes {
			if outcomes, errs := g.send(t, fix.(object)); len(errs) > 0 || len(outcomes) != 1 || outcomes[0] != "DONE" {
				t.Errorf("%s: %v: %v %v", code, fix.(object)["variables"], outcomes, errs)
			}
		}
		g.settle(t)
		if fixes[0].(object)["action"] == "SET_USAGE_LOCATION" { // which asks to reprocess
			g.change(t, `mutation ($input: ReprocessInput!) { reprocessLicenseAssignment(input: $input) { results { outcome } } }`,
				object{"input": object{"userIds": []any{e["assignedTo"].(object)["id"]}}})
			g.settle(t)
		}
		gone := true
		for _, left := range g.nodesOf(t, "assignmentErrors", "first: 1000", "id code") {
			gone = gone && (left["id"] != e["id"] || left["code"] != code)
		}
		if causeRemains := code == "InsufficientUnits" || code == "ProxyAddressConflict"; gone == causeRemains {
			t.Errorf("%s: gone %v after %v", code, gone, fixes)
		}
	}
	if len(codes) < 6 {
		t.Errorf("codes %v", codes)
	}
}

// TestSafeFixes runs the safe fixes dry: nobody uses a unit or loses a service plan.
func TestSafeFixes(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Variants: emulator.Variants{Throttling: emulator.Throttling{Off: true}}})
	fixes := append(g.nodesOf(t, "licenseFindings", "first: 500", "kind "+fixFields), g.nodesOf(t, "assignmentErrors", "first: 1000", "code "+fixFields)...)
	safe := 0
	for _, of := range fixes {
		for _, fix := range of["fixes"].([]any) {
			fix := fix.(object)
			if fix["safe"] != true {
				continue
			}
			safe++
			variables := fix["variables"].(object)
			variables["input"].(object)["dryRun"] = true
			payload := g.change(t, strings.Replace(fix["mutation"].(string), "userErrors { field", "effects { units skuId plansLost { servicePlanName } } userErrors { field", 1), variables)
			effects, _ := payload["effects"].([]any)
			if len(effects) == 0 {
				t.Errorf("%v has no effect: %v", fix["title"], payload)
			}
			for _, effect := range effects {
				if e := effect.(object); e["units"].(float64) > 0 || len(e["plansLost"].([]any)) > 0 && of["kind"] != "OVERLAPPING_PRODUCTS" { // whose plans the other product has
					t.Errorf("%v: %v", fix["title"], e)
				}
			}
		}
	}
	if safe < 5 {
		t.Errorf("%d safe fixes: the test covers nothing", safe)
	}
}
