package store

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/sync/plan"
)

// A model is what a store should hold, kept in maps.
type model struct {
	gifts       map[string]plan.Stored
	quarantine  map[string]Quarantined
	audit       []AuditEntry
	checkpoints map[string]Checkpoint
	meta        map[string][]byte
	missed      map[string]time.Time
	events      map[uint64]Event // with their bodies; commits leave them alone
}

func newModel() *model {
	return &model{
		gifts:       map[string]plan.Stored{},
		quarantine:  map[string]Quarantined{},
		checkpoints: map[string]Checkpoint{},
		meta:        map[string][]byte{},
		missed:      map[string]time.Time{},
		events:      map[uint64]Event{},
	}
}

func (m *model) commit(c Commit) {
	for _, g := range c.Gifts {
		g.Gift = g.Gift.Redacted()
		m.gifts[g.Gift.ID] = g
	}
	for _, q := range c.Quarantine {
		q.Attempts = 1
		if q.First.IsZero() {
			q.First = q.Last
		}
		if was, ok := m.quarantine[q.Key]; ok {
			q.Attempts, q.First = was.Attempts+1, was.First
		}
		m.quarantine[q.Key] = q
	}
	for _, key := range c.Healed {
		delete(m.quarantine, key)
	}
	for _, address := range c.Missed {
		m.missed[address] = c.MissedAt
	}
	for _, e := range c.Audit {
		e.Seq = uint64(len(m.audit) + 1)
		m.audit = append(m.audit, e)
	}
	maps.Copy(m.checkpoints, c.Checkpoints)
	for name, v := range c.Meta {
		if m.meta[name] = v; v == nil {
			delete(m.meta, name)
		}
	}
}

