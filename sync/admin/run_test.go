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
)

// TestRunFromAfar: the request, the news and the report arrive as they were,
// however long the list of changes.
func TestRunFromAfar(t *testing.T) {
	t.Parallel()
	req, rep := filled[giftsync.Request](1), filled[giftsync.Report](2)
	rep.Changes = nil
	for i := range chunk + 1 {
		rep.Changes = append(rep.Changes, filled[giftsync.PlannedChange](i))
	}
	waiting, progress := filled[giftsync.Status](3), filled[giftsync.Progress](4)
	failure := errors.New("HubSpot is away")
	step := make(chan struct{})
	d := start(t, desk{run: func(_ context.Context, portal string, got giftsync.Request, w Watcher) (giftsync.Report, error) {
		if diff := cmp.Diff(req, got); diff != "" || portal != "acme" {
			t.Errorf("portal %q, request (-sent +got):\n%s", portal, diff)
		}
		w.Waiting(waiting)
		<-step // so that the news are not told at once
		w.Progress(progress)
		return rep, failure
	}}, nil)
	req.From = "/tmp/export.csv"

	var told []any
	got, err := mustDial(t, d.path).Run(t.Context(), "acme", req, Watcher{
		Waiting: func(s giftsync.Status) {
			told = append(told, s)
			close(step)
		},
		Progress: func(p giftsync.Progress) { told = append(told, p) },
	})
	if err == nil || err.Error() != failure.Error() {
		t.Errorf("error %v", err)
	}
	same(t, "report", got, rep, nil)
	same(t, "news", told, []any{waiting, progress}, nil)
}

// TestLastNews: what was told just before the end arrives before it.
func TestLastNews(t *testing.T) {
	t.Parallel()
	const windows = 10_000 // enough for the reader to be behind at the end, now and then
	d := start(t, desk{run: func(_ context.Context, _ string, _ giftsync.Request, w Watcher) (giftsync.Report, error) {
		for i := range windows {
			w.Progress(giftsync.Progress{Done: i + 1})
		}
		return giftsync.Report{}, nil
	}}, nil)
	c := mustDial(t, d.path)
	for range 20 {
		last := 0
		_, err := c.Run(t.Context(), "acme", giftsync.Request{}, Watcher{Progress: func(p giftsync.Progress) {
			if p.Done <= last {
				t.Errorf("window %d is told after %d", p.Done, last)
			}
			last = p.Done
		}})
		if err != nil || last != windows {
			t.Fatalf("the last window told is %d, want %d: %v", last, windows, err)
		}
	}
}

// TestRunFromFile: the daemon does not stand where the command does.
func TestRunFromFile(t *testing.T) {
	t.Parallel()
	want, err := filepath.Abs("export.csv")
	if err != nil {
		t.Fatal(err)
	}
	d := start(t, desk{run: func(_ context.Context, _ string, got giftsync.Request, _ Watcher) (giftsync.Report, error) {
		if got.From != want {
			t.Errorf("from %q, want %q", got.From, want)
		}
		return giftsync.Report{}, nil
	}}, nil)
	if _, err := mustDial(t, d.path).Run(t.Context(), "acme", giftsync.Request{From: "export.csv"}, Watcher{}); err != nil {
		t.Error(err)
	}
}

