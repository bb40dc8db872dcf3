package listen_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/sync/listen"
)

// A door is a listener that connections in memory come through, and errors.
type door struct {
	next chan func() (net.Conn, error)
	once sync.Once
	done chan struct{}
}

func newDoor() *door {
	return &door{next: make(chan func() (net.Conn, error)), done: make(chan struct{})}
}

func (d *door) Accept() (net.Conn, error) {
	select {
	case f := <-d.next:
		return f()
	case <-d.done:
		return nil, net.ErrClosed
	}
}
func (d *door) Close() error   { d.once.Do(func() { close(d.done) }); return nil }
func (d *door) Addr() net.Addr { return address("192.0.2.250") }

// dial returns the client's end of a connection from that address.
func (d *door) dial(from string) net.Conn {
	theirs, ours := net.Pipe()
	d.next <- func() (net.Conn, error) { return conn{ours, address(from)}, nil }
	return theirs
}

// fail has the next accept fail.
func (d *door) fail(err error) {
	d.next <- func() (net.Conn, error) { return nil, err }
}

type address string

func (a address) Network() string { return "tcp" }
func (a address) String() string  { return string(a) }

type conn struct {
	net.Conn
	from address
}

func (c conn) RemoteAddr() net.Addr { return c.from }

// peer counts by address, except those of no peer.
func peer(a net.Addr) netip.Prefix {
	ip, err := netip.ParseAddr(a.String())
	if err != nil {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(ip, ip.BitLen())
}

// serving runs a server whose handler answers 200, except that /hold answers
// when it may, while f runs.
func serving(t *testing.T, inner net.Listener, o listen.Options, f func(release chan struct{})) {
	t.Helper()
	release := make(chan struct{})
	l := listen.New(inner, o)
	srv := &http.Server{ConnState: l.ConnState, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			<-release
		}
	})}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	f(release)
	srv.Close()
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve: %v", err)
	}
}

// ask sends a request and reports whether it was answered.
func ask(c net.Conn, path string) bool {
	go fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
	}
	return err == nil && res.StatusCode == 200
}

// open counts the connections that the server has not closed.
func open(conns []net.Conn) (indices []int) {
	for i, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(time.Nanosecond))
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			indices = append(indices, i)
		}
	}
	return indices
}

// TestWhoMakesRoom fills the places in several ways and checks whose connection
// is closed for the next one.
func TestWhoMakesRoom(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		from   string // of each connection, a letter each; a capital has had an answer
		next   string
		closed int // -1: the next one is refused or waits
	}{
		{"the oldest", "abcd", "e", -2},
		{"the peer with most", "abbc", "d", 1},
		{"the peer with most, itself", "abbc", "b", 1},
		{"never answered before answered", "aBbc", "d", 2},
		{"the longest idle", "aBBc", "d", 1},
		{"a peer's own at its limit", "bbbc", "b", 0},
		{"those of no peer are one", "..bb", "c", 2},
		{"those of no peer", "....", "c", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ip := func(letter rune) string {
					if letter == '.' {
						return "nobody"
					}
					return fmt.Sprintf("192.0.2.%d", strings.ToLower(string(letter))[0])
				}
				d := newDoor()
				serving(t, d, listen.Options{Places: 4, PerPeer: 3, Peer: peer}, func(chan struct{}) {
					var conns []net.Conn
					for _, letter := range tt.from {
						c := d.dial(ip(letter))
						if strings.ToUpper(string(letter)) == string(letter) && letter != '.' && !ask(c, "/") {
							t.Error("not served while places were free")
						}
						conns = append(conns, c)
						synctest.Wait()
					}
					late := d.dial(ip(rune(tt.next[0])))
					if !ask(late, "/") {
						t.Error("the next one is not served")
					}
					still := open(conns)
					if tt.closed == -2 && len(still) != 3 {
						t.Errorf("%v are still open", still)
					}
					if tt.closed >= 0 && (len(still) != 3 || slices.Contains(still, tt.closed)) {
						t.Errorf("%v are still open, want all but %d", still, tt.closed)
					}
					late.Close()
					for _, c := range conns {
						c.Close()
					}
				})
			})
		})
	}
}

// TestRequestsAreNotCutOff: with every place taken by a request the next
// connection waits, and a peer with its share is refused.
func TestRequestsAreNotCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		serving(t, d, listen.Options{Places: 4, PerPeer: 3, Peer: peer}, func(release chan struct{}) {
			var answers sync.WaitGroup
			var served atomic.Int32
			begin := func(from, path string) net.Conn {
				c := d.dial(from)
				answers.Go(func() {
					if ask(c, path) {
						served.Add(1)
					}
					c.Close()
				})
				synctest.Wait()
				return c
			}
			for range 3 {
				begin("192.0.2.1", "/hold")
			}
			if ask(d.dial("192.0.2.1"), "/") {
				t.Error("a peer has more than its share")
			}
			begin("192.0.2.2", "/hold")
			begin("192.0.2.3", "/")
			time.Sleep(time.Hour)
			if n := served.Load(); n != 0 {
				t.Errorf("%d were served without a place", n)
			}
			close(release)
			answers.Wait()
			if n := served.Load(); n != 5 {
				t.Errorf("%d of 5 were served", n)
			}
		})
	})
}

// TestFairShare: with every place taken by requests of one peer, its next
// connections are closed, so that another peer's is the next one to get a place.
func TestFairShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		serving(t, d, listen.Options{Places: 4, PerPeer: 8, Peer: peer}, func(release chan struct{}) {
			var held sync.WaitGroup
			for range 4 {
				c := d.dial("192.0.2.1")
				held.Go(func() { ask(c, "/hold"); c.Close() })
				synctest.Wait()
			}
			for range 10 {
				if ask(d.dial("192.0.2.1"), "/") {
					t.Error("a peer has more than its share")
				}
			}
			late := d.dial("192.0.2.2")
			answered := make(chan bool)
			go func() { answered <- ask(late, "/") }()
			synctest.Wait()
			release <- struct{}{} // one request ends
			if !<-answered {
				t.Error("another peer is not served next")
			}
			late.Close()
			close(release)
			held.Wait()
		})
	})
}

