package sync_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// failingAt answers every batch write that names one of the gifts with 502, while
// on says so.
func failingAt(on *atomic.Bool, ids ...string) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
			if !on.Load() || !strings.HasSuffix(req.URL.Path, "/batch/create") && !strings.HasSuffix(req.URL.Path, "/batch/update") {
				return next.RoundTrip(req)
			}
			body, _ := io.ReadAll(req.Body)
			req.Body = io.NopCloser(bytes.NewReader(body))
			for _, id := range ids {
				if bytes.Contains(body, []byte(`"`+id+`"`)) {
					return simulation.Reply(req, http.StatusBadGateway, "<html>Ann, ann@example.com</html>"), nil
				}
			}
			return next.RoundTrip(req)
		})
	}
}

// TestCulprit: a record at which HubSpot fails each time is set aside with its
// class and a reason, and the others are written. Every daily pass tries it again,
// and ends well whether it goes through or not.
func TestCulprit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 200)
		var on atomic.Bool
		on.Store(true)
		w.WrapHubSpot = failingAt(&on, simulation.ID(42))
		rep := w.Must(giftsync.Backfill)
		if rep.Created != 199 || rep.Quarantined != 1 {
			t.Fatalf("report %+v", rep)
		}
		check := func(attempts int) {
			t.Helper()
			q := w.Quarantine()[simulation.ID(42)]
			if q.Class != "unprocessable" || !strings.Contains(q.Reason, "502") || strings.Contains(q.Reason, "example.com") || q.Attempts != attempts {
				t.Errorf("quarantine has %s: %s, attempt %d, want %d", q.Class, q.Reason, q.Attempts, attempts)
			}
		}
		check(1)
		time.Sleep(time.Hour)
		w.Must(giftsync.Incremental)
		check(1)
		time.Sleep(simulation.Day)
		w.Must(giftsync.Incremental)
		check(2)
		on.Store(false)
		time.Sleep(simulation.Day)
		w.Must(giftsync.Incremental)
		if len(w.Quarantine()) != 0 {
			t.Errorf("quarantine has %v", w.QuarantineReasons())
		}
		w.Check()
	})
}

// TestCulpritKinds: in whatever way HubSpot, or what is before it, fails at the
// record. One that was written all the same is found by its key.
func TestCulpritKinds(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(next http.RoundTripper, req *http.Request) (*http.Response, error){
		"500": func(_ http.RoundTripper, req *http.Request) (*http.Response, error) {
			return simulation.Reply(req, http.StatusInternalServerError, `{"status":"error","message":"ann@example.com"}`), nil
		},
		"a firewall": func(_ http.RoundTripper, req *http.Request) (*http.Response, error) {
			return simulation.Reply(req, http.StatusForbidden, `<html>ann@example.com</html>`), nil
		},
		"a reset": func(http.RoundTripper, *http.Request) (*http.Response, error) { return nil, syscall.ECONNRESET },
		"half an answer": func(_ http.RoundTripper, req *http.Request) (*http.Response, error) {
			return simulation.Reply(req, http.StatusCreated, `{"results":[{"id":`), nil
		},
		"a lost answer": func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			res, err := next.RoundTrip(req)
			if err == nil {
				res.Body.Close()
			}
			return nil, syscall.ECONNRESET
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := simulation.Quiet(t, 120)
				id := simulation.ID(42)
				w.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
					return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
						body, _ := io.ReadAll(req.Body)
						req.Body = io.NopCloser(bytes.NewReader(body))
						if strings.HasSuffix(req.URL.Path, "/batch/create") && bytes.Contains(body, []byte(id)) {
							return fail(next, req)
						}
						return next.RoundTrip(req)
					})
				}
				rep := w.Must(giftsync.Backfill)
				q := w.Quarantine()[id]
				switch {
				case name == "a lost answer":
					if len(w.Quarantine()) != 0 || rep.Quarantined != 0 {
						t.Errorf("report %+v, quarantine has %s", rep, q.Reason)
					}
				case rep.Created != 119 || q.Class != "unprocessable" || q.Reason == "" || strings.Contains(q.Reason, "example.com"):
					t.Errorf("report %+v, quarantine has %s: %s", rep, q.Class, q.Reason)
				}
				w.WrapHubSpot = nil
				time.Sleep(simulation.Day)
				w.Must(giftsync.Incremental)
				w.Check()
			})
		})
	}
}

