// Command thnks-hubspot-sync copies every Thnks transaction into a custom
// object in HubSpot and links it to the recipient's contact, company and
// deals.
//
//	thnks-hubspot-sync demo              # see it work: no account, no network
//	thnks-hubspot-sync sync --backfill   # all history; resumes where it stopped
//	thnks-hubspot-sync sync              # what changed since
//	thnks-hubspot-sync run               # the daemon: all of that by itself
//	thnks-hubspot-sync check             # what is wrong, and what to do
//	thnks-hubspot-sync stats             # the portal's statistics
//
// Main parses, wires and maps errors to the exit status. One file per command
// says what that command does, portal.go joins the rooms that a portal's work
// needs; everything else lives in those rooms.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // time zones are the same everywhere, whatever the machine has installed

	"github.com/spf13/cobra"
)

func main() {
	withoutCore()
	// Half of Go's default: memory matters more here than the processor, which
	// waits for HubSpot's rate limit most of the time. GOGC still overrules it.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for an end at the next safe point; with the handler
	// gone, a second one kills.
	context.AfterFunc(ctx, stop)
	os.Exit(int(run(ctx, os.Args[1:], os.Stdout, os.Stderr)))
}

// How many bytes a command should get by with, with all that Go takes. The backfill
// of a million gifts does with baseMemory.
const (
	baseMemory   = 112 << 20 // with one run
	turnMemory   = 16 << 20  // for each further one that works at the same time
	portalMemory = 32 << 10  // for each portal, whether its run works or not
)

// memoryLimit is how many bytes a command for so many portals should get by with.
func memoryLimit(portals, runsAtOnce int) int64 {
	working := min(portals, runsAtOnce)
	return baseMemory + int64(max(working-1, 0))*turnMemory + int64(portals)*portalMemory
}

// limitMemory has the garbage collector do more before a command takes more than
// that. The limit is soft, and GOMEMLIMIT still overrules it.
func limitMemory(portals, runsAtOnce int) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit(portals, runsAtOnce))
	}
}

// run is the whole program.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) status {
	a := &app{stdout: stdout, stderr: stderr}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(plainWriter{stdout})
	root.SetErr(plainWriter{stderr})
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !a.parsed {
		err = usage{err}
	}
	return explain(stderr, cmd.CommandPath(), err)
}

// An app is one invocation of the program: where it writes, and what the
// flags that all commands share say.
type app struct {
	stdout, stderr io.Writer
	configPath     string
	parsed         bool // arguments and flags were in order: later errors are no usage errors
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "thnks-hubspot-sync",
		Short: "Every Thnks transaction in HubSpot, linked to contact, company and deals",
		Long: `thnks-hubspot-sync copies every Thnks transaction into a custom object in
HubSpot and links it to the recipient's contact, company and open deals.

Exit status: 0 done, 1 the run failed, 2 usage or configuration,
3 done, but records were left in quarantine.`,
		Example: `  thnks-hubspot-sync demo
  thnks-hubspot-sync sync --backfill
  thnks-hubspot-sync stats --portal acme`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRun:  func(*cobra.Command, []string) { a.parsed = true },
		Version:           readBuild(debug.ReadBuildInfo()).String(),
	}
	root.SetVersionTemplate("thnks-hubspot-sync {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.PersistentFlags().StringVar(&a.configPath, "config", "/etc/thnks-hubspot-sync/config.yaml", "configuration `FILE`")
	root.AddCommand(
		a.runCommand(),
		a.syncCommand(),
		a.statsCommand(),
		a.checkCommand(),
		connectCommand(a),
		disconnectCommand(a),
		keyCommand(a),
		a.quarantineCommand(),
		a.eventsCommand(),
		sendCommand(a),
		triggerCommand(a),
		runsCommand(a),
		auditCommand(a),
		eraseCommand(a),
		backupCommand(a),
		restoreCommand(a),
		compactCommand(a),
		a.configCommand(),
		a.demoCommand(),
		a.versionCommand(),
	)
	return root
}
