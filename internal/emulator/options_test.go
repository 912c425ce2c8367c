package emulator

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/api"
)

// TestOptionsOfEndpoints tests each endpoint with each option. The rows are
// the columns "query options" of the reference pages. An option with ! is
// listed there without a supported property, and rejected with a specific
// error.
func TestOptionsOfEndpoints(t *testing.T) {
	t.Parallel()
	c := queuing(t, Variants{DevicesListed: true, MyAssignments: true, RightAllotments: true, ExpandErrors: "both"})
	id := func(o row) string { return str(o, "id") }
	first := func(uri string) string { return id(items(c.ok(uri))[0]) }
	const licensing = "/cloudLicensing/"
	pool := pools + "/" + c.pool(skuCopilot, 0)
	waiting := items(c.ok(pool + "/waitingMembers?$expand=assignedTo"))[0]
	waiter := id(waiting["assignedTo"].(row))
	holderOf := map[string]row{} // an assignment by the kind of its assignee
	for _, a := range c.all(granted + "?$expand=assignedTo") {
		kind := str(a["assignedTo"].(row), "@odata.type")
		if _, ok := holderOf[kind]; !ok && (kind != "#microsoft.graph.user" || len(items(c.ok("/beta/users/"+id(a["assignedTo"].(row))+licensing+"usageRights"))) > 0) {
			holderOf[kind] = a
		}
	}
	ofUser, ofGroup := holderOf["#microsoft.graph.user"], holderOf["#microsoft.graph.group"]
	userID := id(ofUser["assignedTo"].(row))
	user, group := "/beta/users/"+userID, "/beta/groups/"+id(ofGroup["assignedTo"].(row))
	failure := items(c.ok("/beta/admin/cloudLicensing/assignmentErrors?$expand=assignedTo"))[0]
	failing := id(failure["assignedTo"].(row))
	errs := "/beta/admin" + licensing + "assignmentErrors"
	shared := group + licensing + "usageRights/" + first(group+licensing+"usageRights")
	right := "usageRights/" + first(user+licensing+"usageRights")
	device := "/beta/devices/" + c.deviceID(0) + licensing
	own, deviceRight := first(device+"assignments"), "usageRights/"+first(device+"usageRights")
	queued := "/beta/devices/" + c.waitingDevice() + licensing + "waitingMembers"
	queued += "/" + first(queued)

	const list, item = "select top expand", "select expand"
	const directory = "count expand! filter orderby search select top"
	rows := []struct {
		uri, allowed, expand string
		as                   string // the caller of /me
	}{
		{pools, list + " apply filter", "waitingMembers", ""},                                                           // R1
		{pool, item, "assignments", ""},                                                                                 // R2
		{pool + "/assignments", list + " filter!", "assignedTo", ""},                                                    // R3
		{pool + "/assignments/" + first(pool+"/assignments"), item, "assignedTo,allotment", ""},                         // R4
		{granted + "/" + id(ofUser), item, "assignedTo", ""},                                                            // R4
		{pool + "/waitingMembers", list, "assignedTo", ""},                                                              // R5
		{pool + "/waitingMembers/" + id(waiting), item, "allotment", ""},                                                // R6
		{"/beta/users/" + waiter + licensing + "waitingMembers/" + id(waiting), item, "allotment", ""},                  // R6
		{"/beta/me" + licensing + "waitingMembers/" + id(waiting), item, "allotment", waiter},                           // R6
		{granted, list + " filter!", "allotment", ""},                                                                   // R7
		{user + licensing + "assignments", list + " filter!", "allotment", ""},                                          // R8
		{"/beta/me" + licensing + "assignments", list + " filter!", "allotment", userID},                                // of a variant
		{group + licensing + "assignments", list + " filter!", "allotment", ""},                                         // R9
		{user + licensing + "assignments/" + id(ofUser), item, "allotment", ""},                                         // R10
		{"/beta/me" + licensing + "assignments/" + id(ofUser), item, "allotment", userID},                               // R10
		{group + licensing + "assignments/" + id(ofGroup), item, "allotment", ""},                                       // R11
		{granted + "/" + id(ofUser) + "/assignedTo", "select", "", ""},                                                  // R12
		{granted + "/" + id(ofUser) + "/allotment", item, "assignments", ""},                                            // R13
		{user + licensing + "assignments/" + id(ofUser) + "/allotment", item, "assignments", ""},                        // R13
		{"/beta/me" + licensing + "assignments/" + id(ofUser) + "/allotment", item, "assignments", userID},              // R13
		{group + licensing + "assignments/" + id(ofGroup) + "/allotment", item, "assignments", ""},                      // R13
		{"/beta/users/" + waiter + licensing + "waitingMembers/" + id(waiting) + "/allotment", item, "assignments", ""}, // R13
		{"/beta/me" + licensing + "waitingMembers/" + id(waiting) + "/allotment", item, "assignments", waiter},          // R13
		{errs, list + " filter", "assignedTo", ""},                                                                      // R14
		{"/beta/users/" + failing + licensing + "assignmentErrors", list + " filter", "assignedTo", ""},                 // R14
		{"/beta/me" + licensing + "assignmentErrors", list + " filter", "usageRight", failing},                          // R14
		{errs + "/" + id(failure), item, "assignedTo", ""},                                                              // R15
		{"/beta/users/" + failing + licensing + "assignmentErrors/" + id(failure), item, "assignedTo", ""},              // R15
		{"/beta/me" + licensing + "assignmentErrors/" + id(failure), item, "assignedTo", failing},                       // R15
		{errs + "/" + id(failure) + "/assignedTo", "select", "", ""},                                                    // R16
		{errs + "/" + id(failure) + "/usageRight", item, "allotments", ""},                                              // R17
		{user + licensing + "usageRights", list + " filter", "assignments", ""},                                         // R18
		{"/beta/me" + licensing + "usageRights", list + " filter", "assignments", userID},                               // R18
		{user + licensing + right, item, "allotments", ""},                                                              // R19
		{"/beta/me" + licensing + right, item, "allotments", userID},                                                    // R19
		{group + licensing + "usageRights", list + " filter", "allotments", ""},                                         // R20
		{shared, item, "allotments", ""},                                                                                // R21
		{user + licensing + right + "/assignments", list, "assignedTo", ""},                                             // R22
		{"/beta/me" + licensing + right + "/assignments", list, "assignedTo", userID},                                   // R22
		{shared + "/assignments", list, "assignedTo", ""},                                                               // R22
		{user + licensing + right + "/allotments", list, "waitingMembers", ""},                                          // of a variant
		{"/beta/me" + licensing + right + "/allotments", list, "waitingMembers", userID},
		{shared + "/allotments", list, "waitingMembers", ""},
		{"/beta/users/" + waiter + licensing + "waitingMembers", list, "assignedTo", ""}, // R23
		{"/beta/me" + licensing + "waitingMembers", list, "assignedTo", waiter},          // R23
		{device + "usageRights", list + " filter", "assignments", ""},                    // R24
		{device + "waitingMembers", item, "allotment", ""},                               // R25
		{device + "assignments", list + " filter!", "allotment", ""},                     // R26, as of users
		{device + "assignments/" + own, item, "allotment", ""},
		{device + "assignments/" + own + "/allotment", item, "assignments", ""},
		{device + deviceRight, item, "allotments", ""},
		{device + deviceRight + "/assignments", list, "assignedTo", ""},
		{queued, item, "allotment", ""},
		{queued + "/allotment", item, "assignments", ""},

		{"/v1.0/users", directory, "memberOf", ""}, // L1
		{"/v1.0/users/microsoft.graph.agentUser", directory, "memberOf", ""},
		{"/v1.0/users/" + userID, "select expand!", "memberOf", ""},                 // L2
		{"/v1.0/me", "select expand!", "memberOf", userID},                          // L2
		{"/v1.0/users/" + userID + "/licenseDetails", "select", "", ""},             // L3
		{"/v1.0/me/licenseDetails", "select", "", userID},                           // L3
		{"/v1.0/subscribedSkus/" + first("/v1.0/subscribedSkus"), "select", "", ""}, // L4
		{"/v1.0/subscribedSkus", "select", "", ""},                                  // L4
		{"/v1.0/groups", strings.Replace(directory, "!", "", 1), "members", ""},     // L8
		{group, "select expand", "members", ""},                                     // L8
		{group + "/members", "filter count select search top", "", ""},              // L9
		{group + "/membersWithLicenseErrors", "select top", "", ""},                 // L10
		{"/v1.0/users/$count", "filter search", "", ""},                             // "List users"
		{"/v1.0/groups/$count", "filter search", "", ""},                            // "List groups"
		{group + "/members/$count", "filter search", "", ""},                        // "List group members"
		{"/v1.0/users/delta", "select filter", "", ""},                              // "user: delta"
		{"/v1.0/groups/delta", "select filter", "", ""},                             // "group: delta"
	}
	asked := map[string]bool{}
	application := c.token
	for _, tt := range rows {
		cloud := strings.Contains(tt.uri, licensing)
		c.token = application
		if tt.as != "" {
			c.token = c.DelegatedToken(tt.as, access.DefaultScopes...)
		}
		for option, value := range map[string]string{
			"select": "id", "top": "1", "expand": tt.expand, "filter": "skuId eq " + skuID(skuE3), "count": "true", "orderby": "id", "search": "x", "skip": "1",
			"apply": "groupby((skuId),aggregate(consumedUnits with sum as total))",
		} {
			known := strings.Fields(tt.allowed)
			empty := slices.Contains(known, option+"!")
			query := "?$" + option + "=" + url.QueryEscape(value)
			code := "invalidQuery"
			if !cloud {
				code = "Request_UnsupportedQuery"
				switch option {
				case "orderby":
					query = "?$orderby=displayName"
				case "search":
					query = "?$search=" + url.QueryEscape(`"displayName:a"`)
				case "filter":
					query = "?$filter=" + url.QueryEscape("id eq '"+userID+"'")
				}
				if slices.Contains(known, "count") && (option == "search" || option == "filter") {
					query += "&$count=true"
				}
			} else if empty {
				code = "invalidFilter"
			}
			status := 400
			if empty && option == "expand" { // No relation of users is implemented.
				status, code = 501, "notImplemented"
			}
			r := c.get(tt.uri+query, eventual...)
			want := slices.Contains(known, option)
			if got := r.status == 200 || r.status == 204; got != want || !want && (r.status != status || r.code() != code) {
				t.Errorf("%s%s: %d %s", tt.uri, query, r.status, r.raw)
			}
		}
		for label := range c.Counts() {
			asked[label] = true
		}
	}
	for _, r := range api.Routes() {
		if r.Method == "GET" && !asked[r.Label] {
			t.Errorf("%s is not tested", r.Label)
		}
	}
}
