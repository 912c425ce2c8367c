// Package tenant is a directory whose licenses follow from what is in it. It
// knows people, groups, devices, products, purchases and assignments, and works
// out everything else: units in use, licenses and why one did not take effect,
// usage rights, queues. It speaks no wire format and knows no clock; package
// emulator puts it behind HTTP.
//
// # The rules
//
// A person has one license for each assignment that reaches the person: those of
// the person's own, and those of the groups of which the person is a direct
// member. They are looked at in the order in which they came, those that are in
// force before the others, and for each the
// first of these that is broken is its cause:
//
//  1. Location: each plan is offered where the person is. For somebody without
//     a usage location it is the tenant's that counts, unless the assignment is
//     the person's own: that is refused.
//  2. Exclusive: no plan excludes a plan that another product gives. The license
//     that came first wins.
//  3. Dependency: a plan that needs another finds it in some license, whichever
//     came first.
//  4. Uniqueness: the mail address that a plan with a mailbox comes with, the
//     user principal name, belongs to no other object.
//  5. Contention: nothing else changed the person's licenses within the second
//     before a group's change arrived. The service tries again after a minute.
//  6. Count: there is a unit in the allotment, and nobody waits for it longer. A
//     person takes one unit of an allotment, however many assignments draw on
//     it. Members of groups who get none wait: first come, first served.
//
// A group that gives several products and cannot give one of them gives none.
// What a person could use before a change that fails stays in force without the
// plans that failed, and keeps its unit. A plan is missing in a right only where
// all licenses that contribute to it have it off. Products whose grace is over
// keep their units and give no right. Nothing is looked at again before
// something changes for that person, such as an assignment or a unit that came
// free, or until the person is processed again: a new usage location or mail
// address alone changes nothing.
//
// Sources leave open how these combine. Where they do, the rule above is this
// package's own: the order of the causes; that dependencies do not care about
// the order of licenses but exclusions do; that a product assigned directly and
// through a group takes one unit of each allotment; that an allotment that
// shrinks below what is in use keeps the rest in grace until it is given back;
// and the second and the minute of contention. The causes themselves are those
// of Microsoft Learn, "Resolve group license assignment problems".
package tenant
