package graph

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"licensegraph/graph/model"
	"licensegraph/internal/identity"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

const (
	// maxPredicted limits the assignees whose effects are predicted, and maxPredictedGroups the groups whose members are
	// read for that.
	maxPredicted       = 500
	maxPredictedGroups = 10
	// maxPoolReads limits the users and groups whose assignments are read to find the allotments of their licenses.
	maxPoolReads = 80
)

// predictionProperties are the properties that a prediction requires in addition to those of the checks.
var predictionProperties = map[string][]string{
	"User":            {"id", "licenseAssignmentStates"},
	"Group":           {"id", "assignedLicenses"},
	"DirectoryObject": {"id"},
	"SubscribedSku":   {"id", "skuId", "skuPartNumber", "consumedUnits", "prepaidUnits", "servicePlans"},
	"Allotment":       allotmentProperties,
	"Assignment":      {"id", "disabledServicePlanIds", "allotment"},
}

// withPredictionProperties returns the properties of the checks and of the prediction.
func withPredictionProperties(checks map[string][]string) map[string][]string {
	all := maps.Clone(predictionProperties)
	for typeName, properties := range checks {
		merged := slices.Sorted(slices.Values(slices.Concat(all[typeName], properties)))
		all[typeName] = slices.Compact(merged)
	}
	return all
}

// alteration is a change of one way in which an assignee has a product.
type alteration struct {
	assignee licensing.Assignee // a user or a device
	sku      licensing.GUID
	group    string // ID of the group; empty if direct
	pool     string // ID of the allotment; empty if unknown
	disabled []licensing.GUID
	removes  bool
	updates  bool // a way that exists
}

// way is a path with its error.
type way struct {
	licensing.Path
	code  *licensing.LicenseErrorCode
	fresh bool // the change adds it
	took  bool // a unit of its own, which was available
}

// predictor computes a prediction from loaded values. Each run has its own.
type predictor struct {
	l          *loaders.Loaders
	skus       []*licensing.SubscribedSku
	allotments []*licensing.Allotment
	free       map[string]int64 // available units, by allotment or product; absent if not computed yet
	pools      map[string]bool  // holders whose assignments are read
	blocked    bool             // a value is not loaded yet
	hidden     error            // of a caller who may not read errors
}

// predict sets the prediction of a dry run. changes returns the changes of users, devices and groups, in the order in
// which they take units.
func (c *change) predict(p *model.Prediction, changes func(*predictor) ([]alteration, error)) {
	c.predictWith(p, func(run *predictor) ([]*model.PredictedEffect, bool, error) {
		all, err := changes(run)
		if err != nil {
			return nil, false, err
		}
		alterations, truncated, err := spreadOver(run.l, all)
		if err != nil {
			return nil, false, err
		}
		effects, err := run.effects(alterations)
		return effects, truncated, err
	})
}

// predictWith sets the prediction of a dry run from what compute returns. If compute fails, it adds an error at the
// effects. Without a dry run, it does nothing.
func (c *change) predictWith(p *model.Prediction, compute func(*predictor) ([]*model.PredictedEffect, bool, error)) {
	if !c.dryRun {
		return
	}
	err := c.read(nil, func(l *loaders.Loaders) (err error) {
		run := &predictor{l: l, free: map[string]int64{}, pools: map[string]bool{}, hidden: predictedErrorsDenied(c.ctx)}
		var unlisted error
		run.skus, err = l.AllSubscribedSkus()
		run.allotments, unlisted = l.AllAllotments() // without them, each product counts as one allotment
		run.blocked = errors.Is(err, loaders.ErrBlocked) || errors.Is(unlisted, loaders.ErrBlocked)
		effects, truncated, failed := compute(run)
		if run.blocked || errors.Is(failed, loaders.ErrBlocked) {
			return loaders.ErrBlocked
		}
		p.Effects, p.EffectsTruncated = append([]*model.PredictedEffect{}, effects...), truncated
		return cmp.Or(err, failed)
	})
	if err != nil {
		p.Effects = nil
		if _, denied := errors.AsType[*permissionError](err); denied && !c.readsEffects() {
			return
		}
		graphql.AddError(c.ctx, gqlerror.WrapPath(append(slices.Clone(graphql.GetPath(c.ctx)), ast.PathName("effects")), err))
	}
}

