package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/robfig/cron/v3"
	"pgregory.net/rapid"

	giftsync "thnks-hubspot-sync/sync"
)

func schedule(spec string) cron.Schedule {
	s, err := cron.ParseStandard(spec)
	if err != nil {
		panic(err)
	}
	return s
}

var errUnopenable = errors.New("the portal cannot be opened")

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
		Open: func(func(giftsync.Progress)) (*giftsync.Engine, error) {
			attempt()
			return nil, errUnopenable
		},
		NeedsAdmin: func(error) bool { return true },
		Logger:     slog.New(slog.DiscardHandler),
	})
}

// TestEverySlotOnce keeps portals with random schedules side by side.
func TestEverySlotOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 1))
		some := func(n, most int) []int { return rng.Perm(n)[:1+rng.IntN(most)] }
		const within = 4 * 24 * time.Hour
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
		RunAll(ctx, loops, slog.New(slog.DiscardHandler))
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
		l.timetable.clock = func() time.Time { return now }
		fire := func() int {
			attempts = 0
			for range rapid.IntRange(1, 3).Draw(t, "firings") {
				l.checkSchedule()
			}
			for l.runNext(context.Background()) {
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

// TestOffsetsOfPortals: fixed, bounded, and spread evenly.
func TestOffsetsOfPortals(t *testing.T) {
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
