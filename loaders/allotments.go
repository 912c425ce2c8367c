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
			foundAll(all, found)
		case len(ids) == 1:
			add(l, msgraph.AllotmentsByID, b, ids, func(id string, allotment *licensing.Allotment, err error) {
				if errors.Is(err, upstream.ErrNotFound) {
					err = upstream.ErrNotFound // as from the list
				}
				found(id, allotment, err)
			})
		default: // tenants have few allotments: one list request reads all
			l.allotments.read(l, b, func(allotments []*licensing.Allotment, err error) {
				for _, id := range ids {
					if err != nil {
						found(id, nil, err)
					}
				}
				if err == nil {
					l.Allotments.Prime(Tenant, allotments)
					foundAll(allotments, found)
				}
			})
		}
	})
}

// allotmentsRead deduplicates the list request within a batch. Rounds are sequential, so it keeps one batch.
type allotmentsRead struct {
	batch  upstream.Batch // the current one
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
		for _, found := range *wanted { // complete: the batch has been sent
			found(allotments, err)
		}
	})
}

func foundAll(allotments []*licensing.Allotment, found func(string, *licensing.Allotment, error)) {
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

// AllotmentReadError returns the error of an unreadable skuId in the loaded list; nil if there is none.
func (l *Loaders) AllotmentReadError() error {
	allotments, _ := l.Allotments.ifLoaded(Tenant)
	for _, allotment := range allotments {
		if err := allotment.ReadError("skuId"); err != nil {
			return err
		}
	}
	return nil
}

// CompleteAllotment returns an expanded allotment with all required properties; nil for nil.
func (l *Loaders) CompleteAllotment(sent *upstream.Partial[*licensing.Allotment]) (*licensing.Allotment, error) {
	switch {
	case sent == nil:
		return nil, nil
	case l.suffices(sent.Properties, "Allotment"):
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
