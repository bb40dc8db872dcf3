package sync

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/thnksapi"
)

const (
	expiresSoon = 14 * 24 * time.Hour // when a certificate's end is worth a warning
	skewWarn    = 30 * time.Second
	skewFail    = 5 * time.Minute // webhooks signed longer ago are refused
)

// ownersScope lets records be given to their senders. It may be missing.
const ownersScope = "crm.objects.owners.read"

// A need is a scope that the sync cannot do without.
type need struct {
	scope string
	probe string // object type whose listing shows whether it is granted; "" where only a write would
}

// needs are the scopes of README's table. The two of the schemas are shown by
// reading the custom objects, that of the records by the object's own type.
func needs() []need {
	return []need{
		{"crm.objects.contacts.read", "contacts"},
		{"crm.objects.contacts.write", ""},
		{"crm.objects.companies.read", "companies"},
		{"crm.objects.deals.read", "deals"},
		{readRecords, ""},
		{"crm.objects.custom.write", ""},
		{"crm.schemas.custom.read", ""},
		{"crm.schemas.custom.write", ""},
	}
}

const readRecords = "crm.objects.custom.read"

// scopesUntold reports whether HubSpot does not list this token's scopes.
func scopesUntold(err error) bool {
	return kindIs(err, hubspot.Refused, hubspot.NotFound, hubspot.Forbidden, hubspot.Unauthorised, hubspot.Unexpected)
}

// portal examines all that HubSpot tells of the account and the token.
func (x *examination) portal(ctx context.Context) {
	if !x.token(ctx) {
		x.skip("the token must be right first", checkScopes, checkTier, checkObject, checkUnique, checkProperties, checkAssociations)
		if x.Rules.DealLabel != "" {
			x.skip("the token must be right first", checkDealLabel)
		}
		x.barred = "the token must be right first"
		return
	}
	x.granted(ctx)
	schemas, err := x.CRM.Schemas(ctx)
	x.tier(ctx, err)
	if err != nil {
		x.skip("the custom objects cannot be read", checkObject, checkUnique, checkProperties, checkAssociations)
	} else {
		x.definition(ctx, schemas)
	}
	x.dealLabel(ctx)
}

// token examines whether HubSpot accepts the token, and whose it is.
func (x *examination) token(ctx context.Context) bool {
	got, _, err := x.whose(ctx)
	if err != nil {
		x.trouble(ctx, checkToken, err)
	} else {
		x.ok(checkToken, "accepted; it belongs to account %s", got.ID)
	}
	x.certificate(checkHubSpotTLS, "HubSpot", x.CRM.Peer(), err)
	return err == nil
}

// granted examines the token's scopes. Where HubSpot does not list them, what
// can be read shows those for reading.
func (x *examination) granted(ctx context.Context) {
	scopes, err := x.CRM.Scopes(ctx)
	var missing []string
	var unknown string
	switch {
	case err == nil:
		x.scopes = make(map[string]bool)
		for _, s := range scopes {
			x.scopes[s] = true
		}
		for _, n := range needs() {
			if !x.scopes[n.scope] {
				missing = append(missing, n.scope)
			}
		}
	case scopesUntold(err):
		unknown = "; HubSpot does not list this token's scopes, so that those for writing show only when something is written"
		var known object
		if _, err := recall(x.Journal, metaObject, &known); err != nil {
			known = object{}
		}
		for _, n := range needs() {
			if n.scope == readRecords {
				n.probe = known.TypeID
			}
			if n.probe == "" {
				continue
			}
			_, err := x.CRM.List(ctx, n.probe, "", 1, false, nil)
			switch {
			case kindIs(err, hubspot.Forbidden):
				missing = append(missing, n.scope)
			case err != nil:
				x.trouble(ctx, checkScopes, err)
				return
			}
		}
	default:
		x.trouble(ctx, checkScopes, err)
		return
	}
	if len(missing) > 0 {
		x.find(checkScopes, Fail, "the token lacks "+strings.Join(missing, ", ")+unknown,
			"grant these scopes to the app or service key (custom-object scopes exist only in accounts with an Enterprise subscription), then run `check` again")
		return
	}
	x.ok(checkScopes, "all that the sync needs%s", unknown)
}

