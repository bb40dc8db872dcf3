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

// A Fault is a kind of failure that stays until an admin has done something.
type Fault string

// The faults.
const (
	NoFault      Fault = ""        // what failed may well succeed by itself
	FaultHubSpot Fault = "hubspot" // the token, its scopes, or what the portal holds
	FaultThnks   Fault = "thnks"   // an API key
	FaultDisk    Fault = "disk"    // no room for the state file
)

// FaultOf says what is wrong where a run, or the processing of events, ended
// with err.
func FaultOf(err error) Fault {
	var full *store.FullError
	var te *thnksapi.Error
	switch {
	case errors.As(err, &full):
		return FaultDisk
	case !IsFatal(err):
		return NoFault
	case errors.As(err, &te):
		return FaultThnks
	default:
		return FaultHubSpot
	}
}

// IsVendors reports whether err is what HubSpot or Thnks answered, and not a
// refusal of our own.
func IsVendors(err error) bool {
	var he *hubspot.Error
	var systematic *hubspot.Systematic
	var te *thnksapi.Error
	return errors.As(err, &he) || errors.As(err, &systematic) || errors.As(err, &te)
}

// Prove makes the call that shows whether what a run failed with still stands,
// because a later run need not make it: an idle one asks HubSpot nothing. It
// returns nil where that succeeds, and otherwise the error of today, classified
// like a run's. It must not be called during a run.
//
//   - a refused token: HubSpot's call about the account
//   - a scope or a subscription: the list of the token's scopes, or else a read
//     of what was refused; a scope for writing that HubSpot does not list stays
//     refused until something is written
//   - whatever else is wrong with the portal: the custom object's definition
//   - a refused key: one page of each key's transactions
//   - a full disk: a commit of the size of a large one, which is taken back
//
// wrote says that HubSpot has accepted writes since.
func (e *Engine) Prove(ctx context.Context, failed error, wrote bool) error {
	var err error
	switch FaultOf(failed) {
	case FaultThnks:
		err = e.proveKeys(ctx)
	case FaultDisk:
		err = e.proveRoom()
	case FaultHubSpot:
		err = e.proveHubSpot(ctx, failed, wrote)
	}
	if err != nil && !errors.Is(err, failed) {
		return fmt.Errorf("portal %s: %w", e.cfg.Portal, Classify(e.explained(ctx, err)))
	}
	return err
}

// proveKeys lists what changed since now with every key.
func (e *Engine) proveKeys(ctx context.Context) error {
	now := e.View().Started
	for _, s := range e.cfg.Sources {
		if _, err := s.API.Transactions(ctx, thnksapi.Query{Since: now}); err != nil {
			return fmt.Errorf("listing transactions: %w", err)
		}
	}
	return nil
}

// provenBytes is the size of the commit that shows that there is room: more
// than a batch of events takes.
const provenBytes = 1 << 20

// roomEntry is the journal's entry for that commit.
const roomEntry = "room"

// proveRoom commits something and takes it back.
func (e *Engine) proveRoom() error {
	err := e.cfg.Journal.Commit(store.Commit{Meta: map[string][]byte{roomEntry: make([]byte, provenBytes)}})
	if err != nil {
		return err
	}
	return e.cfg.Journal.Commit(store.Commit{Meta: map[string][]byte{roomEntry: nil}})
}

// tokenKinds are the failures that are over when a token is accepted.
var tokenKinds = []hubspot.Kind{hubspot.Unauthorised, hubspot.Revoked, hubspot.Misconfigured, hubspot.OtherAccount, hubspot.Unkept}

// proveHubSpot asks HubSpot about what failed, without writing.
func (e *Engine) proveHubSpot(ctx context.Context, failed error, wrote bool) error {
	p := e.View().Portal
	if err := p.Account.Verify(ctx); err != nil {
		return err
	}
	he, ok := hubspot.AsError(failed)
	switch {
	case ok && slices.Contains(tokenKinds, he.Kind):
		return nil
	case ok && he.Kind == hubspot.Forbidden:
		return e.proveAllowed(ctx, he, failed, wrote)
	default:
		p.Object.Reread()
		return p.Object.Find(ctx)
	}
}

// proveAllowed asks whether what HubSpot forbade is allowed now.
func (e *Engine) proveAllowed(ctx context.Context, he *hubspot.Error, failed error, wrote bool) error {
	client := e.cfg.HubSpot
	named := namedScopes(he)
	granted, err := client.Schemas.Scopes(ctx)
	switch {
	case err == nil:
		if e.lacks(named, granted) {
			return failed
		}
	case !portal.ScopesUnlisted(err):
		return err
	case !wrote && slices.ContainsFunc(named, func(s string) bool { return strings.HasSuffix(s, ".write") }):
		return failed
	}
	types := refusedTypes(he.Path)
	if len(types) == 0 {
		_, err = client.Schemas.Schemas(ctx)
		return err
	}
	for _, t := range types {
		if _, err := client.Records.List(ctx, t, "", 1, false, nil); err != nil {
			return err
		}
	}
	return nil
}

// lacks reports whether a token with the scopes granted still lacks one of those
// that a refusal named: one that the sync needs, or all of them, as HubSpot also
// names alternatives.
func (e *Engine) lacks(named, granted []string) bool {
	needed := portal.NeededScopes(e.cfg.Links)
	missing := 0
	for _, s := range named {
		if slices.Contains(granted, s) {
			continue
		}
		missing++
		if slices.ContainsFunc(needed, func(n portal.Scope) bool { return n.Name == s }) {
			return true
		}
	}
	return missing > 0 && missing == len(named)
}

// refusedTypes are the types of objects that a call is about, by its path; none
// where that is about no records.
func refusedTypes(path string) []string {
	segments := strings.Split(path, "/") // "", "crm", what, the version, types
	if len(segments) < 5 {
		return nil
	}
	switch segments[2] {
	case "objects":
		return segments[4:5]
	case "associations":
		return segments[4:min(6, len(segments))]
	default:
		return nil
	}
}
