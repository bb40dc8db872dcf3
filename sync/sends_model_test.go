package sync_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestSendsAgainstAModel plays histories that a seed decides: gifts are asked for, sent
// and stopped, their outcomes are known or not, Thnks lists their transactions sooner or
// later and tells of them by events, in answers or not at all, HubSpot's answers get
// lost, and the program dies at any of its steps, while a run, the events and the
// showing of sends work at the same time. However it goes, at no time two records are of
// one transaction; and at the end each transaction has its record, which no other gift
// has, each that we sent is some send's, and what was not sent says so.
//
// THNKS_SHOW_SEEDS is how many histories.
func TestSendsAgainstAModel(t *testing.T) {
	t.Parallel()
	seeds := 60
	if simulation.RaceDetector {
		seeds = 10
	}
	if n, err := strconv.Atoi(os.Getenv("THNKS_SHOW_SEEDS")); err == nil {
		seeds = n
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("seed %d", seed)
				}
			}()
			playSends(t, uint64(seed))
		})
		if t.Failed() {
			break
		}
	}
}

// A sendModel is what is known of the sends of a history.
type sendModel struct {
	*simulation.World
	rng      *rand.Rand
	asked    int
	accepted map[string]string   // the transactions that Thnks has made, by send
	stopped  map[string]bool     // sends that certainly will not be sent
	events   map[string]bool     // transactions that an event was about
	people   map[string][]string // contacts, companies and deals by address
}

func playSends(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0x73656e64))
	simulation.WaitAYear()
	m := &sendModel{
		World: simulation.New(t, hubspottest.Options{Seed: seed, ArchivedHoldUnique: rng.IntN(2) == 0}, thnksapitest.Options{PageLimit: 1 + rng.IntN(5)}),
		rng:   rng, accepted: make(map[string]string), stopped: make(map[string]bool), events: make(map[string]bool), people: make(map[string][]string),
	}
	m.Bounds.WindowRows, m.Bounds.SliceGifts = 2+rng.IntN(5), 1+rng.IntN(4)
	m.AddGift("T-0", "ann@acme.example", simulation.Day)
	m.Must(giftsync.Backfill)
	for range 2 + rng.IntN(4) {
		for range 1 + rng.IntN(5) {
			m.act()
			time.Sleep(time.Duration(rng.IntN(20)) * time.Minute)
		}
		step := 0
		if rng.IntN(3) > 0 {
			step = 1 + rng.IntN(60)
		}
		if step == 0 && rng.IntN(2) == 0 {
			path := []string{"/batch/create", "/batch/update", "/batch/read"}[rng.IntN(3)]
			m.Portal.Fault(hubspottest.Fault{PathContains: path, Count: 1, Kind: hubspottest.ResetConn, AfterEffect: true})
		}
		m.Process(step, m.work)
		m.Portal.ClearFaults()
		m.once()
	}
	time.Sleep(8 * simulation.Day)
	m.Must(giftsync.Incremental)
	m.Must(giftsync.Incremental)
	m.settled()
	if rep := m.Must(giftsync.Incremental); simulation.Calls(rep) != 0 {
		t.Errorf("a pass over what is settled makes %d HubSpot calls", simulation.Calls(rep))
	}
	m.CheckStateFile()
}

// work is a life of the program, in which everything happens at the same time.
func (m *sendModel) work(ctx context.Context, e *giftsync.Engine, st *store.Store, _ *simulation.Steps) error {
	all := []func() error{
		func() error { _, err := e.ShowSends(ctx); return err },
		func() error { _, err := e.Run(ctx, giftsync.Request{Mode: giftsync.Incremental}); return err },
		func() error { _, err := e.FetchEvents(ctx); return err },
		func() error { _, err := e.ShowSends(ctx); return err },
	}
	errs := make([]error, len(all))
	var working sync.WaitGroup
	for i, do := range all {
		pause := time.Duration(m.rng.IntN(300)) * time.Millisecond
		working.Go(func() {
			time.Sleep(pause)
			errs[i] = do()
		})
	}
	working.Wait()
	return errors.Join(errs...)
}

// act is something that people, the desk or Thnks do.
func (m *sendModel) act() {
	l := openLedger(m.World)
	defer l.st.Close()
	switch m.rng.IntN(4) {
	case 0, 1:
		m.ask(l)
	case 2:
		m.dispatch(l)
	case 3:
		m.decide(l)
	}
}

// ask asks for a gift to one of few people.
func (m *sendModel) ask(l ledger) {
	m.asked++
	s := coffee(fmt.Sprintf("r%d", m.asked), []string{"bea@acme.example", "carl@acme.example", "dan@acme.example"}[m.rng.IntN(3)])
	if m.people[s.Recipient] == nil && m.rng.IntN(2) == 0 {
		contact, company, deal := m.AddPerson(s.Recipient)
		m.people[s.Recipient] = []string{contact, company, deal}
	}
	if m.rng.IntN(3) == 0 {
		s.At = time.Now().UTC().Add(time.Duration(m.rng.IntN(120)) * time.Minute)
	}
	if who := m.people[s.Recipient]; who != nil && m.rng.IntN(3) == 0 {
		s.Contact, s.Deals = who[0], who[2:]
	}
	l.ask(s)
	if s.At.IsZero() && m.rng.IntN(2) == 0 {
		m.dispatch(l)
	}
}

