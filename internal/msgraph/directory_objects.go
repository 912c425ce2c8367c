package msgraph

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

const (
	directoryObjectsByIDsEndpoint = "POST /directoryObjects/getByIds"
	// idsAtOnce is the maximum number of IDs in getByIds (Microsoft Graph, "directoryObject: getByIds").
	idsAtOnce = 1000
)

// plainProperties are the properties with a simple value, which getByIds returns if selected.
var plainProperties = map[string]bool{
	"id": true, "deletedDateTime": true, "displayName": true, "givenName": true, "surname": true,
	"userPrincipalName": true, "mail": true, "jobTitle": true, "department": true, "officeLocation": true,
	"preferredLanguage": true, "mobilePhone": true, "accountEnabled": true, "usageLocation": true, "userType": true,
	"createdDateTime": true, "description": true, "mailEnabled": true, "securityEnabled": true,
	"deviceId": true, "operatingSystem": true, "operatingSystemVersion": true,
}

// plain reports whether getByIds returns all of the properties.
func plain(properties []string) bool {
	return !slices.ContainsFunc(properties, func(p string) bool { return !plainProperties[p] })
}

// onlyPlain returns the properties that getByIds returns.
func onlyPlain(properties []string) []string {
	return slices.DeleteFunc(slices.Clone(properties), func(p string) bool { return !plainProperties[p] })
}

// directoryObjectsByID adds reads of directory objects of any type by ID. Permission: Directory.Read.All.
func (b *Batch) directoryObjectsByID(ids []string, ask upstream.Ask, found func(id string, object *licensing.Reference, err error)) {
	asked := withIndicator("", onlyPlain(ask.Properties))
	b.getByIDs("", ids, asked, func(chunk []string, refs []*licensing.Reference, err error) {
		if err != nil {
			for _, id := range chunk {
				found(id, nil, err)
			}
			return
		}
		for _, ref := range refs {
			if err := inaccessible(ref, asked); err != nil {
				found(ref.Object.ObjectID(), nil, err)
				continue
			}
			found(ref.Object.ObjectID(), ref, nil)
		}
	})
}

// byIDs adds reads of directory objects of one type by ID. The function where, if not nil, adds reads that return all
// properties but require more requests. byIDs uses it for properties that getByIds did not return, such as when
// getByIds ignores $select, which is undocumented.
func byIDs[T licensing.DirectoryObject](b *Batch, kind string, ids, properties []string, where func(ids []string, found func(id string, object T, err error)), found func(id string, object T, err error)) {
	ignored := rejects(directoryObjectsByIDsEndpoint, "$select")
	if where != nil && (!plain(properties) || b.operation.capabilities.has(ignored)) {
		where(ids, found)
		return
	}
	asked := withIndicator(kind, onlyPlain(properties))
	b.getByIDs(kind, ids, asked, func(chunk []string, refs []*licensing.Reference, err error) {
		var none T
		if err != nil {
			for _, id := range chunk {
				found(id, none, err)
			}
			return
		}
		var lacking []string
		came := map[string]*licensing.Reference{}
		for _, ref := range refs {
			object, ok := ref.Object.(T)
			err := inaccessible(ref, asked)
			switch {
			case !ok:
			case err != nil:
				found(object.ObjectID(), none, err)
			case where != nil && slices.ContainsFunc(properties, func(p string) bool { return !ref.Properties[p] }):
				lacking = append(lacking, object.ObjectID())
				came[object.ObjectID()] = ref
			default:
				found(object.ObjectID(), object, nil)
			}
		}
		if len(lacking) == 0 {
			return
		}
		if len(lacking) == len(refs) {
			b.operation.capabilities.observe(ignored)
		}
		where(lacking, func(id string, object T, err error) {
			if ref := came[id]; err != nil && ref != nil && !ref.Bare {
				object, err = withUnread(ref.Object, properties, ref.Properties, err).(T), nil
			}
			found(id, object, err)
		})
	})
}

// withUnread sets the missing properties of an object as unread.
func withUnread(object licensing.DirectoryObject, properties []string, loadedProperties map[string]bool, why error) licensing.DirectoryObject {
	unread := upstream.Unread{}
	for _, property := range properties {
		if !loadedProperties[property] {
			unread[property] = why
		}
	}
	switch object := object.(type) {
	case *licensing.User:
		maps.Copy(unread, object.Unread)
		object.Unread = unread
	case *licensing.Group:
		maps.Copy(unread, object.Unread)
		object.Unread = unread
	}
	return object
}

