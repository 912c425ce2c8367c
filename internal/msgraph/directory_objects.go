package msgraph

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"licensegraph/internal/decode"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

const (
	directoryObjectsByIDsEndpoint = "POST /directoryObjects/getByIds"
	// idsAtOnce is the maximum number of IDs in getByIds (Microsoft Graph, "directoryObject: getByIds").
	idsAtOnce = 1000
)

func init() {
	permissions[directoryObjectsByIDsEndpoint] = "Directory.Read.All"
}

// plainProperties are the properties with a simple value, which getByIds returns if selected.
var plainProperties = map[string]bool{
	"id": true, "deletedDateTime": true, "displayName": true, "givenName": true, "surname": true,
	"userPrincipalName": true, "mail": true, "jobTitle": true, "department": true, "officeLocation": true,
	"preferredLanguage": true, "mobilePhone": true, "accountEnabled": true, "usageLocation": true, "userType": true,
	"companyName": true, "city": true, "state": true, "country": true, "employeeId": true, "employeeType": true,
	"employeeHireDate": true, "onPremisesSyncEnabled": true, "membershipRule": true, "membershipRuleProcessingState": true,
	"isAssignableToRole": true,
	"createdDateTime":    true, "description": true, "mailEnabled": true, "securityEnabled": true,
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

// DirectoryObjectsByID reads directory objects of any type. Permission: Directory.Read.All.
var DirectoryObjectsByID = keyed("directory objects by ID", "DirectoryObject", nil, byIDsAtOnce, (*Batch).directoryObjectsByID)

func (b *Batch) directoryObjectsByID(ids []string, selection upstream.Selection, found func(id string, object *licensing.Reference, err error)) {
	asked := withIndicator("", onlyPlain(selection.Properties))
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
			if ref := came[id]; err != nil && ref != nil && !ref.IDOnly {
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
	if !ref.IDOnly || !needsAccess(asked) {
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

// reference returns a reader of directory objects, with a default type for objects without @odata.type.
func reference(kind string) func(*decode.Decoder) (*licensing.Reference, error) {
	return func(d *decode.Decoder) (*licensing.Reference, error) {
		p, odataType, err := decode.ReadOneOf(d, "@odata.type", "#microsoft.graph."+kind, directoryType)
		if err != nil {
			return nil, err
		}
		ref := &licensing.Reference{Object: p.Object.(licensing.DirectoryObject), Properties: p.Properties, IDOnly: p.IDOnly}
		if other, ok := ref.Object.(*licensing.OtherDirectoryObject); ok {
			other.ODataType = odataType
		}
		if ref.IDOnly && inaccessible(ref, slices.Collect(maps.Keys(ref.Properties))) != nil { // its null properties are unknown
			ref.Properties = map[string]bool{"id": true}
		}
		return ref, nil
	}
}

// directoryType returns the type of a directory object by its @odata.type.
func directoryType(name string) decode.Object {
	switch strings.TrimPrefix(name, "#") {
	case "microsoft.graph.user", "microsoft.graph.agentUser": // agentUser is derived from user
		return userType
	case "microsoft.graph.group":
		return groupType
	case "microsoft.graph.device":
		return deviceType
	default:
		return otherType
	}
}

// otherType reads directory objects of other types.
var otherType = decode.TypeOf[licensing.OtherDirectoryObject]()
