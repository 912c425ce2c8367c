package graph

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"licensegraph/graph/cursor"
	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

const (
	// maxFindings is the largest page of findings.
	maxFindings = 500
	// maxDays limits the periods of the filter, in days.
	maxDays = 3650
	// Default periods of the filter, in days.
	defaultInactiveDays, defaultExpiresWithinDays = 90, 60
	// groupsAtOnce is the page size of groups with products, each of which costs a request for its nested groups. Ten
	// pages are read.
	groupsAtOnce = maxCountedGroups / scanBudget
)

// findings are the sources of findings of a field.
type findings struct {
	*field
	filter model.LicenseFindingFilter
	rules  licensing.FindingRules // of all kinds of the filter
	today  time.Time              // midnight, so that a repeated read is the same
}

// findingSource is a list with findings of some kinds.
type findingSource struct {
	kinds []licensing.LicenseFindingKind
	// page returns the findings of at least size elements after a position, or of all that are left.
	page func(rules licensing.FindingRules, at *cursor.Position, size int) (findingPage, error)
	// cheap reports that a page is one request.
	cheap bool
}

// findingPage is a part of the findings of a source.
type findingPage struct {
	findings []licensing.LicenseFinding
	after    []cursor.Position // position after each finding
	// end is the position after the last element, and more reports whether elements follow.
	end           cursor.Position
	more, stopped bool
	unread        error
	// failed are kinds without findings, because something that they alone require could not be read.
	failed []failedKind
}

type failedKind struct {
	kind licensing.LicenseFindingKind
	err  error
}

// licenseFindings returns a page of findings, source by source.
func (f *field) licenseFindings() (*model.LicenseFindingConnection, error) {
	filter := deref(arg[*model.LicenseFindingFilter](f, "filter"))
	if err := checkFindingFilter(filter); err != nil {
		return nil, err
	}
	size, err := sizeOf("first", arg[*int32](f, "first"), maxFindings)
	if err != nil {
		return nil, err
	}
	name := listName("licenseFindings", filter)
	var start cursor.Position
	after := arg[*string](f, "after")
	if after != nil {
		if start, err = f.cursors.Open(name, "after", *after); err != nil {
			return nil, err
		}
	}
	f.prefetchLists()
	w := findingWalk{findings: f.findings(filter), start: start, size: size}
	if err := w.run(); err != nil {
		return nil, err
	}
	return w.connection(name, after != nil), nil
}

// checkFindingFilter validates the filter.
func checkFindingFilter(f model.LicenseFindingFilter) error {
	if f.Kinds != nil && len(f.Kinds) == 0 {
		return &upstream.InputError{Message: "`kinds` is empty: omit it for all kinds"}
	}
	for _, days := range []struct {
		name  string
		value *int32
	}{{"inactiveDays", f.InactiveDays}, {"expiresWithinDays", f.ExpiresWithinDays}} {
		if days.value != nil && (*days.value < 1 || *days.value > maxDays) {
			return &upstream.InputError{Message: fmt.Sprintf("`%s` must be between 1 and %d", days.name, maxDays)}
		}
	}
	for _, needs := range []struct {
		name  string
		given bool
		kind  licensing.LicenseFindingKind
	}{
		{"inactiveDays", f.InactiveDays != nil, licensing.InactiveAccount},
		{"expiresWithinDays", f.ExpiresWithinDays != nil, licensing.ExpiringSubscription},
	} {
		if needs.given && f.Kinds != nil && !slices.Contains(f.Kinds, needs.kind) {
			return &upstream.InputError{Message: fmt.Sprintf("`%s` requires the kind %s", needs.name, needs.kind)}
		}
	}
	return checkSkuIDs("skuIds", f.SkuIds)
}

