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
	b.add(all(r, decode[licensing.Allotment], found))
}

// AllotmentsByID adds reads of allotments by id. A tenant has few of them: several are found in the list of all. Needs
// CloudLicensing.Read.All.
func (b *Batch) AllotmentsByID(ids, properties []string, found func(id string, allotment *licensing.Allotment, err error)) {
	switch len(ids) {
	case 0:
	case 1:
		r := get(allotmentEndpoint, at(below(allotmentsPath, ids[0]), "$select", propertiesOfAllotment(properties)))
		b.add(one(r, func(allotment *licensing.Allotment, err error) { found(ids[0], allotment, err) }))
	default:
		b.Allotments(properties, func(allotments []*licensing.Allotment, err error) {
			byID := map[string]*licensing.Allotment{}
			for _, allotment := range allotments {
				byID[allotment.ID] = allotment
			}
			for _, id := range ids {
				if allotment, ok := byID[id]; ok || err != nil {
					found(id, allotment, err)
				}
			}
		})
	}
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
	}
}
