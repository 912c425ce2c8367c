package graph

import (
	"encoding/xml"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	gqlast "github.com/vektah/gqlparser/v2/ast"
	gqlparser "github.com/vektah/gqlparser/v2/parser"

	"licensegraph/graph/generated"
	"licensegraph/internal/licensing"
	"licensegraph/schema"
)

func schemaFiles(t *testing.T) *gqlast.SchemaDocument {
	t.Helper()
	files, err := fs.Glob(schema.Files, "*.graphqls")
	if err != nil || len(files) == 0 {
		t.Fatalf("no schema: %v", err)
	}
	var sources []*gqlast.Source
	for _, name := range files {
		text, err := fs.ReadFile(schema.Files, name)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, &gqlast.Source{Name: name, Input: string(text)})
	}
	doc, err := gqlparser.ParseSchemas(sources...)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestAlternativesAreDescribed tests that descriptions with a permission that not every tenant can grant have an
// alternative.
func TestAlternativesAreDescribed(t *testing.T) {
	t.Parallel()
	licensing := regexp.MustCompile(`[A-Za-z-]*(CloudLicensing|UsageRight)[A-Za-z-]*\.[A-Za-z.]*[A-Za-z]`)
	alternative := regexp.MustCompile(`^ or (User|Group|Device|Directory)\.Read(Write)?\.All`)
	complete := regexp.MustCompile(`\.(Read|ReadWrite|AssignLicenses)(\.All|\.Organization)?$`)
	doc := schemaFiles(t)
	named := 0
	for _, definition := range slices.Concat(doc.Definitions, doc.Extensions) {
		for _, field := range definition.Fields {
			text := strings.Join(strings.Fields(field.Description), " ")
			for _, at := range licensing.FindAllStringIndex(text, -1) {
				named++
				if name := text[at[0]:at[1]]; !complete.MatchString(name) {
					t.Errorf("%s.%s: %s is not a permission", definition.Name, field.Name, name)
				}
				inPlace := strings.HasSuffix(text[:at[0]], "Directory.Read.All and, where that does not read licensing, ")
				if !inPlace && !alternative.MatchString(text[at[1]:]) {
					t.Errorf("%s.%s has no alternative to %s", definition.Name, field.Name, text[at[0]:at[1]])
				}
			}
		}
	}
	if named < 25 {
		t.Errorf("%d permissions found", named)
	}
}

// TestDescriptions tests that all elements of the schema have a description.
func TestDescriptions(t *testing.T) {
	t.Parallel()
	doc := schemaFiles(t)
	check := func(name, description string) {
		if text := strings.TrimSpace(description); len(text) < 5 || !strings.HasSuffix(text, ".") {
			t.Errorf("%s is described as %q", name, text)
		}
	}
	arguments := func(name string, args gqlast.ArgumentDefinitionList) {
		for _, arg := range args {
			check(name+"("+arg.Name+")", arg.Description)
		}
	}
	for _, definition := range slices.Concat(doc.Definitions, doc.Extensions) {
		if slices.Contains(doc.Definitions, definition) {
			check(definition.Name, definition.Description)
		}
		for _, field := range definition.Fields {
			check(definition.Name+"."+field.Name, field.Description)
			arguments(definition.Name+"."+field.Name, field.Arguments)
		}
		for _, value := range definition.EnumValues {
			check(definition.Name+"."+value.Name, value.Description)
		}
	}
	for _, directive := range doc.Directives {
		check("@"+directive.Name, directive.Description)
		arguments("@"+directive.Name, directive.Arguments)
	}
	for _, definition := range doc.Schema {
		if definition.Description != "" {
			t.Error("the schema definition has a description, which Rust-based routers reject")
		}
	}
}

