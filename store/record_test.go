package store

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/sync/plan"
)

// Generators of everything that can be in the file.

func anyTime() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			return time.Time{}
		case 1: // before 1970, and far ahead
			return time.Unix(rapid.Int64Range(-1<<36, 1<<38).Draw(t, "sec"), 0).UTC()
		case 2: // whole seconds, in another zone
			return time.Unix(rapid.Int64Range(0, 1<<32).Draw(t, "sec"), 0).In(time.FixedZone("", 3600))
		default:
			return time.Unix(rapid.Int64Range(-1<<32, 1<<32).Draw(t, "sec"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
		}
	})
}

// anyText draws texts, including those that have a shorter form in the file and
// those that only look like it.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.SampledFrom([]string{"", "0", "00", "007", "42", "18446744073709551615", "18446744073709551616", "+1", "abcd", "ABCD", "abc", "redeemed", "Redeemed", "contact", "\x00", "\xff"}),
		rapid.StringMatching(`[0-9]{1,22}`),
		rapid.StringMatching(`([0-9a-f]{2}){1,20}`),
	)
}

func anyStatus() *rapid.Generator[plan.Status] {
	return rapid.Custom(func(t *rapid.T) plan.Status { return plan.Status(anyText().Draw(t, "status")) })
}

func anyOrigin() *rapid.Generator[plan.Origin] {
	return rapid.Custom(func(t *rapid.T) plan.Origin {
		return plan.Origin{Version: anyTime().Draw(t, "version"), ReadAt: anyTime().Draw(t, "read"), Source: rapid.IntRange(0, 300).Draw(t, "source")}
	})
}

