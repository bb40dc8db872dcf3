package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/portal"
	"thnks-hubspot-sync/thnksapi"
)

const (
	expiresSoon = 14 * 24 * time.Hour // when a certificate's end is worth a warning
	skewWarn    = 30 * time.Second
	skewFail    = 5 * time.Minute // webhooks signed longer ago are refused
)

// examinePortal examines the account and the token, as far as HubSpot shows them.
func (x *examination) examinePortal(ctx context.Context) {
	if !x.examineToken(ctx) {
		x.skipped("the token must be right first", checkScopes, checkTier, checkObject, checkUnique, checkProperties, checkAssociations)
		if x.cfg.Links.DealLabel != "" {
			x.skipped("the token must be right first", checkDealLabel)
		}
		x.barred = "the token must be right first"
		return
	}
	x.examineScopes(ctx)
	schemas, err := x.client.Schemas(ctx)
	x.examineTier(ctx, err)
	if err != nil {
		x.skipped("the custom objects cannot be read", checkObject, checkUnique, checkProperties, checkAssociations)
	} else {
		x.examineObject(ctx, schemas)
	}
	x.examineDealLabel(ctx)
}

// examineToken examines whether HubSpot accepts the token, and whose it is.
func (x *examination) examineToken(ctx context.Context) bool {
	err := x.portal.Account.Verify(ctx)
	if err != nil {
		x.reportError(ctx, checkToken, err)
	} else {
		x.ok(checkToken, "accepted; it belongs to account %s", x.portal.Account.ID())
	}
	x.examineServer(checkHubSpotTLS, "HubSpot", x.client.Peer(), err)
	return err == nil
}

// examineScopes examines the token's scopes: a run ends without some, and goes on
// without others.
func (x *examination) examineScopes(ctx context.Context) {
	missing, unknown, err := x.missingScopes(ctx)
	if err != nil {
		x.reportError(ctx, checkScopes, err)
		return
	}
	var needed, without []string
	for _, f := range portal.Features(x.cfg.Links) {
		for _, s := range f.Scopes {
			switch {
			case !missing[s.Name]:
			case !f.Optional:
				needed = append(needed, s.Name)
			case f.Links != "": // that of owners is said where senders are matched with them
				x.lost[f.Links] = true
				without = append(without, "without "+s.Name+" there are "+f.Without)
			}
		}
	}
	switch {
	case len(needed) > 0:
		what := "the token lacks " + strings.Join(needed, ", ")
		x.report(checkScopes, Fail, strings.Join(append([]string{what}, without...), "; ")+unknown,
			"grant these scopes to the app or service key (custom-object scopes exist only in accounts with an Enterprise subscription), then run `check` again")
	case len(without) > 0:
		x.report(checkScopes, Warn, strings.Join(without, "; ")+unknown, "grant the scope to the app or service key, then run `sync --reassociate=all`")
	default:
		x.ok(checkScopes, "all that the sync needs%s", unknown)
	}
}

// missingScopes returns the scopes that the token is known to lack. Where HubSpot
// does not list them, what can be read shows those for reading, and unknown says so.
func (x *examination) missingScopes(ctx context.Context) (missing map[string]bool, unknown string, err error) {
	var all []portal.Scope
	for _, f := range portal.Features(x.cfg.Links) {
		all = append(all, f.Scopes...)
	}
	all = slices.DeleteFunc(all, func(s portal.Scope) bool { return s.OAuthOnly })
	missing = make(map[string]bool)
	scopes, err := x.client.Scopes(ctx)
	switch {
	case err == nil:
		x.scopes = make(map[string]bool)
		for _, s := range scopes {
			x.scopes[s] = true
		}
		for _, s := range all {
			missing[s.Name] = !x.scopes[s.Name]
		}
		return missing, "", nil
	case !portal.ScopesUnlisted(err):
		return nil, "", err
	}
	known, _, err := x.portal.Object.Recorded()
	if err != nil {
		known = portal.Definition{}
	}
	for _, s := range all {
		if s.Name == portal.CustomRecordsScope {
			s.Probe = known.TypeID
		}
		if s.Probe == "" {
			continue
		}
		_, err := x.client.List(ctx, s.Probe, "", 1, false, nil)
		if err != nil && !portal.KindIs(err, hubspot.Forbidden) {
			return nil, "", err
		}
		missing[s.Name] = err != nil
	}
	return missing, "; HubSpot does not list this token's scopes, so that those for writing show only when something is written", nil
}

// examineTier examines whether the account has custom objects, by how the reading of
// them went. The account's own details do not tell its subscription.
func (x *examination) examineTier(ctx context.Context, err error) {
	const scope = portal.CustomSchemasScope
	switch {
	case err == nil:
		x.ok(checkTier, "the account has custom objects")
	case !portal.KindIs(err, hubspot.Forbidden):
		x.reportError(ctx, checkTier, err)
	case x.scopes[scope]:
		lost := portal.NoSubscription(err)
		x.report(checkTier, Fail, lost.What, lost.Remedy)
	default:
		x.report(checkTier, Fail, "the token may not read custom objects: it lacks "+scope+", or the account lacks an Enterprise subscription",
			"grant "+scope+" to the app or service key; where HubSpot does not offer it, the account needs an Enterprise subscription")
	}
}

