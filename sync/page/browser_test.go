package page_test

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// axe looks for what keeps people from using a page: https://github.com/dequelabs/axe-core.
const axe = "../../.ci/axe/node_modules/axe-core/axe.min.js"

// patience is how long a browser may take for one test.
const patience = 5 * time.Minute

// browser starts Chromium once for all tests.
var browser = sync.OnceValues(func() (context.Context, error) {
	var path string
	var err error
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err = exec.LookPath(name); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path)}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // which Chromium refuses to root
	}
	ctx, stop := chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(options...))
	stopBrowser = stop
	return ctx, chromedp.Do(ctx, chromedp.Navigate("about:blank"))
})

var stopBrowser context.CancelFunc

func TestMain(m *testing.M) {
	status := m.Run()
	if stopBrowser != nil {
		stopBrowser()
	}
	os.Exit(status)
}

// A tab is a page in the browser, and what came of it.
type tab struct {
	*testing.T
	ctx context.Context

	mu       sync.Mutex
	console  []string // errors and warnings
	requests []string // addresses
	dialogs  []string
}

// newTab opens an empty tab of this width, in dark colours or not.
func newTab(t *testing.T, width int64, dark bool) *tab {
	t.Helper()
	parent, err := browser()
	if err != nil {
		t.Skipf("no Chromium is here (%v): apt-get install chromium", err)
	}
	ctx, stop := chromedp.NewContext(parent)
	t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(ctx, patience)
	t.Cleanup(cancel)
	b := &tab{T: t, ctx: ctx}
	b.do(chromedp.Navigate("about:blank"))
	if err := chromedp.Listen(ctx, b.note); err != nil {
		t.Fatal(err)
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, cdpage.Enable, cdpage.EnableParams{})
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	b.do(chromedp.EmulateViewport(width, 900))
	return b
}

// note keeps what happens in the tab.
func (b *tab) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			b.console = append(b.console, fmt.Sprintf("%s %s", e.Type, e.Args[0].Value))
		}
	case *runtime.EventExceptionThrown:
		b.console = append(b.console, e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.console = append(b.console, e.Entry.Text)
		}
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *cdpage.EventJavascriptDialogOpening:
		b.dialogs = append(b.dialogs, e.Message)
		go func() { // the page waits for it, and this for the page
			_, _ = chromedp.Call(b.ctx, cdpage.HandleJavaScriptDialog, cdpage.HandleJavaScriptDialogParams{Accept: true})
		}()
	}
}

// call sends a command of the DevTools protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) {
	b.Helper()
	if _, err := chromedp.Call(b.ctx, command, params); err != nil {
		b.Fatal(err)
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatal(err)
	}
}

// value evaluates an expression in the page.
func value[T any](b *tab, expression string) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatalf("%.200s: %v", expression, err)
	}
	return v
}

// until waits for an expression to be true, on whatever page comes next.
func (b *tab) until(expression string) {
	b.Helper()
	for {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expression))
		switch {
		case b.ctx.Err() != nil:
			b.Fatalf("waiting for %s: %v", expression, err)
		case err == nil && ok:
			return
		}
		b.do(chromedp.Sleep(50 * time.Millisecond))
	}
}

// visit opens an address.
func (b *tab) visit(address string) {
	b.Helper()
	b.do(chromedp.Navigate(address))
}

// visitFile opens a page as users open an attachment.
func (b *tab) visitFile(text string) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "stats.html")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	b.visit("file://" + path)
}

// faults returns what is wrong with the page that the tab shows: what its console
// says, what it asks from elsewhere, what axe finds, and an empty picture.
func (b *tab) faults(own string) (list []string) {
	b.Helper()
	source, err := os.ReadFile(axe)
	if err != nil {
		const advice = "axe is not here (%v): run npm ci --prefix .ci/axe --ignore-scripts"
		if os.Getenv("THNKS_REQUIRE") != "" {
			b.Fatalf(advice, err)
		}
		b.Skipf(advice, err)
	}
	value[chromedp.Void](b, string(source))
	for _, v := range value[[][]string](b, `axe.run().then(r => r.violations.map(v => [v.impact, v.id, v.nodes[0].html.slice(0, 200)]))`) {
		if v[0] == "serious" || v[0] == "critical" {
			list = append(list, "axe: "+strings.Join(v[1:], " "))
		}
	}
	if n := colours(b); n < 20 {
		list = append(list, fmt.Sprintf("picture: %d colours", n))
	}

	// Last, so that there was time for it.
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range b.console {
		list = append(list, "console: "+text)
	}
	for _, address := range b.requests {
		if address != "about:blank" && !strings.HasPrefix(address, own) && !strings.HasPrefix(address, "data:") {
			list = append(list, "request: "+address)
		}
	}
	for _, text := range b.dialogs {
		list = append(list, "dialog: "+text)
	}
	return list
}

// colours counts the colours of a picture of the tab, in every fourth of its rows
// and columns.
func colours(b *tab) int {
	b.Helper()
	data, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		b.Fatal(err)
	}
	seen := make(map[any]bool)
	for y := 0; y < picture.Bounds().Dy(); y += 4 {
		for x := 0; x < picture.Bounds().Dx(); x += 4 {
			seen[picture.At(x, y)] = true
		}
	}
	return len(seen)
}

// near reports whether two numbers are the same but for rounding.
func near(a, b float64) bool { return math.Abs(a-b) < 1e-6 }
