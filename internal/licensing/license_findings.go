package licensing

import (
	"slices"
	"strings"
)

// LicenseFinding is a license that is wasted or at risk: a *[UserLicenseFinding], a *[GroupLicenseFinding] or a
// *[ProductLicenseFinding].
type LicenseFinding interface {
	Shared() *Finding
}

// Finding has what all findings have.
type Finding struct {
	Kind       LicenseFindingKind
	SkuID      *GUID
	User       *User
	GroupID    *string // that assigned the product, or has a nested group
	UnitsFreed int32

	sku *SubscribedSku // nil if only the ID is known
}

// UserLicenseFinding is a finding about a user.
type UserLicenseFinding struct {
	Finding
	ContainedInSkuID *GUID
}

// GroupLicenseFinding is a finding about a group with products that has a nested group.
type GroupLicenseFinding struct {
	Finding
	Parent        *Group // with its products
	NestedGroupID *string
}

// ProductLicenseFinding is a finding about a product or a purchase.
type ProductLicenseFinding struct {
	Finding
	CompanySubscription *CompanySubscription
}

// LicenseFindingKind is a kind of findings.
type LicenseFindingKind string

// Kinds of findings, in the order of lists.
const (
	DisabledAccount      LicenseFindingKind = "DISABLED_ACCOUNT"
	GuestAccount         LicenseFindingKind = "GUEST"
	MissingUsageLocation LicenseFindingKind = "MISSING_USAGE_LOCATION"
	ReconciliationNeeded LicenseFindingKind = "RECONCILIATION_NEEDED"
	UnusedUnits          LicenseFindingKind = "UNUSED_UNITS"
	ExpiringSubscription LicenseFindingKind = "EXPIRING_SUBSCRIPTION"
	InactiveAccount      LicenseFindingKind = "INACTIVE_ACCOUNT"
	NestedGroup          LicenseFindingKind = "NESTED_GROUP"
	DirectAndInherited   LicenseFindingKind = "DIRECT_AND_INHERITED"
	OverlappingProducts  LicenseFindingKind = "OVERLAPPING_PRODUCTS"
	DeletedGroup         LicenseFindingKind = "DELETED_GROUP"
)

// LicenseFindingKinds are all kinds, in the order of lists.
var LicenseFindingKinds = []LicenseFindingKind{
	DisabledAccount, GuestAccount, MissingUsageLocation, ReconciliationNeeded, UnusedUnits, ExpiringSubscription, InactiveAccount,
	NestedGroup, DirectAndInherited, OverlappingProducts, DeletedGroup,
}

// Shared returns what all findings have.
func (f *Finding) Shared() *Finding { return f }

// ID returns an ID of the kind and the objects of the finding.
func (f *UserLicenseFinding) ID() string { return f.id(&f.User.ID, f.GroupID) }

// ID returns an ID of the kind and the objects of the finding.
func (f *GroupLicenseFinding) ID() string { return f.id(f.GroupID, f.NestedGroupID) }

// ID returns an ID of the kind and the objects of the finding.
func (f *ProductLicenseFinding) ID() string {
	if f.CompanySubscription == nil {
		return f.id()
	}
	return f.id(&f.CompanySubscription.ID)
}

// id returns an ID of the kind, objects and the product.
func (f *Finding) id(objects ...*string) string {
	parts := []string{string(f.Kind)}
	for _, id := range append(objects, (*string)(f.SkuID)) {
		if id != nil {
			parts = append(parts, *id)
		}
	}
	return strings.Join(parts, ":")
}

// MonthlyCost returns the monthly cost of the units that become free; nil without a price.
func (f *Finding) MonthlyCost() *Money {
	if f.SkuID == nil {
		return nil
	}
	return MonthlyCost(*f.SkuID, f.sku, f.UnitsFreed)
}

// MonthlyCost returns the monthly cost of units of a product, whose part number may be in the catalog if sku is nil. It
// is nil without units or a price.
func MonthlyCost(id GUID, sku *SubscribedSku, units int32) *Money {
	if units == 0 {
		return nil
	}
	if sku == nil {
		if sku, _ = WellKnownSku(id); sku == nil {
			sku = &SubscribedSku{SkuID: &id}
		}
	}
	return sku.Price().times(&units)
}

// Reason returns why the finding is reported.
func (f *Finding) Reason() string { return findingTexts[f.Kind].reason }

// Remedy returns what an administrator can do.
func (f *Finding) Remedy() *Remedy { return findingTexts[f.Kind].remedy }

