package send_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestPreviewIsWhatHappens: what a preview says of some orders is what becomes of them when they
// are taken, with the same guards, and the budget falls by what it says they cost.
func TestPreviewIsWhatHappens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		defer w.end()
		w.rules.MostGifts, w.rules.ApproveAbove = 1, usd("20")
		w.rules.DoNotGift = []string{"@gov.example"}
		w.rules.PortalBudget = usd(rapid.SampledFrom([]string{"7.50", "30", "1000"}).Draw(rt, "budget"))
		addresses := []string{"bea@acme.example", "cyd@acme.example", "dee@gov.example", "eve@acme.example", "not an address"}
		var orders []send.Order
		for i := range rapid.IntRange(1, 6).Draw(rt, "orders") {
			o := order(fmt.Sprintf("r%d", i), rapid.SampledFrom(addresses).Draw(rt, "to"))
			o.Gift = rapid.SampledFrom([]int64{5659, 5671, 1}).Draw(rt, "gift")
			o.Message = rapid.SampledFrom([]string{"Thank you", "Dear {first_name}"}).Draw(rt, "message")
			orders = append(orders, o)
		}
		before, err := w.desk.Budget("", time.Now())
		if err != nil {
			rt.Fatal(err)
		}
		foreseen, err := w.desk.Foresee(rt.Context(), orders)
		if err != nil {
			rt.Fatal(err)
		}
		if open, err := w.store.OpenSends(); err != nil || len(open) != 0 {
			rt.Fatalf("a preview left %d sends: %v", len(open), err)
		}
		taken, err := w.desk.Take(rt.Context(), orders)
		if err != nil {
			rt.Fatal(err)
		}
		cost := before.PortalSpent
		for i, f := range foreseen {
			if (f.Err == nil) != (taken[i].Err == nil) || f.Err != nil && !errors.Is(f.Err, send.ErrOrder) {
				rt.Fatalf("order %d: foreseen %v, came %v", i, f.Err, taken[i].Err)
			}
			if f.Err != nil {
				continue
			}
			s := taken[i].Sends[0]
			if s.Guard != f.Verdict.Guard || (s.State == store.SendHeld) != f.Verdict.Hold {
				rt.Errorf("order %d: foreseen %+v, came %s by %q", i, f.Verdict, s.State, s.Guard)
			}
			if s.State.Spends() {
				cost = cost.Add(s.Price.Value)
			}
		}
		after, err := w.desk.Budget("", time.Now())
		if err != nil || !after.PortalSpent.Equal(cost) || !after.SenderSpent.Equal(cost) {
			rt.Errorf("spent are %s, and %s by the sender, of %s: %v", after.PortalSpent, after.SenderSpent, cost, err)
		}
		if n := len(w.thnks.Gifts()); n != 0 {
			rt.Errorf("taking orders has sent %d gifts", n)
		}
	})
}

// TestForesightInTestMode: in test mode a preview counts what would be spent without.
func TestForesightInTestMode(t *testing.T) {
	w := newWorld(t)
	w.rules.Live, w.rules.PortalBudget = false, usd("10")
	foreseen, err := w.desk.Foresee(t.Context(), []send.Order{order("a", "bea@acme.example"), order("b", "cyd@acme.example")})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := foreseen[0].Verdict.Guard, foreseen[1].Verdict.Guard; a != send.GuardTestMode || b != send.GuardPortalBudget {
		t.Errorf("the guards are %s and %s", a, b)
	}
}

// TestCallback: a send is open until its workflow was told.
func TestCallback(t *testing.T) {
	w := newWorld(t)
	o := order("ap-1", "bea@acme.example")
	o.Callback = "ap-1"
	w.rules.DoNotGift = []string{"@acme.example"}
	if _, err := w.desk.Ask(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	open, err := w.store.OpenSends()
	if err != nil || len(open) != 1 || open[0].Callback != "ap-1" || open[0].State != store.SendRefused {
		t.Fatalf("open are %+v, %v", open, err)
	}
	if err := w.desk.Called("ap-1"); err != nil {
		t.Fatal(err)
	}
	if open, err = w.store.OpenSends(); err != nil || len(open) != 0 {
		t.Errorf("open are %+v, %v", open, err)
	}
}

// TestRepeatAfterItsTime: an order that waits for its time, or was sent then, may be repeated at
// any time. One that has ended without a gift begins anew, which it cannot once its time is past.
func TestRepeatAfterItsTime(t *testing.T) {
	for name, c := range map[string]struct {
		end func(w *world) // before its time
		err error          // of the repeat
	}{
		"waiting": {func(*world) {}, nil},
		"cancelled": {func(w *world) {
			if _, err := w.desk.Change(w.t.Context(), send.Change{Action: send.Cancel, IDs: []string{"r.2"}}); err != nil {
				w.t.Fatal(err)
			}
		}, send.ErrOrder},
		"refused": {func(w *world) { w.rules.Stop = true }, send.ErrOrder},
		"not sent": {func(w *world) {
			w.thnks.Fault(thnksapitest.Fault{Status: 422, Body: `{"error":"invalid"}`, Count: 2})
		}, send.ErrOrder},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				o := order("r", "bea@acme.example", "carl@acme.example")
				o.At = time.Now().Add(time.Hour).Format(time.RFC3339)
				ask(t, w, o)
				ask(t, w, o)
				c.end(w)
				time.Sleep(2 * time.Hour)
				w.due()
				w.rules.Stop = false
				before := len(w.thnks.Gifts())
				if _, err := w.desk.Ask(t.Context(), o); !errors.Is(err, c.err) {
					t.Errorf("the repeat: %v, want %v", err, c.err)
				}
				if n := len(w.thnks.Gifts()); n != before {
					t.Errorf("the repeat has sent %d gifts", n-before)
				}
				w.end()
			})
		})
	}
}

