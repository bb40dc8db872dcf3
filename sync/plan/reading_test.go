package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

// at is a time in minutes, to write readings and versions with.
func at(minute int) time.Time { return epoch.Add(time.Duration(minute) * time.Minute) }

// listed is a snapshot with a version of the source, and fromFile one without.
func listed(version, read, source int, s Status, name string) Gift {
	return Gift{ID: "T-1", Name: name, Status: s, RawStatus: string(s), UpdatedAt: at(version), ReadAt: at(read), Source: source}
}

func fromFile(read int, s Status, name string) Gift {
	return Gift{ID: "T-1", Name: name, Status: s, RawStatus: string(s), UpdatedAt: at(0), Derived: true, ReadAt: at(read)}
}

// The row of one gift, read twice with the same dates: the later row is what
// HubSpot holds, whatever the letters of its texts.
func TestMergeTakesTheLaterReading(t *testing.T) {
	row := func(read int, amount, email string) Gift {
		return Gift{
			ID: "T-1", Status: Sent, UpdatedAt: at(0), ReadAt: at(read), Times: map[Status]time.Time{Sent: at(0)},
			Amount: Money{decimal.RequireFromString(amount), "USD"}, Recipient: Person{Email: email},
		}
	}
	for _, derived := range []bool{false, true} {
		first, second := row(10, "7.50", "bob@example.com"), row(20, "5.00", "ann@example.com")
		first.Derived, second.Derived = derived, derived
		for _, got := range []Gift{Merge(first, second), Merge(second, first), Merge(Merge(second, first), first)} {
			if got.Recipient.Email != "ann@example.com" || amount(got) != "5" {
				t.Errorf("derived %v: %s, %s", derived, got.Recipient.Email, amount(got))
			}
		}
	}
}

func TestMergeOfTwoKeys(t *testing.T) {
	for _, derived := range []bool{false, true} {
		first, second := listed(0, 10, 0, Sent, "A"), listed(0, 20, 1, Sent, "Z")
		first.Derived, second.Derived = derived, derived
		g := Merge(Merge(Gift{}, second), first)
		for pass := range 3 {
			// Later passes read the keys in either order, and nothing changes.
			first.ReadAt, second.ReadAt = at(30+20*pass), at(40+20*pass)
			for _, seen := range []Gift{first, second, first} {
				if after := Merge(g, seen); !SameKnowledge(g, after) {
					t.Fatalf("derived %v: a further pass changes the gift:\n%s", derived, cmp.Diff(g, after, same))
				}
			}
			if g = Merge(g, second); g.Name != "A" {
				t.Fatalf("derived %v: named %s, want what the first key says", derived, g.Name)
			}
		}
	}
	// A greater version wins, whichever key has it.
	if g := Merge(listed(0, 10, 0, Sent, "A"), listed(5, 20, 1, Scheduled, "Z")); g.Name != "Z" || g.Shown() != Scheduled {
		t.Errorf("%s, %s", g.Name, g.Shown())
	}
}

func TestMergeOfBothKinds(t *testing.T) {
	for name, tt := range map[string]struct {
		pieces []Gift
		status Status
		gift   string
	}{
		"equal versions, further first":    {[]Gift{listed(0, 10, 0, Opened, "A"), listed(0, 20, 0, Sent, "B")}, Opened, "B"},
		"equal versions and ranks":         {[]Gift{listed(0, 10, 0, Undelivered, "A"), listed(0, 20, 0, Donated, "B")}, Donated, "B"},
		"files, further first":             {[]Gift{fromFile(10, Opened, "A"), fromFile(20, Sent, "B")}, Opened, "B"},
		"files, further last":              {[]Gift{fromFile(10, Sent, "A"), fromFile(20, Opened, "B")}, Opened, "B"},
		"a file after a version":           {[]Gift{listed(0, 10, 0, Sent, "A"), fromFile(20, Opened, "B")}, Opened, "B"},
		"an old file after a version":      {[]Gift{listed(0, 10, 0, Opened, "A"), fromFile(20, Sent, "B")}, Opened, "B"},
		"a version after a file":           {[]Gift{fromFile(10, Opened, "A"), listed(20, 30, 0, Sent, "B")}, Sent, "B"},
		"a file read before the version":   {[]Gift{listed(20, 30, 0, Sent, "B"), fromFile(10, Opened, "A")}, Sent, "B"},
		"the version is read again":        {[]Gift{listed(0, 5, 0, Sent, "A"), fromFile(10, Sent, "B"), listed(0, 20, 0, Sent, "A")}, Sent, "A"},
		"a file, corrected, and a file":    {[]Gift{fromFile(10, Redeemed, "A"), listed(20, 25, 0, Sent, "B"), fromFile(30, Opened, "C")}, Opened, "C"},
		"an unknown word in a file":        {[]Gift{fromFile(10, Opened, "A"), fromFile(20, Unknown, "B")}, Opened, "B"},
		"a record rebuilt, then a file":    {[]Gift{{ID: "T-1", Name: "A", Status: Opened}, fromFile(10, Sent, "B")}, Opened, "B"},
		"a record rebuilt, then a version": {[]Gift{{ID: "T-1", Name: "A", Status: Opened}, listed(0, 10, 1, Sent, "B")}, Sent, "B"},
		"an older journal, then a key":     {[]Gift{{ID: "T-1", Name: "A", Status: Sent, UpdatedAt: at(0)}, listed(0, 10, 1, Sent, "B")}, Sent, "B"},
	} {
		want := Gift{ID: "T-1"}
		permute(tt.pieces, func(pieces []Gift) {
			want = mergeAll(pieces)
			if want.Shown() != tt.status || want.Name != tt.gift {
				t.Errorf("%s: %s of %s, want %s of %s", name, want.Shown(), want.Name, tt.status, tt.gift)
			}
		})
	}
}

