package app_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/app"
)

// wiped fails the test unless nothing of the grant is left on either side.
func (w *world) wiped() {
	w.t.Helper()
	if len(w.state.meta) != 0 || w.account.Installed() {
		w.t.Errorf("left are %d entries, and an install: %t", len(w.state.meta), w.account.Installed())
	}
	if _, err := w.holding.Tokens.Token(); err == nil {
		w.t.Error("there is a token still")
	}
}

func TestDisconnect(t *testing.T) {
	for name, prepare := range map[string]func(*world){
		"at once":                   func(*world) {},
		"after the token has ended": func(*world) { time.Sleep(time.Hour) },
		"HubSpot has it ended":      func(w *world) { w.account.ExpireAccess() },
		"the app was uninstalled":   func(w *world) { w.account.Uninstall(); w.account.ExpireAccess() },
		"and that is known already": func(w *world) { w.account.Uninstall(); _ = w.holding.Tokens.Probe(w.t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, hubspottest.App{Rotation: hubspottest.NewTokenFamily, UninstallEndsAccess: true}, true)
				w.connect("connect")
				prepare(w)
				installed := w.account.Installed()
				w.account.ResetRequests()
				done, err := app.Disconnect(t.Context(), w.holding, "")
				if err != nil || !done.Uninstalled || !done.Revoked || done.Account != "1" {
					t.Errorf("%+v, %v", done, err)
				}
				w.wiped()
				if asked := w.account.Requests().ByOperation["DELETE appinstalls/external-install"]; installed && asked == 0 {
					t.Error("the app was not uninstalled")
				}
				if _, err := app.Disconnect(t.Context(), w.holding, ""); !errors.Is(err, app.ErrNotConnected) {
					t.Errorf("a second time: %v", err)
				}
			})
		})
	}
}

// TestDisconnectResumes: wherever it fails or dies, it goes on from there, and
// nothing else uses the grant meanwhile.
func TestDisconnectResumes(t *testing.T) {
	for name, fault := range map[string]hubspottest.Fault{
		"uninstalling fails":             {Method: http.MethodDelete, Kind: hubspottest.RespondStatus, Status: 503},
		"its answer is lost":             {Method: http.MethodDelete, Kind: hubspottest.ResetConn, AfterEffect: true},
		"revoking fails":                 {PathContains: "revoke", Kind: hubspottest.RespondStatus, Status: 503},
		"the answer to revoking is lost": {PathContains: "revoke", Kind: hubspottest.ResetConn, AfterEffect: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, hubspottest.App{UninstallEndsAccess: true}, true)
			w.connect("connect")
			w.account.Fault(fault)
			if _, err := app.Disconnect(t.Context(), w.holding, ""); err == nil || !strings.Contains(err.Error(), "run disconnect again") {
				t.Errorf("it says %v", err)
			}
			if _, err := w.holding.Tokens.Token(); err == nil {
				t.Error("the grant can be used still")
			}
			w.holding = w.hold()
			done, err := app.Disconnect(t.Context(), w.holding, "")
			if err != nil || !done.Uninstalled || !done.Revoked {
				t.Errorf("%+v, %v", done, err)
			}
			w.wiped()
		})
	}
}

// TestDisconnectDies ends the process before and after each commit.
func TestDisconnectDies(t *testing.T) {
	type death struct{}
	for step := 0; ; step++ {
		w := newWorld(t, hubspottest.App{}, true)
		w.connect("connect")
		n, died := 0, false
		w.state.dies = func() {
			if n++; n == step+1 {
				panic(death{})
			}
		}
		func() {
			defer func() {
				if v := recover(); v != nil {
					if _, ours := v.(death); !ours {
						panic(v)
					}
					died = true
				}
			}()
			if _, err := app.Disconnect(t.Context(), w.holding, ""); err != nil {
				t.Error(err)
			}
		}()
		w.state.dies = nil
		w.holding = w.hold()
		if _, err := app.Disconnect(t.Context(), w.holding, ""); err != nil && !errors.Is(err, app.ErrNotConnected) {
			t.Errorf("after a death at step %d: %v", step, err)
		}
		w.wiped()
		if !died {
			if step < 6 {
				t.Errorf("only %d steps", step)
			}
			if want := []string{"connect", "disconnect", "uninstall", "revoke", "wipe"}; !slices.Equal(w.state.audit, want) {
				t.Errorf("the audit is %q", w.state.audit)
			}
			return
		}
	}
}