func anyStored(id *rapid.Generator[string]) *rapid.Generator[plan.Stored] {
	text, when := anyText(), anyTime()
	return rapid.Custom(func(t *rapid.T) plan.Stored {
		person := func(label string) plan.Person {
			return plan.Person{Name: text.Draw(t, label), Email: text.Draw(t, label), Phone: text.Draw(t, label)}
		}
		known, knownAs := plan.Status(""), plan.Origin{}
		if rapid.Bool().Draw(t, "unknown now") {
			known, knownAs = plan.Opened, anyOrigin().Draw(t, "known as of")
		}
		var behind *plan.Gift
		if rapid.IntRange(0, 4).Draw(t, "both kinds") == 0 {
			behind = &plan.Gift{
				Name: text.Draw(t, "name"), Message: text.Draw(t, "message"), Recipient: person("recipient"), Status: anyStatus().Draw(t, "status"),
				UpdatedAt: when.Draw(t, "updated"), ReadAt: when.Draw(t, "read"), Derived: true,
			}
		}
		return plan.Stored{
			ObjectID: rapid.StringMatching(`[1-9][0-9]{0,3}|0[0-9]|x`).Draw(t, "object"),
			Mapping:  rapid.IntRange(0, 1000).Draw(t, "mapping"),
			Links: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) plan.Link {
				return plan.Link{
					Kind:   plan.Kind(rapid.OneOf(text, rapid.Just(string(plan.Contact))).Draw(t, "kind")),
					ID:     text.Draw(t, "id"),
					Stage:  text.Draw(t, "stage"),
					Amount: text.Draw(t, "amount"),
					At:     when.Draw(t, "at"),

					Found:   rapid.Bool().Draw(t, "found"),
					Refused: rapid.Bool().Draw(t, "refused"),
				}
			}), 0, 4).Draw(t, "links"),
			Former:    plan.Link{Kind: plan.Contact, ID: rapid.SampledFrom([]string{"", "77"}).Draw(t, "former")},
			Orphan:    rapid.SampledFrom([]plan.Orphan{"", plan.NoEmail, plan.NoContact, "another"}).Draw(t, "orphan"),
			Ambiguous: rapid.Bool().Draw(t, "ambiguous"),
			Deleted:   when.Draw(t, "deleted"),
			Gone:      when.Draw(t, "gone"),
			Gift: plan.Gift{
				ID:            id.Draw(t, "id"),
				RequestID:     text.Draw(t, "request"),
				Name:          text.Draw(t, "name"),
				Type:          text.Draw(t, "type"),
				Amount:        plan.Money{Value: decimal.New(rapid.Int64().Draw(t, "value"), rapid.Int32Range(-20, 20).Draw(t, "exponent")), Currency: text.Draw(t, "currency")},
				Message:       text.Draw(t, "message"),
				MessageDigest: text.Draw(t, "digest"),
				TrackingURL:   text.Draw(t, "url"),
				Sender:        person("sender"),
				Recipient:     person("recipient"),
				Status:        anyStatus().Draw(t, "status"),
				RawStatus:     text.Draw(t, "raw"),
				Times:         rapid.MapOfN(anyStatus(), when, 0, 5).Draw(t, "times"),
				AsOf:          rapid.MapOfN(anyStatus(), anyOrigin(), 0, 2).Draw(t, "as of"),
				Known:         known,
				KnownAs:       knownAs,
				StatusAsOf:    anyOrigin().Draw(t, "status as of"),
				Derived:       rapid.Bool().Draw(t, "derived"),
				ReadAt:        when.Draw(t, "read"),
				Source:        rapid.IntRange(0, 300).Draw(t, "source"),
				Lesser: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) plan.Reading {
					return plan.Reading{Status: anyStatus().Draw(t, "status"), RawStatus: text.Draw(t, "raw"), Origin: anyOrigin().Draw(t, "origin")}
				}), 0, 2).Draw(t, "lesser"),
				Behind: behind,
				Metadata: rapid.MapOfN(text, rapid.Custom(func(t *rapid.T) plan.Detail {
					return plan.Detail{Value: text.Draw(t, "value"), At: when.Draw(t, "at")}
				}), 0, 2).Draw(t, "metadata"),
				Mails: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) plan.Mail {
					return plan.Mail{Kind: plan.MailKind(text.Draw(t, "kind")), At: when.Draw(t, "at")}
				}), 0, 3).Draw(t, "mails"),
				Parcel:    plan.Parcel{Status: text.Draw(t, "parcel"), At: when.Draw(t, "parcel at"), EventAt: when.Draw(t, "parcel event")},
				ThankYou:  plan.Note{Text: text.Draw(t, "note"), Digest: text.Draw(t, "note digest"), At: when.Draw(t, "note at")},
				CreatedAt: when.Draw(t, "created"),
				UpdatedAt: when.Draw(t, "updated"),
				Claims: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) plan.Claim {
					return plan.Claim{Status: anyStatus().Draw(t, "status"), At: when.Draw(t, "at")}
				}), 0, 3).Draw(t, "claims"),
			},
		}
	})
}

func TestGiftRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := anyStored(rapid.StringN(1, 20, 100)).Draw(t, "stored")
		got, err := decodeGift(st.Gift.ID, encodeGift(st))
		if err != nil {
			t.Fatal(err)
		}
		want := st
		want.Gift = st.Gift.Redacted()
		if diff := cmp.Diff(want, got, equal); diff != "" {
			t.Fatalf("gift changed (-want +got):\n%s", diff)
		}
		if got.Gift.UpdatedAt.Location() != time.UTC {
			t.Fatalf("time came back in %v", got.Gift.UpdatedAt.Location())
		}
	})
}

// TestGiftRecordIsStable: equal gifts have equal records, whatever the order of
// their maps. Otherwise an unchanged gift would be written again.
func TestGiftRecordIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := anyStored(rapid.Just("T")).Draw(t, "stored")
		if !bytes.Equal(encodeGift(st), encodeGift(st)) {
			t.Fatal("two records of one gift differ")
		}
	})
}

// TestGiftRecordKeepsNoMessage looks for the text of a message in the record.
func TestGiftRecordKeepsNoMessage(t *testing.T) {
	st := plan.Stored{ObjectID: "1", Gift: plan.Gift{ID: "T", Message: "for your eyes only", ThankYou: plan.Note{Text: "from my eyes"}}}
	b := encodeGift(st)
	if bytes.Contains(b, []byte("eyes")) {
		t.Error("the message stands in the record")
	}
	got, err := decodeGift("T", b)
	if err != nil || got.Gift.MessageDigest != plan.Digest("for your eyes only") || got.Gift.ThankYou.Digest != plan.Digest("from my eyes") {
		t.Errorf("digests %q, %q, %v", got.Gift.MessageDigest, got.Gift.ThankYou.Digest, err)
	}
}