var findingTexts = map[LicenseFindingKind]struct {
	reason string
	remedy *Remedy
}{
	DisabledAccount: {"The account is disabled and has the product.", &Remedy{RemoveLicense,
		"Remove the product from the user, unless data that its services delete without a license must be kept.", false}},
	GuestAccount: {"The account is a guest and has the product.", &Remedy{RemoveLicense,
		"Check whether the guest requires the product. Otherwise remove it.", false}},
	MissingUsageLocation: {"The user has products and no usage location.", &Remedy{CorrectUsageLocation,
		"Set the usage location of the user, then reprocess the user. Products of groups use the location of the tenant until then.", true}},
	ReconciliationNeeded: {"A mailbox of the user waits for a license with Exchange Online.", &Remedy{AssignMailboxLicense,
		"Assign a product with Exchange Online to the user.", false}},
	UnusedUnits: {"The tenant owns units of the product that nobody uses.", &Remedy{ReduceUnits,
		"Assign the units, or reduce their number at the next renewal.", false}},
	ExpiringSubscription: {"The purchase changes its status soon if it is not renewed.", &Remedy{RenewSubscription,
		"Renew the purchase, or move its users to another product before the date. Microsoft Graph does not report whether it renews by itself.", false}},
	InactiveAccount: {"The account has the product and did not sign in for the given number of days.", &Remedy{RemoveLicense,
		"Ask the user or the manager whether the product is required. Otherwise remove it.", false}},
	NestedGroup: {"The group has the product and a group as member, which does not have it: members of nested groups get no products.", &Remedy{AssignToNestedGroup,
		"Assign the product to the nested group, or add its members to the group with the product.", false}},
	DirectAndInherited: {"The user has the product directly and through a group.", &Remedy{RemoveDirectAssignment,
		"Remove the direct assignment: the user keeps the product through the group. Service plans that only the direct assignment enables are lost.", false}},
	OverlappingProducts: {"All service plans of the product that the user can use are in another product of the user.", &Remedy{RemoveLicense,
		"Remove the product from the user. The other product has its service plans.", false}},
	DeletedGroup: {"The user has the product from a group that was deleted.", &Remedy{Reprocess,
		"Assign the product in another way if it is required. Then reprocess the user, so that Microsoft Graph evaluates its sources again.", true}},
}

// FindingProperties are the properties of users that kinds require besides assignedLicenses.
var FindingProperties = map[LicenseFindingKind]string{
	DisabledAccount: "accountEnabled", GuestAccount: "userType", MissingUsageLocation: "usageLocation",
	DirectAndInherited: "licenseAssignmentStates", DeletedGroup: "licenseAssignmentStates",
}

// FindingRules are the rules for findings about users.
type FindingRules struct {
	Kinds  []LicenseFindingKind
	SkuIDs []GUID // none means all products
	// Deleted reports whether a group was deleted, for DeletedGroup.
	Deleted func(groupID string) bool

	skus  map[GUID]*SubscribedSku
	plans map[GUID]map[GUID]bool // that can be assigned to users, by product
}

// WithProducts sets the products of the tenant, for OverlappingProducts.
func (r *FindingRules) WithProducts(skus []*SubscribedSku) {
	r.skus, r.plans = map[GUID]*SubscribedSku{}, map[GUID]map[GUID]bool{}
	for _, sku := range skus {
		if sku.SkuID == nil {
			continue
		}
		r.skus[*sku.SkuID] = sku
		if sku.ReadError("servicePlans") != nil {
			continue
		}
		plans := map[GUID]bool{}
		for _, plan := range sku.ServicePlans {
			if target := plan.AppliesTo(); plan.ServicePlanID != nil && (target == nil || *target != SkuForCompany) {
				plans[*plan.ServicePlanID] = true
			}
		}
		r.plans[*sku.SkuID] = plans
	}
}

// Includes reports whether the rules include a product.
func (r *FindingRules) Includes(sku GUID) bool {
	return len(r.SkuIDs) == 0 || slices.Contains(r.SkuIDs, sku)
}

// OfUser returns the findings about a user, in the order of kinds. It trusts the filter of the list for
// ReconciliationNeeded and InactiveAccount, whose properties it does not read.
func (r *FindingRules) OfUser(user *User) []*UserLicenseFinding {
	var found []*UserLicenseFinding
	for _, kind := range r.Kinds {
		switch kind {
		case DisabledAccount:
			if user.AccountEnabled != nil && !*user.AccountEnabled {
				found = r.addLicenses(found, kind, user)
			}
		case GuestAccount:
			if user.UserType != nil && strings.EqualFold(*user.UserType, "Guest") {
				found = r.addLicenses(found, kind, user)
			}
		case InactiveAccount:
			found = r.addLicenses(found, kind, user)
		case MissingUsageLocation:
			if user.UsageLocation == nil && user.ReadError("usageLocation") == nil && r.hasProduct(user) {
				found = append(found, &UserLicenseFinding{Finding: Finding{Kind: kind, User: user}})
			}
		case ReconciliationNeeded:
			if len(r.SkuIDs) == 0 || r.hasProduct(user) {
				found = append(found, &UserLicenseFinding{Finding: Finding{Kind: kind, User: user}})
			}
		case DirectAndInherited:
			found = r.addDoubled(found, user)
		case OverlappingProducts:
			found = r.addOverlapping(found, user)
		case DeletedGroup:
			found = r.addOrphaned(found, user)
		}
	}
	return found
}

// ReadError returns the error of a property that the kinds require and that could not be read.
func (r *FindingRules) ReadError(user *User) error {
	err := user.ReadError("assignedLicenses")
	for _, kind := range r.Kinds {
		if property := FindingProperties[kind]; err == nil && property != "" {
			err = user.ReadError(property)
		}
	}
	return err
}

