package sync

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	gifts   []plan.Gift
	raw     map[string]json.RawMessage   // by transaction id, as received last
	lines   map[string]int               // by transaction id, where its row stands in a file
	missing map[string]thnksapi.FieldSet // by transaction id, fields that the row lacks; none for most
	dropped map[string]thnksapi.FieldSet // by transaction id, fields whose value could not be used; none for most
	bad     []badRow
	rows    int
	fields  fieldCounts
	file    bool // of an export file

	classes []string // of every row, in order: why it is no gift, "" for a gift

	next   string    // the cursor behind it, "" at the listing's end
	newest time.Time // greatest believable change time in it, by the source's filter
	clock  time.Time // the source's clock when it was read, our own if it shows none
	dated  bool      // the clock is the source's
}

// newWindow returns a window without rows.
func newWindow() *window {
	return &window{raw: make(map[string]json.RawMessage), lines: make(map[string]int), missing: make(map[string]thnksapi.FieldSet), dropped: make(map[string]thnksapi.FieldSet)}
}

// input is the window as what work is about.
func (w *window) input(p policy) input {
	return input{
		policy: p, gifts: w.gifts, rows: w.raw, lines: w.lines, silent: w.silent(), bad: w.bad, classes: w.classes,
		count: w.rows, newest: w.newest, file: w.file, clock: w.clock,
	}
}

// silent are the fields, by transaction id, of which the rows say nothing: they
// lack them, or have them in a way that cannot be used.
func (w *window) silent() map[string]thnksapi.FieldSet {
	for id, dropped := range w.dropped {
		w.missing[id] |= dropped
	}
	return w.missing
}

// A badRow is a row that is no gift.
type badRow struct {
	why  rowError
	key  string // in the quarantine
	id   string // its transaction's, as far as that could be read
	line int    // where it stands in an export file; 0 in an answer
	raw  json.RawMessage
}

// countedAs is what the row is counted by: a transaction whose row cannot be
// read is still one that the source lists.
func (b badRow) countedAs() string { return cmp.Or(b.id, b.key) }

// A listing is a source's transactions since a time, from a cursor on.
type listing struct {
	source Source
	place  int // of the source in the configuration
	since  time.Time
	cursor string
	begun  bool // a window was read

	file          bool              // the source is an export file
	readAt        time.Time         // when that was opened
	contradictory map[string]string // of a file, ids whose rows contradict each other, and in what

	shown thnksapi.FieldSet // fields that a row of the listing has had
}

// read reads the next window, which so many rows fill, or returns nil when the
// listing has ended.
func (l *listing) read(ctx context.Context, rows int) (*window, error) {
	if l.begun && l.cursor == "" {
		return nil, nil
	}
	l.begun = true
	w := newWindow()
	w.file = l.file
	size := 0
	for {
		page, err := l.source.API.Transactions(ctx, thnksapi.Query{Since: l.since, Cursor: l.cursor})
		if err != nil {
			return nil, fmt.Errorf("listing transactions: %w", err)
		}
		from := readNow(page.Date, l.place)
		if l.file {
			from.at = l.readAt
		}
		if w.clock.IsZero() { // the first page's: later ones may show what came in since
			w.clock, w.dated = from.clock, from.dated
			if w.clock.After(from.at) {
				w.clock = from.at
			}
		}
		for _, row := range page.Rows {
			size += len(row.Raw)
		}
		w.addPage(page.Rows, from, l)
		l.cursor = page.Next
		w.next = page.Next
		if page.Next == "" || w.rows >= rows || size >= windowBytes {
			l.settleMissing(w)
			return w, nil
		}
	}
}

// settleMissing decides what a field that a row lacks means. Where other rows of
// the listing have it, the source leaves empty fields out: the gift has no such
// value. Where none has, and in a file, whose columns are for all rows the same,
// the row says nothing of it, and what is known stays.
func (l *listing) settleMissing(w *window) {
	if l.file {
		return
	}
	l.shown |= w.fields.shown
	for id, missing := range w.missing {
		if missing &^= l.shown; missing == 0 {
			delete(w.missing, id)
		} else {
			w.missing[id] = missing
		}
	}
}

// addPage adds the rows of one answer of a listing.
func (w *window) addPage(rows []thnksapi.Row, from reading, l *listing) {
	read := make([]readRow, len(rows))
	for i, row := range rows {
		read[i] = readRow{row, from, l.file}
	}
	among := contradictions
	if l.file { // of which an answer is but a part
		among = func([]plan.Gift) map[string]string { return l.contradictory }
	}
	w.addRows(read, l.source.API.Filter(), among)
}

// A readRow is a row, and where it was read.
type readRow struct {
	row  thnksapi.Row
	from reading
	file bool // an export file's
}

// addRows adds rows. Of those whose id among says is of rows that contradict
// each other, all are set aside.
func (w *window) addRows(rows []readRow, filter thnksapi.SinceKind, among func([]plan.Gift) map[string]string) {
	seen := make([]seenGift, len(rows))
	why := make([]*rowError, len(rows))
	good := make([]plan.Gift, 0, len(rows))
	for i, r := range rows {
		if seen[i], why[i] = normalize(r.row, r.from); why[i] == nil {
			good = append(good, seen[i].gift)
		}
	}
	contradictory := among(good)
	for i, r := range rows {
		if id := seen[i].gift.ID; why[i] == nil && contradictory[id] != "" {
			r.row.ID, why[i] = id, contradiction(contradictory[id], r.file)
		}
		w.add(r.row, seen[i], why[i], filter)
	}
}