// collect reads an iterator to its end.
func collect[T any](t rapid.TB, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var all []T
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// must returns v and fails the test on an error.
func must[T any](t rapid.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// compare fails unless the store answers every question as the model does.
func (m *model) compare(t testing.TB, s *Store) {
	t.Helper()
	ctx := context.Background()
	want := map[string]any{}
	got := map[string]any{}

	ids := slices.Sorted(maps.Keys(m.gifts))
	var gifts []plan.Stored
	var orphaned []Orphaned
	orphans := map[plan.Orphan]int{}
	ambiguous := 0
	byObject, byEmail, byContact := map[string]string{}, map[string][]string{}, map[string][]string{"unknown": nil}
	for _, id := range ids {
		g := m.gifts[id]
		gifts = append(gifts, g)
		if _, ok := byObject[g.ObjectID]; !ok {
			byObject[g.ObjectID] = id
		}
		if email, ok := plan.CanonicalEmail(g.Gift.Recipient.Email); ok {
			byEmail[email] = append(byEmail[email], id)
		}
		for _, l := range append(slices.Clone(g.Links), g.Former) {
			if l.Kind == plan.Contact && !l.Refused && validID(l.ID) == nil && !slices.Contains(byContact[l.ID], id) {
				byContact[l.ID] = append(byContact[l.ID], id)
			}
		}
		if g.Orphan != "" && g.Deleted.IsZero() {
			orphans[g.Orphan]++
			orphaned = append(orphaned, Orphaned{id, g.Orphan})
		}
		if g.Ambiguous && g.Orphan == "" && g.Deleted.IsZero() {
			ambiguous++
		}
	}
	want["all"], got["all"] = gifts, collect(t, s.All(ctx))
	want["gifts"], got["gifts"] = m.gifts, must[map[string]plan.Stored](t)(s.Gifts(append(ids, "unknown")))
	want["count"], got["count"] = len(gifts), must[int](t)(s.Count())
	want["orphans"], got["orphans"] = orphaned, collect(t, s.Orphans(ctx, ""))
	want["orphan counts"], got["orphan counts"] = orphans, must[map[plan.Orphan]int](t)(s.OrphanCounts())
	want["ambiguous"], got["ambiguous"] = ambiguous, must[int](t)(s.AmbiguousCount())
	for k := 0; k < len(ids); k += 1 + len(ids)/16 { // of many, some: each costs all that follow
		id := ids[k]
		want["after "+id], got["after "+id] = gifts[k+1:], collect(t, s.After(ctx, id))
	}
	for k := 0; k < len(orphaned); k += 1 + len(orphaned)/16 {
		id := orphaned[k].ID
		want["orphans after "+id], got["orphans after "+id] = orphaned[k+1:], collect(t, s.Orphans(ctx, id))
	}
	missed := map[string]bool{}
	for address, at := range m.missed {
		missed[address] = true
		for _, off := range []time.Duration{-1, 0} {
			have := must[map[string]bool](t)(s.Missed([]string{address, "unknown@one.example"}, at.Add(off), at))
			if len(have) != int(-off) || have[address] != (off < 0) {
				t.Fatalf("missed at %v, asked since %v: %v", at, at.Add(off), have)
			}
			if ahead := must[map[string]bool](t)(s.Missed([]string{address}, at.Add(off), at.Add(-1))); len(ahead) != 0 {
				t.Fatalf("missed at %v, which lies ahead: %v", at, ahead)
			}
		}
	}
	want["missed"], got["missed"] = missed, must[map[string]bool](t)(s.Missed(slices.Collect(maps.Keys(m.missed)), time.Time{}, time.Now().AddDate(100, 0, 0)))
	for contact, ids := range byContact {
		want["contact "+contact], got["contact "+contact] = ids, must[[]string](t)(s.ByContact(contact))
	}
	for object, id := range byObject {
		have, ok, err := s.ByObject(object)
		if have != id || !ok || err != nil {
			t.Fatalf("ByObject(%q) = %q, %v, %v; want %q", object, have, ok, err, id)
		}
	}
	for email, ids := range byEmail {
		have, err := s.ByEmail(email)
		if err != nil || !slices.Equal(have, ids) {
			t.Fatalf("ByEmail(%q) = %q, %v; want %q", email, have, err, ids)
		}
	}
	keys := slices.Sorted(maps.Keys(m.quarantine))
	var quarantine []Quarantined
	for _, key := range keys {
		quarantine = append(quarantine, m.quarantine[key])
	}
	want["quarantine"], got["quarantine"] = quarantine, collect(t, s.Quarantine(ctx))
	want["quarantined"], got["quarantined"] = m.quarantine, must[map[string]Quarantined](t)(s.QuarantinedByID(append(keys, "unknown")))
	want["quarantine count"], got["quarantine count"] = len(keys), must[int](t)(s.QuarantineCount())
	want["audit"], got["audit"] = m.audit, collect(t, s.Audit(ctx))
	for i := range got["audit"].([]AuditEntry) {
		got["audit"].([]AuditEntry)[i].Hash = "" // see TestAuditChain
	}
	for name, cp := range m.checkpoints {
		have, ok, err := s.Checkpoint(name)
		if !ok || err != nil {
			t.Fatalf("Checkpoint(%q): %v, %v", name, ok, err)
		}
		want["checkpoint "+name], got["checkpoint "+name] = cp, have
	}
	for name, v := range m.meta {
		have, err := s.Meta(name)
		if err != nil || have == nil {
			t.Fatalf("Meta(%q) = %v, %v", name, have, err)
		}
		want["meta "+name], got["meta "+name] = v, have
	}
	if diff := cmp.Diff(want, got, equal); diff != "" {
		t.Fatalf("the store differs from the model (-model +store):\n%s", diff)
	}
	if err := s.Check(ctx); err != nil {
		t.Fatal(err)
	}
}

// anyCommit draws commits over few keys, so that they collide often.
func anyCommit() *rapid.Generator[Commit] {
	id := rapid.SampledFrom([]string{"1", "10", "2", "T-1", "T-2", "é"})
	when := anyTime()
	return rapid.Custom(func(t *rapid.T) Commit {
		gifts := rapid.SliceOfN(anyStored(id), 0, 6).Draw(t, "gifts")
		for i := range gifts {
			gifts[i].ObjectID = rapid.SampledFrom([]string{"7", "8", "9", "77"}).Draw(t, "object")
			gifts[i].Gift.Recipient.Email = rapid.SampledFrom([]string{"", "no address", "a@one.example", "A@One.example", "b@two.example"}).Draw(t, "email")
		}
		return Commit{
			Gifts: gifts,
			Quarantine: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Quarantined {
				return Quarantined{Key: id.Draw(t, "key"), Reason: rapid.String().Draw(t, "reason"), First: when.Draw(t, "first"), Last: when.Draw(t, "last"), Row: json.RawMessage(rapid.String().Draw(t, "row"))}
			}), 0, 3).Draw(t, "quarantine"),
			Healed: rapid.SliceOfN(id, 0, 2).Draw(t, "healed"),
			Audit: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) AuditEntry {
				return AuditEntry{At: when.Draw(t, "at"), Run: rapid.String().Draw(t, "run"), TransactionIDs: []string{id.Draw(t, "id")}}
			}), 0, 3).Draw(t, "audit"),
			Checkpoints: rapid.MapOfN(id, rapid.Custom(func(t *rapid.T) Checkpoint {
				return Checkpoint{Cursor: rapid.String().Draw(t, "cursor"), Started: when.Draw(t, "started")}
			}), 0, 2).Draw(t, "checkpoints"),
			Missed:   rapid.SliceOfN(rapid.SampledFrom([]string{"a@one.example", "b@two.example"}), 0, 2).Draw(t, "missed"),
			MissedAt: time.Unix(rapid.Int64Range(0, 1<<32).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")),
			Meta:     rapid.MapOfN(id, rapid.SliceOf(rapid.Byte()), 0, 2).Draw(t, "meta"),
		}
	})
}

