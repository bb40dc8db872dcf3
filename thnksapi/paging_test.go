package thnksapi_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// gift returns a minimal transaction.
func gift(n int, at time.Time) thnksapitest.Transaction {
	return thnksapitest.Transaction{ID: fmt.Sprintf("T-%06d", n), Status: "sent", CreatedAt: at, UpdatedAt: at}
}

// TestCursorFindsEverything reads a source while it changes, resuming every
// page in a new client: equal stamps, rows that become visible late, new rows
// and updates. Two passes that overlap by the dialect's 15 minutes must know
// the newest state of all.
func TestCursorFindsEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			s := thnksapitest.New(thnksapitest.Options{PageLimit: rapid.IntRange(1, 20).Draw(t, "cap")})
			size := rapid.IntRange(2, 30).Draw(t, "size")
			time.Sleep(24 * time.Hour) // away from the year 1999, in which no gift was sent
			n := rapid.IntRange(0, 60).Draw(t, "rows")
			for i := range n {
				// Few distinct stamps, so that many rows share one.
				x := gift(i, time.Now().Add(-time.Duration(rapid.IntRange(0, 5).Draw(t, "age"))*time.Hour))
				if rapid.IntRange(0, 9).Draw(t, "late") == 0 {
					x.UpdatedAt = time.Now()
					x.VisibleAfter = time.Now().Add(10 * time.Minute)
				}
				s.Add(x)
			}
			found := make(map[string]essence)
			pass := func(since time.Time, edits bool) (newest time.Time) {
				for q, pages := (thnksapi.Query{Since: since}), 0; ; pages++ {
					c := rapidClient(t, s, func(d *thnksapi.Dialect) { d.Paging.Size = size })
					page, err := c.Transactions(context.Background(), q)
					if err != nil {
						t.Fatal(err)
					}
					for _, r := range page.Rows {
						e := got(r.Transaction)
						if old, ok := found[e.ID]; !ok || !old.Updated.After(e.Updated) {
							found[e.ID] = e
						}
						if e.Updated.After(newest) {
							newest = e.Updated
						}
					}
					if q.Cursor = page.Next; q.Cursor == "" {
						return newest
					}
					time.Sleep(time.Second)
					if !edits || pages > 15 { // an endless stream of edits has no last page
						continue
					}
					for range rapid.IntRange(0, 3).Draw(t, "updates") {
						id := fmt.Sprintf("T-%06d", rapid.IntRange(0, max(1, n)-1).Draw(t, "id"))
						s.Update(id, func(x *thnksapitest.Transaction) { x.Message += "!" })
					}
					if rapid.IntRange(0, 9).Draw(t, "add") == 0 {
						s.Add(gift(n, time.Now()))
						n++
					}
				}
			}
			newest := pass(time.Time{}, true)
			time.Sleep(10 * time.Minute)
			pass(newest, false)
			if diff := gocmp.Diff(essences(s.Transactions()), found); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
		})
	})
}

// TestShiftingListing reads by page number and by offset while rows move, up
// to a page of them between two calls. No row that stays may be missed.
func TestShiftingListing(t *testing.T) {
	for name, shape := range map[string]thnksapitest.Shape{
		"page":   {Paging: thnksapitest.PagePaging},
		"offset": {Paging: thnksapitest.OffsetPaging},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				rapid.SyncTest(t, func(t *rapid.T) {
					s := thnksapitest.New(thnksapitest.Options{Shape: shape})
					n := rapid.IntRange(0, 60).Draw(t, "rows")
					for i := range n {
						s.Add(gift(i, time.Now().Add(time.Duration(i-100)*time.Second)))
					}
					size := rapid.IntRange(2, 12).Draw(t, "size")
					found := make(map[string]bool)
					gone := make(map[string]bool)
					for q, pages := (thnksapi.Query{}), 0; ; pages++ {
						c := rapidClient(t, s, func(d *thnksapi.Dialect) {
							d.Paging.Stop, d.Paging.Size, d.Paging.Kind, d.Paging.Param = thnksapi.StopEmpty, size, thnksapi.PagingKind(name), name
							if name == "page" {
								d.Paging.SizeParam = "per_page"
							}
						})
						page, err := c.Transactions(context.Background(), q)
						if err != nil {
							t.Fatal(err)
						}
						for _, r := range page.Rows {
							found[r.Transaction.ID] = true
						}
						if q.Cursor = page.Next; q.Cursor == "" {
							break
						}
						if pages > 15 {
							continue
						}
						for range rapid.IntRange(0, size).Draw(t, "leave") {
							id := fmt.Sprintf("T-%06d", rapid.IntRange(0, n-1).Draw(t, "id"))
							if rapid.Bool().Draw(t, "delete") {
								gone[id] = true
								s.Delete(id)
							} else {
								s.Update(id, func(*thnksapitest.Transaction) {})
							}
						}
						time.Sleep(time.Second)
					}
					for _, x := range s.Transactions() {
						if !found[x.ID] {
							t.Fatalf("%s was never listed; found %v, gone %v", x.ID, slices.Sorted(maps.Keys(found)), gone)
						}
					}
				})
			})
		})
	}
}

