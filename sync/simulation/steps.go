package simulation

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
	giftsync "thnks-hubspot-sync/sync"
)

// Steps number what a process does to the world outside: each of its HubSpot calls
// and commits has a step before it takes effect and one after. At one of them the
// process may die. From then on it gets no answer and nothing it does has an effect.
type Steps struct {
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
	BeforeCall   = "death before a call"
	AfterCall    = "death after a call"
	BeforeCommit = "death before a commit"
	AfterCommit  = "death after a commit"
)

// ErrDead is what calls and commits of a dead process return.
var ErrDead = errors.New("the process is dead")

// Begin begins the steps of a process that works on the state file of a path. At
// step at, 0 for none, the process dies: its context is ended by cancel.
func (s *Steps) Begin(t testing.TB, at int, path string, cancel context.CancelFunc) {
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

// Close closes the file.
func (s *Steps) Close() { s.file.Close() }

// take takes a step and reports whether the process is dead now.
func (s *Steps) take(where string) (dead bool) {
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

// Now returns how many steps were taken, at which the process is to die, and
// whether it has.
func (s *Steps) Now() (taken, at int, dead bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken, s.at, s.dead
}

// Death returns where the process died, "" if it has not.
func (s *Steps) Death() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.where
}

// Transport makes two steps of every call.
func (s *Steps) Transport(next http.RoundTripper) http.RoundTripper {
	return RoundTripper(func(req *http.Request) (*http.Response, error) {
		if s.take(BeforeCall) {
			return nil, ErrDead
		}
		resp, err := next.RoundTrip(req)
		if s.take(AfterCall) {
			if err == nil {
				resp.Body.Close()
			}
			return nil, ErrDead
		}
		return resp, err
	})
}

// Arrived counts a call that HubSpot got. If its answer, which may be nil, says that
// records were written, [Steps.Writes] will have it.
func (s *Steps) Arrived(req *http.Request, resp *http.Response) error {
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

// Arrivals returns how many calls HubSpot got.
func (s *Steps) Arrivals() int {
	s.calling.Lock()
	defer s.calling.Unlock()
	return s.calls
}

// Writes returns the paths of the calls that wrote records, by correlation id.
func (s *Steps) Writes() map[string]string {
	s.calling.Lock()
	defer s.calling.Unlock()
	return maps.Clone(s.wrote)
}

// Commit does something that commits once and is no step of the process, and checks
// that nothing else has changed the file.
func (s *Steps) Commit(do func() error) error {
	s.committing.Lock()
	defer s.committing.Unlock()
	s.CheckFile()
	err := do()
	s.committed = commitOf(s.file)
	return err
}

// CheckFile checks that nothing but steps and [Steps.Commit] has changed the file.
func (s *Steps) CheckFile() {
	s.t.Helper()
	if id := commitOf(s.file); id != s.committed {
		s.t.Errorf("the file is at commit %d, and the last step left it at %d", id, s.committed)
	}
}

// Mortal is [Steps.Commit] for what the process commits itself, in two steps.
func (s *Steps) Mortal(do func() error) error {
	return s.Commit(func() error {
		if s.take(BeforeCommit) {
			return ErrDead
		}
		err := do()
		if s.take(AfterCommit) {
			return ErrDead
		}
		return err
	})
}

// Journal makes two steps of every commit.
func (s *Steps) Journal(j giftsync.Journal) giftsync.Journal { return mortalJournal{j, s} }

type mortalJournal struct {
	giftsync.Journal
	steps *Steps
}

func (j mortalJournal) Commit(c store.Commit) error {
	return j.steps.Mortal(func() error { return j.Journal.Commit(c) })
}

// Inbox makes two steps of clearing the inbox, which commits as well.
func (s *Steps) Inbox(i giftsync.Inbox) giftsync.Inbox { return mortalInbox{i, s} }

type mortalInbox struct {
	giftsync.Inbox
	steps *Steps
}

func (i mortalInbox) Expire(ctx context.Context, now time.Time) (n int, err error) {
	err = i.steps.Mortal(func() error {
		n, err = i.Inbox.Expire(ctx, now)
		return err
	})
	return n, err
}

// CommitID is the number of a state file's newest commit, 0 if there is no file.
func CommitID(path string) uint64 {
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
