package sync_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestEngineAgainstAModel plays histories that a seed decides: what happens at
// Thnks and in the portals of one installation, which events come in, what the
// servers do wrong, and at which of its steps the program dies. All the time,
// and with the file opened again after every death, it checks what must never
// happen; and when the servers are well again, that two passes bring about what
// both ends say, and a further one nothing.
//
// THNKS_ENGINE_SEEDS is how many histories, and THNKS_ENGINE_SEED the first or,
// alone, the only one.
func TestEngineAgainstAModel(t *testing.T) {
	t.Parallel()
	seeds, first := uint64(100), uint64(1)
	if simulation.RaceDetector {
		seeds = 20
	}
	if n, err := strconv.ParseUint(os.Getenv("THNKS_ENGINE_SEED"), 10, 64); err == nil {
		first, seeds = n, 1
	}
	if n, err := strconv.ParseUint(os.Getenv("THNKS_ENGINE_SEEDS"), 10, 64); err == nil {
		seeds = n
	}
	var played, last atomic.Uint64
	t.Cleanup(func() {
		t.Logf("%d histories, the last of seed %d", played.Load(), last.Load())
		struck.report(t, seeds)
	})
	var failed atomic.Bool
	for n := range runtime.GOMAXPROCS(0) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			for !failed.Load() {
				seed := first + played.Add(1) - 1
				if seed >= first+seeds {
					return
				}
				last.Store(seed)
				watched(seed, func() { synctest.Test(t, func(t *testing.T) { play(t, seed) }) })
				if t.Failed() {
					failed.Store(true)
				}
			}
		})
	}
}

// watched has a life come to its end. What hangs in the fake time of its bubble
// never does, and what is deadlocked there panics out here; neither comes to say
// whose life it was.
func watched(seed uint64, live func()) {
	const patience = 2 * time.Minute // of a life that takes a second on a slow machine
	dog := time.AfterFunc(patience, func() {
		debug.SetTraceback("all") // where it hangs
		panic(fmt.Sprintf("seed %d does not come to its end in %v; %s", seed, patience, again(seed)))
	})
	defer dog.Stop()
	defer func() {
		if v := recover(); v != nil {
			panic(fmt.Sprintf("seed %d: %v; %s", seed, v, again(seed)))
		}
	}()
	live()
}

// again is how to play a history again as nearly as can be: with one processor,
// what happens at the same time comes in one order mostly.
func again(seed uint64) string {
	return fmt.Sprintf("to play it again: GOMAXPROCS=1 THNKS_ENGINE_SEED=%d go test -count=1 -run '^TestEngineAgainstAModel$' ./sync", seed)
}

// A scope is the size of a history: how many there are of each at most.
type scope struct{ portals, rounds, episodes, gifts, contacts, acts int }

var (
	small  = scope{portals: 1, rounds: 1, episodes: 1, gifts: 7, contacts: 4, acts: 6}
	medium = scope{portals: 2, rounds: 2, episodes: 2, gifts: 12, contacts: 7, acts: 9}
	large  = scope{portals: 3, rounds: 3, episodes: 3, gifts: 20, contacts: 11, acts: 11}
)

// scopeOf chooses a small world mostly. Almost everything that can go wrong does
// so in one too (Jackson, Software Abstractions, calls it the small scope
// hypothesis), and six of them take the time of a large one.
func scopeOf(rng *rand.Rand) scope {
	switch n := rng.IntN(40); {
	case n < 36:
		return small
	case n < 39:
		return medium
	default:
		return large
	}
}

// widen lets a small world have a second portal or a second episode at times.
func (s *scope) widen(rng *rand.Rand) {
	if *s != small {
		return
	}
	if rng.IntN(12) == 0 {
		s.portals = 2
	}
	if rng.IntN(4) == 0 {
		s.episodes = 2
	}
}

