package loaders

import (
	"errors"
	"slices"

	"licensegraph/internal/licensing"
	"licensegraph/internal/msgraph"
	"licensegraph/internal/upstream"
)

func (l *Loaders) addAllotments() {
	l.Allotments = newLoaderOf(l, func(b upstream.Batch, _ []upstream.Tenant, found func(upstream.Tenant, []*licensing.Allotment, error)) {
		l.allotments.read(l, b, func(allotments []*licensing.Allotment, err error) {
			for _, allotment := range allotments {
				l.AllotmentByID.Prime(allotment.ID, allotment)
			}
			found(Tenant, allotments, err)
		})
	})
	l.AllotmentByID = newLoaderOf(l, func(b upstream.Batch, ids []string, found func(string, *licensing.Allotment, error)) {
		all, loaded := l.Allotments.ifLoaded(Tenant)
		switch {
		case loaded:
			handOver(all, found)
		case len(ids) == 1:
			add(l, msgraph.AllotmentsByID, b, ids, found)
		default: // a tenant has few: the list of all is one read
			l.allotments.read(l, b, func(allotments []*licensing.Allotment, err error) {
				for _, id := range ids {
					if err != nil {
						found(id, nil, err)
					}
				}
				if err == nil {
					l.Allotments.Prime(Tenant, allotments)
					handOver(allotments, found)
				}
			})
		}
	})
}

// allotmentsRead reads the list of allotments once for all in a batch who want it. A round fills and reads one batch at a
// time.
type allotmentsRead struct {
	batch  upstream.Batch // the last one
	wanted *[]func([]*licensing.Allotment, error)
}

func (r *allotmentsRead) read(all *Loaders, b upstream.Batch, found func([]*licensing.Allotment, error)) {
	if r.batch == b {
		*r.wanted = append(*r.wanted, found)
		return
	}
	wanted := &[]func([]*licensing.Allotment, error){found}
	r.batch, r.wanted = b, wanted
	add(all, msgraph.AllAllotments, b, []upstream.Tenant{Tenant}, func(_ upstream.Tenant, allotments []*licensing.Allotment, err error) {
		for _, found := range *wanted { // nobody adds to a batch that was sent
			found(allotments, err)
		}
	})
}

func handOver(allotments []*licensing.Allotment, found func(string, *licensing.Allotment, error)) {
	for _, allotment := range allotments {
		found(allotment.ID, allotment, nil)
	}
}

// AllAllotments returns the allotments of the tenant.
func (l *Loaders) AllAllotments() ([]*licensing.Allotment, error) { return l.Allotments.Get(Tenant) }

// AllotmentsOfSku returns the allotments of a product.
func (l *Loaders) AllotmentsOfSku(id licensing.GUID) ([]*licensing.Allotment, error) {
	allotments, err := l.AllAllotments()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(allotments), func(a *licensing.Allotment) bool { return a.SkuID == nil || *a.SkuID != id }), nil
}

// AllotmentDoubt returns why nobody can tell of which product an allotment of the list that was read is; nil when it can be
// told of all of them.
func (l *Loaders) AllotmentDoubt() error {
	allotments, _ := l.Allotments.ifLoaded(Tenant)
	for _, allotment := range allotments {
		if err := allotment.WhyUnread("skuId"); err != nil {
			return err
		}
	}
	return nil
}

// WholeAllotment returns an allotment that was expanded, with all properties that the operation requires; nil when nobody
// said which it is.
func (l *Loaders) WholeAllotment(sent *upstream.Partial[*licensing.Allotment]) (*licensing.Allotment, error) {
	switch {
	case sent == nil:
		return nil, nil
	case l.shows(sent.Properties, "Allotment"):
		return sent.Object, nil
	}
	allotment, err := l.AllotmentByID.Get(sent.Object.ID)
	if err != nil && !errors.Is(err, ErrBlocked) {
		if partial := l.partialAllotment(sent, err); partial != nil {
			return partial, nil
		}
	}
	return allotment, err
}
