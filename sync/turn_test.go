package sync_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/sync/turns"
	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// takeTurns has the world's runs take turns.
func takeTurns(w *simulation.World, all *turns.Turns) {
	w.Configure = func(c *giftsync.Config) {
		c.Turns = func(ctx context.Context) (giftsync.Turn, error) { return all.Begin(ctx) }
	}
}

// occupy takes a place.
func occupy(t *testing.T, all *turns.Turns) *turns.Turn {
	t.Helper()
	turn, err := all.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return turn
}

// patience is who wants a place again and again, and how long that took at most.
type patience struct {
	times int
	worst time.Duration
	stop  func()
}

// want begins and ends turns until stop is called.
func want(t *testing.T, all *turns.Turns) *patience {
	p := new(patience)
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		for ctx.Err() == nil {
			began := time.Now()
			if turn, err := all.Begin(ctx); err == nil {
				p.times, p.worst = p.times+1, max(p.worst, time.Since(began))
				turn.End()
			}
			time.Sleep(73 * time.Millisecond)
		}
	})
	p.stop = func() { cancel(); ended.Wait() }
	return p
}

// TestRunWaitsForItsTurn: before it is its turn, a run makes no call.
func TestRunWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := turns.New(1)
		w := simulation.Small(t)
		takeTurns(w, all)
		turn := occupy(t, all)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		rep, err := w.Run(ctx, giftsync.Request{Mode: giftsync.Backfill})
		if !errors.Is(err, context.DeadlineExceeded) || rep.Error == "" || rep.Portal != "acme" {
			t.Errorf("a run whose turn never came ended with %v: %+v", err, rep)
		}
		if n, m := w.Thnks.Requests(), len(w.Portal.Requests().ByClass); n+m > 0 {
			t.Errorf("it made calls: %d to Thnks, %d kinds to HubSpot", n, m)
		}
		go func() {
			time.Sleep(time.Hour)
			turn.End()
		}()
		began := time.Now()
		w.Must(giftsync.Backfill)
		if waited := time.Since(began); waited < time.Hour {
			t.Errorf("it waited %v for the turn", waited)
		}
		w.Check()
	})
}

// slowly has a vendor's answers take some time, and tells of that as the clients do.
func slowly(d time.Duration) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
			resume := turns.Waiting(req.Context())
			time.Sleep(d)
			if err := resume(req.Context()); err != nil {
				return nil, err
			}
			return next.RoundTrip(req)
		})
	}
}

// TestNoTurnWhileWaiting: whatever a run waits for, others work meanwhile, and it
// comes to its end beside them.
func TestNoTurnWhileWaiting(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		mode   giftsync.Mode
		before func(*simulation.World)
	}{
		"first backfill":         {giftsync.Backfill, func(*simulation.World) {}},
		"with a property to add": {giftsync.Backfill, func(w *simulation.World) { w.Must(giftsync.Backfill); w.Portal.ArchiveProperty("thnks", "gift_type") }},
		"pass":                   {giftsync.Incremental, func(w *simulation.World) { w.Must(giftsync.Backfill) }},
		"orphans":                {giftsync.Reassociate, func(w *simulation.World) { w.Must(giftsync.Backfill) }},
		"all links":              {giftsync.ReassociateAll, func(w *simulation.World) { w.Must(giftsync.Backfill) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := simulation.New(t, hubspottest.Options{Seed: 1, PropertyLag: 15 * time.Second, SchemaLag: 3 * time.Second}, thnksapitest.Options{PageLimit: 15})
				w.Bounds.WindowRows, w.Bounds.SliceGifts = 30, 12
				w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 60, Recipients: 20}), 0.9)
				tt.before(w)
				time.Sleep(time.Hour)
				all := turns.New(1)
				takeTurns(w, all)
				w.WrapHubSpot, w.WrapThnks = slowly(10*time.Second), slowly(7*time.Second)
				others := want(t, all)
				w.Must(tt.mode)
				others.stop()
				w.Check()
				if others.times < 50 || others.worst > 0 {
					t.Errorf("others had their turn %d times, after up to %v; they never should wait", others.times, others.worst)
				}
			})
		})
	}
}

// counted counts the rows that a source gave out.
type counted struct {
	giftsync.SourceAPI
	given func(rows int)
}

func (c counted) Transactions(ctx context.Context, q thnksapi.Query) (*thnksapi.Page, error) {
	p, err := c.SourceAPI.Transactions(ctx, q)
	if err == nil {
		c.given(len(p.Rows))
	}
	return p, err
}

// held runs a backfill of n gifts and returns the most rows that it held at once.
func held(t *testing.T, all *turns.Turns, n int) (most int) {
	w := simulation.New(t, hubspottest.Options{Seed: 1}, thnksapitest.Options{})
	w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: n, Recipients: n / 5}), 1)
	takeTurns(w, all)
	var mu sync.Mutex
	given, done := 0, 0
	configure := w.Configure
	w.Configure = func(c *giftsync.Config) {
		configure(c)
		c.Sources[0].API = counted{c.Sources[0].API, func(rows int) {
			mu.Lock()
			defer mu.Unlock()
			given += rows
			most = max(most, given-done)
		}}
		c.Progress = func(p giftsync.Progress) {
			mu.Lock()
			defer mu.Unlock()
			done = p.Done
		}
	}
	if rep := w.Must(giftsync.Backfill); rep.Created != n {
		t.Errorf("created %d of %d", rep.Created, n)
	}
	return most
}

