package daemon

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
)

// watchEvery is how often [RunAll] looks at the clock whatever the schedules say.
const watchEvery = 30 * time.Second

// RunAll runs the loops of all portals concurrently until ctx ends, and returns
// when the runs under way have come to their safe points. Every loop works in
// its own goroutine: a portal that is slow, parked or broken holds no other.
//
// Two clocks make a loop check whether a run is due. The cron library does at
// each slot; a ticker does every 30 seconds, for what the library misses. It
// takes the monotonic reading off its times and waits for the distance between
// two readings of the wall clock, so once that is set back by three hours it
// fires nothing at all for three hours; and after a suspended machine its timer
// is late by as long as the machine slept. The ticker is monotonic, and late
// by half a minute at most.
//
// Neither decides anything. A loop compares the wall clock with when its last
// scheduled run began, and at most one such run waits; so a firing too many, at
// the wrong time, or by both at once, finds nothing due, and one that is missed
// is made up for by the next.
func RunAll(ctx context.Context, loops []*Loop, log *slog.Logger) {
	logger := cronLogger{log}
	c := cron.New(cron.WithLocation(time.UTC), cron.WithLogger(logger),
		// In this order: a panic that gets past the library's skipping leaves
		// its entry skipped for good.
		cron.WithChain(cron.SkipIfStillRunning(logger), cron.Recover(logger)))
	var running sync.WaitGroup
	for _, l := range loops {
		c.Schedule(l.timetable.slots, cron.FuncJob(l.checkSchedule))
		running.Go(func() { l.Run(ctx) })
	}
	c.Start()
	watch := time.NewTicker(watchEvery)
	defer watch.Stop()
	for ctx.Err() == nil {
		select {
		case <-watch.C:
			for _, l := range loops {
				l.checkSchedule()
			}
		case <-ctx.Done():
		}
	}
	<-c.Stop().Done()
	running.Wait()
}

// A cronLogger passes the cron library's errors on, which are panics. That it
// wakes and sleeps is no news.
type cronLogger struct{ log *slog.Logger }

func (cronLogger) Info(string, ...any) {}

func (l cronLogger) Error(err error, msg string, keysAndValues ...any) {
	l.log.Error("schedule: "+msg, append(keysAndValues, logError, err)...)
}
