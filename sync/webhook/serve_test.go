package webhook_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/sync/webhook"
)

// A switchboard is a listener for connections in memory, so that tests of slow
// clients take no real time.
type switchboard struct {
	calls chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newSwitchboard() *switchboard {
	return &switchboard{calls: make(chan net.Conn), done: make(chan struct{})}
}

func (s *switchboard) Accept() (net.Conn, error) {
	select {
	case c := <-s.calls:
		return c, nil
	case <-s.done:
		return nil, net.ErrClosed
	}
}
func (s *switchboard) Close() error   { s.once.Do(func() { close(s.done) }); return nil }
func (s *switchboard) Addr() net.Addr { return address("192.0.2.250:8080") }

// dial returns the client's end of a connection from that address.
func (s *switchboard) dial(from string) net.Conn {
	theirs, ours := net.Pipe()
	s.calls <- peer{ours, address(from)}
	return theirs
}

type address string

func (a address) Network() string { return "tcp" }
func (a address) String() string  { return string(a) }

type peer struct {
	net.Conn
	from address
}

func (p peer) RemoteAddr() net.Addr { return p.from }

// serving runs the site's server while f runs, and checks that Serve returns
// nil.
func serving(t *testing.T, l net.Listener, h http.Handler, log *slog.Logger, f func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- webhook.Serve(ctx, l, h, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, log) }()
	f()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// raw is a valid request as bytes on the wire.
func raw(scheme scheme, body string) string {
	var b strings.Builder
	r := request(scheme, body)
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: sync.example.com\r\nContent-Length: %d\r\n", r.URL.Path, len(body))
	_ = r.Header.Write(&b)
	return b.String() + "\r\n" + body
}

func TestServes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving(t, l, s, discard, func() {
		for _, scheme := range schemes {
			r := request(scheme, opened)
			r.RequestURI, r.URL.Scheme, r.URL.Host = "", "http", l.Addr().String()
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			wellFormed(t, res)
			res.Body.Close()
			if res.StatusCode != 200 || len(s.inboxes[scheme.name].take()) != 1 {
				t.Errorf("%s: %s", scheme.name, res.Status)
			}
		}
		http.DefaultClient.CloseIdleConnections()
	})
}

func TestServeFails(t *testing.T) {
	t.Parallel()
	l := newSwitchboard()
	l.Close()
	err := webhook.Serve(t.Context(), l, http.NotFoundHandler(), nil, discard)
	if err == nil || !errors.Is(err, net.ErrClosed) {
		t.Errorf("a listener that failed gives %v", err)
	}
}

// TestSlowClients opens slow connections of each kind and checks when the
// server closes them, and that it serves a good sender meanwhile.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, begin string
		drip        byte // sent once a second after the beginning; 0 for nothing
		limit       time.Duration
	}{
		{"silent", "", 0, 5 * time.Second},
		{"slow header", "POST /webhooks/standard/gift-events HTTP/1.1\r\nX-A: ", 'a', 5 * time.Second},
		{"slow body", strings.TrimSuffix(raw(schemes[0], opened), opened), ' ', 4 * time.Second},
		{"no body", strings.TrimSuffix(raw(schemes[0], opened), opened), 0, 4 * time.Second},
		{"slow body to nowhere", "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", ' ', 10 * time.Second},
		{"idle", raw(schemes[0], opened), 0, 30 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, l := newSite(t), newSwitchboard()
				serving(t, l, s, discard, func() {
					begin := time.Now()
					c := l.dial("192.0.2.1:1")
					if tt.name == "idle" {
						tt.begin = raw(schemes[0], opened) // with the bubble's time
					}
					var clients sync.WaitGroup
					clients.Go(func() {
						for _, err := io.WriteString(c, tt.begin); err == nil && tt.drip != 0; _, err = c.Write([]byte{tt.drip}) {
							time.Sleep(time.Second)
						}
					})
					clients.Go(func() {
						good := l.dial("192.0.2.2:1")
						defer good.Close()
						go io.WriteString(good, raw(schemes[1], opened))
						if res, err := http.ReadResponse(bufio.NewReader(good), nil); err != nil || res.StatusCode != 200 {
							t.Errorf("a good sender got %v, %v", res, err)
						}
					})
					_, _ = io.Copy(io.Discard, c) // until the server closes it
					if took := time.Since(begin); took > tt.limit+time.Second {
						t.Errorf("closed after %v", took)
					}
					c.Close()
					clients.Wait()
				})
			})
		})
	}
}

