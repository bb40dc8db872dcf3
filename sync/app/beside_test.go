package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/sync/app"
	"thnks-hubspot-sync/sync/portal"
)

// install goes the whole way of a link, as [world.connect] does, from any goroutine.
func (w *world) install(i *app.Installer, name string) error {
	link, err := i.Begin(name)
	if err != nil {
		return err
	}
	at := link.URL
	for range 5 {
		rec := httptest.NewRecorder()
		i.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, strings.TrimPrefix(at, public), nil))
		if rec.Code != http.StatusSeeOther {
			c, err := i.Wait(w.t.Context(), link.Ticket)
			if err == nil && c.Portal != name {
				err = fmt.Errorf("the link of %s has connected %s", name, c.Portal)
			}
			return err
		}
		at = w.atHubSpot(rec.Header().Get("Location"), "connect")
	}
	return fmt.Errorf("the browser of %s goes in circles", name)
}

// TestInstallsBesideEachOther: admins who connect portals at once, with and without PKCE, each
// get their own. The race detector judges as well.
func TestInstallsBesideEachOther(t *testing.T) {
	for name, o := range map[string]hubspottest.App{"PKCE": {}, "HubSpot refuses the verifier": {NoPKCE: true}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, o, true)
			var portals []app.Portal
			for i := range 6 {
				portals = append(portals, app.Portal{
					Name: fmt.Sprint("acme", i), AccountID: "1", App: w.holding.App, PKCE: true, Rules: portal.LinkRules{Companies: true},
					Hold: func() (app.Holding, error) { return w.holding, nil },
				})
			}
			i := app.NewInstaller(public, portals, slog.New(slog.DiscardHandler))
			var admins sync.WaitGroup
			for _, p := range portals {
				admins.Go(func() {
					if err := w.install(i, p.Name); err != nil {
						t.Error(err)
					}
				})
			}
			admins.Wait()
			if n := len(w.state.audit); n != len(portals) {
				t.Errorf("%d of %d grants were stored: %q", n, len(portals), w.state.audit)
			}
		})
	}
}

// TestBrowserGone: a grant is stored although the browser that brings it goes away.
func TestBrowserGone(t *testing.T) {
	w := newWorld(t, hubspottest.App{}, true)
	link, err := w.installer.Begin("acme")
	if err != nil {
		t.Fatal(err)
	}
	back := w.atHubSpot(w.get(link.URL).Header.Get("Location"), "connect")
	gone, leave := context.WithCancel(t.Context())
	leave()
	req := httptest.NewRequest(http.MethodGet, strings.TrimPrefix(back, public), nil).WithContext(gone)
	w.installer.ServeHTTP(httptest.NewRecorder(), req)
	if c, err := w.installer.Wait(t.Context(), link.Ticket); err != nil || c.Account != "1" || w.connected != 1 {
		t.Errorf("%+v, %v, connected %d times", c, err, w.connected)
	}
}

// TestWaitersBesideEachOther: two commands that wait for one link, which no one opens, and
// one that gives up, all end, and at the time that was said.
func TestWaitersBesideEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.App{}, true)
		link, err := w.installer.Begin("acme")
		if err != nil {
			t.Fatal(err)
		}
		ctx, giveUp := context.WithTimeout(t.Context(), time.Minute)
		defer giveUp()
		var waiters sync.WaitGroup
		wait := func(ctx context.Context, until time.Time, want error) {
			if _, err := w.installer.Wait(ctx, link.Ticket); err != want || !time.Now().Equal(until) {
				t.Errorf("at %v it ended with %v; want %v at %v", time.Now(), err, want, until)
			}
		}
		began := time.Now()
		waiters.Go(func() { wait(t.Context(), link.Expires, app.ErrNoTicket) })
		waiters.Go(func() { wait(t.Context(), link.Expires, app.ErrNoTicket) })
		waiters.Go(func() { wait(ctx, began.Add(time.Minute), context.DeadlineExceeded) })
		waiters.Wait()
	})
}
