package app

import (
	"context"
	"time"

	"thnks-hubspot-sync/hubspot"
)

const (
	probeEvery = time.Hour
	// probeFirst is how long after its start a daemon first asks: what has just
	// changed its clock or its network is well again by then.
	probeFirst = time.Minute
)

// KeepProbing asks HubSpot a minute after its start, and then every hour, whether a
// portal's grant still stands and is for its account, until ctx ends: HubSpot does not
// report that an app was uninstalled. ended is called with what the grant failed with. While the portal is
// not connected, or its grant known to be over, nothing is asked.
func KeepProbing(ctx context.Context, hold func() (Holding, error), ended func(error)) {
	next := time.NewTimer(probeFirst)
	defer next.Stop()
	for {
		select {
		case <-next.C:
		case <-ctx.Done():
			return
		}
		if h, err := hold(); err == nil { // a state file that cannot be opened says so elsewhere
			probe(ctx, h, ended)
		}
		next.Reset(probeEvery)
	}
}

// probe asks about one grant. What may pass by itself is asked an hour later again.
func probe(ctx context.Context, h Holding, ended func(error)) {
	standing, err := StandingOf(h.Vault.State)
	if err != nil || !standing.Connected {
		return
	}
	err = h.Tokens.Probe(ctx)
	if e, ok := hubspot.AsError(err); ok && e.Kind != hubspot.Transient && e.Kind != hubspot.Unexpected {
		ended(err)
	}
}
