package metrics_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/daemon"
	"thnks-hubspot-sync/sync/metrics"
	"thnks-hubspot-sync/sync/turns"
)

// hourly is a schedule.
type hourly struct{}

func (hourly) Next(t time.Time) time.Time { return t.Truncate(time.Hour).Add(time.Hour) }

// BenchmarkScrape reads the page of a daemon with 500 portals, whose state files
// are open. Each has made every kind of call, and runs of three modes.
func BenchmarkScrape(b *testing.B) {
	const portals = 500
	dir := b.TempDir()
	m := metrics.New("1.2.3")
	configs := make([]daemon.PortalConfig, portals)
	for i := range configs {
		name := fmt.Sprintf("portal-%03d", i)
		p := m.Portal(name)
		for _, mode := range []giftsync.Mode{giftsync.Incremental, giftsync.Backfill, giftsync.Resweep} {
			p.RunEnded(giftsync.Report{Mode: mode}, daemon.EndWell)
		}
		for _, class := range []hubspot.Class{hubspot.Objects, hubspot.Associations, hubspot.Search, hubspot.Other} {
			for _, status := range []int{0, 200, 404, 429, 502} {
				p.HubSpotAnswered(class, status)
			}
		}
		configs[i] = daemon.PortalConfig{
			Loop: daemon.LoopConfig{Portal: name, Schedule: hourly{}, Logger: slog.New(slog.DiscardHandler), Meter: p},
			OpenState: func() (*store.Store, error) {
				return store.Open(filepath.Join(dir, "state", name+".db"), store.Options{Create: true})
			},
		}
	}
	d := daemon.New(configs)
	defer d.Close()
	for i := range configs {
		d.Zone(configs[i].Loop.Portal) // opens its state file
	}
	h := m.Handler(d, func() turns.Load { return turns.Load{} }, nil)
	var got string
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		got = w.Body.String()
	}
	if n := strings.Count(got, "\nthnks_sync_gifts{"); n != portals {
		b.Fatalf("the page shows the gifts of %d portals", n)
	}
	b.ReportMetric(float64(len(got))/(1<<20), "MiB/page")
	b.ReportMetric(float64(strings.Count(got, "\nthnks_sync_")), "series")
}
