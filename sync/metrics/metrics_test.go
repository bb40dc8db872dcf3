package metrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/daemon"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/turns"
)

// A service is what a test says.
type service func() []daemon.Figures

func (s service) Figures() []daemon.Figures { return s() }

var began = time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)

func noLoad() turns.Load { return turns.Load{} }

// busy are the figures of a portal of which there is all to tell.
func busy(portal string) daemon.Figures {
	f := daemon.Figures{
		Status: giftsync.Status{
			Portal: portal, Ready: true, Doing: giftsync.Backfill,
			Problem: "ProblemCanary", Trouble: "TroubleCanary",
			LastSync: began, NextRun: began.Add(time.Hour),
		},
		Faults:     map[string]bool{"open": false, "hubspot": true, "thnks": false, "disk": false, "inbox": false},
		Progress:   giftsync.Progress{Mode: giftsync.Backfill, Done: 1200, Through: began.Add(-time.Hour)},
		Queued:     2,
		ThnksCalls: 31,
		Watermark:  began.Add(-time.Minute + 250*time.Millisecond),
		Holdings: &daemon.Holdings{
			Sends: &daemon.Sends{Off: true, Open: map[store.SendState]int{store.SendUnknown: 2}, Oldest: began.Add(-time.Hour)},
			Gifts: 5000, Quarantined: 3, InboxLoad: 0.25, Backfilled: true,
			Orphans: map[plan.Orphan]int{plan.NoContact: 7, "OrphanCanary": 1},
			Events:  map[store.EventState]int{store.EventPending: 4, store.EventApplied: 90, "StateCanary": 1},
		},
	}
	f.Holdings.Access.Account, f.Holdings.Access.Connected, f.Holdings.Access.Issued = "62515", true, began
	f.Holdings.Access.Scopes = []string{"ScopeCanary"}
	return f
}

// used returns metrics after a portal has been through all there is.
func used(portal string) *Metrics {
	m := New("1.2.3")
	p := m.Portal(portal)
	for _, mode := range append(slices.Clone(modes), "ModeCanary") {
		for _, end := range append(slices.Clone(ends), "EndCanary") {
			p.RunEnded(giftsync.Report{
				Portal: portal, Mode: mode, Created: 1, Updated: 2, Unchanged: 3, Quarantined: 4,
				Skipped: map[string]int{"erased": 5, "SkippedCanary": 6}, AssociationsCreated: 7, Error: "ErrorCanary",
				Warnings: []string{"WarningCanary"}, StartedAt: began, FinishedAt: began.Add(90 * time.Second),
			}, end)
		}
	}
	for _, class := range append(slices.Clone(classes), "ClassCanary") {
		for status := range 1000 {
			p.HubSpotAnswered(class, status)
		}
	}
	p.EventsDone(11)
	return m
}

// page returns the page and its status.
func page(t testing.TB, h http.Handler) (string, int) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body), w.Code
}

