package msgraph

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

const (
	// maxChallenge bounds the WWW-Authenticate header that is read, and maxClaims the claims that are passed on.
	maxChallenge = 8 << 10
	maxClaims    = 4 << 10
)

// refused tells whether an answer refuses the token, and another one is worth a try.
func (o *Operation) refused(a *answer) bool {
	return a.status == http.StatusUnauthorized && a.token != "" && o.tokens.Refused(a.token, claimsChallenge(a.header))
}

// claimsChallenge returns the claims that a 401 demands of the next token, a JSON object; empty when it demands none
// (Microsoft Learn, "Claims challenges, claims requests and client capabilities").
func claimsChallenge(header http.Header) string {
	for _, text := range header.Values("WWW-Authenticate") {
		if len(text) > maxChallenge {
			continue
		}
		for _, c := range challenges(text) {
			if !strings.EqualFold(c.scheme, "Bearer") || c.parameters["error"] != "insufficient_claims" {
				continue
			}
			if claims := decodeClaims(c.parameters["claims"]); claims != "" {
				return claims
			}
		}
	}
	return ""
}

// decodeClaims reads claims in base64, of either alphabet, padded or not: a JSON object, else nothing.
func decodeClaims(text string) string {
	text = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(text), "=")
	decoded, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(decoded) > maxClaims {
		return ""
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(decoded, &members) != nil || len(members) == 0 {
		return ""
	}
	return string(decoded)
}

// challenge is one way to be let in.
type challenge struct {
	scheme     string
	parameters map[string]string // their names in lower case
}

// challenges reads a WWW-Authenticate header (RFC 9110, section 11.6.1); none if a part of it is not well-formed.
func challenges(text string) []challenge {
	var list []challenge
	p := &challengeText{rest: text}
	for p.separators(); p.rest != ""; p.separators() {
		word := p.token()
		if word == "" {
			return nil
		}
		blank := p.blanks()
		if p.take('=') { // one more parameter
			if len(list) == 0 || !p.value(&list[len(list)-1], word) {
				return nil
			}
			continue
		}
		list = append(list, challenge{scheme: word, parameters: map[string]string{}})
		if p.rest == "" || p.rest[0] == ',' {
			continue
		}
		if !blank || !p.parameter(&list[len(list)-1]) {
			return nil
		}
	}
	return list
}

// challengeText is what is left of a header.
type challengeText struct{ rest string }

// separators skips what is between the elements of a list, some of which may be empty.
func (p *challengeText) separators() { p.rest = strings.TrimLeft(p.rest, " \t,") }

// blanks skips blanks, and tells whether there were any.
func (p *challengeText) blanks() bool {
	before := len(p.rest)
	p.rest = strings.TrimLeft(p.rest, " \t")
	return len(p.rest) < before
}

func (p *challengeText) take(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// token reads a token (RFC 9110, section 5.6.2); empty when there is none.
func (p *challengeText) token() string {
	end := strings.IndexFunc(p.rest, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
	if end < 0 {
		end = len(p.rest)
	}
	token := p.rest[:end]
	p.rest = p.rest[end:]
	return token
}

// parameter reads a name with its value.
func (p *challengeText) parameter(c *challenge) bool {
	name := p.token()
	p.blanks()
	return name != "" && p.take('=') && p.value(c, name)
}

// value reads the value of a parameter. No name comes twice.
func (p *challengeText) value(c *challenge, name string) bool {
	p.blanks()
	value, ok := "", true
	if p.take('"') {
		value, ok = p.quoted()
	} else if value = p.token(); value == "" {
		ok = false
	}
	name = strings.ToLower(name)
	if _, twice := c.parameters[name]; twice || !ok {
		return false
	}
	c.parameters[name] = value
	p.blanks()
	return p.rest == "" || p.rest[0] == ','
}

// quoted reads the rest of a quoted string (RFC 9110, section 5.6.4).
func (p *challengeText) quoted() (string, bool) {
	var value strings.Builder
	for i := 0; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '"':
			p.rest = p.rest[i+1:]
			return value.String(), true
		case c == '\\' && i+1 < len(p.rest):
			i++
			value.WriteByte(p.rest[i])
		case c < ' ' && c != '\t', c == 0x7f:
			return "", false
		default:
			value.WriteByte(c)
		}
	}
	return "", false
}
