package sync_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
)

// TestRunsThatFail lets every call from some one on fail, for each call of a
// backfill and each kind of failure. What holds of a run that ends well holds of
// one that fails, too: its report does not claim more than was done, nothing that
// HubSpot said of people is in its error or its log, and later passes complete it.
// What HubSpot refuses for its content is not tried again by itself.
func TestRunsThatFail(t *testing.T) {
	t.Parallel()
	const canary = "canary-jane.doe@private.example"
	refusal := `{"status": "error", "message": "` + canary + `", "category": "` + canary + `", "errors": [{"message": "` + canary + `"}]}`
	for _, tt := range []struct {
		name    string
		fault   hubspottest.Fault
		refused bool
	}{
		{"server error", hubspottest.Fault{Status: http.StatusInternalServerError, Body: refusal}, false},
		{"server error, and yet done", hubspottest.Fault{Status: http.StatusBadGateway, Body: refusal, AfterEffect: true}, false},
		{"refusal", hubspottest.Fault{Status: http.StatusBadRequest, Body: refusal}, true},
		{"no permission", hubspottest.Fault{Status: http.StatusForbidden, Body: refusal}, false},
		{"firewall", hubspottest.Fault{Status: http.StatusForbidden, Body: "<html>" + canary, HTML: true}, false},
		{"reset", hubspottest.Fault{Kind: hubspottest.ResetConn}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			simulation.EveryStep(t, 3, func(t *testing.T, step int) (ended bool) {
				w := simulation.Tiny(t)
				var logs bytes.Buffer
				w.Logger = slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
				fault := tt.fault
				fault.After, fault.Count = step-1, -1
				w.Portal.Fault(fault)
				rep, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Backfill})
				ended = w.Portal.Struck() == 0
				warned := strings.Contains(logs.String(), `"level":"WARN"`)
				if err != nil && ended || err == nil && !ended && !tt.refused && !warned {
					t.Errorf("call %d: the run ends with %v, and warned: %t", step, err, warned)
				}
				checkFailed(t, w, rep, fault.AfterEffect)
				if said := logs.String(); strings.Contains(said, "canary") || err != nil && strings.Contains(err.Error(), "canary") {
					t.Errorf("call %d: HubSpot's words are in the error or the log: %v\n%s", step, err, said)
				}
				if tt.refused {
					return ended
				}
				w.Portal.ClearFaults()
				w.Logger = nil
				w.Must(giftsync.Incremental) // goes on with the backfill
				time.Sleep(25 * time.Hour)   // the daily pass tries again what was set aside, links too
				w.Must(giftsync.Incremental)
				w.CheckRecovered(step)
				return ended
			})
		})
	}
}

// checkFailed checks the report of a run that may have failed against HubSpot. What
// was done without an answer the report cannot know of.
func checkFailed(t *testing.T, w *simulation.World, rep giftsync.Report, unanswered bool) {
	t.Helper()
	if sum := rep.Created + rep.Updated + rep.Unchanged + rep.Quarantined + simulation.Skipped(rep); sum > rep.Fetched {
		t.Errorf("fetched %d, and yet there are %d outcomes: %+v", rep.Fetched, sum, rep)
	}
	records := make(map[string]bool)
	if _, ok := w.Portal.SchemaOf("thnks"); ok {
		for r := range w.Portal.Records("thnks") {
			id := r.Properties["thnks_transaction_id"]
			if records[id] {
				t.Errorf("transaction %s has two records", id)
			}
			records[id] = true
		}
	}
	if rep.Created > len(records) || !unanswered && rep.Created < len(records) {
		t.Errorf("the report says %d created, and HubSpot has %d", rep.Created, len(records))
	}
}