// TestManyConnections checks which connections are counted by address: with 64
// requests under way, the next connection of that address is closed. Those that
// wait for a request make room.
func TestManyConnections(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		from          string
		busy, limited bool
	}{
		{"192.0.2.1", true, true},
		{"2001:db8::1", true, true},
		{"10.0.0.1", true, false},
		{"127.0.0.1", true, false},
		{"::1", true, false},
		{"192.0.2.1", false, false},
		{"10.0.0.1", false, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, l := newSite(t), newSwitchboard()
			serving(t, l, s, discard, func() {
				var open []net.Conn
				for i := range 64 {
					c := l.dial(net.JoinHostPort(tt.from, fmt.Sprint(i+1)))
					if tt.busy { // with a body that does not come
						_, _ = io.WriteString(c, strings.TrimSuffix(raw(schemes[0], opened), opened))
					}
					open = append(open, c)
				}
				synctest.Wait()
				// serves reports whether one more connection gets an answer.
				serves := func() bool {
					c := l.dial(net.JoinHostPort(tt.from, "99"))
					defer c.Close()
					go io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
					res, err := http.ReadResponse(bufio.NewReader(c), nil)
					return err == nil && res.StatusCode == 405
				}
				if serves() == tt.limited {
					t.Errorf("%s: connection 65 is served: %v", tt.from, !tt.limited)
				}
				open[0].Close()
				synctest.Wait()
				if !serves() {
					t.Errorf("%s: no connection is served after one was closed", tt.from)
				}
				for _, c := range open {
					c.Close()
				}
			})
		})
	}
}

// TestUnverifiedCrowd checks that one client behind a proxy cannot have more
// than 64 requests under way, and that others are served meanwhile.
func TestUnverifiedCrowd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, l := newSite(t, "10.0.0.0/8"), newSwitchboard()
		serving(t, l, s, discard, func() {
			send := func(client, head, body string) net.Conn {
				c := l.dial("10.0.0.1:1")
				_, _ = io.WriteString(c, strings.Replace(head, "\r\n", "\r\nX-Forwarded-For: "+client+"\r\n", 1))
				go io.WriteString(c, body)
				return c
			}
			status := func(c net.Conn) int {
				defer c.Close()
				res, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Error(err)
					return 0
				}
				wellFormed(t, res)
				return res.StatusCode
			}
			head := strings.TrimSuffix(raw(schemes[0], opened), opened)
			var open []net.Conn
			for range 64 {
				open = append(open, send("198.51.100.1", head, ""))
			}
			synctest.Wait()
			if got := status(send("198.51.100.1", head, opened)); got != 429 {
				t.Errorf("request 65 is answered %d", got)
			}
			if got := status(send("198.51.100.2", head, opened)); got != 200 {
				t.Errorf("another client is answered %d", got)
			}
			for _, c := range open {
				if got := status(c); got != 408 {
					t.Errorf("a body that never came is answered %d", got)
				}
			}
			if got := status(send("198.51.100.1", strings.TrimSuffix(raw(schemes[0], opened), opened), opened)); got != 200 {
				t.Errorf("after they ended the client is answered %d", got)
			}
		})
	})
}

// TestLongConnection checks that a connection is closed after its hundredth
// request.
func TestLongConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, l := newSite(t), newSwitchboard()
		serving(t, l, s, discard, func() {
			c := l.dial("192.0.2.1:1")
			defer c.Close()
			answers := bufio.NewReader(c)
			for i := 1; i <= 100; i++ {
				go io.WriteString(c, raw(schemes[0], opened))
				res, err := http.ReadResponse(answers, nil)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, res.Body)
				if res.StatusCode != 200 || res.Close != (i == 100) {
					t.Fatalf("request %d: %s, close %v", i, res.Status, res.Close)
				}
			}
			if _, err := answers.ReadByte(); err == nil {
				t.Error("the connection stays open")
			}
		})
	})
}

// TestPanicClosesOneConnection checks that a panic in a handler closes one connection and writes
// one line to the log, which does not quote the request.
func TestPanicClosesOneConnection(t *testing.T) {
	t.Parallel()
	for want, fault := range map[string]func(secret string){
		"panic=string":       func(secret string) { panic(secret) },
		"index out of range": func(secret string) { _ = secret[len(secret):][0] },
	} {
		synctest.Test(t, func(t *testing.T) {
			log, l := new(syncBuffer), newSwitchboard()
			faulty := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { fault(r.Header.Get("X-Secret")) })
			serving(t, l, faulty, slog.New(slog.NewTextHandler(log, nil)), func() {
				c := l.dial("192.0.2.1:1")
				go io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nX-Secret: sesame\r\n\r\n")
				if got, _ := io.ReadAll(c); len(got) > 0 {
					t.Errorf("answered %s", got)
				}
			})
			if text := log.String(); strings.Count(text, "panic while answering") != 1 || !strings.Contains(text, want) || strings.Contains(text, "sesame") {
				t.Errorf("log lacks %q or has too much:\n%s", want, text)
			}
		})
	}
}

// TestStops checks that a request under way is answered when the server stops,
// and that one that never finishes does not delay the stop beyond the 9 s that
// the daemon has for it.
func TestStops(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ work, want time.Duration }{{3 * time.Second, 4 * time.Second}, {time.Hour, 8500 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			l := newSwitchboard()
			slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				select {
				case <-time.After(tt.work):
				case <-r.Context().Done():
				}
			})
			answered := make(chan bool, 1)
			begin := time.Now()
			serving(t, l, slow, discard, func() {
				c := l.dial("192.0.2.1:1")
				go io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
				go func() {
					_, err := http.ReadResponse(bufio.NewReader(c), nil)
					answered <- err == nil
				}()
				synctest.Wait()
			})
			if got := <-answered; got != (tt.work < 10*time.Second) {
				t.Errorf("a request of %v is answered at the end: %v", tt.work, got)
			}
			if took := time.Since(begin); took > tt.want {
				t.Errorf("the end took %v", took)
			}
		})
	}
}
