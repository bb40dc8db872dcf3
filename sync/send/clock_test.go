package send_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/send"
)

// begunAt puts a gift of the ledger where a process has left it whose clock showed at.
func (w *world) begunAt(id string, at time.Time) {
	w.t.Helper()
	s, _, err := w.store.Send(id)
	if err == nil {
		s.Begun, s.Ended = at, at
		err = w.store.ChangeSend(s.State, s, nil)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestGuardsAfterAClockAhead: gifts that were sent while our clock was ahead count for
// budgets and the recipient's limit once it is right.
func TestGuardsAfterAClockAhead(t *testing.T) {
	for name, tt := range map[string]struct {
		limit func(*send.Rules)
		to    string
		guard string
	}{
		"recipient": {func(r *send.Rules) { r.MostGifts = 1 }, "bea@acme.example", send.GuardFrequency},
		"sender":    {func(r *send.Rules) { r.SenderBudget = usd("10") }, "carl@acme.example", send.GuardSenderBudget},
		"portal":    {func(r *send.Rules) { r.PortalBudget = usd("10") }, "carl@acme.example", send.GuardPortalBudget},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				tt.limit(&w.rules)
				ask(t, w, order("first", "bea@acme.example"))
				w.begunAt("first", time.Now().UTC().AddDate(1, 0, 0))
				if s := ask(t, w, order("second", tt.to))[0]; s.State != store.SendRefused || s.Guard != tt.guard {
					t.Errorf("the second gift is %s by %q, want refused by %q", s.State, s.Guard, tt.guard)
				}
				if n := len(w.thnks.Gifts()); n != 1 {
					t.Errorf("%d gifts left", n)
				}
				w.end()
			})
		})
	}
}

// TestOrderFromTheFuture: how old an order is that was taken while our clock was ahead is
// not known: a person must approve it.
func TestOrderFromTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if _, err := w.desk.Take(t.Context(), []send.Order{order("r", "bea@acme.example")}); err != nil {
			t.Fatal(err)
		}
		s, _, err := w.store.Send("r")
		if err != nil {
			t.Fatal(err)
		}
		s.Created = s.Created.AddDate(1, 0, 0)
		if err := w.store.ChangeSend(store.SendScheduled, s, nil); err != nil {
			t.Fatal(err)
		}
		w.due()
		if s, _, err := w.store.Send("r"); s.State != store.SendHeld || s.Guard != send.GuardLate || err != nil {
			t.Errorf("%+v, %v", s, err)
		}
		w.end()
	})
}

// TestTriggersAfterAClockAhead: a trigger that was configured, and sending that was
// resumed, while our clock was ahead fire for what comes once it is right, and for
// nothing that came before.
func TestTriggersAfterAClockAhead(t *testing.T) {
	ahead := 365 * 24 * time.Hour
	for name, left := range map[string]func(*world){
		"configured": func(w *world) {
			meta, err := w.store.Meta("triggers")
			if err != nil {
				w.t.Fatal(err)
			}
			now := time.Now().UTC()
			text := strings.ReplaceAll(string(meta), now.Add(-time.Hour).Format(time.RFC3339), now.Add(ahead).Format(time.RFC3339))
			if text == string(meta) {
				w.t.Fatal(text)
			}
			if err := w.store.Commit(store.Commit{Meta: map[string][]byte{"triggers": []byte(text)}}); err != nil {
				w.t.Fatal(err)
			}
		},
		"resumed": func(w *world) {
			if err := w.store.StopSending("looked at", time.Now()); err != nil {
				w.t.Fatal(err)
			}
			if err := w.store.ResumeSending(time.Now().UTC().Add(ahead), nil); err != nil {
				w.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := triggered(t, gold())
				left(w)
				w.receive(event("before", upgrade))
				time.Sleep(time.Minute)
				w.due()
				if n := len(w.thnks.Gifts()); n != 0 {
					t.Errorf("%d gifts for what came before", n)
				}
				for i, name := range []string{"carl@", "dan@"} {
					time.Sleep(time.Minute)
					w.receive(event(name, strings.Replace(upgrade, "bea@", name, 1)))
					w.due()
					if n := len(w.thnks.Gifts()); n != i+1 {
						t.Errorf("%d gifts after %d events", n, i+1)
					}
				}
				w.end()
			})
		})
	}
}

// TestEventFromTheFuture: how old an event is that was received while our clock was
// ahead is not known: it sends nothing by itself.
func TestEventFromTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := triggered(t, gold())
		e := event("1", upgrade)
		e.ReceivedAt = e.ReceivedAt.AddDate(1, 0, 0)
		w.receive(e)
		w.due()
		if n := len(w.thnks.Gifts()); n != 0 {
			t.Errorf("%d gifts", n)
		}
		if said := w.audited("trigger refused"); len(said) == 0 {
			t.Error("the audit does not say why nothing was sent")
		}
		w.end()
	})
}
