package main

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	giftsync "thnks-hubspot-sync/sync"
)

// redrawEvery keeps the elapsed time moving between two windows.
const redrawEvery = 250 * time.Millisecond

// eraseLine moves to the line's start and clears it (ECMA-48 CR, EL).
const eraseLine = "\r\x1b[K"

// A live line at the bottom of a terminal shows how the running portals get
// on. Everything else that goes to the terminal meanwhile, log lines above
// all, must be written through it, so that neither tears the other.
type live struct {
	w     io.Writer
	width func() int // of the terminal, in columns
	stop  chan struct{}
	ended sync.WaitGroup

	mu    sync.Mutex
	runs  map[string]*liveRun
	drawn bool // whether the line is on the screen
}

type liveRun struct {
	pace  pace
	began time.Time
	at    time.Time // of the last progress, which may be another run's
}

// elapsed is how long the run has taken that is shown.
func (r *liveRun) elapsed(now time.Time) time.Duration {
	if r.at.IsZero() {
		return now.Sub(r.began)
	}
	return r.pace.last.Elapsed + now.Sub(r.at)
}

// newLive returns a live line that redraws itself until it is closed.
func newLive(w io.Writer, width func() int) *live {
	l := &live{w: w, width: width, stop: make(chan struct{}), runs: make(map[string]*liveRun)}
	l.ended.Go(func() {
		tick := time.NewTicker(redrawEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				l.mu.Lock()
				l.draw()
				l.mu.Unlock()
			case <-l.stop:
				return
			}
		}
	})
	return l
}

// begin shows that the portal's run has started.
func (l *live) begin(portal string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runs[portal] = &liveRun{began: time.Now()}
	l.draw()
}

// progress shows how far the portal's run has come. It serves as
// [giftsync.Config.Progress].
func (l *live) progress(p giftsync.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.runs[p.Portal]; r != nil {
		r.pace.add(p)
		r.at = time.Now()
		l.draw()
	}
}

// end takes the portal off the line.
func (l *live) end(portal string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.runs, portal)
	l.draw()
}

// Write writes whole lines above the live line.
func (l *live) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b bytes.Buffer
	if l.drawn {
		b.WriteString(eraseLine)
		l.drawn = false
	}
	b.Write(p)
	if _, err := l.w.Write(b.Bytes()); err != nil {
		return 0, err
	}
	l.draw()
	return len(p), nil
}

// close takes the line off the screen and stops redrawing it.
func (l *live) close() {
	close(l.stop)
	l.ended.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.runs)
	l.draw()
}

// draw puts the line on the screen, or takes it off when nothing runs. A
// terminal that has gone away is no reason to stop a run, so errors of
// writing are let go.
func (l *live) draw() {
	if len(l.runs) == 0 {
		if l.drawn {
			_, _ = io.WriteString(l.w, eraseLine)
			l.drawn = false
		}
		return
	}
	now := time.Now()
	parts := make([]string, 0, len(l.runs))
	for name, r := range l.runs {
		parts = append(parts, name+": "+r.pace.text(now, r.elapsed(now)))
	}
	slices.Sort(parts)
	line := strings.Join(parts, " | ")
	if w := l.width(); w > 1 && text.StringWidth(line) >= w {
		line = text.Snip(line, w-1, "…")
	}
	_, _ = io.WriteString(l.w, eraseLine+line)
	l.drawn = true
}
