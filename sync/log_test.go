package sync_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestOneLineForMany: what is true of many gifts is one line with a count, however
// many windows they are in, and one line for each at level debug.
func TestOneLineForMany(t *testing.T) {
	t.Parallel()
	const gifts = 40
	for _, level := range []slog.Level{slog.LevelInfo, slog.LevelDebug} {
		synctest.Test(t, func(t *testing.T) {
			var log simulation.LogBuffer
			w := simulation.New(t, hubspottest.Options{Seed: 3}, thnksapitest.Options{})
			w.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: level}))
			w.Rules.MaxDeals = 1
			w.Bounds.WindowRows, w.Bounds.SliceGifts = 10, 3
			for n := range gifts {
				address := fmt.Sprintf("p%d@example.com", n)
				contact, _, _ := w.AddPerson(address)
				w.AddDeal(contact)
				w.AddDeal(contact)
				w.AddGift(simulation.ID(n+1), address, simulation.Day)
			}
			w.Must(giftsync.Backfill)
			text := log.String()
			if !strings.Contains(text, "more open deals than associations.deals.max; the newest were linked\" ") ||
				!strings.Contains(text, fmt.Sprintf("count=%d left_out=%d", gifts, 2*gifts)) {
				t.Errorf("no line with the count:\n%s", text)
			}
			want := 1
			if level == slog.LevelDebug {
				want += gifts
			}
			if n := strings.Count(text, "more open deals"); n != want {
				t.Errorf("at level %s, %d lines about deals, want %d", level, n, want)
			}
		})
	}
}
