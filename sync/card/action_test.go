package card_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/card"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// workflow is a workflow that executes the action of the main app.
func (w *world) workflow() hubspottest.Workflow {
	return hubspottest.Workflow{
		URL: public + "/hubspot/actions/send", Secret: "main-secret", Signature: 2,
		Properties: []string{"email", "firstname", "lastname"}, Client: w.through(),
	}
}

func inputs(gift string) map[string]string {
	return map[string]string{"gift": gift, "message": "Thank you, {first_name}!", "sender": "ann@acme.example"}
}

// TestWorkflow: a workflow's gift is sent once, whatever HubSpot repeats, and the
// workflow goes on with its transaction id and its status.
func TestWorkflow(t *testing.T) {
	for _, version := range []int{2, 3} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			bea := w.contact("bea@beta.example", "Bea", "Smith")
			flow := w.workflow()
			flow.Signature, flow.Lost = version, 2
			e := w.portal.Await(t.Context(), w.portal.Enrol(t.Context(), flow, bea, inputs("5659")))
			gifts := w.thnks.Gifts()
			if len(gifts) != 1 || gifts[0].Message != "Thank you, Bea!" || gifts[0].Recipient != "bea@beta.example" || gifts[0].Sender != "ann@acme.example" {
				t.Fatalf("sent are %+v", gifts)
			}
			if e.State != "SUCCESS" || e.Requests != 3 || e.Outputs["thnks_status"] != "sent" || e.Outputs["thnks_transaction_id"] != gifts[0].TransactionID {
				t.Errorf("it is %+v", e)
			}
			s, known, err := w.store.Send(e.CallbackID)
			if err != nil || !known || s.Contact != bea || s.Cause != card.WorkflowCause || s.Called.IsZero() {
				t.Errorf("the ledger has %+v, %t, %v", s, known, err)
			}
		})
	}
}

// TestWorkflowRefused: what keeps a gift from being sent lets the workflow go on,
// with a reason and a code.
func TestWorkflowRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		bea := w.contact("bea@beta.example", "Bea", "Smith")
		cyd := w.contact("cyd@gov.example", "Cyd", "Jones")
		unnamed := w.contact("dee@beta.example", "", "")
		nobody := w.portal.AddRecord("contacts", map[string]string{"firstname": "Eve"})
		w.thnks.Fault(thnksapitest.Fault{Path: "gift_requests", Effect: thnksapitest.Respond, Status: 422, Count: 1, Body: `{"error":"invalid","message":"no"}`})
		for _, tt := range []struct {
			name, contact string
			inputs        map[string]string
			code, says    string
		}{
			{"Thnks refuses", bea, inputs("5659"), "not_sent", "No gift was sent: "},
			{"a guard", cyd, inputs("5659"), "do_not_gift", "sending.do_not_gift"},
			{"no name", unnamed, inputs("5659"), "order", "{first_name} has no value"},
			{"no address", nobody, inputs("5659"), "order", "no e-mail address"},
			{"no gift", bea, inputs(""), "order", "no gift is chosen"},
			{"a gift that is not there", bea, inputs("1"), "catalogue", "sending.catalogue"},
			{"no sender", bea, map[string]string{"gift": "5659", "message": "Hello"}, "order", "several senders"},
		} {
			e := w.portal.Await(t.Context(), w.portal.Enrol(t.Context(), w.workflow(), tt.contact, tt.inputs))
			if e.State != "FAIL_CONTINUE" || e.Outputs["errorCode"] != tt.code || !strings.HasPrefix(e.Outputs["thnks_reason"], "No gift was sent: ") || !strings.Contains(e.Outputs["thnks_reason"], tt.says) || e.Outputs["thnks_transaction_id"] != "" {
				t.Errorf("%s: it is %s with %v", tt.name, e.State, e.Outputs)
			}
		}
		w.noDesk = fmt.Errorf("%w: no group", send.ErrOrder)
		if e := w.portal.Await(t.Context(), w.portal.Enrol(t.Context(), w.workflow(), bea, inputs("5659"))); e.State != "FAIL_CONTINUE" || e.Outputs["errorCode"] != "sending_off" {
			t.Errorf("it is %s with %v", e.State, e.Outputs)
		}
		if n := len(w.thnks.Gifts()); n != 0 {
			t.Errorf("%d gifts were sent", n)
		}
	})
}

