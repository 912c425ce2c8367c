package msgraph

import (
	"encoding/xml"
	"os"
	"testing"

	"licensegraph/internal/decode"
	"licensegraph/internal/licensing"
)

// TestDerivedTypes tests that types derived from user and group are decoded as their base types.
func TestDerivedTypes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../shared/graph/directory.csdl.xml")
	if err != nil {
		t.Skipf("Microsoft's metadata is not here: %v", err)
	}
	var metadata struct {
		Types []struct {
			Name string `xml:"Name,attr"`
			Base string `xml:"BaseType,attr"`
		} `xml:"DataServices>Schema>EntityType"`
	}
	if err := xml.Unmarshal(text, &metadata); err != nil {
		t.Fatal(err)
	}
	derived := 0
	for _, of := range metadata.Types {
		if of.Base != "graph.user" && of.Base != "graph.group" {
			continue
		}
		derived++
		ref, err := reference("")(decode.New(`{"@odata.type":"#microsoft.graph.` + of.Name + `","id":"x","displayName":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		_, isUser := ref.Object.(*licensing.User)
		_, isGroup := ref.Object.(*licensing.Group)
		if isUser != (of.Base == "graph.user") || isGroup != (of.Base == "graph.group") {
			t.Errorf("%s, a %s, is a %T", of.Name, of.Base, ref.Object)
		}
	}
	if derived == 0 {
		t.Error("no type is derived from user, or the metadata has another format")
	}
}
