package signin

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

// page is an HTML page. It has only links and forms, no scripts.
type page struct {
	Title   string
	Problem string
	Action  string // action of the form; "" = no form
	Method  string
	Hidden  []input
	Input   *input // a text field
	Button  string
	People  []choice
}

type input struct{ Name, Value string }

// choice is a user to sign in as.
type choice struct{ Link, Name, Detail string }

// Style is the style sheet of pages.
const Style = `body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}` +
	`h1{font-size:1.4rem}ul{list-style:none;padding:0}a{display:block;padding:.5rem;border-bottom:1px solid #ccc;color:#0b57d0;text-decoration:none}` +
	`a:hover,a:focus{background:#eef3fc}small{display:block;color:#444}input,button{font:inherit;padding:.4rem}` +
	`[role=alert]{color:#a4000f}.wide{max-width:72rem}h2{font-size:1.15rem}table{border-collapse:collapse;width:100%}` +
	`th,td{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;border-bottom:1px solid #ddd}.wide td:first-child code{white-space:nowrap}.plain{list-style:disc;padding-left:1.2rem}` +
	`pre{background:#f5f5f5;padding:.75rem;overflow:auto}code{font-size:.9em;overflow-wrap:anywhere}`

var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Title}}</title><style>` + Style + `</style></head>
<body><h1>{{.Title}}</h1>
<p>Embedded tenant: everybody here is made up, and nothing is a secret.</p>
{{with .Problem}}<p role="alert">{{.}}</p>{{end}}
{{with .Action}}<form method="{{$.Method}}" action="{{.}}">
{{range $.Hidden}}<input type="hidden" name="{{.Name}}" value="{{.Value}}">
{{end}}{{with $.Input}}<label>{{.Value}} <input name="{{.Name}}" required autocomplete="off"></label> {{end}}<button>{{$.Button}}</button></form>{{end}}
{{with .People}}<ul>
{{range .}}<li><a href="{{.Link}}">{{.Name}}<small>{{.Detail}}</small></a></li>
{{end}}</ul>{{end}}
</body></html>
`))

var styleSource = func() string {
	sum := sha256.Sum256([]byte(Style))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

// answer renders the page. Its form can redirect to one other origin.
func (p page) answer(status int, formOrigin string) wire.Answer {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		panic(err) // The template and the page are valid.
	}
	return wire.Answer{Status: status, Body: b.Bytes(), Header: PageHeaders(formOrigin)}
}

// PageHeaders returns the headers of a page. Its form can redirect to one
// other origin.
func PageHeaders(formOrigin string) map[string]string {
	return map[string]string{
		"Content-Type":                 "text/html; charset=utf-8",
		"Cache-Control":                "no-store",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
		"Content-Security-Policy":      "default-src 'none'; style-src " + styleSource + "; form-action 'self' " + formOrigin + "; base-uri 'none'; frame-ancestors 'none'",
		"Referrer-Policy":              "no-referrer",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
	}
}

// signInError returns the page for an error that is not sent to the
// application.
func (e *Entra) signInError(c *wire.Call, number int, text string) wire.Answer {
	return page{Title: "Sorry, but we're having trouble signing you in.", Problem: fmt.Sprintf("AADSTS%d: %s", number, text)}.answer(http.StatusBadRequest, "")
}

// choose returns the page that lists users.
func (e *Entra) choose(c *wire.Call, params url.Values, problem string) wire.Answer {
	p := page{Title: "Pick an account", Problem: problem, Action: "authorize", Method: "get", Button: "Next", Input: &input{"login_hint", "Another user:"}}
	for _, name := range slices.Sorted(keysOf(params)) {
		if name != "login_hint" && name != "chosen" {
			p.Hidden = append(p.Hidden, input{name, params.Get(name)})
		}
	}
	p.Hidden = append(p.Hidden, input{"chosen", "1"})
	for _, user := range e.choices() {
		again := url.Values{}
		for name := range params {
			again.Set(name, params.Get(name))
		}
		again.Set("chosen", "1")
		again.Set("login_hint", user.PrincipalName)
		p.People = append(p.People, choice{"authorize?" + again.Encode(), user.Name, detail(&user)})
	}
	return p.answer(http.StatusOK, originOf(params.Get("redirect_uri")))
}

func keysOf(values url.Values) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range values {
			if !yield(name) {
				return
			}
		}
	}
}

func detail(p *access.Person) string {
	switch {
	case p.Guest:
		return p.PrincipalName + ", guest"
	case p.Role != nil:
		return p.PrincipalName + ", " + p.Role.Name
	}
	return p.PrincipalName
}

// choices returns the users on the page: those with a role, a guest, and
// others.
func (e *Entra) choices() []access.Person {
	var list []access.Person
	plain, guests := 0, 0
	e.store.Read(func(t *tenant.Tenant) {
		for p := range access.People(t) {
			switch {
			case p.Disabled:
				continue
			case p.Guest:
				if guests++; guests > 1 {
					continue
				}
			case p.Role == nil:
				if plain++; plain > listedUsers-len(access.Roles)-1 {
					if guests > 0 {
						return
					}
					continue
				}
			}
			if list = append(list, p); len(list) == listedUsers {
				return
			}
		}
	})
	return list
}

// originOf returns the origin of a redirect URI for a content security policy.
func originOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || strings.ContainsAny(u.Host, " ;,'\"") {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// sendBack answers the application through the browser, in its response mode:
// OAuth 2.0 Multiple Response Types and Form Post Response Mode.
func sendBack(params, values url.Values) wire.Answer {
	redirect := params.Get("redirect_uri")
	if state := params.Get("state"); state != "" {
		values.Set("state", state)
	}
	u, err := url.Parse(redirect)
	if err != nil {
		panic(err) // redirectsTo has parsed it.
	}
	switch params.Get("response_mode") {
	case "form_post":
		p := page{Title: "Back to the application", Action: redirect, Method: "post", Button: "Continue"}
		for _, name := range slices.Sorted(keysOf(values)) {
			p.Hidden = append(p.Hidden, input{name, values.Get(name)})
		}
		return p.answer(http.StatusOK, originOf(redirect))
	case "fragment":
		u.Fragment = ""
		return found(u.String() + "#" + values.Encode())
	}
	query := u.Query()
	for name := range values {
		query.Set(name, values.Get(name))
	}
	u.RawQuery = query.Encode()
	return found(u.String())
}

func found(location string) wire.Answer {
	return wire.Answer{Status: http.StatusFound, Header: map[string]string{"Location": location, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}}
}

// answerAsForm converts an error of the token endpoint to the parameters of a
// redirect.
func answerAsForm(a wire.Answer) url.Values {
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(a.Body, &body) // The emulator wrote the body.
	if body.Error == "invalid_grant" {
		body.Error = "consent_required"
	}
	return url.Values{"error": {body.Error}, "error_description": {body.Description}}
}
