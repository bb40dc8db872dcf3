package page

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/sync/stats"
)

// shownRows is how many rows of a list stand on the page.
const shownRows = 100

// names is a set of words to choose from.
type names map[string]bool

// add adds a name that is short enough to choose.
func (n names) add(name string) {
	if name != "" && len(name) <= longestText {
		n[name] = true
	}
}

func (n names) sorted() []string { return slices.Sorted(maps.Keys(n)) }

// A section is a heading with the numbers below it.
type section struct {
	ID      string // within the page
	Title   string
	Means   []stats.Definition
	Charts  []chart
	Columns []column
	Rows    [][]cell
	Note    string
	Search  bool // its rows have names
	Wide    bool // it has many columns
}

// A column is what stands in the cells of a table below each other.
type column struct {
	Name   string
	Number bool // on the right
}

// A cell is a value in a table.
type cell struct {
	Text   string
	Number bool
	Head   bool   // it names the row
	Bar    string // how much of the bar is full, in per cent; "" for no bar
	URL    string
	Time   string // RFC 3339
	Isle   bool   // text of others, whose direction may be another
}

// header makes columns: one with "#" before its name has numbers. What has no name
// belongs to the column before it.
func header(list ...string) []column {
	var columns []column
	for _, name := range list {
		name, number := strings.CutPrefix(name, "#")
		columns = append(columns, column{name, number})
	}
	return columns
}

// add adds a row, the first cell of which names it.
func (s *section) add(head cell, cells ...cell) {
	head.Head = true
	s.Rows = append(s.Rows, append([]cell{head}, cells...))
}

// limit leaves out the rows behind the first ones, and says so.
func (s *section) limit(what string) {
	if left := len(s.Rows) - shownRows; left > 0 {
		s.Rows = s.Rows[:shownRows]
		s.Note = stats.Grouped(strconv.Itoa(left)) + " more " + what + ": stats --format json has them all"
	}
}

func text(s string) cell { return cell{Text: s} }

// others is a cell with what others wrote.
func others(s string) cell {
	return cell{Text: cmp.Or(stats.Visible(shortened(s)), "–"), Isle: true}
}

// longestText is how much of what others wrote stands in a cell, in characters.
const longestText = 200

func shortened(s string) string {
	n := 0
	for i := range s {
		if n++; n > longestText {
			return s[:i] + "…"
		}
	}
	return s
}

func count(n int) cell { return cell{Text: stats.Grouped(strconv.Itoa(n)), Number: true} }

func rate(share *float64) cell { return cell{Text: stats.Percent(share), Number: true} }

// money is a cell with an amount, a dash for none.
func money(amount string) cell {
	if amount == "" {
		return cell{Text: "–", Number: true}
	}
	return cell{Text: stats.Grouped(amount), Number: true}
}

// part draws n of a whole.
func part(n, of int) cell {
	if n <= 0 || of <= 0 {
		return full(0)
	}
	return full(float64(n) / float64(of))
}

// share draws a rate.
func share(rate *float64) cell {
	if rate == nil {
		return full(0)
	}
	return full(*rate)
}

// full draws a bar that is filled so far, from 0 to 1.
func full(share float64) cell {
	return cell{Bar: strconv.FormatFloat(100*min(max(share, 0), 1), 'f', 1, 64)}
}

// change is a cell with a relative change, with its sign.
func change(relative *float64) cell {
	c := rate(relative)
	if relative != nil && *relative > 0 {
		c.Text = "+" + c.Text
	}
	return c
}

func at(t time.Time) cell {
	t = t.UTC()
	return cell{Text: t.Format("2006-01-02 15:04"), Time: t.Format(time.RFC3339)}
}

// figure is an amount as a chart shows it, which rounds.
func figure(amount string) float64 {
	d, err := decimal.NewFromString(cmp.Or(amount, "0"))
	if err != nil {
		return 0
	}
	return d.InexactFloat64()
}
