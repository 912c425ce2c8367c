package odata

import (
	"strconv"
	"strings"
	"time"
)

// Kind is the type of a literal.
type Kind uint8

// The kinds of literals.
const (
	Null Kind = iota
	Bool
	Int     // fits Edm.Int64
	Decimal // any other number, with an optional exponent
	String
	GUID
	Date
	DateTimeOffset
)

var kindNames = [...]string{"null", "Edm.Boolean", "Edm.Int64", "Edm.Decimal", "Edm.String", "Edm.Guid", "Edm.Date", "Edm.DateTimeOffset"}

func (k Kind) String() string { return kindNames[k] }

// Literal is a value. The text of a String has no quotes. A GUID is in lower
// case, and a DateTimeOffset in UTC in RFC 3339 format.
type Literal struct {
	Kind Kind
	Text string
}

func (l Literal) String() string {
	if l.Kind == String {
		return "'" + strings.ReplaceAll(l.Text, "'", "''") + "'"
	}
	return l.Text
}

// Time returns the value of a DateTimeOffset, or the start of a Date in UTC.
func (l Literal) Time() time.Time {
	layout := time.RFC3339Nano
	if l.Kind == Date {
		layout = time.DateOnly
	}
	t, _ := time.Parse(layout, l.Text)
	return t
}

// literal consumes a literal.
func (p *parser) literal() Literal {
	p.count()
	v := p.tok.value
	switch {
	case p.tok.kind == literal:
	case p.tok.kind == word && (p.tok.text == "true" || p.tok.text == "false"):
		v = Literal{Bool, p.tok.text}
	case p.tok.kind == word && p.tok.text == "null":
		v = Literal{Null, "null"}
	default:
		p.expected("a literal")
	}
	p.advance()
	return v
}

const guidLength = 36

// isGUID reports whether s starts with a GUID that no further letter or digit
// follows.
func isGUID(s string) bool {
	if len(s) < guidLength || len(s) > guidLength && (letter(s[guidLength]) || digit(s[guidLength]) || s[guidLength] == '-') {
		return false
	}
	for i := range guidLength {
		c := s[i]
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') || !dash && !digit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

// number parses a literal that starts with a digit or a sign: a number, a
// date, or a time.
func number(s string) (Literal, bool) {
	if _, err := strconv.ParseInt(s, 10, 64); err == nil {
		return Literal{Int, s}, true
	}
	if _, err := time.Parse(time.DateOnly, s); err == nil {
		return Literal{Date, s}, true
	}
	upper := strings.ToUpper(s)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00"} { // seconds are optional
		if t, err := time.Parse(layout, upper); err == nil {
			if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
				return Literal{}, false
			}
			return Literal{DateTimeOffset, t.Format(time.RFC3339Nano)}, true
		}
	}
	if !decimal(s) {
		return Literal{}, false
	}
	return Literal{Decimal, s}, true
}

// decimal accepts digits with an optional sign, fraction and exponent.
func decimal(s string) bool {
	digits := func() bool {
		n := 0
		for n < len(s) && digit(s[n]) {
			n++
		}
		s = s[n:]
		return n > 0
	}
	sign := func() {
		if s != "" && (s[0] == '-' || s[0] == '+') {
			s = s[1:]
		}
	}
	sign()
	if !digits() {
		return false
	}
	if strings.HasPrefix(s, ".") {
		if s = s[1:]; !digits() {
			return false
		}
	}
	if s != "" && s[0]|0x20 == 'e' {
		s = s[1:]
		if sign(); !digits() {
			return false
		}
	}
	return s == ""
}
