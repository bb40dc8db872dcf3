package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/stats"
)

// shownQuarantine is how many records in quarantine the demo shows.
const shownQuarantine = 3

// demoEvery is how often the demo's world turns.
const demoEvery = 3 * time.Second

func (a *app) demoCommand() *cobra.Command {
	var (
		once, oauth  bool
		transactions int
	)
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch a sync in a sandbox inside this process: no account, no network, no file left",
		Long: `Runs the real program against a sandbox HubSpot portal and a sandbox Thnks
account, both inside this process and reached over loopback HTTP: creates the
custom object, backfills, shows links and statistics, sends a gift, then runs the
daemon while gifts go on arriving and changing, until Ctrl-C. Thnks reports each
change by a signed webhook, some of them doubled, delayed, out of order or lost, and
events of two other services send gifts by triggers. The page with the statistics
follows; on a desktop it is opened in the browser.

With --oauth it begins with connecting the portal in your browser.`,
		Example: `  thnks-hubspot-sync demo
  thnks-hubspot-sync demo --once --transactions 10000
  thnks-hubspot-sync demo --oauth`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if transactions < 1 {
				return usagef("--transactions %d: at least 1", transactions)
			}
			// A reader or a terminal that goes away ends the demo like Ctrl-C, so that
			// it can clean up; under nohup the terminal may go.
			ends := []os.Signal{syscall.SIGPIPE}
			if !signal.Ignored(syscall.SIGHUP) {
				ends = append(ends, syscall.SIGHUP)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), ends...)
			defer stop()
			b, err := newSandbox(transactions, time.Now().UTC())
			if err != nil {
				return fmt.Errorf("setting up the sandbox, with files in %s: %w", os.TempDir(), cause(err))
			}
			defer func() { err = errors.Join(err, b.close()) }()
			err = a.demo(ctx, b, once, oauth)
			if ctx.Err() != nil && !once {
				fmt.Fprintln(a.stdout, "\nThe sandbox is gone, and with it every file.")
				return nil
			}
			if ctx.Err() != nil && err != nil {
				return errors.New("the demo was ended before it was over, by a signal or as no one reads what it prints; it has left no file behind")
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "end after the backfill and the statistics")
	cmd.Flags().BoolVar(&oauth, "oauth", false, "first connect the portal by OAuth 2.0, in a browser")
	cmd.Flags().IntVar(&transactions, "transactions", 3000, "how many transactions have happened: `N`")
	return cmd
}

// demo tells the story: what there is, the backfill, what came of it, and
// then life.
func (a *app) demo(ctx context.Context, b *sandbox, once, oauth bool) (err error) {
	cfg, err := b.config()
	if err != nil {
		return err
	}
	if oauth {
		if err := b.useOAuth(cfg); err != nil {
			return err
		}
	}
	// The demo prints itself what the run logs, but for warnings.
	cfg.Log.Level = slog.LevelWarn
	s := newSession(cfg, cfg.Portals, a.stderr, true)
	s.inProcess = true
	defer s.close()

	fmt.Fprintf(a.stdout, `A sandbox HubSpot portal at %s and a sandbox Thnks at %s,
both inside this process: no account, no network, no file left behind.
Thnks holds %s to %s. HubSpot knows %s of them, with companies and deals.

`, b.hubspotURL, b.thnksURL, plural(b.thnks.Len(), "transaction"), people(b.people), count(b.known))

	if oauth {
		if err := b.demoConnect(ctx, s, a.stdout); err != nil {
			return err
		}
	}
	req := giftsync.Request{Mode: giftsync.Backfill}
	p := s.portals[0]
	r := s.run(ctx, p.Name, req, s.progress())
	if r.err != nil {
		return r.err
	}
	fmt.Fprint(a.stdout, "Some gifts as HubSpot now links them:\n")
	b.printLinks(a.stdout)
	if err := s.printOutcome(ctx, a.stdout); err != nil {
		return err
	}
	if err := b.demoSend(ctx, s, a.stdout); err != nil {
		return err
	}
	// Last, as it is what one wants to see: all of the above is longer than a screen.
	fmt.Fprintln(a.stdout)
	printReport(a.stdout, r.report)
	if once {
		return nil
	}
	return s.demoLive(ctx, a.stdout, b)
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return count(n) + " people"
}

// printOutcome prints what is in quarantine, and the statistics.
func (s *session) printOutcome(ctx context.Context, w io.Writer) error {
	p := s.portals[0]
	q, err := ask(s, func(d service) (giftsync.QuarantineList, error) { return d.Quarantine(ctx, p.Name) })
	if err != nil {
		return err
	}
	if len(q.Records) > 0 {
		fmt.Fprintln(w)
		printGroups(w, q)
		printRecords(w, q, shownQuarantine)
	}
	rep, err := ask(s, func(d service) (stats.Report, error) { return d.Stats(ctx, p.Name, stats.Query{}) })
	if err != nil {
		return err
	}
	fmt.Fprintln(w)
	return stats.Table(w, rep, colours(w))
}
