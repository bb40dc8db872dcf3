package stats

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/sync/plan"
)

// TestSumsAtTheirBound: beyond what the units of a sum hold, all of it goes over to
// its decimal, in both directions, and the total stays exact.
func TestSumsAtTheirBound(t *testing.T) {
	for _, tt := range []struct{ units, by, left int64 }{
		{maxUnits - 1, 1, maxUnits}, {maxUnits, 1, 0}, {-maxUnits + 1, -1, -maxUnits}, {-maxUnits, -1, 0},
	} {
		s := sums{{Currency: "IDR", Count: 2, Units: tt.units}}
		s.add(worthOf(plan.Money{Value: decimal.New(1, -unitPlaces), Currency: "IDR"}), int(tt.by))
		if want := decimal.New(tt.units+tt.by, -unitPlaces); !s.of("IDR").Equal(want) || s[0].Units != tt.left {
			t.Errorf("%d%+d: %s of which %d are units, want %s and %d", tt.units, tt.by, s.of("IDR"), s[0].Units, want, tt.left)
		}
	}
}

// TestFirstDay: the calendar begins with the second day of the year 1, as the first
// stands for no day.
func TestFirstDay(t *testing.T) {
	if d, err := parseDay("0001-01-02"); err != nil || dayText(d) != "0001-01-02" {
		t.Errorf("day %d, %v", d, err)
	}
	for _, none := range []string{"0001-01-01", "0000-12-31"} {
		if _, err := parseDay(none); err == nil {
			t.Errorf("%s is a day", none)
		}
	}
}

// TestDeadlineOf: a gift that was sent has until its last day, which depends on
// whether it was opened; one that has ended, or was not sent, has none.
func TestDeadlineOf(t *testing.T) {
	gift := func(status plan.Status, times map[plan.Status]time.Time) plan.Gift {
		return plan.Gift{ID: "T-1", Status: status, Times: times}
	}
	sent := map[plan.Status]time.Time{plan.Sent: day(3, 1)}
	opened := map[plan.Status]time.Time{plan.Sent: day(3, 1), plan.Opened: day(3, 2)}
	days := func(from time.Time, n int) string { return from.AddDate(0, 0, n).Format(time.DateOnly) }
	for name, tt := range map[string]struct {
		gift plan.Gift
		want Deadline
		ok   bool
	}{
		"sent":         {gift(plan.Sent, sent), Deadline{days(day(3, 1), openWithin), openWithin - 3}, true},
		"opened":       {gift(plan.Opened, opened), Deadline{days(day(3, 2), redeemWithin), redeemWithin - 2}, true},
		"redeemed":     {gift(plan.Redeemed, opened), Deadline{}, false},
		"expired":      {gift(plan.Expired, opened), Deadline{}, false},
		"not sent yet": {gift(plan.Scheduled, map[plan.Status]time.Time{plan.Scheduled: day(3, 1)}), Deadline{}, false},
		"undated":      {gift(plan.Sent, nil), Deadline{}, false},
	} {
		if got, ok := DeadlineOf(tt.gift, time.UTC, day(3, 4)); got != tt.want || ok != tt.ok {
			t.Errorf("%s: %+v %v, want %+v", name, got, ok, tt.want)
		}
	}
}

// TestRefundedBeforeSentIsCancelled: what was refunded before it was sent was cancelled; what ended
// otherwise, or was sent, was not.
func TestRefundedBeforeSentIsCancelled(t *testing.T) {
	planned := map[plan.Status]time.Time{plan.Scheduled: day(3, 1)}
	for name, tt := range map[string]struct {
		status plan.Status
		times  map[plan.Status]time.Time
		want   int
	}{
		"refunded":              {plan.Refunded, planned, 1},
		"expired":               {plan.Expired, planned, 0},
		"refunded, with a date": {plan.Refunded, map[plan.Status]time.Time{plan.Scheduled: day(3, 1), plan.Refunded: day(3, 2)}, 1},
		"refunded once sent":    {plan.Refunded, map[plan.Status]time.Time{plan.Scheduled: day(3, 1), plan.Sent: day(3, 2)}, 0},
		"refunded, not planned": {plan.Refunded, nil, 0},
	} {
		gift := plan.Gift{ID: "T-1", Status: tt.status, Times: tt.times, CreatedAt: day(3, 1)}
		if f := NewTally(time.UTC).read(gift); f.cancelled != (tt.want == 1) {
			t.Errorf("%s: cancelled is %v", name, f.cancelled)
		}
	}
}

