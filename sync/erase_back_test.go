package sync_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// A slowArchive does something between reading the ledger and handing it over.
type slowArchive struct {
	giftsync.Archive
	meanwhile func()
}

func (a slowArchive) Sends(ctx context.Context) iter.Seq2[store.Send, error] {
	return func(yield func(store.Send, error) bool) {
		var read []store.Send
		for s, err := range a.Archive.Sends(ctx) {
			if err != nil {
				yield(s, err)
				return
			}
			read = append(read, s)
		}
		a.meanwhile()
		for _, s := range read {
			if !yield(s, nil) {
				return
			}
		}
	}
}

// TestEraseASenderBesideAJoin: a gift appears in a run while its sender is being erased. It
// stays the gift of its send, which has one record, and the next run erases the sender there.
func TestEraseASenderBesideAJoin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, _, _ := sending(t)
		w.AddPerson("bea@acme.example")
		before := keys(w)
		l := openLedger(w)
		defer l.st.Close()
		s := coffee("r", "bea@acme.example")
		s.Sender = bird
		l.ask(s)
		l.becomes("r", store.SendSending, store.SendSent)
		l.show(w)
		appears(w, "T-9", "bea@acme.example")
		run := func(e *giftsync.Engine) {
			if _, err := e.Run(context.Background(), giftsync.Request{Mode: giftsync.Incremental}); err != nil {
				t.Error(err)
			}
		}
		var e *giftsync.Engine
		joined := false
		w.Configure = withConfigure(w.Configure, func(c *giftsync.Config) {
			c.Archive = slowArchive{c.Archive, func() {
				if !joined {
					joined = true
					run(e)
				}
			}}
		})
		e = w.Engine(l.st)
		if _, err := e.Erase(t.Context(), giftsync.Person{Email: bird}); err != nil {
			t.Fatal(err)
		}
		wantKeys(w, "erased", append(before, "T-9")...)
		time.Sleep(time.Hour)
		run(e)
		l.show(w)
		wantKeys(w, "after the next run", append(before, "T-9")...)
		if s := l.send("r"); s.TransactionID != "T-9" || s.Sender != "" {
			t.Errorf("the ledger has %+v", s)
		}
	})
}

// TestExportFileBringsNoErasedBack: an erased person does not come back by an export file, whether
// it has the gifts that were erased or new ones, and whether or not it was read before.
func TestExportFileBringsNoErasedBack(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprint(lost), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newErasureWorld(t)
				w.Configure = simulation.ReadExports(t)
				fromFile := func(path string) giftsync.Report {
					t.Helper()
					return w.MustDo(giftsync.Request{Mode: giftsync.Backfill, From: path, AcceptNewSource: true})
				}
				fromFile(w.ExportAll())
				erase(t, w)
				checkErased(t, w)
				if lost {
					if err := os.Remove(w.Path); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Hour)
				again := w.Thnks.Transactions()[0]
				again.ID, again.Recipient, again.UpdatedAt = "T-new", person, time.Now()
				w.Thnks.Add(again)
				w.Thnks.Update(receivedIDs[0], func(tx *thnksapitest.Transaction) { tx.Status, tx.UpdatedAt = "redeemed", time.Now() })
				rep := fromFile(w.ExportAll())
				if rep.Skipped[plan.SkippedErased] == 0 {
					t.Errorf("the file's run skipped %v", rep.Skipped)
				}
				fromFile(w.ExportLines("Transaction ID,Status,Sent Date,Recipient Name,Recipient Email",
					"OLD-1,sent,2026-01-01,Canary Bird,CANARY@bird.example", "OLD-2,,not a date,Canary Bird,canary@bird.example"))
				w.Must(giftsync.Incremental)
				checkErased(t, w)
				for _, id := range []string{"T-new", "OLD-1"} {
					if n := len(w.Portal.Find("thnks", "thnks_transaction_id", id)); n != 0 {
						t.Errorf("gift %s of the erased person has %d records", id, n)
					}
				}
			})
		})
	}
}

// TestErasedMetadata: what events said of an erased recipient's gift in the
// customer's words is blanked, and what later ones say is not kept, nor what those said
// that still waited, also where the setting is gone. Another's gift keeps its own.
func TestErasedMetadata(t *testing.T) {
	t.Parallel()
	for _, gone := range []bool{false, true} {
		t.Run(fmt.Sprint(gone), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newErasureWorld(t)
				names := []string{"campaign"}
				w.Configure = func(c *giftsync.Config) { c.Metadata = names }
				says := func(id, value string) store.Event {
					e := simulation.Event(id, plan.Opened)
					e.Properties, e.Body = map[string]string{"campaign": value}, fmt.Appendf(nil, `{"metadata":{"campaign":%q}}`, value)
					return e
				}
				// work lets one process run and then apply events.
				work := func(events ...store.Event) {
					t.Helper()
					st := w.Open()
					defer st.Close()
					e := w.Engine(st)
					if _, err := e.Run(t.Context(), giftsync.Request{Mode: giftsync.Backfill}); err != nil {
						t.Fatal(err)
					}
					w.Receive(st, events...)
					time.Sleep(time.Minute)
					w.ApplyEvents(e)
				}
				work(says(receivedIDs[0], "for Canary"), says(simulation.ID(7), "for all"))
				if w.Property(receivedIDs[0], "campaign") != "for Canary" || w.Property(simulation.ID(7), "campaign") != "for all" {
					t.Fatal("the metadata is not in HubSpot: the test shows nothing")
				}
				st := w.Open()
				w.Receive(st, says(receivedIDs[1], "again for Canary"))
				st.Close()
				if gone {
					names = nil
				}
				erase(t, w)
				checkErased(t, w)
				names = []string{"campaign"}
				for range 2 {
					time.Sleep(time.Hour)
					work(says(receivedIDs[0], "once more for Canary"), says(receivedIDs[1], "once more for Canary"))
				}
				for _, id := range receivedIDs {
					if got := w.Property(id, "campaign"); got != "" {
						t.Errorf("the record of %s says %q", id, got)
					}
					for name, d := range w.Stored(id).Gift.Metadata {
						if d.Value != "" {
							t.Errorf("the journal of %s says %q in %s", id, d.Value, name)
						}
					}
				}
				if got := w.Property(simulation.ID(7), "campaign"); got != "for all" {
					t.Errorf("another's gift says %q", got)
				}
			})
		})
	}
}
