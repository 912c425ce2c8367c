package api

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/odata"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	const root = "/auditLogs/directoryAudits"
	register([]Route{
		{Method: get, Template: root, handler: (*Endpoints).listAudits, App: readAudits, Scopes: readAudits, clearance: access.ReadsReports, audits: true, most: maxAudits},
		{Method: get, Template: root + "/{id}", handler: (*Endpoints).getAudit, App: readAudits, Scopes: readAudits, clearance: access.ReadsReports, audits: true},
	})
}

var readAudits = []string{"AuditLog.Read.All"}

const (
	maxAudits     = 1000         // $top, and the default page size
	callerAddress = "192.0.2.10" // of users in the audit log
	// maxWhole is the number of plans in a change above which
	// Variants.AuditPieces splits it: about ten thousand characters.
	maxWhole = 40
)

// activities are the names and categories of activities.
var activities = map[tenant.Activity]struct{ name, category, operation string }{
	tenant.UserLicenseChanged: {"Change user license", "UserManagement", "Update"},
	tenant.UserUpdated:        {"Update user", "UserManagement", "Update"},
	tenant.GroupLicenseSet:    {"Set group license", "GroupManagement", "Assign"},
	tenant.GroupStarted:       {"Start applying group based license to users", "GroupManagement", "Update"},
	tenant.GroupFinished:      {"Finish applying group based license to users", "GroupManagement", "Update"},
	tenant.GroupRecalculated:  {"Trigger group license recalculation", "GroupManagement", "Update"},
	tenant.MemberJoined:       {"Add member to group", "GroupManagement", "Assign"},
	tenant.MemberLeft:         {"Remove member from group", "GroupManagement", "Unassign"},
}

// directoryAudit is a record, or a piece of one.
type directoryAudit struct {
	*tenant.Audit
	activity tenant.Activity // UserUpdated for the second record about the licenses of a user
	piece    int             // number among the records and pieces of an Audit, less than pieces
	cut      bool            // without modifiedProperties
}

const pieces = 4

// id returns the ID, which contains the position.
func (a directoryAudit) id() string {
	return fmt.Sprintf("Directory_%s_EMBED_%d", a.Correlation, a.Number*pieces+a.piece)
}

// auditPieces returns the records of the log about one change: a change of a
// user's licenses has two, see Microsoft Learn, "Assign licenses to a group",
// and each can have two pieces.
func (c *call) auditPieces(a *tenant.Audit) []directoryAudit {
	if a.Activity != tenant.UserLicenseChanged {
		return []directoryAudit{{Audit: a, activity: a.Activity}}
	}
	plans := 0
	for _, l := range slices.Concat(a.Before, a.After) {
		plans += len(c.tenant.Product(l.Sku).Plans)
	}
	var list []directoryAudit
	for _, activity := range []tenant.Activity{tenant.UserLicenseChanged, tenant.UserUpdated} {
		one := directoryAudit{a, activity, len(list), c.Variants.AuditPieces && plans > maxWhole}
		if list = append(list, one); one.cut {
			one.piece++
			list = append(list, one)
		}
	}
	return list
}

