package metrics

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thnks-hubspot-sync/hubspot"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/daemon"
)

// counters count what happens.
type counters struct {
	runs     *prometheus.CounterVec   // by portal, mode, end
	duration *prometheus.HistogramVec // by mode: by portal too it would be most of the page
	records  *prometheus.CounterVec   // by portal, outcome
	links    *prometheus.CounterVec   // by portal
	calls    *prometheus.CounterVec   // by portal, class, status
	waits    *prometheus.CounterVec   // by portal, vendor
	waiting  *prometheus.GaugeVec     // by portal, vendor
	events   *prometheus.CounterVec   // by portal
}

func newCounters() *counters {
	byPortal := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, append([]string{labelPortal}, labels...))
	}
	return &counters{
		runs: byPortal("runs_total", "Runs that ended, by mode and by how: ok, early (the next may well succeed), needs_admin, refused (the request), stopped. Dry runs do not count.", labelMode, labelEnd),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "run_duration_seconds", Help: "How long runs took, of all portals.",
			Buckets: []float64{1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 12 * 3600},
		}, []string{labelMode}),
		records: byPortal("records_total", "Transactions that runs considered, by outcome: created, updated, unchanged, quarantined, skipped.", labelOutcome),
		links:   byPortal("links_created_total", "Links from gifts to contacts, companies and deals that runs made."),
		calls:   byPortal("hubspot_calls_total", "Requests to HubSpot, repeated ones included, by class and status: 2xx, 3xx, 4xx, 429, 5xx, none (no answer).", labelClass, labelStatus),
		waits:   byPortal("wait_seconds_total", "Time that calls waited, for the pace of a vendor, before they were repeated, or for an answer that took over 5 seconds. Calls at the same time add up; urgent ones, for webhook events, do not count.", labelVendor),
		waiting: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: namespace, Name: "waiting_calls", Help: "Calls that wait now, as thnks_sync_wait_seconds_total counts them.",
		}, []string{labelPortal, labelVendor}),
		events: byPortal("events_processed_total", "Webhook events that were processed to their end."),
	}
}

func (c *counters) all() []prometheus.Collector {
	return []prometheus.Collector{c.runs, c.duration, c.records, c.links, c.calls, c.waits, c.waiting, c.events}
}

// Describe implements [prometheus.Collector].
func (c *counters) Describe(out chan<- *prometheus.Desc) {
	for _, one := range c.all() {
		one.Describe(out)
	}
}

// Collect implements [prometheus.Collector].
func (c *counters) Collect(out chan<- prometheus.Metric) {
	for _, one := range c.all() {
		one.Collect(out)
	}
}

// A Vendor is one of the two whose calls may have to wait.
type Vendor string

// The vendors.
const (
	HubSpot Vendor = "hubspot"
	Thnks   Vendor = "thnks"
)

// The outcomes of transactions, in the order of [outcomes].
var outcomeNames = []string{"created", "updated", "unchanged", "quarantined", "skipped"}

// outcomes are how many transactions of a run had each outcome.
func outcomes(rep giftsync.Report) []int {
	skipped := 0
	for _, n := range rep.Skipped {
		skipped += n
	}
	return []int{rep.Created, rep.Updated, rep.Unchanged, rep.Quarantined, skipped}
}

// A Portal counts what happens to one portal. It is the [daemon.Meter] of its
// loop.
type Portal struct {
	name     string
	counters *counters
}

var _ daemon.Meter = (*Portal)(nil)

// Portal returns what counts for a portal of the configuration. Its usual counters
// begin at 0, so that the first failure is seen as an increase.
func (m *Metrics) Portal(name string) *Portal {
	p := &Portal{name, m.counters}
	for _, end := range ends {
		p.counters.runs.WithLabelValues(name, string(giftsync.Incremental), string(end))
	}
	for _, vendor := range []Vendor{HubSpot, Thnks} {
		p.counters.waits.WithLabelValues(name, string(vendor))
		p.counters.waiting.WithLabelValues(name, string(vendor))
	}
	p.addRecords(giftsync.Report{})
	p.EventsDone(0)
	return p
}

// RunEnded implements [daemon.Meter].
func (p *Portal) RunEnded(rep giftsync.Report, end daemon.End) {
	mode := known(rep.Mode, modes)
	p.counters.runs.WithLabelValues(p.name, mode, known(end, ends)).Inc()
	p.counters.duration.WithLabelValues(mode).Observe(max(0, rep.FinishedAt.Sub(rep.StartedAt)).Seconds())
	p.addRecords(rep)
}

func (p *Portal) addRecords(rep giftsync.Report) {
	for i, n := range outcomes(rep) {
		p.counters.records.WithLabelValues(p.name, outcomeNames[i]).Add(float64(n))
	}
	p.counters.links.WithLabelValues(p.name).Add(float64(rep.AssociationsCreated))
}

// EventsDone implements [daemon.Meter].
func (p *Portal) EventsDone(n int) { p.counters.events.WithLabelValues(p.name).Add(float64(n)) }

// HubSpotAnswered counts a request to HubSpot, for [hubspot.Config.Answered].
func (p *Portal) HubSpotAnswered(class hubspot.Class, status int) {
	p.counters.calls.WithLabelValues(p.name, known(class, classes), statusClass(status)).Inc()
}

// statusClass is the label of an answer's status, 0 for none.
func statusClass(status int) string {
	switch {
	case status == 0:
		return "none"
	case status == http.StatusTooManyRequests:
		return "429"
	case status >= 200 && status < 600:
		return strconv.Itoa(status/100) + "xx"
	}
	return other
}

// Waiting returns next, which a client calls when a call begins to wait for a
// vendor, with the time until the call goes on counted. What it then waits for its
// turn is counted by the turns.
func (p *Portal) Waiting(vendor Vendor, next func(context.Context) func(context.Context) error) func(context.Context) func(context.Context) error {
	waiting, seconds := p.counters.waiting.WithLabelValues(p.name, string(vendor)), p.counters.waits.WithLabelValues(p.name, string(vendor))
	return func(ctx context.Context) func(context.Context) error {
		began := time.Now()
		waiting.Inc()
		resume := next(ctx)
		return func(ctx context.Context) error {
			waiting.Dec()
			seconds.Add(time.Since(began).Seconds())
			return resume(ctx)
		}
	}
}

// known is the label of a value: itself where it is one of these.
func known[T ~string](value T, values []T) string {
	if slices.Contains(values, value) {
		return string(value)
	}
	return other
}
