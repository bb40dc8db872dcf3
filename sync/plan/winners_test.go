package plan

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// TestMergeLatestStays: of parcels and thank-you notes the latest stays, whichever
// came first; of one time the greater text.
func TestMergeLatestStays(t *testing.T) {
	at := func(m int) time.Time { return epoch.Add(time.Duration(m) * time.Minute) }
	for _, tt := range []struct {
		name        string
		lost, stays Gift
	}{
		{"a later parcel", Gift{Parcel: Parcel{Status: "shipped", At: at(1)}}, Gift{Parcel: Parcel{Status: "lost", At: at(2)}}},
		{"a parcel of the same time", Gift{Parcel: Parcel{Status: "lost", At: at(1)}}, Gift{Parcel: Parcel{Status: "shipped", At: at(1)}}},
		{"a parcel of a day", Gift{Parcel: Parcel{Status: "outForDelivery", At: at(5)}}, Gift{Parcel: Parcel{Status: "delivered", At: at(1), EventAt: at(6)}}},
		{"two parcels of a day", Gift{Parcel: Parcel{Status: "shipped", At: at(1), EventAt: at(5)}}, Gift{Parcel: Parcel{Status: "delivered", At: at(1), EventAt: at(6)}}},
		{"a parcel or none", Gift{}, Gift{Parcel: Parcel{Status: "shipped", At: at(1)}}},
		{"a later note", Gift{ThankYou: Note{Text: "Thanks", At: at(1)}}, Gift{ThankYou: Note{Text: "Hi", At: at(2)}}},
		{"a note or none", Gift{}, Gift{ThankYou: Note{Text: "Thanks", At: at(1)}}},
	} {
		tt.lost.ID, tt.stays.ID = "T-1", "T-1"
		for _, got := range []Gift{Merge(tt.lost, tt.stays), Merge(tt.stays, tt.lost), Merge(tt.stays, tt.stays)} {
			if got.Parcel != tt.stays.Parcel || got.ThankYou != tt.stays.ThankYou {
				t.Errorf("%s: %v and %v stay", tt.name, got.Parcel, got.ThankYou)
			}
		}
	}
}

// TestOneReading: of two rows of one reading the one that has a version is shown.
func TestOneReading(t *testing.T) {
	versioned := Gift{ID: "T-1", Name: "Tea", Status: Sent, UpdatedAt: epoch, ReadAt: epoch.Add(time.Hour)}
	derived := Gift{ID: "T-1", Name: "Coffee", Status: Sent, Derived: true, UpdatedAt: epoch, ReadAt: epoch.Add(time.Hour)}
	for _, got := range []Gift{Merge(versioned, derived), Merge(derived, versioned)} {
		if got.Name != "Tea" {
			t.Errorf("the gift is %s", got.Name)
		}
	}
	derived.ReadAt = derived.ReadAt.Add(time.Second)
	if got := Merge(versioned, derived); got.Name != "Coffee" {
		t.Errorf("read later, the gift is %s", got.Name)
	}
}

// TestLesserStatuses: behind the furthest status only those stay that were read
// later, and whose words are known.
func TestLesserStatuses(t *testing.T) {
	row := func(s Status, minutes int) Gift {
		return Gift{ID: "T-1", Status: s, RawStatus: string(s), Derived: true, UpdatedAt: epoch, ReadAt: epoch.Add(time.Duration(minutes) * time.Minute)}
	}
	if got := Merge(row(Redeemed, 2), row(Sent, 1)); got.Lesser != nil {
		t.Errorf("of an earlier reading %v stays", got.Lesser)
	}
	if got := Merge(row(Redeemed, 1), row(Sent, 2)); len(got.Lesser) != 1 || got.Lesser[0].Status != Sent {
		t.Errorf("of a later reading %v stays", got.Lesser)
	}
	if got := Merge(row(Redeemed, 1), row(Unknown, 2)); len(got.Lesser) != 0 {
		t.Errorf("of a word that is not known %v stays", got.Lesser)
	}
}

