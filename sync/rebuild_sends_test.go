package sync_test

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestRebuiltFileSendsNothing: a state file that was rebuilt does not know what was
// sent before, so it turns sending off, and a new portal's does not.
func TestRebuiltFileSendsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Thnks.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 5, Recipients: 5})...)
		off := func() string {
			st := w.Open()
			defer st.Close()
			s, err := st.Sending()
			if err != nil {
				t.Fatal(err)
			}
			return s.Off
		}
		w.Must(giftsync.Backfill)
		if why := off(); why != "" {
			t.Errorf("sending is off for a new portal: %s", why)
		}
		if err := os.Remove(w.Path); err != nil {
			t.Fatal(err)
		}
		w.Must(giftsync.Backfill)
		if off() == "" {
			t.Error("sending is on after the state file was rebuilt")
		}
	})
}

// TestGiftAskedForBeforeTheRebuild: the state file is lost, and a gift that it had sent is
// asked for again before a run has looked. A guard refuses that, or it waits for a
// person; once HubSpot was read the gift is known, gets its transaction, and is sent by
// no repeat.
func TestGiftAskedForBeforeTheRebuild(t *testing.T) {
	t.Parallel()
	for _, state := range []store.SendState{store.SendRefused, store.SendHeld, store.SendScheduled, store.SendCancelled} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, _, _, _ := sending(t)
				before := keys(w)
				l := openLedger(w)
				l.ask(coffee("r", "bea@acme.example"))
				l.becomes("r", store.SendSending, store.SendSent)
				l.show(w)
				l.st.Close()
				if err := os.Remove(w.Path); err != nil {
					t.Fatal(err)
				}

				l = openLedger(w)
				again := coffee("r", "bea@acme.example")
				again.State = state
				l.ask(again)
				l.st.Close()
				w.Must(giftsync.Backfill)
				wantKeys(w, "rebuilt", append(before, "send-r")...)

				appears(w, "T-9", "bea@acme.example")
				time.Sleep(time.Hour)
				w.Must(giftsync.Incremental)
				wantKeys(w, "appeared", append(before, "T-9")...)
				l = openLedger(w)
				defer l.st.Close()
				if s := l.send("r"); s.State != store.SendSent || s.TransactionID != "T-9" {
					t.Errorf("the ledger has %+v", s)
				}
				if _, err := l.st.AddSends([]store.Send{coffee("r", "bea@acme.example")}, nil); !errors.Is(err, store.ErrSendDiffers) {
					t.Errorf("asked for again: %v", err)
				}
			})
		})
	}
}
