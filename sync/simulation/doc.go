// Package simulation is the world in which the engine, its loop and its check are
// tested: emulators of both vendors, and one installation of the program between
// them.
//
//	w := simulation.New(t, hubspottest.Options{}, thnksapitest.Options{})
//	w.Populate(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 80, Recipients: 40}), 0.8)
//	rep := w.Must(giftsync.Backfill)
//	w.Check()
//
// For each run, a [World] opens the state file and makes an engine with the
// program's own clients, so that nothing but the file's content is left from one run
// to the next. It is meant for the bubbles of testing/synctest, where hours pass in
// no time: [New] moves a bubble's clock to a year in which gifts count.
//
// What the package has, by file:
//
//   - world.go: the world, its runs, its engine and clients.
//   - population.go: worlds that several tests begin with, gifts and people.
//   - look.go: what records, journal and quarantine hold.
//   - oracle.go: what a portal must look like, worked out from the two emulators
//     alone; it shares no code with the engine.
//   - events.go: webhook events, and what they must lead to.
//   - exports.go: export files.
//   - process.go, steps.go: processes that die before or after each of their calls
//     and commits.
//   - transport.go: calls that fail.
//   - budget.go: the calls that a backfill may make.
//   - log.go, race.go, norace.go: a log that goroutines share, and whether the race
//     detector is on.
//
// Only tests import it.
package simulation
