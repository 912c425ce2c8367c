package api

import (
	"iter"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/odata"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	register([]Route{
		{Method: get, Template: "/users", handler: (*Endpoints).listUsers, App: readUsers, Scopes: readUsers, Basic: basicUsers, units: 2},
		{Method: get, Template: "/users/$count", handler: (*Endpoints).countUsers, App: readUsers, Scopes: readUsers, Basic: basicUsers, units: 2},
		{Method: get, Template: agentsTemplate, handler: (*Endpoints).listUsers, App: readPeople, Scopes: readPeople, Basic: basicUsers, units: 2},
		{Method: get, Template: "/users/{id}", handler: (*Endpoints).getUser, App: readPeople, Scopes: readPeople, Basic: basicUsers},
		{Method: get, Template: "/me", handler: (*Endpoints).getUser, Me: true, App: readPeople, Scopes: scopesMe, Basic: basicUsers},
	})
}

func written(name string) func(*call, int32) any {
	return textOf(func(c *call, i int32) string { return c.tenant.User(i).Text(name) })
}

// userType is the properties of a user, see "user resource type". The default
// properties are those of that page.
var userType = entityType[int32]{name: "microsoft.graph.user", other: otherUserProperties, basic: basicUsers, props: map[string]property[int32]{
	"id":                {get: func(c *call, i int32) any { return c.tenant.User(i).ID().String() }, onDefault: true, basic: true},
	"displayName":       {get: written("displayName"), onDefault: true, basic: true},
	"givenName":         {get: written("givenName"), onDefault: true, basic: true},
	"surname":           {get: written("surname"), onDefault: true, basic: true},
	"userPrincipalName": {get: written("userPrincipalName"), onDefault: true, basic: true},
	"mail":              {get: written("mail"), onDefault: true, basic: true},
	"jobTitle":          {get: written("jobTitle"), onDefault: true},
	"businessPhones":    {get: always[int32]([]string{}), onDefault: true},
	"mobilePhone":       {get: written("mobilePhone"), onDefault: true},
	"officeLocation":    {get: written("officeLocation"), onDefault: true},
	"preferredLanguage": {get: written("preferredLanguage"), onDefault: true},

	"accountEnabled":  {get: func(c *call, i int32) any { return c.tenant.User(i).Enabled() }},
	"city":            {get: written("city")},
	"companyName":     {get: written("companyName")},
	"country":         {get: written("country")},
	"createdDateTime": {get: func(c *call, i int32) any { return timestamp(c.tenant.User(i).Created()) }},
	"deletedDateTime": {get: func(c *call, i int32) any { return timeOrNull(c.tenant.User(i).Deleted()) }},
	"department":      {get: written("department")},
	"mailNickname":    {get: written("mailNickname")},
	"proxyAddresses":  {get: func(c *call, i int32) any { return c.tenant.Addresses(i) }},
	"usageLocation":   {get: written("usageLocation")},
	"identityParentId": {get: func(c *call, i int32) any {
		if c.tenant.User(i).Agent() {
			return c.tenant.Seed().GUID("agent identity", int(i)).String()
		}
		return nil
	}},
	"userType": {get: written("userType")},

	"creationType":             {get: written("creationType")},
	"employeeHireDate":         {get: func(c *call, i int32) any { return timeOrNull(c.tenant.User(i).Hired()) }},
	"employeeId":               {get: written("employeeId")},
	"employeeLeaveDateTime":    {get: func(c *call, i int32) any { return timeOrNull(c.tenant.User(i).Leaves()) }, license: true, needs: readLeaves, clearance: access.ReadsLeaves},
	"employeeOrgData":          {get: complexOf("employeeOrgData", "costCenter", "division")},
	"employeeType":             {get: written("employeeType")},
	"externalUserState":        {get: written("externalUserState")},
	"onPremisesSamAccountName": {get: written("onPremisesSamAccountName")},
	"onPremisesExtensionAttributes": {get: complexOf("onPremisesExtensionAttributes", strings.Fields(`extensionAttribute1 extensionAttribute2 extensionAttribute3
		extensionAttribute4 extensionAttribute5 extensionAttribute6 extensionAttribute7 extensionAttribute8 extensionAttribute9 extensionAttribute10
		extensionAttribute11 extensionAttribute12 extensionAttribute13 extensionAttribute14 extensionAttribute15`)...)},
	"onPremisesSyncEnabled": {get: func(c *call, i int32) any {
		if c.tenant.User(i).Synced().IsZero() {
			return nil
		}
		return true
	}},
	"onPremisesLastSyncDateTime":    {get: func(c *call, i int32) any { return timeOrNull(c.tenant.User(i).Synced()) }},
	"onPremisesProvisioningErrors":  {get: func(c *call, i int32) any { return c.syncErrors(i) }},
	"signInActivity":                {get: func(c *call, i int32) any { return c.signInActivity(i) }, license: true, absent: true, needs: readActivity},
	"state":                         {get: written("state")},
	"isLicenseReconciliationNeeded": {get: func(c *call, i int32) any { return c.tenant.NeedsReconciliation(i) }, license: true, beta: true},
	"provisionedPlans":              {get: func(c *call, i int32) any { return c.provisionedPlans(i) }, license: true},
	"serviceProvisioningErrors":     {get: func(c *call, i int32) any { return c.serviceErrors(i) }},

	"assignedLicenses":        {get: func(c *call, i int32) any { return c.assignedLicenses(c.tenant.AssignedProducts(i)) }, license: true},
	"licenseAssignmentStates": {get: func(c *call, i int32) any { return c.assignmentStates(i) }, license: true},
	"assignedPlans":           {get: func(c *call, i int32) any { return c.assignedPlans(i) }, license: true},
}}

