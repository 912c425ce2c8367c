package msgraph

import (
	"licensegraph/internal/decode"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

const companySubscriptionsEndpoint = "GET /directory/subscriptions"

func init() {
	permissions[companySubscriptionsEndpoint] = "Organization.Read.All"
}

// AllCompanySubscriptions reads the tenant's purchases; the endpoint does not support paging. Permission:
// Organization.Read.All.
var AllCompanySubscriptions = sole("company subscriptions", "CompanySubscription", (*Batch).allCompanySubscriptions)

func (b *Batch) allCompanySubscriptions(selection upstream.Selection, found func(subscriptions []*licensing.CompanySubscription, err error)) {
	url := at("/directory/subscriptions", "$select", selected(selection.Properties))
	cachedList(b, companySubscriptionsEndpoint, url, companySubscriptionType.Read, func(subscriptions []*licensing.CompanySubscription, err error) {
		found(subscriptions, listFailure(upstream.Query{}, err))
	})
}

// companySubscriptionType reads company subscriptions.
var companySubscriptionType = decode.TypeOf[licensing.CompanySubscription]()
