package emulator

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// option is a bit for each system query option that an endpoint documents.
type option uint

const (
	optSelect option = 1 << iota
	optExpand
	optFilter
	optTop
	optCount
	optOrderBy
)

var optionNames = map[string]option{
	"$select": optSelect, "$expand": optExpand, "$filter": optFilter,
	"$top": optTop, "$count": optCount, "$orderby": optOrderBy,
}

// otherOptions are system query options that no endpoint here has.
var otherOptions = []string{"$skip", "$search", "$apply", "$format", "$compute", "$index", "$levels", "$deltatoken", "$id", "$schemaversion"}

// query is what the options of a request mean.
type query struct {
	sel     []string // nil: the default properties
	expand  []expansion
	filter  *node
	top     int // 0: not given
	count   bool
	orderBy string // property and, after a blank, asc or desc

	raw    string // the options of the first page
	offset int    // where this page starts
	later  bool   // this is not the first page
	real   bool   // with Variants.EmptyPages: the empty page has been seen
}

// expansion is one relation of $expand.
type expansion struct {
	name string
	sel  []string // of a nested $select
}

// dialect is how a family of resources refuses options.
type dialect struct {
	unsupported func(format string, args ...any) *problem // option not known or not allowed here
	selecting   func(format string, args ...any) *problem
	expanding   func(format string, args ...any) *problem
	filtering   func(format string, args ...any) *problem
}

var directory = dialect{unsupported, notParsed, notParsed, func(format string, args ...any) *problem {
	return unsupported("Invalid filter clause: "+format, args...)
}}

var licensing = dialect{cloudProblem("invalidQuery"), cloudProblem("invalidQuery"), cloudProblem("invalidExpansion"), cloudProblem("invalidFilter")}

func cloudProblem(inner string) func(format string, args ...any) *problem {
	return func(format string, args ...any) *problem {
		return cloud(http.StatusBadRequest, inner, format, args...)
	}
}

// options reads the query of a call. Whatever the endpoint does not document
// is refused: the service may ignore it silently, which is worse.
func (e *Emulator) options(c *call, d dialect, allowed option) (*query, *problem) {
	values, err := url.ParseQuery(c.rawQuery)
	if err != nil {
		return nil, d.unsupported("The query cannot be parsed.")
	}
	c.query = values
	q := &query{raw: c.rawQuery}
	if values.Has("$skiptoken") {
		if p := e.resume(c, q, allowed); p != nil {
			return nil, p
		}
		values = c.query
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := q.read(c, d, allowed, name, values[name]); err != nil {
			return nil, err
		}
	}
	return q, nil
}

func (q *query) read(c *call, d dialect, allowed option, name string, values []string) *problem {
	known := optionNames[name] != 0 || slices.Contains(otherOptions, name)
	if !known {
		bare := "$" + strings.ToLower(strings.TrimPrefix(name, "$"))
		if strings.HasPrefix(name, "$") || optionNames[bare] != 0 || slices.Contains(otherOptions, bare) {
			return notParsed("The query parameter '%s' is not supported.", name)
		}
		return nil // A custom option, which OData lets pass.
	}
	if len(values) > 1 {
		return notParsed("Query option '%s' was specified more than once, but it must be specified at most once.", name)
	}
	if allowed&optionNames[name] == 0 {
		if c.route.cloud && c.variants.IgnoreCloudOptions && slices.Contains([]string{"$count", "$orderby", "$skip", "$search"}, name) {
			return nil
		}
		if name == "$top" {
			return d.unsupported("This resource does not support custom page sizes. Please retry without a page size argument.")
		}
		return d.unsupported("'%s' is not supported by the service.", name)
	}
	value := strings.TrimSpace(values[0])
	switch name {
	case "$select":
		for name := range strings.SplitSeq(value, ",") {
			q.sel = append(q.sel, strings.TrimSpace(name))
		}
	case "$expand":
		var p *problem
		q.expand, p = parseExpand(d, value)
		return p
	case "$filter":
		var err error
		if q.filter, err = parseFilter(value); err != nil {
			return d.filtering("%s", err)
		}
	case "$top":
		n, err := strconv.Atoi(value)
		most := 999
		if c.route.cloud {
			most = 1 << 30 // Capped, not refused.
		}
		if err != nil || n < 1 || n > most {
			return d.unsupported("Invalid page size specified: '%s'. Must be between 1 and %d inclusive.", value, most)
		}
		q.top = n
	case "$count":
		if value != "true" && value != "false" {
			return notParsed("Invalid value '%s' for $count query option found. Valid values are 'true' and 'false'.", value)
		}
		q.count = value == "true"
	case "$orderby":
		if value == "" {
			return notParsed("The $orderby query option is empty.")
		}
		q.orderBy = value
	}
	return nil
}

