package thnksapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Transactions returns one page of the listing that q asks for.
func (c *Client) Transactions(ctx context.Context, q Query) (*Page, error) {
	p := c.dialect.Paging
	at := cursor{Kind: p.Kind}
	if p.Kind == PagingPage {
		at.N = p.First
	}
	if q.Cursor != "" {
		var err error
		if at, err = parseCursor(q.Cursor, p.Kind); err != nil {
			return nil, &Error{Kind: Stale, Path: c.listPath, Problem: "the listing must begin anew", Err: err}
		}
	}
	w := c.walks.take(q.Cursor)
	read := c.byCursor
	switch p.Kind {
	case PagingPage:
		read = c.byPage
	case PagingOffset:
		read = c.byOffset
	}
	got, err := read(ctx, q.Since, at, w)
	if isAny(err, errPageRepeated, errCursorRepeated, errEmptyPages) {
		return nil, &Error{Kind: Circular, Path: c.listPath, Problem: err.Error()}
	}
	if err != nil {
		return nil, err
	}
	page := &Page{Date: got.date}
	for _, element := range got.elements {
		page.Rows = append(page.Rows, c.Decode(element)...)
		if len(page.Rows) > 2*maxElements { // a page read twice has twice as many
			return nil, &Error{Kind: Unexpected, Path: c.listPath, Problem: "the elements of a page have more than 50,000 recipients: lower dialect.paging.size"}
		}
	}
	if got.next != nil {
		page.Next = got.next.String()
		c.walks.keep(page.Next, w)
	}
	return page, nil
}

// A chunk is what one step through a listing yields.
type chunk struct {
	elements []json.RawMessage
	date     time.Time
	next     *cursor // nil at the end
}

// byCursor reads the page that the source's own cursor names.
func (c *Client) byCursor(ctx context.Context, since time.Time, at cursor, w *walk) (*chunk, error) {
	l, err := c.list(ctx, since, at.Server, at.Server == "")
	if err != nil {
		return nil, err
	}
	got := &chunk{elements: l.elements, date: l.date}
	next := l.next
	if next != "" && next == at.Server && c.dialect.Paging.Stop != StopCursor {
		// The source has one cursor for all pages. It has come to the end when
		// that shows nothing new.
		if !w.news(l.elements) {
			return &chunk{date: l.date}, nil
		}
		next = ""
	} else if w.circles(l.elements, 0) {
		return nil, errPageRepeated
	}
	// The last page's rows, too, may be those of another.
	if at.Loop, err = at.Loop.seen(l.elements, next); err != nil {
		return nil, err
	}
	if l.next == "" || c.ended(l.elements) {
		return got, nil
	}
	at.Server = l.next
	got.next = &at
	return got, nil
}

// shifts is how many pages in a row may have nothing new where pages are
// numbered or rows counted: rows that come in before them move a listing down.
const shifts = 2

// byPage reads a page by its number, and then the page before it once more: it
// now has the rows that a removal moved across the border between the two.
func (c *Client) byPage(ctx context.Context, since time.Time, at cursor, w *walk) (*chunk, error) {
	first := c.dialect.Paging.First
	l, err := c.list(ctx, since, strconv.Itoa(at.N), at.N == first)
	if err != nil {
		if err = w.pastEnd(err, at); err != nil {
			return nil, err
		}
		l = &listed{}
	}
	got := &chunk{elements: l.elements, date: l.date}
	if at.Last != "" {
		before, err := c.list(ctx, since, strconv.Itoa(at.N-1), at.N-1 == first)
		if err != nil {
			return nil, err
		}
		if last(before.elements) != at.Last {
			got.elements = append(before.elements, got.elements...)
		}
	}
	if c.ended(l.elements) {
		return got, nil
	}
	if at.Loop, err = at.Loop.seen(l.elements, ""); err != nil {
		return nil, err
	}
	if w.circles(l.elements, shifts) {
		return nil, errPageRepeated
	}
	w.note(len(l.elements), c.dialect.Paging.Size)
	at.N++
	at.Last = last(l.elements)
	got.next = &at
	return got, nil
}

// byOffset reads from the last row of the page before. If that row is not
// there, the listing has moved, and the page before is read once more.
func (c *Client) byOffset(ctx context.Context, since time.Time, at cursor, w *walk) (*chunk, error) {
	from := at.N
	if at.Last != "" {
		from--
	}
	l, err := c.list(ctx, since, strconv.Itoa(from), from == 0)
	if err != nil {
		return nil, w.pastEnd(err, at)
	}
	unread, moved := l.elements, []json.RawMessage(nil)
	switch {
	case at.Last == "":
	case len(unread) > 0 && last(unread[:1]) == at.Last:
		unread = unread[1:]
	default:
		before, err := c.list(ctx, since, strconv.Itoa(max(0, from-at.Rows)), from <= at.Rows)
		if err != nil {
			return nil, err
		}
		moved = before.elements
	}
	got := &chunk{elements: append(moved, unread...), date: l.date}
	if len(unread) == 0 || c.ended(l.elements) {
		return got, nil
	}
	if at.Loop, err = at.Loop.seen(unread, ""); err != nil {
		return nil, err
	}
	if w.circles(unread, shifts) {
		return nil, errPageRepeated
	}
	at.N = from + len(l.elements)
	at.Rows = len(l.elements)
	at.Last = last(l.elements)
	got.next = &at
	return got, nil
}

