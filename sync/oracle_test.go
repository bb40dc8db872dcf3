package sync

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// populate makes contacts, companies and deals for most of the people that
// gifts were sent to.
func (w *world) populate(txs []thnksapitest.Transaction, matched float64) {
	w.thnks.Add(txs...)
	w.portal.Populate(thnksapitest.Recipients(txs), hubspottest.Population{
		Matched: matched, WithCompany: 0.8, DealsPer: 2, OpenDeals: 0.6, Seed: 7,
	})
}

// check compares the portal with what the source and the rules for links say.
// It shares no code with the engine: what a gift's record must hold and which
// contact, company and deals it must be linked to is worked out here, from the
// two emulators alone. The unreadable are transactions that cannot be there.
func (w *world) check(unreadable ...string) {
	w.t.Helper()
	records := make(map[string]hubspottest.Record)
	for r := range w.portal.Records("thnks") {
		id := r.Properties["thnks_transaction_id"]
		if _, double := records[id]; double {
			w.t.Errorf("transaction %s has two records", id)
		}
		records[id] = r
	}
	people := w.contacts()
	n := 0
	for _, tx := range w.thnks.Transactions() {
		if tx.ID == "" || slices.Contains(unreadable, tx.ID) {
			continue
		}
		n++
		r, ok := records[tx.ID]
		if !ok {
			w.t.Errorf("transaction %s has no record", tx.ID)
			continue
		}
		got := make(map[string]string)
		want := facts(tx)
		for k := range want {
			got[k] = r.Properties[k]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			w.t.Errorf("transaction %s: record differs (-want +got):\n%s", tx.ID, diff)
		}
		if diff := cmp.Diff(w.wantLinks(people, tx), w.links(r.ID)); diff != "" {
			w.t.Errorf("transaction %s: links differ (-want +got):\n%s", tx.ID, diff)
		}
	}
	if len(records) != n {
		w.t.Errorf("the portal has %d records for %d transactions", len(records), n)
	}
}

// facts are what a record says of a transaction, as far as no text needs
// cleaning.
func facts(tx thnksapitest.Transaction) map[string]string {
	f := map[string]string{
		"thnks_transaction_id": tx.ID,
		"status":               statusOf(tx),
		"status_raw":           tx.Status,
		"tracking_url":         tx.TrackingURL,
	}
	if d, err := decimal.NewFromString(tx.Amount); err == nil {
		f["gift_amount"] = d.String()
	}
	for name, at := range map[string]time.Time{
		"sent_date": tx.Times.Sent, "opened_date": tx.Times.Opened, "redeemed_date": tx.Times.Redeemed,
		"refunded_date": tx.Times.Refunded, "expired_date": tx.Times.Expired,
	} {
		f[name] = ""
		if at.Year() >= 2000 && at.Year() <= 2100 {
			f[name] = at.UTC().Format("2006-01-02T15:04:05.000Z")
		}
	}
	return f
}

func statusOf(tx thnksapitest.Transaction) string {
	switch s := strings.ToLower(strings.TrimSpace(tx.Status)); s {
	case "scheduled", "sent", "delivered", "opened", "redeemed", "refunded", "expired", "undelivered", "donated":
		return s
	case "undeliverable":
		return "undelivered"
	default:
		return "unknown"
	}
}

// contacts are the portal's contacts by primary address.
func (w *world) contacts() map[string]hubspottest.Record {
	people := make(map[string]hubspottest.Record)
	for c := range w.portal.Records("contacts") {
		if a := c.Properties["email"]; a != "" {
			people[a] = c
		}
	}
	return people
}

func (w *world) wantLinks(people map[string]hubspottest.Record, tx thnksapitest.Transaction) map[string][]string {
	want := make(map[string][]string)
	c, ok := people[strings.ToLower(strings.TrimSpace(tx.Recipient.Email))]
	if !ok {
		return want
	}
	want["contacts"] = []string{c.ID}
	if id := c.Properties["associatedcompanyid"]; id != "" {
		want["companies"] = []string{id}
	}
	for _, l := range w.portal.Links("contacts", c.ID)["deals"] {
		if d, ok := w.portal.Record("deals", l.ToID); ok && d.Properties["hs_is_closed"] != "true" {
			want["deals"] = append(want["deals"], l.ToID)
		}
	}
	slices.Sort(want["deals"])
	if len(want["deals"]) == 0 {
		delete(want, "deals")
	}
	return want
}

func (w *world) links(id string) map[string][]string {
	got := make(map[string][]string)
	for to, links := range w.portal.Links("thnks", id) {
		for _, l := range links {
			got[to] = append(got[to], l.ToID)
		}
		slices.Sort(got[to])
	}
	maps.DeleteFunc(got, func(_ string, ids []string) bool { return len(ids) == 0 })
	return got
}

func sameSnapshot(a, b hubspottest.Snapshot) bool { return cmp.Equal(a, b) }
