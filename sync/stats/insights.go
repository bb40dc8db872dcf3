package stats

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/sync/plan"
)

// The classes of a cohort's gifts.
const (
	redeemed = iota
	unredeemed
	immature
	undelivered
	cancelled
	classes
)

// horizons are the classes of days to expiry: each is below its limit. The
// first is for gifts past their time, the last for those whose time is unknown.
var horizons = []struct {
	name  string
	below time.Duration
}{
	{name: "overdue"},
	{"< 7", 7 * 24 * time.Hour},
	{"< 30", 30 * 24 * time.Hour},
	{"< 90", 90 * 24 * time.Hour},
	{name: "more"},
	{name: "unknown"},
}

// insights holds what is kept of the records so far, beside a counter.
type insights struct {
	zone             *time.Location
	now              time.Time
	steps            []Step
	cohorts          map[string]*cohort
	toOpen, toRedeem waits
	risks            []risk
	match            Match
	deals            map[string]struct{}
	influenced       int
	companies        map[string]*company
}

type cohort struct {
	counts [classes]int
	values [classes]sums
}

type risk struct {
	count             int
	value, refundable sums
}

type company struct {
	tally
	value sums
}

func newInsights(o Options) *insights {
	in := &insights{
		zone:      o.Location,
		now:       o.Now,
		steps:     []Step{{Status: plan.Sent}, {Status: plan.Delivered}, {Status: plan.Opened}, {Status: plan.Redeemed}},
		cohorts:   make(map[string]*cohort),
		risks:     make([]risk, len(horizons)),
		deals:     make(map[string]struct{}),
		companies: make(map[string]*company),
	}
	for i := range in.risks {
		in.risks[i] = risk{value: make(sums), refundable: make(sums)}
	}
	return in
}

// add counts one record.
func (in *insights) add(r plan.Stored, f facts) {
	in.match.Gifts++
	if r.Orphan == "" {
		in.match.Matched++
		if r.Ambiguous {
			in.match.Ambiguous++
		}
	}
	if !f.sent {
		return
	}
	for i, reached := range []bool{true, f.delivered, f.opened, f.redeemed} {
		if reached {
			in.steps[i].Count++
		}
	}
	in.addCohort(r.Gift.Amount, f)
	if f.eligible {
		in.toOpen.add(f.opened, f.stampedAt, f.openedAt)
		in.toRedeem.add(f.redeemed, f.stampedAt, f.redeemedAt)
	}
	if f.pending {
		k := &in.risks[in.horizonOf(f.deadline)]
		k.count++
		k.value.add(r.Gift.Amount.Currency, r.Gift.Amount.Value)
		if !f.opened {
			k.refundable.add(r.Gift.Amount.Currency, r.Gift.Amount.Value)
		}
	}
	in.addLinks(r, f)
}

func (in *insights) addCohort(m plan.Money, f facts) {
	month := ""
	if !f.sentAt.IsZero() {
		month = f.sentAt.In(in.zone).Format("2006-01")
	}
	c := in.cohorts[month]
	if c == nil {
		c = new(cohort)
		for i := range c.values {
			c.values[i] = make(sums)
		}
		in.cohorts[month] = c
	}
	class := in.classOf(f)
	c.counts[class]++
	c.values[class].add(m.Currency, m.Value)
}

// classOf returns what became of a sent gift.
func (in *insights) classOf(f facts) int {
	switch {
	case f.redeemed:
		return redeemed
	case !f.eligible:
		return undelivered
	case f.cancelled:
		return cancelled
	case f.pending && (f.deadline.IsZero() || in.now.Before(f.deadline)):
		return immature
	}
	return unredeemed
}

// horizonOf returns the index in horizons of what expires then.
func (in *insights) horizonOf(deadline time.Time) int {
	last := len(horizons) - 1
	if deadline.IsZero() {
		return last
	}
	left := deadline.Sub(in.now)
	if left <= 0 {
		return 0
	}
	for i, h := range horizons[1 : last-1] {
		if left < h.below {
			return i + 1
		}
	}
	return last - 1
}

