package sync_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// A seen is what a record showed when it was last looked at.
type seen struct {
	id, marker, status string
	dates              map[string]string
}

// note is [model.note] for what may be noted from several goroutines.
func (l *life) note(format string, args ...any) {
	l.noting.Lock()
	defer l.noting.Unlock()
	l.model.note(format, args...)
}

// meddle changes a row while it is being listed.
func (l *life) meddle() {
	if ids := l.Thnks.IDs(); len(ids) > 0 {
		id := ids[l.odd.IntN(len(ids))]
		l.change(id, time.Now().UTC(), func(tx *thnksapitest.Transaction) { tx.Message += "~" })
		l.note("Thnks: %s changed while it is read", id)
		l.struck.add(changedWhileRead)
	}
}

// secret sees to it that a text that people read tells no secret.
func (l *life) secret(what, text string) {
	for _, c := range l.secrets {
		if i := strings.Index(text, c); i >= 0 {
			l.T.Errorf("portal %s: a %s tells a secret: …%s…", l.name, what, text[max(0, i-200):min(len(text), i+60)])
		}
	}
}

// same compares what should not have changed.
func (l *life) same(before, after any, what string) {
	l.T.Helper()
	if reflect.DeepEqual(before, after) { // which is much faster
		return
	}
	opts := cmp.Options{cmp.Comparer(decimal.Decimal.Equal), cmpopts.EquateEmpty()}
	if diff := cmp.Diff(before, after, opts); diff != "" {
		l.T.Errorf("%s (-before +after):\n%s", what, diff)
	}
}

// journalled is what the journal holds of the gifts.
func (l *life) journalled(st *store.Store) map[string]plan.Stored {
	all := make(map[string]plan.Stored)
	for s, err := range st.After(l.T.Context(), "") {
		if err != nil {
			l.T.Error(err)
		}
		all[s.Gift.ID] = s
	}
	return all
}

// closely opens the file again, as the next process would, to look at it.
func (l *life) closely(look func(*store.Store)) {
	l.T.Helper()
	st := l.Open()
	defer st.Close()
	look(st)
}

// inspect checks what must hold at any time.
func (l *life) inspect(st *store.Store) {
	l.T.Helper()
	l.secret("log line", l.out.Take())
	raw, err := os.ReadFile(l.Path)
	if err != nil {
		l.T.Error(err)
	}
	for _, c := range l.secrets {
		if text := string(raw); strings.Contains(text, "pat-"+c) || strings.Contains(text, "key-"+c) || c != l.canary && strings.Contains(text, c) {
			l.T.Errorf("portal %s: the file holds a token, or something of another portal", l.name)
		}
	}
	if len(raw) > 4<<20 {
		l.T.Errorf("the file has grown to %d bytes", len(raw))
	}
	if err := st.Check(l.T.Context()); err != nil {
		l.T.Errorf("state file: %v", err)
	}
	l.events(st, false)
	l.audit(st)
	records := l.records()
	l.regress(st, records)
	l.passedOver(st, records)
}

// records are the live records of gifts by transaction; no two are of one.
func (l *life) records() map[string]hubspottest.Record {
	records := make(map[string]hubspottest.Record)
	for r := range l.Portal.Records("thnks") {
		id := r.Properties["thnks_transaction_id"]
		if records[id].ID != "" {
			l.T.Errorf("transaction %s has two records", id)
		}
		records[id] = r
	}
	return records
}