// A row whose stamp lies in the future counts as of when it was read: what the
// source says next is taken.
func TestMergeThawsAFutureStamp(t *testing.T) {
	frozen := listed(0, 10, 0, Sent, "from the future")
	frozen.Derived = true
	for _, next := range []Gift{listed(20, 25, 0, Sent, "next"), listed(5, 25, 0, Sent, "next"), fromFile(25, Sent, "next")} {
		if g := Merge(frozen, next); g.Name != "next" {
			t.Errorf("still %s after version %v", g.Name, next.UpdatedAt)
		}
	}
}

func TestMergeKeepsKnownDates(t *testing.T) {
	dated := func(g Gift, times map[Status]time.Time) Gift {
		g.Times = times
		return g
	}
	for name, pieces := range map[string][]Gift{
		"versions": {
			dated(listed(0, 10, 0, Opened, "A"), map[Status]time.Time{Sent: at(-9), Opened: at(-5)}),
			dated(listed(0, 20, 0, Opened, "B"), map[Status]time.Time{Opened: at(-6)}),
		},
		"files": {
			dated(fromFile(10, Opened, "A"), map[Status]time.Time{Sent: at(-9), Opened: at(-5)}),
			dated(fromFile(20, Opened, "B"), map[Status]time.Time{Opened: at(-6)}),
		},
		"a file after a version": {
			dated(listed(0, 10, 0, Opened, "A"), map[Status]time.Time{Sent: at(-9), Opened: at(-5)}),
			dated(fromFile(20, Opened, "B"), map[Status]time.Time{Opened: at(-6)}),
		},
	} {
		permute(pieces, func(pieces []Gift) {
			want := map[Status]time.Time{Sent: at(-9), Opened: at(-6)}
			if d := cmp.Diff(want, mergeAll(pieces).ShownTimes()); d != "" {
				t.Errorf("%s: the later reading's dates should stay, and the known one:\n%s", name, d)
			}
		})
	}
}

// A reading without a version, later than all else, lowers no status.
func TestMergeReadingLowersNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := genGift("T-1").Draw(t, "gift")
		late := genSnapshot("T-1").Draw(t, "late")
		late.Derived, late.ReadAt = true, at(100)
		if was, is := g.stated().Status, Merge(g, late).stated().Status; is.Rank() < was.Rank() {
			t.Fatalf("%s became %s", was, is)
		}
		for s := range g.Times {
			if Merge(g, late).statedTime(s).IsZero() {
				t.Fatalf("the date of %s was lost", s)
			}
		}
	})
}

// The same answer, read again, changes nothing that is worth writing, and what
// it did not change it does not need to say again.
func TestSameKnowledgeOfAnEqualReading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seen := genSnapshot("T-1").Draw(t, "seen")
		g := Merge(Gift{ID: "T-1", Claims: rapid.SliceOfN(genClaim(), 0, 2).Draw(t, "claims")}, seen)
		if !seen.ReadAt.IsZero() {
			seen.ReadAt = seen.ReadAt.Add(time.Hour)
		}
		again := Merge(g, seen)
		if !SameKnowledge(g, again) || !SameKnowledge(g.Redacted(), again) || !SameKnowledge(again, g) {
			t.Fatalf("an equal reading is news:\n%s", cmp.Diff(g, again, same))
		}
		if c := Make([]Gift{seen}, map[string]Stored{"T-1": {ObjectID: "7", Gift: g.Redacted(), Mapping: Mapping}}, nil, Rules{})[0]; !c.Same {
			t.Fatal("the plan takes an equal reading for news")
		}
	})
}

