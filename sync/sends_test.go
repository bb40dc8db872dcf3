package sync_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// A ledger is the state file's, of which a test changes the sends as the desk does.
type ledger struct {
	t  testing.TB
	st *store.Store
}

// openLedger opens the state file and its ledger until the test's function ends it.
func openLedger(w *simulation.World) ledger {
	w.T.Helper()
	st := w.Open()
	if _, err := st.OpenSending(time.Now()); err != nil {
		w.T.Fatal(err)
	}
	return ledger{w.T, st}
}

func coffee(id, email string) store.Send {
	return store.Send{
		ID: id, Request: id, Gift: 5659, GiftName: "Coffee", Price: plan.Money{Value: decimal.RequireFromString("5.00"), Currency: "USD"},
		Recipient: email, FirstName: "Bea", LastName: "Smith", Message: "Thank you", Digest: id, State: store.SendScheduled, Created: time.Now().UTC(),
	}
}

func (l ledger) ask(s store.Send) {
	l.t.Helper()
	if _, err := l.st.AddSends([]store.Send{s}, nil); err != nil {
		l.t.Fatal(err)
	}
}

func (l ledger) send(id string) store.Send {
	l.t.Helper()
	s, ok, err := l.st.Send(id)
	if !ok || err != nil {
		l.t.Fatalf("send %s: %v, %v", id, ok, err)
	}
	return s
}

// becomes puts a send into states, one after the other.
func (l ledger) becomes(id string, states ...store.SendState) {
	l.t.Helper()
	for _, to := range states {
		s := l.send(id)
		from := s.State
		switch s.State = to; to {
		case store.SendSending:
			s.Begun = time.Now().UTC()
		case store.SendSent, store.SendNotSent, store.SendCancelled:
			s.Ended = time.Now().UTC()
		}
		if err := l.st.ChangeSend(from, s, nil); err != nil {
			l.t.Fatal(err)
		}
	}
}

// show shows in HubSpot what the ledger says.
func (l ledger) show(w *simulation.World) {
	l.t.Helper()
	if _, err := w.Engine(l.st).ShowSends(context.Background()); err != nil {
		l.t.Fatal(err)
	}
}

// appears has Thnks list the transaction of a send that was begun now.
func appears(w *simulation.World, id, email string) {
	tx := simulation.Transaction(id, time.Now().UTC(), email)
	tx.Message = "Thank you"
	w.Thnks.Add(tx)
}

// keys are the transaction ids of all records, sorted.
func keys(w *simulation.World) (ids []string) {
	for r := range w.Portal.Records("thnks") {
		ids = append(ids, r.Properties["thnks_transaction_id"])
	}
	slices.Sort(ids)
	return ids
}

func wantKeys(w *simulation.World, what string, want ...string) {
	w.T.Helper()
	slices.Sort(want)
	if diff := cmp.Diff(want, keys(w)); diff != "" {
		w.T.Errorf("%s: records (-want +got):\n%s", what, diff)
	}
}

