package plan

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

func TestMergeIsAJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := genGift("T-1").Draw(t, "a"), genGift("T-1").Draw(t, "b"), genGift("T-1").Draw(t, "c")
		if d := cmp.Diff(Merge(a, b), Merge(b, a), same); d != "" {
			t.Fatalf("not commutative:\n%s", d)
		}
		if d := cmp.Diff(Merge(Merge(a, b), c), Merge(a, Merge(b, c)), same); d != "" {
			t.Fatalf("not associative:\n%s", d)
		}
		ab := Merge(a, b)
		for _, part := range []Gift{ab, a, b} {
			if d := cmp.Diff(ab, Merge(ab, part), same); d != "" {
				t.Fatalf("not idempotent:\n%s", d)
			}
		}
	})
}

func TestMergeTakesPiecesInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOfN(genPiece("T-1"), 1, 6).Draw(t, "pieces")
		want := mergeAll(pieces)
		shuffled := rapid.Permutation(slices.Concat(pieces, pieces[:len(pieces)/2])).Draw(t, "shuffled")
		if d := cmp.Diff(want, mergeAll(shuffled), same); d != "" {
			t.Fatalf("the order matters:\n%s", d)
		}
	})
}

// All 5,040 orders of a gift's events and snapshots have the same result.
func TestMergeEveryOrderOfALife(t *testing.T) {
	at := func(h int) time.Time { return epoch.Add(time.Duration(h) * time.Hour) }
	pieces := []Gift{
		{ID: "T-1", Status: Scheduled, UpdatedAt: at(0), Times: map[Status]time.Time{Scheduled: at(0)}},
		{ID: "T-1", Claims: []Claim{{Sent, at(1)}}},
		{ID: "T-1", Status: Sent, UpdatedAt: at(2), Times: map[Status]time.Time{Sent: at(1)}},
		{ID: "T-1", Claims: []Claim{{Delivered, at(3)}}},
		{ID: "T-1", Claims: []Claim{{Opened, at(4)}}},
		{ID: "T-1", Status: Expired, UpdatedAt: at(5), Times: map[Status]time.Time{Expired: at(5)}},
		{ID: "T-1", Claims: []Claim{{Refunded, at(6)}}},
	}
	want := mergeAll(pieces)
	if want.Shown() != Refunded {
		t.Fatalf("shown %s, want refunded", want.Shown())
	}
	orders := 0
	permute(pieces, func(p []Gift) {
		orders++
		if got := mergeAll(p); !cmp.Equal(want, got, same) {
			t.Fatalf("another result:\n%s", cmp.Diff(want, got, same))
		}
	})
	if orders != 5040 {
		t.Fatalf("%d orders tried", orders)
	}
	wantTimes := map[Status]time.Time{Scheduled: at(0), Sent: at(1), Delivered: at(3), Opened: at(4), Expired: at(5), Refunded: at(6)}
	if d := cmp.Diff(wantTimes, want.ShownTimes()); d != "" {
		t.Error(d)
	}
}

// permute calls yield with every order of s (Heap's algorithm).
func permute(s []Gift, yield func([]Gift)) {
	var step func(k int)
	step = func(k int) {
		if k <= 1 {
			yield(s)
			return
		}
		for i := range k {
			step(k - 1)
			if k%2 == 0 {
				s[i], s[k-1] = s[k-1], s[i]
			} else {
				s[0], s[k-1] = s[k-1], s[0]
			}
		}
	}
	step(len(s))
}

