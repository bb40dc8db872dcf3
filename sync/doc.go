// Package sync copies Thnks transactions into one HubSpot portal. It is the
// engine: runs of several kinds, webhook events, and the one pipeline that both
// go through.
//
// # A run
//
// [Engine.Run] does one pass. A pass lists or collects gifts window by window and
// hands each window to run.process, which cuts a large one into slices. Each slice
// goes through run.work (work.go), which shows all steps:
//
//	lock       run.withLocked        so that no webhook event is applied to the same gifts
//	have       batch.load            what the journal says HubSpot holds; the quarantine; waiting events
//	plan       planner.first         what changes by that alone; who must be looked up
//	people     batch.lookUp          contacts, companies and open deals behind the addresses
//	plan       planner.second        every change, with its links; package plan decides
//	write      batch.write           create and update records, one outcome for each
//	associate  batch.associate       the links that writes could not carry
//	commit     batch.finish          gifts, events, quarantine, audit; last the checkpoint
//
// The commit alone moves us forward: if we crash before it, the next run does the
// window again, and creates conflict instead of doubling. An input goes in and is
// read-only; results only grow. Two things differ from pass to pass, and both are
// values in the input: its policy, and its planner. Nothing below a pass asks for
// the run's mode.
//
// # Guards
//
//   - lockedRecorder (memory.go) refuses to commit a gift that the run has not locked.
//   - droppingRecorder is a dry run's: it commits nothing. Package portal has the
//     other half, which reads HubSpot and does not write.
//   - failures (tally.go) stop a run whose rows are not to blame for what is refused.
//   - batch.checkConservation fails a window in which a gift has no outcome.
//   - checkFeed (feed.go) keeps a portal from being fed twice under two sets of ids.
//   - portal.Account verifies whose account the token opens, before any other call.
//
// # Which file to open
//
//	engine.go            what an engine is made of
//	run.go               a run: its clock, its way to a pass, its report
//	backfill.go          everything, once; rebuilding a lost journal from HubSpot
//	passes.go            the hourly, daily and weekly pass; gifts gone at the source
//	feed.go              export files, and which kind of source feeds the portal
//	retry.go             the quarantine again; records deleted in HubSpot again
//	reassociate.go       gifts of the journal: orphans, or every link
//	listing.go           pages → windows of gifts; normalize.go: row → gift or reason
//	work.go              the steps; load.go, aside.go, write.go, results.go, commit.go: each of them
//	relink.go            links made or removed by users, merges, deletions
//	secondary.go         the search of secondary addresses beside the next window
//	sends.go             gifts that we send, in HubSpot at once; sends_join.go: their transactions appear
//	events.go            webhook events: events_merge.go into gifts, events_fetch.go from Thnks
//	turn.go              what a run does when other portals' runs share the memory
//	locks.go, tally.go   who works on which gift; how each transaction was counted
//	fatal.go, memory.go  which errors need an admin; what is remembered between runs
//	prove.go             the call that shows whether an error still stands
//	progress.go          how far a run has come
//	quarantine.go        the quarantine shown and edited
//	lists.go, report.go  what else commands show
//
// The rooms around it: package portal is the HubSpot side, turns says whose run may
// work, daemon keeps portals up to date, doctor examines them, webhook and admin are the public and the private
// side, plan and stats are pure, and simulation is the world of the tests.
//
// The package shares its name with the standard library's; other packages
// import it as giftsync.
package sync