// TestClaimsAreOlderThanTheVersion: where the status is that of a row without a
// version, claims are still judged by the version that is known.
func TestClaimsAreOlderThanTheVersion(t *testing.T) {
	version := epoch.Add(24 * time.Hour)
	g := Merge(
		Gift{ID: "T-1", Status: Sent, UpdatedAt: version, ReadAt: version.Add(time.Minute)},
		Gift{ID: "T-1", Status: Redeemed, Derived: true, UpdatedAt: epoch, ReadAt: version.Add(time.Hour), Source: 1},
	)
	g.Claims = []Claim{{Refunded, version.Add(-time.Hour)}}
	if got := g.Shown(); got != Redeemed {
		t.Errorf("shown is %s, and the claim is older than the version", got)
	}
	g.Claims = []Claim{{Refunded, version.Add(-time.Minute)}}
	if got := g.Shown(); got != Refunded {
		t.Errorf("shown is %s, and the claim is as old as the version, almost", got)
	}
}

// TestShownOfOneRank: of statuses of one rank, reached at one time, redeemed is
// shown before donated, this before expired, and undelivered last; a later one before
// all of them.
func TestShownOfOneRank(t *testing.T) {
	for i, first := range precedence {
		for _, second := range precedence[i+1:] {
			for _, claims := range [][]Claim{{{first, epoch}, {second, epoch}}, {{second, epoch}, {first, epoch}}} {
				if got := (Gift{Claims: claims}).Shown(); got != first {
					t.Errorf("of %s and %s at one time %s is shown", first, second, got)
				}
			}
			snapshot := Gift{Status: second, UpdatedAt: epoch, Times: map[Status]time.Time{second: epoch}, Claims: []Claim{{first, epoch}}}
			if got := snapshot.Shown(); got != first {
				t.Errorf("of a snapshot's %s and a claim of %s at one time %s is shown", second, first, got)
			}
			snapshot.Claims[0].At = epoch.Add(-time.Second)
			if got := snapshot.Shown(); got != second {
				t.Errorf("of a snapshot's %s and an earlier claim of %s %s is shown", second, first, got)
			}
		}
	}
}

// TestSentWithin: the period's last moment belongs to it.
func TestSentWithin(t *testing.T) {
	r := Rules{Now: epoch, Lookback: time.Hour}
	for ago, want := range map[time.Duration]bool{time.Hour: true, time.Hour + 1: false, 0: true} {
		if got := SentWithin(Gift{Times: map[Status]time.Time{Sent: epoch.Add(-ago)}}, r); got != want {
			t.Errorf("sent %s ago: %t", ago, got)
		}
		if got := SentWithin(Gift{CreatedAt: epoch.Add(-ago)}, r); got != want {
			t.Errorf("made %s ago: %t", ago, got)
		}
	}
	if SentWithin(Gift{}, r) {
		t.Error("a gift without a date was sent lately")
	}
}

// TestLookable: an address that is none cannot become a contact's.
func TestLookable(t *testing.T) {
	for o, want := range map[Orphan]bool{NoContact: true, ContactGone: true, NoEmail: false, BadEmail: false, "": false} {
		if o.Lookable() != want {
			t.Errorf("%q: %t", o, !want)
		}
	}
}

// TestCutWithinACluster: a single user-perceived character that is too long is cut
// between two runes, and no longer than there is room for.
func TestCutWithinACluster(t *testing.T) {
	for _, letter := range []string{"e", "é", "ẽ", "𝐞"} { // of one byte to four
		s := letter + strings.Repeat("\u20dd", maxText)
		got := cut(s)
		if len(got) > maxText || !utf8.ValidString(got) || !strings.HasSuffix(got, ellipsis) {
			t.Errorf("%s: %d bytes of %d, valid: %t", letter, len(got), maxText, utf8.ValidString(got))
		}
	}
}