// TestRootFieldDescriptions tests that root fields describe their permissions, upstream cost and null.
func TestRootFieldDescriptions(t *testing.T) {
	t.Parallel()
	fields := 0
	for _, definition := range slices.Concat(schemaFiles(t).Definitions, schemaFiles(t).Extensions) {
		if definition.Name != "Query" && definition.Name != "Mutation" {
			continue
		}
		for _, field := range definition.Fields {
			if fields++; field.Name == "viewer" { // permitted to every caller
				continue
			}
			for _, want := range []string{`\bNeeds\s[A-Z]`, `(?s)(upstream\srequest)`, `(?i)\bnull\b`} {
				if !regexp.MustCompile(want).MatchString(field.Description) {
					t.Errorf("%s.%s lacks %s: %s", definition.Name, field.Name, want, field.Description)
				}
			}
		}
	}
	if fields < 20 {
		t.Errorf("%d root fields", fields)
	}
}

// TestEnumsAreOpen tests that enums of Microsoft Graph's values have UNKNOWN_FUTURE_VALUE.
func TestEnumsAreOpen(t *testing.T) {
	t.Parallel()
	own := regexp.MustCompile(`OrderField$|^AssignmentSource$|^UserType$|^ReportPeriod$|^OrderDirection$|^RemedyAction$|^UserErrorCode$|^ViewerKind$|^LicenseActorKind$|^SearchKind$|^LicenseFindingKind$|^FixAction$|^WriteOutcome$|^ReprocessMethod$`)
	enums := 0
	for _, definition := range schemaFiles(t).Definitions {
		if definition.Kind != gqlast.Enum || own.MatchString(definition.Name) {
			continue
		}
		enums++
		if definition.EnumValues.ForName("UNKNOWN_FUTURE_VALUE") == nil {
			t.Errorf("%s has no UNKNOWN_FUTURE_VALUE", definition.Name)
		}
	}
	if enums == 0 {
		t.Error("no enums")
	}
}

// TestGeneratedModels tests that only federation inputs are generated: any other type lacks a binding in gqlgen.yml.
func TestGeneratedModels(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "model/models_gen.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ofFederation := regexp.MustCompile(`^(` + strings.Join(entityTypes, "|") + `)By[A-Z]\w*Input$`)
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok && !ofFederation.MatchString(spec.Name.Name) {
			t.Errorf("%s is generated", spec.Name.Name)
		}
		if f, ok := n.(*ast.FuncDecl); ok {
			t.Errorf("%s is generated", f.Name.Name)
		}
		return true
	})
}

// bound has the Go types of the schema's types that are read from Microsoft Graph: readTypes and what is within them.
var bound = sync.OnceValue(func() map[string]reflect.Type {
	types := maps.Clone(readTypes)
	for _, value := range []any{
		licensing.OtherDirectoryObject{}, licensing.AssignedLicense{}, licensing.AssignedPlan{}, licensing.LicenseProcessingState{},
		licensing.LicenseAssignmentState{}, licensing.LicensedService{}, licensing.LicenseUnitsDetail{}, licensing.ServicePlan{},
		licensing.AllotmentSubscription{}, licensing.EmployeeOrgData{}, licensing.SignInActivity{}, licensing.UserActivity{}, licensing.CopilotActivity{}, licensing.OnPremisesProvisioningError{}, licensing.ServiceProvisioningError{},
		licensing.ProvisionedPlan{},
	} {
		types[reflect.TypeOf(value).Name()] = reflect.TypeOf(value)
	}
	return types
})

