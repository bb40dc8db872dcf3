package card_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/sync/card"
)

// asked makes a request by hand, and returns the status of the answer.
func (w *world) asked(method, address, body string, head http.Header) int {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	maps.Copy(r.Header, head)
	if method == http.MethodPost && head.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := w.through().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

func v3(secret, method, address, body string, at time.Time) http.Header {
	stamp := fmt.Sprint(at.UnixMilli())
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(method + address + body + stamp))
	return http.Header{
		"X-Hubspot-Signature-V3":      {base64.StdEncoding.EncodeToString(mac.Sum(nil))},
		"X-Hubspot-Request-Timestamp": {stamp},
	}
}

func older(version, signed string) http.Header {
	sum := sha256.Sum256([]byte(signed))
	return http.Header{"X-Hubspot-Signature": {hex.EncodeToString(sum[:])}, "X-Hubspot-Signature-Version": {version}}
}

// TestUnsignedRequestsAreRefused: a request that HubSpot has not made for the app of the account, for
// this address and body and now, is refused, and nothing of it happens.
func TestUnsignedRequestsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		bea := w.contact("bea@beta.example", "Bea", "Smith")
		const who = "?portalId=62515&userId=7&userEmail=ann%40acme.example&appId=54321"
		draft := `{"request":"` + strings.Repeat("a", 32) + `","gift":5659,"message":"Hello","contacts":["` + bea + `"]}`
		execution := `{"callbackId":"ap-1","origin":{"portalId":62515},"object":{"objectId":` + bea + `,"objectType":"CONTACT","properties":{"email":"bea@beta.example"}},"inputFields":{"gift":"5659","message":"Hello","sender":"ann@acme.example"}}`
		send, action := public+"/hubspot/card/send"+who, public+"/hubspot/actions/send"
		now := time.Now()
		for name, tt := range map[string]struct {
			status        int
			address, body string
			head          http.Header
		}{
			"no signature":                 {401, send, draft, nil},
			"another secret":               {401, send, draft, v3("guessed", "POST", send, draft, now)},
			"another address":              {401, send, draft, v3("main-secret", "POST", public+"/hubspot/card/preview"+who, draft, now)},
			"another method":               {401, send, draft, v3("main-secret", "GET", send, draft, now)},
			"another user in the address":  {401, strings.Replace(send, "ann", "bob", 1), draft, v3("main-secret", "POST", send, draft, now)},
			"another body":                 {401, send, strings.Replace(draft, "5659", "5671", 1), v3("main-secret", "POST", send, draft, now)},
			"an old signature":             {401, send, draft, v3("main-secret", "POST", send, draft, now.Add(-6*time.Minute))},
			"a signature of the future":    {401, send, draft, v3("main-secret", "POST", send, draft, now.Add(6*time.Minute))},
			"version 2 on a page":          {401, send, draft, older("v2", "main-secret"+"POST"+send+draft)},
			"version 1 on a page":          {401, send, draft, older("v1", "main-secret"+draft)},
			"version 1 of an action":       {401, action, execution, older("v1", "main-secret"+execution)},
			"version 2, another secret":    {401, action, execution, older("v2", "guessed"+"POST"+action+execution)},
			"version 2, another body":      {401, action, strings.Replace(execution, "5659", "5671", 1), older("v2", "main-secret"+"POST"+action+execution)},
			"the account of another app":   {403, strings.Replace(send, "62515", "777", 1), draft, v3("main-secret", "POST", strings.Replace(send, "62515", "777", 1), draft, now)},
			"an account of nobody":         {403, strings.Replace(send, "62515", "1", 1), draft, v3("main-secret", "POST", strings.Replace(send, "62515", "1", 1), draft, now)},
			"another app's signature":      {403, send, draft, v3("other-secret", "POST", send, draft, now)},
			"an action of another app":     {403, action, execution, older("v2", "other-secret"+"POST"+action+execution)},
			"an action of another account": {403, action, strings.Replace(execution, "62515", "777", 1), older("v2", "main-secret"+"POST"+action+strings.Replace(execution, "62515", "777", 1))},
			"two accounts":                 {400, send + "&portalId=777", draft, v3("main-secret", "POST", send+"&portalId=777", draft, now)},
			"no account":                   {400, public + "/hubspot/card/send", draft, v3("main-secret", "POST", public+"/hubspot/card/send", draft, now)},
			"an action without an account": {400, action, `{}`, older("v2", "main-secret"+"POST"+action+`{}`)},
		} {
			if got := w.asked(http.MethodPost, tt.address, tt.body, tt.head); got != tt.status {
				t.Errorf("%s: answered %d, want %d", name, got, tt.status)
			}
		}
		if open, err := w.store.OpenSends(); err != nil || len(open)+len(w.thnks.Gifts()) != 0 {
			t.Errorf("in the ledger are %d sends: %v", len(open), err)
		}
		// What was refused is served once it is HubSpot's.
		if got := w.asked(http.MethodPost, send, draft, v3("main-secret", "POST", send, draft, now)); got != 200 {
			t.Errorf("a good one is answered %d", got)
		}
		if got := w.asked(http.MethodPost, action, execution, older("v2", "main-secret"+"POST"+action+execution)); got != 200 {
			t.Errorf("a good action is answered %d", got)
		}
		// Of the two forms of an address, HubSpot may sign either.
		if got := w.asked(http.MethodPost, send, draft, v3("main-secret", "POST", strings.Replace(send, "%40", "@", 1), draft, now)); got != 200 {
			t.Errorf("one with the decoded address is answered %d", got)
		}
		if log := w.log.String(); strings.Contains(log, "beta.example") || strings.Contains(log, "Hello") || strings.Contains(log, "main-secret") {
			t.Errorf("the log tells\n%s", log)
		}
	})
}

