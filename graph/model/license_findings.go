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
	Connection[*licensing.LicenseFinding]
	Stopped     bool
	Unavailable []*UnavailableFindings
}

// LicenseFindingEdge is a finding in a page.
type LicenseFindingEdge = Edge[*licensing.LicenseFinding]

// UnavailableFindings is why findings of some kinds could not be read.
type UnavailableFindings struct {
	Kinds         []licensing.LicenseFindingKind
	Code, Message string
}
