package sync_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

const bird = "canary@bird.example"

// canaries are what may be found of the erased person nowhere.
var canaries = []string{"canary@bird.example", "Canary", "15550199", "canary-track"}

// person is the erased one, as Thnks has her.
var person = thnksapitest.Person{FirstName: "Canary", LastName: "Bird", Email: "Canary@Bird.example", Phone: "+15550199"}

// gifts of the erased person, in a world of eight: two that she received and one
// that she sent.
var (
	receivedIDs = []string{simulation.ID(1), simulation.ID(2)}
	sentID      = simulation.ID(3)
)

// newErasureWorld is a world that knows a person from gifts, a row in quarantine
// and webhook events.
func newErasureWorld(t *testing.T) *simulation.World {
	w := simulation.Quiet(t, 8)
	w.Portal.AddContact(bird, nil)
	for _, id := range receivedIDs {
		w.Thnks.Update(id, func(tx *thnksapitest.Transaction) {
			tx.Recipient, tx.Message, tx.TrackingURL = person, "For you, Canary", "https://thnks.test/canary-track"
		})
	}
	w.Thnks.Update(sentID, func(tx *thnksapitest.Transaction) {
		tx.Sender, tx.Message = person, "Yours, Canary"
	})
	bad := simulation.Unreadable("T-bad", time.Now().Add(-simulation.Day))
	bad.Recipient = person
	w.Thnks.Add(bad)
	w.Must(giftsync.Backfill)
	st := w.Open()
	defer st.Close()
	about := simulation.Event("unknown", plan.Opened)
	about.Email, about.Body = bird, []byte(`{"recipient":{"email":"Canary\u0040bird.example","name":"Canary"}}`)
	note := simulation.Event(receivedIDs[0], plan.Redeemed)
	note.ThankYouNote, note.Body = "Thanks! Canary", []byte(`{"note":"Thanks! Canary"}`)
	named := simulation.Event(simulation.ID(5), plan.Opened)
	named.Effect, named.Body = store.EffectListed, []byte(`sender=canary%40bird.example`)
	other := simulation.Event(simulation.ID(6), plan.Opened)
	w.Receive(st, about, note, named, other)
	var ledger []store.Send
	for i, state := range []store.SendState{store.SendHeld, store.SendSent, store.SendScheduled} {
		s := store.Send{
			ID: fmt.Sprintf("send-%d", i), Request: fmt.Sprintf("send-%d", i), Cause: "command", Gift: 5659, Sender: "bob@acme.example",
			Recipient: "Canary@bird.example", FirstName: "Canary", LastName: "Bird", Message: "Canary", Digest: "d", State: state, Created: time.Now(), At: time.Now().Add(time.Hour),
		}
		if state == store.SendScheduled {
			s.Recipient, s.FirstName, s.LastName, s.Message = "ann@acme.example", "Ann", "", "Hello"
		}
		ledger = append(ledger, s)
		if _, err := st.AddSends(ledger[i:], nil); err != nil {
			t.Fatal(err)
		}
	}
	// The statistics have computed something of the senders.
	err := st.Summary(t.Context(), "test", func(_ []byte, changes iter.Seq2[store.GiftChange, error]) (sum []byte, _ error) {
		for c, err := range changes {
			if err != nil {
				return nil, err
			}
			sum = append(sum, c.Now.Gift.Sender.Email...)
		}
		return sum, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// rawState returns the bytes of all files beside and of the state file.
func rawState(t *testing.T, w *simulation.World) []byte {
	t.Helper()
	var all []byte
	files, err := os.ReadDir(filepath.Dir(w.Path))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(w.Path), f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}

// checkErased checks that nothing of the person is left, and that everyone else's
// gifts are as they were.
func checkErased(t *testing.T, w *simulation.World) {
	t.Helper()
	state := rawState(t, w)
	for _, c := range canaries {
		if bytes.Contains(state, []byte(c)) {
			t.Errorf("the state file holds %q", c)
		}
	}
	for r := range w.Portal.Records("thnks") {
		for name, v := range r.Properties {
			for _, c := range canaries {
				if strings.Contains(strings.ToLower(v), strings.ToLower(c)) {
					t.Errorf("record %s of HubSpot holds %q in %s", r.ID, v, name)
				}
			}
		}
	}
	for _, id := range receivedIDs {
		if len(w.Portal.Find("thnks", "thnks_transaction_id", id)) == 0 {
			continue // deleted there
		}
		if w.Property(id, "gift_name") == "" || w.Property(id, "status") == "" {
			t.Errorf("gift %s has lost what is no one's", id)
		}
	}
	if w.Property(simulation.ID(4), "recipient_email") == "" {
		t.Error("another recipient has lost his address")
	}
}

// erase erases the person, in a process of its own.
func erase(t *testing.T, w *simulation.World) giftsync.Erasure {
	t.Helper()
	st := w.Open()
	defer st.Close()
	rep, err := w.Engine(st).Erase(t.Context(), giftsync.Person{Email: " CANARY@bird.example"})
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// TestErasedEverywhere: a person is erased everywhere and never comes back, whatever brings
// her: later backfills, a new gift, a change at Thnks, an event.
func TestErasedEverywhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newErasureWorld(t)
		if !bytes.Contains(rawState(t, w), []byte("Canary")) {
			t.Fatal("the state file holds nothing of the person: the test shows nothing")
		}
		rep := erase(t, w)
		if rep.Addresses != 1 || rep.Received != 2 || rep.Sent != 1 || rep.Blanked != 3 || rep.Quarantined != 1 || rep.Events != 3 || rep.Sends != 2 || rep.Refused+rep.Deleted != 0 || rep.File.Before == 0 || rep.File.After == 0 {
			t.Errorf("the report says %+v", rep)
		}
		if rep.Person == "" || strings.Contains(rep.Person, "canary") {
			t.Errorf("the person is called %q in the log", rep.Person)
		}
		checkErased(t, w)
		st := w.Open()
		w.WantEventStates(st, store.EventListed, store.EventListed, store.EventListed, store.EventPending)
		st.Close()
		wantSends(t, w, store.SendCancelled, store.SendSent, store.SendScheduled)
		before := make(map[string]hubspottest.Record)
		for _, id := range receivedIDs {
			before[id] = w.Portal.Find("thnks", "thnks_transaction_id", id)[0]
		}

		time.Sleep(time.Hour)
		again := w.Thnks.Transactions()[0]
		again.ID, again.Recipient, again.UpdatedAt = "T-new", person, time.Now()
		w.Thnks.Add(again)
		w.Thnks.Reach(receivedIDs[0], "redeemed")
		for range 3 {
			time.Sleep(time.Hour)
			rep := w.Must(giftsync.Backfill)
			if rep.Skipped[plan.SkippedErased] != 4 { // and the row that cannot be read
				t.Errorf("a backfill skipped %v", rep.Skipped)
			}
			if rep.Quarantined != 0 {
				t.Errorf("a backfill has quarantined %d rows", rep.Quarantined)
			}
		}
		w.Must(giftsync.ReassociateAll)
		st = w.Open()
		e := w.Engine(st)
		w.Receive(st, simulation.Event(receivedIDs[1], plan.Redeemed))
		w.ApplyEvents(e)
		st.Close()
		checkErased(t, w)
		if n := len(w.Portal.Find("thnks", "thnks_transaction_id", "T-new")); n != 0 {
			t.Errorf("a new gift of the erased person has %d records", n)
		}
		for id, r := range before {
			if now := w.Portal.Find("thnks", "thnks_transaction_id", id)[0]; !now.UpdatedAt.Equal(r.UpdatedAt) {
				t.Errorf("the record of %s was written again", id)
			}
		}
		w.Thnks.Update(sentID, func(tx *thnksapitest.Transaction) { tx.Gift.Name, tx.UpdatedAt = "Tea", time.Now() })
		w.Must(giftsync.Incremental)
		if got := w.Property(sentID, "gift_name"); got != "Tea" {
			t.Errorf("the gift that the erased person sent is not kept up to date: %q", got)
		}
		checkErased(t, w)
	})
}

// wantSends checks the states of the ledger's sends, in the order of their ids.
func wantSends(t *testing.T, w *simulation.World, want ...store.SendState) {
	t.Helper()
	st := w.Open()
	defer st.Close()
	var got []store.SendState
	for s, err := range st.Sends(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, s.State)
	}
	if !slices.Equal(got, want) {
		t.Errorf("sends are %v, want %v", got, want)
	}
}