// findings returns the sources for a filter.
func (f *field) findings(filter model.LicenseFindingFilter) findings {
	r := findings{field: f, filter: filter, today: time.Now().UTC().Truncate(24 * time.Hour)}
	r.rules.SkuIDs = filter.SkuIds
	for _, kind := range licensing.LicenseFindingKinds {
		if filter.Kinds == nil || slices.Contains(filter.Kinds, kind) {
			r.rules.Kinds = append(r.rules.Kinds, kind)
		}
	}
	r.rules.Deleted = func(group string) bool {
		_, err := f.GroupByID.Get(group)
		return errors.Is(err, upstream.ErrNotFound)
	}
	return r
}

// findsKind reports whether a LicenseFindingFilter argument includes one of the kinds.
func findsKind(kinds ...licensing.LicenseFindingKind) func(any) bool {
	return func(filter any) bool {
		f, _ := filter.(map[string]any)
		list, some := f["kinds"].([]any)
		return !some || slices.ContainsFunc(kinds, func(kind licensing.LicenseFindingKind) bool { return slices.Contains(list, any(string(kind))) })
	}
}

// inactiveSince returns the latest last sign-in of inactive accounts.
func (r *findings) inactiveSince() time.Time {
	return r.today.AddDate(0, 0, -days(r.filter.InactiveDays, defaultInactiveDays))
}

func days(given *int32, byDefault int) int {
	if given == nil {
		return byDefault
	}
	return int(*given)
}

// sources returns the sources of the kinds, in the order of kinds.
func (r *findings) sources() []findingSource {
	var sources []findingSource
	for _, kind := range r.rules.Kinds {
		source := findingSource{kinds: []licensing.LicenseFindingKind{kind}, cheap: len(r.rules.SkuIDs) == 0}
		switch kind {
		case licensing.UnusedUnits:
			source.cheap, source.page = true, r.unusedUnits
		case licensing.ExpiringSubscription:
			source.cheap, source.page = true, r.expiring
		case licensing.NestedGroup:
			source.cheap, source.page = false, r.nestedGroups
		case licensing.InactiveAccount:
			source.cheap, source.page = false, r.ofUsers(r.filterOf(kind), true)
		case licensing.DirectAndInherited, licensing.OverlappingProducts, licensing.DeletedGroup:
			if last := len(sources) - 1; last >= 0 && slices.Contains(scanned, sources[last].kinds[0]) {
				sources[last].kinds = append(sources[last].kinds, kind) // in the same pages
				continue
			}
			source.cheap, source.page = false, r.ofUsers(r.filterOf(kind), true)
		default:
			source.page = r.ofUsers(r.filterOf(kind), len(r.rules.SkuIDs) > 0)
		}
		sources = append(sources, source)
	}
	return sources
}

// scanned are the kinds that the gateway finds among the users with licenses.
var scanned = []licensing.LicenseFindingKind{licensing.DirectAndInherited, licensing.OverlappingProducts, licensing.DeletedGroup}

// filterOf returns the filter of the users who can have findings of a kind. Microsoft Graph combines two of the
// conditions with no other.
func (r *findings) filterOf(kind licensing.LicenseFindingKind) upstream.Filter {
	switch kind {
	case licensing.InactiveAccount:
		return upstream.Filter{InactiveSince: r.inactiveSince()}
	case licensing.ReconciliationNeeded:
		return upstream.Filter{ReconciliationNeeded: true}
	}
	filter := upstream.Filter{Licensed: upstream.Yes}
	switch kind {
	case licensing.DisabledAccount:
		filter.AccountEnabled = upstream.No
	case licensing.GuestAccount:
		filter.UserType = userTypes[model.Guests]
	case licensing.MissingUsageLocation:
		filter.HasUsageLocation = upstream.No
	}
	return filter
}

