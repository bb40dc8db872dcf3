package sync

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/thnksapi"
)

// What a check looks at, in the order of its findings. Where a portal has
// several Thnks keys there is a finding of the last two for each.
const (
	checkToken        = "hubspot token"     // accepted, and of the right account
	checkHubSpotTLS   = "hubspot tls"       // the server's certificate
	checkScopes       = "hubspot scopes"    // what the token may do, against what the sync does
	checkTier         = "hubspot tier"      // whether the account has custom objects
	checkObject       = "custom object"     // that it is there and ours, and its definition
	checkUnique       = "unique property"   // the one that records are known by
	checkProperties   = "properties"        // their types and options
	checkAssociations = "association types" // from a gift to contact, company and deal
	checkDealLabel    = "deal label"        // only where associations.deals.label is set
	checkThnksKey     = "thnks key"
	checkThnksTLS     = "thnks tls"
	checkClock        = "clock"      // ours against both servers'
	checkQuarantine   = "quarantine" // what waits in it
	checkEvents       = "events"     // webhook events, where any came: what waits, and room for more
	checkState        = "state file" // whether it is sound
	checkDisk         = "disk"       // room for it to grow
	checkSenders      = "senders"    // those whom no owner in HubSpot stands for
	checkJournal      = "journal"    // against a sample of the records
)

// Check examines the portal, without changing anything anywhere and without
// waiting for a run: it may be called while [Engine.Run] is under way, whose
// report then counts the check's few calls among its own. There is one finding
// for each thing looked at; what rests on something that failed is a warning
// that begins with "not examined".
//
// Findings are for the administrator alone: the senders' addresses stand in
// them.
func (e *Engine) Check(ctx context.Context) []Finding {
	x := &examination{run: e.newRun(Request{DryRun: true})}
	x.portal(ctx)
	for _, s := range e.Sources {
		x.source(ctx, s)
	}
	x.clock()
	x.state(ctx)
	return x.findings
}

// An examination is one call of [Engine.Check]. Its run is there to be asked:
// it is never carried out, and as a dry run it writes nothing.
type examination struct {
	*run
	findings []Finding
	clocks   []serverClock
	scopes   map[string]bool // of the token; nil where HubSpot does not list them
	barred   string          // why HubSpot cannot be asked about anything; "" when it can
}

// find adds a finding.
func (x *examination) find(check string, level Level, what, remedy string) {
	x.findings = append(x.findings, Finding{Portal: x.Portal, Check: check, Level: level, What: what, Remedy: remedy})
}

func (x *examination) ok(check, format string, args ...any) {
	x.find(check, OK, fmt.Sprintf(format, args...), "")
}

// skip says why something was not looked at.
func (x *examination) skip(why string, checks ...string) {
	for _, check := range checks {
		x.find(check, Warn, "not examined: "+why, "")
	}
}

// trouble is the finding that an error makes: what a run would end with where
// a person is needed; a warning where time will mend it.
func (x *examination) trouble(ctx context.Context, check string, err error) {
	var fatal *Fatal
	var te *thnksapi.Error
	he, ofHubSpot := hubspot.AsError(err)
	switch {
	case ctx.Err() != nil:
		x.skip("the check was interrupted", check)
	case errors.As(classify(err), &fatal):
		x.find(check, Fail, fatal.What, fatal.Remedy)
	case ofHubSpot && he.Status != 0 && kindIs(err, hubspot.Transient, hubspot.Limited, hubspot.Daily, hubspot.Migrating),
		errors.As(err, &te) && te.Status != 0 && (te.Kind == thnksapi.Transient || te.Kind == thnksapi.Limited):
		x.find(check, Warn, err.Error(), "nothing, if it has passed when you check again later")
	case ofHubSpot && he.Status == 0 || te != nil && te.Status == 0, kindIs(err, hubspot.Unexpected, hubspot.NotFound):
		x.find(check, Fail, err.Error(), "check the address (base_url) and the way there: name resolution, firewall, proxy; then run `check` again")
	default:
		x.find(check, Fail, err.Error(), "do what it says, then run `check` again")
	}
}

// count is a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// few lists at most n texts, and says how many more there are.
func few(texts []string, n int) string {
	if len(texts) <= n {
		return strings.Join(texts, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(texts[:n], ", "), len(texts)-n)
}
