package licensing

import "licensegraph/internal/upstream"

// ServicePlan is a feature of a product.
type ServicePlan struct {
	upstream.Unread        `json:"-"`
	ServicePlanID          *GUID   `json:"servicePlanId"`
	ServicePlanName        *string `json:"servicePlanName"`
	ProvisioningStatusText *string `json:"provisioningStatus"`
	AppliesToText          *string `json:"appliesTo"`
}

// AppliesTo parses the target; nil if there is none.
func (p *ServicePlan) AppliesTo() *SkuTarget {
	return skuTargets.parse(p.AppliesToText)
}

// ProvisioningStatus parses the provisioning status; nil if there is none.
func (p *ServicePlan) ProvisioningStatus() *ProvisioningStatus {
	return provisioningStatuses.parse(p.ProvisioningStatusText)
}

// ProvisioningStatus is the provisioning status of a service plan in the tenant.
type ProvisioningStatus string

// Members of ProvisioningStatus: see servicePlanInfo in the Microsoft Graph reference.
const (
	ProvisioningSuccess             ProvisioningStatus = "SUCCESS"
	ProvisioningDisabled            ProvisioningStatus = "DISABLED"
	ProvisioningPendingInput        ProvisioningStatus = "PENDING_INPUT"
	ProvisioningPendingActivation   ProvisioningStatus = "PENDING_ACTIVATION"
	ProvisioningPendingProvisioning ProvisioningStatus = "PENDING_PROVISIONING"
	ProvisioningUnknownFuture       ProvisioningStatus = unknownFutureValue
)

var provisioningStatuses = enumerationOf(ProvisioningSuccess, ProvisioningDisabled, ProvisioningPendingInput,
	ProvisioningPendingActivation, ProvisioningPendingProvisioning)
