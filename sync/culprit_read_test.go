package sync_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
)

// failingCalls answers calls of which at is true with 502. It is given the path and
// the body.
func failingCalls(at func(path, body string) bool) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
			var body []byte
			if req.Body != nil {
				body, _ = io.ReadAll(req.Body)
				req.Body = io.NopCloser(bytes.NewReader(body))
			}
			if at(req.URL.Path, string(body)) {
				return simulation.Reply(req, http.StatusBadGateway, "<html>ann@example.com</html>"), nil
			}
			return next.RoundTrip(req)
		})
	}
}

// linkedGift returns a gift of the last weeks that has a contact and a deal, and
// what it is linked to.
func linkedGift(t *testing.T, w *simulation.World) (id, record, contact, deal string) {
	t.Helper()
	for r := range w.Portal.Records("thnks") {
		id := r.Properties["thnks_transaction_id"]
		links := w.Links(r.ID)
		if len(links["contacts"]) == 1 && len(links["deals"]) > 0 && plan.SentWithin(w.Stored(id).Gift, plan.Rules{Now: time.Now(), Lookback: 30 * simulation.Day}) {
			return id, r.ID, links["contacts"][0], links["deals"][0]
		}
	}
	t.Fatal("no gift has a deal")
	return "", "", "", ""
}

// TestCulpritOfReading: where HubSpot fails at a record that is read by its id, with
// its associations, its contact, the contact's deals or one of these, the gift is set
// aside, and nothing is concluded about it: it is neither deleted nor unlinked. The
// others are compared.
func TestCulpritOfReading(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]func(record, contact, deal string) func(path, body string) bool{
		"record": func(record, _, _ string) func(path, body string) bool {
			return func(path, body string) bool {
				return strings.Contains(path, "/2-") && strings.HasSuffix(path, "/batch/read") && strings.Contains(body, `"`+record+`"`)
			}
		},
		"record, singly": func(record, _, _ string) func(path, body string) bool {
			return func(path, _ string) bool { return strings.Contains(path, "/2-") && strings.HasSuffix(path, "/"+record) }
		},
		"its associations": func(record, _, _ string) func(path, body string) bool {
			return func(path, body string) bool {
				return strings.Contains(path, "/associations/") && strings.HasSuffix(path, "/companies/batch/read") && strings.Contains(body, `"`+record+`"`)
			}
		},
		"contact": func(_, contact, _ string) func(path, body string) bool {
			return func(path, body string) bool {
				return strings.HasSuffix(path, "/objects/2026-09/contacts/batch/read") && strings.Contains(body, `"`+contact+`"`)
			}
		},
		"its deals": func(_, contact, _ string) func(path, body string) bool {
			return func(path, body string) bool {
				return strings.HasSuffix(path, "/contacts/deals/batch/read") && strings.Contains(body, `"`+contact+`"`)
			}
		},
		"deal": func(_, _, deal string) func(path, body string) bool {
			return func(path, body string) bool {
				return strings.HasSuffix(path, "/objects/2026-09/deals/batch/read") && strings.Contains(body, `"`+deal+`"`)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := simulation.Quiet(t, 60)
				w.Must(giftsync.Backfill)
				id, record, contact, deal := linkedGift(t, w)
				if name == "record, singly" {
					// Only where batches pass a record over is it read by itself.
					w.WrapHubSpot = passingOver(record, failingCalls(at(record, contact, deal)))
					other := w.Portal.Find("thnks", "thnks_transaction_id", otherThan(id))[0].ID
					w.Portal.Archive("thnks", other) // shows that HubSpot reads others singly
				} else {
					w.WrapHubSpot = failingCalls(at(record, contact, deal))
				}
				before := w.Stored(id)
				time.Sleep(time.Hour)
				rep := w.Must(giftsync.ReassociateAll)
				q, n := w.Quarantine()[id], len(w.Quarantine())
				if q.Class != "unprocessable" || !strings.Contains(q.Reason, "502") || strings.Contains(q.Reason, "example.com") || rep.Quarantined != n || rep.Fetched != 60 {
					t.Errorf("report %+v, quarantine has %s: %s", rep, q.Class, q.Reason)
				}
				if name == "record, singly" {
					w.Portal.Restore("thnks", w.Stored(otherThan(id)).ObjectID)
				}
				if now := w.Stored(id); !now.Deleted.IsZero() || len(now.Links) != len(before.Links) || now.Orphan != before.Orphan {
					t.Errorf("concluded of the gift: %+v, was %+v", now, before)
				}
				w.WrapHubSpot = nil
				time.Sleep(simulation.Day)
				w.Must(giftsync.Incremental)
				w.Must(giftsync.ReassociateAll)
				if len(w.Quarantine()) != 0 {
					t.Errorf("quarantine has %v", w.QuarantineReasons())
				}
				w.Check()
			})
		})
	}
}

