package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestRemaining runs through ten years of changes at a year a second, in windows
// of four slices, the first of which tells nothing of the time: after the third
// window, the remaining time is known, and it is shown until less than a second is
// left.
func TestRemaining(t *testing.T) {
	start := time.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC)
	now := start.AddDate(10, 0, 0)
	var p pace
	p.add(giftsync.Progress{Mode: giftsync.Rebuild, Done: 70_000, Elapsed: time.Hour})
	var through time.Time
	for slice := 1; slice <= 40; slice++ {
		year := slice / 4
		if slice%4 == 0 {
			through = start.AddDate(year, 0, 0)
		}
		took := time.Duration(slice) * time.Second / 4
		p.add(giftsync.Progress{Mode: giftsync.Backfill, Done: 250 * slice, Through: through, Elapsed: time.Hour + took})
		left, ok := p.remaining(now, time.Hour+took)
		if ok != (year >= 3 && took < 9*time.Second) {
			t.Fatalf("after %d slices: estimate shown: %v", slice, ok)
		}
		want := 10*time.Second - took
		if ok && (left-want).Abs() > 100*time.Millisecond {
			t.Errorf("after %d slices: %v left, want about %v", slice, left, want)
		}
		if rate := p.rate(); rate != 1000 {
			t.Errorf("rate = %v, want 1000", rate)
		}
	}
}

// TestRemainingUnknown covers listings whose order says nothing.
func TestRemainingUnknown(t *testing.T) {
	var p pace
	for range 5 {
		p.add(giftsync.Progress{Through: time.Unix(1e9, 0), Elapsed: time.Second})
	}
	if left, ok := p.remaining(time.Unix(2e9, 0), time.Second); ok {
		t.Errorf("estimated %v although the listing does not advance", left)
	}
}

// TestRemainingOfAllPhases: what is left of a search, and of what comes behind a
// listing, counts; where it has no measure yet, nothing is said.
func TestRemainingOfAllPhases(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	listed := func(p *pace) {
		for s := 1; s <= 10; s++ {
			p.add(giftsync.Progress{
				Mode: giftsync.Resweep, Phase: giftsync.PhaseListing, Done: 1000 * s,
				Through: now.Add(time.Duration(s-10) * time.Hour), Elapsed: time.Duration(s) * time.Second,
			})
		}
	}
	for name, c := range map[string]struct {
		then []giftsync.Progress
		want time.Duration // 0 for nothing shown
		text string
	}{
		"nothing is left": {want: 0},
		"addresses, none of them searched yet": {
			then: []giftsync.Progress{{Phase: giftsync.PhaseSearch, ToSearch: 100, Elapsed: 10 * time.Second}},
			text: "searching secondary addresses 0 of 100",
		},
		"addresses": {
			then: []giftsync.Progress{
				{Phase: giftsync.PhaseSearch, ToSearch: 100, Elapsed: 10 * time.Second},
				{Phase: giftsync.PhaseSearch, Searched: 20, ToSearch: 100, Elapsed: 15 * time.Second},
			},
			want: 20 * time.Second, text: "searching secondary addresses 20 of 100",
		},
		"orphans of a later phase": {
			then: []giftsync.Progress{
				{Phase: giftsync.PhaseListing, ToSearch: 20, Ahead: 100, Elapsed: 10 * time.Second},
				{Phase: giftsync.PhaseListing, Searched: 20, ToSearch: 20, Ahead: 100, Elapsed: 15 * time.Second},
			},
			want: 25 * time.Second,
		},
		"orphans of a later phase, and no measure": {
			then: []giftsync.Progress{{Phase: giftsync.PhaseListing, Ahead: 100, Elapsed: 10 * time.Second}},
		},
		"orphans": {
			then: []giftsync.Progress{
				{Phase: giftsync.PhaseOrphans, PhaseTotal: 50, Elapsed: 10 * time.Second},
				{Phase: giftsync.PhaseOrphans, PhaseDone: 10, PhaseTotal: 50, Elapsed: 12 * time.Second},
			},
			want: 8 * time.Second, text: "looking up orphans 10 of 50",
		},
	} {
		var p pace
		listed(&p)
		for _, next := range c.then {
			next.Mode, next.Done, next.Through = p.last.Mode, p.last.Done, p.last.Through
			p.add(next)
		}
		left, ok := p.remaining(now, p.last.Elapsed)
		if ok != (c.want > 0) || ok && (left-c.want).Abs() > 100*time.Millisecond {
			t.Errorf("%s: %v, %v, want %v", name, left, ok, c.want)
		}
		if text := p.text(now, p.last.Elapsed); !strings.Contains(text, c.text) || strings.Contains(text, "about 0s") {
			t.Errorf("%s: %q", name, text)
		}
	}
}

