package contract

import (
	"math"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxRelated is the maximum number of expanded directory objects, see "Use
// query parameters to customize Microsoft Graph query responses".
const maxRelated = 20

// form is the expected form of an entity.
type form struct {
	sel      []string // nil: the default properties
	more     []string // additional properties
	expand   []expansion
	top      bool // with an @odata.context
	listed   bool // in a list or a relation
	assignee bool // an assignee, with fewer properties
	noID     bool
}

// entity checks an object of a type, or of the derived type of its annotation
// if the type is directoryObject.
func (c *checker) entity(v any, t *definition, f form) {
	o, ok := v.(object)
	if !ok {
		c.complain("it is %s, not an object", kindOf(v))
		return
	}
	among := t.name == "directoryObject"
	said, typed := o["@odata.type"]
	switch name, _ := said.(string); {
	case name == "#microsoft.graph.agentUser" && (among || t.name == "user"): // derived from user, without properties of its own
		t = c.model.types["user"]
	case among:
		t = c.model.types[strings.TrimPrefix(name, "#microsoft.graph.")]
		if t == nil || t.base != "directoryObject" || name[0] != '#' {
			c.complain("@odata.type is %v, not a directory object", said)
			return
		}
	case t.cloud():
		if name != "#microsoft.graph."+t.name {
			c.complain("@odata.type is %v, want #microsoft.graph.%s", said, t.name)
		}
	case typed:
		c.complain("unexpected @odata.type: %v", said)
	}
	if (among || strings.HasSuffix(c.at.Path, "/memberOf/microsoft.graph.group")) && c.limited(o, t) {
		return
	}
	for name, v := range o {
		base, annotation, annotated := strings.Cut(name, "@")
		switch {
		case name == "@odata.type", name == "@odata.context" && f.top:
			continue
		case annotated && base != "" && annotation == "odata.nextLink":
			c.relatedLink(name, base, v, t, f)
			continue
		}
		p := t.all[name]
		if p == nil {
			c.complain("%q is not a property of %s", name, t.name)
			continue
		}
		c.push(name)
		if p.relation {
			c.related(v, p, named(f.expand, name), among || t.name == "group")
		} else {
			if !c.expected(p, f, among) {
				c.complain("it was not requested")
			}
			c.value(v, p, t)
		}
		c.pop()
	}
	c.missing(o, t, f, among)
}

// expected reports whether a property is allowed.
func (c *checker) expected(p *property, f form, among bool) bool {
	switch {
	case p.is("never"), p.is("unserved"), among && p.is("own"):
		return false
	case f.sel != nil:
		return slices.Contains(f.sel, p.name) || slices.Contains(f.sel, "*")
	case f.assignee:
		return p.is("brief")
	case f.noID && p.name == "id":
		return false
	case f.listed && p.name == "subscriptions" && c.NoSubscriptions:
		return false
	}
	return !p.is("select") || slices.Contains(f.more, p.name)
}

// missing complains about missing required properties.
func (c *checker) missing(o object, t *definition, f form, among bool) {
	lacks := func(name string) {
		if _, there := o[name]; !there {
			c.complain("%s is missing", name)
		}
	}
	if f.sel != nil {
		for _, name := range f.sel {
			if p := t.all[name]; p != nil && !p.relation && !p.is("absent") && c.expected(p, f, among) {
				lacks(name)
			}
		}
	} else {
		for _, p := range t.usual {
			if c.expected(p, f, among) {
				lacks(p.name)
			}
		}
		for _, name := range f.more {
			lacks(name)
		}
	}
	for _, x := range f.expand {
		if p := t.all[x.name]; p != nil && p.relation && !p.is("optional") {
			lacks(x.name)
		}
	}
}

// limited reports whether an object has only its ID, or nulls, because the
// caller cannot read its type. See "Limited information returned for
// inaccessible member objects".
func (c *checker) limited(o object, t *definition) bool {
	if c.Permissions == nil || slices.Contains(c.Permissions, "Directory.Read.All") || slices.Contains(c.Permissions, "Directory.ReadWrite.All") {
		return false
	}
	others := 0
	for name, v := range o {
		if name == "id" || strings.HasPrefix(name, "@odata.") {
			continue
		}
		if others++; v != nil || t.all[name] == nil {
			return false
		}
	}
	id, there := o["id"].(string)
	return there && isGUID(id) || !there && others > 0
}

// related checks the value of an expanded relation.
func (c *checker) related(v any, p *property, x *expansion, directory bool) {
	if x == nil {
		c.complain("the relation was not requested")
		return
	}
	f := form{sel: x.sel, expand: x.expand, listed: true, assignee: p.name == "assignedTo"}
	if x.levels > 1 {
		next := *x
		next.levels--
		f.expand = []expansion{next}
	}
	switch {
	case p.collection:
		list, _ := v.([]any)
		if directory && len(list) > maxRelated {
			c.complain("%d objects, want at most %d", len(list), maxRelated)
		}
		c.items(v, func(item any) { c.entity(item, p.of, f) })
	case v == nil:
		// The allotment is present unless a nested $filter excludes it.
		if !p.nullable || p.is("optional") || p.name == "allotment" && !x.filter {
			c.complain("it is null")
		}
	default:
		c.entity(v, p.of, f)
	}
}

// relatedLink checks the link to the rest of an expanded collection. Directory
// objects have none.
func (c *checker) relatedLink(name, base string, v any, t *definition, f form) {
	p := t.all[base]
	c.in(name, func() {
		if p == nil || !p.relation || !p.collection || !t.cloud() || c.CloudRelationsEnd || named(f.expand, base) == nil {
			c.complain("unexpected link")
			return
		}
		text, _ := v.(string)
		path, _, _ := strings.Cut(strings.TrimPrefix(text, c.Base+"/"+c.version+"/"), "?")
		if !strings.HasSuffix(path, "/"+base) {
			c.complain("it leads to %q", shortened(text))
		}
		given := url.Values{}
		if x := named(f.expand, base); x.sel != nil {
			given.Set("$select", strings.Join(x.sel, ","))
		}
		c.link(v, path, "$skiptoken", given)
	})
}

// complexValue checks a value of a complex type, with all of its properties.
func (c *checker) complexValue(v any, t *definition) {
	o, ok := v.(object)
	if !ok {
		c.complain("it is %s, not an object", kindOf(v))
		return
	}
	said, typed := o["@odata.type"].(string)
	if t.abstract {
		derived := c.model.types[strings.TrimPrefix(said, "#microsoft.graph.")]
		if derived == nil || derived.base != t.name || said[0] != '#' {
			c.complain("@odata.type is %q, not a type derived from %s", said, t.name)
			return
		}
		c.members(o, derived, "@odata.type")
		return
	}
	switch {
	case t.name == "cloudLicensing.service": // with or without # on the pages
		if strings.TrimPrefix(said, "#") != "microsoft.graph."+t.name {
			c.complain("@odata.type is %q", said)
		}
	case t.cloud():
		if said != "#microsoft.graph."+t.name {
			c.complain("@odata.type is %q", said)
		}
	case typed:
		c.complain("unexpected @odata.type: %q", said)
	}
	c.members(o, t, "@odata.type")
}

// closed checks an object of a type that is not one of Graph.
func (c *checker) closed(v any, t *definition) {
	o, ok := v.(object)
	if !ok {
		c.complain("it is %s, not an object", kindOf(v))
		return
	}
	c.members(o, t, "")
}

func (c *checker) members(o object, t *definition, annotation string) {
	for name, v := range o {
		p := t.all[name]
		switch {
		case p != nil && !p.relation:
			c.push(name)
			c.value(v, p, t)
			c.pop()
		case name != annotation || annotation == "":
			c.complain("%q is not a member of %s", name, t.name)
		}
	}
	for _, p := range t.usual {
		if _, there := o[p.name]; !there {
			c.complain("%s is missing", p.name)
		}
	}
}

// value checks the value of a property.
func (c *checker) value(v any, p *property, t *definition) {
	switch {
	case v == nil:
		null := p.nullable && !p.is("absent")
		if p.name == "error" && t != nil && t.name == "licenseAssignmentState" {
			null = c.NullError
		}
		if !null {
			c.complain("it is null")
		}
	case p.collection:
		c.items(v, func(item any) {
			if item == nil {
				c.complain("it is null, in a collection")
				return
			}
			c.one(item, p, t)
		})
	default:
		c.one(v, p, t)
	}
}

// one checks a value that is not null, see OData JSON Format Version 4.01
// section 7.
func (c *checker) one(v any, p *property, t *definition) {
	wrong := func() { c.complain("it is %s, not %s", kindOf(v), p.typeName) }
	if p.of != nil {
		switch p.of.kind {
		case "enum":
			c.enumeration(v, p.of)
		case "json":
			c.closed(v, p.of)
		default:
			c.complexValue(v, p.of)
		}
		return
	}
	switch p.typeName {
	case "Edm.Boolean":
		if _, ok := v.(bool); !ok {
			wrong()
		}
		return
	case "Edm.Int32", "Edm.Int64":
		n, ok := v.(number)
		if !ok || n != math.Trunc(n) || p.typeName == "Edm.Int32" && (n < math.MinInt32 || n > math.MaxInt32) {
			wrong()
		}
		return
	}
	s, ok := v.(string)
	if !ok {
		wrong()
		return
	}
	switch p.typeName {
	case "Edm.Guid":
		ok = isGUID(s)
	case "Edm.Date":
		layout := time.DateOnly
		if c.Timestamps && t.cloud() {
			layout = "2006-01-02T15:04:05.000Z"
		}
		_, err := time.Parse(layout, s)
		ok = err == nil
	case "Edm.DateTimeOffset": // cloudLicensing: seven decimals and the offset; audit log: seven decimals; directory: seconds
		layout := "2006-01-02T15:04:05Z"
		switch {
		case t.cloud():
			layout = "2006-01-02T15:04:05.0000000+00:00"
		case t.name == "directoryAudit":
			layout = "2006-01-02T15:04:05.0000000Z"
		}
		_, err := time.Parse(layout, s)
		ok = err == nil && len(s) == len(layout)
	case "Edm.String":
		switch {
		case p.texts != nil:
			ok = slices.Contains(p.texts, s)
		case p.form == "<guid>":
			ok = isGUID(s)
		case p.form == "<id>":
			ok = isGUID(s) || isLongID(s)
		case p.pattern != nil:
			ok = p.pattern.MatchString(s)
		}
	}
	if !ok {
		wrong()
	}
}

// enumeration checks one member or, for flags, several members separated by
// commas without spaces. The sentinel member is only valid on request.
func (c *checker) enumeration(v any, t *definition) {
	s, ok := v.(string)
	names := []string{s}
	if t.flags {
		names = strings.Split(s, ",")
	}
	for i, name := range names {
		known := slices.ContainsFunc(t.members, func(m member) bool { return m.name == name })
		alone := name != "none" || len(names) == 1
		ok = ok && known && alone && name != "unknownFutureValue" && !slices.Contains(names[:i], name)
	}
	if !ok {
		c.complain("it is %s, not %s", kindOf(v), t.name)
	}
}

// isGUID reports whether a string is a GUID in lower case, as in Graph.
func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch b := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if b != '-' {
				return false
			}
		case (b < '0' || b > '9') && (b < 'a' || b > 'f'):
			return false
		}
	}
	return true
}

// isLongID reports whether a string is a cloudLicensing ID of 52 characters.
func isLongID(s string) bool {
	return len(s) == 52 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") == ""
}
