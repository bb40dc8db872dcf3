package webhook_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/sync/webhook"
)

// proves sends a body with these headers to an endpoint of the scheme and
// reports whether it was taken.
func proves(t rapid.TB, scheme webhook.Scheme, h http.Header, body []byte) bool {
	t.Helper()
	box := new(inbox)
	hooks, err := webhook.New(webhook.Options{
		Sources: []webhook.Source{{Portal: "p", Dialect: webhook.GiftEvents, Scheme: scheme, Inbox: box}},
		Log:     discard,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{Hooks: hooks}
	r := request(schemes[0], "")
	r.URL.Path = "/webhooks/p/gift-events"
	r.Header = h.Clone()
	r.Header.Set("Content-Type", "application/json")
	setBody(r, string(body))
	res := s.answer(r)
	taken := len(box.take()) == 1
	if taken != (res.StatusCode == http.StatusOK) || !taken && res.StatusCode != http.StatusUnauthorized {
		t.Fatalf("answered %s, taken %v", res.Status, taken)
	}
	return taken
}

// TestStandardVectors are the cases of the Standard Webhooks library's own
// test, webhook_test.go, sent through an endpoint. Those that ignore the time
// do not apply: an endpoint never does.
func TestStandardVectors(t *testing.T) {
	t.Parallel()
	const (
		id     = "msg_p5jXN8AQM9LWM0D4loKWxJek"
		secret = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		other  = "Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
		limit  = 5 * time.Minute
	)
	payload := []byte(`{"test": 2432232314}`)
	for _, tt := range []struct {
		name string
		age  time.Duration
		edit func(h http.Header)
		want bool
	}{
		{"valid signature is valid", 0, nil, true},
		{"missing id", 0, func(h http.Header) { h.Del("webhook-id") }, false},
		{"missing timestamp", 0, func(h http.Header) { h.Del("webhook-timestamp") }, false},
		{"missing signature", 0, func(h http.Header) { h.Del("webhook-signature") }, false},
		{"invalid signature", 0, func(h http.Header) { h.Set("webhook-signature", "v1,"+other) }, false},
		{"partial signature", 0, func(h http.Header) { h.Set("webhook-signature", "v1,") }, false},
		{"old timestamp", limit + time.Second, nil, false},
		{"new timestamp", -limit - time.Second, nil, false},
		{"valid multi sig", 0, func(h http.Header) {
			h.Set("webhook-signature", fmt.Sprintf("v1,%s v2,%s %s v1,%s", other, other, h.Get("webhook-signature"), other))
		}, true},
		{"invalid timestamp", 0, func(h http.Header) { h.Set("webhook-timestamp", "946684801") }, false},
	} {
		for _, prefix := range []string{"", "whsec_"} {
			synctest.Test(t, func(t *testing.T) {
				at := time.Now().Add(-tt.age)
				hook := must(standardwebhooks.NewWebhook(secret))
				h := http.Header{}
				h.Set("webhook-id", id)
				h.Set("webhook-signature", must(hook.Sign(id, at, payload)))
				h.Set("webhook-timestamp", fmt.Sprint(at.Unix()))
				if tt.edit != nil {
					tt.edit(h)
				}
				if got := proves(t, must(webhook.Standard(prefix+secret)), h, payload); got != tt.want {
					t.Errorf("%s, secret after %q: taken %v", tt.name, prefix, got)
				}
			})
		}
	}
	// The signature that the library's test has in writing, at its time.
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Unix(1614265330, 0)))
		h := http.Header{}
		h.Set("webhook-id", id)
		h.Set("webhook-timestamp", "1614265330")
		h.Set("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
		if !proves(t, must(webhook.Standard("whsec_"+secret)), h, payload) {
			t.Error("the written signature is refused")
		}
	})
}

// TestSvixNames checks that the same scheme is read under its other names.
func TestSvixNames(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	signStandard("Svix-", standardSecret)(h, []byte(opened), time.Now())
	scheme := must(webhook.Standard(standardSecret))
	if !proves(t, scheme, h, []byte(opened)) {
		t.Error("svix-* headers are refused")
	}
	h.Set("Webhook-Id", "msg_1")
	if proves(t, scheme, h, []byte(opened)) {
		t.Error("headers of two families are mixed")
	}
}

// TestTimeOfSigning sweeps the time of signing over ten minutes both ways.
func TestTimeOfSigning(t *testing.T) {
	t.Parallel()
	for _, scheme := range schemes[:2] {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t)
			for off := -600 * time.Second; off <= 600*time.Second; off += 10 * time.Second {
				for _, by := range []time.Duration{-time.Second, 0, time.Second} {
					off := off + by
					r := request(scheme, opened)
					scheme.sign(r.Header, []byte(opened), time.Now().Add(off))
					want := 401
					if off.Abs() <= 300*time.Second {
						want = 200
					}
					if res := s.answer(r); res.StatusCode != want {
						t.Errorf("%s signed %v from now: %s", scheme.name, off, res.Status)
					}
				}
			}
			if log := s.log.String(); !strings.Contains(log, "reason=clock") || strings.Contains(log, "wrong signature") {
				t.Errorf("%s: the log does not blame the clock:\n%s", scheme.name, log)
			}
		})
	}
}

