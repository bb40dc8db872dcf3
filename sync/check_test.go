package sync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// examine opens everything and checks it.
func (w *world) examine() []Finding {
	w.t.Helper()
	st := w.open()
	defer st.Close()
	if w.journal == nil {
		w.journal = func(Journal) Journal { return roomy{st} }
		defer func() { w.journal = nil }()
	}
	return w.engine(st).Check(context.Background())
}

// A roomy state file is on a large disk, whatever this machine has.
type roomy struct{ *store.Store }

func (roomy) Space() (size, free int64, err error) { return 1 << 20, 100 << 30, nil }

// levels are the findings' levels by name. A name that comes twice is a
// mistake, as is a failing line that does not say what to do.
func levels(t testing.TB, findings []Finding) map[string]Level {
	t.Helper()
	got := make(map[string]Level)
	for _, f := range findings {
		if _, twice := got[f.Check]; twice {
			t.Errorf("%s: two findings", f.Check)
		}
		got[f.Check] = f.Level
		if f.Level == Fail && f.Remedy == "" || f.What == "" || f.Portal != "acme" {
			t.Errorf("finding %+v, want portal, what, and a remedy for a failure", f)
		}
	}
	return got
}

func finding(t testing.TB, findings []Finding, check string) Finding {
	t.Helper()
	i := slices.IndexFunc(findings, func(f Finding) bool { return f.Check == check })
	if i < 0 {
		t.Fatalf("no finding of %q", check)
	}
	return findings[i]
}

// healthy is what a portal's check says when all is well.
var healthy = map[string]Level{
	checkToken: OK, checkHubSpotTLS: OK, checkScopes: OK, checkTier: OK, checkObject: OK, checkUnique: OK,
	checkProperties: OK, checkAssociations: OK, checkThnksKey: OK, checkThnksTLS: OK, checkClock: OK,
	checkQuarantine: OK, checkState: OK, checkDisk: OK, checkSenders: OK, checkJournal: OK,
}

// syncedWorld is a portal after its first backfill, whose only sender is an
// owner.
func syncedWorld(t *testing.T, opt hubspottest.Options) *world {
	w := newWorld(t, opt, thnksapitest.Options{})
	w.portal.AddOwner("sam@example.com", "Sam", "Poe")
	w.person("ann@example.com")
	for i := range 30 {
		w.gift(fmt.Sprintf("T-%02d", i), "ann@example.com", 0)
		w.thnks.Update(fmt.Sprintf("T-%02d", i), func(tx *thnksapitest.Transaction) { tx.Sender.Email = "Sam@example.com" })
	}
	w.must(Backfill)
	return w
}

