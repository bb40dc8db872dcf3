package daemon_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
)

// TestDaemonDay: the first run comes at once and each further one at its slot.
func TestDaemonDay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		d.offset = 90 * time.Second
		began := time.Now().UTC()
		stop := d.start()
		synctest.Wait()
		if s := d.loop.Status(); !s.Ready || !s.NextRun.Equal(began.Add(d.offset)) {
			t.Errorf("status %+v", s)
		}
		time.Sleep(8 * time.Hour)
		stop()
		want := []time.Time{began}
		for i := range 8 {
			want = append(want, began.Add(d.offset+time.Duration(i)*time.Hour))
		}
		if diff := cmp.Diff(want, d.slots); diff != "" {
			t.Errorf("scheduled runs (-want +got):\n%s", diff)
		}
		d.Check()
		if last := d.loop.Status().LastSync; last.Sub(want[8]) > time.Minute || last.Before(want[8]) {
			t.Errorf("last sync %v", last)
		}
	})
}

// TestStartAfterAnotherProcess: what a start of the program makes of what the one before left.
func TestStartAfterAnotherProcess(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		left  time.Duration // the clock, from the last slot on, when the program stopped
		down  time.Duration
		also  func(*installation)
		want  int           // runs at once
		first time.Duration // when the next one comes
	}{
		"nothing missed":           {10 * time.Minute, 20 * time.Minute, nil, 0, 30 * time.Minute},
		"one slot missed":          {10 * time.Minute, 60 * time.Minute, nil, 1, 50 * time.Minute},
		"ten days missed":          {10 * time.Minute, 10*simulation.Day + 20*time.Minute, nil, 1, 30 * time.Minute},
		"a slot recorded to come":  {10 * time.Minute, 20 * time.Minute, func(d *installation) { d.recordSlot(time.Now().AddDate(5, 0, 0)) }, 1, 30 * time.Minute},
		"an unreadable slot":       {10 * time.Minute, 20 * time.Minute, func(d *installation) { d.record(lastSlot, "noon") }, 1, 30 * time.Minute},
		"clock a little set back":  {time.Second, 0, func(d *installation) { d.skew = -2 * time.Second }, 0, time.Hour + time.Second},
		"a new backfill was begun": {10 * time.Minute, 20 * time.Minute, (*installation).beginBackfill, 1, 30 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDaemon(t, "@hourly")
				stop := d.start()
				time.Sleep(3*time.Hour + tt.left)
				stop()
				if d.passed() != 4 {
					t.Fatalf("%d runs before the stop, want one at once and 3 at slots", d.passed())
				}
				time.Sleep(tt.down)
				if tt.also != nil {
					tt.also(d)
				}
				stop = d.start()
				defer stop()
				time.Sleep(time.Second)
				if got := d.passed() - 4; got != tt.want {
					t.Errorf("%d runs at once, want %d", got, tt.want)
				}
				time.Sleep(tt.first - 2*time.Second)
				if got := d.passed() - 4; got != tt.want {
					t.Errorf("%d runs before the next slot, want %d", got, tt.want)
				}
				time.Sleep(2*time.Second + watchEvery)
				if got := d.passed() - 4; got != tt.want+1 {
					t.Errorf("%d runs with the next slot, want %d", got, tt.want+1)
				}
			})
		})
	}
}

func (d *installation) recordSlot(at time.Time) { d.record(lastSlot, at) }

func (d *installation) record(name string, v any) {
	d.T.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		d.T.Fatal(err)
	}
	st := d.Open()
	defer st.Close()
	if err := st.Commit(store.Commit{Meta: map[string][]byte{name: data}}); err != nil {
		d.T.Fatal(err)
	}
}

// beginBackfill leaves a backfill that was interrupted in its first window.
func (d *installation) beginBackfill() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	commits := 0
	d.commit = func(j giftsync.Journal, c store.Commit) error {
		if commits++; commits > 1 { // the first one lists the run
			cancel()
		}
		return j.Commit(c)
	}
	if _, err := d.Run(ctx, giftsync.Request{Mode: giftsync.Backfill}); err == nil {
		d.T.Fatal("the backfill was to be interrupted")
	}
	d.commit = nil
}

// TestClockJumps: whatever is done to the wall clock, a run comes every hour,
// and at most one more than that for each jump.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	for name, jumps := range map[string][]time.Duration{
		"asleep for 8 hours":      {8 * time.Hour},
		"asleep for 10 days":      {10 * simulation.Day},
		"set back 3 hours":        {-3 * time.Hour},
		"set back 40 minutes":     {-40 * time.Minute},
		"set back 2 years":        {-2 * 365 * simulation.Day},
		"forward and back":        {5 * simulation.Day, -5 * simulation.Day},
		"a year forward and back": {365 * simulation.Day, -365 * simulation.Day},
		"back and forward":        {-7 * time.Hour, 7 * time.Hour},
		"by a second, many times": slices.Repeat([]time.Duration{-time.Second, time.Second}, 4),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDaemon(t, "@hourly")
				stop := d.start()
				time.Sleep(150 * time.Minute)
				began := time.Now()
				for _, by := range jumps {
					d.set(func() { d.skew += by })
					time.Sleep(25 * time.Minute)
				}
				time.Sleep(3*time.Hour + 10*time.Minute)
				stop()
				took := time.Since(began)
				n := 0
				for i, at := range d.runs[1:] {
					if gap := at.Sub(d.runs[i]); gap > time.Hour+time.Minute {
						t.Errorf("no run for %v, until %v", gap, at)
					}
					if !at.Before(began) {
						n++
					}
				}
				if most := int(took/time.Hour) + 1 + len(jumps); n > most {
					t.Errorf("%d runs in %v with %d jumps, want at most %d", n, took, len(jumps), most)
				}
				if strings.HasPrefix(name, "asleep") && d.runs[3].Sub(began) > watchEvery {
					t.Errorf("the missed slots are made good %v after the end of sleep", d.runs[3].Sub(began))
				}
			})
		})
	}
}