func TestMergeNeverLowers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := genGift("T-1").Draw(t, "gift")
		late := Gift{ID: "T-1", Claims: rapid.SliceOfN(genClaim(), 1, 3).Draw(t, "late claims")}
		if rapid.Bool().Draw(t, "or an older snapshot") {
			late = genSnapshot("T-1").Draw(t, "older")
			_, version := g.known()
			made := g.stated().Origin.Version
			if versioned, _ := g.kinds(); versioned.saysNothing() {
				made = g.stated().Origin.ReadAt
			}
			if made.Before(version) { // also where the record was rebuilt, which any version replaces
				version = made
			}
			late.UpdatedAt, late.Derived = version.Add(-time.Minute), false
		}
		joined := Merge(g, late)
		was, is := g.Shown(), joined.Shown()
		if is.Rank() < was.Rank() {
			t.Fatalf("%s became %s", was, is)
		}
		stated, _ := g.known()
		now, _ := joined.known()
		for s := range g.ShownTimes() {
			if s == stated && now != stated && now.Rank() == stated.Rank() {
				continue // another ending, see TestMergeOfAnotherEnding
			}
			if _, kept := joined.ShownTimes()[s]; !kept {
				t.Fatalf("the time of %s was lost", s)
			}
		}
	})
}

// A file says expired, and an event too far back to count says when. The source
// that is configured first says that it was redeemed: that is shown, and the event,
// which its listing overrules as well, dates nothing.
func TestMergeOfAnotherEnding(t *testing.T) {
	at := epoch.Add(time.Hour)
	file := Gift{
		ID: "T-1", Status: Expired, Derived: true, UpdatedAt: at, ReadAt: at, Source: 1,
		Claims: []Claim{{Status: Expired, At: epoch}},
	}
	if got := file.ShownTimes(); !got[Expired].Equal(epoch) {
		t.Fatalf("the file's ending is dated %v, want %s", got, epoch)
	}
	listed := Gift{ID: "T-1", Status: Redeemed, UpdatedAt: at.Add(-time.Minute), ReadAt: epoch}
	g := Merge(file, listed)
	if got := g.Shown(); got != Redeemed {
		t.Errorf("shown is %s, want what the first source says", got)
	}
	if got := g.ShownTimes(); len(got) != 0 {
		t.Errorf("the dates are %v, want none", got)
	}
}

// A snapshot says donated, and an event before it, too far back to count, says
// when. A claim of the same rank that arrives later leaves that date.
func TestMergeKeepsTheTimeOfTheSnapshotsStatus(t *testing.T) {
	donated := epoch
	g := Gift{ID: "T-1", Status: Donated, UpdatedAt: epoch.Add(18 * time.Minute), Claims: []Claim{{Donated, donated}}}
	late := Gift{ID: "T-1", Claims: []Claim{{Redeemed, g.UpdatedAt}}}
	got := Merge(g, late)
	if got.Shown() != Redeemed {
		t.Errorf("shown %s, want redeemed", got.Shown())
	}
	if at := got.ShownTimes()[Donated]; !at.Equal(donated) {
		t.Errorf("donated at %v, want %v", at, donated)
	}
}

func TestMergeNewerSnapshotCorrects(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := genGift("T-1").Draw(t, "gift")
		newer := genSnapshot("T-1").Filter(func(g Gift) bool { return g.Status != Unknown }).Draw(t, "newer")
		newer.UpdatedAt, newer.Derived = epoch.Add(24*time.Hour), false
		got := Merge(g, newer)
		if got.Shown() != newer.Status {
			t.Fatalf("shown %s, but the newest snapshot says %s", got.Shown(), newer.Status)
		}
		for s, at := range newer.Times {
			if !got.ShownTimes()[s].Equal(at) {
				t.Fatalf("time of %s is %v, but the newest snapshot says %v", s, got.ShownTimes()[s], at)
			}
		}
	})
}

