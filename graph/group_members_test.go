package graph_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/emulator"
)

const membersPage = "GET /groups/{id}/members"

// groupNamed returns the ID of the group whose name starts with the text.
func (g *gateway) groupNamed(t *testing.T, text string) string {
	t.Helper()
	groups := g.nodesOf(t, "groups", fmt.Sprintf("filter: {displayNameStartsWith: %q}", text), "id")
	if len(groups) != 1 {
		t.Fatalf("%d groups are named %s", len(groups), text)
	}
	return groups[0]["id"].(string)
}

// membersOf returns the direct members of a group with their types, as "User id".
func (g *gateway) membersOf(t *testing.T, group string) []string {
	t.Helper()
	r := g.ask(fmt.Sprintf(`{ group(id: %q) { members(first: 999) { nodes { __typename id } } } }`, group), nil)
	var members []string
	walk(r.Data, func(o object) {
		if o["__typename"] != nil {
			members = append(members, o["__typename"].(string)+" "+o["id"].(string))
		}
	})
	slices.Sort(members)
	return members
}

const changeOfMembers = `mutation($group: ID!, $members: [ID!]!) { %s(input: {groupId: $group, memberIds: $members}) {
	results { memberId outcome member { __typename id } userErrors { code } } group { id displayName } userErrors { field code message } } }`

// changeMembers runs addGroupMembers or removeGroupMembers.
func (g *gateway) changeMembers(field, group string, members ...string) response {
	return g.ask(fmt.Sprintf(changeOfMembers, field), object{"group": group, "members": members})
}

// outcomesOf returns the outcome and the user errors of each result of the only payload.
func outcomesOf(r response) (all []string) {
	for _, payload := range r.Data {
		if payload, ok := payload.(object); ok {
			for _, result := range payload["results"].([]any) {
				text := result.(object)["outcome"].(string)
				for _, e := range result.(object)["userErrors"].([]any) {
					text += " " + e.(object)["code"].(string)
				}
				all = append(all, text)
			}
		}
	}
	return all
}

// codesOf returns the codes of the user errors of the only payload.
func codesOf(r response) (codes []string) {
	for _, payload := range r.Data {
		for _, e := range payload.(object)["userErrors"].([]any) {
			codes = append(codes, e.(object)["code"].(string))
		}
	}
	return codes
}

// TestGroupMembers adds members to a group that licenses, and removes them: their licenses follow.
func TestGroupMembers(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 1000})
	group := g.groupNamed(t, "Microsoft 365 E3 – EMEA")
	people := g.unlicensed(t, 25)
	before := g.membersOf(t, group)
	g.forget()
	r := g.changeMembers("addGroupMembers", group, append(slices.Clone(people), missingID, "x", strings.ToUpper(people[0]))...)
	want := slices.Concat(slices.Repeat([]string{"DONE"}, 25), []string{"NOT_DONE NOT_FOUND", "NOT_DONE INVALID", "NOT_DONE INVALID"})
	if diff := difference(want, outcomesOf(r)); diff != "" || len(r.Errors) > 0 || len(codesOf(r)) != 3 {
		t.Errorf("%s (-want +got):\n%s", r.raw, diff)
	}
	if got := r.Extensions.Upstream.Requests; got > 4 && !*withoutPrefetch { // to check, two to change, to read
		t.Errorf("took %d requests: %+v", got, r.Extensions.Upstream.Endpoints)
	}
	if g.written() != 25 {
		t.Errorf("sent %d changes", g.written())
	}
	if got := len(g.membersOf(t, group)); got != len(before)+25 {
		t.Errorf("%d members, of %d before", got, len(before))
	}
	licensed := func() (n int) {
		for _, state := range valuesAt(g.ask(`query($ids: [ID!]!) { nodes(ids: $ids) { ... on User { id licenseAssignmentStates { assignedByGroup { id } } } } }`, object{"ids": people}).Data, "nodes.licenseAssignmentStates.assignedByGroup.id") {
			if state == group {
				n++
			}
		}
		return n
	}
	if err := g.tenant.Advance(time.Minute); err != nil {
		t.Fatal(err)
	}
	if licensed() != 1 {
		t.Error("the members did not get the license of the group")
	}
	g.forget()
	r = g.changeMembers("addGroupMembers", group, people[0], people[1])
	if diff := difference([]string{"NOT_DONE ALREADY_MEMBER", "NOT_DONE ALREADY_MEMBER"}, outcomesOf(r)); diff != "" || g.written() > 0 {
		t.Errorf("%s", r.raw)
	}
	other := g.unlicensed(t, 1)[0]
	g.forget()
	r = g.changeMembers("removeGroupMembers", group, append(slices.Clone(people), other, missingID)...)
	want = append(slices.Repeat([]string{"DONE"}, 25), "NOT_DONE NOT_MEMBER", "NOT_DONE NOT_FOUND")
	if diff := difference(want, outcomesOf(r)); diff != "" || len(r.Errors) > 0 || g.written() != 25 {
		t.Errorf("%s (-want +got):\n%s", r.raw, diff)
	}
	if err := g.tenant.Advance(time.Minute); err != nil {
		t.Fatal(err)
	}
	if diff := difference(before, g.membersOf(t, group)); diff != "" || licensed() != 0 {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if r := g.ask(fmt.Sprintf(`{ user(id: %q) { id displayName } }`, people[0]), nil); len(r.Errors) > 0 {
		t.Errorf("the removed member is gone: %s", r.raw)
	}
}

