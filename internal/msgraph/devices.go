package msgraph

import (
	"errors"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// What devices have is documented, yet absent from the service's metadata: a tenant may not have it.

// devicesByID adds reads of devices by id. Needs Directory.Read.All.
func (b *Batch) devicesByID(ids []string, ask upstream.Ask, found func(id string, device *licensing.Device, err error)) {
	byIDs(b, "device", ids, ask.Properties, nil, found)
}

// usageRightsOfDevices adds reads of the usage rights of devices. Needs CloudLicensing-UsageRights.Read.All.
func (b *Batch) usageRightsOfDevices(keys []licensing.UsageRightsKey, ask upstream.Ask, found func(key licensing.UsageRightsKey, rights []*licensing.UsageRight, err error)) {
	b.usageRights(ofDevices, keys, ask.Properties, ask.Relations, found)
}

// waitingMembersOfDevices adds reads of what devices wait for. Needs Device-CloudLicensing.Read.All.
func (b *Batch) waitingMembersOfDevices(ids []string, ask upstream.Ask, found func(id string, members []*licensing.WaitingMember, err error)) {
	for _, id := range ids {
		b.waitingMembersOf(ofDevices, id, ask.Relations, nil, found)
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
func (o *Operation) absent(endpoint string, failure *upstream.Error) bool {
	if !errors.Is(failure, upstream.ErrNotFound) && !errors.Is(failure, upstream.ErrRefused) || o.learnt.knows(present(endpoint)) {
		return false
	}
	o.learnt.suspect(missing(endpoint))
	failure.Kind = upstream.ErrNotOffered
	return true
}
