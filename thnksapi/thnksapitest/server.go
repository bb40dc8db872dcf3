package thnksapitest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Paging is how a listing is cut into pages.
type Paging int

// The ways of paging.
const (
	CursorPaging Paging = iota // an opaque cursor that stays right when rows change
	PagePaging                 // parameters page (from 1) and per_page
	OffsetPaging               // parameters offset and limit
)

// Filter is what a listing can be narrowed by, and then is ordered by.
type Filter int

// The filters.
const (
	UpdatedFilter Filter = iota // parameter updated_since; in the order of changes
	CreatedFilter               // parameter created_since; in the order of creation
	NoFilter                    // none; in the order of creation
)

// A Shape says how the API differs from the assumed one. The zero Shape does
// not differ.
type Shape struct {
	Paging       Paging
	Filter       Filter
	FilterFormat string // how the filter's time is written: "" for RFC 3339, "date", "epoch_s", "epoch_ms"
	AuthHeader   string // default Authorization
	AuthTemplate string // its value, with {key} in it; default {key}
	Prefix       string // before every path, such as /gifting/v3
	Links        bool   // next_cursor is a relative link to the next page
	Bare         bool   // a listing is a bare array; with page or offset paging
	Wrapped      bool   // a single transaction is in {"data": …}
	Flat         bool   // transactions are flat, their names camelCase, their states STATE_…, their times epoch milliseconds
	Nested       bool   // an element is a gift request with those of its recipients that are neighbours; with cursor paging
	MinorUnits   bool   // amounts are integers: cents, yen, fils
	Foreign      Foreign
}

// Options configure a [Server].
type Options struct {
	// Keys are the API keys it accepts, each with the e-mail address of the
	// sender whose transactions it sees; "" sees all. Nil accepts any key.
	Keys      map[string]string
	Latency   time.Duration // of every answer
	PageLimit int           // greatest page size, whatever is asked for; default 500
	RateLimit int           // requests a second before 429; 0 is no limit
	Shape     Shape
}

// A Server is an emulated Thnks API: an http.Handler with state. All its
// methods are safe for concurrent use.
type Server struct {
	opts Options
	mux  *http.ServeMux

	mu       sync.Mutex
	rows     index
	byID     map[string]*row
	added    int // rows ever added; numbers them
	last     int // number of the newest id T-…
	requests int
	gifts    []Accepted
	window   time.Time // second that the rate limit counts in
	inWindow int
	faults   []*Fault
	senders  []*Sender
}

// New returns an empty server.
func New(opts Options) *Server {
	if opts.PageLimit == 0 {
		opts.PageLimit = 500
	}
	if opts.Shape.AuthHeader == "" {
		opts.Shape.AuthHeader = "Authorization"
	}
	if opts.Shape.AuthTemplate == "" {
		opts.Shape.AuthTemplate = "{key}"
	}
	s := &Server{opts: opts, byID: make(map[string]*row), mux: http.NewServeMux()}
	s.rows.keyOf = s.keyOf
	prefix := opts.Shape.Prefix + "/api/v1/"
	s.mux.HandleFunc("GET "+prefix+"transactions", s.list)
	s.mux.HandleFunc("GET "+prefix+"transactions/{id}", s.one)
	s.mux.HandleFunc("POST "+prefix+"gift_requests", s.send)
	return s
}

// keyOf is a row's place in the listing.
func (s *Server) keyOf(r *row) key {
	stamp := r.UpdatedAt
	if s.opts.Shape.Filter != UpdatedFilter {
		stamp = r.CreatedAt
	}
	return key{stamp, r.ID, r.seq}
}

// Add stores transactions unchanged, stamps included. A transaction replaces
// an earlier one with its id; those without an id are all kept.
func (s *Server) Add(txs ...Transaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range txs {
		s.add(t)
	}
}

func (s *Server) add(t Transaction) {
	if old, ok := s.byID[t.ID]; ok {
		s.rows.remove(old)
	}
	s.added++
	r := &row{Transaction: t, seq: s.added}
	s.rows.insert(r)
	if t.ID == "" {
		return
	}
	s.byID[t.ID] = r
	if n := idNumber(t.ID); n > s.last {
		s.last = n
	}
}

