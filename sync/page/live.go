package page

import "thnks-hubspot-sync/sync/stats"

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
