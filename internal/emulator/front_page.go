package emulator

import (
	"bytes"
	"html/template"
	"net/http"

	"licensegraph/internal/emulator/api"
	"licensegraph/internal/emulator/control"
	"licensegraph/internal/emulator/signin"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

// frontPage returns the page at the root, which lists what is implemented and
// what is not.
func (e *Emulator) frontPage(c *wire.Call) wire.Answer {
	if c.Method != http.MethodGet && c.Method != http.MethodHead {
		return wire.Answer{Status: http.StatusMethodNotAllowed, Plain: true, Header: map[string]string{"Allow": "GET, HEAD"}}
	}
	type endpoint struct{ Method, Path, Version, Application, Delegated, When, Basic string }
	var endpoints []endpoint
	for _, r := range api.Routes() {
		one := endpoint{Method: r.Method, Path: r.Template, Version: "both"}
		if r.Cloud {
			one.Version = "beta"
		}
		if len(r.App) > 0 && !r.Me {
			one.Application = r.App[0]
		}
		if len(r.Scopes) > 0 {
			one.Delegated = r.Scopes[0]
		}
		if len(r.Basic) > 0 {
			one.Basic = r.Basic[0]
		}
		if r.Exists != nil && !r.Exists(c.Variants) {
			one.When = "disabled: see the variants"
		}
		endpoints = append(endpoints, one)
	}
	state := ""
	if e.state != nil {
		state = ", from a saved state"
	}
	var b bytes.Buffer
	err := frontTemplate.Execute(&b, map[string]any{
		"Base": c.Base, "Tenant": e.id, "Domain": tenant.MainDomain, "Client": e.entra.ClientID(), "Secret": e.entra.ClientSecret(), "Public": e.entra.PublicClientID(), "Password": signin.Password,
		"Users": e.UserCount(), "State": state, "Endpoints": endpoints, "Missing": api.Missing(), "Controls": control.Endpoints(), "Control": control.Path, "Steered": e.control != nil,
	})
	if err != nil {
		panic(err) // The template and its input are valid.
	}
	a := wire.Answer{Status: http.StatusOK, Body: b.Bytes(), Plain: true}
	for name, value := range signin.PageHeaders("") {
		a.Set(name, value)
	}
	return a
}

var frontTemplate = template.Must(template.New("front").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Embedded Microsoft Graph</title><style>` + signin.Style + `</style></head>
<body class="wide"><h1>Embedded Microsoft Graph</h1>
<p>The licensing part of Microsoft Graph with {{.Users}} generated users{{.State}}, for tests of clients. It is not from Microsoft, not for production, and has no confidential data. Licenses, errors, queues and rights are computed from the assignments.</p>
<h2>Addresses</h2>
<table>
<tr><th>Microsoft Graph</th><td><code>{{.Base}}/v1.0</code> and <code>{{.Base}}/beta</code></td></tr>
<tr><th>Sign-in (authority)</th><td><code>{{.Base}}/{{.Tenant}}</code></td></tr>
<tr><th>Tenant</th><td><code>{{.Tenant}}</code> or <code>{{.Domain}}</code></td></tr>
<tr><th>Application</th><td><code>{{.Client}}</code> with the secret <code>{{.Secret}}</code></td></tr>
<tr><th>Public client</th><td><code>{{.Public}}</code></td></tr>
<tr><th>Password of all users</th><td><code>{{.Password}}</code></td></tr>
</table>
<p>Example:</p>
<pre>token=$(curl -s {{.Base}}/{{.Tenant}}/oauth2/v2.0/token -d grant_type=client_credentials \
  -d client_id={{.Client}} -d client_secret={{.Secret}} \
  -d scope=https://graph.microsoft.com/.default | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
curl -s -H "Authorization: Bearer $token" '{{.Base}}/v1.0/users?$select=displayName,licenseAssignmentStates&amp;$top=2'</pre>
<h2>Implemented</h2>
<p>The permissions are the least privileged ones on the page of the endpoint; the higher ones on the page are accepted too. Query options that are not on the page are rejected. Requests are throttled as in the service.</p>
<table><thead><tr><th>Method and path</th><th>Version</th><th>Application</th><th>Delegated</th></tr></thead><tbody>
{{range .Endpoints}}<tr><td><code>{{.Method}} {{.Path}}</code>{{with .When}}<small>{{.}}</small>{{end}}{{with .Basic}}<small>only basic properties: {{.}}</small>{{end}}</td><td>{{.Version}}</td><td>{{.Application}}</td><td>{{.Delegated}}</td></tr>
{{end}}</tbody></table>
<p>Sign-in: client credentials (secret, certificate, federated), authorization code with PKCE, device code, refresh tokens, password, on-behalf-of; discovery and keys.</p>
<h2>Not implemented</h2>
<p>The answer to these features of Microsoft Graph is 501 with the code <code>notImplemented</code>.</p>
<ul class="plain">
{{range .Missing}}<li>{{.}}</li>
{{end}}</ul>
{{if .Steered}}<h2>Control endpoints</h2>
<table><tbody>
{{range .Controls}}<tr><td><code>{{.Method}} {{$.Control}}{{.Path}}</code></td><td>{{.About}}</td></tr>
{{end}}</tbody></table>{{end}}
</body></html>
`))
