package sync_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// hubSpotFaults are what HubSpot does wrong.
var hubSpotFaults = []struct {
	name  string
	fault hubspottest.Fault
}{
	{"HubSpot: 500", status(500)},
	{"HubSpot: 500, and yet done", yetDone(500)},
	{"HubSpot: 502", status(502)},
	{"HubSpot: 502, and yet done", yetDone(502)},
	{"HubSpot: 503", status(503)},
	{"HubSpot: 504, and yet done", yetDone(504)},
	{"HubSpot: 524, and yet done", yetDone(524)},
	{"HubSpot: 423", status(423)},
	{"HubSpot: 401", status(401)},
	{"HubSpot: 403", status(403)},
	{"HubSpot: 429", status(429)},
	{"HubSpot: 429 of the day", hubspottest.Fault{Kind: hubspottest.RespondStatus, Status: 429, Policy: "DAILY"}},
	{"HubSpot: 429 of the second", hubspottest.Fault{Kind: hubspottest.RespondStatus, Status: 429, Policy: "SECONDLY"}},
	{"HubSpot: 477", hubspottest.Fault{Kind: hubspottest.RespondStatus, Status: 477, RetryAfter: "30"}},
	{"HubSpot: connection reset", hubspottest.Fault{Kind: hubspottest.ResetConn}},
	{"HubSpot: connection reset, and yet done", hubspottest.Fault{Kind: hubspottest.ResetConn, AfterEffect: true}},
	{"HubSpot: answer cut in half", hubspottest.Fault{Kind: hubspottest.TruncateJSON, AfterEffect: true}},
	{"HubSpot: empty answer", hubspottest.Fault{Kind: hubspottest.EmptyAnswer}},
	{"HubSpot: empty answer, and yet done", hubspottest.Fault{Kind: hubspottest.EmptyAnswer, AfterEffect: true}},
	{"HubSpot: redirect", hubspottest.Fault{Kind: hubspottest.RedirectAway}},
	{foreignLink, hubspottest.Fault{Kind: hubspottest.ForeignLink}},
	{"HubSpot: answer after 90 s", hubspottest.Fault{Kind: hubspottest.DelayAnswer, Delay: 90 * time.Second}},
	{"HubSpot: answer after 5 s", hubspottest.Fault{Kind: hubspottest.DelayAnswer, Delay: 5 * time.Second}},
	{"HubSpot: answer drips", hubspottest.Fault{Kind: hubspottest.DripBody, Delay: 2 * time.Second}},
}

// These strike answers that hold nothing to change, too, and count only by what
// the answer says.
const (
	foreignLink   = "HubSpot: link to another host"
	foreignCursor = "Thnks: cursor to another host"
	cursorLoop    = "Thnks: cursor in a loop"
)

func status(n int) hubspottest.Fault {
	return hubspottest.Fault{Kind: hubspottest.RespondStatus, Status: n}
}

func yetDone(n int) hubspottest.Fault {
	return hubspottest.Fault{Kind: hubspottest.RespondStatus, Status: n, AfterEffect: true}
}

// thnksFaults are what Thnks does wrong.
var thnksFaults = []struct {
	name  string
	fault thnksapitest.Fault
}{
	{"Thnks: 500", thnksapitest.Fault{Status: 500}},
	{"Thnks: 503", thnksapitest.Fault{Status: 503, Header: http.Header{"Retry-After": {"3"}}}},
	{"Thnks: 429 that says how long", thnksapitest.Fault{Status: 429, Header: http.Header{"Retry-After": {"1"}}}},
	{"Thnks: 429", thnksapitest.Fault{Status: 429}},
	{"Thnks: 401", thnksapitest.Fault{Status: 401}},
	{"Thnks: a page of HTML", thnksapitest.Fault{Status: 200, Body: "<html>"}},
	{"Thnks: connection reset", thnksapitest.Fault{Effect: thnksapitest.ResetBefore}},
	{"Thnks: connection reset at the end", thnksapitest.Fault{Effect: thnksapitest.ResetAfter}},
	{"Thnks: answer cut in half", thnksapitest.Fault{Effect: thnksapitest.Truncate}},
	{cursorLoop, thnksapitest.Fault{Effect: thnksapitest.CursorLoop}},
	{foreignCursor, thnksapitest.Fault{Effect: thnksapitest.ForeignLink, Body: "https://evil.example/"}},
	{"Thnks: answer after 90 s", thnksapitest.Fault{Effect: thnksapitest.SlowOnly, Delay: 90 * time.Second}},
}

