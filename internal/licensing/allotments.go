package licensing

import (
	"slices"

	"licensegraph/internal/upstream"
)

// Allotment is a pool of units of one product.
type Allotment struct {
	upstream.Unread           `json:"-"`
	ID                        string                   `json:"id"`
	SkuID                     *GUID                    `json:"skuId"`
	SkuPartNumber             *string                  `json:"skuPartNumber"`
	AllottedUnits             *int32                   `json:"allottedUnits"`
	ConsumedUnits             *int32                   `json:"consumedUnits"`
	AssignableToText          string                   `json:"assignableTo"`
	ExternalServiceIdentifier *string                  `json:"externalServiceIdentifier"`
	Services                  []*LicensedService       `json:"services"`
	Subscriptions             []*AllotmentSubscription `json:"subscriptions"`
}

// ObjectID returns the id of the allotment.
func (a *Allotment) ObjectID() string { return a.ID }

// FoldIDs brings the ids that were read into the form in which they are compared.
func (a *Allotment) FoldIDs() {
	a.ID = FoldID(a.ID)
	for _, s := range a.Subscriptions {
		s.SubscriptionID = FoldID(s.SubscriptionID)
	}
}

// IsEntity marks an entity.
func (*Allotment) IsEntity() {}

// AvailableUnits returns how many units are free; none when all purchases that feed the pool are suspended, locked or gone,
// and nil when the service did not send what it takes, or not so that it can be read.
func (a *Allotment) AvailableUnits() *int32 {
	if a.AllottedUnits == nil || a.ConsumedUnits == nil || a.WhyNoAvailableUnits() != nil {
		return nil
	}
	if len(a.Subscriptions) > 0 && !slices.ContainsFunc(a.Subscriptions, func(s *AllotmentSubscription) bool { return !s.over() }) {
		return new(int32)
	}
	return within32Bits(max(0, int64(*a.AllottedUnits)-int64(*a.ConsumedUnits)))
}

// WhyNoAvailableUnits returns why nobody can tell how many units are free; nil when it can be told, or when the service did
// not send the numbers. Purchases matter only where those that can be read are all suspended, locked or gone.
func (a *Allotment) WhyNoAvailableUnits() error {
	for _, number := range []string{"allottedUnits", "consumedUnits"} {
		if err := a.WhyUnread(number); err != nil {
			return err
		}
	}
	unread := a.WhyUnread("subscriptions")
	for _, s := range a.Subscriptions {
		switch err := s.WhyUnread("state"); {
		case err != nil:
			unread = err
		case !s.over():
			return nil
		}
	}
	return unread
}

// AssignableTo reads the comma-joined kinds in the order in which they were written; `none` is empty.
func (a *Allotment) AssignableTo() []AssigneeType { return assigneeTypes(a.AssignableToText) }

// AllotmentSubscription is a purchase that feeds an allotment.
type AllotmentSubscription struct {
	upstream.Unread   `json:"-"`
	SubscriptionID    string `json:"subscriptionId"`
	StartDate         *Date  `json:"startDate"`
	NextLifecycleDate *Date  `json:"nextLifecycleDate"`
	StateText         string `json:"state"`
	TagsText          string `json:"tags"`
}

// over tells whether nothing can be used of a purchase any more.
func (s *AllotmentSubscription) over() bool {
	state := s.State()
	return state != nil && (*state == SubscriptionSuspended || *state == SubscriptionLockedOut || *state == SubscriptionDeleted)
}

// State reads the state's text; nil when there is none. The reference page calls the state multi-valued, the
// metadata does not: of several the first counts.
func (s *AllotmentSubscription) State() *SubscriptionState {
	states := flags(s.StateText, SubscriptionActive, SubscriptionWarning, SubscriptionSuspended,
		SubscriptionLockedOut, SubscriptionDeleted)
	if len(states) == 0 {
		return nil
	}
	return &states[0]
}

// Tags reads the comma-joined tags in the order in which they were written; `none` is empty.
func (s *AllotmentSubscription) Tags() []SubscriptionTag {
	return flags(s.TagsText, SubscriptionTrial)
}

// SubscriptionState tells whether a purchase can be used.
type SubscriptionState string

// Members of SubscriptionState, as the allotmentSubscription page of the Microsoft Graph reference spells them.
const (
	SubscriptionActive        SubscriptionState = "ACTIVE"
	SubscriptionWarning       SubscriptionState = "WARNING"
	SubscriptionSuspended     SubscriptionState = "SUSPENDED"
	SubscriptionLockedOut     SubscriptionState = "LOCKED_OUT"
	SubscriptionDeleted       SubscriptionState = "DELETED"
	SubscriptionUnknownFuture SubscriptionState = unknownFutureValue
)

// SubscriptionTag is something special about a purchase.
type SubscriptionTag string

// Members of SubscriptionTag, as the allotmentSubscription page of the Microsoft Graph reference spells them.
const (
	SubscriptionTrial            SubscriptionTag = "TRIAL"
	SubscriptionTagUnknownFuture SubscriptionTag = unknownFutureValue
)
