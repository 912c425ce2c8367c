package msgraph

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// query returns a query string of names and values. Names such as $select stay unescaped; values are escaped, with %20
// for a space as in OData.
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

// at returns a path with a query string. See [query].
func at(path string, pairs ...string) string {
	if q := query(pairs...); q != "" {
		return path + "?" + q
	}
	return path
}

// below joins a path, an ID and further segments.
func below(path, id string, further ...string) string {
	return strings.Join(append([]string{path, url.PathEscape(id)}, further...), "/")
}

// atMost returns the value of $top; empty if no number is requested.
func atMost(wanted, most int) string {
	if wanted <= 0 {
		return ""
	}
	return strconv.Itoa(min(wanted, most))
}

// guidIs returns an expression that an Edm.Guid property has one of the values, which are not quoted.
func guidIs(property string, values []string) string {
	if len(values) == 1 {
		return property + " eq " + values[0]
	}
	return property + " in (" + strings.Join(values, ", ") + ")"
}

// allOf joins conditions with and, without empty ones.
func allOf(conditions ...string) string {
	return strings.Join(slices.DeleteFunc(conditions, func(c string) bool { return c == "" }), " and ")
}

// selected returns the value of $select: id and the properties, sorted.
func selected(properties []string) string {
	names := append([]string{"id"}, properties...)
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ",")
}

// literal returns a string literal (OData 4.01 ABNF, section 7: quotes are doubled).
func literal(text string) string {
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// in returns an expression that a property has one of the values.
func in(property string, values []string) string {
	literals := make([]string, len(values))
	for i, value := range values {
		literals[i] = literal(value)
	}
	return property + " in (" + strings.Join(literals, ",") + ")"
}
