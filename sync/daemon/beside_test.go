package daemon

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/robfig/cron/v3"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/send"
)

// anEngine is an engine over a state file of its own, which runs nothing.
func anEngine(t *testing.T) *giftsync.Engine {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "state", "acme.db"), store.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return giftsync.New(giftsync.Config{Portal: "acme", Journal: st, Calls: func() map[hubspot.Class]int { return nil }})
}

// TestLeaseBesideEachOther: an engine is opened once for all who wait for it, and the next
// one when no one uses the one before any more. Workers do not wait for either.
func TestLeaseBesideEachOther(t *testing.T) {
	t.Parallel()
	first, second := anEngine(t), anEngine(t)
	synctest.Test(t, func(t *testing.T) {
		opened, opens, freed := make(chan *giftsync.Engine), 0, 0
		var l *lease
		l = newLease(func() (*giftsync.Engine, error) {
			opens++
			if !l.mu.TryLock() {
				t.Error("the lease is locked while its engine is opened")
			} else {
				l.mu.Unlock()
			}
			e := <-opened
			if e == nil {
				return nil, errors.New("it cannot be opened")
			}
			return e, nil
		}, func() { freed++ })
		type got struct {
			engine  *giftsync.Engine
			release func()
			err     error
		}
		answers := make(chan got, 3)
		get := func() {
			e, release, err := l.get()
			answers <- got{e, release, err}
		}
		for range 3 {
			go get()
		}
		synctest.Wait()
		if e, _, err := l.tryGet(); e != nil || err != nil || l.isOpen() {
			t.Errorf("a worker got an engine that is not open: %v", err)
		}
		opened <- nil // one of the three is told so, and the next opens it
		if a := <-answers; a.err == nil {
			t.Fatal("an engine that could not be opened was used")
		}
		opened <- first
		a, b := <-answers, <-answers
		if a.engine != first || b.engine != first || opens != 2 || freed != 1 {
			t.Fatalf("opened %d times, and said %d times that workers may go on", opens, freed)
		}
		l.drop(first)
		go get()
		synctest.Wait()
		a.release()
		synctest.Wait()
		if e, _, err := l.tryGet(); e != nil || err != nil || opens != 2 {
			t.Error("the next engine is opened while the one before is in use")
		}
		b.release()
		synctest.Wait()
		opened <- second
		if c := <-answers; c.engine != second || opens != 3 {
			t.Errorf("it was opened %d times", opens)
		}
	})
}

// TestStateBesideEachOther: runs, workers, events, commands and the clock come across each
// other in all that a loop keeps. The race detector judges.
func TestStateBesideEachOther(t *testing.T) {
	t.Parallel()
	every := cron.ConstantDelaySchedule{Delay: time.Minute}
	l := NewLoop(LoopConfig{Portal: "acme", Schedule: every, Logger: slog.New(slog.DiscardHandler)})
	a, b := anEngine(t), anEngine(t)
	var opens atomic.Int32
	shared := newLease(func() (*giftsync.Engine, error) {
		if opens.Add(1)%2 == 0 {
			return a, nil
		}
		return b, nil
	}, func() {})
	wrong := errors.New("wrong")
	callers := []func(){
		func() { l.health.failed(faultDisk, byRun, wrong) },
		func() { l.health.proved(faultDisk) },
		func() { l.health.delayed(wrong) },
		l.health.succeeded,
		func() { l.health.provedBy(byReceipt, faultInbox) },
		func() { l.health.doing(giftsync.Incremental) },
		func() { l.health.synced(time.Now()) },
		func() { l.health.get() },
		func() { l.health.figures() },
		func() { l.health.stopped() },
		func() { l.health.standing(faultDisk) },
		func() { l.pulse.use(a) },
		func() { l.pulse.figures() },
		func() { l.pulse.due(time.Now()) },
		func() { l.timetable.begin(time.Now()) },
		func() { l.timetable.take(time.Now().Add(time.Hour)) },
		func() { l.timetable.due() },
		func() { l.timetable.nextRun() },
		func() { l.activity.note(working) },
		func() { l.Stalled() },
		l.checkSchedule,
		l.Hint,
		func() { l.queue.length() },
		func() { l.queue.begin(func(error) {}, func() bool { return true }) },
		func() { l.queue.show(giftsync.Progress{}) },
		l.queue.ended,
		func() { l.Stop() },
		func() { shared.drop(a) },
		func() { shared.isOpen() },
		func() {
			if _, release, err := shared.get(); err == nil {
				release()
			}
		},
		func() {
			if e, release, _ := shared.tryGet(); e != nil {
				release()
			}
		},
	}
	var done sync.WaitGroup
	for _, call := range callers {
		for range 2 {
			done.Go(func() {
				for range 20 {
					call()
					runtime.Gosched()
				}
			})
		}
	}
	done.Wait()
}

// TestClosedBesideCallers: a caller that asks a loop for a run while it ends gets that
// as its error, each once.
func TestClosedBesideCallers(t *testing.T) {
	t.Parallel()
	q := newRunQueue("acme")
	var done sync.WaitGroup
	refused := make([]*queuedRun, 20)
	for i := range refused {
		refused[i] = newQueuedRun(giftsync.Request{Mode: giftsync.Incremental})
		done.Go(func() { q.add(refused[i]) })
		if i == len(refused)/2 {
			done.Go(q.close)
			done.Go(q.close)
		}
	}
	done.Wait()
	for _, r := range refused {
		<-r.done
		if !errors.Is(r.err, giftsync.ErrStopping) {
			t.Errorf("it ended with %v", r.err)
		}
	}
}

