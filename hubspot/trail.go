package hubspot

import (
	"errors"
	"hash/maphash"
)

const (
	maxEmptyPages = 1000    // in a row
	trailRows     = 1 << 16 // rows of a listing that are remembered
)

// errEndless is the error of a listing that does not end.
var errEndless = errors.New("the listing has no end")

// A Trail follows one listing from page to page and notices when it has no end:
// when a cursor comes again, when a page that is not the last shows only rows
// that were shown before, or when 1,000 pages in a row show none. It takes at most
// some MiB, however long the listing: of long ones it remembers a sample of the
// rows. The zero value is ready at the first page.
type Trail struct {
	seed    maphash.Seed
	cursors map[uint64]bool
	rows    map[uint64]bool // the hashes that have no bit of mask
	mask    uint64
	empty   int // pages without rows, in a row
}

// Follow takes the next page of the listing. The error is an [*Error] of kind
// [Unexpected].
func (t *Trail) Follow(p *Page) error {
	ids := make([]string, len(p.Objects))
	for i := range p.Objects {
		ids[i] = p.Objects[i].ID
	}
	if t.endless(ids, p.After) {
		return &Error{Kind: Unexpected, Err: errEndless}
	}
	return nil
}

// endless takes the rows of a page and the cursor of the next one, and reports
// whether the listing goes round in circles.
func (t *Trail) endless(ids []string, next string) bool {
	if next == "" {
		return false
	}
	if t.cursors == nil {
		t.seed = maphash.MakeSeed()
		t.cursors, t.rows = make(map[uint64]bool), make(map[uint64]bool)
	}
	cursor := maphash.String(t.seed, next)
	if t.cursors[cursor] {
		return true
	}
	t.cursors[cursor] = true
	if len(ids) == 0 {
		t.empty++
		return t.empty >= maxEmptyPages
	}
	t.empty = 0
	looked, news := 0, 0
	for _, id := range ids {
		row := maphash.String(t.seed, id)
		if row&t.mask != 0 {
			continue
		}
		looked++
		if !t.rows[row] {
			news++
			t.rows[row] = true
		}
	}
	t.thin()
	return looked > 0 && news == 0
}

// thin forgets half of the rows when there are too many.
func (t *Trail) thin() {
	for len(t.rows) > trailRows {
		t.mask = t.mask<<1 | 1
		for row := range t.rows {
			if row&t.mask != 0 {
				delete(t.rows, row)
			}
		}
	}
}

// endlessError is the error of a listing that has no end.
func endlessError(call *Call) *Error {
	e := unexpected(call)
	e.Err = errEndless
	return e
}
