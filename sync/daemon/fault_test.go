package daemon_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
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
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// ask asks for a run that keeps nothing up to date, and returns how it ended.
func (d *installation) ask(mode giftsync.Mode) error {
	_, err := d.loop.Do(context.Background(), giftsync.Request{Mode: mode}, giftsync.Watcher{})
	return err
}

// full fails every commit that needs room, as a full disk does.
func full(j giftsync.Journal, c store.Commit) error {
	size := 0
	for _, value := range c.Meta {
		size += len(value)
	}
	if size > 4096 || len(c.Gifts) > 0 {
		return &store.FullError{Path: "acme.db", Err: syscall.ENOSPC}
	}
	return j.Commit(c)
}

// TestFaultOutlivesIdlePasses: what was met outside a pass is not over because a
// pass has nothing to do; the pass asks again what failed, with few calls, and
// sees at once that it was put right.
func TestFaultOutlivesIdlePasses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil   func(*installation)
		meet    func(*installation) error
		problem string
		mend    func(*installation)
		calls   int // to HubSpot by a pass that has nothing to do, at most
	}{
		"token refused to a reassociation": {
			spoil:   func(d *installation) { d.Portal.SetToken("another-token") },
			meet:    func(d *installation) error { return d.ask(giftsync.ReassociateAll) },
			problem: "HubSpot does not accept the token",
			mend:    func(d *installation) { d.set(func() { d.token = "another-token" }) },
			calls:   2, // the second with the token that may have arrived meanwhile
		},
		"token refused to an event": {
			spoil:   func(d *installation) { d.Portal.SetToken("another-token") },
			meet:    func(d *installation) error { d.webhook(simulation.ID(1), plan.Refunded); return nil },
			problem: "HubSpot does not accept the token",
			mend:    func(d *installation) { d.set(func() { d.token = "another-token" }) },
			calls:   2,
		},
		"scope missing for a reassociation": {
			spoil: func(d *installation) {
				d.Portal.SetScopes(slices.DeleteFunc(hubspottest.DefaultScopes(), func(s string) bool { return s == "crm.objects.contacts.read" })...)
			},
			meet:    func(d *installation) error { return d.ask(giftsync.ReassociateAll) },
			problem: "crm.objects.contacts.read",
			mend:    func(d *installation) { d.Portal.SetScopes(hubspottest.DefaultScopes()...) },
			calls:   3,
		},
		"scope for writing missing for an event": {
			spoil: func(d *installation) {
				d.Portal.SetScopes(slices.DeleteFunc(hubspottest.DefaultScopes(), func(s string) bool { return s == "crm.objects.custom.write" })...)
			},
			meet:    func(d *installation) error { d.webhook(simulation.ID(1), plan.Refunded); return nil },
			problem: "the HubSpot token lacks crm.objects.custom.write",
			mend:    func(d *installation) { d.Portal.SetScopes(hubspottest.DefaultScopes()...) },
			calls:   3,
		},
		"key refused to an event": {
			spoil: func(d *installation) {
				d.Thnks.Fault(thnksapitest.Fault{Path: "/T-late", Status: http.StatusUnauthorized})
			},
			meet:    func(d *installation) error { d.webhook("T-late", plan.Refunded); return nil },
			problem: "Thnks does not accept the API key",
			mend:    func(d *installation) { d.Thnks.ClearFaults() },
		},
		"disk full under a reassociation": {
			spoil: func(d *installation) {
				d.Portal.AddContact("late@acme.example", nil)
				d.set(func() { d.commit = full })
			},
			meet:    func(d *installation) error { return d.ask(giftsync.Reassociate) },
			problem: "no room on disk",
			mend:    func(d *installation) { d.set(func() { d.commit = nil }) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := newDaemon(t, "@hourly")
				d.Thnks.Add(simulation.Transaction("T-orphan", time.Now().Add(-simulation.Day).UTC(), "late@acme.example"))
				stop := d.start()
				defer stop()
				time.Sleep(10 * time.Minute)
				c.spoil(d)
				_ = c.meet(d) // the status says whether it failed
				time.Sleep(10 * time.Second)
				wantProblem := func(when string) {
					t.Helper()
					if s := d.loop.Status(); s.Ready || !strings.Contains(s.Problem, c.problem) || s.Since.IsZero() {
						t.Errorf("%s: %+v", when, s)
					}
				}
				wantProblem("when it was met")
				since := d.loop.Status().Since
				for range 3 {
					before, passed := d.Portal.Requests().Total, d.passed()
					time.Sleep(time.Hour)
					wantProblem("after an idle pass")
					if n := d.Portal.Requests().Total - before; n > c.calls {
						t.Errorf("a pass made %d calls, want at most %d", n, c.calls)
					}
					if d.passed() == passed {
						t.Error("no pass ended well: this shows nothing")
					}
				}
				if s := d.loop.Status(); !s.Since.Equal(since) {
					t.Errorf("it began at %v, and is said to have begun at %v", since, s.Since)
				}
				if log := d.log.String(); strings.Count(log, "portal needs attention") != 1 {
					t.Errorf("logged %s", log)
				}
				c.mend(d)
				time.Sleep(time.Hour)
				if s := d.loop.Status(); !s.Ready || s.Problem != "" || !s.Since.IsZero() {
					t.Errorf("put right, and after a pass: %+v", s)
				}
				if log := d.log.String(); strings.Count(log, "portal recovered") != 1 {
					t.Errorf("logged %s", log)
				}
			})
		})
	}
}

