package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"licensegraph/internal/emulator/wire"
)

// A feature of Microsoft Graph that the emulator does not implement gets an
// error that is not one of Graph's, because those mean that the feature does
// not exist. The names are from the reference pages of user, group,
// directoryObject and the roots of version 1.0 and beta.

// notImplemented answers 501 for a feature that the emulator does not
// implement.
func notImplemented(what string) *wire.Problem {
	return &wire.Problem{Status: http.StatusNotImplemented, Code: "notImplemented",
		Message: fmt.Sprintf("'%s' is of Microsoft Graph, and not implemented by the embedded tenant.", what)}
}

// unwritable rejects a property in a body: one that only Microsoft Graph
// accepts, a computed one, or an unknown one.
func unwritable(name, of string, taken, other, relations []string, known bool) *wire.Problem {
	relation, bound := strings.CutSuffix(name, "@odata.bind")
	switch {
	case slices.Contains(taken, name), slices.Contains(other, name), bound && slices.Contains(relations, relation):
		return notImplemented(name)
	case known:
		return badRequest("Property '%s' is read-only and cannot be set.", name)
	}
	return badRequest("The property '%.80s' does not exist on type '%s'.", name, of)
}

// Properties that are only readable here, but also writable in Microsoft
// Graph.
var (
	takenOfUsers = []string{"businessPhones", "employeeHireDate", "employeeId", "employeeLeaveDateTime", "employeeOrgData", "employeeType",
		"onPremisesExtensionAttributes", "serviceProvisioningErrors", "state"}
	takenOfGroups = []string{"classification", "isAssignableToRole", "membershipRule", "membershipRuleProcessingState", "visibility"}
)

// notHere is the error for a filter by a property that the emulator does not
// implement.
type notHere string

func (n notHere) Error() string { return notImplemented(string(n)).Message }

// otherUserProperties, otherGroupProperties and otherDeviceProperties are not
// implemented.
var (
	otherUserProperties = strings.Fields(`
		aboutMe ageGroup authorizationInfo birthday cloudRealtimeCommunicationInfo consentProvidedForMinor customSecurityAttributes
		deviceEnrollmentLimit externalUserStateChangeDateTime faxNumber hireDate identities imAddresses infoCatalogs interests
		isManagementRestricted isResourceAccount lastPasswordChangeDateTime legalAgeGroupClassification mailboxSettings mySite
		onPremisesDistinguishedName onPremisesDomainName onPremisesImmutableId onPremisesSecurityIdentifier onPremisesSipInfo
		onPremisesUserPrincipalName otherMails passwordPolicies passwordProfile pastProjects postalCode preferredDataLocation preferredName print
		refreshTokensValidFromDateTime responsibilities schools securityIdentifier showInAddressList signInSessionsValidFromDateTime
		skills streetAddress`)
	otherGroupProperties = strings.Fields(`
		accessType allowExternalSenders assignedLabels autoSubscribeNewMembers expirationDateTime hideFromAddressLists hideFromOutlookClients
		infoCatalogs isArchived isFavorite isManagementRestricted isSubscribedByMail onPremisesDomainName onPremisesNetBiosName
		onPremisesSamAccountName onPremisesSecurityIdentifier preferredDataLocation preferredLanguage proxyAddresses renewedDateTime
		resourceBehaviorOptions resourceProvisioningOptions securityIdentifier serviceProvisioningErrors theme uniqueName unseenConversationsCount
		unseenCount unseenMessagesCount writebackConfiguration`)
	otherDeviceProperties = strings.Fields(`
		alternativeSecurityIds approximateLastSignInDateTime complianceExpirationDateTime deviceCategory deviceMetadata deviceOwnership
		deviceVersion enrollmentProfileName enrollmentType extensionAttributes hostnames isCompliant isManaged isManagementRestricted isRooted
		managementType manufacturer mdmAppId model onPremisesLastSyncDateTime onPremisesSecurityIdentifier onPremisesSyncEnabled
		physicalIds profileType registrationDateTime systemLabels trustType`)
)

