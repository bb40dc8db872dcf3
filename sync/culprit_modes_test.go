package sync_test

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
)

// TestCulpritOfARestore: a record that HubSpot fails to create again waits, and the
// others are restored.
func TestCulpritOfARestore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 40)
		w.Must(giftsync.Backfill)
		time.Sleep(time.Hour)
		for n := 1; n <= 20; n++ {
			w.Portal.Archive("thnks", w.Record(simulation.ID(n)))
		}
		w.Must(giftsync.ReassociateAll)
		w.WrapHubSpot = failingCalls(func(path, body string) bool {
			return strings.HasSuffix(path, "/batch/create") && strings.Contains(body, simulation.ID(7))
		})
		rep := w.Must(giftsync.Restore)
		if rep.Created != 19 || rep.Quarantined != 1 || w.Quarantine()[simulation.ID(7)].Class != "unprocessable" {
			t.Errorf("report %+v, quarantine %v", rep, w.QuarantineReasons())
		}
		if n := tombstones(t, w); n != 1 {
			t.Errorf("%d tombstones, want that of the one", n)
		}
		w.WrapHubSpot = nil
		w.Must(giftsync.Restore)
		w.Must(giftsync.Incremental)
		if len(w.Quarantine()) != 0 {
			t.Errorf("quarantine has %v", w.QuarantineReasons())
		}
		w.Check()
	})
}

// TestCulpritOfAnExport: a row of a file at whose record HubSpot fails waits, and the
// others are written.
func TestCulpritOfAnExport(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 40)
		w.Configure = simulation.ReadExports(t)
		w.WrapHubSpot = failingCalls(func(path, body string) bool {
			return strings.HasSuffix(path, "/batch/create") && strings.Contains(body, simulation.ID(7))
		})
		rep := w.MustFile(w.ExportAll())
		if rep.Created != 39 || rep.Quarantined != 1 || w.Quarantine()[simulation.ID(7)].Class != "unprocessable" {
			t.Errorf("report %+v, quarantine %v", rep, w.QuarantineReasons())
		}
		w.WrapHubSpot = nil
		if rep := w.Must(giftsync.Retry); rep.Created != 1 || len(w.Quarantine()) != 0 {
			t.Errorf("report %+v, quarantine %v", rep, w.QuarantineReasons())
		}
	})
}

// TestCulpritsAfterALostFile: a record at which HubSpot fails when the journal is rebuilt
// from the records keeps no other from being known.
func TestCulpritsAfterALostFile(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"links": "/associations/", "contact": "/contacts/batch/read", "found to exist": "/batch/read"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := simulation.Quiet(t, 40)
				w.Must(giftsync.Backfill)
				record := w.Record(simulation.ID(7))
				if err := os.Remove(w.Path); err != nil {
					t.Fatal(err)
				}
				w.WrapHubSpot = failingCalls(func(p, body string) bool {
					return strings.Contains(p, path) && strings.Contains(body, `"`+record+`"`)
				})
				rep := w.Must(giftsync.Backfill)
				if rep.Created != 0 || w.Portal.Count("thnks") != 40 {
					t.Errorf("report %+v, %d records", rep, w.Portal.Count("thnks"))
				}
				w.WrapHubSpot = nil
				time.Sleep(simulation.Week)
				w.Must(giftsync.Incremental)
				w.Must(giftsync.ReassociateAll)
				w.Check()
			})
		})
	}
}

// TestCulpritsOfTwoRuns: each run sets aside up to five, and those of the run before are
// tried again without counting.
func TestCulpritsOfTwoRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 40)
		var bad []string
		failing := failingCalls(func(path, body string) bool {
			for _, id := range bad {
				if strings.HasSuffix(path, "/batch/create") && strings.Contains(body, `"`+id+`"`) {
					return true
				}
			}
			return false
		})
		w.WrapHubSpot = failing
		for n := 1; n <= 5; n++ {
			bad = append(bad, simulation.ID(n))
		}
		if rep := w.Must(giftsync.Backfill); rep.Created != 35 || rep.Quarantined != 5 {
			t.Errorf("report %+v", rep)
		}
		for n := 1; n <= 60; n++ {
			w.AddGift("U-"+simulation.ID(n), "ann@acme.example", 0)
		}
		for n := 1; n <= 5; n++ {
			bad = append(bad, "U-"+simulation.ID(n))
		}
		time.Sleep(simulation.Day)
		if rep := w.Must(giftsync.Incremental); rep.Created != 55 || len(w.Quarantine()) != 10 {
			t.Errorf("report %+v, %d in quarantine", rep, len(w.Quarantine()))
		}
		time.Sleep(simulation.Day)
		w.Must(giftsync.Incremental) // ten known ones alone are no outage
		w.WrapHubSpot = nil
		time.Sleep(simulation.Day)
		w.Must(giftsync.Incremental)
		if len(w.Quarantine()) != 0 {
			t.Errorf("quarantine has %v", w.QuarantineReasons())
		}
		w.Check()
	})
}

