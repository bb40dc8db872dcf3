package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/page"
	"thnks-hubspot-sync/sync/stats"
)

// statsFormats are the formats of statistics.
var statsFormats = []string{"table", "json", "csv", "html"}

func (a *app) statsCommand() *cobra.Command {
	var (
		portal, format, output string
		asJSON, explain, live  bool
		filter                 stats.Filter
	)
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Print each portal's statistics",
		Long: `Prints the statistics of the gifts in HubSpot as the last sync left them:
totals, redemption by month of sending, money at risk, top types and senders,
deals, recent activity. The filters narrow them; --explain says what each means.
--live lists the records in HubSpot, 100 a call, and names what is missing, extra
or different there.`,
		Example: `  thnks-hubspot-sync stats
  thnks-hubspot-sync stats --from 2026-01-01 --to 2026-03-31 --currency USD
  thnks-hubspot-sync stats --portal acme --format json --output stats.json
  thnks-hubspot-sync stats --format csv --output tables
  thnks-hubspot-sync stats --format html --output stats.html`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, onTerminal := terminal(a.stdout)
			switch {
			case !slices.Contains(statsFormats, format):
				return usagef("--format %s: use table, json, csv or html", format)
			case asJSON && cmd.Flags().Changed("format") && format != "json":
				return usagef("--json and --format %s contradict each other", format)
			case asJSON:
				format = "json"
			case explain && (format == "csv" || format == "html"):
				return usagef("--explain prints text or JSON: leave --format %s out", format)
			case format == "csv" && (output == "-" || output == ""):
				return usagef("--format csv writes a file for each table: name a folder with --output")
			case format == "html" && output == "-" && onTerminal:
				return usagef("--format html is for a browser: name a file with --output")
			}
			if explain {
				return a.explainStats(format, output)
			}
			if err := checkFilter(cmd, filter); err != nil {
				return err
			}
			if live && filter != (stats.Filter{}) {
				return usagef("--live compares every gift with HubSpot: leave the filters out")
			}
			s, err := a.session(portal, false)
			if err != nil {
				return err
			}
			reports, problems, worst := askAll(a, s, func(d service, portal string) (stats.Report, error) {
				return d.Stats(cmd.Context(), portal, stats.Query{Filter: filter, Live: live})
			})
			if len(reports) == 0 && output != "-" {
				return worst.asError() // the last report is worth more than an empty one
			}
			if err := a.writeStats(reports, problems, format, output); err != nil {
				return err
			}
			return worst.asError()
		},
	}
	f := cmd.Flags()
	f.StringVar(&portal, "portal", "", "only the portal `NAME`")
	f.StringVar(&format, "format", "table", "`FORMAT`: table, json, csv or html")
	f.StringVarP(&output, "output", "o", "-", "write to `PATH`: a file is replaced at once, a device or FIFO written through; - is standard output; for csv a folder")
	f.BoolVar(&asJSON, "json", false, "the same as --format json")
	f.BoolVar(&live, "live", false, "compare with HubSpot: count, status and value of every record")
	f.BoolVar(&explain, "explain", false, "print what each number means")
	f.StringVar(&filter.From, "from", "", "only gifts sent since this `DAY`, as 2026-01-31, in the portal's time zone")
	f.StringVar(&filter.To, "to", "", "only gifts sent until the end of this `DAY`")
	f.StringVar(&filter.Sender, "sender", "", "only gifts of this sender: an `ADDRESS` or a whole name")
	f.StringVar(&filter.Type, "type", "", "only gifts of this `TYPE`, or of this name where they have no type")
	f.StringVar((*string)(&filter.Status), "status", "", "only gifts in this `STATUS`")
	f.StringVar(&filter.Currency, "currency", "", "only amounts in this `CURRENCY`, as USD; XXX for amounts without one")
	return cmd
}

// explainStats writes what each number means to where --output says.
func (a *app) explainStats(format, output string) error {
	var out bytes.Buffer
	var err error
	if format == "json" {
		err = writeJSON(&out, struct {
			Definitions []stats.Definition `json:"definitions"`
		}{stats.Definitions()})
	} else {
		err = stats.Explain(&out)
	}
	if err != nil {
		return err
	}
	return a.put(output, out.Bytes())
}