// TestCheck goes through the table: what is wrong, how bad that is, and what
// the line says.
func TestCheck(t *testing.T) {
	t.Parallel()
	rest := []string{checkScopes, checkTier, checkObject, checkUnique, checkProperties, checkAssociations, checkSenders, checkJournal}
	without := func(scopes ...string) func(*world) {
		return func(w *world) {
			w.portal.SetScopes(slices.DeleteFunc(hubspottest.DefaultScopes(), func(s string) bool { return slices.Contains(scopes, s) })...)
		}
	}
	status := func(path string, code int) func(*world) {
		return func(w *world) { w.portal.Fault(hubspottest.Fault{PathContains: path, Status: code, Count: -1}) }
	}
	for _, tt := range []struct {
		name  string
		opt   hubspottest.Options
		spoil func(*world)
		bad   map[string]Level // findings that differ from healthy
		check string           // the line that is looked at
		says  []string
	}{
		{name: "all is well", check: checkJournal, says: []string{"30 records"}},
		{
			name: "token refused", spoil: status("/", 401),
			bad: some(Warn, rest...).and(Fail, checkToken), check: checkToken, says: []string{"does not accept the token", "token_file"},
		},
		{
			name: "another account", spoil: func(w *world) { w.cfg = func(c *Config) { c.AccountID = "4711" } },
			bad: some(Warn, rest...).and(Fail, checkToken), check: checkToken, says: []string{"account 62515", "bound to account 4711"},
		},
		{
			name: "HubSpot out of reach", spoil: func(w *world) {
				w.wrap = func(http.RoundTripper) http.RoundTripper {
					return roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") })
				}
			},
			bad: some(Warn, append(rest, checkHubSpotTLS)...).and(Fail, checkToken), check: checkToken, says: []string{"could not be reached", "base_url"},
		},
		{
			name: "HubSpot unwell", spoil: status("/", 503),
			bad: some(Warn, append(rest, checkToken)...), check: checkToken, says: []string{"503", "passed"},
		},
		{
			name: "owners off", spoil: without("crm.objects.owners.read"),
			bad: some(OK), check: checkSenders, says: []string{"not matched", "grant crm.objects.owners.read"},
		},
		{
			name: "scopes missing", spoil: without("crm.objects.deals.read", "crm.objects.custom.write"),
			bad: some(Fail, checkScopes), check: checkScopes, says: []string{"lacks crm.objects.deals.read, crm.objects.custom.write", "grant"},
		},
		{
			name: "scopes not listed", opt: hubspottest.Options{NoTokenInfo: true},
			bad: some(OK), check: checkScopes, says: []string{"those for writing show only"},
		},
		{
			name: "scopes not listed and missing", opt: hubspottest.Options{NoTokenInfo: true}, spoil: without("crm.objects.companies.read"),
			bad: some(Fail, checkScopes), check: checkScopes, says: []string{"lacks crm.objects.companies.read"},
		},
		{
			name: "custom objects unreadable", spoil: without("crm.schemas.custom.read"),
			bad:   some(Warn, checkObject, checkUnique, checkProperties, checkAssociations, checkJournal).and(Fail, checkScopes, checkTier),
			check: checkTier, says: []string{"lacks crm.schemas.custom.read"},
		},
		{
			name: "downgraded", spoil: func(w *world) { w.portal.SetTier(hubspottest.Professional) },
			bad:   some(Warn, checkObject, checkUnique, checkProperties, checkAssociations, checkJournal).and(Fail, checkTier),
			check: checkTier, says: []string{"subscription does not include", "Enterprise"},
		},
		{
			name: "the unique property is gone", spoil: func(w *world) { w.portal.ArchiveProperty("thnks", keyProperty) },
			bad: some(Warn, checkProperties).and(Fail, checkUnique).and(Warn, checkJournal), check: checkUnique, says: []string{"missing or no longer unique"},
		},
		{
			name: "a property of another type", spoil: func(w *world) { w.portal.RetypeProperty("thnks", "gift_amount", "string", "text") },
			bad: some(Fail, checkProperties), check: checkProperties, says: []string{"gift_amount is of type string, not number"},
		},
		{
			name: "property and option missing", spoil: func(w *world) {
				w.portal.ArchiveProperty("thnks", "parcel_status")
				w.portal.SetOptions("thnks", "status", "scheduled", "sent", "delivered", "opened", "redeemed", "refunded", "expired", "undelivered", "donated")
			},
			bad: some(Warn, checkProperties), check: checkProperties, says: []string{"status = unknown, parcel_status", "sync --backfill"},
		},
		{
			name: "edited in another way", spoil: func(w *world) { w.portal.RetypeProperty("thnks", "gift_type", "string", "textarea") },
			bad: some(Warn, checkProperties), check: checkProperties, says: []string{"gift_type (textarea instead of text)"},
		},
		{
			name: "not required any more", spoil: func(w *world) { w.portal.RequireOnly("thnks") },
			bad: some(Warn, checkObject), check: checkObject, says: []string{"thnks_transaction_id is not required"},
		},
		{
			name: "something else is required", spoil: func(w *world) { w.portal.RequireOnly("thnks", keyProperty, "thank_you_note") },
			bad: some(Fail, checkObject), check: checkObject, says: []string{"thank_you_note", "optional"},
		},
		{
			name: "association types made anew", spoil: func(w *world) { w.redefine("deals") },
			bad: some(Warn, checkAssociations), check: checkAssociations, says: []string{"made anew", "to deals"},
		},
		{
			name: "no association type", spoil: func(w *world) { w.portal.UndefineAssociation("thnks", "companies") },
			bad: some(Warn, checkAssociations), check: checkAssociations, says: []string{"missing: to companies"},
		},
		{
			name: "no such deal label", spoil: func(w *world) { w.rules.DealLabel = "Decision maker"; w.labelDeal("Champion") },
			bad: some(Fail, checkDealLabel), check: checkDealLabel, says: []string{`"Decision maker"`, `"Champion"`},
		},
		{
			name: "deal label", spoil: func(w *world) { w.rules.DealLabel = "champion"; w.labelDeal("Champion") },
			bad: some(OK, checkDealLabel), check: checkDealLabel, says: []string{"champion"},
		},
		{
			name: "Thnks refuses the key", spoil: func(w *world) { w.thnks.Fault(thnksapitest.Fault{Status: 401}) },
			bad: some(Fail, checkThnksKey), check: checkThnksKey, says: []string{"does not accept the API key", "api_key_file"},
		},
		{
			name: "Thnks unwell", spoil: func(w *world) { w.thnks.Fault(thnksapitest.Fault{}) },
			bad: some(Warn, checkThnksKey), check: checkThnksKey, says: []string{"500"},
		},
		{
			name: "clock off", opt: hubspottest.Options{ClockSkew: 2 * time.Minute},
			bad: some(Warn, checkClock), check: checkClock, says: []string{"behind HubSpot's, agrees with Thnks's", "timedatectl"},
		},
		{
			name: "clock far off", opt: hubspottest.Options{ClockSkew: -10 * time.Minute},
			bad: some(Fail, checkClock), check: checkClock, says: []string{"9m59s ahead of HubSpot's", "webhooks"},
		},
		{
			name: "a sender is no owner", spoil: func(w *world) { w.sent("T-99", "kim@example.com"); w.must(Incremental) },
			bad: some(Warn, checkSenders), check: checkSenders, says: []string{"1 sender is no active owner", "kim@example.com", "--reassociate=all"},
		},
		{
			name: "quarantine", spoil: func(w *world) { w.quarantine("refused", "refused", "unreadable") },
			bad: some(Warn, checkQuarantine), check: checkQuarantine, says: []string{"3 records wait: 2 refused, 1 unreadable", "quarantine list"},
		},
		{
			name: "schema problem", spoil: func(w *world) { w.quarantine("schema_problem") },
			bad: some(Fail, checkQuarantine), check: checkQuarantine, says: []string{"1 schema_problem"},
		},
		{
			name: "events come and go", spoil: func(w *world) { w.keep(event("T-01", plan.Opened)) },
			bad: some(OK, checkEvents), check: checkEvents, says: []string{"1 to be worked off, 0 wait"},
		},
		{
			name: "events were refused", spoil: func(w *world) { w.keep(store.Event{Effect: store.EffectUnknown}) },
			bad: some(Warn, checkEvents), check: checkEvents, says: []string{"1 refused", "events list", "events replay"},
		},
		{
			name: "events pile up", spoil: func(w *world) {
				w.keep(event("T-01", plan.Opened))
				w.cfg = func(c *Config) { c.Inbox = laden{c.Inbox.(*store.Store)} }
			},
			bad: some(Fail, checkEvents), check: checkEvents, says: []string{"90 % of the room"},
		},
		{
			name: "a record deleted", spoil: func(w *world) { w.portal.Archive("thnks", w.record("T-07")) },
			bad: some(Warn, checkJournal), check: checkJournal, says: []string{"29 of 30", "deleted or merged: T-07", "--restore", "--reassociate=all"},
		},
		{
			name: "records changed", spoil: func(w *world) {
				w.portal.UpdateProperties("thnks", w.record("T-03"), map[string]string{"status": "donated"})
				w.portal.UpdateProperties("thnks", w.record("T-04"), map[string]string{"message": "what", "gift_amount": "1"})
			},
			bad: some(Warn, checkJournal), check: checkJournal, says: []string{"28 of 30", "T-03 (status)", "T-04 (gift_amount, message)"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := syncedWorld(t, tt.opt)
				if tt.spoil != nil {
					tt.spoil(w)
				}
				findings := w.examine()
				want := make(map[string]Level)
				for _, m := range []map[string]Level{healthy, tt.bad} {
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
func some(l Level, checks ...string) lines { return make(lines).and(l, checks...) }

type lines map[string]Level

func (m lines) and(l Level, checks ...string) lines {
	for _, check := range checks {
		m[check] = l
	}
	return m
}

// keep puts events into the inbox.
func (w *world) keep(e store.Event) {
	st := w.open()
	defer st.Close()
	e.Dialect, e.Key, e.ReceivedAt = "gift-events", "key", time.Now().UTC()
	w.receive(st, e)
}

// A laden inbox is nearly full.
type laden struct{ *store.Store }

func (laden) InboxLoad() (float64, error) { return 0.9, nil }

// quarantine puts a record of each class into quarantine.
func (w *world) quarantine(classes ...string) {
	w.t.Helper()
	st := w.open()
	defer st.Close()
	var c store.Commit
	for i, class := range classes {
		c.Quarantine = append(c.Quarantine, store.Quarantined{Key: fmt.Sprint("Q-", i), Class: class, Reason: "because", Last: time.Now(), Row: json.RawMessage(`{}`)})
	}
	if err := st.Commit(c); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) labelDeal(label string) {
	contact, deal := w.portal.AddContact("eve@example.com", nil), w.portal.AddDeal(nil)
	w.portal.AssociateLabelled("contacts", contact, "deals", deal, label)
}

// redefine removes an association definition and makes it anew.
func (w *world) redefine(to string) {
	w.portal.UndefineAssociation("thnks", to)
	s, _ := w.portal.SchemaOf("thnks")
	if err := w.client().CreateAssociationDefinition(context.Background(), s.ID, map[string]string{"deals": "0-3"}[to], "again"); err != nil {
		w.t.Fatal(err)
	}
}

// TestCheckBeforeTheFirstRun: an account without our object is well, one with
// a stranger's of that name is not.
func TestCheckBeforeTheFirstRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		findings := w.examine()
		if diff := cmp.Diff(healthy, levels(t, findings)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if f := finding(t, findings, checkObject); !strings.Contains(f.What, "not there yet") {
			t.Errorf("%+v", f)
		}
		id := w.portal.AddForeignSchema("thnks")
		findings = w.examine()
		f := finding(t, findings, checkObject)
		if f.Level != Fail || !strings.Contains(f.Remedy, "check --adopt "+id+" --portal acme") {
			t.Errorf("%+v, want a failure that names the command", f)
		}
		if f := finding(t, findings, checkProperties); f.Level != Warn || !strings.HasPrefix(f.What, "not examined: ") {
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
			w.rules.DealLabel = "Champion"
			w.labelDeal("Champion")
			w.portal.ArchiveProperty("thnks", "parcel_status")
			w.redefine("deals")
			commits := 0
			w.journal = func(j Journal) Journal { return countingJournal{j, &commits} }
			before := w.portal.Snapshot()
			schema, _ := w.portal.SchemaOf("thnks")
			w.portal.ResetRequests()
			asked := w.thnks.Requests()
			w.examine()
			got := w.portal.Requests()
			t.Logf("%s: %d calls to HubSpot: %v", name, got.Total, got.ByOperation)
			if got.Total > 15 || w.thnks.Requests()-asked != 1 {
				t.Errorf("%s: %d calls to HubSpot and %d to Thnks, want at most 15 and 1", name, got.Total, w.thnks.Requests()-asked)
			}
			for op := range got.ByOperation {
				if !strings.HasPrefix(op, "GET ") && !strings.HasSuffix(op, "/batch/read") && op != "POST oauth/private-apps/get/access-token-info" {
					t.Errorf("%s: %s is no reading", name, op)
				}
			}
			if now, _ := w.portal.SchemaOf("thnks"); !sameSnapshot(before, w.portal.Snapshot()) || cmp.Diff(schema, now) != "" || commits > 0 {
				t.Errorf("%s: something was written (%d commits)", name, commits)
			}
		})
	}
}

type countingJournal struct {
	Journal
	n *int
}

func (j countingJournal) Commit(c store.Commit) error {
	*j.n++
	return j.Journal.Commit(c)
}

// TestCheckOfAnotherJournal: one that is no file says so.
func TestCheckOfAnotherJournal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
		w.journal = func(j Journal) Journal { return countingJournal{j, new(int)} }
		findings := w.examine()
		for _, check := range []string{checkState, checkDisk} {
			if f := finding(t, findings, check); f.Level != Warn || f.What != "not examined: there is no state file yet" {
				t.Errorf("%+v", f)
			}
		}
	})
}

