package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestShown(t *testing.T) {
	at := func(m int) time.Time { return epoch.Add(time.Duration(m) * time.Minute) }
	snapshot := func(s Status, version int, claims ...Claim) Gift {
		return Gift{Status: s, UpdatedAt: at(version), Claims: claims}
	}
	for _, tt := range []struct {
		name string
		gift Gift
		want Status
	}{
		{"nothing known", Gift{}, Unknown},
		{"snapshot alone", snapshot(Delivered, 0), Delivered},
		{"a claim raises", snapshot(Sent, 0, Claim{Opened, at(1)}), Opened},
		{"a claim never lowers", snapshot(Opened, 0, Claim{Sent, at(1)}), Opened},
		{"a claim 15 minutes older counts", snapshot(Sent, 15, Claim{Opened, at(0)}), Opened},
		{"an older one does not", snapshot(Sent, 16, Claim{Opened, at(0)}), Sent},
		{"an unknown claim is nothing", snapshot(Sent, 0, Claim{Unknown, at(9)}), Sent},
		{"an unknown snapshot overrules nothing", snapshot(Unknown, 60, Claim{Opened, at(0)}), Opened},
		{"refunded follows expired", snapshot(Expired, 0, Claim{Refunded, at(1)}), Refunded},
		{"refunded follows redeemed", snapshot(Refunded, 0, Claim{Redeemed, at(1)}), Refunded},
		{"of one rank the later", snapshot(Redeemed, 0, Claim{Expired, at(1)}), Expired},
		{"of one rank and time the first in line", snapshot(Expired, 0, Claim{Redeemed, at(0)}, Claim{Undelivered, at(0)}), Redeemed},
		{"a snapshot's own time beats its version", Gift{
			Status: Expired, UpdatedAt: at(9), Times: map[Status]time.Time{Expired: at(1)},
			Claims: []Claim{{Redeemed, at(5)}},
		}, Redeemed},
	} {
		if got := tt.gift.Shown(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestShownTimes(t *testing.T) {
	at := func(m int) time.Time { return epoch.Add(time.Duration(m) * time.Minute) }
	g := Gift{
		Status: Delivered, UpdatedAt: at(60),
		Times: map[Status]time.Time{Delivered: at(50)},
		Claims: []Claim{
			{Sent, at(1)},       // older than the snapshot, but the gift has passed it
			{Redeemed, at(2)},   // overruled by the snapshot: no date
			{Delivered, at(48)}, // the snapshot knows better
			{Opened, at(55)},
			{Opened, at(58)}, // opened again
		},
	}
	want := map[Status]time.Time{Sent: at(1), Delivered: at(50), Opened: at(55)}
	if d := cmp.Diff(want, g.ShownTimes()); d != "" {
		t.Error(d)
	}
	// The claim is old, but the snapshot agrees with it and tells no time.
	g = Gift{Status: Sent, UpdatedAt: at(60), Claims: []Claim{{Sent, at(1)}}}
	if got := g.ShownTimes()[Sent]; !got.Equal(at(1)) {
		t.Errorf("sent at %v", got)
	}
}

func TestStatuses(t *testing.T) {
	for _, s := range Statuses() {
		if got := ParseStatus(" " + s.label() + " "); got != s {
			t.Errorf("%q parsed as %s", s.label(), got)
		}
		if (s.Rank() == 0) != (s == Unknown) {
			t.Errorf("rank of %s is %d", s, s.Rank())
		}
	}
	for _, word := range []string{"", "in transit", "sent!"} {
		if got := ParseStatus(word); got != Unknown {
			t.Errorf("%q parsed as %s", word, got)
		}
	}
	Statuses()[0] = "spoilt"
	if Statuses()[0] != Scheduled {
		t.Error("a caller can change the list")
	}
}

func TestSettled(t *testing.T) {
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 12, 0, 0, 0, time.UTC) }
	sent := map[Status]time.Time{Sent: day(2026, 2, 15)}
	expired := map[Status]time.Time{Sent: day(2026, 2, 15), Expired: day(2026, 3, 15)}
	opened := map[Status]time.Time{Sent: day(2026, 2, 15), Opened: day(2026, 2, 16), Expired: day(2027, 2, 16)}
	for _, tt := range []struct {
		name string
		gift Gift
		now  time.Time
		want bool
	}{
		{"redeemed", Gift{Status: Redeemed, Times: sent}, day(2026, 2, 16), true},
		{"donated", Gift{Status: Donated, Times: sent}, day(2026, 2, 16), true},
		{"refunded", Gift{Status: Refunded, Times: sent}, day(2026, 2, 16), true},
		{"opened", Gift{Status: Opened, Times: sent}, day(2026, 12, 1), false},
		{"opened, 401 days ago", Gift{Status: Opened, Times: sent}, day(2027, 3, 23), true},
		{"created long before it was sent", Gift{Status: Sent, Times: sent, CreatedAt: day(2025, 1, 1)}, day(2026, 12, 1), false},
		{"of unknown age", Gift{Status: Sent}, day(2040, 1, 1), false},
		{"expired, before the refund run", Gift{Status: Expired, Times: expired}, day(2026, 4, 10), false},
		{"expired, refund run past", Gift{Status: Expired, Times: expired}, day(2026, 4, 15), true},
		{"expired on the eve of a run", Gift{Status: Expired, Times: map[Status]time.Time{Expired: day(2026, 12, 9)}}, day(2026, 12, 31), false},
		{"expired in December, past January's run", Gift{Status: Expired, Times: map[Status]time.Time{Expired: day(2026, 12, 9)}}, day(2027, 1, 16), true},
		{"expired at a time not told", Gift{Status: Expired, UpdatedAt: day(2026, 3, 15)}, day(2026, 4, 16), true},
		{"expired once opened", Gift{Status: Expired, Times: opened}, day(2027, 2, 17), true},
		{"opened, undelivered, before the refund run", Gift{Status: Undelivered, Times: map[Status]time.Time{Opened: day(2026, 3, 14), Undelivered: day(2026, 3, 15)}}, day(2026, 3, 16), false},
		{"undelivered, before the refund run", Gift{Status: Undelivered, UpdatedAt: day(2026, 3, 15)}, day(2026, 3, 16), false},
	} {
		if got := Settled(tt.gift, tt.now); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestSettledStaysSettled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := genGift("T-1").Draw(t, "gift")
		now := epoch.Add(time.Duration(rapid.IntRange(-10, 500).Draw(t, "day")) * 24 * time.Hour)
		later := now.Add(time.Duration(rapid.Int64Range(0, int64(1000*24*time.Hour)).Draw(t, "wait")))
		if Settled(g, now) && !Settled(g, later) {
			t.Fatalf("settled at %v, not at %v", now, later)
		}
		// Of every age, a gift settles in the end.
		if !g.CreatedAt.IsZero() && !Settled(g, epoch.AddDate(2, 0, 0)) {
			t.Fatal("never settles")
		}
	})
}
