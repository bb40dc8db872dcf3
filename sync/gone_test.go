package sync

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

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
