package sync_test

import (
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// orders are all orders of n things.
func orders(n int) [][]int {
	if n == 0 {
		return [][]int{{}}
	}
	var all [][]int
	for _, shorter := range orders(n - 1) {
		for at := range n {
			one := append([]int{}, shorter[:at]...)
			all = append(all, append(append(one, n-1), shorter[at:]...))
		}
	}
	return all
}

// TestFilesInEveryOrder: overlapping and filtered files, and one of another account, in
// whatever order they come, the first of them twice and with an empty one behind each,
// leave a row in quarantine until its own transaction was read well.
func TestFilesInEveryOrder(t *testing.T) {
	t.Parallel()
	const header = "Transaction ID,Gift Name,Status"
	files := [][]string{
		{header, "T-1,Coffee,sent", "T-2,Tea,sent,x", ",Cake,sent"},
		{header, "T-2,Tea,sent,x", "T-3,Tea,sent,x", "T-4,Tea,sent"}, // overlaps
		{header, "T-3,Tea,sent"},                                     // filtered
		{header, "X-1,Tea,sent", "X-2,Tea,sent,x"},                   // of another account
	}
	for _, order := range orders(len(files)) {
		synctest.Test(t, func(t *testing.T) {
			w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
			w.Configure = simulation.OnlyExports(t)
			aside, well := make(map[string]bool), make(map[string]bool)
			for _, i := range append(order, order[0]) {
				w.MustFile(w.ExportLines(files[i]...))
				time.Sleep(time.Hour)
				w.MustFile(w.ExportLines(header))
				for id, bad := range map[int]map[string]bool{
					0: {"T-1": false, "T-2": true, "": true},
					1: {"T-2": true, "T-3": true, "T-4": false},
					2: {"T-3": false},
					3: {"X-1": false, "X-2": true},
				}[i] {
					if aside[id] = bad; !bad {
						well[id] = true
					}
				}
			}
			got := make(map[string]bool)
			for _, q := range w.Quarantine() {
				got[q.TransactionID] = true
			}
			for id, want := range aside {
				if got[id] != want {
					t.Errorf("%v: of %q there is a row in quarantine: %t, want %t", order, id, got[id], want)
				}
			}
			for id := range well {
				if w.Record(id) == "" {
					t.Errorf("%v: %s has no record", order, id)
				}
			}
		})
	}
}
