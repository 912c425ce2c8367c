package api

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"licensegraph/internal/emulator/odata"
	"licensegraph/internal/emulator/wire"
)

// option is a bit set of the system query options of an endpoint.
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
	optFormat
)

var optionNames = map[string]option{
	"$select": optSelect, "$expand": optExpand, "$filter": optFilter,
	"$top": optTop, "$count": optCount, "$orderby": optOrderBy,
	"$search": optSearch, "$apply": optApply, "$deltatoken": optDelta, "$format": optFormat,
}

// otherOptions are system query options that no endpoint supports.
var otherOptions = []string{"$skip", "$compute", "$index", "$levels", "$id", "$schemaversion"}

// query is the parsed options of a request.
type query struct {
	sel     []string // nil: the default properties
	expand  []expansion
	filter  *odata.Filter
	top     int // 0: absent
	count   bool
	orderBy []odata.Order
	search  *odata.Search
	apply   *odata.Aggregation

	format string // media type; "" = the default

	nothing bool // the filter uses a property that the caller cannot read

	raw   string // the options of the first page
	after int64  // position after which this page starts
	later bool   // not the first page
	real  bool   // with Variants.EmptyPages: after the empty page
}

// usedProperties returns the properties in the filter and the search.
func (q *query) usedProperties() []string {
	var names []string
	var walk func(f *odata.Filter)
	walk = func(f *odata.Filter) {
		switch f.Op {
		case odata.And, odata.Or, odata.Not:
			for _, kid := range f.Kids {
				walk(kid)
			}
		default:
			name, _, _ := strings.Cut(f.Path, "/")
			names = append(names, name)
		}
	}
	if q.filter != nil {
		walk(q.filter)
	}
	if q.search != nil {
		q.search.Clauses(func(clause *odata.Search) bool {
			names = append(names, clause.Property)
			return true
		})
	}
	return names
}

// expansion is one relation of $expand.
type expansion = odata.Expansion

// relation is the supported nested options of an expanded relation.
type relation struct {
	check  func(c *call, sel []string) *wire.Problem // of a nested $select
	filter *rules                                    // of a nested $filter; nil: not supported
}

// relations are the relations of a type by name.
type relations map[string]relation

// check rejects unsupported expansions. Only one level is supported, with a
// nested $select and, for one relation, a nested $filter.
func (rs relations) check(c *call, q *query) *wire.Problem {
	for _, x := range q.expand {
		r, ok := rs[x.Path]
		if !ok {
			return licensing.expanding("The relation '%s' cannot be expanded.", x.Path)
		}
		if x.Expand != nil || x.OrderBy != nil || x.Top != nil || x.Skip != nil || x.Count != nil || x.Levels != 0 {
			return licensing.expanding("Only $select and $filter are supported inside $expand=%s.", x.Path)
		}
		if p := r.check(c, x.Select); p != nil {
			return p
		}
		if x.Filter == nil {
			continue
		}
		if r.filter == nil {
			return licensing.expanding("$filter is not supported inside $expand=%s.", x.Path)
		}
		if err := r.filter.check(x.Filter, usual); err != nil {
			return licensing.filtering("%s", sentence(err))
		}
	}
	return nil
}

// cloudOptions parses the options of a cloudLicensing resource and checks them
// against its type.
func (e *Endpoints) cloudOptions(c *call, allowed option, check func(*call, []string) *wire.Problem, known relations, filter rules) (*query, *wire.Problem) {
	q, p := e.options(c, licensing, allowed)
	if p != nil {
		return nil, p
	}
	if p := check(c, q.sel); p != nil {
		return nil, p
	}
	if q.filter != nil {
		if err := filter.check(q.filter, usual); err != nil {
			return nil, licensing.filtering("%s", sentence(err))
		}
	}
	if p := known.check(c, q); p != nil {
		return nil, p
	}
	return q, nil
}

// dialect is the error format of a family of resources for query options.
type dialect struct {
	unsupported func(format string, args ...any) *wire.Problem // unknown or unsupported option
	selecting   func(format string, args ...any) *wire.Problem
	expanding   func(format string, args ...any) *wire.Problem
	filtering   func(format string, args ...any) *wire.Problem
}

var directory = dialect{unsupported, wire.NotParsed, wire.NotParsed, unsupported}

var licensing = dialect{cloudProblem("invalidQuery"), cloudProblem("invalidQuery"), cloudProblem("invalidExpansion"), cloudProblem("invalidFilter")}

func cloudProblem(inner string) func(format string, args ...any) *wire.Problem {
	return func(format string, args ...any) *wire.Problem {
		return cloud(http.StatusBadRequest, inner, format, args...)
	}
}