// play plays the history of a seed. Played again it is the same, but for the
// random waits between the program's tries, after which things may come in
// another order.
func play(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0x706c6179))
	scope := scopeOf(rng)
	scope.widen(rand.New(rand.NewPCG(seed, 0x7769646e)))
	lives := make([]*life, 1+rng.IntN(scope.portals))
	var secrets []string
	for n := range lives {
		secrets = append(secrets, canary(n))
	}
	done := false
	defer func() {
		if t.Failed() || !done {
			for _, l := range lives {
				if l != nil {
					t.Logf("seed %d, portal %s; what happened:\n  %s", seed, l.name, strings.Join(l.history, "\n  "))
				}
			}
			t.Log(again(seed))
		}
	}()
	time.Sleep(time.Until(time.Date(2026, 6, 9, 0, 0, 0, 0, time.UTC))) // a bubble begins in 2000, and times before that count for nothing
	for n := range lives {
		lives[n] = newLife(t, scope, seed, n, secrets)
		lives[n].others = lives
		defer lives[n].struck.into(&struck)
		lives[n].rest = lives[0].rest
	}
	for range 1 + rng.IntN(scope.rounds) {
		for _, l := range lives {
			l.acts()
		}
		sideBySide(rng, lives)
		for range 1 + rng.IntN(scope.episodes) {
			for _, n := range rng.Perm(len(lives)) {
				lives[n].badly()
			}
		}
		for _, l := range lives {
			if l.settle(); t.Failed() {
				return
			}
		}
	}
	done = true
}

// TestCrashAtEveryStepOfALife plays the same history of one portal again and
// again, and kills the program at each step of what it does during it.
func TestCrashAtEveryStepOfALife(t *testing.T) {
	t.Parallel()
	seeds, stride := uint64(2), 1
	if simulation.RaceDetector {
		seeds, stride = 1, 5
	}
	for seed := range seeds {
		simulation.EveryStep(t, stride, func(t *testing.T, step int) bool {
			l := newLife(t, large, 1_000_000+seed, 0, []string{canary(0)})
			defer func() {
				if t.Failed() {
					t.Logf("seed %d, step %d; what happened:\n  %s", seed, step, strings.Join(l.history, "\n  "))
				}
			}()
			req := giftsync.Request{Mode: giftsync.Backfill}
			if l.acts(); seed > 0 { // what is there already changes
				l.settle()
				for range 3 {
					l.acts()
				}
				req.Mode = giftsync.Incremental
			}
			alive := l.episode(req, step)
			l.settle()
			return alive
		})
	}
}

// canary is a word that stands in every secret of a portal and in everything
// about the people of its gifts, and nowhere else.
func canary(n int) string { return []string{"qzalpha", "qzbravo", "qzcharlie"}[n] }

// A life is one portal, its Thnks account, and the state file of the program
// between them, through several lives of that program.
type life struct {
	*model
	scope   scope
	name    string
	canary  string
	secrets []string // the canaries of all portals

	out    simulation.LogBuffer // what the program logged
	steps  simulation.Steps     // of the program's present life
	file   *store.Store         // of the same
	noting sync.Mutex
	odd    *rand.Rand             // decides what happens during a pass
	rowing *rand.Rand             // decides what rows are like that are not as usual
	stamps map[string][]time.Time // by marker of a version: those it had before it was touched
	calm   bool                   // nothing happens during a pass

	versions    map[string][]thnksapitest.Transaction // of each transaction, in order
	lost        map[string]bool                       // transactions that Thnks has deleted
	nameless    int                                   // rows without an id
	limits      bool                                  // HubSpot enforces its limits
	accompanied bool                                  // the other portals have their episodes at the same time
	faulty      bool                                  // a server has a fault now
	repeats     bool                                  // Thnks will repeat a page of the next listing

	mail     []store.Event // on their way
	received []store.Event // that the inbox has acknowledged
	keys     int
	forgot   lostFile
	rest     stilling

	graves graveyard

	shows map[string][]time.Time // since when each version can be seen

	drifts                 // what is wrong with the portal and Thnks
	others []*life         // the installation's portals
	shown  map[string]seen // each record, when it was last looked at
	reread time.Time       // when the last full reading of Thnks that ended well began
}