// TestCulpritAddress: where HubSpot fails at the address of a recipient, the gift
// is set aside and is not taken for one without a contact.
func TestCulpritAddress(t *testing.T) {
	t.Parallel()
	for _, gifts := range []int{20, 300} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.Quiet(t, gifts)
			w.Bounds.WindowRows, w.Bounds.SliceGifts = 100, 30
			tx, _ := w.Thnks.Transaction(simulation.ID(7))
			w.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
				return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
					body, _ := io.ReadAll(req.Body)
					req.Body = io.NopCloser(bytes.NewReader(body))
					if strings.HasSuffix(req.URL.Path, "/contacts/batch/read") && bytes.Contains(body, []byte(`"`+tx.Recipient.Email+`"`)) {
						return simulation.Reply(req, http.StatusBadGateway, ""), nil
					}
					return next.RoundTrip(req)
				})
			}
			rep := w.Must(giftsync.Backfill)
			q := w.Quarantine()[tx.ID]
			if rep.Created != gifts-1 || rep.Quarantined != 1 || q.Class != "unprocessable" || strings.Contains(q.Reason, tx.Recipient.Email) {
				t.Errorf("report %+v, quarantine has %s: %s", rep, q.Class, q.Reason)
			}
			time.Sleep(simulation.Day)
			w.Must(giftsync.Incremental)
			if len(w.Quarantine()) != 1 {
				t.Errorf("quarantine has %v", w.QuarantineReasons())
			}
			w.WrapHubSpot = nil
			time.Sleep(simulation.Day)
			w.Must(giftsync.Incremental)
			w.Check()
		})
	}
}

// TestCulpritAddressBesideAnEvent: of a gift that is set aside, no record is made that says
// only what an event claims. The event goes through with the gift.
func TestCulpritAddressBesideAnEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 20)
		tx, _ := w.Thnks.Transaction(simulation.ID(7))
		st := w.Open()
		w.Receive(st, simulation.Event(tx.ID, plan.Delivered))
		w.ApplyEvents(w.Engine(st)) // it waits for its gift
		st.Close()
		w.WrapHubSpot = failingCalls(func(path, body string) bool {
			return strings.HasSuffix(path, "/contacts/batch/read") && strings.Contains(body, `"`+tx.Recipient.Email+`"`)
		})
		if rep := w.Must(giftsync.Backfill); rep.Created != 19 || rep.Quarantined != 1 {
			t.Errorf("report %+v, want it in quarantine and the others created", rep)
		}
		for r := range w.Portal.Records("thnks") {
			if r.Properties["thnks_transaction_id"] == tx.ID {
				t.Errorf("a record was made of the event: %v", r.Properties)
			}
		}
		w.WrapHubSpot = nil
		w.Must(giftsync.Retry)
		time.Sleep(time.Hour)
		st = w.Open()
		defer st.Close()
		w.ApplyEvents(w.Engine(st))
		w.WantEventStates(st, store.EventApplied)
		g, _, err := st.Gift(tx.ID)
		if g := g.Gift; err != nil || g.Name == "" || g.Shown() != plan.Delivered {
			t.Errorf("%+v, %v, want the row and what the event claims", g, err)
		}
	})
}

// TestCulpritOfAnUpdate keeps what HubSpot holds until it goes through.
func TestCulpritOfAnUpdate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 20)
		w.Must(giftsync.Backfill)
		var on atomic.Bool
		on.Store(true)
		w.WrapHubSpot = failingAt(&on, w.Record(simulation.ID(7)))
		for n := 1; n <= 20; n++ {
			id := simulation.ID(n)
			w.Thnks.Update(id, func(tx *thnksapitest.Transaction) { tx.Gift.Name, tx.UpdatedAt = "Tea", time.Now().UTC() })
		}
		time.Sleep(simulation.Day)
		if rep := w.Must(giftsync.Incremental); rep.Updated != 19 || rep.Quarantined != 1 {
			t.Errorf("report %+v", rep)
		}
		on.Store(false)
		time.Sleep(simulation.Day)
		w.Must(giftsync.Incremental)
		w.Check()
	})
}

// TestCulpritsAreAnOutage: with more than five nothing is set aside.
func TestCulpritsAreAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 200)
		var on atomic.Bool
		on.Store(true)
		var ids []string
		for n := range 6 {
			ids = append(ids, simulation.ID(10+n))
		}
		w.WrapHubSpot = failingAt(&on, ids...)
		rep, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Backfill})
		if err == nil || len(w.Quarantine()) != 0 {
			t.Errorf("report %+v, error %v, quarantine %v", rep, err, w.QuarantineReasons())
		}
		on.Store(false)
		w.Must(giftsync.Backfill)
		w.Check()
	})
}
