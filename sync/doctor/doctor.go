package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"thnks-hubspot-sync/hubspot"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/portal"
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
	checkNewRecords   = "new records"       // only where HubSpot requires a contact of them
	checkDealLabel    = "deal label"        // only where associations.deals.label is set
	checkThnksKey     = "thnks key"
	checkThnksTLS     = "thnks tls"
	checkClock        = "clock"         // ours against both servers'
	checkQuarantine   = "quarantine"    // what waits in it
	checkEvents       = "events"        // webhook events, where any came: what waits, and room for more
	checkListing      = "thnks listing" // where the last whole listing was not believed
	checkReading      = "last reading"  // where most of its rows had a field that could not be used
	checkFields       = "thnks fields"  // whether the fields of its rows can be used
	checkState        = "state file"    // whether it is sound
	checkErased       = "erased people" // the list of them, which must not get lost
	checkDisk         = "disk"          // room for it to grow
	checkSenders      = "senders"       // those whom no owner in HubSpot stands for
	checkJournal      = "journal"       // against a sample of the records
)

// Client is what the doctor asks of HubSpot itself. [*hubspot.Client] is one.
type Client interface {
	Scopes(context.Context) ([]string, error)
	Schemas(context.Context) ([]hubspot.Schema, error)
	List(ctx context.Context, objectType, after string, limit int, archived bool, properties []string) (*hubspot.Page, error)
	Read(ctx context.Context, objectType string, ids, properties []string) ([]hubspot.Outcome, error)
	Peer() hubspot.Peer
}

// Check examines a portal, without changing anything anywhere and without
// waiting for a run. There is one finding for each thing looked at; a check that
// rests on something that failed is a warning that begins with "not examined".
// busy reports whether another engine works on the portal; nil for none.
//
// Findings are for the admin alone: the senders' addresses stand in them.
func Check(ctx context.Context, view giftsync.View, client Client, busy func() bool) []Finding {
	x := &examination{view: view, cfg: &view.Config, portal: view.Portal, client: client, otherBusy: busy, lost: make(map[plan.Kind]bool)}
	x.examinePortal(ctx)
	for _, s := range x.cfg.Sources {
		x.examineSource(ctx, s)
	}
	x.examineClock()
	x.examineState(ctx)
	return x.findings
}

// An examination is one call of [Check].
type examination struct {
	view      giftsync.View
	cfg       *giftsync.Config
	portal    *portal.Portal
	client    Client
	otherBusy func() bool

	findings []Finding
	clocks   []serverClock
	scopes   map[string]bool    // of the token; nil where HubSpot does not list them
	lost     map[plan.Kind]bool // links that the token's scopes do not allow
	typeID   string             // of the custom object; "" where there is none of ours
	barred   string             // why HubSpot cannot be asked about anything; "" when it can
}

// report adds a finding.
func (x *examination) report(check string, level Level, what, remedy string) {
	x.findings = append(x.findings, Finding{Portal: x.cfg.Portal, Check: check, Level: level, What: what, Remedy: remedy})
}

func (x *examination) ok(check, format string, args ...any) {
	x.report(check, OK, fmt.Sprintf(format, args...), "")
}

// skipped reports why something was not looked at.
func (x *examination) skipped(why string, checks ...string) {
	for _, check := range checks {
		x.report(check, Warn, "not examined: "+why, "")
	}
}

// reportError reports an error: what a run would end with where an admin is
// needed; a warning where time will fix it.
func (x *examination) reportError(ctx context.Context, check string, err error) {
	var fatal *portal.Fatal
	var te *thnksapi.Error
	he, ofHubSpot := hubspot.AsError(err)
	switch {
	case ctx.Err() != nil:
		x.skipped("the check was interrupted", check)
	case errors.As(giftsync.Classify(err), &fatal):
		x.report(check, Fail, fatal.What, fatal.Remedy)
	case ofHubSpot && he.Status != 0 && !he.Foreign() && portal.KindIs(err, hubspot.Transient, hubspot.Limited, hubspot.Daily, hubspot.Migrating),
		errors.As(err, &te) && te.Status != 0 && (te.Kind == thnksapi.Transient || te.Kind == thnksapi.Limited):
		x.report(check, Warn, err.Error(), "nothing, if it has passed when you check again later")
	case ofHubSpot && (he.Status == 0 || he.Foreign()) || te != nil && te.Status == 0, portal.KindIs(err, hubspot.Unexpected, hubspot.NotFound):
		x.report(check, Fail, err.Error(), "check the address (base_url) and the way there: name resolution, firewall, proxy; then run `check` again")
	default:
		x.report(check, Fail, err.Error(), "do what it says, then run `check` again")
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
