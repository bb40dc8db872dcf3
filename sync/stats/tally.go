package stats

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// A Tally holds counts and sums of gifts, from which a [Report] can be made at any
// later time. Gifts are added and removed in any order: a tally to which gifts
// were added and from which others were removed is equal to one of the gifts that
// are left. Its memory grows with the number of different days, senders, gift
// types, companies, deals and deal stages, not with the number of gifts.
type Tally struct {
	zone *time.Location
	kept kept
}

// NewTally returns the tally of no gifts. Days and months are those of a time
// zone.
func NewTally(zone *time.Location) *Tally { return &Tally{zone: zone, kept: newKept()} }

// kept is what a tally remembers. Every count of zero has no entry in its maps.
type kept struct {
	Gifts, Matched, Ambiguous          int // sent or not
	All                                tried
	Delivered, Opened, Donated, Linked int // of All
	Statuses                           map[plan.Status]int
	Orphans                            map[plan.Orphan]int
	Refunded                           sums
	Types                              map[string]tried
	Senders                            map[spelling]int
	Stages                             map[string]int
	Sizes                              map[int]*heap // by place in sizes
	Companies                          map[string]*company
	Deals                              map[string]int // links of sent gifts, by the deal's id
	Days                               map[int]*daily
	Settled                            map[settled]*heap
	Pending                            map[pending]*heap
	ToOpen, ToRedeem                   waits
	Recent                             recent
}

func newKept() kept {
	return kept{
		Statuses: make(map[plan.Status]int), Orphans: make(map[plan.Orphan]int), Types: make(map[string]tried),
		Senders: make(map[spelling]int), Stages: make(map[string]int), Sizes: make(map[int]*heap), Companies: make(map[string]*company),
		Deals: make(map[string]int), Days: make(map[int]*daily), Settled: make(map[settled]*heap), Pending: make(map[pending]*heap),
	}
}

// tried counts sent gifts.
type tried struct{ Sent, Eligible, Redeemed int }

// A spelling is how gifts name their sender.
type spelling struct{ Name, Email string }

// A heap is a number of sent gifts and their value.
type heap struct {
	Count int
	Value sums
}

// A company is what its people were sent.
type company struct {
	Gifts tried
	Value sums
}

// A daily is what was sent and what was redeemed on it.
type daily struct {
	Sent, Redeemed int
	Value          sums // of what was sent
}

// settled are gifts that were sent in one month, and whose class does not depend
// on when one looks.
type settled struct{ Month, Class int }

// pending are gifts that were sent in one month and can be redeemed until the end
// of one day.
type pending struct {
	Month    int
	Deadline int
	Opened   bool
}

// The classes of a month's gifts.
const (
	redeemed = iota
	unredeemed
	undelivered
	cancelled
)

// Add counts a record.
func (t *Tally) Add(r plan.Stored) { t.change(r, 1) }

// Remove takes away a record that was added.
func (t *Tally) Remove(r plan.Stored) { t.change(r, -1) }

func (t *Tally) change(r plan.Stored, by int) {
	if counts(r) {
		f := t.read(r.Gift)
		t.addDays(f, by)
		t.add(r, f, by)
	}
}

// Worn reports whether so many of the newest sendings and redemptions have been
// removed that it is not known any more which the newest are. Such a tally is
// to be made again.
func (t *Tally) Worn() bool { return t.kept.Recent.worn() }

// MarshalBinary implements [encoding.BinaryMarshaler].
func (t *Tally) MarshalBinary() ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(t.kept)
	return b.Bytes(), err
}

// UnmarshalBinary implements [encoding.BinaryUnmarshaler], for a tally that
// the same release of the program has made in the same time zone.
func (t *Tally) UnmarshalBinary(data []byte) error {
	t.kept = newKept()
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&t.kept); err != nil {
		return fmt.Errorf("reading a tally: %w", err)
	}
	return nil
}