func wantShown(w *simulation.World, id string, want map[string]string) {
	w.T.Helper()
	got := make(map[string]string)
	for name := range want {
		got[name] = w.Property(id, name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.T.Errorf("record of %s (-want +got):\n%s", id, diff)
	}
}

func dated(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

// sending is a world after its first backfill, with one gift and one contact.
func sending(t *testing.T) (w *simulation.World, contact, company, deal string) {
	w, contact, company, deal = simulation.Linked(t, hubspottest.Options{}, simulation.Day)
	return w, contact, company, deal
}

// TestSendAtOnce follows a scheduled gift: its record is there before it is sent, says
// what became of it, and is the transaction's when that appears.
func TestSendAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, _, _ := sending(t)
		bea, acme, deal := w.AddPerson("bea@acme.example")
		links := map[string][]string{"contacts": {bea}, "companies": {acme}, "deals": {deal}}
		before := keys(w)
		l := openLedger(w)
		at := time.Now().UTC().Add(5 * time.Hour).Truncate(time.Second)
		s := coffee("r", "bea@acme.example")
		s.At = at
		l.ask(s)
		l.show(w)
		wantShown(w, "send-r", map[string]string{
			"status": "scheduled", "scheduled_date": dated(at), "sent_date": "", "gift_name": "Coffee", "gift_amount": "5", "gift_currency": "USD",
			"recipient_name": "Bea Smith", "recipient_email": "bea@acme.example", "message": "Thank you", "status_raw": "",
		})
		w.WantLinked("send-r", links)
		record := w.Record("send-r")
		calls := w.Portal.Requests().Total
		l.show(w)
		if n := w.Portal.Requests().Total - calls; n != 0 {
			t.Errorf("%d calls to show what HubSpot shows", n)
		}

		time.Sleep(5 * time.Hour)
		sent := time.Now().UTC()
		l.becomes("r", store.SendSending, store.SendSent)
		appears(w, "T-9", "bea@acme.example")
		l.show(w)
		wantShown(w, "send-r", map[string]string{"status": "sent", "scheduled_date": dated(at), "sent_date": dated(sent), "message": "Thank you"})
		wantKeys(w, "sent", append(before, "send-r")...)
		l.st.Close()

		time.Sleep(time.Hour)
		rep := w.Must(giftsync.Incremental)
		if rep.Created != 0 {
			t.Errorf("%d records were created", rep.Created)
		}
		wantKeys(w, "appeared", append(before, "T-9")...)
		if w.Record("T-9") != record {
			t.Error("it is another record")
		}
		w.WantLinked("T-9", links)
		wantShown(w, "T-9", map[string]string{"status": "sent", "status_raw": "sent", "scheduled_date": "", "message": "Thank you"})
		l = openLedger(w)
		defer l.st.Close()
		if s := l.send("r"); s.State != store.SendSent || s.TransactionID != "T-9" || s.Message != "" || s.FirstName != "" {
			t.Errorf("the ledger has %+v", s)
		}
		if open, err := l.st.OpenSends(); len(open) != 0 || err != nil {
			t.Errorf("%d open sends, %v", len(open), err)
		}
		if due, err := l.st.UnshownSends(); len(due) != 0 || err != nil {
			t.Errorf("%d sends to show, %v", len(due), err)
		}
		if err := l.st.Check(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestSendThatWasNotSent: of what was stopped before it had a record there is none, and
// a record says what became of its gift.
func TestSendThatWasNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, _, _ := sending(t)
		before := keys(w)
		l := openLedger(w)
		defer l.st.Close()
		for _, id := range []string{"held", "refused", "cancelled", "unknown", "not-sent"} {
			s := coffee(id, id+"@acme.example")
			if id == "held" || id == "refused" {
				s.State = store.SendState(id)
			}
			l.ask(s)
		}
		l.becomes("unknown", store.SendSending, store.SendUnknown)
		begun := l.send("unknown").Begun
		l.show(w)
		l.becomes("cancelled", store.SendCancelled)
		l.becomes("not-sent", store.SendSending, store.SendNotSent)
		l.becomes("held", store.SendCancelled)
		l.show(w)
		wantKeys(w, "shown", append(before, "send-cancelled", "send-unknown", "send-not-sent")...)
		for id, raw := range map[string]string{"send-cancelled": "cancelled", "send-not-sent": "not sent", "send-unknown": "outcome unknown"} {
			wantShown(w, id, map[string]string{"status": "unknown", "status_raw": raw, "sent_date": "", "message": "Thank you"})
		}
		wantShown(w, "send-unknown", map[string]string{"scheduled_date": dated(begun)})
		if due, err := l.st.UnshownSends(); len(due) != 0 || err != nil {
			t.Errorf("to show are %v, %v", due, err)
		}
		// A person resolves what no listing does, and one that was stopped may be asked
		// for again.
		l.becomes("unknown", store.SendSent)
		l.ask(coffee("cancelled", "cancelled@acme.example"))
		l.show(w)
		wantShown(w, "send-unknown", map[string]string{"status": "sent", "status_raw": "", "sent_date": dated(begun), "scheduled_date": ""})
		wantShown(w, "send-cancelled", map[string]string{"status": "scheduled", "status_raw": ""})
		wantKeys(w, "asked for again", append(before, "send-cancelled", "send-unknown", "send-not-sent")...)
	})
}

