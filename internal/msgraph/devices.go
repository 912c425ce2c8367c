package msgraph

import (
	"errors"

	"licensegraph/internal/licensing"
)

// What devices have is documented, yet absent from the service's metadata: a tenant may not have it.

// Devices adds reads of devices by id. Needs Directory.Read.All.
func (b *Batch) Devices(ids, properties []string, found func(id string, device *licensing.Device, err error)) {
	byIDs(b, "device", ids, properties, nil, found)
}

// UsageRightsOfDevices adds reads of the usage rights of devices. Needs CloudLicensing-UsageRights.Read.All.
func (b *Batch) UsageRightsOfDevices(keys []licensing.UsageRightsKey, properties, expand []string, found func(key licensing.UsageRightsKey, rights []*licensing.UsageRight, err error)) {
	b.usageRights(ofDevices, keys, properties, expand, found)
}

// WaitingMembersOfDevices adds reads of what devices wait for. Needs Device-CloudLicensing.Read.All.
func (b *Batch) WaitingMembersOfDevices(ids, expand []string, found func(id string, members []*licensing.WaitingMember, err error)) {
	for _, id := range ids {
		b.waitingMembersOf(ofDevices, id, expand, nil, found)
	}
}

// optional marks the read of what the tenant may not have. It is not sent when the tenant is known not to.
func (o *Operation) optional(h holders, r *read) {
	if h != ofDevices {
		return
	}
	r.optional = true
	if o.learnt.knows(missing(r.endpoint)) && !o.learnt.knows(present(r.endpoint)) {
		r.known = notOffered(r.endpoint)
	}
}

// absent tells whether a failure means that the tenant does not have the endpoint, and makes that its kind. Of an
// endpoint that has answered for others, only the object is missing.
func (o *Operation) absent(endpoint string, failure *licensing.UpstreamError) bool {
	if !errors.Is(failure, licensing.ErrNotFound) && !errors.Is(failure, licensing.ErrRefused) || o.learnt.knows(present(endpoint)) {
		return false
	}
	o.learnt.suspect(missing(endpoint))
	failure.Kind = licensing.ErrNotOffered
	return true
}