// What says the same has the same properties.
func TestSameKnowledgeHasTheSameProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := genGift("T-1").Draw(t, "gift")
		after := Merge(g, genPiece("T-1").Draw(t, "piece"))
		if !SameKnowledge(g, after) {
			return
		}
		if props, reasons := (Rules{}).Diff(after, Stored{Gift: g.Redacted(), Mapping: Mapping}); len(props) > 0 {
			t.Fatalf("the same, and %v differs", reasons)
		}
	})
}

// A snapshot that says what it said before is news where it is shown now.
func TestSameKnowledgeSeesWhatIsShown(t *testing.T) {
	dated := fromFile(10, Sent, "B")
	dated.Times = map[Status]time.Time{Sent: at(-1)}
	listedDate := listed(20, 25, 0, Sent, "B")
	listedDate.Times = map[Status]time.Time{Sent: at(-2)}
	for name, tt := range map[string]struct {
		known []Gift
		again Gift
	}{
		"fields": {[]Gift{listed(0, 5, 0, Sent, "A"), fromFile(10, Sent, "B")}, listed(0, 20, 0, Sent, "A")},
		"status": {[]Gift{listed(20, 25, 0, Sent, "A"), fromFile(10, Opened, "A")}, fromFile(30, Opened, "A")},
		"word":   {[]Gift{{ID: "T-1", Status: Sent, RawStatus: "SENT", UpdatedAt: at(20), ReadAt: at(25)}, fromFile(10, Sent, "A")}, fromFile(30, Sent, "A")},
		"date":   {[]Gift{listedDate, dated}, func() Gift { g := dated; g.ReadAt = at(30); return g }()},
	} {
		g := mergeAll(tt.known)
		if after := Merge(g, tt.again); SameKnowledge(g, after) || SameKnowledge(after, g) {
			t.Errorf("%s: what is shown changes, and it is taken for the same:\n%s", name, cmp.Diff(g, after, same))
		}
	}
}

func TestSameKnowledgeSeesEachField(t *testing.T) {
	base := listed(0, 10, 0, Sent, "Tea")
	base.Times = map[Status]time.Time{Sent: at(0)}
	for name, change := range map[string]func(*Gift){
		"id":        func(g *Gift) { g.ID = "T-2" },
		"name":      func(g *Gift) { g.Name = "Coffee" },
		"message":   func(g *Gift) { g.Message = "Hello" },
		"amount":    func(g *Gift) { g.Amount.Value = decimal.NewFromInt(1) },
		"recipient": func(g *Gift) { g.Recipient.Name = "Ann" },
		"creation":  func(g *Gift) { g.CreatedAt = at(0) },
		"version":   func(g *Gift) { g.UpdatedAt = at(1) },
		"kind":      func(g *Gift) { g.Derived = true },
		"key":       func(g *Gift) { g.Source = 1 },
		"status":    func(g *Gift) { g.Status = Opened },
		"word":      func(g *Gift) { g.RawStatus = "SENT" },
		"known":     func(g *Gift) { g.Known = Opened },
		"known at":  func(g *Gift) { g.KnownAs.Version = at(1) },
		"date":      func(g *Gift) { g.Times = map[Status]time.Time{Sent: at(1)} },
		"claim":     func(g *Gift) { g.Claims = []Claim{{Opened, at(1)}} },
		"parcel":    func(g *Gift) { g.Parcel.Status = "lost" },
		"note":      func(g *Gift) { g.ThankYou.Text = "Thanks" },
		"note at":   func(g *Gift) { g.ThankYou.At = at(1) },
		"mail":      func(g *Gift) { g.Mails = []Mail{{Reminder, at(1)}} },
		"metadata":  func(g *Gift) { g.Metadata = map[string]Detail{"cost_center": {Value: "7"}} },
		"behind":    func(g *Gift) { b := fromFile(5, Sent, "Tea"); g.Behind = &b },
	} {
		other := base
		change(&other)
		if SameKnowledge(base, other) || SameKnowledge(other, base) {
			t.Errorf("%s: taken for the same", name)
		}
	}
	later := base
	later.ReadAt = at(20)
	if !SameKnowledge(base, later) {
		t.Error("a later reading is taken for news")
	}
}

