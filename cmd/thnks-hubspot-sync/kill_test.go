package main

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot/hubspottest"
)

// A moment is when, around a request, the one who makes it is killed.
type moment int

const (
	before moment = iota // before the request has its effect
	after                // after the effect, and before the answer
	later                // a while after the answer: between requests, in the midst of a commit
)

// A shot kills around a request.
type shot struct {
	request int // its number; 0 for never
	when    moment
	late    time.Duration // how long after the answer, if it is to come later
}

// A sniper stands before handlers and calls fire at one of their requests.
type sniper struct {
	mu   sync.Mutex
	shot // its request counts down; when that is passed already it never fires
	fire func()
}

// guard puts the sniper before a handler.
func (s *sniper) guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.request--
		now, when, late, fire := s.request == 0, s.when, s.late, s.fire
		s.mu.Unlock()
		switch {
		case !now:
			h.ServeHTTP(w, r)
			return
		case when == later:
			h.ServeHTTP(w, r)
			time.AfterFunc(late, fire)
			return
		case when == after:
			h.ServeHTTP(httptest.NewRecorder(), r)
		}
		fire()
		panic(http.ErrAbortHandler)
	})
}

// aim has the requests counted from now on.
func (s *sniper) aim(at shot, fire func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shot, s.fire = at, fire
}

// fromEnv reads a number that makes a test longer than usual.
func fromEnv(t *testing.T, name string, usual int) int {
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// killSeed is what the moments of the kills are drawn from: THNKS_KILL_SEED, or
// else another one every time.
func killSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(fromEnv(t, "THNKS_KILL_SEED", int(time.Now().UnixNano())))
	t.Logf("THNKS_KILL_SEED=%d", seed)
	return seed
}

// killsPerPortal lets a backfill be killed at most of its stages, and then
// rebuilds.
const killsPerPortal = 12

// A killer kills the backfills of one portal.
type killer struct {
	rng   *rand.Rand
	left  int // kills
	spree *spree
}

// within draws a time.
func (k *killer) within(d time.Duration) time.Duration {
	return time.Duration(k.rng.Int64N(int64(d)))
}

// A spree counts kills by the stage that the backfill had come to.
type spree struct {
	mu    sync.Mutex
	kills map[stage]int
}

func (s *spree) add(at stage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kills[at]++
}

// strike starts a backfill and kills it at a moment chosen at random, unless it
// ends before or no kills are left. It reports whether the backfill ended well.
// Either way what is left behind must be sound.
func (k *killer) strike(t *testing.T, c *prey) (ended bool) {
	t.Helper()
	cmd := backfill(c.dir)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	started := make(chan struct{})
	fire := func() {
		<-started
		_ = cmd.Process.Kill() // it may have ended by itself
	}
	var at shot
	byTime := k.left > 0 && k.rng.IntN(8) == 0
	if k.left > 0 && !byTime {
		at = shot{1 + k.rng.IntN(c.reach), moment(k.rng.IntN(3)), k.within(30 * time.Millisecond)}
	}
	c.sniper.aim(at, fire)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	if byTime { // on its way to its first request, or soon after
		time.AfterFunc(k.within(25*time.Millisecond), fire)
	}
	_ = cmd.Wait() // how it ended is in its state
	came := c.inspect(t)
	code := cmd.ProcessState.ExitCode()
	switch {
	case code < 0:
		k.left--
		k.spree.add(came)
	case status(code) != done && status(code) != quarantined:
		t.Errorf("a run failed by itself: %v", cmd.ProcessState)
	}
	if t.Failed() {
		t.Fatalf("the run before had said:\n%s", output.Bytes())
	}
	return code >= 0
}

