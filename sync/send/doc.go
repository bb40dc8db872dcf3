// Package send sends gifts: each once, none by accident, none to the wrong person.
//
// A [Desk] takes an [Order] into the ledger of the portal's state file. There each
// recipient has one [store.Send] under the order's request id, so that an order
// that is repeated, by a person or by an event that comes again, sends nothing
// twice. [Rules.Judge] asks the guards, when the order comes and again when the gift
// is due. Then the intent is put on disk, the request is made once, and its outcome
// is put on disk:
//
//	scheduled → sending → sent | not_sent | unknown
//	held → scheduled by a person; held, scheduled → refused by a guard, cancelled by a person
//
// The Thnks API has no key by which it would know a repeated request. So nothing
// repeats one: an outcome that is not known, also because the program ended during
// the request, stays unknown until the gift's transaction appears or a person
// resolves it.
//
// Judge, [Fill] and [ParseAt] are functions of their arguments. [Desk] has the clock,
// the ledger and the network.
package send