// TestReplay sends one valid request again at once, within its time, and
// after it.
func TestReplay(t *testing.T) {
	t.Parallel()
	for _, scheme := range schemes {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t)
			first := request(scheme, opened)
			for _, tt := range []struct {
				wait time.Duration
				want int
			}{{0, 200}, {0, 200}, {5 * time.Minute, 200}, {time.Second, 401}, {24 * time.Hour, 401}} {
				time.Sleep(tt.wait)
				if scheme.name == "token" {
					tt.want = 200 // has no time; only the key shows the repeat
				}
				r := request(scheme, opened)
				r.Header = first.Header.Clone()
				if res := s.answer(r); res.StatusCode != tt.want {
					t.Errorf("%s: %s, want %d", scheme.name, res.Status, tt.want)
				}
			}
			if n := len(s.inboxes[scheme.name].take()); n != 1 {
				t.Errorf("%s: kept %d times", scheme.name, n)
			}
		})
	}
}

// TestHMACForms tries every way in which a digest may be written.
func TestHMACForms(t *testing.T) {
	t.Parallel()
	body := []byte(opened)
	now := time.Now()
	sum, _ := hex.DecodeString(mac(hmacSecret, opened))
	plain := hex.EncodeToString(sum)
	based := base64.StdEncoding.EncodeToString(sum)
	seconds, milliseconds := fmt.Sprint(now.Unix()), fmt.Sprint(now.UnixMilli())
	for _, tt := range []struct {
		name         string
		sig          webhook.Signature
		value, stamp string
		want         bool
	}{
		{"hex", webhook.Signature{Encoding: "hex"}, plain, "", true},
		{"upper case", webhook.Signature{Encoding: "hex"}, strings.ToUpper(plain), "", true},
		{"prefix", webhook.Signature{Encoding: "hex", Prefix: "sha256="}, "sha256=" + plain, "", true},
		{"base64", webhook.Signature{Encoding: "base64"}, based, "", true},
		{"time in seconds", webhook.Signature{Encoding: "hex", TimestampHeader: "X-Time"}, mac(hmacSecret, seconds+"."+opened), seconds, true},
		{"time in milliseconds", webhook.Signature{Encoding: "hex", TimestampHeader: "X-Time"}, mac(hmacSecret, milliseconds+"."+opened), milliseconds, true},
		{"no prefix", webhook.Signature{Encoding: "hex", Prefix: "sha256="}, plain, "", false},
		{"prefix not asked for", webhook.Signature{Encoding: "hex"}, "sha256=" + plain, "", false},
		{"prefix alone", webhook.Signature{Encoding: "hex", Prefix: "sha256="}, "sha256=", "", false},
		{"weaker prefix", webhook.Signature{Encoding: "hex", Prefix: "sha256="}, "sha1=" + plain[:40], "", false},
		{"hex for base64", webhook.Signature{Encoding: "base64"}, plain, "", false},
		{"base64 for hex", webhook.Signature{Encoding: "hex"}, based, "", false},
		{"base64 without padding", webhook.Signature{Encoding: "base64"}, strings.TrimRight(based, "="), "", false},
		{"base64 with bits to spare set", webhook.Signature{Encoding: "base64"}, based[:42] + string(based[42]+1) + "=", "", false},
		{"cut to a byte", webhook.Signature{Encoding: "hex"}, plain[:2], "", false},
		{"empty", webhook.Signature{Encoding: "hex"}, "", "", false},
		{"time not signed", webhook.Signature{Encoding: "hex", TimestampHeader: "X-Time"}, plain, seconds, false},
		{"time missing", webhook.Signature{Encoding: "hex", TimestampHeader: "X-Time"}, plain, "", false},
		{"time with a sign", webhook.Signature{Encoding: "hex", TimestampHeader: "X-Time"}, mac(hmacSecret, "+"+seconds[1:]+"."+opened), "+" + seconds[1:], false},
	} {
		tt.sig.Header = "X-Signature"
		h := http.Header{}
		h.Set("X-Signature", tt.value)
		if tt.stamp != "" {
			h.Set("X-Time", tt.stamp)
		}
		if got := proves(t, must(webhook.HMAC(tt.sig, hmacSecret)), h, body); got != tt.want {
			t.Errorf("%s: taken %v", tt.name, got)
		}
	}
}

