package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"thnks-hubspot-sync/configs"
	giftsync "thnks-hubspot-sync/sync"
)

func (a *app) quarantineCommand() *cobra.Command {
	var f quarantineFlags
	cmd := &cobra.Command{
		Use:   "quarantine",
		Short: "Records that could not be synced, each with its reason",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.listQuarantine(cmd.Context(), f) },
	}
	list := &cobra.Command{
		Use:   "list",
		Short: "Print the records in quarantine, grouped by reason",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.listQuarantine(cmd.Context(), f) },
	}
	retry := &cobra.Command{
		Use:   "retry [KEY]...",
		Short: "Try to sync the records in quarantine again, or only those with the given keys",
		Example: `  thnks-hubspot-sync quarantine retry
  thnks-hubspot-sync quarantine retry T-000017 --portal acme`,
		RunE: func(cmd *cobra.Command, keys []string) error { return a.retryQuarantine(cmd.Context(), f, keys) },
	}
	cmd.PersistentFlags().StringVar(&f.portal, "portal", "", "only the portal `NAME`")
	cmd.PersistentFlags().BoolVar(&f.json, "json", false, "print one JSON document")
	for _, c := range []*cobra.Command{cmd, list} {
		c.Flags().BoolVar(&f.all, "all", false, fmt.Sprintf("print every record, however many: beyond %d there are only the groups", listedRecords))
	}
	cmd.AddCommand(list, retry)
	return cmd
}

type quarantineFlags struct {
	portal string
	json   bool
	all    bool
}

// listedRecords is how many records are listed one by one without being asked.
const listedRecords = 50

func (a *app) listQuarantine(ctx context.Context, f quarantineFlags) error {
	s, err := a.session(f.portal, false)
	if err != nil {
		return err
	}
	lists, worst := askEach(a, s, func(d service, portal string) (giftsync.QuarantineList, error) {
		return d.Quarantine(ctx, portal)
	})
	if f.json {
		if err := writeJSON(a.stdout, document[giftsync.QuarantineList]{Portals: lists}); err != nil {
			return err
		}
		return worst.asError()
	}
	for _, l := range lists {
		printGroups(a.stdout, l)
		switch {
		case f.all || len(l.Records) <= listedRecords:
			printRecords(a.stdout, l, len(l.Records))
		default:
			fmt.Fprintf(a.stdout, "All of them one by one: thnks-hubspot-sync quarantine list --all --portal %s\n", l.Portal)
		}
		if len(l.Records) > 0 {
			fmt.Fprintf(a.stdout, "When the cause is fixed: thnks-hubspot-sync quarantine retry --portal %s\n", l.Portal)
		}
	}
	return worst.asError()
}

// reasonWidth is where the reasons' lines are broken, in columns: they are
// HubSpot's prose, of any length.
const reasonWidth = 100

// printGroups writes how many records a portal has in quarantine for which
// reason, in HubSpot's own words for the first of them.
func printGroups(w io.Writer, l giftsync.QuarantineList) {
	if len(l.Records) == 0 {
		fmt.Fprintf(w, "%s: nothing in quarantine\n", l.Portal)
		return
	}
	fmt.Fprintf(w, "%s: %s in quarantine\n", l.Portal, count(len(l.Records)))
	for _, g := range l.Groups {
		keys := make([]string, len(g.Keys))
		for i, k := range g.Keys {
			keys[i] = printable(k)
		}
		more := ""
		if g.Count > len(keys) {
			more = ", …"
		}
		fmt.Fprintf(w, "  %s × %s: %s%s\n", count(g.Count), g.Class, strings.Join(keys, ", "), more)
		printReason(w, g.Reason)
	}
}

// printRecords writes a line for each of the first records of a portal's
// quarantine, its reason below it.
func printRecords(w io.Writer, l giftsync.QuarantineList, most int) {
	shown := l.Records[:min(len(l.Records), most)]
	if len(shown) == 0 {
		return
	}
	key, class := len("key"), len("class")
	for _, r := range shown {
		key, class = max(key, text.StringWidth(printable(r.Key))), max(class, len(r.Class))
	}
	fmt.Fprintf(w, "  %-*s  %-*s  %8s  %-16s  %s\n", key, "key", class, "class", "attempts", "first (UTC)", "last (UTC)")
	for _, r := range shown {
		fmt.Fprintf(w, "  %-*s  %-*s  %8d  %-16s  %s\n", key, printable(r.Key), class, r.Class, r.Attempts, minute(r.First), minute(r.Last))
		printReason(w, r.Reason)
	}
	if rest := len(l.Records) - len(shown); rest > 0 {
		fmt.Fprintf(w, "  … %s more\n", count(rest))
	}
}

// printReason writes a reason below what it is the reason of.
func printReason(w io.Writer, reason string) {
	for line := range strings.Lines(text.WrapSoft(printable(reason), reasonWidth)) {
		fmt.Fprintf(w, "    %s\n", strings.TrimSpace(line))
	}
}

// minute formats a time to the minute.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

func (a *app) retryQuarantine(ctx context.Context, f quarantineFlags, keys []string) error {
	s, err := a.session(f.portal, !f.json)
	if err != nil {
		return err
	}
	defer s.close()
	wanted := make(map[string][]string)
	portals := s.portals
	if len(keys) > 0 {
		if wanted, err = s.owners(ctx, keys); err != nil {
			return err
		}
		portals = slices.DeleteFunc(slices.Clone(portals), func(p configs.Portal) bool { return wanted[p.Name] == nil })
	}
	results := s.runAll(ctx, portals, func(p configs.Portal) giftsync.Request {
		return giftsync.Request{Mode: giftsync.Retry, Keys: wanted[p.Name]}
	})
	s.close()
	return a.reportRuns(results, f.json, false)
}

// owners says which of the keys are in which portal's quarantine. A key that
// is in none is an error: most likely a slip of the pen.
func (s *session) owners(ctx context.Context, keys []string) (map[string][]string, error) {
	found := make(map[string]bool)
	wanted := make(map[string][]string)
	for _, p := range s.portals {
		l, err := ask(s, func(d service) (giftsync.QuarantineList, error) { return d.Quarantine(ctx, p.Name) })
		if err != nil {
			return nil, fmt.Errorf("portal %s: %w", p.Name, err)
		}
		for _, r := range l.Records {
			if slices.Contains(keys, r.Key) {
				found[r.Key] = true
				wanted[p.Name] = append(wanted[p.Name], r.Key)
			}
		}
	}
	for _, k := range keys {
		if !found[k] {
			return nil, usagef("nothing in quarantine has the key %q; 'thnks-hubspot-sync quarantine list' shows the keys", k)
		}
	}
	return wanted, nil
}
