package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/sync/plan"
)

// hookTime is when the tests' first events arrive.
var hookTime = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// claim is a typical event.
func claim(n int) Event {
	id := fmt.Sprintf("T-%d", n)
	return Event{
		Dialect:       "gift-events",
		Key:           fmt.Sprintf("%064x", n),
		Kind:          "gift-status-changed",
		TransactionID: id,
		Status:        plan.Opened,
		At:            hookTime.Add(-time.Second),
		Signed:        true,
		Effect:        EffectClaim,
		ReceivedAt:    hookTime,
		Body:          fmt.Appendf(nil, `{"webhookData":{"id":"%d","eventType":"gift-status-changed"},"eventData":{"giftId":"%s","status":"opened"}}`, n, id),
	}
}

// An inboxModel is what an inbox should hold, kept in maps.
type inboxModel struct {
	events map[uint64]Event // with their bodies
	last   uint64
	seen   map[string]uint64
	limit  queueSize
	idle   queueSize // of events whose bodies have a bound of their own
}

func (m *inboxModel) queue() (q queueSize) {
	for _, e := range m.events {
		if e.State.queued() {
			q.Events++
			q.Bytes += int64(e.Size)
		}
	}
	return q
}

func (m *inboxModel) receive(e Event) (Receipt, bool) {
	key := e.Dialect + "/" + e.Key
	of := m.seen[key]
	within := eventRetention
	if e.RepeatWithin != 0 {
		within = e.RepeatWithin
	}
	e.RepeatWithin = 0
	if first := m.events[of]; of != 0 && e.ReceivedAt.Sub(first.ReceivedAt) < within {
		first.Repeats++
		if e.ReceivedAt.After(first.LastRepeat) {
			first.LastRepeat = e.ReceivedAt
		}
		m.events[of] = first
		m.dropBodies()
		return Receipt{of, of}, true
	}
	e.Size = len(e.Body)
	switch e.Effect {
	case EffectListed:
		e.State, e.DoneAt = EventListed, e.ReceivedAt
	case EffectUnknown:
		e.State, e.DoneAt = EventRefused, e.ReceivedAt
	default:
		e.State = EventPending
		q, limit := m.queue(), m.limit
		if e.Effect != EffectClaim {
			limit.Bytes = 38 // of 40; of 4 events there is no twentieth
		}
		if q.Events++; q.exceeds(limit) || q.Bytes+int64(e.Size) > limit.Bytes {
			return Receipt{}, false
		}
	}
	m.last++
	e.Seq = m.last
	m.seen[key] = e.Seq
	m.events[e.Seq] = e
	m.dropBodies()
	return Receipt{Seq: e.Seq}, true
}

func (m *inboxModel) update(e Event) {
	was := m.events[e.Seq]
	e.Body, e.Size = was.Body, was.Size
	m.events[e.Seq] = e
}

// dropBodies removes the bodies of the oldest listed and refused events, and applied
// ones about records, beyond their bound.
func (m *inboxModel) dropBodies() {
	var idle queueSize
	with := m.where(func(e Event) bool {
		done := e.State == EventListed || e.State == EventRefused || e.State == EventApplied && e.Effect == EffectRecord
		return done && e.Size > 0
	})
	for _, e := range with {
		idle.Events++
		idle.Bytes += int64(e.Size)
	}
	for ; idle.exceeds(m.idle); with = with[1:] {
		idle.Events--
		idle.Bytes -= int64(with[0].Size)
		e := m.events[with[0].Seq]
		e.Body, e.Size, e.BodyDropped = nil, 0, true
		e.Email, e.ThankYouNote, e.Properties = "", "", nil
		m.events[e.Seq] = e
	}
}

func (m *inboxModel) replay(seqs []uint64) (n int) {
	for _, seq := range seqs {
		e := m.events[seq]
		e.State, e.Attempts, e.NextTry, e.DoneAt = EventPending, 0, time.Time{}, time.Time{}
		m.events[seq] = e
		n++
	}
	return n
}