// A sickJournal is a state file with a fault or a full disk.
type sickJournal struct {
	Journal
	err        error
	size, free int64
}

func (j sickJournal) Check(context.Context) error          { return j.err }
func (j sickJournal) Space() (size, free int64, err error) { return j.size, j.free, nil }

func TestCheckStateFileAndDisk(t *testing.T) {
	t.Parallel()
	const gib = 1 << 30
	for _, tt := range []struct {
		sick        sickJournal
		state, disk Level
	}{
		{sickJournal{size: gib, free: 2 * gib}, OK, OK},
		{sickJournal{size: 3 * gib, free: 2 * gib}, OK, Warn},
		{sickJournal{free: gib - 1}, OK, Warn},
		{sickJournal{free: 64<<20 - 1}, OK, Fail},
		{sickJournal{free: gib, err: &store.CorruptError{Path: "acme.db", Detail: "torn"}}, Fail, OK},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, hubspottest.Options{}, thnksapitest.Options{})
			w.journal = func(j Journal) Journal { tt.sick.Journal = j; return tt.sick }
			got := levels(t, w.examine())
			if got[checkState] != tt.state || got[checkDisk] != tt.disk {
				t.Errorf("%+v: state file %s, disk %s; want %s, %s", tt.sick, got[checkState], got[checkDisk], tt.state, tt.disk)
			}
		})
	}
}