// TestErasedStayErased: the list survives the loss of the state file, its rebuilding,
// and the restoration of an old one.
func TestErasedStayErased(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(t *testing.T, w *simulation.World, old []byte){
		"lost": func(t *testing.T, w *simulation.World, _ []byte) {
			if err := os.Remove(w.Path); err != nil {
				t.Fatal(err)
			}
		},
		"restored": func(t *testing.T, w *simulation.World, old []byte) {
			if err := os.WriteFile(w.Path, old, 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newErasureWorld(t)
				old, err := os.ReadFile(w.Path)
				if err != nil {
					t.Fatal(err)
				}
				erase(t, w)
				harm(t, w, old)
				time.Sleep(time.Hour)
				for range 3 {
					w.Must(giftsync.Backfill)
					time.Sleep(time.Hour)
				}
				checkErased(t, w)
			})
		})
	}
}

// TestEraseWhileLost: what HubSpot still has is blanked once the state file is
// rebuilt from it.
func TestEraseWhileLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newErasureWorld(t)
		if err := os.Remove(w.Path); err != nil {
			t.Fatal(err)
		}
		erase(t, w)
		w.Must(giftsync.Backfill)
		w.Must(giftsync.Incremental)
		checkErased(t, w)
	})
}

// TestEraseWhileHalfRebuilt: a person is erased after a rebuild of the state file was
// interrupted that has not come to her records yet. The rebuild goes on, and then they
// are blanked.
func TestEraseWhileHalfRebuilt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newErasureWorld(t)
		for n := range 100 { // and hers after them, in HubSpot's second page
			w.AddGift(simulation.ID(100+n), "someone@else.example", time.Hour)
		}
		w.Must(giftsync.Incremental)
		late := simulation.ID(300)
		w.AddGift(late, bird, time.Hour)
		w.Must(giftsync.Incremental)
		if err := os.Remove(w.Path); err != nil {
			t.Fatal(err)
		}
		w.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
			return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
				if req.Method == http.MethodGet && req.URL.Query().Has("after") {
					return simulation.Reply(req, http.StatusBadGateway, ""), nil
				}
				return next.RoundTrip(req)
			})
		}
		if _, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Backfill}); err == nil {
			t.Fatal("the rebuild was not interrupted")
		}
		erase(t, w)
		w.WrapHubSpot = nil
		for _, id := range append([]string{late, sentID, "T-bad"}, receivedIDs...) {
			w.Thnks.Delete(id) // else its row would say that there is something left to do
		}
		w.Must(giftsync.Backfill)
		w.Must(giftsync.Incremental)
		checkErased(t, w)
		if got := w.Property(late, "recipient_email"); got != "" {
			t.Errorf("her record behind the interruption has %q", got)
		}
	})
}

