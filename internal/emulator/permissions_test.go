package emulator

import (
	"strings"
	"testing"

	"licensegraph/internal/emulator/tenant"
)

// TestReadPermissions calls each endpoint of allotments, assignments and
// waiting members with one permission at a time.
func TestReadPermissions(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Variants: Variants{Devices: true}})
	i := c.userWhere(func(i int32) bool { return len(c.current().Assigned(tenant.Ref{At: i})) > 0 })
	person := "/beta/users/" + c.userID(i) + "/cloudLicensing/"
	own := c.current().AssignmentID(c.current().Assigned(tenant.Ref{At: i})[0])
	right := c.current().RightID(c.current().Rights(tenant.Ref{Kind: tenant.User, At: i})[0])
	e5 := tenant.Ref{Kind: tenant.GroupKind, At: c.groupNamed("e5")}
	group := "/beta/groups/" + c.of("e5") + "/cloudLicensing/"
	groupOwn := c.current().AssignmentID(c.current().Assigned(e5)[0])
	groupRight := c.current().RightID(c.current().Rights(e5)[0])
	device := "/beta/devices/" + c.deviceID(0) + "/cloudLicensing/"
	pool := pools + "/" + c.pool(skuCopilot, 0)
	place := items(c.ok(pool + "/waitingMembers?$expand=assignedTo"))[0]
	waiting := "/beta/users/" + str(place["assignedTo"].(row), "id") + "/cloudLicensing/waitingMembers/" + str(place, "id")

	uris := map[string]string{
		"pools": pools, "pool": pool, "drawing": pool + "/assignments", "queue": pool + "/waitingMembers", "place": pool + "/waitingMembers/" + str(place, "id"),
		"granted": granted, "one": granted + "/" + own, "oneTo": granted + "/" + own + "/assignedTo", "oneOf": granted + "/" + own + "/allotment",
		"mine": person + "assignments", "myOne": person + "assignments/" + own, "myOneOf": person + "assignments/" + own + "/allotment",
		"mySources": person + "usageRights/" + right + "/assignments", "myQueue": person + "waitingMembers", "myPlace": waiting, "myPlaceOf": waiting + "/allotment",
		"ours": group + "assignments", "ourOne": group + "assignments/" + groupOwn, "ourOneOf": group + "assignments/" + groupOwn + "/allotment",
		"ourSources": group + "usageRights/" + groupRight + "/assignments",
		"device":     device + "usageRights", "deviceQueue": device + "waitingMembers",
		"details": "/v1.0/users/" + c.userID(i) + "/licenseDetails", "members": "/v1.0/groups/" + c.of("e5") + "/members",
	}
	ask := func(who, allowed string) {
		for name, uri := range uris {
			want := 403
			if strings.Contains(" "+allowed+" ", " "+name+" ") {
				want = 200
			}
			if r := c.get(uri); r.status != want {
				t.Errorf("%s, %s: %d, want %d", who, name, r.status, want)
			}
		}
	}
	const everything = "pools pool drawing queue place granted one oneTo oneOf mine myOne myOneOf mySources myQueue myPlace myPlaceOf ours ourOne ourOneOf ourSources device deviceQueue details members"
	const ofPerson, ofGroup = "mine myOne myOneOf mySources myQueue myPlace myPlaceOf", "ours ourOne ourOneOf ourSources"
	const allotment = "pools pool drawing queue place granted one oneTo oneOf"
	// By object: the pages, and Microsoft's list of permissions.
	roles := map[string][2]string{
		"CloudLicensing.Read.All":             {allotment + " mine myQueue myPlace ours", ""},
		"Directory.Read.All":                  {"pools pool", everything},
		"Directory.ReadWrite.All":             {"pools pool", everything},
		"User-CloudLicensing.Read.All":        {"drawing mine myOne myOneOf mySources myPlaceOf", ""},
		"Group-CloudLicensing.Read.All":       {"drawing ours ourOne ourOneOf", ""},
		"User-UsageRight.Read.All":            {"myQueue", ""},
		"Group-UsageRight.Read.All":           {"ourSources", ""},
		"User.Read.All":                       {"drawing mine", ofPerson + " " + ofGroup},
		"Group.Read.All":                      {"drawing ours", ofGroup},
		"GroupMember.Read.All":                {"", ""},
		"LicenseAssignment.Read.All":          {"", ""},
		"Device.Read.All":                     {"", "device deviceQueue"},
		"Device.ReadWrite.All":                {"", "device deviceQueue"},
		"CloudLicensing-UsageRights.Read.All": {"device", ""},
		"Device-CloudLicensing.Read.All":      {"deviceQueue", ""},
		"CloudLicensing.ReadWrite.All":        {"", ""}, // on no page
	}
	directory := map[string]string{
		"Directory.Read.All": "details members", "Directory.ReadWrite.All": "details members", "User.Read.All": "details", "LicenseAssignment.Read.All": "details",
		"Group.Read.All": "members", "GroupMember.Read.All": "members",
	}
	scopes := map[string][2]string{
		"CloudLicensing.Read":             {allotment + " mine myQueue myPlace ours", ""},
		"User-CloudLicensing.Read":        {"myOne myOneOf mySources myPlaceOf", ""},
		"Group-CloudLicensing.Read":       {"ourOne ourOneOf", ""},
		"Group-UsageRight.Read.All":       {"ourSources", ""},
		"User-UsageRight.Read":            {"myQueue", ""},
		"CloudLicensing-UsageRights.Read": {"device", ""},
		"Device-CloudLicensing.Read":      {"deviceQueue", ""},
		"LicenseAssignment.Read.All":      {"", ""},
		"Directory.Read.All":              {"", everything},
		"User.Read.All":                   {"mine", ofPerson + " " + ofGroup},
		"User.Read":                       {"", ""}, // of the caller
		"Device.Read.All":                 {"", "device deviceQueue"},
		"Device.ReadWrite.All":            {"", ""},
		"CloudLicensing.Read.All":         {"", ""},
	}
	for by, variant := range []string{"pages", "list", ""} {
		of := func(rights [2]string) string {
			if variant == "" {
				return rights[0] + " " + rights[1]
			}
			return rights[by]
		}
		for role, allowed := range roles {
			c.SetVariants(Variants{Devices: true, Permissions: variant, Roles: []string{role}})
			c.token = c.newToken()
			ask(variant+", "+role, of(allowed)+" "+directory[role])
		}
		for scope, allowed := range scopes {
			c.token = c.DelegatedToken(c.userID(0), scope)
			ask(variant+", a user with "+scope, of(allowed)+" "+directory[scope])
		}
	}
}