// TestGiftRecordGrows: a field of a later release is passed over, in the gift
// and in the records within it.
func TestGiftRecordGrows(t *testing.T) {
	e := encoder(encodeGift(plan.Stored{ObjectID: "1"}))
	inner := encodeLink(plan.Link{Kind: plan.Contact, ID: "7"})
	for _, f := range []*encoder{&inner, &e} {
		f.text(90, "redeemed")
		f.text(91, "some text")
		f.number(92, 12)
		f.text(93, "abcdef")
		f.time(94, time.Unix(1, 1))
	}
	e.record(giftLink, inner)
	e.text(giftName, "Coffee")
	got, err := decodeGift("T", e)
	if err != nil {
		t.Fatal(err)
	}
	want := plan.Stored{ObjectID: "1", Links: []plan.Link{{Kind: plan.Contact, ID: "7"}}, Gift: plan.Gift{ID: "T", Name: "Coffee"}}
	if diff := cmp.Diff(want, got, equal); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestGiftRecordStays pins records of this release: later ones must read them.
func TestGiftRecordStays(t *testing.T) {
	st := plan.Stored{
		ObjectID: "17", Mapping: 1, Orphan: plan.NoContact,
		Links: []plan.Link{{Kind: plan.Deal, ID: "5", Stage: "open", Amount: "1.5", At: time.Unix(1, 2).UTC()}},
		Gift: plan.Gift{
			ID: "T", Name: "Tea", MessageDigest: "c0ffee", Status: plan.Sent,
			Times:    map[plan.Status]time.Time{plan.Sent: time.Unix(3, 0).UTC()},
			Parcel:   plan.Parcel{Status: "lost", At: time.Unix(4, 0).UTC()},
			ThankYou: plan.Note{Digest: "decaf0", At: time.Unix(5, 0).UTC()},
		},
	}
	const record = "\x04\x11" + "\x08\x01" +
		"\x0e\x13" + "\x05\x0c\x08\x05\x0e\x04open\x12\x031.5\x16\x02\x02\x02" +
		"\x11\x0f" + "\x26\x03Tea" + "\x37\x03\xc0\xff\xee" + "\x55\x01" + "\x5e\x05\x05\x01\x0a\x01\x06" +
		"\x76\x09\x06\x04lost\x0a\x01\x08" + "\x7a\x08\x07\x03\xde\xca\xf0\x0a\x01\x0a"
	if got := string(encodeGift(st)); got != record {
		t.Errorf("record\n%q, want\n%q", got, record)
	}
	got, err := decodeGift("T", []byte(record))
	if diff := cmp.Diff(st, got, equal); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// FuzzDecodeGift: whatever the bytes, decoding ends, with a gift or an error.
func FuzzDecodeGift(f *testing.F) {
	f.Add([]byte{})
	f.Add(encodeGift(plan.Stored{ObjectID: "1", Links: []plan.Link{{Kind: plan.Deal, ID: "5", At: time.Unix(1, 2)}}}))
	f.Add([]byte("\x06\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		st, err := decodeGift("T", b)
		if err != nil {
			return
		}
		if _, err := decodeGift("T", encodeGift(st)); err != nil {
			t.Errorf("a gift that was read cannot be read again: %v", err)
		}
	})
}

func TestCheckpointRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, when := rapid.String(), anyTime()
		want := Checkpoint{
			Watermarks: rapid.MapOfN(text, when, 0, 3).Draw(t, "watermarks"),
			Since:      when.Draw(t, "since"),
			Source:     text.Draw(t, "source"),
			Cursor:     text.Draw(t, "cursor"),
			Done:       rapid.SliceOfN(text, 1, 3).Draw(t, "done"),
			Started:    when.Draw(t, "started"),
			Finished:   when.Draw(t, "finished"),
		}
		b, err := encodeCheckpoint(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeCheckpoint(b)
		if diff := cmp.Diff(want, got, equal); err != nil || diff != "" {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
	})
}

func TestQuarantinedRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, when := rapid.String(), anyTime()
		want := Quarantined{
			Key:           text.Draw(t, "key"),
			TransactionID: text.Draw(t, "id"),
			Class:         text.Draw(t, "class"),
			Reason:        text.Draw(t, "reason"),
			CorrelationID: text.Draw(t, "correlation"),
			Attempts:      rapid.IntRange(0, 1000).Draw(t, "attempts"),
			First:         when.Draw(t, "first"),
			Last:          when.Draw(t, "last"),
			RowDigest:     text.Draw(t, "digest"),
			Row:           json.RawMessage(rapid.SliceOf(rapid.Byte()).Draw(t, "row")),
			Source:        text.Draw(t, "source"),
			GiftName:      text.Draw(t, "gift"),
			Date:          when.Draw(t, "date"),
		}
		b, err := encodeQuarantined(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeQuarantined(want.Key, b)
		if diff := cmp.Diff(want, got, equal); err != nil || diff != "" {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
	})
}

func TestAuditRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		want := AuditEntry{
			Seq:            rapid.Uint64().Draw(t, "seq"),
			At:             anyTime().Draw(t, "at"),
			Run:            text.Draw(t, "run"),
			Action:         text.Draw(t, "action"),
			Method:         text.Draw(t, "method"),
			Path:           text.Draw(t, "path"),
			Status:         rapid.IntRange(0, 599).Draw(t, "status"),
			CorrelationID:  text.Draw(t, "correlation"),
			TransactionIDs: rapid.SliceOfN(text, 0, 3).Draw(t, "ids"),
			Reasons:        rapid.SliceOfN(text, 0, 3).Draw(t, "reasons"),
		}
		b, err := encodeAudit(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeAudit(seqKey(want.Seq), b)
		if diff := cmp.Diff(want, got, equal); err != nil || diff != "" {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
	})
}

// TestUnsealRejectsChanges flips every bit of a sealed value and of its key.
func TestUnsealRejectsChanges(t *testing.T) {
	key := []byte("T-1")
	value := []byte(strings.Repeat("value ", 20))
	sealed := seal(key, value)
	if got, err := unseal(key, sealed); err != nil || !bytes.Equal(got, value) {
		t.Fatalf("untouched: %q, %v", got, err)
	}
	for _, part := range [][]byte{key, sealed} {
		for bit := range len(part) * 8 {
			part[bit/8] ^= 1 << (bit % 8)
			if _, err := unseal(key, sealed); err == nil {
				t.Errorf("flipped bit %d was not noticed", bit)
			}
			part[bit/8] ^= 1 << (bit % 8)
		}
	}
	for n := range len(sealed) {
		if _, err := unseal(key, sealed[:n]); err == nil {
			t.Errorf("a cut to %d bytes was not noticed", n)
		}
	}
}

// TestBriefGifts: a brief gift is the whole one without some fields, and has the
// same status and times.
func TestBriefGifts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := anyStored(rapid.Just("T-1")).Draw(t, "gift")
		got, err := newBriefDecoder().gift([]byte("T-1"), encodeGift(st))
		if err != nil {
			t.Fatal(err)
		}
		whole, err := decodeGift("T-1", encodeGift(st))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(briefly(whole), got, equal); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		if g := got.Gift; g.Recipient != (plan.Person{}) || g.TrackingURL != "" || g.MessageDigest != "" || got.ObjectID != "" {
			t.Fatalf("it is not brief: %+v", g)
		}
		if diff := cmp.Diff(whole.Gift.ShownTimes(), got.Gift.ShownTimes()); diff != "" || whole.Gift.Shown() != got.Gift.Shown() {
			t.Fatalf("shown as %s instead of %s\n%s", got.Gift.Shown(), whole.Gift.Shown(), diff)
		}
	})
}