// TestLint: the library has nothing to say against our names and texts.
func TestLint(t *testing.T) {
	t.Parallel()
	r := used("acme").registry(service(func() []daemon.Figures { return []daemon.Figures{busy("acme")} }), noLoad, slog.New(slog.DiscardHandler))
	problems, err := testutil.GatherAndLint(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestPage is what Prometheus reads of a daemon with two portals, of which one
// has not begun.
func TestPage(t *testing.T) {
	t.Parallel()
	m := New("1.2.3")
	p := m.Portal("acme")
	m.Portal("idle")
	p.RunEnded(giftsync.Report{
		Mode: giftsync.Incremental, Created: 1, Updated: 2, Unchanged: 3, Quarantined: 4,
		Skipped: map[string]int{"erased": 5, "deleted_in_hubspot": 6}, AssociationsCreated: 7,
		StartedAt: began, FinishedAt: began.Add(90 * time.Second),
	}, daemon.EndNeedsAdmin)
	for _, status := range []int{200, 207, 429, 404, 502, 0} {
		p.HubSpotAnswered(hubspot.Objects, status)
	}
	p.HubSpotAnswered(hubspot.Search, 200)
	p.EventsDone(11)
	idle := daemon.Figures{Status: giftsync.Status{Portal: "idle"}}
	h := m.Handler(service(func() []daemon.Figures { return []daemon.Figures{busy("acme"), idle} }),
		func() turns.Load { return turns.Load{Places: 4, Taken: 3, Queued: 2, Waited: 90 * time.Second} }, nil)
	got, status := page(t, h)
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, got)
	}
	for _, want := range []string{
		`runs_total{end="needs_admin",mode="incremental",portal="acme"} 1`,
		`runs_total{end="ok",mode="incremental",portal="acme"} 0`,
		`runs_total{end="early",mode="incremental",portal="idle"} 0`,
		`run_duration_seconds_bucket{mode="incremental",le="60"} 0`,
		`run_duration_seconds_bucket{mode="incremental",le="300"} 1`,
		`run_duration_seconds_sum{mode="incremental"} 90`,
		`records_total{outcome="created",portal="acme"} 1`,
		`records_total{outcome="updated",portal="acme"} 2`,
		`records_total{outcome="unchanged",portal="acme"} 3`,
		`records_total{outcome="quarantined",portal="acme"} 4`,
		`records_total{outcome="skipped",portal="acme"} 11`,
		`records_total{outcome="created",portal="idle"} 0`,
		`links_created_total{portal="acme"} 7`,
		`hubspot_calls_total{class="objects",portal="acme",status="2xx"} 2`,
		`hubspot_calls_total{class="objects",portal="acme",status="429"} 1`,
		`hubspot_calls_total{class="objects",portal="acme",status="4xx"} 1`,
		`hubspot_calls_total{class="objects",portal="acme",status="5xx"} 1`,
		`hubspot_calls_total{class="objects",portal="acme",status="none"} 1`,
		`hubspot_calls_total{class="search",portal="acme",status="2xx"} 1`,
		`events_processed_total{portal="acme"} 11`,
		`portal_ready{portal="acme"} 1`,
		`portal_ready{portal="idle"} 0`,
		`portal_fault{kind="hubspot",portal="acme"} 1`,
		`portal_fault{kind="disk",portal="acme"} 0`,
		`run_under_way{mode="backfill",portal="acme"} 1`,
		`run_rows{mode="backfill",portal="acme"} 1200`,
		`run_through_timestamp_seconds{mode="backfill",portal="acme"} 1.7960256e+09`,
		`runs_queued{portal="acme"} 2`,
		`runs_queued{portal="idle"} 0`,
		`last_pass_timestamp_seconds{portal="acme"} 1.7960292e+09`,
		`next_run_timestamp_seconds{portal="acme"} 1.7960328e+09`,
		`watermark_timestamp_seconds{portal="acme"} 1.79602914025e+09`,
		`thnks_calls_total{portal="acme"} 31`,
		`backfill_finished{portal="acme"} 1`,
		`gifts{portal="acme"} 5000`,
		`quarantined_records{portal="acme"} 3`,
		`orphans{portal="acme",reason="no_contact"} 7`,
		`orphans{portal="acme",reason="bad_email"} 0`,
		`inbox_events{portal="acme",state="pending"} 4`,
		`inbox_events{portal="acme",state="applied"} 90`,
		`inbox_load_ratio{portal="acme"} 0.25`,
		`sending_off{portal="acme"} 1`,
		`sends_open{portal="acme",state="unknown"} 2`,
		`sends_open{portal="acme",state="held"} 0`,
		`sends_unknown_timestamp_seconds{portal="acme"} 1.7960256e+09`,
		`turn_places 4`,
		`turn_places_taken 3`,
		`turns_queued 2`,
		`turn_wait_seconds_total 90`,
	} {
		if !strings.Contains(got, "\nthnks_sync_"+want+"\n") {
			t.Errorf("the page lacks %s", want)
		}
	}
	if !regexp.MustCompile(`\nthnks_sync_build_info\{goversion="go1\.[^"]+",version="1\.2\.3"\} 1\n`).MatchString(got) {
		t.Error("the page does not say which program this is")
	}
	for _, not := range []string{`last_pass_timestamp_seconds{portal="idle"}`, `watermark_timestamp_seconds{portal="idle"}`, `run_under_way{mode="",`, `gifts{portal="idle"}`} {
		if strings.Contains(got, not) {
			t.Errorf("what is unknown has a value: %s", not)
		}
	}
	for _, also := range []string{"\ngo_goroutines ", "\nprocess_resident_memory_bytes "} {
		if !strings.Contains(got, also) {
			t.Errorf("the page lacks %q", also)
		}
	}
}