// ended applies the dialect's stop rule to a page.
func (c *Client) ended(elements []json.RawMessage) bool {
	switch c.dialect.Paging.Stop {
	case StopEmpty:
		return len(elements) == 0
	case StopShort:
		return len(elements) < c.dialect.Paging.Size
	default:
		return false
	}
}

// last identifies the last element by its whole content. An element that has
// changed may have moved, and must not be mistaken for the one that was there.
func last(elements []json.RawMessage) string {
	if len(elements) == 0 {
		return ""
	}
	return digest(elements[len(elements)-1])
}

// listed is one answer of the list call.
type listed struct {
	elements []json.RawMessage
	next     string // the source's next cursor; with cursor paging only
	date     time.Time
}

// list makes the list call. position is the value of the paging parameter,
// which is left out if empty; first means that it is the listing's first page.
func (c *Client) list(ctx context.Context, since time.Time, position string, first bool) (*listed, error) {
	p := c.dialect.Paging
	query := url.Values{p.SizeParam: {strconv.Itoa(p.Size)}}
	if position != "" {
		query.Set(p.Param, position)
	}
	if s := c.dialect.Since; s.Kind != SinceNone && !since.IsZero() {
		query.Set(s.Param, s.format(since))
	}
	a, err := c.get(ctx, call{path: c.listPath, fixed: c.listQuery, query: query, resumed: p.Kind == PagingCursor && position != ""})
	var refused *Error
	if first && p.Nothing != 0 && errors.As(err, &refused) && refused.Status == p.Nothing {
		return &listed{}, nil
	}
	if err != nil {
		return nil, err
	}
	unexpected := func(problem string) error {
		return &Error{Kind: Unexpected, Status: a.status, Path: c.listPath, Problem: problem}
	}
	l := &listed{elements: a.elements, date: a.date}
	switch {
	case a.status == http.StatusNoContent:
		return l, nil
	case a.listed == asNothing:
		return nil, unexpected("the answer has nothing at dialect.items: check that pointer and dialect.list_path")
	case a.listed == asOther:
		return nil, unexpected("what is at dialect.items is no array: check that pointer")
	case p.Kind != PagingCursor:
		return l, nil
	case a.next == nil: // ends the listing, as null does
		if len(l.elements) == p.Size {
			c.warnings.warn(ctx, "a full page names no cursor and is taken for the last: if more is missing, check dialect.paging.pointer", keyPath, c.listPath)
		}
		return l, nil
	}
	next, err := nextCursor(a.next)
	if err != nil {
		return nil, unexpected("what is at dialect.paging.pointer is no cursor: check that pointer")
	}
	if l.next, err = cursorOf(next, p.Param); err != nil {
		return nil, unexpected("the link to the next page carries no cursor: check dialect.paging.param")
	}
	return l, nil
}

// nextCursor reads the source's next value. It is "" if that says that there is
// no next page.
func nextCursor(raw json.RawMessage) (string, error) {
	var value any
	if err := decodeNumbers(raw, &value); err != nil {
		return "", err
	}
	switch v := value.(type) {
	case bool:
		if v {
			return "", errors.New("true is no cursor")
		}
		return "", nil
	case json.Number:
		if f, err := v.Float64(); err == nil && f == 0 {
			return "", nil
		}
	case map[string]any:
		if len(v) == 0 {
			return "", nil
		}
	case []any:
		if len(v) == 0 {
			return "", nil
		}
	case string:
		switch fold(v) {
		case "", "null", "none", "nil", "undefined", "false":
			return "", nil
		}
	}
	return text(value)
}

// cursorOf returns the cursor in a source's next value. If that is a link, we
// use only the cursor in it and never follow the link, which may lead to
// another host.
func cursorOf(next, param string) (string, error) {
	absolute := strings.HasPrefix(next, "https://") || strings.HasPrefix(next, "http://")
	relative := strings.HasPrefix(next, "/") || strings.HasPrefix(next, "?")
	if !absolute && (!relative || !strings.Contains(next, param+"=")) {
		return next, nil
	}
	u, err := url.Parse(next)
	if err != nil {
		return "", err
	}
	c := u.Query().Get(param)
	if c == "" {
		return "", errors.New("no cursor in the link")
	}
	return c, nil
}

// format writes the time to ask from: the overlap is subtracted.
func (s Since) format(since time.Time) string {
	t := since.Add(-s.overlap()).UTC()
	switch s.Format {
	case FormatDate:
		return t.Format(time.DateOnly)
	case FormatEpochSecond:
		return strconv.FormatInt(t.Unix(), 10)
	case FormatEpochMilli:
		return strconv.FormatInt(t.UnixMilli(), 10)
	default:
		return t.Format(time.RFC3339)
	}
}

func (s Since) overlap() time.Duration {
	switch {
	case s.Overlap > 0:
		return s.Overlap
	case s.Format == FormatDate:
		return 24 * time.Hour
	default:
		return 15 * time.Minute
	}
}
