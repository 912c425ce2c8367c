package msgraph

import "licensegraph/internal/licensing"

const subscribedSkusEndpoint = "GET /subscribedSkus"

// SubscribedSkus adds a read of all products that the tenant is subscribed to: the service neither pages
// nor filters them. Needs LicenseAssignment.Read.All.
func (b *Batch) SubscribedSkus(properties []string, found func(skus []*licensing.SubscribedSku, err error)) {
	b.add(all(get(subscribedSkusEndpoint, "/subscribedSkus?"+query("$select", selected(properties))), decode[licensing.SubscribedSku], func(skus []*licensing.SubscribedSku, err error) {
		found(skus, listFailure(licensing.ListQuery{}, err))
	}))
}
