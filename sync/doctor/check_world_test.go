package doctor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/doctor"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// The lines of a check, by the names that users see.
const (
	checkToken        = "hubspot token"
	checkHubSpotTLS   = "hubspot tls"
	checkScopes       = "hubspot scopes"
	checkTier         = "hubspot tier"
	checkObject       = "custom object"
	checkUnique       = "unique property"
	checkProperties   = "properties"
	checkAssociations = "association types"
	checkNewRecords   = "new records"
	checkDealLabel    = "deal label"
	checkThnksKey     = "thnks key"
	checkFields       = "thnks fields"
	checkThnksTLS     = "thnks tls"
	checkClock        = "clock"
	checkQuarantine   = "quarantine"
	checkEvents       = "events"
	checkState        = "state file"
	checkErased       = "erased people"
	checkDisk         = "disk"
	checkSenders      = "senders"
	checkJournal      = "journal"
)

// examine opens everything and checks it.
func examine(w *simulation.World) []doctor.Finding {
	w.T.Helper()
	st := w.Open()
	defer st.Close()
	if w.WrapJournal == nil {
		w.WrapJournal = func(giftsync.Journal) giftsync.Journal { return roomy{st} }
		defer func() { w.WrapJournal = nil }()
	}
	client := w.Client()
	return doctor.Check(context.Background(), w.EngineWith(st, client).View(), client, nil)
}

// A roomy state file is on a large disk, whatever this machine has.
type roomy struct{ *store.Store }

func (roomy) Space() (size, free int64, err error) { return 1 << 20, 100 << 30, nil }

// levels are the findings' levels by name. A name that comes twice is a
// mistake, as is a failing line that does not say what to do.
func levels(t testing.TB, findings []doctor.Finding) map[string]doctor.Level {
	t.Helper()
	got := make(map[string]doctor.Level)
	for _, f := range findings {
		if _, twice := got[f.Check]; twice {
			t.Errorf("%s: two findings", f.Check)
		}
		got[f.Check] = f.Level
		if f.Level == doctor.Fail && f.Remedy == "" || f.What == "" || f.Portal != "acme" {
			t.Errorf("finding %+v, want portal, what, and a remedy for a failure", f)
		}
	}
	return got
}

func finding(t testing.TB, findings []doctor.Finding, check string) doctor.Finding {
	t.Helper()
	i := slices.IndexFunc(findings, func(f doctor.Finding) bool { return f.Check == check })
	if i < 0 {
		t.Fatalf("no finding of %q", check)
	}
	return findings[i]
}

// healthy is what a portal's check says when all is well.
var healthy = map[string]doctor.Level{
	checkToken: doctor.OK, checkHubSpotTLS: doctor.OK, checkScopes: doctor.OK, checkTier: doctor.OK, checkObject: doctor.OK, checkUnique: doctor.OK,
	checkProperties: doctor.OK, checkAssociations: doctor.OK, checkThnksKey: doctor.OK, checkFields: doctor.OK, checkThnksTLS: doctor.OK, checkClock: doctor.OK,
	checkQuarantine: doctor.OK, checkState: doctor.OK, checkErased: doctor.OK, checkDisk: doctor.OK, checkSenders: doctor.OK, checkJournal: doctor.OK,
}

// syncedWorld is a portal after its first backfill, whose only sender is an
// owner.
func syncedWorld(t *testing.T, opt hubspottest.Options) *simulation.World {
	w := simulation.New(t, opt, thnksapitest.Options{})
	w.Portal.AddOwner("sam@example.com", "Sam", "Poe")
	w.AddPerson("ann@example.com")
	for i := range 30 {
		w.AddGift(fmt.Sprintf("T-%02d", i), "ann@example.com", 0)
		w.Thnks.Update(fmt.Sprintf("T-%02d", i), func(tx *thnksapitest.Transaction) { tx.Sender.Email = "Sam@example.com" })
	}
	w.Must(giftsync.Backfill)
	return w
}

// keep puts events into the inbox.
func keep(w *simulation.World, e store.Event) {
	st := w.Open()
	defer st.Close()
	e.Dialect, e.Key, e.ReceivedAt = "gift-events", "key", time.Now().UTC()
	w.Receive(st, e)
}

// A laden inbox is nearly full.
type laden struct{ *store.Store }

func (laden) InboxLoad() (float64, error) { return 0.9, nil }

// quarantine puts a record of each class into quarantine.
func quarantine(w *simulation.World, classes ...string) {
	w.T.Helper()
	st := w.Open()
	defer st.Close()
	var c store.Commit
	for i, class := range classes {
		c.Quarantine = append(c.Quarantine, store.Quarantined{Key: fmt.Sprint("Q-", i), Class: class, Reason: "because", Last: time.Now(), Row: json.RawMessage(`{}`)})
	}
	if err := st.Commit(c); err != nil {
		w.T.Fatal(err)
	}
}

func labelDeal(w *simulation.World, label string) {
	contact, deal := w.Portal.AddContact("eve@example.com", nil), w.Portal.AddDeal(nil)
	w.Portal.AssociateLabelled("contacts", contact, "deals", deal, label)
}

// redefine removes an association definition and makes it again.
func redefine(w *simulation.World, to string) {
	w.Portal.UndefineAssociation("thnks", to)
	s, _ := w.Portal.SchemaOf("thnks")
	if err := w.Client().CreateAssociationDefinition(context.Background(), s.ID, map[string]string{"deals": "0-3"}[to], "again"); err != nil {
		w.T.Fatal(err)
	}
}
