// Package hubspot is a client for the parts of HubSpot's CRM API that the sync
// uses, on the date-versioned paths (2026-09 by default). It knows HubSpot's
// rules and nothing of gifts.
//
// A [Client] belongs to one portal, that is, one HubSpot account. Its batch calls
// ([Client.Create], [Client.Update], [Client.Read], [Client.ReadByKey],
// [Client.Associate], [Client.Associated], [Client.ContactsByEmail]) take any
// number of inputs and return exactly one outcome per input, in input order. A
// call goes through these layers:
//
//   - batch.go cuts the inputs into HubSpot's batch sizes and runs the requests
//     concurrently; isolate.go bisects a batch that HubSpot refuses as a whole or
//     whose answer is too large, and culprits.go one that HubSpot fails at;
//   - create.go, update.go and read.go match answers to inputs by id, unique
//     property or trace id, never by position. After an answer was lost, a create
//     looks its records up before it sends them again;
//   - request.go waits for the rate bucket of the call's class (bucket.go), sends
//     the request, and retries what may be retried (retry.go). A daily limit or a
//     migration parks the client (park.go). The caller hears when a call waits
//     (waiting.go);
//   - bounds.go bounds what an answer may take, and trail.go how long a listing
//     goes on;
//   - answer.go and item.go turn answers into errors.
//
// Errors are [*Error] values. Callers decide by [Kind], never by text. The text
// contains no record's values, so it may be logged.
//
// Doc comments name HubSpot's page for each call; they abbreviate
// https://developers.hubspot.com/docs as D.
package hubspot
