package sync_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestCrashAtEveryStepOfAnApply kills a process before and after each call and
// commit while it applies events of all kinds and forgets an old one. The next
// one ends what it began, and every event has had its effect.
func TestCrashAtEveryStepOfAnApply(t *testing.T) {
	t.Parallel()
	simulation.EveryStep(t, 1, func(t *testing.T, step int) bool {
		w := simulation.Small(t)
		w.Must(giftsync.Backfill)
		txs := w.Thnks.Transactions()
		st := w.Open()
		old := w.Receive(st, simulation.Event(txs[30].ID, plan.Opened))[0]
		w.ApplyEvents(w.Engine(st))
		time.Sleep(31 * simulation.Day) // after which it is forgotten
		fresh := thnksapitest.Generate(thnksapitest.Data{Seed: 9, N: 85, Recipients: 40, End: time.Now()})[80:]
		w.Thnks.Add(fresh...)
		var events []store.Event
		for i := range 20 {
			ev := simulation.Event(txs[i].ID, plan.Refunded)
			ev.Signed = i%4 > 0
			events = append(events, ev)
		}
		for i := range fresh {
			ev := simulation.Event(fresh[i].ID, plan.Refunded)
			ev.Signed = i%2 > 0
			events = append(events, ev)
		}
		seqs := w.Receive(st, events[:12]...)
		st.Close()

		alive := w.Process(step, func(ctx context.Context, e *giftsync.Engine, st *store.Store, s *simulation.Steps) (failed error) {
			for range 2 {
				_, err1 := e.ApplyEvents(ctx)
				_, err2 := e.FetchEvents(ctx)
				if failed = errors.Join(failed, err1, err2); len(seqs) == 12 {
					// The endpoint's commit, and none of the engine's.
					failed = errors.Join(failed, s.Commit(func() error {
						seqs = append(seqs, w.Receive(st, events[12:]...)...)
						return nil
					}))
				}
			}
			return failed
		})
		time.Sleep(time.Minute)

		st = w.Open()
		defer st.Close()
		w.ApplyEvents(w.Engine(st))
		for seq, state := range w.EventStates(st) {
			if state != store.EventApplied || seq == old {
				t.Errorf("step %d: event %d is %q", step, seq, state)
			}
		}
		for i, ev := range events {
			want := ev.Signed || i < 20 && strings.EqualFold(txs[i].Status, "refunded")
			if got := w.Property(ev.TransactionID, "status") == "refunded"; got != want && i < 20 {
				t.Errorf("step %d: event %d, signed %v: refunded %v", step, seqs[i], ev.Signed, got)
			}
		}
		before := w.Portal.Snapshot()
		if _, err := st.Replay(t.Context(), seqs, nil); err != nil {
			t.Error(err)
		}
		w.ApplyEvents(w.Engine(st))
		if diff := cmp.Diff(before, w.Portal.Snapshot()); diff != "" {
			t.Errorf("step %d: all events once more change the portal:\n%s", step, diff)
		}
		if err := st.Check(t.Context()); err != nil {
			t.Error(err)
		}
		return alive
	})
}

