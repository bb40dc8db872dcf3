package sync_test

import (
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestARefusalHasTheDefinitionLookedAt: what people deleted of the definition is
// put back by the run after the one whose records were refused for it, and not
// only when a day has passed.
func TestARefusalHasTheDefinitionLookedAt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		drift func(*simulation.World)
	}{
		{"a property", func(w *simulation.World) { w.Portal.ArchiveProperty("thnks", "message") }},
		{"statuses", func(w *simulation.World) { w.Portal.SetOptions("thnks", "status", "unknown") }},
		{"currencies", func(w *simulation.World) { w.Portal.SetOptions("thnks", "gift_currency", "XXX") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
				txs := thnksapitest.Generate(thnksapitest.Data{Seed: 2, N: 3, Recipients: 2, Start: time.Now().Add(-simulation.Day)})
				w.Populate(txs[:2], 1)
				w.Must(giftsync.Backfill)
				tt.drift(w)
				txs[2].UpdatedAt, txs[2].Currency, txs[2].Amount = time.Now(), txs[0].Currency, txs[0].Amount
				w.Thnks.Add(txs[2])
				if rep := w.Must(giftsync.Incremental); rep.Quarantined != 1 {
					t.Fatalf("%+v, want the new gift refused", rep)
				}
				time.Sleep(time.Hour)
				if rep := w.Must(giftsync.Retry); rep.Created != 1 {
					t.Errorf("%+v, want the gift's record made", rep)
				}
				w.Check()
			})
		})
	}
}
