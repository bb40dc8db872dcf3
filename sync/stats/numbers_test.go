package stats

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/sync/plan"
)

// genCourse returns records with courses that make sense and some that do not.
func genCourse() *rapid.Generator[plan.Stored] {
	return rapid.Custom(func(t *rapid.T) plan.Stored {
		r := genStored().Draw(t, "record")
		r.Gift.Sender.Email = rapid.SampledFrom([]string{"", "s@example.com", " S@Example.com", "other@example.com"}).Draw(t, "address")
		for i := range r.Links {
			r.Links[i].ID = rapid.SampledFrom([]string{"7", "8", "9"}).Draw(t, "deal")
			r.Links[i].Refused = rapid.IntRange(0, 4).Draw(t, "refused") == 0
		}
		if rapid.Bool().Draw(t, "company") {
			r.Links = append(r.Links, plan.Link{Kind: plan.Company, ID: rapid.SampledFrom([]string{"1", "2"}).Draw(t, "company id"), At: day(1, 1)})
		}
		for s, at := range r.Gift.Times {
			r.Gift.Times[s] = at.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "minutes")) * time.Minute)
		}
		if rapid.IntRange(0, 4).Draw(t, "undated") == 0 {
			r.Gift.CreatedAt = time.Time{}
		}
		r.Ambiguous = rapid.Bool().Draw(t, "ambiguous")
		return r
	})
}

func nearestRank(waits []int, p float64) *int {
	if len(waits) == 0 {
		return nil
	}
	slices.Sort(waits)
	return &waits[int(math.Ceil(p*float64(len(waits))))-1]
}

func rates(n, of int) *float64 {
	if of == 0 {
		return nil
	}
	v := float64(n) / float64(of)
	return &v
}

var close4 = cmpopts.EquateApprox(0, 0.00005001)

func total(t *rapid.T, a Amounts, currency string) decimal.Decimal {
	if a[currency] == "" {
		return decimal.Zero
	}
	return parsed(t, a[currency])
}

