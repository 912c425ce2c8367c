package graph_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/emulator"
)

var update = flag.Bool("update", false, "rewrite the expected answers in testdata/queries")

// golden is the expected response and cost of a query.
type golden struct {
	Requests int            `json:"requests"` // upstream, with known capabilities
	Errors   []clientError  `json:"errors,omitempty"`
	Data     map[string]any `json:"data"`
}

// goldenQueries returns the queries in testdata/queries by name.
func goldenQueries(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("testdata/queries/*.graphql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no queries: %v", err)
	}
	queries := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		queries[strings.TrimSuffix(filepath.Base(file), ".graphql")] = string(text)
	}
	return queries
}

func readGolden(t *testing.T, name string) golden {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/queries", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var want golden
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	return want
}

func writeGolden(t *testing.T, name string, got golden) {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(got); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("testdata/queries", name+".json"), text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// answerOf runs a query after a pause and returns the response with normalized cursors.
func (g *gateway) answerOf(query string) golden {
	g.t.Helper()
	g.forget()
	return g.answerNow(query)
}

// answerNow is answerOf without the pause.
func (g *gateway) answerNow(query string) golden {
	g.t.Helper()
	r := g.ask(query, nil)
	walk(r.Data, func(object map[string]any) {
		for _, name := range []string{"cursor", "startCursor", "endCursor"} {
			if object[name] != nil {
				object[name] = "a cursor"
			}
		}
		for _, name := range []string{"startDate", "nextLifecycleDate"} {
			if object[name] != nil {
				object[name] = "a day" // relative to the day of the test
			}
		}
		for name, value := range object {
			if value != nil && (strings.HasSuffix(name, "ctivityDate") || strings.HasSuffix(name, "AssignDate") || name == "reportRefreshDate") {
				object[name] = "a day"
			}
		}
		for _, name := range []string{"employeeLeaveDateTime", "lastSignInDateTime", "lastNonInteractiveSignInDateTime", "lastSuccessfulSignInDateTime"} {
			if object[name] != nil {
				object[name] = "a time" // likewise
			}
		}
		if object["licenseChanges"] != nil {
			object["licenseChanges"] = "changes" // of the days before
		}
	})
	errs := clientErrors(r)
	for i := range errs {
		if errs[i].Code == "NOT_FOUND" {
			errs[i].Upstream = "" // an object that a list lacks has no code
		}
	}
	return golden{Requests: r.Extensions.Upstream.Requests, Errors: errs, Data: r.Data}
}

// TestGoldenQueries tests responses and costs. It takes the lowest cost of a few runs: concurrent root fields can
// miss a batch on a busy machine.
func TestGoldenQueries(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	for name, query := range goldenQueries(t) {
		t.Run(name, func(t *testing.T) {
			g.answerOf(query)
			got := g.answerOf(query)
			g.nothingTwice()
			for range 2 {
				got.Requests = min(got.Requests, g.answerOf(query).Requests)
			}
			if *update {
				writeGolden(t, name, got)
			}
			want := readGolden(t, name)
			if *withoutPrefetch {
				got.Requests = want.Requests
			}
			if diff := difference(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// variantCases are all tenant variants, separately and combined.
var variantCases = map[string]emulator.Variants{
	"no relation expands":               {ExpandErrors: "none"},
	"both relations expand":             {ExpandErrors: "both"},
	"expand is ignored":                 {ExpandErrors: "ignore"},
	"one relation at a time":            {ExpandOne: true},
	"nested select":                     {ExpandNestedSelect: true},
	"expanded lists are cut":            {ExpandWithoutLink: true},
	"nested filters drop":               {NestedFilterDrops: true},
	"wrapped entities":                  {WrapSingle: true},
	"small pages":                       {PageSize: 3},
	"large pages":                       {PageSize: 1000},
	"large pages are rejected":          {LargePagesRefused: true},
	"small pages of users":              {DirectoryPageSize: 3},
	"empty pages":                       {EmptyPages: true},
	"parts without codes":               {EmptyPartCodes: true},
	"no throttling":                     {Throttling: emulator.Throttling{Off: true}},
	"no error is null":                  {NullError: true},
	"getByIds ignores select":           {GetByIDsIgnoreSelect: true},
	"a missing right is 404":            {MissingUsageRight: "notFound"},
	"a missing right is null":           {MissingUsageRight: "null"},
	"cloud options are ignored":         {IgnoreCloudOptions: true},
	"skuId by eq alone":                 {SkuIDEqualOnly: true},
	"assignments by id":                 {AssignmentFilter: true},
	"no apply":                          {ApplyUnsupported: true},
	"timestamps of subscriptions":       {SubscriptionTimestamps: true},
	"subscriptions when selected":       {SubscriptionsOnSelect: true},
	"allotments of rights":              {RightAllotments: true},
	"my assignments":                    {MyAssignments: true},
	"devices":                           {Devices: true},
	"all of devices":                    {DevicesListed: true},
	"reprocessing of all kinds":         {ReprocessListed: true},
	"lost updates":                      {LostUpdates: time.Second},
	"permissions of the pages":          {Permissions: "pages"},
	"permissions of the list":           {Permissions: "list"},
	"parts that are not JSON":           {RawParts: 0.2},
	"agents are users":                  {PlainAgents: true},
	"undocumented filters are rejected": {RefuseHiddenFilters: true},
	"groups by age":                     {GroupsByAge: true},
	"names in reports":                  {ReportNames: true},
	"audit records in pieces":           {AuditPieces: true},
	"no sign-in activity":               {NotPremium: true},
	"replication lag":                   {ReplicationLag: time.Minute},
	"rights fail intermittently":        {UsageRightFailures: 0.2},
	"reprocessing is 200":               {ReprocessOK: true},
	"created without ID":                {OmitCreatedID: true},
	"slow groups":                       {GroupEffects: time.Minute},
	"one relation, small pages":         {ExpandOne: true, PageSize: 4, EmptyPages: true, SubscriptionsOnSelect: true},
	"no relation, nothing selected":     {ExpandErrors: "ignore", GetByIDsIgnoreSelect: true, WrapSingle: true, SubscriptionsOnSelect: true, MissingUsageRight: "notFound"},
	"most permissive": {
		ExpandErrors: "both", WrapSingle: true, EmptyPages: true, NullError: true, MissingUsageRight: "null", ExpandNestedSelect: true,
		IgnoreCloudOptions: true, GetByIDsIgnoreSelect: true, AssignmentFilter: true, RightAllotments: true, MyAssignments: true, Devices: true,
	},
}

// TestEveryVariantHasACase tests that exactly one case sets each field of Variants, except fields that remove data:
// see TestWithoutCloudLicensing and TestPermissions.
func TestEveryVariantHasACase(t *testing.T) {
	t.Parallel()
	have := map[string]bool{"CloudLicensing": true, "Roles": true, "OnBehalfOf": true, "PersonalDetails": true}
	for _, variants := range variantCases {
		var set []string
		for field, value := range reflect.ValueOf(variants).Fields() {
			if !value.IsZero() {
				set = append(set, field.Name)
			}
		}
		if len(set) == 1 {
			have[set[0]] = true
		}
	}
	for field := range reflect.TypeFor[emulator.Variants]().Fields() {
		if !have[field.Name] {
			t.Errorf("%s has no case", field.Name)
		}
	}
}

// TestVariants tests that responses are equal on tenants that differ in undocumented behavior.
func TestVariants(t *testing.T) {
	t.Parallel()
	queries := goldenQueries(t)
	for variant, variants := range variantCases {
		t.Run(variant, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Variants: variants})
			for i, name := range slices.Sorted(maps.Keys(queries)) {
				if (i+len(variant))%4 >= *thorough {
					continue // a quarter of the variants per query; all with -thorough 4
				}
				if variants.NotPremium && name == "sign-ins" || variants.ReportNames && name == "activity" {
					continue // TestRefusedProperties, TestActivity
				}
				t.Run(name, func(t *testing.T) {
					want, got := readGolden(t, name), g.answerOf(queries[name])
					if variants.NullError {
						walk(want.Data, func(object map[string]any) {
							if object["errorText"] == "None" {
								object["errorText"] = nil
							}
						})
					}
					got.Requests = want.Requests
					if diff := difference(want, got); diff != "" {
						t.Errorf("(-strict +variant):\n%s", diff)
					}
				})
			}
		})
	}
}

// TestWithoutCloudLicensing tests a tenant without licensing collections: directory data is returned.
func TestWithoutCloudLicensing(t *testing.T) {
	t.Parallel()
	queries := goldenQueries(t)
	const guid = "c085adff-3fa6-455c-a778-415ce84d502f"
	for variant, want := range map[string]struct {
		code, upstream                   string
		errorPermission, rightPermission string
	}{
		"forbidden": {"FORBIDDEN", "missingRequiredPermission", "CloudLicensing.Read.All", "User-UsageRight.Read.All"},
		"missing":   {"NOT_FOUND", "resourceNotFound", "", ""},
	} {
		t.Run(variant, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Variants: emulator.Variants{CloudLicensing: variant}})
			refused := func(path, permission string, count int) clientError {
				return clientError{Code: want.code, Path: path, Count: count, Permission: permission, Upstream: want.upstream}
			}
			r := g.ask(queries["failed-assignments"], nil)
			list := refused("assignmentErrors", want.errorPermission, 0)
			if variant == "missing" {
				list.Code = "UPSTREAM_UNAVAILABLE"
			}
			g.fails(t, r, map[string]any{"assignmentErrors": nil}, list)

			for _, name := range []string{"products", "group"} {
				if diff := difference(readGolden(t, name).Data, g.answerOf(queries[name]).Data); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
			r = g.ask(`{ user(id: "`+guid+`") { id displayName licenseAssignmentStates { state } usageRights { id } assignmentErrors { id } } }`, nil)
			user := r.Data["user"].(map[string]any)
			if user["displayName"] == nil || user["licenseAssignmentStates"] == nil || user["usageRights"] != nil || user["assignmentErrors"] != nil {
				t.Errorf("%v", user)
			}
			wanted := []clientError{refused("user.assignmentErrors", want.errorPermission, 0), refused("user.usageRights", want.rightPermission, 0)}
			if diff := difference(wanted, clientErrors(r)); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
			r = g.ask(`{ nodes(ids: ["`+guid+`", "`+strings.Repeat("1", 8)+guid[8:]+`"]) { id } }`, nil)
			if nodes := r.Data["nodes"].([]any); nodes[0] == nil || nodes[1] != nil || len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != want.code {
				t.Errorf("%s", r.raw)
			}
			if !slices.ContainsFunc(r.Errors, func(e responseError) bool { return pattern(e.Path) == "nodes.#" }) {
				t.Errorf("%v", r.Errors)
			}
		})
	}
}
