package graph

import (
	"encoding/xml"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	gqlast "github.com/vektah/gqlparser/v2/ast"
)

// coverage returns the tables of docs/coverage.md: places in the schema by section and name.
func coverage(t *testing.T) map[string]map[string]string {
	t.Helper()
	text, err := os.ReadFile("../docs/coverage.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]map[string]string{}
	var rows map[string]string
	for line := range strings.Lines(string(text)) {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			rows = map[string]string{}
			sections[strings.TrimSpace(title)] = rows
		}
		cells := strings.Split(line, "|")
		if len(cells) < 4 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		for _, name := range quoted.FindAllStringSubmatch(cells[1], -1) {
			if _, twice := rows[name[1]]; twice {
				t.Errorf("%s is listed twice", name[1])
			}
			rows[name[1]] = strings.TrimSpace(cells[2])
		}
	}
	return sections
}

var quoted = regexp.MustCompile("`([^`]+)`")

// TestCoveragePlacesExist tests that the schema has every place in docs/coverage.md.
func TestCoveragePlacesExist(t *testing.T) {
	t.Parallel()
	schema := publicSchema()
	for title, rows := range coverage(t) {
		if len(rows) == 0 {
			t.Errorf("%s has no rows", title)
		}
		for name, text := range rows {
			if title == "Computed here" {
				text = "`" + name + "`"
			}
			places := quoted.FindAllStringSubmatch(text, -1)
			if len(places) == 0 && !strings.HasPrefix(text, "none: ") && text != "an empty list" && name != "POST /$batch" && name != "POST /oauth2/v2.0/token" {
				t.Errorf("%s maps to no schema element", name)
			}
			for _, place := range places {
				if !inSchema(schema, place[1]) {
					t.Errorf("%s: the schema has no %s", name, place[1])
				}
			}
		}
	}
}

// TestCoverageMembers tests that each member maps to the field of its name on the type of its place. The exceptions
// are listed here.
func TestCoverageMembers(t *testing.T) {
	t.Parallel()
	rows := coverage(t)["Types, properties, relations, actions"]
	elsewhere := []string{"admin.cloudLicensing", "user.cloudLicensing", "group.cloudLicensing", "group.hasMembersWithLicenseErrors", "assigneeTypes.none", "subscriptionTags.none"}
	nowhere := []string{"group.memberOf", "group.transitiveMembers", "user.memberOf", "user.transitiveMemberOf", "function delta(Collection(group))", "function delta(Collection(user))"}
	for name, place := range rows {
		if strings.HasPrefix(place, "none: ") != slices.Contains(nowhere, name) {
			t.Errorf("%s: %s", name, place)
		}
		typeName, member, isMember := strings.Cut(name, ".")
		if !isMember || slices.Contains(elsewhere, name) || slices.Contains(nowhere, name) {
			continue
		}
		of := strings.Trim(rows[typeName], "`")
		if constant := capitals.ReplaceAllString(member, "_$1"); place != "`"+of+"."+member+"`" && place != "`"+of+"."+strings.ToUpper(constant)+"`" {
			t.Errorf("%s maps to %s, not to the same name on %s", name, place, of)
		}
	}
}

var capitals = regexp.MustCompile(`([A-Z])`)

// inSchema reports whether the schema has a type, a field or an enum value.
func inSchema(schema *gqlast.Schema, place string) bool {
	typeName, member, isMember := strings.Cut(place, ".")
	definition := schema.Types[typeName]
	if definition == nil || !isMember {
		return definition != nil
	}
	return definition.Fields.ForName(member) != nil || definition.EnumValues.ForName(member) != nil
}

// TestCoverageComplete tests that docs/coverage.md has all names of Microsoft Graph's metadata.
func TestCoverageComplete(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(csdlFiles[0])
	if err != nil {
		t.Skipf("no metadata file: %v", err)
	}
	have := coverage(t)["Types, properties, relations, actions"]
	want := metadataNames(t, text)
	for _, name := range want {
		if have[name] == "" {
			t.Errorf("%s has no row", name)
		}
	}
	for name := range have {
		if !slices.Contains(want, name) {
			t.Errorf("%s is not in the metadata", name)
		}
	}
}

// metadataNames returns the types, members, actions and sets of a metadata document, as in docs/coverage.md.
func metadataNames(t *testing.T, text []byte) (names []string) {
	t.Helper()
	type named struct {
		Name       string  `xml:",attr"`
		Type       string  `xml:",attr"`
		Properties []named `xml:"Property"`
		Relations  []named `xml:"NavigationProperty"`
		Members    []named `xml:"Member"`
		Parameters []named `xml:"Parameter"`
	}
	var metadata struct {
		Schemas []struct {
			Entities   []named `xml:"EntityType"`
			Complex    []named `xml:"ComplexType"`
			Enums      []named `xml:"EnumType"`
			Actions    []named `xml:"Action"`
			Functions  []named `xml:"Function"`
			Sets       []named `xml:"EntityContainer>EntitySet"`
			Singletons []named `xml:"EntityContainer>Singleton"`
		} `xml:"DataServices>Schema"`
	}
	if err := xml.Unmarshal(text, &metadata); err != nil {
		t.Fatal(err)
	}
	namespace := strings.NewReplacer("graph.", "", "microsoft.", "", "cloudLicensing.", "")
	for _, s := range metadata.Schemas {
		for _, n := range slices.Concat(s.Entities, s.Complex, s.Enums) {
			names = append(names, n.Name)
			for _, member := range slices.Concat(n.Properties, n.Relations, n.Members) {
				names = append(names, n.Name+"."+member.Name)
			}
		}
		for kind, bound := range map[string][]named{"action": s.Actions, "function": s.Functions} {
			for _, n := range bound {
				names = append(names, kind+" "+n.Name+"("+namespace.Replace(n.Parameters[0].Type)+")")
			}
		}
		for kind, all := range map[string][]named{"set": s.Sets, "singleton": s.Singletons} {
			for _, n := range all {
				names = append(names, kind+" "+n.Name)
			}
		}
	}
	return names
}