// in returns a send in one of some states, "" if there is none.
func (m *sendModel) in(l ledger, states ...store.SendState) string {
	var ids []string
	for s, err := range l.st.Sends(context.Background()) {
		if err != nil {
			m.T.Fatal(err)
		}
		if slices.Contains(states, s.State) && !s.At.After(time.Now()) {
			ids = append(ids, s.ID)
		}
	}
	return one(m.rng, ids)
}

// dispatch sends a gift, with any outcome.
func (m *sendModel) dispatch(l ledger) {
	id := m.in(l, store.SendScheduled)
	if id == "" {
		return
	}
	l.becomes(id, store.SendSending)
	s := l.send(id)
	n := m.rng.IntN(6)
	if n < 4 {
		tx := simulation.Transaction("T-"+id, time.Now().UTC(), s.Recipient)
		tx.Message, tx.RequestID = s.Message, "70"+id
		if m.rng.IntN(3) == 0 {
			tx.VisibleAfter = time.Now().Add(time.Duration(m.rng.IntN(90)) * time.Minute)
		}
		m.Thnks.Add(tx)
		m.accepted[id] = tx.ID
		if m.rng.IntN(3) == 0 {
			m.Receive(l.st, simulation.Event(tx.ID, plan.Opened))
			m.events[tx.ID] = true
		}
	}
	switch s.Ended = time.Now().UTC(); n {
	case 0:
		s.State = store.SendSent
	case 1:
		s.State, s.TransactionID = store.SendSent, m.accepted[id]
	case 2:
		s.State, s.ThnksRequest = store.SendSent, "70"+id
	case 3, 4:
		s.State, s.Ended = store.SendUnknown, time.Time{}
	case 5:
		s.State, m.stopped[id] = store.SendNotSent, true
	}
	if err := l.st.ChangeSend(store.SendSending, s, nil); err != nil {
		m.T.Fatal(err)
	}
}

// decide has a person stop a gift, or say what became of one.
func (m *sendModel) decide(l ledger) {
	id := m.in(l, store.SendScheduled, store.SendUnknown)
	switch {
	case id == "":
	case l.send(id).State == store.SendScheduled:
		l.becomes(id, store.SendCancelled)
		m.stopped[id] = true
	case m.accepted[id] != "":
		l.becomes(id, store.SendSent)
	default:
		l.becomes(id, store.SendNotSent)
		m.stopped[id] = true
	}
}

// once checks that no two records have one transaction id.
func (m *sendModel) once() {
	m.T.Helper()
	if ids := keys(m.World); len(slices.Compact(slices.Clone(ids))) != len(ids) {
		m.T.Errorf("two records of one transaction: %v", ids)
	}
}

// settled checks the end of a history.
func (m *sendModel) settled() {
	m.T.Helper()
	m.once()
	l := openLedger(m.World)
	defer l.st.Close()
	listed := map[string]bool{"T-0": true}
	for _, tx := range m.accepted {
		listed[tx] = true
	}
	records := make(map[string]hubspottest.Record)
	for r := range m.Portal.Records("thnks") {
		records[r.Properties["thnks_transaction_id"]] = r
	}
	for tx := range listed {
		if records[tx].ID == "" {
			m.T.Errorf("transaction %s has no record", tx)
		}
	}
	joined := make(map[string]string)
	for s, err := range l.st.Sends(context.Background()) {
		if err != nil {
			m.T.Fatal(err)
		}
		r := records[plan.SendGiftID(s.ID)]
		delete(records, plan.SendGiftID(s.ID))
		if s.TransactionID != "" {
			if other := joined[s.TransactionID]; other != "" || !listed[s.TransactionID] || s.State != store.SendSent || s.Message != "" {
				m.T.Errorf("%+v, and %s has the same transaction", s, other)
			}
			if joined[s.TransactionID] = s.ID; r.ID != "" {
				m.T.Errorf("send %s has the transaction %s and a record of its own", s.ID, s.TransactionID)
			}
			continue
		}
		want := map[store.SendState]string{store.SendScheduled: "scheduled", store.SendSent: "sent", store.SendUnknown: "unknown", store.SendCancelled: "unknown", store.SendNotSent: "unknown"}[s.State]
		if got := r.Properties["status"]; got != want && (r.ID != "" || !m.stopped[s.ID]) {
			m.T.Errorf("send %s is %s, and its record says %q", s.ID, s.State, got)
		}
	}
	if len(joined) != len(m.accepted) {
		m.T.Errorf("%d transactions are some send's, of %d that we sent: %v", len(joined), len(m.accepted), joined)
	}
	maps.DeleteFunc(records, func(id string, _ hubspottest.Record) bool { return listed[id] })
	if len(records) > 0 {
		m.T.Errorf("records of nothing: %v", slices.Collect(maps.Keys(records)))
	}
}
