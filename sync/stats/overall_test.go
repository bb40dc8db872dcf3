package stats

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// TestOverallIsOfAllGifts: what portals have together is what one portal with all
// their gifts would have.
func TestOverallIsOfAllGifts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lists := rapid.SliceOfN(rapid.SliceOfN(genCourse(), 0, 10), 1, 4).Draw(t, "portals")
		o := Options{Now: day(3, 1)}
		var reports []Report
		for _, list := range lists {
			rep, err := Compute(records(list), o)
			if err != nil {
				t.Fatal(err)
			}
			rep.Influenced = Influenced{} // deals of different accounts are different ones
			reports = append(reports, rep)
		}
		whole, err := Compute(records(slices.Concat(lists...)), o)
		if err != nil {
			t.Fatal(err)
		}
		whole.Influenced = Influenced{}
		got, err := Over(reports)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Over([]Report{whole})
		if err != nil {
			t.Fatal(err)
		}
		want.Portals = len(lists)
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("(-one portal +together):\n%s", d)
		}
		if whole.TotalSent != got.TotalSent || whole.Redeemed != got.Redeemed || whole.Eligible != got.Eligible || whole.Donated != got.Donated {
			t.Fatalf("the report of all says %d, %d, %d, %d, and together %d, %d, %d, %d", whole.TotalSent, whole.Redeemed, whole.Eligible, whole.Donated, got.TotalSent, got.Redeemed, got.Eligible, got.Donated)
		}
		if d := cmp.Diff(whole.ByCurrency, got.ByCurrency, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("money (-one portal +together):\n%s", d)
		}
		if d := cmp.Diff(whole.MoneyAtRisk, got.MoneyAtRisk, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("risk (-one portal +together):\n%s", d)
		}
		if d := cmp.Diff(whole.Match, got.Match); d != "" {
			t.Fatalf("match (-one portal +together):\n%s", d)
		}
		if d := cmp.Diff(whole.Funnel, got.Funnel); d != "" {
			t.Fatalf("funnel (-one portal +together):\n%s", d)
		}
	})
}

// TestOverallDeals: deals, their amounts and the work that waits add up, and win
// rates are those of the sums.
func TestOverallDeals(t *testing.T) {
	t.Parallel()
	one := Report{
		Influenced: Influenced{Deals: 9, Gifts: 10, Won: 6, Lost: 2, Open: 1, WonValue: Amounts{"USD": "10.50"}, LostValue: Amounts{"EUR": "1.00"}, WithoutGifts: WinRate{Won: 3, Closed: 6}},
		Health:     Health{Quarantined: 1, EventsWaiting: 2, CallsToday: 30},
	}
	two := Report{
		Influenced: Influenced{Deals: 4, Gifts: 4, Won: 3, Unlisted: 1, WonValue: Amounts{"USD": "0.75", "JPY": "300"}, OpenValue: Amounts{"USD": "2.00"}, WithoutGifts: WinRate{Won: 1, Closed: 2}},
		Health:     Health{Quarantined: 4, EventsWaiting: 5, CallsToday: 60},
	}
	got, err := Over([]Report{one, two})
	if err != nil {
		t.Fatal(err)
	}
	rate := winRate(9, 11)
	want := Influenced{
		Deals: 13, Gifts: 14, Won: 9, Lost: 2, Open: 1, Unlisted: 1,
		WonValue: Amounts{"USD": "11.25", "JPY": "300"}, LostValue: Amounts{"EUR": "1.00"}, OpenValue: Amounts{"USD": "2.00"},
		WinRate: rate, WithoutGifts: WinRate{Won: 4, Closed: 8},
	}
	if d := cmp.Diff(want, got.Influenced); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if rate.Rate == nil || got.Quarantined != 5 || got.EventsWaiting != 7 || got.CallsToday != 90 {
		t.Errorf("a rate of %v, %d in quarantine, %d events, %d calls", rate.Rate, got.Quarantined, got.EventsWaiting, got.CallsToday)
	}
}

// TestOverallOfBrokenReports: a report with an amount that is no number is not
// added up.
func TestOverallOfBrokenReports(t *testing.T) {
	t.Parallel()
	if _, err := Over([]Report{{ByCurrency: []Money{{Currency: "USD", Sent: "ten"}}}}); err == nil {
		t.Error("no error")
	}
}

// TestOverallSchema: the document of several portals is as the schema says.
func TestOverallSchema(t *testing.T) {
	rep, err := Compute(records(nil), Options{Now: day(3, 1)})
	if err != nil {
		t.Fatal(err)
	}
	all, err := Over([]Report{rep, rep})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []bool{false, true} {
		doc := map[string]any{"portals": []Report{rep, rep}, "overall": all}
		if bad {
			doc["overall"] = map[string]any{"portals": 2}
		}
		data, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if err := validateDocument(schema(t), data); (err != nil) != bad {
			t.Errorf("wrong %v: %v", bad, err)
		}
	}
}

// TestOverallTable: the terminal shows it in 80 columns.
func TestOverallTable(t *testing.T) {
	t.Parallel()
	one := Report{
		TotalSent: 1200, Eligible: 1000, Redeemed: 600, Match: Match{Gifts: 1200, Matched: 900}, ByMonth: map[string]int{"2026-10": 1200},
		ByCurrency: []Money{{Currency: "USD", Gifts: 1200, Sent: "12000.00", Refunded: "0.00", Net: "12000.00", AtRisk: "1.00", Refundable: "0.00"}},
		Health:     Health{Quarantined: 2},
	}
	all, err := Over([]Report{one, one})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := OverallTable(&b, all, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"All 2 portals\n", "Thnks sent", "2,400", "60.0 %", "1,200 of 2,000", "24,000.00", "In quarantine"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, &b)
		}
	}
	for line := range strings.Lines(b.String()) {
		if width(strings.TrimSuffix(line, "\n")) > pageWidth {
			t.Errorf("too wide: %s", line)
		}
	}
}
