package loaders

import (
	"licensegraph/internal/licensing"
	"licensegraph/internal/msgraph"
	"licensegraph/internal/upstream"
)

func (l *Loaders) addReports() {
	l.ActivityByKey = reportLoader(l, msgraph.ListUserActivity)
	l.CopilotActivityByKey = reportLoader(l, msgraph.ListCopilotActivity)
}

// maxReportPages is the maximum number of pages of a report that an operation reads, of 200 accounts each. Microsoft Graph
// permits 100 requests in ten minutes.
const maxReportPages = 100

// account is a row of a report.
type account interface {
	comparable
	Account() *licensing.ReportRow
}

// report is what the operation has read of a report for one period.
type report[V account] struct {
	rows  map[string]V // by name; nil if several accounts have the name
	pages int
	next  string // link of the next page
	err   error  // of the last page
}

// reportLoader returns a loader of users' rows in a report; nil for users without a row. Each page is read once, until all
// requested users are found.
func reportLoader[V account](l *Loaders, read upstream.Read[upstream.Query, upstream.Page[V]]) *Loader[licensing.ReportKey, V] {
	reports := map[string]*report[V]{} // by period
	return newLoaderOf(l, func(b upstream.Batch, keys []licensing.ReportKey, found func(licensing.ReportKey, V, error)) {
		wanted := map[string][]licensing.ReportKey{}
		for _, key := range keys {
			wanted[key.Period] = append(wanted[key.Period], key)
		}
		for period, keys := range wanted {
			if reports[period] == nil {
				reports[period] = &report[V]{rows: map[string]V{}}
			}
			reports[period].find(l, read, b, period, keys, found)
		}
	})
}

// find passes the rows of users of one period to found. It reads pages as long as rows are missing.
func (r *report[V]) find(l *Loaders, read upstream.Read[upstream.Query, upstream.Page[V]], b upstream.Batch, period string, keys []licensing.ReportKey, found func(licensing.ReportKey, V, error)) {
	var none V
	var missing []licensing.ReportKey
	complete := r.pages > 0 && r.next == "" && r.err == nil
	for _, key := range keys {
		row, ok := r.rows[key.Name]
		switch {
		case ok && row == none:
			found(key, none, upstream.OddValue(read.Type+".userPrincipalName"))
		case ok, complete:
			found(key, row, nil)
		case r.err != nil:
			found(key, none, r.err)
		default:
			missing = append(missing, key)
		}
	}
	if len(missing) == 0 {
		return
	}
	addRead(l, read, b, []upstream.Query{{Of: period, Link: r.next}}, upstream.Selection{}, func(_ upstream.Query, page upstream.Page[V], err error) {
		r.pages++
		if r.next, r.err = page.Next, err; err == nil && r.next != "" && r.pages == maxReportPages {
			r.err = &upstream.Error{Kind: upstream.ErrTooLong, Operation: read.Name}
		}
		for _, row := range page.Items {
			account := row.Account()
			if account.Deleted || account.Name == "" {
				continue
			}
			if _, twice := r.rows[account.Name]; twice {
				row = none
			}
			r.rows[account.Name] = row
		}
		r.find(l, read, b, period, missing, found)
	})
}
