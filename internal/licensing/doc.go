// Package licensing defines Microsoft Graph's licensing resources as Go types. It parses enumerations, selects remedies
// for assignment errors and looks up the names of well-known products. It sends no requests.
package licensing
