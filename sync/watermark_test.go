package sync_test

import (
	"testing"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestWatermark: of several sources the one that is farthest behind counts, and
// none that is no longer configured.
func TestWatermark(t *testing.T) {
	t.Parallel()
	w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
	w.Keys = []string{"north", "south"}
	st := w.Open()
	defer st.Close()
	e := w.Engine(st)
	check := func(want time.Time) {
		t.Helper()
		if got, err := e.Watermark(); err != nil || !got.Equal(want) {
			t.Errorf("the watermark is %v (%v), want %v", got, err, want)
		}
	}
	mark := func(marks map[string]time.Time) {
		t.Helper()
		cp := store.Checkpoint{Watermarks: marks}
		if err := st.Commit(store.Commit{Checkpoints: map[string]store.Checkpoint{giftsync.IncrementalCheckpoint: cp}}); err != nil {
			t.Fatal(err)
		}
	}
	early, late := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	check(time.Time{})
	mark(map[string]time.Time{"north": late})
	check(time.Time{})
	mark(map[string]time.Time{"north": late, "south": early})
	check(early)
	mark(map[string]time.Time{"north": early, "south": late})
	check(early)
	mark(map[string]time.Time{"north": late, "south": late, "gone": early})
	check(late)
}
