package sync_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// mayLack are the scopes that a portal is synced without, by what there is not without
// each.
var mayLack = map[string]string{
	"crm.objects.companies.read": "companies",
	"crm.objects.deals.read":     "deals",
	"crm.objects.owners.read":    "owner",
}

// scopesWithout are all scopes but some.
func scopesWithout(lacking ...string) []string {
	return slices.DeleteFunc(hubspottest.DefaultScopes(), func(s string) bool { return slices.Contains(lacking, s) })
}

// TestMissingScopeCostsItsFeatureAlone: in every combination of the scopes that may be missing, each
// costs its own feature and no other, and a few calls at most; when all are granted
// again, what was left out is made up for.
func TestMissingScopeCostsItsFeatureAlone(t *testing.T) {
	t.Parallel()
	scopes := []string{"crm.objects.companies.read", "crm.objects.deals.read", "crm.objects.owners.read"}
	for n := range 1 << len(scopes) {
		var lacking []string
		for i, s := range scopes {
			if n>>i&1 == 1 {
				lacking = append(lacking, s)
			}
		}
		for _, unlisted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d scopes not listed %v", n, unlisted), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { syncWithout(t, unlisted, lacking) })
			})
		}
	}
}

func syncWithout(t *testing.T, unlisted bool, lacking []string) {
	w := simulation.New(t, hubspottest.Options{Seed: 71, NoTokenInfo: unlisted}, thnksapitest.Options{})
	w.Bounds.WindowRows = 2 // the runs begin anew behind a first window
	w.Portal.AddOwner("sam@example.com", "Sam", "Poe")
	contact, company, deal := w.AddPerson("ann@acme.example")
	w.Must(giftsync.Backfill)
	w.Portal.SetScopes(scopesWithout(lacking...)...)
	st := w.Open()
	defer st.Close()
	e := w.Engine(st)
	may := func(feature string) bool {
		return !slices.ContainsFunc(lacking, func(s string) bool { return mayLack[s] == feature })
	}
	check := func(ids []string, all bool) {
		t.Helper()
		for _, id := range ids {
			want := map[string][]string{"contacts": {contact}}
			if all || may("companies") {
				want["companies"] = []string{company}
			}
			if all || may("deals") {
				want["deals"] = []string{deal}
			}
			w.WantLinked(id, want)
			if got := owner(w, id); (got != "") != (all || may("owner")) {
				t.Errorf("%s: owner %q", id, got)
			}
		}
	}
	run := func(mode giftsync.Mode) giftsync.Report {
		t.Helper()
		rep, err := e.Run(t.Context(), giftsync.Request{Mode: mode})
		if err != nil {
			t.Fatalf("%s: %v", mode, err)
		}
		simulation.CheckReport(t, rep)
		return rep
	}

	var ids []string
	for i := range 5 {
		ids = append(ids, fmt.Sprintf("T-%d", i))
		w.AddGift(ids[i], "ann@acme.example", time.Hour)
		w.Thnks.Update(ids[i], func(tx *thnksapitest.Transaction) { tx.Sender.Email = "sam@example.com" })
	}
	w.Portal.ResetRequests()
	rep := run(giftsync.Incremental)
	if rep.Created != 5 {
		t.Errorf("%+v", rep)
	}
	check(ids, false)
	said := strings.Join(rep.Warnings, "\n")
	for _, s := range lacking {
		if mayLack[s] != "owner" && !strings.Contains(said, s+": gifts without links to "+mayLack[s]) {
			t.Errorf("the report says %q", said)
		}
	}
	if len(lacking) == 0 && said != "" {
		t.Errorf("the report says %q", said)
	}
	run(giftsync.ReassociateAll) // nothing that cannot be read counts as removed
	if refused := w.Portal.Requests().ByStatus[403]; refused > 2*len(lacking) {
		t.Errorf("HubSpot refused %d calls", refused)
	}
	check(ids, false)

	w.Portal.SetScopes(hubspottest.DefaultScopes()...)
	if unlisted {
		time.Sleep(6 * time.Hour)
	}
	rep = run(giftsync.ReassociateAll)
	if rep.Warnings != nil {
		t.Errorf("with all scopes the report says %q", rep.Warnings)
	}
	check(ids, true)

	// Links that exist already outlive the time without their scope.
	w.Portal.SetScopes(scopesWithout(lacking...)...)
	run(giftsync.ReassociateAll)
	w.Portal.SetScopes(hubspottest.DefaultScopes()...)
	if unlisted {
		time.Sleep(6 * time.Hour)
	}
	if rep = run(giftsync.ReassociateAll); rep.AssociationsCreated != 0 {
		t.Errorf("links are made twice: %+v", rep)
	}
	check(ids, true)
}

// TestScopeGrantedBehindAnInterruption: a re-association that was interrupted while a scope was
// missing starts over once it is granted: the links of all gifts are made.
func TestScopeGrantedBehindAnInterruption(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 73}, thnksapitest.Options{})
		w.Bounds.WindowRows = 10
		links := make(map[string]map[string][]string)
		for n := range 35 {
			id, email := simulation.ID(n), fmt.Sprintf("p%d@acme.example", n)
			contact, company, deal := w.AddPerson(email)
			w.AddGift(id, email, time.Hour)
			links[id] = map[string][]string{"contacts": {contact}, "companies": {company}, "deals": {deal}}
		}
		w.Portal.SetScopes(scopesWithout("crm.objects.deals.read")...)
		w.Must(giftsync.Backfill)
		interruptAt(w, giftsync.ReassociateAll, 20)
		if rep := w.Must(giftsync.ReassociateAll); rep.Fetched != 15 { // the scope is still missing
			t.Errorf("resumed with %d gifts, want the 15 left", rep.Fetched)
		}
		interruptAt(w, giftsync.ReassociateAll, 20)
		w.Portal.SetScopes(hubspottest.DefaultScopes()...)
		time.Sleep(time.Hour)
		if rep := w.Must(giftsync.ReassociateAll); rep.Fetched != 35 {
			t.Errorf("%d gifts, want all 35", rep.Fetched)
		}
		for id, want := range links {
			w.WantLinked(id, want)
		}
	})
}

