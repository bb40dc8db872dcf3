package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
)

// codeDisconnected is the code of a grant that is being ended by us.
const codeDisconnected = "DISCONNECTED"

// ErrNotConnected says that there is nothing to disconnect.
var ErrNotConnected = errors.New("the portal is not connected: there is no grant to end")

// A Farewell is what [Disconnect] has done.
type Farewell struct {
	Portal      string `json:"portal"`
	Account     string `json:"account"`
	Uninstalled bool   `json:"uninstalled"` // the app was taken out of the account, now or before
	Revoked     bool   `json:"revoked"`
	Shared      string `json:"shared,omitempty"` // the portal that uses the same account, for whose sake HubSpot was asked nothing
}

// Disconnect takes the app out of the portal's account, revokes the refresh token
// and removes the tokens from the state file, in this order: access tokens
// outlive a revocation, and uninstalling needs one. From the first step on nothing
// else can use the grant. Where a step fails, or the process dies, calling it again
// goes on from there.
//
// shared names another configured portal with the same account and app, "" for
// none: its access would end, too, so that only our tokens are removed.
func Disconnect(ctx context.Context, h Holding, shared string) (done Farewell, err error) {
	err = h.Tokens.Alone(func() error {
		done, err = disconnect(ctx, h.App, h.Vault, shared)
		return err
	})
	return done, err
}

func disconnect(ctx context.Context, a *hubspot.App, v *Vault, shared string) (Farewell, error) {
	g, err := v.Grant()
	switch {
	case err != nil:
		return Farewell{}, err
	case g == nil:
		return Farewell{}, ErrNotConnected
	}
	done := Farewell{Portal: v.Portal, Account: g.AccountID, Shared: shared}
	if shared != "" {
		return done, v.wipe(entry("wipe", "", "", 0))
	}
	over := !g.Ended.IsZero() && g.EndedCode != codeDisconnected // HubSpot has ended it
	if g.EndedCode != codeDisconnected {
		g.Ended, g.EndedCode = time.Now(), codeDisconnected
		if err := v.save(g, entry("disconnect", "", "", 0)); err != nil {
			return done, err
		}
	}
	if !over {
		if err := uninstall(ctx, a, v, g); err != nil {
			return done, fmt.Errorf("uninstalling the app from account %s: %w; run disconnect again to go on", g.AccountID, err)
		}
	}
	done.Uninstalled = true
	for _, token := range []hubspot.Secret{g.Refresh, g.Previous} {
		if token.IsZero() {
			continue
		}
		if err := a.Revoke(ctx, token); err != nil && !isOver(err) {
			return done, fmt.Errorf("the app is uninstalled from account %s; revoking its refresh token: %w; run disconnect again to go on", g.AccountID, err)
		}
	}
	done.Revoked = true
	return done, v.wipe(entry("revoke", http.MethodPost, "/oauth/token/revoke", http.StatusOK), entry("wipe", "", "", 0))
}

// uninstall takes the app out of the account. A grant that is over already, or an
// app that is not installed any more, is no error.
func uninstall(ctx context.Context, a *hubspot.App, v *Vault, g *hubspot.Grant) error {
	err := error(&hubspot.Error{Kind: hubspot.Unauthorised})
	if time.Now().Before(g.Expires) {
		err = a.Uninstall(ctx, g.Access)
	}
	if isUnauthorised(err) { // or our clock is wrong
		renewed, renewal := a.Renew(ctx, g.Refresh)
		if renewal != nil {
			if isOver(renewal) {
				return nil
			}
			return renewal
		}
		renewed.AccountID, renewed.Ended, renewed.EndedCode = g.AccountID, g.Ended, g.EndedCode
		if !renewed.Refresh.Equal(g.Refresh) {
			renewed.Previous = g.Refresh
		}
		if err := v.save(renewed); err != nil {
			return err
		}
		*g = *renewed
		err = a.Uninstall(ctx, g.Access)
	}
	if err != nil && !isUnauthorised(err) && !hubspot.IsNotFound(err) {
		return err
	}
	return v.save(g, entry("uninstall", http.MethodDelete, "/appinstalls/external-install", http.StatusNoContent))
}

func isKind(err error, kind hubspot.Kind) bool {
	e, ok := hubspot.AsError(err)
	return ok && e.Kind == kind
}

func isOver(err error) bool         { return isKind(err, hubspot.Revoked) }
func isUnauthorised(err error) bool { return isKind(err, hubspot.Unauthorised) }

// entry is an entry of the audit about the grant.
func entry(action, method, path string, status int) store.AuditEntry {
	return store.AuditEntry{At: time.Now().UTC(), Action: action, Method: method, Path: path, Status: status}
}
