package plan

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// wholeGift says everything of both parties, and has another kind of snapshot
// behind it.
func wholeGift() Gift {
	g := Gift{
		ID: "T-1", Name: "Tea", Type: "Drink", Amount: Money{Currency: "USD"},
		Message: "Hello", MessageDigest: "digest", TrackingURL: "https://thnks.example/t/1",
		Sender: Person{Name: "Ann", Email: "ann@acme.example", Phone: "+1 555 0100"}, Recipient: Person{Name: "Bob", Email: "bob@globex.example"},
		Status: Sent, RawStatus: "SENT", Times: map[Status]time.Time{Sent: epoch}, UpdatedAt: epoch,
		ThankYou: Note{Text: "Thanks", At: epoch}, Metadata: map[string]Detail{"cost_center": {Value: "Bob's", At: epoch}},
	}
	behind := g
	behind.Derived, behind.ReadAt, behind.Metadata = true, epoch, nil
	g.Behind = &behind
	return g
}

// TestWithoutAPerson: of a gift only what is personal to the party goes, from both of its
// snapshots; metadata keep their names, by which their properties are blanked.
func TestWithoutAPerson(t *testing.T) {
	t.Parallel()
	of := func(parties Party) Gift {
		g := wholeGift()
		for _, g := range []*Gift{&g, g.Behind} {
			if parties != 0 {
				g.Message, g.MessageDigest = "", ""
			}
			if parties == Sender || parties == Sender|Recipient {
				g.Sender = Person{}
			}
			if parties >= Recipient {
				g.Recipient, g.TrackingURL, g.ThankYou = Person{}, "", Note{}
			}
		}
		if parties >= Recipient {
			g.Metadata = map[string]Detail{"cost_center": {At: epoch}}
		}
		return g
	}
	for _, parties := range []Party{0, Sender, Recipient, Sender | Recipient} {
		g := wholeGift()
		if d := cmp.Diff(of(parties), g.Without(parties), same); d != "" {
			t.Errorf("parties %b (-want +got):\n%s", parties, d)
		}
		if d := cmp.Diff(wholeGift(), g, same); d != "" {
			t.Errorf("parties %b: the gift itself was changed:\n%s", parties, d)
		}
	}
}

// TestBlankClearsPersonalProperties: the properties that HubSpot holds of a party are all cleared, and no
// others.
func TestBlankClearsPersonalProperties(t *testing.T) {
	t.Parallel()
	ofSender := []string{"message", "sender_email", "sender_name"}
	ofRecipient := []string{"message", "recipient_email", "recipient_name", "recipient_phone", "thank_you_note", "tracking_url"}
	for of, want := range map[Party][]string{0: nil, Sender: ofSender, Recipient: ofRecipient, Sender | Recipient: append(ofSender[1:], ofRecipient...)} {
		var got []string
		for name, value := range Blank(of) {
			if value != "" {
				t.Errorf("%s gets %q", name, value)
			}
			got = append(got, name)
		}
		slices.Sort(got)
		slices.Sort(want)
		if d := cmp.Diff(want, got, same); d != "" {
			t.Errorf("parties %b (-want +got):\n%s", of, d)
		}
	}
}

// TestHoldsPersonal: each single value counts, for its own party, in either kind
// of snapshot.
func TestHoldsPersonal(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		gift Gift
		of   Party
	}{
		"nothing personal":  {Gift{ID: "T-1", Name: "Tea", Metadata: map[string]Detail{"cost_center": {At: epoch}}}, 0},
		"sender's name":     {Gift{Sender: Person{Name: "Ann"}}, Sender},
		"sender's phone":    {Gift{Sender: Person{Phone: "1"}}, Sender},
		"recipient's email": {Gift{Recipient: Person{Email: "bob@globex.example"}}, Recipient},
		"note":              {Gift{ThankYou: Note{At: epoch}}, Recipient},
		"tracking link":     {Gift{TrackingURL: "https://thnks.example/t/1"}, Recipient},
		"metadata":          {Gift{Metadata: map[string]Detail{"a": {}, "b": {Value: "x"}}}, Recipient},
		"message":           {Gift{Message: "Hello"}, Sender | Recipient},
		"message's digest":  {Gift{MessageDigest: "digest"}, Sender | Recipient},
	} {
		for _, of := range []Party{0, Sender, Recipient, Sender | Recipient} {
			want := tt.of&of != 0
			if got := HoldsPersonal(Stored{Gift: tt.gift}, of); got != want {
				t.Errorf("%s, parties %b: %v", name, of, got)
			}
			if got := HoldsPersonal(Stored{Gift: Gift{ID: "T-1", Behind: &tt.gift}}, of); got != want {
				t.Errorf("%s behind, parties %b: %v", name, of, got)
			}
		}
	}
}

// TestEraseKeepsNothingPersonal: whatever was recorded, after an erasure nothing of
// the party is left, a recipient's entry has no contact, is no orphan and says
// since when, and all else that it is linked to stays.
func TestEraseKeepsNothingPersonal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := genStored("T-1").Draw(t, "entry")
		if rapid.Bool().Draw(t, "former") {
			s.Former = Link{Kind: Contact, ID: "99"}
		}
		of := rapid.SampledFrom([]Party{Sender, Recipient, Sender | Recipient}).Draw(t, "parties")
		got := Erase(s, of, epoch)
		if HoldsPersonal(got, of) || got.Mapping != 0 {
			t.Fatalf("kept: %+v", got)
		}
		want := s
		want.Gift, want.Mapping = s.Gift.Without(of), 0
		if of != Sender {
			want.Links = slices.DeleteFunc(slices.Clone(s.Links), func(l Link) bool { return l.Kind == Contact })
			want.Former, want.Orphan, want.Ambiguous, want.Erased = Link{}, "", false, epoch
		}
		if d := cmp.Diff(want, got, same); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
		if d := cmp.Diff(got, Erase(got, of, epoch.Add(time.Hour)), same); d != "" {
			t.Fatalf("erased again:\n%s", d)
		}
	})
}