// auditType is the properties of a directoryAudit, all returned by default.
var auditType = entityType[directoryAudit]{name: "microsoft.graph.directoryAudit", props: map[string]property[directoryAudit]{
	"id":                  {get: func(_ *call, a directoryAudit) any { return a.id() }, onDefault: true},
	"activityDateTime":    {get: func(_ *call, a directoryAudit) any { return a.At.Format("2006-01-02T15:04:05.0000000Z") }, onDefault: true},
	"activityDisplayName": {get: func(_ *call, a directoryAudit) any { return activities[a.activity].name }, onDefault: true},
	"additionalDetails": {get: func(_ *call, a directoryAudit) any {
		if a.By == nil || a.By.Agent == "" {
			return []object{}
		}
		return []object{{"key": "User-Agent", "value": a.By.Agent}}
	}, onDefault: true},
	"category":        {get: func(_ *call, a directoryAudit) any { return activities[a.activity].category }, onDefault: true},
	"correlationId":   {get: func(_ *call, a directoryAudit) any { return a.Correlation.String() }, onDefault: true},
	"initiatedBy":     {get: func(_ *call, a directoryAudit) any { return initiatedBy(a.By) }, onDefault: true},
	"loggedByService": {get: always[directoryAudit](coreDirectory), onDefault: true},
	"operationType":   {get: func(_ *call, a directoryAudit) any { return activities[a.activity].operation }, onDefault: true},
	"result":          {get: always[directoryAudit]("success"), onDefault: true},
	"resultReason":    {get: always[directoryAudit](""), onDefault: true},
	"targetResources": {get: func(c *call, a directoryAudit) any { return c.auditTargets(a) }, onDefault: true},
}}

const (
	coreDirectory      = "Core Directory"
	groupBasedLicenses = "Microsoft Azure AD Group-Based Licensing"
)

func initiatedBy(by *tenant.Actor) object {
	switch {
	case by == nil:
		return object{"user": nil, "app": object{"appId": nil, "displayName": groupBasedLicenses, "servicePrincipalId": nil, "servicePrincipalName": nil}}
	case by.User != "":
		return object{"app": nil, "user": object{
			"id": by.User, "displayName": nil, "userPrincipalName": by.Name, "ipAddress": orNull(by.Address), "userType": nil, "homeTenantId": nil, "homeTenantName": nil,
		}}
	}
	return object{"user": nil, "app": object{"appId": by.App, "displayName": by.Name, "servicePrincipalId": orNull(by.Principal), "servicePrincipalName": nil}}
}

// auditTargets returns the targetResources of a record.
func (c *call) auditTargets(a directoryAudit) []object {
	var list []object
	add := func(of tenant.AuditTarget, changes ...object) {
		if a.cut {
			changes = nil
		}
		o := object{"id": of.ID.String(), "displayName": nil, "userPrincipalName": nil, "groupType": nil, "modifiedProperties": append([]object{}, changes...)}
		switch of.Kind {
		case tenant.User:
			o["type"], o["userPrincipalName"] = "User", of.Name
		case tenant.GroupKind:
			o["type"], o["displayName"], o["groupType"] = "Group", orNull(of.Name), "azureAD"
			if of.Unified {
				o["groupType"] = "unifiedGroups"
			}
		case tenant.DeviceKind:
			o["type"], o["displayName"] = "Device", of.Name
		default:
			o["type"], o["displayName"] = "ServicePrincipal", principalName
		}
		list = append(list, o)
	}
	const updated = "Included Updated Properties"
	switch a.Activity {
	case tenant.UserLicenseChanged:
		names := modified(updated, nil, encoded("AssignedLicense, AssignedPlan, LicenseAssignmentDetail"))
		if a.activity == tenant.UserUpdated {
			add(a.User, names)
		} else {
			add(a.User, modified("AssignedLicense", c.auditLicenses(a.Before), c.auditLicenses(a.After)), names)
		}
	case tenant.UserUpdated:
		var changes []object
		var names []string
		for _, p := range a.Changed {
			name := string(unicode.ToUpper(rune(p.Name[0]))) + p.Name[1:]
			changes, names = append(changes, modified(name, listOf(p.Old), listOf(p.New))), append(names, name)
		}
		add(a.User, append(changes, modified(updated, nil, encoded(strings.Join(names, ", "))))...)
	case tenant.GroupLicenseSet:
		add(a.Group, modified("AssignedLicense", c.auditLicenses(a.Before), c.auditLicenses(a.After)))
	case tenant.GroupFinished:
		add(a.Group, modified("Result", "[]", fmt.Sprintf("[Users successfully assigned licenses: %d, Users for whom license assignment failed: %d.]", a.Assigned, a.Failed)))
	case tenant.MemberJoined:
		add(a.User, modified("Group.ObjectID", nil, encoded(a.Group.ID.String())), modified("Group.DisplayName", nil, encoded(a.Group.Name)))
		add(a.Group)
	case tenant.MemberLeft:
		add(a.User, modified("Group.ObjectID", encoded(a.Group.ID.String()), nil), modified("Group.DisplayName", encoded(a.Group.Name), nil))
		add(a.Group)
	default:
		add(a.Group)
	}
	return list
}

