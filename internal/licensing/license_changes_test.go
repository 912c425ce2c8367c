package licensing

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const e5 = GUID("06ebc4ee-1bb5-47dd-8120-11324bc54e06")

// audited returns a value of AssignedLicense with the products, in the form of the audit log.
func audited(skus ...GUID) *string {
	var texts []string
	for _, sku := range skus {
		texts = append(texts, fmt.Sprintf("\r\n  \"[SkuName=SPE_E3, AccountId=6fae8d41-d735-4511-95bb-e4ef5b2937d6, SkuId=%s, DisabledPlans=[SWAY, TEAMS1]]\"", sku))
	}
	text := "[" + strings.Join(texts, ",") + "]"
	return &text
}

func TestSkusInAudit(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	whole := *audited(e3, e5)
	for _, tt := range []struct {
		value *string
		want  []GUID
		ok    bool
	}{
		{nil, nil, true},
		{text(""), nil, true},
		{text("[]"), nil, true},
		{text(" [ \r\n ] "), nil, true},
		{audited(e3), []GUID{e3}, true},
		{audited(e3, e5, e3), []GUID{e3, e5}, true},
		{text(strings.ToUpper(string(e3))), nil, false},
		{text(strings.ReplaceAll(*audited(e3), string(e3), strings.ToUpper(string(e3)))), []GUID{e3}, true},
		{text("[SkuId=" + string(e3) + "]"), []GUID{e3}, true},
		{text(whole[:len(whole)-1]), nil, false},
		{text(whole[:strings.LastIndex(whole, "]\"")]), nil, false}, // also ends with a bracket
		{text("[\"SkuName=SPE_E3\"]"), nil, false},
		{text("[SkuId=]"), nil, false},
		{text("[SkuId=05e9a617-0261-4cee-bb44-138d3ef5d96]"), nil, false},
		{text(`{"SkuId":"05e9a617-0261-4cee-bb44-138d3ef5d965"}`), nil, false},
		{text("[" + strings.Repeat(" ", maxAuditText) + "]"), nil, false},
	} {
		if got, ok := skusInAudit(tt.value); ok != tt.ok || !slices.Equal(got, tt.want) {
			t.Errorf("%.80q: %v, %v", deref(tt.value), got, ok)
		}
	}
	many := make([]GUID, maxAuditSkus+1)
	for i := range many {
		many[i] = GUID(fmt.Sprintf("05e9a617-0261-4cee-bb44-%012x", i))
	}
	if got, ok := skusInAudit(audited(many[1:]...)); !ok || len(got) != maxAuditSkus {
		t.Errorf("%d of %d products", len(got), maxAuditSkus)
	}
	if _, ok := skusInAudit(audited(many...)); ok {
		t.Error("too many products")
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func FuzzSkusInAudit(f *testing.F) {
	for _, seed := range []string{"", "[]", *audited(e3), *audited(e3, e5), "[SkuId=" + string(e3) + "]SkuId=", "[[SkuId=SkuId=]]", "]["} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		skus, ok := skusInAudit(&text)
		if !ok {
			if skus != nil {
				t.Errorf("%q: %v without ok", text, skus)
			}
			return
		}
		if strings.Count(text, "SkuId=") < len(skus) || len(skus) > maxAuditSkus {
			t.Errorf("%q: %v", text, skus)
		}
		for i, sku := range skus {
			if guid, valid := ParseGUID(string(sku)); !valid || guid != sku || slices.Contains(skus[:i], sku) {
				t.Errorf("%q: %v", text, skus)
			}
		}
		if again, ok := skusInAudit(audited(skus...)); !ok || !slices.Equal(again, skus) {
			t.Errorf("%q: %v, then %v", text, skus, again)
		}
	})
}