// agentTypeName is the type of users that are agents, see "agentUser resource
// type".
const agentTypeName = "microsoft.graph.agentUser"

// typedAsAgent adds the type of a user that is an agent: an object of a
// derived type in a collection of the base type has its type annotation.
func (c *call) typedAsAgent(o object, i int32) object {
	if c.tenant.User(i).Agent() && !c.Variants.PlainAgents {
		o["@odata.type"] = "#" + agentTypeName
	}
	return o
}

func (c *call) renderUser(i int32, sel []string) object {
	o := userType.render(c, i, sel)
	if c.basic {
		userType.conceal(o)
	}
	return c.typedAsAgent(o, i)
}

func (c *call) assignmentStates(i int32) []object {
	list := []object{}
	for _, l := range c.tenant.Licenses(i) {
		p := c.tenant.Product(l.Sku)
		row := object{
			"skuId":               orNull(p.SkuID),
			"disabledPlans":       p.PlanIDs(l.Off),
			"assignedByGroup":     nil,
			"state":               l.State.String(),
			"error":               l.Cause.String(),
			"lastUpdatedDateTime": timestamp(l.Updated),
		}
		if l.Group != (tenant.GUID{}) {
			row["assignedByGroup"] = l.Group.String()
		}
		if l.Cause == tenant.NoCause && c.Variants.NullError {
			row["error"] = nil
		}
		list = append(list, row)
	}
	return list
}

// assignedPlans lists the plans that a user can use, followed by former ones.
// The client must check capabilityStatus.
func (c *call) assignedPlans(i int32) []object {
	list := []object{}
	seen := map[string]bool{}
	created := c.tenant.User(i).Created()
	c.eachPlan(i, func(p *tenant.Plan, status string, since time.Time) bool {
		if since.IsZero() {
			since = created
		}
		if !seen[p.ID] {
			seen[p.ID] = true
			list = append(list, object{"assignedDateTime": timestamp(since), "capabilityStatus": status, "service": serviceOf(p), "servicePlanId": p.ID})
		}
		return true
	})
	return list
}

func serviceOf(p *tenant.Plan) string {
	service, _, _ := strings.Cut(p.Name, "_")
	return service
}

// eachPlan yields the plans that a user can use, followed by former ones,
// until yield returns false.
func (c *call) eachPlan(i int32, yield func(p *tenant.Plan, status string, since time.Time) bool) {
	some := func(s tenant.Sku, plans tenant.PlanSet, status string, since time.Time) bool {
		all := c.tenant.Product(s).Plans
		for at := range all {
			if plans.Has(at) && !yield(&all[at], status, since) {
				return false
			}
		}
		return true
	}
	for _, s := range c.tenant.Usable(i) {
		if !some(s, c.tenant.MayUse(i, s), "Enabled", time.Time{}) {
			return
		}
	}
	for _, l := range c.tenant.Lapsed(i) {
		if !some(l.Sku, l.Plans, "Deleted", l.Since) {
			return
		}
	}
}