// TestCommitMatchesModel makes random commits, and after each reopens the file
// and compares everything that can be asked with a model.
func TestCommitMatchesModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		path := statePath(t)
		s := openAt(t, path)
		defer func() { s.Close() }()
		m := newModel()
		for _, c := range rapid.SliceOfN(anyCommit(), 1, 3).Draw(rt, "commits") {
			m.commit(c)
			commit(t, s, c)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openAt(t, path)
			m.compare(t, s)
		}
	})
}

// TestRefusedCommitLeavesNothing: if part of a commit is refused, nothing of it is
// kept.
func TestRefusedCommitLeavesNothing(t *testing.T) {
	good := plan.Stored{ObjectID: "1", Gift: plan.Gift{ID: "T-1"}}
	long := string(make([]byte, maxIDLen+1))
	for name, c := range map[string]Commit{
		"no transaction id":   {Gifts: []plan.Stored{good, {ObjectID: "2"}}},
		"no record id":        {Gifts: []plan.Stored{good, {Gift: plan.Gift{ID: "T-2"}}}},
		"NUL in an id":        {Gifts: []plan.Stored{good, {ObjectID: "2", Gift: plan.Gift{ID: "T\x00"}}}},
		"long id":             {Gifts: []plan.Stored{good, {ObjectID: "2", Gift: plan.Gift{ID: long}}}},
		"no quarantine key":   {Gifts: []plan.Stored{good}, Quarantine: []Quarantined{{Reason: "?"}}},
		"no checkpoint name":  {Gifts: []plan.Stored{good}, Checkpoints: map[string]Checkpoint{"": {}}},
		"long name of a meta": {Gifts: []plan.Stored{good}, Meta: map[string][]byte{string(make([]byte, 40_000)): {1}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := openAt(t, statePath(t))
			if err := s.Commit(c); err == nil {
				t.Error("it was accepted")
			}
			newModel().compare(t, s)
			commit(t, s, Commit{Gifts: []plan.Stored{good}})
		})
	}
}

