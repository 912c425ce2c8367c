package api

import (
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	app := []string{"Organization.Read.All", "Directory.Read.All"}
	register([]Route{{Method: get, Template: "/organization", handler: (*Endpoints).listOrganization, App: app, Scopes: app, Basic: []string{"User.Read"}}})
}

// organizationType is the properties of an organization, all returned by
// default.
var organizationType = entityType[struct{}]{name: "microsoft.graph.organization", props: map[string]property[struct{}]{
	"id": {get: func(c *call, _ struct{}) any { return c.tenant.ID() }, onDefault: true, basic: true},
	"assignedPlans": {get: func(c *call, _ struct{}) any {
		return c.organizationPlans("assignedDateTime", "service", "servicePlanId")
	}, onDefault: true},
	"city":                       {get: always[struct{}](nil), onDefault: true},
	"country":                    {get: always[struct{}](nil), onDefault: true},
	"countryLetterCode":          {get: always[struct{}](tenant.Country), onDefault: true},
	"createdDateTime":            {get: func(c *call, _ struct{}) any { return timestamp(c.tenant.Reference().AddDate(-7, 0, 0)) }, onDefault: true},
	"defaultUsageLocation":       {get: always[struct{}](nil), onDefault: true},
	"deletedDateTime":            {get: always[struct{}](nil), onDefault: true},
	"displayName":                {get: always[struct{}]("Licensegraph"), onDefault: true, basic: true},
	"onPremisesSyncEnabled":      {get: func(c *call, _ struct{}) any { return c.synchronizes() }, onDefault: true},
	"partnerTenantType":          {get: always[struct{}](nil), onDefault: true},
	"postalCode":                 {get: always[struct{}](nil), onDefault: true},
	"preferredLanguage":          {get: always[struct{}]("en"), onDefault: true},
	"provisionedPlans":           {get: func(c *call, _ struct{}) any { return c.organizationPlans("provisioningStatus", "service") }, onDefault: true},
	"state":                      {get: always[struct{}](nil), onDefault: true},
	"street":                     {get: always[struct{}](nil), onDefault: true},
	"technicalNotificationMails": {get: always[struct{}]([]string{"it@" + tenant.MainDomain}), onDefault: true},
	"tenantType":                 {get: always[struct{}]("AAD"), onDefault: true},
	"verifiedDomains":            {get: func(c *call, _ struct{}) any { return verifiedDomains() }, onDefault: true, basic: true},
}, other: []string{
	"branding", "businessPhones", "certificateBasedAuthConfiguration", "certificateConnectorSetting", "directorySizeQuota", "extensions", "isMultipleDataLocationsForServicesEnabled",
	"marketingNotificationEmails", "mobileDeviceManagementAuthority", "onPremisesLastPasswordSyncDateTime", "onPremisesLastSyncDateTime", "onPremisesSyncStatus",
	"privacyProfile", "securityComplianceNotificationMails", "securityComplianceNotificationPhones", "settings",
}}

// organizationPlans lists the plans of all products with some properties in
// addition to capabilityStatus.
func (c *call) organizationPlans(names ...string) []object {
	list := []object{}
	seen := map[string]bool{}
	for _, s := range c.tenant.Skus() {
		since := timestamp(c.tenant.Reference())
		if bought := c.tenant.Purchases(s); len(bought) > 0 {
			since = timestamp(bought[0].Subscription.Start)
		}
		for i := range c.tenant.Product(s).Plans {
			p := &c.tenant.Product(s).Plans[i]
			if seen[p.ID] {
				continue
			}
			seen[p.ID] = true
			all := object{"assignedDateTime": since, "service": serviceOf(p), "servicePlanId": p.ID, "provisioningStatus": "Success"}
			o := object{"capabilityStatus": capabilities[c.tenant.Lifecycle(s)]}
			for _, name := range names {
				o[name] = all[name]
			}
			list = append(list, o)
		}
	}
	return list
}

// synchronizes returns true if the tenant has synchronized groups, or null.
func (c *call) synchronizes() any {
	for i := range c.tenant.Groups(-1) {
		if !c.tenant.Group(i).Synced().IsZero() {
			return true
		}
	}
	return nil
}

func verifiedDomains() []object {
	list := []object{}
	for i, name := range tenant.Domains {
		list = append(list, object{"capabilities": "Email, OfficeCommunicationsOnline", "isDefault": i == 0, "isInitial": i == 0, "name": name, "type": "Managed"})
	}
	return list
}

// listOrganization answers with the only organization. A user without the
// permission to read organizations gets a few of its properties; the others are
// null, see "List organizations".
func (e *Endpoints) listOrganization(c *call) (any, *wire.Problem) {
	q, p := e.options(c, directory, optSelect)
	if p != nil {
		return nil, p
	}
	if p := organizationType.check(directory, q.sel); p != nil {
		return nil, p
	}
	o := organizationType.render(c, struct{}{}, q.sel)
	if c.basic {
		for name := range o {
			switch {
			case organizationType.props[name].basic:
			case name == "assignedPlans", name == "provisionedPlans", name == "technicalNotificationMails":
				o[name] = []object{} // A collection is not null.
			default:
				o[name] = nil
			}
		}
	}
	return object{"@odata.context": c.context(fragment("organization", q.sel)), "value": []object{o}}, nil
}