// regress checks that records only ever move on: to a newer version, and within
// one to further statuses.
func (l *life) regress(st *store.Store, records map[string]hubspottest.Record) {
	for id, r := range records {
		was, known := l.shown[id]
		is := seen{r.ID, r.Properties["tracking_url"], r.Properties["status"], make(map[string]string)}
		for _, s := range plan.Statuses() {
			is.dates[string(s)] = r.Properties[string(s)+"_date"]
		}
		l.shown[id] = l.lasting(id, is)
		if !known || was.id != is.id || l.gift(id).mixed { // people merged it
			continue
		}
		switch from, to := version(was.marker), version(is.marker); {
		case to < from:
			l.T.Errorf("transaction %s went back from version %d to %d", id, from, to)
		case to > from || l.unsettled(id) || l.overtaken(id, to, was.status):
			continue
		case l.overtaken(id, to, is.status) && l.unrecorded(st, id, to):
			continue
		}
		if plan.Status(is.status).Rank() < plan.Status(was.status).Rank() {
			l.T.Errorf("transaction %s went back from %s to %s", id, was.status, is.status)
		}
		for s, at := range was.dates {
			if at != "" && is.dates[s] != at && !slices.Contains(l.claimed(id, s), is.dates[s]) {
				l.T.Errorf("transaction %s was %s as of %s, and now as of %q", id, s, at, is.dates[s])
			}
		}
	}
}

// unsettled reports whether an event about the gift is yet to be processed. What
// it says may be in the record already, by a process that died before it could
// tell, and out of it for as long as a run knows nothing of it.
func (l *life) unsettled(id string) bool {
	return slices.ContainsFunc(l.received, func(e store.Event) bool {
		return e.TransactionID == id && (e.State == store.EventPending || e.State == store.EventWaiting)
	})
}

// unrecorded reports whether the file does not know that the record says this
// version: the process died between writing and recording it. Until the row is read
// again, an event that the version is too new for is applied to what the file knows.
func (l *life) unrecorded(st *store.Store, id string, to int) bool {
	known, ok, err := st.Gift(id)
	if err != nil {
		l.T.Error(err)
	}
	return ok && version(known.Gift.TrackingURL) < to
}

// claimed is when signed events say that a gift came to a status.
func (l *life) claimed(id, status string) (at []string) {
	for _, e := range l.acknowledged() {
		if e.TransactionID == id && e.Signed && string(e.Status) == status {
			at = append(at, e.At.UTC().Format("2006-01-02T15:04:05.000Z"))
		}
	}
	return at
}

// passedOver checks that the checkpoints have passed no row that is neither in
// HubSpot nor set aside.
func (l *life) passedOver(st *store.Store, records map[string]hubspottest.Record) {
	backfill, _, err1 := st.Checkpoint(giftsync.BackfillCheckpoint)
	changes, _, err2 := st.Checkpoint(giftsync.IncrementalCheckpoint)
	if err1 != nil || err2 != nil {
		l.T.Error(err1, err2)
	}
	// From here on the next pass lists again.
	again := changes.Watermarks["default"].Add(-15 * time.Minute)
	aside, err := st.QuarantinedByID(l.Thnks.IDs())
	if err != nil {
		l.T.Error(err)
	}
	for _, tx := range l.Thnks.Transactions() {
		if tx.ID == "" || l.gift(tx.ID).gone || l.graves.back[tx.ID] {
			continue
		}
		if _, ok := aside[tx.ID]; ok {
			continue
		}
		at := version(records[tx.ID].Properties["tracking_url"])
		for k, v := range slices.Backward(l.versions[tx.ID]) {
			if records[tx.ID].ID != "" && k <= at {
				break
			}
			switch showed := l.shows[tx.ID][k]; {
			case !backfill.Finished.IsZero() && !showed.After(backfill.Started):
				l.T.Errorf("the backfill passed over version %d of %s, which showed since %v", k, tx.ID, showed)
			case v.UpdatedAt.Before(again) && showed.Sub(v.UpdatedAt) < 15*time.Minute:
				l.T.Errorf("the watermark passed over version %d of %s, as of %v, which showed since %v: the next pass lists from %v on", k, tx.ID, v.UpdatedAt, showed, again)
			}
		}
	}
}

// audit checks that the audit names no person, and that of the last life it has an
// entry for every call that wrote, unless that life ended in between.
func (l *life) audit(st *store.Store) {
	noted := make(map[string]string)
	for e, err := range st.Audit(l.T.Context()) {
		if err != nil {
			l.T.Error(err)
		}
		text, err := json.Marshal(e)
		if err != nil {
			l.T.Error(err)
		}
		l.secret("audit entry", string(text))
		if e.CorrelationID != "" {
			noted[e.CorrelationID] = e.Path
		}
	}
	for id, path := range l.steps.Writes() {
		if noted[id] != path && l.steps.Death() == "" {
			l.T.Errorf("the audit has no entry for a call that wrote: %s %s", path, id)
		}
	}
}

