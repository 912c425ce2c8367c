package graph

import (
	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

const (
	// defaultChanges applies if `first` is null.
	defaultChanges = 20
	// maxChanges limits the license changes of one object.
	maxChanges = 100
)

func (f *field) licenseChangesOfUser(u *licensing.User) ([]*licensing.LicenseChange, error) {
	return f.licenseChanges(licensing.ChangeUserLicense, u.ID)
}

func (f *field) licenseChangesOfGroup(g *licensing.Group) ([]*licensing.LicenseChange, error) {
	return f.licenseChanges(licensing.SetGroupLicense, g.ID)
}

// licenseChanges returns the newest changes of an object's licenses.
func (f *field) licenseChanges(activity, id string) ([]*licensing.LicenseChange, error) {
	first := int32(defaultChanges)
	if wanted := arg[*int32](f, "first"); wanted != nil {
		first = *wanted
	}
	size, err := sizeOf("first", &first, maxChanges)
	if err != nil {
		return nil, err
	}
	return f.LicenseChangesByKey.Get(licensing.LicenseChangesKey{Activity: activity, ID: id, First: size})
}

// skusOf returns referenced products in the order of their IDs; nil in place of one that the tenant is not subscribed
// to.
func (f *field) skusOf(ids []licensing.GUID) ([]*licensing.SubscribedSku, error) {
	if ids == nil {
		return nil, nil
	}
	skus, errs, blocked := loaders.Collect(ids, func(id licensing.GUID) (*licensing.SubscribedSku, error) { return f.sku(&id) })
	if blocked != nil {
		return nil, blocked
	}
	return skus, firstReadError(errs, func(err error) error { return err })
}
