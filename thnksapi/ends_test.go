package thnksapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

func byNumber(size int, stop thnksapi.Stop) func(*thnksapi.Dialect) {
	return func(d *thnksapi.Dialect) {
		d.Paging = thnksapi.Paging{Kind: thnksapi.PagingPage, Param: "page", First: 1, SizeParam: "per_page", Size: size, Stop: stop}
	}
}

// TestForeignEnds: a listing ends in the way of its source, and everything in
// it is found.
func TestForeignEnds(t *testing.T) {
	type foreign = thnksapitest.Foreign
	stop := func(s thnksapi.Stop) func(*thnksapi.Dialect) {
		return func(d *thnksapi.Dialect) { d.Paging.Stop, d.Paging.Size = s, 20 }
	}
	tests := []struct {
		name    string
		shape   thnksapitest.Shape
		dialect func(*thnksapi.Dialect)
	}{
		{"false", thnksapitest.Shape{Foreign: foreign{NoCursor: `false`}}, nil},
		{"0", thnksapitest.Shape{Foreign: foreign{NoCursor: `0`}}, nil},
		{"0.0", thnksapitest.Shape{Foreign: foreign{NoCursor: `0.0`}}, nil},
		{"null as text", thnksapitest.Shape{Foreign: foreign{NoCursor: `"null"`}}, nil},
		{"None", thnksapitest.Shape{Foreign: foreign{NoCursor: `" None "`}}, nil},
		{"empty text", thnksapitest.Shape{Foreign: foreign{NoCursor: `""`}}, nil},
		{"object", thnksapitest.Shape{Foreign: foreign{NoCursor: `{}`}}, nil},
		{"array", thnksapitest.Shape{Foreign: foreign{NoCursor: ` [ ] `}}, nil},
		{"kept cursor", thnksapitest.Shape{Foreign: foreign{KeepsCursor: true}}, stop(thnksapi.StopEmpty)},
		{"kept cursor, short", thnksapitest.Shape{Foreign: foreign{KeepsCursor: true}}, stop(thnksapi.StopShort)},
		{"404 behind a full page", thnksapitest.Shape{Paging: thnksapitest.PagePaging, Foreign: foreign{PastEnd: 404}}, byNumber(20, thnksapi.StopShort)},
		{"400 behind a full page", thnksapitest.Shape{Paging: thnksapitest.PagePaging, Foreign: foreign{PastEnd: 400}}, byNumber(20, thnksapi.StopShort)},
		{"416 behind a full page", thnksapitest.Shape{Paging: thnksapitest.PagePaging, Foreign: foreign{PastEnd: 416}}, byNumber(20, thnksapi.StopEmpty)},
		{"404 behind pages of the source's size", thnksapitest.Shape{Paging: thnksapitest.PagePaging, Foreign: foreign{PastEnd: 404}}, byNumber(500, thnksapi.StopEmpty)},
		{"204 behind the last", thnksapitest.Shape{Paging: thnksapitest.PagePaging, Foreign: foreign{PastEnd: 204}}, byNumber(20, thnksapi.StopEmpty)},
		{"marks", thnksapitest.Shape{Foreign: foreign{Mark: true, ContentType: "application/json; charset=utf8"}}, nil},
		{"ASCII", thnksapitest.Shape{Foreign: foreign{ContentType: "text/plain; charset=us-ascii"}}, nil},
		{"zone without colon", thnksapitest.Shape{Foreign: foreign{TimeLayout: "2006-01-02T15:04:05.000000-0700"}}, nil},
		{"UTC", thnksapitest.Shape{Foreign: foreign{TimeLayout: "2006-01-02 15:04:05,000000 UTC", Nothing: "0000-00-00"}}, nil},
		{"short zone", thnksapitest.Shape{Foreign: foreign{TimeLayout: "2006-01-02T15:04:05.000000-07", Nothing: "#N/A"}}, nil},
	}
	txs := thnksapitest.Generate(thnksapitest.Data{Seed: 5, N: 100, Recipients: 30, End: end})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := thnksapitest.New(thnksapitest.Options{PageLimit: 20, Shape: test.shape})
			s.Add(txs...)
			c := newClient(t, s, test.dialect)
			found, _, err := listAll(c, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(essences(txs), found); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if row, err := c.Transaction(t.Context(), txs[3].ID); err != nil || row.Err != nil {
				t.Errorf("single transaction: %+v, %v", row, err)
			}
		})
	}
}