// TestWrongRequests: other paths, methods, types and sizes are refused before the
// body is looked at.
func TestWrongRequests(t *testing.T) {
	w := newWorld(t)
	for name, tt := range map[string]struct {
		status       int
		method, path string
		body         string
		head         http.Header
	}{
		"another path":   {404, "GET", "/hubspot/card/other", "", nil},
		"the prefix":     {404, "GET", "/hubspot/card/", "", nil},
		"another method": {405, "GET", "/hubspot/card/send", "", nil},
		"a post of GET":  {405, "POST", "/hubspot/card/gifts", "{}", nil},
		"a form":         {415, "POST", "/hubspot/card/send", "a=b", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}},
		"an encoding":    {415, "POST", "/hubspot/card/send", "{}", http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}},
		"a large body":   {413, "POST", "/hubspot/actions/send", strings.Repeat(" ", 1<<20+1), nil},
	} {
		if got := w.asked(tt.method, public+tt.path, tt.body, tt.head); got != tt.status {
			t.Errorf("%s: answered %d, want %d", name, got, tt.status)
		}
	}
}

// TestFlood: requests beyond those that are served at a time are refused at once,
// and forged ones make no line each in the log.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		hold := make(chan struct{})
		w.acme.State = func() (card.StateFile, error) { <-hold; return w.store, nil }
		done := make(chan int)
		for range 40 {
			go func() {
				a, err := w.portal.Fetch(t.Context(), w.page(), http.MethodGet, public+"/hubspot/card/gifts?objectTypeId=0-1&objectId=1", nil)
				if err != nil {
					t.Error(err)
				}
				done <- a.Status
			}()
		}
		synctest.Wait()
		if code := w.refused(w.page(), 429, http.MethodGet, "/hubspot/card/gifts?objectTypeId=0-1&objectId=1", nil); code != card.Busy {
			t.Errorf("one more is refused as %s", code)
		}
		other := hubspottest.Page{User: hubspottest.User{Email: "ann@acme.example"}, AppID: 99, Secret: "other-secret", Portal: 777, Client: w.through()}
		w.fetch(other, 200, nil, http.MethodGet, "/hubspot/card/gifts?objectTypeId=0-1&objectId=1", nil)
		flow := w.workflow()
		flow.Retry = []time.Duration{}
		if e := w.portal.Enrol(t.Context(), flow, w.contact("bea@beta.example", "Bea", "Smith"), inputs("5659")); e.State != hubspottest.Failed || e.Requests != 1 {
			t.Errorf("a workflow is %+v", e)
		}
		close(hold)
		for range 40 {
			if got := <-done; got != 200 {
				t.Errorf("one of them is answered %d", got)
			}
		}
		for range 1000 {
			w.asked("GET", public+"/hubspot/card/gifts?x="+fmt.Sprint(time.Now().UnixNano()), "", nil)
		}
		if n := strings.Count(w.log.String(), "HubSpot app refused"); n != 1 {
			t.Errorf("a flood makes %d lines", n)
		}
	})
}

