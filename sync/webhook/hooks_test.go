package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/webhook"
)

func TestGoodRequestsAreTaken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, scheme := range schemes {
		for _, want := range []int{1, 0} { // the second is a repetition
			res := s.answer(request(scheme, opened))
			wellFormed(t, res)
			events := s.inboxes[scheme.name].events
			if res.StatusCode != http.StatusOK {
				t.Fatalf("%s: %s", scheme.name, res.Status)
			}
			if want == 0 {
				continue
			}
			if len(events) != 1 || string(events[0].Body) != opened || events[0].Signed == (scheme.name == "token") {
				t.Errorf("%s: inbox holds %+v", scheme.name, events)
			}
		}
		if n := len(s.inboxes[scheme.name].take()); n != 1 {
			t.Errorf("%s: a repeated event was kept %d times", scheme.name, n)
		}
	}
}

// TestBadRequestsAreRefused tries every way in which a request can be wrong, one at a time
// and, for the order of checks, two at a time.
func TestBadRequestsAreRefused(t *testing.T) {
	t.Parallel()
	std := schemes[0]
	big := opened[:len(opened)-1] + `,"x":"` + strings.Repeat("x", 256<<10) + `"}`
	for _, tt := range []struct {
		name string
		edit func(r *http.Request)
		want int
	}{
		{"get", func(r *http.Request) { r.Method = http.MethodGet }, 405},
		{"head", func(r *http.Request) { r.Method = http.MethodHead }, 405},
		{"options of everything", func(r *http.Request) { r.Method, r.URL.Path = http.MethodOptions, "*" }, 405},
		{"method before path", func(r *http.Request) { r.Method, r.URL.Path = http.MethodPut, "/webhooks/nobody/gift-events" }, 405},
		{"other portal", func(r *http.Request) { r.URL.Path = "/webhooks/nobody/gift-events" }, 404},
		{"other dialect", func(r *http.Request) { r.URL.Path = "/webhooks/standard/gift-event" }, 404},
		{"an escaped path", func(r *http.Request) { r.URL.RawPath = strings.Replace(r.URL.Path, "/gift", "%2Fgift", 1) }, 404},
		{"no portal", func(r *http.Request) { r.URL.Path = "/webhooks//gift-events" }, 404},
		{"portal in other case", func(r *http.Request) { r.URL.Path = "/webhooks/Standard/gift-events" }, 404},
		{"slash behind", func(r *http.Request) { r.URL.Path += "/" }, 404},
		{"unclean path", func(r *http.Request) { r.URL.Path = "/webhooks/x/../standard/gift-events" }, 404},
		{"path before size", func(r *http.Request) { r.URL.Path, r.ContentLength = "/webhooks/nobody/gift-events", 1<<30 }, 404},
		{"announced size", func(r *http.Request) { r.ContentLength = 256<<10 + 1 }, 413},
		{"size before headers", func(r *http.Request) { r.ContentLength = 1 << 40; r.Header.Del("Content-Type") }, 413},
		{"real size", func(r *http.Request) { setBody(r, big); r.ContentLength = -1 }, 413},
		{"no content type", func(r *http.Request) { r.Header.Del("Content-Type") }, 415},
		{"two content types", func(r *http.Request) { r.Header.Add("Content-Type", "application/json") }, 415},
		{"xml", func(r *http.Request) { r.Header.Set("Content-Type", "application/xml") }, 415},
		{"form", func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, 415},
		{"utf-16", func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-16") }, 415},
		{"gzip", func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, 415},
		{"two codings", func(r *http.Request) { r.Header["Content-Encoding"] = []string{"identity", "gzip"} }, 415},
		{"headers before signature", func(r *http.Request) { r.Header = http.Header{} }, 415},
		{"incomplete body", func(r *http.Request) { r.Body = http.NoBody; r.Body = broken{} }, 400},
		{"no signature", func(r *http.Request) { r.Header.Del("Webhook-Signature") }, 401},
		{"no id", func(r *http.Request) { r.Header.Del("Webhook-Id") }, 401},
		{"no time", func(r *http.Request) { r.Header.Del("Webhook-Timestamp") }, 401},
		{"time in words", func(r *http.Request) { r.Header.Set("Webhook-Timestamp", "yesterday") }, 401},
		{"endless time", func(r *http.Request) { r.Header.Set("Webhook-Timestamp", strings.Repeat("9", 40)) }, 401},
		{"negative time", func(r *http.Request) { r.Header.Set("Webhook-Timestamp", "-173699984") }, 401},
		{"two signatures in two headers", func(r *http.Request) { r.Header.Add("Webhook-Signature", r.Header.Get("Webhook-Signature")) }, 401},
		{"two times", func(r *http.Request) { r.Header.Add("Webhook-Timestamp", r.Header.Get("Webhook-Timestamp")) }, 401},
		{"cut signature", func(r *http.Request) { cut(r, "Webhook-Signature") }, 401},
		{"other version", func(r *http.Request) {
			r.Header.Set("Webhook-Signature", "v2"+r.Header.Get("Webhook-Signature")[2:])
		}, 401},
		{"asymmetric version", func(r *http.Request) {
			r.Header.Set("Webhook-Signature", "v1a"+r.Header.Get("Webhook-Signature")[2:])
		}, 401},
		{"other secret", func(r *http.Request) {
			signStandard("Webhook-", "whsec_"+strings.Repeat("QUFB", 11))(r.Header, []byte(opened), time.Now())
		}, 401},
		{"body changed", func(r *http.Request) { setBody(r, strings.Replace(opened, "g-1", "g-2", 1)) }, 401},
		{"body empty", func(r *http.Request) { setBody(r, "") }, 401},
		{"space behind", func(r *http.Request) { setBody(r, opened+" ") }, 401},
		{"another portal's signature", func(r *http.Request) { r.URL.Path = "/webhooks/hmac/gift-events" }, 401},
		{"downgrade to a token", func(r *http.Request) {
			r.Header.Del("Webhook-Signature")
			schemes[2].sign(r.Header, nil, time.Now())
		}, 401},
		{"downgrade to a plain digest", func(r *http.Request) {
			r.Header.Del("Webhook-Signature")
			schemes[1].sign(r.Header, []byte(opened), time.Now())
		}, 401},
		// The content signed is id.time.body, so a part of the id may pass
		// for the time unless ids have no full stop.
		{"shifted content", func(r *http.Request) {
			now := fmt.Sprint(time.Now().Unix())
			hook := must(standardwebhooks.NewWebhook(standardSecret))
			r.Header.Set("Webhook-Id", "msg_1."+now)
			signature, _ := hook.Sign("msg_1", time.Now(), []byte(now+"."+opened))
			r.Header.Set("Webhook-Timestamp", now)
			r.Header.Set("Webhook-Signature", signature)
		}, 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			r := request(std, opened)
			tt.edit(r)
			res := s.answer(r)
			wellFormed(t, res)
			if res.StatusCode != tt.want {
				t.Errorf("answered %s, want %d", res.Status, tt.want)
			}
			if res.StatusCode == 405 && res.Header.Get("Allow") != "POST" {
				t.Errorf("405 with Allow %q", res.Header.Get("Allow"))
			}
			for name, box := range s.inboxes {
				if len(box.events) > 0 {
					t.Errorf("portal %s kept the event", name)
				}
			}
		})
	}
}

