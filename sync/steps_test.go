package sync

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"thnks-hubspot-sync/store"
)

// A steps is what one process does, step by step: each of its HubSpot calls and
// commits has a step before it takes effect and one after. At one of them the
// process may die: no answer arrives any more, and nothing it does afterwards
// has an effect.
type steps struct {
	t testing.TB

	mu     sync.Mutex
	at     int // the step to die at, 0 for none
	taken  int
	dead   bool
	where  string // it died
	cancel context.CancelFunc

	committing sync.Mutex
	file       *os.File // the state file, opened a second time
	committed  uint64   // its commit after the last step

	calling sync.Mutex
	calls   int               // that were let through to HubSpot
	wrote   map[string]string // those that wrote, by what HubSpot calls them: path
}

// Where a process may die.
const (
	beforeCall   = "death before a call"
	afterCall    = "death after a call"
	beforeCommit = "death before a commit"
	afterCommit  = "death after a commit"
)

// errDead is what a dead process would say.
var errDead = errors.New("the process is dead")

// begin begins the steps of a process that works on the state file of a path and
// dies at a step, 0 for none. It then calls cancel, which ends the process.
func (s *steps) begin(t testing.TB, at int, path string, cancel context.CancelFunc) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	s.t, s.at, s.taken, s.dead, s.where, s.cancel = t, at, 0, false, "", cancel
	s.calls, s.wrote = 0, make(map[string]string)
	s.file, s.committed = file, commitOf(file)
}

// end closes the file.
func (s *steps) end() { s.file.Close() }

// take takes a step and reports whether the process is dead now.
func (s *steps) take(where string) (dead bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		return true
	}
	s.taken++
	if s.taken == s.at {
		s.dead, s.where = true, where
		s.cancel()
	}
	return s.dead
}

// now is how many steps were taken, at which of them the process was to die, and
// whether it has.
func (s *steps) now() (taken, at int, dead bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken, s.at, s.dead
}

// death is where the process died, "" where it did not.
func (s *steps) death() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.where
}

// transport makes two steps of every call.
func (s *steps) transport(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		if s.take(beforeCall) {
			return nil, errDead
		}
		resp, err := next.RoundTrip(req)
		if s.take(afterCall) {
			if err == nil {
				resp.Body.Close()
			}
			return nil, errDead
		}
		return resp, err
	})
}

// arrived counts a call that HubSpot got. Where its answer, which may be nil, says
// that something was written, that is kept for [steps.writes].
func (s *steps) arrived(req *http.Request, resp *http.Response) error {
	s.calling.Lock()
	defer s.calling.Unlock()
	s.calls++
	if resp == nil || resp.StatusCode/100 != 2 || !strings.HasSuffix(req.URL.Path, "/batch/create") && !strings.HasSuffix(req.URL.Path, "/batch/update") ||
		strings.HasPrefix(req.URL.Path, "/crm/properties/") {
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if bytes.Contains(body, []byte(`"results":[{`)) {
		s.wrote[resp.Header.Get("X-HubSpot-Correlation-Id")] = req.URL.Path
	}
	return err
}

// arrivals is how many calls HubSpot got.
func (s *steps) arrivals() int {
	s.calling.Lock()
	defer s.calling.Unlock()
	return s.calls
}

// writes are the paths of the calls that wrote, by correlation id.
func (s *steps) writes() map[string]string {
	s.calling.Lock()
	defer s.calling.Unlock()
	return maps.Clone(s.wrote)
}

// commit does something that commits once, and checks that nothing else did
// since the last time.
func (s *steps) commit(do func() error) error {
	s.committing.Lock()
	defer s.committing.Unlock()
	s.checkFile()
	err := do()
	s.committed = commitOf(s.file)
	return err
}

// checkFile checks that nothing but numbered steps has changed the file.
func (s *steps) checkFile() {
	s.t.Helper()
	if id := commitOf(s.file); id != s.committed {
		s.t.Errorf("the file is at commit %d, and the last numbered step left it at %d", id, s.committed)
	}
}

// mortalCommit is commit for what the process itself commits.
func (s *steps) mortalCommit(do func() error) error {
	return s.commit(func() error {
		if s.take(beforeCommit) {
			return errDead
		}
		err := do()
		if s.take(afterCommit) {
			return errDead
		}
		return err
	})
}

// journal makes two steps of every commit.
func (s *steps) journal(j Journal) Journal { return mortalJournal{j, s} }

type mortalJournal struct {
	Journal
	steps *steps
}

func (j mortalJournal) Commit(c store.Commit) error {
	return j.steps.mortalCommit(func() error { return j.Journal.Commit(c) })
}

// inbox makes two steps of clearing the inbox, which commits as well.
func (s *steps) inbox(i Inbox) Inbox { return mortalInbox{i, s} }

type mortalInbox struct {
	Inbox
	steps *steps
}

func (i mortalInbox) Expire(ctx context.Context, now time.Time) (n int, err error) {
	err = i.steps.mortalCommit(func() error {
		n, err = i.Inbox.Expire(ctx, now)
		return err
	})
	return n, err
}

// commitID is the number of the file's newest commit, 0 where there is no file.
func commitID(path string) uint64 {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	return commitOf(f)
}

// commitOf is the number of the newest commit: what bbolt calls the id of the
// transaction, in the newer of the file's meta pages.
func commitOf(f *os.File) uint64 {
	var newest uint64
	for page := range int64(2) {
		var id [8]byte
		const header, before = 16, 48 // of a page, and of the id in a meta page
		if _, err := f.ReadAt(id[:], page*int64(os.Getpagesize())+header+before); err == nil {
			newest = max(newest, binary.NativeEndian.Uint64(id[:]))
		}
	}
	return newest
}
