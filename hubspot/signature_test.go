package hubspot_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
)

// The values of HubSpot's published vectors.
const (
	vectorSecret = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
	vectorURL    = "https://www.example.com/webhook_uri"
	vectorEvents = `[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]`
	vectorBody   = `{"example_field":"example_value"}`
	vectorTime   = 1700000000000
)

func signed(method, url, body string, headers ...string) hubspot.SignedRequest {
	r := hubspot.SignedRequest{Method: method, URL: url, Body: []byte(body), Header: make(http.Header)}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func v3(method, url, body, mac string) hubspot.SignedRequest {
	return signed(method, url, body, "X-HubSpot-Signature-v3", mac, "X-HubSpot-Request-Timestamp", strconv.Itoa(vectorTime))
}

// TestSignatureVectors tries the vectors that HubSpot publishes for versions 1 and
// 2, and ones of version 3 in both forms of the address.
func TestSignatureVectors(t *testing.T) {
	t.Parallel()
	const card = "https://www.example.com/card?userEmail=a%40example.com&portalId=62515"
	for name, r := range map[string]hubspot.SignedRequest{
		"v1":         signed("POST", "https://anything.example/", vectorEvents, "X-HubSpot-Signature", "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de", "X-HubSpot-Signature-Version", "v1"),
		"v2 GET":     signed("GET", vectorURL, "", "X-HubSpot-Signature", "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e", "X-HubSpot-Signature-Version", "v2"),
		"v2 POST":    signed("POST", vectorURL, vectorBody, "X-HubSpot-Signature", "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900", "X-HubSpot-Signature-Version", "v2"),
		"v3 POST":    v3("POST", vectorURL, vectorBody, "rQEKkaNUiu+1qGF//O/pw4BCzstSqO1PyUnGICmf+7o="),
		"v3 decoded": v3("GET", card, "", "ArM9RhD3VMi2Fts1cwlQNYs2ZGweDCrIxbOXujsOyaQ="),
		"v3 as is":   v3("GET", card, "", "6GyL/GA04DcsmABvTTAPRsYDVJJS+5/KxWAkkUa0Ris="),
		"v3 of a URL that was decoded on the way": v3("GET", strings.Replace(card, "a%40", "a@", 1), "", "ArM9RhD3VMi2Fts1cwlQNYs2ZGweDCrIxbOXujsOyaQ="),
	} {
		if err := r.Verify(vectorSecret, time.UnixMilli(vectorTime)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := r.Verify(vectorSecret+"y", time.UnixMilli(vectorTime)); !errors.Is(err, hubspot.ErrForged) {
			t.Errorf("%s, of another app: %v", name, err)
		}
	}
}

// TestSignatureRefused: what is not signed in a form that is known, or is signed
// twice, is not HubSpot's, and no older version stands in for a bad version 3.
func TestSignatureRefused(t *testing.T) {
	t.Parallel()
	const good = "rQEKkaNUiu+1qGF//O/pw4BCzstSqO1PyUnGICmf+7o="
	v2 := []string{"X-HubSpot-Signature", "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900", "X-HubSpot-Signature-Version", "v2"}
	at := []string{"X-HubSpot-Request-Timestamp", strconv.Itoa(vectorTime)}
	post := func(headers ...[]string) hubspot.SignedRequest {
		var all []string
		for _, h := range headers {
			all = append(all, h...)
		}
		return signed("POST", vectorURL, vectorBody, all...)
	}
	is := func(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }
	for name, tt := range map[string]struct {
		r   hubspot.SignedRequest
		now time.Time
		is  func(error) bool
	}{
		"nothing":                   {post(), time.UnixMilli(vectorTime), is(hubspot.ErrUnsigned)},
		"no time":                   {post([]string{"X-HubSpot-Signature-v3", good}), time.UnixMilli(vectorTime), is(hubspot.ErrUnsigned)},
		"two times":                 {post([]string{"X-HubSpot-Signature-v3", good}, at, at), time.UnixMilli(vectorTime), is(hubspot.ErrUnsigned)},
		"two signatures":            {post([]string{"X-HubSpot-Signature-v3", good, "X-HubSpot-Signature-v3", good}, at), time.UnixMilli(vectorTime), is(hubspot.ErrUnsigned)},
		"a bad v3 beside a good v2": {post([]string{"X-HubSpot-Signature-v3", "x"}, at, v2), time.UnixMilli(vectorTime), is(hubspot.ErrUnsigned)},
		"another time":              {post([]string{"X-HubSpot-Signature-v3", good, "X-HubSpot-Request-Timestamp", "1700000000001"}), time.UnixMilli(vectorTime), is(hubspot.ErrForged)},
		"another method":            {v3("PUT", vectorURL, vectorBody, good), time.UnixMilli(vectorTime), is(hubspot.ErrForged)},
		"another address":           {v3("POST", vectorURL+"/", vectorBody, good), time.UnixMilli(vectorTime), is(hubspot.ErrForged)},
		"another body":              {v3("POST", vectorURL, vectorBody+" ", good), time.UnixMilli(vectorTime), is(hubspot.ErrForged)},
		"no version":                {post(v2[:2]), time.UnixMilli(vectorTime), is(hubspot.ErrUnsigned)},
		"an unknown version":        {post(v2[:2], []string{"X-HubSpot-Signature-Version", "v4"}), time.UnixMilli(vectorTime), is(hubspot.ErrUnsigned)},
		"v2 as v1":                  {post(v2[:2], []string{"X-HubSpot-Signature-Version", "v1"}), time.UnixMilli(vectorTime), is(hubspot.ErrForged)},
		"late":                      {post([]string{"X-HubSpot-Signature-v3", good}, at), time.UnixMilli(vectorTime + 300_001), func(err error) bool { return errors.As(err, new(*hubspot.StaleError)) }},
		"early":                     {post([]string{"X-HubSpot-Signature-v3", good}, at), time.UnixMilli(vectorTime - 300_001), func(err error) bool { return errors.As(err, new(*hubspot.StaleError)) }},
		"just in time":              {post([]string{"X-HubSpot-Signature-v3", good}, at), time.UnixMilli(vectorTime + 300_000), is(nil)},
	} {
		if err := tt.r.Verify(vectorSecret, tt.now); !tt.is(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSignatureOfAnything: a request that is signed as the documentation says is
// good, whatever is in it, and with one byte flipped it is not.
func TestSignatureOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		url := "https://sync.example.com/" + rapid.StringMatching(`[a-z%0-9A-F/?=&.@:]{0,30}`).Draw(t, "url")
		body := rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "body")
		stamp := strconv.Itoa(vectorTime)
		h := hmac.New(sha256.New, []byte(vectorSecret))
		h.Write([]byte("POST" + url + string(body) + stamp))
		mac := h.Sum(nil)
		r := v3("POST", url, string(body), base64.StdEncoding.EncodeToString(mac))
		if err := r.Verify(vectorSecret, time.UnixMilli(vectorTime)); err != nil {
			t.Fatal(err)
		}
		mac[rapid.IntRange(0, len(mac)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		r = v3("POST", url, string(body), base64.StdEncoding.EncodeToString(mac))
		if err := r.Verify(vectorSecret, time.UnixMilli(vectorTime)); !errors.Is(err, hubspot.ErrForged) {
			t.Fatalf("a flipped bit: %v", err)
		}
		sum := sha256.Sum256([]byte(vectorSecret + "POST" + url + string(body)))
		old := signed("POST", url, string(body), "X-HubSpot-Signature", hex.EncodeToString(sum[:]), "X-HubSpot-Signature-Version", "v2")
		if err := old.Verify(vectorSecret, time.Time{}); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzSignature: no headers and no body make a request that is good under a secret
// which its sender does not know, and none make Verify panic.
func FuzzSignature(f *testing.F) {
	f.Add("rQEKkaNUiu+1qGF//O/pw4BCzstSqO1PyUnGICmf+7o=", "1700000000000", "", "", vectorBody)
	f.Add("", "", "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de", "v1", vectorEvents)
	f.Fuzz(func(t *testing.T, mac, stamp, old, version, body string) {
		headers := []string{"X-HubSpot-Request-Timestamp", stamp, "X-HubSpot-Signature-Version", version}
		if mac != "" {
			headers = append(headers, "X-HubSpot-Signature-v3", mac)
		}
		if old != "" {
			headers = append(headers, "X-HubSpot-Signature", old)
		}
		if signed("POST", vectorURL, body, headers...).Verify("a secret that no one else has", time.UnixMilli(vectorTime)) == nil {
			t.Error("a forgery is good")
		}
	})
}

// TestSignatureOfTheEmulator: the emulated portal signs its webhooks by each version
// as this package checks them.
func TestSignatureOfTheEmulator(t *testing.T) {
	t.Parallel()
	for version := range 4 { // 0 is the default, 3
		synctest.Test(t, func(t *testing.T) {
			const url = "https://sync.example.com/hubspot/webhooks?via=proxy"
			verified := make(chan error, 1)
			portal := contract.New(t, hubspottest.Options{})
			portal.Subscribe(t.Context(), hubspottest.Webhook{
				URL: url, Secret: vectorSecret, Signature: version,
				Client: &http.Client{Transport: hubspottest.Transport(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					verified <- hubspot.SignedRequest{Method: r.Method, URL: url, Header: r.Header, Body: body}.Verify(vectorSecret, time.Now())
				}))},
			})
			portal.AddContact("ann@example.com", nil)
			if err := <-verified; err != nil {
				t.Errorf("version %d: %v", version, err)
			}
		})
	}
}
