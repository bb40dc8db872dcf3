package doctor_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/doctor"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// TestCheck goes through the table: what is wrong, how bad that is, and what
// the line says.
func TestCheck(t *testing.T) {
	t.Parallel()
	rest := []string{checkScopes, checkTier, checkObject, checkUnique, checkProperties, checkAssociations, checkSenders, checkJournal}
	without := func(scopes ...string) func(*simulation.World) {
		return func(w *simulation.World) {
			w.Portal.SetScopes(slices.DeleteFunc(hubspottest.DefaultScopes(), func(s string) bool { return slices.Contains(scopes, s) })...)
		}
	}
	status := func(path string, code int) func(*simulation.World) {
		return func(w *simulation.World) {
			w.Portal.Fault(hubspottest.Fault{PathContains: path, Status: code, Count: -1})
		}
	}
	for _, tt := range []struct {
		name  string
		opt   hubspottest.Options
		spoil func(*simulation.World)
		bad   map[string]doctor.Level // findings that differ from healthy
		check string                  // the line that is looked at
		says  []string
	}{
		{name: "all is well", check: checkJournal, says: []string{"30 records"}},
		{
			name: "token refused", spoil: status("/", 401),
			bad: some(doctor.Warn, rest...).and(doctor.Fail, checkToken), check: checkToken, says: []string{"does not accept the token", "token_file"},
		},
		{
			name: "another account", spoil: func(w *simulation.World) { w.Configure = func(c *giftsync.Config) { c.AccountID = "4711" } },
			bad: some(doctor.Warn, rest...).and(doctor.Fail, checkToken), check: checkToken, says: []string{"account 62515", "bound to account 4711"},
		},
		{
			name: "HubSpot out of reach", spoil: func(w *simulation.World) {
				w.WrapHubSpot = func(http.RoundTripper) http.RoundTripper {
					return simulation.RoundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") })
				}
			},
			bad: some(doctor.Warn, append(rest, checkHubSpotTLS)...).and(doctor.Fail, checkToken), check: checkToken, says: []string{"could not be reached", "base_url"},
		},
		{
			name: "HubSpot unwell", spoil: status("/", 503),
			bad: some(doctor.Warn, append(rest, checkToken)...), check: checkToken, says: []string{"503", "passed"},
		},
		{
			name: "contact required", spoil: func(w *simulation.World) {
				w.Portal.RequireAssociation("thnks", "contacts")
				time.Sleep(time.Hour)
				w.AddGift("T-x", "nobody@example.com", 0)
				w.Must(giftsync.Incremental)
			},
			bad: some(doctor.Warn, checkNewRecords, checkQuarantine), check: checkNewRecords, says: []string{"requires a contact of new records", "2026-06-09", "optional", "quarantine retry"},
		},
		{
			name: "a firewall answers", spoil: func(w *simulation.World) {
				w.Portal.Fault(hubspottest.Fault{PathContains: "/", Status: 403, HTML: true, Count: -1})
			},
			bad: some(doctor.Warn, rest...).and(doctor.Fail, checkToken), check: checkToken, says: []string{"blocked by a proxy or firewall", "base_url"},
		},
		{
			name: "another server answers", spoil: func(w *simulation.World) {
				w.WrapHubSpot = func(http.RoundTripper) http.RoundTripper {
					return simulation.RoundTripper(func(req *http.Request) (*http.Response, error) {
						return simulation.Reply(req, 200, "<html>Welcome</html>"), nil
					})
				}
			},
			bad: some(doctor.Warn, rest...).and(doctor.Fail, checkToken), check: checkToken, says: []string{"damaged or replaced", "base_url"},
		},
		{
			name: "owners off", spoil: without("crm.objects.owners.read"),
			bad: some(doctor.OK), check: checkSenders, says: []string{"not matched", "grant crm.objects.owners.read"},
		},
		{
			name: "scopes missing", spoil: without("crm.objects.deals.read", "crm.objects.custom.write"),
			bad: some(doctor.Fail, checkScopes), check: checkScopes, says: []string{"lacks crm.objects.custom.write; without crm.objects.deals.read there are gifts without links to deals", "grant"},
		},
		{
			name: "scopes of links that are switched off",
			spoil: func(w *simulation.World) {
				without("crm.objects.companies.read", "crm.objects.deals.read")(w)
				w.Rules.Companies, w.Rules.MaxDeals = false, 0
			},
			bad: some(doctor.OK), check: checkScopes, says: []string{"all that the sync needs"},
		},
		{
			name: "scopes not listed", opt: hubspottest.Options{NoTokenInfo: true},
			bad: some(doctor.OK), check: checkScopes, says: []string{"those for writing show only"},
		},
		{
			name: "scopes not listed and missing", opt: hubspottest.Options{NoTokenInfo: true}, spoil: without("crm.objects.companies.read"),
			bad: some(doctor.Warn, checkScopes), check: checkScopes, says: []string{"without crm.objects.companies.read there are gifts without links to companies", "HubSpot does not list", "sync --reassociate=all"},
		},
		{
			name: "custom objects unreadable", spoil: without("crm.schemas.custom.read"),
			bad:   some(doctor.Warn, checkObject, checkUnique, checkProperties, checkAssociations, checkJournal).and(doctor.Fail, checkScopes, checkTier),
			check: checkTier, says: []string{"lacks crm.schemas.custom.read"},
		},
		{
			name: "downgraded", spoil: func(w *simulation.World) { w.Portal.SetTier(hubspottest.Professional) },
			bad:   some(doctor.Warn, checkObject, checkUnique, checkProperties, checkAssociations, checkJournal).and(doctor.Fail, checkTier),
			check: checkTier, says: []string{"subscription does not include", "Enterprise"},
		},
		{
			name: "the unique property is gone", spoil: func(w *simulation.World) { w.Portal.ArchiveProperty("thnks", "thnks_transaction_id") },
			bad: some(doctor.Warn, checkProperties).and(doctor.Fail, checkUnique).and(doctor.Warn, checkJournal), check: checkUnique, says: []string{"missing or no longer unique"},
		},
		{
			name: "a property of another type", spoil: func(w *simulation.World) { w.Portal.RetypeProperty("thnks", "gift_amount", "string", "text") },
			bad: some(doctor.Fail, checkProperties), check: checkProperties, says: []string{"gift_amount is of type string, not number"},
		},
		{
			name: "property and option missing", spoil: func(w *simulation.World) {
				w.Portal.ArchiveProperty("thnks", "parcel_status")
				w.Portal.SetOptions("thnks", "status", "scheduled", "sent", "delivered", "opened", "redeemed", "refunded", "expired", "undelivered", "donated")
			},
			bad: some(doctor.Warn, checkProperties), check: checkProperties, says: []string{"status = unknown, parcel_status", "sync --backfill"},
		},
		{
			name: "edited in another way", spoil: func(w *simulation.World) { w.Portal.RetypeProperty("thnks", "gift_type", "string", "textarea") },
			bad: some(doctor.Warn, checkProperties), check: checkProperties, says: []string{"gift_type (textarea instead of text)"},
		},
		{
			name: "not required any more", spoil: func(w *simulation.World) { w.Portal.RequireOnly("thnks") },
			bad: some(doctor.Warn, checkObject), check: checkObject, says: []string{"thnks_transaction_id is not required"},
		},
		{
			name: "something else is required", spoil: func(w *simulation.World) { w.Portal.RequireOnly("thnks", "thnks_transaction_id", "thank_you_note") },
			bad: some(doctor.Fail, checkObject), check: checkObject, says: []string{"thank_you_note", "optional"},
		},
		{
			name: "association types made anew", spoil: func(w *simulation.World) { redefine(w, "deals") },
			bad: some(doctor.Warn, checkAssociations), check: checkAssociations, says: []string{"made anew", "to deals"},
		},
		{
			name: "no association type", spoil: func(w *simulation.World) { w.Portal.UndefineAssociation("thnks", "companies") },
			bad: some(doctor.Warn, checkAssociations), check: checkAssociations, says: []string{"missing: to companies"},
		},
		{
			name: "no such deal label", spoil: func(w *simulation.World) { w.Rules.DealLabel = "Decision maker"; labelDeal(w, "Champion") },
			bad: some(doctor.Fail, checkDealLabel), check: checkDealLabel, says: []string{`"Decision maker"`, "create the label in HubSpot"},
		},
		{
			name: "deal label", spoil: func(w *simulation.World) { w.Rules.DealLabel = "champion"; labelDeal(w, "Champion") },
			bad: some(doctor.OK, checkDealLabel), check: checkDealLabel, says: []string{"champion"},
		},
		{
			name: "Thnks refuses the key", spoil: func(w *simulation.World) { w.Thnks.Fault(thnksapitest.Fault{Status: 401}) },
			bad: some(doctor.Warn, checkFields).and(doctor.Fail, checkThnksKey), check: checkThnksKey, says: []string{"does not accept the API key", "api_key_file"},
		},
		{
			name: "Thnks unwell", spoil: func(w *simulation.World) { w.Thnks.Fault(thnksapitest.Fault{}) },
			bad: some(doctor.Warn, checkThnksKey, checkFields), check: checkThnksKey, says: []string{"500"},
		},
		{
			name: "clock off", opt: hubspottest.Options{ClockSkew: 2 * time.Minute},
			bad: some(doctor.Warn, checkClock), check: checkClock, says: []string{"behind HubSpot's, agrees with Thnks's", "timedatectl"},
		},
		{
			name: "clock far off", opt: hubspottest.Options{ClockSkew: -10 * time.Minute},
			bad: some(doctor.Fail, checkClock), check: checkClock, says: []string{"9m59s ahead of HubSpot's", "webhooks"},
		},
		{
			name: "a sender is no owner", spoil: func(w *simulation.World) { w.AddGiftFrom("T-99", "kim@example.com"); w.Must(giftsync.Incremental) },
			bad: some(doctor.OK), check: checkSenders, says: []string{"1 sender is no active owner", "kim@example.com", "--reassociate=all"},
		},
		{
			name: "quarantine", spoil: func(w *simulation.World) { quarantine(w, "refused", "refused", "unreadable") },
			bad: some(doctor.Warn, checkQuarantine), check: checkQuarantine, says: []string{"3 records wait: 2 refused, 1 unreadable", "quarantine list"},
		},
		{
			name: "schema problem", spoil: func(w *simulation.World) { quarantine(w, "schema_problem") },
			bad: some(doctor.Fail, checkQuarantine), check: checkQuarantine, says: []string{"1 schema_problem"},
		},
		{
			name: "events come and go", spoil: func(w *simulation.World) { keep(w, simulation.Event("T-01", plan.Opened)) },
			bad: some(doctor.OK, checkEvents), check: checkEvents, says: []string{"1 to be processed, 0 wait"},
		},
		{
			name: "events were refused", spoil: func(w *simulation.World) { keep(w, store.Event{Effect: store.EffectUnknown}) },
			bad: some(doctor.Warn, checkEvents), check: checkEvents, says: []string{"1 refused", "events list", "events replay"},
		},
		{
			name: "events pile up", spoil: func(w *simulation.World) {
				keep(w, simulation.Event("T-01", plan.Opened))
				w.Configure = func(c *giftsync.Config) { c.Inbox = laden{c.Inbox.(*store.Store)} }
			},
			bad: some(doctor.Fail, checkEvents), check: checkEvents, says: []string{"90 % of the room"},
		},
		{
			name: "a record deleted", spoil: func(w *simulation.World) { w.Portal.Archive("thnks", w.Record("T-07")) },
			bad: some(doctor.Warn, checkJournal), check: checkJournal, says: []string{"29 of 30", "deleted or merged: T-07", "--restore", "--reassociate=all"},
		},
		{
			name: "records changed", spoil: func(w *simulation.World) {
				w.Portal.UpdateProperties("thnks", w.Record("T-03"), map[string]string{"status": "donated"})
				w.Portal.UpdateProperties("thnks", w.Record("T-04"), map[string]string{"message": "what", "gift_amount": "1"})
			},
			bad: some(doctor.Warn, checkJournal), check: checkJournal, says: []string{"28 of 30", "T-03 (status)", "T-04 (gift_amount, message)"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := syncedWorld(t, tt.opt)
				if tt.spoil != nil {
					tt.spoil(w)
				}
				findings := examine(w)
				want := make(map[string]doctor.Level)
				for _, m := range []map[string]doctor.Level{healthy, tt.bad} {
					for k, v := range m {
						want[k] = v
					}
				}
				if diff := cmp.Diff(want, levels(t, findings)); diff != "" {
					t.Errorf("(-want +got)\n%s\n%+v", diff, findings)
				}
				f := finding(t, findings, tt.check)
				for _, s := range tt.says {
					if !strings.Contains(f.What+" → "+f.Remedy, s) {
						t.Errorf("%s says %q → %q, want %q in it", tt.check, f.What, f.Remedy, s)
					}
				}
			})
		})
	}
}

