package page

import (
	"cmp"
	"maps"
	"slices"

	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/stats"
)

// sections returns the tables of a report, the important first.
func sections(r stats.Report) []section {
	return []section{
		cohortSection(r), moneySection(r), riskSection(r), funnelSection(r), trendSection(r), influencedSection(r), winSection(r), activitySection(r),
		statusSection(r), monthSection(r), typeSection(r), senderSection(r), companySection(r),
		stageSection(r), sizeSection(r), orphanSection(r), healthSection(r), liveSection(r.Live), findingSection(r.Live),
	}
}

// mainCurrencies returns the most used currencies, which have columns of their own.
func mainCurrencies(r stats.Report) []string {
	var list []string
	for _, m := range r.ByCurrency[:min(len(r.ByCurrency), 3)] {
		list = append(list, m.Currency)
	}
	return list
}

func moneySection(r stats.Report) section {
	s := section{
		ID: "money", Title: "Money", Wide: true, Means: means("total_value", "refunded_value", "average_value"),
		Columns: header("Currency", "#Gifts", "#Sent", "#Refunded", "#Net", "#At risk", "#Refundable", "#Average"),
	}
	for _, m := range r.ByCurrency {
		s.add(text(currency(m.Currency)), count(m.Gifts), money(m.Sent), money(m.Refunded), money(m.Net), money(m.AtRisk), money(m.Refundable), money(r.AverageValue[m.Currency]))
	}
	s.limit("currencies")
	return s
}

func riskSection(r stats.Report) section {
	s := section{ID: "risk-by-days", Title: "At risk, by days to expiry", Wide: true, Means: means("money_at_risk"), Columns: header("Days", "#Gifts", "")}
	currencies, all := mainCurrencies(r), 0
	for _, c := range currencies {
		s.Columns = append(s.Columns, header("#"+currency(c), "#"+currency(c)+" refundable")...)
	}
	for _, k := range r.MoneyAtRisk {
		all += k.Count
	}
	if all == 0 {
		return s
	}
	var drawn chart
	if len(currencies) > 0 {
		drawn = chartOf("Money at risk by days to expiry", currency(currencies[0]), bars, true, "Refundable", "Not refundable")
	}
	for _, k := range r.MoneyAtRisk {
		cells := []cell{count(k.Count), part(k.Count, all)}
		for _, c := range currencies {
			cells = append(cells, money(k.Value[c]), money(k.Refundable[c]))
		}
		s.add(text(k.Days), cells...)
		if len(currencies) > 0 {
			value, refundable := figure(k.Value[currencies[0]]), figure(k.Refundable[currencies[0]])
			rest := value - refundable
			drawn.add(k.Days, &refundable, &rest)
		}
	}
	if len(currencies) > 0 {
		s.Charts = []chart{drawn}
	}
	return s
}

func cohortSection(r stats.Report) section {
	s := section{
		ID: "cohorts", Title: "By month of sending", Wide: true, Means: means("cohorts"),
		Columns: header("Month", "#Sent", "#Redeemed", "#Unredeemed", "#Immature", "#Undelivered", "#Cancelled", "#Rate", "", "#At least"),
	}
	currencies := mainCurrencies(r)
	for _, c := range currencies {
		s.Columns = append(s.Columns, header("#By value, "+currency(c))...)
	}
	gifts := chartOf("Gifts by month of sending", "gifts", bars, true, "Redeemed", "Unredeemed", "Immature", "Undelivered", "Cancelled")
	rates := chartOf("Redemption rate by month of sending", "%", lines, false, "Rate", "At least")
	for _, c := range r.Cohorts {
		month := cmp.Or(c.Month, "unknown")
		cells := []cell{
			count(c.Sent), count(c.Redeemed), count(c.Unredeemed), count(c.Immature), count(c.Undelivered), count(c.Cancelled),
			rate(c.Rate), share(c.Rate), rate(c.AtLeast),
		}
		for _, currency := range currencies {
			cells = append(cells, rate(c.Value[currency].Rate))
		}
		s.add(text(month), cells...)
		gifts.add(month, whole(c.Redeemed), whole(c.Unredeemed), whole(c.Immature), whole(c.Undelivered), whole(c.Cancelled))
		rates.add(month, percent(c.Rate), percent(c.AtLeast))
	}
	slices.Reverse(s.Rows) // the newest month first
	s.Charts = []chart{gifts, rates}
	return s
}

func funnelSection(r stats.Report) section {
	s := section{ID: "funnel", Title: "Funnel", Means: means("funnel"), Columns: header("Status", "#Gifts", "#Share", "")}
	drawn := chartOf("Funnel by status", "gifts", bars, false, "Gifts")
	drawn.Across = true
	for _, step := range r.Funnel {
		s.add(text(string(step.Status)), count(step.Count), rate(step.Share), share(step.Share))
		drawn.add(string(step.Status), whole(step.Count))
	}
	s.Charts = []chart{drawn}
	return s
}

func trendSection(r stats.Report) section {
	s := section{ID: "trend", Title: "Trend", Means: means("trend"), Columns: header("Number", "#Now", "#Before", "#Change")}
	t := r.Trend
	if t == nil {
		return s
	}
	s.add(text("Sent"), count(t.Sent.Now), count(t.Sent.Before), change(t.Sent.Change))
	s.add(text("Redeemed"), count(t.Redeemed.Now), count(t.Redeemed.Before), change(t.Redeemed.Change))
	for _, c := range slices.Sorted(maps.Keys(t.Value)) {
		v := t.Value[c]
		s.add(text("Value in "+currency(c)), money(v.Now), money(v.Before), change(v.Change))
	}
	s.limit("currencies")
	s.Note = t.Period.From + " to " + t.Period.To + " against " + t.Before.From + " to " + t.Before.To
	return s
}

func activitySection(r stats.Report) section {
	s := section{
		ID: "activity", Title: "Recent activity", Means: means("recent_activity"), Search: true, Wide: true,
		Columns: header("Time (UTC)", "Event", "Status now", "Gift", "Recipient", "Transaction"),
	}
	for _, a := range r.RecentActivity {
		id := others(a.TransactionID)
		id.URL = a.URL
		s.add(at(a.Time), text(a.Kind), text(string(cmp.Or(a.Status, plan.Unknown))), others(a.Gift), others(a.Recipient), id)
	}
	return s
}
