package hubspottest

import "maps"

// Requests counts the HTTP requests received.
type Requests struct {
	Total       int
	ByClass     map[string]int // [ClassObjects], …
	ByOperation map[string]int // "POST objects/contacts/batch/read"; ids as {id}
	ByStatus    map[int]int    // answers by status; resets have none
}

func newRequests() Requests {
	return Requests{ByClass: make(map[string]int), ByOperation: make(map[string]int), ByStatus: make(map[int]int)}
}

func (r *Requests) add(c *call) {
	r.Total++
	r.ByClass[c.class]++
	r.ByOperation[c.operation()]++
}

// Requests returns the counts since the portal was made or ResetRequests was
// called.
func (p *Portal) Requests() Requests {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Requests{
		Total: p.requests.Total, ByClass: maps.Clone(p.requests.ByClass),
		ByOperation: maps.Clone(p.requests.ByOperation), ByStatus: maps.Clone(p.requests.ByStatus),
	}
}

// ResetRequests starts the counts anew.
func (p *Portal) ResetRequests() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = newRequests()
}
