package sync

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// commitGifts bounds a commit. A larger one would hold the file's only writer
// for too long.
const commitGifts = 500

// Actions of audit entries.
const (
	actionCreate    = "create"
	actionUpdate    = "update"
	actionAssociate = "associate"
	actionSchema    = "schema"
	actionRecovered = "recovered" // a run that died had written it
)

// An effect is what became of one gift's record: what the journal will hold,
// and the links that are still to be made.
type effect struct {
	stored  plan.Stored
	pending []plan.Link

	created  bool        // the record is new
	linkOnly bool        // links are all that the change is about
	linked   int         // links made
	lost     []plan.Link // links that an end of was not found
}

// record notes that the change's properties are written. The pending links
// count only once they are made.
func (b *batch) record(c plan.Change, objectID string, pending []plan.Link) {
	e := &effect{stored: b.present(c, objectID), created: c.Action == plan.Create, linkOnly: c.Action == plan.Update && len(c.Properties) == 0}
	for _, l := range pending {
		e.stored.Links = slices.DeleteFunc(e.stored.Links, func(m plan.Link) bool { return m.Kind == l.Kind && m.ID == l.ID })
		if l.Kind == plan.Contact {
			e.stored.Orphan = cmp.Or(c.Have.Orphan, plan.NoContact)
		}
		e.pending = append(e.pending, l)
	}
	b.effects = append(b.effects, e)
}

// present is what the journal holds once the change is made. A gift that its
// source lists is not gone.
func (b *batch) present(c plan.Change, objectID string) plan.Stored {
	s := c.Stored(objectID)
	if b.window.source != "" {
		s.Gone = time.Time{}
	}
	if b.doubtful[s.Gift.ID] {
		s.Mapping = 0
	}
	return s
}

// doubt notes, before records are changed, that from here on they may say
// something else than the journal does. Where the process dies or the answer gets
// lost before what became of it is recorded, the next plan may be what the journal
// has, and nothing would tell that the record needs it: so it is written in full
// when it is next met.
//
// A record that the journal does not know yet is met again, and read.
func (b *batch) doubt(changes []plan.Change) error {
	var gifts []plan.Stored
	for _, c := range changes {
		if have, ok := b.have[c.Gift.ID]; ok && have.Mapping > 0 && !b.doubtful[c.Gift.ID] {
			have.Mapping = 0
			gifts = append(gifts, have)
		}
	}
	for some := range slices.Chunk(gifts, commitGifts) {
		if err := b.Journal.Commit(store.Commit{Gifts: some}); err != nil {
			return fmt.Errorf("noting what is about to be written: %w", err)
		}
	}
	return nil
}

// keepDoubts has records in doubt that the batch knows from events alone stay so:
// what is to be written in full is the source's newest version, and the journal's
// may be an older one than the record's. Of these, what the events change is
// written.
func (b *batch) keepDoubts() {
	for id, have := range b.have {
		if have.Mapping > 0 || !b.hearsay(id) {
			continue
		}
		if b.doubtful == nil {
			b.doubtful = make(map[string]bool)
		}
		b.doubtful[id] = true
		have.Mapping = plan.Mapping
		b.have[id] = have
	}
}

// link notes that a pending link is made.
func (e *effect) link(l plan.Link) {
	e.forgo(l)
	e.linked++
	e.stored.Links = plan.SortLinks(append(e.stored.Links, l))
	if l.Kind == plan.Contact {
		e.stored.Orphan = ""
	}
}

// refuse notes that HubSpot would not make a pending link.
func (e *effect) refuse(l plan.Link) {
	e.forgo(l)
	l.Refused = true
	e.stored.Links = plan.SortLinks(append(e.stored.Links, l))
}

// forgo takes a link off the pending ones.
func (e *effect) forgo(l plan.Link) {
	e.pending = slices.DeleteFunc(e.pending, func(m plan.Link) bool { return m.Kind == l.Kind && m.ID == l.ID })
}

// tombstone notes that people deleted the record: it is not written again.
func (b *batch) tombstone(c plan.Change, objectID string) {
	e := &effect{stored: c.Stored(objectID)}
	b.effects = append(b.effects, e)
	b.bury(e)
}