// parseExpand reads "assignedTo,allotments($select=id,allottedUnits)": one
// level, with $select as the only nested option.
func parseExpand(d dialect, s string) ([]expansion, *problem) {
	var list []expansion
	for s != "" {
		end := strings.IndexAny(s, ",(")
		x := expansion{name: strings.TrimSpace(s)}
		if end < 0 {
			s = ""
		} else {
			x.name = strings.TrimSpace(s[:end])
			rest := s[end:]
			if rest[0] == '(' {
				inner, after, closed := strings.Cut(rest[1:], ")")
				names, isSelect := strings.CutPrefix(strings.TrimSpace(inner), "$select=")
				if !closed || !isSelect || strings.ContainsAny(names, "(;$") {
					return nil, d.expanding("Only $select is supported inside $expand, and only one level of it.")
				}
				for name := range strings.SplitSeq(names, ",") {
					x.sel = append(x.sel, strings.TrimSpace(name))
				}
				rest = strings.TrimSpace(after)
				if rest != "" && rest[0] != ',' {
					return nil, d.expanding("Parsing $expand failed at '%s'.", rest)
				}
			}
			if rest == "," {
				return nil, d.expanding("$expand ends in a comma.")
			}
			s = strings.TrimPrefix(rest, ",")
		}
		if x.name == "" || slices.ContainsFunc(list, func(y expansion) bool { return y.name == x.name }) {
			return nil, d.expanding("$expand names the relation '%s' wrongly or twice.", x.name)
		}
		list = append(list, x)
	}
	if list == nil {
		return nil, d.expanding("$expand is empty.")
	}
	return list, nil
}

// property is a property of an entity type: how to read it, and what may be
// done with it.
type property[T any] struct {
	get       func(t *tenant, x T, v *Variants) any
	onDefault bool // returned without $select
	licence   bool // never through directoryObjects
}

// entityType is the properties of a type by name.
type entityType[T any] struct {
	name  string // such as microsoft.graph.user
	props map[string]property[T]
}

// check refuses a $select of properties that the type does not have.
func (et *entityType[T]) check(d dialect, sel []string) *problem {
	for _, name := range sel {
		if _, ok := et.props[name]; !ok {
			return d.selecting("Parsing OData Select and Expand failed: Could not find a property named '%s' on type '%s'.", name, et.name)
		}
	}
	return nil
}

// render writes the selected properties of x, or the default ones.
func (et *entityType[T]) render(t *tenant, x T, sel []string, v *Variants) object {
	o := make(object, max(len(sel), 12))
	if sel == nil {
		for name, p := range et.props {
			if p.onDefault {
				o[name] = p.get(t, x, v)
			}
		}
		return o
	}
	for _, name := range sel {
		if p, ok := et.props[name]; ok {
			o[name] = p.get(t, x, v)
		}
	}
	return o
}

// fragment is the part of an @odata.context that names what was selected.
func fragment(set string, sel []string) string {
	if sel == nil {
		return set
	}
	return set + "(" + strings.Join(sel, ",") + ")"
}
