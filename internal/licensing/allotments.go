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

// ObjectID returns the ID of the allotment.
func (a *Allotment) ObjectID() string { return a.ID }

// FoldIDs normalizes the allotment's IDs for comparison. See [FoldID].
func (a *Allotment) FoldIDs() {
	a.ID = FoldID(a.ID)
	for _, s := range a.Subscriptions {
		s.SubscriptionID = FoldID(s.SubscriptionID)
	}
}

// IsEntity marks an entity.
func (*Allotment) IsEntity() {}

// AvailableUnits returns the number of free units: 0 if every purchase in the pool is suspended, locked out or deleted,
// nil if Microsoft Graph did not send the required properties or one of them cannot be read.
func (a *Allotment) AvailableUnits() *int32 {
	if a.AllottedUnits == nil || a.ConsumedUnits == nil || a.AvailableUnitsError() != nil {
		return nil
	}
	if len(a.Subscriptions) > 0 && !slices.ContainsFunc(a.Subscriptions, func(s *AllotmentSubscription) bool { return !s.over() }) {
		return new(int32)
	}
	return within32Bits(max(0, int64(*a.AllottedUnits)-int64(*a.ConsumedUnits)))
}

// AvailableUnitsError returns the error that prevents the computation of AvailableUnits; nil if the number is available
// or Microsoft Graph did not send the properties. An unreadable purchase counts only if every readable one is
// suspended, locked out or deleted.
func (a *Allotment) AvailableUnitsError() error {
	for _, number := range []string{"allottedUnits", "consumedUnits"} {
		if err := a.ReadError(number); err != nil {
			return err
		}
	}
	unread := a.ReadError("subscriptions")
	for _, s := range a.Subscriptions {
		switch err := s.ReadError("state"); {
		case err != nil:
			unread = err
		case !s.over():
			return nil
		}
	}
	return unread
}

// AssignableTo parses the comma-separated assignee types, in their order; "none" gives an empty list.
func (a *Allotment) AssignableTo() []AssigneeType { return assigneeTypes(a.AssignableToText) }

// AllotmentSubscription is a purchase that adds units to an allotment.
type AllotmentSubscription struct {
	upstream.Unread   `json:"-"`
	SubscriptionID    string `json:"subscriptionId"`
	StartDate         *Date  `json:"startDate"`
	NextLifecycleDate *Date  `json:"nextLifecycleDate"`
	StateText         string `json:"state"`
	TagsText          string `json:"tags"`
}

// over reports whether the purchase no longer provides any units.
func (s *AllotmentSubscription) over() bool {
	state := s.State()
	return state != nil && (*state == SubscriptionSuspended || *state == SubscriptionLockedOut || *state == SubscriptionDeleted)
}

// State parses the state; nil if there is none. The Microsoft Graph reference describes the property as multivalued,
// the metadata as single-valued. State returns the first of several values.
func (s *AllotmentSubscription) State() *SubscriptionState {
	states := subscriptionStates.flags(s.StateText)
	if len(states) == 0 {
		return nil
	}
	return &states[0]
}

// Tags parses the comma-separated tags, in their order; "none" gives an empty list.
func (s *AllotmentSubscription) Tags() []SubscriptionTag {
	return subscriptionTags.flags(s.TagsText)
}

// SubscriptionState is the state of a purchase.
type SubscriptionState string

// Members of SubscriptionState: see allotmentSubscription in the Microsoft Graph reference.
const (
	SubscriptionActive        SubscriptionState = "ACTIVE"
	SubscriptionWarning       SubscriptionState = "WARNING"
	SubscriptionSuspended     SubscriptionState = "SUSPENDED"
	SubscriptionLockedOut     SubscriptionState = "LOCKED_OUT"
	SubscriptionDeleted       SubscriptionState = "DELETED"
	SubscriptionUnknownFuture SubscriptionState = unknownFutureValue
)

var subscriptionStates = enumerationOf(SubscriptionActive, SubscriptionWarning, SubscriptionSuspended, SubscriptionLockedOut, SubscriptionDeleted)

// SubscriptionTag is an attribute of a purchase.
type SubscriptionTag string

// Members of SubscriptionTag: see allotmentSubscription in the Microsoft Graph reference.
const (
	SubscriptionTrial            SubscriptionTag = "TRIAL"
	SubscriptionTagUnknownFuture SubscriptionTag = unknownFutureValue
)

var subscriptionTags = enumerationOf(SubscriptionTrial)
