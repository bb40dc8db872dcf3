package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/stats"
)

func auditCommand(a *app) *cobra.Command {
	var f auditFlags
	list := func(cmd *cobra.Command, _ []string) error { return listAudit(cmd.Context(), a, f) }
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "The trail of everything that was written to HubSpot",
		Long: `Every call that wrote to HubSpot has an entry, for 400 days, without personal data.
The entries are a chain: any one that was changed, removed or moved is found.
The daemon logs the end of the chain once a day as audit_head.`,
		Args: listedByDefault,
		RunE: list,
	}
	listing := &cobra.Command{
		Use:     "list",
		Short:   "Print the newest entries",
		Example: `  thnks-hubspot-sync audit list --portal acme --transaction T-000017`,
		Args:    noArguments,
		RunE:    list,
	}
	verify := &cobra.Command{
		Use:   "verify",
		Short: "Prove that no entry was changed, removed or moved",
		Long: `Goes through the chain. With --head it also proves that everything is still there
that was when that head was logged, or has been cut off for its age: without
one, no one can tell whether the last entries are missing, or whether someone
who can write the state file has made the whole chain anew.`,
		Example: `  thnks-hubspot-sync audit verify
  thnks-hubspot-sync audit verify --portal acme --head 3f2a…91bc`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return verifyAudit(cmd.Context(), a, f) },
	}
	export := &cobra.Command{
		Use:   "export",
		Short: "Write all entries as JSON lines or CSV",
		Example: `  thnks-hubspot-sync audit export --portal acme --output audit.jsonl
  thnks-hubspot-sync audit export --portal acme --format csv --output audit.csv`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return exportAudit(cmd.Context(), a, f) },
	}
	cmd.PersistentFlags().StringVar(&f.portal, "portal", "", "only the portal `NAME`")
	for _, c := range []*cobra.Command{cmd, listing, export} {
		c.Flags().StringVar(&f.query.Run, "run", "", "only entries of the run `ID`")
		c.Flags().StringVar(&f.query.TransactionID, "transaction", "", "only entries about the transaction `ID`")
		c.Flags().StringVar(&f.since, "since", "", "only entries from the `DAY` on, such as 2026-11-30, in UTC")
	}
	for _, c := range []*cobra.Command{cmd, listing} {
		c.Flags().IntVar(&f.query.Limit, "limit", 50, "the newest `N`; 0 for all")
	}
	for _, c := range []*cobra.Command{cmd, listing, verify} {
		c.Flags().BoolVar(&f.json, "json", false, "print one JSON document")
	}
	verify.Flags().StringVar(&f.head, "head", "", "a `HASH` that was logged as audit_head before")
	export.Flags().StringVar(&f.format, "format", "jsonl", "`FORMAT`: jsonl or csv")
	export.Flags().StringVar(&f.output, "output", "-", "`PATH` of a file to write; - for standard output")
	cmd.AddCommand(listing, verify, export)
	return cmd
}

type auditFlags struct {
	portal string
	query  giftsync.AuditQuery
	since  string
	head   string
	json   bool
	format string
	output string
}

// check reads what the flags say in words.
func (f *auditFlags) check() (err error) {
	if f.query.Limit < 0 {
		return usagef("--limit %d: at least 1, or 0 for all", f.query.Limit)
	}
	if f.since == "" {
		return nil
	}
	if f.query.Since, err = time.Parse(time.DateOnly, f.since); err != nil {
		return usagef("--since %q: write a day as in 2026-11-30", f.since)
	}
	return nil
}

// An auditDocument is a portal's part of what audit list prints with --json.
type auditDocument struct {
	Portal  string                 `json:"portal"`
	Entries []giftsync.AuditRecord `json:"entries"`
}

func listAudit(ctx context.Context, a *app, f auditFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	s, err := a.session(f.portal, false)
	if err != nil {
		return err
	}
	lists, worst := askEach(a, s, func(d admin.Trail, portal string) (auditDocument, error) {
		doc := auditDocument{Portal: portal, Entries: []giftsync.AuditRecord{}}
		err := d.Audit(ctx, portal, f.query, func(some []giftsync.AuditRecord) error {
			doc.Entries = append(doc.Entries, some...)
			return nil
		})
		return doc, err
	})
	if f.json {
		if err := writeJSON(a.stdout, document[auditDocument]{Portals: lists}); err != nil {
			return err
		}
		return worst.asError()
	}
	for _, l := range lists {
		if len(l.Entries) == 0 {
			fmt.Fprintf(a.stdout, "%s: no entries\n", l.Portal)
			continue
		}
		fmt.Fprintf(a.stdout, "%s: %s\n", l.Portal, plural(len(l.Entries), "entry of the audit"))
		fmt.Fprintf(a.stdout, "  %-8s %-16s  %-12s  %-10s  %s\n", "entry", "at (UTC)", "run", "action", "about")
		for _, e := range l.Entries {
			fmt.Fprintln(a.stdout, printable(fmt.Sprintf("  %-8d %-16s  %-12s  %-10s  %s", e.Entry, minute(e.At), e.Run, e.Action, about(e))))
		}
	}
	return worst.asError()
}