// TestEraseWhileRecordsAreHidden: more records than are believed to be deleted are not
// found while their recipient is erased. Nothing is concluded, and when HubSpot shows
// them again they are blanked.
func TestEraseWhileRecordsAreHidden(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newErasureWorld(t)
		for n := range 250 {
			w.AddGift(simulation.ID(100+n), bird, time.Hour)
		}
		w.Must(giftsync.Incremental)
		w.Portal.Hide("thnks", true)
		st := w.Open()
		rep, err := w.Engine(st).Erase(t.Context(), giftsync.Person{Email: bird})
		st.Close()
		if err == nil || rep.Blanked+rep.Deleted != 0 {
			t.Errorf("while they are hidden: %+v, %v", rep, err)
		}
		w.Portal.Hide("thnks", false)
		w.Must(giftsync.Incremental)
		checkErased(t, w)
		for n := range 250 {
			if got := w.Property(simulation.ID(100+n), "recipient_email"); got != "" {
				t.Fatalf("record %d has %q", n, got)
			}
		}
		if n := tombstones(t, w); n != 0 {
			t.Errorf("%d records count as deleted", n)
		}
	})
}

// TestErasureWithoutCompaction: where a process ends after it has removed a person, and
// before it has written the state file anew, the next run does that, once.
func TestErasureWithoutCompaction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newErasureWorld(t)
		plain, compactions := w.Configure, 0
		w.Configure = withConfigure(plain, func(c *giftsync.Config) { c.Archive = fullArchive{c.Archive} })
		st := w.Open()
		if _, err := w.Engine(st).Erase(t.Context(), giftsync.Person{Email: bird}); !errors.Is(err, errFull) {
			t.Errorf("it ends with %v", err)
		}
		st.Close()
		w.Configure = withConfigure(plain, func(c *giftsync.Config) { c.Archive = countingArchive{c.Archive, &compactions} })
		for range 2 {
			time.Sleep(time.Hour)
			w.Must(giftsync.Incremental)
		}
		if compactions != 1 {
			t.Errorf("the state file was written anew %d times, want once", compactions)
		}
		checkErased(t, w)
	})
}

