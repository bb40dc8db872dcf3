package webhook_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestOnlySendersStay checks that a connection stays open after a 200, and that
// every other answer closes it.
func TestOnlySendersStay(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		request string
		edit    func(*inbox)
		stays   bool
	}{
		"good":          {request: raw(schemes[0], opened), stays: true},
		"no such path":  {request: strings.Replace(raw(schemes[0], opened), "/webhooks/", "/", 1)},
		"not a POST":    {request: "GET /webhooks/standard/gift-events HTTP/1.1\r\nHost: x\r\n\r\n"},
		"not JSON":      {request: strings.Replace(raw(schemes[0], opened), "application/json", "text/plain", 1)},
		"bad signature": {request: strings.Replace(raw(schemes[0], opened), "g-1", "g-2", 1)},
		"full":          {request: raw(schemes[0], opened), edit: func(b *inbox) { b.err = errors.New("disk gone") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			if tt.edit != nil {
				tt.edit(s.inboxes["standard"])
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			serving(t, l, s, discard, func() {
				c, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				_, _ = io.WriteString(c, tt.request)
				res, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				wellFormed(t, res)
				if res.Close == tt.stays || (res.StatusCode == 200) != tt.stays {
					t.Errorf("%s, close %v", res.Status, res.Close)
				}
			})
		})
	}
}

// TestOthersDoNotStay checks the same of answers of other handlers: pages, workflows
// and the install. A body that comes slowly does not keep a refused client either.
func TestOthersDoNotStay(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 303, 404, 405, 429, 503} {
		synctest.Test(t, func(t *testing.T) {
			l := newSwitchboard()
			other := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
			serving(t, l, other, discard, func() {
				begin := time.Now()
				c := l.dial("192.0.2.1:1")
				defer c.Close()
				body := "{}"
				if status != 200 {
					body = "" // it never comes
				}
				go io.WriteString(c, "POST /other HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"+body)
				res, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(begin); res.Close == (status == 200) || took > time.Second {
					t.Errorf("%s after %v, close %v", res.Status, took, res.Close)
				}
			})
		})
	}
}

// TestOneClientOnAnyPath checks that a client behind a proxy has 64 requests under way
// at most, whatever they ask for.
func TestOneClientOnAnyPath(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, hold := newSwitchboard(), make(chan struct{})
		slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				<-hold
			}
		})
		serving(t, l, slow, discard, func() {
			ask := func(client, path string) net.Conn {
				c := l.dial("10.0.0.1:1")
				_, _ = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: "+client+"\r\n\r\n")
				return c
			}
			status := func(c net.Conn) int {
				defer c.Close()
				res, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				return res.StatusCode
			}
			var open []net.Conn
			for range 64 {
				open = append(open, ask("2001:db8:1:2::1", "/slow"))
			}
			synctest.Wait()
			for client, want := range map[string]int{"2001:db8:1:2::ffff": 429, "2001:db8:1:3::1": 200, "198.51.100.1": 200} {
				if got := status(ask(client, "/fast")); got != want {
					t.Errorf("%s gets %d, want %d", client, got, want)
				}
			}
			close(hold)
			for _, c := range open {
				if got := status(c); got != 200 {
					t.Errorf("one of the first gets %d", got)
				}
			}
		})
	})
}
