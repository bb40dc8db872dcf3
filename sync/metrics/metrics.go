package metrics

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"thnks-hubspot-sync/hubspot"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/daemon"
	"thnks-hubspot-sync/sync/turns"
)

// namespace begins the names of all metrics of ours.
const namespace = "thnks_sync"

// The labels.
const (
	labelPortal  = "portal"
	labelMode    = "mode"
	labelEnd     = "end"
	labelOutcome = "outcome"
	labelVendor  = "vendor"
	labelClass   = "class"
	labelStatus  = "status"
	labelState   = "state"
	labelKind    = "kind"
	labelReason  = "reason"
)

// atOnce is how many requests are answered at a time. Prometheus makes one; of
// the others some are refused with 503.
const atOnce = 4

// A Service tells how portals stand. [daemon.Daemon] is one.
type Service interface {
	// Figures returns the figures of every portal. It waits for nothing but reading.
	Figures() []daemon.Figures
}

// Metrics are those of one daemon. Methods may be called concurrently.
type Metrics struct {
	counters *counters
	build    prometheus.Collector
}

// New returns metrics that show this version of the program.
func New(version string) *Metrics {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; the labels say which program this is.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	build.Set(1)
	return &Metrics{counters: newCounters(), build: build}
}

// Handler returns the page that Prometheus reads. It shows the counters of m, and
// the state of the service and of the turns at the moment of the request. The log
// gets a line when something cannot be shown; nil discards it.
func (m *Metrics) Handler(service Service, load func() turns.Load, log *slog.Logger) http.Handler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return promhttp.HandlerFor(m.registry(service, load, log), promhttp.HandlerOpts{
		ErrorLog:            errorLog{log},
		ErrorHandling:       promhttp.ContinueOnError, // what is right is shown
		MaxRequestsInFlight: atOnce,
	})
}

// registry returns a registry of everything.
func (m *Metrics) registry(service Service, load func() turns.Load, log *slog.Logger) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		m.build, m.counters, &state{service, load, log},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return r
}

// errorLog logs what the library has to say.
type errorLog struct{ log *slog.Logger }

// Println implements [promhttp.Logger]. The caller sees it too, or has gone.
func (l errorLog) Println(v ...any) {
	l.log.Debug("metrics could not be shown", "error", fmt.Sprint(v...))
}

// The values of labels that this version knows.
var (
	modes = []giftsync.Mode{
		giftsync.Incremental, giftsync.Backfill, giftsync.Resweep, giftsync.Rebuild, giftsync.Retry,
		giftsync.Restore, giftsync.Reassociate, giftsync.ReassociateAll, giftsync.Adopt,
	}
	classes = []hubspot.Class{hubspot.Objects, hubspot.Associations, hubspot.Search, hubspot.OAuth, hubspot.Other}
	ends    = []daemon.End{daemon.EndWell, daemon.EndEarly, daemon.EndNeedsAdmin, daemon.EndRefused, daemon.EndStopped}
)

// other stands for a value that this version does not know.
const other = "other"
