package model

import (
	"time"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// LicensingOverview is the parent of the counts, which have resolvers.
type LicensingOverview struct{}

// ProductOverview is a product with its units.
type ProductOverview struct {
	Sku *licensing.SubscribedSku
}

// Units returns the units of the product.
func (p *ProductOverview) Units() *licensing.Units { return p.Sku.Units() }

// AssignmentErrorOverview has the counts of assignment errors.
type AssignmentErrorOverview struct {
	upstream.Unread
	Errors    []*licensing.AssignmentError
	Complete  bool
	ByCode    []*AssignmentErrorsOfCode
	ByProduct []*AssignmentErrorsOfProduct
}

// Total returns the number of counted errors.
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

// AssignmentErrorsOfGroup counts the errors of licenses that a group assigned; of direct assignments if GroupID is
// nil.
type AssignmentErrorsOfGroup struct {
	GroupID *string
	Count   int32
}

// WaitingMemberCount counts the members waiting for units of an allotment.
type WaitingMemberCount struct {
	upstream.Unread
	Allotment    *licensing.Allotment
	Complete     bool
	Count        int32
	LongestSince *time.Time
}
