package stats

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/sync/plan"
)

// TestWinRate compares with intervals that are published or computed by hand.
func TestWinRate(t *testing.T) {
	for _, tt := range []struct {
		won, closed     int
		rate, low, high *float64
	}{
		{0, 0, nil, nil, nil},
		{9, 9, nil, nil, nil}, // of too few to tell
		{5, 10, ptr(0.5), ptr(0.2366), ptr(0.7634)},
		{0, 10, ptr(0.0), ptr(0.0), ptr(0.2775)},
		{10, 10, ptr(1.0), ptr(0.7225), ptr(1.0)},
		{81, 263, ptr(0.308), ptr(0.2553), ptr(0.3662)}, // Newcombe 1998, table I
		{15, 148, ptr(0.1014), ptr(0.0624), ptr(0.1605)},
		{1, 29, ptr(0.0345), ptr(0.0061), ptr(0.1718)},
	} {
		want := WinRate{tt.won, tt.closed, tt.rate, tt.low, tt.high}
		if d := cmp.Diff(want, winRate(tt.won, tt.closed)); d != "" {
			t.Errorf("%d of %d:\n%s", tt.won, tt.closed, d)
		}
	}
}

// A deal counts once, however many gifts are linked to it, and its amount too.
func TestInfluencedDealsCountOnce(t *testing.T) {
	tally := NewTally(time.UTC)
	for n := range 30 {
		tally.Add(plan.Stored{
			Gift:  plan.Gift{ID: fmt.Sprint(n), Status: plan.Sent, Amount: usd("5")},
			Links: []plan.Link{{Kind: plan.Deal, ID: fmt.Sprint(n % 12)}},
		})
	}
	o := Outcomes{At: day(3, 1), Deals: map[string]Outcome{}}
	for n := range 11 {
		o.Deals[fmt.Sprint(n)] = Outcome{Closed: n > 0, Won: n > 4, Amount: plan.Money{Value: usd("100").Value, Currency: []string{"USD", "EUR"}[n%2]}}
	}
	rep, err := tally.Report(Options{Outcomes: o})
	if err != nil {
		t.Fatal(err)
	}
	want := Influenced{
		Deals: 12, Gifts: 30, Won: 6, Lost: 4, Open: 1, Unlisted: 1,
		WonValue: Amounts{"USD": "300.00", "EUR": "300.00"}, LostValue: Amounts{"USD": "200.00", "EUR": "200.00"}, OpenValue: Amounts{"USD": "100.00"},
		WinRate: WinRate{6, 10, ptr(0.6), ptr(0.3127), ptr(0.8318)},
	}
	if d := cmp.Diff(want, rep.Influenced); d != "" {
		t.Error(d)
	}
	if rep.Health.ListedAt == nil || !rep.Health.ListedAt.Equal(day(3, 1)) {
		t.Errorf("listed at %v", rep.Health.ListedAt)
	}
}
