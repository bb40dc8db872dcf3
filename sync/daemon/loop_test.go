package daemon_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/portal"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi"
)

// TestLongRun: a run longer than the interval overlaps with none, and leaves
// one to make good however many slots it took.
func TestLongRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		d.commit = slow(50 * time.Minute) // 4 windows
		began := time.Now().UTC()
		stop := d.start()
		time.Sleep(5*time.Hour + time.Minute)
		stop()
		var got []time.Duration
		for _, at := range d.slots {
			got = append(got, at.Sub(began))
		}
		want := []time.Duration{0, 200 * time.Minute, 4 * time.Hour, 5 * time.Hour}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("scheduled runs began (-want +got):\n%s", diff)
		}
	})
}

// TestHints: many hints during a run leave one further run, and a slot makes
// no other beside it.
func TestHints(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		d.commit = slow(20 * time.Minute)
		defer d.start()()
		time.Sleep(70 * time.Minute) // the backfill is under way, and a slot has come
		if s := d.loop.Status(); s.Doing != giftsync.Backfill || !s.NextRun.IsZero() {
			t.Errorf("during the backfill, with a slot due: %+v", s)
		}
		for range 10 {
			d.loop.Hint()
		}
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if n := d.passed(); n != 2 {
			t.Errorf("%d passes, want the backfill and one more", n)
		}
		d.loop.Hint()
		synctest.Wait()
		d.loop.Hint()
		synctest.Wait()
		if n := d.passed(); n != 4 {
			t.Errorf("%d passes after two hints with no run under way, want 4", n)
		}
		if n := len(d.slots); n != 2 {
			t.Errorf("%d runs count as scheduled, want the first two", n)
		}
	})
}

// TestDoInLine: what is asked for during a run is done after it, in order,
// and outlives its asker.
func TestDoInLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		d.commit = slow(time.Minute)
		defer d.start()()
		time.Sleep(90 * time.Second)

		type end struct {
			rep giftsync.Report
			err error
		}
		ask := func(ctx context.Context, mode giftsync.Mode, waiting *giftsync.Status) chan end {
			ended := make(chan end, 1)
			go func() {
				rep, err := d.loop.Do(ctx, giftsync.Request{Mode: mode}, giftsync.Watcher{Waiting: func(s giftsync.Status) { *waiting = s }})
				ended <- end{rep, err}
			}()
			synctest.Wait()
			return ended
		}
		var waits [3]giftsync.Status
		impatient, leave := context.WithCancel(context.Background())
		first := ask(context.Background(), giftsync.Retry, &waits[0])
		second := ask(impatient, giftsync.Backfill, &waits[1])
		third := ask(context.Background(), giftsync.Incremental, &waits[2])
		for i, s := range waits {
			if s.Doing != giftsync.Backfill {
				t.Errorf("asker %d got %+v, want that a backfill is under way", i, s)
			}
		}
		leave()
		if e := <-second; !errors.Is(e.err, context.Canceled) {
			t.Errorf("the one who left: %v", e.err)
		}
		a, b := <-first, <-third
		if a.err != nil || b.err != nil {
			t.Fatal(a.err, b.err)
		}
		if a.rep.Mode != giftsync.Retry || b.rep.Mode != giftsync.Incremental || b.rep.StartedAt.Before(a.rep.FinishedAt) {
			t.Errorf("the runs were %+v and %+v", a.rep, b.rep)
		}
		if n := d.passed(); n != 3 {
			t.Errorf("%d passes, want the first, the second asker's backfill and the third's", n)
		}
	})
}

// TestDryRunEndsWithItsAsker, under way or waiting.
func TestDryRunEndsWithItsAsker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		defer d.start()()
		synctest.Wait()
		requests := d.Thnks.Requests()
		hold := make(chan struct{})
		watch := giftsync.Watcher{Progress: func(giftsync.Progress) { <-hold }} // an asker that reads nothing holds no run up
		ctx, leave := context.WithCancel(context.Background())
		var errs [2]error
		for i := range errs {
			go func() { _, errs[i] = d.loop.Do(ctx, giftsync.Request{Mode: giftsync.Backfill, DryRun: true}, watch) }()
		}
		d.set(func() { d.Thnks.Fault(slowly(10 * time.Second)) })
		time.Sleep(15 * time.Second)
		if s := d.loop.Status(); s.Doing != giftsync.Backfill {
			t.Fatalf("no dry run under way: %+v", s)
		}
		leave()
		time.Sleep(11 * time.Second)
		if s := d.loop.Status(); s.Doing != "" {
			t.Errorf("still under way: %+v", s)
		}
		close(hold)
		synctest.Wait()
		for _, err := range errs {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}
		if n := d.Thnks.Requests() - requests; n > 4 {
			t.Errorf("%d pages were read for no one", n)
		}
		if s := d.loop.Status(); !s.Ready || s.Trouble != "" {
			t.Errorf("a dry run that ended says nothing of the portal: %+v", s)
		}
	})
}

