package graph

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// Operations of fixes.
const (
	assignLicenseOperation = `mutation ($input: AssignLicenseInput!) { assignLicense(input: $input) { outcome userErrors { field code message } } }`
	removeMembersOperation = `mutation ($input: GroupMembersInput!) { removeGroupMembers(input: $input) { results { memberId outcome userErrors { code message } } userErrors { field code message } } }`
	removeDirectOperation  = `mutation ($input: RemoveDirectAssignmentsInput!) { removeDirectAssignments(input: $input) { results { userId outcome userErrors { code message } } userErrors { field code message } } }`
	setLocationOperation   = `mutation ($input: SetUsageLocationInput!) { setUsageLocation(input: $input) { results { userId outcome userErrors { code message } } userErrors { field code message } } }`
	reprocessOperation     = `mutation ($input: ReprocessInput!) { reprocessLicenseAssignment(input: $input) { results { userId outcome userErrors { code message } } userErrors { field code message } } }`
)

type variables = map[string]any

// newFix returns a fix with the variables in input.
func newFix(action model.FixAction, operation string, input variables, missing ...string) *model.Fix {
	return &model.Fix{Action: action, Mutation: operation, Variables: model.JSONOf(variables{"input": input}), MissingVariables: append([]string{}, missing...)}
}

// fixTexts are what a fix does, and whether it is safe.
type fixTexts struct {
	title, effect string
	safe          bool
	safety        string
}

// of sets the texts of a fix.
func (t fixTexts) of(fix *model.Fix) *model.Fix {
	fix.Title, fix.Effect, fix.Safe, fix.Safety = t.title, t.effect, t.safe, t.safety
	return fix
}

// removeLicense removes a direct assignment.
func removeLicense(user string, sku licensing.GUID, texts fixTexts) *model.Fix {
	return texts.of(newFix(model.FixRemoveLicense, assignLicenseOperation, variables{"assignedTo": assignee(licensing.AssigneeUser, user), "removeLicenses": []licensing.GUID{sku}}))
}

// assignee returns an AssigneeInput.
func assignee(kind licensing.AssigneeType, id string) variables {
	return variables{"type": kind, "id": id}
}

// reprocessUser reprocesses the licenses of a user.
func reprocessUser(user string, texts fixTexts) *model.Fix {
	return texts.of(newFix(model.FixReprocess, reprocessOperation, variables{"userIds": []string{user}}))
}

// setLocation sets the usage location of a user, which the administrator knows.
func setLocation(user string) *model.Fix {
	return fixTexts{
		"Set the usage location of the user", "The services of that country become available to the user. Reprocess the user afterwards.", false,
		"Check where the user works: the location decides which services are permitted.",
	}.of(newFix(model.FixSetUsageLocation, setLocationOperation, variables{"userIds": []string{user}, "usageLocation": nil}, "input.usageLocation"))
}

// fixesOfUserFinding returns the fixes of a finding about a user, best first.
func (f *field) fixesOfUserFinding(finding *licensing.UserLicenseFinding) ([]*model.Fix, error) {
	fixes := []*model.Fix{}
	switch finding.Kind {
	case licensing.DisabledAccount, licensing.GuestAccount, licensing.InactiveAccount, licensing.OverlappingProducts:
		return f.removals(finding)
	case licensing.MissingUsageLocation:
		fixes = append(fixes, setLocation(finding.User.ID))
	case licensing.ReconciliationNeeded:
		fixes = append(fixes, fixTexts{
			"Assign a product with Exchange Online to the user", "The user gets the product and keeps the mailbox.", false, "Uses a unit: choose a product with free units.",
		}.of(newFix(model.FixAssignLicense, assignLicenseOperation, variables{
			"assignedTo": assignee(licensing.AssigneeUser, finding.User.ID), "addLicenses": []variables{{"skuId": nil}},
		}, "input.addLicenses.0.skuId")))
	case licensing.DirectAndInherited:
		fixes = append(fixes, removeDirect(finding))
		return fixes, statesReadError(finding.User)
	case licensing.DeletedGroup:
		fixes = append(fixes, reprocessUser(finding.User.ID, fixTexts{
			"Reprocess the user", "Microsoft Graph evaluates the sources of " + nameOfProduct(*finding.SkuID) + " again.", false,
			"The user can lose the product if no other source assigns it. Microsoft does not document when such a license is removed: it can remain.",
		}))
	}
	return fixes, nil
}

