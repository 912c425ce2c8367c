// Package licensing holds the licensing data of Microsoft Graph as Go values, and the rules about them that need no call:
// what an enumeration's text means, what helps against an error, what a well-known product is called.
package licensing
