package send_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// audited returns the reasons of the audit entries of an action.
func (w *world) audited(action string) (reasons []string) {
	w.t.Helper()
	for e, err := range w.store.Audit(w.t.Context()) {
		if err != nil {
			w.t.Fatal(err)
		}
		if e.Action == action {
			reasons = append(reasons, strings.Join(e.Reasons, "; "))
		}
	}
	return reasons
}

// TestOnceInAnySpelling: once_per takes an address for the same in whatever
// spelling.
func TestOnceInAnySpelling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := triggered(t, gold())
		for i, spelling := range []string{"bea@acme.example", "BEA@Acme.Example", " bea@acme.example ", "bea＠acme.example", "bea@acme.example."} {
			body, err := json.Marshal(map[string]any{"message": map[string]any{"tier": "gold", "points": 120 + i, "name": "Bea", "email_id": spelling}})
			if err != nil {
				t.Fatal(err)
			}
			w.receive(event(spelling, string(body)))
		}
		w.due()
		if n := len(w.thnks.Gifts()); n != 1 {
			t.Errorf("%d gifts to one address in several spellings", n)
		}
		w.end()
	})
}

// TestSentAsJudged: a gift goes to the address that the guards have judged.
func TestSentAsJudged(t *testing.T) {
	for given, want := range map[string]string{
		"bea@acme.example":         "bea@acme.example",
		"Bea.Smith@Acme.example":   "Bea.Smith@Acme.example",
		" bea＠acme.example\u200b ": "bea@acme.example",
		"bea@bücher.example":       "bea@xn--bcher-kva.example",
		"bea@ACME.example.":        "bea@acme.example",
	} {
		w := newWorld(t)
		ask(t, w, order("r", given))
		if gifts := w.thnks.Gifts(); len(gifts) != 1 || gifts[0].Recipient != want {
			t.Errorf("%q: sent %+v, want to %s", given, gifts, want)
		}
	}
}

// TestPlusTag: a plus tag evades no guard, and is not allowed with the address.
func TestPlusTag(t *testing.T) {
	const plain, tagged = "bea@acme.example", "Bea+2@acme.example"
	for name, c := range map[string]struct {
		change func(*send.Rules)
		guard  string
	}{
		"do not gift":           {func(r *send.Rules) { r.DoNotGift = []string{plain} }, send.GuardDoNotGift},
		"do not gift, itself":   {func(r *send.Rules) { r.DoNotGift = []string{tagged} }, send.GuardDoNotGift},
		"allowed is the other":  {func(r *send.Rules) { r.Allow = []string{plain} }, send.GuardAllowList},
		"allowed is the domain": {func(r *send.Rules) { r.Allow = []string{"@acme.example"} }, ""},
	} {
		w := newWorld(t)
		c.change(&w.rules)
		if s := ask(t, w, order("r", tagged))[0]; s.Guard != c.guard {
			t.Errorf("%s: stopped by %q, want %q", name, s.Guard, c.guard)
		}
	}
	w := newWorld(t)
	w.rules.MostGifts = 1
	ask(t, w, order("r", "bea+1@acme.example"))
	for _, again := range []string{plain, tagged} {
		if s := ask(t, w, order("r-"+again[:3], again))[0]; s.Guard != send.GuardFrequency {
			t.Errorf("a second gift to %s: %+v", again, s)
		}
	}
	if s := ask(t, w, order("other", "bea.plus@acme.example"))[0]; s.State != store.SendSent {
		t.Errorf("another address: %+v", s)
	}
	of := func(address string) send.Config {
		return send.Config{
			Portal: "acme", Rules: func() send.Rules { return rules() }, Ledger: w.store, Senders: map[string]send.Key{"": func() (send.API, error) { return nil, nil }},
			OptedOut: func(_ context.Context, asked, _ []string) (map[string]string, error) {
				out := make(map[string]string)
				if slices.Contains(asked, address) {
					out[address] = "hs_email_optout"
				}
				return out, nil
			},
			Erased: func(canonical string) (bool, error) { return canonical == address, nil },
		}
	}
	cfg := of(plain)
	desk, err := send.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if sends, err := desk.Ask(t.Context(), order("erased", tagged)); err != nil || sends[0].Guard != send.GuardErased {
		t.Errorf("the address without its tag was erased: %+v, %v", sends, err)
	}
	cfg.Erased = nil
	if desk, err = send.New(cfg); err != nil {
		t.Fatal(err)
	}
	if sends, err := desk.Ask(t.Context(), order("out", tagged)); err != nil || sends[0].Guard != send.GuardOptOut {
		t.Errorf("the address without its tag has opted out: %+v, %v", sends, err)
	}
}

