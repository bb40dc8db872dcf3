package notice

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func yes(v bool) *bool { return &v }

var start = time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)

func subjects(all []Notice) (s []string) {
	for _, n := range all {
		s = append(s, n.Subject)
	}
	return s
}

func TestDue(t *testing.T) {
	t.Parallel()
	ill := told{Faults: []string{"hubspot"}, At: start, Backfilled: yes(true)}
	well, unfinished := told{Backfilled: yes(true)}, told{Backfilled: yes(false)}
	for name, tt := range map[string]struct {
		s      Standing
		before told
		want   []string
		after  told
	}{
		"well":                {Standing{Backfilled: yes(true)}, well, nil, well},
		"not known yet":       {Standing{}, told{}, nil, told{}},
		"in its backfill":     {Standing{Backfilled: yes(false)}, told{}, nil, unfinished},
		"old news":            {Standing{Backfilled: yes(true)}, told{}, nil, well},
		"cannot be opened":    {Standing{Faults: []string{"open"}}, told{}, []string{"Portal acme needs attention"}, told{Faults: []string{"open"}, At: start}},
		"backfilled":          {Standing{Backfilled: yes(true)}, unfinished, []string{"Portal acme: the first backfill has finished"}, well},
		"ill":                 {Standing{Faults: []string{"hubspot"}, Backfilled: yes(true)}, well, []string{"Portal acme needs attention"}, ill},
		"still ill":           {Standing{Faults: []string{"hubspot"}}, ill, nil, ill},
		"ill otherwise":       {Standing{Faults: []string{"disk"}}, ill, []string{"Portal acme needs attention"}, told{Faults: []string{"disk", "hubspot"}, At: start, Backfilled: yes(true)}},
		"recovered":           {Standing{LastPass: start.Add(time.Hour)}, ill, []string{"Portal acme is well again"}, well},
		"our clock was ahead": {Standing{LastPass: start.Add(-time.Hour)}, told{Faults: ill.Faults, At: start.AddDate(1, 0, 0), Backfilled: yes(true)}, nil, ill},
		"just started":        {Standing{LastPass: start.Add(-time.Hour)}, ill, nil, ill},
		"partly recovered":    {Standing{Faults: []string{"hubspot"}, LastPass: start.Add(time.Hour)}, told{Faults: []string{"disk", "hubspot"}, At: start}, nil, told{Faults: []string{"hubspot"}, At: start}},
		"done, and ill":       {Standing{Faults: []string{"hubspot"}, Backfilled: yes(true)}, unfinished, []string{"Portal acme: the first backfill has finished", "Portal acme needs attention"}, ill},
		"lost, and rebuilt":   {Standing{Backfilled: yes(false)}, well, nil, well},
	} {
		tt.s.Portal = "acme"
		got, after := due(tt.s, tt.before, start)
		if !slices.Equal(subjects(got), tt.want) {
			t.Errorf("%s: told %q", name, subjects(got))
		}
		if !slices.Equal(after.Faults, tt.after.Faults) || !after.At.Equal(tt.after.At) || !reflect.DeepEqual(after.Backfilled, tt.after.Backfilled) {
			t.Errorf("%s: known then %+v, want %+v", name, after, tt.after)
		}
	}
}

// TestNoticesSayWhatToDo: each says what happened, to what, and what to do.
func TestNoticesSayWhatToDo(t *testing.T) {
	t.Parallel()
	s := Standing{Portal: "acme", Problem: "HubSpot does not accept the token: replace it", LastPass: start, Gifts: 60}
	for _, n := range []Notice{attention(s), recovered(s), backfilled(s), backfilled(Standing{Portal: "acme", Quarantined: 2})} {
		if !strings.Contains(n.Subject, "acme") || strings.Contains(n.Subject, "\n") || !strings.Contains(n.Body, "to do") {
			t.Errorf("%+v", n)
		}
	}
	if n := attention(s); !strings.Contains(n.Body, s.Problem) || !strings.Contains(n.Body, "check --portal acme") {
		t.Errorf("%+v", n)
	}
	if n := backfilled(Standing{Portal: "acme", Gifts: 58, Quarantined: 2}); !strings.Contains(n.Body, "58 gifts") || !strings.Contains(n.Body, "2 records could not be synced") || !strings.Contains(n.Body, "quarantine list --portal acme") {
		t.Errorf("%+v", n)
	}
}

