package sync

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
)

// results are what a batch has done so far, to be committed together.
type results struct {
	run    *run
	in     *input
	loaded *loaded

	effects       []*effect
	unwritten     []plan.Stored                // what updates that HubSpot refused left as it was: see markStale
	schemaSuspect bool                         // HubSpot refused a record, which may be for the definition
	quarantined   []store.Quarantined          // set aside
	samples       []store.Quarantined          // refusals that ended a call early
	released      []string                     // quarantine keys of gifts that got through
	rejected      map[string]store.Quarantined // gifts known from events alone that HubSpot refused
	missed        []string                     // addresses that no contact has
	owes          bool                         // orphans among the effects are still to be searched
	audit         auditLog
	sends         map[string]store.Send // that the batch shows, by transaction id
	shown         []store.Send          // of these
}

// showSend records that HubSpot shows a send, if the gift is one's.
func (res *results) showSend(giftID string) {
	if s, ok := res.sends[giftID]; ok {
		res.shown = append(res.shown, s)
		delete(res.sends, giftID)
	}
}

// An effect is the outcome of one gift's change: what the journal will hold,
// and the links that are still to be made.
type effect struct {
	stored  plan.Stored
	pending []plan.Link

	created  bool        // the record is new
	linkOnly bool        // links are all that the change is about
	linked   int         // links made
	missing  []plan.Link // links that an end of was not found
}

// addEffect records that the change's properties are written. The pending
// links count only once they are made.
func (res *results) addEffect(c plan.Change, objectID string, pending []plan.Link) {
	e := &effect{stored: res.storedAfter(c, objectID), created: c.Action == plan.Create, linkOnly: c.Action == plan.Update && len(c.Properties) == 0}
	for _, l := range pending {
		e.stored.Links = slices.DeleteFunc(e.stored.Links, func(m plan.Link) bool { return m.Kind == l.Kind && m.ID == l.ID })
		if l.Kind == plan.Contact {
			e.stored.Orphan = cmp.Or(c.Have.Orphan, plan.NoContact)
		}
		e.pending = append(e.pending, l)
	}
	res.effects = append(res.effects, e)
}

// storedAfter returns the journal entry after the change. A listed gift is no
// longer marked gone.
func (res *results) storedAfter(c plan.Change, objectID string) plan.Stored {
	s := c.Stored(objectID)
	if _, whole := c.Properties[portal.KeyProperty]; whole && c.Action != plan.Skip {
		s.Mapping = res.run.rules().Mapping()
	}
	if res.in.policy.listed {
		s.Gone = time.Time{}
	}
	if res.loaded.stale[s.Gift.ID] {
		s.Mapping = 0
	}
	return s
}

// link records that a pending link is made.
func (e *effect) link(l plan.Link) {
	e.dropPending(l)
	e.linked++
	e.stored.Links = plan.SortLinks(append(e.stored.Links, l))
	if l.Kind == plan.Contact {
		e.stored.Orphan = ""
	}
}

// refuse records that HubSpot would not make a pending link.
func (e *effect) refuse(l plan.Link) {
	e.dropPending(l)
	l.Refused = true
	e.stored.Links = plan.SortLinks(append(e.stored.Links, l))
}

func (e *effect) dropPending(l plan.Link) {
	e.pending = slices.DeleteFunc(e.pending, func(m plan.Link) bool { return m.Kind == l.Kind && m.ID == l.ID })
}

// addTombstone records that users deleted the record: it is not written again.
func (res *results) addTombstone(c plan.Change, objectID string) {
	e := &effect{stored: c.Stored(objectID)}
	res.effects = append(res.effects, e)
	res.markDeleted(e)
}

// markDeleted turns an effect into a tombstone.
func (res *results) markDeleted(e *effect) {
	e.stored.Links, e.stored.Deleted = nil, res.run.started
	e.pending, e.linkOnly = nil, false
	res.run.counts.tally.add(e.stored.Gift.ID, countedDeleted)
	res.run.logDeleted(e.stored.Gift.ID, e.stored.ObjectID)
}

func (r *run) logDeleted(giftID, objectID string) {
	r.log.Info("record was deleted in HubSpot and stays deleted", logTransaction, giftID, logObject, objectID)
}

func (r *run) logMerged(giftID, objectID, into string) {
	r.log.Info("record was merged in HubSpot", logTransaction, giftID, logObject, objectID, logInto, into)
}

// An auditLog gathers the audit entries of a batch, one for each call. Gifts
// written by one call share its entry.
type auditLog struct {
	run     string
	entries []*store.AuditEntry
	of      map[*hubspot.Call]*store.AuditEntry
}

// add records the call that wrote to the gift's record.
func (a *auditLog) add(action string, call *hubspot.Call, giftID string, reasons []string) {
	if call == nil {
		return
	}
	e, ok := a.of[call]
	if !ok {
		e = &store.AuditEntry{
			At: call.At, Run: a.run, Action: action,
			Method: call.Method, Path: call.Path, Status: call.Status, CorrelationID: call.CorrelationID,
		}
		if a.of == nil {
			a.of = make(map[*hubspot.Call]*store.AuditEntry)
		}
		a.of[call] = e
		a.entries = append(a.entries, e)
	}
	e.TransactionIDs = append(e.TransactionIDs, giftID)
	for _, reason := range reasons {
		if !slices.Contains(e.Reasons, reason) {
			e.Reasons = append(e.Reasons, reason)
		}
	}
}

// quarantine sets a gift aside whose record HubSpot refused or fails at.
func (res *results) quarantine(c plan.Change, err error) {
	res.schemaSuspect = res.schemaSuspect || portal.IsRefused(err)
	res.putAside(c, res.refusal(c, err))
}

// quarantineWaiting sets a gift aside that is created when its recipient has
// become a contact.
func (res *results) quarantineWaiting(c plan.Change, err error) {
	q := res.refusal(c, err)
	q.Class = ClassNeedsContact
	q.Reason = "an admin has made a contact required of new records in HubSpot, and the recipient is none: the record is created within a day of the contact, or when that is no longer required"
	res.putAside(c, q)
}

// putAside sets a gift aside.
func (res *results) putAside(c plan.Change, q store.Quarantined) {
	if res.loaded.eventsOnly(c.Gift.ID) {
		if res.rejected == nil {
			res.rejected = make(map[string]store.Quarantined)
		}
		res.rejected[c.Gift.ID] = q
	} else {
		res.quarantined = append(res.quarantined, q)
	}
	res.run.counts.tally.add(c.Gift.ID, countedQuarantined)
	res.run.log.Warn("record quarantined", logTransaction, c.Gift.ID, logClass, q.Class, logCorrelation, q.CorrelationID)
}

