// Package exchange has what the embedded tenant tells of a request and its answer to who observes it. It is apart from
// package contract so that the tenant can be observed without what it is checked against.
package exchange

import "net/http"

// Reading says which of two readings of the documentation is in force. The zero
// value of each is the strictest.
type Reading struct {
	Wrapped           bool // single cloudLicensing entities are in {"value":…}
	NullError         bool // the error of a good licenseAssignmentState is null instead of None
	Timestamps        bool // the dates of subscriptions are timestamps
	NoSubscriptions   bool // listed and expanded allotments have subscriptions only when selected
	NoCreatedID       bool // new assignments below a person, group or device have no id
	NoErrorRelations  bool // $expand of assignment errors is ignored
	NullRight         bool // the usage right that an error does not have is {"value":null}
	ReprocessAnswers  bool // reprocessAssignments answers 200
	NoObjectSelect    bool // getByIds ignores $select
	NoCodesOfParts    bool // the code of an error in a batch can be empty
	CloudPage         int  // the most on a page of cloudLicensing; 0 = 100
	CloudRelationsEnd bool // expanded cloudLicensing collections end without a link
}

// Exchange is a request with its answer, alone or as the whole of a batch.
type Exchange struct {
	Base          string // scheme and host as the client sees them
	Method        string
	URL           string // path and query
	RequestHeader http.Header
	Request       []byte // body
	Status        int
	Header        http.Header
	Body          []byte // before compression

	Reading
	// Permissions are those of the caller, or nil: whoever may not read a type
	// sees less of it.
	Permissions []string
	// First is the query of the first page that a delta token belongs to. Links to
	// other pages carry it themselves.
	First func(token string) (query string, ok bool)
	// Skip leaves out parts of a batch by their ids.
	Skip func(id string) bool
}