// TestWatcher hears of the progress in order, of the last for certain, and of
// nothing once Do has returned.
func TestWatcher(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@daily")
		d.commit = slow(time.Second)
		defer d.start()()
		time.Sleep(time.Minute)
		var seen []int
		over := false
		rep, err := d.loop.Do(context.Background(), giftsync.Request{Mode: giftsync.Backfill}, giftsync.Watcher{
			Waiting: func(s giftsync.Status) { t.Errorf("nothing to wait for: %+v", s) },
			Progress: func(p giftsync.Progress) {
				if over {
					t.Error("called after the end")
				}
				seen = append(seen, p.Done)
			},
		})
		over = true
		d.loop.Hint()
		time.Sleep(time.Minute)
		if err != nil || rep.Fetched != 20 || len(seen) == 0 || seen[len(seen)-1] != 20 {
			t.Errorf("fetched %d, %v, progress %v", rep.Fetched, err, seen)
		}
	})
}

// TestStopAndResume: a run that a user stops goes on at the next slot.
func TestStopAndResume(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		d.commit = slow(10 * time.Minute)
		defer d.start()()
		time.Sleep(15 * time.Minute)
		if !d.loop.Stop() {
			t.Fatal("no run to stop")
		}
		time.Sleep(10 * time.Minute)
		s := d.loop.Status()
		if s.Doing != "" || !s.Ready || !strings.Contains(s.Trouble, "interrupted; the next run resumes") || d.loop.Stop() {
			t.Errorf("after the stop: %+v", s)
		}
		if n := d.Portal.Count("thnks"); n == 0 || n == 20 {
			t.Errorf("%d records, want some and not all", n)
		}
		time.Sleep(70 * time.Minute)
		if s := d.loop.Status(); s.Trouble != "" || !s.Since.IsZero() {
			t.Errorf("after the next slot: %+v", s)
		}
		d.Check()
	})
}

// TestStopDuringACall: that a user ended the run is not taken for a failure
// of the connection.
func TestStopDuringACall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		d.WrapHubSpot = func(http.RoundTripper) http.RoundTripper {
			return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
				<-req.Context().Done()
				return nil, context.Cause(req.Context()) // as net/http does
			})
		}
		defer d.start()()
		synctest.Wait()
		if !d.loop.Stop() {
			t.Fatal("no run to stop")
		}
		synctest.Wait()
		if s := d.loop.Status(); !strings.HasPrefix(s.Trouble, "interrupted; the next run resumes") {
			t.Errorf("after the stop: %+v", s)
		}
	})
}

// TestShutdown: the run under way ends at its safe point, who waits gets an error,
// and the next life goes on at once, without waiting for a slot.
func TestShutdown(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*installation){
		"during the first backfill": func(*installation) {},
		"during an incremental run": func(d *installation) {
			d.Must(giftsync.Backfill)
			d.record(lastSlot, time.Now())
			time.Sleep(time.Hour)
			d.touchAll()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDaemon(t, "@hourly")
				prepare(d)
				d.commit = slow(5 * time.Second)
				stop := d.start()
				time.Sleep(7 * time.Second)
				passed, recorded := d.passed(), len(d.slots)
				var errs [2]error
				var reps [2]giftsync.Report
				done := make(chan struct{})
				go func() {
					defer close(done)
					reps[0], errs[0] = d.loop.Do(context.Background(), giftsync.Request{Mode: giftsync.Incremental}, giftsync.Watcher{})
				}()
				synctest.Wait()
				if took := stop(); took > 10*time.Second {
					t.Errorf("the end took %v", took)
				}
				<-done
				reps[1], errs[1] = d.loop.Do(context.Background(), giftsync.Request{Mode: giftsync.Incremental}, giftsync.Watcher{})
				for i, err := range errs {
					if !errors.Is(err, giftsync.ErrStopping) || !strings.Contains(err.Error(), "did not begin") || reps[i].Error != err.Error() {
						t.Errorf("one who waited got %v, %+v", err, reps[i])
					}
				}
				if d.passed() != passed || len(d.slots) != recorded {
					t.Error("the interrupted run counts as done")
				}
				d.commit = nil
				stop = d.start()
				synctest.Wait()
				if d.passed() != passed+1 {
					t.Errorf("%d runs at once, want 1", d.passed()-passed)
				}
				stop()
				d.Check()
			})
		})
	}
}

