package msgraph

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

const (
	// maxChallenge and maxClaims are the maximum sizes of a WWW-Authenticate header and of its claims, in bytes.
	maxChallenge = 8 << 10
	maxClaims    = 4 << 10
)

// refused reports whether the response rejects the token and another token may be accepted.
func (o *Operation) refused(a *response) bool {
	return a.status == http.StatusUnauthorized && a.token != "" && o.tokens.Refused(a.token, claimsChallenge(a.header))
}

// claimsChallenge returns the claims challenge of a 401, a JSON object; empty if there is none (Microsoft Learn,
// "Claims challenges, claims requests and client capabilities").
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

// decodeClaims decodes a JSON object in base64, standard or URL-safe, with or without padding; empty if it is invalid.
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

// challenge is an authentication challenge.
type challenge struct {
	scheme     string
	parameters map[string]string // by lower-case name
}

// challenges parses a WWW-Authenticate header (RFC 9110, section 11.6.1); nil if it is malformed.
func challenges(text string) []challenge {
	var list []challenge
	p := &challengeText{rest: text}
	for p.separators(); p.rest != ""; p.separators() {
		word := p.token()
		if word == "" {
			return nil
		}
		blank := p.blanks()
		if p.take('=') { // another parameter
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

// challengeText is the unparsed rest of a header.
type challengeText struct{ rest string }

// separators skips the commas and blanks between list elements, which may be empty.
func (p *challengeText) separators() { p.rest = strings.TrimLeft(p.rest, " \t,") }

// blanks skips blanks and reports whether there were any.
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

// token parses a token (RFC 9110, section 5.6.2); empty if there is none.
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

// parameter parses a parameter.
func (p *challengeText) parameter(c *challenge) bool {
	name := p.token()
	p.blanks()
	return name != "" && p.take('=') && p.value(c, name)
}

// value parses the value of a parameter; false for a repeated name.
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

// quoted parses the rest of a quoted string (RFC 9110, section 5.6.4).
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
