package send_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

func gold() send.Trigger {
	return send.Trigger{
		Name: "gold", Source: "zoho-thrive", Event: "tier_upgrade", Gift: 5659,
		When: []send.Condition{{Field: "message.tier", OneOf: []string{"gold", "platinum"}}, {Field: "message.points", AtLeast: "100"}},
		To:   "{message.email_id}", FirstName: "{message.name}", Message: "Welcome to {message.tier}, {message.name}!", OncePer: "{message.email_id}",
	}
}

const upgrade = `{"message": {"event": "tier_upgrade", "tier": "gold", "points": 120, "email_id": "bea@acme.example", "name": "Bea"}}`

func event(key, body string) store.Event {
	return store.Event{Dialect: "zoho-thrive", Key: key, Kind: "tier_upgrade", Effect: store.EffectListed, Body: []byte(body), ReceivedAt: time.Now().UTC()}
}

func (w *world) receive(events ...store.Event) {
	w.t.Helper()
	if _, err := w.store.Receive(w.t.Context(), events...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) due() {
	w.t.Helper()
	if _, err := w.desk.Due(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// triggered is a world whose triggers have been configured for an hour.
func triggered(t *testing.T, triggers ...send.Trigger) *world {
	w := newWorld(t)
	w.triggers = triggers
	w.restart(0)
	w.due()
	time.Sleep(time.Hour)
	return w
}

// TestTriggers: which events fire.
func TestTriggers(t *testing.T) {
	change := func(from, to string) string { return strings.Replace(upgrade, from, to, 1) }
	for name, c := range map[string]struct {
		events func() []store.Event
		gifts  int
	}{
		"one":                {func() []store.Event { return []store.Event{event("1", upgrade)} }, 1},
		"another tier":       {func() []store.Event { return []store.Event{event("1", change("\"gold\"", "\"silver\""))} }, 0},
		"too few points":     {func() []store.Event { return []store.Event{event("1", change("120", "99.9"))} }, 0},
		"just enough":        {func() []store.Event { return []store.Event{event("1", change("120", "\"100.0\""))} }, 1},
		"points no number":   {func() []store.Event { return []store.Event{event("1", change("120", "\"many\""))} }, 0},
		"without a name":     {func() []store.Event { return []store.Event{event("1", change("\"Bea\"", "null"))} }, 0},
		"a name with braces": {func() []store.Event { return []store.Event{event("1", change("Bea", "{x}"))} }, 0},
		"no address":         {func() []store.Event { return []store.Event{event("1", change("bea@acme.example", "bea"))} }, 0},
		"no JSON":            {func() []store.Event { return []store.Event{event("1", "<a/>")} }, 0},
		"delivered again": {func() []store.Event {
			return []store.Event{event("1", upgrade), event("1", upgrade), event("1", upgrade)}
		}, 1},
		"again as another": {func() []store.Event { return []store.Event{event("1", upgrade), event("2", change("120", "130"))} }, 1},
		"of two people":    {func() []store.Event { return []store.Event{event("1", upgrade), event("2", change("bea@", "carl@"))} }, 2},
		"another kind":     {func() []store.Event { e := event("1", upgrade); e.Kind = "tier_downgrade"; return []store.Event{e} }, 0},
		"with an item": {func() []store.Event {
			e := event("1", upgrade)
			e.Kind = "Member tier_upgrade"
			return []store.Event{e}
		}, 0},
		"another source": {func() []store.Event { e := event("1", upgrade); e.Dialect = "thyngs"; return []store.Event{e} }, 0},
		"a test":         {func() []store.Event { e := event("1", upgrade); e.Test = true; return []store.Event{e} }, 0},
		"before configured": {func() []store.Event {
			e := event("1", upgrade)
			e.ReceivedAt = e.ReceivedAt.Add(-2 * time.Hour)
			return []store.Event{e}
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := triggered(t, gold())
				w.receive(c.events()...)
				for range 3 {
					w.due()
					w.restart(0)
				}
				gifts := w.thnks.Gifts()
				if len(gifts) != c.gifts {
					t.Errorf("%d gifts, want %d", len(gifts), c.gifts)
				}
				if len(gifts) > 0 && (gifts[0].Recipient != "bea@acme.example" || gifts[0].Message != "Welcome to gold, Bea!") {
					t.Errorf("sent %+v", gifts[0])
				}
				w.end()
			})
		})
	}
}

// TestTriggerTimes: an event that lay too long, or is replayed, fires nothing; nor
// does what came before a trigger was changed, or before sending was on again.
func TestTriggerTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := triggered(t, gold())
		w.receive(event("1", upgrade))
		time.Sleep(24*time.Hour + time.Second)
		w.due()
		if n := len(w.thnks.Gifts()); n != 0 {
			t.Errorf("%d gifts for an old event", n)
		}
		w.rules.Live = false
		w.receive(event("2", upgrade))
		w.due()
		w.rules.Live = true
		if _, err := w.store.Replay(t.Context(), []uint64{1, 2}, nil); err != nil {
			t.Fatal(err)
		}
		w.receive(event("2", upgrade), event("of the same person", upgrade+" "))
		w.due()
		if n := len(w.thnks.Gifts()); n != 0 {
			t.Errorf("%d gifts for events that were refused and come again", n)
		}
		w.receive(event("3", strings.Replace(upgrade, "bea@", "carl@", 1)))
		time.Sleep(time.Minute)
		changed := gold()
		changed.Message = "Welcome!"
		w.triggers = []send.Trigger{changed}
		w.restart(0)
		w.due()
		if n := len(w.thnks.Gifts()); n != 0 {
			t.Errorf("%d gifts for an event from before the trigger was changed", n)
		}
		w.receive(event("4", strings.Replace(upgrade, "bea@", "dan@", 1)))
		if err := w.store.StopSending("looked at", time.Now()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := w.store.ResumeSending(time.Now(), nil); err != nil {
			t.Fatal(err)
		}
		w.due()
		if n := len(w.thnks.Gifts()); n != 0 {
			t.Errorf("%d gifts for an event from before sending was on again", n)
		}
		w.end()
	})
}