// TestQuietAnswers checks that answers do not help an attacker: an unknown
// portal is answered like an unknown path, and all failed proofs alike.
func TestQuietAnswers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	seen := make(map[int]string)
	for _, edit := range []func(r *http.Request){
		func(r *http.Request) { r.URL.Path = "/webhooks/nobody/gift-events" },
		func(r *http.Request) { r.URL.Path = "/webhooks/standard/nothing" },
		func(r *http.Request) { r.URL.Path = "/wp-login.php" },
		func(r *http.Request) { r.Header.Del("Webhook-Id") },
		func(r *http.Request) { setBody(r, "{}") },
		func(r *http.Request) { schemes[0].sign(r.Header, []byte(opened), time.Now().Add(-time.Hour)) },
	} {
		r := request(schemes[0], opened)
		edit(r)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		got := fmt.Sprint(w.Header(), w.Body)
		if want, ok := seen[w.Code]; ok && got != want {
			t.Errorf("%d answered %s and %s", w.Code, want, got)
		}
		seen[w.Code] = got
	}
	if len(seen) != 2 {
		t.Errorf("answers %v, want 401 and 404 only", seen)
	}
}

func TestInboxTrouble(t *testing.T) {
	t.Parallel()
	for _, err := range []error{store.ErrInboxFull, fmt.Errorf("put: %w", store.ErrInboxFull), errors.New("disk gone")} {
		s := newSite(t)
		s.inboxes["standard"].err = err
		for range 3 {
			res := s.answer(request(schemes[0], opened))
			wellFormed(t, res)
			if res.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("%v: answered %s", err, res.Status)
			}
		}
		if log := s.log.String(); strings.Count(log, "level=ERROR") != 1 {
			t.Errorf("%v: not logged once:\n%s", err, log)
		}
		s.inboxes["standard"].err = nil
		if res := s.answer(request(schemes[0], opened)); res.StatusCode != http.StatusOK {
			t.Errorf("%v: still %s when it was over", err, res.Status)
		}
	}
}

