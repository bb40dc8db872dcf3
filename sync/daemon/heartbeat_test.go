package daemon_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/sync/simulation"
)

// lines returns the lines of the log that have a text in them.
func (d *installation) lines(text string) (found []string) {
	for line := range strings.Lines(d.log.String()) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// TestHeartbeat: a quiet portal logs one line a day, with what it holds and the
// calls since the last.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		d.Thnks.Add(simulation.Unreadable("T-bad", time.Now().Add(-simulation.Day).UTC()))
		defer d.start()()
		time.Sleep(4*simulation.Day + time.Hour)
		beats := d.lines("msg=heartbeat")
		if len(beats) != 4 {
			t.Fatalf("%d lines in four days: %q", len(beats), beats)
		}
		for _, want := range []string{"portal=acme", "ready=true", "gifts=20", "quarantine=1", "orphans=", "last_pass=2026-", "hubspot_calls=", "thnks_calls="} {
			if !strings.Contains(beats[3], want) {
				t.Errorf("lacks %s: %s", want, beats[3])
			}
		}
		if strings.Contains(beats[3], "hubspot_calls=0") == strings.Contains(beats[0], "hubspot_calls=0") {
			t.Errorf("the first day made calls to HubSpot and the last none: %q", beats)
		}
	})
}

// TestHeartbeatAfterAClockAhead: once a clock is right that was a year ahead for an
// hour, each day has its line.
func TestHeartbeatAfterAClockAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		defer d.start()()
		time.Sleep(time.Hour)
		d.set(func() { d.skew = 365 * simulation.Day })
		time.Sleep(time.Hour)
		d.set(func() { d.skew = 0 })
		time.Sleep(time.Hour)
		before := len(d.lines("msg=heartbeat"))
		time.Sleep(3 * simulation.Day)
		if n := len(d.lines("msg=heartbeat")) - before; n != 3 {
			t.Errorf("%d lines in three days", n)
		}
	})
}

// TestRunFinishedSaysAll: what a run did with each transaction is in its line.
func TestRunFinishedSaysAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		defer d.start()()
		time.Sleep(10 * time.Minute)
		d.Thnks.Update(simulation.ID(1), touch)
		time.Sleep(time.Hour)
		ended := d.lines("run finished")
		if len(ended) != 2 {
			t.Fatalf("%q", ended)
		}
		for _, want := range []string{"fetched=", "created=0", "updated=1", "unchanged=", "quarantined=0", "skipped=0"} {
			if !strings.Contains(ended[1], want) {
				t.Errorf("lacks %s: %s", want, ended[1])
			}
		}
	})
}
