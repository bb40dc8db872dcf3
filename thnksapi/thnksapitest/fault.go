package thnksapitest

import (
	"compress/gzip"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// An Effect is a way of failing.
type Effect int

// The effects.
const (
	Respond     Effect = iota // answer Status with Body; the request has no effect
	ResetBefore               // the connection breaks before the request is processed
	ResetAfter                // the connection breaks after the request is processed, before the answer
	Truncate                  // only half of the answer's body is sent
	RepeatPage                // the first page's rows replace those of the requested page
	CursorLoop                // the next cursor is the one just used
	ForeignLink               // the next cursor is a link to Body, with the real cursor in it
	SlowOnly                  // the answer is right, after Delay
	SlowAfter                 // the request is processed at once, and its answer comes after Delay
	NewCursors                // every page has the first page's rows and a cursor that is new
	EmptyPages                // every page has no rows and a cursor that is new
	Overlong                  // Body follows the answer, beyond its Content-Length; on a real connection only
	Bomb                      // a page of 100 MB in a few kB, compressed
)

// A Fault is a rule by which requests fail. If several rules apply, the first
// one counts.
type Fault struct {
	Path       string // end of the path of the requests; "" is all
	After      int    // requests to let through first
	Count      int    // how many requests fail then; 0 is all
	Delay      time.Duration
	Effect     Effect
	Status     int         // of Respond; default 500
	Header     http.Header // of Respond, such as Retry-After
	Body       string      // of Respond; for ForeignLink the link without its query
	seen, done int
}

// Fault adds a rule.
func (s *Server) Fault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// ClearFaults removes all rules.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Struck returns the number of requests that failed by a rule since the last
// ClearFaults.
func (s *Server) Struck() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, f := range s.faults {
		n += f.done
	}
	return n
}

// fault returns the rule that applies to a request.
func (s *Server) fault(req *http.Request) *Fault {
	for _, f := range s.faults {
		if !strings.HasSuffix(req.URL.Path, f.Path) {
			continue
		}
		f.seen++
		if f.seen <= f.After || f.Count > 0 && f.done >= f.Count {
			continue
		}
		f.done++
		return f
	}
	return nil
}

// serve answers a request by the rule. answer does it without a fault.
func (f *Fault) serve(w http.ResponseWriter, req *http.Request, answer http.HandlerFunc) {
	switch f.Effect {
	case Respond:
		f.respond(w)
		return
	case ResetBefore:
		panic(http.ErrAbortHandler)
	case SlowOnly:
		answer(w, req)
		return
	case SlowAfter:
		rec := &recorder{header: w.Header().Clone()}
		answer(rec, req)
		rec.WriteHeader(http.StatusOK)
		if !pause(req, f.Delay) {
			return
		}
		maps.Copy(w.Header(), rec.sent)
		w.WriteHeader(rec.status)
		_, _ = w.Write(rec.body.Bytes()) // the client may be gone
		return
	case Bomb:
		bomb(w)
		return
	}
	rec := &recorder{header: w.Header().Clone()}
	answer(rec, req)
	rec.WriteHeader(http.StatusOK)
	body := rec.body.Bytes()
	switch f.Effect {
	case ResetAfter:
		panic(http.ErrAbortHandler)
	case RepeatPage:
		first := &recorder{header: make(http.Header)}
		answer(first, firstPage(req))
		body = changeBody(body, func(page map[string]json.RawMessage) {
			changeBody(first.body.Bytes(), func(p map[string]json.RawMessage) { page["transactions"] = p["transactions"] })
		})
	case CursorLoop:
		body = changeBody(body, func(page map[string]json.RawMessage) {
			if used := req.URL.Query().Get("cursor"); used != "" {
				page["next_cursor"] = quote(used)
			}
		})
	case NewCursors:
		first := &recorder{header: make(http.Header)}
		answer(first, firstPage(req))
		body = changeBody(first.body.Bytes(), func(page map[string]json.RawMessage) { page["next_cursor"] = quote(rand.Text()) })
		rec.status = http.StatusOK
	case EmptyPages:
		body = encode(map[string]any{"transactions": []any{}, "next_cursor": rand.Text()})
		rec.status = http.StatusOK
	case Overlong:
		f.overlong(w, body)
		return
	case ForeignLink:
		body = changeBody(body, func(page map[string]json.RawMessage) {
			var next string
			if json.Unmarshal(page["next_cursor"], &next) == nil && next != "" {
				page["next_cursor"] = quote(f.Body + "?cursor=" + next)
			}
		})
	}
	maps.Copy(w.Header(), rec.sent)
	if f.Effect == Truncate {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(rec.status)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush() // not every writer can; the abort cuts it off either way
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(rec.status)
	_, _ = w.Write(body)
}

// overlong sends an answer and text behind its end.
func (f *Fault) overlong(w http.ResponseWriter, body []byte) {
	conn, out, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // no real connection
	}
	defer conn.Close()
	fmt.Fprintf(out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s%s", len(body), body, f.Body)
	_ = out.Flush() // the client may be gone
}

// bomb sends a page of elements without end, as far as a client will read.
func bomb(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	defer z.Close()
	_, _ = io.WriteString(z, `{"transactions":[{}`)
	block := strings.Repeat(",{}", 1<<18)
	for range 128 {
		if _, err := io.WriteString(z, block); err != nil {
			return // the client has enough
		}
	}
	_, _ = io.WriteString(z, `],"next_cursor":null}`)
}

// firstPage is a list request without its place in the listing.
func firstPage(req *http.Request) *http.Request {
	first := req.Clone(req.Context())
	query := first.URL.Query()
	for _, param := range []string{"cursor", "page", "offset"} {
		query.Del(param)
	}
	first.URL.RawQuery = query.Encode()
	return first
}

func (f *Fault) respond(w http.ResponseWriter) {
	maps.Copy(w.Header(), f.Header)
	status := f.Status
	if status == 0 {
		status = http.StatusInternalServerError
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(f.Body))
}

func quote(s string) json.RawMessage {
	b, _ := json.Marshal(s) // a string always encodes
	return b
}
