package api

import (
	"net/url"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/throttle"
	"licensegraph/internal/emulator/wire"
)

// call is one request to Graph on its way to a handler.
type call struct {
	*wire.Call
	tenant   *tenant.Tenant // as the call sees it, with the lock that it needs
	current  *tenant.Tenant // after the last change
	epoch    int64          // of the tenant
	verified *access.Claims // of the token, where it is that of the batch

	route  *Route   // nil when the path is none of Graph's
	params []string // values of {id} in the route
	who    *identity
	basic  bool       // the caller may read basic properties alone
	query  url.Values // the options in effect: of the link's first page on later pages

	charged      throttle.Verdict // the zero value when nothing was
	refusedUnits int              // its price, when it was throttled
}

// context is an @odata.context.
func (c *call) context(fragment string) string { return c.Root() + "/$metadata#" + fragment }
