package sync_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
)

// backUp copies the state file, and returns the copy's path.
func backUp(w *simulation.World) string {
	w.T.Helper()
	data, err := os.ReadFile(w.Path)
	if err == nil {
		err = os.WriteFile(w.Path+".old", data, 0o600)
	}
	if err != nil {
		w.T.Fatal(err)
	}
	return w.Path + ".old"
}

// putBack restores the state file from a copy, as the command does.
func putBack(w *simulation.World, from string) {
	w.T.Helper()
	_, err := store.Restore(w.T.Context(), w.Path, from, func(j *store.Store) error {
		return j.Commit(store.Commit{Meta: giftsync.OweSends(), Sending: store.Sending{Off: "restored", Since: time.Now().UTC()}})
	})
	if err != nil {
		w.T.Fatal(err)
	}
}

// TestSendsMadeSinceABackup: a gift was asked for and sent after a backup was made, and
// its transaction appears after that was put back. It gets no second record, neither by a
// run nor by an event before it.
func TestSendsMadeSinceABackup(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]func(w *simulation.World, from string){
		"by the command": putBack,
		"by hand, with sending off already, and opened for sending": func(w *simulation.World, from string) {
			if err := os.Rename(from, w.Path); err != nil {
				w.T.Fatal(err)
			}
			l := ledger{w.T, w.Open()}
			if err := l.st.StopSending("an earlier restore", time.Now()); err != nil {
				w.T.Fatal(err)
			}
			l.st.Close()
			time.Sleep(time.Minute)
			openLedger(w).st.Close()
		},
		"by hand, and opened for sending": func(w *simulation.World, from string) {
			if err := os.Rename(from, w.Path); err != nil {
				w.T.Fatal(err)
			}
			openLedger(w).st.Close()
		},
	} {
		for _, event := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", by an event ", event), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w, _, _, _ := sending(t)
					before := keys(w)
					openLedger(w).st.Close() // the backup has a number of sends
					backup := backUp(w)
					l := openLedger(w)
					l.ask(coffee("r", "bea@acme.example"))
					l.becomes("r", store.SendSending, store.SendSent)
					l.show(w)
					l.st.Close()
					back(w, backup)
					appears(w, "T-9", "bea@acme.example")
					time.Sleep(time.Hour)
					if event {
						l := ledger{t, w.Open()}
						w.Receive(l.st, simulation.Event("T-9", plan.Opened))
						w.ApplyEvents(w.Engine(l.st))
						l.st.Close()
						wantKeys(w, "before a run has looked", append(before, "send-r")...)
					}
					w.MustDo(giftsync.Request{Mode: giftsync.Incremental, DryRun: true})
					if rep := w.Must(giftsync.Incremental); rep.Created != 0 {
						t.Errorf("%d records were created", rep.Created)
					}
					wantKeys(w, "looked", append(before, "T-9")...)
					l = ledger{t, w.Open()}
					defer l.st.Close()
					if s := l.send("r"); s.State != store.SendSent || s.TransactionID != "T-9" {
						t.Errorf("the ledger has %+v", s)
					}
					if event {
						w.ApplyEvents(w.Engine(l.st))
						wantShown(w, "T-9", map[string]string{"status": "opened"})
						wantKeys(w, "the event was applied", append(before, "T-9")...)
					}
					if rep, err := w.Engine(l.st).Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental}); err != nil || simulation.Calls(rep) != 0 {
						t.Errorf("the next pass makes %d HubSpot calls, %v", simulation.Calls(rep), err)
					}
				})
			})
		}
	}
}