// bump adds to one of several counts. A count of 0 has no entry.
func bump[K comparable](counts map[K]int, key K, by int) {
	if counts[key] += by; counts[key] == 0 {
		delete(counts, key)
	}
}

// pile adds a gift to one of several heaps. A heap of 0 has no entry.
func pile[K comparable](heaps map[K]*heap, key K, f facts, by int) {
	h := heaps[key]
	if h == nil {
		h = new(heap)
		heaps[key] = h
	}
	h.Value.add(f.worth, by)
	if h.Count += by; h.Count == 0 {
		delete(heaps, key)
	}
}

// addDays counts what was sent and redeemed by day.
func (t *Tally) addDays(f facts, by int) {
	if !f.sent {
		return
	}
	change := func(n int, add func(*daily)) {
		if n == unknownDay {
			return
		}
		d := t.kept.Days[n]
		if d == nil {
			d = new(daily)
			t.kept.Days[n] = d
		}
		if add(d); d.Sent == 0 && d.Redeemed == 0 {
			delete(t.kept.Days, n)
		}
	}
	change(f.days.sent, func(d *daily) { d.Sent += by; d.Value.add(f.worth, by) })
	change(f.days.redeemed, func(d *daily) { d.Redeemed += by })
}

// add counts everything else.
func (t *Tally) add(r plan.Stored, f facts, by int) {
	k := &t.kept
	k.Gifts += by
	bump(k.Statuses, f.status, by)
	switch {
	case r.Orphan != "":
		bump(k.Orphans, r.Orphan, by)
	case r.Ambiguous:
		k.Ambiguous += by
		k.Matched += by
	default:
		k.Matched += by
	}
	if !f.sent {
		return
	}
	k.All.add(f, by)
	if f.delivered {
		k.Delivered += by
	}
	if f.opened {
		k.Opened += by
	}
	if f.status == plan.Donated {
		k.Donated += by
	}
	kind := k.Types[f.kind]
	if kind.add(f, by); kind.Sent == 0 {
		delete(k.Types, f.kind)
	} else {
		k.Types[f.kind] = kind
	}
	if f.status == plan.Refunded {
		k.Refunded.add(f.worth, by)
	}
	if p := r.Gift.Sender; p.Name != "" || p.Email != "" {
		bump(k.Senders, spelling{p.Name, p.Email}, by)
	}
	if f.eligible {
		k.ToOpen.add(f.opened, f.stampedAt, f.openedAt, by)
		k.ToRedeem.add(f.redeemed, f.stampedAt, f.redeemedAt, by)
	}
	if f.pending {
		pile(k.Pending, pending{f.days.month, f.days.deadline, f.opened}, f, by)
	} else {
		pile(k.Settled, settled{f.days.month, f.class()}, f, by)
	}
	k.Recent.change(r, f, by)
	t.addLinks(r, f, by)
}

func (n *tried) add(f facts, by int) {
	n.Sent += by
	if f.eligible {
		n.Eligible += by
	}
	if f.redeemed {
		n.Redeemed += by
	}
}

// addLinks counts the gift under its company and its deals.
func (t *Tally) addLinks(r plan.Stored, f facts, by int) {
	k := &t.kept
	for _, l := range r.Links {
		if l.Kind == plan.Deal && !l.Refused {
			bump(k.Deals, l.ID, by)
		}
	}
	deal, linked := firstLink(r.Links, plan.Deal)
	if linked {
		k.Linked += by
		bump(k.Stages, deal.Stage, by)
	}
	pile(k.Sizes, sizeOf(deal.Amount), f, by)

	first, linked := firstLink(r.Links, plan.Company)
	if !linked {
		return
	}
	c := k.Companies[first.ID]
	if c == nil {
		c = new(company)
		k.Companies[first.ID] = c
	}
	c.Value.add(f.worth, by)
	if c.Gifts.add(f, by); c.Gifts.Sent == 0 {
		delete(k.Companies, first.ID)
	}
}