func TestTokenForms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		header, value string
		want          bool
	}{
		{"Authorization", "Bearer " + tokenSecret, true},
		{"Authorization", "bearer  " + tokenSecret, true},
		{"Authorization", tokenSecret, true},
		{"X-Token", tokenSecret, true},
		{"X-Token", "Bearer " + tokenSecret, false},
		{"Authorization", "Token " + tokenSecret, true}, // each sender names the scheme in its own way
		{"Authorization", "Basic " + tokenSecret, true},
		{"Authorization", "Bearer x " + tokenSecret, false},
		{"Authorization", "Bearer " + tokenSecret + " x", false},
		{"Authorization", tokenSecret + "x", false},
		{"Authorization", tokenSecret[:len(tokenSecret)-1], false},
		{"Authorization", "Bearer", false},
		{"Authorization", "", false},
	} {
		h := http.Header{}
		h.Set(tt.header, tt.value)
		if got := proves(t, must(webhook.Token(tt.header, tokenSecret)), h, []byte(opened)); got != tt.want {
			t.Errorf("%s: %q: taken %v", tt.header, tt.value, got)
		}
	}
}

// TestRotation checks that every current secret is accepted and no other one.
func TestRotation(t *testing.T) {
	t.Parallel()
	secrets := make([]string, 4)
	for i := range secrets {
		secrets[i] = base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune('a'+i)), 32)))
	}
	live, dead := secrets[:3], secrets[3]
	for name, tt := range map[string]struct {
		scheme webhook.Scheme
		sign   func(http.Header, []byte, time.Time)
		retire func(http.Header, []byte, time.Time)
	}{
		"standard": {scheme: must(webhook.Standard(live...))},
		"hmac":     {scheme: must(webhook.HMAC(webhook.Signature{Header: "X-Signature", Encoding: "hex", Prefix: "sha256=", TimestampHeader: "X-Timestamp"}, live...))},
		"token":    {scheme: must(webhook.Token("X-Token", live...))},
	} {
		sign := func(secret string) http.Header {
			h := http.Header{}
			switch name {
			case "standard":
				signStandard("Webhook-", secret)(h, []byte(opened), time.Now())
			case "hmac":
				signHMAC(secret)(h, []byte(opened), time.Now())
			default:
				h.Set("X-Token", secret)
			}
			return h
		}
		for i, secret := range live {
			if !proves(t, tt.scheme, sign(secret), []byte(opened)) {
				t.Errorf("%s: live secret %d is refused", name, i+1)
			}
		}
		if proves(t, tt.scheme, sign(dead), []byte(opened)) {
			t.Errorf("%s: a secret that is not live is taken", name)
		}
	}
}

// TestOwnSignature checks, for any body, that a request proves itself and that
// no single bit of what is signed can change.
func TestOwnSignature(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		scheme := rapid.SampledFrom(schemes[:2]).Draw(t, "scheme")
		body := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "body")
		made := must(scheme.make())
		h := http.Header{}
		scheme.sign(h, body, time.Now())
		if !proves(t, made, h, body) {
			t.Fatal("its own signature is refused")
		}
		bit := rapid.IntRange(0, 8*len(body)-1).Draw(t, "bit")
		changed := append([]byte(nil), body...)
		changed[bit/8] ^= 1 << (bit % 8)
		if proves(t, made, h, changed) {
			t.Fatal("a changed body is taken")
		}
		for name, values := range h {
			value := []byte(values[0])
			at := rapid.IntRange(0, len(value)-1).Draw(t, name)
			value[at] ^= 1 // of a hex digit this never changes the case alone
			forged := h.Clone()
			forged[name] = []string{string(value)}
			if proves(t, made, forged, body) {
				t.Fatalf("a changed %s is taken: %q for %q", name, value, values[0])
			}
		}
	})
}

func TestSecretsRefused(t *testing.T) {
	t.Parallel()
	short := base64.StdEncoding.EncodeToString(make([]byte, 23))
	long := base64.StdEncoding.EncodeToString(make([]byte, 65))
	sig := webhook.Signature{Header: "X-Signature", Encoding: "hex"}
	for name, err := range map[string]error{
		"standard, none":      second(webhook.Standard()),
		"standard, no base64": second(webhook.Standard(standardSecret, "whsec_sesame!sesame!sesame!sesame!")),
		"standard, short":     second(webhook.Standard(short)),
		"standard, long":      second(webhook.Standard(long)),
		"hmac, none":          second(webhook.HMAC(sig)),
		"hmac, short":         second(webhook.HMAC(sig, "sesame")),
		"hmac, no header":     second(webhook.HMAC(webhook.Signature{Encoding: "hex"}, hmacSecret)),
		"hmac, no encoding":   second(webhook.HMAC(webhook.Signature{Header: "X-Signature"}, hmacSecret)),
		"token, none":         second(webhook.Token("X-Token")),
		"token, short":        second(webhook.Token("X-Token", "sesame")),
		"token, no header":    second(webhook.Token("", tokenSecret)),
	} {
		if err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	for _, scheme := range schemes {
		made := must(scheme.make())
		text := fmt.Sprintf("%v %+v %#v", made, made, made)
		for _, secret := range []string{standardSecret[6:], "0123456789abcdef", hmacSecret, tokenSecret} {
			if strings.Contains(text, secret) {
				t.Errorf("%s prints its secret: %s", scheme.name, text)
			}
		}
	}
}

func second[T any](_ T, err error) error { return err }
