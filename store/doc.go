// Package store keeps what must survive of one portal: the journal of gifts
// that HubSpot holds, the inbox of webhook events, checkpoints, the quarantine
// and the audit. It is one bbolt file per portal, laid out as schema.go says.
//
//	s, err := store.Open("/var/lib/thnks-hubspot-sync/acme.db", store.Options{Create: true})
//	...
//	defer s.Close()
//	have, err := s.Gifts(ids)
//	...
//	err = s.Commit(store.Commit{Gifts: changed, Checkpoints: moved})
//
// A webhook event is received before it is acknowledged, and worked off later.
// What it changed and what became of it are one commit:
//
//	_, err := s.Receive(ctx, event)
//	...
//	due, err := s.DueEvents(time.Now(), store.Event{}, 500)
//	...
//	err = s.Commit(store.Commit{Gifts: changed, Events: due})
//
// A [Store] may be used by many goroutines. [Store.Commit] and [Store.Receive]
// return nil only when their effects are on disk; they get there all together
// or not at all. One process holds the file at a time, readers included.
//
// The file holds nothing that HubSpot and Thnks could not tell again, but for
// the audit, and events that are not worked off yet, of which Thnks tells all
// but the notes. So a damaged one is never repaired and never deleted: every
// function that meets damage returns a [*CorruptError] that says how to
// rebuild it, and the store refuses all work from then on.
package store
