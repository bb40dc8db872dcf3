package stats

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"thnks-hubspot-sync/sync/plan"
)

// The lengths of the printed lists, and the width of a name.
const (
	shownMonths = 12
	shownTypes  = 10
	nameWidth   = 40
	tableWidth  = 80 // of a terminal, which names are cut to fit into
	leastName   = 8
)

// A label is a cell of a table that may be cut where the table is too wide.
type label string

// A section is one small table of the printed report.
type section struct {
	header table.Row
	rows   []table.Row
}

// Table prints the report as a list of small tables, without the empty ones. It
// is safe on a terminal: control characters, and those that change the
// direction of text, are escaped. Times are in UTC.
func Table(w io.Writer, r Report) error {
	for _, s := range sections(r) {
		if len(s.rows) == 0 {
			continue
		}
		t := table.NewWriter()
		t.SetStyle(table.StyleLight)
		t.Style().Format.Header = text.FormatDefault
		s.fit()
		t.AppendHeader(s.header)
		t.AppendRows(s.rows)
		if _, err := fmt.Fprintln(w, t.Render()); err != nil {
			return err
		}
	}
	return nil
}

// fit cuts the labels of a table that is wider than a terminal, those of its widest
// column first.
func (s section) fit() {
	widths := make([]int, len(s.header))
	cuttable := make([]bool, len(s.header))
	for i, row := range append([]table.Row{s.header}, s.rows...) {
		for c, cell := range row {
			_, isLabel := cell.(label)
			cuttable[c] = cuttable[c] || i > 0 && isLabel
			widths[c] = max(widths[c], text.LongestLineLen(fmt.Sprint(cell)))
		}
	}
	total := 1
	for _, w := range widths {
		total += w + 3 // two blanks and a line
	}
	for ; total > tableWidth; total-- {
		widest := -1
		for c, w := range widths {
			if cuttable[c] && w > leastName && (widest < 0 || w > widths[widest]) {
				widest = c
			}
		}
		if widest < 0 {
			return // figures are never cut
		}
		widths[widest]--
	}
	for _, row := range s.rows {
		for c, cell := range row {
			if l, ok := cell.(label); ok {
				row[c] = label(text.Snip(string(l), widths[c], "…"))
			}
		}
	}
}

// sections returns the report's tables, the summary first.
func sections(r Report) []section {
	list := []section{
		summary(r),
		{header: table.Row{"Status", "Gifts"}, rows: counted(plan.Statuses(), r.ByStatus)},
		{header: table.Row{"Month", "Sent"}, rows: counted(newestMonths(r.ByMonth), r.ByMonth)},
	}
	s := section{header: table.Row{"Top gifts", "Sent"}}
	for _, t := range r.TopTypes {
		s.rows = append(s.rows, table.Row{cell(t.Name), t.Count})
	}
	list = append(list, s)

	s = section{header: table.Row{"Redemption", "Redeemed", "Eligible", "Rate"}}
	for _, t := range r.RedemptionByType[:min(len(r.RedemptionByType), shownTypes)] {
		s.rows = append(s.rows, table.Row{cell(t.Name), t.Redeemed, t.Eligible, percent(t.Rate)})
	}
	list = append(list, s)

	s = section{header: table.Row{"Top senders", "Sent"}}
	for _, p := range r.TopSenders {
		s.rows = append(s.rows, table.Row{cell(cmp.Or(p.Name, p.Email)), p.Count})
	}
	list = append(list, s)

	s = section{header: table.Row{"Deal stage when linked", "Sent"}}
	for _, stage := range r.ByDealStage {
		s.rows = append(s.rows, table.Row{cell(stage.Name), stage.Count})
	}
	list = append(list, s)

	s = section{header: table.Row{"By deal size", "Sent", "Value", "Average"}}
	for _, size := range r.ValueByDealSize {
		if size.Count > 0 {
			s.rows = append(s.rows, table.Row{size.Size, size.Count, amounts(size.TotalValue), amounts(size.AverageValue)})
		}
	}
	list = append(list, s, section{
		header: table.Row{"Without a contact", "Gifts"},
		rows:   counted([]plan.Orphan{plan.NoEmail, plan.BadEmail, plan.NoContact, plan.ContactGone}, r.Orphans),
	})

	s = section{header: table.Row{"Recently (UTC)", "Event", "Gift", "Recipient", "Status now"}}
	for _, a := range r.RecentActivity {
		s.rows = append(s.rows, table.Row{a.Time.UTC().Format("2006-01-02 15:04"), a.Kind, cell(a.Gift), cell(a.Recipient), a.Status})
	}
	return append(list, s)
}

// summary returns the section of the single figures.
func summary(r Report) section {
	last := "never"
	if r.LastSync != nil {
		last = minute(*r.LastSync)
	}
	return section{
		header: table.Row{"Portal", name(r.Portal)},
		rows: []table.Row{
			{"Thnks sent", r.TotalSent},
			{"Total value", amounts(r.TotalValue)},
			{"Average value", amounts(r.AverageValue)},
			{"Refunded value", amounts(r.RefundedValue)},
			{"Redemption rate", fmt.Sprintf("%s (%d of %d)", percent(r.RedemptionRate), r.Redeemed, r.Eligible)},
			{"Donated", r.Donated},
			{"Last sync", last},
		},
	}
}

// counted returns rows for the keys whose count is not zero, in the given order.
func counted[K ~string](keys []K, counts map[K]int) []table.Row {
	var rows []table.Row
	for _, k := range keys {
		if n := counts[k]; n > 0 {
			rows = append(rows, table.Row{string(k), n})
		}
	}
	return rows
}

func newestMonths(counts map[string]int) []string {
	months := slices.Sorted(maps.Keys(counts))
	return months[max(0, len(months)-shownMonths):]
}

// amounts returns one line per currency.
func amounts(a Amounts) string {
	var lines []string
	for _, currency := range slices.Sorted(maps.Keys(a)) {
		unit := name(currency)
		if currency == NoCurrency {
			unit = "(no currency)"
		}
		lines = append(lines, a[currency]+" "+unit)
	}
	return cmp.Or(strings.Join(lines, "\n"), "–")
}

func percent(rate *float64) string {
	if rate == nil {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", *rate*100)
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// name returns text from outside, safe to print and of limited width.
func name(s string) string { return text.Snip(safe(s), nameWidth, "…") }

// cell is a name as a cell of a table.
func cell(s string) label { return label(name(s)) }

// safe escapes characters that a terminal would act on or not show: control and
// format characters, except the joiners inside emoji and words.
func safe(s string) string {
	var b strings.Builder
	for _, r := range s { // invalid UTF-8 comes out as U+FFFD
		switch {
		case r == '\u200c', r == '\u200d':
			b.WriteRune(r)
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
