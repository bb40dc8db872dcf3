package main

import (
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"thnks-hubspot-sync/hubspot/hubspottest"
)

// appBuilt is where .ci/app puts what HubSpot's builder makes of the app.
const appBuilt = "../../.ci/app/project/built"

// A hostPage is our own page around a page of the app. It stands in for HubSpot: it
// draws HubSpot's components as HTML, and passes requests on as hubspot.fetch does.
type hostPage struct {
	testing.TB
	address string
	ctx     context.Context

	mu      sync.Mutex
	console []string // errors and warnings
}

// hostTemplate is the page. What it draws is made by .ci/app/host.
var hostTemplate = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en" data-speed="20"><head><meta charset="utf-8"><link rel="icon" href="data:,"><title>{{.Title}}</title><style>{{.Style}}</style></head>
<body><header><h1>A page of our own that stands in for HubSpot: {{.Title}}</h1></header>
<main><div id="page"></div><p id="alerts" role="status"></p></main>
<script type="application/json" id="context">{{.Context}}</script>
<script src="/built/host/host.js"></script><script src="/built/{{.Script}}"></script></body></html>`))

// A shown page is one page of the app, as some user sees it on some record.
type shownPage struct {
	Title   string
	Script  string // below appBuilt
	Context map[string]any
	Style   template.CSS
}

// A fetcher does what hubspot.fetch does.
type fetcher func(ctx context.Context, method, url string, body []byte) (status int, answer []byte, err error)

// openHost opens a page of the app in a browser.
func openHost(t testing.TB, shown shownPage, fetch fetcher) *hostPage {
	t.Helper()
	style, err := os.ReadFile("../../.ci/app/host/host.css")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(appBuilt, "host", "host.js")); err != nil {
		const advice = "the app is not built (%v): run npm ci --prefix .ci/app --ignore-scripts, then npm test --prefix .ci/app"
		if os.Getenv("THNKS_REQUIRE") != "" {
			t.Fatalf(advice, err)
		}
		t.Skipf(advice, err)
	}
	shown.Style = template.CSS(style)
	mux := http.NewServeMux()
	mux.Handle("GET /built/", http.StripPrefix("/built/", http.FileServer(http.Dir(appBuilt))))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		if err := hostTemplate.Execute(w, shown); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("POST /fetch", func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ URL, Method, Body string }
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			t.Error(err)
		}
		var body []byte
		if asked.Body != "" {
			body = []byte(asked.Body)
		}
		status, answer, err := fetch(r.Context(), asked.Method, asked.URL, body)
		if err != nil {
			status = http.StatusBadGateway
			if t.Context().Err() == nil { // otherwise the program has ended with the test
				t.Errorf("%s %s: %v", asked.Method, asked.URL, err)
			}
		}
		w.WriteHeader(status)
		_, _ = w.Write(answer)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	h := &hostPage{TB: t, address: server.URL}
	h.ctx = newTab(t)
	if err := chromedp.Listen(h.ctx, h.note); err != nil {
		t.Fatal(err)
	}
	h.do(chromedp.EmulateViewport(820, 900), chromedp.Navigate(h.address))
	return h
}

// newTab starts a browser with one tab.
func newTab(t testing.TB) context.Context {
	t.Helper()
	var path string
	var err error
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err = exec.LookPath(name); err == nil {
			break
		}
	}
	if err != nil {
		t.Skipf("no Chromium is here (%v): apt-get install chromium", err)
	}
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path)}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // which Chromium refuses to root
	}
	ctx, stop := chromedp.NewContext(t.Context(), chromedp.WithAllocatorOptions(options...))
	t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// note keeps what the page complains about.
func (h *hostPage) note(event any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		h.console = append(h.console, fmt.Sprintf("%s %v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			h.console = append(h.console, fmt.Sprintf("%s %s", e.Type, e.Args[0].Value))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			h.console = append(h.console, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

func (h *hostPage) do(steps ...chromedp.Action[chromedp.Void]) {
	h.Helper()
	if err := chromedp.Do(h.ctx, steps...); err != nil {
		h.Fatal(err)
	}
}

// until waits for the page to show each of these words.
func (h *hostPage) until(words ...string) {
	h.Helper()
	var shown string
	for _, w := range words {
		for !strings.Contains(shown, w) {
			text, err := chromedp.Run(h.ctx, chromedp.Evaluate[string](`document.querySelector('main').innerText`))
			if err == nil {
				shown, err = text, chromedp.Do(h.ctx, chromedp.Sleep(50*time.Millisecond))
			}
			if err != nil {
				h.complaints()
				h.Fatalf("waiting for %q: %v; the page shows\n%s", w, err, shown)
			}
		}
	}
}

// click presses the button, or chooses the option, with these words.
func (h *hostPage) click(words string) {
	h.Helper()
	quoted, err := json.Marshal(words)
	if err != nil {
		h.Fatal(err)
	}
	script := `[...document.querySelectorAll('button, label')].filter(e => e.textContent.startsWith(` + string(quoted) + `)).map(e => e.click()).length`
	n, err := chromedp.Run(h.ctx, chromedp.Evaluate[int](script))
	if err != nil || n != 1 {
		h.Fatalf("%d places to click are called %q (%v)", n, words, err)
	}
}

// write types text into the field with this label.
func (h *hostPage) write(label, text string) {
	h.Helper()
	quoted, err := json.Marshal(label)
	if err != nil {
		h.Fatal(err)
	}
	found, err := chromedp.Run(h.ctx, chromedp.Evaluate[bool](`(l => { l?.control.focus(); return !!l })([...document.querySelectorAll('label')].find(l => l.textContent === `+string(quoted)+`))`))
	if err != nil || !found {
		h.Fatalf("no field is called %q (%v)", label, err)
	}
	if _, err := chromedp.Call(h.ctx, input.InsertText, input.InsertTextParams{Text: text}); err != nil {
		h.Fatal(err)
	}
}

// picture takes a picture of the page, into the file that a variable of the
// environment names, where it does.
func (h *hostPage) picture(variable string) {
	h.Helper()
	path := os.Getenv(variable)
	if path == "" {
		return
	}
	picture, err := chromedp.Run(h.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(path, picture, 0o600)
	}
	if err != nil {
		h.Error(err)
	}
}

// faults fails the test for what the page complains about, and for what keeps people
// from using it.
func (h *hostPage) faults() {
	h.Helper()
	source, err := os.ReadFile("../../.ci/axe/node_modules/axe-core/axe.min.js")
	if err != nil {
		const advice = "axe is not here (%v): run npm ci --prefix .ci/axe --ignore-scripts"
		if os.Getenv("THNKS_REQUIRE") != "" {
			h.Fatalf(advice, err)
		}
		h.Skipf(advice, err)
	}
	h.do(chromedp.Evaluate[chromedp.Void](string(source)))
	found, err := chromedp.Run(h.ctx, chromedp.Evaluate[[]string](
		`axe.run().then(r => r.violations.map(v => v.id + ' ' + v.nodes[0].html.slice(0, 200)))`, chromedp.EvalAwaitPromise))
	if err != nil {
		h.Fatal(err)
	}
	for _, v := range found {
		h.Errorf("axe: %s", v)
	}
	h.complaints()
}

// complaints fails the test for what the page complains about.
func (h *hostPage) complaints() {
	h.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, text := range h.console {
		h.Errorf("the page complains: %s", text)
	}
}

// A browsed installation is one whose app is looked at in HubSpot.
type browsed struct {
	*oauthInstallation
	page hubspottest.Page
}

// newBrowsed connects an installation that sends gifts and serves.
func newBrowsed(t *testing.T) *browsed {
	t.Helper()
	i := newOAuthInstallation(t, hubspottest.Options{}, "{companies: primary}")
	i.sends()
	config, err := os.ReadFile(i.config)
	if err != nil {
		t.Fatal(err)
	}
	edit := strings.NewReplacer("api_key_file: thnks-key", "keys: [{sender: ann@acme.example, api_key_file: thnks-key}]",
		"      approve_above:", "      per_recipient: {max: 50, within: 30d}\n      approve_above:")
	i.write("config.yaml", edit.Replace(string(config)))
	c := i.start("connect")
	i.browse(c, "connect")
	if got := <-c.ended; got != done {
		t.Fatalf("connect ends with %d: %s", got, c.err.String())
	}
	i.command(done, "sync")
	t.Cleanup(i.ready())
	user := hubspottest.User{ID: 42, Email: "ann@acme.example"}
	return &browsed{oauthInstallation: i, page: hubspottest.Page{User: user, AppID: 54321, Secret: oauthSecret}}
}

// open opens a page of the app, on records of a type or on none.
func (b *browsed) open(title, script string, crm map[string]any) *hostPage {
	b.t.Helper()
	return openHost(b.t, shownPage{Title: title, Script: script, Context: map[string]any{
		"variables": map[string]string{"PUBLIC_URL": b.public},
		"portal":    map[string]any{"id": 62515, "timezone": "America/New_York"},
		"user":      map[string]any{"id": b.page.User.ID, "email": b.page.User.Email},
		"crm":       crm,
	}}, func(ctx context.Context, method, url string, body []byte) (int, []byte, error) {
		page := b.page
		if strings.HasSuffix(url, "/hubspot/card/send") {
			page.Lost = 1 // so that HubSpot asks again
		}
		a, err := b.portal.Fetch(ctx, page, method, url, body)
		if err != nil {
			return 0, nil, err
		}
		return a.Status, a.Body, nil
	})
}

// favourite is the contact with the most gifts, with their names.
func (b *browsed) favourite() (contact string, gifts []string) {
	of := make(map[string][]string)
	for gift := range b.portal.Records("thnks") {
		for _, l := range b.portal.Links("thnks", gift.ID)["contacts"] {
			of[l.ToID] = append(of[l.ToID], gift.Properties["gift_name"])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(of)) {
		if len(of[id]) > len(gifts) {
			contact, gifts = id, of[id]
		}
	}
	return contact, gifts
}

// TestBrowserApp looks at the app in a browser, with the data of the sandbox and the
// program behind it: the gifts of a contact, a gift that is sent from there once
// although an answer gets lost, the bulk action, and both pages.
func TestBrowserApp(t *testing.T) {
	t.Parallel()
	b := newBrowsed(t)
	contact, gifts := b.favourite()
	id, err := strconv.Atoi(contact)
	if err != nil || len(gifts) < 6 {
		t.Fatalf("contact %q has the gifts %q (%v)", contact, gifts, err)
	}

	card := b.open("the card on a contact", "cards/ThnksCard.js", map[string]any{"objectId": id, "objectTypeId": "0-1"})
	card.until("Gifts sent")
	card.picture("THNKS_PICTURE_CARD")
	card.click(fmt.Sprintf("Show %d more", len(gifts)-5))
	card.until(gifts...)
	card.faults()
	card.click("Send a Thnks")
	card.until("Morning Coffee, 7.50 USD", "Left in")
	card.click("Morning Coffee")
	card.write("Message", "Thank you, {first_name}!")
	card.faults()
	card.click("Preview")
	card.until("1 gift, 7.50 USD", "Gets the gift")
	card.picture("THNKS_PICTURE_PREVIEW")
	card.faults()
	card.click("Send 1 gift")
	card.until("What was sent", ": Sent")
	card.click("Done")
	card.until("Gifts sent", "ann@acme.example")
	b.command(done, "sync")
	card.until(fmt.Sprintf("Gifts sent\n%d\n", len(gifts)+1)) // without a click
	var ledger struct {
		Portals []struct{ Sends []struct{ State string } }
	}
	out, _ := b.command(done, "send", "list", "--json")
	if err := json.Unmarshal([]byte(out), &ledger); err != nil || len(ledger.Portals) != 1 || len(ledger.Portals[0].Sends) != 1 || ledger.Portals[0].Sends[0].State != "sent" {
		t.Errorf("%v, and the ledger has\n%s", err, out)
	}

	without, err := strconv.Atoi(b.portal.AddContact("", map[string]string{"firstname": "Cyd"}))
	if err != nil {
		t.Fatal(err)
	}
	bulk := b.open("the bulk action", "actions/SendToContacts.js", map[string]any{"objectIds": []int{id, without}, "objectTypeId": "0-1"})
	bulk.until("To 2 contacts")
	bulk.click("Lunch on Us")
	bulk.write("Message", "Thank you!")
	bulk.click("Preview")
	bulk.until("Gets nothing", "Waits", "1 gift, 25.00 USD, of which 1 waits for approval")
	bulk.faults()

	statistics := b.open("the statistics", "pages/Pages.js", nil)
	statistics.until("Gifts by status", "Who sends most")
	statistics.faults()

	settings := b.open("the settings", "settings/ConnectionSettings.js", nil)
	settings.until("HubSpot account 62515 is the portal acme", "Access to HubSpot", "Connected")
	settings.faults()
}

// TestBrowserStranger: the card of an account that is not connected says so.
func TestBrowserStranger(t *testing.T) {
	t.Parallel()
	b := newBrowsed(t)
	b.page.Portal = 99
	card := b.open("the card in another account", "cards/ThnksCard.js", map[string]any{"objectId": 1, "objectTypeId": "0-1"})
	card.until("Not connected", "Try again")
	b.page = hubspottest.Page{User: b.page.User, AppID: 54321, Secret: "another app's"}
	forged := b.open("the card of another app", "cards/ThnksCard.js", map[string]any{"objectId": 1, "objectTypeId": "0-1"})
	forged.until("Not accepted", "Try again")
}
