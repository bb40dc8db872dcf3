package store

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/sync/plan"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func aSend(request string) Send {
	return Send{ID: request, Request: request, Gift: 5659, Recipient: "bea@acme.example", Digest: "d", State: SendScheduled, Created: noon}
}

// openForSending opens a state file and its ledger.
func openForSending(t *testing.T, path string) (*Store, Sending) {
	t.Helper()
	s := openAt(t, path)
	sending, err := s.OpenSending(noon)
	if err != nil {
		t.Fatal(err)
	}
	return s, sending
}

func addSend(t *testing.T, s *Store, sends ...Send) []Send {
	t.Helper()
	have, err := s.AddSends(sends, nil)
	if err != nil {
		t.Fatal(err)
	}
	return have
}

// move puts a send into a state.
func move(t *testing.T, s *Store, id string, to SendState) {
	t.Helper()
	e, ok, err := s.Send(id)
	if err != nil || !ok {
		t.Fatalf("send %s: %v, %v", id, ok, err)
	}
	from := e.State
	e.State = to
	if err := s.ChangeSend(from, e, nil); err != nil {
		t.Fatal(err)
	}
}

// TestSendKeepsEverything: what is put into the ledger is what is read, also
// after the file was opened again.
func TestSendKeepsEverything(t *testing.T) {
	path := statePath(t)
	s := openAt(t, path)
	want := Send{
		ID: "r-1.2", Request: "r-1", Cause: "trigger gold", Gift: 5659, GiftName: "Coffee", Price: plan.Money{Value: decimal.RequireFromString("7.50"), Currency: "USD"},
		Sender: "ann@seller.example", Recipient: "Bea@Acme.example", FirstName: "Bea", LastName: "B", Message: "Thank you", Digest: "abc",
		Contact: "101", Company: "9", Deals: []string{"5", "6"}, Callback: "ap-1-2-3", Called: noon.Add(2), State: SendNotSent, Guard: "budget", Reason: "why", Created: noon, At: noon.Add(time.Hour), Approved: noon.Add(1),
		Begun: noon.Add(2), Ended: noon.Add(3), Status: 422, ThnksRequest: "700001", TransactionID: "T-1",
	}
	addSend(t, s, Send{ID: "r-1.1", Request: "r-1", State: SendHeld}, want)
	s.Close()
	s = openAt(t, path)
	got, ok, err := s.Send("r-1.2")
	if diff := cmp.Diff(want, got, equal); diff != "" || !ok || err != nil {
		t.Errorf("%v, %v (-want +got):\n%s", ok, err, diff)
	}
	if all := collect(t, s.Sends(t.Context())); len(all) != 2 || all[1].ID != want.ID {
		t.Errorf("the ledger has %+v", all)
	}
}

// TestChangeBesideAJoin: who changes a copy of a send that is older than its transaction
// does not take that away, and a workflow that was told stays told.
func TestChangeBesideAJoin(t *testing.T) {
	s := openAt(t, statePath(t))
	sent := aSend("r")
	sent.State, sent.Callback = SendSent, "ap-1"
	old := addSend(t, s, sent)[0]
	check(t, s.NoteCalled("r", noon))
	old.Sender = "ann@seller.example"
	check(t, s.ChangeSend(SendSent, old, nil))
	if e, _, _ := s.Send("r"); !e.Called.Equal(noon) || e.Sender != old.Sender {
		t.Errorf("after a change beside the call, the ledger has %+v", e)
	}
	commit(t, s, Commit{Joined: []SendJoin{{ID: "r", TransactionID: "T-1", At: noon}}})
	want, _, _ := s.Send("r")
	if err := s.ChangeSend(SendSent, old, nil); !errors.Is(err, ErrSendMoved) {
		t.Errorf("a change beside the join: %v", err)
	}
	if got, _, _ := s.Send("r"); !cmp.Equal(want, got, equal) {
		t.Errorf("after a change beside the join (-want +got):\n%s", cmp.Diff(want, got, equal))
	}
	old.State = SendNotSent // which is known: the transaction is another gift's
	check(t, s.ChangeSend(SendSent, old, nil))
}

