package licensing

import (
	"slices"
	"strings"

	"licensegraph/internal/upstream"
)

// FindingWalk is a walk over all users of a list to count findings. It is comparable: lists are joined with commas.
type FindingWalk struct {
	Filter upstream.Filter
	Kinds  string
	SkuIDs string
	// OrgUnits requests the counts by department and cost center. Freeing are then the kinds, of this and other walks, that
	// free units.
	OrgUnits bool
	Freeing  string
}

// KindList returns the kinds.
func (w FindingWalk) KindList() []LicenseFindingKind { return split[LicenseFindingKind](w.Kinds) }

// PageSize returns the maximum page size of the walk (Microsoft Graph, "List users").
func (w FindingWalk) PageSize() int {
	if !w.Filter.InactiveSince.IsZero() {
		return 500
	}
	return 999
}

// Properties returns the properties of users that the walk requires.
func (w FindingWalk) Properties() []string {
	properties := []string{"id", "assignedLicenses"}
	if w.OrgUnits {
		properties = append(properties, "department", "employeeOrgData")
	}
	for _, kind := range append(w.KindList(), split[LicenseFindingKind](w.Freeing)...) {
		if property := FindingProperties[kind]; property != "" && !slices.Contains(properties, property) {
			properties = append(properties, property)
		}
	}
	return properties
}

// Joined returns texts joined with commas.
func Joined[T ~string](texts []T) string {
	parts := make([]string, len(texts))
	for i, text := range texts {
		parts[i] = string(text)
	}
	return strings.Join(parts, ",")
}

// split is the inverse of [Joined].
func split[T ~string](joined string) []T {
	if joined == "" {
		return nil
	}
	var texts []T
	for part := range strings.SplitSeq(joined, ",") {
		texts = append(texts, T(part))
	}
	return texts
}

// FindingTally is a number of findings, and of the units that become free.
type FindingTally struct{ Findings, Units int32 }

// FindingCounts are the counts of findings about users.
type FindingCounts struct {
	// People has the users by kind, and ByProduct the findings by kind and product; the product is empty for findings
	// without one.
	People    map[LicenseFindingKind]int32
	ByProduct map[LicenseFindingKind]map[GUID]*FindingTally
	// Departments and CostCenters are nil unless requested.
	Departments, CostCenters OrgUnits
	// inherited counts the users by the groups and the products that they have from them: a group may be deleted.
	inherited map[string]int32
	// Unread is the first error of a property that could not be read.
	Unread error
	// TooManyGroups reports that some users are not in inherited.
	TooManyGroups bool

	kinds, freeing FindingRules
}

// OrgUnits has the units that become free, each once, by the name of a department or cost center and by product; the
// name is empty for users without one.
type OrgUnits map[string]*OrgUnit

// OrgUnit is the users of a department or cost center with units that become free.
type OrgUnit struct {
	People int32
	Units  map[GUID]int32
}

// maxSources limits the different sets of groups that assign licenses to a user.
const maxSources = 20_000

// NewFindingCounts returns empty counts of a walk over users of a tenant with these products.
func NewFindingCounts(walk FindingWalk, skus []*SubscribedSku) *FindingCounts {
	c := &FindingCounts{People: map[LicenseFindingKind]int32{}, ByProduct: map[LicenseFindingKind]map[GUID]*FindingTally{}, inherited: map[string]int32{}}
	if walk.OrgUnits {
		c.Departments, c.CostCenters = OrgUnits{}, OrgUnits{}
	}
	c.kinds.Kinds, c.kinds.SkuIDs = walk.KindList(), split[GUID](walk.SkuIDs)
	c.kinds.Deleted = func(string) bool { return true }
	c.kinds.WithProducts(skus)
	c.freeing = c.kinds
	c.freeing.Kinds = split[LicenseFindingKind](walk.Freeing)
	return c
}

