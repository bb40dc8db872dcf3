package stats

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/sync/plan"
)

// An Overall is what several portals have together: the numbers of their reports
// that add up. Money stays apart by currency, and rates are those of the sums.
// Medians, lists of the largest and trends do not add up, and stand in the
// portals' reports alone.
type Overall struct {
	Portals        int                 `json:"portals"` // how many
	TotalSent      int                 `json:"total_sent"`
	RedemptionRate *float64            `json:"redemption_rate"`
	Redeemed       int                 `json:"redeemed"`
	Eligible       int                 `json:"eligible"`
	Donated        int                 `json:"donated"`
	ByStatus       map[plan.Status]int `json:"by_status"`
	ByMonth        map[string]int      `json:"by_month"` // each portal's in its own time zone
	Orphans        map[plan.Orphan]int `json:"orphans"`
	Funnel         []Step              `json:"funnel"`
	ByCurrency     []Money             `json:"by_currency"`
	MoneyAtRisk    []Risk              `json:"money_at_risk"`
	Match          Match               `json:"match"`
	Influenced     Influenced          `json:"influenced"` // a deal belongs to one account
	Quarantined    int                 `json:"quarantined"`
	EventsWaiting  int                 `json:"events_waiting"`
	CallsToday     int                 `json:"calls_today"`
}

// Over adds reports up. The error names an amount that is no number, which no
// report of this program has.
func Over(reports []Report) (Overall, error) {
	all := Overall{
		Portals:  len(reports),
		ByStatus: make(map[plan.Status]int), ByMonth: make(map[string]int), Orphans: make(map[plan.Orphan]int),
		ByCurrency: []Money{}, MoneyAtRisk: []Risk{},
	}
	var sums adder
	for _, r := range reports {
		all.TotalSent += r.TotalSent
		all.Redeemed += r.Redeemed
		all.Eligible += r.Eligible
		all.Donated += r.Donated
		all.Quarantined += r.Health.Quarantined
		all.EventsWaiting += r.Health.EventsWaiting
		all.CallsToday += r.Health.CallsToday
		addCounts(all.ByStatus, r.ByStatus)
		addCounts(all.ByMonth, r.ByMonth)
		addCounts(all.Orphans, r.Orphans)
		all.Funnel = addSteps(all.Funnel, r.Funnel)
		all.Match = addMatches(all.Match, r.Match)
		sums.money(&all.ByCurrency, r.ByCurrency)
		sums.risks(&all.MoneyAtRisk, r.MoneyAtRisk)
		sums.deals(&all.Influenced, r.Influenced)
	}
	all.RedemptionRate = share(all.Redeemed, all.Eligible)
	all.Match.Rate = share(all.Match.Matched, all.Match.Gifts)
	for i := range all.Funnel {
		all.Funnel[i].Share = share(all.Funnel[i].Count, all.TotalSent)
	}
	deals := &all.Influenced
	deals.WinRate = winRate(deals.Won, deals.Won+deals.Lost)
	deals.WithoutGifts = winRate(deals.WithoutGifts.Won, deals.WithoutGifts.Closed)
	slices.SortFunc(all.ByCurrency, func(a, b Money) int {
		return cmp.Or(cmp.Compare(b.Gifts, a.Gifts), cmp.Compare(a.Currency, b.Currency))
	})
	return all, sums.err
}

func addCounts[K comparable](all, some map[K]int) {
	for key, n := range some {
		all[key] += n
	}
}

// addSteps adds the counts of the same steps; all is nil before the first.
func addSteps(all, some []Step) []Step {
	if all == nil {
		all = make([]Step, len(some))
	}
	for i, s := range some {
		all[i].Status = s.Status
		all[i].Count += s.Count
	}
	return all
}

func addMatches(a, b Match) Match {
	return Match{Gifts: a.Gifts + b.Gifts, Matched: a.Matched + b.Matched, Ambiguous: a.Ambiguous + b.Ambiguous}
}

// An adder adds amounts, and remembers the first that is no number.
type adder struct{ err error }

// amount returns the sum of two amounts of a currency, "" for none yet.
func (a *adder) amount(currency, x, y string) string {
	total := decimal.Zero
	for _, text := range []string{x, y} {
		if text == "" {
			continue
		}
		d, err := decimal.NewFromString(text)
		if err != nil {
			a.err = cmp.Or(a.err, fmt.Errorf("the statistics have an amount in %s that is no number", currency))
			continue
		}
		total = total.Add(d)
	}
	return exact(total, decimalsOf(currency))
}

func (a *adder) amounts(all *Amounts, some Amounts) {
	if *all == nil {
		*all = make(Amounts)
	}
	for currency, value := range some {
		(*all)[currency] = a.amount(currency, (*all)[currency], value)
	}
}

func (a *adder) money(all *[]Money, some []Money) {
	for _, m := range some {
		i := slices.IndexFunc(*all, func(have Money) bool { return have.Currency == m.Currency })
		if i < 0 {
			i = len(*all)
			*all = append(*all, Money{Currency: m.Currency})
		}
		have := &(*all)[i]
		have.Gifts += m.Gifts
		for to, from := range map[*string]string{
			&have.Sent: m.Sent, &have.Refunded: m.Refunded, &have.Net: m.Net, &have.AtRisk: m.AtRisk, &have.Refundable: m.Refundable,
		} {
			*to = a.amount(m.Currency, *to, from)
		}
	}
}

func (a *adder) risks(all *[]Risk, some []Risk) {
	for _, k := range some {
		i := slices.IndexFunc(*all, func(have Risk) bool { return have.Days == k.Days })
		if i < 0 {
			i = len(*all)
			*all = append(*all, Risk{Days: k.Days})
		}
		have := &(*all)[i]
		have.Count += k.Count
		a.amounts(&have.Value, k.Value)
		a.amounts(&have.Refundable, k.Refundable)
	}
}

func (a *adder) deals(all *Influenced, some Influenced) {
	all.Deals += some.Deals
	all.Gifts += some.Gifts
	all.Won += some.Won
	all.Lost += some.Lost
	all.Open += some.Open
	all.Unlisted += some.Unlisted
	all.WithoutGifts.Won += some.WithoutGifts.Won
	all.WithoutGifts.Closed += some.WithoutGifts.Closed
	a.amounts(&all.WonValue, some.WonValue)
	a.amounts(&all.LostValue, some.LostValue)
	a.amounts(&all.OpenValue, some.OpenValue)
}

// Report returns the numbers as a report that has no others, for renderers.
func (o Overall) Report() Report {
	return Report{
		Portal:    fmt.Sprintf("All %d portals", o.Portals),
		TotalSent: o.TotalSent, RedemptionRate: o.RedemptionRate, Redeemed: o.Redeemed, Eligible: o.Eligible, Donated: o.Donated,
		ByStatus: o.ByStatus, ByMonth: o.ByMonth, Orphans: o.Orphans, Funnel: o.Funnel, ByCurrency: o.ByCurrency,
		MoneyAtRisk: o.MoneyAtRisk, Match: o.Match, Influenced: o.Influenced,
	}
}
