package stats

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// horizons are the classes of days to expiry: each is below its limit. The first
// is for gifts past their time, the last for those whose time is unknown.
var horizons = []struct {
	name  string
	below int // days
}{
	{name: "overdue"}, {"< 7", 7}, {"< 30", 30}, {"< 90", 90}, {name: "more"}, {name: "unknown"},
}

// horizonOf returns the index in horizons of what expires at the end of a day.
func horizonOf(deadline, today int) int {
	last := len(horizons) - 1
	switch {
	case deadline == unknownDay:
		return last
	case deadline < today:
		return 0
	}
	for i, h := range horizons[1 : last-1] {
		if deadline-today < h.below {
			return i + 1
		}
	}
	return last - 1
}

// Report returns the statistics of what was tallied, as they are at the time
// o.Now. The filter of o is shown and not applied. An error is one of the
// filter, or of o.Look.
func (t *Tally) Report(o Options) (Report, error) {
	o = o.withDefaults()
	today := dayOf(o.Now, t.zone)
	k := &t.kept
	rep := Report{
		Portal: o.Portal, MadeAt: o.Now.UTC().Truncate(time.Second), Version: o.Version, TimeZone: o.Location.String(),
		Period: Period{From: o.Filter.From, To: o.Filter.To}, Filter: o.Filter,

		TotalSent: k.All.Sent, Redeemed: k.All.Redeemed, Eligible: k.All.Eligible, RedemptionRate: k.All.rate(), Donated: k.Donated,
		RefundedValue: k.Refunded.totals(),
		TopTypes:      topTypes(k.Types), RedemptionByType: typeRates(k.Types), TopSenders: topSenders(k.Senders),
		ByStatus: make(map[plan.Status]int), Orphans: make(map[plan.Orphan]int), ByDealStage: stages(k.Stages, o.Stages),
		TimeToOpen: k.ToOpen.report(k.All.Eligible), TimeToRedeem: k.ToRedeem.report(k.All.Eligible),
		Match:      Match{k.Gifts, k.Matched, k.Ambiguous, share(k.Matched, k.Gifts)},
		Influenced: t.influenced(o.Outcomes),
		Companies:  len(k.Companies), TopCompanies: topCompanies(k.Companies, o.Outcomes.Companies),
		Health: o.Health.with(o.Now, o.Outcomes),
	}
	for _, s := range plan.Statuses() {
		rep.ByStatus[s] = k.Statuses[s]
	}
	for _, reason := range plan.Orphans() {
		rep.Orphans[reason] = k.Orphans[reason]
	}
	if !o.LastSync.IsZero() {
		at := o.LastSync.UTC()
		rep.LastSync = &at
	}
	for i, n := range []int{k.All.Sent, k.Delivered, k.Opened, k.All.Redeemed} {
		rep.Funnel = append(rep.Funnel, Step{funnel[i], n, share(n, k.All.Sent)})
	}
	for i, s := range sizes {
		var h heap
		if known := k.Sizes[i]; known != nil {
			h = *known
		}
		rep.ValueByDealSize = append(rep.ValueByDealSize, Size{s.name, h.Count, h.Value.totals(), h.Value.averages()})
	}
	t.reportMonths(&rep, today)
	t.reportMoney(&rep, today)
	var err error
	if rep.Trend, err = t.trend(o, today); err != nil {
		return Report{}, err
	}
	rep.RecentActivity, err = k.Recent.report(o)
	return rep, err
}

// funnel are the steps that gifts take.
var funnel = []plan.Status{plan.Sent, plan.Delivered, plan.Opened, plan.Redeemed}

// A cohort is what became of the gifts of one month.
type cohort struct{ redeemed, unredeemed, immature, undelivered, cancelled heap }

func (h *heap) join(o *heap) {
	h.Count += o.Count
	h.Value.join(o.Value)
}

