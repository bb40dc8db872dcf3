package sync

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi"
)

// The bounds of a window, the unit of work: its recipients are looked up
// together, so that batches are full, and the checkpoint moves past it as a
// whole.
const (
	windowRows  = 5000
	windowBytes = 16 << 20
)

// A window is some consecutive pages of a listing, normalised.
type window struct {
	gifts []plan.Gift
	raw   map[string]json.RawMessage // by transaction id, as received last
	bad   []badRow
	rows  int

	classes []string // of every row, in order: why it is no gift, "" for a gift

	next   string    // the cursor behind it, "" at the listing's end
	newest time.Time // greatest believable change time in it, by the source's filter
	clock  time.Time // the source's clock when it was read, our own if it shows none
}

// newWindow returns a window without rows.
func newWindow() *window { return &window{raw: make(map[string]json.RawMessage)} }

// input is the window as what work is about.
func (w *window) input(p policy) input {
	return input{policy: p, gifts: w.gifts, rows: w.raw, bad: w.bad, classes: w.classes, count: w.rows, newest: w.newest}
}

// A badRow is a row that is no gift.
type badRow struct {
	why rowError
	key string // in the quarantine
	id  string // its transaction's, as far as that could be read
	raw json.RawMessage
}

// countedAs is what the row is counted by: a transaction whose row cannot be
// read is still one that the source lists.
func (b badRow) countedAs() string { return cmp.Or(b.id, b.key) }

// A listing is a source's transactions since a time, from a cursor on.
type listing struct {
	source Source
	since  time.Time
	cursor string
	rows   int // how many fill a window
}

// read reads the next window, or returns nil when the listing has ended.
func (l *listing) read(ctx context.Context, first bool) (*window, error) {
	if !first && l.cursor == "" {
		return nil, nil
	}
	w := newWindow()
	size := 0
	for {
		page, err := l.source.API.Transactions(ctx, thnksapi.Query{Since: l.since, Cursor: l.cursor})
		if err != nil {
			return nil, fmt.Errorf("listing transactions: %w", err)
		}
		if w.clock.IsZero() { // the first page's: later ones may show what came in since
			w.clock = page.Date
			if now := time.Now().UTC(); w.clock.IsZero() || w.clock.After(now) {
				w.clock = now
			}
		}
		for _, row := range page.Rows {
			size += len(row.Raw)
			w.add(row, l.source.API.Filter())
		}
		l.cursor = page.Next
		w.next = page.Next
		if page.Next == "" || w.rows >= l.rows || size >= windowBytes {
			return w, nil
		}
	}
}

func (w *window) add(row thnksapi.Row, filter thnksapi.SinceKind) {
	w.rows++
	g, bad := normalize(row)
	if bad != nil {
		w.classes = append(w.classes, bad.class)
		w.bad = append(w.bad, badRow{why: *bad, key: w.key(row.Raw), id: strings.TrimSpace(row.ID), raw: row.Raw})
		return
	}
	w.classes = append(w.classes, "")
	w.gifts = append(w.gifts, g)
	w.raw[g.ID] = row.Raw
	stamp := g.UpdatedAt
	if filter == thnksapi.SinceCreated {
		stamp = g.CreatedAt
	}
	if stamp.After(w.newest) {
		w.newest = stamp
	}
}

// through is the newest change time of the window, by which a watermark may
// move: a stamp from the future must not carry it there.
func (w *window) through() time.Time {
	if w.newest.After(w.clock) {
		return w.clock
	}
	return w.newest
}

// key returns the quarantine key of a row without an id: its digest. Several
// recipients of one request follow each other and share a row; they are told
// apart by their number.
func (w *window) key(raw json.RawMessage) string {
	n := 0
	for i := len(w.bad) - 1; i >= 0 && bytes.Equal(w.bad[i].raw, raw); i-- {
		n++
	}
	if n == 0 {
		return digest(raw)
	}
	return digest(fmt.Appendf(bytes.Clone(raw), "#%d", n))
}

// windows reads a listing one window ahead of its consumer, so that the
// source is read while HubSpot is written. The channel is closed at the end;
// an error is its last element, and so is a panic of the reader, for the run to
// end with: in a goroutine of its own it would end the whole daemon.
func windows(ctx context.Context, l listing) <-chan windowOrError {
	ch := make(chan windowOrError)
	go func() {
		defer close(ch)
		defer func() {
			if v := recover(); v != nil {
				select {
				case ch <- windowOrError{panicked: panicText(v)}:
				case <-ctx.Done():
				}
			}
		}()
		for first := true; ; first = false {
			w, err := l.read(ctx, first)
			if w == nil && err == nil {
				return
			}
			select {
			case ch <- windowOrError{window: w, err: err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return ch
}

type windowOrError struct {
	window   *window
	err      error
	panicked string // see panicText; "" if nothing did
}

// list processes a listing from its cursor on. A cursor that an earlier run left
// may lead nowhere any more; then the listing starts over, which costs calls to
// the source and nothing else.
func (r *run) list(ctx context.Context, l listing, moved func(*window) store.Commit) error {
	err := r.listOnce(ctx, l, moved)
	if l.cursor == "" || !isStale(err) {
		return err
	}
	r.log.Warn("the listing cannot go on where the last run stopped, and starts over", logError, err)
	l.cursor = ""
	return r.listOnce(ctx, l, moved)
}

// listOnce processes a listing, window by window. moved is the commit that moves
// the checkpoint past a window; it becomes durable with the window's last
// effects.
func (r *run) listOnce(ctx context.Context, l listing, moved func(*window) store.Commit) error {
	l.rows = r.cfg().Bounds.WindowRows
	reading, cancel := context.WithCancel(ctx)
	ch := windows(reading, l)
	defer func() {
		cancel()
		for range ch {
			// Until the reader has ended, too: nothing of a run outlives it.
		}
	}()
	recorded := false
	cur, ok := <-ch
	for ok {
		switch {
		case cur.panicked != "":
			panic(cur.panicked)
		case cur.err != nil:
			return cur.err
		}
		ahead, more := <-ch
		if !recorded && cur.window.rows > 0 {
			if err := recordFeed(r); err != nil {
				return err
			}
			recorded = true
		}
		var next []plan.Gift
		if ahead.window != nil {
			next = ahead.window.gifts
		}
		if err := r.process(ctx, cur.window.input(policy{listed: true, countFailures: true}), next, moved(cur.window)); err != nil {
			return err
		}
		cur, ok = ahead, more
	}
	if err := r.finishSearch(ctx); err != nil {
		return err
	}
	return ctx.Err()
}

// isStale reports whether a listing cannot go on from the cursor that it was
// resumed at: the source has forgotten it or, after a fault of the source, it
// leads in circles, and always would.
func isStale(err error) bool {
	var te *thnksapi.Error
	return errors.As(err, &te) && (te.Kind == thnksapi.Stale || te.Kind == thnksapi.Circular)
}
