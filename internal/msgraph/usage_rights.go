package msgraph

import (
	"net/url"

	"licensegraph/internal/licensing"
)

const (
	usageRightsOfUserEndpoint = "GET /users/{id}/cloudLicensing/usageRights"
	usageRightOfUserEndpoint  = "GET /users/{id}/cloudLicensing/usageRights/{id}"
)

// UsageRightsOfUsers adds reads of the usage rights of users. Needs User-UsageRight.Read.All.
func (b *Batch) UsageRightsOfUsers(ids, properties []string, found func(id string, rights []*licensing.UsageRight, err error)) {
	for _, id := range ids {
		b.add(all(&read{
			endpoint: usageRightsOfUserEndpoint,
			url:      usageRightsPath(id) + "?" + query("$select", selected(properties)),
		}, decode[licensing.UsageRight], func(rights []*licensing.UsageRight, err error) {
			for _, right := range rights {
				right.HolderID = &id
			}
			found(id, rights, err)
		}))
	}
}

// UsageRights adds reads of usage rights by holder and id. Needs User-UsageRight.Read.All.
func (b *Batch) UsageRights(keys []licensing.UsageRightKey, properties []string, found func(key licensing.UsageRightKey, right *licensing.UsageRight, err error)) {
	for _, key := range keys {
		b.add(one(&read{
			endpoint: usageRightOfUserEndpoint,
			url:      usageRightsPath(key.HolderID) + "/" + url.PathEscape(key.ID) + "?" + query("$select", selected(properties)),
		}, func(right *licensing.UsageRight, err error) {
			if right != nil {
				right.HolderID = &key.HolderID
			}
			found(key, right, err)
		}))
	}
}

func usageRightsPath(holderID string) string {
	return "/users/" + url.PathEscape(holderID) + "/cloudLicensing/usageRights"
}
