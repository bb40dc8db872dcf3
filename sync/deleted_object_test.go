package sync

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// deleteObject deletes the custom object as people can: its records first, as
// HubSpot keeps the definition while there are any.
func (w *world) deleteObject() {
	w.t.Helper()
	for r := range w.portal.Records("thnks") {
		w.portal.Archive("thnks", r.ID)
	}
	req, err := http.NewRequest(http.MethodDelete, "https://hubspot.test/crm-object-schemas/2026-09/schemas/"+w.schema("thnks").ID, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.portal.Token())
	w.portal.Watch(nil) // the contract is about what the program calls
	resp, err := hubspottest.Transport(w.portal).RoundTrip(req)
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		w.t.Fatalf("deleting the definition: %s", resp.Status)
	}
}

// wantGone checks an error that says that the object is gone, and what to do.
func (w *world) wantGone(err error) {
	w.t.Helper()
	var fatal *Fatal
	if !errors.As(err, &fatal) || !strings.Contains(fatal.What, "is no longer in HubSpot") || !strings.Contains(fatal.Remedy, "restore it") || !strings.Contains(fatal.Remedy, "state file aside") {
		w.t.Errorf("got %v, want to hear that the object is gone, and what to do", err)
	}
}

// wantNobodyBlamed checks that no gift is set aside as if it were at fault. A
// few are shown to the administrator, and tried again by the next run.
func (w *world) wantNobodyBlamed() {
	w.t.Helper()
	for key, q := range w.inJail() {
		if q.Class != "schema_problem" {
			w.t.Errorf("%s is in quarantine: %s: %s", key, q.Class, q.Reason)
		}
	}
}

// changeAll has something to write about every gift.
func (w *world) changeAll(url string) {
	for _, tx := range w.thnks.Transactions() {
		w.thnks.Update(tx.ID, func(tx *thnksapitest.Transaction) { tx.TrackingURL, tx.UpdatedAt = url, time.Now().UTC() })
	}
}

// TestDeletedObject: people delete the custom object. Every run that needs it
// says so, be it an hour later, when the object is still taken as known; no gift
// is blamed, and no second object made. Who starts over gets everything again.
func TestDeletedObject(t *testing.T) {
	t.Parallel()
	for _, since := range []time.Duration{time.Hour, 2 * daily} {
		for _, gifts := range []int{3, 20} { // of more, HubSpot's client gives up by itself
			for _, mode := range []Mode{Incremental, Backfill, ReassociateAll} {
				synctest.Test(t, func(t *testing.T) {
					w := quietWorld(t, gifts)
					w.must(Backfill)
					w.deleteObject()
					time.Sleep(since)
					w.changeAll("https://thnks.test/1")
					for range 2 {
						_, err := w.run(t.Context(), Request{Mode: mode})
						w.wantGone(err)
						w.wantNobodyBlamed()
						time.Sleep(time.Hour)
					}
					if s, ok := w.portal.SchemaOf("thnks"); ok {
						t.Errorf("%s made object %s", mode, s.ID)
					}
					w.path += ".new"
					w.must(Backfill)
					w.check()
					if rep := w.must(Incremental); calls(rep) != 0 {
						t.Errorf("the pass after that still makes %d HubSpot calls", calls(rep))
					}
					w.checkState()
					if t.Failed() {
						t.Fatalf("after %v, %d gifts, %s", since, gifts, mode)
					}
				})
			}
		}
	}
}

// TestObjectGoneForAWhile: the object is deleted between two passes, and a person
// restores it. Meanwhile events are kept, and afterwards all is as it should be.
func TestObjectGoneForAWhile(t *testing.T) {
	t.Parallel()
	for _, gifts := range []int{3, 20} {
		synctest.Test(t, func(t *testing.T) {
			w := quietWorld(t, gifts)
			w.must(Backfill)
			id := w.schema("thnks").ID
			time.Sleep(time.Hour)
			w.changeAll("https://thnks.test/1")
			fresh, _ := w.thnks.Transaction(transaction(1))
			fresh.ID, fresh.UpdatedAt = "T-fresh", time.Now().UTC()
			w.thnks.Add(fresh)

			gone := true
			w.wrap = func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(req *http.Request) (*http.Response, error) {
					switch {
					case gone && strings.HasSuffix(req.URL.Path, "/schemas"):
						return reply(req, http.StatusOK, `{"results":[]}`), nil
					case gone && strings.Contains(req.URL.Path, id):
						return reply(req, http.StatusBadRequest, `{"status":"error","category":"VALIDATION_ERROR","message":"Unable to infer object type from: `+id+`"}`), nil
					}
					return next.RoundTrip(req)
				})
			}
			func() {
				st := w.open()
				defer st.Close()
				w.receive(st, event(transaction(2), plan.Opened))
				_, err := w.engine(st).Apply(t.Context())
				w.wantGone(err)
				w.wantStates(st, store.EventPending)
			}()
			for range 2 {
				_, err := w.run(context.Background(), Request{Mode: Incremental})
				w.wantGone(err)
				w.wantNobodyBlamed()
				time.Sleep(time.Hour)
			}

			gone = false
			w.must(Incremental)
			w.check()
			if left := w.reasons(); len(left) > 0 {
				t.Errorf("still in quarantine: %v", left)
			}
			st := w.open()
			defer st.Close()
			w.work(w.engine(st))
			w.wantStates(st, store.EventApplied)
			if got := w.property(transaction(2), "status"); got != "opened" {
				t.Errorf("status %s, want what the event said", got)
			}
		})
	}
}