func rapidClient(t *rapid.T, h http.Handler, change func(*thnksapi.Dialect)) *thnksapi.Client {
	d := thnksapi.DefaultDialect()
	change(&d)
	c, err := thnksapi.New(thnksapi.Config{BaseURL: "https://thnks.test", Key: testKey, Dialect: d, Transport: thnksapitest.Transport(h), RequestsPerSecond: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestPromisedCalls pins what a listing costs.
func TestPromisedCalls(t *testing.T) {
	txs := thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 1000, End: end})
	paging := func(kind thnksapi.PagingKind, sizeParam string, stop thnksapi.Stop) func(*thnksapi.Dialect) {
		return func(d *thnksapi.Dialect) {
			d.Paging = thnksapi.Paging{Kind: kind, Param: string(kind), First: 1, SizeParam: sizeParam, Size: 100, Stop: stop}
		}
	}
	tests := []struct {
		name    string
		shape   thnksapitest.Shape
		dialect func(*thnksapi.Dialect)
		since   time.Time
		want    int
	}{
		{"cursor, everything", thnksapitest.Shape{}, nil, time.Time{}, 2},
		{"cursor, nothing new", thnksapitest.Shape{}, nil, end.AddDate(1, 0, 0), 1},
		{"offset, everything", thnksapitest.Shape{Paging: thnksapitest.OffsetPaging}, paging("offset", "limit", thnksapi.StopEmpty), time.Time{}, 12},
		{"page, everything", thnksapitest.Shape{Paging: thnksapitest.PagePaging}, paging("page", "per_page", thnksapi.StopEmpty), time.Time{}, 21},
		{"page, nothing new", thnksapitest.Shape{Paging: thnksapitest.PagePaging}, paging("page", "per_page", thnksapi.StopShort), end.AddDate(1, 0, 0), 1},
	}
	for _, test := range tests {
		s := thnksapitest.New(thnksapitest.Options{Shape: test.shape})
		s.Add(txs...)
		c := newClient(t, s, test.dialect)
		_, rows, err := listAll(c, test.since)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if c.Calls() != test.want || s.Requests() != test.want {
			t.Errorf("%s: %d calls, %d requests, want %d", test.name, c.Calls(), s.Requests(), test.want)
		}
		if test.since.IsZero() && rows != len(txs) {
			t.Errorf("%s: %d rows of a listing at rest, want %d", test.name, rows, len(txs))
		}
	}
}

// TestListingThatRepeatsItself: a listing that repeats itself is noticed for any length of the
// circle, and if the source ignores its paging parameter.
func TestListingThatRepeatsItself(t *testing.T) {
	for length := range 9 {
		pages := 0
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if pages++; pages > 100 {
				t.Fatal("the circle is not noticed")
			}
			// Some pages lead into the circle, others make it; contents differ always.
			n := pages
			if n > 5 {
				n = 5 + (n-5)%(length+1)
			}
			fmt.Fprintf(w, `{"transactions":[{"id":"%d"}],"next_cursor":"c%d"}`, pages, n)
		})
		wantProblem(t, newClient(t, h, nil), thnksapi.Circular, "repeats a cursor")
	}
	for length := range 5 {
		pages := 0
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if pages++; pages > 100 {
				t.Fatal("the circle is not noticed")
			}
			fmt.Fprintf(w, `{"transactions":[{"id":"%d"},{"id":"x"}],"next_cursor":"c%d"}`, pages%(length+1), pages)
		})
		wantProblem(t, newClient(t, h, nil), thnksapi.Circular, "repeats a page")
	}

	s := thnksapitest.New(thnksapitest.Options{Shape: thnksapitest.Shape{Paging: thnksapitest.PagePaging}})
	s.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 50, End: end})...)
	wantProblem(t, newClient(t, s, func(d *thnksapi.Dialect) {
		d.Paging = thnksapi.Paging{Kind: thnksapi.PagingPage, Param: "p", First: 1, SizeParam: "per_page", Size: 10, Stop: thnksapi.StopEmpty}
	}), thnksapi.Circular, "repeats a page")

	for effect, problem := range map[thnksapitest.Effect]string{
		thnksapitest.CursorLoop: "repeats a cursor",
		thnksapitest.RepeatPage: "repeats a page",
	} {
		s := thnksapitest.New(thnksapitest.Options{PageLimit: 10})
		s.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 50, End: end})...)
		s.Fault(thnksapitest.Fault{Path: "/transactions", After: 1, Effect: effect})
		wantProblem(t, newClient(t, s, nil), thnksapi.Circular, problem)
	}
}