// readsEffects reports whether the caller selected the effects, and may read them.
func (c *change) readsEffects() bool {
	payload := graphql.GetFieldContext(c.ctx).Field.Definition.Type.Name()
	field := publicSchema().Types[payload].Fields.ForName("effects")
	selected := slices.ContainsFunc(graphql.CollectFieldsCtx(c.ctx, []string{payload}), func(f graphql.CollectedField) bool { return f.Name == field.Name })
	return selected && permissionOf(field.Directives).missing(identity.From(c.ctx)) == nil
}

// predictedErrorsDenied returns the error of a caller who may not read predicted errors; nil otherwise.
func predictedErrorsDenied(ctx context.Context) error {
	field := publicSchema().Types["PredictedEffect"].Fields.ForName("errors")
	if missing := permissionOf(field.Directives).missing(identity.From(ctx)); missing != nil {
		return missing
	}
	return nil
}

// usersOfGroup returns the IDs of at most maxPredicted users among a group's direct members, and whether there are more.
func usersOfGroup(l *loaders.Loaders, groupID string) (ids []string, truncated bool, err error) {
	members, complete, err := membersOf(l, groupID)
	for _, member := range members {
		if _, isUser := member.(*licensing.User); !isUser {
			continue
		}
		if len(ids) == maxPredicted {
			return ids, true, err
		}
		ids = append(ids, member.ObjectID())
	}
	return ids, !complete && err == nil, err
}

// spread returns an alteration for each user to whom a change of an assignee applies: the user, or the members of a
// group.
type spread struct {
	l           *loaders.Loaders
	alterations []alteration
	truncated   bool
	err         error
	groups      int
	users       map[string]bool
}

// add adds a change of one assignee.
func (s *spread) add(a alteration) {
	if a.assignee.Type != licensing.AssigneeGroup {
		s.to(a, a.assignee)
		return
	}
	a.group = a.assignee.ID
	ids, truncated, err := usersOfGroup(s.l, a.group)
	s.groups++
	s.truncated = s.truncated || truncated
	s.err = cmp.Or(s.err, err)
	for _, id := range ids {
		s.to(a, licensing.Assignee{Type: licensing.AssigneeUser, ID: id})
	}
}

// to adds a change of a user or a device, within the limit.
func (s *spread) to(a alteration, to licensing.Assignee) {
	if !s.users[to.ID] && len(s.users) >= maxPredicted {
		s.truncated = true
		return
	}
	s.users[to.ID] = true
	a.assignee = to
	s.alterations = append(s.alterations, a)
}

// spreadOver returns the changes of users and devices for changes of several assignees.
func spreadOver(l *loaders.Loaders, changes []alteration) ([]alteration, bool, error) {
	s := &spread{l: l, users: map[string]bool{}}
	groups := map[string]bool{}
	for _, a := range changes {
		if a.assignee.Type == licensing.AssigneeGroup {
			if groups[a.assignee.ID] = true; len(groups) > maxPredictedGroups {
				s.truncated = true
				continue
			}
		}
		s.add(a)
	}
	return s.alterations, s.truncated, s.err
}

// effects returns the effects of changes of users and devices.
func (p *predictor) effects(alterations []alteration) ([]*model.PredictedEffect, error) {
	var order []licensing.Assignee
	byAssignee := map[string][]alteration{}
	for _, a := range alterations {
		if byAssignee[a.assignee.ID] == nil {
			order = append(order, a.assignee)
		}
		byAssignee[a.assignee.ID] = append(byAssignee[a.assignee.ID], a)
	}
	states, err := p.states(order)
	if err != nil {
		return nil, err
	}
	var effects []*model.PredictedEffect
	for _, assignee := range order {
		if known, exists := states[assignee.ID]; exists {
			effects = append(effects, p.effectsOn(assignee, known, byAssignee[assignee.ID])...)
		}
	}
	return effects, nil
}

// states returns the license states of users by ID, without users that do not exist. Those of devices are unknown.
func (p *predictor) states(assignees []licensing.Assignee) (map[string][]*licensing.LicenseAssignmentState, error) {
	states := map[string][]*licensing.LicenseAssignmentState{}
	var failed error
	for _, assignee := range assignees {
		if assignee.Type != licensing.AssigneeUser {
			states[assignee.ID] = nil
			continue
		}
		user, err := p.l.UserByID.Get(assignee.ID)
		if err == nil {
			err = statesError(user)
		}
		switch {
		case errors.Is(err, loaders.ErrBlocked):
			p.blocked = true
		case errors.Is(err, upstream.ErrNotFound):
		case err != nil:
			failed = cmp.Or(failed, err)
		default:
			states[assignee.ID] = user.LicenseAssignmentStates
		}
	}
	return states, failed
}

