package odata

import (
	"fmt"
	"strconv"
	"strings"
)

// Limits of one option.
const (
	MaxLength = 8 << 10 // bytes
	MaxDepth  = 32      // nested parentheses, not, any and $expand
	MaxNodes  = 1024    // operators, literals and names in lists
)

type tokenKind uint8

const (
	end     tokenKind = iota
	mark              // one of ( ) , / : ; = *
	word              // a name, with dots if it is qualified
	system            // $count and similar
	literal           // except true, false and null, which are words
	phrase            // in double quotes, for $search
	broken            // an invalid token
)

type token struct {
	kind  tokenKind
	at    int
	text  string // of a phrase, without quotes and escapes
	value Literal
	glued bool // no space before it
}

// parser contains the current token and the first error. After an error the
// token stays broken, so that parsing ends.
type parser struct {
	text  string
	next  int // position after tok
	tok   token
	depth int
	nodes int
	vars  []string // range variables in scope
	err   *Error
}

func newParser(text string) *parser {
	p := &parser{text: text}
	if len(text) > MaxLength {
		p.fail(MaxLength, fmt.Sprintf("at most %d bytes", MaxLength))
	}
	p.advance()
	return p
}

// fail records the first error.
func (p *parser) fail(at int, want string) {
	if p.err == nil {
		p.err = &Error{at, want, excerpt(p.text[min(at, len(p.text)):])}
	}
	p.tok = token{kind: broken, at: at}
	p.next = len(p.text)
}

// expected fails at the token.
func (p *parser) expected(want string) { p.fail(p.tok.at, want) }

// result returns the error as an interface, after the end of the text.
func (p *parser) result() error {
	if p.err == nil && p.tok.kind != end {
		p.expected("the end")
	}
	if p.err != nil {
		return p.err
	}
	return nil
}

// count limits the number of nodes.
func (p *parser) count() {
	if p.nodes++; p.nodes > MaxNodes {
		p.expected(fmt.Sprintf("at most %d parts", MaxNodes))
	}
}

// enter starts a level, unless the limit is reached.
func (p *parser) enter() bool {
	if p.depth++; p.depth > MaxDepth {
		p.expected(fmt.Sprintf("at most %d levels", MaxDepth))
		return false
	}
	return p.err == nil
}

func (p *parser) leave() { p.depth-- }

// take consumes a mark.
func (p *parser) take(m string) bool {
	if p.tok.kind != mark || p.tok.text != m {
		return false
	}
	p.advance()
	return true
}

// must consumes a required mark.
func (p *parser) must(m string) {
	if !p.take(m) {
		p.expected("'" + m + "'")
	}
}

// is reports whether the token is a word, ignoring case.
func (p *parser) is(name string) bool {
	return p.tok.kind == word && strings.EqualFold(p.tok.text, name)
}

// keyword consumes a case-sensitive word.
func (p *parser) keyword(name string) {
	if p.tok.kind != word || p.tok.text != name {
		p.expected("'" + name + "'")
		return
	}
	p.advance()
}

// name consumes a word without dots.
func (p *parser) name(what string) string {
	text := p.tok.text
	if p.tok.kind != word || strings.Contains(text, ".") {
		p.expected(what)
		return ""
	}
	p.advance()
	return text
}

// path consumes names separated by slashes, optionally with $count at the end.
func (p *parser) path(what string) string {
	p.count()
	if p.tok.kind != word {
		p.expected(what)
		return ""
	}
	from, to := p.tok.at, p.next
	p.advance()
	for p.tok.kind == mark && p.tok.text == "/" && p.tok.glued {
		p.advance()
		switch {
		case !p.tok.glued, p.tok.kind != word && (p.tok.kind != system || p.tok.text != "$count"):
			p.expected("a name")
			return ""
		case p.tok.kind == word && p.tok.text == "any" && p.opens():
			return p.text[from:to] // The caller consumes any.
		}
		last := p.tok.kind == system
		to = p.next
		if p.advance(); last {
			break
		}
	}
	return p.text[from:to]
}

