package emulator

import (
	"net/url"

	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/throttle"
	"licensegraph/internal/emulator/wire"
)

// call is one request to Graph on its way to a handler.
type call struct {
	*wire.Call
	tenant   *tenant.Tenant // with the lock that the call needs
	verified *claims        // of the token, where it is that of the batch

	route  *route   // nil when the path is none of Graph's
	params []string // values of {id} in the route
	who    *identity
	basic  bool       // the caller may read basic properties alone
	query  url.Values // the options in effect: of the link's first page on later pages

	charged      throttle.Verdict // the zero value when nothing was
	refusedUnits int              // its price, when it was throttled
}

// context is an @odata.context.
func (c *call) context(fragment string) string { return c.Root() + "/$metadata#" + fragment }
