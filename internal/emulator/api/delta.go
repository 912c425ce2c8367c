package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"licensegraph/internal/emulator/odata"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	register([]Route{
		{Method: get, Template: "/users/delta", handler: (*Endpoints).deltaUsers, App: readUsers, Scopes: readUsers, units: 2},
		{Method: get, Template: "/groups/delta", handler: (*Endpoints).deltaGroups, App: readGroups, Scopes: readGroups},
	})
}

// deltaLifetime is the validity of a delta token, see Microsoft Learn, "Use
// delta query to track changes in Microsoft Graph data".
const deltaLifetime = 7 * 24 * time.Hour

const (
	deltaPage        = 100 // objects per page
	maxDeltaMembers  = 200 // members of a group per page; the group is repeated with the rest
	maxDeltaFiltered = 50  // object IDs in the filter of a delta query
)

// deltaState is the content of a link of a delta query.
type deltaState struct {
	Query  string `json:"q"`
	Epoch  int64  `json:"e"` // epoch of the tenant, which a reset changes
	Since  int    `json:"s"` // number of the last change that the client has
	Until  int    `json:"u"` // in a list of changes: number of the last change in this round
	All    bool   `json:"f"` // in the initial list of all objects
	After  int64  `json:"a"` // position of the last object; in a list of changes, number of the last change
	Member int64  `json:"m"` // position of its last member, if there are more
	Path   string `json:"p"`
	Made   int64  `json:"t"`
}

// deltaQuery is a round of a delta query.
type deltaQuery struct {
	deltaState
	sel  []string
	only map[tenant.GUID]bool // nil: all objects
	kind tenant.Kind
}

func (e *Endpoints) deltaUsers(c *call) (any, *wire.Problem)  { return e.delta(c, tenant.User) }
func (e *Endpoints) deltaGroups(c *call) (any, *wire.Problem) { return e.delta(c, tenant.GroupKind) }

// delta answers the changes since the token, or all objects without a token.
func (e *Endpoints) delta(c *call, kind tenant.Kind) (any, *wire.Problem) {
	d, p := e.readDelta(c, kind)
	if p != nil {
		return nil, p
	}
	body := object{"@odata.context": c.context(kind.String() + "s/$delta"), "value": []object{}}
	var items []object
	if d.All {
		items = d.everything(c)
	} else {
		items = d.changes(c)
	}
	if len(items) > 0 {
		body["value"] = items
	}
	link := c.Root() + "/" + c.Path + "?$"
	if d.After >= 0 {
		body["@odata.nextLink"] = link + "skiptoken=" + e.seal(d.deltaState)
	} else {
		body["@odata.deltaLink"] = link + "deltatoken=" + e.seal(d.deltaState)
	}
	return body, nil
}