func newLife(t testing.TB, scope scope, seed uint64, n int, secrets []string) *life {
	rng := rand.New(rand.NewPCG(seed, 0x6c696665+uint64(n)))
	coin := func() bool { return rng.IntN(2) == 0 }
	hs := hubspottest.Options{
		Seed: seed, SearchLag: modelLag, ComputedLag: modelLag, Token: "pat-" + secrets[n],
		SecondaryByEmail: coin(), ArchivedHoldUnique: coin(), NoTraceEcho: coin(), TextIDs: coin(), NoAssociationsErrors: coin(),
		InvalidLinks: []hubspottest.InvalidLinks{hubspottest.RefuseRecord, hubspottest.DropLink, hubspottest.WriteThenRefuse}[rng.IntN(3)],
		ID:           62515 + int64(n), FirstID: 20_000_000_000 + int64(n)*1_000_000_000,
	}
	if coin() {
		hs.AssociationPage = 2
	}
	limits := coin()
	if limits {
		hs.Limits = hubspottest.Limits{Burst: 110, SearchPerSecond: 5, AssociationsPer10s: 100}
	}
	w := simulation.New(t, hs, thnksapitest.Options{PageLimit: 2 + rng.IntN(9), Keys: map[string]string{"key-" + secrets[n]: ""}})
	w.Bounds.WindowRows, w.Bounds.SliceGifts, w.Bounds.CacheSlots = 3+rng.IntN(15), 1+rng.IntN(8), simulation.LeastSlots
	w.Keys = []string{"key-" + secrets[n]}
	w.Rules.MaxDeals, w.Rules.Lookback, w.Rules.Companies = 1+rng.IntN(4), 40*simulation.Day, rng.IntN(4) > 0
	l := &life{
		model: &model{
			World: w, rng: rng, gifts: make(map[string]*modelGift),
			archivedHold: hs.ArchivedHoldUnique, dropsLinks: hs.InvalidLinks == hubspottest.DropLink,
		},
		scope: scope, name: fmt.Sprint("p", n), canary: secrets[n], secrets: secrets, limits: limits,
		rest: make(stilling, 1), forgot: lostFile{falling: make(map[string]bool), showed: make(map[string]string)}, graves: graveyard{back: make(map[string]bool), rose: make(map[string]bool)},
		odd:      rand.New(rand.NewPCG(seed, 0x6f6464+uint64(n))),
		rowing:   rand.New(rand.NewPCG(seed, 0x726f7773+uint64(n))),
		stamps:   make(map[string][]time.Time),
		versions: make(map[string][]thnksapitest.Transaction), lost: make(map[string]bool), shown: make(map[string]seen), shows: make(map[string][]time.Time),
	}
	w.Logger = slog.New(slog.NewTextHandler(&l.out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.Configure = func(c *giftsync.Config) {
		c.Portal, c.Logger = l.name, w.Logger
		c.Sources[0].Key = "default"
		c.Inbox = l.steps.Inbox(c.Inbox)
	}
	w.WrapHubSpot = l.wire
	w.WrapThnks = l.askingThnks
	w.WrapJournal = l.steps.Journal
	l.found()
	l.note("options %+v; label %q, at most %d deals, companies %v, windows of %d, slices of %d", hs, w.Rules.DealLabel, w.Rules.MaxDeals, w.Rules.Companies, w.Bounds.WindowRows, w.Bounds.SliceGifts)
	return l
}

// found makes the gifts and people that there are at first.
func (l *life) found() {
	n := 1 + l.rng.IntN(l.scope.gifts)
	ugly := l.rowing.IntN(6) == 0
	for _, tx := range thnksapitest.Generate(thnksapitest.Data{Seed: l.rng.Uint64(), N: n, Recipients: 1 + l.rng.IntN(l.scope.gifts), Start: time.Now().Add(-70 * simulation.Day)}) {
		if ugly && l.rowing.IntN(2) == 0 {
			tx = l.mar(tx)
		}
		if l.rng.IntN(12) == 0 {
			tx.Recipient.Email = []string{"", "nobody", "  "}[l.rng.IntN(3)]
		}
		if l.rng.IntN(6) == 0 {
			tx.Gift.Type = "" // which a rule may require
		}
		l.add(tx)
	}
	for range l.rng.IntN(3) {
		tx := thnksapitest.Generate(thnksapitest.Data{Seed: l.rng.Uint64(), N: 1})[0]
		tx.ID, tx.RequestID, tx.UpdatedAt = "", "", time.Now().Add(-time.Hour)
		l.addNameless(tx)
	}
	for range 1 + l.rng.IntN(l.scope.contacts) {
		l.createContact()
	}
	if l.rng.IntN(2) == 0 {
		l.tie(l.contact(), l.Portal.AddDeal(nil), true) // the label has to exist
		l.Rules.DealLabel = modelLabel
	}
}

// addNameless adds a row without an id, unlike any other.
func (l *life) addNameless(tx thnksapitest.Transaction) {
	l.nameless++
	l.personal(&tx)
	tx.TrackingURL = marker("", l.nameless)
	l.Thnks.Add(tx)
}

// personal puts the canary into everything about people.
func (l *life) personal(tx *thnksapitest.Transaction) {
	for _, p := range []*thnksapitest.Person{&tx.Sender, &tx.Recipient} {
		p.FirstName = l.canary + p.FirstName
		if a := strings.TrimSpace(p.Email); strings.Index(a, "@") > 0 { // what has nothing before it must not become an address
			p.Email = strings.Replace(p.Email, a, l.canary+"."+a, 1)
		}
	}
	tx.Message = l.canary + " " + tx.Message
}
