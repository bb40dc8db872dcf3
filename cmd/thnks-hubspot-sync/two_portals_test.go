package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestTwoPortalsOfTwoAccounts gives one process two portals whose accounts differ in
// everything that is learned from them: number, time zone, currency, deal stages and
// what says that they are closed, ids of the custom object, of association types and
// of records, how ids are written, scopes and limits. Each keeps to its own.
func TestTwoPortalsOfTwoAccounts(t *testing.T) {
	t.Parallel()
	accounts := []hubspottest.Options{
		{ID: 101, Seed: 11, TimeZone: "Asia/Tokyo", Currency: "JPY", FirstID: 3_000_000_000, TextIDs: true, NoIsClosed: true},
		{ID: 202, Seed: 12, TimeZone: "America/New_York", Currency: "EUR", FirstID: 90_000_000_000_000_000, NoTraceEcho: true, NoAssociationsErrors: true},
	}
	accounts[0].Scopes = hubspottest.DefaultScopes()[:9] // may not read owners
	accounts[1].Limits.Burst = 150
	dir := t.TempDir()
	config := "state_dir: state\nportals:\n"
	var portals []*hubspottest.Portal
	var gifts []*thnksapitest.Server
	for i, o := range accounts {
		o.Token = fmt.Sprint("pat-account-", i)
		data := thnksapitest.Data{Seed: uint64(30 + i), N: 60, Recipients: 20, End: time.Now()}
		p, key := contract.New(t, o), fmt.Sprint("key-", i)
		p.Populate(data.Addresses(), hubspottest.Population{Seed: uint64(i), Matched: 0.9, WithCompany: 1, DealsPer: 2, OpenDeals: 0.7})
		p.RenameStage("qualifiedtobuy", fmt.Sprint("Qualified at ", i))
		p.AddOwner("someone@sender.example", "Some", "One")
		thnks := thnksapitest.New(thnksapitest.Options{Keys: map[string]string{key: ""}})
		txs := thnksapitest.Generate(data)
		for k := range txs {
			txs[k].ID = fmt.Sprintf("P%d-%s", i, txs[k].ID)
		}
		thnks.Add(txs...)
		hub, source := httptest.NewServer(p), httptest.NewServer(thnks)
		t.Cleanup(hub.Close)
		t.Cleanup(source.Close)
		config += fmt.Sprintf("  - name: portal%[1]d\n    hubspot: {base_url: %[2]q, token_file: token-%[1]d}\n    thnks: {base_url: %[3]q, api_key_file: key-%[1]d}\n", i, hub.URL, source.URL)
		for name, text := range map[string]string{"token": o.Token, "key": key} {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(name, "-", i)), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		portals, gifts = append(portals, p), append(gifts, thnks)
	}
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	does := func(args ...string) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if got := run(t.Context(), append(args, "--config", file), &stdout, &stderr); got != done {
			t.Errorf("%q: status %d\n%s%s", args, got, &stdout, &stderr)
		}
		return stdout.String()
	}
	does("sync", "--backfill")
	does("sync")
	if a, b := portals[0], portals[1]; typeID(a) == typeID(b) {
		t.Fatalf("both custom objects are %s: this test shows nothing", typeID(a))
	}
	for i, p := range portals {
		if n := p.Requests().ByStatus[429]; n > 0 {
			t.Errorf("portal %d: %d calls above its limit", i, n)
		}
		records, deals := 0, 0
		for r := range p.Records("thnks") {
			records++
			id := r.Properties["thnks_transaction_id"]
			tx, ok := gifts[i].Transaction(id)
			if !ok {
				t.Errorf("portal %d has %s", i, id)
				continue
			}
			for _, l := range p.Links("thnks", r.ID)["contacts"] {
				contact, ok := p.Record("contacts", l.ToID)
				if !ok || !strings.EqualFold(contact.Properties["email"], tx.Recipient.Email) {
					t.Errorf("portal %d: %s is linked to %v", i, id, contact.Properties["email"])
				}
			}
			for _, l := range p.Links("thnks", r.ID)["deals"] {
				deals++
				if deal, ok := p.Record("deals", l.ToID); !ok || strings.HasPrefix(deal.Properties["dealstage"], "closed") {
					t.Errorf("portal %d: %s is linked to a deal that is %s", i, id, deal.Properties["dealstage"])
				}
			}
		}
		if records != 60 || deals == 0 {
			t.Errorf("portal %d has %d records with %d links to deals", i, records, deals)
		}
		var made struct {
			Portals []struct {
				TimeZone    string                  `json:"time_zone"`
				ByDealStage []struct{ Name string } `json:"by_deal_stage"`
			}
		}
		text := does("stats", "--portal", fmt.Sprint("portal", i), "--format", "json")
		if err := json.Unmarshal([]byte(text), &made); err != nil || len(made.Portals) != 1 {
			t.Fatalf("%v: %s", err, text)
		}
		stats := made.Portals[0]
		if stats.TimeZone != accounts[i].TimeZone {
			t.Errorf("portal %d counts days in %s", i, stats.TimeZone)
		}
		if other := fmt.Sprint("Qualified at ", 1-i); strings.Contains(text, other) || !strings.Contains(text, fmt.Sprint("Qualified at ", i)) {
			t.Errorf("portal %d names stages of the other one: %v", i, stats.ByDealStage)
		}
	}
}

func typeID(p *hubspottest.Portal) string {
	s, _ := p.SchemaOf("thnks")
	return s.ID
}