func (m *inboxModel) expire(now time.Time) (n int) {
	for seq, e := range m.events {
		if e.State.queued() || now.Sub(e.ReceivedAt) < eventRetention || now.Sub(e.DoneAt) < eventRetention {
			continue
		}
		delete(m.events, seq)
		maps.DeleteFunc(m.seen, func(_ string, of uint64) bool { return of == seq })
		n++
	}
	return n
}

// where returns the model's events that f chooses, oldest first, as they are
// read: without their bodies.
func (m *inboxModel) where(f func(Event) bool) (events []Event) {
	for _, seq := range slices.Sorted(maps.Keys(m.events)) {
		if e := m.events[seq]; f(e) {
			e.Body = nil
			events = append(events, e)
		}
	}
	return events
}

// list returns the model's events that match a filter.
func (m *inboxModel) list(f EventFilter) []Event {
	events := m.where(func(e Event) bool {
		return (f.State == "" || f.State == e.State) && e.Seq > f.After && !e.ReceivedAt.Before(f.Since) &&
			(f.TransactionID == "" || slices.Contains(append(e.Aliases, e.TransactionID), f.TransactionID))
	})
	if f.Limit > 0 {
		events = events[:min(f.Limit, len(events))]
	}
	return events
}

// compare fails unless the store answers every question as the model does.
func (m *inboxModel) compare(t rapid.TB, s *Store, now time.Time, some EventFilter) {
	t.Helper()
	ctx := context.Background()
	want, got := map[string]any{}, map[string]any{}
	for name, f := range map[string]EventFilter{"all": {}, "some": some} {
		want[name], got[name] = m.list(f), collect(t, s.Events(ctx, f))
	}

	due := m.where(func(e Event) bool {
		return (e.State == EventPending || e.State == EventWaiting && !e.NextTry.IsZero()) && !e.NextTry.After(now)
	})
	second := func(e Event) time.Time { return time.Unix(max(0, e.NextTry.Unix()), 0) }
	slices.SortStableFunc(due, func(a, b Event) int { return second(a).Compare(second(b)) })
	for _, limit := range []int{2, 100} {
		name := fmt.Sprint("due ", limit)
		want[name], got[name] = due[:min(limit, len(due))], must[[]Event](t)(s.DueEvents(now, Event{}, limit))
	}
	for i, e := range due {
		name := fmt.Sprint("due behind ", i)
		want[name], got[name] = due[i+1:], must[[]Event](t)(s.DueEvents(now, e, 100))
	}
	next := m.where(func(e Event) bool {
		return (e.State == EventPending || e.State == EventWaiting) && e.NextTry.After(now)
	})
	slices.SortStableFunc(next, func(a, b Event) int { return second(a).Compare(second(b)) })
	want["next due"], got["next due"] = time.Time{}, must[time.Time](t)(s.NextDue(now))
	if len(next) > 0 {
		want["next due"] = next[0].NextTry
	}

	ids := []string{"T-1", "T-2", "T-3", "", "T\x00", "unknown"}
	waiting := map[string][]Event{}
	for _, id := range ids {
		if events := m.where(func(e Event) bool {
			return id != "" && e.State == EventWaiting && slices.Contains(append(e.Aliases, e.TransactionID), id)
		}); events != nil && id != "T\x00" {
			waiting[id] = events
		}
	}
	want["waiting"], got["waiting"] = waiting, must[map[string][]Event](t)(s.WaitingFor(ids))

	byState := map[EventState]int{}
	for seq, e := range m.events {
		byState[e.State]++
		body, ok, err := s.EventBody(seq)
		if err != nil || ok != (e.Size > 0) || !bytes.Equal(body, e.Body) {
			t.Fatalf("EventBody(%d) = %q, %v, %v; want %q", seq, body, ok, err, e.Body)
		}
	}
	counted, queued, err := s.EventCounts()
	if err != nil {
		t.Fatal(err)
	}
	want["counts"], got["counts"] = byState, counted
	want["queued"], got["queued"] = m.queue().Bytes, queued
	dropped := len(m.where(func(e Event) bool { return e.BodyDropped }))
	want["dropped"], got["dropped"] = dropped, must[int](t)(s.BodiesDropped())
	want["load"], got["load"] = max(float64(m.queue().Events)/4, float64(m.queue().Bytes)/40), must[float64](t)(s.InboxLoad())
	if diff := cmp.Diff(want, got, equal); diff != "" {
		t.Fatalf("the store differs from the model (-model +store):\n%s", diff)
	}
	if err := s.Check(ctx); err != nil {
		t.Fatal(err)
	}
}

