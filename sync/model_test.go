package sync_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot/hubspottest"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestLinksAgainstAModel lets people edit a portal at random, gifts arrive and
// change, and two passes run. Then every gift's links are what the rules say,
// as worked out from the two emulators and the history of edits alone, and
// further passes write nothing. THNKS_MODEL_SEEDS is how many portals, and
// THNKS_MODEL_SEED the only one.
func TestLinksAgainstAModel(t *testing.T) {
	t.Parallel()
	seeds := 4
	if n, err := strconv.Atoi(os.Getenv("THNKS_MODEL_SEEDS")); err == nil {
		seeds = n
	}
	first := uint64(1)
	if n, err := strconv.ParseUint(os.Getenv("THNKS_MODEL_SEED"), 10, 64); err == nil {
		first, seeds = n, 1
	}
	for seed := first; seed < first+uint64(seeds); seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newModel(t, seed)
				for round := 0; round < 5 && !t.Failed(); round++ {
					m.round()
				}
				if t.Failed() {
					t.Errorf("seed %d; what happened:\n  %s", seed, strings.Join(m.history, "\n  "))
				}
			})
		})
	}
}

// The lags of the emulated portal, and a wait after which all is settled.
const (
	modelLag     = 20 * time.Second
	modelSettled = time.Minute
	modelLabel   = "Decision maker"
)

// A model is a portal, the people who edit it, and what must be true of the
// links of each gift.
type model struct {
	*simulation.World
	rng     *rand.Rand
	gifts   map[string]*modelGift // by transaction id
	history []string
	names   int
	struck  strikes // what happened to it

	archivedHold bool
	dropsLinks   bool     // a link made in haste may be gone without a word, as if people had removed it
	held         []string // addresses of deleted contacts, where those keep them
	narrowed     bool     // HubSpot refused links for a while, which are due again however old the gift
}

// A modelGift is what has come about with one gift.
type modelGift struct {
	contact string              // whose company and deals it follows; "" for an orphan
	known   map[string][]string // every record it was ever linked to, by type; ids of then
	gone    bool                // people deleted its record, or merged it into another's
	open    bool                // people did what the rules leave open: see [model.rules]
	mixed   bool                // another's record was merged into its own
	others  map[string][]string // what that one was linked to, which the program may learn too late

	unfinished bool // a run that died has linked it to its contact, and does not know
}

func newModel(t *testing.T, seed uint64) *model {
	rng := rand.New(rand.NewPCG(seed, 0x6d6f64656c))
	coin := func() bool { return rng.IntN(2) == 0 }
	hs := hubspottest.Options{
		Seed: seed, SearchLag: modelLag, ComputedLag: modelLag,
		SecondaryByEmail: coin(), ArchivedHoldUnique: coin(), NoTraceEcho: coin(), TextIDs: coin(), NoAssociationsErrors: coin(),
		InvalidLinks: []hubspottest.InvalidLinks{hubspottest.RefuseRecord, hubspottest.DropLink, hubspottest.WriteThenRefuse}[rng.IntN(3)],
	}
	if coin() {
		hs.AssociationPage = 2
	}
	w := simulation.New(t, hs, thnksapitest.Options{PageLimit: 25})
	w.Bounds.WindowRows, w.Bounds.SliceGifts = 5+rng.IntN(40), 1+rng.IntN(20)
	w.Rules.MaxDeals, w.Rules.Lookback = 1+rng.IntN(4), 40*simulation.Day
	time.Sleep(100 * simulation.Day) // a bubble begins in 2000, and times before that count for nothing
	m := &model{World: w, rng: rng, gifts: make(map[string]*modelGift), archivedHold: hs.ArchivedHoldUnique, dropsLinks: hs.InvalidLinks == hubspottest.DropLink}
	m.Thnks.Add(thnksapitest.Generate(thnksapitest.Data{Seed: seed, N: 30, Recipients: 14, Start: time.Now().Add(-70 * simulation.Day)})...)
	for i, address := range []string{"", "nobody", "  "} {
		m.Thnks.Update(fmt.Sprintf("T-%06d", 3+i), func(tx *thnksapitest.Transaction) { tx.Recipient.Email = address })
	}
	for range 9 {
		m.createContact()
	}
	// The label has to exist.
	m.tie(m.contact(), m.Portal.AddDeal(nil), true)
	if coin() {
		m.Rules.DealLabel = modelLabel
	}
	m.note("options %+v, label %q, at most %d deals, windows of %d, slices of %d", hs, m.Rules.DealLabel, m.Rules.MaxDeals, w.Bounds.WindowRows, w.Bounds.SliceGifts)
	return m
}