var errFull = errors.New("the disk is full")

// A fullArchive has no room to be written anew.
type fullArchive struct{ giftsync.Archive }

func (fullArchive) Compact() (store.Compaction, error) { return store.Compaction{}, errFull }

// TestErasureOfDeletedRecordsStopsNoRun: where HubSpot has none of the records any more, nor
// any other, an erasure cannot be finished. Runs go on all the same, and once there is a
// record again that confirms that the others are deleted, the next one finishes it.
func TestErasureOfDeletedRecordsStopsNoRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newErasureWorld(t)
		for n := range 5 {
			w.AddGift(simulation.ID(100+n), bird, time.Hour)
		}
		w.Must(giftsync.Incremental)
		for r := range w.Portal.Records("thnks") {
			w.Portal.Archive("thnks", r.ID)
		}
		st := w.Open()
		_, err := w.Engine(st).Erase(t.Context(), giftsync.Person{Email: bird})
		st.Close()
		if err == nil {
			t.Fatal("the erasure counts as finished")
		}
		compactions := 0
		w.Configure = withConfigure(w.Configure, func(c *giftsync.Config) { c.Archive = countingArchive{c.Archive, &compactions} })
		for range 2 {
			time.Sleep(time.Hour)
			if rep := w.Must(giftsync.Incremental); len(rep.Warnings) != 1 || !strings.Contains(rep.Warnings[0], "an erasure is not finished") {
				t.Errorf("the report warns of %q", rep.Warnings)
			}
		}
		if compactions > 0 {
			t.Errorf("runs without anything to remove have written the state file anew %d times", compactions)
		}
		time.Sleep(time.Hour)
		w.AddGift("T-new", "bob@acme.example", 0)
		for n := 4; n <= 8; n++ { // others', which are found deleted by the pass
			w.Thnks.Update(simulation.ID(n), func(tx *thnksapitest.Transaction) { tx.Gift.Name, tx.UpdatedAt = "Tea", time.Now() })
		}
		if rep := w.Must(giftsync.Incremental); rep.Created != 1 || rep.Skipped[plan.SkippedDeleted] == 0 {
			t.Errorf("%+v, want the new gift created and those of others skipped", rep)
		}
		time.Sleep(time.Hour)
		w.Must(giftsync.Incremental)
		if n := tombstones(t, w); n < 5+5+len(receivedIDs) {
			t.Errorf("%d records count as deleted, want those of the person", n)
		}
		if bytes.Contains(rawState(t, w), []byte("canary")) {
			t.Error("the state file names the person")
		}
		time.Sleep(time.Hour)
		if rep := w.Must(giftsync.Incremental); simulation.Calls(rep) != 0 {
			t.Errorf("a run makes %d calls for an erasure that is finished", simulation.Calls(rep))
		}
	})
}

