package simulation

import (
	"context"
	"maps"
	"slices"
	"strings"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// Record is the id of a transaction's record.
func (w *World) Record(id string) string {
	w.T.Helper()
	r := w.Portal.Find("thnks", "thnks_transaction_id", id)
	if len(r) != 1 {
		w.T.Fatalf("transaction %s has %d records", id, len(r))
	}
	return r[0].ID
}

// Property is a property of a transaction's record.
func (w *World) Property(id, name string) string {
	w.T.Helper()
	records := w.Portal.Find("thnks", "thnks_transaction_id", id)
	if len(records) != 1 {
		w.T.Errorf("%d records of %s", len(records), id)
		return ""
	}
	return records[0].Properties[name]
}

// Links are the links of a record: ids by HubSpot type, sorted.
func (w *World) Links(id string) map[string][]string {
	got := make(map[string][]string)
	for to, links := range w.Portal.Links("thnks", id) {
		for _, l := range links {
			got[to] = append(got[to], l.ToID)
		}
		slices.Sort(got[to])
	}
	maps.DeleteFunc(got, func(_ string, ids []string) bool { return len(ids) == 0 })
	return got
}

// Contacts are the portal's contacts by each of their addresses.
func (w *World) Contacts() map[string]hubspottest.Record {
	people := make(map[string]hubspottest.Record)
	for c := range w.Portal.Records("contacts") {
		for _, a := range append(strings.Split(c.Properties["hs_additional_emails"], ";"), c.Properties["email"]) {
			if a != "" {
				people[a] = c
			}
		}
	}
	return people
}

// Schema is the definition of a custom object.
func (w *World) Schema(name string) hubspottest.Schema {
	w.T.Helper()
	s, ok := w.Portal.SchemaOf(name)
	if !ok {
		w.T.Fatalf("the portal has no object %s", name)
	}
	return s
}

// Stored is what the journal has of a gift.
func (w *World) Stored(id string) plan.Stored {
	w.T.Helper()
	st := w.Open()
	defer st.Close()
	s, ok, err := st.Gift(id)
	if err != nil || !ok {
		w.T.Fatalf("gift %s: %v, %v", id, ok, err)
	}
	return s
}

// Put puts a gift into the journal, as an earlier program may have left it.
func (w *World) Put(s plan.Stored) {
	w.T.Helper()
	st := w.Open()
	defer st.Close()
	if err := st.Commit(store.Commit{Gifts: []plan.Stored{s}}); err != nil {
		w.T.Fatal(err)
	}
}

// Quarantine is what waits in the quarantine, by key.
func (w *World) Quarantine() map[string]store.Quarantined {
	w.T.Helper()
	st := w.Open()
	defer st.Close()
	waiting := make(map[string]store.Quarantined)
	for q, err := range st.Quarantine(context.Background()) {
		if err != nil {
			w.T.Fatal(err)
		}
		waiting[q.Key] = q
	}
	return waiting
}

// QuarantineReasons counts what waits in the quarantine, by class and reason.
func (w *World) QuarantineReasons() map[string]int {
	reasons := make(map[string]int)
	for _, q := range w.Quarantine() {
		reasons[q.Class+": "+q.Reason]++
	}
	return reasons
}