// TestFewGoBeforeMany: with all other places taken by requests of one peer, its
// next connection does not take the place of another peer's only one, which has
// not sent its request yet.
func TestFewGoBeforeMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		serving(t, d, listen.Options{Places: 4, PerPeer: 8, Peer: peer}, func(release chan struct{}) {
			var held sync.WaitGroup
			for range 3 {
				c := d.dial("192.0.2.1")
				held.Go(func() { ask(c, "/hold"); c.Close() })
			}
			fresh := d.dial("192.0.2.2")
			synctest.Wait()
			if ask(d.dial("192.0.2.1"), "/") {
				t.Error("a peer takes the place of one with fewer connections")
			}
			if !ask(fresh, "/") {
				t.Error("the other peer's connection was closed")
			}
			fresh.Close()
			close(release)
			held.Wait()
		})
	})
}

// TestShortageOfTheMachine: errors that pass do not end the server, and an hour of them is
// an error a minute in the log, with their count. Connections that wait make
// room, and a good one is served as soon as accepting works again.
func TestShortageOfTheMachine(t *testing.T) {
	t.Parallel()
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EPERM, syscall.ENETDOWN} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			d := newDoor()
			serving(t, d, listen.Options{Places: 4, Log: slog.New(slog.NewTextHandler(&log, nil))}, func(chan struct{}) {
				idle := d.dial("192.0.2.1")
				n := 0
				for began := time.Now(); time.Since(began) < time.Hour; n++ {
					d.fail(&net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", errno)})
				}
				if len(open([]net.Conn{idle})) > 0 {
					t.Errorf("%v: a connection without a request is still open", errno)
				}
				c := d.dial("192.0.2.2")
				if !ask(c, "/") {
					t.Errorf("%v: not served when it was over", errno)
				}
				c.Close()
				lines := strings.Count(log.String(), "\n")
				if lines < 59 || lines > 61 || n > 3700 || !strings.Contains(log.String(), "count=60") {
					t.Errorf("%v: %d errors in %d lines:\n%.600s", errno, n, lines, log.String())
				}
			})
		})
	}
}

// TestListenerGone: an error that lasts ends the server.
func TestListenerGone(t *testing.T) {
	t.Parallel()
	for _, err := range []error{net.ErrClosed, io.EOF, os.NewSyscallError("accept4", syscall.EINVAL), os.NewSyscallError("accept4", syscall.EBADF)} {
		d := newDoor()
		go d.fail(err)
		if _, got := listen.New(d, listen.Options{Places: 1}).Accept(); !errors.Is(got, err) {
			t.Errorf("%v ends with %v", err, got)
		}
	}
}

// TestCloseEndsWaiting: closing ends an accept that waits for a place, and one
// that waits after an error.
func TestCloseEndsWaiting(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*door, *listen.Listener){
		"for a connection": func(*door, *listen.Listener) {},
		"after an error":   func(d *door, _ *listen.Listener) { d.fail(syscall.EMFILE) },
		"for a place": func(d *door, l *listen.Listener) {
			go d.dial("192.0.2.2")
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := newDoor()
			l := listen.New(d, listen.Options{Places: 1})
			if name == "for a place" {
				go d.dial("192.0.2.1")
				c, err := l.Accept()
				if err != nil {
					t.Fatal(err)
				}
				l.ConnState(c, http.StateActive)
			}
			ended := make(chan error, 1)
			go func() {
				_, err := l.Accept()
				ended <- err
			}()
			begin(d, l)
			synctest.Wait()
			began := time.Now()
			l.Close()
			if err := <-ended; !errors.Is(err, net.ErrClosed) || time.Since(began) != 0 {
				t.Errorf("%s: after %v: %v", name, time.Since(began), err)
			}
		})
	}
}

// TestPlaceGoesOn: who waits for a place gets it when the request of another
// connection ends, and when that connection breaks off.
func TestPlaceGoesOn(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(l *listen.Listener, c net.Conn){
		"answered":   func(l *listen.Listener, c net.Conn) { l.ConnState(c, http.StateIdle) },
		"broken off": func(_ *listen.Listener, c net.Conn) { c.Close() },
	} {
		synctest.Test(t, func(t *testing.T) {
			d := newDoor()
			l := listen.New(d, listen.Options{Places: 1})
			go d.dial("192.0.2.1")
			first, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			l.ConnState(first, http.StateActive)
			go d.dial("192.0.2.2")
			placed := make(chan error, 1)
			go func() {
				_, err := l.Accept()
				placed <- err
			}()
			synctest.Wait()
			end(l, first)
			synctest.Wait()
			select {
			case err := <-placed:
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			default:
				t.Errorf("%s: the next connection still waits", name)
			}
			l.Close()
		})
	}
}

// TestShortageBesideAnswers: a connection is answered while the system has none left
// for the next one. The race detector judges.
func TestShortageBesideAnswers(t *testing.T) {
	t.Parallel()
	d := newDoor()
	l := listen.New(d, listen.Options{Places: 2})
	go d.dial("192.0.2.1")
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		l.ConnState(c, http.StateActive)
		l.ConnState(c, http.StateIdle)
	})
	done.Go(func() {
		go func() {
			d.fail(syscall.EMFILE)
			d.fail(net.ErrClosed)
		}()
		_, _ = l.Accept() // ends with the second error
	})
	done.Wait()
}
