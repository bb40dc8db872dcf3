package admin

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/page"
	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/sync/stats"
)

// TestPageToken: the page asks for the token in the way that browsers know, what it
// fetches later does not, and the password of any name shows recipients.
func TestPageToken(t *testing.T) {
	t.Parallel()
	d := ready(giftsync.Status{Portal: "acme"})
	guarded, open := servePages(t, d, PagesOptions{Token: adminToken}), servePages(t, d, PagesOptions{})
	invented := servePages(t, d, PagesOptions{Unmasked: true})
	password := func(name, secret string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+secret))
	}
	for _, tt := range []struct {
		address, authorization string
		status                 int
		asked, unmasked        bool
	}{
		{guarded + "/", "", 401, true, false},
		{guarded + "/?part=numbers", "", 200, false, false},
		{guarded + "/", password("any", adminToken), 200, false, true},
		{guarded + "/", password("", adminToken), 200, false, true},
		{guarded + "/", "basic " + password("", adminToken)[6:], 200, false, true},
		{guarded + "/?part=numbers", password("any", adminToken), 200, false, true},
		{guarded + "/stats.json", password("any", adminToken), 200, false, true},
		{guarded + "/", "Bearer " + adminToken, 200, false, true},
		{guarded + "/", password("any", "wrong"), 401, true, false},
		{guarded + "/", password(adminToken, ""), 401, true, false},
		{guarded + "/", "Basic " + adminToken, 401, true, false},
		{guarded + "/", "Digest " + adminToken, 401, true, false},
		{open + "/", "", 200, false, false},
		{open + "/", password("any", ""), 200, false, false},
		{invented + "/", "", 200, false, true},
		{invented + "/stats.json", "", 200, false, true},
	} {
		resp, body := request(t, "GET", tt.address, func(r *http.Request) {
			if tt.authorization != "" {
				r.Header.Set("Authorization", tt.authorization)
			}
		})
		what := tt.address + " " + tt.authorization
		if resp.StatusCode != tt.status {
			t.Errorf("%s: %s", what, resp.Status)
		}
		if how := resp.Header.Get("WWW-Authenticate"); strings.HasPrefix(how, "Basic ") != tt.asked {
			t.Errorf("%s: asked by %q", what, how)
		}
		if shown := strings.Contains(body, "NameCanary One"); shown != tt.unmasked {
			t.Errorf("%s: recipients are shown: %t", what, shown)
		}
		if strings.Contains(body, "token-canary") {
			t.Errorf("%s: the answer holds the token", what)
		}
	}
}

// TestUnchangedPageHasNoBody: an answer without news has no body, and one that differs for those
// who see recipients is another.
func TestUnchangedPageHasNoBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := ready(giftsync.Status{Portal: "acme"})
		sent := 1
		d.stats = func(_ context.Context, portal string, _ stats.Query) (stats.Report, error) {
			rep := canaries(portal)
			rep.MadeAt, rep.TotalSent = time.Now(), sent
			return rep, nil
		}
		pages := Pages(d, PagesOptions{Token: adminToken})
		ask := func(path, tag, token string) (status int, newTag, body string) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("If-None-Match", tag)
			if token != "" {
				r.Header.Set("Authorization", "Bearer "+token)
			}
			w := newAnswer()
			pages.ServeHTTP(w, r)
			return w.status, w.header.Get("ETag"), w.String()
		}
		for _, path := range []string{"/stats.json", "/?part=numbers"} {
			status, tag, _ := ask(path, "", "")
			if status != 200 || !strings.HasPrefix(tag, `W/"`) {
				t.Fatalf("%s: %d with the tag %s", path, status, tag)
			}
			if status, _, _ := ask(path, tag, adminToken); status != 200 {
				t.Errorf("%s: with the token %d", path, status)
			}
			time.Sleep(fresh)
			status, again, body := ask(path, tag, "")
			if status != 304 || again != tag || body != "" {
				t.Errorf("%s: later %d with the tag %s: %q", path, status, again, body)
			}
			time.Sleep(fresh)
			sent++
			if status, other, _ := ask(path, tag, ""); status != 200 || other == tag {
				t.Errorf("%s: after a gift %d with the tag %s", path, status, other)
			}
		}
		if status, _, _ := ask("/", `W/"page-x"`, adminToken); status != 200 {
			t.Errorf("the page itself is answered %d", status)
		}
	})
}

// A writtenAnswer keeps what is answered.
type writtenAnswer struct {
	strings.Builder
	header http.Header
	status int
}

func newAnswer() *writtenAnswer { return &writtenAnswer{header: make(http.Header), status: 200} }

func (w *writtenAnswer) Header() http.Header         { return w.header }
func (w *writtenAnswer) WriteHeader(status int)      { w.status = status }
func (w *writtenAnswer) Write(b []byte) (int, error) { return w.Builder.Write(b) }