func TestMergeUnknownStatusKeepsTheRank(t *testing.T) {
	g := Gift{ID: "T-1", Status: Opened, RawStatus: "OPENED", UpdatedAt: epoch, Claims: []Claim{{Redeemed, epoch}}}
	odd := Gift{ID: "T-1", Status: Unknown, RawStatus: "IN_LIMBO", UpdatedAt: epoch.Add(time.Hour)}
	got := Merge(odd, g)
	if got.RawStatus != "IN_LIMBO" || got.Status != Unknown || got.Shown() != Redeemed {
		t.Errorf("raw %q, status %s, shown %s", got.RawStatus, got.Status, got.Shown())
	}
	// A known word in between was not the last known one before.
	between := Gift{ID: "T-1", Status: Expired, UpdatedAt: epoch.Add(30 * time.Minute)}
	if got := Merge(got, between); got.Shown() != Expired || got.RawStatus != "IN_LIMBO" {
		t.Errorf("raw %q, shown %s", got.RawStatus, got.Shown())
	}
	known := Gift{ID: "T-1", Status: Sent, UpdatedAt: epoch.Add(2 * time.Hour)}
	if got := Merge(got, known); got.Shown() != Sent || got.Known != "" || got.KnownAs != (Origin{}) {
		t.Errorf("shown %s, known %q as of %v", got.Shown(), got.Known, got.KnownAs)
	}
}

func TestMergeKeepsTimesWithTheirVersion(t *testing.T) {
	at := func(m int) time.Time { return epoch.Add(time.Duration(m) * time.Minute) }
	g := mergeAll([]Gift{
		{ID: "T-1", Status: Sent, UpdatedAt: at(10), Times: map[Status]time.Time{Sent: at(1)}},
		{ID: "T-1", Status: Sent, UpdatedAt: at(30)},
		{ID: "T-1", Status: Sent, UpdatedAt: at(20), Times: map[Status]time.Time{Sent: at(2)}},
	})
	if got := g.Times[Sent]; !got.Equal(at(2)) {
		t.Errorf("sent at %v, want what version 20 said", got)
	}
	if got := g.AsOf[Sent].Version; !got.Equal(at(20)) {
		t.Errorf("as of %v, want version 20", got)
	}
}

func TestMergeBoundsClaims(t *testing.T) {
	var g Gift
	for i := range 1000 {
		g = Merge(g, Gift{ID: "T-1", Claims: []Claim{{Opened, epoch.Add(time.Duration(i) * time.Minute)}}})
	}
	want := []Claim{{Opened, epoch}, {Opened, epoch.Add(999 * time.Minute)}}
	if d := cmp.Diff(want, g.Claims); d != "" {
		t.Error(d)
	}
}

// Snapshots of one version that differ in a single thing still have one winner.
func TestMergeTies(t *testing.T) {
	base := Gift{ID: "T-1", Status: Sent, UpdatedAt: epoch}
	for name, change := range map[string]func(*Gift){
		"status":          func(g *Gift) { g.Status = Opened },
		"raw status":      func(g *Gift) { g.RawStatus = "SENT" },
		"request":         func(g *Gift) { g.RequestID = "R-1" },
		"name":            func(g *Gift) { g.Name = "Tea" },
		"type":            func(g *Gift) { g.Type = "Drinks" },
		"currency":        func(g *Gift) { g.Amount.Currency = "USD" },
		"amount":          func(g *Gift) { g.Amount.Value = decimal.NewFromInt(7) },
		"URL":             func(g *Gift) { g.TrackingURL = "https://example.com" },
		"recipient email": func(g *Gift) { g.Recipient.Email = "ann@example.com" },
		"recipient name":  func(g *Gift) { g.Recipient.Name = "Ann" },
		"recipient phone": func(g *Gift) { g.Recipient.Phone = "+1 555 0100" },
		"sender email":    func(g *Gift) { g.Sender.Email = "bob@example.com" },
		"creation":        func(g *Gift) { g.CreatedAt = epoch },
		"message":         func(g *Gift) { g.Message = "Hello" },
	} {
		other := base
		change(&other)
		for _, got := range []Gift{Merge(base, other), Merge(other, base)} {
			if d := cmp.Diff(other, got, same); d != "" {
				t.Errorf("%s: the fuller one should win both ways:\n%s", name, d)
			}
		}
	}
	// A message with its text wins over its digest.
	full := Gift{ID: "T-1", Status: Sent, UpdatedAt: epoch, Message: "Hello"}
	for _, got := range []Gift{Merge(full, full.Redacted()), Merge(full.Redacted(), full)} {
		if got.Message != "Hello" {
			t.Error("the text of the message was lost")
		}
	}
}
