package emulator

import (
	"bytes"
	"html/template"
	"net/http"
	"strings"

	"licensegraph/internal/emulator/signin"
	"licensegraph/internal/emulator/wire"
)

// missing is what Microsoft Graph has near this surface and the emulator has not. It
// answers 501 where its address or name is known, see [notImplemented].
var missing = []string{
	"Purchases (directory/subscriptions), usage reports (reports, copilot, admin/reportSettings), audit logs (auditLogs), organization, mailbox settings.",
	"Other workloads: mail, files, teams, devices management and so on.",
	"Of directory objects: memberOf, transitiveMembers, owners, managers, photos, directory roles as objects, deleted items and their restoring, open and schema extensions, $ref of anything but members, DELETE members/{id} without $ref (which deletes the member itself), retryServiceProvisioning.",
	"Of cloudLicensing, what only Microsoft's list of permissions has: " + allotmentRef + " and " + assigneeRef + ", " + poolOwner + ". As a property (cloudLicensing of users and groups in $select): nothing.",
	"licenseDetails/{id}, licenseDetails/getTeamsLicensingDetails, directoryObjects/{id}, and members of one type (members/microsoft.graph.user).",
	strings.Join(otherCalls, ", ") + ".",
	"A property by its own path (users/{id}/displayName), and lists of users of one type other than agents.",
	"In bodies: " + strings.Join(takenOfUsers, ", ") + " of users; " + strings.Join(takenOfGroups, ", ") + ", DynamicMembership and a later securityEnabled of groups; managers and owners (manager@odata.bind, owners@odata.bind).",
	"Properties of users: " + strings.Join(otherUserProperties, ", ") + ".",
	"Properties of groups: " + strings.Join(otherGroupProperties, ", ") + ".",
	"Change notifications (subscriptions). Changes are told by delta queries of users and groups alone.",
	"$metadata, /$value, and $skip, $format and $compute, which the endpoints below do not document either.",
	"Dynamic groups, nested groups that license (only direct members are licensed, as in the service), and administrative units.",
	"Multi-factor sign-in, consent pages and conditional access, except as a refusal on request (variant onBehalfOf).",
	"Several tenants in one process: start one process for each.",
}

// frontPage is what a person finds at the root: what is here and what is not.
func (e *Emulator) frontPage(c *wire.Call) wire.Answer {
	if c.Method != http.MethodGet && c.Method != http.MethodHead {
		return wire.Answer{Status: http.StatusMethodNotAllowed, Plain: true, Header: map[string]string{"Allow": "GET, HEAD"}}
	}
	type endpoint struct{ Method, Path, Version, Application, Delegated, When, Basic string }
	var endpoints []endpoint
	for i := range routes {
		r := &routes[i]
		one := endpoint{Method: r.method, Path: r.template, Version: "both"}
		if r.cloud {
			one.Version = "beta"
		}
		if len(r.app) > 0 && !r.me {
			one.Application = r.app[0]
		}
		if len(r.scopes) > 0 {
			one.Delegated = r.scopes[0]
		}
		if len(r.basic) > 0 {
			one.Basic = r.basic[0]
		}
		if r.there != nil && !r.there(c.Variants) {
			one.When = "switched off: see the variants"
		}
		endpoints = append(endpoints, one)
	}
	state := ""
	if e.state != nil {
		state = ", from a saved state"
	}
	var b bytes.Buffer
	err := frontTemplate.Execute(&b, map[string]any{
		"Base": c.Base, "Tenant": e.id, "Domain": mainDomain, "Client": e.clientID, "Secret": e.entra.ClientSecret(), "Public": e.entra.PublicClientID(), "Password": signin.Password,
		"Users": e.UserCount(), "State": state, "Endpoints": endpoints, "Missing": missing, "Controls": controls, "Control": controlPath, "Steered": e.controlFor != "off",
	})
	if err != nil {
		panic(err) // The template and what goes into it are our own.
	}
	a := wire.Answer{Status: http.StatusOK, Body: b.Bytes(), Plain: true}
	for name, value := range signin.PageHeaders("") {
		a.Set(name, value)
	}
	return a
}

var frontTemplate = template.Must(template.New("front").Funcs(template.FuncMap{
	"method": func(c control) string { return c.method }, "path": func(c control) string { return c.path }, "about": func(c control) string { return c.about },
}).Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Embedded Microsoft Graph</title><style>` + signin.Style + `</style></head>
<body class="wide"><h1>Embedded Microsoft Graph</h1>
<p>The licensing surface of Microsoft Graph over {{.Users}} made-up people{{.State}}, for tests of clients. It is not Microsoft's, it is not for production, and nothing here is a secret. Licenses, errors, queues and rights follow from what is assigned: a write has consequences.</p>
<h2>Addresses</h2>
<table>
<tr><th>Microsoft Graph</th><td><code>{{.Base}}/v1.0</code> and <code>{{.Base}}/beta</code></td></tr>
<tr><th>Sign-in (authority)</th><td><code>{{.Base}}/{{.Tenant}}</code></td></tr>
<tr><th>Tenant</th><td><code>{{.Tenant}}</code> or <code>{{.Domain}}</code></td></tr>
<tr><th>Application</th><td><code>{{.Client}}</code> with the secret <code>{{.Secret}}</code></td></tr>
<tr><th>Public client</th><td><code>{{.Public}}</code></td></tr>
<tr><th>Password of everybody</th><td><code>{{.Password}}</code></td></tr>
</table>
<p>A first request:</p>
<pre>token=$(curl -s {{.Base}}/{{.Tenant}}/oauth2/v2.0/token -d grant_type=client_credentials \
  -d client_id={{.Client}} -d client_secret={{.Secret}} \
  -d scope=https://graph.microsoft.com/.default | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
curl -s -H "Authorization: Bearer $token" '{{.Base}}/v1.0/users?$select=displayName,licenseAssignmentStates&amp;$top=2'</pre>
<h2>What it implements</h2>
<p>Permissions are the least that an endpoint's page names; higher ones work where the page says so. Query options beyond those of the page are refused. Requests are throttled as by the service.</p>
<table><thead><tr><th>Method and path</th><th>Version</th><th>Application</th><th>Delegated</th></tr></thead><tbody>
{{range .Endpoints}}<tr><td><code>{{.Method}} {{.Path}}</code>{{with .When}}<small>{{.}}</small>{{end}}{{with .Basic}}<small>basic properties alone: {{.}}</small>{{end}}</td><td>{{.Version}}</td><td>{{.Application}}</td><td>{{.Delegated}}</td></tr>
{{end}}</tbody></table>
<p>Sign-in: client credentials (secret, certificate, federated), authorization code with PKCE, device code, refresh tokens, password, on behalf of; discovery and keys.</p>
<h2>What it does not</h2>
<p>What Microsoft Graph has and this has not is answered 501 with the code <code>notImplemented</code>, not as if it did not exist.</p>
<ul class="plain">
{{range .Missing}}<li>{{.}}</li>
{{end}}</ul>
{{if .Steered}}<h2>How it is steered</h2>
<table><tbody>
{{range .Controls}}<tr><td><code>{{method .}} {{$.Control}}{{path .}}</code></td><td>{{about .}}</td></tr>
{{end}}</tbody></table>{{end}}
</body></html>
`))