// about says in a few words what an entry is about.
func about(e giftsync.AuditRecord) string {
	var parts []string
	switch n := len(e.TransactionIDs); {
	case n == 1:
		parts = append(parts, e.TransactionIDs[0])
	case n > 1:
		parts = append(parts, fmt.Sprintf("%s and %s", e.TransactionIDs[0], plural(n-1, "other")))
	}
	if len(e.Reasons) > 0 {
		parts = append(parts, strings.Join(e.Reasons, ", "))
	}
	return strings.Join(parts, ": ")
}

// headForm is how the hash of a head is written.
var headForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

func verifyAudit(ctx context.Context, a *app, f auditFlags) error {
	if f.head != "" && !headForm.MatchString(f.head) {
		return usagef("--head %q: give all 64 digits of audit_head, from the log", f.head)
	}
	s, err := a.session(f.portal, false)
	if err != nil {
		return err
	}
	if f.head != "" {
		if err := s.one("--head", "a head"); err != nil {
			return err
		}
	}
	findings, worst := askEach(a, s, func(d admin.Trail, portal string) (giftsync.AuditFinding, error) {
		return d.VerifyAudit(ctx, portal, f.head)
	})
	for _, v := range findings {
		if v.Broken != "" {
			worst = worst.worse(failed)
		}
	}
	if f.json {
		if err := writeJSON(a.stdout, document[giftsync.AuditFinding]{Portals: findings}); err != nil {
			return err
		}
		return worst.asError()
	}
	for _, v := range findings {
		printFinding(a, v)
	}
	return worst.asError()
}

func printFinding(a *app, v giftsync.AuditFinding) {
	switch p := v.Proof; {
	case v.Broken != "":
		fmt.Fprintf(a.stdout, "%s: BROKEN: %s\n", v.Portal, printable(v.Broken))
		fmt.Fprintf(a.stdout, "  Keep the state file as it is, and compare the entries with HubSpot's own log of the calls: thnks-hubspot-sync audit export --portal %s\n", v.Portal)
	case p.Entries == 0:
		fmt.Fprintf(a.stdout, "%s: no entries\n", v.Portal)
	default:
		fmt.Fprintf(a.stdout, "%s: %s, from number %d on, each as it was written\n", v.Portal, plural(p.Entries, "entry of the audit"), p.First)
		if p.Before > 0 {
			fmt.Fprintf(a.stdout, "  %s of them from before the chain, under its first entry\n", count(p.Before))
		}
		if p.Found > 0 {
			fmt.Fprintf(a.stdout, "  the head is that of entry %d: nothing up to there is missing\n", p.Found)
		}
		fmt.Fprintf(a.stdout, "  head %s\n", p.Head.Hash)
	}
}

// auditHeader names the columns of an export.
var auditHeader = []string{"portal", "entry", "at", "run", "action", "method", "path", "status", "correlation_id", "transaction_ids", "reasons", "hash"}

// exportAudit writes all entries. To standard output it writes them as they come;
// a file gets its name when it is whole.
func exportAudit(ctx context.Context, a *app, f auditFlags) error {
	if f.format != "jsonl" && f.format != "csv" {
		return usagef("--format %q: use jsonl or csv", f.format)
	}
	if err := f.check(); err != nil {
		return err
	}
	f.query.Limit = 0
	s, err := a.session(f.portal, false)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	flush := func() error {
		if f.output != "-" {
			return nil
		}
		_, err := out.WriteTo(display(a.stdout))
		return err
	}
	var failures []error
	sheet := stats.Sheet{Header: auditHeader}
	for _, p := range s.portals {
		_, err := ask(s, func(d admin.Trail) (struct{}, error) {
			return struct{}{}, d.Audit(ctx, p.Name, f.query, func(some []giftsync.AuditRecord) error {
				if err := appendEntries(&out, &sheet, f.format, p.Name, some); err != nil {
					return err
				}
				return flush()
			})
		})
		if err != nil {
			failures = append(failures, fmt.Errorf("portal %s: %w", p.Name, err))
		}
	}
	if err := errors.Join(failures...); err != nil {
		return err
	}
	if f.output == "-" {
		return nil
	}
	return a.put(f.output, out.Bytes())
}

// appendEntries writes entries in a format. Of a sheet only the first part has the
// header.
func appendEntries(out *bytes.Buffer, sheet *stats.Sheet, format, portal string, some []giftsync.AuditRecord) error {
	if format == "jsonl" {
		for _, e := range some {
			line, err := json.Marshal(struct {
				Portal string `json:"portal"`
				giftsync.AuditRecord
			}{portal, e})
			if err != nil {
				return err
			}
			out.WriteString(escaped(string(line), jsonEscape) + "\n")
		}
		return nil
	}
	sheet.Rows = sheet.Rows[:0]
	for _, e := range some {
		status := ""
		if e.Status != 0 {
			status = strconv.Itoa(e.Status)
		}
		sheet.Rows = append(sheet.Rows, []string{
			portal, strconv.FormatUint(e.Entry, 10), e.At.UTC().Format(time.RFC3339Nano), e.Run, e.Action, e.Method, e.Path, status,
			e.CorrelationID, strings.Join(e.TransactionIDs, " "), strings.Join(e.Reasons, "; "), e.Hash,
		})
	}
	err := sheet.Write(out)
	sheet.Header = nil
	return err
}
