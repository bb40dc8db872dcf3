// Package sync copies Thnks transactions into one HubSpot portal.
//
// An [Engine] owns one portal. Its [Engine.Run] does one pass: it fetches a
// window of transactions, normalises them, looks up people, plans, writes,
// associates and commits, window after window, until the listing ends. Only
// the commit moves the checkpoint, so a run that dies anywhere is resumed by
// the next one.
//
// Beside the runs, [Engine.Apply] and [Engine.Chase] merge webhook events into
// gifts, by the same planner and the same writes. A [Loop] keeps a portal up to
// date with all three for as long as the daemon runs.
//
// The package shares its name with the standard library's; other packages
// import it as giftsync.
package sync
