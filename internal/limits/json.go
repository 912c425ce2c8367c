package limits

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/gqlerror"
)

// CheckJSON returns the limit that a request's JSON exceeds: its body, or a parameter of its URL. It scans the text
// once and stops at the first excess, before any value is decoded. Invalid JSON passes; the decoder reports it.
//
// Members of the outermost object may be longer than other strings: the query has a limit of its own.
func (l Limits) CheckJSON(text []byte) *gqlerror.Error {
	l = l.withDefaults()
	if !utf8.Valid(text) {
		return (&exceeded{limit: limitEncoding, measured: 1, allowed: 0}).error()
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	scan := scanner{limits: l}
	for {
		token, err := decoder.Token()
		if err != nil {
			return nil
		}
		if e := scan.token(token); e != nil {
			return e.error()
		}
	}
}

// scanner counts the values of one JSON text.
type scanner struct {
	limits Limits
	values int
	open   []container
}

// container is an object or a list that is being scanned.
type container struct {
	members  map[string]bool // member names so far; nil for a list
	elements int
	value    bool // the next token is a member's value
}

func (s *scanner) token(token json.Token) *exceeded {
	delimiter, isDelimiter := token.(json.Delim)
	if isDelimiter && (delimiter == '}' || delimiter == ']') {
		s.open = s.open[:len(s.open)-1]
		return nil
	}
	if e := s.place(token); e != nil {
		return e
	}
	switch token := token.(type) {
	case json.Delim:
		inner := container{}
		if token == '{' {
			inner.members = map[string]bool{}
		}
		if s.open = append(s.open, inner); len(s.open) > s.limits.Nesting {
			return &exceeded{limit: limitNesting, measured: len(s.open), allowed: s.limits.Nesting}
		}
	case json.Number:
		return s.number(token.String())
	case string:
		return s.text(token)
	}
	return nil
}

// place counts a value or a member's name.
func (s *scanner) place(token json.Token) *exceeded {
	if len(s.open) > 0 {
		in := &s.open[len(s.open)-1]
		switch {
		case in.members == nil:
			if in.elements++; in.elements > s.limits.list() {
				return &exceeded{limit: limitList, measured: in.elements, allowed: s.limits.list()}
			}
		case in.value:
			in.value = false
		default:
			name, _ := token.(string) // member names are strings
			if in.members[name] {
				return &exceeded{limit: limitMembers, measured: 2, allowed: 1}
			}
			in.members[name], in.value = true, true
			return nil
		}
	}
	if s.values++; s.values > s.limits.values() {
		return &exceeded{limit: limitValues, measured: s.values, allowed: s.limits.values()}
	}
	return nil
}

// numberBytes is the maximum length of a number: the smallest float64 in full precision has 24 characters.
const numberBytes = 40

func (s *scanner) number(text string) *exceeded {
	if len(text) > numberBytes {
		return &exceeded{limit: limitNumber, measured: len(text), allowed: numberBytes}
	}
	if _, err := strconv.ParseFloat(text, 64); err != nil {
		return &exceeded{limit: limitMagnitude, measured: 1, allowed: 0}
	}
	return nil
}

func (s *scanner) text(text string) *exceeded {
	if len(text) > s.limits.StringBytes && len(s.open) != 1 {
		return &exceeded{limit: limitString, measured: len(text), allowed: s.limits.StringBytes}
	}
	if n := strings.Count(text, "\x00"); n > 0 {
		return &exceeded{limit: limitNUL, measured: n, allowed: 0}
	}
	return nil
}

// list returns the maximum length of a list.
func (l Limits) list() int { return max(l.ListElements, l.IDs, l.Representations) }

// values returns the maximum number of values in a request, which includes the representations.
func (l Limits) values() int { return max(l.Values, product(10, l.Representations)) }