// TestFieldsArePropertiesUpstream tests that every field of these types is a property, is derived from one, has a
// resolver or comes from the catalog, and that every property is used by a field.
func TestFieldsArePropertiesUpstream(t *testing.T) {
	t.Parallel()
	computed := map[string]string{ // source property
		"AssignmentError.error": "code", "LicenseAssignmentState.error": "error", "LicenseAssignmentState.remedy": "error", "LicenseAssignmentState.assignedByGroupId": "assignedByGroup", "Allotment.assignableToText": "assignableTo", "AllotmentSubscription.stateText": "state", "AllotmentSubscription.tagsText": "tags",
		"UsageRight.holderId": "id", "OtherDirectoryObject.odataType": "@odata.type",
		"ServicePlan.displayName": "servicePlanId", "AssignedPlan.displayName": "servicePlanId", "LicensedService.displayName": "planId",
	}
	seen := map[string]bool{}
	for _, definition := range schemaFiles(t).Definitions {
		value, ok := bound()[definition.Name]
		if !ok {
			if definition.Kind == gqlast.Object && !regexp.MustCompile(`^Query$|^Mutation$|^PageInfo$|Connection$|Edge$|Payload$|Result$|Error$|^Scan$|Overview$|^AssignmentErrorsOf|Count$|^Units$|^Money$|^Remedy$|^PredictedEffect$|^Viewer$|^LicenseChange$|^LicenseActor$|LicenseFinding$|^UnavailableFindings$|^Fix$|^FindingsOf`).MatchString(definition.Name) {
				t.Errorf("no edge leads from or to %s, and it is not in bound, as a type of a property", definition.Name)
			}
			continue
		}
		seen[definition.Name] = true
		properties, used := jsonNames(value), map[string]bool{}
		for _, field := range definition.Fields {
			name := definition.Name + "." + field.Name
			sources := from(definition.Name, field.Name)
			switch {
			case computed[name] != "":
				sources = []string{computed[name]}
			case strings.HasSuffix(field.Name, "Text"): // of the enum field
				sources = []string{strings.TrimSuffix(field.Name, "Text")}
			case resolved(definition.Name, field.Name) && !slices.Contains(properties, field.Name):
				continue
			}
			for _, property := range sources {
				if !slices.Contains(properties, property) {
					t.Errorf("%s requires %s, which is not in %v", name, property, properties)
				}
				used[property] = true
			}
		}
		for _, property := range properties {
			if !used[property] {
				t.Errorf("no field uses %s.%s", definition.Name, property)
			}
		}
	}
	for name := range bound() {
		if !seen[name] {
			t.Errorf("%s is not in the schema", name)
		}
	}
}

// resolved reports whether a field has a resolver.
func resolved(typeName, field string) bool {
	resolvers, ok := reflect.TypeFor[generated.ResolverRoot]().MethodByName(typeName)
	if !ok {
		return false
	}
	methods := resolvers.Type.Out(0)
	for i := range methods.NumMethod() {
		if strings.EqualFold(methods.Method(i).Name, field) {
			return true
		}
	}
	return false
}

// TestRequiredProperties tests that derived fields have properties.
func TestRequiredProperties(t *testing.T) {
	t.Parallel()
	for field, sources := range derived {
		found := false
		for _, properties := range upstreamProperties {
			found = found || !slices.ContainsFunc(sources, func(property string) bool { return !slices.Contains(properties, property) })
		}
		if !found {
			t.Errorf("%s is derived from %s, which no type has", field, sources)
		}
	}
}

// csdlFiles are the parts of Microsoft Graph's metadata about licensing and the directory. They are not in the repository.
var csdlFiles = []string{"../../shared/graph/cloudlicensing.csdl.xml", "../../shared/graph/directory.csdl.xml"}

