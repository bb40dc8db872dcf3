package hubspottest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// A Workflow executes an action of the app for the contacts that are enrolled in it.
type Workflow struct {
	URL    string // actionUrl of the action; signatures are over it
	Secret string // the app's client secret
	// Signature is the version of the requests' signatures: 2, as HubSpot documents,
	// or 3, or 0 for 3.
	Signature int

	// Properties are those of the contact that the action asks for.
	Properties []string
	// Retry are the waits before further requests, after an answer that is neither
	// 2xx nor 4xx, or none. Nil is a minute, growing to 8 hours for 3 days.
	Retry []time.Duration
	// Lost is how many answers get lost, the first ones, so that HubSpot asks again
	// although its request was served.
	Lost   int
	Client *http.Client // default is one with connections of its own
}

// The states of an execution.
const (
	Executing = "EXECUTING"
	Blocked   = "BLOCK"
	Failed    = "FAILED" // 4xx, or no answer for 3 days
)

// An Execution is one run of an action for one contact.
type Execution struct {
	CallbackID string
	State      string            // SUCCESS, FAIL_CONTINUE, or one of ours
	Outputs    map[string]string // of the last answer, or of the callback
	Requests   int               // made for it
	Answer     time.Duration     // how long the last one took
	done       chan struct{}     // closed when it is over
}

// A wireExecution is the request of an action, and wireOutcome its answer.
// https://developers.hubspot.com/docs/api-reference/latest/automation/workflow-actions/custom-action-guide
type wireExecution struct {
	CallbackID  string            `json:"callbackId"`
	Origin      map[string]int64  `json:"origin"`
	Context     map[string]any    `json:"context"`
	Object      wireEnrolled      `json:"object"`
	InputFields map[string]string `json:"inputFields"`
}

type wireEnrolled struct {
	ObjectID   int64             `json:"objectId"`
	ObjectType string            `json:"objectType"`
	Properties map[string]string `json:"properties"`
}

type wireOutcome struct {
	Fields map[string]string `json:"outputFields"`
}

// waitsOfWorkflows is how long a workflow waits after a request that failed.
func waitsOfWorkflows() []time.Duration {
	var waits []time.Duration
	var all time.Duration
	for wait := time.Minute; all < 72*time.Hour; wait = min(2*wait, 8*time.Hour) {
		waits = append(waits, wait)
		all += wait
	}
	return waits
}

// Enrol executes an action for a contact, with what is in its input fields, until it
// is answered or has failed, and returns it. An execution that waits for a callback
// is over later; see [Portal.Await].
func (p *Portal) Enrol(ctx context.Context, w Workflow, contact string, inputs map[string]string) *Execution {
	if w.Client == nil {
		w.Client = &http.Client{Transport: &http.Transport{}}
	}
	if w.Retry == nil {
		w.Retry = waitsOfWorkflows()
	}
	properties := make(map[string]string)
	record, _ := p.Record("contacts", contact)
	for _, name := range w.Properties {
		if value := record.Properties[name]; value != "" {
			properties[name] = value
		}
	}
	id, _ := strconv.ParseInt(contact, 10, 64) // of our own records
	e := &Execution{State: Executing, done: make(chan struct{})}
	p.mu.Lock()
	p.nextEvent++
	e.CallbackID = fmt.Sprintf("ap-%d-%d-7-0", p.opt.ID, 56_776_413_549+p.nextEvent)
	if p.executions == nil {
		p.executions = make(map[string]*Execution)
	}
	p.executions[e.CallbackID] = e
	p.mu.Unlock()
	body, err := json.Marshal(wireExecution{
		CallbackID: e.CallbackID,
		Origin:     map[string]int64{"portalId": p.opt.ID, "actionDefinitionId": 10646377, "actionDefinitionVersion": 1},
		Context:    map[string]any{"source": "WORKFLOWS", "workflowId": 192814114},
		Object:     wireEnrolled{ObjectID: id, ObjectType: "CONTACT", Properties: properties}, InputFields: inputs,
	})
	for try := 0; err == nil && !p.execute(ctx, w, e, body); try++ {
		if try == len(w.Retry) || ctx.Err() != nil {
			p.finish(e, Failed, nil)
			break
		}
		select {
		case <-time.After(w.Retry[try]):
		case <-ctx.Done():
		}
	}
	return e
}

// execute makes one request, and reports whether it was answered for good.
func (p *Portal) execute(ctx context.Context, w Workflow, e *Execution, body []byte) bool {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return false
	}
	r.Header.Set("Content-Type", "application/json")
	sign(r, w.Signature, w.URL, w.Secret, body)
	began := time.Now()
	res, err := w.Client.Do(r)
	p.mu.Lock()
	e.Requests++
	lost := e.Requests <= w.Lost
	e.Answer = time.Since(began)
	p.mu.Unlock()
	if err != nil {
		return false
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	switch {
	case lost || err != nil || res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500:
		return false
	case res.StatusCode >= 400:
		p.finish(e, Failed, nil)
		return true
	}
	var o wireOutcome
	if json.Unmarshal(text, &o) != nil {
		p.finish(e, Failed, nil)
		return true
	}
	switch state := o.Fields["hs_execution_state"]; state {
	case Blocked, "ASYNC":
		p.mu.Lock()
		if e.State == Executing { // the callback may have come first
			e.State, e.Outputs = Blocked, o.Fields
		}
		p.mu.Unlock()
	case "":
		p.finish(e, "SUCCESS", o.Fields)
	default:
		p.finish(e, state, o.Fields)
	}
	return true
}

func (p *Portal) finish(e *Execution, state string, outputs map[string]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finishLocked(e, state, outputs)
}

func (p *Portal) finishLocked(e *Execution, state string, outputs map[string]string) {
	select {
	case <-e.done:
	default:
		e.State, e.Outputs = state, outputs
		close(e.done)
	}
}

// Await waits until an execution is over, or the context ends, and returns how it is
// then.
func (p *Portal) Await(ctx context.Context, e *Execution) Execution {
	select {
	case <-e.done:
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return *e
}

// completeCallback lets an execution go on that waits.
func (c *call) completeCallback() answer {
	if !c.is("POST", "*", "complete") {
		return c.noRoute()
	}
	var o wireOutcome
	if r := c.decode(&o); r != nil {
		return c.refuse(r)
	}
	e := c.p.executions[c.seg[0]]
	if e == nil || e.State != Blocked {
		return c.refuse(notFound("No execution waits for callback %s.", c.seg[0]))
	}
	c.p.finishLocked(e, o.Fields["hs_execution_state"], o.Fields)
	return answer{status: http.StatusNoContent}
}
