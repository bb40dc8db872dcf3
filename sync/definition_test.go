package sync_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestDryRunNamesNewOptions: options are schema changes too.
func TestDryRunNamesNewOptions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Thnks.Add(simulation.Transaction("T-1", time.Now().UTC(), ""))
		w.Must(giftsync.Backfill)
		tx := simulation.Transaction("T-2", time.Now().UTC(), "")
		tx.Currency = "EUR"
		w.Thnks.Add(tx)
		rep, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Incremental, DryRun: true})
		if err != nil || !strings.Contains(strings.Join(rep.SchemaChanges, "\n"), "EUR") {
			t.Errorf("schema changes %q (%v), want the option EUR that the run will add", rep.SchemaChanges, err)
		}
	})
}

// TestCrashWhileTheSchemaIsNotListedYet: an object just created is not
// one that people deleted.
func TestCrashWhileTheSchemaIsNotListedYet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for step := 1; step < 40; step++ {
			w := simulation.New(t, hubspottest.Options{SchemaLag: time.Minute}, thnksapitest.Options{})
			w.Thnks.Add(simulation.Transaction("T-1", time.Now().UTC(), ""))
			if w.Die(step, giftsync.Backfill) {
				break
			}
			if _, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Backfill}); err != nil {
				var fatal *giftsync.Fatal
				t.Fatalf("died at step %d; the next run (fatal: %v): %v", step, errors.As(err, &fatal), err)
			}
		}
	})
}

// A noStages journal cannot read the deal stages.
type noStages struct{ giftsync.Journal }

func (j noStages) Meta(name string) ([]byte, error) {
	if name == giftsync.MetaStages {
		return nil, errors.New("the disk is sick")
	}
	return j.Journal.Meta(name)
}

func TestUnreadableStages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		defer func() {
			if p := recover(); p != nil {
				t.Errorf("panic: %v", p)
			}
		}()
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 3, N: 50, Recipients: 40}), 1)
		w.WrapJournal = func(j giftsync.Journal) giftsync.Journal { return noStages{j} }
		if _, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Backfill}); err == nil {
			t.Error("want an error")
		}
	})
}