// TestLedgerOfABackup: what HubSpot shows of gifts is in the restored ledger, before
// sending can be turned on: what it did not know, and what was stopped meanwhile. A gift
// that waits as it did stays; one that was due before the ledger was opened is unknown,
// unless HubSpot shows that it was stopped.
func TestLedgerOfABackup(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ shown, due bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		shown := test.shown
		waits, after := store.SendScheduled, 2*simulation.Day
		if test.due {
			waits, after = store.SendUnknown, 30*time.Minute
		}
		synctest.Test(t, func(t *testing.T) {
			w, _, _, _ := sending(t)
			later := func(id string) store.Send {
				s := coffee(id, id+"@acme.example")
				s.At = time.Now().Add(after)
				return s
			}
			l := openLedger(w)
			waiting := []string{"waits", "cancelled", "refused", "asked-again"}
			for _, id := range waiting {
				l.ask(later(id))
			}
			if shown {
				l.show(w)
			}
			l.becomes("asked-again", store.SendCancelled)
			l.st.Close()
			backup := backUp(w)
			l = openLedger(w)
			l.show(w)
			for _, id := range []string{"new", "asked-again"} {
				l.ask(later(id))
			}
			l.ask(coffee("sent", "sent@acme.example"))
			l.show(w)
			l.becomes("sent", store.SendSending, store.SendSent)
			l.becomes("cancelled", store.SendCancelled)
			l.becomes("refused", store.SendRefused)
			l.show(w)
			l.st.Close()
			putBack(w, backup)
			time.Sleep(time.Hour)
			if test.due { // as the daemon does before its first run
				openLedger(w).st.Close()
			}
			w.Must(giftsync.Incremental)

			l = openLedger(w)
			defer l.st.Close()
			for id, want := range map[string]store.SendState{
				"waits": waits, "cancelled": store.SendCancelled, "refused": store.SendCancelled,
				"new": store.SendUnknown, "sent": store.SendSent, "asked-again": store.SendUnknown,
			} {
				if s := l.send(id); s.State != want || want == store.SendCancelled && (s.Message != "" || s.Ended.IsZero()) {
					t.Errorf("shown before %v: %+v, want it %s", shown, s, want)
				}
			}
			if err := l.st.ResumeSending(time.Now(), nil); !errors.Is(err, store.ErrSendsUnknown) {
				t.Errorf("turned on before a person has looked: %v", err)
			}
			if _, err := l.st.AddSends([]store.Send{coffee("new", "new@acme.example")}, nil); !errors.Is(err, store.ErrSendDiffers) {
				t.Errorf("asked for again: %v", err)
			}
			wantShown(w, "send-cancelled", map[string]string{"status": "unknown", "status_raw": "cancelled"})
			if have, err := l.st.Gifts([]string{"send-cancelled"}); err != nil || !plan.NeverSent(have["send-cancelled"].Gift) {
				t.Errorf("the journal has %+v, %v, want it stopped", have, err)
			}
			if err := l.st.Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// sendSinceABackup sends a gift and puts the state file of before back.
func sendSinceABackup(w *simulation.World) {
	w.T.Helper()
	backup := backUp(w)
	l := openLedger(w)
	l.ask(coffee("r", "bea@acme.example"))
	l.becomes("r", store.SendSending, store.SendSent)
	l.show(w)
	l.st.Close()
	putBack(w, backup)
}

// TestErasedSinceABackup: the recipient of a gift that a restored state file does not
// know is erased before a run has looked. The run blanks the record, and the ledger gets
// nothing of the person.
func TestErasedSinceABackup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, _, _ := sending(t)
		sendSinceABackup(w)
		l := ledger{t, w.Open()}
		if _, err := w.Engine(l.st).Erase(t.Context(), giftsync.Person{Email: "bea@acme.example"}); err != nil {
			t.Fatal(err)
		}
		l.st.Close()
		time.Sleep(time.Hour)
		w.Must(giftsync.Incremental)
		wantShown(w, "send-r", map[string]string{"recipient_email": "", "recipient_name": "", "message": ""})
		l = ledger{t, w.Open()}
		defer l.st.Close()
		if s := l.send("r"); s.Recipient != "" || s.Message != "" || s.State != store.SendSent {
			t.Errorf("the ledger has %+v", s)
		}
	})
}

// An archiveBeside calls beside once, before it forgets the summary, which an erasure asks
// for between the state file and HubSpot.
type archiveBeside struct {
	giftsync.Archive
	beside func()
}

func (a *archiveBeside) ForgetSummary() error {
	if beside := a.beside; beside != nil {
		a.beside = nil
		beside()
	}
	return a.Archive.ForgetSummary()
}

