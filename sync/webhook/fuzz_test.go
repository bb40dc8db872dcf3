package webhook_test

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"thnks-hubspot-sync/store"
)

// seeds are bodies to start mutations from.
var seeds = []string{
	opened,
	payload("gift-delivery-status-changed", `"companyId":"c","giftId":"g","deliveryStatus":"outForDelivery","outForDeliveryDate":"2025-01-16T08:00:00.000Z"`),
	payload("gift-notification-initial", `"giftId":"g","giftLink":"l","sendingChannel":"mail"`),
	payload("gift-invoice-sent", `"companyId":"c","invoiceId":"i"`),
	payload("thank-you-note-created", `"giftId":"g","thankYouNote":"Thank you \ud83c\udf81"`),
	payload("gift-status-changed", `"status":"claimed","metadata":{"thnksTransactionId":"g-9","b":"2"}`),
	`{"verificationToken":"abc"}`,
	`[` + opened + `]`,
	``,
}

// genuine sends any body with a good proof: it must be kept unchanged and
// answered 200.
func (s *site) genuine(t testing.TB, scheme scheme, body []byte) {
	t.Helper()
	res := s.answer(request(scheme, string(body)))
	wellFormed(t, res)
	events := s.inboxes[scheme.name].take()
	if res.StatusCode != http.StatusOK || len(events) != 1 {
		t.Fatalf("%s: answered %s and kept %d of %q", scheme.name, res.Status, len(events), body)
	}
	e := events[0]
	sound := e.Effect == store.EffectUnknown || e.Effect == store.EffectListed ||
		!e.At.IsZero() && (e.TransactionID != "" || len(e.Aliases) > 0) && (e.Effect == store.EffectClaim) == (e.Status != "")
	if !bytes.Equal(e.Body, body) || !sound || e.Signed == (scheme.name == "token") {
		t.Fatalf("%s: kept %+v of %q", scheme.name, e, body)
	}
}

// tampered sends a request whose proof was made for another one: nothing may be
// kept.
func (s *site) tampered(t testing.TB, scheme scheme, r *http.Request) {
	t.Helper()
	res := s.answer(r)
	wellFormed(t, res)
	if res.StatusCode < 400 {
		t.Fatalf("%s: answered %s to %v", scheme.name, res.Status, r.Header)
	}
	for name, box := range s.inboxes {
		if n := len(box.take()); n > 0 {
			t.Fatalf("%s: %d forged events kept for %s: %v", scheme.name, n, name, r.Header)
		}
	}
}

// FuzzEndpoint sends every body twice: signed, and with the signature of
// another body or a header of the fuzzer's choice.
func FuzzEndpoint(f *testing.F) {
	for _, body := range seeds {
		f.Add(uint8(0), []byte(body), "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=", "1736952240", "application/json")
	}
	s := newSite(f)
	f.Fuzz(func(t *testing.T, pick uint8, body []byte, signature, stamp, kind string) {
		s.log.reset()
		if len(body) > 256<<10 {
			t.Skip()
		}
		scheme := schemes[int(pick)%len(schemes)]
		s.genuine(t, scheme, body)
		r := request(scheme, opened)
		setBody(r, string(body))
		switch scheme.name {
		case "standard":
			r.Header.Set("Webhook-Signature", signature)
			r.Header.Set("Webhook-Timestamp", stamp)
		case "hmac":
			r.Header.Set("X-Signature", signature)
			r.Header.Set("X-Timestamp", stamp)
		default:
			r.Header.Set("Authorization", "x"+signature)
		}
		r.Header.Set("Content-Type", kind)
		s.tampered(t, scheme, r)
	})
}

// TestFuzzedRequests sends random requests. Half of them are signed after the
// body was mutated; the others are mutated after they were signed.
// THNKS_FUZZ_REQUESTS is the number of requests.
func TestFuzzedRequests(t *testing.T) {
	t.Parallel()
	n := 20_000
	if text := os.Getenv("THNKS_FUZZ_REQUESTS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatalf("THNKS_FUZZ_REQUESTS: %v", err)
		}
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	s := newSite(t)
	for i := range n {
		s.log.reset()
		scheme := schemes[rnd.IntN(len(schemes))]
		body := seeds[rnd.IntN(len(seeds))]
		changed := mutate(rnd, body)
		if i%2 == 0 {
			s.genuine(t, scheme, changed)
			continue
		}
		r := request(scheme, body)
		switch what := rnd.IntN(6); {
		case what == 0 && scheme.name != "token" && string(changed) != body:
			setBody(r, string(changed))
		case what == 1 && scheme.name != "token":
			scheme.sign(r.Header, []byte(body), time.Now().Add(time.Duration(301+rnd.IntN(1e6))*time.Second*time.Duration(1-2*rnd.IntN(2))))
		case what == 2:
			r.Method = string(mutate(rnd, r.Method+"x"))
			if r.Method == http.MethodPost {
				continue
			}
		case what == 3:
			r.URL.Path += string(mutate(rnd, "/x")) + "x"
		case what == 4:
			r.Header.Set("Content-Encoding", string(mutate(rnd, "gzip"))+"x")
		default:
			spoil(rnd, r.Header, scheme)
		}
		s.tampered(t, scheme, r)
	}
}

// spoil changes one of the headers that prove the request.
func spoil(rnd *rand.Rand, h http.Header, scheme scheme) {
	names := map[string][]string{
		"standard": {"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"},
		"hmac":     {"X-Timestamp", "X-Signature"},
		"token":    {"Authorization"},
	}[scheme.name]
	name := names[rnd.IntN(len(names))]
	switch rnd.IntN(3) {
	case 0:
		h.Del(name)
	case 1:
		h.Add(name, h.Get(name))
	default:
		value := []byte(h.Get(name))
		value[len(value)-1-rnd.IntN(10)%len(value)] ^= 2 // in a hex digit never the case alone
		h.Set(name, string(value))
	}
}

// mutate changes text in ways that break parsers: bytes, structure, sizes.
func mutate(rnd *rand.Rand, text string) []byte {
	b := []byte(text)
	for range 1 + rnd.IntN(4) {
		at := rnd.IntN(len(b) + 1)
		switch rnd.IntN(6) {
		case 0:
			if at < len(b) {
				b[at] ^= 1 << rnd.IntN(8)
			}
		case 1:
			b = b[:at]
		case 2:
			b = append(b[:at:at], append([]byte(tokens[rnd.IntN(len(tokens))]), b[at:]...)...)
		case 3:
			from := rnd.IntN(len(b) + 1)
			b = append(b[:at:at], b[min(from, len(b)):]...)
		case 4:
			b = []byte(strings.Replace(string(b), `"`, tokens[rnd.IntN(len(tokens))], 1))
		default:
			if fields := strings.Split(string(b), ","); len(fields) > 1 {
				i, j := rnd.IntN(len(fields)), rnd.IntN(len(fields))
				fields[i] = fields[j]
				b = []byte(strings.Join(fields, ","))
			}
		}
	}
	return b
}

var tokens = []string{
	`"`, `{`, `}`, `[`, `]`, `,`, `:`, `null`, `true`, `1e999`, `-0`, `\u0000`, `\ud800`, "\x00", "\xff", "\u202e", "\ufeff",
	`{"a":`, `"giftId":"x",`, `"giftId":null,`, `"status":"claimed",`, strings.Repeat("[", 50), strings.Repeat(" ", 500), strings.Repeat("9", 400),
}
