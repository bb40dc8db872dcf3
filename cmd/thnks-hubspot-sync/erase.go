package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/plan"
)

func eraseCommand(a *app) *cobra.Command {
	var f eraseFlags
	cmd := &cobra.Command{
		Use:   "erase --portal NAME --email E",
		Short: "Erase a person: from the state file, from HubSpot's gift records, and for good",
		Long: `Removes a person's name, address, phone number, messages and notes from the portal's
state file and from the gift records in HubSpot, and puts the address on the list
of erased people, so that no later backfill, export file or event brings it back.
Amounts, statuses and dates of the gifts stay. It works while the daemon runs, and
can be repeated. What is interrupted, the next run finishes.

Not erased, and to be done by hand: the contact itself in HubSpot (delete it there
for good), the history that HubSpot keeps of a record's values, records in its
recycle bin, the transactions at Thnks, and copies that you made of the state file.

--dry-run prints what is held of the person, on a terminal alone.`,
		Example: `  thnks-hubspot-sync erase --portal acme --email ann@example.com --dry-run
  thnks-hubspot-sync erase --portal acme --email ann@example.com`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return erasePerson(cmd.Context(), a, f) },
	}
	cmd.Flags().StringVar(&f.portal, "portal", "", "the portal `NAME`")
	cmd.Flags().StringVar(&f.email, "email", "", "the person's `ADDRESS`")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "print what is held of the person, and change nothing")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON document")
	return cmd
}

type eraseFlags struct {
	portal, email string
	dryRun, json  bool
}

func erasePerson(ctx context.Context, a *app, f eraseFlags) error {
	if f.email == "" {
		return usagef("erase needs --email: the address of the person to erase")
	}
	if _, ok := plan.CanonicalEmail(f.email); !ok {
		return usagef("--email: that is no e-mail address; give it as name@example.com")
	}
	if _, ok := terminal(a.stdout); f.dryRun && !ok {
		return usagef("erase --dry-run prints personal data, and so to a terminal alone: run it in one, without redirecting what it prints")
	}
	s, err := a.session(f.portal, false)
	if err != nil {
		return err
	}
	if err := s.one("erase", "a person's data"); err != nil {
		return err
	}
	p := s.portals[0].Name
	if f.dryRun {
		held, err := ask(s, func(d admin.Trail) (giftsync.Holding, error) { return d.Held(ctx, p, f.email) })
		if err != nil {
			return err
		}
		if f.json {
			return writeJSON(a.stdout, document[giftsync.Holding]{Portals: []giftsync.Holding{held}})
		}
		printHolding(a.stdout, held)
		return nil
	}
	rep, err := ask(s, func(d admin.Trail) (giftsync.Erasure, error) { return d.Erase(ctx, p, giftsync.Person{Email: f.email}) })
	if err != nil {
		return err
	}
	worst := done
	if rep.Refused > 0 {
		worst = failed
	}
	if f.json {
		if err := writeJSON(a.stdout, document[giftsync.Erasure]{Portals: []giftsync.Erasure{rep}}); err != nil {
			return err
		}
		return worst.asError()
	}
	printErasure(a.stdout, rep)
	return worst.asError()
}

// printErasure writes what was done to erase a person, and what is left to people.
func printErasure(w io.Writer, r giftsync.Erasure) {
	fmt.Fprintf(w, "%s: the person is erased; the log calls them %s\n", r.Portal, r.Person)
	line := func(name string, n int, detail string) { fmt.Fprintf(w, "  %-20s %7s   %s\n", name, count(n), detail) }
	line("gifts received", r.Received, "that lost their recipient in the state file")
	line("gifts sent", r.Sent, "that lost their sender there")
	line("quarantined rows", r.Quarantined, "removed")
	line("webhook events", r.Events, "that lost what they say")
	line("sends", r.Sends, "that lost their people; those that still waited are cancelled")
	line("records blanked", r.Blanked, "in HubSpot")
	if r.Refused > 0 {
		line("records refused", r.Refused, "by HubSpot, which does not let them be blanked: look at its rules for these properties; every run tries again")
	}
	if r.Deleted > 0 {
		line("records deleted", r.Deleted, "in HubSpot by people, who can restore them for 90 days: delete them there for good")
	}
	fmt.Fprintf(w, "  state file compacted from %s to %s bytes\n", count(int(r.File.Before)), count(int(r.File.After)))
	for _, c := range r.Copies {
		fmt.Fprintf(w, "  an older copy of the state file still has what it had: delete %s when you do not need it any more\n", printable(c))
	}
	fmt.Fprintf(w, "  No later backfill, file or event brings the person back. By hand: the contact in HubSpot, the transactions at Thnks, your backups.\n")
}

// printHolding writes what is held of a person.
func printHolding(w io.Writer, h giftsync.Holding) {
	if h.Erased {
		fmt.Fprintf(w, "%s: the address is on the list of erased people\n", h.Portal)
	}
	if len(h.Gifts)+len(h.Quarantine)+len(h.Events)+len(h.Sends) == 0 {
		fmt.Fprintf(w, "%s: nothing is held of the person\n", h.Portal)
		return
	}
	fmt.Fprintf(w, "%s: held of the person:\n", h.Portal)
	for _, g := range h.Gifts {
		line := fmt.Sprintf("  gift %s, record %s, as %s: %s, %s, %s; %s, %s, %s", g.TransactionID, g.ObjectID, g.As,
			orDash(g.Person.Name), g.Person.Email, orDash(g.Person.Phone), orDash(g.Gift), g.Status, day(g.Date))
		if g.Contact != "" {
			line += ", linked to contact " + g.Contact
		}
		if g.Message {
			line += "; its message is in HubSpot, and its digest in the state file"
		}
		if g.ThankYou {
			line += "; its thank-you note is in HubSpot"
		}
		fmt.Fprintln(w, printable(line))
	}
	for _, q := range h.Quarantine {
		printRow(w, h.Portal, q)
	}
	for _, e := range h.Events {
		fmt.Fprintf(w, "  event %d of %s, %s:\n", e.Seq, minute(e.ReceivedAt), printable(e.Kind))
		printWrapped(w, "    ", string(e.Body))
	}
	for _, s := range h.Sends {
		fmt.Fprintln(w, printable(fmt.Sprintf("  send %s of %s, %s: %s %s", s.ID, day(s.Created), s.State, s.Gift, s.Message)))
	}
}
