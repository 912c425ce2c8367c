// Package schema holds the GraphQL schema of the gateway, for its tests and for handing it to a supergraph.
package schema

import "embed"

// Files holds the schema in GraphQL's schema definition language, one file per noun.
//
//go:embed *.graphqls
var Files embed.FS