// TestErasureBesideALook: what a run finds of a person while she is erased, the next one
// blanks.
func TestErasureBesideALook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, _, _ := sending(t)
		sendSinceABackup(w)
		l := ledger{t, w.Open()}
		var e *giftsync.Engine
		w.Configure = withConfigure(w.Configure, func(c *giftsync.Config) {
			c.Archive = &archiveBeside{c.Archive, func() {
				if _, err := e.Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental}); err != nil {
					t.Error(err)
				}
			}}
		})
		e = w.Engine(l.st)
		if _, err := e.Erase(t.Context(), giftsync.Person{Email: "bea@acme.example"}); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental}); err != nil {
			t.Fatal(err)
		}
		l.st.Close()
		wantShown(w, "send-r", map[string]string{"recipient_email": "", "recipient_name": "", "message": ""})
	})
}

// TestLookBesideARecordToBeRekeyed: a record that HubSpot shows as a send's, and the journal
// has under its transaction, is that one.
func TestLookBesideARecordToBeRekeyed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, _, _ := sending(t)
		before := keys(w)
		l := openLedger(w)
		l.ask(coffee("r", "bea@acme.example"))
		l.becomes("r", store.SendSending, store.SendSent)
		l.show(w)
		l.st.Close()
		record := w.Record("send-r")
		appears(w, "T-9", "bea@acme.example")
		time.Sleep(time.Hour)
		w.WrapHubSpot = failingCalls(func(path, body string) bool {
			return strings.HasSuffix(path, "/batch/update") && strings.Contains(body, record)
		})
		_, _ = w.Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental}) // whether it ends or sets the gift aside
		w.WrapHubSpot = nil
		wantKeys(w, "HubSpot has failed", append(before, "send-r")...)
		l = ledger{t, w.Open()}
		if err := l.st.Commit(store.Commit{Meta: giftsync.OweSends()}); err != nil {
			t.Fatal(err)
		}
		var logged bytes.Buffer
		w.Logger = slog.New(slog.NewTextHandler(&logged, nil))
		l.st.Close()
		time.Sleep(time.Hour)
		w.Must(giftsync.Incremental)
		wantKeys(w, "looked", append(before, "T-9")...)
		if strings.Contains(logged.String(), "two records") {
			t.Errorf("a person is to delete the only record: %s", &logged)
		}
	})
}

// TestCrashAtEveryStepOfALook kills the first run after a restore at each step. The next
// one ends what it began.
func TestCrashAtEveryStepOfALook(t *testing.T) {
	t.Parallel()
	simulation.EveryStep(t, 1, func(t *testing.T, step int) bool {
		w, _, _, _ := sending(t)
		before := keys(w)
		l := openLedger(w)
		stopped := coffee("stopped", "stopped@acme.example")
		stopped.At = time.Now().Add(simulation.Day)
		l.ask(stopped)
		l.st.Close()
		backup := backUp(w)
		l = openLedger(w)
		for _, id := range []string{"sent", "unknown"} {
			l.ask(coffee(id, id+"@acme.example"))
		}
		l.show(w)
		l.becomes("sent", store.SendSending, store.SendSent)
		l.becomes("unknown", store.SendSending, store.SendUnknown)
		l.becomes("stopped", store.SendCancelled)
		l.show(w)
		l.st.Close()
		putBack(w, backup)
		appears(w, "T-9", "sent@acme.example")
		time.Sleep(time.Hour)
		alive := w.Die(step, giftsync.Incremental)
		time.Sleep(time.Hour)
		w.Must(giftsync.Incremental)
		wantKeys(w, fmt.Sprintf("step %d", step), slices.Concat(before, []string{"T-9", "send-stopped", "send-unknown"})...)
		l = ledger{t, w.Open()}
		defer l.st.Close()
		if s := l.send("sent"); s.TransactionID != "T-9" {
			t.Errorf("step %d: %+v", step, s)
		}
		for id, want := range map[string]store.SendState{"unknown": store.SendUnknown, "stopped": store.SendCancelled} {
			if s := l.send(id); s.State != want {
				t.Errorf("step %d: %+v, want it %s", step, s, want)
			}
		}
		if known, err := giftsync.JournalKnown(l.st); !known || err != nil {
			t.Errorf("step %d: HubSpot is still owed a look, %v", step, err)
		}
		return alive
	})
}