// TestSenderGone checks that an event with a good signature is kept even if its
// sender disconnects before the answer.
func TestSenderGone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx, cancel := context.WithCancel(t.Context())
	r := request(schemes[0], opened).WithContext(ctx)
	cancel()
	if res := s.answer(r); res.StatusCode != http.StatusOK {
		t.Errorf("answered %s", res.Status)
	}
	if n := len(s.inboxes["standard"].take()); n != 1 {
		t.Errorf("%d events kept", n)
	}
}

// TestLogIsDiscreet checks that neither secrets nor contents of requests get
// into the log, whether the request is good or bad.
func TestLogIsDiscreet(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, scheme := range schemes {
		s.answer(request(scheme, opened))
		s.answer(request(scheme, `{"secret-content":1}`))
		r := request(scheme, opened)
		setBody(r, `{"secret-content":2}`)
		r.URL.RawQuery = "secret-content"
		r.RemoteAddr = "192.0.2.55:1"
		s.answer(r)
	}
	log := s.log.String()
	for _, secret := range []string{"secret-content", "g-1", "REF123456", standardSecret, hmacSecret, tokenSecret} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q:\n%s", secret, log)
		}
	}
	for _, event := range []string{"webhook received", "webhook not understood", "webhook refused", "client=192.0.2.55"} {
		if !strings.Contains(log, event) {
			t.Errorf("the log lacks %q:\n%s", event, log)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := webhook.Source{Portal: "acme", Dialect: webhook.GiftEvents, Scheme: must(schemes[0].make()), Inbox: new(inbox)}
	edit := func(change func(*webhook.Source)) []webhook.Source {
		s := good
		change(&s)
		return []webhook.Source{s}
	}
	for name, sources := range map[string][]webhook.Source{
		"twice":           {good, good},
		"no scheme":       edit(func(s *webhook.Source) { s.Scheme = webhook.Scheme{} }),
		"no inbox":        edit(func(s *webhook.Source) { s.Inbox = nil }),
		"unknown dialect": edit(func(s *webhook.Source) { s.Dialect = "gifts" }),
		"no name":         edit(func(s *webhook.Source) { s.Portal = "" }),
		"slash in name":   edit(func(s *webhook.Source) { s.Portal = "a/b" }),
	} {
		if _, err := webhook.New(webhook.Options{Sources: sources, Log: slog.New(slog.DiscardHandler)}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestRepeatsAreNoNews: what is not understood is logged when it comes first, and not
// when it comes again, however much later.
func TestRepeatsAreNoNews(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		for range 3 {
			if res := s.answer(request(schemes[0], "{}")); res.StatusCode != http.StatusOK {
				t.Fatalf("answered %s", res.Status)
			}
			time.Sleep(2 * time.Minute)
		}
		if n := strings.Count(s.log.String(), "webhook not understood"); n != 1 {
			t.Errorf("it is logged %d times:\n%s", n, s.log)
		}
	})
}