// readDelta parses the options, or the token of a link, which excludes other
// options.
func (e *Endpoints) readDelta(c *call, kind tenant.Kind) (*deltaQuery, *wire.Problem) {
	values, err := c.named(c.RawQuery)
	if err != nil {
		return nil, unsupported("The query cannot be parsed.")
	}
	d := &deltaQuery{kind: kind}
	d.Path, d.Query, d.All, d.After, d.Member = c.Version+"/"+c.Path, c.RawQuery, true, -1, -1
	d.Until = c.tenant.LastChange() // The next round has later changes.
	for _, name := range []string{"$skiptoken", "$deltatoken"} {
		token := values.Get(name)
		if token == "" || token == "latest" {
			continue
		}
		var old deltaState
		if len(values) > 1 || !e.unseal(token, &old) || old.Path != d.Path {
			return nil, badRequest("Badly formed token.")
		}
		again := object{"Location": c.Root() + "/" + c.Path + "?$deltatoken="}
		switch {
		case old.Epoch != c.epoch, old.Until > c.tenant.LastChange():
			return nil, &wire.Problem{Status: http.StatusBadRequest, Code: "syncStateNotFound", Message: "The sync state is not found. Start anew, without a token."}
		case c.Date.Sub(time.Unix(old.Made, 0)) > deltaLifetime:
			return nil, &wire.Problem{Status: http.StatusGone, Code: "resyncRequired", Message: "The token is too old. Start anew at the URL of the header Location.",
				Header: map[string]string{"Location": again["Location"].(string)}}
		}
		oldest := old.Since
		if old.All {
			oldest = old.Until
		}
		if _, known := c.tenant.ChangesSince(oldest); !known {
			return nil, &wire.Problem{Status: http.StatusGone, Code: "resyncRequired", Message: "So many changes were made since that they are not all known. Start anew at the URL of the header Location.",
				Header: map[string]string{"Location": again["Location"].(string)}}
		}
		d.deltaState = old
		if name == "$deltatoken" {
			d.All, d.After, d.Until = false, int64(old.Since), c.tenant.LastChange()
		}
	}
	d.Epoch, d.Made = c.epoch, c.Date.Unix()
	saved := *c
	saved.RawQuery = d.Query
	q, p := e.options(&saved, directory, optSelect|optFilter|optDelta)
	if p != nil {
		return nil, p
	}
	c.query = saved.query
	if values.Get("$deltatoken") == "latest" {
		d.All, d.Since, d.After, d.Query = false, d.Until, int64(d.Until), strings.Join(slices.DeleteFunc(strings.Split(d.Query, "&"), func(s string) bool {
			return strings.Contains(s, "deltatoken")
		}), "&")
	}
	d.sel = q.sel
	if kind == tenant.User {
		if p := c.limitUsers(q); p != nil {
			return nil, p
		}
		if slices.Contains(q.sel, activityName) {
			return nil, unsupported("'%s' is not supported in a delta query.", activityName)
		}
	}
	for _, name := range q.sel {
		_, ok := userType.props[name]
		other := otherUserProperties
		if kind == tenant.GroupKind {
			_, ok = groupType.props[name]
			ok, other = ok || name == "members", otherGroupProperties
		}
		if !ok && slices.Contains(other, name) {
			return nil, notImplemented(name)
		}
		if !ok {
			return nil, wire.NotParsed("Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.%s'.", name, kind)
		}
	}
	if q.filter != nil {
		d.only = map[tenant.GUID]bool{}
		if p := d.filter(q.filter); p != nil {
			return nil, p
		}
	}
	return d, nil
}

// filter parses a filter by ID, the only filter of delta queries.
func (d *deltaQuery) filter(f *odata.Filter) *wire.Problem {
	if f.Op == odata.Or {
		for _, kid := range f.Kids {
			if p := d.filter(kid); p != nil {
				return p
			}
		}
		return nil
	}
	id, ok := tenant.GUID{}, f.Op == odata.Eq && f.Path == "id" && f.Values[0].Kind == odata.String
	if ok {
		id, ok = tenant.ParseGUID(f.Values[0].Text)
	}
	if !ok || len(d.only) == maxDeltaFiltered {
		return unsupported("The filter of a delta query can name up to %d ids: id eq '…' or id eq '…'.", maxDeltaFiltered)
	}
	d.only[id] = true
	return nil
}

func (d *deltaQuery) wants(t *tenant.Tenant, r tenant.Ref) bool {
	return r.Kind == d.kind && (d.only == nil || d.only[t.IDOf(r)])
}

// everything lists a page of all objects. After the last page, d is the state
// for the changes since then.
func (d *deltaQuery) everything(c *call) []object {
	var items []object
	objects := c.tenant.Users
	if d.kind == tenant.GroupKind {
		objects = c.tenant.Groups
	}
	after := d.After
	if d.Member >= 0 {
		after-- // Repeat the group, if it still exists.
	}
	for i := range objects(int32(after)) {
		if len(items) == deltaPage {
			return items
		}
		if d.Member >= 0 && int64(i) != d.After {
			d.Member = -1
		}
		d.After = int64(i)
		if !d.wants(c.tenant, tenant.Ref{Kind: d.kind, At: i}) {
			continue
		}
		o := d.render(c, i)
		if d.kind == tenant.GroupKind && d.tracks("members") && d.members(c, i, o) {
			return append(items, o)
		}
		items = append(items, o)
	}
	d.All, d.After, d.Since, d.Until = false, -1, d.Until, 0
	return items
}