// fixesOfGroupFinding returns the fix of a finding about a nested group.
func (*field) fixesOfGroupFinding(finding *licensing.GroupLicenseFinding) ([]*model.Fix, error) {
	return []*model.Fix{assignToNested(finding)}, nil
}

// fixesOfProductFinding returns no fixes: only a purchase resolves it.
func (*field) fixesOfProductFinding(*licensing.ProductLicenseFinding) ([]*model.Fix, error) {
	return []*model.Fix{}, nil
}

// nameOfProduct returns the name of a product in a text.
func nameOfProduct(id licensing.GUID) string {
	if sku, known := licensing.WellKnownSku(id); known {
		return nameOf(sku)
	}
	return "product " + string(id)
}

// worksFully reports whether an active license without an error gives a product to the user.
func worksFully(user *licensing.User, sku licensing.GUID) bool {
	return slices.ContainsFunc(user.LicenseAssignmentStates, func(s *licensing.LicenseAssignmentState) bool {
		return is(s.SkuID, sku) && is(s.State(), licensing.LicenseActive) && !s.HasReadErrors()
	})
}

// removals removes a product of a user from each of its sources, except groups whose members are managed elsewhere.
func (f *field) removals(finding *licensing.UserLicenseFinding) ([]*model.Fix, error) {
	paths := licensing.PathsOf(finding.User.LicenseAssignmentStates, *finding.SkuID)
	groups, errs, blocked := loaders.Collect(paths, func(path licensing.Path) (*licensing.Group, error) {
		if path.Group == "" {
			return nil, nil
		}
		return ignoreNotFound(f.GroupByID.Get(path.Group))
	})
	if blocked != nil {
		return nil, blocked
	}
	name, overlapping := nameOfProduct(*finding.SkuID), finding.Kind == licensing.OverlappingProducts
	fixes := []*model.Fix{}
	for i, path := range paths {
		texts := fixTexts{
			title: "Remove " + name + " from the user", effect: "The user loses " + name + ", and a unit becomes free.",
			safety: "Services can delete data of users without a license: check whether it must be kept.",
		}
		if overlapping {
			texts.effect = "A unit of " + name + " becomes free. The user keeps all service plans, from " + nameOfProduct(*finding.ContainedInSkuID) + "."
			texts.safety = "The other product has all service plans that the user can use."
		}
		if len(paths) > 1 {
			texts.effect = "One of " + fmt.Sprint(len(paths)) + " sources of " + name + " ends. The user keeps the product until all have."
		}
		switch group := groups[i]; {
		case path.Group == "":
			texts.safe = overlapping && worksFully(finding.User, *finding.ContainedInSkuID)
			fixes = append(fixes, removeLicense(finding.User.ID, *finding.SkuID, texts))
		case group != nil && !group.IsDynamic() && !group.IsSynchronized():
			texts.title = "Remove the user from the group that assigns " + name
			texts.effect += " The user also loses the other products of the group, and access that the group gives."
			texts.safety = "Check what else the group gives to its members."
			fixes = append(fixes, texts.of(newFix(model.FixRemoveFromGroup, removeMembersOperation, variables{"groupId": path.Group, "memberIds": []string{finding.User.ID}})))
		}
	}
	return fixes, cmp.Or(statesReadError(finding.User), cmp.Or(errs...))
}