// TestRepeatIsNotAudited: what the guards say to a repeat is audited for the gifts that begin
// anew, and for no gift that stays as it is.
func TestRepeatIsNotAudited(t *testing.T) {
	w := newWorld(t)
	w.rules.MostGifts, w.rules.DoNotGift = 1, []string{"@gov.example"}
	o := order("r", "bea@acme.example", "dee@gov.example")
	sent := ask(t, w, o)[0]
	shown := plan.Stored{ObjectID: "1", Gift: plan.Gift{ID: sent.TransactionID, Recipient: plan.Person{Email: "bea@acme.example"}, CreatedAt: time.Now()}}
	if err := w.store.Commit(store.Commit{Gifts: []plan.Stored{shown}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if s := ask(t, w, o)[0]; s.State != store.SendSent {
			t.Errorf("%+v", s)
		}
	}
	said := w.audited("send refused")
	for _, reasons := range said {
		if !strings.HasPrefix(reasons, send.GuardDoNotGift) {
			t.Errorf("audited %q of a gift that was sent", reasons)
		}
	}
	if len(said) != 3 {
		t.Errorf("%d refusals of the other gift were audited, want 3", len(said))
	}
}

// TestChangedIsTold: the one that shows the ledger hears of each change in it, also where what
// follows it fails.
func TestChangedIsTold(t *testing.T) {
	w := newWorld(t)
	api, err := thnksapi.NewSender(thnksapi.SenderConfig{BaseURL: "https://thnks.test", Key: "key-of-ann", Transport: thnksapitest.Transport(w.thnks)})
	if err != nil {
		t.Fatal(err)
	}
	lost := errors.New("the key is lost")
	good := 0                                // so many times it is still there
	seen := make(map[string]store.SendState) // as it was when Changed was called last
	desk, err := send.New(send.Config{
		Portal: "acme", Rules: func() send.Rules { return w.rules }, Ledger: w.store, Journal: w.store,
		Senders: map[string]send.Key{"": func() (send.API, error) {
			if good--; good < 0 {
				return nil, lost
			}
			return api, nil
		}},
		Changed: func() {
			for s, err := range w.store.Sends(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				seen[s.ID] = s.State
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	later, held := order("later", "bea@acme.example"), order("held", "bea@acme.example")
	later.At, held.Gift = time.Now().Add(time.Hour).Format(time.RFC3339), 5671
	for _, step := range []struct {
		name string
		do   func() error
		err  error
		sees map[string]store.SendState
	}{
		{"take", func() error {
			_, err := desk.Take(t.Context(), []send.Order{later, held})
			return err
		}, nil, map[string]store.SendState{"later": store.SendScheduled}},
		{"cancel", func() error {
			_, err := desk.Change(t.Context(), send.Change{Action: send.Cancel, IDs: []string{"later", "x"}})
			return err
		}, send.ErrNoSend, map[string]store.SendState{"later": store.SendCancelled}},
		{"approve", func() error {
			_, err := desk.Change(t.Context(), send.Change{Action: send.Approve, IDs: []string{"held"}})
			return err
		}, lost, map[string]store.SendState{"held": store.SendScheduled}},
		{"ask", func() error {
			good = 1
			_, err := desk.Ask(t.Context(), order("now", "carl@acme.example", "dan@acme.example"))
			return err
		}, lost, map[string]store.SendState{"now.1": store.SendSent}},
	} {
		if err := step.do(); !errors.Is(err, step.err) {
			t.Errorf("%s: %v, want %v", step.name, err, step.err)
		}
		for id, want := range step.sees {
			if seen[id] != want {
				t.Errorf("%s: who was told last has seen %s %q, and it is %s", step.name, id, seen[id], want)
			}
		}
	}
}