// TestDealEventsWithoutTheirScope: HubSpot's events about deals do not fail for want of their scope.
func TestDealEventsWithoutTheirScope(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 72}, thnksapitest.Options{})
		contact, _, deal := w.AddPerson("ann@acme.example")
		w.Must(giftsync.Backfill)
		w.Portal.SetScopes(scopesWithout("crm.objects.deals.read", "crm.objects.companies.read")...)
		w.AddGift("T-1", "ann@acme.example", time.Hour)
		st := w.Open()
		defer st.Close()
		e := w.Engine(st)
		seqs := w.Receive(st, store.Event{
			Dialect: "hubspot", Key: "1", Kind: "deal.associationChange", RecordType: "deal", RecordIDs: []string{deal},
			Effect: store.EffectRecord, At: time.Now().UTC(), ReceivedAt: time.Now().UTC(), Signed: true,
		})
		if _, err := e.FollowEvents(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.EventStates(st)[seqs[0]]; got != store.EventApplied {
			t.Errorf("the event is in state %v", got)
		}
		if _, err := e.Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental}); err != nil {
			t.Fatal(err)
		}
		w.WantLinked("T-1", map[string][]string{"contacts": {contact}})
	})
}

// TestDryRunWithoutScopes: a dry run shows no links that the token's scopes do not allow.
func TestDryRunWithoutScopes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := simulation.New(t, hubspottest.Options{Seed: 73}, thnksapitest.Options{})
		w.Logger = slog.New(slog.DiscardHandler)
		w.AddPerson("ann@acme.example")
		w.Must(giftsync.Backfill)
		w.Portal.SetScopes(scopesWithout("crm.objects.companies.read")...)
		w.AddGift("T-1", "ann@acme.example", time.Hour)
		rep, err := w.Run(t.Context(), giftsync.Request{Mode: giftsync.Incremental, DryRun: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(rep.Changes) != 1 || strings.Contains(fmt.Sprint(rep.Changes), "company") || len(rep.Warnings) != 1 {
			t.Errorf("%v, with warnings %q", rep.Changes, rep.Warnings)
		}
	})
}

// TestScopeMissingInAReread: that a scope is gone is found out by any pass of a schedule,
// also by the one that reaches back further than the hour, by a process that did not know it.
// What it has counted before it begins anew counts once.
func TestScopeMissingInAReread(t *testing.T) {
	t.Parallel()
	for after, unreadable := range map[time.Duration]int{
		time.Hour: 150, 25 * time.Hour: 150,
		8 * simulation.Day: 100, // what it reads anew it reads once more for changes
	} {
		for _, unlisted := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w := simulation.New(t, hubspottest.Options{Seed: 74, NoTokenInfo: unlisted}, thnksapitest.Options{})
				contact, company, _ := w.AddPerson("ann@acme.example")
				w.AddGift("T-0", "ann@acme.example", time.Hour)
				w.Must(giftsync.Backfill)
				w.Portal.SetScopes(scopesWithout("crm.objects.deals.read")...)
				time.Sleep(after)
				w.AddGift("T-1", "ann@acme.example", time.Minute)
				for i := range unreadable {
					w.Thnks.Add(simulation.Unreadable(fmt.Sprintf("T-bad-%d", i), time.Now().UTC()))
				}
				for _, want := range []int{1, 0} {
					rep := w.Must(giftsync.Incremental)
					if rep.Created != want || len(rep.Warnings) == 0 && want == 1 {
						t.Errorf("after %s: %+v", after, rep)
					}
				}
				w.WantLinked("T-1", map[string][]string{"contacts": {contact}, "companies": {company}})
			})
		}
	}
}

// TestScopeMissingInAFile: rows of a file that say less than is known count once, also where
// the run begins anew without what a scope is for.
func TestScopeMissingInAFile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := fromFiles(t)
		w.AddPerson("ann@acme.example")
		full, less := []string{"Transaction ID,Gift Name,Recipient Email,Status"}, []string{"Transaction ID,Gift Name,Recipient Email,Status"}
		for n := range 5 {
			full = append(full, fmt.Sprintf("T-%d,Coffee,p%d@example.com,redeemed", n, n))
			less = append(less, fmt.Sprintf("T-%d,Tea,p%d@example.com,sent", n, n))
		}
		w.MustFile(w.ExportLines(full...))
		w.Portal.SetScopes(scopesWithout("crm.objects.deals.read")...)
		time.Sleep(time.Hour)
		rep := w.MustFile(w.ExportLines(append(less, "T-5,Tea,ann@acme.example,sent")...))
		if rep.Created != 1 || rep.Older != 5 {
			t.Errorf("%d created and %d older than what is known, want 1 and 5", rep.Created, rep.Older)
		}
	})
}
