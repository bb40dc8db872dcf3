package thnksapitest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

type listing struct {
	Transactions []map[string]any `json:"transactions"`
	Next         *string          `json:"next_cursor"`
}

// call makes a request and returns the status and body; status 0 is a broken
// connection.
func call(s http.Handler, method, target, key, body string) (int, []byte, http.Header) {
	req, err := http.NewRequestWithContext(context.Background(), method, "https://thnks.test"+target, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	if key != "" {
		req.Header.Set("Authorization", key)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := thnksapitest.Transport(s).RoundTrip(req)
	if err != nil {
		return 0, nil, nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, b, resp.Header
	}
	return resp.StatusCode, b, resp.Header
}

func list(t interface{ Fatalf(string, ...any) }, s http.Handler, key string, query url.Values) listing {
	status, body, _ := call(s, "GET", "/api/v1/transactions?"+query.Encode(), key, "")
	var l listing
	if err := json.Unmarshal(body, &l); status != 200 || err != nil {
		t.Fatalf("list: %d %s %v", status, body, err)
	}
	return l
}

func gift(n int, at time.Time) thnksapitest.Transaction {
	return thnksapitest.Transaction{ID: fmt.Sprintf("T-%06d", n), Status: "sent", CreatedAt: at, UpdatedAt: at}
}

// TestOrder compares the listing with a sorted slice through random
// additions, updates and deletions.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := thnksapitest.New(thnksapitest.Options{})
		model := make(map[string]time.Time)
		for step := range rapid.IntRange(0, 120).Draw(t, "steps") {
			n := rapid.IntRange(0, 40).Draw(t, "n")
			id := fmt.Sprintf("T-%06d", n)
			at := end.Add(time.Duration(rapid.IntRange(0, 8).Draw(t, "at")) * time.Second)
			_, exists := model[id]
			switch rapid.IntRange(0, 3).Draw(t, "op") {
			case 0, 1:
				s.Add(gift(n, at))
				model[id] = at
			case 2:
				at = at.Add(time.Duration(step+1) * time.Minute)
				if s.Update(id, func(x *thnksapitest.Transaction) { x.UpdatedAt, x.ID = at, "changed" }) != exists {
					t.Fatalf("Update(%s) of existing %v", id, exists)
				}
				if exists {
					model[id] = at
				}
			case 3:
				if s.Delete(id) != exists {
					t.Fatalf("Delete(%s) of existing %v", id, exists)
				}
				delete(model, id)
			}
		}
		var want []string
		for id, at := range model {
			want = append(want, at.Format(time.RFC3339)+id)
		}
		slices.Sort(want)
		var got []string
		query := url.Values{"limit": {fmt.Sprint(rapid.IntRange(1, 50).Draw(t, "limit"))}}
		for {
			l := list(t, s, "k", query)
			for _, x := range l.Transactions {
				got = append(got, fmt.Sprint(x["updated_at"], x["id"]))
			}
			if l.Next == nil {
				break
			}
			query.Set("cursor", *l.Next)
		}
		if !slices.Equal(got, want) || s.Len() != len(want) || len(s.Transactions()) != len(want) {
			t.Fatalf("listed %v, want %v", got, want)
		}
	})
}

// TestLargeIndex goes beyond one block of the index.
func TestLargeIndex(t *testing.T) {
	s := thnksapitest.New(thnksapitest.Options{})
	const n = 5000
	for i := range n {
		s.Add(gift(i, end.Add(time.Duration(i*7919%n)*time.Second)))
	}
	for i := 0; i < n; i += 2 {
		s.Delete(fmt.Sprintf("T-%06d", i))
	}
	all := s.Transactions()
	if len(all) != n/2 || !slices.IsSortedFunc(all, func(a, b thnksapitest.Transaction) int { return a.UpdatedAt.Compare(b.UpdatedAt) }) {
		t.Errorf("%d transactions, or out of order", len(all))
	}
	since := end.Add(4000 * time.Second)
	l := list(t, s, "k", url.Values{"updated_since": {since.Format(time.RFC3339)}, "limit": {"500"}})
	i := slices.IndexFunc(all, func(x thnksapitest.Transaction) bool { return !x.UpdatedAt.Before(since) })
	if l.Transactions[0]["id"] != all[i].ID || len(l.Transactions) != n/2-i {
		t.Errorf("since the middle: %d from %v, want %d from %s", len(l.Transactions), l.Transactions[0]["id"], n/2-i, all[i].ID)
	}
}

