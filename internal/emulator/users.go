package emulator

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// userText reads a text, or null where there is none.
func userText(get func(*user) string) func(*tenant, *user, *Variants) any {
	return func(_ *tenant, u *user, _ *Variants) any {
		if s := get(u); s != "" {
			return s
		}
		return nil
	}
}

func always[T any](v any) func(*tenant, T, *Variants) any {
	return func(*tenant, T, *Variants) any { return v }
}

// userType is the properties of a user, by "user resource type". The default
// ones are those that page names.
var userType = entityType[*user]{"microsoft.graph.user", map[string]property[*user]{
	"id":                {get: userText(func(u *user) string { return u.id.String() }), onDefault: true},
	"displayName":       {get: userText(func(u *user) string { return u.displayName }), onDefault: true},
	"givenName":         {get: userText(func(u *user) string { return u.givenName }), onDefault: true},
	"surname":           {get: userText(func(u *user) string { return u.surname }), onDefault: true},
	"userPrincipalName": {get: userText(func(u *user) string { return u.userPrincipalName }), onDefault: true},
	"mail":              {get: userText((*user).mail), onDefault: true},
	"jobTitle":          {get: userText(func(u *user) string { return u.title }), onDefault: true},
	"businessPhones":    {get: always[*user]([]string{}), onDefault: true},
	"mobilePhone":       {get: always[*user](nil), onDefault: true},
	"officeLocation":    {get: always[*user](nil), onDefault: true},
	"preferredLanguage": {get: userText(func(u *user) string { return cultures[u.culture].language }), onDefault: true},

	"accountEnabled":  {get: func(_ *tenant, u *user, _ *Variants) any { return !u.disabled }},
	"city":            {get: always[*user](nil)},
	"companyName":     {get: always[*user](nil)},
	"country":         {get: userText(func(u *user) string { return cultures[u.culture].country })},
	"createdDateTime": {get: func(_ *tenant, u *user, _ *Variants) any { return timestamp(u.created) }},
	"deletedDateTime": {get: always[*user](nil)},
	"department":      {get: userText(func(u *user) string { return u.department })},
	"mailNickname":    {get: userText(func(u *user) string { name, _, _ := strings.Cut(u.userPrincipalName, "@"); return name })},
	"usageLocation":   {get: userText((*user).usageLocation)},
	"userType":        {get: userText((*user).kind)},

	"assignedLicenses":        {get: func(t *tenant, u *user, _ *Variants) any { return t.assignedLicenses(u) }, licence: true},
	"licenseAssignmentStates": {get: func(t *tenant, u *user, v *Variants) any { return t.assignmentStates(u, v) }, licence: true},
	"assignedPlans":           {get: func(t *tenant, u *user, _ *Variants) any { return t.assignedPlans(u) }, licence: true},
}}

func (u *user) kind() string {
	if u.guest {
		return "Guest"
	}
	return "Member"
}

// mail is the address of a person's own mailbox, or of a guest's home.
func (u *user) mail() string {
	if local, domain, ok := strings.Cut(strings.TrimSuffix(u.userPrincipalName, "@"+mainDomain), "_partner.example#EXT#"); ok {
		return local + domain + "@partner.example"
	}
	return u.userPrincipalName
}

// assignedLicenses does not tell direct from inherited and has each product
// that a person holds once.
func (t *tenant) assignedLicenses(u *user) []object {
	list := []object{}
	for s := range skuCount {
		rows := slices.DeleteFunc(slices.Clone(u.licences), func(l licence) bool { return l.sku != s || !l.state.holds() })
		if len(rows) == 0 {
			continue
		}
		off := []string{} // Off only where every row has it off.
		for _, name := range rows[0].off {
			if !slices.ContainsFunc(rows, func(l licence) bool { return !slices.Contains(l.off, name) }) {
				off = append(off, name)
			}
		}
		list = append(list, object{"skuId": t.products[s].skuID, "disabledPlans": planIDs(off)})
	}
	return list
}

// holdsProduct says whether u has a unit of a product from any source.
func (u *user) holdsProduct(s sku) bool {
	return slices.ContainsFunc(u.licences, func(l licence) bool { return l.sku == s && l.state.holds() })
}

func planIDs(names []string) []string {
	ids := make([]string, 0, len(names))
	for _, name := range names {
		ids = append(ids, planID(name))
	}
	return ids
}

// states has one row for each product and source: where two pools give the same
// product in the same way, both in one.
func (u *user) states() []licence {
	same := func(a licence) func(licence) bool {
		return func(b licence) bool { return a.sku == b.sku && a.group == b.group }
	}
	var list []licence
	for i, l := range u.licences {
		j := slices.IndexFunc(list, same(l))
		switch {
		case j >= 0:
			list[j] = merge(list[j], l)
		case list != nil:
			list = append(list, l)
		case slices.ContainsFunc(u.licences[:i], same(l)):
			list = slices.Clone(u.licences[:i])
			j = slices.IndexFunc(list, same(l))
			list[j] = merge(list[j], l)
		}
	}
	if list == nil {
		return u.licences
	}
	return list
}

