// Package odata reads the query options of OData: a text in, a tree out, or an
// error that says at which position something else was expected. It knows no
// resource: which properties there are, and what may be asked of them, is for its
// caller to say.
//
// The grammar is the part of OData Version 4.01 Part 2: URL Conventions and its
// ABNF that Microsoft Graph documents for directory objects and their licensing,
// with $search as Microsoft Learn, "Use the $search query parameter", has it.
// Arithmetic, casts, aliases, type functions, all and has are not in it.
//
// Everything is bounded: by [MaxLength] bytes, by [MaxDepth] levels, by
// [MaxNodes] parts. A tree's String is the same option, written in one way; what
// it writes reads back as the same tree.
package odata