// modified returns a modifiedProperty. Its values are texts that contain JSON.
func modified(name string, before, after any) object {
	return object{"displayName": name, "oldValue": before, "newValue": after}
}

func encoded(v any) string { return string(wire.Encode(v)) }

// listOf returns the JSON of the list with a value.
func listOf(v any) string {
	if v == nil {
		return "[]"
	}
	return encoded([]any{v})
}

// auditLicenses returns licenses in the form of the audit log.
func (c *call) auditLicenses(list []tenant.Licensed) string {
	var texts []string
	for _, l := range list {
		p := c.tenant.Product(l.Sku)
		var off []string
		for at, plan := range p.Plans {
			if l.Off.Has(at) {
				off = append(off, plan.Name)
			}
		}
		texts = append(texts, "  "+encoded(fmt.Sprintf("[SkuName=%s, AccountId=%s, SkuId=%s, DisabledPlans=[%s]]", p.SkuPartNumber, c.tenant.ID(), p.SkuID, strings.Join(off, ", "))))
	}
	if texts == nil {
		return "[]"
	}
	return "[\r\n" + strings.Join(texts, ",\r\n") + "\r\n]"
}

// auditFilter is the filters of "List directoryAudits", joined with and.
var auditFilter = rules{resource: "directoryAudit", fields: map[string]field{
	"activityDateTime":                   {kind: odata.DateTimeOffset, ops: "ge le"},
	"activityDisplayName":                {kind: odata.String, ops: "eq startswith"},
	"correlationId":                      {kind: odata.String, ops: "eq"},
	"id":                                 {kind: odata.String, ops: "eq"},
	"loggedByService":                    {kind: odata.String, ops: "eq"},
	"initiatedBy/app/appId":              {kind: odata.String, ops: "eq"},
	"initiatedBy/app/displayName":        {kind: odata.String, ops: "eq"},
	"initiatedBy/user/displayName":       {kind: odata.String, ops: "eq"},
	"initiatedBy/user/id":                {kind: odata.String, ops: "eq"},
	"initiatedBy/user/userPrincipalName": {kind: odata.String, ops: "eq startswith"},
	"targetResources/displayName":        {kind: odata.String, ops: "any:eq any:startswith"},
	"targetResources/id":                 {kind: odata.String, ops: "any:eq"},
	"targetResources/userPrincipalName":  {kind: odata.String, ops: "any:eq"},
}}

