package sync_test

import (
	"os"
	"testing"
	"testing/synctest"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestRebuiltFileSendsNothing: a state file that was rebuilt does not know what was
// sent before, so it turns sending off, and a new portal's does not.
func TestRebuiltFileSendsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		w.Thnks.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 5, Recipients: 5})...)
		off := func() string {
			st := w.Open()
			defer st.Close()
			s, err := st.Sending()
			if err != nil {
				t.Fatal(err)
			}
			return s.Off
		}
		w.Must(giftsync.Backfill)
		if why := off(); why != "" {
			t.Errorf("sending is off for a new portal: %s", why)
		}
		if err := os.Remove(w.Path); err != nil {
			t.Fatal(err)
		}
		w.Must(giftsync.Backfill)
		if off() == "" {
			t.Error("sending is on after the state file was rebuilt")
		}
	})
}
