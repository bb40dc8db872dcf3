package sync

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/store"
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
		d.check()
		if last := d.loop.Status().LastSync; last.Sub(want[8]) > time.Minute || last.Before(want[8]) {
			t.Errorf("last sync %v", last)
		}
	})
}

// TestStarts: what a start of the program makes of what the one before left.
func TestStarts(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		left  time.Duration // the clock, from the last slot on, when the program stopped
		down  time.Duration
		also  func(*daemon)
		want  int           // runs at once
		first time.Duration // when the next one comes
	}{
		"nothing missed":           {10 * time.Minute, 20 * time.Minute, nil, 0, 30 * time.Minute},
		"one slot missed":          {10 * time.Minute, 60 * time.Minute, nil, 1, 50 * time.Minute},
		"ten days missed":          {10 * time.Minute, 10*daily + 20*time.Minute, nil, 1, 30 * time.Minute},
		"a slot recorded to come":  {10 * time.Minute, 20 * time.Minute, func(d *daemon) { d.recordSlot(time.Now().AddDate(5, 0, 0)) }, 1, 30 * time.Minute},
		"an unreadable slot":       {10 * time.Minute, 20 * time.Minute, func(d *daemon) { d.record(metaLastSlot, "noon") }, 1, 30 * time.Minute},
		"clock a little set back":  {time.Second, 0, func(d *daemon) { d.skew = -2 * time.Second }, 0, time.Hour + time.Second},
		"a new backfill was begun": {10 * time.Minute, 20 * time.Minute, (*daemon).beginBackfill, 1, 30 * time.Minute},
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

func (d *daemon) recordSlot(at time.Time) { d.record(metaLastSlot, at) }

func (d *daemon) record(name string, v any) {
	d.t.Helper()
	st := d.open()
	defer st.Close()
	if err := st.Commit(store.Commit{Meta: meta(name, v)}); err != nil {
		d.t.Fatal(err)
	}
}

// beginBackfill leaves a backfill that was interrupted in its first window.
func (d *daemon) beginBackfill() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d.commit = func(j Journal, c store.Commit) error {
		cancel()
		return j.Commit(c)
	}
	if _, err := d.run(ctx, Request{Mode: Backfill}); err == nil {
		d.t.Fatal("the backfill was to be interrupted")
	}
	d.commit = nil
}

// TestClockJumps: whatever is done to the wall clock, a run comes every hour,
// and at most one more than that for each jump.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	for name, jumps := range map[string][]time.Duration{
		"asleep for 8 hours":      {8 * time.Hour},
		"asleep for 10 days":      {10 * daily},
		"set back 3 hours":        {-3 * time.Hour},
		"set back 40 minutes":     {-40 * time.Minute},
		"set back 2 years":        {-2 * 365 * daily},
		"forward and back":        {5 * daily, -5 * daily},
		"a year forward and back": {365 * daily, -365 * daily},
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
					if gap := at.Sub(d.runs[i]); gap > time.Hour+setBack {
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

// A calendar is a random cron expression, and what it means.
type calendar struct {
	Minutes, Hours, Weekdays []int
	Offset                   time.Duration
}

func (c calendar) String() string {
	return fmt.Sprintf("%s %s * * %s", list(c.Minutes), list(c.Hours), list(c.Weekdays))
}

// between returns the slots after from and not after to, worked out minute by
// minute.
func (c calendar) between(from, to time.Time) []time.Time {
	var found []time.Time
	for at := from.Add(-c.Offset).Truncate(time.Minute); !at.Add(c.Offset).After(to); at = at.Add(time.Minute) {
		if slot := at.Add(c.Offset); slot.After(from) && slices.Contains(c.Minutes, at.Minute()) &&
			slices.Contains(c.Hours, at.Hour()) && slices.Contains(c.Weekdays, int(at.Weekday())) {
			found = append(found, slot)
		}
	}
	return found
}

// unopenable makes a loop of a portal that cannot be opened, so that each run
// is no more than its attempt, which is passed on.
func (c calendar) unopenable(attempt func()) *Loop {
	return NewLoop(LoopConfig{
		Portal: "acme", Schedule: schedule(c.String()), Offset: c.Offset,
		Open: func(func(Progress)) (*Engine, error) {
			attempt()
			return nil, errNoSecret
		},
		NeedsPerson: func(error) bool { return true },
		Logger:      slog.New(slog.DiscardHandler),
	})
}

// TestEverySlotOnce keeps portals with random schedules side by side.
func TestEverySlotOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 1))
		some := func(n, most int) []int { return rng.Perm(n)[:1+rng.IntN(most)] }
		const within = 4 * daily
		began := time.Now().UTC()
		var loops []*Loop
		calendars := make([]calendar, 25)
		got := make([][]time.Time, len(calendars))
		for i := range calendars {
			calendars[i] = calendar{some(60, 4), some(24, 6), some(7, 7), time.Duration(rng.IntN(300)) * time.Second}
			loops = append(loops, calendars[i].unopenable(func() { got[i] = append(got[i], time.Now().UTC()) }))
		}
		ctx, cancel := context.WithTimeout(context.Background(), within+time.Second)
		defer cancel()
		Keep(ctx, loops, slog.New(slog.DiscardHandler))
		for i, c := range calendars {
			want := append([]time.Time{began}, c.between(began, began.Add(within))...)
			if diff := cmp.Diff(want, got[i]); diff != "" {
				t.Errorf("%v + %v (-want +got):\n%s", c, c.Offset, diff)
			}
		}
	})
}