// effectsOn returns the effects of changes on one assignee, one for each product.
func (p *predictor) effectsOn(assignee licensing.Assignee, states []*licensing.LicenseAssignmentState, alterations []alteration) []*model.PredictedEffect {
	type product struct {
		effect        *model.PredictedEffect
		before, after []way
	}
	var products []*product
	failed := map[string]bool{} // groups that cannot assign one of their products
	for _, a := range alterations {
		at := slices.IndexFunc(products, func(one *product) bool { return one.effect.SkuID == a.sku })
		if at < 0 {
			before := p.waysOf(assignee, states, a.sku, !a.removes && !a.updates)
			products = append(products, &product{newEffect(assignee, a.sku), before, slices.Clone(before)})
			at = len(products) - 1
		}
		one := products[at]
		one.after = p.altered(one.effect, one.after, a)
		if p.blocked {
			continue
		}
		for i := range one.after {
			if w := &one.after[i]; w.fresh && w.code == nil && !w.Unit && w.Group == a.group {
				p.take(one.effect, one.after, i, states)
				failed[w.Group] = failed[w.Group] || w.code != nil && w.Group != ""
			}
		}
	}
	var effects []*model.PredictedEffect
	for _, one := range products {
		for i := range one.after {
			w := &one.after[i]
			if w.fresh && w.Unit && failed[w.Group] {
				w.Unit, w.Active = false, false
				p.giveBack(one.effect.SkuID, *w)
				one.effect.Errors = append(one.effect.Errors, &model.PredictedError{Error: licensing.OtherLicenseError,
					Message: "The group cannot assign another of its products, and then assigns none of them."})
			}
		}
		p.compare(one.effect, one.before, one.after)
		effects = append(effects, one.effect)
	}
	return effects
}

func newEffect(assignee licensing.Assignee, sku licensing.GUID) *model.PredictedEffect {
	e := &model.PredictedEffect{AssigneeID: assignee.ID, Object: &licensing.User{ID: assignee.ID}, SkuID: sku,
		PlansGained: []*licensing.ServicePlan{}, PlansLost: []*licensing.ServicePlan{}, Errors: []*model.PredictedError{}, ResolvedErrors: []*model.PredictedError{}}
	if assignee.Type == licensing.AssigneeDevice {
		e.Object = &licensing.Device{ID: assignee.ID}
	}
	return e
}

// altered returns the ways after one change. A way in error stays in error: only Microsoft Graph can tell whether the
// new service plans resolve it.
func (p *predictor) altered(effect *model.PredictedEffect, ways []way, a alteration) []way {
	same := func(w way) bool {
		return w.Group == a.group && (a.pool == "" || w.Pool == "" || w.Pool == a.pool)
	}
	if a.removes {
		for _, w := range ways {
			if same(w) && w.code != nil {
				effect.ResolvedErrors = append(effect.ResolvedErrors, &model.PredictedError{Error: *w.code, Message: "The license with the error is removed."})
			}
		}
		return slices.DeleteFunc(ways, same)
	}
	found := false
	for i := range ways {
		w := &ways[i]
		if !same(*w) {
			continue
		}
		more := slices.ContainsFunc(a.disabled, func(plan licensing.GUID) bool { return !slices.Contains(w.Disabled, plan) })
		switch {
		case w.code != nil && more:
			effect.ResolvedErrors = append(effect.ResolvedErrors, &model.PredictedError{Error: *w.code, Message: "The error goes away if the disabled service plans are its cause."})
		case w.code != nil:
			effect.Errors = append(effect.Errors, &model.PredictedError{Error: *w.code, Message: "The current error stays."})
		}
		w.Disabled, found = a.disabled, true
	}
	if !found {
		ways = append(ways, way{Path: licensing.Path{Group: a.group, Pool: a.pool, Disabled: a.disabled}, fresh: true})
	}
	return ways
}

// take lets a new way take a unit, or adds the error that prevents it.
func (p *predictor) take(effect *model.PredictedEffect, ways []way, i int, states []*licensing.LicenseAssignmentState) {
	w := &ways[i]
	fail := func(code licensing.LicenseErrorCode, message string) {
		w.code = &code
		effect.Errors = append(effect.Errors, &model.PredictedError{Error: code, Message: message})
	}
	if code := failsLikewise(states, effect.SkuID, w.Disabled); code != nil {
		fail(*code, "The assignee has this error for the product already, with the same service plans or fewer.")
		return
	}
	without := licensing.EffectOf(nil, nil, pathsOf(ways)).Units
	w.Unit, w.Active = true, true
	if licensing.EffectOf(nil, nil, pathsOf(ways)).Units == without { // shares a unit
		return
	}
	left, known := p.available(effect.SkuID, w.Pool)
	if known && left <= 0 {
		w.Unit, w.Active = false, false
		fail(licensing.CountViolation, "No unit is available.")
		return
	}
	if w.took = known; known {
		p.free[p.unitsKey(effect.SkuID, w.Pool)] = left - 1
	}
}

