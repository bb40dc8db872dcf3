package send_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// A crossing is where callers of a desk meet: each has read what the guards judge by
// while it waits there for another to do so, too. Under the desk's lock no other can.
type crossing struct {
	send.Ledger
	inside atomic.Int32
	met    atomic.Bool
}

func (c *crossing) SendsSince(at time.Time) ([]store.Send, error) {
	sends, err := c.Ledger.SendsSince(at)
	if c.inside.Add(1) > 1 {
		c.met.Store(true)
	}
	for range 20_000 {
		if c.met.Load() {
			break
		}
		runtime.Gosched()
	}
	c.inside.Add(-1)
	return sends, err
}

// beside returns a desk whose callers meet: n of them wait for each other when they ask
// who has opted out, which each does before its guards judge.
func (w *world) beside(n int) (*send.Desk, *crossing) {
	w.t.Helper()
	api, err := thnksapi.NewSender(thnksapi.SenderConfig{BaseURL: "https://thnks.test", Key: "key-of-ann", Transport: thnksapitest.Transport(w.thnks)})
	if err != nil {
		w.t.Fatal(err)
	}
	meeting := &crossing{Ledger: w.store}
	var asked sync.WaitGroup
	asked.Add(n)
	var calls atomic.Int32
	desk, err := send.New(send.Config{
		Portal: "acme", Rules: func() send.Rules { return w.rules }, Ledger: meeting, Journal: w.store,
		Senders: map[string]send.Key{"": func() (send.API, error) { return api, nil }},
		OptedOut: func(context.Context, []string, []string) (map[string]string, error) {
			if int(calls.Add(1)) <= n {
				asked.Done()
				asked.Wait()
			}
			return nil, nil
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return desk, meeting
}

// TestOrdersBesideEachOther: of orders that come at once only as many are taken as the
// budget has money for.
func TestOrdersBesideEachOther(t *testing.T) {
	w := newWorld(t)
	w.rules.PortalBudget = usd("10")
	desk, meeting := w.beside(3)
	var callers sync.WaitGroup
	for _, who := range []string{"bea", "carl", "dan"} {
		callers.Go(func() {
			if _, err := desk.Ask(t.Context(), order("for-"+who, who+"@acme.example")); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	if n := len(w.thnks.Gifts()); n != 1 {
		t.Errorf("%d gifts of 7.50 were sent of a budget of 10", n)
	}
	if meeting.met.Load() {
		t.Error("guards judged two orders at the same time")
	}
}

// TestOrderBesideSending: an order that comes while another gift is being sent, whose price
// has risen since it was taken, counts what that costs now.
func TestOrderBesideSending(t *testing.T) {
	w := newWorld(t)
	w.rules.PortalBudget, w.rules.ApproveAbove = usd("30"), usd("100")
	taken, err := w.desk.Take(t.Context(), []send.Order{order("before", "bea@acme.example")})
	if err != nil {
		t.Fatal(err)
	}
	w.rules.Catalogue[5659] = send.Item{Name: "Coffee", Price: usd("20")}
	desk, meeting := w.beside(2)
	var callers sync.WaitGroup
	callers.Go(func() {
		if _, err := desk.Dispatch(t.Context(), taken[0].Sends[0]); err != nil {
			t.Error(err)
		}
	})
	callers.Go(func() {
		if _, err := desk.Take(t.Context(), []send.Order{order("meanwhile", "carl@acme.example")}); err != nil {
			t.Error(err)
		}
	})
	callers.Wait()
	b, err := desk.Budget("", time.Now())
	if err != nil || b.PortalSpent.GreaterThan(b.PortalLimit) {
		t.Errorf("%s are spent of a budget of %s: %v", b.PortalSpent, b.PortalLimit, err)
	}
	if meeting.met.Load() {
		t.Error("guards judged an order while another gift was judged")
	}
}

// TestSentOnceBesideEachOther: callers that send one gift at once send it once, and each is
// told that it was.
func TestSentOnceBesideEachOther(t *testing.T) {
	w := newWorld(t)
	taken, err := w.desk.Take(t.Context(), []send.Order{order("one", "bea@acme.example")})
	if err != nil {
		t.Fatal(err)
	}
	desk, meeting := w.beside(3)
	var callers sync.WaitGroup
	for range 2 {
		callers.Go(func() {
			if s, err := desk.Dispatch(t.Context(), taken[0].Sends[0]); err != nil || s.State == store.SendScheduled {
				t.Errorf("%s, %v", s.State, err)
			}
		})
	}
	callers.Go(func() {
		if _, err := desk.Due(t.Context()); err != nil {
			t.Error(err)
		}
	})
	callers.Wait()
	if n := len(w.thnks.Gifts()); n != 1 {
		t.Errorf("one send has %d gifts", n)
	}
	if meeting.met.Load() {
		t.Error("one gift was judged twice at the same time")
	}
}

// An impatient API has its caller give up while the request is made.
type impatient struct {
	send.API
	giveUp func()
}

func (i impatient) Send(ctx context.Context, r thnksapi.GiftRequest) thnksapi.Receipt {
	i.giveUp()
	return i.API.Send(ctx, r)
}

// TestCallerGoneWhileSending: a request that has begun is made to its end, so that its
// outcome is known, and the caller that has gone begins no other.
func TestCallerGoneWhileSending(t *testing.T) {
	w := newWorld(t)
	if _, err := w.desk.Take(t.Context(), []send.Order{order("a", "bea@acme.example"), order("b", "carl@acme.example")}); err != nil {
		t.Fatal(err)
	}
	api, err := thnksapi.NewSender(thnksapi.SenderConfig{BaseURL: "https://thnks.test", Key: "key-of-ann", Transport: thnksapitest.Transport(w.thnks)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, giveUp := context.WithCancel(t.Context())
	desk, err := send.New(send.Config{
		Portal: "acme", Rules: func() send.Rules { return w.rules }, Ledger: w.store, Journal: w.store,
		Senders: map[string]send.Key{"": func() (send.API, error) { return impatient{api, giveUp}, nil }},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := desk.Due(ctx); err != nil {
		t.Error(err)
	}
	states := make(map[store.SendState]int)
	for s, err := range w.store.Sends(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		states[s.State]++
	}
	if n := len(w.thnks.Gifts()); n != 1 || states[store.SendSent] != 1 || states[store.SendScheduled] != 1 {
		t.Errorf("%d gifts, and the sends are %v", n, states)
	}
}

// TestCallerGoneWhileOthersLookAtEvents: who waits for another to look at the events that
// fire triggers may give up.
func TestCallerGoneWhileOthersLookAtEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := triggered(t, gold())
		w.receive(event("1", upgrade))
		answer := make(chan struct{})
		desk, err := send.New(send.Config{
			Portal: "acme", Rules: func() send.Rules { return w.rules }, Ledger: w.store, Journal: w.store,
			Senders:  map[string]send.Key{"": func() (send.API, error) { return impatient{giveUp: func() { t.Error("sent") }}, nil }},
			Triggers: w.triggers, Events: w.store,
			OptedOut: func(context.Context, []string, []string) (map[string]string, error) {
				<-answer
				return map[string]string{"bea@acme.example": "opted out"}, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		var first sync.WaitGroup
		first.Go(func() {
			if _, err := desk.Due(t.Context()); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		ctx, giveUp := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() {
			_, err := desk.Due(ctx)
			gone <- err
		}()
		synctest.Wait()
		giveUp()
		synctest.Wait()
		select {
		case err := <-gone:
			if err == nil {
				t.Error("who gave up is told that all is done")
			}
		default:
			t.Error("who gave up waits on")
		}
		close(answer)
		first.Wait()
		w.end()
	})
}

// TestKeepEndsAtOnce: what sends gifts when they are due ends when it is told to, and not at
// its next look.
func TestKeepEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			send.Keep(ctx, func() (*send.Desk, error) { return w.desk, nil }, nil, nil)
		}()
		synctest.Wait()
		before := time.Now()
		end()
		<-ended
		if late := time.Since(before); late > 0 {
			t.Errorf("it went on for %v", late)
		}
		w.end()
	})
}
