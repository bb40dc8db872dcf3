package main

import (
	"cmp"
	"fmt"
	"io"

	"thnks-hubspot-sync/sync/send"
)

// printSends writes what became of each send.
func printSends(w io.Writer, portal string, rows []send.Row) {
	for _, r := range rows {
		fmt.Fprintln(w, printable(fmt.Sprintf("%s: send %s to %s: %s%s", portal, r.ID, toWhom(r), r.State, detail(r))))
		if r.Reason != "" {
			printWrapped(w, "  ", reason(r))
		}
	}
}

// printFired writes what triggers have done with each event.
func printFired(w io.Writer, portal string, fired []send.Fired) {
	for _, f := range fired {
		at := fmt.Sprintf("%s: event %d", portal, f.Event)
		if f.Trigger != "" {
			at += ", trigger " + f.Trigger
		}
		if f.Send == nil {
			printWrapped(w, "", at+": nothing is sent: "+f.Reason)
			continue
		}
		fmt.Fprintln(w, printable(at))
		printSends(w, portal, []send.Row{*f.Send})
	}
}

// printLedger writes a portal's ledger: whether it sends, what the month has cost,
// and its sends.
func printLedger(w io.Writer, l send.List) {
	fmt.Fprintf(w, "%s: %s", l.Portal, plural(len(l.Sends), "send"))
	if l.Budget != "" {
		fmt.Fprintf(w, "; %s of %s this month", l.Spent, l.Budget)
	}
	if l.TestMode {
		fmt.Fprint(w, "; test mode: nothing leaves")
	}
	fmt.Fprintln(w)
	if l.Off != "" {
		printWrapped(w, "  ", "Sending is off since "+minute(l.OffSince)+" UTC: "+l.Off)
		printWrapped(w, "  ", fmt.Sprintf("Look in Thnks what was sent since the state file was last right; resolve each unknown gift below; then run thnks-hubspot-sync send resolve --portal %s", l.Portal))
	}
	for _, r := range l.Sends {
		fmt.Fprintln(w, printable(fmt.Sprintf("  %s  %-9s  %s", minute(r.Created), r.State, r.ID)))
		printWrapped(w, "    ", "to "+toWhom(r)+detail(r))
		if r.Reason != "" {
			printWrapped(w, "    ", reason(r))
		}
	}
}

// toWhom is who gets a gift, as far as the ledger says.
func toWhom(r send.Row) string { return cmp.Or(r.Recipient, "someone who was erased") }

// detail is what a line says of a gift behind its state.
func detail(r send.Row) string {
	text := ""
	if r.GiftName != "" {
		text = fmt.Sprintf(", %s, %s %s", r.GiftName, r.Price, r.Currency)
	}
	if !r.At.IsZero() {
		text += ", for " + minute(r.At) + " UTC"
	}
	if r.TransactionID != "" {
		text += ", " + r.TransactionID
	}
	return text
}

// reason is why a send is in its state, with the guard that says so.
func reason(r send.Row) string {
	if r.Guard == "" {
		return r.Reason
	}
	return r.Guard + ": " + r.Reason
}