// TestRowsHeld: beside others a run holds 500 rows at most; alone it reads ahead.
func TestRowsHeld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := turns.New(2)
		if most := held(t, all, 2000); most != 2000 {
			t.Errorf("alone it holds %d rows, want all 2000", most)
		}
		other := occupy(t, all)
		if most := held(t, all, 2000); most > 500 {
			t.Errorf("beside another run it holds %d rows, more than 500", most)
		}
		other.End()
	})
}

// TestOthersComeUpWhileReadingAhead: what a run alone has read ahead when another
// begins is processed, and nothing is lost.
func TestOthersComeUpWhileReadingAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := turns.New(2)
		w := simulation.Small(t)
		takeTurns(w, all)
		var other *turns.Turn
		configure := w.Configure
		w.Configure = func(c *giftsync.Config) {
			configure(c)
			c.Progress = func(giftsync.Progress) {
				if other == nil {
					other = occupy(t, all)
				} else {
					other.End()
					other = nil
				}
			}
		}
		w.Must(giftsync.Backfill)
		w.Check()
	})
}

// TestWindowsTakeTurns: two runs that share one place do their windows in turn,
// whichever pass they do.
func TestWindowsTakeTurns(t *testing.T) {
	t.Parallel()
	for _, mode := range []giftsync.Mode{giftsync.Backfill, giftsync.ReassociateAll} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				all := turns.New(1)
				first := occupy(t, all)
				var runs sync.WaitGroup
				var order strings.Builder // written by the run that has its turn
				for _, name := range []string{"a", "b"} {
					w := simulation.Small(t)
					w.Bounds.SliceGifts = w.Bounds.WindowRows
					if mode != giftsync.Backfill {
						w.Must(giftsync.Backfill)
					}
					takeTurns(w, all)
					configure := w.Configure
					w.Configure = func(c *giftsync.Config) {
						configure(c)
						done := 0
						c.Progress = func(p giftsync.Progress) {
							if p.Done > done { // else it is the links that a search found
								order.WriteString(name)
							}
							done = p.Done
						}
					}
					runs.Go(func() { w.Must(mode); w.Check() })
					synctest.Wait()
				}
				first.End()
				runs.Wait()
				if got := order.String(); strings.Contains(got, "aa") || strings.Contains(got, "bb") || len(got) < 6 {
					t.Errorf("the runs did their windows in the order %s", got)
				}
			})
		})
	}
}

// TestRebuildTakesTurns: a rebuild has no windows, and yet others have their turn
// meanwhile.
func TestRebuildTakesTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 10}, thnksapitest.Options{})
		w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 10, N: 700, Recipients: 50}), 1)
		w.Must(giftsync.Backfill)
		w.Path += ".new"
		all := turns.New(1)
		takeTurns(w, all)
		ctx, cancel := context.WithCancel(t.Context())
		var other sync.WaitGroup
		var had, meanwhile atomic.Int64
		begin := sync.OnceFunc(func() {
			other.Go(func() {
				for {
					turn, err := all.Begin(ctx)
					if err != nil {
						return
					}
					had.Add(1)
					turn.End()
					if ctx.Err() != nil {
						return
					}
				}
			})
			synctest.Wait()
		})
		configure := w.Configure
		w.Configure = func(c *giftsync.Config) {
			configure(c)
			c.Progress = func(p giftsync.Progress) {
				if begin(); p.Mode == giftsync.Rebuild {
					meanwhile.Store(had.Load())
				}
			}
		}
		w.Must(giftsync.Backfill)
		cancel()
		other.Wait()
		if meanwhile.Load() == 0 {
			t.Error("no other had its turn during a rebuild of 700 gifts")
		}
	})
}

// TestEventsNeedNoTurn: webhook events are applied while others have all turns.
func TestEventsNeedNoTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.Quiet(t, 3)
		w.Must(giftsync.Backfill)
		all := turns.New(1)
		takeTurns(w, all)
		w.WrapHubSpot, w.WrapThnks = slowly(time.Second), slowly(time.Second)
		occupy(t, all)
		st := w.Open()
		defer st.Close()
		w.Receive(st, simulation.Event(simulation.ID(1), plan.Opened))
		if applied, _ := w.ApplyEvents(w.Engine(st)); applied.Done != 1 {
			t.Errorf("got %+v, want the event applied", applied)
		}
	})
}

// TestTurnAfterFailure: a run gives its turn back, and its idle connections,
// however it ends.
func TestTurnAfterFailure(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(int){
		"panic":      func(int) { panic("a bug") },
		"no failure": func(int) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				all := turns.New(1)
				w := simulation.Small(t)
				takeTurns(w, all)
				idle := 0
				configure := w.Configure
				w.Configure = func(c *giftsync.Config) {
					configure(c)
					c.Idle = func() { idle++ }
					c.Sources[0].API = counted{c.Sources[0].API, fail}
				}
				func() {
					defer func() { _ = recover() }()
					_, _ = w.Run(t.Context(), giftsync.Request{Mode: giftsync.Backfill})
				}()
				occupy(t, all).End()
				if idle != 1 {
					t.Errorf("idle connections were closed %d times", idle)
				}
			})
		})
	}
}
