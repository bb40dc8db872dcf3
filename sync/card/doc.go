// Package card answers what HubSpot asks on behalf of its users: the card on
// contacts, companies and deals, the bulk action, the pages of the app, and the
// workflow action "Send a Thnks".
//
//	GET  /hubspot/card/gifts?objectTypeId=0-1&objectId=101       → [Gifts]
//	GET  /hubspot/card/form?objectTypeId=0-1&objectId=101        → [Form]
//	POST /hubspot/card/preview                           [Draft] → [Preview]
//	POST /hubspot/card/send                              [Draft] → [Sends]
//	GET  /hubspot/card/sends?request=R&contact=101&contact=102   → [Sends]
//	GET  /hubspot/card/statistics                                → [stats.Report], recipients left out
//	GET  /hubspot/card/settings                                  → [Settings]
//	POST /hubspot/actions/send                      [Execution] → [Outcome]
//	POST /hubspot/actions/options              [OptionsRequest] → [Options]
//
// An answer other than 200 is a [Problem]. testdata has an example of each document.
//
// Every request is checked against the client secret of each configured app
// ([hubspot.SignedRequest]). Who asks is read from the signed query that HubSpot's
// hubspot.fetch adds, portalId, userEmail and appId, and never from a body. The
// account must be that of a portal which is connected through the app that signed.
// hubspot.fetch repeats a request once after a lost answer, and a workflow repeats
// one for days; so what sends a gift carries a request id, by which the ledger of
// package send knows a repeat.
package card
