package graph

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strings"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// subject describes the assignee of a rejected change.
type subject struct {
	assignee licensing.AssigneeType // empty if unknown
	located  bool                   // a user with a usage location
	creates  bool                   // creates an assignment
	member   bool                   // removes an existing member of a group
}

// product is a product that a change affects.
type product struct {
	id         *licensing.GUID
	partNumber *string
}

// productOf returns the product of an allotment; none if unknown.
func productOf(a *licensing.Allotment) []product {
	if a == nil || a.SkuID == nil && a.SkuPartNumber == nil {
		return nil
	}
	return []product{{a.SkuID, a.SkuPartNumber}}
}

// name returns the product's name for messages.
func (p product) name() string {
	if p.id == nil {
		return deref(p.partNumber)
	}
	if sku, ok := licensing.WellKnownSku(*p.id); ok {
		return deref(sku.ProductName()) + " (" + deref(sku.SkuPartNumber) + ")"
	}
	return cmp.Or(deref(p.partNumber), string(*p.id))
}

// refusals maps lower-case error codes of the service to user error codes. Microsoft does not publish the codes of
// these requests; these are from the API's design.
var refusals = map[string]model.UserErrorCode{
	"noavailablelicenses":           model.UserErrorNoFreeUnit,
	"invalidusagelocation":          model.UserErrorUsageLocation,
	"mutuallyexclusiveserviceplans": model.UserErrorPlanConflict,
	"dependencyviolation":           model.UserErrorPlanDependency,
	"proxyaddressconflict":          model.UserErrorProxyAddress,
	"invalidassigneetype":           model.UserErrorNotAssignable,
	"immutablepropertymodified":     model.UserErrorImmutable,
	"conflict":                      model.UserErrorAlreadyAssigned,
	"notfound":                      model.UserErrorNotFound,
	"resourcenotfound":              model.UserErrorNotFound,
}

// sentences maps lower-case parts of the directory's error messages to user error codes, for errors with a generic
// code. The first match counts.
var sentences = []struct {
	part string
	code model.UserErrorCode
}{
	{"depends on", model.UserErrorPlanDependency},
	{"depend on", model.UserErrorPlanDependency},
	{"mutually exclusive", model.UserErrorPlanConflict},
	{"available licenses", model.UserErrorNoFreeUnit},
	{"usage location", model.UserErrorUsageLocation},
	{"proxy address", model.UserErrorProxyAddress},
	{"proxyaddresses", model.UserErrorProxyAddress},
	{"security enabled", model.UserErrorNotSecurityEnabled},
	{"security-enabled", model.UserErrorNotSecurityEnabled},
	{"inherited from a group", model.UserErrorNotAssigned},
	{"not have a corresponding license", model.UserErrorNotAssigned},
	{"valid company license", model.UserErrorUnknownProduct},
	{"object references already exist", model.UserErrorAlreadyMember},
	{"on-premises mastered", model.UserErrorManagedElsewhere},
}

// advice has the message of each user error code that comes from Microsoft Graph.
var advice = map[model.UserErrorCode]string{
	model.UserErrorNotFound:           "The object does not exist in Microsoft Graph.",
	model.UserErrorUnknownProduct:     "The tenant is not subscribed to this product. See `subscribedSkus`.",
	model.UserErrorNoFreeUnit:         "No unit is available. Free or buy units.",
	model.UserErrorUsageLocation:      "The user has no usage location, or one where the product is not available. Set it first.",
	model.UserErrorProhibited:         "The product, or one of its service plans, is not available in the user's usage location. Correct the location, or disable the plan.",
	model.UserErrorNotAssignable:      "The allotment has no units for this kind of assignee.",
	model.UserErrorGroupWithoutUnits:  "No unit of the product can be assigned to groups.",
	model.UserErrorNotSecurityEnabled: "Only security-enabled groups can have licenses.",
	model.UserErrorAlreadyAssigned:    "Already assigned directly. Use `updateAssignment` to change it.",
	model.UserErrorNotAssigned:        "The product is not assigned directly: it is assigned through a group, or not at all.",
	model.UserErrorPlanConflict:       "Service plans are mutually exclusive. Disable one of them, or remove its product.",
	model.UserErrorPlanDependency:     "A service plan depends on another one. Assign that plan, or disable the dependent one.",
	model.UserErrorProxyAddress:       "A mail address that the product would add belongs to another object. Remove it there first.",
	model.UserErrorImmutable:          "The allotment and the assignee of an assignment cannot be changed. Delete it and create another one.",
	model.UserErrorManagedElsewhere:   "The members of the group are managed elsewhere: by its membership rule, or in the on-premises directory. Change them there.",
	model.UserErrorAlreadyMember:      "Already a direct member of the group.",
	model.UserErrorNotMember:          "Not a direct member of the group.",
	model.UserErrorRefused:            "Microsoft Graph rejected the change.",
}