// otherThan is the id of another gift.
func otherThan(id string) string {
	if id == simulation.ID(1) {
		return simulation.ID(2)
	}
	return simulation.ID(1)
}

// passingOver is a HubSpot whose batch reads do not mention a record, as if it had
// been merged into another.
func passingOver(record string, inner func(http.RoundTripper) http.RoundTripper) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		next = inner(next)
		return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
			if strings.Contains(req.URL.Path, "/2-") && strings.HasSuffix(req.URL.Path, "/batch/read") {
				body, _ := io.ReadAll(req.Body)
				body = bytes.ReplaceAll(body, []byte(`{"id":"`+record+`"}`), []byte(`{"id":"999999999"}`))
				req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			}
			return next.RoundTrip(req)
		})
	}
}

// TestCulpritOfDeals: a new gift of whose contact the deals cannot be read is set
// aside, as it would be created without them.
func TestCulpritOfDeals(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/contacts/deals/batch/read", "/objects/2026-09/deals/batch/read"} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.Quiet(t, 60)
			w.Must(giftsync.Backfill)
			_, _, contact, deal := linkedGift(t, w)
			at := w.Portal.Find("contacts", "hs_object_id", contact)[0].Properties["email"]
			w.AddGift("T-9", at, simulation.Day)
			w.AddGift("T-8", "nobody@acme.example", simulation.Day)
			w.AddPerson("ann@acme.example")
			w.AddGift("T-7", "ann@acme.example", simulation.Day)
			w.WrapHubSpot = failingCalls(func(p, body string) bool {
				return strings.HasSuffix(p, path) && (strings.Contains(body, `"`+contact+`"`) || strings.Contains(body, `"`+deal+`"`))
			})
			time.Sleep(time.Hour)
			rep := w.Must(giftsync.Incremental)
			if q := w.Quarantine()["T-9"]; q.Class != "unprocessable" || rep.Created != 2 || rep.Quarantined != 1 {
				t.Errorf("%s: report %+v, quarantine has %s: %s", path, rep, q.Class, q.Reason)
			}
			w.WrapHubSpot = nil
			time.Sleep(simulation.Day)
			w.Must(giftsync.Incremental)
			if len(w.Links(w.Record("T-9"))["deals"]) == 0 || len(w.Quarantine()) != 0 {
				t.Errorf("%s: the gift has %v, quarantine %v", path, w.Links(w.Record("T-9")), w.QuarantineReasons())
			}
			w.Check()
		})
	}
}

// TestCulpritFoundToExist: a record that a create finds there, and that cannot be
// read in full, is set aside, as it is not known what to write.
func TestCulpritFoundToExist(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 120)
		w.Portal.Fault(hubspottest.Fault{Class: hubspottest.ClassObjects, PathContains: "/batch/create", Kind: hubspottest.ResetConn, AfterEffect: true, Count: 1})
		var culprit atomic.Value
		w.WrapHubSpot = failingCalls(func(path, body string) bool {
			if !strings.HasPrefix(path, "/crm/objects/2026-09/2-") || !strings.HasSuffix(path, "/batch/read") || strings.Contains(body, "idProperty") {
				return false
			}
			if culprit.Load() == nil {
				_, after, _ := strings.Cut(body, `"id":"`)
				id, _, _ := strings.Cut(after, `"`)
				culprit.Store(id)
			}
			return strings.Contains(body, `"`+culprit.Load().(string)+`"`)
		})
		rep := w.Must(giftsync.Backfill)
		if rep.Quarantined != 1 {
			t.Errorf("report %+v, quarantine has %v", rep, w.QuarantineReasons())
		}
		w.WrapHubSpot = nil
		time.Sleep(simulation.Day)
		w.Must(giftsync.Incremental)
		w.Check()
	})
}