// TestKill kills the real program with SIGKILL in the midst of backfills, around
// requests to both vendors and at moments chosen at random, and lets it resume
// each time. Whenever it is dead, its state file must be sound and claim nothing
// that HubSpot does not hold (see inspect). Whenever a backfill has come to its
// end, the portal must hold what an undisturbed one of the same source makes:
// nothing missing, nothing doubled, every link made. Then the state file is
// lost, and the next backfill, which must rebuild it, is killed in its turn.
// THNKS_KILLS makes it longer. THNKS_KILL_SEED has the kills drawn again as they
// were; how far a real process has come by then differs.
func TestKill(t *testing.T) {
	t.Parallel()
	kills := fromEnv(t, "THNKS_KILLS", killsPerPortal)
	portals := (kills + killsPerPortal - 1) / killsPerPortal
	seed := killSeed(t)

	end := time.Now().Truncate(time.Second)
	want := make(map[int]map[string]holding) // by kind
	for i := range portals {
		kind := kindOf(i)
		if want[kind] != nil {
			continue
		}
		c := newPrey(t, kind, end)
		if !new(killer).strike(t, c) {
			t.Fatal("the undisturbed backfill did not end")
		}
		want[kind] = held(t, c.portal)
	}

	s := &spree{kills: make(map[stage]int)}
	t.Run("portal", func(t *testing.T) {
		for i := range portals {
			kind := kindOf(i)
			k := &killer{
				rng: rand.New(rand.NewPCG(seed, uint64(i))), spree: s,
				left: min(killsPerPortal, kills-i*killsPerPortal),
			}
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				k.chase(t, newPrey(t, kind, end), want[kind])
			})
		}
	})
	t.Logf("killed %d times: %v", kills, s.kills)
	for _, at := range []stage{atObject, firstWindow, middleWindow, lastWindow, atRebuild} {
		if kills >= 200 && s.kills[at] == 0 {
			t.Errorf("no kill was at stage %q", at)
		}
	}
}

// chase kills backfills of a portal until no kills are left, and compares what
// each that ends has made.
func (k *killer) chase(t *testing.T, c *prey, want map[string]holding) {
	for {
		for !k.strike(t, c) {
			// The next one resumes.
		}
		c.holds(t, want)
		if k.left == 0 {
			return
		}
		if err := os.Remove(c.state()); err != nil {
			t.Fatal(err)
		}
		c.lost, c.committed = true, nil
	}
}

// backfill is the program's process, not yet started.
func backfill(dir string) *exec.Cmd {
	return exec.Command("thnks-hubspot-sync", "sync", "--backfill", "--config", filepath.Join(dir, "config.yaml"))
}

// A holding is what a portal holds of one gift.
type holding struct {
	Properties map[string]string
	Links      map[string][]string
}

// held returns a portal's gifts by transaction id, and fails on doubles.
func held(t *testing.T, p *hubspottest.Portal) map[string]holding {
	t.Helper()
	all := make(map[string]holding)
	for r := range p.Records(sandboxObject) {
		id := r.Properties["thnks_transaction_id"]
		if _, doubled := all[id]; doubled {
			t.Errorf("HubSpot holds %s twice", id)
		}
		h := holding{Properties: r.Properties, Links: make(map[string][]string)}
		for _, own := range []string{"hs_object_id", "hs_createdate", "hs_lastmodifieddate"} {
			delete(h.Properties, own)
		}
		for kind, links := range p.Links(sandboxObject, r.ID) {
			for _, l := range links {
				h.Links[kind] = append(h.Links[kind], l.ToID)
			}
			slices.Sort(h.Links[kind])
		}
		all[id] = h
	}
	return all
}

// holds compares the portal with what it should hold.
func (c *prey) holds(t *testing.T, want map[string]holding) {
	t.Helper()
	got := held(t, c.portal)
	if len(got) != len(want) {
		t.Errorf("HubSpot holds %d gifts, want %d", len(got), len(want))
	}
	different := 0
	for id := range want {
		if diff := cmp.Diff(want[id], got[id]); diff != "" {
			if different++; different < 4 {
				t.Errorf("%s differs:\n%s", id, diff)
			}
		}
	}
	if different > 0 {
		t.Errorf("%d gifts differ", different)
	}
}
