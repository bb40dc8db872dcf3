package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/sync/webhook"
)

// eventStates are the values of --state.
var eventStates = []string{"pending", "waiting", "applied", "listed", "duplicate", "refused"}

func (a *app) eventsCommand() *cobra.Command {
	var f eventsFlags
	list := func(cmd *cobra.Command, _ []string) error { return a.listEvents(cmd.Context(), f) }
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Webhook events that were received, and where each stands",
		Args:  listedByDefault,
		RunE:  list,
	}
	listing := &cobra.Command{
		Use:   "list",
		Short: "Print the newest events",
		Example: `  thnks-hubspot-sync events list --state refused
  thnks-hubspot-sync events list --source zoho-thrive --email ann@acme.example --since 2026-11-30
  thnks-hubspot-sync events list --transaction T-000017 --limit 0 --json`,
		Args: noArguments,
		RunE: list,
	}
	for _, c := range []*cobra.Command{cmd, listing} {
		c.Flags().StringVar(&f.query.Source, "source", "", "only those from this `SOURCE`: "+strings.Join(webhook.Dialects(), ", "))
		c.Flags().StringVar(&f.query.Kind, "kind", "", "only those of this `KIND`, as the list names it")
		c.Flags().StringVar(&f.query.Email, "email", "", "only those about the person with this `ADDRESS`")
		c.Flags().StringVar(&f.since, "since", "", "only those received since this `TIME` in UTC, as 2026-01-31 or 2026-01-31T15:04")
		c.Flags().StringVar(&f.query.State, "state", "", "only those in this `STATE`: pending, waiting, applied, listed, duplicate or refused")
		c.Flags().StringVar(&f.query.TransactionID, "transaction", "", "only those about the transaction `ID`")
		c.Flags().IntVar(&f.query.Limit, "limit", 50, "the newest `N`; 0 for all")
	}
	replay := &cobra.Command{
		Use:   "replay SEQ...",
		Short: "Process events again that have ended, by their numbers",
		Long: `Makes events pending again, whatever their outcome was, and reads their bodies
again where these are kept, by the program and the settings of today. The daemon
processes them at once, and without a daemon the next sync does. An event that
changed nothing the first time because something newer was known changes nothing
now either.

A replayed event sends no gift. With --fire the portal's triggers look at it once
more, however old it is and whatever became of it, and send what the guards let
pass. A gift that such an event has asked for already is not sent again. The exit
status is 1 if nothing is sent for one of them.`,
		Example: `  thnks-hubspot-sync events replay 17 18 --portal acme
  thnks-hubspot-sync events replay 17 --fire --portal acme`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.replayEvents(cmd.Context(), f, args) },
	}
	replay.Flags().BoolVar(&f.fire, "fire", false, "let triggers send gifts for them")
	cmd.PersistentFlags().StringVar(&f.portal, "portal", "", "only the portal `NAME`")
	cmd.PersistentFlags().BoolVar(&f.json, "json", false, "print one JSON document")
	cmd.AddCommand(listing, replay)
	return cmd
}

type eventsFlags struct {
	portal string
	json   bool
	fire   bool
	since  string
	query  giftsync.EventQuery
}

// sinceLayouts are the forms of --since.
var sinceLayouts = []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339}

