package hubspottest

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A FaultKind says what goes wrong.
type FaultKind int

// The kinds of fault. A kind that changes an answer always applies the effect
// first.
const (
	RespondStatus FaultKind = iota // answer Status, with the body HubSpot or its edge would send
	ResetConn                      // break the connection without an answer
	TruncateJSON                   // cut the answer's body in half
	DelayAnswer                    // wait Delay, then answer
	DripBody                       // send the body byte by byte, Delay apart
	ForeignLink                    // let paging links name another host
	RedirectAway                   // 302 to another host
	EmptyAnswer                    // the status of success, no body
)

// A Fault strikes the calls that match it.
type Fault struct {
	Method       string // "" matches any
	PathContains string // "" matches any
	Class        string // "" matches any; see [ClassObjects] and its like
	After        int    // matching calls that pass first
	Count        int    // calls to strike; 0 means one, negative means every one

	Kind        FaultKind
	AfterEffect bool // apply the request, then fail
	Status      int  // of RespondStatus: 401, 403, 423, 429, 477, 500, 502–504, 521–526, …
	HTML        bool // the body is the HTML page of a proxy
	Body        string
	Policy      string // policyName of a 429; TEN_SECONDLY_ROLLING when empty
	RetryAfter  string // sent as it is; "" sends none
	Delay       time.Duration
}

type faultState struct {
	Fault
	seen, struck int
}

// Fault arms a rule. Of several matching rules the oldest strikes.
func (p *Portal) Fault(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.Count == 0 {
		f.Count = 1
	}
	p.faults = append(p.faults, &faultState{Fault: f})
}

// ClearFaults disarms every rule.
func (p *Portal) ClearFaults() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = nil
}

// Hide makes every read and update of records of a type, singly or in a batch, by
// id or by a unique value, answer that there is no such record; listings and
// searches show them all the same. Not hidden, they are found again.
func (p *Portal) Hide(objectType string, hidden bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mustType(objectType).hidden = hidden
}

// RefuseAddress makes the portal refuse to look an address up, as it does with one
// that it does not take for an e-mail address: the whole batch or search.
func (p *Portal) RefuseAddress(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.unwanted == nil {
		p.unwanted = make(map[string]bool)
	}
	p.unwanted[address] = true
}

// badAddress refuses a call that asks for an address which is refused. It quotes it,
// as HubSpot does.
func (c *call) badAddress(asked []string) *refusal {
	for _, a := range asked {
		if c.p.unwanted[a] {
			return invalid("Email address %s is invalid", a)
		}
	}
	return nil
}

// Struck is the number of calls that faults have hit since the last
// ClearFaults.
func (p *Portal) Struck() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, f := range p.faults {
		n += f.struck
	}
	return n
}

// takeFault finds the rule that strikes this call.
func (p *Portal) takeFault(c *call) *Fault {
	for _, f := range p.faults {
		if f.Method != "" && f.Method != c.r.Method || f.Class != "" && f.Class != c.class ||
			!strings.Contains(c.r.URL.Path, f.PathContains) || f.Count >= 0 && f.struck >= f.Count {
			continue
		}
		if f.seen++; f.seen <= f.After {
			continue
		}
		f.struck++
		return &f.Fault
	}
	return nil
}

// rewrites reports whether the fault spoils the true answer.
func (f *Fault) rewrites() bool {
	switch f.Kind {
	case TruncateJSON, DripBody, ForeignLink:
		return true
	}
	return false
}

// strike carries out a fault and reports whether the request is answered. a
// is the true answer, nil when the effect has not happened.
func (p *Portal) strike(w http.ResponseWriter, c *call, f *Fault, a *answer) bool {
	switch f.Kind {
	case ResetConn:
		c.seen(answer{lie: true})
		reset(w)
	case RespondStatus:
		p.write(w, c, f.response(c))
	case RedirectAway:
		p.write(w, c, answer{lie: true, status: http.StatusFound, header: map[string]string{"location": "https://api.example.net" + c.r.URL.RequestURI()}})
	case DelayAnswer:
		c.wait(f.Delay)
		return false
	case EmptyAnswer:
		p.write(w, c, answer{lie: true, status: http.StatusOK})
	case TruncateJSON, ForeignLink, DripBody:
		return a != nil && p.spoil(w, c, f, *a)
	}
	return true
}

// spoil sends the true answer, damaged.
func (p *Portal) spoil(w http.ResponseWriter, c *call, f *Fault, a answer) bool {
	switch f.Kind {
	case TruncateJSON:
		a.body, a.lie = a.body[:len(a.body)/2], true
	case ForeignLink:
		a.body = bytes.ReplaceAll(a.body, []byte("https://api.hubapi.com/"), []byte("https://api.example.net/"))
		a.lie = true
	case DripBody:
		c.seen(a)
		c.writeHeader(w, a)
		for _, b := range a.body {
			if _, err := w.Write([]byte{b}); err != nil || http.NewResponseController(w).Flush() != nil || !c.wait(f.Delay) {
				break
			}
		}
		return true
	}
	p.write(w, c, a)
	return true
}

// wait sleeps, and reports false when the caller has gone.
func (c *call) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.r.Context().Done():
		return false
	}
}

// reset breaks the connection: with a TCP reset where there is one.
func reset(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		if tcp, ok := conn.(interface{ SetLinger(int) error }); ok {
			_ = tcp.SetLinger(0) // without it the close is merely orderly
		}
		_ = conn.Close() // breaking it is the purpose
		return
	}
	panic(http.ErrAbortHandler)
}

// response is what HubSpot, or the proxy before it, answers with a status.
func (f *Fault) response(c *call) answer {
	a := answer{status: f.Status, header: make(map[string]string)}
	if f.RetryAfter != "" {
		a.header["retry-after"] = f.RetryAfter
	}
	switch {
	case f.Body != "":
		a.body = []byte(f.Body)
		a.html, a.lie = f.HTML, true
		return a
	case f.HTML:
		a.body = fmt.Appendf(nil, "<!DOCTYPE html>\n<html><head><title>api.hubapi.com | %d</title></head><body><h1>Error %d</h1></body></html>\n", f.Status, f.Status)
		a.html, a.lie = true, true
		return a
	}
	var r *refusal
	switch f.Status {
	case http.StatusUnauthorized:
		r = unauthenticated()
	case http.StatusForbidden:
		r = missingScopes("crm.objects.custom.write")
	case http.StatusLocked:
		r = &refusal{Category: "LOCKED", Message: "The resource is locked while a large volume of records is being written."}
	case http.StatusTooManyRequests:
		r = limited("You have reached your "+strings.ToLower(f.policy())+" limit.", f.policy())
	case 477:
		r = &refusal{Category: "MIGRATION_IN_PROGRESS", Message: "This account is being migrated between data centres."}
	default:
		r = &refusal{Message: "internal error " + strconv.Itoa(f.Status)}
	}
	r.status = f.Status
	b := c.refuse(r)
	b.header = a.header
	return b
}

func (f *Fault) policy() string {
	if f.Policy == "" {
		return "TEN_SECONDLY_ROLLING"
	}
	return f.Policy
}
