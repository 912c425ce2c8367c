package licensing

import "licensegraph/internal/upstream"

// ReportKey is the key of a user's row in a usage report.
type ReportKey struct {
	Period string // D7, D30, D90 or D180
	Name   string // user principal name in lower case
}

// ReportRow is the account of a row in a usage report.
type ReportRow struct {
	Name    string // user principal name in lower case, or a pseudonym
	Deleted bool
}

// Account returns the account of the row.
func (r *ReportRow) Account() *ReportRow { return r }

// UserActivity is a user's last activity in services: a row of office365ActiveUserDetail.
type UserActivity struct {
	upstream.Unread                   `json:"-"`
	ReportRow                         `json:"-"`
	ReportRefreshDate                 *Date    `json:"reportRefreshDate"`
	HasExchangeLicense                *bool    `json:"hasExchangeLicense"`
	ExchangeLastActivityDate          *Date    `json:"exchangeLastActivityDate"`
	ExchangeLicenseAssignDate         *Date    `json:"exchangeLicenseAssignDate"`
	HasOneDriveLicense                *bool    `json:"hasOneDriveLicense"`
	OneDriveLastActivityDate          *Date    `json:"oneDriveLastActivityDate"`
	OneDriveLicenseAssignDate         *Date    `json:"oneDriveLicenseAssignDate"`
	HasSharePointLicense              *bool    `json:"hasSharePointLicense"`
	SharePointLastActivityDate        *Date    `json:"sharePointLastActivityDate"`
	SharePointLicenseAssignDate       *Date    `json:"sharePointLicenseAssignDate"`
	HasSkypeForBusinessLicense        *bool    `json:"hasSkypeForBusinessLicense"`
	SkypeForBusinessLastActivityDate  *Date    `json:"skypeForBusinessLastActivityDate"`
	SkypeForBusinessLicenseAssignDate *Date    `json:"skypeForBusinessLicenseAssignDate"`
	HasYammerLicense                  *bool    `json:"hasYammerLicense"`
	YammerLastActivityDate            *Date    `json:"yammerLastActivityDate"`
	YammerLicenseAssignDate           *Date    `json:"yammerLicenseAssignDate"`
	HasTeamsLicense                   *bool    `json:"hasTeamsLicense"`
	TeamsLastActivityDate             *Date    `json:"teamsLastActivityDate"`
	TeamsLicenseAssignDate            *Date    `json:"teamsLicenseAssignDate"`
	AssignedProducts                  []string `json:"assignedProducts"`
}

// CopilotActivity is a user's last activity in Microsoft 365 Copilot: a row of its usage report.
type CopilotActivity struct {
	upstream.Unread                       `json:"-"`
	ReportRow                             `json:"-"`
	ReportRefreshDate                     *Date `json:"reportRefreshDate"`
	LastActivityDate                      *Date `json:"lastActivityDate"`
	CopilotChatLastActivityDate           *Date `json:"copilotChatLastActivityDate"`
	MicrosoftTeamsCopilotLastActivityDate *Date `json:"microsoftTeamsCopilotLastActivityDate"`
	WordCopilotLastActivityDate           *Date `json:"wordCopilotLastActivityDate"`
	ExcelCopilotLastActivityDate          *Date `json:"excelCopilotLastActivityDate"`
	PowerPointCopilotLastActivityDate     *Date `json:"powerPointCopilotLastActivityDate"`
	OutlookCopilotLastActivityDate        *Date `json:"outlookCopilotLastActivityDate"`
	OneNoteCopilotLastActivityDate        *Date `json:"oneNoteCopilotLastActivityDate"`
	LoopCopilotLastActivityDate           *Date `json:"loopCopilotLastActivityDate"`
}
