package plan

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestMake(t *testing.T) {
	gift := func(id string, s Status) Gift {
		return Gift{ID: id, Name: "Tea", Status: s, UpdatedAt: epoch, Recipient: Person{Email: "ann@example.com"}}
	}
	at := epoch.Add(time.Hour)
	contact := Link{Kind: Contact, ID: "101", At: epoch}
	stored := func(g Gift, links ...Link) Stored {
		return Stored{ObjectID: "70" + g.ID, Gift: g.Redacted(), Mapping: Mapping, Links: links}
	}
	deleted := stored(gift("4", Sent), contact)
	deleted.Deleted, deleted.Orphan, deleted.Ambiguous = epoch, ContactGone, true
	have := map[string]Stored{
		"2": stored(gift("2", Sent), contact),
		"3": stored(gift("3", Sent), contact),
		"4": deleted,
		"5": {ObjectID: "705", Gift: gift("5", Sent), Mapping: Mapping, Orphan: NoContact},
	}
	who := Directory{"ann@example.com": {ID: "101", Deals: []OpenDeal{{ID: "6", Stage: "won", Amount: "1000"}}}}
	want := []Gift{gift("5", Sent), gift("4", Opened), gift("3", Opened), gift("2", Sent), gift("1", Sent), gift("1", Scheduled)}

	p := Make(want, have, who, Rules{MaxDeals: 1, Now: at})
	deal := Link{Kind: Deal, ID: "6", Stage: "won", Amount: "1000", At: at}
	now := Link{Kind: Contact, ID: "101", At: at}
	wantPlan := Plan{
		{Action: Create, Gift: gift("1", Sent), Properties: Properties(gift("1", Sent)), Links: []Link{now, deal}},
		{Action: Keep, Gift: gift("2", Sent), Have: have["2"], ObjectID: "702", Same: true},
		{
			Action: Update, Gift: gift("3", Opened), Have: have["3"], ObjectID: "703",
			Properties: map[string]string{"status": "opened"}, Reasons: []string{"status sent → opened"},
		},
		{
			Action: Skip, Gift: gift("4", Opened), Have: have["4"], ObjectID: "704",
			Skipped: "deleted_in_hubspot", Orphan: ContactGone, Ambiguous: true,
		},
		{
			Action: Update, Gift: gift("5", Sent), Have: have["5"], ObjectID: "705", Same: true,
			Links: []Link{now, deal}, Reasons: []string{"contact", "deal"},
		},
	}
	if d := cmp.Diff(wantPlan, p, same); d != "" {
		t.Fatal(d)
	}

	// What the journal holds afterwards.
	for i, wantStored := range []Stored{
		{ObjectID: "701", Gift: gift("1", Sent), Mapping: Mapping, Links: []Link{now, deal}},
		have["2"],
		{ObjectID: "703", Gift: gift("3", Opened), Mapping: Mapping, Links: []Link{contact}},
		have["4"],
		{ObjectID: "705", Gift: gift("5", Sent), Mapping: Mapping, Links: []Link{now, deal}},
	} {
		if d := cmp.Diff(wantStored, p[i].Stored("70"+p[i].Gift.ID), same); d != "" {
			t.Errorf("stored of %s:\n%s", p[i].Gift.ID, d)
		}
	}
	if got := p[2].Stored("9000").ObjectID; got != "9000" {
		t.Errorf("a re-keyed record is stored as %s", got)
	}
}

func TestMakeOfALateSnapshot(t *testing.T) {
	now := Gift{ID: "T-1", Status: Opened, UpdatedAt: epoch}
	have := map[string]Stored{"T-1": {ObjectID: "7", Gift: now, Mapping: Mapping}}
	late := Gift{ID: "T-1", Status: Sent, UpdatedAt: epoch.Add(-time.Hour)}
	if c := Make([]Gift{late}, have, nil, Rules{})[0]; c.Action != Keep || c.Gift.Shown() != Opened {
		t.Errorf("%s, shown %s", c.Action, c.Gift.Shown())
	}
}

func TestStoredKeepsNoMessage(t *testing.T) {
	p := Make([]Gift{{ID: "T-1", Message: "a secret"}}, nil, nil, Rules{})
	if s := p[0].Stored("1"); s.Gift.Message != "" || s.Gift.MessageDigest != Digest("a secret") {
		t.Errorf("message %q, digest %q", s.Gift.Message, s.Gift.MessageDigest)
	}
}

func TestMakeProperties(t *testing.T) {
	ids := []string{"T-1", "T-2", "T-10"}
	rapid.Check(t, func(t *rapid.T) {
		have := make(map[string]Stored)
		var want []Gift
		for _, id := range ids {
			if rapid.Bool().Draw(t, "exists "+id) {
				s := genStored(id).Draw(t, "have "+id)
				if rapid.IntRange(0, 5).Draw(t, "deleted "+id) == 0 {
					s.Deleted = epoch
				}
				have[id] = s
			}
			want = append(want, rapid.SliceOfN(genPiece(id), 0, 3).Draw(t, "want "+id)...)
		}
		who, r := genDirectory().Draw(t, "who"), genRules().Draw(t, "rules")
		p := Make(want, have, who, r)

		shuffled := rapid.Permutation(slices.Concat(want, want[:len(want)/2])).Draw(t, "shuffled")
		if d := cmp.Diff(p, Make(shuffled, have, who, r), same); d != "" {
			t.Fatalf("order or repetition matters:\n%s", d)
		}
		if !slices.IsSortedFunc(p, func(a, b Change) int { return cmpID(a, b) }) {
			t.Fatal("not sorted by transaction id")
		}

		for _, c := range p {
			stored, exists := have[c.Gift.ID]
			wantAction := map[bool]bool{true: c.Action != Create, false: c.Action == Create}[exists]
			if !wantAction || (c.Action == Skip) != !stored.Deleted.IsZero() {
				t.Fatalf("%s although exists is %v, deleted %v", c.Action, exists, stored.Deleted)
			}
			if writes := len(c.Properties)+len(c.Links) > 0; writes != (c.Action == Create || c.Action == Update) {
				t.Fatalf("%s with %d properties and %d links", c.Action, len(c.Properties), len(c.Links))
			}
			if c.Action == Skip {
				continue
			}
			// After the change is carried out, a new plan is empty.
			after := c.Stored("7000")
			again := Make([]Gift{c.Gift}, map[string]Stored{c.Gift.ID: after}, who, r)
			if again[0].Action != Keep || again[0].Orphan != c.Orphan || again[0].Ambiguous != c.Ambiguous {
				t.Fatalf("not settled: %+v", again[0])
			}
			if d := cmp.Diff(after, again[0].Stored("7000"), same); d != "" {
				t.Fatalf("the journal would change:\n%s", d)
			}
		}
	})
}

func cmpID(a, b Change) int {
	switch {
	case a.Gift.ID < b.Gift.ID:
		return -1
	case a.Gift.ID > b.Gift.ID:
		return 1
	}
	return 0
}
