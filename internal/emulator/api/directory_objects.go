package api

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	register([]Route{
		{Method: post, Template: "/directoryObjects/getByIds", handler: (*Endpoints).getByIDs, App: readObjects, Scopes: readObjects, units: 5},
	})
}

const maxIDs = 1000

// objectTypes are the types of "directoryObject: getByIds".
var objectTypes = []string{"administrativeunit", "application", "contact", "device", "directoryobject", "group", "orgcontact", "serviceprincipal", "user"}

func (e *Endpoints) getByIDs(c *call) (any, *wire.Problem) {
	q, p := e.options(c, directory, optSelect)
	if p != nil {
		return nil, p
	}
	if p := checkObjects(q.sel); p != nil {
		return nil, p
	}
	if c.Variants.GetByIDsIgnoreSelect {
		q.sel = nil
	}
	var body struct {
		IDs   []string `json:"ids"`
		Types []string `json:"types"`
	}
	if p := c.decode(&body); p != nil {
		return nil, p
	}
	switch {
	case len(body.IDs) == 0:
		return nil, badRequest("The collection 'ids' must not be empty.")
	case len(body.IDs) > maxIDs:
		return nil, badRequest("The collection 'ids' has %d values. Max allowed: %d.", len(body.IDs), maxIDs)
	}
	for i, name := range body.Types {
		body.Types[i] = strings.ToLower(name)
		if !slices.Contains(objectTypes, body.Types[i]) {
			return nil, badRequest("Invalid directory object type '%s'.", name)
		}
	}
	wants := func(name string) bool {
		return len(body.Types) == 0 || slices.Contains(body.Types, name) || slices.Contains(body.Types, "directoryobject")
	}
	wanted := make(map[tenant.GUID]bool, len(body.IDs))
	for _, id := range body.IDs {
		g, ok := tenant.ParseGUID(id)
		if !ok {
			return nil, badRequest("Invalid GUID: '%s'.", id)
		}
		wanted[g] = true
	}
	// Unknown IDs are ignored, and the order is that of the service.
	ids := make([]tenant.GUID, 0, len(wanted))
	for g := range wanted {
		ids = append(ids, g)
	}
	slices.SortFunc(ids, func(a, b tenant.GUID) int { return bytes.Compare(b[:], a[:]) })
	list := []object{}
	for _, g := range ids {
		if r, ok := c.tenant.Find(g); ok && wants(strings.ToLower(r.Kind.String())) {
			list = append(list, c.directoryObject(r, q.sel, readersOf[r.Kind]))
		}
	}
	return object{"@odata.context": c.context(fragment("directoryObjects", q.sel)), "value": list}, nil
}

// readersOf are the permissions to read objects, by kind.
var readersOf = [...][]string{tenant.User: readUsers, tenant.GroupKind: readGroups, tenant.DeviceKind: readDevices, tenant.Principal: readPrincipals}

// basicReadersOf are the permissions to read only basic properties.
var basicReadersOf = [...][]string{tenant.User: basicUsers, tenant.GroupKind: basicGroups, tenant.DeviceKind: nil, tenant.Principal: nil}

// reads reports whether the caller may read more than the IDs of objects of a
// kind.
func (c *call) reads(kind tenant.Kind) bool {
	return c.who.has(readersOf[kind]) || c.who.has(basicReadersOf[kind])
}

// directoryObject renders an object in a collection of several types.
func (c *call) directoryObject(r tenant.Ref, sel, readers []string) object {
	switch r.Kind {
	case tenant.GroupKind:
		return asDirectoryObject(&groupType, c.tenant.Group(r.At), sel, c, readers)
	case tenant.DeviceKind:
		return asDirectoryObject(&deviceType, c.tenant.Devices()[r.At], sel, c, readers)
	case tenant.Principal:
		return asDirectoryObject(&principalType, c.tenant.PrincipalID(), sel, c, readers)
	default:
		return c.typedAsAgent(asDirectoryObject(&userType, r.At, sel, c, readers), r.At)
	}
}

// checkObjects rejects a $select of a property that no type in the collection
// has.
func checkObjects(sel []string) *wire.Problem {
	for _, name := range sel {
		_, ofUser := userType.props[name]
		_, ofGroup := groupType.props[name]
		_, ofDevice := deviceType.props[name]
		_, ofPrincipal := principalType.props[name]
		if !ofUser && !ofGroup && !ofDevice && !ofPrincipal && slices.Contains(slices.Concat(otherUserProperties, otherGroupProperties, otherDeviceProperties), name) {
			return notImplemented(name)
		}
		if !ofUser && !ofGroup && !ofDevice && !ofPrincipal {
			return wire.NotParsed("Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.directoryObject'.", name)
		}
	}
	return nil
}

// asDirectoryObject renders x in a collection of several types: with its type,
// and without license properties, which only the endpoint of the type returns.
// A caller that cannot read the type gets the ID and nulls, see "Limited
// information returned for inaccessible member objects".
func asDirectoryObject[T any](et *entityType[T], x T, sel []string, c *call, readers []string) object {
	o := et.render(c, x, sel)
	for name := range o {
		if et.props[name].license {
			delete(o, name)
		} else if name != "id" && !c.who.has(readers) && (!et.props[name].basic || !c.who.has(et.basic)) {
			o[name] = nil
		}
	}
	o["@odata.type"] = "#" + et.name
	return o
}

// decode parses a JSON body with only the members of v.
func (c *call) decode(v any) *wire.Problem {
	if p := c.jsonType(); p != nil {
		return p
	}
	d := json.NewDecoder(bytes.NewReader(c.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return badRequest("Unable to read JSON request payload: %s", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return badRequest("Unable to read JSON request payload: there is more than one value.")
	}
	return nil
}

func (c *call) jsonType() *wire.Problem {
	if mediaType, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type")); mediaType != "application/json" {
		p := wire.Usual(http.StatusUnsupportedMediaType)
		p.Code, p.Message = "Request_BadRequest", "The Content-Type of the request must be application/json."
		return p
	}
	return nil
}

// pathObject returns the object in the path, by its object ID.
func (c *call) pathObject(kind tenant.Kind) (int32, *wire.Problem) {
	g, ok := tenant.ParseGUID(c.params[0])
	if !ok {
		return 0, badRequest("Invalid object identifier '%s'.", c.params[0])
	}
	r, ok := c.tenant.Find(g)
	if !ok || r.Kind != kind {
		return 0, noSuchObject(c.params[0])
	}
	return r.At, nil
}

// invalidValue rejects the value of a property in a body.
func invalidValue(resource, property string) *wire.Problem {
	return badRequest("Invalid value specified for property '%s' of resource '%s'.", property, resource)
}

// created answers the creation of a user or a group.
func (c *call) created(set string, id tenant.GUID, o object) outcome {
	o["@odata.context"] = c.context(set + "/$entity")
	return outcome{http.StatusCreated, map[string]string{"Location": c.Root() + "/" + set + "/" + id.String()}, o}
}
