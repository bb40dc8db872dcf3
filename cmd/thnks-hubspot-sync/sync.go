package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"thnks-hubspot-sync/configs"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/admin"
)

func (a *app) syncCommand() *cobra.Command {
	var f syncFlags
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Bring HubSpot up to date with Thnks, once",
		Long: `Copies what changed in Thnks since the last pass into HubSpot, then exits.
A portal that has never been backfilled is backfilled first.

With --reassociate it looks instead at the links of what was copied before:
contacts are created, merged and deleted, and deals opened, after a gift was
sent. With --restore it creates records again that were deleted in HubSpot.
With --from it reads an export file instead of the API.

While the daemon runs, it does the work and this command follows it: Ctrl-C
then leaves the run to the daemon, and --stop ends it. Without a daemon, Ctrl-C
ends the run at a safe point, and the next one resumes.`,
		Example: `  thnks-hubspot-sync sync --backfill --dry-run
  thnks-hubspot-sync sync --backfill
  thnks-hubspot-sync sync --portal acme --json
  thnks-hubspot-sync sync --reassociate=all --dry-run
  thnks-hubspot-sync sync --restore T-000017 --portal acme
  thnks-hubspot-sync sync --from export.csv --portal acme`,
		Args: f.arguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			req, err := f.request(cmd, args)
			if err != nil {
				return err
			}
			s, err := a.session(f.portal, !f.json)
			if err != nil {
				return err
			}
			defer s.close()
			if f.stop {
				return a.stopRuns(cmd.Context(), s)
			}
			if req.From != "" {
				if err := s.one("--from", "an export file"); err != nil {
					return err
				}
			}
			results := s.runAll(cmd.Context(), s.portals, func(configs.Portal) giftsync.Request { return req })
			s.close()
			return a.reportRuns(results, f.json, f.all)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.portal, "portal", "", "only the portal `NAME`")
	flags.BoolVar(&f.backfill, "backfill", false, "all historical transactions: resume an unfinished backfill, start over a finished one")
	flags.StringVar(&f.reassociate, "reassociate", "", "instead of syncing, look `WHAT` up against today's contacts: orphans (also if left out), or all for every gift's links")
	flags.Lookup("reassociate").NoOptDefVal = "orphans"
	flags.StringVar(&f.restore, "restore", "", "instead of syncing, create the record of transaction `ID` again that was deleted in HubSpot, or all such")
	flags.StringVar(&f.from, "from", "", "instead of the API, sync from the export `FILE`, a table as text (CSV)")
	flags.BoolVar(&f.acceptNewSource, "accept-new-source", false, "let a portal that was fed from the API be fed from a file, or the other way round: only if both give a transaction the same id")
	flags.BoolVar(&f.acceptSmaller, "accept-smaller-source", false, "believe a listing that shows less than half of the transactions that are known: with --backfill, or when the weekly listing is due")
	flags.BoolVar(&f.stop, "stop", false, "instead of syncing, end the daemon's run under way at its next safe point; a later one resumes")
	flags.BoolVar(&f.dryRun, "dry-run", false, "plan and print, write nothing anywhere")
	flags.BoolVar(&f.all, "all", false, "with --dry-run: print every change instead of 20 of each kind")
	flags.BoolVar(&f.json, "json", false, "print one JSON document")
	return cmd
}

// stopRuns ends what the daemon is doing for the portals. One that fails keeps no
// other's run going.
func (a *app) stopRuns(ctx context.Context, s *session) error {
	d, err := s.daemon()
	if errors.Is(err, admin.ErrNotRunning) {
		return errors.New("no daemon runs with this configuration; a run in another terminal ends with Ctrl-C there")
	}
	if err != nil {
		return err
	}
	worst := done
	for _, p := range s.portals {
		stopped, err := d.Stop(ctx, p.Name)
		switch {
		case err != nil:
			printError(a.stderr, "portal "+p.Name+": "+said(err))
			worst = worst.worse(statusOf(err))
		case stopped:
			fmt.Fprintf(a.stdout, "%s: the run ends at its next safe point; the daemon's next one resumes\n", p.Name)
		default:
			fmt.Fprintf(a.stdout, "%s: no run is under way\n", p.Name)
		}
	}
	return worst.asError()
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

// nothingDone reports whether the run failed before it did anything: a table of
// zeros would say less than the error.
func (r result) nothingDone() bool {
	return r.err != nil && r.report.Fetched == 0 && r.report.AssociationsCreated == 0
}

// runAll runs the portals side by side. A broken one delays no other.
func (s *session) runAll(ctx context.Context, portals []configs.Portal, request func(configs.Portal) giftsync.Request) []result {
	results := make([]result, len(portals))
	progress := s.progress()
	var wg sync.WaitGroup
	for i, p := range portals {
		wg.Go(func() { results[i] = s.run(ctx, p.Name, request(p), progress) })
	}
	wg.Wait()
	return results
}

// run asks for one portal's run and follows it to its end.
func (s *session) run(ctx context.Context, portal string, req giftsync.Request, progress func(giftsync.Progress)) result {
	if s.live != nil {
		s.live.begin(portal)
		defer s.live.end(portal)
	}
	began := time.Now().UTC()
	watch := giftsync.Watcher{
		Progress: progress,
		Waiting: func(now giftsync.Status) {
			s.log.Info("waiting for the run under way to end", logPortal, portal, logMode, string(now.Doing))
		},
	}
	rep, err := ask(s, func(d service) (giftsync.Report, error) { return d.Run(ctx, portal, req, watch) })
	if errors.Is(err, admin.ErrGoesOn) {
		err = fmt.Errorf("portal %s: %w; to end it: thnks-hubspot-sync sync --stop --portal %[1]s", portal, err)
	}
	if err != nil && rep.Portal == "" {
		rep = giftsync.NotRun(portal, req, began, err)
	}
	return result{rep, err}
}

// reportRuns prints how the portals' runs ended and returns the worst status.
func (a *app) reportRuns(results []result, asJSON, all bool) error {
	var doc document[giftsync.Report]
	worst := done
	for i, r := range results {
		worst = worst.worse(r.status())
		doc.Portals = append(doc.Portals, r.report)
		if r.err != nil {
			printError(a.stderr, said(r.err))
		}
		if asJSON || r.nothingDone() || errors.Is(r.err, admin.ErrGoesOn) {
			continue // there is nothing to tell, or nothing yet
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