// refusal returns the user error code and message for an error of Microsoft Graph. The service's code decides; its
// message decides only for generic codes, and is appended.
func (c *change) refusal(failure *upstream.Error, about subject) (code model.UserErrorCode, message string) {
	sentence := strings.ToLower(failure.Sentence)
	code, known := refusals[strings.ToLower(failure.Code)]
	switch {
	case known:
	case errors.Is(failure, upstream.ErrNotFound):
		code = model.UserErrorNotFound
	default:
		code = model.UserErrorRefused
		for _, s := range sentences {
			if generic[strings.ToLower(failure.Code)] && strings.Contains(sentence, s.part) {
				code = s.code
				break
			}
		}
	}
	group := about.assignee == licensing.AssigneeGroup
	switch {
	case code == model.UserErrorUsageLocation && (about.located || strings.Contains(sentence, "not offered")):
		code = model.UserErrorProhibited
	case code == model.UserErrorNotAssignable && group && strings.Contains(sentence, "security enabled"):
		code = model.UserErrorNotSecurityEnabled
	case (code == model.UserErrorNotAssignable || code == model.UserErrorNoFreeUnit) && group:
		code = model.UserErrorGroupWithoutUnits
	case code == model.UserErrorNotFound && about.member:
		code = model.UserErrorNotMember
	case code == model.UserErrorAlreadyAssigned && !about.creates: // only a new assignment can exist already
		code = model.UserErrorRefused
	}
	message = advice[code]
	if code == model.UserErrorProhibited && len(c.products) > 0 && !c.namesPart(failure.Sentence) {
		message += " Affected products: " + strings.Join(each(c.products, product.name), ", ") + "."
	}
	switch {
	case failure.Sentence != "":
		message += " Microsoft Graph: " + c.named(failure.Sentence)
	case code == model.UserErrorRefused && failure.Code != "":
		message += " Error code: " + failure.Code + "."
	case code == model.UserErrorRefused:
		message += " No error code was returned."
	}
	return code, message
}

// generic are the lower-case error codes that the directory uses for many causes.
var generic = map[string]bool{"": true, "badrequest": true, "request_badrequest": true}

var (
	guids     = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	addresses = regexp.MustCompile(`[^\s"'<>:;,]+@[^\s"'<>:;,]+`)
)

// namesPart reports whether a message has a GUID, or the name of an affected product or service plan.
func (c *change) namesPart(sentence string) bool {
	has := func(name string) bool {
		return name != "" && strings.Contains(strings.ToLower(sentence), strings.ToLower(name))
	}
	return guids.MatchString(sentence) ||
		slices.ContainsFunc(c.products, func(p product) bool { return has(deref(p.partNumber)) || has(p.name()) }) ||
		slices.ContainsFunc(c.plans, func(p *licensing.ServicePlan) bool { return has(deref(p.ServicePlanName)) })
}

// named replaces the IDs of products and service plans by names, and removes mail addresses, which the caller may not
// be allowed to read.
func (c *change) named(sentence string) string {
	sentence = addresses.ReplaceAllString(sentence, "…")
	return guids.ReplaceAllStringFunc(sentence, func(text string) string {
		id, _ := licensing.ParseGUID(text)
		if plan, ok := licensing.WellKnownServicePlan(id); ok {
			return deref(plan.DisplayName()) + " (" + deref(plan.ServicePlanName) + ")"
		}
		if _, ok := licensing.WellKnownSku(id); ok {
			return product{id: &id}.name()
		}
		for _, p := range c.products {
			if is(p.id, id) {
				return p.name()
			}
		}
		for _, plan := range c.plans {
			if is(plan.ServicePlanID, id) && plan.ServicePlanName != nil {
				return *plan.ServicePlanName
			}
		}
		return text
	})
}