func (m *model) note(format string, args ...any) {
	m.history = append(m.history, time.Now().Format("01-02 15:04 ")+fmt.Sprintf(format, args...))
}

// round lets people and Thnks act, and then checks what two passes make of it.
func (m *model) round() {
	for range 2 + m.rng.IntN(9) {
		m.act()
		time.Sleep(time.Duration(m.rng.IntN(300)) * time.Second)
	}
	if m.rng.IntN(3) == 0 && !m.dropsLinks {
		m.hasty()
	}
	pause := 2 * time.Hour
	if m.rng.IntN(3) > 0 {
		pause = 8 * simulation.Day
	}
	time.Sleep(pause)

	before := m.state()
	started := time.Now()
	for _, mode := range []giftsync.Mode{giftsync.Incremental, giftsync.ReassociateAll} {
		rep := m.Must(mode)
		m.note("%s: created %d, updated %d, unchanged %d, links %d, skipped %v", rep.Mode, rep.Created, rep.Updated, rep.Unchanged, rep.AssociationsCreated, rep.Skipped)
		if rep.Quarantined > 0 {
			m.T.Errorf("%s: %d quarantined", mode, rep.Quarantined)
		}
		time.Sleep(modelSettled)
	}
	m.checkRound(before, started)
	if m.T.Failed() {
		return
	}
	settled := m.Portal.Snapshot()
	for _, mode := range []giftsync.Mode{giftsync.Incremental, giftsync.ReassociateAll, giftsync.Reassociate} {
		rep := m.Must(mode)
		if rep.Created+rep.Updated+rep.AssociationsCreated > 0 {
			m.T.Errorf("%s: a pass over what is settled creates %d, updates %d, makes %d links", mode, rep.Created, rep.Updated, rep.AssociationsCreated)
		}
	}
	if diff := cmp.Diff(settled, m.Portal.Snapshot()); diff != "" {
		m.T.Errorf("passes over what is settled change the portal (-before +after):\n%s", diff)
	}
}

// hasty is a pass that comes while HubSpot still shows old values. What it makes
// of them is not judged, but stands.
func (m *model) hasty() {
	m.act()
	before := m.state()
	rep := m.Must(giftsync.Incremental)
	m.note("in haste: created %d, updated %d, links %d", rep.Created, rep.Updated, rep.AssociationsCreated)
	for id, links := range m.state() {
		g := m.gift(id)
		for kind, ids := range links {
			made := without(ids, before[id][kind])
			g.known[kind] = union(g.known[kind], made)
			if kind == "contacts" && len(made) > 0 {
				g.contact = made[0]
			}
		}
	}
}

func (m *model) gift(id string) *modelGift {
	g := m.gifts[id]
	if g == nil {
		g = &modelGift{known: make(map[string][]string), others: make(map[string][]string)}
		m.gifts[id] = g
	}
	return g
}

// state are the links of every gift that has a record, by transaction.
func (m *model) state() map[string]map[string][]string {
	state := make(map[string]map[string][]string)
	for r := range m.Portal.Records("thnks") {
		state[r.Properties["thnks_transaction_id"]] = m.Links(r.ID)
	}
	return state
}

