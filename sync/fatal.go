package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/portal"
	"thnks-hubspot-sync/thnksapi"
)

// A Fatal error stops its portal until an admin has done something; its text
// says what. Other portals go on.
type Fatal = portal.Fatal

// IsFatal reports whether a run that ends with err needs an admin.
func IsFatal(err error) bool {
	var fatal *Fatal
	return errors.As(Classify(err), &fatal)
}

// Classify turns the clients' errors that no retry can fix into [*Fatal]
// errors, and leaves all others, after which the next run goes on, as they are.
func Classify(err error) error {
	var fatal *Fatal
	if errors.As(err, &fatal) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("interrupted; the next run resumes: %w", err)
	}
	var systematic *hubspot.Systematic
	if errors.As(err, &systematic) {
		return &Fatal{
			What:   "schema problem: HubSpot refuses many records of one batch",
			Remedy: "`quarantine list` shows some of them with HubSpot's words; fix the object's properties or rules in HubSpot, then run again; nothing was skipped",
			Err:    err,
		}
	}
	var he *hubspot.Error
	if errors.As(err, &he) {
		switch he.Kind {
		case hubspot.Unauthorised:
			return &Fatal{What: "HubSpot does not accept the token", Remedy: "put a valid token into the portal's token_file (HubSpot: Development → Keys, or the app's Auth page); with OAuth, run `thnks-hubspot-sync connect` again", Err: err}
		case hubspot.Forbidden:
			return forbidden(he)
		case hubspot.Revoked, hubspot.Misconfigured, hubspot.OtherAccount, hubspot.Unkept:
			return ungranted(he)
		}
	}
	var te *thnksapi.Error
	if errors.As(err, &te) && te.Kind == thnksapi.KeyRefused {
		return &Fatal{What: "Thnks does not accept the API key", Remedy: "put a valid key into the portal's api_key_file", Err: err}
	}
	return err
}

// ungranted explains why there is no access token.
func ungranted(he *hubspot.Error) error {
	var full *store.FullError
	switch {
	case errors.As(he, &full):
		return he // no room for the tokens: not a matter of HubSpot's
	case he.Kind == hubspot.Revoked && he.Category == hubspot.CodeNotConnected:
		return &Fatal{What: "the portal is not connected to HubSpot", Remedy: "run `thnks-hubspot-sync connect` with --portal and its name, and open the link that it prints"}
	case he.Kind == hubspot.Revoked:
		return &Fatal{What: "the access to HubSpot is over: someone uninstalled the app or revoked its access", Remedy: "where it shall have access again, run `thnks-hubspot-sync connect` with --portal and its name; events are kept until then, and nothing is asked of HubSpot", Err: he}
	case he.Kind == hubspot.Misconfigured:
		return &Fatal{What: "HubSpot does not accept the OAuth app, and tokens cannot be renewed", Remedy: "compare client_id and the content of client_secret_file with the app's Auth page in HubSpot; no grant is lost", Err: he}
	case he.Kind == hubspot.OtherAccount:
		return &Fatal{What: "the grant is for another HubSpot account than the portal's account_id", Remedy: "run `thnks-hubspot-sync connect` with --portal and its name, and choose that account; nothing was written", Err: he}
	}
	return &Fatal{What: "the portal's HubSpot tokens cannot be kept", Remedy: "put right what is named; without the master key that they were sealed with, run `thnks-hubspot-sync connect` again", Err: he}
}

// forbidden explains a 403: missing scopes where HubSpot names them, and
// otherwise the product tier, which is what is left.
func forbidden(he *hubspot.Error) *Fatal {
	if scopes := namedScopes(he); len(scopes) > 0 {
		return portal.LacksScopes(scopes, he)
	}
	return &Fatal{
		What:   "HubSpot forbids the call",
		Remedy: "custom objects need an Enterprise subscription, and the token needs the scopes that the README lists; check both, then run again",
		Err:    he,
	}
}

// explained is a refusal that HubSpot gives for want of a scope, or for want of a
// subscription: it says which of the two, where HubSpot lists the token's scopes. Any
// other error is returned as it is.
func (e *Engine) explained(ctx context.Context, err error) error {
	he, ok := hubspot.AsError(err)
	if !ok || he.Kind != hubspot.Forbidden {
		return err
	}
	named := namedScopes(he)
	ofCustom := slices.DeleteFunc(slices.Clone(named), func(s string) bool { return !strings.Contains(s, ".custom.") })
	aboutCustom := strings.Contains(he.Path, "/crm-object-schemas/") || strings.Contains(he.Path, "/2-")
	if len(ofCustom) == 0 && (len(named) > 0 || !aboutCustom) {
		return err
	}
	granted, unlisted := e.cfg.HubSpot.Schemas.Scopes(ctx)
	switch {
	case unlisted != nil && portal.ScopesUnlisted(unlisted) && len(ofCustom) > 0:
		fatal := portal.LacksScopes(named, err)
		fatal.Again = portal.NoSubscription(err).Again
		return fatal
	case unlisted != nil || e.lacks(named, granted):
		return err
	}
	return portal.NoSubscription(err)
}

// namedScopes are the scopes that a refusal names.
func namedScopes(he *hubspot.Error) []string {
	var scopes []string
	for _, d := range he.Details {
		scopes = append(scopes, d.Scopes...)
	}
	return scopes
}
