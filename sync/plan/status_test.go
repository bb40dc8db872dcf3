package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
	// The claim is old, but the snapshot agrees with it and has no date.
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
	Statuses()[0] = "changed"
	if Statuses()[0] != Scheduled {
		t.Error("a caller can change the list")
	}
}
