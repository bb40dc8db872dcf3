package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestDiff(t *testing.T) {
	written := Gift{
		ID: "T-1", Name: "Tea", Type: "Drinks", Message: "Hello", Status: Sent, UpdatedAt: epoch,
		Parcel: Parcel{Status: "inTransit", At: epoch}, ThankYou: Note{Text: "Thanks!", At: epoch},
	}
	have := Stored{ObjectID: "7", Gift: written.Redacted(), Mapping: Mapping}
	edit := func(change func(*Gift)) Gift {
		g := written
		change(&g)
		return g
	}
	old := have
	old.Mapping = Mapping - 1
	all := map[string]string{}
	for _, f := range fields {
		if f.value != nil {
			all[f.Name] = f.value(written)
		}
	}
	withoutText := map[string]string{}
	for k, v := range all {
		if k != "message" && k != "thank_you_note" {
			withoutText[k] = v
		}
	}
	for _, tt := range []struct {
		name    string
		want    Gift
		have    Stored
		props   map[string]string
		reasons []string
	}{
		{"nothing", written, have, nil, nil},
		{"only the digest at hand", written.Redacted(), have, nil, nil},
		{"status", edit(func(g *Gift) { g.Status = Opened }), have, map[string]string{"status": "opened"}, []string{"status sent → opened"}},
		{"cleared", edit(func(g *Gift) { g.Type = "" }), have, map[string]string{"gift_type": ""}, []string{"gift_type"}},
		{"message", edit(func(g *Gift) { g.Message = "Hallo" }), have, map[string]string{"message": "Hallo"}, []string{"message"}},
		{"message gone", edit(func(g *Gift) { g.Message = "" }), have, map[string]string{"message": ""}, []string{"message"}},
		{"message the same once clean", edit(func(g *Gift) { g.Message = "He\x00llo\r\n" }), have, nil, nil},
		{"another digest, but no text", edit(func(g *Gift) { g.Message, g.MessageDigest = "", Digest("Hallo") }), have, nil, nil},
		{"note", edit(func(g *Gift) { g.ThankYou.Text = "Merci!" }), have, map[string]string{"thank_you_note": "Merci!"}, []string{"thank_you_note"}},
		{"the same note again", edit(func(g *Gift) { g.ThankYou.At = epoch.Add(time.Hour) }), have, nil, nil},
		{"another note, but no text", edit(func(g *Gift) { g.ThankYou = Note{Digest: Digest("Merci!")} }), have, nil, nil},
		{
			"parcel", edit(func(g *Gift) { g.Parcel = Parcel{Status: "delivered", At: epoch.Add(time.Hour)} }), have,
			map[string]string{"parcel_status": "delivered", "parcel_status_date": "2026-03-14T10:30:00.000Z"},
			[]string{"parcel_status", "parcel_status_date"},
		},
		{"older mapping", written, old, all, []string{"mapping 0 → 1"}},
		{"older mapping, no text", written.Redacted(), old, withoutText, []string{"mapping 0 → 1"}},
		{
			"two, in the order of fields", edit(func(g *Gift) { g.TrackingURL, g.Name = "https://example.com", "Mate" }), have,
			map[string]string{"tracking_url": "https://example.com", "gift_name": "Mate"},
			[]string{"gift_name", "tracking_url"},
		},
	} {
		props, reasons := Rules{}.Diff(tt.want, tt.have)
		if d := cmp.Diff(tt.props, props, same); d != "" {
			t.Errorf("%s: properties:\n%s", tt.name, d)
		}
		if d := cmp.Diff(tt.reasons, reasons, same); d != "" {
			t.Errorf("%s: reasons:\n%s", tt.name, d)
		}
	}
}

// A message beyond the limit is cut once, not written again at every pass.
func TestDiffOfACutMessage(t *testing.T) {
	g := Gift{ID: "T-1", Message: strings.Repeat("a", maxText-2) + strings.Repeat("😀", 1000)}
	for name, was := range map[string]Gift{
		"journal": g.Redacted(),
		"rebuilt": {ID: "T-1", Message: Properties(g)["message"]},
	} {
		if props, _ := (Rules{}).Diff(g, Stored{Gift: was, Mapping: Mapping}); len(props) > 0 {
			t.Errorf("%s: written again", name)
		}
	}
}

func TestDiffApplied(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have := genStored("T-1").Draw(t, "have")
		want := Merge(have.Gift, genGift("T-1").Draw(t, "want"))
		portal := Properties(have.Gift)
		props, reasons := Rules{}.Diff(want, have)
		if len(props) > 0 != (len(reasons) > 0) {
			t.Fatalf("%d properties, reasons %q", len(props), reasons)
		}
		for k, v := range props {
			portal[k] = v
			if v == "" {
				delete(portal, k)
			}
		}
		wanted := Properties(want)
		for name, text := range map[string]struct{ now, digest, was string }{
			"message":        {want.Message, want.messageDigest(), have.Gift.MessageDigest},
			"thank_you_note": {want.ThankYou.Text, want.ThankYou.digest(), have.Gift.ThankYou.Digest},
		} {
			if text.now == "" {
				delete(wanted, name)
				delete(portal, name)
			}
			if text.digest == text.was {
				portal[name] = wanted[name] // the journal did not keep it, HubSpot did
			}
		}
		for k, v := range wanted {
			if portal[k] != v {
				t.Fatalf("%s: the portal would hold %q, want %q", k, portal[k], v)
			}
		}
		after := have
		after.Gift, after.Mapping = want.Redacted(), Mapping
		if again, reasons := (Rules{}).Diff(want, after); len(again) > 0 || len(reasons) > 0 {
			t.Fatalf("still differs: %v, %q", again, reasons)
		}
		for _, r := range reasons {
			name, _, _ := strings.Cut(r, " ")
			if _, written := props[name]; !written && name != "mapping" {
				t.Fatalf("reason %q names nothing that is written", r)
			}
		}
	})
}

// TestMappingOfWhatIsLeftOut: the number changes with what is left out, not with
// the order in which that is named, and shows by its last byte of which mapping it is.
func TestMappingOfWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	seen := map[int][]string{}
	for _, names := range [][]string{nil, {"message"}, {"sender_name"}, {"sender_email"}, {"message", "sender_name"}, {"messages", "ender_name"}, {"message", "sender_name", "sender_email"}} {
		got := Rules{LeaveOut: names}.Mapping()
		if had, ok := seen[got]; ok {
			t.Errorf("%q has the number of %q", names, had)
		}
		seen[got] = names
		if got < Mapping || got&0xff != Mapping || len(names) == 0 && got != Mapping || len(names) > 0 && got == Mapping {
			t.Errorf("%q has %d", names, got)
		}
		again := slices.Concat(names, names)
		slices.Reverse(again)
		if other := (Rules{LeaveOut: again}).Mapping(); other != got {
			t.Errorf("%q has %d, and in another order %d", names, got, other)
		}
	}
}
