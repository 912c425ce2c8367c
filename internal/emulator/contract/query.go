package contract

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// asked is the parsed options of a request.
type asked struct {
	sel    []string // nil: no $select
	expand []expansion
	apply  []string // the property names in the rows of $apply
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
	levels int // of $levels
}

func named(list []expansion, name string) *expansion {
	i := slices.IndexFunc(list, func(x expansion) bool { return x.name == name })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// optionsIn parses a query. Names start with a dollar sign.
func optionsIn(raw string) url.Values {
	values, _ := url.ParseQuery(strings.ReplaceAll(raw, ";", "%3B")) // a separator inside $expand
	plain := url.Values{}
	for name, list := range values {
		plain["$"+strings.ToLower(strings.TrimPrefix(name, "$"))] = list
	}
	return plain
}

// options parses the query of an answered request, which is valid.
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

// parts splits a text at a separator, except inside parentheses.
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
				case "levels":
					if x.levels, _ = strconv.Atoi(value); value == "max" {
						x.levels = 1000
					}
				}
			}
		}
		list = append(list, x)
	}
	return list
}

// aggregated returns the property names in the rows of $apply: the groupby
// properties and the aliases of the sums.
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
