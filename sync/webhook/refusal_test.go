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

	"thnks-hubspot-sync/sync/webhook"
)

// said sends a request with these headers to an endpoint of the scheme and
// returns the answer's body and the log.
func said(t *testing.T, scheme webhook.Scheme, h http.Header) (answer, log string) {
	t.Helper()
	lines := new(syncBuffer)
	hooks := must(webhook.New(webhook.Options{Log: logger(lines), Sources: []webhook.Source{
		{Portal: "standard", Dialect: webhook.GiftEvents, Scheme: scheme, Inbox: new(inbox)},
	}}))
	r := request(schemes[0], opened)
	r.Header = h
	r.Header.Set("Content-Type", "application/json")
	r.RemoteAddr = "192.0.2.55:4711"
	res := (&site{Hooks: hooks}).answer(r)
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("answered %s", res.Status)
	}
	return body(res), lines.String()
}

// TestRefusalSaysItsForm sends signatures of every wrong form. The log says what
// is wrong with each, and who sent it; the answer says nothing, and neither
// quotes the request.
func TestRefusalSaysItsForm(t *testing.T) {
	t.Parallel()
	sum := must(hex.DecodeString(mac(hmacSecret, opened)))
	inHex, inBase64 := hex.EncodeToString(sum), base64.StdEncoding.EncodeToString(sum)
	const header = "X-Signature"
	hmac := func(encoding, prefix string) webhook.Scheme {
		return must(webhook.HMAC(webhook.Signature{Header: header, Encoding: encoding, Prefix: prefix}, hmacSecret))
	}
	timed := must(webhook.HMAC(webhook.Signature{Header: header, Encoding: "hex", TimestampHeader: "X-Time"}, hmacSecret))
	now := fmt.Sprint(time.Now().Unix())
	standard := func(id, stamp, signature string) http.Header {
		return http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {signature}}
	}
	one := func(name, value string) http.Header { return http.Header{name: {value}} }
	for _, tt := range []struct {
		name   string
		scheme webhook.Scheme
		h      http.Header
		want   string
	}{
		{"prefix that is not configured", hmac("hex", ""), one(header, "sha256="+inHex), "X-Signature begins with sha256=, and the configuration has no prefix"},
		{"prefix in capitals", hmac("hex", ""), one(header, "SHA256="+inHex), "begins with sha256="},
		{"another prefix", hmac("hex", "sha256="), one(header, "v1="+inHex), "begins with v1=, and the prefix in the configuration is sha256="},
		{"no prefix", hmac("hex", "sha256="), one(header, inHex), "does not begin with sha256=, the prefix in the configuration"},
		{"hex", hmac("base64", ""), one(header, inHex), "is in hex, and the encoding in the configuration is base64"},
		{"base64", hmac("hex", ""), one(header, inBase64), "is in base64, and the encoding in the configuration is hex"},
		{"base64 without padding", hmac("base64", ""), one(header, strings.TrimRight(inBase64, "=")), "another base64"},
		{"base64 behind the prefix", hmac("hex", "sha256="), one(header, "sha256="+inBase64), "is in base64"},
		{"SHA-1", hmac("hex", ""), one(header, inHex[:40]), "has 20 bytes, as another digest than SHA-256 has"},
		{"SHA-512", hmac("hex", ""), one(header, inHex+inHex), "has 64 bytes"},
		{"neither", hmac("hex", ""), one(header, "sesame"), "X-Signature is not a SHA-256 digest in hex"},
		{"header missing", hmac("hex", ""), http.Header{}, `"the header X-Signature is missing"`},
		{"header twice", hmac("hex", ""), http.Header{header: {inHex, inHex}}, "the header X-Signature is given twice"},
		{"header empty", hmac("hex", ""), one(header, ""), "the header X-Signature is empty"},
		{"another scheme", hmac("hex", ""), standard("msg_1", now, "v1,x"), "but Webhook-Signature is there, which the scheme standard reads"},
		{"time missing", timed, one(header, inHex), "the header X-Time is missing"},
		{"time in words", timed, http.Header{header: {inHex}, "X-Time": {"yesterday"}}, "X-Time is not in seconds"},
		{"wrong", hmac("hex", ""), one(header, mac(hmacSecret, "sesame")), "as configured"},
		{"no id", must(webhook.Standard(standardSecret)), http.Header{}, "the header Webhook-Id is missing"},
		{"no time", must(webhook.Standard(standardSecret)), http.Header{"Svix-Id": {"msg_1"}}, "the header Svix-Timestamp is missing"},
		{"time in milliseconds and words", must(webhook.Standard(standardSecret)), standard("msg_1", now+"x", "v1,x"), "Webhook-Timestamp is not in seconds"},
		{"id with a full stop", must(webhook.Standard(standardSecret)), standard("msg.sesame", now, "v1,x"), "Webhook-Id has a full stop"},
		{"no version", must(webhook.Standard(standardSecret)), standard("msg_1", now, inBase64), "has no signature of version v1"},
		{"no token", must(webhook.Token("X-Token", tokenSecret)), http.Header{}, "the header X-Token is missing"},
		{"bearer in another header", must(webhook.Token("X-Token", tokenSecret)), one("X-Token", "Bearer "+tokenSecret), "X-Token has bearer before the token"},
		{"basic", must(webhook.Token("Authorization", tokenSecret)), one("Authorization", "Basic sesame"), "as configured"},
		{"another token", must(webhook.Token("X-Token", tokenSecret)), one("X-Token", "sesame"), "as configured"},
	} {
		answer, log := said(t, tt.scheme, tt.h.Clone())
		if !strings.Contains(log, tt.want) || !strings.Contains(log, "client=192.0.2.55") || strings.Count(log, "\n") != 1 {
			t.Errorf("%s: the log lacks %q:\n%s", tt.name, tt.want, log)
		}
		if strings.TrimSpace(answer) != `{"error":"unauthorized"}` {
			t.Errorf("%s: answered %s", tt.name, answer)
		}
		for _, secret := range []string{"sesame", "yesterday", inHex[:40], inBase64[:40], hmacSecret, tokenSecret} {
			if strings.Contains(log, secret) {
				t.Errorf("%s: the log quotes %q:\n%s", tt.name, secret, log)
			}
		}
	}
}

