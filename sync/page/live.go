package page

import "thnks-hubspot-sync/sync/stats"

// healthSection says how fresh the numbers are, and what a day costs.
func healthSection(r stats.Report) section {
	s := section{ID: "health", Title: "Sync health", Means: means("health"), Columns: header("Number", "#Value", "")}
	h := r.Health
	if h.Watermark != nil {
		s.add(text("Lag"), cell{Text: stats.Duration(h.LagMinutes), Number: true}, text("changes known up to "+minute(*h.Watermark)))
	}
	s.add(text("In quarantine"), count(h.Quarantined), text(""))
	s.add(text("Events waiting"), count(h.EventsWaiting), text(""))
	if h.ListedAt != nil {
		s.add(text("Calls to list deals"), count(h.ListingCalls), text("listed "+minute(*h.ListedAt)))
	}
	if h.CallsAsOf == nil {
		return s
	}
	left := "HubSpot names no daily limit"
	if h.CallsLimit != nil && h.CallsLeft != nil {
		left = digits(*h.CallsLeft) + " of " + digits(*h.CallsLimit) + " left"
	}
	s.add(text("HubSpot calls today"), count(h.CallsToday), text(left))
	s.Note = "Calls as of " + minute(*h.CallsAsOf)
	return s
}

// liveSection compares both sides.
func liveSection(l *stats.Reconciliation) section {
	s := section{ID: "live", Title: "Compared with HubSpot", Means: means("live"), Columns: header("Number", "#HubSpot", "#Written", "Same")}
	if l == nil {
		return s
	}
	add := func(what string, hubspot, journal cell) {
		same := "yes"
		if hubspot != journal {
			same = "no"
		}
		s.add(text(what), hubspot, journal, text(same))
	}
	add("Records", count(l.Gifts.HubSpot), count(l.Gifts.Journal))
	for _, status := range l.ByStatus {
		if status.HubSpot+status.Journal > 0 {
			add(string(status.Status), count(status.HubSpot), count(status.Journal))
		}
	}
	for _, v := range l.Value {
		add("Value in "+currency(v.Currency), money(v.HubSpot), money(v.Journal))
	}
	s.limit("numbers")
	s.Note = digits(l.Missing) + " missing, " + digits(l.Extra) + " extra, " + digits(l.Different) + " different, " +
		digits(l.Foreign) + " made by people; listed " + minute(l.At) + ", HubSpot calls " + digits(l.Calls)
	return s
}

// findingSection names what is missing, extra and different.
func findingSection(l *stats.Reconciliation) section {
	s := section{
		ID: "findings", Title: "What differs", Search: true, Wide: true,
		Columns: header("Kind", "Transaction", "Record", "Field", "HubSpot", "Written"),
	}
	if l == nil {
		return s
	}
	for _, f := range l.Findings {
		s.add(text(f.Kind), others(f.TransactionID), others(f.ObjectID), text(f.Field), others(f.HubSpot), others(f.Journal))
	}
	s.limit("differences")
	return s
}