// TestTwoFaults: that one is over says nothing of the other.
func TestTwoFaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		defer d.start()()
		time.Sleep(10 * time.Minute)
		d.Portal.SetToken("another-token")
		if d.ask(giftsync.ReassociateAll) == nil {
			t.Fatal("a token that is refused does no work")
		}
		d.Thnks.Fault(thnksapitest.Fault{Status: http.StatusUnauthorized})
		time.Sleep(time.Hour)
		if s := d.loop.Status(); !strings.Contains(s.Problem, "token") || !strings.Contains(s.Problem, "API key") {
			t.Errorf("with both: %+v", s)
		}
		d.Thnks.ClearFaults()
		time.Sleep(time.Hour)
		if s := d.loop.Status(); s.Ready || !strings.Contains(s.Problem, "token") || strings.Contains(s.Problem, "API key") {
			t.Errorf("with the token's: %+v", s)
		}
		d.set(func() { d.token = "another-token" })
		time.Sleep(time.Hour)
		if s := d.loop.Status(); !s.Ready {
			t.Errorf("with none: %+v", s)
		}
	})
}

// TestAskedFailuresAreLogged: what fails through the admin socket is in the log
// and, where the reason may pass by itself, in the status until a pass ends well.
func TestAskedFailuresAreLogged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		defer d.start()()
		time.Sleep(10 * time.Minute)
		d.Portal.Fault(hubspottest.Fault{Count: -1, Kind: hubspottest.RespondStatus, Status: 502})
		if d.ask(giftsync.ReassociateAll) == nil {
			t.Fatal("nothing failed")
		}
		if s := d.loop.Status(); !s.Ready || s.Trouble == "" {
			t.Errorf("status %+v", s)
		}
		if log := d.log.String(); strings.Count(log, "a run that was asked for failed") != 1 || !strings.Contains(log, "mode=reassociate_all") {
			t.Errorf("logged %s", log)
		}
		d.Portal.ClearFaults()
		time.Sleep(time.Hour)
		if s := d.loop.Status(); s.Trouble != "" {
			t.Errorf("after a pass: %+v", s)
		}
	})
}

