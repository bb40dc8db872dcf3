// Package store keeps the state of one portal: the journal of gifts that HubSpot
// holds, the inbox of webhook events, checkpoints, the quarantine and the audit.
// It is one bbolt file per portal; schema.go describes its layout.
//
//	s, err := store.Open("/var/lib/thnks-hubspot-sync/acme.db", store.Options{Create: true})
//	...
//	defer s.Close()
//	have, err := s.Gifts(ids)
//	...
//	err = s.Commit(store.Commit{Gifts: changed, Checkpoints: checkpoints})
//
// A webhook event is stored before it is acknowledged and processed later. The
// gifts that it changed and its new state are one commit:
//
//	_, err := s.Receive(ctx, event)
//	...
//	due, err := s.DueEvents(time.Now(), store.Event{}, 500)
//	...
//	err = s.Commit(store.Commit{Gifts: changed, Events: due})
//
// A [Store] may be used by many goroutines. [Store.Commit] and [Store.Receive]
// return nil only after all their effects are on disk; otherwise none is. One
// process holds the file at a time, and other processes cannot read it
// meanwhile.
//
// Everything in the file can be rebuilt from HubSpot and Thnks, except the
// audit, unprocessed events and thank-you notes. So we never repair and never
// delete a damaged file: every function that finds damage returns a
// [*CorruptError] that says how to rebuild the file, and the store refuses all
// work from then on.
//
// Where to look: open.go opens the file, create.go makes a new one, upgrade.go
// and backup.go convert older formats, inspect.go checks the pages before bbolt reads
// them, commit.go and index.go write, read.go and scan.go read, receive.go and inbox.go
// hold events, check.go proves a file sound. The record*.go files are the encodings.
//
//   - ledger.go keeps the sends, and send_shown.go what HubSpot shows of them.
//   - generation.go tells whether the ledger is the newest one, before anything is sent.
//   - chain.go chains the entries of the audit, and cuts the old ones off.
//   - summary.go keeps what was computed of all gifts up to date with each change.
//   - compact.go writes the file anew, with nothing but what it holds.
//   - restore.go puts a copy into the file's place, and a damaged file aside.
package store
