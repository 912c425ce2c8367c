// Package emulator is the licensing surface of Microsoft Graph as an
// [http.Handler], with a tenant inside it. It is for tests, for demonstrations
// and for developers who have no tenant at hand. It is not for production: anybody
// can sign in as anybody, its secret is printed, and it forgets everything at its
// end.
//
// # What it serves
//
// Under /beta and /v1.0: users and groups (lists, items and counts), licenseDetails,
// a group's members and membersWithLicenseErrors, subscribedSkus,
// directoryObjects/getByIds, me, assignLicense, reprocessLicenseAssignment, and
// $batch. Under /beta alone cloudLicensing: allotments, assignments,
// waitingMembers, assignmentErrors and usageRights, of the tenant, of a person,
// of a group and of oneself, as far as pages document them, with the relations
// between them; and the writes: assignments can be made, changed and deleted,
// and a person's be processed again. People, groups and members can be made,
// changed and deleted, and delta queries return what changed, because licenses
// follow from them. At the root is a page that lists it all.
//
// # Signing in
//
// Under /{tenant} there is what libraries sign in with: the token endpoint with
// client credentials (a secret, a certificate or a federated credential),
// authorization codes with PKCE, device codes, passwords, refresh tokens, and on
// behalf of a person; the page where people sign in, which offers people to sign in
// as; and the discovery documents. [SignIn] has the credentials
// beside the secret. Tokens are real: signed with keys that can be rotated, with
// an audience, an end that differs from token to token, and roles or scopes, and
// all of it checked. What an application may do for a person is what both may:
// some people have a directory role, see [Emulator.PersonInRole].
// [Emulator.UserToken] and [Emulator.DelegatedToken] are what signing in ends in.
// Libraries want HTTPS: see [StartTLS] and [ServerCertificate]. A proxy on the
// same machine can send its address in X-Forwarded-Proto and X-Forwarded-Host.
//
// # What it refuses
//
// It never accepts more than the service, so that what works here works there.
// Query options that a reference page does not list are refused, not ignored;
// so are properties and filters that do not exist, pages that are too large,
// the sixteenth value of an in, edited links, and
// calls without the permission that they need. Where the documentation leaves
// more than one reading, the strictest is the default and [Variants] has the
// others. It serves no other navigation between directory objects. It throttles as the service does, at the published limits, see [Throttling]; it
// fails on demand alone, see [Fault].
//
// # Steering it
//
// Faults, variants and the clock can be changed while it runs: from Go with
// [Emulator.Inject], [Emulator.SetVariants] and [Emulator.Advance]; from the texts
// of flags with [ParseFault] and [Variants.Set]; and from any program on the same
// machine under /-/, which GET /-/ lists and which is no part of Graph. For
// example:
//
//	curl -H 'Content-Type: application/json' http://localhost:8080/-/faults \
//	     -d '{"endpoint":"GET /users","status":503,"rate":0.1,"seed":7}'
//	curl -X PATCH -H 'Content-Type: application/json' http://localhost:8080/-/variants \
//	     -d '{"expandErrors":"both","throttling":{"resourceUnits":100}}'
//	curl -H 'Content-Type: application/json' http://localhost:8080/-/clock -d '{"advance":"1h"}'
//	curl -H 'Content-Type: application/json' http://localhost:8080/-/tokens -d '{"roles":["User.Read.All"]}'
//
// # What a write does
//
// What a person has follows from the assignments that reach the person, by the
// rules of package tenant, and from nothing else. An assignment to a person or a device that cannot
// have a unit is refused. Members of a group for whom there is no unit wait,
// and get one as soon as it is free: first come, first served. A plan that
// lacks another one that it needs is an assignment error until the other one
// comes; assignLicense refuses it. What worked before a change that fails stays
// in force as far as it can. Members learn of a change of their group later, see
// [Variants].GroupEffects. [Emulator.Save] writes the tenant as it is then, and
// [Options].State begins with what it wrote, or with one written by hand.
// [Emulator.Reset] undoes everything.
//
// # The tenant
//
// Everything in its first state follows from [Options].Seed and
// [Options].Users, and nothing from the clock. Products, plans and their ids are
// real; people, groups and purchases are made up. What each person was meant to
// have is dealt out; what takes effect follows from the rules, so
// that states, rights, units and errors cannot disagree. In five hundred people
// there are 150 assignment errors, and 55 of them have a usage right from
// before. Some things in it are odd on purpose:
//
//   - Copilot (Microsoft_365_Copilot) has no unit left: consumed equals enabled.
//   - Visio (VISIOCLIENT) is in grace: it works, but all its units are warning.
//   - Exchange Online Plan 1 (EXCHANGESTANDARD) is suspended: people still
//     have it, in the state Disabled, and no right comes of it.
//   - Workplace Analytics (WORKPLACE_ANALYTICS) is a trial near its end.
//   - One in a hundred has a product from a group that was deleted since: its
//     id leads nowhere.
//   - One in a hundred has a disabled account that still has a license.
//   - Some have Microsoft 365 E3 twice, directly and through a group.
//   - One group licenses two products at once, and ten license none.
//   - One group licenses Copilot and gets it for none of its members: its usage right is of
//     the product that all its members have from elsewhere.
//   - Some people have no license, and some are guests: they have no usage
//     location either.
//   - The units of Microsoft 365 E3 and F3 are split into two allotments each,
//     and E5 has a second one without assignments, for people alone.
//   - People wait for Copilot, in a queue.
//   - The units that devices have come from an allotment without a product.
//
// # Packages
//
// This package puts the parts together: package api answers as Graph, signin as
// Entra, and control under /-/. They share package wire (one request and its
// answer), store (the tenant, of package tenant, behind its lock), settings (the
// variants), access (what tokens allow), fault, throttle and traffic, and know
// nothing of each other.
package emulator
