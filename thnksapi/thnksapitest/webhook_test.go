package thnksapitest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// An endpoint is what the sender posts to: it checks and keeps what comes.
type endpoint struct {
	t      *testing.T
	scheme thnksapitest.Scheme
	// answer says how to answer the n-th post, from 0; nil answers 200.
	answer func(w http.ResponseWriter, r *http.Request, n int)
	posts  []post
}

type post struct {
	id   string
	at   time.Time
	body string
}

func newEndpoint(t *testing.T) *endpoint {
	return &endpoint{t: t, scheme: thnksapitest.Standard{Secrets: [][]byte{[]byte("0123456789abcdef01234567")}}}
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		e.t.Error(err)
	}
	id := r.Header.Get("Webhook-Id")
	for name, want := range e.scheme.Sign(id, body, time.Now()) {
		if got := r.Header[name]; !slices.Equal(got, want) {
			e.t.Errorf("post %d has %s %q, want %q", len(e.posts), name, got, want)
		}
	}
	if r.Method != http.MethodPost || r.URL.Path != "/hook" || r.Header.Get("Content-Type") != "application/json" {
		e.t.Errorf("a %s of %s as %s", r.Method, r.URL.Path, r.Header.Get("Content-Type"))
	}
	e.posts = append(e.posts, post{id, time.Now(), string(body)})
	if e.answer != nil {
		e.answer(w, r, len(e.posts)-1)
	}
}

// hook returns a webhook that posts to the endpoint, without faults.
func (e *endpoint) hook() thnksapitest.Webhook {
	return thnksapitest.Webhook{
		URL: "https://sync.test/hook", Scheme: e.scheme, CompanyID: "co_1", Seed: 7,
		Client: &http.Client{Transport: thnksapitest.Transport(e)},
	}
}

// sender posts w's events within a bubble, and has ended before the bubble.
func sender(t *testing.T, s *thnksapitest.Server, w thnksapitest.Webhook) *thnksapitest.Sender {
	ctx, cancel := context.WithCancel(t.Context())
	d := s.Subscribe(ctx, w)
	t.Cleanup(func() {
		cancel()
		<-d.Done()
	})
	return d
}

func settle(t *testing.T, d *thnksapitest.Sender) {
	t.Helper()
	if err := d.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// opening returns the n-th of many events about different gifts.
func opening(n int) thnksapitest.Event {
	return thnksapitest.NewEvent(thnksapitest.StatusChanged, gift(n, time.Now()), time.Now())
}

// TestSubscribers: every way of changing a status is posted to every
// subscriber, in order, and nothing else is.
func TestSubscribers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := thnksapitest.New(thnksapitest.Options{})
		s.Add(gift(1, time.Now()))
		ears := []*endpoint{newEndpoint(t), newEndpoint(t)}
		var senders []*thnksapitest.Sender
		for _, e := range ears {
			senders = append(senders, sender(t, s, e.hook()))
		}
		time.Sleep(time.Minute)
		s.Add(gift(2, time.Now()))
		s.Reach("T-000001", "delivered")
		time.Sleep(time.Second)
		s.Update("T-000001", func(x *thnksapitest.Transaction) { x.Message = "other" })
		s.Update("T-000001", func(x *thnksapitest.Transaction) { x.Status = "opened" })
		s.Reach("T-000001", "refunded")
		status, _, _ := call(s, http.MethodPost, "/api/v1/gift_requests", "k",
			`{"gift_id": 5659, "recipients": [{"email": "a@b.example", "message": "m", "gift_redeem_type": "email"}]}`)
		if status != http.StatusOK || s.Reach("T-000099", "opened") {
			t.Fatal("the server refused a gift request, or changed an unknown transaction")
		}
		late := gift(4, time.Now())
		late.VisibleAfter = time.Now().Add(time.Hour)
		s.Add(late)
		s.Reach("T-000004", "redeemed")
		if status, _, _ := call(s, http.MethodGet, "/api/v1/transactions/T-000004", "k", ""); status != http.StatusNotFound {
			t.Errorf("what is not visible yet is answered %d", status)
		}
		settle(t, senders[0])
		settle(t, senders[1])
		now := time.Now().UTC()
		want := []string{
			"gift-notification-initial-sent T-000001  " + now.Add(-time.Second).Format(time.RFC3339),
			"gift-status-changed T-000001 opened " + now.Format(time.RFC3339),
			"gift-status-changed T-000003 unopened " + now.Format(time.RFC3339),
			"gift-status-changed T-000004 claimed " + now.Format(time.RFC3339),
		}
		for i, e := range ears {
			var got []string
			for _, p := range e.posts {
				x := read(t, p.body)
				got = append(got, fmt.Sprint(x.Webhook.EventType, " ", x.Data.GiftID, " ", x.Data.Status, " ", x.Webhook.TriggeredAt.Format(time.RFC3339)))
				if x.Data.CompanyID != "co_1" || x.Webhook.ID != "wh_00007" || x.Webhook.Target != "https://sync.test/hook" {
					t.Errorf("incomplete: %s", p.body)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("subscriber %d (-want +got):\n%s", i, diff)
			}
		}
	})
}

