// Package upstream is what the gateway asks of Microsoft Graph and what it gets: queries and pages, objects of which a part
// is known, failures, and what an operation cost. It imports nothing but the standard library.
package upstream
