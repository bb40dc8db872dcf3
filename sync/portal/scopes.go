package portal

import (
	"context"
	"fmt"
	"slices"

	"thnks-hubspot-sync/hubspot"
)

// OwnersScope lets records be given to their senders. It may be missing.
const OwnersScope = "crm.objects.owners.read"

// CustomRecordsScope is for reading records of custom objects.
const CustomRecordsScope = "crm.objects.custom.read"

// CustomSchemasScope is for reading the custom objects' definitions.
const CustomSchemasScope = "crm.schemas.custom.read"

// A Scope is one that the sync cannot do without.
type Scope struct {
	Name string
	// Probe is the object type whose listing shows whether the scope is granted,
	// for accounts that do not list a token's scopes; "" where only a write
	// would show it.
	Probe string
}

// NeededScopes are the scopes that a portal with these rules needs, those of
// the README's table. Links that are switched off need none.
func NeededScopes(rules LinkRules) []Scope {
	scopes := []Scope{
		{"crm.objects.contacts.read", "contacts"},
		{"crm.objects.contacts.write", ""},
	}
	if rules.Companies {
		scopes = append(scopes, Scope{"crm.objects.companies.read", "companies"})
	}
	if rules.MaxDeals > 0 {
		scopes = append(scopes, Scope{"crm.objects.deals.read", "deals"})
	}
	return append(scopes,
		Scope{CustomRecordsScope, ""},
		Scope{"crm.objects.custom.write", ""},
		Scope{CustomSchemasScope, ""},
		Scope{"crm.schemas.custom.write", ""},
	)
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