// somePlan reports whether one of the assignedPlans of a user fits.
func (c *call) somePlan(i int32, fits func(p *tenant.Plan, status string) bool) bool {
	found := false
	c.eachPlan(i, func(p *tenant.Plan, status string, _ time.Time) bool {
		found = fits(p, status)
		return !found
	})
	return found
}

const (
	nullOps = " eq:null ne:null"
	textOps = "eq in startswith"
)

// advancedField returns the field of a string that is only in the advanced index.
func advancedField(ops string) field {
	return field{kind: odata.String, advanced: ops + " ne" + nullOps}
}

// userFilter is the filterable properties of users, by the table of Microsoft
// Learn, "Advanced query capabilities on Microsoft Entra ID objects". The page
// of the resource lists more operators, which are rejected here.
var userFilter = rules{resource: "User", or: true, other: otherUserProperties, maxLength: maxValueLength, fields: map[string]field{
	"id":                             {kind: odata.String, ops: "eq in", advanced: "ne"},
	"displayName":                    {kind: odata.String, ops: textOps, advanced: "ne" + nullOps},
	"givenName":                      {kind: odata.String, ops: textOps, advanced: "ne" + nullOps},
	"surname":                        {kind: odata.String, ops: textOps, advanced: "ne" + nullOps},
	"userPrincipalName":              {kind: odata.String, ops: textOps, advanced: "ne endswith"},
	"mail":                           {kind: odata.String, ops: textOps, advanced: "endswith ne" + nullOps},
	"mailNickname":                   {kind: odata.String, ops: textOps, advanced: "ne" + nullOps},
	"jobTitle":                       {kind: odata.String, ops: textOps, advanced: "ne" + nullOps},
	"city":                           {kind: odata.String, ops: textOps, advanced: "ne" + nullOps},
	"country":                        {kind: odata.String, ops: textOps, advanced: "ne" + nullOps},
	"department":                     {kind: odata.String, ops: textOps, advanced: "ne" + nullOps},
	"usageLocation":                  {kind: odata.String, ops: textOps, advanced: "ne" + nullOps},
	"userType":                       {kind: odata.String, ops: "eq in", advanced: "ne" + nullOps},
	"companyName":                    advancedField(textOps),
	"mobilePhone":                    advancedField(textOps),
	"officeLocation":                 advancedField(textOps),
	"preferredLanguage":              advancedField("eq in"),
	"accountEnabled":                 {kind: odata.Bool, ops: "eq in", advanced: "ne"},
	"createdDateTime":                {kind: odata.DateTimeOffset, ops: "ge le", advanced: "eq:null ne:null"},
	"proxyAddresses":                 {kind: odata.String, ops: "any:eq any:in any:startswith", advanced: "any:endswith"},
	"proxyAddresses/$count":          {kind: odata.Int, advanced: "eq ne"},
	"assignedLicenses/skuId":         {kind: odata.GUID, ops: "any:eq"},
	"assignedLicenses/$count":        {kind: odata.Int, advanced: "eq ne"},
	"assignedPlans/servicePlanId":    {kind: odata.GUID, advanced: "any:eq any:in"},
	"assignedPlans/capabilityStatus": {kind: odata.String, advanced: "any:eq any:in"},
	"assignedPlans/service":          {kind: odata.String, advanced: "any:eq any:in any:startswith"},

	"creationType":                  {kind: odata.String, ops: "eq in", advanced: "ne"},
	"employeeHireDate":              {kind: odata.DateTimeOffset, advanced: "ge le"},
	"employeeId":                    {kind: odata.String, ops: "eq in", advanced: "ne" + nullOps},
	"employeeOrgData/costCenter":    {kind: odata.String, advanced: textOps + " ne"},
	"employeeOrgData/division":      {kind: odata.String, advanced: textOps + " ne"},
	"employeeType":                  {kind: odata.String, advanced: "eq in ne"},
	"externalUserState":             {kind: odata.String, ops: "eq in", advanced: "ne"},
	"isLicenseReconciliationNeeded": {kind: odata.Bool, plain: "eq in"},
	"onPremisesLastSyncDateTime":    {kind: odata.DateTimeOffset, ops: "ge le"},
	"onPremisesExtensionAttributes/extensionAttribute1": advancedField(textOps),
	"onPremisesProvisioningErrors/$count":               {kind: odata.Int, advanced: "eq ne"},
	"onPremisesProvisioningErrors/category":             {kind: odata.String, ops: "any:eq any:in"},
	"onPremisesProvisioningErrors/propertyCausingError": {kind: odata.String, ops: "any:eq any:in"},
	"onPremisesSamAccountName":                          {kind: odata.String, advanced: textOps + " ne"},
	"onPremisesSyncEnabled":                             {kind: odata.Bool, ops: "eq in", advanced: "ne" + nullOps},
	"provisionedPlans/provisioningStatus":               {kind: odata.String, advanced: "any:eq any:in"},
	"provisionedPlans/service":                          {kind: odata.String, advanced: "any:eq any:in any:startswith"},
	// The table does not have it: the page of the resource has eq and not.
	"serviceProvisioningErrors/isResolved":        {kind: odata.Bool, ops: "any:eq"},
	"serviceProvisioningErrors/serviceInstance":   {kind: odata.String, ops: "any:eq"},
	"signInActivity/lastSignInDateTime":           {kind: odata.DateTimeOffset, ops: "eq ge le", advanced: "ne"},
	"signInActivity/lastSuccessfulSignInDateTime": {kind: odata.DateTimeOffset, ops: "eq ge le", advanced: "ne"},
	"state": {kind: odata.String, ops: "eq in", advanced: "ne" + nullOps},
}}

