// Package emulator implements the licensing part of Microsoft Graph as an
// [http.Handler] with a tenant. It is for tests, demonstrations and developers
// without a tenant. It is not for production: any caller can sign in as any
// user, its secret is printed, and its data is lost when it stops.
//
// # Endpoints
//
// Under /beta and /v1.0: users and groups (lists, items and counts),
// the organization, licenseDetails, a group's members and membersWithLicenseErrors,
// subscribedSkus, directory/subscriptions, auditLogs/directoryAudits, two usage
// reports and their settings,
// directoryObjects/getByIds, me, assignLicense,
// reprocessLicenseAssignment, and $batch. Only under /beta, cloudLicensing:
// allotments, assignments, waitingMembers, assignmentErrors and usageRights,
// of the tenant, a user, a group and me, as documented, with the relations
// between them. Writes can create, change and delete assignments, users,
// groups and members, and reprocess the assignments of a user. Delta queries
// return the changes. The page at the root lists all endpoints.
//
// # Signing in
//
// Under /{tenant} are the endpoints that sign-in libraries use: the token
// endpoint with client credentials (a secret, a certificate or a federated
// credential), authorization codes with PKCE, device codes, passwords, refresh
// tokens, and on-behalf-of; a sign-in page that lists users to sign in as; and
// the discovery documents. [SignIn] contains the credentials in addition to
// the secret. Tokens are signed with keys that can be rotated, and have an
// audience, varying lifetimes, and roles or scopes. The endpoints validate all
// of these. A delegated call is allowed only what both the application and the
// user are allowed: some users have a directory role, see
// [Emulator.PersonInRole]. [Emulator.UserToken] and [Emulator.DelegatedToken]
// return tokens without a sign-in. Libraries require HTTPS: see [StartTLS] and
// [ServerCertificate]. A proxy on the same machine can send its address in
// X-Forwarded-Proto and X-Forwarded-Host.
//
// # Strictness
//
// The emulator does not accept more than the service, so that a request that
// works here works there. It rejects query options that a reference page does
// not list, unknown properties and filters, pages that are too large, more
// than fifteen values in an in, edited links, and calls without the required
// permission. Where the documentation has more than one reading, the strictest
// is the default, and [Variants] selects the others. No other navigation
// between directory objects is implemented. It throttles at the published
// limits of the service, see [Throttling]. Other failures are injected, see
// [Fault].
//
// # Control
//
// Faults, variants and the clock can be changed while it runs: from Go with
// [Emulator.Inject], [Emulator.SetVariants] and [Emulator.Advance]; from the
// texts of flags with [ParseFault] and [Variants.Set]; and from any program on
// the same machine under /-/, which is not part of Graph. GET /-/ lists these
// endpoints. For example:
//
//	curl -H 'Content-Type: application/json' http://localhost:8080/-/faults \
//	     -d '{"endpoint":"GET /users","status":503,"rate":0.1,"seed":7}'
//	curl -X PATCH -H 'Content-Type: application/json' http://localhost:8080/-/variants \
//	     -d '{"expandErrors":"both","throttling":{"resourceUnits":100}}'
//	curl -H 'Content-Type: application/json' http://localhost:8080/-/clock -d '{"advance":"1h"}'
//	curl -H 'Content-Type: application/json' http://localhost:8080/-/tokens -d '{"roles":["User.Read.All"]}'
//
// # Effects of writes
//
// The licenses of a user are computed only from the assignments that apply to
// the user, by the rules of package tenant. An assignment to a user or device
// without a free unit is refused. Members of a group without a free unit wait
// in a queue: first in, first out. A plan without a required plan is an
// assignment error until the required plan is assigned; assignLicense refuses
// it. If a change fails, the previous right stays in force as far as possible.
// Changes of a group reach its members later, see [Variants].GroupEffects.
// [Emulator.Save] writes the current tenant, and [Options].State reads it, or
// a tenant written by hand. [Emulator.Reset] restores the initial tenant.
//
// # The tenant
//
// The initial tenant depends only on [Options].Seed and [Options].Users, not
// on the clock. Products, plans and their IDs are real; users, groups and
// purchases are invented. The intended licenses of each user are generated;
// the effective ones are computed by the rules, so that states, rights, units
// and errors are consistent. In five hundred users there are 150 assignment
// errors, and 55 of them have a usage right from before. The tenant contains
// special cases on purpose:
//
//   - Copilot (Microsoft_365_Copilot) has no free unit: consumed equals enabled.
//   - Visio (VISIOCLIENT) is in grace: it works, but all its units are warning.
//   - Exchange Online Plan 1 (EXCHANGESTANDARD) is suspended: users still have it,
//     in the state Disabled, without a right.
//   - Workplace Analytics (WORKPLACE_ANALYTICS) is a trial near its end.
//   - One in a hundred users has a product from a deleted group, whose ID no longer
//     resolves.
//   - One in a hundred users has a disabled account with a license.
//   - Some users have Microsoft 365 E3 twice, directly and through a group.
//   - One group licenses two products, and ten license none.
//   - One group licenses Copilot, but none of its members gets it. Its usage right is
//     for the product that all its members have from other sources.
//   - Some users have no license, and some are guests without a usage location.
//   - The units of Microsoft 365 E3 and F3 are split into two allotments each, the
//     second one bought from a partner, and E5 has a second allotment without
//     assignments, for users only: a trial.
//   - Users wait for Copilot, in a queue.
//   - The units of devices come from an allotment without a product.
//
// # Packages
//
// This package assembles the parts: package api implements Graph, signin
// Entra, and control the endpoints under /-/. They share the packages wire (a
// request and its answer), store (the tenant of package tenant with its lock),
// settings (the variants), access (claims and permissions), fault, throttle
// and traffic, and do not depend on each other.
package emulator
