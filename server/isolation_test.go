package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"licensegraph/internal/emulator"
)

// resident is a user of one of two tenants.
type resident struct {
	tenant    int
	id, token string
	may       bool // change licenses, by Microsoft Graph
	changes   int  // attempted
}

// idsOf returns the IDs of the users and groups of a tenant.
func idsOf(t *testing.T, tenant *emulator.Server) []string {
	t.Helper()
	var ids []string
	for _, list := range []string{"users", "groups"} {
		req := httptest.NewRequest(http.MethodGet, "/beta/"+list+"?$select=id&$top=999", nil)
		req.Header.Set("Authorization", "Bearer "+tenant.DelegatedToken(tenant.PersonInRole("Global Administrator"), "User.Read.All", "GroupMember.Read.All"))
		w := httptest.NewRecorder()
		tenant.ServeHTTP(w, req)
		var page struct{ Value []struct{ ID string } }
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || len(page.Value) == 0 {
			t.Fatalf("%s: %v %s", list, err, w.Body)
		}
		for _, object := range page.Value {
			ids = append(ids, object.ID)
		}
	}
	return ids
}

// TestUsersOfTwoTenants has two users of each of two tenants send all operations concurrently: no response has data
// of the other tenant, and each caller is authorized, counted and audited individually.
func TestUsersOfTwoTenants(t *testing.T) {
	t.Parallel()
	for name, life := range map[string]string{"app": "0s", "on-behalf-of": "0s", "app with a cache": "1m"} {
		mode, _, _ := strings.Cut(name, " ")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNeighbours(t, emulator.Options{Users: 40}, emulator.Options{Users: 40, Seed: 2})
			p := start(t, map[string]string{"LICENSEGRAPH_CLIENT_SECRET": n.tenants[0].ClientSecret()},
				"--tenant-id="+n.tenants[0].TenantID(), "--tenant-id="+n.tenants[1].TenantID(), "--client-id="+n.tenants[0].ClientID(),
				"--graph-url="+n.url, "--authority="+n.url, "--inbound=entra", "--outbound="+mode, "--allow-writes", "--upstream-report=always", "--log-level=debug", "--reference-cache-life="+life,
				"--audience="+n.tenants[0].ClientID(), "--audience="+n.tenants[1].ClientID(), "--caller-rate=100000", "--caller-burst=100000", "--caller-operations=200")
			var residents []*resident
			var ids [2][]string
			hash := [2]string{}
			document := func(i int) string {
				return fmt.Sprintf("query OfTenant%d{users(first:3){nodes{id}}}", i)
			}
			for i, tenant := range n.tenants {
				ids[i] = idsOf(t, tenant)
				for _, role := range []string{"License Administrator", ""} {
					residents = append(residents, &resident{tenant: i, id: tenant.PersonInRole(role), token: tokenFor(t, tenant, nameOf(t, tenant, role), scopes...), may: role != ""})
				}
				if role := residents[2*i+1]; mode == "app" { // the gateway authorizes
					tenant.AssignAppRoles(role.id, "Licenses.Read.All")
					role.token = tokenFor(t, tenant, nameOf(t, tenant, ""), scopes...)
				}
				hash[i] = hashOf(document(i))
				if r := p.send(t, mustMarshal(map[string]any{"query": document(i), "extensions": persisted(hash[i])}), residents[2*i].token); r.status != 200 {
					t.Fatal(r.body)
				}
			}
			for _, id := range ids[0] {
				if slices.Contains(ids[1], id) {
					t.Fatalf("duplicate %s in both tenants", id)
				}
			}

			n.asked.Clear() // the test's own requests
			var mu sync.Mutex
			cursors := [2]string{}
			do := func(who *resident, kind int) {
				other := 1 - who.tenant
				own, foreign := ids[who.tenant][rand.IntN(30)], ids[other][rand.IntN(30)]
				body := map[string]any{}
				var want, never string // substrings of the response
				switch kind {
				case 0:
					body["query"], want = "{users(first:20){nodes{id usageRights{id}} pageInfo{endCursor}} assignmentErrors(first:5){nodes{assignedTo{id}}}}", `"endCursor":"`
				case 1:
					body["query"], want, never = fmt.Sprintf("{own:user(id:%q){id} other:user(id:%q){id} node(id:%q){id} nodes(ids:[%q]){id}}", own, foreign, foreign, foreign), `"own":{"id":"`+own+`"},"other":null,"node":null,"nodes":[null]`, foreign
				case 2:
					body["query"], want, never = "{subscribedSkus(first:5){nodes{id}}}", `"id":"`+n.tenants[who.tenant].TenantID(), n.tenants[other].TenantID()
				case 3:
					body["extensions"], want = persisted(hash[who.tenant]), `"nodes":[{"id":"`
				case 4:
					body["extensions"], want, never = persisted(hash[other]), "PERSISTED_QUERY_NOT_FOUND", `"data"`
				case 5:
					body["query"], want = "{__typename}", `"upstream":{"requests":0,`
				case 6:
					mu.Lock()
					cursor := cursors[other]
					mu.Unlock()
					if cursor == "" {
						return
					}
					body["query"], want, never = fmt.Sprintf("{users(first:20,after:%q){nodes{id}}}", cursor), "does not belong to this list", `"nodes"`
				case 7:
					body["query"], want = fmt.Sprintf("mutation{reprocessLicenseAssignment(input:{userIds:[%q]}){results{outcome}}}", who.id), `"code":"FORBIDDEN"`
					if who.may {
						want, never = `"outcome":"DONE"`, "FORBIDDEN"
					}
					mu.Lock()
					who.changes++
					mu.Unlock()
				case 8:
					body["query"], want = "{me{id}}", `"me":{"id":"`+who.id+`"}`
				}
				r := p.send(t, mustMarshal(body), who.token)
				r.body = asked.ReplaceAllString(r.body, "")
				if !strings.Contains(r.body, want) || never != "" && strings.Contains(r.body, never) {
					t.Errorf("%d of tenant %d: %d %.600s, want %s", kind, who.tenant, r.status, r.body, want)
				}
				for _, id := range ids[other] {
					if strings.Contains(r.body, id) {
						t.Errorf("%d of tenant %d has %s of the other: %.600s", kind, who.tenant, id, r.body)
					}
				}
				if found := endCursor.FindStringSubmatch(r.body); found != nil {
					mu.Lock()
					cursors[who.tenant] = found[1]
					mu.Unlock()
				}
			}
			const kinds = 9
			for range 2 {
				var group sync.WaitGroup
				for range 64 {
					group.Go(func() {
						for range 3 {
							do(residents[rand.IntN(len(residents))], rand.IntN(kinds))
						}
					})
				}
				group.Wait()
			}
			for _, who := range residents { // at least once
				for kind := range kinds {
					do(who, kind)
				}
			}

			for _, who := range residents {
				recorded := 0
				for line := range strings.Lines(p.stdout.String()) {
					var record struct {
						Msg     string
						Targets []string
						Outcome string
						Caller  struct{ Tenant, Object string }
					}
					if json.Unmarshal([]byte(line), &record) != nil || record.Caller.Object != who.id {
						continue
					}
					if record.Caller.Tenant != n.tenants[who.tenant].TenantID() {
						t.Errorf("record of another tenant: %s", line)
					}
					if record.Msg == "mutation" {
						recorded++
						if !slices.Equal(record.Targets, []string{who.id}) || (record.Outcome == "done") != who.may {
							t.Errorf("record of another caller: %s", line)
						}
					}
				}
				if recorded != who.changes {
					t.Errorf("%d of %d changes in the audit log", recorded, who.changes)
				}
			}
			// Microsoft Graph was called in the tenant of each caller, on behalf of the caller.
			names := 0
			n.asked.Range(func(key, at any) bool {
				names++
				c := key.(claims)
				person := slices.ContainsFunc(residents, func(who *resident) bool { return who.id == c.Oid && who.tenant == at })
				if c.Tid != n.tenants[at.(int)].TenantID() || person != (mode == "on-behalf-of") {
					t.Errorf("request to tenant %d with the token of %+v", at, c)
				}
				return true
			})
			if names != map[string]int{"app": 2, "on-behalf-of": 4}[mode] {
				t.Errorf("requests on behalf of %d users", names)
			}
			// The log has the callers, each in the own tenant, and no other user ID.
			callers, logged := regexp.MustCompile(` tenant=(\S+) caller=(\S+)`), map[string]bool{}
			for _, found := range callers.FindAllStringSubmatch(p.stderr.String(), -1) {
				logged[found[2]] = true
				if !slices.ContainsFunc(residents, func(who *resident) bool { return who.id == found[2] && n.tenants[who.tenant].TenantID() == found[1] }) {
					t.Errorf("the log has the caller %s in the tenant %s", found[2], found[1])
				}
			}
			if len(logged) != len(residents) {
				t.Errorf("%d callers in the log, not %d", len(logged), len(residents))
			}
			log := callers.ReplaceAllString(p.stderr.String(), "")
			for i, tenant := range n.tenants {
				for _, id := range append(ids[i], tenant.ClientSecret()) {
					if strings.Contains(log, id) {
						t.Errorf("the log has %s", id)
					}
				}
			}
		})
	}
}