// TestSlowReader: one who does not read holds no run up, and gets the newest
// news and the end when it reads at last.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	const windows = 5_000
	rep := giftsync.Report{Portal: "acme"}
	for i := range 2 * chunk {
		rep.Changes = append(rep.Changes, filled[giftsync.PlannedChange](i))
	}
	ran := make(chan struct{})
	d := start(t, desk{run: func(_ context.Context, _ string, _ giftsync.Request, w Watcher) (giftsync.Report, error) {
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
	told, last, changes := 0, 0, 0
	for lines := json.NewDecoder(resp.Body); ; {
		var l runLine
		if err := lines.Decode(&l); err != nil {
			t.Fatal(err)
		}
		if l.Progress != nil {
			told, last = told+1, l.Progress.Done
		}
		changes += len(l.Changes)
		if l.End != nil {
			break
		}
	}
	if last != windows || told == windows || changes != len(rep.Changes) {
		t.Errorf("told %d of %d windows, the last of them %d; %d of %d changes", told, windows, last, changes, len(rep.Changes))
	}
}

// TestAskerGone: a run goes on without its asker, a dry run does not.
func TestAskerGone(t *testing.T) {
	t.Parallel()
	finish, ended := make(chan struct{}), make(chan error)
	d := start(t, desk{run: func(ctx context.Context, _ string, _ giftsync.Request, w Watcher) (giftsync.Report, error) {
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
		_, err := mustDial(t, d.path).Run(ctx, "acme", req, Watcher{Progress: func(giftsync.Progress) { cancel() }})
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
		t.Errorf("the run that was left: %v", err)
	}

	finish = make(chan struct{}) // which nobody closes
	if err := leave(giftsync.Request{DryRun: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("leaving a dry run: %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the dry run that was left: %v", err)
	}
}

// TestDaemonGone: a command says what it knows when the line goes dead.
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
			_, err := c.Run(t.Context(), "acme", giftsync.Request{DryRun: dry}, Watcher{})
			if err == nil || !strings.HasPrefix(err.Error(), "the daemon ended or was stopped") || strings.Contains(err.Error(), "http://") {
				t.Errorf("%q: %v", answer, err)
			}
			if resumes := strings.Contains(fmt.Sprint(err), "it resumes with the daemon"); answer != "" && resumes == dry {
				t.Errorf("%q, dry run %v: %v", answer, dry, err)
			}
		}
		if _, err := c.Stats(t.Context(), "acme"); err == nil && !strings.Contains(answer, line) {
			t.Errorf("%q is taken for statistics", answer)
		}
		if _, err := c.Quarantine(t.Context(), "acme"); err == nil {
			t.Errorf("%q is taken for a quarantine", answer)
		}
	}
}

// TestStopping: whoever waits for a run when the daemon stops gets its report
// if it comes to a safe point in time, and otherwise a word.
func TestStopping(t *testing.T) {
	t.Parallel()
	for _, heeds := range []bool{true, false} {
		release := make(chan struct{})
		d := start(t, desk{
			run: func(ctx context.Context, _ string, _ giftsync.Request, w Watcher) (giftsync.Report, error) {
				w.Progress(giftsync.Progress{})
				<-ctx.Done()
				if !heeds {
					<-release
				}
				return giftsync.Report{Created: 7}, errors.New("interrupted; the next run resumes")
			},
			check: func(ctx context.Context, _ string) ([]giftsync.Finding, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			},
		}, nil, func(s *server) {
			if !heeds {
				s.grace = time.Millisecond
			}
		})
		c := mustDial(t, d.path)
		checked, stopped := make(chan error, 1), make(chan struct{})
		go func() {
			_, err := c.Check(t.Context(), "acme")
			checked <- err
		}()
		rep, err := c.Run(t.Context(), "acme", giftsync.Request{}, Watcher{Progress: func(giftsync.Progress) {
			go func() {
				d.stop()
				close(stopped)
			}()
		}})
		close(release)
		want, created := errStopping.Error(), 0
		if heeds {
			want, created = "interrupted; the next run resumes", 7
		}
		if err == nil || err.Error() != want || rep.Created != created {
			t.Errorf("heeds %v: %v, report %+v", heeds, err, rep)
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

// TestSilence: a run may be silent for hours, a body may not be for long.
func TestSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		s := newServer(ctx, desk{run: func(ctx context.Context, _ string, _ giftsync.Request, _ Watcher) (giftsync.Report, error) {
			select {
			case <-time.After(30 * time.Hour):
			case <-ctx.Done():
			}
			return giftsync.Report{Created: 7}, ctx.Err()
		}}, Options{})
		conn := l.dial()
		s.owner = peerOf(conn).uid // a pipe has none, and nobody is it
		served := make(chan error, 1)
		go func() { served <- s.serve(l) }()

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
