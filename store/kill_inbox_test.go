package store

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func init() { children["receive"] = receiveForEver }

// receiveForEver has 16 senders deliver events of their own, and prints the number
// of each event and of its record when it is acknowledged. Meanwhile gifts are
// committed with events that become applied or waiting, and old listed events
// expire.
func receiveForEver(path string) error {
	s, err := Open(path, Options{Create: true})
	if err != nil {
		return err
	}
	var next atomic.Int64
	next.Store(time.Now().UnixNano()) // which no process before this one came to
	failed := make(chan error)
	var out sync.Mutex
	for range 16 {
		go func() {
			for {
				n := int(next.Add(1))
				e := claim(n)
				if n%5 == 0 {
					e.Effect, e.ReceivedAt = EffectListed, hookTime.Add(-eventRetention)
				}
				receipts, err := s.Receive(context.Background(), e)
				if err != nil {
					failed <- err
					return
				}
				out.Lock()
				fmt.Println(n, receipts[0].Seq)
				out.Unlock()
			}
		}()
	}
	go func() {
		for n := 1; ; n++ {
			c := numbered(n)
			due, err := s.DueEvents(hookTime, Event{}, 20)
			for _, e := range due {
				e.State = []EventState{EventApplied, EventWaiting}[e.Seq%2]
				c.Events = append(c.Events, e)
			}
			if err := errors.Join(err, s.Commit(c)); err != nil {
				failed <- err
				return
			}
			if _, err := s.Expire(context.Background(), hookTime); err != nil {
				failed <- err
				return
			}
		}
	}()
	return <-failed
}

// TestKillInbox kills a process that receives events, again and again, and checks
// every event that it acknowledged. THNKS_INBOX_KILLS makes it longer;
// see killSeed.
func TestKillInbox(t *testing.T) {
	t.Parallel()
	kills := 6
	if text := os.Getenv("THNKS_INBOX_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("THNKS_INBOX_KILLS: %v", err)
		}
		kills = n
	}
	path := statePath(t)
	r := rand.New(rand.NewPCG(killSeed(t), 2))
	acked := map[uint64]int{} // what was acknowledged under a number
	for range kills {
		cmd := child(t, "receive", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for left := 1 + r.IntN(300); lines.Scan(); left-- {
			var n int
			var seq uint64
			if _, err := fmt.Sscan(lines.Text(), &n, &seq); err != nil {
				t.Fatal(lines.Text())
			}
			acked[seq] = n
			if left == 0 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the process ended by itself")
		}

		s := openAt(t, path)
		have := map[uint64]bool{}
		for e, err := range s.Events(t.Context(), EventFilter{}) {
			if err != nil {
				t.Fatal(err)
			}
			have[e.Seq] = true
			n, ok := acked[e.Seq]
			if !ok {
				continue // committed, and killed before it said so
			}
			body, _, err := s.EventBody(e.Seq)
			if want := claim(n); e.Key != want.Key || !bytes.Equal(body, want.Body) || err != nil {
				t.Fatalf("event %d came back as %+v, %q, %v", n, e, body, err)
			}
		}
		for seq, n := range acked {
			if !have[seq] && n%5 != 0 { // those may expire
				t.Errorf("event %d was acknowledged and is lost", n)
			}
		}
		if err := errors.Join(s.Check(t.Context()), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d events were acknowledged in %d processes", len(acked), kills)
}