// TestCulpritOfARebuild: a record whose links cannot be read does not keep the state
// file from being rebuilt. It is linked again, which changes nothing.
func TestCulpritOfARebuild(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 60)
		w.Must(giftsync.Backfill)
		_, record, _, _ := linkedGift(t, w)
		want := w.Links(record)
		w.Path += ".lost"
		logs := new(simulation.LogBuffer)
		w.Logger = slog.New(slog.NewJSONHandler(logs, nil))
		w.WrapHubSpot = failingCalls(func(path, body string) bool {
			return strings.Contains(path, "/associations/") && strings.HasSuffix(path, "/batch/read") && strings.Contains(body, `"`+record+`"`)
		})
		w.Must(giftsync.Backfill)
		if !strings.Contains(logs.String(), `"object":"`+record+`"`) {
			t.Errorf("the log does not name the record: %s", logs.String())
		}
		w.WrapHubSpot = nil
		time.Sleep(simulation.Day)
		w.Must(giftsync.Incremental)
		w.WantLinked(w.Portal.Find("thnks", "hs_object_id", record)[0].Properties["thnks_transaction_id"], want)
		w.Check()
	})
}

// TestCulpritLink: a link at which HubSpot fails sets its gift aside, whose other
// links are made; the links of other gifts are made, too.
func TestCulpritLink(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := associating(t, 20)
		record := w.Record("T-0007")
		w.WrapHubSpot = failingCalls(func(path, body string) bool {
			return strings.HasSuffix(path, "/contacts/batch/create") && strings.Contains(body, `"`+record+`"`)
		})
		rep := w.Must(giftsync.Incremental)
		if q := w.Quarantine()["T-0007"]; q.Class != "unprocessable" || len(w.Quarantine()) != 1 || rep.AssociationsCreated != 19 {
			t.Errorf("report %+v, quarantine has %v", rep, w.QuarantineReasons())
		}
		w.WrapHubSpot = nil
		time.Sleep(simulation.Day)
		w.Must(giftsync.Incremental)
		if len(w.Quarantine()) != 0 {
			t.Errorf("quarantine has %v", w.QuarantineReasons())
		}
		w.Check()
	})
}

// TestRefusedLinksAreReported: a few are the records' fault, and the report says so.
func TestRefusedLinksAreReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := associating(t, 5)
		w.WrapHubSpot = simulation.Failing("/contacts/batch/create", 0, 400, `{"status":"error","category":"VALIDATION_ERROR","message":"ann@acme.example"}`)
		rep := w.Must(giftsync.Incremental)
		if len(rep.Warnings) != 1 || !strings.Contains(rep.Warnings[0], "refused 5 of the links") || !strings.Contains(rep.Warnings[0], "--reassociate=all") {
			t.Errorf("warnings %q", rep.Warnings)
		}
	})
}

// TestEveryLinkRefused: where HubSpot refuses link after link and makes none, the
// fault is not the records'. However few there are in a call, the run ends before it
// gives more than five up, and says what to do.
func TestEveryLinkRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := associating(t, 30)
		w.Bounds.WindowRows, w.Bounds.SliceGifts = 3, 3
		w.WrapHubSpot = simulation.Failing("/contacts/batch/create", 0, 400, `{"status":"error","category":"VALIDATION_ERROR","message":"ann@acme.example"}`)
		_, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Incremental})
		if !giftsync.IsFatal(err) || !strings.Contains(err.Error(), "every link from a gift to its contact") || !strings.Contains(err.Error(), "--reassociate=all") {
			t.Fatalf("error %v", err)
		}
		w.WrapHubSpot = nil
		time.Sleep(time.Hour)
		w.Must(giftsync.Incremental)
		linked := 0
		for r := range w.Portal.Records("thnks") {
			linked += len(w.Links(r.ID)["contacts"])
		}
		if linked < 25 {
			t.Errorf("once fixed, %d of 30 gifts are linked", linked)
		}
		w.Must(giftsync.ReassociateAll)
		w.Check()
	})
}

// eventWorld is a world of gifts in HubSpot, an engine and its store.
func eventWorld(t *testing.T, n int) (*simulation.World, *store.Store, *giftsync.Engine) {
	w := simulation.Quiet(t, n)
	w.Must(giftsync.Backfill)
	time.Sleep(time.Hour)
	st := w.Open()
	return w, st, w.Engine(st)
}