// TestLoopWaitsForItsWorkers: a loop that ends waits for what its workers are at, so that no
// one uses the state file afterwards.
func TestLoopWaitsForItsWorkers(t *testing.T) {
	t.Parallel()
	e := anEngine(t)
	synctest.Test(t, func(t *testing.T) {
		never := cron.ConstantDelaySchedule{Delay: 1000 * time.Hour}
		var log bytes.Buffer
		l := NewLoop(LoopConfig{
			Portal: "acme", Schedule: never, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Open: func(func(giftsync.Progress)) (*giftsync.Engine, error) { return e, nil },
		})
		l.timetable.begin(time.Now())
		let := make(chan struct{})
		begun := 0
		l.workers = []*worker{newWorker(func(*giftsync.Engine, context.Context) (giftsync.EventResult, error) {
			begun++
			<-let
			return giftsync.EventResult{}, errors.New("broken off")
		})}
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			l.Run(ctx)
		}()
		l.Events()
		time.Sleep(time.Second)
		end()
		synctest.Wait()
		select {
		case <-ended:
			t.Error("the loop has ended while a worker is at work")
		default:
		}
		close(let)
		<-ended
		if begun != 1 || log.Len() > 0 {
			t.Errorf("the worker began %d times; logged %s", begun, log.String())
		}
	})
}

// TestResting: a worker that rests after failures ends at once when the loop does.
func TestResting(t *testing.T) {
	t.Parallel()
	e := anEngine(t)
	synctest.Test(t, func(t *testing.T) {
		l := NewLoop(LoopConfig{
			Portal: "acme", Schedule: cron.ConstantDelaySchedule{Delay: 1000 * time.Hour}, Logger: slog.New(slog.DiscardHandler),
			Open: func(func(giftsync.Progress)) (*giftsync.Engine, error) { return e, nil },
		})
		l.timetable.begin(time.Now())
		w := newWorker(func(*giftsync.Engine, context.Context) (giftsync.EventResult, error) {
			return giftsync.EventResult{}, errors.New("wrong")
		})
		l.workers = []*worker{w}
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			l.Run(ctx)
		}()
		l.Events()
		time.Sleep(10 * time.Minute) // it rests for a minute each time by now
		before := time.Now()
		end()
		<-ended
		if late := time.Since(before); late > 0 {
			t.Errorf("it went on for %v", late)
		}
	})
}

// TestGoneCallersRunDoesNotBegin: a run that has no effect without its caller does not begin
// once that has gone; the next one does.
func TestGoneCallersRunDoesNotBegin(t *testing.T) {
	t.Parallel()
	ctx, leave := context.WithCancel(t.Context())
	q := newRunQueue("acme")
	gone, next := newQueuedRun(giftsync.Request{DryRun: true}), newQueuedRun(giftsync.Request{})
	gone.ctx = ctx
	q.add(gone)
	q.add(next)
	leave()
	if r, _ := q.begin(func(error) {}, nil); r != next {
		t.Error("a run began whose caller has gone")
	}
}

// TestStateFileBesideEachOther: runs, events and commands that need a portal's state file at
// once, while it is given up and opened anew, open it once each time, and work with one
// desk. Once the portal is closed, no caller opens it.
func TestStateFileBesideEachOther(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state", "acme.db")
	p := newManagedPortal(PortalConfig{
		Loop:      LoopConfig{Portal: "acme", Logger: slog.New(slog.DiscardHandler)},
		OpenState: func() (*store.Store, error) { return store.Open(path, store.Options{Create: true}) },
		Connect: func(j *store.Store, _ func(giftsync.Progress)) (*Connection, error) {
			return &Connection{Engine: giftsync.New(giftsync.Config{Portal: "acme", Journal: j}), Close: func() {}}, nil
		},
		Desk: func(*store.Store, func()) (*send.Desk, error) { return new(send.Desk), nil },
	})
	var done sync.WaitGroup
	for range 2 {
		for _, open := range []func() error{
			func() error { _, err := p.state(); return err },
			func() error { _, err := p.stateForEvents(); return err },
			func() error { _, err := p.desk(); return err },
			func() error { _, err := p.connect(nil); return err },
		} {
			done.Go(func() {
				for range 10 {
					if err := open(); err != nil {
						t.Error(err)
					}
					runtime.Gosched()
				}
			})
		}
		done.Go(func() {
			for range 5 {
				j, err := p.state()
				if err != nil {
					t.Error(err)
				}
				p.lose(j, store.ErrClosed)
			}
		})
	}
	done.Wait()
	desks := make(chan *send.Desk, 8)
	for range cap(desks) {
		done.Go(func() {
			desk, err := p.desk()
			if err != nil {
				t.Error(err)
			}
			desks <- desk
		})
	}
	done.Wait()
	for first := <-desks; len(desks) > 0; {
		if another := <-desks; another != first {
			t.Error("a state file has two desks")
		}
	}
	for range 2 {
		done.Go(p.close)
		done.Go(func() { _, _ = p.stateForEvents() })
		done.Go(func() { _, _ = p.connect(nil) })
	}
	done.Wait()
	if _, err := p.state(); !errors.Is(err, giftsync.ErrStopping) {
		t.Errorf("a portal that is closed opens its state file: %v", err)
	}
}
