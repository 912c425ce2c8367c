package graph_test

import (
	"testing"
	"time"

	"licensegraph/internal/emulator"
	"licensegraph/internal/identity"
)

// TestViewer tests what callers learn about themselves, without an upstream request.
func TestViewer(t *testing.T) {
	t.Parallel()
	const everything = `{ viewer { kind objectId clientId tenantId scopes appRoles permissions mayWrite expires } }`
	g := startGateway(t, emulator.Options{})
	const tenantID, objectID = "11111111-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000002"
	expires := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	user := identity.Caller{
		TenantID: tenantID, ObjectID: objectID, ClientID: "portal", TokenScopes: []string{"Licenses.Read", "Licenses.Write"},
		AppRoles: []string{"Licenses.Read.All"}, Scopes: []string{"Licenses.Read"}, Expires: expires,
	}
	writer, app := user, user
	writer.AppRoles, writer.Scopes = []string{"Licenses.Read.All", "Licenses.Write.All"}, writer.TokenScopes
	app.App, app.TokenScopes, app.AppRoles, app.Scopes = true, nil, []string{"Licenses.Write.All", "Other"}, []string{"Licenses.Write.All"}
	of := func(kind string, scopes, roles, permissions []any, mayWrite bool) object {
		return object{"kind": kind, "objectId": objectID, "clientId": "portal", "tenantId": tenantID, "scopes": scopes, "appRoles": roles,
			"permissions": permissions, "mayWrite": mayWrite, "expires": "2030-01-02T03:04:05Z"}
	}
	anyone := object{"kind": "ANONYMOUS", "objectId": nil, "clientId": nil, "tenantId": nil, "scopes": []any{}, "appRoles": []any{},
		"permissions": []any{}, "mayWrite": true, "expires": nil}
	scopes := []any{"Licenses.Read", "Licenses.Write"}
	for _, tt := range []struct {
		name   string
		caller *identity.Caller
		want   object
	}{
		{"anyone", nil, anyone},
		{"a user", &user, of("USER", scopes, []any{"Licenses.Read.All"}, []any{"Licenses.Read"}, false)},
		{"a user who may write", &writer, of("USER", scopes, []any{"Licenses.Read.All", "Licenses.Write.All"}, scopes, true)},
		{"an application", &app, of("APPLICATION", []any{}, []any{"Licenses.Write.All", "Other"}, []any{"Licenses.Write.All"}, true)},
		{"nobody in particular", &identity.Caller{TenantID: tenantID, ObjectID: objectID, ClientID: "portal", Expires: expires}, of("USER", []any{}, []any{}, []any{}, false)},
	} {
		g.caller = tt.caller
		r := g.ask(everything, nil)
		g.answered(r, 0)
		if diff := difference(tt.want, r.Data["viewer"]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	g.readOnly, g.caller = true, &writer
	g.restart()
	if r := g.ask(`{ viewer { mayWrite } }`, nil); r.Data["viewer"].(object)["mayWrite"] != false {
		t.Errorf("without mutations: %s", r.raw)
	}
}