// removeDirect removes the direct assignment of a product that a group assigns too.
func removeDirect(finding *licensing.UserLicenseFinding) *model.Fix {
	before := licensing.PathsOf(finding.User.LicenseAssignmentStates, *finding.SkuID)
	after := slices.DeleteFunc(slices.Clone(before), func(path licensing.Path) bool { return path.Group == "" })
	var disabled []licensing.GUID // a plan that no path disables is in all of them
	for _, path := range before {
		disabled = append(disabled, path.Disabled...)
	}
	slices.Sort(disabled)
	lost := licensing.EffectOf(slices.Compact(disabled), before, after).Lost
	name := nameOfProduct(*finding.SkuID)
	texts := fixTexts{
		"Remove the direct assignment of " + name, "The user keeps " + name + " through the group.", true,
		"The group enables all service plans that the direct assignment enables.",
	}
	input := variables{"skuId": finding.SkuID, "userIds": []string{finding.User.ID}}
	if len(lost) > 0 {
		texts.effect += " The user loses " + planNamesOf(lost) + "."
		texts.safe, texts.safety = false, "The group disables these service plans: enable them there first, or accept the loss."
		input["allowPlanLoss"] = true
	}
	if hasUnread(finding.User) {
		texts.safe, texts.safety = false, "Some license states could not be read."
	}
	return texts.of(newFix(model.FixRemoveDirectAssignment, removeDirectOperation, input))
}

// planNamesOf returns the names of service plans in a text.
func planNamesOf(plans []licensing.GUID) string {
	return strings.Join(each(plans, func(id licensing.GUID) string {
		plan, known := licensing.WellKnownServicePlan(id)
		if !known {
			return "service plan " + string(id)
		}
		return cmp.Or(deref(plan.DisplayName()), deref(plan.ServicePlanName))
	}), ", ")
}

// assignToNested assigns the product of a group to its nested group.
func assignToNested(finding *licensing.GroupLicenseFinding) *model.Fix {
	disabled := []licensing.GUID{}
	for _, l := range finding.Parent.AssignedLicenses {
		if is(l.SkuID, *finding.SkuID) {
			disabled = append(disabled, l.DisabledPlans...)
		}
	}
	name := nameOfProduct(*finding.SkuID)
	return fixTexts{
		"Assign " + name + " to the nested group", "The members of the nested group get " + name + ", with the service plans of the group.", false,
		"Uses a unit for each member that does not have the product: check the free units.",
	}.of(newFix(model.FixAssignToNestedGroup, assignLicenseOperation, variables{
		"assignedTo": assignee(licensing.AssigneeGroup, *finding.NestedGroupID), "addLicenses": []variables{{"skuId": finding.SkuID, "disabledPlans": disabled}},
	}))
}

// fixesOfError returns the fixes of an assignment error, best first.
func (f *field) fixesOfError(e *licensing.AssignmentError) ([]*model.Fix, error) {
	states, err := f.LicenseStatesOfError(e)
	if errors.Is(err, loaders.ErrBlocked) {
		f.AllSubscribedSkus() //nolint:errcheck // requests it in the same round
		return nil, err
	}
	assignedTo, _ := f.AssigneeByErrorID.Get(e.ID) //nolint:errcheck // LicenseStatesOfError returned it
	if err != nil || assignedTo == nil || e.SkuID == nil {
		return []*model.Fix{}, err
	}
	user := assignedTo.Object.ObjectID()
	cause := e.Error()
	for _, state := range failed(states) {
		if cause == nil {
			cause = state.Error()
		}
	}
	fixes := []*model.Fix{}
	if cause == nil {
		return fixes, nil
	}
	switch *cause {
	case licensing.CountViolation:
		return f.reprocessWithUnit(user, *e.SkuID)
	case licensing.MutuallyExclusiveViolation, licensing.DependencyViolation:
		return f.disablePlan(e, user, states)
	case licensing.ProhibitedInUsageLocationViolation:
		plans, err := f.disablePlan(e, user, states)
		return append([]*model.Fix{setLocation(user)}, plans...), err
	case licensing.UniquenessViolation:
		fixes = append(fixes, reprocessUser(user, fixTexts{
			"Reprocess the user after the address was removed", nameOfProduct(*e.SkuID) + " is assigned if no other object has the mail address.", false,
			"Uses a unit. Changes nothing as long as the address is in use: onPremisesProvisioningErrors of the user can have it.",
		}))
	default:
		fixes = append(fixes, reprocessUser(user, fixTexts{
			"Reprocess the user", nameOfProduct(*e.SkuID) + " is assigned if the cause is gone.", false, "Uses a unit. Changes nothing as long as the cause remains.",
		}))
	}
	return fixes, nil
}

