package sync_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestDryRunWithAPropertyMissing: a dry run of what would add a property plans
// that, and does not take the property for lost.
func TestDryRunWithAPropertyMissing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Thnks.Add(simulation.Transaction("T-1", time.Now().UTC(), ""))
		w.Must(giftsync.Backfill)
		w.Portal.ArchiveProperty("thnks", "gift_currency")
		time.Sleep(time.Hour)
		w.Thnks.Add(simulation.Transaction("T-2", time.Now().UTC(), ""))
		rep, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Backfill, DryRun: true})
		if err != nil || !slices.Contains(rep.SchemaChanges, "add property gift_currency") || rep.Created != 1 {
			t.Errorf("a dry run of a backfill plans %q, creates %d: %v", rep.SchemaChanges, rep.Created, err)
		}
		w.Must(giftsync.Backfill)
	})
}

// TestDryRunCountsWhoHasNoContact: a dry run says how many gifts would have no
// contact, and why, each gift once. The run then leaves as many.
func TestDryRunCountsWhoHasNoContact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 33}, thnksapitest.Options{Keys: map[string]string{"a": "", "b": ""}})
		w.Keys = []string{"a", "b"} // both show everything
		w.Bounds.WindowRows, w.Bounds.SliceGifts = 4, 2
		w.Portal.AddContact("ann@example.com", nil)
		w.Portal.AddContact("main@example.com", map[string]string{"hs_additional_emails": "bob@example.com"})
		for i, address := range []string{"ann@example.com", "bob@example.com", "", "", "", "no address", "x@example.com", "y@example.com", "x@example.com", "z@example.com"} {
			w.AddGift(fmt.Sprintf("T-%d", i), address, simulation.Day)
		}
		want := map[plan.Orphan]int{plan.NoEmail: 3, plan.BadEmail: 1, plan.NoContact: 4}
		for _, mode := range []giftsync.Mode{giftsync.Backfill, giftsync.Reassociate} {
			dry := w.MustDo(giftsync.Request{Mode: mode, DryRun: true})
			if !maps.Equal(dry.WithoutContact, want) {
				t.Errorf("%s: %v without a contact, want %v", mode, dry.WithoutContact, want)
			}
			if mode == giftsync.Reassociate {
				break
			}
			rep := w.Must(mode)
			if left := rep.Orphans; left[plan.NoEmail] != 3 || left[plan.BadEmail] != 1 || left[plan.NoContact] != 4 || rep.WithoutContact != nil {
				t.Errorf("%s: %v left without a contact, want %v; the report of a real run has %v", mode, left, want, rep.WithoutContact)
			}
			w.Portal.AddContact("z@example.com", nil)
			want[plan.NoContact]--
		}
	})
}
