package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/sync/plan"
)

// raw returns the bytes of every file in a directory.
func raw(t *testing.T, dir string) []byte {
	t.Helper()
	var all []byte
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}

// TestCompact: what was removed is in the raw file until it is compacted and not
// after, and everything else is as it was, the numbers that are given next
// included.
func TestCompact(t *testing.T) {
	t.Parallel()
	path := statePath(t)
	s := openAt(t, path)
	r := rand.New(rand.NewPCG(1, 1))
	var gifts []plan.Stored
	for n := range 400 {
		gifts = append(gifts, typicalGift(r, n))
	}
	gifts[7].Gift.Recipient = plan.Person{Name: "Canary Person", Email: "canary@bird.example", Phone: "+1 555 0100"}
	commit(t, s, Commit{Gifts: gifts, Audit: []AuditEntry{{Action: "create"}}, Missed: []string{"canary@bird.example"}, MissedAt: time.Now()})
	receive(t, s, Event{Dialect: "gift-events", Key: "k", Kind: "x", Effect: EffectListed, Email: "canary@bird.example", Body: []byte("Canary Body"), ReceivedAt: time.Now()})

	gifts[7] = plan.Erase(gifts[7], plan.Recipient, time.Now())
	commit(t, s, Commit{Gifts: gifts[7:8], Bared: []uint64{1, 99}, Unmissed: []string{"canary@bird.example"}})
	if n := bytes.Count(raw(t, filepath.Dir(path)), []byte("canary@bird.example")); n == 0 {
		t.Fatal("the removed values are not in the raw file even before it is compacted: the test shows nothing")
	}
	c, err := s.Compact()
	if err != nil {
		t.Fatal(err)
	}
	if c.After >= c.Before {
		t.Errorf("compacted from %d to %d bytes", c.Before, c.After)
	}
	for _, canary := range []string{"canary@bird.example", "Canary Person", "+1 555 0100", "Canary Body"} {
		if bytes.Contains(raw(t, filepath.Dir(path)), []byte(canary)) {
			t.Errorf("%q is in the raw file", canary)
		}
	}
	got, _, err := s.Gift(gifts[7].Gift.ID)
	if err != nil || !cmp.Equal(got, gifts[7], equal) {
		t.Errorf("the erased gift is %+v (%v), want %+v", got, err, gifts[7])
	}
	if e, _, _ := s.EventBody(1); e != nil {
		t.Errorf("the event has still the body %q", e)
	}
	commit(t, s, Commit{Audit: []AuditEntry{{Action: "update"}}})
	var last AuditEntry
	for e, err := range s.Audit(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		last = e
	}
	if last.Seq != 2 {
		t.Errorf("the next audit entry has the number %d", last.Seq)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	var locked *LockedError
	if _, err := Open(path, Options{LockWait: time.Millisecond}); !errors.As(err, &locked) {
		t.Errorf("another process opens the compacted file: %v", err)
	}
}

// TestCommitBaresEach: all of the events that a commit names lose their bodies, and what
// it names after them is done, too.
func TestCommitBaresEach(t *testing.T) {
	s := openAt(t, statePath(t))
	for _, key := range []string{"a", "b", "c"} {
		receive(t, s, Event{Dialect: "gift-events", Key: key, Kind: "x", Effect: EffectListed, Body: []byte(key), ReceivedAt: time.Now()})
	}
	commit(t, s, Commit{Bared: []uint64{1, 2}, Runs: []RunRecord{{ID: "r1", Started: time.Now(), Finished: time.Now()}, {ID: "r2", Started: time.Now(), Finished: time.Now()}}})
	for seq, want := range map[uint64]string{1: "", 2: "", 3: "c"} {
		if body, _, err := s.EventBody(seq); string(body) != want || err != nil {
			t.Errorf("event %d has the body %q, %v; want %q", seq, body, err, want)
		}
	}
	runs := 0
	for _, err := range s.Runs(t.Context()) {
		if runs++; err != nil {
			t.Fatal(err)
		}
	}
	if runs != 2 {
		t.Errorf("%d runs are recorded, want both", runs)
	}
}

// TestCompactBesideWork: commits, received events and reading go on around it, and
// none is lost.
func TestCompactBesideWork(t *testing.T) {
	t.Parallel()
	s := openAt(t, statePath(t))
	r := rand.New(rand.NewPCG(2, 2))
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	commits, events := 0, 0
	work.Go(func() {
		for ; ctx.Err() == nil; commits++ {
			if err := s.Commit(Commit{Gifts: []plan.Stored{typicalGift(r, commits)}}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	work.Go(func() {
		for ; ctx.Err() == nil; events++ {
			e := Event{Dialect: "gift-events", Key: fmt.Sprint(events), Effect: EffectClaim, Body: []byte("x"), ReceivedAt: time.Now()}
			if _, err := s.Receive(context.Background(), e); err != nil {
				t.Error(err)
				return
			}
		}
	})
	work.Go(func() {
		for ctx.Err() == nil {
			for _, err := range s.All(t.Context()) {
				if err != nil {
					t.Error(err)
					return
				}
			}
			if err := s.InPlace(); err != nil {
				t.Error(err)
			}
		}
	})
	work.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			err := s.Summary(t.Context(), fmt.Sprint(n%2), func(_ []byte, changes iter.Seq2[GiftChange, error]) ([]byte, error) {
				for _, err := range changes {
					if err != nil {
						return nil, err
					}
				}
				return []byte("summary"), nil
			})
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 10 {
		if _, err := s.Compact(); err != nil {
			t.Error(err)
		}
	}
	stop()
	work.Wait()
	n, err := s.Count()
	queued, _, errEvents := s.EventCounts()
	if n != commits || queued[EventPending] != events || err != nil || errEvents != nil {
		t.Errorf("%d gifts and %d events, want %d and %d (%v, %v)", n, queued[EventPending], commits, events, err, errEvents)
	}
}

// TestCompactLeavesNothing: what a kill in the middle of it has left is gone after
// the next start, and so is a file that was to be compacted and has been replaced.
func TestCompactLeavesNothing(t *testing.T) {
	t.Parallel()
	path := statePath(t)
	s := openAt(t, path)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Compact(); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed store compacts: %v", err)
	}
	if err := os.WriteFile(compactTemp(path), []byte("Canary"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, path)
	if _, err := os.Stat(compactTemp(path)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a kill has left is still there: %v", err)
	}
	if err := os.Rename(path, path+".aside"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Compact(); !errors.Is(err, ErrReplaced) {
		t.Errorf("a file that was moved aside is compacted: %v", err)
	}
	if err := os.Rename(path+".aside", path); err != nil {
		t.Fatal(err)
	}
}

// TestCopiesOfOlderFormats: the copies of older formats are named, and nothing else.
func TestCopiesOfOlderFormats(t *testing.T) {
	t.Parallel()
	path := statePath(t)
	s := openAt(t, path)
	for _, name := range []string{".v3-2026-11-21", ".v1-2025-01-01", ".v3-copy", ".vx-2026-11-21", "-2026-11-21", ".lock"} {
		if err := os.WriteFile(path+name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Copies()
	if diff := cmp.Diff([]string{path + ".v1-2025-01-01", path + ".v3-2026-11-21"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

// BenchmarkCompact writes a file of a million gifts anew.
func BenchmarkCompact(b *testing.B) {
	s := openAt(b, statePath(b))
	r := rand.New(rand.NewPCG(3, 3))
	for at := 0; at < 1_000_000; at += 500 {
		gifts := make([]plan.Stored, 500)
		for n := range gifts {
			gifts[n] = typicalGift(r, at+n)
		}
		commit(b, s, Commit{Gifts: gifts})
	}
	for b.Loop() {
		c, err := s.Compact()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(c.After)/(1<<20), "MiB")
	}
}
