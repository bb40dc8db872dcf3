package main

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	giftsync "thnks-hubspot-sync/sync"
)

// estimateAfter is how many windows must be done before a remaining time is
// worth showing.
const estimateAfter = 3

// A pace is what is known about the speed of one portal's run. How many
// transactions a listing holds is unknown, but it goes from the oldest change
// to now: the remaining time follows from how fast it passes through the
// years. It does so with the end of each window; in between, slices are done.
type pace struct {
	last    giftsync.Progress
	since   time.Duration     // into the run, when its mode began
	first   giftsync.Progress // at the first window's end, from which the speed is measured
	mark    giftsync.Progress // at the last one's
	windows int
}

func (p *pace) add(now giftsync.Progress) {
	if now.Mode != p.last.Mode {
		*p = pace{since: p.last.Elapsed}
	}
	p.last = now
	if !now.Through.After(p.mark.Through) {
		return
	}
	if p.windows == 0 {
		p.first = now
	}
	p.mark = now
	p.windows++
}

// rate returns the transactions this run has done per second.
func (p *pace) rate() float64 {
	took := p.last.Elapsed - p.since
	if took <= 0 {
		return 0
	}
	return float64(p.last.Done) / took.Seconds()
}

// remaining estimates how long a run will still take that has taken so long.
func (p *pace) remaining(now time.Time, elapsed time.Duration) (time.Duration, bool) {
	covered := p.mark.Through.Sub(p.first.Through)
	if p.windows < estimateAfter || covered <= 0 {
		return 0, false
	}
	spent := p.mark.Elapsed - p.first.Elapsed
	left := float64(now.Sub(p.mark.Through)) / float64(covered) * float64(spent)
	return max(0, time.Duration(left)-(elapsed-p.mark.Elapsed)), true
}

// text describes the run for the live line; elapsed is how long it has taken.
func (p *pace) text(now time.Time, elapsed time.Duration) string {
	if p.last.Mode == "" {
		return "working, " + clock(elapsed)
	}
	s := fmt.Sprintf("%s %s done, %s/s, %s", p.last.Mode, count(p.last.Done), count(int(p.rate())), clock(elapsed))
	if p.last.Quarantined > 0 {
		s += fmt.Sprintf(", %s quarantined", count(p.last.Quarantined))
	}
	if left, ok := p.remaining(now, elapsed); ok {
		s += ", about " + roughly(left) + " left"
	}
	return s
}

// logged returns a function for [giftsync.Config.Progress] that logs how far a
// run has come, at most once per interval and portal.
func logged(log *slog.Logger, interval time.Duration) func(giftsync.Progress) {
	var mu sync.Mutex
	type progress struct {
		pace
		said time.Duration
	}
	portals := make(map[string]*progress)
	return func(p giftsync.Progress) {
		mu.Lock()
		defer mu.Unlock()
		at := portals[p.Portal]
		if at == nil {
			at = new(progress)
			portals[p.Portal] = at
		}
		at.add(p)
		if p.Elapsed-at.said < interval {
			return
		}
		at.said = p.Elapsed
		attrs := []any{
			logPortal, p.Portal, logMode, string(p.Mode), "done", p.Done, "per_second", int(at.rate()),
			"elapsed", p.Elapsed.Round(time.Second), "quarantined", p.Quarantined,
		}
		if left, ok := at.remaining(time.Now(), p.Elapsed); ok {
			attrs = append(attrs, "left", roughly(left))
		}
		log.Info("progress", attrs...)
	}
}

// clock writes a duration to the second.
func clock(d time.Duration) string { return d.Truncate(time.Second).String() }

// roughly writes a duration in its largest unit.
func roughly(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Round(time.Second).Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Round(time.Minute).Minutes()))
	default:
		return fmt.Sprintf("%dh", int(d.Round(time.Hour).Hours()))
	}
}
