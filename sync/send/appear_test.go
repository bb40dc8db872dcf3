package send_test

import (
	"context"
	"testing"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/thnksapi"
)

// An answeringAPI answers a gift request as it says, after it has let something happen.
type answeringAPI struct {
	meanwhile func()
	receipt   thnksapi.Receipt
}

func (a answeringAPI) Send(context.Context, thnksapi.GiftRequest) thnksapi.Receipt {
	a.meanwhile()
	return a.receipt
}

// keyOf is a sender's key that opens an API.
func keyOf(api send.API) send.Key { return func() (send.API, error) { return api, nil } }

// TestAppearedBeforeTheAnswer: while a request is under way, a transaction appears that
// could be its gift. The answer still counts: what Thnks refuses is not that gift, and
// what it accepts under another number is that other one.
func TestAppearedBeforeTheAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		receipt     thnksapi.Receipt
		state       store.SendState
		transaction string
	}{
		"accepted":                  {thnksapi.Receipt{Outcome: thnksapi.SendDone, RequestID: "700001", Status: 200}, store.SendSent, "T-1"},
		"accepted, and it is named": {thnksapi.Receipt{Outcome: thnksapi.SendDone, TransactionID: "T-2", Status: 200}, store.SendSent, "T-2"},
		"unknown":                   {thnksapi.Receipt{Outcome: thnksapi.SendUnknown, Problem: "no answer"}, store.SendSent, "T-1"},
		"refused":                   {thnksapi.Receipt{Outcome: thnksapi.SendNot, Status: 422, Problem: "invalid"}, store.SendNotSent, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			desk, err := send.New(send.Config{
				Portal: "acme", Rules: func() send.Rules { return w.rules }, Ledger: w.store, Journal: w.store,
				Senders: map[string]send.Key{"": keyOf(answeringAPI{func() {
					joined := store.SendJoin{ID: "r", TransactionID: "T-1", At: time.Now()}
					if err := w.store.Commit(store.Commit{Joined: []store.SendJoin{joined}}); err != nil {
						t.Error(err)
					}
				}, c.receipt})},
			})
			if err != nil {
				t.Fatal(err)
			}
			got, err := desk.Ask(t.Context(), order("r", "bea@acme.example"))
			if err != nil {
				t.Fatal(err)
			}
			s, _, err := w.store.Send("r")
			if err != nil || s.State != c.state || s.TransactionID != c.transaction || got[0].State != c.state || s.ThnksRequest != c.receipt.RequestID {
				t.Errorf("the ledger has %+v (%v), returned was %+v", s, err, got[0])
			}
		})
	}
}

// TestNewStateFile: before a run has looked what an earlier state file knew, nothing is
// sent, and then it can be asked for again. In test mode nothing could leave, so that
// the other guards are shown.
func TestNewStateFile(t *testing.T) {
	w := newWorld(t)
	known := false
	requests := 0
	desk, err := send.New(send.Config{
		Portal: "acme", Rules: func() send.Rules { return w.rules }, Ledger: w.store, Journal: w.store,
		Senders: map[string]send.Key{"": keyOf(answeringAPI{func() { requests++ }, thnksapi.Receipt{Outcome: thnksapi.SendDone}})},
		Known:   func() (bool, error) { return known, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	want := func(what string, state store.SendState, guard string, made int) {
		t.Helper()
		got, err := desk.Ask(t.Context(), order("r", "bea@acme.example"))
		if err != nil || got[0].State != state || got[0].Guard != guard || requests != made {
			t.Errorf("%s: %+v, %v, after %d requests", what, got, err, requests)
		}
	}
	want("new", store.SendRefused, send.GuardLedger, 0)
	w.rules.Live = false
	want("new, in test mode", store.SendRefused, send.GuardTestMode, 0)
	w.rules.Live, known = true, true
	later := order("later", "carl@acme.example")
	later.At = time.Now().UTC().Add(time.Hour).Format(time.RFC3339)
	if _, err := desk.Ask(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	known = false
	if next, err := desk.Due(t.Context()); err != nil || !next.IsZero() {
		t.Errorf("a new file has something due at %v, %v", next, err)
	}
	known = true
	want("after a run", store.SendSent, "", 1)
}