// spoil lets the servers fail from some call on.
func (l *life) spoil() {
	l.faulty = true
	if l.rng.IntN(3) == 0 {
		l.spoilThnks()
		return
	}
	k := hubSpotFaults[l.rng.IntN(len(hubSpotFaults))]
	f := k.fault
	f.HTML = f.Status > 500 && l.rng.IntN(2) == 0
	f.After, f.Count = l.rng.IntN(1+l.rng.IntN(15)), []int{1, 1, 2, 4, 8, -1}[l.rng.IntN(6)]
	if l.rng.IntN(2) == 0 { // of some calls there are few
		f.PathContains = []string{"/batch/create", "/batch/create", "/batch/update", "/batch/read", "/associations", "/search", "/schemas"}[l.rng.IntN(7)]
		f.After = l.rng.IntN(1 + l.rng.IntN(3))
	}
	if k.name == foreignLink { // few answers have a link
		f.PathContains, f.After, f.Count = "", 0, -1
	}
	l.Portal.Fault(f)
	l.fault = k.name
	l.note("HubSpot: fault %+v", f)
	if _, ok := l.Portal.SchemaOf("thnks"); ok && l.rng.IntN(2) == 0 {
		l.Portal.AddConditionalRule("thnks", "status", []string{"sent", "opened", "redeemed"}[l.rng.IntN(3)], "gift_type")
		l.note("HubSpot: a rule requires gift_type")
	}
}

func (l *life) spoilThnks() {
	k := thnksFaults[l.rng.IntN(len(thnksFaults))]
	if l.rowing.IntN(10) == 0 {
		l.fault, l.repeats = pageRepeated, true
		l.note("Thnks: repeats a page")
		return
	}
	f := k.fault
	f.After, f.Count = l.rng.IntN(1+l.rng.IntN(4)), []int{1, 2, 6, 0}[l.rng.IntN(4)]
	l.Thnks.Fault(f)
	l.fault = k.name
	l.note("Thnks: fault %+v", f)
}

// heal ends all faults, and counts those that struck.
func (l *life) heal() {
	if where := l.steps.Death(); where != "" {
		l.struck.add(where)
	}
	if l.fault != "" && !slices.Contains([]string{foreignLink, foreignCursor, cursorLoop}, l.fault) && l.Portal.Struck()+l.Thnks.Struck() > 0 {
		l.struck.add(l.fault)
	}
	l.fault, l.repeats = "", false
	l.Portal.ClearFaults()
	if _, ok := l.Portal.SchemaOf("thnks"); ok {
		l.Portal.ClearRules()
	}
	l.Thnks.ClearFaults()
	l.faulty = false
	l.repair()
}

// An overheard is an answer's body that is looked at when it has been read.
type overheard struct {
	io.ReadCloser
	read bytes.Buffer
	look func(string)
}

func (o *overheard) Read(p []byte) (int, error) {
	n, err := o.ReadCloser.Read(p)
	o.read.Write(p[:n])
	return n, err
}

func (o *overheard) Close() error {
	o.look(o.read.String())
	return o.ReadCloser.Close()
}

// What HubSpot says where it refuses a record for a rule, or for what people took
// off the definition.
const ruleRefusal = "required because of a conditional property rule"

var driftRefusals = []string{"does not exist", "was not one of the allowed options"}

// overhear counts what only HubSpot's answer shows to have taken effect.
func (l *life) overhear(body string) {
	says := func(words string) bool { return strings.Contains(body, words) }
	if says(ruleRefusal) {
		l.struck.add(ruleStruck)
	}
	if says("https://api.example.net/") {
		l.struck.add(foreignLink)
	}
	if says("ASSOCIATION_LIMIT_EXCEEDED") {
		l.struck.add(linksLimited)
	}
	if slices.ContainsFunc(driftRefusals, says) {
		l.drifting.Lock()
		l.met = true
		l.drifting.Unlock()
	}
}

// replay is what people do about events that HubSpot refused, when what it refused
// them for is repaired.
func (l *life) replay(ctx context.Context, e *giftsync.Engine, st *store.Store) {
	var seqs []uint64
	for ev, err := range st.Events(ctx, store.EventFilter{}) {
		if err != nil {
			l.T.Error(err)
		}
		if ev.State == store.EventRefused && slices.ContainsFunc(slices.Concat(driftRefusals, []string{ruleRefusal}), func(words string) bool { return strings.Contains(ev.Reason, words) }) {
			seqs = append(seqs, ev.Seq)
		}
	}
	if len(seqs) == 0 {
		return
	}
	err := l.steps.Commit(func() error {
		_, err := st.Replay(ctx, seqs, nil)
		return err
	})
	if err != nil {
		l.T.Error(err)
	}
	l.note("people: events %v replayed", seqs)
	if !l.workOff(ctx, e) {
		l.T.Error("replayed events could not be applied")
	}
}

// listed lets a call through to Thnks.
func (l *life) listed(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	resp, err := next.RoundTrip(req)
	if err != nil {
		return resp, err
	}
	if resp.StatusCode == http.StatusOK && time.Now().Before(l.ahead) {
		l.struck.add(aheadOfTime)
	}
	used := req.URL.Query().Get("cursor")
	resp.Body = &overheard{ReadCloser: resp.Body, look: func(body string) {
		switch next := nextCursor(body); {
		case next != "" && used == "" && l.repeats:
			l.repeatPage()
		case strings.Contains(next, "evil.example"):
			l.struck.add(foreignCursor)
		case next != "" && next == used:
			l.struck.add(cursorLoop)
		}
	}}
	return resp, nil
}

func nextCursor(body string) string {
	var page struct {
		Next string `json:"next_cursor"`
	}
	_ = json.Unmarshal([]byte(body), &page) // what is spoilt has none
	return page.Next
}
