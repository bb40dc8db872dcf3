package hubspottest

import "net/http"

// An Exchange is one request and its answer, as they went over the wire.
type Exchange struct {
	Request *http.Request // its body is read already
	Body    []byte        // of the request
	Status  int           // 0 when no answer was sent
	Header  http.Header   // of the answer
	Answer  []byte

	// Lie says that a [Fault] replaced HubSpot's answer: it is truncated, empty,
	// HTML, invented, a redirect, or missing.
	Lie bool
}

// Watch calls see for every exchange from now on, before its answer is sent.
// Exchanges overlap, and so do the calls of see. A request that breaks off, as
// when its sender is killed, is no exchange.
func (p *Portal) Watch(see func(Exchange)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watch = see
}

// seen passes the exchange to the watcher.
func (c *call) seen(a answer) {
	c.p.mu.Lock()
	see := c.p.watch
	c.p.mu.Unlock()
	if see == nil || c.unread != nil {
		return
	}
	h := make(http.Header)
	for name, values := range c.header(a) {
		h[http.CanonicalHeaderKey(name)] = values
	}
	see(Exchange{Request: c.r, Body: c.body, Status: a.status, Header: h, Answer: a.body, Lie: a.lie})
}