// ofUsers returns the pages of a list of users, of which the gateway filters those with findings if filtered is set.
func (r *findings) ofUsers(filter upstream.Filter, filtered bool) func(licensing.FindingRules, *cursor.Position, int) (findingPage, error) {
	return func(rules licensing.FindingRules, at *cursor.Position, size int) (findingPage, error) {
		if !filter.InactiveSince.IsZero() {
			if missing := r.signInsDenied(); missing != nil {
				return findingPage{}, missing
			}
		}
		var without, ungrouped error // of the products and of the groups
		if slices.Contains(rules.Kinds, licensing.OverlappingProducts) {
			skus, err := r.AllSubscribedSkus()
			if without = err; !errors.Is(err, loaders.ErrBlocked) {
				rules.WithProducts(skus)
			}
		}
		l := list[*licensing.User, *licensing.User]{
			query: upstream.Query{Filter: filter}, typeName: "User", loader: r.UsersByQuery,
			complete: func(q upstream.Query, user *licensing.User) (*licensing.User, error) {
				user, err := r.UserOfPage(q, user)
				if err == nil && slices.Contains(rules.Kinds, licensing.DeletedGroup) {
					if err = r.loadGroupsOf(user); !errors.Is(err, loaders.ErrBlocked) {
						ungrouped, err = cmp.Or(ungrouped, err), nil
					}
				}
				return user, err
			},
			readError: rules.ReadError,
		}
		if filtered {
			l.keep = func(user *licensing.User) bool { return len(rules.OfUser(user)) > 0 }
		}
		p, err := pageOfFindings(r.field, l, at, size, rules.OfUser)
		if errors.Is(without, loaders.ErrBlocked) {
			return findingPage{}, without
		}
		if without != nil {
			p.failed = append(p.failed, failedKind{licensing.OverlappingProducts, without})
		}
		if ungrouped != nil {
			p.failed = append(p.failed, failedKind{licensing.DeletedGroup, ungrouped})
		}
		return p, err
	}
}

// signInsDenied returns the error of a caller who may not read sign-ins; nil otherwise.
func (r *findings) signInsDenied() error {
	if missing := r.permissions.fields["User.signInActivity"].missing(r.caller); missing != nil {
		return missing
	}
	return nil
}

// loadGroupsOf loads the groups that assign licenses to a user, which may be deleted.
func (r *findings) loadGroupsOf(user *licensing.User) error {
	_, errs, blocked := loaders.Collect(user.LicenseAssignmentStates, func(s *licensing.LicenseAssignmentState) (*licensing.Group, error) {
		if s.AssignedByGroup == nil {
			return nil, nil
		}
		return ignoreNotFound(r.GroupByID.Get(*s.AssignedByGroup))
	})
	return cmp.Or(blocked, cmp.Or(errs...))
}

// pageOfFindings returns the findings of at least size elements of a list.
func pageOfFindings[R, T any, F licensing.LicenseFinding](f *field, l list[R, T], at *cursor.Position, size int, of func(T) []F) (findingPage, error) {
	part, before := 0, cursor.Position{}
	if at != nil {
		part, before = at.Part, *at
		before.Part, before.Source = 0, 0
		at = &before
	}
	w := l.walkFrom(f, at, size)
	if err := w.run(); err != nil {
		return findingPage{}, err
	}
	p := findingPage{more: w.page.more, stopped: w.page.stopped, unread: w.page.readError, end: w.resume(w.page.end)}
	for i, item := range w.page.items {
		found := of(item)
		for j := part; j < len(found); j++ {
			after := w.resume(w.page.places[i])
			if j < len(found)-1 {
				after = before
				after.Part = j + 1
			}
			p.findings, p.after = append(p.findings, found[j]), append(p.after, after)
		}
		part, before = 0, w.resume(w.page.places[i])
	}
	return p, nil
}

// nestedGroups is a group with products and with groups as members.
type nestedGroups struct {
	*licensing.Group
	nested []*licensing.Group
}

// findings returns the products that the nested groups do not have.
func (g nestedGroups) findings(rules licensing.FindingRules) (found []*licensing.GroupLicenseFinding) {
	for _, nested := range g.nested {
		for _, l := range g.AssignedLicenses {
			has := slices.ContainsFunc(nested.AssignedLicenses, func(own *licensing.AssignedLicense) bool { return l.SkuID != nil && is(own.SkuID, *l.SkuID) })
			if l.SkuID != nil && rules.Includes(*l.SkuID) && !has {
				found = append(found, &licensing.GroupLicenseFinding{
					Finding: licensing.Finding{Kind: licensing.NestedGroup, SkuID: l.SkuID, GroupID: &g.ID}, Parent: g.Group, NestedGroupID: &nested.ID,
				})
			}
		}
	}
	return found
}

