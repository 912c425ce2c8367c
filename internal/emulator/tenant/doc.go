// Package tenant is a directory whose licenses are computed from its content.
// It stores users, groups, devices, products, purchases and assignments, and
// computes the rest: units in use, licenses, the reasons for failed ones,
// usage rights and queues. It has no wire format and no clock; package
// emulator serves it over HTTP.
//
// # The rules
//
// A user has one license for each assignment that applies to the user: direct
// assignments, and assignments to groups of which the user is a direct member.
// Licenses in force are evaluated first, then the others in order of creation.
// The cause of a failed license is the first rule that it violates:
//
//  1. Location: each plan must be available in the user's usage location. For a
//     user without a usage location, the location of the tenant applies to group
//     licenses, and direct licenses are refused.
//  2. Exclusive: no plan may exclude a plan of another product. The earlier license
//     wins.
//  3. Dependency: the plan that another plan requires must be in a license of the
//     user, earlier or later.
//  4. Uniqueness: the address of a plan with a mailbox, which is the user principal
//     name, must not belong to another object.
//  5. Contention: the user's licenses must not have changed within the second before
//     a group's change arrives. The service retries after a minute.
//  6. Count: the allotment must have a unit without earlier users in the queue. A
//     user takes one unit of an allotment, regardless of the number of assignments.
//     Members of groups without a unit wait: first in, first out.
//
// A group with several products that cannot assign one of them assigns none.
// If a change fails, the previous right stays in force without the failed
// plans, and keeps its unit. A right lacks a plan only if all contributing
// licenses disable it. Products after their grace period keep their units and
// give no right. Licenses are evaluated again only if something changes for
// the user, such as an assignment or a unit that becomes free, or if the user
// is reprocessed. A new usage location or mail address alone does not change
// licenses.
//
// Where sources do not specify how these rules combine, this package makes its
// own choice: the order of the causes; that dependencies ignore the order of
// licenses, but exclusions do not; that a product assigned directly and
// through a group takes one unit of each allotment; that an allotment with
// fewer units than are in use keeps the excess in grace until the units are
// returned; and the second and the minute of contention. The causes are those
// of Microsoft Learn, "Resolve group license assignment problems".
package tenant