// TestOneSendPerRequest: a request id stands for one send, unless that ended
// without a gift.
func TestOneSendPerRequest(t *testing.T) {
	for _, state := range sendStates {
		t.Run(string(state), func(t *testing.T) {
			s := openAt(t, statePath(t))
			first := aSend("r")
			first.State, first.Reason = state, "first"
			addSend(t, s, first)
			second := aSend("r")
			second.Reason = "second"
			have, err := s.AddSends([]Send{second}, map[string]AuditEntry{"r": {Action: "second"}})
			if err != nil {
				t.Fatal(err)
			}
			kept := map[SendState]bool{SendNotSent: false, SendRefused: false, SendCancelled: false}
			want, ended := "first", false
			if _, ended = kept[state]; ended {
				want = "second"
			}
			if e, _, _ := s.Send("r"); have[0].Reason != want || e.Reason != want {
				t.Errorf("AddSends returned the %s, the ledger has the %s; want the %s", have[0].Reason, e.Reason, want)
			}
			if n := len(collect(t, s.Audit(t.Context()))); (n == 1) != ended {
				t.Errorf("%d audit entries say what became of a send that was put: %v", n, ended)
			}
			other := aSend("r")
			other.Digest = "another"
			if _, err := s.AddSends([]Send{other}, nil); !errors.Is(err, ErrSendDiffers) {
				t.Errorf("another send with the same request id: %v", err)
			}
		})
	}
}

// TestSendsOfSeveral: the recipients of a request are the same in every repeat,
// and each has its own state.
func TestSendsOfSeveral(t *testing.T) {
	s := openAt(t, statePath(t))
	to := func(n, of int, state SendState) Send {
		return Send{ID: SendID("r", n, of), Request: "r", Digest: fmt.Sprint(n), State: state}
	}
	addSend(t, s, to(1, 3, SendSent), to(2, 3, SendRefused), to(3, 3, SendUnknown))
	have := addSend(t, s, to(1, 3, SendScheduled), to(2, 3, SendScheduled), to(3, 3, SendScheduled))
	var states []SendState
	for _, e := range have {
		states = append(states, e.State)
	}
	if want := []SendState{SendSent, SendScheduled, SendUnknown}; !slices.Equal(states, want) {
		t.Errorf("a repeat makes %v, want %v", states, want)
	}
	for name, sends := range map[string][]Send{
		"fewer":       {to(1, 3, SendScheduled), to(2, 3, SendScheduled)},
		"one":         {{ID: "r", Request: "r", Digest: "1", State: SendScheduled}},
		"more":        {to(1, 4, SendScheduled), to(2, 4, SendScheduled), to(3, 4, SendScheduled), to(4, 4, SendScheduled)},
		"other order": {{ID: "r.1", Request: "r", Digest: "2", State: SendScheduled}, to(2, 3, SendScheduled), to(3, 3, SendScheduled)},
	} {
		if _, err := s.AddSends(sends, nil); !errors.Is(err, ErrSendDiffers) {
			t.Errorf("%s: %v, want that it differs", name, err)
		}
	}
	addSend(t, s, aSend("one"))
	if _, err := s.AddSends([]Send{{ID: "one.1", Request: "one", State: SendScheduled}, {ID: "one.2", Request: "one", State: SendScheduled}}, nil); !errors.Is(err, ErrSendDiffers) {
		t.Errorf("two recipients where there was one: %v", err)
	}
	for _, id := range []string{"", "a.b", "a.", "a\x00", "a.1.2", strings.Repeat("x", 2000)} {
		if _, err := s.AddSends([]Send{{ID: id, Request: id, State: SendScheduled}}, nil); err == nil {
			t.Errorf("a send with the id %.10q was added", id)
		}
	}
}

