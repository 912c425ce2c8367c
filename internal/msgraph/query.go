package msgraph

import (
	"net/url"
	"slices"
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
