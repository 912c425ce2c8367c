package licensing

import "licensegraph/internal/upstream"

// ServicePlan is one feature within a product.
type ServicePlan struct {
	upstream.Unread        `json:"-"`
	ServicePlanID          *GUID   `json:"servicePlanId"`
	ServicePlanName        *string `json:"servicePlanName"`
	ProvisioningStatusText *string `json:"provisioningStatus"`
	AppliesToText          *string `json:"appliesTo"`
}

// AppliesTo reads the target's text; nil when there is none.
func (p *ServicePlan) AppliesTo() *SkuTarget {
	return member(p.AppliesToText, SkuForUser, SkuForCompany)
}

// ProvisioningStatus reads the status's text; nil when there is none.
func (p *ServicePlan) ProvisioningStatus() *ProvisioningStatus {
	return member(p.ProvisioningStatusText, ProvisioningSuccess, ProvisioningDisabled, ProvisioningPendingInput,
		ProvisioningPendingActivation, ProvisioningPendingProvisioning)
}

// ProvisioningStatus tells whether a service is ready in the tenant.
type ProvisioningStatus string

// Members of ProvisioningStatus, as the servicePlanInfo page of the Microsoft Graph reference spells them.
const (
	ProvisioningSuccess             ProvisioningStatus = "SUCCESS"
	ProvisioningDisabled            ProvisioningStatus = "DISABLED"
	ProvisioningPendingInput        ProvisioningStatus = "PENDING_INPUT"
	ProvisioningPendingActivation   ProvisioningStatus = "PENDING_ACTIVATION"
	ProvisioningPendingProvisioning ProvisioningStatus = "PENDING_PROVISIONING"
	ProvisioningUnknownFuture       ProvisioningStatus = unknownFutureValue
)
