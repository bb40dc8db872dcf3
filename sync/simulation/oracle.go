package simulation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// Check compares every gift's record and links with what the two emulators and
// the rules say. The unreadable are transactions that must have no record.
func (w *World) Check(unreadable ...string) {
	w.T.Helper()
	records := make(map[string]hubspottest.Record)
	for r := range w.Portal.Records("thnks") {
		id := r.Properties["thnks_transaction_id"]
		if _, double := records[id]; double {
			w.T.Errorf("transaction %s has two records", id)
		}
		records[id] = r
	}
	people := w.Contacts()
	n := 0
	for _, tx := range w.Thnks.Transactions() {
		if tx.ID == "" || slices.Contains(unreadable, tx.ID) {
			continue
		}
		n++
		r, ok := records[tx.ID]
		if !ok {
			w.T.Errorf("transaction %s has no record", tx.ID)
			continue
		}
		got := make(map[string]string)
		want := ValuesDue(tx)
		for k := range want {
			got[k] = r.Properties[k]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			w.T.Errorf("transaction %s: record differs (-want +got):\n%s", tx.ID, diff)
		}
		if diff := cmp.Diff(w.LinksDue(people, tx), w.Links(r.ID)); diff != "" {
			w.T.Errorf("transaction %s: links differ (-want +got):\n%s", tx.ID, diff)
		}
	}
	if len(records) != n {
		w.T.Errorf("the portal has %d records for %d transactions", len(records), n)
	}
}

// ValuesDue are the properties that a transaction's record must show, as far as
// no text needs cleaning.
func ValuesDue(tx thnksapitest.Transaction) map[string]string {
	f := map[string]string{
		"thnks_transaction_id": tx.ID,
		"status":               StatusOf(tx),
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

// StatusOf is the status that a transaction's record must show.
func StatusOf(tx thnksapitest.Transaction) string {
	switch s := strings.ToLower(strings.TrimSpace(tx.Status)); s {
	case "scheduled", "sent", "delivered", "opened", "redeemed", "refunded", "expired", "undelivered", "donated":
		return s
	case "undeliverable":
		return "undelivered"
	default:
		return "unknown"
	}
}

// LinksDue are the links that a transaction's record must have, by HubSpot type,
// where people are the contacts by address and every rule has its default.
func (w *World) LinksDue(people map[string]hubspottest.Record, tx thnksapitest.Transaction) map[string][]string {
	want := make(map[string][]string)
	c, ok := people[strings.ToLower(strings.TrimSpace(tx.Recipient.Email))]
	if !ok {
		return want
	}
	want["contacts"] = []string{c.ID}
	if id := c.Properties["associatedcompanyid"]; id != "" {
		want["companies"] = []string{id}
	}
	for _, l := range w.Portal.Links("contacts", c.ID)["deals"] {
		if d, ok := w.Portal.Record("deals", l.ToID); ok && d.Properties["hs_is_closed"] != "true" {
			want["deals"] = append(want["deals"], l.ToID)
		}
	}
	slices.Sort(want["deals"])
	if len(want["deals"]) == 0 {
		delete(want, "deals")
	}
	return want
}

// WantLinked checks what the record of a transaction is linked to, ids by HubSpot
// type.
func (w *World) WantLinked(id string, want map[string][]string) {
	w.T.Helper()
	got := w.Links(w.Record(id))
	for _, ids := range want {
		slices.Sort(ids)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.T.Errorf("transaction %s is linked to %v, want %v", id, got, want)
	}
}

// CheckRecovered does the passes that follow a death at a step, and checks that the
// portal equals the source, that nothing is doubled, and that nothing is left to do.
func (w *World) CheckRecovered(step int) {
	w.T.Helper()
	w.Must(giftsync.Incremental)
	w.Check()
	rep := w.Must(giftsync.Incremental)
	if Calls(rep) != 0 {
		w.T.Errorf("step %d: the pass after recovery still makes %d HubSpot calls", step, Calls(rep))
	}
	st := w.Open()
	defer st.Close()
	if err := st.Check(context.Background()); err != nil {
		w.T.Errorf("step %d: state file: %v", step, err)
	}
}

// CheckSettled checks that another look at every link changes nothing.
func (w *World) CheckSettled() {
	w.T.Helper()
	before := w.Portal.Snapshot()
	rep := w.Must(giftsync.ReassociateAll)
	if rep.Updated+rep.Created+rep.AssociationsCreated != 0 || !Same(before, w.Portal.Snapshot()) {
		w.T.Errorf("another run still changes something: %+v", rep)
	}
	w.CheckStateFile()
}

// CheckStateFile checks that the state file is sound.
func (w *World) CheckStateFile() {
	w.T.Helper()
	st := w.Open()
	defer st.Close()
	if err := st.Check(context.Background()); err != nil {
		w.T.Errorf("state file: %v", err)
	}
}

// Same reports whether two snapshots of a portal are equal.
func Same(a, b hubspottest.Snapshot) bool { return cmp.Equal(a, b) }
