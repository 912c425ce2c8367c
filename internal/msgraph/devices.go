package msgraph

import (
	"errors"

	"licensegraph/internal/decode"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// The endpoints below devices are documented, but absent from the metadata: a tenant may not provide them.

// DevicesByID reads devices. Permission: Directory.Read.All.
var DevicesByID = keyed("devices by ID", "Device", nil, byIDsAtOnce, (*Batch).devicesByID)

func (b *Batch) devicesByID(ids []string, selection upstream.Selection, found func(id string, device *licensing.Device, err error)) {
	byIDs(b, "device", ids, selection.Properties, nil, found)
}

// UsageRightsOfDevices reads the usage rights of devices. Permission: CloudLicensing-UsageRights.Read.All.
var UsageRightsOfDevices = keyed("usage rights of devices", "UsageRight", ofRight, apiece, (*Batch).usageRightsOfDevices)

func (b *Batch) usageRightsOfDevices(keys []licensing.UsageRightsKey, selection upstream.Selection, found func(key licensing.UsageRightsKey, rights []*licensing.UsageRight, err error)) {
	b.usageRights(ofDevices, keys, selection.Properties, selection.Relations, found)
}

// WaitingMembersOfDevices reads the waiting memberships of devices. Permission: Device-CloudLicensing.Read.All.
var WaitingMembersOfDevices = keyed("waiting members of devices", "WaitingMember", []string{"allotment"}, apiece, (*Batch).waitingMembersOfDevices)

func (b *Batch) waitingMembersOfDevices(ids []string, selection upstream.Selection, found func(id string, members []*licensing.WaitingMember, err error)) {
	for _, id := range ids {
		b.waitingMembersOf(ofDevices, id, selection.Relations, nil, found)
	}
}

// optional marks a read of an endpoint that the tenant may not provide. If the tenant is known not to, the read fails
// with [upstream.ErrNotOffered] without a request.
func (o *Operation) optional(h holders, r *read) {
	if h != ofDevices {
		return
	}
	r.optional = true
	if o.capabilities.has(notProvided(r.endpoint)) && !o.capabilities.has(responds(r.endpoint)) {
		r.known = notOffered(r.endpoint)
	}
}

// absent reports whether the failure means that the tenant does not provide the endpoint, and then sets the kind to
// [upstream.ErrNotOffered]. If the endpoint has responded for another object, only the object is missing.
func (o *Operation) absent(endpoint string, failure *upstream.Error) bool {
	if !errors.Is(failure, upstream.ErrNotFound) && !errors.Is(failure, upstream.ErrRefused) || o.capabilities.has(responds(endpoint)) {
		return false
	}
	o.capabilities.observe(notProvided(endpoint))
	failure.Kind = upstream.ErrNotOffered
	return true
}

// deviceType reads devices.
var deviceType = decode.TypeOf[licensing.Device]()
