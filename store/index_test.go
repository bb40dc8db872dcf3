package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/sync/plan"
)

// TestRemovedGiftLeavesTheIndexes: a gift that gets another id keeps its record,
// and nothing of the old id is found any more.
func TestRemovedGiftLeavesTheIndexes(t *testing.T) {
	s := openAt(t, statePath(t))
	old := plan.Stored{
		ObjectID: "7", Orphan: plan.NoContact,
		Gift: plan.Gift{ID: "T\u200b-1", Name: "Tea", Recipient: plan.Person{Email: "ann@example.com"}},
	}
	shared := plan.Stored{ObjectID: "7", Ambiguous: true, Links: []plan.Link{{Kind: plan.Contact, ID: "9"}}, Gift: plan.Gift{ID: "T-2"}}
	commit(t, s, Commit{Gifts: []plan.Stored{old, shared}})
	now := old
	now.Gift.ID = "T-1"
	commit(t, s, Commit{Removed: []string{old.Gift.ID, "unknown"}, Gifts: []plan.Stored{now}})
	if diff := cmp.Diff([]plan.Stored{now, shared}, collect(t, s.All(t.Context())), equal); diff != "" {
		t.Errorf("gifts (-want +got):\n%s", diff)
	}
	if id, ok, err := s.ByObject("7"); id != "T-1" || !ok || err != nil {
		t.Errorf("record 7 is of %q, %v, %v", id, ok, err)
	}
	if ids, err := s.ByEmail("ann@example.com"); len(ids) != 1 || ids[0] != "T-1" || err != nil {
		t.Errorf("gifts to ann: %v, %v", ids, err)
	}
	if orphans, err := s.OrphanCounts(); orphans[plan.NoContact] != 1 || err != nil {
		t.Errorf("orphans: %v, %v", orphans, err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	commit(t, s, Commit{Removed: []string{"T-1", "T-2"}})
	if n, err := s.Count(); n != 0 || err != nil {
		t.Errorf("%d gifts, %v", n, err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