// TestEachTroubleIsSentOnce: whatever a portal goes through and however often it is looked at,
// a channel hears of a fault once until it is well again, and then that, once.
func TestEachTroubleIsSentOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		known := told{Backfilled: yes(false)}
		heard := ""
		now := start
		for range rapid.IntRange(1, 40).Draw(t, "looks") {
			now = now.Add(time.Minute)
			s := Standing{Portal: "acme", Backfilled: yes(true)}
			s.Faults = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"disk", "hubspot", "thnks"}), 0, 3, rapid.ID).Draw(t, "faults")
			if len(s.Faults) == 0 && rapid.Bool().Draw(t, "a pass ended well") {
				s.LastPass = now
			}
			all, after := due(s, known, now)
			again, _ := due(s, after, now)
			if len(again) > 0 {
				t.Fatalf("sent twice: %q", subjects(again))
			}
			for _, n := range all {
				if strings.Contains(n.Subject, "backfill") && strings.Contains(heard, "b") {
					t.Fatal("a second backfill")
				}
				switch {
				case strings.Contains(n.Subject, "attention"):
					heard += "a"
				case strings.Contains(n.Subject, "well"):
					heard += "w"
				default:
					heard += "b"
				}
			}
			known = after
			if (len(known.Faults) > 0) != (strings.LastIndex(heard, "a") > strings.LastIndex(heard, "w")) {
				t.Fatalf("heard %s, known %+v", heard, known)
			}
			if len(s.Faults) > 0 && len(known.Faults) == 0 {
				t.Fatal("a fault without a notice")
			}
		}
		if strings.Contains(heard, "ww") || strings.HasPrefix(strings.Trim(heard, "b"), "w") || strings.Contains(heard, "aaaa") {
			t.Fatalf("heard %s", heard)
		}
	})
}

// A board is a channel that can be made to fail.
type board struct {
	mu    sync.Mutex
	fails error
	tried int
	all   []Notice
}

func (b *board) Deliver(_ context.Context, n Notice) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tried++
	if b.fails != nil {
		return b.fails
	}
	b.all = append(b.all, n)
	return nil
}

// attempts is how often it was tried.
func (b *board) attempts() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tried
}

func (b *board) seen() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return subjects(b.all)
}