// TestCulpritOfAnErasure: a record that HubSpot does not let be blanked is reported and
// tried again; the others of the person are blanked.
func TestCulpritOfAnErasure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 5)
		for n := range 20 {
			w.AddGift("U-"+simulation.ID(n), "ann@acme.example", time.Hour)
		}
		w.Must(giftsync.Backfill)
		record := w.Record("U-" + simulation.ID(7))
		w.WrapHubSpot = failingCalls(func(path, body string) bool {
			return strings.HasSuffix(path, "/batch/update") && strings.Contains(body, `"`+record+`"`)
		})
		st := w.Open()
		rep, err := w.Engine(st).Erase(t.Context(), giftsync.Person{Email: "ann@acme.example"})
		st.Close()
		if err != nil || rep.Blanked != 19 || rep.Refused != 1 {
			t.Errorf("erased %+v, %v; want 19 blanked and one to be tried again", rep, err)
		}
		time.Sleep(time.Hour)
		w.Must(giftsync.Incremental) // goes on beside the one
		w.WrapHubSpot = nil
		time.Sleep(time.Hour)
		w.Must(giftsync.Incremental)
		for n := range 20 {
			if v := w.Property("U-"+simulation.ID(n), "recipient_email"); v != "" {
				t.Errorf("gift %d has %q", n, v)
			}
		}
	})
}

// TestCulpritOfAnUnfinishedErasure: the only record of an erased person, at which HubSpot
// fails, does not end the runs that come after.
func TestCulpritOfAnUnfinishedErasure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 5)
		w.AddGift("U-1", "ann@acme.example", time.Hour)
		w.Must(giftsync.Backfill)
		record := w.Record("U-1")
		w.WrapHubSpot = failingCalls(func(path, body string) bool {
			return strings.HasSuffix(path, "/batch/update") && strings.Contains(body, `"`+record+`"`)
		})
		st := w.Open()
		_, err := w.Engine(st).Erase(t.Context(), giftsync.Person{Email: "ann@acme.example"})
		st.Close()
		if err == nil {
			t.Error("an erasure at which HubSpot fails ends well")
		}
		w.AddGift("U-2", "bob@acme.example", 0)
		time.Sleep(time.Hour)
		if rep := w.Must(giftsync.Incremental); rep.Created != 1 {
			t.Errorf("report %+v", rep)
		}
		w.WrapHubSpot = nil
		time.Sleep(time.Hour)
		w.Must(giftsync.Incremental)
		if v := w.Property("U-1", "recipient_email"); v != "" {
			t.Errorf("the record has %q", v)
		}
	})
}

// TestCulpritOfASend: the record of a gift that we send, at which HubSpot fails, does not
// end the runs, and is made once HubSpot takes it.
func TestCulpritOfASend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, _, _ := sending(t)
		w.WrapHubSpot = failingCalls(func(path, body string) bool {
			return strings.HasSuffix(path, "/batch/create") && strings.Contains(body, "send-r")
		})
		l := openLedger(w)
		l.ask(coffee("r", "bea@acme.example"))
		l.show(w) // beside a run
		l.st.Close()
		w.AddGift("U-1", "bob@acme.example", 0)
		time.Sleep(time.Hour)
		if rep := w.Must(giftsync.Incremental); rep.Created == 0 {
			t.Errorf("report %+v", rep)
		}
		w.WrapHubSpot = nil
		time.Sleep(time.Hour)
		w.Must(giftsync.Incremental)
		wantShown(w, "send-r", map[string]string{"gift_name": "Coffee"})
		if len(w.Quarantine()) != 0 {
			t.Errorf("quarantine has %v", w.QuarantineReasons())
		}
	})
}
