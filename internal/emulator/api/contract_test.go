package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/contract"
)

// TestContractPermissions tests the permissions of each endpoint against its
// reference page, which the contract repeats.
func TestContractPermissions(t *testing.T) {
	t.Parallel()
	documented := map[string]contract.Endpoint{}
	for _, e := range contract.Endpoints() {
		documented[e.Label()] = e
	}
	set := func(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
	for _, r := range routes {
		want := documented[r.Label] // TestEndpointsMatchContract tests that it exists.
		for kind, both := range map[string][2][]string{
			"delegated": {want.Delegated, r.Scopes}, "application": {want.Application, r.App}, "basic": {want.Basic, r.Basic}, "additional": {want.Also, r.also},
		} {
			if diff := cmp.Diff(set(both[0]), set(both[1])); diff != "" {
				t.Errorf("%s, %s permissions (-want +got):\n%s", r.Label, kind, diff)
			}
		}
		if least := want.Delegated; len(least) > 0 && least[0] != "Directory.Read.All" && r.Scopes[0] != least[0] {
			t.Errorf("%s lists %s before %s", r.Label, r.Scopes[0], least[0])
		}
	}
}

// TestListedPermissions tests the permissions of cloudLicensing endpoints in
// Microsoft's list of permissions.
func TestListedPermissions(t *testing.T) {
	t.Parallel()
	set := func(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
	for _, r := range routes {
		if !r.Cloud {
			continue
		}
		A := []string{"AgentIdUser.ReadWrite.All", "AgentIdUser.ReadWrite.IdentityParentedBy"}
		D, U, G := []string{"Directory.Read.All", "Directory.ReadWrite.All"}, []string{"User.Read.All", "User.ReadWrite.All"}, []string{"Group.Read.All", "Group.ReadWrite.All"}
		writesUser := with([]string{"User.ReadWrite.All", "Directory.ReadWrite.All"}, A)
		application := map[string][]string{"admin": D, "users": with(U, D, A), "me": with(U, D, A), "groups": with(G, U, D, A), "devices": with([]string{"Device.Read.All", "Device.ReadWrite.All"}, D)}
		delegated := map[string][]string{"admin": D, "users": with(U, D, A, []string{"User.Read", "User.ReadWrite"}), "groups": application["groups"], "devices": with([]string{"Device.Read.All"}, D)}
		if r.Method != "GET" {
			application = map[string][]string{"admin": D[1:], "users": writesUser, "me": writesUser, "groups": with(G[1:], writesUser), "devices": with([]string{"Device.ReadWrite.All"}, D[1:])}
			delegated = map[string][]string{"admin": D[1:], "users": with(writesUser, []string{"User.ReadWrite"}), "groups": application["groups"], "devices": D[1:]}
			switch {
			case strings.HasSuffix(r.Label, "/reprocessAssignments"):
				application["groups"] = with(G[1:], D[1:])
				delegated["groups"] = application["groups"]
			case r.Method == "POST":
				application["groups"] = writesUser
			}
		}
		delegated["me"] = delegated["users"]
		if diff := cmp.Diff(set(application[r.segments[0]]), set(r.list)); diff != "" {
			t.Errorf("%s, application, on the list (-want +got):\n%s", r.Label, diff)
		}
		if diff := cmp.Diff(set(delegated[r.segments[0]]), set(r.listScopes)); diff != "" {
			t.Errorf("%s, delegated, on the list (-want +got):\n%s", r.Label, diff)
		}
	}
}

// TestDefaultConsent tests that the default consent is sufficient for all
// documented endpoints with delegated permissions.
func TestDefaultConsent(t *testing.T) {
	t.Parallel()
	for i := range routes {
		who := &identity{user: "someone", scopes: access.DefaultScopes}
		if r := &routes[i]; r.Scopes != nil && !who.has(r.Scopes) && !slices.Equal(r.Scopes, r.listScopes) {
			t.Errorf("%s requires one of %s", r.Label, r.Scopes)
		}
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(access.DefaultScopes)))); n != len(access.DefaultScopes) {
		t.Error("a scope is named twice")
	}
}
