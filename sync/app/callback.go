package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/portal"
)

// The keys of log lines.
const (
	logPortal = "portal"
	logReason = "reason"
	logScopes = "scopes"
	logError  = "error"
)

// maxValue bounds a value in the query, in bytes.
const maxValue = 4 << 10

// ServeHTTP serves [InstallPath] and [CallbackPath] to browsers, and answers 404 to
// anything else.
func (i *Installer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	switch {
	case path != InstallPath && path != CallbackPath:
		notFound.write(w)
		return
	case r.Method != http.MethodGet: // a HEAD, say of a preview, uses up nothing
		w.Header().Set("Allow", http.MethodGet)
		otherMethod.write(w)
		return
	}
	q := r.URL.Query()
	for _, values := range q {
		if len(values) != 1 || len(values[0]) > maxValue {
			notFound.write(w)
			return
		}
	}
	if path == InstallPath {
		page, ok := i.open(q.Get("ticket"))
		if !ok {
			expiredLink.write(w)
			return
		}
		redirect(w, page)
		return
	}
	a := i.back(q.Get("state"))
	switch {
	case a == nil && !q.Has("state"):
		begunInHubSpot.write(w)
	case a == nil:
		expiredLink.write(w)
	default:
		i.arrived(w, r, a, q.Get("code"), q.Get("error"))
	}
}

// redirect sends the browser to HubSpot. The address must not be kept, nor be
// shown to another server.
func redirect(w http.ResponseWriter, to string) {
	head := w.Header()
	head.Set("Cache-Control", "no-store")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// denied is HubSpot's word for an admin who has clicked on cancel.
const denied = "access_denied"

// arrived deals with what HubSpot has sent for an attempt. A code is redeemed at
// once, even if the browser goes away meanwhile.
func (i *Installer) arrived(w http.ResponseWriter, r *http.Request, a *attempt, code, refusal string) {
	ctx := hubspot.Answered(context.WithoutCancel(r.Context()), a.portal.Answered)
	refused := func(p page, err error, wrote ...store.AuditEntry) {
		i.log.Warn("portal not connected", logPortal, a.portal.Name, logReason, p.reason)
		i.record(a.portal, p, err, wrote)
		a.finish(Connection{}, err)
		p.write(w)
	}
	switch {
	case refusal == denied:
		refused(refusedPage, errors.New("access was refused on HubSpot's page; nothing is stored: run connect again to have another try"))
		return
	case refusal != "" || code == "":
		// A parameter that HubSpot does not know?
		if page, ok := i.again(a); ok {
			redirect(w, page)
			return
		}
		refused(hubspotRefuses, errors.New("HubSpot did not accept the install link: compare the app's scopes and redirect URL in HubSpot with .github/docs/connect.md, then run connect again"))
		return
	}
	g, err := a.portal.App.Exchange(ctx, code, a.verifier)
	if e, ok := hubspot.AsError(err); ok && e.Category == hubspot.CodeBadVerifier {
		if page, ok := i.again(a); ok {
			redirect(w, page)
			return
		}
	}
	if err != nil {
		refused(hubspotRefuses, fmt.Errorf("HubSpot did not redeem the grant: %w", err))
		return
	}
	if g.AccountID == "" {
		var said *hubspot.Introspection
		if said, err = a.portal.App.IntrospectAccess(ctx, g.Access); err != nil {
			refused(hubspotRefuses, fmt.Errorf("HubSpot did not say which account the grant is for: %w", err))
			return
		}
		g.AccountID, g.Scopes = said.AccountID, said.Scopes
	}
	if g.AccountID != a.portal.AccountID {
		revoked, err := i.giveBack(ctx, a.portal, g)
		refused(otherAccount, err, revoked...)
		return
	}
	connection, err := i.store(a.portal, g)
	if err != nil {
		i.log.Error("grant not stored", logPortal, a.portal.Name, logError, err)
		refused(notStored, fmt.Errorf("the grant could not be stored, and connect has to be run again: %w", err))
		return
	}
	i.log.Info("portal connected", logPortal, a.portal.Name, logScopes, len(g.Scopes))
	a.finish(connection, nil)
	connected(connection).write(w)
	if a.portal.Connected != nil {
		a.portal.Connected()
	}
}

// record adds an install that came to nothing to the portal's audit, with what was
// written at HubSpot meanwhile. Of another account nothing is said there.
func (i *Installer) record(p Portal, shown page, why error, wrote []store.AuditEntry) {
	e := entry("connect refused", "", "", 0)
	e.Reasons = []string{shown.reason}
	if he, ok := hubspot.AsError(why); ok {
		e.Method, e.Path, e.Status, e.CorrelationID = he.Method, he.Path, he.Status, he.CorrelationID
	}
	h, err := p.Hold()
	if err == nil {
		err = h.Vault.State.Commit(store.Commit{Audit: append(wrote, e)})
	}
	if err != nil {
		i.log.Warn("the audit lacks an install that came to nothing", logPortal, p.Name, logError, err)
	}
}

// giveBack revokes a grant for another account than the portal's, and returns
// what to say of it, and the audit's entry. The grant of another configured portal's account is only
// dropped: that portal may live by the same refresh token.
func (i *Installer) giveBack(ctx context.Context, p Portal, g *hubspot.Grant) ([]store.AuditEntry, error) {
	for _, other := range i.portals {
		if other.AccountID == g.AccountID {
			return nil, fmt.Errorf("access was granted for account %s, which is that of portal %s; this portal has account_id %s: run connect again and choose that one; nothing is stored", g.AccountID, other.Name, p.AccountID)
		}
	}
	what := "it was revoked at once, and nothing is stored"
	revoked := entry("revoke", http.MethodPost, "/oauth/token/revoke", http.StatusOK)
	if err := p.App.Revoke(ctx, g.Refresh); err != nil {
		revoked.Status = 0
		if e, ok := hubspot.AsError(err); ok {
			revoked.Status, revoked.CorrelationID = e.Status, e.CorrelationID
		}
		what = "nothing is stored, but it could not be revoked: uninstall the app in that account (" + err.Error() + ")"
	}
	return []store.AuditEntry{revoked}, fmt.Errorf("access was granted for account %s, but this portal has account_id %s: run connect again and choose that account; %s", g.AccountID, p.AccountID, what)
}

// store keeps a grant, and returns what it is worth.
func (i *Installer) store(p Portal, g *hubspot.Grant) (Connection, error) {
	h, err := p.Hold()
	if err != nil {
		return Connection{}, err
	}
	granted := entry("connect", "", "", 0)
	granted.Reasons = slices.Clone(g.Scopes)
	if err := h.Tokens.Alone(func() error { return h.Vault.save(g, granted) }); err != nil {
		return Connection{}, err
	}
	c := Connection{Portal: p.Name, Account: g.AccountID, Scopes: g.Scopes, Lost: []string{}}
	for _, f := range portal.Lost(p.Rules, g.Scopes) {
		c.Lost = append(c.Lost, f.Name+": "+f.Without)
	}
	return c, nil
}