// reprocessWithUnit reprocesses a user who waits for a unit.
func (f *field) reprocessWithUnit(user string, sku licensing.GUID) ([]*model.Fix, error) {
	subscribed, err := f.SubscribedSku(sku)
	if errors.Is(err, loaders.ErrBlocked) {
		return nil, err
	}
	texts := fixTexts{title: "Reprocess the user", effect: nameOfProduct(sku) + " is assigned if a unit is free.", safety: "Uses a unit if one is free."}
	if err == nil {
		switch free := freeUnits(subscribed); {
		case free == nil:
		case *free == 0:
			texts.effect = "No unit of " + nameOfProduct(sku) + " is free now: buy or free units first."
		default:
			texts.effect = fmt.Sprintf("The user gets %s: %d units are free now.", nameOfProduct(sku), *free)
		}
	}
	return []*model.Fix{reprocessUser(user, texts)}, ignoredIfNotFound(err)
}

// ignoredIfNotFound drops the error of a missing object.
func ignoredIfNotFound(err error) error {
	_, err = ignoreNotFound(struct{}{}, err)
	return err
}

// disablePlan disables the service plan that could not be assigned, in each assignment with an error, unless no other
// service plan would be left.
func (f *field) disablePlan(e *licensing.AssignmentError, user string, states []*licensing.LicenseAssignmentState) ([]*model.Fix, error) {
	plans := e.ServicePlanIDs()
	if len(plans) == 0 {
		return []*model.Fix{}, nil
	}
	subscribed, err := f.SubscribedSku(*e.SkuID)
	if err != nil {
		return []*model.Fix{}, ignoredIfNotFound(err)
	}
	plan, name, fixes := plans[0], planNamesOf(plans[:1]), []*model.Fix{}
	states = slices.DeleteFunc(failed(states), func(s *licensing.LicenseAssignmentState) bool {
		return !leavesPlan(subscribed, append(slices.Clone(s.DisabledPlans), plan))
	})
	members, errs, blocked := loaders.Collect(states, func(s *licensing.LicenseAssignmentState) (*int, error) {
		if s.AssignedByGroup == nil {
			return nil, nil
		}
		page, err := f.MembersByQuery.Get(upstream.Query{Of: *s.AssignedByGroup, Top: 1, Count: true})
		return page.Count, ignoredIfNotFound(err)
	})
	if blocked != nil {
		return nil, blocked
	}
	for i, s := range states {
		input := variables{"addLicenses": []variables{{"skuId": e.SkuID, "disabledPlans": append(slices.Clone(s.DisabledPlans), plan)}}}
		texts := fixTexts{
			"Disable " + name + " in the assignment of the user", "The user gets the other service plans of " + nameOfProduct(*e.SkuID) + ", without " + name + ".",
			false, "Uses a unit if the user has none of the product. The user loses the service plan if it works now.",
		}
		if s.AssignedByGroup == nil {
			input["assignedTo"] = assignee(licensing.AssigneeUser, user)
		} else {
			input["assignedTo"] = assignee(licensing.AssigneeGroup, *s.AssignedByGroup)
			who := "All members of the group"
			if members[i] != nil {
				who = fmt.Sprintf("All %d members of the group", *members[i])
			}
			texts = fixTexts{
				"Disable " + name + " in the assignment of the group", "The user gets the other service plans. " + who + " lose " + name + ".",
				false, "Affects all members of the group. Alternatively, remove the user from the group and assign the product in another way.",
			}
		}
		fixes = append(fixes, texts.of(newFix(model.FixDisableServicePlan, assignLicenseOperation, input)))
	}
	return fixes, cmp.Or(errs...)
}

// leavesPlan reports whether a product has a service plan for users besides the disabled ones.
func leavesPlan(sku *licensing.SubscribedSku, disabled []licensing.GUID) bool {
	return slices.ContainsFunc(sku.ServicePlans, func(plan *licensing.ServicePlan) bool {
		return plan.ServicePlanID != nil && !is(plan.AppliesTo(), licensing.SkuForCompany) && !slices.Contains(disabled, *plan.ServicePlanID)
	})
}