// TestAppearedFirst: Thnks lists a transaction before the record of its send is made,
// or while its request is under way; there is one record, linked to what was named.
func TestAppearedFirst(t *testing.T) {
	t.Parallel()
	for name, states := range map[string][]store.SendState{
		"sent":            {store.SendSending, store.SendSent},
		"outcome unknown": {store.SendSending, store.SendUnknown},
		"under way":       {store.SendSending},
	} {
		for _, event := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", by an event ", event), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w, _, _, _ := sending(t)
					w.AddPerson("bea@acme.example")
					carl, acme, deal := w.AddPerson("carl@acme.example")
					w.AddDeal(carl)
					before := keys(w)
					l := openLedger(w)
					defer l.st.Close()
					s := coffee("r", "bea@acme.example")
					s.Contact, s.Company, s.Deals = carl, acme, []string{deal}
					l.ask(s)
					l.becomes("r", states...)
					appears(w, "T-9", "bea@acme.example")
					e := w.Engine(l.st)
					if event {
						w.Receive(l.st, simulation.Event("T-9", plan.Opened))
						w.ApplyEvents(e)
					} else if _, err := e.Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental}); err != nil {
						t.Fatal(err)
					}
					wantKeys(w, "appeared", append(before, "T-9")...)
					w.WantLinked("T-9", map[string][]string{"contacts": {carl}, "companies": {acme}, "deals": {deal}})
					if s := l.send("r"); s.State != store.SendSent || s.TransactionID != "T-9" {
						t.Errorf("the ledger has %+v", s)
					}
				})
			})
		}
	}
}

// TestNamedTransaction: Thnks's answer names the transaction. The record, whether it is
// there already or not, has its id before it is listed.
func TestNamedTransaction(t *testing.T) {
	t.Parallel()
	for _, recorded := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w, _, _, _ := sending(t)
			before := keys(w)
			l := openLedger(w)
			l.ask(coffee("r", "bea@acme.example"))
			if recorded {
				l.show(w)
			}
			l.becomes("r", store.SendSending)
			s := l.send("r")
			s.State, s.TransactionID = store.SendSent, "T-9"
			if err := l.st.ChangeSend(store.SendSending, s, nil); err != nil {
				t.Fatal(err)
			}
			l.show(w)
			wantKeys(w, "shown", append(before, "T-9")...)
			wantShown(w, "T-9", map[string]string{"status": "sent", "message": "Thank you", "sent_date": dated(s.Begun)})
			if s := l.send("r"); s.Message != "" {
				t.Errorf("its text is still there: %+v", s)
			}
			l.st.Close()
			appears(w, "T-9", "bea@acme.example")
			if rep := w.Must(giftsync.Incremental); rep.Created != 0 {
				t.Errorf("%d records were created", rep.Created)
			}
			wantKeys(w, "listed", append(before, "T-9")...)
		})
	}
}

// TestWorkflowsSendKeepsItsTransaction: a gift whose transaction is known, and whose
// workflow did not get the outcome yet, is not taken for another gift to the same person.
func TestWorkflowsSendKeepsItsTransaction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, _, _ := sending(t)
		before := keys(w)
		l := openLedger(w)
		defer l.st.Close()
		s := coffee("r", "bea@acme.example")
		s.Callback = "ap-1"
		l.ask(s)
		l.becomes("r", store.SendSending, store.SendSent)
		for _, id := range []string{"T-8", "T-9"} { // the second one was sent by hand
			appears(w, id, "bea@acme.example")
			if _, err := w.Engine(l.st).Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental}); err != nil {
				t.Fatal(err)
			}
		}
		wantKeys(w, "both", append(before, "T-8", "T-9")...)
		if s := l.send("r"); s.TransactionID != "T-8" {
			t.Errorf("the ledger has %+v", s)
		}
	})
}

