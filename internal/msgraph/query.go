package msgraph

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// query joins names and values to a query string. Names such as $select stay readable; the values are
// escaped, with %20 for a blank as OData has it.
func query(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(pairs[i])
		b.WriteByte('=')
		b.WriteString(strings.ReplaceAll(url.QueryEscape(pairs[i+1]), "+", "%20"))
	}
	return b.String()
}

// at returns the address of a path with a query, see [query].
func at(path string, pairs ...string) string {
	if q := query(pairs...); q != "" {
		return path + "?" + q
	}
	return path
}

// below joins a path and an id, and what is below that.
func below(path, id string, further ...string) string {
	return strings.Join(append([]string{path, url.PathEscape(id)}, further...), "/")
}

// atMost writes the value of $top; empty when nobody asked for a number.
func atMost(wanted, most int) string {
	if wanted <= 0 {
		return ""
	}
	return strconv.Itoa(min(wanted, most))
}

// guidIs writes the expression that a property of the type Edm.Guid has one of the values, which are not quoted.
func guidIs(property string, values []string) string {
	if len(values) == 1 {
		return property + " eq " + values[0]
	}
	return property + " in (" + strings.Join(values, ", ") + ")"
}

// allOf joins conditions, without those that are empty.
func allOf(conditions ...string) string {
	return strings.Join(slices.DeleteFunc(conditions, func(c string) bool { return c == "" }), " and ")
}

// selected returns the value of $select: the id, and the properties in a stable order.
func selected(properties []string) string {
	names := append([]string{"id"}, properties...)
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ",")
}

// literal writes a string literal (OData 4.01 ABNF, section 7: a quote is doubled).
func literal(text string) string {
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// in writes the expression that a property has one of the values.
func in(property string, values []string) string {
	literals := make([]string, len(values))
	for i, value := range values {
		literals[i] = literal(value)
	}
	return property + " in (" + strings.Join(literals, ",") + ")"
}
