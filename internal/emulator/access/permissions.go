// Package access contains the claims of a token and the permissions that they
// grant: consented permissions, and the directory roles of users.
package access

var (
	// DefaultRoles are the application roles without Variants.Roles.
	DefaultRoles = []string{
		"CloudLicensing.Read.All", "Directory.Read.All", "GroupMember.Read.All", "LicenseAssignment.Read.All", "Organization.Read.All", "User.Read.All", "User-LifeCycleInfo.Read.All",
		"CloudLicensing.AssignLicenses.Organization", "User-CloudLicensing.AssignLicenses.Organization", "Group-CloudLicensing.AssignLicenses.Organization",
		"CloudLicensing-Assignment.ReadWrite.All", "LicenseAssignment.ReadWrite.All", "User.ReadWrite.All", "Group.ReadWrite.All", "Device.ReadWrite.All",
		"AuditLog.Read.All", "Reports.Read.All", "ReportSettings.ReadWrite.All",
	}
	// DefaultScopes are the scopes with consent for all users.
	DefaultScopes = []string{
		"User.Read", "User.ReadWrite", "User.Read.All", "GroupMember.Read.All", "Directory.Read.All", "LicenseAssignment.Read.All", "LicenseAssignment.ReadWrite.All",
		"CloudLicensing.Read", "User-CloudLicensing.Read", "Group-CloudLicensing.Read", "Device-CloudLicensing.Read",
		"User-UsageRight.Read", "Group-UsageRight.Read.All", "CloudLicensing-UsageRights.Read",
		"CloudLicensing.AssignLicenses", "User-CloudLicensing.AssignLicenses", "Group-CloudLicensing.AssignLicenses", "CloudLicensing-Assignment.ReadWrite",
		"CloudLicensing.AssignLicenses.Organization", "User-CloudLicensing.AssignLicenses.Organization", "User.ReadWrite.All", "Group.ReadWrite.All",
		"User-LifeCycleInfo.Read.All", "AuditLog.Read.All", "Reports.Read.All", "ReportSettings.ReadWrite.All",
	}
)

// AsUser allows an application everything that the signed-in user is allowed;
// passwords allows it to set passwords.
const (
	AsUser    = "Directory.AccessAsUser.All"
	passwords = "User-PasswordProfile.ReadWrite.All"
)

// Unconsented are the permissions without consent.
var Unconsented = []string{AsUser, passwords}
