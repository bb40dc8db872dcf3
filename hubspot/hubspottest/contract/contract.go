// Package contract checks every exchange of a test with the emulated HubSpot
// against openapi.yaml, which describes the operations that we call as HubSpot's
// public documentation does. It is for tests only.
//
//	portal := contract.New(t, hubspottest.Options{Seed: 1})
//
// The document is strict: neither a request nor an answer may have an unknown
// field, or a field twice. So the client cannot send undocumented fields, and the
// emulator cannot answer with fields that HubSpot does not document.
//
// The constructor of the portal decides what is checked:
//
//   - [New]: every request, and every answer except those that a
//     [hubspottest.Fault] falsified. An operation that the document does not have
//     fails the test.
//   - [Probed], for tests of the emulator and for HubSpot's own client: less, see
//     there.
//   - [Requests], for a test's own HubSpot: every request.
//   - hubspottest.New: nothing. The sandbox and the demo use it.
//
// It checks the authorisation and content type of requests, and all headers of
// answers.
package contract

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"thnks-hubspot-sync/hubspot/hubspottest"
)

// shown is how many violations a failed test lists.
const shown = 20

// New makes a portal. When t ends, it fails if an exchange with the portal
// broke the contract.
func New(t testing.TB, o hubspottest.Options) *hubspottest.Portal {
	p := hubspottest.New(o)
	newCourt(t).watch(p)
	return p
}

// Probed is [New] for tests of the emulator itself, which also send requests that
// our client must not. It checks:
//
//   - the answer to every operation of the document, and the request unless
//     the portal refused it;
//   - the answer alone to such an operation on a path of v3 or v4, where
//     HubSpot's own client calls it.
//
// Operations that the document does not have pass, such as upserts, merges and
// deletions.
func Probed(t testing.TB, o hubspottest.Options) *hubspottest.Portal {
	p := hubspottest.New(o)
	p.Watch(newCourt(t).probe)
	return p
}

// Requests returns a transport that checks the requests only, for tests with a
// HubSpot of their own.
func Requests(t testing.TB, next http.RoundTripper) http.RoundTripper {
	return &requests{newCourt(t), next}
}

type requests struct {
	court *court
	next  http.RoundTripper
}

func (r *requests) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req = req.Clone(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	x := hubspottest.Exchange{Request: req, Body: body, Lie: true}
	r.court.note(x, "request", r.court.judge(x).request)
	return r.next.RoundTrip(req)
}

// A court remembers what broke the contract in one test.
type court struct {
	operations []*operation

	mu    sync.Mutex
	seen  map[string]bool // operations
	wrong []string        // each once
}

func newCourt(t testing.TB) *court {
	t.Helper()
	all, err := operations()
	if err != nil {
		t.Fatal(err)
	}
	c := &court{operations: all, seen: make(map[string]bool)}
	t.Cleanup(func() {
		if r := c.report(); r != "" {
			t.Error(r)
		}
	})
	return c
}

// watch checks both sides of a portal's exchanges.
func (c *court) watch(p *hubspottest.Portal) {
	p.Watch(func(x hubspottest.Exchange) {
		v := c.judge(x)
		c.note(x, "request", v.request)
		c.note(x, "answer", v.answer)
	})
}

// probe judges as [Probed] says.
func (c *court) probe(x hubspottest.Exchange) {
	v := c.judge(x)
	switch old := dated(x.Request); {
	case v.operation != "":
		if x.Status/100 == 2 && !x.Lie {
			c.note(x, "request that was accepted", v.request)
		}
	case old != nil:
		as := x
		as.Request = old
		v = c.judge(as)
	}
	c.note(x, "answer", v.answer)
}

func (c *court) judge(x hubspottest.Exchange) verdict {
	v := judge(c.operations, x)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[v.operation] = true
	return v
}

// note records the problem of one side of an exchange.
func (c *court) note(x hubspottest.Exchange, side string, wrong []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range wrong {
		if len(c.wrong) > shown {
			return
		}
		c.wrong = append(c.wrong, fmt.Sprintf("%s %s, %s (status %d): %s", x.Request.Method, x.Request.URL.Path, side, x.Status, w))
	}
}

// report lists the violations, "" for none.
func (c *court) report() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.wrong) == 0 {
		return ""
	}
	list := c.wrong
	more := ""
	if len(list) > shown {
		list, more = list[:shown], "\n\tand more"
	}
	return "the contract with HubSpot (openapi.yaml) was broken:\n\t" + strings.Join(list, "\n\t") + more
}
