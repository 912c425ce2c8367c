package msgraph

import (
	"errors"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"licensegraph/internal/decode"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

const (
	meEndpoint       = "GET /me"
	usersEndpoint    = "GET /users"
	memberOfEndpoint = "GET /users/{id}/memberOf"
	userEndpoint     = "GET /users/{id}"
	// maxDirectoryTop is the maximum page size of users, groups and members (Microsoft Graph, "List users").
	maxDirectoryTop = 999
	// inValues is the maximum number of values of the in operator (Microsoft Graph, "Known limits for directory
	// objects").
	inValues = 15
)

func init() {
	maps.Copy(permissions, map[string]string{
		meEndpoint:       "User.Read", // delegated; there is no application permission
		usersEndpoint:    "User.Read.All",
		userEndpoint:     "User.Read.All",
		memberOfEndpoint: "Directory.Read.All",
	})
}

// ListUsers reads a page of the tenant's users. Permission: User.Read.All.
var ListUsers = paged("users", "User", nil, directoryPage, (*Batch).listUsers)

func (b *Batch) listUsers(q upstream.Query, selection upstream.Selection, found func(upstream.Page[*licensing.User], error)) {
	reader := func(r *read) func(*decode.Decoder) (*licensing.User, error) { return r.users(selection.Properties) }
	top, inactive := pageOfUsers(selection.Properties), !q.Filter.InactiveSince.IsZero()
	if inactive { // a refusal is not about the selected properties
		reader = func(r *read) func(*decode.Decoder) (*licensing.User, error) {
			r.limit = signInActivity
			return userType.Read
		}
		top = maxActivityTop
	}
	listDirectory(b, reader, top, usersEndpoint, "/users", q, selection.Properties, searchedOfUsers, userConditions(q.Filter),
		func(u *licensing.User) (*string, []*licensing.AssignedLicense) {
			return u.DisplayName, u.AssignedLicenses
		}, func(p upstream.Page[*licensing.User], err error) {
			if failure, ok := errors.AsType[*upstream.Error](err); inactive && ok && failure.Permission != "" {
				failure.Permission += " and " + refusable[signInActivity]
			}
			found(p, err)
		})
}

// conditions are conditions of a filter, as OData expressions joined with and. Microsoft Graph supports the advanced
// ones only in advanced queries ("Advanced query capabilities on Microsoft Entra ID objects").
type conditions struct{ basic, advanced string }

// userConditions returns the conditions on properties of users.
func userConditions(f upstream.Filter) conditions {
	enabled := choice(f.AccountEnabled, "accountEnabled eq true", "accountEnabled eq false")
	created := func(operator string, at time.Time) string {
		if at.IsZero() {
			return ""
		}
		return "createdDateTime " + operator + " " + at.UTC().Format(time.RFC3339)
	}
	inactive := ""
	if !f.InactiveSince.IsZero() {
		inactive = "signInActivity/lastSignInDateTime le " + f.InactiveSince.UTC().Format(time.RFC3339)
	}
	plan := ""
	if f.ServicePlanID != "" {
		plan = "assignedPlans/any(x:x/servicePlanId eq " + f.ServicePlanID + " and x/capabilityStatus eq 'Enabled')"
	}
	reconciliation := ""
	if f.ReconciliationNeeded {
		reconciliation = "isLicenseReconciliationNeeded eq true"
	}
	return conditions{
		basic: allOf(inactive, reconciliation, enabled, equal("userType", f.UserType), equal("usageLocation", f.UsageLocation), equal("department", f.Department),
			equal("city", f.City), equal("country", f.Country), created("ge", f.CreatedFrom), created("le", f.CreatedUntil),
			choice(f.OnPremisesSynced, "onPremisesSyncEnabled eq true", "")),
		advanced: allOf(licensed(f),
			choice(f.OnPremisesSynced, "", "onPremisesSyncEnabled ne true"), // null if it never was
			choice(f.HasUsageLocation, "usageLocation ne null", "usageLocation eq null"),
			equal("companyName", f.CompanyName), equal("employeeType", f.EmployeeType), plan),
	}
}

// licensed returns the condition on licenses of users or groups.
func licensed(f upstream.Filter) string {
	return choice(f.Licensed, "assignedLicenses/$count ne 0", "assignedLicenses/$count eq 0")
}

// choice returns the expression of a condition on a Boolean property.
func choice(wanted upstream.Choice, yes, no string) string {
	switch wanted {
	case upstream.Yes:
		return yes
	case upstream.No:
		return no
	}
	return ""
}

// equal returns an expression that a text property has the value; empty without a value.
func equal(property, value string) string {
	if value == "" {
		return ""
	}
	return property + " eq " + literal(value)
}

// listDirectory adds a read of a page of at most maxTop users or groups, with the reader of its elements. searched are
// the properties that a search includes, and specific the conditions for the type; the other filters apply to both. For
// the rules of advanced queries, see "Advanced query capabilities on Microsoft Entra ID objects" in the Microsoft Graph
// documentation. Filters that Microsoft Graph does not support in one query are applied here, using the objects' names
// and licenses; such a list has no count.
func listDirectory[T any](b *Batch, reader func(*read) func(*decode.Decoder) (*T, error), maxTop int, endpoint, path string, q upstream.Query, properties []string, searched []string, specific conditions,
	of func(*T) (name *string, licenses []*licensing.AssignedLicense), found func(upstream.Page[*T], error)) {
	var sku, prefix, failing string
	whole := slices.Clone(properties)
	if q.Filter.SkuID != "" {
		whole = append(whole, "assignedLicenses")
		sku = "assignedLicenses/any(x:x/" + guidIs("skuId", []string{q.Filter.SkuID}) + ")"
	}
	if q.Filter.DisplayNamePrefix != "" {
		whole = append(whole, "displayName")
		prefix = "startswith(displayName," + literal(q.Filter.DisplayNamePrefix) + ")"
	}
	if q.Filter.WithLicenseErrors {
		failing = "hasMembersWithLicenseErrors eq true"
	}
	order := q.OrderBy.By
	if order != "" && q.OrderBy.Descending {
		order += " desc"
	}
	r := get(endpoint, "")
	if failing != "" { // not supported in advanced queries
		r.url = at(path, "$filter", failing, "$select", selected(whole), "$top", atMost(q.Top, maxTop))
	} else {
		rest := allOf(specific.advanced, specific.basic, prefix)
		filter, count := allOf(sku, rest), ""
		several := sku != "" && rest != ""
		if several || specific.advanced != "" || q.Count || counts(q.Link) || filter != "" && order != "" {
			r.header, count = advanced, "true"
		}
		search := searchExpression(q.Filter.Search, searched)
		if search != "" {
			r.header = advanced
		}
		r.url = at(path, "$search", search, "$filter", filter, "$orderby", order, "$count", count,
			"$select", selected(properties), "$top", atMost(q.Top, maxTop))
		if several { // some tenants reject the product combined with other conditions
			r.fallbacks = []fallback{{url: at(path, "$filter", rest, "$orderby", order, "$count", count,
				"$select", selected(whole), "$top", strconv.Itoa(maxTop))}}
		}
	}
	page(b, q, r, reader(r), func(p upstream.Page[*T], err error) {
		if filter := filterIn(r.url); failing != "" || filter != "" && sku != "" && !strings.Contains(filter, "assignedLicenses/any") {
			p.Count = nil
			p.Items = slices.DeleteFunc(p.Items, func(item *T) bool {
				name, licenses := of(item)
				return sku != "" && !slices.ContainsFunc(licenses, func(l *licensing.AssignedLicense) bool {
					return l.SkuID != nil && strings.EqualFold(string(*l.SkuID), q.Filter.SkuID)
				}) || prefix != "" && (name == nil || !strings.HasPrefix(strings.ToLower(*name), strings.ToLower(q.Filter.DisplayNamePrefix)))
			})
		}
		found(p, err)
	})
}

// Properties that a search of users and of groups includes: words of display names, and starts of the others.
var (
	searchedOfUsers  = []string{"displayName", "userPrincipalName", "mail"}
	searchedOfGroups = []string{"displayName", "mail"}
)

// searchExpression returns a $search for objects with all words, each in one of the properties; empty without words. See
// "Use the $search query parameter" in the Microsoft Graph documentation.
func searchExpression(words string, properties []string) string {
	var all []string
	for word := range strings.FieldsSeq(words) {
		var some []string
		for _, property := range properties {
			some = append(some, `"`+property+":"+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word)+`"`)
		}
		all = append(all, "("+strings.Join(some, " OR ")+")")
	}
	return strings.Join(all, " AND ")
}

