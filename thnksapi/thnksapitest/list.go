package thnksapitest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const defaultPage = 100

// list answers GET …/transactions.
func (s *Server) list(w http.ResponseWriter, req *http.Request) {
	query := req.URL.Query()
	size, err := s.pageSize(query)
	if err != nil {
		refuse(w, http.StatusBadRequest, "bad_request", err.Error())
		return
	}
	since, err := s.since(query)
	if err != nil {
		refuse(w, http.StatusBadRequest, "bad_request", err.Error())
		return
	}
	sender, _ := s.sender(req)
	sel := selection{sender: sender, now: time.Now(), from: key{stamp: since}}
	body, err := s.page(req, sel, size)
	var none noPage
	switch {
	case errors.As(err, &none):
		none.write(w)
	case err != nil:
		refuse(w, http.StatusBadRequest, "bad_request", err.Error())
	default:
		s.opts.Shape.Foreign.write(w, body)
	}
}

// page returns the body of a page. The body is encoded under the lock and sent
// afterwards, so a slow reader does not block others.
func (s *Server) page(req *http.Request, sel selection, size int) ([]byte, error) {
	query := req.URL.Query()
	s.mu.Lock()
	defer s.mu.Unlock()
	foreign := s.opts.Shape.Foreign
	switch s.opts.Shape.Paging {
	case PagePaging:
		page, err := number(query, "page", 1, 1)
		rows := s.skip(sel, (page-1)*size, size)
		if err == nil && len(rows) == 0 {
			err = foreign.noPage(page == 1)
		}
		return s.encodePage(rows, nil), err
	case OffsetPaging:
		offset, err := number(query, "offset", 0, 0)
		rows := s.skip(sel, offset, size)
		if err == nil && len(rows) == 0 {
			err = foreign.noPage(offset == 0)
		}
		return s.encodePage(rows, nil), err
	default:
		used := query.Get("cursor")
		if used != "" {
			var err error
			if sel.from, err = parseCursor(used); err != nil {
				return nil, err
			}
		}
		rows, more := s.keyset(sel, size)
		switch {
		case more:
			return s.encodePage(rows, s.nextCursor(req, s.keyOf(rows[size-1]))), nil
		case foreign.KeepsCursor && used != "":
			return s.encodePage(rows, used), nil
		case foreign.KeepsCursor && len(rows) > 0:
			return s.encodePage(rows, s.nextCursor(req, s.keyOf(rows[len(rows)-1]))), nil
		case used == "" && len(rows) == 0 && foreign.EmptyStatus != 0:
			return nil, noPage(foreign.EmptyStatus)
		default:
			return s.encodePage(rows, foreign.noCursor()), nil
		}
	}
}

// A selection is the part of the listing that a request may see.
type selection struct {
	sender string
	now    time.Time
	from   key
}

func (sel selection) sees(r *row) bool {
	return (sel.sender == "" || r.Sender.Email == sel.sender) && !r.VisibleAfter.After(sel.now)
}

// keyset returns the first rows of a selection, and whether there are more.
func (s *Server) keyset(sel selection, size int) ([]*row, bool) {
	var rows []*row
	for r := range s.rows.from(sel.from) {
		if !sel.sees(r) {
			continue
		}
		if len(rows) == size {
			return rows, true
		}
		rows = append(rows, r)
	}
	return rows, false
}

func (s *Server) nextCursor(req *http.Request, last key) string {
	last.seq++ // just after the page's last row
	c := formatCursor(last)
	if !s.opts.Shape.Links {
		return c
	}
	query := req.URL.Query()
	query.Set("cursor", c)
	return req.URL.Path + "?" + query.Encode()
}

// skip returns size rows of the selection after the first n.
func (s *Server) skip(sel selection, n, size int) []*row {
	var rows []*row
	for r := range s.rows.from(sel.from) {
		if !sel.sees(r) {
			continue
		}
		if n--; n >= 0 {
			continue
		}
		if rows = append(rows, r); len(rows) == size {
			break
		}
	}
	return rows
}