// tier examines whether the account has custom objects, by how the reading of
// them went. The account's own details do not tell its subscription.
func (x *examination) tier(ctx context.Context, err error) {
	const scope = "crm.schemas.custom.read"
	switch {
	case err == nil:
		x.ok(checkTier, "the account has custom objects")
	case !kindIs(err, hubspot.Forbidden):
		x.trouble(ctx, checkTier, err)
	case x.scopes[scope]:
		x.find(checkTier, Fail, "HubSpot refuses custom objects although the token has "+scope+": the account's subscription does not include them",
			"custom objects need an Enterprise subscription; when the account has one, runs go on by themselves")
	default:
		x.find(checkTier, Fail, "the token may not read custom objects: it lacks "+scope+", or the account lacks an Enterprise subscription",
			"grant "+scope+" to the app or service key; where HubSpot does not offer it, the account needs an Enterprise subscription")
	}
}

// source examines one Thnks key by a listing of what changed since now.
func (x *examination) source(ctx context.Context, s Source) {
	of, server := "", "Thnks"
	if len(x.Sources) > 1 {
		of = " (" + s.Key + ")"
	}
	_, err := s.API.Transactions(ctx, thnksapi.Query{Since: x.started})
	if err != nil {
		x.trouble(ctx, checkThnksKey, err)
		x.findings[len(x.findings)-1].What += of
	} else {
		x.ok(checkThnksKey, "accepted%s", of)
	}
	// A source other than the API has no server.
	if p, ok := s.API.(interface{ Peer() thnksapi.Peer }); ok {
		x.certificate(checkThnksTLS, server+of, hubspot.Peer(p.Peer()), err)
	}
}

// A serverClock is what a server's clock said.
type serverClock struct {
	server string
	hubspot.Peer
}

// certificate examines how a server proves who it is, and notes its clock. err
// is what the call to it failed with.
func (x *examination) certificate(check, server string, p hubspot.Peer, err error) {
	var invalid *tls.CertificateVerificationError
	switch {
	case errors.As(err, &invalid):
		x.find(check, Fail, server+"'s certificate is not trusted: "+invalid.Err.Error(),
			"where a proxy stands in between, install its root certificate on this machine; otherwise check base_url, and this machine's clock")
		return
	case p.Received.IsZero():
		x.skip(server+" does not answer", check)
		return
	}
	x.clocks = append(x.clocks, serverClock{server, p})
	if p.TLS == nil {
		x.ok(check, "no TLS: the connection does not leave this machine")
		return
	}
	end := p.TLS.PeerCertificates[0].NotAfter
	what := fmt.Sprintf("%s, certificate valid until %s", tls.VersionName(p.TLS.Version), end.UTC().Format(time.DateOnly))
	if end.Sub(x.started) < expiresSoon {
		x.find(check, Warn, what, "whoever runs the server or the proxy before it must renew the certificate; when it ends, calls fail")
		return
	}
	x.ok(check, "%s", what)
}

// clock examines our clock against those of the servers.
func (x *examination) clock() {
	var worst time.Duration
	var said []string
	for _, c := range x.clocks {
		if c.Date.IsZero() {
			continue
		}
		skew := skewOf(c.Peer)
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
		x.skip("no server tells the time", checkClock)
		return
	}
	what := "this machine's clock " + strings.Join(said, ", ")
	const remedy = "switch time synchronisation on (`timedatectl set-ntp true`, then `timedatectl status`)"
	switch {
	case worst > skewFail:
		x.find(checkClock, Fail, what+": webhooks will be refused as too old or too new", remedy)
	case worst > skewWarn:
		x.find(checkClock, Warn, what, remedy)
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
