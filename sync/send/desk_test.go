package send_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/thnksapi"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

func usd(s string) decimal.Decimal { return decimal.RequireFromString(s) }

// rules let everything pass that these tests send.
func rules() send.Rules {
	return send.Rules{
		Live: true, Allow: []string{"*"}, Currency: "USD",
		Catalogue:    map[int64]send.Item{5659: {Name: "Coffee", Price: usd("7.50")}, 5671: {Name: "Lunch", Price: usd("25.00")}},
		SenderBudget: usd("100000"), PortalBudget: usd("100000"), ApproveAbove: usd("20"),
		MostGifts: 1000, Within: 30 * 24 * time.Hour, Zone: time.UTC,
	}
}

// A world is a Thnks, a state file and the desk of a process that works with them.
type world struct {
	t     testing.TB
	path  string
	thnks *thnksapitest.Server
	store *store.Store
	rules send.Rules

	triggers []send.Trigger
	keyFault error // why the API key cannot be used; nil if it can
	unknown  bool  // no run has looked yet what was sent before

	life *life
	desk *send.Desk
}

func newWorld(t testing.TB) *world {
	w := &world{
		t: t, path: filepath.Join(t.TempDir(), "state", "acme.db"), rules: rules(),
		thnks: thnksapitest.New(thnksapitest.Options{Keys: map[string]string{"key-of-ann": "ann@seller.example"}}),
	}
	w.start(0)
	t.Cleanup(func() { w.store.Close() })
	return w
}

// start begins a process that dies at its n-th step, or never if n is 0.
func (w *world) start(n int64) {
	w.t.Helper()
	var err error
	if w.store, err = store.Open(w.path, store.Options{Create: true}); err != nil {
		w.t.Fatal(err)
	}
	api, err := thnksapi.NewSender(thnksapi.SenderConfig{BaseURL: "https://thnks.test", Key: "key-of-ann", Transport: thnksapitest.Transport(w.thnks)})
	if err != nil {
		w.t.Fatal(err)
	}
	life := &life{}
	life.left.Store(n)
	w.life = life
	w.desk, err = send.New(send.Config{
		Portal: "acme", Rules: func() send.Rules { return w.rules },
		Ledger: mortalLedger{w.store, life}, Journal: w.store,
		Senders: map[string]send.Key{"": func() (send.API, error) {
			if w.keyFault != nil {
				return nil, w.keyFault
			}
			return mortalAPI{api, life}, nil
		}},
		Known:    func() (bool, error) { return !w.unknown, nil },
		Triggers: w.triggers, Events: mortalLedger{w.store, life},
	})
	if err != nil && !errors.Is(err, errDead) {
		w.t.Fatal(err)
	}
}

// end ends the process, alive or dead.
func (w *world) end() { w.store.Close() }

func (w *world) restart(n int64) {
	w.end()
	w.start(n)
}

// A life ends at a step. Whatever is called from then on has no effect any more.
type life struct{ left atomic.Int64 }

var errDead = errors.New("the process is dead")

// step takes a step, before or after its effect, and reports whether the process
// still lives.
func (l *life) step() bool {
	for {
		n := l.left.Load()
		switch {
		case n == 0:
			return true // it lives for ever
		case n < 0:
			return false
		}
		next := n - 1
		if next == 0 {
			next = -1
		}
		if l.left.CompareAndSwap(n, next) {
			return next > 0
		}
	}
}

// A mortalLedger dies before or after a write.
type mortalLedger struct {
	*store.Store
	life *life
}

func (m mortalLedger) OpenSending(now time.Time) (store.Sending, error) {
	if !m.life.step() {
		return store.Sending{}, errDead
	}
	s, err := m.Store.OpenSending(now)
	if !m.life.step() {
		return store.Sending{}, errDead
	}
	return s, err
}

func (m mortalLedger) AddSends(sends []store.Send, audit map[string]store.AuditEntry) ([]store.Send, error) {
	if !m.life.step() {
		return nil, errDead
	}
	have, err := m.Store.AddSends(sends, audit)
	if !m.life.step() {
		return nil, errDead
	}
	return have, err
}