func TestLowers(t *testing.T) {
	known := Merge(Gift{}, listed(10, 20, 0, Opened, "A"))
	for name, tt := range map[string]struct {
		old, seen Gift
		want      bool
	}{
		"an equal version":       {known, listed(10, 30, 0, Sent, "A"), true},
		"an older version":       {known, listed(5, 30, 0, Sent, "A"), true},
		"a newer version":        {known, listed(11, 30, 0, Sent, "A"), false},
		"a file":                 {known, fromFile(30, Sent, "A"), true},
		"a file on a file":       {Merge(Gift{}, fromFile(10, Opened, "A")), fromFile(30, Sent, "A"), true},
		"a version on a file":    {Merge(Gift{}, fromFile(10, Opened, "A")), listed(20, 30, 0, Sent, "A"), false},
		"an older one on a file": {Merge(Gift{}, fromFile(10, Opened, "A")), listed(5, 30, 0, Sent, "A"), true},
		"the same":               {known, fromFile(30, Opened, "A"), false},
		"further":                {known, fromFile(30, Redeemed, "A"), false},
		"an unknown word":        {known, fromFile(30, Unknown, "A"), false},
		"nothing known":          {Gift{}, fromFile(30, Sent, "A"), false},
	} {
		if got := Lowers(tt.old, tt.seen); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// Keys that go on saying what they say, each its own, are read pass after pass
// in any order. After two passes nothing is written any more, neither to HubSpot
// nor to the journal.
func TestPassesSettle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var keys []Gift
		for source := range rapid.IntRange(1, 3).Draw(t, "keys") {
			g := genSnapshot("T-1").Draw(t, "says")
			g.Source = source
			keys = append(keys, g)
		}
		have := Stored{ObjectID: "7", Gift: genGift("T-1").Draw(t, "known").Redacted(), Mapping: Mapping}
		for i := range keys {
			keys[i].Derived = keys[i].Derived || keys[i].UpdatedAt.IsZero()
		}
		minute := 100 // later than all versions
		for pass := range 4 {
			for _, seen := range rapid.Permutation(keys).Draw(t, "order") {
				minute++
				seen.ReadAt = at(minute)
				c := Make([]Gift{seen}, map[string]Stored{"T-1": have}, nil, Rules{})[0]
				if pass > 1 && (!c.Same || c.Action != Keep) {
					t.Fatalf("pass %d of key %d: %s %v, same %v:\n%s", pass, seen.Source, c.Action, c.Reasons, c.Same, cmp.Diff(have.Gift, c.Gift, same))
				}
				if !c.Same {
					have = c.Stored("7")
				}
			}
		}
	})
}

// TestSnapshotWithoutStatus: a snapshot that says nothing of the status, nor of when one was
// reached, changes neither, whatever other snapshots and events had said, also of a gift that was
// read back from HubSpot. Where the gift is known from events alone it is the first snapshot.
func TestSnapshotWithoutStatus(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have := genGift("T-1").Filter(func(g Gift) bool { return !g.saysNothing() || g.Behind != nil }).Draw(t, "have")
		seen := genSnapshot("T-1").Draw(t, "seen")
		seen.Times = nil
		if seen.ReadAt.IsZero() || seen.UpdatedAt.IsZero() && !seen.Derived {
			seen.ReadAt, seen.Derived = at(100), seen.UpdatedAt.IsZero()
		}
		seen = seen.WithStatusOf(have)
		got := Merge(have, seen)
		if got.Shown() != have.Shown() {
			t.Errorf("shown %s, was %s", got.Shown(), have.Shown())
		}
		if diff := cmp.Diff(have.ShownTimes(), got.ShownTimes(), same); diff != "" {
			t.Errorf("times (-was +now):\n%s", diff)
		}
		if again := Merge(got, seen.WithStatusOf(got)); !SameKnowledge(got, again) {
			t.Errorf("once more it changes the gift:\n%s", cmp.Diff(got, again, same))
		}
	})
}

// TestSnapshotWithoutStatusAfterARebuild: nor does it let the status that was read back from
// HubSpot overrule one that a file without versions has stated since.
func TestSnapshotWithoutStatusAfterARebuild(t *testing.T) {
	rebuilt := Gift{ID: "T-1", Status: Redeemed, RawStatus: "redeemed"}
	file := Gift{ID: "T-1", Status: Expired, RawStatus: "expired", Derived: true, ReadAt: at(5)}
	have := Merge(rebuilt, file)
	seen := Gift{ID: "T-1", Name: "Tea", UpdatedAt: at(5), ReadAt: at(100)}.WithStatusOf(have)
	if got := Merge(have, seen); have.Shown() != Expired || got.Shown() != Expired || got.Name != "Tea" {
		t.Errorf("%s of %q, was %s", got.Shown(), got.Name, have.Shown())
	}
}
