package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/doctor"
	"thnks-hubspot-sync/sync/stats"
)

// TestRunOverSocket: the request, the progress and the report arrive unchanged,
// however long the list of changes is.
func TestRunOverSocket(t *testing.T) {
	t.Parallel()
	req, rep := filled[giftsync.Request](1), filled[giftsync.Report](2)
	rep.Changes = nil
	for i := range chunk + 1 {
		rep.Changes = append(rep.Changes, filled[giftsync.PlannedChange](i))
	}
	waiting, progress := filled[giftsync.Status](3), filled[giftsync.Progress](4)
	failure := errors.New("HubSpot is away")
	step := make(chan struct{})
	d := start(t, fake{run: func(_ context.Context, portal string, got giftsync.Request, w giftsync.Watcher) (giftsync.Report, error) {
		if diff := cmp.Diff(req, got); diff != "" || portal != "acme" {
			t.Errorf("portal %q, request (-sent +got):\n%s", portal, diff)
		}
		w.Waiting(waiting)
		<-step // so that the two are not sent together
		w.Progress(progress)
		return rep, failure
	}}, nil)
	req.From = "/tmp/export.csv"

	var seen []any
	got, err := mustDial(t, d.path).Run(t.Context(), "acme", req, giftsync.Watcher{
		Waiting: func(s giftsync.Status) {
			seen = append(seen, s)
			close(step)
		},
		Progress: func(p giftsync.Progress) { seen = append(seen, p) },
	})
	if err == nil || err.Error() != failure.Error() {
		t.Errorf("error %v", err)
	}
	same(t, "report", got, rep, nil)
	same(t, "progress", seen, []any{waiting, progress}, nil)
}

// TestLastProgress: progress that is reported just before the end arrives
// before it.
func TestLastProgress(t *testing.T) {
	t.Parallel()
	const windows = 10_000 // enough for the reader to be behind at the end, now and then
	d := start(t, fake{run: func(_ context.Context, _ string, _ giftsync.Request, w giftsync.Watcher) (giftsync.Report, error) {
		for i := range windows {
			w.Progress(giftsync.Progress{Done: i + 1})
		}
		return giftsync.Report{}, nil
	}}, nil)
	c := mustDial(t, d.path)
	for range 20 {
		last := 0
		_, err := c.Run(t.Context(), "acme", giftsync.Request{}, giftsync.Watcher{Progress: func(p giftsync.Progress) {
			if p.Done <= last {
				t.Errorf("window %d is reported after %d", p.Done, last)
			}
			last = p.Done
		}})
		if err != nil || last != windows {
			t.Fatalf("the last window reported is %d, want %d: %v", last, windows, err)
		}
	}
}

// TestRunFromFile: the command's file name is made absolute, because the daemon
// has another working directory.
func TestRunFromFile(t *testing.T) {
	t.Parallel()
	want, err := filepath.Abs("export.csv")
	if err != nil {
		t.Fatal(err)
	}
	d := start(t, fake{run: func(_ context.Context, _ string, got giftsync.Request, _ giftsync.Watcher) (giftsync.Report, error) {
		if got.From != want {
			t.Errorf("from %q, want %q", got.From, want)
		}
		return giftsync.Report{}, nil
	}}, nil)
	if _, err := mustDial(t, d.path).Run(t.Context(), "acme", giftsync.Request{From: "export.csv"}, giftsync.Watcher{}); err != nil {
		t.Error(err)
	}
}

// TestSlowReader: a client that does not read does not slow the run down. When
// it reads, it gets the newest progress and the end.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	const windows = 5_000
	rep := giftsync.Report{Portal: "acme"}
	for i := range 2 * chunk {
		rep.Changes = append(rep.Changes, filled[giftsync.PlannedChange](i))
	}
	ran := make(chan struct{})
	d := start(t, fake{run: func(_ context.Context, _ string, _ giftsync.Request, w giftsync.Watcher) (giftsync.Report, error) {
		for i := range windows {
			w.Progress(giftsync.Progress{Portal: "acme", Done: i + 1})
		}
		close(ran)
		return rep, nil
	}}, nil)
	conn, err := net.Dial("unix", d.path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /v1/run?portal=acme HTTP/1.1\r\nHost: daemon\r\nContent-Length: 2\r\n\r\n{}"); err != nil {
		t.Fatal(err)
	}
	<-ran

	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	seen, last, changes := 0, 0, 0
	for lines := json.NewDecoder(resp.Body); ; {
		var l runLine
		if err := lines.Decode(&l); err != nil {
			t.Fatal(err)
		}
		if l.Progress != nil {
			seen, last = seen+1, l.Progress.Done
		}
		changes += len(l.Changes)
		if l.End != nil {
			break
		}
	}
	if last != windows || seen == windows || changes != len(rep.Changes) {
		t.Errorf("got %d of %d windows, the last of them %d; %d of %d changes", seen, windows, last, changes, len(rep.Changes))
	}
}

