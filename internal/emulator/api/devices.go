package api

import (
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

// deviceType is the properties of a device, see "device resource type".
var deviceType = entityType[*tenant.Device]{name: "microsoft.graph.device", other: otherDeviceProperties, props: map[string]property[*tenant.Device]{
	"id":                     {get: func(_ *call, d *tenant.Device) any { return d.ID.String() }, onDefault: true},
	"deviceId":               {get: func(_ *call, d *tenant.Device) any { return d.DeviceID.String() }, onDefault: true},
	"displayName":            {get: func(_ *call, d *tenant.Device) any { return d.Name }, onDefault: true},
	"operatingSystem":        {get: func(_ *call, d *tenant.Device) any { return d.System }, onDefault: true},
	"operatingSystemVersion": {get: always[*tenant.Device](nil), onDefault: true},
	"accountEnabled":         {get: always[*tenant.Device](true), onDefault: true},
	"deletedDateTime":        {get: always[*tenant.Device](nil), onDefault: true},
}}

// principalType is the properties of the only service principal, which
// represents the application of the tokens.
var principalType = entityType[tenant.GUID]{name: "microsoft.graph.servicePrincipal", props: map[string]property[tenant.GUID]{
	"id":                   {get: func(_ *call, g tenant.GUID) any { return g.String() }, onDefault: true},
	"appId":                {get: func(c *call, _ tenant.GUID) any { return c.tenant.Seed().GUID("client", 0).String() }, onDefault: true},
	"displayName":          {get: always[tenant.GUID](principalName), onDefault: true},
	"servicePrincipalType": {get: always[tenant.GUID]("Application"), onDefault: true},
	"accountEnabled":       {get: always[tenant.GUID](true), onDefault: true},
	"deletedDateTime":      {get: always[tenant.GUID](nil), onDefault: true},
}}

const principalName = "License reports"

// pathDevice returns the device in the path, by its object ID.
func (e *Endpoints) pathDevice(c *call) (int32, *wire.Problem) {
	return c.pathObject(tenant.DeviceKind)
}