// TestWrapFillsLines: a line has the words that fit, to the last character.
func TestWrapFillsLines(t *testing.T) {
	for width, want := range map[int]string{3: "aaa/bb/cccc", 6: "aaa bb/cccc", 5: "aaa/bb/cccc", 7: "aaa bb/cccc", 11: "aaa bb cccc", 10: "aaa bb/cccc"} {
		if got := strings.Join(wrap("aaa bb cccc", width), "/"); got != want {
			t.Errorf("%d characters: %q, want %q", width, got, want)
		}
	}
	var b strings.Builder
	if err := Explain(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, d := range Definitions() {
		if n := strings.Count("\n"+text, fmt.Sprintf("\n%-*s  ", titleWidth, d.Title)); n != 1 {
			t.Errorf("the title %q begins %d lines", d.Title, n)
		}
	}
	if first, _, _ := strings.Cut(text, "\n"); !strings.HasPrefix(first, Definitions()[0].Title) {
		t.Errorf("it begins with %q", first)
	}
}

// TestGridsThatJustFit: a line of 80 columns keeps all of them; of two names that are
// as long the first is cut, and none below what can be read.
func TestGridsThatJustFit(t *testing.T) {
	grid := func(columns ...int) *grid {
		g := &grid{}
		var row []string
		for _, n := range columns {
			g.header, g.kinds = append(g.header, "x"), append(g.kinds, words)
			row = append(row, strings.Repeat("n", n))
		}
		g.add(row...)
		return g
	}
	for name, tt := range map[string]struct {
		columns, want []int
	}{
		"just fits":        {[]int{40, 24, 12}, []int{40, 24, 12}},
		"one too many":     {[]int{39, 39, 0}, []int{37, 38, 1}},
		"two of a length":  {[]int{40, 40}, []int{39, 39}},
		"at the narrowest": {[]int{12, 12, 12, 12, 12, 13}, []int{12, 12, 12, 12, 12}},
	} {
		got := grid(tt.columns...).fit()
		if len(got) != len(tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
			continue
		}
		for i := range got {
			if got[i] != tt.want[i] {
				t.Errorf("%s: %v, want %v", name, got, tt.want)
				break
			}
		}
	}
}

// TestTwoColumnsStay: of a table that is too wide two columns are shown, however wide.
func TestTwoColumnsStay(t *testing.T) {
	number := strings.Repeat("1", pageWidth)
	g := &grid{header: []string{"a", "b", "c"}, kinds: []int{numbers, numbers, numbers}}
	g.add(number, number, number)
	if got := g.fit(); len(got) != 2 {
		t.Errorf("%d columns are shown, want 2", len(got))
	}
}

// TestAllCompaniesShown: that there are more is said only where there are.
func TestAllCompaniesShown(t *testing.T) {
	rep := Report{Companies: 1, TopCompanies: []Company{{ID: "1", Name: "Acme", Sent: 2}}}
	if g := companyGrid(rep); g.note != "" {
		t.Errorf("all are shown, and it says %q", g.note)
	}
	rep.Companies = 2
	if g := companyGrid(rep); g.note != "of 2 companies" {
		t.Errorf("it says %q", g.note)
	}
}

// TestTextsAtTheirBounds: nothing of a whole draws nothing, no change has no sign, the
// longest amount is shown, and the first of the tag characters is escaped.
func TestTextsAtTheirBounds(t *testing.T) {
	longest := strings.Repeat("9", longestAmount)
	for len(Grouped(longest)) > longestAmount {
		longest = longest[1:]
	}
	zero, more := 0., .05
	for _, tt := range []struct{ got, want string }{
		{bar(0, 5), ""},
		{bar(5, 0), ""},
		{bar(1, 1000), "▏"},
		{amount(strings.Repeat("9", 29) + ".5"), strings.Repeat(",999", 10)[2:] + ".5"}, // 40 columns
		{moneyText(plan.Money{}), ""},
		{moneyText(plan.Money{Currency: "EUR"}), "0.00 EUR"},
		{moneyText(plan.Money{Value: decimal.New(1, 0)}), "1.00 " + NoCurrency},
		{signed(&zero), "0.0 %"},
		{signed(&more), "+5.0 %"},
		{signed(nil), "–"},
		{amount(longest), Grouped(longest)},
		{amount("9" + longest), "(see --format json)"},
		{amount(""), "–"},
		{Visible("\U000e0000"), `\u{e0000}`},
		{Visible("\U000dffff"), "\U000dffff"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}

// TestTrendCountsItsDays: the first and the last day of a period belong to it, and
// the day before the first to the other one.
func TestTrendCountsItsDays(t *testing.T) {
	for sent, want := range map[time.Time][2]int{
		day(3, 10): {1, 0}, day(3, 12): {1, 0}, day(3, 11): {1, 0},
		day(3, 9): {0, 1}, day(3, 7): {0, 1}, day(3, 6): {0, 0}, day(3, 13): {0, 0},
	} {
		gift := plan.Stored{Gift: plan.Gift{ID: "T-1", Status: plan.Sent, Times: map[plan.Status]time.Time{plan.Sent: sent}}}
		tally := NewTally(time.UTC)
		tally.Add(gift)
		rep, err := tally.Report(Options{Now: day(3, 20), Location: time.UTC, Filter: Filter{From: "2026-03-10", To: "2026-03-12"}})
		if err != nil || rep.Trend == nil || rep.Trend.Sent.Now != want[0] || rep.Trend.Sent.Before != want[1] {
			t.Errorf("sent on %v: %+v, %v, want %v", sent, rep.Trend, err, want)
		}
	}
}

// TestTogetherWithoutDeals: of several portals, what was not listed is not printed.
func TestTogetherWithoutDeals(t *testing.T) {
	var b strings.Builder
	if err := OverallTable(&b, Overall{Portals: 2}, false); err != nil || strings.Contains(b.String(), "Win rate") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

// TestLastDayIsInTime: on the last day that a gift can be redeemed it is immature,
// and on the next one unredeemed.
func TestLastDayIsInTime(t *testing.T) {
	last := day(3, 1).AddDate(0, 0, openWithin)
	for now, want := range map[time.Time][2]int{last: {1, 0}, last.AddDate(0, 0, 1): {0, 1}} {
		tally := NewTally(time.UTC)
		tally.Add(plan.Stored{Gift: plan.Gift{ID: "T-1", Status: plan.Sent, Times: map[plan.Status]time.Time{plan.Sent: day(3, 1)}}})
		rep, err := tally.Report(Options{Now: now, Location: time.UTC})
		if err != nil || len(rep.Cohorts) != 1 || [2]int{rep.Cohorts[0].Immature, rep.Cohorts[0].Unredeemed} != want {
			t.Errorf("on %v: %+v, %v; want %v immature and unredeemed", now, rep.Cohorts, err, want)
		}
	}
}

// TestPeriodHasItsEnds: the first and the last day of a period belong to it, and one
// without an end has all later ones.
func TestPeriodHasItsEnds(t *testing.T) {
	for n, want := range map[int][2]bool{4: {false, false}, 5: {true, true}, 7: {true, true}, 8: {false, true}, unknownDay: {false, false}} {
		ended, open := sieve{from: 5, to: 7}, sieve{from: 5, to: unknownDay}
		if got := [2]bool{ended.day(n), open.day(n)}; got != want {
			t.Errorf("day %d: %v, want %v", n, got, want)
		}
	}
}