type body struct {
	Webhook struct {
		ID, EventType, Target string
		TriggeredAt           time.Time
	} `json:"webhookData"`
	Data struct {
		CompanyID, GiftID, Status, DeliveryStatus, ThankYouNote string
	} `json:"eventData"`
}

func read(t *testing.T, text string) body {
	t.Helper()
	var b body
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSenderEndsWithItsContext: with its context the sender ends, in the middle of a post as well;
// the bubble would not, if a goroutine were left. What was queued stays so.
func TestSenderEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := thnksapitest.New(thnksapitest.Options{})
		s.Add(gift(1, time.Now()))
		e := newEndpoint(t)
		e.answer = func(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() }
		ctx, cancel := context.WithCancel(t.Context())
		w := e.hook()
		w.Retry = []time.Duration{} // a try that is broken off is no failed one
		d := s.Subscribe(ctx, w)
		idle := s.Subscribe(ctx, e.hook())
		d.Send(opening(1))
		d.Send(opening(2))
		synctest.Wait()
		cancel()
		<-d.Done()
		<-idle.Done()
		if err := d.Settle(t.Context()); err == nil {
			t.Error("what can no longer be posted has settled")
		}
		if err := idle.Settle(t.Context()); err != nil {
			t.Errorf("nothing is queued, and yet: %v", err)
		}
		all := d.Deliveries()
		if len(all) != 2 || d.Outcomes()[thnksapitest.Queued] != 2 || len(all[0].Attempts) != 1 || len(all[1].Attempts) != 0 {
			t.Errorf("%+v", all)
		}
		s.Reach("T-000001", "opened")
		if n := len(d.Deliveries()); n != 2 {
			t.Errorf("a sender that has ended still receives events: %d deliveries", n)
		}
	})
}

// TestTickPostsEvents: through many ticks the events match the transactions'
// statuses, parcels progress in order, and some recipients write a note.
func TestTickPostsEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := thnksapitest.New(thnksapitest.Options{})
		e := newEndpoint(t)
		d := sender(t, s, e.hook())
		rng := rand.New(rand.NewPCG(1, 2))
		want := make(map[string]int)
		words := map[string]string{
			"sent": "gift-status-changed unopened", "delivered": "gift-notification-initial-sent ", "opened": "gift-status-changed opened",
			"redeemed": "gift-status-changed claimed", "expired": "gift-status-changed expired",
		}
		for range 400 {
			time.Sleep(time.Minute)
			added, changed := s.Tick(rng)
			for _, id := range slices.Concat(added, changed) {
				x, _ := s.Transaction(id)
				if word, ok := words[x.Status]; ok {
					want[id+" "+word]++
				}
			}
		}
		settle(t, d)

		got := make(map[string]int)
		walks := make(map[string][]string)
		notes := 0
		for _, p := range e.posts {
			b := read(t, p.body)
			switch x, _ := s.Transaction(b.Data.GiftID); b.Webhook.EventType {
			case "gift-delivery-status-changed":
				walks[x.ID] = append(walks[x.ID], b.Data.DeliveryStatus)
				if x.Status != "redeemed" || x.Gift.Type != "Flowers" && x.Gift.Type != "Snacks" {
					t.Errorf("a parcel with %s, which is %s", x.Gift.Name, x.Status)
				}
			case "thank-you-note-created":
				notes++
				if x.Status != "redeemed" || b.Data.ThankYouNote == "" {
					t.Errorf("thanks %q for a gift that is %s", b.Data.ThankYouNote, x.Status)
				}
			default:
				got[b.Data.GiftID+" "+b.Webhook.EventType+" "+b.Data.Status]++
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		arrived := 0
		for id, walk := range walks {
			if !strings.HasPrefix("orderReceived processing inTransit outForDelivery delivered", strings.Join(walk, " ")) {
				t.Errorf("the parcel of %s goes %v", id, walk)
			}
			if len(walk) == 5 {
				arrived++
			}
		}
		if arrived < 3 || notes < 3 {
			t.Errorf("%d parcels arrived, %d notes were written", arrived, notes)
		}
	})
}