// refusal is the quarantine's entry for a gift whose record HubSpot refused,
// with HubSpot's reason.
func (res *results) refusal(c plan.Change, err error) store.Quarantined {
	q := store.Quarantined{
		Key:           c.Gift.ID,
		TransactionID: c.Gift.ID,
		Class:         classRefused,
		Reason:        err.Error(),
		Row:           res.in.rows[c.Gift.ID],
		Source:        sourceOf(res.run, res.in.lines[c.Gift.ID]),
		GiftName:      c.Gift.Name,
		Date:          dateOf(c.Gift),
	}
	var he *hubspot.Error
	if errors.As(err, &he) {
		q.Class = refusalClass(he)
		q.CorrelationID = he.CorrelationID
		if he.Kind == hubspot.Unprocessable {
			q.Class = classBreaks
		} else if he.Message != "" {
			q.Reason = he.Message
		}
	}
	return res.run.dated(q)
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

// quarantineRestored sets a gift aside whose record HubSpot does not let be
// created, because the deleted one still has its transaction id. The journal's
// tombstone stays.
func (res *results) quarantineRestored(c plan.Change, objectID string) {
	res.quarantined = append(res.quarantined, res.run.dated(store.Quarantined{
		Key:           c.Gift.ID,
		TransactionID: c.Gift.ID,
		Class:         classDeleted,
		Reason:        "HubSpot keeps the deleted record " + objectID + " and will not have a second one with its transaction id: restore it in HubSpot (the object's list, Actions, Restore records), then run sync --restore " + c.Gift.ID,
		Row:           res.in.rows[c.Gift.ID],
		Source:        sourceOf(res.run, res.in.lines[c.Gift.ID]),
		GiftName:      c.Gift.Name,
		Date:          dateOf(c.Gift),
	}))
	res.run.counts.tally.add(c.Gift.ID, countedQuarantined)
}

// quarantineRow sets a row aside that is no gift.
func (res *results) quarantineRow(row badRow) {
	keepAside(res.run, row)
	res.quarantined = append(res.quarantined, res.run.dated(store.Quarantined{Key: row.key, TransactionID: row.id, Class: row.why.class, Reason: row.why.reason, Row: row.raw, Source: sourceOf(res.run, row.line)}))
	res.run.counts.tally.add(row.countedAs(), countedQuarantined)
}

// sourceOf says where a row of the run stands: in which file, at which line.
func sourceOf(r *run, line int) string {
	if r.req.From == "" || line == 0 {
		return ""
	}
	return fmt.Sprintf("%s, line %d", filepath.Base(r.req.From), line)
}

// dateOf is the day that people know a gift by: when it was sent, or else made.
func dateOf(g plan.Gift) time.Time {
	if at := g.Times[plan.Sent]; !at.IsZero() {
		return at
	}
	return g.CreatedAt
}

func (r *run) dated(q store.Quarantined) store.Quarantined {
	q.First, q.Last = r.started, r.started
	q.Attempts = 1
	q.RowDigest = digest(q.Row)
	if namesErased(r.cfg().Suppressed, q.Row) { // of a sender, for whose row the source is asked again
		q.Row = nil
	}
	return q
}

// maxSamples is how many of the records that stopped a run are shown.
const maxSamples = 3

// sample keeps some of the refusals that ended a call early, for an admin to
// look at in the quarantine.
func (res *results) sample(c plan.Change, err error) {
	if portal.IsRefused(err) && len(res.samples) < maxSamples && !res.loaded.eventsOnly(c.Gift.ID) {
		res.samples = append(res.samples, res.refusal(c, err))
	}
}

// dropQuarantine sets nothing aside of a batch that cannot be finished: all of
// it is tried again by the next run. After a fatal error some refusals are kept
// as samples.
func (res *results) dropQuarantine(fatal bool) {
	samples := slices.DeleteFunc(append(res.samples, res.quarantined...), func(q store.Quarantined) bool { return q.Class == ClassNeedsContact })
	tally := &res.run.counts.tally
	for _, q := range res.quarantined {
		tally.release(q.Key)
	}
	for _, row := range res.in.bad {
		tally.release(row.countedAs())
	}
	for id := range res.rejected {
		tally.release(id)
	}
	res.quarantined, res.rejected = nil, nil
	if !fatal {
		return
	}
	for _, q := range samples[:min(len(samples), maxSamples)] {
		q.Class = ClassSchemaProblem
		res.quarantined = append(res.quarantined, q)
	}
}

// leaveQuarantine records that a gift which was in quarantine got through.
func (res *results) leaveQuarantine(giftID string) {
	if _, ok := res.loaded.quarantine[giftID]; ok {
		res.released = append(res.released, giftID)
	}
	if res.loaded.readWell {
		res.released = append(res.released, res.run.counts.failures.aside[giftID]...)
	}
}

// checkFailureRate fails when refusals are too frequent to be caused by single
// rows.
func (res *results) checkFailureRate(changes []plan.Change) error {
	if !res.in.policy.countFailures {
		return nil
	}
	classes := make(map[string]string, len(res.quarantined))
	for _, q := range res.quarantined {
		classes[q.Key] = q.Class
	}
	for id, q := range res.rejected {
		classes[id] = q.Class
	}
	for _, c := range changes {
		class := classes[c.Gift.ID]
		if class == ClassNeedsContact {
			class = "" // nothing is wrong with the object
		}
		if err := res.run.counts.failures.refused.add(class); err != nil {
			return err
		}
	}
	return nil
}
