package sync

import (
	"encoding/json"
	"fmt"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
)

// Names under which the journal's meta holds what was learned about a portal.
// Package portal has entries of its own.
const (
	rereadsEntry      = "rereads"       // rereads
	feedsEntry        = "source"        // []feed: what the portal has been fed from
	spellingEntry     = "spelling"      // int: see [respellJournal]
	fieldsEntry       = "fields"        // []FieldProblem: of the last complete reading
	smallListingEntry = "small_listing" // smallListing: that was not believed
	believedEntry     = "believed"      // []string: transactions that the last listing showed that was believed
	knownEntry        = "known"         // bool: see [JournalKnown]
	lastSyncEntry     = "last_sync"     // time.Time: when the last run finished without error
)

// shownEntry names the entry with how many transactions an unfinished listing has
// shown, an int, next to its checkpoint.
func shownEntry(checkpoint string) string { return checkpoint + "_shown" }

// sampleEntry names the entry with the sample of an unfinished listing, next to its
// checkpoint.
func sampleEntry(checkpoint string) string { return checkpoint + "_sample" }

// linkedByEntry names the entry with what an unfinished re-association went by, a [linkedBy],
// next to its checkpoint.
func linkedByEntry(checkpoint string) string { return checkpoint + "_linked_by" }

// A recorder makes commits durable.
type recorder interface {
	Commit(store.Commit) error
}

// A lockedRecorder commits no gift that its run has not locked, so that none
// can forget to.
type lockedRecorder struct {
	journal recorder
	run     *run
}

func (r lockedRecorder) Commit(c store.Commit) error {
	if id := r.run.locks.unlocked(r.run, c.Gifts); id != "" {
		return fmt.Errorf("transaction %s would be recorded without its lock; this is a bug, please report it", id)
	}
	return r.journal.Commit(c)
}

// A droppingRecorder is a dry run's: it commits nothing.
type droppingRecorder struct{}

func (droppingRecorder) Commit(store.Commit) error { return nil }

// A foreseenJournal is a dry run's: it has the gifts, too, that the run would record
// before it plans.
type foreseenJournal struct {
	History
	gifts map[string]plan.Stored
}

func (j foreseenJournal) foresee(gifts []plan.Stored) {
	for _, s := range gifts {
		j.gifts[s.Gift.ID] = s
	}
}

// Gifts implements [History].
func (j foreseenJournal) Gifts(ids []string) (map[string]plan.Stored, error) {
	have, err := j.History.Gifts(ids)
	if err != nil || len(j.gifts) == 0 {
		return have, err
	}
	for _, id := range ids {
		if s, ok := j.gifts[id]; ok {
			have[id] = s
		}
	}
	return have, nil
}

// A metaReader reads meta entries.
type metaReader interface {
	Meta(name string) ([]byte, error)
}

// Recall reads a meta entry of a journal into v and reports whether there was
// one.
func Recall(j metaReader, name string, v any) (bool, error) {
	data, err := j.Meta(name)
	if err != nil || data == nil {
		return false, err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return false, fmt.Errorf("state file: meta entry %s: %w", name, err)
	}
	return true, nil
}

// Meta makes a meta entry for a commit.
func Meta(name string, v any) map[string][]byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("sync: meta entry " + name + ": " + err.Error()) // our own plain structs always marshal
	}
	return map[string][]byte{name: data}
}

// A memory is the [portal.Memory] of a run.
type memory struct {
	journal  metaReader
	recorder recorder
}

func (m memory) Recall(name string, v any) (bool, error) { return Recall(m.journal, name, v) }

func (m memory) Remember(name string, v any, audit ...store.AuditEntry) error {
	return m.recorder.Commit(store.Commit{Meta: Meta(name, v), Audit: audit})
}

func (m memory) Audit(e store.AuditEntry) error {
	return m.recorder.Commit(store.Commit{Audit: []store.AuditEntry{e}})
}

// PortalZone returns the time zone of the portal's HubSpot account as it was
// learned, and nil before that.
func PortalZone(j History) *time.Location {
	account, known, err := portal.RecallAccount(memory{journal: j})
	if !known || err != nil {
		return nil
	}
	loc, err := time.LoadLocation(account.TimeZone)
	if err != nil {
		return time.UTC
	}
	return loc
}

// PortalAccount returns the id of the HubSpot account that the portal is bound
// to, and "" before its first run.
func PortalAccount(j History) string {
	account, _, err := portal.RecallAccount(memory{journal: j})
	if err != nil {
		return ""
	}
	return account.ID
}

// Records returns what the addresses of the portal's gift records begin with
// where users see them in HubSpot, and "" before a run has learnt it.
func Records(j History) string {
	address, err := portal.RecallRecords(memory{journal: j})
	if err != nil {
		return ""
	}
	return address
}

// ObjectType returns the type id of the portal's custom object, "" before a run has
// found it.
func ObjectType(j History) string {
	id, err := portal.RecallTypeID(memory{journal: j})
	if err != nil {
		return ""
	}
	return id
}

// Stages returns the labels of the deal stages that links were made at, by
// stage id. A stage not yet learned is missing.
func Stages(j History) map[string]string {
	stages, err := portal.RecallStages(memory{journal: j})
	if err != nil {
		return nil
	}
	return stages
}

// LastSync returns when the last run without error finished, or the zero time.
func LastSync(j History) time.Time {
	var t time.Time
	if _, err := Recall(j, lastSyncEntry, &t); err != nil {
		return time.Time{}
	}
	return t
}

// OweSends is what a commit says, in its Meta, that puts an older state file back: HubSpot
// may show sends that it does not know, and the next run has to look: see [lookForSends].
func OweSends() map[string][]byte { return Meta(store.SendsOwedEntry, true) }

// sendsFound is the Meta of a commit after which no look is owed.
func sendsFound() map[string][]byte { return map[string][]byte{store.SendsOwedEntry: nil} }

// JournalKnown reports whether the journal knows what HubSpot holds. That of a new state
// file does not: a run has to look first whether there are records of an earlier one. Nor
// does that of an older one that was put back, before a run has looked for sends of a
// newer one.
func JournalKnown(j History) (known bool, err error) {
	var owed bool
	if _, err := Recall(j, store.SendsOwedEntry, &owed); err != nil || owed {
		return false, err
	}
	return journalBegun(j)
}

// journalBegun reports whether the journal is one that knew what HubSpot held, now or when
// it was copied.
func journalBegun(j History) (known bool, err error) {
	cp, begun, err := j.Checkpoint(rebuildCheckpoint)
	if err != nil || begun && cp.Finished.IsZero() {
		return false, err
	}
	if _, err := Recall(j, knownEntry, &known); err != nil || known {
		return known, err
	}
	// A version that made no such entry has gifts, or began a backfill.
	if _, begun, err := j.Checkpoint(backfillCheckpoint); err != nil || begun {
		return begun, err
	}
	n, err := j.Count()
	return n > 0, err
}

// Backfilled reports whether the portal's first backfill has finished.
func Backfilled(j History) (bool, error) {
	cp, ok, err := j.Checkpoint(backfillCheckpoint)
	return ok && !cp.Finished.IsZero(), err
}
