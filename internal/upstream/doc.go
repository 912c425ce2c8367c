// Package upstream defines the requests to Microsoft Graph and their results: queries and pages, partial objects,
// errors, recovered panics and the cost of an operation. It imports only the standard library.
package upstream