// TestGivenLinks: what was named when the gift was sent is what it is linked to, and no
// later pass adds to that.
func TestGivenLinks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		give func(s *store.Send, carl, acme, deal string)
		want func(bea, beas, beasDeal, carl, acme, deal, carlsDeal string) map[string][]string
	}{
		"nothing": {
			func(*store.Send, string, string, string) {},
			func(bea, beas, beasDeal, _, _, _, _ string) map[string][]string {
				return map[string][]string{"contacts": {bea}, "companies": {beas}, "deals": {beasDeal}}
			},
		},
		"the contact": {
			func(s *store.Send, carl, _, _ string) { s.Contact = carl },
			func(_, _, _, carl, acme, deal, carlsDeal string) map[string][]string {
				return map[string][]string{"contacts": {carl}, "companies": {acme}, "deals": {deal, carlsDeal}}
			},
		},
		"a deal": {
			func(s *store.Send, _, _, deal string) { s.Deals = []string{deal} },
			func(bea, beas, _, _, _, deal, _ string) map[string][]string {
				return map[string][]string{"contacts": {bea}, "companies": {beas}, "deals": {deal}}
			},
		},
		"the company": {
			func(s *store.Send, _, acme, _ string) { s.Company = acme },
			func(bea, _, beasDeal, _, acme, _, _ string) map[string][]string {
				return map[string][]string{"contacts": {bea}, "companies": {acme}, "deals": {beasDeal}}
			},
		},
		"what is not there": {
			func(s *store.Send, _, _, _ string) { s.Contact, s.Company, s.Deals = "990", "991", []string{"992"} },
			func(bea, beas, beasDeal, _, _, _, _ string) map[string][]string {
				return map[string][]string{"contacts": {bea}, "companies": {beas}, "deals": {beasDeal}}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, _, _, _ := sending(t)
				bea, beas, beasDeal := w.AddPerson("bea@acme.example")
				carl, acme, deal := w.AddPerson("carl@acme.example")
				carlsDeal := w.AddDeal(carl)
				want := c.want(bea, beas, beasDeal, carl, acme, deal, carlsDeal)
				l := openLedger(w)
				s := coffee("r", "bea@acme.example")
				c.give(&s, carl, acme, deal)
				l.ask(s)
				l.becomes("r", store.SendSending, store.SendSent)
				l.show(w)
				l.st.Close()
				w.WantLinked("send-r", want)
				w.Must(giftsync.ReassociateAll)
				w.WantLinked("send-r", want)
				appears(w, "T-9", "bea@acme.example")
				time.Sleep(time.Hour)
				w.Must(giftsync.Incremental)
				w.WantLinked("T-9", want)
				// Of the kinds that were given none is added, whatever comes.
				if len(s.Deals) > 0 && s.Deals[0] == deal || s.Company == acme {
					w.AddDeal(bea)
					w.Must(giftsync.ReassociateAll)
					if s.Company == "" {
						w.WantLinked("T-9", want)
					} else if got := w.Links(w.Record("T-9"))["companies"]; !slices.Equal(got, []string{acme}) {
						t.Errorf("companies are %v", got)
					}
				}
			})
		})
	}
}

// TestSendsStay: passes over everything take sends for what they are. They are not gone
// because Thnks does not list them, do not make a listing look small, and are neither
// restored nor tried as rows.
func TestSendsStay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, _, _ := sending(t)
		l := openLedger(w)
		for n := range 5 {
			s := coffee(fmt.Sprint(n), fmt.Sprintf("p%d@acme.example", n))
			s.At = time.Now().Add(300 * simulation.Day)
			l.ask(s)
		}
		l.show(w)
		l.st.Close()
		want := keys(w)
		time.Sleep(8 * simulation.Day)
		if rep := w.Must(giftsync.Incremental); rep.Mode != giftsync.Resweep {
			t.Fatalf("it was a %s", rep.Mode)
		}
		if s := w.Stored("send-0"); !s.Gone.IsZero() {
			t.Error("a send is taken for gone")
		}
		w.Must(giftsync.Retry)
		w.Must(giftsync.Backfill)
		w.Portal.Archive("thnks", w.Record("send-1"))
		w.Must(giftsync.ReassociateAll)
		w.Must(giftsync.Restore)
		wantKeys(w, "after all passes", slices.DeleteFunc(want, func(id string) bool { return id == "send-1" })...)
		w.CheckStateFile()
	})
}

// TestDeletedSend: a record that people delete stays deleted when its transaction
// appears.
func TestDeletedSend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, _, _ := sending(t)
		before := keys(w)
		l := openLedger(w)
		l.ask(coffee("r", "bea@acme.example"))
		l.becomes("r", store.SendSending, store.SendSent)
		l.show(w)
		l.st.Close()
		w.Portal.Archive("thnks", w.Record("send-r"))
		appears(w, "T-9", "bea@acme.example")
		time.Sleep(time.Hour)
		w.Must(giftsync.Incremental)
		wantKeys(w, "appeared", before...)
		w.Must(giftsync.Incremental)
		wantKeys(w, "once more", before...)
		if s := w.Stored("T-9"); s.Deleted.IsZero() {
			t.Errorf("%+v", s)
		}
	})
}

