package app

import (
	"context"
	"time"

	"thnks-hubspot-sync/hubspot"
)

const (
	probeEvery = 24 * time.Hour
	// probeFirst is how long after its start a daemon first asks: what has just
	// changed its clock or its network is well again by then.
	probeFirst = time.Minute
)

// KeepProbing asks HubSpot a minute after its start, and then every day, whether
// the grants of portals still stand, until ctx ends: HubSpot tells nobody that an
// app was uninstalled. ended is called with what a portal's grant failed with. A
// portal that is not connected, or of which that is known already, is asked
// nothing about.
func KeepProbing(ctx context.Context, portals []string, hold func(portal string) (Holding, error), ended func(portal string, err error)) {
	next := time.NewTimer(probeFirst)
	defer next.Stop()
	for {
		select {
		case <-next.C:
		case <-ctx.Done():
			return
		}
		for _, portal := range portals {
			if h, err := hold(portal); err == nil { // what cannot be opened says so elsewhere
				probe(ctx, portal, h, ended)
			}
		}
		next.Reset(probeEvery)
	}
}

// probe asks about one grant. What may pass by itself is asked the next day again.
func probe(ctx context.Context, portal string, h Holding, ended func(string, error)) {
	standing, err := StandingOf(h.Vault.State)
	if err != nil || !standing.Connected {
		return
	}
	err = h.Tokens.Probe(ctx)
	if e, ok := hubspot.AsError(err); ok && e.Kind != hubspot.Transient && e.Kind != hubspot.Unexpected {
		ended(portal, err)
	}
}