// TestErasedIsNotWrittenDown: an order to someone who was erased is refused, and nothing in
// the ledger, the audit or the log tells to whom it was, whatever else would have refused it.
// Its repeat is refused as well, and its request id is no one else's.
func TestErasedIsNotWrittenDown(t *testing.T) {
	for name, stop := range map[string]bool{"sending": false, "stopped": true} {
		w := newWorld(t)
		w.rules.Stop = stop
		var log bytes.Buffer
		w.desk = erasing(w, &log)
		o := order("r", "Canary@bird.example", "bea@acme.example")
		o.To[0].FirstName, o.To[0].LastName, o.To[0].Contact = "Canary", "Bird", "40414243"
		o.To[1].FirstName = "Bea"
		o.Message = "For {first_name}"
		for range 2 {
			sends, err := w.desk.Ask(t.Context(), o)
			if err != nil || len(sends) != 2 {
				t.Fatalf("%s: %+v, %v", name, sends, err)
			}
			s, _, err := w.store.Send("r.1")
			if s.State != store.SendRefused || !stop && s.Guard != send.GuardErased || s.Recipient+s.Contact+s.Digest != "" || err != nil {
				t.Errorf("%s: the ledger has %+v, %v", name, s, err)
			}
			if s, _, err := w.store.Send("r.2"); s.Recipient != "bea@acme.example" || s.Digest == "" || err != nil {
				t.Errorf("%s: the other's is %+v, %v", name, s, err)
			}
		}
		other := o
		other.To = []send.Recipient{{Email: "carl@acme.example", FirstName: "Canary"}, o.To[1]}
		if _, err := w.desk.Ask(t.Context(), other); !errors.Is(err, store.ErrSendDiffers) {
			t.Errorf("%s: the id for someone else: %v", name, err)
		}
		all, err := w.desk.Foresee(t.Context(), []send.Order{order("f", "canary@bird.example")})
		if err != nil || !stop && all[0].Verdict.Guard != send.GuardErased {
			t.Errorf("%s: foreseen %+v, %v", name, all, err)
		}
		w.end()
		state, err := os.ReadFile(w.path)
		if err != nil {
			t.Fatal(err)
		}
		for what, text := range map[string][]byte{"state file": state, "log": log.Bytes()} {
			for _, p := range []string{"anary", "bird.example", "40414243"} {
				if bytes.Contains(text, []byte(p)) {
					t.Errorf("%s: the %s holds %q", name, what, p)
				}
			}
		}
	}
}

// TestErasedBeforeItsTime: the recipient of a gift that waits is erased, by the address
// without its plus tag. When it is due it is refused, and the ledger forgets to whom.
func TestErasedBeforeItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		o := order("r", "canary+2@bird.example")
		o.At = time.Now().Add(time.Hour).Format(time.RFC3339)
		w.rules.Allow = []string{"*"}
		if s := ask(t, w, o)[0]; s.State != store.SendScheduled {
			t.Fatalf("%+v", s)
		}
		w.desk = erasing(w, io.Discard)
		time.Sleep(2 * time.Hour)
		w.due()
		if s, _, err := w.store.Send("r"); s.Guard != send.GuardErased || s.Recipient+s.Contact+s.Digest != "" || err != nil {
			t.Errorf("the ledger has %+v, %v", s, err)
		}
		w.end()
	})
}

// erasing is a desk on the world's ledger to which canary@bird.example was erased.
func erasing(w *world, log io.Writer) *send.Desk {
	w.t.Helper()
	api, err := thnksapi.NewSender(thnksapi.SenderConfig{BaseURL: "https://thnks.test", Key: "key-of-ann", Transport: thnksapitest.Transport(w.thnks)})
	if err != nil {
		w.t.Fatal(err)
	}
	desk, err := send.New(send.Config{
		Portal: "acme", Rules: func() send.Rules { return w.rules }, Ledger: w.store, Journal: w.store,
		Senders: map[string]send.Key{"": func() (send.API, error) { return api, nil }},
		Erased:  func(canonical string) (bool, error) { return canonical == "canary@bird.example", nil },
		Logger:  slog.New(slog.NewJSONHandler(log, nil)),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return desk
}

// TestApprovalOfAPrice: who has approved a gift has not approved a higher price.
func TestApprovalOfAPrice(t *testing.T) {
	for price, want := range map[string]store.SendState{"25.00": store.SendSent, "24.00": store.SendSent, "25.01": store.SendHeld} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			o := order("r", "bea@acme.example")
			o.Gift, o.At = 5671, time.Now().Add(time.Hour).Format(time.RFC3339)
			if s := ask(t, w, o)[0]; s.State != store.SendHeld {
				t.Fatalf("%+v", s)
			}
			approve := func() {
				t.Helper()
				if _, err := w.desk.Change(t.Context(), send.Change{Action: send.Approve, IDs: []string{"r"}}); err != nil {
					t.Fatal(err)
				}
			}
			approve()
			w.rules.Catalogue[5671] = send.Item{Name: "Lunch", Price: usd(price)}
			time.Sleep(2 * time.Hour)
			w.due()
			if s, _, err := w.store.Send("r"); s.State != want || err != nil {
				t.Errorf("at %s: %+v, %v", price, s, err)
			}
			if want == store.SendHeld {
				approve()
			}
			if n := len(w.thnks.Gifts()); n != 1 {
				t.Errorf("at %s: %d gifts", price, n)
			}
			w.end()
		})
	}
}