var userOptions = listRules{
	filter: userFilter,
	search: userFilter.texts(),
	order:  map[string]bool{"displayName": false, "userPrincipalName": false, "createdDateTime": true},
}

// userRules returns the list rules of users.
func (c *call) userRules() listRules {
	r := userOptions
	if c.Version != "beta" {
		r.filter.fields = maps.Clone(r.filter.fields)
		delete(r.filter.fields, "isLicenseReconciliationNeeded")
		delete(r.filter.fields, "signInActivity/lastSuccessfulSignInDateTime")
	}
	return r
}

// userSource reads users for filters, without allocations per user.
func (c *call) userSource() source[int32] {
	t := c.tenant
	skus := t.Skus()
	return source[int32]{
		value: func(path string) func(int32) value {
			switch path {
			case "accountEnabled":
				return func(i int32) value { return truth(t.User(i).Enabled()) }
			case "createdDateTime":
				return func(i int32) value { return value{n: t.User(i).Created().UnixNano()} }
			case "signInActivity/lastSignInDateTime", "signInActivity/lastSuccessfulSignInDateTime":
				return func(i int32) value {
					a, _ := t.User(i).SignIns()
					return timeValue(activityTime(a, path))
				}
			case "employeeHireDate":
				return func(i int32) value { return timeValue(t.User(i).Hired()) }
			case "isLicenseReconciliationNeeded":
				return func(i int32) value { return truth(t.NeedsReconciliation(i)) }
			case "onPremisesLastSyncDateTime":
				return func(i int32) value { return timeValue(t.User(i).Synced()) }
			case "onPremisesSyncEnabled": // true or null
				return func(i int32) value { return value{n: 1, null: t.User(i).Synced().IsZero()} }
			case "onPremisesProvisioningErrors/$count":
				return func(i int32) value { return value{n: int64(len(c.syncErrors(i)))} }
			case "proxyAddresses/$count":
				return func(i int32) value { return value{n: int64(len(t.Addresses(i)))} }
			case "assignedLicenses/$count":
				return func(i int32) value {
					n := int64(0)
					for _, s := range skus {
						if t.HasProduct(i, s) {
							n++
						}
					}
					return value{n: n}
				}
			}
			return func(i int32) value { return textValue(t.User(i).Text(path)) }
		},
		each: func(path string) collection[int32] {
			switch path {
			case "proxyAddresses":
				return collection[int32]{[]string{""}, func(i int32, fits func(element) bool) bool {
					return slices.ContainsFunc(t.Addresses(i), func(s string) bool { return fits(element{s}) })
				}}
			case "onPremisesProvisioningErrors":
				return collection[int32]{[]string{"/category", "/propertyCausingError"}, func(i int32, fits func(element) bool) bool {
					return len(c.syncErrors(i)) > 0 && fits(element{conflictCategory, conflictProperty})
				}}
			case "provisionedPlans":
				return collection[int32]{[]string{"/provisioningStatus", "/service"}, func(i int32, fits func(element) bool) bool {
					return c.somePlan(i, func(p *tenant.Plan, _ string) bool { return fits(element{c.provisioningStatus(i, p), serviceOf(p)}) })
				}}
			case "serviceProvisioningErrors":
				return collection[int32]{[]string{"/isResolved", "/serviceInstance"}, func(i int32, fits func(element) bool) bool {
					return slices.ContainsFunc(t.ServiceErrors(i), func(e tenant.ServiceError) bool {
						return fits(element{strconv.FormatBool(e.Resolved), e.Instance})
					})
				}}
			}
			return collection[int32]{[]string{"/servicePlanId", "/capabilityStatus", "/service"}, func(i int32, fits func(element) bool) bool {
				return c.somePlan(i, func(p *tenant.Plan, status string) bool { return fits(element{p.ID, status, serviceOf(p)}) })
			}}
		},
		direct: func(f *odata.Filter) func(int32) bool {
			if f.Op == odata.Any && f.Path == "assignedLicenses" { // There are few products.
				body := compileBody(f, []string{"/skuId"})
				of := slices.DeleteFunc(slices.Clone(skus), func(s tenant.Sku) bool { return !body(element{t.Product(s).SkuID}) })
				return func(i int32) bool {
					for _, s := range of {
						if t.HasProduct(i, s) {
							return true
						}
					}
					return false
				}
			}
			if f.Path != "id" {
				return nil
			}
			named := map[tenant.GUID]bool{} // true: in the filter
			for _, v := range f.Values {
				if id, ok := tenant.ParseGUID(v.Text); ok {
					named[id] = true
				}
			}
			return func(i int32) bool { return named[t.User(i).ID()] == (f.Op != odata.Ne) }
		},
		known: c.byChoice,
	}
}

