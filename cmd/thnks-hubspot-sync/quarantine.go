package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"thnks-hubspot-sync/configs"
	giftsync "thnks-hubspot-sync/sync"
)

func (a *app) quarantineCommand() *cobra.Command {
	var f quarantineFlags
	cmd := &cobra.Command{
		Use:   "quarantine",
		Short: "Records that could not be synced, each with its reason",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.listQuarantine(cmd.Context(), f) },
	}
	list := &cobra.Command{
		Use:   "list",
		Short: "Print the records in quarantine",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.listQuarantine(cmd.Context(), f) },
	}
	retry := &cobra.Command{
		Use:   "retry [KEY]...",
		Short: "Try to sync the records in quarantine again, or only those with the given keys",
		Example: `  thnks-hubspot-sync quarantine retry
  thnks-hubspot-sync quarantine retry T-000017 --portal acme`,
		RunE: func(cmd *cobra.Command, keys []string) error { return a.retryQuarantine(cmd.Context(), f, keys) },
	}
	cmd.PersistentFlags().StringVar(&f.portal, "portal", "", "only the portal `NAME`")
	cmd.PersistentFlags().BoolVar(&f.json, "json", false, "print one JSON document")
	cmd.AddCommand(list, retry)
	return cmd
}

type quarantineFlags struct {
	portal string
	json   bool
}

// A quarantineList is one portal's quarantine as it is printed. The records themselves,
// which hold personal data, are not.
type quarantineList struct {
	Portal  string             `json:"portal"`
	Records []quarantineRecord `json:"records"`
	Classes map[string]int     `json:"classes"` // how many records of each class
}

type quarantineRecord struct {
	Key           string    `json:"key"`
	TransactionID string    `json:"transaction_id,omitempty"`
	Class         string    `json:"class"`
	Reason        string    `json:"reason"` // HubSpot's own words included
	CorrelationID string    `json:"correlation_id,omitempty"`
	Attempts      int       `json:"attempts"`
	First         time.Time `json:"first"`
	Last          time.Time `json:"last"`
}

func (a *app) listQuarantine(ctx context.Context, f quarantineFlags) error {
	s, err := a.session(f.portal, false)
	if err != nil {
		return err
	}
	doc := document[quarantineList]{Portals: []quarantineList{}}
	worst := done
	for _, p := range s.portals {
		l, err := s.quarantined(ctx, p.Name)
		if err != nil {
			fmt.Fprintf(a.stderr, "thnks-hubspot-sync: portal %s: %v\n", p.Name, err)
			worst = worst.worse(failed)
			continue
		}
		doc.Portals = append(doc.Portals, l)
	}
	if f.json {
		if err := writeJSON(a.stdout, doc); err != nil {
			return err
		}
		return worst.asError()
	}
	for _, l := range doc.Portals {
		printQuarantine(a.stdout, l, math.MaxInt)
		if len(l.Records) > 0 {
			fmt.Fprintf(a.stdout, "When the cause is mended: thnks-hubspot-sync quarantine retry --portal %s\n", l.Portal)
		}
	}
	return worst.asError()
}

// quarantined reads one portal's quarantine.
func (s *session) quarantined(ctx context.Context, portal string) (quarantineList, error) {
	l := quarantineList{Portal: portal, Records: []quarantineRecord{}, Classes: make(map[string]int)}
	j, err := s.readState(portal)
	if err != nil {
		return l, err
	}
	defer j.Close()
	for q, err := range j.Quarantine(ctx) {
		if err != nil {
			return l, err
		}
		l.Classes[q.Class]++
		l.Records = append(l.Records, quarantineRecord{
			Key: q.Key, TransactionID: q.TransactionID, Class: q.Class, Reason: q.Reason,
			CorrelationID: q.CorrelationID, Attempts: q.Attempts, First: q.First, Last: q.Last,
		})
	}
	return l, nil
}

// reasonWidth is where the reasons' lines are broken, in columns: they are
// HubSpot's prose, of any length.
const reasonWidth = 100

// printQuarantine writes a portal's quarantine: how many records there are of
// each class, and a line for each of the first of them, its reason below it.
func printQuarantine(w io.Writer, l quarantineList, most int) {
	if len(l.Records) == 0 {
		fmt.Fprintf(w, "%s: nothing in quarantine\n", l.Portal)
		return
	}
	shown := l.Records[:min(len(l.Records), most)]
	key, class := len("key"), len("class")
	for _, r := range shown {
		key, class = max(key, text.StringWidth(printable(r.Key))), max(class, len(r.Class))
	}
	fmt.Fprintf(w, "%s: %s in quarantine: %s\n", l.Portal, count(len(l.Records)), breakdown(l.Classes))
	fmt.Fprintf(w, "  %-*s  %-*s  %8s  %-16s  %s\n", key, "key", class, "class", "attempts", "first (UTC)", "last (UTC)")
	for _, r := range shown {
		fmt.Fprintf(w, "  %-*s  %-*s  %8d  %-16s  %s\n", key, printable(r.Key), class, r.Class, r.Attempts, minute(r.First), minute(r.Last))
		for line := range strings.Lines(text.WrapSoft(printable(r.Reason), reasonWidth)) {
			fmt.Fprintf(w, "    %s\n", strings.TrimSpace(line))
		}
	}
	if rest := len(l.Records) - len(shown); rest > 0 {
		fmt.Fprintf(w, "  … %s more\n", count(rest))
	}
}

// minute writes a time for people, to the minute.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

func (a *app) retryQuarantine(ctx context.Context, f quarantineFlags, keys []string) error {
	s, err := a.session(f.portal, !f.json)
	if err != nil {
		return err
	}
	defer s.close()
	wanted := make(map[string][]string)
	portals := s.portals
	if len(keys) > 0 {
		if wanted, err = s.owners(ctx, keys); err != nil {
			return err
		}
		portals = slices.DeleteFunc(slices.Clone(portals), func(p configs.Portal) bool { return wanted[p.Name] == nil })
	}
	results := s.runAll(ctx, portals, func(p configs.Portal) giftsync.Request {
		return giftsync.Request{Mode: giftsync.Retry, Keys: wanted[p.Name]}
	})
	s.close()
	return a.reportRuns(results, f.json, false)
}

// owners says which of the keys are in which portal's quarantine. A key that
// is in none is an error: most likely a slip of the pen.
func (s *session) owners(ctx context.Context, keys []string) (map[string][]string, error) {
	found := make(map[string]bool)
	wanted := make(map[string][]string)
	for _, p := range s.portals {
		l, err := s.quarantined(ctx, p.Name)
		if err != nil {
			return nil, fmt.Errorf("portal %s: %w", p.Name, err)
		}
		for _, r := range l.Records {
			if slices.Contains(keys, r.Key) {
				found[r.Key] = true
				wanted[p.Name] = append(wanted[p.Name], r.Key)
			}
		}
	}
	for _, k := range keys {
		if !found[k] {
			return nil, usagef("nothing in quarantine has the key %q; 'thnks-hubspot-sync quarantine list' shows the keys", k)
		}
	}
	return wanted, nil
}