// TestRefusedSend: a record that HubSpot refuses is in quarantine, and made when HubSpot
// takes it.
func TestRefusedSend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, _, _ := sending(t)
		before := keys(w)
		l := openLedger(w)
		w.Portal.AddConditionalRule("thnks", "status", "scheduled", "gift_type")
		l.ask(coffee("r", "bea@acme.example"))
		l.show(w)
		wantKeys(w, "refused", before...)
		l.st.Close()
		if q := w.Quarantine(); len(q) != 1 || q["send-r"].Class == "" {
			t.Errorf("in quarantine are %v", q)
		}
		w.Must(giftsync.Retry)
		wantKeys(w, "refused again", before...)
		l = openLedger(w)
		l.becomes("r", store.SendSending, store.SendSent)
		l.st.Close()
		w.Must(giftsync.Incremental)
		wantKeys(w, "taken", append(before, "send-r")...)
		if q := w.Quarantine(); len(q) != 0 {
			t.Errorf("in quarantine are %v", q)
		}
	})
}

// TestSendsOfALostFile: the state file is lost, with the ledger. What HubSpot shows of
// sends is in the new ledger, and their transactions are joined as before.
func TestSendsOfALostFile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, _, _ := sending(t)
		before := keys(w)
		l := openLedger(w)
		later := coffee("later", "later@acme.example")
		later.At = time.Now().Add(time.Hour)
		l.ask(later)
		for _, id := range []string{"sent", "unknown", "cancelled", "never"} {
			l.ask(coffee(id, id+"@acme.example"))
		}
		l.show(w)
		l.becomes("sent", store.SendSending, store.SendSent)
		l.becomes("unknown", store.SendSending, store.SendUnknown)
		l.becomes("never", store.SendSending, store.SendUnknown)
		l.becomes("cancelled", store.SendCancelled)
		l.show(w)
		l.st.Close()
		if err := os.Remove(w.Path); err != nil {
			t.Fatal(err)
		}
		appears(w, "T-1-sent", "sent@acme.example")
		appears(w, "T-2-unknown", "unknown@acme.example")
		time.Sleep(time.Hour)
		w.Must(giftsync.Backfill)
		wantKeys(w, "rebuilt", append(before, "T-1-sent", "T-2-unknown", "send-later", "send-never", "send-cancelled")...)
		l = openLedger(w)
		defer l.st.Close()
		got := make(map[string]store.SendState)
		for s, err := range l.st.Sends(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got[s.ID] = s.State
		}
		want := map[string]store.SendState{"sent": store.SendSent, "unknown": store.SendSent, "never": store.SendUnknown, "later": store.SendUnknown}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the ledger (-want +got):\n%s", diff)
		}
	})
}

// TestSendInAnExportFile: where Thnks does not list, a transaction of an export file
// joins its send.
func TestSendInAnExportFile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.AddGift(simulation.ID(1), "ann@acme.example", simulation.Day)
		w.Configure = simulation.OnlyExports(t)
		w.MustFile(w.ExportAll())
		l := openLedger(w)
		l.ask(coffee("r", "bea@acme.example"))
		l.becomes("r", store.SendSending, store.SendUnknown)
		l.show(w)
		l.st.Close()
		wantKeys(w, "shown", simulation.ID(1), "send-r")
		appears(w, "T-9", "bea@acme.example")
		time.Sleep(time.Hour)
		w.MustFile(w.ExportAll())
		wantKeys(w, "imported", simulation.ID(1), "T-9")
		w.MustFile(w.ExportAll())
		wantKeys(w, "imported again", simulation.ID(1), "T-9")
	})
}

// TestDryRunForeseesJoins: a dry run says that the record of a send becomes the
// transaction's, and changes nothing.
func TestDryRunForeseesJoins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, _, _ := sending(t)
		l := openLedger(w)
		l.ask(coffee("r", "bea@acme.example"))
		l.becomes("r", store.SendSending, store.SendSent)
		l.show(w)
		appears(w, "T-9", "bea@acme.example")
		before := w.Portal.Snapshot()
		was := l.send("r")
		l.st.Close()
		rep := w.MustDo(giftsync.Request{Mode: giftsync.Incremental, DryRun: true})
		if rep.Created != 0 || rep.Updated != 1 {
			t.Errorf("%d to create and %d to update", rep.Created, rep.Updated)
		}
		if !simulation.Same(before, w.Portal.Snapshot()) {
			t.Error("HubSpot was changed")
		}
		l = openLedger(w)
		defer l.st.Close()
		if diff := cmp.Diff(was, l.send("r"), cmp.Comparer(func(a, b decimal.Decimal) bool { return a.Equal(b) })); diff != "" {
			t.Error(diff)
		}
	})
}

