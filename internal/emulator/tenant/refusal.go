package tenant

import "fmt"

// Refusal is the reason for which a change was refused. A refused change has
// no effect.
type Refusal struct {
	Code     Code
	Property string // the invalid property, if any
	Message  string
}

func (r *Refusal) Error() string { return r.Message }

// Code is the kind of a refusal.
type Code string

// The codes. The cloudLicensing codes are those of its design.
const (
	InvalidAssignee  Code = "invalidAssigneeType"
	AlreadyAssigned  Code = "conflict"
	NoAvailableUnits Code = "noAvailableLicenses"
	InvalidLocation  Code = "invalidUsageLocation"
	ExclusivePlans   Code = "mutuallyExclusiveServicePlans"
	AddressConflict  Code = "proxyAddressConflict"
	BadRequest       Code = "badRequest"
	ObjectConflict   Code = "ObjectConflict" // another object has the same value of the property
)

func refuse(code Code, property, format string, args ...any) *Refusal {
	return &Refusal{code, property, fmt.Sprintf(format, args...)}
}