func (m mortalLedger) ChangeSend(from store.SendState, now store.Send, audit []store.AuditEntry) error {
	if !m.life.step() {
		return errDead
	}
	err := m.Store.ChangeSend(from, now, audit)
	if !m.life.step() {
		return errDead
	}
	return err
}

func (m mortalLedger) Commit(c store.Commit) error {
	if !m.life.step() {
		return errDead
	}
	err := m.Store.Commit(c)
	if !m.life.step() {
		return errDead
	}
	return err
}

// A mortalAPI dies before or after a request.
type mortalAPI struct {
	api  send.API
	life *life
}

func (m mortalAPI) Send(ctx context.Context, r thnksapi.GiftRequest) thnksapi.Receipt {
	if !m.life.step() {
		return thnksapi.Receipt{}
	}
	receipt := m.api.Send(ctx, r)
	m.life.step()
	return receipt
}

func order(request string, to ...string) send.Order {
	o := send.Order{Request: request, Gift: 5659, Message: "For " + request}
	for _, address := range to {
		o.To = append(o.To, send.Recipient{Email: address})
	}
	return o
}

// TestNeverTwice sends orders, each asked for several times at once, and events that
// fire a trigger, each delivered and fired several times, through processes that die
// at any step, against a Thnks that loses answers, is slow and refuses, and now and
// then with an older state file. However it goes, no request id has two gifts, and
// the ledger never denies a gift that there is.
func TestNeverTwice(t *testing.T) {
	seeds := 200
	if n, err := strconv.Atoi(os.Getenv("THNKS_SEND_SEEDS")); err == nil {
		seeds = n // faster with TMPDIR on a disk in memory
	}
	var gifts, unknown, restored atomic.Int64
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(seed), 23))
			w := newWorld(t)
			w.triggers = []send.Trigger{{
				Name: "gold", Source: "zoho-thrive", Event: "tier_upgrade", Gift: 5659,
				To: "{email}", Message: "For gold", OncePer: "{email}",
			}}
			w.restart(0)
			w.due()
			old := filepath.Join(filepath.Dir(w.path), "old")
			before := 0 // gifts when the state file was turned back; nothing is sent any more from then on
			for range 1 + rng.IntN(4) {
				w.thnks.ClearFaults()
				if rng.IntN(2) == 0 {
					w.thnks.Fault(anyFault(rng))
				}
				if rng.IntN(12) == 0 {
					copyFile(t, w.path, old)
				}
				w.restart(rng.Int64N(40))
				var callers sync.WaitGroup
				for range 1 + rng.IntN(4) {
					r := rng.IntN(3)
					o := order(fmt.Sprint("r", r), "bea@acme.example", "carl@acme.example")
					if r == 2 {
						o = order("r2", "dan@acme.example")
						o.At = "2000-01-01T00:05:00Z"
					}
					desk := w.desk
					if desk == nil {
						continue
					}
					callers.Go(func() { _, _ = desk.Ask(t.Context(), o) }) // dead, most of the time
					callers.Go(func() { _, _ = desk.Due(t.Context()) })
					who, key := rng.IntN(2), rng.IntN(3) // an event that is repeated, or another of the same person
					w.receive(event(fmt.Sprint(who, key), fmt.Sprintf(`{"email": "p%d@acme.example", "key": %d}`, who, key)))
					if seq := rng.Uint64N(4); seq > 0 {
						callers.Go(func() { _, _ = desk.Fire(t.Context(), []uint64{seq}) })
					}
				}
				callers.Wait()
				time.Sleep(2 * time.Minute)
				if before > 0 {
					if n := len(w.thnks.Gifts()); n >= before {
						t.Fatalf("seed %d: an older state file has sent: %d gifts after it came, %d before", seed, n, before-1)
					}
				}
				if _, err := os.Stat(old); err == nil && rng.IntN(3) == 0 && before == 0 {
					sentSince := len(w.thnks.Gifts())
					w.end()
					copyFile(t, old, w.path)
					w.start(0)
					if s, err := w.store.Sending(); err == nil && s.Off != "" {
						before = sentSince + 1
						restored.Add(1)
					}
				}
			}
			w.restart(0)
			check(t, seed, w, before > 0)
			gifts.Add(int64(len(w.thnks.Gifts())))
			for s, err := range w.store.Sends(t.Context()) {
				if err == nil && s.State == store.SendUnknown {
					unknown.Add(1)
				}
			}
			w.end()
		})
	}
	t.Logf("%d lives: %d gifts, %d unknown outcomes, %d older state files", seeds, gifts.Load(), unknown.Load(), restored.Load())
	if gifts.Load() < int64(seeds) || unknown.Load() < int64(seeds)/10 || restored.Load() < int64(seeds)/100 {
		t.Error("the lives are too harmless to prove anything")
	}
}