// TestSendModel: the ledger and its indexes say the same as a map, whatever
// happens in whatever order, and a change from another state is refused.
func TestSendModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		path := statePath(t)
		s := openAt(t, path)
		if _, err := s.OpenSending(noon); err != nil {
			rt.Fatal(err)
		}
		model := make(map[string]Send)
		at := rapid.Int64Range(0, 5)
		rt.Repeat(map[string]func(*rapid.T){
			"add": func(rt *rapid.T) {
				e := aSend(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "id"))
				e.State = rapid.SampledFrom([]SendState{SendHeld, SendScheduled, SendRefused}).Draw(rt, "state")
				e.Created = noon.Add(time.Duration(at.Draw(rt, "at")) * time.Second)
				old, known := model[e.ID]
				have, err := s.AddSends([]Send{e}, map[string]AuditEntry{e.ID: {Action: "send"}})
				if err != nil {
					rt.Fatal(err)
				}
				if !known || !old.State.Spends() {
					model[e.ID] = e
				}
				if diff := cmp.Diff(model[e.ID], have[0], equal); diff != "" {
					rt.Fatal(diff)
				}
			},
			"change": func(rt *rapid.T) {
				id := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "id")
				from := rapid.SampledFrom(sendStates).Draw(rt, "from")
				e, known := model[id]
				e.ID = id
				was, joined := e.State, e.TransactionID != ""
				e.State = rapid.SampledFrom(sendStates).Draw(rt, "to")
				e.Begun = noon.Add(time.Duration(at.Draw(rt, "at")) * time.Second)
				e.TransactionID = rapid.SampledFrom([]string{"", "T-1"}).Draw(rt, "transaction")
				err := s.ChangeSend(from, e, nil)
				if moved := errors.Is(err, ErrSendMoved); moved != (!known || was != from || joined && e.Joinable()) || err != nil && !moved {
					rt.Fatalf("from %s, is %s, has its transaction %v: %v", from, was, joined, err)
				}
				if err == nil {
					model[id] = e
				}
			},
			"": func(rt *rapid.T) {
				got := make(map[string]Send)
				for _, e := range collect(t, s.Sends(t.Context())) {
					got[e.ID] = e
				}
				if diff := cmp.Diff(model, got, equal); diff != "" {
					rt.Fatal(diff)
				}
				var open []string
				for _, id := range slices.Sorted(maps.Keys(model)) {
					if model[id].Open() {
						open = append(open, id)
					}
				}
				sends, err := s.OpenSends()
				var have []string
				for _, e := range sends {
					have = append(have, e.ID)
				}
				if !slices.Equal(open, have) || err != nil {
					rt.Fatalf("open: %v (%v), want %v", have, err, open)
				}
				since := noon.Add(time.Duration(at.Draw(rt, "since")) * time.Second)
				recent, err := s.SendsSince(since)
				n := 0
				for _, e := range model {
					if !e.When().Before(since) {
						n++
					}
				}
				sorted := slices.IsSortedFunc(recent, func(a, b Send) int { return a.When().Compare(b.When()) })
				if len(recent) != n || !sorted || err != nil {
					rt.Fatalf("since %v: %d sends (%v), sorted %v; want %d", since, len(recent), err, sorted, n)
				}
				if err := s.Check(t.Context()); err != nil {
					rt.Fatal(err)
				}
			},
		})
		s.Close()
	})
}

// copyFile copies a file, which may be missing: then the copy is removed.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if errors.Is(err, os.ErrNotExist) {
		os.Remove(to)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
}

// TestCommitStopsSending: a commit turns sending off and says why, and the first reason
// stays. What else it says is done as well.
func TestCommitStopsSending(t *testing.T) {
	s, _ := openForSending(t, statePath(t))
	both := []string{"ann@acme.example", "bob@acme.example"}
	for n, c := range []Commit{
		{Sending: Sending{"rebuilt", noon}, Meta: map[string][]byte{"m": []byte("1")}, Missed: both, MissedAt: noon},
		{Sending: Sending{"rebuilt again", noon.Add(time.Hour)}, Meta: map[string][]byte{"m": nil}, Unmissed: both},
	} {
		commit(t, s, c)
		if off, err := s.Sending(); err != nil || off.Off != "rebuilt" || !off.Since.Equal(noon) {
			t.Errorf("after commit %d: off because %q since %v, %v", n+1, off.Off, off.Since, err)
		}
		missed, err := s.Missed(both, noon.Add(-1), noon)
		if err != nil || len(missed) != len(c.Missed) {
			t.Errorf("after commit %d: %d addresses missed, %v", n+1, len(missed), err)
		}
		if value, err := s.Meta("m"); err != nil || (value != nil) != (n == 0) {
			t.Errorf("after commit %d: %q, %v", n+1, value, err)
		}
	}
}