// TestCulpritOfAnEvent: where HubSpot fails at one record, the events about others
// are applied, and its own wait until it goes through, a week at most.
func TestCulpritOfAnEvent(t *testing.T) {
	t.Parallel()
	for _, for8Days := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.Quiet(t, 20)
			w.Must(giftsync.Backfill)
			time.Sleep(time.Hour)
			var on atomic.Bool
			on.Store(true)
			record := w.Record(simulation.ID(7))
			w.WrapHubSpot = failingCalls(func(path, body string) bool {
				return on.Load() && strings.HasSuffix(path, "/batch/update") && strings.Contains(body, `"`+record+`"`)
			})
			st := w.Open()
			defer st.Close()
			e := w.Engine(st)
			var events []store.Event
			for n := 1; n <= 20; n++ {
				events = append(events, simulation.Event(simulation.ID(n), plan.Opened))
			}
			w.Receive(st, events...)
			w.ApplyEvents(e)
			states := w.EventStates(st)
			for n := uint64(1); n <= 20; n++ {
				want := store.EventApplied
				if n == 7 {
					want = store.EventWaiting
				}
				if states[n] != want {
					t.Errorf("event %d is %q, want %q", n, states[n], want)
				}
			}
			if !for8Days {
				on.Store(false)
				time.Sleep(time.Hour)
				w.ApplyEvents(e)
				if s := w.EventStates(st)[7]; s != store.EventApplied {
					t.Errorf("once HubSpot takes the record, the event is %q", s)
				}
				return
			}
			for range 9 {
				time.Sleep(simulation.Day)
				w.ApplyEvents(e)
			}
			if s := w.EventStates(st)[7]; s != store.EventRefused {
				t.Errorf("after nine days the event is %q", s)
			}
		})
	}
}

// TestDeletionsOfADay: what would be too many deletions for a run to believe is too
// many in a day of events, however few a call finds.
func TestDeletionsOfADay(t *testing.T) {
	t.Parallel()
	t.Run("shown", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, st, e := eventWorld(t, 20)
			w.Portal.Hide("thnks", true)
			failed := 0
			for n := 1; n <= 5; n++ {
				w.Receive(st, simulation.Event(simulation.ID(n), plan.Opened))
				if _, err := e.ApplyEvents(t.Context()); err != nil {
					failed++
				}
				time.Sleep(time.Hour)
			}
			dead := 0
			for n := 1; n <= 20; n++ {
				if s, _, _ := st.Gift(simulation.ID(n)); !s.Deleted.IsZero() {
					dead++
				}
			}
			if failed != 1 || dead != 0 {
				t.Errorf("%d calls failed, and %d gifts count as deleted", failed, dead)
			}
			w.Portal.Hide("thnks", false)
			w.ApplyEvents(e)
			st.Close()
			time.Sleep(simulation.Day)
			w.Must(giftsync.Incremental)
		})
	})
	t.Run("gone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			logs := new(simulation.LogBuffer)
			w := simulation.Quiet(t, 20)
			w.Must(giftsync.Backfill)
			time.Sleep(time.Hour)
			w.Logger = slog.New(slog.NewJSONHandler(logs, nil))
			st := w.Open()
			defer st.Close()
			e := w.Engine(st)
			for n := 1; n <= 12; n++ {
				w.Portal.Archive("thnks", w.Portal.Find("thnks", "thnks_transaction_id", simulation.ID(n))[0].ID)
				w.Receive(st, simulation.Event(simulation.ID(n), plan.Opened))
				w.ApplyEvents(e)
				if s, _, _ := st.Gift(simulation.ID(n)); s.Deleted.IsZero() {
					t.Errorf("gift %d does not count as deleted", n)
				}
			}
			// The fifth and the tenth made HubSpot list what it has.
			if n := strings.Count(logs.String(), "records were deleted in HubSpot"); n != 2 {
				t.Errorf("said %d times", n)
			}
		})
	})
	t.Run("a day apart", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, st, e := eventWorld(t, 20)
			defer st.Close()
			w.Portal.Hide("thnks", true)
			for n := 1; n <= 8; n++ {
				w.Receive(st, simulation.Event(simulation.ID(n), plan.Opened))
				if _, err := e.ApplyEvents(t.Context()); err != nil {
					t.Errorf("event %d: %v", n, err)
				}
				time.Sleep(13 * time.Hour)
			}
		})
	})
}
