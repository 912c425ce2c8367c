package emulator

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestOpenPoints tests the points that the documentation leaves open, by their
// numbers in the wire contract: first the strictest reading, then each
// variant.
func TestOpenPoints(t *testing.T) {
	t.Parallel()
	const errs = "/beta/admin/cloudLicensing/assignmentErrors"
	e3, f3 := skuID(skuE3), skuID(skuF3)
	sixteen := strings.TrimSuffix(strings.Repeat(e3+",", 16), ",")
	const (
		expanding, filtering, querying = "invalidExpansion", "invalidFilter", "invalidQuery"
		missing                        = "resourceNotFound"
	)
	// is sends a request and expects a status and, for an error, a code.
	is := func(c *client, uri string, status int, code string) reply {
		c.t.Helper()
		r := c.get(uri)
		if r.status != status || r.code() != code {
			c.t.Errorf("%s: %d %s %.300s, want %d %s", uri, r.status, r.code(), r.raw, status, code)
		}
		return r
	}
	count := func(c *client, uri string, want int) row {
		c.t.Helper()
		page := c.ok(uri)
		if n := len(items(page)); n != want {
			c.t.Errorf("%s: %d items, want %d", uri, n, want)
		}
		return page
	}
	rightsOf := func(c *client) (all, one string) {
		x, r := c.upset()
		all = "/beta/users/" + c.userID(x.User) + "/cloudLicensing/usageRights"
		return all, all + "/" + c.current().RightID(r)
	}
	grant := func(c *client, path string) reply {
		c.t.Helper()
		return c.write("POST", path, body(allotmentBind, bind(allotmentSet+"/"+c.pool(skuE3, 0)), disabledPlans, off()), 201)
	}

	for number, check := range []func(c *client){
		nil,
		func(c *client) { // 1: expandable relations of errors
			is(c, errs+"?$expand=assignedTo", 200, "")
			is(c, errs+"?$expand=usageRight", 400, expanding)
			is(c, errs+"?$expand=assignedTo,usageRight", 400, expanding)
			c.SetVariants(Variants{ExpandErrors: "none"})
			is(c, errs+"?$expand=assignedTo", 400, expanding)
			c.SetVariants(Variants{ExpandErrors: "both"})
			if x := items(c.ok(errs + "?$expand=assignedTo,usageRight"))[0]; x["assignedTo"] == nil {
				c.t.Errorf("both: %v", x)
			}
			c.SetVariants(Variants{ExpandErrors: "ignore"})
			if x := items(c.ok(errs + "?$expand=assignedTo,usageRight"))[0]; x["assignedTo"] != nil {
				c.t.Errorf("ignored: %v", x)
			}
		},
		func(c *client) { // 2: two relations of assignments
			is(c, granted+"?$expand=assignedTo,allotment", 200, "")
			c.SetVariants(Variants{ExpandOne: true})
			is(c, granted+"?$expand=assignedTo,allotment", 400, expanding)
			is(c, granted+"?$expand=assignedTo", 200, "")
		},
		func(c *client) { // 3: $select inside $expand=assignedTo
			nested := "?$expand=assignedTo($select=id)"
			queue := pools + "/" + c.pool(skuCopilot, 0) + "/waitingMembers"
			for _, list := range []string{errs, granted, queue} {
				c.SetVariants(Variants{})
				is(c, list+nested, 400, expanding)
				c.SetVariants(Variants{ExpandNestedSelect: true})
				is(c, list+nested, 200, "")
			}
		},
		func(c *client) { // 4: $filter inside $expand=allotment
			all := len(c.all(granted))
			filtered := granted + "?$expand=allotment($filter=skuId in (" + e3 + "))"
			with := 0
			for _, a := range c.all(filtered) {
				all--
				if a["allotment"] != nil {
					with++
				}
			}
			c.SetVariants(Variants{NestedFilterDrops: true})
			if n := len(c.all(filtered)); all != 0 || with == 0 || n != with {
				c.t.Errorf("%d too few, %d with an allotment, %d left", all, with, n)
			}
		},
		func(c *client) { // 5: two levels
			rights, one := rightsOf(c)
			is(c, rights+"?$expand=assignments($expand=allotment)", 400, expanding)
			is(c, one+"?$expand=assignments($expand=allotment)", 400, expanding)
			is(c, granted+"?$expand=allotment($expand=assignments)", 400, expanding)
		},
		func(c *client) { // 6: cloudLicensing of users and groups
			for list, id := range map[string]string{"/beta/users": c.userID(0), "/beta/groups": c.groupID(0)} {
				for _, uri := range []string{list, list + "/" + id} {
					if r := c.get(uri + "?$expand=cloudLicensing/usageRights"); r.status != 400 {
						c.t.Errorf("%s: %d", uri, r.status)
					}
				}
			}
		},
		func(c *client) { // 7: the envelope of a single entity
			x, _ := c.upset()
			_, right := rightsOf(c)
			one := granted + "/" + c.ofPerson()
			for _, wrap := range []bool{false, true} {
				c.SetVariants(Variants{WrapSingle: wrap})
				for _, uri := range []string{pools + "/" + c.pool(skuE3, 0), one, one + "/allotment", one + "/assignedTo", errs + "/" + c.current().ErrorID(x), errs + "/" + c.current().ErrorID(x) + "/assignedTo", right} {
					got := c.ok(uri)
					inner, wrapped := got["value"].(row)
					if wrapped != wrap || wrap && inner["id"] == nil || !wrap && got["id"] == nil {
						c.t.Errorf("wrapped %t: %v", wrap, got)
					}
				}
			}
		},
		func(c *client) { // 8: page sizes
			for _, uri := range []string{errs, errs + "?$top=1000"} {
				if page := count(c, uri, 100); page["@odata.nextLink"] == nil {
					c.t.Errorf("%s: no link", uri)
				}
			}
			count(c, granted+"?$top=5", 5)
			for _, g := range items(c.ok("/v1.0/groups?$expand=members")) {
				if _, linked := g["members@odata.nextLink"]; linked || len(rows(g, "members")) > 20 {
					c.t.Errorf("%d members, linked %t", len(rows(g, "members")), linked)
				}
			}
			c.SetVariants(Variants{PageSize: 7})
			count(c, granted, 7)
			c.SetVariants(Variants{EmptyPages: true})
			if page := count(c, granted, 0); page["@odata.nextLink"] == nil {
				c.t.Error("an empty page ends the list")
			}
			c.SetVariants(Variants{PageSize: 999})
			count(c, errs+"?$top=120", 120)
			c.SetVariants(Variants{LargePagesRefused: true})
			count(c, errs+"?$top=100", 100)
			is(c, errs+"?$top=101", 400, querying)
		},
		func(c *client) { // 9: undocumented options
			rights, _ := rightsOf(c)
			for _, list := range []string{errs, granted, pools, rights, pools + "/" + c.pool(skuCopilot, 0) + "/waitingMembers"} {
				for _, option := range []string{"$count=true", "$orderby=id", "$skip=1", "$search=x"} {
					c.SetVariants(Variants{})
					is(c, list+"?"+option, 400, querying)
					c.SetVariants(Variants{IgnoreCloudOptions: true})
					is(c, list+"?"+option, 200, "")
				}
			}
		},
		func(c *client) { // 10: $filter on assignments
			byID := granted + "?$filter=id eq '" + c.ofPerson() + "'"
			is(c, byID, 400, filtering)
			c.SetVariants(Variants{AssignmentFilter: true})
			count(c, byID, 1)
		},
		func(c *client) { // 11: operators on skuId
			for _, list := range []string{pools, errs} {
				c.SetVariants(Variants{})
				is(c, list+"?$filter=skuId eq "+e3, 200, "")
				is(c, list+"?$filter=skuId in ("+e3+","+f3+")", 200, "")
				is(c, list+"?$filter=skuId in ("+sixteen+")", 400, filtering)
				is(c, list+"?$filter=skuId ne "+e3, 400, filtering)
				c.SetVariants(Variants{SkuIDEqualOnly: true})
				is(c, list+"?$filter=skuId eq "+e3, 200, "")
				is(c, list+"?$filter=skuId in ("+e3+")", 400, filtering)
			}
		},
		func(c *client) { // 12: $filter on rights
			rights, _ := rightsOf(c)
			plan := "services/any(c:c/planId eq " + c.current().Product(skuE3).Plans[0].ID + ")"
			is(c, rights+"?$filter=skuId eq "+e3+" and "+plan, 200, "")
			is(c, rights+"?$filter=skuId eq "+e3+" or "+plan, 400, filtering)
			is(c, rights+"?$filter=not "+plan, 400, filtering)
			is(c, rights+"?$filter=startswith(skuPartNumber,'S')", 400, filtering)
			is(c, rights+"?$filter=services/all(c:c/planId eq "+e3+")", 400, filtering)
		},
		func(c *client) { // 13: $apply
			shown := pools + "?$apply=groupby((skuId,skuPartNumber), aggregate(allottedUnits with sum as totalAllottedUnits, consumedUnits with sum as totalConsumedUnits))"
			is(c, shown, 200, "")
			is(c, pools+"?$apply=groupby((skuId),aggregate(allottedUnits with max as most))", 400, querying)
			is(c, pools+"?$apply=aggregate(allottedUnits with sum as total)", 400, querying)
			c.SetVariants(Variants{ApplyUnsupported: true})
			is(c, shown, 501, querying)
		},
		func(c *client) { // 14: reprocessAssignments
			action := "/beta/users/" + c.bare(0) + "/cloudLicensing/assignments/reprocessAssignments"
			c.write("POST", action, "", 204)
			c.SetVariants(Variants{ReprocessOK: true})
			c.write("POST", action, "", 200)
		},
		func(c *client) { // 15: the ID of a created object
			user := "/beta/users/" + c.bare(0) + "/cloudLicensing/assignments"
			other := "/beta/users/" + c.bare(1) + "/cloudLicensing/assignments"
			group := "/beta/groups/" + c.of("guests") + "/cloudLicensing/assignments"
			if r := grant(c, user); r.body["id"] == nil {
				c.t.Errorf("%s", r.raw)
			}
			c.SetVariants(Variants{OmitCreatedID: true})
			for _, path := range []string{other, group} {
				if r := grant(c, path); r.body["id"] != nil {
					c.t.Errorf("%s", r.raw)
				}
			}
		},
		func(c *client) { // 16: reprocessing of groups and of me
			const action = "/cloudLicensing/assignments/reprocessAssignments"
			c.write("POST", "/beta/groups/"+c.of("e5")+action, "", 405)
			reader := c.bare(0)
			c.token = c.DelegatedToken(reader, "CloudLicensing.AssignLicenses")
			c.write("POST", "/beta/me"+action, "", 405)
			device := "/beta/devices/" + aDevice(c)[0]
			c.write("POST", device+action, "", 404)
			c.SetVariants(Variants{ReprocessListed: true})
			c.write("POST", device+action, "", 404)
			c.write("POST", "/beta/me"+action, "", 403) // only in the list
			c.token = c.DelegatedToken(c.PersonInRole("License Administrator"), "User.ReadWrite")
			c.write("POST", "/beta/me"+action, "", 204)
			for role, want := range map[string][2]int{"Group.ReadWrite.All": {204, 403}, "Directory.ReadWrite.All": {204, 204}, "Device.ReadWrite.All": {403, 204}, "User.ReadWrite.All": {403, 403}, "CloudLicensing.AssignLicenses.Organization": {403, 403}} {
				c.SetVariants(Variants{ReprocessListed: true, Devices: true, Roles: []string{role}})
				c.token = c.newToken()
				c.write("POST", "/beta/groups/"+c.of("e5")+action, "", want[0])
				c.write("POST", device+action, "", want[1])
			}
			c.SetVariants(Variants{ReprocessListed: true, ReprocessOK: true})
			c.token = c.newToken()
			c.write("POST", "/beta/groups/"+c.of("e5")+action, "", 200)
			c.write("POST", "/beta/groups/"+c.of("e5")+action, `{"x":1}`, 400)
		},
		func(c *client) { // 17: allotments of a right
			_, right := rightsOf(c)
			is(c, right+"/allotments", 404, missing)
			c.SetVariants(Variants{RightAllotments: true})
			is(c, right+"/allotments", 200, "")
		},
		func(c *client) { // 18: the list of the caller's assignments
			reader := c.bare(0)
			c.token = c.DelegatedToken(reader, "User.Read")
			is(c, "/beta/me/cloudLicensing/assignments", 404, missing)
			c.SetVariants(Variants{MyAssignments: true})
			is(c, "/beta/me/cloudLicensing/assignments", 200, "")
			c.token = c.DelegatedToken(reader, "CloudLicensing.Read") // only in the list
			is(c, "/beta/me/cloudLicensing/assignments", 403, "missingRequiredPermission")
		},
		func(c *client) { // 19: devices
			device := "/beta/devices/" + aDevice(c)[0] + "/cloudLicensing/"
			c.SetVariants(Variants{Devices: true})
			right := items(is(c, device+"usageRights", 200, "").body)
			is(c, device+"waitingMembers", 200, "")
			c.write("POST", device+"assignments", body(), 400)
			// Endpoints that are only in the list of permissions.
			is(c, device+"assignments", 404, missing)
			is(c, device+"usageRights/"+str(right[0], "id"), 404, missing)
			c.write("PATCH", device+"assignments/x", body(disabledPlans, off()), 404)
			c.SetVariants(Variants{DevicesListed: true})
			for _, path := range []string{"assignments", "usageRights", "waitingMembers", "usageRights/" + str(right[0], "id"), "usageRights/" + str(right[0], "id") + "/assignments"} {
				is(c, device+path, 200, "")
			}
			c.write("POST", device+"assignments", body(), 400)
			own := str(items(c.ok(device + "assignments"))[0], "id")
			is(c, device+"assignments/"+own+"?$expand=allotment", 200, "")
			is(c, device+"assignments/"+own+"/allotment", 200, "")
			is(c, device+"assignments/"+c.ofPerson(), 404, missing)
			c.write("PATCH", device+"assignments/"+own, body(disabledPlans, off()), 200)
			waiting := queuing(c.t, Variants{Devices: true})
			queue := "/beta/devices/" + waiting.waitingDevice() + "/cloudLicensing/waitingMembers"
			place := queue + "/" + str(items(waiting.ok(queue))[0], "id")
			is(waiting, place, 404, missing)
			waiting.SetVariants(Variants{DevicesListed: true})
			is(waiting, place, 200, "")
			is(waiting, place+"/allotment", 200, "")
			c.write("DELETE", device+"assignments/"+own, "", 204)
			is(c, device+"assignments/"+own, 404, missing)
			c.SetVariants(Variants{})
			is(c, device+"usageRights", 404, missing)
			is(c, device+"waitingMembers", 404, missing)
			c.write("POST", device+"assignments", body(), 404)
		},
		func(c *client) { // 20: dates of subscriptions
			for layout, v := range map[string]Variants{time.DateOnly: {}, "2006-01-02T15:04:05.000Z": {SubscriptionTimestamps: true}} {
				c.SetVariants(v)
				purchase := rows(c.ok(pools+"/"+c.pool(skuE3, 0)), "subscriptions")[0]
				for _, name := range []string{"startDate", "nextLifecycleDate"} {
					if _, err := time.Parse(layout, str(purchase, name)); err != nil {
						c.t.Error(err)
					}
				}
			}
		},
		func(c *client) { // 21: subscriptions in lists
			for _, v := range []Variants{{}, {SubscriptionsOnSelect: true}} {
				c.SetVariants(v)
				if a := items(c.ok(pools))[0]; (a["subscriptions"] == nil) != v.SubscriptionsOnSelect {
					c.t.Errorf("%+v: %v", v, a)
				}
				if a := items(c.ok(pools + "?$select=subscriptions"))[0]; a["subscriptions"] == nil {
					c.t.Errorf("%+v: selected: %v", v, a)
				}
			}
		},
		func(c *client) { // 22: the error of a state without an error
			user := c.bare(0)
			grant(c, "/beta/users/"+user+"/cloudLicensing/assignments")
			if s := c.states(user)[0]; s["error"] != "None" {
				c.t.Errorf("%v", s)
			}
			c.SetVariants(Variants{NullError: true})
			if s := c.states(user)[0]; s["error"] != nil {
				c.t.Errorf("%v", s)
			}
		},
		func(c *client) { // 23: unknown IDs in getByIds, and too many
			const path = "/v1.0/directoryObjects/getByIds"
			user := c.userID(0)
			if r := c.write("POST", path, body("ids", ids(user, c.TenantID())), 200); len(items(r.body)) != 1 {
				c.t.Errorf("%s", r.raw)
			}
			many := make([]string, maxIDs+1)
			for i := range many {
				many[i] = user
			}
			c.write("POST", path, body("ids", many), 400)
			c.write("POST", path, body("ids", many[1:]), 200)
			c.write("POST", path, body("ids", ids("x")), 400)
			c.write("POST", path, body("ids", ids()), 400)
		},
		func(c *client) { // 24: $select of getByIds
			path := "/v1.0/directoryObjects/getByIds?$select=id,accountEnabled,licenseAssignmentStates"
			text := body("ids", ids(c.userID(0)))
			if u := items(c.write("POST", path, text, 200).body)[0]; len(u) != 3 || u["accountEnabled"] == nil || u["@odata.type"] == nil {
				c.t.Errorf("%v", u)
			}
			c.SetVariants(Variants{GetByIDsIgnoreSelect: true})
			if u := items(c.write("POST", path, text, 200).body)[0]; u["accountEnabled"] != nil || u["displayName"] == nil {
				c.t.Errorf("%v", u)
			}
		},
		func(c *client) { // 25: the price of cloudLicensing
			throttled := func(v Throttling, asked ...int) {
				c.t.Helper()
				c.Reset()
				c.SetVariants(Variants{Throttling: v})
				for i, status := range asked {
					uri := pools
					if i == len(asked)-1 {
						uri = "/v1.0/groups"
					}
					if r := c.get(uri); r.status != status || uri == pools && r.header.Get("x-ms-resource-unit") != "1" {
						c.t.Errorf("%+v: request %d: %d %v", v, i, r.status, r.header)
					}
				}
			}
			throttled(Throttling{ResourceUnits: 3}, 200, 200, 200, 429) // One limit for all.
			throttled(Throttling{CloudLicensing: 2}, 200, 200, 429, 200)
			throttled(Throttling{ResourceUnits: 1, CloudLicensing: 1, Off: true}, 200, 200, 200)
		},
		func(c *client) { // 26: a tenant without cloudLicensing
			user := "/beta/users/" + c.bare(0) + "/cloudLicensing/"
			is(c, pools, 200, "")
			for variant, status := range map[string]int{"forbidden": 403, "missing": 404} {
				c.SetVariants(Variants{CloudLicensing: variant})
				for _, uri := range []string{pools, granted, errs, user + "usageRights", user + "assignments", user + "waitingMembers"} {
					if r := c.get(uri); r.status != status {
						c.t.Errorf("%s: %s: %d", variant, uri, r.status)
					}
				}
				c.write("POST", user+"assignments", body(), status)
				is(c, "/v1.0/subscribedSkus", 200, "")
			}
		},
		func(c *client) { // 27: delay of effects
			group := c.of("guests")
			member := str(items(c.ok("/v1.0/groups/" + group + "/members"))[0], "id")
			reached := func() bool {
				return slices.ContainsFunc(c.states(member), func(s row) bool { return s["skuId"] == skuID(skuVisio) && s["assignedByGroup"] == group })
			}
			for _, takes := range []time.Duration{0, time.Minute, Immediately} {
				c.Reset()
				c.SetVariants(Variants{GroupEffects: takes})
				c.directory("POST", "groups/"+group+"/assignLicense", 202, "addLicenses", []row{{"skuId": skuID(skuVisio)}}, "removeLicenses", off())
				if takes == Immediately {
					if !reached() {
						c.t.Error("it does not reach the member at once")
					}
					continue
				}
				if takes == 0 {
					takes = 5 * time.Second
				}
				c.later(takes - time.Second)
				if reached() {
					c.t.Errorf("%s: it reaches the member too early", takes)
				}
				c.later(time.Second)
				if !reached() {
					c.t.Errorf("%s: it does not reach the member", takes)
				}
			}
			user, moved := "users/"+member, func() bool { return str(c.ok("/v1.0/users/"+member), "jobTitle") == "Guest of honour" }
			c.directory("PATCH", user, 204, "jobTitle", "Guest of honour")
			if !moved() {
				c.t.Error("a change is not seen at once")
			}
			c.Reset()
			c.SetVariants(Variants{ReplicationLag: 30 * time.Second})
			c.directory("PATCH", user, 204, "jobTitle", "Guest of honour")
			if moved() {
				c.t.Error("a change is seen at once")
			}
			c.later(30 * time.Second)
			if !moved() {
				c.t.Error("a change is not seen")
			}
		},
		func(c *client) { // 28: rights that sometimes fail
			rights, _ := rightsOf(c)
			for share, want := range map[float64]int{0: 0, 0.5: 5, 1: 10} {
				c.SetVariants(Variants{UsageRightFailures: share})
				failed := 0
				for range 10 {
					if c.get(rights).status == 500 {
						failed++
					}
				}
				if failed != want {
					c.t.Errorf("share %v: %d of 10 fail", share, failed)
				}
			}
		},
		func(c *client) { // 29: binds in a PATCH
			user := c.bare(0)
			one := granted + "/" + str(grant(c, "/beta/users/"+user+"/cloudLicensing/assignments").body, "id")
			change := func(pool, user string) string {
				return body(allotmentBind, bind(allotmentSet+"/"+pool), assigneeBind, bind("users/"+user), disabledPlans, off())
			}
			c.write("PATCH", one, change(c.pool(skuE3, 0), user), 200)
			for _, other := range []string{change(c.pool(skuE5, 0), user), change(c.pool(skuE3, 0), c.bare(1))} {
				if r := c.write("PATCH", one, other, 400); r.code() != "immutablePropertyModified" {
					c.t.Errorf("%s", r.raw)
				}
			}
		},
		func(c *client) { // 30: a token of another tenant
			other := New(Options{Users: 10, Seed: 2})
			c.token = other.DelegatedToken(other.userID(0), "User.Read")
			is(c, "/v1.0/me", 401, "InvalidAuthenticationToken")
			c.token = c.newToken()
			is(c, "/v1.0/users/"+other.userID(0), 404, "Request_ResourceNotFound")
		},
		func(c *client) { // 31: licenseDetails and applications
			uri := "/v1.0/users/" + c.userID(0) + "/licenseDetails"
			is(c, uri, 200, "")
			c.SetVariants(Variants{PersonalDetails: true})
			is(c, uri, 403, "Authorization_RequestDenied")
			c.token = c.DelegatedToken(c.userID(0), "User.Read")
			is(c, uri, 200, "")
			is(c, "/v1.0/me/licenseDetails", 200, "")
		},
		func(c *client) { // 32: groups that are not security enabled
			for key, status := range map[string]int{"council": 400, "reading": 202} {
				group := c.of(key)
				if g := c.ok("/v1.0/groups/" + group); g["securityEnabled"] != (status == 202) || len(texts(g, "groupTypes")) != 1 {
					c.t.Errorf("%s: %v", key, g)
				}
				r := c.do("POST", "/v1.0/groups/"+group+"/assignLicense", body("addLicenses", []row{{"skuId": skuID(skuE5)}}, "removeLicenses", off()))
				if r.status != status || status == 400 && r.code() != "Request_BadRequest" {
					c.t.Errorf("%s: %d %s", key, r.status, r.raw)
				}
				r = c.do("POST", "/beta/groups/"+group+"/cloudLicensing/assignments", body(allotmentBind, bind(allotmentSet+"/"+c.pool(skuE3, 0)), disabledPlans, off()))
				if refused := r.status == 400; refused != (status == 400) || refused && r.code() != "invalidAssigneeType" {
					c.t.Errorf("%s: %d %s", key, r.status, r.raw)
				}
			}
			made := c.directory("POST", "groups", 201, "displayName", "A", "mailNickname", "a", "mailEnabled", true, "securityEnabled", true, "groupTypes", []string{"Unified"})
			if made.body["securityEnabled"] != true {
				c.t.Errorf("%s", made.raw)
			}
			var saved strings.Builder
			if err := c.Save(&saved); err != nil {
				c.t.Fatal(err)
			}
			again := start(c.t, Options{State: strings.NewReader(saved.String())})
			for _, group := range []string{str(made.body, "id"), c.of("council"), c.of("board")} {
				before, after := c.ok("/v1.0/groups/"+group), again.ok("/v1.0/groups/"+group)
				if before["securityEnabled"] != after["securityEnabled"] {
					c.t.Errorf("%v, saved and loaded %v", before, after)
				}
			}
		},
		func(c *client) { // 33: permissions of the pages or of the list
			for variant, want := range map[string][2]int{"": {200, 200}, "pages": {200, 403}, "list": {403, 200}} {
				c.SetVariants(Variants{Permissions: variant})
				for i, scope := range []string{"CloudLicensing.Read", "Directory.Read.All"} {
					c.token = c.DelegatedToken(c.PersonInRole("Global Reader"), scope)
					if r := c.get(granted); r.status != want[i] {
						c.t.Errorf("%q: %s: %d, want %d", variant, scope, r.status, want[i])
					}
				}
			}
		},
		func(c *client) { // 34: activity
			uri := "/v1.0/users?$select=id,signInActivity"
			is(c, uri, 200, "")
			const premium = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"
			c.SetVariants(Variants{NotPremium: true})
			is(c, uri, 403, premium)
			is(c, "/v1.0/users?$select=id", 200, "")
			other := start(c.t, Options{State: strings.NewReader(block(c.t, manual(c.t), "json"))}) // It has Microsoft 365 E3.
			is(other, uri, 200, "")
			other = start(c.t, Options{State: strings.NewReader(strings.Replace(block(c.t, manual(c.t), "json"), "SPE_E3", "VISIOCLIENT", 1))})
			is(other, uri, 403, premium)
		},
		func(c *client) { // 35: reports
			names := func() (concealed bool) {
				list := items(c.ok("/beta/reports/getOffice365ActiveUserDetail(period='D7')?$format=application/json"))
				concealed = !strings.Contains(str(list[0], "userPrincipalName"), "@")
				if got := c.ok("/v1.0/admin/reportSettings")["displayConcealedNames"]; got != concealed {
					c.t.Errorf("displayConcealedNames is %v, names are concealed: %t", got, concealed)
				}
				return concealed
			}
			if !names() {
				c.t.Error("names are not concealed")
			}
			c.SetVariants(Variants{ReportNames: true})
			if names() {
				c.t.Error("names are concealed")
			}
			c.directory("PATCH", "admin/reportSettings", 204, "displayConcealedNames", true)
			if !names() {
				c.t.Error("names are not concealed after a change")
			}
		},
		func(c *client) { // 36: the audit log
			c.directory("POST", "users/"+c.bare(0)+"/assignLicense", 200, "addLicenses", []row{{"skuId": skuID(skuE5)}}, "removeLicenses", off())
			for _, inPieces := range []bool{false, true} {
				c.SetVariants(Variants{AuditPieces: inPieces})
				var pieces []row
				for _, a := range items(c.ok("/v1.0/auditLogs/directoryAudits?$top=4")) {
					if a["activityDisplayName"] == "Change user license" {
						pieces = append(pieces, a)
					}
				}
				changed := rows(rows(pieces[0], "targetResources")[0], "modifiedProperties")
				if inPieces != (len(pieces) == 2) || inPieces != (len(changed) == 0) || inPieces && pieces[0]["correlationId"] != pieces[1]["correlationId"] {
					c.t.Errorf("in pieces %t: %v", inPieces, pieces)
				}
			}
		},
		func(c *client) { // 37: a body in a batch that is not JSON
			ask := func() reply {
				return c.do("POST", "/v1.0/$batch", batchOf(get("1", "/subscribedSkus"), get("2", "/users?$top=1")))
			}
			for share, want := range map[float64]int{0: 0, 0.5: 2, 1: 4} {
				c.SetVariants(Variants{RawParts: share})
				raw := 0
				for range 4 {
					r := ask()
					if r.status != 200 {
						c.t.Errorf("%d %s", r.status, r.raw)
					}
					if !json.Valid(r.raw) {
						raw++
					}
				}
				if raw != want {
					c.t.Errorf("share %v: %d of 4 are not JSON", share, raw)
				}
			}
		},
		func(c *client) { // 38: filters of groups by createdDateTime
			uri := "/v1.0/groups?$count=true&$filter=createdDateTime ge 2020-01-01T00:00:00Z"
			for _, allowed := range []bool{false, true} {
				c.SetVariants(Variants{GroupsByAge: allowed})
				if r := c.get(uri, eventual...); (r.status == 200) != allowed {
					c.t.Errorf("%t: %d %s", allowed, r.status, r.raw)
				}
				is(c, strings.Replace(uri, "$count=true&", "", 1), 400, "Request_UnsupportedQuery")
			}
		},
	} {
		if check == nil {
			continue
		}
		t.Run(strconv.Itoa(number), func(t *testing.T) {
			t.Parallel()
			check(start(t, Options{}))
		})
	}
}
