package contract

import (
	"net/url"
	"slices"
	"strings"
)

// asked is what the options of a request ask for.
type asked struct {
	sel    []string // nil: there is no $select
	expand []expansion
	apply  []string // the names that the rows of $apply have
	top    int
	count  bool
	later  bool // not the first page

	given url.Values // the options of the first page
}

// expansion is one relation of $expand.
type expansion struct {
	name   string
	sel    []string
	filter bool
	expand []expansion
}

func named(list []expansion, name string) *expansion {
	i := slices.IndexFunc(list, func(x expansion) bool { return x.name == name })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// optionsIn reads a query, names with their dollar.
func optionsIn(raw string) url.Values {
	values, _ := url.ParseQuery(strings.ReplaceAll(raw, ";", "%3B")) // They stand between options inside $expand.
	plain := url.Values{}
	for name, list := range values {
		plain["$"+strings.ToLower(strings.TrimPrefix(name, "$"))] = list
	}
	return plain
}

// options reads the query of a request that was answered: it is known to be
// good.
func options(raw string, first func(token string) (string, bool)) asked {
	values := optionsIn(raw)
	var a asked
	for _, name := range []string{"$skiptoken", "$deltatoken"} {
		token := values.Get(name)
		if token == "" || token == "latest" {
			continue
		}
		a.later = true
		values.Del(name)
		if first != nil {
			if raw, ok := first(token); ok {
				values = optionsIn(raw)
			}
		}
	}
	a.given = values
	if values.Has("$select") {
		a.sel = split(values.Get("$select"))
	}
	a.expand = expansions(values.Get("$expand"))
	a.count = values.Get("$count") == "true"
	for _, digit := range values.Get("$top") {
		a.top = a.top*10 + int(digit-'0')
	}
	a.apply = aggregated(values.Get("$apply"))
	return a
}

func split(list string) []string {
	names := strings.Split(list, ",")
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
	}
	return names
}

// parts cuts a text at a separator, but not inside parentheses.
func parts(text string, separator rune) []string {
	var list []string
	depth, from, quoted := 0, 0, false
	for i, r := range text {
		switch {
		case r == '\'':
			quoted = !quoted
		case quoted:
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == separator && depth == 0:
			list = append(list, strings.TrimSpace(text[from:i]))
			from = i + 1
		}
	}
	return append(list, strings.TrimSpace(text[from:]))
}

func expansions(text string) []expansion {
	if text == "" {
		return nil
	}
	var list []expansion
	for _, one := range parts(text, ',') {
		name, inner, nested := strings.Cut(one, "(")
		x := expansion{name: strings.TrimSpace(name)}
		if nested {
			for _, option := range parts(strings.TrimSuffix(strings.TrimSpace(inner), ")"), ';') {
				name, value, _ := strings.Cut(option, "=")
				switch strings.TrimPrefix(strings.ToLower(strings.TrimSpace(name)), "$") {
				case "select":
					x.sel = split(value)
				case "filter":
					x.filter = true
				case "expand":
					x.expand = expansions(value)
				}
			}
		}
		list = append(list, x)
	}
	return list
}

// aggregated are the names that the rows of $apply have: what they are grouped by,
// and the sums.
func aggregated(text string) []string {
	_, by, grouped := strings.Cut(text, "((")
	by, sums, _ := strings.Cut(by, ")")
	if !grouped {
		return nil
	}
	names := split(by)
	words := strings.FieldsFunc(sums, func(r rune) bool { return strings.ContainsRune(" ,()", r) })
	for i, word := range words {
		if word == "as" && i+1 < len(words) {
			names = append(names, words[i+1])
		}
	}
	return names
}