// filterIn returns the $filter of a URL.
func filterIn(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Query().Get("$filter")
}

// counts reports whether a next link has $count=true, which the query of a later page may not have.
func counts(link string) bool {
	u, err := url.Parse(link)
	return err == nil && u.Query().Get("$count") == "true"
}

// Me reads the signed-in user. It is an error for an application. Permission: User.Read.
var Me = sole("signed-in user", "User", (*Batch).me)

func (b *Batch) me(selection upstream.Selection, found func(user *licensing.User, err error)) {
	b.withActivity(selection.Properties, func(properties []string, found func(*licensing.User, error)) *read {
		r := get(meEndpoint, "/me?"+query("$select", selected(properties)))
		if !b.operation.personal {
			r.known = &upstream.InputError{Message: "`me` requires a signed-in user: authentication is off, or the caller is an application. Use `user`"}
		}
		return entity(r, r.users(properties), found)
	}, found)
}

// withActivity adds a read of one user by another key than the ID. signInActivity is then read by ID, as Microsoft Graph
// requires.
func (b *Batch) withActivity(properties []string, of func(properties []string, found func(*licensing.User, error)) *read, found func(*licensing.User, error)) {
	if !slices.Contains(properties, signInActivity) {
		b.add(of(properties, found))
		return
	}
	b.add(of(without(properties, signInActivity), func(whole *licensing.User, err error) {
		if err != nil {
			found(nil, err)
			return
		}
		if why := b.operation.refusal(userEndpoint, signInActivity); why != nil {
			whole.SetReadError(signInActivity, why)
			found(whole, nil)
			return
		}
		b.add(user(whole.ID, []string{signInActivity}, func(active *licensing.User, err error) {
			if err == nil {
				whole.SignInActivity, err = active.SignInActivity, active.ReadError(signInActivity)
			}
			if err != nil {
				whole.SetReadError(signInActivity, err)
			}
			found(whole, nil)
		}))
	}))
}

