package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

// activityName is the property of users about their last sign-ins.
const activityName = "signInActivity"

const maxActivityPage = 500

// premiumPlans are Microsoft Entra ID P1 and P2.
var premiumPlans = []string{"41781fb2-bc02-4b7c-bd55-b576c07bb09d", "eec0eb4f-6444-4f95-aba0-50c24d67f998"}

// signInActivity returns the last sign-ins of a user, see "signInActivity
// resource type". A user who never signed in has none.
func (c *call) signInActivity(i int32) any {
	a, ok := c.tenant.User(i).SignIns()
	if !ok {
		return nil
	}
	o := object{}
	for name, at := range map[string]time.Time{"lastSignIn": a.SignIn, "lastNonInteractiveSignIn": a.NonInteractive, "lastSuccessfulSignIn": a.Successful} {
		o[name+"DateTime"], o[name+"RequestId"] = timeOrNull(at), nil
		if !at.IsZero() {
			o[name+"RequestId"] = c.tenant.Seed().GUID(name, int(i)).String()
		}
	}
	return o
}

// activityTime returns a filterable time of signInActivity.
func activityTime(a tenant.SignIns, path string) time.Time {
	if strings.HasSuffix(path, "/lastSuccessfulSignInDateTime") {
		return a.Successful
	}
	return a.SignIn
}

// limitActivity rejects signInActivity where the service does not support it.
func (c *call) limitActivity(q *query) *wire.Problem {
	used := q.usedProperties()
	filtered := slices.Contains(used, activityName)
	if !filtered && !slices.Contains(q.sel, activityName) {
		return nil
	}
	switch {
	case !c.premium():
		return &wire.Problem{Status: http.StatusForbidden, Code: "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
			Message: "Neither tenant is B2C or tenant doesn't have premium license"}
	case q.top > maxActivityPage:
		return unsupported("Invalid page size specified: '%d'. Must be between 1 and %d inclusive.", q.top, maxActivityPage)
	case filtered && slices.ContainsFunc(used, func(name string) bool { return name != activityName }):
		return unsupported("A filter by %s cannot be combined with other properties.", activityName)
	}
	return nil
}

// premium reports whether the tenant has a product with Entra ID P1 or P2 that
// is not suspended.
func (c *call) premium() bool {
	return !c.Variants.NotPremium && slices.ContainsFunc(c.tenant.Skus(), func(s tenant.Sku) bool {
		p, state := c.tenant.Product(s), c.tenant.Lifecycle(s)
		return (state == tenant.Active || state == tenant.Warning) && slices.ContainsFunc(premiumPlans, func(id string) bool { return p.PlanWithID(id) >= 0 })
	})
}

// activityByKey rejects signInActivity of one user whose key is not the object
// ID.
func (c *call) activityByKey(q *query) *wire.Problem {
	if !slices.Contains(q.sel, activityName) {
		return nil
	}
	if !c.route.Me {
		if _, ok := tenant.ParseGUID(c.params[0]); ok {
			return nil
		}
	}
	return &wire.Problem{Status: http.StatusBadRequest, Code: "400", Message: "Get By Key only supports UserId and the key has to be a valid Guid"}
}

// asksActivity reports whether a request is subject to the limit of
// signInActivity.
func (c *call) asksActivity() bool {
	values, err := c.named(c.RawQuery)
	return err == nil && strings.Contains(values.Get("$select")+values.Get("$filter"), activityName)
}
