package daemon_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/robfig/cron/v3"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/daemon"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
)

// A diary is a meter that notes all.
type diary struct {
	mu     sync.Mutex
	ends   []string // mode and end of each run, in order
	events int
}

func (m *diary) RunEnded(rep giftsync.Report, end daemon.End) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ends = append(m.ends, fmt.Sprint(rep.Mode, " ", end))
}

func (m *diary) EventsDone(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events += n
}

// last returns how the last run ended.
func (m *diary) last() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.ends) == 0 {
		return "none"
	}
	return m.ends[len(m.ends)-1]
}

// count returns how many runs ended, and how many events were processed.
func (m *diary) count() (runs, events int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.ends), m.events
}

// TestMeter: every run is counted once, by its mode and how it ended.
func TestMeter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m diary
		d := newDaemon(t, "@daily")
		d.meter = &m
		stop := d.start()
		time.Sleep(10 * time.Minute)
		do := func(req giftsync.Request, want string) {
			t.Helper()
			_, _ = d.loop.Do(t.Context(), req, giftsync.Watcher{})
			if got := m.last(); got != want {
				t.Errorf("the run counts as %q, want %q", got, want)
			}
		}
		if got := m.last(); got != "backfill ok" {
			t.Errorf("the first run counts as %q", got)
		}
		pass := giftsync.Request{Mode: giftsync.Incremental}
		do(pass, "incremental ok")
		do(giftsync.Request{Mode: giftsync.Restore, Keys: []string{"T-none"}}, "restore refused")

		d.touchAll()
		d.Portal.Fault(hubspottest.Fault{Count: -1, Kind: hubspottest.RespondStatus, Status: http.StatusBadGateway})
		do(pass, "incremental early")
		d.Portal.ClearFaults()
		time.Sleep(time.Hour)
		d.Portal.SetToken("another-token")
		do(pass, "incremental needs_admin")
		d.set(func() { d.opening = func() error { return errNoSecret } })
		do(pass, "incremental needs_admin") // the engine has to be opened anew
		d.set(func() { d.opening = func() error { return errors.New("busy") } })
		do(pass, "incremental early")
		d.set(func() { d.opening, d.token = nil, "another-token" })
		do(pass, "incremental ok")

		before, _ := m.count()
		do(giftsync.Request{Mode: giftsync.Backfill, DryRun: true}, "incremental ok")
		d.loop.Hint()
		d.loop.Hint()
		synctest.Wait()
		time.Sleep(time.Minute)
		if after, _ := m.count(); after-before != 1 {
			t.Errorf("%d runs were counted, want that of the hint, and not the dry one", after-before)
		}

		stops := func(want string, end func()) {
			t.Helper()
			d.touchAll()
			d.set(func() { d.commit = slow(20 * time.Second) })
			go func() { _, _ = d.loop.Do(t.Context(), giftsync.Request{Mode: giftsync.Backfill}, giftsync.Watcher{}) }()
			time.Sleep(30 * time.Second)
			end()
			time.Sleep(time.Minute)
			if got := m.last(); got != want {
				t.Errorf("the run counts as %q, want %q", got, want)
			}
		}
		stops("backfill stopped", func() { d.loop.Stop() })
		stops("backfill stopped", func() { stop() })
	})
}

// TestMeterEvents: every event that was processed is counted once.
func TestMeterEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m diary
		d := newDaemon(t, "@daily")
		d.meter = &m
		defer d.start()()
		time.Sleep(10 * time.Minute)
		for n := 1; n <= 7; n++ {
			d.Receive(d.st, simulation.Event(simulation.ID(n), plan.Refunded))
		}
		d.loop.Events()
		time.Sleep(time.Minute)
		if _, events := m.count(); events != 7 {
			t.Errorf("%d events were counted, want 7", events)
		}
	})
}