// TestTriggerDies: however often the process dies while it looks at an event, and
// whatever comes of the request, one event sends one gift at most.
func TestTriggerDies(t *testing.T) {
	for step := range int64(30) {
		for fault, effect := range map[string]*thnksapitest.Fault{"none": nil, "lost": {Effect: thnksapitest.ResetAfter, Count: 1}} {
			synctest.Test(t, func(t *testing.T) {
				w := triggered(t, gold())
				w.receive(event("1", upgrade), event("2", upgrade))
				if effect != nil {
					w.thnks.Fault(*effect)
				}
				w.restart(step + 1)
				if w.desk != nil {
					_, _ = w.desk.Due(t.Context()) // dead
				}
				w.restart(0)
				w.due()
				w.due()
				if n := len(w.thnks.Gifts()); n > 1 || n == 0 && step < 3 {
					t.Errorf("step %d, answer %s: %d gifts", step, fault, n)
				}
				w.end()
			})
		}
	}
}

// TestTrialDoesNothing: a trial says what would happen and what would stop it, and does nothing.
func TestTrialDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := gold()
		other.Name, other.Event = "other", "tier_downgrade"
		w := triggered(t, gold(), other)
		trial := send.Trial{Source: "zoho-thrive", Event: "tier_upgrade", Body: []byte(upgrade)}
		would := send.Tried{Trigger: "gold", Fits: true, Recipient: "bea@acme.example", Gift: 5659, Message: "Welcome to gold, Bea!"}
		for _, c := range []struct {
			name   string
			change func()
			want   func(*send.Tried)
		}{
			{"passes", func() {}, func(*send.Tried) {}},
			{"test mode", func() { w.rules.Live = false }, func(r *send.Tried) { r.Guard = send.GuardTestMode }},
			{"kill switch", func() { w.rules.Stop = true }, func(r *send.Tried) { r.Guard = send.GuardKillSwitch }},
			{"a test", func() { trial.Test = true }, func(r *send.Tried) { *r = send.Tried{Trigger: "gold", Fits: true} }},
		} {
			c.change()
			got, err := w.desk.Try(t.Context(), trial)
			if err != nil || len(got) != 2 || got[1].Fits {
				t.Fatalf("%s: %+v, %v", c.name, got, err)
			}
			want := would
			c.want(&want)
			if c.name != "passes" && got[0].Reason == "" {
				t.Errorf("%s: no reason", c.name)
			}
			got[0].Reason = ""
			if diff := cmp.Diff(want, got[0]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.name, diff)
			}
		}
		w.due()
		if n := w.thnks.Requests(); n != 0 {
			t.Errorf("%d requests", n)
		}
		w.end()
	})
}

