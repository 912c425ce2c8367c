package emulator

import (
	"iter"
	"slices"
	"strconv"
	"strings"

	"licensegraph/internal/emulator/tenant"
)

func written(name string) func(*call, int32) any {
	return textOf(func(c *call, i int32) string { return c.tenant.User(i).Text(name) })
}

// userType is the properties of a user, by "user resource type". The default
// ones are those that page names.
var userType = entityType[int32]{"microsoft.graph.user", map[string]property[int32]{
	"id":                {get: func(c *call, i int32) any { return c.tenant.User(i).ID().String() }, onDefault: true},
	"displayName":       {get: written("displayName"), onDefault: true},
	"givenName":         {get: written("givenName"), onDefault: true},
	"surname":           {get: written("surname"), onDefault: true},
	"userPrincipalName": {get: written("userPrincipalName"), onDefault: true},
	"mail":              {get: written("mail"), onDefault: true},
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
	"deletedDateTime": {get: func(c *call, i int32) any {
		if at := c.tenant.User(i).Deleted(); !at.IsZero() {
			return timestamp(at)
		}
		return nil
	}},
	"department":     {get: written("department")},
	"mailNickname":   {get: written("mailNickname")},
	"proxyAddresses": {get: func(c *call, i int32) any { return c.tenant.Addresses(i) }},
	"usageLocation":  {get: written("usageLocation")},
	"userType":       {get: written("userType")},

	"assignedLicenses":        {get: func(c *call, i int32) any { return c.assignedLicenses(c.tenant.Held(i)) }, licence: true},
	"licenseAssignmentStates": {get: func(c *call, i int32) any { return c.assignmentStates(i) }, licence: true},
	"assignedPlans":           {get: func(c *call, i int32) any { return c.assignedPlans(i) }, licence: true},
}}

func (c *call) assignmentStates(i int32) []object {
	list := []object{}
	for _, l := range c.tenant.Licences(i) {
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
		if l.Cause == tenant.NoCause && c.variants.NullError {
			row["error"] = nil
		}
		list = append(list, row)
	}
	return list
}

func (c *call) assignedPlans(i int32) []object {
	list := []object{}
	seen := map[string]bool{}
	created := timestamp(c.tenant.User(i).Created())
	for _, s := range c.tenant.Usable(i) {
		plans := c.tenant.MayUse(i, s)
		for at, p := range c.tenant.Product(s).Plans {
			if plans.Has(at) && !seen[p.ID] {
				seen[p.ID] = true
				service, _, _ := strings.Cut(p.Name, "_")
				list = append(list, object{"assignedDateTime": created, "capabilityStatus": "Enabled", "service": service, "servicePlanId": p.ID})
			}
		}
	}
	return list
}

const (
	textOps     = "eq in startswith"
	textOpsMore = "ne endswith"
	nullOps     = " eq:null ne:null"
)

// userFilter is what people can be filtered by. What can be null can be
// compared with it, in an advanced query.
var userFilter = rules{or: true, maxLength: maxValueLength, fields: map[string]field{
	"id":                      {text, "eq in", "ne"},
	"displayName":             {text, textOps, "ne" + nullOps},
	"givenName":               {text, textOps, "ne" + nullOps},
	"surname":                 {text, textOps, "ne" + nullOps},
	"userPrincipalName":       {text, textOps, textOpsMore},
	"mail":                    {text, textOps, textOpsMore + nullOps},
	"jobTitle":                {text, textOps, "ne" + nullOps},
	"city":                    {text, textOps, "ne" + nullOps},
	"department":              {text, textOps, "ne" + nullOps},
	"usageLocation":           {text, textOps, "ne" + nullOps},
	"userType":                {text, "eq in", "ne" + nullOps},
	"accountEnabled":          {boolean, "eq", "ne"},
	"assignedLicenses/skuId":  {guidLiteral, "any:eq", ""},
	"assignedLicenses/$count": {number, "", "eq ne"},
}}

func (c *call) userValue(i int32, path string) []string {
	switch path {
	case "assignedLicenses/skuId":
		var ids []string
		for _, l := range c.tenant.Held(i) {
			ids = append(ids, c.skuIDs(l.Sku)...)
		}
		return ids
	case "assignedLicenses/$count":
		return []string{strconv.Itoa(len(c.tenant.Held(i)))}
	}
	switch v := userType.props[path].get(c, i).(type) {
	case string:
		return []string{v}
	case bool:
		return []string{strconv.FormatBool(v)}
	}
	return nil
}

// userMatcher says which people satisfy f. Of a property with few values each
// is looked at once.
func (c *call) userMatcher(f *node) func(int32) bool {
	switch f.op {
	case "and", "or", "not":
		var kids []func(int32) bool
		for _, kid := range f.kids {
			kids = append(kids, c.userMatcher(kid))
		}
		if f.op == "not" {
			return func(i int32) bool { return !kids[0](i) }
		}
		return func(i int32) bool {
			return slices.ContainsFunc(kids, func(fits func(int32) bool) bool { return fits(i) == (f.op == "or") }) == (f.op == "or")
		}
	}
	var known []int8 // by choice: 1 fits, -1 does not
	return func(i int32) bool {
		fits := func() bool { return f.match(func(path string) []string { return c.userValue(i, path) }) }
		choice, of, few := c.tenant.User(i).Choice(f.path)
		if !few {
			return fits()
		}
		if known == nil {
			known = make([]int8, of)
		}
		if known[choice] == 0 {
			known[choice] = -1
			if fits() {
				known[choice] = 1
			}
		}
		return known[choice] > 0
	}
}