func (in *insights) addLinks(r plan.Stored, f facts) {
	linked := false
	for _, l := range r.Links {
		if l.Kind == plan.Deal && !l.Refused {
			in.deals[l.ID], linked = struct{}{}, true
		}
	}
	if linked {
		in.influenced++
	}
	first, ok := firstLink(r.Links, plan.Company)
	if !ok {
		return
	}
	c := in.companies[first.ID]
	if c == nil {
		c = &company{value: make(sums)}
		in.companies[first.ID] = c
	}
	c.sent++
	if f.eligible {
		c.eligible++
	}
	if f.redeemed {
		c.redeemed++
	}
	c.value.add(r.Gift.Amount.Currency, r.Gift.Amount.Value)
}

// report adds the numbers to the document of c.
func (in *insights) report(rep *Report, c *counter) {
	for i := range in.steps {
		in.steps[i].Share = share(in.steps[i].Count, c.sent)
	}
	rep.Funnel = in.steps
	rep.Cohorts = []Cohort{}
	for _, month := range slices.Sorted(maps.Keys(in.cohorts)) {
		rep.Cohorts = append(rep.Cohorts, in.cohorts[month].report(month))
	}
	rep.TimeToOpen, rep.TimeToRedeem = in.toOpen.report(c.all.eligible), in.toRedeem.report(c.all.eligible)
	for i, h := range horizons {
		k := in.risks[i]
		rep.MoneyAtRisk = append(rep.MoneyAtRisk, Risk{h.name, k.count, k.value.totals(), k.refundable.totals()})
	}
	rep.ByCurrency = in.money(c)
	rep.Match = in.match
	rep.Match.Rate = share(in.match.Matched, in.match.Gifts)
	rep.Influenced = Influenced{Deals: len(in.deals), Gifts: in.influenced}
	rep.Companies, rep.TopCompanies = len(in.companies), in.topCompanies()
}

func (c *cohort) report(month string) Cohort {
	n := c.counts
	rep := Cohort{
		Month: month, Redeemed: n[redeemed], Unredeemed: n[unredeemed], Immature: n[immature], Undelivered: n[undelivered], Cancelled: n[cancelled],
		Rate:    share(n[redeemed], n[redeemed]+n[unredeemed]),
		AtLeast: share(n[redeemed], n[redeemed]+n[unredeemed]+n[immature]),
		Value:   make(map[string]CohortValue),
	}
	all := make(sums)
	for i := range classes {
		rep.Sent += n[i]
		for currency, s := range c.values[i] {
			all.add(currency, s.total)
		}
	}
	for currency, s := range all {
		got, lost := c.values[redeemed][currency].total, c.values[unredeemed][currency].total
		places := decimalsOf(currency)
		rep.Value[currency] = CohortValue{
			Sent: exact(s.total, places), Redeemed: exact(got, places), Unredeemed: exact(lost, places),
			Immature: exact(c.values[immature][currency].total, places), Rate: ratio(got, got.Add(lost)),
		}
	}
	return rep
}

// money returns the sums of each currency, the most used first.
func (in *insights) money(c *counter) []Money {
	list := []Money{}
	for currency, s := range c.value {
		var atRisk, refundable decimal.Decimal
		for _, k := range in.risks {
			atRisk = atRisk.Add(k.value[currency].total)
			refundable = refundable.Add(k.refundable[currency].total)
		}
		refunded, places := c.refunded[currency].total, decimalsOf(currency)
		list = append(list, Money{
			Currency: currency, Gifts: s.count,
			Sent: exact(s.total, places), Refunded: exact(refunded, places), Net: exact(s.total.Sub(refunded), places),
			AtRisk: exact(atRisk, places), Refundable: exact(refundable, places),
		})
	}
	slices.SortFunc(list, func(a, b Money) int {
		return cmp.Or(cmp.Compare(b.Gifts, a.Gifts), cmp.Compare(a.Currency, b.Currency))
	})
	return list
}

func (in *insights) topCompanies() []Company {
	ids := slices.SortedFunc(maps.Keys(in.companies), func(a, b string) int {
		return cmp.Or(cmp.Compare(in.companies[b].sent, in.companies[a].sent), cmp.Compare(a, b))
	})
	top := []Company{}
	for _, id := range ids[:min(len(ids), topN)] {
		c := in.companies[id]
		top = append(top, Company{id, c.sent, c.redeemed, c.eligible, rate(c.tally), c.value.totals()})
	}
	return top
}
