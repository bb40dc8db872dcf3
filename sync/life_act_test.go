package sync_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// acts lets people edit the portal, Thnks change its rows and events set out.
func (l *life) acts() {
	edits := append(l.edits(), l.burials()...)
	for range 1 + l.rng.IntN(l.scope.acts) {
		if l.rng.IntN(2) == 0 {
			l.oneOf(edits)
		} else {
			l.source()
		}
		if l.rowing.IntN(8) == 0 {
			l.touch(one(l.rowing, l.Thnks.IDs()))
		}
		time.Sleep(time.Duration(l.rng.IntN(300)) * time.Second)
	}
}

// source is something that happens at Thnks.
func (l *life) source() { l.oneOf(l.happenings()) }

func (l *life) happenings() []weighted {
	return []weighted{
		{4, "Thnks: new gifts", l.newGifts},
		{8, "Thnks: gift proceeds", l.proceed},
		{2, "Thnks: gift corrected", l.correct},
		{2, "Thnks: other recipient", l.readdress},
		{1, "Thnks: many of one stamp", l.sameStamp},
		{1, "Thnks: row deleted", l.deleteRow},
		{2, "Thnks: unknown status", l.puzzle},
		{8, "Thnks: event alone", l.tell},
	}
}

// marker is what tells the versions of a row apart, in the portal too.
func marker(id string, version int) string {
	return fmt.Sprintf("https://t.example/%s/%04d", id, version)
}

// version is the number in a marker.
func version(marker string) (n int) {
	_, _ = fmt.Sscanf(marker[strings.LastIndexByte(marker, '/')+1:], "%d", &n)
	return n
}

// add adds a row, and change changes one.
func (l *life) add(tx thnksapitest.Transaction) {
	l.personal(&tx)
	tx.TrackingURL = marker(tx.ID, 0)
	l.Thnks.Add(tx)
	l.keep(tx)
}

func (l *life) change(id string, at time.Time, f func(*thnksapitest.Transaction)) {
	l.Thnks.Update(id, func(tx *thnksapitest.Transaction) {
		if !at.After(tx.UpdatedAt) {
			at = tx.UpdatedAt.Add(time.Microsecond)
		}
		f(tx)
		tx.UpdatedAt, tx.TrackingURL = at, marker(id, len(l.versions[id]))
		l.keep(*tx)
	})
}

// keep remembers a version of a row.
func (l *life) keep(tx thnksapitest.Transaction) {
	from := time.Now()
	if tx.VisibleAfter.After(from) {
		from = tx.VisibleAfter
	}
	l.versions[tx.ID] = append(l.versions[tx.ID], tx)
	l.shows[tx.ID] = append(l.shows[tx.ID], from)
}

// lately is a stamp of a change that shows now: at times the same as another's,
// up to ten minutes old, or by a clock that is up to ten minutes fast.
func (l *life) lately() time.Time {
	at := time.Now().UTC().Truncate(time.Microsecond)
	switch l.rng.IntN(8) {
	case 0, 1:
		return at.Truncate(time.Minute)
	case 2, 3:
		return at.Add(-time.Duration(l.rng.IntN(600)) * time.Second)
	case 4:
		l.ahead = at.Add(time.Duration(1+l.rng.IntN(600)) * time.Second)
		return l.ahead
	}
	return at
}

// row is the id of one that Thnks has.
func (l *life) row() string {
	return one(l.rng, l.Thnks.IDs())
}

// one is one of several ids, "" where there is none.
func one(rng *rand.Rand, ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return ids[rng.IntN(len(ids))]
}

// newGifts adds some rows, of people who have had gifts. One may show hours
// later, with its stamps of now.
func (l *life) newGifts() {
	at := l.lately()
	for range 1 + l.rng.IntN(3) {
		tx := thnksapitest.Generate(thnksapitest.Data{Seed: l.rng.Uint64(), N: 1})[0]
		tx.ID = simulation.ID(len(l.versions) + 1)
		if l.rng.IntN(6) == 0 {
			tx.Gift.Type = ""
		}
		tx.CreatedAt, tx.UpdatedAt, tx.Status, tx.Times = at, at, "sent", thnksapitest.Times{Sent: at}
		if l.rng.IntN(6) == 0 {
			tx.VisibleAfter = time.Now().Add(time.Duration(1+l.rng.IntN(20)) * time.Hour)
		}
		if known := l.row(); known != "" && l.rng.IntN(3) > 0 {
			tx.Recipient = l.versions[known][0].Recipient
			tx.Recipient.FirstName = strings.TrimPrefix(tx.Recipient.FirstName, l.canary)
			tx.Recipient.Email = strings.TrimPrefix(tx.Recipient.Email, l.canary+".")
		}
		l.add(tx)
		l.note("Thnks: new gift %s of %v, shows from %v", tx.ID, at, tx.VisibleAfter)
	}
}

// proceed takes a gift a step further, of which an event may tell.
func (l *life) proceed() {
	id := l.row()
	at := l.lately()
	l.change(id, at, func(tx *thnksapitest.Transaction) {
		switch tx.Status {
		case "scheduled":
			tx.Status, tx.Times.Sent = "sent", at
		case "sent":
			tx.Status, tx.Times.Delivered = "delivered", at
		case "delivered":
			tx.Status, tx.Times.Opened = "opened", at
		case "opened":
			tx.Status, tx.Times.Redeemed = "redeemed", at
		case "expired":
			tx.Status, tx.Times.Refunded = "refunded", at
		default:
			tx.Message += "!"
		}
	})
	tx, _ := l.Thnks.Transaction(id)
	l.note("Thnks: %s is %s as of %v", id, tx.Status, tx.UpdatedAt)
	if !unheardOf(tx) && l.rng.IntN(2) == 0 {
		l.post(id, plan.ParseStatus(tx.Status), at)
	}
}

