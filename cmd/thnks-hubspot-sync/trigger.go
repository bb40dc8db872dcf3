package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/send"
	"thnks-hubspot-sync/sync/webhook"
)

// maxTrial is the largest event that triggers are tried with, in bytes.
const maxTrial = 256 << 10

func triggerCommand(a *app) *cobra.Command {
	var f triggerFlags
	cmd := &cobra.Command{
		Use:   "trigger",
		Short: "Events that send gifts by themselves",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	test := &cobra.Command{
		Use:   "test",
		Short: "Show what each trigger would do with an event, and send nothing",
		Long: `Reads the body of an event from a file, as its sender would post it, and shows
which triggers it would fire, what they would send to whom, and which guard would
stop that. Nothing is sent and nothing is kept. MyThyngs names the kind of an event
in headers: give it with --kind, such as "Form FORM RESPONSE COLLECTED".`,
		Example: `  thnks-hubspot-sync trigger test --portal acme --source zoho-thrive --event upgrade.json`,
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return f.test(cmd.Context(), a) },
	}
	test.Flags().StringVar(&f.portal, "portal", "", "the portal `NAME`")
	test.Flags().StringVar(&f.file, "event", "", "`FILE` with the event's body")
	test.Flags().StringVar(&f.source, "source", "", "where it comes from: zoho-thrive, thyngs or gift-events; default: what all triggers watch")
	test.Flags().StringVar(&f.kind, "kind", "", "the event's `KIND`, where the body does not say it")
	test.Flags().BoolVar(&f.json, "json", false, "print one JSON document")
	cmd.AddCommand(test)
	return cmd
}

type triggerFlags struct {
	portal, file, source, kind string
	json                       bool
}

// tried is what a portal's triggers would do.
type tried struct {
	Portal   string       `json:"portal"`
	Event    string       `json:"event"` // its kind
	Triggers []send.Tried `json:"triggers"`
}

func (f triggerFlags) test(ctx context.Context, a *app) error {
	if f.file == "" {
		return usagef("--event: name the file with the event's body")
	}
	s, err := a.session(f.portal, false)
	if err != nil {
		return err
	}
	if err := s.one("trigger test", "a trigger"); err != nil {
		return err
	}
	p := s.portals[0]
	if len(p.Triggers) == 0 {
		return usagef("portal %s has no triggers in the configuration", p.Name)
	}
	if f.source == "" {
		f.source = p.Triggers[0].Source
		for _, t := range p.Triggers {
			if t.Source != f.source {
				return usagef("--source: the triggers watch several: say where the event comes from")
			}
		}
	}
	body, err := readTrial(f.file)
	if err != nil {
		return err
	}
	e := webhook.Reread(webhook.Source{Dialect: f.source}, store.Event{Dialect: f.source, Kind: f.kind, Signed: true, ReceivedAt: time.Now()}, body)
	trial := send.Trial{Source: f.source, Event: e.Kind, Test: e.Test, Body: body}
	if f.kind != "" {
		trial.Event = f.kind
	}
	all, err := askSender(s, func(d admin.Sender) ([]send.Tried, error) { return d.TryTriggers(ctx, p.Name, trial) })
	if err != nil {
		return fmt.Errorf("portal %s: %w", p.Name, err)
	}
	if f.json {
		return writeJSON(a.stdout, document[tried]{Portals: []tried{{p.Name, trial.Event, all}}})
	}
	printTried(a.stdout, p.Name, trial, all)
	return nil
}

// readTrial reads the body of an event.
func readTrial(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, usagef("--event: %w", err)
	}
	defer file.Close()
	body, err := io.ReadAll(io.LimitReader(file, maxTrial+1))
	switch {
	case err != nil:
		return nil, usagef("--event: %w", err)
	case len(body) > maxTrial:
		return nil, usagef("--event: the file is larger than an event may be")
	}
	return body, nil
}

// printTried writes what each trigger would do with an event.
func printTried(w io.Writer, portal string, trial send.Trial, all []send.Tried) {
	fmt.Fprintln(w, printable(fmt.Sprintf("%s: %s from %s", portal, trial.Event, trial.Source)))
	for _, t := range all {
		switch {
		case !t.Fits:
			fmt.Fprintf(w, "  %s: does not fire\n", printable(t.Trigger))
			continue
		case t.Reason == "":
			fmt.Fprintf(w, "  %s: would send gift %d\n", printable(t.Trigger), t.Gift)
		default:
			fmt.Fprintf(w, "  %s: fires, and sends nothing\n", printable(t.Trigger))
			why := t.Reason
			if t.Guard != "" && !t.Done {
				why = t.Guard + ": " + why
			}
			printWrapped(w, "    ", why)
		}
		if t.Recipient != "" {
			printWrapped(w, "    ", "to "+t.Recipient+": "+t.Message)
		}
	}
}
