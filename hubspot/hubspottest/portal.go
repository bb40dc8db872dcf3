// Package hubspottest emulates one HubSpot portal in memory: its data model, its
// rate limits, its partial successes (207) and error texts, results in random
// order, delayed visibility, and faults on demand. Tests, the sandbox and the demo
// use it instead of HubSpot; the shipped program contains it, so it imports
// neither testing nor the client.
//
// A [Portal] is an [http.Handler]. Serve it on a listener, or call it without
// sockets through [Transport]. That also works inside a testing/synctest bubble,
// because the package takes all time from the time package.
//
//	p := hubspottest.New(hubspottest.Options{Seed: 1})
//	contact := p.AddContact("ada@example.com", nil)
//	client := &http.Client{Transport: hubspottest.Transport(p)}
//
// It serves the date-versioned paths (2026-03, 2026-09) and the v1, v3 and v4
// paths of the same operations: objects, associations, schemas, properties,
// deal pipelines, owners, account information, limits tracking, OAuth tokens and
// uninstalling, and the page on which an app is installed. Portal has methods for what users do on HubSpot's own pages (install,
// edit, merge, archive, add a rule) and for inspecting its records.
//
// Shapes and rules follow https://developers.hubspot.com/docs. If those pages
// leave something open, [Options] has a switch for it.
package hubspottest

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// maxBody bounds a request body. The largest legal one, a batch of a hundred
// records of a few full-length texts, stays below it.
const maxBody = 32 << 20

// maxURI bounds a request's path and query; longer ones get 414.
const maxURI = 8 << 10

// A Portal is one emulated HubSpot account. It is safe for concurrent use.
type Portal struct {
	opt    Options
	zone   *time.Location
	scopes map[string]bool

	mu       sync.Mutex // guards everything below
	rng      *rand.Rand
	types    []*objectType // in order of creation
	byName   map[string]*objectType
	nextID   int64 // next record id
	nextType int   // next custom object type number
	nextLink int   // next custom association type id
	links    map[linkKey]*linkType
	pairs    map[pairKey][]*linkType // first the unlabelled type
	linkCaps map[pairKey]int
	owners   []owner
	shown    map[shownKey]shownValue // computed values that reads still show
	rules    []rule
	unwanted map[string]bool   // see [Portal.RefuseAddress]
	stages   map[string]string // labels, by id: see [Portal.RenameStage]

	grants       grants
	burst        window
	searches     window
	associations window
	day          dayCounter
	faults       []*faultState
	requests     Requests
	watch        func(Exchange)
	senders      []*WebhookSender
	nextEvent    int64
	executions   map[string]*Execution // by callback id
}

// New makes a portal with contacts, companies, deals and no records.
func New(o Options) *Portal {
	o = o.withDefaults()
	zone, err := time.LoadLocation(o.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	p := &Portal{
		opt:      o,
		zone:     zone,
		scopes:   make(map[string]bool),
		rng:      rand.New(rand.NewPCG(o.Seed, 0x68756273706f74)),
		byName:   make(map[string]*objectType),
		nextID:   o.FirstID,
		links:    make(map[linkKey]*linkType),
		pairs:    make(map[pairKey][]*linkType),
		linkCaps: make(map[pairKey]int),
		shown:    make(map[shownKey]shownValue),
		requests: newRequests(),
	}
	p.grants = newGrants()
	p.burst = window{span: 10 * time.Second, limit: o.Limits.Burst}
	p.searches = window{span: time.Second, limit: o.Limits.SearchPerSecond}
	p.associations = window{span: 10 * time.Second, limit: o.Limits.AssociationsPer10s}
	p.nextType = 1_000_000 + p.rng.IntN(40_000_000)
	p.nextLink = 11 + p.rng.IntN(400)
	for _, s := range o.Scopes {
		p.scopes[s] = true
	}
	p.addStandardTypes()
	return p
}

// Token is the static bearer token that the portal accepts.
func (p *Portal) Token() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opt.Token
}

// ID is the portal id.
func (p *Portal) ID() int64 { return p.opt.ID }

// An answer is a complete response before limits and faults touch it.
type answer struct {
	status int
	body   []byte
	header map[string]string
	html   bool
	lie    bool // a fault changed it from HubSpot's own answer
}

// ServeHTTP answers one API request, or shows the page on which an app is
// installed.
func (p *Portal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if authorizePath.MatchString(r.URL.Path) {
		p.authorize(w, r)
		return
	}
	c := &call{p: p, r: r, query: r.URL.Query(), now: time.Now()}
	known := c.parse()
	c.body, c.unread = io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	fault := p.begin(c)

	if fault != nil && !fault.AfterEffect {
		if p.strike(w, c, fault, nil) {
			return
		}
	}
	a := c.answer(known)
	if fault != nil {
		if (fault.AfterEffect || fault.rewrites()) && p.strike(w, c, fault, &a) {
			return
		}
	}
	p.write(w, c, a)
}

// begin counts the request, names its correlation id and finds its fault.
func (p *Portal) begin(c *call) *Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.correlation = fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x",
		p.rng.Uint32(), p.rng.Uint32()>>16, p.rng.Uint32()>>20, 0x8000|p.rng.Uint32()>>18, p.rng.Uint64()>>16)
	p.requests.add(c)
	return p.takeFault(c)
}

// answer does what the request asks for.
func (c *call) answer(known bool) answer {
	if !known {
		return c.refuse(notFound("The requested resource was not found. Check the path and its version."))
	}
	if r := c.p.admit(c); r != nil {
		return c.refuse(r)
	}
	if len(c.r.URL.RequestURI()) > maxURI {
		return c.refuse(&refusal{status: http.StatusRequestURITooLong, Category: "VALIDATION_ERROR", Message: "The request URI is too long."})
	}
	if c.unread != nil {
		return c.refuse(invalid("The request body could not be read."))
	}
	if len(c.body) > maxBody {
		return c.refuse(&refusal{status: http.StatusRequestEntityTooLarge, Category: "VALIDATION_ERROR", Message: "The request body is too large."})
	}
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	return c.dispatch()
}

func (p *Portal) write(w http.ResponseWriter, c *call, a answer) {
	p.mu.Lock()
	p.requests.ByStatus[a.status]++
	p.mu.Unlock()
	c.seen(a)
	c.writeHeader(w, a)
	_, _ = w.Write(a.body) // fails only if the caller has gone
}

func (c *call) writeHeader(w http.ResponseWriter, a answer) {
	maps.Copy(w.Header(), c.header(a))
	w.Header()["Content-Type"] = nil // else net/http's server adds one, because it misses the lower-case name
	w.WriteHeader(a.status)
}

// header is the header of an answer, with names in lower case, as HubSpot
// sends them; all but Date, which net/http's server would send a second time.
func (c *call) header(a answer) http.Header {
	h := http.Header{
		"Date":                     {c.now.Add(c.p.opt.ClockSkew).UTC().Format(http.TimeFormat)},
		"x-hubspot-correlation-id": {c.correlation},
	}
	for _, kv := range c.rateHeader {
		h[kv[0]] = []string{kv[1]}
	}
	for k, v := range a.header {
		h[k] = []string{v}
	}
	switch {
	case len(a.body) == 0:
	case a.html:
		h["content-type"] = []string{"text/html; charset=utf-8"}
	default:
		h["content-type"] = []string{"application/json;charset=utf-8"}
	}
	return h
}
