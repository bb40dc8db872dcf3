package sync

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/fnv"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"thnks-hubspot-sync/store"
)

// numbered are the steps of a life of the program: its HubSpot calls and its
// commits, each with a before and an after at which it may die.
type numbered struct {
	mortal
	committing sync.Mutex
	file       *os.File // the state file, beside the program
	committed  uint64   // its commit after the last step

	calling sync.Mutex
	calls   int               // that were let through to HubSpot
	wrote   map[string]string // those that wrote, by what HubSpot calls them: path
}

// begin begins a life that ends at a step, 0 for none.
func (n *numbered) begin(step int, cancel context.CancelFunc, path string) error {
	n.mortal.mu.Lock()
	defer n.mortal.mu.Unlock()
	n.step, n.taken, n.dead, n.where, n.cancel = step, 0, false, "", cancel
	n.calls, n.wrote = 0, make(map[string]string)
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	n.file, n.committed = file, commitOf(file)
	return nil
}

// now is how many steps were taken, and whether the program has died.
func (n *numbered) now() (taken int, dead bool) {
	n.mortal.mu.Lock()
	defer n.mortal.mu.Unlock()
	return n.taken, n.dead
}

// call counts a call and, where its answer says that something was written,
// keeps it for [life.audit].
func (n *numbered) call(req *http.Request, resp *http.Response) error {
	n.calling.Lock()
	defer n.calling.Unlock()
	n.calls++
	if resp == nil || resp.StatusCode/100 != 2 || !strings.HasSuffix(req.URL.Path, "/batch/create") && !strings.HasSuffix(req.URL.Path, "/batch/update") ||
		strings.HasPrefix(req.URL.Path, "/crm/properties/") {
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if bytes.Contains(body, []byte(`"results":[{`)) {
		n.wrote[resp.Header.Get("X-HubSpot-Correlation-Id")] = req.URL.Path
	}
	return err
}

// commit does what commits, and checks that nothing else did since the last.
func (n *numbered) commit(l *life, do func() error) error {
	n.committing.Lock()
	defer n.committing.Unlock()
	if id := commitOf(n.file); id != n.committed {
		l.t.Errorf("the file is at commit %d, and the last numbered step left it at %d", id, n.committed)
	}
	err := do()
	n.committed = commitOf(n.file)
	return err
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

type numberedJournal struct {
	Journal
	l *life
}

func (j numberedJournal) Commit(c store.Commit) error {
	return j.l.steps.commit(j.l, func() error {
		return mortalJournal{j.Journal, &j.l.steps.mortal}.Commit(c)
	})
}

type numberedInbox struct {
	Inbox
	l *life
}

func (i numberedInbox) Expire(ctx context.Context, now time.Time) (n int, err error) {
	err = i.l.steps.commit(i.l, func() error {
		if i.l.steps.tick(beforeCommit) {
			return errDead
		}
		if n, err = i.Inbox.Expire(ctx, now); i.l.steps.tick(afterCommit) {
			return errDead
		}
		return err
	})
	return n, err
}

// wire is what lies between the program and HubSpot. Calls take a time that
// depends on nothing but themselves, so that a seed means one history whatever
// the machine does meanwhile.
func (l *life) wire(next http.RoundTripper) http.RoundTripper {
	next = l.disturbed(next)
	return l.steps.transport(roundTripper(func(req *http.Request) (*http.Response, error) {
		body := l.sent(req)
		latency(req, body)
		resp, err := next.RoundTrip(req)
		if err != nil || l.faulty {
			_ = l.steps.call(req, nil)
			return resp, err
		}
		if resp.StatusCode == http.StatusTooManyRequests {
			l.t.Errorf("HubSpot saw more than its limit: %s %s", req.Method, req.URL.Path)
		}
		return resp, l.steps.call(req, resp)
	}))
}

// sent looks at what leaves for a server: there must be nothing of another
// portal in it.
func (l *life) sent(req *http.Request) []byte {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	for _, c := range l.secrets {
		if c == l.canary {
			continue
		}
		if bytes.Contains(body, []byte(c)) || strings.Contains(req.URL.String(), c) || strings.Contains(req.Header.Get("Authorization"), c) {
			l.t.Errorf("portal %s: %s %s carries something of another portal", l.name, req.Method, req.URL.Path)
		}
	}
	return body
}

// latency waits for up to a tenth of a second.
func latency(req *http.Request, body []byte) {
	h := fnv.New64a()
	_, _ = io.WriteString(h, req.Method+req.URL.String())
	_, _ = h.Write(body)
	time.Sleep(time.Duration(h.Sum64() % uint64(100*time.Millisecond)))
}

// askingThnks is what lies between the program and Thnks. Between two pages of a
// listing things may happen there.
func (l *life) askingThnks(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		latency(req, l.sent(req))
		if !l.calm && req.URL.Query().Has("cursor") && l.fault != pageRepeated { // a page that has changed would pass for another
			if l.odd.IntN(8) == 0 {
				l.meddle()
			}
			l.jostle()
		}
		return l.listed(req, next)
	})
}