// TestCommitWhileReading commits while it ranges over all gifts: readers do not
// block writers.
func TestCommitWhileReading(t *testing.T) {
	s := openAt(t, statePath(t))
	fill(t, s, 2*scanStep+10)
	n := 0
	for g, err := range s.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%100 == 0 {
			g.Gift.Name = "Tea"
			commit(t, s, Commit{Gifts: []plan.Stored{g}})
		}
	}
	if n != 2*scanStep+10 {
		t.Errorf("read %d gifts", n)
	}
}

func TestScanStops(t *testing.T) {
	s := openAt(t, statePath(t))
	fill(t, s, scanStep+1)
	for range s.All(t.Context()) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n, last := 0, error(nil)
	for _, err := range s.All(ctx) {
		if err != nil {
			last = err
			continue
		}
		n++
		cancel()
	}
	if n != scanStep || !errors.Is(last, context.Canceled) {
		t.Errorf("after cancelling: %d gifts, then %v; want the step of %d that was read, then the cancellation", n, last, scanStep)
	}
}

// TestUnchangedGiftWritesNothing: committing an unchanged gift again writes no
// page of its bucket.
func TestUnchangedGiftWritesNothing(t *testing.T) {
	s := openAt(t, statePath(t))
	g := plan.Stored{ObjectID: "1", Gift: plan.Gift{ID: "T-1", Message: "Hi", UpdatedAt: time.Unix(5, 0)}}
	commit(t, s, Commit{Gifts: []plan.Stored{g}})
	before := s.db.Stats()
	commit(t, s, Commit{Gifts: []plan.Stored{g}})
	after := s.db.Stats()
	if n := after.TxStats.GetSpill() - before.TxStats.GetSpill(); n != 0 {
		t.Errorf("%d nodes were written", n)
	}
}

// TestReadsAreCopies changes what a read returned and reads again.
func TestReadsAreCopies(t *testing.T) {
	s := openAt(t, statePath(t))
	commit(t, s, Commit{
		Meta:       map[string][]byte{"m": []byte("abc"), "empty": {}},
		Quarantine: []Quarantined{{Key: "T-1", Row: json.RawMessage(`{"id":"T-1"}`)}},
	})
	for range 2 {
		v := must[[]byte](t)(s.Meta("m"))
		q, ok, err := s.QuarantinedByKey("T-1")
		if string(v) != "abc" || !ok || err != nil || string(q.Row) != `{"id":"T-1"}` {
			t.Fatalf("Meta %q; QuarantinedByKey %q, %v, %v", v, q.Row, ok, err)
		}
		v[0], q.Row[0] = 'x', 'x'
	}
	if v := must[[]byte](t)(s.Meta("empty")); v == nil || len(v) != 0 {
		t.Errorf("an empty meta came back as %v", v)
	}
	if v := must[[]byte](t)(s.Meta("none")); v != nil {
		t.Errorf("a missing meta came back as %q", v)
	}
	if _, ok, err := s.QuarantinedByKey("T-9"); ok || err != nil {
		t.Errorf("QuarantinedByKey of nothing: %v, %v", ok, err)
	}
	if _, ok, err := s.Gift("T-9"); ok || err != nil {
		t.Errorf("Gift of nothing: %v, %v", ok, err)
	}
	if _, ok, err := s.ByObject("9"); ok || err != nil {
		t.Errorf("ByObject of nothing: %v, %v", ok, err)
	}
	if ids, err := s.ByEmail("unknown@one.example"); len(ids) != 0 || err != nil {
		t.Errorf("ByEmail of an unknown address: %v, %v", ids, err)
	}
	if _, ok, err := s.Checkpoint("none"); ok || err != nil {
		t.Errorf("Checkpoint of nothing: %v, %v", ok, err)
	}
}

func TestClosedStore(t *testing.T) {
	s := openAt(t, statePath(t))
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Count(); !errors.Is(err, ErrClosed) {
		t.Errorf("Count: %v", err)
	}
	if err := s.Commit(Commit{}); !errors.Is(err, ErrClosed) {
		t.Errorf("Commit: %v", err)
	}
	for _, err := range s.All(t.Context()) {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("All: %v", err)
		}
	}
}