// TestWorkflowWaits: while a gift is under way, waits for a person or has an unknown
// outcome, the workflow waits, and gets the outcome once when that is over: also by another
// process, and also if HubSpot does not take the callback at first.
func TestWorkflowWaits(t *testing.T) {
	for name, tt := range map[string]struct {
		gift    string
		prepare func(*world)
		end     func(*world, string)
		state   string
		outputs map[string]string
	}{
		"a slow Thnks": {
			gift: "5659", state: "SUCCESS", outputs: map[string]string{"thnks_status": "sent"},
			prepare: func(w *world) {
				w.thnks.Fault(thnksapitest.Fault{Path: "gift_requests", Effect: thnksapitest.SlowOnly, Delay: 20 * time.Second})
			},
			end: func(*world, string) { time.Sleep(time.Minute) },
		},
		"approved": {
			gift: "5671", state: "SUCCESS", outputs: map[string]string{"thnks_status": "sent"},
			end: func(w *world, id string) { w.change(send.Approve, id) },
		},
		"cancelled": {
			gift: "5671", state: "FAIL_CONTINUE", outputs: map[string]string{"thnks_status": "cancelled", "errorCode": "cancelled"},
			end: func(w *world, id string) { w.change(send.Cancel, id) },
		},
		"unknown, and not sent": {
			gift: "5659", state: "FAIL_CONTINUE", outputs: map[string]string{"thnks_status": "not_sent", "errorCode": "not_sent"},
			prepare: func(w *world) {
				w.thnks.Fault(thnksapitest.Fault{Path: "gift_requests", Effect: thnksapitest.ResetAfter})
			},
			end: func(w *world, id string) { w.change(send.ResolveUnsent, id) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				bea := w.contact("bea@beta.example", "Bea", "Smith")
				if tt.prepare != nil {
					tt.prepare(w)
				}
				began := time.Now()
				e := w.portal.Enrol(t.Context(), w.workflow(), bea, inputs(tt.gift))
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("the answer took %v", took)
				}
				ctx, cancel := context.WithCancel(t.Context())
				if now := w.portal.Await(ended(t), e); now.State != hubspottest.Blocked {
					t.Fatalf("it is %s with %v", now.State, now.Outputs)
				}
				tt.end(w, e.CallbackID)
				w.restart()
				w.portal.Fault(hubspottest.Fault{PathContains: "callbacks", Kind: hubspottest.RespondStatus, Status: 503, Count: 20})
				stopped := make(chan struct{})
				go func() { defer close(stopped); w.server.KeepAnswering(ctx) }()
				now := w.portal.Await(within(t, 2*time.Hour), e)
				if now.State != tt.state {
					t.Errorf("it is %s with %v", now.State, now.Outputs)
				}
				for key, want := range tt.outputs {
					if now.Outputs[key] != want {
						t.Errorf("%s is %q, want %q", key, now.Outputs[key], want)
					}
				}
				time.Sleep(time.Hour)
				if n := w.portal.Requests().ByOperation["POST callbacks/{id}/complete"]; n < 2 || n > 30 {
					t.Errorf("HubSpot was called %d times", n)
				}
				if s, _, _ := w.store.Send(e.CallbackID); s.Called.IsZero() {
					t.Error("the ledger does not know that the workflow got the outcome")
				}
				cancel()
				<-stopped
			})
		})
	}
}

// TestCallbackTooEarly: a callback that comes before HubSpot has taken note that the
// workflow waits is made again, and one for a workflow that does not wait any more is
// given up.
func TestCallbackTooEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		bea := w.contact("bea@beta.example", "Bea", "Smith")
		e := w.portal.Enrol(t.Context(), w.workflow(), bea, inputs("5671"))
		w.change(send.Approve, e.CallbackID)
		w.portal.Fault(hubspottest.Fault{PathContains: "callbacks", Kind: hubspottest.RespondStatus, Status: 404, Count: 3})
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		go func() { defer close(stopped); w.server.KeepAnswering(ctx) }()
		if now := w.portal.Await(within(t, 2*time.Hour), e); now.State != "SUCCESS" {
			t.Errorf("it is %s", now.State)
		}
		time.Sleep(time.Minute)
		e = w.portal.Enrol(t.Context(), w.workflow(), bea, inputs("5671"))
		w.change(send.Approve, e.CallbackID)
		w.portal.Fault(hubspottest.Fault{PathContains: "callbacks", Kind: hubspottest.RespondStatus, Status: 404, Count: -1})
		w.portal.ResetRequests()
		time.Sleep(24 * time.Hour)
		if n := w.portal.Requests().ByOperation["POST callbacks/{id}/complete"]; n < 5 || n > 15 {
			t.Errorf("HubSpot was called %d times", n)
		}
		cancel()
		<-stopped
	})
}

