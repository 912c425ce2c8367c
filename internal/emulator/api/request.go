package api

import (
	"net/url"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/throttle"
	"licensegraph/internal/emulator/wire"
)

// call is a request to Graph.
type call struct {
	*wire.Call
	tenant   *tenant.Tenant // the tenant as visible to the call, which has the required lock
	current  *tenant.Tenant // the tenant after the last change
	epoch    int64          // of the tenant
	verified *access.Claims // claims of the token, if it is that of the batch

	route  *Route   // nil if the path is unknown
	params []string // values of {id} in the route
	who    *identity
	basic  bool       // the caller may read only basic properties
	query  url.Values // the options in effect; on later pages those of the first page

	charged      throttle.Verdict // zero if nothing was charged
	refusedUnits int              // units of the call if it was throttled
}

// context returns an @odata.context.
func (c *call) context(fragment string) string { return c.Root() + "/$metadata#" + fragment }
