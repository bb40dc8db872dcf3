package sync_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
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

// withoutMessages is a Thnks whose answers lack the message: those of the listing, or of
// the call for a single transaction.
func withoutMessages(listing bool) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			if err != nil || listing != strings.HasSuffix(req.URL.Path, "/transactions") {
				return resp, err
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			body = bytes.ReplaceAll(body, []byte(`"message":`), []byte(`"other":`))
			resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			resp.Header.Del("Content-Length")
			return resp, err
		})
	}
}

// TestRecordSaysMoreThanTheListing: where an older state file is put back, or the process
// dies at any step of the creation, a run finds the record there that a webhook has had
// created. What the listing does not say of it stays as it is.
func TestRecordSaysMoreThanTheListing(t *testing.T) {
	t.Parallel()
	event := func(w *simulation.World) store.Event {
		w.WrapThnks = withoutMessages(true)
		w.Must(giftsync.Backfill)
		w.AddGift("T-1", "ann@example.com", time.Hour)
		w.Thnks.Update("T-1", func(tx *thnksapitest.Transaction) { tx.Message = "Thank you, Ann" })
		return simulation.Event("T-1", plan.Opened)
	}
	check := func(t *testing.T, w *simulation.World) {
		t.Helper()
		created := w.Portal.Count("thnks")
		time.Sleep(time.Hour)
		w.Must(giftsync.Incremental)
		if n := w.Portal.Count("thnks"); n != 1 {
			t.Errorf("%d records, want one", n)
		}
		if created > 0 {
			wantProperties(t, w, "T-1", map[string]string{"message": "Thank you, Ann"})
		}
	}
	t.Run("put back", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
			e := event(w)
			older := file(w)
			st := w.Open()
			w.Receive(st, e)
			w.ApplyEvents(w.Engine(st))
			st.Close()
			wantProperties(t, w, "T-1", map[string]string{"message": "Thank you, Ann", "status": "opened"})
			if err := os.WriteFile(w.Path, older, 0o600); err != nil {
				t.Fatal(err)
			}
			check(t, w)
		})
	})
	t.Run("erased", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
			e := event(w)
			w.Thnks.Update("T-1", func(tx *thnksapitest.Transaction) { tx.Sender.Email = "sam@example.com" })
			older := file(w)
			st := w.Open()
			w.Receive(st, e)
			w.ApplyEvents(w.Engine(st))
			st.Close()
			wantProperties(t, w, "T-1", map[string]string{"message": "Thank you, Ann", "sender_email": "sam@example.com"})
			if err := os.WriteFile(w.Path, older, 0o600); err != nil {
				t.Fatal(err)
			}
			st = w.Open()
			if _, err := w.Engine(st).Erase(t.Context(), giftsync.Person{Email: "sam@example.com"}); err != nil {
				t.Fatal(err)
			}
			st.Close()
			time.Sleep(time.Hour)
			w.Must(giftsync.Incremental)
			wantProperties(t, w, "T-1", map[string]string{"message": "", "sender_email": "", "recipient_email": "ann@example.com"})
		})
	})
	t.Run("crash", func(t *testing.T) {
		for step, alive := 1, false; !alive && !t.Failed(); step++ {
			synctest.Test(t, func(t *testing.T) {
				w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
				e := event(w)
				st := w.Open()
				w.Receive(st, e)
				st.Close()
				alive = w.Process(step, func(ctx context.Context, e *giftsync.Engine, _ *store.Store, _ *simulation.Steps) error {
					_, err := e.FetchEvents(ctx)
					return err
				})
				check(t, w)
			})
		}
	})
}

// TestRestoredTexts: a record that is created again has no text of which the journal knows
// only that there was one, and gets it when it is told again: by the listing where the call
// for one transaction lacks the message, and by an event that is replayed.
func TestRestoredTexts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.WrapThnks = withoutMessages(false)
		w.Must(giftsync.Backfill)
		time.Sleep(time.Hour)
		w.AddGift("T-1", "ann@example.com", time.Hour)
		w.Thnks.Update("T-1", func(tx *thnksapitest.Transaction) { tx.Message = "Thank you, Ann" })
		w.Must(giftsync.Incremental)
		note := simulation.Event("T-1", "")
		note.Key, note.Effect, note.ThankYouNote = "note", store.EffectDetail, "You are welcome"
		apply := func() {
			t.Helper()
			st := w.Open()
			defer st.Close()
			w.Receive(st, note)
			w.ApplyEvents(w.Engine(st))
			for seq, state := range w.EventStates(st) {
				if state != store.EventApplied {
					t.Errorf("event %d is %s", seq, state)
				}
			}
		}
		apply()
		said := map[string]string{"message": "Thank you, Ann", "thank_you_note": "You are welcome"}
		wantProperties(t, w, "T-1", said)
		w.Portal.Archive("thnks", w.Record("T-1"))
		w.Must(giftsync.ReassociateAll)
		if rep := w.Must(giftsync.Restore); rep.Created != 1 {
			t.Fatalf("%+v, want the record restored", rep)
		}
		wantProperties(t, w, "T-1", map[string]string{"message": "", "thank_you_note": ""})
		note.Key = "note, replayed"
		apply()
		time.Sleep(25 * time.Hour)
		w.Must(giftsync.Incremental)
		wantProperties(t, w, "T-1", said)
	})
}