// anyEvent draws events over few keys and ids, so that they collide often.
func anyEvent() *rapid.Generator[Event] {
	text, id := anyText(), rapid.SampledFrom([]string{"", "T-1", "T-2", "T-3", "T\x00"})
	return rapid.Custom(func(t *rapid.T) Event {
		return Event{
			Dialect:       rapid.SampledFrom([]string{"gift-events", "thyngs"}).Draw(t, "dialect"),
			Key:           rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key"),
			Kind:          text.Draw(t, "kind"),
			TransactionID: id.Draw(t, "id"),
			Aliases:       rapid.SliceOfN(id.Filter(func(id string) bool { return id != "" }), 0, 2).Draw(t, "aliases"),
			Status:        anyStatus().Draw(t, "status"),
			At:            anyTime().Draw(t, "at").UTC(),
			Signed:        rapid.Bool().Draw(t, "signed"),
			ParcelStatus:  text.Draw(t, "parcel"),
			ParcelAt:      anyTime().Draw(t, "parcel at").UTC(),
			ThankYouNote:  text.Draw(t, "note"),
			Email:         text.Draw(t, "email"),
			RecordType:    rapid.SampledFrom([]string{"", "contact"}).Draw(t, "record type"),
			RecordIDs:     rapid.SliceOfN(rapid.SampledFrom([]string{"1", "22"}), 0, 2).Draw(t, "records"),
			Test:          rapid.Bool().Draw(t, "test"),
			Properties:    rapid.MapOfN(text, text, 0, 2).Draw(t, "properties"),
			RepeatWithin:  rapid.SampledFrom([]time.Duration{0, 0, time.Minute, 2 * time.Hour}).Draw(t, "repeat within"),
			Effect:        rapid.SampledFrom([]Effect{EffectClaim, EffectDetail, EffectRecord, EffectListed, EffectUnknown}).Draw(t, "effect"),
			Reason:        text.Draw(t, "reason"),
			Body:          rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "body"),
		}
	})
}