// TestFullInbox: a portal whose inbox takes no more events is not ready, until
// it takes them again.
func TestFullInbox(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state", "acme.db")
	schedule, err := cron.ParseStandard("@hourly")
	if err != nil {
		t.Fatal(err)
	}
	var st *store.Store
	d := daemon.New([]daemon.PortalConfig{{
		Loop: daemon.LoopConfig{Portal: "acme", Schedule: schedule, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))},
		OpenState: func() (_ *store.Store, err error) {
			st, err = store.Open(path, store.Options{Create: true, InboxEvents: 2})
			return st, err
		},
	}})
	defer d.Close()
	ready := func() giftsync.Status {
		all, err := d.Status(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatal(err, all)
		}
		return all[0]
	}
	inbox := d.Inbox("acme")
	var refused error
	for n := 1; n <= 3; n++ {
		_, refused = inbox.Receive(t.Context(), simulation.Event(simulation.ID(n), plan.Refunded))
	}
	if s := ready(); refused == nil || s.Ready || !strings.Contains(s.Problem, "inbox is full") {
		t.Errorf("refused with %v: %+v", refused, s)
	}
	repeat := simulation.Event(simulation.ID(1), plan.Refunded)
	for e, err := range st.Events(t.Context(), store.EventFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		repeat.Key = e.Key
	}
	if _, err := inbox.Receive(t.Context(), repeat); err != nil {
		t.Fatal(err)
	}
	if s := ready(); s.Ready {
		t.Error("a repeat, which needs no room, is taken for room")
	}
	done := simulation.Event(simulation.ID(1), plan.Refunded)
	done.Seq, done.State, done.DoneAt = 1, store.EventApplied, time.Now().UTC()
	if err := st.Commit(store.Commit{Events: []store.Event{done}}); err != nil {
		t.Fatal(err)
	}
	done.Seq = 2
	if err := st.Commit(store.Commit{Events: []store.Event{done}}); err != nil {
		t.Fatal(err)
	}
	if _, err := inbox.Receive(t.Context(), simulation.Event(simulation.ID(4), plan.Refunded)); err != nil {
		t.Fatal(err)
	}
	if s := ready(); !s.Ready {
		t.Errorf("with room again: %+v", s)
	}
}

// TestDowngradeStopsThePortal: for ten days an account has no Enterprise subscription. Its portal
// stops, says so once, and is tried every six hours; webhook events are kept, and the
// checkpoint stays. When the account has the subscription again, all is made up for.
func TestDowngradeStopsThePortal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		defer d.start()()
		time.Sleep(10 * time.Minute)
		at := func() time.Time {
			st, err := giftsync.Watermark(d.st, []string{"default"})
			if err != nil {
				t.Fatal(err)
			}
			return st
		}
		d.Portal.SetTier(hubspottest.Professional)
		d.Thnks.Add(simulation.Transaction("T-late", time.Now().UTC(), "late@acme.example"))
		time.Sleep(2 * time.Hour)
		before, stood := d.Portal.Requests().Total, at()
		d.webhook(simulation.ID(1), plan.Refunded)
		time.Sleep(10 * 24 * time.Hour)
		if s := d.loop.Status(); s.Ready || !strings.Contains(s.Problem, "subscription does not include") {
			t.Errorf("without the subscription: %+v", s)
		}
		if n := d.Portal.Requests().Total - before; n < 40 || n > 200 {
			t.Errorf("%d calls in ten days", n)
		}
		if log := d.log.String(); strings.Count(log, "portal needs attention") != 1 {
			t.Errorf("logged %s", log)
		}
		if now := at(); !now.Equal(stood) {
			t.Errorf("the checkpoint moved from %v to %v", stood, now)
		}
		d.Portal.SetTier(hubspottest.Enterprise)
		time.Sleep(6*time.Hour + 10*time.Minute)
		if s := d.loop.Status(); !s.Ready || s.Problem != "" {
			t.Errorf("with the subscription again: %+v", s)
		}
		if got := d.Property("T-late", "status"); got != "sent" {
			t.Errorf("the gift of meanwhile has status %q", got)
		}
		if got := d.Property(simulation.ID(1), "status"); got != "refunded" {
			t.Errorf("the event of meanwhile shows status %q", got)
		}
	})
}

// TestParkedRunsWhenAsked: a portal that is left alone is tried at once where someone
// asks for it.
func TestParkedRunsWhenAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		defer d.start()()
		time.Sleep(10 * time.Minute)
		d.Portal.SetTier(hubspottest.Professional)
		if d.ask(giftsync.ReassociateAll) == nil {
			t.Fatal("the account has no custom objects")
		}
		d.Portal.SetTier(hubspottest.Enterprise)
		if err := d.ask(giftsync.Incremental); err != nil {
			t.Error(err)
		}
		if s := d.loop.Status(); !s.Ready {
			t.Errorf("put right: %+v", s)
		}
	})
}