// TestCallbackAfterAClockAhead: a workflow whose gift ended while our clock was a year
// ahead gets its outcome at once, and one that does not wait any more is given up.
func TestCallbackAfterAClockAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		bea := w.contact("bea@beta.example", "Bea", "Smith")
		ctx, cancel := context.WithCancel(t.Context())
		for _, waits := range []bool{true, false} {
			e := w.portal.Enrol(t.Context(), w.workflow(), bea, inputs("5671"))
			w.change(send.Approve, e.CallbackID)
			s, _, err := w.store.Send(e.CallbackID)
			if err == nil {
				s.Ended = s.Ended.AddDate(1, 0, 0)
				err = w.store.ChangeSend(s.State, s, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			if waits {
				go w.server.KeepAnswering(ctx)
				if now := w.portal.Await(within(t, time.Minute), e); now.State != "SUCCESS" {
					t.Errorf("it is %s", now.State)
				}
				continue
			}
			w.portal.Fault(hubspottest.Fault{PathContains: "callbacks", Kind: hubspottest.RespondStatus, Status: 404, Count: -1})
			time.Sleep(time.Minute)
			if s, _, err := w.store.Send(e.CallbackID); s.Called.IsZero() || err != nil {
				t.Error("a workflow that does not wait is called again and again", err)
			}
		}
		cancel()
		synctest.Wait()
	})
}

// ended is a context that has ended.
func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// within is a context that ends after a time.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// change does what a person has decided about a send.
func (w *world) change(action send.Action, id string) {
	w.t.Helper()
	if _, err := w.desk.Change(w.t.Context(), send.Change{Action: action, IDs: []string{id}}); err != nil {
		w.t.Fatal(err)
	}
}

// TestWorkflowDown: while the state file cannot be opened HubSpot asks again, and the
// gift is sent once afterwards.
func TestWorkflowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		bea := w.contact("bea@beta.example", "Bea", "Smith")
		state, tries := w.acme.State, 0
		w.acme.State = func() (card.StateFile, error) {
			if tries++; tries < 4 {
				return nil, errors.New("locked")
			}
			return state()
		}
		e := w.portal.Await(t.Context(), w.portal.Enrol(t.Context(), w.workflow(), bea, inputs("5659")))
		if e.State != "SUCCESS" || e.Requests != 4 || len(w.thnks.Gifts()) != 1 {
			t.Errorf("it is %+v with %d gifts", e, len(w.thnks.Gifts()))
		}
	})
}

// TestManyWorkflows: contacts that are enrolled at the same time get one gift each,
// and no answer waits for the others.
func TestManyWorkflows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.rules.SenderBudget, w.rules.PortalBudget = usd("10000"), usd("10000")
		w.thnks.Fault(thnksapitest.Fault{Path: "gift_requests", Effect: thnksapitest.SlowOnly, Delay: 3 * time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		go func() { defer close(stopped); w.server.KeepAnswering(ctx) }()
		const n = 40
		done := make(chan hubspottest.Execution)
		for i := range n {
			contact := w.contact(fmt.Sprintf("p%d@beta.example", i), "P", "Q")
			go func() {
				done <- w.portal.Await(ended(t), w.portal.Enrol(t.Context(), w.workflow(), contact, inputs("5659")))
			}()
		}
		waiting := 0
		for range n {
			e := <-done
			if e.Answer > 5*time.Second || e.Requests != 1 {
				t.Errorf("an answer took %v, with %d requests", e.Answer, e.Requests)
			}
			if e.State == hubspottest.Blocked {
				waiting++
			}
		}
		if waiting != n-8 {
			t.Errorf("%d wait", waiting)
		}
		for left, turn := n, 0; left > 0 && turn < 60; turn++ { // as the service does
			time.Sleep(time.Minute)
			if _, err := w.desk.Due(t.Context()); err != nil {
				t.Fatal(err)
			}
			open, err := w.store.OpenSends()
			if err != nil {
				t.Fatal(err)
			}
			left = 0
			for _, s := range open {
				if s.State != store.SendSent || s.Called.IsZero() {
					left++
				}
			}
		}
		if gifts := len(w.thnks.Gifts()); gifts != n {
			t.Errorf("%d gifts were sent", gifts)
		}
		cancel()
		<-stopped
	})
}