// TestPropertiesMatchMetadata compares property names with Microsoft Graph's metadata.
func TestPropertiesMatchMetadata(t *testing.T) {
	t.Parallel()
	type named struct {
		Name       string `xml:",attr"`
		BaseType   string `xml:",attr"`
		Properties []struct {
			Name string `xml:",attr"`
		} `xml:"Property"`
		Members []struct {
			Name string `xml:",attr"`
		} `xml:"Member"`
	}
	types, enums := map[string]named{}, map[string]named{}
	for _, file := range csdlFiles {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Skipf("no metadata file: %v", err)
		}
		var metadata struct {
			Schemas []struct {
				Entities []named `xml:"EntityType"`
				Complex  []named `xml:"ComplexType"`
				Enums    []named `xml:"EnumType"`
			} `xml:"DataServices>Schema"`
		}
		if err := xml.Unmarshal(text, &metadata); err != nil {
			t.Fatal(err)
		}
		for _, s := range metadata.Schemas {
			for _, n := range slices.Concat(s.Entities, s.Complex) {
				if _, known := types[n.Name]; !known {
					types[n.Name] = n
				}
			}
			for _, n := range s.Enums {
				enums[n.Name] = n
			}
		}
	}
	var propertiesOf func(name string) []string
	propertiesOf = func(name string) (names []string) {
		n, ok := types[name]
		if !ok {
			t.Fatalf("the metadata has no %s", name)
		}
		if _, base, ok := strings.Cut(n.BaseType, "."); ok {
			names = propertiesOf(base)
		}
		for _, p := range n.Properties {
			names = append(names, p.Name)
		}
		return names
	}
	for ours, theirs := range map[string]string{
		"User": "user", "Group": "group", "AssignedLicense": "assignedLicense", "AssignedPlan": "assignedPlan",
		"LicenseProcessingState": "licenseProcessingState", "LicenseAssignmentState": "licenseAssignmentState",
		"AssignmentError": "assignmentError", "UsageRight": "usageRight", "LicensedService": "service",
		"SubscribedSku": "subscribedSku", "LicenseUnitsDetail": "licenseUnitsDetail", "ServicePlan": "servicePlanInfo",
		"Allotment": "allotment", "AllotmentSubscription": "subscription", "Assignment": "assignment", "WaitingMember": "waitingMember", "EmployeeOrgData": "employeeOrgData", "OnPremisesProvisioningError": "onPremisesProvisioningError",
		"ServiceProvisioningError": "serviceProvisioningXmlError", "ProvisionedPlan": "provisionedPlan", "LicenseDetails": "licenseDetails",
	} {
		have, want := jsonNames(bound()[ours]), propertiesOf(theirs)
		for _, name := range want {
			switch name {
			case "cloudLicensing": // a path segment
			case "hasMembersWithLicenseErrors": // for filters only
			default:
				if !slices.Contains(have, name) {
					t.Errorf("%s has no %s", ours, name)
				}
			}
		}
		if theirs == "user" || theirs == "group" {
			continue // abridged
		}
		for _, name := range have {
			if !slices.Contains(want, name) {
				t.Errorf("%s of %s is not Microsoft's", name, ours)
			}
		}
	}
	for _, member := range enums["assigneeTypes"].Members {
		service := licensing.LicensedService{AssignableToText: member.Name}
		kinds := service.AssignableTo()
		if known := len(kinds) == 1 && kinds[0] != licensing.AssigneeUnknownFuture; known != (member.Name != "none" && member.Name != "unknownFutureValue") {
			t.Errorf("%s is read as %v", member.Name, kinds)
		}
	}
}

// TestIntrospectionDescriptions tests that all elements of the introspected schema have descriptions.
func TestIntrospectionDescriptions(t *testing.T) {
	t.Parallel()
	missing := func(description string, place ...string) {
		if description == "" {
			t.Errorf("%s has no description", strings.Join(place, "."))
		}
	}
	s := publicSchema()
	for _, internal := range []string{"Entity", "UserByIDsInput"} {
		if s.Types[internal] != nil {
			t.Errorf("%s is in the introspected schema", internal)
		}
	}
	for typeName, definition := range s.Types {
		if strings.HasPrefix(typeName, "__") {
			continue
		}
		missing(definition.Description, typeName)
		for _, value := range definition.EnumValues {
			missing(value.Description, typeName, value.Name)
		}
		for _, field := range definition.Fields {
			if strings.HasPrefix(field.Name, "__") {
				continue
			}
			missing(field.Description, typeName, field.Name)
			for _, argument := range field.Arguments {
				missing(argument.Description, typeName, field.Name, argument.Name)
			}
		}
	}
	for name, directive := range s.Directives {
		missing(directive.Description, "@"+name)
		for _, argument := range directive.Arguments {
			missing(argument.Description, "@"+name, argument.Name)
		}
	}
}