// getByIDs adds getByIds reads of one type, or of any type if kind is empty. The response omits unknown IDs.
func (b *Batch) getByIDs(kind string, ids, properties []string, found func(chunk []string, refs []*licensing.Reference, err error)) {
	type body struct {
		IDs   []string `json:"ids"`
		Types []string `json:"types,omitempty"`
	}
	for chunk := range slices.Chunk(ids, idsAtOnce) {
		r := &read{request: request{
			endpoint: directoryObjectsByIDsEndpoint,
			method:   http.MethodPost,
			url:      "/directoryObjects/getByIds?" + query("$select", selected(properties)),
			body:     body{IDs: chunk},
		}}
		if kind != "" {
			r.body = body{IDs: chunk, Types: []string{kind}}
		}
		b.add(all(r, reference(kind), func(refs []*licensing.Reference, err error) { found(chunk, refs, err) }))
	}
}

// withIndicator adds a property that no accessible object of the type lacks. Microsoft Graph returns inaccessible objects
// with the ID and null for the other properties ("Limited information returned for inaccessible member objects").
func withIndicator(kind string, properties []string) []string {
	if !needsAccess(properties) {
		return properties
	}
	properties = slices.Clone(properties)
	if kind == "user" || kind == "" {
		properties = append(properties, "userPrincipalName")
	}
	if kind == "group" || kind == "" {
		properties = append(properties, "displayName")
	}
	return properties
}

// needsAccess reports whether the properties include one that inaccessible objects do not have.
func needsAccess(properties []string) bool {
	return slices.ContainsFunc(properties, func(p string) bool { return p != "id" && p != "deletedDateTime" })
}

// inaccessible returns ErrForbidden for an inaccessible object: only the ID is set although more was selected.
func inaccessible(ref *licensing.Reference, asked []string) error {
	if !ref.Bare || !needsAccess(asked) {
		return nil
	}
	endpoint := ""
	switch ref.Object.(type) {
	case *licensing.User:
		endpoint = userEndpoint
	case *licensing.Group:
		endpoint = groupEndpoint
	default:
		return nil
	}
	return &upstream.Error{Kind: upstream.ErrForbidden, Operation: directoryObjectsByIDsEndpoint, Permission: permissions[endpoint]}
}

// reference returns a decoder of directory objects, with a default type for objects without @odata.type.
func reference(kind string) func(json.RawMessage) (*licensing.Reference, error) {
	return func(raw json.RawMessage) (*licensing.Reference, error) {
		raw = unwrapped(raw)
		if nothing(raw) {
			return nil, errNothing
		}
		properties, bare, err := loadedProperties(raw)
		if err != nil {
			return nil, err
		}
		typed := struct {
			ODataType string `json:"@odata.type"`
		}{"#microsoft.graph." + kind}
		if json.Unmarshal(raw, &typed) != nil { // treat an invalid type as missing
			typed.ODataType = "#microsoft.graph." + kind
		}
		ref := &licensing.Reference{Properties: properties, Bare: bare}
		switch strings.TrimPrefix(typed.ODataType, "#") {
		case "microsoft.graph.user", "microsoft.graph.agentUser": // agentUser is derived from user
			ref.Object = &licensing.User{}
		case "microsoft.graph.group":
			ref.Object = &licensing.Group{}
		case "microsoft.graph.device":
			ref.Object = &licensing.Device{}
		default:
			ref.Object = &licensing.OtherDirectoryObject{}
		}
		if err := unmarshal(raw, ref.Object); err != nil {
			return nil, err
		}
		if ref.Object.ObjectID() == "" {
			return nil, errors.New("missing id")
		}
		if inaccessible(ref, slices.Collect(maps.Keys(properties))) != nil { // its null properties are unknown
			ref.Properties = map[string]bool{"id": true}
		}
		return ref, nil
	}
}

// loadedProperties returns the properties in the response, null or not, and whether all except the ID are null.
func loadedProperties(raw json.RawMessage) (properties map[string]bool, bare bool, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(unwrapped(raw), &members); err != nil {
		return nil, false, err
	}
	properties, bare = make(map[string]bool, len(members)), true
	for name, value := range members {
		if strings.Contains(name, "@") {
			continue // an annotation
		}
		properties[name] = true
		bare = bare && (name == "id" || nothing(value))
	}
	return properties, bare, nil
}
