package card_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/card"
	"thnks-hubspot-sync/sync/send"
)

var errDead = errors.New("the process is dead")

// A mortalDesk dies before or after what it does, at its left-th step; then nothing
// that is asked of it has an effect any more.
type mortalDesk struct {
	card.Desk
	left *atomic.Int64
}

func (m mortalDesk) step() error {
	if m.left.Add(-1) <= 0 {
		return errDead
	}
	return nil
}

func (m mortalDesk) Take(ctx context.Context, orders []send.Order) ([]send.Taken, error) {
	if err := m.step(); err != nil {
		return nil, err
	}
	taken, err := m.Desk.Take(ctx, orders)
	return taken, errors.Join(err, m.step())
}

func (m mortalDesk) Dispatch(ctx context.Context, e store.Send) (store.Send, error) {
	if err := m.step(); err != nil {
		return e, err
	}
	sent, err := m.Desk.Dispatch(ctx, e)
	if died := m.step(); died != nil {
		return e, died
	}
	return sent, err
}

func (m mortalDesk) Called(id string) error {
	if err := m.step(); err != nil {
		return err
	}
	return errors.Join(m.Desk.Called(id), m.step())
}

// A mortalHubSpot dies before or after a callback.
type mortalHubSpot struct {
	card.HubSpot
	desk mortalDesk
}

func (m mortalHubSpot) CompleteCallback(ctx context.Context, id string, fields map[string]string) error {
	if err := m.desk.step(); err != nil {
		return err
	}
	return errors.Join(m.HubSpot.CompleteCallback(ctx, id, fields), m.desk.step())
}

// TestWorkflowDies ends the process at each step of a workflow's gift, and of one that
// a person has to approve; the next process takes it up. There is one gift, and the
// workflow goes on.
func TestWorkflowDies(t *testing.T) {
	for _, gift := range []string{"5659", "5671"} {
		for step := 1; step <= 8; step++ {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				bea := w.contact("bea@beta.example", "Bea", "Smith")
				var left atomic.Int64
				left.Store(int64(step))
				desk := mortalDesk{w.desk, &left}
				client, _ := w.acme.HubSpot()
				w.acme.Desk = func() (card.Desk, error) { return desk, nil }
				w.acme.HubSpot = func() (card.HubSpot, error) { return mortalHubSpot{client, desk}, nil }
				ctx, cancel := context.WithCancel(t.Context())
				stopped := make(chan struct{})
				go func() { defer close(stopped); w.server.KeepAnswering(ctx) }()
				flow := w.workflow()
				entered := make(chan *hubspottest.Execution)
				go func() { entered <- w.portal.Enrol(t.Context(), flow, bea, inputs(gift)) }()
				time.Sleep(30 * time.Second)
				approve := func() {
					open, err := w.store.OpenSends()
					if err != nil {
						t.Fatal(err)
					}
					for _, s := range open {
						if s.State == store.SendHeld {
							w.change(send.Approve, s.ID)
						}
					}
				}
				approve()
				time.Sleep(25 * time.Second)
				cancel()
				<-stopped
				w.store.Close()
				w.start()
				ctx, cancel = context.WithCancel(t.Context())
				stopped = make(chan struct{})
				go func() { defer close(stopped); w.server.KeepAnswering(ctx) }()
				if _, err := w.desk.Due(t.Context()); err != nil {
					t.Fatal(err)
				}
				e := <-entered
				approve()
				if now := w.portal.Await(within(t, 2*time.Hour), e); now.State != "SUCCESS" {
					t.Errorf("gift %s, death at step %d: the workflow is %s with %v", gift, step, now.State, now.Outputs)
				}
				if n := len(w.thnks.Gifts()); n != 1 {
					t.Errorf("gift %s, death at step %d: %d gifts", gift, step, n)
				}
				time.Sleep(time.Hour)
				if s, _, _ := w.store.Send(e.CallbackID); s.Called.IsZero() {
					t.Errorf("gift %s, death at step %d: the ledger does not know that the workflow got the outcome", gift, step)
				}
				cancel()
				<-stopped
			})
		}
	}
}
