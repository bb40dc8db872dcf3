package stats

import "fmt"

// shownFindings is how many findings of each kind are printed.
const shownFindings = 10

// liveGrid compares both sides: what is equal in one line, and what is not.
func liveGrid(r Report) *grid {
	g := &grid{header: []string{"Compared with HubSpot", "HubSpot", "Written", "Same"}, kinds: []int{words, money, money, words}}
	l := r.Live
	if l == nil {
		return g
	}
	add := func(what, hubspot, journal string) {
		same := "yes"
		if hubspot != journal {
			same = "no"
		}
		g.add(what, hubspot, journal, same)
	}
	add("Records", number(l.Gifts.HubSpot), number(l.Gifts.Journal))
	for _, s := range l.ByStatus {
		if s.HubSpot+s.Journal > 0 {
			add("  "+string(s.Status), number(s.HubSpot), number(s.Journal))
		}
	}
	for _, v := range l.Value {
		add("  "+unit(v.Currency), amount(v.HubSpot), amount(v.Journal))
	}
	g.note = fmt.Sprintf("%s missing, %s extra, %s different; listed %s in %s calls", number(l.Missing), number(l.Extra), number(l.Different), minute(l.At), number(l.Calls))
	if l.Foreign > 0 {
		g.note += fmt.Sprintf("; %s made by people", number(l.Foreign))
	}
	return g
}

// findingGrid names what is missing, extra and different.
func findingGrid(r Report) *grid {
	g := &grid{header: []string{"What differs", "Transaction", "Record", "HubSpot", "Written"}, kinds: []int{words, words, words, words, words}}
	if r.Live == nil {
		return g
	}
	printed := map[string]int{}
	for _, f := range r.Live.Findings {
		if printed[f.Kind]++; printed[f.Kind] <= shownFindings {
			g.add(f.Kind, Visible(f.TransactionID), Visible(f.ObjectID), Visible(f.HubSpot), Visible(f.Journal))
		}
	}
	g.note = more(r.Live.Missing+r.Live.Extra+r.Live.Different-len(g.rows), "differences")
	return g
}

// healthGrid says how fresh the numbers are.
func healthGrid(r Report) *grid {
	g := &grid{header: []string{"Sync health", "", ""}, kinds: []int{words, numbers, words}}
	h := r.Health
	if h.Watermark != nil {
		g.add("Lag", Duration(h.LagMinutes), "changes known up to "+minute(*h.Watermark))
	}
	g.add("In quarantine", number(h.Quarantined), "")
	g.add("Events waiting", number(h.EventsWaiting), "")
	if h.ListedAt != nil {
		g.add("Deals listed", minute(*h.ListedAt), fmt.Sprintf("in %s calls", number(h.ListingCalls)))
	}
	if h.CallsAsOf == nil {
		return g
	}
	left := "HubSpot names no daily limit"
	if h.CallsLimit != nil && h.CallsLeft != nil {
		left = fmt.Sprintf("%s of %s left", number(*h.CallsLeft), number(*h.CallsLimit))
	}
	g.add("HubSpot calls today", number(h.CallsToday), left)
	g.note = "Calls as of " + minute(*h.CallsAsOf)
	return g
}
