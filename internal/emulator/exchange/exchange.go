// Package exchange contains a request and its answer for an observer of the
// embedded tenant. It is separate from package contract so that an observer
// does not import the checks.
package exchange

import "net/http"

// Reading selects one of two readings of the documentation. The zero value of
// each is the strictest.
type Reading struct {
	Wrapped           bool // single cloudLicensing entities are in {"value":…}
	NullError         bool // the error of a licenseAssignmentState without an error is null instead of None
	Timestamps        bool // the dates of subscriptions are timestamps
	NoSubscriptions   bool // listed and expanded allotments have subscriptions only if selected
	NoCreatedID       bool // new assignments below a user, group or device have no id
	NoErrorRelations  bool // $expand of assignment errors is ignored
	NullRight         bool // a missing usage right of an error is {"value":null}
	ReprocessAnswers  bool // reprocessAssignments answers 200
	NoObjectSelect    bool // getByIds ignores $select
	NoCodesOfParts    bool // the code of an error in a batch can be empty
	CloudPage         int  // maximum page size of cloudLicensing; 0 = 100
	CloudRelationsEnd bool // expanded cloudLicensing collections have no next link
}

// Exchange is a request with its answer, or a whole batch.
type Exchange struct {
	Base          string // scheme and host as seen by the client
	Method        string
	URL           string // path and query
	RequestHeader http.Header
	Request       []byte // body
	Status        int
	Header        http.Header
	Body          []byte // before compression

	Reading
	// Permissions are those of the caller, or nil. A caller without the
	// permission to read a type gets less of it.
	Permissions []string
	// First returns the query of the first page of a delta token. Links to
	// other pages contain it.
	First func(token string) (query string, ok bool)
	// Skip reports whether to ignore the part of a batch with the ID.
	Skip func(id string) bool
}
