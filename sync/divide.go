package sync

import (
	"context"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// sliceGifts is how many gifts that need calls a run has in hand at a time: as
// many full batches as the client has under way together. With more, events
// about them would wait longer than a second; with fewer, a slice's last answers
// would be waited for while calls are due. It also bounds what is planned, and
// HubSpot's answers, which repeat every property.
const sliceGifts = 6 * hubspot.BatchSize

// process does everything for one window: look up, plan, write, associate,
// commit. ahead is the window after it, or nil; its people are looked up
// along where that fills a batch. moved makes the commit that moves the
// checkpoint past the window.
//
// Where more than a slice of the window's gifts need calls, the others are
// finished first, then everybody behind the rest is looked up, and then the rest
// is held, written and committed a slice at a time.
func (r *run) process(ctx context.Context, w, ahead *window, moved func() store.Commit) error {
	first := r.batch(w)
	var rest []*window
	var need []string
	err := r.holding(ctx, w.ids(), func() error {
		if r.req.DryRun {
			return first.whole(ctx, ahead, moved)
		}
		if err := first.setAside(); err != nil {
			return err
		}
		known, fresh := first.plan()
		if rest, need = first.divide(known, fresh); len(rest) > 0 {
			return first.carryOut(ctx, notMoved)
		}
		if err := first.findPeople(ctx, known, fresh, ahead); err != nil {
			return err
		}
		return first.carryOut(ctx, moved)
	})
	if err != nil {
		return err
	}
	later := r.newBehind()
	later.add(first)
	if len(rest) > 0 {
		if _, err := r.directory(ctx, need, ahead); err != nil {
			return err
		}
	}
	for i, w := range rest {
		b, commit := r.batch(w), notMoved
		if i == len(rest)-1 {
			commit = moved
		}
		if err := r.holding(ctx, w.ids(), func() error { return b.whole(ctx, nil, commit) }); err != nil {
			return err
		}
		later.add(b)
	}
	return r.searchBehind(ctx, later)
}

// notMoved leaves the checkpoint where it is.
func notMoved() store.Commit { return store.Commit{} }

// whole does everything for a batch that is held. Whoever was looked up before
// costs no call.
func (b *batch) whole(ctx context.Context, ahead *window, moved func() store.Commit) error {
	if err := b.setAside(); err != nil {
		return err
	}
	if err := b.lookUp(ctx, ahead); err != nil {
		return err
	}
	return b.carryOut(ctx, moved)
}

// divide leaves to the batch the gifts that need no call, where those that do
// are more than a slice, and returns these as windows of a slice each, with the
// addresses behind them. What events say of them is heard again with their
// slice.
func (b *batch) divide(known, fresh []plan.Gift) (rest []*window, need []string) {
	busy := make(map[string]bool)
	for _, g := range fresh {
		busy[g.ID] = true
	}
	for _, c := range b.changes {
		if c.Action == plan.Update {
			busy[c.Gift.ID] = true
		}
	}
	if len(busy) <= b.sliceGifts {
		return nil, nil
	}
	need = lacking(b.changes, fresh)

	// Records to create first, so that one slice at most has batches of both
	// kinds that are not full.
	gifts := slices.DeleteFunc(slices.Clone(b.window.gifts[:b.listed]), func(g plan.Gift) bool { return !busy[g.ID] })
	slices.SortStableFunc(gifts, func(x, y plan.Gift) int {
		_, xKnown := b.have[x.ID]
		_, yKnown := b.have[y.ID]
		switch {
		case xKnown == yKnown:
			return strings.Compare(x.ID, y.ID)
		case xKnown:
			return 1
		default:
			return -1
		}
	})
	kept := *b.window
	kept.gifts = slices.DeleteFunc(slices.Clone(b.window.gifts), func(g plan.Gift) bool { return busy[g.ID] })
	kept.rows, kept.newest = kept.rows-len(gifts), time.Time{}
	for len(gifts) > 0 {
		w := &window{raw: kept.raw, source: kept.source, clock: kept.clock}
		w.gifts, gifts = slice(gifts, b.sliceGifts)
		w.rows = len(w.gifts)
		rest = append(rest, w)
	}
	rest[len(rest)-1].newest = b.window.newest

	b.window = &kept
	b.changes = slices.DeleteFunc(b.changes, func(c plan.Change) bool { return busy[c.Gift.ID] })
	for id := range busy {
		delete(b.told, id)
	}
	return rest, need
}

// slice cuts gifts, versions of one next to each other, after n distinct ids.
func slice(gifts []plan.Gift, n int) (part, rest []plan.Gift) {
	for i := range gifts {
		if i == 0 || gifts[i].ID != gifts[i-1].ID {
			if n == 0 {
				return gifts[:i:i], gifts[i:]
			}
			n--
		}
	}
	return gifts, nil
}