// auditSource reads the properties in a filter.
var auditSource = source[directoryAudit]{
	value: func(path string) func(directoryAudit) value {
		text := func(get func(directoryAudit) string) func(directoryAudit) value {
			return func(a directoryAudit) value { return textValue(get(a)) }
		}
		by := func(user bool, get func(*tenant.Actor) string) func(directoryAudit) value {
			return text(func(a directoryAudit) string {
				if a.By == nil || user != (a.By.User != "") {
					return ""
				}
				return get(a.By)
			})
		}
		switch path {
		case "activityDateTime":
			return func(a directoryAudit) value { return value{n: a.At.UnixNano()} }
		case "activityDisplayName":
			return text(func(a directoryAudit) string { return activities[a.activity].name })
		case "correlationId":
			return text(func(a directoryAudit) string { return a.Correlation.String() })
		case "id":
			return text(directoryAudit.id)
		case "loggedByService":
			return text(func(directoryAudit) string { return coreDirectory })
		case "initiatedBy/app/appId":
			return by(false, func(a *tenant.Actor) string { return a.App })
		case "initiatedBy/app/displayName":
			name := by(false, func(a *tenant.Actor) string { return a.Name })
			return func(a directoryAudit) value {
				if a.By == nil {
					return textValue(groupBasedLicenses)
				}
				return name(a)
			}
		case "initiatedBy/user/id":
			return by(true, func(a *tenant.Actor) string { return a.User })
		case "initiatedBy/user/userPrincipalName":
			return by(true, func(a *tenant.Actor) string { return a.Name })
		}
		return text(func(directoryAudit) string { return "" }) // The name of the user is not recorded.
	},
	each: func(string) collection[directoryAudit] {
		return collection[directoryAudit]{[]string{"/id", "/displayName", "/userPrincipalName"}, func(a directoryAudit, fits func(element) bool) bool {
			for _, of := range []tenant.AuditTarget{a.User, a.Group} {
				e := element{of.ID.String(), of.Name, ""}
				if of.Kind == tenant.User {
					e = element{of.ID.String(), "", of.Name}
				}
				if of.ID != (tenant.GUID{}) && fits(e) {
					return true
				}
			}
			return false
		}}
	},
}

// auditsSince returns the time since when records are kept: 30 days with a
// premium license, otherwise seven, see Microsoft Learn, "Microsoft Entra data
// retention".
func (c *call) auditsSince() time.Time {
	if c.premium() {
		return c.Date.AddDate(0, 0, -30)
	}
	return c.Date.AddDate(0, 0, -7)
}

// listAudits lists the records that are not too old, newest first by default.
func (e *Endpoints) listAudits(c *call) (any, *wire.Problem) {
	q, p := e.options(c, directory, optFilter|optTop|optOrderBy)
	if p != nil {
		return nil, p
	}
	fits := func(directoryAudit) bool { return true }
	if q.filter != nil {
		if err := auditFilter.check(q.filter, usual); err != nil {
			return nil, directory.filtering("%s", sentence(err))
		}
		fits = compile(q.filter, auditSource)
	}
	newestFirst := true
	if q.orderBy != nil {
		if len(q.orderBy) > 1 || q.orderBy[0].Path != "activityDateTime" {
			return nil, unsupported("Only activityDateTime is supported in $orderby.")
		}
		newestFirst = q.orderBy[0].Descending
	}
	size := maxAudits
	if q.top > 0 {
		size = q.top
	}
	list := listing[directoryAudit]{after: func(place int64) iter.Seq2[int64, directoryAudit] {
		return func(yield func(int64, directoryAudit) bool) {
			for a := range c.tenant.Audits(c.auditsSince(), newestFirst) {
				list := c.auditPieces(a)
				if newestFirst {
					slices.Reverse(list)
				}
				for _, one := range list {
					at := int64(a.Number*pieces + one.piece)
					if newestFirst {
						at = math.MaxInt64 - at // Newer records do not move the next page.
					}
					if at > place && fits(one) && !yield(at, one) {
						return
					}
				}
			}
		}
	}}
	return pageOf(e, c, q, "auditLogs/directoryAudits", size, list, func(a directoryAudit) object { return auditType.render(c, a, nil) }), nil
}

func (e *Endpoints) getAudit(c *call) (any, *wire.Problem) {
	if _, p := e.options(c, directory, 0); p != nil {
		return nil, p
	}
	id := c.params[0]
	position, _ := strconv.Atoi(id[strings.LastIndexByte(id, '_')+1:])
	if a, ok := c.tenant.AuditNumbered(position / pieces); ok && !a.At.Before(c.auditsSince()) {
		for _, one := range c.auditPieces(a) {
			if one.id() == id {
				o := auditType.render(c, one, nil)
				o["@odata.context"] = c.context("auditLogs/directoryAudits/$entity")
				return o, nil
			}
		}
	}
	return nil, noSuchObject(id)
}
