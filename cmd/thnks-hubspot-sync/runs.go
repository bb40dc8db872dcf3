package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/admin"
)

func runsCommand(a *app) *cobra.Command {
	var f runsFlags
	list := func(cmd *cobra.Command, _ []string) error { return listRuns(cmd.Context(), a, f) }
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "What each run of the last 90 days did: counts, calls, end",
		Args:  listedByDefault,
		RunE:  list,
	}
	listing := &cobra.Command{
		Use:     "list",
		Short:   "Print the newest runs",
		Example: `  thnks-hubspot-sync runs list --portal acme --limit 10`,
		Args:    noArguments,
		RunE:    list,
	}
	cmd.PersistentFlags().StringVar(&f.portal, "portal", "", "only the portal `NAME`")
	cmd.PersistentFlags().IntVar(&f.limit, "limit", 20, "the newest `N`; 0 for all")
	cmd.PersistentFlags().BoolVar(&f.json, "json", false, "print one JSON document")
	cmd.AddCommand(listing)
	return cmd
}

type runsFlags struct {
	portal string
	limit  int
	json   bool
}

func listRuns(ctx context.Context, a *app, f runsFlags) error {
	if f.limit < 0 {
		return usagef("--limit %d: at least 1, or 0 for all", f.limit)
	}
	s, err := a.session(f.portal, false)
	if err != nil {
		return err
	}
	lists, worst := askEach(a, s, func(d admin.Trail, portal string) (giftsync.RunList, error) {
		return d.Runs(ctx, portal, f.limit)
	})
	if f.json {
		if err := writeJSON(a.stdout, document[giftsync.RunList]{Portals: lists}); err != nil {
			return err
		}
		return worst.asError()
	}
	for _, l := range lists {
		printRuns(a.stdout, l)
	}
	return worst.asError()
}

// printRuns writes a line for each run, and below it why it ended early, if it did.
func printRuns(w io.Writer, l giftsync.RunList) {
	if len(l.Runs) == 0 {
		fmt.Fprintf(w, "%s: no runs yet\n", l.Portal)
		return
	}
	fmt.Fprintf(w, "%s: %s, newest first\n", l.Portal, plural(len(l.Runs), "run"))
	fmt.Fprintf(w, "  %-16s  %-12s  %-15s  %8s  %8s  %8s  %8s  %8s  %8s  %s\n",
		"begun (UTC)", "run", "mode", "created", "updated", "skipped", "refused", "HubSpot", "Thnks", "end")
	for _, r := range l.Runs {
		end := "done in " + tenths(r.Finished.Sub(r.Started))
		switch {
		case r.Finished.IsZero():
			end = "killed"
		case r.Error != "":
			end = "ended early, after " + tenths(r.Finished.Sub(r.Started))
		}
		fmt.Fprintf(w, "  %-16s  %-12s  %-15s  %8s  %8s  %8s  %8s  %8s  %8s  %s\n", minute(r.Started), r.ID, r.Mode,
			count(r.Created), count(r.Updated), count(total(r.Skipped)), count(r.Quarantined), count(total(r.HubSpotCalls)), count(r.ThnksCalls), end)
		if r.Error != "" {
			printWrapped(w, "    ", r.Error)
		}
	}
}
