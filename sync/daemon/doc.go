// Package daemon keeps portals up to date for as long as the program runs.
//
// A [Daemon] holds the state file of every portal and has one [Loop] for each.
// Schedule, webhooks and commands never work on a portal themselves: they ask
// its loop for a run, and the loop does the runs one at a time. Concurrently with
// them, its workers process the webhook events that the [Inbox] has received.
//
//   - queue.go: the runs that were asked for
//   - schedule.go, keep.go: when a run is due, and the two clocks that notice
//   - lease.go: the engine that runs and workers share, and its reopening
//   - health.go, prove.go: how the portal stands, logged once at each change, and
//     the calls that show whether a fault is over
//   - heartbeat.go: one log line a day
//   - activity.go: whether its goroutines still come round
//   - workers.go: the processing of webhook events
//   - portal.go, daemon.go: the state files, and the service that commands use
package daemon