// correct takes a gift back a step: what was said of it was wrong.
func (l *life) correct() {
	id := l.row()
	l.change(id, l.lately(), func(tx *thnksapitest.Transaction) {
		switch tx.Status {
		case "redeemed":
			tx.Status, tx.Times.Redeemed = "opened", time.Time{}
		case "opened":
			tx.Status, tx.Times.Opened = "delivered", time.Time{}
		default:
			tx.Amount, tx.Gift.Name = "12.34", tx.Gift.Name+" (corrected)"
		}
	})
	l.note("Thnks: %s corrected", id)
}

// readdress gives a gift another recipient's address, or none.
func (l *life) readdress() {
	id, other := l.row(), l.row()
	address := ""
	if other != "" && l.rng.IntN(4) > 0 {
		tx, _ := l.Thnks.Transaction(other)
		address = tx.Recipient.Email
	}
	l.change(id, l.lately(), func(tx *thnksapitest.Transaction) { tx.Recipient.Email = address })
	l.note("Thnks: %s goes to %q", id, address)
}

// sameStamp changes many gifts with one stamp, more than fit a page.
func (l *life) sameStamp() {
	at := time.Now().UTC().Truncate(time.Second)
	for _, id := range l.Thnks.IDs() {
		if l.rng.IntN(2) == 0 {
			l.change(id, at, func(tx *thnksapitest.Transaction) { tx.Message += "." })
		}
	}
	l.note("Thnks: many gifts changed as of %v", at)
}

func (l *life) deleteRow() {
	if id := l.row(); id != "" {
		l.Thnks.Delete(id)
		l.lost[id] = true
		l.note("Thnks: %s deleted", id)
	}
}

// tell lets an event set out that no change at Thnks goes with.
func (l *life) tell() {
	id := l.row()
	switch l.rng.IntN(8) {
	case 0:
		id = fmt.Sprintf("T-9%05d", l.rng.IntN(1000)) // of somewhere else
	case 1:
		id = simulation.ID(1 + l.rng.IntN(len(l.versions)+2)) // perhaps deleted, or yet to come
	}
	l.note("Thnks: an event of %s sets out", id)
	l.post(id, simulation.Claimable[l.rng.IntN(len(simulation.Claimable))], time.Now().UTC().Add(-time.Duration(l.rng.IntN(3000))*time.Second).Truncate(time.Millisecond))
}

// post sends an event off, at times twice, or as another that says the same.
func (l *life) post(id string, status plan.Status, at time.Time) {
	l.keys++
	ev := simulation.Event(id, status)
	ev.Key, ev.At = fmt.Sprint(l.name, l.keys), at
	ev.Signed = l.rng.IntN(5) > 0
	switch l.rng.IntN(8) {
	case 0:
		ev.Effect, ev.Status = store.EffectDetail, ""
		ev.ParcelStatus, ev.ParcelAt = []string{"inTransit", "delivered"}[l.rng.IntN(2)], at
	case 1:
		ev.Effect, ev.Status, ev.ThankYouNote = store.EffectDetail, "", l.canary+[]string{" Thanks!", " Merci!"}[l.rng.IntN(2)]
	case 2:
		ev.Effect, ev.Status = store.EffectListed, ""
	}
	switch l.rng.IntN(8) {
	case 0:
		l.struck.add(eventLost)
		return
	case 1:
		l.mail = append(l.mail, ev)
	case 2:
		again := ev
		again.Key += " again"
		l.mail = append(l.mail, again)
	}
	l.mail = append(l.mail, ev)
}

// deliver has the inbox receive some of the events on their way, in any order,
// or all of them.
func (l *life) deliver(st *store.Store, all bool) {
	l.rng.Shuffle(len(l.mail), func(i, j int) { l.mail[i], l.mail[j] = l.mail[j], l.mail[i] })
	n := len(l.mail)
	if !all {
		n = l.rng.IntN(n + 1)
	}
	var now []store.Event
	now, l.mail = l.mail[:n], slices.Clone(l.mail[n:])
	for i := range now {
		now[i].ReceivedAt = time.Now().UTC()
		now[i].Body = []byte(`{"note":"` + l.canary + `"}`)
	}
	for part := range slices.Chunk(now, 1+l.rng.IntN(5)) {
		err := l.steps.Commit(func() error {
			receipts, err := st.Receive(l.T.Context(), part...)
			for i, r := range receipts {
				ev := part[i]
				ev.Seq, ev.DuplicateOf = r.Seq, r.DuplicateOf
				l.struck.add(l.oddities(ev)...)
				l.received = append(l.received, ev)
				l.note("event %d of %s: %s%s%s as of %v, signed %v, duplicate of %d", ev.Seq, ev.TransactionID,
					cmp.Or(string(ev.Status), string(ev.Effect)), ev.ParcelStatus, strings.TrimPrefix(ev.ThankYouNote, l.canary), ev.At, ev.Signed, ev.DuplicateOf)
			}
			return err
		})
		if err != nil {
			l.T.Error(err)
		}
	}
}
