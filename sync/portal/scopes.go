package portal

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// OwnersScope lets records be given to their senders. It may be missing.
const OwnersScope = "crm.objects.owners.read"

// CustomRecordsScope is for reading records of custom objects.
const CustomRecordsScope = "crm.objects.custom.read"

// CustomSchemasScope is for reading the custom objects' definitions.
const CustomSchemasScope = "crm.schemas.custom.read"

// A Feature is something that the program does in HubSpot, with the scopes that
// it takes.
type Feature struct {
	Name     string
	Without  string // what there is not without its scopes
	Optional bool   // a portal is synced without it
	// Conditional says that not every account can grant its scopes, so that an app
	// names them as conditionally required: as plainly required ones they would keep
	// the others from installing it.
	Conditional bool
	Scopes      []Scope
	// Links are the links that it is about, where it is about one kind; see
	// [Connection.Withhold].
	Links plan.Kind
}

// A Scope is a permission of HubSpot's.
type Scope struct {
	Name string
	For  string // one of the requests that need it
	// Probe is the object type whose listing shows whether the scope is granted,
	// for accounts that do not list a token's scopes; "" where only a write
	// would show it.
	Probe string
	// OAuthOnly marks a scope that static tokens do without.
	OAuthOnly bool
}

// Features is the one table of what is asked of HubSpot: install links, the
// doctor and the documentation follow it. Links that are switched off need
// nothing.
//
// D/apps/developer-platform/build-apps/authentication/scopes
func Features(rules LinkRules) []Feature {
	features := []Feature{
		{
			Name: "the connection", Without: "no access at all",
			Scopes: []Scope{{Name: "oauth", For: "GET /account-info/{version}/details", OAuthOnly: true}},
		},
		{
			Name: "recipients", Without: "gifts without contacts",
			Scopes: []Scope{
				{Name: "crm.objects.contacts.read", For: "POST /crm/objects/{version}/contacts/batch/read", Probe: "contacts"},
				// HubSpot does not say whether reading is enough for the far side of a link.
				{Name: "crm.objects.contacts.write", For: "POST /crm/associations/{version}/{thnks}/contacts/batch/create"},
			},
		},
	}
	if rules.Companies {
		features = append(features, Feature{
			Name: "companies", Without: "gifts without links to companies; associations.companies: none does without, too",
			Optional: true, Links: plan.Company,
			Scopes: []Scope{{Name: "crm.objects.companies.read", For: "POST /crm/associations/{version}/{thnks}/companies/batch/create", Probe: "companies"}},
		})
	}
	if rules.MaxDeals > 0 {
		features = append(features, Feature{
			Name: "deals", Without: "gifts without links to deals", Optional: true, Links: plan.Deal,
			Scopes: []Scope{{Name: "crm.objects.deals.read", For: "POST /crm/objects/{version}/deals/batch/read", Probe: "deals"}},
		})
	}
	return append(features,
		Feature{
			Name: "gift records", Without: "no gift in HubSpot; accounts without an Enterprise subscription cannot grant these",
			Conditional: true,
			Scopes: []Scope{
				{Name: CustomRecordsScope, For: "GET /crm/objects/{version}/{thnks}"},
				{Name: "crm.objects.custom.write", For: "POST /crm/objects/{version}/{thnks}/batch/create"},
				{Name: CustomSchemasScope, For: "GET /crm-object-schemas/{version}/schemas"},
				{Name: "crm.schemas.custom.write", For: "POST /crm-object-schemas/{version}/schemas"},
			},
		},
		Feature{
			Name: "owners", Without: "gifts that belong to no user", Optional: true,
			Scopes: []Scope{{Name: OwnersScope, For: "GET /crm/owners/{version}"}},
		},
		Feature{
			Name: "the workflow action", Without: "workflows that wait for a gift go on when HubSpot gives up, after a week", Optional: true,
			Scopes: []Scope{{Name: "automation", For: "POST /automation/actions/callbacks/{version}/{callbackId}/complete"}},
		},
	)
}

// NeededScopes are the scopes that a portal with these rules cannot be synced
// without, whatever the kind of its token.
func NeededScopes(rules LinkRules) []Scope {
	var scopes []Scope
	for _, f := range Features(rules) {
		for _, s := range f.Scopes {
			if !f.Optional && !s.OAuthOnly {
				scopes = append(scopes, s)
			}
		}
	}
	return scopes
}

// RequestedScopes are the scopes of an install link: those that HubSpot has to
// grant, and those that it may leave out.
func RequestedScopes(rules LinkRules) (required, optional []string) {
	for _, f := range Features(rules) {
		for _, s := range f.Scopes {
			if f.Optional {
				optional = append(optional, s.Name)
			} else {
				required = append(required, s.Name)
			}
		}
	}
	return required, optional
}

