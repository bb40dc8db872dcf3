package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// TestClosedBesideWork closes a store while callers of every other kind use it,
// one of which compacts it. Each call succeeds or says that the store is closed.
// The race detector judges as well.
func TestClosedBesideWork(t *testing.T) {
	t.Parallel()
	for range 3 {
		s, _ := openForSending(t, statePath(t))
		gift := typicalGift(rand.New(rand.NewPCG(3, 3)), 1)
		commit(t, s, Commit{Gifts: []plan.Stored{gift}})
		var began, ended sync.WaitGroup
		for name, call := range map[string]func(n int) error{
			"commit":  func(int) error { return s.Commit(Commit{Gifts: []plan.Stored{gift}}) },
			"compact": func(int) error { _, err := s.Compact(); return err },
			"receive": func(n int) error {
				_, err := s.Receive(context.Background(), Event{Dialect: "gift-events", Key: fmt.Sprint(n), Effect: EffectClaim, Body: []byte("x"), ReceivedAt: noon})
				return err
			},
			"read":     func(int) error { _, err := s.Count(); return err },
			"check":    func(int) error { return s.Check(context.Background()) },
			"in place": func(int) error { return s.InPlace() },
			"space":    func(int) error { _, _, err := s.Space(); return err },
			"summary": func(n int) error {
				return s.Summary(context.Background(), fmt.Sprint(n%2), func(_ []byte, changes iter.Seq2[GiftChange, error]) ([]byte, error) {
					for _, err := range changes {
						if err != nil {
							return nil, err
						}
					}
					return []byte("summary"), nil
				})
			},
			"open for sending": func(int) error { _, err := s.OpenSending(noon); return err },
			"send": func(n int) error {
				e := aSend(fmt.Sprint(n))
				if _, err := s.AddSends([]Send{e}, nil); err != nil {
					return err
				}
				e.State = SendSending
				return s.ChangeSend(SendScheduled, e, nil)
			},
		} {
			began.Add(1)
			ended.Go(func() {
				for n := 0; ; n++ {
					err := call(n)
					if n == 0 {
						began.Done()
					}
					if errors.Is(err, ErrClosed) {
						return
					}
					if err != nil {
						t.Errorf("%s: %v", name, err)
						return
					}
				}
			})
		}
		began.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		ended.Wait()
	}
}

// TestClosedBesideASummary: a store that is closed while statistics are read from it ends
// that reading, and neither waits for the other.
func TestClosedBesideASummary(t *testing.T) {
	t.Parallel()
	s, err := Open(statePath(t), Options{Create: true}) // nothing else closes it
	if err != nil {
		t.Fatal(err)
	}
	var gifts []plan.Stored
	rng := rand.New(rand.NewPCG(3, 3))
	for n := range 2 * scanStep {
		gifts = append(gifts, typicalGift(rng, n))
	}
	commit(t, s, Commit{Gifts: gifts})
	closed, read := make(chan error, 1), make(chan error, 1)
	go func() {
		read <- s.Summary(context.Background(), "a", func(_ []byte, changes iter.Seq2[GiftChange, error]) ([]byte, error) {
			begun := false
			for _, err := range changes {
				if err != nil {
					return nil, err
				}
				if !begun {
					begun = true
					go func() { closed <- s.Close() }()
					for closing := false; !closing; runtime.Gosched() {
						if closing = !s.mu.TryLock(); !closing {
							closing = s.closed
							s.mu.Unlock()
						}
					}
				}
			}
			return []byte("summary"), nil
		})
	}()
	hang := time.After(10 * time.Second)
	for name, end := range map[string]chan error{"the reading": read, "the closing": closed} {
		select {
		case err := <-end:
			if name == "the reading" && !errors.Is(err, ErrClosed) || name == "the closing" && err != nil {
				t.Errorf("%s ended with %v", name, err)
			}
		case <-hang:
			t.Fatalf("%s waits for the other", name)
		}
	}
}

// TestDamageMetTwice: two callers who meet damage at once, and a third who asks, are
// told the same. The race detector judges as well.
func TestDamageMetTwice(t *testing.T) {
	t.Parallel()
	s := openAt(t, statePath(t))
	damage := damaged("a page cannot be read")
	var met sync.WaitGroup
	for range 2 {
		met.Go(func() { _ = s.guarded(func() error { return damage }) }) // it is read below
	}
	met.Go(func() { _ = s.usable() })
	met.Wait()
	if _, err := s.Count(); !errors.As(err, new(*CorruptError)) {
		t.Errorf("the store says %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestClosedIsNotDamaged: what a call meets because the file was closed meanwhile is
// no damage, and no error says to move the file aside.
func TestClosedIsNotDamaged(t *testing.T) {
	t.Parallel()
	for _, met := range []error{damaged("the handle is gone"), &fs.PathError{Op: "stat", Path: "x", Err: fs.ErrClosed}} {
		s := openAt(t, statePath(t))
		err := s.guarded(func() error {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			return met
		})
		if err != ErrClosed {
			t.Errorf("%v is told as %v", met, err)
		}
	}
}

// TestNotDoubtedMeanwhile: who asks while a send begins is not told that the ledger
// may lack sends: the file beside it is behind only for a moment.
func TestNotDoubtedMeanwhile(t *testing.T) {
	t.Parallel()
	s, _ := openForSending(t, statePath(t))
	var begun sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	begun.Go(func() {
		defer stop()
		for n := range 10 {
			id := fmt.Sprint(n)
			addSend(t, s, aSend(id))
			move(t, s, id, SendSending)
		}
	})
	for ctx.Err() == nil {
		if doubted, err := s.SendsDoubted(); doubted || err != nil {
			t.Fatalf("doubted: %t, %v", doubted, err)
		}
	}
	begun.Wait()
}

// TestAsManyAsBefore: once as many calls have come as the last commit had, the next
// one waits for no more.
func TestAsManyAsBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var q intake
		two := []*arrival{{}, {}}
		for _, a := range two {
			q.add(a)
		}
		q.take()
		q.add(two[0])
		began := time.Now()
		var gathered sync.WaitGroup
		gathered.Go(func() { q.gather() })
		synctest.Wait()
		q.add(two[1])
		gathered.Wait()
		if waited := time.Since(began); waited != 0 {
			t.Errorf("waited %v", waited)
		}
	})
}