// Relations, actions and functions that are not implemented.
var (
	ofDirectoryObjects = strings.Fields(`
		appRoleAssignments checkMemberGroups checkMemberObjects extensions getMemberGroups getMemberObjects memberOf onPremisesSyncBehavior
		permissionGrants restore retryServiceProvisioning transitiveMemberOf`)
	ofUsers = slices.Concat(without(ofDirectoryObjects, []string{"memberOf"}), strings.Fields(`
		activities agreementAcceptances analytics approvals authentication calendar calendarGroups calendarView calendars changePassword chats
		cloudClipboard cloudPCs contactFolders contacts createdObjects dataSecurityAndGovernance deviceManagementTroubleshootingEvents
		devices directReports drive drives employeeExperience events exportPersonalData findMeetingTimes followedSites getMailTips
		inferenceClassification informationProtection insights invitedBy joinedGroups joinedTeams mailFolders managedAppRegistrations
		managedDevices messages notifications oauth2PermissionGrants onenote onlineMeetings outlook ownedDevices ownedObjects
		pendingAccessReviewInstances people photo photos planner presence profile registeredDevices revokeSignInSessions scopedRoleMemberOf
		security sendMail settings solutions sponsors teamwork todo transitiveReports translateExchangeIds usageRights virtualEvents`))
	ofGroups = slices.Concat(ofDirectoryObjects, strings.Fields(`
		acceptedSenders addFavorite calendar calendarView checkGrantedPermissionsForApp conversations createdOnBehalfOf drive
		drives endpoints events groupLifecyclePolicies onenote photo photos planner rejectedSenders removeFavorite renew
		resetUnseenCount settings sites subscribeByMail team threads transitiveMembers unsubscribeByMail validateProperties`))
)

// otherRoots are the first segments of paths of other resources.
var otherRoots = strings.Fields(`
	$metadata administrativeUnits agreements app appCatalogs applications auditLogs certificateBasedAuthConfiguration chats
	cloudPCs communications compliance connections contacts contracts copilot dataPolicyOperations deviceAppManagement deviceLocalCredentials
	deviceManagement devices directory directoryRoles directoryRoleTemplates directorySettingTemplates domains domainDnsRecords drive drives
	education employeeExperience external filterOperators financials functions governanceResources groupLifecyclePolicies groupSettings
	groupSettingTemplates identity identityGovernance identityProtection identityProviders informationProtection invitations localizations
	monitoring networkAccess oauth2PermissionGrants people permissionGrants places planner policies print privacy
	privilegedAccess reports riskDetections roleManagement schemaExtensions search security servicePrincipals settings shares sites
	solutions storage subscriptions team teams teamsTemplates teamTemplateDefinition teamwork templates tenantRelationships`)

// underRoots are other paths below implemented roots.
var underRoots = map[string][]string{
	"admin": strings.Fields(`appsAndServices configurationManagement dynamics edge entra exchange forms microsoft365Apps people
		serviceAnnouncement sharepoint teams todo windows`),
	"directoryObjects": {"delta", "getAvailableExtensionProperties", "validateProperties"},
}

// Paths of cloudLicensing that are only in Microsoft's list of permissions.
const (
	allotmentRef = "PUT assignments/{id}/allotment/$ref"
	assigneeRef  = "PUT assignments/{id}/assignedTo/$ref"
	poolOwner    = "allotments/{id}/owner"
)

// listedElsewhere returns the part of a cloudLicensing path that is only in
// Microsoft's list of permissions, or "".
func listedElsewhere(method string, segments []string) string {
	under := segments[slices.Index(segments, "cloudLicensing")+1:]
	switch from := len(under) - 4; {
	case method == http.MethodPut && from >= 0 && under[from] == "assignments" && under[from+3] == "$ref" && under[from+2] == "allotment":
		return allotmentRef
	case method == http.MethodPut && from >= 0 && under[from] == "assignments" && under[from+3] == "$ref" && under[from+2] == "assignedTo":
		return assigneeRef
	case method == http.MethodGet && len(under) == 3 && segments[0] == "admin" && under[0] == "allotments" && under[2] == "owner":
		return poolOwner
	}
	return ""
}

// otherCalls are calls that are not implemented at or below implemented paths.
var otherCalls = []string{
	"POST users/getByIds", "POST users/validatePassword", "POST users/validateProperties", "POST groups/getByIds", "POST groups/validateProperties",
	"GET groups/{id}/members/$ref", "GET groups/{id}/membersWithLicenseErrors/$count",
}