func parsed(t *rapid.T, s string) decimal.Decimal {
	d, err := decimal.NewFromString(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestNumbersAgainstNaive recomputes each number from the whole list.
func TestNumbersAgainstNaive(t *testing.T) {
	currencies := []string{"USD", "JPY", "KWD", "XXX"}
	zones := []*time.Location{time.UTC, time.FixedZone("", -12*3600), time.FixedZone("", 14*3600)}
	for _, name := range []string{"America/Havana", "America/New_York", "Africa/Cairo", "Australia/Lord_Howe"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		zones = append(zones, zone)
	}
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfNDistinct(genCourse(), 0, 40, func(r plan.Stored) string { return r.Gift.ID }).Draw(t, "records")
		date := rapid.SampledFrom([]string{"", "", "2026-01-20", "2026-02-10", "2026-02-28"})
		o := Options{
			Location: rapid.SampledFrom(zones).Draw(t, "zone"),
			Now:      day(1, 1).Add(time.Duration(rapid.IntRange(0, 500*24).Draw(t, "now")) * time.Hour),
			Filter: Filter{
				From: date.Draw(t, "from"), Type: rapid.SampledFrom([]string{"", "", "", "a", "(none)"}).Draw(t, "type"),
				Sender:   rapid.SampledFrom([]string{"", "", "", "a", "s@example.com"}).Draw(t, "sender"),
				Status:   rapid.SampledFrom([]plan.Status{"", "", "", plan.Sent, plan.Redeemed}).Draw(t, "status"),
				Currency: rapid.SampledFrom([]string{"", "", "", "USD", "XXX"}).Draw(t, "currency"),
			},
			Outcomes: someOutcomes,
		}
		if to := date.Draw(t, "to"); to >= o.Filter.From {
			o.Filter.To = to
		}
		rep, err := Compute(records(list), o)
		if err != nil {
			t.Fatal(err)
		}

		var all, sent []naive
		for _, r := range list {
			n := naive{r, o}
			if n.passes() && n.within(n.day(), o.Filter.From, o.Filter.To) {
				all = append(all, n)
				if n.sent() {
					sent = append(sent, n)
				}
			}
		}
		count := func(of []naive, is func(naive) bool) int {
			c := 0
			for _, n := range of {
				if is(n) {
					c++
				}
			}
			return c
		}
		sum := func(of []naive, currency string, is func(naive) bool) decimal.Decimal {
			var d decimal.Decimal
			for _, n := range of {
				if c := n.Gift.Amount.Currency; is(n) && (c == currency || c == "" && currency == NoCurrency) {
					d = d.Add(n.Gift.Amount.Value)
				}
			}
			return d
		}
		check := func(what string, want, got any) {
			t.Helper()
			if d := cmp.Diff(want, got, close4); d != "" {
				t.Fatalf("%s:\n%s", what, d)
			}
		}
		exactly := func(what string, want, got decimal.Decimal) {
			t.Helper()
			if !want.Equal(got) {
				t.Fatalf("%s: %v, want %v", what, got, want)
			}
		}
		eligible := func(n naive) bool { return !n.bounced() }
		bounced := naive.bounced

		check("sent", len(sent), rep.TotalSent)
		check("match", Match{
			Gifts: len(all), Matched: count(all, func(n naive) bool { return n.Orphan == "" }),
			Ambiguous: count(all, func(n naive) bool { return n.Orphan == "" && n.Ambiguous }),
			Rate:      rates(count(all, func(n naive) bool { return n.Orphan == "" }), len(all)),
		}, rep.Match)
		opened, got := count(sent, naive.opened), count(sent, naive.redeemed)
		delivered := count(sent, func(n naive) bool { return n.opened() || n.is(plan.Delivered) })
		check("funnel", []Step{
			{plan.Sent, len(sent), rates(len(sent), len(sent))},
			{plan.Delivered, delivered, rates(delivered, len(sent))},
			{plan.Opened, opened, rates(opened, len(sent))},
			{plan.Redeemed, got, rates(got, len(sent))},
		}, rep.Funnel)

		for what, w := range map[plan.Status]Wait{plan.Opened: rep.TimeToOpen, plan.Redeemed: rep.TimeToRedeem} {
			var waits []int
			for _, n := range sent {
				if from, to := n.at(plan.Sent), n.at(what); eligible(n) && !from.IsZero() && !to.IsZero() {
					waits = append(waits, int(max(0, to.Sub(from).Minutes())))
				}
			}
			reached := count(sent, func(n naive) bool {
				return eligible(n) && (what == plan.Opened && n.opened() || what == plan.Redeemed && n.redeemed())
			})
			check(string(what), Wait{nearestRank(waits, 0.5), nearestRank(waits, 0.9), len(waits), reached, count(sent, eligible)}, w)
		}

		months := map[string][]naive{}
		for _, n := range sent {
			months[n.month()] = append(months[n.month()], n)
		}
		check("months", len(months), len(rep.Cohorts))
		inMonths := map[string]decimal.Decimal{}
		for _, c := range rep.Cohorts {
			for currency, v := range c.Value {
				inMonths[currency] = inMonths[currency].Add(parsed(t, v.Sent))
			}
		}
		for _, currency := range currencies {
			exactly("the sum of months", total(t, rep.TotalValue, currency), inMonths[currency])
		}
		for _, c := range rep.Cohorts {
			of := months[c.Month]
			young := func(n naive) bool { return eligible(n) && n.unclaimed() && n.daysLeft() >= 0 }
			takenBack := func(n naive) bool {
				touched := slices.ContainsFunc(plan.Statuses(), func(s plan.Status) bool {
					return s != plan.Scheduled && s != plan.Refunded && !n.at(s).IsZero()
				})
				return n.Gift.Shown() == plan.Refunded && !touched && !n.at(plan.Scheduled).IsZero()
			}
			lost := func(n naive) bool { return eligible(n) && !n.redeemed() && !young(n) && !takenBack(n) }
			r, u, y := count(of, naive.redeemed), count(of, lost), count(of, young)
			check(c.Month, []int{len(of), r, u, y, count(of, bounced), count(of, takenBack)},
				[]int{c.Sent, c.Redeemed, c.Unredeemed, c.Immature, c.Undelivered, c.Cancelled})
			check("the parts of a cohort", c.Sent, c.Redeemed+c.Unredeemed+c.Immature+c.Undelivered+c.Cancelled)
			check("rate", rates(r, r+u), c.Rate)
			check("at least", rates(r, r+u+y), c.AtLeast)
			for currency, v := range c.Value {
				for what, pair := range map[string][2]decimal.Decimal{
					"sent":     {sum(of, currency, naive.sent), parsed(t, v.Sent)},
					"redeemed": {sum(of, currency, naive.redeemed), parsed(t, v.Redeemed)},
					"lost":     {sum(of, currency, lost), parsed(t, v.Unredeemed)},
					"immature": {sum(of, currency, young), parsed(t, v.Immature)},
				} {
					exactly(c.Month+" "+what, pair[0], pair[1])
				}
			}
		}

		bounds := map[string][2]float64{
			"overdue": {-1e9, 0}, "< 7": {0, 7}, "< 30": {7, 30}, "< 90": {30, 90}, "more": {90, undated}, "unknown": {undated, 2 * undated},
		}
		for _, k := range rep.MoneyAtRisk {
			in := func(n naive) bool {
				left, b := n.daysLeft(), bounds[k.Days]
				return eligible(n) && n.unclaimed() && left >= b[0] && left < b[1]
			}
			check("at risk "+k.Days, count(sent, in), k.Count)
			for _, currency := range currencies {
				exactly("at risk", sum(sent, currency, in), total(t, k.Value, currency))
				exactly("refundable", sum(sent, currency, func(n naive) bool { return in(n) && !n.opened() }), total(t, k.Refundable, currency))
			}
		}
		for _, m := range rep.ByCurrency {
			refunded := sum(sent, m.Currency, func(n naive) bool { return n.Gift.Shown() == plan.Refunded })
			exactly("refunded", refunded, parsed(t, m.Refunded))
			exactly("net", sum(sent, m.Currency, naive.sent).Sub(refunded), parsed(t, m.Net))
			exactly("at risk", sum(sent, m.Currency, func(n naive) bool { return eligible(n) && n.unclaimed() }), parsed(t, m.AtRisk))
		}
		naiveLinks(t, sent, rep)
		naiveTrend(t, list, o, rep)
	})
}

