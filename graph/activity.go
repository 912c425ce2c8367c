package graph

import (
	"strings"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// activityOf returns a user's row in a report; nil without a user principal name.
func activityOf[V any](f *field, user *licensing.User, reports *loaders.Loader[licensing.ReportKey, V]) (V, error) {
	var none V
	if user.UserPrincipalName == nil {
		return none, user.ReadError("userPrincipalName")
	}
	return reports.Get(licensing.ReportKey{Period: string(arg[model.ReportPeriod](f, "period")), Name: strings.ToLower(*user.UserPrincipalName)})
}
