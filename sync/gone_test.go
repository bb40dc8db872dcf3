package sync_test

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestUnreadableIsNotGone: a transaction is listed, even where the row can no
// longer be read.
func TestUnreadableIsNotGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 3)
		w.Must(giftsync.Backfill)
		time.Sleep(8 * simulation.Day)
		w.Thnks.Update(simulation.ID(2), func(tx *thnksapitest.Transaction) { tx.Amount = "five" })
		if rep := w.Must(giftsync.Incremental); rep.Quarantined != 1 || rep.Fetched != 3 {
			t.Errorf("%+v, want one of three in quarantine", rep)
		}
		st := w.Open()
		defer st.Close()
		if got, _, err := st.Gift(simulation.ID(2)); err != nil || !got.Gone.IsZero() {
			t.Errorf("marked as no longer listed at %v (%v)", got.Gone, err)
		}
	})
}

// TestMarkingGoneKeepsClaims: between the moment a gift is met in the journal
// and the moment it is marked, an event may change it.
func TestMarkingGoneKeepsClaims(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 3)
		w.Must(giftsync.Backfill)
		time.Sleep(8 * simulation.Day)
		w.Thnks.Delete(simulation.ID(2))
		w.WrapJournal = func(j giftsync.Journal) giftsync.Journal { return meddler{j} }
		w.Must(giftsync.Incremental)
		w.WrapJournal = nil
		st := w.Open()
		defer st.Close()
		got, _, err := st.Gift(simulation.ID(2))
		if err != nil || got.Gone.IsZero() || len(got.Gift.Claims) != 1 {
			t.Errorf("gone %v, claims %v (%v); want both", got.Gone, got.Gift.Claims, err)
		}
	})
}

// A meddler commits a claim to each gift right after it was yielded.
type meddler struct{ giftsync.Journal }

func (m meddler) After(ctx context.Context, id string) iter.Seq2[plan.Stored, error] {
	return func(yield func(plan.Stored, error) bool) {
		for s, err := range m.Journal.After(ctx, id) {
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