// UsersByID reads users. Permission: User.Read.All.
var UsersByID = keyed("users by ID", "User", nil, byValue, (*Batch).usersByID)

func (b *Batch) usersByID(ids []string, selection upstream.Selection, found func(id string, user *licensing.User, err error)) {
	if len(ids) == 1 {
		b.add(user(ids[0], selection.Properties, func(user *licensing.User, err error) { found(ids[0], user, err) }))
		return
	}
	byIDs(b, "user", ids, selection.Properties, func(ids []string, found func(string, *licensing.User, error)) {
		if b.scans(len(ids), selection.Properties) {
			b.scanUsers(ids, selection.Properties, found)
			return
		}
		b.usersWithID(ids, selection.Properties, found)
	}, found)
}

func (b *Batch) usersWithID(ids, properties []string, found func(string, *licensing.User, error)) {
	b.usersWhere("id", ids, properties, func(user *licensing.User) string { return user.ID }, found)
}

// unlistable is recorded as the number of users if they cannot be listed.
const unlistable = math.MaxInt32

const (
	// inBatch is the number of users that one batch reads by ID.
	inBatch = batchParts * inValues
	// minScan is the number of reads by ID from which a scan is tried if the number of all users is unknown.
	minScan = 3
)

// pageOfUsers returns the maximum page size of users.
func pageOfUsers(properties []string) int {
	if slices.Contains(properties, signInActivity) {
		return maxActivityTop
	}
	return maxDirectoryTop
}

