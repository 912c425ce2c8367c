package licensing

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

const e3 = GUID("05e9a617-0261-4cee-bb44-138d3ef5d965")

func TestParseGUID(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		want GUID
	}{
		{string(e3), e3},
		{strings.ToUpper(string(e3)), e3},
		{"00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"},
		{"", ""},
		{"05e9a617", ""},
		{"05e9a61702614ceebb44138d3ef5d965", ""},
		{"{05e9a617-0261-4cee-bb44-138d3ef5d965}", ""},
		{"urn:uuid:05e9a617-0261-4cee-bb44-138d3ef5d965", ""},
		{"05e9a617-0261-4cee-bb44-138d3ef5d96", ""},
		{"05e9a617-0261-4cee-bb44-138d3ef5d9650", ""},
		{"05e9a617-0261-4cee-bb44-138d3ef5d96g", ""},
		{"05e9a617 0261 4cee bb44 138d3ef5d965", ""},
		{"05e9a6170-261-4cee-bb44-138d3ef5d965", ""},
		{" 5e9a617-0261-4cee-bb44-138d3ef5d965", ""},
		{"05e9a617-0261-4cee-bb44-138d3ef5d96\n", ""},
		{"05e9a617-0261-4cee-bb44-138d3ef5d9'1", ""},
		{"０5e9a617-0261-4cee-bb44-138d3ef5d9", ""},
	} {
		if got, ok := ParseGUID(tt.text); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%q: %q, %v", tt.text, got, ok)
		}
	}
}

func FuzzParseGUID(f *testing.F) {
	f.Add(string(e3))
	f.Add(strings.ToUpper(string(e3)))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := ParseGUID(text)
		if !ok {
			return
		}
		again, ok := ParseGUID(string(got))
		if !ok || again != got || !strings.EqualFold(text, string(got)) {
			t.Errorf("%q: %q, then %q", text, got, again)
		}
	})
}

func TestGUIDOnTheWire(t *testing.T) {
	t.Parallel()
	var license AssignedLicense
	if err := json.Unmarshal([]byte(`{"skuId":"05E9A617-0261-4CEE-BB44-138D3EF5D965","disabledPlans":["AB","cd"]}`), &license); err != nil {
		t.Fatal(err)
	}
	if *license.SkuID != e3 || !slices.Equal(license.DisabledPlans, []GUID{"AB", "cd"}) {
		t.Errorf("%v, %v", *license.SkuID, license.DisabledPlans)
	}
	if err := json.Unmarshal([]byte(`{"skuId":null}`), &license); err != nil || license.SkuID != nil {
		t.Errorf("%v, %v", license.SkuID, err)
	}
}

// TestEnumerations parses each documented text in any case, and unknown texts.
func TestEnumerations(t *testing.T) {
	t.Parallel()
	text := func(e any) string {
		switch e := e.(type) {
		case *LicenseState:
			return value(e)
		case *LicenseErrorCode:
			return value(e)
		case *LicenseProcessingStage:
			return value(e)
		case *CapabilityStatus:
			return value(e)
		case *SkuTarget:
			return value(e)
		case *ProvisioningStatus:
			return value(e)
		}
		return "?"
	}
	for name, tt := range map[string]struct {
		read  func(*string) any
		known []string
	}{
		"state":              {func(s *string) any { return (&LicenseAssignmentState{StateText: s}).State() }, []string{"ACTIVE", "ACTIVE_WITH_ERROR", "DISABLED", "ERROR"}},
		"error":              {func(s *string) any { return (&LicenseAssignmentState{ErrorText: s}).Error() }, []string{"COUNT_VIOLATION", "MUTUALLY_EXCLUSIVE_VIOLATION", "DEPENDENCY_VIOLATION", "PROHIBITED_IN_USAGE_LOCATION_VIOLATION", "UNIQUENESS_VIOLATION", "OTHER"}},
		"stage":              {func(s *string) any { return (&LicenseProcessingState{StateText: s}).State() }, []string{"QUEUED_FOR_PROCESSING", "PROCESSING_IN_PROGRESS", "PROCESSING_COMPLETE"}},
		"capability":         {func(s *string) any { return (&SubscribedSku{CapabilityStatusText: s}).CapabilityStatus() }, []string{"ENABLED", "WARNING", "SUSPENDED", "DELETED", "LOCKED_OUT"}},
		"target of a sku":    {func(s *string) any { return (&SubscribedSku{AppliesToText: s}).AppliesTo() }, []string{"USER", "COMPANY"}},
		"target of a plan":   {func(s *string) any { return (&ServicePlan{AppliesToText: s}).AppliesTo() }, []string{"USER", "COMPANY"}},
		"provisioning state": {func(s *string) any { return (&ServicePlan{ProvisioningStatusText: s}).ProvisioningStatus() }, []string{"SUCCESS", "DISABLED", "PENDING_INPUT", "PENDING_ACTIVATION", "PENDING_PROVISIONING"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, known := range tt.known {
				wire := strings.ReplaceAll(known, "_", "")
				for _, written := range []string{wire, strings.ToLower(wire)} {
					if got := text(tt.read(&written)); got != known {
						t.Errorf("%s parsed as %s", written, got)
					}
				}
			}
			for _, unknown := range []string{"BrandNew", "unknownFutureValue", " " + tt.known[0], tt.known[0] + "s ", tt.known[0][1:]} {
				if got := text(tt.read(&unknown)); got != unknownFutureValue {
					t.Errorf("%q parsed as %s", unknown, got)
				}
			}
			empty := ""
			for _, none := range []*string{nil, &empty} {
				if got := text(tt.read(none)); got != "nothing" {
					t.Errorf("empty text parsed as %s", got)
				}
			}
		})
	}
}

