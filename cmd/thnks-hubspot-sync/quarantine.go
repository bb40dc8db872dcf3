package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"thnks-hubspot-sync/configs"
	giftsync "thnks-hubspot-sync/sync"
)

func (a *app) quarantineCommand() *cobra.Command {
	var f quarantineFlags
	cmd := &cobra.Command{
		Use:   "quarantine",
		Short: "Records that could not be synced, each with its reason",
		Args:  listedByDefault,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.listQuarantine(cmd.Context(), f) },
	}
	list := &cobra.Command{
		Use:   "list",
		Short: "Print the records in quarantine, grouped by reason",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.listQuarantine(cmd.Context(), f) },
	}
	retry := &cobra.Command{
		Use:   "retry [KEY]...",
		Short: "Try to sync the records in quarantine again, or only those with the given keys",
		Example: `  thnks-hubspot-sync quarantine retry
  thnks-hubspot-sync quarantine retry T-000017 3f2a91bc --portal acme`,
		RunE: func(cmd *cobra.Command, keys []string) error { return a.retryQuarantine(cmd.Context(), f, keys) },
	}
	show := &cobra.Command{
		Use:     "show KEY",
		Short:   "Print a record in quarantine with its row as it was received, on a terminal alone",
		Example: `  thnks-hubspot-sync quarantine show 3f2a91bc`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, keys []string) error {
			return a.showQuarantined(cmd.Context(), f, keys[0])
		},
	}
	drop := &cobra.Command{
		Use:   "drop KEY...",
		Short: "Take records out of the quarantine without syncing them; the audit keeps that",
		Long: `Takes records out of the quarantine without syncing them, such as rows that will
never be corrected. The audit keeps which. A row that its source still shows
comes back when it is next read and still cannot be synced.`,
		Example: `  thnks-hubspot-sync quarantine drop 3f2a91bc 77c0e1d2 --portal acme`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, keys []string) error {
			return a.dropQuarantined(cmd.Context(), f, keys)
		},
	}
	cmd.PersistentFlags().StringVar(&f.portal, "portal", "", "only the portal `NAME`")
	cmd.PersistentFlags().BoolVar(&f.json, "json", false, "print one JSON document")
	for _, c := range []*cobra.Command{cmd, list} {
		c.Flags().BoolVar(&f.all, "all", false, fmt.Sprintf("print every record, however many: beyond %d there are only the groups", listedRecords))
	}
	cmd.AddCommand(list, show, retry, drop)
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
			fmt.Fprintf(a.stdout, "All one by one: thnks-hubspot-sync quarantine list --all --portal %s\n", l.Portal)
		}
		if len(l.Records) > 0 {
			fmt.Fprintf(a.stdout, "When the cause is fixed: thnks-hubspot-sync quarantine retry --portal %s\n", l.Portal)
		}
	}
	return worst.asError()
}

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

// owners says which of the keys are in which portal's quarantine, in full. A key
// that is in none is an error: most likely a slip of the pen. So is one that is
// short for several.
func (s *session) owners(ctx context.Context, keys []string) (map[string][]string, error) {
	lists := make([]giftsync.QuarantineList, len(s.portals))
	for i, p := range s.portals {
		l, err := ask(s, func(d service) (giftsync.QuarantineList, error) { return d.Quarantine(ctx, p.Name) })
		if err != nil {
			return nil, fmt.Errorf("portal %s: %w", p.Name, err)
		}
		lists[i] = l
	}
	wanted := make(map[string][]string)
	for _, key := range keys {
		found, err := ownersOf(lists, key)
		if err != nil {
			return nil, err
		}
		for portal, full := range found {
			if !slices.Contains(wanted[portal], full) {
				wanted[portal] = append(wanted[portal], full)
			}
		}
	}
	return wanted, nil
}

// ownersOf returns the record that a key names, by portal. A key in full may be
// in several portals' quarantines.
func ownersOf(lists []giftsync.QuarantineList, key string) (map[string]string, error) {
	found := make(map[string]string)
	var candidates []string
	exact := false
	for _, l := range lists {
		for _, full := range l.Named(key) {
			if full == key && !exact {
				exact = true
				clear(found)
			}
			if full == key || !exact {
				found[l.Portal] = full
			}
			candidates = append(candidates, fmt.Sprintf("%s (portal %s)", full, l.Portal))
		}
	}
	switch {
	case exact:
		return found, nil
	case len(candidates) == 0:
		return nil, usagef("nothing in quarantine has the key %q; 'thnks-hubspot-sync quarantine list' shows the keys", key)
	case len(candidates) > 1:
		return nil, usagef("the key %q is short for several: %s; give one of them in full", key, strings.Join(candidates, ", "))
	}
	return found, nil
}

// showQuarantined prints the record that a key names, with its row, on a terminal
// alone: what is printed elsewhere is kept, and the row holds personal data.
func (a *app) showQuarantined(ctx context.Context, f quarantineFlags, key string) error {
	if _, ok := terminal(a.stdout); !ok {
		return usagef("quarantine show prints personal data, and so to a terminal alone: run it in one, without redirecting what it prints")
	}
	s, err := a.session(f.portal, false)
	if err != nil {
		return err
	}
	wanted, err := s.owners(ctx, []string{key})
	if err != nil {
		return err
	}
	for _, p := range s.portals {
		for _, full := range wanted[p.Name] {
			row, err := ask(s, func(d service) (giftsync.QuarantinedRow, error) { return d.ShowQuarantined(ctx, p.Name, full) })
			if err != nil {
				return fmt.Errorf("portal %s: %w", p.Name, err)
			}
			printRow(a.stdout, p.Name, row)
		}
	}
	return nil
}

// A dropped says how many records were taken out of a portal's quarantine.
type dropped struct {
	Portal  string   `json:"portal"`
	Dropped []string `json:"dropped"` // their keys
}

// dropQuarantined takes the records that the keys name out of the quarantine.
func (a *app) dropQuarantined(ctx context.Context, f quarantineFlags, keys []string) error {
	s, err := a.session(f.portal, false)
	if err != nil {
		return err
	}
	wanted, err := s.owners(ctx, keys)
	if err != nil {
		return err
	}
	doc := document[dropped]{Portals: []dropped{}}
	for _, p := range s.portals {
		full := wanted[p.Name]
		if len(full) == 0 {
			continue
		}
		n, err := ask(s, func(d service) (int, error) { return d.DropQuarantined(ctx, p.Name, full) })
		if err != nil {
			return fmt.Errorf("portal %s: %w", p.Name, err)
		}
		doc.Portals = append(doc.Portals, dropped{p.Name, full})
		if !f.json {
			fmt.Fprintf(a.stdout, "%s: %s taken out of the quarantine; what the source still shows comes back if it still cannot be synced\n", p.Name, plural(n, "record"))
		}
	}
	if f.json {
		return writeJSON(a.stdout, doc)
	}
	return nil
}
