package emulator

import "fmt"

// device is a computer that can hold units of its own.
type device struct {
	id, deviceID guid
	name         string
	system       string
	assigned     []*assignment
}

const deviceCount = 36

var deviceKinds = []struct{ name, system string }{{"KIOSK", "Windows"}, {"LAGER", "Windows"}, {"会議室", "Windows"}, {"TABLET", "Android"}}

// makeDevices gives two of three devices units of the pool for devices.
func (t *tenant) makeDevices() {
	pool := t.pools[noSku][0]
	for i := range deviceCount {
		kind := deviceKinds[i%len(deviceKinds)]
		t.devices = append(t.devices, device{
			id: t.dice.guid("device", i), deviceID: t.dice.guid("device id", i),
			name: fmt.Sprintf("%s-%03d", kind.name, i+1), system: kind.system,
		})
		t.deviceByID[t.devices[i].id] = int32(i)
		if i%3 == 2 {
			continue
		}
		var off []string
		if i%5 == 0 {
			off = []string{"UNIVERSAL_PRINT_01"}
		}
		t.grant(&assignment{id: t.assignmentID(-1 - i), pool: pool, to: holder{deviceHolder, int32(i)}, off: off})
		t.allotments[pool].consumed++
	}
	t.allotments[pool].units = t.allotments[pool].consumed + 6
}

// deviceType is the properties of a device, by "device resource type".
var deviceType = entityType[*device]{"microsoft.graph.device", map[string]property[*device]{
	"id":                     {get: func(_ *tenant, d *device, _ *Variants) any { return d.id.String() }, onDefault: true},
	"deviceId":               {get: func(_ *tenant, d *device, _ *Variants) any { return d.deviceID.String() }, onDefault: true},
	"displayName":            {get: func(_ *tenant, d *device, _ *Variants) any { return d.name }, onDefault: true},
	"operatingSystem":        {get: func(_ *tenant, d *device, _ *Variants) any { return d.system }, onDefault: true},
	"operatingSystemVersion": {get: always[*device](nil), onDefault: true},
	"accountEnabled":         {get: always[*device](true), onDefault: true},
	"deletedDateTime":        {get: always[*device](nil), onDefault: true},
}}

// principalType is the properties of the one service principal, which stands
// for the application that gets the tokens.
var principalType = entityType[guid]{"microsoft.graph.servicePrincipal", map[string]property[guid]{
	"id":                   {get: func(_ *tenant, g guid, _ *Variants) any { return g.String() }, onDefault: true},
	"appId":                {get: func(t *tenant, _ guid, _ *Variants) any { return t.dice.guid("client", 0).String() }, onDefault: true},
	"displayName":          {get: always[guid](principalName), onDefault: true},
	"servicePrincipalType": {get: always[guid]("Application"), onDefault: true},
	"accountEnabled":       {get: always[guid](true), onDefault: true},
	"deletedDateTime":      {get: always[guid](nil), onDefault: true},
}}

const principalName = "License reports"

func (t *tenant) principal() guid { return t.dice.guid("service principal", 0) }

// pathDevice is the device that the path names, by its object id alone.
func (e *Emulator) pathDevice(c *call) (int32, *problem) {
	g, ok := parseGUID(c.params[0])
	if !ok {
		return 0, badRequest("Invalid object identifier '%s'.", c.params[0])
	}
	i, ok := e.tenant.deviceByID[g]
	if !ok {
		return 0, noSuchObject(c.params[0])
	}
	return i, nil
}
