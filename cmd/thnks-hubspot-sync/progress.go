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

// A pace is what is known about the speed of one portal's run, and what is left
// of it, all phases together:
//
//   - How many transactions a listing holds is unknown, but it goes from the
//     oldest change to now: what remains follows from how fast it passes through
//     the years. It does so with the end of each window; in between, slices are
//     done.
//   - Addresses are searched beside it and behind it, at a speed of their own.
//   - Orphans and links are looked up gift by gift, and their number is known.
type pace struct {
	last    giftsync.Progress
	since   time.Duration     // into the run, when its mode began
	first   giftsync.Progress // at the first window's end, from which the speed is measured
	mark    giftsync.Progress // at the last one's
	windows int

	phase      giftsync.Phase // what is worked on, search beside it or not
	phaseSince time.Duration  // into the run
	searching  time.Duration  // while addresses were left to be searched
}

func (p *pace) add(now giftsync.Progress) {
	switch {
	case now.Before != p.last.Before:
		*p = pace{} // another run's
	case now.Mode != p.last.Mode:
		*p = pace{since: p.last.Elapsed}
	}
	if p.last.Searched < p.last.ToSearch {
		p.searching += now.Elapsed - p.last.Elapsed
	}
	if now.Phase != p.phase && now.Phase != giftsync.PhaseSearch {
		p.phase, p.phaseSince = now.Phase, now.Elapsed
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

// remaining estimates how long a run will still take that has taken so long. It
// has no estimate where a phase has one without a measure yet, and none of less
// than a second: what is left then is not what was measured.
func (p *pace) remaining(now time.Time, elapsed time.Duration) (time.Duration, bool) {
	var left time.Duration
	known := false
	switch {
	case p.last.PhaseTotal > 0:
		left, known = p.remainingGifts()
	case p.phase == giftsync.PhaseListing || p.phase == "":
		left, known = p.remainingListing(now)
	}
	search, measured := p.remainingSearch()
	left += search - (elapsed - p.last.Elapsed)
	return left, known && measured && left >= time.Second
}

// remainingListing is what was left of a listing at the last progress.
func (p *pace) remainingListing(now time.Time) (time.Duration, bool) {
	covered := p.mark.Through.Sub(p.first.Through)
	if p.windows < estimateAfter || covered <= 0 {
		return 0, false
	}
	spent := p.mark.Elapsed - p.first.Elapsed
	left := float64(now.Sub(p.mark.Through)) / float64(covered) * float64(spent)
	return max(0, time.Duration(left)-(p.last.Elapsed-p.mark.Elapsed)), true
}

// remainingGifts is what was left of a phase that looks up so many gifts.
func (p *pace) remainingGifts() (time.Duration, bool) {
	if p.last.PhaseDone == 0 {
		return 0, false
	}
	spent := p.last.Elapsed - p.phaseSince
	left := float64(p.last.PhaseTotal-p.last.PhaseDone) / float64(p.last.PhaseDone) * float64(spent)
	return max(0, time.Duration(left)), true
}

// remainingSearch is how long the addresses take that are still to be searched,
// and those that later phases will ask for.
func (p *pace) remainingSearch() (time.Duration, bool) {
	left := p.last.ToSearch - p.last.Searched + p.last.Ahead
	if left == 0 {
		return 0, true
	}
	if p.last.Searched == 0 {
		return 0, false
	}
	return time.Duration(float64(left) / float64(p.last.Searched) * float64(p.searching)), true
}

// text describes the run for the live line; elapsed is how long it has taken.
func (p *pace) text(now time.Time, elapsed time.Duration) string {
	if p.last.Mode == "" {
		return "working, " + clock(elapsed)
	}
	s := fmt.Sprintf("%s %s done, %s/s, %s", p.last.Mode, count(p.last.Done), count(int(p.rate())), clock(elapsed))
	if p.last.Before {
		s = "waiting for " + s
	}
	if doing := p.doing(); doing != "" {
		s += ", " + doing
	}
	if p.last.Quarantined > 0 {
		s += fmt.Sprintf(", %s quarantined", count(p.last.Quarantined))
	}
	if left, ok := p.remaining(now, elapsed); ok {
		s += ", about " + roughly(left) + " left"
	}
	return s
}

// doing names the phase, with how far it has come; "" for a plain listing.
func (p *pace) doing() string {
	var s string
	switch {
	case p.last.Phase == giftsync.PhaseSearch:
		return fmt.Sprintf("%s %s of %s", p.last.Phase, count(p.last.Searched), count(p.last.ToSearch))
	case p.last.PhaseTotal > 0:
		s = fmt.Sprintf("%s %s of %s", p.last.Phase, count(p.last.PhaseDone), count(p.last.PhaseTotal))
	case p.last.Phase != giftsync.PhaseListing:
		s = string(p.last.Phase)
	}
	if p.last.Searched < p.last.ToSearch {
		if s != "" {
			s += ", "
		}
		s += fmt.Sprintf("addresses searched %s of %s", count(p.last.Searched), count(p.last.ToSearch))
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
			logPortal, p.Portal, logMode, string(p.Mode), "phase", string(p.Phase), "done", p.Done, "per_second", int(at.rate()),
			"elapsed", p.Elapsed.Round(time.Second), "quarantined", p.Quarantined,
		}
		if p.PhaseTotal > 0 {
			attrs = append(attrs, "phase_done", p.PhaseDone, "phase_total", p.PhaseTotal)
		}
		if p.ToSearch > 0 {
			attrs = append(attrs, "searched", p.Searched, "to_search", p.ToSearch)
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