// TestLateGiftWaitsForAPerson: a gift that was to be sent at once, and could not be for a day, waits
// for a person; it goes by itself within the day.
func TestLateGiftWaitsForAPerson(t *testing.T) {
	for after, want := range map[time.Duration]store.SendState{24 * time.Hour: store.SendSent, 24*time.Hour + time.Second: store.SendHeld} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			if _, err := w.desk.Take(t.Context(), []send.Order{order("r", "bea@acme.example")}); err != nil {
				t.Fatal(err)
			}
			w.end()
			time.Sleep(after) // nothing runs
			w.start(0)
			w.due()
			if s, _, err := w.store.Send("r"); s.State != want || err != nil || want == store.SendHeld && s.Guard != send.GuardLate {
				t.Errorf("after %s: %+v, %v", after, s, err)
			}
			if want == store.SendHeld {
				if _, err := w.desk.Change(t.Context(), send.Change{Action: send.Approve, IDs: []string{"r"}}); err != nil {
					t.Error(err)
				}
			}
			if n := len(w.thnks.Gifts()); n != 1 {
				t.Errorf("after %s: %d gifts", after, n)
			}
			w.end()
		})
	}
}

// TestKeyOfTheMoment: while an API key cannot be used nothing is sent, and what was
// due goes once it can.
func TestKeyOfTheMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.keyFault = errors.New("the file is gone")
		if _, err := w.desk.Ask(t.Context(), order("r", "bea@acme.example")); !errors.Is(err, w.keyFault) {
			t.Errorf("%v", err)
		}
		if _, err := w.desk.Due(t.Context()); !errors.Is(err, w.keyFault) {
			t.Errorf("%v", err)
		}
		if s, _, _ := w.store.Send("r"); s.State != store.SendScheduled || w.thnks.Requests() != 0 {
			t.Errorf("%+v after %d requests", s, w.thnks.Requests())
		}
		w.keyFault = nil
		for range 2 {
			w.due()
		}
		if s, _, _ := w.store.Send("r"); s.State != store.SendSent || len(w.thnks.Gifts()) != 1 {
			t.Errorf("%+v with %d gifts", s, len(w.thnks.Gifts()))
		}
		w.end()
	})
}

// TestSenderGone: a gift whose sender has no key any more by the time that it is due
// is not sent with another's.
func TestSenderGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		o := order("r", "bea@acme.example")
		o.At = time.Now().Add(time.Hour).Format(time.RFC3339)
		ask(t, w, o)
		s, _, err := w.store.Send("r")
		if err != nil {
			t.Fatal(err)
		}
		s.Sender = "joe@seller.example"
		if err := w.store.ChangeSend(store.SendScheduled, s, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		w.due()
		if s, _, err := w.store.Send("r"); s.State != store.SendRefused || s.Guard != send.GuardSender || w.thnks.Requests() != 0 || err != nil {
			t.Errorf("%+v after %d requests, %v", s, w.thnks.Requests(), err)
		}
		w.end()
	})
}

// TestScheduleAcrossClockChanges: a gift goes when the clocks of the portal's zone show
// its time, though they are changed in between, and the program restarted.
func TestScheduleAcrossClockChanges(t *testing.T) {
	for at, want := range map[string]string{
		"2000-03-26 01:30": "2000-03-26T00:30:00Z", // before the clocks are put forward
		"2000-03-26 09:00": "2000-03-26T07:00:00Z", // and after
		"2000-10-29 01:30": "2000-10-28T23:30:00Z", // before they are put back
		"2000-10-29 09:00": "2000-10-29T08:00:00Z", // and after
	} {
		synctest.Test(t, func(t *testing.T) {
			zone, err := time.LoadLocation("Europe/Amsterdam")
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t)
			w.rules.Zone = zone
			o := order("r", "bea@acme.example")
			o.At = at
			ask(t, w, o)
			due, err := time.Parse(time.RFC3339, want)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Until(due) - 90*time.Minute) // nothing runs
			w.restart(0)
			ctx, stop := context.WithCancel(t.Context())
			var keeping sync.WaitGroup
			keeping.Go(func() {
				send.Keep(ctx, func() (*send.Desk, error) { return w.desk, nil }, nil, slog.New(slog.DiscardHandler))
			})
			time.Sleep(2 * time.Hour)
			stop()
			keeping.Wait()
			gifts := w.thnks.Gifts()
			if len(gifts) != 1 || gifts[0].At.Format(time.RFC3339) != want {
				t.Errorf("%s: sent %+v, want one at %s", at, gifts, want)
			}
			w.end()
		})
	}
}
