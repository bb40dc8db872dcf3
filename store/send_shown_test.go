package store

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// unshown are the ids of the sends of which HubSpot may show something else.
func unshown(t *testing.T, s *Store) (ids []string) {
	t.Helper()
	sends, err := s.UnshownSends()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range sends {
		ids = append(ids, e.ID)
	}
	return ids
}

// TestChangesOfASendAreShown: each change of a send is to be shown, until just that was shown, and
// what is over loses its texts only then.
func TestChangesOfASendAreShown(t *testing.T) {
	s, _ := openForSending(t, statePath(t))
	r := aSend("r")
	r.Message, r.FirstName = "Thanks", "Bea"
	refused := aSend("refused")
	refused.State = SendRefused
	held := aSend("held")
	held.State = SendHeld
	for _, e := range []Send{r, refused, held} {
		addSend(t, s, e)
	}
	want := func(what string, ids ...string) {
		t.Helper()
		if got := unshown(t, s); !slices.Equal(got, ids) {
			t.Errorf("%s: to show are %v, want %v", what, got, ids)
		}
	}
	want("asked for", "r")
	seen, _, _ := s.Send("r")
	move(t, s, "r", SendSending)
	commit(t, s, Commit{Shown: []Send{seen}})
	want("an older state was shown", "r")
	seen, _, _ = s.Send("r")
	commit(t, s, Commit{Shown: []Send{aSend("none"), seen}})
	want("shown")
	move(t, s, "r", SendSent)
	seen, _, _ = s.Send("r")
	commit(t, s, Commit{Shown: []Send{seen}})
	if seen, _, _ = s.Send("r"); seen.Message == "" {
		t.Error("an open send has lost its text")
	}
	commit(t, s, Commit{Joined: []SendJoin{{ID: "r", TransactionID: "T-1", At: noon}}})
	want("joined", "r")
	seen, _, _ = s.Send("r")
	if seen.TransactionID != "T-1" || seen.Message == "" {
		t.Errorf("joined: %+v", seen)
	}
	commit(t, s, Commit{Shown: []Send{seen}})
	want("joined and shown")
	if seen, _, _ = s.Send("r"); seen.Message != "" || seen.FirstName != "" {
		t.Errorf("it is over and has its texts: %+v", seen)
	}
	move(t, s, "held", SendCancelled)
	want("a held one was cancelled", "held")
}

// TestSendGetsItsTransactionOnce: a send gets a transaction once, and only if it may have been sent. The
// commit fails as a whole otherwise.
func TestSendGetsItsTransactionOnce(t *testing.T) {
	for state, may := range map[SendState]bool{
		SendHeld: false, SendScheduled: false, SendSending: true, SendUnknown: true, SendSent: true,
		SendNotSent: false, SendRefused: false, SendCancelled: false,
	} {
		s := openAt(t, statePath(t))
		e := aSend("r")
		e.State, e.Reason, e.Callback = state, "why", "ap-1" // a workflow that waits changes nothing
		if state == SendUnknown || state == SendSent {
			e.Ended = noon.Add(-time.Hour)
		}
		addSend(t, s, e)
		c := Commit{Meta: map[string][]byte{"x": []byte("1")}, Joined: []SendJoin{{ID: "r", TransactionID: "T-1", At: noon}}}
		if err := s.Commit(c); (err == nil) != may || !may && !errors.Is(err, ErrSendMoved) {
			t.Errorf("%s: %v", state, err)
		}
		if meta, _ := s.Meta("x"); (meta != nil) != may {
			t.Errorf("%s: the rest of the commit is there: %v", state, !may)
		}
		if !may {
			continue
		}
		e.State, e.TransactionID, e.Reason = SendSent, "T-1", ""
		if state != SendSent { // whose end was known
			e.Ended = noon
		}
		got, _, _ := s.Send("r")
		if diff := cmp.Diff(e, got, equal); diff != "" {
			t.Errorf("%s (-want +got):\n%s", state, diff)
		}
		commit(t, s, c) // a repeat
		c.Joined[0].TransactionID = "T-2"
		if err := s.Commit(c); !errors.Is(err, ErrSendMoved) {
			t.Errorf("%s: a second transaction: %v", state, err)
		}
	}
	s := openAt(t, statePath(t))
	if err := s.Commit(Commit{Joined: []SendJoin{{ID: "none", TransactionID: "T-1", At: noon}}}); !errors.Is(err, ErrSendMoved) {
		t.Errorf("a send that is not there: %v", err)
	}
}

// TestLostSends: what HubSpot shows of an earlier ledger's sends comes back into the
// ledger and lets its request id be used for nothing.
func TestLostSends(t *testing.T) {
	s := openAt(t, statePath(t))
	addSend(t, s, aSend("mine"))
	lost := aSend("lost.2")
	lost.Request, lost.State, lost.Digest, lost.Begun = "lost", SendUnknown, "", noon
	commit(t, s, Commit{LostSends: []Send{lost}})
	if got, _, _ := s.Send("lost.2"); cmp.Diff(lost, got, equal) != "" {
		t.Errorf("%+v", got)
	}
	if got := unshown(t, s); !slices.Equal(got, []string{"mine"}) {
		t.Errorf("to show are %v", got)
	}
	again := []Send{aSend("lost.1"), aSend("lost.2")}
	again[0].Request, again[1].Request = "lost", "lost"
	if _, err := s.AddSends(again, nil); !errors.Is(err, ErrSendDiffers) {
		t.Errorf("asked for again: %v", err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestLostSendAskedForMeanwhile: a gift is asked for again before it is known that an
// earlier ledger had sent it. What this ledger never began gives way, so that no repeat
// sends it, and the workflow that waits is told. What it began stays as it is.
func TestLostSendAskedForMeanwhile(t *testing.T) {
	for _, state := range sendStates {
		for _, begun := range []bool{false, true} {
			if !begun && (state == SendSending || state == SendUnknown || state == SendSent) {
				continue // which is what they say
			}
			s := openAt(t, statePath(t))
			mine := aSend("r")
			mine.State, mine.Callback = state, "ap-1"
			if begun {
				mine.Begun = noon.Add(time.Minute)
			}
			addSend(t, s, mine)
			lost := aSend("r")
			lost.State, lost.Digest, lost.Begun, lost.Cause = SendSent, "", noon, "rebuild"
			want := lost
			want.Callback = "ap-1"
			if begun {
				want = mine
			}
			for range 2 { // a rebuild that was broken off reads a record again
				commit(t, s, Commit{LostSends: []Send{lost}})
			}
			got, _, err := s.Send("r")
			if diff := cmp.Diff(want, got, equal); diff != "" || err != nil {
				t.Errorf("%s, begun %v: %v (-want +got):\n%s", state, begun, err, diff)
			}
			if _, err := s.AddSends([]Send{aSend("r")}, nil); !begun && !errors.Is(err, ErrSendDiffers) {
				t.Errorf("%s: asked for again: %v", state, err)
			}
			if err := s.Check(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}
