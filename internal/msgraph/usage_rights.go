package msgraph

import (
	"cmp"
	"errors"
	"maps"
	"strings"

	"licensegraph/internal/decode"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

func init() {
	maps.Copy(permissions, map[string]string{
		"GET /users/{id}/cloudLicensing/usageRights":                   "User-UsageRight.Read.All",
		"GET /users/{id}/cloudLicensing/usageRights/{id}":              "User-UsageRight.Read.All",
		"GET /users/{id}/cloudLicensing/usageRights/{id}/assignments":  "User-CloudLicensing.Read.All",
		"GET /groups/{id}/cloudLicensing/usageRights":                  "Group-UsageRight.Read.All",
		"GET /groups/{id}/cloudLicensing/usageRights/{id}":             "Group-UsageRight.Read.All",
		"GET /groups/{id}/cloudLicensing/usageRights/{id}/assignments": "Group-UsageRight.Read.All",
		"GET /devices/{id}/cloudLicensing/usageRights":                 "CloudLicensing-UsageRights.Read.All",
	})
}

// UsageRightsOfUsers reads the usage rights of users. Permission: User-UsageRight.Read.All.
var UsageRightsOfUsers = keyed("usage rights of users", "UsageRight", ofRight, apiece, (*Batch).usageRightsOfUsers)

func (b *Batch) usageRightsOfUsers(keys []licensing.UsageRightsKey, selection upstream.Selection, found func(key licensing.UsageRightsKey, rights []*licensing.UsageRight, err error)) {
	b.usageRights(ofUsers, keys, selection.Properties, selection.Relations, found)
}

// UsageRightsOfGroups reads the usage rights that all direct members of groups have. Permission:
// Group-UsageRight.Read.All.
var UsageRightsOfGroups = keyed("usage rights of groups", "UsageRight", ofRight, apiece, (*Batch).usageRightsOfGroups)

func (b *Batch) usageRightsOfGroups(keys []licensing.UsageRightsKey, selection upstream.Selection, found func(key licensing.UsageRightsKey, rights []*licensing.UsageRight, err error)) {
	b.usageRights(ofGroups, keys, selection.Properties, selection.Relations, found)
}

func (b *Batch) usageRights(h holders, keys []licensing.UsageRightsKey, properties, expand []string, found func(licensing.UsageRightsKey, []*licensing.UsageRight, error)) {
	for _, key := range keys {
		r := b.operation.expanding(h.endpoint("usageRights"), expand, func(expand string) string {
			return at(h.below(key.HolderID, "usageRights"), "$filter", filterOf(key), "$select", propertiesOfRight(properties), "$expand", expand)
		})
		b.operation.optional(h, r)
		b.add(all(r, usageRightType.Read, func(rights []*licensing.UsageRight, err error) {
			b.completeRights(h, key.HolderID, rights, err, expand, func(rights []*licensing.UsageRight, err error) { found(key, rights, err) })
		}))
	}
}

// filterOf returns the value of $filter for the rights with one of the products and one of the service plans.
func filterOf(key licensing.UsageRightsKey) string {
	var sku, plan string
	if key.SkuIDs != "" {
		sku = guidIs("skuId", strings.Split(key.SkuIDs, ","))
	}
	if key.PlanIDs != "" {
		plan = "services/any(c:c/" + guidIs("planId", strings.Split(key.PlanIDs, ",")) + ")"
	}
	return allOf(sku, plan)
}

// UsageRightsByID reads usage rights by holder and ID. If the type of the holder is unknown, it tries users and
// groups concurrently. Permissions: User-UsageRight.Read.All and Group-UsageRight.Read.All.
var UsageRightsByID = keyed("usage rights by ID", "UsageRight", ofRight, apiece, (*Batch).usageRightsByID)

func (b *Batch) usageRightsByID(keys []licensing.UsageRightKey, selection upstream.Selection, found func(key licensing.UsageRightKey, right *licensing.UsageRight, err error)) {
	for _, key := range keys {
		var rights []*licensing.UsageRight
		var holder holders
		var failure error
		kinds := holdersOf(key.HolderType)
		left := len(kinds)
		for _, h := range kinds {
			r := b.operation.expanding(h.endpoint("usageRights/{id}"), selection.Relations, func(expand string) string {
				return at(below(h.below(key.HolderID, "usageRights"), key.ID), "$select", propertiesOfRight(selection.Properties), "$expand", expand)
			})
			b.add(entity(r, usageRightType.Read, func(right *licensing.UsageRight, err error) {
				switch {
				case err == nil:
					rights, holder = []*licensing.UsageRight{right}, h
				case failure == nil || errors.Is(failure, upstream.ErrNotFound):
					failure = err
				}
				if left--; left > 0 {
					return
				}
				if len(rights) == 0 {
					found(key, nil, failure)
					return
				}
				b.completeRights(holder, key.HolderID, rights, nil, selection.Relations, func(rights []*licensing.UsageRight, err error) {
					if err != nil {
						found(key, nil, err)
						return
					}
					found(key, rights[0], nil)
				})
			}))
		}
	}
}

// holdersOf returns the collections that can contain the holder.
func holdersOf(kind licensing.AssigneeType) []holders {
	switch kind {
	case licensing.AssigneeUser:
		return []holders{ofUsers}
	case licensing.AssigneeGroup:
		return []holders{ofGroups}
	case licensing.AssigneeDevice:
		return []holders{ofDevices}
	default:
		return []holders{ofUsers, ofGroups}
	}
}

// completeRights calls found with the rights and their relations, or with the failure.
func (b *Batch) completeRights(h holders, id string, rights []*licensing.UsageRight, failure error, expand []string, found func([]*licensing.UsageRight, error)) {
	for _, right := range rights {
		right.HolderID, right.HolderType = &id, h.assignee()
	}
	complete(b, rights, failure, expand, func(right *licensing.UsageRight, relation string, filled func()) *read {
		path := below(h.below(id, "usageRights"), right.ID)
		switch {
		case h == ofDevices: // paths below a device's usage right are undocumented
			if relation == "assignments" && !right.Related.HasAssignments {
				right.Related.AssignmentsErr = notOffered(h.endpoint("usageRights"))
			}
			if relation == "allotments" && !right.Related.HasAllotments {
				right.Related.AllotmentsErr = notOffered(h.endpoint("usageRights"))
			}
		case relation == "assignments" && !right.Related.HasAssignments:
			return assignmentsOfRight(h, path, right, filled)
		case relation == "allotments" && !right.Related.HasAllotments:
			return b.allotmentsOfRight(h, path, right, filled)
		}
		return nil
	}, found)
}

// assignmentsOfRight returns a read of the assignments that contribute to a right.
func assignmentsOfRight(h holders, path string, right *licensing.UsageRight, filled func()) *read {
	r := get(h.endpoint("usageRights/{id}/assignments"), path+"/assignments")
	return all(r, assignmentType.Read, func(assignments []*licensing.Assignment, err error) {
		defer filled()
		right.Related.Assignments, right.Related.HasAssignments, right.Related.AssignmentsErr = assignments, err == nil, err
	})
}

// allotmentsOfRight returns a read of a right with $expand=allotments: the allotments have no path of their own. If the
// endpoint is known to reject the expansion, no request is sent.
func (b *Batch) allotmentsOfRight(h holders, path string, right *licensing.UsageRight, filled func()) *read {
	endpoint := h.endpoint("usageRights/{id}")
	r := b.operation.expanding(endpoint, []string{"allotments"}, func(expand string) string {
		return at(path, "$select", "id", "$expand", expand)
	})
	if b.operation.capabilities.has(rejects(endpoint, "allotments")) {
		r.known = notOffered(endpoint)
	}
	return entity(r, usageRightType.Read, func(again *licensing.UsageRight, err error) {
		defer filled()
		switch related := &right.Related; {
		case err != nil:
			related.AllotmentsErr = err
		case !again.Related.HasAllotments:
			related.AllotmentsErr = cmp.Or(again.Related.AllotmentsErr, error(notOffered(endpoint)))
		default:
			related.Allotments, related.HasAllotments, related.AllotmentsErr = again.Related.Allotments, true, nil
		}
	})
}

// usageRightType reads usage rights and their expanded relations. A relation that cannot be read is read separately.
var usageRightType = decode.TypeOf(
	decode.Relation[licensing.UsageRight]{Name: "assignments", Read: func(d *decode.Decoder, right *licensing.UsageRight) bool {
		related := &right.Related
		related.Assignments, related.AssignmentsErr = expandedList(d, assignmentType.Read)
		related.HasAssignments = related.AssignmentsErr == nil
		return related.HasAssignments
	}, Drop: func(right *licensing.UsageRight) {
		right.Related.Assignments, right.Related.HasAssignments = nil, false
	}},
	decode.Relation[licensing.UsageRight]{Name: "allotments", Read: func(d *decode.Decoder, right *licensing.UsageRight) bool {
		related := &right.Related
		related.Allotments, related.AllotmentsErr = expandedList(d, allotmentType.ReadPartial)
		related.HasAllotments = related.AllotmentsErr == nil
		return related.HasAllotments
	}, Drop: func(right *licensing.UsageRight) { right.Related.Allotments, right.Related.HasAllotments = nil, false }},
)

// propertiesOfRight returns the value of $select, without relations.
func propertiesOfRight(properties []string) string {
	return selected(without(properties, "assignments", "allotments"))
}
