package webhook_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestForgers sends bad signatures from many addresses and checks which ones
// are slowed.
func TestForgers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, peer, forwarded string
		limited               bool
	}{
		{"an address", "192.0.2.1:1", "", true},
		{"an address that names another", "192.0.2.1:1", "198.51.100.1", true},
		{"an IPv6 address", "[2001:db8:1:2::3]:1", "", true},
		{"behind the proxy", "10.0.0.1:1", "198.51.100.1", true},
		{"behind two proxies", "10.0.0.1:1", "203.0.113.9, 198.51.100.1, 10.0.0.2", true},
		{"behind the proxy with a port", "10.0.0.1:1", "198.51.100.1:4711", true},
		{"the proxy itself", "10.0.0.1:1", "", true},
		{"bare loopback", "127.0.0.1:1", "", false},
		{"bare loopback that names another", "127.0.0.1:1", "198.51.100.1", false},
		{"bare loopback in IPv6", "[::1]:1", "", false},
		{"no address", "@", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, "10.0.0.0/8")
				forge := func() int {
					r := request(schemes[0], opened)
					r.Header.Set("Webhook-Id", "other")
					r.RemoteAddr = tt.peer
					if tt.forwarded != "" {
						r.Header.Set("X-Forwarded-For", tt.forwarded)
					}
					return s.answer(r).StatusCode
				}
				for range 20 {
					if got := forge(); got != 401 {
						t.Fatalf("answered %d within the limit", got)
					}
				}
				want := map[bool]int{true: 429, false: 401}[tt.limited]
				if got := forge(); got != want {
					t.Errorf("the 21st bad signature is answered %d, want %d", got, want)
				}
				good := request(schemes[0], opened)
				good.RemoteAddr = tt.peer
				if res := s.answer(good); res.StatusCode != 200 {
					t.Errorf("a good signature from there is answered %s", res.Status)
				}
				other := request(schemes[0], opened)
				other.Header.Set("Webhook-Id", "other")
				other.RemoteAddr = "203.0.113.77:1"
				if res := s.answer(other); res.StatusCode != 401 {
					t.Errorf("another address is answered %s", res.Status)
				}
				time.Sleep(time.Minute)
				if got := forge(); got != 401 {
					t.Errorf("a minute later the answer is still %d", got)
				}
			})
		})
	}
}

// TestNeighbours checks that IPv6 addresses are counted by /64, and that a
// client cannot escape its count by writing X-Forwarded-For itself.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	s := newSite(t, "10.0.0.0/8")
	send := func(peer, forwarded string) int {
		r := request(schemes[0], opened)
		r.Header.Set("Webhook-Id", "other")
		r.RemoteAddr = peer
		r.Header.Set("X-Forwarded-For", forwarded)
		return s.answer(r).StatusCode
	}
	for i := range 20 {
		send(fmt.Sprintf("[2001:db8:1:2::%x]:1", i+1), "")
		send("10.0.0.1:1", fmt.Sprintf("203.0.113.%d, 198.51.100.1", i))
	}
	for _, tt := range []struct {
		peer, forwarded string
		want            int
	}{
		{"[2001:db8:1:2::ffff]:1", "", 429},
		{"[2001:db8:1:3::1]:1", "", 401},
		{"10.0.0.1:1", "203.0.113.99, 198.51.100.1", 429},
		{"10.0.0.1:1", "198.51.100.2", 401},
	} {
		if got := send(tt.peer, tt.forwarded); got != tt.want {
			t.Errorf("%s for %q: answered %d, want %d", tt.peer, tt.forwarded, got, tt.want)
		}
	}
}

// TestFloodOfForgers checks that a flood from many clients leaves a table and a
// log of bounded size, with one error a minute.
func TestFloodOfForgers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		flood := func(n int) (late int) {
			for i := range n {
				r := httptest.NewRequest(http.MethodPost, "/webhooks/token/gift-events", strings.NewReader("{}"))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Authorization", "guess")
				r.RemoteAddr = fmt.Sprintf("[2001:db8:%x:%x::1]:1", i>>16, i&0xffff)
				if s.answer(r).StatusCode == 429 {
					late++
				}
			}
			return late
		}
		if late := flood(10_100); late == 0 {
			t.Error("clients beyond the table are not counted at all")
		}
		time.Sleep(time.Minute)
		flood(200)
		log := s.log.String()
		if strings.Count(log, "many forged webhooks") != 2 || strings.Count(log, "\n") != 4 {
			t.Errorf("two floods made this log:\n%.2000s", log)
		}
	})
}