// TestFirings: firings that are late, doubled or left out make a run exactly
// where there has been a slot since the one before.
func TestFirings(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		some := func(n, most int, label string) []int {
			return rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 1, most, rapid.ID[int]).Draw(t, label)
		}
		c := calendar{some(60, 4, "minutes"), some(24, 6, "hours"), some(7, 7, "weekdays"), time.Duration(rapid.IntRange(0, 299).Draw(t, "offset")) * time.Second}
		now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		attempts := 0
		l := c.unopenable(func() { attempts++ })
		l.cfg.Now = func() time.Time { return now }
		fire := func() int {
			attempts = 0
			for range rapid.IntRange(1, 3).Draw(t, "firings") {
				l.due()
			}
			for l.once(context.Background()) {
			}
			return attempts
		}
		if n := fire(); n != 1 {
			t.Fatalf("%d runs at the start", n)
		}
		last := now
		for _, minutes := range rapid.SliceOfN(rapid.IntRange(0, 2000), 1, 30).Draw(t, "gaps") {
			now = now.Add(time.Duration(minutes) * time.Minute)
			want := min(len(c.between(last, now)), 1)
			if got := fire(); got != want {
				t.Fatalf("%v + %v: %d runs at %v, the last was at %v; want %d", c, c.Offset, got, now, last, want)
			}
			if want > 0 {
				last = now
			}
		}
	})
}

func list(numbers []int) string {
	return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(numbers)), ","), "[]")
}

// TestSlotsIgnoreZones: the time zone of a time says nothing of its slots, so
// that no clock change skips or doubles one.
func TestSlotsIgnoreZones(t *testing.T) {
	t.Parallel()
	for zone, change := range map[string]time.Time{
		"Europe/Amsterdam":    time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC),
		"America/New_York":    time.Date(2026, 10, 31, 0, 0, 0, 0, time.UTC),
		"America/Sao_Paulo":   time.Date(2018, 11, 3, 0, 0, 0, 0, time.UTC), // at midnight
		"Australia/Lord_Howe": time.Date(2026, 4, 4, 0, 0, 0, 0, time.UTC),  // by half an hour
	} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range []string{"30 2 * * *", "@hourly", "@every 45m", "0 0 1 * *"} {
			s := slots{schedule(spec), 17 * time.Second}
			at := change
			for range 48 {
				next := s.Next(at)
				if there := s.Next(at.In(loc)); !there.Equal(next) {
					t.Fatalf("%s in %s: after %v comes %v, in UTC %v", spec, zone, at.In(loc), there, next)
				}
				at = next
			}
		}
	}
}

// TestIntervalsAreAligned: the slots of an interval do not depend on when the
// program was started.
func TestIntervalsAreAligned(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		every := time.Duration(rapid.IntRange(60, 100_000).Draw(t, "every")) * time.Second
		offset := time.Duration(rapid.IntRange(0, 299).Draw(t, "offset")) * time.Second
		at := time.Unix(rapid.Int64Range(1_700_000_000, 1_900_000_000).Draw(t, "at"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		s := slots{schedule("@every " + every.String()), offset}
		next := s.Next(at)
		if gap := next.Sub(at); gap <= 0 || gap > every {
			t.Fatalf("after %v comes %v", at, next)
		}
		between := at.Add(time.Duration(rapid.Int64Range(0, int64(next.Sub(at))-1).Draw(t, "between")))
		if again := s.Next(between); !again.Equal(next) {
			t.Fatalf("asked at %v, the slot %v is %v", between, next, again)
		}
		if after := s.Next(next); after.Sub(next) != every {
			t.Fatalf("slots %v apart, want %v", after.Sub(next), every)
		}
	})
}

// TestOffsets: fixed, bounded, and spread evenly.
func TestOffsets(t *testing.T) {
	t.Parallel()
	for spec, limit := range map[string]time.Duration{
		"@hourly":           5 * time.Minute,
		"@daily":            5 * time.Minute,
		"0 0 29 2 *":        5 * time.Minute,
		"*/15 * * * *":      90 * time.Second,
		"@every 1m":         6 * time.Second,
		"* * * * *":         6 * time.Second,
		"@every 10s":        time.Second,
		"0,2 9 * * 1":       12 * time.Second,
		"50 23 1,15,16 1 *": 5 * time.Minute,
	} {
		s := schedule(spec)
		const parts = 10
		portals := 5
		if spec == "@daily" {
			portals = 200
		}
		var counts [parts]int
		for i := range portals {
			name := fmt.Sprintf("portal-%d", i)
			o := Offset(name, s)
			if o < 0 || o >= limit || o != o.Truncate(time.Second) || i == 0 && o != Offset(name, s) {
				t.Fatalf("%s: offset %v of %s, want fixed whole seconds below %v", spec, o, name, limit)
			}
			counts[int(o*parts/limit)]++
		}
		if peak := slices.Max(counts[:]); portals == 200 && peak > 2*portals/parts {
			t.Errorf("%s: %v portals in each tenth of the range, want at most %d", spec, counts, 2*portals/parts)
		}
	}
}
