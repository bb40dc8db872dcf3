package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jedib0t/go-pretty/v6/text"

	giftsync "thnks-hubspot-sync/sync"
)

// TestQuarantineFits: whatever stands in a quarantine, its list has no line of
// more than 80 columns, and says how many records there are of each class.
func TestQuarantineFits(t *testing.T) {
	l := giftsync.QuarantineList{Portal: "acme"}
	for i := range 3 {
		r := giftsync.QuarantineRecord{
			Key: strings.Repeat("k", 200), Short: fmt.Sprintf("%08x", i), TransactionID: strings.Repeat("T-", 60),
			Class:  "refused:MISSING_CONDITIONAL_REQUIRED_PROPERTY:" + strings.Repeat("a_long_property_", 5),
			Reason: strings.Repeat("prose without an end ", 10) + strings.Repeat("x", 200) + " 日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語\x1b[31m",
			Source: "/var/lib/exports/a-file-with-a-long-name.csv:123456", GiftName: strings.Repeat("Coffee ☕ ", 20),
			Date: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Attempts: 1 + i, First: time.Unix(0, 0), Last: time.Unix(9e8, 0),
		}
		if i == 2 {
			r.Class, r.TransactionID, r.Source, r.GiftName, r.Date = "unreadable", "", "", "", time.Time{}
		}
		l.Records = append(l.Records, r)
		l.Groups = append(l.Groups, giftsync.QuarantineGroup{Class: r.Class, Reason: r.Reason, Count: 1000, Keys: []string{r.Key, r.Key, r.Key, r.Key, r.Key}})
	}
	var b strings.Builder
	printGroups(&b, l)
	printRecords(&b, l, 3)
	for line := range strings.Lines(b.String()) {
		if w := text.StringWidth(strings.TrimSuffix(line, "\n")); w > 80 {
			t.Errorf("%d columns: %q", w, line)
		}
	}
	for _, want := range []string{"acme: 3 in quarantine\n", "unreadable 1", "  00000002  -", "tried 2 times"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("lacks %q:\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "\x1b") {
		t.Errorf("raw control characters: %q", b.String())
	}
}

// TestPortalOfAKey: a key in full is itself, wherever; a short one names a single
// record of all portals, or is refused with those that it may mean.
func TestPortalOfAKey(t *testing.T) {
	const a, b = "3f2a91bc00000000000000000000000000000000000000000000000000000001", "3f2a91bc00010000000000000000000000000000000000000000000000000001"
	list := func(portal string, keys ...string) giftsync.QuarantineList {
		l := giftsync.QuarantineList{Portal: portal}
		for _, k := range keys {
			l.Records = append(l.Records, giftsync.QuarantineRecord{Key: k})
		}
		return l
	}
	for name, c := range map[string]struct {
		lists []giftsync.QuarantineList
		key   string
		want  map[string]string
		err   string
	}{
		"in full":            {lists: []giftsync.QuarantineList{list("acme", a, b)}, key: a, want: map[string]string{"acme": a}},
		"short":              {lists: []giftsync.QuarantineList{list("acme", a), list("beta", "T-1")}, key: "3f2a91bc", want: map[string]string{"acme": a}},
		"in several portals": {lists: []giftsync.QuarantineList{list("acme", "T-1"), list("beta", "T-1")}, key: "T-1", want: map[string]string{"acme": "T-1", "beta": "T-1"}},
		"short for several":  {lists: []giftsync.QuarantineList{list("acme", a), list("beta", b)}, key: "3f2a91bc", err: a + " (portal acme), " + b + " (portal beta)"},
		"one's key, and short for another": {
			lists: []giftsync.QuarantineList{list("acme", a), list("beta", "3f2a91bc"), list("gamma", b)}, key: "3f2a91bc", want: map[string]string{"beta": "3f2a91bc"},
		},
		"nowhere": {lists: []giftsync.QuarantineList{list("acme", a)}, key: "3f2a91bd", err: "nothing in quarantine"},
	} {
		got, err := ownersOf(c.lists, c.key)
		if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, got); err == nil && diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if err != nil && statusOf(err) != misused {
			t.Errorf("%s: status %d", name, statusOf(err))
		}
	}
}

// TestPrintRow: the row is printed as it was received, but for what would command
// a terminal.
func TestPrintRow(t *testing.T) {
	row := giftsync.QuarantinedRow{
		Record: giftsync.QuarantineRecord{Key: "T-1", Class: "unreadable", Reason: "line 7: no amount", Source: "export file, line 7"},
		Row:    []byte("{\"name\": \"Ann \x1b[31m\",\n \"amount\": \"five\"}\n"),
	}
	var b strings.Builder
	printRow(&b, "acme", row)
	for _, want := range []string{"key       T-1\n", "source    export file, line 7\n", "{\"name\": \"Ann \\u001b[31m\",\n \"amount\": \"five\"}\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("lacks %q:\n%s", want, b.String())
		}
	}
	row.Row = nil
	b.Reset()
	printRow(&b, "acme", row)
	if !strings.Contains(b.String(), "No row was kept") {
		t.Error(b.String())
	}
}

// TestNothingDone: of a run that could not begin there is no table.
func TestNothingDone(t *testing.T) {
	var out, errs strings.Builder
	a := &app{stdout: &out, stderr: &errs}
	failure := fmt.Errorf("portal acme: %w", usagef("no token"))
	results := []result{{giftsync.NotRun("acme", giftsync.Request{Mode: giftsync.Incremental}, time.Now(), failure), failure}}
	_ = a.reportRuns(results, false, false)
	if out.String() != "" || !strings.Contains(errs.String(), "no token") {
		t.Errorf("printed %q and %q", out.String(), errs.String())
	}
}