// bury makes an effect that of a record which people deleted.
func (b *batch) bury(e *effect) {
	e.stored.Links, e.stored.Deleted = nil, b.started
	e.pending, e.linkOnly = nil, false
	b.tally.add(e.stored.Gift.ID, endDeleted)
	b.log.Info("record was deleted in HubSpot and stays deleted", "transaction", e.stored.Gift.ID, "object", e.stored.ObjectID)
}

// audit notes the call that wrote to the gift's record. Gifts of one batch
// share the call and so the entry.
func (b *batch) audit(action string, call *hubspot.Call, giftID string, reasons []string) {
	if call == nil {
		return
	}
	e, ok := b.entries[call]
	if !ok {
		e = &store.AuditEntry{
			At: call.At, Run: b.id, Action: action,
			Method: call.Method, Path: call.Path, Status: call.Status, CorrelationID: call.CorrelationID,
		}
		b.entries[call] = e
		b.calls = append(b.calls, call)
	}
	e.TransactionIDs = append(e.TransactionIDs, giftID)
	for _, reason := range reasons {
		if !slices.Contains(e.Reasons, reason) {
			e.Reasons = append(e.Reasons, reason)
		}
	}
}

// quarantine sets a gift aside whose record HubSpot refused.
func (b *batch) quarantine(c plan.Change, err error) {
	q := b.refusal(c, err)
	b.suspect = b.suspect || refused(err)
	if b.hearsay(c.Gift.ID) {
		b.reject(c.Gift.ID, q)
	} else {
		b.quarantined = append(b.quarantined, q)
	}
	b.tally.add(c.Gift.ID, endQuarantined)
	b.log.Warn("record quarantined", "transaction", c.Gift.ID, "class", q.Class, "correlation", q.CorrelationID)
}

// refusal is the quarantine's entry for a gift whose record HubSpot refused,
// with HubSpot's reason.
func (b *batch) refusal(c plan.Change, err error) store.Quarantined {
	q := store.Quarantined{
		Key:           c.Gift.ID,
		TransactionID: c.Gift.ID,
		Class:         classRefused,
		Reason:        err.Error(),
		Row:           b.window.raw[c.Gift.ID],
	}
	var he *hubspot.Error
	if errors.As(err, &he) {
		q.Class = refusalClass(he)
		q.CorrelationID = he.CorrelationID
		if he.Message != "" {
			q.Reason = he.Message
		}
	}
	return b.dated(q)
}

// refusalClass groups refusals by what HubSpot's error is about, without its
// prose.
func refusalClass(he *hubspot.Error) string {
	class := classRefused
	for _, d := range he.Details {
		if d.Code != "" {
			class += ":" + d.Code
			if d.Property != "" {
				class += ":" + d.Property
			}
			return class
		}
	}
	if he.SubCategory != "" {
		return class + ":" + he.SubCategory
	}
	if he.Category != "" {
		return class + ":" + he.Category
	}
	return class
}

// quarantineRow sets a row aside that is no gift.
func (b *batch) quarantineRow(row badRow) {
	b.quarantined = append(b.quarantined, b.dated(store.Quarantined{Key: row.key, Class: row.class, Reason: row.reason, Row: row.raw}))
	b.tally.add(row.counted(), endQuarantined)
}

func (b *batch) dated(q store.Quarantined) store.Quarantined {
	q.First, q.Last = b.started, b.started
	q.Attempts = 1
	q.RowDigest = digest(q.Row)
	return q
}

// maxSamples is how many of the records that stopped a run are shown.
const maxSamples = 3

// sample keeps some of the refusals that ended a call early, for a person to
// look at in the quarantine.
func (b *batch) sample(c plan.Change, err error) {
	if refused(err) && len(b.samples) < maxSamples && !b.hearsay(c.Gift.ID) {
		b.samples = append(b.samples, b.refusal(c, err))
	}
}

// stop turns what was quarantined in a window that cannot be finished into
// samples: none of it is set aside, all is tried again by the next run.
func (b *batch) stop(fatal bool) {
	samples := append(b.samples, b.quarantined...)
	for _, q := range b.quarantined {
		b.tally.release(q.Key)
	}
	for _, row := range b.window.bad {
		b.tally.release(row.counted())
	}
	for id := range b.rejected {
		b.tally.release(id)
	}
	b.quarantined, b.rejected = nil, nil
	if !fatal {
		return
	}
	for _, q := range samples[:min(len(samples), maxSamples)] {
		q.Class = classSchemaProblem
		b.quarantined = append(b.quarantined, q)
	}
}

