package hubspot

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/oauth2"

	"thnks-hubspot-sync/hubspot/hubspottest/contract"
)

const keyProperty = "thnks_transaction_id"

// A fakePortal is the smallest server that the operations can be tested
// against: one object type, kept in a map, and switches for HubSpot's habits.
// The switches are read under its lock and set before the first call.
type fakePortal struct {
	mu       sync.Mutex
	rng      *rand.Rand
	nextID   int
	records  map[string]map[string]any // by id
	archived map[string]map[string]any
	merged   map[string]string // old id → id of the record it became

	missing   bool                                 // report merged ids as missing, not by silence
	whole     bool                                 // refuse batches as a whole, not by item
	noTrace   bool                                 // do not echo trace ids
	numericID bool                                 // print ids as numbers
	bad       func(properties map[string]any) bool // inputs to refuse
	badRead   func(id string) bool                 // ids to refuse in reads
	badLink   func(to string) bool                 // links to refuse
	silent    func(properties map[string]any) bool // writes to make but leave out of the answer
	ignored   func(properties map[string]any) bool // writes neither to make nor to mention
	crash     func(properties map[string]any) bool // writes that make the portal fail with 502
	crashRead func(name string) bool               // ids and values in reads that do
	largeRead func(name string) bool               // ids and values in reads whose answer is too large
	oddRead   func(name string) bool               // ids and values in reads whose answer has another form
	large     int                                  // inputs from which on an answer is too large, 0 for none
	vague     bool                                 // item errors name no input
	fault     func(op string, n int) fault         // of the n-th request of an operation

	calls []fakeCall
}

// A fault is what goes wrong with a request.
type fault int

const (
	fine       fault = iota
	lostBefore       // the connection breaks before the effect
	lostAfter        // and after it
	empty            // an answer with an empty list of results, without effect
	nothing          // an answer without any list, without effect
	denied           // 401
)

// A fakeCall is a request that the portal saw.
type fakeCall struct {
	Op     string // method and path below the object type
	Inputs []fakeInput
}

type fakeInput struct {
	ID         string            `json:"id"`
	Trace      string            `json:"objectWriteTraceId"`
	Properties map[string]any    `json:"properties"`
	Links      []json.RawMessage `json:"associations"`
}

func newFakePortal() *fakePortal {
	return &fakePortal{
		rng:      rand.New(rand.NewPCG(1, 2)),
		nextID:   1000,
		records:  map[string]map[string]any{},
		archived: map[string]map[string]any{},
		merged:   map[string]string{},
	}
}

// add puts a record into the portal and returns its id.
func (p *fakePortal) add(properties map[string]any) string {
	p.nextID++
	id := strconv.Itoa(p.nextID)
	p.records[id] = properties
	return id
}

// client returns a client of the portal.
func (p *fakePortal) client(t testing.TB) *Client { return clientOf(t, p) }

