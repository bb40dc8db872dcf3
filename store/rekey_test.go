package store

import (
	"testing"
	"time"

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

// TestIdleEventsLoseTheirBodies: events that need no processing have a bound of
// their own. It never keeps a claim out, and takes nothing from claims.
func TestIdleEventsLoseTheirBodies(t *testing.T) {
	path := statePath(t)
	openAt(t, path).Close()
	s, err := Open(path, Options{InboxEvents: 5, IdleEvents: 3, IdleBytes: 1000})
	check(t, err)
	defer s.Close()
	unknown := func(n, size int) Event {
		e := claim(n)
		e.Effect, e.Body, e.Email = EffectUnknown, make([]byte, size), "ann@example.com"
		return e
	}
	receive(t, s, claim(1))
	for n := range 20 {
		receive(t, s, unknown(100+n, 10))
	}
	receive(t, s, claim(2), unknown(200, 995), claim(3), claim(4), claim(5))
	with, dropped := 0, 0
	for _, e := range collect(t, s.Events(t.Context(), EventFilter{})) {
		_, ok, err := s.EventBody(e.Seq)
		check(t, err)
		switch {
		case ok == e.BodyDropped || e.BodyDropped == (e.Size > 0):
			t.Errorf("event %d: body %v, dropped %v, size %d", e.Seq, ok, e.BodyDropped, e.Size)
		case e.Effect == EffectClaim && !ok:
			t.Errorf("claim %d lost its body", e.Seq)
		case e.BodyDropped && e.Email != "":
			t.Errorf("event %d kept an address", e.Seq)
		case e.BodyDropped:
			dropped++
		case e.Effect == EffectUnknown:
			with++
		}
	}
	if n, err := s.BodiesDropped(); with != 1 || dropped != 20 || n != 20 || err != nil {
		t.Errorf("%d have a body, %d lost it, %d counted (%v); want the newest alone", with, dropped, n, err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if n, err := s.Expire(t.Context(), hookTime.Add(eventRetention)); n != 21 || err != nil {
		t.Errorf("expired %d, %v", n, err)
	}
	if n, err := s.BodiesDropped(); n != 0 || err != nil {
		t.Errorf("%d still counted, %v", n, err)
	}
}

// TestRepeatsAreCounted: one request that is sent again and again is one row,
// however often, and a dialect may say how long it is the same.
func TestRepeatsAreCounted(t *testing.T) {
	s := openAt(t, statePath(t))
	for n := range 1000 {
		e := claim(1)
		e.ReceivedAt = hookTime.Add(2)
		if n == 999 {
			e.ReceivedAt = hookTime.Add(-1) // of a clock that goes back
		}
		receive(t, s, e)
	}
	got := collect(t, s.Events(t.Context(), EventFilter{}))
	if len(got) != 1 || got[0].Repeats != 999 || !got[0].LastRepeat.Equal(hookTime.Add(2)) {
		t.Fatalf("%+v", got)
	}
	e := claim(2)
	receive(t, s, e)
	e.RepeatWithin = 1000
	for _, tt := range []struct {
		after time.Duration
		of    uint64
	}{{999, 2}, {1000, 0}} {
		e.ReceivedAt = hookTime.Add(tt.after)
		if r := receive(t, s, e); r[0].DuplicateOf != tt.of {
			t.Errorf("after %d: %+v", tt.after, r)
		}
	}
}