// naiveLinks recounts companies and deals.
func naiveLinks(t *rapid.T, sent []naive, rep Report) {
	deals, companies, linked := map[string]bool{}, map[string]int{}, 0
	for _, n := range sent {
		any := false
		for _, l := range n.Links {
			if l.Kind == plan.Company {
				companies[l.ID]++
			}
			if l.Kind == plan.Deal && !l.Refused {
				deals[l.ID], any = true, true
			}
		}
		if any {
			linked++
		}
	}
	if n := rep.Influenced; n.Deals != len(deals) || n.Gifts != linked {
		t.Fatalf("influenced %+v, want %d deals by %d", n, len(deals), linked)
	}
	naiveOutcomes(t, deals, rep)
	if len(companies) != rep.Companies || len(companies) != len(rep.TopCompanies) {
		t.Fatalf("%d companies, want %d", rep.Companies, len(companies))
	}
	for _, c := range rep.TopCompanies {
		if c.Sent != companies[c.ID] {
			t.Fatalf("company %s: %d, want %d", c.ID, c.Sent, companies[c.ID])
		}
	}
}

// someOutcomes are of some of the deals that gifts are linked to, and of one to which
// none is.
var someOutcomes = Outcomes{
	At: day(3, 1), Calls: 3,
	Deals: map[string]Outcome{
		"7": {Closed: true, Won: true, Amount: usd("1000.50")},
		"8": {Closed: true, Amount: usd("2000")},
		"1": {Closed: true, Won: true, Amount: usd("9")},
	},
	WithoutWon: 3, WithoutClosed: 12,
	Companies: map[string]string{"1": "Acme"},
}

