// Package portal is the HubSpot side of one portal: whose account it is, the
// custom object, who is who, and the records.
//
// A [Connection] lives as long as the engine of a portal. [Connection.Begin]
// gives each run a [Portal] of four parts:
//
//   - [Object] finds, creates, completes or adopts the custom object.
//   - [Directory] finds contacts by e-mail address, with their company and open
//     deals, and the users who own records.
//   - [Records] writes planned changes and returns one outcome for each. It also
//     reads records, and the associations they have.
//   - [Account] says which account the token belongs to. Every other part asks it
//     first, so no call reaches an account that the portal is not bound to.
//
// Nothing here decides what a gift's record should say; that is package plan's.
// Nothing here remembers anything between runs but through the [Memory] that
// the engine hands in.
//
// In a dry run the same parts read but do not write: what would be added to the
// custom object is listed by [Object.SchemaChanges], and [Records] answers as if
// each change had been made.
package portal