// opens reports whether a parenthesis follows the token.
func (p *parser) opens() bool {
	return strings.HasPrefix(strings.TrimLeft(p.text[p.next:], blanks), "(")
}

const blanks = " \t"

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

// advance reads the next token.
func (p *parser) advance() {
	if p.err != nil {
		return
	}
	behind, before := p.next, p.tok.kind
	rest := strings.TrimLeft(p.text[behind:], blanks)
	at := len(p.text) - len(rest)
	p.tok = token{at: at, glued: at == behind}
	size := 1
	switch {
	case rest == "":
		p.next = at
		return
	case strings.IndexByte("(),/:;=*", rest[0]) >= 0:
		p.tok.kind = mark
	case rest[0] == '\'':
		size = p.quoted(rest)
	case rest[0] == '"':
		size = p.phrase(rest)
	case rest[0] == '$':
		p.tok.kind = system
		for size < len(rest) && letter(rest[size]) {
			size++
		}
	case isGUID(rest):
		size = guidLength
		p.tok.kind, p.tok.value = literal, Literal{GUID, strings.ToLower(rest[:size])}
	case letter(rest[0]):
		p.tok.kind = word
		for size < len(rest) && (letter(rest[size]) || digit(rest[size]) || rest[size] == '.' && size+1 < len(rest) && letter(rest[size+1])) {
			size++
		}
	case digit(rest[0]), rest[0] == '-', rest[0] == '+':
		for size < len(rest) && (letter(rest[size]) || digit(rest[size]) || strings.IndexByte(".:+-", rest[size]) >= 0) {
			size++
		}
		p.tok.kind, p.tok.value = literal, Literal{}
		if v, ok := number(rest[:size]); ok {
			p.tok.value = v
		} else {
			p.fail(at, "a literal")
		}
	default:
		p.fail(at, "a name, a literal or a mark")
	}
	if p.err != nil {
		return
	}
	if p.tok.glued && at > 0 && before >= word && p.tok.kind >= word {
		p.fail(at, "a blank")
		return
	}
	if p.tok.kind != phrase {
		p.tok.text = rest[:size]
	}
	p.next = at + size
}

// quoted reads a string, in which two quotes represent one.
func (p *parser) quoted(rest string) (size int) {
	var b strings.Builder
	for size = 1; ; {
		part, _, closed := strings.Cut(rest[size:], "'")
		size += len(part) + 1
		b.WriteString(part)
		if !closed {
			p.fail(p.tok.at, "a closing quote")
			return 0
		}
		if size == len(rest) || rest[size] != '\'' {
			p.tok.kind, p.tok.value = literal, Literal{String, b.String()}
			return size
		}
		b.WriteByte('\'')
		size++
	}
}

// phrase reads a string in double quotes. A backslash escapes a double quote
// or a backslash.
func (p *parser) phrase(rest string) (size int) {
	var b strings.Builder
	for size = 1; size < len(rest); size++ {
		switch rest[size] {
		case '"':
			p.tok.kind, p.tok.text = phrase, b.String()
			return size + 1
		case '\\':
			if size++; size == len(rest) || rest[size] != '"' && rest[size] != '\\' {
				p.fail(p.tok.at+size, `'"' or '\' behind a backslash`)
				return 0
			}
		}
		b.WriteByte(rest[size])
	}
	p.fail(p.tok.at, "a closing quote")
	return 0
}

// Number parses a non-negative integer up to 2147483647, as for $top and
// $skip.
func Number(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, &Error{0, "a whole number", excerpt(text)}
	}
	return int(n), nil
}

// Boolean parses true or false, as for $count.
func Boolean(text string) (bool, error) {
	if text != "true" && text != "false" {
		return false, &Error{0, "'true' or 'false'", excerpt(text)}
	}
	return text == "true", nil
}