// checkFilter refuses a filter that is wrong or was given without a value, which
// would leave nothing out.
func checkFilter(cmd *cobra.Command, f stats.Filter) error {
	for _, name := range []string{"from", "to", "sender", "type", "status", "currency"} {
		if flag := cmd.Flags().Lookup(name); flag.Changed && strings.TrimSpace(flag.Value.String()) == "" {
			return usagef("--%s needs a value", name)
		}
	}
	if err := f.Check(); err != nil {
		return usagef("%v", err)
	}
	return nil
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

// writeStats writes the portals' statistics to where --output says, and why others
// are missing; of tables a file alone says that, as standard error does.
func (a *app) writeStats(reports []stats.Report, problems []problem, format, output string) error {
	var out bytes.Buffer
	var err error
	switch format {
	case "csv":
		return a.writeSheets(stats.Sheets(reports), output)
	case "html":
		p := page.Page{Reports: reports}
		for _, missing := range problems {
			p.Problems = append(p.Problems, page.Problem{Portal: missing.Portal, Text: missing.Problem})
		}
		if err := page.Write(&out, p); err != nil {
			return err
		}
	case "json":
		doc := statsDocument{Portals: reports, Problems: problems}
		if doc.Overall, err = together(reports); err != nil {
			return err
		}
		if err := writeJSON(&out, doc); err != nil {
			return err
		}
	default:
		for i, rep := range reports {
			if i > 0 {
				out.WriteByte('\n')
			}
			if err := stats.Table(&out, rep, output == "-" && colours(a.stdout)); err != nil {
				return err
			}
		}
		all, err := together(reports)
		if err != nil {
			return err
		}
		if all != nil {
			out.WriteByte('\n')
			if err := stats.OverallTable(&out, *all, output == "-" && colours(a.stdout)); err != nil {
				return err
			}
		}
		if output != "-" {
			for _, missing := range problems {
				fmt.Fprintf(&out, "\nNo statistics of portal %s: %s\n", missing.Portal, missing.Problem)
			}
		}
	}
	return a.put(output, out.Bytes())
}

// A statsDocument is the document of stats --format json.
type statsDocument struct {
	Portals  []stats.Report `json:"portals"`
	Overall  *stats.Overall `json:"overall,omitempty"` // of several portals
	Problems []problem      `json:"problems,omitempty"`
}

// together returns what several portals have together, nil for fewer.
func together(reports []stats.Report) (*stats.Overall, error) {
	if len(reports) < 2 {
		return nil, nil
	}
	all, err := stats.Over(reports)
	return &all, err
}

// writeSheets writes each sheet into a file of a folder, which is made if it is
// not there. Files that were there are replaced one at a time.
func (a *app) writeSheets(sheets []stats.Sheet, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("writing %s: %w", dir, cause(err))
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return fmt.Errorf("writing %s: that is a file: name a folder", dir)
	}
	for _, s := range sheets {
		var out bytes.Buffer
		if err := s.Write(&out); err != nil {
			return err
		}
		if err := a.put(filepath.Join(dir, s.Name+".csv"), out.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// statistics computes a portal's statistics from its journal: from what is kept
// of all gifts, or by reading those that a filter is about.
func statistics(ctx context.Context, p configs.Portal, j *store.Store, f stats.Filter) (stats.Report, error) {
	o := statsOptions(p.Name, p.TimeZone, j)
	o.Filter, o.Look = f, j.Gifts
	var err error
	if o.Health, err = healthOf(p, j, o.Now); err != nil {
		return stats.Report{}, err
	}
	if o.Outcomes, err = outcomesOf(j); err != nil {
		return stats.Report{}, err
	}
	if f == (stats.Filter{}) {
		return tallied(ctx, j, o)
	}
	return stats.Compute(j.Brief(ctx), o)
}

// statsOptions says how statistics of a portal are to be cut: in its
// configured time zone, or else in its HubSpot account's.
func statsOptions(portal string, zone *time.Location, j giftsync.History) stats.Options {
	return stats.Options{
		Portal:   portal,
		Location: cmp.Or(zoneOf(zone, j)(), time.UTC),
		Stages:   giftsync.Stages(j),
		Records:  giftsync.Records(j),
		LastSync: giftsync.LastSync(j),
		Now:      time.Now(),
		Version:  readBuild(debug.ReadBuildInfo()).Version,
	}
}
