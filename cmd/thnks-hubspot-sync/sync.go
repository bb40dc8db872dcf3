package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/hubspot"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/plan"
)

func (a *app) syncCommand() *cobra.Command {
	var (
		portal, reassociate, restore  string
		backfill, dryRun, all, asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Bring HubSpot up to date with Thnks, once",
		Long: `Copies what changed in Thnks since the last pass into HubSpot, then exits.
A portal that has never been backfilled is backfilled first.

With --reassociate it looks instead at the links of what was copied before:
contacts are created, merged and deleted, and deals opened, after a gift was
sent. With --restore it creates records again that were deleted in HubSpot.

Interrupted, it ends at a safe point; the next run resumes.`,
		Example: `  thnks-hubspot-sync sync --backfill --dry-run
  thnks-hubspot-sync sync --backfill
  thnks-hubspot-sync sync --portal acme --json
  thnks-hubspot-sync sync --reassociate=all --dry-run
  thnks-hubspot-sync sync --restore T-000017 --portal acme`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if all && !dryRun {
				return usagef("--all is about what --dry-run prints: give both")
			}
			req := giftsync.Request{Mode: giftsync.Incremental, DryRun: dryRun, AllChanges: all || asJSON}
			given := cmd.Flags().Changed
			if backfill && (given("reassociate") || given("restore")) || given("reassociate") && given("restore") {
				return usagef("--backfill, --reassociate and --restore are runs of their own: give one")
			}
			switch {
			case backfill:
				req.Mode = giftsync.Backfill
			case given("reassociate"):
				mode, ok := reassociations[reassociate]
				if !ok {
					return usagef("--reassociate is orphans or all, not %q", reassociate)
				}
				req.Mode = mode
			case given("restore"):
				if restore == "" {
					return usagef("--restore needs a transaction id, or all")
				}
				req.Mode = giftsync.Restore
				if restore != "all" {
					req.Keys = []string{restore}
				}
			}
			s, err := a.session(portal, !asJSON)
			if err != nil {
				return err
			}
			defer s.close()
			results := s.runAll(cmd.Context(), s.portals, func(configs.Portal) giftsync.Request { return req })
			s.close()
			return a.reportRuns(results, asJSON, all)
		},
	}
	f := cmd.Flags()
	f.StringVar(&portal, "portal", "", "only the portal `NAME`")
	f.BoolVar(&backfill, "backfill", false, "all historical transactions: resume an unfinished backfill, start over a finished one")
	f.StringVar(&reassociate, "reassociate", "", "instead of syncing, look `WHAT` up against today's contacts: orphans (also if left out), or all for every gift's links")
	f.Lookup("reassociate").NoOptDefVal = "orphans"
	f.StringVar(&restore, "restore", "", "instead of syncing, create the record of transaction `ID` again that was deleted in HubSpot, or all such")
	f.BoolVar(&dryRun, "dry-run", false, "plan and print, write nothing anywhere")
	f.BoolVar(&all, "all", false, "with --dry-run: print every change instead of 20 of each kind")
	f.BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// reassociations are the values of --reassociate.
var reassociations = map[string]giftsync.Mode{
	"orphans": giftsync.Reassociate,
	"all":     giftsync.ReassociateAll,
}

// A result is how one portal's run ended.
type result struct {
	report giftsync.Report
	err    error
}

func (r result) status() status {
	switch {
	case r.err != nil:
		return statusOf(r.err)
	case r.report.Quarantined > 0 && !r.report.DryRun:
		return quarantined
	default:
		return done
	}
}

// runAll runs the portals side by side. A broken one holds nobody up.
func (s *session) runAll(ctx context.Context, portals []configs.Portal, request func(configs.Portal) giftsync.Request) []result {
	results := make([]result, len(portals))
	progress := s.progress()
	var wg sync.WaitGroup
	for i, p := range portals {
		wg.Go(func() { results[i] = s.run(ctx, p, request(p), progress) })
	}
	wg.Wait()
	return results
}

// run opens one portal and runs it.
func (s *session) run(ctx context.Context, p configs.Portal, req giftsync.Request, progress func(giftsync.Progress)) result {
	if s.live != nil {
		s.live.begin(p.Name)
		defer s.live.end(p.Name)
	}
	began := time.Now().UTC()
	open, err := s.open(p, req.DryRun, progress)
	if err != nil {
		err = fmt.Errorf("portal %s: %w", p.Name, err)
		return result{notRun(p.Name, req, began, err), err}
	}
	defer open.close()
	rep, err := open.engine.Run(ctx, req)
	return result{rep, err}
}

// notRun is the report of a run that could not begin.
func notRun(portal string, req giftsync.Request, began time.Time, err error) giftsync.Report {
	return giftsync.Report{
		Portal: portal, Mode: req.Mode, DryRun: req.DryRun,
		Skipped:      make(map[string]int),
		Orphans:      make(map[plan.Orphan]int),
		HubSpotCalls: make(map[hubspot.Class]int),
		StartedAt:    began, FinishedAt: time.Now().UTC(),
		Error: err.Error(),
	}
}

// reportRuns prints how the portals' runs ended and returns the worst status.
func (a *app) reportRuns(results []result, asJSON, all bool) error {
	var doc document[giftsync.Report]
	worst := done
	for i, r := range results {
		worst = worst.worse(r.status())
		doc.Portals = append(doc.Portals, r.report)
		if r.err != nil {
			fmt.Fprintf(a.stderr, "thnks-hubspot-sync: %s\n", printable(r.err.Error()))
		}
		if asJSON || r.report.Fetched == 0 && statusOf(r.err) == misused {
			continue
		}
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		printReport(a.stdout, r.report)
		printChanges(a.stdout, r.report, all)
		if !r.report.DryRun {
			printHint(a.stdout, r.report)
		}
	}
	if asJSON {
		if err := writeJSON(a.stdout, doc); err != nil {
			return err
		}
	}
	return worst.asError()
}