// TestSlowSearchIsNeverAboutToEnd runs a backfill against a HubSpot that searches slowly: the last
// third of it, which is spent on that, is never about to end.
func TestSlowSearchIsNeverAboutToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{PageLimit: 50})
		w.Bounds.WindowRows = 50
		for n := range 200 {
			at := time.Now().Add(-simulation.Day).Add(time.Duration(n) * time.Minute).UTC()
			w.Thnks.Add(simulation.Transaction(simulation.ID(n+1), at, fmt.Sprintf("nobody-%d@acme.example", n)))
		}
		w.Portal.Fault(hubspottest.Fault{Count: -1, PathContains: "/contacts/search", Kind: hubspottest.DelayAnswer, Delay: 40 * time.Second})
		var mu sync.Mutex
		var p pace
		var at time.Time
		w.Configure = func(c *giftsync.Config) {
			c.Progress = func(now giftsync.Progress) {
				mu.Lock()
				defer mu.Unlock()
				p.add(now)
				at = time.Now()
			}
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			w.Must(giftsync.Backfill)
		}()
		var texts []string
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for running := true; running; {
			select {
			case <-ended:
				running = false
			case <-tick.C:
				mu.Lock()
				texts = append(texts, p.text(time.Now(), p.last.Elapsed+time.Since(at)))
				mu.Unlock()
			}
		}
		named := 0
		for _, text := range texts[len(texts)*2/3:] {
			if strings.Contains(text, "about 0s left") {
				t.Errorf("said %q", text)
			}
			if strings.Contains(text, "searching secondary addresses") {
				named++
			}
		}
		if named < len(texts)/4 {
			t.Errorf("%d of the last third of %d lines name the search, the last is %q", named, len(texts), texts[len(texts)-1])
		}
		mu.Lock()
		defer mu.Unlock()
		if p.last.Searched != 200 || p.last.ToSearch != 200 {
			t.Errorf("at the end: %+v", p.last)
		}
	})
}

func TestLogged(t *testing.T) {
	var b bytes.Buffer
	progress := logged(newLogger(&b, plainStyle, slog.LevelInfo), 5*time.Second)
	for i := range 20 {
		for _, portal := range []string{"acme", "beta"} {
			progress(giftsync.Progress{Portal: portal, Mode: giftsync.Backfill, Done: i, Created: i, Elapsed: time.Duration(i) * time.Second})
		}
	}
	if n := strings.Count(b.String(), "\n"); n != 6 {
		t.Errorf("%d lines for 20 s of two portals, want one per 5 s each, 6:\n%s", n, b.String())
	}
}

// screen plays a terminal of one line at the bottom: what was scrolled up, and
// what the line holds.
func screen(written string) (lines []string, bottom string) {
	for {
		line, rest, more := strings.Cut(written, "\n")
		if i := strings.LastIndex(line, eraseLine); i >= 0 {
			line = line[i+len(eraseLine):]
		}
		if !more {
			return lines, line
		}
		lines = append(lines, line)
		written = rest
	}
}

func TestLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		l := newLive(&b, func() int { return 60 })
		log := newLogger(l, plainStyle, slog.LevelInfo)
		l.begin("acme")
		time.Sleep(2*time.Second + redrawEvery/2)
		synctest.Wait()
		if _, bottom := screen(b.String()); bottom != "acme: working, 2s" {
			t.Errorf("before the first window: %q", bottom)
		}
		l.progress(giftsync.Progress{Portal: "acme", Mode: giftsync.Backfill, Done: 5000, Created: 5000, Elapsed: 2 * time.Second})
		log.Info("first")
		l.begin("beta")
		log.Info("second")
		lines, bottom := screen(b.String())
		if len(lines) != 2 || !strings.HasSuffix(lines[0], "msg=first") || !strings.HasSuffix(lines[1], "msg=second") {
			t.Errorf("log lines torn: %q", lines)
		}
		if want := "acme: backfill 5,000 done, 2,500/s, 2s | beta: working, 0s"; bottom != want {
			t.Errorf("live line %q, want %q", bottom, want)
		}
		l.progress(giftsync.Progress{Portal: "acme", Mode: giftsync.Backfill, Done: 10_000, Created: 9_000, Quarantined: 1_000, Elapsed: 4 * time.Second})
		if _, bottom := screen(b.String()); len([]rune(bottom)) > 59 {
			t.Errorf("live line wider than the terminal: %q", bottom)
		}
		l.end("acme")
		if _, bottom := screen(b.String()); bottom != "beta: working, 0s" {
			t.Errorf("after acme's end: %q", bottom)
		}
		l.close()
		if _, bottom := screen(b.String()); bottom != "" {
			t.Errorf("after the end the line still shows %q", bottom)
		}
		log.Info("third")
		if lines, _ := screen(b.String()); len(lines) != 3 {
			t.Errorf("%d lines after close, want 3", len(lines))
		}
	})
}