// TestCheckDuringARun checks after each of a backfill's calls to HubSpot:
// nothing waits for the run, and what it has written and not yet committed is
// no difference. The doctor has the run's engine, or one of its own.
func TestCheckDuringARun(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := smallWorld(t)
			w.must(Backfill)
			for _, tx := range w.thnks.Transactions()[:20] {
				w.thnks.Update(tx.ID, func(tx *thnksapitest.Transaction) { tx.Gift.Name += "!" })
			}
			time.Sleep(2 * time.Hour)
			st := w.open()
			defer st.Close()
			w.journal = func(Journal) Journal { return roomy{st} }
			type checking struct{}
			var doctor *Engine
			checks := 0
			w.wrap = func(next http.RoundTripper) http.RoundTripper {
				return roundTripper(func(req *http.Request) (*http.Response, error) {
					resp, err := next.RoundTrip(req)
					if req.Context().Value(checking{}) != nil {
						return resp, err
					}
					checks++
					findings := doctor.Check(context.WithValue(req.Context(), checking{}, true))
					for check, level := range levels(t, findings) {
						if level != OK && check != checkSenders {
							t.Errorf("after %s %s: %+v", req.Method, req.URL.Path, finding(t, findings, check))
						}
					}
					return resp, err
				})
			}
			e := w.engine(st)
			if doctor = e; own {
				w.cfg = func(c *Config) { c.Busy = func() bool { return true } }
				doctor = w.engine(st)
			}
			rep, err := e.Run(context.Background(), Request{Mode: Backfill})
			if err != nil || rep.Updated != 20 {
				t.Fatalf("updated %d, error %v; want 20", rep.Updated, err)
			}
			if checks < 3 {
				t.Errorf("checked %d times", checks)
			}
		})
	}
}
