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

// subject is who a refused change concerns, as far as that was read before.
type subject struct {
	assignee licensing.AssigneeType // empty when it is not known
	located  bool                   // it is a person with a usage location
	creates  bool                   // an assignment
}

// product is one that a change concerns, as far as it was read.
type product struct {
	id         *licensing.GUID
	partNumber *string
}

// productOf is the product of an allotment; none when that is not known.
func productOf(a *licensing.Allotment) []product {
	if a == nil || a.SkuID == nil && a.SkuPartNumber == nil {
		return nil
	}
	return []product{{a.SkuID, a.SkuPartNumber}}
}

// name is what a message calls a product.
func (p product) name() string {
	if p.id == nil {
		return deref(p.partNumber)
	}
	if sku, ok := licensing.WellKnownSku(*p.id); ok {
		return deref(sku.ProductName()) + " (" + deref(sku.SkuPartNumber) + ")"
	}
	return cmp.Or(deref(p.partNumber), string(*p.id))
}

// refusals are what the service's codes mean for the caller, in lower case. Microsoft publishes none for these requests;
// they are those of the API's design.
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

// sentences are the beginnings and middles of the sentences by which the directory tells one reason from another, all
// under the same code, in lower case. The first that occurs counts.
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
}

// advice is what a code means when the service gives it, and what to do.
var advice = map[model.UserErrorCode]string{
	model.UserErrorNotFound:           "Microsoft Graph has no such object.",
	model.UserErrorUnknownProduct:     "The tenant is not subscribed to this product: `subscribedSkus` lists what it has.",
	model.UserErrorNoFreeUnit:         "No unit is free. Free or buy units.",
	model.UserErrorUsageLocation:      "The person has no usage location, or one where the product is not sold. Set it first.",
	model.UserErrorProhibited:         "The product, or one of its service plans, is not sold in the person's usage location. Correct the location, or switch the plan off.",
	model.UserErrorNotAssignable:      "The allotment has no units for this kind of assignee.",
	model.UserErrorGroupWithoutUnits:  "No unit of the product can be given to groups.",
	model.UserErrorNotSecurityEnabled: "Only a group that is security enabled can get licenses.",
	model.UserErrorAlreadyAssigned:    "It is assigned directly already: `updateAssignment` changes it.",
	model.UserErrorNotAssigned:        "The product is not assigned directly: it comes through a group, or not at all.",
	model.UserErrorPlanConflict:       "Service plans exclude each other. Switch one of them off, or remove its product.",
	model.UserErrorPlanDependency:     "A service plan needs another one. Assign that one, or switch off the plan that needs it.",
	model.UserErrorProxyAddress:       "A mail address that the product would add belongs to another object. Remove it there first.",
	model.UserErrorImmutable:          "The allotment and the assignee of an assignment cannot be changed: delete it, and create another one.",
	model.UserErrorRefused:            "Microsoft Graph refused it.",
}

// refusal returns what the service's refusal means: its code decides, and its sentence only between what it refuses
// under one code. What is not known is told in the service's own words, or by its code.
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
	case code == model.UserErrorAlreadyAssigned && !about.creates: // nothing else can be there already
		code = model.UserErrorRefused
	}
	message = advice[code]
	if code == model.UserErrorProhibited && len(c.products) > 0 && !c.namesPart(failure.Sentence) {
		message += " It concerns " + strings.Join(each(c.products, product.name), ", ") + "."
	}
	switch {
	case failure.Sentence != "":
		message += " Microsoft Graph says: " + c.named(failure.Sentence)
	case code == model.UserErrorRefused && failure.Code != "":
		message += " Its code is " + failure.Code + "."
	case code == model.UserErrorRefused:
		message += " It gave no code."
	}
	return code, message
}

// generic are the codes, in lower case, under which the directory refuses for many reasons.
var generic = map[string]bool{"": true, "badrequest": true, "request_badrequest": true}

var (
	guids     = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	addresses = regexp.MustCompile(`[^\s"'<>:;,]+@[^\s"'<>:;,]+`)
)

// namesPart tells whether a sentence names a product or a service plan of the change, or has an id at all.
func (c *change) namesPart(sentence string) bool {
	has := func(name string) bool {
		return name != "" && strings.Contains(strings.ToLower(sentence), strings.ToLower(name))
	}
	return guids.MatchString(sentence) ||
		slices.ContainsFunc(c.products, func(p product) bool { return has(deref(p.partNumber)) || has(p.name()) }) ||
		slices.ContainsFunc(c.plans, func(p *licensing.ServicePlan) bool { return has(deref(p.ServicePlanName)) })
}

// named writes the names of products and service plans in place of their ids. Mail addresses are left out: they are
// shown to whom has the right to read them of a user.
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
