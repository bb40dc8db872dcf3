package send_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/thnksapi"
)

// A slowAPI answers after a while, or with what a request that is cut off gives.
type slowAPI struct {
	after time.Duration
	cut   thnksapi.Receipt
}

func (a slowAPI) Send(ctx context.Context, _ thnksapi.GiftRequest) thnksapi.Receipt {
	select {
	case <-time.After(a.after):
		return thnksapi.Receipt{Outcome: thnksapi.SendDone, Status: 200}
	case <-ctx.Done():
		return a.cut
	}
}

// TestEndOfARequest: a gift under way when the desk's life ends has five seconds for its
// answer. Then its outcome is what is known of it: what Thnks cannot have waits in the
// ledger for the next desk, and all else is unknown. The end of who asked for it cuts
// nothing off.
func TestEndOfARequest(t *testing.T) {
	for name, tt := range map[string]struct {
		api   slowAPI
		lives bool // only who asked ends
		took  time.Duration
		want  store.SendState
	}{
		"answered in time":  {slowAPI{after: 5 * time.Second}, false, 4 * time.Second, store.SendSent},
		"silent":            {slowAPI{after: time.Minute}, false, 5 * time.Second, store.SendUnknown},
		"never connected":   {slowAPI{time.Minute, thnksapi.Receipt{Outcome: thnksapi.SendNot}}, false, 5 * time.Second, store.SendScheduled},
		"refused at last":   {slowAPI{time.Minute, thnksapi.Receipt{Outcome: thnksapi.SendNot, Status: 422}}, false, 5 * time.Second, store.SendNotSent},
		"left by who asked": {slowAPI{after: 20 * time.Second}, true, 19 * time.Second, store.SendSent},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				life, end := context.WithCancel(t.Context())
				defer end()
				ctx, leave := context.WithCancel(life)
				defer leave()
				desk, err := send.New(send.Config{
					Life: life, Portal: "acme", Rules: func() send.Rules { return w.rules }, Ledger: w.store, Journal: w.store,
					Senders: map[string]send.Key{"": func() (send.API, error) { return tt.api, nil }},
				})
				if err != nil {
					t.Fatal(err)
				}
				var ended time.Time
				time.AfterFunc(time.Second, func() {
					ended = time.Now()
					leave()
					if !tt.lives {
						end()
					}
				})
				sends, err := desk.Ask(ctx, order("r", "bea@acme.example", "carl@acme.example"))
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(ended); took != tt.took || sends[0].State != tt.want || sends[1].State != store.SendScheduled {
					t.Errorf("after %v they are %s and %s, want %s and scheduled after %v", took, sends[0].State, sends[1].State, tt.want, tt.took)
				}
				if s, _, err := w.store.Send("r.1"); err != nil || s.State != tt.want {
					t.Errorf("the ledger has it %s: %v", s.State, err)
				}
				if late, err := desk.Dispatch(t.Context(), sends[1]); !tt.lives && (err != nil || late.State != store.SendScheduled) {
					t.Errorf("a gift is begun after the end: %s, %v", late.State, err)
				}
				if tt.want == store.SendScheduled { // as the next process does
					if _, err := w.desk.Due(t.Context()); err != nil || len(w.thnks.Gifts()) != 2 {
						t.Errorf("%d gifts are sent then: %v", len(w.thnks.Gifts()), err)
					}
				}
				w.end()
			})
		})
	}
}
