package sync

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi"
)

// The bounds of a window, the unit of work: the people behind it are looked up
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

	source string    // whose listing it is of
	next   string    // the cursor behind it, "" at the listing's end
	newest time.Time // greatest change time in it, by the source's filter
	clock  time.Time // the source's clock when it was read, our own if it shows none
}

type badRow struct {
	bad
	key string // in the quarantine
	id  string // its transaction's, as far as that could be read
	raw json.RawMessage
}

// counted is what the row is counted by: a transaction whose row cannot be read
// is still one that the source lists.
func (b badRow) counted() string {
	return cmp.Or(b.id, b.key)
}

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
	w := &window{source: l.source.Key, raw: make(map[string]json.RawMessage)}
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
		w.bad = append(w.bad, badRow{bad: *bad, key: w.key(row.Raw), id: strings.TrimSpace(row.ID), raw: row.Raw})
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

// ids are the transaction ids of the window's gifts.
func (w *window) ids() []string {
	ids := make([]string, len(w.gifts))
	for i, g := range w.gifts {
		ids[i] = g.ID
	}
	return ids
}

// key returns the quarantine key of a row without an id: its digest. Several
// recipients of one request come one after the other and share a row; they are
// told apart by their number.
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
				case ch <- windowOrError{fell: fallen(v)}:
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
	*window
	err  error
	fell string // see fallen; "" where nothing did
}

// fallen is what a goroutine panicked with, and where, for the goroutine that
// waits for it to panic with.
func fallen(v any) string { return fmt.Sprintf("%v\n\n%s", v, debug.Stack()) }