// some gives these findings a level.
func some(l doctor.Level, checks ...string) lines { return make(lines).and(l, checks...) }

type lines map[string]doctor.Level

func (m lines) and(l doctor.Level, checks ...string) lines {
	for _, check := range checks {
		m[check] = l
	}
	return m
}

// TestCheckBeforeTheFirstRun: an account without our object is well, one with
// a stranger's of that name is not.
func TestCheckBeforeTheFirstRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
		findings := examine(w)
		if diff := cmp.Diff(healthy, levels(t, findings)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if f := finding(t, findings, checkObject); !strings.Contains(f.What, "not there yet") {
			t.Errorf("%+v", f)
		}
		if f := finding(t, findings, checkSenders); f.What != "none is known yet" {
			t.Errorf("%+v, want no judgement of senders", f)
		}
		id := w.Portal.AddForeignSchema("thnks")
		findings = examine(w)
		f := finding(t, findings, checkObject)
		if f.Level != doctor.Fail || !strings.Contains(f.Remedy, "check --adopt "+id+" --portal acme") {
			t.Errorf("%+v, want a failure that names the command", f)
		}
		if f := finding(t, findings, checkProperties); f.Level != doctor.Warn || !strings.HasPrefix(f.What, "not examined: ") {
			t.Errorf("%+v, want it passed over", f)
		}
	})
}

