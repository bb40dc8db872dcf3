package app_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/sync/app"
)

// TestUninstallIsFound: an hour after an uninstall at most it is known, although
// the portal makes no calls. An outage ends nothing, and nothing is asked about
// portals that are not connected.
func TestUninstallIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.App{}, true)
		w.connect("connect")
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var ended []error
		unconnected := w.hold()
		unconnected.Vault.State = &memoryState{meta: make(map[string][]byte)}
		for _, hold := range []func() (app.Holding, error){
			func() (app.Holding, error) { return app.Holding{}, errors.New("locked") },
			func() (app.Holding, error) { return unconnected, nil },
			func() (app.Holding, error) { return w.holding, nil },
		} {
			go app.KeepProbing(ctx, hold, func(err error) { ended = append(ended, err) })
		}
		w.account.ResetRequests()
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if n := w.account.Requests().Total; n != 3 || ended != nil {
			t.Errorf("in three hours %d questions, and %v", n, ended)
		}
		w.account.Fault(hubspottest.Fault{Class: hubspottest.ClassOAuth, Kind: hubspottest.RespondStatus, Status: 503})
		time.Sleep(time.Hour)
		synctest.Wait()
		if ended != nil {
			t.Errorf("an outage counts as an end: %v", ended)
		}
		w.account.Uninstall()
		time.Sleep(time.Hour)
		synctest.Wait()
		if e, ok := hubspot.AsError(errors.Join(ended...)); len(ended) != 1 || !ok || e.Kind != hubspot.Revoked {
			t.Errorf("after the uninstall: %v", ended)
		}
	})
}

// TestMixUpIsFound: an hour after HubSpot has mixed two accounts up at most the
// portal stops.
func TestMixUpIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.App{}, true)
		w.connect("connect")
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var ended []error
		go app.KeepProbing(ctx, func() (app.Holding, error) { return w.holding, nil }, func(err error) { ended = append(ended, err) })
		time.Sleep(30 * time.Minute)
		w.hub.Swap(w.account, w.stranger)
		time.Sleep(time.Hour)
		synctest.Wait()
		if e, ok := hubspot.AsError(errors.Join(ended...)); !ok || e.Kind != hubspot.OtherAccount {
			t.Errorf("after the mix-up: %v", ended)
		}
		if _, err := w.holding.Tokens.Token(); err == nil {
			t.Error("a token of another account is given out")
		}
	})
}
