// Package sync copies Thnks transactions into one HubSpot portal.
//
// An [Engine] owns one portal. Its [Engine.Run] does one pass: it fetches a
// window of transactions, normalises them, looks up people, plans, writes,
// associates and commits, window after window, until the listing ends. Only
// the commit moves the checkpoint, so a run that dies anywhere is resumed by
// the next one.
//
// The package shares its name with the standard library's; other packages
// import it as giftsync.
package sync