// TestCheckIsCheapAndReadsOnly: the calls of a check, with and without the
// call that lists scopes, and that nothing changes in HubSpot or in the
// journal.
func TestCheckIsCheapAndReadsOnly(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]hubspottest.Options{"scopes listed": {}, "scopes probed": {NoTokenInfo: true}} {
		synctest.Test(t, func(t *testing.T) {
			w := syncedWorld(t, opt)
			w.Rules.DealLabel = "Champion"
			labelDeal(w, "Champion")
			w.Portal.ArchiveProperty("thnks", "parcel_status")
			redefine(w, "deals")
			commits := 0
			w.WrapJournal = func(j giftsync.Journal) giftsync.Journal { return countingJournal{j, &commits} }
			before := w.Portal.Snapshot()
			schema, _ := w.Portal.SchemaOf("thnks")
			w.Portal.ResetRequests()
			asked := w.Thnks.Requests()
			examine(w)
			got := w.Portal.Requests()
			t.Logf("%s: %d calls to HubSpot: %v", name, got.Total, got.ByOperation)
			if got.Total > 15 || w.Thnks.Requests()-asked != 2 {
				t.Errorf("%s: %d calls to HubSpot and %d to Thnks, want at most 15 and 2", name, got.Total, w.Thnks.Requests()-asked)
			}
			for op := range got.ByOperation {
				if !strings.HasPrefix(op, "GET ") && !strings.HasSuffix(op, "/batch/read") && op != "POST oauth/private-apps/get/access-token-info" {
					t.Errorf("%s: %s is no reading", name, op)
				}
			}
			if now, _ := w.Portal.SchemaOf("thnks"); !simulation.Same(before, w.Portal.Snapshot()) || cmp.Diff(schema, now) != "" || commits > 0 {
				t.Errorf("%s: something was written (%d commits)", name, commits)
			}
		})
	}
}

type countingJournal struct {
	giftsync.Journal
	n *int
}

func (j countingJournal) Commit(c store.Commit) error {
	*j.n++
	return j.Journal.Commit(c)
}