// giveBack returns the unit that a way took, if it took one.
func (p *predictor) giveBack(sku licensing.GUID, w way) {
	if w.took {
		p.free[p.unitsKey(sku, w.Pool)]++
	}
}

// unitsKey is the key of free: the allotment or, if it is unknown, the product.
func (p *predictor) unitsKey(sku licensing.GUID, pool string) string {
	return cmp.Or(pool, string(sku))
}

// available returns the number of units that are left; false if it is unknown.
func (p *predictor) available(sku licensing.GUID, pool string) (int64, bool) {
	key := p.unitsKey(sku, pool)
	if left, computed := p.free[key]; computed {
		return left, true
	}
	var units *int32
	if pool != "" {
		if at := slices.IndexFunc(p.allotments, func(a *licensing.Allotment) bool { return a.ID == pool }); at >= 0 {
			units = p.allotments[at].AvailableUnits()
		}
	} else if s := p.sku(sku); s != nil {
		if all := s.Units(); all != nil {
			units = all.Free
		}
	}
	if units == nil {
		return 0, false
	}
	p.free[key] = int64(*units)
	return p.free[key], true
}

// failsLikewise returns the error of a current state of the product that a new assignment would also have: another one
// than the lack of units, with no more service plans; nil if there is none.
func failsLikewise(states []*licensing.LicenseAssignmentState, sku licensing.GUID, disabled []licensing.GUID) *licensing.LicenseErrorCode {
	for _, s := range states {
		code := s.Error()
		if code == nil || !is(s.SkuID, sku) || *code == licensing.CountViolation || *code == licensing.OtherLicenseError || *code == licensing.LicenseErrorUnknownFuture {
			continue
		}
		fewer := slices.ContainsFunc(disabled, func(plan licensing.GUID) bool { return !slices.Contains(s.DisabledPlans, plan) })
		if !fewer {
			return code
		}
	}
	return nil
}

// compare sets the units and service plans of an effect.
func (p *predictor) compare(effect *model.PredictedEffect, before, after []way) {
	var plans []*licensing.ServicePlan
	if sku := p.sku(effect.SkuID); sku != nil {
		plans = sku.ServicePlans
	}
	e := licensing.EffectOf(planIDs(plans), pathsOf(before), pathsOf(after))
	effect.Units = int32(e.Units)
	for _, plan := range plans {
		switch {
		case plan.ServicePlanID == nil:
		case slices.Contains(e.Gained, *plan.ServicePlanID):
			effect.PlansGained = append(effect.PlansGained, plan)
		case slices.Contains(e.Lost, *plan.ServicePlanID):
			effect.PlansLost = append(effect.PlansLost, plan)
		}
	}
}

func pathsOf(ways []way) []licensing.Path {
	return each(ways, func(w way) licensing.Path { return w.Path })
}

// sku returns a product of the tenant; nil if unknown.
func (p *predictor) sku(id licensing.GUID) *licensing.SubscribedSku {
	if at := slices.IndexFunc(p.skus, func(s *licensing.SubscribedSku) bool { return is(s.SkuID, id) }); at >= 0 {
		return p.skus[at]
	}
	return nil
}

// waysOf returns the ways in which an assignee has a product. Their allotments are read only if several ways, with those
// that a change adds, can take different units.
func (p *predictor) waysOf(assignee licensing.Assignee, states []*licensing.LicenseAssignmentState, sku licensing.GUID, adds bool) []way {
	var ways []way
	for _, s := range states {
		for _, path := range licensing.PathsOf([]*licensing.LicenseAssignmentState{s}, sku) {
			ways = append(ways, way{Path: path, code: s.Error()})
		}
	}
	if len(ways) == 0 || len(ways) == 1 && !adds || len(p.poolsOfSku(sku)) < 2 {
		return ways
	}
	used := map[string]int{}
	for i := range ways {
		holder := licensing.Assignee{Type: licensing.AssigneeGroup, ID: ways[i].Group}
		if ways[i].Group == "" {
			holder = assignee
		}
		if pools := p.poolsOf(holder, sku); used[holder.ID] < len(pools) {
			ways[i].Pool = pools[used[holder.ID]]
			used[holder.ID]++
		}
	}
	return ways
}