// examineSource examines one Thnks key by a listing of what changed since now.
func (x *examination) examineSource(ctx context.Context, s giftsync.Source) {
	of, server := "", "Thnks"
	if len(x.cfg.Sources) > 1 {
		of = " (" + s.Key + ")"
	}
	_, err := s.API.Transactions(ctx, thnksapi.Query{Since: x.view.Started})
	if err != nil {
		x.reportError(ctx, checkThnksKey, err)
		x.findings[len(x.findings)-1].What += of
		x.skipped("the key must be right first"+of, checkFields)
	} else {
		x.ok(checkThnksKey, "accepted%s", of)
		x.examineFields(ctx, s, of)
	}
	// A source other than the API has no server.
	if p, ok := s.API.(interface{ Peer() thnksapi.Peer }); ok {
		x.examineServer(checkThnksTLS, server+of, hubspot.Peer(p.Peer()), err)
	}
}

// examineFields examines whether the fields of a source's rows can be used, by
// the first page of all there is.
func (x *examination) examineFields(ctx context.Context, s giftsync.Source, of string) {
	page, err := s.API.Transactions(ctx, thnksapi.Query{})
	if err != nil {
		x.reportError(ctx, checkFields, err)
		return
	}
	problems := giftsync.FieldProblemsOf(page)
	for _, p := range problems {
		x.report(checkFields, Fail, p.String()+of, "make the setting fit Thnks's answers, then run `check` again")
	}
	if len(problems) == 0 {
		x.ok(checkFields, "readable in %s%s", count(len(page.Rows), "row", "rows"), of)
	}
}

// A serverClock is what a server's clock said.
type serverClock struct {
	server string
	peer   hubspot.Peer
}

// examineServer examines how a server proves who it is, and notes its clock. err
// is what the call to it failed with.
func (x *examination) examineServer(check, server string, p hubspot.Peer, err error) {
	var invalid *tls.CertificateVerificationError
	switch {
	case errors.As(err, &invalid):
		x.report(check, Fail, server+"'s certificate is not trusted: "+invalid.Err.Error(),
			"where a proxy stands in between, install its root certificate on this machine; otherwise check base_url, and this machine's clock")
		return
	case p.Received.IsZero():
		x.skipped(server+" does not answer", check)
		return
	}
	x.clocks = append(x.clocks, serverClock{server, p})
	if p.TLS == nil {
		x.ok(check, "no TLS: the connection does not leave this machine")
		return
	}
	end := p.TLS.PeerCertificates[0].NotAfter
	what := fmt.Sprintf("%s, certificate valid until %s", tls.VersionName(p.TLS.Version), end.UTC().Format(time.DateOnly))
	if end.Sub(x.view.Started) < expiresSoon {
		x.report(check, Warn, what, "have the certificate of the server, or of the proxy before it, renewed; when it ends, calls fail")
		return
	}
	x.ok(check, "%s", what)
}

// examineClock examines our clock against those of the servers.
func (x *examination) examineClock() {
	var worst time.Duration
	var said []string
	for _, c := range x.clocks {
		if c.peer.Date.IsZero() {
			continue
		}
		skew := skewOf(c.peer)
		worst = max(worst, skew.Abs())
		switch {
		case skew.Abs() <= skewWarn:
			said = append(said, "agrees with "+c.server+"'s")
		case skew > 0:
			said = append(said, fmt.Sprintf("is %v ahead of %s's", skew, c.server))
		default:
			said = append(said, fmt.Sprintf("is %v behind %s's", -skew, c.server))
		}
	}
	if said == nil {
		x.skipped("no server tells the time", checkClock)
		return
	}
	what := "this machine's clock " + strings.Join(said, ", ")
	const remedy = "switch time synchronisation on (`timedatectl set-ntp true`, then `timedatectl status`)"
	switch {
	case worst > skewFail:
		x.report(checkClock, Fail, what+": webhooks will be refused as too old or too new", remedy)
	case worst > skewWarn:
		x.report(checkClock, Warn, what, remedy)
	default:
		x.ok(checkClock, "%s", what)
	}
}

// skewOf returns by how much our clock is ahead of the server's, at least. The
// server's stood at Date, cut to seconds, at some moment between ours at Sent
// and at Received.
func skewOf(p hubspot.Peer) time.Duration {
	switch latest := p.Date.Add(time.Second); {
	case p.Sent.After(latest):
		return p.Sent.Sub(latest).Round(time.Second)
	case p.Received.Before(p.Date):
		return p.Received.Sub(p.Date).Round(time.Second)
	}
	return 0
}
