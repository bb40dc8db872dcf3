package main

import (
	"context"
	"errors"
	"iter"
	"time"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
)

// noJournal is the journal of a portal that has never been synced. It
// remembers nothing: a dry run must leave nothing behind, a state file
// included.
type noJournal struct{}

var (
	_ giftsync.Journal    = noJournal{}
	_ giftsync.Quarantine = noJournal{}
)

func (noJournal) Gifts([]string) (map[string]plan.Stored, error) {
	return make(map[string]plan.Stored), nil
}

func (noJournal) After(context.Context, string) iter.Seq2[plan.Stored, error] {
	return func(func(plan.Stored, error) bool) {}
}

func (noJournal) Orphans(context.Context, string) iter.Seq2[store.Orphaned, error] {
	return func(func(store.Orphaned, error) bool) {}
}

func (noJournal) Missed([]string, time.Time, time.Time) (map[string]bool, error) {
	return make(map[string]bool), nil
}

func (noJournal) AmbiguousCount() (int, error) { return 0, nil }

func (noJournal) Count() (int, error) { return 0, nil }

func (noJournal) OrphanCounts() (map[plan.Orphan]int, error) {
	return make(map[plan.Orphan]int), nil
}

func (noJournal) Checkpoint(string) (store.Checkpoint, bool, error) {
	return store.Checkpoint{}, false, nil
}

func (noJournal) Meta(string) ([]byte, error) { return nil, nil }

func (noJournal) QuarantinedByID([]string) (map[string]store.Quarantined, error) {
	return make(map[string]store.Quarantined), nil
}

func (noJournal) Quarantine(context.Context) iter.Seq2[store.Quarantined, error] {
	return func(func(store.Quarantined, error) bool) {}
}

func (noJournal) Commit(store.Commit) error {
	return errors.New("a dry run without a state file has nowhere to write")
}
