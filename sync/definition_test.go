package sync

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestDryRunNamesNewOptions: options are schema changes too.
func TestDryRunNamesNewOptions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		w.thnks.Add(simple("T-1", time.Now().UTC(), ""))
		w.must(Backfill)
		tx := simple("T-2", time.Now().UTC(), "")
		tx.Currency = "EUR"
		w.thnks.Add(tx)
		rep, err := w.run(context.Background(), Request{Mode: Incremental, DryRun: true})
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
			w := newWorld(t, hubspottest.Options{SchemaLag: time.Minute}, thnksapitest.Options{})
			w.thnks.Add(simple("T-1", time.Now().UTC(), ""))
			if w.die(step, Backfill) {
				break
			}
			if _, err := w.run(context.Background(), Request{Mode: Backfill}); err != nil {
				var fatal *Fatal
				t.Fatalf("died at step %d; the next run (fatal: %v): %v", step, errors.As(err, &fatal), err)
			}
		}
	})
}

// A noStages journal cannot read the deal stages.
type noStages struct{ Journal }

func (j noStages) Meta(name string) ([]byte, error) {
	if name == metaStages {
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
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		w.populate(thnksapitest.Generate(thnksapitest.Data{Seed: 3, N: 50, Recipients: 40}), 1)
		w.journal = func(j Journal) Journal { return noStages{j} }
		if _, err := w.run(context.Background(), Request{Mode: Backfill}); err == nil {
			t.Error("want an error")
		}
	})
}
