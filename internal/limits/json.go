package limits

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/gqlerror"
)

// CheckJSON returns what is too much in the JSON text of a request: its body, or a parameter of its URL. It reads
// the text once, keeps none of it, and stops at the first excess, so that nothing is decoded that a few bytes make
// large or deep. A text that is no JSON passes: who decodes it says what is wrong with it.
//
// Members of the outermost object may be longer than other strings. The query is one, and has a limit of its own.
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

// container is an object or a list that has begun.
type container struct {
	members  map[string]bool // names so far; nil for a list
	elements int
	value    bool // whether a member's value comes next
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

// place counts a value, or a member's name, where it stands.
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
			name, _ := token.(string) // JSON has no other names
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

// numberBytes is the length of the longest number that means something: the smallest float64 in full precision takes
// 24.
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

// list is the length of the longest list that any argument takes.
func (l Limits) list() int { return max(l.ListElements, l.IDs, l.Representations) }

// values is the number of values of a request: enough for as many representations as are allowed.
func (l Limits) values() int { return max(l.Values, product(10, l.Representations)) }
