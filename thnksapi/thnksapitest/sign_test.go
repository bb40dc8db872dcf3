package thnksapitest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// rfc2104 is HMAC-SHA256 by the letter of the RFC, for keys up to a block.
func rfc2104(key []byte, text string) []byte {
	inner, outer := make([]byte, 64), make([]byte, 64)
	copy(inner, key)
	copy(outer, key)
	for i := range 64 {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	first := sha256.Sum256(append(inner, text...))
	second := sha256.Sum256(append(outer, first[:]...))
	return second[:]
}

// TestStandard uses the vector of the specification's own libraries.
func TestStandard(t *testing.T) {
	secret, err := thnksapitest.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
	if err != nil {
		t.Fatal(err)
	}
	got := thnksapitest.Standard{Secrets: [][]byte{secret}}.
		Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", []byte(`{"test": 2432232314}`), time.Unix(1614265330, 0))
	want := http.Header{
		"Webhook-Id":        {"msg_p5jXN8AQM9LWM0D4loKWxJek"},
		"Webhook-Timestamp": {"1614265330"},
		"Webhook-Signature": {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSchemes: each scheme against another way of computing it.
func TestSchemes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 24, 64).Draw(t, "key")
		other := rapid.SliceOfN(rapid.Byte(), 24, 64).Draw(t, "other")
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		const at = "1795262400" // end in Unix seconds
		base := base64.StdEncoding.EncodeToString
		for name, c := range map[string]struct {
			scheme thnksapitest.Scheme
			want   http.Header
		}{
			"two secrets": {
				thnksapitest.Standard{Secrets: [][]byte{key, other}},
				http.Header{
					"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {at}, "Webhook-Signature": {"v1," + base(rfc2104(key, "msg_1."+at+"."+string(body))) +
						" v1," + base(rfc2104(other, "msg_1."+at+"."+string(body)))},
				},
			},
			"plain": {
				thnksapitest.HMAC{Secret: key},
				http.Header{"X-Signature": {hex.EncodeToString(rfc2104(key, string(body)))}},
			},
			"all settings": {
				thnksapitest.HMAC{Secret: key, Header: "X-Gift-Signature", Base64: true, Prefix: "sha256=", TimestampHeader: "X-Gift-Time"},
				http.Header{"X-Gift-Signature": {"sha256=" + base(rfc2104(key, at+"."+string(body)))}, "X-Gift-Time": {at}},
			},
			"token":  {thnksapitest.Token{Value: "Bearer s"}, http.Header{"Authorization": {"Bearer s"}}},
			"header": {thnksapitest.Token{Header: "X-Token", Value: "s"}, http.Header{"X-Token": {"s"}}},
		} {
			if diff := cmp.Diff(c.want, c.scheme.Sign("msg_1", body, end)); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func TestParseSecret(t *testing.T) {
	bytes := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for text, ok := range map[string]bool{
		"whsec_" + bytes(24): true, " whsec_" + bytes(64) + "\r\n": true,
		"whsec_" + bytes(23): false, "whsec_" + bytes(65): false, bytes(32): false, "": false, "whsec_": false,
		"whsec_not base64 at all": false,
	} {
		_, err := thnksapitest.ParseSecret(text)
		if (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && len(text) > 8 && strings.Contains(err.Error(), strings.TrimPrefix(text, "whsec_")) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}