// TestSlowBodies: requests whose bodies do not come, which anyone can make, hold no
// place of those that HubSpot has signed.
func TestSlowBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var slow sync.WaitGroup
		for i := range 200 {
			body, ours := io.Pipe()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, public+[]string{"/hubspot/actions/send", "/hubspot/card/send"}[i%2], body)
			r.Header.Set("Content-Type", "application/json")
			slow.Go(func() {
				rec := httptest.NewRecorder()
				w.server.ServeHTTP(rec, r)
				if rec.Code != http.StatusUnauthorized {
					t.Errorf("a slow one is answered %d", rec.Code)
				}
			})
			go func() {
				for range 3 {
					_, _ = io.WriteString(ours, "{")
					time.Sleep(time.Second)
				}
				ours.Close()
			}()
		}
		synctest.Wait()
		w.fetch(w.page(), 200, nil, http.MethodGet, "/hubspot/card/gifts?objectTypeId=0-1&objectId=1", nil)
		slow.Wait()
	})
}

// TestDisconnected: a portal whose grant has ended shows its settings alone.
func TestDisconnected(t *testing.T) {
	w := newWorld(t)
	w.ended = true
	if code := w.refused(w.page(), 403, http.MethodGet, "/hubspot/card/gifts?objectTypeId=0-1&objectId=1", nil); code != card.NotConnected {
		t.Errorf("refused as %s", code)
	}
	bea := w.contact("bea@beta.example", "Bea", "Smith")
	if e := w.portal.Enrol(t.Context(), w.workflow(), bea, inputs("5659")); e.State != hubspottest.Failed || len(w.thnks.Gifts()) != 0 {
		t.Errorf("a workflow is %s", e.State)
	}
	w.fetch(w.page(), 200, nil, http.MethodGet, "/hubspot/card/settings", nil)
}

// TestRoutes: the routes that the package's comment promises are those that are
// served.
func TestRoutes(t *testing.T) {
	w := newWorld(t)
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^//\t(GET|POST) +(/hubspot/[a-z]+/[a-z]+)`).FindAllStringSubmatch(string(text), -1)
	if len(found) != 9 {
		t.Fatalf("the comment has %d routes", len(found))
	}
	for _, f := range found {
		if got := w.asked(f[1], public+f[2], "", nil); got != 401 {
			t.Errorf("%s %s, not signed, is answered %d", f[1], f[2], got)
		}
	}
}

// TestTwoAccounts: a user of one account sees nothing of another's, although one
// process serves both.
func TestTwoAccounts(t *testing.T) {
	w := newWorld(t)
	other := hubspottest.Page{User: hubspottest.User{Email: "ann@acme.example"}, AppID: 99, Secret: "other-secret", Portal: 777, Client: w.through()}
	var s card.Settings
	w.fetch(other, 200, &s, http.MethodGet, "/hubspot/card/settings", nil)
	other.Portal = 62515
	if code := w.refused(other, 403, http.MethodGet, "/hubspot/card/settings", nil); code != card.NotConnected {
		t.Errorf("refused as %s", code)
	}
	other.Portal, other.AppID = 777, 54321
	if code := w.refused(other, 403, http.MethodGet, "/hubspot/card/settings", nil); code != card.NotConnected {
		t.Errorf("another app's id is refused as %s", code)
	}
}