// TestOrderOfEvents: a gift for each order in which five events may come, some
// of them twice, with a snapshot somewhere in between, applied in however many
// goes. All the records come out the same.
func TestOrderOfEvents(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		synctest.Test(t, func(t *testing.T) { orderOfEvents(t, rand.New(rand.NewPCG(seed, 0x6f72646572))) })
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func orderOfEvents(t *testing.T, rng *rand.Rand) {
	claims := make([]store.Event, 5)
	orders := permutations(len(claims))
	w := simulation.Quiet(t, len(orders))
	w.Must(giftsync.Backfill)
	st := w.Open()
	defer st.Close()
	e := w.Engine(st)
	for n := range claims {
		ev := simulation.Event("", simulation.Claimable[rng.IntN(len(simulation.Claimable))])
		ev.At = ev.At.Add(-time.Duration(rng.IntN(6)) * 10 * time.Minute)
		switch rng.IntN(4) {
		case 0:
			ev.Effect, ev.Status, ev.ParcelStatus, ev.ParcelAt = store.EffectDetail, "", []string{"inTransit", "delivered"}[rng.IntN(2)], ev.At
		case 1:
			ev.Effect, ev.Status, ev.ThankYouNote = store.EffectDetail, "", []string{"Thanks!", "Merci!"}[rng.IntN(2)]
		}
		claims[n] = ev
	}
	when, opened, updated := rng.IntN(len(claims)+1), time.Now().Add(-30*time.Minute), time.Now().Add(-20*time.Minute)
	for round := range len(claims) + 1 {
		if round == when {
			for n := range orders {
				w.Thnks.Update(simulation.ID(n+1), func(tx *thnksapitest.Transaction) {
					tx.Status, tx.Times.Opened, tx.UpdatedAt = "Opened", opened, updated
				})
			}
			if _, err := e.Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental}); err != nil {
				t.Fatal(err)
			}
		}
		var events []store.Event
		for n, order := range orders {
			for _, r := range []int{round, rng.IntN(2*len(claims)) - len(claims)} { // the second is a repeat, if any
				if r < 0 || r > round || r == len(claims) {
					continue
				}
				ev := claims[order[r]]
				ev.TransactionID, ev.Key = simulation.ID(n+1), fmt.Sprint(n, round, r)
				events = append(events, ev)
			}
		}
		w.Receive(st, events...)
		if rng.IntN(3) > 0 {
			w.ApplyEvents(e)
		}
	}
	w.ApplyEvents(e)
	var first map[string]string
	for n, order := range orders {
		shown := make(map[string]string)
		r := w.Portal.Find("thnks", "thnks_transaction_id", simulation.ID(n+1))[0]
		for _, f := range plan.Fields() {
			if f.Name != "sent_date" && (f.Type == "datetime" || slices.Contains([]string{"status", "parcel_status", "thank_you_note"}, f.Name)) {
				shown[f.Name] = r.Properties[f.Name]
			}
		}
		if n == 0 {
			first = shown
		}
		if diff := cmp.Diff(first, shown); diff != "" {
			t.Fatalf("the order %v matters (-in order +so):\n%s", order, diff)
		}
	}
}

// permutations are all orders of n things.
func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for _, p := range permutations(n - 1) {
		for i := range n {
			all = append(all, slices.Insert(slices.Clone(p), i, n-1))
		}
	}
	return all
}

// TestRefusedEvents: where HubSpot refuses a record's change, the event alone
// is refused, with HubSpot's reason; where HubSpot fails, all are kept.
func TestRefusedEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 5)
		w.Thnks.Update(simulation.ID(1), func(tx *thnksapitest.Transaction) { tx.Gift.Type = "" })
		w.Must(giftsync.Backfill)
		down := false
		w.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
			return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
				if down {
					return nil, simulation.ErrDead
				}
				return next.RoundTrip(req)
			})
		}
		st := w.Open()
		defer st.Close()
		e := w.Engine(st)
		w.Receive(st, simulation.Event(simulation.ID(1), plan.Opened), simulation.Event(simulation.ID(2), plan.Opened))
		down = true
		var answer *hubspot.Error
		if _, err := e.ApplyEvents(t.Context()); !errors.As(err, &answer) || answer.Kind != hubspot.Transient {
			t.Errorf("HubSpot is down: %v", err)
		}
		w.WantEventStates(st, store.EventPending, store.EventPending)
		down = false
		w.Portal.AddConditionalRule("thnks", "status", "opened", "gift_type")
		w.ApplyEvents(e)
		w.WantEventStates(st, store.EventRefused, store.EventApplied)
		for n, want := range map[int]string{1: "sent", 2: "opened"} {
			if got := w.Property(simulation.ID(n), "status"); got != want {
				t.Errorf("%d: status %s, want %s", n, got, want)
			}
		}
		if n, err := st.QuarantineCount(); n != 0 || err != nil {
			t.Errorf("%d in quarantine (%v): there is no row that could be tried again", n, err)
		}
		for ev := range st.Events(t.Context(), store.EventFilter{State: store.EventRefused}) {
			if ev.Reason == "" || ev.DoneAt.IsZero() {
				t.Errorf("%+v", ev)
			}
		}
	})
}
