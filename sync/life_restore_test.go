package sync_test

import (
	"context"
	"slices"
	"time"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
)

// A graveyard is what people have deleted and brought back.
type graveyard struct {
	missed map[string][]string // records that the program knows to be deleted, by type
	back   map[string]bool     // gifts whose records it knew to be deleted, and has not read again since
	rose   map[string]bool     // gifts that ever were among those
}

// burials are what people delete and bring back, beside [model.edits]: rarely at
// other times, so that here it has to be more.
func (l *life) burials() []weighted {
	return []weighted{
		{3, "people: contact deleted", l.deleteContact},
		{4, "people: gift deleted", l.deleteGift},
		{8, "people: contact restored", l.restoreContact},
		{8, "people: gift restored", l.restoreGift},
	}
}

// buried are the records of a type that people have deleted.
func (l *life) buried(kind string) []string {
	var ids []string
	for id, r := range l.Portal.Snapshot()[kind] {
		if r.Archived {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// restoreContact brings back a contact that people deleted, without what it was
// linked to. A gift of which the program knows that its contact was gone is an
// orphan like any other. Where it has not noticed, the two were parted by people.
func (l *life) restoreContact() {
	ids := l.buried("contacts")
	if len(ids) == 0 {
		return
	}
	id := ids[l.rng.IntN(len(ids))]
	if !l.Portal.Restore("contacts", id) {
		l.note("contact %s cannot be restored: its address is taken", id)
		return
	}
	l.note("contact %s restored", id)
	if !slices.Contains(l.graves.missed["contacts"], id) {
		return
	}
	for _, g := range l.gifts {
		g.known["contacts"] = without(l.now("contacts", g.known["contacts"]), []string{id})
		if now := l.now("contacts", []string{g.contact}); now[0] == id {
			g.contact = ""
		}
	}
}

// restoreGift brings back a gift's record that people deleted, without what it
// was linked to. Where the program knew of the deletion, it has passed over
// what Thnks and events said since, and has forgotten the links: the record is
// like one that is not linked yet. Where it did not, users took its links.
func (l *life) restoreGift() {
	ids := l.buried("thnks")
	if len(ids) == 0 {
		return
	}
	object := ids[l.rng.IntN(len(ids))]
	r, _ := l.Portal.Record("thnks", object)
	id := r.Properties["thnks_transaction_id"]
	if !l.Portal.Restore("thnks", object) {
		l.T.Errorf("the deleted record of %s cannot be restored: it has another", id)
		return
	}
	l.note("gift %s restored", id)
	g := l.gift(id)
	g.gone = false
	if slices.Contains(l.graves.missed["thnks"], object) {
		*g = modelGift{known: make(map[string][]string), others: make(map[string][]string), mixed: g.mixed}
		l.graves.back[id], l.graves.rose[id] = true, true
	}
}

// resurrect has the program look at the records that came back, and read what it
// passed over. They are linked by what they say until that is read: to the contact
// of another recipient, where Thnks has got one meanwhile.
func (l *life) resurrect(ctx context.Context, e *giftsync.Engine, before map[string]map[string][]string) {
	if len(l.graves.back) == 0 {
		return
	}
	l.well(ctx, e, giftsync.Request{Mode: giftsync.ReassociateAll})
	records := l.records()
	for id := range l.graves.back {
		g, links := l.gift(id), l.Links(records[id].ID)
		if tx, ok := l.Thnks.Transaction(id); !ok || tx.Recipient.Email == records[id].Properties["recipient_email"] || len(links["contacts"]) != 1 {
			continue
		}
		before[id], g.contact = links, links["contacts"][0]
		for kind, ids := range links {
			g.known[kind] = union(g.known[kind], ids)
		}
	}
	l.well(ctx, e, giftsync.Request{Mode: giftsync.Backfill})
	time.Sleep(modelSettled)
	clear(l.graves.back)
}

// lookBack notes that the program has read and looked at everything.
func (l *life) lookBack() {
	l.pinned = true
	clear(l.forgot.falling)
	l.graves.missed = map[string][]string{"contacts": l.buried("contacts"), "thnks": l.buried("thnks")}
}

// passedBy reports whether an event came while its gift's record was deleted,
// which changes nothing when it comes back.
func (l *life) passedBy(e store.Event) bool {
	return e.State == store.EventListed && l.graves.rose[e.TransactionID]
}

// passed are those events about a gift: what they claim may show or not.
func (l *life) passed(id string) []store.Event {
	return slices.DeleteFunc(slices.Clone(l.received), func(e store.Event) bool { return e.TransactionID != id || !l.passedBy(e) || e.DuplicateOf != 0 })
}