// add adds a row, which is a gift, or none for a reason.
func (w *window) add(row thnksapi.Row, s seenGift, bad *rowError, filter thnksapi.SinceKind) {
	w.rows++
	if bad != nil {
		w.classes = append(w.classes, bad.class)
		w.bad = append(w.bad, badRow{why: *bad, key: w.key(row.Raw), id: readableID(row.ID), line: row.Line, raw: row.Raw})
		return
	}
	g := s.gift
	w.classes = append(w.classes, "")
	w.gifts = append(w.gifts, g)
	w.raw[g.ID] = row.Raw
	if row.Line > 0 {
		w.lines[g.ID] = row.Line
	}
	w.fields.add(s)
	if s.missing != 0 {
		w.missing[g.ID] = s.missing
	} else {
		delete(w.missing, g.ID)
	}
	if s.dropped != 0 {
		w.dropped[g.ID] = s.dropped
	} else {
		delete(w.dropped, g.ID)
	}
	stamp := g.UpdatedAt
	switch {
	case filter == thnksapi.SinceCreated:
		stamp = g.CreatedAt
	case s.dropped.Has(thnksapi.FieldUpdatedAt):
		return // no stamp of the source's
	}
	if stamp.After(w.newest) {
		w.newest = stamp
	}
}

// readableID is the id of a row that is no gift, "" if it has none.
func readableID(id string) string {
	canonical, err := plan.CanonicalID(id)
	if err != nil {
		return ""
	}
	return canonical
}

// through is the newest change time of the window, by which a watermark may
// move, but not past a clock: a stamp from the future must not carry it there.
func (w *window) through(clock time.Time) time.Time {
	if w.newest.After(clock) {
		return clock
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

// A reader reads a listing ahead of its consumer, so that the source is read while
// HubSpot is written.
type reader struct {
	run     *run
	listing listing
	next    chan windowOrError // the result of the reading under way; nil for none
}

// A windowOrError is what reading a window ended with: with no window and no error
// at the listing's end.
type windowOrError struct {
	window   *window
	err      error
	panicked crash // "" if nothing panicked
}

// start starts reading the next window, and calls done when it is read. A panic is
// the reading's result, for the run to end with: in a goroutine of its own it would
// end the whole daemon.
func (rd *reader) start(ctx context.Context, done func()) {
	next := make(chan windowOrError, 1)
	rd.next = next
	rows := rd.run.windowRows()
	go func() {
		defer close(next)
		defer done()
		defer func() {
			if v := recover(); v != nil {
				next <- windowOrError{panicked: crashOf(v)}
			}
		}()
		w, err := rd.listing.read(ctx, rows)
		next <- windowOrError{window: w, err: err}
	}()
}

// readAhead reads the next window while the run does something else.
func (rd *reader) readAhead(ctx context.Context) { rd.start(rd.run.turn.Hand(ctx)) }

// get returns the next window. Where it is not read ahead, it is read with the turn
// of the goroutine that waits for it.
func (rd *reader) get(ctx context.Context) windowOrError {
	resume := func(context.Context) error { return nil }
	if rd.next == nil {
		rd.start(ctx, func() {})
	} else {
		resume = rd.run.turn.Wait(ctx)
	}
	w := <-rd.next
	rd.next = nil
	if err := resume(ctx); err != nil {
		return windowOrError{err: err}
	}
	return w
}

// stop waits until no reading is under way, whose context has ended.
func (rd *reader) stop() {
	if rd.next != nil {
		<-rd.next
	}
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
// the checkpoint past a window; it becomes durable with the window's last effects.
//
// Where the run is alone, the window behind the next one is read while one is
// processed. Where it is not, nothing is read ahead, and after each window the
// others go first.
func (r *run) listOnce(ctx context.Context, l listing, moved func(*window) store.Commit) error {
	l.shown = 0
	rd := &reader{run: r, listing: l}
	reading, cancel := context.WithCancel(ctx)
	defer rd.stop() // nothing of a run outlives it
	defer cancel()
	recorded := false
	for cur := rd.get(reading); cur != (windowOrError{}); {
		switch {
		case cur.panicked != "":
			panic(cur.panicked)
		case cur.err != nil:
			return cur.err
		}
		var ahead windowOrError
		alone := r.turn.Alone()
		if alone {
			if ahead = rd.get(reading); ahead.window != nil {
				rd.readAhead(reading)
			}
		}
		if !recorded && cur.window.rows > 0 {
			if err := recordFeed(r); err != nil {
				return err
			}
			recorded = true
		}
		in, next, commit := cur.window.input(policy{listed: true, countFailures: true}), cur.window.upcoming(ahead.window), moved(cur.window)
		last, fields := cur.window.next == "", cur.window.fields
		cur.window = nil // what is done of it is let go
		if err := r.process(ctx, in, next, commit); err != nil {
			return err
		}
		r.counts.fields.merge(fields)
		if !alone && !last {
			if err := r.turn.Round(ctx); err != nil {
				return err
			}
			ahead = rd.get(reading)
		}
		cur = ahead
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