// hasProduct reports whether a user has one of the products.
func (r *FindingRules) hasProduct(user *User) bool {
	return slices.ContainsFunc(user.AssignedLicenses, func(l *AssignedLicense) bool { return l.SkuID != nil && r.Includes(*l.SkuID) })
}

// addLicenses adds a finding for each product of a user.
func (r *FindingRules) addLicenses(found []*UserLicenseFinding, kind LicenseFindingKind, user *User) []*UserLicenseFinding {
	for _, l := range user.AssignedLicenses {
		if l.SkuID != nil && r.Includes(*l.SkuID) {
			found = append(found, &UserLicenseFinding{Finding: Finding{Kind: kind, SkuID: l.SkuID, User: user, UnitsFreed: 1, sku: r.skus[*l.SkuID]}})
		}
	}
	return found
}

// addDoubled adds the products that a user has directly and, without an error, through a group.
func (r *FindingRules) addDoubled(found []*UserLicenseFinding, user *User) []*UserLicenseFinding {
	for _, direct := range user.LicenseAssignmentStates {
		if direct.SkuID == nil || direct.AssignedByGroup != nil || direct.ReadError("assignedByGroup") != nil || !r.Includes(*direct.SkuID) {
			continue
		}
		for _, inherited := range user.LicenseAssignmentStates {
			state := inherited.State()
			if inherited.AssignedByGroup != nil && inherited.SkuID != nil && *inherited.SkuID == *direct.SkuID && state != nil && *state == LicenseActive {
				found = append(found, &UserLicenseFinding{Finding: Finding{Kind: DirectAndInherited, SkuID: direct.SkuID, User: user, GroupID: inherited.AssignedByGroup, sku: r.skus[*direct.SkuID]}})
				break
			}
		}
	}
	return found
}

// addOverlapping adds the products whose enabled plans are all enabled in another product of the user. Of two products
// with the same plans, it adds the one with the greater ID.
func (r *FindingRules) addOverlapping(found []*UserLicenseFinding, user *User) []*UserLicenseFinding {
	for _, inner := range user.AssignedLicenses {
		if inner.SkuID == nil || !r.Includes(*inner.SkuID) || len(r.plans[*inner.SkuID]) == 0 {
			continue
		}
		for _, outer := range user.AssignedLicenses {
			if outer.SkuID == nil || *outer.SkuID == *inner.SkuID || !r.contains(outer, inner) ||
				r.contains(inner, outer) && *inner.SkuID < *outer.SkuID {
				continue
			}
			found = append(found, &UserLicenseFinding{Finding{Kind: OverlappingProducts, SkuID: inner.SkuID, User: user, UnitsFreed: 1, sku: r.skus[*inner.SkuID]}, outer.SkuID})
			break
		}
	}
	return found
}

// contains reports whether all enabled plans of a license, of which there is one, are enabled in another one.
func (r *FindingRules) contains(outer, inner *AssignedLicense) bool {
	has, any := r.plans[*outer.SkuID], false
	for plan := range r.plans[*inner.SkuID] {
		if slices.Contains(inner.DisabledPlans, plan) {
			continue
		}
		if any = true; !has[plan] || slices.Contains(outer.DisabledPlans, plan) {
			return false
		}
	}
	return any && outer.ReadError("disabledPlans") == nil && inner.ReadError("disabledPlans") == nil
}

// addOrphaned adds the products that a user has from deleted groups.
func (r *FindingRules) addOrphaned(found []*UserLicenseFinding, user *User) []*UserLicenseFinding {
	for _, s := range user.LicenseAssignmentStates {
		if s.SkuID != nil && s.AssignedByGroup != nil && r.Includes(*s.SkuID) && r.Deleted(*s.AssignedByGroup) {
			found = append(found, &UserLicenseFinding{Finding: Finding{Kind: DeletedGroup, SkuID: s.SkuID, User: user, GroupID: s.AssignedByGroup, sku: r.skus[*s.SkuID]}})
		}
	}
	return found
}

// FindingOfSku returns the finding about unused units of a product; nil if there is none.
func FindingOfSku(sku *SubscribedSku) *ProductLicenseFinding {
	units, status := sku.Units(), sku.CapabilityStatus()
	if units == nil || units.Free == nil || *units.Free == 0 || status != nil && *status != CapabilityEnabled && *status != CapabilityWarning {
		return nil
	}
	return &ProductLicenseFinding{Finding: Finding{Kind: UnusedUnits, SkuID: sku.SkuID, UnitsFreed: *units.Free, sku: sku}}
}

// FindingOfPurchase returns the finding about a purchase that changes its status from today until before a day; nil if
// there is none.
func FindingOfPurchase(s *CompanySubscription, today, before Date) *ProductLicenseFinding {
	day, status := s.NextLifecycleDate(), s.Status()
	if day == nil || *day < today || *day >= before || status != nil && *status == CapabilityDeleted {
		return nil
	}
	return &ProductLicenseFinding{Finding{Kind: ExpiringSubscription, SkuID: s.SkuID}, s}
}
