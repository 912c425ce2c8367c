package graph

import (
	"fmt"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
)

// TestLeadsTo tests nested selections; each fragment is visited once.
func TestLeadsTo(t *testing.T) {
	t.Parallel()
	const depth = 40 // twice at each level: visiting each spread would not end
	var query strings.Builder
	query.WriteString(`{ users { ...f0 } }`)
	for i := range depth {
		fmt.Fprintf(&query, " fragment f%d on UserConnection { ...f%d ... { ...f%d } }", i, i+1, i+1)
	}
	fmt.Fprintf(&query, " fragment f%d on UserConnection { nodes { assignedLicenses { sku { units { free } } } } }", depth)
	document, err := gqlparser.LoadQueryWithRules(publicSchema(), query.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	users := graphql.CollectFields(&graphql.OperationContext{Doc: document}, document.Operations[0].SelectionSet, []string{"Query"})[0]
	s := selection{operation: &graphql.OperationContext{Doc: document}}
	s.sets = append(s.sets, users.Selections)
	for field, want := range map[string]bool{"SubscribedSku.units": true, "User.assignedLicenses": true, "UserConnection.nodes": false, "SubscribedSku.allotments": false} {
		if got := s.leadsTo(func(typeName, name string) bool { return typeName+"."+name == field }); got != want {
			t.Errorf("%s: %v", field, got)
		}
	}
}