// TestSendsOfABackup: the state file is restored from a backup that was made at any
// moment of a send's life. When everything is listed again, each gift has one record.
func TestSendsOfABackup(t *testing.T) {
	t.Parallel()
	for moment := range 8 {
		for _, desk := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w, _, _, _ := sending(t)
				before := keys(w)
				backup := w.Path + ".old"
				n := 0
				step := func(f func(l ledger)) {
					t.Helper()
					l := openLedger(w)
					f(l)
					l.st.Close()
					if n == moment {
						data, err := os.ReadFile(w.Path)
						if err == nil {
							err = os.WriteFile(backup, data, 0o600)
						}
						if err != nil {
							t.Fatal(err)
						}
					}
					n++
				}
				step(func(l ledger) { l.ask(coffee("r", "bea@acme.example")) })
				step(func(l ledger) { l.show(w) })
				step(func(l ledger) { l.becomes("r", store.SendSending) })
				step(func(l ledger) { l.becomes("r", store.SendSent) })
				step(func(l ledger) { l.show(w) })
				appears(w, "T-9", "bea@acme.example")
				time.Sleep(time.Hour)
				step(func(ledger) {})
				w.Must(giftsync.Incremental)
				step(func(ledger) {})
				step(func(ledger) {})
				if err := os.Rename(backup, w.Path); err != nil {
					t.Fatal(err)
				}
				if desk {
					openLedger(w).st.Close()
				}
				time.Sleep(time.Hour)
				w.Must(giftsync.Incremental)
				w.Must(giftsync.Backfill)
				wantKeys(w, fmt.Sprintf("a backup of moment %d", moment), append(before, "T-9")...)
				l := openLedger(w)
				defer l.st.Close()
				if s := l.send("r"); s.TransactionID != "T-9" && moment > 1 {
					t.Errorf("moment %d: %+v", moment, s)
				}
			})
		}
	}
}