// Add adds a user.
func (c *FindingCounts) Add(user *User) {
	var sources []string
	last := LicenseFindingKind("")
	if err := c.kinds.ReadError(user); c.Unread == nil {
		c.Unread = err
	}
	for _, f := range c.kinds.OfUser(user) {
		if f.Kind == DeletedGroup {
			sources = append(sources, *f.GroupID+" "+string(*f.SkuID))
			continue
		}
		if f.Kind != last {
			c.People[f.Kind]++
		}
		last = f.Kind
		c.tally(f.Kind, f.SkuID).Add(1, f.UnitsFreed)
	}
	if len(sources) > 0 {
		slices.Sort(sources)
		if key := strings.Join(sources, ","); c.inherited[key] > 0 || len(c.inherited) < maxSources {
			c.inherited[key]++
		} else {
			c.TooManyGroups = true
		}
	}
	if c.Departments != nil {
		if skus, elsewhere := c.freed(user); len(skus) > 0 {
			department, costCenter := user.Department, (*string)(nil)
			if user.EmployeeOrgData != nil {
				costCenter = user.EmployeeOrgData.CostCenter
			}
			c.Departments.add(department, skus, elsewhere)
			c.CostCenters.add(costCenter, skus, elsewhere)
		}
	}
}

func (c *FindingCounts) tally(kind LicenseFindingKind, sku *GUID) *FindingTally {
	if c.ByProduct[kind] == nil {
		c.ByProduct[kind] = map[GUID]*FindingTally{}
	}
	of := GUID("")
	if sku != nil {
		of = *sku
	}
	tally := c.ByProduct[kind][of]
	if tally == nil {
		tally = &FindingTally{}
		c.ByProduct[kind][clone(of)] = tally
	}
	return tally
}

// Add adds findings and units.
func (t *FindingTally) Add(findings, units int32) {
	t.Findings += findings
	t.Units += units
}

// freed returns the products of a user of which a unit becomes free and counts in this walk: in that of the first kind
// that frees it, and last in that of inactive accounts, which are not known in other walks. elsewhere reports that another
// walk counts the user.
func (c *FindingCounts) freed(user *User) (skus []GUID, elsewhere bool) {
	first := map[GUID]LicenseFindingKind{}
	for _, f := range c.freeing.OfUser(user) {
		if _, known := first[*f.SkuID]; !known {
			first[*f.SkuID] = f.Kind
		}
	}
	for _, f := range c.kinds.OfUser(user) {
		if f.UnitsFreed == 0 {
			continue
		}
		if kind, known := first[*f.SkuID]; kind == f.Kind || !known && f.Kind == InactiveAccount {
			skus = append(skus, *f.SkuID)
			elsewhere = elsewhere || f.Kind == InactiveAccount && len(first) > 0
		}
	}
	return skus, elsewhere
}

// Add adds the units of other users.
func (o OrgUnits) Add(others OrgUnits) {
	for name, unit := range others {
		if o[name] == nil {
			o[name] = &OrgUnit{Units: map[GUID]int32{}}
		}
		o[name].People += unit.People
		for sku, n := range unit.Units {
			o[name].Units[sku] += n
		}
	}
}

func (o OrgUnits) add(name *string, skus []GUID, countedElsewhere bool) {
	key := ""
	if name != nil {
		key = *name
	}
	unit := o[key]
	if unit == nil {
		unit = &OrgUnit{Units: map[GUID]int32{}}
		o[clone(key)] = unit
	}
	if !countedElsewhere {
		unit.People++
	}
	for _, sku := range skus {
		unit.Units[clone(sku)]++ // which replaces an equal key
	}
}

// clone copies a text that is part of a response, which would remain in memory with it.
func clone[T ~string](text T) T { return T(strings.Clone(string(text))) }

// Groups returns the IDs of the groups from which users have products, sorted.
func (c *FindingCounts) Groups() []string {
	var ids []string
	for key := range c.inherited {
		for source := range strings.SplitSeq(key, ",") {
			id, _, _ := strings.Cut(source, " ")
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Orphans returns the findings by product, and the number of users, if these groups were deleted.
func (c *FindingCounts) Orphans(deleted func(groupID string) bool) (byProduct map[GUID]*FindingTally, people int32) {
	byProduct = map[GUID]*FindingTally{}
	for key, users := range c.inherited {
		found := false
		for source := range strings.SplitSeq(key, ",") {
			id, sku, _ := strings.Cut(source, " ")
			if !deleted(id) {
				continue
			}
			found = true
			if byProduct[GUID(sku)] == nil {
				byProduct[GUID(sku)] = &FindingTally{}
			}
			byProduct[GUID(sku)].Findings += users
		}
		if found {
			people += users
		}
	}
	return byProduct, people
}
