package graph

import (
	"licensegraph/graph/model"
)

// viewer returns the caller.
func (f *field) viewer() (*model.Viewer, error) {
	v := &model.Viewer{Kind: model.ViewerAnonymous, Scopes: []string{}, AppRoles: []string{}, Permissions: []string{}, MayWrite: f.mayWrite}
	if c := f.caller; c != nil {
		v.Kind, v.ObjectID, v.ClientID, v.TenantID, v.Expires = model.ViewerUser, &c.ObjectID, &c.ClientID, &c.TenantID, &c.Expires
		v.Scopes, v.AppRoles, v.Permissions = append(v.Scopes, c.TokenScopes...), append(v.AppRoles, c.AppRoles...), append(v.Permissions, c.Scopes...)
		if c.App {
			v.Kind = model.ViewerApplication
		}
	}
	return v, nil
}
