package model

import "licensegraph/internal/licensing"

// LicenseFindingFilter selects findings.
type LicenseFindingFilter struct {
	Kinds                           []licensing.LicenseFindingKind
	SkuIds                          []licensing.GUID
	InactiveDays, ExpiresWithinDays *int32
}

// LicenseFindingConnection is a page of findings.
type LicenseFindingConnection struct {
	Connection[licensing.LicenseFinding]
	Stopped     bool
	Unavailable []*UnavailableFindings
}

// LicenseFindingEdge is a finding in a page.
type LicenseFindingEdge = Edge[licensing.LicenseFinding]

// UnavailableFindings is why findings of some kinds could not be read.
type UnavailableFindings struct {
	Kinds         []licensing.LicenseFindingKind
	Code, Message string
}

// LicenseFindingsOverview is the parent of the figures, which have resolvers.
type LicenseFindingsOverview struct {
	Filter LicenseFindingFilter
	// OrgUnits reports whether figures by department or cost center are selected.
	OrgUnits bool
}

// FindingsOfKind are the findings of a kind.
type FindingsOfKind struct {
	Kind                         licensing.LicenseFindingKind
	Findings, People, UnitsFreed int32
	MonthlyCosts                 []*licensing.Money
	Complete                     bool
	ByProduct                    []*FindingsOfProduct
}

// FindingsOfProduct are the findings of a kind and a product.
type FindingsOfProduct struct {
	SkuID                *licensing.GUID
	Findings, UnitsFreed int32
	MonthlyCost          *licensing.Money
}

// FindingsOfOrgUnit are the units that become free in a department or cost center.
type FindingsOfOrgUnit struct {
	Name               *string
	People, UnitsFreed int32
	MonthlyCosts       []*licensing.Money
}