// TestEraseLater: of a person who is to be erased while the portal cannot be opened
// nothing is copied any more, and the first run does the rest.
func TestEraseLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newErasureWorld(t)
		why := errors.New("token_file: no such file")
		err := giftsync.EraseLater(w.Erased, giftsync.Person{Email: bird}, why)
		if !errors.Is(err, why) || !strings.Contains(err.Error(), "is on the list") {
			t.Errorf("it says %v", err)
		}
		w.Must(giftsync.Incremental)
		w.Must(giftsync.Incremental)
		checkErased(t, w)
		if err := giftsync.EraseLater(w.Erased, giftsync.Person{Email: "nobody"}, why); !errors.Is(err, why) || !strings.Contains(err.Error(), "no e-mail address") {
			t.Errorf("of no address it says %v", err)
		}
	})
}

// TestListOfErasedLost: without the list the portal stops before it reads anything,
// and works again once the file is back, or begun anew.
func TestListOfErasedLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newErasureWorld(t)
		erase(t, w)
		list, err := os.ReadFile(w.Erased.Path())
		if err != nil {
			t.Fatal(err)
		}
		older := w.Thnks.Requests()
		for name, text := range map[string][]byte{"missing": nil, "damaged": list[:len(list)/2]} {
			if err := os.Remove(w.Erased.Path()); err != nil {
				t.Fatal(err)
			}
			if text != nil {
				if err := os.WriteFile(w.Erased.Path(), text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Backfill})
			if !giftsync.IsFatal(err) || !strings.Contains(err.Error(), "erase") {
				t.Errorf("%s: the run ended with %v", name, err)
			}
			if _, err := os.Stat(w.Erased.Path()); text == nil && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("another list was begun: %v", err)
			}
			if err := os.WriteFile(w.Erased.Path(), list, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.Thnks.Requests() - older; n != 0 {
			t.Errorf("Thnks was asked %d times", n)
		}
		w.Must(giftsync.Backfill)
		if err := os.Remove(w.Erased.Path()); err != nil {
			t.Fatal(err)
		}
		erase(t, w)
		w.Must(giftsync.Backfill)
		checkErased(t, w)
	})
}

// TestListOfErasedLostInARun: a run whose list of erased people is removed, or
// replaced by an older copy, writes nothing more of anyone, also where an event has
// read what is there, which forgets who was on it.
func TestListOfErasedLostInARun(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(path string, older []byte) error{
		"removed":  func(path string, _ []byte) error { return os.Remove(path) },
		"replaced": func(path string, older []byte) error { return os.WriteFile(path, older, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newErasureWorld(t)
				older, err := os.ReadFile(w.Erased.Path())
				if err != nil {
					t.Fatal(err)
				}
				erase(t, w)
				list, err := os.ReadFile(w.Erased.Path())
				if err != nil {
					t.Fatal(err)
				}
				w.AddGift("T-new", bird, time.Hour)
				w.AddGift("T-other", "bob@acme.example", time.Hour)
				w.WrapThnks = func(next http.RoundTripper) http.RoundTripper {
					return simulation.RoundTripper(func(r *http.Request) (*http.Response, error) {
						if err := harm(w.Erased.Path(), older); err != nil && !errors.Is(err, fs.ErrNotExist) {
							t.Error(err)
						}
						_ = w.Erased.Refresh() // as an event does; what it says is not asked for here
						return next.RoundTrip(r)
					})
				}
				_, err = w.Run(t.Context(), giftsync.Request{Mode: giftsync.Backfill})
				if !giftsync.IsFatal(err) || !strings.Contains(err.Error(), "list of erased people") {
					t.Errorf("the run ended with %v", err)
				}
				checkErased(t, w)
				if n := len(w.Portal.Find("thnks", "thnks_transaction_id", "T-other")); n != 0 {
					t.Errorf("%d records were made without the list", n)
				}
				w.WrapThnks = nil
				if err := os.WriteFile(w.Erased.Path(), list, 0o600); err != nil {
					t.Fatal(err)
				}
				w.Must(giftsync.Backfill)
				checkErased(t, w)
				if n := len(w.Portal.Find("thnks", "thnks_transaction_id", "T-other")); n != 1 {
					t.Errorf("with the list again there are %d records", n)
				}
			})
		})
	}
}

