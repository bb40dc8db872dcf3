package thnksapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
)

// A cursor is encoded in [Page].Next: where the listing goes on, and enough of
// where it has been to notice a circle. Of transactions it holds digests only,
// so it may be stored and used by another process.
type cursor struct {
	Kind   PagingKind `json:"k"`
	Server string     `json:"c,omitempty"` // cursor paging: the source's own cursor
	N      int        `json:"n,omitempty"` // page paging: the next page's number; offset paging: the next row's
	Rows   int        `json:"r,omitempty"` // offset paging: elements of the page before
	Last   string     `json:"l,omitempty"` // page and offset paging: digest of the last element before
	Loop   loop       `json:"o"`
}

// A loop notices a listing that repeats itself, however long the circle. It
// compares each page with the one whose number is the last power of two
// (R. P. Brent, An improved Monte Carlo factorization algorithm, 1980).
type loop struct {
	Pages  int    `json:"p,omitempty"` // pages read
	Page   string `json:"m,omitempty"` // digest of the marked page
	Cursor string `json:"s,omitempty"` // digest of the source's cursor after it
	Empty  int    `json:"e,omitempty"` // pages without elements since the last with some
}

// maxEmpty is how many pages in a row may be empty.
const maxEmpty = 1000

var (
	errPageRepeated   = errors.New("the source repeats a page: check that dialect.paging names the right parameters")
	errCursorRepeated = errors.New("the source repeats a cursor: its listing has no end")
	errEmptyPages     = errors.New("the source sends nothing but empty pages: check dialect.items and dialect.paging.pointer")
)

// seen notes the page just read and the source's cursor after it.
func (l loop) seen(elements []json.RawMessage, server string) (loop, error) {
	page, next := "", ""
	if len(elements) > 0 {
		page = digest(elements...)
	}
	if server != "" {
		next = digest(json.RawMessage(server))
	}
	if page != "" && page == l.Page {
		return l, errPageRepeated
	}
	if next != "" && next == l.Cursor {
		return l, errCursorRepeated
	}
	if l.Empty++; len(elements) > 0 {
		l.Empty = 0
	}
	if l.Empty == maxEmpty {
		return l, errEmptyPages
	}
	l.Pages++
	if l.Pages&(l.Pages-1) == 0 {
		l.Page, l.Cursor = page, next
	}
	return l, nil
}

// digest returns a short hash of contents.
func digest(parts ...json.RawMessage) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func (c cursor) String() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings and integers only
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

var errForeignCursor = errors.New("the cursor was not made with this dialect")

// parseCursor reads what String wrote under the same kind of paging.
func parseCursor(s string, kind PagingKind) (cursor, error) {
	text, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return cursor{}, errForeignCursor
	}
	var c cursor
	if err := json.Unmarshal(text, &c); err != nil || c.Kind != kind || c.N < 0 || c.Rows < 0 {
		return cursor{}, errForeignCursor
	}
	return c, nil
}