// TestUnchangeableMembers tests groups and members that cannot be changed: nothing is sent.
func TestUnchangeableMembers(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	person := g.unlicensed(t, 1)[0]
	device := ""
	for _, member := range g.membersOf(t, g.groupNamed(t, "Frontline – Magasins")) {
		if kind, id, _ := strings.Cut(member, " "); kind == "Device" {
			device = id
		}
	}
	for name, tt := range map[string]struct {
		group, member, want, message string
	}{
		"dynamic":            {g.groupNamed(t, "Frontline – Склади"), person, "MEMBERS_MANAGED_ELSEWHERE", "membershipRule"},
		"synchronized":       {g.groupNamed(t, "Copilot – wave 1"), person, "MEMBERS_MANAGED_ELSEWHERE", "on-premises"},
		"device, Microsoft":  {g.groupNamed(t, "Betriebsrat"), device, "MEMBER_TYPE", "only users"},
		"group, Microsoft":   {g.groupNamed(t, "Betriebsrat"), g.groupNamed(t, "Board"), "MEMBER_TYPE", "only users"},
		"no group":           {missingID, person, "NOT_FOUND", "No group"},
		"a user":             {person, person, "NOT_FOUND", "No group"},
		"invalid group":      {"x", person, "INVALID", "GUID"},
		"no member":          {g.groupNamed(t, "Board"), missingID, "NOT_FOUND", "No object"},
		"itself, by Graph":   {g.groupNamed(t, "Board"), g.groupNamed(t, "Board"), "REFUSED", "member of itself"},
		"managed meanwhile":  {g.groupNamed(t, "Guests"), person, "MEMBERS_MANAGED_ELSEWHERE", "on-premises mastered"},
		"a member meanwhile": {g.groupNamed(t, "Guests"), person, "ALREADY_MEMBER", "Already"},
	} {
		t.Run(name, func(t *testing.T) {
			g.forget()
			sends := strings.Contains(name, "meanwhile")
			if sends {
				text := map[string]string{"managed meanwhile": "Unable to update the specified properties for on-premises mastered Directory Sync objects.",
					"a member meanwhile": "One or more added object references already exist for the following modified properties: 'members'."}[name]
				g.tenant.Inject(emulator.Fault{Endpoint: addMemberEndpoint, Status: 400, Body: `{"error":{"code":"Request_BadRequest","message":"` + text + `"}}`})
			}
			r := g.changeMembers("addGroupMembers", tt.group, tt.member)
			if codes := codesOf(r); len(codes) != 1 || codes[0] != tt.want || !strings.Contains(string(r.raw), tt.message) || len(r.Errors) > 0 {
				t.Errorf("%s, want %s", r.raw, tt.want)
			}
			if sends = sends || tt.want == "REFUSED"; g.written() > 0 != sends {
				t.Errorf("sent %d changes", g.written())
			}
		})
	}
	g.forget()
	g.tenant.Inject(emulator.Fault{Endpoint: removeMemberEndpoint, Status: 404, Code: "Request_ResourceNotFound"})
	group := g.groupNamed(t, "Guests")
	_, member, _ := strings.Cut(g.membersOf(t, group)[0], " ")
	if r := g.changeMembers("removeGroupMembers", group, member); !slices.Equal(outcomesOf(r), []string{"NOT_DONE NOT_MEMBER"}) {
		t.Errorf("removed meanwhile: %s", r.raw)
	}
}

// TestFurtherPermissionsOfMembers tests that the error of a change has the permissions for groups that are assignable to
// roles, and for devices.
func TestFurtherPermissionsOfMembers(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	roles := g.groupNamed(t, "Payroll")
	members := g.membersOf(t, roles)
	people := slices.DeleteFunc(g.unlicensed(t, 5), func(id string) bool { return slices.Contains(members, "User "+id) })
	person := people[0]
	shop := g.groupNamed(t, "Frontline – Magasins")
	device := ""
	for _, member := range g.membersOf(t, shop) {
		if kind, id, _ := strings.Cut(member, " "); kind == "Device" {
			device = id
		}
	}
	g.withRoles("GroupMember.ReadWrite.All", "Directory.Read.All")
	for _, tt := range []struct{ field, group, member, want string }{
		{"addGroupMembers", roles, person, "RoleManagement.ReadWrite.Directory"},
		{"removeGroupMembers", shop, device, "Device.ReadWrite.All"},
	} {
		r := g.changeMembers(tt.field, tt.group, tt.member)
		errs := clientErrors(r)
		if len(errs) != 1 || errs[0].Code != "FORBIDDEN" || errs[0].Permission != "GroupMember.ReadWrite.All and "+tt.want || errs[0].Path != tt.field+".results.#" {
			t.Errorf("%s, want %s", r.raw, tt.want)
		}
	}
	g.withRoles("GroupMember.ReadWrite.All", "Directory.Read.All", "RoleManagement.ReadWrite.Directory", "Device.ReadWrite.All")
	for _, r := range []response{g.changeMembers("addGroupMembers", roles, person), g.changeMembers("removeGroupMembers", shop, device)} {
		if !slices.Equal(outcomesOf(r), []string{"DONE"}) {
			t.Errorf("%s", r.raw)
		}
	}
}

