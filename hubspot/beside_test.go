package hubspot

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// atOnce makes calls that nothing orders. The race detector judges.
func atOnce(calls ...func()) {
	var done sync.WaitGroup
	for _, call := range calls {
		done.Go(call)
	}
	done.Wait()
}

// TestClientBesideEachOther: who shows what the last answer said reads it while
// answers arrive, while another client of the account is made, and while one of its
// limits stops all calls.
func TestClientBesideEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clientOver(t, transportFunc(func(*http.Request) (*http.Response, error) {
			res, err := body(200, "")(nil)
			res.Header.Set("X-HubSpot-RateLimit-Daily", "1000")
			res.Header.Set("X-HubSpot-RateLimit-Daily-Remaining", "999")
			return res, err
		}), func(*Config) {})
		call := func() {
			if _, err := c.do(t.Context(), request{class: Objects, method: http.MethodGet, path: "/x"}); err != nil {
				t.Error(err)
			}
		}
		atOnce(call, call,
			func() { c.Budget() }, func() { c.Peer() }, func() { c.Calls() },
			func() { (&Pace{objects: c.objects}).limit(80) },
			func() { c.objects.pause(time.Millisecond) })
		limit := errors.New("a limit")
		atOnce(
			func() { c.park(Objects, &Error{Kind: Daily}) },
			func() { c.park(Objects, &Error{Kind: Daily}) },
			func() { c.objects.stop(limit, time.Now()) },
			func() { _, _ = c.acquire(t.Context(), c.objects) })
	})
}

// TestCulpritsBesideEachOther: several calls find culprits at once, and a run
// counts them meanwhile.
func TestCulpritsBesideEachOther(t *testing.T) {
	c := NewCulprits(1)
	take := func() { c.take("a") }
	work := func() {
		c.setWorked("create")
		c.hasWorked("create")
	}
	atOnce(take, take, work, work, func() { c.Found() }, func() { c.Renew() }, func() { c.Renew() })
	if n := c.Renew().Found(); n != 1 {
		t.Errorf("%d found", n)
	}
}

// TestAppBesideEachOther: portals of one app renew their tokens at once, and all of
// them are refused.
func TestAppBesideEachOther(t *testing.T) {
	a := &App{cfg: AppConfig{ClientSecret: func() (Secret, error) { return SecretOf("client"), nil }}}
	refused := &Error{Kind: Misconfigured}
	ask := func() {
		secret, err := a.admitted()
		if err == nil {
			_ = a.noted(secret, refused) // which it returns
		}
	}
	atOnce(ask, ask)
}