// TestRefusalSaysTheClock: a good signature of another time says how far the
// sender's clock is off, and to which side.
func TestRefusalSaysTheClock(t *testing.T) {
	t.Parallel()
	for off, want := range map[time.Duration]string{
		301 * time.Second:                 `clock="5m1s ahead"`,
		-7 * time.Hour:                    `clock="7h0m0s behind"`,
		-24*time.Hour - 1*time.Nanosecond: `clock="24h0m`,
	} {
		synctest.Test(t, func(t *testing.T) {
			h := http.Header{}
			signStandard("Webhook-", standardSecret)(h, []byte(opened), time.Now().Add(off))
			if _, log := said(t, must(webhook.Standard(standardSecret)), h); !strings.Contains(log, want) {
				t.Errorf("%v off: the log lacks %s:\n%s", off, want, log)
			}
		})
	}
}

// TestRefusalsOnceAMinute: each form is logged, and each once a minute, whoever
// sends it.
func TestRefusalsOnceAMinute(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for i := range 10 {
		for _, value := range []string{"sha1=00", "00", "sha256=00"} {
			r := request(schemes[1], opened)
			r.Header.Set("X-Signature", value)
			r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1", i)
			s.answer(r)
		}
	}
	if log := s.log.String(); strings.Count(log, "webhook refused") != 3 {
		t.Errorf("three forms are\n%s", log)
	}
}

// TestSenderBehindProxy: the log names who sent the request, not the proxy.
func TestSenderBehindProxy(t *testing.T) {
	t.Parallel()
	s := newSite(t, "10.0.0.0/8")
	r := request(schemes[0], opened)
	r.Header.Del("Webhook-Signature")
	r.RemoteAddr = "10.0.0.1:1"
	r.Header.Set("X-Forwarded-For", "203.0.113.9, 198.51.100.1")
	s.answer(r)
	if log := s.log.String(); !strings.Contains(log, "client=198.51.100.1") {
		t.Errorf("the log is\n%s", log)
	}
}
