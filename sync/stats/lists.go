package stats

import (
	"cmp"

	"thnks-hubspot-sync/sync/plan"
)

func funnelGrid(r Report) *grid {
	g := &grid{header: []string{"Funnel", "Gifts", "Share", ""}, kinds: []int{words, numbers, numbers, bars}}
	for _, s := range r.Funnel {
		g.add(string(s.Status), number(s.Count), Percent(s.Share), rateBar(s.Share))
	}
	return g
}

// countGrid lists the keys whose count is not zero, in the given order.
func countGrid[K ~string](title string, keys []K, counts map[K]int) *grid {
	g := &grid{header: []string{title, "Gifts", ""}, kinds: []int{words, numbers, bars}}
	all := 0
	for _, n := range counts {
		all += n
	}
	for _, key := range keys {
		if n := counts[key]; n > 0 {
			g.add(string(key), number(n), bar(n, all))
		}
	}
	return g
}

func typeGrid(r Report) *grid {
	g := &grid{
		header: []string{"Top gifts", "Sent", "Redeemed", "Eligible", "Rate", ""},
		kinds:  []int{words, numbers, numbers, numbers, numbers, bars},
	}
	rates := make(map[string]TypeRate)
	for _, t := range r.RedemptionByType {
		rates[t.Name] = t
	}
	for _, t := range r.TopTypes[:min(len(r.TopTypes), shownTypes)] {
		k := rates[t.Name]
		g.add(Visible(t.Name), number(t.Count), number(k.Redeemed), number(k.Eligible), Percent(k.Rate), rateBar(k.Rate))
	}
	g.note = more(len(r.RedemptionByType)-len(g.rows), "gifts")
	return g
}

func senderGrid(r Report) *grid {
	g := &grid{header: []string{"Top senders", "Sent", ""}, kinds: []int{words, numbers, bars}}
	for _, p := range r.TopSenders {
		g.add(Visible(cmp.Or(p.Name, p.Email)), number(p.Count), bar(p.Count, r.TopSenders[0].Count))
	}
	return g
}

func companyGrid(r Report) *grid {
	g := (&grid{header: []string{"Top companies", "Sent", "Rate"}, kinds: []int{words, numbers, numbers}}).withMoney(r)
	for _, c := range r.TopCompanies {
		g.add(append([]string{Visible(cmp.Or(c.Name, c.ID)), number(c.Sent), Percent(c.Rate)}, amountsOf(r, c.Value)...)...)
	}
	if r.Companies > len(r.TopCompanies) {
		g.note = "of " + number(r.Companies) + " companies"
	}
	return g
}

func stageGrid(r Report) *grid {
	g := &grid{header: []string{"Deal stage when linked", "Sent", ""}, kinds: []int{words, numbers, bars}}
	for _, s := range r.ByDealStage {
		g.add(Visible(s.Name), number(s.Count), bar(s.Count, r.ByDealStage[0].Count))
	}
	return g
}

func sizeGrid(r Report) *grid {
	g := (&grid{header: []string{"Deal size when linked", "Sent"}, kinds: []int{words, numbers}}).withMoney(r)
	for _, s := range r.ValueByDealSize {
		if s.Count > 0 {
			g.add(append([]string{s.Size, number(s.Count)}, amountsOf(r, s.TotalValue)...)...)
		}
	}
	return g
}

func activityGrid(r Report) *grid {
	g := &grid{
		header: []string{"Recent activity (UTC)", "Event", "Status now", "Gift", "Recipient"},
		kinds:  []int{words, words, words, words, words},
	}
	for _, a := range r.RecentActivity {
		g.add(a.Time.UTC().Format("2006-01-02 15:04"), a.Kind, string(cmp.Or(a.Status, plan.Unknown)), Visible(a.Gift), Visible(a.Recipient))
	}
	return g
}

// influencedGrid says what became of the deals that gifts are linked to.
func influencedGrid(r Report) *grid {
	n := r.Influenced
	g := &grid{header: []string{"Influenced deals", "Deals", ""}, kinds: []int{words, numbers, bars}}
	if r.Health.ListedAt == nil {
		return g
	}
	g.withMoney(r)
	for _, o := range []struct {
		name  string
		deals int
		value Amounts
	}{{"won", n.Won, n.WonValue}, {"lost", n.Lost, n.LostValue}, {"open", n.Open, n.OpenValue}, {"not listed yet", n.Unlisted, nil}} {
		if o.deals > 0 {
			g.add(append([]string{o.name, number(o.deals), bar(o.deals, n.Deals)}, amountsOf(r, o.value)...)...)
		}
	}
	g.note = "Each deal once. It does not say that a gift caused anything."
	return g
}

// winGrid compares influenced deals with deals without gifts.
func winGrid(r Report) *grid {
	g := &grid{header: []string{"Win rate", "Won", "Closed", "Rate", "", "95 % between"}, kinds: []int{words, numbers, numbers, numbers, bars, words}}
	for _, w := range []struct {
		of string
		WinRate
	}{{"influenced deals", r.Influenced.WinRate}, {"contacts without gifts", r.Influenced.WithoutGifts}} {
		if w.Rate != nil {
			g.add(w.of, number(w.Won), number(w.Closed), Percent(w.Rate), rateBar(w.Rate), Percent(w.Low)+" and "+Percent(w.High))
		}
	}
	return g
}
