package sync

import (
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestARefusalHasTheDefinitionLookedAt: what people deleted of the definition is
// put back by the run after the one whose records were refused for it, and not
// only when a day has passed.
func TestARefusalHasTheDefinitionLookedAt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		drift func(*world)
	}{
		{"a property", func(w *world) { w.portal.ArchiveProperty("thnks", "message") }},
		{"statuses", func(w *world) { w.portal.SetOptions("thnks", "status", "unknown") }},
		{"currencies", func(w *world) { w.portal.SetOptions("thnks", "gift_currency", "XXX") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
				txs := thnksapitest.Generate(thnksapitest.Data{Seed: 2, N: 3, Recipients: 2, Start: time.Now().Add(-daily)})
				w.populate(txs[:2], 1)
				w.must(Backfill)
				tt.drift(w)
				txs[2].UpdatedAt, txs[2].Currency, txs[2].Amount = time.Now(), txs[0].Currency, txs[0].Amount
				w.thnks.Add(txs[2])
				if rep := w.must(Incremental); rep.Quarantined != 1 {
					t.Fatalf("%+v, want the new gift refused", rep)
				}
				time.Sleep(time.Hour)
				if rep := w.must(Retry); rep.Created != 1 {
					t.Errorf("%+v, want the gift's record made", rep)
				}
				w.check()
			})
		})
	}
}
