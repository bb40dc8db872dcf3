package page_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/chromedp"

	"thnks-hubspot-sync/sync/admin"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/stats"

	giftsync "thnks-hubspot-sync/sync"
)

// A portals service has the statistics of portals whose gifts change, and nothing
// else that a service can do.
type portals struct {
	admin.Service
	names []string
	t     *testing.T

	mu    sync.Mutex
	gifts []plan.Stored
}

func (s *portals) Status(context.Context) ([]giftsync.Status, error) {
	var list []giftsync.Status
	for _, name := range s.names {
		list = append(list, giftsync.Status{Portal: name, Ready: true})
	}
	return list, nil
}

func (s *portals) Stats(_ context.Context, portal string, q stats.Query) (stats.Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rep := report(s.t, s.gifts, q.Filter)
	rep.Portal = portal
	return rep, nil
}

// add makes a gift arrive.
func (s *portals) add(g plan.Gift) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gifts = append(s.gifts, plan.Stored{Gift: g, ObjectID: "999"})
}

// serve serves the pages of portals with these names, and counts answers by
// status.
func serve(t *testing.T, o admin.PagesOptions, names ...string) (s *portals, address string, answers func(status int) int) {
	t.Helper()
	s = &portals{names: names, t: t, gifts: gifts(plain)}
	pages := admin.Pages(s, o)
	var mu sync.Mutex
	counts := make(map[int]int)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		pages.ServeHTTP(rec, r)
		mu.Lock()
		defer mu.Unlock()
		counts[rec.status]++
	}))
	t.Cleanup(srv.Close)
	return s, srv.URL + "/", func(status int) int {
		mu.Lock()
		defer mu.Unlock()
		return counts[status]
	}
}

// A recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// TestBrowserLive: new gifts show without a new page, what the user opened stays
// open, and an answer without news is short.
func TestBrowserLive(t *testing.T) {
	s, address, answers := serve(t, admin.PagesOptions{Unmasked: true}, "acme")
	b := newTab(t, 1280, false)
	b.visit(address)
	const sent = `document.querySelector('#portal0-sent ~ .figure').textContent`
	before := value[string](b, sent)
	if want := fmt.Sprint(report(t, s.gifts, stats.Filter{}).TotalSent); before != want {
		t.Errorf("the page says %s sent, want %s", before, want)
	}
	value[chromedp.Void](b, `window.mark = 1; document.querySelector('summary').click(); document.querySelectorAll('summary')[3].focus()`)
	b.until(`document.getElementById('live').textContent.startsWith('Live')`)
	s.add(plan.Gift{
		ID: "T-new", Type: "Cake", Status: plan.Sent, Times: map[plan.Status]time.Time{plan.Sent: now.Add(-time.Minute)},
		Recipient: plan.Person{Name: "Rita <b>"},
	})
	b.until(`document.querySelector('section[aria-labelledby=portal0-activity] tbody').textContent.includes('Rita <b>')`)
	rep := report(t, s.gifts, stats.Filter{})
	if after := value[string](b, sent); after != fmt.Sprint(rep.TotalSent) {
		t.Errorf("then the page says %s sent, want %d", after, rep.TotalSent)
	}
	charts(b, rep)
	if !value[bool](b, `window.mark === 1 && document.querySelector('details').open && document.activeElement === document.querySelectorAll('summary')[3]`) {
		t.Error("the page was loaded again, or what was open is closed, or the focus is lost")
	}
	link := value[string](b, `[...document.querySelectorAll('a')].find(a => a.textContent === 'T-new').href`)
	if want := "https://app.hubspot.com/contacts/62515/record/2-7/999"; link != want {
		t.Errorf("the gift leads to %s, want %s", link, want)
	}
	for answers(http.StatusNotModified) == 0 {
		b.do(chromedp.Sleep(100 * time.Millisecond))
	}
	for _, fault := range b.faults(address) {
		t.Error(fault)
	}
}