// nestedGroups returns a page of the groups that are members of groups with products.
func (r *findings) nestedGroups(rules licensing.FindingRules, at *cursor.Position, size int) (findingPage, error) {
	l := list[*licensing.Group, nestedGroups]{
		query: upstream.Query{Filter: upstream.Filter{Licensed: upstream.Yes}}, typeName: "Group", maxTop: groupsAtOnce, loader: r.GroupsByQuery,
		complete: func(q upstream.Query, group *licensing.Group) (nestedGroups, error) {
			group, err := r.GroupOfPage(q, group)
			if err != nil || !slices.ContainsFunc(group.AssignedLicenses, func(l *licensing.AssignedLicense) bool { return l.SkuID != nil && rules.Includes(*l.SkuID) }) {
				return nestedGroups{Group: group}, err
			}
			nested, err := r.NestedGroupsByGroupID.Get(group.ID)
			return nestedGroups{group, nested}, err
		},
		keep: func(g nestedGroups) bool { return len(g.findings(rules)) > 0 },
	}
	return pageOfFindings(r.field, l, at, size, func(g nestedGroups) []*licensing.GroupLicenseFinding { return g.findings(rules) })
}

// unusedUnits returns the findings about products.
func (r *findings) unusedUnits(rules licensing.FindingRules, at *cursor.Position, _ int) (findingPage, error) {
	skus, err := r.AllSubscribedSkus()
	if err != nil {
		return findingPage{}, err
	}
	return pageInMemory(rules, at, skus, licensing.FindingOfSku, firstReadError(skus, freeUnitsError))
}

// expiring returns the findings about purchases.
func (r *findings) expiring(rules licensing.FindingRules, at *cursor.Position, _ int) (findingPage, error) {
	purchases, err := r.AllCompanySubscriptions()
	if err != nil {
		return findingPage{}, err
	}
	before := licensing.DateOf(r.today.AddDate(0, 0, days(r.filter.ExpiresWithinDays, defaultExpiresWithinDays)))
	return pageInMemory(rules, at, purchases, func(s *licensing.CompanySubscription) *licensing.ProductLicenseFinding {
		return licensing.FindingOfPurchase(s, licensing.DateOf(r.today), before)
	}, firstReadError(purchases, func(s *licensing.CompanySubscription) error { return s.ReadError("nextLifecycleDateTime") }))
}

// pageInMemory returns the findings about the elements of a complete list after a position, without other products. A
// position is an element, which stays in the list when its finding is resolved.
func pageInMemory[T licensing.Node](rules licensing.FindingRules, at *cursor.Position, all []T, of func(T) *licensing.ProductLicenseFinding, unread error) (p findingPage, err error) {
	if at != nil && at.ID != "" {
		i, err := placeOf(all, at.ID, "after")
		if err != nil {
			return p, err
		}
		all = all[i+1:]
	}
	p.unread = unread
	for _, item := range all {
		if f := of(item); f != nil && f.SkuID != nil && rules.Includes(*f.SkuID) {
			p.findings, p.after = append(p.findings, f), append(p.after, cursor.Position{ID: item.ObjectID()})
		}
	}
	return p, nil
}

// findingWalk fills a page of findings.
type findingWalk struct {
	findings
	start cursor.Position
	size  int

	found       []licensing.LicenseFinding
	after       []cursor.Position
	end         *cursor.Position // nil at the end of the last source
	stopped     bool
	unread      error
	unavailable []*model.UnavailableFindings
}

