package tenant

import "fmt"

// Refusal is why a change was not made. Nothing has changed then.
type Refusal struct {
	Code     Code
	Property string // that is wrong, if it is one
	Message  string
}

// Error makes it an error value.
func (r *Refusal) Error() string { return r.Message }

// Code says what kind of refusal it is.
type Code string

// The codes. Those of cloudLicensing are what its design names.
const (
	InvalidAssignee  Code = "invalidAssigneeType"
	AlreadyAssigned  Code = "conflict"
	NoAvailableUnits Code = "noAvailableLicenses"
	InvalidLocation  Code = "invalidUsageLocation"
	ExclusivePlans   Code = "mutuallyExclusiveServicePlans"
	AddressConflict  Code = "proxyAddressConflict"
	BadRequest       Code = "badRequest"
	ObjectConflict   Code = "ObjectConflict" // the value of a property belongs to another object
)

func refuse(code Code, property, format string, args ...any) *Refusal {
	return &Refusal{code, property, fmt.Sprintf(format, args...)}
}