// TestBrowserFilters: what the form asks for is what the page shows, and goes on
// showing.
func TestBrowserFilters(t *testing.T) {
	s, address, _ := serve(t, admin.PagesOptions{}, "acme", "other")
	b := newTab(t, 390, true)
	b.visit(address)
	if n := value[int](b, `document.querySelectorAll('article[aria-labelledby^=portal]').length`); n != 2 {
		t.Errorf("%d portals are shown", n)
	}
	if n := value[int](b, `document.querySelectorAll('article[aria-labelledby=overall]').length`); n != 1 {
		t.Errorf("what they have together is shown %d times", n)
	}
	for _, fault := range b.faults(address) {
		t.Error(fault)
	}
	value[chromedp.Void](b, `for (const [id, v] of Object.entries({
		portal: 'other', from: '2026-01-01', to: '2026-03-12', sender: 'SENDER1@acme.example', status: 'redeemed', currency: 'USD', type: '',
	})) document.getElementById(id).value = v`)
	b.do(chromedp.Click("form button"))
	b.until(`location.search.includes('status=redeemed') && document.readyState === 'complete'`)
	f := stats.Filter{From: "2026-01-01", To: "2026-03-12", Sender: "SENDER1@acme.example", Status: plan.Redeemed, Currency: "USD"}
	rep := report(t, s.gifts, f)
	if rep.TotalSent == 0 {
		t.Fatal("nothing is left: the test tests nothing")
	}
	check := func(when string) {
		t.Helper()
		if got := value[string](b, `document.querySelector('#portal0-sent ~ .figure').textContent`); got != fmt.Sprint(rep.TotalSent) {
			t.Errorf("%s the page says %s sent, want %d", when, got, rep.TotalSent)
		}
		if name := value[string](b, `[...document.querySelectorAll('h2')].map(h => h.textContent)[0]`); name != "other" {
			t.Errorf("%s the page is of %q", when, name)
		}
	}
	check("at once")
	b.until(`document.getElementById('live').textContent.startsWith('Live')`)
	check("later")
	for id, want := range map[string]string{"portal": "other", "from": f.From, "to": f.To, "sender": f.Sender, "status": "redeemed", "currency": "USD"} {
		if got := value[string](b, fmt.Sprintf("document.getElementById(%q).value", id)); got != want {
			t.Errorf("the field %s has %q", id, got)
		}
	}
	if text := value[string](b, `document.body.innerText`); !strings.Contains(text, "(hidden)") || strings.Contains(text, "Name 41") {
		t.Error("recipients are not hidden")
	}
	b.visit(address + "?from=2026-02-30")
	if text := value[string](b, `document.querySelector('[role=alert]').textContent`); !strings.Contains(text, "is no day") {
		t.Errorf("a wrong day is answered %q", text)
	}
}

// TestBrowserToken: with the token as the password the page shows recipients, and
// so does what it fetches later.
func TestBrowserToken(t *testing.T) {
	const token = "admin-token-0123456789abcdef-0123456789"
	_, address, answers := serve(t, admin.PagesOptions{Token: token}, "acme")
	b := newTab(t, 1280, false)
	b.logIn("")
	b.visit(address)
	const shown = `document.querySelector('section[aria-labelledby=portal0-activity]').innerText`
	if text := value[string](b, shown); !strings.Contains(text, "(hidden)") || answers(http.StatusUnauthorized) == 0 {
		t.Errorf("without the token the page is not asked for it, or shows %q", text)
	}

	b = newTab(t, 1280, false)
	b.logIn(token)
	b.visit(address)
	if text := value[string](b, shown); strings.Contains(text, "(hidden)") || !strings.Contains(text, "Name 1") {
		t.Errorf("with the token the page shows %q", text)
	}
	b.until(`document.getElementById('live').textContent.startsWith('Live')`)
	if text := value[string](b, shown); strings.Contains(text, "(hidden)") {
		t.Errorf("later the page shows %q", text)
	}
}

// logIn answers the browser's question for a name and a password; "" cancels it.
func (b *tab) logIn(password string) {
	b.Helper()
	answer := &fetch.AuthChallengeResponse{Response: fetch.AuthChallengeResponseResponseCancelAuth}
	if password != "" {
		answer = &fetch.AuthChallengeResponse{Response: fetch.AuthChallengeResponseResponseProvideCredentials, Username: "any", Password: password}
	}
	if err := chromedp.Listen(b.ctx, func(event any) {
		switch e := event.(type) {
		case *fetch.EventRequestPaused:
			go func() {
				_, _ = chromedp.Call(b.ctx, fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: e.RequestID})
			}()
		case *fetch.EventAuthRequired:
			go func() {
				_, _ = chromedp.Call(b.ctx, fetch.ContinueWithAuth, fetch.ContinueWithAuthParams{RequestID: e.RequestID, AuthChallengeResponse: answer})
			}()
		}
	}); err != nil {
		b.Fatal(err)
	}
	on := true
	call(b, fetch.Enable, fetch.EnableParams{HandleAuthRequests: &on})
}

// TestBrowserGone: a page whose program has ended says so.
func TestBrowserGone(t *testing.T) {
	s := &portals{names: []string{"acme"}, t: t, gifts: gifts(plain)}
	srv := httptest.NewServer(admin.Pages(s, admin.PagesOptions{}))
	defer srv.Close()
	b := newTab(t, 1280, false)
	b.visit(srv.URL + "/")
	srv.CloseClientConnections()
	srv.Close()
	b.until(`document.getElementById('live').textContent.startsWith('Not live')`)
	if n := value[int](b, `document.querySelectorAll('tbody tr').length`); n < 20 {
		t.Errorf("%d rows are left", n)
	}
}
