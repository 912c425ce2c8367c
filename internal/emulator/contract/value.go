package contract

import (
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxRelated is how many directory objects $expand gives, by "Use query
// parameters to customize Microsoft Graph query responses".
const maxRelated = 20

// form is how an entity is shown.
type form struct {
	sel      []string // nil: what has to be there without $select
	more     []string // what is there besides
	expand   []expansion
	top      bool // with an @odata.context
	listed   bool // in a list, or behind a relation
	assignee bool // to whom something is assigned: less is shown
	noID     bool
}

// entity is an object of a type, or of one that it says itself where the type is
// directoryObject.
func (c *checker) entity(v any, t *definition, f form) {
	o, ok := v.(object)
	if !ok {
		c.say("it is %s, no object", kindOf(v))
		return
	}
	among := t.name == "directoryObject"
	said, typed := o["@odata.type"]
	switch name, _ := said.(string); {
	case name == "#microsoft.graph.agentUser" && (among || t.name == "user"): // derived from user, without a member of its own
		t = c.model.types["user"]
	case among:
		t = c.model.types[strings.TrimPrefix(name, "#microsoft.graph.")]
		if t == nil || t.base != "directoryObject" || name[0] != '#' {
			c.say("@odata.type is %v, no directory object", said)
			return
		}
	case t.cloud():
		if name != "#microsoft.graph."+t.name {
			c.say("@odata.type is %v, want #microsoft.graph.%s", said, t.name)
		}
	case typed:
		c.say("there is an @odata.type where the type is known: %v", said)
	}
	if among && c.limited(o, t) {
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
			c.say("%q is no property of %s", name, t.name)
			continue
		}
		c.push(name)
		if p.relation {
			c.related(v, p, named(f.expand, name), among || t.name == "group")
		} else {
			if !c.expected(p, f, among) {
				c.say("it was not asked for")
			}
			c.value(v, p, t)
		}
		c.pop()
	}
	c.missing(o, t, f, among)
}

// expected says whether a property may be there.
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

// missing complains about what has to be there and is not.
func (c *checker) missing(o object, t *definition, f form, among bool) {
	lacks := func(name string) {
		if _, there := o[name]; !there {
			c.say("%s is missing", name)
		}
	}
	if f.sel != nil {
		for _, name := range f.sel {
			if p := t.all[name]; p != nil && !p.relation && c.expected(p, f, among) {
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
		if p := t.all[x.name]; p != nil && p.relation {
			lacks(x.name)
		}
	}
}

// limited says whether an object is shown to somebody who may not read its type:
// its id and nothing else, or nulls. See "Limited information returned for
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

// related is what a relation leads to.
func (c *checker) related(v any, p *property, x *expansion, directory bool) {
	if x == nil {
		c.say("the relation was not asked for")
		return
	}
	f := form{sel: x.sel, expand: x.expand, listed: true, assignee: p.name == "assignedTo"}
	switch {
	case p.collection:
		list, _ := v.([]any)
		if directory && len(list) > maxRelated {
			c.say("%d objects, of which at most %d are shown", len(list), maxRelated)
		}
		c.items(v, func(item any) { c.entity(item, p.of, f) })
	case v == nil:
		// An allotment is there unless a $filter inside $expand leaves it out.
		if !p.nullable || p.name == "allotment" && !x.filter {
			c.say("it is null")
		}
	default:
		c.entity(v, p.of, f)
	}
}

// relatedLink is the link to the rest of an expanded collection. There is none
// to directory objects.
func (c *checker) relatedLink(name, base string, v any, t *definition, f form) {
	p := t.all[base]
	c.in(name, func() {
		if p == nil || !p.relation || !p.collection || !t.cloud() || c.CloudRelationsEnd || named(f.expand, base) == nil {
			c.say("there is no such link")
			return
		}
		text, _ := v.(string)
		path, _, _ := strings.Cut(strings.TrimPrefix(text, c.Base+"/"+c.version+"/"), "?")
		if !strings.HasSuffix(path, "/"+base) {
			c.say("it leads to %q", shortened(text))
		}
		given := url.Values{}
		if x := named(f.expand, base); x.sel != nil {
			given.Set("$select", strings.Join(x.sel, ","))
		}
		c.link(v, path, "$skiptoken", given)
	})
}

// complexValue is a value of a complex type, with all of its properties.
func (c *checker) complexValue(v any, t *definition) {
	o, ok := v.(object)
	if !ok {
		c.say("it is %s, no object", kindOf(v))
		return
	}
	said, typed := o["@odata.type"].(string)
	switch {
	case t.name == "cloudLicensing.service": // The pages show it with # and without.
		if strings.TrimPrefix(said, "#") != "microsoft.graph."+t.name {
			c.say("@odata.type is %q", said)
		}
	case t.cloud():
		if said != "#microsoft.graph."+t.name {
			c.say("@odata.type is %q", said)
		}
	case typed:
		c.say("there is an @odata.type where the type is known: %q", said)
	}
	c.members(o, t, "@odata.type")
}

// closed is an object that is no type of Graph.
func (c *checker) closed(v any, t *definition) {
	o, ok := v.(object)
	if !ok {
		c.say("it is %s, no object", kindOf(v))
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
			c.say("%q is no member of %s", name, t.name)
		}
	}
	for _, p := range t.usual {
		if _, there := o[p.name]; !there {
			c.say("%s is missing", p.name)
		}
	}
}

// value is the value of a property that belongs to a type.
func (c *checker) value(v any, p *property, t *definition) {
	switch {
	case v == nil:
		null := p.nullable
		if p.name == "error" && t != nil && t.name == "licenseAssignmentState" {
			null = c.NullError
		}
		if !null {
			c.say("it is null")
		}
	case p.collection:
		c.items(v, func(item any) {
			if item == nil {
				c.say("it is null, in a collection")
				return
			}
			c.one(item, p, t)
		})
	default:
		c.one(v, p, t)
	}
}

// one is a value that is not null, by OData JSON Format Version 4.01 section 7.
func (c *checker) one(v any, p *property, t *definition) {
	wrong := func() { c.say("it is %s, no %s", kindOf(v), p.typeName) }
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
		i, err := strconv.ParseInt(n.String(), 10, 64)
		if !ok || err != nil || p.typeName == "Edm.Int32" && (i < math.MinInt32 || i > math.MaxInt32) {
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
		if c.Timestamps {
			layout = "2006-01-02T15:04:05.000Z"
		}
		_, err := time.Parse(layout, s)
		ok = err == nil
	case "Edm.DateTimeOffset": // cloudLicensing writes seven digits and the offset, the directory whole seconds.
		layout := "2006-01-02T15:04:05Z"
		if t.cloud() {
			layout = "2006-01-02T15:04:05.0000000+00:00"
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

// enumeration is one member, or, of flags, several with commas and no blanks.
// The sentinel is none that is ever sent unasked.
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
		c.say("it is %s, no %s", kindOf(v), t.name)
	}
}

// isGUID says whether a text is a GUID as Graph writes them, in lower case.
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

// isLongID says whether a text is an id of 52 characters, as cloudLicensing has
// them.
func isLongID(s string) bool {
	return len(s) == 52 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") == ""
}