// events checks that the file has every event that was acknowledged, and at the
// end that each has come to one.
func (l *life) events(st *store.Store, end bool) {
	l.T.Helper()
	have := make(map[uint64]store.Event)
	for e, err := range st.Events(l.T.Context(), store.EventFilter{}) {
		if err != nil {
			l.T.Error(err)
		}
		have[e.Seq] = e
	}
	for i, e := range l.received {
		is, ok := have[e.Seq]
		if ok {
			l.received[i].State = is.State
		}
		switch {
		case !ok:
			if e.DuplicateOf == 0 && time.Since(e.ReceivedAt) < 30*simulation.Day {
				l.T.Errorf("event %d is not in the file", e.Seq)
			}
		case e.DuplicateOf != 0 && is.Repeats == 0, e.DuplicateOf == 0 && e.Effect == store.EffectListed && is.State != store.EventListed:
			l.T.Errorf("event %d, duplicate of %d, is %s", e.Seq, e.DuplicateOf, is.State)
		case end && e.DuplicateOf == 0 && e.Effect != store.EffectListed:
			l.ended(e, is)
		}
	}
}

// ended checks the end of an event that has an effect.
func (l *life) ended(e, is store.Event) {
	tx, there := l.Thnks.Transaction(e.TransactionID)
	there = there && !tx.VisibleAfter.After(time.Now())
	_, known := l.gifts[e.TransactionID]
	gone := l.gift(e.TransactionID).gone
	switch {
	case is.State == store.EventApplied:
	case is.State == store.EventListed && is.Reason != "" && (gone || l.graves.rose[e.TransactionID]):
	case is.State == store.EventWaiting && is.Reason != "" && !there:
	case is.State == store.EventRefused && is.Reason != "" && (!there || time.Since(e.ReceivedAt) > 7*simulation.Day):
	default:
		l.T.Errorf("event %d of %s (there %v, known %v, deleted by people %v) is %s: %q, next %v", e.Seq, e.TransactionID, there, known, gone, is.State, is.Reason, is.NextTry)
	}
}

// converged checks everything that two passes bring about.
func (l *life) converged(st *store.Store, before map[string]map[string][]string, began time.Time) {
	l.T.Helper()
	l.events(st, true)
	if n, err := st.QuarantineCount(); err != nil || n != l.nameless {
		for q, err := range st.Quarantine(l.T.Context()) {
			l.T.Log(q.Key, q.Class, q.Reason, err)
		}
		l.T.Errorf("%d in quarantine (%v), want the %d rows without an id", n, err, l.nameless)
	}
	records := l.records()
	for _, tx := range l.Thnks.Transactions() {
		if tx.ID == "" {
			continue
		}
		g, r := l.gift(tx.ID), records[tx.ID]
		exists := r.ID != ""
		late := l.late(tx)
		if g.gone || !exists {
			if exists || !g.gone && !late {
				l.T.Errorf("transaction %s: record there %v, but deleted by people %v", tx.ID, exists, g.gone)
			}
			continue
		}
		if !late || version(r.Properties["tracking_url"]) == version(tx.TrackingURL) {
			l.compare(tx, g, r)
		}
		after := l.Links(r.ID)
		if !l.aside[tx.ID] || len(l.versions[tx.ID]) == 1 {
			l.judge(tx, g, before[tx.ID], after, began)
		} else {
			l.linksDue(tx, g, before[tx.ID], began) // notes what people parted
			if c := after["contacts"]; len(c) == 1 {
				g.contact = c[0]
			}
		}
		g.unfinished = false
		for kind, ids := range after {
			g.known[kind] = union(l.now(kind, g.known[kind]), ids)
		}
		have, ok, err := st.Gift(tx.ID)
		if err != nil || !ok || have.ObjectID != r.ID || (have.Orphan == "") != (len(after["contacts"]) > 0) && !g.open {
			l.T.Errorf("transaction %s: the journal has record %s, orphan %q; want %s with contacts %v (%v, %v)", tx.ID, have.ObjectID, have.Orphan, r.ID, after["contacts"], ok, err)
		}
		for kind, typ := range simulation.LinkTypes {
			for _, id := range after[typ] {
				if !knowsLink(have, kind, id) {
					l.T.Errorf("transaction %s: the journal does not know the link to %s %s", tx.ID, kind, id)
				}
			}
		}
	}
	for id := range records {
		if l.versions[id] == nil {
			l.T.Errorf("a record of %q, which Thnks never had", id)
		}
	}
}

