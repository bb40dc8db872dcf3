package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

func slowly(d time.Duration) thnksapitest.Fault {
	return thnksapitest.Fault{Delay: d, Effect: thnksapitest.SlowOnly}
}

func (d *installation) touchAll() {
	for _, tx := range d.Thnks.Transactions() {
		d.Thnks.Update(tx.ID, touch)
	}
}

func touch(tx *thnksapitest.Transaction) { tx.TrackingURL += "x" }

// TestReplacedToken: a revoked token makes the portal not ready, which is
// logged once; a new one in its file is seen at the next slot.
func TestReplacedToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		defer d.start()()
		time.Sleep(30 * time.Minute)
		d.Portal.SetToken("another-token")
		d.Thnks.Update("T-000003", touch)
		revoked := time.Now()
		time.Sleep(4 * time.Hour)
		s := d.loop.Status()
		if s.Ready || !strings.HasPrefix(s.Problem, "HubSpot does not accept the token") || !strings.Contains(s.Problem, "token_file") || s.Trouble != "" {
			t.Errorf("status %+v", s)
		}
		if d := s.Since.Sub(revoked); d != 30*time.Minute {
			t.Errorf("not ready since %v after the revocation, want the slot after it", d)
		}
		if n := d.opened(); n != 4 {
			t.Errorf("opened %d times, want once at first and again for each slot after the first failure", n)
		}
		if log := d.log.String(); strings.Count(log, "portal needs attention") != 1 {
			t.Errorf("logged %s", log)
		}
		d.set(func() { d.token = "another-token" })
		time.Sleep(time.Hour)
		if s := d.loop.Status(); !s.Ready || s.Problem != "" || !s.Since.IsZero() || time.Since(s.LastSync) > time.Hour {
			t.Errorf("status %+v", s)
		}
		if log := d.log.String(); strings.Count(log, "portal recovered") != 1 {
			t.Errorf("logged %s", log)
		}
		d.Check()
	})
}

// TestProblemOutlivesRestart: what needs attention is known again right after
// the start, and what was fixed meanwhile is used then.
func TestProblemOutlivesRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@daily")
		stop := d.start()
		time.Sleep(30 * time.Minute)
		d.Portal.SetToken("another-token")
		d.Thnks.Update("T-000003", touch)
		time.Sleep(simulation.Day)
		if d.loop.Status().Ready {
			t.Fatal("ready with a revoked token")
		}
		stop()
		time.Sleep(time.Hour)
		stop = d.start()
		synctest.Wait()
		if s := d.loop.Status(); s.Ready || !strings.HasPrefix(s.Problem, "HubSpot does not accept the token") {
			t.Errorf("after a restart: %+v", s)
		}
		stop()
		d.set(func() { d.token = "another-token" })
		defer d.start()()
		synctest.Wait()
		if s := d.loop.Status(); !s.Ready || time.Since(s.LastSync) > time.Minute {
			t.Errorf("after the second restart: %+v", s)
		}
		d.Check()
	})
}

// TestAskedRunSeesReplacedToken, without waiting for a slot.
func TestAskedRunSeesReplacedToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@daily")
		d.Portal.SetToken("another-token")
		defer d.start()()
		synctest.Wait()
		ask := func() error {
			_, err := d.loop.Do(context.Background(), giftsync.Request{Mode: giftsync.Incremental}, giftsync.Watcher{})
			return err
		}
		var fatal *giftsync.Fatal
		if err := ask(); !errors.As(err, &fatal) || d.loop.Status().Ready {
			t.Errorf("with the old token: %v", err)
		}
		d.set(func() { d.token = "another-token" })
		if err := ask(); err != nil || !d.loop.Status().Ready {
			t.Errorf("with the new token: %v, %+v", err, d.loop.Status())
		}
	})
}

// TestHeldStateFile: what passes by itself is waited for, watch by watch.
func TestHeldStateFile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@daily")
		held := errors.New("state file acme.db is held by another process")
		d.opening = func() error { return held }
		defer d.start()()
		time.Sleep(10 * time.Minute)
		s := d.loop.Status()
		if !s.Ready || s.Trouble != held.Error() || !s.NextRun.IsZero() {
			t.Errorf("status %+v", s)
		}
		rep, err := d.loop.Do(context.Background(), giftsync.Request{Mode: giftsync.Retry}, giftsync.Watcher{})
		if !errors.Is(err, held) || rep.Error != err.Error() || rep.Portal != "acme" || rep.Mode != giftsync.Retry || rep.Skipped == nil {
			t.Errorf("an asker got %v, %+v", err, rep)
		}
		if log := d.log.String(); strings.Count(log, held.Error()) != 1 {
			t.Errorf("logged %s", log)
		}
		d.set(func() { d.opening = nil })
		time.Sleep(watchEvery + time.Second)
		if s := d.loop.Status(); s.Trouble != "" || d.passed() != 1 {
			t.Errorf("%d runs, status %+v", d.passed(), s)
		}
	})
}

