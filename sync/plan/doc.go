// Package plan decides what must change in HubSpot, and why. Its input is gifts
// (what Thnks says), journal entries (what HubSpot holds) and a directory of
// contacts. It is pure: no network, files, clock, log or randomness, and the
// same input in any order gives the same plan.
//
// A run calls [Merge] to join everything that is known about one gift, then
// [Make], which returns a [Change] per gift: the properties and links to write,
// with reasons. After a change was made, [Change.Stored] is the new journal
// entry. Passes that only examine links call [Change.Relink].
//
// Where to look: gift.go defines a gift and merge.go joins its versions;
// status.go says which status and dates are shown; fields.go is the table of the
// custom object's properties, from which the schema, the values (values.go) and
// the comparison with the journal (diff.go) follow; links.go and relink.go
// decide which contact, company and deals a gift is linked to, choose.go which
// contact an address means, and email.go when two addresses are equal.
package plan