// parseSince reads the value of --since.
func parseSince(text string) (time.Time, bool) {
	for _, layout := range sinceLayouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// validate checks the flags of a listing and completes its query.
func (f *eventsFlags) validate() error {
	q := &f.query
	switch {
	case q.Source != "" && !slices.Contains(webhook.Dialects(), q.Source):
		return usagef("--source %s: use %s", q.Source, strings.Join(webhook.Dialects(), ", "))
	case q.State != "" && !slices.Contains(eventStates, q.State):
		return usagef("--state %s: use pending, waiting, applied, listed, duplicate or refused", q.State)
	case q.Limit < 0:
		return usagef("--limit %d: at least 1, or 0 for all", q.Limit)
	}
	if _, ok := plan.CanonicalEmail(q.Email); !ok && q.Email != "" {
		return usagef("--email %s: not an e-mail address", q.Email)
	}
	if f.since == "" {
		return nil
	}
	var ok bool
	if q.Since, ok = parseSince(f.since); !ok {
		return usagef("--since %s: write a day, as 2026-01-31, or a time of it, as 2026-01-31T15:04", f.since)
	}
	return nil
}

func (a *app) listEvents(ctx context.Context, f eventsFlags) error {
	if err := f.validate(); err != nil {
		return err
	}
	s, err := a.session(f.portal, false)
	if err != nil {
		return err
	}
	lists, worst := askEach(a, s, func(d service, portal string) (giftsync.EventList, error) {
		return d.Events(ctx, portal, f.query)
	})
	if f.json {
		if err := writeJSON(a.stdout, document[giftsync.EventList]{Portals: lists}); err != nil {
			return err
		}
		return worst.asError()
	}
	for _, l := range lists {
		printEvents(a.stdout, l)
	}
	return worst.asError()
}

// printEvents writes how many events a portal has received, by state, and a
// line for each of those listed, its reason below it.
func printEvents(w io.Writer, l giftsync.EventList) {
	n := total(l.Counts)
	if n == 0 {
		fmt.Fprintf(w, "%s: no events\n", l.Portal)
		return
	}
	fmt.Fprintf(w, "%s: %s: %s\n", l.Portal, plural(n, "event"), breakdown(l.Counts))
	if len(l.Events) > 0 {
		fmt.Fprintf(w, "  %-8s %-16s  %-9s  %-11s  %s\n", "number", "received (UTC)", "state", "source", "event")
	}
	for _, e := range l.Events {
		line := fmt.Sprintf("  %-8d %s  %-9s  %-11s  %s", e.Seq, minute(e.ReceivedAt), e.State, e.Source, e.Kind)
		if e.Test {
			line += " (test)"
		}
		if e.TransactionID != "" {
			line += "  " + e.TransactionID
		}
		if len(e.RecordIDs) > 0 {
			line += "  " + e.RecordType + " " + strings.Join(e.RecordIDs, ", ")
		}
		switch {
		case e.Status != "" && e.Signed:
			line += " → " + string(e.Status)
		case !e.Signed && e.TransactionID != "":
			line += " (a hint to ask Thnks)"
		}
		if e.DuplicateOf != 0 {
			line += fmt.Sprintf("  of %d", e.DuplicateOf)
		}
		if e.Repeats > 0 {
			line += fmt.Sprintf("  %s, last %s", plural(e.Repeats, "repeat"), minute(e.LastRepeat))
		}
		fmt.Fprintln(w, printable(line))
		if e.Email != "" {
			printWrapped(w, "    ", "about "+e.Email)
		}
		if e.MessageID != "" {
			printWrapped(w, "    ", "message "+e.MessageID)
		}
		if e.Reason != "" {
			printWrapped(w, "    ", e.Reason)
		}
	}
}

func (a *app) replayEvents(ctx context.Context, f eventsFlags, args []string) error {
	seqs := make([]uint64, len(args))
	for i, arg := range args {
		seq, err := strconv.ParseUint(arg, 10, 64)
		if err != nil || seq == 0 {
			return usagef("%q is not the number of an event; 'thnks-hubspot-sync events list' shows them", arg)
		}
		seqs[i] = seq
	}
	s, err := a.session(f.portal, false)
	if err != nil {
		return err
	}
	if len(s.portals) > 1 {
		return usagef("there are several portals, and each numbers its events: name one with --portal")
	}
	p := s.portals[0].Name
	if f.fire && len(s.portals[0].Triggers) == 0 {
		return usagef("--fire: portal %s has no triggers in the configuration", p)
	}
	r := replayed{Portal: p}
	if r.Replayed, err = ask(s, func(d service) (int, error) { return d.Replay(ctx, p, seqs) }); err != nil {
		return fmt.Errorf("portal %s: %w", p, err)
	}
	if f.fire {
		r.Fired, err = askSender(s, func(d admin.Sender) ([]send.Fired, error) { return d.FireEvents(ctx, p, seqs) })
		if err != nil {
			return fmt.Errorf("portal %s: %w; what became of the gifts is in 'send list', and repeating the command sends none twice", p, err)
		}
	}
	worst := done
	if slices.ContainsFunc(r.Fired, func(f send.Fired) bool { return f.Send == nil || fails(*f.Send) }) {
		worst = failed
	}
	if f.json {
		if err := writeJSON(a.stdout, r); err != nil {
			return err
		}
		return worst.asError()
	}
	fmt.Fprintf(a.stdout, "%s: %s to be processed again", p, plural(r.Replayed, "event"))
	if rest := len(seqs) - r.Replayed; rest > 0 {
		fmt.Fprintf(a.stdout, "; %s passed over, as repeats of others", plural(rest, "event"))
	}
	fmt.Fprintln(a.stdout)
	printFired(a.stdout, p, r.Fired)
	return worst.asError()
}

// replayed is what became of events that were replayed.
type replayed struct {
	Portal   string       `json:"portal"`
	Replayed int          `json:"replayed"`
	Fired    []send.Fired `json:"fired,omitempty"` // with --fire
}

// plural writes how many there are of a thing.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return count(n) + " " + thing + "s"
}
