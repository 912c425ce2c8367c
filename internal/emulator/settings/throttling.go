package settings

import "errors"

// Throttling is the set of limits of Graph. The zero value is the published
// limits of Microsoft Learn, "Microsoft Graph service-specific throttling
// limits", for identity and access; a positive number replaces a limit. In
// text form, "off" disables throttling and "" is the published limits.
type Throttling struct {
	Off              bool `json:"off"`
	ResourceUnits    int  `json:"resourceUnits"`    // per application and tenant in 10 s; 0 = 3,500 below 50 users, 5,000 up to 500, 8,000 above
	Writes           int  `json:"writes"`           // per application and tenant in 150 s; 0 = 3,000
	TenantWrites     int  `json:"tenantWrites"`     // of all applications of the tenant in 5 min; 0 = 18,000
	AppResourceUnits int  `json:"appResourceUnits"` // per application in 20 s; 0 = 150,000
	AppWrites        int  `json:"appWrites"`        // per application in 5 min; 0 = 35,000
	AppRequests      int  `json:"appRequests"`      // per application in 10 s; 0 = 130,000
	Audits           int  `json:"audits"`           // requests to the audit log per application and tenant in 10 s; 0 = 5
	ReportFiles      int  `json:"reportFiles"`      // CSV files of each usage report per application and tenant in 10 min; 0 = 14
	ReportPages      int  `json:"reportPages"`      // JSON pages of each usage report per application and tenant in 10 min; 0 = 100
	CloudLicensing   int  `json:"cloudLicensing"`   // requests to cloudLicensing per application and tenant in 10 s; 0 = no separate limit
	SignInActivity   int  `json:"signInActivity"`   // requests with signInActivity per application and tenant in a minute; 0 = no separate limit, the published one is 10
}

var errThrottling = errors.New(`throttling must be "" (the published limits), "off", or an object with limits`)

// UnmarshalText parses "off" and "".
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