// TestInboxMatchesModel makes random calls as daemon and admin do, with a clock
// that jumps, and compares the inbox with a model after every call.
func TestInboxMatchesModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		path := statePath(t)
		options := Options{Create: true, InboxEvents: 4, InboxBytes: 40, IdleEvents: 2, IdleBytes: 25}
		open := func() *Store {
			s, err := Open(path, options)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		s := open()
		defer func() { s.Close() }()
		now := hookTime
		m := &inboxModel{events: map[uint64]Event{}, seen: map[string]uint64{}, limit: queueSize{4, 40}, idle: queueSize{2, 25}}
		some := func() []uint64 {
			if len(m.events) == 0 {
				return nil
			}
			return rapid.SliceOfNDistinct(rapid.SampledFrom(slices.Sorted(maps.Keys(m.events))), 1, min(3, len(m.events)), rapid.ID).Draw(rt, "seqs")
		}
		steps := map[string]func(){
			"receive": func() {
				e := anyEvent().Draw(rt, "event")
				e.ReceivedAt = now
				want, room := m.receive(e)
				got, err := s.Receive(t.Context(), e)
				if !room {
					if !errors.Is(err, ErrInboxFull) {
						rt.Fatalf("Receive = %v, %v; want ErrInboxFull", got, err)
					}
				} else if err != nil || len(got) != 1 || got[0] != want {
					rt.Fatalf("Receive = %v, %v; want %v", got, err, want)
				}
			},
			"update": func() {
				var c Commit
				for _, seq := range some() {
					e := m.events[seq]
					e.State = rapid.SampledFrom([]EventState{EventPending, EventWaiting, EventApplied, EventRefused}).Draw(rt, "state")
					e.TransactionID = rapid.SampledFrom([]string{"", "T-1", "T-3"}).Draw(rt, "id")
					e.Reason = rapid.String().Draw(rt, "why")
					e.Attempts = rapid.IntRange(0, 9).Draw(rt, "attempts")
					e.NextTry = rapid.SampledFrom([]time.Time{{}, now, now.Add(1), now.Add(time.Hour), time.Unix(-5, 0).UTC()}).Draw(rt, "next")
					e.DoneAt = time.Time{}
					if !e.State.queued() {
						e.DoneAt = now
					}
					m.update(e)
					e.Body, e.Kind, e.Key, e.Size = nil, "not taken", "not taken", 99
					c.Events = append(c.Events, e)
				}
				if err := s.Commit(c); err != nil {
					rt.Fatal(err)
				}
				m.dropBodies()
			},
			"replay": func() {
				seqs := some()
				before := maps.Clone(m.events)
				want := m.replay(seqs)
				full := m.queue().exceeds(m.limit)
				if full {
					m.events, want = before, 0
				}
				if n, err := s.Replay(t.Context(), seqs, nil); n != want || errors.Is(err, ErrInboxFull) != full || !full && err != nil {
					rt.Fatalf("Replay(%v) = %d, %v; want %d, full %v", seqs, n, err, want, full)
				}
			},
			"expire": func() {
				want := m.expire(now)
				if n, err := s.Expire(t.Context(), now); n != want || err != nil {
					rt.Fatalf("Expire = %d, %v; want %d", n, err, want)
				}
			},
			"clock": func() {
				const day = 24 * time.Hour
				now = now.Add(rapid.SampledFrom([]time.Duration{1, time.Hour, 10 * day, 30*day - 1, 30 * day, -time.Hour}).Draw(rt, "by"))
			},
			"reopen": func() {
				if err := s.Close(); err != nil {
					rt.Fatal(err)
				}
				s = open()
			},
		}
		names := append(slices.Sorted(maps.Keys(steps)), "receive", "receive", "clock") // more often
		for range rapid.IntRange(1, 15).Draw(rt, "steps") {
			steps[rapid.SampledFrom(names).Draw(rt, "step")]()
			m.compare(rt, s, now, EventFilter{
				State:         rapid.SampledFrom(eventStates).Draw(rt, "of state"),
				TransactionID: rapid.SampledFrom([]string{"", "T-1"}).Draw(rt, "of transaction"),
				Since:         rapid.SampledFrom([]time.Time{{}, now, now.Add(-time.Hour)}).Draw(rt, "since"),
				After:         rapid.Uint64Range(0, 3).Draw(rt, "after"),
				Limit:         rapid.IntRange(0, 2).Draw(rt, "limit"),
			})
		}
	})
}

// sampleEvents fills the inbox with events of every state, one of them large.
func sampleEvents(t *testing.T, s *Store) map[uint64]Event {
	t.Helper()
	var events []Event
	for n := range 60 {
		e := claim(n)
		switch n % 6 {
		case 4:
			e.Effect = EffectListed
		case 5:
			e = claim(n - 1)
		}
		events = append(events, e)
	}
	events[7].Body = bytes.Repeat([]byte("large "), 2000)
	receive(t, s, events...)
	var c Commit
	for e, err := range s.Events(t.Context(), EventFilter{State: EventPending}) {
		if err != nil {
			t.Fatal(err)
		}
		e.State = []EventState{EventApplied, EventPending, EventRefused, EventWaiting}[e.Seq%6%4]
		c.Events = append(c.Events, e)
	}
	commit(t, s, c)
	m, err := read(s)
	if err != nil {
		t.Fatal(err)
	}
	return m.events
}
