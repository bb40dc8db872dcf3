package thnksapi

import (
	"encoding/json"
	"errors"
	"hash/maphash"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A walk is what a client remembers of a listing while it reads it, beside what
// the cursor holds.
type walk struct {
	resumed bool      // begun at the cursor of another client or an earlier time
	shown   shown     // the elements
	again   int       // pages in a row whose elements were all shown before
	largest int       // elements of the largest page
	full    time.Time // when the last page was read, if that was a full one
}

// seed makes the hashes of this process.
var seed = maphash.MakeSeed()

// news reports whether a page has an element that was not shown before, and
// notes what it shows.
func (w *walk) news(elements []json.RawMessage) bool {
	fresh := false
	for _, e := range elements {
		if w.shown.add(maphash.Bytes(seed, e)) {
			fresh = true
		}
	}
	return fresh && w.shown.stale <= mostRecent
}

const (
	// mostRecent is how many of the newest elements are remembered at least.
	mostRecent = 1 << 15
	// sampled is of how many elements one is remembered for the whole listing.
	sampled = 64
)

// shown remembers the elements of a listing by their hashes, in a megabyte or two for
// a million of them. Those shown lately are all there. Of those before samples are:
// in a listing that goes on, the next mostRecent elements have hundreds of new ones.
type shown struct {
	now, before map[uint64]struct{} // the newest, at most mostRecent each
	samples     map[uint64]struct{}
	stale       int // elements, none of the newest, since the last new sample
}

// add adds the hash of an element, and reports whether it is none of the newest.
func (s *shown) add(h uint64) (fresh bool) {
	_, now := s.now[h]
	_, before := s.before[h]
	if fresh = !now && !before; fresh {
		s.stale++
	}
	if s.now == nil || len(s.now) == mostRecent {
		s.before, s.now = s.now, make(map[uint64]struct{})
	}
	s.now[h] = struct{}{}
	if _, ok := s.samples[h]; !ok && h%sampled == 0 {
		if s.samples == nil {
			s.samples = make(map[uint64]struct{})
		}
		s.samples[h], s.stale = struct{}{}, 0
	}
	return fresh
}

// circles notes a page and reports whether the listing goes in circles: more
// pages in a row than allowed had nothing but what was shown before.
func (w *walk) circles(elements []json.RawMessage, allowed int) bool {
	switch {
	case w.news(elements):
		w.again = 0
	case len(elements) > 0:
		w.again++
	}
	return w.again > allowed
}

// note remembers whether a page was full: of the size asked for or, if the
// source has a smaller limit, as large as the largest page before.
func (w *walk) note(elements, size int) {
	w.full = time.Time{}
	if elements >= size || elements > 0 && elements == w.largest {
		w.full = time.Now()
	}
	w.largest = max(w.largest, elements)
}

// sameRun is how long after a page the next one is still asked for by the same
// run.
const sameRun = 15 * time.Minute

// pastEnd says what the refusal of a page means that is numbered or counted.
// It is nil at the end of the listing: directly behind a full page of the same
// run there may be no page.
func (w *walk) pastEnd(err error, at cursor) error {
	var e *Error
	if !errors.As(err, &e) || e.Kind != Unexpected || !slices.Contains([]int{
		http.StatusBadRequest, http.StatusNotFound, http.StatusGone, http.StatusRequestedRangeNotSatisfiable, http.StatusUnprocessableEntity,
	}, e.Status) || at.Last == "" {
		return err
	}
	ends := e.Status != http.StatusGone && e.Status != http.StatusUnprocessableEntity
	switch {
	case at.Kind == PagingPage && ends && !w.full.IsZero() && time.Since(w.full) < sameRun:
		return nil
	case w.resumed:
		return &Error{Kind: Stale, Status: e.Status, Path: e.Path, Problem: "there is no such page any more: the listing must begin anew"}
	case at.Kind == PagingPage && ends:
		e.Problem = "a page behind one that was not full was refused: if the source refuses what is behind its last page, set dialect.paging.stop to short, and dialect.paging.size to a number that it keeps"
	}
	return err
}

// maxWalks is how many listings a client remembers at once.
const maxWalks = 4

// walks are the listings under way, by the cursor that goes on with each.
type walks struct {
	mu      sync.Mutex
	at      map[string]*walk
	cursors []string // oldest first
}

// take returns the listing that goes on with a cursor, which nothing else can
// take then: a page that is asked for again is no circle.
func (s *walks) take(cursor string) *walk {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.at[cursor]
	if w == nil {
		return &walk{resumed: cursor != ""}
	}
	s.forget(cursor)
	return w
}

// keep remembers a listing until its next page.
func (s *walks) keep(cursor string, w *walk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == nil {
		s.at = make(map[string]*walk)
	}
	s.forget(cursor)
	s.at[cursor] = w
	s.cursors = append(s.cursors, cursor)
	if len(s.cursors) > maxWalks {
		s.forget(s.cursors[0])
	}
}

func (s *walks) forget(cursor string) {
	delete(s.at, cursor)
	s.cursors = slices.DeleteFunc(s.cursors, func(c string) bool { return c == cursor })
}
