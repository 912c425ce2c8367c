package api

import (
	"cmp"

	"licensegraph/internal/emulator/throttle"
	"licensegraph/internal/emulator/wire"
)

// cost returns the resource units of the call.
func (c *call) cost() int {
	switch {
	case c.route == nil || c.Label == batchLabel:
		return 0
	case c.route.Cloud:
		return 1 // Its costs are not documented.
	case c.route.Template == "/directoryObjects/getByIds": // 2 with $select
		if c.query.Has("$select") {
			return 2
		}
		return 5
	}
	return throttle.Price(max(c.route.units, 1), c.query)
}

// price returns the units of the call if it succeeds, before its options are
// checked.
func (c *call) price() int {
	values, err := c.named(c.RawQuery)
	if err != nil {
		values = nil // The call will be rejected without a charge.
	}
	asked := c.query
	c.query = values
	units := c.cost()
	c.query = asked
	return units
}

// throttled charges the call. Each part of a batch is charged; the batch
// itself is not: Microsoft Learn, "Microsoft Graph throttling guidance".
func (e *Endpoints) throttled(c *call) *wire.Problem {
	if c.Variants.Throttling.Off || c.Label == batchLabel {
		return nil
	}
	units := c.price()
	d := throttle.Demand{App: cmp.Or(c.who.app, e.clientID), Date: c.Date, Header: c.Header, Units: units}
	if r := c.route; r != nil {
		d.Activity = c.asksActivity()
		d.Cloud, d.Audits, d.Report, d.Writes = r.Cloud, r.audits, r.report, r.writes && r.Method == c.Method // otherwise it is rejected
	}
	if values, err := c.named(c.RawQuery); err == nil {
		d.File = values.Get("$format") != jsonFormat
	}
	c.charged = e.limits.Admit(d, c.Variants.Throttling, c.tenant.UserCount())
	if !c.charged.Refused {
		return nil
	}
	c.refusedUnits = units
	return c.charged.Problem(d.App, e.id)
}

// correctCharge returns the units that the answer did not cost, and sets a warning
// header near the limit.
func (e *Endpoints) correctCharge(c *call, a *wire.Answer) {
	e.limits.Correct(c.charged, a.Units)
	c.charged.Warn(a)
}