// TestDisconnectShared: where another portal lives by the same install, HubSpot
// is asked nothing.
func TestDisconnectShared(t *testing.T) {
	w := newWorld(t, hubspottest.App{}, true)
	w.connect("connect")
	done, err := app.Disconnect(t.Context(), w.holding, "umbrella")
	if err != nil || done.Uninstalled || done.Revoked || done.Shared != "umbrella" {
		t.Errorf("%+v, %v", done, err)
	}
	if len(w.state.meta) != 0 || !w.account.Installed() {
		t.Error("either our tokens stay or the other portal's are gone")
	}
}

func ring(t *testing.T, keys string) *store.Keyring {
	t.Helper()
	var all [][]byte
	for _, k := range keys {
		all = append(all, []byte(strings.Repeat(string(k), 32)))
	}
	r, err := store.NewKeyring(all...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestMasterKeyIsReplaced: without its key a grant is closed, and says what to do; while a
// key is replaced, both open it; and what is sealed anew needs the old one no
// more, wherever that was interrupted.
func TestMasterKeyIsReplaced(t *testing.T) {
	type death struct{}
	for step := range 3 {
		w := newWorld(t, hubspottest.App{}, true)
		w.connect("connect")
		for why, keys := range map[string]func() (*store.Keyring, error){
			"another key": func() (*store.Keyring, error) { return ring(t, "x"), nil },
			"no key":      func() (*store.Keyring, error) { return nil, errors.New("there is no master key: make one") },
		} {
			h := w.hold()
			h.Vault.Keys = keys
			_, err := h.Tokens.Token()
			if e, ok := hubspot.AsError(err); !ok || e.Kind != hubspot.Unkept || !strings.Contains(err.Error(), "master") {
				t.Errorf("%s: %v", why, err)
			}
			if _, err := h.Reseal(); err == nil {
				t.Errorf("%s: sealed anew", why)
			}
		}
		w.keys = ring(t, "nk") // the new one first
		n := 0
		w.state.dies = func() {
			if n++; n == step+1 {
				panic(death{})
			}
		}
		func() {
			defer func() { _ = recover() }()
			_, _ = w.holding.Reseal()
		}()
		w.state.dies = nil
		w.holding = w.hold()
		if _, err := w.holding.Tokens.Token(); err != nil {
			t.Errorf("after a death at step %d: %v", step, err)
		}
		if _, err := w.holding.Reseal(); err != nil {
			t.Error(err)
		}
		if again, err := w.holding.Reseal(); again.Changed || again.KeyID != w.keys.KeyID() || !again.Rotating || err != nil {
			t.Errorf("sealed twice: %+v, %v", again, err)
		}
		w.keys = ring(t, "n")
		if _, err := w.hold().Tokens.Token(); err != nil {
			t.Errorf("with the new key alone: %v", err)
		}
		if id := w.keys.KeyID(); strings.Count(string(w.state.meta["grant"]), id) != 2 {
			t.Errorf("not every token has the new key's id")
		}
	}
}

// TestGrantOfAnotherPortal: a grant that is copied into another portal's file
// opens nothing there.
func TestGrantOfAnotherPortal(t *testing.T) {
	w := newWorld(t, hubspottest.App{}, true)
	w.connect("connect")
	w.holding.Vault.Portal = "umbrella"
	if _, err := w.holding.Tokens.Token(); err == nil || !strings.Contains(err.Error(), "another portal") {
		t.Errorf("%v", err)
	}
}