func TestContract(t *testing.T) {
	s := thnksapitest.New(thnksapitest.Options{})
	s.Add(thnksapitest.Generate(thnksapitest.Data{Seed: 1, N: 600, End: end})...)
	l := list(t, s, "k", nil)
	if len(l.Transactions) != 100 || l.Next == nil {
		t.Errorf("%d transactions without a limit, want 100 and a cursor", len(l.Transactions))
	}
	for _, x := range l.Transactions {
		for _, name := range []string{"id", "gift", "amount", "sender", "recipient", "status", "created_at", "updated_at"} {
			if x[name] == nil {
				t.Fatalf("%s is missing in %v", name, x)
			}
		}
	}
	if got := len(list(t, s, "k", url.Values{"limit": {"1000"}}).Transactions); got != 500 {
		t.Errorf("%d transactions with a limit of 1,000, want 500", got)
	}
	for target, want := range map[string]int{
		"/api/v1/transactions?limit=0":            400,
		"/api/v1/transactions?limit=x":            400,
		"/api/v1/transactions?cursor=x":           400,
		"/api/v1/transactions?updated_since=2026": 400,
		"/api/v1/transactions/T-000600":           200,
		"/api/v1/transactions/T-000601":           404,
		"/api/v2/transactions":                    404,
	} {
		if got, body, _ := call(s, "GET", target, "k", ""); got != want {
			t.Errorf("GET %s: %d %s, want %d", target, got, body, want)
		}
	}
	if got, _, _ := call(s, "GET", "/api/v1/transactions", "", ""); got != 401 {
		t.Errorf("without a key: %d, want 401", got)
	}
}

func TestKeysSeeTheirOwn(t *testing.T) {
	s := thnksapitest.New(thnksapitest.Options{Keys: map[string]string{"all": "", "ann": "ann@sender.example"}})
	for i := range 10 {
		x := gift(i, end)
		x.Sender.Email = []string{"ann@sender.example", "bob@sender.example"}[i%2]
		s.Add(x)
	}
	for key, want := range map[string]int{"all": 10, "ann": 5} {
		if got := len(list(t, s, key, nil).Transactions); got != want {
			t.Errorf("key %s sees %d, want %d", key, got, want)
		}
	}
	for target, want := range map[string]int{"T-000000": 200, "T-000001": 404} {
		if got, _, _ := call(s, "GET", "/api/v1/transactions/"+target, "ann", ""); got != want {
			t.Errorf("ann gets %d for %s, want %d", got, target, want)
		}
	}
	if got, _, _ := call(s, "GET", "/api/v1/transactions", "eve", ""); got != 401 {
		t.Errorf("an unknown key gets %d", got)
	}
}

func TestCursorIsStable(t *testing.T) {
	s := thnksapitest.New(thnksapitest.Options{})
	for i := range 30 {
		s.Add(gift(i, end)) // one stamp for all
	}
	for range 3 { // and three without an id
		s.Add(thnksapitest.Transaction{Status: "sent", CreatedAt: end, UpdatedAt: end})
	}
	seen := make(map[any]int)
	query := url.Values{"limit": {"4"}}
	for i := 0; ; i++ {
		l := list(t, s, "k", query)
		for _, x := range l.Transactions {
			seen[x["id"]]++
		}
		if l.Next == nil {
			break
		}
		query.Set("cursor", *l.Next)
		s.Delete(fmt.Sprintf("T-%06d", i)) // one that has been listed
	}
	if len(seen) != 31 || seen[nil] != 3 || seen["T-000029"] != 1 {
		t.Errorf("seen %v, want 30 ids once and three rows without one", seen)
	}
}

func TestVisibleLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := thnksapitest.New(thnksapitest.Options{})
		x := gift(1, time.Now())
		x.VisibleAfter = time.Now().Add(time.Hour)
		s.Add(x, gift(2, time.Now()))
		for _, want := range []int{1, 2} {
			if got := len(list(t, s, "k", nil).Transactions); got != want {
				t.Errorf("%d visible, want %d", got, want)
			}
			time.Sleep(time.Hour)
		}
	})
}

func TestLatencyAndRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := thnksapitest.New(thnksapitest.Options{Latency: 100 * time.Millisecond, RateLimit: 4})
		began := time.Now()
		var statuses []int
		for range 12 {
			status, _, header := call(s, "GET", "/api/v1/transactions", "k", "")
			statuses = append(statuses, status)
			if status == 429 && header.Get("Retry-After") != "1" {
				t.Errorf("429 with Retry-After %q", header.Get("Retry-After"))
			}
		}
		if took := time.Since(began); took != 1200*time.Millisecond {
			t.Errorf("took %v", took)
		}
		want := []int{200, 200, 200, 200, 429, 429, 429, 429, 429, 429, 200, 200}
		if !slices.Equal(statuses, want) || s.Requests() != 12 {
			t.Errorf("%d requests: %v, want %v", s.Requests(), statuses, want)
		}
	})
}

func TestSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := thnksapitest.New(thnksapitest.Options{Keys: map[string]string{"ann": "ann@sender.example"}})
		s.Add(gift(41, time.Now().Add(-time.Hour)))
		status, body, _ := call(s, "POST", "/api/v1/gift_requests", "ann", `{"gift_id":5659,"recipients":[
			{"email":"a@x.example","first_name":"A","message":"Hi","gift_redeem_type":"email"},
			{"email":"b@x.example","message":"Ho","gift_redeem_type":"email"}]}`)
		var answer struct {
			Request      json.Number `json:"gift_request_id"`
			Transactions []struct {
				ID    string `json:"id"`
				Email string `json:"recipient_email"`
			} `json:"transactions"`
		}
		if err := json.Unmarshal(body, &answer); status != 200 || err != nil || len(answer.Transactions) != 2 {
			t.Fatalf("%d %s: %v", status, body, err)
		}
		for i, want := range []struct{ id, email, message string }{{"T-000042", "a@x.example", "Hi"}, {"T-000043", "b@x.example", "Ho"}} {
			x, ok := s.Transaction(answer.Transactions[i].ID)
			if !ok || x.ID != want.id || x.Recipient.Email != want.email || answer.Transactions[i].Email != want.email || x.Message != want.message ||
				x.RequestID != answer.Request.String() || x.Status != "sent" || !x.Times.Sent.Equal(time.Now()) || x.Gift.Name != "Morning Coffee" || x.Amount != "7.50" ||
				x.Sender.Email != "ann@sender.example" {
				t.Errorf("sent %+v", x)
			}
		}
		for _, bad := range []string{
			``, `{}`, `[]`, `{"gift_id":5659,"recipients":[]}`,
			`{"gift_id":1,"recipients":[{"email":"a@x.example","message":"Hi","gift_redeem_type":"email"}]}`,
			`{"gift_id":"5659","recipients":[{"email":"a@x.example","message":"Hi","gift_redeem_type":"email"}]}`,
			`{"gift_id":5659,"message":"Hi","recipients":[{"email":"a@x.example","message":"Hi","gift_redeem_type":"email"}]}`,
			`{"gift_id":5659,"recipients":[{"email":"ax","message":"Hi","gift_redeem_type":"email"}]}`,
			`{"gift_id":5659,"recipients":[{"email":"a@x.example","gift_redeem_type":"email"}]}`,
			`{"gift_id":5659,"recipients":[{"email":"a@x.example","message":"Hi","gift_redeem_type":"sms"}]}`,
		} {
			if status, body, _ := call(s, "POST", "/api/v1/gift_requests", "ann", bad); status != 422 {
				t.Errorf("%s: %d %s, want 422", bad, status, body)
			}
		}
		if s.Len() != 3 {
			t.Errorf("%d transactions, want 3", s.Len())
		}
		want := thnksapitest.Accepted{GiftID: 5659, Sender: "ann@sender.example", Recipient: "b@x.example", Message: "Ho", TransactionID: "T-000043", At: time.Now().UTC()}
		if got := s.Gifts(); len(got) != 2 || got[1] != want {
			t.Errorf("gifts %+v, want two, the second %+v", got, want)
		}
	})
}

func TestFaultCounts(t *testing.T) {
	const body = `{"gift_id":5659,"recipients":[{"email":"a@x.example","message":"Hi","gift_redeem_type":"email"}]}`
	s := thnksapitest.New(thnksapitest.Options{})
	s.Fault(thnksapitest.Fault{Path: "/gift_requests", After: 1, Count: 2, Effect: thnksapitest.ResetAfter})
	s.Fault(thnksapitest.Fault{Path: "/gift_requests", After: 1, Count: 1, Effect: thnksapitest.ResetBefore})
	s.Fault(thnksapitest.Fault{Path: "/transactions", Status: 503})
	var statuses []int
	for range 5 {
		status, _, _ := call(s, "POST", "/api/v1/gift_requests", "k", body)
		statuses = append(statuses, status)
	}
	// The second rule counts the first request, but not those of the first rule.
	if want := []int{200, 0, 0, 0, 200}; !slices.Equal(statuses, want) {
		t.Errorf("%v, want %v", statuses, want)
	}
	if s.Len() != 4 {
		t.Errorf("%d sent, want 4: a reset after the effect loses the answer only", s.Len())
	}
	if status, _, _ := call(s, "GET", "/api/v1/transactions", "k", ""); status != 503 {
		t.Errorf("%d, want 503", status)
	}
	s.ClearFaults()
	if status, _, _ := call(s, "GET", "/api/v1/transactions", "k", ""); status != 200 {
		t.Errorf("%d, want 200", status)
	}
}
