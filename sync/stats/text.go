package stats

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
	"golang.org/x/text/unicode/bidi"
)

// barWidth is the width of a bar for the whole.
const barWidth = 10

// longestAmount is the longest amount that is printed, in columns.
const longestAmount = 40

// Visible escapes characters that a terminal would act on or not show: control and
// format characters, except the joiners inside emoji and words.
func Visible(s string) string {
	var b strings.Builder
	for _, r := range s { // invalid UTF-8 comes out as U+FFFD
		switch {
		case r == '\u200c', r == '\u200d':
			b.WriteRune(r)
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || r >= 0xe0000:
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// width is how many columns a terminal needs for s.
func width(s string) int { return uniseg.StringWidth(s) }

// snip returns s if it fits, and otherwise what fits of it with an ellipsis. No
// character that people see as one is cut.
func snip(s string, columns int) string {
	if width(s) <= columns {
		return s
	}
	var b strings.Builder
	left := columns - 1
	for state := -1; s != ""; {
		var cluster string
		var w int
		cluster, s, w, state = uniseg.FirstGraphemeClusterInString(s, state)
		if left -= w; left < 0 {
			break
		}
		b.WriteString(cluster)
	}
	return b.String() + "…"
}

// isolated returns s so that letters written from right to left do not turn
// around what stands beside them: between FSI and PDI of Unicode's bidirectional
// algorithm.
func isolated(s string) string {
	for _, r := range s {
		p, _ := bidi.LookupRune(r)
		switch p.Class() {
		case bidi.R, bidi.AL, bidi.AN:
			return "\u2068" + s + "\u2069"
		}
	}
	return s
}

// Grouped returns decimal text with a comma after each thousand.
func Grouped(s string) string {
	whole, fraction, has := strings.Cut(s, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	var b strings.Builder
	for i, digit := range []byte(whole) {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteByte(digit)
	}
	if has {
		return sign + b.String() + "." + fraction
	}
	return sign + b.String()
}

// amount returns an amount for people, or says that it is too long to read.
func amount(s string) string {
	switch g := Grouped(s); {
	case s == "":
		return "–"
	case len(g) > longestAmount:
		return "(see --format json)"
	default:
		return g
	}
}

func number(n int) string { return Grouped(fmt.Sprint(n)) }

// Percent returns a rate from 0 to 1 for people, a dash for none.
func Percent(rate *float64) string {
	if rate == nil {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", *rate*100)
}

// bar draws a part of a whole.
func bar(n, of int) string {
	if n <= 0 || of <= 0 {
		return ""
	}
	eighths := max(1, (n*barWidth*8+of/2)/of)
	s := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		s += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return s
}

// rateBar draws a rate.
func rateBar(rate *float64) string {
	if rate == nil {
		return ""
	}
	return bar(int(*rate*1e4), 1e4)
}

// spark draws counts side by side, the greatest one as high as a line.
func spark(counts []int) string {
	top := 1
	for _, n := range counts {
		top = max(top, n)
	}
	levels := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, n := range counts {
		b.WriteRune(levels[max(0, n)*(len(levels)-1)/top])
	}
	return b.String()
}

// Duration returns minutes in the two greatest units, a dash for none.
func Duration(minutes *int) string {
	if minutes == nil {
		return "–"
	}
	d, h, m := *minutes/(24*60), *minutes/60%24, *minutes%60
	switch {
	case d > 0:
		return fmt.Sprintf("%d d %d h", d, h)
	case h > 0:
		return fmt.Sprintf("%d h %d min", h, m)
	}
	return fmt.Sprintf("%d min", m)
}