// checkRound compares every gift with the rules, and takes over what they
// have become.
func (m *model) checkRound(before map[string]map[string][]string, at time.Time) {
	m.T.Helper()
	records := make(map[string]hubspottest.Record)
	for r := range m.Portal.Records("thnks") {
		if id := r.Properties["thnks_transaction_id"]; records[id].ID == "" {
			records[id] = r
		} else {
			m.T.Errorf("transaction %s has two records", id)
		}
	}
	st := m.Open()
	defer st.Close()
	for _, tx := range m.Thnks.Transactions() {
		g := m.gift(tx.ID)
		r, exists := records[tx.ID]
		if g.gone || !exists {
			if exists != !g.gone {
				m.T.Errorf("transaction %s: record there %v, but deleted by people %v", tx.ID, exists, g.gone)
			}
			continue
		}
		want, got := simulation.ValuesDue(tx), make(map[string]string)
		for k, v := range want {
			if got[k] = r.Properties[k]; g.mixed && v == "" {
				got[k] = "" // the merge filled it in
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			m.T.Errorf("transaction %s: record differs (-want +got):\n%s", tx.ID, diff)
		}
		after := m.Links(r.ID)
		m.judge(tx, g, before[tx.ID], after, at)
		for kind, ids := range after {
			g.known[kind] = union(m.now(kind, g.known[kind]), ids)
		}
		have, ok, err := st.Gift(tx.ID)
		if err != nil || !ok || have.ObjectID != r.ID || (have.Orphan == "") != (len(after["contacts"]) > 0) && !g.open {
			m.T.Errorf("transaction %s: the journal has record %s, orphan %q; want %s with contacts %v (%v, %v)", tx.ID, have.ObjectID, have.Orphan, r.ID, after["contacts"], ok, err)
		}
		for kind, typ := range simulation.LinkTypes {
			for _, id := range after[typ] {
				if !knowsLink(have, kind, id) {
					m.T.Errorf("transaction %s: the journal does not know the link to %s %s", tx.ID, kind, id)
				}
			}
		}
	}
}

// judge compares a gift's links before and after the passes.
func (m *model) judge(tx thnksapitest.Transaction, g *modelGift, before, after map[string][]string, at time.Time) {
	m.T.Helper()
	due, allowed := m.linksDue(tx, g, before, at)
	for _, kind := range []string{"contacts", "companies", "deals"} {
		for _, id := range union(before[kind], due[kind]) {
			if !slices.Contains(after[kind], id) {
				m.T.Errorf("transaction %s (contact %q): lacks %s %s; has %v, had %v, is due %v", tx.ID, g.contact, kind, id, after[kind], before[kind], due[kind])
			}
		}
		for _, id := range after[kind] {
			if !slices.Contains(union(before[kind], due[kind], allowed[kind]), id) {
				m.T.Errorf("transaction %s (contact %q): %s %s must not be linked; had %v, is due %v, may %v, once had %v", tx.ID, g.contact, kind, id, before[kind], due[kind], allowed[kind], g.known[kind])
			}
		}
	}
	if c := after["contacts"]; len(c) == 1 {
		g.contact = c[0]
	}
}

// now are the ids under which HubSpot has the records today, after merges.
// Deleted ones keep theirs.
func (m *model) now(kind string, ids []string) []string {
	var now []string
	for _, id := range ids {
		if r, ok := m.Portal.Record(kind, id); ok {
			id = r.ID
		}
		now = append(now, id)
	}
	return union(now)
}

// knowsLink reports whether the journal has a link as made.
func knowsLink(s plan.Stored, k plan.Kind, id string) bool {
	return slices.ContainsFunc(s.Links, func(l plan.Link) bool { return l.Kind == k && l.ID == id && !l.Refused })
}

// union returns each element of the lists once, sorted.
func union(lists ...[]string) []string {
	set := make(map[string]bool)
	for _, l := range lists {
		for _, s := range l {
			set[s] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

func without(list, drop []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(drop, s) })
}
