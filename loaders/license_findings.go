package loaders

import (
	"licensegraph/internal/licensing"
	"licensegraph/internal/msgraph"
	"licensegraph/internal/upstream"
)

const (
	// maxWalkPages limits the pages of a walk over users, and maxActivityPages those of a walk over inactive users, of
	// which Microsoft Graph permits ten a minute.
	maxWalkPages, maxActivityPages = 600, 200
)

// addLicenseFindings adds the loader of counts. It keeps no page: a walk takes the memory of one page, and that of the
// counts.
func (l *Loaders) addLicenseFindings() {
	l.FindingCountsByWalk = newLoaderOf(l, func(b upstream.Batch, walks []licensing.FindingWalk, found func(licensing.FindingWalk, *licensing.FindingCounts, error)) {
		skus, _ := l.SubscribedSkus.ifLoaded(Tenant)
		for _, walk := range walks {
			w := &findingWalk{all: l, walk: walk, counts: licensing.NewFindingCounts(walk, skus), most: maxWalkPages}
			if !walk.Filter.InactiveSince.IsZero() {
				w.most = maxActivityPages
			}
			w.read(b, "", func(err error) { found(walk, w.counts, err) })
		}
	})
}

// findingWalk counts the findings about all users of a list.
type findingWalk struct {
	all    *Loaders
	walk   licensing.FindingWalk
	counts *licensing.FindingCounts
	pages  int
	most   int
}

// read adds the read of the page at a next link, or of the first page, and then of the others. It calls done once, at the
// end.
func (w *findingWalk) read(b upstream.Batch, link string, done func(error)) {
	q := upstream.Query{Filter: w.walk.Filter, Link: link, Top: w.walk.PageSize(), Count: !w.walk.Filter.ReconciliationNeeded} // which Microsoft Graph does not count
	addRead(w.all, msgraph.ListUsers, b, []upstream.Query{q}, upstream.Selection{Properties: w.walk.Properties()}, func(_ upstream.Query, page upstream.Page[*licensing.User], err error) {
		w.pages++
		tooLong := page.Count != nil && *page.Count > w.most*w.walk.PageSize() || w.pages == w.most
		if err == nil && page.Next != "" && tooLong {
			err = &upstream.Error{Kind: upstream.ErrTooLong, Operation: msgraph.ListUsers.Name}
		}
		if err != nil {
			done(err)
			return
		}
		for _, user := range page.Items {
			w.counts.Add(user)
		}
		if page.Next == "" {
			done(nil)
			return
		}
		w.read(b, page.Next, done)
	})
}