// naiveOutcomes counts each deal once.
func naiveOutcomes(t *rapid.T, deals map[string]bool, rep Report) {
	want := Influenced{Deals: len(deals), Gifts: rep.Influenced.Gifts, WonValue: Amounts{}, LostValue: Amounts{}, OpenValue: Amounts{}}
	if deals["7"] {
		want.Won, want.WonValue = 1, Amounts{"USD": "1000.50"}
	}
	if deals["8"] {
		want.Lost, want.LostValue = 1, Amounts{"USD": "2000.00"}
	}
	if deals["9"] {
		want.Unlisted = 1
	}
	want.WinRate = WinRate{Won: want.Won, Closed: want.Won + want.Lost} // too few for a rate
	want.WithoutGifts = WinRate{3, 12, ptr(0.25), ptr(0.0889), ptr(0.5323)}
	if d := cmp.Diff(want, rep.Influenced); d != "" {
		t.Fatalf("influenced:\n%s", d)
	}
	for _, c := range rep.TopCompanies {
		if want := map[string]string{"1": "Acme"}[c.ID]; c.Name != want {
			t.Fatalf("company %s is called %q, want %q", c.ID, c.Name, want)
		}
	}
}

// naiveTrend recounts both periods day by day.
func naiveTrend(t *rapid.T, list []plan.Stored, o Options, rep Report) {
	if rep.Trend == nil {
		if from := o.Filter.From; from != "" && from <= o.Now.In(o.Location).Format(time.DateOnly) || from == "" && o.Filter.To == "" {
			t.Fatal("no trend")
		}
		return
	}
	length := func(p Period) float64 {
		from, _ := time.Parse(time.DateOnly, p.From)
		to, _ := time.Parse(time.DateOnly, p.To)
		return to.Sub(from).Hours()/24 + 1
	}
	if n, b := length(rep.Trend.Period), length(rep.Trend.Before); n != b || o.Filter == (Filter{}) && n != 30 {
		t.Fatalf("compared %v days with %v", n, b)
	}
	var sent, got [2]int
	for _, r := range list {
		n := naive{r, o}
		if !n.passes() || !n.sent() {
			continue
		}
		for i, p := range []Period{rep.Trend.Period, rep.Trend.Before} {
			if n.within(n.day(), p.From, p.To) {
				sent[i]++
			}
			if at := n.at(plan.Redeemed); !at.IsZero() && n.within(at.In(o.Location).Format("2006-01-02"), p.From, p.To) {
				got[i]++
			}
		}
	}
	want := Trend{
		Period: rep.Trend.Period, Before: rep.Trend.Before, Value: rep.Trend.Value,
		Sent: Change{sent[0], sent[1], rates(sent[0]-sent[1], sent[1])}, Redeemed: Change{got[0], got[1], rates(got[0]-got[1], got[1])},
	}
	if d := cmp.Diff(want, *rep.Trend, close4); d != "" {
		t.Fatal(d)
	}
}

func TestWaitsAreBounded(t *testing.T) {
	var w waits
	w.add(true, day(1, 1), day(1, 1).AddDate(50, 0, 0), 1)
	w.add(true, day(1, 2), day(1, 1), 1) // two clocks
	w.add(true, time.Time{}, day(1, 1), 1)
	w.add(false, day(1, 1), day(1, 2), 1)
	got := w.report(5)
	want := Wait{Median: ptr(0), P90: ptr(longest), Timed: 2, Reached: 3, Of: 5}
	if d := cmp.Diff(want, got); d != "" || len(w.Minutes) > longest+1 {
		t.Errorf("%d minutes\n%s", len(w.Minutes), d)
	}
}

// TestHorizons: a gift that expires today can still be opened, and one that
// expired yesterday cannot.
func TestHorizons(t *testing.T) {
	t.Parallel()
	const today = 20_000
	for left, want := range map[int]string{-1: "overdue", 0: "< 7", 6: "< 7", 7: "< 30", 29: "< 30", 30: "< 90", 89: "< 90", 90: "more", 5000: "more"} {
		if got := horizons[horizonOf(today+left, today)].name; got != want {
			t.Errorf("%d days left: %q, want %q", left, got, want)
		}
	}
	if got := horizons[horizonOf(unknownDay, today)].name; got != "unknown" {
		t.Errorf("an unknown day: %q", got)
	}
}
