package graph

import (
	"cmp"
	"errors"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// maxLicenses limits each list of products in one assignLicense.
const maxLicenses = 20

// assignLicenseProperties are the properties that assignLicense requires for its checks and for reading back.
var assignLicenseProperties = map[string][]string{
	"User":          {"id", "usageLocation", "assignedLicenses", "licenseAssignmentStates"},
	"Group":         {"id", "assignedLicenses", "securityEnabled"},
	"SubscribedSku": {"id", "skuId", "skuPartNumber", "consumedUnits", "prepaidUnits", "servicePlans"},
}

// holder is a user or a group with its licenses; one of the fields is set.
type holder struct {
	user  *licensing.User
	group *licensing.Group
}

// holderOf reads the user or group that an assignee refers to.
func holderOf(l *loaders.Loaders, a licensing.Assignee) (h holder, err error) {
	if a.Type == licensing.AssigneeGroup {
		h.group, err = l.GroupByID.Get(a.ID)
	} else {
		h.user, err = l.UserByID.Get(a.ID)
	}
	return h, err
}

// direct returns the disabled plans of a directly assigned product, and false if the product is not assigned
// directly.
func (h holder) direct(sku licensing.GUID) ([]licensing.GUID, bool) {
	if h.group != nil {
		for _, license := range h.group.AssignedLicenses {
			if is(license.SkuID, sku) {
				return license.DisabledPlans, true
			}
		}
		return nil, false
	}
	for _, state := range h.user.LicenseAssignmentStates {
		if state.AssignedByGroup == nil && state.ReadError("assignedByGroup") == nil && is(state.SkuID, sku) {
			return state.DisabledPlans, true
		}
	}
	return nil, false
}

// incomplete reports whether some direct licenses of the holder could not be read. Only Microsoft Graph can then
// check a change.
func (h holder) incomplete() bool {
	if h.group != nil {
		return h.group.ReadError("assignedLicenses") != nil ||
			slices.ContainsFunc(h.group.AssignedLicenses, func(l *licensing.AssignedLicense) bool { return l.ReadError("skuId") != nil })
	}
	return h.user.ReadError("licenseAssignmentStates") != nil ||
		slices.ContainsFunc(h.user.LicenseAssignmentStates, func(s *licensing.LicenseAssignmentState) bool {
			return s.ReadError("skuId") != nil || s.ReadError("assignedByGroup") != nil
		})
}

// lists reports whether Microsoft Graph returned the holder's list of direct licenses, empty or not.
func (h holder) lists() bool {
	if h.group != nil {
		return h.group.AssignedLicenses != nil
	}
	return h.user.LicenseAssignmentStates != nil
}

// has reports whether the holder has a product, direct or through a group. It is true if the licenses could not be
// read.
func (h holder) has(sku licensing.GUID) bool {
	_, direct := h.direct(sku)
	return direct || h.incomplete() || h.user != nil && h.user.ReadError("assignedLicenses") != nil || h.user != nil && slices.ContainsFunc(h.user.AssignedLicenses, func(l *licensing.AssignedLicense) bool { return is(l.SkuID, sku) })
}

// assignLicense adds licenses to a user or group and removes others.
func (c *change) assignLicense(input model.AssignLicenseInput) (*model.AssignLicensePayload, error) {
	payload := &model.AssignLicensePayload{}
	write, ok := c.licenses(input)
	if payload.UserErrors = c.errs; !ok {
		return payload, nil
	}
	h, skus, err := c.readHolder(write.AssignedTo, len(input.AddLicenses) > 0)
	switch {
	case errors.Is(err, upstream.ErrNotFound):
		c.userError(model.UserErrorNotFound, "No object of this type has this ID.", "assignedTo", "id")
	case err != nil:
		return nil, err
	default:
		if err := c.checkLicenses(input, &write, h, skus); err != nil {
			return nil, err
		}
	}
	if payload.UserErrors = c.errs; len(c.errs) > 0 {
		return payload, nil
	}
	c.predictLicenses(&payload.Prediction, write, h)
	shown := 0
	result := c.write([]licensing.Write{write}, func([]int) map[int]licensing.WriteResult {
		outcome := licensing.WriteUnknown
		if c.licensesVisible(write) {
			shown++
		}
		if shown > 1 || shown > 0 && len(write.Remove) == 0 { // one read without a removed license proves nothing
			outcome = licensing.WriteDone
		}
		return map[int]licensing.WriteResult{0: {Outcome: outcome}}
	})[0]
	payload.Outcome, payload.Sent = &result.Outcome, write
	payload.Assignee = licensing.DirectoryObject(&licensing.User{ID: write.AssignedTo.ID})
	if write.AssignedTo.Type == licensing.AssigneeGroup {
		payload.Assignee = &licensing.Group{ID: write.AssignedTo.ID}
	}
	about := subject{assignee: write.AssignedTo.Type, located: h.user != nil && deref(h.user.UsageLocation) != ""}
	c.rejected(result.Err, about, []any{"assignedTo"}, ast.PathName("outcome"))
	payload.UserErrors = c.errs
	return payload, nil
}

// predictLicenses sets the prediction of a change of licenses.
func (c *change) predictLicenses(p *model.Prediction, write licensing.AssignLicense, h holder) {
	c.predict(p, func(run *predictor) ([]alteration, error) {
		pool := func(sku licensing.GUID) string {
			if h.group == nil {
				return ""
			}
			return run.poolOfGroup(h.group.ID, sku)
		}
		var changes []alteration
		for _, sku := range write.Remove {
			changes = append(changes, alteration{assignee: write.AssignedTo, sku: sku, removes: true})
		}
		for _, add := range write.Add {
			changes = append(changes, alteration{assignee: write.AssignedTo, sku: *add.SkuID, pool: pool(*add.SkuID), disabled: add.DisabledPlans})
		}
		return changes, nil
	})
}

// licenses validates the input without reading from Microsoft Graph.
func (c *change) licenses(input model.AssignLicenseInput) (licensing.AssignLicense, bool) {
	id, ok := licensing.ParseGUID(input.AssignedTo.ID)
	if !ok {
		c.userError(model.UserErrorInvalid, "An object ID must be a GUID.", "assignedTo", "id")
	}
	if t := input.AssignedTo.Type; t != licensing.AssigneeUser && t != licensing.AssigneeGroup {
		c.userError(model.UserErrorInvalid, "The type must be USER or GROUP: the directory does not license other objects.", "assignedTo", "type")
	}
	if n := len(input.AddLicenses) + len(input.RemoveLicenses); n < 1 || len(input.AddLicenses) > maxLicenses || len(input.RemoveLicenses) > maxLicenses {
		c.userError(model.UserErrorInvalid, "Set 1 to 20 products in `addLicenses` or `removeLicenses`.", "addLicenses")
	}
	seen := map[licensing.GUID]bool{}
	once := func(sku licensing.GUID, field ...any) {
		if seen[sku] {
			c.userError(model.UserErrorInvalid, "Duplicate product.", field...)
		}
		seen[sku] = true
	}
	for i, add := range input.AddLicenses {
		once(add.SkuID, "addLicenses", i, "skuId")
	}
	for i, sku := range input.RemoveLicenses {
		once(sku, "removeLicenses", i)
	}
	return licensing.AssignLicense{
		AssignedTo: licensing.Assignee{Type: input.AssignedTo.Type, ID: string(id)}, Remove: input.RemoveLicenses,
	}, len(c.errs) == 0
}

// readHolder reads the holder and, if licenses are added, the tenant's products.
func (c *change) readHolder(a licensing.Assignee, withSkus bool) (h holder, skus []*licensing.SubscribedSku, err error) {
	err = c.read(assignLicenseProperties, func(l *loaders.Loaders) (err error) {
		var unread error
		if withSkus {
			skus, unread = l.AllSubscribedSkus()
		}
		if h, err = holderOf(l, a); errors.Is(unread, loaders.ErrBlocked) {
			return unread
		}
		return cmp.Or(err, unread)
	})
	return h, skus, err
}

// checkLicenses checks the products to add and to remove, and sets write.Add. It fails if a product to add may be one
// whose SKU ID could not be read.
func (c *change) checkLicenses(input model.AssignLicenseInput, write *licensing.AssignLicense, h holder, skus []*licensing.SubscribedSku) error {
	for i, add := range input.AddLicenses {
		at := slices.IndexFunc(skus, func(sku *licensing.SubscribedSku) bool { return is(sku.SkuID, add.SkuID) })
		if at < 0 {
			if err := firstReadError(skus, func(sku *licensing.SubscribedSku) error { return sku.ReadError("skuId") }); err != nil {
				return err
			}
			c.userError(model.UserErrorUnknownProduct, "The tenant is not subscribed to this product. See `subscribedSkus`.", "addLicenses", i, "skuId")
			continue
		}
		c.products = append(c.products, product{skus[at].SkuID, skus[at].SkuPartNumber})
		plans := skus[at].ServicePlans
		if skus[at].ReadError("servicePlans") != nil {
			plans = nil // the list is incomplete
		}
		disabled := c.plansIn(add.DisabledPlans, plans, "addLicenses", i, "disabledPlans")
		write.Add = append(write.Add, licensing.AssignedLicense{SkuID: &add.SkuID, DisabledPlans: disabled})
		if units := skus[at].Units(); h.user != nil && units != nil && units.Free != nil && *units.Free == 0 && !h.has(add.SkuID) {
			c.userError(model.UserErrorNoFreeUnit, "No unit of the product is available. Free or buy units.", "addLicenses", i, "skuId")
		}
	}
	if len(input.AddLicenses) > 0 && lacksLocation(h.user) {
		c.userError(model.UserErrorUsageLocation, "The user has no usage location. Set it first.", "assignedTo", "id")
	}
	if len(input.AddLicenses) > 0 && unlicensable(h.group) {
		c.userError(model.UserErrorNotSecurityEnabled, advice[model.UserErrorNotSecurityEnabled], "assignedTo", "id")
	}
	for i, sku := range input.RemoveLicenses {
		if _, direct := h.direct(sku); !direct && !h.incomplete() {
			c.userError(model.UserErrorNotAssigned, "The product is not assigned directly: it is assigned through a group, or not at all.", "removeLicenses", i)
		}
	}
	return nil
}

// licensesVisible reads the holder and reports whether Microsoft Graph returns the change.
func (c *change) licensesVisible(write licensing.AssignLicense) bool {
	now, _, err := c.readHolder(write.AssignedTo, false)
	return err == nil && now.shows(write)
}

// shows reports whether all added licenses are returned and all removed ones are not. Removals stay unconfirmed while
// the list is incomplete.
func (h holder) shows(write licensing.AssignLicense) bool {
	if len(write.Remove) > 0 && (h.incomplete() || !h.lists()) {
		return false
	}
	return !slices.ContainsFunc(write.Add, func(add licensing.AssignedLicense) bool { return !h.hasExactly(add) }) &&
		!slices.ContainsFunc(write.Remove, func(sku licensing.GUID) bool {
			_, has := h.direct(sku)
			return has
		})
}

// hasExactly reports whether the holder has a direct license with exactly these disabled plans.
func (h holder) hasExactly(license licensing.AssignedLicense) bool {
	disabled, ok := h.direct(*license.SkuID)
	return ok && sameIDs(disabled, license.DisabledPlans)
}
