package store

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/sync/plan"
)

// TestReceiveAllOrNothing: if there is no room for all events of a call, none is
// kept. Repeats need no room.
func TestReceiveAllOrNothing(t *testing.T) {
	path := statePath(t)
	openAt(t, path).Close()
	s, err := Open(path, Options{InboxEvents: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	receive(t, s, claim(1), claim(2))
	if _, err := s.Receive(t.Context(), claim(3), claim(4)); !errors.Is(err, ErrInboxFull) {
		t.Errorf("two more: %v; want ErrInboxFull", err)
	}
	listed := claim(5)
	listed.Effect = EffectListed
	got := receive(t, s, claim(1), claim(3), claim(3), listed)
	if diff := cmp.Diff([]Receipt{{1, 1}, {3, 0}, {3, 3}, {4, 0}}, got); diff != "" {
		t.Errorf("receipts (-want +got):\n%s", diff)
	}
	if n := len(collect(t, s.Events(t.Context(), EventFilter{}))); n != 4 {
		t.Errorf("%d events, want 4", n)
	}
	for _, bad := range []Event{{}, {Dialect: "d", Key: "k", ReceivedAt: hookTime}, {Dialect: "d", Key: "k", Effect: EffectClaim}, {Dialect: "d", ReceivedAt: hookTime, Effect: EffectClaim}} {
		if _, err := s.Receive(t.Context(), claim(1), bad); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
	// Once there is room, events are accepted again.
	e := claim(1)
	e.Seq, e.State, e.DoneAt = 1, EventApplied, hookTime
	commit(t, s, Commit{Events: []Event{e}})
	receive(t, s, claim(4))
	// A commit may overfill the queue; events that add nothing to it still fit.
	commit(t, s, Commit{Events: []Event{{Seq: 1, State: EventPending}}})
	receive(t, s, claim(1), listed)
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestInboxBytes: the size of the bodies that wait to be processed is bounded.
func TestInboxBytes(t *testing.T) {
	path := statePath(t)
	openAt(t, path).Close()
	s, err := Open(path, Options{InboxBytes: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	large := claim(1)
	large.Body = make([]byte, 1000)
	receive(t, s, large)
	if _, err := s.Receive(t.Context(), claim(2)); !errors.Is(err, ErrInboxFull) {
		t.Errorf("%v; want ErrInboxFull", err)
	}
	if _, queued, err := s.EventCounts(); queued != 1000 || err != nil {
		t.Errorf("%d bytes are queued (%v)", queued, err)
	}
}

// TestClaimsHaveRoom: events that claim nothing, such as those of records in HubSpot,
// keep no claim out, neither by their number nor by their size.
func TestClaimsHaveRoom(t *testing.T) {
	for what, size := range map[string]int{"many": 1, "large": 50} {
		path := statePath(t)
		openAt(t, path).Close()
		s, err := Open(path, Options{InboxEvents: 40, InboxBytes: 1000})
		check(t, err)
		taken, refused := 0, error(nil)
		for n := 0; refused == nil; n++ {
			e := claim(100 + n)
			e.Effect, e.Body = []Effect{EffectRecord, EffectDetail}[n%2], make([]byte, size)
			if _, refused = s.Receive(t.Context(), e); refused == nil {
				taken++
			}
		}
		if load, err := s.InboxLoad(); !errors.Is(refused, ErrInboxFull) || load < 0.9 || err != nil {
			t.Errorf("%s: after %d, %v, at %v (%v)", what, taken, refused, load, err)
		}
		for n := range 2 {
			e := claim(n)
			e.Body = make([]byte, 25)
			if _, err := s.Receive(t.Context(), e); err != nil {
				t.Errorf("%s: a claim beside %d others: %v", what, taken, err)
			}
		}
		check(t, s.Close())
	}
}

// TestEventsGoWithGifts: if one event of a commit is refused, its gifts are not
// kept either.
func TestEventsGoWithGifts(t *testing.T) {
	s := openAt(t, statePath(t))
	receive(t, s, claim(1), claim(1))
	gift := plan.Stored{ObjectID: "1", Gift: plan.Gift{ID: "T-1"}}
	for what, e := range map[string]Event{
		"unknown":     {Seq: 3, State: EventApplied},
		"no state":    {Seq: 1},
		"no such":     {Seq: 1, State: "lost"},
		"made repeat": {Seq: 1, State: EventDuplicate},
	} {
		if err := s.Commit(Commit{Gifts: []plan.Stored{gift}, Events: []Event{{Seq: 1, State: EventApplied}, e}}); err == nil {
			t.Errorf("%s: accepted", what)
		}
		if n, err := s.Count(); n != 0 || err != nil {
			t.Errorf("%s: %d gifts were kept (%v)", what, n, err)
		}
	}
	if _, err := s.Replay(t.Context(), []uint64{1, 3}, nil); err == nil {
		t.Error("replaying an event that is not there: no error")
	}
	commit(t, s, Commit{Gifts: []plan.Stored{gift}, Events: []Event{{Seq: 1, State: EventApplied, TransactionID: "T-1", DoneAt: hookTime}}})
	got := collect(t, s.Events(t.Context(), EventFilter{State: EventApplied, TransactionID: "T-1"}))
	want := claim(1)
	want.Repeats, want.LastRepeat = 1, hookTime
	want.Seq, want.State, want.DoneAt, want.Size, want.Body = 1, EventApplied, hookTime, len(want.Body), nil
	if diff := cmp.Diff([]Event{want}, got, equal); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestReplayReads: what a body says is read anew where it is kept; where the event
// came from, and when, stays.
func TestReplayReads(t *testing.T) {
	s := openAt(t, statePath(t))
	refused, bare := claim(1), claim(2)
	refused.Effect, refused.Reason = EffectUnknown, "not understood then"
	bare.Body = nil
	receive(t, s, refused, bare)
	n, err := s.Replay(t.Context(), []uint64{1, 2}, func(e Event, body []byte) Event {
		if e.Seq != 1 || string(body) != string(refused.Body) {
			t.Errorf("asked to read event %d, %q", e.Seq, body)
		}
		return Event{Dialect: "x", Key: "x", Kind: "now", TransactionID: "T-9", Effect: EffectClaim, Status: plan.Opened, Email: "x@example.com", Test: true}
	})
	if n != 2 || err != nil {
		t.Fatalf("replayed %d: %v", n, err)
	}
	want := refused
	want.Kind, want.TransactionID, want.Effect, want.Reason = "now", "T-9", EffectClaim, ""
	want.Status, want.At, want.Email, want.Test = plan.Opened, time.Time{}, "x@example.com", true
	want.Aliases, want.ParcelStatus, want.ParcelAt, want.ThankYouNote, want.Properties = nil, "", time.Time{}, "", nil
	want.Seq, want.Size, want.Body, want.State = 1, len(refused.Body), nil, EventPending
	bare.Seq, bare.State = 2, EventPending
	if diff := cmp.Diff([]Event{want, bare}, must[[]Event](t)(s.DueEvents(hookTime, Event{}, 9)), equal); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestReplayBesideAnErasure: an event that loses its body after that was read, and before
// the event is pending again, gets back nothing of what its body said.
func TestReplayBesideAnErasure(t *testing.T) {
	s := openAt(t, statePath(t))
	e := claim(1)
	e.Email, e.ThankYouNote = "bea@acme.example", "Thanks! Bea"
	receive(t, s, e)
	read, replayed := make(chan bool), make(chan error)
	s.writing.Lock()
	go func() {
		_, err := s.Replay(t.Context(), []uint64{1}, func(e Event, _ []byte) Event {
			close(read)
			e.Properties = map[string]string{"name": "Bea"}
			return e
		})
		replayed <- err
	}()
	<-read
	err := s.writeLocked(func(w *writer) error { return w.putRest(Commit{Bared: []uint64{1}}) })
	s.writing.Unlock()
	check(t, errors.Join(err, <-replayed))
	due := must[[]Event](t)(s.DueEvents(hookTime, Event{}, 9))
	if len(due) != 1 || !due[0].BodyDropped || due[0].Email+due[0].ThankYouNote != "" || len(due[0].Properties) > 0 {
		t.Errorf("due are %+v", due)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestManyEvents processes more events than one step holds.
func TestManyEvents(t *testing.T) {
	s := openAt(t, statePath(t))
	const n = stepOf + 100
	var events []Event
	for i := range n {
		events = append(events, claim(i))
	}
	receive(t, s, events...)
	var seqs []uint64
	var c Commit
	for e, err := range s.Events(t.Context(), EventFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, e.Seq)
		e.State, e.TransactionID = EventWaiting, "T"
		c.Events = append(c.Events, e)
	}
	commit(t, s, c)
	if waiting := must[map[string][]Event](t)(s.WaitingFor([]string{"T"})); len(waiting["T"]) != waitingStep {
		t.Errorf("%d events wait for T, want the first %d", len(waiting["T"]), waitingStep)
	}
	if done, err := s.Replay(t.Context(), seqs, nil); done != n || err != nil {
		t.Errorf("replayed %d: %v", done, err)
	}
	if due := must[[]Event](t)(s.DueEvents(hookTime, Event{}, n+1)); len(due) != n {
		t.Errorf("%d are due, want %d", len(due), n)
	}
	for i := range c.Events {
		c.Events[i].State = EventRefused
	}
	commit(t, s, c)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Expire(cancelled, hookTime.Add(eventRetention)); !errors.Is(err, context.Canceled) {
		t.Errorf("Expire, cancelled: %v", err)
	}
	if _, err := s.Replay(cancelled, seqs, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Replay, cancelled: %v", err)
	}
	for want := n; want >= 0; want -= n {
		if done, err := s.Expire(t.Context(), hookTime.Add(eventRetention)); done != want || err != nil {
			t.Errorf("expired %d (%v), want %d", done, err, want)
		}
	}
	if receipts := receive(t, s, claim(0)); receipts[0] != (Receipt{Seq: n + 1}) {
		t.Errorf("an event that had expired: %+v; want a new one, with a number of its own", receipts[0])
	}
}

// TestRepeatKeepsNothingPersonal looks for the note of a repeat in what is kept.
func TestRepeatKeepsNothingPersonal(t *testing.T) {
	s := openAt(t, statePath(t))
	e := claim(1)
	receive(t, s, e)
	e.ThankYouNote, e.Aliases, e.Body = "so kind", []string{"REF1"}, []byte("so kind")
	receive(t, s, e)
	want := claim(1)
	want.Seq, want.State, want.Size, want.Body, want.Repeats, want.LastRepeat = 1, EventPending, len(want.Body), nil, 1, e.ReceivedAt
	if diff := cmp.Diff([]Event{want}, collect(t, s.Events(t.Context(), EventFilter{})), equal); diff != "" {
		t.Errorf("the repeat is more than counted (-want +got):\n%s", diff)
	}
	if body, ok, err := s.EventBody(2); ok || err != nil {
		t.Errorf("the repeat has a body: %q, %v", body, err)
	}
}

// TestThirtyDays checks the boundaries of the retention of 30 days.
func TestThirtyDays(t *testing.T) {
	s := openAt(t, statePath(t))
	at := func(d time.Duration) Event {
		e := claim(1)
		e.ReceivedAt = hookTime.Add(d)
		return e
	}
	done := func(seq uint64, when time.Time) {
		t.Helper()
		commit(t, s, Commit{Events: []Event{{Seq: seq, State: EventApplied, DoneAt: when}}})
	}
	expire := func(when time.Time, want int) {
		t.Helper()
		if n, err := s.Expire(t.Context(), when); n != want || err != nil {
			t.Errorf("at %v: %d expired (%v), want %d", when, n, err, want)
		}
	}
	const month = eventRetention
	got := receive(t, s, at(0), at(month-1), at(month), at(month+1), at(-1))
	if diff := cmp.Diff([]Receipt{{1, 0}, {1, 1}, {2, 0}, {2, 2}, {2, 2}}, got); diff != "" {
		t.Errorf("receipts (-want +got):\n%s", diff)
	}

	expire(hookTime.Add(10*month), 0) // they are pending
	done(1, hookTime.Add(month/2))
	expire(hookTime.Add(month+month/2-1), 0)
	expire(hookTime.Add(month+month/2), 1)
	// The key is that of the event which was received last.
	if got := receive(t, s, at(2*month-1)); got[0].DuplicateOf != 2 {
		t.Errorf("%+v; want a repeat of 2", got[0])
	}
	// An event that was applied late is still listed; its key now names a later one.
	done(2, hookTime.Add(5*month))
	if got := receive(t, s, at(2*month)); got[0].DuplicateOf != 0 {
		t.Errorf("%+v; want a new event", got[0])
	}
	expire(hookTime.Add(6*month), 1)
	if n, err := s.removeEvents([]uint64{3, 99}, hookTime.Add(10*month)); n != 0 || err != nil {
		t.Errorf("removed %d that were replayed or removed meanwhile (%v)", n, err)
	}
}

// TestPauseOfAWrongClock: an event that a clock a year ahead has put off is due
// now, once, and behind those that are due by their time.
func TestPauseOfAWrongClock(t *testing.T) {
	s := openAt(t, statePath(t))
	defer s.Close()
	receive(t, s, claim(1), claim(2), claim(3))
	now := hookTime
	put := func(seq uint64, next time.Time) {
		t.Helper()
		e := collect(t, s.Events(t.Context(), EventFilter{}))[seq-1] // oldest first
		if e.Seq != seq {
			t.Fatalf("event %d, want %d", e.Seq, seq)
		}
		e.State, e.NextTry, e.Reason = EventWaiting, next, "not found"
		commit(t, s, Commit{Events: []Event{e}})
	}
	put(1, now.AddDate(1, 0, 0))
	put(2, now.Add(time.Hour))
	var seqs []uint64
	var after Event
	for {
		due, err := s.DueEvents(now, after, 1)
		check(t, err)
		if len(due) == 0 {
			break
		}
		after = due[0]
		seqs = append(seqs, after.Seq)
	}
	if !slices.Equal(seqs, []uint64{3, 1}) {
		t.Errorf("due are %v, want 3 and 1", seqs)
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

// TestAppliedRecordsLoseTheirBodies: events about records in HubSpot are bounded like
// those, once they are applied, and not before; applied claims keep theirs.
func TestAppliedRecordsLoseTheirBodies(t *testing.T) {
	path := statePath(t)
	openAt(t, path).Close()
	s, err := Open(path, Options{IdleEvents: 2})
	check(t, err)
	defer s.Close()
	var events []Event
	for n := range 12 {
		e := claim(n)
		if e.Body = []byte("{}"); n > 2 {
			e.Effect = EffectRecord
		}
		receive(t, s, e)
	}
	for _, e := range collect(t, s.Events(t.Context(), EventFilter{})) {
		if _, ok, err := s.EventBody(e.Seq); !ok || err != nil {
			t.Errorf("event %d lost its body before it was applied (%v)", e.Seq, err)
		}
		e.State, e.DoneAt = EventApplied, e.ReceivedAt
		events = append(events, e)
	}
	check(t, s.Commit(Commit{Events: events}))
	for _, e := range collect(t, s.Events(t.Context(), EventFilter{})) {
		newest := e.Seq > 10
		if _, ok, err := s.EventBody(e.Seq); ok != (newest || e.Effect == EffectClaim) || err != nil {
			t.Errorf("event %d (%s): body %v, %v", e.Seq, e.Effect, ok, err)
		}
	}
	check(t, s.Check(t.Context()))
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
