package licensing

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// TestOverlappingProducts tests which of two products of a user is superfluous, by their plans and the disabled ones.
func TestOverlappingProducts(t *testing.T) {
	t.Parallel()
	const small, large = GUID("11111111-0000-4000-8000-000000000001"), GUID("22222222-0000-4000-8000-000000000002")
	for _, tt := range []struct {
		name                        string
		plansOfSmall, plansOfLarge  string // of one letter; capitals apply to the company
		disabledInSmall, inLarge    string
		superfluous                 []GUID
		smallUnread, disabledUnread bool
	}{
		{name: "contained", plansOfSmall: "ab", plansOfLarge: "abc", superfluous: []GUID{small}},
		{name: "not contained", plansOfSmall: "ad", plansOfLarge: "abc"},
		{name: "contained without a disabled plan", plansOfSmall: "ad", plansOfLarge: "abc", disabledInSmall: "d", superfluous: []GUID{small}},
		{name: "disabled in the larger one", plansOfSmall: "ab", plansOfLarge: "abc", inLarge: "b"},
		{name: "equal", plansOfSmall: "ab", plansOfLarge: "ab", superfluous: []GUID{large}},
		{name: "all plans disabled", plansOfSmall: "ab", plansOfLarge: "abc", disabledInSmall: "ab"},
		{name: "no plans", plansOfSmall: "", plansOfLarge: "abc"},
		{name: "plan of the company", plansOfSmall: "aX", plansOfLarge: "ab", superfluous: []GUID{small}},
		{name: "unread plans", plansOfSmall: "ab", plansOfLarge: "abc", smallUnread: true},
		{name: "unread disabled plans", plansOfSmall: "ab", plansOfLarge: "abc", disabledUnread: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sku := func(id GUID, plans string) *SubscribedSku {
				s := &SubscribedSku{SkuID: &id}
				for _, plan := range plans {
					target, planID := "User", GUID(fmt.Sprint(plan))
					if plan < 'a' {
						target = "Company"
					}
					s.ServicePlans = append(s.ServicePlans, &ServicePlan{ServicePlanID: &planID, AppliesToText: &target})
				}
				return s
			}
			license := func(id GUID, disabled string) *AssignedLicense {
				l := &AssignedLicense{SkuID: &id}
				for _, plan := range disabled {
					l.DisabledPlans = append(l.DisabledPlans, GUID(fmt.Sprint(plan)))
				}
				return l
			}
			skus := []*SubscribedSku{sku(small, tt.plansOfSmall), sku(large, tt.plansOfLarge)}
			user := &User{ID: "u", AssignedLicenses: []*AssignedLicense{license(small, tt.disabledInSmall), license(large, tt.inLarge)}}
			if tt.smallUnread {
				skus[0].SetReadError("servicePlans", errUnread)
			}
			if tt.disabledUnread {
				user.AssignedLicenses[0].SetReadError("disabledPlans", errUnread)
			}
			rules := FindingRules{Kinds: []LicenseFindingKind{OverlappingProducts}}
			rules.WithProducts(skus)
			var got []GUID
			for _, f := range rules.OfUser(user) {
				got = append(got, *f.SkuID)
			}
			if !slices.Equal(tt.superfluous, got) {
				t.Errorf("superfluous: want %v, got %v", tt.superfluous, got)
			}
		})
	}
}

var errUnread = fmt.Errorf("unread")