// TestLastPageRepeats: a last page that repeats an earlier page is noticed,
// because its own rows would be missed.
func TestLastPageRepeats(t *testing.T) {
	s := thnksapitest.New(thnksapitest.Options{PageLimit: 10})
	s.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 15, End: end})...)
	s.Fault(thnksapitest.Fault{Path: "/transactions", After: 1, Effect: thnksapitest.RepeatPage})
	wantProblem(t, newClient(t, s, nil), thnksapi.Circular, "repeats a page")
}

func wantProblem(t *testing.T, c *thnksapi.Client, kind thnksapi.Kind, problem string) {
	t.Helper()
	_, _, err := listAll(c, time.Time{})
	var e *thnksapi.Error
	if !errors.As(err, &e) || e.Kind != kind || !strings.Contains(err.Error(), problem) {
		t.Errorf("error is %v, want one of kind %v that says %q", err, kind, problem)
	}
}

// TestStaleCursor: cursors of another dialect, and cursors that the source has
// forgotten, are stale.
func TestStaleCursor(t *testing.T) {
	s := thnksapitest.New(thnksapitest.Options{PageLimit: 5})
	s.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 20, End: end})...)
	c := newClient(t, s, nil)
	page, err := c.Transactions(context.Background(), thnksapi.Query{})
	if err != nil {
		t.Fatal(err)
	}
	paged := newClient(t, s, func(d *thnksapi.Dialect) { d.Paging.Kind, d.Paging.Stop = thnksapi.PagingPage, thnksapi.StopEmpty })
	calls := s.Requests()
	for _, cursor := range []string{page.Next, "%", "bm90IGpzb24", page.Next[:len(page.Next)-4]} {
		_, err := paged.Transactions(context.Background(), thnksapi.Query{Cursor: cursor})
		wantKind(t, err, thnksapi.Stale)
	}
	if s.Requests() != calls {
		t.Error("a cursor that is not ours was sent to the source")
	}

	s.Fault(thnksapitest.Fault{Status: http.StatusGone})
	_, err = c.Transactions(context.Background(), thnksapi.Query{Cursor: page.Next})
	wantKind(t, err, thnksapi.Stale)
	_, err = c.Transactions(context.Background(), thnksapi.Query{})
	wantKind(t, err, thnksapi.Unexpected)
}

func wantKind(t *testing.T, err error, kind thnksapi.Kind) {
	t.Helper()
	var e *thnksapi.Error
	if !errors.As(err, &e) || e.Kind != kind {
		t.Errorf("error is %v, want one of kind %v", err, kind)
	}
}

// TestForeignLink: of a link to a next page only the cursor is used.
func TestForeignLink(t *testing.T) {
	s := thnksapitest.New(thnksapitest.Options{PageLimit: 5})
	txs := thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 20, End: end})
	s.Add(txs...)
	s.Fault(thnksapitest.Fault{Effect: thnksapitest.ForeignLink, Body: "https://evil.example/api/v1/transactions"})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "thnks.test" {
			t.Errorf("a request went to %s", r.Host)
		}
		s.ServeHTTP(w, r)
	})
	found, _, err := listAll(newClient(t, h, nil), time.Time{})
	if err != nil || len(found) != len(txs) {
		t.Errorf("found %d of %d: %v", len(found), len(txs), err)
	}

	without := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"transactions":[],"next_cursor":"https://evil.example/next"}`))
	})
	wantProblem(t, newClient(t, without, nil), thnksapi.Unexpected, "no cursor")
}
