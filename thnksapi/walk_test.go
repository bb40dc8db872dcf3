package thnksapi

import (
	"encoding/json"
	"fmt"
	"testing"
)

// rows are elements of a listing, from one number on.
func rows(from, n int) []json.RawMessage {
	elements := make([]json.RawMessage, n)
	for i := range elements {
		elements[i] = fmt.Appendf(nil, `{"id":"T-%d"}`, from+i)
	}
	return elements
}

// TestShownIsBounded: what is remembered of a listing does not grow with it, while
// it is still known for certain that a page is new.
func TestShownIsBounded(t *testing.T) {
	t.Parallel()
	const n, page = 1_000_000, 500
	var w walk
	for from := 0; from < n; from += page {
		if w.circles(rows(from, page), 0) {
			t.Fatalf("the page from row %d on is taken for one shown before", from)
		}
		if hashes := len(w.shown.now) + len(w.shown.before) + len(w.shown.samples); hashes > 2*mostRecent+n/sampled*11/10 {
			t.Fatalf("after %d rows %d hashes are kept", from+page, hashes)
		}
	}
}

// TestShownBefore: a listing that goes in circles under new cursors is noticed with
// the first page that is shown again, or for longer circles soon after it.
func TestShownBefore(t *testing.T) {
	t.Parallel()
	const page = 500
	for length, most := range map[int]int{1_000: page, mostRecent / page * page: page, 200_000: mostRecent + 100*sampled} {
		var w walk
		for from := 0; ; from += page {
			circles := w.circles(rows(from%length, page), 0)
			if circles && from < length {
				t.Fatalf("of %d rows, those from %d on are taken for rows shown before", length, from)
			}
			if circles {
				break
			}
			if from+page >= length+most+page {
				t.Fatalf("a circle of %d rows is not noticed after %d", length, from+page)
			}
		}
	}
}