// byChoice evaluates a property with few values once per value.
func (c *call) byChoice(property string, fits func(int32) bool) func(int32) bool {
	var known []int8 // by choice: 1 fits, -1 does not
	return func(i int32) bool {
		choice, of, few := c.tenant.User(i).Choice(property)
		if !few {
			return fits(i)
		}
		if known == nil {
			known = make([]int8, of)
		}
		if known[choice] == 0 {
			known[choice] = -1
			if fits(i) {
				known[choice] = 1
			}
		}
		return known[choice] > 0
	}
}

// fitsUser returns a function that reports whether a user satisfies the query;
// nil = all do.
func (c *call) fitsUser(q *query) func(int32) bool {
	return fitting(q, c.userSource(), func(property string) func(int32) string {
		return func(i int32) string { return c.tenant.User(i).Text(property) }
	})
}

// pathUser returns the user in the path or, at /me, the caller.
func (e *Endpoints) pathUser(c *call) (int32, *wire.Problem) {
	key := c.who.user
	if !c.route.Me {
		key = c.params[0]
	}
	i, ok := c.tenant.FindUser(key)
	if !ok {
		return 0, noSuchObject(key)
	}
	return i, nil
}

// checkUserOptions rejects unsupported options of users.
func checkUserOptions(c *call, q *query) *wire.Problem {
	if p := c.checkManager(q); p != nil {
		return p
	}
	if p := c.cloudSelected(q); p != nil {
		return p
	}
	if p := userType.check(directory, q.sel); p != nil {
		return p
	}
	return c.limitUsers(q)
}

// limitUsers rejects properties of users that this version does not have or
// the caller cannot read.
func (c *call) limitUsers(q *query) *wire.Problem {
	for _, name := range slices.Concat(q.sel, q.usedProperties()) {
		p := userType.props[name]
		if p.beta && c.Version != "beta" {
			return unknownProperty(directory, name, userType.name)
		}
		missing := slices.ContainsFunc(p.needs, func(one string) bool { return !c.who.has([]string{one}) })
		if missing || c.who.user != "" && !c.who.clearance.Has(p.clearance) {
			return wire.Usual(http.StatusForbidden)
		}
	}
	if p := c.limitActivity(q); p != nil {
		return p
	}
	return userType.limit(c, q)
}