// otherCall returns the matching entry of otherCalls, or "".
func otherCall(method string, segments []string) string {
	for _, call := range otherCalls {
		verb, path, _ := strings.Cut(call, " ")
		if names := strings.Split(path, "/"); verb == method && slices.EqualFunc(names, segments, func(name, segment string) bool { return name == segment || name == "{id}" }) {
			return call
		}
	}
	return ""
}

// elsewhere returns the part of a path that is not implemented, or "".
func elsewhere(segments []string) string {
	at := func(i int) string {
		if i < len(segments) {
			return segments[i]
		}
		return ""
	}
	root := at(0)
	if slices.Contains(otherRoots, root) && at(2) != "cloudLicensing" {
		return root
	}
	if slices.Contains(underRoots[root], at(1)) {
		return root + "/" + at(1)
	}
	more, props := ofUsers, slices.Concat(otherUserProperties, slices.Collect(maps.Keys(userType.props)))
	part := 2
	switch root {
	case "me":
		part = 1
	case "users":
	case "groups":
		more, props = ofGroups, slices.Concat(otherGroupProperties, slices.Collect(maps.Keys(groupType.props)))
	case "directoryObjects":
		more, props = ofDirectoryObjects, nil
	default:
		return ""
	}
	name := strings.TrimPrefix(at(part), "microsoft.graph.")
	switch {
	case part == 2 && strings.HasPrefix(at(1), "microsoft.graph."): // a list restricted to one type
		return strings.Join(segments, "/")
	case slices.Contains(more, name), slices.Contains(props, name):
		return name
	case len(segments) > part+1 && (root == "groups" && name == "owners" || root != "groups" && (name == managerRelation || name == "memberOf")):
		return strings.Join(segments[part:], "/")
	case root == "directoryObjects" && len(segments) == 2 && at(1) != "getByIds":
		return "directoryObjects/{id}"
	case root == "groups" && name == "members" && len(segments) >= 4 && strings.HasPrefix(at(3), "microsoft.graph."),
		name == "licenseDetails" && root == "me" && len(segments) == part+2:
		return name + "/" + at(part+1)
	}
	return ""
}

// Missing lists Microsoft Graph features near these endpoints that the
// emulator does not implement. It answers 501 to a known path or name, see
// [notImplemented].
func Missing() []string {
	return []string{
		"Other workloads: mail, files, teams, devices management and so on. What is not listed above under " + strings.Join(otherRoots, ", ") + ".",
		"Of directory objects: memberOf of groups and other objects than users, transitiveMembers, transitiveMemberOf, writes of owners and managers, photos, directory roles by their own paths, deleted items and their restoration, open and schema extensions, $ref except of members, DELETE members/{id} without $ref (which deletes the member itself), retryServiceProvisioning.",
		"Of cloudLicensing, paths that are only in Microsoft's list of permissions: " + allotmentRef + " and " + assigneeRef + ", " + poolOwner + ". As a property (cloudLicensing of users and groups in $select): nothing.",
		"me/licenseDetails/{id}, me/licenseDetails/getTeamsLicensingDetails, directoryObjects/{id}, and members of one type (members/microsoft.graph.user).",
		strings.Join(otherCalls, ", ") + ".",
		"A property by its own path (users/{id}/displayName), and lists of users of one type other than agents.",
		"In bodies: " + strings.Join(takenOfUsers, ", ") + " of users; " + strings.Join(takenOfGroups, ", ") + ", DynamicMembership and a later securityEnabled of groups; managers and owners (manager@odata.bind, owners@odata.bind).",
		"Properties of users: " + strings.Join(otherUserProperties, ", ") + ".",
		"Properties of groups: " + strings.Join(otherGroupProperties, ", ") + ".",
		"Change notifications (subscriptions). Only delta queries of users and groups return changes.",
		"$metadata, /$value, $format except of reports, and $skip and $compute, which the implemented endpoints do not document either.",
		"The evaluation of membership rules (the members of a dynamic group stay the same), nested groups that license (only direct members are licensed, as in the service), and administrative units.",
		"Multi-factor sign-in, consent pages and conditional access, except as a refusal on request (variant onBehalfOf).",
		"Several tenants in one process: start one process for each.",
	}
}