// TestFigures: the figures show the run under way, those behind it, what is wrong
// and how far behind the source the portal is.
func TestFigures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		d.commit = slow(time.Minute)
		defer d.start()()
		time.Sleep(30 * time.Second)
		go func() {
			_, _ = d.loop.Do(t.Context(), giftsync.Request{Mode: giftsync.ReassociateAll}, giftsync.Watcher{})
		}()
		synctest.Wait()
		if f := d.loop.Figures(); f.Status.Doing == "" || f.Queued != 1 || !f.Watermark.IsZero() || f.Status.NextRun.IsZero() {
			t.Errorf("at the beginning of the backfill: %+v", f)
		}
		time.Sleep(2 * time.Minute)
		if f := d.loop.Figures(); f.Progress.Mode != giftsync.Backfill || f.Progress.Done != 10 || f.Progress.Through.IsZero() {
			t.Errorf("after two windows of the backfill: %+v", f)
		}
		time.Sleep(30 * time.Minute)
		var newest time.Time
		for _, tx := range d.Thnks.Transactions() {
			if tx.UpdatedAt.After(newest) {
				newest = tx.UpdatedAt
			}
		}
		f := d.loop.Figures()
		if f.Status.Doing != "" || f.Queued != 0 || f.Progress != (giftsync.Progress{}) || f.ThnksCalls == 0 {
			t.Errorf("when all is done: %+v", f)
		}
		if f.Watermark.Before(newest) || f.Watermark.After(time.Now()) {
			t.Errorf("the watermark is %v, and the newest change of %v", f.Watermark, newest)
		}
		fine := map[string]bool{"open": false, "hubspot": false, "thnks": false, "disk": false, "inbox": false}
		if !reflect.DeepEqual(f.Faults, fine) {
			t.Errorf("faults %v", f.Faults)
		}
		d.Portal.SetToken("another-token")
		d.touchAll()
		time.Sleep(time.Hour)
		fine["hubspot"] = true
		if f := d.loop.Figures(); f.Status.Ready || !reflect.DeepEqual(f.Faults, fine) || f.ThnksCalls == 0 {
			t.Errorf("with a revoked token: %+v", f)
		}
	})
}

// TestFiguresOpenNothing: asking for figures opens no state file, whose holdings
// they show as soon as it is open, and no more once it is closed.
func TestFiguresOpenNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state", "acme.db")
	opens := 0
	d := daemon.New([]daemon.PortalConfig{{
		Loop: daemon.LoopConfig{Portal: "acme", Schedule: cron.Every(time.Hour), Logger: slog.New(slog.DiscardHandler)},
		OpenState: func() (*store.Store, error) {
			opens++
			return store.Open(path, store.Options{Create: true})
		},
	}})
	problem := "its webhooks are not served"
	d.AddProblem("acme", func() string { return problem })
	f := d.Figures()
	if len(f) != 1 || f[0].Status.Portal != "acme" || f[0].Holdings != nil || opens != 0 || f[0].Status.Ready || !strings.Contains(f[0].Status.Problem, problem) {
		t.Fatalf("%+v after opening %d times", f, opens)
	}
	ready := daemon.New([]daemon.PortalConfig{{Loop: daemon.LoopConfig{Portal: "acme", Schedule: cron.Every(time.Hour), Logger: slog.New(slog.DiscardHandler)}}}).Figures()[0].Status
	problem = ""
	if got := d.Figures()[0].Status; got.Ready != ready.Ready || got.Problem != ready.Problem {
		t.Errorf("once they are served: %+v, want %+v", got, ready)
	}
	event := simulation.Event("T-1", plan.Refunded)
	if _, err := d.Inbox("acme").Receive(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	h := d.Figures()[0].Holdings
	if h == nil || h.Events[store.EventPending] != 1 || h.InboxLoad <= 0 || h.Backfilled || opens != 1 {
		t.Errorf("%+v", h)
	}
	d.Close()
	if h := d.Figures()[0].Holdings; h != nil {
		t.Errorf("of a closed file: %+v", h)
	}
	// Another daemon may have it now.
	if _, err := d.Inbox("acme").Receive(t.Context(), event); !errors.Is(err, giftsync.ErrStopping) {
		t.Errorf("after the end an event is received with %v", err)
	}
	if opens != 1 {
		t.Errorf("opened %d times", opens)
	}
}
