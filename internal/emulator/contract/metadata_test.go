package contract

import (
	"encoding/xml"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// metadataFile is an excerpt of Microsoft Graph's beta metadata, directoryFile one of
// version 1.0 with more of the directory. They are not part of the project.
const (
	metadataFile  = "../../../../shared/graph/cloudlicensing.csdl.xml"
	directoryFile = "../../../../shared/graph/directory.csdl.xml"
)

// schema is the used part of OData CSDL XML Representation Version 4.01.
type schema struct {
	Namespace string `xml:",attr"`
	Enums     []struct {
		Name    string `xml:",attr"`
		IsFlags bool   `xml:",attr"`
		Members []struct {
			Name  string `xml:",attr"`
			Value string `xml:",attr"`
		} `xml:"Member"`
	} `xml:"EnumType"`
	Complex  []structured `xml:"ComplexType"`
	Entities []structured `xml:"EntityType"`
}

type structured struct {
	Name       string `xml:",attr"`
	BaseType   string `xml:",attr"`
	Properties []said `xml:"Property"`
	Relations  []said `xml:"NavigationProperty"`
}

type said struct {
	Name     string `xml:",attr"`
	Type     string `xml:",attr"`
	Nullable string `xml:",attr"`
}

// beyond lists the definitions that are not in the excerpt, with the reason.
var beyond = map[string]string{
	"cloudLicensing.deviceCloudLicensing": "documented in August 2026, not in the metadata yet",
	"device":                              "the excerpt has no devices",
	"directoryRole":                       "the excerpt has no directory roles",
	"servicePrincipal":                    "the excerpt has no service principals",
	"copilotUsageUserDetail":              "there is only a sample of it",

	"adminReportSettings": "the samples have no ID", "office365ActiveUserDetail": "the samples have no ID",
	"auditUserIdentity": "a base type in version 1.0", "auditActivityInitiator.user": "a base type in version 1.0",

	"user.businessPhones": cut, "user.mobilePhone": cut, "user.preferredLanguage": cut,
	"user.creationType": cut, "user.isLicenseReconciliationNeeded": cut, "user.onPremisesSamAccountName": cut,
	"group.classification": cut,
}

const cut = "the excerpts have licensing-related members only"

// otherwise lists the differences between the metadata and a reference page,
// which takes precedence.
var otherwise = map[string]string{
	"cloudLicensing.subscription.startDate":         "a sample prints a timestamp: Reading.Timestamps",
	"cloudLicensing.subscription.nextLifecycleDate": "a sample prints a timestamp: Reading.Timestamps",
	"cloudLicensing.subscriptionState":              "the page calls it multi-valued",
	"cloudLicensing.assignment.allotment":           "the page says that it is never null",
	"licenseAssignmentState.skuId":                  "the page says Edm.String",
	"licenseAssignmentState.disabledPlans":          "the page says Collection(Edm.String)",
	"licenseAssignmentState.error":                  "null when fine, says the page: Reading.NullError",
	"subscribedSku":                                 "the page has it as a directoryObject",
}

// metadata returns the definitions of a file by name. It skips the test if there is no
// such file.
func metadata(t *testing.T, file string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the metadata is missing: %s", file)
	}
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Schemas []schema `xml:"DataServices>Schema"`
	}
	if err := xml.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	theirs := map[string]string{}
	short := func(name string) string {
		return strings.TrimPrefix(strings.TrimPrefix(name, "microsoft.graph."), "graph.")
	}
	for _, s := range document.Schemas {
		prefix := short(s.Namespace + ".")
		for _, e := range s.Enums {
			theirs[prefix+e.Name] = "enum "
			if e.IsFlags {
				theirs[prefix+e.Name] += " flags"
			}
			for _, m := range e.Members {
				theirs[prefix+e.Name+"."+m.Name] = m.Value
			}
		}
		for kind, list := range map[string][]structured{"complex": s.Complex, "entity": s.Entities} {
			for _, one := range list {
				theirs[prefix+one.Name] = kind + " " + short(one.BaseType)
				add := func(p said, relation bool) {
					name, collection := strings.CutPrefix(strings.TrimSuffix(p.Type, ")"), "Collection(")
					theirs[prefix+one.Name+"."+p.Name] = spelled(short(name), collection, p.Nullable != "false", relation)
				}
				for _, p := range one.Properties {
					add(p, false)
				}
				for _, p := range one.Relations {
					add(p, true)
				}
			}
		}
	}
	return theirs
}

// TestMetadata compares the types with the metadata, in both directions:
// names, types, nullability, members of enumerations, relations.
func TestMetadata(t *testing.T) {
	t.Parallel()
	theirs, more := metadata(t, metadataFile), metadata(t, directoryFile)
	ours := map[string]string{}
	for _, d := range written().types {
		if d.kind == "json" {
			continue
		}
		ours[d.name] = string(d.kind) + " " + d.base
		if d.flags {
			ours[d.name] += " flags"
		}
		for _, m := range d.members {
			ours[d.name+"."+m.name] = m.value
		}
		for _, p := range d.own {
			if base := written().types[d.base]; base != nil && base.all[p.name] != nil {
				if over := base.all[p.name]; over.typeName != p.typeName || over.nullable != p.nullable || over.collection != p.collection {
					t.Errorf("%s.%s differs from that of its base", d.name, p.name)
				}
				continue
			}
			ours[d.name+"."+p.name] = spelled(p.typeName, p.collection, p.nullable, p.relation)
		}
	}
	for name, definition := range more {
		owner, _, _ := strings.Cut(name, ".")
		if ours[name] != "" && theirs[name] == "" && beyond[name] == "" && beyond[owner] == "" {
			theirs[name] = definition
		}
	}
	for _, name := range slices.Sorted(maps.Keys(theirs)) {
		if ours[name] != theirs[name] {
			t.Errorf("%s: the metadata has %q, written down is %q", name, theirs[name], ours[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		_, there := theirs[name]
		owner := name
		if at := strings.LastIndexByte(name, '.'); at >= 0 && written().types[name] == nil {
			owner = name[:at]
		}
		if known := beyond[name] != "" || beyond[owner] != ""; known == there {
			t.Errorf("%s: in the metadata: %t, known not to be: %t", name, there, known)
		}
	}
	for name := range beyond {
		if ours[name] == "" {
			t.Errorf("%s is missing", name)
		}
	}
	for name := range otherwise {
		if ours[name] == "" || theirs[name] == "" {
			t.Errorf("%s is missing", name)
		}
	}
	if len(theirs) < 100 {
		t.Errorf("only %d names are in the metadata", len(theirs))
	}
}

func spelled(name string, collection, nullable, relation bool) string {
	if collection {
		name += "[]"
	}
	if nullable && (!relation || !collection) { // A collection-valued relation is never null.
		name += "?"
	}
	if relation {
		name = "-> " + name
	}
	return name
}