// TestLabelsAreBounded: whatever others send, and whatever a state file or a later
// version may bring, there are no further series, and no such words on the page.
func TestLabelsAreBounded(t *testing.T) {
	t.Parallel()
	m := used("acme")
	h := m.Handler(service(func() []daemon.Figures { return []daemon.Figures{busy("acme")} }), noLoad, nil)
	got, _ := page(t, h)
	if i := strings.Index(got, "Canary"); i >= 0 {
		t.Errorf("a label has a value that is not ours: %s", got[max(0, i-100):i+10])
	}
	series := 0
	for line := range strings.Lines(got) {
		if strings.Contains(line, `portal="acme"`) {
			series++
		}
	}
	// Of all modes and ends, and of all classes and statuses, a portal sees few.
	if most := (len(modes)+1)*(len(ends)+1) + (len(classes)+1)*7 + 45; series > most {
		t.Errorf("%d series of one portal, at most %d are wanted", series, most)
	}
	allowed := []string{"portal", "mode", "end", "outcome", "vendor", "class", "status", "state", "kind", "reason", "le", "version", "goversion"}
	for _, found := range regexp.MustCompile(`[{,]([a-z_]+)="`).FindAllStringSubmatch(regexp.MustCompile(`(?m)^(go_|process_|#).*$`).ReplaceAllString(got, ""), -1) {
		if !slices.Contains(allowed, found[1]) {
			t.Errorf("there is a label %s", found[1])
		}
	}
}

// TestEveryModeIsKnown: no mode of a run that counts is "other".
func TestEveryModeIsKnown(t *testing.T) {
	t.Parallel()
	m := New("")
	p := m.Portal("acme")
	for _, mode := range []giftsync.Mode{"incremental", "backfill", "reassociate", "reassociate_all", "resweep", "rebuild", "restore", "retry", "adopt"} {
		p.RunEnded(giftsync.Report{Mode: mode}, daemon.EndWell)
	}
	got, _ := page(t, m.Handler(service(func() []daemon.Figures { return nil }), noLoad, nil))
	if strings.Contains(got, `mode="other"`) {
		t.Error("a mode is not known")
	}
}

// TestPanicStillShowsCounters: a daemon that panics does not end, its log has the stack, and the
// counters are shown all the same.
func TestPanicStillShowsCounters(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	m := used("acme")
	got, status := page(t, m.Handler(service(func() []daemon.Figures { panic("PanicCanary") }), noLoad, slog.New(slog.NewTextHandler(&log, nil))))
	if status != http.StatusOK || !strings.Contains(got, "thnks_sync_runs_total{") || strings.Contains(got, "Canary") {
		t.Errorf("status %d: %s", status, got)
	}
	if !strings.Contains(log.String(), "metrics_test.go") || !strings.Contains(log.String(), "panic=string") || strings.Contains(log.String(), "Canary") {
		t.Errorf("logged %q", log.String())
	}
}

// TestWaitsAreMeasured: the time until a call goes on counts, and not what it then waits for
// its turn.
func TestWaitsAreMeasured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := New("")
		over := errors.New("the turn is over")
		waiting := m.Portal("acme").Waiting(HubSpot, func(context.Context) func(context.Context) error {
			return func(context.Context) error {
				time.Sleep(time.Hour)
				return over
			}
		})
		check := func(calls, seconds int) {
			t.Helper()
			got, _ := page(t, m.Handler(service(func() []daemon.Figures { return nil }), noLoad, nil))
			for _, want := range []string{
				fmt.Sprintf("\nthnks_sync_waiting_calls{portal=\"acme\",vendor=\"hubspot\"} %d\n", calls),
				fmt.Sprintf("\nthnks_sync_wait_seconds_total{portal=\"acme\",vendor=\"hubspot\"} %d\n", seconds),
				"\nthnks_sync_wait_seconds_total{portal=\"acme\",vendor=\"thnks\"} 0\n",
			} {
				if !strings.Contains(got, want) {
					t.Errorf("the page lacks %q", want)
				}
			}
		}
		check(0, 0)
		first, second := waiting(t.Context()), waiting(t.Context())
		check(2, 0)
		time.Sleep(3 * time.Second)
		if err := first(t.Context()); err != over {
			t.Errorf("the end of the wait gives %v", err)
		}
		check(1, 3)
		_ = second(t.Context())
		check(0, 3+3+3600)
	})
}
