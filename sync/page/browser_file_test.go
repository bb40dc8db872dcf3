package page_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"thnks-hubspot-sync/sync/stats"
)

// TestBrowserFile opens the file on a wide screen and on a phone, in light and in
// dark colours.
func TestBrowserFile(t *testing.T) {
	rep := report(t, gifts(plain), stats.Filter{})
	text := written(t, file(rep))
	for _, tt := range []struct {
		width int64
		dark  bool
	}{{1280, false}, {1280, true}, {390, false}, {390, true}} {
		t.Run(fmt.Sprintf("%d dark=%t", tt.width, tt.dark), func(t *testing.T) {
			b := newTab(t, tt.width, tt.dark)
			b.visitFile(text)
			for _, fault := range b.faults("file://") {
				t.Error(fault)
			}
			if paper := value[string](b, `getComputedStyle(document.body).backgroundColor`); (paper == "rgb(255, 255, 255)") == tt.dark {
				t.Errorf("the paper is %s", paper)
			}
			if n := value[int](b, `document.documentElement.scrollWidth`); int64(n) > tt.width {
				t.Errorf("the page is %d pixels wide", n)
			}
			charts(b, rep)
		})
	}
}

// charts compares what is drawn with the report.
func charts(b *tab, rep stats.Report) {
	b.Helper()
	const drawn = `echarts.getInstanceByDom(document.getElementById('portal0-%s')).getOption().series.map(s => s.data)`
	months := value[[][]float64](b, fmt.Sprintf(drawn, "cohorts-chart0"))
	for i, c := range rep.Cohorts {
		for j, want := range []int{c.Redeemed, c.Unredeemed, c.Immature, c.Undelivered, c.Cancelled} {
			if got := months[j][i]; got != float64(want) {
				b.Errorf("%s: series %d shows %v, want %d", c.Month, j, got, want)
			}
		}
	}
	rates := value[[][]*float64](b, fmt.Sprintf(drawn, "cohorts-chart1"))
	for i, c := range rep.Cohorts {
		if got := rates[0][i]; (got == nil) != (c.Rate == nil) || got != nil && !near(*got, 100**c.Rate) {
			b.Errorf("%s: another rate is shown", c.Month)
		}
	}
	funnel := value[[][]float64](b, fmt.Sprintf(drawn, "funnel-chart0"))
	for i, s := range rep.Funnel {
		if got := funnel[0][i]; got != float64(s.Count) {
			b.Errorf("the funnel shows %v %s, want %d", got, s.Status, s.Count)
		}
	}
	// What is drawn is also to be seen: the value beside each bar that lies.
	texts := value[[]string](b, `[...document.querySelectorAll('#portal0-funnel-chart0 svg text')].map(t => t.textContent)`)
	for _, s := range rep.Funnel {
		for _, want := range []string{string(s.Status), fmt.Sprint(s.Count)} {
			if !strings.Contains(" "+strings.Join(texts, " ")+" ", " "+want+" ") {
				b.Errorf("the funnel has no text %s: %q", want, texts)
			}
		}
	}
	if n := value[int](b, `document.querySelectorAll('.drawing[aria-label] svg').length`); n != 6 {
		b.Errorf("%d charts have a picture and a name, want 6", n)
	}
}

// TestBrowserPointer: what a chart shows under the pointer is text in the picture,
// with no style that the policy refuses.
func TestBrowserPointer(t *testing.T) {
	b := newTab(t, 1280, false)
	b.visitFile(written(t, file(report(t, gifts(plain), stats.Filter{}))))
	at := value[[]float64](b, `(() => {
		const place = document.getElementById('portal0-cohorts-chart0')
		place.scrollIntoView({ block: 'center' })
		const box = place.getBoundingClientRect()
		return [box.x + box.width / 2, box.y + box.height / 2]
	})()`)
	b.do(chromedp.MouseEvent("mouseMoved", at[0], at[1]))
	b.until(`[...document.querySelectorAll('#portal0-cohorts-chart0 svg text')].some(t => t.textContent.includes(' gifts'))`)
	for _, fault := range b.faults("file://") {
		t.Error(fault)
	}
}

// TestBrowserSearch: rows that do not have the text are hidden.
func TestBrowserSearch(t *testing.T) {
	b := newTab(t, 1280, false)
	b.visitFile(written(t, file(report(t, gifts(plain), stats.Filter{}))))
	const shown = `[...document.querySelectorAll('#numbers tbody tr')].filter(r => r.checkVisibility()).length`
	all := value[int](b, shown)
	b.do(chromedp.SendKeys("#search", "t-007"))
	b.until(`document.querySelector('.search output').textContent === '1 row'`)
	if n := value[int](b, `[...document.querySelectorAll('.named tbody tr')].filter(r => r.checkVisibility()).length`); n != 1 {
		t.Errorf("%d rows are shown", n)
	}
	if few := value[int](b, shown); few >= all {
		t.Errorf("%d of %d rows are shown", few, all)
	}
	b.do(chromedp.SendKeys("#search", strings.Repeat("\b", 5)))
	b.until(`document.querySelector('.search output').textContent === ''`)
	if again := value[int](b, shown); again != all {
		t.Errorf("%d of %d rows are shown again", again, all)
	}
}