// TestInterruptedAskerGetsTheReason: the daemon stops during the run that he asked for.
func TestInterruptedAskerGetsTheReason(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@daily")
		stop := d.start()
		synctest.Wait()
		d.touchAll()
		d.set(func() { d.commit = slow(5 * time.Second) })
		var rep giftsync.Report
		var err error
		go func() {
			rep, err = d.loop.Do(context.Background(), giftsync.Request{Mode: giftsync.Backfill}, giftsync.Watcher{})
		}()
		time.Sleep(7 * time.Second)
		stop()
		synctest.Wait()
		if !errors.Is(err, giftsync.ErrStopping) || !strings.Contains(err.Error(), "the next run resumes") || rep.Error != err.Error() || rep.Fetched == 0 {
			t.Errorf("got %v, %+v", err, rep)
		}
	})
}

// TestPanicEndsTheRunAlone: it ends the run alone.
func TestPanicEndsTheRunAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDaemon(t, "@hourly")
		d.commit = func(giftsync.Journal, store.Commit) error { panic("commit of ann@acme.example") }
		defer d.start()()
		synctest.Wait()
		if s := d.loop.Status(); !strings.Contains(s.Trouble, "bug in this program") || s.Doing != "" {
			t.Errorf("after a panic: %+v", s)
		}
		_, err := d.loop.Do(context.Background(), giftsync.Request{Mode: giftsync.Incremental}, giftsync.Watcher{})
		if err == nil || strings.Contains(err.Error(), "commit of") {
			t.Errorf("the asker got %v", err)
		}
		if log := d.log.String(); strings.Count(log, "loop_test.go") != 2 || strings.Count(log, "panic=string") != 2 {
			t.Errorf("want the stack of each panic once in the log:\n%s", log)
		}
		d.set(func() { d.commit = nil })
		time.Sleep(59 * time.Minute)
		if d.passed() != 0 {
			t.Error("a run before the next slot")
		}
		time.Sleep(2 * time.Minute)
		if s := d.loop.Status(); s.Trouble != "" || d.passed() != 1 || d.opened() != 3 {
			t.Errorf("%d runs, opened %d times: %+v", d.passed(), d.opened(), s)
		}
		d.Check()
	})
}

// TestPanicBeside: one in a goroutine that works for the run ends the run
// alone, too.
func TestPanicBeside(t *testing.T) {
	t.Parallel()
	fall := simulation.RoundTripper(func(*http.Request) (*http.Response, error) { panic("request about ann@acme.example") })
	for name, breakIt := range map[string]func(*giftsync.Config){
		"reading Thnks":    func(c *giftsync.Config) { c.Sources[0].API = falling{c.Sources[0].API} },
		"searching behind": func(c *giftsync.Config) { c.HubSpot.Contacts = fallingSearch{c.HubSpot.Contacts} },
		"calling HubSpot":  func(*giftsync.Config) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDaemon(t, "@hourly")
				d.broken = breakIt
				d.Thnks.Add(simulation.Transaction("T-nobody", time.Now().UTC(), "nobody@acme.example")) // an address to search for
				if name == "calling HubSpot" {
					d.WrapHubSpot = func(next http.RoundTripper) http.RoundTripper {
						return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
							if strings.HasSuffix(req.URL.Path, "/batch/create") && strings.Contains(req.URL.Path, "/objects/") {
								return fall(req)
							}
							return next.RoundTrip(req)
						})
					}
				}
				defer d.start()()
				synctest.Wait()
				if s := d.loop.Status(); !strings.Contains(s.Trouble, "bug in this program") || s.Doing != "" {
					t.Errorf("after a panic: %+v", s)
				}
				if log := d.log.String(); strings.Count(log, `panic="string\n\n`) != 1 || !strings.Contains(log, "loop_test.go") {
					t.Errorf("want the panic once in the log, with its stack:\n%s", log)
				}
			})
		})
	}
}

type falling struct{ giftsync.SourceAPI }

func (falling) Transactions(context.Context, thnksapi.Query) (*thnksapi.Page, error) {
	panic("answer about ann@acme.example")
}

type fallingSearch struct{ portal.Contacts }

func (fallingSearch) ContactsByAdditionalEmail(context.Context, []string, []string) ([]hubspot.ContactsOutcome, error) {
	panic("answer about ann@acme.example")
}
