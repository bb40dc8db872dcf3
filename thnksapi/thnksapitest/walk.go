package thnksapitest

import (
	"slices"
	"time"
)

// A walk holds the events that are still to be sent about a redeemed gift: the
// progress of its parcel, and the recipient's thanks.
type walk struct {
	left []Event
}

// notify sends the events of a transaction that has reached a status.
func (d *Sender) notify(t Transaction) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range Events(t, d.hook.Generation) {
		d.send(e)
	}
	if t.Status == redeemed {
		d.startWalk(t)
	}
}

// startWalk begins the walk of a redeemed gift. Every second recipient of a
// parcel writes back, and every fourth of another gift.
func (d *Sender) startWalk(t Transaction) {
	w := &walk{}
	thanks := 4
	if t.Gift.shipped() {
		thanks = 2
		for _, word := range parcelWalk() {
			e := NewEvent(ParcelChanged, t, time.Time{})
			e.Status = word
			w.left = append(w.left, e)
		}
	}
	if d.rng.IntN(thanks) == 0 {
		e := NewEvent(NoteCreated, t, time.Time{})
		e.Note = notes()[d.rng.IntN(len(notes()))]
		w.left = append(w.left, e)
	}
	if len(w.left) > 0 {
		d.walks = append(d.walks, w)
	}
}

// stepWalks moves every second walk one step on.
func (d *Sender) stepWalks(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.walks = slices.DeleteFunc(d.walks, func(w *walk) bool {
		if d.rng.IntN(2) == 0 {
			return false
		}
		e := w.left[0]
		e.At = at
		d.send(e)
		w.left = w.left[1:]
		return len(w.left) == 0
	})
}

// shipped reports whether the gift comes in a parcel.
func (g Gift) shipped() bool { return g.Type == "Flowers" || g.Type == "Snacks" }