// members adds a page of a group's members to o, and reports whether there are
// more.
func (d *deltaQuery) members(c *call, i int32, o object) bool {
	list := []object{}
	for at, m := range c.tenant.Members(c.tenant.Group(i), d.Member) {
		if len(list) == maxDeltaMembers {
			o["members@delta"] = list
			return true
		}
		list = append(list, reference(c, m))
		d.Member = at
	}
	d.Member = -1
	if len(list) > 0 {
		o["members@delta"] = list
	}
	return false
}

func reference(c *call, r tenant.Ref) object {
	return object{"@odata.type": "#microsoft.graph." + r.Kind.String(), "id": c.tenant.IDOf(r).String()}
}

// tracks reports whether the query includes changes of a property. It includes the relation members
// unless other properties are selected.
func (d *deltaQuery) tracks(property string) bool {
	if d.sel == nil {
		return property != "assignedLicenses"
	}
	return slices.Contains(d.sel, property)
}

func (d *deltaQuery) render(c *call, i int32) object {
	sel := slices.DeleteFunc(slices.Clone(d.sel), func(name string) bool { return name == "members" })
	if d.sel != nil && !slices.Contains(sel, "id") {
		sel = append(sel, "id")
	}
	if d.kind == tenant.GroupKind {
		return groupType.render(c, c.tenant.Group(i), sel)
	}
	return c.renderUser(i, sel)
}

// changes lists a page of the objects that changed, each once in its current
// state.
func (d *deltaQuery) changes(c *call) []object {
	all, _ := c.tenant.ChangesSince(d.Since)
	all = all[:d.Until-d.Since]
	type change struct {
		entry   object
		removed map[tenant.Ref]bool // members
	}
	entries := map[tenant.Ref]*change{}
	var items []object
	number := int64(d.Since)
	for _, one := range all {
		number++
		if number <= d.After || !d.wants(c.tenant, one.Of) || !d.concerns(one) {
			continue
		}
		known := entries[one.Of]
		if known == nil {
			if len(items) == deltaPage {
				d.After = number - 1
				return items
			}
			known = &change{entry: d.changed(c, one.Of), removed: map[tenant.Ref]bool{}}
			entries[one.Of] = known
			items = append(items, known.entry)
		}
		if one.What == tenant.MemberAdded || one.What == tenant.MemberRemoved {
			known.removed[one.Member] = one.What == tenant.MemberRemoved
			known.entry["members@delta"] = d.memberChanges(c, known.removed)
		}
	}
	d.After, d.Since, d.Until = -1, d.Until, 0
	return items
}

// concerns reports whether the query tracks a change.
func (d *deltaQuery) concerns(one tenant.Change) bool {
	switch one.What {
	case tenant.LicensesChanged:
		return d.tracks("assignedLicenses") || slices.Contains(d.sel, "proxyAddresses") // A mailbox adds an address.
	case tenant.MemberAdded, tenant.MemberRemoved:
		return d.tracks("members")
	case tenant.ProfileChanged:
		return d.sel == nil || slices.ContainsFunc(d.sel, func(name string) bool {
			return !slices.Contains([]string{"id", "assignedLicenses", "licenseAssignmentStates", "assignedPlans", "licenseProcessingState", "members"}, name)
		})
	}
	return true
}

// changed returns the current state of an object, or that it was removed:
// permanently deleted or restorable.
func (d *deltaQuery) changed(c *call, r tenant.Ref) object {
	if _, present := c.tenant.Find(c.tenant.IDOf(r)); present {
		return d.render(c, r.At)
	}
	reason := "changed"
	if d.kind == tenant.GroupKind && !c.tenant.Group(r.At).Unified {
		reason = "deleted" // A security group cannot be restored.
	}
	return object{"id": c.tenant.IDOf(r).String(), "@removed": object{"reason": reason}}
}

func (d *deltaQuery) memberChanges(c *call, removed map[tenant.Ref]bool) []object {
	list := []object{}
	for m, gone := range removed {
		o := reference(c, m)
		if gone {
			o["@removed"] = object{"reason": "deleted"}
		}
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b object) int { return strings.Compare(a["id"].(string), b["id"].(string)) })
	return list
}