// TestCrashAtEveryStepOfSends kills a process before and after each call and commit
// while it shows sends of all kinds and copies the transactions that have appeared. The
// next one ends what it began: every gift has one record, and every send is known.
func TestCrashAtEveryStepOfSends(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		simulation.EveryStep(t, 1, func(t *testing.T, step int) bool {
			w, _, _, _ := sending(t)
			w.AddPerson("sent@acme.example")
			before := keys(w)
			l := openLedger(w)
			shown := []string{"scheduled", "sent", "unknown", "never", "cancelled", "named", "twin-a", "twin-b"}
			for _, id := range shown {
				s := coffee(id, id+"@acme.example")
				if id == "twin-a" || id == "twin-b" {
					s.Recipient = "twin@acme.example"
				}
				if id == "scheduled" {
					s.At = time.Now().Add(simulation.Day)
				}
				l.ask(s)
			}
			l.show(w)
			for _, id := range []string{"fast", "fast-named", "fast-unknown", "new"} {
				s := coffee(id, id+"@acme.example")
				if id == "new" {
					s.At = time.Now().Add(simulation.Day)
				}
				l.ask(s)
			}
			for id, end := range map[string]store.SendState{
				"sent": store.SendSent, "unknown": store.SendUnknown, "never": store.SendUnknown, "named": store.SendSent, "fast": store.SendSent,
				"fast-named": store.SendSent, "fast-unknown": store.SendUnknown, "twin-a": store.SendUnknown, "twin-b": store.SendUnknown,
			} {
				l.becomes(id, store.SendSending, end)
			}
			for _, id := range []string{"named", "fast-named"} {
				s := l.send(id)
				s.TransactionID = "T-" + id
				if err := l.st.ChangeSend(s.State, s, nil); err != nil {
					t.Fatal(err)
				}
			}
			l.becomes("cancelled", store.SendCancelled)
			if lost { // its answer
				w.Portal.Fault(hubspottest.Fault{PathContains: "/batch/create", Count: 1, Kind: hubspottest.ResetConn, AfterEffect: true})
			}
			var want []string
			for _, id := range []string{"sent", "unknown", "named", "fast", "fast-named", "fast-unknown", "twin-a", "twin-b"} {
				email := id + "@acme.example"
				if id == "twin-a" || id == "twin-b" {
					email = "twin@acme.example"
				}
				appears(w, "T-"+id, email)
				want = append(want, "T-"+id)
			}
			l.st.Close()
			time.Sleep(time.Hour)
			alive := w.Process(step, func(ctx context.Context, e *giftsync.Engine, _ *store.Store, _ *simulation.Steps) error {
				_, shown := e.ShowSends(ctx)
				_, ran := e.Run(ctx, giftsync.Request{Mode: giftsync.Incremental})
				return errors.Join(shown, ran)
			})
			w.Portal.ClearFaults()
			time.Sleep(time.Hour)
			w.Must(giftsync.Incremental)
			wantKeys(w, fmt.Sprintf("step %d", step), slices.Concat(before, want, []string{"send-scheduled", "send-never", "send-cancelled", "send-new"})...)
			for id, status := range map[string]string{"send-scheduled": "scheduled", "send-never": "unknown", "send-cancelled": "unknown", "send-new": "scheduled", "T-named": "sent"} {
				if got := w.Property(id, "status"); got != status {
					t.Errorf("step %d: %s is %q, want %q", step, id, got, status)
				}
			}
			if rep := w.Must(giftsync.Incremental); simulation.Calls(rep) != 0 {
				t.Errorf("step %d: the next pass still makes %d HubSpot calls", step, simulation.Calls(rep))
			}
			l = openLedger(w)
			defer l.st.Close()
			taken := make(map[string]string)
			for s, err := range l.st.Sends(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if appeared := slices.Contains(want, "T-"+s.ID); appeared != (s.TransactionID != "") || appeared && s.State != store.SendSent {
					t.Errorf("step %d: %+v", step, s)
				}
				if other := taken[s.TransactionID]; other != "" && s.TransactionID != "" {
					t.Errorf("step %d: %s and %s have one transaction", step, other, s.ID)
				}
				taken[s.TransactionID] = s.ID
			}
			if err := l.st.Check(t.Context()); err != nil {
				t.Error(err)
			}
			return alive
		})
	}
}

// TestCrashAtEveryStepOfAGivenSend kills a process at each step while it creates the record of a
// send for which contact, company and deals were named, with its links and where HubSpot
// refuses one of these. The next one finds the record, and the journal has all of them.
func TestCrashAtEveryStepOfAGivenSend(t *testing.T) {
	t.Parallel()
	for _, full := range []bool{false, true} {
		for step, alive := 1, false; !alive && !t.Failed(); step++ {
			synctest.Test(t, func(t *testing.T) {
				w, _, _, other := sending(t)
				w.AddPerson("bea@acme.example")
				carl, acme, deal := w.AddPerson("carl@acme.example")
				want := map[string][]string{"contacts": {carl}, "companies": {acme}, "deals": {other, deal}}
				if full { // with the gift that it has
					w.Portal.LimitAssociations("deals", "thnks", 1)
					want["deals"] = []string{deal}
				}
				l := openLedger(w)
				s := coffee("r", "bea@acme.example")
				s.Contact, s.Company, s.Deals = carl, acme, []string{other, deal}
				l.ask(s)
				l.becomes("r", store.SendSending, store.SendSent)
				l.st.Close()
				alive = w.Process(step, func(ctx context.Context, e *giftsync.Engine, _ *store.Store, _ *simulation.Steps) error {
					_, err := e.ShowSends(ctx)
					return err
				})
				time.Sleep(time.Hour)
				w.Must(giftsync.Incremental)
				w.WantLinked("send-r", want)
				have := w.Stored("send-r")
				for kind, ids := range map[plan.Kind][]string{plan.Contact: {carl}, plan.Company: {acme}, plan.Deal: {other, deal}} {
					var got []string
					for _, link := range have.Links {
						if link.Kind == kind {
							got = append(got, link.ID)
						}
					}
					if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(ids))) {
						t.Errorf("step %d, full %v: the journal has the links %v to a %s, want %v", step, full, got, kind, ids)
					}
				}
			})
		}
	}
}
