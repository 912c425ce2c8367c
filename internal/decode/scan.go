package decode

import (
	"fmt"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// This file reads the grammar of JSON (RFC 8259). It accepts the texts that encoding/json accepts, which a fuzz test
// compares, in half the time of package jsontext.

// maxDepth is the maximum depth of objects and arrays, as in encoding/json.
const maxDepth = 10_000

// fail records the first error.
func (d *Decoder) fail(reason string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s at byte %d", ErrSyntax, reason, d.at)
	}
}

// next skips whitespace and returns the next byte; 0 at the end.
func (d *Decoder) next() byte {
	for ; d.at < len(d.text); d.at++ {
		switch c := d.text[d.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// Peek returns the kind of the next value: '{', '[', '"', '0', 't', 'f' or 'n'; 0 at the end of the text and after an
// error. Instead of a value there can be another byte, which [Decoder.Skip] rejects.
func (d *Decoder) Peek() byte {
	if d.err != nil {
		return 0
	}
	switch c := d.next(); c {
	case '-', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return '0'
	case 0:
		if d.at < len(d.text) {
			d.fail("missing value")
		}
		return 0
	default:
		return c
	}
}

// open reads the start of an object or array that was peeked.
func (d *Decoder) open() {
	if d.depth++; d.depth > maxDepth {
		d.fail("too deep")
	}
	d.at++
	d.opened = true
}

// more reports whether another member or element follows, and reads the comma before it, or the end.
func (d *Decoder) more(end byte) bool {
	if d.err != nil {
		return false
	}
	c := d.next()
	switch {
	case c == end:
		d.at++
		d.depth--
		d.opened = false
		return false
	case d.opened:
		d.opened = false
		return true
	case c != ',':
		d.fail("missing comma")
		return false
	}
	d.at++
	return true
}

// name reads the name of a member and the colon.
func (d *Decoder) name() string {
	if d.next() != '"' {
		d.fail("missing name")
		return ""
	}
	name := d.unquoted()
	if d.next() != ':' {
		d.fail("missing colon")
		return ""
	}
	d.at++
	return name
}

// Raw reads the next value.
func (d *Decoder) Raw() string {
	d.Peek()
	start := d.at
	if d.Skip(); d.err != nil {
		return ""
	}
	return d.text[start:d.at]
}

// Skip skips the next value.
func (d *Decoder) Skip() {
	switch d.Peek() {
	case '{':
		for d.open(); d.more('}'); d.Skip() {
			d.name()
		}
	case '[':
		for d.open(); d.more(']'); {
			d.Skip()
		}
	case '"':
		d.quoted()
	case '0':
		d.number()
	case 't':
		d.literal("true")
	case 'f':
		d.literal("false")
	case 'n':
		d.literal("null")
	default:
		d.fail("missing value")
	}
}

func (d *Decoder) literal(text string) {
	if len(d.text)-d.at < len(text) || d.text[d.at:d.at+len(text)] != text {
		d.fail("invalid literal")
		return
	}
	d.at += len(text)
}

func (d *Decoder) number() {
	if d.text[d.at] == '-' {
		d.at++
	}
	if d.at < len(d.text) && d.text[d.at] == '0' {
		d.at++
	} else {
		d.digits()
	}
	if d.at < len(d.text) && d.text[d.at] == '.' {
		d.at++
		d.digits()
	}
	if d.at < len(d.text) && d.text[d.at]|0x20 == 'e' {
		d.at++
		if d.at < len(d.text) && (d.text[d.at] == '+' || d.text[d.at] == '-') {
			d.at++
		}
		d.digits()
	}
}

// digits reads one digit or more.
func (d *Decoder) digits() {
	start := d.at
	for d.at < len(d.text) && d.text[d.at] >= '0' && d.text[d.at] <= '9' {
		d.at++
	}
	if d.at == start {
		d.fail("missing digit")
	}
}

// special are the bytes at which a string ends or is not plain ASCII.
var special = func() (special [256]bool) {
	for c := range special {
		special[c] = c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf
	}
	return special
}()

// quoted reads a string with its quotes. It is plain if its content is the text between them.
func (d *Decoder) quoted() (raw string, plain bool) {
	text, start := d.text, d.at
	escaped, ascii := false, true
	for i := start + 1; i < len(text); i++ {
		c := text[i]
		if !special[c] {
			continue
		}
		switch {
		case c == '"':
			d.at = i + 1
			raw = text[start:d.at]
			return raw, !escaped && (ascii || utf8.ValidString(raw))
		case c == '\\':
			escaped = true
			n := escape(text[i:])
			if n == 0 {
				d.at = i
				d.fail("invalid escape")
				return "", false
			}
			i += n - 1
		case c < ' ':
			d.at = i
			d.fail("control character in a string")
			return "", false
		default:
			ascii = false
		}
	}
	d.at = len(text)
	d.fail("unterminated string")
	return "", false
}

// escape returns the length of an escape sequence; 0 if it is invalid.
func escape(text string) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		const length = len(`\u0000`)
		if len(text) < length {
			return 0
		}
		for _, c := range []byte(text[2:length]) {
			if lower := c | 0x20; (c < '0' || c > '9') && (lower < 'a' || lower > 'f') {
				return 0
			}
		}
		return length
	}
	return 0
}

// unquoted reads a string that was peeked.
func (d *Decoder) unquoted() string {
	raw, plain := d.quoted()
	switch {
	case d.err != nil:
		return ""
	case plain:
		return raw[1 : len(raw)-1]
	}
	text, _ := jsontext.AppendUnquote(nil, raw) // the error is invalid UTF-8, which is replaced
	return string(text)
}