// TestMissingSecret: what needs attention is tried again at each slot.
func TestMissingSecret(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		d.opening = func() error { return errNoSecret }
		defer d.start()()
		time.Sleep(150 * time.Minute)
		s := d.loop.Status()
		if s.Ready || s.Problem != errNoSecret.Error() || s.NextRun.IsZero() || d.opened() != 3 {
			t.Errorf("opened %d times, status %+v", d.opened(), s)
		}
		d.set(func() { d.opening = nil })
		time.Sleep(time.Hour)
		if s := d.loop.Status(); !s.Ready || d.passed() != 1 {
			t.Errorf("%d runs, status %+v", d.passed(), s)
		}
		d.Check()
	})
}

// TestAskedFailureIsTheAskers: that a run was asked for what cannot be done says
// nothing of the portal; the log has it nevertheless.
func TestAskedFailureIsTheAskers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@daily")
		defer d.start()()
		synctest.Wait()
		before := d.loop.Status()
		if _, err := d.loop.Do(context.Background(), giftsync.Request{Mode: giftsync.Restore, Keys: []string{"T-nobody"}}, giftsync.Watcher{}); err == nil {
			t.Error("there is nothing to restore")
		}
		if after := d.loop.Status(); after != before {
			t.Errorf("status %+v, was %+v", after, before)
		}
		if log := d.log.String(); strings.Count(log, "a run that was asked for failed") != 1 {
			t.Errorf("logged %s", log)
		}
	})
}

// TestProblemOutlivesTrouble: a network failure fixes no token.
func TestProblemOutlivesTrouble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		d.Portal.SetToken("another-token")
		defer d.start()()
		synctest.Wait()
		since := d.loop.Status().Since
		d.Thnks.Fault(thnksapitest.Fault{Effect: thnksapitest.ResetBefore})
		d.Portal.Fault(hubspottest.Fault{Count: -1, Kind: hubspottest.ResetConn})
		time.Sleep(90 * time.Minute)
		s := d.loop.Status()
		if s.Ready || s.Problem == "" || s.Trouble == "" || !s.Since.Equal(since) {
			t.Errorf("status %+v", s)
		}
	})
}

// TestParkedPortal answers 477 for a day beside a healthy one, which keeps
// every slot meanwhile; the parked one goes on when the day is over.
func TestParkedPortal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		parked, healthy := newDaemon(t, "@hourly"), newDaemon(t, "@hourly")
		parked.begin()
		healthy.begin()
		defer parked.st.Close()
		defer healthy.keep(parked.loop, healthy.loop)()
		time.Sleep(30 * time.Minute)
		before := parked.Portal.Requests().Total
		parked.Portal.Fault(hubspottest.Fault{Count: -1, Kind: hubspottest.RespondStatus, Status: 477, RetryAfter: "86400"})
		for hour := range 24 {
			for _, d := range []*installation{parked, healthy} {
				d.Thnks.Update(fmt.Sprintf("T-%06d", hour%20+1), touch)
			}
			time.Sleep(time.Hour)
		}
		parked.Portal.ClearFaults()
		if healthy.passed() != 25 || parked.passed() != 1 {
			t.Errorf("healthy portal: %d passes, want 25; parked one: %d, want the first", healthy.passed(), parked.passed())
		}
		if n := parked.Portal.Requests().Total - before; n > 5 {
			t.Errorf("%d calls to the portal that wants to be left alone", n)
		}
		s := parked.loop.Status()
		if !s.Ready || !strings.Contains(s.Trouble, "477") || s.Since.IsZero() {
			t.Errorf("status of the parked portal: %+v", s)
		}
		healthy.Check()
		time.Sleep(2 * time.Hour)
		if s := parked.loop.Status(); s.Trouble != "" {
			t.Errorf("after the day: %+v", s)
		}
		parked.Check()
	})
}