// late reports whether a row began to show, with stamps of before, when nothing
// has been read again since.
func (l *life) late(tx thnksapitest.Transaction) bool {
	return !tx.VisibleAfter.IsZero() && tx.VisibleAfter.After(l.reread)
}

// compare holds a record against the row and the events that it stands for.
func (l *life) compare(tx thnksapitest.Transaction, g *modelGift, r hubspottest.Record) {
	l.T.Helper()
	// What was given up before its gift showed says nothing of it.
	events := slices.DeleteFunc(slices.Clone(l.received), func(e store.Event) bool { return e.State == store.EventRefused || e.DuplicateOf != 0 || l.passedBy(e) })
	events = append(events, l.forgot.relics...)
	want := simulation.ValuesDue(tx)
	for name, v := range map[string]string{
		"status": l.shownOf(tx, events, r), "parcel_status": simulation.ShownParcel(tx, events), "gift_name": tx.Gift.Name, "gift_type": tx.Gift.Type, "gift_currency": tx.Currency,
		"sender_name": tx.Sender.Name(), "sender_email": tx.Sender.Email, "recipient_name": tx.Recipient.Name(),
		"recipient_email": tx.Recipient.Email, "recipient_phone": tx.Recipient.Phone, "message": tx.Message, "thank_you_note": simulation.ShownNote(tx, events),
	} {
		want[name] = l.printed(v)
	}
	if s := l.shownOf(tx, slices.Concat(events, l.passed(tx.ID)), r); s == r.Properties["status"] {
		want["status"] = s
	}
	shown := plan.Status(want["status"])
	for s, at := range map[plan.Status]func(thnksapitest.Times) time.Time{
		plan.Scheduled: func(t thnksapitest.Times) time.Time { return t.Scheduled }, plan.Sent: func(t thnksapitest.Times) time.Time { return t.Sent },
		plan.Delivered: func(t thnksapitest.Times) time.Time { return t.Delivered }, plan.Opened: func(t thnksapitest.Times) time.Time { return t.Opened },
		plan.Redeemed: func(t thnksapitest.Times) time.Time { return t.Redeemed }, plan.Refunded: func(t thnksapitest.Times) time.Time { return t.Refunded },
		plan.Expired: func(t thnksapitest.Times) time.Time { return t.Expired }, plan.Undelivered: func(t thnksapitest.Times) time.Time { return t.Undelivered },
		plan.Donated: func(t thnksapitest.Times) time.Time { return t.Donated },
	} {
		name := string(s) + "_date"
		format := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
		if t := at(tx.Times); likely(t) {
			want[name] = format(t)
			continue
		}
		// What an earlier version or a claim said may stand. It must where the
		// claim still counts.
		may := []string{""}
		if s == shown && string(s) != simulation.StatusOf(tx) && !unheardOf(tx) {
			may = nil
		}
		may = append(may, l.claimed(tx.ID, string(s))...)
		for _, v := range l.versions[tx.ID] {
			if t := at(v.Times); likely(t) {
				may = append(may, format(t))
			}
		}
		if want[name] = r.Properties[name]; !g.mixed && !slices.Contains(may, want[name]) {
			want[name] = fmt.Sprint("one of ", may)
		}
	}
	got := make(map[string]string)
	for k, v := range want {
		if got[k] = r.Properties[k]; g.mixed && v == "" {
			got[k] = "" // the merge filled it in
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		l.T.Errorf("transaction %s: record differs (-want +got):\n%s", tx.ID, diff)
	}
}
