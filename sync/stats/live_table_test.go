package stats

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/sync/plan"
)

// compared is a report of a comparison with HubSpot, of deals and of how fresh it
// all is.
func compared() Report {
	of := func(v float64) *float64 { return &v }
	count := func(n int) *int { return &n }
	at, listed, known := day(3, 2), day(3, 1), day(2, 28)
	rep := Report{
		Portal: "acme", Filter: Filter{Sender: "ann@acme.example", Type: "Tea", Status: plan.Sent, Currency: "EUR"},
		TotalValue: Amounts{"EUR": "30.00"},
		Live: &Reconciliation{
			At: at, Calls: 3, Gifts: Sides{204, 205}, Foreign: 2,
			ByStatus: []StatusSides{{plan.Sent, 4, 4}, {plan.Opened, 1, 2}, {plan.Redeemed, 0, 1}, {plan.Expired, 3, 0}, {plan.Donated, 0, 0}},
			Value:    []ValueSides{{"EUR", "30.00", "30.00"}, {"USD", "5.00", "7.50"}},
			Missing:  12, Extra: 11, Different: 1,
		},
		Influenced: Influenced{
			Deals: 9, Won: 4, Lost: 3, Open: 2, WonValue: Amounts{"EUR": "900.00"}, LostValue: Amounts{}, OpenValue: Amounts{"EUR": "1.00"},
			WinRate: WinRate{Won: 4, Closed: 7, Rate: of(4. / 7), Low: of(.25), High: of(.84)},
		},
		Trend: &Trend{
			Period: Period{From: "2026-03-01", To: "2026-03-31"}, Before: Period{From: "2026-02-01", To: "2026-02-28"},
			Sent: Change{11, 10, of(.1)}, Redeemed: Change{1, 0, nil},
			Value: map[string]AmountChange{"EUR": {"30.00", "60.00", of(-.5)}, "USD": {"5.00", "5.00", of(0)}},
		},
		Health: Health{
			Watermark: &known, LagMinutes: count(90), Quarantined: 3, EventsWaiting: 1, CallsToday: 1200,
			CallsLimit: count(650_000), CallsLeft: count(648_800), CallsAsOf: &at, ListedAt: &listed, ListingCalls: 7,
		},
	}
	for i := range 12 {
		rep.Live.Findings = append(rep.Live.Findings, Finding{Kind: FoundMissing, TransactionID: fmt.Sprintf("M%02d", i), ObjectID: "7", Journal: "sent"})
	}
	for i := range 10 {
		rep.Live.Findings = append(rep.Live.Findings, Finding{Kind: FoundExtra, TransactionID: fmt.Sprintf("E%02d", i), ObjectID: "8", HubSpot: "sent"})
	}
	rep.Live.Findings = append(rep.Live.Findings, Finding{FoundDifferent, "D1", "9", "status", "opened\x1b[2J", "sent"})
	return rep
}

// TestTableOfAComparison: what differs is counted, and named up to ten of a kind.
func TestTableOfAComparison(t *testing.T) {
	rep := compared()
	golden(t, "compared.txt", []byte(printed(t, rep, false)))

	without := compared()
	without.Live.Foreign, without.Live.Findings, without.Live.Missing, without.Live.Extra, without.Live.Different = 0, without.Live.Findings[:1], 1, 0, 0
	without.Health.CallsLeft, without.Health.ListedAt = nil, nil
	text := printed(t, without, false)
	for _, no := range []string{"made by people", "more differences", "Deals listed", "650,000"} {
		if strings.Contains(text, no) {
			t.Errorf("%q in\n%s", no, text)
		}
	}
	if !strings.Contains(text, "HubSpot names no daily limit") {
		t.Errorf("nothing about the limit in\n%s", text)
	}
	without.Health.CallsLeft, without.Health.CallsLimit = without.Health.LagMinutes, nil
	if text := printed(t, without, false); !strings.Contains(text, "HubSpot names no daily limit") {
		t.Errorf("nothing about the limit in\n%s", text)
	}
}

// TestSumsBeyondIntegers: totals stay exact beyond what the units of a sum hold, in
// both directions, and come back to what they were.
func TestSumsBeyondIntegers(t *testing.T) {
	large := plan.Money{Value: decimal.New(9, 13), Currency: "IDR"}
	for _, sign := range []int64{1, -1} {
		m := large
		m.Value = m.Value.Mul(decimal.NewFromInt(sign))
		var s sums
		const n = 40
		for range n {
			s.add(worthOf(m), 1)
		}
		if got, want := s.of("IDR"), m.Value.Mul(decimal.NewFromInt(n)); !got.Equal(want) {
			t.Errorf("%d × %s are %s, want %s", n, m.Value, got, want)
		}
		for range n - 1 {
			s.add(worthOf(m), -1)
		}
		if got := s.of("IDR"); !got.Equal(m.Value) {
			t.Errorf("one is left: %s, want %s", got, m.Value)
		}
	}
}
