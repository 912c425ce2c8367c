package tenant

import (
	"strings"
	"testing"
)

func (t *Tenant) errors() []AssignmentError {
	var list []AssignmentError
	for _, e := range t.Errors(-1, t.Skus()) {
		list = append(list, e)
	}
	return list
}

func TestDefaultTenant(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		tn := New(seed+1, 500)
		if err := tn.Check(); err != nil {
			t.Errorf("seed %d: %v", seed+1, err)
		}
		rights, guids := 0, 0
		for _, e := range tn.errors() {
			if _, ok := tn.RightOf(e); ok {
				rights++
			}
			if id := tn.ErrorID(e); len(id) == 36 {
				guids++
			} else if len(id) != 52 || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") != "" {
				t.Errorf("id %q has neither shape", id)
			}
		}
		groupRights, groupGUIDs, vain := 0, 0, 0
		for i := range tn.Groups(-1) {
			for _, r := range tn.Rights(Ref{GroupKind, i}) {
				groupRights++
				if len(tn.RightID(r)) == 36 {
					groupGUIDs++
				}
				if tn.Group(i).Nickname == lateGroup && r.Sku == SkuE3 {
					vain++
				}
			}
		}
		if groupGUIDs == 0 || groupGUIDs == groupRights || vain != 1 {
			t.Errorf("seed %d: %d rights of groups, %d with a GUID, %d through the second wave of Copilot", seed+1, groupRights, groupGUIDs, vain)
		}
		if n := len(tn.errors()); n != 150 || rights != 55 || len(tn.groups) != 25 {
			t.Errorf("seed %d: %d errors, %d with a right, %d groups", seed+1, n, rights, len(tn.groups))
		}
		if guids == 0 || guids == len(tn.errors()) {
			t.Errorf("seed %d: ids of one shape only", seed+1)
		}
	}
}

// TestSourcesOfGroups uses small tenants, in which a group can have one member
// with the same product assigned directly.
func TestSourcesOfGroups(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		tn := New(seed+1, 10)
		for i := range tn.Groups(-1) {
			for _, r := range tn.Rights(Ref{GroupKind, i}) {
				for _, a := range tn.RightSources(r) {
					if a.To.Kind != GroupKind {
						t.Errorf("seed %d: a user's assignment is behind the right of %s", seed+1, tn.Group(i).Name)
					}
				}
			}
		}
	}
}

func TestTenantScales(t *testing.T) {
	t.Parallel()
	tn := New(1, 20_000)
	if n := len(tn.errors()); n != 6000 || len(tn.byName) != 20_000 || tn.UserCount() != 20_000 {
		t.Errorf("%d errors, %d names, %d users", n, len(tn.byName), tn.UserCount())
	}
}

func TestRolesAddUp(t *testing.T) {
	t.Parallel()
	sum := 0
	for _, r := range roles {
		sum += r.share
	}
	if sum != 100 {
		t.Errorf("the shares of all roles are %d, want 100", sum)
	}
	for _, c := range cultures {
		for _, list := range []string{c.given, c.family} {
			if shown, ascii := names(list); len(shown) != namesEach || len(ascii) != namesEach {
				t.Errorf("%s: %v", c.location, shown)
			}
		}
	}
	for _, d := range departments {
		if len(d.titles) > namesEach {
			t.Errorf("%s has too many titles", d.name)
		}
	}
}
