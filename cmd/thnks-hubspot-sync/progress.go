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
// years.
type pace struct {
	last    giftsync.Progress
	first   giftsync.Progress // the first window's, from which the speed is measured
	windows int
}

func (p *pace) add(now giftsync.Progress) {
	if p.windows == 0 {
		p.first = now
	}
	p.last = now
	p.windows++
}

// rate returns the transactions this run has done per second.
func (p *pace) rate() float64 {
	n := p.last.Created + p.last.Updated + p.last.Unchanged + p.last.Quarantined
	if p.last.Elapsed <= 0 {
		return 0
	}
	return float64(n) / p.last.Elapsed.Seconds()
}

// remaining estimates how long the run will still take, counted from its last
// window.
func (p *pace) remaining(now time.Time) (time.Duration, bool) {
	covered := p.last.Through.Sub(p.first.Through)
	if p.windows < estimateAfter || covered <= 0 {
		return 0, false
	}
	spent := p.last.Elapsed - p.first.Elapsed
	left := float64(now.Sub(p.last.Through)) / float64(covered) * float64(spent)
	return max(0, time.Duration(left)), true
}

// text describes the run for the live line; elapsed is how long it has taken.
func (p *pace) text(now time.Time, elapsed time.Duration) string {
	if p.windows == 0 {
		return "working, " + clock(elapsed)
	}
	s := fmt.Sprintf("%s %s done, %s/s, %s", p.last.Mode, count(p.last.Done), count(int(p.rate())), clock(elapsed))
	if p.last.Quarantined > 0 {
		s += fmt.Sprintf(", %s quarantined", count(p.last.Quarantined))
	}
	if left, ok := p.remaining(now); ok {
		left -= elapsed - p.last.Elapsed
		s += ", about " + roughly(max(0, left)) + " left"
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
			"portal", p.Portal, "mode", string(p.Mode), "done", p.Done, "per_second", int(at.rate()),
			"elapsed", p.Elapsed.Round(time.Second), "quarantined", p.Quarantined,
		}
		if left, ok := at.remaining(time.Now()); ok {
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
