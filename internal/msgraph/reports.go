package msgraph

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"licensegraph/internal/decode"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

const (
	activityReportEndpoint = "GET /reports/getOffice365ActiveUserDetail(period='{id}')"
	copilotReportEndpoint  = "GET /copilot/reports/getMicrosoft365CopilotUsageUserDetail(period='{id}')"
)

func init() {
	permissions[activityReportEndpoint] = "Reports.Read.All"
	permissions[copilotReportEndpoint] = "Reports.Read.All"
}

// isReport reports whether an endpoint is a usage report, each of which has a throttling limit of its own (Microsoft
// Learn, "Microsoft Graph service-specific throttling limits").
func isReport(endpoint string) bool {
	return endpoint == activityReportEndpoint || endpoint == copilotReportEndpoint
}

var (
	// ListUserActivity reads a page of the report of active users; the query has the period in Of. Permission:
	// Reports.Read.All.
	ListUserActivity = reportPages("user activity", "UserActivity", activityReportEndpoint, activityType)
	// ListCopilotActivity reads a page of the report on Microsoft 365 Copilot; the query has the period in Of. Permission:
	// Reports.Read.All.
	ListCopilotActivity = reportPages("Copilot activity", "CopilotActivity", copilotReportEndpoint, copilotType)
)

// pseudonym matches a concealed name in a report (Microsoft 365, "Show user details in the reports").
var pseudonym = regexp.MustCompile(`^[0-9a-f]{32}$`)

// reportPages returns a read of a page of a usage report. Only /beta has JSON: otherwise, the response is a redirect to a
// CSV file on another host, which is not followed.
func reportPages[T any, P interface {
	*T
	Account() *licensing.ReportRow
}](name, typeName, endpoint string, t decode.Type[T],
) upstream.Read[upstream.Query, upstream.Page[P]] {
	path := strings.TrimPrefix(endpoint, http.MethodGet+" ")
	return paged(name, typeName, nil, upstream.Cost{Once: true}, func(b *Batch, q upstream.Query, _ upstream.Selection, found func(upstream.Page[P], error)) {
		address := strings.Replace(path, "{id}", q.Of, 1)
		format := "?" + query("$format", "application/json")
		r := get(endpoint, address+format)
		if endpoint == copilotReportEndpoint { // the default version may be another one, with other periods
			r.fallbacks = []fallback{{url: strings.TrimSuffix(address, ")") + ",version='v1')" + format}}
		}
		page(b, q, r, func(d *decode.Decoder) (P, error) { return t.Read(d) }, func(p upstream.Page[P], err error) {
			failure, ok := errors.AsType[*upstream.Error](err)
			switch {
			case ok && (errors.Is(err, upstream.ErrNotFound) || failure.Status == http.StatusFound):
				failure.Kind = upstream.ErrNotOffered
			case slices.ContainsFunc(p.Items, func(row P) bool { return pseudonym.MatchString(row.Account().Name) }):
				p, err = upstream.Page[P]{}, &upstream.Error{Kind: upstream.ErrConcealed, Operation: endpoint}
			}
			found(p, err)
		})
	})
}

// rowProperties returns the properties of the account of a row.
func rowProperties[T any](of func(*T) *licensing.ReportRow) []decode.Relation[T] {
	drop := func(*T) {}
	return []decode.Relation[T]{
		{Name: "userPrincipalName", Drop: drop, Read: func(d *decode.Decoder, row *T) bool {
			if d.Peek() != '"' {
				d.Skip()
				return false
			}
			name, ok := d.Text()
			of(row).Name = strings.ToLower(name)
			return ok
		}},
		{Name: "isDeleted", Drop: drop, Read: func(d *decode.Decoder, row *T) bool {
			of(row).Deleted = d.Raw() == "true"
			return true
		}},
	}
}

// Types of the reports' rows.
var (
	activityType = decode.TypeOf(rowProperties((*licensing.UserActivity).Account)...)
	copilotType  = decode.TypeOf(rowProperties((*licensing.CopilotActivity).Account)...)
)