// clientOf returns a client that calls the handler in-process. The handler may
// answer what it likes; what the client asks is held against the contract.
func clientOf(t testing.TB, h http.Handler) *Client {
	t.Helper()
	c, err := New(Config{
		BaseURL:   "https://portal.example",
		Token:     oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "test"}),
		Transport: contract.Requests(t, handlerTransport{h}),
		Logger:    watched(t, func() []string { return nil }),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type handlerTransport struct{ http.Handler }

// errReset is what a handler panics with to break the connection.
var errReset = fmt.Errorf("connection reset")

func (h handlerTransport) RoundTrip(r *http.Request) (res *http.Response, err error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	defer func() {
		if v := recover(); v == errReset {
			res, err = nil, errReset
		} else if v != nil {
			panic(v)
		}
	}()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

// count returns how many requests had the operation.
func (p *fakePortal) count(op string) int {
	n := 0
	for _, c := range p.calls {
		if c.Op == op {
			n++
		}
	}
	return n
}

func (p *fakePortal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var body struct {
		IDProperty string      `json:"idProperty"`
		Properties any         `json:"properties"`
		Inputs     []fakeInput `json:"inputs"`
	}
	if data, _ := io.ReadAll(r.Body); len(data) > 0 {
		if err := json.Unmarshal(data, &body); err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
	}
	rest := strings.TrimPrefix(r.URL.Path, "/crm/objects/2026-09/2-1/")
	op := r.Method + " " + rest
	id := ""
	if !strings.HasPrefix(rest, "batch/") {
		id, op = rest, r.Method
	}
	if r.URL.Query().Get("archived") == "true" {
		op += "?archived"
	}
	p.calls = append(p.calls, fakeCall{Op: op, Inputs: body.Inputs})
	if p.fault != nil {
		switch p.fault(op, p.count(op)) {
		case lostBefore:
			panic(errReset)
		case lostAfter:
			w = httptest.NewRecorder()
			defer panic(errReset)
		case empty:
			p.answer(w, []any{}, nil)
			return
		case nothing:
			reply(w, 200, map[string]any{"status": "COMPLETE"})
			return
		case denied:
			reply(w, 401, problem("INVALID_AUTHENTICATION"))
			return
		}
	}
	if n := len(body.Inputs); strings.HasPrefix(rest, "batch/") && (n == 0 || n > BatchSize) {
		reply(w, 400, problem("VALIDATION_ERROR"))
		return
	}
	if p.crash != nil && slices.ContainsFunc(body.Inputs, func(i fakeInput) bool { return p.crash(i.Properties) }) {
		reply(w, 502, map[string]any{})
		return
	}
	reads := func(of func(name string) bool) bool {
		return of != nil && (op == "GET" && of(id) || rest == "batch/read" && slices.ContainsFunc(body.Inputs, func(i fakeInput) bool { return of(i.ID) }))
	}
	if reads(p.crashRead) {
		reply(w, 502, map[string]any{})
		return
	}
	if reads(p.oddRead) {
		reply(w, 200, map[string]any{"results": "none", "id": []any{}})
		return
	}
	if p.large > 0 && len(body.Inputs) >= p.large || reads(p.largeRead) {
		w = largeWriter{w}
	}
	switch op {
	case "POST batch/read":
		p.read(w, p.records, body.IDProperty, body.Inputs)
	case "POST batch/read?archived":
		p.read(w, p.archived, body.IDProperty, body.Inputs)
	case "POST batch/create":
		p.write(w, body.Inputs, p.create)
	case "POST batch/update":
		p.write(w, body.Inputs, p.update)
	case "GET", "PATCH":
		if now, ok := p.merged[id]; ok {
			id = now
		}
		if p.records[id] == nil {
			reply(w, 404, problem(objectNotFound))
			return
		}
		if props, ok := body.Properties.(map[string]any); ok {
			if p.bad != nil && p.bad(props) {
				reply(w, 400, problem("VALIDATION_ERROR"))
				return
			}
			maps.Copy(p.records[id], props)
		}
		reply(w, 200, p.print(id, p.records[id], ""))
	default:
		reply(w, 404, problem("NOT_FOUND"))
	}
}

// read answers a batch read.
func (p *fakePortal) read(w http.ResponseWriter, records map[string]map[string]any, key string, in []fakeInput) {
	seen := map[string]bool{}
	results, missing := []any{}, []string{}
	for _, i := range in {
		if seen[i.ID] || p.badRead != nil && p.badRead(i.ID) {
			reply(w, 400, problem("VALIDATION_ERROR"))
			return
		}
		seen[i.ID] = true
		found := false
		for id, props := range records {
			if key == "" && id == i.ID || key != "" && props[key] == i.ID {
				results, found = append(results, p.print(id, props, "")), true
			}
		}
		if !found {
			missing = append(missing, i.ID)
		}
	}
	var errs []any
	if len(missing) > 0 {
		e := problem(objectNotFound)
		e["context"] = map[string]any{"ids": missing}
		errs = append(errs, e)
	}
	p.answer(w, results, errs)
}

// write answers a batch create or update, whose one does a single input.
func (p *fakePortal) write(w http.ResponseWriter, in []fakeInput, one func(fakeInput) (id, category string)) {
	traces, names := map[string]bool{}, map[any]bool{}
	for _, i := range in {
		name := any(i.ID)
		if i.ID == "" {
			name = i.Properties[keyProperty]
		}
		if i.Trace == "" || traces[i.Trace] || names[name] {
			reply(w, 400, problem("VALIDATION_ERROR"))
			return
		}
		traces[i.Trace], names[name] = true, true
	}
	if p.whole {
		for _, i := range in {
			if c := p.objection(i); c != "" {
				reply(w, 400, problem(c))
				return
			}
		}
	}
	results, errs := []any{}, []any(nil)
	for _, i := range in {
		if p.ignored != nil && p.ignored(i.Properties) {
			continue
		}
		id, category := one(i)
		if category != "" {
			e := problem(category)
			if !p.vague {
				e["context"] = map[string]any{"objectWriteTraceId": []string{i.Trace}}
			}
			errs = append(errs, e)
			continue
		}
		if id == "" || p.silent != nil && p.silent(i.Properties) {
			continue
		}
		trace := i.Trace
		if p.noTrace {
			trace = ""
		}
		results = append(results, p.print(id, p.records[id], trace))
	}
	p.answer(w, results, errs)
}

// objection returns the category with which the portal refuses an input.
func (p *fakePortal) objection(i fakeInput) string {
	if p.bad != nil && p.bad(i.Properties) {
		return "VALIDATION_ERROR"
	}
	if i.ID != "" {
		return ""
	}
	for _, l := range i.Links {
		var link struct{ To struct{ ID string } }
		if json.Unmarshal(l, &link) == nil && p.badLink != nil && p.badLink(link.To.ID) {
			return objectNotFound
		}
	}
	for _, records := range []map[string]map[string]any{p.records, p.archived} {
		for _, props := range records {
			if props[keyProperty] == i.Properties[keyProperty] {
				return "VALIDATION_ERROR"
			}
		}
	}
	return ""
}

func (p *fakePortal) create(i fakeInput) (id, category string) {
	if c := p.objection(i); c != "" {
		return "", c
	}
	return p.add(maps.Clone(i.Properties)), ""
}

func (p *fakePortal) update(i fakeInput) (id, category string) {
	if c := p.objection(i); c != "" {
		return "", c
	}
	if _, ok := p.merged[i.ID]; ok && !p.missing {
		return "", "" // vanishes
	}
	if p.records[i.ID] == nil {
		return "", objectNotFound
	}
	maps.Copy(p.records[i.ID], i.Properties)
	return i.ID, ""
}

// print returns a record as HubSpot prints it.
func (p *fakePortal) print(id string, properties map[string]any, trace string) map[string]any {
	props := map[string]any{"hs_pipeline": nil}
	maps.Copy(props, properties)
	o := map[string]any{
		"id": id, "properties": props, "archived": false, "url": "https://app.example/",
		"createdAt": "2026-11-01T10:00:00.000Z", "updatedAt": "2026-11-02T10:00:00.000Z",
	}
	if p.numericID {
		o["id"] = json.Number(id)
	}
	if trace != "" {
		o["objectWriteTraceId"] = trace
	}
	return o
}

// answer replies to a batch with the results in random order.
func (p *fakePortal) answer(w http.ResponseWriter, results, errs []any) {
	p.rng.Shuffle(len(results), func(i, j int) { results[i], results[j] = results[j], results[i] })
	out := map[string]any{"status": "COMPLETE", "results": results}
	status := 200
	if len(errs) > 0 {
		out["errors"], out["numErrors"], status = errs, len(errs), 207
	}
	reply(w, status, out)
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-HubSpot-Correlation-Id", "c-1")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// problem returns an error body.
func problem(category string) map[string]any {
	return map[string]any{"status": "error", "category": category, "message": "no", "correlationId": "c-1"}
}

// gifts returns n inputs with the keys T-0…
func gifts(n int) []NewObject {
	in := make([]NewObject, n)
	for i := range in {
		in[i] = NewObject{Properties: map[string]string{keyProperty: "T-" + strconv.Itoa(i), "gift_name": "Coffee"}}
	}
	return in
}
