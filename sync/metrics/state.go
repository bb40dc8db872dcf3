package metrics

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/daemon"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/turns"
)

// A figure is one metric that is read when it is asked for.
type figure struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func newFigure(kind prometheus.ValueType, name, help string, labels []string) figure {
	return figure{prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil), kind}
}

func gauge(name, help string, labels ...string) figure {
	return newFigure(prometheus.GaugeValue, name, help, labels)
}

func counter(name, help string, labels ...string) figure {
	return newFigure(prometheus.CounterValue, name, help, labels)
}

// The figures of a portal.
var (
	ready      = gauge("portal_ready", "Whether the portal works without an admin, as /readyz says.", labelPortal)
	fault      = gauge("portal_fault", "Whether a fault of this kind stands: open (the portal cannot be opened), hubspot, thnks, disk, inbox (full).", labelPortal, labelKind)
	doing      = gauge("run_under_way", "Always 1, for the mode of the run under way.", labelPortal, labelMode)
	rows       = gauge("run_rows", "Rows that the run under way has processed.", labelPortal, labelMode)
	through    = gauge("run_through_timestamp_seconds", "Change time up to which the run under way has processed its listing.", labelPortal, labelMode)
	queued     = gauge("runs_queued", "Runs that wait for the one under way.", labelPortal)
	lastPass   = gauge("last_pass_timestamp_seconds", "When the last pass without error finished.", labelPortal)
	nextRun    = gauge("next_run_timestamp_seconds", "When the next scheduled run begins.", labelPortal)
	watermark  = gauge("watermark_timestamp_seconds", "Change time of the newest transaction that is known for sure, of the source that is farthest behind. It stands still while nothing changes there.", labelPortal)
	thnksCalls = counter("thnks_calls_total", "Requests to Thnks, repeated ones included.", labelPortal)
	backfilled = gauge("backfill_finished", "Whether the first backfill has finished.", labelPortal)
	connected  = gauge("hubspot_connected", "Whether the grant of a portal with OAuth stands, as far as is known.", labelPortal)
	renewed    = gauge("hubspot_token_timestamp_seconds", "When the access token of a portal with OAuth was last renewed. It is older than half an hour while nothing is asked of HubSpot.", labelPortal)
	gifts      = gauge("gifts", "Gifts that are known.", labelPortal)
	orphans    = gauge("orphans", "Records in HubSpot without a contact, by reason.", labelPortal, labelReason)
	quarantine = gauge("quarantined_records", "Records in quarantine.", labelPortal)
	inbox      = gauge("inbox_events", "Webhook events in the inbox, by state; pending and waiting ones are still to be processed.", labelPortal, labelState)
	sendingOff = gauge("sending_off", "Whether sending is off until a person has looked, as after a restore.", labelPortal)
	sends      = gauge("sends_open", "Gifts to be sent, by state: sent ones are those whose transaction has not appeared.", labelPortal, labelState)
	unknown    = gauge("sends_unknown_timestamp_seconds", "When the oldest gift of unknown outcome was sent, or not. It is missing where there is none.", labelPortal)
	inboxLoad  = gauge("inbox_load_ratio", "How full the inbox is; at 1 it refuses further events.", labelPortal)
)

// The figures of the process.
var (
	places     = gauge("turn_places", "Runs that may work at the same time.")
	taken      = gauge("turn_places_taken", "Runs that work now.")
	turnsQueue = gauge("turns_queued", "Runs that wait for their turn.")
	turnWaits  = counter("turn_wait_seconds_total", "Time that runs waited for their turn.")
)

// figures are all of them.
var figures = []figure{
	ready, fault, doing, rows, through, queued, lastPass, nextRun, watermark, thnksCalls, backfilled, connected, renewed,
	gifts, orphans, quarantine, inbox, inboxLoad, sendingOff, sends, unknown, places, taken, turnsQueue, turnWaits,
}

// state reads how portals and turns stand, when it is asked.
type state struct {
	service Service
	load    func() turns.Load
	log     *slog.Logger
}

// Describe implements [prometheus.Collector].
func (s *state) Describe(out chan<- *prometheus.Desc) {
	for _, f := range figures {
		out <- f.desc
	}
}

// Collect implements [prometheus.Collector]. A panic would end the program: the
// library calls it from a goroutine of its own.
func (s *state) Collect(out chan<- prometheus.Metric) {
	defer func() {
		if v := recover(); v != nil {
			what := fmt.Sprintf("%T", v) // its text may quote what someone sent
			if own, ok := v.(runtime.Error); ok {
				what = own.Error()
			}
			s.log.Error("reading the figures for metrics panicked", "panic", what, "stack", string(debug.Stack()))
			out <- prometheus.NewInvalidMetric(ready.desc, errors.New("the figures cannot be read: see the log"))
		}
	}()
	show := func(f figure, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(f.desc, f.kind, value, labels...)
	}
	for _, f := range s.service.Figures() {
		showPortal(show, f)
		if f.Holdings != nil {
			showHoldings(show, f.Status.Portal, f.Holdings)
		}
	}
	l := s.load()
	show(places, float64(l.Places))
	show(taken, float64(l.Taken))
	show(turnsQueue, float64(l.Queued))
	show(turnWaits, l.Waited.Seconds())
}

func showPortal(show func(figure, float64, ...string), f daemon.Figures) {
	name := f.Status.Portal
	at := func(of figure, t time.Time, labels ...string) {
		if !t.IsZero() {
			show(of, float64(t.UnixMilli())/1000, labels...)
		}
	}
	show(ready, truth(f.Status.Ready), name)
	for kind, stands := range f.Faults {
		show(fault, truth(stands), name, kind)
	}
	if f.Status.Doing != "" {
		mode := known(f.Status.Doing, modes)
		show(doing, 1, name, mode)
		show(rows, float64(f.Progress.Done), name, mode)
		at(through, f.Progress.Through, name, mode)
	}
	show(queued, float64(f.Queued), name)
	at(lastPass, f.Status.LastSync, name)
	at(nextRun, f.Status.NextRun, name)
	at(watermark, f.Watermark, name)
	show(thnksCalls, float64(f.ThnksCalls), name)
}

func showHoldings(show func(figure, float64, ...string), name string, h *daemon.Holdings) {
	show(backfilled, truth(h.Backfilled), name)
	if a := h.Access; a.Account != "" {
		show(connected, truth(a.Connected), name)
		show(renewed, float64(a.Issued.UnixMilli())/1000, name)
	}
	show(gifts, float64(h.Gifts), name)
	show(quarantine, float64(h.Quarantined), name)
	for _, reason := range []plan.Orphan{plan.NoEmail, plan.BadEmail, plan.NoContact, plan.ContactGone} {
		show(orphans, float64(h.Orphans[reason]), name, string(reason))
	}
	for _, state := range []store.EventState{
		store.EventPending, store.EventWaiting, store.EventApplied, store.EventListed, store.EventDuplicate, store.EventRefused,
	} {
		show(inbox, float64(h.Events[state]), name, string(state))
	}
	show(inboxLoad, h.InboxLoad, name)
	if s := h.Sends; s != nil {
		show(sendingOff, truth(s.Off), name)
		for _, state := range []store.SendState{store.SendHeld, store.SendScheduled, store.SendSending, store.SendUnknown, store.SendSent} {
			show(sends, float64(s.Open[state]), name, string(state))
		}
		if !s.Oldest.IsZero() {
			show(unknown, float64(s.Oldest.UnixMilli())/1000, name)
		}
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
