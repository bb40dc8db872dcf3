package stats

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// The lengths of the printed lists.
const (
	shownMonths     = 12
	shownTypes      = 10
	shownCurrencies = 8
	sparkMonths     = 12
)

// Table prints the report for people, the important first and without the
// empty sections, in 80 columns. It is safe on a terminal: control characters,
// and those that change the direction of text, are escaped. Times are in UTC.
func Table(w io.Writer, r Report, colour bool) error {
	k := ink{colour}
	var b strings.Builder
	heading(&b, r, k)
	for _, g := range sections(r) {
		if len(g.rows) == 0 {
			continue
		}
		var part strings.Builder
		g.write(&part, k)
		b.WriteString("\n" + part.String())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// heading names the portal and what the numbers are of.
func heading(b *strings.Builder, r Report, k ink) {
	last := "never"
	if r.LastSync != nil {
		last = minute(*r.LastSync)
	}
	b.WriteString(k.bold(isolated(snip(Visible(r.Portal), pageWidth))) + "\n")
	b.WriteString(k.dim("Last sync "+last) + "\n")
	if r.Period != (Period{}) {
		fmt.Fprintf(b, "Sent from %s to %s\n", cmp.Or(r.Period.From, "the beginning"), cmp.Or(r.Period.To, "today"))
	}
	for _, only := range []struct{ what, value string }{
		{"sender", r.Filter.Sender}, {"type", r.Filter.Type}, {"status", string(r.Filter.Status)}, {"currency", r.Filter.Currency},
	} {
		if only.value != "" {
			b.WriteString(isolated(snip("Only "+only.what+" "+Visible(only.value), pageWidth)) + "\n")
		}
	}
}

// sections returns the parts of the report, the important first.
func sections(r Report) []*grid {
	return []*grid{
		overview(r), liveGrid(r), findingGrid(r), moneyGrid(r), riskGrid(r), cohortGrid(r), trendGrid(r), funnelGrid(r), influencedGrid(r), winGrid(r),
		countGrid("By status", plan.Statuses(), r.ByStatus), typeGrid(r), senderGrid(r), companyGrid(r),
		stageGrid(r), sizeGrid(r), countGrid("Without a contact", plan.Orphans(), r.Orphans), healthGrid(r), activityGrid(r),
	}
}

func overview(r Report) *grid {
	g := &grid{header: []string{"Overview", "", "", ""}, kinds: []int{words, numbers, bars, words}}
	g.add("Thnks sent", number(r.TotalSent), sparkline(r.ByMonth), span(r.ByMonth))
	g.add("Redemption rate", Percent(r.RedemptionRate), rateBar(r.RedemptionRate), fmt.Sprintf("%s of %s", number(r.Redeemed), number(r.Eligible)))
	g.add("Match rate", Percent(r.Match.Rate), rateBar(r.Match.Rate), fmt.Sprintf("%s of %s in HubSpot", number(r.Match.Matched), number(r.Match.Gifts)))
	for _, w := range []struct {
		title string
		Wait
	}{{"Time to open", r.TimeToOpen}, {"Time to redeem", r.TimeToRedeem}} {
		g.add(w.title, Duration(w.Median), "", fmt.Sprintf("median; 90 %% within %s", Duration(w.P90)))
		g.add("  reached", number(w.Reached), bar(w.Reached, w.Of), "of "+number(w.Of))
	}
	g.add("Influenced deals", number(r.Influenced.Deals), "", fmt.Sprintf("by %s gifts", number(r.Influenced.Gifts)))
	g.add("Donated", number(r.Donated), "", "")
	return g
}

// sparkline draws the gifts of the newest months.
func sparkline(months map[string]int) string {
	var counts []int
	for _, m := range sparked(months) {
		counts = append(counts, months[m])
	}
	return spark(counts)
}

// span says which months the sparkline is of.
func span(months map[string]int) string {
	list := sparked(months)
	if len(list) == 0 {
		return ""
	}
	return list[0] + " to " + list[len(list)-1]
}

// sparked returns the months of the sparkline, those without gifts too.
func sparked(counts map[string]int) []string {
	known := slices.Sorted(maps.Keys(counts))
	if len(known) == 0 {
		return nil
	}
	last, err := time.Parse("2006-01", known[len(known)-1])
	if err != nil {
		return nil
	}
	var months []string
	for i := range sparkMonths {
		m := last.AddDate(0, -i, 0).Format("2006-01")
		if m < known[0] {
			break
		}
		months = append(months, m)
	}
	slices.Reverse(months)
	return months
}

func moneyGrid(r Report) *grid {
	g := &grid{
		header: []string{"Money", "Gifts", "Sent", "Refunded", "Net", "At risk", "Average"},
		kinds:  []int{words, numbers, money, money, money, money, money},
	}
	for _, m := range r.ByCurrency[:min(len(r.ByCurrency), shownCurrencies)] {
		g.add(unit(m.Currency), number(m.Gifts), amount(m.Sent), amount(m.Refunded), amount(m.Net), amount(m.AtRisk), amount(r.AverageValue[m.Currency]))
	}
	g.note = more(len(r.ByCurrency)-shownCurrencies, "currencies")
	return g
}

// more says how many rows were left out.
func more(n int, what string) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf("… %s more %s: --format json has them all", number(n), what)
}

// shownIn returns the most used currencies, for which tables have columns.
func shownIn(r Report) []string {
	var list []string
	for _, m := range r.ByCurrency[:min(len(r.ByCurrency), 3)] {
		list = append(list, m.Currency)
	}
	return list
}

// withMoney adds a column for each of the most used currencies.
func (g *grid) withMoney(r Report) *grid {
	for _, currency := range shownIn(r) {
		g.header, g.kinds = append(g.header, unit(currency)), append(g.kinds, money)
	}
	return g
}

// amountsOf returns the cells of the columns of [grid.withMoney].
func amountsOf(r Report, a Amounts) []string {
	var cells []string
	for _, currency := range shownIn(r) {
		cells = append(cells, amount(a[currency]))
	}
	return cells
}

func unit(currency string) string {
	if currency == NoCurrency {
		return "none"
	}
	return snip(Visible(currency), narrowest)
}

func riskGrid(r Report) *grid {
	g := (&grid{header: []string{"At risk, by days to expiry", "Gifts", ""}, kinds: []int{words, numbers, bars}}).withMoney(r)
	all := 0
	for _, k := range r.MoneyAtRisk {
		all += k.Count
	}
	for _, k := range r.MoneyAtRisk {
		if k.Count > 0 {
			g.add(append([]string{k.Days, number(k.Count), bar(k.Count, all)}, amountsOf(r, k.Value)...)...)
		}
	}
	return g
}

func cohortGrid(r Report) *grid {
	g := &grid{
		header: []string{"By month of sending", "Sent", "Redeemed", "Immature", "Rate", "", "At least"},
		kinds:  []int{words, numbers, numbers, numbers, numbers, bars, numbers},
	}
	for _, c := range r.Cohorts[max(0, len(r.Cohorts)-shownMonths):] {
		g.add(cmp.Or(c.Month, "unknown"), number(c.Sent), number(c.Redeemed), number(c.Immature), Percent(c.Rate), rateBar(c.Rate), Percent(c.AtLeast))
	}
	if g.note = more(len(r.Cohorts)-shownMonths, "months"); g.note == "" && len(g.rows) > 0 {
		g.note = "Rate: redeemed of those that can no longer be. At least: with the immature."
	}
	return g
}

func trendGrid(r Report) *grid {
	g := &grid{}
	t := r.Trend
	if t == nil {
		return g
	}
	g.header, g.kinds = []string{"Trend", "Now", "Before", "Change"}, []int{words, money, money, numbers}
	g.add("Sent", number(t.Sent.Now), number(t.Sent.Before), signed(t.Sent.Change))
	g.add("Redeemed", number(t.Redeemed.Now), number(t.Redeemed.Before), signed(t.Redeemed.Change))
	for _, currency := range shownIn(r) {
		if v, ok := t.Value[currency]; ok {
			g.add("Value in "+unit(currency), amount(v.Now), amount(v.Before), signed(v.Change))
		}
	}
	g.note = fmt.Sprintf("%s to %s against %s to %s", t.Period.From, t.Period.To, t.Before.From, t.Before.To)
	return g
}

// signed returns a change with its sign.
func signed(change *float64) string {
	if change == nil || *change <= 0 {
		return Percent(change)
	}
	return "+" + Percent(change)
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