// check holds the ledger against what Thnks has sent.
func check(t *testing.T, seed int, w *world, restored bool) {
	t.Helper()
	sent := make(map[string]int)
	for _, g := range w.thnks.Gifts() {
		sent[strings.TrimPrefix(g.Message, "For ")+" "+g.Recipient]++
	}
	for who, n := range sent {
		if n > 1 {
			t.Fatalf("seed %d: %s has %d gifts", seed, who, n)
		}
	}
	for s, err := range w.store.Sends(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		order := s.Request
		if name, ok := strings.CutPrefix(s.Cause, "trigger "); ok {
			order = name
		}
		n := sent[order+" "+s.Recipient]
		delete(sent, order+" "+s.Recipient)
		switch {
		case s.State == store.SendSent && n != 1,
			s.State != store.SendSent && s.State != store.SendUnknown && n != 0 && !restored:
			t.Fatalf("seed %d: %s is %s and has %d gifts", seed, s.ID, s.State, n)
		}
	}
	if len(sent) > 0 && !restored {
		t.Fatalf("seed %d: the ledger does not know %v", seed, sent)
	}
	if err := w.store.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func anyFault(rng *rand.Rand) thnksapitest.Fault {
	all := []thnksapitest.Fault{
		{Effect: thnksapitest.ResetAfter},
		{Effect: thnksapitest.ResetBefore},
		{Effect: thnksapitest.Truncate},
		{Effect: thnksapitest.SlowOnly, Delay: 30 * time.Second},
		{Effect: thnksapitest.SlowAfter, Delay: 2 * time.Minute},
		{Status: 422, Body: `{"error":"invalid"}`},
		{Status: 429, Body: `{"error":"rate_limited"}`},
		{Status: 503},
		{Status: 307},
	}
	f := all[rng.IntN(len(all))]
	f.After, f.Count = rng.IntN(2), rng.IntN(3)
	return f
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func ask(t *testing.T, w *world, o send.Order) []store.Send {
	t.Helper()
	sends, err := w.desk.Ask(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return sends
}

// TestAskTwiceSendsOnce: what an order does, and what its repeat does.
func TestAskTwiceSendsOnce(t *testing.T) {
	w := newWorld(t)
	o := order("r", "bea@acme.example")
	o.To[0].FirstName, o.Message = "Bea", "Thank you, {first_name}"
	first := ask(t, w, o)
	if s := first[0]; s.State != store.SendSent || s.TransactionID == "" || s.GiftName != "Coffee" || !s.Price.Value.Equal(usd("7.50")) {
		t.Fatalf("%+v", s)
	}
	again := ask(t, w, o)
	if gifts := w.thnks.Gifts(); len(gifts) != 1 || gifts[0].Message != "Thank you, Bea" || gifts[0].Sender != "ann@seller.example" || again[0].TransactionID != first[0].TransactionID {
		t.Errorf("gifts %+v", gifts)
	}
	o.To[0].Email = "carl@acme.example"
	if _, err := w.desk.Ask(t.Context(), o); !errors.Is(err, store.ErrSendDiffers) {
		t.Errorf("another recipient under the same request id: %v", err)
	}
	for name, bad := range map[string]func(*send.Order){
		"request id":        func(o *send.Order) { o.Request = "a.1" },
		"no recipient":      func(o *send.Order) { o.To = nil },
		"recipient twice":   func(o *send.Order) { o.To = append(o.To, send.Recipient{Email: "CARL@acme.example"}) },
		"no address":        func(o *send.Order) { o.To[0].Email = "carl" },
		"unknown variable":  func(o *send.Order) { o.Message = "Hi {name}" },
		"stray angle":       func(o *send.Order) { o.Message = "Hi <first_name>" },
		"past":              func(o *send.Order) { o.At = "2020-01-01T00:00:00Z" },
		"no time":           func(o *send.Order) { o.At = "soon" },
		"no gift":           func(o *send.Order) { o.Gift = 0 },
		"another sender":    func(o *send.Order) { o.Sender = "joe@seller.example" },
		"too many at once":  func(o *send.Order) { o.To = make([]send.Recipient, 51) },
		"unfilled variable": func(o *send.Order) { o.To[0].FirstName = "" },
	} {
		o := order("new", "carl@acme.example")
		o.To[0].FirstName, o.Message = "Carl", "Hi {first_name}"
		bad(&o)
		if _, err := w.desk.Ask(t.Context(), o); !errors.Is(err, send.ErrOrder) || strings.Contains(err.Error(), "carl") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := w.thnks.Requests(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

// TestRefusalSendsNothing: a refusal sends nothing, is audited with its guard, keeps nothing of
// the message, and can be asked for again when the rules have changed.
func TestRefusalSendsNothing(t *testing.T) {
	w := newWorld(t)
	w.rules.Live = false
	s := ask(t, w, order("r", "bea@acme.example"))[0]
	if s.State != store.SendRefused || s.Guard != send.GuardTestMode || s.Message != "" || w.thnks.Requests() != 0 {
		t.Errorf("%+v after %d requests", s, w.thnks.Requests())
	}
	var audited []store.AuditEntry
	for e, err := range w.store.Audit(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		audited = append(audited, e)
	}
	if len(audited) != 1 || audited[0].Action != "send refused" || audited[0].Reasons[0] != send.GuardTestMode || audited[0].TransactionIDs[0] != "send-r" {
		t.Errorf("audit: %+v", audited)
	}
	w.rules.Live = true
	if s := ask(t, w, order("r", "bea@acme.example"))[0]; s.State != store.SendSent || len(w.thnks.Gifts()) != 1 {
		t.Errorf("asked again: %+v", s)
	}
}

// TestBudgetOfOneOrder: the recipients of one order share the budget.
func TestBudgetOfOneOrder(t *testing.T) {
	w := newWorld(t)
	w.rules.PortalBudget = usd("20")
	var states []store.SendState
	for _, s := range ask(t, w, order("r", "a@acme.example", "b@acme.example", "c@acme.example")) {
		states = append(states, s.State)
	}
	if fmt.Sprint(states) != "[sent sent refused]" || len(w.thnks.Gifts()) != 2 {
		t.Errorf("%v with %d gifts", states, len(w.thnks.Gifts()))
	}
}

// TestBudgetOfMany: orders at the same moment do not exceed the budget together.
func TestBudgetOfMany(t *testing.T) {
	w := newWorld(t)
	w.rules.PortalBudget = usd("37.50")
	var callers sync.WaitGroup
	for n := range 20 {
		callers.Go(func() {
			if _, err := w.desk.Ask(t.Context(), order(fmt.Sprint("r", n), fmt.Sprintf("p%d@acme.example", n))); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	if n := len(w.thnks.Gifts()); n != 5 {
		t.Errorf("%d gifts, want the 5 that the budget pays", n)
	}
}

// TestFrequencyGuard counts gifts in whatever way they were sent.
func TestFrequencyGuard(t *testing.T) {
	w := newWorld(t)
	w.rules.MostGifts = 1
	elsewhere := plan.Stored{ObjectID: "1", Gift: plan.Gift{ID: "T-9", Recipient: plan.Person{Email: "Bea@acme.example"}, CreatedAt: time.Now().Add(-29 * 24 * time.Hour)}}
	if err := w.store.Commit(store.Commit{Gifts: []plan.Stored{elsewhere}}); err != nil {
		t.Fatal(err)
	}
	for request, to := range map[string]string{"b": "bea@acme.example", "c": "carl@acme.example"} {
		if s := ask(t, w, order(request, to))[0]; (s.Guard == send.GuardFrequency) != (request == "b") {
			t.Errorf("%s: %+v", to, s)
		}
	}
	if s := ask(t, w, order("c2", "CARL@acme.example"))[0]; s.Guard != send.GuardFrequency {
		t.Errorf("a second gift: %+v", s)
	}
}

// TestApproval: an expensive gift waits until a person approves it, then goes once.
func TestApproval(t *testing.T) {
	w := newWorld(t)
	o := order("r", "bea@acme.example")
	o.Gift = 5671
	if s := ask(t, w, o)[0]; s.State != store.SendHeld || s.Guard != send.GuardApproval || w.thnks.Requests() != 0 {
		t.Fatalf("%+v", s)
	}
	change := func(action send.Action, id string) error {
		_, err := w.desk.Change(t.Context(), send.Change{Action: action, IDs: []string{id}})
		return err
	}
	if err := change(send.ResolveUnsent, "r"); !errors.Is(err, send.ErrOrder) {
		t.Errorf("a held one was resolved: %v", err)
	}
	if err := change(send.Approve, "r"); err != nil || len(w.thnks.Gifts()) != 1 {
		t.Errorf("%v with %d gifts", err, len(w.thnks.Gifts()))
	}
	if err := change(send.Approve, "r"); !errors.Is(err, send.ErrOrder) || len(w.thnks.Gifts()) != 1 {
		t.Errorf("approved twice: %v with %d gifts", err, len(w.thnks.Gifts()))
	}
	if err := change(send.Cancel, "r"); !errors.Is(err, send.ErrOrder) {
		t.Errorf("a sent one was cancelled: %v", err)
	}
	if err := change(send.Cancel, "x"); !errors.Is(err, send.ErrNoSend) {
		t.Errorf("an unknown one was cancelled: %v", err)
	}
	if err := change("burn", "r"); !errors.Is(err, send.ErrOrder) {
		t.Errorf("an unknown action: %v", err)
	}
}

// TestUnknownStays: nothing but a person resolves an unknown outcome.
func TestUnknownStays(t *testing.T) {
	for action, want := range map[send.Action]store.SendState{send.ResolveSent: store.SendSent, send.ResolveUnsent: store.SendNotSent} {
		w := newWorld(t)
		w.thnks.Fault(thnksapitest.Fault{Effect: thnksapitest.ResetAfter, Count: 1})
		ask(t, w, order("r", "bea@acme.example"))
		for range 3 {
			if _, err := w.desk.Due(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s := ask(t, w, order("r", "bea@acme.example"))[0]; s.State != store.SendUnknown {
				t.Fatalf("%+v", s)
			}
			w.restart(0)
		}
		sends, err := w.desk.Change(t.Context(), send.Change{Action: action, IDs: []string{"r"}})
		if err != nil || sends[0].State != want || len(w.thnks.Gifts()) != 1 {
			t.Errorf("%s: %+v, %v, %d gifts", action, sends, err, len(w.thnks.Gifts()))
		}
		w.end()
	}
}

// TestSchedule: a scheduled gift goes when it is due, once, also when nothing ran
// at that time, and not at all when it was cancelled or the rules have changed.
func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		at := time.Now().Add(36 * time.Hour)
		for _, id := range []string{"goes", "cancelled", "down"} {
			o := order(id, id+"@acme.example")
			if o.At = at.Format(time.RFC3339); id == "down" {
				o.At = at.Add(48 * time.Hour).Format(time.RFC3339)
			}
			if s := ask(t, w, o)[0]; s.State != store.SendScheduled {
				t.Fatalf("%+v", s)
			}
		}
		if _, err := w.desk.Change(t.Context(), send.Change{Action: send.Cancel, IDs: []string{"cancelled"}}); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var keeping sync.WaitGroup
		keeping.Go(func() {
			send.Keep(ctx, func() (*send.Desk, error) { return w.desk, nil }, nil, slog.New(slog.DiscardHandler))
		})
		time.Sleep(36*time.Hour - time.Second)
		synctest.Wait()
		if n := len(w.thnks.Gifts()); n != 0 {
			t.Errorf("%d gifts before the time", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if gifts := w.thnks.Gifts(); len(gifts) != 1 || gifts[0].Recipient != "goes@acme.example" || !gifts[0].At.Equal(at.UTC()) {
			t.Errorf("gifts at the time: %+v", gifts)
		}
		stop()
		keeping.Wait()
		time.Sleep(100 * time.Hour) // nothing runs
		w.restart(0)
		for range 2 {
			if _, err := w.desk.Due(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if gifts := w.thnks.Gifts(); len(gifts) != 2 || gifts[1].Recipient != "down@acme.example" {
			t.Errorf("gifts after downtime: %+v", gifts)
		}
		later := order("later", "l@acme.example")
		later.At = time.Now().Add(time.Hour).Format(time.RFC3339)
		ask(t, w, later)
		w.rules.Stop = true
		time.Sleep(2 * time.Hour)
		if _, err := w.desk.Due(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s, _, _ := w.store.Send("later"); s.State != store.SendRefused || s.Guard != send.GuardKillSwitch || len(w.thnks.Gifts()) != 2 {
			t.Errorf("with the kill switch: %+v", s)
		}
		w.end()
	})
}

// TestOptOut: HubSpot is asked about the recipient each time, and nothing is sent
// while it does not answer.
func TestOptOut(t *testing.T) {
	w := newWorld(t)
	api, err := thnksapi.NewSender(thnksapi.SenderConfig{BaseURL: "https://thnks.test", Key: "key-of-ann", Transport: thnksapitest.Transport(w.thnks)})
	if err != nil {
		t.Fatal(err)
	}
	down := errors.New("down")
	var asked []string
	desk, err := send.New(send.Config{
		Portal: "acme", Rules: func() send.Rules { return w.rules }, Ledger: w.store, Journal: w.store, Senders: map[string]send.Key{"": func() (send.API, error) { return api, nil }},
		OptedOut: func(_ context.Context, canonical, contacts []string) (map[string]string, error) {
			asked = append(asked, canonical...)
			if slices.Contains(contacts, "101") {
				return map[string]string{"101": "hs_email_optout"}, nil
			}
			if slices.Contains(canonical, "down@acme.example") {
				return nil, down
			}
			return map[string]string{"out@acme.example": "hs_email_optout"}, nil
		},
		Erased: func(canonical string) (bool, error) { return canonical == "erased@acme.example", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for to, guard := range map[string]string{"Out@acme.example": send.GuardOptOut, "erased@acme.example": send.GuardErased, "bea@acme.example": ""} {
		sends, err := desk.Ask(t.Context(), order(strings.ToLower(to[:3]), to))
		if err != nil || sends[0].Guard != guard {
			t.Errorf("%s: %+v, %v", to, sends, err)
		}
	}
	named := order("named", "old@acme.example")
	named.To[0].Contact = "101"
	if sends, err := desk.Ask(t.Context(), named); err != nil || sends[0].Guard != send.GuardOptOut {
		t.Errorf("the contact that the order names has opted out: %+v, %v", sends, err)
	}
	if _, err := desk.Ask(t.Context(), order("down", "down@acme.example")); !errors.Is(err, down) {
		t.Errorf("HubSpot is down: %v", err)
	}
	if len(w.thnks.Gifts()) != 1 || len(asked) != 6 {
		t.Errorf("%d gifts; asked %v", len(w.thnks.Gifts()), asked)
	}
}

// TestNoIntentNoRequest: a gift whose intent cannot be put on disk is not sent, and
// is sent once when it can. However often that was tried, sending goes on then, also by
// another process.
func TestNoIntentNoRequest(t *testing.T) {
	w := newWorld(t)
	obstacle := filepath.Join(filepath.Dir(w.path), ".acme.sends.new")
	if err := os.Mkdir(obstacle, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := w.desk.Ask(t.Context(), order("r", "bea@acme.example")); !errors.Is(err, store.ErrSendNotCounted) {
			t.Errorf("%v", err)
		}
		if s, _, _ := w.store.Send("r"); s.State != store.SendScheduled || w.thnks.Requests() != 0 {
			t.Errorf("%+v after %d requests", s, w.thnks.Requests())
		}
	}
	if err := os.Remove(obstacle); err != nil {
		t.Fatal(err)
	}
	w.restart(0)
	if sending, err := w.store.Sending(); err != nil || sending.Off != "" {
		t.Errorf("sending is off: %q, %v", sending.Off, err)
	}
	for range 2 {
		if _, err := w.desk.Due(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if s, _, _ := w.store.Send("r"); s.State != store.SendSent || len(w.thnks.Gifts()) != 1 {
		t.Errorf("%+v with %d gifts", s, len(w.thnks.Gifts()))
	}
}