// TestNoEnd: what is no end of a listing is an error.
func TestNoEnd(t *testing.T) {
	txs := thnksapitest.Generate(thnksapitest.Data{Seed: 5, N: 100, Recipients: 30, End: end})
	source := func(n int, f thnksapitest.Foreign, paging thnksapitest.Paging) *thnksapitest.Server {
		s := thnksapitest.New(thnksapitest.Options{PageLimit: 20, Shape: thnksapitest.Shape{Paging: paging, Foreign: f}})
		s.Add(txs[:n]...)
		return s
	}
	pastEnd := func(n, status int) *thnksapitest.Server {
		return source(n, thnksapitest.Foreign{PastEnd: status}, thnksapitest.PagePaging)
	}
	wantProblem(t, newClient(t, pastEnd(90, 404), byNumber(20, thnksapi.StopEmpty)), thnksapi.Unexpected, "dialect.paging.stop to short")
	wantProblem(t, newClient(t, pastEnd(100, 403), byNumber(20, thnksapi.StopEmpty)), thnksapi.KeyRefused, "")
	wantProblem(t, newClient(t, pastEnd(100, 410), byNumber(20, thnksapi.StopEmpty)), thnksapi.Unexpected, "")
	wantProblem(t, newClient(t, source(0, thnksapitest.Foreign{EmptyStatus: 404}, thnksapitest.PagePaging), byNumber(20, thnksapi.StopEmpty)), thnksapi.Unexpected, "no such call")
	wantProblem(t, newClient(t, source(40, thnksapitest.Foreign{KeepsCursor: true}, thnksapitest.CursorPaging), nil), thnksapi.Circular, "repeats a cursor")
	for _, cursor := range []string{`true`, `{"c":1}`, `["x"]`} {
		wantProblem(t, newClient(t, source(5, thnksapitest.Foreign{NoCursor: cursor}, thnksapitest.CursorPaging), nil), thnksapi.Unexpected, "no cursor: check that pointer")
	}

	// Another run, of this process or another, does not know that the page before was full.
	s := pastEnd(100, 404)
	read := func(c *thnksapi.Client, pages int) string {
		q := thnksapi.Query{}
		for range pages {
			page, err := c.Transactions(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			q.Cursor = page.Next
		}
		return q.Cursor
	}
	cursor := read(newClient(t, s, byNumber(20, thnksapi.StopShort)), 5)
	_, err := newClient(t, s, byNumber(20, thnksapi.StopShort)).Transactions(t.Context(), thnksapi.Query{Cursor: cursor})
	wantKind(t, err, thnksapi.Stale)
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, s, byNumber(20, thnksapi.StopShort))
		cursor := read(c, 5)
		time.Sleep(time.Hour)
		_, err := c.Transactions(t.Context(), thnksapi.Query{Cursor: cursor})
		if err == nil {
			t.Error("a full page of an hour ago makes a 404 the end")
		}
	})
}

// TestEmptyFirstPage: 404 for a listing without transactions is a setting, and
// is for the first page only.
func TestEmptyFirstPage(t *testing.T) {
	for _, paging := range []thnksapitest.Paging{thnksapitest.CursorPaging, thnksapitest.PagePaging, thnksapitest.OffsetPaging} {
		for _, status := range []int{204, 404} {
			s := thnksapitest.New(thnksapitest.Options{Shape: thnksapitest.Shape{Paging: paging, Foreign: thnksapitest.Foreign{EmptyStatus: status}}})
			c := newClient(t, s, func(d *thnksapi.Dialect) {
				switch paging {
				case thnksapitest.PagePaging:
					byNumber(20, thnksapi.StopShort)(d)
				case thnksapitest.OffsetPaging:
					byNumber(20, thnksapi.StopShort)(d)
					d.Paging.Kind, d.Paging.Param, d.Paging.SizeParam = thnksapi.PagingOffset, "offset", "limit"
				}
				d.Paging.Nothing = 404
			})
			if found, _, err := listAll(c, time.Time{}); err != nil || len(found) != 0 || c.Calls() != 1 {
				t.Errorf("paging %v, status %d: %d found in %d calls: %v", paging, status, len(found), c.Calls(), err)
			}
		}
	}
	s := thnksapitest.New(thnksapitest.Options{PageLimit: 20})
	s.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 5, N: 50, End: end})...)
	s.Fault(thnksapitest.Fault{After: 1, Status: 404})
	c := newClient(t, s, func(d *thnksapi.Dialect) { d.Paging.Nothing = 404 })
	wantProblem(t, c, thnksapi.Stale, "cursor")
}