// TestCallerGone: a run goes on when its caller disconnects, a dry run ends.
func TestCallerGone(t *testing.T) {
	t.Parallel()
	finish, ended := make(chan struct{}), make(chan error)
	d := start(t, fake{run: func(ctx context.Context, _ string, _ giftsync.Request, w giftsync.Watcher) (giftsync.Report, error) {
		w.Progress(giftsync.Progress{})
		select {
		case <-ctx.Done():
		case <-finish:
		}
		ended <- ctx.Err()
		return giftsync.Report{}, nil
	}}, nil)
	leave := func(req giftsync.Request) error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, err := mustDial(t, d.path).Run(ctx, "acme", req, giftsync.Watcher{Progress: func(giftsync.Progress) { cancel() }})
		return err
	}

	if err := leave(giftsync.Request{Mode: giftsync.Backfill}); !errors.Is(err, ErrGoesOn) {
		t.Errorf("leaving a run: %v", err)
	}
	if line := <-d.log; !strings.Contains(line, "the run goes on portal=acme mode=backfill") {
		t.Errorf("logged: %s", line)
	}
	close(finish)
	if err := <-ended; err != nil {
		t.Errorf("the run whose caller left: %v", err)
	}

	finish = make(chan struct{}) // never closed
	if err := leave(giftsync.Request{DryRun: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("leaving a dry run: %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the dry run whose caller left: %v", err)
	}
}

// TestDaemonGone: a command says what it knows when the connection is lost.
func TestDaemonGone(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
	line := `{"progress":{"Done":7}}` + "\n"
	for _, answer := range []string{
		"",
		head,
		head + fmt.Sprintf("%x\r\n%s\r\n", len(line), line),
		head + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(line), line),
		head + fmt.Sprintf("%x\r\n%s", len(line), line[:9]),
	} {
		c := mustDial(t, pretend(t, answer))
		for _, dry := range []bool{false, true} {
			_, err := c.Run(t.Context(), "acme", giftsync.Request{DryRun: dry}, giftsync.Watcher{})
			if err == nil || !strings.HasPrefix(err.Error(), "the daemon ended or was stopped") || strings.Contains(err.Error(), "http://") {
				t.Errorf("%q: %v", answer, err)
			}
			if resumes := strings.Contains(fmt.Sprint(err), "it resumes with the daemon"); answer != "" && resumes == dry {
				t.Errorf("%q, dry run %v: %v", answer, dry, err)
			}
		}
		if _, err := c.Stats(t.Context(), "acme", stats.Query{}); err == nil && !strings.Contains(answer, line) {
			t.Errorf("%q is taken for statistics", answer)
		}
		if _, err := c.Quarantine(t.Context(), "acme"); err == nil {
			t.Errorf("%q is taken for a quarantine", answer)
		}
	}
}

// TestStopping: when the daemon stops, the caller of a run gets its report if
// the run reaches a safe point in time, and an explanation otherwise.
func TestStopping(t *testing.T) {
	t.Parallel()
	for _, stops := range []bool{true, false} {
		release := make(chan struct{})
		d := start(t, fake{
			run: func(ctx context.Context, _ string, _ giftsync.Request, w giftsync.Watcher) (giftsync.Report, error) {
				w.Progress(giftsync.Progress{})
				<-ctx.Done()
				if !stops {
					<-release
				}
				return giftsync.Report{Created: 7}, errors.New("interrupted; the next run resumes")
			},
			check: func(ctx context.Context, _ string) ([]doctor.Finding, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			},
		}, nil, func(s *server) {
			if !stops {
				s.grace = time.Millisecond
			}
		})
		c := mustDial(t, d.path)
		checked, stopped := make(chan error, 1), make(chan struct{})
		go func() {
			_, err := c.Check(t.Context(), "acme")
			checked <- err
		}()
		rep, err := c.Run(t.Context(), "acme", giftsync.Request{}, giftsync.Watcher{Progress: func(giftsync.Progress) {
			go func() {
				d.stop()
				close(stopped)
			}()
		}})
		close(release)
		want, created := errStopping.Error(), 0
		if stops {
			want, created = "interrupted; the next run resumes", 7
		}
		if err == nil || err.Error() != want || rep.Created != created {
			t.Errorf("run stops %v: %v, report %+v", stops, err, rep)
		}
		<-stopped
		if err := <-checked; err == nil {
			t.Error("a check outlives the daemon")
		}
		if _, err := Dial(d.path); !errors.Is(err, ErrNotRunning) {
			t.Errorf("Dial after the end: %v", err)
		}
		if _, err := c.Status(t.Context()); !errors.Is(err, ErrNotRunning) {
			t.Errorf("Status after the end: %v", err)
		}
	}
}

// TestSilentCallers: a run may report nothing for hours, but a request's body must
// arrive soon.
func TestSilentCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		s := newServer(ctx, fake{run: func(ctx context.Context, _ string, _ giftsync.Request, _ giftsync.Watcher) (giftsync.Report, error) {
			select {
			case <-time.After(30 * time.Hour):
			case <-ctx.Done():
			}
			return giftsync.Report{Created: 7}, ctx.Err()
		}}, Options{})
		conn := l.dial()
		s.owner = peerOf(conn).uid // a pipe has no user
		served := make(chan error, 1)
		go func() { served <- serve(ctx, l, s.handler(), s.grace, s.log) }()

		const head = "POST /v1/run?portal=acme HTTP/1.1\r\nHost: daemon\r\nConnection: close\r\nContent-Length: 15\r\n\r\n"
		go func() { _, _ = io.WriteString(conn, head+`{"DryRun":true}`) }()
		answer, err := io.ReadAll(conn)
		if err != nil || !strings.Contains(string(answer), `"created":7`) || strings.Contains(string(answer), `"error":{`) {
			t.Errorf("a long run: %s, %v", answer, err)
		}

		began := time.Now()
		conn = l.dial()
		go func() { _, _ = io.WriteString(conn, head) }()
		if answer, err = io.ReadAll(conn); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
			t.Errorf("no body: %s, %v", answer, err)
		}
		if took := time.Since(began); took < bodyTimeout || took > bodyTimeout+time.Second {
			t.Errorf("a body was waited for for %v, want %v", took, bodyTimeout)
		}
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}