// TestLicenseChangesIn tests the order of changes, records in pieces, and details that are missing or those of another
// object.
func TestLicenseChangesIn(t *testing.T) {
	t.Parallel()
	const user, other = "c085adff-3fa6-455c-a778-415ce84d502f", "d085adff-3fa6-455c-a778-415ce84d502f"
	noon := time.Date(2026, 9, 25, 12, 0, 0, 0, time.UTC)
	record := func(minute int, correlation, id string, old, new *string) *DirectoryAudit {
		at := noon.Add(time.Duration(minute) * time.Minute)
		id = strings.ToUpper(id)
		name := "AssignedLicense"
		target := &AuditTarget{ID: &id}
		if old != nil || new != nil {
			target.ModifiedProperties = []*ModifiedProperty{{DisplayName: &name, OldValue: old, NewValue: new}}
		}
		a := &DirectoryAudit{ID: "a", ActivityDateTime: &at, TargetResources: []*AuditTarget{target}}
		if correlation != "" {
			a.CorrelationID = &correlation
		}
		return a
	}
	truncated := (*audited(e3, e5))[:100]
	for name, tt := range map[string]struct {
		records []*DirectoryAudit
		want    string
	}{
		"none":                     {nil, ""},
		"added":                    {[]*DirectoryAudit{record(1, "c", user, audited(), audited(e3))}, "1 +[" + string(e3) + "] -[]"},
		"removed":                  {[]*DirectoryAudit{record(1, "c", user, audited(e3, e5), audited(e5))}, "1 +[] -[" + string(e3) + "]"},
		"exchanged":                {[]*DirectoryAudit{record(1, "c", user, audited(e3), audited(e5))}, "1 +[" + string(e5) + "] -[" + string(e3) + "]"},
		"plans":                    {[]*DirectoryAudit{record(1, "c", user, audited(e3, e5), audited(e5, e3))}, "1 plans"},
		"nothing":                  {[]*DirectoryAudit{record(1, "c", user, audited(), audited())}, "1 +[] -[]"},
		"null before":              {[]*DirectoryAudit{record(1, "c", user, nil, audited(e3))}, "1 +[" + string(e3) + "] -[]"},
		"truncated":                {[]*DirectoryAudit{record(1, "c", user, audited(e3), &truncated)}, "1 unavailable"},
		"another object":           {[]*DirectoryAudit{record(1, "c", other, audited(), audited(e3))}, "1 unavailable"},
		"pieces without details":   {[]*DirectoryAudit{record(1, "c", user, nil, nil), record(1, "c", user, nil, nil)}, "1 unavailable"},
		"one piece with details":   {[]*DirectoryAudit{record(2, "c", user, nil, nil), record(1, "c", user, audited(), audited(e3)), record(1, "c", user, nil, nil)}, "2 +[" + string(e3) + "] -[]"},
		"two steps of one request": {[]*DirectoryAudit{record(1, "c", user, audited(e3), audited()), record(2, "c", user, audited(), audited(e5))}, "2 +[" + string(e5) + "] -[" + string(e3) + "]"},
		"order":                    {[]*DirectoryAudit{record(1, "c", user, nil, nil), record(3, "d", user, nil, nil), record(2, "", user, nil, nil), record(2, "", user, nil, nil)}, "3 unavailable, 2 unavailable, 2 unavailable, 1 unavailable"},
	} {
		var got []string
		for _, c := range LicenseChangesIn(tt.records, user) {
			text := fmt.Sprint(c.When.Minute(), " +", c.AddedSkuIds, " -", c.RemovedSkuIds)
			switch {
			case !c.DetailsAvailable:
				text = fmt.Sprint(c.When.Minute(), " unavailable")
				if c.AddedSkuIds != nil || c.RemovedSkuIds != nil || c.PlansOnly != nil {
					t.Errorf("%s: %+v", name, c)
				}
			case *c.PlansOnly:
				text = fmt.Sprint(c.When.Minute(), " plans")
			}
			got = append(got, text)
		}
		if text := strings.Join(got, ", "); text != tt.want {
			t.Errorf("%s: %s, want %s", name, text, tt.want)
		}
	}
}