// TestLostMembership loses the response of a change of members: it is read back, and never repeated.
func TestLostMembership(t *testing.T) {
	t.Parallel()
	for name, fault := range lost {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{})
			group := g.groupNamed(t, "Guests")
			people := g.unlicensed(t, 2)
			want := map[bool]string{true: "DONE", false: "UNKNOWN"}[fault.Act]
			lose := func(endpoint string) {
				g.forget()
				f := fault
				f.Endpoint = endpoint
				g.tenant.Inject(f)
			}
			lose(addMemberEndpoint)
			r := g.changeMembers("addGroupMembers", group, people[0])
			if got := outcomesOf(r); !slices.Equal(got, []string{want}) || g.written() != 1 || (len(r.Errors) == 0) != fault.Act {
				t.Errorf("add: %s, %d sent", r.raw, g.written())
			}
			g.change(t, fmt.Sprintf(`mutation { addGroupMembers(input: {groupId: %q, memberIds: [%q]}) { results { outcome } } }`, group, people[1]), nil)
			lose(removeMemberEndpoint)
			r = g.changeMembers("removeGroupMembers", group, people[1])
			if got := outcomesOf(r); !slices.Equal(got, []string{want}) || g.written() != 1 || (len(r.Errors) == 0) != fault.Act {
				t.Errorf("remove: %s, %d sent", r.raw, g.written())
			}
			g.tenant.ClearFaults()
			if is := slices.Contains(g.membersOf(t, group), "User "+people[1]); is == fault.Act {
				t.Errorf("remove: a member is %v", is)
			}
		})
	}
}

// TestMissedMember tests that one list without a member does not confirm its removal: a replica may lag.
func TestMissedMember(t *testing.T) {
	t.Parallel()
	for misses, want := range map[int]string{1: "UNKNOWN", 2: "DONE"} {
		g := startGateway(t, emulator.Options{})
		group := g.groupNamed(t, "Guests")
		_, member, _ := strings.Cut(g.membersOf(t, group)[0], " ")
		g.forget()
		g.tenant.Inject(emulator.Fault{Endpoint: removeMemberEndpoint, Cut: true})
		g.pass(membersPage)
		g.tenant.Inject(emulator.Fault{Endpoint: membersPage, Body: `{"value":[]}`, Times: misses})
		if got := outcomesOf(g.changeMembers("removeGroupMembers", group, member)); !slices.Equal(got, []string{want}) {
			t.Errorf("%d misses: %v", misses, got)
		}
	}
}

// TestLargeGroup tests a group with more members than are checked: Microsoft Graph checks the others.
func TestLargeGroup(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	group := g.groupNamed(t, "Guests")
	_, unchecked, _ := strings.Cut(g.membersOf(t, group)[0], " ")
	people := g.unlicensed(t, 2)
	pages := func() {
		g.forget()
		for i := range 9 {
			g.tenant.Inject(emulator.Fault{Endpoint: membersPage, Body: fmt.Sprintf(
				`{"value":[{"@odata.type":"#microsoft.graph.user","id":%q}],"@odata.nextLink":"%s/beta/groups/%s/members?$select=id&$top=999&$skiptoken=%d"}`, people[0], g.tenant.URL, group, i)})
		}
	}
	pages()
	r := g.changeMembers("addGroupMembers", group, people[0], unchecked)
	if got := outcomesOf(r); !slices.Equal(got, []string{"NOT_DONE ALREADY_MEMBER", "NOT_DONE ALREADY_MEMBER"}) || g.written() != 1 || g.sentTo(membersPage) != 5 {
		t.Errorf("%s, %d sent, %v", r.raw, g.written(), g.tenant.Counts())
	}
	pages()
	r = g.changeMembers("removeGroupMembers", group, people[1], unchecked)
	if got := outcomesOf(r); !slices.Equal(got, []string{"NOT_DONE NOT_MEMBER", "DONE"}) || g.written() != 2 {
		t.Errorf("%s, %d sent", r.raw, g.written())
	}
}

// TestUnreadableMembership tests that nothing is sent if a check cannot be read.
func TestUnreadableMembership(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	group, people := g.groupNamed(t, "Guests"), g.unlicensed(t, 2)
	for _, endpoint := range []string{"GET /groups/{id}", membersPage, "POST /directoryObjects/getByIds"} {
		g.forget()
		g.tenant.Inject(emulator.Fault{Endpoint: endpoint, Status: http.StatusForbidden, Times: -1})
		if r := g.changeMembers("addGroupMembers", group, people...); r.Data["addGroupMembers"] != nil || len(r.Errors) != 1 || g.written() > 0 {
			t.Errorf("%s: %s", endpoint, r.raw)
		}
	}
}