// cloudSelected rejects $select=cloudLicensing except under beta.
func (c *call) cloudSelected(q *query) *wire.Problem {
	if c.Version == "beta" && slices.Contains(q.sel, "cloudLicensing") {
		return notImplemented("cloudLicensing")
	}
	return nil
}

func (e *Endpoints) getUser(c *call) (any, *wire.Problem) {
	q, p := e.options(c, directory, optSelect|optExpand)
	if p != nil {
		return nil, p
	}
	if p := checkUserOptions(c, q); p != nil {
		return nil, p
	}
	if p := c.activityByKey(q); p != nil {
		return nil, p
	}
	i, p := e.pathUser(c)
	if p != nil {
		return nil, p
	}
	o := c.expandManager(c.renderUser(i, q.sel), i, q)
	o["@odata.context"] = c.context(fragment("users", q.sel) + "/$entity")
	return o, nil
}

// agentsTemplate is the list of users that are agents.
const agentsTemplate = "/users/" + agentTypeName

func (e *Endpoints) listUsers(c *call) (any, *wire.Problem) {
	q, p := e.directoryList(c, c.userRules(), listOptions|optExpand)
	if p != nil {
		return nil, p
	}
	if p := checkUserOptions(c, q); p != nil {
		return nil, p
	}
	users, fits := c.users(q), c.fitsUser(q)
	set := "users"
	if c.route.Template == agentsTemplate {
		set += "/" + agentTypeName
		wanted := fits
		fits = func(i int32) bool { return c.tenant.User(i).Agent() && (wanted == nil || wanted(i)) }
		users = users.where(func(i int32) bool { return c.tenant.User(i).Agent() })
	}
	if len(q.orderBy) > 0 {
		order := c.tenant.UsersBy(q.orderBy[0].Path)
		if q.orderBy[0].Descending {
			order = slices.Clone(order)
			slices.Reverse(order)
		}
		users = listed(order).where(fits)
	}
	if q.nothing {
		users = listed[int32](nil)
	}
	return pageOf(e, c, q, fragment(set, q.sel), c.directoryPageSize(q), users, func(i int32) object {
		return c.expandManager(c.renderUser(i, q.sel), i, q)
	}), nil
}

// usersLicensed returns the product that a filter requires of all users, and
// whether the filter has other conditions.
func (c *call) usersLicensed(f *odata.Filter) (s tenant.Sku, rest, ok bool) {
	if f == nil {
		return 0, false, false
	}
	if f.Op == odata.And {
		for _, kid := range f.Kids {
			if s, _, ok := c.usersLicensed(kid); ok {
				return s, true, true
			}
		}
		return 0, false, false
	}
	if f.Op != odata.Any || f.Path != "assignedLicenses" || f.Kids[0].Op != odata.Eq {
		return 0, false, false
	}
	s, ok = c.tenant.SkuWithID(f.Kids[0].Values[0].Text)
	return s, false, ok
}

func (e *Endpoints) countUsers(c *call) (any, *wire.Problem) {
	q, p := e.directoryCount(c, c.userRules())
	if p != nil {
		return nil, p
	}
	if p := c.limitUsers(q); p != nil || q.nothing {
		return plainCount(c, 0), p
	}
	return plainCount(c, c.users(q).count()), nil
}

// users lists the users that satisfy the query.
func (c *call) users(q *query) listing[int32] {
	if found, ok := c.usersNamed(q.filter); ok {
		return listed(found).where(c.fitsUser(q))
	}
	t := c.tenant
	if s, rest, ok := c.usersLicensed(q.filter); ok {
		users := numbered(func(after int32) iter.Seq[int32] { return t.Holders(s, after) }, func() int { return t.HolderCount(s) })
		if rest || q.search != nil {
			users = users.where(c.fitsUser(q))
		}
		return users
	}
	return numbered(t.Users, t.UserCount).where(c.fitsUser(q))
}

// usersNamed returns the users in a filter by ID or user principal name, in
// the directory's order, without a scan of all users.
func (c *call) usersNamed(f *odata.Filter) ([]int32, bool) {
	if f == nil || f.Op != odata.Eq && f.Op != odata.In || f.Path != "id" && f.Path != "userPrincipalName" {
		return nil, false
	}
	var found []int32
	for _, v := range f.Values {
		if i, ok := c.tenant.FindUser(v.Text); ok {
			found = append(found, i)
		}
	}
	slices.Sort(found)
	return slices.Compact(found), true
}
