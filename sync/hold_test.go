package sync

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestNothingIsRecordedUnheld: whoever forgets to hold a gift cannot commit it.
func TestNothingIsRecordedUnheld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
	st := w.open()
	defer st.Close()
	e := w.engine(st)
	r, other := e.newRun(Request{}), e.newRun(Request{})
	c := store.Commit{Gifts: []plan.Stored{{ObjectID: "1", Gift: plan.Gift{ID: "T-1"}}}}
	if err := r.Journal.Commit(c); err == nil || !strings.Contains(err.Error(), "T-1") {
		t.Errorf("not held: %v", err)
	}
	err := other.holding(t.Context(), []string{"T-1"}, func() error { return r.Journal.Commit(c) })
	if err == nil {
		t.Error("held by another: it was recorded")
	}
	for name, hold := range map[string]func(func() error) error{
		"held":     func(f func() error) error { return r.holding(t.Context(), []string{"T-0", "T-1"}, f) },
		"all held": func(f func() error) error { return r.holdingAll(t.Context(), f) },
	} {
		if err := hold(func() error { return r.Journal.Commit(c) }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := r.Journal.Commit(c); err == nil {
		t.Error("held no longer: it was recorded")
	}
}

// TestRunsWaitForWhatIsHeld: a run gets what is free at once, and the rest when
// it is let go of. Meanwhile nobody else gets any of it.
func TestRunsWaitForWhatIsHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := New(Config{Journal: (*store.Store)(nil)})
		r, events := &run{Engine: e}, &run{Engine: e}
		grab := func(ids ...string) bool {
			done, _ := e.holds.takeTogether(events, ids)
			return done
		}
		for _, hold := range []func(context.Context, func() error) error{
			func(ctx context.Context, f func() error) error { return r.holding(ctx, []string{"a", "b"}, f) },
			r.holdingAll,
		} {
			if !grab("b", "c") {
				t.Fatal("what is free was not given")
			}
			held, over := false, make(chan struct{})
			go func() {
				defer close(over)
				if err := hold(t.Context(), func() error {
					held = true
					if grab("a") {
						t.Error("what a run holds was given away")
					}
					return nil
				}); err != nil {
					t.Error(err)
				}
			}()
			synctest.Wait()
			if held || grab("a") || grab("a", "d") {
				t.Errorf("held %v, though another has some of it, or given away while waited for", held)
			}
			e.holds.letGo(events)
			<-over
			if !held || !grab("a", "b", "d") {
				t.Errorf("held %v, or not let go of", held)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := hold(ctx, func() error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
			cancel()
			e.holds.letGo(events)
		}
		if len(e.holds.by) != 0 || e.holds.all != nil {
			t.Error("something stays held")
		}
	})
}

// TestUnreadableIsNotGone: a transaction is listed, even where the row can no
// longer be read.
func TestUnreadableIsNotGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := quietWorld(t, 3)
		w.must(Backfill)
		time.Sleep(8 * daily)
		w.thnks.Update(transaction(2), func(tx *thnksapitest.Transaction) { tx.Amount = "five" })
		if rep := w.must(Incremental); rep.Quarantined != 1 || rep.Fetched != 3 {
			t.Errorf("%+v, want one of three in quarantine", rep)
		}
		st := w.open()
		defer st.Close()
		if got, _, err := st.Gift(transaction(2)); err != nil || !got.Gone.IsZero() {
			t.Errorf("marked as no longer listed at %v (%v)", got.Gone, err)
		}
	})
}

// TestMarkingGoneKeepsClaims: between the moment a gift is met in the journal
// and the moment it is marked, an event may change it.
func TestMarkingGoneKeepsClaims(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := quietWorld(t, 3)
		w.must(Backfill)
		time.Sleep(8 * daily)
		w.thnks.Delete(transaction(2))
		w.journal = func(j Journal) Journal { return meddler{j} }
		w.must(Incremental)
		w.journal = nil
		st := w.open()
		defer st.Close()
		got, _, err := st.Gift(transaction(2))
		if err != nil || got.Gone.IsZero() || len(got.Gift.Claims) != 1 {
			t.Errorf("gone %v, claims %v (%v); want both", got.Gone, got.Gift.Claims, err)
		}
	})
}

// A meddler commits a claim to each gift right after it was yielded.
type meddler struct{ Journal }

func (m meddler) All(ctx context.Context) iter.Seq2[plan.Stored, error] {
	return func(yield func(plan.Stored, error) bool) {
		for s, err := range m.Journal.All(ctx) {
			now := s
			now.Gift = plan.Merge(s.Gift, plan.Gift{ID: s.Gift.ID, Claims: []plan.Claim{{Status: plan.Sent, At: time.Now().UTC()}}})
			if err := m.Journal.Commit(store.Commit{Gifts: []plan.Stored{now}}); err != nil {
				yield(s, err)
				return
			}
			if !yield(s, err) {
				return
			}
		}
	}
}