// TestFindingCountsCopyNames tests that counts keep no text of a response, and so not the response.
func TestFindingCountsCopyNames(t *testing.T) {
	t.Parallel()
	c := NewFindingCounts(FindingWalk{
		Kinds: string(GuestAccount) + "," + string(DeletedGroup), Freeing: string(GuestAccount), OrgUnits: true,
	}, nil)
	var responses []string
	kept := func(text string) bool {
		at := uintptr(unsafe.Pointer(unsafe.StringData(text)))
		return slices.ContainsFunc(responses, func(r string) bool {
			start := uintptr(unsafe.Pointer(unsafe.StringData(r)))
			return text != "" && at >= start && at < start+uintptr(len(r))
		})
	}
	for range 2 { // an assignment to a map replaces an equal key
		response := strings.Clone("Sales|100|11111111-0000-4000-8000-000000000001|22222222-0000-4000-8000-000000000002|Guest")
		responses = append(responses, response)
		parts := strings.Split(response, "|")
		sku := GUID(parts[2])
		c.Add(&User{
			ID: "u", UserType: &parts[4], Department: &parts[0], EmployeeOrgData: &EmployeeOrgData{CostCenter: &parts[1]},
			AssignedLicenses:        []*AssignedLicense{{SkuID: &sku}},
			LicenseAssignmentStates: []*LicenseAssignmentState{{SkuID: &sku, AssignedByGroup: &parts[3]}},
		})
	}
	if c.People[GuestAccount] != 2 || c.Departments["Sales"].People != 2 || len(c.Groups()) != 1 {
		t.Fatalf("%+v", c)
	}
	for _, units := range []OrgUnits{c.Departments, c.CostCenters} {
		for name, unit := range units {
			for sku := range unit.Units {
				if kept(name) || kept(string(sku)) {
					t.Errorf("%s, %s are parts of the response", name, sku)
				}
			}
		}
	}
	for _, products := range c.ByProduct {
		for sku := range products {
			if kept(string(sku)) {
				t.Errorf("%s is a part of the response", sku)
			}
		}
	}
	for key := range c.inherited {
		if kept(key) {
			t.Errorf("%s is a part of the response", key)
		}
	}
}

// TestDoubledProducts tests which direct assignments are superfluous, by the state of the inherited one.
func TestDoubledProducts(t *testing.T) {
	t.Parallel()
	sku, group := GUID("11111111-0000-4000-8000-000000000001"), "22222222-0000-4000-8000-000000000002"
	for state, want := range map[string]int{"Active": 1, "ActiveWithError": 0, "Disabled": 0, "Error": 0, "SomethingNew": 0} {
		direct := "Active"
		rules := FindingRules{Kinds: []LicenseFindingKind{DirectAndInherited}}
		user := &User{ID: "u", LicenseAssignmentStates: []*LicenseAssignmentState{
			{SkuID: &sku, StateText: &direct}, {SkuID: &sku, StateText: &state, AssignedByGroup: &group},
		}}
		if got := rules.OfUser(user); len(got) != want {
			t.Errorf("inherited license %s: %d findings, want %d", state, len(got), want)
		}
	}
}

// TestPeopleOfOrgUnits tests that a user with findings in two walks counts once, with each unit.
func TestPeopleOfOrgUnits(t *testing.T) {
	t.Parallel()
	guest, skus := "Guest", []GUID{"11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"}
	plan := GUID("33333333-0000-4000-8000-000000000003")
	products := []*SubscribedSku{{SkuID: &skus[0], ServicePlans: []*ServicePlan{{ServicePlanID: &plan}}}, {SkuID: &skus[1], ServicePlans: []*ServicePlan{{ServicePlanID: &plan}}}}
	user := &User{ID: "u", AssignedLicenses: []*AssignedLicense{{SkuID: &skus[0]}, {SkuID: &skus[1]}}}
	for _, freeing := range []LicenseFindingKind{GuestAccount, OverlappingProducts} {
		if user.UserType = nil; freeing == GuestAccount {
			user.UserType = &guest
		}
		all := OrgUnits{}
		for _, kind := range []LicenseFindingKind{freeing, InactiveAccount} {
			c := NewFindingCounts(FindingWalk{Kinds: string(kind), Freeing: string(freeing), OrgUnits: true}, products)
			c.Add(user)
			all.Add(c.Departments)
		}
		if got := all[""]; got.People != 1 || got.Units[skus[0]] != 1 || got.Units[skus[1]] != 1 {
			t.Errorf("%s: %+v", freeing, got)
		}
	}
}