// TestInterrupted: what was under way, or may have been sent by a newer state
// file, is unknown, and sending goes on only when each is resolved.
func TestInterrupted(t *testing.T) {
	path := statePath(t)
	s, _ := openForSending(t, path)
	later := aSend("later")
	later.At = noon.Add(time.Hour)
	held := aSend("held")
	held.State = SendHeld
	for _, e := range []Send{aSend("due"), later, held, aSend("under-way"), aSend("done")} {
		addSend(t, s, e)
	}
	move(t, s, "under-way", SendSending)
	move(t, s, "done", SendSending)
	move(t, s, "done", SendSent)
	s.Close()

	s, _ = openForSending(t, path)
	want := map[string]SendState{"due": SendScheduled, "later": SendScheduled, "held": SendHeld, "under-way": SendUnknown, "done": SendSent}
	states := func() map[string]SendState {
		got := make(map[string]SendState)
		for _, e := range collect(t, s.Sends(t.Context())) {
			got[e.ID] = e.State
		}
		return got
	}
	if diff := cmp.Diff(want, states()); diff != "" {
		t.Errorf("after a crash (-want +got):\n%s", diff)
	}
	s.Close()
	os.Remove(strings.TrimSuffix(path, ".db") + ".sends")

	s, sending := openForSending(t, path)
	want["due"], want["held"] = SendUnknown, SendUnknown
	if diff := cmp.Diff(want, states()); diff != "" || sending.Off == "" {
		t.Errorf("off %q; after a restore (-want +got):\n%s", sending.Off, diff)
	}
	if err := s.ResumeSending(noon, nil); !errors.Is(err, ErrSendsUnknown) {
		t.Errorf("resumed with unknown sends: %v", err)
	}
	for _, id := range []string{"due", "held", "under-way"} {
		move(t, s, id, SendNotSent)
	}
	if err := s.ResumeSending(noon.Add(time.Hour), []AuditEntry{{Action: "resume sending"}}); err != nil {
		t.Fatal(err)
	}
	if sending, err := s.Sending(); sending.Off != "" || !sending.Since.Equal(noon.Add(time.Hour)) || err != nil {
		t.Errorf("after resuming: %+v, %v", sending, err)
	}
	var last AuditEntry
	for e, err := range s.Audit(t.Context()) {
		if last = e; err != nil {
			t.Fatal(err)
		}
	}
	if last.Action != "resume sending" {
		t.Errorf("after resuming, the audit ends with %+v", last)
	}
	move(t, s, "later", SendSending)
	if err := s.StopSending("rebuilt", noon); err != nil {
		t.Fatal(err)
	}
	if err := s.StopSending("another reason", noon.Add(1)); err != nil {
		t.Fatal(err)
	}
	if sending, _ := s.Sending(); sending.Off != "rebuilt" {
		t.Errorf("off because %q, want the first reason", sending.Off)
	}
}

// TestNotOpenForSending: a process that has not compared the generations sends
// nothing.
func TestNotOpenForSending(t *testing.T) {
	s := openAt(t, statePath(t))
	addSend(t, s, aSend("r"))
	e := aSend("r")
	e.State = SendSending
	if err := s.ChangeSend(SendScheduled, e, nil); err == nil {
		t.Error("a send was begun before the ledger was opened for sending")
	}
	if have, _, _ := s.Send("r"); have.State != SendScheduled {
		t.Errorf("it is %s", have.State)
	}
}

// TestUpgradeFrom4 opens a file of format 4, which had no ledger.
func TestUpgradeFrom4(t *testing.T) {
	path := statePath(t)
	s := openAt(t, path)
	receive(t, s, Event{Dialect: "thyngs", Key: "1", Body: []byte("{}"), Effect: EffectListed, ReceivedAt: noon})
	s.Close()
	rewrite(t, path, func(tx *bbolt.Tx) error {
		for _, name := range addedBuckets[5] {
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
		}
		return put(tx.Bucket([]byte(bucketMeta)), []byte(keyFormat), []byte("4"))
	})
	upgraded(t, path, func(s *Store) {
		if n := len(collect(t, s.Sends(t.Context()))); n != 0 {
			t.Errorf("%d sends", n)
		}
	})
	s, _ = openForSending(t, path)
	addSend(t, s, aSend("r"))
}

// TestNoteCalled: that a workflow got the outcome changes nothing else, whatever has become of
// the send since the workflow's answer was made.
func TestNoteCalled(t *testing.T) {
	s, _ := openForSending(t, statePath(t))
	e := aSend("r")
	e.Callback = "ap-1"
	addSend(t, s, e)
	move(t, s, "r", SendSending)
	move(t, s, "r", SendSent)
	commit(t, s, Commit{Joined: []SendJoin{{ID: "r", TransactionID: "T-1", At: noon}}})
	before, _, err := s.Send("r")
	if err != nil || before.TransactionID != "T-1" {
		t.Fatalf("%+v, %v", before, err)
	}
	if err := s.NoteCalled("r", noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := s.NoteCalled("another", noon); err != nil {
		t.Errorf("of a send that is not there: %v", err)
	}
	want := before
	want.Called = noon.Add(time.Minute)
	got, _, err := s.Send("r")
	if diff := cmp.Diff(want, got, equal); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