// options parses the query of a call. It rejects an undocumented option. The
// service may ignore it silently, which would hide the client's error.
func (e *Endpoints) options(c *call, d dialect, allowed option) (*query, *wire.Problem) {
	values, err := c.named(c.RawQuery)
	q := &query{raw: optionsOf(values), after: -1}
	if err == nil && len(q.raw) > maxRaw && !values.Has("$skiptoken") {
		err = &odata.Error{Position: maxRaw, Want: fmt.Sprintf("at most %d bytes", maxRaw)}
	}
	if err != nil {
		return nil, d.unsupported("The query cannot be parsed: %s.", err)
	}
	c.query = values
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

// maxRaw limits the length of the options of a first page, because the links
// to the next pages contain them.
const maxRaw = wire.MaxURL - 1<<10

func parseQuery(raw string) (url.Values, error) { return odata.ParseQuery(raw) }

// named parses a query. Under beta, the $ of a system query option is
// optional: see Microsoft Learn, "Use query parameters to customize
// responses".
func (c *call) named(raw string) (url.Values, error) {
	values, err := parseQuery(raw)
	if err != nil || c.Version != "beta" {
		return values, err
	}
	for _, name := range slices.Collect(maps.Keys(values)) {
		if full := "$" + name; optionNames[full] != 0 || slices.Contains(otherOptions, full) {
			values[full] = append(values[full], values[name]...)
			delete(values, name)
		}
	}
	return values, nil
}

func (q *query) read(c *call, d dialect, allowed option, name string, values []string) *wire.Problem {
	known := optionNames[name] != 0 || slices.Contains(otherOptions, name)
	if !known {
		bare := "$" + strings.ToLower(strings.TrimPrefix(name, "$"))
		if strings.HasPrefix(name, "$") || optionNames[bare] != 0 || slices.Contains(otherOptions, bare) {
			return wire.NotParsed("The query parameter '%s' is not supported.", name)
		}
		return nil // Custom options are ignored, as in OData.
	}
	if len(values) > 1 {
		return wire.NotParsed("Query option '%s' was specified more than once, but it must be specified at most once.", name)
	}
	if allowed&optionNames[name] == 0 {
		if c.route.Cloud && c.Variants.IgnoreCloudOptions && slices.Contains([]string{"$count", "$orderby", "$skip", "$search"}, name) {
			return nil
		}
		if name == "$top" {
			return d.unsupported("This resource does not support custom page sizes. Please retry without a page size argument.")
		}
		return d.unsupported("'%s' is not supported by the service.", name)
	}
	value := values[0]
	var err error
	switch name {
	case "$select":
		if q.sel, err = odata.ParseSelect(value); err != nil {
			return d.selecting("Parsing OData Select and Expand failed: %s.", err)
		}
	case "$expand":
		if q.expand, err = odata.ParseExpand(value); err != nil {
			return d.expanding("Parsing OData Select and Expand failed: %s.", err)
		}
	case "$filter":
		if q.filter, err = odata.ParseFilter(value); err != nil {
			return d.filtering("Invalid filter clause: %s.", err)
		}
	case "$top":
		q.top, err = odata.Number(strings.TrimSpace(value))
		most := positive(c.route.most, 999)
		if c.route.Cloud && !c.Variants.LargePagesRefused {
			most = 1 << 30 // capped, not rejected
		} else if c.route.Cloud {
			most = c.cloudPageSize(&query{})
		}
		if err != nil || q.top < 1 || q.top > most {
			return d.unsupported("Invalid page size specified: '%s'. Must be between 1 and %d inclusive.", value, most)
		}
	case "$format":
		if q.format = value; value != jsonFormat && value != csvFormat {
			return wire.NotParsed("Invalid value '%s' for $format query option found. Valid values are '%s' and '%s'.", value, csvFormat, jsonFormat)
		}
	case "$count":
		if q.count, err = odata.Boolean(strings.TrimSpace(value)); err != nil {
			return wire.NotParsed("Invalid value '%s' for $count query option found. Valid values are 'true' and 'false'.", value)
		}
	case "$search":
		if q.search, err = odata.ParseSearch(value); err != nil {
			return unsupported("Unrecognized query argument specified: '$search': %s.", err)
		}
	case "$apply":
		if len(c.query) > 1 {
			return d.unsupported("'$apply' cannot be combined with other query options.")
		}
		if c.Variants.ApplyUnsupported {
			return cloud(http.StatusNotImplemented, "invalidQuery", "'$apply' is not implemented.")
		}
		if q.apply, err = odata.ParseApply(value); err == nil {
			err = checkApply(q.apply)
		}
		if err != nil {
			return d.unsupported("Invalid $apply: %s.", err)
		}
	case "$orderby":
		if q.orderBy, err = odata.ParseOrderBy(value); err != nil {
			return wire.NotParsed("Invalid $orderby: %s.", err)
		}
	}
	return nil
}

// sentence formats an error as a sentence.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// fragment returns the part of an @odata.context with the selected properties.
func fragment(set string, sel []string) string {
	if sel == nil {
		return set
	}
	return set + "(" + strings.Join(sel, ",") + ")"
}