// FuzzFields: any body gives fields without a panic, the same ones each time, under
// paths that are no longer than they may be.
func FuzzFields(f *testing.F) {
	f.Add([]byte(upgrade))
	f.Add([]byte(`{"a": [1, {"b": true}, null], "c": 1e400, "a.0": 2}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		fields := send.Fields(body)
		if again := send.Fields(body); !maps.Equal(fields, again) {
			t.Errorf("%v, and then %v", fields, again)
		}
		for path := range fields {
			if len(path) > 200 {
				t.Errorf("a path of %d bytes", len(path))
			}
		}
	})
}

// TestThyngs: of an event of MyThyngs the item may be left out, and a Demo one fires
// nothing.
func TestThyngs(t *testing.T) {
	for kind, gifts := range map[string]int{
		"FORM RESPONSE COLLECTED":      1,
		"Form FORM RESPONSE COLLECTED": 1,
		"FORMFORM RESPONSE COLLECTED":  0,
		"Form STAMP COLLECTED":         0,
		"demo":                         0,
	} {
		synctest.Test(t, func(t *testing.T) {
			w := triggered(t, send.Trigger{
				Name: "coffee", Source: "thyngs", Event: "FORM RESPONSE COLLECTED", Gift: 5659,
				To: "{Email}", Message: "Thank you for your answers.", OncePer: "{Id}",
			})
			e := event("1", `{"Id": 7, "Email": "bea@acme.example"}`)
			e.Dialect, e.Kind = "thyngs", kind
			if kind == "demo" {
				e.Kind, e.Test = "Form FORM RESPONSE COLLECTED", true
			}
			w.receive(e)
			w.due()
			if n := len(w.thnks.Gifts()); n != gifts {
				t.Errorf("%s: %d gifts, want %d", kind, n, gifts)
			}
			w.end()
		})
	}
}

// TestTriggerAway: what comes while a trigger is not configured fires nothing when
// it is configured again, though it is the same as before.
func TestTriggerAway(t *testing.T) {
	for name, away := range map[string]func(*world){
		"without triggers": func(w *world) {
			w.triggers = nil
			w.restart(0)
			w.due()
		},
		"without sending": func(w *world) {
			if err := send.Disarm(w.store); err != nil {
				w.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := triggered(t, gold())
				away(w)
				time.Sleep(time.Minute)
				w.receive(event("1", upgrade))
				time.Sleep(time.Minute)
				w.triggers = []send.Trigger{gold()}
				w.restart(0)
				w.due()
				if n := len(w.thnks.Gifts()); n != 0 {
					t.Errorf("%d gifts for what came while the trigger was away", n)
				}
				time.Sleep(time.Minute)
				w.receive(event("2", upgrade+" "))
				w.due()
				if n := len(w.thnks.Gifts()); n != 1 {
					t.Errorf("%d gifts for what came after it was back", n)
				}
				w.end()
			})
		})
	}
}

// TestTriggerAudits: an event that a trigger watches and that sends nothing, though
// no one has refused it, leaves its reason.
func TestTriggerAudits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := triggered(t, gold())
		w.receive(event("1", upgrade))
		time.Sleep(24*time.Hour + time.Second)
		w.receive(event("2", ""), event("3", strings.Replace(upgrade, "gold", "silver", 1)))
		w.due()
		want := []string{"event 1; it could not be looked at within 24 hours of its receipt", "event 2; its content is not kept any more"}
		if got := w.audited("trigger refused"); !slices.Equal(got, want) {
			t.Errorf("audited %q", got)
		}
		w.end()
	})
}

// TestTriggerWaitsForTheFirstRun: an event that comes while a new state file does not
// know yet what was sent before fires once it does.
func TestTriggerWaitsForTheFirstRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := triggered(t, gold())
		w.unknown = true
		w.receive(event("1", upgrade))
		w.due()
		for s, err := range w.store.Sends(t.Context()) {
			t.Errorf("%+v was asked for, %v", s, err)
		}
		w.unknown = false
		for range 2 {
			w.due()
		}
		if n := len(w.thnks.Gifts()); n != 1 {
			t.Errorf("%d gifts", n)
		}
		w.end()
	})
}

// TestTriggerNames: the recipient has both names, also where one template makes them.
func TestTriggerNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trigger := gold()
		trigger.LastName = trigger.FirstName
		w := triggered(t, trigger)
		w.receive(event("1", upgrade))
		w.due()
		n := 0
		for s, err := range w.store.Sends(t.Context()) {
			if n++; err != nil || s.FirstName != "Bea" || s.LastName != "Bea" {
				t.Errorf("%q %q, %v", s.FirstName, s.LastName, err)
			}
		}
		if n != 1 {
			t.Errorf("%d sends", n)
		}
		w.end()
	})
}
