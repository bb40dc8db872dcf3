package sync_test

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
)

// refusal is how HubSpot refuses a batch as a whole.
const refusal = `{"status":"error","category":"VALIDATION_ERROR","message":"no"}`

// wantUnfinished checks that a report warns once, of an erasure that is not finished.
func wantUnfinished(t *testing.T, rep giftsync.Report, says string) {
	t.Helper()
	if len(rep.Warnings) != 1 || !strings.Contains(rep.Warnings[0], "an erasure is not finished") || !strings.Contains(rep.Warnings[0], says) {
		t.Errorf("the report warns of %q", rep.Warnings)
	}
}

// TestEraseRefused: a record that HubSpot does not let be blanked is tried again by
// every run, until it does. Each says that the erasure is not finished, and what to do.
func TestEraseRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newErasureWorld(t)
		w.Portal.AddConditionalRule("thnks", "status", "sent", "recipient_name")
		if rep := erase(t, w); rep.Refused != 2 || rep.Blanked != 1 {
			t.Errorf("the report says %+v", rep)
		}
		if strings.Contains(string(rawState(t, w)), "Canary") {
			t.Error("the state file holds the person because HubSpot does")
		}
		for range 2 {
			time.Sleep(time.Hour)
			wantUnfinished(t, w.Must(giftsync.Incremental), "2 records")
		}
		w.Portal.ClearRules()
		time.Sleep(time.Hour)
		for range 2 {
			if rep := w.Must(giftsync.Incremental); len(rep.Warnings) > 0 {
				t.Errorf("an erasure that is finished is warned of: %q", rep.Warnings)
			}
		}
		checkErased(t, w)
	})
}

// TestErasureThatTheObjectRefusesStopsNoRun: HubSpot refuses to blank the records of a
// person, more than can be those records' own fault. Runs go on all the same, and finish the
// erasure once it may be.
func TestErasureThatTheObjectRefusesStopsNoRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newErasureWorld(t)
		for n := range 10 {
			w.AddGift(simulation.ID(100+n), bird, time.Hour)
		}
		w.Must(giftsync.Incremental)
		w.WrapHubSpot = simulation.Failing("/batch/update", 0, http.StatusBadRequest, refusal)
		st := w.Open()
		_, err := w.Engine(st).Erase(t.Context(), giftsync.Person{Email: bird})
		st.Close()
		if !giftsync.IsFatal(err) {
			t.Fatalf("the erasure ends with %v", err)
		}
		time.Sleep(time.Hour)
		w.AddGift("T-new", "bob@acme.example", 0)
		rep := w.Must(giftsync.Incremental)
		if wantUnfinished(t, rep, "were refused"); rep.Created != 1 {
			t.Errorf("%+v, want the new gift created", rep)
		}
		w.WrapHubSpot = nil
		time.Sleep(time.Hour)
		if rep := w.Must(giftsync.Incremental); len(rep.Warnings) > 0 {
			t.Errorf("the report warns of %q", rep.Warnings)
		}
		checkErased(t, w)
		for n := range 10 {
			if got := w.Property(simulation.ID(100+n), "recipient_email"); got != "" {
				t.Errorf("record %d has %q", n, got)
			}
		}
	})
}

// TestErasureWithoutAProperty: records cannot be blanked where someone has deleted a property
// of theirs. The definition is looked at again, and the next run finishes the erasure.
func TestErasureWithoutAProperty(t *testing.T) {
	t.Parallel()
	for name, gifts := range map[string]int{"few": 0, "many": 10} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newErasureWorld(t)
				for n := range gifts {
					w.AddGift(simulation.ID(100+n), bird, time.Hour)
				}
				w.Must(giftsync.Incremental)
				w.Portal.ArchiveProperty("thnks", "recipient_phone")
				st := w.Open()
				rep, err := w.Engine(st).Erase(t.Context(), giftsync.Person{Email: bird})
				st.Close()
				if err == nil && rep.Refused == 0 {
					t.Fatalf("%+v: HubSpot has refused nothing", rep)
				}
				time.Sleep(time.Minute)
				if rep := w.Must(giftsync.Incremental); len(rep.Warnings) > 0 {
					t.Errorf("the report warns of %q", rep.Warnings)
				}
				checkErased(t, w)
			})
		})
	}
}

// TestListOfAnUnfinishedErasureLost: the list of erased people is missed, too, where the
// first erasure of all has not been finished yet. It can be begun anew, and the portal works
// again, though that erasure is not finished either.
func TestListOfAnUnfinishedErasureLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newErasureWorld(t)
		w.Portal.AddConditionalRule("thnks", "status", "sent", "recipient_name")
		erase(t, w)
		if err := os.Remove(w.Erased.Path()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if _, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Backfill}); !giftsync.IsFatal(err) || !strings.Contains(err.Error(), "erase") {
			t.Errorf("the run ended with %v", err)
		}
		if _, err := os.Stat(w.Erased.Path()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("another list was begun: %v", err)
		}
		erase(t, w)
		time.Sleep(time.Hour)
		wantUnfinished(t, w.Must(giftsync.Backfill), "2 records")
		w.Portal.ClearRules()
		time.Sleep(time.Hour)
		w.Must(giftsync.Backfill)
		checkErased(t, w)
	})
}
