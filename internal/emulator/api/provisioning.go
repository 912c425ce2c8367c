package api

import (
	"slices"
	"strings"
	"time"

	"licensegraph/internal/emulator/tenant"
)

// complexOf returns a property of a complex type with strings. It is null if
// all of them are.
func complexOf(property string, members ...string) func(*call, int32) any {
	return func(c *call, i int32) any {
		o, some := object{}, false
		for _, name := range members {
			text := c.tenant.User(i).Text(property + "/" + name)
			o[name] = orNull(text)
			some = some || text != ""
		}
		if !some {
			return nil
		}
		return o
	}
}

// The only kind of on-premises provisioning error here: a mail address that
// another object has.
const (
	conflictCategory = "PropertyConflict"
	conflictProperty = "ProxyAddresses"
)

// syncErrors lists the on-premises provisioning errors of a user, see
// "onPremisesProvisioningError resource type".
func (c *call) syncErrors(i int32) []object {
	since, conflict := c.tenant.SyncConflict(i)
	if !conflict || c.tenant.User(i).Synced().IsZero() {
		return []object{}
	}
	return []object{{
		"category": conflictCategory, "occurredDateTime": timestamp(since), "propertyCausingError": conflictProperty,
		"value": "SMTP:" + c.tenant.User(i).UserPrincipalName(),
	}}
}

// provisionedPlans lists a row for each of the assignedPlans, without its ID,
// see "provisionedPlan resource type".
func (c *call) provisionedPlans(i int32) []object {
	list := []object{}
	c.eachPlan(i, func(p *tenant.Plan, status string, _ time.Time) bool {
		list = append(list, object{"capabilityStatus": status, "provisioningStatus": c.provisioningStatus(i, p), "service": serviceOf(p)})
		return true
	})
	return list
}

// provisioningStatus is Error while the service has an error for the user.
func (c *call) provisioningStatus(i int32, p *tenant.Plan) string {
	failed := func(e tenant.ServiceError) bool {
		service, _, _ := strings.Cut(e.Instance, "/")
		return !e.Resolved && strings.EqualFold(service, serviceOf(p))
	}
	if slices.ContainsFunc(c.tenant.ServiceErrors(i), failed) {
		return "Error"
	}
	return "Success"
}

// serviceErrors lists the errors of services for a user, see
// "serviceProvisioningXmlError resource type".
func (c *call) serviceErrors(i int32) []object {
	list := []object{}
	for _, e := range c.tenant.ServiceErrors(i) {
		list = append(list, object{
			"@odata.type": "#microsoft.graph.serviceProvisioningXmlError", "createdDateTime": timestamp(e.Created), "isResolved": e.Resolved,
			"serviceInstance": e.Instance, "errorDetail": e.Detail,
		})
	}
	return list
}
