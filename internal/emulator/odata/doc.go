// Package odata parses OData query options. The result is a syntax tree, or an
// error with its position and the expected token. The package has no model of
// resources: its callers check the properties and the supported operations.
//
// The grammar is the part of OData Version 4.01 Part 2: URL Conventions and
// its ABNF that Microsoft Graph documents for directory objects and their
// licensing, with $search as in Microsoft Learn, "Use the $search query
// parameter". Arithmetic, casts, aliases, type functions, all and has are not
// supported.
//
// The input is limited to [MaxLength] bytes, [MaxDepth] levels and [MaxNodes]
// nodes. The String method of a tree returns the option in a canonical form,
// which parses to the same tree.
package odata