// byIDAtOnce returns the number of users that one read by ID has: those of a batch, or with signInActivity those of a
// request, since Microsoft Graph permits ten a minute.
func byIDAtOnce(properties []string) int {
	if slices.Contains(properties, signInActivity) {
		return inValues
	}
	return inBatch
}

// scans reports whether to try a scan of all users to read that many. An operation that changes data does not scan: a
// list with $count can lack recent changes ("Advanced query capabilities on Microsoft Entra ID objects").
func (b *Batch) scans(users int, properties []string) bool {
	if b.operation.writes.Load() {
		return false
	}
	if total, known := b.operation.capabilities.number(usersInTenant); known {
		return worthScanning(total, users, properties)
	}
	return users >= minScan*byIDAtOnce(properties)
}

// worthScanning reports whether a scan of all users takes no more requests than reads by ID, of which there is more than
// one. Each of the up to 20 reads in a batch counts for throttling.
func worthScanning(total, users int, properties []string) bool {
	atOnce := byIDAtOnce(properties)
	return users > atOnce && pages(total, pageOfUsers(properties)) <= pages(users, atOnce)
}

// pages returns the number of pages of a size.
func pages(elements, size int) int {
	full := elements / size
	if elements%size > 0 {
		full++
	}
	return full
}

// scanUsers adds a read of all users, to find those with the IDs. The first page has the number of users: if there are
// too many, the rest is read by ID, and so are users that the scan did not find.
func (b *Batch) scanUsers(ids, properties []string, found func(string, *licensing.User, error)) {
	missing := make(map[string]bool, len(ids))
	for _, id := range ids {
		missing[id] = true
	}
	var p upstream.Page[*licensing.User]
	r := get(usersEndpoint, at("/users", "$count", "true", "$select", selected(properties), "$top", strconv.Itoa(pageOfUsers(properties))))
	r.header = advanced
	reader := r.users(properties)
	r.decode = func(d *decode.Decoder) (err error) { p, err = readPage(d, reader); return err }
	r.next = func() string { return p.Next }
	few := false
	r.done = func(err error) {
		if err == nil {
			for _, user := range p.Items {
				if missing[user.ID] {
					delete(missing, user.ID)
					found(user.ID, user, nil)
				}
			}
			if p.Count != nil { // on the first page
				b.operation.capabilities.recordNumber(usersInTenant, *p.Count)
				few = worthScanning(*p.Count, len(ids), properties)
			}
			err = r.walk.read(r.endpoint, p.IDs)
		}
		if err == nil && few && p.Next != "" && len(missing) > 0 {
			return
		}
		if errors.Is(err, upstream.ErrForbidden) || errors.Is(err, upstream.ErrRefused) {
			b.operation.capabilities.recordNumber(usersInTenant, unlistable)
		}
		r.next = nil
		if len(missing) > 0 {
			b.usersWithID(slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !missing[id] }), properties, found)
		}
	}
	b.add(r)
}

// UsersByPrincipalName reads users by user principal name. Permission: User.Read.All.
var UsersByPrincipalName = keyed("users by principal name", "User", nil, byValue, (*Batch).usersByPrincipalName)

