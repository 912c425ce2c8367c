package msgraph

import (
	"errors"
	"net/url"

	"licensegraph/internal/licensing"
)

const (
	usageRightsOfUserEndpoint = "GET /users/{id}/cloudLicensing/usageRights"
	usageRightOfUserEndpoint  = "GET /users/{id}/cloudLicensing/usageRights/{id}"

	usageRightsOfGroupEndpoint = "GET /groups/{id}/cloudLicensing/usageRights"
	usageRightOfGroupEndpoint  = "GET /groups/{id}/cloudLicensing/usageRights/{id}"
)

// UsageRightsOfUsers adds reads of the usage rights of users. Needs User-UsageRight.Read.All.
func (b *Batch) UsageRightsOfUsers(ids, properties []string, found func(id string, rights []*licensing.UsageRight, err error)) {
	b.usageRights(usageRightsOfUserEndpoint, "/users/", ids, properties, found)
}

// UsageRightsOfGroups adds reads of the usage rights that all direct members of groups hold. Needs
// Group-UsageRight.Read.All.
func (b *Batch) UsageRightsOfGroups(ids, properties []string, found func(id string, rights []*licensing.UsageRight, err error)) {
	b.usageRights(usageRightsOfGroupEndpoint, "/groups/", ids, properties, found)
}

func (b *Batch) usageRights(endpoint, holders string, ids, properties []string, found func(string, []*licensing.UsageRight, error)) {
	for _, id := range ids {
		b.add(all(&read{
			endpoint: endpoint,
			url:      usageRightsPath(holders, id) + "?" + query("$select", selected(properties)),
		}, decode[licensing.UsageRight], func(rights []*licensing.UsageRight, err error) {
			for _, right := range rights {
				right.HolderID = &id
			}
			found(id, rights, err)
		}))
	}
}

// UsageRights adds reads of usage rights by holder and id. The id of a holder does not say whether it is a user
// or a group, so both are tried at once. Needs User-UsageRight.Read.All and Group-UsageRight.Read.All.
func (b *Batch) UsageRights(keys []licensing.UsageRightKey, properties []string, found func(key licensing.UsageRightKey, right *licensing.UsageRight, err error)) {
	for _, key := range keys {
		var right *licensing.UsageRight
		var failure error
		left := 2
		collect := func(got *licensing.UsageRight, err error) {
			switch {
			case err == nil:
				right = got
				right.HolderID = &key.HolderID
			case failure == nil || errors.Is(failure, licensing.ErrNotFound):
				failure = err
			}
			if left--; left > 0 {
				return
			}
			if right != nil {
				failure = nil
			}
			found(key, right, failure)
		}
		path := "/" + url.PathEscape(key.ID) + "?" + query("$select", selected(properties))
		b.add(
			one(&read{endpoint: usageRightOfUserEndpoint, url: usageRightsPath("/users/", key.HolderID) + path}, collect),
			one(&read{endpoint: usageRightOfGroupEndpoint, url: usageRightsPath("/groups/", key.HolderID) + path}, collect),
		)
	}
}

func usageRightsPath(holders, id string) string {
	return holders + url.PathEscape(id) + "/cloudLicensing/usageRights"
}
