package msgraph

import (
	"maps"

	"licensegraph/internal/decode"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

const (
	allotmentsEndpoint = "GET /admin/cloudLicensing/allotments"
	allotmentEndpoint  = "GET /admin/cloudLicensing/allotments/{id}"

	allotmentsPath = "/admin/cloudLicensing/allotments"
)

func init() {
	maps.Copy(permissions, map[string]string{
		allotmentsEndpoint: "CloudLicensing.Read.All",
		allotmentEndpoint:  "CloudLicensing.Read.All",
	})
}

// AllAllotments reads the allotments of the tenant. Permission: CloudLicensing.Read.All.
var AllAllotments = sole("allotments", "Allotment", (*Batch).allAllotments)

func (b *Batch) allAllotments(selection upstream.Selection, found func(allotments []*licensing.Allotment, err error)) {
	url := at(allotmentsPath, "$select", propertiesOfAllotment(selection.Properties))
	cachedList(b, allotmentsEndpoint, url, allotmentType.Read, func(allotments []*licensing.Allotment, err error) {
		found(allotments, listFailure(upstream.Query{}, err))
	})
}

// AllotmentsByID reads allotments. Permission: CloudLicensing.Read.All.
var AllotmentsByID = keyed("allotments by ID", "Allotment", nil, apiece, (*Batch).allotmentsByID)

func (b *Batch) allotmentsByID(ids []string, selection upstream.Selection, found func(id string, allotment *licensing.Allotment, err error)) {
	for _, id := range ids {
		r := get(allotmentEndpoint, at(below(allotmentsPath, id), "$select", propertiesOfAllotment(selection.Properties)))
		b.add(entity(r, allotmentType.Read, func(allotment *licensing.Allotment, err error) { found(id, allotment, err) }))
	}
}

// propertiesOfAllotment returns the value of $select, without relations. A list without $select can omit subscriptions.
func propertiesOfAllotment(properties []string) string {
	return selected(without(properties, "assignments", "waitingMembers"))
}

// allotmentOf returns a partial allotment with only the ID.
func allotmentOf(id string) *upstream.Partial[*licensing.Allotment] {
	return &upstream.Partial[*licensing.Allotment]{
		Object:     &licensing.Allotment{ID: id},
		Properties: map[string]bool{"id": true},
		IDOnly:     true,
	}
}

// allotmentType reads allotments.
var allotmentType = decode.TypeOf[licensing.Allotment]()
