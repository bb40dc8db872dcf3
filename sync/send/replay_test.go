package send_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// fire has the triggers look at an event, and returns what the only one that it
// concerns has done.
func (w *world) fire(seq uint64) send.Fired {
	w.t.Helper()
	fired, err := w.desk.Fire(w.t.Context(), []uint64{seq})
	if err != nil || len(fired) != 1 || fired[0].Event != seq {
		w.t.Fatalf("event %d: %+v, %v", seq, fired, err)
	}
	return fired[0]
}

// TestEventFiredByAPerson: a person may have an event fire that did not by itself, and it sends one
// gift, however often.
func TestEventFiredByAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := triggered(t, gold())
		early := event("1", upgrade)
		early.ReceivedAt = early.ReceivedAt.Add(-48 * time.Hour)
		w.receive(early)
		w.due()
		if n := len(w.thnks.Gifts()); n != 0 {
			t.Fatalf("%d gifts for an event from before the trigger", n)
		}
		for range 2 {
			if f := w.fire(1); f.Trigger != "gold" || f.Send == nil || f.Send.State != store.SendSent || f.Send.Recipient != "bea@acme.example" {
				t.Errorf("%+v", f)
			}
			w.receive(event("2", upgrade+" "))
			w.due()
			w.restart(0)
		}
		if n := len(w.thnks.Gifts()); n != 1 {
			t.Errorf("%d gifts of one event that was fired twice", n)
		}
		if _, err := w.desk.Fire(t.Context(), []uint64{1, 99}); !errors.Is(err, send.ErrOrder) {
			t.Errorf("an event that there is not: %v", err)
		}
		w.triggers = nil
		w.restart(0)
		if _, err := w.desk.Fire(t.Context(), []uint64{1}); !errors.Is(err, send.ErrOrder) {
			t.Errorf("without triggers: %v", err)
		}
		w.end()
	})
}

// TestFireNothing: what never fires does not when a person wants it, either.
func TestFireNothing(t *testing.T) {
	change := func(from, to string) string { return strings.Replace(upgrade, from, to, 1) }
	for name, c := range map[string]struct {
		event func() store.Event
		says  string
	}{
		"a test":           {func() store.Event { e := event("1", upgrade); e.Test = true; return e }, "a test or a demonstration"},
		"not signed":       {func() store.Event { e := event("1", upgrade); e.Dialect = "gift-events"; return e }, "not signed"},
		"another tier":     {func() store.Event { return event("1", change("gold", "silver")) }, "no trigger fits"},
		"another kind":     {func() store.Event { e := event("1", upgrade); e.Kind = "tier_downgrade"; return e }, "no trigger fits"},
		"no name":          {func() store.Event { return event("1", change("Bea", "")) }, "{message.name} has no value"},
		"without its body": {func() store.Event { return event("1", "") }, "not kept any more"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := triggered(t, gold())
				w.receive(c.event())
				if f := w.fire(1); f.Send != nil || !strings.Contains(f.Reason, c.says) {
					t.Errorf("%+v, want %q", f, c.says)
				}
				if n := w.thnks.Requests(); n != 0 {
					t.Errorf("%d requests", n)
				}
				w.end()
			})
		})
	}
}

// TestFireAfter: what an event's gift has come to decides what firing it once more
// does. Only what was certainly not sent is asked for again, by today's rules.
func TestFireAfter(t *testing.T) {
	for name, c := range map[string]struct {
		before, then func(*world)
		state        store.SendState
		guard        string
		gifts        int
	}{
		"refused in test mode": {
			func(w *world) { w.rules.Live = false }, func(w *world) { w.rules.Live = true }, store.SendSent, "", 1,
		},
		"still in test mode": {
			func(w *world) { w.rules.Live = false }, func(*world) {}, store.SendRefused, send.GuardTestMode, 0,
		},
		"unknown": {
			func(w *world) { w.thnks.Fault(thnksapitest.Fault{Effect: thnksapitest.ResetAfter, Count: 1}) }, func(*world) {}, store.SendUnknown, "", 1,
		},
		"refused by Thnks": {
			func(w *world) { w.thnks.Fault(thnksapitest.Fault{Status: 422, Body: `{"error": "invalid"}`, Count: 1}) }, func(*world) {}, store.SendSent, "", 1,
		},
		"sending turned off": {
			func(w *world) { w.rules.Live = false },
			func(w *world) {
				w.rules.Live = true
				if err := w.store.StopSending("restored", time.Now()); err != nil {
					w.t.Fatal(err)
				}
			},
			store.SendRefused, send.GuardLedger, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := triggered(t, gold())
				c.before(w)
				w.receive(event("1", upgrade))
				w.due()
				c.then(w)
				for range 2 {
					if f := w.fire(1); f.Send == nil || f.Send.State != c.state || f.Send.Guard != c.guard {
						t.Errorf("%+v", f)
					}
				}
				if n := len(w.thnks.Gifts()); n != c.gifts {
					t.Errorf("%d gifts, want %d", n, c.gifts)
				}
				w.end()
			})
		})
	}
}

// TestFireChanged: a trigger that was changed since makes no second gift of the
// event that its old form has sent one for.
func TestFireChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := triggered(t, gold())
		w.receive(event("1", upgrade))
		w.due()
		changed := gold()
		changed.Message = "Another text"
		w.triggers = []send.Trigger{changed}
		w.restart(0)
		if f := w.fire(1); f.Send != nil || f.Reason != store.ErrSendDiffers.Error() {
			t.Errorf("%+v", f)
		}
		if n := len(w.thnks.Gifts()); n != 1 {
			t.Errorf("%d gifts", n)
		}
		w.end()
	})
}