// TestEraseDeletedRecord: a record that people deleted in HubSpot cannot be written
// to, which the report says.
func TestEraseDeletedRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newErasureWorld(t)
		w.Portal.Archive("thnks", w.Record(receivedIDs[0]))
		if rep := erase(t, w); rep.Deleted != 1 || rep.Blanked != 2 {
			t.Errorf("the report says %+v", rep)
		}
		time.Sleep(time.Hour)
		w.Must(giftsync.Backfill)
		checkErased(t, w)
	})
}

// TestHeldOfAPerson: what is held of a person is found wherever it is, and nothing is once
// she is erased.
func TestHeldOfAPerson(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newErasureWorld(t)
		held := func() giftsync.Holding {
			st := w.Open()
			defer st.Close()
			h, err := w.Engine(st).Held(t.Context(), "CANARY@bird.example")
			if err != nil {
				t.Fatal(err)
			}
			return h
		}
		if h := held(); len(h.Gifts) != 3 || len(h.Quarantine) != 1 || len(h.Events) != 3 || len(h.Sends) != 2 || h.Erased {
			t.Errorf("held: %d gifts, %d rows, %d events, erased %v", len(h.Gifts), len(h.Quarantine), len(h.Events), h.Erased)
		}
		erase(t, w)
		if h := held(); len(h.Gifts)+len(h.Quarantine)+len(h.Events)+len(h.Sends) != 0 || !h.Erased {
			t.Errorf("held after the erasure: %+v", h)
		}
	})
}

// TestEraseOfAnUnknownAddress: what is no address is said to be none, without being quoted.
func TestEraseOfAnUnknownAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 1)
		st := w.Open()
		defer st.Close()
		for _, who := range []giftsync.Person{{}, {Email: "no address"}} {
			_, err := w.Engine(st).Erase(t.Context(), who)
			var bad *giftsync.RequestError
			if !errors.As(err, &bad) || strings.Contains(err.Error(), "no address:") && who.Email == "" {
				t.Errorf("%+v: %v", who, err)
			}
		}
	})
}

// A mortalArchive makes two steps of compacting.
type mortalArchive struct {
	giftsync.Archive
	steps *simulation.Steps
}

func (a mortalArchive) ForgetSummary() error { return a.steps.Mortal(a.Archive.ForgetSummary) }

func (a mortalArchive) ChangeSend(from store.SendState, now store.Send, audit []store.AuditEntry) error {
	return a.steps.Mortal(func() error { return a.Archive.ChangeSend(from, now, audit) })
}

func (a mortalArchive) Compact() (c store.Compaction, err error) {
	err = a.steps.Mortal(func() error {
		c, err = a.Archive.Compact()
		return err
	})
	return c, err
}

// A mortalList makes two steps of putting someone on the list.
type mortalList struct {
	giftsync.Suppressed
	steps *simulation.Steps
}

func (l mortalList) Add(addresses, received, sent []string) error {
	return l.steps.Mortal(func() error { return l.Suppressed.Add(addresses, received, sent) })
}