// TestNotifier goes through a portal's life, with one channel that fails at first and one
// that does not, and with a restart between: each hears each thing once.
func TestNotifier(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "notices")
	synctest.Test(t, func(t *testing.T) {
		good, bad := new(board), &board{fails: errors.New("no")}
		var mu sync.Mutex
		at := Standing{Portal: "acme"}
		change := func(f func(*Standing)) {
			mu.Lock()
			defer mu.Unlock()
			f(&at)
		}
		var log strings.Builder
		life := func(f func()) {
			n, err := Open(path, map[string]Channel{"good": good, "bad": bad}, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			ctx, end := context.WithCancel(t.Context())
			var kept sync.WaitGroup
			kept.Go(func() {
				n.Keep(ctx, func() []Standing {
					mu.Lock()
					defer mu.Unlock()
					return []Standing{at}
				})
			})
			time.Sleep(time.Minute)
			f()
			end()
			kept.Wait()
		}
		life(func() {
			change(func(s *Standing) { s.Backfilled = yes(false) })
			time.Sleep(time.Minute)
			change(func(s *Standing) { s.Backfilled, s.Gifts = yes(true), 60 })
			time.Sleep(24 * time.Hour)
			if n := bad.attempts(); n < 20 || n > 40 {
				t.Errorf("a channel that fails was tried %d times in a day", n)
			}
			change(func(s *Standing) { s.Faults = []string{"hubspot"} })
			time.Sleep(time.Minute)
		})
		if lines := strings.Count(log.String(), "could not be delivered"); lines != bad.attempts() {
			t.Errorf("%d lines for %d failures", lines, bad.attempts())
		}
		bad.fails = nil
		change(func(s *Standing) { s.Faults = nil }) // as nothing is known after a restart
		life(func() {
			change(func(s *Standing) { s.Faults = []string{"hubspot"} })
			time.Sleep(2 * time.Hour)
			change(func(s *Standing) { s.Faults, s.LastPass = nil, time.Now() })
			time.Sleep(2 * time.Hour)
		})
		life(func() { time.Sleep(2 * time.Hour) })
		want := []string{"Portal acme: the first backfill has finished", "Portal acme needs attention", "Portal acme is well again"}
		if got := good.seen(); !slices.Equal(got, want) {
			t.Errorf("the good channel heard %q", got)
		}
		if got := bad.seen(); !slices.Equal(got, want) {
			t.Errorf("the bad channel heard %q", got)
		}
	})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestWellSinceTheStart: what an earlier process found well is no recovery. A restart knows
// no fault yet, and of two that stand it may find one only.
func TestWellSinceTheStart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "notices")
	synctest.Test(t, func(t *testing.T) {
		b := new(board)
		at := Standing{Portal: "acme"}
		var mu sync.Mutex
		change := func(faults []string, passed bool) {
			mu.Lock()
			at.Faults = faults
			if passed {
				at.LastPass = time.Now()
			}
			mu.Unlock()
			time.Sleep(time.Hour)
		}
		life := func(f func()) {
			n, err := Open(path, map[string]Channel{"board": b}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute) // in which the process before ends its pass
			mu.Lock()
			at.LastPass = time.Now()
			mu.Unlock()
			time.Sleep(time.Minute)
			ctx, end := context.WithCancel(t.Context())
			var kept sync.WaitGroup
			kept.Go(func() {
				n.Keep(ctx, func() []Standing {
					mu.Lock()
					defer mu.Unlock()
					return []Standing{at}
				})
			})
			f()
			end()
			kept.Wait()
		}
		heard := []string{"Portal acme needs attention"}
		hears := func(when string, more ...string) {
			t.Helper()
			heard = append(heard, more...)
			if got := b.seen(); !slices.Equal(got, heard) {
				t.Fatalf("%s: the channel heard %q, want %q", when, got, heard)
			}
		}
		life(func() {
			change([]string{"disk", "hubspot"}, false)
			change([]string{"disk", "hubspot"}, true) // which met neither
			hears("two faults")
		})
		life(func() {
			change(nil, false)
			hears("nothing is known yet")
			change([]string{"hubspot"}, false)
			change([]string{"disk", "hubspot"}, false)
			hears("one is found before the other")
			change(nil, true)
			hears("a pass has ended well", "Portal acme is well again")
		})
	})
}

// TestOldNewsIsNotSent: a portal that was backfilled before anyone asked for notices is no
// news, nor is it when what was sent before cannot be read.
func TestOldNewsIsNotSent(t *testing.T) {
	t.Parallel()
	for content, want := range map[string][]string{"": nil, "no JSON": nil, "null": nil} {
		path := filepath.Join(t.TempDir(), "notices")
		if content != "" {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Test(t, func(t *testing.T) {
			b := new(board)
			n, err := Open(path, map[string]Channel{"board": b}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			ctx, end := context.WithTimeout(t.Context(), time.Hour)
			defer end()
			n.Keep(ctx, func() []Standing { return []Standing{{Portal: "acme", Backfilled: yes(true)}} })
			if got := b.seen(); !slices.Equal(got, want) {
				t.Errorf("%q: told %q", content, got)
			}
		})
	}
}