func (s *Server) encodePage(rows []*row, next any) []byte {
	elements := s.opts.Shape.render(rows)
	if s.opts.Shape.Bare {
		return encode(elements)
	}
	body := map[string]any{"transactions": elements}
	if s.opts.Shape.Paging == CursorPaging {
		body["next_cursor"] = next
	}
	return encode(body)
}

// one answers GET …/transactions/{id}.
func (s *Server) one(w http.ResponseWriter, req *http.Request) {
	sender, _ := s.sender(req)
	body, ok := s.single(req.PathValue("id"), selection{sender: sender, now: time.Now()})
	if !ok {
		refuse(w, http.StatusNotFound, "not_found", "no such transaction")
		return
	}
	s.opts.Shape.Foreign.write(w, body)
}

func (s *Server) single(id string, sel selection) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.byID[id]
	if !ok || !sel.sees(r) {
		return nil, false
	}
	element := s.opts.Shape.render([]*row{r})[0]
	if s.opts.Shape.Wrapped {
		element = map[string]any{"data": element}
	}
	return encode(element), true
}

func (s *Server) pageSize(query url.Values) (int, error) {
	param := "limit"
	if s.opts.Shape.Paging == PagePaging {
		param = "per_page"
	}
	size, err := number(query, param, defaultPage, 1)
	return min(size, s.opts.PageLimit), err
}

func number(query url.Values, param string, missing, least int) (int, error) {
	if !query.Has(param) {
		return missing, nil
	}
	n, err := strconv.Atoi(query.Get(param))
	if err != nil || n < least {
		return 0, errors.New(param + " must be a number of at least " + strconv.Itoa(least))
	}
	return n, nil
}

// since reads the filter, "at or after".
func (s *Server) since(query url.Values) (time.Time, error) {
	param := "updated_since"
	switch s.opts.Shape.Filter {
	case CreatedFilter:
		param = "created_since"
	case NoFilter:
		return time.Time{}, nil
	}
	value := query.Get(param)
	if value == "" {
		return time.Time{}, nil
	}
	var t time.Time
	var n int64
	var err error
	switch s.opts.Shape.FilterFormat {
	case "date":
		t, err = time.Parse(time.DateOnly, value)
	case "epoch_s":
		n, err = strconv.ParseInt(value, 10, 64)
		t = time.Unix(n, 0)
	case "epoch_ms":
		n, err = strconv.ParseInt(value, 10, 64)
		t = time.UnixMilli(n)
	default:
		t, err = time.Parse(time.RFC3339, value)
	}
	if err != nil {
		return time.Time{}, errors.New(param + " is not a time")
	}
	return t, nil
}

// The cursor is a key, and opaque to those who use it.
func formatCursor(k key) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join([]string{k.stamp.UTC().Format(time.RFC3339Nano), strconv.Itoa(k.seq), k.id}, "|")))
}

var errCursor = errors.New("the cursor is not one of ours")

func parseCursor(c string) (key, error) {
	b, err := base64.RawURLEncoding.DecodeString(c)
	if err != nil {
		return key{}, errCursor
	}
	parts := strings.SplitN(string(b), "|", 3)
	if len(parts) != 3 {
		return key{}, errCursor
	}
	stamp, err := time.Parse(time.RFC3339Nano, parts[0])
	if err != nil {
		return key{}, errCursor
	}
	seq, err := strconv.Atoi(parts[1])
	if err != nil {
		return key{}, errCursor
	}
	return key{stamp, parts[2], seq}, nil
}

// changeBody decodes a listing, changes it and encodes it again. A body that
// is no listing is returned unchanged.
func changeBody(body []byte, change func(map[string]json.RawMessage)) []byte {
	var page map[string]json.RawMessage
	if json.Unmarshal(body, &page) != nil || page["transactions"] == nil {
		return body
	}
	change(page)
	out, err := json.Marshal(page)
	if err != nil {
		return body
	}
	return out
}
