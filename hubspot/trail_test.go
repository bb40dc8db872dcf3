package hubspot

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// endless are listings without end: each returns the rows of the n-th page, and the
// next cursor.
var endless = map[string]func(n int) (rows []string, next string){
	"A, B, A":                 func(n int) ([]string, string) { return []string{strconv.Itoa(n)}, strconv.Itoa(1 + n%2) },
	"the same page":           func(n int) ([]string, string) { return []string{"1", "2"}, strconv.Itoa(n) },
	"two pages in turn":       func(n int) ([]string, string) { return []string{strconv.Itoa(1 + n%2)}, strconv.Itoa(n) },
	"no rows and new cursors": func(n int) ([]string, string) { return nil, strconv.Itoa(n) },
	"a great circle":          func(n int) ([]string, string) { return []string{strconv.Itoa(1 + n%300)}, strconv.Itoa(n) },
}

// TestEndlessListings: every listing that the client follows itself ends with an error.
func TestEndlessListings(t *testing.T) {
	for name, rows := range endless {
		n := 0
		serve := func(print func(rows []string, next map[string]any) map[string]any) *Client {
			n = 0
			return clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if n++; n > maxEmptyPages+1 {
					t.Fatal(name + ": goes on for ever")
				}
				ids, next := rows(n)
				reply(w, 200, print(ids, map[string]any{"next": map[string]any{"after": next}}))
			}))
		}
		objects := func(ids []string, paging map[string]any) map[string]any {
			results := make([]any, len(ids))
			for i, id := range ids {
				results[i] = map[string]any{"id": id}
			}
			return map[string]any{"results": results, "paging": paging}
		}
		unlimited := func(c *Client) *Client { // by the pace
			c.objects, c.associations, c.search = nil, nil, nil
			return c
		}
		_, err := unlimited(serve(objects)).Owners(t.Context())
		checkKind(t, err, Unexpected)
		_, err = unlimited(serve(objects)).ContactsByAdditionalEmail(t.Context(), []string{"a@example.com"}, nil)
		checkKind(t, err, Unexpected)
		_, err = unlimited(serve(func(ids []string, paging map[string]any) map[string]any {
			to := make([]any, len(ids))
			for i, id := range ids {
				to[i] = map[string]any{"toObjectId": id}
			}
			return map[string]any{"results": []any{map[string]any{"from": map[string]any{"id": "7"}, "to": to, "paging": paging}}}
		})).Associated(t.Context(), "2-1", "contacts", []string{"7"})
		checkKind(t, err, Unexpected)

		c := unlimited(serve(objects))
		var trail Trail
		for after := ""; err == nil || after == ""; {
			var page *Page
			if page, err = c.List(t.Context(), "2-1", after, 100, false, nil); err == nil {
				after, err = page.After, trail.Follow(page)
			}
		}
		checkKind(t, err, Unexpected)
	}
}

// TestTrail: a listing that has an end is followed to it, however long it is and
// whatever pages are empty; one that begins anew is noticed.
func TestTrail(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rows := rapid.IntRange(1, 5000).Draw(rt, "rows")
		size := rapid.IntRange(1, 1000).Draw(rt, "rows a page")
		gap := rapid.IntRange(2, 50).Draw(rt, "pages to an empty one")
		var trail Trail
		if rapid.IntRange(0, 49).Draw(rt, "is long") == 7 {
			rows, size = 300_000, 100
		}
		page := func(n int) *Page {
			p := &Page{After: fmt.Sprint("page ", n+1)}
			for i := n * size; i < min((n+1)*size, rows) && n%gap != 0; i++ {
				p.Objects = append(p.Objects, Object{ID: strconv.Itoa(i)})
			}
			return p
		}
		pages := (rows + size - 1) / size
		for n := range pages {
			if err := trail.Follow(page(n)); err != nil {
				rt.Fatalf("page %d of %d: %v", n, pages, err)
			}
		}
		if len(trail.rows) > trailRows {
			rt.Fatalf("remembers %d rows", len(trail.rows))
		}
		if again := pages - 1; pages > 1 && again%gap != 0 {
			noticed := false
			for n := range pages {
				p := page(n)
				p.After = fmt.Sprint("page ", pages+n+1)
				noticed = noticed || trail.Follow(p) != nil
			}
			if !noticed {
				rt.Error("the same rows with other cursors are not noticed")
			}
		}
	})
}
