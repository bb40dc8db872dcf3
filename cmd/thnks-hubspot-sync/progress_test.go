package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	giftsync "thnks-hubspot-sync/sync"
)

// TestRemaining runs through ten years of changes at a year a second, in windows
// of four slices, the first of which tells nothing of the time: after the third
// window, the remaining time is known.
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
		if ok != (year >= 3) {
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
