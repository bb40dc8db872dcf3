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
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// A moment is when, around a request, the one who makes it is killed.
type moment int

const (
	before moment = iota // before the request has its effect
	after                // after the effect, and before the answer
	later                // up to 50 ms after the answer: between requests, in the midst of a commit
)

// A sniper stands before a handler and calls fire at one request.
type sniper struct {
	http.Handler
	mu   sync.Mutex
	left int // requests until it fires; it never does when that is passed already
	when moment
	fire func()
}

func (s *sniper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.left--
	now, when, fire := s.left == 0, s.when, s.fire
	s.mu.Unlock()
	switch {
	case !now:
		s.Handler.ServeHTTP(w, r)
		return
	case when == later:
		s.Handler.ServeHTTP(w, r)
		time.AfterFunc(rand.N(50*time.Millisecond), fire)
		return
	case when == after:
		s.Handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	fire()
	panic(http.ErrAbortHandler)
}

// aim fires at the request of that number from now on; 0 holds fire.
func (s *sniper) aim(request int, when moment, fire func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left, s.when, s.fire = request, when, fire
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

// TestKill kills the real program with SIGKILL in the middle of a backfill,
// again and again, around requests to both vendors chosen at random, and lets
// it resume each time. In the end the portal must hold what an undisturbed
// backfill of the same source makes: nothing missing, nothing doubled, every
// link made. THNKS_KILLS and THNKS_KILL_TRANSACTIONS make it longer.
func TestKill(t *testing.T) {
	t.Parallel()
	kills := fromEnv(t, "THNKS_KILLS", 12)
	data := thnksapitest.Data{
		Seed: 11, N: fromEnv(t, "THNKS_KILL_TRANSACTIONS", 1500), End: time.Now().Truncate(time.Second),
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))

	w := newWorld(t, data)
	hubspotGate, thnksGate := &sniper{Handler: w.portal}, &sniper{Handler: w.thnks}
	hubspot, thnks := httptest.NewServer(hubspotGate), httptest.NewServer(thnksGate)
	defer hubspot.Close()
	defer thnks.Close()
	dir := t.TempDir()
	if err := writeConfig(dir, hubspot.URL, thnks.URL); err != nil {
		t.Fatal(err)
	}
	// About half of the calls that a backfill takes: the first runs die on the
	// way, the later ones near the end.
	calls := 10 + data.N/200

	killed := 0
	for tries := 0; killed < kills && tries < 3*kills; tries++ {
		cmd := backfill(dir)
		var output bytes.Buffer
		cmd.Stdout, cmd.Stderr = &output, &output
		started := make(chan struct{})
		fire := func() {
			<-started
			_ = cmd.Process.Kill() // it may have ended by itself
		}
		hubspotGate.aim(1+rng.IntN(calls), moment(rng.IntN(3)), fire)
		thnksGate.aim(0, before, nil)
		if rng.IntN(6) == 0 {
			hubspotGate.aim(0, before, nil)
			thnksGate.aim(1+rng.IntN(1+data.N/500), moment(rng.IntN(3)), fire)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		close(started)
		err := cmd.Wait()
		switch {
		case cmd.ProcessState.ExitCode() < 0:
			killed++
		case err != nil:
			t.Fatalf("run %d failed by itself: %v\n%s", tries, err, output.Bytes())
		}
		if err == nil {
			// Done before its turn came: the next one has lost its state file, and
			// rebuilds it from what is in the portal.
			if err := os.Remove(filepath.Join(dir, "state", "acme.db")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if killed < kills {
		t.Errorf("killed %d times, want %d", killed, kills)
	}
	hubspotGate.aim(0, before, nil)
	thnksGate.aim(0, before, nil)
	if out, err := backfill(dir).CombinedOutput(); err != nil {
		t.Fatalf("the last run failed: %v\n%s", err, out)
	}

	calm := newWorld(t, data)
	calmHubSpot, calmThnks := httptest.NewServer(calm.portal), httptest.NewServer(calm.thnks)
	defer calmHubSpot.Close()
	defer calmThnks.Close()
	calmDir := t.TempDir()
	if err := writeConfig(calmDir, calmHubSpot.URL, calmThnks.URL); err != nil {
		t.Fatal(err)
	}
	if out, err := backfill(calmDir).CombinedOutput(); err != nil {
		t.Fatalf("the undisturbed backfill failed: %v\n%s", err, out)
	}
	if n := calm.portal.Count(sandboxObject); n != data.N {
		t.Fatalf("the undisturbed backfill made %d records of %d transactions", n, data.N)
	}
	want, got := held(t, calm.portal), held(t, w.portal)
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
	t.Logf("killed %d times; %d gifts, %d different", killed, len(got), different)
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
