package store

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/sync/plan"
)

func TestEventRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyEvent().Draw(t, "event")
		want.Seq = rapid.Uint64().Draw(t, "seq")
		want.Body, want.RepeatWithin = nil, 0 // neither is in the record
		want.BodyDropped = rapid.Bool().Draw(t, "dropped")
		want.Repeats, want.LastRepeat = rapid.IntRange(0, 1<<30).Draw(t, "repeats"), anyTime().Draw(t, "repeated")
		want.Size = rapid.IntRange(0, 1<<30).Draw(t, "size")
		want.State = rapid.SampledFrom(eventStates[1:]).Draw(t, "state")
		want.DuplicateOf = rapid.Uint64().Draw(t, "of")
		want.Attempts = rapid.Int().Draw(t, "attempts")
		want.ReceivedAt, want.NextTry, want.DoneAt = anyTime().Draw(t, "received"), anyTime().Draw(t, "next"), anyTime().Draw(t, "done")
		got, err := decodeEvent(seqKey(want.Seq), encodeEvent(&want))
		if diff := cmp.Diff(want, got, equal); err != nil || diff != "" {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
	})
}

// TestEventRecordStays pins a record of this release: later releases must read it,
// and skip fields that they do not know.
func TestEventRecordStays(t *testing.T) {
	e := Event{
		Seq: 7, Dialect: "d", Key: "c0ffee", Kind: "k", TransactionID: "T", Aliases: []string{"A", "B"}, Status: plan.Sent,
		At: time.Unix(1, 2).UTC(), Signed: true, ParcelStatus: "p", ParcelAt: time.Unix(8, 0).UTC(), ThankYouNote: "n", Effect: EffectClaim, Reason: "r", MessageID: "m",
		ReceivedAt: time.Unix(3, 0).UTC(), Size: 9, State: EventWaiting, DuplicateOf: 4, Attempts: 5,
		NextTry: time.Unix(6, 0).UTC(), DoneAt: time.Unix(7, 0).UTC(),
	}
	const record = "\x06\x01d" + "\x0b\x03\xc0\xff\xee" + "\x0e\x01k" + "\x12\x01T" + "\x16\x01A" + "\x16\x01B" + "\x19\x01" +
		"\x1e\x02\x02\x02" + "\x20\x01" + "\x26\x01p" + "\x2a\x01n" + "\x2e\x05claim" + "\x32\x01r" +
		"\x36\x01\x06" + "\x38\x09" + "\x3c\x02" + "\x40\x04" + "\x44\x05" + "\x4a\x01\x0c" + "\x4e\x01\x0e" + "\x52\x01\x10" + "\x6a\x01m"
	if got := string(encodeEvent(&e)); got != record {
		t.Errorf("record\n%q, want\n%q", got, record)
	}
	later := encoder(record)
	later.text(90, "redeemed")
	later.time(91, time.Unix(1, 1))
	for _, b := range []encoder{encoder(record), later} {
		got, err := decodeEvent(seqKey(7), b)
		if diff := cmp.Diff(e, got, equal); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	if _, err := decodeEvent(seqKey(7), []byte("\x3c\x63")); err == nil {
		t.Error("a state of no known number was read")
	}
}

// FuzzDecodeEvent: decoding any bytes gives an error or an event that can be
// written again.
func FuzzDecodeEvent(f *testing.F) {
	e := claim(1)
	e.State = EventPending
	f.Add(seqKey(1), encodeEvent(&e))
	f.Add([]byte{}, []byte{})
	f.Add(seqKey(2), []byte("\x3c\x02\x06\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, key, record []byte) {
		e, err := decodeEvent(key, record)
		if err != nil {
			return
		}
		if !bytes.Equal(seqKey(e.Seq), key) {
			t.Errorf("key %x came back as %d", key, e.Seq)
		}
		again, err := decodeEvent(key, encodeEvent(&e))
		if diff := cmp.Diff(e, again, equal); err != nil || diff != "" {
			t.Errorf("%v (-read +written and read):\n%s", err, diff)
		}
	})
}
