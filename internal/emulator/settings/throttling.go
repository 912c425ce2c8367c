package settings

import "errors"

// Throttling is how much Graph accepts before it answers 429. The zero value is
// what Microsoft Learn publishes, "Microsoft Graph service-specific throttling
// limits", of identity and access; a number in place of 0 is another limit. As
// text, "off" is no throttling and "" the published limits.
type Throttling struct {
	Off              bool `json:"off"`
	ResourceUnits    int  `json:"resourceUnits"`    // per application and tenant in 10 s; 0 = 3,500 below 50 people, 5,000 up to 500, 8,000 above
	Writes           int  `json:"writes"`           // per application and tenant in 150 s; 0 = 3,000
	TenantWrites     int  `json:"tenantWrites"`     // of all applications in the tenant in 5 min; 0 = 18,000
	AppResourceUnits int  `json:"appResourceUnits"` // per application in 20 s; 0 = 150,000
	AppWrites        int  `json:"appWrites"`        // per application in 5 min; 0 = 35,000
	AppRequests      int  `json:"appRequests"`      // per application in 10 s; 0 = 130,000
	CloudLicensing   int  `json:"cloudLicensing"`   // requests to cloudLicensing per application and tenant in 10 s; 0 = no limit of their own
}

var errThrottling = errors.New(`throttling is "", which is the published limits, "off", or an object with limits`)

// UnmarshalText reads "off" and "".
func (t *Throttling) UnmarshalText(text []byte) error {
	switch string(text) {
	case "", "published":
		*t = Throttling{}
	case "off":
		*t = Throttling{Off: true}
	default:
		return errThrottling
	}
	return nil
}
