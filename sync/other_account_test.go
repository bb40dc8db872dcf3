package sync_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// goneOf are those of some gifts that are marked as gone.
func goneOf(t *testing.T, w *simulation.World, ids []string) (gone []string) {
	t.Helper()
	st := w.Open()
	defer st.Close()
	have, err := st.Gifts(ids)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if !have[id].Gone.IsZero() {
			gone = append(gone, id)
		}
	}
	return gone
}

// inPages has Thnks list its transactions in pages of n, each of which is a window.
func inPages(w *simulation.World, n int) *simulation.World {
	own := w.Thnks.Transactions()
	w.Thnks = thnksapitest.New(thnksapitest.Options{PageLimit: n})
	w.Thnks.Add(own...)
	w.Bounds.WindowRows = n
	return w
}

// TestListingOfKnownAndOthers: what a complete listing says of the 20 transactions that
// were known depends on how many of them it shows, and on nothing else that it shows,
// also where hourly passes have copied that before.
func TestListingOfKnownAndOthers(t *testing.T) {
	t.Parallel()
	for _, kept := range []int{0, 9, 10, 20} {
		for _, others := range []int{0, 9, 20, 60} {
			for _, hourly := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d kept, %d others, hourly %t", kept, others, hourly), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w := simulation.Quiet(t, 20)
						w.Must(giftsync.Backfill)
						var known []string
						for i, tx := range w.Thnks.Transactions() {
							known = append(known, tx.ID)
							if i >= kept {
								w.Thnks.Delete(tx.ID)
							}
						}
						for i := range others {
							w.Thnks.Add(simulation.Transaction(fmt.Sprintf("other-%02d", i), time.Now().UTC(), ""))
						}
						for range 6 {
							time.Sleep(simulation.Day)
							if hourly {
								w.Must(giftsync.Incremental)
							}
						}
						time.Sleep(2 * simulation.Day)
						for range 2 {
							_, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Incremental})
							gone := goneOf(t, w, known)
							if believed := 2*kept >= 20; believed && (err != nil || len(gone) != 20-kept) {
								t.Errorf("%d marked as gone, %v; want %d", len(gone), err, 20-kept)
							} else if !believed && (!giftsync.IsFatal(err) || len(gone) > 0) {
								t.Errorf("%d marked as gone, %v; want a stop", len(gone), err)
							}
							time.Sleep(8 * simulation.Day)
						}
						w.MustDo(giftsync.Request{Mode: giftsync.Incremental, AcceptSmallerSource: true})
						if gone := goneOf(t, w, known); len(gone) != 20-kept {
							t.Errorf("accepted: %d marked as gone, want %d", len(gone), 20-kept)
						}
						time.Sleep(8 * simulation.Day)
						w.Must(giftsync.Incremental) // once
					})
				})
			}
		}
	}
}

// TestInterruptedListingOfItsAccount: a listing that is interrupted and resumed shows
// what both runs have read.
func TestInterruptedListingOfItsAccount(t *testing.T) {
	t.Parallel()
	for at := range 6 {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := inPages(simulation.Quiet(t, 40), 5)
				w.Must(giftsync.Backfill)
				time.Sleep(time.Hour)
				w.AddGift("T-new", "new@acme.example", 0) // the watermark passes the others
				w.Must(giftsync.Incremental)
				for _, tx := range w.Thnks.Transactions() {
					w.Thnks.Update(tx.ID, func(tx *thnksapitest.Transaction) { tx.Gift.Name = "Tea" })
				}
				time.Sleep(8 * simulation.Day)
				w.Interrupt(at+1, giftsync.Request{Mode: giftsync.Incremental})
				var log simulation.LogBuffer
				w.Logger = slog.New(slog.NewTextHandler(&log, nil))
				w.Must(giftsync.Incremental)
				w.Check()
				if strings.Contains(log.String(), "a second time") {
					t.Error("what was read before the interruption counts as not shown")
				}
			})
		})
	}
}

// TestInterruptedListingOfAnotherAccount: a listing of another account that is
// interrupted and resumed says nothing either, wherever that was.
func TestInterruptedListingOfAnotherAccount(t *testing.T) {
	t.Parallel()
	for at := range 8 {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := inPages(simulation.Quiet(t, 20), 10)
				w.Thnks.Add(simulation.Unreadable("T-x", time.Now().UTC().Add(-simulation.Day)))
				w.Must(giftsync.Backfill)
				aside := len(w.Quarantine())
				var known []string
				for _, tx := range w.Thnks.Transactions() {
					known = append(known, tx.ID)
					w.Thnks.Delete(tx.ID)
				}
				for i := range 60 {
					w.Thnks.Add(simulation.Transaction(fmt.Sprintf("other-%02d", i), time.Now().UTC(), ""))
				}
				time.Sleep(8 * simulation.Day)
				w.Interrupt(at+1, giftsync.Request{Mode: giftsync.Incremental})
				for range 3 {
					_, err := w.Run(context.Background(), giftsync.Request{Mode: giftsync.Incremental})
					if !giftsync.IsFatal(err) {
						t.Errorf("the run ended with %v, want a stop", err)
					}
					if gone := goneOf(t, w, known); len(gone) > 0 || len(w.Quarantine()) != aside {
						t.Fatalf("%d marked as gone, %d rows in quarantine; want none and %d", len(gone), len(w.Quarantine()), aside)
					}
					time.Sleep(8 * simulation.Day)
				}
			})
		})
	}
}