// reportMonths tells the months apart. What can be redeemed until a day of the
// past is unredeemed, and immature otherwise.
func (t *Tally) reportMonths(rep *Report, today int) {
	months := make(map[int]*cohort)
	at := func(month int) *cohort {
		if months[month] == nil {
			months[month] = new(cohort)
		}
		return months[month]
	}
	for key, h := range t.kept.Settled {
		c := at(key.Month)
		[]*heap{redeemed: &c.redeemed, unredeemed: &c.unredeemed, undelivered: &c.undelivered, cancelled: &c.cancelled}[key.Class].join(h)
	}
	for key, h := range t.kept.Pending {
		if c := at(key.Month); key.Deadline == unknownDay || key.Deadline >= today {
			c.immature.join(h)
		} else {
			c.unredeemed.join(h)
		}
	}
	rep.ByMonth, rep.Cohorts = make(map[string]int), []Cohort{}
	for _, month := range slices.Sorted(maps.Keys(months)) {
		c := months[month].report(monthText(month))
		rep.Cohorts = append(rep.Cohorts, c)
		if month != unknownMonth {
			rep.ByMonth[c.Month] = c.Sent
		}
	}
}

func (c *cohort) report(month string) Cohort {
	var all heap
	for _, h := range []*heap{&c.redeemed, &c.unredeemed, &c.immature, &c.undelivered, &c.cancelled} {
		all.join(h)
	}
	got, lost, young := c.redeemed.Count, c.unredeemed.Count, c.immature.Count
	rep := Cohort{
		Month: month, Sent: all.Count, Redeemed: got, Unredeemed: lost, Immature: young,
		Undelivered: c.undelivered.Count, Cancelled: c.cancelled.Count,
		Rate: share(got, got+lost), AtLeast: share(got, got+lost+young), Value: make(map[string]CohortValue),
	}
	for _, v := range all.Value {
		got, lost := c.redeemed.Value.of(v.Currency), c.unredeemed.Value.of(v.Currency)
		places := decimalsOf(v.Currency)
		rep.Value[v.Currency] = CohortValue{
			Sent: exact(v.total(), places), Redeemed: exact(got, places), Unredeemed: exact(lost, places),
			Immature: exact(c.immature.Value.of(v.Currency), places), Rate: ratio(got, got.Add(lost)),
		}
	}
	return rep
}

// reportMoney adds what was spent and what is at risk.
func (t *Tally) reportMoney(rep *Report, today int) {
	var sent, atRisk, refundable sums
	for _, h := range t.kept.Settled {
		sent.join(h.Value)
	}
	risks := make([]struct {
		heap
		refundable sums
	}, len(horizons))
	for key, h := range t.kept.Pending {
		sent.join(h.Value)
		atRisk.join(h.Value)
		k := &risks[horizonOf(key.Deadline, today)]
		k.join(h)
		if !key.Opened {
			k.refundable.join(h.Value)
			refundable.join(h.Value)
		}
	}
	for i, h := range horizons {
		k := &risks[i]
		rep.MoneyAtRisk = append(rep.MoneyAtRisk, Risk{h.name, k.Count, k.Value.totals(), k.refundable.totals()})
	}
	rep.TotalValue, rep.AverageValue, rep.ByCurrency = sent.totals(), sent.averages(), []Money{}
	for _, v := range sent {
		refunded, places := t.kept.Refunded.of(v.Currency), decimalsOf(v.Currency)
		rep.ByCurrency = append(rep.ByCurrency, Money{
			Currency: v.Currency, Gifts: v.Count,
			Sent: exact(v.total(), places), Refunded: exact(refunded, places), Net: exact(v.total().Sub(refunded), places),
			AtRisk: exact(atRisk.of(v.Currency), places), Refundable: exact(refundable.of(v.Currency), places),
		})
	}
	slices.SortFunc(rep.ByCurrency, func(a, b Money) int {
		return cmp.Or(cmp.Compare(b.Gifts, a.Gifts), cmp.Compare(a.Currency, b.Currency))
	})
}