// Update changes a transaction and stamps it as updated now, unless change
// sets UpdatedAt itself. It reports whether there is such a transaction. The
// id cannot be changed. Use [Server.Add] for a change that keeps the stamp.
func (s *Server) Update(id string, change func(*Transaction)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.byID[id]
	if ok {
		s.update(r, change)
	}
	return ok
}

func (s *Server) update(r *row, change func(*Transaction)) {
	s.rows.remove(r)
	before := r.Transaction
	change(&r.Transaction)
	r.ID = before.ID
	if r.UpdatedAt.Equal(before.UpdatedAt) {
		r.UpdatedAt = now()
	}
	s.rows.insert(r)
	if r.Status != before.Status {
		s.announce(r.Transaction)
	}
}

// Reach gives a transaction a status now and reports whether there is such a
// transaction.
func (s *Server) Reach(id, status string) bool {
	return s.Update(id, func(t *Transaction) { t.reach(status, now()) })
}

// now returns the time as the API shows it, to the microsecond.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Delete removes a transaction and reports whether it was there.
func (s *Server) Delete(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.byID[id]
	if ok {
		s.rows.remove(r)
		delete(s.byID, id)
	}
	return ok
}

// Transactions returns a copy of all transactions, visible or not, in the
// listing's order.
func (s *Server) Transactions() []Transaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Transaction, 0, s.rows.len)
	for r := range s.rows.from(key{}) {
		all = append(all, r.Transaction)
	}
	return all
}

// Transaction returns one transaction by id.
func (s *Server) Transaction(id string) (Transaction, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.byID[id]
	if !ok {
		return Transaction{}, false
	}
	return r.Transaction, true
}

// IDs returns the ids of all transactions that have one, visible or not, in
// the listing's order.
func (s *Server) IDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]string, 0, len(s.byID))
	for r := range s.rows.from(key{}) {
		if r.ID != "" {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// Len returns how many transactions there are.
func (s *Server) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rows.len
}

// Requests returns how many requests were received, refused ones included.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	fault, limited := s.arrive(req)
	if !pause(req, s.opts.Latency) || fault != nil && fault.Effect != SlowAfter && !pause(req, fault.Delay) {
		return
	}
	switch {
	case fault != nil:
		fault.serve(w, req, s.answer)
	case limited:
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusTooManyRequests, "rate_limited", "too many requests")
	default:
		s.answer(w, req)
	}
}

// answer serves the API without faults and limits.
func (s *Server) answer(w http.ResponseWriter, req *http.Request) {
	if _, ok := s.sender(req); !ok {
		refuse(w, http.StatusUnauthorized, "unauthorized", "unknown API key")
		return
	}
	s.mux.ServeHTTP(w, req)
}

// arrive counts a request, and returns the fault that applies to it and whether
// it exceeds the rate limit.
func (s *Server) arrive(req *http.Request) (*Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if f := s.fault(req); f != nil {
		return f, false
	}
	if second := time.Now().Truncate(time.Second); !second.Equal(s.window) {
		s.window, s.inWindow = second, 0
	}
	s.inWindow++
	return nil, s.opts.RateLimit > 0 && s.inWindow > s.opts.RateLimit
}

// pause waits, and reports whether the request is still open then.
func pause(req *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-req.Context().Done():
		return false
	}
}

// sender returns the address whose transactions a request may see, "" for
// all, and whether its key is known.
func (s *Server) sender(req *http.Request) (string, bool) {
	got := req.Header.Get(s.opts.Shape.AuthHeader)
	if got == "" {
		return "", false
	}
	s.mu.Lock()
	keys := s.opts.Keys
	s.mu.Unlock()
	if keys == nil {
		return "", true
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if got == strings.ReplaceAll(s.opts.Shape.AuthTemplate, "{key}", k) {
			return keys[k], true
		}
	}
	return "", false
}

// SetKeys makes these the API keys that are known; see [Options].
func (s *Server) SetKeys(keys map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opts.Keys = maps.Clone(keys)
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	write(w, status, encode(map[string]string{"error": code, "message": message}))
}

func encode(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("thnksapitest: %v", err)) // only amounts that are no numbers can do this
	}
	return body
}

func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
}
