package daemon

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/thnksapi"
)

// A slowAPI answers each request after a while.
type slowAPI time.Duration

func (a slowAPI) Send(context.Context, thnksapi.GiftRequest) thnksapi.Receipt {
	time.Sleep(time.Duration(a))
	return thnksapi.Receipt{Outcome: thnksapi.SendDone, Status: 200}
}

// slowDesk is a portal whose gifts take a while each, with nothing but its desk.
func slowDesk(path string, each time.Duration) PortalConfig {
	rules := send.Rules{
		Live: true, Allow: []string{"*"}, Currency: "USD", Zone: time.UTC,
		Catalogue:    map[int64]send.Item{5659: {Name: "Coffee", Price: decimal.NewFromInt(5)}},
		SenderBudget: decimal.NewFromInt(1000), PortalBudget: decimal.NewFromInt(1000), ApproveAbove: decimal.NewFromInt(1),
		MostGifts: 10, Within: time.Hour,
	}
	return PortalConfig{
		Loop:      LoopConfig{Portal: "acme", Logger: slog.New(slog.DiscardHandler)},
		OpenState: func() (*store.Store, error) { return store.Open(path, store.Options{Create: true}) },
		Desk: func(j *store.Store, changed func()) (*send.Desk, error) {
			return send.New(send.Config{
				Portal: "acme", Rules: func() send.Rules { return rules }, Ledger: j, Journal: j, Changed: changed,
				Senders: map[string]send.Key{"": func() (send.API, error) { return slowAPI(each), nil }},
			})
		},
	}
}

// TestEndWaitsForSends: a daemon that ends while a command sends gifts waits for the one
// under way, whose outcome it records, and begins no other: those are sent from the
// ledger, by the daemon that takes its place.
func TestEndWaitsForSends(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "state", "acme.db")
		d := New([]PortalConfig{slowDesk(path, 5*time.Second)})
		order := send.Order{Request: "r", Gift: 5659, Message: "Thanks", Cause: send.Command}
		for _, address := range []string{"bea@acme.example", "carl@acme.example"} {
			order.To = append(order.To, send.Recipient{Email: address})
		}
		held, err := d.Sender().Send(t.Context(), "acme", order)
		if err != nil || len(held) != 2 || held[0].State != store.SendHeld {
			t.Fatalf("%+v, %v", held, err)
		}
		life, end := context.WithCancel(t.Context())
		var command sync.WaitGroup
		command.Go(func() {
			rows, err := d.Sender().ChangeSends(life, "acme", send.Change{Action: send.Approve, IDs: []string{"r.1", "r.2"}})
			if err != nil || len(rows) != 2 || rows[0].State != store.SendSent || rows[1].State != store.SendScheduled {
				t.Errorf("the command gets %+v, %v", rows, err)
			}
		})
		time.Sleep(time.Second)
		before := time.Now()
		end()
		d.Close()
		if took := time.Since(before); took != 4*time.Second {
			t.Errorf("the daemon ended after %v", took)
		}
		command.Wait()
		if _, err := d.Sender().Send(t.Context(), "acme", order); !errors.Is(err, giftsync.ErrStopping) {
			t.Errorf("a daemon that has ended is asked to send: %v", err)
		}

		d = New([]PortalConfig{slowDesk(path, 5*time.Second)})
		defer d.Close()
		desk, err := d.Sender().Desk("acme")
		if err != nil {
			t.Fatal(err)
		}
		want := func(what string, states ...store.SendState) {
			t.Helper()
			j, err := d.StateFile("acme")
			if err != nil {
				t.Fatal(err)
			}
			for n, id := range []string{"r.1", "r.2"} {
				if s, _, err := j.Send(id); err != nil || s.State != states[n] {
					t.Errorf("%s: %s is %s (%s), %v; want %s", what, id, s.State, s.Reason, err, states[n])
				}
			}
		}
		want("opened again", store.SendSent, store.SendScheduled)
		if _, err := desk.Due(t.Context()); err != nil {
			t.Error(err)
		}
		want("then", store.SendSent, store.SendSent)
	})
}

// TestEndLeavesASendThatHangs: a gift over which Thnks takes very long holds no daemon
// up, and its outcome is unknown to the one that takes its place.
func TestEndLeavesASendThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "state", "acme.db")
		d := New([]PortalConfig{slowDesk(path, 20*time.Second)})
		order := send.Order{Request: "r", Gift: 5659, Message: "Thanks", Cause: send.Command, To: []send.Recipient{{Email: "bea@acme.example"}}}
		held, err := d.Sender().Send(t.Context(), "acme", order)
		if err != nil || len(held) != 1 {
			t.Fatalf("%+v, %v", held, err)
		}
		var command sync.WaitGroup
		command.Go(func() {
			if _, err := d.Sender().ChangeSends(t.Context(), "acme", send.Change{Action: send.Approve, IDs: []string{held[0].ID}}); err == nil {
				t.Error("the command is told that its gift was sent")
			}
		})
		time.Sleep(time.Second)
		before := time.Now()
		d.Close()
		if took := time.Since(before); took > 8*time.Second {
			t.Errorf("the daemon ended after %v", took)
		}
		d = New([]PortalConfig{slowDesk(path, 20*time.Second)})
		defer d.Close()
		desk, err := d.Sender().Desk("acme")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := desk.Due(t.Context()); err != nil {
			t.Error(err)
		}
		j, err := d.StateFile("acme")
		if err != nil {
			t.Fatal(err)
		}
		if s, _, err := j.Send(held[0].ID); err != nil || s.State != store.SendUnknown {
			t.Errorf("the gift is %s, %v", s.State, err)
		}
		command.Wait()
	})
}
