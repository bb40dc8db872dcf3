package main

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/hubspot"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/plan"
)

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		err  error
		want status
	}{
		{nil, done},
		{errors.New("boom"), failed},
		{usagef("no"), misused},
		{fmt.Errorf("portal acme: %w", usagef("no")), misused},
		{&configs.LoadError{File: "x"}, misused},
		{quarantined.asError(), quarantined},
		{failed.asError(), failed},
		{&admin.RemoteError{Text: "no", Usage: true}, misused},
		{fmt.Errorf("portal acme: %w", &admin.RemoteError{Text: "no"}), failed},
	} {
		if got := statusOf(c.err); got != c.want {
			t.Errorf("statusOf(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}

func TestWorseExitStatus(t *testing.T) {
	order := []status{done, quarantined, misused, failed}
	for i, s := range order {
		for j, u := range order {
			if got, want := s.worse(u), order[max(i, j)]; got != want {
				t.Errorf("%d.worse(%d) = %d, want %d", s, u, got, want)
			}
		}
	}
}

func TestReadBuild(t *testing.T) {
	info := &debug.BuildInfo{Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef"},
		{Key: "vcs.modified", Value: "true"},
	}}
	info.Main.Version = "v1.2.3"
	if got := readBuild(info, true).String(); !strings.HasPrefix(got, "v1.2.3 (commit 0123456789ab, modified) go1.") {
		t.Errorf("got %q", got)
	}
	if got := readBuild(nil, false).String(); !strings.HasPrefix(got, "(devel) go1.") {
		t.Errorf("without build info: %q", got)
	}
}

var report = giftsync.Report{
	Portal: "acme", Mode: giftsync.Backfill,
	Fetched: 12345, Created: 12000, Updated: 300, Unchanged: 40, Quarantined: 3,
	Skipped:             map[string]int{plan.SkippedDeleted: 2},
	AssociationsCreated: 30000,
	Orphans:             map[plan.Orphan]int{plan.NoContact: 700, plan.NoEmail: 80, plan.ContactGone: 0},
	HubSpotCalls:        map[hubspot.Class]int{hubspot.Objects: 250, hubspot.Other: 9},
	ThnksCalls:          25,
	StartedAt:           time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
	FinishedAt:          time.Date(2026, 11, 1, 0, 1, 2, 340e6, time.UTC),
}

func TestPrintReport(t *testing.T) {
	const want = `acme: backfill done in 1m2.3s
  transactions      12,345
  created           12,000
  updated              300
  unchanged             40
  quarantined            3
  skipped                2   deleted_in_hubspot 2
  links made        30,000
  orphans now          780   no_contact 700, no_email 80
  HubSpot calls        259   objects 250, other 9
  Thnks calls           25
  3 records are in quarantine: thnks-hubspot-sync quarantine list --portal acme
`
	var b strings.Builder
	printReport(&b, report)
	printHint(&b, report)
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestPrintReportOfADryRun(t *testing.T) {
	rep := report
	rep.DryRun, rep.WithoutContact = true, map[plan.Orphan]int{plan.NoContact: 1200, plan.BadEmail: 3}
	rep.Choices = []plan.Choice{{Of: plan.OfAddresses, By: plan.ByLookUp, Reason: "they are found"}, {Of: plan.OfDeals, By: plan.ByListing, Reason: "12 calls, not 22"}}
	var b strings.Builder
	printReport(&b, rep)
	for _, want := range []string{
		"  no contact for     1,203   no_contact 1,200, bad_email 3\n",
		"  secondary addresses by look ups: they are found\n  deals by listing: 12 calls, not 22\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("got\n%s\nwant\n%s", b.String(), want)
		}
	}
}

func TestPrintChanges(t *testing.T) {
	rep := giftsync.Report{
		DryRun: true, Created: 24, Updated: 1, Skipped: map[string]int{plan.SkippedDeleted: 1},
		SchemaChanges: []string{"create custom object thnks"},
	}
	for i := range 24 {
		rep.Changes = append(rep.Changes, giftsync.PlannedChange{Action: plan.Create, TransactionID: fmt.Sprintf("T-%d", i), Orphan: plan.NoEmail})
	}
	rep.Changes[0] = giftsync.PlannedChange{Action: plan.Create, TransactionID: "T-17", Contact: "101", Company: "9", Deals: []string{"5", "6"}, Reasons: []string{"gift_name"}}
	rep.Changes = append(rep.Changes,
		giftsync.PlannedChange{Action: plan.Update, TransactionID: "T-18\x1b[2J", Reasons: []string{"status sent → opened", "opened_date"}},
		giftsync.PlannedChange{Action: plan.Skip, TransactionID: "T-19", Reasons: []string{plan.SkippedDeleted}})

	var b strings.Builder
	printChanges(&b, rep, false)
	got := b.String()
	for _, want := range []string{
		"schema:\n  create custom object thnks\n",
		"  create T-17 → contact 101, company 9, deals 5, 6\n",
		"  create T-1 (orphan: no_email)\n",
		"  … 4 more to create; --all prints them\n",
		`  update T-18\u001b[2J: status sent → opened, opened_date` + "\n",
		"  skip T-19: deleted_in_hubspot\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
	if n := strings.Count(got, "create T-"); n != 20 {
		t.Errorf("%d creates printed, want 20", n)
	}
	b.Reset()
	printChanges(&b, rep, true)
	if n := strings.Count(b.String(), "create T-"); n != 24 || strings.Contains(b.String(), "more to") {
		t.Errorf("with --all %d creates printed, want 24:\n%s", n, b.String())
	}
}