func value[E ~string](e *E) string {
	if e == nil {
		return "nothing"
	}
	return string(*e)
}

// TestNoError tests that null, absent and None mean no error, and that Others means Other.
func TestNoError(t *testing.T) {
	t.Parallel()
	for wire, want := range map[string]string{
		`{}`: "nothing", `{"error":null}`: "nothing", `{"error":""}`: "nothing", `{"error":"None"}`: "nothing", `{"error":"none"}`: "nothing",
		`{"error":"Other"}`: "OTHER", `{"error":"Others"}`: "OTHER", `{"error":"others"}`: "OTHER", `{"error":"CountViolation"}`: "COUNT_VIOLATION",
	} {
		var state LicenseAssignmentState
		if err := json.Unmarshal([]byte(wire), &state); err != nil {
			t.Fatal(err)
		}
		if got := value(state.Error()); got != want {
			t.Errorf("%s is %s, want %s", wire, got, want)
		}
	}
}

func TestAssignableTo(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]AssigneeType{
		"":                         {},
		"none":                     {},
		"None":                     {},
		",, ":                      {},
		"user":                     {AssigneeUser},
		"User":                     {AssigneeUser},
		"user,group":               {AssigneeUser, AssigneeGroup},
		" group , user ":           {AssigneeGroup, AssigneeUser},
		"device,none":              {AssigneeDevice},
		"user,unknownFutureValue":  {AssigneeUser, AssigneeUnknownFuture},
		"user,robot,group":         {AssigneeUser, AssigneeUnknownFuture, AssigneeGroup},
		"user,group,device,future": {AssigneeUser, AssigneeGroup, AssigneeDevice, AssigneeUnknownFuture},
	} {
		service := LicensedService{AssignableToText: text}
		if got := service.AssignableTo(); got == nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// TestCatalog reads every row, and tests that each ID is unique and has names.
func TestCatalog(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	skus, plans := 0, 0
	for i, line := range strings.Split(strings.TrimRight(catalogText, "\n"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		columns := strings.Split(line, "\t")
		if len(columns) != 4 {
			t.Fatalf("line %d has %d columns", i+1, len(columns))
		}
		kind, id, short, friendly := columns[0], columns[1], columns[2], columns[3]
		if guid, ok := ParseGUID(id); !ok || string(guid) != id {
			t.Errorf("line %d: %q is not a lower-case GUID", i+1, id)
		}
		if seen[kind+id] {
			t.Errorf("line %d: duplicate %s", i+1, id)
		}
		seen[kind+id] = true
		for _, name := range []string{short, friendly} {
			if name == "" || name != strings.TrimSpace(name) {
				t.Errorf("line %d: a name is %q", i+1, name)
			}
		}
		guid := GUID(id)
		switch kind {
		case "sku":
			skus++
			sku, ok := WellKnownSku(guid)
			if !ok || *sku.SkuPartNumber != short || *sku.ProductName() != friendly {
				t.Errorf("line %d is not found", i+1)
			}
		case "plan":
			plans++
			plan, ok := WellKnownServicePlan(guid)
			if !ok || *plan.ServicePlanName != short || *plan.DisplayName() != friendly {
				t.Errorf("line %d is not found", i+1)
			}
			if service := (&LicensedService{PlanID: guid}); *service.DisplayName() != friendly {
				t.Errorf("line %d is not found", i+1)
			}
		default:
			t.Errorf("line %d is a %q", i+1, kind)
		}
	}
	if len(builtIn().skus) != skus || len(builtIn().plans) != plans || skus < 600 || plans < 700 {
		t.Errorf("%d products and %d plans", skus, plans)
	}
	unknown := GUID("00000000-0000-0000-0000-000000000000")
	if _, ok := WellKnownSku(unknown); ok || (&SubscribedSku{SkuID: &unknown}).ProductName() != nil || (&ServicePlan{}).DisplayName() != nil {
		t.Error("name of an unknown product")
	}
	if _, ok := WellKnownServicePlan(unknown); ok {
		t.Error("name of an unknown service plan")
	}
}

// TestCatalogIsNotShared tests that returned values are not shared.
func TestCatalogIsNotShared(t *testing.T) {
	t.Parallel()
	first, _ := WellKnownSku(e3)
	*first.SkuPartNumber, *first.SkuID = "changed", "changed"
	second, ok := WellKnownSku(e3)
	if !ok || *second.SkuPartNumber != "SPE_E3" || *second.SkuID != e3 {
		t.Errorf("%v", second)
	}
}

// listFile is Microsoft's public list of products and service plans, which is not part of the project.
const listFile = "../../../shared/graph/products.csv"

// TestCatalogMatchesMicrosoft compares the catalog with the list. The list has a service plan once per product, with
// different names; a name that is not in upper case is preferred.
func TestCatalogMatchesMicrosoft(t *testing.T) {
	t.Parallel()
	file, err := os.Open(listFile)
	if err != nil {
		t.Skipf("the list is not here: %v", err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	listed := [2]map[GUID][]names{{}, {}}
	for _, row := range rows[1:] {
		sku, plan := GUID(row[0]), GUID(row[3])
		listed[0][sku] = append(listed[0][sku], names{short: row[1], friendly: row[2]})
		listed[1][plan] = append(listed[1][plan], names{short: row[4], friendly: row[5]})
	}
	shouted := func(n names) bool { return n.friendly == strings.ToUpper(n.friendly) || n.friendly == n.short }
	for kind, known := range []map[GUID]*names{builtIn().skus, builtIn().plans} {
		for id, known := range known {
			known := *known
			if !slices.Contains(listed[kind][id], known) {
				t.Errorf("%s is %v, want one of %v", id, known, listed[kind][id])
			}
			if shouted(known) && slices.ContainsFunc(listed[kind][id], func(n names) bool { return !shouted(n) }) {
				t.Errorf("%s is %v, want one of %v", id, known, listed[kind][id])
			}
		}
		if len(listed[kind]) != len(known) {
			t.Errorf("%d in the list, %d in the catalog", len(listed[kind]), len(known))
		}
	}
}

// TestAddNames reads names in the format of Microsoft's list. They take precedence over the built-in names.
func TestAddNames(t *testing.T) { // not parallel: it changes a package variable
	t.Cleanup(func() { added.Store(nil) })
	const header = "Product_Display_Name,String_Id,GUID,Service_Plan_Name,Service_Plan_Id,Service_Plans_Included_Friendly_Names\n"
	const own, plan = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
	for text, want := range map[string]string{
		"": "missing header", "a,b\n": "missing column GUID", header + "x,y,z,a,b,c\n": "line 2: ", header + "only,two\n": "wrong number of fields",
		header + "x\xff,y," + own + ",a," + plan + ",c\n": "line 2: invalid UTF-8",
	} {
		if _, _, err := AddNames(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	skus, plans, err := AddNames(strings.NewReader("\ufeff" + header +
		"Own product,OWN," + own + ",OWN_PLAN," + strings.ToUpper(plan) + ",Own plan\n" +
		"E3 by another name,SPE_E3," + string(e3) + ",OWN_PLAN," + plan + ",Own plan\n"))
	if err != nil || skus != 2 || plans != 1 {
		t.Fatalf("%d products, %d plans, %v", skus, plans, err)
	}
	for id, want := range map[GUID]string{own: "Own product", e3: "E3 by another name", "06ebc4ee-1bb5-47dd-8120-11324bc54e06": "Microsoft 365 E5"} {
		sku, ok := WellKnownSku(id)
		if !ok || *sku.ProductName() != want {
			t.Errorf("%s is %v", id, sku)
		}
	}
	if !IsWellKnownPlan("own_plan") || !IsWellKnownPlan(plan) || !IsWellKnownPlan("sway") || IsWellKnownPlan("nothing") {
		t.Error("plans not found by name")
	}
}

func TestRemedies(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]RemedyAction{
		"CountViolation": ProvideUnits, "MutuallyExclusiveViolation": ResolveConflict, "DependencyViolation": ProvideRequiredPlan,
		"ProhibitedInUsageLocationViolation": CorrectUsageLocation, "UniquenessViolation": RemoveDuplicateAddress,
		"Other": ReadAuditLog, "None": "", "": "", "Unheard": "",
	} {
		state, e := LicenseAssignmentState{ErrorText: &text}, AssignmentError{Code: text}
		for name, got := range map[string]*Remedy{"state": state.Remedy(), "error": e.RemedyByCode()} {
			if (got == nil) != (want == "") || got != nil && (got.Action != want || got.Text == "" || !got.Reprocess) {
				t.Errorf("%s %q: %+v, want %s", name, text, got, want)
			}
		}
	}
	if remedy := (&AssignmentError{Code: "missingdependency"}).RemedyByCode(); remedy == nil || remedy.Action != ProvideRequiredPlan {
		t.Errorf("MissingDependency: %+v", remedy)
	}
}

// TestAvailableUnits tests that a pool has no available units if none of its purchases is usable.
func TestAvailableUnits(t *testing.T) {
	t.Parallel()
	for states, want := range map[string]int32{"": 3, "active": 3, "warning": 3, "suspended": 0, "deleted lockedOut": 0, "suspended active": 3, "unheardOf": 3} {
		a := Allotment{AllottedUnits: within32Bits(5), ConsumedUnits: within32Bits(2)}
		for state := range strings.FieldsSeq(states) {
			a.Subscriptions = append(a.Subscriptions, &AllotmentSubscription{StateText: state})
		}
		if got := a.AvailableUnits(); got == nil || *got != want {
			t.Errorf("%q: %v free, want %d", states, got, want)
		}
	}
	if got := (&Allotment{AllottedUnits: within32Bits(1), ConsumedUnits: within32Bits(2)}).AvailableUnits(); got == nil || *got != 0 {
		t.Errorf("overdrawn: %v", got)
	}
}

// TestPrices tests prices and costs, and the errors of a price file.
func TestPrices(t *testing.T) { // not parallel: prices are a package variable
	t.Cleanup(func() { prices.Store(nil) })
	sku, other, part, owned, free := GUID("05e9a617-0261-4cee-bb44-138d3ef5d965"), GUID("06ebc4ee-1bb5-47dd-8120-11324bc54e06"), "SPE_E3", int32(3), int32(0)
	if (&SubscribedSku{SkuID: &sku, SkuPartNumber: &part}).Price() != nil {
		t.Error("a price without a file")
	}
	if err := SetPrices(strings.NewReader("\ufeffcurrency, sku ,monthlyPrice,note\nEUR,spe_e3,10.0005,x\nCHF,06EBC4EE-1BB5-47DD-8120-11324BC54E06,0007,\n")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		sku  SubscribedSku
		want string
	}{
		{SubscribedSku{SkuPartNumber: &part}, "10.0005 EUR"}, {SubscribedSku{SkuID: &other, SkuPartNumber: &part}, "7.00 CHF"},
		{SubscribedSku{SkuID: &sku}, ""}, {SubscribedSku{}, ""},
	} {
		got := ""
		if price := tt.sku.Price(); price != nil {
			got = price.Amount() + " " + price.Currency
		}
		if got != tt.want {
			t.Errorf("%+v costs %q, want %q", tt.sku, got, tt.want)
		}
	}
	units := Units{Owned: &owned, Free: &free, price: (&SubscribedSku{SkuPartNumber: &part}).Price()}
	if got := units.MonthlyCost().Amount() + " " + units.FreeMonthlyCost().Amount(); got != "30.0015 0.00" {
		t.Errorf("costs %s", got)
	}
	if (&Units{Owned: &owned}).MonthlyCost() != nil || (&Units{price: units.price}).MonthlyCost() != nil {
		t.Error("a cost without a price or units")
	}
	for text, want := range map[string]string{
		"":                   "missing header",
		"sku,monthlyPrice\n": "line 1: missing column currency",
		"sku,monthlyPrice,currency\nA,1,EUR\na,2,EUR\n": "line 3: duplicate sku",
		"sku,monthlyPrice,currency\n,1,EUR\n":           "line 2: missing sku",
		"sku,monthlyPrice,currency\nA,-1,EUR\n":         "line 2: invalid monthlyPrice: want a number such as 10.50",
		"sku,monthlyPrice,currency\nA,1e3,EUR\n":        "line 2: invalid monthlyPrice: want a number such as 10.50",
		"sku,monthlyPrice,currency\nA,1,Euro\n":         "line 2: invalid currency: want a code such as EUR",
		"sku,monthlyPrice,currency\nA,1\n":              "line 2: wrong number of fields",
		"sku,monthlyPrice,currency\nA,\"1,EUR\n":        "line 2",
	} {
		if err := SetPrices(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if (&SubscribedSku{SkuPartNumber: &part}).Price() == nil {
		t.Error("an invalid file replaced the prices")
	}
}
