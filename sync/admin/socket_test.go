package admin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/doctor"
	"thnks-hubspot-sync/sync/stats"
)

// TestServiceOverSocket sends values with every field set through the socket.
func TestServiceOverSocket(t *testing.T) {
	t.Parallel()
	const portal = "acme-1"
	statuses := filled[[]giftsync.Status](1)
	asked, statistics := filled[stats.Query](7), filled[stats.Report](2)
	findings := filled[[]doctor.Finding](3)
	list := filled[giftsync.QuarantineList](4)
	for i := range chunk + 7 {
		list.Records = append(list.Records, filled[giftsync.QuarantineRecord](i))
		list.Groups = append(list.Groups, filled[giftsync.QuarantineGroup](i))
	}
	row := giftsync.QuarantinedRow{Record: list.Records[0], Row: []byte("{\"a\":\xff\x00 1}\n")}
	query, events := filled[giftsync.EventQuery](5), filled[giftsync.EventList](6)
	d := start(t, fake{
		events: func(_ context.Context, p string, q giftsync.EventQuery) (giftsync.EventList, error) {
			if q != query {
				return giftsync.EventList{}, fmt.Errorf("asked for %+v, want %+v", q, query)
			}
			return events, want(p, portal)
		},
		replay: func(_ context.Context, p string, seqs []uint64) (int, error) {
			return len(seqs), want(p, portal)
		},
		status: func(context.Context) ([]giftsync.Status, error) { return statuses, nil },
		stop:   func(_ context.Context, p string) (bool, error) { return p == portal, nil },
		stats: func(_ context.Context, p string, q stats.Query) (stats.Report, error) {
			if q != asked {
				return stats.Report{}, fmt.Errorf("asked for %+v, want %+v", q, asked)
			}
			return statistics, want(p, portal)
		},
		quarantine: func(_ context.Context, p string) (giftsync.QuarantineList, error) { return list, want(p, portal) },
		show: func(_ context.Context, p, key string) (giftsync.QuarantinedRow, error) {
			if key != "T-17 / é" {
				return giftsync.QuarantinedRow{}, fmt.Errorf("asked for %q", key)
			}
			return row, want(p, portal)
		},
		drop: func(_ context.Context, p string, keys []string) (int, error) {
			return len(keys), want(p, portal)
		},
		check: func(_ context.Context, p string) ([]doctor.Finding, error) { return findings, want(p, portal) },
	}, nil)
	c, ctx := mustDial(t, d.path), t.Context()

	gotStatus, err := c.Status(ctx)
	same(t, "Status", gotStatus, statuses, err)
	gotStats, err := c.Stats(ctx, portal, asked)
	same(t, "Stats", gotStats, statistics, err)
	gotFindings, err := c.Check(ctx, portal)
	same(t, "Check", gotFindings, findings, err)
	gotList, err := c.Quarantine(ctx, portal)
	same(t, "Quarantine", gotList, list, err)
	gotRow, err := c.ShowQuarantined(ctx, portal, "T-17 / é")
	same(t, "ShowQuarantined", gotRow, row, err)
	dropped, err := c.DropQuarantined(ctx, portal, []string{"a", "b", "c"})
	same(t, "DropQuarantined", dropped, 3, err)
	gotEvents, err := c.Events(ctx, portal, query)
	same(t, "Events", gotEvents, events, err)
	replayed, err := c.Replay(ctx, portal, []uint64{1, 1 << 63})
	same(t, "Replay", replayed, 2, err)
	for name, want := range map[string]bool{portal: true, "other": false, "a&portal=b / é": false, "": false} {
		stopped, err := c.Stop(ctx, name)
		same(t, "Stop "+name, stopped, want, err)
	}
}

// TestEmptyListsOverSocket: an empty list stays empty and nil stays nil: they
// are printed differently.
func TestEmptyListsOverSocket(t *testing.T) {
	t.Parallel()
	for _, list := range []giftsync.QuarantineList{
		{Portal: "acme"},
		{Portal: "acme", Records: []giftsync.QuarantineRecord{}, Groups: []giftsync.QuarantineGroup{}},
	} {
		d := start(t, fake{
			status:     func(context.Context) ([]giftsync.Status, error) { return nil, nil },
			quarantine: func(context.Context, string) (giftsync.QuarantineList, error) { return list, nil },
		}, nil)
		got, err := mustDial(t, d.path).Quarantine(t.Context(), "acme")
		same(t, "Quarantine", got, list, err)
		statuses, err := mustDial(t, d.path).Status(t.Context())
		same(t, "Status", statuses, nil, err)
	}
}

