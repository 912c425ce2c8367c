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
	optSearch
	optApply
	optDelta
)

var optionNames = map[string]option{
	"$select": optSelect, "$expand": optExpand, "$filter": optFilter,
	"$top": optTop, "$count": optCount, "$orderby": optOrderBy,
	"$search": optSearch, "$apply": optApply, "$deltatoken": optDelta,
}

// otherOptions are system query options that no endpoint here has.
var otherOptions = []string{"$skip", "$format", "$compute", "$index", "$levels", "$id", "$schemaversion"}

// query is what the options of a request mean.
type query struct {
	sel     []string // nil: the default properties
	expand  []expansion
	filter  *node
	top     int // 0: not given
	count   bool
	orderBy string // property and, after a blank, asc or desc
	search  *search
	apply   *aggregation

	raw   string // the options of the first page
	after int64  // the place behind which this page starts
	later bool   // this is not the first page
	real  bool   // with Variants.EmptyPages: the empty page has been seen
}

// expansion is one relation of $expand.
type expansion struct {
	name   string
	sel    []string // of a nested $select
	filter *node    // of a nested $filter
}

// relation is what may be asked of a relation inside $expand.
type relation struct {
	check  func(c *call, sel []string) *problem // of a nested $select
	filter *rules                               // of a nested $filter; nil: there is none
}

// relations are those of a type by name.
type relations map[string]relation

// check refuses what cannot be expanded.
func (rs relations) check(c *call, q *query) *problem {
	for _, x := range q.expand {
		r, ok := rs[x.name]
		if !ok {
			return licensing.expanding("The relation '%s' cannot be expanded.", x.name)
		}
		if p := r.check(c, x.sel); p != nil {
			return p
		}
		if x.filter == nil {
			continue
		}
		if r.filter == nil {
			return licensing.expanding("$filter is not supported inside $expand=%s.", x.name)
		}
		if err := r.filter.check(x.filter, false); err != nil {
			return licensing.filtering("%s", err)
		}
	}
	return nil
}

// cloudOptions reads the options of a cloudLicensing resource and checks them
// against what its type has.
func (e *Emulator) cloudOptions(c *call, allowed option, check func(*call, []string) *problem, known relations, filter rules) (*query, *problem) {
	q, p := e.options(c, licensing, allowed)
	if p != nil {
		return nil, p
	}
	if p := check(c, q.sel); p != nil {
		return nil, p
	}
	if q.filter != nil {
		if err := filter.check(q.filter, false); err != nil {
			return nil, licensing.filtering("%s", err)
		}
	}
	if p := known.check(c, q); p != nil {
		return nil, p
	}
	return q, nil
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
	values, err := parseQuery(c.rawQuery)
	if err != nil {
		return nil, d.unsupported("The query cannot be parsed.")
	}
	c.query = values
	q := &query{raw: c.rawQuery, after: -1}
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

// parseQuery leaves semicolons alone, which stand between options inside
// $expand.
func parseQuery(raw string) (url.Values, error) {
	return url.ParseQuery(strings.ReplaceAll(raw, ";", "%3B"))
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
	case "$search":
		var p *problem
		q.search, p = parseSearch(value)
		return p
	case "$apply":
		if len(c.query) > 1 {
			return d.unsupported("'$apply' cannot be combined with other query options.")
		}
		if c.variants.ApplyUnsupported {
			return cloud(http.StatusNotImplemented, "invalidQuery", "'$apply' is not implemented.")
		}
		var err error
		if q.apply, err = parseApply(value); err != nil {
			return d.unsupported("Invalid $apply: %s.", err)
		}
	case "$orderby":
		if value == "" {
			return notParsed("The $orderby query option is empty.")
		}
		q.orderBy = value
	}
	return nil
}

// parseExpand reads "assignedTo,allotments($select=id,allottedUnits)": one
// level, with $select and $filter as the only nested options.
func parseExpand(d dialect, s string) ([]expansion, *problem) {
	if len(s) > maxFilterLength {
		return nil, d.expanding("$expand is too long.")
	}
	var list []expansion
	for more := true; more; {
		end := strings.IndexAny(s, ",(")
		x := expansion{name: strings.TrimSpace(s)}
		more = end >= 0
		if more {
			x.name = strings.TrimSpace(s[:end])
			s = s[end:]
			if s[0] == '(' {
				inner, rest, ok := nestedOptions(s[1:])
				if !ok {
					return nil, d.expanding("There is an unmatched parenthesis in $expand.")
				}
				if p := x.read(d, inner); p != nil {
					return nil, p
				}
				s = strings.TrimSpace(rest)
			}
			if more = s != ""; more {
				if s[0] != ',' {
					return nil, d.expanding("Parsing $expand failed at '%.40s'.", s)
				}
				s = s[1:]
			}
		}
		if x.name == "" || slices.ContainsFunc(list, func(y expansion) bool { return y.name == x.name }) {
			return nil, d.expanding("$expand names the relation '%.40s' wrongly or twice.", x.name)
		}
		list = append(list, x)
	}
	return list, nil
}

// nestedOptions cuts s behind the parenthesis that closes it.
func nestedOptions(s string) (inner, rest string, ok bool) {
	depth, quoted := 1, false
	for i := range len(s) {
		switch {
		case s[i] == '\'':
			quoted = !quoted
		case quoted:
		case s[i] == '(':
			depth++
		case s[i] == ')':
			if depth--; depth == 0 {
				return s[:i], s[i+1:], true
			}
		}
	}
	return "", "", false
}

// read takes the options inside the parentheses of one relation.
func (x *expansion) read(d dialect, inner string) *problem {
	for nested := range strings.SplitSeq(inner, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(nested), "=")
		switch {
		case name == "$select" && x.sel == nil:
			for name := range strings.SplitSeq(value, ",") {
				x.sel = append(x.sel, strings.TrimSpace(name))
			}
		case name == "$filter" && x.filter == nil:
			var err error
			if x.filter, err = parseFilter(value); err != nil {
				return d.filtering("%s", err)
			}
		default:
			return d.expanding("'%.40s' is not supported inside $expand.", name)
		}
	}
	return nil
}

// fragment is the part of an @odata.context that names what was selected.
func fragment(set string, sel []string) string {
	if sel == nil {
		return set
	}
	return set + "(" + strings.Join(sel, ",") + ")"
}