// TestMoreVariants tests additional variants of lists.
func TestMoreVariants(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	all := c.all(granted)
	sku := skuID(skuF3)
	for _, tt := range []struct {
		name   string
		v      Variants
		uri    string
		status int
	}{
		{"nested select", Variants{ExpandNestedSelect: true}, granted + "?$expand=assignedTo($select=id,mail),allotment", 200},
		{"nested select of nothing", Variants{ExpandNestedSelect: true}, granted + "?$expand=assignedTo($select=colour)", 400},
		{"one relation", Variants{ExpandOne: true}, granted + "?$expand=allotment", 200},
		{"ignored options", Variants{IgnoreCloudOptions: true}, pools + "?$count=true&$skip=5&$orderby=skuId&$search=x", 200},
		{"eq only", Variants{SkuIDEqualOnly: true}, pools + "?$filter=skuId in (" + sku + ")", 400},
		{"eq only, eq", Variants{SkuIDEqualOnly: true}, pools + "?$filter=skuId eq " + sku, 200},
		{"assignments by another property", Variants{AssignmentFilter: true}, granted + "?$filter=disabledServicePlanIds eq 'x'", 400},
		{"forbidden", Variants{CloudLicensing: "forbidden"}, pools, 403},
		{"missing", Variants{CloudLicensing: "missing"}, pools, 404},
		{"forbidden leaves the directory", Variants{CloudLicensing: "forbidden"}, "/v1.0/groups/" + c.groupID(0) + "/members", 200},
	} {
		c.SetVariants(tt.v)
		if r := c.get(tt.uri); r.status != tt.status {
			t.Errorf("%s: %d %s", tt.name, r.status, r.raw)
		}
	}
	for _, v := range []Variants{{PageSize: 7}, {PageSize: 20, EmptyPages: true}, {PageSize: 999}} {
		c.SetVariants(v)
		if n := len(c.all(granted + "?$top=1000")); n != len(all) {
			t.Errorf("%+v: %d assignments in pages, want %d", v, n, len(all))
		}
	}
	c.SetVariants(Variants{WrapSingle: true})
	for _, uri := range []string{pools + "/" + c.pool(skuE3, 0), granted + "/" + str(all[0], "id"), granted + "/" + str(all[0], "id") + "/assignedTo"} {
		if one := c.ok(uri); one["value"].(row)["id"] == nil || len(one) != 2 {
			t.Errorf("not wrapped: %v", one)
		}
	}
	// The answer to a write has no envelope.
	user := c.bare(0)
	r := c.write("POST", granted, body(allotmentBind, bind(allotmentSet+"/"+c.pool(skuE5, 0)), assigneeBind, bind("users/"+user), disabledPlans, off()), 201)
	if r.body["id"] == nil {
		t.Errorf("wrapped: %s", r.raw)
	}
	// The directory is available without cloudLicensing.
	c.SetVariants(Variants{CloudLicensing: "forbidden"})
	c.write("POST", granted, `{}`, 403)
	c.write("POST", "/v1.0/users/"+user+"/assignLicense", body("addLicenses", off(), "removeLicenses", off(skuID(skuE5))), 200)
}
