package model

import (
	"time"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// LicensingOverview is the root of what is counted over the tenant. Its fields are resolved.
type LicensingOverview struct{}

// ProductOverview is a product and its units.
type ProductOverview struct {
	Sku *licensing.SubscribedSku
}

// Units returns the units of the product.
func (p *ProductOverview) Units() *licensing.Units { return p.Sku.Units() }

// AssignmentErrorOverview is what failed, counted.
type AssignmentErrorOverview struct {
	upstream.Unread
	Errors    []*licensing.AssignmentError
	Complete  bool
	ByCode    []*AssignmentErrorsOfCode
	ByProduct []*AssignmentErrorsOfProduct
}

// Total returns how many errors were counted.
func (o *AssignmentErrorOverview) Total() int32 { return int32(len(o.Errors)) }

// AssignmentErrorsOfCode counts the errors with a code.
type AssignmentErrorsOfCode struct {
	Code  string
	Count int32
}

// AssignmentErrorsOfProduct counts the errors of a product.
type AssignmentErrorsOfProduct struct {
	SkuID *licensing.GUID
	Count int32
}

// AssignmentErrorsOfGroup counts the errors that come from the licenses of a group; of direct assignments when
// that is nil.
type AssignmentErrorsOfGroup struct {
	GroupID *string
	Count   int32
}

// WaitingMemberCount counts who waits for units of an allotment.
type WaitingMemberCount struct {
	upstream.Unread
	Allotment    *licensing.Allotment
	Complete     bool
	Count        int32
	LongestSince *time.Time
}