// pathUser is the person that the path names, or, at /me, the one who asks.
func (e *Emulator) pathUser(c *call) (int32, *problem) {
	key := c.who.user
	if !c.route.me {
		key = c.params[0]
	}
	i, ok := c.tenant.FindUser(key)
	if !ok {
		return 0, noSuchObject(key)
	}
	return i, nil
}

func (e *Emulator) getUser(c *call) (any, *problem) {
	q, p := e.options(c, directory, optSelect)
	if p != nil {
		return nil, p
	}
	if p := userType.check(directory, q.sel); p != nil {
		return nil, p
	}
	i, p := e.pathUser(c)
	if p != nil {
		return nil, p
	}
	o := userType.render(c, i, q.sel)
	o["@odata.context"] = c.context(fragment("users", q.sel) + "/$entity")
	return o, nil
}

func (e *Emulator) listUsers(c *call) (any, *problem) {
	q, p := e.directoryList(c, userFilter, listOptions, "displayName", "givenName", "surname", "mail", "userPrincipalName")
	if p != nil {
		return nil, p
	}
	if p := userType.check(directory, q.sel); p != nil {
		return nil, p
	}
	t := c.tenant
	var filter, fits func(int32) bool
	if q.filter != nil {
		filter = c.userMatcher(q.filter)
		fits = filter
	}
	if q.search != nil {
		fits = func(i int32) bool {
			return (filter == nil || filter(i)) &&
				q.search.finds(func(path string) string { return t.User(i).Text(path) })
		}
	}
	users := numbered(t.Users, t.UserCount).where(fits)
	if s, rest, ok := c.usersLicensed(q.filter); ok {
		users = numbered(func(after int32) iter.Seq[int32] { return t.Holders(s, after) }, func() int { return t.HolderCount(s) })
		if rest || q.search != nil {
			users = users.where(fits)
		}
	}
	if found, ok := c.usersNamed(q.filter); ok {
		users = listed(found).where(fits)
	}
	if q.orderBy != "" {
		property, descending, p := orderBy(q)
		if p != nil {
			return nil, p
		}
		order := t.UsersBy(property)
		if descending {
			order = slices.Clone(order)
			slices.Reverse(order)
		}
		users = listed(order).where(fits)
	}
	return pageOf(e, c, q, fragment("users", q.sel), c.directoryPageSize(q), users, func(i int32) object {
		return userType.render(c, i, q.sel)
	}), nil
}

// usersLicensed finds the product of which a filter wants everybody to have a
// unit, and says whether it wants more.
func (c *call) usersLicensed(f *node) (s tenant.Sku, rest, ok bool) {
	if f == nil {
		return 0, false, false
	}
	if f.op == "and" {
		for _, kid := range f.kids {
			if s, _, ok := c.usersLicensed(kid); ok {
				return s, true, true
			}
		}
		return 0, false, false
	}
	if f.op != "any" || f.path != "assignedLicenses/skuId" || f.kids[0].op != "eq" {
		return 0, false, false
	}
	s, ok = c.tenant.SkuWithID(f.kids[0].values[0].text)
	return s, false, ok
}

// usersNamed finds the people whom a filter names by id or by user principal
// name, in the directory's order, without looking at all.
func (c *call) usersNamed(f *node) ([]int32, bool) {
	if f == nil || f.op != "eq" && f.op != "in" || f.path != "id" && f.path != "userPrincipalName" {
		return nil, false
	}
	var found []int32
	for _, v := range f.values {
		if i, ok := c.tenant.FindUser(v.text); ok {
			found = append(found, i)
		}
	}
	slices.Sort(found)
	return slices.Compact(found), true
}

// listOptions are those of users and groups.
const listOptions = optSelect | optFilter | optTop | optCount | optOrderBy | optSearch

// directoryList reads the options of users, groups and members, with the
// properties that can be searched. See Microsoft Learn, "Advanced query
// capabilities on Microsoft Entra ID objects".
func (e *Emulator) directoryList(c *call, r rules, allowed option, searchable ...string) (*query, *problem) {
	q, p := e.options(c, directory, allowed)
	if p != nil {
		return nil, p
	}
	eventual := strings.EqualFold(c.header.Get("ConsistencyLevel"), "eventual")
	if q.count && !eventual {
		return nil, unsupported("$count is not currently supported without the header ConsistencyLevel: eventual.")
	}
	advanced := q.count && eventual
	if q.search != nil {
		if !advanced {
			return nil, unsupported("Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual', and with $count=true.")
		}
		if !slices.Contains(searchable, q.search.property) {
			return nil, unsupported("Property '%s' cannot be searched.", q.search.property)
		}
	}
	if q.filter != nil && q.orderBy != "" && !advanced {
		return nil, unsupported("Sorting not supported for current query.")
	}
	if q.filter != nil {
		if err := r.check(q.filter, advanced); err != nil {
			return nil, directory.filtering("%s", err)
		}
	}
	if advanced && len(q.raw) > maxAdvanced {
		return nil, unsupported("The query is longer than %d characters.", maxAdvanced)
	}
	return q, nil
}

// orderBy reads by what users and groups are to be sorted.
func orderBy(q *query) (property string, descending bool, p *problem) {
	words := strings.Fields(q.orderBy)
	descending = len(words) == 2 && words[1] == "desc"
	if len(words) > 2 || len(words) == 2 && words[1] != "asc" && words[1] != "desc" || words[0] != "displayName" && words[0] != "userPrincipalName" {
		return "", false, unsupported("Sorting not supported for '%s'.", q.orderBy)
	}
	return words[0], descending, nil
}
