package msgraph

import (
	"strconv"

	"licensegraph/internal/decode"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

const directoryAuditsEndpoint = "GET /auditLogs/directoryAudits"

func init() {
	permissions[directoryAuditsEndpoint] = "AuditLog.Read.All"
}

// recordsPerChange is the number of audit records to read for each requested change: large changes come in pieces.
const recordsPerChange = 4

// LicenseChangesOf reads the newest changes of the licenses of users and groups from the audit log. Permission:
// AuditLog.Read.All.
var LicenseChangesOf = keyed("license changes", "LicenseChange", nil, apiece, (*Batch).licenseChangesOf)

func (b *Batch) licenseChangesOf(keys []licensing.LicenseChangesKey, _ upstream.Selection, found func(licensing.LicenseChangesKey, []*licensing.LicenseChange, error)) {
	for _, key := range keys {
		r := get(directoryAuditsEndpoint, at("/auditLogs/directoryAudits",
			"$filter", allOf(equal("activityDisplayName", key.Activity), "targetResources/any(t:"+equal("t/id", key.ID)+")"),
			"$orderby", "activityDateTime desc", "$top", strconv.Itoa(key.First*recordsPerChange)))
		page(b, upstream.Query{}, r, directoryAuditType.Read, func(p upstream.Page[*licensing.DirectoryAudit], err error) {
			changes := licensing.LicenseChangesIn(p.Items, key.ID)
			found(key, changes[:min(key.First, len(changes))], err)
		})
	}
}

// directoryAuditType reads records of the audit log.
var directoryAuditType = decode.TypeOf[licensing.DirectoryAudit]()
