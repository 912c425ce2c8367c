package api

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	register([]Route{
		{Method: post, Template: "/users", handler: (*Endpoints).createUser, App: changeUsers, Scopes: changeUsers, clearance: access.WritesUsers},
		{Method: http.MethodPatch, Template: "/users/{id}", handler: (*Endpoints).updateUser, App: changePeople, Scopes: changePeople, clearance: access.SetsLocations},
		{Method: http.MethodDelete, Template: "/users/{id}", handler: (*Endpoints).deleteUser, App: deletePeople, Scopes: deletePeople, clearance: access.DeletesUsers},
	})
}

// maxText is the maximum length of a string property of a user or group. The
// service has specific limits for some; none is larger.
const maxText = 256

// writeOnly is accepted and ignored: all users have the same password.
const writeOnly = "passwordProfile"

// directoryRefusal converts a refusal of the tenant to an error of the
// directory.
func directoryRefusal(r *tenant.Refusal) *wire.Problem {
	p := badRequest("%s", r.Message)
	if r.Code == tenant.ObjectConflict {
		p.Details = []object{{"code": string(r.Code), "message": r.Message, "target": r.Property}}
	}
	return p
}

// textMember parses a string or null.
func textMember(name string, raw json.RawMessage) (value any, p *wire.Problem) {
	var s *string
	switch {
	case json.Unmarshal(raw, &s) != nil:
		return nil, invalidValue("User", name)
	case s == nil:
		return nil, nil
	case len(*s) > maxText || *s == "" || strings.ContainsAny(*s, "\x00\r\n"):
		return nil, invalidValue("User", name)
	}
	return *s, nil
}

// rawMembers parses a body that is one JSON object, with its nulls.
func (c *call) rawMembers() (map[string]json.RawMessage, *wire.Problem) {
	if p := c.jsonType(); p != nil {
		return nil, p
	}
	var body map[string]json.RawMessage
	if json.Unmarshal(c.Body, &body) != nil || body == nil {
		return nil, badRequest("Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
	}
	delete(body, "@odata.type")
	return body, nil
}

// userChange is the body of a user update.
type userChange struct {
	names      []string // of all properties
	properties map[string]any
	password   bool // a password is set
}

// readUser parses the writable properties of a user.
func (c *call) readUser() (*userChange, *wire.Problem) {
	body, p := c.rawMembers()
	if p != nil {
		return nil, p
	}
	change := &userChange{names: slices.Sorted(maps.Keys(body)), properties: map[string]any{}}
	for _, name := range change.names {
		raw := body[name]
		invalid := invalidValue("User", name)
		switch {
		case name == writeOnly:
			if change.password, p = readPassword(raw); p != nil {
				return nil, p
			}
			continue
		case name == "accountEnabled":
			var on *bool
			if json.Unmarshal(raw, &on) != nil || on == nil {
				return nil, invalid
			}
			change.properties[name] = *on
			continue
		case name != "userPrincipalName" && !slices.Contains(tenant.TextProperties, name):
			_, known := userType.props[name]
			return nil, unwritable(name, userType.name, takenOfUsers, otherUserProperties, with(ofUsers, []string{managerRelation}), known)
		}
		value, p := textMember(name, raw)
		if p != nil {
			return nil, p
		}
		s, _ := value.(string)
		local, domain, at := strings.Cut(s, "@")
		switch name {
		case "displayName":
			if value == nil {
				return nil, invalid
			}
		case "mailNickname":
			if !isNickname(s) {
				return nil, invalid
			}
		case "userPrincipalName":
			if !isPrincipalName(s) {
				return nil, invalid
			}
			if !c.tenant.HasDomain(domain) {
				return nil, badRequest("The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain names in your organization, such as %s.", tenant.MainDomain)
			}
		case "mail":
			if value != nil && (!at || local == "" || domain == "") {
				return nil, invalid
			}
		case "usageLocation":
			if value != nil && !isCountry(s) {
				return nil, badRequest("Invalid value specified for property 'usageLocation' of resource 'User': a two letter country code of ISO 3166 is needed.")
			}
		case "userType":
			if s != "Member" && s != "Guest" {
				return nil, invalid
			}
		}
		change.properties[name] = value
	}
	return change, nil
}

// readPassword checks a passwordProfile and reports whether it sets a password.
func readPassword(raw json.RawMessage) (set bool, p *wire.Problem) {
	var profile struct {
		Password     *string `json:"password"`
		Next         *bool   `json:"forceChangePasswordNextSignIn"`
		NextTwoSteps *bool   `json:"forceChangePasswordNextSignInWithMfa"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if string(raw) == "null" || d.Decode(&profile) != nil || profile.Password != nil && *profile.Password == "" {
		return false, invalidValue("User", writeOnly)
	}
	return profile.Password != nil, nil
}

// createUser creates a user, see "Create user".
func (e *Endpoints) createUser(c *call) (any, *wire.Problem) {
	change, p := c.readUser()
	if p != nil {
		return nil, p
	}
	for _, name := range []string{"accountEnabled", "displayName", "mailNickname", "userPrincipalName"} {
		if change.properties[name] == nil {
			return nil, badRequest("A value is required for property '%s' of resource 'User'.", name)
		}
	}
	if !change.password {
		return nil, badRequest("A password must be specified to create a new user.")
	}
	i, refused := c.tenant.CreateUser(change.properties, c.when())
	if refused != nil {
		return nil, directoryRefusal(refused)
	}
	return c.created("users", c.tenant.User(i).ID(), userType.render(c, i, nil)), nil
}

// updateUser changes a user, see "Update user". A new usage location or
// address changes licenses only when the user is reprocessed.
func (e *Endpoints) updateUser(c *call) (any, *wire.Problem) {
	i, p := e.pathUser(c)
	if p != nil {
		return nil, p
	}
	change, p := c.readUser()
	if p != nil {
		return nil, p
	}
	if c.who.user != "" && !c.who.clearance.Has(access.WritesUsers) && !slices.Equal(change.names, []string{"usageLocation"}) {
		return nil, wire.Usual(http.StatusForbidden) // A License Administrator can only set usage locations.
	}
	if c.tenant.User(i).Agent() && !c.namesAgent() {
		return nil, badRequest("The property '@odata.type' has to be '#%s' to update an agent user.", agentTypeName)
	}
	if len(change.names) == 0 {
		return nil, nil // nothing to change
	}
	if p := e.mayGuard(c, i, change.names); p != nil {
		return nil, p
	}
	if len(change.properties) == 0 {
		return nil, nil
	}
	if refused := c.tenant.WriteUser(i, change.properties, c.when()); refused != nil {
		return nil, directoryRefusal(refused)
	}
	return nil, nil
}

// namesAgent reports whether the body has the agent type, which "agentUser
// resource type" requires in an update.
func (c *call) namesAgent() bool {
	var body struct {
		Type string `json:"@odata.type"`
	}
	return json.Unmarshal(c.Body, &body) == nil && body.Type == "#"+agentTypeName
}

// deleteUser deletes a user. It cannot be restored.
func (e *Endpoints) deleteUser(c *call) (any, *wire.Problem) {
	i, p := e.pathUser(c)
	if p != nil {
		return nil, p
	}
	if p := e.mayGuard(c, i, nil); p != nil {
		return nil, p
	}
	c.tenant.DeleteUser(i, c.when())
	return nil, nil
}