// TestScroll: a source has one cursor for all of its pages.
func TestScroll(t *testing.T) {
	for pages := range 5 {
		n := 0
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if (n > 0) != (r.URL.Query().Get("cursor") == "scroll") {
				t.Errorf("call %d with cursor %q", n, r.URL.Query().Get("cursor"))
			}
			if n++; n > pages {
				fmt.Fprint(w, `{"transactions":[],"next_cursor":"scroll"}`)
				return
			}
			fmt.Fprintf(w, `{"transactions":[{"id":"a%d"},{"id":"b%d"}],"next_cursor":"scroll"}`, n, n)
		})
		found, _, err := listAll(newClient(t, h, func(d *thnksapi.Dialect) { d.Paging.Stop = thnksapi.StopEmpty }), time.Time{})
		if err != nil || len(found) != 2*pages {
			t.Errorf("found %d of %d: %v", len(found), 2*pages, err)
		}
	}
}

// TestWithoutEnd: a listing that shows nothing new ends with an error, whatever
// its cursors say.
func TestWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for effect, most := range map[thnksapitest.Effect]int{thnksapitest.NewCursors: 2, thnksapitest.EmptyPages: 1000} {
			s := thnksapitest.New(thnksapitest.Options{PageLimit: 10})
			s.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 50, End: end})...)
			s.Fault(thnksapitest.Fault{Path: "/transactions", Effect: effect})
			c := newClient(t, s, nil)
			problem := map[thnksapitest.Effect]string{thnksapitest.NewCursors: "repeats a page", thnksapitest.EmptyPages: "nothing but empty pages"}[effect]
			wantProblem(t, c, thnksapi.Circular, problem)
			if c.Calls() != most {
				t.Errorf("effect %v: %d calls, want %d", effect, c.Calls(), most)
			}
		}
	})

	// Cursors are new and pages cut differently; the rows are the same.
	row := func(n int) string { return fmt.Sprintf(`{"id":"%d"}`, n%17) }
	pages := 0
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if pages++; pages > 50 {
			t.Fatal("the listing does not end")
		}
		from := pages * 3
		if pages%5 == 0 {
			from++
		}
		fmt.Fprintf(w, `{"transactions":[%s,%s,%s],"next_cursor":"%d"}`, row(from), row(from+1), row(from+2), pages)
	})
	wantProblem(t, newClient(t, h, nil), thnksapi.Circular, "repeats a page")
	if pages > 8 { // 17 rows are on 6 pages
		t.Errorf("noticed on page %d only", pages)
	}

	// Pages that are numbered may shift by a page, but not for ever.
	pages = 0
	h = func(w http.ResponseWriter, r *http.Request) {
		if pages++; pages > 100 {
			t.Fatal("the listing does not end")
		}
		fmt.Fprintf(w, `{"transactions":[{"id":"%d"},{"id":"%d"}]}`, pages%2, (pages+1)%2)
	}
	wantProblem(t, newClient(t, h, byNumber(2, thnksapi.StopEmpty)), thnksapi.Circular, "repeats a page")

	// Empty pages are counted across processes, and begin anew behind a row.
	pages = 0
	h = func(w http.ResponseWriter, r *http.Request) {
		pages++
		element := ""
		if pages%999 == 0 {
			element = fmt.Sprintf(`{"id":"%d"}`, pages)
		}
		next := fmt.Sprint(pages)
		if pages == 2500 {
			next = ""
		}
		fmt.Fprintf(w, `{"transactions":[%s],"next_cursor":"%s"}`, element, next)
	}
	q := thnksapi.Query{}
	for {
		page, err := newClient(t, h, nil).Transactions(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	if pages != 2500 {
		t.Errorf("%d pages", pages)
	}
}

// TestPageReadTwice: a page that is asked for again, after a run that was
// interrupted, is no circle.
func TestPageReadTwice(t *testing.T) {
	s := thnksapitest.New(thnksapitest.Options{PageLimit: 10})
	s.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 30, End: end})...)
	c := newClient(t, s, nil)
	first, err := c.Transactions(t.Context(), thnksapi.Query{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := c.Transactions(t.Context(), thnksapi.Query{Cursor: first.Next}); err != nil {
			t.Error(err)
		}
		if found, _, err := listAll(c, time.Time{}); err != nil || len(found) != 30 {
			t.Errorf("%d found: %v", len(found), err)
		}
	}
}

// TestByteOrderMarks: only marks at the very beginning are none of the text.
func TestByteOrderMarks(t *testing.T) {
	mark := "\uFEFF"
	for body, ok := range map[string]bool{
		mark + `{"transactions":[]}`:        true,
		mark + mark + `{"transactions":[]}`: true,
		`{"transactions":[]}` + mark:        false,
		mark:                                false,
	} {
		synctest.Test(t, func(t *testing.T) {
			if _, _, err := listAll(newClient(t, page(body), nil), time.Time{}); (err == nil) != ok {
				t.Errorf("%q: %v", strings.ReplaceAll(body, mark, "<mark>"), err)
			}
		})
	}
}