// TestCrashAtEveryStepOfAnErasure: whatever step a process dies at, the next run
// finishes the erasure.
func TestCrashAtEveryStepOfAnErasure(t *testing.T) {
	t.Parallel()
	simulation.EveryStep(t, 1, func(t *testing.T, step int) bool {
		w := newErasureWorld(t)
		alive := w.Process(step, func(ctx context.Context, _ *giftsync.Engine, st *store.Store, steps *simulation.Steps) error {
			w.Configure = withConfigure(w.Configure, func(c *giftsync.Config) {
				c.Archive, c.Suppressed = mortalArchive{c.Archive, steps}, mortalList{c.Suppressed, steps}
			})
			_, err := w.Engine(st).Erase(ctx, giftsync.Person{Email: bird})
			return err
		})
		time.Sleep(time.Hour)
		if step == 1 { // before the list was written: nothing is known of it
			erase(t, w)
		}
		w.Must(giftsync.Incremental)
		checkErased(t, w)
		return alive
	})
}

func withConfigure(before, then func(*giftsync.Config)) func(*giftsync.Config) {
	return func(c *giftsync.Config) {
		if before != nil {
			before(c)
		}
		then(c)
	}
}

// TestEraseBesideRun: a person is erased while a run works on her gifts, and the run
// does not bring her back.
func TestEraseBesideRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newErasureWorld(t)
		for _, id := range append(receivedIDs, sentID) {
			w.Thnks.Update(id, func(tx *thnksapitest.Transaction) { tx.Gift.Name, tx.UpdatedAt = "Tea", time.Now() })
		}
		for n := range 20 {
			w.AddGift(simulation.ID(100+n), bird, time.Hour)
		}
		w.Bounds.SliceGifts, w.Bounds.WindowRows = 2, 4
		st := w.Open()
		e := w.Engine(st)
		ran := make(chan error)
		go func() {
			_, err := e.Run(context.Background(), giftsync.Request{Mode: giftsync.Backfill})
			ran <- err
		}()
		synctest.Wait()
		if _, err := e.Erase(t.Context(), giftsync.Person{Email: bird}); err != nil {
			t.Error(err)
		}
		if err := <-ran; err != nil {
			t.Error(err)
		}
		st.Close()
		checkErased(t, w)
	})
}

// TestEventsOfErasedAreScrubbed: an event about an erased person, or one that names her, comes into
// the inbox without what it says; others come as they are.
func TestEventsOfErasedAreScrubbed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newErasureWorld(t)
		erase(t, w)
		about := simulation.Event("T-later", plan.Opened)
		about.Email, about.Body, about.ThankYouNote = bird, []byte("Canary"), "Canary"
		gift := simulation.Event(receivedIDs[0], plan.Opened)
		gift.Body = []byte("Canary")
		named := simulation.Event(simulation.ID(4), plan.Opened)
		named.Body = []byte(`<e>canary&#64;bird.example</e>`)
		other := simulation.Event(simulation.ID(4), plan.Opened)
		other.Body = []byte("ann@acme.example")
		st := w.Open()
		defer st.Close()
		for i, e := range []store.Event{about, gift, named, other} {
			got, err := giftsync.ScrubEvent(w.Erased, st, e)
			if err != nil {
				t.Fatal(err)
			}
			if listed, kept := i < 2, i == 3; (got.Effect == store.EffectListed) != listed || (len(got.Body) > 0) != kept || got.ThankYouNote != "" || got.Key != e.Key {
				t.Errorf("event %d becomes %+v", i, got)
			}
		}
		if err := os.Remove(w.Erased.Path()); err != nil {
			t.Fatal(err)
		}
		if _, err := giftsync.ScrubEvent(w.Erased, st, about); !giftsync.IsFatal(err) {
			t.Errorf("without the list an event is kept: %v", err)
		}
	})
}