// TestPageProblems: what is wrong stands on the page.
func TestPageProblems(t *testing.T) {
	t.Parallel()
	d := ready(giftsync.Status{Portal: "acme"}, giftsync.Status{Portal: "new"})
	whole := d.stats
	d.stats = func(ctx context.Context, portal string, q stats.Query) (stats.Report, error) {
		if portal != "acme" {
			return stats.Report{}, fmt.Errorf("no state <file> of %s yet", portal)
		}
		return whole(ctx, portal, q)
	}
	base := servePages(t, d, PagesOptions{})
	d.status = func(context.Context) ([]giftsync.Status, error) { return nil, errors.New("no status today") }
	broken := servePages(t, d, PagesOptions{})
	for _, tt := range []struct {
		address string
		status  int
		want    string
	}{
		{base + "/", 200, "no state &lt;file&gt; of new yet"},
		{base + "/?portal=new", 503, "no state &lt;file&gt; of new yet"},
		{base + "/?status=opend", 400, "there is no status"},
		{base + "/?from=2026-02-02&to=2026-01-01&part=numbers", 400, "ends before it begins"},
		{base + "/?zone=UTC", 400, "there is no parameter &#34;zone&#34;"},
		{broken + "/", 503, "no status today"},
	} {
		resp, body := request(t, "GET", tt.address, nil)
		if resp.StatusCode != tt.status || !strings.Contains(body, tt.want) || !strings.Contains(body, `<main id="numbers"`) {
			t.Errorf("%s: %s without %q", tt.address, resp.Status, tt.want)
		}
	}
}

// FuzzQuestion: every query is read as a filter that may be used, or refused.
func FuzzQuestion(f *testing.F) {
	for _, query := range []string{"", "portal=acme&from=2026-01-31&to=", "status=sent&status=opened", "sender=%00&type=<b>", "currency=usd&part=numbers", "part=1&x"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Skip()
		}
		q, err := parseQuestion(values)
		if err != nil {
			return
		}
		if err := q.filter.Check(); err != nil {
			t.Errorf("%q: %v", query, err)
		}
		if q.filter.Status != plan.Status(values.Get("status")) || q.portal != values.Get("portal") || q.filter.Sender != values.Get("sender") {
			t.Errorf("%q: another question: %+v", query, q)
		}
	})
}

// TestAnswersAreBounded: many questions take turns, and their answers do not pile
// up.
func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var atOnce, most atomic.Int32
		a := newAnswers(func(context.Context, question) (answer, error) {
			if n := atOnce.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second)
			atOnce.Add(-1)
			return answer{}, nil
		})
		began := time.Now()
		for i := range 3 * maxQuestions {
			go func() {
				if _, err := a.get(t.Context(), question{portal: fmt.Sprint(i)}); err != nil {
					t.Error(err)
				}
			}()
		}
		synctest.Wait()
		if len(a.kept) > maxQuestions {
			t.Errorf("%d answers are kept", len(a.kept))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := a.get(ctx, question{portal: "late"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one without patience gets %v", err)
		}
		time.Sleep(time.Duration(3*maxQuestions/maxAtOnce) * time.Second)
		synctest.Wait()
		if n := most.Load(); n != maxAtOnce {
			t.Errorf("%d were computed at once, want %d", n, maxAtOnce)
		}
		if _, err := a.get(t.Context(), question{portal: "late"}); err != nil || time.Since(began) < time.Minute/2 {
			t.Errorf("then it gets %v after %v", err, time.Since(began))
		}
	})
}

// TestFreshness: statistics are served for ten times as long as computing them
// took, but for a second and for no more than ten.
func TestFreshness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct{ took, want time.Duration }{
			{0, time.Second}, {50 * time.Millisecond, time.Second}, {300 * time.Millisecond, 3 * time.Second}, {time.Minute, fresh},
		} {
			computed := 0
			c := newCached(func(context.Context) (int, error) {
				computed++
				time.Sleep(tt.took)
				return computed, nil
			})
			for _, step := range []struct {
				wait time.Duration
				want int
			}{{0, 1}, {tt.want - time.Nanosecond, 1}, {time.Nanosecond, 2}} {
				time.Sleep(step.wait)
				if got, err := c.get(t.Context()); got != step.want || err != nil {
					t.Errorf("took %v, after %v: number %d, %v; want %d", tt.took, step.wait, got, err, step.want)
				}
			}
		}
	})
}

// TestManyPortals: a page shows no more portals than browsers can draw, and the
// others can be chosen.
func TestManyPortals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ portals, shown int }{{page.MaxPortals, page.MaxPortals}, {page.MaxPortals + 1, 1}} {
		var all []giftsync.Status
		for i := range tt.portals {
			all = append(all, giftsync.Status{Portal: fmt.Sprint("portal-", i)})
		}
		base := servePages(t, ready(all...), PagesOptions{})
		_, body := request(t, "GET", base+"/", nil)
		together := strings.Count(body, ">All "+strconv.Itoa(tt.portals)+" portals<")
		if together > 1 || (together == 1) != (tt.shown > 1) {
			t.Errorf("of %d portals, of which %d are shown, all stand together %d times", tt.portals, tt.shown, together)
		}
		if n := strings.Count(body, "<article ") - together; n != tt.shown {
			t.Errorf("of %d portals %d are shown", tt.portals, n)
		}
		if offered := strings.Contains(body, `<option value="">all</option>`); offered != (tt.shown > 1) {
			t.Errorf("of %d portals all are offered: %t", tt.portals, offered)
		}
		if chosen := strings.Contains(body, "<option selected>portal-0</option>"); chosen != (tt.shown == 1) {
			t.Errorf("of %d portals the first is chosen: %t", tt.portals, chosen)
		}
		if _, body := request(t, "GET", base+"/?portal=portal-7", nil); strings.Count(body, "<article ") != 1 || !strings.Contains(body, "<option selected>portal-7</option>") {
			t.Error("a portal cannot be chosen")
		}
		if _, body := request(t, "GET", base+"/stats.json", nil); strings.Count(body, `"total_sent"`) != tt.portals+1 || !strings.Contains(body, `"overall"`) {
			t.Error("the document lacks portals")
		}
	}
}