// Lost returns the features that a grant of these scopes does not allow.
func Lost(rules LinkRules, granted []string) []Feature {
	return slices.DeleteFunc(Features(rules), func(f Feature) bool { return allows(granted, f) })
}

// allows reports whether all scopes of a feature are granted.
func allows(granted []string, f Feature) bool {
	return !slices.ContainsFunc(f.Scopes, func(s Scope) bool { return !slices.Contains(granted, s.Name) })
}

// ScopesUnlisted reports whether err says that HubSpot does not list the
// scopes of this kind of token.
func ScopesUnlisted(err error) bool {
	return KindIs(err, hubspot.Refused, hubspot.NotFound, hubspot.Forbidden, hubspot.Unauthorised, hubspot.Unexpected)
}

// checkScopes refuses to begin with a token that lacks a scope which the
// portal's settings need, as far as HubSpot lists a token's scopes: otherwise a
// missing one would show only after the first writes.
func (o *Object) checkScopes(ctx context.Context, client Schemas) error {
	granted, err := client.Scopes(ctx)
	if ScopesUnlisted(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the token's scopes: %w", err)
	}
	var missing []string
	for _, s := range NeededScopes(o.conn.cfg.Links) {
		if !slices.Contains(granted, s.Name) {
			missing = append(missing, s.Name)
		}
	}
	if len(missing) > 0 {
		return LacksScopes(missing, nil)
	}
	return nil
}

// askAgainAfter is after how long HubSpot is asked again for what it has withheld,
// where it does not list the token's scopes.
const askAgainAfter = 6 * time.Hour

// withheld are the features that HubSpot has refused for want of a scope, with the
// links of each kind, and since when.
type withheld struct {
	mu    sync.Mutex
	since map[plan.Kind]time.Time
}

// linkFeatures are the features that are about links of one kind, whatever the
// settings say: the links that people have made are read, too.
func linkFeatures() []Feature {
	return slices.DeleteFunc(Features(LinkRules{Companies: true, MaxDeals: 1}), func(f Feature) bool { return f.Links == "" })
}

// features returns what is withheld now.
func (w *withheld) features() []Feature {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(linkFeatures(), func(f Feature) bool { return w.since[f.Links].IsZero() })
}

// Withhold notes that err is HubSpot's refusal, for want of a scope, of a call about
// links of one kind, which a portal is synced without. Sessions that begin afterwards
// neither ask about such links nor make any. It returns the feature, and false where
// err is anything else, or this was known.
func (c *Connection) Withhold(err error) (Feature, bool) {
	he, ok := hubspot.AsError(err)
	if !ok || he.Kind != hubspot.Forbidden {
		return Feature{}, false
	}
	features := linkFeatures()
	i := slices.IndexFunc(features, func(f Feature) bool { return isAbout(he, f.Links) })
	if i < 0 {
		return Feature{}, false
	}
	w := &c.withheld
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.since[features[i].Links].IsZero() {
		return Feature{}, false
	}
	if w.since == nil {
		w.since = make(map[plan.Kind]time.Time)
	}
	w.since[features[i].Links] = time.Now()
	return features[i], true
}

// isAbout reports whether a refusal names a scope for records of a kind; where it
// names none, whether the call was about such records.
func isAbout(he *hubspot.Error, kind plan.Kind) bool {
	var named []string
	for _, d := range he.Details {
		named = append(named, d.Scopes...)
	}
	if len(named) == 0 {
		return slices.Contains(strings.Split(he.Path, "/"), ObjectTypes[kind])
	}
	return slices.ContainsFunc(named, func(s string) bool { return strings.HasPrefix(s, "crm.objects."+ObjectTypes[kind]+".") })
}

// Reconsider asks for the token's scopes where something is withheld, or where ask is
// set, and withholds from then on what they do not allow. It returns what they allow
// again. Where HubSpot does not list them, what was withheld for six hours is tried
// once more.
func (c *Connection) Reconsider(ctx context.Context, ask bool) (again []Feature) {
	before := c.withheld.features()
	if len(before) == 0 && !ask {
		return nil
	}
	granted, err := c.cfg.Client.Schemas.Scopes(ctx)
	w := &c.withheld
	w.mu.Lock()
	defer w.mu.Unlock()
	now := make(map[plan.Kind]time.Time)
	for _, f := range linkFeatures() {
		since := w.since[f.Links]
		switch {
		case err == nil && allows(granted, f):
		case err == nil && since.IsZero():
			now[f.Links] = time.Now()
		case err != nil && ScopesUnlisted(err) && time.Since(since) >= askAgainAfter:
		case !since.IsZero():
			now[f.Links] = since
		}
	}
	w.since = now
	return slices.DeleteFunc(before, func(f Feature) bool { return !now[f.Links].IsZero() })
}