func want(got, want string) error {
	if got != want {
		return fmt.Errorf("portal %q, want %q", got, want)
	}
	return nil
}

func same[T any](t *testing.T, what string, got, want T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestErrorsOverSocket(t *testing.T) {
	t.Parallel()
	misuse := errors.New("no such schedule")
	var reply error
	d := start(t, fake{
		run: func(_ context.Context, portal string, _ giftsync.Request, _ giftsync.Watcher) (giftsync.Report, error) {
			return giftsync.Report{Portal: portal, Fetched: 3}, reply
		},
		stats: func(context.Context, string, stats.Query) (stats.Report, error) { return stats.Report{}, reply },
		quarantine: func(context.Context, string) (giftsync.QuarantineList, error) {
			return giftsync.QuarantineList{}, reply
		},
	}, func(err error) bool { return errors.Is(err, misuse) })
	c, ctx := mustDial(t, d.path), t.Context()
	for _, tt := range []struct {
		reply          error
		usage, unknown bool
	}{
		{errors.New("HubSpot is away"), false, false},
		{fmt.Errorf("portal acme: %w", misuse), true, false},
		{fmt.Errorf("%w %q: it was not configured", giftsync.ErrUnknownPortal, "acme"), false, true},
		{context.Canceled, false, false},
	} {
		reply = tt.reply
		rep, runErr := c.Run(ctx, "acme", giftsync.Request{}, giftsync.Watcher{})
		if rep.Fetched != 3 {
			t.Errorf("%v: the report is lost: %+v", tt.reply, rep)
		}
		_, statsErr := c.Stats(ctx, "acme", stats.Query{})
		_, listErr := c.Quarantine(ctx, "acme")
		for _, err := range []error{runErr, statsErr, listErr} {
			var remote *RemoteError
			if !errors.As(err, &remote) || err.Error() != tt.reply.Error() || remote.Usage != tt.usage || errors.Is(err, giftsync.ErrUnknownPortal) != tt.unknown {
				t.Errorf("%v arrives as %#v", tt.reply, err)
			}
		}
	}
}

// TestPanics: a panic fails one request. Its text, which may quote a message,
// reaches neither the log nor the answer.
func TestPanics(t *testing.T) {
	t.Parallel()
	d := start(t, fake{
		run: func(context.Context, string, giftsync.Request, giftsync.Watcher) (giftsync.Report, error) {
			panic("NameCanary")
		},
		stats: func(context.Context, string, stats.Query) (stats.Report, error) {
			var none []int
			return stats.Report{TotalSent: none[3]}, nil
		},
		stop: func(context.Context, string) (bool, error) { return true, nil },
	}, nil)
	c, ctx := mustDial(t, d.path), t.Context()
	_, runErr := c.Run(ctx, "acme", giftsync.Request{}, giftsync.Watcher{})
	first := <-d.log
	_, statsErr := c.Stats(ctx, "acme", stats.Query{})
	second := <-d.log
	for _, err := range []error{runErr, statsErr} {
		if err == nil || err.Error() != errBug.Error() {
			t.Errorf("a panic arrives as %v", err)
		}
	}
	if !strings.Contains(first, "panic=string stack=") || !strings.Contains(first, "socket_test.go") || strings.Contains(first, "NameCanary") {
		t.Errorf("logged: %s", first)
	}
	if !strings.Contains(second, "index out of range") {
		t.Errorf("logged: %s", second)
	}
	if ok, err := c.Stop(ctx, "acme"); !ok || err != nil {
		t.Errorf("after the panics: %v, %v", ok, err)
	}
}

// TestOtherUsers: a process of another user is not answered, and a socket of
// another user is not used.
func TestOtherUsers(t *testing.T) {
	t.Parallel()
	d := start(t, fake{}, nil, func(s *server) { s.owner = os.Geteuid() + 1 })
	c := mustDial(t, d.path)
	_, err := c.Status(t.Context())
	var remote *RemoteError
	if !errors.As(err, &remote) || !strings.Contains(err.Error(), fmt.Sprintf("sudo -u '#%d'", os.Geteuid()+1)) {
		t.Errorf("Status: %v", err)
	}
	if line := <-d.log; !strings.Contains(line, fmt.Sprintf("uid=%d pid=%d", os.Geteuid(), os.Getpid())) {
		t.Errorf("logged: %s", line)
	}
	_, err = c.Run(t.Context(), "acme", giftsync.Request{}, giftsync.Watcher{})
	if !errors.As(err, &remote) {
		t.Errorf("Run: %v", err)
	}
	if err := os.Chown(d.path, 12345, -1); err != nil {
		return // only root can give a socket away, and not in a user namespace without other users
	}
	if _, err := Dial(d.path); err == nil || !strings.Contains(err.Error(), "belongs to user id 12345") {
		t.Errorf("Dial of another's socket: %v", err)
	}
}

// TestOtherVersions: a daemon and a command of different versions say so.
func TestOtherVersions(t *testing.T) {
	t.Parallel()
	d := start(t, fake{}, nil)
	for _, request := range []string{
		"GET /v2/status HTTP/1.1\r\n",
		"POST /v1/status HTTP/1.1\r\nContent-Length: 0\r\n",
		"POST /v1/stats HTTP/1.1\r\n",
		"POST /v1/stats?portal=acme&since=1 HTTP/1.1\r\n",
		"POST /v1/stats?portal=acme&portal=other HTTP/1.1\r\n",
		"POST /v1/stats?portal=%zz HTTP/1.1\r\n",
		"POST /v1/run?portal=acme HTTP/1.1\r\nContent-Length: 0\r\n",
	} {
		resp := raw(t, d.path, request+"Host: daemon\r\n\r\n")
		if body := text(t, resp); resp.StatusCode/100 != 4 || !strings.Contains(body, `"kind":"version"`) {
			t.Errorf("%q: %s %s", request, resp.Status, body)
		}
	}
	for _, body := range []string{`{"Mode":"sync","Colour":"red"}`, `{"Mode":"sync"} {}`, `{"Mode":7}`, `[]`, `{`} {
		resp := raw(t, d.path, fmt.Sprintf("POST /v1/run?portal=acme HTTP/1.1\r\nHost: daemon\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
		if answer := text(t, resp); resp.StatusCode != http.StatusBadRequest || !strings.Contains(answer, `"kind":"version"`) {
			t.Errorf("%s: %s %s", body, resp.Status, answer)
		}
	}

	for _, answer := range []string{
		"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n",
		"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n" + `{"error":{"kind":"version","text":"what?"}}`,
	} {
		path := pretend(t, answer)
		_, err := mustDial(t, path).Status(t.Context())
		if !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "restart it") {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

func TestBoundsOverSocket(t *testing.T) {
	t.Parallel()
	d := start(t, fake{}, nil)
	large := `{"Keys":["` + strings.Repeat("k", maxBody) + `"]}`
	large = large[:maxBody+1]
	resp := raw(t, d.path, fmt.Sprintf("POST /v1/run?portal=acme HTTP/1.1\r\nHost: daemon\r\nContent-Length: %d\r\n\r\n%s", len(large), large))
	if body := text(t, resp); resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(body, "name fewer keys") {
		t.Errorf("large body: %s %s", resp.Status, body)
	}
	resp = raw(t, d.path, "GET /v1/status HTTP/1.1\r\nHost: daemon\r\nX-Long: "+strings.Repeat("x", 2*maxHeader)+"\r\n\r\n")
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("large header: %s", resp.Status)
	}
}

// raw sends bytes and reads the answer.
func raw(t *testing.T, path, request string) *http.Response {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func text(t *testing.T, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// pretend answers every request on a socket with the same bytes and hangs up.
func pretend(t *testing.T, answer string) (path string) {
	t.Helper()
	path = socketPath(t)
	l := mustListen(t, path)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.WriteString(conn, answer)
			}
			conn.Close()
		}
	}()
	return path
}
