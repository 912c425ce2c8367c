package msgraph

import "licensegraph/internal/licensing"

const (
	allotmentsEndpoint = "GET /admin/cloudLicensing/allotments"
	allotmentEndpoint  = "GET /admin/cloudLicensing/allotments/{id}"

	allotmentsPath = "/admin/cloudLicensing/allotments"
)

// Allotments adds a read of all allotments of the tenant. Needs CloudLicensing.Read.All.
func (b *Batch) Allotments(properties []string, found func(allotments []*licensing.Allotment, err error)) {
	r := get(allotmentsEndpoint, at(allotmentsPath, "$select", propertiesOfAllotment(properties)))
	b.add(all(r, decode[licensing.Allotment], func(allotments []*licensing.Allotment, err error) {
		found(allotments, listFailure(licensing.ListQuery{}, err))
	}))
}

// Allotment adds a read of one allotment. Needs CloudLicensing.Read.All.
func (b *Batch) Allotment(id string, properties []string, found func(allotment *licensing.Allotment, err error)) {
	b.add(one(get(allotmentEndpoint, at(below(allotmentsPath, id), "$select", propertiesOfAllotment(properties))), found))
}

// propertiesOfAllotment returns the value of $select without the relations. What is wanted has to be named: a list
// can leave out subscriptions otherwise.
func propertiesOfAllotment(properties []string) string {
	return selected(without(properties, "assignments", "waitingMembers"))
}

// allotmentOf returns an allotment of which no more is known than the id.
func allotmentOf(id string) *licensing.Sent[*licensing.Allotment] {
	return &licensing.Sent[*licensing.Allotment]{
		Object:     &licensing.Allotment{ID: id},
		Properties: map[string]bool{"id": true},
		Bare:       true,
	}
}
