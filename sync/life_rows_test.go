package sync_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// What rows of Thnks do beside what [life.happenings] names.
const (
	rowTouched       = "Thnks: row touched, not changed"
	addedWhileRead   = "Thnks: row added while it is read"
	deletedWhileRead = "Thnks: row deleted while it is read"
	uglyText         = "Thnks: text that has to be cleaned"
	pageRepeated     = "Thnks: repeats a page"
)

// warts are rows with everything that is wrong with real ones, but for a message
// that is too long, which [TestUglyDataAllArrives] has and lives have no time for.
var warts = sync.OnceValue(func() (rows []thnksapitest.Transaction) {
	end := time.Date(2026, 6, 8, 0, 0, 0, 0, time.UTC)
	for i, tx := range thnksapitest.Generate(thnksapitest.Data{Seed: 5, N: 200, Recipients: 40, Start: end.Add(-70 * simulation.Day), End: end, Ugly: true}) {
		if i%4 == 3 && len(tx.Message) < 1000 {
			rows = append(rows, tx)
		}
	}
	return rows
})

// mar puts an ugly row in the place of another, or, where it has no id, beside it.
func (l *life) mar(tx thnksapitest.Transaction) thnksapitest.Transaction {
	ugly := warts()[l.rowing.IntN(len(warts()))]
	if ugly.ID == "" {
		l.addNameless(ugly)
		return tx
	}
	ugly.ID = tx.ID
	return ugly
}

// printed is a text as a record shows it: without characters that do not print.
func (l *life) printed(s string) string {
	clean := strings.ReplaceAll(s, "\r\n", "\n")
	clean = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, clean))
	if clean != strings.TrimSpace(s) {
		l.struck.add(uglyText)
	}
	return clean
}

// likely reports whether a gift can have such a stamp.
func likely(t time.Time) bool { return t.Year() >= 2000 && t.Year() <= 2100 }

// unheardOf reports whether the row's status is none that the program knows.
func unheardOf(tx thnksapitest.Transaction) bool { return simulation.StatusOf(tx) == "unknown" }

// touch moves a row's stamp, and nothing else. Its version is the same one, which
// shows under the new stamp from here on.
func (l *life) touch(id string) {
	if id == "" {
		return
	}
	l.Thnks.Update(id, func(tx *thnksapitest.Transaction) {
		at := time.Now().UTC().Truncate(time.Microsecond)
		if !at.After(tx.UpdatedAt) {
			at = tx.UpdatedAt.Add(time.Microsecond)
		}
		l.stamps[tx.TrackingURL] = append(l.stamps[tx.TrackingURL], tx.UpdatedAt)
		tx.UpdatedAt = at
		l.versions[id][len(l.versions[id])-1].UpdatedAt = at
	})
	l.struck.add(rowTouched)
	l.note("Thnks: %s touched", id)
}

// unmoved touches rows of which all is settled: the pass that reads them has
// nothing to write. Of a row that events were about, the snapshot is newer than the
// claims now, and late ones have not been read.
func (l *life) unmoved(ctx context.Context, e *giftsync.Engine) {
	for _, tx := range l.Thnks.Transactions() {
		claimed := slices.ContainsFunc(l.acknowledged(), func(ev store.Event) bool { return ev.TransactionID == tx.ID })
		if tx.ID != "" && !claimed && !l.late(tx) {
			l.touch(tx.ID)
		}
	}
	before := l.Portal.Snapshot()
	rep := l.well(ctx, e, giftsync.Request{Mode: giftsync.Incremental})
	if rep.Created+rep.Updated+rep.AssociationsCreated > 0 {
		l.T.Errorf("a pass over rows that were only touched creates %d, updates %d, makes %d links", rep.Created, rep.Updated, rep.AssociationsCreated)
	}
	l.same(before, l.Portal.Snapshot(), "rows that were only touched change the portal")
}

// jostle adds a row while rows are being listed, or deletes one.
func (l *life) jostle() {
	ids := l.Thnks.IDs()
	if len(ids) == 0 {
		return
	}
	switch id := one(l.rowing, ids); l.rowing.IntN(16) {
	case 0:
		at := time.Now().UTC().Truncate(time.Microsecond).Add(-time.Duration(l.rowing.IntN(600)) * time.Second)
		tx := thnksapitest.Generate(thnksapitest.Data{Seed: l.rowing.Uint64(), N: 1})[0]
		tx.ID = simulation.ID(len(l.versions) + 1)
		tx.CreatedAt, tx.UpdatedAt, tx.Status, tx.Times = at, at, "sent", thnksapitest.Times{Sent: at}
		l.add(tx)
		l.struck.add(addedWhileRead)
		l.note("Thnks: %s of %v added while it is read", tx.ID, at)
	case 1:
		l.Thnks.Delete(id)
		l.lost[id] = true
		l.struck.add(deletedWhileRead)
		l.note("Thnks: %s deleted while it is read", id)
	}
}

// repeatPage has the second page of the listing that has just begun show the rows
// of the first. Later ones could pass for what they ought to be: who lists sees
// that pages repeat, not that one is missing.
func (l *life) repeatPage() {
	l.repeats = false
	l.Thnks.Fault(thnksapitest.Fault{Path: "/transactions", Count: 1, Effect: thnksapitest.RepeatPage})
}