// heal notes that a gift which waited in the quarantine got through.
func (b *batch) heal(giftID string) {
	if _, ok := b.jailed[giftID]; ok {
		b.healed = append(b.healed, giftID)
	}
}

// judge asks the guard whether what was refused still looks like the rows'
// own fault.
func (b *batch) judge(changes []plan.Change) error {
	if b.mode == Retry {
		return nil // these were all refused before
	}
	classes := make(map[string]string, len(b.quarantined))
	for _, q := range b.quarantined {
		classes[q.Key] = q.Class
	}
	for id, q := range b.rejected {
		classes[id] = q.Class
	}
	for _, c := range changes {
		if err := b.refusals.add(classes[c.Gift.ID]); err != nil {
			return err
		}
	}
	return nil
}

// commit makes the effects durable, at most commitGifts a transaction, each with
// the events that it comes from. The audit goes with the first of them and last,
// which may move the checkpoint, with the last: so no effect is without its
// entry, and the checkpoint never passes a gift that is not recorded. Gifts with
// links still pending are not recorded: the next run meets their records again
// and makes the links.
func (b *batch) commit(last store.Commit) error {
	var next store.Commit
	for _, call := range b.calls {
		next.Audit = append(next.Audit, *b.entries[call])
	}
	makeRoom := func() error {
		if len(next.Gifts) < commitGifts && len(next.Events) < commitEvents {
			return nil
		}
		if err := b.Journal.Commit(next); err != nil {
			return fmt.Errorf("recording what was written: %w", err)
		}
		next = store.Commit{}
		return nil
	}
	for _, e := range b.effects {
		if len(e.pending) > 0 {
			continue
		}
		if err := makeRoom(); err != nil {
			return err
		}
		next.Gifts = append(next.Gifts, e.stored)
		next.Events = append(next.Events, b.settle(e.stored)...)
		b.heal(e.stored.Gift.ID)
	}
	for _, s := range b.certain {
		if err := makeRoom(); err != nil {
			return err
		}
		next.Gifts = append(next.Gifts, s)
	}
	for len(b.missed) > commitGifts {
		if err := b.Journal.Commit(store.Commit{Missed: b.missed[:commitGifts], MissedAt: b.started}); err != nil {
			return fmt.Errorf("recording who was not found: %w", err)
		}
		b.missed = b.missed[commitGifts:]
	}
	for len(b.quarantined) > commitGifts {
		if err := b.Journal.Commit(store.Commit{Quarantine: b.quarantined[:commitGifts]}); err != nil {
			return fmt.Errorf("recording what was quarantined: %w", err)
		}
		b.quarantined = b.quarantined[commitGifts:]
	}
	next.Quarantine, next.Healed = b.quarantined, b.healed
	next.Missed, next.MissedAt = b.missed, b.started
	next.Checkpoints, next.Meta = last.Checkpoints, last.Meta
	next.Events = append(append(next.Events, b.dismiss()...), last.Events...)
	if empty(next) {
		return nil
	}
	if err := b.Journal.Commit(next); err != nil {
		return fmt.Errorf("recording what was written: %w", err)
	}
	return nil
}

func empty(c store.Commit) bool {
	return len(c.Gifts)+len(c.Quarantine)+len(c.Healed)+len(c.Missed)+len(c.Audit)+len(c.Checkpoints)+len(c.Meta)+len(c.Events) == 0
}

// stored reads a record found in HubSpot as what the journal would hold of it.
// Its links are not known from it. One with values that cannot be read counts
// as written with an older mapping, so that it is written again in full; one
// without a transaction id is an error: people made it, and it is not ours.
func stored(o hubspot.Object) (plan.Stored, error) {
	g, err := plan.FromProperties(o.Properties)
	if g.ID == "" {
		return plan.Stored{}, err
	}
	s := plan.Stored{ObjectID: o.ID, Gift: g.Redacted(), Mapping: plan.Mapping, Orphan: plan.NoContact}
	if err != nil {
		s.Mapping = 0
	}
	switch _, ok := plan.CanonicalEmail(g.Recipient.Email); {
	case g.Recipient.Email == "":
		s.Orphan = plan.NoEmail
	case !ok:
		s.Orphan = plan.BadEmail
	}
	return s, nil
}
