package page

import (
	"cmp"
	"maps"
	"slices"

	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/stats"
)

func statusSection(r stats.Report) section {
	s := section{ID: "status", Title: "By status", Means: means("by_status"), Columns: header("Status", "#Gifts", "")}
	drawn := chartOf("Gifts by status", "gifts", bars, false, "Gifts")
	drawn.Across = true
	all := sum(r.ByStatus)
	for _, status := range plan.Statuses() {
		if n := r.ByStatus[status]; n > 0 {
			s.add(text(string(status)), count(n), part(n, all))
			drawn.add(string(status), whole(n))
		}
	}
	s.Charts = []chart{drawn}
	return s
}

func sum[K comparable](counts map[K]int) (all int) {
	for _, n := range counts {
		all += n
	}
	return all
}

func monthSection(r stats.Report) section {
	s := section{ID: "months", Title: "Months", Means: means("by_month"), Columns: header("Month", "#Sent", "")}
	top := 0
	for _, n := range r.ByMonth {
		top = max(top, n)
	}
	for _, month := range slices.Sorted(maps.Keys(r.ByMonth)) {
		s.add(text(month), count(r.ByMonth[month]), part(r.ByMonth[month], top))
	}
	slices.Reverse(s.Rows)
	return s
}

func typeSection(r stats.Report) section {
	s := section{
		ID: "types", Title: "Top gifts", Means: means("top_types", "redemption_by_type"), Search: true,
		Columns: header("Gift", "#Sent", "#Redeemed", "#Eligible", "#Rate", ""),
	}
	sent := make(map[string]int)
	for _, t := range r.TopTypes {
		sent[t.Name] = t.Count
	}
	top := func(t stats.TypeRate) bool { _, ok := sent[t.Name]; return ok }
	list := slices.Clone(r.RedemptionByType)
	slices.SortStableFunc(list, func(a, b stats.TypeRate) int { return cmp.Compare(sent[b.Name], sent[a.Name]) })
	for _, t := range list {
		number := text("–")
		number.Number = true
		if top(t) {
			number = count(sent[t.Name])
		}
		s.add(others(t.Name), number, count(t.Redeemed), count(t.Eligible), rate(t.Rate), share(t.Rate))
	}
	s.limit("gifts")
	return s
}

func senderSection(r stats.Report) section {
	s := section{
		ID: "senders", Title: "Top senders", Means: means("top_senders"), Search: true,
		Columns: header("Sender", "Address", "#Sent", ""),
	}
	for _, p := range r.TopSenders {
		s.add(others(cmp.Or(p.Name, p.Email)), others(p.Email), count(p.Count), part(p.Count, r.TopSenders[0].Count))
	}
	return s
}

func companySection(r stats.Report) section {
	s := section{
		ID: "companies", Title: "Top companies", Means: means("companies", "top_companies"), Search: true, Wide: true,
		Columns: header("Company", "#Sent", "#Redeemed", "#Eligible", "#Rate", ""),
		Note:    "of " + digits(r.Companies) + " companies",
	}
	currencies := mainCurrencies(r)
	for _, c := range currencies {
		s.Columns = append(s.Columns, header("#"+currency(c))...)
	}
	for _, c := range r.TopCompanies {
		cells := []cell{count(c.Sent), count(c.Redeemed), count(c.Eligible), rate(c.Rate), share(c.Rate)}
		for _, currency := range currencies {
			cells = append(cells, money(c.Value[currency]))
		}
		s.add(others(cmp.Or(c.Name, c.ID)), cells...)
	}
	return s
}

// influencedSection says what became of the deals that gifts are linked to.
func influencedSection(r stats.Report) section {
	s := section{ID: "outcomes", Title: "Influenced deals", Means: means("influenced"), Columns: header("Outcome", "#Deals", "")}
	if r.Health.ListedAt == nil {
		return s
	}
	n := r.Influenced
	worth := make(names)
	for _, amounts := range []stats.Amounts{n.WonValue, n.LostValue, n.OpenValue} {
		for c := range amounts {
			worth.add(c)
		}
	}
	currencies := worth.sorted()
	for _, c := range currencies {
		s.Columns = append(s.Columns, header("#"+currency(c))...)
	}
	drawn := chartOf("Influenced deals by outcome", "deals", bars, false, "Deals")
	drawn.Across = true
	for _, o := range []struct {
		name  string
		deals int
		value stats.Amounts
	}{{"won", n.Won, n.WonValue}, {"lost", n.Lost, n.LostValue}, {"open", n.Open, n.OpenValue}, {"not listed yet", n.Unlisted, nil}} {
		cells := []cell{count(o.deals), part(o.deals, n.Deals)}
		for _, c := range currencies {
			cells = append(cells, money(o.value[c]))
		}
		s.add(text(o.name), cells...)
		drawn.add(o.name, whole(o.deals))
	}
	s.Charts = []chart{drawn}
	s.Note = "Each deal once. It does not say that a gift caused anything."
	return s
}

// winSection compares influenced deals with deals without gifts.
func winSection(r stats.Report) section {
	s := section{ID: "wins", Title: "Win rate", Means: means("influenced"), Columns: header("Deals", "#Won", "#Closed", "#Rate", "", "#95 % from", "#to")}
	for _, w := range []struct {
		of string
		stats.WinRate
	}{{"influenced", r.Influenced.WinRate}, {"of contacts without gifts", r.Influenced.WithoutGifts}} {
		if w.Rate != nil {
			s.add(text(w.of), count(w.Won), count(w.Closed), rate(w.Rate), share(w.Rate), rate(w.Low), rate(w.High))
		}
	}
	s.Note = "A difference does not say that gifts caused it."
	return s
}

func stageSection(r stats.Report) section {
	s := section{ID: "stages", Title: "Deal stage when linked", Means: means("by_deal_stage"), Search: true, Columns: header("Stage", "#Sent", "")}
	for _, stage := range r.ByDealStage {
		s.add(others(stage.Name), count(stage.Count), part(stage.Count, r.ByDealStage[0].Count))
	}
	s.limit("stages")
	return s
}

func sizeSection(r stats.Report) section {
	s := section{ID: "sizes", Title: "Deal size when linked", Wide: true, Means: means("value_by_deal_size"), Columns: header("Size", "#Sent", "")}
	currencies, all := mainCurrencies(r), 0
	for _, c := range currencies {
		s.Columns = append(s.Columns, header("#"+currency(c), "#"+currency(c)+" average")...)
	}
	for _, size := range r.ValueByDealSize {
		all += size.Count
	}
	for _, size := range r.ValueByDealSize {
		cells := []cell{count(size.Count), part(size.Count, all)}
		for _, c := range currencies {
			cells = append(cells, money(size.TotalValue[c]), money(size.AverageValue[c]))
		}
		s.add(text(size.Size), cells...)
	}
	return s
}

func orphanSection(r stats.Report) section {
	s := section{ID: "orphans", Title: "Without a contact", Means: means("orphans"), Columns: header("Reason", "#Gifts", "")}
	all := sum(r.Orphans)
	for _, reason := range plan.Orphans() {
		if n := r.Orphans[reason]; n > 0 {
			s.add(text(string(reason)), count(n), part(n, all))
		}
	}
	return s
}