// merge makes one row of two: a plan is off where both have it off, and a
// failure of either shows.
func merge(a, b licence) licence {
	usable := a.state.usable() || b.state.usable()
	if a.error == nil {
		a.error = b.error
	}
	if a.error != nil {
		a.state = errorState
		if usable {
			a.state = activeWithError
		}
	}
	a.off = slices.DeleteFunc(slices.Clone(a.off), func(name string) bool { return !slices.Contains(b.off, name) })
	if b.updated.After(a.updated) {
		a.updated = b.updated
	}
	return a
}

func (t *tenant) assignmentStates(u *user, v *Variants) []object {
	states := u.states()
	list := make([]object, 0, len(states))
	for i := range states {
		l := &states[i]
		row := object{
			"skuId":               t.products[l.sku].skuID,
			"disabledPlans":       planIDs(l.off),
			"assignedByGroup":     nil,
			"state":               l.state,
			"error":               "None",
			"lastUpdatedDateTime": timestamp(l.updated),
		}
		switch {
		case l.group >= 0:
			row["assignedByGroup"] = t.groups[l.group].id.String()
		case l.group == goneGroup:
			row["assignedByGroup"] = t.dice.guid("deleted group", 0).String()
		}
		if l.error != nil {
			row["error"] = l.error.kind.state
		} else if v.NullError {
			row["error"] = nil
		}
		list = append(list, row)
	}
	return list
}

func (t *tenant) assignedPlans(u *user) []object {
	list := []object{}
	seen := map[string]bool{}
	for _, s := range t.rights(u) {
		for _, p := range t.products[s].plans {
			if u.mayUse(s, p.name) && !seen[p.id] {
				seen[p.id] = true
				service, _, _ := strings.Cut(p.name, "_")
				list = append(list, object{"assignedDateTime": timestamp(u.created), "capabilityStatus": "Enabled", "service": service, "servicePlanId": p.id})
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

func (t *tenant) userValue(u *user, path string) []string {
	switch path {
	case "assignedLicenses/skuId":
		var ids []string
		for _, l := range u.licences {
			if l.state.holds() {
				ids = append(ids, t.products[l.sku].skuID)
			}
		}
		return ids
	case "assignedLicenses/$count":
		return []string{strconv.Itoa(len(t.assignedLicenses(u)))}
	}
	switch v := userType.props[path].get(t, u, &Variants{}).(type) {
	case string:
		return []string{v}
	case bool:
		return []string{strconv.FormatBool(v)}
	}
	return nil
}

// findUser takes an object id or a user principal name.
func (t *tenant) findUser(key string) (int32, bool) {
	if g, ok := parseGUID(key); ok {
		i, ok := t.userByID[g]
		return i, ok
	}
	i, ok := t.userByUPN[strings.ToLower(key)]
	return i, ok
}

// pathUser is the person that the path names, or, at /me, the one who asks.
func (e *Emulator) pathUser(c *call) (int32, *problem) {
	key := c.who.user
	if !c.route.me {
		key = c.params[0]
	}
	i, ok := e.tenant.findUser(key)
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
	o := userType.render(e.tenant, &e.tenant.users[i], q.sel, c.variants)
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
	t := e.tenant
	n, at := len(t.users), func(i int) int { return i }
	if q.filter != nil || q.orderBy != "" || q.search != nil {
		found := t.filterUsers(q.filter)
		if q.search != nil {
			found = slices.DeleteFunc(found, func(i int32) bool {
				return !q.search.finds(func(path string) string { return strings.Join(t.userValue(&t.users[i], path), "") })
			})
		}
		if p := orderBy(q, found, func(i int32, path string) string { return strings.Join(t.userValue(&t.users[i], path), "") }); p != nil {
			return nil, p
		}
		n, at = len(found), func(i int) int { return int(found[i]) }
	}
	return e.page(c, q, fragment("users", q.sel), c.directoryPageSize(q), n, func(i int) object {
		return userType.render(t, &t.users[at(i)], q.sel, c.variants)
	}), nil
}

// filterUsers finds the people who match, by index where the filter names them.
func (t *tenant) filterUsers(f *node) []int32 {
	var found []int32
	if f != nil && (f.op == "eq" || f.op == "in") && (f.path == "id" || f.path == "userPrincipalName") {
		for _, v := range f.values {
			if i, ok := t.findUser(v.text); ok && f.match(func(path string) []string { return t.userValue(&t.users[i], path) }) {
				found = append(found, i)
			}
		}
		slices.Sort(found)
		return slices.Compact(found)
	}
	for i := range t.users {
		if f == nil || f.match(func(path string) []string { return t.userValue(&t.users[i], path) }) {
			found = append(found, int32(i))
		}
	}
	return found
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

// orderBy sorts what was found by displayName or userPrincipalName.
func orderBy(q *query, found []int32, get func(i int32, path string) string) *problem {
	if q.orderBy == "" {
		return nil
	}
	words := strings.Fields(q.orderBy)
	descending := len(words) == 2 && words[1] == "desc"
	if len(words) > 2 || len(words) == 2 && words[1] != "asc" && words[1] != "desc" || words[0] != "displayName" && words[0] != "userPrincipalName" {
		return unsupported("Sorting not supported for '%s'.", q.orderBy)
	}
	keys := make(map[int32]string, len(found))
	for _, i := range found {
		keys[i] = strings.ToLower(get(i, words[0]))
	}
	slices.SortStableFunc(found, func(a, b int32) int {
		if descending {
			a, b = b, a
		}
		return cmp.Compare(keys[a], keys[b])
	})
	return nil
}
