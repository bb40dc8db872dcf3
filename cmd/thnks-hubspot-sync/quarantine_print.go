package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	giftsync "thnks-hubspot-sync/sync"
)

// Widths of a quarantine's list, in columns: it fits a terminal of 80.
const (
	listWidth   = 80
	reasonWidth = listWidth - 4 // reasons are HubSpot's prose, of any length
	idWidth     = 20            // transaction ids that are longer are cut
	sourceWidth = 20
)

// printGroups writes how many records a portal has in quarantine, by class, and
// for which reason, in HubSpot's own words for the first of them.
func printGroups(w io.Writer, l giftsync.QuarantineList) {
	if len(l.Records) == 0 {
		fmt.Fprintf(w, "%s: nothing in quarantine\n", l.Portal)
		return
	}
	classes := make(map[string]int)
	short := make(map[string]string)
	for _, r := range l.Records {
		classes[r.Class]++
		short[r.Key] = r.Short
	}
	fmt.Fprintf(w, "%s: %s in quarantine\n", l.Portal, count(len(l.Records)))
	printWrapped(w, "  ", "by class: "+breakdown(classes))
	for _, g := range l.Groups {
		keys := make([]string, len(g.Keys))
		for i, k := range g.Keys {
			keys[i] = short[k]
		}
		more := ""
		if g.Count > len(keys) {
			more = ", …"
		}
		printWrapped(w, "  ", fmt.Sprintf("%s × %s: %s%s", count(g.Count), g.Class, strings.Join(keys, ", "), more))
		printWrapped(w, "    ", g.Reason)
	}
}

// printRecords writes the first records of a portal's quarantine, each with its
// class and reason below it.
func printRecords(w io.Writer, l giftsync.QuarantineList, most int) {
	shown := l.Records[:min(len(l.Records), most)]
	if len(shown) == 0 {
		return
	}
	key, id, source := len("key"), len("transaction"), len("source")
	for _, r := range shown {
		key = max(key, len(r.Short))
		id = max(id, min(idWidth, text.StringWidth(printable(r.TransactionID))))
		source = max(source, min(sourceWidth, text.StringWidth(printable(r.Source))))
	}
	line := func(fields ...string) {
		s := fmt.Sprintf("  %s  %s  %s  %s  %s", cell(fields[0], key), cell(fields[1], id), cell(fields[2], len(time.DateOnly)), cell(fields[3], source), fields[4])
		fmt.Fprintln(w, strings.TrimRight(text.Snip(s, listWidth, "…"), " "))
	}
	line("key", "transaction", "date", "source", "gift")
	for _, r := range shown {
		line(r.Short, orDash(r.TransactionID), day(r.Date), orDash(r.Source), orDash(r.GiftName))
		tried := "tried once, " + minute(r.Last)
		if r.Attempts > 1 {
			tried = fmt.Sprintf("tried %s times, %s to %s", count(r.Attempts), minute(r.First), minute(r.Last))
		}
		printWrapped(w, "    ", r.Class+", "+tried+" UTC")
		printWrapped(w, "    ", r.Reason)
	}
	if rest := len(l.Records) - len(shown); rest > 0 {
		fmt.Fprintf(w, "  … %s more\n", count(rest))
	}
}

// printRow writes a record with its row, as it was received.
func printRow(w io.Writer, portal string, row giftsync.QuarantinedRow) {
	r := row.Record
	for _, field := range [][2]string{
		{"portal", portal},
		{"key", r.Key},
		{"class", r.Class},
		{"source", orDash(r.Source)},
		{"date", day(r.Date)},
		{"gift", orDash(r.GiftName)},
		{"attempts", count(r.Attempts)},
		{"first", minute(r.First) + " UTC"},
		{"last", minute(r.Last) + " UTC"},
	} {
		fmt.Fprintf(w, "%-9s %s\n", field[0], printable(field[1]))
	}
	printWrapped(w, "", "reason    "+r.Reason)
	fmt.Fprintln(w)
	if len(row.Row) == 0 {
		fmt.Fprintln(w, "No row was kept: the record was refused when the state file alone was read.")
		return
	}
	for line := range strings.Lines(strings.TrimRight(string(row.Row), "\n")) {
		fmt.Fprintln(w, printable(strings.TrimRight(line, "\r\n")))
	}
}

// cell cuts or fills a field to a width.
func cell(s string, width int) string {
	s = text.Snip(printable(s), width, "…")
	return s + strings.Repeat(" ", max(0, width-text.StringWidth(s)))
}

// printWrapped writes a text behind an indent, in lines that fit.
func printWrapped(w io.Writer, indent, s string) {
	for line := range strings.Lines(text.WrapSoft(printable(s), listWidth-len(indent))) {
		for _, part := range cut(strings.TrimSpace(line), listWidth-len(indent)) {
			fmt.Fprintf(w, "%s%s\n", indent, part)
		}
	}
}

// cut cuts a line that has no blank to break it at.
func cut(s string, width int) []string {
	return strings.Split(strings.TrimSuffix(text.WrapHard(s, width), "\n"), "\n")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// day writes a date; a dash where there is none.
func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.DateOnly)
}

// minute formats a time to the minute.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }
