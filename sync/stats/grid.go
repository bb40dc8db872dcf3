package stats

import "strings"

// How wide a column of names is at most, and how far it may be narrowed.
const (
	widest    = 40
	narrowest = 12
)

// gap is what stands between two columns.
const gap = "  "

// What a column holds.
const (
	words   = iota // on the left, cut if the line is too long
	numbers        // on the right
	money          // at the decimal point
	bars           // on the left, coloured
)

// A grid is a small table of printed text. The first column's header is the
// grid's title.
type grid struct {
	header []string
	kinds  []int // of columns
	rows   [][]string
	note   string // below the rows
}

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

// An ink colours text.
type ink struct{ on bool }

func (k ink) plain(s string) string { return s }
func (k ink) bold(s string) string  { return k.paint("1", s) }
func (k ink) dim(s string) string   { return k.paint("2", s) }
func (k ink) bar(s string) string   { return k.paint("36", s) }

func (k ink) paint(code, s string) string {
	if !k.on || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m" // ECMA-48 SGR
}

// write prints the grid in at most pageWidth columns: names are cut, and if
// that is not enough the last columns are left out.
func (g *grid) write(b *strings.Builder, k ink) {
	g.alignMoney()
	widths := g.fit()
	var line []string
	for i, title := range g.header[:len(widths)] {
		paint := k.dim
		if i == 0 {
			paint = k.bold
		}
		line = append(line, cell(title, widths[i], g.kinds[i], paint))
	}
	b.WriteString(joined(line))
	for _, row := range g.rows {
		line = line[:0]
		for i, text := range row[:len(widths)] {
			paint := k.plain
			if g.kinds[i] == bars {
				paint = k.bar
			}
			line = append(line, cell(text, widths[i], g.kinds[i], paint))
		}
		b.WriteString(joined(line))
	}
	if left := g.header[len(widths):]; len(left) > 0 {
		b.WriteString(k.dim(snip("not shown here: "+strings.Join(left, ", "), pageWidth)) + "\n")
	}
	if g.note != "" {
		b.WriteString(k.dim(g.note) + "\n")
	}
}

// joined returns cells as a line, without space before its end.
func joined(cells []string) string { return strings.TrimRight(strings.Join(cells, gap), " ") + "\n" }

// cell returns a painted text, filled up to its column's width.
func cell(s string, columns, kind int, paint func(string) string) string {
	s = snip(s, columns)
	space := strings.Repeat(" ", max(0, columns-width(s)))
	if kind == numbers || kind == money {
		return space + paint(s)
	}
	return paint(isolated(s)) + space
}

// alignMoney puts the decimal points of a column below each other.
func (g *grid) alignMoney() {
	for i, kind := range g.kinds {
		if kind != money {
			continue
		}
		longest := 0
		for _, row := range g.rows {
			longest = max(longest, len(fraction(row[i])))
		}
		for _, row := range g.rows {
			row[i] += strings.Repeat(" ", longest-len(fraction(row[i])))
		}
	}
}

// fraction returns the decimals of an amount with their point.
func fraction(s string) string {
	if i := strings.IndexByte(s, '.'); i >= 0 {
		return s[i:]
	}
	return ""
}

// fit returns the widths of the columns that are shown.
func (g *grid) fit() []int {
	widths := make([]int, len(g.header))
	for i, title := range g.header {
		widths[i] = width(title)
		for _, row := range g.rows {
			widths[i] = max(widths[i], width(row[i]))
		}
		if g.kinds[i] == words {
			widths[i] = min(widths[i], widest)
		}
	}
	for n := len(widths); ; n-- {
		shown := append([]int(nil), widths[:n]...)
		over := -pageWidth - len(gap)
		for _, w := range shown {
			over += w + len(gap)
		}
		for over > 0 { // one column at a time, from the longest name
			longest := -1
			for i, w := range shown {
				if g.kinds[i] == words && w > max(narrowest, width(g.header[i])) && (longest < 0 || w > shown[longest]) {
					longest = i
				}
			}
			if longest < 0 {
				break
			}
			shown[longest]--
			over--
		}
		if over <= 0 || n <= 2 {
			return shown
		}
	}
}
