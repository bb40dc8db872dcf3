package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
)

// shownChanges is how many changes of each kind a dry run prints without
// --all.
const shownChanges = 20

// count writes a number with its thousands set apart.
func count(n int) string { return message.NewPrinter(language.English).Sprintf("%d", n) }

// printReport writes what a run did, for users.
func printReport(w io.Writer, r giftsync.Report) {
	switch {
	case r.Error != "":
		fmt.Fprintf(w, "%s: %s ended early, after %s\n", r.Portal, r.Mode, took(r))
	case r.DryRun:
		fmt.Fprintf(w, "%s: dry run of %s, took %s; nothing was written\n", r.Portal, r.Mode, took(r))
	default:
		fmt.Fprintf(w, "%s: %s done in %s\n", r.Portal, r.Mode, took(r))
	}
	line := func(name string, n int, detail string) {
		s := fmt.Sprintf("  %-14s %9s", name, count(n))
		if detail != "" {
			s += "   " + detail
		}
		fmt.Fprintln(w, s)
	}
	line("transactions", r.Fetched, "")
	line("created", r.Created, "")
	line("updated", r.Updated, "")
	line("unchanged", r.Unchanged, "")
	line("quarantined", r.Quarantined, "")
	if len(r.Skipped) > 0 {
		line("skipped", total(r.Skipped), breakdown(r.Skipped))
	}
	if r.Older > 0 {
		line("older rows", r.Older, "which say less than what is known; that stays")
	}
	if r.RepeatedHeaders > 0 {
		line("headers", r.RepeatedHeaders, "repeated in the file, skipped")
	}
	line("links made", r.AssociationsCreated, "")
	if r.DryRun {
		line("no contact for", total(r.WithoutContact), breakdown(r.WithoutContact))
		for _, c := range r.Choices {
			fmt.Fprintf(w, "  %s by %s: %s\n", words(string(c.Of)), words(string(c.By)), c.Reason)
		}
	}
	line("orphans now", total(r.Orphans), breakdown(r.Orphans))
	if r.Ambiguous > 0 {
		line("ambiguous now", r.Ambiguous, "recipients whom several contacts match")
	}
	line("HubSpot calls", total(r.HubSpotCalls), breakdown(r.HubSpotCalls))
	line("Thnks calls", r.ThnksCalls, "")
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "  warning: %s\n", printable(warning))
	}
}

// words spells a name of the JSON document for users.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// printHint says where to look when records were left in quarantine.
func printHint(w io.Writer, r giftsync.Report) {
	if r.Quarantined == 0 {
		return
	}
	verb := "are"
	if r.Quarantined == 1 {
		verb = "is"
	}
	fmt.Fprintf(w, "  %s %s in quarantine: thnks-hubspot-sync quarantine list --portal %s\n", plural(r.Quarantined, "record"), verb, r.Portal)
}

// took writes how long a run lasted.
func took(r giftsync.Report) string {
	return tenths(r.FinishedAt.Sub(r.StartedAt))
}

// tenths writes a duration to a tenth of a second.
func tenths(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }

func total[K comparable](counts map[K]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

// breakdown writes counts by name, the greatest first: "objects 58, other 4".
func breakdown[K ~string](counts map[K]int) string {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b K) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	var parts []string
	for _, k := range keys {
		if counts[k] != 0 {
			parts = append(parts, string(k)+" "+count(counts[k]))
		}
	}
	return strings.Join(parts, ", ")
}

// printChanges writes what a dry run would change: the schema, then each kind
// of action, the first [shownChanges] of it or all.
func printChanges(w io.Writer, r giftsync.Report, all bool) {
	if len(r.SchemaChanges) > 0 {
		fmt.Fprintln(w, "schema:")
		for _, s := range r.SchemaChanges {
			fmt.Fprintf(w, "  %s\n", printable(s))
		}
	}
	byAction := make(map[plan.Action][]giftsync.PlannedChange)
	for _, c := range r.Changes {
		byAction[c.Action] = append(byAction[c.Action], c)
	}
	totals := map[plan.Action]int{plan.Create: r.Created, plan.Update: r.Updated, plan.Keep: r.Unchanged, plan.Skip: total(r.Skipped)}
	for _, action := range []plan.Action{plan.Create, plan.Update, plan.Skip, plan.Keep} {
		changes := byAction[action]
		if len(changes) == 0 {
			continue
		}
		if !all {
			changes = changes[:min(len(changes), shownChanges)]
		}
		for _, c := range changes {
			fmt.Fprintf(w, "  %s\n", describe(c))
		}
		if rest := totals[action] - len(changes); rest > 0 {
			fmt.Fprintf(w, "  … %s more to %s; --all prints them\n", count(rest), action)
		}
	}
}

// describe writes one planned change in a line:
// "create T-17 → contact 101, company 9, deals 5, 6".
func describe(c giftsync.PlannedChange) string {
	s := fmt.Sprintf("%s %s", c.Action, c.TransactionID)
	var to []string
	if c.Contact != "" {
		to = append(to, "contact "+c.Contact)
	}
	if c.Company != "" {
		to = append(to, "company "+c.Company)
	}
	switch len(c.Deals) {
	case 0:
	case 1:
		to = append(to, "deal "+c.Deals[0])
	default:
		to = append(to, "deals "+strings.Join(c.Deals, ", "))
	}
	if len(to) > 0 {
		s += " → " + strings.Join(to, ", ")
	} else if c.Orphan != "" {
		s += " (orphan: " + string(c.Orphan) + ")"
	}
	// A create's reasons are its properties, all of them: they would say nothing.
	if len(c.Reasons) > 0 && c.Action != plan.Create {
		s += ": " + strings.Join(c.Reasons, ", ")
	}
	return printable(s)
}
