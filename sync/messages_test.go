package sync_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// foreign is what the vendors say in their own words, and users write into records. A
// world fails its test where any of it is in a log line or an error.
const foreign = `{"message":"Jane Doe, jane.doe@private.example","errors":[{"message":"jane.doe@private.example"}]}`

// TestRareMessages goes the ways that end in a log line or an error of their own and that no
// other test goes. Each says what happened, and nothing of what others wrote.
func TestRareMessages(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		says string
		when func(t *testing.T, w *simulation.World) error
	}{
		{"the listing cannot go on where the last run stopped", func(t *testing.T, w *simulation.World) error {
			w.Thnks = thnksapitest.New(thnksapitest.Options{PageLimit: 10})
			w.Thnks.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 5, N: 30, Recipients: 9, End: time.Now()})...)
			w.Bounds.WindowRows, w.Bounds.SliceGifts = 10, 10
			w.Portal.Fault(hubspottest.Fault{Class: hubspottest.ClassObjects, PathContains: "/batch/create", After: 1, Count: -1, Status: http.StatusServiceUnavailable, Body: foreign})
			_, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Backfill})
			if err == nil {
				t.Fatal("the first run was not interrupted")
			}
			w.Portal.ClearFaults()
			w.Thnks.Fault(thnksapitest.Fault{Count: 1, Status: http.StatusBadRequest, Body: foreign})
			w.Must(giftsync.Backfill)
			return nil
		}},
		{"Thnks no longer has the transaction; its record is not restored", func(t *testing.T, w *simulation.World) error {
			w.Must(giftsync.Backfill)
			deleteRecord(w, simulation.ID(3))
			w.Thnks.Delete(simulation.ID(3))
			_, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Restore})
			return err
		}},
		{"Thnks API has no call for a single transaction", func(t *testing.T, w *simulation.World) error {
			w.Must(giftsync.Backfill)
			deleteRecord(w, simulation.ID(3))
			w.Dialect.DetailPath = ""
			_, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Restore})
			return err
		}},
		{`HubSpot has no association label "Champion" between contacts and deals`, func(t *testing.T, w *simulation.World) error {
			contact, _, deal := w.AddPerson("ann@acme.example")
			w.Portal.AssociateLabelled("contacts", contact, "deals", deal, "of jane.doe@private.example")
			w.AddGift("T-1", "ann@acme.example", simulation.Day)
			w.Rules.DealLabel = "Champion"
			_, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Backfill})
			return err
		}},
		{"several contacts match the recipient", func(t *testing.T, w *simulation.World) error {
			for _, spelling := range []string{"ann@müller.example", "ann@xn--mller-kva.example"} {
				w.Portal.AddContact(spelling, map[string]string{"firstname": "Jane"})
			}
			w.AddGift("T-1", "ann@müller.example", simulation.Day)
			w.Must(giftsync.Backfill)
			return nil
		}},
		{"Thnks does not accept the API key", func(t *testing.T, w *simulation.World) error {
			w.Thnks.Fault(thnksapitest.Fault{Status: http.StatusUnauthorized, Body: foreign})
			_, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Backfill})
			st := w.Open()
			defer st.Close()
			if proved := w.Engine(st).Prove(t.Context(), err, false); proved == nil {
				t.Error("a key that is still refused is proved")
			} else {
				w.CheckText("the error of a proof", proved.Error())
			}
			return err
		}},
		{"reading records that exist already", func(t *testing.T, w *simulation.World) error {
			w.Portal.Fault(hubspottest.Fault{Class: hubspottest.ClassObjects, PathContains: "/batch/create", Kind: hubspottest.ResetConn, AfterEffect: true})
			w.WrapHubSpot = failingCalls(func(path, body string) bool {
				return strings.HasPrefix(path, "/crm/objects/2026-09/2-") && strings.HasSuffix(path, "/batch/read") && !strings.Contains(body, "idProperty")
			})
			_, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Backfill})
			return err
		}},
		{"resolving links: reading 2-", func(t *testing.T, w *simulation.World) error {
			w.Thnks.Add(simulation.Transaction("T-1", time.Now().UTC().Add(-time.Hour), "ann@acme.example"))
			w.Must(giftsync.Backfill)
			w.Portal.AddContact("ann@acme.example", nil)
			w.Thnks.Update("T-1", func(tx *thnksapitest.Transaction) { tx.TrackingURL = "x" })
			lost := false
			w.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
				return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
					switch {
					case strings.HasSuffix(req.URL.Path, "/contacts/batch/create"):
						lost = true
						return simulation.Reply(req, http.StatusNotFound, `{"category":"OBJECT_NOT_FOUND","message":"jane.doe@private.example"}`), nil
					case lost && strings.HasPrefix(req.URL.Path, "/crm/objects/2026-09/2-") && strings.HasSuffix(req.URL.Path, "/batch/read"):
						return simulation.Reply(req, http.StatusServiceUnavailable, foreign), nil
					}
					return next.RoundTrip(req)
				})
			}
			_, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental})
			return err
		}},
		{"records without a transaction id are not ours", func(t *testing.T, w *simulation.World) error {
			w.Must(giftsync.Backfill)
			w.Portal.AddRecord("thnks", map[string]string{"message": "To jane.doe@private.example"})
			w.Path += ".lost"
			w.Must(giftsync.Backfill)
			return nil
		}},
	} {
		t.Run(tt.says, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := simulation.Quiet(t, 30)
				logs := new(simulation.LogBuffer)
				w.Logger = slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
				said := ""
				if err := tt.when(t, w); err != nil {
					said = err.Error()
				}
				said += strings.ReplaceAll(logs.String(), `\"`, `"`)
				if !strings.Contains(said, tt.says) {
					t.Errorf("said was\n%s", said)
				}
			})
		})
	}
}

// deleteRecord lets users delete a gift's record, and the program see that.
func deleteRecord(w *simulation.World, id string) {
	w.Portal.Archive("thnks", w.Record(id))
	time.Sleep(time.Hour)
	w.Thnks.Update(id, func(tx *thnksapitest.Transaction) { tx.TrackingURL = "x" })
	w.Must(giftsync.Incremental)
}
