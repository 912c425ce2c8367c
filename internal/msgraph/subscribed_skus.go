package msgraph

import (
	"licensegraph/internal/decode"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

const subscribedSkusEndpoint = "GET /subscribedSkus"

func init() {
	permissions[subscribedSkusEndpoint] = "LicenseAssignment.Read.All"
}

// AllSubscribedSkus reads the products that the tenant subscribes to; the endpoint supports neither paging nor
// $filter. Permission: LicenseAssignment.Read.All.
var AllSubscribedSkus = sole("subscribed SKUs", "SubscribedSku", (*Batch).allSubscribedSkus)

func (b *Batch) allSubscribedSkus(selection upstream.Selection, found func(skus []*licensing.SubscribedSku, err error)) {
	url := at("/subscribedSkus", "$select", selected(selection.Properties))
	cachedList(b, subscribedSkusEndpoint, url, subscribedSkuType.Read, func(skus []*licensing.SubscribedSku, err error) {
		found(skus, listFailure(upstream.Query{}, err))
	})
}

// subscribedSkuType reads subscribed SKUs.
var subscribedSkuType = decode.TypeOf[licensing.SubscribedSku]()