// run reads the sources until the page is full. It reads the first source alone, which often fills the page, and then
// the first pages of all other cheap sources at once.
func (w *findingWalk) run() error {
	sources := w.sources()
	for i := w.start.Source; i < len(sources); i++ {
		source := sources[i]
		var at *cursor.Position
		if i == w.start.Source && w.start != (cursor.Position{Source: i}) {
			at = &w.start
		}
		rules := w.rules
		rules.Kinds = source.kinds
		p, err := source.page(rules, at, w.size)
		if errors.Is(err, loaders.ErrBlocked) {
			for _, next := range sources[i+1:] {
				if rules.Kinds = next.kinds; next.cheap && i > w.start.Source {
					next.page(rules, nil, w.size) //nolint:errcheck // requests its keys
				}
			}
			return err
		}
		if _, ok := errors.AsType[*upstream.InputError](err); ok {
			return err
		}
		if err != nil {
			w.fail(source.kinds, err)
			if at != nil && mayRecur(err) { // the rest of the source: end the page here, so that its cursor reads it again
				w.end, w.stopped = at, true
				return nil
			}
			continue
		}
		for _, failed := range p.failed {
			w.fail([]licensing.LicenseFindingKind{failed.kind}, failed.err)
		}
		w.unread = cmp.Or(w.unread, p.unread)
		if w.add(i, i == len(sources)-1, p) {
			return nil
		}
	}
	return nil
}

// mayRecur reports whether a read that failed may succeed later.
func mayRecur(err error) bool {
	return errors.Is(err, upstream.ErrThrottled) || errors.Is(err, upstream.ErrUnavailable) || errors.Is(err, upstream.ErrBudget) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// fail records why a source could not be read.
func (w *findingWalk) fail(kinds []licensing.LicenseFindingKind, err error) {
	w.unread = cmp.Or(w.unread, err)
	w.unavailable = append(w.unavailable, unavailable(kinds, err))
}

// unavailable returns why kinds could not be read, with the code and message of the error.
func unavailable(kinds []licensing.LicenseFindingKind, err error) *model.UnavailableFindings {
	e := PresentError(context.Background(), err) // they do not depend on the operation
	code, _ := e.Extensions["code"].(string)
	return &model.UnavailableFindings{Kinds: kinds, Code: code, Message: e.Message}
}

// add adds the findings of a source, and reports whether the page is complete.
func (w *findingWalk) add(source int, last bool, p findingPage) bool {
	room := min(w.size-len(w.found), len(p.findings))
	for i, finding := range p.findings[:room] {
		at := p.after[i]
		at.Source = source
		w.found, w.after = append(w.found, finding), append(w.after, at)
	}
	switch {
	case room < len(p.findings):
		w.end = &w.after[len(w.after)-1]
	case p.more:
		end := p.end
		end.Source, w.stopped = source, p.stopped
		w.end = &end
	case !last:
		w.end = &cursor.Position{Source: source + 1}
	default:
		w.end = nil
	}
	return p.more || len(w.found) == w.size
}

// connection returns the page.
func (w *findingWalk) connection(name string, after bool) *model.LicenseFindingConnection {
	result := &model.LicenseFindingConnection{Stopped: w.stopped, Unavailable: w.unavailable}
	if result.Unavailable == nil {
		result.Unavailable = []*model.UnavailableFindings{}
	}
	result.Nodes = w.found
	if result.Nodes == nil {
		result.Nodes = []licensing.LicenseFinding{}
	}
	result.PageInfo = &model.PageInfo{HasNextPage: w.end != nil, HasPreviousPage: after}
	seal := w.cursors.In(name)
	result.Cursor = func(i int) string { return seal(w.after[i]) }
	if len(w.found) > 0 {
		result.PageInfo.Start = func() string { return result.Cursor(0) }
		result.PageInfo.End = func() string { return result.Cursor(len(w.found) - 1) }
	}
	if w.end != nil {
		result.PageInfo.End = func() string { return seal(*w.end) }
	}
	if w.unread != nil {
		result.SetReadError(w.unread)
	}
	return result
}
