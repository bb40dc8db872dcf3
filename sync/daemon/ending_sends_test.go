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

	"github.com/robfig/cron/v3"
	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/thnksapi"
)

// A slowAPI answers each request after a while.
type slowAPI time.Duration

func (a slowAPI) Send(ctx context.Context, _ thnksapi.GiftRequest) thnksapi.Receipt {
	select {
	case <-ctx.Done():
		return thnksapi.Receipt{Problem: "cut off"}
	case <-time.After(time.Duration(a)):
		return thnksapi.Receipt{Outcome: thnksapi.SendDone, Status: 200}
	}
}

// slowDesk is a portal whose gifts take a while each, with nothing but its desk, which
// ends with life.
func slowDesk(life context.Context, path string, each time.Duration) PortalConfig {
	rules := send.Rules{
		Live: true, Allow: []string{"*"}, Currency: "USD", Zone: time.UTC,
		Catalogue:    map[int64]send.Item{5659: {Name: "Coffee", Price: decimal.NewFromInt(5)}},
		SenderBudget: decimal.NewFromInt(1000), PortalBudget: decimal.NewFromInt(1000), ApproveAbove: decimal.NewFromInt(1),
		MostGifts: 10, Within: time.Hour,
	}
	return PortalConfig{
		Loop:      LoopConfig{Portal: "acme", Schedule: cron.Every(24 * time.Hour), Logger: slog.New(slog.DiscardHandler)},
		OpenState: func() (*store.Store, error) { return store.Open(path, store.Options{Create: true}) },
		Connect: func(*store.Store, func(giftsync.Progress)) (*Connection, error) {
			return nil, errors.New("the portal has no HubSpot")
		},
		Desk: func(j *store.Store, changed func()) (*send.Desk, error) {
			return send.New(send.Config{
				Life: life, Portal: "acme", Rules: func() send.Rules { return rules }, Ledger: j, Journal: j, Changed: changed,
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
		life, end := context.WithCancel(t.Context())
		d := New([]PortalConfig{slowDesk(life, path, 5*time.Second)})
		order := send.Order{Request: "r", Gift: 5659, Message: "Thanks", Cause: send.Command}
		for _, address := range []string{"bea@acme.example", "carl@acme.example"} {
			order.To = append(order.To, send.Recipient{Email: address})
		}
		held, err := d.Sender().Send(t.Context(), "acme", order)
		if err != nil || len(held) != 2 || held[0].State != store.SendHeld {
			t.Fatalf("%+v, %v", held, err)
		}
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

		d = New([]PortalConfig{slowDesk(t.Context(), path, 5*time.Second)})
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
// up, by whatever way it was asked for. Its outcome is unknown, and recorded as that.
func TestEndLeavesASendThatHangs(t *testing.T) {
	t.Parallel()
	for name, due := range map[string]bool{"of a command": false, "that was due": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "state", "acme.db")
				life, end := context.WithCancel(t.Context())
				d := New([]PortalConfig{slowDesk(life, path, time.Minute)})
				order := send.Order{Request: "r", Gift: 5659, Message: "Thanks", Cause: send.Command, To: []send.Recipient{{Email: "bea@acme.example"}}}
				held, err := d.Sender().Send(t.Context(), "acme", order)
				if err != nil || len(held) != 1 {
					t.Fatalf("%+v, %v", held, err)
				}
				caller, want := life, store.SendUnknown
				if due {
					over, cancel := context.WithCancel(life)
					cancel()
					caller, want = over, store.SendScheduled // it is sent from the ledger
				}
				var working sync.WaitGroup
				working.Go(func() {
					rows, err := d.Sender().ChangeSends(caller, "acme", send.Change{Action: send.Approve, IDs: []string{"r"}})
					if err != nil || len(rows) != 1 || rows[0].State != want {
						t.Errorf("the command gets %+v, %v", rows, err)
					}
				})
				working.Go(func() { d.Keep(life, slog.New(slog.DiscardHandler)) })
				time.Sleep(time.Second)
				before := time.Now()
				end()
				working.Wait()
				d.Close()
				if took := time.Since(before); took > 6*time.Second {
					t.Errorf("the daemon ended after %v", took)
				}

				d = New([]PortalConfig{slowDesk(t.Context(), path, time.Minute)})
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
				if s, _, err := j.Send("r"); err != nil || s.State != store.SendUnknown || s.Reason != "cut off" {
					t.Errorf("the gift is %s (%s), %v", s.State, s.Reason, err)
				}
			})
		})
	}
}