// TestStop: a server that stops waits for the gifts under way, so that none of them has
// an unknown outcome, and begins no other.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		bea, cyd := w.contact("bea@beta.example", "Bea", "Smith"), w.contact("cyd@beta.example", "Cyd", "Jones")
		w.thnks.Fault(thnksapitest.Fault{Path: "gift_requests", Effect: thnksapitest.SlowOnly, Delay: 20 * time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		go func() { defer close(stopped); w.server.KeepAnswering(ctx) }()
		first := w.portal.Enrol(t.Context(), w.workflow(), bea, inputs("5659"))
		cancel()
		synctest.Wait() // until the server knows
		second := w.portal.Enrol(t.Context(), w.workflow(), cyd, inputs("5659"))
		<-stopped
		for e, want := range map[*hubspottest.Execution]store.SendState{first: store.SendSent, second: store.SendScheduled} {
			if s, _, err := w.store.Send(e.CallbackID); err != nil || s.State != want || w.portal.Await(ended(t), e).State != hubspottest.Blocked {
				t.Errorf("a gift is %s: %v", s.State, err)
			}
		}
	})
}

// TestStopBesideASilentThnks: a server that stops leaves a gift over which Thnks takes very
// long. Its outcome is unknown, and the workflow waits for it.
func TestStopBesideASilentThnks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		w.life = ctx
		w.restart()
		bea := w.contact("bea@beta.example", "Bea", "Smith")
		w.thnks.Fault(thnksapitest.Fault{Path: "gift_requests", Effect: thnksapitest.SlowAfter, Delay: 50 * time.Second})
		stopped := make(chan struct{})
		go func() { defer close(stopped); w.server.KeepAnswering(ctx) }()
		e := w.portal.Enrol(t.Context(), w.workflow(), bea, inputs("5659"))
		before := time.Now()
		cancel()
		<-stopped
		if took := time.Since(before); took > 6*time.Second {
			t.Errorf("the server stopped after %v", took)
		}
		if s, _, err := w.store.Send(e.CallbackID); err != nil || s.State != store.SendUnknown || w.portal.Await(ended(t), e).State != hubspottest.Blocked {
			t.Errorf("the gift is %s: %v", s.State, err)
		}
	})
}

// TestOptions: the options of the action's fields are the catalogue and the senders,
// searchable, in pages.
func TestOptions(t *testing.T) {
	w := newWorld(t)
	for i := range 250 {
		w.rules.Catalogue[int64(10_000+i)] = send.Item{Name: fmt.Sprintf("Mug %03d", i), Price: usd("3")}
	}
	options := func(field, query, after string) card.Options {
		t.Helper()
		var o card.Options
		in := map[string]any{"origin": map[string]any{"portalId": 62515}, "inputFieldName": field, "fetchOptions": map[string]string{"q": query, "after": after}}
		w.fetch(w.page(), 200, &o, http.MethodPost, "/hubspot/actions/options", in)
		return o
	}
	if o := options("gift", "COF", ""); len(o.Options) != 1 || o.Options[0] != (card.Option{Label: "Morning Coffee", Description: "7.50 USD", Value: "5659"}) || o.After != "" || !o.Searchable {
		t.Errorf("the options are %+v", o)
	}
	seen := make(map[string]bool)
	after, pages := "", 0
	for pages == 0 || after != "" {
		o := options("gift", "", after)
		for _, option := range o.Options {
			seen[option.Value] = true
		}
		after = o.After
		pages++
	}
	if len(seen) != 252 || pages != 3 {
		t.Errorf("%d options in %d pages", len(seen), pages)
	}
	if o := options("sender", "", ""); len(o.Options) != 2 || o.Options[0].Value != "ann@acme.example" {
		t.Errorf("the senders are %+v", o)
	}
}

// FuzzExecution: whatever a body is, the answer is an outcome or a refusal, never a
// panic, and no gift is sent without a contact's address.
func FuzzExecution(f *testing.F) {
	w := newWorld(f)
	f.Add([]byte(`{"callbackId":"ap-1","origin":{"portalId":62515},"object":{"objectId":1,"objectType":"CONTACT","properties":{"email":"bea@beta.example"}},"inputFields":{"gift":"5659","message":"Hello","sender":"ann@acme.example"}}`))
	f.Add([]byte(`{"origin":{"portalId":62515},"inputFieldName":"gift","fetchOptions":{"q":"c","after":"-1"}}`))
	f.Add([]byte(`{"origin":{"portalId":62515},"request":"","contacts":["1"],"gift":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for path, most := range map[string]int{"/hubspot/actions/send": 200, "/hubspot/actions/options": 200, "/hubspot/card/preview": 400, "/hubspot/card/send": 400} {
			a, err := w.portal.Fetch(t.Context(), w.page(), http.MethodPost, public+path, body)
			if err != nil {
				t.Fatal(err)
			}
			if a.Status >= 500 || a.Status == 200 && most == 400 && len(body) < 10 {
				t.Errorf("%s is answered %d: %s", path, a.Status, a.Body)
			}
		}
	})
}
