package main

import (
	"bytes"
	"context"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/stats"
)

func (a *app) statsCommand() *cobra.Command {
	var (
		portal, format, output string
		asJSON                 bool
	)
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Print each portal's statistics",
		Long: `Prints the statistics of the gifts in HubSpot as the last sync left them:
totals, redemption rate, top types and senders, months, deals, recent activity.`,
		Example: `  thnks-hubspot-sync stats
  thnks-hubspot-sync stats --portal acme --format json --output stats.json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case format != "table" && format != "json":
				return usagef("--format %s: use table or json", format)
			case asJSON && cmd.Flags().Changed("format") && format != "json":
				return usagef("--json and --format %s contradict each other", format)
			case asJSON:
				format = "json"
			}
			s, err := a.session(portal, false)
			if err != nil {
				return err
			}
			var out bytes.Buffer
			status, err := a.writeStats(cmd.Context(), s, &out, format == "json")
			if err != nil {
				return err
			}
			if err := a.put(output, out.Bytes()); err != nil {
				return err
			}
			return status.asError()
		},
	}
	f := cmd.Flags()
	f.StringVar(&portal, "portal", "", "only the portal `NAME`")
	f.StringVar(&format, "format", "table", "`FORMAT`: table or json")
	f.StringVarP(&output, "output", "o", "-", "write to `PATH`: a file is replaced at once, a device or FIFO written through; - is standard output")
	f.BoolVar(&asJSON, "json", false, "the same as --format json")
	return cmd
}

// put writes the output of a command to where --output says.
func (a *app) put(output string, data []byte) error {
	switch output {
	case "-":
		_, err := a.stdout.Write(data)
		return err
	case "":
		return usagef("--output needs a path, or - for standard output")
	}
	caution, err := writeOutput(output, data)
	if caution != "" {
		printCaution(a.stderr, caution)
	}
	return err
}

// writeStats writes the portals' statistics, and returns the exit status.
func (a *app) writeStats(ctx context.Context, s *session, out *bytes.Buffer, asJSON bool) (status, error) {
	reports, worst := askEach(a, s, func(d service, portal string) (stats.Report, error) {
		return d.Stats(ctx, portal)
	})
	if asJSON {
		return worst, writeJSON(out, document[stats.Report]{Portals: reports})
	}
	for i, rep := range reports {
		if i > 0 {
			out.WriteByte('\n')
		}
		if err := stats.Table(out, rep); err != nil {
			return failed, err
		}
	}
	return worst, nil
}

// statistics computes a portal's statistics from its journal.
func statistics(ctx context.Context, p configs.Portal, j *store.Store) (stats.Report, error) {
	return stats.Compute(j.All(ctx), statsOptions(p.Name, p.TimeZone, j))
}

// statsOptions says how statistics of a portal are to be cut: in its
// configured time zone, or else in its HubSpot account's.
func statsOptions(portal string, zone *time.Location, j giftsync.History) stats.Options {
	return stats.Options{
		Portal:   portal,
		Location: zoneOf(zone, j)(),
		Stages:   giftsync.Stages(j),
		LastSync: giftsync.LastSync(j),
		Now:      time.Now(),
		Version:  readBuild(debug.ReadBuildInfo()).Version,
	}
}