// poolsOfSku returns the IDs of the allotments of a product.
func (p *predictor) poolsOfSku(sku licensing.GUID) (ids []string) {
	for _, a := range p.allotments {
		if is(a.SkuID, sku) {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

// poolsOf returns the allotments of a product from which a user or a group has direct assignments; none if they cannot
// be read.
func (p *predictor) poolsOf(holder licensing.Assignee, sku licensing.GUID) (pools []string) {
	if !p.pools[holder.ID] && len(p.pools) >= maxPoolReads {
		return nil
	}
	p.pools[holder.ID] = true
	read := p.l.AssignmentsByUserID
	switch holder.Type {
	case licensing.AssigneeGroup:
		read = p.l.AssignmentsByGroupID
	case licensing.AssigneeDevice:
		return nil
	}
	assignments, err := read.Get(holder.ID)
	if errors.Is(err, loaders.ErrBlocked) {
		p.blocked = true
	}
	ofSku := p.poolsOfSku(sku)
	for _, a := range assignments {
		if pool := poolOf(a); slices.Contains(ofSku, pool) {
			pools = append(pools, pool)
		}
	}
	return pools
}

// poolOfGroup returns the allotment from which a group assigns a product; empty if there is none, or more than one.
func (p *predictor) poolOfGroup(groupID string, sku licensing.GUID) string {
	ofSku := p.poolsOfSku(sku)
	if len(ofSku) < 2 {
		return ""
	}
	if pools := p.poolsOf(licensing.Assignee{Type: licensing.AssigneeGroup, ID: groupID}, sku); len(pools) == 1 {
		return pools[0]
	}
	return ""
}

// reprocessed returns the effects of reprocessing users: of each state in error, whether the error can go away.
// located reports that instead only the usage location changes. Which users and products have an effect reveals errors:
// it fails for a caller who may not read them.
func (p *predictor) reprocessed(ids []string, located bool) ([]*model.PredictedEffect, error) {
	if p.hidden != nil {
		return nil, p.hidden
	}
	assignees := each(ids, func(id string) licensing.Assignee {
		return licensing.Assignee{Type: licensing.AssigneeUser, ID: id}
	})
	states, err := p.states(assignees)
	if err != nil {
		return nil, err
	}
	var effects []*model.PredictedEffect
	for _, assignee := range assignees {
		var skus []licensing.GUID
		for _, s := range states[assignee.ID] {
			if s.Error() != nil && s.SkuID != nil && !slices.Contains(skus, *s.SkuID) {
				skus = append(skus, *s.SkuID)
			}
		}
		for _, sku := range skus {
			effect := newEffect(assignee, sku)
			before := p.waysOf(assignee, states[assignee.ID], sku, true)
			after := slices.Clone(before)
			for i := range after {
				if after[i].code != nil {
					p.retry(effect, after, i, located)
				}
			}
			if len(effect.Errors)+len(effect.ResolvedErrors) > 0 {
				p.compare(effect, before, after)
				effects = append(effects, effect)
			}
		}
	}
	return effects, nil
}

// retry predicts whether the error of a way can go away.
func (p *predictor) retry(effect *model.PredictedEffect, ways []way, i int, located bool) {
	w := &ways[i]
	stays := func(message string) {
		effect.Errors = append(effect.Errors, &model.PredictedError{Error: *w.code, Message: message})
	}
	resolved := func(message string) {
		effect.ResolvedErrors = append(effect.ResolvedErrors, &model.PredictedError{Error: *w.code, Message: message})
	}
	switch {
	case located && *w.code == licensing.ProhibitedInUsageLocationViolation:
		resolved("The error goes away if the product is available in the new usage location: reprocess the user then.")
	case located:
	case *w.code != licensing.CountViolation:
		stays("The error stays unless its cause was removed: see `remedy` of the state.")
	default:
		pool := w.Pool
		if pool == "" && w.Group != "" {
			pool = p.poolOfGroup(w.Group, effect.SkuID)
		}
		if left, known := p.available(effect.SkuID, pool); !known || left <= 0 {
			stays("No unit is available.")
			return
		}
		p.free[p.unitsKey(effect.SkuID, pool)]--
		w.Pool, w.Unit, w.Active = pool, true, true
		resolved("A unit is available.")
	}
}