var endCursor = regexp.MustCompile(`"endCursor":"([^"]+)"`)

// send sends a body with a token.
func (p *program) send(t *testing.T, body []byte, token string) reply {
	t.Helper()
	req := post(t, p.url+endpointPath, body)
	req.Header.Set("Authorization", "Bearer "+token)
	return p.do(t, req)
}

// TestQuotaOfOneCaller has one caller reach the limits, which affects no other caller, of the same or another tenant.
func TestQuotaOfOneCaller(t *testing.T) {
	t.Parallel()
	n := startNeighbours(t, emulator.Options{Users: 40}, emulator.Options{Users: 40, Seed: 2})
	p := start(t, map[string]string{"LICENSEGRAPH_CLIENT_SECRET": n.tenants[0].ClientSecret()},
		"--tenant-id="+n.tenants[0].TenantID(), "--tenant-id="+n.tenants[1].TenantID(), "--client-id="+n.tenants[0].ClientID(), "--graph-url="+n.url, "--authority="+n.url,
		"--inbound=entra", "--audience="+n.tenants[0].ClientID(), "--audience="+n.tenants[1].ClientID(), "--caller-rate=1", "--caller-burst=20")
	greedy := tokenFor(t, n.tenants[0], nameOf(t, n.tenants[0], "License Administrator"), scopes...)
	refused := 0
	for range 60 {
		if r := p.as(t, "{__typename}", bearing(greedy)); r.status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 {
		t.Error("no operation rejected")
	}
	for _, tenant := range n.tenants {
		for _, role := range []string{"Global Reader", ""} {
			if r := p.as(t, "{__typename}", bearing(tokenFor(t, tenant, nameOf(t, tenant, role), scopes...))); r.status != 200 {
				t.Errorf("%s: %d %s", role, r.status, r.body)
			}
		}
	}
	// A new token of the same caller has no new burst.
	renewed := tokenFor(t, n.tenants[0], nameOf(t, n.tenants[0], "License Administrator"), scopes...)
	refused = 0
	for range 15 {
		if r := p.as(t, "{__typename}", bearing(renewed)); r.status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 {
		t.Error("a new token has a new burst")
	}
}

// asked matches the requested ID in an error.
var asked = regexp.MustCompile(`no object with the ID \\"[^"]*\\"`)