// TestBrowserKeyboard: everything that can be used is reached with the tab key, and
// the first such place leads past the rest.
func TestBrowserKeyboard(t *testing.T) {
	b := newTab(t, 390, false)
	b.visitFile(written(t, file(report(t, gifts(plain), stats.Filter{}))))
	reached := make(map[string]bool)
	for range 120 {
		b.do(chromedp.KeyEvent("\t"))
		where := value[string](b, `(e => e.tagName + (e.id ? '#' + e.id : '') + (e.className ? '.' + e.className : ''))(document.activeElement)`)
		if len(reached) == 0 && where != "A.skip" {
			t.Errorf("first comes %s", where)
		}
		reached[where] = true
		if where == "SUMMARY" && !reached["opened"] {
			b.do(chromedp.KeyEvent("\r"))
			if !value[bool](b, `document.activeElement.parentElement.open`) {
				t.Error("a definition does not open")
			}
			reached["opened"] = true
		}
	}
	for _, want := range []string{"A.skip", "INPUT#search", "SUMMARY", "DIV.scroll", "A", "opened"} {
		if !reached[want] {
			t.Errorf("%s is not reached: %v", want, reached)
		}
	}
}

// TestBrowserWithoutScript: every number is there, with its bar, where no script
// runs, as in a mail program.
func TestBrowserWithoutScript(t *testing.T) {
	rep := report(t, gifts(plain), stats.Filter{})
	b := newTab(t, 390, false)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.visitFile(written(t, file(rep)))
	if n := colours(b); n < 20 {
		t.Errorf("the picture has %d colours", n)
	}
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{}) // the page's had their time
	if value[bool](b, `'echarts' in window`) {
		t.Error("a script has run")
	}
	if n := value[int](b, `[...document.querySelectorAll('.chart, .search')].filter(e => e.checkVisibility()).length`); n != 0 {
		t.Errorf("%d things are shown that need a script", n)
	}
	rows := value[[][]string](b, `[...document.querySelectorAll('section[aria-labelledby=portal0-funnel] tbody tr')].map(r => [r.cells[0].textContent, r.cells[1].textContent, r.querySelector('rect:not(.rail)').getAttribute('width')])`)
	for i, s := range rep.Funnel {
		want := []string{string(s.Status), fmt.Sprint(s.Count), fmt.Sprintf("%.1f", 100**s.Share)}
		if fmt.Sprint(rows[i]) != fmt.Sprint(want) {
			t.Errorf("a row says %q, want %q", rows[i], want)
		}
	}
}

// TestBrowserHostileNames: the browser runs nothing that names say.
func TestBrowserHostileNames(t *testing.T) {
	name := func(n int) string { return hostile[n%len(hostile)] + fmt.Sprint(n) }
	b := newTab(t, 390, false)
	b.visitFile(written(t, file(report(t, gifts(name), stats.Filter{}))))
	for _, fault := range b.faults("file://") {
		t.Error(fault)
	}
	if n := value[int](b, `document.documentElement.scrollWidth`); n > 390 {
		t.Errorf("the page is %d pixels wide", n)
	}
	charts(b, report(t, gifts(name), stats.Filter{}))
}

// TestBrowserSees: pages with one fault each, so that these tests are seen to see.
func TestBrowserSees(t *testing.T) {
	good := written(t, file(report(t, gifts(plain), stats.Filter{})))
	for _, tt := range []struct {
		name, old, changed string
		allowed            bool // by the policy
		want               string
	}{
		{"an inline style", `<h1>`, `<h1 style="color: red">`, false, "console: "},
		{"an inline handler", `<h1>`, `<h1 onclick="alert(1)">`, false, "console: "},
		{"a script of others", `<footer>`, `<script>document.title = 'x'</script><footer>`, false, "console: "},
		{"a broken script", `echarts.init(`, `echarts.unit(`, true, "console: "},
		{"a dialog", `root.classList.add(`, `setTimeout(alert, 1); root.classList.add(`, true, "dialog: "},
		{"a picture from elsewhere", `<h1>`, `<img alt="" src="http://127.0.0.1:1/x.png"><h1>`, true, "request: "},
		{"a field without a name", `<label for="search">Search</label>`, ``, true, "axe: "},
		{"pale text", `--soft: #4a5566`, `--soft: #c8c8c8`, true, "axe: "},
		{"an empty page", `<body>`, `<body hidden>`, true, "picture: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bad := strings.Replace(good, tt.old, tt.changed, 1)
			if bad == good {
				t.Fatalf("the page has no %s", tt.old)
			}
			if tt.allowed {
				bad = allowing(t, bad)
			}
			b := newTab(t, 1280, false)
			b.visitFile(bad)
			list := b.faults("file://")
			if !slices.ContainsFunc(list, func(fault string) bool { return strings.HasPrefix(fault, tt.want) }) {
				t.Errorf("it is not seen: %q", list)
			}
		})
	}
}

// allowing returns a page whose policy allows what stands in it, and pictures from
// anywhere.
func allowing(t *testing.T, text string) string {
	scripts, styles := "script-src", "style-src"
	for _, n := range elements(t, text) {
		switch {
		case n.Data == "style":
			styles += " " + digest(n.FirstChild.Data)
		case n.Data == "script" && attribute(n, "type") == "":
			scripts += " " + digest(n.FirstChild.Data)
		}
	}
	was := regexp.MustCompile(`content="default-src [^"]*"`).FindString(text)
	return strings.Replace(text, was, `content="default-src 'none'; img-src data: http:; `+scripts+"; "+styles+`"`, 1)
}