func (b *Batch) usersByPrincipalName(names []string, selection upstream.Selection, found func(name string, user *licensing.User, err error)) {
	if len(names) == 1 {
		b.withActivity(selection.Properties, func(properties []string, found func(*licensing.User, error)) *read {
			return user(names[0], properties, found)
		}, func(user *licensing.User, err error) { found(names[0], user, err) })
		return
	}
	asked := make(map[string]string, len(names)) // by lower-case name: the directory ignores case
	for _, name := range names {
		asked[strings.ToLower(name)] = name
	}
	b.usersWhere("userPrincipalName", names, append(slices.Clone(selection.Properties), "userPrincipalName"), func(user *licensing.User) string {
		if user.UserPrincipalName == nil {
			return ""
		}
		return asked[strings.ToLower(*user.UserPrincipalName)]
	}, found)
}

// user returns a read of one user by ID or user principal name.
func user(id string, properties []string, found func(*licensing.User, error)) *read {
	path := below("/users", id)
	if strings.HasPrefix(id, "$") { // such names require the key in parentheses (Microsoft Graph, "Get a user")
		path = "/users('" + url.PathEscape(strings.ReplaceAll(id, "'", "''")) + "')"
	}
	r := get(userEndpoint, at(path, "$select", selected(properties)))
	return entity(r, r.users(properties), found)
}

// usersWhere adds reads of users by a property that has one of the values.
func (b *Batch) usersWhere(property string, values, properties []string, key func(*licensing.User) string, found func(string, *licensing.User, error)) {
	for chunk := range slices.Chunk(values, inValues) {
		r := get(usersEndpoint, at("/users", "$filter", in(property, chunk), "$select", selected(properties)))
		b.add(all(r, r.users(properties), func(users []*licensing.User, err error) {
			if err != nil {
				for _, value := range chunk {
					found(value, nil, err)
				}
				return
			}
			for _, user := range users {
				found(key(user), user, nil)
			}
		}))
	}
}

// ManagersOfUsers reads the managers of users; nil if there is none. Permission: User.Read.All.
var ManagersOfUsers = keyed("managers of users", "DirectoryObject", nil, byValue, (*Batch).managersOfUsers)

func (b *Batch) managersOfUsers(ids []string, selection upstream.Selection, found func(id string, manager *licensing.Reference, err error)) {
	properties := selected(withIndicator("user", onlyPlain(selection.Properties)))
	for chunk := range slices.Chunk(ids, inValues) {
		// A nested $select requires $levels (Microsoft Graph, "List users").
		r := get(usersEndpoint, at("/users", "$filter", in("id", chunk), "$select", "id", "$expand", "manager($levels=1;$select="+properties+")"))
		b.add(all(r, managedType.Read, func(users []*managed, err error) {
			if err != nil {
				for _, id := range chunk {
					found(id, nil, err)
				}
				return
			}
			for _, user := range users {
				found(user.ID, user.manager, user.unreadable)
			}
		}))
	}
}

// managed is a user with the manager.
type managed struct {
	ID         string `json:"id"`
	manager    *licensing.Reference
	unreadable error
}

// managedType reads users with their managers.
var managedType = decode.TypeOf(decode.Relation[managed]{Name: "manager", Read: func(d *decode.Decoder, user *managed) bool {
	if user.manager, user.unreadable = orNull(reference("user"))(d); user.unreadable != nil {
		user.unreadable = upstream.OddValue("User.manager")
	}
	return true
}, Drop: func(*managed) {}})

// ListMemberOf reads a page of the groups, directory roles and administrative units of which a user is a direct member.
// Permission: Directory.Read.All.
var ListMemberOf = paged("groups of a user", "DirectoryObject", nil, directoryPage, (*Batch).listMemberOf)

func (b *Batch) listMemberOf(q upstream.Query, selection upstream.Selection, found func(upstream.Page[*licensing.Reference], error)) {
	r := get(memberOfEndpoint, at(below("/users", q.Of, "memberOf"),
		"$select", selected(withIndicator("", onlyPlain(selection.Properties))), "$top", atMost(q.Top, maxDirectoryTop)))
	page(b, q, r, reference(""), found)
}

// userType reads users.
var userType = decode.TypeOf[licensing.User]()
